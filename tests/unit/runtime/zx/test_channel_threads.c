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
  zx_signals_t observed;
};

static void* watch_for_the_end(void* context) {
  struct thread* self = context;
  atomic_store(&self->number, gettid());
  self->status = zx_object_wait_one(ends[0], ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL);
  return NULL;
}

static void* watch_for_messages(void* context) {
  struct thread* self = context;
  atomic_store(&self->number, gettid());
  self->status = zx_object_wait_one(ends[0], ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE,
                                    &self->observed);
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

// 0: cold, 1: busy.
START_TEST(an_answer_to_a_call_does_not_make_the_end_readable) {
  struct thread watcher, caller;
  zx_handle_t port;
  zx_port_packet_t packet;
  if (_i) exchange(400);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(ends[0], port, 0, ZX_CHANNEL_READABLE, 0), ZX_OK);
  start(&watcher, watch_for_messages);
  for (int i = 0; i < 30; i++) {
    let_thread_sleep(&watcher.number);
    start(&caller, call);
    answer_once_it_sleeps(&caller);
    ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);
    pthread_join(caller.thread, NULL);
    ck_assert_int_eq(caller.status, ZX_OK);
  }
  zx_handle_close(ends[1]);
  pthread_join(watcher.thread, NULL);
  ck_assert_int_eq(watcher.status, ZX_OK);
  ck_assert_uint_eq(watcher.observed, ZX_CHANNEL_PEER_CLOSED);
  zx_handle_close(port);
}
END_TEST

START_TEST(a_message_behind_an_answer_makes_the_end_readable) {
  struct thread watcher, caller;
  char text[8];
  if (_i) exchange(400);
  for (int i = 0; i < 30; i++) {
    start(&watcher, watch_for_messages);
    let_thread_sleep(&watcher.number);
    start(&caller, call);
    answer_once_it_sleeps(&caller);
    ck_assert_int_eq(zx_channel_write(ends[1], 0, "message", 8, NULL, 0), ZX_OK);
    pthread_join(caller.thread, NULL);
    ck_assert_int_eq(caller.status, ZX_OK);
    pthread_join(watcher.thread, NULL);
    ck_assert_int_eq(watcher.status, ZX_OK);
    ck_assert_uint_eq(watcher.observed & ZX_CHANNEL_READABLE, ZX_CHANNEL_READABLE);
    ck_assert_int_eq(zx_channel_read(ends[0], 0, text, NULL, 8, 0, NULL, NULL), ZX_OK);
    ck_assert_str_eq(text, "message");
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("channel_threads");
  TCase* tc = jx_test_case(suite, "channel_threads");
  tcase_add_checked_fixture(tc, make_channel, close_channel);
  tcase_add_test(tc, an_answer_reaches_its_call_whoever_hears_the_bell);
  tcase_add_loop_test(tc, an_answer_to_a_call_does_not_make_the_end_readable, 0, 2);
  tcase_add_loop_test(tc, a_message_behind_an_answer_makes_the_end_readable, 0, 2);
  return jx_test_run(suite);
}
