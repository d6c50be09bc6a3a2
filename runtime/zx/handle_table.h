// The handle table itself, for calls that are over before handle_lookup's reference would pay; handle.c keeps
// it.
#ifndef RUNTIME_ZX_HANDLE_TABLE_H_
#define RUNTIME_ZX_HANDLE_TABLE_H_

#include <zircon/compiler.h>

#include "runtime/zx/handle.h"
#include "runtime/zx/threads.h"

#define HANDLE_CHUNK_SLOTS 512u
#define HANDLE_MAX_CHUNKS 512u  // the last stays unused: no handle has the value of zx_vmar_root_self
#define HANDLE_INDEX_BITS 18u   // slots * chunks

struct handle_slot {
  struct zx_object* object;  // null: free
  zx_handle_t value;         // of the slot's handle, or of its next one
  union {
    zx_rights_t rights;
    uint32_t next_free;  // index + 1; of a free slot
  };
};

struct handle_table {
  pthread_mutex_t lock;
  struct handle_slot* chunks[HANDLE_MAX_CHUNKS];
  uint32_t num_slots;
  uint32_t first_free;           // index + 1
  _Atomic uint32_t num_handles;  // written under the lock
};

extern struct handle_table handle_table;

static inline uint32_t handle_index(zx_handle_t handle) {
  return (handle >> 2) & ((1u << HANDLE_INDEX_BITS) - 1);
}

static inline struct handle_slot* handle_slot_at(uint32_t index) {
  return &handle_table.chunks[index / HANDLE_CHUNK_SLOTS][index % HANDLE_CHUNK_SLOTS];
}

// The table's lock held. Null: no such handle.
static inline struct handle_slot* handle_find_any(zx_handle_t handle) {
  uint32_t index = handle_index(handle);
  if (unlikely(index >= handle_table.num_slots)) return NULL;
  struct handle_slot* slot = handle_slot_at(index);
  return likely(slot->value == handle && slot->object) ? slot : NULL;
}

// The same without those that the parent of a forked process made: they are none here, whatever their copies
// could reach.
static inline struct handle_slot* handle_find(zx_handle_t handle) {
  struct handle_slot* slot = handle_find_any(handle);
  return likely(slot && !object_is_inherited(slot->object)) ? slot : NULL;
}

// The same, and null if the object or the rights are not as wanted.
static inline struct zx_object* handle_find_object(zx_handle_t handle, zx_obj_type_t type,
                                                   zx_rights_t needed) {
  const struct handle_slot* slot = handle_find(handle);
  if (unlikely(!slot || (slot->rights & needed) != needed || slot->object->ops->type != type)) return NULL;
  return slot->object;
}

// Finds an object and takes its lock, which is all that a call needs which neither sleeps nor touches the
// object after it: whoever takes a handle out of the table takes the object's lock before the reference goes
// (handle_take). threads_unlock ends it. Null: the handle is not as wanted, which handle_lookup tells more
// of, or another thread has the lock.
static inline struct zx_object* handle_lock_object(zx_handle_t handle, zx_obj_type_t type,
                                                   zx_rights_t needed) {
  if (likely(!threads_are_many())) return handle_find_object(handle, type, needed);
  pthread_mutex_lock(&handle_table.lock);
  struct zx_object* object = handle_find_object(handle, type, needed);
  // Not waited for, since that would keep every other call from the table.
  if (object && pthread_mutex_trylock(&object->lock) != 0) object = NULL;
  pthread_mutex_unlock(&handle_table.lock);
  return object;
}

#endif  // RUNTIME_ZX_HANDLE_TABLE_H_
