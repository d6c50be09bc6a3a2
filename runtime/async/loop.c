// The loop: packets of its port, tasks, descriptors; and sleeping when there are none of them.
//
// A round takes what is ready without a system call: packets that the port already holds and tasks that are
// due. Only when a round has found nothing, or every POLL_INTERVAL rounds so that nobody starves, the kernel
// is asked.
//
// A loop that watches no descriptors sleeps in its port, so that one system call both sleeps and learns what
// has come; another thread ends that sleep through an eventfd that the port watches. A loop that does watch
// some sleeps in libev, which watches the port's descriptor among the others: the port is armed first and
// asked afterwards, and a deadline becomes a timerfd, because libev sleeps in milliseconds. The timer is only
// ever set earlier: when a deadline moves away, one early waking costs less than setting the timer each time.
#include "loop_impl.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <lib/async/time.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#define BATCH 64u
#define POLL_INTERVAL 16u

static void on_port_ready(struct ev_loop* ev, ev_io* watcher, int events) {
  async_loop_t* loop = watcher->data;
  loop->ask_port = true;
}

static void on_wake(struct ev_loop* ev, ev_async* watcher, int events) {
  // The next round looks at tasks and at the quit flag.
}

static void on_timer(struct ev_loop* ev, ev_io* watcher, int events) {
  async_loop_t* loop = watcher->data;
  uint64_t expirations;
  if (read(loop->timer_fd, &expirations, sizeof(expirations)) < 0) return;
  loop->timer_set_for = ZX_TIME_INFINITE;
}

static zx_status_t watch_wake_fd(async_loop_t* loop) {
  return zx_object_wait_async(loop->wake_handle, loop->port, WAKE_KEY, ZX_CHANNEL_READABLE, 0);
}

