// What the files of both kinds of datagram sockets share: datagram_methods.c (what the protocols have in
// common), datagram_control.c (what accompanies datagrams), synchronous_datagram_socket.c and
// datagram_socket.c (the kinds).
#ifndef COMPONENTS_NETSTACK_DATAGRAM_INTERNAL_H_
#define COMPONENTS_NETSTACK_DATAGRAM_INTERNAL_H_

#include "socket_base.h"

// The common part, first in each kind's own.
typedef struct datagram_socket {
  socket_base_t base;
  tcpip_protocol_t protocol;
} datagram_socket_t;

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
  fuchsia_posix_socket_IpPktInfoRecvControlData ip_pktinfo;
  fuchsia_posix_socket_Ipv6RecvControlData ipv6;
  fuchsia_posix_socket_Ipv6RecvControlData_frame_t ipv6_frame;
  fuchsia_posix_socket_Ipv6PktInfoRecvControlData ipv6_pktinfo;
} recv_control_t;

// Fills `out` with what the socket's options ask for about `recv`; it points into `storage`, which need not
// be initialised. False: that is nothing.
bool recv_control_fill(const datagram_socket_t* socket, const tcpip_recv_t* recv, recv_control_t* storage,
                       fuchsia_posix_socket_DatagramSocketRecvControlData* out);

// Takes over into `send` what accompanies a datagram to send. `source` is room that `send` may point to
// afterwards. 0 or -EINVAL.
int send_control_apply(const datagram_socket_t* socket,
                       const fuchsia_posix_socket_DatagramSocketSendControlData* control,
                       tcpip_address_t* source, tcpip_send_t* send);

// The engine's socket of a new one. 0 or a negative errno.
int datagram_make_endpoint(datagram_socket_t* socket);

// What SendMsg of either kind asks. Within a visit to the engine: the datagram's length, or a negative errno.
typedef struct datagram_send_request {
  const fuchsia_net_SocketAddress* addr;  // its ordinal is 0 if there is none
  fidl_vector_uint8_t data;
  const fuchsia_posix_socket_DatagramSocketSendControlData* control;
  fuchsia_posix_socket_SendMsgFlags flags;
} datagram_send_request_t;
int64_t datagram_send_by_request(datagram_socket_t* socket, const datagram_send_request_t* request);

SOCKET_DECLARE_OPTION(UdpCork, BaseDatagramSocket)

// The methods behind entries of both kinds' tables.
void datagram_get_info(void* context, fidl_completer_t completer);
void datagram_bind(void* context, fuchsia_posix_socket_BaseNetworkSocketBindRequest* request,
                   fidl_completer_t completer);
void datagram_connect(void* context, fuchsia_posix_socket_BaseNetworkSocketConnectRequest* request,
                      fidl_completer_t completer);
void datagram_disconnect(void* context, fidl_completer_t completer);
void datagram_shutdown(void* context, fuchsia_posix_socket_BaseNetworkSocketShutdownRequest* request,
                       fidl_completer_t completer);
void datagram_get_error(void* context, fidl_completer_t completer);
void datagram_recv_error(void* context, fuchsia_posix_socket_BaseDatagramSocketRecvErrorRequest* request,
                         fidl_completer_t completer);
void datagram_get_accept_conn(void* context, fidl_completer_t completer);

#define DATAGRAM_COMMON_METHODS                                                                         \
  .GetInfo = datagram_get_info, .Bind = datagram_bind, .Connect = datagram_connect,                     \
  .Disconnect = datagram_disconnect, .Shutdown = datagram_shutdown, .GetError = datagram_get_error,     \
  .RecvError = datagram_recv_error, .SetUdpCork = socket_set_UdpCork, .GetUdpCork = socket_get_UdpCork, \
  .GetAcceptConn = datagram_get_accept_conn, SOCKET_COMMON_METHODS

#endif  // COMPONENTS_NETSTACK_DATAGRAM_INTERNAL_H_
