// The inside of string literals.
#ifndef CODEGEN_FIDLC_LEXER_STRING_H_
#define CODEGEN_FIDLC_LEXER_STRING_H_

#include <stdbool.h>

#include "diagnostics.h"

// Reports the first byte that is not UTF-8.
void check_utf8(diagnostics_t* diagnostics, span_t text);
// Reports malformed escapes, control characters and what is not UTF-8 of a literal, quotes included in
// `span`.
void string_check(diagnostics_t* diagnostics, span_t span);
// The bytes a literal stands for, NUL-terminated; *out_length counts them. Malformed escapes give nothing.
char* string_value(arena_t* arena, span_t span, uint32_t* out_length);

#endif  // CODEGEN_FIDLC_LEXER_STRING_H_
