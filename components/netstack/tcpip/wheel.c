// The wheel's one invariant: a timer due at tick e, when the wheel stands at n < e, lies on the level of the
// highest 6-bit digit in which e and n differ, in the slot of that digit of e. So all slots in use on a level
// are ahead of the wheel's own digit, the first level in use holds the next timer, and its first bit tells
// where.
#include "wheel.h"

#include <stddef.h>

#define TICK_SHIFT 16
#define DIGIT_BITS 6

static void list_push(wheel_timer_t** head, wheel_timer_t* timer) {
  timer->next = *head;
  timer->link = head;
  if (timer->next) timer->next->link = &timer->next;
  *head = timer;
}

static void list_remove(wheel_timer_t* timer) {
  *timer->link = timer->next;
  if (timer->next) timer->next->link = timer->link;
  timer->link = NULL;
}

static void place(wheel_t* wheel, wheel_timer_t* timer) {
  if (timer->tick <= wheel->tick) {
    list_push(&wheel->due, timer);
    return;
  }
  unsigned level = (63 - (unsigned)__builtin_clzll(timer->tick ^ wheel->tick)) / DIGIT_BITS;
  unsigned slot = timer->tick >> (level * DIGIT_BITS) & (WHEEL_SLOTS - 1);
  list_push(&wheel->slots[level][slot], timer);
  wheel->occupied[level] |= UINT64_C(1) << slot;
}

void wheel_init(wheel_t* wheel, int64_t now_ns) {
  *wheel = (wheel_t){.now_ns = now_ns, .tick = now_ns > 0 ? (uint64_t)now_ns >> TICK_SHIFT : 0};
}

void wheel_start(wheel_t* wheel, wheel_timer_t* timer, int64_t deadline_ns) {
  wheel_stop(wheel, timer);
  // Rounded up, so as not to be early; 47 bits of ticks stay within the eight levels.
  timer->tick =
      deadline_ns > wheel->now_ns ? ((uint64_t)deadline_ns + (1 << TICK_SHIFT) - 1) >> TICK_SHIFT : 0;
  place(wheel, timer);
}

int64_t wheel_deadline(const wheel_timer_t* timer) {
  return (int64_t)(timer->tick << TICK_SHIFT);
}

void wheel_stop(wheel_t* wheel, wheel_timer_t* timer) {
  if (!timer->link) return;
  uintptr_t link = (uintptr_t)timer->link, first = (uintptr_t)wheel->slots;
  bool alone = !timer->next;
  list_remove(timer);
  // The only one of a slot is linked from the slot itself.
  if (alone && link >= first && link < first + sizeof wheel->slots) {
    size_t position = (link - first) / sizeof(wheel_timer_t*);
    wheel->occupied[position / WHEEL_SLOTS] &= ~(UINT64_C(1) << position % WHEEL_SLOTS);
  }
}

// The tick at which the first slot in use comes up; UINT64_MAX if there is none.
static uint64_t next_slot(const wheel_t* wheel, unsigned* out_level, unsigned* out_slot) {
  for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
    if (!wheel->occupied[level]) continue;
    unsigned slot = (unsigned)__builtin_ctzll(wheel->occupied[level]);
    unsigned shift = level * DIGIT_BITS;
    *out_level = level;
    *out_slot = slot;
    return (wheel->tick >> shift >> DIGIT_BITS << DIGIT_BITS | slot) << shift;
  }
  return UINT64_MAX;
}

static void fire_list(wheel_timer_t** head) {
  while (*head) {
    wheel_timer_t* timer = *head;
    list_remove(timer);
    timer->fire(timer);
  }
}

static void fire_due(wheel_t* wheel) {
  wheel_timer_t* list = wheel->due;
  wheel->due = NULL;  // what a handler starts for "now" waits for the next advance
  if (list) list->link = &list;
  fire_list(&list);
}

void wheel_advance(wheel_t* wheel, int64_t now_ns) {
  uint64_t target = now_ns > 0 ? (uint64_t)now_ns >> TICK_SHIFT : 0;
  wheel->now_ns = now_ns;
  fire_due(wheel);
  for (;;) {
    unsigned level, slot;
    uint64_t tick = next_slot(wheel, &level, &slot);
    if (tick > target) break;
    wheel->tick = tick;
    wheel->occupied[level] &= ~(UINT64_C(1) << slot);
    wheel_timer_t* list = wheel->slots[level][slot];
    wheel->slots[level][slot] = NULL;
    list->link = &list;
    while (list) {
      wheel_timer_t* timer = list;
      list_remove(timer);
      if (timer->tick <= wheel->tick)
        timer->fire(timer);
      else
        place(wheel, timer);  // to a finer level
    }
  }
  if (target > wheel->tick) wheel->tick = target;
}

int64_t wheel_next(const wheel_t* wheel) {
  if (wheel->due) return INT64_MIN;
  unsigned level, slot;
  uint64_t tick = next_slot(wheel, &level, &slot);
  return tick >= (uint64_t)INT64_MAX >> TICK_SHIFT ? INT64_MAX : (int64_t)(tick << TICK_SHIFT);
}
