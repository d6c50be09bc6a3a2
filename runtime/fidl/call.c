// Synchronous calls and one-way calls on a bare channel.
#include <lib/trace/trace.h>

#include "transport.h"

// Transaction id of a request while it is encoded: zx_channel_call puts its own in its place.
#define TXID_OF_CALL 1u

static zx_status_t call(zx_handle_t channel, const fidl_method_t* method, void* body, void* scratch,
                        uint32_t scratch_size, const fidl_call_t* call, void** out) {
  fidl_encoder_t encoder;
  zx_status_t status =
      fidl_transport_encode(&encoder, method, method->request, TXID_OF_CALL, body, scratch, scratch_size);
  if (status != ZX_OK) return status;
  if (((uintptr_t)call->bytes & 7u) != 0) {
    fidl_encoder_close_handles(&encoder);
    return ZX_ERR_INVALID_ARGS;
  }
  zx_handle_info_t handles[FIDL_MAX_MESSAGE_HANDLES];
  uint32_t size = 0, num_handles = 0;
  status = fidl_transport_call(channel, &encoder, call, handles, &size, &num_handles);
  if (status != ZX_OK) return status;
  if (!fidl_header_valid(call->bytes, size)) {
    fidl_close_handle_infos(handles, num_handles);
    return ZX_ERR_INVALID_ARGS;
  }
  return fidl_transport_decode_reply(call->bytes, size, handles, num_handles, method, out);
}

zx_status_t fidl_sync_call(zx_handle_t channel, const fidl_method_t* method, void* body, void* scratch,
                           uint32_t scratch_size, fidl_call_t* options, void** out) {
  trace_point(method->trace_proxy, method->ordinal);
  void* reply = NULL;
  zx_status_t status = call(channel, method, body, scratch, scratch_size, options, &reply);
  if (status == ZX_OK) *out = reply;
  trace_point(method->trace_proxy_done, (uint64_t)(int64_t)status);
  return status;
}

zx_status_t fidl_one_way_call(zx_handle_t channel, const fidl_method_t* method, void* body, void* scratch,
                              uint32_t scratch_size) {
  trace_point(method->trace_proxy, method->ordinal);
  fidl_encoder_t encoder;
  zx_status_t status =
      fidl_transport_encode(&encoder, method, method->request, 0, body, scratch, scratch_size);
  if (status == ZX_OK) status = fidl_transport_write(channel, &encoder);
  trace_point(method->trace_proxy_done, (uint64_t)(int64_t)status);
  return status;
}
