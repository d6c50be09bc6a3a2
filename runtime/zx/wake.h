// When to ring, and how to say that one sleeps: the protocol of everything that shares memory.
//
//   changer: make the change; wake_claim; ring if it says so
//   sleeper: wake_arm; look again at what may have changed; sleep on the bell
//
// The two fences make it impossible that the changer misses the sleeper's word and the sleeper misses the
// change. The word belongs to the sleeper, lies in shared memory, and may be overwritten by a hostile peer,
// who so gets a ring too many or misses his own. tests/unit/runtime/zx/test_wake_model.c runs these
// functions, and those of ring.h, under every order that the C memory model allows.
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

// After a change: whether it is the caller's part to ring the bell of a side that sleeps for one of
// `reasons`. One ring wakes it for all of its reasons.
static inline bool wake_claim(_Atomic uint32_t* waiting, uint32_t reasons) {
  atomic_thread_fence(memory_order_seq_cst);  // with the fence of wake_arm
  if (!(atomic_load_explicit(waiting, memory_order_relaxed) & reasons)) return false;
  return atomic_exchange_explicit(waiting, 0, memory_order_acq_rel) != 0;
}

// After a reader gave back `consumed` units of a ring of `limit`, of which it knew `filled` to be in use:
// whether it is its part to ring for a writer that sleeps until half the ring is free.
//
// The writer may have filled the ring since the reader looked at it and fallen asleep before the units came
// back, so that nothing seems to have become free. So it is not only the step over the half that counts:
// whoever says that it sleeps is rung for, and the read that leaves nothing behind, after which the reader
// may not come again for long, looks with the fence that makes the answer certain.
static inline bool wake_claim_half(_Atomic uint32_t* waiting, uint32_t reasons, uint32_t limit,
                                   uint32_t filled, uint32_t consumed) {
  uint32_t left = filled - consumed;
  if (left > limit / 2) return false;
  bool certain = left == 0 || filled > limit / 2;
  if (!certain && !(atomic_load_explicit(waiting, memory_order_relaxed) & reasons)) return false;
  return wake_claim(waiting, reasons);
}

#endif  // RUNTIME_ZX_WAKE_H_
