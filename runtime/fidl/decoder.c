// The parts of decoding that are not worth inlining, and the frame around one message. Invariants: `next` is
// 8-aligned and at most `end`; handles before `next_handle` were given out, closed (entry 0) or replaced
// (entry updated), so that a failure can close each handle of the message exactly once.
#include <lib/fidl/decode_fields.h>

__attribute__((cold, noinline)) void fidl_decode_set_error(fidl_decoder_t* decoder, fidl_error_t error) {
  decoder->error = error;
}

static __attribute__((cold, noinline)) fidl_error_t fail(const fidl_decoder_t* decoder, fidl_error_t error) {
  for (uint32_t i = 0; i < decoder->num_handles; i++)
    zx_handle_close(decoder->handles[i].handle);
  return error;
}

fidl_error_t fidl_decode_message(const fidl_type_t* type, void* bytes, uint64_t size,
                                 zx_handle_info_t* handles, uint32_t num_handles) {
  fidl_decoder_t decoder;
  decoder.end = (uint8_t*)bytes + size;
  decoder.handles = handles;
  decoder.next_handle = 0;
  decoder.num_handles = num_handles;
  uint64_t inline_size = type->inline_size;
  if (((uintptr_t)bytes & 7u) != 0) return fail(&decoder, FIDL_ERROR_UNALIGNED_BUFFER);
  if (fidl_align(inline_size) > size) return fail(&decoder, FIDL_ERROR_TOO_FEW_BYTES_IN_PRIMARY_OBJECT);
  uint8_t* next = (uint8_t*)bytes + fidl_align(inline_size);
  if (!fidl_decode_tail(&decoder, next, inline_size)) return fail(&decoder, decoder.error);
  if (type->decode) next = type->decode(&decoder, next, bytes);
  // All that is needed from here on is in `decoder`, so that nothing has to be kept during the call.
  if (!next) return fail(&decoder, decoder.error);
  if (next != decoder.end) return fail(&decoder, FIDL_ERROR_TOO_MANY_BYTES_IN_MESSAGE);
  if (decoder.next_handle != decoder.num_handles)
    return fail(&decoder, FIDL_ERROR_TOO_MANY_HANDLES_IN_MESSAGE);
  return FIDL_ERROR_NONE;
}

// A sequence's header that says "absent", or has an invalid presence word: `next`, or NULL and the error.
static uint8_t* absent(fidl_decoder_t* decoder, uint8_t* next, const void* member, bool optional,
                       fidl_error_t not_empty) {
  if (fidl_word(member, 8, 8) != 0) return fidl_decode_stop(decoder, FIDL_ERROR_INVALID_PRESENCE_INDICATOR);
  if (fidl_word(member, 0, 8) != 0) return fidl_decode_stop(decoder, not_empty);
  return optional ? next : fidl_decode_stop(decoder, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE);
}

uint8_t* fidl_decode_rare_vector(fidl_decoder_t* decoder, uint8_t* next, const void* member, bool optional) {
  if (fidl_word(member, 8, 8) != UINT64_MAX)
    return absent(decoder, next, member, optional, FIDL_ERROR_NON_EMPTY_VECTOR_WITH_NULL_BODY);
  return fidl_decode_stop(decoder, fidl_word(member, 0, 8) > UINT32_MAX
                                       ? FIDL_ERROR_VECTOR_COUNT_EXCEEDS_32_BIT_LIMIT
                                       : FIDL_ERROR_COUNT_EXCEEDS_LIMIT);
}

uint8_t* fidl_decode_rare_string(fidl_decoder_t* decoder, uint8_t* next, const void* member, bool optional) {
  if (fidl_word(member, 8, 8) != UINT64_MAX)
    return absent(decoder, next, member, optional, FIDL_ERROR_NON_EMPTY_STRING_WITH_NULL_BODY);
  return fidl_decode_stop(decoder, fidl_word(member, 0, 8) > UINT32_MAX
                                       ? FIDL_ERROR_STRING_COUNT_EXCEEDS_32_BIT_LIMIT
                                       : FIDL_ERROR_STRING_TOO_LONG);
}

uint8_t* fidl_decode_box(fidl_decoder_t* decoder, uint8_t* next, void* member, uint64_t size) {
  uint64_t presence = fidl_word(member, 0, 8);
  if (presence == 0) return next;
  if (presence != UINT64_MAX) return fidl_decode_stop(decoder, FIDL_ERROR_INVALID_PRESENCE_INDICATOR);
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
  else if (num_handles > decoder->num_handles - decoder->next_handle)
    error = FIDL_ERROR_ENVELOPE_HANDLES_EXCEED_MESSAGE_LENGTH;
  else if (is_inline)
    error = FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE;
  else if (num_bytes > (uint64_t)(decoder->end - next))
    error = FIDL_ERROR_ENVELOPE_BYTES_EXCEED_MESSAGE_LENGTH;
  else if (fixed && num_bytes != fidl_align(size))
    error = FIDL_ERROR_INVALID_NUM_BYTES_IN_ENVELOPE;
  else
    error = FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE;
  fidl_decode_set_error(decoder, error);
}

__attribute__((cold, noinline)) void fidl_decode_inline_error(fidl_decoder_t* decoder,
                                                              const fidl_envelope_t* envelope, uint32_t size,
                                                              fidl_error_t value_error) {
  if ((envelope->bits & ~(UINT64_MAX >> (64 - 8 * size))) == UINT64_C(1) << 48)
    fidl_decode_set_error(decoder, value_error);
  else
    fidl_decode_envelope_error(decoder, decoder->end, envelope, size, true);
}

__attribute__((cold, noinline)) uint8_t* fidl_decode_envelope_sequence_error(fidl_decoder_t* decoder,
                                                                             uint8_t* next,
                                                                             const fidl_envelope_t* envelope,
                                                                             uint64_t stride, uint64_t bound,
                                                                             bool is_string) {
  fidl_decode_mark_t mark;
  uint8_t* data = fidl_decode_envelope_value(decoder, next, envelope, 16, &mark);
  if (!data) return NULL;
  if (fidl_word(next, 8, 8) != UINT64_MAX || fidl_word(next, 0, 8) > bound)
    return is_string ? fidl_decode_rare_string(decoder, data, next, false)
                     : fidl_decode_rare_vector(decoder, data, next, false);
  if (!fidl_decode_claim(decoder, data, fidl_word(next, 0, 8) * stride)) return NULL;  // it does not overflow
  return fidl_decode_stop(decoder, FIDL_ERROR_INVALID_NUM_BYTES_IN_ENVELOPE);
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
