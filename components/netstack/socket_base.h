// What all kinds of sockets have in common as FIDL servers: their connections, their names, and the options
// of fuchsia.posix.socket.BaseNetworkSocket.
//
// A socket is one engine socket, what its applications wait on or read, and any number of connections (Clone
// makes more). Each method makes one visit to the engine: socket_begin, act, socket_end, answer. Ending sends
// frames out, delivers what was sent to this host itself, and shows the new state. It comes before the
// answer, so that an application which has its answer finds everything as on a kernel's socket.
#ifndef COMPONENTS_NETSTACK_SOCKET_BASE_H_
#define COMPONENTS_NETSTACK_SOCKET_BASE_H_

#include <fidl/fuchsia.posix.socket.h>
#include <lib/fidl/server.h>
#include <tcpip/tcpip.h>

#include "address.h"
#include "netstack.h"
#include "provider.h"

// Options that the engine knows nothing of: those that choose control data, and those that mean nothing to a
// kind of socket but are remembered, as Linux does.
typedef struct socket_options {
  bool broadcast;
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
  bool ip_receive_errors;
  bool ipv6_receive_errors;
  fuchsia_net_Ipv4Address ip_multicast_address;  // as set, to be told again
} socket_options_t;

typedef struct socket_base socket_base_t;

// What a kind of socket does in its own way.
typedef struct socket_kind {
  // Binds a connection with the kind's table of methods; consumes `server_end`, also on failure.
  zx_status_t (*bind)(async_dispatcher_t* dispatcher, zx_handle_t server_end, void* connection,
                      fidl_on_unbound_t on_unbound);
  // A visit to the engine for a method begins. May be NULL.
  void (*begin)(socket_base_t* socket);
  // Something was set or done that what the socket sends depends on. May be NULL.
  void (*changed)(socket_base_t* socket);
  // A request has told of an error, and there may be another. May be NULL.
  void (*took_error)(socket_base_t* socket);
  // Shows the state after a visit to the engine.
  void (*show)(socket_base_t* socket);
  // The engine's word that something has come to hold. Must not call the engine but tcpip_socket_poll.
  void (*event)(socket_base_t* socket, uint32_t events);
  // How much of its receive buffer is taken by what waits elsewhere to be read (ops.socket_held). May be
  // NULL, and must not call the engine.
  size_t (*held)(socket_base_t* socket);
  // No connection is left. May free the socket.
  void (*abandoned)(socket_base_t* socket);
} socket_kind_t;

struct socket_base {
  const socket_kind_t* kind;
  provider_client_t* client;
  netstack_t* netstack;
  tcpip_socket_t* endpoint;  // NULL before it is made, and once it is closed
  uint8_t family;
  socket_options_t options;
  struct socket_connection* first_connection;
  uint32_t connections;       // not yet unbound
  uint32_t open_connections;  // of these, not yet asked to close
};

// One binding; the context of every method.
typedef struct socket_connection {
  socket_base_t* socket;
  zx_handle_t channel;  // the binding's
  bool open;
  struct socket_connection* next;
} socket_connection_t;

// Sets up the common part of a zeroed socket, which holds on to its client until socket_base_deinit.
void socket_base_init(socket_base_t* socket, const socket_kind_t* kind, provider_client_t* client,
                      uint8_t family);
// Destroys the engine socket, if there is one, and lets go of the client.
void socket_base_deinit(socket_base_t* socket);

// Begin and end a visit to the engine; `context` is a method's.
socket_base_t* socket_begin(void* context);
void socket_end(socket_base_t* socket);

// Between them: tells the kind that something was set or done that what the socket sends depends on.
void socket_changed(socket_base_t* socket);
// That a request has told of an error.
void socket_took_error(socket_base_t* socket);

// Makes another connection. Consumes `server_end`, also on failure. 0 or a negative errno: -EMFILE, -ENOMEM.
int socket_add_connection(socket_base_t* socket, zx_handle_t server_end);

