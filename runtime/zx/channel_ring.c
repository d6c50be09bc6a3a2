// Messages through shared memory; see channel_ring.h. Everything read from the memory is a peer's word.
#include "runtime/zx/channel_ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zircon/syscalls/time.h>

#include "runtime/zx/channel.h"
#include "runtime/zx/memory.h"
#include "runtime/zx/threads.h"
#include "runtime/zx/wake.h"

#define ROOM_ENOUGH (RING_BYTES / 8 * 3)  // for a writer that found it full to try again
#define BUSY_MESSAGES 32u                 // so many within BUSY_TIME make a channel hot
#define BUSY_TIME ZX_MSEC(50)
#define LOOK_EVERY 16u           // messages are sent between two looks for the answer to an offer
#define PACE_TIME ZX_USEC(2)     // that a reader lets the writer get ahead
#define PACE_WORTH 4u            // messages that must have come by then
#define SETTLE_TIME ZX_MSEC(20)  // no processor holds back a store for that long
// Descriptors that the entries of a full ring may need.
#define RING_MAX_FDS (RING_BYTES / (uint32_t)sizeof(struct wire_handle) * OBJECT_MAX_FDS)

_Static_assert(ENTRY_BYTES + ZX_CHANNEL_MAX_MSG_BYTES + 8 +
                       ZX_CHANNEL_MAX_MSG_HANDLES * sizeof(struct wire_handle) <=
                   ROOM_ENOUGH,
               "a writer that is told of room has room");

static struct channel_side* own_side(const struct channel_ring* ring) {
  return &ring->shared->sides[ring->side];
}

void channel_ring_init(struct channel_ring* ring, unsigned side) {
  memset(ring, 0, sizeof(*ring));
  ring->side = side;
  ring->memory_fd = -1;
  list_init(&ring->fds);
}

static void let_go(struct channel_ring* ring) {
  if (ring->shared) munmap(ring->shared, memory_round_to_page(sizeof(struct channel_shared)));
  if (ring->memory_fd >= 0) close(ring->memory_fd);
  ring->shared = NULL;
  ring->memory_fd = -1;
  ring->heavy = false;
}

void channel_ring_destroy(struct channel_ring* ring) {
  while (!list_is_empty(&ring->fds))
    message_free(LIST_ENTRY(list_take_head(&ring->fds), struct message, node));
  let_go(ring);
}

bool channel_ring_writes(const struct channel* channel) {
  return channel->ring.state == RING_ACCEPTED || channel->ring.state == RING_ON;
}

bool channel_ring_reads(const struct channel* channel) {
  return channel->ring.state == RING_SWITCHING || channel->ring.state == RING_ON;
}

// Maps the memory, which becomes the ring's.
static bool set_up(struct channel_ring* ring, int memory_fd, uint32_t head, uint32_t tail) {
  ring->memory_fd = memory_fd;
  ring->shared = memory_map(memory_fd, memory_round_to_page(sizeof(struct channel_shared)));
  if (!ring->shared) {
    let_go(ring);
    return false;
  }
  ring->peer = &ring->shared->sides[!ring->side];
  ring->out_bytes = ring->shared->storage[ring->side];
  ring->in_bytes = ring->shared->storage[!ring->side];
  ring->out = (struct ring_producer){&ring->shared->rings[ring->side], head, head - RING_LIMIT, RING_LIMIT};
  ring->in = (struct ring_consumer){&ring->shared->rings[!ring->side], tail, tail, RING_LIMIT};
  ring->given_back = tail - ENTRY_BYTES;  // who held this end before may not have given back all,
  ring->unasked = CHANNEL_ASK_EVERY;      // and may have read as much
  ring->changer = (struct wake_changer){.light = false};
  wake_end_light(&ring->changer, &own_side(ring)->light);  // or may have been light
  ring->heavy = wake_has_barriers();
  atomic_store_explicit(&own_side(ring)->heavy, ring->heavy, memory_order_relaxed);
  return true;
}

static zx_status_t send_control(struct channel* channel, uint8_t kind, const struct packet_handles* handles) {
  struct packet_header header = {.kind = kind};
  struct iovec iov[2];
  return packet_send(channel->fd, &header, iov, 2, handles);
}

bool channel_ring_count(struct channel* channel) {
  struct channel_ring* ring = &channel->ring;
  if (ring->state != RING_NONE || ring->side != 0 || ++ring->traffic < BUSY_MESSAGES) return false;
  zx_time_t now = zx_clock_get_monotonic();
  bool busy = ring->window && now - ring->window < BUSY_TIME;
  ring->traffic = 0;
  ring->window = now;
  return busy;
}

