// Attributes: what they say, where they may stand, what arguments they take.
#ifndef CODEGEN_FIDLC_ATTRIBUTES_H_
#define CODEGEN_FIDLC_ATTRIBUTES_H_

#include "compiler.h"

// The text of @doc, or NULL.
const char* attributes_doc(compiler_t* c, const attribute_t* attributes);

// Attributes on one thing, which must differ in name. Zero-initialised is empty.
typedef struct attribute_set {
  str_map_t exact;
  str_map_t canonical;
} attribute_set_t;
void attribute_set_add(compiler_t* c, attribute_set_t* set, attribute_t* attribute);

// Checks the attributes of one thing; `placement` says what it is (attribute_schemas.h).
void check_attributes(const context_t* context, attribute_t* attributes, uint32_t placement);
void check_library_attributes(compiler_t* c, library_t* library);

#endif  // CODEGEN_FIDLC_ATTRIBUTES_H_
