// Growing text. Running out of memory ends the program, which has nothing to lose.
#ifndef CODEGEN_FIDLGEN_C_TEXT_H_
#define CODEGEN_FIDLGEN_C_TEXT_H_

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct text {
  char* data;  // NUL-terminated once something was added
  size_t size;
  size_t capacity;
} text_t;

void text_add(text_t* text, const char* format, ...) __attribute__((format(printf, 2, 3)));
void text_add_va(text_t* text, const char* format, va_list args);
void text_add_bytes(text_t* text, const char* data, size_t size);

// The text so far, never NULL.
const char* text_string(const text_t* text);
bool text_contains(const text_t* text, const char* needle);
void text_free(text_t* text);

// A formatted string, which lives until text_free_formatted().
char* text_format(const char* format, ...) __attribute__((format(printf, 1, 2)));
void text_free_formatted(void);

// Adds `head` followed by `(parameters)` and `tail`, broken at commas so that no line exceeds 110 columns.
void text_add_call(text_t* text, const char* head, const char* parameters, const char* tail);

// wrap.c: appends `text` to `out` with its long lines of C broken.
void text_wrap(const text_t* text, text_t* out);

#endif  // CODEGEN_FIDLGEN_C_TEXT_H_
