#include "tokens.h"

#include <string.h>

tokens_t read_tokens(arena_t* arena, interner_t* names, diagnostics_t* diagnostics, source_t* source) {
  lexer_t lexer;
  tokens_t tokens = {0};
  size_t capacity = 0;
  lexer_init(&lexer, source, names, diagnostics);
  lexer.keep_comments = true;
  for (;;) {
    if (tokens.count == capacity) {
      capacity = capacity ? 2 * capacity : 256;
      token_t* larger = arena_alloc(arena, capacity * sizeof(token_t));
      if (tokens.count) memcpy(larger, tokens.items, tokens.count * sizeof(token_t));
      tokens.items = larger;
    }
    tokens.items[tokens.count] = lexer_next(&lexer);
    if (tokens.items[tokens.count].kind == TOKEN_END) return tokens;
    tokens.count++;
  }
}

// `enum : uint8 {` and `resource_definition Handle : uint32 {`, unlike constraints and ordinals.
static bool is_subtype_colon(const tokens_t* tokens, size_t colon) {
  size_t i = colon + 1;
  if (colon == 0 || tokens->items[colon - 1].kind != TOKEN_NAME) return false;
  while (tokens->items[i].kind == TOKEN_NAME || tokens->items[i].kind == '.')
    i++;
  return i > colon + 1 && tokens->items[i].kind == '{';
}

static bool is_word(const token_t* token) {
  return token->kind == TOKEN_NAME || token->kind == TOKEN_NUMBER || token->kind == TOKEN_STRING;
}

bool space_before(const tokens_t* tokens, size_t i, int enclosing) {
  const token_t* current = &tokens->items[i];
  const token_t* previous = &tokens->items[i - 1];
  switch (previous->kind) {
    case '(':
    case '<':
    case '@':
    case '.':
      return false;
    case ':':
      // Behind an ordinal there is a space, behind the colon of a constraint there is none.
      return is_subtype_colon(tokens, i - 1) || (i >= 2 && tokens->items[i - 2].kind == TOKEN_NUMBER &&
                                                 current->kind == TOKEN_NAME && enclosing == '{');
    case '=':
      return enclosing != '(';
    default:
      break;
  }
  switch (current->kind) {
    case ';':
    case ',':
    case ')':
    case '>':
    case '.':
    case '<':
      return false;
    case ':':
      return is_subtype_colon(tokens, i);
    case '(':
      return previous->kind != TOKEN_NAME;
    case '=':
      return enclosing != '(';
    default:
      return is_word(previous) || previous->kind != '{' || current->kind != '}';
  }
}

size_t empty_lines_before(const tokens_t* tokens, size_t i) {
  const token_t* token = &tokens->items[i];
  if (i == 0 || !token->blank_before) return 0;
  const span_t* previous = &tokens->items[i - 1].span;
  size_t lines = 0;
  for (uint32_t at = previous->offset + previous->length; at < token->span.offset; at++)
    lines += token->span.source->data[at] == '\n';
  return lines > 1 ? lines - 1 : 1;
}

size_t text_length(const token_t* token) {
  size_t length = token->span.length;
  const char* text = token->span.source->data + token->span.offset;
  while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
    length--;
  return length;
}

bool same_tokens(const tokens_t* a, const tokens_t* b) {
  if (a->count != b->count) return false;
  for (size_t i = 0; i < a->count; i++) {
    const token_t* left = &a->items[i];
    const token_t* right = &b->items[i];
    size_t length = text_length(left);
    if (left->kind != right->kind || length != text_length(right)) return false;
    if (memcmp(left->span.source->data + left->span.offset, right->span.source->data + right->span.offset,
               length) != 0) {
      return false;
    }
  }
  return true;
}
