// Deadlines as the kernel wants them.
#ifndef RUNTIME_ZX_CLOCK_H_
#define RUNTIME_ZX_CLOCK_H_

#include <stdbool.h>
#include <time.h>

#include <zircon/types.h>

// What is left until `deadline` in `storage`; null for ever, zero if it is past.
const struct timespec* clock_until(zx_time_t deadline, struct timespec* storage);

bool clock_is_past(zx_time_t deadline);

#endif  // RUNTIME_ZX_CLOCK_H_
