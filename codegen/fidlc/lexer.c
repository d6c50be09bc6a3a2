// The lexer walks the bytes once; strings have their escapes checked by lexer_string.c.
#include "lexer.h"

#include <string.h>

#include "lexer_string.h"

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_number_body(char c) {
  return is_hex(c) || c == 'x' || c == 'X' || c == '-' || c == '_' || c == '.';
}

void lexer_init(lexer_t* lexer, source_t* source, interner_t* names, diagnostics_t* diagnostics) {
  *lexer = (lexer_t){.source = source, .names = names, .diagnostics = diagnostics};
}

static char peek(const lexer_t* lexer, uint32_t ahead) {
  uint32_t at = lexer->at + ahead;
  return at < lexer->source->length ? lexer->source->data[at] : '\0';
}

static span_t span_from(const lexer_t* lexer, uint32_t start) {
  return (span_t){lexer->source, start, lexer->at - start};
}

static void skip_line(lexer_t* lexer) {
  while (lexer->at < lexer->source->length && peek(lexer, 0) != '\n' && peek(lexer, 0) != '\r')
    lexer->at++;
}

static void lex_name(lexer_t* lexer, token_t* token, uint32_t start) {
  while (is_letter(peek(lexer, 0)) || is_digit(peek(lexer, 0)) || peek(lexer, 0) == '_')
    lexer->at++;
  token->kind = TOKEN_NAME;
  token->span = span_from(lexer, start);
  token->name = intern(lexer->names, lexer->source->data + start, token->span.length);
  if (lexer->source->data[lexer->at - 1] == '_') {
    diagnostic_t* error = report_error(lexer->diagnostics, token->span, 10, "`%s` is not a valid identifier",
                                       token->name->data);
    add_hint(lexer->diagnostics, error, "an identifier ends with a letter or a digit");
  }
}

// One error for a character, however many bytes it has in UTF-8.
static void lex_invalid(lexer_t* lexer, uint32_t start) {
  lexer->at = start + 1;
  while (((unsigned char)peek(lexer, 0) & 0xc0) == 0x80)
    lexer->at++;
  span_t span = span_from(lexer, start);
  lexer->invalid = true;
  report_error(lexer->diagnostics, span, 1, "invalid character `%s`",
               span_text(lexer->diagnostics->arena, span));
}

static void lex_string(lexer_t* lexer, token_t* token, uint32_t start) {
  while (lexer->at < lexer->source->length) {
    char c = peek(lexer, 0);
    if (c == '\n' || c == '\r') break;
    lexer->at++;
    if (c == '"') {
      token->kind = TOKEN_STRING;
      token->span = span_from(lexer, start);
      string_check(lexer->diagnostics, token->span);
      return;
    }
    if (c == '\\' && peek(lexer, 0) != '\n' && peek(lexer, 0) != '\r' && peek(lexer, 0)) lexer->at++;
  }
  token->kind = TOKEN_STRING;
  token->span = span_from(lexer, start);
  lexer->invalid = true;
  report_error(lexer->diagnostics, token->span, 2, "a string literal must end on the line where it begins");
}

// Skips white space and comments that are not wanted; true if a comment token was made.
static bool lex_trivia(lexer_t* lexer, token_t* token) {
  int newlines = 0;
  for (;; lexer->at++) {
    char c = peek(lexer, 0);
    if (c == '\n') newlines++;
    if (c == '\n' || c == ' ' || c == '\t' || c == '\r') {
      if (c == '\n') token->newline_before = true;
      if (newlines >= 2) token->blank_before = true;
      continue;
    }
    bool comment = c == '/' && peek(lexer, 1) == '/' && (peek(lexer, 2) != '/' || peek(lexer, 3) == '/');
    if (!comment) return false;
    uint32_t start = lexer->at;
    skip_line(lexer);
    if (lexer->keep_comments) {
      token->kind = TOKEN_COMMENT;
      token->span = span_from(lexer, start);
      return true;
    }
    token->comment_before = true;
    newlines = 0;
    lexer->at--;
  }
}

static bool lex_token(lexer_t* lexer, token_t* token) {
  uint32_t start = lexer->at;
  if (start >= lexer->source->length) {
    token->kind = TOKEN_END;
    token->span = span_from(lexer, start);
    return true;
  }
  char c = lexer->source->data[lexer->at++];
  if (is_letter(c)) {
    lex_name(lexer, token, start);
    return true;
  }
  if (c == '"') {
    lex_string(lexer, token, start);
    return true;
  }
  if (c == '/' && peek(lexer, 0) == '/') {
    skip_line(lexer);
    token->kind = TOKEN_DOC;
  } else if (c == '-' && peek(lexer, 0) == '>') {
    lexer->at++;
    token->kind = TOKEN_ARROW;
  } else if (is_digit(c) || c == '-') {
    while (is_number_body(peek(lexer, 0)) && !(peek(lexer, 0) == '-' && peek(lexer, 1) == '>'))
      lexer->at++;
    token->kind = TOKEN_NUMBER;
  } else if (strchr("()[]{}<>@.,;:?=&|", c)) {
    token->kind = (unsigned char)c;
  } else {
    lex_invalid(lexer, start);
    return false;
  }
  token->span = span_from(lexer, start);
  return true;
}

token_t lexer_next(lexer_t* lexer) {
  token_t token = {.previous_end = lexer->previous_end};
  bool invalid = lexer->invalid;
  lexer->invalid = false;
  if (!lex_trivia(lexer, &token)) {
    while (!lex_token(lexer, &token)) {
      if (lex_trivia(lexer, &token)) break;
    }
  }
  token.after_invalid = invalid || (lexer->invalid && token.kind != TOKEN_STRING);
  if (token.kind != TOKEN_STRING) lexer->invalid = false;
  lexer->previous_end = lexer->at;
  return token;
}

const char* token_kind_name(arena_t* arena, int kind) {
  switch (kind) {
    case TOKEN_END:
      return "the end of the file";
    case TOKEN_NAME:
      return "an identifier";
    case TOKEN_NUMBER:
      return "a number";
    case TOKEN_STRING:
      return "a string";
    case TOKEN_DOC:
      return "a doc comment";
    case TOKEN_COMMENT:
      return "a comment";
    case TOKEN_ARROW:
      return "`->`";
    default:
      return arena_printf(arena, "`%c`", kind);
  }
}
