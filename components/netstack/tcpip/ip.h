// The network layer from within: packets on their way in and out, paths, reassembly, ICMP.
#ifndef TCPIP_IP_H_
#define TCPIP_IP_H_

#include "base.h"
#include "link.h"

// A received packet. Everything lies in the caller's memory and lives as long as the call.
typedef struct rx {
  tcpip_t* stack;
  interface_t* interface;
  const uint8_t* network;  // the IP header, and behind it the rest of the packet
  size_t network_length;
  // The packet once more, in memory that others can change, if only its headers are at `network`: TCP takes
  // its payload from here.
  const uint8_t* shared;
  const uint8_t* transport;
  size_t transport_length;
  addr_t source, destination;
  bool v4;
  uint8_t protocol, ttl, tos;
  bool checksum_good;  // the transport checksum need not be verified
  bool fragmented;     // it was, or is, in fragments
  bool own;            // sent by this host
  bool router_alert;   // its header asks routers to look at it (RFC 2113, RFC 2711)
  bool to_group;       // multicast or broadcast, at the link or in the IP header: no errors are sent about it
  bool foreign;        // to a host that somebody may stand in for (stand_in.c): nobody else gets it
  uint16_t gso_size;   // several datagrams merged: payload of each but the last; 0 = one
  uint16_t tcp_size;   // the same for merged segments of TCP
} rx_t;

// A packet to be sent. Headers are written from the end of `head` to its front as it goes down the layers;
// the payload stays where it is, in pieces. iov[0] is for the headers, the payload begins at iov[1].
#define TX_HEAD 160
#define TX_IOV 20
#define TX_PAYLOAD_PIECES (TX_IOV - 2)  // a fragment's payload is the transport's header, too

struct tx {
  uint8_t head[TX_HEAD];
  size_t head_start;
  struct iovec iov[TX_IOV];
  size_t iov_count;         // iov[0] included
  size_t payload_length;    // bytes of iov[1] and on
  tcpip_offload_t offload;  // checksum_start counts from the end of head until the frame is complete
  tcpip_socket_t* socket;   // who is charged if it must wait, and told if it cannot
  bool must_keep;  // wait rather than be refused: the stack's own packets, and the rest of a datagram under
                   // way
};

static inline void tx_init(tx_t* tx, tcpip_socket_t* socket) {
  tx->head_start = TX_HEAD;
  tx->iov_count = 1;
  tx->payload_length = 0;
  tx->offload = (tcpip_offload_t){0};
  tx->socket = socket;
  tx->must_keep = !socket;
}
static inline uint8_t* tx_push(tx_t* tx, size_t length) {
  tx->head_start -= length;
  return tx->head + tx->head_start;
}
static inline size_t tx_head_length(const tx_t* tx) {
  return TX_HEAD - tx->head_start;
}
static inline size_t tx_length(const tx_t* tx) {
  return tx_head_length(tx) + tx->payload_length;
}
static inline void tx_add(tx_t* tx, const void* bytes, size_t length) {
  tx->iov[tx->iov_count].iov_base = (void*)(uintptr_t)bytes;
  tx->iov[tx->iov_count++].iov_len = length;
  tx->payload_length += length;
}

// Where a packet goes and how: the result of routing. It holds while `generation` is the stack's, until
// `expires`.
typedef struct path {
  uint32_t generation;
  interface_t* interface;
  addr_t source, destination, next_hop;
  uint32_t mtu;     // of the path
  int64_t expires;  // a learned MTU is to be tried anew then
  bool v4;
  bool broadcast;
  bool multicast;
} path_t;

typedef struct path_query {
  addr_t destination;
  addr_t source;       // unspecified: choose one
  uint32_t interface;  // 0: by route
  bool
      foreign;  // from a host that is stood in for: the source may be anyone's, the way is never to ourselves
} path_query_t;

// -ENETUNREACH, -ENETDOWN, -EADDRNOTAVAIL, -ENODEV.
int path_resolve(tcpip_t* stack, const path_query_t* query, path_t* out);
// A path over the link itself, for what stands below routing.
path_t path_on_link(interface_t* interface, const addr_t* source, const addr_t* destination);
// Is it still what path_resolve would answer?
bool path_valid(const tcpip_t* stack, const path_t* path);
// What a packet has whose sender does not choose.
static inline uint8_t path_hop_limit(const path_t* path) {
  return path->v4 ? DEFAULT_HOP_LIMIT : path->interface->hop_limit;
}
// The source address for `destination` on `interface` (RFC 6724, section 5, the rules that apply to us).
bool path_choose_source(const interface_t* interface, const addr_t* destination, addr_t* out);

// Path MTUs learned from ICMP.
uint32_t path_mtu_get(const tcpip_t* stack, const addr_t* destination, uint32_t link_mtu,
                      int64_t* out_expires);
void path_mtu_lower(tcpip_t* stack, const addr_t* destination, uint32_t link_mtu, uint32_t mtu);
void path_mtu_deinit(tcpip_t* stack);

