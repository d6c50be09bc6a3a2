// Reading from a channel.
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <zircon/syscalls/channel.h>
#include <zircon/syscalls/handle.h>

#include "runtime/zx/channel_short.h"
#include "runtime/zx/handle_table.h"
#include "runtime/zx/scratch.h"
#include "runtime/zx/transfer.h"

void message_free(struct message* message) {
  if (!message) return;
  if (message->handles) packet_close_fds(message->handles);
  free(message->handles);
  free(message);
}

struct message* message_create(struct packet* packet, const void* bytes, uint32_t capacity,
                               const void* scratch) {
  uint32_t size = packet->lost ? 0 : packet->header.num_bytes;
  struct message* message = malloc(sizeof(*message) + size);
  struct packet_handles* handles = NULL;
  if (message && packet->handles.count && !(handles = malloc(packet_handles_size(packet->handles.count)))) {
    free(message);
    message = NULL;
  }
  if (!message) {
    packet_close_fds(&packet->handles);
    return NULL;
  }
  if (handles) packet_copy_handles(handles, &packet->handles);
  *message = (struct message){.lost = packet->lost, .num_bytes = size, .handles = handles};
  uint32_t first = size < capacity ? size : capacity;
  if (first) memcpy(message->bytes, bytes, first);
  if (size > first) memcpy(message->bytes + first, scratch, size - first);
  return message;
}

static uint32_t txid_of(const void* bytes, uint32_t capacity, const void* scratch) {
  unsigned char txid[4];
  for (uint32_t i = 0; i < 4; i++) {
    txid[i] = i < capacity ? ((const unsigned char*)bytes)[i] : ((const unsigned char*)scratch)[i - capacity];
  }
  uint32_t value;
  memcpy(&value, txid, sizeof(value));
  return value;
}

static struct pending_call* find_call(struct channel* channel, uint32_t txid) {
  LIST_FOR_EACH(node, &channel->calls) {
    struct pending_call* call = LIST_ENTRY(node, struct pending_call, node);
    if (call->txid == txid && !call->answered) return call;
  }
  return NULL;
}

// The peer changed this end's user signals.
static zx_status_t apply_signal(struct channel* channel, struct packet* packet, const void* bytes,
                                uint32_t capacity, const void* scratch) {
  unsigned char raw[sizeof(struct packet_signal)];
  struct packet_signal change;
  if (packet->header.num_bytes != sizeof(raw) || packet->handles.count) {
    packet_close_fds(&packet->handles);
    return ZX_ERR_IO_DATA_INTEGRITY;
  }
  for (uint32_t i = 0; i < sizeof(raw); i++) {
    raw[i] = i < capacity ? ((const unsigned char*)bytes)[i] : ((const unsigned char*)scratch)[i - capacity];
  }
  memcpy(&change, raw, sizeof(change));
  zx_signals_t before = channel->base.user_signals;
  channel->base.user_signals = ((before & ~change.clear) | change.set) & ZX_USER_SIGNAL_ALL;
  if (channel->base.user_signals & ~before) {
    object_notify(&channel->base, channel->base.ops->peek(&channel->base));
  }
  return ZX_OK;
}

// Gives a message that is not the reader's to whom it belongs. Returns whether it was somebody's.
static bool give_to_call(struct channel* channel, struct packet* packet,
                         const struct channel_buffers* buffers, const void* scratch) {
  if (list_is_empty(&channel->calls) || packet->header.num_bytes < sizeof(uint32_t)) return false;
  struct pending_call* call = find_call(channel, txid_of(buffers->bytes, buffers->num_bytes, scratch));
  if (!call) return false;
  call->answer = message_create(packet, buffers->bytes, buffers->num_bytes, scratch);
  call->answered = true;
  waker_wake(call->waker);
  return true;
}

bool channel_holds_enough(const struct channel* channel) {
  return list_in_list(&channel->gap) || channel->num_kept >= CHANNEL_MAX_KEPT ||
         channel->kept_bytes >= CHANNEL_MAX_KEPT_BYTES || channel->kept_fds >= CHANNEL_MAX_KEPT_FDS;
}

