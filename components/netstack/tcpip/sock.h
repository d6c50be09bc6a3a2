// Sockets from within. A socket of any protocol begins with a tcpip_socket_t; what is its protocol's own
// follows, and the protocol's operations hang off `ops`.
#ifndef TCPIP_SOCK_H_
#define TCPIP_SOCK_H_

#include "base.h"
#include "ip.h"
#include "link.h"
#include "list.h"
#include "table.h"

typedef struct socket_ops {
  void (*destroy)(tcpip_socket_t* socket);  // frees all but what the base holds, then the socket
  uint32_t (*poll)(const tcpip_socket_t* socket);
  int (*connect)(tcpip_socket_t* socket, const addr_t* remote, uint16_t port, uint32_t zone);
  int (*disconnect)(tcpip_socket_t* socket);
  int (*shutdown)(tcpip_socket_t* socket, bool read, bool write);
  int64_t (*send)(tcpip_socket_t* socket, const tcpip_send_t* send);
  int64_t (*recv)(tcpip_socket_t* socket, tcpip_recv_t* recv);
  size_t (*next_length)(const tcpip_socket_t* socket);
  int (*set)(tcpip_socket_t* socket, tcpip_option_t option, int64_t value);
  int (*get)(const tcpip_socket_t* socket, tcpip_option_t option, int64_t* out);
  int (*join)(tcpip_socket_t* socket, const addr_t* group, uint32_t interface);
  int (*leave)(tcpip_socket_t* socket, const addr_t* group, uint32_t interface);
  // There is room again after it was refused.
  void (*room)(tcpip_socket_t* socket);
  // An ICMP error about something it sent.
  void (*icmp_error)(tcpip_socket_t* socket, const icmp_error_t* error);
  int64_t (*recv_error)(tcpip_socket_t* socket, tcpip_recv_t* recv, tcpip_error_t* out);  // NULL: no queue
} socket_ops_t;

struct tcpip_socket {
  const socket_ops_t* ops;
  tcpip_t* stack;
  tcpip_client_t* client;
  void* context;
  list_node_t client_node;
  list_node_t refused_node;      // in the `refused` of the interface that was full
  list_node_t waiting;           // packets charged to it that have not left yet
  table_node_t port_node;        // in stack->ports while it has a local port, in held_ports if `port_held`
  table_node_t connection_node;  // in stack->connections while it has a peer
  addr_t local, remote;
  uint16_t local_port, remote_port;
  uint32_t zone;    // the interface its link-local addresses belong to
  uint32_t device;  // bound to this interface only; 0: any
  uint8_t family;
  uint8_t protocol;                       // as in the IP header
  uint8_t mtu_discover, mtu_discover_v6;  // TCPIP_MTU_*
  bool address_chosen;                    // by bind, so disconnect leaves it
  bool port_chosen;
  bool port_held;
  bool connected;
  bool shut_read, shut_write;
  bool v6_only;
  bool reuse_address, reuse_port;
  bool listening;  // keeps its port to itself, whatever others say about reuse
  bool stands_in;  // for the hosts behind `device` (stand_in.c)
  bool foreign;    // a connection that came to one that does: `local` may be another host's
  int error;       // pending, positive
  size_t tx_bytes, tx_limit;
};

struct tcpip_client {
  tcpip_t* stack;
  list_node_t node;
  list_node_t sockets;
  list_node_t orphans;  // packets that wait to leave after their sockets were closed
  uint32_t socket_count;
  size_t buffer_used;
  tcpip_quota_t quota;
};

// Takes `bytes` from the client's and the stack's memory for buffers, for a buffer that has `held`. A client
// may always have as much as is still free to all others, and no more, and each buffer of its sockets half of
// what is left to its other ones: so there is something left for the next one however greedy the others are.
bool client_charge(tcpip_client_t* client, size_t held, size_t bytes);
// How many bytes more it may be charged.
size_t client_left(const tcpip_client_t* client, size_t held);
// For what a socket cannot do without.
void client_charge_anyway(tcpip_client_t* client, size_t bytes);
void client_release(tcpip_client_t* client, size_t bytes);
// A socket that nobody holds any more goes to another owner, with `bytes` of buffers besides what waits to
// leave.
void client_move_socket(tcpip_socket_t* socket, size_t bytes, tcpip_client_t* to);

void socket_init(tcpip_socket_t* socket, tcpip_client_t* client, const socket_ops_t* ops, uint8_t family,
                 uint8_t protocol, void* context);
void socket_deinit(tcpip_socket_t* socket);
void socket_event(tcpip_socket_t* socket, uint32_t events);
void socket_set_error(tcpip_socket_t* socket, int error);

// Memory of packets that wait to leave. A socket below its limit may go over it by one packet; -EAGAIN above,
// unless it is `forced`; -ENOBUFS if the client has no more.
int socket_charge_tx(tcpip_socket_t* socket, size_t bytes, bool forced);
void socket_release_tx(tcpip_socket_t* socket, size_t bytes);
// `socket` got -EAGAIN because of `interface`: tell it when there is room.
void socket_refused(tcpip_socket_t* socket, interface_t* interface);
void socket_link_writable(interface_t* interface);
// The interface is up again: what waits for an answer to something lost meanwhile need not wait it out.
void socket_link_back(interface_t* interface);
// What it sent was lost because the neighbour that `packet` waited for does not answer.
void socket_unreachable(tcpip_socket_t* socket, const waiting_t* packet);
void socket_interface_gone(interface_t* interface);

