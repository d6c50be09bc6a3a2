// Handles in messages; see transfer.h.
#include "runtime/zx/transfer.h"

#include <string.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls/handle.h>

#include "runtime/zx/handle.h"

// Adds a handle's description and descriptors. The handle has been taken or looked up.
static zx_status_t describe(struct outgoing* out, struct zx_object* object, zx_rights_t rights, bool moves) {
  struct packet_handles* handles = &out->handles;
  struct wire_handle* wire = &handles->wires[handles->count];
  if (!object->ops->pack) return ZX_ERR_NOT_SUPPORTED;
  memset(wire, 0, sizeof(*wire));
  wire->type = object->ops->type;
  wire->rights = rights;
  wire->koid = object->koid;
  wire->related_koid = object->related_koid;
  threads_lock(&object->lock);
  wire->signals = object->user_signals;
  // Calls that had found it before its handle was taken, and come to it only now, fail.
  if (moves) object->leaving = true;
  threads_unlock(&object->lock);
  int fds[OBJECT_MAX_FDS];
  unsigned num_fds = 0;
  zx_status_t status = object->ops->pack(object, moves, wire, fds, &num_fds);
  // Before the message goes: its receiver may listen to the bell at once, and this process must not take from
  // it what rings there then.
  if (status == ZX_OK && !moves && object->ops->share) {
    threads_lock(&object->lock);
    status = object->ops->share(object);
    threads_unlock(&object->lock);
  }
  if (status != ZX_OK) return status;
  wire->num_fds = (uint8_t)num_fds;
  if (!moves || object->shared) wire->flags |= WIRE_SHARED;
  memcpy(&handles->fds[handles->num_fds], fds, num_fds * sizeof(int));
  handles->num_fds += num_fds;
  handles->count++;
  return ZX_OK;
}

static void add_entry(struct outgoing* out, unsigned index, struct zx_object* object, bool taken) {
  out->entries[index].object = object;
  out->entries[index].taken = taken;
  out->entries[index].moved = taken && atomic_load_explicit(&object->handle_count, memory_order_relaxed) == 1;
}

static zx_status_t take_one(struct outgoing* out, unsigned index, zx_handle_t handle,
                            const struct zx_object* self) {
  struct zx_object* object;
  zx_rights_t rights;
  zx_status_t status = handle_take(handle, &object, &rights);
  if (status != ZX_OK) return status;
  add_entry(out, index, object, true);
  if (!(rights & ZX_RIGHT_TRANSFER)) return ZX_ERR_ACCESS_DENIED;
  if (object == self) return ZX_ERR_NOT_SUPPORTED;
  return describe(out, object, rights, out->entries[index].moved);
}

zx_status_t outgoing_take(struct outgoing* out, const zx_handle_t* handles, uint32_t count,
                          const struct zx_object* self) {
  zx_status_t result = ZX_OK;
  out->handles.count = out->handles.num_fds = 0;
  for (uint32_t i = 0; i < count; i++) {
    out->entries[i].object = NULL;
    if (result == ZX_OK) {
      result = take_one(out, i, handles[i], self);
    } else {
      zx_handle_close(handles[i]);
    }
  }
  if (result == ZX_OK) return ZX_OK;
  out->handles.count = count;
  outgoing_finish(out, false);
  return result;
}

static zx_status_t check_disposition(const zx_handle_disposition_t* entry, const struct zx_object* object,
                                     zx_rights_t had, const struct zx_object* self) {
  if (!(had & ZX_RIGHT_TRANSFER)) return ZX_ERR_ACCESS_DENIED;
  if (object == self) return ZX_ERR_NOT_SUPPORTED;
  if (entry->type != ZX_OBJ_TYPE_NONE && entry->type != object->ops->type) return ZX_ERR_WRONG_TYPE;
  if (entry->operation > ZX_HANDLE_OP_DUPLICATE) return ZX_ERR_INVALID_ARGS;
  if (entry->rights != ZX_RIGHT_SAME_RIGHTS && (entry->rights & ~had)) return ZX_ERR_INVALID_ARGS;
  if (entry->operation == ZX_HANDLE_OP_DUPLICATE && !(had & ZX_RIGHT_DUPLICATE)) return ZX_ERR_ACCESS_DENIED;
  return ZX_OK;
}

static zx_status_t take_disposition(struct outgoing* out, unsigned index,
                                    const zx_handle_disposition_t* entry, const struct zx_object* self) {
  struct zx_object* object;
  zx_rights_t had;
  bool take = entry->operation != ZX_HANDLE_OP_DUPLICATE;
  zx_status_t status = take ? handle_take(entry->handle, &object, &had)
                            : handle_lookup(entry->handle, ZX_OBJ_TYPE_NONE, 0, &object, &had);
  if (status != ZX_OK) return status;
  add_entry(out, index, object, take);
  status = check_disposition(entry, object, had, self);
  if (status != ZX_OK) return status;
  zx_rights_t rights = entry->rights == ZX_RIGHT_SAME_RIGHTS ? had : entry->rights;
  return describe(out, object, rights, out->entries[index].moved);
}

