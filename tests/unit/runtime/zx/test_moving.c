// An end in shared memory that is sent away while other threads use it: each of their calls is over before it
// goes, or fails.
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

static const struct kind kinds[] = {{create_fifo, write_fifo, read_fifo},
                                    {create_socket, write_socket, read_socket}};

struct user {
  const struct kind* kind;
  zx_handle_t end;
  zx_status_t status;  // what ended it
};

static void* write_all(void* context) {
  struct user* user = context;
  unsigned count = 0;
  while (count < ELEMS - 2 && (user->status = user->kind->write(user->end, count)) == ZX_OK)
    atomic_store_explicit(&done, ++count, memory_order_relaxed);
  return NULL;
}

static void* read_all(void* context) {
  struct user* user = context;
  uint64_t value;
  for (unsigned count = 0; count < ELEMS - 2; count++) {
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
    move_beneath(write_all, kind, 1 + round % 200);
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
    for (unsigned i = 0; i < ELEMS - 1; i++)
      jx_assert(kind->write(ends[1], i) == ZX_OK);
    move_beneath(read_all, kind, 1 + round % 200);
    for (unsigned i = atomic_load(&done); i < ELEMS - 1; i++) {
      jx_assert(kind->read(ends[0], &value) == ZX_OK);
      jx_assert(value == i);
    }
    jx_assert(kind->read(ends[0], &value) == ZX_ERR_SHOULD_WAIT);
    zx_handle_close_many(ends, 2);
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("moving");
  TCase* tc = jx_test_case(suite, "moving");
  tcase_add_loop_test(tc, what_a_thread_writes_is_there_before_the_end_goes_or_fails, 0, 2);
  tcase_add_loop_test(tc, what_a_thread_has_read_is_not_there_once_the_end_has_gone, 0, 2);
  return jx_test_run(suite);
}
