// Waiting for another thread to have fallen asleep.
#ifndef TESTS_UNIT_RUNTIME_ZX_ASLEEP_H_
#define TESTS_UNIT_RUNTIME_ZX_ASLEEP_H_

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "jx_test.h"

// Until a thread sleeps in the kernel, as it does nowhere but in the call that is to be disturbed. `thread`:
// its number, once it has begun.
static inline void let_thread_sleep(const atomic_int* thread) {
  char path[64], state = 0;
  while (!atomic_load(thread))
    sched_yield();
  snprintf(path, sizeof(path), "/proc/self/task/%d/stat", atomic_load(thread));
  for (int in_a_row = 0; in_a_row < 3; in_a_row = state == 'S' ? in_a_row + 1 : 0) {
    FILE* stat = fopen(path, "re");
    ck_assert_ptr_nonnull(stat);
    ck_assert_int_eq(fscanf(stat, "%*d (%*[^)]) %c", &state), 1);
    fclose(stat);
  }
}

#endif  // TESTS_UNIT_RUNTIME_ZX_ASLEEP_H_
