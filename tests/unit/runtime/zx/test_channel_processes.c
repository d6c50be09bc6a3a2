// Busy channels between processes: their ends are left to a forked child or moved in a message, read by many
// threads, and die with their holder.
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zircon/linux.h>

#include "busy_channel.h"

// Answers every message with itself and its handles, until the other end goes.
static void echo(zx_handle_t channel) {
  static char bytes[65536];
  zx_handle_t handles[64];
  uint32_t num_bytes, num_handles;
  for (;;) {
    zx_object_wait_one(channel, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL);
    zx_status_t status = zx_channel_read(channel, 0, bytes, handles, 65536, 64, &num_bytes, &num_handles);
    if (status == ZX_ERR_SHOULD_WAIT) continue;
    if (status != ZX_OK) _exit(status == ZX_ERR_PEER_CLOSED ? 0 : 1);
    while ((status = zx_channel_write(channel, 0, bytes, num_bytes, num_handles ? handles : NULL,
                                      num_handles)) == ZX_ERR_SHOULD_WAIT) {
      if (num_handles) _exit(2);
      zx_object_wait_one(channel, ZX_CHANNEL_WRITABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL);
    }
    if (status != ZX_OK) _exit(3);
  }
}

static pid_t start_echo(void) {
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&ends[1], 1);
    echo(ends[1]);
  }
  zx_linux_after_fork_leave(&ends[1], 1);
  return child;
}

static void expect_exit(pid_t child) {
  int status;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}

static zx_status_t call(uint32_t size, zx_handle_t* handle, unsigned seed) {
  char* bytes = malloc(size);
  char* answer = malloc(size);
  uint32_t num_bytes, num_handles;
  zx_handle_t got = ZX_HANDLE_INVALID;
  for (uint32_t i = 4; i < size; i += 97)
    bytes[i] = (char)(seed + i);
  zx_channel_call_args_t args = {.wr_bytes = bytes,
                                 .wr_num_bytes = size,
                                 .wr_handles = handle,
                                 .wr_num_handles = handle ? 1 : 0,
                                 .rd_bytes = answer,
                                 .rd_num_bytes = size,
                                 .rd_handles = &got,
                                 .rd_num_handles = 1};
  zx_status_t status = zx_channel_call(ends[0], 0, ZX_TIME_INFINITE, &args, &num_bytes, &num_handles);
  if (status == ZX_OK) {
    jx_assert(num_bytes == size);
    jx_assert(num_handles == (handle ? 1u : 0u));
    for (uint32_t i = 4; i < size; i += 97)
      jx_assert(answer[i] == (char)(seed + i));
    if (handle) *handle = got;
  }
  free(bytes);
  free(answer);
  return status;
}

// Sends some messages and reads their echoes.
static void echo_burst(uint32_t first, uint32_t count) {
  uint32_t got, size;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t message[32] = {first + i};  // below 0x80000000: no answer to a call
    jx_assert(zx_channel_write(ends[0], 0, message, 4 + 4 * (i % 32), NULL, 0) == ZX_OK);
  }
  for (uint32_t i = 0; i < count;) {
    uint32_t message[32];
    zx_status_t status = zx_channel_read(ends[0], 0, message, NULL, sizeof(message), 0, &size, NULL);
    if (status == ZX_OK) {
      got = message[0];
      jx_assert(got == first + i);
      jx_assert(size == 4 + 4 * (i % 32));
      i++;
    } else {
      jx_assert(status == ZX_ERR_SHOULD_WAIT);
      ck_assert_int_eq(zx_object_wait_one(ends[0], ZX_CHANNEL_READABLE, zx_deadline_after(ZX_SEC(30)), NULL),
                       ZX_OK);
    }
  }
}

