// What zx_object_get_info asks of a socket.
#ifndef RUNTIME_ZX_SOCKET_H_
#define RUNTIME_ZX_SOCKET_H_

#include <zircon/syscalls/object.h>

#include "runtime/zx/object.h"

void socket_info(struct zx_object* object, zx_info_socket_t* out);

#endif  // RUNTIME_ZX_SOCKET_H_
