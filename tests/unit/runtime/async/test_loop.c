#include <jx_test.h>
#include <lib/async-loop/loop.h>
#include <lib/async/fd.h>
#include <lib/async/task.h>
#include <lib/async/time.h>
#include <lib/async/wait.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zircon/syscalls.h>

static async_loop_t* loop;
static async_dispatcher_t* dispatcher;

static void make_loop(void) {
  ck_assert_int_eq(async_loop_create(NULL, &loop), ZX_OK);
  dispatcher = async_loop_get_dispatcher(loop);
}

static void destroy_loop(void) {
  async_loop_destroy(loop);
}

// Tasks

typedef struct counted_task {
  async_task_t task;
  int calls;
  zx_status_t status;
  int order;
} counted_task_t;

static int order;

static void count_task(async_dispatcher_t* d, async_task_t* task, zx_status_t status) {
  counted_task_t* counted = (counted_task_t*)task;
  counted->calls++;
  counted->status = status;
  counted->order = ++order;
}

static void post(counted_task_t* counted, zx_time_t deadline) {
  counted->task.handler = count_task;
  counted->task.deadline = deadline;
  ck_assert_int_eq(async_post_task(dispatcher, &counted->task), ZX_OK);
}

START_TEST(tasks_run_by_deadline_then_in_the_order_they_were_posted) {
  counted_task_t tasks[5] = {0};
  zx_time_t now = async_now(dispatcher);
  post(&tasks[0], now - 1);
  post(&tasks[1], now - 3);
  post(&tasks[2], now - 2);
  post(&tasks[3], now - 3);
  post(&tasks[4], now + ZX_MSEC(2));
  ck_assert_int_eq(async_post_task(dispatcher, &tasks[0].task), ZX_ERR_ALREADY_EXISTS);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  ck_assert_int_eq(tasks[1].order, 1);
  ck_assert_int_eq(tasks[3].order, 2);
  ck_assert_int_eq(tasks[2].order, 3);
  ck_assert_int_eq(tasks[0].order, 4);
  while (!tasks[4].calls) ck_assert_int_eq(async_loop_run(loop, ZX_TIME_INFINITE, true), ZX_OK);
  ck_assert_int_ge(async_now(dispatcher), now + ZX_MSEC(2));
}
END_TEST

START_TEST(a_canceled_task_does_not_run) {
  counted_task_t tasks[40] = {0};
  for (int i = 0; i < 40; i++) post(&tasks[i], 1 + (i * 7) % 40);
  for (int i = 0; i < 40; i += 3) ck_assert_int_eq(async_cancel_task(dispatcher, &tasks[i].task), ZX_OK);
  ck_assert_int_eq(async_cancel_task(dispatcher, &tasks[0].task), ZX_ERR_NOT_FOUND);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  for (int i = 0; i < 40; i++) ck_assert_int_eq(tasks[i].calls, i % 3 != 0);
  for (int i = 0; i < 40; i++) {
    for (int j = 0; j < 40; j++) {
      if (i % 3 && j % 3 && tasks[i].task.deadline < tasks[j].task.deadline) {
        ck_assert_int_lt(tasks[i].order, tasks[j].order);
      }
    }
  }
}
END_TEST

START_TEST(shutdown_calls_what_is_pending_once_and_refuses_more) {
  counted_task_t task = {0};
  post(&task, ZX_TIME_INFINITE);
  async_loop_shutdown(loop);
  ck_assert_int_eq(task.calls, 1);
  ck_assert_int_eq(task.status, ZX_ERR_CANCELED);
  ck_assert_int_eq(async_post_task(dispatcher, &task.task), ZX_ERR_BAD_STATE);
  ck_assert_int_eq(async_loop_run(loop, 0, false), ZX_ERR_BAD_STATE);
}
END_TEST

static void* post_from_thread(void* context) {
  ck_assert_int_eq(async_post_task(dispatcher, context), ZX_OK);
  return NULL;
}

static void quit_task(async_dispatcher_t* d, async_task_t* task, zx_status_t status) {
  if (status == ZX_OK) async_loop_quit(async_loop_from_dispatcher(d));
}

