#include <jx_test.h>
#include <lib/async-loop/loop.h>
#include <lib/async/fd.h>
#include <lib/async/task.h>
#include <lib/async/time.h>
#include <lib/async/wait.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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
  while (!tasks[4].calls)
    ck_assert_int_eq(async_loop_run(loop, ZX_TIME_INFINITE, true), ZX_OK);
  ck_assert_int_ge(async_now(dispatcher), now + ZX_MSEC(2));
}
END_TEST

START_TEST(a_canceled_task_does_not_run) {
  counted_task_t tasks[40] = {0};
  for (int i = 0; i < 40; i++)
    post(&tasks[i], 1 + (i * 7) % 40);
  for (int i = 0; i < 40; i += 3)
    ck_assert_int_eq(async_cancel_task(dispatcher, &tasks[i].task), ZX_OK);
  ck_assert_int_eq(async_cancel_task(dispatcher, &tasks[0].task), ZX_ERR_NOT_FOUND);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  for (int i = 0; i < 40; i++)
    ck_assert_int_eq(tasks[i].calls, i % 3 != 0);
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

// ThreadSanitizer keeps a signal back until a call that it knows, and does not know the one that the loop
// sleeps in.
#ifdef __SANITIZE_THREAD__
static const bool signals_are_handled_at_once = false;
#else
static const bool signals_are_handled_at_once = true;
#endif

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

static void do_nothing(async_dispatcher_t* d, async_fd_t* fd, zx_status_t status, short events) {}

static void end_child_in_task(async_dispatcher_t* d, async_task_t* task, zx_status_t status) {
  _exit(3);
}

static void end_child(async_dispatcher_t* d, async_fd_t* fd, zx_status_t status, short events) {
  _exit(2);
}

// What is ready is the parent's: its handlers are not called in the child.
START_TEST(a_loop_calls_nobody_in_a_forked_child) {
  int fds[2], status;
  ck_assert_int_eq(pipe(fds), 0);
  ck_assert_int_eq(write(fds[1], "", 1), 1);
  async_fd_t watched = {.handler = end_child, .fd = fds[0], .events = POLLIN};
  ck_assert_int_eq(async_begin_fd(dispatcher, &watched), ZX_OK);
  async_task_t task = {.handler = end_child_in_task};
  for (int has_task = 0; has_task < 2; has_task++) {
    if (has_task) ck_assert_int_eq(async_post_task(dispatcher, &task), ZX_OK);
    pid_t child = fork();
    if (child == 0) _exit(async_loop_run(loop, ZX_TIME_INFINITE, false) == ZX_ERR_BAD_STATE ? 0 : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
  }
  ck_assert_int_eq(async_cancel_task(dispatcher, &task), ZX_OK);
  ck_assert_int_eq(async_cancel_fd(dispatcher, &watched), ZX_OK);
  close(fds[0]);
  close(fds[1]);
}
END_TEST

START_TEST(a_loop_does_not_run_in_a_forked_child) {
  async_fd_t watched = {.handler = do_nothing, .fd = 0, .events = POLLIN};
  for (int watches = 0; watches < 2; watches++) {
    int fds[2], status;
    ck_assert_int_eq(pipe(fds), 0);
    watched.fd = fds[0];
    if (watches) ck_assert_int_eq(async_begin_fd(dispatcher, &watched), ZX_OK);
    pid_t child = fork();
    if (child == 0) _exit(async_loop_run(loop, ZX_TIME_INFINITE, false) == ZX_ERR_BAD_STATE ? 0 : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    if (watches) ck_assert_int_eq(async_cancel_fd(dispatcher, &watched), ZX_OK);
    close(fds[0]);
    close(fds[1]);
  }
}
END_TEST

// Its thread is not there and not waited for.
START_TEST(a_loop_with_a_thread_is_destroyed_in_a_forked_child) {
  int status;
  ck_assert_int_eq(async_loop_start_thread(loop, NULL, NULL), ZX_OK);
  pid_t child = fork();
  if (child == 0) {
    async_loop_destroy(loop);
    _exit(0);
  }
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
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

static void count_wait(async_dispatcher_t* d, async_wait_t* wait, zx_status_t status,
                       const zx_packet_signal_t* signal) {
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
  ck_assert_int_eq(async_loop_run(loop, zx_deadline_after(ZX_SEC(50)), true), ZX_OK);
  ck_assert_int_eq(wait.calls, 1);
  ck_assert(wait.observed & ZX_CHANNEL_READABLE);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  ck_assert_int_eq(wait.calls, 1);
  begin(&wait, a, ZX_CHANNEL_PEER_CLOSED);
  ck_assert_int_eq(zx_handle_close(b), ZX_OK);
  ck_assert_int_eq(async_loop_run(loop, zx_deadline_after(ZX_SEC(50)), true), ZX_OK);
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
  for (int i = 0; i < COUNT; i += 2)
    ck_assert_int_eq(zx_object_signal(events[i], 0, ZX_EVENT_SIGNALED), ZX_OK);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  for (int i = 0; i < COUNT; i++)
    ck_assert_int_eq(waits[i].calls, i % 2 == 0);
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

static void quit_in_task(async_dispatcher_t* d, async_task_t* task, zx_status_t status) {
  if (status == ZX_OK) async_loop_quit(async_loop_from_dispatcher(d));
}

// One that is always to run as soon as possible comes after those whose time has come.
START_TEST(a_busy_task_does_not_starve_other_tasks) {
  static const int64_t delays[] = {0, ZX_MSEC(1)};
  async_task_t busy = {.handler = repost}, timer = {.handler = quit_in_task};
  ck_assert_int_eq(async_post_task(dispatcher, &busy), ZX_OK);
  for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
    timer.deadline = async_now(dispatcher) + delays[i];
    ck_assert_int_eq(async_post_task(dispatcher, &timer), ZX_OK);
    ck_assert_int_eq(async_loop_run(loop, zx_deadline_after(ZX_SEC(10)), false), ZX_ERR_CANCELED);
    ck_assert_int_eq(async_loop_reset_quit(loop), ZX_OK);
  }
  ck_assert_int_eq(async_cancel_task(dispatcher, &busy), ZX_OK);
}
END_TEST

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

// Waits that are begun while other work is pending

#define WAITS 16000u

typedef struct busy {
  async_wait_t event;     // its signal is always on: there is always something to do
  async_wait_t pairs[8];  // their signals are off: begun and cancelled in turns
  unsigned handled;
} busy_t;

static void never(async_dispatcher_t* d, async_wait_t* wait, zx_status_t status,
                  const zx_packet_signal_t* signal) {}

static void keep_busy(async_dispatcher_t* d, async_wait_t* wait, zx_status_t status,
                      const zx_packet_signal_t* signal) {
  busy_t* busy = (busy_t*)wait;
  async_wait_t* pair = &busy->pairs[busy->handled % 8];
  if (status != ZX_OK) return;
  if (busy->handled >= 8 && async_cancel_wait(d, pair) != ZX_OK) abort();
  if (async_begin_wait(d, pair) != ZX_OK || async_begin_wait(d, wait) != ZX_OK) abort();
  if (++busy->handled == WAITS) async_loop_quit(async_loop_from_dispatcher(d));
}

// A system call that stands in the trace for "begin" and "end".
#define MARK SYS_getppid

static void begin_many_waits(void) {
  busy_t busy = {.event = {.handler = keep_busy, .trigger = ZX_EVENT_SIGNALED}};
  zx_handle_t peer;
  if (async_loop_create(NULL, &loop) != ZX_OK) _exit(6);  // the fixture's is the parent's
  dispatcher = async_loop_get_dispatcher(loop);
  if (zx_event_create(0, &busy.event.object) != ZX_OK) _exit(1);
  zx_object_signal(busy.event.object, 0, ZX_EVENT_SIGNALED);
  for (int i = 0; i < 8; i++) {
    busy.pairs[i] = (async_wait_t){.handler = never, .trigger = ZX_EVENTPAIR_SIGNALED};
    if (zx_eventpair_create(0, &busy.pairs[i].object, &peer) != ZX_OK) _exit(2);
  }
  if (async_begin_wait(dispatcher, &busy.event) != ZX_OK) _exit(3);
  if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(4);
  raise(SIGSTOP);
  syscall(MARK);
  async_loop_run(loop, ZX_TIME_INFINITE, false);
  syscall(MARK);
  _exit(busy.handled == WAITS ? 0 : 5);
}

// The system calls a child makes between its two marks.
static long count_calls(pid_t child) {
  int status, marks = 0;
  long calls = 0;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_msg(WIFSTOPPED(status), "the child ended with %#x before its trace began", status);
  ck_assert_int_eq(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), 0);
  for (;;) {
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_SYSCALL, child, NULL, NULL) != 0) return -1;
    if (waitpid(child, &status, 0) != child || WIFEXITED(status) || WIFSIGNALED(status)) return -1;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info) < 0) return -1;
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) continue;
    if (info.entry.nr == MARK && ++marks == 2) return calls;
    if (marks && info.entry.nr != MARK) calls++;
  }
}

