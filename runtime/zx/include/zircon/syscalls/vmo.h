// VMOs: memory as an object, and mappings of it.
#ifndef ZIRCON_SYSCALLS_VMO_H_
#define ZIRCON_SYSCALLS_VMO_H_

#include <zircon/process.h>
#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// Makes a zero-filled VMO of `size` bytes, rounded up to pages; options ZX_VMO_RESIZABLE, ZX_VMO_DISCARDABLE.
// ZX_ERR_INVALID_ARGS: others.
// ZX_ERR_OUT_OF_RANGE: more than 64 TiB.
zx_status_t zx_vmo_create(uint64_t size, uint32_t options, zx_handle_t* out);

// The size in whole pages. Needs no right.
zx_status_t zx_vmo_get_size(zx_handle_t handle, uint64_t* size);

// Needs WRITE. ZX_ERR_UNAVAILABLE: not resizable; ZX_ERR_ACCESS_DENIED: no RESIZE; ZX_ERR_OUT_OF_RANGE.
zx_status_t zx_vmo_set_size(zx_handle_t handle, uint64_t size);

// Copies exactly `size` bytes out of or into the VMO. Needs READ, or WRITE. ZX_ERR_OUT_OF_RANGE: beyond its
// end; nothing is copied.
zx_status_t zx_vmo_read(zx_handle_t handle, void* buffer, uint64_t offset, size_t size);
zx_status_t zx_vmo_write(zx_handle_t handle, const void* buffer, uint64_t offset, size_t size);

// ZX_VMO_OP_*: COMMIT, DECOMMIT and ZERO need WRITE, cache operations READ. ZX_ERR_OUT_OF_RANGE: outside the
// VMO; ZX_ERR_INVALID_ARGS: unknown operation, unaligned DECOMMIT, cache operation on nothing. LOCK, TRY_LOCK
// and UNLOCK need READ or WRITE, a discardable VMO (else ZX_ERR_NOT_SUPPORTED) and its whole range; they
// count in this process, and nothing is ever discarded. LOCK fills `buffer` with a zx_vmo_lock_state_t.
// ZX_ERR_BAD_STATE: UNLOCK, not locked.
zx_status_t zx_vmo_op_range(zx_handle_t handle, uint32_t op, uint64_t offset, uint64_t size, void* buffer,
                            size_t buffer_size);

// Makes a child: a snapshot (a copy of the content now), or a slice or reference (a window on the same
// memory). Needs DUPLICATE and READ. ZX_ERR_INVALID_ARGS, ZX_ERR_OUT_OF_RANGE, ZX_ERR_NOT_SUPPORTED (slice of
// a resizable parent; discardable parent).
zx_status_t zx_vmo_create_child(zx_handle_t handle, uint32_t options, uint64_t offset, uint64_t size,
                                zx_handle_t* out);

// Maps `len` bytes (whole pages) of a VMO; the mapping outlives the VMO's handle. Needs MAP on the VMO, and
// READ, WRITE, EXECUTE as asked. `vmar_offset` is an address: the mapping's with ZX_VM_SPECIFIC or
// _SPECIFIC_OVERWRITE, the one it ends at or below with ZX_VM_OFFSET_IS_UPPER_LIMIT. ZX_VM_ALIGN_* make it a
// multiple. ZX_ERR_ACCESS_DENIED; ZX_ERR_INVALID_ARGS (WRITE without READ, unaligned, length 0);
// ZX_ERR_ALREADY_EXISTS (SPECIFIC over a mapping); ZX_ERR_NOT_SUPPORTED (REQUIRE_NON_RESIZABLE on a resizable
// VMO); ZX_ERR_BUFFER_TOO_SMALL (beyond the end without ALLOW_FAULTS); ZX_ERR_OUT_OF_RANGE.
zx_status_t zx_vmar_map(zx_handle_t handle, zx_vm_option_t options, size_t vmar_offset, zx_handle_t vmo,
                        uint64_t vmo_offset, size_t len, zx_vaddr_t* mapped_addr);

// Page-aligned ranges, ZX_ERR_INVALID_ARGS otherwise. Protecting: ZX_ERR_ACCESS_DENIED beyond the rights of
// the handle that was mapped; ZX_ERR_NOT_FOUND where nothing is mapped.
zx_status_t zx_vmar_unmap(zx_handle_t handle, zx_vaddr_t addr, size_t len);
zx_status_t zx_vmar_protect(zx_handle_t handle, zx_vm_option_t options, zx_vaddr_t addr, size_t len);

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_SYSCALLS_VMO_H_
