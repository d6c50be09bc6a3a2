// An end that is sent away while other threads use it: each of their calls is over before it goes, or fails.
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <zircon/syscalls.h>

#include "jx_test.h"

#define ELEMS 512u  // 4096 bytes
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ROUNDS 60
#else
#define ROUNDS 150
#endif

static zx_handle_t ends[2];
static atomic_uint done;  // of what the thread does

// What is written before the end goes is there, in order, and nothing of it afterwards.
struct kind {
  unsigned count;  // of what fits, and is written
  zx_status_t (*create)(void);
  zx_status_t (*write)(zx_handle_t end, uint64_t value);
  zx_status_t (*read)(zx_handle_t end, uint64_t* value);
};

static zx_status_t create_fifo(void) {
  return zx_fifo_create(ELEMS, sizeof(uint64_t), 0, &ends[0], &ends[1]);
}

static zx_status_t write_fifo(zx_handle_t end, uint64_t value) {
  return zx_fifo_write(end, sizeof(value), &value, 1, NULL);
}

static zx_status_t read_fifo(zx_handle_t end, uint64_t* value) {
  return zx_fifo_read(end, sizeof(*value), value, 1, NULL);
}

static zx_status_t create_socket(void) {
  return zx_socket_create(ZX_SOCKET_DATAGRAM, &ends[0], &ends[1]);
}

static zx_status_t write_socket(zx_handle_t end, uint64_t value) {
  return zx_socket_write(end, 0, &value, sizeof(value), NULL);
}

static zx_status_t read_socket(zx_handle_t end, uint64_t* value) {
  return zx_socket_read(end, 0, value, sizeof(*value), NULL);
}

static zx_status_t create_channel(void) {
  return zx_channel_create(0, &ends[0], &ends[1]);
}

// Longer than what is written and read before the channel could be taken away.
#define CHANNEL_WORDS 25

static zx_status_t write_channel(zx_handle_t end, uint64_t value) {
  const uint64_t words[CHANNEL_WORDS] = {value};
  return zx_channel_write(end, 0, words, sizeof(words), NULL, 0);
}

static zx_status_t read_channel(zx_handle_t end, uint64_t* value) {
  uint64_t words[CHANNEL_WORDS];
  zx_status_t status = zx_channel_read(end, 0, words, NULL, sizeof(words), 0, NULL, NULL);
  if (status == ZX_OK) *value = words[0];
  return status;
}

// In shared memory from the start; the other one may get there meanwhile.
static zx_status_t create_busy_channel(void) {
  zx_status_t status = create_channel();
  for (uint64_t i = 0, value; status == ZX_OK && i < 400; i++) {
    if ((status = write_channel(ends[0], i)) == ZX_OK) status = read_channel(ends[1], &value);
    if (status == ZX_OK && (status = write_channel(ends[1], i)) == ZX_OK)
      status = read_channel(ends[0], &value);
  }
  return status;
}

static const struct kind kinds[] = {{ELEMS - 2, create_fifo, write_fifo, read_fifo},
                                    {ELEMS - 2, create_socket, write_socket, read_socket},
                                    {120, create_channel, write_channel, read_channel},
                                    {ELEMS - 2, create_busy_channel, write_channel, read_channel}};
#define NUM_KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

struct user {
  const struct kind* kind;
  zx_handle_t end;
  zx_status_t status;  // what ended it
};

static void* write_all(void* context) {
  struct user* user = context;
  unsigned count = 0;
  while (count < user->kind->count && (user->status = user->kind->write(user->end, count)) == ZX_OK)
    atomic_store_explicit(&done, ++count, memory_order_relaxed);
  return NULL;
}

static void* read_all(void* context) {
  struct user* user = context;
  uint64_t value;
  for (unsigned count = 0; count < user->kind->count; count++) {
    if ((user->status = user->kind->read(user->end, &value)) != ZX_OK) break;
    jx_assert(value == count);
    atomic_store_explicit(&done, count + 1, memory_order_relaxed);
  }
  return NULL;
}

