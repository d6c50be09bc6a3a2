// Watching shared memory for a moment before going to sleep.
//
// Going to sleep and being woken costs a few system calls and a switch on one processor, and the start of an
// idle processor across two. A peer that is about to answer is worth a short wait: on another processor by
// watching the memory, on the same one by letting it run. Whether it pays depends on who else wants to run
// and on how long the peer takes, so every end keeps count of it and goes straight to sleep where it did not
// pay of late. README.md has the policy and its figures.
#ifndef RUNTIME_ZX_SPIN_H_
#define RUNTIME_ZX_SPIN_H_

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <zircon/types.h>

// What one end has learnt. Any thread may use it without a lock: these are hints.
struct spinner {
  atomic_uint skip;       // so many waits go straight to sleep
  atomic_uint misses;     // waits in a row that watched in vain
  atomic_uint no_yield;   // so many waits do not let others run
  atomic_uint good;       // yields since the last slow one
  atomic_uint slow_skip;  // for how many waits the next slow yields end the yielding
};

// Words of shared memory and the values they had when last looked at; the watching ends when one has grown by
// `least`.
#define SPIN_MAX_WORDS 3u
struct spin_target {
  const _Atomic uint32_t* words[SPIN_MAX_WORDS];
  uint32_t seen[SPIN_MAX_WORDS];
  uint32_t least[SPIN_MAX_WORDS];
  unsigned count;
  _Atomic uint32_t* own_cpu;         // where this end waits, plus one: a hint for the peer
  const _Atomic uint32_t* peer_cpu;  // the peer's
};

// `least`: 1 for any change.
void spin_add(struct spin_target* target, const _Atomic uint32_t* word, uint32_t seen, uint32_t least);

// Watches until a word has changed or it is time to sleep. True: something has changed.
bool spin_watch(struct spinner* spinner, const struct spin_target* target);

// Does nothing for some `time`, which is short.
void spin_pause(zx_duration_t time);

#endif  // RUNTIME_ZX_SPIN_H_
