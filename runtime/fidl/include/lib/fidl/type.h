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

// A struct, table or union. `encode` and `decode` are NULL where bytes need no more than to be copied;
// `close_handles` is NULL where there are none.
struct fidl_type {
  uint32_t inline_size;
  uint32_t max_size;     // of a whole encoded value, padded; UINT32_MAX: unbounded
  uint32_t max_handles;  // UINT32_MAX: unbounded
  bool resource;
  // `to` holds a copy of the inline object `from`, to be made its wire form; what it refers to is appended.
  // Handles are moved out of `from`.
  bool (*encode)(fidl_encoder_t* encoder, void* from, void* to, uint32_t depth);
  // `object` lies in the message, its inline bytes inside the bounds; it is checked and patched in place.
  bool (*decode)(fidl_decoder_t* decoder, void* object, uint32_t depth);
  void (*close_handles)(void* object);
};

#define FIDL_UNBOUNDED UINT32_MAX

static inline uint64_t fidl_align(uint64_t size) {
  return (size + 7u) & ~UINT64_C(7);
}

// Whether `size` bytes are well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool fidl_utf8_valid(const char* data, size_t size);

// Whether `count` bytes are all 0 or 1.
bool fidl_bools_valid(const void* data, uint64_t count);

#ifdef __cplusplus
}
#endif

#endif  // LIB_FIDL_TYPE_H_