// A connection has asked to close; true if it was the last one open.
bool socket_close_connection(socket_connection_t* connection);

// Takes note of connections whose clients have gone without a word that has been read yet; true if none is
// open any more.
bool socket_close_forsaken_connections(socket_base_t* socket);

// The generated name of a function of the protocol that all kinds compose.
#define SOCKET_METHOD(NAME) fuchsia_posix_socket_BaseNetworkSocket_##NAME

// Answers the method NAME of PROTOCOL, which has no result but an error.
#define SOCKET_ANSWER(PROTOCOL, NAME, completer, result)                                           \
  do {                                                                                             \
    int answer_result_ = (result);                                                                 \
    if (answer_result_ < 0) {                                                                      \
      (void)fuchsia_posix_socket_##PROTOCOL##_##NAME##_reply_error((completer),                    \
                                                                   errno_to_fidl(answer_result_)); \
    } else {                                                                                       \
      (void)fuchsia_posix_socket_##PROTOCOL##_##NAME##_reply(completer);                           \
    }                                                                                              \
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
  X(IpMtuDiscovery, BaseNetworkSocket)          \
  X(IpPacketInfo, BaseNetworkSocket)            \
  X(IpReceiveTypeOfService, BaseNetworkSocket)  \
  X(IpReceiveTtl, BaseNetworkSocket)            \
  X(IpReceiveErrors, BaseNetworkSocket)         \
  X(IpMulticastInterface, BaseNetworkSocket)    \
  X(IpMulticastTtl, BaseNetworkSocket)          \
  X(IpMulticastLoopback, BaseNetworkSocket)     \
  X(Ipv6MulticastInterface, BaseNetworkSocket)  \
  X(Ipv6UnicastHops, BaseNetworkSocket)         \
  X(Ipv6MtuDiscovery, BaseNetworkSocket)        \
  X(Ipv6ReceiveHopLimit, BaseNetworkSocket)     \
  X(Ipv6MulticastHops, BaseNetworkSocket)       \
  X(Ipv6MulticastLoopback, BaseNetworkSocket)   \
  X(Ipv6Only, BaseNetworkSocket)                \
  X(Ipv6ReceiveTrafficClass, BaseNetworkSocket) \
  X(Ipv6TrafficClass, BaseNetworkSocket)        \
  X(Ipv6ReceivePacketInfo, BaseNetworkSocket)   \
  X(Ipv6ReceiveErrors, BaseNetworkSocket)

// The methods behind them, and the others that are the same for all kinds.
#define SOCKET_DECLARE_OPTION(NAME, OWNER)                                                         \
  void socket_set_##NAME(void* context, fuchsia_posix_socket_##OWNER##Set##NAME##Request* request, \
                         fidl_completer_t completer);                                              \
  void socket_get_##NAME(void* context, fidl_completer_t completer);
SOCKET_OPTIONS(SOCKET_DECLARE_OPTION)

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
void socket_clone(void* context, fuchsia_unknown_CloneableCloneRequest* request);
void socket_get_sock_name(void* context, fidl_completer_t completer);
void socket_get_peer_name(void* context, fidl_completer_t completer);
void socket_get_path_mtu(void* context, fidl_completer_t completer);

// Entries of a kind's table of methods.
#define SOCKET_SET_AND_GET(NAME, OWNER) .Set##NAME = socket_set_##NAME, .Get##NAME = socket_get_##NAME,
#define SOCKET_COMMON_METHODS                                                                     \
  SOCKET_OPTIONS(SOCKET_SET_AND_GET).Clone = socket_clone, .GetSockName = socket_get_sock_name,   \
  .GetPeerName = socket_get_peer_name, .AddIpMembership = socket_add_ip_membership,               \
  .DropIpMembership = socket_drop_ip_membership, .AddIpv6Membership = socket_add_ipv6_membership, \
  .DropIpv6Membership = socket_drop_ipv6_membership, .GetPathMtu = socket_get_path_mtu

#endif  // COMPONENTS_NETSTACK_SOCKET_BASE_H_
