// Mappings: the process's own address space, through mmap.
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <zircon/syscalls/vmo.h>

#include "runtime/zx/handle.h"
#include "runtime/zx/mapping.h"
#include "runtime/zx/memory.h"
#include "runtime/zx/vmar.h"

#define PERMISSIONS (ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_PERM_EXECUTE)
#define ALIGNMENT_MASK ((zx_vm_option_t)0xff << ZX_VM_ALIGN_BASE)
#define MAP_OPTIONS                                                                                          \
  (PERMISSIONS | ZX_VM_SPECIFIC | ZX_VM_SPECIFIC_OVERWRITE | ZX_VM_MAP_RANGE | ZX_VM_REQUIRE_NON_RESIZABLE | \
   ZX_VM_ALLOW_FAULTS | ZX_VM_OFFSET_IS_UPPER_LIMIT | ALIGNMENT_MASK)

static struct zx_object* root;

static zx_signals_t vmar_peek(struct zx_object* object) {
  return 0;
}

static void vmar_destroy(struct zx_object* object);

static const struct object_ops vmar_ops = {
    .type = ZX_OBJ_TYPE_VMAR, .rights = ZX_DEFAULT_VMAR_RIGHTS, .peek = vmar_peek, .destroy = vmar_destroy};

// One that a child has inherited, once nothing in its table is left of it.
static void vmar_destroy(struct zx_object* object) {
  if (object == root) root = NULL;
  free(object);
}

// An address space is its process's: a forked child, which has one of its own, makes the object anew.
struct zx_object* vmar_root(void) {
  if (root && !object_is_inherited(root)) return root;
  struct zx_object* inherited = root;
  struct zx_object* made = calloc(1, sizeof(*made));
  if (!made) return NULL;
  object_init(made, &vmar_ops, -1);
  root = made;
  object_unref(inherited);
  return root;
}

zx_handle_t zx_vmar_root_self(void) {
  return HANDLE_OF_ROOT_VMAR;
}

static zx_status_t check_vmar(zx_handle_t handle) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_VMAR, 0, &object, NULL);
  if (status == ZX_OK) object_unref(object);
  return status;
}

static bool is_page_aligned(uint64_t value) {
  return value % memory_round_to_page(1) == 0;
}

static int protection(zx_vm_option_t options) {
  return (options & ZX_VM_PERM_READ ? PROT_READ : 0) | (options & ZX_VM_PERM_WRITE ? PROT_WRITE : 0) |
         (options & ZX_VM_PERM_EXECUTE ? PROT_EXEC : 0);
}

// The power of two that `options` want the address to be a multiple of; 0: an impossible one.
static size_t alignment(zx_vm_option_t options) {
  unsigned power = options >> ZX_VM_ALIGN_BASE;
  if (power == 0) return memory_round_to_page(1);
  if (power < 10 || power > 32) return 0;
  size_t align = (size_t)1 << power;
  return align > memory_round_to_page(1) ? align : memory_round_to_page(1);
}

static zx_status_t check_options(zx_vm_option_t options, size_t vmar_offset, uint64_t vmo_offset,
                                 size_t len) {
  zx_vm_option_t place = options & (ZX_VM_SPECIFIC | ZX_VM_SPECIFIC_OVERWRITE | ZX_VM_OFFSET_IS_UPPER_LIMIT);
  size_t align = alignment(options);
  if ((options & ~MAP_OPTIONS) || !align || (place & (place - 1))) return ZX_ERR_INVALID_ARGS;
  if ((options & (ZX_VM_PERM_WRITE | ZX_VM_PERM_EXECUTE)) && !(options & ZX_VM_PERM_READ))
    return ZX_ERR_INVALID_ARGS;
  if (!len || !is_page_aligned(len) || !is_page_aligned(vmo_offset) || !is_page_aligned(vmar_offset)) {
    return ZX_ERR_INVALID_ARGS;
  }
  if (vmar_offset && !place) return ZX_ERR_INVALID_ARGS;
  if ((place & ~ZX_VM_OFFSET_IS_UPPER_LIMIT) && vmar_offset % align) return ZX_ERR_INVALID_ARGS;
  return vmo_offset + len < vmo_offset ? ZX_ERR_OUT_OF_RANGE : ZX_OK;
}

static zx_vm_option_t permissions_of(zx_rights_t rights) {
  return (rights & ZX_RIGHT_READ ? ZX_VM_PERM_READ : 0) | (rights & ZX_RIGHT_WRITE ? ZX_VM_PERM_WRITE : 0) |
         (rights & ZX_RIGHT_EXECUTE ? ZX_VM_PERM_EXECUTE : 0);
}

static zx_status_t check_vmo(struct vmo* vmo, zx_rights_t rights, zx_vm_option_t options, uint64_t end) {
  if (options & PERMISSIONS & ~permissions_of(rights)) return ZX_ERR_ACCESS_DENIED;
  if ((options & ZX_VM_REQUIRE_NON_RESIZABLE) && vmo->resizable) return ZX_ERR_NOT_SUPPORTED;
  if (!(options & ZX_VM_ALLOW_FAULTS) && !vmo->resizable && end > vmo->size) return ZX_ERR_BUFFER_TOO_SMALL;
  if (vmo->slice && end > vmo->size) return ZX_ERR_OUT_OF_RANGE;  // the memfd goes on behind a slice's end
  return ZX_OK;
}

