// What every file of the engine speaks in: addresses as 16 octets whatever their family, numbers in network
// byte order, and the protocol numbers that more than one layer needs.
#ifndef TCPIP_BASE_H_
#define TCPIP_BASE_H_

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <inet/bytes.h>
#include <tcpip/tcpip.h>

// An address inside the engine. IPv4 is kept IPv4-mapped (::ffff:a.b.c.d), so one comparison, one hash and
// one prefix match serve both families and dual-stack sockets need no second representation. The unspecified
// address of IPv6 is all zero, that of IPv4 is ::ffff:0.0.0.0.
typedef union addr {
  uint8_t b[16];
  uint64_t q[2];
} addr_t;

#define ADDR_V4_PREFIX 96u  // what an IPv4 prefix length is short of one over addr_t

enum { PROTOCOL_ICMPV4 = 1, PROTOCOL_IGMP, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, PROTOCOL_ICMPV6 = 58 };
enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_ARP = 0x0806, ETHERTYPE_IPV6 = 0x86dd };

#define ETHERNET_HEADER 14u
#define IPV4_HEADER 20u
#define IPV6_HEADER 40u
#define IPV6_FRAGMENT_HEADER 8u
#define IPV4_ALERT_OPTION 4u
#define IPV6_ALERT_HEADER 8u
#define IPV6_MIN_MTU 1280u
#define TCP_HEADER 20u
#define UDP_HEADER 8u
#define ICMP_HEADER 8u
#define DEFAULT_HOP_LIMIT 64

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

static inline addr_t addr_v4(const uint8_t bytes[4]) {
  addr_t a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, bytes[0], bytes[1], bytes[2], bytes[3]}};
  return a;
}
static inline addr_t addr_v6(const uint8_t bytes[16]) {
  addr_t a;
  memcpy(a.b, bytes, sizeof a.b);
  return a;
}
static inline bool addr_equal(const addr_t* a, const addr_t* b) {
  return a->q[0] == b->q[0] && a->q[1] == b->q[1];
}
static inline bool addr_is_v4(const addr_t* a) {
  return a->q[0] == 0 && a->b[8] == 0 && a->b[9] == 0 && a->b[10] == 0xff && a->b[11] == 0xff;
}
static inline uint32_t addr_v4_number(const addr_t* a) {
  return be32_get(a->b + 12);
}
static inline bool addr_is_any(const addr_t* a) {
  return (a->q[0] == 0 && a->q[1] == 0) || (addr_is_v4(a) && addr_v4_number(a) == 0);
}
static inline bool addr_is_multicast(const addr_t* a) {
  return addr_is_v4(a) ? (a->b[12] & 0xf0) == 0xe0 : a->b[0] == 0xff;
}
static inline bool addr_is_limited_broadcast(const addr_t* a) {
  return addr_is_v4(a) && addr_v4_number(a) == UINT32_MAX;
}
static inline bool addr_is_loopback(const addr_t* a) {
  if (addr_is_v4(a)) return a->b[12] == 127;
  static const addr_t loopback = {{[15] = 1}};
  return addr_equal(a, &loopback);
}
static inline bool addr_is_link_local(const addr_t* a) {
  return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}
// Needs an interface beside it to mean anything: link-local unicast, interface-local and link-local groups.
static inline bool addr_is_scoped(const addr_t* a) {
  return addr_is_link_local(a) || (a->b[0] == 0xff && ((a->b[1] & 0xf) == 1 || (a->b[1] & 0xf) == 2));
}
static inline addr_t addr_any(bool v4) {
  static const uint8_t zero[16];
  return v4 ? addr_v4(zero) : addr_v6(zero);
}

// The prefix length of an address counts from its first bit, so an IPv4 one has ADDR_V4_PREFIX added.
bool addr_in_prefix(const addr_t* a, const addr_t* prefix, unsigned length);
unsigned addr_common_prefix(const addr_t* a, const addr_t* b);
addr_t addr_mask(const addr_t* a, unsigned length);

// False if `in` has no known family.
bool addr_import(const tcpip_address_t* in, addr_t* out);
tcpip_address_t addr_export(const addr_t* in);
// For sockets: on an IPv6 socket IPv4 stays IPv4-mapped.
tcpip_address_t addr_export_as(const addr_t* in, uint8_t family);
addr_t addr_solicited_node(const addr_t* target);

#endif  // TCPIP_BASE_H_
