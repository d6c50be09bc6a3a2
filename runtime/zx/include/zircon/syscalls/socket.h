// Sockets: two byte queues (or queues of datagrams) in shared memory, one each way.
#ifndef ZIRCON_SYSCALLS_SOCKET_H_
#define ZIRCON_SYSCALLS_SOCKET_H_

#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// Makes a socket with 256 KiB each way, of which a datagram takes its bytes and 4; options ZX_SOCKET_STREAM or
// ZX_SOCKET_DATAGRAM, else ZX_ERR_INVALID_ARGS. The first use of an end may be ZX_ERR_NO_MEMORY, as an
// eventpair's.
zx_status_t zx_socket_create(uint32_t options, zx_handle_t* out0, zx_handle_t* out1);

// Writes what fits (stream) or all or nothing (datagram). Needs WRITE. ZX_ERR_SHOULD_WAIT: no room.
// ZX_ERR_OUT_OF_RANGE: a datagram of more than 262,140 bytes. ZX_ERR_PEER_CLOSED, ZX_ERR_BAD_STATE: writing
// is disabled. ZX_ERR_INVALID_ARGS: options, null buffer.
zx_status_t zx_socket_write(zx_handle_t handle, uint32_t options, const void* buffer, size_t size,
                            size_t* actual);

// Reads what there is (stream) or one datagram, dropping what of it exceeds the buffer. ZX_SOCKET_PEEK leaves
// it. Needs READ. ZX_ERR_SHOULD_WAIT: empty; ZX_ERR_PEER_CLOSED; ZX_ERR_BAD_STATE: empty and the peer's
// writing is disabled.
zx_status_t zx_socket_read(zx_handle_t handle, uint32_t options, void* buffer, size_t size, size_t* actual);

// Switches writing of this end and of the other (0: leave). Needs MANAGE_SOCKET. ZX_ERR_INVALID_ARGS: bad
// disposition. ZX_ERR_BAD_STATE: enabling while what was written before is unread. ZX_ERR_PEER_CLOSED.
zx_status_t zx_socket_set_disposition(zx_handle_t handle, uint32_t disposition, uint32_t disposition_peer);

// The older way to half close, for good: ZX_SOCKET_SHUTDOWN_WRITE disables writing of this end,
// ZX_SOCKET_SHUTDOWN_READ that of the other. Needs WRITE. ZX_ERR_INVALID_ARGS: other options.
// ZX_ERR_PEER_CLOSED: READ, and the peer is gone.
zx_status_t zx_socket_shutdown(zx_handle_t handle, uint32_t options);

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_SYSCALLS_SOCKET_H_
