// Watching a ring for a moment before going to sleep.
//
// Going to sleep and being woken costs 10 microseconds on one processor and several times that across two. A
// peer that is about to answer is worth a short wait: on another processor by watching the ring, on the same
// one by letting it run. Both are hints and bounded; with a busy third process a yield gives away a whole
// tick, so a slow yield stops yielding for a while, longer each time.
#include <sched.h>

#include <zircon/syscalls/time.h>

#include "runtime/zx/channel.h"

#define PAUSE_TIME ZX_USEC(1)
#define SPIN_TIME ZX_USEC(20)
#define SLOW_YIELD ZX_USEC(200)
#define PENALTY 256u
#define MAX_PENALTY 2048u

static inline void pause_processor(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Called without the channel's lock: other threads may read meanwhile, so the index to compare with is given.
static bool has_something(const struct ring_shared* incoming, uint32_t tail) {
  return atomic_load_explicit(&incoming->head, memory_order_relaxed) != tail;
}

static void note_slow_yield(struct channel_ring* ring) {
  unsigned penalty = atomic_load_explicit(&ring->spin_penalty, memory_order_relaxed);
  if (penalty < PENALTY) penalty = PENALTY;
  atomic_store_explicit(&ring->skip_spins, penalty, memory_order_relaxed);
  atomic_store_explicit(&ring->spin_penalty, penalty * 2 < MAX_PENALTY ? penalty * 2 : MAX_PENALTY,
                        memory_order_relaxed);
}

static void note_good_yield(struct channel_ring* ring) {
  unsigned penalty = atomic_load_explicit(&ring->spin_penalty, memory_order_relaxed);
  if (penalty) atomic_store_explicit(&ring->spin_penalty, penalty - 1, memory_order_relaxed);
}

static bool is_skipped(struct channel_ring* ring) {
  unsigned skips = atomic_load_explicit(&ring->skip_spins, memory_order_relaxed);
  if (skips) atomic_store_explicit(&ring->skip_spins, skips - 1, memory_order_relaxed);
  return skips != 0;
}

static bool watch(const struct ring_shared* incoming, uint32_t tail, zx_time_t start) {
  for (zx_time_t now = start; now - start < PAUSE_TIME; now = zx_clock_get_monotonic()) {
    for (int i = 0; i < 16; i++) {
      if (has_something(incoming, tail)) return true;
      pause_processor();
    }
  }
  return false;
}

bool channel_ring_spin(struct channel* channel) {
  struct channel_ring* ring = &channel->ring;
  pthread_mutex_lock(&channel->base.lock);
  bool reads = channel_ring_reads(channel);
  const struct ring_shared* incoming = ring->in.shared;
  uint32_t tail = ring->in.tail;
  pthread_mutex_unlock(&channel->base.lock);
  if (!reads || is_skipped(ring)) return false;
  zx_time_t start = zx_clock_get_monotonic();
  if (!channel_ring_meets_peer(ring) && watch(incoming, tail, start)) return true;
  for (zx_time_t before = zx_clock_get_monotonic(); before - start < SPIN_TIME;) {
    sched_yield();
    zx_time_t after = zx_clock_get_monotonic();
    bool slow = after - before > SLOW_YIELD;
    bool found = has_something(incoming, tail);
    if (slow) note_slow_yield(ring);
    if (found && !slow) note_good_yield(ring);
    if (found || slow) return found;
    before = after;
  }
  return false;
}
