// Children of VMOs, and operations on ranges.
//
// A slice or a reference is a window on the parent's memfd. A snapshot is a memfd of its own with a copy of
// the content: Linux has no copy-on-write between memfds.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zircon/syscalls/handle.h>
#include <zircon/syscalls/vmo.h>

#include "runtime/zx/handle.h"
#include "runtime/zx/memory.h"
#include "runtime/zx/scratch.h"
#include "runtime/zx/vmo.h"

#define KINDS                                                                             \
  (ZX_VMO_CHILD_SNAPSHOT | ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE | ZX_VMO_CHILD_SLICE | \
   ZX_VMO_CHILD_REFERENCE)
#define SNAPSHOTS (ZX_VMO_CHILD_SNAPSHOT | ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE)

static zx_status_t check_child(struct vmo* parent, uint32_t options, uint64_t offset, uint64_t size) {
  uint32_t kind = options & KINDS;
  if ((options & ~(KINDS | ZX_VMO_CHILD_RESIZABLE | ZX_VMO_CHILD_NO_WRITE)) || !kind || (kind & (kind - 1))) {
    return ZX_ERR_INVALID_ARGS;
  }
  bool resizable = options & ZX_VMO_CHILD_RESIZABLE;
  if (resizable && ((options & ZX_VMO_CHILD_NO_WRITE) || kind == ZX_VMO_CHILD_SLICE))
    return ZX_ERR_INVALID_ARGS;
  if (offset != memory_round_to_page(offset)) return ZX_ERR_INVALID_ARGS;
  if (offset + size < offset || size > (uint64_t)1 << 46) return ZX_ERR_OUT_OF_RANGE;
  if (parent->discardable) return ZX_ERR_NOT_SUPPORTED;
  if (kind & SNAPSHOTS) return ZX_OK;
  if (kind == ZX_VMO_CHILD_REFERENCE) {
    if (offset || size) return ZX_ERR_INVALID_ARGS;
    return resizable && !parent->resizable ? ZX_ERR_NOT_SUPPORTED : ZX_OK;
  }
  uint64_t end = vmo_size(parent);
  if (offset > end || memory_round_to_page(size) > end - offset) return ZX_ERR_INVALID_ARGS;
  return parent->resizable ? ZX_ERR_NOT_SUPPORTED : ZX_OK;
}

// Copies what a range has behind the end of the parent's memfd: the rest of its last page.
static zx_status_t copy_last_page(struct vmo* parent, uint64_t offset, uint64_t size, int to) {
  struct stat st;
  char bytes[256];
  if (fstat(parent->fd, &st) != 0) return ZX_ERR_INTERNAL;
  uint64_t last = memory_round_to_page((size_t)st.st_size) - parent->offset;
  uint64_t end = last < offset + size ? last : offset + size;
  uint64_t at = (uint64_t)st.st_size - parent->offset;
  zx_status_t status = ZX_OK;
  while (at >= offset && at < end && status == ZX_OK) {
    size_t chunk = end - at < sizeof(bytes) ? (size_t)(end - at) : sizeof(bytes);
    status = vmo_read_bytes(parent, bytes, at, chunk);
    if (status == ZX_OK && pwrite(to, bytes, chunk, (off_t)(at - offset)) != (ssize_t)chunk)
      status = ZX_ERR_NO_MEMORY;
    at += chunk;
  }
  return status;
}

// Copies what the parent has of the range; holes stay holes.
static zx_status_t copy_content(struct vmo* parent, uint64_t offset, uint64_t size, int to) {
  uint64_t end = vmo_size(parent);
  if (offset >= end) return ZX_OK;
  if (size > end - offset) size = end - offset;
  char* buffer = scratch_get();
  if (!buffer) return ZX_ERR_NO_MEMORY;
  zx_status_t status = ZX_OK;
  for (uint64_t at = 0; at < size && status == ZX_OK;) {
    off_t data = lseek(parent->fd, (off_t)(parent->offset + offset + at), SEEK_DATA);
    if (data < 0) break;
    at = (uint64_t)data - parent->offset - offset;
    if (at >= size) break;
    size_t chunk = size - at < SCRATCH_BYTES ? (size_t)(size - at) : SCRATCH_BYTES;
    ssize_t got = pread(parent->fd, buffer, chunk, data);
    if (got <= 0 || pwrite(to, buffer, (size_t)got, (off_t)at) != got) status = ZX_ERR_NO_MEMORY;
    at += got > 0 ? (uint64_t)got : 0;
  }
  scratch_put(buffer);
  return status == ZX_OK ? copy_last_page(parent, offset, size, to) : status;
}

