// What is not a message: signals, creation, idleness.
#ifndef TESTS_BENCH_IPC_OBJECTS_H_
#define TESTS_BENCH_IPC_OBJECTS_H_

#include "place.h"

// From zx_object_signal_peer to the return of the peer's wait, beside an eventfd; the peer sleeps.
void ipc_bench_wake_up(enum ipc_place place);

// Making and closing each kind of pair, beside a socketpair.
void ipc_bench_creation(void);

// What 10,000 channels cost that nobody uses: memory and descriptors, and a call while they are there.
void ipc_bench_idle(void);

#endif  // TESTS_BENCH_IPC_OBJECTS_H_
