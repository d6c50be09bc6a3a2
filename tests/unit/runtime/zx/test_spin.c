// What an end learns from waits that paid and waits that did not.
#include "runtime/zx/spin.h"

#include <pthread.h>
#include <sched.h>

#include "jx_test.h"

static _Atomic uint32_t word, own_cpu, peer_cpu;
static struct spinner spinner;

static struct spin_target target_of(uint32_t seen) {
  struct spin_target target = {.own_cpu = &own_cpu, .peer_cpu = &peer_cpu};
  spin_add(&target, &word, seen, 1);
  return target;
}

static void pin_to_one_processor(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(sched_getcpu(), &set);
  sched_setaffinity(0, sizeof(set), &set);
}

START_TEST(a_change_from_before_needs_no_watching) {
  struct spin_target target = target_of(1);
  spinner.skip = 5;
  ck_assert(spin_watch(&spinner, &target));
  ck_assert_uint_eq(spinner.skip, 5);
  ck_assert_uint_ne(own_cpu, 0);  // that is told in any case
}
END_TEST

START_TEST(watching_tells_the_peer_where) {
  struct spin_target target = target_of(0);
  pin_to_one_processor();
  ck_assert(!spin_watch(&spinner, &target));
  ck_assert_uint_eq(own_cpu, (uint32_t)sched_getcpu() + 1);
}
END_TEST

START_TEST(watching_in_vain_becomes_rare) {
  struct spin_target target = target_of(0);
  pin_to_one_processor();
  unsigned watched = 0;
  for (int i = 0; i < 10000; i++) {
    bool watches = !spinner.skip && !spinner.no_yield;
    ck_assert(!spin_watch(&spinner, &target));
    if (watches) watched++;
  }
  ck_assert_uint_lt(watched, 100);
}
END_TEST

static void* change_word(void* unused) {
  pin_to_one_processor();
  for (uint32_t i = 1; i <= 100; i++) {
    while (peer_cpu != i)
      sched_yield();
    word = i;
  }
  return NULL;
}

START_TEST(one_wait_that_pays_makes_up_for_those_that_did_not) {
  pin_to_one_processor();
  pthread_t other;
  spinner.misses = 50;
  ck_assert_int_eq(pthread_create(&other, NULL, change_word, NULL), 0);
  bool paid = false;
  for (uint32_t i = 0; i < 100; i++) {
    spinner.skip = spinner.no_yield = 0;
    peer_cpu = i + 1;
    struct spin_target target = target_of(i);
    if (spin_watch(&spinner, &target) && spinner.misses == 0) paid = true;
    while (word != i + 1)
      sched_yield();
  }
  pthread_join(other, NULL);
  ck_assert(paid);
}
END_TEST

static atomic_bool stop;

static void* burn(void* unused) {
  while (!stop) {
  }
  return NULL;
}

START_TEST(a_busy_third_party_ends_the_yielding) {
  struct spin_target target = target_of(0);
  pin_to_one_processor();
  pthread_t burner;
  ck_assert_int_eq(pthread_create(&burner, NULL, burn, NULL), 0);
  for (int i = 0; i < 50 && spinner.no_yield < 256; i++) {
    spinner.skip = 0;
    peer_cpu = own_cpu;
    ck_assert(!spin_watch(&spinner, &target));
  }
  stop = true;
  pthread_join(burner, NULL);
  ck_assert_uint_ge(spinner.no_yield, 256);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("spin");
  TCase* tc = jx_test_case(suite, "spin");
  tcase_add_test(tc, a_change_from_before_needs_no_watching);
  tcase_add_test(tc, watching_tells_the_peer_where);
  tcase_add_test(tc, watching_in_vain_becomes_rare);
  tcase_add_test(tc, one_wait_that_pays_makes_up_for_those_that_did_not);
  tcase_add_test(tc, a_busy_third_party_ends_the_yielding);
  return jx_test_run(suite);
}
