// A byte buffer in a ring that grows on demand: what was written and is not yet acknowledged, or received and
// not yet read. Segments refer to the bytes where they lie; nothing is copied between writing and the link.
#ifndef TCPIP_TCP_RING_H_
#define TCPIP_TCP_RING_H_

#include <sys/uio.h>

#include "base.h"

// What a ring may always have, so that no connection stands still for want of memory.
#define TCP_RING_FIRST_ROOM 4096u

typedef struct tcp_ring {
  uint8_t* bytes;
  uint32_t room;    // a power of two, 0 before the first byte
  uint32_t head;    // index of the first byte
  uint32_t length;  // bytes from there on that are in order
} tcp_ring_t;

// Makes room for `wanted` bytes from the head on, or for as many as there is memory for, charging the client.
// Returns for how many of them there is room.
uint32_t tcp_ring_reserve(tcp_ring_t* ring, tcpip_client_t* client, uint32_t wanted);
// What that would return, if malloc has memory.
uint32_t tcp_ring_may_have(const tcp_ring_t* ring, const tcpip_client_t* client, uint32_t wanted);
void tcp_ring_free(tcp_ring_t* ring, tcpip_client_t* client);
// Writes at `offset` from the head; there must be room. The length stays.
void tcp_ring_write(tcp_ring_t* ring, uint32_t offset, const void* bytes, uint32_t length);
void tcp_ring_read(const tcp_ring_t* ring, uint32_t offset, void* bytes, uint32_t length);
// Drops bytes at the head.
void tcp_ring_consume(tcp_ring_t* ring, uint32_t length);
// The pieces, one or two, of a range; returns how many.
size_t tcp_ring_pieces(const tcp_ring_t* ring, uint32_t offset, uint32_t length, struct iovec out[2]);

#endif  // TCPIP_TCP_RING_H_
