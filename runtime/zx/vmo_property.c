// Names, content size and information of VMOs.
#include <string.h>
#include <sys/stat.h>

#include "runtime/zx/mapping.h"
#include "runtime/zx/vmo.h"

zx_status_t vmo_get_property(struct zx_object* object, uint32_t property, void* value, size_t size) {
  struct vmo* vmo = (struct vmo*)object;
  zx_status_t status = ZX_OK;
  pthread_mutex_lock(&object->lock);
  if (property == ZX_PROP_NAME && size >= ZX_MAX_NAME_LEN) {
    memcpy(value, vmo->name, ZX_MAX_NAME_LEN);
  } else if (property == ZX_PROP_VMO_CONTENT_SIZE && size >= sizeof(uint64_t)) {
    memcpy(value, &vmo->content_size, sizeof(uint64_t));
  } else if (property == ZX_PROP_NAME || property == ZX_PROP_VMO_CONTENT_SIZE) {
    status = ZX_ERR_BUFFER_TOO_SMALL;
  } else {
    status = ZX_ERR_WRONG_TYPE;
  }
  pthread_mutex_unlock(&object->lock);
  return status;
}

// Clears what lies between a new, smaller content size and the old one.
static bool clear_between(struct vmo* vmo, uint64_t from, uint64_t to) {
  static const char zeroes[4096];
  while (from < to) {
    size_t chunk = to - from < sizeof(zeroes) ? (size_t)(to - from) : sizeof(zeroes);
    if (vmo_write_bytes(vmo, zeroes, from, chunk) != ZX_OK) return false;
    from += chunk;
  }
  return true;
}

static zx_status_t set_content_size(struct vmo* vmo, uint64_t size) {
  uint64_t end = vmo_size(vmo);
  if (size > end) return ZX_ERR_OUT_OF_RANGE;
  if (size < vmo->content_size &&
      !clear_between(vmo, size, vmo->content_size < end ? vmo->content_size : end)) {
    return ZX_ERR_ACCESS_DENIED;
  }
  vmo->content_size = size;
  return ZX_OK;
}

static void set_name(struct vmo* vmo, const char* name, size_t size) {
  size_t length = strnlen(name, size < ZX_MAX_NAME_LEN - 1 ? size : ZX_MAX_NAME_LEN - 1);
  memset(vmo->name, 0, sizeof(vmo->name));
  memcpy(vmo->name, name, length);
}

zx_status_t vmo_set_property(struct zx_object* object, uint32_t property, const void* value, size_t size) {
  struct vmo* vmo = (struct vmo*)object;
  zx_status_t status = ZX_OK;
  uint64_t content_size = 0;
  pthread_mutex_lock(&object->lock);
  if (property == ZX_PROP_NAME) {
    set_name(vmo, value, size);
  } else if (property != ZX_PROP_VMO_CONTENT_SIZE) {
    status = ZX_ERR_WRONG_TYPE;
  } else if (size < sizeof(content_size)) {
    status = ZX_ERR_BUFFER_TOO_SMALL;
  } else {
    memcpy(&content_size, value, sizeof(content_size));
    status = set_content_size(vmo, content_size);
  }
  pthread_mutex_unlock(&object->lock);
  return status;
}

void vmo_info(struct zx_object* object, zx_rights_t rights, zx_info_vmo_t* out) {
  struct vmo* vmo = (struct vmo*)object;
  struct stat st;
  pthread_mutex_lock(&object->lock);
  *out = (zx_info_vmo_t){.koid = object->koid, .handle_rights = rights, .num_children = vmo->num_children};
  out->num_mappings = mapping_count(vmo);
  out->share_count = 1;
  out->flags = ZX_INFO_VMO_TYPE_PAGED | ZX_INFO_VMO_VIA_HANDLE |
               (vmo->resizable ? ZX_INFO_VMO_RESIZABLE : 0) | (vmo->snapshot ? ZX_INFO_VMO_IS_COW_CLONE : 0) |
               (vmo->discardable ? ZX_INFO_VMO_DISCARDABLE : 0);
  memcpy(out->name, vmo->name, sizeof(out->name));
  out->size_bytes = vmo_size(vmo);
  if (vmo->parent) out->parent_koid = vmo->parent->base.koid;
  if (fstat(vmo->fd, &st) == 0) out->committed_bytes = (uint64_t)st.st_blocks * 512;
  pthread_mutex_unlock(&object->lock);
}
