// What lies in the shared memory of a busy channel (channel_ring.h), and how an entry of a ring looks.
#ifndef RUNTIME_ZX_CHANNEL_MEMORY_H_
#define RUNTIME_ZX_CHANNEL_MEMORY_H_

#include <stdatomic.h>
#include <stdint.h>

#include "runtime/zx/packet.h"
#include "runtime/zx/ring.h"

#define RING_BYTES 262144u                     // a power of two; half of it holds the largest message
#define RING_LIMIT (RING_BYTES - ENTRY_BYTES)  // the word behind the last entry is 0

struct channel_side {
  _Alignas(64) _Atomic uint32_t waiting;  // CHANNEL_WAIT_*
  _Atomic uint32_t closed;
  _Atomic uint32_t light;             // as a writer; wake.h
  _Atomic uint32_t heavy;             // as a reader
  _Alignas(64) _Atomic uint32_t cpu;  // where it last waited, plus one: a hint
};

struct channel_shared {
  struct channel_side sides[2];
  struct ring_shared rings[2];  // by the writer's side
  _Alignas(64) unsigned char storage[2][RING_BYTES];
};

// What precedes a message's bytes. In the ring it is one word, which is written and read at once, and which
// says that the entry is there (ring_publish_entry). Entries begin at multiples of its size, so that a word
// never wraps.
struct ring_entry {
  uint8_t kind;  // not 0
  uint8_t num_fds;
  uint16_t num_handles;
  uint32_t num_bytes;
};
#define ENTRY_BYTES ((uint32_t)sizeof(uint64_t))
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a word is written and read at once");

static inline uint64_t entry_pack(struct ring_entry entry) {
  return entry.kind | (uint64_t)entry.num_fds << 8 | (uint64_t)entry.num_handles << 16 |
         (uint64_t)entry.num_bytes << 32;
}

static inline struct ring_entry entry_unpack(uint64_t word) {
  return (struct ring_entry){(uint8_t)word, (uint8_t)(word >> 8), (uint16_t)(word >> 16),
                             (uint32_t)(word >> 32)};
}

// Where an entry's word lies.
static inline _Atomic uint64_t* entry_word_at(const unsigned char* storage, uint32_t index) {
  return (_Atomic uint64_t*)(uintptr_t)(storage + (index & (RING_BYTES - 1)));
}

// Descriptions of handles go through the socket, but count here as well, which bounds them.
static inline uint32_t entry_size(uint32_t num_bytes, uint32_t num_handles) {
  uint32_t size = ENTRY_BYTES + num_bytes + num_handles * (uint32_t)sizeof(struct wire_handle);
  return (size + ENTRY_BYTES - 1) & ~(ENTRY_BYTES - 1);
}

#endif  // RUNTIME_ZX_CHANNEL_MEMORY_H_
