// The parts of decoding that are not worth inlining, and the frame around one message. Invariants: `next` is
// 8-aligned and at most `end`; handles before `next_handle` were given out, closed (entry 0) or replaced
// (entry updated), so that a failure can close each handle of the message exactly once.
#include <lib/fidl/decoder.h>

__attribute__((cold, noinline)) void fidl_decode_set_error(fidl_decoder_t* decoder, fidl_error_t error) {
  if (decoder->error == FIDL_ERROR_NONE) decoder->error = error;
}

static bool decode_primary(fidl_decoder_t* decoder, const fidl_type_t* type, uint8_t* object) {
  if (((uintptr_t)object & 7u) != 0) return fidl_decode_fail(decoder, FIDL_ERROR_UNALIGNED_BUFFER);
  if (fidl_align(type->inline_size) > (uint64_t)(decoder->end - object))
    return fidl_decode_fail(decoder, FIDL_ERROR_TOO_FEW_BYTES_IN_PRIMARY_OBJECT);
  uint8_t* next = fidl_decode_claim(decoder, object, type->inline_size);
  if (next && type->decode) next = type->decode(decoder, next, object, 0);
  if (!next) return false;
  if (next != decoder->end) return fidl_decode_fail(decoder, FIDL_ERROR_TOO_MANY_BYTES_IN_MESSAGE);
  if (decoder->next_handle != decoder->num_handles)
    return fidl_decode_fail(decoder, FIDL_ERROR_TOO_MANY_HANDLES_IN_MESSAGE);
  return true;
}

fidl_error_t fidl_decode_message(const fidl_type_t* type, void* bytes, uint64_t size,
                                 zx_handle_info_t* handles, uint32_t num_handles) {
  fidl_decoder_t decoder = {.end = (uint8_t*)bytes + size, .handles = handles, .num_handles = num_handles};
  if (decode_primary(&decoder, type, (uint8_t*)bytes)) return FIDL_ERROR_NONE;
  for (uint32_t i = 0; i < num_handles; i++)
    zx_handle_close(handles[i].handle);
  return decoder.error;
}

uint8_t* fidl_decode_rare_string(fidl_decoder_t* decoder, uint8_t* next, const fidl_string_t* string,
                                 bool optional) {
  uint64_t presence;
  memcpy(&presence, &string->data, 8);
  if (presence == 0) {
    if (string->size != 0) return fidl_decode_stop(decoder, FIDL_ERROR_NON_EMPTY_STRING_WITH_NULL_BODY);
    return optional ? next : fidl_decode_stop(decoder, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE);
  }
  if (presence != UINT64_MAX) return fidl_decode_stop(decoder, FIDL_ERROR_INVALID_PRESENCE_INDICATOR);
  return fidl_decode_stop(decoder, string->size > UINT32_MAX ? FIDL_ERROR_STRING_COUNT_EXCEEDS_32_BIT_LIMIT
                                                             : FIDL_ERROR_STRING_TOO_LONG);
}

uint8_t* fidl_decode_box(fidl_decoder_t* decoder, uint8_t* next, void* member, uint64_t size,
                         uint32_t depth) {
  uint64_t presence;
  memcpy(&presence, member, 8);
  if (presence == 0) return next;
  if (presence != UINT64_MAX) return fidl_decode_stop(decoder, FIDL_ERROR_INVALID_PRESENCE_INDICATOR);
  if (!fidl_decode_depth(decoder, depth + 1)) return NULL;
  memcpy(member, &next, 8);
  return fidl_decode_claim(decoder, next, size);
}

bool fidl_decode_handle(fidl_decoder_t* decoder, zx_handle_t* handle, zx_obj_type_t type, zx_rights_t rights,
                        bool optional) {
  if (*handle != UINT32_MAX) {
    if (*handle != 0) return fidl_decode_fail(decoder, FIDL_ERROR_INVALID_HANDLE_PRESENCE_INDICATOR);
    return optional || fidl_decode_fail(decoder, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE);
  }
  if (decoder->next_handle == decoder->num_handles)
    return fidl_decode_fail(decoder, FIDL_ERROR_TOO_FEW_HANDLES);
  zx_handle_info_t* info = &decoder->handles[decoder->next_handle++];
  if (type != ZX_OBJ_TYPE_NONE && info->type != type)
    return fidl_decode_fail(decoder, FIDL_ERROR_INCORRECT_HANDLE_TYPE);
  if (rights != ZX_RIGHT_SAME_RIGHTS) {
    if ((info->rights & rights) != rights)
      return fidl_decode_fail(decoder, FIDL_ERROR_MISSING_REQUIRED_HANDLE_RIGHTS);
    if (info->rights != rights) {
      zx_handle_t reduced = ZX_HANDLE_INVALID;
      zx_status_t status = zx_handle_replace(info->handle, rights, &reduced);
      info->handle = reduced;
      if (status != ZX_OK) return fidl_decode_fail(decoder, FIDL_ERROR_MISSING_REQUIRED_HANDLE_RIGHTS);
    }
  }
  *handle = info->handle;
  return true;
}

