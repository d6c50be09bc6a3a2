// What must be 0 in values of fixed bytes: padding, and the bits that bools, strict bits and empty structs
// may not have. Many such fields are checked by one look at the word they stand in.
#ifndef CODEGEN_FIDLGEN_C_RULES_H_
#define CODEGEN_FIDLGEN_C_RULES_H_

#include "model.h"
#include "text.h"

typedef struct rule {
  uint32_t offset;
  uint32_t size;  // 1 to 8
  uint64_t mask;
  const char* error;  // FIDL_ERROR_...
  bool padding;       // zeroed when a value is encoded, an error only in what is decoded
} rule_t;

typedef struct rules {
  rule_t* items;
  size_t count;
  size_t capacity;
  uint32_t object_size;
} rules_t;

// Whether rules are all there is to a value of `type`: neither pointers, handles and envelopes nor strict
// enums nor long arrays are in it. False for what is plain.
bool rules_suffice(model_t* model, const type_t* type);
bool rules_suffice_for_decl(model_t* model, const decl_t* decl);

// The rules of a struct: those of its padding, and of the members for which rules suffice. To be freed with
// rules_free.
rules_t rules_of_struct(model_t* model, const decl_t* decl);
void rules_free(rules_t* rules);

// Which of the rules a check is about.
typedef enum rules_kind { RULES_ALL, RULES_VALUES, RULES_PADDING } rules_kind_t;
bool rules_have(const rules_t* rules, rules_kind_t kind);

// An expression that is 0 if the object at `address` keeps the rules.
const char* rules_expression(const rules_t* rules, rules_kind_t kind, const char* address);

// The same for all of `count` elements at `data`: an expression that is 0 if none breaks a rule.
const char* rules_expression_for_all(const rules_t* rules, rules_kind_t kind, const char* data,
                                     const char* count);

// Statements that zero the padding of the object at `address`.
void rules_clear(const rules_t* rules, text_t* out, const char* indent, const char* address);

// The table of a struct's rules, for telling afterwards which is broken; nothing if it has none.
void rules_emit_declaration(model_t* model, text_t* out, const decl_t* decl);
void rules_emit_table(model_t* model, text_t* out, const decl_t* decl);

#endif  // CODEGEN_FIDLGEN_C_RULES_H_
