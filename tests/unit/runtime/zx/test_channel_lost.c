// Handles whose descriptors find no room in the process that receives them: one message is lost with them,
// its reader is told, and all else goes on.
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zircon/linux.h>

#include "busy_channel.h"

static struct rlimit limit;

// From now on this process gets `count` more descriptors. What it takes to wait it has already.
static void leave_room_for(int count) {
  int fds[8];
  zx_handle_t ready;
  ck_assert_int_eq(zx_linux_fd_wrap(eventfd(1, 0), &ready), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(ready, ZX_OBJECT_READABLE, ZX_TIME_INFINITE, NULL), ZX_OK);
  zx_handle_close(ready);
  ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
  struct rlimit none = limit;
  none.rlim_cur = 3;
  for (int i = 0; i < count; i++) {
    ck_assert_int_ge(fds[i] = dup(STDERR_FILENO), 0);
    none.rlim_cur = (rlim_t)fds[i] + 1;  // the lowest free one is taken first
  }
  for (int i = 0; i < count; i++)
    close(fds[i]);
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void make_room(void) {
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void make_busy(void) {
  exchange(400);
  ck_assert_int_eq(count_rings(NULL), 2);
}

static void write_timer(zx_handle_t channel, uint32_t word) {
  zx_handle_t timer;
  ck_assert_int_eq(zx_timer_create(0, 0, &timer), ZX_OK);
  ck_assert_int_eq(zx_channel_write(channel, 0, &word, sizeof(word), &timer, 1), ZX_OK);
}

static zx_status_t read_word(zx_handle_t channel, uint32_t* word, uint32_t* num_handles) {
  zx_handle_t handle = ZX_HANDLE_INVALID;
  zx_status_t status = zx_channel_read(channel, 0, word, &handle, sizeof(*word), 1, NULL, num_handles);
  if (handle) zx_handle_close(handle);
  return status;
}

static void expect(zx_handle_t channel, uint32_t expected, uint32_t expected_handles) {
  uint32_t word, num_handles;
  ck_assert_int_eq(read_word(channel, &word, &num_handles), ZX_OK);
  ck_assert_uint_eq(word, expected);
  ck_assert_uint_eq(num_handles, expected_handles);
}

static void expect_status(zx_handle_t channel, zx_status_t expected) {
  uint32_t word, num_handles;
  ck_assert_int_eq(read_word(channel, &word, &num_handles), expected);
}

START_TEST(handles_that_find_no_room_are_lost_with_their_message_only) {
  if (_i) make_busy();
  for (uint32_t word = 1; word <= 3; word++)
    write_timer(ends[0], word);
  expect(ends[1], 1, 1);
  leave_room_for(0);
  expect_status(ends[1], ZX_ERR_NO_RESOURCES);
  make_room();
  expect(ends[1], 3, 1);
  expect_status(ends[1], ZX_ERR_SHOULD_WAIT);
}
END_TEST

START_TEST(a_look_at_all_signals_keeps_the_place_of_a_lost_message) {
  if (_i) make_busy();
  write_timer(ends[0], 1);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, &(uint32_t){2}, 4, NULL, 0), ZX_OK);
  leave_room_for(0);
  ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_READABLE | ZX_CHANNEL_WRITABLE);
  make_room();
  expect_status(ends[1], ZX_ERR_NO_RESOURCES);
  ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_READABLE | ZX_CHANNEL_WRITABLE);
  expect(ends[1], 2, 0);
  ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_WRITABLE);
  expect_status(ends[1], ZX_ERR_SHOULD_WAIT);
}
END_TEST

START_TEST(a_lost_message_is_the_last_thing_that_a_closed_peer_said) {
  if (_i) make_busy();
  write_timer(ends[0], 1);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, &(uint32_t){2}, 4, NULL, 0), ZX_OK);
  write_timer(ends[0], 3);
  zx_handle_close(ends[0]);
  leave_room_for(0);
  ck_assert_int_eq(zx_object_wait_one(ends[1], ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL), ZX_OK);
  expect_status(ends[1], ZX_ERR_NO_RESOURCES);
  expect(ends[1], 2, 0);
  expect_status(ends[1], ZX_ERR_NO_RESOURCES);
  make_room();
  expect_status(ends[1], ZX_ERR_PEER_CLOSED);
}
END_TEST

// Answers each word with a handle for another one, if `stray`, and then with itself, and a handle if it is
// odd.
static void answer(zx_handle_t channel, bool stray) {
  uint32_t message[2];
  for (;;) {
    zx_object_wait_one(channel, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL);
    zx_status_t status = zx_channel_read(channel, 0, message, NULL, sizeof(message), 0, NULL, NULL);
    if (status == ZX_ERR_SHOULD_WAIT) continue;
    if (status != ZX_OK) _exit(status != ZX_ERR_PEER_CLOSED);
    zx_handle_t handle;
    if (stray) write_timer(channel, 77);
    if (zx_timer_create(0, 0, &handle) != ZX_OK) _exit(2);
    bool odd = message[1] % 2;
    if (!odd) zx_handle_close(handle);
    if (zx_channel_write(channel, 0, message, sizeof(message), &handle, odd) != ZX_OK) _exit(3);
  }
}

