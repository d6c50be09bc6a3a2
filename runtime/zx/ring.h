// A single-producer, single-consumer ring in shared memory, counted in units (elements, or bytes). Each side
// keeps its own index to itself and only publishes it; what it reads of the other's is checked against its
// own, and nothing else in the shared part is ever believed. The units lie where the user of the ring puts
// them: unit i at i & (storage - 1), where `storage` is a power of two not below `limit`, the number of units
// the ring holds.
#ifndef RUNTIME_ZX_RING_H_
#define RUNTIME_ZX_RING_H_

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define RING_LINE 64u  // what processors hand each other

struct ring_shared {
  _Alignas(64) _Atomic uint32_t head;  // units ever produced
  _Alignas(64) _Atomic uint32_t tail;  // units ever consumed
};

struct ring_producer {
  struct ring_shared* shared;
  uint32_t head;
  uint32_t tail;  // the consumer's, as last read and found plausible
  uint32_t limit;
};

struct ring_consumer {
  struct ring_shared* shared;
  uint32_t tail;
  uint32_t head;  // the producer's, as last read and found plausible
  uint32_t limit;
};

// How many units may be written. False: the consumer's index is impossible.
static inline bool ring_room(struct ring_producer* ring, uint32_t* out) {
  // Acquire, with ring_consume's release: the consumer is done with the units it gave back.
  uint32_t tail = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
  uint32_t used = ring->head - tail;
  // A tail may only move forward from where it was, up to our head.
  if (used > ring->limit || used > ring->head - ring->tail) return false;
  ring->tail = tail;
  *out = ring->limit - used;
  return true;
}

// The same where `needed` units are enough: the consumer's index is read only if there were fewer when it was
// last read. As long as there are more, the line it lies on need not come over.
static inline bool ring_room_for(struct ring_producer* ring, uint32_t needed, uint32_t* out) {
  *out = ring->limit - (ring->head - ring->tail);
  return *out >= needed || ring_room(ring, out);
}

// Makes `count` written units visible to the consumer.
static inline void ring_publish(struct ring_producer* ring, uint32_t count) {
  ring->head += count;
  atomic_store_explicit(&ring->shared->head, ring->head, memory_order_release);  // with ring_filled's acquire
}

// The same for an entry of several units that begins with a word. A word that is not 0 says that its entry is
// there, so the consumer need not look at the index, whose line of memory would go over for every entry
// besides the entry's own. What lies where the next entry will begin is made 0 before, and needs room as
// well. The word comes last: whoever has seen it sees an index that counts the entry.
static inline void ring_publish_entry(struct ring_producer* ring, uint32_t count, _Atomic uint64_t* word,
                                      uint64_t value, _Atomic uint64_t* next_word) {
  atomic_store_explicit(next_word, 0, memory_order_relaxed);
  ring_publish(ring, count);
  atomic_store_explicit(word, value, memory_order_release);  // with ring_entry_word's acquire
}

// The word of the first entry, by where it lies or will lie; 0: it is not there. Else it is a peer's word.
static inline uint64_t ring_entry_word(const _Atomic uint64_t* word) {
  return atomic_load_explicit(word, memory_order_acquire);
}

// How many units may be read. False: the producer's index is impossible.
static inline bool ring_filled(struct ring_consumer* ring, uint32_t* out) {
  uint32_t head = atomic_load_explicit(&ring->shared->head, memory_order_acquire);
  uint32_t used = head - ring->tail;
  // A head may only move forward: never behind what it was.
  if (used > ring->limit || used < ring->head - ring->tail) return false;
  ring->head = head;
  *out = used;
  return true;
}

// Counts `count` units as read, without a word to the producer.
static inline void ring_take(struct ring_consumer* ring, uint32_t count) {
  ring->tail += count;
}

// Gives all read units back to the producer.
static inline void ring_give_back(struct ring_consumer* ring) {
  atomic_store_explicit(&ring->shared->tail, ring->tail, memory_order_release);  // with ring_room's acquire
}

// Both.
static inline void ring_consume(struct ring_consumer* ring, uint32_t count) {
  ring_take(ring, count);
  ring_give_back(ring);
}

// Fetches the line of an address that is going to be written, if another processor has it. A hint.
static inline void ring_fetch_for_write(const void* at) {
#if defined(__x86_64__)
  // Compilers for the oldest of these processors, where it does nothing, would make it a fetch for reading.
  __asm__ volatile("prefetchw %0" : : "m"(*(const char*)at));
#else
  __builtin_prefetch(at, 1);
#endif
}

// Copies up to RING_COPY_SHORT bytes, without a call. Some may be read or written twice.
#define RING_COPY_SHORT 128u
static inline void ring_copy_short(void* to, const void* from, uint32_t size);

// Copies `count` units of `unit_size` bytes into and out of a ring's storage, which may wrap.
static inline void ring_copy_in(void* storage, uint32_t storage_units, uint32_t unit_size, uint32_t index,
                                const void* from, uint32_t count);
static inline void ring_copy_out(const void* storage, uint32_t storage_units, uint32_t unit_size,
                                 uint32_t index, void* to, uint32_t count);

// Where they do wrap.
void ring_copy_in_wrapped(void* storage, uint32_t storage_units, uint32_t unit_size, uint32_t index,
                          const void* from, uint32_t count);
void ring_copy_out_wrapped(const void* storage, uint32_t storage_units, uint32_t unit_size, uint32_t index,
                           void* to, uint32_t count);

static inline void ring_copy_in(void* storage, uint32_t storage_units, uint32_t unit_size, uint32_t index,
                                const void* from, uint32_t count) {
  uint32_t at = index & (storage_units - 1);
  if (count > storage_units - at) {
    ring_copy_in_wrapped(storage, storage_units, unit_size, index, from, count);
  } else {
    memcpy((char*)storage + (size_t)at * unit_size, from, (size_t)count * unit_size);
  }
}

static inline void ring_copy_out(const void* storage, uint32_t storage_units, uint32_t unit_size,
                                 uint32_t index, void* to, uint32_t count) {
  uint32_t at = index & (storage_units - 1);
  if (count > storage_units - at) {
    ring_copy_out_wrapped(storage, storage_units, unit_size, index, to, count);
  } else {
    memcpy(to, (const char*)storage + (size_t)at * unit_size, (size_t)count * unit_size);
  }
}

// The first `block` bytes and the last, which are all as long as there are up to twice as many.
static inline void ring_copy_ends(char* to, const char* from, uint32_t size, uint32_t block) {
  memcpy(to, from, block);
  memcpy(to + size - block, from + size - block, block);
}

static inline void ring_copy_short(void* to, const void* from, uint32_t size) {
  char* out = to;
  const char* in = from;
  if (size > 64) {
    ring_copy_ends(out, in, size, 64);
  } else if (size >= 32) {
    ring_copy_ends(out, in, size, 32);
  } else if (size >= 16) {
    ring_copy_ends(out, in, size, 16);
  } else if (size >= 8) {
    ring_copy_ends(out, in, size, 8);
  } else if (size >= 4) {
    ring_copy_ends(out, in, size, 4);
  } else if (size) {
    out[0] = in[0];
    out[size / 2] = in[size / 2];
    out[size - 1] = in[size - 1];
  }
}

#endif  // RUNTIME_ZX_RING_H_
