// The fast way of a hot channel: two rings in a sealed memfd, beside the socket.
//
// A channel begins with its socket alone. When its first end (side 0) finds it busy, it offers shared memory
// along with a message; the other end accepts or refuses, also through the socket, so that each direction
// changes over at a point of the stream that both know:
//   offer    side 0 -> 1: here is the memory. Side 0 goes on writing to the socket.
//   ACCEPT   side 1 -> 0: the last packet of mine in the socket; from now on I write to the ring.
//   SWITCH   side 0 -> 1: the same for the other direction.
//   REFUSE   side 1 -> 0: no; side 0 lets go of the memory and never asks again.
// After that the socket carries descriptors (FDS, sent before the ring's entry that needs them), the bell
// (BELL), and the news of the peer's death. The bell follows the rule of pair.h: whoever sleeps says so in
// `waiting`, and is rung only then. Channels made from a bare descriptor refuse, since others may share it.
#ifndef RUNTIME_ZX_CHANNEL_RING_H_
#define RUNTIME_ZX_CHANNEL_RING_H_

#include "runtime/zx/channel_memory.h"
#include "runtime/zx/spin.h"
#include "runtime/zx/wake.h"

// So many messages in a row whose reader was awake make their writer light (wake.h). A barrier costs the
// reader as much as some hundreds of them would save where it interrupts a virtual processor.
#define CHANNEL_LIGHT_AFTER 1024u

struct channel;
struct channel_buffers;
struct channel_outgoing;

#define CHANNEL_WAIT_READABLE 1u
#define CHANNEL_WAIT_WRITABLE 2u

enum channel_ring_state {
  RING_NONE,
  RING_OFFERED,    // side 0: memory made, no answer yet
  RING_ACCEPTED,   // side 1: writes to the ring, still reads the socket
  RING_SWITCHING,  // side 0: reads the ring; SWITCH could not be sent yet
  RING_ON,         // both directions
  RING_NEVER,      // refused, or made from a bare descriptor
};

struct channel_ring {
  enum channel_ring_state state;
  unsigned side;
  int memory_fd;
  struct channel_shared* shared;
  struct channel_side* peer;  // the rest in `shared`
  unsigned char* out_bytes;
  const unsigned char* in_bytes;
  struct ring_producer out;
  struct ring_consumer in;
  struct list_node fds;  // struct message: descriptors that came before their entry, or were lost then
  unsigned num_fds;
  unsigned traffic;  // messages since `window`, or since the offer
  zx_time_t window;
  bool socket_full;      // the last write found no room for its descriptors
  uint32_t given_back;   // `in.tail` as the writer knows it
  uint32_t unasked;      // bytes read since a writer that waits for room was last looked for
  unsigned read_in_row;  // messages since this end wrote one, or since it waited for the writer in vain
  struct wake_changer changer;  // as a writer
  bool heavy;                   // as a reader: it has promised so
  atomic_bool together;         // both ends were on one processor when this one last waited; without the lock
  struct spinner spinner;
};

void channel_ring_init(struct channel_ring* ring, unsigned side);
void channel_ring_destroy(struct channel_ring* ring);

// Below: with the channel's lock held, unless said otherwise.

bool channel_ring_writes(const struct channel* channel);  // messages go to the ring
bool channel_ring_reads(const struct channel* channel);   // messages come from the ring

// Counts a message. True: the channel turns out to be busy, and it is this end's part to offer shared memory.
bool channel_ring_count(struct channel* channel);

// Sends a message with an offer, or without if there is no memory to be had; arguments as packet_send's.
zx_status_t channel_ring_offer(struct channel* channel, struct packet_header* header, struct iovec* iov,
                               size_t count);

// For an end that writes and never reads: takes in the answer to an offer if it is what comes first in the
// socket. Looks every so often.
void channel_ring_look_for_answer(struct channel* channel);

// Takes the descriptor of an offer that came with a message (-1: it found no room in this process).
// ZX_ERR_IO_DATA_INTEGRITY: out of place, or not such memory.
zx_status_t channel_ring_answer(struct channel* channel, int memory_fd);

// Deals with a control packet from the socket, taking over its descriptors. Of lost ones it takes note: the
// entry that needs them will be lost, and no other. ZX_ERR_IO_DATA_INTEGRITY: out of place.
zx_status_t channel_ring_control(struct channel* channel, struct packet* packet);

// Whether so many descriptors wait for the entries that need them, which come first, that more of them are
// left in the socket.
bool channel_ring_holds_enough(const struct channel* channel);

// Before a packet goes to the socket: sends a SWITCH that is due. ZX_ERR_SHOULD_WAIT.
zx_status_t channel_ring_catch_up(struct channel* channel);

// Writes one entry: `iov` is the message's bytes, `count` of them, `total` bytes. ZX_ERR_SHOULD_WAIT,
// ZX_ERR_PEER_CLOSED.
zx_status_t channel_ring_write(struct channel* channel, uint8_t kind, const struct iovec* iov, size_t count,
                               uint32_t total, const struct packet_handles* handles);

// After an entry was published: wakes a reader that sleeps, and sees whether this end may be light.
void channel_ring_tell_reader(struct channel* channel);

