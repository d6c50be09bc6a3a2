// Puts memory_model.h in the place of <stdatomic.h>'s operations. To be included before the code under test.
#ifndef TESTS_UNIT_RUNTIME_ZX_MEMORY_MODEL_ATOMICS_H_
#define TESTS_UNIT_RUNTIME_ZX_MEMORY_MODEL_ATOMICS_H_

#include <stdatomic.h>

#include "memory_model.h"

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_exchange_explicit
#undef atomic_fetch_or_explicit
#undef atomic_fetch_and_explicit
#undef atomic_thread_fence
#define atomic_load_explicit(at, order) model_load(at, order)
#define atomic_store_explicit(at, value, order) model_store(at, value, order)
#define atomic_exchange_explicit(at, value, order) model_exchange(at, value, order)
#define atomic_fetch_or_explicit(at, value, order) model_fetch_or(at, value, order)
#define atomic_fetch_and_explicit(at, value, order) model_fetch_and(at, value, order)
#define atomic_thread_fence(order) model_fence()

#endif  // TESTS_UNIT_RUNTIME_ZX_MEMORY_MODEL_ATOMICS_H_
