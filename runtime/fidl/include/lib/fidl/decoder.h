// Decoding in place, for generated code. The decoder hands out the message's bytes object by object, in the
// order the encoder appended them, and its handles one by one; generated code checks each field and patches
// markers into pointers and handles. Nothing is allocated, and no byte is looked at before its bounds are
// known.
//
// What claims bytes takes `next`, the first byte not yet claimed, and returns the one behind what it claimed;
// generated code keeps it in a variable, where the compiler can keep it in a register. An object is claimed
// at `next`, so its address is known before. NULL, and false from what only checks, say that something is
// wrong: the first error is kept, and the generated code returns at once. Whoever began the decoding
// (fidl_decode_message) then closes all handles of the message.
#ifndef LIB_FIDL_DECODER_H_
#define LIB_FIDL_DECODER_H_

#include <lib/fidl/type.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fidl_decoder {
  uint8_t* end;
  zx_handle_info_t* handles;  // those closed or replaced meanwhile are updated here
  uint32_t next_handle;
  uint32_t num_handles;
  fidl_error_t error;
};

// Decodes the `size` bytes at `bytes` (8-aligned) as one value of `type`, in place. The handles become the
// value's; on failure all of them are closed. Returns the error or FIDL_ERROR_NONE.
fidl_error_t fidl_decode_message(const fidl_type_t* type, void* bytes, uint64_t size,
                                 zx_handle_info_t* handles, uint32_t num_handles);

// Records the first error.
void fidl_decode_set_error(fidl_decoder_t* decoder, fidl_error_t error);

static inline bool fidl_decode_fail(fidl_decoder_t* decoder, fidl_error_t error) {
  fidl_decode_set_error(decoder, error);
  return false;
}

static inline uint8_t* fidl_decode_stop(fidl_decoder_t* decoder, fidl_error_t error) {
  fidl_decode_set_error(decoder, error);
  return NULL;
}

// Claims an object of `size` bytes, its padding checked.
static inline uint8_t* fidl_decode_claim(fidl_decoder_t* decoder, uint8_t* next, uint64_t size) {
  uint64_t padded = fidl_align(size);
  if (__builtin_expect(padded > (uint64_t)(decoder->end - next), 0))
    return fidl_decode_stop(decoder, FIDL_ERROR_TOO_FEW_BYTES);
  next += padded;
  if (size & 7u) {
    uint64_t last;
    memcpy(&last, next - 8, 8);
    if (__builtin_expect(last >> (8u * (size & 7u)) != 0, 0))
      return fidl_decode_stop(decoder, FIDL_ERROR_INVALID_PADDING_BYTE);
  }
  return next;
}

static inline bool fidl_decode_depth(fidl_decoder_t* decoder, uint32_t depth) {
  if (__builtin_expect(depth > FIDL_MAX_DEPTH, 0))
    return fidl_decode_fail(decoder, FIDL_ERROR_EXCEEDED_MAX_OUT_OF_LINE_DEPTH);
  return true;
}

static inline bool fidl_decode_padding(fidl_decoder_t* decoder, const void* padding, size_t size) {
  const uint8_t* bytes = (const uint8_t*)padding;
  uint8_t any = 0;
  for (size_t i = 0; i < size; i++)
    any |= bytes[i];
  if (__builtin_expect(any != 0, 0)) return fidl_decode_fail(decoder, FIDL_ERROR_INVALID_PADDING_BYTE);
  return true;
}

static inline bool fidl_decode_bool(fidl_decoder_t* decoder, const void* value) {
  if (__builtin_expect(*(const uint8_t*)value > 1, 0))
    return fidl_decode_fail(decoder, FIDL_ERROR_INVALID_BOOLEAN);
  return true;
}

// `member` is a {count, presence} header, which becomes {count, pointer}. Elements of `element_size` bytes
// are claimed, not looked at.
static inline uint8_t* fidl_decode_vector(fidl_decoder_t* decoder, uint8_t* next, void* member,
                                          uint64_t element_size, uint64_t bound, bool optional,
                                          uint32_t depth) {
  uint64_t header[2];
  memcpy(header, member, sizeof(header));
  if (__builtin_expect(header[1] != UINT64_MAX, 0)) {
    if (header[1] != 0) return fidl_decode_stop(decoder, FIDL_ERROR_INVALID_PRESENCE_INDICATOR);
    if (header[0] != 0) return fidl_decode_stop(decoder, FIDL_ERROR_NON_EMPTY_VECTOR_WITH_NULL_BODY);
    return optional ? next : fidl_decode_stop(decoder, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE);
  }
  if (__builtin_expect(header[0] > bound, 0))
    return fidl_decode_stop(decoder, header[0] > UINT32_MAX ? FIDL_ERROR_VECTOR_COUNT_EXCEEDS_32_BIT_LIMIT
                                                            : FIDL_ERROR_COUNT_EXCEEDS_LIMIT);
  if (!fidl_decode_depth(decoder, depth + 1)) return NULL;
  memcpy((uint8_t*)member + 8, &next, 8);
  return fidl_decode_claim(decoder, next, header[0] * element_size);  // < 2^32 * 2^17: no overflow
}