void channel_ring_look_for_answer(struct channel* channel) {
  struct channel_ring* ring = &channel->ring;
  if (ring->state != RING_OFFERED || ++ring->traffic % LOOK_EVERY) return;
  int kind = packet_peek_kind(channel->fd);
  if (kind == PACKET_ACCEPT || kind == PACKET_REFUSE) channel_take_in_control(channel);
}

zx_status_t channel_ring_offer(struct channel* channel, struct packet_header* header, struct iovec* iov,
                               size_t count) {
  struct channel_ring* ring = &channel->ring;
  struct packet_handles handles;
  handles.count = handles.num_fds = 0;
  if (memory_create(sizeof(struct channel_shared), &handles.fds[0]) == ZX_OK &&
      set_up(ring, handles.fds[0], 0, 0)) {
    handles.num_fds = 1;
    header->flags = PACKET_WITH_OFFER;
  }
  zx_status_t status = packet_send(channel->fd, header, iov, count, &handles);
  if (status == ZX_OK && ring->shared) {
    ring->state = RING_OFFERED;
  } else {
    let_go(ring);
  }
  return status;
}

zx_status_t channel_ring_answer(struct channel* channel, int memory_fd) {
  struct channel_ring* ring = &channel->ring;
  bool in_place = ring->state == RING_NEVER || (ring->state == RING_NONE && ring->side == 1);
  bool came = memory_fd >= 0;
  bool safe = !came || memory_is_safe(memory_fd, memory_round_to_page(sizeof(struct channel_shared)));
  if (!in_place || !safe) {
    if (came) close(memory_fd);
    return ZX_ERR_IO_DATA_INTEGRITY;
  }
  if (came && ring->state == RING_NEVER) {
    close(memory_fd);
  } else if (came && set_up(ring, memory_fd, 0, 0)) {
    if (send_control(channel, PACKET_ACCEPT, NULL) == ZX_OK) {
      ring->state = RING_ACCEPTED;
      return ZX_OK;
    }
    let_go(ring);
  }
  ring->state = RING_NEVER;
  // If the queue is too full for this, the peer keeps its memory and goes on with the socket.
  send_control(channel, PACKET_REFUSE, NULL);
  return ZX_OK;
}

zx_status_t channel_ring_catch_up(struct channel* channel) {
  if (channel->ring.state != RING_SWITCHING) return ZX_OK;
  zx_status_t status = send_control(channel, PACKET_SWITCH, NULL);
  if (status == ZX_OK) channel->ring.state = RING_ON;
  return status;
}

// Descriptors that are lost count as one.
static unsigned count_fds(const struct message* message) {
  return message->handles ? message->handles->num_fds : 1;
}

bool channel_ring_holds_enough(const struct channel* channel) {
  return channel->ring.num_fds >= CHANNEL_MAX_KEPT_FDS;
}

static zx_status_t queue_fds(struct channel* channel, struct packet* packet) {
  struct channel_ring* ring = &channel->ring;
  bool empty = !packet->handles.num_fds && !packet->lost;
  // Without entries that need them, or more than a full ring needs, they are a flood.
  bool flood =
      channel_ring_holds_enough(channel) && (channel_ring_is_empty(channel) || ring->num_fds >= RING_MAX_FDS);
  if (!channel_ring_reads(channel) || flood || empty) {
    packet_close_fds(&packet->handles);
    return ZX_ERR_IO_DATA_INTEGRITY;
  }
  struct message* message = message_create(packet, NULL, 0, NULL);
  // Without it, later descriptors would go to the wrong entries.
  if (!message) return ZX_ERR_IO_DATA_INTEGRITY;
  list_add_tail(&ring->fds, &message->node);
  ring->num_fds += count_fds(message);
  return ZX_OK;
}

zx_status_t channel_ring_control(struct channel* channel, struct packet* packet) {
  struct channel_ring* ring = &channel->ring;
  zx_status_t status = ZX_ERR_IO_DATA_INTEGRITY;
  switch (packet->header.kind) {
    case PACKET_ACCEPT:
      if (ring->state != RING_OFFERED) break;
      ring->state = RING_SWITCHING;
      channel_ring_catch_up(channel);
      status = ZX_OK;
      break;
    case PACKET_SWITCH:
      if (ring->state != RING_ACCEPTED) break;
      ring->state = RING_ON;
      status = ZX_OK;
      break;
    case PACKET_REFUSE:
      if (ring->state != RING_OFFERED) break;
      let_go(ring);
      ring->state = RING_NEVER;
      status = ZX_OK;
      break;
    case PACKET_FDS:
      return queue_fds(channel, packet);
    case PACKET_BELL:
      status = ring->shared ? ZX_OK : ZX_ERR_IO_DATA_INTEGRITY;
      break;
    default:
      break;
  }
  packet_close_fds(&packet->handles);
  return status;
}

