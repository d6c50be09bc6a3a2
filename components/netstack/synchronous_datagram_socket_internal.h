// What the files of the datagram socket share: synchronous_datagram_socket.c (life, addresses, data),
// _control.c (what accompanies datagrams), _options.c and _multicast.c (options).
#ifndef COMPONENTS_NETSTACK_SYNCHRONOUS_DATAGRAM_SOCKET_INTERNAL_H_
#define COMPONENTS_NETSTACK_SYNCHRONOUS_DATAGRAM_SOCKET_INTERNAL_H_

#include <fidl/fuchsia.posix.socket.h>
#include <tcpip/tcpip.h>

#include "address.h"
#include "netstack.h"
#include "provider.h"
#include "readiness.h"

// Options that the engine knows nothing of: those that choose control data, and those that mean nothing to
// datagrams but are remembered, as Linux does.
typedef struct socket_options {
  bool keep_alive;
  bool out_of_band_inline;
  bool no_check;  // an optimisation that is not taken: checksums are always computed
  bool linger;
  uint32_t linger_secs;
  fuchsia_posix_socket_TimestampOption timestamp;
  bool ip_packet_info;
  bool ip_receive_tos;
  bool ip_receive_ttl;
  bool ipv6_receive_hop_limit;
  bool ipv6_receive_traffic_class;
  bool ipv6_receive_packet_info;
  fuchsia_net_Ipv4Address ip_multicast_address;  // as set, to be told again
} socket_options_t;

typedef struct datagram_socket {
  provider_client_t* client;
  netstack_t* netstack;
  tcpip_socket_t* endpoint;  // NULL once the last connection has asked to close
  uint8_t family;
  tcpip_protocol_t protocol;
  readiness_t readiness;
  socket_options_t options;
  uint32_t connections;       // not yet unbound
  uint32_t open_connections;  // of these, not yet asked to close
} datagram_socket_t;

// One binding; the context of every method.
typedef struct socket_connection {
  datagram_socket_t* socket;
  bool open;
} socket_connection_t;

// Every method visits the engine between these two, and answers afterwards. `context` is the method's. Ending
// shows the socket's new state to those who wait.
datagram_socket_t* socket_begin(void* context);
void socket_end(datagram_socket_t* socket);

// Room for everything that can accompany a received datagram.
typedef struct recv_control {
  fuchsia_posix_socket_DatagramSocketRecvControlData_frame_t datagram_frame;
  fuchsia_posix_socket_NetworkSocketRecvControlData network;
  fuchsia_posix_socket_NetworkSocketRecvControlData_frame_t network_frame;
  fuchsia_posix_socket_SocketRecvControlData socket;
  fuchsia_posix_socket_SocketRecvControlData_frame_t socket_frame;
  fuchsia_posix_socket_Timestamp timestamp;
  fuchsia_posix_socket_IpRecvControlData ip;
  fuchsia_posix_socket_IpRecvControlData_frame_t ip_frame;
  fuchsia_posix_socket_Ipv6RecvControlData ipv6;
  fuchsia_posix_socket_Ipv6RecvControlData_frame_t ipv6_frame;
  fuchsia_posix_socket_Ipv6PktInfoRecvControlData pktinfo;
} recv_control_t;

// Fills `out` with what the socket's options ask for about `recv`; it points into `storage`, which need not
// be initialised.
void recv_control_fill(const datagram_socket_t* socket, const tcpip_recv_t* recv, recv_control_t* storage,
                       fuchsia_posix_socket_DatagramSocketRecvControlData* out);

// Takes over into `send` what accompanies a datagram to send. `source` is room that `send` may point to
// afterwards. 0 or -EINVAL.
int send_control_apply(const datagram_socket_t* socket,
                       const fuchsia_posix_socket_DatagramSocketSendControlData* control,
                       tcpip_address_t* source, tcpip_send_t* send);

