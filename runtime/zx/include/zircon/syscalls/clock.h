// Clock objects: a time of one's own, as a line over the monotonic or the boot clock, which a maintainer
// moves and others read. Values are nanoseconds; a tick is a nanosecond here.
#ifndef ZIRCON_SYSCALLS_CLOCK_H_
#define ZIRCON_SYSCALLS_CLOCK_H_

#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// The version of the structure that a call is given lies in its options.
#define ZX_CLOCK_ARGS_VERSION_SHIFT ((uint64_t)58)
#define ZX_CLOCK_ARGS_VERSION_BITS ((uint64_t)6)
#define ZX_CLOCK_ARGS_VERSION_MASK \
  ((((uint64_t)1 << ZX_CLOCK_ARGS_VERSION_BITS) - 1) << ZX_CLOCK_ARGS_VERSION_SHIFT)
#define ZX_CLOCK_ARGS_VERSION(n) (((uint64_t)(n) << ZX_CLOCK_ARGS_VERSION_SHIFT) & ZX_CLOCK_ARGS_VERSION_MASK)

// For good, of a clock: it never goes back; it never jumps (which asks for the first); it runs from the
// start, with the reference clock; its reference is the boot clock instead of the monotonic one.
#define ZX_CLOCK_OPT_MONOTONIC ((uint64_t)1 << 0)
#define ZX_CLOCK_OPT_CONTINUOUS ((uint64_t)1 << 1)
#define ZX_CLOCK_OPT_AUTO_START ((uint64_t)1 << 2)
#define ZX_CLOCK_OPT_BOOT ((uint64_t)1 << 3)
#define ZX_CLOCK_OPTS_ALL \
  (ZX_CLOCK_OPT_MONOTONIC | ZX_CLOCK_OPT_CONTINUOUS | ZX_CLOCK_OPT_AUTO_START | ZX_CLOCK_OPT_BOOT)

// What an update sets.
#define ZX_CLOCK_UPDATE_OPTION_SYNTHETIC_VALUE_VALID ((uint64_t)1 << 0)
#define ZX_CLOCK_UPDATE_OPTION_RATE_ADJUST_VALID ((uint64_t)1 << 1)
#define ZX_CLOCK_UPDATE_OPTION_ERROR_BOUND_VALID ((uint64_t)1 << 2)
#define ZX_CLOCK_UPDATE_OPTION_REFERENCE_VALUE_VALID ((uint64_t)1 << 3)  // version 2 only
#define ZX_CLOCK_UPDATE_OPTION_VALUE_VALID ZX_CLOCK_UPDATE_OPTION_SYNTHETIC_VALUE_VALID
#define ZX_CLOCK_UPDATE_OPTION_BOTH_VALUES_VALID \
  (ZX_CLOCK_UPDATE_OPTION_REFERENCE_VALUE_VALID | ZX_CLOCK_UPDATE_OPTION_SYNTHETIC_VALUE_VALID)
#define ZX_CLOCK_UPDATE_OPTIONS_ALL                                                      \
  (ZX_CLOCK_UPDATE_OPTION_BOTH_VALUES_VALID | ZX_CLOCK_UPDATE_OPTION_RATE_ADJUST_VALID | \
   ZX_CLOCK_UPDATE_OPTION_ERROR_BOUND_VALID)

#define ZX_CLOCK_UPDATE_MIN_RATE_ADJUST ((int32_t)-1000)  // parts per million
#define ZX_CLOCK_UPDATE_MAX_RATE_ADJUST ((int32_t)1000)
#define ZX_CLOCK_UNKNOWN_ERROR UINT64_MAX

typedef struct zx_clock_create_args_v1 {
  zx_time_t backstop_time;  // what the clock shows until it is started, and never less than
} zx_clock_create_args_v1_t;

typedef struct zx_clock_rate {
  uint32_t synthetic_ticks;  // 0: not started
  uint32_t reference_ticks;
} zx_clock_rate_t;

// synthetic = synthetic_offset + (reference - reference_offset) * synthetic_ticks / reference_ticks
typedef struct zx_clock_transformation {
  int64_t reference_offset;
  int64_t synthetic_offset;
  zx_clock_rate_t rate;
} zx_clock_transformation_t;

typedef struct zx_clock_details_v1 {
  uint64_t options;
  zx_time_t backstop_time;
  union {  // of the same ticks, by its old and its new name
    zx_clock_transformation_t ticks_to_synthetic;
    zx_clock_transformation_t reference_ticks_to_synthetic;
  };
  union {
    zx_clock_transformation_t mono_to_synthetic;
    zx_clock_transformation_t reference_to_synthetic;
  };
  uint64_t error_bound;
  zx_ticks_t query_ticks;
  zx_ticks_t last_value_update_ticks;
  zx_ticks_t last_rate_adjust_update_ticks;
  zx_ticks_t last_error_bounds_update_ticks;
  uint32_t generation_counter;  // another one after each update
  uint8_t padding1[4];
} zx_clock_details_v1_t;

typedef struct zx_clock_update_args_v1 {
  int32_t rate_adjust;
  uint8_t padding1[4];
  int64_t value;
  uint64_t error_bound;
} zx_clock_update_args_v1_t;

typedef struct zx_clock_update_args_v2 {
  int32_t rate_adjust;
  uint8_t padding1[4];
  int64_t synthetic_value;
  int64_t reference_value;
  uint64_t error_bound;
} zx_clock_update_args_v2_t;

// Makes a clock, which stands at its backstop (0 without one) until its first update. `args`: null, or with
// ZX_CLOCK_ARGS_VERSION(1) a zx_clock_create_args_v1_t. ZX_ERR_INVALID_ARGS: unknown options or version,
// `args` without a version or the other way round, CONTINUOUS without MONOTONIC, AUTO_START with a backstop
// in the future.
zx_status_t zx_clock_create(uint64_t options, const void* args, zx_handle_t* out);

// What the clock shows now. Needs READ. Costs no system call.
zx_status_t zx_clock_read(zx_handle_t handle, zx_time_t* now);

// Fills a zx_clock_details_v1_t; `options` is ZX_CLOCK_ARGS_VERSION(1), else ZX_ERR_INVALID_ARGS. Needs READ.
zx_status_t zx_clock_get_details(zx_handle_t handle, uint64_t options, void* details);

// Moves the clock: ZX_CLOCK_ARGS_VERSION(1 or 2) with the ZX_CLOCK_UPDATE_OPTION_* that are valid in `args`,
// at least one. The first sets a value, which starts the clock: STARTED goes on for good. Each makes UPDATED
// flash. With a reference value (version 2) the change takes place at that point of the reference clock.
// Needs WRITE.
//
// ZX_ERR_BAD_STATE: not started, and no value. ZX_ERR_INVALID_ARGS: a rate out of bounds, a value for a
// continuous clock that runs, a change that would move a monotonic clock back or any clock below its
// backstop; in version 2 also a reference without value or rate, and on a monotonic clock that runs a value
// without reference, or a rate together with either.
zx_status_t zx_clock_update(zx_handle_t handle, uint64_t options, const void* args);

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_SYSCALLS_CLOCK_H_
