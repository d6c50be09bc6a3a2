// The component manager: starts the components of a tree in sandboxes, connects each one's requests to
// whoever provides what it asks for, watches over them, and stops them in an order in which nobody misses
// what it needs.
//
// Components start at first use of a capability they provide, those that are "eager" with their parent, and
// the main one at once. A provider that has ended is started again by the next request, unless it keeps
// failing.
#ifndef COMPONENT_MANAGER_MANAGER_MANAGER_H_
#define COMPONENT_MANAGER_MANAGER_MANAGER_H_

#include <stdbool.h>
#include <zircon/types.h>

#include "realm.h"

typedef struct manager manager_t;

typedef struct manager_options {
  bool verbose;  // also show what components log as information
  bool trace;    // give every process memory for trace points
  // A program to run in place of the main component's, with the caller's terminal, environment and working
  // directory. NULL: none. The first element is the program's path on the host; NULL-terminated.
  const char* const* command;
  // Ports to publish (inet/publication.h), arguments of the component that the root's facet "publisher"
  // names. NULL: none; NULL-terminated.
  const char* const* publish;
  // A file that inet/capture.h has begun, for the component that the root's facet "observer" names. 0: none.
  // It stays the caller's.
  int capture;
  // Descriptors of the caller's that the command gets by their numbers, from 3 on and ascending. They are
  // closed here once it has them, so that the other ends of pipes learn when it closes them.
  const int* kept;
  size_t kept_count;
} manager_options_t;

// Makes a manager of a tree that has been checked; `realm` must outlive it. Binds the sockets that programs
// inherit. False with an error in `error`.
bool manager_create(const realm_t* realm, const manager_options_t* options, manager_t** out,
                    cml_error_t* error);

// Starts the tree and returns when it has been stopped: because the main component ended, because nothing
// runs any more, a component died while starting, or a signal asked for it. Returns the exit status: the main
// component's own (128 and the signal's number if a signal ended it); 1 if something could not be started;
// else 0.
int manager_run(manager_t* manager);

// The number of a component's process as this process sees it, 0 if it never ran. After manager_run() it
// tells of the last process.
int manager_process(const manager_t* manager, const realm_instance_t* instance);

// The memory an instance's process recorded trace points in, NULL if it was not traced; valid until
// manager_destroy().
const void* manager_trace(const manager_t* manager, const realm_instance_t* instance, size_t* out_size);

// Accepts NULL. Everything has been stopped before.
void manager_destroy(manager_t* manager);

#endif  // COMPONENT_MANAGER_MANAGER_MANAGER_H_
