// zx_object_signal and zx_object_signal_peer.
#include <zircon/syscalls/event.h>

#include "runtime/zx/handle.h"

static void signal_locally(struct zx_object* object, zx_signals_t clear, zx_signals_t set) {
  object_change_begin(object, 0);
  zx_signals_t before = object->user_signals;
  object->user_signals = (before & ~clear) | set;
  if (object->user_signals & ~before) object_notify(object, object->ops->peek(object));
  object_change_end(object);
}

zx_status_t zx_object_signal(zx_handle_t handle, zx_signals_t clear_mask, zx_signals_t set_mask) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_NONE, ZX_RIGHT_SIGNAL, &object, NULL);
  if (status != ZX_OK) return status;
  if (!object->ops->signal_mask) {
    status = ZX_ERR_NOT_SUPPORTED;
  } else if ((clear_mask | set_mask) & ~object->ops->signal_mask) {
    status = ZX_ERR_INVALID_ARGS;
  } else if ((status = object_rouse(object)) == ZX_OK) {
    pthread_mutex_lock(&object->lock);
    (object->ops->signal ? object->ops->signal : signal_locally)(object, clear_mask, set_mask);
    pthread_mutex_unlock(&object->lock);
  }
  object_unref(object);
  return status;
}

zx_status_t zx_object_signal_peer(zx_handle_t handle, zx_signals_t clear_mask, zx_signals_t set_mask) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_NONE, ZX_RIGHT_SIGNAL_PEER, &object, NULL);
  if (status != ZX_OK) return status;
  if (!object->ops->signal_peer) {
    status = ZX_ERR_NOT_SUPPORTED;
  } else if ((clear_mask | set_mask) & ~object->ops->signal_mask) {
    status = ZX_ERR_INVALID_ARGS;
  } else if ((status = object_rouse(object)) == ZX_OK) {
    status = object->ops->signal_peer(object, clear_mask, set_mask);
  }
  object_unref(object);
  return status;
}
