// zx_object_get_info and properties.
#include <string.h>

#include <zircon/syscalls/object.h>

#include "runtime/zx/handle.h"
#include "runtime/zx/socket.h"
#include "runtime/zx/timer.h"
#include "runtime/zx/vmo.h"

union record {
  zx_info_handle_basic_t basic;
  zx_info_handle_count_t count;
  zx_info_socket_t socket;
  zx_info_vmo_t vmo;
  zx_info_timer_t timer;
};

struct topic {
  uint32_t number;
  zx_obj_type_t type;
  zx_rights_t rights;
  size_t size;
};

static const struct topic topics[] = {
    {ZX_INFO_HANDLE_VALID, ZX_OBJ_TYPE_NONE, 0, 0},
    {ZX_INFO_HANDLE_BASIC, ZX_OBJ_TYPE_NONE, 0, sizeof(zx_info_handle_basic_t)},
    {ZX_INFO_HANDLE_COUNT, ZX_OBJ_TYPE_NONE, ZX_RIGHT_INSPECT, sizeof(zx_info_handle_count_t)},
    {ZX_INFO_SOCKET, ZX_OBJ_TYPE_SOCKET, ZX_RIGHT_INSPECT, sizeof(zx_info_socket_t)},
    {ZX_INFO_VMO, ZX_OBJ_TYPE_VMO, ZX_RIGHT_INSPECT, sizeof(zx_info_vmo_t)},
    {ZX_INFO_TIMER, ZX_OBJ_TYPE_TIMER, ZX_RIGHT_INSPECT, sizeof(zx_info_timer_t)},
};

static void fill(uint32_t topic, struct zx_object* object, zx_rights_t rights, union record* out) {
  memset(out, 0, sizeof(*out));
  switch (topic) {
    case ZX_INFO_HANDLE_BASIC:
      out->basic.koid = object->koid;
      out->basic.rights = rights;
      out->basic.type = object->ops->type;
      out->basic.related_koid = object->related_koid;
      break;
    case ZX_INFO_HANDLE_COUNT:
      out->count.handle_count = atomic_load(&object->handle_count);
      break;
    case ZX_INFO_SOCKET:
      socket_info(object, &out->socket);
      break;
    case ZX_INFO_VMO:
      vmo_info(object, rights, &out->vmo);
      break;
    case ZX_INFO_TIMER:
      timer_info(object, &out->timer);
      break;
    default:
      break;
  }
}

zx_status_t zx_object_get_info(zx_handle_t handle, uint32_t topic, void* buffer, size_t buffer_size,
                               size_t* actual, size_t* avail) {
  const struct topic* found = NULL;
  for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
    if (topics[i].number == topic) found = &topics[i];
  }
  if (!found) return ZX_ERR_NOT_SUPPORTED;
  struct zx_object* object;
  zx_rights_t rights;
  zx_status_t status = handle_lookup(handle, found->type, found->rights, &object, &rights);
  if (status != ZX_OK) return status;
  union record record;
  bool fits = buffer_size >= found->size;
  if (avail) *avail = found->size ? 1 : 0;
  if (actual) *actual = found->size && fits ? 1 : 0;
  if (!fits) {
    status = ZX_ERR_BUFFER_TOO_SMALL;
  } else if (found->size && !buffer) {
    status = ZX_ERR_INVALID_ARGS;
  } else if (found->size) {
    // The rest is known of an object that nobody has used.
    if (found->type != ZX_OBJ_TYPE_NONE) status = object_rouse(object);
    if (status == ZX_OK) fill(topic, object, rights, &record);
    if (status == ZX_OK) memcpy(buffer, &record, found->size);
  }
  object_unref(object);
  return status;
}

static bool is_known_property(uint32_t property) {
  return property == ZX_PROP_NAME || property == ZX_PROP_SOCKET_RX_THRESHOLD ||
         property == ZX_PROP_SOCKET_TX_THRESHOLD || property == ZX_PROP_VMO_CONTENT_SIZE;
}

zx_status_t zx_object_get_property(zx_handle_t handle, uint32_t property, void* value, size_t value_size) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_NONE, ZX_RIGHT_GET_PROPERTY, &object, NULL);
  if (status != ZX_OK) return status;
  if (!is_known_property(property)) {
    status = ZX_ERR_NOT_SUPPORTED;
  } else if (!value) {
    status = ZX_ERR_INVALID_ARGS;
  } else if (object->ops->get_property) {
    status = object->ops->get_property(object, property, value, value_size);
  } else {
    status = ZX_ERR_WRONG_TYPE;
  }
  object_unref(object);
  return status;
}

zx_status_t zx_object_set_property(zx_handle_t handle, uint32_t property, const void* value,
                                   size_t value_size) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_NONE, ZX_RIGHT_SET_PROPERTY, &object, NULL);
  if (status != ZX_OK) return status;
  if (!is_known_property(property)) {
    status = ZX_ERR_NOT_SUPPORTED;
  } else if (!value) {
    status = ZX_ERR_INVALID_ARGS;
  } else if (object->ops->set_property) {
    status = object->ops->set_property(object, property, value, value_size);
  } else {
    status = ZX_ERR_WRONG_TYPE;
  }
  object_unref(object);
  return status;
}
