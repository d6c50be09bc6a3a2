// The short way of a message through a busy channel, which most messages go: few bytes and no handles, room
// in the ring or an entry there, in one piece, and nobody in this process who waits. What is otherwise goes
// the long way (channel_ring.h), and nothing has changed by then. The channel's lock is held.
#ifndef RUNTIME_ZX_CHANNEL_SHORT_H_
#define RUNTIME_ZX_CHANNEL_SHORT_H_

#include <string.h>

#include <zircon/compiler.h>

#include "runtime/zx/channel.h"
#include "runtime/zx/channel_memory.h"

#define CHANNEL_SHORT_BYTES RING_COPY_SHORT  // more are better copied by memcpy

// Where an entry of `size` bytes may be written. Null: the long way.
static inline unsigned char* channel_short_room(const struct channel* channel, uint32_t size) {
  const struct channel_ring* ring = &channel->ring;
  uint32_t at = ring->out.head & (RING_BYTES - 1);
  if (unlikely(ring->state != RING_ON || channel->peer_closed)) return NULL;
  if (unlikely(ring->out.limit - (ring->out.head - ring->out.tail) < size || RING_BYTES - at < size))
    return NULL;
  if (unlikely(atomic_load_explicit(&ring->peer->closed, memory_order_acquire))) return NULL;
  return ring->out_bytes + at;
}

// After a message's bytes were written. True: channel_ring_tell_reader is due.
static inline bool channel_short_publish(struct channel* channel, uint32_t num_bytes, uint32_t size) {
  struct channel_ring* ring = &channel->ring;
  channel_ring_publish(ring, (struct ring_entry){.kind = PACKET_MESSAGE, .num_bytes = num_bytes}, size);
  bool asleep = wake_is_due_lightly(&ring->changer, &ring->peer->waiting, CHANNEL_WAIT_READABLE);
  ring->read_in_row = 0;
  return unlikely(++ring->changer.awake == CHANNEL_LIGHT_AFTER || asleep);
}

// Writes a message of up to CHANNEL_SHORT_BYTES. False: the long way. `*tell` as above.
static inline __ALWAYS_INLINE bool channel_short_write(struct channel* channel, const void* bytes,
                                                       uint32_t num_bytes, bool* tell) {
  uint32_t size = entry_size(num_bytes, 0);
  unsigned char* to = channel_short_room(channel, size);
  if (unlikely(!to)) return false;
  channel_ring_fetch_ahead(&channel->ring, size);
  ring_copy_short(to + ENTRY_BYTES, bytes, num_bytes);
  *tell = channel_short_publish(channel, num_bytes, size);
  return true;
}

// Reads a message of up to CHANNEL_SHORT_BYTES that fits. False: the long way. `*ask`:
// channel_ring_ask_writer is due.
static inline __ALWAYS_INLINE bool channel_short_read(struct channel* channel, void* bytes, uint32_t capacity,
                                                      uint32_t* size, bool* ask) {
  struct channel_ring* ring = &channel->ring;
  if (unlikely(ring->state != RING_ON || !list_is_empty(&channel->messages) ||
               !list_is_empty(&channel->calls) || !list_is_empty(&channel->base.observers) ||
               !list_is_empty(&channel->base.links)))
    return false;
  if (channel_ring_knows_no_more(ring)) return false;
  uint32_t at = ring->in.tail & (RING_BYTES - 1);
  uint64_t word = channel_ring_first(ring);  // only this copy is looked at
  uint32_t num_bytes = (uint32_t)(word >> 32);
  uint32_t taken = entry_size(num_bytes, 0);
  if (unlikely((uint32_t)word != PACKET_MESSAGE || num_bytes > CHANNEL_SHORT_BYTES || num_bytes > capacity ||
               taken > RING_BYTES - at))
    return false;
  ring_copy_short(bytes, ring->in_bytes + at + ENTRY_BYTES, num_bytes);
  *size = channel->last_bytes = num_bytes;
  *ask = channel_ring_take(ring, taken);
  return true;
}

#endif  // RUNTIME_ZX_CHANNEL_SHORT_H_
