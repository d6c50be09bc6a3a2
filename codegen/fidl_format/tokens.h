// The tokens of a file, comments among them, and what the formatter asks about them.
#ifndef CODEGEN_FIDL_FORMAT_TOKENS_H_
#define CODEGEN_FIDL_FORMAT_TOKENS_H_

#include "lexer.h"

typedef struct tokens {
  token_t* items;  // ends with TOKEN_END
  size_t count;    // without it
} tokens_t;

tokens_t read_tokens(arena_t* arena, interner_t* names, diagnostics_t* diagnostics, source_t* source);

// Whether a space stands between token `i - 1` and `i` when they share a line. `enclosing` is the innermost
// open bracket, '(' '<' or '{', or 0.
bool space_before(const tokens_t* tokens, size_t i, int enclosing);
// The empty lines between token `i - 1` and `i`.
size_t empty_lines_before(const tokens_t* tokens, size_t i);
// Whether both hold the same tokens in the same order, comments included.
bool same_tokens(const tokens_t* a, const tokens_t* b);
// The length of the token's text without blanks at its end.
size_t text_length(const token_t* token);

#endif  // CODEGEN_FIDL_FORMAT_TOKENS_H_
