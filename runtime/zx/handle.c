// The handle table: slots in chunks that never move, a free list, one lock. A value is the slot's index and a
// generation, so that a stale value is found out; its two low bits are set.
#include "runtime/zx/handle.h"

#include <stdlib.h>
#include <zircon/linux.h>
#include <zircon/syscalls/handle.h>

#include "runtime/zx/handle_table.h"
#include "runtime/zx/mapping.h"
#include "runtime/zx/port.h"
#include "runtime/zx/scratch.h"
#include "runtime/zx/vmar.h"
#include "runtime/zx/waker.h"

#define NEXT_GENERATION (1u << (2 + HANDLE_INDEX_BITS))  // what a value has more in its slot's next use

struct handle_table handle_table = {.lock = PTHREAD_MUTEX_INITIALIZER};

// The slot of zx_vmar_root_self, which no table entry is ever given.
static struct handle_slot* root_slot(void) {
  static struct handle_slot slot = {.rights = ZX_DEFAULT_VMAR_RIGHTS};
  slot.object = vmar_root();
  return slot.object ? &slot : NULL;
}

static zx_status_t find_checked(zx_handle_t handle, zx_obj_type_t type, zx_rights_t needed,
                                struct handle_slot** out) {
  struct handle_slot* slot = handle == HANDLE_OF_ROOT_VMAR ? root_slot() : handle_find(handle);
  if (!slot) return ZX_ERR_BAD_HANDLE;
  if (type != ZX_OBJ_TYPE_NONE && slot->object->ops->type != type) return ZX_ERR_WRONG_TYPE;
  if ((slot->rights & needed) != needed) return ZX_ERR_ACCESS_DENIED;
  *out = slot;
  return ZX_OK;
}

// Adds a chunk and threads its slots on the free list.
static zx_status_t grow(void) {
  uint32_t chunk = handle_table.num_slots / HANDLE_CHUNK_SLOTS;
  if (chunk == HANDLE_MAX_CHUNKS - 1) return ZX_ERR_NO_RESOURCES;
  struct handle_slot* slots = calloc(HANDLE_CHUNK_SLOTS, sizeof(*slots));
  if (!slots) return ZX_ERR_NO_MEMORY;
  for (uint32_t i = 0; i < HANDLE_CHUNK_SLOTS; i++) {
    slots[i].value = ((handle_table.num_slots + i) << 2) | ZX_HANDLE_FIXED_BITS_MASK;
    slots[i].next_free = i + 1 < HANDLE_CHUNK_SLOTS ? handle_table.num_slots + i + 2 : 0;
  }
  handle_table.chunks[chunk] = slots;
  handle_table.first_free = handle_table.num_slots + 1;
  handle_table.num_slots += HANDLE_CHUNK_SLOTS;
  return ZX_OK;
}

static void count_handles(uint32_t change) {
  uint32_t before = atomic_load_explicit(&handle_table.num_handles, memory_order_relaxed);
  atomic_store_explicit(&handle_table.num_handles, before + change, memory_order_relaxed);
}

static zx_status_t insert(struct zx_object* object, zx_rights_t rights, zx_handle_t* out) {
  if (!handle_table.first_free) {
    zx_status_t status = grow();
    if (status != ZX_OK) return status;
  }
  uint32_t index = handle_table.first_free - 1;
  struct handle_slot* slot = handle_slot_at(index);
  handle_table.first_free = slot->next_free;
  slot->object = object;
  slot->rights = rights;
  atomic_fetch_add_explicit(&object->handle_count, 1, memory_order_relaxed);
  count_handles(1);
  *out = slot->value;
  return ZX_OK;
}

static void remove_slot(zx_handle_t handle, struct handle_slot* slot) {
  slot->object = NULL;
  slot->value += NEXT_GENERATION;
  slot->next_free = handle_table.first_free;
  handle_table.first_free = handle_index(handle) + 1;
  count_handles(-1u);
}

