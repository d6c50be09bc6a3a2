// The options of a datagram socket that are a flag, a number or a name. Above: the generated stub. Below: the
// engine's tcpip_socket_set and _get, and socket_options_t for what the engine knows nothing of.
//
// Each option has its own generated request, response and reply, all of a few shapes; the macros below write
// the two functions of an option of one shape.
#include "interface.h"
#include "synchronous_datagram_socket_internal.h"

// What SetNAME is asked with, and what GetNAME answers.
#define REQUEST(OWNER, NAME) fuchsia_posix_socket_##OWNER##Set##NAME##Request
#define RESPONSE(OWNER, NAME) fuchsia_posix_socket_##OWNER##_Get##NAME##_Response

static datagram_socket_t* socket_of(void* context) {
  return ((socket_connection_t*)context)->socket;
}

static int engine_set(void* context, tcpip_option_t option, int64_t value) {
  datagram_socket_t* socket = socket_begin(context);
  int result = tcpip_socket_set(socket->endpoint, option, value);
  socket_end(socket);
  return result;
}

static int engine_get(void* context, tcpip_option_t option, int64_t* out) {
  return tcpip_socket_get(socket_of(context)->endpoint, option, out);
}

static int64_t optional_value(const fuchsia_posix_socket_OptionalUint8* optional) {
  return optional->ordinal == fuchsia_posix_socket_OptionalUint8_Tag_value ? optional->value : -1;
}

