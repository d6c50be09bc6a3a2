// Events; see event.h.
#include "runtime/zx/event.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zircon/syscalls/event.h>

#include "runtime/zx/bell.h"
#include "runtime/zx/handle.h"
#include "runtime/zx/memory.h"
#include "runtime/zx/transfer.h"
#include "runtime/zx/wake.h"

#define EVENT_SIGNALS (ZX_USER_SIGNAL_ALL | ZX_EVENT_SIGNALED)

void event_init(struct event* event, const struct object_ops* ops, zx_signals_t mask) {
  object_init(&event->base, ops, -1);
  event->mask = mask;
}

zx_signals_t event_peek(struct zx_object* object) {
  const struct event* event = (const struct event*)object;
  return event->shared ? pair_side_signals(event->shared) & event->mask : object->user_signals;
}

uint32_t event_rises(const struct zx_object* object) {
  const struct event* event = (const struct event*)object;
  return event->shared ? pair_side_rises(event->shared) : 0;
}

zx_signals_t event_risen(const struct zx_object* object, uint32_t since) {
  const struct event* event = (const struct event*)object;
  return event->shared ? pair_side_risen(event->shared, since) & event->mask : 0;
}

zx_signals_t event_arm(struct zx_object* object, zx_signals_t want, short* events) {
  struct event* event = (struct event*)object;
  if (event->shared) {
    *events |= POLLIN;
    wake_arm(&event->shared->waiting, 1);
  }
  return event_peek(object);
}

zx_signals_t event_ready(struct zx_object* object, zx_signals_t want, short revents) {
  struct event* event = (struct event*)object;
  if (event->shared && (revents & POLLIN)) {
    if (bell_heard(event->listener)) bell_trim(event->bell_in, &event->shared->trim_lock);
    if (object_is_watched(object)) wake_arm(&event->shared->waiting, 1);
  }
  return event_peek(object);
}

static void ring_bell(struct event* event) {
  if (!wake_claim(&event->shared->waiting, ~0u)) return;
  while (send(event->bell_out, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

void event_signal(struct zx_object* object, zx_signals_t clear, zx_signals_t set) {
  struct event* event = (struct event*)object;
  object_change_begin(object, 0);
  zx_signals_t before = object->user_signals;
  object->user_signals = (before & ~clear) | set;
  zx_signals_t rise = object->user_signals & ~before;
  if (event->shared) rise = pair_side_change(event->shared, clear, set);
  if (rise) object_notify(object, event_peek(object));
  if (rise && event->shared) ring_bell(event);
  object_change_end(object);
}

zx_status_t event_share(struct event* event) {
  if (event->shared) return ZX_OK;
  int bells[2];
  size_t size = memory_round_to_page(EVENT_MEMORY);
  zx_status_t status = memory_create(size, &event->memory_fd);
  if (status != ZX_OK) return status;
  struct pair_side* shared = memory_map(event->memory_fd, size);
  status =
      shared && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bells) == 0 ? ZX_OK : ZX_ERR_NO_RESOURCES;
  if (status == ZX_OK && (status = bell_listen(bells[0], -1, &event->listener)) != ZX_OK) {
    close(bells[0]);
    close(bells[1]);
  }
  if (status != ZX_OK) {
    if (shared) munmap(shared, size);
    close(event->memory_fd);
    return status;
  }
  atomic_store_explicit(&shared->signals, event->base.user_signals, memory_order_release);
  event->shared = shared;
  event->bell_in = bells[0];
  event->bell_out = bells[1];
  event->base.wait_fd = event->listener;
  object_rearm(&event->base);
  return ZX_OK;
}

unsigned event_fds(const struct event* event, int fds[OBJECT_MAX_FDS]) {
  fds[0] = event->memory_fd;
  fds[1] = event->bell_in;
  fds[2] = event->bell_out;
  return 3;
}

static zx_status_t event_pack(struct zx_object* object, bool moves, struct wire_handle* wire,
                              int fds[OBJECT_MAX_FDS], unsigned* num_fds) {
  struct event* event = (struct event*)object;
  pthread_mutex_lock(&object->lock);
  zx_status_t status = event_share(event);
  pthread_mutex_unlock(&object->lock);
  if (status == ZX_OK) *num_fds = event_fds(event, fds);
  return status;
}

void event_destroy(struct zx_object* object) {
  struct event* event = (struct event*)object;
  if (event->shared) {
    munmap(event->shared, memory_round_to_page(EVENT_MEMORY));
    close(event->memory_fd);
    close(event->listener);
    close(event->bell_in);
    close(event->bell_out);
  }
  free(event);
}

static const struct object_ops event_ops = {
    .type = ZX_OBJ_TYPE_EVENT,
    .rights = ZX_DEFAULT_EVENT_RIGHTS,
    .signal_mask = EVENT_SIGNALS,
    .waitable = true,
    .peek = event_peek,
    .arm = event_arm,
    .ready = event_ready,
    .rises = event_rises,
    .risen = event_risen,
    .signal = event_signal,
    .pack = event_pack,
    .destroy = event_destroy,
};

zx_status_t zx_event_create(uint32_t options, zx_handle_t* out) {
  if (options || !out) return ZX_ERR_INVALID_ARGS;
  struct event* event = calloc(1, sizeof(*event));
  if (!event) return ZX_ERR_NO_MEMORY;
  event_init(event, &event_ops, EVENT_SIGNALS);
  return handle_create(&event->base, ZX_DEFAULT_EVENT_RIGHTS, out);
}

static bool is_stream_socket(int fd) {
  int type = -1;
  socklen_t size = sizeof(type);
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

zx_status_t event_attach(const struct object_ops* ops, size_t object_size, zx_signals_t mask, const int* fds,
                         struct event** out) {
  size_t size = memory_round_to_page(EVENT_MEMORY);
  zx_status_t status = ZX_ERR_IO_DATA_INTEGRITY;
  struct event* event = NULL;
  struct pair_side* shared = NULL;
  if (memory_is_safe(fds[0], size) && is_stream_socket(fds[1]) && is_stream_socket(fds[2])) {
    event = calloc(1, object_size);
    shared = event ? memory_map(fds[0], size) : NULL;
    status = shared ? bell_listen(fds[1], -1, &event->listener) : ZX_ERR_NO_MEMORY;
  }
  if (status != ZX_OK) {
    if (shared) munmap(shared, size);
    free(event);
    for (int i = 0; i < 3; i++)
      close(fds[i]);
    return status;
  }
  event_init(event, ops, mask);
  event->base.wait_fd = event->listener;
  event->shared = shared;
  event->memory_fd = fds[0];
  event->bell_in = fds[1];
  event->bell_out = fds[2];
  *out = event;
  return ZX_OK;
}

zx_status_t event_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out) {
  struct event* event;
  zx_status_t status = event_attach(&event_ops, sizeof(struct event), EVENT_SIGNALS, fds, &event);
  if (status == ZX_OK) *out = &event->base;
  return status;
}
