// The parts of encoding that are not worth inlining. Invariants: `next` is 8-aligned and at most `end`; the
// bytes from `segment` to `next` belong to no iovec yet; bytes in the buffer plus gathered ones never exceed
// `limit`.
#include <lib/fidl/encoder.h>

__attribute__((cold, noinline)) void fidl_encode_set_error(fidl_encoder_t* encoder, fidl_error_t error) {
  if (encoder->error == FIDL_ERROR_NONE) encoder->error = error;
}

bool fidl_encoder_add(fidl_encoder_t* encoder, const fidl_type_t* type, void* value) {
  uint8_t* next = type->encode(encoder, encoder->next, value);
  if (next) {
    encoder->next = next;
    return true;
  }
  fidl_encoder_close_handles(encoder);
  if (type->close_handles) type->close_handles(value);
  return false;
}

void fidl_encoder_close_handles(fidl_encoder_t* encoder) {
  for (uint32_t i = 0; i < encoder->num_handles; i++)
    zx_handle_close(encoder->handles[i].handle);
  encoder->num_handles = 0;
}

static void push(fidl_encoder_t* encoder, const void* bytes, uint32_t size) {
  zx_channel_iovec_t* entry = &encoder->iovecs[encoder->num_iovecs++];
  entry->buffer = bytes;
  entry->capacity = size;
  entry->reserved = 0;
}

uint8_t* fidl_encode_gather(fidl_encoder_t* encoder, uint8_t* next, const void* from, uint64_t size) {
  uint64_t padded = fidl_align(size), padding = padded - size;
  if (padded > encoder->limit - fidl_encode_size(encoder, next) || (padding && next == encoder->end))
    return fidl_encode_stop(encoder, FIDL_ERROR_MESSAGE_TOO_LARGE);
  if (next != encoder->segment) push(encoder, encoder->segment, (uint32_t)(next - encoder->segment));
  push(encoder, from, (uint32_t)size);
  encoder->gathered += size;
  encoder->segment = next;
  if (padding) {
    // The padding begins the next segment. The buffer stays 8-aligned as the segment begins inside a zeroed
    // word, whose first bytes are no part of the message.
    memset(next, 0, 8);
    encoder->segment = next + (8 - padding);
    next += 8;
    encoder->gathered -= 8 - padding;
  }
  uint64_t room = encoder->limit - fidl_encode_size(encoder, next);
  if ((uint64_t)(encoder->end - next) > room) encoder->end = next + room;
  return next;
}

uint8_t* fidl_encode_rare_string(fidl_encoder_t* encoder, uint8_t* next, const fidl_string_t* from,
                                 bool optional) {
  if (!from->data) {
    if (from->size) return fidl_encode_stop(encoder, FIDL_ERROR_NON_EMPTY_STRING_WITH_NULL_BODY);
    return optional ? next : fidl_encode_stop(encoder, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE);
  }
  if (!fidl_utf8_valid(from->data, from->size)) return fidl_encode_stop(encoder, FIDL_ERROR_STRING_NOT_UTF8);
  return fidl_encode_data(encoder, next, from->data, from->size);
}

bool fidl_encode_handle(fidl_encoder_t* encoder, zx_handle_t* from, zx_handle_t* to, zx_obj_type_t type,
                        zx_rights_t rights, bool optional) {
  zx_handle_t handle = *from;
  if (handle == ZX_HANDLE_INVALID) {
    *to = 0;
    return optional || fidl_encode_fail(encoder, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE);
  }
  if (encoder->num_handles == FIDL_MAX_MESSAGE_HANDLES)
    return fidl_encode_fail(encoder, FIDL_ERROR_TOO_MANY_HANDLES_IN_MESSAGE);
  zx_handle_disposition_t* entry = &encoder->handles[encoder->num_handles++];
  entry->operation = ZX_HANDLE_OP_MOVE;
  entry->handle = handle;
  entry->type = type;
  entry->rights = rights;
  entry->result = ZX_OK;
  *from = ZX_HANDLE_INVALID;
  *to = UINT32_MAX;
  return true;
}