// The generated name of a function of the socket's protocol.
#define METHOD(NAME) fuchsia_posix_socket_SynchronousDatagramSocket_##NAME

// Answers the method NAME, which has no result but an error.
#define SOCKET_ANSWER(NAME, completer, result)                                      \
  do {                                                                              \
    int answer_result_ = (result);                                                  \
    if (answer_result_ < 0) {                                                       \
      (void)METHOD(NAME##_reply_error)((completer), errno_to_fidl(answer_result_)); \
    } else {                                                                        \
      (void)METHOD(NAME##_reply)(completer);                                        \
    }                                                                               \
  } while (0)

// The options that are set and got as a pair: X(NAME, OWNER) for SetNAME and GetNAME of protocol OWNER.
#define SOCKET_OPTIONS(X)                       \
  X(ReuseAddress, BaseSocket)                   \
  X(Broadcast, BaseSocket)                      \
  X(SendBuffer, BaseSocket)                     \
  X(ReceiveBuffer, BaseSocket)                  \
  X(KeepAlive, BaseSocket)                      \
  X(OutOfBandInline, BaseSocket)                \
  X(NoCheck, BaseSocket)                        \
  X(Linger, BaseSocket)                         \
  X(ReusePort, BaseSocket)                      \
  X(BindToDevice, BaseSocket)                   \
  X(Timestamp, BaseSocket)                      \
  X(IpTypeOfService, BaseNetworkSocket)         \
  X(IpTtl, BaseNetworkSocket)                   \
  X(IpPacketInfo, BaseNetworkSocket)            \
  X(IpReceiveTypeOfService, BaseNetworkSocket)  \
  X(IpReceiveTtl, BaseNetworkSocket)            \
  X(IpMulticastInterface, BaseNetworkSocket)    \
  X(IpMulticastTtl, BaseNetworkSocket)          \
  X(IpMulticastLoopback, BaseNetworkSocket)     \
  X(Ipv6MulticastInterface, BaseNetworkSocket)  \
  X(Ipv6UnicastHops, BaseNetworkSocket)         \
  X(Ipv6ReceiveHopLimit, BaseNetworkSocket)     \
  X(Ipv6MulticastHops, BaseNetworkSocket)       \
  X(Ipv6MulticastLoopback, BaseNetworkSocket)   \
  X(Ipv6Only, BaseNetworkSocket)                \
  X(Ipv6ReceiveTrafficClass, BaseNetworkSocket) \
  X(Ipv6TrafficClass, BaseNetworkSocket)        \
  X(Ipv6ReceivePacketInfo, BaseNetworkSocket)

#define SOCKET_DECLARE_OPTION(NAME, OWNER)                                                         \
  void socket_set_##NAME(void* context, fuchsia_posix_socket_##OWNER##Set##NAME##Request* request, \
                         fidl_completer_t completer);                                              \
  void socket_get_##NAME(void* context, fidl_completer_t completer);
SOCKET_OPTIONS(SOCKET_DECLARE_OPTION)
#undef SOCKET_DECLARE_OPTION

void socket_get_AcceptConn(void* context, fidl_completer_t completer);
void socket_add_ip_membership(void* context,
                              fuchsia_posix_socket_BaseNetworkSocketAddIpMembershipRequest* request,
                              fidl_completer_t completer);
void socket_drop_ip_membership(void* context,
                               fuchsia_posix_socket_BaseNetworkSocketDropIpMembershipRequest* request,
                               fidl_completer_t completer);
void socket_add_ipv6_membership(void* context,
                                fuchsia_posix_socket_BaseNetworkSocketAddIpv6MembershipRequest* request,
                                fidl_completer_t completer);
void socket_drop_ipv6_membership(void* context,
                                 fuchsia_posix_socket_BaseNetworkSocketDropIpv6MembershipRequest* request,
                                 fidl_completer_t completer);

#endif  // COMPONENTS_NETSTACK_SYNCHRONOUS_DATAGRAM_SOCKET_INTERNAL_H_
