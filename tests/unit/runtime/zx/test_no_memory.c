// What must be kept, or watched, when there is no memory for it: nothing is lost in silence. The linker puts
// what is here in the place of malloc and epoll_ctl.
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <zircon/linux.h>

#include "busy_channel.h"

#define LARGE 1234u  // no other memory is asked for in such sizes

static bool no_large_memory;
static atomic_int refusals;  // calls of epoll_ctl that find no room; negative: any number
static atomic_uint num_refused;

void* __real_malloc(size_t size);
void* __wrap_malloc(size_t size);
int __real_epoll_ctl(int set, int op, int fd, struct epoll_event* event);
int __wrap_epoll_ctl(int set, int op, int fd, struct epoll_event* event);

void* __wrap_malloc(size_t size) {
  if (no_large_memory && size >= LARGE && size < LARGE + 256) return NULL;
  return __real_malloc(size);
}

int __wrap_epoll_ctl(int set, int op, int fd, struct epoll_event* event) {
  int left = atomic_load(&refusals);
  if (op == EPOLL_CTL_DEL || !left) return __real_epoll_ctl(set, op, fd, event);
  if (left > 0) atomic_fetch_sub(&refusals, 1);
  atomic_fetch_add(&num_refused, 1);
  errno = ENOSPC;
  return -1;
}

static char bytes[LARGE];

static void write_sized(uint32_t size, char first, zx_handle_t handle) {
  bytes[0] = first;
  ck_assert_int_eq(zx_channel_write(ends[1], 0, bytes, size, &handle, handle ? 1 : 0), ZX_OK);
}

static void expect_byte(char first) {
  char got[LARGE];
  uint32_t size;
  ck_assert_int_eq(zx_channel_read(ends[0], 0, got, NULL, sizeof(got), 0, &size, NULL), ZX_OK);
  ck_assert_int_eq(got[0], first);
}

static zx_signals_t signals_of(zx_handle_t handle, zx_signals_t awaited) {
  zx_signals_t signals = 0;
  ck_assert_int_eq(zx_object_wait_one(handle, awaited, ZX_TIME_INFINITE_PAST, &signals), ZX_ERR_TIMED_OUT);
  return signals;
}

// Four messages, of which the second finds no memory when a look for user signals goes through them.
static void lose_the_second(bool busy, zx_handle_t cargo[2]) {
  ck_assert_int_eq(zx_channel_create(0, &ends[0], &ends[1]), ZX_OK);
  if (busy) exchange(400);
  ck_assert_int_eq(count_rings(NULL), busy ? 2 : 0);
  ck_assert_int_eq(zx_eventpair_create(0, &cargo[0], &cargo[1]), ZX_OK);
  write_sized(8, 'a', ZX_HANDLE_INVALID);
  write_sized(LARGE, 'b', cargo[1]);
  write_sized(8, 'c', ZX_HANDLE_INVALID);
  write_sized(LARGE, 'd', ZX_HANDLE_INVALID);
  no_large_memory = true;
  ck_assert(signals_of(ends[0], ZX_USER_SIGNAL_0) & ZX_CHANNEL_READABLE);
  no_large_memory = false;
}

static void expect_all_but_the_second(zx_handle_t cargo) {
  char got[LARGE];
  expect_byte('a');
  ck_assert(signals_of(ends[0], ZX_USER_SIGNAL_0) & ZX_CHANNEL_READABLE);
  ck_assert_int_eq(zx_channel_read(ends[0], 0, got, NULL, sizeof(got), 0, NULL, NULL), ZX_ERR_NO_RESOURCES);
  expect_byte('c');
  expect_byte('d');
  ck_assert_int_eq(zx_channel_read(ends[0], 0, got, NULL, sizeof(got), 0, NULL, NULL), ZX_ERR_SHOULD_WAIT);
  // Its handle went with it.
  ck_assert(signals_of(cargo, ZX_USER_SIGNAL_0) & ZX_EVENTPAIR_PEER_CLOSED);
  write_sized(8, 'e', ZX_HANDLE_INVALID);
  expect_byte('e');
}

START_TEST(a_message_without_memory_is_missed_at_its_place) {
  zx_handle_t cargo[2];
  lose_the_second(_i, cargo);
  expect_all_but_the_second(cargo[0]);
  zx_handle_close(cargo[0]);
  zx_handle_close_many(ends, 2);
}
END_TEST

