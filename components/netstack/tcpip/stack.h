// The one struct that holds a stack, and the small things every layer does with it.
#ifndef TCPIP_STACK_H_
#define TCPIP_STACK_H_

#include "base.h"
#include "hash.h"
#include "ip.h"
#include "link.h"
#include "list.h"
#include "table.h"
#include "wheel.h"

#define IP_IDS 256
#define ICMP_PEERS 256

// A token bucket: `tokens_ns` of credit, each message costs a fixed time.
typedef struct bucket {
  int64_t full_at;  // when it would be full again
} bucket_t;

typedef struct route {
  addr_t destination, gateway;  // gateway all zero: on the link
  unsigned prefix_length;       // over addr_t
  bool v4;
  interface_t* interface;
  uint32_t metric;
  bool learned;  // from a router; nothing that was added is ever taken for it
} route_t;

#define PORT_COUNTERS 16
#define HELD_PORTS_HEADS 256
#define TCP_LOANS_MAX 32

// A piece of received bytes that has stayed where it came in (tcp_loan.c).
typedef struct tcp_loan {
  struct tcp* tcp;  // whose bytes; NULL: nobody's any more
  const uint8_t* bytes;
  uint32_t length;
} tcp_loan_t;

struct tcpip {
  tcpip_ops_t ops;
  void* context;
  tcpip_limits_t limits;
  int64_t now;
  tcpip_stats_t stats;
  wheel_t wheel;
  hash_key_t table_key, secret_key, random_key;
  uint64_t random_count;

  interface_t* interfaces[INTERFACES_MAX];
  uint32_t interface_count;
  uint32_t next_index;
  route_t* routes;  // best first
  size_t route_count, route_room;
  uint32_t generation;  // changes with everything a path depends on

  table_t path_mtus;
  list_node_t path_mtu_ages;
  table_t reassemblies;
  list_node_t reassembly_ages;
  size_t reassembly_used;
  list_node_t loopback;  // waiting_t
  uint32_t loopback_count;
  size_t own_waiting;  // bytes of waiting packets that no socket pays for
  uint32_t ip_ids[IP_IDS];
  bucket_t icmp_bucket;
  bucket_t arp_bucket;
  bucket_t icmp_peers[ICMP_PEERS];
  int64_t challenge_second;  // when the present second of challenge ACKs began
  uint32_t challenges_left;  // in it

  uint32_t next_ports[PORT_COUNTERS];  // where connections look for a port next (RFC 6056, 3.3.4)
  table_t ports;                       // every bound socket, by protocol and local port
  table_t held_ports;   // likewise, connections whose port is not theirs; looked at by bind only
  table_t connections;  // sockets with a peer, by protocol and both endpoints
  table_t names;        // of connections whose sockets are gone, by both endpoints
  table_t held_names;   // likewise, by local port; looked at by bind only
  list_node_t clients;
  tcpip_client_t* orphanage;  // owns streams that were closed and are not finished
  bool closing;
  list_node_t resting;  // streams whose buffers have just emptied, longest first
  wheel_timer_t rest_timer;
  bool gathers_acks;
  list_node_t acks;  // streams that are to acknowledge once that is over
  bool lends;        // received payload stays where it is until the loans are settled
  uint32_t loan_count;
  tcp_loan_t loans[TCP_LOANS_MAX];  // of one connection in the order of its bytes
  size_t buffer_used;
};

#define count(stack, counter) ((stack)->stats.counter++)
#define count_many(stack, counter, number) ((stack)->stats.counter += (number))

static inline void trace(const tcpip_t* stack, const char* point) {
  if (stack->ops.trace) stack->ops.trace(stack->context, point);
}

uint64_t stack_random(tcpip_t* stack);
// Below `bound`, which is not 0.
uint32_t stack_random_below(tcpip_t* stack, uint32_t bound);

// The hash of an address and a number, for the tables.
static inline uint64_t stack_hash(const tcpip_t* stack, const addr_t* address, uint64_t extra) {
  uint64_t words[3] = {address->q[0], address->q[1], extra};
  return hash_words(&stack->table_key, words, 3);
}

// Takes `cost_ns` from a bucket that holds `burst_ns`; false if it has not that much.
static inline bool bucket_take(bucket_t* bucket, int64_t now, int64_t cost_ns, int64_t burst_ns) {
  int64_t start = bucket->full_at > now ? bucket->full_at : now;
  if (start + cost_ns - now > burst_ns) return false;
  bucket->full_at = start + cost_ns;
  return true;
}

#endif  // TCPIP_STACK_H_
