// Encoding, for generated code: a message grows object by object in a scratch buffer of the caller's, without
// allocating; large plain data is not copied but gathered, as an entry of the list that the channel's write
// takes.
//
// What appends takes `next`, the first free byte of the scratch buffer, and returns the one behind what it
// appended; generated code keeps it in a variable, where the compiler can keep it in a register. An object is
// appended at `next`, so its address is known before. NULL, and false from what only checks, say that
// something failed: the first error is kept, and the generated code returns at once. Whoever began the
// encoding then closes the handles that were moved into it (fidl_encoder_close_handles).
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
  uint8_t* buffer;    // 8-aligned
  uint8_t* next;      // the first free byte of `buffer`, between primary objects
  uint8_t* end;       // the end of what may be used of it
  uint8_t* segment;   // the first byte that no iovec covers yet
  uint64_t limit;     // bytes of the whole message
  uint64_t gathered;  // bytes that are not in `buffer`
  bool gather;
  fidl_error_t error;
  uint32_t num_iovecs;
  uint32_t num_handles;
  zx_channel_iovec_t iovecs[FIDL_ENCODER_IOVECS];
  zx_handle_disposition_t handles[FIDL_MAX_MESSAGE_HANDLES];
};

// Begins a message of at most `limit` bytes in `buffer` (8-aligned, `capacity` bytes). With `gather`, large
// data is referred to and must stay as it is until the message is written.
static inline void fidl_encoder_init(fidl_encoder_t* encoder, void* buffer, uint64_t capacity, uint64_t limit,
                                     bool gather) {
  encoder->buffer = (uint8_t*)buffer;
  encoder->next = encoder->buffer;
  encoder->end = encoder->buffer + ((capacity < limit ? capacity : limit) & ~UINT64_C(7));
  encoder->segment = encoder->buffer;
  encoder->limit = limit;
  encoder->gathered = 0;
  encoder->gather = gather;
  encoder->error = FIDL_ERROR_NONE;
  encoder->num_iovecs = 0;
  encoder->num_handles = 0;
}

// Appends `value` of `type` as a primary object with all it refers to. On failure closes every handle of the
// value and of the encoder. Handles of the value are moved into the encoder.
bool fidl_encoder_add(fidl_encoder_t* encoder, const fidl_type_t* type, void* value);

// Closes the handles that were moved into the encoder.
void fidl_encoder_close_handles(fidl_encoder_t* encoder);

// The bytes of the message before `next`, gathered ones included.
static inline uint64_t fidl_encode_size(const fidl_encoder_t* encoder, const uint8_t* next) {
  return (uint64_t)(next - encoder->buffer) + encoder->gathered;
}

// The bytes so far, gathered ones included.
static inline uint64_t fidl_encoder_size(const fidl_encoder_t* encoder) {
  return fidl_encode_size(encoder, encoder->next);
}

// Records the first error.
void fidl_encode_set_error(fidl_encoder_t* encoder, fidl_error_t error);

static inline bool fidl_encode_fail(fidl_encoder_t* encoder, fidl_error_t error) {
  fidl_encode_set_error(encoder, error);
  return false;
}

static inline uint8_t* fidl_encode_stop(fidl_encoder_t* encoder, fidl_error_t error) {
  fidl_encode_set_error(encoder, error);
  return NULL;
}

// Refers to `size` bytes at `from` instead of copying them. There is room in the list.
uint8_t* fidl_encode_gather(fidl_encoder_t* encoder, uint8_t* next, const void* from, uint64_t size);

// Makes room for an object of `size` bytes, its padding zeroed.
static inline uint8_t* fidl_encode_reserve(fidl_encoder_t* encoder, uint8_t* next, uint64_t size) {
  uint64_t padded = fidl_align(size);
  if (__builtin_expect(padded > (uint64_t)(encoder->end - next), 0))
    return fidl_encode_stop(encoder, FIDL_ERROR_MESSAGE_TOO_LARGE);
  if (size & 7u) memset(next + padded - 8, 0, 8);
  return next + padded;
}

// Appends an object: its copy, zero-padded.
static inline uint8_t* fidl_encode_append(fidl_encoder_t* encoder, uint8_t* next, const void* from,
                                          uint64_t size) {
  uint8_t* end = fidl_encode_reserve(encoder, next, size);
  if (end && size) memcpy(next, from, size);
  return end;
}

