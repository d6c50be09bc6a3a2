// Formats FIDL source: one member a line, four spaces of indentation, lines of at most 100 columns where a
// break is possible, at most one empty line in a row. Comments stay where they are. Formatting what was
// formatted changes nothing.
#ifndef CODEGEN_FIDL_FORMAT_FORMAT_H_
#define CODEGEN_FIDL_FORMAT_FORMAT_H_

#include <stdbool.h>
#include <stddef.h>

#include "diagnostics.h"

// Returns the formatted text in `arena`, NUL-terminated, or NULL if the source does not parse (reported to
// `diagnostics`).
char* format_source(arena_t* arena, diagnostics_t* diagnostics, const char* name, const char* text,
                    size_t length, size_t* out_length);

#endif  // CODEGEN_FIDL_FORMAT_FORMAT_H_
