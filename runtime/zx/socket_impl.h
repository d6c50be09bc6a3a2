// The inside of a socket end, shared by socket.c (making, signals, thresholds, half closing) and
// socket_data.c (reading and writing).
#ifndef RUNTIME_ZX_SOCKET_IMPL_H_
#define RUNTIME_ZX_SOCKET_IMPL_H_

#include <zircon/syscalls/socket.h>

#include "runtime/zx/pair.h"
#include "runtime/zx/ring.h"

#define SOCKET_BYTES 262144u  // per direction; a power of two
#define LENGTH_BYTES ((uint32_t)sizeof(uint32_t))

// Either side may switch off writing, its own or the other's.
struct socket_direction {
  struct ring_shared ring;
  _Alignas(64) _Atomic uint32_t write_disabled;
  _Atomic uint32_t datagrams;  // ever written: what is queued, without the lengths, follows
  _Atomic uint32_t wanted;     // free bytes that a sleeping writer waits for: a hint to the reader
};

struct socket_shared {
  struct pair_shared pair;
  struct socket_direction directions[2];  // by the producer's side
  _Alignas(64) unsigned char storage[2][SOCKET_BYTES];
};

struct socket {
  struct pair pair;
  uint32_t options;
  struct ring_producer out;  // lock
  struct ring_consumer in;   // lock
  struct socket_direction* out_direction;
  struct socket_direction* in_direction;
  unsigned char* out_storage;
  const unsigned char* in_storage;
  size_t rx_threshold;  // lock
  size_t tx_threshold;  // lock
  size_t refused;       // the size of a datagram that did not fit: WRITABLE waits for that much; lock
  uint32_t written;     // datagrams; lock
  uint32_t taken;       // datagrams; lock
};

static inline bool socket_is_datagram(const struct socket* socket) {
  return socket->options & ZX_SOCKET_DATAGRAM;
}

// A peer whose indexes are impossible counts as gone. Lock held.
static inline uint32_t socket_filled(struct socket* socket) {
  uint32_t count = 0;
  if (!ring_filled(&socket->in, &count)) pair_break(&socket->pair);
  return count;
}

static inline uint32_t socket_room(struct socket* socket) {
  uint32_t count = 0;
  if (!ring_room(&socket->out, &count)) pair_break(&socket->pair);
  return count;
}

static inline bool socket_is_disabled(const struct socket_direction* direction) {
  return atomic_load_explicit(&direction->write_disabled, memory_order_acquire) != 0;
}

// What a writer can use of the free bytes.
static inline uint32_t socket_usable(const struct socket* socket, uint32_t free_bytes) {
  if (!socket_is_datagram(socket)) return free_bytes;
  return free_bytes > LENGTH_BYTES ? free_bytes - LENGTH_BYTES : 0;
}

// The length of the first datagram, checked against what is there. False: the peer lies. Lock held.
bool socket_first_datagram(const struct socket* socket, uint32_t queued, uint32_t* out);

#endif  // RUNTIME_ZX_SOCKET_IMPL_H_