// Sends ends[0] away once the thread is at work, and gets it back as what another process would get.
static void move_beneath(void* (*work)(void*), const struct kind* kind, unsigned after) {
  pthread_t thread;
  zx_handle_t carrier[2];
  struct user user = {.kind = kind, .end = ends[0]};
  jx_assert(zx_channel_create(0, &carrier[0], &carrier[1]) == ZX_OK);
  atomic_store(&done, 0);
  ck_assert_int_eq(pthread_create(&thread, NULL, work, &user), 0);
  while (atomic_load_explicit(&done, memory_order_relaxed) < after) {
  }
  jx_assert(zx_channel_write(carrier[0], 0, NULL, 0, &ends[0], 1) == ZX_OK);
  jx_assert(zx_channel_read(carrier[1], 0, NULL, &ends[0], 0, 1, NULL, NULL) == ZX_OK);
  // The new holder is at work before the old one may be done.
  jx_assert(work != write_all || kind->write(ends[0], UINT64_MAX) == ZX_OK);
  pthread_join(thread, NULL);
  jx_assert(user.status == ZX_OK || user.status == ZX_ERR_BAD_HANDLE);
  zx_handle_close_many(carrier, 2);
}

START_TEST(what_a_thread_writes_is_there_before_the_end_goes_or_fails) {
  const struct kind* kind = &kinds[_i];
  for (unsigned round = 0; round < ROUNDS; round++) {
    uint64_t value;
    jx_assert(kind->create() == ZX_OK);
    move_beneath(write_all, kind, 1 + round % (kind->count / 2));
    unsigned written = atomic_load(&done);
    for (unsigned i = 0; i < written; i++) {
      jx_assert(kind->read(ends[1], &value) == ZX_OK);
      jx_assert(value == i);
    }
    jx_assert(kind->read(ends[1], &value) == ZX_OK);
    jx_assert(value == UINT64_MAX);
    jx_assert(kind->read(ends[1], &value) == ZX_ERR_SHOULD_WAIT);
    zx_handle_close_many(ends, 2);
  }
}
END_TEST

START_TEST(what_a_thread_has_read_is_not_there_once_the_end_has_gone) {
  const struct kind* kind = &kinds[_i];
  for (unsigned round = 0; round < ROUNDS; round++) {
    uint64_t value;
    jx_assert(kind->create() == ZX_OK);
    for (unsigned i = 0; i <= kind->count; i++)
      jx_assert(kind->write(ends[1], i) == ZX_OK);
    move_beneath(read_all, kind, 1 + round % (kind->count / 2));
    for (unsigned i = atomic_load(&done); i <= kind->count; i++) {
      jx_assert(kind->read(ends[0], &value) == ZX_OK);
      jx_assert(value == i);
    }
    jx_assert(kind->read(ends[0], &value) == ZX_ERR_SHOULD_WAIT);
    zx_handle_close_many(ends, 2);
  }
}
END_TEST

struct request {
  uint32_t txid;
  uint32_t value;
};

static zx_status_t call(zx_handle_t end, uint32_t value, zx_time_t deadline) {
  struct request request = {.value = value};
  struct request answer = {0};
  uint32_t size;
  uint32_t num_handles;
  const zx_channel_call_args_t args = {.wr_bytes = &request,
                                       .wr_num_bytes = sizeof(request),
                                       .rd_bytes = &answer,
                                       .rd_num_bytes = sizeof(answer)};
  zx_status_t status = zx_channel_call(end, 0, deadline, &args, &size, &num_handles);
  jx_assert(status != ZX_OK || (size == sizeof(answer) && answer.value == value + 1));
  return status;
}

