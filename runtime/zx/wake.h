// When to ring, and how to say that one sleeps: the protocol of everything that shares memory.
//
//   changer: make the change; wake_claim; ring if it says so
//   sleeper: wake_arm; look again at what may have changed; sleep on the bell
//
// The two fences make it impossible that the changer misses the sleeper's word and the sleeper misses the
// change. The word belongs to the sleeper, lies in shared memory, and may be overwritten by a hostile peer,
// who so gets a ring too many or misses his own. tests/unit/runtime/zx/test_wake_model.c runs these
// functions, and those of ring.h, under every order that the C memory model allows.
//
// The changer's fence waits until the change has left the processor, which takes longer than all the rest of
// a short message where the two run on two processors. A changer that has found the sleeper awake very often
// may do without (it is "light"); the sleeper then orders both sides, with a barrier that the kernel sends to
// the changer's processor (it is "heavy"). The sides are processes that may differ in what they can, so each
// has a word of its own in shared memory:
//
//   heavy: the sleeper's promise to order both sides whenever it finds the changer light
//   light: the changer's claim to it; made, with a fence, before the first change without one
//
// Whoever finds the sleeper asleep stops being light, so that a barrier comes once for a great many changes.
// A side that breaks its word misses its own messages, or makes the other one ask for barriers in vain.
#ifndef RUNTIME_ZX_WAKE_H_
#define RUNTIME_ZX_WAKE_H_

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// Says that this side sleeps for `reasons`.
static inline void wake_arm(_Atomic uint32_t* waiting, uint32_t reasons) {
  atomic_fetch_or_explicit(waiting, reasons, memory_order_relaxed);
  atomic_thread_fence(memory_order_seq_cst);  // with the fence of wake_claim
}

// After a change: whether a side sleeps for one of `reasons`. For a change that alone may not be worth a
// ring: whoever is seen here has yet to see the change, and whoever is not seen has seen it or is going to.
static inline bool wake_is_due(const _Atomic uint32_t* waiting, uint32_t reasons) {
  atomic_thread_fence(memory_order_seq_cst);  // with the fence of wake_arm
  return atomic_load_explicit(waiting, memory_order_relaxed) & reasons;
}

// After a change: whether it is the caller's part to ring the bell of a side that sleeps for one of
// `reasons`. One ring wakes it for all of its reasons.
static inline bool wake_claim(_Atomic uint32_t* waiting, uint32_t reasons) {
  atomic_thread_fence(memory_order_seq_cst);  // with the fence of wake_arm
  if (!(atomic_load_explicit(waiting, memory_order_relaxed) & reasons)) return false;
  return atomic_exchange_explicit(waiting, 0, memory_order_acq_rel) != 0;
}

// What a changer keeps to itself of all this.
struct wake_changer {
  unsigned awake;  // changes in a row that found the sleeper awake
  bool light;
};

// Orders what this thread did and is going to do with what threads of other processes did and are going to
// do, provided that they have called wake_accept_barriers. False: it could not be done, now or ever.
bool wake_barrier(void);

// Whether it can be done at all; asked once in the life of a process.
bool wake_has_barriers(void);

// Lets the barriers of others reach this process, and those forked from it. False: they would not. The first
// time it takes some milliseconds where there are threads.
bool wake_accept_barriers(void);

// wake_arm for a sleeper who is heavy: `light` is the changer's word. False: no barrier could be had, and the
// sleeper may miss the next change.
static inline bool wake_arm_heavy(_Atomic uint32_t* waiting, uint32_t reasons,
                                  const _Atomic uint32_t* light) {
  wake_arm(waiting, reasons);
  // Not light: then it either fences from here on, and has seen `waiting` when it became light again; or it
  // has been, and what it did then is seen here (acquire, with the release of wake_end_light).
  return !atomic_load_explicit(light, memory_order_acquire) || wake_barrier();
}

// The sleeper's side goes to somebody who may not be heavy: from here on the changer cannot be light without
// asking anew. False as above.
static inline bool wake_end_heavy(_Atomic uint32_t* heavy, _Atomic uint32_t* waiting, uint32_t reasons,
                                  const _Atomic uint32_t* light) {
  atomic_store_explicit(heavy, 0, memory_order_relaxed);
  // Who sees the arming below sees the store. And with the fence of wake_begin_light.
  atomic_thread_fence(memory_order_seq_cst);
  return wake_arm_heavy(waiting, reasons, light);
}

static inline void wake_end_light(struct wake_changer* changer, _Atomic uint32_t* light) {
  changer->light = false;
  atomic_store_explicit(light, 0, memory_order_release);
}

static inline void wake_begin_light(struct wake_changer* changer, _Atomic uint32_t* light,
                                    const _Atomic uint32_t* heavy) {
  changer->light = true;
  atomic_store_explicit(light, 1, memory_order_relaxed);
  atomic_thread_fence(memory_order_seq_cst);  // with those of wake_arm and wake_end_heavy
  if (!atomic_load_explicit(heavy, memory_order_relaxed)) wake_end_light(changer, light);
}

// wake_is_due and wake_claim for a changer who may be light: `light` is its word.
static inline bool wake_is_due_lightly(const struct wake_changer* changer, const _Atomic uint32_t* waiting,
                                       uint32_t reasons) {
  if (changer->light) {
    atomic_signal_fence(memory_order_seq_cst);  // with the barrier of wake_arm_heavy
  } else {
    atomic_thread_fence(memory_order_seq_cst);  // with the fence of wake_arm
  }
  return atomic_load_explicit(waiting, memory_order_relaxed) & reasons;
}

static inline bool wake_claim_lightly(struct wake_changer* changer, _Atomic uint32_t* light,
                                      _Atomic uint32_t* waiting, uint32_t reasons) {
  if (!wake_is_due_lightly(changer, waiting, reasons)) return false;
  // Before the word is cleared: a sleeper who is heavy no longer must not be left to a light changer.
  if (changer->light) wake_end_light(changer, light);
  changer->awake = 0;
  return atomic_exchange_explicit(waiting, 0, memory_order_acq_rel) != 0;
}

#endif  // RUNTIME_ZX_WAKE_H_