// Counts a message in or out of `messages`.
static void count_kept(struct channel* channel, const struct message* message, int sign) {
  unsigned num_fds = message->handles ? message->handles->num_fds : 0;
  size_t size = sizeof(*message) + message->num_bytes +
                (message->handles ? packet_handles_size(message->handles->count) : 0);
  channel->num_kept += (unsigned)sign;
  channel->kept_bytes += (size_t)sign * size;
  channel->kept_fds += (unsigned)sign * num_fds;
}

void channel_keep(struct channel* channel, struct packet* packet, const struct channel_buffers* buffers,
                  const void* scratch) {
  struct message* message = message_create(packet, buffers->bytes, buffers->num_bytes, scratch);
  if (!message) {
    channel_leave_gap(channel);
    return;
  }
  list_add_tail(&channel->messages, &message->node);
  count_kept(channel, message, 1);
  object_notify(&channel->base, channel->base.ops->peek(&channel->base));
}

void channel_leave_gap(struct channel* channel) {
  if (!list_in_list(&channel->gap)) list_add_tail(&channel->messages, &channel->gap);
  object_notify(&channel->base, channel->base.ops->peek(&channel->base));
}

// Others that sleep on the socket have missed what this thread took out of it: the next change is to ring for
// them. Not for a port that has just heard it: it is awake, and says anew what it sleeps for.
static void tell_others(struct channel* channel) {
  if (object_is_watched_elsewhere(&channel->base)) {
    channel_ring_wait_for(channel,
                          CHANNEL_WAIT_READABLE | (channel->write_blocked ? CHANNEL_WAIT_WRITABLE : 0));
    object_notify(&channel->base, channel->base.ops->peek(&channel->base));
  }
  channel_pass_on(channel);
}

void channel_tell_rest(struct channel* channel) {
  // The look may take more that is for no reader, and end up here: what is left then is in what it returns.
  if (channel->telling_rest || !object_is_watched(&channel->base)) return;
  channel->telling_rest = true;
  object_notify(&channel->base, channel->base.ops->peek(&channel->base));
  channel->telling_rest = false;
}

// Whether a look that began when the ring's index was `tail` may take one more. Of the ring it takes all that
// can have lain there: what comes later rings for those who sleep. What lies in the socket keeps them awake.
static bool may_look_on(const struct channel* channel, uint32_t tail, unsigned* budget) {
  return channel_ring_reads(channel) ? channel->ring.in.tail - tail < RING_BYTES : --*budget > 0;
}

// The next message or signal in the stream, wherever it runs.
static zx_status_t receive_next(struct channel* channel, const struct channel_buffers* buffers, void* scratch,
                                int flags, struct packet* out) {
  for (unsigned budget = CHANNEL_BUDGET; budget; budget--) {
    if (channel_ring_reads(channel)) return channel_ring_read(channel, buffers, scratch, out);
    zx_status_t status = packet_receive(channel->fd, buffers->bytes, buffers->num_bytes, scratch, flags, out);
    if (status != ZX_OK && status != ZX_ERR_NO_RESOURCES) return status;
    if (out->header.flags & PACKET_WITH_OFFER) {
      int memory_fd = out->handles.num_fds ? out->handles.fds[0] : -1;
      out->handles.num_fds = 0;
      return channel_ring_answer(channel, memory_fd);
    }
    if (out->header.kind <= PACKET_SIGNAL) return status;
    status = channel_ring_control(channel, out);
    if (status != ZX_OK) return status;
    tell_others(channel);
  }
  return ZX_ERR_SHOULD_WAIT;
}

