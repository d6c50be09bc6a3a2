// Breaks lines of generated C that are longer than 110 columns, where a person would.
#include <string.h>

#include "text.h"

#define COLUMNS 110

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Where to break a line so that at most `room` characters stay: behind the last comma, "=", "(" or before "?"
// ":" that is in no string. 0 if there is no such place behind `from`.
static size_t break_at(const char* line, size_t size, size_t from, size_t room) {
  size_t best = 0, fallback = 0;
  bool in_string = false;
  for (size_t i = 0; i < size && i < room; i++) {
    if (line[i] == '\\') {
      i++;
      continue;
    }
    if (line[i] == '"') in_string = !in_string;
    if (in_string || i <= from) continue;
    bool spaced = i + 1 < size && line[i + 1] == ' ';
    if ((line[i] == ',' || (line[i] == '=' && line[i - 1] == ' ')) && spaced) best = i + 1;
    if (spaced && i + 2 < size && (line[i + 2] == '?' || (line[i + 2] == ':' && line[i] != ')')) &&
        line[i + 3] == ' ')
      best = i + 1;
    if (line[i] == '(' && is_word(line[i - 1])) fallback = i + 1;
  }
  return best ? best : fallback;
}

static void wrap_rest(text_t* out, const char* line, size_t size, size_t indent) {
  size_t lead = strspn(line, " "), column = lead, continued = indent + 4;
  text_add_bytes(out, line, lead);
  line += lead;
  size -= lead;
  while (column + size > COLUMNS) {
    size_t at = break_at(line, size, 0, COLUMNS - column);
    if (at == 0) break;
    text_add_bytes(out, line, at);
    while (at < size && line[at] == ' ')
      at++;
    text_add(out, "\n%*s", (int)continued, "");
    line += at;
    size -= at;
    column = continued;
  }
  text_add_bytes(out, line, size);
  text_add(out, "\n");
}

static void wrap_line(text_t* out, const char* line, size_t size) {
  size_t indent = strspn(line, " ");
  bool is_code = size > indent && line[indent] != '#' && strncmp(line + indent, "//", 2) != 0;
  if (size <= COLUMNS || !is_code) {
    text_add_bytes(out, line, size);
    text_add(out, "\n");
    return;
  }
  // "if (...) return x;" becomes two lines.
  if (strncmp(line + indent, "if (", 4) == 0) {
    for (size_t i = size; i > indent + 4; i--) {
      if (strncmp(line + i, ") return ", 9) != 0) continue;
      wrap_rest(out, line, i + 1, indent);
      text_add(out, "%*s", (int)indent + 2, "");
      text_add_bytes(out, line + i + 2, size - i - 2);
      text_add(out, "\n");
      return;
    }
  }
  wrap_rest(out, line, size, indent);
}

void text_wrap(const text_t* text, text_t* out) {
  const char* line = text_string(text);
  while (*line) {
    const char* end = strchr(line, '\n');
    size_t size = end ? (size_t)(end - line) : strlen(line);
    wrap_line(out, line, size);
    line += size + (end ? 1 : 0);
  }
}
