// The TAP wire; see tap.h and wire.h. One read or write moves one frame, which with offloads may be a run of
// segments of up to 64 KB. While the device can't receive, nothing is read, so that frames wait in the
// kernel's queue.
//
// The descriptor is waited for as an object, in the loop's port: beside FIFOs and channels that costs no
// system call of its own.
//
// The kernel takes any header that we write before a frame and checks it itself. What it may put before the
// frames that we read is said with TUNSETOFFLOAD, at any time.
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <lib/async/wait.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

// After so many bytes the clients are told of them, while more are taken: so that both work at the same time,
// on what is still in the cache.
enum { TELL_BYTES = 192 << 10 };

// Linux 6.2; older headers lack the names.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define PROBE_INTERVAL 8

typedef struct tap_wire {
  wire_t base;
  async_dispatcher_t* dispatcher;
  const wire_events_t* events;
  void* context;
  int fd;
  async_wait_t wait;  // of the same descriptor, wrapped
  bool waiting;
  bool streams;  // the last time frames came together
  bool lost;
  uint8_t wake_ups;
  offload_header_t header;  // of the frame in `buffer`
  uint8_t* buffer;          // one frame of up to WIRE_FRAME_MAX
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
  if (wanted == wire->waiting) return;
  if (wanted) {
    wire->waiting = async_begin_wait(wire->dispatcher, &wire->wait) == ZX_OK;
  } else {
    async_cancel_wait(wire->dispatcher, &wire->wait);
    wire->waiting = false;
  }
}

// The TAP device has been removed from under the descriptor.
static void lost(tap_wire_t* wire) {
  wire->lost = true;
  wire->events->status(wire->context, false);
  wire->events->lost(wire->context);
}

// Whether a read's error tells of one frame at most (EINVAL: its header cannot say what it is), or of the
// moment.
static bool passes(int error) {
  return error == EAGAIN || error == EINVAL || error == ENOMEM || error == ENOBUFS;
}

// Reads one frame and its header into `parts`. Returns the frame's length, 0 if there is none.
static size_t read_parts(tap_wire_t* wire, const struct iovec* parts, size_t count) {
  ssize_t length;
  do {
    length = readv(wire->fd, parts, (int)count);
  } while (length < 0 && errno == EINTR);
  if (length < 0 && !passes(errno)) lost(wire);
  return length > (ssize_t)sizeof(wire->header) ? (size_t)length - sizeof(wire->header) : 0;
}

// Gathers a frame of several parts in our own buffer, the last of them.
static void gather(tap_wire_t* wire, const struct iovec* parts, size_t count, size_t length) {
  size_t before = 0;
  for (size_t i = 1; i + 1 < count; i++)
    before += parts[i].iov_len;
  memmove(wire->buffer + before, wire->buffer, length - before);
  for (size_t i = 1, at = 0; i + 1 < count; at += parts[i++].iov_len)
    memcpy(wire->buffer + at, parts[i].iov_base, parts[i].iov_len);
}

// Takes one frame from the kernel to the device: straight to the place that the device has for it, or through
// our buffer if there is none, or the frame is longer. Returns its length, 0 if there was none.
static size_t take_frame(tap_wire_t* wire) {
  struct iovec parts[4] = {{&wire->header, sizeof(wire->header)}};
  size_t placed = wire->events->place(wire->context, &parts[1]), room = 0;
  for (size_t i = 0; i < placed; i++)
    room += parts[1 + i].iov_len;
  size_t count = 1 + placed;
  if (room < WIRE_FRAME_MAX) parts[count++] = (struct iovec){wire->buffer, WIRE_FRAME_MAX - room};
  size_t length = read_parts(wire, parts, count);
  if (length == 0) return 0;
  if (placed > 0 && length <= room) {
    wire->events->placed(wire->context, &wire->header, length);
  } else {
    if (placed > 0) gather(wire, parts, count, length);
    wire->events->receive(wire->context, &wire->header, wire->buffer, length);
  }
  return length;
}

// Whether to try for one more frame after the first: the read that finds none is not free, and what it would
// have found is told at once. So only while frames come together, and now and then to find out.
static bool try_more(tap_wire_t* wire) {
  return wire->streams || wire->wake_ups++ % PROBE_INTERVAL == 0;
}

// Returns whether to go on waiting.
static bool take_frames(tap_wire_t* wire) {
  unsigned received = 0;
  size_t length, bytes = 0;  // that the clients have not been told of
  bool open = true;
  while (received < WIRE_BATCH) {
    open = wire->events->can_receive(wire->context);
    if (!open || (received == 1 && !try_more(wire)) || (length = take_frame(wire)) == 0) break;
    received++;
    bytes += length;
    if (bytes < TELL_BYTES) continue;
    wire->events->receive_done(wire->context);
    bytes = 0;
  }
  wire->streams = received > 1;
  if (bytes > 0) wire->events->receive_done(wire->context);
  return open && !wire->lost;
}

static void frames_ready(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                         const zx_packet_signal_t* signal) {
  tap_wire_t* wire = (void*)((char*)wait - offsetof(tap_wire_t, wait));
  wire->waiting = false;
  if (status == ZX_OK && take_frames(wire)) watch(wire, true);
}

static zx_status_t tap_wire_start(wire_t* base, const wire_events_t* events, void* context) {
  tap_wire_t* wire = (tap_wire_t*)base;
  wire->events = events;
  wire->context = context;
  watch(wire, true);
  if (!wire->waiting) return ZX_ERR_NO_RESOURCES;
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
  tap_wire_t* wire = (tap_wire_t*)base;
  if (!wire->lost) watch(wire, true);
}

static void tap_wire_destroy(wire_t* base) {
  tap_wire_t* wire = (tap_wire_t*)base;
  watch(wire, false);
  zx_handle_close(wire->wait.object);
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

// Wraps a copy of the descriptor, so that it can be waited for.
static zx_status_t wrap_copy(int fd, zx_handle_t* out) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return copy < 0 ? ZX_ERR_NO_RESOURCES : zx_linux_fd_wrap(copy, out);
}

zx_status_t tap_wire_create(async_dispatcher_t* dispatcher, int fd, bool offloads, wire_t** out) {
  zx_handle_t wrapped = ZX_HANDLE_INVALID;
  tap_wire_t* wire = calloc(1, sizeof(*wire));
  uint8_t* buffer = malloc(WIRE_FRAME_MAX);
  zx_status_t status = ZX_ERR_NO_MEMORY;
  if (!wire || !buffer) goto fail;
  int flags = fcntl(fd, F_GETFL);
  status = ZX_ERR_INVALID_ARGS;
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) goto fail;
  status = wrap_copy(fd, &wrapped);
  if (status != ZX_OK) goto fail;
  wire->base.ops = &tap_wire_ops;
  wire->dispatcher = dispatcher;
  wire->fd = fd;
  wire->buffer = buffer;
  wire->wait = (async_wait_t){
      .handler = frames_ready, .object = wrapped, .trigger = ZX_OBJECT_READABLE | ZX_OBJECT_PEER_CLOSED};
  // The device may be an old one that others have used before.
  int header_bytes = (int)sizeof(wire->header);
  (void)ioctl(fd, TUNSETVNETHDRSZ, &header_bytes);
  if (offloads) wire->base.transmit_offloads = wire->base.receive_offloads = find_offloads(wire);
  (void)tell_kernel(wire, 0);
  *out = &wire->base;
  return ZX_OK;

fail:
  free(wire);
  free(buffer);
  if (fd >= 0) close(fd);
  return status;
}
