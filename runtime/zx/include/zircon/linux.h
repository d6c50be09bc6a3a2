// What Linux adds to the object calls: descriptors as objects and objects as descriptors.
#ifndef ZIRCON_LINUX_H_
#define ZIRCON_LINUX_H_

#include <zircon/syscalls/port.h>
#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// A Linux descriptor as an object: it can be sent through channels, taken out again, and waited on, if poll knows it:
// READABLE is POLLIN, WRITABLE is POLLOUT, PEER_CLOSED a hang-up or an error. A wait that the kernel answers reports of
// READABLE and WRITABLE only what somebody waited for. What poll always finds ready, such as a file, is so for a port as
// well.
#define ZX_OBJ_TYPE_LINUX_FD ((zx_obj_type_t)64)
#define ZX_DEFAULT_LINUX_FD_RIGHTS (ZX_RIGHTS_BASIC | ZX_RIGHTS_IO)

// Makes a handle of `fd`, which is consumed, also on failure. ZX_ERR_INVALID_ARGS: not an open descriptor.
zx_status_t zx_linux_fd_wrap(int fd, zx_handle_t* out);

// The descriptor of a wrapped one (close-on-exec; the caller's). Consumes `handle`, also on failure. If other handles of
// the object remain, the descriptor is a duplicate. ZX_ERR_BAD_HANDLE, ZX_ERR_WRONG_TYPE.
zx_status_t zx_linux_fd_unwrap(zx_handle_t handle, int* out_fd);

// One end of a connected AF_UNIX SOCK_STREAM pair as a stream socket: zx_socket_read, _write and _set_disposition work on
// it, as do waits for READABLE, WRITABLE, PEER_WRITE_DISABLED and PEER_CLOSED, and it can be sent also while duplicates
// remain. Unlike a socket of zx_socket_create it is a descriptor that programs use by themselves. It carries no user
// signals between processes and has no thresholds, and what was shut down cannot be opened again (ZX_ERR_NOT_SUPPORTED).
// Consumes `fd`, also on failure. ZX_ERR_INVALID_ARGS: not open; ZX_ERR_WRONG_TYPE: not such a socket.
zx_status_t zx_linux_socket_wrap(int fd, zx_handle_t* out);

// Its descriptor again (close-on-exec; the caller's), as zx_linux_fd_unwrap. Consumes `handle`, also on failure.
// ZX_ERR_WRONG_TYPE: not such a socket.
zx_status_t zx_linux_socket_unwrap(zx_handle_t handle, int* out_fd);

// A channel endpoint from a connected SOCK_SEQPACKET descriptor, for channels that cross exec. Such a channel works also
// when other processes hold duplicates of `fd`, as long as only one of them reads. Consumes `fd`, also on failure.
// ZX_ERR_WRONG_TYPE: not such a socket.
zx_status_t zx_linux_channel_from_fd(int fd, zx_handle_t* out);

// The one descriptor of a channel endpoint (close-on-exec; the caller's). Consumes `channel`, also on failure.
// ZX_ERR_BAD_STATE: the endpoint holds more than its socket: unread messages already taken in, or shared memory.
zx_status_t zx_linux_channel_to_fd(zx_handle_t channel, int* out_fd);

// The descriptor that a foreign event loop watches for POLLIN, borrowed from the port. Before it sleeps, the loop calls
// zx_linux_port_arm (or zx_port_wait with a past deadline, until that says ZX_ERR_TIMED_OUT).
zx_status_t zx_linux_port_fd(zx_handle_t port, int* out_fd);

// Gets a port ready to be slept on. ZX_OK: packets are waiting already, do not sleep. ZX_ERR_SHOULD_WAIT: none known;
// the descriptor becomes readable when there may be some. Needs READ on the port.
zx_status_t zx_linux_port_arm(zx_handle_t port);

// Takes a packet that is already there, without asking the kernel and without getting the port ready to be slept on.
// ZX_ERR_SHOULD_WAIT: there is none. Needs READ on the port.
zx_status_t zx_linux_port_take(zx_handle_t port, zx_port_packet_t* packet);

// A VMO of a memfd (consumed, also on failure; ZX_ERR_WRONG_TYPE: not a memfd) and back (consumes `vmo`). A memfd that is
// not sealed against shrinking gives a resizable VMO without MAP.
zx_status_t zx_linux_vmo_from_fd(int fd, zx_handle_t* out);
zx_status_t zx_linux_vmo_to_fd(zx_handle_t vmo, int* out_fd);

// zx_object_wait_one that also ends when the Linux descriptor `fd` (-1: none) becomes readable before one of the signals
// is on: ZX_ERR_INTERNAL_INTR_RETRY, with `observed` filled as after a timeout.
zx_status_t zx_linux_wait_one_or_fd(zx_handle_t handle, zx_signals_t signals, zx_time_t deadline, int fd,
                                    zx_signals_t* observed);

// In a child that fork(2) made, the handles of its parent are ZX_ERR_BAD_HANDLE, but that closing one gives back its
// memory and descriptors: the objects go on being the parent's alone, and nothing the child does with the handles is
// seen by it or by a peer.

// In the only thread of such a child: drops every handle it inherited.
void zx_linux_after_fork_in_child(void);

// An object goes from parent to child by fork if the child, in its only thread, keeps the handle, and the parent leaves
// it, each before anything else is done with it. Handles that are not inherited, or not there, are passed over, as are
// ports in keeping, which serve the parent. Asynchronous waits begun before the fork end. A channel's peer sees the end
// of the child's handle once the parent has left its own.
void zx_linux_after_fork_keep(const zx_handle_t* handles, size_t num_handles);
void zx_linux_after_fork_leave(const zx_handle_t* handles, size_t num_handles);

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_LINUX_H_
