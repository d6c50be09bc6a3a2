// Transactional messages on a channel: header, body, handles. Below are the objects' calls, above are the
// synchronous calls (call.c), the asynchronous client (client.c) and the binding (binding.c).
#ifndef RUNTIME_FIDL_TRANSPORT_H_
#define RUNTIME_FIDL_TRANSPORT_H_

#include <lib/fidl/encoder.h>
#include <lib/fidl/method.h>

// A received message while it is dealt with, by a binding or by a client. `handles` are closed by whoever
// deals with it; after that `num_handles` is 0.
struct fidl_incoming {
  fidl_message_header_t* header;
  uint32_t size;
  uint32_t num_handles;
  zx_handle_info_t* handles;
  fidl_binding_t* binding;
  fidl_client_t* client;
  zx_status_t verdict;  // not ZX_OK: the connection must end for this reason
};

// Encodes header and `body` of `type` (NULL: none) in `scratch`. On failure every handle of `body` is closed.
zx_status_t fidl_transport_encode(fidl_encoder_t* encoder, const fidl_method_t* method,
                                  const fidl_type_t* type, uint32_t txid, void* body, void* scratch,
                                  uint32_t scratch_size);

// Writes an encoded message, consuming its handles. zx_channel_write's statuses.
zx_status_t fidl_transport_write(zx_handle_t channel, fidl_encoder_t* encoder);

// Sends an encoded request and receives the reply, consuming its handles. zx_channel_call's statuses.
zx_status_t fidl_transport_call(zx_handle_t channel, fidl_encoder_t* encoder, const fidl_call_t* call,
                                zx_handle_info_t* handles, uint32_t* out_size, uint32_t* out_num_handles);

// Deals with a message that was read. Returns whether the next one may be read now.
typedef bool (*fidl_deal_t)(void* context, fidl_incoming_t* incoming);

// Reads messages one by one, checks their headers, and has `deal` deal with each, up to the number after
// which others on the loop get their turn. Returns ZX_OK when `deal` stopped it or more messages may be
// there, ZX_ERR_SHOULD_WAIT when none is, ZX_ERR_INVALID_ARGS for what is not a message of this wire format
// (nothing is left to close), or another status of zx_channel_read.
zx_status_t fidl_transport_read_batch(zx_handle_t channel, fidl_deal_t deal, void* context);

// Decodes the body after the header as `type` (NULL: there must be none). On failure closes the message's
// handles and returns ZX_ERR_INVALID_ARGS; on success they are the body's.
zx_status_t fidl_transport_decode(fidl_message_header_t* header, uint32_t size, zx_handle_info_t* handles,
                                  uint32_t num_handles, const fidl_type_t* type, void** out);

// Decodes the reply to `method`: as above, and ZX_ERR_NOT_SUPPORTED if it says that the method is unknown.
zx_status_t fidl_transport_decode_reply(fidl_message_header_t* header, uint32_t size,
                                        zx_handle_info_t* handles, uint32_t num_handles,
                                        const fidl_method_t* method, void** out);

bool fidl_header_valid(const void* bytes, uint32_t size);
void fidl_header_init(fidl_message_header_t* header, uint32_t txid, bool flexible, uint64_t ordinal);
void fidl_close_handle_infos(zx_handle_info_t* handles, uint32_t num_handles);
void fidl_incoming_drop(fidl_incoming_t* incoming);

// What to do with a message of an ordinal that is not known (wire format, section 8).
typedef enum fidl_unknown_action {
  FIDL_UNKNOWN_CLOSE,
  FIDL_UNKNOWN_NOTIFY,
  FIDL_UNKNOWN_REPLY
} fidl_unknown_action_t;
fidl_unknown_action_t fidl_unknown_action(fidl_openness_t openness, bool flexible, bool two_way);

// An event that the client's protocol does not have.
void fidl_client_unknown_event(fidl_incoming_t* incoming, bool flexible, fidl_unknown_t unknown,
                               void* context);

// The status of a failed encoding or decoding.
zx_status_t fidl_error_status(fidl_error_t error);

#endif  // RUNTIME_FIDL_TRANSPORT_H_
