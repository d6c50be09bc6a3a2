// Which VMOs this process has mapped where, through zx_vmar_map.
#ifndef RUNTIME_ZX_MAPPING_H_
#define RUNTIME_ZX_MAPPING_H_

#include "runtime/zx/vmo.h"

struct mapping;

// Room for one mapping, to be given to mapping_add or freed. Null: no memory.
struct mapping* mapping_alloc(void);

// Notes that [address, address + size) maps `vmo` now, and no longer what was there before. `allowed`:
// ZX_VM_PERM_* that zx_vmar_protect may give it. The mapping keeps the VMO's place in its family, not its
// descriptor.
void mapping_add(struct mapping* mapping, uintptr_t address, size_t size, struct vmo* vmo,
                 zx_vm_option_t allowed);

// Notes that nothing is mapped there any more.
void mapping_remove(uintptr_t address, size_t size);

// Whether all that is mapped in the range may have `permissions`.
bool mapping_allows(uintptr_t address, size_t size, zx_vm_option_t permissions);

size_t mapping_count(const struct vmo* vmo);

// The VMO's last reference goes. False: it is mapped still, and vmo_finish will be called with the last
// mapping.
bool mapping_forget(struct vmo* vmo);

// After fork, in the child.
void mapping_forget_locks(void);

#endif  // RUNTIME_ZX_MAPPING_H_
