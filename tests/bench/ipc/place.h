// Where the processes of a measurement run, and what runs beside them.
#ifndef TESTS_BENCH_IPC_PLACE_H_
#define TESTS_BENCH_IPC_PLACE_H_

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum ipc_place { IPC_SAME, IPC_SPLIT, IPC_ANYWHERE };
#define IPC_PLACES 3

extern const char* const ipc_place_names[IPC_PLACES];

// Once, before anything is pinned.
void ipc_place_init(void);

// Pins the calling process: the caller's, or a server's.
void ipc_place(enum ipc_place place, bool server);

// Processes that do nothing but use a processor, pinned as the caller is. Ended by ipc_end.
pid_t ipc_burn(enum ipc_place place);
void ipc_end(pid_t process);

// The CPU time a process, or 0 for the calling one, has used, in nanoseconds; 0 if it cannot be known.
uint64_t ipc_cpu_ns(pid_t process);

// Runs `body` in a process of its own, so that pinning and descriptors do not last. False: it failed.
bool ipc_apart(void (*body)(void* context), void* context);

#endif  // TESTS_BENCH_IPC_PLACE_H_
