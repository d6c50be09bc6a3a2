// Transactional messages on a channel. Every path that fails closes the message's handles, received or to be
// sent.
#include "transport.h"

#include <lib/fidl/decoder.h>

#define BATCH 16
#define RESULT_FRAMEWORK_ERR UINT64_C(3)  // a result union's variant

zx_status_t fidl_error_status(fidl_error_t error) {
  switch (error) {
    case FIDL_ERROR_NONE:
      return ZX_OK;
    case FIDL_ERROR_MESSAGE_TOO_LARGE:
    case FIDL_ERROR_TOO_MANY_HANDLES_IN_MESSAGE:
      return ZX_ERR_OUT_OF_RANGE;
    default:
      return ZX_ERR_INVALID_ARGS;
  }
}

void fidl_header_init(fidl_message_header_t* header, uint32_t txid, bool flexible, uint64_t ordinal) {
  header->txid = txid;
  header->at_rest_flags[0] = FIDL_AT_REST_FLAG_V2;
  header->at_rest_flags[1] = 0;
  header->dynamic_flags = flexible ? FIDL_DYNAMIC_FLAG_FLEXIBLE : 0;
  header->magic_number = FIDL_MAGIC_NUMBER;
  header->ordinal = ordinal;
}

bool fidl_header_valid(const void* bytes, uint32_t size) {
  const fidl_message_header_t* header = bytes;
  return size >= sizeof(*header) && header->magic_number == FIDL_MAGIC_NUMBER &&
         (header->at_rest_flags[0] & FIDL_AT_REST_FLAG_V2) != 0 && header->ordinal != 0;
}

void fidl_close_handle_infos(zx_handle_info_t* handles, uint32_t num_handles) {
  for (uint32_t i = 0; i < num_handles; i++)
    zx_handle_close(handles[i].handle);
}

void fidl_incoming_drop(fidl_incoming_t* incoming) {
  fidl_close_handle_infos(incoming->handles, incoming->num_handles);
  incoming->num_handles = 0;
}

zx_status_t fidl_transport_encode(fidl_encoder_t* encoder, const fidl_method_t* method,
                                  const fidl_type_t* type, uint32_t txid, void* body, void* scratch,
                                  uint32_t scratch_size) {
  fidl_encoder_init(encoder, scratch, scratch_size, FIDL_MAX_MESSAGE_BYTES, true);
  fidl_header_init(scratch, txid, method->flexible, method->ordinal);  // there is always room for it
  encoder->next += sizeof(fidl_message_header_t);
  if (!type || fidl_encoder_add(encoder, type, body)) return ZX_OK;
  return fidl_error_status(encoder->error);
}

// The message as the channel's calls take it: one buffer, or a list.
typedef struct outgoing {
  const void* bytes;
  uint32_t num_bytes;
  uint32_t options;
} outgoing_t;

static outgoing_t outgoing(fidl_encoder_t* encoder) {
  if (encoder->num_iovecs == 0)
    return (outgoing_t){fidl_encode_segment(encoder), (uint32_t)fidl_encoder_size(encoder), 0};
  if (encoder->segment != encoder->next) {
    encoder->iovecs[encoder->num_iovecs++] =
        (zx_channel_iovec_t){encoder->segment, (uint32_t)(encoder->next - encoder->segment), 0};
    encoder->segment = encoder->next;
  }
  return (outgoing_t){encoder->iovecs, encoder->num_iovecs, ZX_CHANNEL_WRITE_USE_IOVEC};
}

zx_status_t fidl_transport_write(zx_handle_t channel, fidl_encoder_t* encoder) {
  outgoing_t out = outgoing(encoder);
  if (encoder->num_handles == 0)
    return zx_channel_write(channel, out.options, out.bytes, out.num_bytes, NULL, 0);
  return zx_channel_write_etc(channel, out.options, out.bytes, out.num_bytes, encoder->handles,
                              encoder->num_handles);
}

zx_status_t fidl_transport_call(zx_handle_t channel, fidl_encoder_t* encoder, const fidl_call_t* call,
                                zx_handle_info_t* handles, uint32_t* out_size, uint32_t* out_num_handles) {
  outgoing_t out = outgoing(encoder);
  zx_channel_call_etc_args_t args = {
      .wr_bytes = out.bytes,
      .wr_handles = encoder->num_handles ? encoder->handles : NULL,
      .rd_bytes = call->bytes,
      .rd_handles = handles,
      .wr_num_bytes = out.num_bytes,
      .wr_num_handles = encoder->num_handles,
      .rd_num_bytes = call->capacity,
      .rd_num_handles = FIDL_MAX_MESSAGE_HANDLES,
  };
  return zx_channel_call_etc(channel, out.options, call->deadline, &args, out_size, out_num_handles);
}

zx_status_t fidl_transport_read_batch(zx_handle_t channel, fidl_deal_t deal, void* context) {
  _Alignas(8) uint8_t bytes[FIDL_MAX_MESSAGE_BYTES];
  zx_handle_info_t handles[FIDL_MAX_MESSAGE_HANDLES];
  for (int i = 0; i < BATCH; i++) {
    fidl_incoming_t incoming = {.header = (fidl_message_header_t*)(void*)bytes, .handles = handles};
    zx_status_t status = zx_channel_read_etc(channel, 0, bytes, handles, FIDL_MAX_MESSAGE_BYTES,
                                             FIDL_MAX_MESSAGE_HANDLES, &incoming.size, &incoming.num_handles);
    if (status != ZX_OK) return status;
    if (!fidl_header_valid(bytes, incoming.size)) {
      fidl_incoming_drop(&incoming);
      return ZX_ERR_INVALID_ARGS;
    }
    if (!deal(context, &incoming)) break;
  }
  return ZX_OK;
}

zx_status_t fidl_transport_decode(fidl_message_header_t* header, uint32_t size, zx_handle_info_t* handles,
                                  uint32_t num_handles, const fidl_type_t* type, void** out) {
  if (!type) {
    *out = NULL;
    if (size == sizeof(*header) && num_handles == 0) return ZX_OK;
    fidl_close_handle_infos(handles, num_handles);
    return ZX_ERR_INVALID_ARGS;
  }
  void* body = header + 1;
  if (fidl_decode_message(type, body, size - sizeof(*header), handles, num_handles) != FIDL_ERROR_NONE)
    return ZX_ERR_INVALID_ARGS;
  *out = body;
  return ZX_OK;
}

zx_status_t fidl_transport_decode_reply(fidl_message_header_t* header, uint32_t size,
                                        zx_handle_info_t* handles, uint32_t num_handles,
                                        const fidl_method_t* method, void** out) {
  if (header->ordinal != method->ordinal) {
    fidl_close_handle_infos(handles, num_handles);
    return ZX_ERR_INVALID_ARGS;
  }
  zx_status_t status = fidl_transport_decode(header, size, handles, num_handles, method->response, out);
  if (status != ZX_OK || !method->has_result) return status;
  uint64_t variant;
  memcpy(&variant, *out, sizeof(variant));
  return variant == RESULT_FRAMEWORK_ERR ? ZX_ERR_NOT_SUPPORTED : ZX_OK;
}

fidl_unknown_action_t fidl_unknown_action(fidl_openness_t openness, bool flexible, bool two_way) {
  if (!flexible || openness == FIDL_CLOSED) return FIDL_UNKNOWN_CLOSE;
  if (!two_way) return FIDL_UNKNOWN_NOTIFY;
  return openness == FIDL_OPEN ? FIDL_UNKNOWN_REPLY : FIDL_UNKNOWN_CLOSE;
}