static bool claim(struct channel_ring* ring, uint32_t reason) {
  return wake_claim_lightly(&ring->changer, &own_side(ring)->light, &ring->peer->waiting, reason);
}

static void ring_bell(struct channel* channel, uint32_t reason) {
  if (claim(&channel->ring, reason)) send_control(channel, PACKET_BELL, NULL);  // a full queue wakes as well
}

void channel_ring_tell_reader(struct channel* channel) {
  struct channel_ring* ring = &channel->ring;
  ring_bell(channel, CHANNEL_WAIT_READABLE);
  if (ring->changer.awake == CHANNEL_LIGHT_AFTER && !ring->changer.light && wake_accept_barriers()) {
    wake_begin_light(&ring->changer, &own_side(ring)->light, &ring->peer->heavy);
  }
}

// This process has lost what it promised as a reader, to a filter of system calls or for want of memory.
// After a while no writer takes it to be heavy; after another one, any that was light has seen `waiting` and
// stopped, or what it wrote is here.
static void break_promise(struct channel_ring* ring, uint32_t reasons) {
  ring->heavy = false;
  atomic_store_explicit(&own_side(ring)->heavy, 0, memory_order_seq_cst);
  zx_nanosleep(zx_deadline_after(SETTLE_TIME));
  wake_arm(&own_side(ring)->waiting, reasons);
  zx_nanosleep(zx_deadline_after(SETTLE_TIME));
}

// What was read since the writer last learnt of it. Before this end waits, not whenever it looks: a thread
// may look at an end that has gone elsewhere.
static void give_back_rest(struct channel_ring* ring) {
  if (ring->given_back != ring->in.tail) channel_ring_give_back(ring);
}

void channel_ring_wait_for(struct channel* channel, uint32_t reasons) {
  struct channel_ring* ring = &channel->ring;
  if (!ring->shared) return;
  give_back_rest(ring);
  if (!ring->heavy || !(reasons & CHANNEL_WAIT_READABLE)) {
    wake_arm(&own_side(ring)->waiting, reasons);
  } else if (!wake_arm_heavy(&own_side(ring)->waiting, reasons, &ring->peer->light)) {
    break_promise(ring, reasons);
  }
}

bool channel_ring_has_room(struct channel* channel) {
  uint32_t room = 0;
  if (!ring_room(&channel->ring.out, &room)) channel_peer_gone(channel);
  return room >= ROOM_ENOUGH && !channel->ring.socket_full;
}

bool channel_ring_is_empty(const struct channel* channel) {
  return channel_ring_first(&channel->ring) == 0;
}

bool channel_ring_has_signal(const struct channel* channel) {
  return entry_unpack(channel_ring_first(&channel->ring)).kind == PACKET_SIGNAL;
}

bool channel_ring_first_txid(const struct channel* channel, uint32_t* txid) {
  const struct channel_ring* ring = &channel->ring;
  struct ring_entry entry = entry_unpack(channel_ring_first(ring));
  if (entry.kind != PACKET_MESSAGE || entry.num_bytes < sizeof(*txid)) return false;
  ring_copy_out(ring->in_bytes, RING_BYTES, 1, ring->in.tail + ENTRY_BYTES, txid, sizeof(*txid));
  return true;
}

bool channel_ring_peer_closed(const struct channel* channel) {
  return channel->ring.state == RING_ON &&
         atomic_load_explicit(&channel->ring.peer->closed, memory_order_acquire) != 0;
}

void channel_ring_close(struct channel* channel) {
  if (channel->ring.state != RING_ON) return;
  atomic_store_explicit(&own_side(&channel->ring)->closed, 1, memory_order_release);
}

// How far the reader is from leaving enough room.
static uint32_t lacking_room(const struct ring_producer* out) {
  uint32_t room = out->limit - (out->head - out->tail);
  return room < ROOM_ENOUGH ? ROOM_ENOUGH - room : 0;
}

