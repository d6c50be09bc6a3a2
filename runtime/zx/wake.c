// Barriers on other processors; see wake.h. To have them, a process must have registered, which its children
// inherit and an exec ends; the library's state here goes the same way.
#include "runtime/zx/wake.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

enum answer { NOT_ASKED, YES, NO };

static bool membarrier(int command) {
  return syscall(SYS_membarrier, command, 0, 0) == 0;
}

static bool ask_once(_Atomic int* answer, int command) {
  if (atomic_load_explicit(answer, memory_order_relaxed) == NOT_ASKED) {
    atomic_store_explicit(answer, membarrier(command) ? YES : NO, memory_order_relaxed);
  }
  return atomic_load_explicit(answer, memory_order_relaxed) == YES;
}

bool wake_barrier(void) {
  return membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}

bool wake_has_barriers(void) {
  static _Atomic int answer;
  return ask_once(&answer, MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}

bool wake_accept_barriers(void) {
  static _Atomic int answer;
  return ask_once(&answer, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
}
