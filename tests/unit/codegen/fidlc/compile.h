// Compiling a piece of FIDL in a test.
#ifndef TESTS_UNIT_CODEGEN_FIDLC_COMPILE_H_
#define TESTS_UNIT_CODEGEN_FIDLC_COMPILE_H_

#include "fidlc.h"

// Compiles `text` as the library's only file; fails the test if there are errors. The caller destroys
// *out_fidlc, which owns the result.
const Fidl__Ir__Library* compile_text(const char* text, fidlc_t** out_fidlc);

// The declaration "library/Name", or NULL.
const Fidl__Ir__Decl* find_decl(const Fidl__Ir__Library* library, const char* name);

#endif  // TESTS_UNIT_CODEGEN_FIDLC_COMPILE_H_
