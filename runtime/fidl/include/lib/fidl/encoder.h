// Encoding, for generated code: a message grows object by object in a scratch buffer of the caller's, without
// allocating; large plain data is not copied but gathered, as an entry of the list that the channel's write
// takes.
//
// What appends takes `next`, the first free byte of the scratch buffer, and returns the one behind what it
// appended; generated code keeps it in a variable, where the compiler can keep it in a register. An object is
// appended at `next`, so its address is known before. NULL, and false from what only checks, say that
// something failed: the error is kept, and the generated code returns at once. Whoever began the encoding
// then closes the handles that were moved into it (fidl_encoder_close_handles).
//
// Depth is not counted here: it is a property of the type, unless the type refers to itself. The functions of
// such types count it (fidl_too_deep).
#ifndef LIB_FIDL_ENCODER_H_
#define LIB_FIDL_ENCODER_H_

#include <lib/fidl/type.h>

#ifdef __cplusplus
extern "C" {
#endif

// Entries a gathered message has at most; data beyond is copied.
#define FIDL_ENCODER_IOVECS 17u
// Less data than this is cheaper copied than gathered.
#define FIDL_GATHER_MIN_BYTES 512u

// `next` minus `origin` is the size of the message so far: the buffer would begin at `origin` if nothing had
// been gathered.
struct fidl_encoder {
  uint8_t* next;  // the first free byte of the buffer, between primary objects
  uint8_t* end;   // the end of what may be used of it
  uint64_t origin;
  uint32_t limit;  // bytes of the whole message
  uint8_t max_iovecs;
  uint8_t num_iovecs;
  uint16_t num_handles;
  uint8_t* segment;    // set with the first iovec: the first byte that none covers
  fidl_error_t error;  // set once something failed
  zx_channel_iovec_t iovecs[FIDL_ENCODER_IOVECS];
  zx_handle_disposition_t handles[FIDL_MAX_MESSAGE_HANDLES];
};

// Begins a message of at most `limit` bytes in `buffer` (8-aligned, `capacity` bytes). With `gather`, large
// data is referred to and must stay as it is until the message is written.
static inline void fidl_encoder_init(fidl_encoder_t* encoder, void* buffer, uint64_t capacity, uint32_t limit,
                                     bool gather) {
  encoder->next = (uint8_t*)buffer;
  encoder->end = (uint8_t*)buffer + ((capacity < limit ? capacity : limit) & ~UINT64_C(7));
  encoder->origin = (uint64_t)(uintptr_t)buffer;
  encoder->limit = limit;
  encoder->max_iovecs = gather ? FIDL_ENCODER_IOVECS : 0;
  encoder->num_iovecs = 0;
  encoder->num_handles = 0;
}

// Closes the handles that were moved into the encoder.
void fidl_encoder_close_handles(fidl_encoder_t* encoder);

// The bytes of the message before `next`, gathered ones included.
static inline uint64_t fidl_encode_size(const fidl_encoder_t* encoder, const uint8_t* next) {
  return (uint64_t)(uintptr_t)next - encoder->origin;
}

// The first byte of the buffer that no iovec covers.
static inline uint8_t* fidl_encode_segment(const fidl_encoder_t* encoder) {
  return encoder->num_iovecs ? encoder->segment : (uint8_t*)(uintptr_t)encoder->origin;
}

// The bytes so far, gathered ones included.
static inline uint64_t fidl_encoder_size(const fidl_encoder_t* encoder) {
  return fidl_encode_size(encoder, encoder->next);
}

// After a failure: closes every handle of `value` and of the encoder. Returns false.
bool fidl_encoder_abandon(fidl_encoder_t* encoder, const fidl_type_t* type, void* value);

// The message is complete, but longer than it may be.
bool fidl_encoder_too_large(fidl_encoder_t* encoder, const fidl_type_t* type, void* value);

// Appends `value` of `type` as a primary object with all it refers to. On failure closes every handle of the
// value and of the encoder. Handles of the value are moved into the encoder.
static inline bool fidl_encoder_add(fidl_encoder_t* encoder, const fidl_type_t* type, void* value) {
  uint8_t* next = type->encode(encoder, encoder->next, value);
  if (__builtin_expect(!next, 0)) return fidl_encoder_abandon(encoder, type, value);
  // What is in the buffer is within the limit anyway; what is gathered is counted here.
  if (encoder->num_iovecs > 0 && fidl_encode_size(encoder, next) > encoder->limit)
    return fidl_encoder_too_large(encoder, type, value);
  encoder->next = next;
  return true;
}

// Keeps the error; returns NULL.
uint8_t* fidl_encode_set_error(fidl_encoder_t* encoder, fidl_error_t error);

// The same, and the compiler knows what it returns: it may jump there, but need not keep anything for later.
static inline uint8_t* fidl_encode_stop(fidl_encoder_t* encoder, fidl_error_t error) {
  uint8_t* null = fidl_encode_set_error(encoder, error);
  if (null) __builtin_unreachable();
  return null;
}

static inline bool fidl_encode_fail(fidl_encoder_t* encoder, fidl_error_t error) {
  fidl_encode_set_error(encoder, error);
  return false;
}

// A struct, or one of the elements of a vector, breaks one of its type's rules.
static inline uint8_t* fidl_encode_broken(fidl_encoder_t* encoder, const void* object,
                                          const fidl_rule_t* rules, size_t num_rules) {
  return fidl_encode_stop(encoder, fidl_broken_rule(object, rules, num_rules, true));
}

static inline uint8_t* fidl_encode_elements_broken(fidl_encoder_t* encoder, const void* elements,
                                                   uint64_t count, uint64_t stride, const fidl_rule_t* rules,
                                                   size_t num_rules) {
  return fidl_encode_stop(encoder,
                          fidl_broken_rule_of_elements(elements, count, stride, rules, num_rules, true));
}

// Zeroes the bits of `mask` in the `size` bytes at `offset` of an object.
static inline void fidl_clear(void* object, size_t offset, size_t size, uint64_t mask) {
  uint64_t word = fidl_word(object, offset, size) & ~mask;
  memcpy((uint8_t*)object + offset, &word, size);
}

// What generated code knows about a field: constants, which the compiler folds.
#define FIDL_OPTIONAL 1u  // it may be absent
#define FIDL_ROOM 2u      // there is room for whatever it takes

// Objects

static inline bool fidl_encode_has_room(const fidl_encoder_t* encoder, const uint8_t* next, uint64_t size,
                                        unsigned flags) {
  return (flags & FIDL_ROOM) || __builtin_expect(size <= (uint64_t)(encoder->end - next), 1);
}

// Types with at most this many bytes out of line make sure of the room for all of them at once.
#define FIDL_TIGHT_BYTES 1024u

// Encodes such a value where there is less room than it could take: somewhere else first.
uint8_t* fidl_encode_tight(fidl_encoder_t* encoder, uint8_t* next, void* from, void* to,
                           uint8_t* (*encode)(fidl_encoder_t*, uint8_t*, void*, void*));

// Makes room for an object of `size` bytes, its padding zeroed.
static inline uint8_t* fidl_encode_reserve(fidl_encoder_t* encoder, uint8_t* next, uint64_t size,
                                           unsigned flags) {
  uint64_t padded = fidl_align(size);
  if (!fidl_encode_has_room(encoder, next, padded, flags))
    return fidl_encode_stop(encoder, FIDL_ERROR_MESSAGE_TOO_LARGE);
  if (size & 7u) memset(next + padded - 8, 0, 8);
  return next + padded;
}

// Appends an object: its copy, zero-padded.
static inline uint8_t* fidl_encode_append(fidl_encoder_t* encoder, uint8_t* next, const void* from,
                                          uint64_t size, unsigned flags) {
  uint8_t* end = fidl_encode_reserve(encoder, next, size, flags);
  if (end && size) memcpy(next, from, size);
  return end;
}

typedef uint64_t fidl_pair_t __attribute__((vector_size(16)));
typedef char fidl_bytes_t __attribute__((vector_size(16)));

// The bits of FIDL_NOT_ASCII that are set in 16 bytes, or others in their place.
static inline uint64_t fidl_not_ascii(fidl_pair_t pair) {
#ifdef __SSE2__
  return (uint64_t)__builtin_ia32_pmovmskb128((fidl_bytes_t)pair);
#else
  return (pair[0] | pair[1]) & FIDL_NOT_ASCII;
#endif
}

// Copies `size` bytes to `to` (8-aligned) and pads them with zeroes to a multiple of 8. Returns 0 if all are
// ASCII. For what is mostly short and whose size the compiler does not know.
static inline uint64_t fidl_copy_padded(uint8_t* to, const uint8_t* from, uint64_t size) {
  uint64_t any = 0, word = 0;
  if (size >= 16) {
    fidl_pair_t pair, last;
    if (size & 7u) memcpy(to + (size & ~UINT64_C(7)), &word, 8);
    memcpy(&pair, from, 16);
    memcpy(&last, from + size - 16, 16);
    memcpy(to, &pair, 16);
    memcpy(to + size - 16, &last, 16);
    last |= pair;
    for (uint64_t i = 16; __builtin_expect(i + 16 < size, 0); i += 16) {
      memcpy(&pair, from + i, 16);
      memcpy(to + i, &pair, 16);
      last |= pair;
    }
    return fidl_not_ascii(last);
  }
  if (size >= 8) {
    memcpy(&any, from, 8);
    memcpy(to, &any, 8);
    if (size == 8) return any & FIDL_NOT_ASCII;
    memcpy(&word, from + size - 8, 8);
    word >>= 8 * (16 - size);
    memcpy(to + 8, &word, 8);
    return (any | word) & FIDL_NOT_ASCII;
  }
  if (size == 0) return 0;
  while (size > 0)
    any = any << 8 | from[--size];
  memcpy(to, &any, 8);
  return any & FIDL_NOT_ASCII;
}

// More than this is copied by memcpy, or gathered.
#define FIDL_COPY_SHORT_BYTES 128u

// Data of any size, by reference if it is large.
uint8_t* fidl_encode_any_data(fidl_encoder_t* encoder, uint8_t* next, const void* from, uint64_t size);

// Appends plain data of at most `most` bytes (a constant), by reference if it is large.
static inline uint8_t* fidl_encode_data(fidl_encoder_t* encoder, uint8_t* next, const void* from,
                                        uint64_t size, uint64_t most, unsigned flags) {
  if (most >= FIDL_GATHER_MIN_BYTES && size > FIDL_COPY_SHORT_BYTES)
    return fidl_encode_any_data(encoder, next, from, size);
  uint64_t padded = fidl_align(size);
  if (!fidl_encode_has_room(encoder, next, padded, flags))
    return fidl_encode_stop(encoder, FIDL_ERROR_MESSAGE_TOO_LARGE);
  fidl_copy_padded(next, (const uint8_t*)from, size);
  return next + padded;
}

#ifdef __cplusplus
}
#endif

#endif  // LIB_FIDL_ENCODER_H_