// Calls and bursts of messages with echoes, `total` in all.
static void exchange_randomly(uint32_t total) {
  pid_t child = start_echo();
  zx_handle_t event;
  jx_assert(zx_event_create(0, &event) == ZX_OK);
  for (uint32_t done = 0, count; done < total; done += count) {
    count = rand() % 8 ? 1 + (uint32_t)rand() % 63 : 1;
    if (count > 1) {
      echo_burst(done, count);
    } else {
      uint32_t size = 4 + (uint32_t)rand() % (rand() % 50 ? 200 : 60000);
      jx_assert(call(size, rand() % 20 ? NULL : &event, done) == ZX_OK);
    }
    if (rand() % 500 == 0) zx_nanosleep(zx_deadline_after(ZX_USEC(300)));  // lets the peer fall asleep
  }
  zx_handle_close(event);
  zx_handle_close(ends[0]);
  expect_exit(child);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
START_TEST(a_hundred_thousand_random_messages_lose_no_wake_up) {
  exchange_randomly(100000);
}
END_TEST
#define random_messages_lose_no_wake_up a_hundred_thousand_random_messages_lose_no_wake_up
#else
START_TEST(a_million_random_messages_lose_no_wake_up) {
  exchange_randomly(1000000);
}
END_TEST
#define random_messages_lose_no_wake_up a_million_random_messages_lose_no_wake_up
#endif

static void* caller(void* context) {
  for (unsigned i = 0; i < 1500; i++)
    jx_assert(call(4 + i % 500, NULL, i) == ZX_OK);
  return NULL;
}

START_TEST(threads_that_call_at_once_all_get_their_answers) {
  pid_t child = start_echo();
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    pthread_create(&threads[i], NULL, caller, NULL);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  zx_handle_close(ends[0]);
  expect_exit(child);
}
END_TEST

START_TEST(a_stream_in_both_directions_keeps_order) {
  pid_t child = start_echo();
  uint32_t sent = 0, received = 0;
  static char buffer[3000];
  while (received < 50000) {
    zx_status_t status = ZX_OK;
    while (sent < 50000 && sent - received < 2000 && status == ZX_OK) {
      memcpy(buffer, &sent, 4);
      status = zx_channel_write(ends[0], 0, buffer, 4 + sent % 2900, NULL, 0);
      if (status == ZX_OK) sent++;
    }
    jx_assert(status == ZX_OK || status == ZX_ERR_SHOULD_WAIT);
    uint32_t size, value;
    while (zx_channel_read(ends[0], 0, buffer, NULL, sizeof(buffer), 0, &size, NULL) == ZX_OK) {
      memcpy(&value, buffer, 4);
      jx_assert(value == received);
      jx_assert(size == 4 + received % 2900);
      received++;
    }
    if (received == 50000) break;
    zx_signals_t want =
        ZX_CHANNEL_READABLE | (sent < 50000 && sent - received < 2000 ? ZX_CHANNEL_WRITABLE : 0);
    jx_assert(zx_object_wait_one(ends[0], want, zx_deadline_after(ZX_SEC(60)), NULL) == ZX_OK);
  }
  zx_handle_close(ends[0]);
  expect_exit(child);
}
END_TEST

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { LARGE_MESSAGES = 1000 };
#else
enum { LARGE_MESSAGES = 6000 };
#endif

// Reads until the other end goes; 0 if as many messages came as the last one says.
static int read_to_the_end(zx_handle_t channel) {
  static unsigned char bytes[65536];
  zx_handle_t handles[64];
  uint32_t size, num_handles, number = 0, last = 0;
  for (;;) {
    zx_status_t status = zx_channel_read(channel, 0, bytes, handles, sizeof(bytes), 64, &size, &num_handles);
    if (status == ZX_OK) {
      memcpy(&last, bytes, sizeof(last));
      if (last != number++ || zx_handle_close_many(handles, num_handles) != ZX_OK) return 1;
    } else if (status == ZX_ERR_SHOULD_WAIT) {
      zx_object_wait_one(channel, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL);
    } else {
      return status == ZX_ERR_PEER_CLOSED && number == LARGE_MESSAGES ? 0 : 2;
    }
  }
}

// So large that one message takes the ring from too full for the next one to half empty.
START_TEST(a_writer_of_the_largest_messages_is_woken_each_time) {
  static unsigned char bytes[65536];
  zx_handle_t vmo, handles[64];
  ck_assert_int_eq(zx_vmo_create(1, 0, &vmo), ZX_OK);
  exchange(400);
  ck_assert_int_eq(count_rings(NULL), 2);
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&ends[1], 1);
    _exit(read_to_the_end(ends[1]));
  }
  zx_linux_after_fork_leave(&ends[1], 1);
  srand(7);
  for (uint32_t number = 0; number < LARGE_MESSAGES; number++) {
    uint32_t size = 60000 + (uint32_t)rand() % 5537, num_handles = rand() % 40 ? 0 : 64;
    memcpy(bytes, &number, sizeof(number));
    for (zx_status_t status = ZX_ERR_SHOULD_WAIT; status != ZX_OK;) {
      for (uint32_t i = 0; i < num_handles; i++)
        jx_assert(zx_handle_duplicate(vmo, ZX_RIGHT_SAME_RIGHTS, &handles[i]) == ZX_OK);
      status = zx_channel_write(ends[0], 0, bytes, size, handles, num_handles);
      jx_assert(status == ZX_OK || status == ZX_ERR_SHOULD_WAIT);
      if (status != ZX_OK)
        jx_assert(zx_object_wait_one(ends[0], ZX_CHANNEL_WRITABLE, zx_deadline_after(ZX_SEC(30)), NULL) ==
                  ZX_OK);
    }
  }
  zx_handle_close(ends[0]);
  zx_handle_close(vmo);
  expect_exit(child);
}
END_TEST

