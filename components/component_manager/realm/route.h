// Following a capability from who uses it to who provides it.
#ifndef COMPONENT_MANAGER_REALM_ROUTE_H_
#define COMPONENT_MANAGER_REALM_ROUTE_H_

#include "realm.h"

typedef enum realm_source {
  REALM_SOURCE_COMPONENT,  // `provider` declares it
  REALM_SOURCE_BUILTIN,    // the component manager itself has it; above the root
  REALM_SOURCE_VOID,       // deliberately nowhere; the user said that it copes
} realm_source_t;

typedef struct realm_route_step {
  const realm_instance_t* instance;  // whose manifest
  const cml_clause_t* clause;        // says it: a use, offers and exposes, at last the declaration
} realm_route_step_t;

typedef struct realm_route {
  realm_source_t source;
  realm_instance_t* provider;       // of REALM_SOURCE_COMPONENT
  const cml_clause_t* declaration;  // of REALM_SOURCE_COMPONENT
  const char* name;                 // what the source calls it
  const char* path;                 // in the provider's outgoing directory, for the types that have one
  const char* subdir;               // of a directory: below the declared one; "" for itself
  uint32_t rights;                  // of a directory: what is left of them
  realm_route_step_t* steps;
  size_t step_count;
} realm_route_t;

// The capabilities that the root may get from its parent.
#define REALM_BUILTIN_NETWORK "jacinth.host.Network"
#define REALM_BUILTIN_TAP "jacinth.host.Tap"

// Routes the `name_index`th name of one of `instance`'s uses. False with an error of the routing classes of
// the CML facts (UseFromParentNotFound ...) in `error`: what, for whom, where the route breaks, and what to
// add there.
bool realm_route_use(const realm_t* realm, realm_instance_t* instance, const cml_clause_t* use,
                     size_t name_index, realm_route_t* out, cml_error_t* error);

// What a runner is called above all environments ("elf", "posix"), following the instance's environments.
// NULL with an error if it is registered nowhere or is no built-in one.
const char* realm_route_runner(const realm_t* realm, const realm_instance_t* instance, cml_error_t* error);

// Whether one of the instance's uses leads to the built-in capability `name`.
bool realm_uses_builtin(const realm_t* realm, realm_instance_t* instance, const char* name);

#endif  // COMPONENT_MANAGER_REALM_ROUTE_H_
