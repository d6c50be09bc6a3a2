// Addresses as the engine's callers see them. Octets are in network byte order, ports and prefix lengths are
// plain numbers in host order.
#ifndef TCPIP_ADDRESS_H_
#define TCPIP_ADDRESS_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The network protocol an address belongs to, or none: a zeroed tcpip_address_t means "not given".
enum { TCPIP_NONE = 0, TCPIP_IPV4 = 4, TCPIP_IPV6 = 6 };

#define TCPIP_MAC_SIZE 6
#define TCPIP_INTERFACE_NAME_SIZE 16  // with the terminating zero

typedef struct tcpip_address {
  uint8_t family;     // TCPIP_NONE, TCPIP_IPV4 or TCPIP_IPV6
  uint8_t bytes[16];  // 4 or 16 of them count; the rest is zero
} tcpip_address_t;

// Where a datagram goes or comes from. `zone` is the interface a link-local IPv6 address belongs to, else 0.
// On an IPv6 socket that is not IPv6-only, IPv4 peers appear as IPv4-mapped addresses (::ffff:a.b.c.d), both
// ways.
typedef struct tcpip_endpoint {
  tcpip_address_t address;
  uint16_t port;
  uint32_t zone;
} tcpip_endpoint_t;

typedef struct tcpip_subnet {
  tcpip_address_t address;
  uint8_t prefix_length;
} tcpip_subnet_t;

// Both make an address from its octets in network byte order.
tcpip_address_t tcpip_ipv4(const uint8_t bytes[4]);
tcpip_address_t tcpip_ipv6(const uint8_t bytes[16]);

// Reads "10.0.2.15" or "fe80::1" (no zone, no prefix). False, and `*out` untouched, if it is neither.
bool tcpip_address_parse(const char* text, tcpip_address_t* out);

#define TCPIP_ADDRESS_TEXT_SIZE 46  // with the terminating zero

// Writes `address` as text (RFC 5952 for IPv6); "-" for TCPIP_NONE.
void tcpip_address_format(const tcpip_address_t* address, char text[TCPIP_ADDRESS_TEXT_SIZE]);

bool tcpip_address_equal(const tcpip_address_t* a, const tcpip_address_t* b);

#endif  // TCPIP_ADDRESS_H_
