// Options set and read as a program does it, for tests: 0 or an errno.
#ifndef TESTS_UNIT_RUNTIME_ZXIO_SOCKOPT_CALLS_H_
#define TESTS_UNIT_RUNTIME_ZXIO_SOCKOPT_CALLS_H_

#include <lib/zxio/zxio.h>

static inline int set(zxio_socket_t* socket, int level, int name, const void* value, socklen_t length) {
  int16_t code = -1;
  zx_status_t status = zxio_socket_setsockopt(socket, level, name, value, length, &code);
  return zxio_code(status, &code);
}

static inline int get(zxio_socket_t* socket, int level, int name, void* value, socklen_t* length) {
  int16_t code = -1;
  zx_status_t status = zxio_socket_getsockopt(socket, level, name, value, length, &code);
  return zxio_code(status, &code);
}

#endif  // TESTS_UNIT_RUNTIME_ZXIO_SOCKOPT_CALLS_H_