zx_status_t handle_lookup(zx_handle_t handle, zx_obj_type_t type, zx_rights_t needed, struct zx_object** out,
                          zx_rights_t* out_rights) {
  struct handle_slot* slot;
  threads_lock(&handle_table.lock);
  zx_status_t status = find_checked(handle, type, needed, &slot);
  if (status == ZX_OK) {
    object_ref(slot->object);
    *out = slot->object;
    if (out_rights) *out_rights = slot->rights;
  }
  threads_unlock(&handle_table.lock);
  return status;
}

zx_status_t handle_create(struct zx_object* object, zx_rights_t rights, zx_handle_t* out) {
  threads_lock(&handle_table.lock);
  zx_status_t status = insert(object, rights, out);
  threads_unlock(&handle_table.lock);
  if (status != ZX_OK) object_unref(object);
  return status;
}

zx_status_t handle_create_pair(struct zx_object* object0, struct zx_object* object1, zx_rights_t rights,
                               zx_handle_t* out0, zx_handle_t* out1) {
  zx_handle_t first;
  zx_handle_t second;
  zx_status_t status = handle_create(object0, rights, &first);
  if (status != ZX_OK) {
    object_unref(object1);
    return status;
  }
  status = handle_create(object1, rights, &second);
  if (status != ZX_OK) {
    zx_handle_close(first);
    return status;
  }
  *out0 = first;
  *out1 = second;
  return ZX_OK;
}

zx_status_t handle_take(zx_handle_t handle, struct zx_object** out, zx_rights_t* out_rights) {
  threads_lock(&handle_table.lock);
  struct handle_slot* slot = handle_find(handle);
  if (!slot) {
    threads_unlock(&handle_table.lock);
    return ZX_ERR_BAD_HANDLE;
  }
  struct zx_object* object = slot->object;
  if (out_rights) *out_rights = slot->rights;
  remove_slot(handle, slot);
  threads_unlock(&handle_table.lock);
  object_cancel_waits(object, handle);
  *out = object;
  return ZX_OK;
}

bool handle_table_is_empty(void) {
  return atomic_load_explicit(&handle_table.num_handles, memory_order_relaxed) == 0;
}

void handle_release(struct zx_object* object) {
  if (threads_add(&object->handle_count, -1u) == 1) {
    port_forget_object(object);
    if (object->ops->close) object->ops->close(object);
  }
  object_unref(object);
  if (handle_table_is_empty()) {
    waker_trim();
    scratch_trim();
  }
}

// Whatever other threads of the parent were doing with the table, they are not here.
void handle_start_child(void) {
  pthread_mutex_init(&handle_table.lock, NULL);
  waker_start_child();
  mapping_forget_locks();
}

static struct zx_object* inherited_at(uint32_t index) {
  struct zx_object* object = handle_slot_at(index)->object;
  return object && object_is_inherited(object) ? object : NULL;
}

// Nor are their calls and waits.
static void forget_calls_and_waits(struct zx_object* object) {
  // Each handle has a reference, as have the children of a VMO.
  unsigned refs = atomic_load_explicit(&object->handle_count, memory_order_relaxed);
  if (object->ops->type == ZX_OBJ_TYPE_VMO) refs += ((struct vmo*)object)->num_children;
  atomic_store_explicit(&object->refs, refs, memory_order_relaxed);
  pthread_mutex_init(&object->lock, NULL);
  list_init(&object->observers);
  port_abandon_waits(object);
}

// Without `close`, which would tell the peer.
static void drop(zx_handle_t handle, struct handle_slot* slot) {
  struct zx_object* object = slot->object;
  threads_lock(&handle_table.lock);
  remove_slot(handle, slot);
  threads_unlock(&handle_table.lock);
  atomic_fetch_sub_explicit(&object->handle_count, 1, memory_order_relaxed);
  object_unref(object);
}