// After an eighth of the ring was read: gives it back, and wakes a writer that sleeps for room.
void channel_ring_ask_writer(struct channel* channel);

// The same for a message without handles whose bytes lie in one piece.
zx_status_t channel_ring_write_plain(struct channel* channel, const void* bytes, uint32_t num_bytes);

// Reads the first entry if it is a message without handles that fits into the reader's buffer. False: it is
// something else, or there is none; nothing has changed.
bool channel_ring_read_plain(struct channel* channel, const struct channel_buffers* buffers, uint32_t* size);

// Reads the first entry into the reader's buffer and the scratch buffer, as packet_receive does, also a lost
// one.
zx_status_t channel_ring_read(struct channel* channel, const struct channel_buffers* buffers, void* scratch,
                              struct packet* out);

bool channel_ring_is_empty(const struct channel* channel);

// Whether a signal is the first entry of what channel_ring_is_empty has seen.
bool channel_ring_has_signal(const struct channel* channel);

// The first four bytes of the first entry, if it is a message that has as many: a peer's word, which may be
// another one when the entry is read.
bool channel_ring_first_txid(const struct channel* channel, uint32_t* txid);

// The peer closed its end in good order. What it wrote before is visible after this said yes.
bool channel_ring_peer_closed(const struct channel* channel);

// Says what this end sleeps for; the caller then looks again.
void channel_ring_wait_for(struct channel* channel, uint32_t reasons);

// Whether a writer that found the ring full may try again.
bool channel_ring_has_room(struct channel* channel);

// This end is closed for good: the peer is told.
void channel_ring_close(struct channel* channel);

// Watches the ring, if messages come from there or go there, for a moment before a sleep for `reasons`, as
// long as that promises to be cheaper. Lock not held. True: something has come, or there is room.
bool channel_ring_spin(struct channel* channel, uint32_t reasons);

void channel_ring_pack(struct channel* channel, struct wire_handle* wire);
// Checks and takes over the memory's descriptor (-1: none).
zx_status_t channel_ring_unpack(struct channel* channel, const struct wire_handle* wire, int memory_fd);

#define CHANNEL_AHEAD 2048u      // lines that far ahead of a writer are fetched for it
#define CHANNEL_AHEAD_AFTER 32u  // messages in a row whose reader was awake; few calls would pay for it

// For a reader on another processor, which has the lines that are to be written last of all: `size` bytes of
// them are fetched before they are needed, since an entry's stores leave this processor one after the other.
static inline void channel_ring_fetch_ahead(const struct channel_ring* ring, uint32_t size) {
  if (ring->changer.awake < CHANNEL_AHEAD_AFTER) return;
  if (atomic_load_explicit(&ring->together, memory_order_relaxed)) return;
  uint32_t from = (ring->out.head + CHANNEL_AHEAD + RING_LINE - 1) & ~(RING_LINE - 1);
  uint32_t to = ring->out.head + CHANNEL_AHEAD + size;
  if (to - ring->out.tail > RING_BYTES) return;  // the reader is not done with them
  for (; (int32_t)(to - from) > 0; from += RING_LINE)
    ring_fetch_for_write(ring->out_bytes + (from & (RING_BYTES - 1)));
}

// Whether the reader of a stream has read all that the writer's index had said, and should let the writer get
// ahead before it looks for more (channel_ring.c).
#define CHANNEL_PACE_AFTER 64u  // messages read in a row
static inline bool channel_ring_knows_no_more(const struct channel_ring* ring) {
  return ring->in.head == ring->in.tail && ring->read_in_row >= CHANNEL_PACE_AFTER;
}

// The word of the first entry in the ring; 0: it is empty.
static inline uint64_t channel_ring_first(const struct channel_ring* ring) {
  return ring_entry_word(entry_word_at(ring->in_bytes, ring->in.tail));
}

// Writes what makes an entry of `size` bytes out of the message's bytes, and publishes it.
static inline void channel_ring_publish(struct channel_ring* ring, struct ring_entry entry, uint32_t size) {
  uint32_t at = ring->out.head;
  ring_publish_entry(&ring->out, size, entry_word_at(ring->out_bytes, at), entry_pack(entry),
                     entry_word_at(ring->out_bytes, at + size));
}

// The writer learns of what was read when the reader is about to wait or an eighth of the ring has been read:
// a writer that watches for room takes the index's line away each time.
static inline void channel_ring_give_back(struct channel_ring* ring) {
  ring->given_back = ring->in.tail;
  ring_give_back(&ring->in);
}

// Counts an entry as read. True: an eighth has been, channel_ring_ask_writer is due.
#define CHANNEL_ASK_EVERY (RING_BYTES / 8)
static inline bool channel_ring_take(struct channel_ring* ring, uint32_t size) {
  ring_take(&ring->in, size);
  // There was more than the index had said.
  if ((int32_t)(ring->in.head - ring->in.tail) < 0) ring->in.head = ring->in.tail;
  ring->read_in_row++;
  ring->unasked += size;
  return ring->unasked >= CHANNEL_ASK_EVERY;
}

#endif  // RUNTIME_ZX_CHANNEL_RING_H_
