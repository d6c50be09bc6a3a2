#include "lexer_string.h"

#include <string.h>

#include "utf8.h"

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static void check_code_point(diagnostics_t* diagnostics, span_t literal, uint32_t start, uint32_t end) {
  const char* data = literal.source->data;
  span_t span = {literal.source, start, end - start};
  uint32_t digits = end - start;
  for (uint32_t i = start; i < end; i++) {
    if (hex_value(data[i]) >= 0) continue;
    report_error(diagnostics, (span_t){literal.source, i, 1}, 4, "`%c` is not a hexadecimal digit", data[i]);
    return;
  }
  if (digits == 0) {
    report_error(diagnostics, (span_t){literal.source, start - 3, 4}, 187, "empty unicode escape");
  } else if (digits > 6) {
    report_error(diagnostics, span, 188, "a unicode escape has at most 6 hexadecimal digits");
  } else {
    uint32_t value = 0;
    for (uint32_t i = start; i < end; i++)
      value = value * 16 + (uint32_t)hex_value(data[i]);
    if (value > 0x10ffff) {
      report_error(diagnostics, span, 189, "the code point %x is above the largest, 10ffff", value);
    } else if (value >= 0xd800 && value <= 0xdfff) {
      report_error(diagnostics, span, 189, "the code point %x is half of a pair of UTF-16, and no character",
                   value);
    }
  }
}

// Checks \u{...} with `at` behind the u; returns the place behind the escape.
static uint32_t check_unicode(diagnostics_t* diagnostics, span_t literal, uint32_t at, uint32_t limit) {
  const char* data = literal.source->data;
  if (at >= limit || data[at] != '{') {
    diagnostic_t* error = report_error(diagnostics, (span_t){literal.source, at - 2, 2}, 185,
                                       "the digits of a unicode escape stand in braces");
    add_hint(diagnostics, error, "write \\u{7F}");
    return at;
  }
  uint32_t start = ++at;
  while (at < limit && data[at] != '}')
    at++;
  if (at == limit) {
    report_error(diagnostics, (span_t){literal.source, start - 3, limit - start + 3}, 186,
                 "the unicode escape lacks its closing brace");
    return at;
  }
  check_code_point(diagnostics, literal, start, at);
  return at + 1;
}

void check_utf8(diagnostics_t* diagnostics, span_t text) {
  const char* at = text.source->data + text.offset;
  for (uint32_t left = text.length; left;) {
    uint32_t length = (uint32_t)utf8_length(at, left);
    if (!length) {
      diagnostic_t* error =
          report_error(diagnostics, (span_t){text.source, text.offset + text.length - left, 1}, 1,
                       "invalid byte 0x%02X", (unsigned char)*at);
      add_hint(diagnostics, error, "sources are UTF-8");
      return;
    }
    at += length;
    left -= length;
  }
}

void string_check(diagnostics_t* diagnostics, span_t literal) {
  const char* data = literal.source->data;
  uint32_t limit = literal.offset + literal.length - 1;
  check_utf8(diagnostics, literal);
  for (uint32_t at = literal.offset + 1; at < limit;) {
    unsigned char c = (unsigned char)data[at++];
    if (c < 0x20) {
      report_error(diagnostics, (span_t){literal.source, at - 1, 1}, 184,
                   "control character 0x%02x in a string literal", c);
    }
    if (c != '\\') continue;
    char escaped = data[at++];
    if (escaped == 'u') {
      at = check_unicode(diagnostics, literal, at, limit);
    } else if (!strchr("\\\"nrt", escaped)) {
      report_error(diagnostics, (span_t){literal.source, at - 2, 2}, 3, "unknown escape `\\%c`", escaped);
    }
  }
}

static char* put_utf8(char* out, uint32_t point) {
  if (point < 0x80) {
    *out++ = (char)point;
  } else if (point < 0x800) {
    *out++ = (char)(0xc0 | point >> 6);
    *out++ = (char)(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    *out++ = (char)(0xe0 | point >> 12);
    *out++ = (char)(0x80 | (point >> 6 & 0x3f));
    *out++ = (char)(0x80 | (point & 0x3f));
  } else {
    *out++ = (char)(0xf0 | (point >> 18 & 7));
    *out++ = (char)(0x80 | (point >> 12 & 0x3f));
    *out++ = (char)(0x80 | (point >> 6 & 0x3f));
    *out++ = (char)(0x80 | (point & 0x3f));
  }
  return out;
}

char* string_value(arena_t* arena, span_t span, uint32_t* out_length) {
  const char* at = span.source->data + span.offset + 1;
  const char* end = at + (span.length < 2 ? 0 : span.length - 2);
  char* value = arena_alloc(arena, span.length + 1);
  char* out = value;
  while (at < end) {
    char c = *at++;
    if (c != '\\' || at == end) {
      *out++ = c;
      continue;
    }
    c = *at++;
    if (c == 'u') {
      uint32_t point = 0;
      for (; at < end && *at != '}'; at++) {
        if (hex_value(*at) >= 0) point = point * 16 + (uint32_t)hex_value(*at);
      }
      if (at < end) at++;
      out = put_utf8(out, point);
    } else {
      *out++ = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
    }
  }
  *out_length = (uint32_t)(out - value);
  return value;
}
