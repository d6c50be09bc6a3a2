// Which socket a call is about, and making new ones.
//
// A stream needs no memory of ours: its descriptor says by its name that it is one of the network stack's,
// which makes a connection to its server out of the descriptor for each call and lets the stream live as long
// as somebody holds that. So it does not matter who made it, or which way it took to the caller. A datagram
// socket is known by the number that the kernel gives to every socket.
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <zircon/errors.h>
#include <zircon/syscalls.h>

#include "internal.h"

#define TYPE_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define STREAM_NAME "jacinth/stream/"

// As in fdio: one that is killed takes several requests along.
#define PROVIDER_ATTEMPTS 8

zx_status_t supervisor_provider(supervisor_t* supervisor, bool renew, zx_handle_t* out) {
  if (supervisor->provider == ZX_HANDLE_INVALID || renew) {
    zx_handle_close(supervisor->provider);
    supervisor->provider = ZX_HANDLE_INVALID;
    zx_status_t status = zxio_provider_connect(supervisor->svc, &supervisor->provider);
    if (status != ZX_OK) return status;
  }
  *out = supervisor->provider;
  return ZX_OK;
}

// Recognising

static bool is_marked(int fd) {
  struct sockaddr_un name;
  socklen_t length = sizeof(name);
  const size_t prefix = sizeof(STREAM_NAME) - 1;
  return getsockname(fd, (struct sockaddr*)&name, &length) == 0 && name.sun_family == AF_UNIX &&
         length > offsetof(struct sockaddr_un, sun_path) + 1 + prefix && name.sun_path[0] == '\0' &&
         memcmp(name.sun_path + 1, STREAM_NAME, prefix) == 0;
}

call_kind_t call_identify(supervisor_t* supervisor, call_t* call) {
  uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  if (call->fd < 0) {
    int error = call_get_fd(supervisor, call, call_int(call, 0), &call->fd);
    if (error == EPERM) return CALL_NATIVE;  // it does not let itself be looked into
    call->error = error;
    if (error) return CALL_FAILED;
  }
  if (getsockopt(call->fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0) return CALL_NATIVE;
  if (!call->datagram) call->datagram = datagram_find(supervisor, cookie);
  if (call->datagram) return CALL_DATAGRAM;
  return is_marked(call->fd) ? CALL_STREAM : CALL_NATIVE;
}

int call_attach(supervisor_t* supervisor, call_t* call) {
  zx_status_t status = ZX_ERR_PEER_CLOSED;
  for (int attempt = 0; attempt < PROVIDER_ATTEMPTS && status == ZX_ERR_PEER_CLOSED; attempt++) {
    zx_handle_t provider;
    int16_t code = 0;
    if (call->has_stream) return 0;
    int copy = fcntl(call->fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return ENOBUFS;
    status = supervisor_provider(supervisor, attempt > 0, &provider);
    if (status != ZX_OK) {
      close(copy);
      break;
    }
    status = zxio_stream_of(provider, copy, &call->stream, &code);
    if (status != ZX_OK) continue;
    // It was connected, and is over; or to a network stack that is gone.
    if (code) return code == ENOTSOCK ? ENOTCONN : code;
    call->has_stream = true;
    return 0;
  }
  return zxio_errno(status);
}

void call_release(call_t* call) {
  if (call->has_stream) zxio_socket_leave(&call->stream);
  if (call->fd >= 0) close(call->fd);
  call->has_stream = false;
  call->datagram = NULL;
  call->fd = -1;
}

// Making

static int create(supervisor_t* supervisor, int domain, int type, int protocol, zxio_socket_t* out,
                  int* out_fd) {
  zx_status_t status = ZX_OK;
  for (int attempt = 0; attempt < PROVIDER_ATTEMPTS; attempt++) {
    zx_handle_t provider;
    int16_t code = 0;
    status = supervisor_provider(supervisor, attempt > 0, &provider);
    if (status != ZX_OK) break;
    status = zxio_socket_create(provider, domain, type, protocol, out, out_fd, &code);
    if (status == ZX_OK) return code;
    if (status != ZX_ERR_PEER_CLOSED && status != ZX_ERR_CANCELED && status != ZX_ERR_BAD_HANDLE) break;
  }
  if (status == ZX_ERR_NO_RESOURCES) return ENFILE;  // ours are at their end, not the program's
  return status == ZX_ERR_PEER_CLOSED ? EPERM : zxio_errno(status);
}

static int set_blocking(int fd, bool blocks) {
  int flags = fcntl(fd, F_GETFL);
  int wanted = blocks ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
  return flags < 0 || (wanted != flags && fcntl(fd, F_SETFL, wanted) < 0) ? errno : 0;
}

step_t call_socket(supervisor_t* supervisor, call_t* call) {
  int type = call_int(call, 1), fd = -1, shape = -1;
  zxio_socket_t zxio;
  if (!call_is_open_to_us(supervisor, call)) return STEP_NATIVE;
  int domain = call_int(call, 0), kind = type & ~TYPE_FLAGS, protocol = call_int(call, 2);
  int error = create(supervisor, domain, kind, protocol, &zxio, &fd);
  if (error == EMFILE || error == ENFILE) {
    supervisor_sweep(supervisor);
    error = create(supervisor, domain, kind, protocol, &zxio, &fd);
  }
  if (error) return call_fail(call, error);
  bool is_datagram = kind == SOCK_DGRAM;
  if (is_datagram) {
    shape = fd;
    fd = -1;
    error = datagram_create(supervisor, &zxio, shape, &fd);
    if (error) return call_fail(call, error);
  }
  error = set_blocking(fd, !(type & SOCK_NONBLOCK));
  step_t step = error         ? call_fail(call, error)
                : is_datagram ? call_answer_numbered_fd(supervisor, call, fd, type & SOCK_CLOEXEC, 0)
                              : call_answer_fd(supervisor, call, fd, type & SOCK_CLOEXEC);
  // From here on the program's own descriptor is what keeps the socket.
  close(fd);
  if (!is_datagram) zxio_socket_leave(&zxio);
  return step;
}
