// The slirp wire; see slirp.h and wire.h. libslirp is driven by its own protocol: tell which descriptors to
// watch (slirp_pollfds_fill), wait, tell what was found (slirp_pollfds_poll), run due timers. settle() brings
// everything in order after libslirp has been called: it delivers the frames that came out, asks again what
// to watch, and sets the timer.
//
// libslirp hands frames out from inside its own functions. There each goes straight to the place that the
// device has for it, or else into a queue, with a bound, which settle() delivers a batch at a time. While the
// device can't receive, descriptors aren't looked at, so that what comes from the host waits in the host's
// sockets.
#include "slirp.h"

#include <errno.h>
#include <inet/checksum.h>
#include <lib/async/task.h>
#include <lib/async/time.h>
#include <lib/async/wait.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <zircon/syscalls.h>

#include "frame_queue.h"
#include "slirp_mend.h"
#include "slirp_poll.h"

// Frames kept for a device that doesn't take them.
#define QUEUE_BYTES (1024u * 1024u)

typedef struct slirp_wire {
  wire_t base;
  async_dispatcher_t* dispatcher;
  const wire_events_t* events;
  void* context;
  Slirp* slirp;
  slirp_poll_t poll;
  async_wait_t wait;  // of the poll's set, wrapped: in the loop's port that costs no system call of its own
  bool waiting;
  async_task_t timeout;  // when libslirp wants to look at its sockets again
  async_task_t drain;    // delivers another batch
  frame_queue_t queue;   // from libslirp to the device
  unsigned placed;       // frames that the clients have not been told of
  slirp_wire_config_t config;
  uint8_t scratch[WIRE_FRAME_MAX];  // one frame on its way to libslirp
} slirp_wire_t;

// A timer of libslirp's.
typedef struct slirp_timer {
  slirp_wire_t* wire;
  async_task_t task;
  SlirpTimerId id;
  SlirpTimerCb callback;  // NULL: told by id through slirp_handle_timer
  void* context;
} slirp_timer_t;

static void settle(slirp_wire_t* wire);

static zx_time_t from_ms(int64_t ms) {
  if (ms >= ZX_TIME_INFINITE / ZX_MSEC(1)) return ZX_TIME_INFINITE;
  return ms <= 0 ? 0 : ms * ZX_MSEC(1);
}

static void repost(slirp_wire_t* wire, async_task_t* task, zx_time_t deadline) {
  async_cancel_task(wire->dispatcher, task);
  task->deadline = deadline;
  if (deadline != ZX_TIME_INFINITE) async_post_task(wire->dispatcher, task);
}

// What libslirp calls

static const offload_header_t plain;

// Copies a frame to where the device wants it. False if there is no place, or if it is to wait: for those
// before it, or for the next batch.
static bool place(slirp_wire_t* wire, const uint8_t* frame, size_t length) {
  if (wire->queue.count > 0 || wire->placed >= WIRE_BATCH) return false;
  struct iovec parts[2];
  size_t count = wire->events->place(wire->context, parts), copied = 0, room = 0;
  for (size_t i = 0; i < count; i++)
    room += parts[i].iov_len;
  if (length == 0 || length > room) return false;
  for (size_t i = 0; copied < length; i++) {
    size_t piece = length - copied < parts[i].iov_len ? length - copied : parts[i].iov_len;
    memcpy(parts[i].iov_base, frame + copied, piece);
    copied += piece;
  }
  wire->events->placed(wire->context, &plain, length);
  wire->placed++;
  return true;
}

static void hand_over(slirp_wire_t* wire, const uint8_t* frame, size_t length) {
  if (!place(wire, frame, length)) frame_queue_push(&wire->queue, frame, length);
}

static ssize_t on_send_packet(const void* frame, size_t length, void* context) {
  slirp_wire_t* wire = context;
  if (slirp_needs_mending(frame, length)) {
    uint8_t copy[SLIRP_MEND_MAX];
    memcpy(copy, frame, length);
    slirp_mend(copy, length);
    hand_over(wire, copy, length);
  } else {
    hand_over(wire, frame, length);
  }
  return (ssize_t)length;  // a frame that was dropped is a frame lost on a wire
}

static void on_guest_error(const char* message, void* context) {
  // Bad frames are a client's business; libslirp has dropped them.
}

static int64_t on_clock_get_ns(void* context) {
  const slirp_wire_t* wire = context;
  return async_now(wire->dispatcher);
}

static void timer_due(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  slirp_timer_t* timer = (void*)((char*)task - offsetof(slirp_timer_t, task));
  if (status != ZX_OK) return;
  slirp_wire_t* wire = timer->wire;
  if (timer->callback) {
    timer->callback(timer->context);
  } else {
    slirp_handle_timer(wire->slirp, timer->id, timer->context);
  }
  settle(wire);
}

