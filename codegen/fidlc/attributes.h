// Attributes: what they say, where they may stand, what arguments they take.
#ifndef CODEGEN_FIDLC_ATTRIBUTES_H_
#define CODEGEN_FIDLC_ATTRIBUTES_H_

#include "compiler.h"

// The text of @doc, or NULL.
const char* attributes_doc(compiler_t* c, const attribute_t* attributes);

#endif  // CODEGEN_FIDLC_ATTRIBUTES_H_
