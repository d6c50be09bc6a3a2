// The library being generated: its declarations by name, and what the generated code wants to know about
// types.
#ifndef CODEGEN_FIDLGEN_C_MODEL_H_
#define CODEGEN_FIDLGEN_C_MODEL_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir.pb-c.h"

typedef Fidl__Ir__Library library_t;
typedef Fidl__Ir__Decl decl_t;
typedef Fidl__Ir__Type type_t;
typedef Fidl__Ir__Member member_t;
typedef Fidl__Ir__Method method_t;
typedef Fidl__Ir__Constant constant_t;

typedef struct model {
  const library_t* library;
  decl_t** decls;  // of the library and all it reaches, sorted by name
  size_t num_decls;
  bool* holds_address;  // of each of them; NULL if none does
  const char* error;    // the first thing that cannot be generated
} model_t;

// Indexes the library; it stays the caller's. model_deinit frees the index.
void model_init(model_t* model, const library_t* library);
void model_deinit(model_t* model);

// The place of a declaration in model->decls, model->num_decls if there is none of this name.
size_t model_place(const model_t* model, const char* name);

// The declaration of a full name ("a.b/X"), NULL (and model->error set) if there is none.
const decl_t* model_find(model_t* model, const char* name);

// Newtypes looked through.
const type_t* model_resolve(model_t* model, const type_t* type);

// The declaration that an IDENTIFIER type, newtypes looked through, names; NULL for other types.
const decl_t* model_decl(model_t* model, const type_t* type);

// Whether a value's bytes in memory are its bytes on the wire and need no check: no pointer, handle, padding,
// bool or strict value inside.
bool model_plain(model_t* model, const type_t* type);
bool model_plain_decl(model_t* model, const decl_t* decl);

// Whether there is an experimental_pointer in a value or in what it refers to: such values can be made and
// looked at, but are no part of a message.
bool model_holds_address(model_t* model, const type_t* type);
bool model_decl_holds_address(const model_t* model, const decl_t* decl);

// Whether a value may have a string or vector in it, itself included, that is so large that it is gathered.
bool model_gathers(model_t* model, const type_t* type);

// Bytes of a whole encoded value, UINT32_MAX if unbounded.
uint32_t model_max_size(const Fidl__Ir__TypeShape* shape);

// Whether a member of this type stands inside its envelope.
bool model_inline(const type_t* type);

// The highest ordinal of a table, 0 if it has no members.
uint32_t model_max_ordinal(const decl_t* decl);

// Whether a value can be of any depth: its type refers to itself or to one that does. The functions of such
// types count the depth.
bool model_refers_to_itself(const decl_t* decl);

// Whether there is anything out of line in a value.
bool model_depth_matters(const decl_t* decl);

bool model_is_layout(const decl_t* decl);  // struct, table, union or overlay
bool model_is_own(const model_t* model, const decl_t* decl);

#endif  // CODEGEN_FIDLGEN_C_MODEL_H_
