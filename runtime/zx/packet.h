// How a message travels through a channel's socket: one packet of header, bytes and descriptions of its
// handles, with the handles' descriptors attached. The descriptions come last, so that the bytes of a
// received message land where the reader wants them. What arrives is a peer's word: packet_receive checks the
// frame, object_unpack each handle.
#ifndef RUNTIME_ZX_PACKET_H_
#define RUNTIME_ZX_PACKET_H_

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "runtime/zx/object.h"

#define PACKET_MAX_FDS (ZX_CHANNEL_MAX_MSG_HANDLES * OBJECT_MAX_FDS)
_Static_assert(PACKET_MAX_FDS <= 253, "the kernel's limit per packet");

enum packet_kind {
  PACKET_MESSAGE = 0x4a,
  PACKET_SIGNAL,  // bytes: struct packet_signal
  // The rest is channel_ring.h's, without bytes.
  PACKET_ACCEPT,
  PACKET_SWITCH,
  PACKET_REFUSE,
  PACKET_FDS,
  PACKET_BELL,
};

#define PACKET_WITH_OFFER \
  1u  // flag of a message without handles: a descriptor of memory for rings comes along
#define PACKET_LOST \
  2u  // flag of a message or of FDS, which is all that is left of it: its descriptors were lost on the way

struct packet_header {
  uint8_t kind;
  uint8_t flags;
  uint16_t num_handles;
  uint32_t num_bytes;
};

struct packet_signal {
  zx_signals_t clear;
  zx_signals_t set;
};

#define WIRE_SHARED 1u  // another handle of the object stays with the sender

struct wire_handle {
  zx_obj_type_t type;
  zx_rights_t rights;
  zx_koid_t koid;
  zx_koid_t related_koid;
  uint8_t num_fds;
  uint8_t side;  // which end, for peered objects in shared memory
  uint8_t flags;
  uint8_t reserved;            // 0
  uint32_t elem_count;         // fifo; socket: options
  zx_signals_t signals;        // user signals that the object's holder keeps
  uint32_t reserved2;          // 0
  uint64_t values[3];          // own indexes of a ring, next txid; sizes of a VMO; a timer's deadline
  char name[ZX_MAX_NAME_LEN];  // of a VMO
};
_Static_assert(sizeof(struct wire_handle) == 96, "the same for all processes");

#define PACKET_MAX_BYTES                                     \
  (sizeof(struct packet_header) + ZX_CHANNEL_MAX_MSG_BYTES + \
   ZX_CHANNEL_MAX_MSG_HANDLES * sizeof(struct wire_handle))

// What is to be sent along with the bytes. What most messages use of it lies close together.
struct packet_handles {
  unsigned count;
  unsigned num_fds;
  int fds[PACKET_MAX_FDS];  // sending: borrowed; received: owned by whoever holds the struct
  struct wire_handle wires[ZX_CHANNEL_MAX_MSG_HANDLES];
};

// Of a copy that is kept there is no more than this (packet_copy_handles).
static inline size_t packet_handles_size(unsigned count) {
  return offsetof(struct packet_handles, wires) + count * sizeof(struct wire_handle);
}

// A received packet. Its bytes lie in the reader's buffer, and what does not fit there in the scratch buffer.
struct packet {
  struct packet_header header;
  bool lost;  // what its descriptors were for: they found no room here, or where it comes from
  struct packet_handles handles;
};

// Sends one packet. `iov` has an unused first entry for the header and one unused last entry for the
// descriptions. `handles` may be null. ZX_ERR_SHOULD_WAIT, ZX_ERR_PEER_CLOSED, ZX_ERR_NO_MEMORY,
// ZX_ERR_NO_RESOURCES.
zx_status_t packet_send(int socket, struct packet_header* header, struct iovec* iov, size_t iov_count,
                        const struct packet_handles* handles);

// Receives one packet: up to `capacity` of its bytes into `bytes`, the rest into `scratch` (SCRATCH_BYTES;
// null: there must be none). `flags` are recvmsg's. ZX_ERR_SHOULD_WAIT; ZX_ERR_PEER_CLOSED;
// ZX_ERR_NO_RESOURCES: `lost`, all is there but the handles, of which there are none; an offer is not lost,
// it comes without its descriptor. ZX_ERR_IO_DATA_INTEGRITY: not a packet of ours.
zx_status_t packet_receive(int socket, void* bytes, uint32_t capacity, void* scratch, int flags,
                           struct packet* out);

// The kind of the first packet, which stays; -1: none, or none of ours.
int packet_peek_kind(int socket);

// Copies what of `from` is in use; who holds the descriptors is the callers' affair.
void packet_copy_handles(struct packet_handles* to, const struct packet_handles* from);

void packet_close_fds(struct packet_handles* handles);

#endif  // RUNTIME_ZX_PACKET_H_