static slirp_timer_t* timer_create(slirp_wire_t* wire, void* context) {
  slirp_timer_t* timer = calloc(1, sizeof(*timer));
  if (!timer) abort();  // libslirp knows no failure here
  timer->wire = wire;
  timer->task.handler = timer_due;
  timer->context = context;
  return timer;
}

static void* on_timer_new(SlirpTimerCb callback, void* callback_context, void* context) {
  slirp_timer_t* timer = timer_create(context, callback_context);
  timer->callback = callback;
  return timer;
}

static void* on_timer_new_opaque(SlirpTimerId id, void* timer_context, void* context) {
  slirp_timer_t* timer = timer_create(context, timer_context);
  timer->id = id;
  return timer;
}

static void on_timer_free(void* handle, void* context) {
  slirp_timer_t* timer = handle;
  if (!timer) return;
  async_cancel_task(timer->wire->dispatcher, &timer->task);
  free(timer);
}

static void on_timer_mod(void* handle, int64_t expire_ms, void* context) {
  slirp_timer_t* timer = handle;
  repost(timer->wire, &timer->task, from_ms(expire_ms));
}

static void on_register_poll_fd(int fd, void* context) {
  // The next fill asks for it.
}

static void on_unregister_poll_fd(int fd, void* context) {
  slirp_wire_t* wire = context;
  slirp_poll_forget(&wire->poll, fd);
}

static void on_notify(void* context) {
  // Whatever calls libslirp settles afterwards.
}

static const SlirpCb callbacks = {
    .send_packet = on_send_packet,
    .guest_error = on_guest_error,
    .clock_get_ns = on_clock_get_ns,
    .timer_new = on_timer_new,
    .timer_free = on_timer_free,
    .timer_mod = on_timer_mod,
    .register_poll_fd = on_register_poll_fd,
    .unregister_poll_fd = on_unregister_poll_fd,
    .notify = on_notify,
    .timer_new_opaque = on_timer_new_opaque,
};

static int on_add_poll(int fd, int events, void* context) {
  slirp_wire_t* wire = context;
  return slirp_poll_add(&wire->poll, fd, events);
}

static int on_get_revents(int index, void* context) {
  const slirp_wire_t* wire = context;
  return slirp_poll_ready(&wire->poll, index);
}

// Keeping it going

static void watch(slirp_wire_t* wire, bool wanted) {
  if (wanted == wire->waiting) return;
  if (wanted) {
    wire->waiting = async_begin_wait(wire->dispatcher, &wire->wait) == ZX_OK;
  } else {
    async_cancel_wait(wire->dispatcher, &wire->wait);
    wire->waiting = false;
  }
}

// Delivers a batch of queued frames behind those that were placed. Returns whether the device could take
// more.
static bool deliver(slirp_wire_t* wire) {
  bool more = true;
  unsigned delivered = wire->placed;
  const uint8_t* frame;
  size_t length;
  while (delivered < WIRE_BATCH && (frame = frame_queue_front(&wire->queue, &length)) != NULL) {
    more = wire->events->can_receive(wire->context);
    if (!more) break;
    wire->events->receive(wire->context, &plain, frame, length);
    frame_queue_pop(&wire->queue);
    delivered++;
  }
  if (delivered > 0) wire->events->receive_done(wire->context);
  wire->placed = 0;
  return more;
}

static void settle(slirp_wire_t* wire) {
  bool open = deliver(wire);
  bool left = wire->queue.count > 0;
  repost(wire, &wire->drain, open && left ? 0 : ZX_TIME_INFINITE);
  uint32_t timeout_ms = UINT32_MAX;
  slirp_poll_begin(&wire->poll);
  slirp_pollfds_fill(wire->slirp, &timeout_ms, on_add_poll, wire);
  slirp_poll_end(&wire->poll);
  // With frames left there is no hurry to make more.
  watch(wire, !left);
  bool later = timeout_ms == UINT32_MAX || left;
  repost(wire, &wire->timeout, later ? ZX_TIME_INFINITE : async_now(wire->dispatcher) + from_ms(timeout_ms));
}

static void poll_and_settle(slirp_wire_t* wire) {
  slirp_poll_collect(&wire->poll);
  slirp_pollfds_poll(wire->slirp, 0, on_get_revents, wire);
  settle(wire);
}

static void descriptors_ready(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                              const zx_packet_signal_t* signal) {
  slirp_wire_t* wire = (void*)((char*)wait - offsetof(slirp_wire_t, wait));
  wire->waiting = false;
  if (status == ZX_OK) poll_and_settle(wire);
}

static void timeout_due(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  slirp_wire_t* wire = (void*)((char*)task - offsetof(slirp_wire_t, timeout));
  if (status == ZX_OK) poll_and_settle(wire);
}

