// The C library's names for sockets: <sys/socket.h>.
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <zircon/errors.h>
#include <zircon/syscalls.h>

#include "fdio.h"
#include "names.h"

// <sys/socket.h> declares addresses as unions of all their types, which ISO C does not know.
#pragma GCC diagnostic ignored "-Wpedantic"

void __chk_fail(void) __attribute__((noreturn));

// Making

FDIO_EXPORT int socket(int domain, int type, int protocol) {
  if ((domain != AF_INET && domain != AF_INET6) || !fdio_active()) return libc_socket(domain, type, protocol);
  return fdio_socket_open(domain, type, protocol);
}

// Names and connections

FDIO_EXPORT int bind(int fd, const struct sockaddr* addr, socklen_t length) {
  FDIO_ENTER_SOCKET(call, fd, libc_bind(fd, addr, length));
  int16_t code = 0;
  zx_status_t status = zxio_socket_bind(&call.socket->zxio, addr, length, &code);
  return (int)fdio_leave(&call, zxio_code(status, &code), 0);
}

FDIO_EXPORT int connect(int fd, const struct sockaddr* addr, socklen_t length) {
  FDIO_ENTER_SOCKET(call, fd, libc_connect(fd, addr, length));
  if (call.socket->is_stream)
    return (int)fdio_leave(&call, fdio_stream_connect(call.socket, fd, addr, length), 0);
  int16_t code = 0;
  zx_status_t status = zxio_socket_connect(&call.socket->zxio, addr, length, &code);
  return (int)fdio_leave(&call, zxio_code(status, &code), 0);
}

FDIO_EXPORT int listen(int fd, int backlog) {
  FDIO_ENTER_SOCKET(call, fd, libc_listen(fd, backlog));
  return (int)fdio_leave(&call, fdio_stream_listen(call.socket, backlog), 0);
}

static int accept_socket(fdio_call_t* call, int fd, struct sockaddr* addr, socklen_t* length, int flags) {
  zxio_socket_t accepted;
  int accepted_fd = -1;
  int error = 0;
  if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) {
    error = EINVAL;
  } else if (addr && !length) {
    error = EFAULT;
  } else if (!call->socket->is_stream) {
    error = EOPNOTSUPP;
  } else {
    error = fdio_stream_accept(call->socket, fd, addr, length, &accepted, &accepted_fd);
  }
  if (!error) {
    accepted_fd = fdio_reveal(accepted_fd);
    if (accepted_fd < 0) {
      error = errno;
      zxio_socket_close(&accepted);
    } else {
      error = fdio_socket_install(&accepted, accepted_fd, flags, ZXIO_STREAM_CONNECTED);
    }
  }
  return (int)fdio_leave(call, error, accepted_fd);
}

FDIO_EXPORT int accept(int fd, struct sockaddr* addr, socklen_t* length) {
  FDIO_ENTER_SOCKET(call, fd, libc_accept(fd, addr, length));
  return accept_socket(&call, fd, addr, length, 0);
}

FDIO_EXPORT int accept4(int fd, struct sockaddr* addr, socklen_t* length, int flags) {
  FDIO_ENTER_SOCKET(call, fd, libc_accept4(fd, addr, length, flags));
  return accept_socket(&call, fd, addr, length, flags);
}

FDIO_EXPORT int shutdown(int fd, int how) {
  FDIO_ENTER_SOCKET(call, fd, libc_shutdown(fd, how));
  if (call.socket->is_stream) return (int)fdio_leave(&call, fdio_stream_shutdown(call.socket, fd, how), 0);
  int16_t code = 0;
  zx_status_t status = zxio_socket_shutdown(&call.socket->zxio, how, &code);
  return (int)fdio_leave(&call, zxio_code(status, &code), 0);
}

