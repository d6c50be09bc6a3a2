// The TAP wire; see tap.h and wire.h. One read or write moves one frame. While the device can't receive,
// nothing is read, so that frames wait in the kernel's queue.
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <lib/async/fd.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct tap_wire {
  wire_t base;
  async_dispatcher_t* dispatcher;
  const wire_events_t* events;
  void* context;
  int fd;
  async_fd_t watch;
  bool watching;
  uint8_t* buffer;  // one frame
  size_t buffer_bytes;
} tap_wire_t;

static void watch(tap_wire_t* wire, bool wanted) {
  if (wanted == wire->watching) return;
  if (wanted) {
    wire->watching = async_begin_fd(wire->dispatcher, &wire->watch) == ZX_OK;
  } else {
    async_cancel_fd(wire->dispatcher, &wire->watch);
    wire->watching = false;
  }
}

// The TAP device has been removed from under the descriptor.
static void lost(tap_wire_t* wire) {
  watch(wire, false);
  wire->events->status(wire->context, false);
  wire->events->lost(wire->context);
}

// Reads one frame into the buffer. Returns its length, 0 if there is none.
static size_t read_frame(tap_wire_t* wire) {
  ssize_t length;
  do {
    length = read(wire->fd, wire->buffer, wire->buffer_bytes);
  } while (length < 0 && errno == EINTR);
  if (length < 0 && errno != EAGAIN) lost(wire);
  return length > 0 ? (size_t)length : 0;
}

static void frames_ready(async_dispatcher_t* dispatcher, async_fd_t* fd, zx_status_t status, short events) {
  tap_wire_t* wire = (void*)((char*)fd - offsetof(tap_wire_t, watch));
  if (status != ZX_OK) {
    wire->watching = false;
    return;
  }
  unsigned received = 0;
  size_t length;
  while (received < WIRE_BATCH) {
    if (!wire->events->can_receive(wire->context)) {
      watch(wire, false);
      break;
    }
    if ((length = read_frame(wire)) == 0) break;
    wire->events->receive(wire->context, wire->buffer, length);
    received++;
  }
  if (received > 0) wire->events->receive_done(wire->context);
}

static zx_status_t tap_wire_start(wire_t* base, const wire_events_t* events, void* context) {
  tap_wire_t* wire = (tap_wire_t*)base;
  wire->events = events;
  wire->context = context;
  watch(wire, true);
  if (!wire->watching) return ZX_ERR_NO_RESOURCES;
  events->status(context, true);
  return ZX_OK;
}

static zx_status_t tap_wire_send(wire_t* base, const uint8_t* frame, size_t length) {
  tap_wire_t* wire = (tap_wire_t*)base;
  ssize_t written;
  do {
    written = write(wire->fd, frame, length);
  } while (written < 0 && errno == EINTR);
  return written == (ssize_t)length ? ZX_OK : ZX_ERR_IO;  // EIO: the interface is down
}

static void tap_wire_send_done(wire_t* base) {
  // Each frame went out by itself.
}

static void tap_wire_resume(wire_t* base) {
  watch((tap_wire_t*)base, true);
}

static void tap_wire_destroy(wire_t* base) {
  tap_wire_t* wire = (tap_wire_t*)base;
  watch(wire, false);
  close(wire->fd);
  free(wire->buffer);
  free(wire);
}

static const wire_ops_t tap_wire_ops = {
    .start = tap_wire_start,
    .send = tap_wire_send,
    .send_done = tap_wire_send_done,
    .resume = tap_wire_resume,
    .destroy = tap_wire_destroy,
};

zx_status_t tap_wire_create(async_dispatcher_t* dispatcher, int fd, uint32_t mtu, wire_t** out) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    close(fd);
    return ZX_ERR_INVALID_ARGS;
  }
  tap_wire_t* wire = calloc(1, sizeof(*wire));
  size_t bytes = mtu + ETHERNET_HEADER_BYTES + ETHERNET_VLAN_TAG_BYTES +
                 1;  // a frame that was cut is seen to be too long
  uint8_t* buffer = malloc(bytes);
  if (!wire || !buffer) {
    free(wire);
    free(buffer);
    close(fd);
    return ZX_ERR_NO_MEMORY;
  }
  wire->base.ops = &tap_wire_ops;
  wire->dispatcher = dispatcher;
  wire->fd = fd;
  wire->buffer = buffer;
  wire->buffer_bytes = bytes;
  wire->watch = (async_fd_t){.handler = frames_ready, .fd = fd, .events = POLLIN};
  *out = &wire->base;
  return ZX_OK;
}
