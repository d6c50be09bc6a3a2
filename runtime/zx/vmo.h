// The inside of a VMO: a memfd, or a window on one.
#ifndef RUNTIME_ZX_VMO_H_
#define RUNTIME_ZX_VMO_H_

#include <zircon/syscalls/object.h>

#include "runtime/zx/object.h"

struct vmo {
  struct zx_object base;
  int fd;
  bool resizable;
  bool slice;
  bool snapshot;
  bool mappable;               // its size cannot shrink behind our back
  uint64_t offset;             // of a slice in the memfd
  uint64_t size;               // whole pages; of a resizable one see vmo_size; lock
  uint64_t content_size;       // lock
  char name[ZX_MAX_NAME_LEN];  // lock
  struct vmo* parent;          // with a reference; null: none known here
  uint32_t num_children;       // lock
  bool discardable;
  uint32_t lock_count;  // of ZX_VMO_OP_LOCK; lock
  size_t num_mappings;  // mapping.c's, as is the next
  bool forgotten;       // only mappings are left of it
};

// Nothing is left of the VMO, no mapping either: its parent learns of it, and it is freed.
void vmo_finish(struct vmo* vmo);

// The size now, in whole pages. A resizable VMO's may be changed by other processes, so the memfd is asked.
uint64_t vmo_size(struct vmo* vmo);

// zx_vmo_read and zx_vmo_write within the VMO's size.
zx_status_t vmo_read_bytes(const struct vmo* vmo, void* bytes, uint64_t offset, size_t size);
zx_status_t vmo_write_bytes(const struct vmo* vmo, const void* bytes, uint64_t offset, size_t size);

zx_status_t vmo_get_property(struct zx_object* object, uint32_t property, void* value, size_t size);
zx_status_t vmo_set_property(struct zx_object* object, uint32_t property, const void* value, size_t size);
void vmo_info(struct zx_object* object, zx_rights_t rights, zx_info_vmo_t* out);

// Makes a VMO of a memfd, consumed also on failure.
zx_status_t vmo_create_object(int fd, struct vmo** out);

#endif  // RUNTIME_ZX_VMO_H_
