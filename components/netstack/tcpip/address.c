// Addresses: between the callers' form and the engine's, prefixes, and text.
#include <arpa/inet.h>

#include "base.h"

tcpip_address_t tcpip_ipv4(const uint8_t bytes[4]) {
  tcpip_address_t a = {.family = TCPIP_IPV4};
  memcpy(a.bytes, bytes, 4);
  return a;
}

tcpip_address_t tcpip_ipv6(const uint8_t bytes[16]) {
  tcpip_address_t a = {.family = TCPIP_IPV6};
  memcpy(a.bytes, bytes, 16);
  return a;
}

bool tcpip_address_parse(const char* text, tcpip_address_t* out) {
  uint8_t bytes[16] = {0};
  if (inet_pton(AF_INET, text, bytes) == 1)
    *out = tcpip_ipv4(bytes);
  else if (inet_pton(AF_INET6, text, bytes) == 1)
    *out = tcpip_ipv6(bytes);
  else
    return false;
  return true;
}

void tcpip_address_format(const tcpip_address_t* address, char text[TCPIP_ADDRESS_TEXT_SIZE]) {
  int family = address->family == TCPIP_IPV4 ? AF_INET : AF_INET6;
  if (address->family == TCPIP_NONE || !inet_ntop(family, address->bytes, text, TCPIP_ADDRESS_TEXT_SIZE))
    memcpy(text, "-", 2);
}

bool tcpip_address_equal(const tcpip_address_t* a, const tcpip_address_t* b) {
  size_t length = a->family == TCPIP_IPV4 ? 4 : a->family == TCPIP_IPV6 ? 16 : 0;
  return a->family == b->family && memcmp(a->bytes, b->bytes, length) == 0;
}

bool addr_in_prefix(const addr_t* a, const addr_t* prefix, unsigned length) {
  return addr_common_prefix(a, prefix) >= length;
}

unsigned addr_common_prefix(const addr_t* a, const addr_t* b) {
  for (unsigned i = 0; i < 2; i++) {
    uint64_t difference = __builtin_bswap64(a->q[i] ^ b->q[i]);
    if (difference) return 64 * i + (unsigned)__builtin_clzll(difference);
  }
  return 128;
}

addr_t addr_mask(const addr_t* a, unsigned length) {
  addr_t out = *a;
  for (unsigned i = 0; i < 16; i++) {
    unsigned bits = length > 8 * i ? length - 8 * i : 0;
    if (bits < 8) out.b[i] = (uint8_t)(out.b[i] & ~(0xff >> bits));
  }
  return out;
}

bool addr_import(const tcpip_address_t* in, addr_t* out) {
  if (in->family == TCPIP_IPV4)
    *out = addr_v4(in->bytes);
  else if (in->family == TCPIP_IPV6)
    *out = addr_v6(in->bytes);
  else
    return false;
  return true;
}

tcpip_address_t addr_export(const addr_t* in) {
  return addr_is_v4(in) ? tcpip_ipv4(in->b + 12) : tcpip_ipv6(in->b);
}

tcpip_address_t addr_export_as(const addr_t* in, uint8_t family) {
  return family == TCPIP_IPV6 ? tcpip_ipv6(in->b) : tcpip_ipv4(in->b + 12);
}

// RFC 4291, 2.7.1
addr_t addr_solicited_node(const addr_t* target) {
  addr_t group = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, target->b[13], target->b[14], target->b[15]}};
  return group;
}
