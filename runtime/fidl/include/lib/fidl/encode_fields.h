// Encoding of fields, tables and envelopes, for generated code: <lib/fidl/encoder.h> tells how.
#ifndef LIB_FIDL_ENCODE_FIELDS_H_
#define LIB_FIDL_ENCODE_FIELDS_H_

#include <lib/fidl/encoder.h>

#ifdef __cplusplus
extern "C" {
#endif

// Fields
//
// `from` and `to` of strings and vectors are {count, pointer}, `to` a copy of `from` that becomes the wire's
// header.

// The presence words of strings, vectors, boxes and tables.
static inline void fidl_encode_present(void* to) {
  memset(to, 0xff, 8);
}

// A string that is absent and may not be, or that is too long.
void fidl_encode_string_error(fidl_encoder_t* encoder, const fidl_string_t* from);

// Appends the bytes of a string that is so long that it may be gathered.
uint8_t* fidl_encode_long_text(fidl_encoder_t* encoder, uint8_t* next, const fidl_string_t* from);

// Copies a string's bytes to where there is room for them. With `text` it is left to the caller to see, by
// what is added there, whether all are ASCII, and to check them with fidl_encode_valid_text if not: a
// function that does so behind all else has nothing to keep during a call.
static inline bool fidl_encode_copied_text(fidl_encoder_t* encoder, uint8_t* to, const char* data,
                                           uint64_t size, uint64_t* text) {
  uint64_t any = fidl_copy_padded(to, (const uint8_t*)data, size);
  if (text) {
    *text |= any;
    return true;
  }
  if (__builtin_expect(any == 0, 1) || fidl_utf8_valid((const char*)to, size)) return true;
  return fidl_encode_fail(encoder, FIDL_ERROR_STRING_NOT_UTF8);
}

// Whether a string, if there is one, is UTF-8.
bool fidl_encode_valid_text(fidl_encoder_t* encoder, const fidl_string_t* string);

static inline uint8_t* fidl_encode_string(fidl_encoder_t* encoder, uint8_t* next, const fidl_string_t* from,
                                          void* to, uint64_t bound, unsigned flags, uint64_t* text) {
  const char* data = from->data;
  uint64_t size = from->size;
  if (__builtin_expect(!data || size > bound, 0)) {
    if (!data && size == 0 && (flags & FIDL_OPTIONAL)) return next;  // the copy is the wire form
    fidl_encode_string_error(encoder, from);
    return NULL;
  }
  fidl_encode_present((uint8_t*)to + 8);
  if (bound >= FIDL_GATHER_MIN_BYTES && __builtin_expect(size >= FIDL_GATHER_MIN_BYTES, 0))
    return fidl_encode_long_text(encoder, next, from);
  uint64_t padded = fidl_align(size);
  if (!fidl_encode_has_room(encoder, next, padded, flags))
    return fidl_encode_stop(encoder, FIDL_ERROR_MESSAGE_TOO_LARGE);
  return fidl_encode_copied_text(encoder, next, data, size, text) ? next + padded : NULL;
}

// Checks the header of a vector and marks it present. An absent vector's copy is its wire form.
static inline bool fidl_encode_vector(fidl_encoder_t* encoder, uint64_t count, const void* data, void* to,
                                      uint64_t bound, unsigned flags) {
  if (!data) {
    if (count) return fidl_encode_fail(encoder, FIDL_ERROR_NON_EMPTY_VECTOR_WITH_NULL_BODY);
    if (!(flags & FIDL_OPTIONAL))
      return fidl_encode_fail(encoder, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE);
    return true;
  }
  if (__builtin_expect(count > bound, 0)) return fidl_encode_fail(encoder, FIDL_ERROR_COUNT_EXCEEDS_LIMIT);
  fidl_encode_present((uint8_t*)to + 8);
  return true;
}

// A vector of plain elements of `stride` bytes.
static inline uint8_t* fidl_encode_plain_vector(fidl_encoder_t* encoder, uint8_t* next, uint64_t count,
                                                const void* data, void* to, uint64_t stride, uint64_t bound,
                                                unsigned flags) {
  if (!fidl_encode_vector(encoder, count, data, to, bound, flags)) return NULL;
  return data ? fidl_encode_data(encoder, next, data, count * stride, bound * stride, flags) : next;
}

// A handle of the stated type (0: any) and rights. Moved out of `from`.
bool fidl_encode_handle(fidl_encoder_t* encoder, zx_handle_t* from, zx_handle_t* to, zx_obj_type_t type,
                        zx_rights_t rights, bool optional);

// Appends the struct `from` points to and makes `to` its presence word.
static inline uint8_t* fidl_encode_box(fidl_encoder_t* encoder, uint8_t* next, const void* from,
                                       uint64_t size, void* to, unsigned flags) {
  fidl_encode_present(to);
  return fidl_encode_append(encoder, next, from, size, flags);
}

// Tables and envelopes
//
// `place` is where an envelope goes; a NULL `from` makes an absent one.

// Where `max_ordinal` is none of the `known` ones, or not of a member that is present.
uint64_t fidl_table_rare_count(uint64_t max_ordinal, const fidl_envelope_t* envelopes, uint64_t known);

// The highest ordinal of a member that is present and of the `known` ones.
static inline uint64_t fidl_table_count(uint64_t max_ordinal, const fidl_envelope_t* envelopes,
                                        uint64_t known) {
  if (__builtin_expect(max_ordinal - 1 < known && envelopes[max_ordinal - 1].bits != 0, 1))
    return max_ordinal;
  return fidl_table_rare_count(max_ordinal, envelopes, known);
}

// Copies `count` envelopes, at most `known` (a constant, at most 64): at once if it is all of them, else in
// pieces of constant size.
static inline void fidl_copy_envelopes(uint8_t* to, const fidl_envelope_t* from, uint64_t count,
                                       uint64_t known) {
  if (known > 0 && count == known) {
    memcpy(to, from, known * sizeof(*from));
    return;
  }
#define FIDL_COPY_ENVELOPES(piece)             \
  if (known > (piece) && (count & (piece))) {  \
    memcpy(to, from, (piece) * sizeof(*from)); \
    to += (piece) * sizeof(*from);             \
    from += (piece);                           \
  }
  FIDL_COPY_ENVELOPES(32)
  FIDL_COPY_ENVELOPES(16)
  FIDL_COPY_ENVELOPES(8)
  FIDL_COPY_ENVELOPES(4)
  FIDL_COPY_ENVELOPES(2)
  FIDL_COPY_ENVELOPES(1)
#undef FIDL_COPY_ENVELOPES
}

// Begins a table: its header at `to`, and its envelopes as they are in memory. Those that are absent, and
// inline ones without handles, stay so: what sets and what decodes them leaves nothing in them that the wire
// does not have.
static inline uint8_t* fidl_encode_table(fidl_encoder_t* encoder, uint8_t* next, void* to,
                                         const fidl_envelope_t* envelopes, uint64_t count, uint64_t known,
                                         unsigned flags) {
  fidl_pair_t header = {count, UINT64_MAX};
  memcpy(to, &header, 16);
  uint8_t* end = fidl_encode_reserve(encoder, next, count * sizeof(*envelopes), flags);
  if (end) fidl_copy_envelopes(next, envelopes, count, known);
  return end;
}

// The envelope of a member of at most 4 bytes from the one in memory; `mask` covers the bytes of its value.
static inline uint64_t fidl_encode_inline(uint64_t bits, uint64_t mask, uint64_t num_handles) {
  return (bits & mask) | num_handles << 32 | UINT64_C(1) << 48;
}

// The same for one that may be absent and has no handle.
static inline uint64_t fidl_encode_optional_inline(uint64_t bits, uint64_t mask) {
  return __builtin_expect(bits == 0, 0) ? 0 : fidl_encode_inline(bits, mask, 0);
}

// Content of `size` bytes that refers to nothing and needs no check.
static inline uint8_t* fidl_encode_envelope_plain(fidl_encoder_t* encoder, uint8_t* next,
                                                  fidl_envelope_t* place, const void* from, uint64_t size,
                                                  unsigned flags) {
  if (__builtin_expect(!from, 0)) return next;
  place->bits = fidl_align(size);
  return fidl_encode_append(encoder, next, from, size, flags);
}

uint8_t* fidl_encode_long_envelope_string(fidl_encoder_t* encoder, uint8_t* next, fidl_envelope_t* place,
                                          const fidl_string_t* from);

static inline uint8_t* fidl_encode_envelope_string(fidl_encoder_t* encoder, uint8_t* next,
                                                   fidl_envelope_t* place, const fidl_string_t* from,
                                                   uint64_t bound, unsigned flags, uint64_t* text) {
  if (__builtin_expect(!from, 0)) return next;
  const char* data = from->data;
  uint64_t size = from->size, whole = 16 + fidl_align(size);
  if (__builtin_expect(!data || size > bound, 0)) {
    fidl_encode_string_error(encoder, from);
    return NULL;
  }
  if (bound >= FIDL_GATHER_MIN_BYTES && __builtin_expect(size >= FIDL_GATHER_MIN_BYTES, 0))
    return fidl_encode_long_envelope_string(encoder, next, place, from);
  if (!fidl_encode_has_room(encoder, next, whole, flags))
    return fidl_encode_stop(encoder, FIDL_ERROR_MESSAGE_TOO_LARGE);
  place->bits = whole;
  fidl_pair_t header = {size, UINT64_MAX};
  memcpy(next, &header, 16);
  return fidl_encode_copied_text(encoder, next + 16, data, size, text) ? next + whole : NULL;
}

// A vector of plain elements of `stride` bytes.
static inline uint8_t* fidl_encode_envelope_vector(fidl_encoder_t* encoder, uint8_t* next,
                                                   fidl_envelope_t* place, uint64_t count, const void* data,
                                                   uint64_t stride, uint64_t bound, unsigned flags) {
  if (__builtin_expect(!data || count > bound, 0))
    return fidl_encode_stop(encoder, data    ? FIDL_ERROR_COUNT_EXCEEDS_LIMIT
                                     : count ? FIDL_ERROR_NON_EMPTY_VECTOR_WITH_NULL_BODY
                                             : FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE);
  if (!fidl_encode_has_room(encoder, next, 16, flags))
    return fidl_encode_stop(encoder, FIDL_ERROR_MESSAGE_TOO_LARGE);
  place->bits = 16 + fidl_align(count * stride);
  fidl_pair_t header = {count, UINT64_MAX};
  memcpy(next, &header, 16);
  return fidl_encode_data(encoder, next + 16, data, count * stride, bound * stride, flags);
}

// Where the content of an envelope begins.
typedef struct fidl_encode_mark {
  uint64_t position;
  uint32_t num_handles;
} fidl_encode_mark_t;

static inline fidl_encode_mark_t fidl_encode_mark(const fidl_encoder_t* encoder, const uint8_t* next) {
  fidl_encode_mark_t mark;
  mark.position = fidl_encode_size(encoder, next);
  mark.num_handles = encoder->num_handles;
  return mark;
}

// Makes `place` the header of what was appended since `mark`, in which there are no handles.
static inline void fidl_encode_envelope_value(const fidl_encoder_t* encoder, const uint8_t* next,
                                              fidl_envelope_t* place, const fidl_encode_mark_t* mark) {
  place->bits = fidl_encode_size(encoder, next) - mark->position;
}

// Makes `place` the header of what was appended since `mark`.
static inline void fidl_encode_envelope_end(const fidl_encoder_t* encoder, const uint8_t* next,
                                            fidl_envelope_t* place, const fidl_encode_mark_t* mark) {
  uint64_t num_handles = encoder->num_handles - mark->num_handles;
  place->bits = (fidl_encode_size(encoder, next) - mark->position) | num_handles << 32;
}

#ifdef __cplusplus
}
#endif

#endif  // LIB_FIDL_ENCODE_FIELDS_H_