START_TEST(it_is_missed_as_well_where_the_end_goes) {
  zx_handle_t cargo[2];
  zx_handle_t carrier[2];
  lose_the_second(_i, cargo);
  ck_assert_int_eq(zx_channel_create(0, &carrier[0], &carrier[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_write(carrier[0], 0, NULL, 0, &ends[0], 1), ZX_OK);
  ck_assert_int_eq(zx_channel_read(carrier[1], 0, NULL, &ends[0], 0, 1, NULL, NULL), ZX_OK);
  expect_all_but_the_second(cargo[0]);
  zx_handle_close_many(carrier, 2);
  zx_handle_close(cargo[0]);
  zx_handle_close_many(ends, 2);
}
END_TEST

START_TEST(an_end_with_one_missing_may_be_closed) {
  zx_handle_t cargo[2];
  lose_the_second(_i, cargo);
  zx_handle_close_many(ends, 2);
  ck_assert(signals_of(cargo[0], ZX_USER_SIGNAL_0) & ZX_EVENTPAIR_PEER_CLOSED);
  zx_handle_close(cargo[0]);
}
END_TEST

static zx_handle_t port;

static void begin_wait(int refused) {
  zx_port_packet_t packet;
  ck_assert_int_eq(zx_channel_create(0, &ends[0], &ends[1]), ZX_OK);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  // What it takes to sleep beside other threads it has already.
  ck_assert_int_eq(zx_port_wait(port, ZX_TIME_INFINITE_PAST, &packet), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_object_wait_async(ends[0], port, 7, ZX_CHANNEL_READABLE, 0), ZX_OK);
  atomic_store(&refusals, refused);
  ck_assert_int_eq(zx_port_wait(port, ZX_TIME_INFINITE_PAST, &packet), ZX_ERR_TIMED_OUT);
  ck_assert_uint_ge(atomic_load(&num_refused), 1);
}

static void expect_packet(void) {
  zx_port_packet_t packet;
  ck_assert_int_eq(zx_port_wait(port, ZX_TIME_INFINITE, &packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 7);
  ck_assert(packet.signal.observed & ZX_CHANNEL_READABLE);
}

static void end_wait(void) {
  atomic_store(&refusals, 0);
  zx_handle_close(port);
  zx_handle_close_many(ends, 2);
}

START_TEST(a_wait_that_epoll_has_no_room_for_is_met) {
  begin_wait(_i ? -1 : 1);
  write_sized(8, 'a', ZX_HANDLE_INVALID);
  expect_packet();
  end_wait();
}
END_TEST

// Once the port's sleeps have been in vain for a while.
static void* write_later(void* context) {
  const unsigned* enough = context;
  while (atomic_load(&num_refused) < *enough)
    sched_yield();
  write_sized(8, 'a', ZX_HANDLE_INVALID);
  return NULL;
}

START_TEST(a_sleep_at_the_port_hears_of_it_too) {
  pthread_t thread;
  unsigned enough = 5;
  atomic_store(&num_refused, 0);
  ck_assert_int_eq(pthread_create(&thread, NULL, write_later, &enough), 0);
  begin_wait(_i ? -1 : (int)enough);
  expect_packet();
  pthread_join(thread, NULL);
  end_wait();
}
END_TEST

START_TEST(a_foreign_loop_may_not_sleep_meanwhile) {
  begin_wait(4);
  for (unsigned i = 0; atomic_load(&refusals) > 0; i++) {
    ck_assert_uint_lt(i, 4);
    ck_assert_int_eq(zx_linux_port_arm(port), ZX_OK);
  }
  ck_assert_int_eq(zx_linux_port_arm(port), ZX_ERR_SHOULD_WAIT);
  write_sized(8, 'a', ZX_HANDLE_INVALID);
  expect_packet();
  end_wait();
}
END_TEST

START_TEST(a_starved_wait_ends_with_its_handle) {
  zx_port_packet_t packet;
  begin_wait(-1);
  zx_handle_close(ends[0]);
  ck_assert_int_eq(zx_port_wait(port, zx_deadline_after(ZX_MSEC(10)), &packet), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_linux_port_arm(port), ZX_ERR_SHOULD_WAIT);
  atomic_store(&refusals, 0);
  zx_handle_close(port);
  zx_handle_close(ends[1]);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("no_memory");
  TCase* tc = jx_test_case(suite, "no_memory");
  tcase_add_loop_test(tc, a_message_without_memory_is_missed_at_its_place, 0, 2);
  tcase_add_loop_test(tc, it_is_missed_as_well_where_the_end_goes, 0, 2);
  tcase_add_loop_test(tc, an_end_with_one_missing_may_be_closed, 0, 2);
  tcase_add_loop_test(tc, a_wait_that_epoll_has_no_room_for_is_met, 0, 2);
  tcase_add_loop_test(tc, a_sleep_at_the_port_hears_of_it_too, 0, 2);
  tcase_add_test(tc, a_foreign_loop_may_not_sleep_meanwhile);
  tcase_add_test(tc, a_starved_wait_ends_with_its_handle);
  return jx_test_run(suite);
}
