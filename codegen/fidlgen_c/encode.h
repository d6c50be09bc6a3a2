// What encode.c, which has the kinds of values and structs, shares with encode_members.c, which has the
// layouts with envelopes.
#ifndef CODEGEN_FIDLGEN_C_ENCODE_H_
#define CODEGEN_FIDLGEN_C_ENCODE_H_

#include "walk.h"

// Whether encoding makes something else of the value's copy, not only checks it.
bool encode_changes(model_t* model, const type_t* type);

// What is known about a field, for the encoder's `flags`.
const char* encode_flags(const walk_t* walk, bool optional);

// Leaves the check of a string to the end of the function, if it is one of the function's own; returns the
// argument that says so. `condition` ("x && " or "") is when there is a string.
const char* encode_defer_text(walk_t* walk, bool own, const char* condition, const char* address);

void encode_table_members(walk_t* walk, const decl_t* decl);
void encode_union_members(walk_t* walk, const decl_t* decl);
void encode_overlay_members(walk_t* walk, const decl_t* decl);

#endif  // CODEGEN_FIDLGEN_C_ENCODE_H_
