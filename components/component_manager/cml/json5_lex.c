// From bytes to tokens. Every read is bounded by the source's size, whose text ends with a NUL; a NUL within
// the text is an unexpected character like any other.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json5_lex.h"
#include "utf8.h"

static bool lex_fail(json5_lexer_t* lexer, size_t offset, size_t length, const char* message) {
  cml_location_t location = {lexer->source, (uint32_t)offset, (uint32_t)length};
  return cml_fail(lexer->error, location, "ParseError", "%s", message);
}

static char peek(const json5_lexer_t* lexer, size_t ahead) {
  size_t at = lexer->position + ahead;
  return at < lexer->source->size ? lexer->source->text[at] : '\0';
}

// The character at the position and its length in bytes; the text has been checked to be UTF-8.
static uint32_t peek_character(const json5_lexer_t* lexer, size_t* out_length) {
  uint32_t character = 0;
  *out_length =
      utf8_decode(lexer->source->text + lexer->position, lexer->source->size - lexer->position, &character);
  return character;
}

static bool is_space(uint32_t c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
         c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000 || c == 0xfeff;
}

static bool skip_block_comment(json5_lexer_t* lexer) {
  const char* text = lexer->source->text;
  const char* end = memmem(text + lexer->position + 2, lexer->source->size - lexer->position - 2, "*/", 2);
  if (!end) return lex_fail(lexer, lexer->position, 2, "this comment has no end: \"*/\" is missing");
  lexer->position = (size_t)(end - text) + 2;
  return true;
}

static bool ends_line(uint32_t c) {
  return c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029;
}

static void skip_line_comment(json5_lexer_t* lexer) {
  size_t length;
  while (lexer->position < lexer->source->size && !ends_line(peek_character(lexer, &length)))
    lexer->position += length;
}

