// Writing to a channel.
#include <stdlib.h>
#include <string.h>

#include <zircon/syscalls/channel.h>

#include "runtime/zx/channel_short.h"
#include "runtime/zx/handle_table.h"
#include "runtime/zx/scratch.h"
#include "runtime/zx/transfer.h"

#define STACK_IOVECS 32u  // beyond these the bytes are gathered first

zx_status_t channel_check_bytes(const struct channel_outgoing* message, uint32_t* out_total) {
  if (message->num_bytes && !message->bytes) return ZX_ERR_INVALID_ARGS;
  if (!(message->options & ZX_CHANNEL_WRITE_USE_IOVEC)) {
    if (message->num_bytes > ZX_CHANNEL_MAX_MSG_BYTES) return ZX_ERR_OUT_OF_RANGE;
    *out_total = message->num_bytes;
    return ZX_OK;
  }
  if (message->num_bytes > ZX_CHANNEL_MAX_MSG_IOVECS) return ZX_ERR_OUT_OF_RANGE;
  const zx_channel_iovec_t* iovecs = message->bytes;
  uint32_t total = 0;
  for (uint32_t i = 0; i < message->num_bytes; i++) {
    if (iovecs[i].reserved || (iovecs[i].capacity && !iovecs[i].buffer)) return ZX_ERR_INVALID_ARGS;
    if (iovecs[i].capacity > ZX_CHANNEL_MAX_MSG_BYTES - total) return ZX_ERR_OUT_OF_RANGE;
    total += iovecs[i].capacity;
  }
  *out_total = total;
  return ZX_OK;
}

static void append(struct iovec* iov, size_t* count, const void* bytes, size_t size) {
  if (!size) return;
  iov[(*count)++] = (struct iovec){.iov_base = (void*)(uintptr_t)bytes, .iov_len = size};
}

static void gather_iovecs(const zx_channel_iovec_t* iovecs, uint32_t count, char* out) {
  for (uint32_t i = 0; i < count; i++) {
    if (iovecs[i].capacity) memcpy(out, iovecs[i].buffer, iovecs[i].capacity);
    out += iovecs[i].capacity;
  }
}

// Appends the message's bytes without the first `skip`, which is more than the first iovec may have.
static void append_iovecs(struct iovec* iov, size_t* count, const zx_channel_iovec_t* iovecs, uint32_t num,
                          uint32_t skip) {
  for (uint32_t i = 0; i < num; i++) {
    uint32_t here = iovecs[i].capacity < skip ? iovecs[i].capacity : skip;
    if (iovecs[i].capacity > here) {
      append(iov, count, (const char*)iovecs[i].buffer + here, iovecs[i].capacity - here);
    }
    skip -= here;
  }
}

// The short way of a call's message, whose first bytes are replaced. Lock held; false: the long way.
static bool send_short(struct channel* channel, const struct channel_outgoing* message, uint32_t total) {
  if (!message->txid || total > CHANNEL_SHORT_BYTES || message->options) return false;
  uint32_t size = entry_size(total, 0);
  unsigned char* to = channel_short_room(channel, size);
  if (!to) return false;
  ring_copy_short(to + ENTRY_BYTES, message->bytes, total);
  memcpy(to + ENTRY_BYTES, message->txid, sizeof(*message->txid));
  if (channel_short_publish(channel, total, size)) channel_ring_tell_reader(channel);
  return true;
}

static __NO_INLINE zx_status_t send_long(struct channel* channel, const struct channel_outgoing* message,
                                         uint32_t total, const struct packet_handles* handles) {
  struct packet_header header = {.kind = PACKET_MESSAGE, .num_bytes = total};
  struct iovec iov[STACK_IOVECS + 3];
  size_t count = 1;
  uint32_t skip = 0;
  void* gathered = NULL;
  if (message->txid) {
    append(iov, &count, message->txid, sizeof(*message->txid));
    skip = sizeof(*message->txid);
  }
  if (!(message->options & ZX_CHANNEL_WRITE_USE_IOVEC)) {
    if (total > skip) append(iov, &count, (const char*)message->bytes + skip, total - skip);
  } else if (message->num_bytes <= STACK_IOVECS) {
    append_iovecs(iov, &count, message->bytes, message->num_bytes, skip);
  } else {
    gathered = scratch_get();
    if (!gathered) return ZX_ERR_NO_MEMORY;
    gather_iovecs(message->bytes, message->num_bytes, gathered);
    append(iov, &count, (const char*)gathered + skip, total - skip);
  }
  // Under the lock: no message may slip into the socket behind the one that says the ring is next.
  threads_lock(&channel->base.lock);
  // A channel with a call goes nowhere but away.
  bool gone = channel->base.leaving && !message->txid;
  if (!gone) channel_ring_look_for_answer(channel);
  zx_status_t status = gone ? ZX_ERR_BAD_HANDLE : channel_ring_catch_up(channel);
  if (status == ZX_OK && channel_ring_writes(channel)) {
    status = channel_ring_write(channel, PACKET_MESSAGE, &iov[1], count - 1, total, handles);
  } else if (status == ZX_OK && !handles && channel_ring_count(channel)) {
    status = channel_ring_offer(channel, &header, iov, count + 1);
  } else if (status == ZX_OK) {
    status = packet_send(channel->fd, &header, iov, count + 1, handles);
  }
  if (status == ZX_ERR_SHOULD_WAIT) channel_note_full(channel);
  threads_unlock(&channel->base.lock);
  scratch_put(gathered);
  return status;
}

