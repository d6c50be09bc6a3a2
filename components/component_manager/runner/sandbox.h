// A process that sees and reaches nothing but what it is given.
//
// It is started in user, mount, pid, ipc, uts and network namespaces of its own, with a root directory made
// for it, without capabilities or the means to gain any, under a system call filter that fits its kind, and
// with exactly the descriptors named. It dies with its parent, and everything it may have started dies with
// it. What a kernel or an ordinary user's rights do not allow is left out and told (`notes`), except that a
// process which would have fewer walls than it was said to have is never started silently.
#ifndef COMPONENT_MANAGER_RUNNER_SANDBOX_H_
#define COMPONENT_MANAGER_RUNNER_SANDBOX_H_

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <zircon/types.h>

typedef enum sandbox_kind {
  // A component built against Jacinth. Its root holds /pkg, the system's shared libraries, /proc of itself
  // and a few
  // devices. It is process 1 of its namespace, starts threads but no processes, and has the system calls of
  // our runtime.
  SANDBOX_ELF,
  // Any Linux program. Its root is a read-only view of the host's, with /tmp, /run, /dev and /proc of its
  // own, and /pkg. An
  // init of ours is process 1; it has all system calls but those that manage the machine or break out of a
  // namespace.
  SANDBOX_POSIX,
} sandbox_kind_t;

#define SANDBOX_DESCRIPTORS_MAX 32u

typedef struct sandbox_spec {
  sandbox_kind_t kind;
  const char* package;          // the host's folder that is /pkg inside
  const char* program;          // as it is called inside
  const char* program_outside;  // the same file on the host
  const char* const* argv;      // NULL-terminated
  const char* const* envp;      // NULL-terminated
  // The process has these descriptors and no others; borrowed. They become 0 ... count - 1; -1 leaves a
  // number closed.
  int descriptors[SANDBOX_DESCRIPTORS_MAX];
  size_t descriptor_count;
  // Those that stay what they are, from 3 on and ascending. The others then take the numbers between and
  // after them (sandbox_number).
  const int* kept;
  size_t kept_count;
  bool host_network;  // stay in the caller's network namespace
  // SANDBOX_POSIX only.
  const char* init;               // our init on the host
  const char* preload;            // a library inside that every program there loads first; NULL for none
  const char* preload_outside;    // the same file on the host; it is mounted at `preload`
  const char* working_directory;  // inside; "/" if NULL
  bool writable_directory;        // the host's working_directory is there, and can be written
  bool host_tmp;                  // /tmp is the host's, and can be written, instead of an empty one
  bool foreground;                // stay in the caller's session, with its terminal and umask
  // The number of the channel to the services, for an init that makes the calls on sockets of those programs
  // which `preload` cannot reach; 0: it makes none.
  int svc;
  const char* name_server;  // what /etc/resolv.conf says inside, NULL to leave it as it is
} sandbox_spec_t;

#define SANDBOX_TEXT_MAX 512u

typedef struct sandbox_process {
  pid_t pid;      // as the caller sees it: the program, or its init
  int pidfd;      // readable when it has ended; the caller's
  int report_fd;  // SANDBOX_POSIX: where init writes the program's wait status (an int); else -1. The
                  // caller's.
  char notes[SANDBOX_TEXT_MAX];    // what could not be applied, one clause after the other; empty if all was
  char problem[SANDBOX_TEXT_MAX];  // after a failure: what went wrong
} sandbox_process_t;

// The number that `spec->descriptors[index]` has in the process.
int sandbox_number(const sandbox_spec_t* spec, size_t index);

// Starts a process and waits until its program runs (some milliseconds). ZX_ERR_NOT_FOUND: the program cannot
// be executed; ZX_ERR_ACCESS_DENIED, ZX_ERR_NO_RESOURCES: the kernel did not let the sandbox be made. On
// failure `out->problem` says more.
zx_status_t sandbox_start(const sandbox_spec_t* spec, sandbox_process_t* out);

// Takes the wait status of a process whose pidfd is readable: the program's own where an init reported it.
// Returns -1 if it has not ended.
int sandbox_reap(const sandbox_process_t* process);

#endif  // COMPONENT_MANAGER_RUNNER_SANDBOX_H_
