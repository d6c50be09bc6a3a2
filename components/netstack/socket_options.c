// The options that sockets of all kinds have and that are a flag, a number or a name. Above: the generated
// stubs. Below: the engine's tcpip_socket_set and _get, and socket_options_t for what the engine knows
// nothing of.
#include "socket_options.h"

#include "interface.h"

static socket_base_t* socket_of(void* context) {
  return ((socket_connection_t*)context)->socket;
}

int socket_option_set(void* context, tcpip_option_t option, int64_t value) {
  socket_base_t* socket = socket_begin(context);
  int result = tcpip_socket_set(socket->endpoint, option, value);
  socket_changed(socket);
  socket_end(socket);
  return result;
}

int socket_option_get(void* context, tcpip_option_t option, int64_t* out) {
  return tcpip_socket_get(socket_of(context)->endpoint, option, out);
}

int64_t socket_option_bytes(uint64_t bytes) {
  return bytes < INT32_MAX ? (int64_t)bytes : INT32_MAX;
}

static int64_t optional_value(const fuchsia_posix_socket_OptionalUint8* optional) {
  return optional->ordinal == fuchsia_posix_socket_OptionalUint8_Tag_value ? optional->value : -1;
}

#define ENGINE_OPTIONAL(NAME, OWNER, OPTION) \
  ENGINE_OPTION(NAME, OWNER, OPTION, value, uint8_t, optional_value(&request->value))

// An option that is kept here, and that the engine is told of where it is one for this kind of socket.
#define KEPT_OPTION(NAME, OWNER, FIELD, TELL)                                                                \
  void socket_set_##NAME(void* context, OPTION_REQUEST(OWNER, NAME) * request, fidl_completer_t completer) { \
    socket_of(context)->options.FIELD = request->value;                                                      \
    TELL;                                                                                                    \
    (void)OPTION_REPLY(OWNER, Set##NAME##_reply)(completer);                                                 \
  }                                                                                                          \
  void socket_get_##NAME(void* context, fidl_completer_t completer) {                                        \
    OPTION_RESPONSE(OWNER, NAME) response = {.value = socket_of(context)->options.FIELD};                    \
    (void)OPTION_REPLY(OWNER, Get##NAME##_reply)(completer, &response);                                      \
  }

#define LOCAL_OPTION(NAME, OWNER, FIELD) KEPT_OPTION(NAME, OWNER, FIELD, (void)0)
#define TOLD_OPTION(NAME, OWNER, FIELD, OPTION) \
  KEPT_OPTION(NAME, OWNER, FIELD, (void)socket_option_set(context, OPTION, request->value))

ENGINE_FLAG(ReuseAddress, BaseSocket, TCPIP_REUSE_ADDRESS)
ENGINE_FLAG(ReusePort, BaseSocket, TCPIP_REUSE_PORT)
TOLD_OPTION(Broadcast, BaseSocket, broadcast, TCPIP_BROADCAST)
ENGINE_BYTES(SendBuffer, BaseSocket, TCPIP_SEND_BUFFER)
ENGINE_BYTES(ReceiveBuffer, BaseSocket, TCPIP_RECEIVE_BUFFER)
TOLD_OPTION(KeepAlive, BaseSocket, keep_alive, TCPIP_KEEP_ALIVE)
LOCAL_OPTION(OutOfBandInline, BaseSocket, out_of_band_inline)
LOCAL_OPTION(NoCheck, BaseSocket, no_check)
LOCAL_OPTION(Timestamp, BaseSocket, timestamp)

ENGINE_NUMBER(IpTypeOfService, BaseNetworkSocket, TCPIP_TOS, value, uint8_t)
ENGINE_OPTIONAL(IpTtl, BaseNetworkSocket, TCPIP_TTL)
ENGINE_NUMBER(IpMtuDiscovery, BaseNetworkSocket, TCPIP_MTU_DISCOVER, value, fuchsia_posix_socket_MtuDiscovery)
LOCAL_OPTION(IpPacketInfo, BaseNetworkSocket, ip_packet_info)
LOCAL_OPTION(IpReceiveTypeOfService, BaseNetworkSocket, ip_receive_tos)
LOCAL_OPTION(IpReceiveTtl, BaseNetworkSocket, ip_receive_ttl)
TOLD_OPTION(IpReceiveErrors, BaseNetworkSocket, ip_receive_errors, TCPIP_RECEIVE_ERRORS)
ENGINE_OPTIONAL(IpMulticastTtl, BaseNetworkSocket, TCPIP_MULTICAST_TTL)
ENGINE_FLAG(IpMulticastLoopback, BaseNetworkSocket, TCPIP_MULTICAST_LOOP)

