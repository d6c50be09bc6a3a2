// Source files and places in them.
#ifndef CODEGEN_FIDLC_SOURCE_H_
#define CODEGEN_FIDLC_SOURCE_H_

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

typedef struct source {
  const char* name;       // as given on the command line
  const char* data;       // NUL-terminated
  uint32_t length;        // up to the first NUL byte
  bool ends_at_nul;       // there was one
  uint32_t index;         // order of reading: diagnostics sort by it
  uint32_t* line_starts;  // offsets, built on first use
  uint32_t line_count;
} source_t;

typedef struct span {
  source_t* source;  // NULL: nowhere (made by the compiler)
  uint32_t offset;
  uint32_t length;
} span_t;

typedef struct position {
  uint32_t line;    // from 1
  uint32_t column;  // from 1, in bytes
} position_t;

// Makes a source from a copy of `data`. Files above 2^31 bytes are cut there.
source_t* source_create(arena_t* arena, const char* name, const char* data, size_t length, uint32_t index);
// The line and column of an offset; logarithmic in the number of lines.
position_t source_position(arena_t* arena, source_t* source, uint32_t offset);
// The text of a line (from 1), without its line break.
span_t source_line(arena_t* arena, source_t* source, uint32_t line);
// From the start of `first` to the end of `last`; both in one file.
span_t span_join(span_t first, span_t last);
const char* span_text(arena_t* arena, span_t span);

#endif  // CODEGEN_FIDLC_SOURCE_H_