zx_status_t outgoing_take_etc(struct outgoing* out, zx_handle_disposition_t* handles, uint32_t count,
                              const struct zx_object* self) {
  zx_status_t result = ZX_OK;
  out->handles.count = out->handles.num_fds = 0;
  for (uint32_t i = 0; i < count; i++) {
    out->entries[i].object = NULL;
    zx_status_t status = take_disposition(out, i, &handles[i], self);
    if (status == ZX_OK) continue;
    handles[i].result = status;
    if (result == ZX_OK) result = status;
  }
  if (result == ZX_OK) return ZX_OK;
  out->handles.count = count;
  outgoing_finish(out, false);
  return result;
}

void outgoing_finish(struct outgoing* out, bool sent) {
  for (unsigned i = 0; i < out->handles.count; i++) {
    struct zx_object* object = out->entries[i].object;
    if (!object) continue;
    if (sent) {
      threads_lock(&object->lock);
      if (out->entries[i].moved) {
        object->transferred = true;
      } else {
        object->shared = true;
      }
      threads_unlock(&object->lock);
    }
    if (out->entries[i].taken) {
      handle_release(object);
    } else {
      object_unref(object);
    }
  }
  out->handles.count = 0;
}

void outgoing_discard(const zx_handle_t* handles, uint32_t count) {
  if (handles) zx_handle_close_many(handles, count);
}

void outgoing_discard_etc(const zx_handle_disposition_t* handles, uint32_t count) {
  for (uint32_t i = 0; handles && i < count; i++) {
    if (handles[i].operation != ZX_HANDLE_OP_DUPLICATE) zx_handle_close(handles[i].handle);
  }
}

struct unpacker {
  zx_obj_type_t type;
  unsigned num_fds;
  zx_status_t (*unpack)(const struct wire_handle* wire, const int* fds, struct zx_object** out);
};

static const struct unpacker unpackers[] = {
    {ZX_OBJ_TYPE_CHANNEL, 1, channel_unpack},     {ZX_OBJ_TYPE_CHANNEL, 2, channel_unpack},
    {ZX_OBJ_TYPE_CHANNEL, 3, channel_unpack},     {ZX_OBJ_TYPE_EVENTPAIR, 2, eventpair_unpack},
    {ZX_OBJ_TYPE_FIFO, 2, fifo_unpack},           {ZX_OBJ_TYPE_VMO, 1, vmo_unpack},
    {ZX_OBJ_TYPE_EVENT, 3, event_unpack},         {ZX_OBJ_TYPE_SOCKET, 2, socket_unpack},
    {ZX_OBJ_TYPE_SOCKET, 1, linux_socket_unpack}, {ZX_OBJ_TYPE_TIMER, 1, timer_unpack},
    {ZX_OBJ_TYPE_LINUX_FD, 1, linux_fd_unpack},   {ZX_OBJ_TYPE_CLOCK, 3, clock_unpack},
    {ZX_OBJ_TYPE_EVENTPAIR, 3, eventpair_unpack},
};

static zx_status_t unpack_one(const struct wire_handle* wire, const int* fds, zx_handle_info_t* out) {
  const struct unpacker* found = NULL;
  for (size_t i = 0; i < sizeof(unpackers) / sizeof(unpackers[0]); i++) {
    if (unpackers[i].type == wire->type && unpackers[i].num_fds == wire->num_fds) found = &unpackers[i];
  }
  if (!found || wire->koid < ZX_KOID_FIRST || wire->koid >> 63) {
    for (unsigned i = 0; i < wire->num_fds; i++)
      close(fds[i]);
    return ZX_ERR_IO_DATA_INTEGRITY;
  }
  struct zx_object* object;
  zx_status_t status = found->unpack(wire, fds, &object);
  if (status == ZX_ERR_WRONG_TYPE) status = ZX_ERR_IO_DATA_INTEGRITY;  // what a wrapped descriptor is not
  if (status != ZX_OK) return status;
  object->koid = wire->koid;
  object->related_koid = wire->related_koid & INT64_MAX;
  object->user_signals = wire->signals & ZX_USER_SIGNAL_ALL;
  object->shared = wire->flags & WIRE_SHARED;
  if (object->shared && object->ops->share && (status = object->ops->share(object)) != ZX_OK) {
    object_unref(object);
    return status;
  }
  *out = (zx_handle_info_t){.type = wire->type, .rights = wire->rights & object->max_rights};
  return handle_create(object, out->rights, &out->handle);
}

zx_status_t incoming_handles(struct packet_handles* handles, zx_handle_info_t* out) {
  zx_status_t status = ZX_OK;
  unsigned fd = 0;
  unsigned made = 0;
  for (unsigned i = 0; i < handles->count; i++) {
    unsigned num_fds = handles->wires[i].num_fds;
    if (status == ZX_OK) {
      status = unpack_one(&handles->wires[i], &handles->fds[fd], &out[i]);
      if (status == ZX_OK) made++;
    } else {
      for (unsigned j = 0; j < num_fds; j++)
        close(handles->fds[fd + j]);
    }
    fd += num_fds;
  }
  handles->num_fds = 0;
  if (status == ZX_OK) return ZX_OK;
  for (unsigned i = 0; i < made; i++)
    zx_handle_close(out[i].handle);
  return status;
}
