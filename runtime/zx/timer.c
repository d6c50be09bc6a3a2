// Timers: a timerfd each. Firing on time is within every slack.
#include <poll.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <zircon/syscalls/object.h>
#include <zircon/syscalls/time.h>

#include "runtime/zx/clock.h"
#include "runtime/zx/handle.h"
#include "runtime/zx/timer.h"
#include "runtime/zx/transfer.h"

#define NSEC_PER_SEC 1000000000

struct timer {
  struct zx_object base;
  int fd;
  uint32_t options;
  zx_time_t deadline;   // 0: not set here; lock
  zx_duration_t slack;  // lock
};

// The descriptor alone does not do: a timer set to a past time is signaled at once, before the kernel gets to
// it. Nor does the deadline once other processes can set the timer.
static zx_signals_t timer_peek(struct zx_object* object) {
  const struct timer* timer = (const struct timer*)object;
  bool fired = !object->shared && timer->deadline && clock_is_past(timer->deadline);
  return object->user_signals | (fired ? ZX_TIMER_SIGNALED : 0);
}

static zx_signals_t timer_arm(struct zx_object* object, zx_signals_t want, short* events) {
  if (want & ZX_TIMER_SIGNALED) *events |= POLLIN;
  return timer_peek(object);
}

static bool has_expired(const struct timer* timer) {
  struct pollfd pollfd = {.fd = timer->fd, .events = POLLIN};
  return poll(&pollfd, 1, 0) == 1;
}

static zx_signals_t timer_ready(struct zx_object* object, zx_signals_t want, short revents) {
  zx_signals_t signals = timer_peek(object);
  // The report may be of what another thread has set anew since.
  if (!(signals & ZX_TIMER_SIGNALED) && (revents & POLLIN) && has_expired((struct timer*)object))
    signals |= ZX_TIMER_SIGNALED;
  return signals;
}

static bool timer_knows(const struct zx_object* object, short polled) {
  return !object->shared || (polled & POLLIN);
}

static zx_status_t timer_pack(struct zx_object* object, bool moves, struct wire_handle* wire,
                              int fds[OBJECT_MAX_FDS], unsigned* num_fds) {
  const struct timer* timer = (const struct timer*)object;
  wire->elem_count = timer->options;
  pthread_mutex_lock(&object->lock);
  wire->values[0] = (uint64_t)timer->deadline;
  wire->values[1] = (uint64_t)timer->slack;
  pthread_mutex_unlock(&object->lock);
  fds[0] = timer->fd;
  *num_fds = 1;
  return ZX_OK;
}

static void timer_destroy(struct zx_object* object) {
  close(((struct timer*)object)->fd);
  free(object);
}

static const struct object_ops timer_ops = {
    .type = ZX_OBJ_TYPE_TIMER,
    .rights = ZX_DEFAULT_TIMER_RIGHTS,
    .signal_mask = ZX_USER_SIGNAL_ALL,
    .waitable = true,
    .peek = timer_peek,
    .arm = timer_arm,
    .ready = timer_ready,
    .knows = timer_knows,
    .pack = timer_pack,
    .destroy = timer_destroy,
};

static zx_status_t create_object(int fd, uint32_t options, struct zx_object** out) {
  struct timer* timer = calloc(1, sizeof(*timer));
  if (!timer) {
    close(fd);
    return ZX_ERR_NO_MEMORY;
  }
  object_init(&timer->base, &timer_ops, fd);
  timer->fd = fd;
  timer->options = options;
  *out = &timer->base;
  return ZX_OK;
}

zx_status_t zx_timer_create(uint32_t options, zx_clock_t clock_id, zx_handle_t* out) {
  if (options > ZX_TIMER_SLACK_LATE || clock_id != ZX_CLOCK_MONOTONIC || !out) return ZX_ERR_INVALID_ARGS;
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0) return ZX_ERR_NO_RESOURCES;
  struct zx_object* object;
  zx_status_t status = create_object(fd, options, &object);
  if (status != ZX_OK) return status;
  return handle_create(object, ZX_DEFAULT_TIMER_RIGHTS, out);
}

zx_status_t timer_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out) {
  struct itimerspec current;
  if (timerfd_gettime(fds[0], &current) != 0) {
    close(fds[0]);
    return ZX_ERR_IO_DATA_INTEGRITY;
  }
  zx_status_t status =
      create_object(fds[0], wire->elem_count <= ZX_TIMER_SLACK_LATE ? wire->elem_count : 0, out);
  if (status != ZX_OK) return status;
  struct timer* timer = (struct timer*)*out;
  timer->deadline = (zx_time_t)wire->values[0];
  timer->slack = (zx_duration_t)wire->values[1];
  return ZX_OK;
}

// Waits for the kernel to notice that a timer was set to a past time.
static void wait_until_fired(const struct timer* timer) {
  struct pollfd pollfd = {.fd = timer->fd, .events = POLLIN};
  poll(&pollfd, 1, 100);
}

// Sets or, with deadline 0, disarms. Either clears what had fired.
static void program(struct timer* timer, zx_time_t deadline, zx_duration_t slack) {
  struct itimerspec value = {{0}, {0}};
  if (deadline) {
    value.it_value.tv_sec = deadline / NSEC_PER_SEC;
    value.it_value.tv_nsec = deadline % NSEC_PER_SEC;
  }
  pthread_mutex_lock(&timer->base.lock);
  // Whoever waits for what has fired until now gets it.
  object_change_begin(&timer->base, 0);
  timer->deadline = 0;  // SIGNALED goes off, if only for a moment
  timerfd_settime(timer->fd, TFD_TIMER_ABSTIME, &value, NULL);
  object_change_end(&timer->base);
  timer->deadline = deadline;
  timer->slack = slack;
  bool past = deadline && clock_is_past(deadline);
  if (past && timer->base.shared) wait_until_fired(timer);
  if (past) object_notify(&timer->base, timer_peek(&timer->base) | ZX_TIMER_SIGNALED);
  pthread_mutex_unlock(&timer->base.lock);
}

zx_status_t zx_timer_set(zx_handle_t handle, zx_time_t deadline, zx_duration_t slack) {
  if (slack < 0) return ZX_ERR_OUT_OF_RANGE;
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_TIMER, ZX_RIGHT_WRITE, &object, NULL);
  if (status != ZX_OK) return status;
  program((struct timer*)object, deadline > 0 ? deadline : 1, slack);
  object_unref(object);
  return ZX_OK;
}

zx_status_t zx_timer_cancel(zx_handle_t handle) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_TIMER, ZX_RIGHT_WRITE, &object, NULL);
  if (status != ZX_OK) return status;
  program((struct timer*)object, 0, 0);
  object_unref(object);
  return ZX_OK;
}

void timer_info(struct zx_object* object, zx_info_timer_t* out) {
  struct timer* timer = (struct timer*)object;
  pthread_mutex_lock(&object->lock);
  bool pending = timer->deadline && !clock_is_past(timer->deadline);
  *out = (zx_info_timer_t){.options = timer->options,
                           .deadline = pending ? timer->deadline : 0,
                           .slack = pending ? timer->slack : 0};
  pthread_mutex_unlock(&object->lock);
}