// An option whose response has one member MEMBER, of the engine's option OPTION; EXPRESSION is the request's
// value.
#define ENGINE_OPTION(NAME, OWNER, OPTION, MEMBER, TYPE, EXPRESSION)                                  \
  void socket_set_##NAME(void* context, REQUEST(OWNER, NAME) * request, fidl_completer_t completer) { \
    SOCKET_ANSWER(Set##NAME, completer, engine_set(context, OPTION, (EXPRESSION)));                   \
  }                                                                                                   \
  void socket_get_##NAME(void* context, fidl_completer_t completer) {                                 \
    int64_t value = 0;                                                                                \
    int result = engine_get(context, OPTION, &value);                                                 \
    if (result < 0) {                                                                                 \
      (void)METHOD(Get##NAME##_reply_error)(completer, errno_to_fidl(result));                        \
      return;                                                                                         \
    }                                                                                                 \
    RESPONSE(OWNER, NAME) response = {.MEMBER = (TYPE)value};                                         \
    (void)METHOD(Get##NAME##_reply)(completer, &response);                                            \
  }

#define ENGINE_FLAG(NAME, OWNER, OPTION) ENGINE_OPTION(NAME, OWNER, OPTION, value, bool, request->value)
#define ENGINE_NUMBER(NAME, OWNER, OPTION) ENGINE_OPTION(NAME, OWNER, OPTION, value, uint8_t, request->value)
#define ENGINE_OPTIONAL(NAME, OWNER, OPTION) \
  ENGINE_OPTION(NAME, OWNER, OPTION, value, uint8_t, optional_value(&request->value))
#define ENGINE_BYTES(NAME, OWNER, OPTION) \
  ENGINE_OPTION(NAME, OWNER, OPTION, value_bytes, uint64_t, clamp_bytes(request->value_bytes))

// An option that is kept here.
#define LOCAL_OPTION(NAME, OWNER, FIELD)                                                              \
  void socket_set_##NAME(void* context, REQUEST(OWNER, NAME) * request, fidl_completer_t completer) { \
    socket_of(context)->options.FIELD = request->value;                                               \
    (void)METHOD(Set##NAME##_reply)(completer);                                                       \
  }                                                                                                   \
  void socket_get_##NAME(void* context, fidl_completer_t completer) {                                 \
    RESPONSE(OWNER, NAME) response = {.value = socket_of(context)->options.FIELD};                    \
    (void)METHOD(Get##NAME##_reply)(completer, &response);                                            \
  }

// The engine brings sizes within its bounds; it only has to get a number that it can hold.
static int64_t clamp_bytes(uint64_t bytes) {
  return bytes < INT32_MAX ? (int64_t)bytes : INT32_MAX;
}

ENGINE_FLAG(ReuseAddress, BaseSocket, TCPIP_REUSE_ADDRESS)
ENGINE_FLAG(ReusePort, BaseSocket, TCPIP_REUSE_PORT)
ENGINE_FLAG(Broadcast, BaseSocket, TCPIP_BROADCAST)
ENGINE_BYTES(SendBuffer, BaseSocket, TCPIP_SEND_BUFFER)
ENGINE_BYTES(ReceiveBuffer, BaseSocket, TCPIP_RECEIVE_BUFFER)
LOCAL_OPTION(KeepAlive, BaseSocket, keep_alive)
LOCAL_OPTION(OutOfBandInline, BaseSocket, out_of_band_inline)
LOCAL_OPTION(NoCheck, BaseSocket, no_check)
LOCAL_OPTION(Timestamp, BaseSocket, timestamp)

ENGINE_NUMBER(IpTypeOfService, BaseNetworkSocket, TCPIP_TOS)
ENGINE_OPTIONAL(IpTtl, BaseNetworkSocket, TCPIP_TTL)
LOCAL_OPTION(IpPacketInfo, BaseNetworkSocket, ip_packet_info)
LOCAL_OPTION(IpReceiveTypeOfService, BaseNetworkSocket, ip_receive_tos)
LOCAL_OPTION(IpReceiveTtl, BaseNetworkSocket, ip_receive_ttl)
ENGINE_OPTIONAL(IpMulticastTtl, BaseNetworkSocket, TCPIP_MULTICAST_TTL)
ENGINE_FLAG(IpMulticastLoopback, BaseNetworkSocket, TCPIP_MULTICAST_LOOP)

ENGINE_FLAG(Ipv6Only, BaseNetworkSocket, TCPIP_IPV6_ONLY)
ENGINE_OPTIONAL(Ipv6UnicastHops, BaseNetworkSocket, TCPIP_IPV6_HOPS)
ENGINE_OPTIONAL(Ipv6MulticastHops, BaseNetworkSocket, TCPIP_IPV6_MULTICAST_HOPS)
ENGINE_FLAG(Ipv6MulticastLoopback, BaseNetworkSocket, TCPIP_IPV6_MULTICAST_LOOP)
ENGINE_OPTIONAL(Ipv6TrafficClass, BaseNetworkSocket, TCPIP_IPV6_TRAFFIC_CLASS)
LOCAL_OPTION(Ipv6ReceiveHopLimit, BaseNetworkSocket, ipv6_receive_hop_limit)
LOCAL_OPTION(Ipv6ReceiveTrafficClass, BaseNetworkSocket, ipv6_receive_traffic_class)
LOCAL_OPTION(Ipv6ReceivePacketInfo, BaseNetworkSocket, ipv6_receive_packet_info)

void socket_set_Linger(void* context, fuchsia_posix_socket_BaseSocketSetLingerRequest* request,
                       fidl_completer_t completer) {
  socket_options_t* options = &socket_of(context)->options;
  options->linger = request->linger;
  options->linger_secs = request->length_secs;
  (void)METHOD(SetLinger_reply)(completer);
}

void socket_get_Linger(void* context, fidl_completer_t completer) {
  const socket_options_t* options = &socket_of(context)->options;
  fuchsia_posix_socket_BaseSocket_GetLinger_Response response = {.linger = options->linger,
                                                                 .length_secs = options->linger_secs};
  (void)METHOD(GetLinger_reply)(completer, &response);
}

void socket_get_AcceptConn(void* context, fidl_completer_t completer) {
  fuchsia_posix_socket_BaseSocket_GetAcceptConn_Response response = {.value = false};
  (void)METHOD(GetAcceptConn_reply)(completer, &response);
}

void socket_set_BindToDevice(void* context, fuchsia_posix_socket_BaseSocketSetBindToDeviceRequest* request,
                             fidl_completer_t completer) {
  uint32_t index = 0;
  if (request->value.size > 0) {
    index = interface_by_name(netstack_engine(socket_of(context)->netstack), request->value);
    if (index == 0) {
      (void)METHOD(SetBindToDevice_reply_error)(completer, fuchsia_posix_Errno_ENODEV);
      return;
    }
  }
  SOCKET_ANSWER(SetBindToDevice, completer, engine_set(context, TCPIP_BIND_TO_DEVICE, index));
}

void socket_get_BindToDevice(void* context, fidl_completer_t completer) {
  int64_t index = 0;
  tcpip_interface_info_t info = {0};
  if (engine_get(context, TCPIP_BIND_TO_DEVICE, &index) == 0 && index != 0) {
    (void)tcpip_interface_get(netstack_engine(socket_of(context)->netstack), (uint32_t)index, &info);
  }
  fuchsia_posix_socket_BaseSocket_GetBindToDevice_Response response = {.value = fidl_string(info.name)};
  (void)METHOD(GetBindToDevice_reply)(completer, &response);
}
