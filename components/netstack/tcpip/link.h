// Interfaces from within: addresses, multicast groups, neighbours, and the packets that wait on them.
#ifndef TCPIP_LINK_H_
#define TCPIP_LINK_H_

#include "base.h"
#include "list.h"
#include "table.h"
#include "wheel.h"

#define INTERFACES_MAX 64
#define ADDRESSES_MAX 32
#define BACKLOG_MAX 256         // frames that wait for the link, per interface
#define NEIGHBOUR_QUEUE_MAX 64  // packets that wait for one neighbour
#define NEIGHBOUR_QUEUE_BYTES (256u << 10)
#define NEIGHBOUR_REACHABLE_TIME (30 * NS_PER_S)
#define NEIGHBOUR_RETRANS_TIME (1 * NS_PER_S)
#define OWN_WAITING_BYTES (4u << 20)  // the stack's own packets that wait, all together

typedef struct interface interface_t;
typedef struct tx tx_t;
typedef struct autoconf autoconf_t;

typedef struct interface_address {
  list_node_t node;
  interface_t* interface;
  addr_t address;
  unsigned prefix_length;  // over addr_t
  tcpip_address_state_t state;
  bool learned;     // formed in a prefix of a router's
  bool deprecated;  // nothing new is to begin with it
  bool dad_waits;   // duplicate detection begins when its timer fires
  int64_t preferred_until, valid_until;
  wheel_timer_t dad_timer;
} interface_address_t;

typedef struct group {
  list_node_t node;
  interface_t* interface;
  addr_t address;
  uint32_t members;  // sockets and the stack's own needs; 0: it was left, and routers are still to be told
  // Reports to the link's routers (group_report.c).
  wheel_timer_t timer;  // runs while one is due, at `due_at`
  int64_t due_at;
  uint8_t changes_left;  // how many are still to say that it was joined, or left
  bool reported;         // ours was the last one heard, so that its leaving is ours to tell
} group_t;

// What an interface's multicast routers have said, of one family.
typedef struct querier {
  uint8_t robustness;                        // how often a change is reported; 0: the default
  int64_t version_1_until, version_2_until;  // until then one of them speaks no more than that version
} querier_t;

// A packet that was copied because it cannot leave yet: for a neighbour's address (IP packet), for room on
// the link (whole frame) or for the next turn of the loopback interface (IP packet).
typedef struct waiting {
  list_node_t node;
  list_node_t owner_node;  // in the socket's `waiting` or the client's `orphans`
  tcpip_socket_t* socket;  // who sent it, if it is still there
  tcpip_client_t* client;  // who is charged; NULL: the stack
  interface_t* interface;  // loopback: the interface it arrives on
  tcpip_offload_t offload;
  size_t
      start;  // where the packet or frame begins in `bytes`: room for the Ethernet header is kept before it
  size_t length;
  size_t charged;
  uint8_t bytes[];
} waiting_t;

typedef struct neighbour {
  table_node_t node;
  list_node_t age;  // in the table's list, longest unused first
  interface_t* interface;
  addr_t address;
  uint8_t mac[TCPIP_MAC_SIZE];
  bool router;
  bool permanent;
  tcpip_neighbour_state_t state;
  uint8_t probes;
  wheel_timer_t timer;
  list_node_t queue;  // waiting_t
  uint32_t queued;
  size_t queued_bytes;
} neighbour_t;

// The kinds of sockets that can stand in for the hosts behind an interface (stand_in.c).
enum { STAND_IN_TCP, STAND_IN_UDP, STAND_IN_ECHO, STAND_IN_KINDS };

struct interface {
  tcpip_t* stack;
  tcpip_interface_info_t info;
  uint32_t link_features;
  list_node_t addresses;  // interface_address_t
  uint32_t address_count;
  list_node_t groups;     // group_t
  querier_t queriers[2];  // [true]: IPv4's
  autoconf_t* autoconf;   // NULL: its routers are not listened to
  // Of IPv6, as its routers say.
  uint8_t hop_limit;
  uint32_t mtu_v6;  // 0: that of the link
  int64_t reachable_time, retrans_time;
  table_t neighbours;
  list_node_t neighbour_ages;  // learned ones only
  list_node_t backlog;         // waiting_t
  uint32_t backlog_count;
  bool link_full;
  list_node_t refused;                           // sockets to be told when the link has room
  tcpip_socket_t* stand_ins[2][STAND_IN_KINDS];  // [true]: IPv4's; NULL where there is none
};

interface_t* interface_find(const tcpip_t* stack, uint32_t index);
interface_t* interface_create(tcpip_t* stack, const tcpip_interface_config_t* config, bool loopback);
void interface_destroy(interface_t* interface);
void interface_link_local(interface_t* interface);

// Addresses. A tentative or duplicate one is not ours to use.
interface_address_t* interface_address_find(const interface_t* interface, const addr_t* address);
bool interface_has_address(const interface_t* interface, const addr_t* address);
bool interface_is_subnet_broadcast(const interface_t* interface, const addr_t* address);
int interface_address_add(interface_t* interface, const addr_t* address, unsigned prefix_length,
                          bool known_unique);
// One formed in a prefix of a router's: no route comes with it. Its detection of duplicates begins after
// `delay`.
int interface_address_learn(interface_t* interface, const addr_t* address, bool known_unique, int64_t delay);
void interface_address_destroy(interface_address_t* address);
void interface_addresses_announce(interface_t* interface);
void interface_addresses_pause(interface_t* interface);
// Another host was seen using or probing `address`: detection ends with a duplicate if it was tentative.
void interface_address_conflict(interface_t* interface, const addr_t* address);
// Which interface has `address`, assigned; NULL if none.
interface_t* address_owner(const tcpip_t* stack, const addr_t* address);
// An address to speak to the link's routers from; unspecified while there is none.
addr_t interface_link_local_source(const interface_t* interface);
// The largest packet of the family.
uint32_t interface_mtu(const interface_t* interface, bool v4);

