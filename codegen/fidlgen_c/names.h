// FIDL's names and types as C's.
#ifndef CODEGEN_FIDLGEN_C_NAMES_H_
#define CODEGEN_FIDLGEN_C_NAMES_H_

#include "model.h"

// Results live until text_free_formatted().

// "a.b/X" or "a.b/X.MEMBER" as a_b_X, a_b_X_MEMBER; "a.b" as a_b.
const char* c_name(const char* full_name);

// A member's or method's name, with a trailing underscore if C or C++ reserves it.
const char* c_member(const char* name);
// The same of a member of a layout, whose C may have a field of that name already.
const char* c_field(const decl_t* decl, const member_t* member);

// What a variable of a type is declared with: `base name dims`. `dims` is "" unless the type is an array.
typedef struct c_type {
  const char* base;
  const char* dims;
} c_type_t;
c_type_t c_type_of(model_t* model, const type_t* type);

// Whether what is declared with it is an array: of C, whatever newtypes are between.
bool c_is_array(model_t* model, const type_t* type);
// "T name", "T name[3]".
const char* c_declare(model_t* model, const type_t* type, const char* name);
// "T* name", "T (*name)[3]"; with const: "const T* name".
const char* c_declare_pointer(model_t* model, const type_t* type, const char* name, bool is_const);

// The part of a vector typedef's name that stands for its elements' type.
const char* c_mangle(model_t* model, const type_t* type);

// A constant as an expression of the type.
const char* c_constant(model_t* model, const type_t* type, const constant_t* value);
// An integer literal of a primitive type, cast to the C type `type`.
const char* c_integer(Fidl__Ir__Type__Primitive primitive, const char* type, const constant_t* value);
const char* c_primitive(Fidl__Ir__Type__Primitive primitive);

#endif  // CODEGEN_FIDLGEN_C_NAMES_H_
