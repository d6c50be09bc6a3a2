// Interfaces and what is configured on them: addresses, routes, neighbours.
#ifndef TCPIP_INTERFACE_H_
#define TCPIP_INTERFACE_H_

#include <tcpip/address.h>

typedef struct tcpip tcpip_t;

// The loopback interface's index. Others get 2, 3, ... and no index is used twice in the life of a stack.
#define TCPIP_LOOPBACK 1u

// What an interface's link does for us.
enum {
  TCPIP_LINK_TX_CHECKSUM = 1,  // completes partial TCP and UDP checksums
  TCPIP_LINK_TX_TSO = 2,       // segments TCP
  TCPIP_LINK_TX_USO = 4,       // segments UDP
};

typedef struct tcpip_interface_config {
  char name[TCPIP_INTERFACE_NAME_SIZE];  // unique, not empty
  uint8_t mac[TCPIP_MAC_SIZE];           // unicast, not zero
  uint32_t mtu;                          // bytes of an IP packet, 68 to 65535; below 1280 it carries no IPv6
  uint32_t link_features;                // TCPIP_LINK_*
} tcpip_interface_config_t;

typedef struct tcpip_interface_info {
  uint32_t index;
  char name[TCPIP_INTERFACE_NAME_SIZE];
  uint8_t mac[TCPIP_MAC_SIZE];
  uint32_t mtu;
  bool up;
  bool loopback;
  uint64_t rx_frames, rx_bytes, rx_dropped, tx_frames, tx_bytes, tx_dropped;
} tcpip_interface_info_t;

// Adds an Ethernet interface, down. -EEXIST if the name is taken, -EINVAL if the configuration is not as it
// must be, -ENOSPC after 64 interfaces.
int tcpip_interface_add(tcpip_t* stack, const tcpip_interface_config_t* config, uint32_t* out_index);

// Gives an interface that is down another link: its hardware address, MTU and link features become those of
// `config`, whose name is not looked at. Addresses, routes and sockets stay; the peers learn the new hardware
// address when it comes up. -ENODEV; -EBUSY for the loopback interface or while it is up; -EINVAL as for
// tcpip_interface_add.
int tcpip_interface_change(tcpip_t* stack, uint32_t index, const tcpip_interface_config_t* config);

// Takes an interface away with its addresses, routes and neighbours; sockets bound to it get -ENODEV as
// pending error. -ENODEV if there is none, -EBUSY for the loopback interface.
int tcpip_interface_remove(tcpip_t* stack, uint32_t index);

// Brings an interface up (it gets its IPv6 link-local address, announces its addresses, joins their groups
// and reports all groups to the link's multicast routers: RFC 9776, RFC 9777) or down (its learned neighbours
// are forgotten and what waits on it is dropped; addresses and routes stay). -ENODEV.
int tcpip_interface_set_up(tcpip_t* stack, uint32_t index, bool up);

// -ENODEV if there is no such interface.
int tcpip_interface_get(const tcpip_t* stack, uint32_t index, tcpip_interface_info_t* out);

// The index of the interface called `name`, 0 if there is none.
uint32_t tcpip_interface_find(const tcpip_t* stack, const char* name);

// The smallest index above `index`, 0 at the end: start with 0 to walk all interfaces.
uint32_t tcpip_interface_next(const tcpip_t* stack, uint32_t index);

// Gives an interface an address; the route to its subnet comes with it. An IPv6 address is tentative until
// duplicate address detection is done (1 s; it cannot be a source before), unless `known_unique`. -ENODEV;
// -EEXIST if the interface has it; -EINVAL if it is not unicast or the prefix is too long; -ENOSPC after 32.
int tcpip_address_add(tcpip_t* stack, uint32_t index, const tcpip_subnet_t* subnet, bool known_unique);

// -ENODEV, -EADDRNOTAVAIL if the interface has no such address. Sockets bound to it stay but cannot send.
int tcpip_address_remove(tcpip_t* stack, uint32_t index, const tcpip_address_t* address);

