// Calls: round trips of every peer, in turns.
#ifndef TESTS_BENCH_IPC_CALLS_H_
#define TESTS_BENCH_IPC_CALLS_H_

#include "peer.h"
#include "place.h"

struct ipc_calls {
  const char* name;
  struct ipc_load load;
  unsigned per_round;  // calls of one peer before the next one's turn
  bool cold;           // a millisecond of idling before each
  bool chain;          // the server calls another one
  unsigned burners;    // processes that want the caller's processor
  bool details;        // also report p99 and CPU time of every peer, not only of channels
};

// Reports the medians, 99th percentiles and CPU times of all peers that can do it.
void ipc_bench_calls(const struct ipc_calls* calls, enum ipc_place place);

#endif  // TESTS_BENCH_IPC_CALLS_H_
