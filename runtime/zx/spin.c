// The policy of waiting; see spin.h.
#include "runtime/zx/spin.h"

#include <sched.h>

#include <zircon/syscalls/time.h>

#define PAUSE_TIME ZX_USEC(4)  // of watching between two yields, the peer being on another processor
// In all. Longer than it takes to start an idle processor: of two ends that both sleep, the one that is woken
// first would otherwise be asleep again when the other one is awake, and they would never meet.
#define SPIN_TIME ZX_USEC(100)
#define MAX_YIELDS 2u            // on one processor: each that is in vain costs two switches
#define SLOW_YIELD ZX_USEC(200)  // somebody else had the processor meanwhile
#define GOOD_RUN 64u  // so many yields between two slow ones excuse the second: a tick, an interrupt
#define FIRST_SLOW_SKIP 256u
#define MAX_SLOW_SKIP 8192u
#define FREE_MISSES 4u
#define MAX_MISS_SHIFT 6u
#define MISS_SKIP 8u

static inline void pause_processor(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

void spin_pause(zx_duration_t time) {
  zx_time_t start = zx_clock_get_monotonic();
  do {
    for (int i = 0; i < 16; i++)
      pause_processor();
  } while (zx_clock_get_monotonic() - start < time);
}

static unsigned get(const atomic_uint* number) {
  return atomic_load_explicit(number, memory_order_relaxed);
}

static void set(atomic_uint* number, unsigned value) {
  atomic_store_explicit(number, value, memory_order_relaxed);
}

void spin_add(struct spin_target* target, const _Atomic uint32_t* word, uint32_t seen, uint32_t least) {
  target->words[target->count] = word;
  target->least[target->count] = least;
  target->seen[target->count++] = seen;
}

static bool has_changed(const struct spin_target* target) {
  for (unsigned i = 0; i < target->count; i++) {
    uint32_t value = atomic_load_explicit(target->words[i], memory_order_relaxed);
    if (value - target->seen[i] >= target->least[i]) return true;
  }
  return false;
}

// Publishes where this end runs; whether the peer was last seen on the same processor, or never yet.
static bool meets_peer(const struct spin_target* target) {
  uint32_t here = (uint32_t)sched_getcpu() + 1;
  if (atomic_load_explicit(target->own_cpu, memory_order_relaxed) != here) {
    atomic_store_explicit(target->own_cpu, here, memory_order_relaxed);
  }
  uint32_t there = atomic_load_explicit(target->peer_cpu, memory_order_relaxed);
  return there == here || !there;
}

// Watches for some `time`; `now` is when it ended. The clock is not read before a first look: that takes as
// long as many an answer.
static bool pause_for(const struct spin_target* target, zx_duration_t time, zx_time_t* now) {
  zx_time_t start = 0;
  do {
    for (int i = 0; i < 16; i++) {
      if (has_changed(target)) return true;
      pause_processor();
    }
    *now = zx_clock_get_monotonic();
    if (!start) start = *now;
  } while (*now - start < time);
  return false;
}

// Lets others run. False: that took so long, and not for the first time, that it should stop.
static bool yield(struct spinner* spinner) {
  zx_time_t before = zx_clock_get_monotonic();
  sched_yield();
  if (zx_clock_get_monotonic() - before < SLOW_YIELD) {
    unsigned good = get(&spinner->good) + 1;
    set(&spinner->good, good);
    if (good == GOOD_RUN) set(&spinner->slow_skip, FIRST_SLOW_SKIP);
    return true;
  }
  bool excused = get(&spinner->good) >= GOOD_RUN;
  set(&spinner->good, 0);
  if (excused) return true;
  unsigned skip = get(&spinner->slow_skip);
  if (!skip) skip = FIRST_SLOW_SKIP;
  set(&spinner->no_yield, skip);
  set(&spinner->slow_skip, skip * 2 < MAX_SLOW_SKIP ? skip * 2 : MAX_SLOW_SKIP);
  return false;
}

// The peer is here: it cannot answer unless it is let run.
static bool watch_here(struct spinner* spinner, const struct spin_target* target) {
  for (unsigned i = 0; i < MAX_YIELDS; i++) {
    bool good = yield(spinner);
    if (has_changed(target)) return true;
    if (!good) break;
  }
  return false;
}

// The peer is elsewhere, and so answers without help; what is let run meanwhile are third ones, whose work
// the peer may need. Where that takes too long there is still the watching, which keeps nobody longer than a
// sleep would.
static bool watch_elsewhere(struct spinner* spinner, const struct spin_target* target, bool may_yield) {
  zx_time_t start = 0;
  zx_time_t now;
  do {
    if (pause_for(target, may_yield ? PAUSE_TIME : SPIN_TIME, &now)) return true;
    if (!may_yield) return false;
    if (!start) start = now;
    may_yield = yield(spinner);
    if (has_changed(target)) return true;
  } while (may_yield && now - start < SPIN_TIME);
  return false;
}

// Waits in vain: after a few, only every so often is another one tried.
static void note_miss(struct spinner* spinner) {
  unsigned misses = get(&spinner->misses) + 1;
  set(&spinner->misses, misses);
  if (misses < FREE_MISSES) return;
  unsigned shift = misses - FREE_MISSES < MAX_MISS_SHIFT ? misses - FREE_MISSES : MAX_MISS_SHIFT;
  set(&spinner->skip, MISS_SKIP << shift);
}

bool spin_watch(struct spinner* spinner, const struct spin_target* target) {
  // Said even by those who need not wait: a peer that took this end to be elsewhere would keep it from
  // running.
  bool here = meets_peer(target);
  if (has_changed(target)) return true;
  unsigned skip = get(&spinner->skip);
  if (skip) {
    set(&spinner->skip, skip - 1);
    return false;
  }
  unsigned no_yield = get(&spinner->no_yield);
  if (no_yield) set(&spinner->no_yield, no_yield - 1);
  if (here && no_yield) return false;
  bool changed = here ? watch_here(spinner, target) : watch_elsewhere(spinner, target, !no_yield);
  if (changed) {
    set(&spinner->misses, 0);
  } else {
    note_miss(spinner);
  }
  return changed;
}