static zx_status_t call(uint32_t value) {
  uint32_t request[2] = {0, value}, reply[2], num_bytes, num_handles;
  zx_handle_t handle;
  zx_channel_call_args_t args = {.wr_bytes = request,
                                 .wr_num_bytes = sizeof(request),
                                 .rd_bytes = reply,
                                 .rd_num_bytes = sizeof(reply),
                                 .rd_handles = &handle,
                                 .rd_num_handles = 1};
  zx_status_t status = zx_channel_call(ends[0], 0, ZX_TIME_INFINITE, &args, &num_bytes, &num_handles);
  if (status != ZX_OK) return status;
  jx_assert(num_bytes == sizeof(reply) && reply[1] == value && num_handles == value % 2);
  if (num_handles) zx_handle_close(handle);
  return ZX_OK;
}

// 0: cold, 1: busy; 2, 3: with a message besides the answers.
START_TEST(a_call_loses_its_own_answer_only) {
  int status;
  bool stray = _i / 2;
  if (_i % 2) make_busy();
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&ends[1], 1);
    answer(ends[1], stray);
  }
  zx_linux_after_fork_leave(&ends[1], 1);
  ck_assert_int_eq(call(1), ZX_OK);
  if (stray) expect(ends[0], 77, 1);
  leave_room_for(0);
  ck_assert_int_eq(call(2), ZX_OK);
  if (stray) expect_status(ends[0], ZX_ERR_NO_RESOURCES);
  ck_assert_int_eq(call(3), ZX_ERR_NO_RESOURCES);
  if (stray) expect_status(ends[0], ZX_ERR_NO_RESOURCES);
  ck_assert_int_eq(call(4), ZX_OK);
  make_room();
  if (stray) expect_status(ends[0], ZX_ERR_NO_RESOURCES);
  expect_status(ends[0], ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(call(5), ZX_OK);
  if (stray) expect(ends[0], 77, 1);
  zx_handle_close(ends[0]);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}
END_TEST

static void* call_once(void* result) {
  *(zx_status_t*)result = call(1);
  return NULL;
}

// Whichever of the two meets the answer.
START_TEST(a_thread_that_reads_meets_the_lost_answer_of_one_that_calls) {
  if (_i) make_busy();
  for (int round = 0; round < 30; round++) {
    pthread_t thread;
    zx_handle_t timer;
    zx_status_t result;
    uint32_t message[2];
    ck_assert_int_eq(pthread_create(&thread, NULL, call_once, &result), 0);
    ck_assert_int_eq(zx_object_wait_one(ends[1], ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, NULL), ZX_OK);
    ck_assert_int_eq(zx_channel_read(ends[1], 0, message, NULL, sizeof(message), 0, NULL, NULL), ZX_OK);
    ck_assert_int_eq(zx_timer_create(0, 0, &timer), ZX_OK);
    leave_room_for(0);
    ck_assert_int_eq(zx_channel_write(ends[1], 0, message, sizeof(message), &timer, 1), ZX_OK);
    expect_status(ends[0], ZX_ERR_SHOULD_WAIT);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    make_room();
    ck_assert_int_eq(result, ZX_ERR_NO_RESOURCES);
  }
}
END_TEST

// Sends ends[1] through a channel of its own, whose reader has room for `room` descriptors, or enough if that
// is negative; the carrier goes on.
static void move_end(int room) {
  zx_handle_t carrier[2];
  ck_assert_int_eq(zx_channel_create(0, &carrier[0], &carrier[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_write(carrier[0], 0, NULL, 0, &ends[1], 1), ZX_OK);
  ck_assert_int_eq(zx_channel_write(carrier[0], 0, &(uint32_t){9}, 4, NULL, 0), ZX_OK);
  if (room >= 0) leave_room_for(room);
  ck_assert_int_eq(zx_channel_read(carrier[1], 0, NULL, &ends[1], 0, 1, NULL, NULL), ZX_OK);
  if (room >= 0) make_room();
  expect(carrier[1], 9, 0);
  zx_handle_close_many(carrier, 2);
}

// Has the end take descriptors out of its socket, of which none find room, and leave the messages in its
// ring.
static void lose_descriptors(zx_handle_t channel) {
  zx_handle_t port;
  zx_port_packet_t packet;
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_object_wait_async(channel, port, 0, ZX_CHANNEL_PEER_CLOSED, 0), ZX_OK);
  leave_room_for(0);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);
  make_room();
  zx_handle_close(port);
}

START_TEST(an_end_moves_on_without_descriptors_that_found_no_room_before_their_message) {
  make_busy();
  write_timer(ends[0], 1);
  lose_descriptors(ends[1]);
  write_timer(ends[0], 2);
  for (int i = 0; i < 2; i++)
    move_end(-1);
  expect_status(ends[1], ZX_ERR_NO_RESOURCES);
  expect(ends[1], 2, 1);
  expect_status(ends[1], ZX_ERR_SHOULD_WAIT);
}
END_TEST

