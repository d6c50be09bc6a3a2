// Datagram sockets of the fast kind. A datagram is one call of the kernel's on the socket's descriptor, which
// blocks, wakes, times out and is interrupted as the kernel has it; no lock is held and no connection to the
// server needed meanwhile. What is ours is to know when a datagram may go that way (zxio's promises), to send
// it by request else, and to fetch errors.
#include <lib/trace/trace.h>
#include <zircon/errors.h>
#include <zircon/syscalls.h>

#include "fdio.h"

bool fdio_is_fast(const fdio_socket_t* entry) {
  return fdio_entry_is_socket(entry) && entry->is_fast;
}

static ssize_t fail(int error) {
  errno = error;
  return -1;
}

// Sending

static ssize_t send_on_descriptor(int fd, const struct msghdr* message, int flags, int saved_errno) {
  size_t actual = 0;
  int error = zxio_datagram_send(fd, message, flags, &actual);
  trace_point("fdio.sendto.done", error ? (uint64_t)error : (uint64_t)actual);
  errno = error ? error : saved_errno;
  return error ? -1 : (ssize_t)actual;
}

// By request, or, if the server promises that this is not needed, not at all: `out_go`.
static int send_by_request(fdio_socket_t* socket, int fd, const struct msghdr* message, int flags,
                           zxio_promise_t promise, size_t* out_actual, bool* out_go) {
  int error = fdio_stream_attach(socket, fd);
  if (error) return error;
  if (promise == ZXIO_PROMISE_ASK) {
    zxio_promises_ask(socket->promises, &socket->zxio, message);
    *out_go = zxio_promises_look(socket->promises, message) == ZXIO_PROMISE_GO;
    if (*out_go) return 0;
  }
  int16_t code = 0;
  zx_status_t status = zxio_socket_sendmsg(&socket->zxio, message, flags, out_actual, &code);
  error = zxio_code(status, &code);
  if (error == EMSGSIZE && promise == ZXIO_PROMISE_REQUEST) {  // too much for a request only?
    zxio_promises_ask(socket->promises, &socket->zxio, message);
    *out_go = zxio_promises_look(socket->promises, message) == ZXIO_PROMISE_GO;
    return *out_go ? 0 : error;
  }
  // Where there is no room on the link, there is in the descriptor, or a wait for some.
  *out_go = error == EAGAIN && !(flags & MSG_MORE);
  return *out_go ? 0 : error;
}

ssize_t fdio_datagram_sendmsg(int fd, const struct msghdr* message, int flags) {
  int saved_errno = errno;
  const fdio_socket_t* entry = fdio_table_peek(fd);
  if (!fdio_is_fast(entry)) return fail(EBADF);  // closed this moment
  trace_point("fdio.sendto", (uint64_t)fd);
  zxio_promise_t promise = ZXIO_PROMISE_REQUEST;
  if (!(flags & (MSG_MORE | MSG_OOB))) promise = zxio_promises_look(entry->promises, message);
  if (promise == ZXIO_PROMISE_GO) return send_on_descriptor(fd, message, flags, saved_errno);
  fdio_call_t call = fdio_enter(fd);
  if (!call.socket) return fail(EBADF);
  if (call.error) return fail(call.error);
  size_t actual = 0;
  bool go = false;
  int error = EBADF;
  if (call.socket->is_fast) error = send_by_request(call.socket, fd, message, flags, promise, &actual, &go);
  ssize_t result = fdio_leave(&call, error, (ssize_t)actual);
  if (go) return send_on_descriptor(fd, message, flags, saved_errno);
  trace_point("fdio.sendto.done", error ? (uint64_t)error : (uint64_t)actual);
  return result;
}

// Receiving

static int pending_error(int fd) {
  fdio_call_t call = fdio_enter(fd);
  if (!call.socket) return EBADF;
  if (call.error) return call.error;
  int pending = 0;
  int error = fdio_stream_attach(call.socket, fd);
  if (!error) {
    int16_t code = 0;
    socklen_t length = sizeof(pending);
    zx_status_t status =
        zxio_socket_getsockopt(&call.socket->zxio, SOL_SOCKET, SO_ERROR, &pending, &length, &code);
    error = zxio_code(status, &code);
  }
  fdio_leave(&call, 0, 0);
  return error ? error : pending;
}

