// What the syntax means: libraries, declarations, types, values. Built anew for each version that is
// compiled.
#ifndef CODEGEN_FIDLC_MODEL_H_
#define CODEGEN_FIDLC_MODEL_H_

#include <stdbool.h>

#include "arena.h"
#include "intern.h"
#include "source.h"
#include "syntax.h"

#define SHAPE_UNBOUNDED UINT32_MAX

typedef enum builtin {
  BUILTIN_NONE,
  BUILTIN_BOOL,  // the primitives come first, in the order of the IR's numbers
  BUILTIN_INT8,
  BUILTIN_INT16,
  BUILTIN_INT32,
  BUILTIN_INT64,
  BUILTIN_UINT8,
  BUILTIN_UINT16,
  BUILTIN_UINT32,
  BUILTIN_UINT64,
  BUILTIN_FLOAT32,
  BUILTIN_FLOAT64,
  BUILTIN_UCHAR,
  BUILTIN_USIZE64,
  BUILTIN_UINTPTR64,
  BUILTIN_BYTE,
  BUILTIN_STRING,
  BUILTIN_ARRAY,
  BUILTIN_STRING_ARRAY,
  BUILTIN_VECTOR,
  BUILTIN_BOX,
  BUILTIN_POINTER,
  BUILTIN_CLIENT_END,
  BUILTIN_SERVER_END,
  BUILTIN_OPTIONAL,
  BUILTIN_MAX,
  BUILTIN_NEXT,
  BUILTIN_HEAD,
  BUILTIN_COUNT,
} builtin_t;

typedef enum decl_kind {
  DECL_BUILTIN,
  DECL_CONST,
  DECL_BITS,
  DECL_ENUM,
  DECL_STRUCT,
  DECL_TABLE,
  DECL_UNION,
  DECL_OVERLAY,
  DECL_NEWTYPE,
  DECL_ALIAS,
  DECL_PROTOCOL,
  DECL_SERVICE,
  DECL_RESOURCE,
} decl_kind_t;

typedef struct shape {
  uint32_t inline_size;
  uint32_t alignment;
  uint32_t depth;
  uint32_t max_handles;
  uint32_t max_out_of_line;
  bool has_padding;
  bool has_flexible_envelope;
} shape_t;

typedef enum type_kind {
  TYPE_PRIMITIVE,
  TYPE_STRING,
  TYPE_VECTOR,
  TYPE_ARRAY,
  TYPE_STRING_ARRAY,
  TYPE_BOX,
  TYPE_HANDLE,
  TYPE_CLIENT_END,
  TYPE_SERVER_END,
  TYPE_IDENTIFIER,
  TYPE_FRAMEWORK_ERR,
  TYPE_POINTER,
  TYPE_UNTYPED_NUMERIC,  // of constants only
} type_kind_t;

typedef struct type {
  type_kind_t kind;
  builtin_t primitive;  // TYPE_PRIMITIVE
  bool nullable;
  bool bounded;  // count is set: strings, vectors; always for arrays
  uint64_t count;
  const struct type* element;  // vector, array, box, pointer
  struct decl* decl;           // TYPE_IDENTIFIER; TYPE_HANDLE: the resource definition
  struct decl* protocol;       // ends; NULL if it could not be resolved
  bool has_subtype;            // TYPE_HANDLE: written in the source
  bool has_rights;
  uint32_t subtype;
  uint32_t rights;
  struct decl* alias;         // named by this alias
  const expr_t* size;         // where this use, not its alias, says how many; NULL if it does not
  const expr_t* rights_expr;  // likewise
  span_t span;
  uint32_t nesting;      // of types in types
  void* representation;  // its Fidl__Ir__Type once made
} type_t;

typedef enum value_kind {
  VALUE_NONE,
  VALUE_BOOL,
  VALUE_SIGNED,
  VALUE_UNSIGNED,
  VALUE_FLOAT,
  VALUE_STRING
} value_kind_t;

