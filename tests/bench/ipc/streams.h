// Streams: messages one way, as fast as they go.
#ifndef TESTS_BENCH_IPC_STREAMS_H_
#define TESTS_BENCH_IPC_STREAMS_H_

#include <stdint.h>

#include "place.h"

void ipc_bench_stream(uint32_t size, unsigned batch, enum ipc_place place);

#endif  // TESTS_BENCH_IPC_STREAMS_H_
