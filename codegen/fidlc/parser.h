// Tokens into a syntax tree. The parser goes on after an error at the next member or declaration, so that one
// run reports every independent mistake; what it could not read is left out of the tree.
#ifndef CODEGEN_FIDLC_PARSER_H_
#define CODEGEN_FIDLC_PARSER_H_

#include "diagnostics.h"
#include "intern.h"
#include "syntax.h"

// Never NULL. Mistakes go to `diagnostics`.
file_syntax_t* parse_file(arena_t* arena, interner_t* names, diagnostics_t* diagnostics, source_t* source);

#endif  // CODEGEN_FIDLC_PARSER_H_