zx_status_t channel_send(struct channel* channel, const struct channel_outgoing* message, uint32_t total,
                         const struct packet_handles* handles) {
  threads_lock(&channel->base.lock);
  bool sent = !handles && send_short(channel, message, total);
  threads_unlock(&channel->base.lock);
  return sent ? ZX_OK : send_long(channel, message, total, handles);
}

// The part before the handles: `out_channel` gets a reference.
static zx_status_t begin_write(zx_handle_t handle, const struct channel_outgoing* message,
                               const void* handles, uint32_t num_handles, struct zx_object** out_channel,
                               uint32_t* out_total) {
  if (message->options & ~ZX_CHANNEL_WRITE_USE_IOVEC) return ZX_ERR_INVALID_ARGS;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_CHANNEL, ZX_RIGHT_WRITE, out_channel, NULL);
  if (status != ZX_OK) return status;
  if (num_handles && !handles) return ZX_ERR_INVALID_ARGS;
  if (num_handles > ZX_CHANNEL_MAX_MSG_HANDLES) return ZX_ERR_OUT_OF_RANGE;
  return channel_check_bytes(message, out_total);
}

// The short way: bytes in one piece, no handles, a channel that writes to its ring. False: nothing was done.
static bool send_plain(struct channel* channel, const struct channel_outgoing* message, zx_status_t* status) {
  if (message->options & ZX_CHANNEL_WRITE_USE_IOVEC) return false;
  threads_lock(&channel->base.lock);
  bool short_way = channel_ring_writes(channel) && !channel->base.leaving;
  if (short_way) *status = channel_ring_write_plain(channel, message->bytes, message->num_bytes);
  if (short_way && *status == ZX_ERR_SHOULD_WAIT) channel_note_full(channel);
  threads_unlock(&channel->base.lock);
  return short_way;
}

static __NO_INLINE zx_status_t write_long(zx_handle_t handle, uint32_t options, const void* bytes,
                                          uint32_t num_bytes, const zx_handle_t* handles,
                                          uint32_t num_handles) {
  struct channel_outgoing message = {.bytes = bytes, .num_bytes = num_bytes, .options = options};
  struct zx_object* object = NULL;
  uint32_t total;
  zx_status_t status = begin_write(handle, &message, handles, num_handles, &object, &total);
  if (status != ZX_OK) {
    outgoing_discard(handles, num_handles);
  } else if (!num_handles && !send_plain((struct channel*)object, &message, &status)) {
    status = channel_send((struct channel*)object, &message, total, NULL);
  } else if (num_handles) {
    struct outgoing outgoing;
    status = outgoing_take(&outgoing, handles, num_handles, object);
    if (status == ZX_OK) {
      status = channel_send((struct channel*)object, &message, total, &outgoing.handles);
      outgoing_finish(&outgoing, status == ZX_OK);
    }
  }
  object_unref(object);
  return status;
}

// The short way among several threads.
static __NO_INLINE zx_status_t write_locked(zx_handle_t handle, uint32_t options, const void* bytes,
                                            uint32_t num_bytes, const zx_handle_t* handles,
                                            uint32_t num_handles) {
  bool tell;
  struct zx_object* object = handle_lock_object(handle, ZX_OBJ_TYPE_CHANNEL, ZX_RIGHT_WRITE);
  if (!object) return write_long(handle, options, bytes, num_bytes, handles, num_handles);
  struct channel* channel = (struct channel*)object;
  bool written = channel_short_write(channel, bytes, num_bytes, &tell);
  if (written && tell) channel_ring_tell_reader(channel);
  threads_unlock(&object->lock);
  return written ? ZX_OK : write_long(handle, options, bytes, num_bytes, handles, num_handles);
}

static __NO_INLINE zx_status_t tell_reader(struct channel* channel) {
  channel_ring_tell_reader(channel);
  return ZX_OK;
}

// Without a call, and so without a frame, where nothing unusual is met.
zx_status_t zx_channel_write(zx_handle_t handle, uint32_t options, const void* bytes, uint32_t num_bytes,
                             const zx_handle_t* handles, uint32_t num_handles) {
  bool tell;
  if (unlikely(options || num_handles || num_bytes > CHANNEL_SHORT_BYTES || (num_bytes && !bytes)))
    return write_long(handle, options, bytes, num_bytes, handles, num_handles);
  if (unlikely(threads_are_many()))
    return write_locked(handle, options, bytes, num_bytes, handles, num_handles);
  struct zx_object* object = handle_find_object(handle, ZX_OBJ_TYPE_CHANNEL, ZX_RIGHT_WRITE);
  if (unlikely(!object || !channel_short_write((struct channel*)object, bytes, num_bytes, &tell)))
    return write_long(handle, options, bytes, num_bytes, handles, num_handles);
  return unlikely(tell) ? tell_reader((struct channel*)object) : ZX_OK;
}

zx_status_t zx_channel_write_etc(zx_handle_t handle, uint32_t options, const void* bytes, uint32_t num_bytes,
                                 zx_handle_disposition_t* handles, uint32_t num_handles) {
  if (!num_handles) return zx_channel_write(handle, options, bytes, num_bytes, NULL, 0);
  struct channel_outgoing message = {.bytes = bytes, .num_bytes = num_bytes, .options = options};
  struct zx_object* object = NULL;
  uint32_t total;
  zx_status_t status = begin_write(handle, &message, handles, num_handles, &object, &total);
  if (status != ZX_OK) {
    outgoing_discard_etc(handles, num_handles);
  } else {
    struct outgoing outgoing;
    status = outgoing_take_etc(&outgoing, handles, num_handles, object);
    if (status == ZX_OK) {
      status = channel_send((struct channel*)object, &message, total, &outgoing.handles);
      outgoing_finish(&outgoing, status == ZX_OK);
    }
  }
  object_unref(object);
  return status;
}
