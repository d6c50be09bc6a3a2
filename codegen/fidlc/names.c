// The two forms of a name: canonical (for collisions) and UpperCamelCase (for anonymous layouts).
#include <string.h>

#include "compiler.h"

static bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
static bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
static char to_lower(char c) {
  return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}
static char to_upper(char c) {
  return is_lower(c) ? (char)(c - 'a' + 'A') : c;
}

// lower_snake_case: HTTPServer and http_server are one name.
const str_t* canonical_name(compiler_t* c, const str_t* name) {
  if (name->canonical) return name->canonical;
  char small[256];
  char* out = name->length < sizeof(small) / 2 ? small : arena_alloc(c->arena, 2 * (size_t)name->length + 1);
  size_t length = 0;
  char previous = '_';
  for (uint32_t i = 0; i < name->length; i++) {
    char current = name->data[i];
    char next = name->data[i + 1];
    if (current == '_' && previous == '_') continue;
    if (is_upper(current)) {
      bool after_word = is_lower(previous) || is_digit(previous);
      bool before_word = previous != '_' && is_lower(next);
      if (after_word || before_word) out[length++] = '_';
    }
    out[length++] = to_lower(current);
    previous = current;
  }
  const str_t* canonical = intern(&c->names, out, length);
  ((str_t*)(uintptr_t)name)->canonical = canonical;
  return canonical;
}

// Words begin at underscores and at changes from lower to upper case. An underscore between digits stays,
// since without it two numbers would run together.
const char* camel_case(compiler_t* c, const char* name) {
  if (name[0] == 'k' && is_upper(name[1])) name++;
  char* out = arena_alloc(c->arena, strlen(name) + 2);
  size_t length = 0;
  bool word_start = true;
  for (size_t i = 0; name[i]; i++) {
    char current = name[i];
    if (current == '_') {
      word_start = true;
      if (length && is_digit(out[length - 1]) && is_digit(name[i + 1])) out[length++] = '_';
      continue;
    }
    char previous = i ? name[i - 1] : '_';
    if (is_upper(current)) {
      bool after_word = is_lower(previous) || is_digit(previous);
      bool before_word = previous != '_' && is_lower(name[i + 1]);
      word_start = word_start || after_word || before_word;
    }
    out[length++] = word_start ? to_upper(current) : to_lower(current);
    word_start = false;
  }
  out[length] = '\0';
  return out;
}

bool is_identifier(const char* text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    bool letter = is_lower(text[i]) || is_upper(text[i]);
    bool inner = is_digit(text[i]) || (text[i] == '_' && i + 1 < length);
    if (!letter && !(i && inner)) return false;
  }
  return length > 0;
}
