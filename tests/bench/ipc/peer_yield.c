// Not a way of talking but the least that any costs: two processes that pass a number to and fro in shared
// memory, and let each other run by sched_yield. On one processor nothing that changes processes twice can be
// faster; across two, nothing that must let others run. Between its turns the server sleeps, so as not to
// disturb the others.
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "peer.h"

#define IDLE_NS 200000u

struct link {
  _Atomic uint32_t request;
  char apart[60];
  _Atomic uint32_t answer;
  _Atomic uint32_t asleep;
  int bell[2];
};

static void* open_link(const struct ipc_load* load, const char** why) {
  struct link* link = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ipc_check(link != MAP_FAILED && pipe(link->bell) == 0, "mmap");
  return link;
}

static void wait_for_request(struct link* link, uint32_t value) {
  char byte;
  uint64_t start = bench_now_ns();
  while (atomic_load(&link->request) != value) {
    sched_yield();
    if (bench_now_ns() - start < IDLE_NS) continue;
    atomic_store(&link->asleep, 1);
    if (atomic_load(&link->request) != value && read(link->bell[0], &byte, 1) <= 0) exit(0);
    atomic_store(&link->asleep, 0);
    start = bench_now_ns();
  }
}

static void wait_for(_Atomic uint32_t* word, uint32_t value) {
  while (atomic_load_explicit(word, memory_order_acquire) != value)
    sched_yield();
}

static void serve(void* context, const struct ipc_work* work) {
  struct link* link = context;
  for (uint32_t i = 1;; i++) {
    wait_for_request(link, i);
    ipc_run(work);
    atomic_store_explicit(&link->answer, i, memory_order_release);
  }
}

static void start(void* context) {}

static void call(void* context) {
  struct link* link = context;
  uint32_t i = atomic_load_explicit(&link->request, memory_order_relaxed) + 1;
  atomic_store(&link->request, i);
  if (atomic_exchange(&link->asleep, 0)) ipc_check(write(link->bell[1], "", 1) == 1, "write");
  wait_for(&link->answer, i);
}

static void close_link(void* context) {
  struct link* link = context;
  close(link->bell[0]);
  close(link->bell[1]);
  munmap(link, 4096);
}

const struct ipc_peer ipc_yield = {.name = "two bare yields",
                                   .open = open_link,
                                   .serve = serve,
                                   .start = start,
                                   .call = call,
                                   .close = close_link};
