// A router, or somebody who says so, beside a host of the tests: its messages, byte by byte.
#ifndef TESTS_TCPIP_ROUTER_PEER_H_
#define TESTS_TCPIP_ROUTER_PEER_H_

#include "host.h"

#define FOREVER UINT32_MAX

// A message that grows by its options.
typedef struct advert {
  uint8_t bytes[1400];
  size_t length;
  tcpip_address_t from, to;
  uint8_t ttl;
} advert_t;

// Router `number` is fe80::N with the MAC 02:00:00:00:01:N; it says it is a default router for `seconds`.
advert_t advert_of(uint8_t number, uint16_t seconds);
void advert_preference(advert_t* advert, int preference);
void advert_prefix(advert_t* advert, const char* prefix, uint8_t length, const char* flags, uint32_t valid,
                   uint32_t preferred);  // flags: L on the link, A addresses are formed
void advert_mtu(advert_t* advert, uint32_t mtu);
void advert_mac(advert_t* advert, uint8_t number);
void advert_name_server(advert_t* advert, const char* address, uint32_t seconds);
void advert_domains(advert_t* advert, const void* names, size_t length, uint32_t seconds);
void advert_send(host_t* host, const advert_t* advert);

// A redirect by router `number`.
void redirect_send(host_t* host, uint8_t number, const char* destination, const char* target);
// An advertisement of a neighbour for `target`. `flags` as in the message.
void neighbour_advert_send(host_t* host, const char* target, const uint8_t mac[6], uint8_t flags);

// Takes what the host has sent up to the next ICMPv6 message of that type; `out` gets the IPv6 packet. False:
// none.
bool host_take_icmpv6(host_t* host, uint8_t type, uint8_t out[1500], size_t* length);

#endif  // TESTS_TCPIP_ROUTER_PEER_H_