START_TEST(a_wait_costs_no_system_call_while_other_work_is_pending) {
  pid_t child = fork();
  if (child == 0) begin_many_waits();
  ck_assert_int_gt(child, 0);
  long calls = count_calls(child);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  // What is left is the loop's look at the kernel every so many rounds, so that nobody starves.
  ck_assert_int_ge(calls, 0);
  ck_assert_int_lt(calls * 50, WAITS);
}
END_TEST

// Threads

static void note_thread(async_dispatcher_t* d, async_task_t* task, zx_status_t status) {
  counted_task_t* counted = (counted_task_t*)task;
  counted->status = status;
  counted->order = gettid() != getpid();
  __atomic_store_n(&counted->calls, 1, __ATOMIC_RELEASE);
}

START_TEST(a_loop_runs_on_a_thread_of_its_own) {
  counted_task_t task = {.task.handler = note_thread}, late = {.task.handler = note_thread};
  thrd_t thread;
  ck_assert_int_eq(async_loop_start_thread(loop, "a name that is too long", &thread), ZX_OK);
  ck_assert_int_eq(async_loop_start_thread(loop, NULL, NULL), ZX_ERR_ALREADY_BOUND);
  ck_assert_int_eq(async_post_task(dispatcher, &task.task), ZX_OK);
  while (!__atomic_load_n(&task.calls, __ATOMIC_ACQUIRE))
    sched_yield();
  ck_assert(task.status == ZX_OK && task.order == 1);
  async_loop_quit(loop);
  async_loop_join_threads(loop);
  ck_assert_int_eq(async_loop_reset_quit(loop), ZX_OK);
  ck_assert_int_eq(async_loop_start_thread(loop, NULL, NULL), ZX_OK);
  late.task.deadline = ZX_TIME_INFINITE - 1;
  ck_assert_int_eq(async_post_task(dispatcher, &late.task), ZX_OK);
  async_loop_shutdown(loop);
  ck_assert(late.status == ZX_ERR_CANCELED && late.order == 0);
  ck_assert_int_eq(async_loop_start_thread(loop, NULL, NULL), ZX_ERR_BAD_STATE);
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
  if (signals_are_handled_at_once) tcase_add_test(tc, a_signal_handler_ends_the_loop);
  tcase_add_test(tc, run_ends_at_its_deadline);
  tcase_add_test(tc, a_loop_does_not_run_in_a_forked_child);
  tcase_add_test(tc, a_loop_calls_nobody_in_a_forked_child);
  tcase_add_test(tc, a_loop_with_a_thread_is_destroyed_in_a_forked_child);
  tcase_add_test(tc, a_wait_fires_once_for_a_signal_of_the_peer);
  tcase_add_test(tc, a_canceled_wait_is_not_called_even_if_its_signal_is_on);
  tcase_add_test(tc, many_waits_at_once_each_find_their_own_object);
  tcase_add_test(tc, a_descriptor_is_level_triggered_until_canceled);
  tcase_add_test(tc, a_busy_task_starves_neither_descriptors_nor_the_deadline);
  tcase_add_test(tc, a_busy_task_does_not_starve_other_tasks);
  tcase_add_test(tc, a_wait_costs_no_system_call_while_other_work_is_pending);
  tcase_add_test(tc, a_loop_runs_on_a_thread_of_its_own);
  return jx_test_run(suite);
}
