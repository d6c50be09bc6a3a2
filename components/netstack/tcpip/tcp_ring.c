#include "tcp_ring.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "sock.h"

#define HUGE_PAGE (2u << 20)

// A large ring is filled for the first time while a stream speeds up, and each page of it that is touched
// then holds that up: huge ones do so hundreds of times less often.
static uint8_t* allocate(uint32_t room) {
  if (room < HUGE_PAGE) return malloc(room);
  uint8_t* bytes = aligned_alloc(HUGE_PAGE, room);
  if (bytes) (void)madvise(bytes, room, MADV_HUGEPAGE);
  return bytes;
}

// By doubling, as far as the client's memory goes.
static uint32_t grown_room(const tcp_ring_t* ring, const tcpip_client_t* client, uint32_t wanted) {
  uint32_t room = ring->room ? ring->room : TCP_RING_FIRST_ROOM;
  if (wanted <= room) return room;
  size_t most = ring->room + client_left(client, ring->room);
  while (room < wanted && 2 * (size_t)room <= most)
    room *= 2;
  return room;
}

uint32_t tcp_ring_may_have(const tcp_ring_t* ring, const tcpip_client_t* client, uint32_t wanted) {
  uint32_t room = grown_room(ring, client, wanted);
  return wanted < room ? wanted : room;
}

static void grow(tcp_ring_t* ring, tcpip_client_t* client, uint32_t room) {
  uint8_t* grown = allocate(room);
  if (!grown) return;
  client_charge_anyway(client, room - ring->room);
  // All of it moves: behind the ordered bytes there may be others at their places.
  if (ring->room) {
    uint32_t first = ring->room - ring->head;
    memcpy(grown, ring->bytes + ring->head, first);
    memcpy(grown + first, ring->bytes, ring->head);
  }
  free(ring->bytes);
  ring->bytes = grown;
  ring->room = room;
  ring->head = 0;
}

uint32_t tcp_ring_reserve(tcp_ring_t* ring, tcpip_client_t* client, uint32_t wanted) {
  if (wanted > ring->room) {
    uint32_t room = grown_room(ring, client, wanted);
    if (room > ring->room) grow(ring, client, room);
  }
  return wanted < ring->room ? wanted : ring->room;
}

void tcp_ring_free(tcp_ring_t* ring, tcpip_client_t* client) {
  client_release(client, ring->room);
  free(ring->bytes);
  *ring = (tcp_ring_t){0};
}

size_t tcp_ring_pieces(const tcp_ring_t* ring, uint32_t offset, uint32_t length, struct iovec out[2]) {
  if (!length) return 0;
  uint32_t at = (ring->head + offset) & (ring->room - 1);
  uint32_t first = ring->room - at < length ? ring->room - at : length;
  out[0] = (struct iovec){ring->bytes + at, first};
  if (first == length) return 1;
  out[1] = (struct iovec){ring->bytes, length - first};
  return 2;
}

void tcp_ring_write(tcp_ring_t* ring, uint32_t offset, const void* bytes, uint32_t length) {
  struct iovec pieces[2];
  const uint8_t* from = bytes;
  size_t count = tcp_ring_pieces(ring, offset, length, pieces);
  for (size_t i = 0; i < count; i++) {
    memcpy(pieces[i].iov_base, from, pieces[i].iov_len);
    from += pieces[i].iov_len;
  }
}

void tcp_ring_read(const tcp_ring_t* ring, uint32_t offset, void* bytes, uint32_t length) {
  struct iovec pieces[2];
  uint8_t* to = bytes;
  size_t count = tcp_ring_pieces(ring, offset, length, pieces);
  for (size_t i = 0; i < count; i++) {
    memcpy(to, pieces[i].iov_base, pieces[i].iov_len);
    to += pieces[i].iov_len;
  }
}

void tcp_ring_consume(tcp_ring_t* ring, uint32_t length) {
  if (ring->room) ring->head = (ring->head + length) & (ring->room - 1);
  ring->length -= length;
}
