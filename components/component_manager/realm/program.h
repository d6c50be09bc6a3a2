// The `program` section of a component, read for its runner.
//
// Both runners: binary (of the package, or absolute with runner "posix"), args, environ, lifecycle.stop_event
// ("notify", "ignore"), forward_stdout_to and forward_stderr_to ("log", "none", and with runner "posix" the
// default "terminal"). Runner "posix" alone: name_server (an address for /etc/resolv.conf) and sockets, [{
// name, datagram: "ADDRESS:PORT" }]: sockets of the host that the program inherits bound, by the LISTEN_FDS
// convention, from descriptor 3 on, at most PROGRAM_SOCKETS_MAX; the port each got is available to the args
// and environ of every component as ${name}, or ${name:-default} where it may be missing.
#ifndef COMPONENT_MANAGER_REALM_PROGRAM_H_
#define COMPONENT_MANAGER_REALM_PROGRAM_H_

#include "realm.h"
#include "route.h"

#define PROGRAM_SOCKETS_MAX 24u

typedef enum program_runner {
  PROGRAM_ELF,
  PROGRAM_POSIX,
} program_runner_t;

typedef enum program_output {
  PROGRAM_OUTPUT_LOG,
  PROGRAM_OUTPUT_NONE,
  PROGRAM_OUTPUT_TERMINAL,
} program_output_t;

typedef struct program_socket {
  cml_string_t name;
  cml_string_t address;  // "127.0.0.1:0"
} program_socket_t;

typedef struct program {
  program_runner_t runner;
  const char* binary;     // where it lies on the host
  const char* inside;     // where the component sees it
  cml_strings_t args;     // argv[1]...
  cml_strings_t environ;  // "K=V"
  bool notify_stop;
  program_output_t output;  // of standard output
  program_output_t errors;  // of standard error
  const char* name_server;  // NULL: none
  program_socket_t* sockets;
  size_t socket_count;
} program_t;

// Reads the program of an instance that has one. False with an error, also where the binary is missing or
// cannot be executed.
bool program_read(const realm_t* realm, const realm_instance_t* instance, program_t* out, cml_error_t* error);

// Finds the value of a variable; returns NULL if there is none.
typedef const char* (*program_lookup_t)(void* context, const char* name, size_t name_size);

// `text` with each ${name} and ${name:-default} replaced. NULL with an error for a variable that has neither
// value nor default. A "$" that "{" does not follow is itself.
const char* program_expand(cml_arena_t* arena, const cml_string_t* text, program_lookup_t lookup,
                           void* context, cml_error_t* error);

#endif  // COMPONENT_MANAGER_REALM_PROGRAM_H_