typedef enum tcpip_address_state {
  TCPIP_ADDRESS_TENTATIVE,
  TCPIP_ADDRESS_ASSIGNED,
  TCPIP_ADDRESS_DUPLICATE,  // another host has it: never used
} tcpip_address_state_t;

typedef struct tcpip_address_info {
  tcpip_subnet_t subnet;
  tcpip_address_state_t state;
  // Formed in a prefix of a router's (<tcpip/routers.h>). The subnet need not be on the link.
  bool learned;
  bool deprecated;                             // nothing new begins with it as its source if there is another
  int64_t preferred_until_ns, valid_until_ns;  // TCPIP_NEVER where nobody has said
} tcpip_address_info_t;

// Copies up to `capacity` addresses of an interface to `out` and returns how many there are in all; -ENODEV.
int tcpip_address_list(const tcpip_t* stack, uint32_t index, tcpip_address_info_t* out, size_t capacity);

// A route. The longest prefix that holds the destination wins, then the lowest metric, then the oldest.
typedef struct tcpip_route {
  tcpip_subnet_t destination;  // prefix length 0: the default route of that family
  tcpip_address_t gateway;     // TCPIP_NONE: the destination is on the link
  uint32_t interface;
  uint32_t metric;
} tcpip_route_t;

// -ENODEV; -EINVAL if families differ, the prefix is too long or the gateway is not unicast; -EEXIST if there
// is an equal route (metric aside); -ENOSPC at the limit.
int tcpip_route_add(tcpip_t* stack, const tcpip_route_t* route);

// Removes the route with the same destination, gateway and interface. -ESRCH if there is none.
int tcpip_route_remove(tcpip_t* stack, const tcpip_route_t* route);

// Copies up to `capacity` routes to `out`, best first, and returns how many there are in all.
size_t tcpip_route_list(const tcpip_t* stack, tcpip_route_t* out, size_t capacity);

// The way to a destination as a socket without options would take it: the interface, the next hop on its link
// (the gateway or the destination itself) and the source address. -ENETUNREACH, -EADDRNOTAVAIL if no source
// fits.
typedef struct tcpip_path {
  uint32_t interface;
  tcpip_address_t next_hop;
  tcpip_address_t source;
  uint32_t mtu;
} tcpip_path_t;
int tcpip_route_resolve(tcpip_t* stack, const tcpip_address_t* destination, uint32_t zone, tcpip_path_t* out);

// The states of RFC 4861, used for ARP as well.
typedef enum tcpip_neighbour_state {
  TCPIP_NEIGHBOUR_INCOMPLETE,
  TCPIP_NEIGHBOUR_REACHABLE,
  TCPIP_NEIGHBOUR_STALE,
  TCPIP_NEIGHBOUR_DELAY,
  TCPIP_NEIGHBOUR_PROBE,
  TCPIP_NEIGHBOUR_UNREACHABLE,  // resolution failed a moment ago; not tried again until the entry expires
  TCPIP_NEIGHBOUR_STATIC,
} tcpip_neighbour_state_t;

typedef struct tcpip_neighbour {
  tcpip_address_t address;
  uint8_t mac[TCPIP_MAC_SIZE];
  tcpip_neighbour_state_t state;
  bool router;
  uint32_t queued_packets;
} tcpip_neighbour_t;

// Enters an address that is never asked for and never expires; it replaces what was learned. -ENODEV, -EINVAL
// if the address is not unicast or `mac` is a group address.
int tcpip_neighbour_set(tcpip_t* stack, uint32_t index, const tcpip_address_t* address,
                        const uint8_t mac[TCPIP_MAC_SIZE]);

// Forgets an entry, static or learned; packets that waited for it are dropped. -ENODEV, -ENOENT.
int tcpip_neighbour_remove(tcpip_t* stack, uint32_t index, const tcpip_address_t* address);

// Copies up to `capacity` entries of an interface to `out` and returns how many there are in all; -ENODEV.
int tcpip_neighbour_list(const tcpip_t* stack, uint32_t index, tcpip_neighbour_t* out, size_t capacity);

#endif  // TCPIP_INTERFACE_H_
