// Several threads of one process at one end of a channel: what one takes out of the socket, another may be
// waiting for.
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "asleep.h"
#include "busy_channel.h"

struct thread {
  pthread_t thread;
  atomic_int number;
  zx_status_t status;
};

static void* watch_for_the_end(void* context) {
  struct thread* self = context;
  atomic_store(&self->number, gettid());
  self->status = zx_object_wait_one(ends[0], ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL);
  return NULL;
}

static void* call(void* context) {
  struct thread* self = context;
  char request[8] = "....ping", answer[8];
  uint32_t num_bytes, num_handles;
  zx_channel_call_args_t args = {.wr_bytes = request,
                                 .wr_num_bytes = sizeof(request),
                                 .rd_bytes = answer,
                                 .rd_num_bytes = sizeof(answer)};
  atomic_store(&self->number, gettid());
  self->status = zx_channel_call(ends[0], 0, ZX_TIME_INFINITE, &args, &num_bytes, &num_handles);
  return NULL;
}

static void start(struct thread* thread, void* (*run)(void*)) {
  *thread = (struct thread){.status = ZX_ERR_INTERNAL};
  ck_assert_int_eq(pthread_create(&thread->thread, NULL, run, thread), 0);
}

static void answer_once_it_sleeps(const struct thread* caller) {
  char request[8];
  zx_status_t status;
  do {
    ck_assert_int_eq(zx_object_wait_one(ends[1], ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, NULL), ZX_OK);
    status = zx_channel_read(ends[1], 0, request, NULL, sizeof(request), 0, NULL, NULL);
  } while (status == ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(status, ZX_OK);
  let_thread_sleep(&caller->number);
  ck_assert_int_eq(zx_channel_write(ends[1], 0, request, sizeof(request), NULL, 0), ZX_OK);
}

START_TEST(an_answer_reaches_its_call_whoever_hears_the_bell) {
  struct thread watcher, caller;
  exchange(400);
  start(&watcher, watch_for_the_end);
  for (int i = 0; i < 60; i++) {
    let_thread_sleep(&watcher.number);
    start(&caller, call);
    answer_once_it_sleeps(&caller);
    pthread_join(caller.thread, NULL);
    ck_assert_int_eq(caller.status, ZX_OK);
  }
  zx_handle_close(ends[1]);
  pthread_join(watcher.thread, NULL);
  ck_assert_int_eq(watcher.status, ZX_OK);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("channel_threads");
  TCase* tc = jx_test_case(suite, "channel_threads");
  tcase_add_checked_fixture(tc, make_channel, close_channel);
  tcase_add_test(tc, an_answer_reaches_its_call_whoever_hears_the_bell);
  return jx_test_run(suite);
}
