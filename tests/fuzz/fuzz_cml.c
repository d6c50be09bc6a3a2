// Any bytes as a manifest: read, validated, its error printed.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cml.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static FILE* nowhere;
  if (!nowhere) nowhere = fopen("/dev/null", "we");
  cml_arena_t* arena = cml_arena_create();
  cml_source_t source = {"fuzz.cml", cml_arena_strndup(arena, (const char*)data, size), size};
  cml_document_t document;
  cml_error_t error;
  if (!cml_read(arena, &source, &document, &error) || !cml_validate(arena, &document, &error)) {
    cml_error_print(&error, nowhere);
  }
  cml_arena_destroy(arena);
  return 0;
}