bool channel_ring_spin(struct channel* channel, uint32_t reasons) {
  struct channel_ring* ring = &channel->ring;
  struct spin_target target = {.count = 0};
  threads_lock(&channel->base.lock);
  bool reads = (reasons & CHANNEL_WAIT_READABLE) && channel_ring_reads(channel);
  bool writes = (reasons & CHANNEL_WAIT_WRITABLE) && channel_ring_writes(channel) && !ring->socket_full;
  bool spins = (reads || writes) && !channel->peer_closed && !channel->base.leaving;
  if (spins) {
    target.own_cpu = &own_side(ring)->cpu;
    target.peer_cpu = &ring->peer->cpu;
    spin_add(&target, &ring->peer->closed, 0, 1);
    // The half of the word that is never 0.
    if (reads) spin_add(&target, (const _Atomic uint32_t*)entry_word_at(ring->in_bytes, ring->in.tail), 0, 1);
    if (writes) spin_add(&target, &ring->out.shared->tail, ring->out.tail, lacking_room(&ring->out));
    if (reads) ring->changer.awake = 0;  // whoever waits for answers has nothing from being light
    if (reads) give_back_rest(ring);
  }
  threads_unlock(&channel->base.lock);
  bool changed = spins && spin_watch(&ring->spinner, &target);
  if (spins) {
    bool together = atomic_load_explicit(target.own_cpu, memory_order_relaxed) ==
                    atomic_load_explicit(target.peer_cpu, memory_order_relaxed);
    atomic_store_explicit(&ring->together, together, memory_order_relaxed);
  }
  return changed;
}

// Sends the descriptors of an entry to come. The packet wakes a sleeping peer, who need not be rung for the
// entry then unless it has fallen asleep again before it.
static zx_status_t send_fds(struct channel* channel, const struct packet_handles* handles) {
  struct channel_ring* ring = &channel->ring;
  bool asleep = claim(ring, CHANNEL_WAIT_READABLE);
  zx_status_t status = send_control(channel, PACKET_FDS, handles);
  ring->socket_full = status == ZX_ERR_SHOULD_WAIT;
  if (status != ZX_OK && asleep) send_control(channel, PACKET_BELL, NULL);  // a full queue wakes as well
  return status;
}

static inline uint32_t put(const struct channel_ring* ring, uint32_t at, const void* from, uint32_t size) {
  ring_copy_in(ring->out_bytes, RING_BYTES, 1, at, from, size);
  return at + size;
}

static inline zx_status_t find_room(struct channel* channel, uint32_t size) {
  uint32_t room = 0;
  if (channel_ring_peer_closed(channel) || channel->peer_closed) return ZX_ERR_PEER_CLOSED;
  if (!ring_room_for(&channel->ring.out, size, &room)) {
    channel_peer_gone(channel);
    return ZX_ERR_PEER_CLOSED;
  }
  return room < size ? ZX_ERR_SHOULD_WAIT : ZX_OK;
}

zx_status_t channel_ring_write_plain(struct channel* channel, const void* bytes, uint32_t num_bytes) {
  struct channel_ring* ring = &channel->ring;
  uint32_t size = entry_size(num_bytes, 0);
  zx_status_t status = find_room(channel, size);
  if (status != ZX_OK) return status;
  channel_ring_fetch_ahead(ring, size);
  if (num_bytes) put(ring, ring->out.head + ENTRY_BYTES, bytes, num_bytes);
  channel_ring_publish(ring, (struct ring_entry){.kind = PACKET_MESSAGE, .num_bytes = num_bytes}, size);
  ring->read_in_row = 0;
  ring->changer.awake++;
  channel_ring_tell_reader(channel);
  return ZX_OK;
}

zx_status_t channel_ring_write(struct channel* channel, uint8_t kind, const struct iovec* iov, size_t count,
                               uint32_t total, const struct packet_handles* handles) {
  struct channel_ring* ring = &channel->ring;
  uint32_t num_handles = handles ? handles->count : 0;
  uint32_t size = entry_size(total, num_handles);
  zx_status_t status = find_room(channel, size);
  if (status == ZX_OK && num_handles) status = send_fds(channel, handles);
  if (status != ZX_OK) return status;
  channel_ring_fetch_ahead(ring, size);
  struct ring_entry entry = {.kind = kind,
                             .num_fds = (uint8_t)(num_handles ? handles->num_fds : 0),
                             .num_handles = (uint16_t)num_handles,
                             .num_bytes = total};
  uint32_t at = ring->out.head + ENTRY_BYTES;
  for (size_t i = 0; i < count; i++)
    at = put(ring, at, iov[i].iov_base, (uint32_t)iov[i].iov_len);
  channel_ring_publish(ring, entry, size);
  ring->read_in_row = 0;
  ring->changer.awake++;
  channel_ring_tell_reader(channel);
  return ZX_OK;
}

