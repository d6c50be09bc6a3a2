// Timers whose cost does not grow with their number: a hierarchical timing wheel of 8 levels of 64 slots,
// each level with a bitmap of the slots in use, so that starting, stopping and finding the next one are a few
// instructions.
//
// A timer never fires early, and at most one tick (65.5 us) late.
#ifndef TCPIP_WHEEL_H_
#define TCPIP_WHEEL_H_

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_LEVELS 8
#define WHEEL_SLOTS 64

typedef struct wheel_timer wheel_timer_t;
struct wheel_timer {
  wheel_timer_t* next;
  wheel_timer_t** link;  // what points to this one; NULL when not running
  uint64_t tick;
  void (*fire)(wheel_timer_t* timer);
};

typedef struct wheel {
  int64_t now_ns;
  uint64_t tick;  // every timer in a slot is due after it
  uint64_t occupied[WHEEL_LEVELS];
  wheel_timer_t* slots[WHEEL_LEVELS][WHEEL_SLOTS];
  wheel_timer_t* due;  // to be fired by the next advance
} wheel_t;

void wheel_init(wheel_t* wheel, int64_t now_ns);

// (Re)starts `timer`. It must have been zeroed once, with `fire` set. A deadline in the past fires at the
// next advance.
void wheel_start(wheel_t* wheel, wheel_timer_t* timer, int64_t deadline_ns);

// Nothing happens if it is not running.
void wheel_stop(wheel_t* wheel, wheel_timer_t* timer);

// When a running one is due, as the wheel counts: starting it anew for then changes nothing.
int64_t wheel_deadline(const wheel_timer_t* timer);

static inline bool wheel_running(const wheel_timer_t* timer) {
  return timer->link != 0;
}

// Fires all that is due. A handler may start and stop any timer, its own included, and free its own; what it
// starts for "now" fires at the next advance.
void wheel_advance(wheel_t* wheel, int64_t now_ns);

// A time by which wheel_advance must be called, INT64_MAX if no timer runs. It may be earlier than the first
// timer (when timers are to be moved to a finer level), never later.
int64_t wheel_next(const wheel_t* wheel);

#endif  // TCPIP_WHEEL_H_
