// Channels: two endpoints, each with a queue of messages (bytes and handles) written by the other.
#ifndef ZIRCON_SYSCALLS_CHANNEL_H_
#define ZIRCON_SYSCALLS_CHANNEL_H_

#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// Makes a channel. ZX_ERR_INVALID_ARGS: `options` is not 0 or an out pointer is null.
zx_status_t zx_channel_create(uint32_t options, zx_handle_t* out0, zx_handle_t* out1);

// Sends one message to the other endpoint, all or nothing, without blocking. `handles` are consumed whatever the
// result: sent on success, closed on failure. With ZX_CHANNEL_WRITE_USE_IOVEC `bytes` is an array of `num_bytes`
// zx_channel_iovec_t. Needs WRITE.
//
// ZX_ERR_INVALID_ARGS: unknown option, null `bytes` or `handles` with a count, bad iovec.
// ZX_ERR_OUT_OF_RANGE: more than ZX_CHANNEL_MAX_MSG_BYTES, _HANDLES or _IOVECS.
// ZX_ERR_BAD_HANDLE: a listed handle names nothing or is listed twice. ZX_ERR_ACCESS_DENIED: one lacks TRANSFER.
// ZX_ERR_NOT_SUPPORTED: the endpoint itself is listed, or an object that cannot leave its process (a port; one of
// several handles of a fifo or socket endpoint). ZX_ERR_BAD_STATE: a listed channel is in a call.
// ZX_ERR_PEER_CLOSED. ZX_ERR_SHOULD_WAIT: the queue is full (README.md says how much that is); WRITABLE tells when there
// is room. ZX_ERR_NO_RESOURCES: the user has too many descriptors in messages that nobody has read.
zx_status_t zx_channel_write(zx_handle_t handle, uint32_t options, const void* bytes, uint32_t num_bytes,
                             const zx_handle_t* handles, uint32_t num_handles);

// As zx_channel_write, with what is to happen to each handle: MOVE consumes it always, DUPLICATE never. Every entry is
// tried; those that fail get their reason in `result`, the first of which is returned, and nothing is sent. Beyond the
// errors above: ZX_ERR_WRONG_TYPE (not of `type`), ZX_ERR_INVALID_ARGS (bad operation, rights not a subset),
// ZX_ERR_ACCESS_DENIED (DUPLICATE without that right).
zx_status_t zx_channel_write_etc(zx_handle_t handle, uint32_t options, const void* bytes, uint32_t num_bytes,
                                 zx_handle_disposition_t* handles, uint32_t num_handles);

// Takes the first message of the queue, without blocking. Received handles belong to the caller. The actual counts may
// be null. Bytes of the buffer behind the message's own are left unspecified. Needs READ.
//
// ZX_ERR_SHOULD_WAIT: nothing queued. ZX_ERR_PEER_CLOSED: nothing queued and the other end is gone, or it broke the
// rules of the transport. ZX_ERR_BUFFER_TOO_SMALL: the message exceeds a buffer; the actual counts tell its true size
// and it stays first in the queue, or is dropped with ZX_CHANNEL_READ_MAY_DISCARD.
// ZX_ERR_NOT_SUPPORTED: other options. ZX_ERR_INVALID_ARGS: null buffer with a size. ZX_ERR_NO_RESOURCES: the process
// has no room for the handles' descriptors; the message is lost, as are its handles.
zx_status_t zx_channel_read(zx_handle_t handle, uint32_t options, void* bytes, zx_handle_t* handles,
                            uint32_t num_bytes, uint32_t num_handles, uint32_t* actual_bytes,
                            uint32_t* actual_handles);

// As zx_channel_read; tells type and rights of each handle.
zx_status_t zx_channel_read_etc(zx_handle_t handle, uint32_t options, void* bytes, zx_handle_info_t* handles,
                                uint32_t num_bytes, uint32_t num_handles, uint32_t* actual_bytes,
                                uint32_t* actual_handles);

// Sends a message and waits for its answer: the message from the peer whose first four bytes equal those of the sent
// one, which this call fills with an id of its own (0x80000000 and up; the caller's buffer is not changed). The answer
// never passes through the queue. Any number of threads may call at once. Waits for room in the queue if need be.
// wr_handles are consumed whatever the result. Needs READ and WRITE.
//
// ZX_ERR_TIMED_OUT: no answer by `deadline` (a late one goes to the queue); the message was sent even if the deadline
// was past from the start, unless there was no room. ZX_ERR_PEER_CLOSED. ZX_ERR_CANCELED: `handle` was closed meanwhile.
// ZX_ERR_BUFFER_TOO_SMALL: the answer exceeds the buffers; it is dropped, the actual counts tell its size.
// ZX_ERR_INVALID_ARGS: options other than USE_IOVEC, less than 4 bytes to send; null actual counts, after the exchange:
// the answer is then dropped. What the peer sends besides the answer stays queued, up to 4096 messages, 4 MiB or 256
// descriptors; a peer that sends more counts as broken (ZX_ERR_PEER_CLOSED).
// Otherwise as zx_channel_write and zx_channel_read.
zx_status_t zx_channel_call(zx_handle_t handle, uint32_t options, zx_time_t deadline,
                            const zx_channel_call_args_t* args, uint32_t* actual_bytes, uint32_t* actual_handles);
zx_status_t zx_channel_call_etc(zx_handle_t handle, uint32_t options, zx_time_t deadline,
                                zx_channel_call_etc_args_t* args, uint32_t* actual_bytes,
                                uint32_t* actual_handles);

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_SYSCALLS_CHANNEL_H_