FDIO_EXPORT int getsockname(int fd, struct sockaddr* addr, socklen_t* length) {
  FDIO_ENTER_SOCKET(call, fd, libc_getsockname(fd, addr, length));
  int16_t code = 0;
  zx_status_t status = zxio_socket_getsockname(&call.socket->zxio, addr, length, &code);
  return (int)fdio_leave(&call, zxio_code(status, &code), 0);
}

FDIO_EXPORT int getpeername(int fd, struct sockaddr* addr, socklen_t* length) {
  FDIO_ENTER_SOCKET(call, fd, libc_getpeername(fd, addr, length));
  int16_t code = 0;
  zx_status_t status = zxio_socket_getpeername(&call.socket->zxio, addr, length, &code);
  return (int)fdio_leave(&call, zxio_code(status, &code), 0);
}

// Options

// Options of a stream that are about its descriptor's queues in the kernel only.
static bool is_kernels_option(const fdio_socket_t* socket, int level, int name) {
  return socket->is_stream && level == SOL_SOCKET && (name == SO_RCVLOWAT || name == SO_PRIORITY);
}

static void note_error(fdio_socket_t* socket, int fd, const void* value) {
  int error;
  memcpy(&error, value, sizeof(error));
  if (socket->is_stream) fdio_stream_note_error(socket, fd, error);
}

// Those that the kernel must know of, too, as it is the one who waits once the stream is connected, and for
// datagrams of the fast kind, or buffers.
static bool is_shared_option(const fdio_socket_t* socket, int level, int name) {
  bool connected = atomic_load_explicit(&socket->state, memory_order_relaxed) == ZXIO_STREAM_CONNECTED;
  if (level != SOL_SOCKET) return false;
  if (socket->is_fast) return name == SO_RCVTIMEO || name == SO_SNDTIMEO;
  return socket->is_stream && (name == SO_RCVTIMEO || name == SO_SNDTIMEO || name == SO_OOBINLINE ||
                               (name == SO_SNDBUF && connected));
}

FDIO_EXPORT int getsockopt(int fd, int level, int name, void* value, socklen_t* length) {
  FDIO_ENTER_SOCKET(call, fd, libc_getsockopt(fd, level, name, value, length));
  int16_t code = 0;
  if (is_kernels_option(call.socket, level, name)) {
    int result = own_getsockopt(fd, level, name, value, length);
    return (int)fdio_leave(&call, result == 0 ? 0 : errno, 0);
  }
  // Asking for an error ends that the descriptor shows one, unless there is another.
  if (call.socket->is_fast && level == SOL_SOCKET && name == SO_ERROR) zxio_datagram_skip_error(fd);
  zx_status_t status = zxio_socket_getsockopt(&call.socket->zxio, level, name, value, length, &code);
  int error = zxio_code(status, &code);
  if (!error && level == SOL_SOCKET && name == SO_ERROR) note_error(call.socket, fd, value);
  return (int)fdio_leave(&call, error, 0);
}

static bool asks_for_error_queue(const fdio_socket_t* socket, int level, int name) {
  return !socket->is_stream &&
         ((level == IPPROTO_IP && name == IP_RECVERR) || (level == IPPROTO_IPV6 && name == IPV6_RECVERR));
}

FDIO_EXPORT int setsockopt(int fd, int level, int name, const void* value, socklen_t length) {
  FDIO_ENTER_SOCKET(call, fd, libc_setsockopt(fd, level, name, value, length));
  int16_t code = 0;
  if (is_kernels_option(call.socket, level, name)) {
    int result = own_setsockopt(fd, level, name, value, length);
    return (int)fdio_leave(&call, result == 0 ? 0 : errno, 0);
  }
  zx_status_t status = zxio_socket_setsockopt(&call.socket->zxio, level, name, value, length, &code);
  int error = zxio_code(status, &code);
  if (!error && is_shared_option(call.socket, level, name))
    (void)own_setsockopt(fd, level, name, value, length);
  if (!error && asks_for_error_queue(call.socket, level, name)) fdio_note_error_queue(call.socket);
  return (int)fdio_leave(&call, error, 0);
}

