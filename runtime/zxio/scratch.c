// Buffers of the size of the largest message. A thread that receives large datagrams needs one for the length
// of a call; it must not come from the stack, which may be small, nor from malloc, which a signal handler may
// not call.
#include <stdatomic.h>
#include <sys/mman.h>

#include "internal.h"

#define SCRATCH_SLOTS 8

static _Atomic(void*) slots[SCRATCH_SLOTS];

void* zxio_scratch_acquire(void) {
  for (int i = 0; i < SCRATCH_SLOTS; i++) {
    if (!atomic_load_explicit(&slots[i], memory_order_relaxed)) continue;
    void* scratch = atomic_exchange_explicit(&slots[i], NULL, memory_order_acquire);
    if (scratch) return scratch;
  }
  void* scratch =
      mmap(NULL, FIDL_MAX_MESSAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return scratch == MAP_FAILED ? NULL : scratch;
}

void zxio_scratch_release(void* scratch) {
  if (!scratch) return;
  for (int i = 0; i < SCRATCH_SLOTS; i++) {
    void* empty = NULL;
    if (atomic_compare_exchange_strong_explicit(&slots[i], &empty, scratch, memory_order_release,
                                                memory_order_relaxed)) {
      return;
    }
  }
  munmap(scratch, FIDL_MAX_MESSAGE_BYTES);
}
