// The description of a generated type, and what the generated encoders and decoders have in common. For
// generated code.
#ifndef LIB_FIDL_TYPE_H_
#define LIB_FIDL_TYPE_H_

#include <lib/fidl/message.h>
#include <lib/fidl/types.h>
#include <zircon/syscalls.h>

#ifdef __cplusplus
extern "C" {
#endif

// A struct, table or union. `decode` is NULL where any bytes will do, `close_handles` where there are no
// handles.
struct fidl_type {
  uint32_t inline_size;
  uint32_t max_size;     // of a whole encoded value, padded; UINT32_MAX: unbounded
  uint32_t max_handles;  // UINT32_MAX: unbounded
  bool resource;
  // Appends a value at `next` as a primary object with all it refers to; its handles are moved. Returns the
  // place behind, NULL on failure.
  uint8_t* (*encode)(fidl_encoder_t* encoder, uint8_t* next, void* value);
  // `object` is a primary object: it lies in the message, its inline bytes inside the bounds; it is checked
  // and patched in place. What it refers to begins at `next`. Returns the place behind that, NULL on failure.
  uint8_t* (*decode)(fidl_decoder_t* decoder, uint8_t* next, void* object);
  void (*close_handles)(void* object);
};

#define FIDL_UNBOUNDED UINT32_MAX

static inline uint64_t fidl_align(uint64_t size) {
  return (size + 7u) & ~UINT64_C(7);
}

// Whether a table has a member that stands in this place: mostly, if the table reaches that far.
static inline bool fidl_present(const fidl_envelope_t* envelope) {
  return __builtin_expect(envelope->bits != 0, 1);
}

// For types that refer to themselves: whether an object at `depth` is too deep.
static inline bool fidl_too_deep(uint32_t depth) {
  return __builtin_expect(depth > FIDL_MAX_DEPTH, 0);
}

// The `size` bytes (1, 2, 4 or 8) at `offset` of an object as a number.
static inline uint64_t fidl_word(const void* object, size_t offset, size_t size) {
  uint64_t word = 0;
  memcpy(&word, (const uint8_t*)object + offset, size);
  return word;
}

// The words at `offset` of `count` elements of `stride` bytes, joined by "or".
static inline uint64_t fidl_any_word(const void* elements, uint64_t count, uint64_t stride, size_t offset,
                                     size_t size) {
  const uint8_t* at = (const uint8_t*)elements + offset;
  uint64_t any = 0, other = 0, i = 0;
  for (; count - i >= 4; i += 4, at += 4 * stride) {
    any |= fidl_word(at, 0, size) | fidl_word(at, stride, size);
    other |= fidl_word(at, 2 * stride, size) | fidl_word(at, 3 * stride, size);
  }
  for (; i < count; i++, at += stride)
    any |= fidl_word(at, 0, size);
  return any | other;
}

// The error of the first rule that `object` breaks; FIDL_ERROR_NONE if it breaks none. With `values_only`
// padding may be anything.
fidl_error_t fidl_broken_rule(const void* object, const fidl_rule_t* rules, size_t num_rules,
                              bool values_only);

// The same for the first of `count` elements of `stride` bytes that breaks one.
fidl_error_t fidl_broken_rule_of_elements(const void* elements, uint64_t count, uint64_t stride,
                                          const fidl_rule_t* rules, size_t num_rules, bool values_only);

// Whether `size` bytes are well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool fidl_utf8_valid(const char* data, size_t size);

// ASCII has none of these bits.
#define FIDL_NOT_ASCII UINT64_C(0x8080808080808080)

// Whether `count` bytes are all 0 or 1.
bool fidl_bools_valid(const void* data, uint64_t count);

#ifdef __cplusplus
}
#endif

#endif  // LIB_FIDL_TYPE_H_
