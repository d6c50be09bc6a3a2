// The phases of the compiler. Each walks all declarations of a library and reports what it finds; a later
// phase stays silent about what an earlier one marked as failed.
//
//   parse (parser.h)    text into syntax
//   libraries           groups into libraries, imports
//   versions            which version has which element
//   collect             declarations and the names of anonymous layouts; collisions
//   resolve             every name to its declaration; edges
//   sort                dependency order; cycles
//   compile             types, constants, layouts, protocols, in that order
//   shapes              sizes, depths, bounds
//   verify              rules that need the whole: resources, transports, attributes, unused imports
//   ir                  the intermediate representation
#ifndef CODEGEN_FIDLC_COMPILER_H_
#define CODEGEN_FIDLC_COMPILER_H_

#include "diagnostics.h"
#include "fidlc.h"
#include "model.h"

typedef struct compiler {
  arena_t permanent;  // sources, syntax, names, diagnostics, and the representation
  arena_t scratch;    // what a pass over one version makes, when another one follows
  arena_t* arena;     // the one in use
  interner_t names;
  diagnostics_t diagnostics;
  const fidlc_options_t* options;
  ptr_list_t groups;     // group_t*
  ptr_list_t libraries;  // library_t*, in order
  str_map_t by_name;     // dotted name -> library_t*
  library_t* builtin;
  library_t* target;  // the last group's
  uint32_t source_count;
  uint32_t pass;            // counts the versions compiled
  bool comparing_versions;  // this pass is one of those over all versions
  uint32_t suggestions;     // made so far
  uint32_t walk;            // index of the depth-first walks
} compiler_t;

typedef struct group {
  ptr_list_t sources;  // source_t*
} group_t;

// libraries.c
void make_builtin_library(compiler_t* c);
// Parses every group; false if nothing can be compiled.
bool make_libraries(compiler_t* c);
library_t* find_import(compiler_t* c, file_syntax_t* file, const str_t* name);
void check_unused(compiler_t* c, library_t* library);
const str_t* dotted_name(compiler_t* c, const name_ref_t* name, uint32_t count);
const char* decl_full_name(compiler_t* c, const decl_t* decl);  // "library/Name"

// names.c
const str_t* canonical_name(compiler_t* c, const str_t* name);
const char* camel_case(compiler_t* c, const char* name);
// Whether the text could be the name of a declaration.
bool is_identifier(const char* text, size_t length);

// Names that must differ, exactly and canonically. Zero-initialised is empty.
typedef struct name_set {
  str_map_t exact;  // to name_entry_t
  str_map_t canonical;
} name_set_t;
// Adds a name; reports FI-0034 to FI-0037 and returns false if it collides. `what` says what it names.
bool name_set_add(compiler_t* c, name_set_t* set, const str_t* name, span_t span,
                  const struct availability* availability, const char* what);

// collect.c
void collect_library(compiler_t* c, library_t* library);

// resolve.c
void resolve_library(compiler_t* c, library_t* library);
// Resolves a name where `file` of `library` uses it; false if that failed (reported once).
bool resolve_name(compiler_t* c, library_t* library, file_syntax_t* file, name_ref_t* name);
// The resource definition a type name stands for, through aliases; or NULL.
decl_t* resource_of(compiler_t* c, decl_t* decl);
// What a name stands for in this pass, if it was resolved in it and that did not fail; otherwise NULL.
const decl_t* resolved_decl(const compiler_t* c, const name_ref_t* name);
bool is_builtin_ref(const name_ref_t* name, builtin_t builtin);

// suggest.c: hints for names that were not found.
void suggest_decl(compiler_t* c, diagnostic_t* error, library_t* library, const str_t* name);
void suggest_import(compiler_t* c, diagnostic_t* error, const file_syntax_t* file, const str_t* name);
void suggest_library(compiler_t* c, diagnostic_t* error, const str_t* library);
void suggest_member(compiler_t* c, diagnostic_t* error, const str_map_t* members, const str_t* name);

// sort.c
void sort_library(compiler_t* c, library_t* library);

// compile.c
void compile_library(compiler_t* c, library_t* library);

// values.c: constants. The context says where names are looked up.
typedef struct context {
  compiler_t* c;
  library_t* library;
  file_syntax_t* file;
  bool defines_alias;
} context_t;
// Computes `expr` as a value of `type`; false if it cannot be (reported).
bool evaluate(const context_t* context, const expr_t* expr, const type_t* type, value_t* out);
// Likewise as a size: MAX is one, too.
bool evaluate_size(const context_t* context, const expr_t* expr, value_t* out);
// Says that what `expr` was for has no value now, if evaluating it failed for a reason of its own; when a
// name in it could not be found, that was said already.
void report_unresolvable(const context_t* context, const expr_t* expr, int number, const char* format,
                         const char* what) __attribute__((format(printf, 4, 0)));
bool value_fits(const value_t* value, builtin_t primitive);
bool value_equal(const value_t* a, const value_t* b);
const char* value_text(compiler_t* c, const value_t* value);
const char* type_text(compiler_t* c, const type_t* type);
// The primitive below a primitive, bits or enum type; BUILTIN_NONE otherwise.
builtin_t underlying_primitive(const type_t* type);
uint32_t primitive_size(builtin_t primitive);
bool primitive_is_signed(builtin_t primitive);
bool primitive_is_integer(builtin_t primitive);

// types.c
// NULL if it failed (reported).
type_t* compile_type(const context_t* context, type_syntax_t* syntax);
// constraints.c
bool apply_constraints(const context_t* context, const type_syntax_t* syntax, type_t* type);
// Ends must say their protocol, except where an alias leaves it to its users.
bool check_endpoint(const context_t* context, const type_syntax_t* syntax, const type_t* type);
type_t* identifier_type(compiler_t* c, decl_t* decl, span_t span);

// layouts.c
void compile_value_layout(const context_t* context, decl_t* decl);   // bits, enum
void compile_member_layout(const context_t* context, decl_t* decl);  // struct, table, union, overlay
void compile_resource(const context_t* context, decl_t* decl);
void note_abi(const compiler_t* c, const member_syntax_t* member, int64_t abi);
void check_overlay(compiler_t* c, decl_t* decl);
// protocols.c
void compile_protocol(const context_t* context, decl_t* decl);
void compile_service(const context_t* context, decl_t* decl);

// ordinals.c
uint64_t method_ordinal(const char* selector);

// attributes.c
attribute_t* find_attribute(const attribute_t* attributes, const char* name);
attribute_arg_t* attribute_arg(const attribute_t* attribute,
                               const char* name);  // NULL name: the anonymous one
// The text of a string argument, or NULL.
const char* attribute_string(compiler_t* c, const attribute_arg_t* arg, uint32_t* out_length);

const char* protocol_transport(compiler_t* c, const decl_t* decl);
// NULL if the protocol is not discoverable.
const str_t* protocol_discoverable_name(compiler_t* c, const decl_t* decl);

// shapes.c
void shape_library(compiler_t* c, library_t* library);
shape_t type_shape(const type_t* type);
bool type_is_resource(const type_t* type);

// verify.c
void verify_library(compiler_t* c, library_t* library);

#endif  // CODEGEN_FIDLC_COMPILER_H_
