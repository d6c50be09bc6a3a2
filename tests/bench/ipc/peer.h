// One way of talking between two processes, as the benchmark sees it. Each lives in a file of its own,
// peer_NAME.c; those that need a package are there only if it was found when the build was configured.
#ifndef TESTS_BENCH_IPC_PEER_H_
#define TESTS_BENCH_IPC_PEER_H_

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IPC_MAX_BYTES 65536u

// What is to be sent and answered.
struct ipc_load {
  uint32_t size;     // bytes of a request, and of its answer
  bool with_handle;  // a handle or descriptor travels along, both ways
};

// Done by a server before it answers: nothing, or a call further on.
struct ipc_work {
  void (*run)(void* context);
  void* context;
};

struct ipc_peer {
  const char* name;
  uint32_t max_bytes;  // of a request; 0: any
  bool passes_handles;
  bool never_chains;  // a server of it cannot call on while it answers

  // Before the other processes are made: makes both ends. Null: cannot be had; `*why` says what is missing.
  void* (*open)(const struct ipc_load* load, const char** why);
  // In the server's process, until it is killed: answers each request with as many bytes.
  void (*serve)(void* link, const struct ipc_work* work);
  // In the caller's process, after the server's was made.
  void (*start)(void* link);
  void (*call)(void* link);
  // In the caller's process, after the server's has ended. Frees the link.
  void (*close)(void* link);
  // A third process that takes part, for the count of CPU time; null: none.
  pid_t (*broker)(void* link);
};

extern const struct ipc_peer ipc_zx, ipc_zx_port, ipc_zx_threads, ipc_fidl;
extern const struct ipc_peer ipc_seqpacket, ipc_seqpacket_epoll, ipc_pipe, ipc_yield;
extern const struct ipc_peer ipc_sdbus, ipc_dbus_broker, ipc_capnp, ipc_zmq, ipc_nng;

// What could not be set up, or a call that failed, ends the process with a word about it.
void ipc_check(bool good, const char* what);

// Messages, in each process its own.
extern char ipc_message[IPC_MAX_BYTES];
extern char ipc_answer[IPC_MAX_BYTES];

static inline void ipc_run(const struct ipc_work* work) {
  if (work->run) work->run(work->context);
}

#ifdef __cplusplus
}
#endif

#endif  // TESTS_BENCH_IPC_PEER_H_
