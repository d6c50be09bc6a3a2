// Values as bytes, outside of calls: persistence, standalone messages, and deep copies. Each generated
// struct, table and union X of library a.b has a description `a_b_X_type_` to be passed here.
#ifndef LIB_FIDL_MESSAGE_H_
#define LIB_FIDL_MESSAGE_H_

#include <lib/fidl/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fidl_type fidl_type_t;

// Why bytes do not decode, or a value does not encode. The names are those of the wire format's conformance
// suite.
typedef enum fidl_error {
  FIDL_ERROR_NONE,
  FIDL_ERROR_TOO_FEW_BYTES_IN_PRIMARY_OBJECT,
  FIDL_ERROR_TOO_FEW_BYTES,
  FIDL_ERROR_TOO_MANY_BYTES_IN_MESSAGE,
  FIDL_ERROR_TOO_FEW_HANDLES,
  FIDL_ERROR_TOO_MANY_HANDLES_IN_MESSAGE,
  FIDL_ERROR_INVALID_PADDING_BYTE,
  FIDL_ERROR_INVALID_BOOLEAN,
  FIDL_ERROR_INVALID_EMPTY_STRUCT,
  FIDL_ERROR_INVALID_PRESENCE_INDICATOR,
  FIDL_ERROR_INVALID_HANDLE_PRESENCE_INDICATOR,
  FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE,
  FIDL_ERROR_NON_EMPTY_STRING_WITH_NULL_BODY,
  FIDL_ERROR_NON_EMPTY_VECTOR_WITH_NULL_BODY,
  FIDL_ERROR_STRING_COUNT_EXCEEDS_32_BIT_LIMIT,
  FIDL_ERROR_VECTOR_COUNT_EXCEEDS_32_BIT_LIMIT,
  FIDL_ERROR_TABLE_COUNT_EXCEEDS_32_BIT_LIMIT,
  FIDL_ERROR_STRING_TOO_LONG,
  FIDL_ERROR_COUNT_EXCEEDS_LIMIT,
  FIDL_ERROR_STRING_NOT_UTF8,
  FIDL_ERROR_STRICT_ENUM_UNKNOWN_VALUE,
  FIDL_ERROR_STRICT_BITS_UNKNOWN_BIT,
  FIDL_ERROR_STRICT_UNION_UNKNOWN_FIELD,
  FIDL_ERROR_INVALID_INLINE_MARKER_IN_ENVELOPE,
  FIDL_ERROR_INVALID_INLINE_BIT_IN_ENVELOPE,
  FIDL_ERROR_INVALID_NUM_BYTES_IN_ENVELOPE,
  FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE,
  FIDL_ERROR_ENVELOPE_BYTES_EXCEED_MESSAGE_LENGTH,
  FIDL_ERROR_ENVELOPE_HANDLES_EXCEED_MESSAGE_LENGTH,
  FIDL_ERROR_UNION_FIELD_NOT_SET,
  FIDL_ERROR_INVALID_NULL_ENVELOPE,
  FIDL_ERROR_EXCEEDED_MAX_OUT_OF_LINE_DEPTH,
  FIDL_ERROR_INCORRECT_HANDLE_TYPE,
  FIDL_ERROR_MISSING_REQUIRED_HANDLE_RIGHTS,
  FIDL_ERROR_UNKNOWN_UNION_MEMBER,  // encoding a flexible union whose member was unknown to us
  FIDL_ERROR_MESSAGE_TOO_LARGE,     // more bytes than the transport or the buffer has
  FIDL_ERROR_HANDLES_NOT_ALLOWED,   // handles in what is to be persisted
  FIDL_ERROR_INCOMPATIBLE_FORMAT,   // wrong magic number or not wire format v2
  FIDL_ERROR_UNALIGNED_BUFFER,
} fidl_error_t;

// Values at rest
//
// `bytes` are 8-aligned everywhere; decoding happens in them and `*out` points into them. `value` is a
// generated struct, table or union that `type` describes.

// Writes `value` as persistent data: 8 bytes that tell the format, then the value. Only for types without
// handles.
// `*out_size` is the number of bytes used of the `capacity` bytes at `bytes`.
fidl_error_t fidl_persist(const fidl_type_t* type, void* value, void* bytes, uint64_t capacity,
                          uint64_t* out_size);

// Reads persistent data of exactly `size` bytes.
fidl_error_t fidl_unpersist(const fidl_type_t* type, void* bytes, uint64_t size, void** out);

// Writes `value` alone; the 8 bytes that tell the format (`*out_metadata`) and the handles travel beside it.
// Handles are moved into `handles` (room for FIDL_MAX_MESSAGE_HANDLES); on failure they are closed.
fidl_error_t fidl_standalone_encode(const fidl_type_t* type, void* value, void* bytes, uint64_t capacity,
                                    zx_handle_disposition_t* handles, uint64_t* out_metadata,
                                    uint64_t* out_size, uint32_t* out_num_handles);

// Reads what fidl_standalone_encode() wrote. The handles become the value's; on failure they are closed.
fidl_error_t fidl_standalone_decode(const fidl_type_t* type, uint64_t metadata, void* bytes, uint64_t size,
                                    zx_handle_info_t* handles, uint32_t num_handles, void** out);

// Copies `value` with everything it points to into `bytes`, so that it can be kept after its message is gone.
// Handles are moved: they are the copy's afterwards, or closed on failure.
fidl_error_t fidl_copy(const fidl_type_t* type, void* value, void* bytes, uint64_t capacity, void** out);

// As fidl_copy, into memory of its own, to be given to free(). NULL if there is none, or the value breaks its
// type; a type with handles may take at most FIDL_MAX_MESSAGE_BYTES.
void* fidl_duplicate(const fidl_type_t* type, void* value);

// The name without prefix, e.g. "STRING_NOT_UTF8". Static memory; "UNKNOWN" for a number that is none.
const char* fidl_error_name(fidl_error_t error);

#ifdef __cplusplus
}
#endif

#endif  // LIB_FIDL_MESSAGE_H_