// Routes.
// The best route over an interface that is up; any interface if 0. NULL if there is none.
struct route;
const struct route* route_find(const tcpip_t* stack, const addr_t* destination, uint32_t interface);
void route_remove_interface(tcpip_t* stack, uint32_t index);
// A route of IPv6 from a router, whose destination has no bits behind its prefix: enters it, or gives the one
// that is there another metric. 0, -ENOSPC, -ENOMEM. And the end of it, if it is there.
int route_learn(tcpip_t* stack, const struct route* route);
void route_unlearn(tcpip_t* stack, const struct route* route);
int route_add_subnet(interface_t* interface, const addr_t* address, unsigned prefix_length);
void route_remove_subnet(interface_t* interface, const addr_t* address, unsigned prefix_length);

typedef struct ip_fields {
  uint8_t protocol, ttl, tos;
  bool multicast_loop;        // a multicast also goes to this host's own members
  bool may_fragment;          // false: -EMSGSIZE if it is larger than the path takes
  bool routers_may_fragment;  // IPv4: without the flag that forbids it
  bool router_alert;          // with the option that asks routers to look at it (RFC 2113, RFC 2711)
} ip_fields_t;

// Sends `tx`, which holds the transport's header and payload. 0, -EMSGSIZE, -EAGAIN, -EHOSTUNREACH, -ENOBUFS.
int ip_output(tcpip_t* stack, const path_t* path, const ip_fields_t* fields, tx_t* tx);
// Writes the transport checksum at `offset` of its header, which is the front of `tx`; or asks the link to.
void ip_output_checksum(const path_t* path, uint8_t protocol, size_t offset, tx_t* tx);

// Who sent a packet: this host itself, another on the link to us or, at the link, to a group.
typedef enum ip_sender { IP_FROM_HOST, IP_FROM_LINK, IP_FROM_LINK_GROUP } ip_sender_t;

void ip_input(interface_t* interface, const uint8_t* packet, const uint8_t* shared, size_t length,
              const tcpip_offload_t* offload, ip_sender_t sender);
void ipv4_input(rx_t* rx);
void ipv6_input(rx_t* rx);
// What IPv4 and IPv6 hand to the protocols above; called again for reassembled packets.
void ipv4_deliver(rx_t* rx);
void ipv6_deliver(rx_t* rx, uint8_t next_header, size_t header_offset);

// Reassembly. `fragment` describes rx->transport, the fragment's part.
typedef struct fragment {
  uint32_t identification;
  uint16_t offset;
  bool more;
  uint8_t protocol;  // next header, of the first fragment
} fragment_t;
void reassembly_input(rx_t* rx, const fragment_t* fragment);
void reassembly_flush_interface(tcpip_t* stack, const interface_t* interface);
void reassembly_deinit(tcpip_t* stack);

// Loopback.
int loopback_output(interface_t* as_interface, tx_t* tx);
void loopback_deliver(tcpip_t* stack);

// ICMP, and what is like it.
void icmpv4_input(rx_t* rx);
void icmpv6_input(rx_t* rx);
void nd_input(rx_t* rx);
void igmp_input(rx_t* rx);
void mld_input(rx_t* rx);
// Sends an error about `rx`, unless the rules or the rate limit forbid it. `argument` is the second header
// word.
void icmpv4_error(rx_t* rx, uint8_t type, uint8_t code, uint32_t argument);
void icmpv6_error(rx_t* rx, uint8_t type, uint8_t code, uint32_t argument);
void icmp_port_unreachable(rx_t* rx);
// Sends an ICMP message from `source` (unspecified: choose) to `destination`; the first 4 octets are type,
// code, 0, 0. `ttl` 0: the default.
void icmp_send(interface_t* interface, const addr_t* source, const addr_t* destination, tx_t* tx, uint8_t ttl,
               uint8_t tos);

// A packet that nobody has any more, for an error that quotes it: its beginning is made up from this.
typedef struct icmp_quote {
  addr_t from, to;
  uint8_t protocol;
  const uint8_t* transport;
  size_t transport_length;  // at most TCP_HEADER
} icmp_quote_t;
// Tells `quote->from`, in the name of `quote->to`, that the packet was not delivered, if the rate limit
// allows it. False if no code of "destination unreachable" says `error`, a positive errno.
bool icmp_unreachable(interface_t* interface, const icmp_quote_t* quote, int error);

// An ICMP error that came in, reduced to what the transports need.
typedef struct icmp_error {
  const rx_t* rx;        // the message
  uint8_t type, code;    // of the message
  uint32_t info;         // what it tells besides: an MTU, or where in the packet the mistake is
  addr_t local, remote;  // source and destination of the packet it is about
  uint8_t protocol;
  const uint8_t* transport;  // as much of its transport header as was quoted, at least 8 octets
  size_t transport_length;
  int error;     // positive errno; EMSGSIZE: the path is narrower
  bool hard;     // ends a connection
  uint32_t mtu;  // for EMSGSIZE
  interface_t* interface;
  bool foreign;  // the packet was sent in the name of another host
} icmp_error_t;
// Fills in all but error, hard, mtu, type, code and info from the packet an error quotes; false if it is not
// one of ours.
bool icmp_error_parse(rx_t* rx, const uint8_t* quoted, size_t length, icmp_error_t* error);
void transport_error(tcpip_t* stack, const icmp_error_t* error);

#endif  // TCPIP_IP_H_
