// The timer wheel beside a plain array of deadlines.
#include "wheel.h"

#include <stdlib.h>
#include <string.h>

#include "jx_test.h"

#define TIMERS 500
#define TICK (INT64_C(1) << 16)

typedef struct entry {
  wheel_timer_t timer;
  int64_t deadline;
  bool running;
  int fired;
} entry_t;

static wheel_t wheel;
static entry_t entries[TIMERS];
static int64_t now;

static void fire(wheel_timer_t* timer) {
  entry_t* e = (entry_t*)timer;
  ck_assert(e->running);
  ck_assert_int_le(e->deadline, now);
  e->running = false;
  e->fired++;
}

static void start(entry_t* e, int64_t deadline) {
  e->timer.fire = fire;
  e->deadline = deadline;
  e->running = true;
  wheel_start(&wheel, &e->timer, deadline);
}

static void setup(void) {
  now = INT64_C(123456789012345);
  wheel_init(&wheel, now);
  memset(entries, 0, sizeof entries);
}

START_TEST(timers_of_all_distances_fire_in_time_and_never_early) {
  srand(11);
  for (int i = 0; i < TIMERS; i++)
    start(&entries[i], now + ((int64_t)rand() << (rand() % 24)) % (INT64_C(1) << (20 + rand() % 36)));
  for (int round = 0; round < 20000; round++) {
    int64_t next = wheel_next(&wheel);
    if (next == INT64_MAX)
      break;
    now = next > now ? next + rand() % 3 * TICK : now + rand() % 1000;
    wheel_advance(&wheel, now);
    for (int i = 0; i < TIMERS; i++) {  // Check would write each of ten million assertions down
      if (entries[i].running && entries[i].deadline + TICK <= now)
        ck_abort_msg("%lld is late at %lld", (long long)entries[i].deadline, (long long)now);
    }
    int pick = rand() % TIMERS;
    if (round < 5000 && rand() % 3 == 0)
      start(&entries[pick], now + rand());
    if (rand() % 5 == 0) {
      wheel_stop(&wheel, &entries[pick].timer);
      entries[pick].running = false;
    }
  }
  for (int i = 0; i < TIMERS; i++)
    ck_assert(!entries[i].running);
  ck_assert_int_eq(wheel_next(&wheel), INT64_MAX);
} END_TEST

START_TEST(a_deadline_in_the_past_fires_at_the_next_advance) {
  start(&entries[0], now - 5);
  ck_assert_int_le(wheel_next(&wheel), now);
  wheel_advance(&wheel, now);
  ck_assert_int_eq(entries[0].fired, 1);
  ck_assert_int_eq(wheel_next(&wheel), INT64_MAX);
} END_TEST

static void restart(wheel_timer_t* timer) {
  entry_t* e = (entry_t*)timer;
  e->fired++;
  wheel_start(&wheel, timer, now);
}

START_TEST(a_timer_that_restarts_itself_for_now_does_not_hold_up_the_wheel) {
  entries[0].timer.fire = restart;
  wheel_start(&wheel, &entries[0].timer, now);
  wheel_advance(&wheel, now);
  wheel_advance(&wheel, now);
  ck_assert_int_eq(entries[0].fired, 2);
} END_TEST

START_TEST(a_jump_over_all_levels_fires_everything) {
  for (int i = 0; i < 40; i++)
    start(&entries[i], now + (INT64_C(1) << (16 + i)));
  now += INT64_C(1) << 57;
  wheel_advance(&wheel, now);
  for (int i = 0; i < 40; i++)
    ck_assert_int_eq(entries[i].fired, 1);
} END_TEST

int main(void) {
  Suite* suite = suite_create("wheel");
  TCase* tc = jx_test_case(suite, "wheel");
  tcase_add_checked_fixture(tc, setup, NULL);
  tcase_add_test(tc, timers_of_all_distances_fire_in_time_and_never_early);
  tcase_add_test(tc, a_deadline_in_the_past_fires_at_the_next_advance);
  tcase_add_test(tc, a_timer_that_restarts_itself_for_now_does_not_hold_up_the_wheel);
  tcase_add_test(tc, a_jump_over_all_levels_fires_everything);
  return jx_test_run(suite);
}
