// What an interface takes from the IPv6 routers on its link, where it is told to: stateless address
// autoconfiguration (RFC 4862) and the parts of neighbour discovery that are routers' (RFC 4861).
//
// Routers are asked for with a back-off (RFC 7559) and tell of themselves (default routes, with their
// preference: RFC 4191), of prefixes (routes, and addresses that are formed in them), of name servers and
// search domains (RFC 8106), and of the link's MTU, hop limit and times. All of it has a lifetime. Learned
// routes stand behind those that were added. Nobody on a link can be told from a router, so everything is
// bounded in number, in value and in rate, and what is known is not pushed out by what is new.
#ifndef TCPIP_ROUTERS_H_
#define TCPIP_ROUTERS_H_

#include <tcpip/address.h>

typedef struct tcpip tcpip_t;

#define TCPIP_SECRET_SIZE 16
#define TCPIP_DOMAIN_SIZE 254  // with the terminating zero

typedef struct tcpip_autoconf_config {
  // Nobody else on the link can have the addresses: they are usable without being probed for duplicates.
  bool known_unique;
  // The identifiers of addresses are made from it, the prefix and the interface's name (RFC 7217): with the
  // same secret a host has the same address whenever it comes back to a network. All zero: drawn from the
  // stack's.
  uint8_t secret[TCPIP_SECRET_SIZE];
} tcpip_autoconf_config_t;

// From now on routers are listened to on the interface, and asked for while it is up and none has been heard.
// tcpip_ops_t.autoconfigured is called when something has changed. -ENODEV; -EINVAL for the loopback
// interface; -EALREADY.
int tcpip_autoconf_start(tcpip_t* stack, uint32_t index, const tcpip_autoconf_config_t* config);

typedef struct tcpip_router {
  tcpip_address_t address;  // link-local
  int64_t until_ns;         // it is a default router until then
  int preference;           // 1: high, 0: medium, -1: low
  bool suspect;             // it has not answered: used if no other is better
} tcpip_router_t;

// Each copies up to `capacity` to `out` and returns how many there are in all; 0 also where routers are not
// listened to. -ENODEV. Routers are in no order, name servers and domains in that in which they were heard
// of.
int tcpip_router_list(const tcpip_t* stack, uint32_t index, tcpip_router_t* out, size_t capacity);
int tcpip_name_server_list(const tcpip_t* stack, uint32_t index, tcpip_address_t* out, size_t capacity);
int tcpip_search_domain_list(const tcpip_t* stack, uint32_t index, char (*out)[TCPIP_DOMAIN_SIZE],
                             size_t capacity);

#endif  // TCPIP_ROUTERS_H_