// Turns what a caller gave into an address a socket of this family can use; the unspecified address of a peer
// becomes loopback. -EAFNOSUPPORT, -EINVAL, -ENETUNREACH.
int socket_import_peer(const tcpip_socket_t* socket, const tcpip_endpoint_t* peer, addr_t* out);
void socket_export(const tcpip_socket_t* socket, const addr_t* address, uint16_t port, uint32_t zone,
                   tcpip_endpoint_t* out);

// Ports. `port` 0: any free one. -EADDRINUSE, -EAGAIN if none is free.
int socket_take_port(tcpip_socket_t* socket, const addr_t* local, uint16_t port);
void socket_drop_port(tcpip_socket_t* socket);
// A connection lets go of its port but for what nobody else may bind meanwhile (accepted ones never have
// more).
void socket_hold_port(tcpip_socket_t* socket);
// A bound socket begins to listen: -EADDRINUSE if another does where this one would.
int socket_begin_to_listen(tcpip_socket_t* socket);
// Enters it among the connections: local and remote must be set. -EADDRINUSE if there is an equal one.
int socket_enter_connection(tcpip_socket_t* socket);
void socket_leave_connection(tcpip_socket_t* socket);

// Looking up. The endpoints are as the host sees them: `local` is the destination of a packet that came in.
typedef struct socket_key {
  uint8_t protocol;
  uint16_t local_port, remote_port;
  addr_t local, remote;
  uint32_t interface;
} socket_key_t;
tcpip_socket_t* socket_find_connection(const tcpip_t* stack, const socket_key_t* key);
// The best fitting socket without a peer (or whose peer fits); of several with equal right the flow's hash
// chooses.
tcpip_socket_t* socket_find_bound(const tcpip_t* stack, const socket_key_t* key);

// What a connection is called, for one of TCP whose socket is gone while the name stays taken.
typedef struct socket_name {
  table_node_t node;       // in stack->names
  table_node_t port_node;  // in stack->held_names, unless the port is another host's
  addr_t local, remote;
  uint16_t local_port, remote_port;
  uint32_t zone, device;
  bool v6_only, reuse_address, foreign;
} socket_name_t;
// Enters the name of `socket`, a connection that is about to leave. False, and nothing has changed: no
// memory.
bool socket_keep_name(const tcpip_socket_t* socket, socket_name_t* name);
void socket_drop_name(tcpip_t* stack, socket_name_t* name);
socket_name_t* socket_find_name(const tcpip_t* stack, const socket_key_t* key);

// Walks all sockets that should get a packet to a group: the first if `after` is NULL.
tcpip_socket_t* socket_find_next_member(const tcpip_t* stack, const socket_key_t* key,
                                        const tcpip_socket_t* after);

// Standing in for the hosts behind an interface (stand_in.c).
// The socket that does so for `protocol`; NULL if none does.
tcpip_socket_t* stand_in_find(const interface_t* interface, uint8_t protocol, bool v4);
// Whether anything is to be done with packets of `protocol` to hosts behind the interface: for ICMP, which
// also carries the errors of the others, if there is a socket for any protocol of that family.
bool stand_in_wants(const interface_t* interface, uint8_t protocol, bool v4);
// Whether a packet that is not for this host may be for one behind its interface that is stood in for. Of
// IPv6 the protocol is not known yet.
bool stand_in_accepts(const rx_t* rx);
// May `address` be one of a host behind the interface?
bool stand_in_may_be(const interface_t* interface, const addr_t* address);
void stand_in_end(tcpip_socket_t* socket);  // nothing happens if it does not stand in

// Datagram sockets (datagram.c) and the protocols that use them.
// datagram_errors_add_unreachable, if the socket wants to hear of it; else the pending error of its peer.
void datagram_unreachable(tcpip_socket_t* socket, const waiting_t* packet);
int datagram_create(tcpip_client_t* client, uint8_t family, tcpip_protocol_t protocol, void* context,
                    tcpip_socket_t** out);
// Copies a received payload into the socket's queue and tells it.
typedef struct datagram_info {
  const rx_t* rx;
  const uint8_t* payload;
  size_t length;
  uint16_t local_port, remote_port;
} datagram_info_t;
void datagram_queue(tcpip_socket_t* socket, const datagram_info_t* info);

int tcp_socket_create(tcpip_client_t* client, uint8_t family, void* context, tcpip_socket_t** out);
void tcp_input(rx_t* rx);
void tcp_unreachable(tcpip_socket_t* socket);                              // the neighbour does not answer
void tcp_link_back(tcpip_socket_t* socket, const interface_t* interface);  // see socket_link_back
void tcp_idle_init(tcpip_t* stack);
void tcp_time_wait_forget_all(tcpip_t* stack);
void udp_input(rx_t* rx);
// Puts the protocol's header before the payload in `tx`; returns 0 or a negative errno. An echo message has
// one port, the local one, which is its identifier; with `local_port` 0 it is a reply and keeps the one it
// has.
int udp_header(const path_t* path, uint16_t local_port, uint16_t remote_port, tx_t* tx);
void echo_input(rx_t* rx);          // a reply
void echo_foreign_input(rx_t* rx);  // a request to a host that is stood in for
int echo_header(const path_t* path, uint16_t local_port, tx_t* tx);

#endif  // TCPIP_SOCK_H_