static bool was_sent_whole(const struct msghdr* message, size_t bytes) {
  for (size_t i = 0; i < message->msg_iovlen; i++) {
    if (message->msg_iov[i].iov_len > bytes) return false;
    bytes -= message->msg_iov[i].iov_len;
  }
  return true;
}

// Several messages of a stream, which has none, are so many times some bytes. None follows one of which a
// part is still to be sent.
static int stream_messages(int fd, struct mmsghdr* messages, unsigned count, int flags, bool send) {
  unsigned done = 0;
  bool whole = true;
  while (whole && done < count && done < FDIO_MESSAGES_MAX) {
    struct msghdr* message = &messages[done].msg_hdr;
    ssize_t bytes = send ? fdio_stream_sendmsg(fd, message, flags)
                         : fdio_stream_recvmsg(fd, message, flags & ~MSG_WAITFORONE);
    if (bytes < 0) break;
    messages[done++].msg_len = (unsigned)bytes;
    whole = !send || was_sent_whole(message, (size_t)bytes);
    if (flags & MSG_WAITFORONE) flags |= MSG_DONTWAIT;
  }
  return done ? (int)done : -1;
}

// Sending

FDIO_EXPORT ssize_t sendto(int fd, const void* data, size_t size, int flags, const struct sockaddr* addr,
                           socklen_t length) {
  struct iovec iov = {.iov_base = (void*)(uintptr_t)data, .iov_len = size};
  struct msghdr message = {
      .msg_name = (void*)(uintptr_t)addr, .msg_namelen = addr ? length : 0, .msg_iov = &iov, .msg_iovlen = 1};
  if (fdio_is_stream(fdio_table_peek(fd))) return fdio_stream_sendmsg(fd, &message, flags);
  if (fdio_is_fast(fdio_table_peek(fd))) return fdio_datagram_sendmsg(fd, &message, flags);
  FDIO_ENTER(call, fd, libc_sendto(fd, data, size, flags, addr, length));
  size_t actual = 0;
  int error = fdio_socket_sendmsg(call.socket, fd, &message, flags, &actual);
  return fdio_leave(&call, error, (ssize_t)actual);
}

FDIO_EXPORT ssize_t send(int fd, const void* data, size_t size, int flags) {
  struct iovec iov = {.iov_base = (void*)(uintptr_t)data, .iov_len = size};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
  if (fdio_is_stream(fdio_table_peek(fd))) return fdio_stream_sendmsg(fd, &message, flags);
  if (fdio_is_fast(fdio_table_peek(fd))) return fdio_datagram_sendmsg(fd, &message, flags);
  FDIO_ENTER(call, fd, libc_send(fd, data, size, flags));
  size_t actual = 0;
  int error = fdio_socket_sendmsg(call.socket, fd, &message, flags, &actual);
  return fdio_leave(&call, error, (ssize_t)actual);
}

FDIO_EXPORT ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  if (message && fdio_is_stream(fdio_table_peek(fd))) return fdio_stream_sendmsg(fd, message, flags);
  if (message && fdio_is_fast(fdio_table_peek(fd))) {
    struct msghdr sent = fdio_as_sent(message);
    return fdio_datagram_sendmsg(fd, &sent, flags);
  }
  FDIO_ENTER(call, fd, libc_sendmsg(fd, message, flags));
  size_t actual = 0;
  int error = EFAULT;
  if (message) {
    struct msghdr sent = fdio_as_sent(message);
    error = fdio_socket_sendmsg(call.socket, fd, &sent, flags, &actual);
  }
  return fdio_leave(&call, error, (ssize_t)actual);
}

