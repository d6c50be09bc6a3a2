// What encoders, decoders and closers have in common: one way through the kinds of values and of layouts.
// Each brings its own steps.
#ifndef CODEGEN_FIDLGEN_C_WALK_H_
#define CODEGEN_FIDLGEN_C_WALK_H_

#include "model.h"
#include "text.h"

// FIDL_TIGHT_BYTES of the runtime, which generated code checks to be no less.
#define WALK_TIGHT_BYTES 1024u

typedef struct walk walk_t;

// A value in the generated code.
typedef struct place {
  const type_t* type;  // newtypes looked through once a step sees it
  const char* expr;    // of the value
  const char* to;      // encoding: of its copy in the message
  const char* indent;
  unsigned hops;     // pointers followed from the object of the function
  unsigned nesting;  // of loops
} place_t;

// What is written for each kind of value and of layout; NULL: nothing. Plain values need nothing.
typedef struct steps {
  void (*string)(walk_t* walk, const place_t* place);
  void (*vector)(walk_t* walk, const place_t* place);
  void (*array)(walk_t* walk, const place_t* place);
  void (*box)(walk_t* walk, const place_t* place);
  void (*handle)(walk_t* walk, const place_t* place);
  void (*fixed)(walk_t* walk, const place_t* place);   // bool, strict enum and bits, a struct of fixed bytes
  void (*layout)(walk_t* walk, const place_t* place);  // what has a function of its own, or is a union
  void (*struct_members)(walk_t* walk, const decl_t* decl);
  void (*table_members)(walk_t* walk, const decl_t* decl);
  void (*union_members)(walk_t* walk, const decl_t* decl);
  void (*overlay_members)(walk_t* walk, const decl_t* decl);
} steps_t;

struct walk {
  const steps_t* steps;
  model_t* model;
  text_t* out;
  const char* coder;  // "encode" or "decode"
  bool counts_depth;  // the function has a parameter `depth`
  bool has_room;      // encoding: there is room for all that a value may take
  text_t* functions;  // encoding: what is written before the function
  text_t* texts;      // encoding: checks of strings that are left for later; NULL: each is checked at once
};

void walk_value(walk_t* walk, place_t place);
void walk_members(walk_t* walk, const decl_t* decl);

// A line that fails the function if a check fails: "if (!FORMAT) return NULL;".
void walk_check(walk_t* walk, const char* indent, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
// The same for a call that appends or claims: "if (!(next = FORMAT)) return NULL;".
void walk_step(walk_t* walk, const char* indent, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
// "return fidl_encode_stop(encoder, ERROR);" or the same of a decoder.
const char* walk_stop(const walk_t* walk, const char* error);

// The check of the depth of what is `hops` away, if the function counts it. With `present`, an expression,
// only if that is not NULL.
void walk_depth(walk_t* walk, const char* indent, unsigned hops, const char* present);

// "a_b_X_encode_", or "a_b_X_encode_at_" where depth is counted, and ", depth + 1" for its last argument.
const char* walk_function(const walk_t* walk, const decl_t* decl);
const char* walk_depth_argument(const walk_t* walk, const decl_t* decl, unsigned hops);

// The checks of bools, strict enums, strict bits and framework errors. Other values have none.
void walk_scalar_check(walk_t* walk, const place_t* place);

// What the value of an inline envelope may have, if its header and its value can be checked at once: a mask,
// and the error of other values. NULL if not.
const char* walk_inline_mask(walk_t* walk, const type_t* type, const char** out_error);

#endif  // CODEGEN_FIDLGEN_C_WALK_H_