// A string that is absent or too long.
uint8_t* fidl_decode_rare_string(fidl_decoder_t* decoder, uint8_t* next, const fidl_string_t* string,
                                 bool optional);

static inline uint8_t* fidl_decode_string(fidl_decoder_t* decoder, uint8_t* next, fidl_string_t* string,
                                          uint64_t bound, bool optional, uint32_t depth) {
  uint64_t presence, size = string->size;
  memcpy(&presence, &string->data, 8);
  if (__builtin_expect(presence != UINT64_MAX || size > bound, 0))
    return fidl_decode_rare_string(decoder, next, string, optional);
  if (!fidl_decode_depth(decoder, depth + 1)) return NULL;
  uint8_t* end = fidl_decode_claim(decoder, next, size);
  if (!end) return NULL;
  string->data = (char*)next;
  if (fidl_padded_utf8_valid(next, size)) return end;
  return fidl_decode_stop(decoder, FIDL_ERROR_STRING_NOT_UTF8);
}

// The presence word at `member` becomes a pointer to `size` claimed bytes, or NULL. The struct is not looked
// at.
uint8_t* fidl_decode_box(fidl_decoder_t* decoder, uint8_t* next, void* member, uint64_t size, uint32_t depth);

bool fidl_decode_handle(fidl_decoder_t* decoder, zx_handle_t* handle, zx_obj_type_t type, zx_rights_t rights,
                        bool optional);

// A table whose header is wrong.
void fidl_decode_table_error(fidl_decoder_t* decoder, const void* table);

// Begins a table: `table` is {max_ordinal, presence} and becomes {max_ordinal, envelopes}.
static inline uint8_t* fidl_decode_table(fidl_decoder_t* decoder, uint8_t* next, void* table,
                                         uint32_t depth) {
  uint64_t header[2];
  memcpy(header, table, sizeof(header));
  if (__builtin_expect(header[1] != UINT64_MAX || header[0] > UINT32_MAX, 0)) {
    fidl_decode_table_error(decoder, table);
    return NULL;
  }
  if (!fidl_decode_depth(decoder, depth + 1)) return NULL;
  memcpy((uint8_t*)table + 8, &next, 8);
  return fidl_decode_claim(decoder, next, header[0] * sizeof(fidl_envelope_t));
}

// Ends a table with more envelopes than the `known` ordinals: drops those beyond.
uint8_t* fidl_decode_table_rest(fidl_decoder_t* decoder, uint8_t* next, void* table, uint64_t known);

// Skips and empties an envelope of an ordinal the type does not know; absent ones are fine.
uint8_t* fidl_decode_unknown_envelope(fidl_decoder_t* decoder, uint8_t* next, fidl_envelope_t* envelope);

// The ordinal of a union is 0: fails unless it is `optional` and wholly absent.
bool fidl_decode_union_unset(fidl_decoder_t* decoder, const fidl_envelope_t* envelope, bool optional);

// An ordinal that a flexible union does not know: its content is dropped.
uint8_t* fidl_decode_union_unknown(fidl_decoder_t* decoder, uint8_t* next, fidl_envelope_t* envelope);

// Envelopes
//
// There is one way for each kind of content, so that the common ones take a compare and a bounds check. The
// header of an envelope is checked as a whole; what exactly is wrong with it is found out afterwards.

// Says what is wrong with an envelope of a member with `size` inline bytes. `fixed`: it refers to nothing
// else.
void fidl_decode_envelope_error(fidl_decoder_t* decoder, const uint8_t* next, const fidl_envelope_t* envelope,
                                uint32_t size, bool fixed);

// An inline envelope with a value of `size` bytes, in which there is no handle.
static inline bool fidl_decode_envelope_inline(fidl_decoder_t* decoder, const fidl_envelope_t* envelope,
                                               uint32_t size) {
  if (__builtin_expect((envelope->bits & ~(UINT64_MAX >> (64 - 8 * size))) != UINT64_C(1) << 48, 0)) {
    fidl_decode_envelope_error(decoder, decoder->end, envelope, size, true);
    return false;
  }
  return true;
}