__attribute__((cold, noinline)) void fidl_decode_table_error(fidl_decoder_t* decoder, const void* table) {
  uint64_t header[2];
  memcpy(header, table, sizeof(header));
  fidl_error_t error = FIDL_ERROR_TABLE_COUNT_EXCEEDS_32_BIT_LIMIT;
  if (header[1] == 0)
    error = FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE;
  else if (header[1] != UINT64_MAX)
    error = FIDL_ERROR_INVALID_PRESENCE_INDICATOR;
  fidl_decode_set_error(decoder, error);
}

uint8_t* fidl_decode_table_rest(fidl_decoder_t* decoder, uint8_t* next, void* table, uint64_t known) {
  uint64_t max;
  fidl_envelope_t* envelopes;
  memcpy(&max, table, 8);
  memcpy(&envelopes, (uint8_t*)table + 8, 8);
  for (uint64_t i = known; i < max && next; i++)
    next = fidl_decode_unknown_envelope(decoder, next, &envelopes[i]);
  memcpy(table, &known, 8);
  return next;
}

__attribute__((cold, noinline)) void fidl_decode_envelope_error(fidl_decoder_t* decoder, const uint8_t* next,
                                                                const fidl_envelope_t* envelope,
                                                                uint32_t size, bool fixed) {
  bool is_inline = size <= 4;
  uint32_t num_handles = envelope->sizes.num_handles, num_bytes = envelope->sizes.num_bytes;
  fidl_error_t error;
  if (envelope->sizes.flags > 1)
    error = FIDL_ERROR_INVALID_INLINE_MARKER_IN_ENVELOPE;
  else if (envelope->sizes.flags != (is_inline ? 1 : 0))
    error = FIDL_ERROR_INVALID_INLINE_BIT_IN_ENVELOPE;
  else if (is_inline && size < 4 && num_bytes >> (8 * size) != 0)
    error = FIDL_ERROR_INVALID_PADDING_BYTE;
  else if (is_inline)
    error = FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE;
  else if (num_handles > decoder->num_handles - decoder->next_handle)
    error = FIDL_ERROR_ENVELOPE_HANDLES_EXCEED_MESSAGE_LENGTH;
  else if (num_bytes > (uint64_t)(decoder->end - next))
    error = FIDL_ERROR_ENVELOPE_BYTES_EXCEED_MESSAGE_LENGTH;
  else if (fixed && num_bytes != fidl_align(size))
    error = FIDL_ERROR_INVALID_NUM_BYTES_IN_ENVELOPE;
  else
    error = FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE;
  fidl_decode_set_error(decoder, error);
}

// Passes over what an envelope refers to; its bytes are not looked at, its handles closed.
static uint8_t* skip_envelope(fidl_decoder_t* decoder, uint8_t* next, const fidl_envelope_t* envelope) {
  uint32_t num_handles = envelope->sizes.num_handles;
  if (envelope->sizes.flags > 1)
    return fidl_decode_stop(decoder, FIDL_ERROR_INVALID_INLINE_MARKER_IN_ENVELOPE);
  if (envelope->sizes.flags == 0) {
    uint32_t num_bytes = envelope->sizes.num_bytes;
    if (num_bytes % 8 != 0) return fidl_decode_stop(decoder, FIDL_ERROR_INVALID_NUM_BYTES_IN_ENVELOPE);
    if (num_bytes > (uint64_t)(decoder->end - next))
      return fidl_decode_stop(decoder, FIDL_ERROR_ENVELOPE_BYTES_EXCEED_MESSAGE_LENGTH);
    next += num_bytes;
  }
  if (num_handles > decoder->num_handles - decoder->next_handle)
    return fidl_decode_stop(decoder, FIDL_ERROR_ENVELOPE_HANDLES_EXCEED_MESSAGE_LENGTH);
  for (; num_handles > 0; num_handles--) {
    zx_handle_info_t* info = &decoder->handles[decoder->next_handle++];
    zx_handle_close(info->handle);
    info->handle = ZX_HANDLE_INVALID;
  }
  return next;
}

uint8_t* fidl_decode_unknown_envelope(fidl_decoder_t* decoder, uint8_t* next, fidl_envelope_t* envelope) {
  if (envelope->bits == 0) return next;
  next = skip_envelope(decoder, next, envelope);
  envelope->bits = 0;
  return next;
}

bool fidl_decode_union_unset(fidl_decoder_t* decoder, const fidl_envelope_t* envelope, bool optional) {
  if (envelope->bits != 0) return fidl_decode_fail(decoder, FIDL_ERROR_UNION_FIELD_NOT_SET);
  return optional || fidl_decode_fail(decoder, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE);
}

uint8_t* fidl_decode_union_unknown(fidl_decoder_t* decoder, uint8_t* next, fidl_envelope_t* envelope) {
  if (envelope->bits == 0) return fidl_decode_stop(decoder, FIDL_ERROR_INVALID_NULL_ENVELOPE);
  return fidl_decode_unknown_envelope(decoder, next, envelope);
}