// Copies what is mostly short, and whose size is not known to the compiler, without a call. `to` is
// 8-aligned.
static inline void fidl_copy_short(uint8_t* to, const uint8_t* from, uint64_t size) {
  if (__builtin_expect(size > 64, 0)) {
    memcpy(to, from, size);
  } else if (size >= 8) {
    uint64_t word;
    for (uint64_t i = 0; i < size - 8; i += 8) {
      memcpy(&word, from + i, 8);
      memcpy(to + i, &word, 8);
    }
    memcpy(&word, from + size - 8, 8);
    memcpy(to + size - 8, &word, 8);
  } else if (size >= 4) {
    uint32_t head, tail;
    memcpy(&head, from, 4);
    memcpy(&tail, from + size - 4, 4);
    memcpy(to, &head, 4);
    memcpy(to + size - 4, &tail, 4);
  } else if (size > 0) {
    uint8_t middle = from[size / 2], tail = from[size - 1];
    to[0] = from[0];
    to[size / 2] = middle;
    to[size - 1] = tail;
  }
}

// Appends plain data, by reference if it is large.
static inline uint8_t* fidl_encode_data(fidl_encoder_t* encoder, uint8_t* next, const void* from,
                                        uint64_t size) {
  // One entry of the list for what precedes the data, one for the data, one for what will follow it.
  if (size >= FIDL_GATHER_MIN_BYTES && encoder->gather && encoder->num_iovecs + 3 <= FIDL_ENCODER_IOVECS)
    return fidl_encode_gather(encoder, next, from, size);
  uint8_t* end = fidl_encode_reserve(encoder, next, size);
  if (end) fidl_copy_short(next, (const uint8_t*)from, size);
  return end;
}

static inline bool fidl_encode_depth(fidl_encoder_t* encoder, uint32_t depth) {
  if (__builtin_expect(depth > FIDL_MAX_DEPTH, 0))
    return fidl_encode_fail(encoder, FIDL_ERROR_EXCEEDED_MAX_OUT_OF_LINE_DEPTH);
  return true;
}

// The presence words of strings, vectors, boxes, tables and handles.
static inline void fidl_encode_present(void* to) {
  memset(to, 0xff, 8);
}

// Strings and the headers of vectors: `from` and `to` are {count, pointer}. `to` becomes the wire's header.
// A string's bytes are appended; a vector's elements are the caller's to append.

// A string that is absent or long.
uint8_t* fidl_encode_rare_string(fidl_encoder_t* encoder, uint8_t* next, const fidl_string_t* from,
                                 bool optional);

static inline uint8_t* fidl_encode_string(fidl_encoder_t* encoder, uint8_t* next, const fidl_string_t* from,
                                          fidl_string_t* to, uint64_t bound, bool optional, uint32_t depth) {
  const char* data = from->data;
  uint64_t size = from->size;
  if (__builtin_expect(!data, 0)) return fidl_encode_rare_string(encoder, next, from, optional);
  if (size > bound) return fidl_encode_stop(encoder, FIDL_ERROR_STRING_TOO_LONG);
  if (!fidl_encode_depth(encoder, depth + 1)) return NULL;
  fidl_encode_present(&to->data);
  if (size >= FIDL_GATHER_MIN_BYTES) return fidl_encode_rare_string(encoder, next, from, optional);
  uint8_t* end = fidl_encode_reserve(encoder, next, size);
  if (!end) return NULL;
  fidl_copy_short(next, (const uint8_t*)data, size);
  if (fidl_padded_utf8_valid(next, size)) return end;
  return fidl_encode_stop(encoder, FIDL_ERROR_STRING_NOT_UTF8);
}

static inline bool fidl_encode_vector(fidl_encoder_t* encoder, uint64_t count, const void* data, void* to,
                                      uint64_t bound, bool optional, uint32_t depth) {
  if (!data) {
    if (count) return fidl_encode_fail(encoder, FIDL_ERROR_NON_EMPTY_VECTOR_WITH_NULL_BODY);
    if (!optional) return fidl_encode_fail(encoder, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE);
    return true;  // the copy of an absent vector is its wire form
  }
  if (count > bound) return fidl_encode_fail(encoder, FIDL_ERROR_COUNT_EXCEEDS_LIMIT);
  fidl_encode_present((uint8_t*)to + 8);
  return fidl_encode_depth(encoder, depth + 1);
}

