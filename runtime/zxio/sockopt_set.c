// Setting options at the server: one function for each Set method, alike but for the types.
#include "sockopt.h"

#define METHOD(protocol, name, suffix) fuchsia_posix_socket_##protocol##_##name##suffix

// Defines zxio_set_`name`, which calls `protocol`.`method` with a request made by `fill`.
#define DEFINE_SET(protocol, method, name, fill)                                                          \
  zx_status_t zxio_set_##name(zx_handle_t channel, const zxio_option_value_t* value, int16_t* out_code) { \
    fuchsia_posix_socket_##protocol##method##Request request = {0};                                       \
    fill;                                                                                                 \
    FIDL_BUFFER(buffer, METHOD(protocol, method, _RESPONSE_SIZE));                                        \
    fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);                                             \
    METHOD(protocol, method, _Result) * result;                                                           \
    zx_status_t status = METHOD(protocol, method, )(channel, &request, &call, &result);                   \
    if (status == ZX_OK) zxio_result_failed(result, out_code);                                            \
    return status;                                                                                        \
  }

static fuchsia_posix_socket_OptionalUint8 optional_byte(int64_t number) {
  if (number < 0) return fuchsia_posix_socket_OptionalUint8_with_unset((fuchsia_posix_socket_Empty){0});
  return fuchsia_posix_socket_OptionalUint8_with_value((uint8_t)number);
}

static fuchsia_posix_socket_OptionalUint32 optional_count(int64_t number) {
  if (number < 0) return fuchsia_posix_socket_OptionalUint32_with_unset((fuchsia_posix_socket_Empty){0});
  return fuchsia_posix_socket_OptionalUint32_with_value((uint32_t)number);
}

#define DEFINE_SET_BOOL(protocol, name) \
  DEFINE_SET(protocol, Set##name, name, request.value = value->number != 0)
#define DEFINE_SET_OPTIONAL(protocol, name) \
  DEFINE_SET(protocol, Set##name, name, request.value = optional_byte(value->number))

DEFINE_SET_BOOL(BaseSocket, ReuseAddress)
DEFINE_SET_BOOL(BaseSocket, Broadcast)
DEFINE_SET(BaseSocket, SetSendBuffer, SendBuffer, request.value_bytes = (uint64_t)value->number)
DEFINE_SET(BaseSocket, SetReceiveBuffer, ReceiveBuffer, request.value_bytes = (uint64_t)value->number)
DEFINE_SET_BOOL(BaseSocket, KeepAlive)
DEFINE_SET_BOOL(BaseSocket, OutOfBandInline)
DEFINE_SET_BOOL(BaseSocket, NoCheck)
DEFINE_SET(BaseSocket, SetLinger, Linger, request.linger = value->linger.on;
           request.length_secs = value->linger.secs)
DEFINE_SET_BOOL(BaseSocket, ReusePort)
DEFINE_SET(BaseSocket, SetBindToDevice, BindToDevice, request.value = fidl_string(value->text))
DEFINE_SET(BaseSocket, SetTimestamp, Timestamp,
           request.value = (fuchsia_posix_socket_TimestampOption)value->number)
DEFINE_SET(BaseNetworkSocket, SetIpTypeOfService, IpTypeOfService, request.value = (uint8_t)value->number)
DEFINE_SET_OPTIONAL(BaseNetworkSocket, IpTtl)
DEFINE_SET(BaseNetworkSocket, SetIpMtuDiscovery, IpMtuDiscovery,
           request.value = (fuchsia_posix_socket_MtuDiscovery)value->number)
DEFINE_SET(BaseNetworkSocket, SetIpv6MtuDiscovery, Ipv6MtuDiscovery,
           request.value = (fuchsia_posix_socket_MtuDiscovery)value->number)
DEFINE_SET_BOOL(BaseNetworkSocket, IpPacketInfo)
DEFINE_SET_BOOL(BaseNetworkSocket, IpReceiveTypeOfService)
DEFINE_SET_BOOL(BaseNetworkSocket, IpReceiveTtl)
DEFINE_SET(BaseNetworkSocket, SetIpMulticastInterface, IpMulticastInterface,
           request.iface = (uint64_t)value->number;
           request.address = value->ipv4)
DEFINE_SET_OPTIONAL(BaseNetworkSocket, IpMulticastTtl)
DEFINE_SET_BOOL(BaseNetworkSocket, IpMulticastLoopback)
DEFINE_SET(BaseNetworkSocket, SetIpv6MulticastInterface, Ipv6MulticastInterface,
           request.value = (uint64_t)value->number)
DEFINE_SET_OPTIONAL(BaseNetworkSocket, Ipv6UnicastHops)
DEFINE_SET_BOOL(BaseNetworkSocket, Ipv6ReceiveHopLimit)
DEFINE_SET_OPTIONAL(BaseNetworkSocket, Ipv6MulticastHops)
DEFINE_SET_BOOL(BaseNetworkSocket, Ipv6MulticastLoopback)
DEFINE_SET_BOOL(BaseNetworkSocket, Ipv6Only)
DEFINE_SET_BOOL(BaseNetworkSocket, Ipv6ReceiveTrafficClass)
DEFINE_SET_OPTIONAL(BaseNetworkSocket, Ipv6TrafficClass)
DEFINE_SET_BOOL(BaseNetworkSocket, Ipv6ReceivePacketInfo)
DEFINE_SET_BOOL(BaseNetworkSocket, IpReceiveErrors)
DEFINE_SET_BOOL(BaseNetworkSocket, Ipv6ReceiveErrors)
DEFINE_SET(BaseNetworkSocket, AddIpMembership, AddIpMembership, request.membership = value->ip_membership)
DEFINE_SET(BaseNetworkSocket, DropIpMembership, DropIpMembership, request.membership = value->ip_membership)
DEFINE_SET(BaseNetworkSocket, AddIpv6Membership, AddIpv6Membership,
           request.membership = value->ipv6_membership)
DEFINE_SET(BaseNetworkSocket, DropIpv6Membership, DropIpv6Membership,
           request.membership = value->ipv6_membership)

DEFINE_SET_BOOL(BaseDatagramSocket, UdpCork)

#define DEFINE_SET_STREAM(name, field) \
  DEFINE_SET(StreamSocket, Set##name, name, request.field = (uint32_t)value->number)

DEFINE_SET_BOOL(StreamSocket, TcpNoDelay)
DEFINE_SET_BOOL(StreamSocket, TcpCork)
DEFINE_SET_BOOL(StreamSocket, TcpQuickAck)
DEFINE_SET_STREAM(TcpMaxSegment, value_bytes)
DEFINE_SET_STREAM(TcpKeepAliveIdle, value_secs)
DEFINE_SET_STREAM(TcpKeepAliveInterval, value_secs)
DEFINE_SET_STREAM(TcpKeepAliveCount, value)
DEFINE_SET_STREAM(TcpSynCount, value)
DEFINE_SET_STREAM(TcpDeferAccept, value_secs)
DEFINE_SET_STREAM(TcpWindowClamp, value)
DEFINE_SET_STREAM(TcpUserTimeout, value_millis)
DEFINE_SET(StreamSocket, SetTcpLinger, TcpLinger, request.value_secs = optional_count(value->number))
DEFINE_SET(StreamSocket, SetTcpCongestion, TcpCongestion,
           request.value = (fuchsia_posix_socket_TcpCongestionControl)value->number)
