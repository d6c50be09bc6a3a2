// The tree of component instances that a manifest describes, every manifest in it read and validated, nothing
// started.
//
// A package is a folder with bin/, lib/ and meta/. The package of a manifest DIR/meta/x.cml is DIR, of any
// other DIR/x.cml it is DIR. A child's URL "#meta/y.cml" is looked up in its parent's package and then in the
// package that comes with Jacinth; "file:///path/y.cml" is taken as it is. In both %20 and the like stand for
// characters that a URL cannot have.
#ifndef COMPONENT_MANAGER_REALM_REALM_H_
#define COMPONENT_MANAGER_REALM_REALM_H_

#include "cml.h"

typedef struct realm_instance realm_instance_t;

struct realm_instance {
  const char*
      name;  // as its parent's manifest calls it; the root's is the manifest's file name without ".cml"
  const char* moniker;  // "." for the root, else "a/b"
  const char* path;     // of its manifest
  const char* package;  // the folder it will see as /pkg
  size_t index;         // in realm_t's list
  realm_instance_t* parent;
  const cml_child_t* child;  // how its parent's manifest declares it; NULL for the root
  cml_document_t document;
  realm_instance_t** children;  // as in document.children
  size_t* stop_order;           // indexes of children, in the order of stopping
};

typedef struct realm {
  cml_arena_t* arena;
  const char* builtin_package;
  realm_instance_t* root;
  realm_instance_t** instances;  // all, parents before children
  size_t instance_count;
} realm_t;

// Reads the manifest `path` and those of all its children, and theirs. Everything lives as long as `arena`.
// False with the first error.
bool realm_load(realm_t* realm, cml_arena_t* arena, const char* path, const char* builtin_package,
                cml_error_t* error);

// Whether a path relative to a package has a segment "..".
bool realm_leaves_package(const char* path);

// The child of that name, NULL if there is none.
realm_instance_t* realm_child(const realm_instance_t* instance, const char* name);

// The instance that `jacinth run` waits for: what the root's facet `main: "#child"` names, or the root itself
// if it has a program. `*out` is NULL if the manifest names none. False with an error if the facet names
// nothing.
bool realm_main_instance(const realm_t* realm, realm_instance_t** out, cml_error_t* error);

// The instance that publishes ports of the host for `jacinth exec`: what the root's facet `publisher:
// "#child"` names; NULL if there is no such facet. False with an error if it names no child.
bool realm_publisher_instance(const realm_t* realm, realm_instance_t** out, cml_error_t* error);

// The same for `observer: "#child"`, the instance whose frames `--capture` records.
bool realm_observer_instance(const realm_t* realm, realm_instance_t** out, cml_error_t* error);

// How long an instance may take to stop before it is killed: that of the nearest environment that says.
#define REALM_DEFAULT_STOP_TIMEOUT_MS 5000u
uint32_t realm_stop_timeout_ms(const realm_instance_t* instance);

// The environment a child was given, NULL where it shares its parent's.
const cml_environment_t* realm_environment(const realm_instance_t* instance);

#endif  // COMPONENT_MANAGER_REALM_REALM_H_
