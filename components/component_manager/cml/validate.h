// The checks of a manifest that lie in different files. Each returns false with the first violation in the
// error.
#ifndef COMPONENT_MANAGER_CML_VALIDATE_H_
#define COMPONENT_MANAGER_CML_VALIDATE_H_

#include "cml.h"

typedef struct validator {
  cml_arena_t* arena;
  const cml_document_t* document;
  cml_error_t* error;
} validator_t;

bool cml_validate_capabilities(validator_t* v);
bool cml_validate_use(validator_t* v);
bool cml_validate_expose(validator_t* v);
bool cml_validate_offer(validator_t* v);
bool cml_validate_environments(validator_t* v);
bool cml_validate_config(validator_t* v);
bool cml_validate_cycles(validator_t* v);

// Checks every clause needs: a type, one name where a path or new name is given.
bool cml_validate_clause(validator_t* v, const cml_clause_t* clause);

// "offer: protocol fuchsia.net.Stack": how messages name a clause. From the arena.
const char* cml_clause_text(validator_t* v, const cml_clause_t* clause);

// Fails because `name` is not a child (and not a collection, where those count too), telling which there are.
bool cml_fail_no_child(validator_t* v, cml_location_t location, const char* error_class, const char* what,
                       const char* name, bool or_collection);

// Fails unless `from: "self"` of the clause is backed by a capability of its type declared here.
bool cml_validate_declared(validator_t* v, const cml_clause_t* clause);

#endif  // COMPONENT_MANAGER_CML_VALIDATE_H_
