// Sockets that are one end of a kernel stream pair, for socket.c, which hands its calls on to them.
#ifndef RUNTIME_ZX_LINUX_SOCKET_H_
#define RUNTIME_ZX_LINUX_SOCKET_H_

#include <zircon/syscalls/object.h>

#include "runtime/zx/object.h"

// Whether a socket object is of this kind.
bool linux_socket_is(const struct zx_object* object);

// The calls of the same names, with the handle looked up and the pointers and options checked.
zx_status_t linux_socket_write(struct zx_object* object, const void* buffer, size_t size, size_t* actual);
zx_status_t linux_socket_read(struct zx_object* object, bool peek, void* buffer, size_t size, size_t* actual);
zx_status_t linux_socket_set_disposition(struct zx_object* object, uint32_t own, uint32_t peer);
void linux_socket_info(struct zx_object* object, zx_info_socket_t* out);

#endif  // RUNTIME_ZX_LINUX_SOCKET_H_
