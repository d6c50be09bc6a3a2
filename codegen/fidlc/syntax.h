// The syntax tree, as the parser makes it. Lists are linked in source order.
//
// The tree is shared by all versions of a library that are compiled; what name resolution finds is written
// into the slots marked "resolved" and is true for the version being compiled.
#ifndef CODEGEN_FIDLC_SYNTAX_H_
#define CODEGEN_FIDLC_SYNTAX_H_

#include "intern.h"
#include "source.h"

struct decl;
struct availability;

typedef struct ident {
  const str_t* name;
  span_t span;
} ident_t;

// A dotted name.
typedef struct name_ref {
  span_t span;
  uint32_t count;
  ident_t* parts;
  struct decl* decl;             // resolved; NULL if it could not be
  struct member_syntax* member;  // resolved: of the bits or enum `decl`, or NULL
  bool failed;                   // resolved: an error was reported
  uint32_t pass;                 // resolved: in which pass
} name_ref_t;

typedef enum expr_kind {
  EXPR_NUMBER,
  EXPR_STRING,
  EXPR_TRUE,
  EXPR_FALSE,
  EXPR_NAME,
  EXPR_OR,
  EXPR_DOC,  // the text of doc comments: `text`
} expr_kind_t;

typedef struct expr {
  expr_kind_t kind;
  span_t span;
  struct expr* next;      // in a list of constraints, or of operands
  name_ref_t* name;       // EXPR_NAME
  struct expr* operands;  // EXPR_OR: two or more
  const char* text;       // EXPR_DOC
} expr_t;

typedef struct attribute_arg {
  struct attribute_arg* next;
  ident_t name;  // name NULL if anonymous
  span_t span;
  expr_t* value;
} attribute_arg_t;

typedef struct attribute {
  struct attribute* next;
  ident_t name;
  span_t span;  // from the @ to the end of its arguments
  attribute_arg_t* args;
  bool is_doc_comment;
} attribute_t;

typedef struct modifier {
  struct modifier* next;
  word_t word;
  span_t span;
  attribute_t* available;  // strict(added=2), or NULL
  struct availability* availability;
  bool present;  // resolved: `available` holds at the version being compiled
} modifier_t;

typedef struct type_arg {
  struct type_arg* next;
  span_t span;
  struct type_syntax* type;  // NULL for a literal
  expr_t* literal;           // a literal, or the bare name read as a constant; NULL if only a type fits
} type_arg_t;

typedef struct type_syntax {
  span_t span;
  span_t name_span;  // without arguments and constraints
  attribute_t* attributes;
  name_ref_t* name;  // one of the two
  struct layout_syntax* layout;
  type_arg_t* args;
  span_t args_span;  // source NULL: none written
  expr_t* constraints;
  span_t constraints_span;  // source NULL: none written
  struct decl* anonymous;   // resolved: the declaration made for `layout`, or a type made by the compiler
} type_syntax_t;

typedef struct member_syntax {
  struct member_syntax* next;
  ident_t ident;  // resolved: renamed, where versions before and after its renaming are selected together
  span_t span;
  attribute_t* attributes;
  uint32_t ordinal;
  span_t ordinal_span;
  type_syntax_t* type;  // not for bits and enums
  expr_t* value;        // bits, enums; a struct member's default
  struct availability* availability;
  bool absent;     // resolved: not in the version being compiled
  bool abi_known;  // over all versions: its ordinal, value or offset, in its first and last one
  int64_t abi_first;
  int64_t abi_last;
  bool framework_err;  // made by the compiler: the type is FrameworkErr
} member_syntax_t;

typedef enum layout_kind {
  LAYOUT_STRUCT,
  LAYOUT_TABLE,
  LAYOUT_UNION,
  LAYOUT_OVERLAY,
  LAYOUT_BITS,
  LAYOUT_ENUM,
} layout_kind_t;

typedef struct layout_syntax {
  layout_kind_t kind;
  span_t span;  // from its modifiers to the closing brace
  span_t kind_span;
  modifier_t* modifiers;
  type_syntax_t* subtype;
  member_syntax_t* members;
  bool incomplete;  // a member could not be parsed
} layout_syntax_t;

typedef struct method_syntax {
  struct method_syntax* next;
  name_ref_t* compose;         // a compose line, or NULL for a method
  ident_t ident;               // likewise
  const str_t* declared_name;  // what its ordinal comes from
  span_t span;
  attribute_t* attributes;
  modifier_t* modifiers;
  bool has_request;   // false: an event
  bool has_response;  // two-way, or an event
  bool has_error;
  type_syntax_t* request;  // NULL for ()
  type_syntax_t* response;
  type_syntax_t* error;
  struct availability* availability;
  bool absent;
  const char* selector;  // over all versions
} method_syntax_t;

typedef enum decl_syntax_kind {
  SYNTAX_CONST,
  SYNTAX_ALIAS,
  SYNTAX_TYPE,  // layout or newtype
  SYNTAX_PROTOCOL,
  SYNTAX_SERVICE,
  SYNTAX_RESOURCE,
} decl_syntax_kind_t;

typedef struct decl_syntax {
  struct decl_syntax* next;
  decl_syntax_kind_t kind;
  ident_t ident;
  span_t span;
  attribute_t* attributes;
  modifier_t* modifiers;     // protocol
  type_syntax_t* type;       // const, alias, type; resource: the underlying type or NULL
  expr_t* value;             // const
  method_syntax_t* methods;  // protocol
  member_syntax_t* members;  // service; resource: properties
  bool incomplete;           // one of them could not be parsed
  struct availability* availability;
  bool absent;  // resolved: not in the version being compiled
  struct file_syntax* file;
} decl_syntax_t;

typedef struct using_syntax {
  struct using_syntax* next;
  span_t span;
  name_ref_t* library_name;
  ident_t alias;            // name NULL: none
  struct library* library;  // found
  bool used;
} using_syntax_t;

typedef struct file_syntax {
  struct file_syntax* next;
  source_t* source;
  attribute_t* attributes;   // of the library line
  name_ref_t* library_name;  // NULL if the line is missing
  using_syntax_t* usings;
  decl_syntax_t* decls;
  str_map_t imports;  // dotted name or alias -> using_syntax_t
} file_syntax_t;

#endif  // CODEGEN_FIDLC_SYNTAX_H_