static zx_status_t make_snapshot(struct vmo* parent, uint32_t options, uint64_t offset, uint64_t size,
                                 struct vmo** out) {
  int fd = memfd_create("vmo", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return ZX_ERR_NO_RESOURCES;
  int seals = F_SEAL_SEAL | (options & ZX_VMO_CHILD_RESIZABLE ? 0 : F_SEAL_SHRINK | F_SEAL_GROW);
  zx_status_t status = ftruncate(fd, (off_t)memory_round_to_page(size)) == 0 ? ZX_OK : ZX_ERR_NO_MEMORY;
  if (status == ZX_OK) status = copy_content(parent, offset, memory_round_to_page(size), fd);
  if (status == ZX_OK && fcntl(fd, F_ADD_SEALS, seals) != 0) status = ZX_ERR_INTERNAL;
  if (status != ZX_OK) {
    close(fd);
    return status;
  }
  status = vmo_create_object(fd, out);
  if (status == ZX_OK) (*out)->mappable = (*out)->snapshot = true;
  return status;
}

static zx_status_t make_window(struct vmo* parent, uint32_t options, uint64_t offset, uint64_t size,
                               struct vmo** out) {
  int fd = fcntl(parent->fd, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return ZX_ERR_NO_RESOURCES;
  zx_status_t status = vmo_create_object(fd, out);
  if (status != ZX_OK) return status;
  (*out)->mappable = parent->mappable;
  if (options & ZX_VMO_CHILD_REFERENCE) {
    (*out)->slice = parent->slice;
    (*out)->offset = parent->offset;
    (*out)->size = parent->size;
  } else {
    (*out)->slice = true;
    (*out)->offset = parent->offset + offset;
    (*out)->size = memory_round_to_page(size);
  }
  return ZX_OK;
}

static void adopt(struct vmo* parent, struct vmo* child, bool named) {
  object_ref(&parent->base);
  child->parent = parent;
  pthread_mutex_lock(&parent->base.lock);
  object_change_begin(&parent->base, 0);
  parent->num_children++;
  object_change_end(&parent->base);
  if (named) memcpy(child->name, parent->name, sizeof(child->name));
  pthread_mutex_unlock(&parent->base.lock);
}

static zx_rights_t child_rights(zx_rights_t rights, uint32_t options) {
  rights = (rights & ~ZX_RIGHT_RESIZE) | ZX_RIGHTS_PROPERTY;
  if (options & ZX_VMO_CHILD_RESIZABLE) rights |= ZX_RIGHT_RESIZE;
  if (options & ZX_VMO_CHILD_NO_WRITE) return rights & ~ZX_RIGHT_WRITE;
  return options & SNAPSHOTS ? (rights | ZX_RIGHT_WRITE) & ~ZX_RIGHT_EXECUTE : rights;
}

zx_status_t zx_vmo_create_child(zx_handle_t handle, uint32_t options, uint64_t offset, uint64_t size,
                                zx_handle_t* out) {
  struct zx_object* object;
  zx_rights_t rights;
  zx_status_t status =
      handle_lookup(handle, ZX_OBJ_TYPE_VMO, ZX_RIGHT_DUPLICATE | ZX_RIGHT_READ, &object, &rights);
  if (status != ZX_OK) return status;
  struct vmo* parent = (struct vmo*)object;
  struct vmo* child = NULL;
  status = out ? check_child(parent, options, offset, size) : ZX_ERR_INVALID_ARGS;
  if (status == ZX_OK) {
    status = options & SNAPSHOTS ? make_snapshot(parent, options, offset, size, &child)
                                 : make_window(parent, options, offset, size, &child);
  }
  if (status == ZX_OK) {
    child->content_size = options & ZX_VMO_CHILD_REFERENCE ? parent->content_size : size;
    child->base.related_koid = 0;
    adopt(parent, child, rights & ZX_RIGHT_GET_PROPERTY);
    status = handle_create(&child->base, child_rights(rights, options), out);
  }
  object_unref(object);
  return status;
}

static zx_status_t check_op(struct vmo* vmo, zx_rights_t rights, uint32_t op, uint64_t offset,
                            uint64_t size) {
  zx_rights_t needed;
  switch (op) {
    case ZX_VMO_OP_COMMIT:
    case ZX_VMO_OP_DECOMMIT:
    case ZX_VMO_OP_ZERO:
      needed = ZX_RIGHT_WRITE;
      break;
    case ZX_VMO_OP_CACHE_SYNC:
    case ZX_VMO_OP_CACHE_INVALIDATE:
    case ZX_VMO_OP_CACHE_CLEAN:
    case ZX_VMO_OP_CACHE_CLEAN_INVALIDATE:
      if (!size) return ZX_ERR_INVALID_ARGS;
      needed = ZX_RIGHT_READ;
      break;
    case ZX_VMO_OP_DONT_NEED:
    case ZX_VMO_OP_ALWAYS_NEED:
      needed = 0;
      break;
    case ZX_VMO_OP_LOCK:
    case ZX_VMO_OP_TRY_LOCK:
    case ZX_VMO_OP_UNLOCK:
      if (!(rights & (ZX_RIGHT_READ | ZX_RIGHT_WRITE))) return ZX_ERR_ACCESS_DENIED;
      if (!vmo->discardable) return ZX_ERR_NOT_SUPPORTED;
      return offset || size != vmo_size(vmo) ? ZX_ERR_OUT_OF_RANGE : ZX_OK;
    default:
      return ZX_ERR_INVALID_ARGS;
  }
  if ((rights & needed) != needed) return ZX_ERR_ACCESS_DENIED;
  uint64_t end = vmo_size(vmo);
  if (offset > end || size > end - offset) return ZX_ERR_OUT_OF_RANGE;
  bool aligned = offset == memory_round_to_page(offset) && size == memory_round_to_page(size);
  return op == ZX_VMO_OP_DECOMMIT && !aligned ? ZX_ERR_INVALID_ARGS : ZX_OK;
}

static bool is_lock_op(uint32_t op) {
  return op == ZX_VMO_OP_LOCK || op == ZX_VMO_OP_TRY_LOCK || op == ZX_VMO_OP_UNLOCK;
}

// Locks on a discardable VMO: nothing here discards its pages, so a lock never finds any discarded.
static zx_status_t change_lock(struct vmo* vmo, uint32_t op, uint64_t size, void* buffer,
                               size_t buffer_size) {
  zx_vmo_lock_state_t state = {.size = size};
  if (op == ZX_VMO_OP_LOCK && (!buffer || buffer_size < sizeof(state))) return ZX_ERR_INVALID_ARGS;
  zx_status_t status = ZX_OK;
  pthread_mutex_lock(&vmo->base.lock);
  if (op != ZX_VMO_OP_UNLOCK) {
    vmo->lock_count++;
  } else if (vmo->lock_count) {
    vmo->lock_count--;
  } else {
    status = ZX_ERR_BAD_STATE;
  }
  pthread_mutex_unlock(&vmo->base.lock);
  if (op == ZX_VMO_OP_LOCK) memcpy(buffer, &state, sizeof(state));
  return status;
}

static zx_status_t change_range(struct vmo* vmo, uint32_t op, uint64_t offset, uint64_t size) {
  int mode;
  if (op == ZX_VMO_OP_COMMIT) {
    mode = FALLOC_FL_KEEP_SIZE;
  } else if (op == ZX_VMO_OP_DECOMMIT || op == ZX_VMO_OP_ZERO) {
    mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
  } else {
    return ZX_OK;  // memory is coherent here, and hints stay hints
  }
  // Behind the end of a memfd that may not grow there is but the rest of its last page.
  struct stat st;
  if (op == ZX_VMO_OP_COMMIT && fstat(vmo->fd, &st) == 0) {
    uint64_t end = (uint64_t)st.st_size > vmo->offset ? (uint64_t)st.st_size - vmo->offset : 0;
    if (offset + size > end) size = end > offset ? end - offset : 0;
  }
  if (!size) return ZX_OK;
  if (fallocate(vmo->fd, mode, (off_t)(vmo->offset + offset), (off_t)size) == 0) return ZX_OK;
  return errno == EPERM || errno == EBADF ? ZX_ERR_ACCESS_DENIED : ZX_ERR_NO_MEMORY;
}

zx_status_t zx_vmo_op_range(zx_handle_t handle, uint32_t op, uint64_t offset, uint64_t size, void* buffer,
                            size_t buffer_size) {
  struct zx_object* object;
  zx_rights_t rights;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_VMO, 0, &object, &rights);
  if (status != ZX_OK) return status;
  status = check_op((struct vmo*)object, rights, op, offset, size);
  if (status == ZX_OK && is_lock_op(op)) {
    status = change_lock((struct vmo*)object, op, size, buffer, buffer_size);
  } else if (status == ZX_OK) {
    status = change_range((struct vmo*)object, op, offset, size);
  }
  object_unref(object);
  return status;
}