static zx_status_t make_wake_fd(async_loop_t* loop) {
  loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  int copy = loop->wake_fd < 0 ? -1 : fcntl(loop->wake_fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return ZX_ERR_NO_RESOURCES;
  zx_status_t status = zx_linux_fd_wrap(copy, &loop->wake_handle);
  return status == ZX_OK ? watch_wake_fd(loop) : status;
}

void loop_woken(async_loop_t* loop) {
  uint64_t count;
  if (read(loop->wake_fd, &count, sizeof(count)) < 0)
    count = 0;  // somebody else's waking was drained with ours
  (void)watch_wake_fd(loop);
}

static void start_watchers(async_loop_t* loop, int port_fd) {
  ev_io_init(&loop->port_ready, on_port_ready, port_fd, EV_READ);
  loop->port_ready.data = loop;
  ev_io_start(loop->ev, &loop->port_ready);
  ev_io_init(&loop->timer_ready, on_timer, loop->timer_fd, EV_READ);
  loop->timer_ready.data = loop;
  ev_io_start(loop->ev, &loop->timer_ready);
  ev_async_init(&loop->wake, on_wake);
  ev_async_start(loop->ev, &loop->wake);
}

zx_status_t async_loop_create(const async_loop_config_t* config, async_loop_t** out) {
  async_loop_t* loop = calloc(1, sizeof(*loop));
  if (!loop) return ZX_ERR_NO_MEMORY;
  loop->dispatcher.loop = loop;
  loop->data = config ? config->data : NULL;
  loop->timer_set_for = ZX_TIME_INFINITE;
  loop->timer_fd = -1;
  loop->wake_fd = -1;
  loop->maker = getpid();
  node_init(&loop->fds);
  waits_init(&loop->waits);
  tasks_init(&loop->tasks);

  zx_status_t status = zx_port_create(0, &loop->port);
  if (status != ZX_OK) goto fail;
  int port_fd;
  status = zx_linux_port_fd(loop->port, &port_fd);
  if (status != ZX_OK) goto fail;
  status = make_wake_fd(loop);
  if (status != ZX_OK) goto fail;
  status = ZX_ERR_NO_RESOURCES;
  loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (loop->timer_fd < 0) goto fail;
  loop->ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
  if (!loop->ev) goto fail;
  start_watchers(loop, port_fd);
  *out = loop;
  return ZX_OK;

fail:
  async_loop_destroy(loop);
  return status;
}

async_dispatcher_t* async_loop_get_dispatcher(async_loop_t* loop) {
  return &loop->dispatcher;
}

async_loop_t* async_loop_from_dispatcher(async_dispatcher_t* dispatcher) {
  return dispatcher->loop;
}

void* async_loop_data(async_loop_t* loop) {
  return loop->data;
}

zx_time_t async_now(async_dispatcher_t* dispatcher) {
  return zx_clock_get_monotonic();
}

void loop_wake(async_loop_t* loop) {
  // Pairs with the fence in fall_asleep: either the sleeper sees what we did before, or we see that it
  // sleeps.
  atomic_thread_fence(memory_order_seq_cst);
  const uint64_t one = 1;
  switch (atomic_load_explicit(&loop->asleep, memory_order_relaxed)) {
    case LOOP_IN_LIBEV:
      ev_async_send(loop->ev, &loop->wake);
      break;
    case LOOP_IN_PORT:
      if (write(loop->wake_fd, &one, sizeof(one)) < 0) return;  // full: the loop is being woken already
      break;
  }
}

void async_loop_quit(async_loop_t* loop) {
  atomic_store(&loop->quit, true);
  loop_wake(loop);
}

zx_status_t async_loop_reset_quit(async_loop_t* loop) {
  if (loop->shut_down) return ZX_ERR_BAD_STATE;
  atomic_store(&loop->quit, false);
  return ZX_OK;
}

static bool watches_descriptors(const async_loop_t* loop) {
  return loop->fds.next != &loop->fds;
}

// Runs what is ready now; returns how many handlers it has called.
static uint32_t run_batch(async_loop_t* loop, bool ask_kernel) {
  loop->handled = 0;
  bool ask_port = ask_kernel || loop->ask_port;
  loop->ask_port = false;
  loop->handled += waits_dispatch(loop, BATCH, ask_port);
  if (loop->is_parents) return 0;
  loop->handled += tasks_dispatch(loop, BATCH);
  if (ask_kernel && watches_descriptors(loop)) ev_run(loop->ev, EVRUN_NOWAIT);
  return loop->handled;
}

static void set_timer(async_loop_t* loop, zx_time_t deadline) {
  if (deadline >= loop->timer_set_for) return;
  struct itimerspec when = {
      .it_value = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000},
  };
  if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0) loop->timer_set_for = deadline;
}

static bool is_past(zx_time_t deadline) {
  return deadline != ZX_TIME_INFINITE && deadline <= zx_clock_get_monotonic();
}

// Lets other threads know where to wake the loop; returns when it must wake by itself.
static zx_time_t fall_asleep(async_loop_t* loop, enum loop_sleep where, zx_time_t deadline) {
  atomic_store_explicit(&loop->asleep, where, memory_order_relaxed);
  atomic_thread_fence(memory_order_seq_cst);  // pairs with loop_wake
  zx_time_t due = tasks_deadline(&loop->tasks);
  if (due < deadline) deadline = due;
  return atomic_load(&loop->quit) ? ZX_TIME_INFINITE_PAST : deadline;
}

static void wake_up(async_loop_t* loop) {
  atomic_store_explicit(&loop->asleep, LOOP_AWAKE, memory_order_relaxed);
}

static void sleep_in_libev(async_loop_t* loop, zx_time_t deadline) {
  deadline = fall_asleep(loop, LOOP_IN_LIBEV, deadline);
  bool work = zx_linux_port_arm(loop->port) == ZX_OK || is_past(deadline);
  if (!work) set_timer(loop, deadline);
  ev_run(loop->ev, work ? EVRUN_NOWAIT : EVRUN_ONCE);
  wake_up(loop);
}

static void sleep_in_port(async_loop_t* loop, zx_time_t deadline) {
  zx_port_packet_t packet;
  deadline = fall_asleep(loop, LOOP_IN_PORT, deadline);
  zx_status_t status = zx_port_wait(loop->port, deadline, &packet);
  wake_up(loop);
  if (status == ZX_OK) loop->handled += waits_deliver(loop, &packet);
}

