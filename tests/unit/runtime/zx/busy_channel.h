// The ends of one channel, and how they get busy enough to move to shared memory.
#ifndef TESTS_UNIT_RUNTIME_ZX_BUSY_CHANNEL_H_
#define TESTS_UNIT_RUNTIME_ZX_BUSY_CHANNEL_H_

#include <stdio.h>
#include <string.h>

#include <zircon/syscalls.h>

#include "jx_test.h"

static zx_handle_t ends[2];

static inline void make_channel(void) {
  ck_assert_int_eq(zx_channel_create(0, &ends[0], &ends[1]), ZX_OK);
}

static inline void close_channel(void) {
  zx_handle_close(ends[0]);
  zx_handle_close(ends[1]);
}

static inline zx_signals_t state(zx_handle_t handle) {
  zx_signals_t observed = 0;
  ck_assert_int_eq(zx_object_wait_one(handle, 0, 0, &observed), ZX_ERR_TIMED_OUT);
  return observed;
}

// How many rings this process has mapped.
static inline int count_rings(void** last) {
  char line[256];
  int count = 0;
  FILE* maps = fopen("/proc/self/maps", "re");
  while (fgets(line, sizeof(line), maps)) {
    unsigned long from, to;
    if (sscanf(line, "%lx-%lx", &from, &to) != 2 || to - from < 2 * 262144 || !strstr(line, "memfd:zx"))
      continue;
    count++;
    if (last) *last = (void*)from;
  }
  fclose(maps);
  return count;
}

static inline void exchange(int count) {
  for (int i = 0; i < count; i++) {
    int got = -1;
    ck_assert_int_eq(zx_channel_write(ends[0], 0, &i, sizeof(i), NULL, 0), ZX_OK);
    ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_READABLE | ZX_CHANNEL_WRITABLE);
    ck_assert_int_eq(zx_channel_read(ends[1], 0, &got, NULL, sizeof(got), 0, NULL, NULL), ZX_OK);
    ck_assert_int_eq(got, i);
    ck_assert_int_eq(zx_channel_write(ends[1], 0, &got, sizeof(got), NULL, 0), ZX_OK);
    ck_assert_int_eq(zx_channel_write(ends[1], 0, &i, sizeof(i), NULL, 0), ZX_OK);
    ck_assert_uint_eq(state(ends[0]), ZX_CHANNEL_READABLE | ZX_CHANNEL_WRITABLE);
    ck_assert_int_eq(zx_channel_read(ends[0], 0, &got, NULL, sizeof(got), 0, NULL, NULL), ZX_OK);
    ck_assert_int_eq(zx_channel_read(ends[0], 0, &got, NULL, sizeof(got), 0, NULL, NULL), ZX_OK);
    ck_assert_int_eq(zx_channel_read(ends[0], 0, &got, NULL, sizeof(got), 0, NULL, NULL), ZX_ERR_SHOULD_WAIT);
  }
}

#endif  // TESTS_UNIT_RUNTIME_ZX_BUSY_CHANNEL_H_