static void drain_due(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  slirp_wire_t* wire = (void*)((char*)task - offsetof(slirp_wire_t, drain));
  if (status == ZX_OK) settle(wire);
}

// The wire

static struct in6_addr address6(uint8_t last) {
  struct in6_addr address = {.s6_addr = {0xfe, 0xc0}};
  address.s6_addr[15] = last;
  return address;
}

static zx_status_t slirp_wire_start(wire_t* base, const wire_events_t* events, void* context) {
  slirp_wire_t* wire = (slirp_wire_t*)base;
  wire->events = events;
  wire->context = context;
  SlirpConfig config = {
      .version = 4,
      .in_enabled = true,
      .vnetwork.s_addr = htonl(0x0a000200),
      .vnetmask.s_addr = htonl(0xffffff00),
      .vhost.s_addr = htonl(0x0a000202),
      .vdhcp_start.s_addr = htonl(0x0a00020f),
      .vnameserver.s_addr = htonl(0x0a000203),
      .in6_enabled = true,
      .vprefix_addr6 = address6(0),
      .vprefix_len = 64,
      .vhost6 = address6(2),
      .vnameserver6 = address6(3),
      .vhostname = "jacinth",
      .if_mtu = wire->config.mtu,
      .if_mru = wire->config.mtu,
      .disable_host_loopback = !wire->config.host_loopback,
  };
  wire->slirp = slirp_new(&config, &callbacks, wire);
  if (!wire->slirp) return ZX_ERR_NO_RESOURCES;
  events->status(context, true);
  settle(wire);
  return ZX_OK;
}

// A run of segments is to libslirp, in which the connection ends, one long segment: all that is missing is
// its checksum.
static zx_status_t slirp_wire_send(wire_t* base, const offload_header_t* header, const uint8_t* frame,
                                   size_t length) {
  slirp_wire_t* wire = (slirp_wire_t*)base;
  if (length > sizeof(wire->scratch)) return ZX_ERR_OUT_OF_RANGE;
  memcpy(wire->scratch, frame, length);
  if (header->flags & OFFLOAD_NEEDS_CHECKSUM) {
    uint8_t* start = wire->scratch + header->checksum_start;
    uint16_t sum = checksum_finish(checksum_add(0, start, length - header->checksum_start));
    checksum_put(start + header->checksum_offset, sum ? sum : 0xffff);
  }
  slirp_input(wire->slirp, wire->scratch, (int)length);
  return ZX_OK;
}

static void slirp_wire_settle(wire_t* base) {
  settle((slirp_wire_t*)base);
}

static void slirp_wire_destroy(wire_t* base) {
  slirp_wire_t* wire = (slirp_wire_t*)base;
  watch(wire, false);
  zx_handle_close(wire->wait.object);
  async_cancel_task(wire->dispatcher, &wire->timeout);
  async_cancel_task(wire->dispatcher, &wire->drain);
  if (wire->slirp) slirp_cleanup(wire->slirp);
  slirp_poll_deinit(&wire->poll);
  frame_queue_deinit(&wire->queue);
  free(wire);
}

static const wire_ops_t slirp_wire_ops = {
    .start = slirp_wire_start,
    .send = slirp_wire_send,
    .send_done = slirp_wire_settle,
    .resume = slirp_wire_settle,
    .destroy = slirp_wire_destroy,
};

zx_status_t slirp_wire_create(async_dispatcher_t* dispatcher, const slirp_wire_config_t* config,
                              wire_t** out) {
  if (config->mtu < SLIRP_WIRE_MTU_MIN || config->mtu > SLIRP_WIRE_MTU_MAX) return ZX_ERR_INVALID_ARGS;
  slirp_wire_t* wire = calloc(1, sizeof(*wire));
  if (!wire) return ZX_ERR_NO_MEMORY;
  wire->base.ops = &slirp_wire_ops;
  wire->dispatcher = dispatcher;
  wire->config = *config;
  wire->timeout.handler = timeout_due;
  wire->drain.handler = drain_due;
  wire->base.transmit_offloads = OFFLOAD_CHECKSUM | OFFLOAD_TSO;
  zx_handle_t wrapped = ZX_HANDLE_INVALID;
  zx_status_t status = slirp_poll_init(&wire->poll);
  if (status == ZX_OK) status = slirp_poll_wrap(&wire->poll, &wrapped);
  wire->wait = (async_wait_t){.handler = descriptors_ready, .object = wrapped, .trigger = ZX_OBJECT_READABLE};
  if (status == ZX_OK && !frame_queue_init(&wire->queue, QUEUE_BYTES)) status = ZX_ERR_NO_MEMORY;
  if (status != ZX_OK) {
    slirp_wire_destroy(&wire->base);
    return status;
  }
  *out = &wire->base;
  return ZX_OK;
}
