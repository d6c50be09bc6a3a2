// The TAP wire; see tap.h and wire.h. One read or write moves one frame, which with offloads may be a run of
// segments of up to 64 KB. While the device can't receive, nothing is read, so that frames wait in the
// kernel's queue.
//
// The kernel takes any header that we write before a frame and checks it itself. What it may put before the
// frames that we read is said with TUNSETOFFLOAD, at any time.
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <lib/async/fd.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

// Linux 6.2; older headers lack the names.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

typedef struct tap_wire {
  wire_t base;
  async_dispatcher_t* dispatcher;
  const wire_events_t* events;
  void* context;
  int fd;
  async_fd_t watch;
  bool watching;
  offload_header_t header;  // of the frame in `buffer`
  uint8_t* buffer;          // one frame
  size_t buffer_bytes;
} tap_wire_t;

static bool tell_kernel(const tap_wire_t* wire, uint32_t offloads) {
  unsigned long flags = 0;
  if (offloads & OFFLOAD_CHECKSUM) flags |= TUN_F_CSUM;
  if (offloads & OFFLOAD_TSO) flags |= TUN_F_TSO4 | TUN_F_TSO6;
  if (offloads & OFFLOAD_USO) flags |= TUN_F_USO4 | TUN_F_USO6;
  return ioctl(wire->fd, TUNSETOFFLOAD, flags) == 0;
}

// What this kernel can do with TAP devices. A kernel that doesn't know datagrams in runs refuses to be asked
// for them, and doesn't take them either.
static uint32_t find_offloads(const tap_wire_t* wire) {
  const uint32_t choices[] = {OFFLOAD_ALL, OFFLOAD_CHECKSUM | OFFLOAD_TSO, OFFLOAD_CHECKSUM};
  for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
    if (tell_kernel(wire, choices[i])) return choices[i];
  }
  return 0;
}

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

// Reads one frame and its header. Returns the frame's length, 0 if there is none.
static size_t read_frame(tap_wire_t* wire) {
  const struct iovec parts[] = {{&wire->header, sizeof(wire->header)}, {wire->buffer, wire->buffer_bytes}};
  ssize_t length;
  do {
    length = readv(wire->fd, parts, 2);
  } while (length < 0 && errno == EINTR);
  if (length < 0 && errno != EAGAIN) lost(wire);
  return length > (ssize_t)sizeof(wire->header) ? (size_t)length - sizeof(wire->header) : 0;
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
    wire->events->receive(wire->context, &wire->header, wire->buffer, length);
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

static zx_status_t tap_wire_send(wire_t* base, const offload_header_t* header, const uint8_t* frame,
                                 size_t length) {
  tap_wire_t* wire = (tap_wire_t*)base;
  const struct iovec parts[] = {{(void*)(uintptr_t)header, sizeof(*header)},
                                {(void*)(uintptr_t)frame, length}};
  ssize_t written;
  do {
    written = writev(wire->fd, parts, 2);
  } while (written < 0 && errno == EINTR);
  // EIO: the interface is down. EINVAL: the frame isn't what its header says.
  return written == (ssize_t)(sizeof(*header) + length) ? ZX_OK : ZX_ERR_IO;
}

static void tap_wire_accept(wire_t* base, uint32_t offloads) {
  (void)tell_kernel((tap_wire_t*)base, offloads);
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
    .accept = tap_wire_accept,
    .resume = tap_wire_resume,
    .destroy = tap_wire_destroy,
};

zx_status_t tap_wire_create(async_dispatcher_t* dispatcher, int fd, bool offloads, wire_t** out) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    close(fd);
    return ZX_ERR_INVALID_ARGS;
  }
  tap_wire_t* wire = calloc(1, sizeof(*wire));
  uint8_t* buffer = malloc(WIRE_FRAME_MAX);
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
  wire->buffer_bytes = WIRE_FRAME_MAX;
  wire->watch = (async_fd_t){.handler = frames_ready, .fd = fd, .events = POLLIN};
  // The device may be an old one that others have used before.
  int header_bytes = (int)sizeof(wire->header);
  (void)ioctl(fd, TUNSETVNETHDRSZ, &header_bytes);
  if (offloads) wire->base.transmit_offloads = wire->base.receive_offloads = find_offloads(wire);
  (void)tell_kernel(wire, 0);
  *out = &wire->base;
  return ZX_OK;
}