START_TEST(an_end_moves_on_with_the_place_of_a_lost_message) {
  if (_i) make_busy();
  for (uint32_t word = 1; word <= 3; word++) {
    write_timer(ends[0], word);
    if (word == 2) leave_room_for(0);
    ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_READABLE | ZX_CHANNEL_WRITABLE);
    if (word == 2) make_room();
  }
  for (int i = 0; i < 2; i++)
    move_end(-1);
  expect(ends[1], 1, 1);
  expect_status(ends[1], ZX_ERR_NO_RESOURCES);
  expect(ends[1], 3, 1);
  expect_status(ends[1], ZX_ERR_SHOULD_WAIT);
}
END_TEST

START_TEST(an_end_arrives_without_the_handles_that_it_holds_and_that_find_no_room) {
  if (_i) make_busy();
  for (uint32_t word = 1; word <= 2; word++)
    write_timer(ends[0], word);
  ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_READABLE | ZX_CHANNEL_WRITABLE);  // takes them in
  ck_assert_int_eq(zx_channel_write(ends[0], 0, &(uint32_t){3}, 4, NULL, 0), ZX_OK);
  move_end(_i ? 4 : 3);  // itself and what it brings: its ring, its messages; and one of theirs
  expect(ends[1], 1, 1);
  expect_status(ends[1], ZX_ERR_NO_RESOURCES);
  expect(ends[1], 3, 0);
  expect_status(ends[1], ZX_ERR_SHOULD_WAIT);
}
END_TEST

START_TEST(an_end_that_finds_no_room_is_lost_with_its_message_only) {
  zx_handle_t carrier[2];
  if (_i) make_busy();
  ck_assert_int_eq(zx_channel_create(0, &carrier[0], &carrier[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_write(carrier[0], 0, NULL, 0, &ends[1], 1), ZX_OK);
  ck_assert_int_eq(zx_channel_write(carrier[0], 0, &(uint32_t){9}, 4, NULL, 0), ZX_OK);
  leave_room_for(_i ? 1 : 0);
  ck_assert_int_eq(zx_channel_read(carrier[1], 0, NULL, &ends[1], 0, 1, NULL, NULL), ZX_ERR_NO_RESOURCES);
  make_room();
  expect(carrier[1], 9, 0);
  zx_handle_close_many(carrier, 2);
  ck_assert_int_eq(zx_object_wait_one(ends[0], ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, NULL, 0, NULL, 0), ZX_ERR_PEER_CLOSED);
}
END_TEST

START_TEST(an_offer_that_finds_no_room_is_refused_and_its_message_arrives) {
  enum { MESSAGES = 400 };
  int status;
  pid_t child = fork();
  if (child == 0) {  // the end that offers
    zx_linux_after_fork_keep(&ends[0], 1);
    for (uint32_t i = 0, word, num_handles; i < MESSAGES; i++) {
      if (zx_channel_write(ends[0], 0, &i, sizeof(i), NULL, 0) != ZX_OK) _exit(1);
      if (zx_object_wait_one(ends[0], ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, NULL) != ZX_OK) _exit(2);
      if (read_word(ends[0], &word, &num_handles) != ZX_OK || word != i) _exit(3);
    }
    _exit(0);
  }
  zx_linux_after_fork_leave(&ends[0], 1);
  leave_room_for(0);
  for (uint32_t i = 0; i < MESSAGES; i++) {
    ck_assert_int_eq(zx_object_wait_one(ends[1], ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, NULL), ZX_OK);
    expect(ends[1], i, 0);
    ck_assert_int_eq(zx_channel_write(ends[1], 0, &i, sizeof(i), NULL, 0), ZX_OK);
  }
  make_room();
  ck_assert_int_eq(count_rings(NULL), 0);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("channel_lost");
  TCase* tc = jx_test_case(suite, "channel_lost");
  tcase_set_timeout(tc, 60);
  tcase_add_checked_fixture(tc, make_channel, close_channel);
  tcase_add_loop_test(tc, handles_that_find_no_room_are_lost_with_their_message_only, 0, 2);
  tcase_add_loop_test(tc, a_look_at_all_signals_keeps_the_place_of_a_lost_message, 0, 2);
  tcase_add_loop_test(tc, a_lost_message_is_the_last_thing_that_a_closed_peer_said, 0, 2);
  tcase_add_loop_test(tc, a_call_loses_its_own_answer_only, 0, 4);
  tcase_add_loop_test(tc, a_thread_that_reads_meets_the_lost_answer_of_one_that_calls, 0, 2);
  tcase_add_test(tc, an_end_moves_on_without_descriptors_that_found_no_room_before_their_message);
  tcase_add_loop_test(tc, an_end_moves_on_with_the_place_of_a_lost_message, 0, 2);
  tcase_add_loop_test(tc, an_end_arrives_without_the_handles_that_it_holds_and_that_find_no_room, 0, 2);
  tcase_add_loop_test(tc, an_end_that_finds_no_room_is_lost_with_its_message_only, 0, 2);
  tcase_add_test(tc, an_offer_that_finds_no_room_is_refused_and_its_message_arrives);
  return jx_test_run(suite);
}
