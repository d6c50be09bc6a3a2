// The intermediate representation as the reference compiler writes it: one JSON object, whose shape
// ../ir/ir.schema.json describes.
#ifndef CODEGEN_FIDLC_JSON_IR_H_
#define CODEGEN_FIDLC_JSON_IR_H_

#include "compiler.h"
#include "json_writer.h"

// What the parts pass on.
typedef struct json_ir {
  compiler_t* c;
  json_writer_t json;
  const library_t* library;  // the one that is written
} json_ir_t;

void json_ir_write(compiler_t* c, const library_t* library, FILE* out);

// json_parts.c; a NULL key stands for an element of an array.
void json_location(json_ir_t* ir, span_t span);
void json_attributes(json_ir_t* ir, const attribute_t* attributes);  // writes nothing if there are none
void json_constant(json_ir_t* ir, const char* key, const value_t* value, const expr_t* expr);
void json_shape(json_ir_t* ir, shape_t shape);
void json_deprecated(json_ir_t* ir, const struct availability* availability);
// json_types.c: the member `key`; and, where the object has only one type, the alias it was reached through.
void json_type(json_ir_t* ir, const char* key, const type_t* type);
void json_type_and_alias(json_ir_t* ir, const char* key, const type_t* type);
const char* json_type_name(json_ir_t* ir, const type_t* type);
// What stands behind the `=` of an alias.
void json_type_constructor(json_ir_t* ir, const char* key, const type_t* type);
// json_decls.c: one declaration, an object in an array.
void json_decl(json_ir_t* ir, const decl_t* decl);
// The name of the kind of a declaration, as "declarations" has it.
const char* json_kind(decl_kind_t kind);

#endif  // CODEGEN_FIDLC_JSON_IR_H_
