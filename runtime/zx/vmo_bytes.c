// Bytes of a VMO, read and written through its memfd.
//
// A VMO is whole pages. A memfd made elsewhere may end within one, whose rest a mapping shows, but which is
// behind the file's end for read and write: there the bytes are copied by way of a mapping.
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zircon/syscalls/vmo.h>

#include "runtime/zx/handle.h"
#include "runtime/zx/memory.h"
#include "runtime/zx/vmo.h"

// How much of `size` bytes at `at` of the memfd lies in the page at `at`; 0: the file ends before that page.
static size_t part_in_page(const struct vmo* vmo, uint64_t at, size_t size) {
  struct stat st;
  uint64_t rest = memory_round_to_page(at + 1) - at;
  if (fstat(vmo->fd, &st) != 0 || at + rest > memory_round_to_page((size_t)st.st_size)) return 0;
  return size < rest ? size : (size_t)rest;
}

// As pread and pwrite, with a mapping of the page at `at`, which must not go away.
static ssize_t copy_mapped(const struct vmo* vmo, void* out, const void* in, uint64_t at, size_t size) {
  size_t page = memory_round_to_page(1);
  size_t offset = at % page;
  char* mapped =
      mmap(NULL, page, in ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, vmo->fd, (off_t)(at - offset));
  if (mapped == MAP_FAILED) return -1;
  if (in) memcpy(mapped + offset, in, size);
  if (out) memcpy(out, mapped + offset, size);
  munmap(mapped, page);
  return (ssize_t)size;
}

static ssize_t read_some(const struct vmo* vmo, void* bytes, uint64_t at, size_t size) {
  ssize_t got = pread(vmo->fd, bytes, size, (off_t)at);
  size_t part = got == 0 ? part_in_page(vmo, at, size) : 0;
  if (!part) return got;
  if (memory_is_safe(vmo->fd, 0)) return copy_mapped(vmo, bytes, NULL, at, part);
  memset(bytes, 0, part);  // nobody of ours can have written there
  return (ssize_t)part;
}

static ssize_t write_some(const struct vmo* vmo, const void* bytes, uint64_t at, size_t size) {
  ssize_t done = pwrite(vmo->fd, bytes, size, (off_t)at);
  size_t part = done < 0 && errno == EPERM ? part_in_page(vmo, at, size) : 0;
  if (!part) return done;
  if (memory_is_safe(vmo->fd, 0)) return copy_mapped(vmo, NULL, bytes, at, part);
  errno = EPERM;
  return -1;
}

static zx_status_t transfer_error(ssize_t done) {
  if (done == 0) return ZX_ERR_OUT_OF_RANGE;  // shrunk meanwhile
  return errno == EFAULT                                       ? ZX_ERR_INVALID_ARGS
         : errno == EPERM || errno == EBADF || errno == EACCES ? ZX_ERR_ACCESS_DENIED
                                                               : ZX_ERR_IO;
}

zx_status_t vmo_read_bytes(const struct vmo* vmo, void* bytes, uint64_t offset, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t now = read_some(vmo, (char*)bytes + done, vmo->offset + offset + done, size - done);
    if (now > 0) done += (size_t)now;
    if (now <= 0 && !(now < 0 && errno == EINTR)) return transfer_error(now);
  }
  return ZX_OK;
}

zx_status_t vmo_write_bytes(const struct vmo* vmo, const void* bytes, uint64_t offset, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t now = write_some(vmo, (const char*)bytes + done, vmo->offset + offset + done, size - done);
    if (now > 0) done += (size_t)now;
    if (now <= 0 && !(now < 0 && errno == EINTR)) return transfer_error(now);
  }
  return ZX_OK;
}

static zx_status_t find_range(zx_handle_t handle, zx_rights_t rights, const void* buffer, uint64_t offset,
                              size_t size, struct vmo** out) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_VMO, rights, &object, NULL);
  if (status != ZX_OK) return status;
  struct vmo* vmo = (struct vmo*)object;
  uint64_t end = vmo_size(vmo);
  if (size && !buffer) {
    status = ZX_ERR_INVALID_ARGS;
  } else if (offset > end || size > end - offset) {
    status = ZX_ERR_OUT_OF_RANGE;
  }
  if (status != ZX_OK) {
    object_unref(object);
    return status;
  }
  *out = vmo;
  return ZX_OK;
}

zx_status_t zx_vmo_read(zx_handle_t handle, void* buffer, uint64_t offset, size_t size) {
  struct vmo* vmo;
  zx_status_t status = find_range(handle, ZX_RIGHT_READ, buffer, offset, size, &vmo);
  if (status != ZX_OK) return status;
  status = vmo_read_bytes(vmo, buffer, offset, size);
  object_unref(&vmo->base);
  return status;
}

zx_status_t zx_vmo_write(zx_handle_t handle, const void* buffer, uint64_t offset, size_t size) {
  struct vmo* vmo;
  zx_status_t status = find_range(handle, ZX_RIGHT_WRITE, buffer, offset, size, &vmo);
  if (status != ZX_OK) return status;
  status = vmo_write_bytes(vmo, buffer, offset, size);
  object_unref(&vmo->base);
  return status;
}