static inline void get(const struct channel_ring* ring, uint32_t at, void* to, uint32_t size) {
  ring_copy_out(ring->in_bytes, RING_BYTES, 1, at, to, size);
}

// Takes the descriptors that an entry announces; they were sent before it. ZX_ERR_NO_RESOURCES: they are
// lost.
static zx_status_t take_fds(struct channel* channel, const struct ring_entry* entry, struct packet* out) {
  struct channel_ring* ring = &channel->ring;
  for (unsigned i = 0; list_is_empty(&ring->fds) && i < CHANNEL_BUDGET; i++) {
    if (channel_take_in_control(channel) != ZX_OK) break;
  }
  struct list_node* node = list_take_head(&ring->fds);
  if (!node) return ZX_ERR_IO_DATA_INTEGRITY;
  struct message* message = LIST_ENTRY(node, struct message, node);
  bool left_some = channel_ring_holds_enough(channel);
  ring->num_fds -= count_fds(message);
  if (left_some && !channel_ring_holds_enough(channel)) object_rearm(&channel->base);
  zx_status_t status = message->lost ? ZX_ERR_NO_RESOURCES : ZX_ERR_IO_DATA_INTEGRITY;
  if (message->handles && message->handles->num_fds == entry->num_fds &&
      message->handles->count == entry->num_handles) {
    packet_copy_handles(&out->handles, message->handles);
    message->handles->num_fds = 0;
    status = ZX_OK;
  }
  message_free(message);
  return status;
}

// A writer that found the ring full is woken when half of it is free, at the latest: it is looked for
// whenever an eighth has been read, and less than half is enough for it. To look for it after every entry
// would cost more than the entry. What is there is counted anew, after the writer's word was seen: threads of
// the writer may have gone on until it was full.
void channel_ring_ask_writer(struct channel* channel) {
  struct channel_ring* ring = &channel->ring;
  uint32_t filled = 0;
  channel_ring_give_back(ring);
  ring->unasked = 0;
  if (!wake_is_due(&ring->peer->waiting, CHANNEL_WAIT_WRITABLE)) return;
  if (!ring_filled(&ring->in, &filled) || filled > RING_LIMIT - ROOM_ENOUGH) return;
  // A writer that sleeps for room is woken with fences alone.
  if (ring->changer.light) wake_end_light(&ring->changer, &own_side(ring)->light);
  ring_bell(channel, CHANNEL_WAIT_WRITABLE);
}

static void take_entry(struct channel* channel, uint32_t size) {
  if (channel_ring_take(&channel->ring, size)) channel_ring_ask_writer(channel);
}

static bool is_plausible(const struct ring_entry* entry) {
  return (entry->kind == PACKET_MESSAGE || entry->kind == PACKET_SIGNAL) &&
         entry->num_bytes <= ZX_CHANNEL_MAX_MSG_BYTES && entry->num_handles <= ZX_CHANNEL_MAX_MSG_HANDLES &&
         (entry->num_handles != 0) == (entry->num_fds != 0) &&
         (entry->kind == PACKET_MESSAGE || !entry->num_handles);
}

// Copies what precedes the bytes of the first entry, once; only this copy is looked at.
static zx_status_t copy_entry(const struct channel_ring* ring, struct ring_entry* out) {
  uint64_t word = channel_ring_first(ring);
  if (!word) return ZX_ERR_SHOULD_WAIT;
  *out = entry_unpack(word);
  return is_plausible(out) ? ZX_OK : ZX_ERR_IO_DATA_INTEGRITY;
}

// Two processors that keep up with each other exchange the lines of an entry while it is written, and each
// waits for them. A reader of a stream that has read all it knew of lets a writer on another processor get
// ahead first. True: it did.
static bool let_writer_ahead(const struct channel_ring* ring) {
  uint32_t here = atomic_load_explicit(&own_side(ring)->cpu, memory_order_relaxed);
  if (here == atomic_load_explicit(&ring->peer->cpu, memory_order_relaxed)) return false;
  spin_pause(PACE_TIME);
  return true;
}