ENGINE_FLAG(Ipv6Only, BaseNetworkSocket, TCPIP_IPV6_ONLY)
ENGINE_OPTIONAL(Ipv6UnicastHops, BaseNetworkSocket, TCPIP_IPV6_HOPS)
ENGINE_NUMBER(Ipv6MtuDiscovery, BaseNetworkSocket, TCPIP_IPV6_MTU_DISCOVER, value,
              fuchsia_posix_socket_MtuDiscovery)
ENGINE_OPTIONAL(Ipv6MulticastHops, BaseNetworkSocket, TCPIP_IPV6_MULTICAST_HOPS)
ENGINE_FLAG(Ipv6MulticastLoopback, BaseNetworkSocket, TCPIP_IPV6_MULTICAST_LOOP)
ENGINE_OPTIONAL(Ipv6TrafficClass, BaseNetworkSocket, TCPIP_IPV6_TRAFFIC_CLASS)
LOCAL_OPTION(Ipv6ReceiveHopLimit, BaseNetworkSocket, ipv6_receive_hop_limit)
LOCAL_OPTION(Ipv6ReceiveTrafficClass, BaseNetworkSocket, ipv6_receive_traffic_class)
LOCAL_OPTION(Ipv6ReceivePacketInfo, BaseNetworkSocket, ipv6_receive_packet_info)
TOLD_OPTION(Ipv6ReceiveErrors, BaseNetworkSocket, ipv6_receive_errors, TCPIP_IPV6_RECEIVE_ERRORS)

void socket_set_Linger(void* context, fuchsia_posix_socket_BaseSocketSetLingerRequest* request,
                       fidl_completer_t completer) {
  socket_options_t* options = &socket_of(context)->options;
  options->linger = request->linger;
  options->linger_secs = request->length_secs;
  (void)socket_option_set(context, TCPIP_LINGER, request->linger ? (int64_t)request->length_secs : -1);
  (void)SOCKET_METHOD(SetLinger_reply)(completer);
}

void socket_get_Linger(void* context, fidl_completer_t completer) {
  const socket_options_t* options = &socket_of(context)->options;
  fuchsia_posix_socket_BaseSocket_GetLinger_Response response = {.linger = options->linger,
                                                                 .length_secs = options->linger_secs};
  (void)SOCKET_METHOD(GetLinger_reply)(completer, &response);
}

void socket_set_BindToDevice(void* context, fuchsia_posix_socket_BaseSocketSetBindToDeviceRequest* request,
                             fidl_completer_t completer) {
  uint32_t index = 0;
  if (request->value.size > 0) {
    index = interface_by_name(netstack_engine(socket_of(context)->netstack), request->value);
    if (index == 0) {
      (void)SOCKET_METHOD(SetBindToDevice_reply_error)(completer, fuchsia_posix_Errno_ENODEV);
      return;
    }
  }
  SOCKET_ANSWER(BaseNetworkSocket, SetBindToDevice, completer,
                socket_option_set(context, TCPIP_BIND_TO_DEVICE, index));
}

void socket_get_BindToDevice(void* context, fidl_completer_t completer) {
  int64_t index = 0;
  tcpip_interface_info_t info = {0};
  if (socket_option_get(context, TCPIP_BIND_TO_DEVICE, &index) == 0 && index != 0) {
    (void)tcpip_interface_get(netstack_engine(socket_of(context)->netstack), (uint32_t)index, &info);
  }
  fuchsia_posix_socket_BaseSocket_GetBindToDevice_Response response = {.value = fidl_string(info.name)};
  (void)SOCKET_METHOD(GetBindToDevice_reply)(completer, &response);
}