// Keeps an address range free for a mapping: aligned, and below a limit. 0: there is none.
static uintptr_t reserve_aligned(size_t len, size_t align) {
  size_t size = len + align;
  if (size < len) return 0;
  char* at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return 0;
  size_t before = (align - (uintptr_t)at % align) % align;
  if (before) munmap(at, before);
  munmap(at + before + len, size - before - len);
  return (uintptr_t)at + before;
}

static uintptr_t reserve_below(size_t len, size_t align, uintptr_t limit) {
  if (limit < len) return 0;
  size_t step = align;
  uintptr_t at = (limit - len) / align * align;
  for (int tries = 1; at; tries++) {
    void* got = mmap((void*)at, len, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == (void*)at) return at;
    if (got != MAP_FAILED) munmap(got, len);
    if (tries % 16 == 0 && step < SIZE_MAX / 4) step *= 2;
    at = at > step ? at - step : 0;
  }
  return 0;
}

// Where to map, and with which flags. ZX_ERR_NO_MEMORY: no place.
static zx_status_t choose_place(zx_vm_option_t options, size_t offset, size_t len, uintptr_t* out_at,
                                int* out_flags) {
  size_t align = alignment(options);
  *out_at = offset;
  *out_flags = options & ZX_VM_SPECIFIC             ? MAP_FIXED_NOREPLACE
               : options & ZX_VM_SPECIFIC_OVERWRITE ? MAP_FIXED
                                                    : 0;
  if (*out_flags) return ZX_OK;
  bool limited = options & ZX_VM_OFFSET_IS_UPPER_LIMIT;
  if (!limited && align == memory_round_to_page(1)) return ZX_OK;
  *out_at = limited ? reserve_below(len, align, offset) : reserve_aligned(len, align);
  *out_flags = MAP_FIXED;
  return *out_at ? ZX_OK : ZX_ERR_NO_MEMORY;
}

static zx_status_t map(struct vmo* vmo, zx_vm_option_t options, size_t vmar_offset, uint64_t offset,
                       size_t len, zx_vaddr_t* out) {
  uintptr_t at;
  int flags;
  zx_status_t status = choose_place(options, vmar_offset, len, &at, &flags);
  if (status != ZX_OK) return status;
  bool reserved = flags == MAP_FIXED && !(options & ZX_VM_SPECIFIC_OVERWRITE);
  flags |= MAP_SHARED | (options & ZX_VM_MAP_RANGE ? MAP_POPULATE : 0);
  void* address = mmap((void*)at, len, protection(options), flags, vmo->fd, (off_t)(vmo->offset + offset));
  if (address == MAP_FAILED) {
    status = errno == EEXIST                     ? ZX_ERR_ALREADY_EXISTS
             : errno == EACCES || errno == EPERM ? ZX_ERR_ACCESS_DENIED
                                                 : ZX_ERR_NO_MEMORY;
    if (reserved) munmap((void*)at, len);
    return status;
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
  struct mapping* mapping = NULL;
  status = mapped_addr ? check_options(options, vmar_offset, vmo_offset, len) : ZX_ERR_INVALID_ARGS;
  if (status == ZX_OK) status = check_vmo(vmo, rights, options, vmo_offset + len);
  if (status == ZX_OK && !(mapping = mapping_alloc())) status = ZX_ERR_NO_MEMORY;
  if (status == ZX_OK) status = map(vmo, options, vmar_offset, vmo_offset, len, mapped_addr);
  if (status == ZX_OK) {
    mapping_add(mapping, *mapped_addr, len, vmo, permissions_of(rights));
  } else {
    free(mapping);
  }
  object_unref(object);
  return status;
}

static bool is_valid_range(zx_vaddr_t addr, size_t len) {
  return len && is_page_aligned(addr) && is_page_aligned(len) && addr + len > addr;
}

zx_status_t zx_vmar_unmap(zx_handle_t handle, zx_vaddr_t addr, size_t len) {
  zx_status_t status = check_vmar(handle);
  if (status != ZX_OK) return status;
  if (!is_valid_range(addr, len)) return ZX_ERR_INVALID_ARGS;
  // First the list: the addresses may be another thread's as soon as they are free.
  mapping_remove(addr, len);
  return munmap((void*)addr, len) == 0 ? ZX_OK : ZX_ERR_INVALID_ARGS;
}

zx_status_t zx_vmar_protect(zx_handle_t handle, zx_vm_option_t options, zx_vaddr_t addr, size_t len) {
  zx_status_t status = check_vmar(handle);
  if (status != ZX_OK) return status;
  if ((options & ~PERMISSIONS) || ((options & ~ZX_VM_PERM_READ) && !(options & ZX_VM_PERM_READ))) {
    return ZX_ERR_INVALID_ARGS;
  }
  if (!is_valid_range(addr, len)) return ZX_ERR_INVALID_ARGS;
  if (!mapping_allows(addr, len, options)) return ZX_ERR_ACCESS_DENIED;
  if (mprotect((void*)addr, len, protection(options)) == 0) return ZX_OK;
  return errno == EACCES ? ZX_ERR_ACCESS_DENIED : errno == ENOMEM ? ZX_ERR_NOT_FOUND : ZX_ERR_INVALID_ARGS;
}