zx_status_t channel_receive(struct channel* channel, const struct channel_buffers* buffers, void* scratch,
                            int flags, uint32_t own_txid, struct packet* out) {
  uint32_t tail = channel->ring.in.tail;
  unsigned budget = CHANNEL_BUDGET;
  do {
    zx_status_t status = receive_next(channel, buffers, scratch, flags, out);
    if (status == ZX_OK && out->header.kind == PACKET_SIGNAL) {
      status = apply_signal(channel, out, buffers->bytes, buffers->num_bytes, scratch);
      if (status == ZX_OK) continue;
    }
    if (status == ZX_ERR_IO_DATA_INTEGRITY) status = ZX_ERR_PEER_CLOSED;
    if (status == ZX_ERR_PEER_CLOSED) channel_peer_gone(channel);
    if (status != ZX_OK && status != ZX_ERR_NO_RESOURCES) return status;
    if (own_txid && out->header.num_bytes >= sizeof(uint32_t) &&
        txid_of(buffers->bytes, buffers->num_bytes, scratch) == own_txid) {
      return status;
    }
    if (give_to_call(channel, out, buffers, scratch)) continue;
    if (!own_txid) return status;
    if (channel_holds_enough(channel)) {
      packet_close_fds(&out->handles);
      channel_leave_gap(channel);
      channel_peer_gone(channel);
      return ZX_ERR_PEER_CLOSED;
    }
    channel_keep(channel, out, buffers, scratch);
  } while (may_look_on(channel, tail, &budget));
  return ZX_ERR_SHOULD_WAIT;
}

// Moves the next message to `messages`. ZX_OK: it did, be the message lost or not.
static zx_status_t keep_next(struct channel* channel, void* scratch, int flags) {
  const struct channel_buffers nowhere = {0};
  struct packet packet;
  zx_status_t status = channel_receive(channel, &nowhere, scratch, flags, 0, &packet);
  if (status != ZX_OK && status != ZX_ERR_NO_RESOURCES) return status;
  channel_keep(channel, &packet, &nowhere, scratch);
  return ZX_OK;
}

static zx_status_t take_in_control(struct channel* channel, int flags) {
  struct packet packet;
  unsigned char
      descriptions[ZX_CHANNEL_MAX_MSG_HANDLES * sizeof(struct wire_handle)];  // nothing else comes along
  zx_status_t status = packet_receive(channel->fd, descriptions, sizeof(descriptions), NULL, flags, &packet);
  if (status != ZX_OK && status != ZX_ERR_NO_RESOURCES) return status;
  if (packet.header.kind <= PACKET_SIGNAL) {
    packet_close_fds(&packet.handles);
    return ZX_ERR_IO_DATA_INTEGRITY;
  }
  return channel_ring_control(channel, &packet);
}

void channel_take_in(struct channel* channel) {
  void* scratch = scratch_get();
  if (!scratch) return;
  zx_status_t status = ZX_OK;
  unsigned budget = CHANNEL_BUDGET;
  while (!channel->peer_closed && !channel_holds_enough(channel) && budget-- > 0 && status == ZX_OK) {
    if (channel_ring_reads(channel) && channel_ring_holds_enough(channel)) break;
    status = channel_ring_reads(channel) ? channel_take_in_control(channel)
                                         : keep_next(channel, scratch, MSG_DONTWAIT);
  }
  if (!channel_ring_reads(channel)) channel->unread = status == ZX_OK;
  if (status == ZX_ERR_IO_DATA_INTEGRITY || status == ZX_ERR_PEER_CLOSED) channel_peer_gone(channel);
  scratch_put(scratch);
}

static zx_status_t receive_control(struct channel* channel, int flags) {
  zx_status_t status = take_in_control(channel, flags);
  if (status == ZX_ERR_IO_DATA_INTEGRITY || status == ZX_ERR_PEER_CLOSED) channel_peer_gone(channel);
  tell_others(channel);
  return status;
}

zx_status_t channel_take_in_control(struct channel* channel) {
  return receive_control(channel, MSG_DONTWAIT);
}

void channel_await_control(struct channel* channel) {
  receive_control(channel, 0);
}

void channel_await_message(struct channel* channel) {
  void* scratch = scratch_get();
  if (scratch) keep_next(channel, scratch, 0);
  scratch_put(scratch);
}

