// Types that generated structs are made of. A generated struct *is* its inline layout on the wire: the same
// sizes, offsets and byte order; only pointers and handles stand where the wire has presence markers. So a
// message is decoded in place, and everything a decoded message points to lies in the buffer it was decoded
// in.
#ifndef LIB_FIDL_TYPES_H_
#define LIB_FIDL_TYPES_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <zircon/types.h>

#ifdef __cplusplus
#define FIDL_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define FIDL_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#ifdef __cplusplus
extern "C" {
#endif

FIDL_STATIC_ASSERT(sizeof(void*) == 8, "a pointer stands in the place of a presence marker");
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the wire format is little endian, and messages are used in place"
#endif

// A string: `size` bytes of UTF-8 without a terminator (NUL bytes may be inside). A NULL `data` is an absent
// string, only legal where the type is optional; a present but empty one has any other `data`.
typedef struct fidl_string_view {
  uint64_t size;
  char* data;
} fidl_string_t;

// A vector: `count` elements at `data`; NULL `data` is an absent vector, as with strings. The bytes pointed
// to are read while a message is sent and may be const there.
#define FIDL_DEFINE_VECTOR(name, element) \
  typedef struct name {                   \
    uint64_t count;                       \
    element* data;                        \
  } name##_t

FIDL_DEFINE_VECTOR(fidl_vector_bool, bool);
FIDL_DEFINE_VECTOR(fidl_vector_int8, int8_t);
FIDL_DEFINE_VECTOR(fidl_vector_int16, int16_t);
FIDL_DEFINE_VECTOR(fidl_vector_int32, int32_t);
FIDL_DEFINE_VECTOR(fidl_vector_int64, int64_t);
FIDL_DEFINE_VECTOR(fidl_vector_uint8, uint8_t);
FIDL_DEFINE_VECTOR(fidl_vector_uint16, uint16_t);
FIDL_DEFINE_VECTOR(fidl_vector_uint32, uint32_t);
FIDL_DEFINE_VECTOR(fidl_vector_uint64, uint64_t);
FIDL_DEFINE_VECTOR(fidl_vector_float32, float);
FIDL_DEFINE_VECTOR(fidl_vector_float64, double);
FIDL_DEFINE_VECTOR(fidl_vector_string, fidl_string_t);
FIDL_DEFINE_VECTOR(fidl_vector_handle, zx_handle_t);

// The place of a table's or union's member. All zero: absent. A member of at most 4 bytes stands in
// `inl.value` with `inl.flags` 1 (and, on the wire, its handle count); a larger one is at `data` (on the
// wire: `sizes`).
typedef union fidl_envelope {
  void* data;
  uint64_t bits;
  struct {
    uint8_t value[4];
    uint16_t num_handles;
    uint16_t flags;
  } inl;
  struct {
    uint32_t num_bytes;
    uint16_t num_handles;
    uint16_t flags;
  } sizes;
} fidl_envelope_t;

typedef struct fidl_encoder fidl_encoder_t;  // <lib/fidl/encoder.h>
typedef struct fidl_decoder fidl_decoder_t;  // <lib/fidl/decoder.h>

// Bits of an object that must be 0: padding, and what a bool, strict bits or an empty struct may not hold.
// Generated code looks at whole words of the object; the rules tell afterwards what is wrong.
typedef struct fidl_rule {
  uint16_t offset;
  uint16_t size;   // of the bytes at `offset`, 1 to 8
  uint32_t error;  // a fidl_error_t
  uint64_t mask;
} fidl_rule_t;

// Error of the framework in a result union.
typedef int32_t fidl_framework_err_t;
#define FIDL_FRAMEWORK_ERR_UNKNOWN_METHOD ((fidl_framework_err_t)-2)

// Limits of the channel transport, and of nesting: the primary object and 32 hops from it.
#define FIDL_MAX_MESSAGE_BYTES 65536u
#define FIDL_MAX_MESSAGE_HANDLES 64u
#define FIDL_MAX_DEPTH 32u

// The header of a transactional message, all little endian.
typedef struct fidl_message_header {
  uint32_t txid;
  uint8_t at_rest_flags[2];
  uint8_t dynamic_flags;
  uint8_t magic_number;
  uint64_t ordinal;
} fidl_message_header_t;

#define FIDL_AT_REST_FLAG_V2 0x02u
#define FIDL_DYNAMIC_FLAG_FLEXIBLE 0x80u
#define FIDL_MAGIC_NUMBER 0x01u
#define FIDL_ORDINAL_EPITAPH UINT64_MAX

// A view of a C string as a FIDL string, its memory still the caller's. NULL gives an absent string.
static inline fidl_string_t fidl_string(const char* text) {
  fidl_string_t string;
  string.size = text ? strlen(text) : 0;
  string.data = (char*)(uintptr_t)text;
  return string;
}

// A view of `count` bytes at `data`; never absent, also if `data` is NULL and `count` 0.
static inline fidl_vector_uint8_t fidl_bytes(const void* data, size_t count) {
  fidl_vector_uint8_t bytes;
  bytes.count = count;
  bytes.data = (uint8_t*)(uintptr_t)(data ? data : "");
  return bytes;
}

// Whether `string` is present and has exactly the bytes of the C string `text`.
static inline bool fidl_string_equals(fidl_string_t string, const char* text) {
  size_t size = strlen(text);
  return string.data && string.size == size && memcmp(string.data, text, size) == 0;
}

#ifdef __cplusplus
}
#endif

#endif  // LIB_FIDL_TYPES_H_
