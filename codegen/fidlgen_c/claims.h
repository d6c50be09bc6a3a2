// The names that a library's C takes, at file scope and as macros. Distinct names of FIDL can become one name
// of C: `has_x` of a table and whether it has its `x`, `c_X` of library a.b and `X` of a.b.c.
#ifndef CODEGEN_FIDLGEN_C_CLAIMS_H_
#define CODEGEN_FIDLGEN_C_CLAIMS_H_

#include "model.h"

typedef struct claim {
  const char* c;                     // the name in C
  const char* fidl;                  // what it stands for: "a.b/X", "a.b/X.member", "vector<a.b/X>"
  const Fidl__Ir__SourceSpan* span;  // where that is declared; NULL for vectors
} claim_t;

typedef struct claims {
  claim_t* items;  // sorted by C name once claims_collect returns
  size_t count;
  size_t capacity;
} claims_t;

// All names of the library and of those it uses. To be freed with claims_free.
claims_t claims_collect(model_t* model);
void claims_free(claims_t* claims);

// Messages about names claimed twice, at most `max`; returns how many there are. They live until
// text_free_formatted().
size_t claims_collisions(const claims_t* claims, char** out, size_t max);

#endif  // CODEGEN_FIDLGEN_C_CLAIMS_H_
