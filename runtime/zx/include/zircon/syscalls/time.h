// Time and timers. Times are CLOCK_MONOTONIC nanoseconds if nothing else is said.
#ifndef ZIRCON_SYSCALLS_TIME_H_
#define ZIRCON_SYSCALLS_TIME_H_

#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// Nanoseconds since some moment before; never goes back, and stands while the machine is suspended.
zx_time_t zx_clock_get_monotonic(void);

// The same with the time of suspensions.
zx_instant_boot_t zx_clock_get_boot(void);

// Now plus `nanoseconds`, saturating at ZX_TIME_INFINITE and ZX_TIME_INFINITE_PAST.
zx_time_t zx_deadline_after(zx_duration_t nanoseconds);

// Sleeps until `deadline`; 0 or less yields the processor. Always ZX_OK.
zx_status_t zx_nanosleep(zx_time_t deadline);

// A counter at a constant rate.
zx_ticks_t zx_ticks_get(void);
zx_ticks_t zx_ticks_per_second(void);

// Makes a timer. ZX_ERR_INVALID_ARGS: a slack mode other than ZX_TIMER_SLACK_*, a clock other than
// ZX_CLOCK_MONOTONIC.
zx_status_t zx_timer_create(uint32_t options, zx_clock_t clock_id, zx_handle_t* out);

// Sets SIGNALED at `deadline` (now, if it is past), once; what was set before is cancelled and SIGNALED
// cleared. Needs WRITE. ZX_ERR_OUT_OF_RANGE: negative slack.
zx_status_t zx_timer_set(zx_handle_t handle, zx_time_t deadline, zx_duration_t slack);

// Cancels a set timer and clears SIGNALED. Needs WRITE.
zx_status_t zx_timer_cancel(zx_handle_t handle);

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_SYSCALLS_TIME_H_