static bool skip_blanks(json5_lexer_t* lexer) {
  while (lexer->position < lexer->source->size) {
    size_t length;
    uint32_t c = peek_character(lexer, &length);
    if (is_space(c)) {
      lexer->position += length;
    } else if (c == '/' && peek(lexer, 1) == '/') {
      skip_line_comment(lexer);
    } else if (c == '/' && peek(lexer, 1) == '*') {
      if (!skip_block_comment(lexer)) return false;
    } else {
      break;
    }
  }
  return true;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Reads `count` hexadecimal digits at the position.
static bool lex_hex(json5_lexer_t* lexer, size_t count, uint32_t* out) {
  uint32_t value = 0;
  for (size_t i = 0; i < count; i++) {
    int digit = hex_digit(peek(lexer, i));
    if (digit < 0)
      return lex_fail(lexer, lexer->position, i + 1, "this escape needs more hexadecimal digits");
    value = value * 16 + (uint32_t)digit;
  }
  lexer->position += count;
  *out = value;
  return true;
}

// After "\u": four digits, or two such escapes that make one character.
static bool lex_unicode_escape(json5_lexer_t* lexer, uint32_t* out) {
  size_t start = lexer->position - 2;
  uint32_t low;
  if (!lex_hex(lexer, 4, out)) return false;
  if (*out < 0xd800 || *out > 0xdfff) return true;
  if (*out < 0xdc00 && peek(lexer, 0) == '\\' && peek(lexer, 1) == 'u') {
    lexer->position += 2;
    if (!lex_hex(lexer, 4, &low)) return false;
    if (low >= 0xdc00 && low <= 0xdfff) {
      *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
      return true;
    }
  }
  return lex_fail(lexer, start, lexer->position - start, "half of a surrogate pair is no character");
}

// After a backslash in a string. Appends what the escape stands for to `out`.
static bool lex_escape(json5_lexer_t* lexer, char* out, size_t* size) {
  static const char plain[] = "bfnrtv";
  static const char meaning[] = "\b\f\n\r\t\v";
  size_t length;
  uint32_t c = peek_character(lexer, &length);
  const char* found = c && c < 0x80 ? strchr(plain, (int)c) : NULL;
  if (lexer->position >= lexer->source->size)
    return lex_fail(lexer, lexer->position - 1, 1, "this string has no end");
  lexer->position += length;
  if (ends_line(c)) {
    if (c == '\r' && peek(lexer, 0) == '\n') lexer->position++;
    return true;
  }
  if (found) {
    c = (unsigned char)meaning[found - plain];
  } else if (c == '0' && !(peek(lexer, 0) >= '0' && peek(lexer, 0) <= '9')) {
    c = 0;
  } else if (c >= '0' && c <= '9') {
    return lex_fail(lexer, lexer->position - 2, 2, "octal escapes are no JSON5; write \\xHH or \\uHHHH");
  } else if (c == 'x' ? !lex_hex(lexer, 2, &c) : c == 'u' && !lex_unicode_escape(lexer, &c)) {
    return false;
  }
  *size += utf8_encode(c, out + *size);
  return true;
}

// How many bytes lie between the quote at `start` and the next that no backslash precedes: what an escape
// stands for is never longer than the escape, so this bounds the string.
static size_t string_bound(const cml_source_t* source, size_t start) {
  size_t end = start + 1;
  while (end < source->size && source->text[end] != source->text[start])
    end += source->text[end] == '\\' ? 2 : 1;
  return end - start;
}

static bool lex_string(json5_lexer_t* lexer, json5_token_t* token) {
  size_t start = lexer->position, size = 0;
  char quote = lexer->source->text[lexer->position++];
  char* out = cml_arena_alloc(lexer->arena, string_bound(lexer->source, start) + 4);
  for (;;) {
    char c = peek(lexer, 0);
    if (lexer->position >= lexer->source->size || c == '\n' || c == '\r') {
      lex_fail(lexer, start, lexer->position - start, "this string has no end on its line");
      return cml_advise(lexer->error, "close it with %c, or end the line with a backslash to go on", quote);
    }
    lexer->position++;
    if (c == quote) break;
    if (c != '\\') {
      out[size++] = c;
    } else if (!lex_escape(lexer, out, &size)) {
      return false;
    }
  }
  token->kind = JSON5_TOKEN_STRING;
  token->text = out;
  token->size = size;
  return true;
}

static bool continues_identifier(uint32_t c) {
  return c == '$' || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c >= 0x80 && !is_space(c));
}

