// The kept buffer lies in one slot that is taken and given back with an exchange; who finds it empty
// allocates.
#include "runtime/zx/scratch.h"

#include <stdatomic.h>
#include <stdlib.h>

static void* _Atomic kept;

void* scratch_get(void) {
  void* scratch = atomic_exchange_explicit(&kept, NULL, memory_order_acquire);
  return scratch ? scratch : malloc(SCRATCH_BYTES);
}

void scratch_put(void* scratch) {
  if (!scratch) return;
  free(atomic_exchange_explicit(&kept, scratch, memory_order_acq_rel));
}

void scratch_trim(void) {
  free(atomic_exchange_explicit(&kept, NULL, memory_order_acquire));
}
