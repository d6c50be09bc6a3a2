// Where in which text something is wrong, what is wrong, and how that is shown to a person.
#ifndef COMPONENT_MANAGER_CML_DIAGNOSTIC_H_
#define COMPONENT_MANAGER_CML_DIAGNOSTIC_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// A text that was read, and what to call it.
typedef struct cml_source {
  const char* name;  // the file's path, as given
  const char* text;  // NUL-terminated after `size` bytes
  size_t size;
} cml_source_t;

// A stretch of a source. `source` is NULL where something has no place in a text.
typedef struct cml_location {
  const cml_source_t* source;
  uint32_t offset;  // bytes from the start
  uint32_t length;  // bytes
} cml_location_t;

// The one error that ended the work on a manifest.
typedef struct cml_error {
  const char*
      error_class;  // "ParseError", "DuplicateField", ...: static text that tests and scripts can rely on
  cml_location_t location;
  char message[1024];  // what is wrong
  char advice[512];    // what to do about it; empty where the message says it
} cml_error_t;

// Fills `error` and returns false, so that a check can end with `return cml_fail(...)`. `error_class` is
// static.
bool cml_fail(cml_error_t* error, cml_location_t location, const char* error_class, const char* format, ...)
    __attribute__((format(printf, 4, 5)));

// Adds what to do about it and returns false.
bool cml_advise(cml_error_t* error, const char* format, ...) __attribute__((format(printf, 2, 3)));

// The line and column (both from 1, the column in characters) of a location.
void cml_location_position(cml_location_t location, uint32_t* out_line, uint32_t* out_column);

// Prints "file:line:column: error: Class: message", the line with a caret under it, and the advice.
void cml_error_print(const cml_error_t* error, FILE* out);

#endif  // COMPONENT_MANAGER_CML_DIAGNOSTIC_H_