// A handle of the stated type (0: any) and rights. Moved out of `from`.
bool fidl_encode_handle(fidl_encoder_t* encoder, zx_handle_t* from, zx_handle_t* to, zx_obj_type_t type,
                        zx_rights_t rights, bool optional);

static inline bool fidl_encode_bool(fidl_encoder_t* encoder, const void* from) {
  if (*(const uint8_t*)from > 1) return fidl_encode_fail(encoder, FIDL_ERROR_INVALID_BOOLEAN);
  return true;
}

// Appends the struct `from` points to and makes `to` its presence word.
static inline uint8_t* fidl_encode_box(fidl_encoder_t* encoder, uint8_t* next, const void* from,
                                       uint64_t size, void* to, uint32_t depth) {
  fidl_encode_present(to);
  return fidl_encode_depth(encoder, depth + 1) ? fidl_encode_append(encoder, next, from, size) : NULL;
}

// Appends the out-of-line content of an envelope, at `depth`.
static inline uint8_t* fidl_encode_envelope(fidl_encoder_t* encoder, uint8_t* next, const void* from,
                                            uint64_t size, uint32_t depth) {
  if (!from) return fidl_encode_stop(encoder, FIDL_ERROR_INVALID_NULL_ENVELOPE);
  return fidl_encode_depth(encoder, depth) ? fidl_encode_append(encoder, next, from, size) : NULL;
}

// Where the content of an envelope begins.
typedef struct fidl_encode_mark {
  uint64_t position;
  uint32_t num_handles;
} fidl_encode_mark_t;

static inline fidl_encode_mark_t fidl_encode_mark(const fidl_encoder_t* encoder, const uint8_t* next) {
  fidl_encode_mark_t mark;
  mark.position = (uint64_t)(uintptr_t)next + encoder->gathered;
  mark.num_handles = encoder->num_handles;
  return mark;
}

// Makes `envelope` the header of `size` bytes of content without handles.
static inline void fidl_encode_envelope_fixed(fidl_envelope_t* envelope, uint64_t size) {
  envelope->bits = fidl_align(size);
}

// Makes `envelope` the header of what was appended since `mark`, in which there are no handles.
static inline void fidl_encode_envelope_value(const fidl_encoder_t* encoder, const uint8_t* next,
                                              fidl_envelope_t* envelope, const fidl_encode_mark_t* mark) {
  envelope->bits = (uint64_t)(uintptr_t)next + encoder->gathered - mark->position;
}

// Makes `envelope` the header of what was appended since `mark`.
static inline void fidl_encode_envelope_end(const fidl_encoder_t* encoder, const uint8_t* next,
                                            fidl_envelope_t* envelope, const fidl_encode_mark_t* mark) {
  uint64_t num_handles = encoder->num_handles - mark->num_handles;
  envelope->bits = ((uint64_t)(uintptr_t)next + encoder->gathered - mark->position) | num_handles << 32;
}

// Makes `envelope`, whose first `size` bytes are the value on the wire, an inline one with this number of
// handles.
static inline void fidl_encode_envelope_inline(fidl_envelope_t* envelope, uint32_t size,
                                               uint64_t num_handles) {
  envelope->bits = (envelope->bits & (UINT64_MAX >> (64 - 8 * size))) | num_handles << 32 | UINT64_C(1) << 48;
}

// Begins a table: room for the envelopes up to the highest present ordinal, of which `known` are known to the
// type. `from` and `to` are {max_ordinal, envelopes}. `*count` is the number of envelopes.
static inline uint8_t* fidl_encode_table(fidl_encoder_t* encoder, uint8_t* next, const void* from, void* to,
                                         uint64_t known, uint32_t depth, uint64_t* count) {
  uint64_t max;
  const fidl_envelope_t* envelopes;
  memcpy(&max, from, 8);
  memcpy(&envelopes, (const uint8_t*)from + 8, 8);
  if (max > known) max = known;
  if (!envelopes) max = 0;
  while (max > 0 && envelopes[max - 1].bits == 0)
    max--;
  memcpy(to, &max, 8);
  fidl_encode_present((uint8_t*)to + 8);
  *count = max;
  if (!fidl_encode_depth(encoder, depth + 1)) return NULL;
  return fidl_encode_reserve(encoder, next, max * sizeof(fidl_envelope_t));
}

#ifdef __cplusplus
}
#endif

#endif  // LIB_FIDL_ENCODER_H_
