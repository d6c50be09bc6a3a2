// Mappings: the process's own address space, through mmap.
#include <errno.h>
#include <sys/mman.h>

#include <zircon/syscalls/vmo.h>

#include "runtime/zx/handle.h"
#include "runtime/zx/memory.h"
#include "runtime/zx/vmo.h"

#define ROOT_VMAR ((zx_handle_t)0x000fffff)  // the handle table never gives this value out
#define PERMISSIONS (ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_PERM_EXECUTE)
#define MAP_OPTIONS                                                                                          \
  (PERMISSIONS | ZX_VM_SPECIFIC | ZX_VM_SPECIFIC_OVERWRITE | ZX_VM_MAP_RANGE | ZX_VM_REQUIRE_NON_RESIZABLE | \
   ZX_VM_ALLOW_FAULTS)

zx_handle_t zx_vmar_root_self(void) {
  return ROOT_VMAR;
}

static zx_status_t check_vmar(zx_handle_t handle) {
  if (handle == ROOT_VMAR) return ZX_OK;
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_VMAR, 0, &object, NULL);
  if (status == ZX_OK) object_unref(object);
  return status == ZX_OK ? ZX_ERR_WRONG_TYPE : status;
}

static bool is_page_aligned(uint64_t value) {
  return value % memory_round_to_page(1) == 0;
}

static int protection(zx_vm_option_t options) {
  return (options & ZX_VM_PERM_READ ? PROT_READ : 0) | (options & ZX_VM_PERM_WRITE ? PROT_WRITE : 0) |
         (options & ZX_VM_PERM_EXECUTE ? PROT_EXEC : 0);
}

static zx_status_t check_options(zx_vm_option_t options, size_t vmar_offset, uint64_t vmo_offset,
                                 size_t len) {
  bool specific = options & (ZX_VM_SPECIFIC | ZX_VM_SPECIFIC_OVERWRITE);
  if (options & ~MAP_OPTIONS) return ZX_ERR_INVALID_ARGS;
  if ((options & (ZX_VM_PERM_WRITE | ZX_VM_PERM_EXECUTE)) && !(options & ZX_VM_PERM_READ))
    return ZX_ERR_INVALID_ARGS;
  if (!len || !is_page_aligned(len) || !is_page_aligned(vmo_offset) || !is_page_aligned(vmar_offset)) {
    return ZX_ERR_INVALID_ARGS;
  }
  if (vmar_offset && !specific) return ZX_ERR_INVALID_ARGS;
  return vmo_offset + len < vmo_offset ? ZX_ERR_OUT_OF_RANGE : ZX_OK;
}

static zx_status_t check_vmo(struct vmo* vmo, zx_rights_t rights, zx_vm_option_t options, uint64_t end) {
  zx_rights_t needed = (options & ZX_VM_PERM_READ ? ZX_RIGHT_READ : 0) |
                       (options & ZX_VM_PERM_WRITE ? ZX_RIGHT_WRITE : 0) |
                       (options & ZX_VM_PERM_EXECUTE ? ZX_RIGHT_EXECUTE : 0);
  if ((rights & needed) != needed) return ZX_ERR_ACCESS_DENIED;
  if ((options & ZX_VM_REQUIRE_NON_RESIZABLE) && vmo->resizable) return ZX_ERR_NOT_SUPPORTED;
  if (!(options & ZX_VM_ALLOW_FAULTS) && !vmo->resizable && end > vmo->size) return ZX_ERR_BUFFER_TOO_SMALL;
  if (vmo->slice && end > vmo->size) return ZX_ERR_OUT_OF_RANGE;  // the memfd goes on behind a slice's end
  return ZX_OK;
}

static zx_status_t map(struct vmo* vmo, zx_vm_option_t options, size_t at, uint64_t offset, size_t len,
                       zx_vaddr_t* out) {
  int flags = MAP_SHARED;
  if (options & ZX_VM_SPECIFIC_OVERWRITE) {
    flags |= MAP_FIXED;
  } else if (options & ZX_VM_SPECIFIC) {
    flags |= MAP_FIXED_NOREPLACE;
  }
  if (options & ZX_VM_MAP_RANGE) flags |= MAP_POPULATE;
  void* address = mmap((void*)at, len, protection(options), flags, vmo->fd, (off_t)(vmo->offset + offset));
  if (address == MAP_FAILED) {
    if (errno == EEXIST) return ZX_ERR_ALREADY_EXISTS;
    return errno == EACCES || errno == EPERM ? ZX_ERR_ACCESS_DENIED : ZX_ERR_NO_MEMORY;
  }
  *out = (zx_vaddr_t)address;
  return ZX_OK;
}

zx_status_t zx_vmar_map(zx_handle_t handle, zx_vm_option_t options, size_t vmar_offset,
                        zx_handle_t vmo_handle, uint64_t vmo_offset, size_t len, zx_vaddr_t* mapped_addr) {
  struct zx_object* object;
  zx_rights_t rights;
  zx_status_t status = check_vmar(handle);
  if (status != ZX_OK) return status;
  status = handle_lookup(vmo_handle, ZX_OBJ_TYPE_VMO, ZX_RIGHT_MAP, &object, &rights);
  if (status != ZX_OK) return status;
  struct vmo* vmo = (struct vmo*)object;
  status = mapped_addr ? check_options(options, vmar_offset, vmo_offset, len) : ZX_ERR_INVALID_ARGS;
  if (status == ZX_OK) status = check_vmo(vmo, rights, options, vmo_offset + len);
  if (status == ZX_OK) status = map(vmo, options, vmar_offset, vmo_offset, len, mapped_addr);
  object_unref(object);
  return status;
}

zx_status_t zx_vmar_unmap(zx_handle_t handle, zx_vaddr_t addr, size_t len) {
  zx_status_t status = check_vmar(handle);
  if (status != ZX_OK) return status;
  if (!len || !is_page_aligned(addr) || !is_page_aligned(len)) return ZX_ERR_INVALID_ARGS;
  return munmap((void*)addr, len) == 0 ? ZX_OK : ZX_ERR_INVALID_ARGS;
}

zx_status_t zx_vmar_protect(zx_handle_t handle, zx_vm_option_t options, zx_vaddr_t addr, size_t len) {
  zx_status_t status = check_vmar(handle);
  if (status != ZX_OK) return status;
  if ((options & ~PERMISSIONS) || ((options & ~ZX_VM_PERM_READ) && !(options & ZX_VM_PERM_READ))) {
    return ZX_ERR_INVALID_ARGS;
  }
  if (!len || !is_page_aligned(addr) || !is_page_aligned(len)) return ZX_ERR_INVALID_ARGS;
  if (mprotect((void*)addr, len, protection(options)) == 0) return ZX_OK;
  return errno == EACCES ? ZX_ERR_ACCESS_DENIED : errno == ENOMEM ? ZX_ERR_NOT_FOUND : ZX_ERR_INVALID_ARGS;
}
