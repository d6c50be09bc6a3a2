// A socket that keeps message boundaries: UDP and ICMP echo.
#ifndef TCPIP_DATAGRAM_H_
#define TCPIP_DATAGRAM_H_

#include "datagram_errors.h"
#include "sock.h"
#include "stack.h"

#define MEMBERSHIPS_MAX 20

// A received datagram in the queue.
typedef struct datagram {
  list_node_t node;
  addr_t from, destination;
  int64_t timestamp;
  uint32_t interface;
  uint16_t from_port, to_port;
  uint8_t ttl, tos;
  bool to_group;
  uint32_t length;
  uint8_t bytes[];
} datagram_t;

typedef struct membership {
  addr_t group;
  uint32_t interface;
} membership_t;

// What has been said so far of a datagram that is sent in pieces.
typedef struct datagram_pieces {
  tcpip_send_t first;  // without its bytes
  tcpip_endpoint_t to;
  tcpip_address_t source;
  uint8_t* bytes;
  size_t length, room;  // `room` is charged to the client
} datagram_pieces_t;

typedef struct datagram_socket {
  tcpip_socket_t base;
  list_node_t queue;  // datagram_t
  datagram_errors_t errors;
  size_t rx_bytes, rx_limit;
  size_t held;  // of rx_bytes, what waits elsewhere to be read
  bool broadcast;
  bool cork;                  // what is sent are pieces
  datagram_pieces_t* pieces;  // NULL: none
  bool multicast_loop, multicast_loop_v6;
  uint8_t ttl, tos, multicast_ttl;
  uint8_t hops, traffic_class, multicast_hops;
  bool hops_chosen;  // else they are the interface's
  uint32_t multicast_interface, multicast_interface_v6;
  // The last path taken and the question it answers.
  path_query_t query;
  path_t path;
  membership_t* memberships;  // MEMBERSHIPS_MAX of them, made with the first
  uint32_t membership_count;
} datagram_socket_t;

static inline datagram_socket_t* datagram_socket(tcpip_socket_t* socket) {
  return list_owner(socket, datagram_socket_t, base);
}
static inline const datagram_socket_t* datagram_socket_const(const tcpip_socket_t* socket) {
  return (const datagram_socket_t*)(const void*)socket;
}

// TCPIP_MTU_* for packets of the family.
static inline uint8_t datagram_mtu_discover(const datagram_socket_t* d, bool v4) {
  return v4 ? d->base.mtu_discover : d->base.mtu_discover_v6;
}

// Whether packets under that are never to be fragmented, here or under way.
static inline bool datagram_sends_whole(uint8_t mtu_discover) {
  return mtu_discover == TCPIP_MTU_DO || mtu_discover == TCPIP_MTU_PROBE;
}

// Takes `bytes` from the receive buffer, and gives them back. False: it is full, or the client's share is.
bool datagram_charge(datagram_socket_t* d, size_t bytes);
void datagram_release(datagram_socket_t* d, size_t bytes);
// Copies as much as there is room for, and returns how much that is.
size_t datagram_scatter(const tcpip_recv_t* recv, const uint8_t* bytes, size_t length);
void datagram_icmp_error(tcpip_socket_t* socket, const icmp_error_t* error);

void datagram_options_init(datagram_socket_t* d);
int datagram_set(tcpip_socket_t* socket, tcpip_option_t option, int64_t value);
int datagram_get(const tcpip_socket_t* socket, tcpip_option_t option, int64_t* out);
int datagram_join(tcpip_socket_t* socket, const addr_t* group, uint32_t interface);
int datagram_leave(tcpip_socket_t* socket, const addr_t* group, uint32_t interface);
void datagram_leave_all(datagram_socket_t* d);

int64_t datagram_send(tcpip_socket_t* socket, const tcpip_send_t* send);
// What would keep a datagram like that from being sent, whatever its bytes are; it has a port then. Sends it.
int datagram_send_check(datagram_socket_t* d, const tcpip_send_t* send);
int64_t datagram_send_whole(datagram_socket_t* d, const tcpip_send_t* send);
// Another piece, or the first; after the last one the datagram goes out. What fails takes the pieces before
// it along, but for -EAGAIN.
int64_t datagram_send_piece(datagram_socket_t* d, const tcpip_send_t* send);
// Sends what has been gathered, if anything. Forgets it.
void datagram_send_pieces(datagram_socket_t* d);
void datagram_drop_pieces(datagram_socket_t* d);
// The path for a destination, from the cache if it is the same as last time.
int datagram_path(datagram_socket_t* d, const path_query_t* query);

#endif  // TCPIP_DATAGRAM_H_