typedef struct value {
  value_kind_t kind;
  bool boolean;
  int64_t i;  // VALUE_SIGNED
  uint64_t u;
  double f;
  const char* text;
  uint32_t length;
} value_t;

typedef struct member {
  struct member* next;
  const member_syntax_t* syntax;
  const type_t* type;  // NULL if it could not be resolved
  value_t value;       // bits, enum; a struct member's default
  uint32_t offset;
  uint32_t padding;
} member_t;

typedef enum method_kind { METHOD_ONE_WAY, METHOD_TWO_WAY, METHOD_EVENT } method_kind_t;

typedef struct method {
  method_syntax_t* syntax;
  struct decl* owner;
  method_kind_t kind;
  bool strict;
  uint64_t ordinal;
  const char* selector;
  bool has_result;
  const type_t* request;
  const type_t* response;  // the whole body
  const type_t* success;
  const type_t* error;
  struct decl* result;  // has_result: the union
  type_syntax_t* result_type;
  type_syntax_t* success_type;
  bool failed;
} method_t;

typedef struct context_name {
  const struct context_name* outer;
  const char* name;
} context_name_t;

typedef struct decl {
  decl_kind_t kind;
  builtin_t builtin;
  struct library* library;
  const str_t* name;
  span_t span;  // of the name, or of an anonymous layout
  attribute_t* attributes;
  decl_syntax_t* syntax;  // NULL for anonymous layouts
  file_syntax_t* file;
  layout_syntax_t* layout;
  struct availability* availability;
  bool anonymous;
  bool deprecated;  // it, or what it stands in, is marked @deprecated
  bool result_union;
  bool empty_success;
  bool payload;
  const context_name_t* context;

  ptr_list_t edges;     // the declarations that must be compiled before
  uint32_t sort_index;  // of the depth-first walks
  uint32_t sort_low;
  bool on_stack;
  bool sorted;
  bool compiled;
  bool failed;  // something of it is wrong; whoever depends on it keeps quiet
  bool cyclic;
  bool shadows_import;  // its name is that of an import, which was reported
  uint32_t carried;     // the transports for which its content was checked

  const type_t* type;  // const, alias, newtype; bits, enum, resource: the underlying one
  value_t value;
  member_t* members;
  str_map_t member_syntaxes;  // bits, enum: by name, made at the first reference
  str_map_t members_by_name;  // bits, enum: member_t*
  bool strict;
  bool resource;
  bool has_shape;
  bool recursive;
  shape_t shape;
  uint64_t mask;
  bool has_unknown_value;
  value_t unknown_value;
  ptr_list_t methods;      // method_t*: a protocol's own
  ptr_list_t all_methods;  // method_t*: composed ones first
  ptr_list_t composed;     // decl_t*
  word_t openness;
  const char* transport;
  const str_t* discoverable_name;
  struct decl* subtype_enum;  // resource
  const type_t* rights_type;
} decl_t;

// Versions of a platform that are compiled together.
typedef struct version_set {
  uint32_t* versions;
  uint32_t count;
} version_set_t;

typedef struct library {
  const str_t* name;  // dotted
  uint32_t group;
  span_t span;  // of its name in the first file
  file_syntax_t* files;
  struct library** dependencies;
  ptr_list_t imports;  // library_t*
  const str_t* platform;
  struct availability* availability;  // NULL: unversioned
  bool versioned;                     // has @available, well-formed or not
  span_t available_span;
  ptr_list_t versioned_elements;
  str_map_t all_names;     // to decl_syntax_t*, of any version
  version_set_t selected;  // by --available
  bool reached;
  // Of the version being compiled:
  uint32_t version;  // the latest, if several
  bool absent;
  str_map_t names;    // name -> decl_t*
  ptr_list_t decls;   // in source order
  ptr_list_t sorted;  // in dependency order
} library_t;

#endif  // CODEGEN_FIDLC_MODEL_H_
