// Handles: closing, duplicating, replacing. A process has at most 261,632 of them; what would make more is
// ZX_ERR_NO_RESOURCES.
#ifndef ZIRCON_SYSCALLS_HANDLE_H_
#define ZIRCON_SYSCALLS_HANDLE_H_

#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// Closes a handle. ZX_HANDLE_INVALID is fine. Waits made with this handle value end (blocking ones with
// ZX_ERR_CANCELED); packets already in a port stay. The last handle of a peered object raises the peer's PEER_CLOSED.
// ZX_ERR_BAD_HANDLE.
zx_status_t zx_handle_close(zx_handle_t handle);

// Closes every valid handle among `num_handles` values. ZX_HANDLE_INVALID entries are fine; if any other entry names
// nothing or is repeated: ZX_ERR_BAD_HANDLE, after closing the rest.
zx_status_t zx_handle_close_many(const zx_handle_t* handles, size_t num_handles);

// Makes another handle of the same object with `rights` (a subset, or ZX_RIGHT_SAME_RIGHTS). Needs DUPLICATE.
// ZX_ERR_BAD_HANDLE, ZX_ERR_ACCESS_DENIED, ZX_ERR_INVALID_ARGS (not a subset; null `out`).
zx_status_t zx_handle_duplicate(zx_handle_t handle, zx_rights_t rights, zx_handle_t* out);

// Exchanges a handle for a new one with `rights` (a subset, or ZX_RIGHT_SAME_RIGHTS). Needs no right. `handle` is gone
// afterwards whatever the result. ZX_ERR_BAD_HANDLE, ZX_ERR_INVALID_ARGS (not a subset).
zx_status_t zx_handle_replace(zx_handle_t handle, zx_rights_t rights, zx_handle_t* out);

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_SYSCALLS_HANDLE_H_