// Listening to routers (autoconf.h tells what is known of them). Nothing happens where they are not listened
// to.
void autoconf_up(interface_t* interface);
void autoconf_down(interface_t* interface);
void autoconf_destroy(interface_t* interface);
// What becomes of an address that was formed: it can be used, or another host has it.
void autoconf_address_assigned(interface_t* interface);
void autoconf_duplicate(interface_t* interface, const addr_t* address);
// What is known of a neighbour, which may be a router: it does not answer, it does, or it says that it is
// none.
void autoconf_neighbour_failed(interface_t* interface, const addr_t* address);
void autoconf_neighbour_answers(interface_t* interface, const addr_t* address);
void autoconf_no_router(interface_t* interface, const addr_t* address);

// Groups.
bool group_joined(const interface_t* interface, const addr_t* group);
int group_join(interface_t* interface, const addr_t* group);
void group_leave(interface_t* interface, const addr_t* group);
void group_destroy(group_t* group);
void group_destroy_all(interface_t* interface);
void group_mac(const addr_t* group, uint8_t mac[TCPIP_MAC_SIZE]);

// Reports of groups to the link's multicast routers and switches: IGMP and MLD. Versions are IGMP's: MLDv1 is
// 2, MLDv2 is 3.
enum { GROUP_VERSION_1 = 1, GROUP_VERSION_2, GROUP_VERSION_3 };
// The numbers are those of the records of version 3: what this host takes is "all but no source", or none.
typedef enum group_news { GROUP_IS_MEMBER = 2, GROUP_WAS_LEFT, GROUP_WAS_JOINED } group_news_t;
// `group` has its first member or has lost its last; it is destroyed then, now or when that has been
// reported.
void group_report_change(group_t* group);
// Reports all groups of the family as if they were joined now.
void group_report_all(interface_t* interface, bool v4);
// Nothing more is reported; groups that were left are destroyed.
void group_report_stop(interface_t* interface);
typedef struct group_query {
  addr_t group;  // unspecified: all of its family
  uint8_t version;
  uint8_t robustness;  // version 3; 0: the default
  int64_t delay;       // the longest time until the report, ns
} group_query_t;
void group_query_heard(interface_t* interface, const group_query_t* query);
// Another member has reported `group`, in a version before 3.
void group_report_heard(interface_t* interface, const addr_t* group);
void igmp_report(interface_t* interface, const addr_t* group, unsigned version, group_news_t news);
void mld_report(interface_t* interface, const addr_t* group, unsigned version, group_news_t news);

// Neighbours.
// Sends `tx`, whose headers are complete up to IP, to `next_hop`: now, or when its address is known. 0, or
// -EHOSTUNREACH if it does not answer, -EAGAIN, -ENOBUFS.
int neighbour_output(interface_t* interface, const addr_t* next_hop, tx_t* tx);
// A packet that says "`address` is at `mac`". `solicited`: it answers a question; `override`: it may replace
// a different mac; `create`: an entry is made if there is none.
typedef struct neighbour_news {
  const addr_t* address;
  const uint8_t* mac;  // NULL if the packet did not tell
  bool solicited, override, create;
  bool is_advert;  // the router flag counts
  bool router;
} neighbour_news_t;
void neighbour_learn(interface_t* interface, const neighbour_news_t* news);
// An upper layer knows that the neighbour hears us (RFC 4861, 7.3.1).
void neighbour_confirm(interface_t* interface, const addr_t* address);
// It sees no progress: what was known of the neighbour is to be checked at its next use.
void neighbour_suspect(interface_t* interface, const addr_t* address);
// Whether it answers is to be found out now, if its address is known.
void neighbour_check(interface_t* interface, const addr_t* address);
int neighbour_set(interface_t* interface, const addr_t* address, const uint8_t mac[TCPIP_MAC_SIZE]);
int neighbour_forget(interface_t* interface, const addr_t* address);
void neighbour_flush(interface_t* interface, bool permanent_too);

// ARP.
void arp_input(interface_t* interface, const uint8_t* packet, size_t length);
void arp_request(interface_t* interface, const addr_t* target, const uint8_t* unicast_mac);
void arp_announce(interface_t* interface, const addr_t* address);

// Neighbour discovery's questions and unsolicited answers. `source` NULL: detection of duplicates.
void nd_solicit(interface_t* interface, const addr_t* source, const addr_t* target,
                const uint8_t* unicast_mac);
void nd_announce(interface_t* interface, const addr_t* address);

// Ethernet.
// Sends `tx` as a frame. -EAGAIN: the link is full and nothing was kept; a tx that must be kept is copied and
// sent later instead, if there is room in the backlog.
int ethernet_output(interface_t* interface, const uint8_t mac[TCPIP_MAC_SIZE], uint16_t type, tx_t* tx);
// The same for an IP packet that has waited (its checksum_start counts from its first octet); consumes it.
void ethernet_output_waiting(interface_t* interface, const uint8_t mac[TCPIP_MAC_SIZE], uint16_t type,
                             waiting_t* waiting);
void ethernet_link_writable(interface_t* interface);

// Copies `tx` (headers and payload) and charges `tx->socket`, or the stack's own allowance if there is none.
// 0, -EAGAIN if the socket has too much waiting already, -ENOBUFS.
int waiting_create(interface_t* interface, const tx_t* tx, waiting_t** out);
void waiting_destroy(waiting_t* waiting);
void waiting_destroy_all(list_node_t* list);

#endif  // TCPIP_LINK_H_