void channel_take_in_ring(struct channel* channel) {
  void* scratch = scratch_get();
  uint32_t tail = channel->ring.in.tail;
  while (scratch && channel_ring_reads(channel) && !channel_holds_enough(channel) &&
         !channel_ring_is_empty(channel) && channel->ring.in.tail - tail < RING_BYTES &&
         keep_next(channel, scratch, MSG_DONTWAIT) == ZX_OK) {
  }
  scratch_put(scratch);
}

// Whether the first entry of the ring, if there is one, is for no reader.
static bool first_is_aside(struct channel* channel) {
  uint32_t txid;
  if (channel_ring_is_empty(channel)) return false;
  if (channel_ring_has_signal(channel)) return true;
  return channel_ring_first_txid(channel, &txid) && find_call(channel, txid);
}

void channel_take_ring_asides(struct channel* channel) {
  if (channel->in_ring || !first_is_aside(channel)) return;
  void* scratch = scratch_get();
  if (!scratch) return;
  const struct channel_buffers nowhere = {0};
  struct packet packet;
  zx_status_t status = ZX_OK;
  channel->in_ring = true;
  uint32_t tail = channel->ring.in.tail;
  while (status == ZX_OK && channel->ring.in.tail - tail < RING_BYTES) {
    if (!first_is_aside(channel) || channel_holds_enough(channel)) break;
    status = channel_ring_read(channel, &nowhere, scratch, &packet);
    if (status == ZX_ERR_NO_RESOURCES) status = ZX_OK;  // it is lost, and its call learns of it
    if (status != ZX_OK) break;
    if (packet.header.kind == PACKET_SIGNAL) {
      status = apply_signal(channel, &packet, NULL, 0, scratch);
    } else if (!give_to_call(channel, &packet, &nowhere, scratch)) {
      channel_keep(channel, &packet, &nowhere, scratch);  // the peer has changed it since
    }
  }
  channel->in_ring = false;
  if (status != ZX_OK) channel_peer_gone(channel);
  channel_tell_rest(channel);
  scratch_put(scratch);
}

struct read_result {
  struct message* message;
  struct packet packet;
  uint32_t num_bytes;
  uint32_t num_handles;
};

static bool fits(const struct read_result* result, const struct channel_buffers* buffers) {
  return result->num_bytes <= buffers->num_bytes && result->num_handles <= buffers->num_handles;
}

// Takes the first message from the list. False: it is lost.
static bool take_kept(struct channel* channel, struct read_result* result) {
  struct list_node* node = list_take_head(&channel->messages);
  if (node == &channel->gap) {
    result->num_bytes = result->num_handles = 0;
    return false;
  }
  struct message* message = LIST_ENTRY(node, struct message, node);
  count_kept(channel, message, -1);
  result->message = message;
  result->num_bytes = message->num_bytes;
  result->num_handles = message->handles ? message->handles->count : 0;
  return !message->lost;
}

// A message too large for the reader stays the first one, or goes.
static zx_status_t refuse(struct channel* channel, const struct channel_buffers* buffers, const void* scratch,
                          uint32_t options, struct read_result* result) {
  bool discard = options & ZX_CHANNEL_READ_MAY_DISCARD;
  if (!result->message && !discard) {
    result->message = message_create(&result->packet, buffers->bytes, buffers->num_bytes, scratch);
    if (!result->message) return ZX_ERR_NO_MEMORY;
  } else if (!result->message) {
    packet_close_fds(&result->packet.handles);
  }
  if (result->message && !discard) {
    list_add_head(&channel->messages, &result->message->node);
    count_kept(channel, result->message, 1);
    object_notify(&channel->base, channel->base.ops->peek(&channel->base));
  } else {
    message_free(result->message);
  }
  result->message = NULL;
  return ZX_ERR_BUFFER_TOO_SMALL;
}

