// Time: CLOCK_MONOTONIC and CLOCK_BOOTTIME as they are.
#include "runtime/zx/clock.h"

#include <errno.h>
#include <sched.h>

#include <zircon/syscalls/time.h>

#define NSEC_PER_SEC 1000000000

static zx_time_t read_clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (zx_time_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

zx_time_t zx_clock_get_monotonic(void) {
  return read_clock(CLOCK_MONOTONIC);
}

zx_instant_boot_t zx_clock_get_boot(void) {
  return read_clock(CLOCK_BOOTTIME);
}

zx_time_t zx_deadline_after(zx_duration_t nanoseconds) {
  zx_time_t deadline;
  if (__builtin_add_overflow(zx_clock_get_monotonic(), nanoseconds, &deadline)) {
    return nanoseconds > 0 ? ZX_TIME_INFINITE : ZX_TIME_INFINITE_PAST;
  }
  return deadline;
}

zx_ticks_t zx_ticks_get(void) {
  return (zx_ticks_t)zx_clock_get_monotonic();
}

zx_ticks_t zx_ticks_per_second(void) {
  return NSEC_PER_SEC;
}

zx_status_t zx_nanosleep(zx_time_t deadline) {
  if (deadline <= 0) {
    sched_yield();
    return ZX_OK;
  }
  struct timespec until = {.tv_sec = deadline / NSEC_PER_SEC, .tv_nsec = deadline % NSEC_PER_SEC};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
  }
  return ZX_OK;
}

const struct timespec* clock_until(zx_time_t deadline, struct timespec* storage) {
  if (deadline == ZX_TIME_INFINITE) return NULL;
  zx_time_t now = deadline > 0 ? zx_clock_get_monotonic() : 0;
  zx_duration_t left = deadline > now ? deadline - now : 0;
  storage->tv_sec = left / NSEC_PER_SEC;
  storage->tv_nsec = left % NSEC_PER_SEC;
  return storage;
}

bool clock_is_past(zx_time_t deadline) {
  if (deadline == ZX_TIME_INFINITE) return false;
  return deadline <= 0 || deadline <= zx_clock_get_monotonic();
}
