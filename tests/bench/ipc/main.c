// What messages between processes cost: channels, fifos, sockets and eventpairs beside what else Linux has,
// in turns within one run; the processes on one processor, on two, or wherever the kernel puts them.
#include <stdio.h>

#include "bench.h"
#include "calls.h"
#include "objects.h"
#include "streams.h"

static const struct ipc_calls calls[] = {
    {"call 64 B", {64, false}, 600, .details = true},
    {"call 1,400 B", {1400, false}, 300},
    {"call 16 KiB", {16384, false}, 200},
    {"call 64 KiB", {65536, false}, 100},
    {"call passing a handle", {64, true}, 300, .details = true},
    {"cold call 64 B", {64, false}, 10, .cold = true, .details = true},
    {"three in a row 64 B", {64, false}, 300, .chain = true},
    {"call 64 B, one burner", {64, false}, 8, .burners = 1},
    {"call 64 B, two burners", {64, false}, 8, .burners = 2},
};

struct run {
  const struct ipc_calls* calls;
  uint32_t size;
  unsigned batch;
  enum ipc_place place;
};

static bool is_wanted(const char* what, enum ipc_place place) {
  char name[96];
  snprintf(name, sizeof(name), "%s, %s", what, ipc_place_names[place]);
  return bench_wanted(name);
}

static void run_calls(void* context) {
  const struct run* run = context;
  ipc_bench_calls(run->calls, run->place);
}

static void run_stream(void* context) {
  const struct run* run = context;
  ipc_bench_stream(run->size, run->batch, run->place);
}

static void run_wake_up(void* context) {
  ipc_bench_wake_up(((const struct run*)context)->place);
}

static void run_creation(void* context) {
  ipc_bench_creation();
}

static void run_idle(void* context) {
  ipc_bench_idle();
}

static bool bench_all_streams(struct run* run) {
  static const uint32_t sizes[] = {64, 1400};
  static const unsigned batches[] = {1, 32};
  bool good = true;
  for (int i = 0; i < 8; i++) {
    char name[64];
    run->size = sizes[i / 4];
    run->batch = batches[i / 2 % 2];
    run->place = i % 2 ? IPC_SPLIT : IPC_SAME;
    snprintf(name, sizeof(name), "stream %u B, batch %u", run->size, run->batch);
    if (is_wanted(name, run->place)) good &= ipc_apart(run_stream, run);
  }
  return good;
}

int main(void) {
  struct run run = {0};
  bool good = true;
  ipc_place_init();
  if (IPC_LACKS[0]) bench_skip("not found when the build was configured: " IPC_LACKS);
  for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
    for (run.place = IPC_SAME; run.place <= IPC_ANYWHERE; run.place++) {
      run.calls = &calls[i];
      if (is_wanted(calls[i].name, run.place)) good &= ipc_apart(run_calls, &run);
    }
  }
  good &= bench_all_streams(&run);
  for (run.place = IPC_SAME; run.place <= IPC_ANYWHERE; run.place++) {
    if (is_wanted("signal to wake-up", run.place)) good &= ipc_apart(run_wake_up, &run);
  }
  if (bench_wanted("create and close a pair")) good &= ipc_apart(run_creation, &run);
  if (bench_wanted("10,000 channels")) good &= ipc_apart(run_idle, &run);
  return good ? 0 : 1;
}