START_TEST(a_task_from_another_thread_wakes_the_loop) {
  for (int i = 0; i < 200; i++) {
    async_task_t task = {.handler = quit_task};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, post_from_thread, &task), 0);
    ck_assert_int_eq(async_loop_run(loop, ZX_TIME_INFINITE, false), ZX_ERR_CANCELED);
    ck_assert_int_eq(async_loop_run(loop, ZX_TIME_INFINITE, false), ZX_ERR_CANCELED);
    ck_assert_int_eq(async_loop_reset_quit(loop), ZX_OK);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
  }
}
END_TEST

static void never_ready(async_dispatcher_t* d, async_fd_t* fd, zx_status_t status, short events) {
  ck_assert_int_eq(status, ZX_ERR_CANCELED);
}

// With a descriptor to watch the loop sleeps elsewhere than without.
START_TEST(a_task_from_another_thread_wakes_a_loop_that_watches_descriptors) {
  int ends[2];
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  for (int i = 0; i < 200; i++) {
    async_fd_t fd = {.handler = never_ready, .fd = ends[0], .events = POLLIN};
    async_task_t task = {.handler = quit_task};
    pthread_t thread;
    if (i % 3 != 0) ck_assert_int_eq(async_begin_fd(dispatcher, &fd), ZX_OK);
    ck_assert_int_eq(pthread_create(&thread, NULL, post_from_thread, &task), 0);
    ck_assert_int_eq(async_loop_run(loop, ZX_TIME_INFINITE, false), ZX_ERR_CANCELED);
    ck_assert_int_eq(async_loop_reset_quit(loop), ZX_OK);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    if (i % 3 != 0) ck_assert_int_eq(async_cancel_fd(dispatcher, &fd), ZX_OK);
  }
  close(ends[0]);
  close(ends[1]);
}
END_TEST

static async_loop_t* loop_to_quit;

static void quit_on_signal(int number) {
  async_loop_quit(loop_to_quit);
}

static void* interrupt(void* context) {
  pthread_kill(*(pthread_t*)context, SIGUSR1);
  return NULL;
}

START_TEST(a_signal_handler_ends_the_loop) {
  struct sigaction action = {.sa_handler = quit_on_signal};
  pthread_t self = pthread_self();
  loop_to_quit = loop;
  ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
  for (int i = 0; i < 100; i++) {
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, interrupt, &self), 0);
    ck_assert_int_eq(async_loop_run(loop, ZX_TIME_INFINITE, false), ZX_ERR_CANCELED);
    ck_assert_int_eq(async_loop_reset_quit(loop), ZX_OK);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
  }
}
END_TEST

START_TEST(run_ends_at_its_deadline) {
  zx_time_t deadline = zx_deadline_after(ZX_MSEC(3));
  ck_assert_int_eq(async_loop_run(loop, deadline, false), ZX_ERR_TIMED_OUT);
  ck_assert_int_ge(async_now(dispatcher), deadline);
}
END_TEST

// Waits

typedef struct counted_wait {
  async_wait_t wait;
  int calls;
  zx_status_t status;
  zx_signals_t observed;
  struct counted_wait* cancels;
} counted_wait_t;

static void count_wait(async_dispatcher_t* d, async_wait_t* wait, zx_status_t status, const zx_packet_signal_t* signal) {
  counted_wait_t* counted = (counted_wait_t*)wait;
  counted->calls++;
  counted->status = status;
  counted->observed = signal ? signal->observed : 0;
  if (counted->cancels) ck_assert_int_eq(async_cancel_wait(d, &counted->cancels->wait), ZX_OK);
}

static void begin(counted_wait_t* counted, zx_handle_t object, zx_signals_t trigger) {
  counted->wait.handler = count_wait;
  counted->wait.object = object;
  counted->wait.trigger = trigger;
  ck_assert_int_eq(async_begin_wait(dispatcher, &counted->wait), ZX_OK);
}

