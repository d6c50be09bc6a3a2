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

#endif  // RUNTIME_ZX_WAKE_H_
