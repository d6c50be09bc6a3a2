// A host that listens to the routers of its link, for the tests of what it takes from them.
#ifndef TESTS_TCPIP_AUTOCONF_HOST_H_
#define TESTS_TCPIP_AUTOCONF_HOST_H_

#include "router_peer.h"

#define PREFIX "2001:db8:1:2::"
#define PREFIX_BYTES 8

extern host_t h;
extern const uint8_t autoconf_secret[TCPIP_SECRET_SIZE];

// Fixtures. The careful host probes its addresses before it uses them.
void autoconf_setup(void);
void autoconf_setup_careful(void);
void autoconf_teardown(void);

// The learned addresses in a prefix; the only one there.
int learned(const char* prefix, tcpip_address_info_t out[32]);
int learned_count(const char* prefix);
tcpip_address_info_t the_address(const char* prefix);

// The router, by its number, that a far destination is reached by; 0: on the link, -1: not at all.
int way_to(const char* destination);
// From which address. 0 or a negative errno.
int source_to(const char* destination, tcpip_address_t* out);
int router_count(void);

// A router tells of itself; router 1 tells of a prefix (advert_prefix).
void hear(uint8_t number, uint16_t seconds);
void hear_prefix(const char* prefix, const char* flags, uint32_t valid, uint32_t preferred);

#endif  // TESTS_TCPIP_AUTOCONF_HOST_H_
