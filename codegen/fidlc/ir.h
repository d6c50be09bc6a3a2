// The compiled model as the IR's messages.
#ifndef CODEGEN_FIDLC_IR_H_
#define CODEGEN_FIDLC_IR_H_

#include "compiler.h"

// Builds the whole message of the target in the compiler's arena.
Fidl__Ir__Library* ir_library(compiler_t* c, library_t* library);

// ir_parts.c
Fidl__Ir__SourceSpan* ir_span(compiler_t* c, span_t span);
// "lib/Decl" or "lib/Decl.MEMBER" for a constant that is a name, "fidl/MAX" for what the language has.
const char* ir_reference(compiler_t* c, const expr_t* expr);
// The value of an argument, which no type was asked of.
value_t attribute_value(compiler_t* c, const attribute_arg_t* arg);
Fidl__Ir__Constant* ir_constant(compiler_t* c, const value_t* value, const expr_t* expr);
Fidl__Ir__Type* ir_type(compiler_t* c, const type_t* type);
Fidl__Ir__TypeShape* ir_shape(compiler_t* c, shape_t shape);
// Returns the array of attributes and their number.
Fidl__Ir__Attribute** ir_attributes(compiler_t* c, const attribute_t* attributes, size_t* out_count);

// ir_decl.c
Fidl__Ir__Decl* ir_decl(compiler_t* c, decl_t* decl);

#endif  // CODEGEN_FIDLC_IR_H_