FDIO_EXPORT int sendmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags) {
  if (fdio_is_stream(fdio_table_peek(fd))) return stream_messages(fd, messages, count, flags, true);
  if (fdio_is_fast(fdio_table_peek(fd))) return fdio_datagram_sendmmsg(fd, messages, count, flags);
  FDIO_ENTER(call, fd, libc_sendmmsg(fd, messages, count, flags));
  int error = 0;
  unsigned sent = 0;
  for (; sent < count && sent < FDIO_MESSAGES_MAX; sent++) {
    size_t actual = 0;
    struct msghdr message = fdio_as_sent(&messages[sent].msg_hdr);
    error = fdio_socket_sendmsg(call.socket, fd, &message, flags, &actual);
    if (error) break;
    messages[sent].msg_len = (unsigned)actual;
  }
  return (int)fdio_leave(&call, sent ? 0 : error, (ssize_t)sent);
}

// Receiving

FDIO_EXPORT ssize_t recvfrom(int fd, void* data, size_t size, int flags, struct sockaddr* addr,
                             socklen_t* length) {
  struct iovec iov = {.iov_base = data, .iov_len = size};
  struct msghdr message = {
      .msg_name = addr, .msg_namelen = addr && length ? *length : 0, .msg_iov = &iov, .msg_iovlen = 1};
  if (fdio_is_stream(fdio_table_peek(fd))) {
    ssize_t count = fdio_stream_recvmsg(fd, &message, flags);
    if (count >= 0 && addr && length) *length = 0;
    return count;
  }
  if (fdio_is_fast(fdio_table_peek(fd)) && (!addr || length)) {
    ssize_t count = fdio_datagram_recvmsg(fd, &message, flags);
    if (count >= 0 && addr) *length = message.msg_namelen;
    return count;
  }
  FDIO_ENTER(call, fd, libc_recvfrom(fd, data, size, flags, addr, length));
  if (addr && !length) return fdio_leave(&call, EFAULT, -1);
  size_t actual = 0;
  int error = fdio_socket_recvmsg(call.socket, fd, &message, flags, &actual);
  if (!error && addr) *length = message.msg_namelen;
  return fdio_leave(&call, error, (ssize_t)actual);
}

FDIO_EXPORT ssize_t recv(int fd, void* data, size_t size, int flags) {
  struct iovec iov = {.iov_base = data, .iov_len = size};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
  if (fdio_is_stream(fdio_table_peek(fd))) return fdio_stream_recvmsg(fd, &message, flags);
  if (fdio_is_fast(fdio_table_peek(fd))) return fdio_datagram_recvmsg(fd, &message, flags);
  FDIO_ENTER(call, fd, libc_recv(fd, data, size, flags));
  size_t actual = 0;
  int error = fdio_socket_recvmsg(call.socket, fd, &message, flags, &actual);
  return fdio_leave(&call, error, (ssize_t)actual);
}

FDIO_EXPORT ssize_t recvmsg(int fd, struct msghdr* message, int flags) {
  if (message && fdio_is_stream(fdio_table_peek(fd))) return fdio_stream_recvmsg(fd, message, flags);
  if (message && fdio_is_fast(fdio_table_peek(fd))) return fdio_datagram_recvmsg(fd, message, flags);
  if (!fdio_table_peek(fd)) {
    ssize_t count = libc_recvmsg(fd, message, flags);
    if (count >= 0 && message->msg_controllen > 0) fdio_recognise_received(message);
    return count;
  }
  FDIO_ENTER(call, fd, libc_recvmsg(fd, message, flags));
  size_t actual = 0;
  int error = message ? fdio_socket_recvmsg(call.socket, fd, message, flags, &actual) : EFAULT;
  return fdio_leave(&call, error, (ssize_t)actual);
}

static void tell_time_left(struct timespec* timeout, zx_time_t deadline) {
  zx_time_t left = deadline - zx_clock_get_monotonic();
  if (left < 0) left = 0;
  *timeout = (struct timespec){left / ZX_SEC(1), left % ZX_SEC(1)};
}

