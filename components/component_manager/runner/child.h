// What happens in a new process between its creation and its program, in files of its own by what it deals
// with. These functions report a failure to the parent and do not return from it.
#ifndef COMPONENT_MANAGER_RUNNER_CHILD_H_
#define COMPONENT_MANAGER_RUNNER_CHILD_H_

#include <stdint.h>

#include "sandbox.h"

// What the child tells its parent, before the program runs; written whole.
typedef enum child_report_kind {
  CHILD_NOTE,        // something could not be applied
  CHILD_FAILED,      // it gives up
  CHILD_NO_RIGHTS,   // it gives up: its user namespace gives it none of the rights one should
  CHILD_NO_PROGRAM,  // the program cannot be executed
} child_report_kind_t;

typedef struct child_report {
  uint32_t kind;
  int32_t error;  // errno
  char text[120];
} child_report_t;

typedef struct child {
  const sandbox_spec_t* spec;
  int go_fd;      // a byte comes when the parent has mapped the ids; hangs up if it dies
  int status_fd;  // takes child_report_t; closed by the exec
  int init_report_fd;
  bool has_user_namespace;
  bool has_mounts;
  unsigned uid, gid;  // to become
} child_t;

// Never returns.
void child_main(child_t* child) __attribute__((noreturn));

// Reports `what` with errno and ends.
void child_fail(const child_t* child, const char* what) __attribute__((noreturn));

// The same for the first of what takes rights.
void child_fail_without_rights(const child_t* child, const char* what) __attribute__((noreturn));

// Reports something that could not be applied.
void child_note(const child_t* child, const char* what);

// mounts.c: makes and enters the root directory.
void child_make_root(const child_t* child);

// privileges.c: becomes child->uid and gid, and gives up all capabilities for good.
void child_drop_privileges(const child_t* child);

// filter.c: allows only the system calls that fit the kind. `exec_fd` is the descriptor a SANDBOX_ELF program
// is executed from; it can execute nothing else.
void child_filter_calls(const child_t* child, int exec_fd);

#endif  // COMPONENT_MANAGER_RUNNER_CHILD_H_
