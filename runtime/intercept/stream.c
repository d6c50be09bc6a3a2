// Connecting, accepting and shutting down.
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include <zircon/errors.h>
#include <zircon/syscalls.h>

#include "internal.h"

static short poll_now(int fd, short events) {
  struct pollfd pollfd = {.fd = fd, .events = events};
  return poll(&pollfd, 1, 0) == 1 ? pollfd.revents : 0;
}

// SO_RCVTIMEO and SO_SNDTIMEO of a stream are on its descriptor.
static int64_t timeout_of(int fd, int name) {
  struct timeval timeout = {0};
  socklen_t length = sizeof(timeout);
  if (getsockopt(fd, SOL_SOCKET, name, &timeout, &length) != 0) return ZX_TIME_INFINITE;
  if (timeout.tv_sec == 0 && timeout.tv_usec == 0) return ZX_TIME_INFINITE;
  if (timeout.tv_sec >= ZX_TIME_INFINITE / ZX_SEC(1)) return ZX_TIME_INFINITE;
  return ZX_SEC((int64_t)timeout.tv_sec) + (int64_t)timeout.tv_usec * 1000;
}

void stream_keep_connecting(supervisor_t* supervisor, call_t* call) {
  connecting_t* connecting = malloc(sizeof(*connecting));
  if (!connecting) return;
  supervisor_unwatch(supervisor, call->fd);  // a call that has waited has it watched for itself
  connecting->source = (source_t){SOURCE_CONNECTING, connecting};
  connecting->fd = call->fd;
  zxio_socket_move(&connecting->stream, &call->stream);
  call->has_stream = false;
  call->fd = -1;
  if (!supervisor_watch(supervisor, connecting->fd, EPOLLIN | EPOLLOUT, &connecting->source)) {
    close(connecting->fd);
    zxio_socket_leave(&connecting->stream);
    free(connecting);
  }
}

void connecting_decided(supervisor_t* supervisor, connecting_t* connecting) {
  supervisor_unwatch(supervisor, connecting->fd);
  close(connecting->fd);
  zxio_socket_leave(&connecting->stream);
  free(connecting);
}

step_t call_connect(supervisor_t* supervisor, call_t* call) {
  struct sockaddr_storage address;
  int length = call_int(call, 2);
  int error = call_read_address(supervisor, call, call_word(call, 1), length, &address);
  if (error) return call_fail(call, error);
  int16_t code = 0;
  zx_status_t status = zxio_socket_connect(call_zxio(call), generic(&address), (socklen_t)length, &code);
  error = zxio_code(status, &code);
  if (call->datagram || (error != EINPROGRESS && error != EALREADY)) return call_fail(call, error);
  if (call_blocks(call) && !call_expired(call))
    return call_wait(call, POLLIN | POLLOUT, timeout_of(call->fd, SO_SNDTIMEO));
  if (error == EALREADY && !call->begun) return call_fail(call, error);
  stream_keep_connecting(supervisor, call);
  return call_fail(call, EINPROGRESS);
}

static step_t accepted(supervisor_t* supervisor, call_t* call, int fd, const struct sockaddr_storage* address,
                       socklen_t length) {
  int flags = call_number(call) == SYS_accept4 ? call_int(call, 3) : 0, error = 0;
  if (flags & SOCK_NONBLOCK && fcntl(fd, F_SETFL, O_NONBLOCK) != 0) error = errno;
  if (!error && call_word(call, 1))
    error = call_write_address(supervisor, call, call_word(call, 1), call_word(call, 2), address, length);
  if (error) return call_fail(call, error);
  return call_answer_fd(supervisor, call, fd, flags & SOCK_CLOEXEC);
}

step_t call_accept(supervisor_t* supervisor, call_t* call) {
  struct sockaddr_storage address = {0};
  socklen_t length = sizeof(address);
  zxio_socket_t stream;
  int fd = -1, flags = call_number(call) == SYS_accept4 ? call_int(call, 3) : 0;
  int16_t code = 0;
  if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) return call_fail(call, EINVAL);
  // What is taken out of the queue and finds no place in the program would be lost.
  if (!call_has_room(supervisor, call)) return call_fail(call, EMFILE);
  bool wants_address = call_word(call, 1) != 0;
  zx_status_t status = zxio_socket_accept(call_zxio(call), wants_address ? generic(&address) : NULL,
                                          wants_address ? &length : NULL, &stream, &fd, &code);
  int error = status == ZX_ERR_NO_RESOURCES ? ENFILE : zxio_code(status, &code);
  if (error == EAGAIN && call_blocks(call) && !call_expired(call))
    return call_wait(call, POLLIN, timeout_of(call->fd, SO_RCVTIMEO));
  if (error) return call_fail(call, error);
  step_t step = accepted(supervisor, call, fd, &address, length);
  close(fd);
  zxio_socket_leave(&stream);
  return step;
}

// One direction of a connection is the kernel's to shut down; both at once would look like closing, and so
// would writing after the other direction has ended.
step_t call_shutdown(supervisor_t* supervisor, call_t* call) {
  int how = call_int(call, 1);
  int16_t code = 0;
  if (!call->datagram && (how == SHUT_RD || how == SHUT_WR)) {
    zxio_stream_state_t state = ZXIO_STREAM_IDLE;
    short ended = poll_now(call->fd, how == SHUT_WR ? POLLRDHUP : 0) & (POLLHUP | POLLRDHUP);
    int error = zxio_code(zxio_stream_state(&call->stream, &state, &code), &code);
    if (error) return call_fail(call, error);
    if (state == ZXIO_STREAM_CONNECTED && !ended) return STEP_NATIVE;
  }
  return call_fail(call, zxio_code(zxio_socket_shutdown(call_zxio(call), how, &code), &code));
}