static bool lex_identifier(json5_lexer_t* lexer, json5_token_t* token) {
  size_t size = 0, length, scan = lexer->position;
  while (scan < lexer->source->size &&
         ((unsigned char)lexer->source->text[scan] >= 0x80 || lexer->source->text[scan] == '\\' ||
          continues_identifier((unsigned char)lexer->source->text[scan]))) {
    scan++;
  }
  char* out = cml_arena_alloc(lexer->arena, scan - lexer->position + 1);
  while (lexer->position < scan) {
    uint32_t c = peek_character(lexer, &length);
    if (c == '\\') {
      if (peek(lexer, 1) != 'u')
        return lex_fail(lexer, lexer->position, 1, "only \\uHHHH may be escaped in a name");
      lexer->position += 2;
      size_t start = lexer->position - 2;
      if (!lex_unicode_escape(lexer, &c)) return false;
      if (!continues_identifier(c))
        return lex_fail(lexer, start, lexer->position - start, "no name may have this character");
    } else if (continues_identifier(c)) {
      lexer->position += length;
    } else {
      break;
    }
    size += utf8_encode(c, out + size);
  }
  token->kind = JSON5_TOKEN_IDENTIFIER;
  token->text = out;
  token->size = size;
  return true;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static size_t skip_digits(json5_lexer_t* lexer) {
  size_t start = lexer->position;
  while (is_digit(peek(lexer, 0)))
    lexer->position++;
  return lexer->position - start;
}

// The digits of a decimal number, checked for JSON5's form before strtod sees them.
static bool lex_decimal(json5_lexer_t* lexer, size_t start, double* out) {
  size_t first = lexer->position;
  size_t digits = skip_digits(lexer);
  if (digits > 1 && lexer->source->text[first] == '0') {
    return lex_fail(lexer, start, lexer->position - start,
                    "a number does not begin with 0 (and there is no octal)");
  }
  if (peek(lexer, 0) == '.') {
    lexer->position++;
    digits += skip_digits(lexer);
  }
  if (digits == 0)
    return lex_fail(lexer, start, lexer->position - start, "this is no number: it has no digits");
  if (peek(lexer, 0) == 'e' || peek(lexer, 0) == 'E') {
    lexer->position++;
    if (peek(lexer, 0) == '+' || peek(lexer, 0) == '-') lexer->position++;
    if (skip_digits(lexer) == 0)
      return lex_fail(lexer, start, lexer->position - start, "this exponent has no digits");
  }
  char* copy = cml_arena_strndup(lexer->arena, lexer->source->text + first, lexer->position - first);
  *out = strtod(copy, NULL);
  return true;
}

static bool lex_hexadecimal(json5_lexer_t* lexer, size_t start, double* out) {
  size_t digits = 0;
  lexer->position += 2;
  *out = 0;
  for (int digit; (digit = hex_digit(peek(lexer, 0))) >= 0; digits++, lexer->position++)
    *out = *out * 16 + digit;
  return digits > 0 || lex_fail(lexer, start, lexer->position - start, "0x needs hexadecimal digits");
}

static bool lex_number(json5_lexer_t* lexer, json5_token_t* token) {
  size_t start = lexer->position, length;
  bool negative = peek(lexer, 0) == '-';
  const char* rest;
  if (negative || peek(lexer, 0) == '+') lexer->position++;
  rest = lexer->source->text + lexer->position;
  token->kind = JSON5_TOKEN_NUMBER;
  if (strncmp(rest, "Infinity", 8) == 0 || strncmp(rest, "NaN", 3) == 0) {
    lexer->position += *rest == 'I' ? 8 : 3;
    token->number = strtod(*rest == 'I' ? "inf" : "nan", NULL);
  } else if (peek(lexer, 0) == '0' && (peek(lexer, 1) | 0x20) == 'x') {
    if (!lex_hexadecimal(lexer, start, &token->number)) return false;
  } else if (!lex_decimal(lexer, start, &token->number)) {
    return false;
  }
  if (negative) token->number = -token->number;
  if (lexer->position < lexer->source->size && continues_identifier(peek_character(lexer, &length))) {
    return lex_fail(lexer, start, lexer->position - start + length, "a letter follows this number directly");
  }
  return true;
}

static bool lex_any(json5_lexer_t* lexer, json5_token_t* token) {
  size_t length;
  uint32_t c = peek_character(lexer, &length);
  if (c && c < 0x80 && strchr("{}[]:,", (int)c)) {
    token->kind = JSON5_TOKEN_PUNCTUATION;
    token->punctuation = (char)c;
    lexer->position++;
    return true;
  }
  if (c == '"' || c == '\'') return lex_string(lexer, token);
  if (c == '+' || c == '-' || c == '.' || (c >= '0' && c <= '9')) return lex_number(lexer, token);
  if (c == '\\' || continues_identifier(c)) return lex_identifier(lexer, token);
  return lex_fail(lexer, lexer->position, length, "unexpected character");
}

bool json5_lex(json5_lexer_t* lexer, json5_token_t* out) {
  memset(out, 0, sizeof *out);
  if (!skip_blanks(lexer)) return false;
  out->location = (cml_location_t){lexer->source, (uint32_t)lexer->position, 0};
  if (lexer->position < lexer->source->size && !lex_any(lexer, out)) return false;
  out->location.length = (uint32_t)lexer->position - out->location.offset;
  return true;
}
