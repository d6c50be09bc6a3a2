// The inside of a channel endpoint, shared by channel.c (making, signals), channel_write.c, channel_read.c
// and channel_call.c.
//
// Messages wait in the kernel, in the socket's queue. A reader takes them from there straight into its own
// buffer. Only what had to be taken out for another reason lies in `messages`: a message that was too large
// for the reader, messages met while looking for a call's answer, and everything left when the peer has gone.
// `messages` comes before the socket.
#ifndef RUNTIME_ZX_CHANNEL_H_
#define RUNTIME_ZX_CHANNEL_H_

#include "runtime/zx/channel_ring.h"
#include "runtime/zx/object.h"
#include "runtime/zx/packet.h"
#include "runtime/zx/waker.h"

struct channel {
  struct zx_object base;
  int fd;
  int backlog;                // what was packed for a message to carry; -1: nothing
  bool bare;                  // made of a descriptor of which others may hold duplicates
  bool in_ring;               // its first entry is being taken, which may lead to a look at the signals; lock
  bool telling_rest;          // in channel_tell_rest; lock
  bool peer_closed;           // and everything it sent is in `messages`, but for `unread`; lock
  bool unread;                // more than `messages` may hold was left in the socket; lock
  bool write_blocked;         // the last write found the queue full; lock
  struct list_node messages;  // struct message, and `gap`; lock
  struct list_node gap;       // where one that could not be kept would be, the last; lock
  unsigned num_kept;          // in `messages`; lock
  size_t kept_bytes;          // lock
  unsigned kept_fds;          // lock
  struct list_node calls;     // struct pending_call; lock
  uint32_t next_txid;         // lock
  uint32_t last_bytes;        // the size of the last message read here; UINT32_MAX: none was; lock
  struct channel_ring ring;   // lock, but for what channel_spin.c looks at
};

// What a peer can make this process hold in `messages`. A look inside stops there and leaves the rest in the
// kernel's queue; a peer that sends more while an answer is awaited counts as broken.
#define CHANNEL_MAX_KEPT 4096u
#define CHANNEL_MAX_KEPT_BYTES ((size_t)4 << 20)
#define CHANNEL_MAX_KEPT_FDS 256u

#define CHANNEL_FIRST_TXID 0x80000000u  // of those that the library gives

// What a call takes at most from the socket that is not for its caller, before it returns. Of the ring: as
// much as it holds.
#define CHANNEL_BUDGET 1024u

// A message outside the socket. Owns its descriptors. One that has lost them is nothing else: whoever reads
// it gets ZX_ERR_NO_RESOURCES.
struct message {
  struct list_node node;
  bool lost;
  uint32_t num_bytes;
  struct packet_handles* handles;  // null: none
  unsigned char bytes[];
};

// A thread inside zx_channel_call.
enum call_phase {
  CALL_SENDING,
  CALL_LOOKING,  // it looks for its answer, and passes on what else there is when it leaves
  CALL_ASLEEP,   // until there may be something to look at
};

struct pending_call {
  struct list_node node;
  uint32_t txid;
  enum call_phase phase;  // channel's lock
  struct waker* waker;
  bool answered;           // another thread met the answer
  struct message* answer;  // null if there was no memory for it
};

// Where a reader wants a message.
struct channel_buffers {
  void* bytes;
  uint32_t num_bytes;
  uint32_t num_handles;
};

// Whether `messages` is as large as a peer may make it, or cannot get larger as one could not be kept. Lock
// held.
bool channel_holds_enough(const struct channel* channel);

void message_free(struct message* message);  // and closes its descriptors; null is fine

// Makes a message of a received packet whose bytes are in `bytes` and `scratch`; takes over the descriptors.
// Null: no memory, the descriptors are closed.
struct message* message_create(struct packet* packet, const void* bytes, uint32_t capacity,
                               const void* scratch);

// Takes one message or control packet from the socket, without blocking unless `flags` lack MSG_DONTWAIT.
// Deals with what is not for the reader (signals, answers to calls) and goes on. Lock held. `own_txid`, if
// not 0: that answer is for the reader, and other messages are put in `messages`. ZX_ERR_NO_RESOURCES: it is
// `lost`.
zx_status_t channel_receive(struct channel* channel, const struct channel_buffers* buffers, void* scratch,
                            int flags, uint32_t own_txid, struct packet* out);

// Puts a received message, also a lost one, at the end of `messages`. Takes over the descriptors. Without
// memory for it there is a gap: whoever reads it gets ZX_ERR_NO_RESOURCES, and all that comes behind stays
// where it is until then. Lock held.
void channel_keep(struct channel* channel, struct packet* packet, const struct channel_buffers* buffers,
                  const void* scratch);

// After `in_ring`: tells those who wait what is left. Lock held.
void channel_tell_rest(struct channel* channel);

// Takes what is first in the ring and for no reader, so that what is left there is messages: applies signals,
// and gives calls of other threads their answers. Lock held.
void channel_take_ring_asides(struct channel* channel);

// The same for one that is dropped.
void channel_leave_gap(struct channel* channel);

// Moves everything from the socket to `messages` and calls; control packets are dealt with. Lock held.
void channel_take_in(struct channel* channel);

// Takes one packet out of the socket of a channel that reads its ring: a bell, or descriptors to come. Lock
// held. ZX_ERR_SHOULD_WAIT: there is none.
zx_status_t channel_take_in_control(struct channel* channel);

// The same, but sleeps until there is one. Only in a process with one thread. Lock held.
void channel_await_control(struct channel* channel);

// Whoever has taken something out of the socket of a channel that reads its ring may have heard a bell that
// was meant for a call: wakes one, if there is something in the ring and none is about to look. Lock held.
void channel_pass_on(struct channel* channel);

// Sleeps until there is a message in the socket, and keeps it in `messages`; or until something else has
// happened. As above.
void channel_await_message(struct channel* channel);

// Moves everything from the ring to `messages`, so that the signals among it take effect. Lock held.
void channel_take_in_ring(struct channel* channel);

// A write has found no room: WRITABLE is off until there is some. Lock held.
void channel_note_full(struct channel* channel);

// The peer has gone or broke the rules. Lock held.
void channel_peer_gone(struct channel* channel);

// Makes an endpoint of a checked socket, consumed also on failure.
zx_status_t channel_create_object(int fd, unsigned side, struct channel** out);

// A message to be sent.
struct channel_outgoing {
  const void* bytes;  // bytes, or iovecs
  uint32_t num_bytes;
  uint32_t options;
  const uint32_t* txid;  // replaces the first four bytes; null: nothing to replace
};
zx_status_t channel_check_bytes(const struct channel_outgoing* message, uint32_t* out_total);
zx_status_t channel_send(struct channel* channel, const struct channel_outgoing* message, uint32_t total,
                         const struct packet_handles* handles);

// Makes handles of what a message brought; a message that breaks the rules ends the channel.
zx_status_t channel_deliver_handles(struct channel* channel, struct packet_handles* handles,
                                    zx_handle_info_t* out);

#endif  // RUNTIME_ZX_CHANNEL_H_
