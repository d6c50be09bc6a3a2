// One end of a kernel stream pair as a zx socket: the same calls, over a descriptor that programs also read,
// write, poll, duplicate and pass on by themselves. The kernel keeps all state; nothing is shared in memory.
#include "runtime/zx/linux_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls/handle.h>
#include <zircon/syscalls/socket.h>

#include "runtime/zx/handle.h"
#include "runtime/zx/transfer.h"

struct linux_socket {
  struct zx_object base;
  int fd;
};

static int fd_of(const struct zx_object* object) {
  return ((const struct linux_socket*)object)->fd;
}

// Nothing is known without asking the kernel.
static zx_signals_t linux_socket_peek(struct zx_object* object) {
  return object->user_signals;
}

static zx_signals_t linux_socket_arm(struct zx_object* object, zx_signals_t want, short* events) {
  if (want & ZX_SOCKET_READABLE) *events |= POLLIN;
  if (want & ZX_SOCKET_WRITABLE) *events |= POLLOUT;
  if (want & (ZX_SOCKET_PEER_WRITE_DISABLED | ZX_SOCKET_READABLE)) *events |= POLLRDHUP;
  return object->user_signals;
}

// POLLIN also says that the end of the stream has been reached, which is not READABLE.
static bool holds_bytes(int fd) {
  int count = 0;
  return ioctl(fd, FIONREAD, &count) == 0 && count > 0;
}

static zx_signals_t linux_socket_ready(struct zx_object* object, zx_signals_t want, short revents) {
  zx_signals_t signals = object->user_signals;
  bool closed = revents & (POLLHUP | POLLERR);
  bool ended = closed || (revents & POLLRDHUP);
  if ((revents & POLLIN) && (!ended || holds_bytes(fd_of(object)))) signals |= ZX_SOCKET_READABLE;
  if ((revents & POLLOUT) && !closed) signals |= ZX_SOCKET_WRITABLE;
  if (ended) signals |= ZX_SOCKET_PEER_WRITE_DISABLED;
  if (closed) signals |= ZX_SOCKET_PEER_CLOSED;
  return signals;
}

static bool linux_socket_knows(const struct zx_object* object, short polled) {
  return (polled & POLLIN) && (polled & POLLOUT);
}

static zx_status_t linux_socket_pack(struct zx_object* object, bool moves, struct wire_handle* wire,
                                     int fds[OBJECT_MAX_FDS], unsigned* num_fds) {
  fds[0] = fd_of(object);
  *num_fds = 1;
  return ZX_OK;
}

static void linux_socket_destroy(struct zx_object* object) {
  if (fd_of(object) >= 0) close(fd_of(object));  // else unwrapped
  free(object);
}

static const struct object_ops linux_socket_ops = {
    .type = ZX_OBJ_TYPE_SOCKET,
    .rights = ZX_DEFAULT_SOCKET_RIGHTS,
    .signal_mask = ZX_USER_SIGNAL_ALL,
    .waitable = true,
    .peek = linux_socket_peek,
    .arm = linux_socket_arm,
    .ready = linux_socket_ready,
    .knows = linux_socket_knows,
    .pack = linux_socket_pack,
    .destroy = linux_socket_destroy,
};

bool linux_socket_is(const struct zx_object* object) {
  return object->ops == &linux_socket_ops;
}

static bool is_stream(int fd) {
  int type = 0;
  int domain = 0;
  socklen_t length = sizeof(int);
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM &&
         getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX;
}

zx_status_t linux_socket_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out) {
  struct linux_socket* object = is_stream(fds[0]) ? malloc(sizeof(*object)) : NULL;
  if (!object) {
    zx_status_t status = is_stream(fds[0]) ? ZX_ERR_NO_MEMORY : ZX_ERR_WRONG_TYPE;
    close(fds[0]);
    return status;
  }
  object_init(&object->base, &linux_socket_ops, fds[0]);
  object->fd = fds[0];
  *out = &object->base;
  return ZX_OK;
}

zx_status_t zx_linux_socket_wrap(int fd, zx_handle_t* out) {
  if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return ZX_ERR_INVALID_ARGS;
  struct zx_object* object;
  zx_status_t status = linux_socket_unpack(NULL, &fd, &object);
  if (status != ZX_OK) return status;
  return handle_create(object, ZX_DEFAULT_SOCKET_RIGHTS, out);
}

