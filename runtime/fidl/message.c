// Values at rest: persistence, standalone messages, copies.
#include <lib/fidl/decoder.h>
#include <lib/fidl/encoder.h>
#include <stdlib.h>

// The 8 bytes that tell the format: 0 (not a FIDL message of old), the magic number, the at-rest flags, 4
// reserved.
#define METADATA (((uint64_t)FIDL_MAGIC_NUMBER << 8) | ((uint64_t)FIDL_AT_REST_FLAG_V2 << 16))
#define METADATA_CHECKED UINT64_C(0xffffffff0002ffff)  // other at-rest flags are ignored

// num_bytes of an envelope has 32 bits.
#define MAX_BYTES_AT_REST (UINT32_MAX & ~UINT32_C(7))

static bool aligned(const void* bytes) {
  return ((uintptr_t)bytes & 7u) == 0;
}

static void consume(const fidl_type_t* type, void* value) {
  if (type->close_handles) type->close_handles(value);
}

static fidl_error_t encode(fidl_encoder_t* encoder, const fidl_type_t* type, void* value, void* bytes,
                           uint64_t capacity) {
  if (!aligned(bytes)) {
    consume(type, value);
    return FIDL_ERROR_UNALIGNED_BUFFER;
  }
  fidl_encoder_init(encoder, bytes, capacity, MAX_BYTES_AT_REST, false);
  return fidl_encoder_add(encoder, type, value) ? FIDL_ERROR_NONE : encoder->error;
}

fidl_error_t fidl_persist(const fidl_type_t* type, void* value, void* bytes, uint64_t capacity,
                          uint64_t* out_size) {
  fidl_encoder_t encoder;
  uint64_t metadata = METADATA;
  if (type->resource) {
    consume(type, value);
    return FIDL_ERROR_HANDLES_NOT_ALLOWED;
  }
  if (capacity < sizeof(metadata)) return FIDL_ERROR_MESSAGE_TOO_LARGE;
  fidl_error_t error =
      encode(&encoder, type, value, (uint8_t*)bytes + sizeof(metadata), capacity - sizeof(metadata));
  if (error != FIDL_ERROR_NONE) return error;
  memcpy(bytes, &metadata, sizeof(metadata));
  *out_size = sizeof(metadata) + fidl_encoder_size(&encoder);
  return FIDL_ERROR_NONE;
}

static bool metadata_valid(uint64_t metadata) {
  return (metadata & METADATA_CHECKED) == METADATA;
}

fidl_error_t fidl_unpersist(const fidl_type_t* type, void* bytes, uint64_t size, void** out) {
  uint64_t metadata;
  if (type->resource) return FIDL_ERROR_HANDLES_NOT_ALLOWED;
  if (size < sizeof(metadata)) return FIDL_ERROR_INCOMPATIBLE_FORMAT;
  memcpy(&metadata, bytes, sizeof(metadata));
  return fidl_standalone_decode(type, metadata, (uint8_t*)bytes + sizeof(metadata), size - sizeof(metadata),
                                NULL, 0, out);
}

fidl_error_t fidl_standalone_encode(const fidl_type_t* type, void* value, void* bytes, uint64_t capacity,
                                    zx_handle_disposition_t* handles, uint64_t* out_metadata,
                                    uint64_t* out_size, uint32_t* out_num_handles) {
  fidl_encoder_t encoder;
  fidl_error_t error = encode(&encoder, type, value, bytes, capacity);
  if (error != FIDL_ERROR_NONE) return error;
  for (uint32_t i = 0; i < encoder.num_handles; i++)
    handles[i] = encoder.handles[i];
  *out_metadata = METADATA;
  *out_size = fidl_encoder_size(&encoder);
  *out_num_handles = encoder.num_handles;
  return FIDL_ERROR_NONE;
}

fidl_error_t fidl_standalone_decode(const fidl_type_t* type, uint64_t metadata, void* bytes, uint64_t size,
                                    zx_handle_info_t* handles, uint32_t num_handles, void** out) {
  if (!metadata_valid(metadata)) {
    for (uint32_t i = 0; i < num_handles; i++)
      zx_handle_close(handles[i].handle);
    return FIDL_ERROR_INCOMPATIBLE_FORMAT;
  }
  fidl_error_t error = fidl_decode_message(type, bytes, size, handles, num_handles);
  if (error == FIDL_ERROR_NONE) *out = bytes;
  return error;
}

fidl_error_t fidl_copy(const fidl_type_t* type, void* value, void* bytes, uint64_t capacity, void** out) {
  fidl_encoder_t encoder;
  fidl_error_t error = encode(&encoder, type, value, bytes, capacity);
  if (error != FIDL_ERROR_NONE) return error;
  // The handles come back as what the type asks for, so no check fails and none is replaced.
  zx_handle_info_t handles[FIDL_MAX_MESSAGE_HANDLES];
  for (uint32_t i = 0; i < encoder.num_handles; i++)
    handles[i] = (zx_handle_info_t){.handle = encoder.handles[i].handle,
                                    .type = encoder.handles[i].type,
                                    .rights = encoder.handles[i].rights};
  error = fidl_decode_message(type, bytes, fidl_encoder_size(&encoder), handles, encoder.num_handles);
  if (error == FIDL_ERROR_NONE) *out = bytes;
  return error;
}

void* fidl_duplicate(const fidl_type_t* type, void* value) {
  // A value of a type without bound is tried in ever larger memory, unless a failed try would cost its
  // handles.
  bool bounded = type->max_size <= FIDL_MAX_MESSAGE_BYTES;
  uint64_t capacity = bounded ? type->max_size : type->resource ? FIDL_MAX_MESSAGE_BYTES : 1024;
  for (;; capacity *= 4) {
    if (capacity > MAX_BYTES_AT_REST) capacity = MAX_BYTES_AT_REST;
    void* bytes = malloc(capacity);
    if (!bytes) {
      consume(type, value);
      return NULL;
    }
    void* copy;
    fidl_error_t error = fidl_copy(type, value, bytes, capacity, &copy);
    if (error == FIDL_ERROR_NONE) return copy;
    free(bytes);
    if (error != FIDL_ERROR_MESSAGE_TOO_LARGE || type->resource || capacity == MAX_BYTES_AT_REST) return NULL;
  }
}