// Sleeps until something is ready or `deadline`, then calls handlers.
static void sleep_until(async_loop_t* loop, zx_time_t deadline) {
  if (watches_descriptors(loop)) {
    sleep_in_libev(loop, deadline);
  } else {
    sleep_in_port(loop, deadline);
  }
}

zx_status_t async_loop_run(async_loop_t* loop, zx_time_t deadline, bool once) {
  // A deadline that is past from the start asks for all that is due; one that passes meanwhile ends a busy
  // loop.
  const bool drain = is_past(deadline);
  for (uint32_t round = 1;; round++) {
    if (loop->shut_down) return ZX_ERR_BAD_STATE;
    if (atomic_load(&loop->quit)) return ZX_ERR_CANCELED;
    if (!drain && is_past(deadline)) return ZX_ERR_TIMED_OUT;
    uint32_t handled = run_batch(loop, round % POLL_INTERVAL == 0);
    // Before anybody else is called, and before libev, whose descriptors are the parent's, is touched.
    if (loop->is_parents) return ZX_ERR_BAD_STATE;
    if (handled == 0) {
      sleep_until(loop, deadline);
      handled = loop->handled;
      round = 0;  // the kernel has just been asked
      // What only the kernel knew of (the port's own sources) shows in one more batch.
      if (drain && handled == 0 && (handled = run_batch(loop, false)) == 0) return ZX_ERR_TIMED_OUT;
    }
    if (once && handled > 0) return ZX_OK;
  }
}

zx_status_t async_loop_run_until_idle(async_loop_t* loop) {
  zx_status_t status = async_loop_run(loop, 0, false);
  return status == ZX_ERR_TIMED_OUT ? ZX_OK : status;
}

static void* run_thread(void* context) {
  async_loop_run(context, ZX_TIME_INFINITE, false);
  return NULL;
}

zx_status_t async_loop_start_thread(async_loop_t* loop, const char* name, thrd_t* out_thread) {
  if (loop->shut_down) return ZX_ERR_BAD_STATE;
  if (loop->has_thread) return ZX_ERR_ALREADY_BOUND;
  if (pthread_create(&loop->thread, NULL, run_thread, loop) != 0) return ZX_ERR_NO_RESOURCES;
  loop->has_thread = true;
  char cut[16] = "";
  if (name) strncpy(cut, name, sizeof(cut) - 1);
  if (name) pthread_setname_np(loop->thread, cut);
  if (out_thread) *out_thread = loop->thread;
  return ZX_OK;
}

static bool is_forked(const async_loop_t* loop) {
  return loop->maker != getpid();
}

void async_loop_join_threads(async_loop_t* loop) {
  if (!loop->has_thread) return;
  if (!is_forked(loop)) pthread_join(loop->thread, NULL);
  loop->has_thread = false;
}

void async_loop_shutdown(async_loop_t* loop) {
  if (loop->shut_down) return;
  if (loop->has_thread) {
    if (!is_forked(loop)) async_loop_quit(loop);
    async_loop_join_threads(loop);
  }
  // The thread that held this when the process was forked is not here to let go of it.
  if (is_forked(loop)) pthread_mutex_init(&loop->tasks.lock, NULL);
  loop->shut_down = true;
  waits_shutdown(loop);
  tasks_shutdown(loop);
  fds_shutdown(loop);
}

void async_loop_destroy(async_loop_t* loop) {
  if (!loop) return;
  async_loop_shutdown(loop);
  if (loop->ev) {
    ev_io_stop(loop->ev, &loop->port_ready);
    ev_io_stop(loop->ev, &loop->timer_ready);
    ev_async_stop(loop->ev, &loop->wake);
    ev_loop_destroy(loop->ev);
  }
  if (loop->timer_fd >= 0) close(loop->timer_fd);
  if (loop->wake_fd >= 0) close(loop->wake_fd);
  zx_handle_close(loop->wake_handle);
  zx_handle_close(loop->port);
  pthread_mutex_destroy(&loop->tasks.lock);
  free(loop);
}
