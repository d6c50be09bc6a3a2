// Packets on a SOCK_SEQPACKET socket; see packet.h.
#include "runtime/zx/packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/zx/scratch.h"

_Static_assert(SCRATCH_BYTES >= PACKET_MAX_BYTES, "any packet fits the scratch buffer");

// Room for the descriptors, and for credentials and labels that a peer may have asked the kernel to add.
#define CONTROL_BYTES (CMSG_SPACE(253 * sizeof(int)) + 512)

union control {
  struct cmsghdr align;
  char bytes[CONTROL_BYTES];
};

static zx_status_t send_error(int error) {
  switch (error) {
    case EAGAIN:
      return ZX_ERR_SHOULD_WAIT;
    case EFAULT:
      return ZX_ERR_INVALID_ARGS;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
    case ECONNREFUSED:
      return ZX_ERR_PEER_CLOSED;
    case ENOMEM:
    case ENOBUFS:
      return ZX_ERR_NO_MEMORY;
    default:
      return ZX_ERR_NO_RESOURCES;  // ETOOMANYREFS: too many descriptors in flight
  }
}

static void attach(struct msghdr* message, union control* control, const int* fds, unsigned num_fds) {
  message->msg_control = control->bytes;
  message->msg_controllen = CMSG_SPACE(num_fds * sizeof(int));
  struct cmsghdr* cmsg = CMSG_FIRSTHDR(message);
  cmsg->cmsg_level = SOL_SOCKET;
  cmsg->cmsg_type = SCM_RIGHTS;
  cmsg->cmsg_len = CMSG_LEN(num_fds * sizeof(int));
  memcpy(CMSG_DATA(cmsg), fds, num_fds * sizeof(int));
}

zx_status_t packet_send(int socket, struct packet_header* header, struct iovec* iov, size_t iov_count,
                        const struct packet_handles* handles) {
  union control control;
  iov[0] = (struct iovec){.iov_base = header, .iov_len = sizeof(*header)};
  struct msghdr message = {.msg_iov = iov, .msg_iovlen = iov_count - 1};
  header->num_handles = 0;
  if (handles && handles->count) {
    header->num_handles = (uint16_t)handles->count;
    iov[iov_count - 1].iov_base = (void*)(uintptr_t)handles->wires;
    iov[iov_count - 1].iov_len = handles->count * sizeof(struct wire_handle);
    message.msg_iovlen = iov_count;
  }
  if (handles && handles->num_fds) attach(&message, &control, handles->fds, handles->num_fds);
  for (;;) {
    if (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return ZX_OK;
    if (errno != EINTR) return send_error(errno);
  }
}

void packet_copy_handles(struct packet_handles* to, const struct packet_handles* from) {
  to->count = from->count;
  to->num_fds = from->num_fds;
  memcpy(to->wires, from->wires, from->count * sizeof(from->wires[0]));
  memcpy(to->fds, from->fds, from->num_fds * sizeof(from->fds[0]));
}

void packet_close_fds(struct packet_handles* handles) {
  for (unsigned i = 0; i < handles->num_fds; i++)
    close(handles->fds[i]);
  handles->num_fds = 0;
}

// Takes the descriptors out of the control data. Any that we did not ask for is closed.
static bool collect_fds(struct msghdr* message, struct packet_handles* out) {
  bool fits = true;
  for (struct cmsghdr* cmsg = CMSG_FIRSTHDR(message); cmsg; cmsg = CMSG_NXTHDR(message, cmsg)) {
    if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type == SCM_CREDENTIALS) continue;
    bool ours = cmsg->cmsg_type == SCM_RIGHTS;
    if (!ours && cmsg->cmsg_type != 0x04 /* SCM_PIDFD, newer than our headers */) continue;
    size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
      if (fd < 0) continue;
      if (ours && out->num_fds < PACKET_MAX_FDS) {
        out->fds[out->num_fds++] = fd;
      } else {
        close(fd);
        if (ours) fits = false;
      }
    }
  }
  return fits;
}

// Copies `size` bytes at `offset` of the packet's bytes, which lie first in `bytes`, then in `scratch`.
static void gather(const void* bytes, uint32_t capacity, const void* scratch, size_t offset, void* out,
                   size_t size) {
  size_t first = 0;
  if (offset < capacity) {
    first = capacity - offset < size ? capacity - offset : size;
    memcpy(out, (const char*)bytes + offset, first);
  }
  if (first < size)
    memcpy((char*)out + first, (const char*)scratch + (offset + first - capacity), size - first);
}