void zx_linux_after_fork_in_child(void) {
  object_start_child();
  for (uint32_t index = 0; index < handle_table.num_slots; index++) {
    if (inherited_at(index)) forget_calls_and_waits(inherited_at(index));
  }
  for (uint32_t index = 0; index < handle_table.num_slots; index++) {
    if (inherited_at(index)) drop((index << 2) | ZX_HANDLE_FIXED_BITS_MASK, handle_slot_at(index));
  }
  if (handle_table_is_empty()) {
    waker_trim();
    scratch_trim();
  }
}

void zx_linux_after_fork_keep(const zx_handle_t* handles, size_t num_handles) {
  object_start_child();
  for (size_t i = 0; i < num_handles; i++) {
    struct handle_slot* slot = handle_find_any(handles[i]);
    if (!slot || !object_is_inherited(slot->object) || slot->object->ops->type == ZX_OBJ_TYPE_PORT) continue;
    forget_calls_and_waits(slot->object);
    object_adopt(slot->object);
  }
}

void zx_linux_after_fork_leave(const zx_handle_t* handles, size_t num_handles) {
  for (size_t i = 0; i < num_handles; i++) {
    struct zx_object* object;
    if (handle_take(handles[i], &object, NULL) == ZX_OK) {
      pthread_mutex_lock(&object->lock);
      object->leaving = true;
      object->transferred = true;
      pthread_mutex_unlock(&object->lock);
      handle_release(object);
    } else {
      zx_handle_close(handles[i]);
    }
  }
}

// A handle that the parent made is gone as well, but nobody else is told.
static bool drop_inherited(zx_handle_t handle) {
  struct handle_slot* slot = handle_find_any(handle);
  if (!slot || !object_is_inherited(slot->object)) return false;
  drop(handle, slot);
  return true;
}

zx_status_t zx_handle_close(zx_handle_t handle) {
  if (handle == ZX_HANDLE_INVALID) return ZX_OK;
  struct zx_object* object;
  zx_status_t status = handle_take(handle, &object, NULL);
  if (status == ZX_OK) {
    handle_release(object);
  } else if (drop_inherited(handle)) {
    status = ZX_OK;
  }
  return status;
}

zx_status_t zx_handle_close_many(const zx_handle_t* handles, size_t num_handles) {
  if (!handles && num_handles) return ZX_ERR_INVALID_ARGS;
  zx_status_t result = ZX_OK;
  for (size_t i = 0; i < num_handles; i++) {
    zx_status_t status = zx_handle_close(handles[i]);
    if (result == ZX_OK) result = status;
  }
  return result;
}

zx_status_t zx_handle_duplicate(zx_handle_t handle, zx_rights_t rights, zx_handle_t* out) {
  struct handle_slot* slot;
  threads_lock(&handle_table.lock);
  zx_status_t status = find_checked(handle, ZX_OBJ_TYPE_NONE, ZX_RIGHT_DUPLICATE, &slot);
  if (status == ZX_OK) {
    if (rights == ZX_RIGHT_SAME_RIGHTS) rights = slot->rights;
    if ((rights & ~slot->rights) || !out) status = ZX_ERR_INVALID_ARGS;
  }
  if (status == ZX_OK) {
    status = insert(slot->object, rights, out);
    if (status == ZX_OK) object_ref(slot->object);
  }
  threads_unlock(&handle_table.lock);
  return status;
}

zx_status_t zx_handle_replace(zx_handle_t handle, zx_rights_t rights, zx_handle_t* out) {
  struct zx_object* object;
  zx_rights_t had;
  zx_status_t status = handle_take(handle, &object, &had);
  if (status != ZX_OK) return status;
  if (rights == ZX_RIGHT_SAME_RIGHTS) rights = had;
  if ((rights & ~had) || !out) {
    handle_release(object);
    return ZX_ERR_INVALID_ARGS;
  }
  object_ref(object);
  status = handle_create(object, rights, out);
  // The count that came with handle_take goes; the new handle has one of its own.
  handle_release(object);
  return status;
}