START_TEST(a_wait_fires_once_for_a_signal_of_the_peer) {
  zx_handle_t a, b;
  counted_wait_t wait = {0};
  ck_assert_int_eq(zx_channel_create(0, &a, &b), ZX_OK);
  begin(&wait, a, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED);
  ck_assert_int_eq(async_begin_wait(dispatcher, &wait.wait), ZX_ERR_ALREADY_EXISTS);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  ck_assert_int_eq(wait.calls, 0);
  ck_assert_int_eq(zx_channel_write(b, 0, "x", 1, NULL, 0), ZX_OK);
  ck_assert_int_eq(async_loop_run(loop, zx_deadline_after(ZX_SEC(5)), true), ZX_OK);
  ck_assert_int_eq(wait.calls, 1);
  ck_assert(wait.observed & ZX_CHANNEL_READABLE);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  ck_assert_int_eq(wait.calls, 1);
  begin(&wait, a, ZX_CHANNEL_PEER_CLOSED);
  ck_assert_int_eq(zx_handle_close(b), ZX_OK);
  ck_assert_int_eq(async_loop_run(loop, zx_deadline_after(ZX_SEC(5)), true), ZX_OK);
  ck_assert_int_eq(wait.calls, 2);
  ck_assert(wait.observed & ZX_CHANNEL_PEER_CLOSED);
  ck_assert_int_eq(zx_handle_close(a), ZX_OK);
}
END_TEST

START_TEST(a_canceled_wait_is_not_called_even_if_its_signal_is_on) {
  zx_handle_t event;
  counted_wait_t first = {0}, second = {0};
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  begin(&first, event, ZX_EVENT_SIGNALED);
  begin(&second, event, ZX_EVENT_SIGNALED);
  first.cancels = &second;
  ck_assert_int_eq(zx_object_signal(event, 0, ZX_EVENT_SIGNALED), ZX_OK);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  ck_assert_int_eq(first.calls, 1);
  ck_assert_int_eq(second.calls, 0);
  ck_assert_int_eq(async_cancel_wait(dispatcher, &second.wait), ZX_ERR_NOT_FOUND);
  begin(&second, event, ZX_EVENT_SIGNALED);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  ck_assert_int_eq(second.calls, 1);
  ck_assert_int_eq(zx_handle_close(event), ZX_OK);
}
END_TEST

START_TEST(many_waits_at_once_each_find_their_own_object) {
  enum { COUNT = 100 };
  static counted_wait_t waits[COUNT];
  zx_handle_t events[COUNT];
  for (int i = 0; i < COUNT; i++) {
    ck_assert_int_eq(zx_event_create(0, &events[i]), ZX_OK);
    begin(&waits[i], events[i], ZX_EVENT_SIGNALED);
  }
  for (int i = 0; i < COUNT; i += 2) ck_assert_int_eq(zx_object_signal(events[i], 0, ZX_EVENT_SIGNALED), ZX_OK);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  for (int i = 0; i < COUNT; i++) ck_assert_int_eq(waits[i].calls, i % 2 == 0);
  async_loop_shutdown(loop);
  for (int i = 0; i < COUNT; i++) {
    ck_assert_int_eq(waits[i].calls, 1);
    ck_assert_int_eq(waits[i].status, i % 2 ? ZX_ERR_CANCELED : ZX_OK);
    ck_assert_int_eq(zx_handle_close(events[i]), ZX_OK);
  }
}
END_TEST

// Descriptors

typedef struct counted_fd {
  async_fd_t fd;
  int calls;
  zx_status_t status;
  short events;
  bool cancel;
} counted_fd_t;

static void count_fd(async_dispatcher_t* d, async_fd_t* fd, zx_status_t status, short events) {
  counted_fd_t* counted = (counted_fd_t*)fd;
  counted->calls++;
  counted->status = status;
  counted->events = events;
  if (counted->cancel && status == ZX_OK) ck_assert_int_eq(async_cancel_fd(d, fd), ZX_OK);
}

