// What the files of the datagram socket share: synchronous_datagram_socket.c (life, addresses, data)
// and _control.c (what accompanies datagrams).
#ifndef COMPONENTS_NETSTACK_SYNCHRONOUS_DATAGRAM_SOCKET_INTERNAL_H_
#define COMPONENTS_NETSTACK_SYNCHRONOUS_DATAGRAM_SOCKET_INTERNAL_H_

#include "readiness.h"
#include "socket_base.h"

typedef struct datagram_socket {
  socket_base_t base;
  tcpip_protocol_t protocol;
  readiness_t readiness;
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
// be initialised.
void recv_control_fill(const datagram_socket_t* socket, const tcpip_recv_t* recv, recv_control_t* storage,
                       fuchsia_posix_socket_DatagramSocketRecvControlData* out);

// Takes over into `send` what accompanies a datagram to send. `source` is room that `send` may point to
// afterwards. 0 or -EINVAL.
int send_control_apply(const datagram_socket_t* socket,
                       const fuchsia_posix_socket_DatagramSocketSendControlData* control,
                       tcpip_address_t* source, tcpip_send_t* send);

SOCKET_DECLARE_OPTION(UdpCork, SynchronousDatagramSocket)

// The generated name of a function of the socket's protocol.
#define METHOD(NAME) fuchsia_posix_socket_SynchronousDatagramSocket_##NAME

#endif  // COMPONENTS_NETSTACK_SYNCHRONOUS_DATAGRAM_SOCKET_INTERNAL_H_