// With the lock held: finds the first message, in the list or in the socket.
static zx_status_t take_message(struct channel* channel, const struct channel_buffers* buffers, void* scratch,
                                uint32_t options, struct read_result* result) {
  bool lost = false;
  result->message = NULL;
  if (channel->base.leaving) return ZX_ERR_BAD_HANDLE;
  if (!list_is_empty(&channel->messages)) {
    bool left_some = channel_holds_enough(channel);
    lost = !take_kept(channel, result);
    if (left_some && !channel_holds_enough(channel)) object_rearm(&channel->base);
  } else if (channel->peer_closed && !channel->unread && !channel_ring_reads(channel)) {
    return ZX_ERR_PEER_CLOSED;
  } else {
    zx_status_t status = channel_receive(channel, buffers, scratch, MSG_DONTWAIT, 0, &result->packet);
    lost = status == ZX_ERR_NO_RESOURCES;
    if (status != ZX_OK && !lost) channel->unread = false;
    if (status != ZX_OK && !lost) return status;
    result->num_bytes = result->packet.header.num_bytes;
    result->num_handles = result->packet.handles.count;
  }
  channel->last_bytes = result->num_bytes;
  // This message made the channel readable, also for those who have not looked yet.
  object_change_begin(&channel->base, ZX_CHANNEL_READABLE);
  if (lost) {
    message_free(result->message);
    return ZX_ERR_NO_RESOURCES;
  }
  return fits(result, buffers) ? ZX_OK : refuse(channel, buffers, scratch, options, result);
}

zx_status_t channel_deliver_handles(struct channel* channel, struct packet_handles* handles,
                                    zx_handle_info_t* out) {
  zx_status_t status = incoming_handles(handles, out);
  if (status != ZX_ERR_IO_DATA_INTEGRITY) return status;
  pthread_mutex_lock(&channel->base.lock);
  channel_peer_gone(channel);
  pthread_mutex_unlock(&channel->base.lock);
  return ZX_ERR_PEER_CLOSED;
}

// The short way: nothing but the first entry of the ring is to be looked at. Lock held.
static bool take_plain(struct channel* channel, const struct channel_buffers* buffers,
                       struct read_result* result) {
  if (!channel_ring_reads(channel) || !list_is_empty(&channel->messages) || !list_is_empty(&channel->calls) ||
      channel->base.leaving || !channel_ring_read_plain(channel, buffers, &result->num_bytes))
    return false;
  result->message = NULL;
  result->num_handles = 0;
  channel->last_bytes = result->num_bytes;
  object_change_begin(&channel->base, ZX_CHANNEL_READABLE);
  return true;
}

static zx_status_t read_message(struct channel* channel, uint32_t options,
                                const struct channel_buffers* buffers, zx_handle_info_t* infos,
                                struct read_result* result) {
  zx_status_t status = ZX_OK;
  threads_lock(&channel->base.lock);
  if (!take_plain(channel, buffers, result)) {
    void* scratch = scratch_get();
    status = scratch ? take_message(channel, buffers, scratch, options, result) : ZX_ERR_NO_MEMORY;
    scratch_put(scratch);
  }
  object_change_end(&channel->base);
  threads_unlock(&channel->base.lock);
  if (status != ZX_OK) return status;
  struct packet_handles* handles = result->message ? result->message->handles : &result->packet.handles;
  if (result->message && result->num_bytes) memcpy(buffers->bytes, result->message->bytes, result->num_bytes);
  if (result->num_handles) status = channel_deliver_handles(channel, handles, infos);
  message_free(result->message);
  return status;
}

static zx_status_t read_common(zx_handle_t handle, uint32_t options, const struct channel_buffers* buffers,
                               zx_handle_info_t* infos, uint32_t* actual_bytes, uint32_t* actual_handles) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_CHANNEL, ZX_RIGHT_READ, &object, NULL);
  if (status != ZX_OK) return status;
  struct read_result result;
  if (options & ~ZX_CHANNEL_READ_MAY_DISCARD) {
    status = ZX_ERR_NOT_SUPPORTED;
  } else if ((buffers->num_bytes && !buffers->bytes) || (buffers->num_handles && !infos)) {
    status = ZX_ERR_INVALID_ARGS;
  } else {
    status = read_message((struct channel*)object, options, buffers, infos, &result);
    if (status == ZX_OK || status == ZX_ERR_BUFFER_TOO_SMALL) {
      if (actual_bytes) *actual_bytes = result.num_bytes;
      if (actual_handles) *actual_handles = result.num_handles;
    }
  }
  object_unref(object);
  return status;
}

