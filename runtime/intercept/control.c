// Names and options of sockets.
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "internal.h"

// Of streams, options that are about the descriptor in the kernel: it is who waits once the stream is
// connected.
static bool is_kernels_option(const call_t* call, int level, int name) {
  return !call->datagram && level == SOL_SOCKET &&
         (name == SO_RCVLOWAT || name == SO_PRIORITY || name == SO_RCVTIMEO || name == SO_SNDTIMEO);
}

// And those that it must know of, too.
static bool is_shared_option(const call_t* call, int level, int name) {
  return !call->datagram && level == SOL_SOCKET && name == SO_OOBINLINE;
}

int call_read_address(const supervisor_t* supervisor, const call_t* call, uint64_t address, int length,
                      struct sockaddr_storage* out) {
  memset(out, 0, sizeof(*out));
  if (length < 0 || (size_t)length > sizeof(*out)) return EINVAL;
  return call_read(supervisor, call, address, out, (size_t)length);
}

int call_write_address(const supervisor_t* supervisor, const call_t* call, uint64_t address,
                       uint64_t length_at, const struct sockaddr_storage* from, socklen_t length) {
  int room = 0, told = (int)length;
  int error = call_read(supervisor, call, length_at, &room, sizeof(room));
  if (!error && room < 0) error = EINVAL;
  if (!error) error = call_write(supervisor, call, address, from, (size_t)(room < told ? room : told));
  return error ? error : call_write(supervisor, call, length_at, &told, sizeof(told));
}

step_t call_bind(supervisor_t* supervisor, call_t* call) {
  struct sockaddr_storage address;
  int length = call_int(call, 2);
  int error = call_read_address(supervisor, call, call_word(call, 1), length, &address);
  if (error) return call_fail(call, error);
  for (int attempt = 0; attempt < 2; attempt++) {
    int16_t code = 0;
    error = zxio_code(zxio_socket_bind(call_zxio(call), generic(&address), (socklen_t)length, &code), &code);
    if (error != EADDRINUSE) break;
    // What holds the port may have been closed a moment ago.
    if (attempt == 0) supervisor_sweep(supervisor);
  }
  return call_fail(call, error);
}

step_t call_listen(supervisor_t* supervisor, call_t* call) {
  int16_t code = 0;
  return call_fail(call, zxio_code(zxio_socket_listen(call_zxio(call), call_int(call, 1), &code), &code));
}

step_t call_name(supervisor_t* supervisor, call_t* call) {
  struct sockaddr_storage address;
  socklen_t length = sizeof(address);
  int16_t code = 0;
  zx_status_t status = call_number(call) == SYS_getsockname
                           ? zxio_socket_getsockname(call_zxio(call), generic(&address), &length, &code)
                           : zxio_socket_getpeername(call_zxio(call), generic(&address), &length, &code);
  int error = zxio_code(status, &code);
  if (!error)
    error = call_write_address(supervisor, call, call_word(call, 1), call_word(call, 2), &address, length);
  return call_fail(call, error);
}

step_t call_getsockopt(supervisor_t* supervisor, call_t* call) {
  int level = call_int(call, 1), name = call_int(call, 2), length = 0;
  _Alignas(uint64_t) uint8_t value[CONTROL_BYTES_MAX];
  if (is_kernels_option(call, level, name)) return STEP_NATIVE;
  int error = call_read(supervisor, call, call_word(call, 4), &length, sizeof(length));
  if (!error && length < 0) error = EINVAL;
  if (error) return call_fail(call, error);
  socklen_t size = (size_t)length < sizeof(value) ? (socklen_t)length : (socklen_t)sizeof(value);
  socklen_t room = size;
  int16_t code = 0;
  memset(value, 0, sizeof(value));
  error = zxio_code(zxio_socket_getsockopt(call_zxio(call), level, name, value, &size, &code), &code);
  if (!error) error = call_write(supervisor, call, call_word(call, 3), value, size < room ? size : room);
  if (!error) error = call_write(supervisor, call, call_word(call, 4), &size, sizeof(size));
  return call_fail(call, error);
}

step_t call_setsockopt(supervisor_t* supervisor, call_t* call) {
  int level = call_int(call, 1), name = call_int(call, 2), length = call_int(call, 4);
  _Alignas(uint64_t) uint8_t value[CONTROL_BYTES_MAX];
  if (is_kernels_option(call, level, name)) return STEP_NATIVE;
  if (length < 0) return call_fail(call, EINVAL);
  if ((size_t)length > sizeof(value)) return call_fail(call, ENOBUFS);
  int error = call_read(supervisor, call, call_word(call, 3), value, (size_t)length);
  if (error) return call_fail(call, error);
  int16_t code = 0;
  zx_status_t status = zxio_socket_setsockopt(call_zxio(call), level, name, value, (socklen_t)length, &code);
  error = zxio_code(status, &code);
  if (!error && is_shared_option(call, level, name))
    (void)setsockopt(call->fd, level, name, value, (socklen_t)length);
  return call_fail(call, error);
}