// As Linux does, the timeout is looked at after each datagram: it does not end a wait. What is left of it is
// told if there are any.
FDIO_EXPORT int recvmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags,
                         struct timespec* timeout) {
  if (fdio_is_stream(fdio_table_peek(fd))) return stream_messages(fd, messages, count, flags, false);
  bool bad_timeout = timeout && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec > 999999999);
  zx_time_t deadline = ZX_TIME_INFINITE;
  if (timeout && !bad_timeout && timeout->tv_sec < ZX_TIME_INFINITE / ZX_SEC(1)) {
    deadline = zx_deadline_after(timeout->tv_sec * ZX_SEC(1) + timeout->tv_nsec);
  }
  if (!bad_timeout && fdio_is_fast(fdio_table_peek(fd))) {
    int done = fdio_datagram_recvmmsg(fd, messages, count, flags, deadline);
    if (done > 0 && deadline != ZX_TIME_INFINITE) tell_time_left(timeout, deadline);
    return done;
  }
  FDIO_ENTER(call, fd, libc_recvmmsg(fd, messages, count, flags, timeout));
  int error = bad_timeout ? EINVAL : 0;
  unsigned received = 0;
  int each = flags & ~MSG_WAITFORONE;
  for (; !error && received < count && received < FDIO_MESSAGES_MAX; received++) {
    size_t actual = 0;
    error = fdio_socket_recvmsg(call.socket, fd, &messages[received].msg_hdr, each, &actual);
    if (error) break;
    messages[received].msg_len = (unsigned)actual;
    if (flags & MSG_WAITFORONE) each |= MSG_DONTWAIT;
    if (deadline != ZX_TIME_INFINITE && zx_clock_get_monotonic() >= deadline) {
      received++;
      break;
    }
  }
  if (received > 0 && deadline != ZX_TIME_INFINITE) tell_time_left(timeout, deadline);
  return (int)fdio_leave(&call, received ? 0 : error, (ssize_t)received);
}

// Names that the C library's headers put in the place of others when a program is compiled with
// _FORTIFY_SOURCE

FDIO_EXPORT ssize_t __recv_chk(int fd, void* data, size_t size, size_t room, int flags);
FDIO_EXPORT ssize_t __recv_chk(int fd, void* data, size_t size, size_t room, int flags) {
  if (size > room) __chk_fail();
  return recv(fd, data, size, flags);
}

FDIO_EXPORT ssize_t __recvfrom_chk(int fd, void* data, size_t size, size_t room, int flags,
                                   struct sockaddr* addr, socklen_t* length);
FDIO_EXPORT ssize_t __recvfrom_chk(int fd, void* data, size_t size, size_t room, int flags,
                                   struct sockaddr* addr, socklen_t* length) {
  if (size > room) __chk_fail();
  return recvfrom(fd, data, size, flags, addr, length);
}

FDIO_EXPORT ssize_t __send(int fd, const void* data, size_t size, int flags) FDIO_ALIAS("send");
FDIO_EXPORT int __connect(int fd, const struct sockaddr* addr, socklen_t length) FDIO_ALIAS("connect");

FDIO_OWN_NAME(socket)
FDIO_OWN_NAME(bind)
FDIO_OWN_NAME(connect)
FDIO_OWN_NAME(listen)
FDIO_OWN_NAME(accept)
FDIO_OWN_NAME(accept4)
FDIO_OWN_NAME(shutdown)
FDIO_OWN_NAME(getsockname)
FDIO_OWN_NAME(getpeername)
FDIO_OWN_NAME(getsockopt)
FDIO_OWN_NAME(setsockopt)
FDIO_OWN_NAME(sendto)
FDIO_OWN_NAME(sendmsg)
FDIO_OWN_NAME(sendmmsg)
FDIO_OWN_NAME(recvfrom)
FDIO_OWN_NAME(recvmsg)
FDIO_OWN_NAME(recvmmsg)
