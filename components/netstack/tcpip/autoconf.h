// What is known of an interface's routers, and from them.
//
//   nd_router.c         routers' messages: which are to be believed, and what they say
//   autoconf.c          asking for routers; the time at which what is known ends
//   autoconf_router.c   default routers, and redirects
//   autoconf_prefix.c   prefixes, and the addresses formed in them
//   autoconf_names.c    name servers and search domains
#ifndef TCPIP_AUTOCONF_H_
#define TCPIP_AUTOCONF_H_

#include "stack.h"

// Bounds on what is kept for each interface.
#define ROUTERS_MAX 8
#define REDIRECTS_MAX 32
#define PREFIXES_MAX 16
#define NAME_SERVERS_MAX 8
#define SEARCH_DOMAINS_MAX 8

#define FOR_EVER UINT32_MAX  // of lifetimes in messages

// Times are of the stack's clock, INT64_MAX never; what has `until` 0 is not there.
typedef struct router {
  addr_t address;
  int64_t until;
  int8_t preference;  // 1, 0, -1
  uint32_t failed;    // the order in which routers have failed to answer; 0: it has not
} router_t;

typedef struct redirect {
  addr_t destination;
  addr_t gateway;  // unspecified: the destination is on the link
  int64_t until;
} redirect_t;

typedef struct prefix {
  addr_t prefix;
  unsigned length;
  int64_t on_link_until;
  int64_t address_until;  // an address is formed in it, or cannot be
  addr_t address;
  uint8_t tries;  // so many others had the identifiers drawn before
} prefix_t;

typedef struct name_server {
  addr_t address;
  int64_t until;
} name_server_t;

typedef struct search_domain {
  char name[TCPIP_DOMAIN_SIZE];
  int64_t until;
} search_domain_t;

struct autoconf {
  interface_t* interface;
  bool known_unique;
  hash_key_t secret;
  bool changed;  // its user is still to be told
  wheel_timer_t timer;
  bucket_t messages;
  int64_t solicit_at, solicit_pause;
  uint32_t failures;
  router_t routers[ROUTERS_MAX];
  redirect_t redirects[REDIRECTS_MAX];
  prefix_t prefixes[PREFIXES_MAX];
  // In the order in which they were heard of, those that are not there last.
  name_server_t name_servers[NAME_SERVERS_MAX];
  search_domain_t domains[SEARCH_DOMAINS_MAX];
};

// The end of a lifetime that begins now.
static inline int64_t lifetime_end(const autoconf_t* a, uint32_t seconds) {
  return seconds == FOR_EVER ? INT64_MAX : a->interface->stack->now + seconds * NS_PER_S;
}

// What a router says of itself: 0 seconds is that it is none for this host.
void autoconf_router_heard(autoconf_t* a, const addr_t* address, uint32_t seconds, int preference);
// `destination` is to be reached by way of `gateway`, or on the link if they are the same.
void autoconf_redirected(autoconf_t* a, const addr_t* destination, const addr_t* gateway);
void autoconf_redirects_forget(autoconf_t* a);

typedef struct prefix_news {
  addr_t prefix;
  unsigned length;
  bool on_link, autonomous;
  bool to_all;  // other hosts hear of it at the same moment
  uint32_t valid_s, preferred_s;
} prefix_news_t;
void autoconf_prefix_heard(autoconf_t* a, const prefix_news_t* news);

// `addresses` are `count` of 16 octets. `domains` are `length` octets of names as in DNS messages, with
// octets of zero behind.
void autoconf_name_servers_heard(autoconf_t* a, const uint8_t* addresses, size_t count, uint32_t seconds);
void autoconf_domains_heard(autoconf_t* a, const uint8_t* domains, size_t length, uint32_t seconds);

// A router was heard that has routes: no more need to ask.
void autoconf_router_found(autoconf_t* a);
// After one or several of the above: the timer is set to what ends next, and the user told of what has
// changed.
void autoconf_settle(autoconf_t* a);

// Each lets go of what has ended, and says when the next will.
int64_t autoconf_routers_expire(autoconf_t* a);
int64_t autoconf_prefixes_expire(autoconf_t* a);
int64_t autoconf_names_expire(autoconf_t* a);
bool autoconf_has_router(const autoconf_t* a);

// A question for routers; from the unspecified address while there is no link-local one.
void nd_solicit_routers(interface_t* interface);

#endif  // TCPIP_AUTOCONF_H_
