// The parts of the two generated files. Each function appends to `out`; what cannot be generated is told in
// model->error.
#ifndef CODEGEN_FIDLGEN_C_EMIT_H_
#define CODEGEN_FIDLGEN_C_EMIT_H_

#include "model.h"
#include "text.h"

// header.c: the frame of the header; source.c: that of the source.
void emit_header(model_t* model, text_t* out);
void emit_source(model_t* model, text_t* out);

// decls.c: constants, enums, bits, structs and aliases. types.c: tables, unions and overlays.
void emit_decl(model_t* model, text_t* out, const decl_t* decl);
void emit_table(model_t* model, text_t* out, const decl_t* decl);
void emit_union(model_t* model, text_t* out, const decl_t* decl);
void emit_overlay(model_t* model, text_t* out, const decl_t* decl);

// The accessor of a table's member: `prefix` is "", "has_", "set_", "mutable_" or "take_", of which the last
// two are not there for all types.
const char* types_accessor(const decl_t* decl, const char* prefix, const member_t* member);
bool types_has_mutable(model_t* model, const type_t* type);
bool types_has_take(model_t* model, const type_t* type);

// A doc comment, indented; nothing if there is none.
void emit_doc(text_t* out, const char* indent, const char* doc);
// The typedefs of the vectors a type is made of, unless the headers have them already.
void emit_vectors(model_t* model, text_t* out, const type_t* type);

// encode.c, decode.c, close.c: functions over one layout; nothing where none is needed.
//
// With `counts_depth` the function takes the depth of its object and checks that of what it appends or
// claims. Types that refer to themselves need that, and so do those they refer to; the depth of all others is
// known.
void emit_encode(model_t* model, text_t* out, const decl_t* decl, bool counts_depth);
void emit_decode(model_t* model, text_t* out, const decl_t* decl, bool counts_depth);
void emit_close(model_t* model, text_t* out, const decl_t* decl);

// client.c, server.c: a protocol's declarations and definitions.
void emit_protocol_header(model_t* model, text_t* out, const decl_t* protocol);
void emit_client_header(model_t* model, text_t* out, const decl_t* protocol);
void emit_server_header(model_t* model, text_t* out, const decl_t* protocol);
void emit_protocol_source(model_t* model, text_t* out, const decl_t* protocol);
void emit_client_source(model_t* model, text_t* out, const decl_t* protocol);
void emit_server_source(model_t* model, text_t* out, const decl_t* protocol);

// code.c: helpers of encode.c, decode.c and close.c.

// "&expr", or "p" for "(*p)".
const char* code_address(const char* expr);
// "expr.member", or "p->member" for "(*p)".
const char* code_member(const char* expr, const char* member);
// Begins a loop over `count` elements with a new index variable, whose name it returns; `depth` counts loops.
const char* code_loop(text_t* out, const char* indent, const char* count, unsigned nesting);
const char* code_bound(const type_t* type);
bool code_is_bool(model_t* model, const type_t* type);
void code_handle_args(const type_t* type, uint32_t* out_subtype, uint32_t* out_rights);
// Whether C code uses a variable, not only a member or a comment of this name.
bool code_uses(const char* code, const char* name);
// The head of an encoder ("encode") or decoder ("decode") of a layout, without brace or semicolon.
void code_coder_head(text_t* out, const decl_t* decl, const char* coder, bool counts_depth);
// Writes a function: head (with its opening brace), then `(void)` for the parameters that `body` does not
// use, then body.
void code_function(text_t* out, const char* head, const char* body, const char* const* parameters);

#endif  // CODEGEN_FIDLGEN_C_EMIT_H_