// Reads numbers in order until memory is shared, or if it is already, until `last`.
static bool read_numbers(zx_handle_t end, uint32_t* next, uint32_t last) {
  bool shared = count_rings(NULL) > 0;
  while (*next <= last && (shared || count_rings(NULL) == 0)) {
    uint32_t number;
    zx_status_t status = zx_channel_read(end, 0, &number, NULL, sizeof(number), 0, NULL, NULL);
    if (status == ZX_ERR_SHOULD_WAIT) {
      status = zx_object_wait_one(end, ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, NULL);
    } else if (status == ZX_OK && number != (*next)++) {
      return false;
    }
    if (status != ZX_OK) return false;
  }
  return true;
}

static uint32_t write_until_full(uint32_t next) {
  while (zx_channel_write(ends[0], 0, &next, sizeof(next), NULL, 0) == ZX_OK)
    next++;
  return next;
}

START_TEST(an_end_that_moves_waits_for_room_in_the_socket_too) {
  int to_child[2], to_parent[2];
  uint32_t next = 0, last = UINT32_MAX;
  ck_assert(pipe(to_child) == 0 && pipe(to_parent) == 0);
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&ends[1], 1);
    if (read(to_child[0], &last, sizeof(last)) != sizeof(last)) _exit(1);
    if (!read_numbers(ends[1], &next, last) || write(to_parent[1], "", 1) != 1) _exit(2);
    if (read(to_child[0], &last, sizeof(last)) != sizeof(last)) _exit(3);
    _exit(read_numbers(ends[1], &next, last) ? 0 : 4);
  }
  zx_linux_after_fork_leave(&ends[1], 1);
  last = write_until_full(0) - 1;
  char c;
  ck_assert_int_eq(write(to_child[1], &last, sizeof(last)), sizeof(last));
  ck_assert_int_eq(read(to_parent[0], &c, 1), 1);
  // The other end has moved to its ring; this one hears of it now, and has no room to say that it moves, too.
  last = write_until_full(last + 1);
  ck_assert_int_eq(zx_channel_read(ends[0], 0, NULL, NULL, 0, 0, NULL, NULL), ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(count_rings(NULL), 1);
  ck_assert_int_eq(write(to_child[1], &last, sizeof(last)), sizeof(last));
  ck_assert_int_eq(zx_object_wait_one(ends[0], ZX_CHANNEL_WRITABLE, ZX_TIME_INFINITE, NULL), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, &last, sizeof(last), NULL, 0), ZX_OK);
  expect_exit(child);
  zx_handle_close(ends[0]);
  for (int i = 0; i < 2; i++) {
    close(to_child[i]);
    close(to_parent[i]);
  }
}
END_TEST

