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
  // `object` lies in the message, its inline bytes inside the bounds; it is checked and patched in place.
  // What it refers to begins at `next`. Returns the place behind that, NULL on failure.
  uint8_t* (*decode)(fidl_decoder_t* decoder, uint8_t* next, void* object, uint32_t depth);
  void (*close_handles)(void* object);
};

#define FIDL_UNBOUNDED UINT32_MAX

static inline uint64_t fidl_align(uint64_t size) {
  return (size + 7u) & ~UINT64_C(7);
}

// Whether `size` bytes are well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool fidl_utf8_valid(const char* data, size_t size);

// The same for bytes that are zero-padded up to a multiple of 8 and 8-aligned. Mostly they are all ASCII,
// which takes a look at each word.
static inline bool fidl_padded_utf8_valid(const void* data, uint64_t size) {
  const uint8_t* bytes = (const uint8_t*)data;
  uint64_t any = 0;
  for (uint64_t i = 0; i < size; i += 8) {
    uint64_t word;
    memcpy(&word, bytes + i, 8);
    any |= word;
  }
  if (__builtin_expect((any & UINT64_C(0x8080808080808080)) == 0, 1)) return true;
  return fidl_utf8_valid((const char*)data, size);
}

// Whether `count` bytes are all 0 or 1.
bool fidl_bools_valid(const void* data, uint64_t count);

#ifdef __cplusplus
}
#endif

#endif  // LIB_FIDL_TYPE_H_
