// Reading options from the server: one function for each Get method, alike but for the types.
#include "sockopt.h"

#define METHOD(protocol, name, suffix) fuchsia_posix_socket_##protocol##_##name##suffix

// Defines zxio_get_`name`, which calls `protocol`.`method` and runs `store` on its `response`.
#define DEFINE_GET(protocol, method, name, store)                                                 \
  zx_status_t zxio_get_##name(zx_handle_t channel, zxio_option_value_t* out, int16_t* out_code) { \
    FIDL_BUFFER(buffer, METHOD(protocol, method, _RESPONSE_SIZE));                                \
    fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);                                     \
    METHOD(protocol, method, _Result) * result;                                                   \
    zx_status_t status = METHOD(protocol, method, )(channel, &call, &result);                     \
    if (status != ZX_OK || zxio_result_failed(result, out_code)) return status;                   \
    store;                                                                                        \
    return ZX_OK;                                                                                 \
  }

// A response of at most four bytes stands in the union itself, a larger one behind a pointer.
#define DEFINE_GET_SMALL(protocol, name) \
  DEFINE_GET(protocol, Get##name, name, out->number = (int64_t)result->response.value)
#define DEFINE_GET_LARGE(protocol, name, field) \
  DEFINE_GET(protocol, Get##name, name, out->number = (int64_t)result->response->field)

DEFINE_GET_SMALL(BaseSocket, ReuseAddress)
DEFINE_GET_SMALL(BaseSocket, Broadcast)
DEFINE_GET_LARGE(BaseSocket, SendBuffer, value_bytes)
DEFINE_GET_LARGE(BaseSocket, ReceiveBuffer, value_bytes)
DEFINE_GET_SMALL(BaseSocket, KeepAlive)
DEFINE_GET_SMALL(BaseSocket, OutOfBandInline)
DEFINE_GET_SMALL(BaseSocket, NoCheck)
DEFINE_GET_SMALL(BaseSocket, ReusePort)
DEFINE_GET_SMALL(BaseSocket, AcceptConn)
DEFINE_GET_SMALL(BaseSocket, Timestamp)
DEFINE_GET_SMALL(BaseNetworkSocket, IpTypeOfService)
DEFINE_GET_SMALL(BaseNetworkSocket, IpTtl)
DEFINE_GET_SMALL(BaseNetworkSocket, IpMtuDiscovery)
DEFINE_GET_SMALL(BaseNetworkSocket, Ipv6MtuDiscovery)
DEFINE_GET_SMALL(BaseNetworkSocket, PathMtu)
DEFINE_GET_SMALL(BaseNetworkSocket, IpPacketInfo)
DEFINE_GET_SMALL(BaseNetworkSocket, IpReceiveTypeOfService)
DEFINE_GET_SMALL(BaseNetworkSocket, IpReceiveTtl)
DEFINE_GET_SMALL(BaseNetworkSocket, IpMulticastTtl)
DEFINE_GET_SMALL(BaseNetworkSocket, IpMulticastLoopback)
DEFINE_GET_LARGE(BaseNetworkSocket, Ipv6MulticastInterface, value)
DEFINE_GET_SMALL(BaseNetworkSocket, Ipv6UnicastHops)
DEFINE_GET_SMALL(BaseNetworkSocket, Ipv6ReceiveHopLimit)
DEFINE_GET_SMALL(BaseNetworkSocket, Ipv6MulticastHops)
DEFINE_GET_SMALL(BaseNetworkSocket, Ipv6MulticastLoopback)
DEFINE_GET_SMALL(BaseNetworkSocket, Ipv6Only)
DEFINE_GET_SMALL(BaseNetworkSocket, Ipv6ReceiveTrafficClass)
DEFINE_GET_SMALL(BaseNetworkSocket, Ipv6TrafficClass)
DEFINE_GET_SMALL(BaseNetworkSocket, Ipv6ReceivePacketInfo)
DEFINE_GET_SMALL(BaseNetworkSocket, IpReceiveErrors)
DEFINE_GET_SMALL(BaseNetworkSocket, Ipv6ReceiveErrors)

DEFINE_GET_SMALL(BaseDatagramSocket, UdpCork)

#define DEFINE_GET_STREAM(name, field) \
  DEFINE_GET(StreamSocket, Get##name, name, out->number = (int64_t)result->response.field)

DEFINE_GET_STREAM(TcpNoDelay, value)
DEFINE_GET_STREAM(TcpMaxSegment, value_bytes)
DEFINE_GET_STREAM(TcpCork, value)
DEFINE_GET_STREAM(TcpKeepAliveIdle, value_secs)
DEFINE_GET_STREAM(TcpKeepAliveInterval, value_secs)
DEFINE_GET_STREAM(TcpKeepAliveCount, value)
DEFINE_GET_STREAM(TcpSynCount, value)
DEFINE_GET_STREAM(TcpDeferAccept, value_secs)
DEFINE_GET_STREAM(TcpWindowClamp, value)
DEFINE_GET_STREAM(TcpQuickAck, value)
DEFINE_GET_STREAM(TcpCongestion, value)
DEFINE_GET_STREAM(TcpUserTimeout, value_millis)
DEFINE_GET(StreamSocket, GetTcpLinger, TcpLinger,
           out->number = result->response->value_secs.ordinal == fuchsia_posix_socket_OptionalUint32_Tag_value
                             ? (int64_t)result->response->value_secs.value
                             : -1)

static void store_text(zxio_option_value_t* out, fidl_string_t text) {
  size_t size = text.size < sizeof(out->text) ? text.size : sizeof(out->text) - 1;
  memcpy(out->text, text.data, size);
  out->text[size] = '\0';
}

DEFINE_GET(BaseSocket, GetLinger, Linger, out->linger.on = result->response->linger;
           out->linger.secs = result->response->length_secs)
DEFINE_GET(BaseSocket, GetBindToDevice, BindToDevice, store_text(out, result->response->value))
DEFINE_GET(BaseNetworkSocket, GetIpMulticastInterface, IpMulticastInterface,
           out->ipv4 = result->response.value)

// The pending error is this method's error: having one is what succeeds.
zx_status_t zxio_get_Error(zx_handle_t channel, zxio_option_value_t* out, int16_t* out_code) {
  FIDL_BUFFER(buffer, fuchsia_posix_socket_BaseSocket_GetError_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_BaseSocket_GetError_Result* result;
  zx_status_t status = fuchsia_posix_socket_BaseSocket_GetError(channel, &call, &result);
  if (status != ZX_OK) return status;
  int16_t pending;
  zxio_result_failed(result, &pending);
  out->number = pending;
  *out_code = 0;
  return ZX_OK;
}
