// VMOs: making them, their size, their passage from process to process.
#include "runtime/zx/vmo.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls/handle.h>
#include <zircon/syscalls/vmo.h>

#include "runtime/zx/handle.h"
#include "runtime/zx/mapping.h"
#include "runtime/zx/memory.h"
#include "runtime/zx/transfer.h"

#define WIRE_SLICE 2u
#define WIRE_DISCARDABLE 4u
#define MAX_SIZE ((uint64_t)1 << 46)

static zx_signals_t vmo_peek(struct zx_object* object) {
  const struct vmo* vmo = (const struct vmo*)object;
  return object->user_signals | (vmo->num_children ? 0 : ZX_VMO_ZERO_CHILDREN);
}

static zx_signals_t vmo_arm(struct zx_object* object, zx_signals_t want, short* events) {
  return vmo_peek(object);
}

static zx_signals_t vmo_ready(struct zx_object* object, zx_signals_t want, short revents) {
  return vmo_peek(object);
}

static zx_status_t vmo_pack(struct zx_object* object, bool moves, struct wire_handle* wire,
                            int fds[OBJECT_MAX_FDS], unsigned* num_fds) {
  struct vmo* vmo = (struct vmo*)object;
  pthread_mutex_lock(&object->lock);
  wire->values[0] = vmo->content_size;
  memcpy(wire->name, vmo->name, sizeof(wire->name));
  if (vmo->discardable) wire->flags |= WIRE_DISCARDABLE;
  if (vmo->slice) {
    wire->flags |= WIRE_SLICE;
    wire->values[1] = vmo->offset;
    wire->values[2] = vmo->size;
  }
  pthread_mutex_unlock(&object->lock);
  fds[0] = vmo->fd;
  *num_fds = 1;
  return ZX_OK;
}

static void vmo_destroy(struct zx_object* object) {
  struct vmo* vmo = (struct vmo*)object;
  close(vmo->fd);
  if (mapping_forget(vmo)) vmo_finish(vmo);
}

// Frees a VMO and tells its parent. Whether that was the last reference to the parent.
static bool leave_family(struct vmo* vmo, struct vmo** out_parent) {
  struct vmo* parent = *out_parent = vmo->parent;
  free(vmo);
  if (!parent) return false;
  pthread_mutex_lock(&parent->base.lock);
  if (--parent->num_children == 0) object_notify(&parent->base, vmo_peek(&parent->base));
  pthread_mutex_unlock(&parent->base.lock);
  return object_unref_is_last(&parent->base);
}

void vmo_finish(struct vmo* vmo) {
  // A loop, since families can be deep.
  for (struct vmo* parent; leave_family(vmo, &parent); vmo = parent) {
    close(parent->fd);
    if (!mapping_forget(parent)) return;
  }
}

static const struct object_ops vmo_ops = {
    .type = ZX_OBJ_TYPE_VMO,
    .rights = ZX_DEFAULT_VMO_RIGHTS,
    .signal_mask = ZX_USER_SIGNAL_ALL,
    .waitable = true,
    .peek = vmo_peek,
    .arm = vmo_arm,
    .ready = vmo_ready,
    .pack = vmo_pack,
    .get_property = vmo_get_property,
    .set_property = vmo_set_property,
    .destroy = vmo_destroy,
};

zx_status_t vmo_create_object(int fd, struct vmo** out) {
  struct stat st;
  int seals = fcntl(fd, F_GET_SEALS);
  struct vmo* vmo = NULL;
  zx_status_t status = seals < 0 || fstat(fd, &st) != 0 ? ZX_ERR_WRONG_TYPE : ZX_OK;
  if (status == ZX_OK && !(vmo = calloc(1, sizeof(*vmo)))) status = ZX_ERR_NO_MEMORY;
  if (status != ZX_OK) {
    close(fd);
    return status;
  }
  object_init(&vmo->base, &vmo_ops, -1);
  vmo->fd = fd;
  vmo->resizable = !(seals & F_SEAL_SHRINK) || !(seals & F_SEAL_GROW);
  vmo->mappable = memory_is_safe(fd, 0);
  vmo->content_size = (uint64_t)st.st_size;
  vmo->size = memory_round_to_page((size_t)st.st_size);
  // The kernel's word on what the descriptor allows.
  zx_rights_t rights = ZX_DEFAULT_VMO_RIGHTS | ZX_RIGHT_EXECUTE | (vmo->resizable ? ZX_RIGHT_RESIZE : 0);
  int mode = fcntl(fd, F_GETFL) & O_ACCMODE;
  if (mode == O_RDONLY || (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))) rights &= ~ZX_RIGHT_WRITE;
  if (mode == O_WRONLY) rights &= ~ZX_RIGHT_READ;
  if (!vmo->mappable) rights &= ~ZX_RIGHT_MAP;
  vmo->base.max_rights = rights;
  *out = vmo;
  return ZX_OK;
}

