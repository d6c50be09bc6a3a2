#include "json_writer.h"

#include <string.h>

// The length of the well-formed UTF-8 sequence at `text`, of which `left` bytes are there; or 0.
static size_t sequence_length(const unsigned char* text, size_t left) {
  size_t length = text[0] < 0x80                      ? 1
                  : text[0] >= 0xc2 && text[0] < 0xe0 ? 2
                  : (text[0] & 0xf0) == 0xe0          ? 3
                                                      : 4;
  if (length > left || (length == 4 && (text[0] < 0xf0 || text[0] > 0xf4))) return 0;
  for (size_t i = 1; i < length; i++) {
    if ((text[i] & 0xc0) != 0x80) return 0;
  }
  bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
  bool surrogate = text[0] == 0xed && text[1] >= 0xa0;
  bool too_large = text[0] == 0xf4 && text[1] >= 0x90;
  return overlong || surrogate || too_large ? 0 : length;
}

static bool is_plain(unsigned char c) {
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void put_string(FILE* out, const char* text, size_t length) {
  const unsigned char* at = (const unsigned char*)text;
  const unsigned char* end = at + length;
  putc_unlocked('"', out);
  while (at < end) {
    const unsigned char* start = at;
    while (at < end && is_plain(*at))
      at++;
    if (at > start) fwrite(start, 1, (size_t)(at - start), out);
    if (at == end) break;
    size_t sequence = sequence_length(at, (size_t)(end - at));
    if (*at == '"' || *at == '\\') {
      fprintf(out, "\\%c", *at);
    } else if (*at == '\n') {
      fputs("\\n", out);
    } else if (*at < 0x20) {
      fprintf(out, "\\u%04x", *at);
    } else if (sequence) {
      fwrite(at, 1, sequence, out);
    } else {
      fputs("\\ufffd", out);
    }
    at += sequence ? sequence : 1;
  }
  putc_unlocked('"', out);
}

static void new_line(json_writer_t* json) {
  static const char kSpaces[] = "                                ";
  if (!json->pretty) return;
  putc_unlocked('\n', json->out);
  for (size_t left = 2 * (size_t)json->depth; left;) {
    size_t part = left < sizeof(kSpaces) - 1 ? left : sizeof(kSpaces) - 1;
    fwrite(kSpaces, 1, part, json->out);
    left -= part;
  }
}

// Begins a value: the comma behind the one before it, its line, its name.
static void begin(json_writer_t* json, const char* key) {
  if (json->filled) putc_unlocked(',', json->out);
  if (json->depth) new_line(json);
  json->filled = true;
  if (!key) return;
  put_string(json->out, key, strlen(key));
  putc_unlocked(':', json->out);
  if (json->pretty) putc_unlocked(' ', json->out);
}

void json_open(json_writer_t* json, const char* key, char bracket) {
  begin(json, key);
  putc_unlocked(bracket, json->out);
  json->depth++;
  json->filled = false;
}

void json_close(json_writer_t* json, char bracket) {
  json->depth--;
  if (json->filled) new_line(json);
  putc_unlocked(bracket, json->out);
  json->filled = true;
}

void json_string_n(json_writer_t* json, const char* key, const char* text, size_t length) {
  begin(json, key);
  put_string(json->out, text, length);
}

void json_string(json_writer_t* json, const char* key, const char* text) {
  json_string_n(json, key, text, strlen(text));
}

void json_unsigned(json_writer_t* json, const char* key, uint64_t number) {
  begin(json, key);
  fprintf(json->out, "%llu", (unsigned long long)number);
}

void json_signed(json_writer_t* json, const char* key, int64_t number) {
  begin(json, key);
  fprintf(json->out, "%lld", (long long)number);
}

void json_bool(json_writer_t* json, const char* key, bool value) {
  begin(json, key);
  fputs(value ? "true" : "false", json->out);
}
