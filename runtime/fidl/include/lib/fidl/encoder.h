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
// such types count it (fidl_encode_depth).
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

struct fidl_encoder {
  uint8_t* buffer;        // 8-aligned
  uint8_t* next;          // the first free byte of `buffer`, between primary objects
  uint8_t* end;           // the end of what may be used of it
  uint64_t gather_limit;  // bytes of the whole message if large data is to be gathered, else 0
  uint64_t gathered;      // bytes that are not in `buffer`
  uint32_t num_iovecs;
  uint32_t num_handles;
  fidl_error_t error;  // set once something failed
  uint8_t* segment;    // set with the first iovec: the first byte that none covers yet
  zx_channel_iovec_t iovecs[FIDL_ENCODER_IOVECS];
  zx_handle_disposition_t handles[FIDL_MAX_MESSAGE_HANDLES];
};

// Begins a message of at most `limit` bytes in `buffer` (8-aligned, `capacity` bytes). With `gather`, large
// data is referred to and must stay as it is until the message is written.
static inline void fidl_encoder_init(fidl_encoder_t* encoder, void* buffer, uint64_t capacity, uint64_t limit,
                                     bool gather) {
  encoder->buffer = (uint8_t*)buffer;
  encoder->next = (uint8_t*)buffer;
  encoder->end = (uint8_t*)buffer + ((capacity < limit ? capacity : limit) & ~UINT64_C(7));
  encoder->gather_limit = gather ? limit : 0;
  encoder->gathered = 0;
  encoder->num_iovecs = 0;
  encoder->num_handles = 0;
}

// Closes the handles that were moved into the encoder.
void fidl_encoder_close_handles(fidl_encoder_t* encoder);

// After a failure: closes every handle of `value` and of the encoder. Returns false.
bool fidl_encoder_abandon(fidl_encoder_t* encoder, const fidl_type_t* type, void* value);

// Appends `value` of `type` as a primary object with all it refers to. On failure closes every handle of the
// value and of the encoder. Handles of the value are moved into the encoder.
static inline bool fidl_encoder_add(fidl_encoder_t* encoder, const fidl_type_t* type, void* value) {
  uint8_t* next = type->encode(encoder, encoder->next, value);
  if (__builtin_expect(!next, 0)) return fidl_encoder_abandon(encoder, type, value);
  encoder->next = next;
  return true;
}

// The bytes of the message before `next`, gathered ones included.
static inline uint64_t fidl_encode_size(const fidl_encoder_t* encoder, const uint8_t* next) {
  return (uint64_t)(next - encoder->buffer) + encoder->gathered;
}

// The bytes so far, gathered ones included.
static inline uint64_t fidl_encoder_size(const fidl_encoder_t* encoder) {
  return fidl_encode_size(encoder, encoder->next);
}

void fidl_encode_set_error(fidl_encoder_t* encoder, fidl_error_t error);

static inline bool fidl_encode_fail(fidl_encoder_t* encoder, fidl_error_t error) {
  fidl_encode_set_error(encoder, error);
  return false;
}

static inline uint8_t* fidl_encode_stop(fidl_encoder_t* encoder, fidl_error_t error) {
  fidl_encode_set_error(encoder, error);
  return NULL;
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

// For types that refer to themselves: an object at `depth`.
static inline bool fidl_encode_depth(fidl_encoder_t* encoder, uint32_t depth) {
  if (__builtin_expect(depth > FIDL_MAX_DEPTH, 0))
    return fidl_encode_fail(encoder, FIDL_ERROR_EXCEEDED_MAX_OUT_OF_LINE_DEPTH);
  return true;
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

// Copies `size` bytes to `to` (8-aligned) and pads them with zeroes to a multiple of 8. Returns all words
// joined by "or". For what is mostly short and whose size the compiler does not know.
static inline uint64_t fidl_copy_padded(uint8_t* to, const uint8_t* from, uint64_t size) {
  uint64_t any = 0, word = 0;
  if (size >= 16) {
    fidl_pair_t pair, pairs = {0, 0};
    if (size & 7u) memcpy(to + (size & ~UINT64_C(7)), &word, 8);
    for (uint64_t i = 0; i < size - 16; i += 16) {
      memcpy(&pair, from + i, 16);
      memcpy(to + i, &pair, 16);
      pairs |= pair;
    }
    memcpy(&pair, from + size - 16, 16);
    memcpy(to + size - 16, &pair, 16);
    pairs |= pair;
    return pairs[0] | pairs[1];
  }
  if (size >= 8) {
    memcpy(&any, from, 8);
    memcpy(to, &any, 8);
    if (size == 8) return any;
    memcpy(&word, from + size - 8, 8);
    word >>= 8 * (16 - size);
    memcpy(to + 8, &word, 8);
    return any | word;
  }
  if (size >= 4) {
    uint32_t head, tail;
    memcpy(&head, from, 4);
    memcpy(&tail, from + size - 4, 4);
    any = head | (uint64_t)tail << (8 * (size - 4));
  } else if (size > 0) {
    uint64_t middle = from[size / 2], last = from[size - 1];
    any = from[0] | middle << (8 * (size / 2)) | last << (8 * (size - 1));
  } else {
    return 0;
  }
  memcpy(to, &any, 8);
  return any;
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
