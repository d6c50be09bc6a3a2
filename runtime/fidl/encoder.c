// The parts of encoding that are not worth inlining. Invariants: `next` is 8-aligned and at most `end`; the
// bytes from `segment` to `next` belong to no iovec yet; bytes in the buffer plus gathered ones never exceed
// `limit`.
#include <lib/fidl/encoder.h>

void fidl_encoder_init(fidl_encoder_t* encoder, void* buffer, uint64_t capacity, uint64_t limit,
                       bool gather) {
  uint64_t usable = (capacity < limit ? capacity : limit) & ~UINT64_C(7);
  encoder->buffer = (uint8_t*)buffer;
  encoder->next = encoder->buffer;
  encoder->segment = encoder->buffer;
  encoder->end = encoder->buffer + usable;
  encoder->limit = limit;
  encoder->gathered = 0;
  encoder->gather = gather;
  encoder->error = FIDL_ERROR_NONE;
  encoder->num_iovecs = 0;
  encoder->num_handles = 0;
}

__attribute__((cold, noinline)) void fidl_encode_set_error(fidl_encoder_t* encoder, fidl_error_t error) {
  if (encoder->error == FIDL_ERROR_NONE) encoder->error = error;
}

bool fidl_encoder_add(fidl_encoder_t* encoder, const fidl_type_t* type, void* value) {
  void* to = fidl_encode_append(encoder, value, type->inline_size);
  if (to && (!type->encode || type->encode(encoder, value, to, 0))) return true;
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

bool fidl_encode_gather(fidl_encoder_t* encoder, const void* from, uint64_t size) {
  // One entry for what precedes the data, one for the data, one for what will follow it.
  if (encoder->num_iovecs + 3 > FIDL_ENCODER_IOVECS) return false;
  uint64_t padded = fidl_align(size), padding = padded - size;
  if (padded > encoder->limit - fidl_encoder_size(encoder) || (padding && encoder->next == encoder->end)) {
    fidl_encode_fail(encoder, FIDL_ERROR_MESSAGE_TOO_LARGE);
    return true;
  }
  if (encoder->next != encoder->segment)
    push(encoder, encoder->segment, (uint32_t)(encoder->next - encoder->segment));
  push(encoder, from, (uint32_t)size);
  encoder->gathered += size;
  encoder->segment = encoder->next;
  if (padding) {
    // The padding begins the next segment. The buffer stays 8-aligned as the segment begins inside a zeroed
    // word, whose first bytes are no part of the message.
    memset(encoder->next, 0, 8);
    encoder->segment = encoder->next + (8 - padding);
    encoder->next += 8;
    encoder->gathered -= 8 - padding;
  }
  uint64_t room = encoder->limit - fidl_encoder_size(encoder);
  if ((uint64_t)(encoder->end - encoder->next) > room) encoder->end = encoder->next + room;
  return true;
}

bool fidl_encode_string(fidl_encoder_t* encoder, const fidl_string_t* from, fidl_string_t* to, uint64_t bound,
                        bool optional, uint32_t depth) {
  uint64_t size = from->size;
  if (!from->data) {
    if (size) return fidl_encode_fail(encoder, FIDL_ERROR_NON_EMPTY_STRING_WITH_NULL_BODY);
    if (!optional) return fidl_encode_fail(encoder, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE);
    return true;
  }
  if (size > bound) return fidl_encode_fail(encoder, FIDL_ERROR_STRING_TOO_LONG);
  if (!fidl_encode_depth(encoder, depth + 1)) return false;
  if (!fidl_utf8_valid(from->data, size)) return fidl_encode_fail(encoder, FIDL_ERROR_STRING_NOT_UTF8);
  const char* data = from->data;
  fidl_encode_present(&to->data);
  return fidl_encode_data(encoder, data, size);
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

bool fidl_encode_table(fidl_encoder_t* encoder, const void* from, void* to, uint64_t known, uint32_t depth,
                       fidl_envelope_t** out, uint64_t* count) {
  uint64_t max;
  const fidl_envelope_t* envelopes;
  memcpy(&max, from, 8);
  memcpy(&envelopes, (const uint8_t*)from + 8, 8);
  if (max > known) max = known;
  if (!envelopes) max = 0;
  while (max > 0 && envelopes[max - 1].bits == 0)
    max--;
  memcpy(to, &max, 8);
  fidl_encode_present((uint8_t*)to + 8);
  *count = max;
  if (!fidl_encode_depth(encoder, depth + 1)) return false;
  *out = (fidl_envelope_t*)fidl_encode_append(encoder, envelopes, max * sizeof(fidl_envelope_t));
  return *out != NULL;
}
