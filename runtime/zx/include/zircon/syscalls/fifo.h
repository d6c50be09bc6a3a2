// Fifos: two queues of small fixed-size elements in shared memory, one each way.
#ifndef ZIRCON_SYSCALLS_FIFO_H_
#define ZIRCON_SYSCALLS_FIFO_H_

#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// Makes a fifo of `elem_count` elements of `elem_size` bytes each way. ZX_ERR_OUT_OF_RANGE: one of them is 0, or their
// product exceeds ZX_FIFO_MAX_SIZE_BYTES. ZX_ERR_INVALID_ARGS: `options` is not 0. The first use of an end may be
// ZX_ERR_NO_MEMORY, as an eventpair's.
zx_status_t zx_fifo_create(size_t elem_count, size_t elem_size, uint32_t options, zx_handle_t* out0,
                           zx_handle_t* out1);

// Puts up to `count` elements into the queue to the other end; `actual` (may be null) tells how many fitted, at least
// one. Costs no system call unless the reader sleeps. Needs WRITE. In this order: ZX_ERR_OUT_OF_RANGE: `elem_size`
// differs from the fifo's, `count` is 0; ZX_ERR_PEER_CLOSED; ZX_ERR_SHOULD_WAIT: full; ZX_ERR_INVALID_ARGS: null `data`.
zx_status_t zx_fifo_write(zx_handle_t handle, size_t elem_size, const void* data, size_t count, size_t* actual);

// Takes up to `count` elements. What the other end left can be read after it has gone. Needs READ.
// ZX_ERR_SHOULD_WAIT: empty; ZX_ERR_PEER_CLOSED: empty and the other end is gone or broke the queue; otherwise as above.
zx_status_t zx_fifo_read(zx_handle_t handle, size_t elem_size, void* data, size_t count, size_t* actual);

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_SYSCALLS_FIFO_H_