bool channel_ring_read_plain(struct channel* channel, const struct channel_buffers* buffers, uint32_t* size) {
  struct channel_ring* ring = &channel->ring;
  struct ring_entry entry;
  uint32_t filled = 0;
  bool knows_no_more = channel_ring_knows_no_more(ring);
  bool paced = knows_no_more && let_writer_ahead(ring);
  if (paced) ring->read_in_row = 0;  // unless it was worth it
  if (knows_no_more && !ring_filled(&ring->in, &filled)) return false;
  if (copy_entry(ring, &entry) != ZX_OK) return false;
  if (entry.kind != PACKET_MESSAGE || entry.num_handles || entry.num_bytes > buffers->num_bytes) return false;
  if (entry.num_bytes) get(ring, ring->in.tail + ENTRY_BYTES, buffers->bytes, entry.num_bytes);
  uint32_t taken = entry_size(entry.num_bytes, 0);
  if (paced && filled >= PACE_WORTH * taken) ring->read_in_row = CHANNEL_PACE_AFTER;
  take_entry(channel, taken);
  *size = entry.num_bytes;
  return true;
}

zx_status_t channel_ring_read(struct channel* channel, const struct channel_buffers* buffers, void* scratch,
                              struct packet* out) {
  struct channel_ring* ring = &channel->ring;
  struct ring_entry entry;
  bool in_ring = channel->in_ring;
  bool closed = channel->peer_closed || channel_ring_peer_closed(channel);
  zx_status_t status = copy_entry(ring, &entry);
  if (status == ZX_ERR_SHOULD_WAIT) give_back_rest(ring);
  if (status == ZX_ERR_SHOULD_WAIT && closed) return ZX_ERR_PEER_CLOSED;
  if (status != ZX_OK) return status;
  uint32_t size = entry_size(entry.num_bytes, entry.num_handles);
  out->header = (struct packet_header){
      .kind = entry.kind, .num_handles = entry.num_handles, .num_bytes = entry.num_bytes};
  out->handles.count = out->handles.num_fds = 0;
  if (entry.num_handles) {
    channel->in_ring = true;
    status = take_fds(channel, &entry, out);
    channel->in_ring = in_ring;
  }
  out->lost = status == ZX_ERR_NO_RESOURCES;
  if (status != ZX_OK && !out->lost) return status;
  uint32_t at = ring->in.tail + ENTRY_BYTES;
  uint32_t first = entry.num_bytes < buffers->num_bytes ? entry.num_bytes : buffers->num_bytes;
  if (first) get(ring, at, buffers->bytes, first);
  if (entry.num_bytes > first) get(ring, at + first, scratch, entry.num_bytes - first);
  take_entry(channel, size);
  if (entry.num_handles && !in_ring) channel_tell_rest(channel);
  return status;
}

void channel_ring_pack(struct channel* channel, struct wire_handle* wire) {
  struct channel_ring* ring = &channel->ring;
  // Whoever gets it may not be able to keep the promise.
  if (ring->heavy && !wake_end_heavy(&own_side(ring)->heavy, &own_side(ring)->waiting, CHANNEL_WAIT_READABLE,
                                     &ring->peer->light)) {
    break_promise(ring, CHANNEL_WAIT_READABLE);
  }
  ring->heavy = false;
  if (ring->shared) give_back_rest(ring);  // never again, while the new holder does
  wire->side = (uint8_t)ring->side;
  wire->elem_count = ring->state;
  wire->values[0] = ((uint64_t)ring->out.head << 32) | ring->in.tail;
}

zx_status_t channel_ring_unpack(struct channel* channel, const struct wire_handle* wire, int memory_fd) {
  struct channel_ring* ring = &channel->ring;
  bool needs_memory = wire->elem_count != RING_NONE && wire->elem_count != RING_NEVER;
  uint32_t head = (uint32_t)(wire->values[0] >> 32);
  uint32_t tail = (uint32_t)wire->values[0];
  if (wire->side > 1 || head % ENTRY_BYTES || tail % ENTRY_BYTES || wire->elem_count > RING_NEVER ||
      needs_memory != (memory_fd >= 0))
    return ZX_ERR_IO_DATA_INTEGRITY;
  ring->side = wire->side;
  ring->state = (enum channel_ring_state)wire->elem_count;
  if (!needs_memory) return ZX_OK;
  if (!memory_is_safe(memory_fd, memory_round_to_page(sizeof(struct channel_shared))))
    return ZX_ERR_IO_DATA_INTEGRITY;
  bool mapped = set_up(ring, memory_fd, head, tail);
  return mapped ? ZX_OK : ZX_ERR_NO_MEMORY;
}
