// The wake-up of a sleeping process; see objects.h.
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "bench.h"
#include "objects.h"
#include "peer.h"

#define COUNT 300

struct sleeper {
  zx_handle_t ends[2];
  int event;
  _Atomic uint64_t* woken_at;
};

static void sleep_on_pair(const struct sleeper* s) {
  for (;;) {
    zx_object_wait_one(s->ends[1], ZX_EVENTPAIR_SIGNALED, ZX_TIME_INFINITE, NULL);
    atomic_store(s->woken_at, bench_now_ns());
    zx_object_signal(s->ends[1], ZX_EVENTPAIR_SIGNALED, 0);
  }
}

static void wake_by_pair(const struct sleeper* s) {
  zx_object_signal_peer(s->ends[0], 0, ZX_EVENTPAIR_SIGNALED);
}

static void sleep_on_eventfd(const struct sleeper* s) {
  for (uint64_t value; read(s->event, &value, sizeof(value)) == sizeof(value);)
    atomic_store(s->woken_at, bench_now_ns());
}

static void wake_by_eventfd(const struct sleeper* s) {
  const uint64_t one = 1;
  ipc_check(write(s->event, &one, sizeof(one)) == sizeof(one), "write");
}

static void pause_us(unsigned us) {
  struct timespec time = {.tv_nsec = us * 1000L};
  nanosleep(&time, NULL);
}

// Long enough for the sleeper to be asleep, and for this process not to be in its way.
static double wake_once(const struct sleeper* s, void (*wake)(const struct sleeper*)) {
  pause_us(300);
  atomic_store(s->woken_at, 0);
  uint64_t start = bench_now_ns();
  wake(s);
  while (atomic_load(s->woken_at) == 0)
    pause_us(50);
  return (double)(atomic_load(s->woken_at) - start) / 1e3;
}

void ipc_bench_wake_up(enum ipc_place place) {
  static double pair[COUNT], event[COUNT];
  struct sleeper sleepers[2] = {{.event = -1}, {.event = eventfd(0, EFD_CLOEXEC)}};
  pid_t pids[2];
  ipc_check(zx_eventpair_create(0, &sleepers[0].ends[0], &sleepers[0].ends[1]) == ZX_OK,
            "zx_eventpair_create");
  for (int i = 0; i < 2; i++) {
    sleepers[i].woken_at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pids[i] = fork();
    ipc_check(pids[i] >= 0, "fork");
    if (pids[i] > 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    ipc_place(place, true);
    zx_linux_after_fork_keep(&sleepers[0].ends[1], 1);
    i == 0 ? sleep_on_pair(&sleepers[0]) : sleep_on_eventfd(&sleepers[1]);
    _exit(0);
  }
  ipc_place(place, false);
  for (int i = 0; i < COUNT; i++) {
    pair[i] = wake_once(&sleepers[0], wake_by_pair);
    event[i] = wake_once(&sleepers[1], wake_by_eventfd);
  }
  ipc_end(pids[0]);
  ipc_end(pids[1]);
  char name[64];
  snprintf(name, sizeof(name), "signal to wake-up, %s", ipc_place_names[place]);
  double reference = bench_median(event, COUNT);
  bench_row_t row = {name, "zx_eventpair", bench_median(pair, COUNT), "us", "eventfd", reference};
  bench_report(&row);
}