START_TEST(a_descriptor_is_level_triggered_until_canceled) {
  int ends[2];
  char byte;
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  counted_fd_t counted = {.fd = {.handler = count_fd, .fd = ends[0], .events = POLLIN}};
  ck_assert_int_eq(async_begin_fd(dispatcher, &counted.fd), ZX_OK);
  ck_assert_int_eq(async_begin_fd(dispatcher, &counted.fd), ZX_ERR_ALREADY_EXISTS);
  ck_assert_int_eq(async_loop_run(loop, 0, false), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(counted.calls, 0);
  ck_assert_int_eq(write(ends[1], "x", 1), 1);
  ck_assert_int_eq(async_loop_run(loop, ZX_TIME_INFINITE, true), ZX_OK);
  ck_assert_int_eq(async_loop_run(loop, ZX_TIME_INFINITE, true), ZX_OK);
  ck_assert_int_eq(counted.calls, 2);
  ck_assert_int_eq(counted.events, POLLIN);
  ck_assert_int_eq(read(ends[0], &byte, 1), 1);
  ck_assert_int_eq(async_loop_run(loop, 0, false), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(counted.calls, 2);
  counted.cancel = true;
  close(ends[1]);
  ck_assert_int_eq(async_loop_run(loop, ZX_TIME_INFINITE, true), ZX_OK);
  ck_assert_int_eq(async_loop_run(loop, 0, false), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(counted.calls, 3);
  ck_assert_int_eq(async_cancel_fd(dispatcher, &counted.fd), ZX_ERR_NOT_FOUND);
  counted.fd.events = POLLIN | POLLPRI;
  ck_assert_int_eq(async_begin_fd(dispatcher, &counted.fd), ZX_ERR_INVALID_ARGS);
  counted.fd.events = POLLOUT;
  ck_assert_int_eq(async_begin_fd(dispatcher, &counted.fd), ZX_OK);
  async_loop_shutdown(loop);
  ck_assert_int_eq(counted.status, ZX_ERR_CANCELED);
  close(ends[0]);
}
END_TEST

// A handler that is always due must not keep the others from their turn.
static void repost(async_dispatcher_t* d, async_task_t* task, zx_status_t status) {
  if (status == ZX_OK) ck_assert_int_eq(async_post_task(d, task), ZX_OK);
}

static void quit_on_fd(async_dispatcher_t* d, async_fd_t* fd, zx_status_t status, short events) {
  async_loop_quit(async_loop_from_dispatcher(d));
}

START_TEST(a_busy_task_starves_neither_descriptors_nor_the_deadline) {
  int ends[2];
  async_task_t busy = {.handler = repost};
  ck_assert_int_eq(async_post_task(dispatcher, &busy), ZX_OK);
  ck_assert_int_eq(async_loop_run(loop, zx_deadline_after(ZX_MSEC(1)), false), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  async_fd_t fd = {.handler = quit_on_fd, .fd = ends[0], .events = POLLOUT};
  ck_assert_int_eq(async_begin_fd(dispatcher, &fd), ZX_OK);
  ck_assert_int_eq(async_loop_run(loop, ZX_TIME_INFINITE, false), ZX_ERR_CANCELED);
  ck_assert_int_eq(async_cancel_fd(dispatcher, &fd), ZX_OK);
  ck_assert_int_eq(async_cancel_task(dispatcher, &busy), ZX_OK);
  close(ends[0]);
  close(ends[1]);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("async");
  TCase* tc = jx_test_case(suite, "async");
  tcase_add_checked_fixture(tc, make_loop, destroy_loop);
  tcase_add_test(tc, tasks_run_by_deadline_then_in_the_order_they_were_posted);
  tcase_add_test(tc, a_canceled_task_does_not_run);
  tcase_add_test(tc, shutdown_calls_what_is_pending_once_and_refuses_more);
  tcase_add_test(tc, a_task_from_another_thread_wakes_the_loop);
  tcase_add_test(tc, a_task_from_another_thread_wakes_a_loop_that_watches_descriptors);
  tcase_add_test(tc, a_signal_handler_ends_the_loop);
  tcase_add_test(tc, run_ends_at_its_deadline);
  tcase_add_test(tc, a_wait_fires_once_for_a_signal_of_the_peer);
  tcase_add_test(tc, a_canceled_wait_is_not_called_even_if_its_signal_is_on);
  tcase_add_test(tc, many_waits_at_once_each_find_their_own_object);
  tcase_add_test(tc, a_descriptor_is_level_triggered_until_canceled);
  tcase_add_test(tc, a_busy_task_starves_neither_descriptors_nor_the_deadline);
  return jx_test_run(suite);
}