static bool has_good_flags(const struct packet_header* header) {
  bool bare = !header->num_handles && !header->num_bytes;
  switch (header->flags) {
    case 0:
      return true;
    case PACKET_WITH_OFFER:
      return header->kind == PACKET_MESSAGE && !header->num_handles;
    case PACKET_LOST:
      return bare && (header->kind == PACKET_MESSAGE || header->kind == PACKET_FDS);
    default:
      return false;
  }
}

// Checks that header, length and descriptors agree, and takes out the handles' descriptions. `truncated`:
// descriptors may be missing.
static bool take_handles(struct packet* packet, size_t length, const void* bytes, uint32_t capacity,
                         const void* scratch, bool truncated) {
  const struct packet_header* header = &packet->header;
  if (length < sizeof(*header)) return false;
  if (header->kind < PACKET_MESSAGE || header->kind > PACKET_BELL) return false;
  if (header->kind > PACKET_SIGNAL && header->num_bytes) return false;
  if (header->num_bytes > ZX_CHANNEL_MAX_MSG_BYTES || header->num_handles > ZX_CHANNEL_MAX_MSG_HANDLES)
    return false;
  bool may_have_handles = header->kind == PACKET_MESSAGE || header->kind == PACKET_FDS;
  if (!has_good_flags(header) || (header->num_handles && !may_have_handles)) return false;
  size_t wires = header->num_handles * sizeof(struct wire_handle);
  if (length != sizeof(*header) + header->num_bytes + wires) return false;
  packet->handles.count = header->num_handles;
  unsigned num_fds = header->flags == PACKET_WITH_OFFER ? 1 : 0;
  if (wires) gather(bytes, capacity, scratch, header->num_bytes, packet->handles.wires, wires);
  for (unsigned i = 0; i < packet->handles.count; i++)
    num_fds += packet->handles.wires[i].num_fds;
  packet->lost = header->flags == PACKET_LOST || (wires && packet->handles.num_fds < num_fds);
  return packet->handles.num_fds == num_fds || (truncated && packet->handles.num_fds < num_fds);
}

int packet_peek_kind(int socket) {
  uint8_t kind;
  return recv(socket, &kind, sizeof(kind), MSG_PEEK | MSG_DONTWAIT) == 1 ? kind : -1;
}

static ssize_t receive(int socket, struct msghdr* message, int flags) {
  for (int resets = 0;;) {
    ssize_t length = recvmsg(socket, message, flags | MSG_CMSG_CLOEXEC);
    if (length >= 0) return length;
    // A peer that closes with messages of ours unread leaves ECONNRESET to be read once, before what it sent.
    if (errno == ECONNRESET && resets++ < 2) continue;
    if (errno != EINTR) return -1;
  }
}

zx_status_t packet_receive(int socket, void* bytes, uint32_t capacity, void* scratch, int flags,
                           struct packet* out) {
  union control control;
  struct iovec iov[3] = {{.iov_base = &out->header, .iov_len = sizeof(out->header)},
                         {.iov_base = bytes, .iov_len = capacity},
                         {.iov_base = scratch, .iov_len = SCRATCH_BYTES}};
  struct msghdr message = {.msg_iov = iov,
                           .msg_iovlen = scratch ? 3 : 2,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};
  ssize_t length = receive(socket, &message, flags);
  if (length < 0)
    return errno == EAGAIN ? ZX_ERR_SHOULD_WAIT : errno == EFAULT ? ZX_ERR_INVALID_ARGS : ZX_ERR_PEER_CLOSED;
  out->handles.num_fds = 0;
  bool good = true;
  if (message.msg_controllen) good = collect_fds(&message, &out->handles);
  if (length == 0 && !out->handles.num_fds) return ZX_ERR_PEER_CLOSED;
  bool truncated = message.msg_flags & MSG_CTRUNC;
  out->lost = false;
  if (!good || (message.msg_flags & MSG_TRUNC) ||
      !take_handles(out, (size_t)length, bytes, capacity, scratch, truncated)) {
    packet_close_fds(&out->handles);
    return ZX_ERR_IO_DATA_INTEGRITY;
  }
  if (!out->lost) return ZX_OK;
  packet_close_fds(&out->handles);
  out->handles.count = 0;
  return ZX_ERR_NO_RESOURCES;
}