zx_status_t zx_linux_socket_unwrap(zx_handle_t handle, int* out_fd) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_SOCKET, 0, &object, NULL);
  if (status != ZX_OK) {
    zx_handle_close(handle);
    return status;
  }
  int fd = -1;
  status = ZX_ERR_WRONG_TYPE;
  zx_handle_close(handle);
  if (linux_socket_is(object)) {
    if (atomic_load_explicit(&object->refs, memory_order_acquire) == 1) {  // nobody else can come by it
      fd = fd_of(object);
      ((struct linux_socket*)object)->fd = -1;
    } else {
      fd = fcntl(fd_of(object), F_DUPFD_CLOEXEC, 0);
    }
    status = fd < 0 ? ZX_ERR_NO_RESOURCES : ZX_OK;
  }
  object_unref(object);
  if (status == ZX_OK) *out_fd = fd;
  return status;
}

// Calls. What the kernel answers, in Zircon's words.

static zx_status_t last_error(void) {
  switch (errno) {
    case EAGAIN:
      return ZX_ERR_SHOULD_WAIT;
    case ECONNRESET:
      return ZX_ERR_PEER_CLOSED;
    case ENOMEM:
    case ENOBUFS:
      return ZX_ERR_NO_MEMORY;
    case EFAULT:
      return ZX_ERR_INVALID_ARGS;
    default:
      return ZX_ERR_INTERNAL;
  }
}

static bool peer_closed(int fd) {
  struct pollfd pollfd = {.fd = fd};
  return poll(&pollfd, 1, 0) == 1 && (pollfd.revents & (POLLHUP | POLLERR));
}

zx_status_t linux_socket_write(struct zx_object* object, const void* buffer, size_t size, size_t* actual) {
  int fd = fd_of(object);
  *actual = 0;
  if (!size) return peer_closed(fd) ? ZX_ERR_PEER_CLOSED : ZX_OK;
  ssize_t count = send(fd, buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0 && errno == EPIPE) return peer_closed(fd) ? ZX_ERR_PEER_CLOSED : ZX_ERR_BAD_STATE;
  if (count < 0) return last_error();
  *actual = (size_t)count;
  return ZX_OK;
}

zx_status_t linux_socket_read(struct zx_object* object, bool peek, void* buffer, size_t size,
                              size_t* actual) {
  int fd = fd_of(object);
  *actual = 0;
  if (!size && holds_bytes(fd)) return ZX_OK;
  char byte;  // a read of nothing still tells the state
  ssize_t count =
      recv(fd, size ? buffer : &byte, size ? size : 1, MSG_DONTWAIT | (peek || !size ? MSG_PEEK : 0));
  if (count < 0) return last_error();
  if (count == 0) return peer_closed(fd) ? ZX_ERR_PEER_CLOSED : ZX_ERR_BAD_STATE;
  *actual = size ? (size_t)count : 0;
  return ZX_OK;
}

zx_status_t linux_socket_set_disposition(struct zx_object* object, uint32_t own, uint32_t peer) {
  if (own > ZX_SOCKET_DISPOSITION_WRITE_ENABLED || peer > ZX_SOCKET_DISPOSITION_WRITE_ENABLED)
    return ZX_ERR_INVALID_ARGS;
  // What the kernel has shut down stays so.
  if (own == ZX_SOCKET_DISPOSITION_WRITE_ENABLED || peer == ZX_SOCKET_DISPOSITION_WRITE_ENABLED)
    return ZX_ERR_NOT_SUPPORTED;
  int fd = fd_of(object);
  if (peer && peer_closed(fd)) return ZX_ERR_PEER_CLOSED;
  if (own && shutdown(fd, SHUT_WR) != 0) return last_error();
  if (peer && shutdown(fd, SHUT_RD) != 0) return last_error();
  return ZX_OK;
}

void linux_socket_info(struct zx_object* object, zx_info_socket_t* out) {
  int fd = fd_of(object);
  int queued = 0;
  int unread = 0;
  int limit = 0;
  socklen_t length = sizeof(limit);
  *out = (zx_info_socket_t){.options = ZX_SOCKET_STREAM};
  if (ioctl(fd, FIONREAD, &queued) == 0 && queued > 0) out->rx_buf_size = (size_t)queued;
  out->rx_buf_available = out->rx_buf_size;
  if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &limit, &length) != 0 || limit < 0) return;
  out->rx_buf_max = (size_t)limit;
  if (peer_closed(fd)) return;
  out->tx_buf_max = (size_t)limit;
  if (ioctl(fd, TIOCOUTQ, &unread) == 0 && unread > 0) out->tx_buf_size = (size_t)unread;
}