// An inline envelope with one handle, which must have been given out afterwards: the decoder checks that
// `decoder` stands where the envelope says. Returns where that is through `end_handle`.
static inline bool fidl_decode_envelope_inline_handle(fidl_decoder_t* decoder,
                                                      const fidl_envelope_t* envelope, uint32_t* end_handle) {
  if (__builtin_expect(envelope->inl.flags != 1, 0)) {
    fidl_decode_envelope_error(decoder, decoder->end, envelope, 4, true);
    return false;
  }
  *end_handle = decoder->next_handle + envelope->inl.num_handles;
  return true;
}

static inline bool fidl_decode_envelope_inline_end(fidl_decoder_t* decoder, uint32_t end_handle) {
  if (__builtin_expect(decoder->next_handle != end_handle, 0))
    return fidl_decode_fail(decoder, FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE);
  return true;
}

// An out-of-line envelope with `size` bytes that refer to nothing and need no check; it becomes a pointer to
// them.
static inline uint8_t* fidl_decode_envelope_plain(fidl_decoder_t* decoder, uint8_t* next,
                                                  fidl_envelope_t* envelope, uint64_t size, uint32_t depth) {
  if (__builtin_expect(envelope->bits != fidl_align(size) || envelope->bits > (uint64_t)(decoder->end - next),
                       0)) {
    fidl_decode_envelope_error(decoder, next, envelope, (uint32_t)size, true);
    return NULL;
  }
  if (!fidl_decode_depth(decoder, depth)) return NULL;
  envelope->data = next;
  return fidl_decode_claim(decoder, next, size);
}

// What an envelope's header promises, for the check at its end.
typedef struct fidl_decode_mark {
  uint8_t* end;
  uint32_t end_handle;
} fidl_decode_mark_t;

// Begins the out-of-line content of a present envelope: claims an object of `size` bytes.
static inline uint8_t* fidl_decode_envelope(fidl_decoder_t* decoder, uint8_t* next,
                                            const fidl_envelope_t* envelope, uint64_t size, uint32_t depth,
                                            fidl_decode_mark_t* mark) {
  if (__builtin_expect(envelope->sizes.flags != 0 ||
                           envelope->sizes.num_bytes > (uint64_t)(decoder->end - next) ||
                           envelope->sizes.num_handles > decoder->num_handles - decoder->next_handle,
                       0)) {
    fidl_decode_envelope_error(decoder, next, envelope, (uint32_t)size, false);
    return NULL;
  }
  if (!fidl_decode_depth(decoder, depth)) return NULL;
  mark->end = next + envelope->sizes.num_bytes;
  mark->end_handle = decoder->next_handle + envelope->sizes.num_handles;
  return fidl_decode_claim(decoder, next, size);
}

// Ends it: `content` is where the object was claimed; `envelope` becomes a pointer to it.
static inline bool fidl_decode_envelope_end(fidl_decoder_t* decoder, const uint8_t* next,
                                            fidl_envelope_t* envelope, void* content,
                                            const fidl_decode_mark_t* mark) {
  if (__builtin_expect(next != mark->end, 0))
    return fidl_decode_fail(decoder, FIDL_ERROR_INVALID_NUM_BYTES_IN_ENVELOPE);
  if (__builtin_expect(decoder->next_handle != mark->end_handle, 0))
    return fidl_decode_fail(decoder, FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE);
  envelope->data = content;
  return true;
}

// The same for content in which there are no handles, not even in what is unknown.
static inline uint8_t* fidl_decode_envelope_value(fidl_decoder_t* decoder, uint8_t* next,
                                                  const fidl_envelope_t* envelope, uint64_t size,
                                                  uint32_t depth, fidl_decode_mark_t* mark) {
  if (__builtin_expect(envelope->bits > (uint64_t)(decoder->end - next) || envelope->bits >> 32 != 0, 0)) {
    fidl_decode_envelope_error(decoder, next, envelope, (uint32_t)size, false);
    return NULL;
  }
  if (!fidl_decode_depth(decoder, depth)) return NULL;
  mark->end = next + envelope->bits;
  return fidl_decode_claim(decoder, next, size);
}

static inline bool fidl_decode_envelope_value_end(fidl_decoder_t* decoder, const uint8_t* next,
                                                  fidl_envelope_t* envelope, void* content,
                                                  const fidl_decode_mark_t* mark) {
  if (__builtin_expect(next != mark->end, 0))
    return fidl_decode_fail(decoder, FIDL_ERROR_INVALID_NUM_BYTES_IN_ENVELOPE);
  envelope->data = content;
  return true;
}

#ifdef __cplusplus
}
#endif

#endif  // LIB_FIDL_DECODER_H_