START_TEST(an_end_moves_to_another_process_with_its_ring) {
  zx_handle_t carrier[2];
  ck_assert_int_eq(zx_channel_create(0, &carrier[0], &carrier[1]), ZX_OK);
  exchange(400);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, "in the ring before it moves", 27, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_channel_write(carrier[0], 0, NULL, 0, &ends[1], 1), ZX_OK);
  pid_t child = fork();
  if (child == 0) {
    zx_handle_t end;
    zx_linux_after_fork_keep(&carrier[1], 1);
    zx_linux_after_fork_in_child();
    if (zx_channel_read(carrier[1], 0, NULL, &end, 0, 1, NULL, NULL) != ZX_OK) _exit(9);
    echo(end);
  }
  zx_linux_after_fork_leave(&carrier[1], 1);
  zx_handle_close(carrier[0]);
  char answer[27];
  ck_assert_int_eq(zx_object_wait_one(ends[0], ZX_CHANNEL_READABLE, zx_deadline_after(ZX_SEC(60)), NULL),
                   ZX_OK);
  ck_assert_int_eq(zx_channel_read(ends[0], 0, answer, NULL, 27, 0, NULL, NULL), ZX_OK);
  ck_assert_int_eq(memcmp(answer, "in the ring before it moves", 27), 0);
  for (unsigned i = 0; i < 100; i++)
    ck_assert_int_eq(call(64, NULL, i), ZX_OK);
  zx_handle_close(ends[0]);
  expect_exit(child);
}
END_TEST

// Several threads of two processes write to one channel and read from it, both ways.

enum { TALKERS = 3, WORDS = 4000 };

struct talker {
  zx_handle_t channel;
  uint32_t id;
  atomic_uint* received;  // of the process
  bool failed;
};

static void* talk(void* context) {
  struct talker* self = context;
  for (uint32_t i = 0; i < WORDS;) {
    uint32_t word[2] = {self->id, i};
    zx_status_t status = zx_channel_write(self->channel, 0, word, sizeof(word), NULL, 0);
    if (status == ZX_OK) {
      i++;
    } else if (status == ZX_ERR_SHOULD_WAIT) {
      zx_object_wait_one(self->channel, ZX_CHANNEL_WRITABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL);
    } else {
      self->failed = true;
      break;
    }
  }
  return NULL;
}

// Of each talker, words come in order; between the listeners of a process, none comes twice.
static void* listen_to_all(void* context) {
  struct talker* self = context;
  uint32_t next[TALKERS] = {0};
  while (atomic_load(self->received) < TALKERS * WORDS && !self->failed) {
    uint32_t word[2];
    zx_status_t status = zx_channel_read(self->channel, 0, word, NULL, sizeof(word), 0, NULL, NULL);
    if (status == ZX_OK) {
      self->failed = word[0] >= TALKERS || word[1] < next[word[0]];
      if (!self->failed) next[word[0]] = word[1] + 1;
      atomic_fetch_add(self->received, 1);
    } else if (status == ZX_ERR_SHOULD_WAIT) {
      // The last word may have gone to another listener.
      zx_object_wait_one(self->channel, ZX_CHANNEL_READABLE, zx_deadline_after(ZX_MSEC(20)), NULL);
    } else if (status == ZX_ERR_PEER_CLOSED) {
      break;  // the last word was taken by another listener, who may not have counted it yet
    } else {
      // So may the last one before the peer goes, and not have been counted yet: the sum shows what is lost.
      self->failed = status != ZX_ERR_PEER_CLOSED;
      break;
    }
  }
  return NULL;
}

static int talk_and_listen(zx_handle_t channel) {
  static atomic_uint received;
  struct talker talkers[2 * TALKERS];
  pthread_t threads[2 * TALKERS];
  int failed = 0;
  for (uint32_t i = 0; i < 2 * TALKERS; i++) {
    talkers[i] = (struct talker){.channel = channel, .id = i / 2, .received = &received};
    pthread_create(&threads[i], NULL, i % 2 ? listen_to_all : talk, &talkers[i]);
  }
  for (int i = 0; i < 2 * TALKERS; i++)
    pthread_join(threads[i], NULL);
  for (int i = 0; i < 2 * TALKERS; i++)
    failed += talkers[i].failed;
  return atomic_load(&received) == TALKERS * WORDS ? failed : -1;
}

