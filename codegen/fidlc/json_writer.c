#include "json_writer.h"

#include <string.h>

#include "utf8.h"

static bool is_plain(unsigned char c) {
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void flush(json_writer_t* json) {
  fwrite(json->buffer, 1, json->used, json->out);
  json->used = 0;
}

static void put(json_writer_t* json, const char* text, size_t length) {
  if (length > sizeof(json->buffer) - json->used) flush(json);
  if (length > sizeof(json->buffer)) {
    fwrite(text, 1, length, json->out);
    return;
  }
  memcpy(json->buffer + json->used, text, length);
  json->used += length;
}

static void put_char(json_writer_t* json, char c) {
  if (json->used == sizeof(json->buffer)) flush(json);
  json->buffer[json->used++] = c;
}

// A character that cannot stand in a string as it is.
static void put_escaped(json_writer_t* json, unsigned char c) {
  static const char kDigits[] = "0123456789abcdef";
  char unicode[] = {'\\', 'u', '0', '0', kDigits[c >> 4], kDigits[c & 15]};
  char simple[] = {'\\', c == '\n' ? 'n' : (char)c};
  if (c == '"' || c == '\\' || c == '\n') {
    put(json, simple, sizeof(simple));
  } else {
    put(json, unicode, sizeof(unicode));
  }
}

static void put_string(json_writer_t* json, const char* text, size_t length) {
  const unsigned char* at = (const unsigned char*)text;
  const unsigned char* end = at + length;
  put_char(json, '"');
  while (at < end) {
    const unsigned char* start = at;
    while (at < end && is_plain(*at))
      at++;
    put(json, (const char*)start, (size_t)(at - start));
    if (at == end) break;
    size_t sequence = utf8_length((const char*)at, (size_t)(end - at));
    if (*at < 0x80) {
      put_escaped(json, *at);
    } else if (sequence) {
      put(json, (const char*)at, sequence);
    } else {
      put(json, "\\ufffd", 6);
    }
    at += sequence ? sequence : 1;
  }
  put_char(json, '"');
}

static void new_line(json_writer_t* json) {
  static const char kSpaces[] = "                                ";
  if (!json->pretty) return;
  put_char(json, '\n');
  for (size_t left = 2 * (size_t)json->depth; left;) {
    size_t part = left < sizeof(kSpaces) - 1 ? left : sizeof(kSpaces) - 1;
    put(json, kSpaces, part);
    left -= part;
  }
}

// Begins a value: the comma behind the one before it, its line, its name.
static void begin(json_writer_t* json, const char* key) {
  if (json->filled) put_char(json, ',');
  if (json->depth) new_line(json);
  json->filled = true;
  if (!key) return;
  put_string(json, key, strlen(key));
  put(json, ": ", json->pretty ? 2 : 1);
}

void json_open(json_writer_t* json, const char* key, char bracket) {
  begin(json, key);
  put_char(json, bracket);
  json->depth++;
  json->filled = false;
}

void json_close(json_writer_t* json, char bracket) {
  json->depth--;
  if (json->filled) new_line(json);
  put_char(json, bracket);
  json->filled = true;
  if (!json->depth) flush(json);
}

void json_string_n(json_writer_t* json, const char* key, const char* text, size_t length) {
  begin(json, key);
  put_string(json, text, length);
}

void json_string(json_writer_t* json, const char* key, const char* text) {
  json_string_n(json, key, text, strlen(text));
}

void json_unsigned(json_writer_t* json, const char* key, uint64_t number) {
  char digits[20];
  size_t first = sizeof(digits);
  begin(json, key);
  do {
    digits[--first] = (char)('0' + number % 10);
    number /= 10;
  } while (number);
  put(json, digits + first, sizeof(digits) - first);
}

void json_signed(json_writer_t* json, const char* key, int64_t number) {
  char text[24];
  begin(json, key);
  put(json, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)number));
}

void json_bool(json_writer_t* json, const char* key, bool value) {
  begin(json, key);
  put(json, value ? "true" : "false", value ? 4 : 5);
}
