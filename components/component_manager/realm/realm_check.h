// Everything that can be wrong with a tree before any of it is started.
#ifndef COMPONENT_MANAGER_REALM_REALM_CHECK_H_
#define COMPONENT_MANAGER_REALM_REALM_CHECK_H_

#include "realm.h"

// Called for what is wrong but was declared optional: the tree starts without it.
typedef void (*realm_warning_t)(void* context, const cml_error_t* warning);

// Routes every use of every instance and reads every program. False with the first error: a required
// capability without a route, an unknown runner, a missing binary, a variable that nobody has. `warning` may
// be NULL.
bool realm_check(const realm_t* realm, realm_warning_t warning, void* context, cml_error_t* error);

#endif  // COMPONENT_MANAGER_REALM_REALM_CHECK_H_