START_TEST(many_threads_of_two_processes_keep_order_and_lose_nothing) {
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&ends[1], 1);
    zx_handle_close(ends[0]);
    int failed = talk_and_listen(ends[1]);
    // Not gone before the other side has heard everything.
    zx_object_wait_one(ends[1], ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL);
    _exit(failed ? 1 : 0);
  }
  zx_linux_after_fork_leave(&ends[1], 1);
  ck_assert_int_eq(talk_and_listen(ends[0]), 0);
  zx_handle_close(ends[0]);
  expect_exit(child);
}
END_TEST

// What an end has taken in goes with it: here because the buffer was too small.
static void pass_on_with_backlog(void) {
  zx_handle_t carrier[2], event, got[2];
  char text[16];
  ck_assert_int_eq(zx_channel_create(0, &carrier[0], &carrier[1]), ZX_OK);
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  ck_assert_int_eq(zx_object_signal_peer(ends[0], 0, ZX_USER_SIGNAL_4), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, "first", 5, &event, 1), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, NULL, 0, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, NULL, NULL, 0, 0, NULL, NULL), ZX_ERR_BUFFER_TOO_SMALL);
  ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_READABLE | ZX_CHANNEL_WRITABLE | ZX_USER_SIGNAL_4);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, "third", 5, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_channel_write(carrier[0], 0, NULL, 0, &ends[1], 1), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, "fourth", 6, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_channel_read(carrier[1], 0, NULL, &ends[1], 0, 1, NULL, NULL), ZX_OK);
  zx_handle_close_many(carrier, 2);
  ck_assert_uint_eq(state(ends[1]), ZX_CHANNEL_READABLE | ZX_CHANNEL_WRITABLE | ZX_USER_SIGNAL_4);
  static const char* const expected[] = {"first", "", "third", "fourth"};
  for (int i = 0; i < 4; i++) {
    uint32_t size, handles;
    ck_assert_int_eq(zx_channel_read(ends[1], 0, text, got, sizeof(text), 2, &size, &handles), ZX_OK);
    ck_assert(size == strlen(expected[i]) && memcmp(text, expected[i], size) == 0);
    ck_assert_uint_eq(handles, i == 0);
  }
  ck_assert_int_eq(zx_object_signal(got[0], 0, ZX_EVENT_SIGNALED), ZX_OK);
  zx_handle_close(got[0]);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, text, NULL, sizeof(text), 0, NULL, NULL), ZX_ERR_SHOULD_WAIT);
}

START_TEST(an_end_moves_with_messages_it_has_taken_in) {
  pass_on_with_backlog();
  ck_assert_int_eq(zx_object_signal(ends[1], ZX_USER_SIGNAL_4, 0), ZX_OK);
  exchange(400);
  ck_assert_int_eq(count_rings(NULL), 2);
  pass_on_with_backlog();
}
END_TEST

START_TEST(a_killed_peer_ends_a_call) {
  pid_t child = start_echo();
  for (unsigned i = 0; i < 500; i++)
    ck_assert_int_eq(call(64, NULL, i), ZX_OK);
  kill(child, SIGSTOP);
  pid_t killer = fork();
  if (killer == 0) {
    kill(child, SIGKILL);
    _exit(0);
  }
  ck_assert_int_eq(call(64, NULL, 0), ZX_ERR_PEER_CLOSED);
  expect_exit(killer);
  waitpid(child, NULL, 0);
  ck_assert(state(ends[0]) & ZX_CHANNEL_PEER_CLOSED);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("channel_processes");
  TCase* tc = jx_test_case(suite, "channel_processes");
  tcase_set_timeout(tc, 180);
  tcase_add_checked_fixture(tc, make_channel, close_channel);
  tcase_add_test(tc, random_messages_lose_no_wake_up);
  tcase_add_test(tc, threads_that_call_at_once_all_get_their_answers);
  tcase_add_test(tc, many_threads_of_two_processes_keep_order_and_lose_nothing);
  tcase_add_test(tc, a_stream_in_both_directions_keeps_order);
  tcase_add_test(tc, a_writer_of_the_largest_messages_is_woken_each_time);
  tcase_add_test(tc, an_end_that_moves_waits_for_room_in_the_socket_too);
  tcase_add_test(tc, an_end_moves_to_another_process_with_its_ring);
  tcase_add_test(tc, an_end_moves_with_messages_it_has_taken_in);
  tcase_add_test(tc, a_killed_peer_ends_a_call);
  return jx_test_run(suite);
}
