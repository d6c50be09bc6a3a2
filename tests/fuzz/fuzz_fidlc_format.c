// Any bytes through fidl-format: what it formats, it formats once and for all.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  arena_t arena;
  arena_init(&arena);
  diagnostics_t diagnostics = {.arena = &arena};
  size_t once_length = 0;
  size_t twice_length = 0;
  const char* once = format_source(&arena, &diagnostics, "a.fidl", (const char*)data, size, &once_length);
  if (once) {
    const char* twice = format_source(&arena, &diagnostics, "b.fidl", once, once_length, &twice_length);
    if (!twice || strcmp(once, twice) != 0) abort();
  } else if (diagnostics.list.count) {
    // The formatter never finds that it changed the meaning of what parses.
    const diagnostic_t* last = diagnostics.list.items[diagnostics.list.count - 1];
    if (last->severity == SEVERITY_ERROR && last->number == 0) abort();
  }
  arena_deinit(&arena);
  return 0;
}