static ssize_t receive_error(int fd, struct msghdr* message) {
  fdio_call_t call = fdio_enter(fd);
  if (!call.socket) return fail(EBADF);
  if (call.error) return fail(call.error);
  size_t actual = 0;
  int error = fdio_stream_attach(call.socket, fd);
  if (!error) {
    int16_t code = 0;
    zxio_datagram_skip_error(fd);
    zx_status_t status = zxio_socket_recvmsg(&call.socket->zxio, message, MSG_ERRQUEUE, &actual, &code);
    error = zxio_code(status, &code);
  }
  return fdio_leave(&call, error, (ssize_t)actual);
}

// Nothing more will come. Who waits for something learns that, as on a kernel's socket, from an empty
// datagram from nobody.
static ssize_t end_of_datagrams(int fd, struct msghdr* message, int flags, int saved_errno) {
  int error = pending_error(fd);
  if (!error && (flags & MSG_DONTWAIT || fdio_nonblocking(fd))) error = EAGAIN;
  if (error) return fail(error);
  message->msg_flags = 0;
  message->msg_namelen = 0;
  message->msg_controllen = 0;
  errno = saved_errno;
  return 0;
}

ssize_t fdio_datagram_recvmsg(int fd, struct msghdr* message, int flags) {
  int saved_errno = errno;
  if (flags & MSG_ERRQUEUE) return receive_error(fd, message);
  trace_point("fdio.recvfrom", (uint64_t)fd);
  const fdio_socket_t* entry = fdio_table_peek(fd);
  if (!fdio_is_fast(entry)) return fail(EBADF);  // closed this moment
  int error = 0;
  // An error comes before the datagrams that were there before it.
  if (zxio_promises_state(entry->promises) & ZXIO_DATAGRAM_ERROR) error = pending_error(fd);
  while (!error) {
    size_t actual = 0;
    switch (zxio_datagram_receive(fd, message, flags, &actual, &error)) {
      case ZXIO_RECEIVED_DATAGRAM:
        trace_point("fdio.recvfrom.done", (uint64_t)actual);
        errno = saved_errno;
        return (ssize_t)actual;
      case ZXIO_RECEIVED_ERROR:
        if (flags & MSG_PEEK) zxio_datagram_skip_error(fd);
        error = pending_error(fd);
        break;
      case ZXIO_RECEIVED_END:
        return end_of_datagrams(fd, message, flags, saved_errno);
      case ZXIO_RECEIVED_NONSENSE:
        error = EIO;
        break;
      case ZXIO_RECEIVED_NOTHING:
        break;
    }
  }
  return fail(error);
}

// Several at a time. None follows one that fails, whose error is told if it is the first.

int fdio_datagram_sendmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags) {
  unsigned done = 0;
  for (; done < count && done < FDIO_MESSAGES_MAX; done++) {
    struct msghdr message = fdio_as_sent(&messages[done].msg_hdr);
    ssize_t bytes = fdio_datagram_sendmsg(fd, &message, flags);
    if (bytes < 0) return done ? (int)done : -1;
    messages[done].msg_len = (unsigned)bytes;
  }
  return (int)done;
}

int fdio_datagram_recvmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags, zx_time_t deadline) {
  int each = flags & ~MSG_WAITFORONE;
  unsigned done = 0;
  while (done < count && done < FDIO_MESSAGES_MAX) {
    ssize_t bytes = fdio_datagram_recvmsg(fd, &messages[done].msg_hdr, each);
    if (bytes < 0) return done ? (int)done : -1;
    messages[done++].msg_len = (unsigned)bytes;
    if (flags & MSG_WAITFORONE) each |= MSG_DONTWAIT;
    if (deadline != ZX_TIME_INFINITE && zx_clock_get_monotonic() >= deadline) break;
  }
  return (int)done;
}

// What a descriptor shows that waits to be received, and to poll()

int fdio_datagram_readable_bytes(int fd) {
  size_t length = 0;
  return zxio_datagram_look(fd, &length) == ZXIO_RECEIVED_DATAGRAM ? (int)length : 0;
}

zxio_events_t fdio_datagram_events(fdio_socket_t* socket, int fd) {
  size_t length = 0;
  zxio_events_t events = 0;
  uint32_t state = zxio_promises_state(socket->promises);
  if (state & (ZXIO_DATAGRAM_ERROR | ZXIO_DATAGRAM_ERROR_QUEUE)) {
    events |= POLLERR;
  } else {
    zxio_datagram_skip_error(fd);
  }
  zxio_received_t next = zxio_datagram_look(fd, &length);
  if (next == ZXIO_RECEIVED_DATAGRAM || next == ZXIO_RECEIVED_END) events |= POLLIN;
  return events;
}