zx_status_t zx_vmo_create(uint64_t size, uint32_t options, zx_handle_t* out) {
  if ((options & ~(ZX_VMO_RESIZABLE | ZX_VMO_DISCARDABLE)) || !out) return ZX_ERR_INVALID_ARGS;
  if (size > MAX_SIZE) return ZX_ERR_OUT_OF_RANGE;
  int fd = memfd_create("vmo", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return ZX_ERR_NO_RESOURCES;
  bool resizable = options & ZX_VMO_RESIZABLE;
  int seals = F_SEAL_SEAL | (resizable ? 0 : F_SEAL_SHRINK | F_SEAL_GROW);
  struct vmo* vmo;
  if (ftruncate(fd, (off_t)memory_round_to_page(size)) != 0 || fcntl(fd, F_ADD_SEALS, seals) != 0) {
    close(fd);
    return ZX_ERR_NO_MEMORY;
  }
  zx_status_t status = vmo_create_object(fd, &vmo);
  if (status != ZX_OK) return status;
  vmo->mappable = true;  // of its own making: who holds RESIZE is this process's choice
  vmo->content_size = size;
  vmo->discardable = options & ZX_VMO_DISCARDABLE;
  return handle_create(&vmo->base, ZX_DEFAULT_VMO_RIGHTS | (resizable ? ZX_RIGHT_RESIZE : 0), out);
}

zx_status_t vmo_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out) {
  struct vmo* vmo;
  zx_status_t status = vmo_create_object(fds[0], &vmo);
  if (status != ZX_OK) return status == ZX_ERR_WRONG_TYPE ? ZX_ERR_IO_DATA_INTEGRITY : status;
  if (wire->flags & WIRE_SLICE) {
    uint64_t size = wire->values[2];
    vmo->slice = true;
    if (vmo->resizable || wire->values[1] != memory_round_to_page(wire->values[1]) ||
        size != memory_round_to_page(size) || wire->values[1] > vmo->size ||
        size > vmo->size - wire->values[1]) {
      object_unref(&vmo->base);
      return ZX_ERR_IO_DATA_INTEGRITY;
    }
    vmo->offset = wire->values[1];
    vmo->size = size;
  }
  vmo->content_size = wire->values[0] <= vmo->size ? wire->values[0] : vmo->size;
  vmo->discardable = wire->flags & WIRE_DISCARDABLE;
  memcpy(vmo->name, wire->name, sizeof(vmo->name) - 1);
  *out = &vmo->base;
  return ZX_OK;
}

zx_status_t zx_linux_vmo_from_fd(int fd, zx_handle_t* out) {
  if (!out) {
    if (fd >= 0) close(fd);
    return ZX_ERR_INVALID_ARGS;
  }
  struct vmo* vmo;
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return ZX_ERR_WRONG_TYPE;
  zx_status_t status = vmo_create_object(fd, &vmo);
  if (status != ZX_OK) return status;
  return handle_create(&vmo->base, vmo->base.max_rights & ~ZX_RIGHT_EXECUTE, out);
}

zx_status_t zx_linux_vmo_to_fd(zx_handle_t handle, int* out_fd) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_VMO, 0, &object, NULL);
  if (status == ZX_OK) {
    int fd = fcntl(((struct vmo*)object)->fd, F_DUPFD_CLOEXEC, 0);
    object_unref(object);
    if (fd >= 0) {
      *out_fd = fd;
    } else {
      status = ZX_ERR_NO_RESOURCES;
    }
  }
  zx_handle_close(handle);
  return status;
}

uint64_t vmo_size(struct vmo* vmo) {
  struct stat st;
  if (!vmo->resizable) return vmo->size;
  return fstat(vmo->fd, &st) == 0 ? memory_round_to_page((size_t)st.st_size) : 0;
}

zx_status_t zx_vmo_get_size(zx_handle_t handle, uint64_t* size) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_VMO, 0, &object, NULL);
  if (status != ZX_OK) return status;
  if (size) *size = vmo_size((struct vmo*)object);
  object_unref(object);
  return size ? ZX_OK : ZX_ERR_INVALID_ARGS;
}

// Clears from `from` to the end of its page.
static bool clear_tail(int fd, uint64_t from) {
  static const char zeroes[4096];
  uint64_t end = memory_round_to_page(from);
  while (from < end) {
    size_t chunk = end - from < sizeof(zeroes) ? (size_t)(end - from) : sizeof(zeroes);
    if (pwrite(fd, zeroes, chunk, (off_t)from) != (ssize_t)chunk) return false;
    from += chunk;
  }
  return true;
}

zx_status_t zx_vmo_set_size(zx_handle_t handle, uint64_t size) {
  struct zx_object* object;
  zx_rights_t rights;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_VMO, ZX_RIGHT_WRITE, &object, &rights);
  if (status != ZX_OK) return status;
  struct vmo* vmo = (struct vmo*)object;
  if (!vmo->resizable) {
    status = ZX_ERR_UNAVAILABLE;
  } else if (!(rights & ZX_RIGHT_RESIZE)) {
    status = ZX_ERR_ACCESS_DENIED;
  } else if (size > MAX_SIZE) {
    status = ZX_ERR_OUT_OF_RANGE;
  } else {
    pthread_mutex_lock(&object->lock);
    if (ftruncate(vmo->fd, (off_t)memory_round_to_page(size)) == 0 && clear_tail(vmo->fd, size)) {
      vmo->content_size = size;
    } else {
      status = ZX_ERR_NO_MEMORY;
    }
    pthread_mutex_unlock(&object->lock);
  }
  object_unref(object);
  return status;
}
