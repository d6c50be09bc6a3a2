// UTF-8, in which sources are written.
#ifndef CODEGEN_FIDLC_UTF8_H_
#define CODEGEN_FIDLC_UTF8_H_

#include <stddef.h>

// The length of the character that `text` begins with, of which `left` bytes (one or more) are there; 0 if it
// is no well-formed one.
size_t utf8_length(const char* text, size_t left);

#endif  // CODEGEN_FIDLC_UTF8_H_