static void* answer_all(void* context) {
  struct request request;
  zx_status_t status;
  do {
    status =
        zx_object_wait_one(ends[1], ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL);
    jx_assert(status == ZX_OK);
    status = zx_channel_read(ends[1], 0, &request, NULL, sizeof(request), 0, NULL, NULL);
    request.value++;
    if (status == ZX_OK) status = zx_channel_write(ends[1], 0, &request, sizeof(request), NULL, 0);
  } while (status == ZX_OK || status == ZX_ERR_SHOULD_WAIT);
  jx_assert(status == ZX_ERR_PEER_CLOSED);
  return NULL;
}

static void* call_on(void* context) {
  struct user* user = context;
  for (uint32_t count = 0; (user->status = call(user->end, count, ZX_TIME_INFINITE)) == ZX_OK;)
    atomic_store_explicit(&done, ++count, memory_order_relaxed);
  return NULL;
}

// Sends ends[0]. False: a call was in progress.
static bool send_away(void) {
  zx_handle_t carrier[2];
  jx_assert(zx_channel_create(0, &carrier[0], &carrier[1]) == ZX_OK);
  zx_status_t status = zx_channel_write(carrier[0], 0, NULL, 0, &ends[0], 1);
  jx_assert(status == ZX_OK || status == ZX_ERR_BAD_STATE);
  if (status == ZX_OK) jx_assert(zx_channel_read(carrier[1], 0, NULL, &ends[0], 0, 1, NULL, NULL) == ZX_OK);
  zx_handle_close_many(carrier, 2);
  return status == ZX_OK;
}

START_TEST(a_call_fails_where_the_end_goes_beneath_it) {
  const struct kind* kind = &kinds[_i];
  for (unsigned round = 0; round < ROUNDS; round++) {
    pthread_t server;
    pthread_t caller;
    jx_assert(kind->create() == ZX_OK);
    struct user user = {.kind = kind, .end = ends[0]};
    atomic_store(&done, 0);
    ck_assert_int_eq(pthread_create(&server, NULL, answer_all, NULL), 0);
    ck_assert_int_eq(pthread_create(&caller, NULL, call_on, &user), 0);
    while (atomic_load_explicit(&done, memory_order_relaxed) < round % 20) {
    }
    bool went = send_away();
    // The new holder's calls and the old one's keep apart.
    jx_assert(!went || call(ends[0], 1000, ZX_TIME_INFINITE) == ZX_OK);
    pthread_join(caller, NULL);
    jx_assert(user.status == ZX_ERR_BAD_HANDLE || user.status == ZX_ERR_CANCELED);
    if (went) zx_handle_close(ends[0]);
    pthread_join(server, NULL);
    zx_handle_close(ends[1]);
  }
}
END_TEST

START_TEST(a_late_answer_is_not_taken_for_the_new_holders) {
  pthread_t server;
  jx_assert(kinds[_i].create() == ZX_OK);
  jx_assert(call(ends[0], 1, ZX_TIME_INFINITE_PAST) == ZX_ERR_TIMED_OUT);
  jx_assert(send_away());
  ck_assert_int_eq(pthread_create(&server, NULL, answer_all, NULL), 0);
  jx_assert(call(ends[0], 1000, ZX_TIME_INFINITE) == ZX_OK);
  zx_handle_close(ends[0]);
  pthread_join(server, NULL);
  zx_handle_close(ends[1]);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("moving");
  TCase* tc = jx_test_case(suite, "moving");
  tcase_add_loop_test(tc, what_a_thread_writes_is_there_before_the_end_goes_or_fails, 0, NUM_KINDS);
  tcase_add_loop_test(tc, what_a_thread_has_read_is_not_there_once_the_end_has_gone, 0, NUM_KINDS);
  tcase_add_loop_test(tc, a_call_fails_where_the_end_goes_beneath_it, 2, NUM_KINDS);
  tcase_add_loop_test(tc, a_late_answer_is_not_taken_for_the_new_holders, 2, NUM_KINDS);
  return jx_test_run(suite);
}
