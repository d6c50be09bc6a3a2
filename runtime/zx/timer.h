// What zx_object_get_info asks of a timer.
#ifndef RUNTIME_ZX_TIMER_H_
#define RUNTIME_ZX_TIMER_H_

#include <zircon/syscalls/object.h>

#include "runtime/zx/object.h"

void timer_info(struct zx_object* object, zx_info_timer_t* out);

#endif  // RUNTIME_ZX_TIMER_H_
