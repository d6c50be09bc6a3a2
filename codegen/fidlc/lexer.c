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

// The number in Unicode of the character that is these bytes; 0 if they are none of several bytes.
static unsigned code_point(const char* bytes, uint32_t length) {
  unsigned char first = (unsigned char)bytes[0];
  uint32_t wanted = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (wanted != length) return 0;
  unsigned point = first & (0xffu >> (length + 1));
  for (uint32_t i = 1; i < length; i++)
    point = point << 6 | ((unsigned char)bytes[i] & 0x3f);
  return point;
}

// One error for a character, however many bytes it has in UTF-8. Those that cannot be told by their looks are
// told by their numbers, too.
static void lex_invalid(lexer_t* lexer, uint32_t start) {
  diagnostics_t* diagnostics = lexer->diagnostics;
  const char* text = lexer->source->data + start;
  lexer->at = start + 1;
  while (((unsigned char)peek(lexer, 0) & 0xc0) == 0x80)
    lexer->at++;
  span_t span = span_from(lexer, start);
  unsigned point = code_point(text, span.length);
  lexer->invalid = true;
  if (*text > ' ' && *text < 0x7f) {
    report_error(diagnostics, span, 1, "invalid character `%c`", *text);
  } else if (!point) {
    report_error(diagnostics, span, 1, "invalid byte 0x%02X", (unsigned char)*text);
  } else {
    diagnostic_t* error = report_error(diagnostics, span, 1, "invalid character `%s` (U+%04X)",
                                       span_text(diagnostics->arena, span), point);
    if (point == 0xfeff)
      add_hint(diagnostics, error, "this is a byte order mark: save the file as UTF-8 without one");
  }
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
    if (lexer->source->ends_at_nul && !lexer->ended) {
      report_error(lexer->diagnostics, token->span, 1, "invalid byte 0x00: what follows it is not read");
      lexer->invalid = true;
    }
    lexer->ended = true;
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
    check_utf8(lexer->diagnostics, span_from(lexer, start));
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
