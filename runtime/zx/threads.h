// What threads of this process owe each other, left out as long as there is but one: a lock and a reference
// cost as much as the rest of a short call. A process gets its second thread only in a call of its first one
// (pthread_create), never in the middle of what is guarded here.
#ifndef RUNTIME_ZX_THREADS_H_
#define RUNTIME_ZX_THREADS_H_

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/single_threaded.h>

static inline bool threads_are_many(void) {
  return !__libc_single_threaded;
}

static inline void threads_lock(pthread_mutex_t* lock) {
  if (threads_are_many()) pthread_mutex_lock(lock);
}

static inline void threads_unlock(pthread_mutex_t* lock) {
  if (threads_are_many()) pthread_mutex_unlock(lock);
}

// Adds to a counter and returns what it was. Acquire and release where there are several threads.
static inline unsigned threads_add(atomic_uint* counter, unsigned value) {
  if (threads_are_many()) return atomic_fetch_add_explicit(counter, value, memory_order_acq_rel);
  unsigned before = atomic_load_explicit(counter, memory_order_relaxed);
  atomic_store_explicit(counter, before + value, memory_order_relaxed);
  return before;
}

#endif  // RUNTIME_ZX_THREADS_H_
