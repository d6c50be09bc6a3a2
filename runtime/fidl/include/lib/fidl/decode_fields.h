// Decoding of fields, tables, unions and envelopes, for generated code: <lib/fidl/decoder.h> tells how.
#ifndef LIB_FIDL_DECODE_FIELDS_H_
#define LIB_FIDL_DECODE_FIELDS_H_

#include <lib/fidl/decoder.h>

#ifdef __cplusplus
extern "C" {
#endif

// Fields

static inline bool fidl_decode_padding(fidl_decoder_t* decoder, const void* padding, size_t size) {
  const uint8_t* bytes = (const uint8_t*)padding;
  uint8_t any = 0;
  for (size_t i = 0; i < size; i++)
    any |= bytes[i];
  if (__builtin_expect(any != 0, 0)) return fidl_decode_fail(decoder, FIDL_ERROR_INVALID_PADDING_BYTE);
  return true;
}

// A vector that is absent or too long.
uint8_t* fidl_decode_rare_vector(fidl_decoder_t* decoder, uint8_t* next, const void* member, bool optional);

// `member` is a {count, presence} header, which becomes {count, pointer}. Elements of `stride` bytes are
// claimed, not looked at. Neither `stride` nor `bound` is above UINT32_MAX, so their product has 64 bits.
static inline uint8_t* fidl_decode_vector(fidl_decoder_t* decoder, uint8_t* next, void* member,
                                          uint64_t stride, uint64_t bound, bool optional) {
  uint64_t count = fidl_word(member, 0, 8);
  if (__builtin_expect(fidl_word(member, 8, 8) != UINT64_MAX || count > bound, 0))
    return fidl_decode_rare_vector(decoder, next, member, optional);
  memcpy((uint8_t*)member + 8, &next, 8);
  return fidl_decode_claim(decoder, next, count * stride);
}

// A string that is absent or too long.
uint8_t* fidl_decode_rare_string(fidl_decoder_t* decoder, uint8_t* next, const void* member, bool optional);

static inline uint8_t* fidl_decode_string(fidl_decoder_t* decoder, uint8_t* next, fidl_string_t* string,
                                          uint64_t bound, bool optional) {
  uint64_t size = string->size;
  if (__builtin_expect(fidl_word(&string->data, 0, 8) != UINT64_MAX || size > bound, 0))
    return fidl_decode_rare_string(decoder, next, string, optional);
  uint8_t* end = fidl_decode_claim(decoder, next, size);
  if (!end) return NULL;
  string->data = (char*)next;
  return fidl_decode_utf8(decoder, next, size) ? end : NULL;
}

// The presence word at `member` becomes a pointer to `size` claimed bytes, or NULL. The struct is not looked
// at.
uint8_t* fidl_decode_box(fidl_decoder_t* decoder, uint8_t* next, void* member, uint64_t size);

bool fidl_decode_handle(fidl_decoder_t* decoder, zx_handle_t* handle, zx_obj_type_t type, zx_rights_t rights,
                        bool optional);

// Tables and unions

// A table whose header is wrong.
void fidl_decode_table_error(fidl_decoder_t* decoder, const void* table);

// Begins a table: `table` is {max_ordinal, presence} and becomes {max_ordinal, envelopes}.
static inline uint8_t* fidl_decode_table(fidl_decoder_t* decoder, uint8_t* next, void* table) {
  uint64_t count = fidl_word(table, 0, 8);
  if (__builtin_expect(fidl_word(table, 8, 8) != UINT64_MAX || count > UINT32_MAX, 0)) {
    fidl_decode_table_error(decoder, table);
    return NULL;
  }
  memcpy((uint8_t*)table + 8, &next, 8);
  return fidl_decode_claim(decoder, next, count * sizeof(fidl_envelope_t));
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
// There is one way for each kind of content, so that the common ones take a compare and a bounds check. All
// but those of tables' members are known to be present.

// Says what is wrong with an envelope of a member with `size` inline bytes. `fixed`: it refers to nothing
// else.
void fidl_decode_envelope_error(fidl_decoder_t* decoder, const uint8_t* next, const fidl_envelope_t* envelope,
                                uint32_t size, bool fixed);

// An inline envelope with a value of `size` bytes that is not as it should be.
void fidl_decode_inline_error(fidl_decoder_t* decoder, const fidl_envelope_t* envelope, uint32_t size,
                              fidl_error_t value_error);

// An inline envelope, absent or with a value of `size` bytes, in which there is no handle. The value may have
// the bits of `mask`, others are `value_error`.
static inline bool fidl_decode_inline(fidl_decoder_t* decoder, const fidl_envelope_t* envelope, uint32_t size,
                                      uint64_t mask, fidl_error_t value_error) {
  uint64_t bits = envelope->bits;
  if (__builtin_expect(bits >> 32 != 0x10000 || ((uint32_t)bits & ~(uint32_t)mask) != 0, 0)) {
    if (bits == 0) return true;
    fidl_decode_inline_error(decoder, envelope, size, value_error);
    return false;
  }
  return true;
}

// An inline envelope with one handle, which must have been given out afterwards: the decoder checks that
// `decoder` stands where the envelope says. Returns where that is through `end_handle`.
static inline bool fidl_decode_inline_handle(fidl_decoder_t* decoder, const fidl_envelope_t* envelope,
                                             uint32_t* end_handle) {
  if (__builtin_expect(envelope->inl.flags != 1, 0)) {
    fidl_decode_envelope_error(decoder, decoder->end, envelope, 4, true);
    return false;
  }
  *end_handle = decoder->next_handle + envelope->inl.num_handles;
  return true;
}

static inline bool fidl_decode_inline_end(fidl_decoder_t* decoder, uint32_t end_handle) {
  if (__builtin_expect(decoder->next_handle != end_handle, 0))
    return fidl_decode_fail(decoder, FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE);
  return true;
}

// Content of `size` bytes that refer to nothing and need no check; the envelope becomes a pointer to them.
static inline uint8_t* fidl_decode_envelope_plain(fidl_decoder_t* decoder, uint8_t* next,
                                                  fidl_envelope_t* envelope, uint64_t size) {
  if (__builtin_expect(envelope->bits != fidl_align(size) || envelope->bits > (uint64_t)(decoder->end - next),
                       0)) {
    fidl_decode_envelope_error(decoder, next, envelope, (uint32_t)size, true);
    return NULL;
  }
  envelope->data = next;
  return fidl_decode_tail(decoder, next + fidl_align(size), size) ? next + fidl_align(size) : NULL;
}

// Content that is a string or a vector of plain elements of `stride` bytes, whose header or data is not as it
// should be.
uint8_t* fidl_decode_envelope_sequence_error(fidl_decoder_t* decoder, uint8_t* next,
                                             const fidl_envelope_t* envelope, uint64_t stride, uint64_t bound,
                                             bool is_string);

// Content that is a string or a vector: the header and then the data, which are claimed together and not
// looked at.
static inline uint8_t* fidl_decode_envelope_sequence(fidl_decoder_t* decoder, uint8_t* next,
                                                     fidl_envelope_t* envelope, uint64_t stride,
                                                     uint64_t bound, bool is_string) {
  uint64_t bits = envelope->bits;
  // Only where the data may be so large can the number of handles and the flags pass for a part of its size.
  bool may_be_huge = bound > (UINT32_MAX - 32) / stride;
  if (__builtin_expect(
          bits > (uint64_t)(decoder->end - next) || bits < 16 || (may_be_huge && bits > UINT32_MAX), 0))
    return fidl_decode_envelope_sequence_error(decoder, next, envelope, stride, bound, is_string);
  uint64_t count = fidl_word(next, 0, 8);
  if (__builtin_expect(
          fidl_word(next, 8, 8) != UINT64_MAX || count > bound || bits != 16 + fidl_align(count * stride), 0))
    return fidl_decode_envelope_sequence_error(decoder, next, envelope, stride, bound, is_string);
  uint8_t* data = next + 16;
  memcpy(next + 8, &data, 8);
  envelope->data = next;
  return fidl_decode_tail(decoder, next + bits, count * stride) ? next + bits : NULL;
}

static inline uint8_t* fidl_decode_envelope_vector(fidl_decoder_t* decoder, uint8_t* next,
                                                   fidl_envelope_t* envelope, uint64_t stride,
                                                   uint64_t bound) {
  return fidl_decode_envelope_sequence(decoder, next, envelope, stride, bound, false);
}

static inline uint8_t* fidl_decode_envelope_string(fidl_decoder_t* decoder, uint8_t* next,
                                                   fidl_envelope_t* envelope, uint64_t bound) {
  uint8_t* end = fidl_decode_envelope_sequence(decoder, next, envelope, 1, bound, true);
  return end && fidl_decode_utf8(decoder, next + 16, fidl_word(next, 0, 8)) ? end : NULL;
}

// What an envelope's header promises, for the check at its end.
typedef struct fidl_decode_mark {
  uint8_t* end;
  uint32_t end_handle;
} fidl_decode_mark_t;

// Begins content of any kind: claims an object of `size` bytes.
static inline uint8_t* fidl_decode_envelope(fidl_decoder_t* decoder, uint8_t* next,
                                            const fidl_envelope_t* envelope, uint64_t size,
                                            fidl_decode_mark_t* mark) {
  if (__builtin_expect(envelope->sizes.flags != 0 ||
                           envelope->sizes.num_bytes > (uint64_t)(decoder->end - next) ||
                           envelope->sizes.num_handles > decoder->num_handles - decoder->next_handle,
                       0)) {
    fidl_decode_envelope_error(decoder, next, envelope, (uint32_t)size, false);
    return NULL;
  }
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
                                                  fidl_decode_mark_t* mark) {
  if (__builtin_expect(envelope->bits > (uint64_t)(decoder->end - next) || envelope->bits >> 32 != 0, 0)) {
    fidl_decode_envelope_error(decoder, next, envelope, (uint32_t)size, false);
    return NULL;
  }
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

#endif  // LIB_FIDL_DECODE_FIELDS_H_
