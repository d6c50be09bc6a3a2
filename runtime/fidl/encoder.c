// The parts of encoding that are not worth inlining. Invariants: `next` is 8-aligned and at most `end`; the
// bytes from `segment` to `next` belong to no iovec yet; bytes in the
// buffer never exceed the limit of the message; with gathered ones they may until the value is complete.
#include <lib/fidl/encode_fields.h>

__attribute__((cold, noinline)) uint8_t* fidl_encode_set_error(fidl_encoder_t* encoder, fidl_error_t error) {
  encoder->error = error;
  return NULL;
}

__attribute__((cold)) bool fidl_encoder_abandon(fidl_encoder_t* encoder, const fidl_type_t* type,
                                                void* value) {
  fidl_encoder_close_handles(encoder);
  if (type->close_handles) type->close_handles(value);
  return false;
}

__attribute__((cold)) bool fidl_encoder_too_large(fidl_encoder_t* encoder, const fidl_type_t* type,
                                                  void* value) {
  encoder->error = FIDL_ERROR_MESSAGE_TOO_LARGE;
  return fidl_encoder_abandon(encoder, type, value);
}

void fidl_encoder_close_handles(fidl_encoder_t* encoder) {
  for (uint32_t i = 0; i < encoder->num_handles; i++)
    zx_handle_close(encoder->handles[i].handle);
  encoder->num_handles = 0;
}

static void set_iovec(zx_channel_iovec_t* entry, const void* from, uint64_t size) {
  entry->buffer = from;
  uint64_t capacity = (uint32_t)size;  // and the reserved word behind it
  memcpy(&entry->capacity, &capacity, sizeof(capacity));
}

// Refers to `size` bytes at `from` instead of copying them.
static uint8_t* gather(fidl_encoder_t* encoder, uint8_t* next, const void* from, uint64_t size) {
  uint8_t count = encoder->num_iovecs;
  zx_channel_iovec_t* entry = &encoder->iovecs[count];
  uint8_t* segment = fidl_encode_segment(encoder);
  if (next != segment) {
    set_iovec(entry++, segment, (uint64_t)(next - segment));
    count++;
  }
  set_iovec(entry, from, size);
  encoder->num_iovecs = (uint8_t)(count + 1);
  encoder->origin -= size;
  encoder->segment = next;
  uint64_t padding = -size & 7u;
  if (padding == 0) return next;
  // The padding begins the next segment. The buffer stays 8-aligned as the segment begins inside a zeroed
  // word, whose first bytes are no part of the message.
  if (next == encoder->end) return fidl_encode_stop(encoder, FIDL_ERROR_MESSAGE_TOO_LARGE);
  memset(next, 0, 8);
  encoder->origin += 8 - padding;
  encoder->segment += 8 - padding;
  return next + 8;
}

static __attribute__((noinline)) uint8_t* copy(fidl_encoder_t* encoder, uint8_t* next, const void* from,
                                               uint64_t size) {
  return fidl_encode_append(encoder, next, from, size, 0);
}

uint8_t* fidl_encode_any_data(fidl_encoder_t* encoder, uint8_t* next, const void* from, uint64_t size) {
  // One entry of the list for what precedes the data, one for the data, one for what will follow it.
  if (size >= FIDL_GATHER_MIN_BYTES && encoder->num_iovecs + 3 <= encoder->max_iovecs)
    return gather(encoder, next, from, size);
  return copy(encoder, next, from, size);
}

uint8_t* fidl_encode_tight(fidl_encoder_t* encoder, uint8_t* next, void* from, void* to,
                           uint8_t* (*encode)(fidl_encoder_t*, uint8_t*, void*, void*)) {
  _Alignas(8) uint8_t room[FIDL_TIGHT_BYTES];
  uint8_t* end = encoder->end;
  uint8_t max_iovecs = encoder->max_iovecs;
  encoder->end = room + sizeof(room);
  encoder->max_iovecs = 0;
  uint8_t* behind = encode(encoder, room, from, to);
  encoder->end = end;
  encoder->max_iovecs = max_iovecs;
  return behind ? fidl_encode_append(encoder, next, room, (uint64_t)(behind - room), 0) : NULL;
}

__attribute__((cold, noinline)) void fidl_encode_string_error(fidl_encoder_t* encoder,
                                                              const fidl_string_t* from) {
  encoder->error = from->data   ? FIDL_ERROR_STRING_TOO_LONG
                   : from->size ? FIDL_ERROR_NON_EMPTY_STRING_WITH_NULL_BODY
                                : FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE;
}

bool fidl_encode_valid_text(fidl_encoder_t* encoder, const fidl_string_t* string) {
  if (!string || !string->data || fidl_utf8_valid(string->data, string->size)) return true;
  return fidl_encode_fail(encoder, FIDL_ERROR_STRING_NOT_UTF8);
}

uint8_t* fidl_encode_long_text(fidl_encoder_t* encoder, uint8_t* next, const fidl_string_t* from) {
  if (!fidl_utf8_valid(from->data, from->size)) return fidl_encode_stop(encoder, FIDL_ERROR_STRING_NOT_UTF8);
  return fidl_encode_any_data(encoder, next, from->data, from->size);
}

uint8_t* fidl_encode_long_envelope_string(fidl_encoder_t* encoder, uint8_t* next, fidl_envelope_t* place,
                                          const fidl_string_t* from) {
  const uint64_t header[2] = {from->size, UINT64_MAX};
  next = fidl_encode_append(encoder, next, header, sizeof(header), 0);
  place->bits = sizeof(header) + fidl_align(from->size);
  return next ? fidl_encode_long_text(encoder, next, from) : NULL;
}

uint64_t fidl_table_rare_count(uint64_t max_ordinal, const fidl_envelope_t* envelopes, uint64_t known) {
  uint64_t count = max_ordinal < known ? max_ordinal : known;
  while (count > 0 && envelopes[count - 1].bits == 0)
    count--;
  return count;
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
