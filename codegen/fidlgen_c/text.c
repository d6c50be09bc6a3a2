// Growing text.
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 110

static _Noreturn void out_of_memory(void) {
  fputs("fidlgen_c: out of memory\n", stderr);
  exit(1);
}

static void reserve(text_t* text, size_t more) {
  if (text->capacity - text->size > more) return;
  size_t capacity = (text->size + more + 1) * 2;
  char* data = realloc(text->data, capacity);
  if (!data) out_of_memory();
  text->data = data;
  text->capacity = capacity;
}

void text_add_bytes(text_t* text, const char* data, size_t size) {
  reserve(text, size);
  if (size) memcpy(text->data + text->size, data, size);
  text->size += size;
  text->data[text->size] = 0;
}

void text_add_va(text_t* text, const char* format, va_list args) {
  va_list again;
  va_copy(again, args);
  int size = vsnprintf(NULL, 0, format, args);
  if (size > 0) {
    reserve(text, (size_t)size);
    vsnprintf(text->data + text->size, (size_t)size + 1, format, again);
    text->size += (size_t)size;
  }
  va_end(again);
}

void text_add(text_t* text, const char* format, ...) {
  va_list args;
  va_start(args, format);
  text_add_va(text, format, args);
  va_end(args);
}

const char* text_string(const text_t* text) {
  return text->data ? text->data : "";
}

bool text_contains(const text_t* text, const char* needle) {
  return strstr(text_string(text), needle) != NULL;
}

void text_free(text_t* text) {
  free(text->data);
  *text = (text_t){0};
}

// Formatted strings, each behind a link to the one made before it.
typedef struct formatted {
  struct formatted* previous;
  char text[];
} formatted_t;
static formatted_t* last_formatted;

char* text_format(const char* format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int size = vsnprintf(NULL, 0, format, args);
  formatted_t* made = size >= 0 ? malloc(sizeof(*made) + (size_t)size + 1) : NULL;
  if (!made) out_of_memory();
  vsnprintf(made->text, (size_t)size + 1, format, again);
  va_end(again);
  va_end(args);
  made->previous = last_formatted;
  last_formatted = made;
  return made->text;
}

void text_free_formatted(void) {
  while (last_formatted) {
    formatted_t* previous = last_formatted->previous;
    free(last_formatted);
    last_formatted = previous;
  }
}

// Whether every parameter fits behind `column` when each has a line of its own.
static bool fits(const char* parameters, const char* tail, size_t column) {
  for (const char* next = parameters; *next;) {
    const char* comma = strstr(next, ", ");
    size_t size = comma ? (size_t)(comma - next) + 1 : strlen(next) + 1 + strlen(tail);
    if (column + size > COLUMNS) return false;
    next = comma ? comma + 2 : next + strlen(next);
  }
  return true;
}

void text_add_call(text_t* text, const char* head, const char* parameters, const char* tail) {
  size_t indent = strlen(head) + 1, column = indent;
  text_add(text, "%s(", head);
  bool fresh = true;  // no parameter on this line yet
  if (!fits(parameters, tail, indent)) {
    indent = strspn(head, " ") + 4;
    column = indent;
    text_add(text, "\n%*s", (int)indent, "");
  }
  for (const char* next = parameters; *next; fresh = false) {
    const char* comma = strstr(next, ", ");
    size_t size = comma ? (size_t)(comma - next) : strlen(next);
    size_t needed = size + (comma ? 1 : 1 + strlen(tail));
    if (!fresh && column + 1 + needed > COLUMNS) {
      text_add(text, "\n%*s", (int)indent, "");
      column = indent;
    } else if (!fresh) {
      text_add(text, " ");
      column++;
    }
    text_add(text, "%.*s%s", (int)size, next, comma ? "," : "");
    column += size + (comma ? 1 : 0);
    next = comma ? comma + 2 : next + size;
  }
  text_add(text, ")%s", tail);
}