static __NO_INLINE zx_status_t read_long(zx_handle_t handle, uint32_t options, void* bytes,
                                         zx_handle_t* handles, uint32_t num_bytes, uint32_t num_handles,
                                         uint32_t* actual_bytes, uint32_t* actual_handles) {
  struct channel_buffers buffers = {.bytes = bytes, .num_bytes = num_bytes, .num_handles = num_handles};
  zx_handle_info_t infos[ZX_CHANNEL_MAX_MSG_HANDLES];
  uint32_t count = 0;
  zx_handle_info_t* room = handles || !num_handles ? infos : NULL;
  zx_status_t status = read_common(handle, options, &buffers, room, actual_bytes, &count);
  if (status == ZX_OK) {
    for (uint32_t i = 0; i < count; i++)
      handles[i] = infos[i].handle;
  }
  if (actual_handles && (status == ZX_OK || status == ZX_ERR_BUFFER_TOO_SMALL)) *actual_handles = count;
  return status;
}

// The short way among several threads.
static __NO_INLINE bool read_locked(zx_handle_t handle, void* bytes, uint32_t num_bytes, uint32_t* size) {
  bool ask;
  struct zx_object* object = handle_lock_object(handle, ZX_OBJ_TYPE_CHANNEL, ZX_RIGHT_READ);
  if (!object) return false;
  struct channel* channel = (struct channel*)object;
  bool got = channel_short_read(channel, bytes, num_bytes, size, &ask);
  if (got && ask) channel_ring_ask_writer(channel);
  threads_unlock(&object->lock);
  return got;
}

static __NO_INLINE bool ask_writer(struct channel* channel) {
  channel_ring_ask_writer(channel);
  return true;
}

// Where nothing unusual is met it makes no call, and so needs no frame.
static inline __ALWAYS_INLINE bool read_short(zx_handle_t handle, void* bytes, uint32_t num_bytes,
                                              uint32_t* size) {
  bool ask;
  if (unlikely(threads_are_many())) return read_locked(handle, bytes, num_bytes, size);
  struct zx_object* object = handle_find_object(handle, ZX_OBJ_TYPE_CHANNEL, ZX_RIGHT_READ);
  if (unlikely(!object || !channel_short_read((struct channel*)object, bytes, num_bytes, size, &ask)))
    return false;
  return unlikely(ask) ? ask_writer((struct channel*)object) : true;
}

zx_status_t zx_channel_read(zx_handle_t handle, uint32_t options, void* bytes, zx_handle_t* handles,
                            uint32_t num_bytes, uint32_t num_handles, uint32_t* actual_bytes,
                            uint32_t* actual_handles) {
  uint32_t size;
  if (unlikely(options || (num_bytes && !bytes) || (num_handles && !handles) ||
               !read_short(handle, bytes, num_bytes, &size)))
    return read_long(handle, options, bytes, handles, num_bytes, num_handles, actual_bytes, actual_handles);
  if (actual_bytes) *actual_bytes = size;
  if (actual_handles) *actual_handles = 0;
  return ZX_OK;
}

zx_status_t zx_channel_read_etc(zx_handle_t handle, uint32_t options, void* bytes, zx_handle_info_t* handles,
                                uint32_t num_bytes, uint32_t num_handles, uint32_t* actual_bytes,
                                uint32_t* actual_handles) {
  uint32_t size;
  if (likely(!options && (bytes || !num_bytes) && (handles || !num_handles) &&
             read_short(handle, bytes, num_bytes, &size))) {
    if (actual_bytes) *actual_bytes = size;
    if (actual_handles) *actual_handles = 0;
    return ZX_OK;
  }
  struct channel_buffers buffers = {.bytes = bytes, .num_bytes = num_bytes, .num_handles = num_handles};
  return read_common(handle, options, &buffers, handles, actual_bytes, actual_handles);
}
