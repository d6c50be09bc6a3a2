#include "frames.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <string.h>

static const uint8_t our_mac[6] = {0x02, 0, 0, 0, 0, 0x0f};
static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

#define US 15

void frames_ip4(uint8_t last, uint8_t out[4]) {
  memcpy(out, (const uint8_t[4]){10, 0, 2, last}, 4);
}

void frames_ip6(uint8_t last, uint8_t out[16]) {
  memset(out, 0, 16);
  out[0] = 0xfe;
  out[1] = 0xc0;
  out[15] = last;
}

// Building

static void append(frame_t* frame, const void* bytes, size_t length) {
  memcpy(frame->bytes + frame->length, bytes, length);
  frame->length += length;
}

static void begin(frame_t* frame, const uint8_t destination[6], uint16_t type) {
  frame->length = 0;
  append(frame, destination, 6);
  append(frame, our_mac, 6);
  type = htons(type);
  append(frame, &type, 2);
}

static uint32_t sum(uint32_t start, const void* bytes, size_t length) {
  const uint8_t* at = bytes;
  for (size_t i = 0; i < length; i++)
    start += i % 2 ? at[i] : (uint32_t)at[i] << 8;
  return start;
}

static uint16_t checksum(uint32_t total) {
  while (total >> 16)
    total = (total & 0xffff) + (total >> 16);
  return htons((uint16_t)~total);
}

// The sum of the pseudo-header of RFC 768 or RFC 8200 section 8.1.
static uint32_t pseudo_sum(const void* source, const void* destination, size_t address_bytes,
                           uint8_t protocol, size_t length) {
  uint32_t total = sum(0, source, address_bytes);
  total = sum(total, destination, address_bytes);
  return total + protocol + (uint32_t)length;
}

static void append_ip4(frame_t* frame, uint8_t last, uint8_t protocol, size_t length) {
  struct iphdr header = {.ihl = 5, .version = 4, .ttl = 64, .protocol = protocol};
  header.tot_len = htons((uint16_t)(sizeof(header) + length));
  frames_ip4(US, (uint8_t*)&header.saddr);
  frames_ip4(last, (uint8_t*)&header.daddr);
  header.check = checksum(sum(0, &header, sizeof(header)));
  append(frame, &header, sizeof(header));
}

static void append_ip6(frame_t* frame, const uint8_t destination[16], uint8_t protocol, uint8_t hops,
                       size_t length) {
  struct ip6_hdr header = {0};
  header.ip6_flow = htonl(6u << 28);
  header.ip6_plen = htons((uint16_t)length);
  header.ip6_nxt = protocol;
  header.ip6_hlim = hops;
  frames_ip6(US, header.ip6_src.s6_addr);
  memcpy(header.ip6_dst.s6_addr, destination, 16);
  append(frame, &header, sizeof(header));
}

static void append_udp(frame_t* frame, uint32_t pseudo, uint16_t source_port, uint16_t port,
                       const void* payload, size_t length) {
  struct udphdr header = {.source = htons(source_port), .dest = htons(port)};
  header.len = htons((uint16_t)(sizeof(header) + length));
  header.check = checksum(sum(sum(pseudo, &header, sizeof(header)), payload, length));
  if (header.check == 0) header.check = 0xffff;
  append(frame, &header, sizeof(header));
  append(frame, payload, length);
}

void frames_arp_request(frame_t* frame, uint8_t last) {
  struct ether_arp arp = {0};
  arp.arp_hrd = htons(ARPHRD_ETHER);
  arp.arp_pro = htons(ETHERTYPE_IP);
  arp.arp_hln = 6;
  arp.arp_pln = 4;
  arp.arp_op = htons(ARPOP_REQUEST);
  memcpy(arp.arp_sha, our_mac, 6);
  frames_ip4(US, arp.arp_spa);
  frames_ip4(last, arp.arp_tpa);
  begin(frame, all, ETHERTYPE_ARP);
  append(frame, &arp, sizeof(arp));
}

void frames_icmp_echo(frame_t* frame, const uint8_t gateway_mac[6], uint8_t last, uint16_t sequence,
                      const void* payload, size_t length) {
  struct icmphdr header = {.type = ICMP_ECHO, .un.echo = {.id = htons(7), .sequence = htons(sequence)}};
  header.checksum = checksum(sum(sum(0, &header, sizeof(header)), payload, length));
  begin(frame, gateway_mac, ETHERTYPE_IP);
  append_ip4(frame, last, IPPROTO_ICMP, sizeof(header) + length);
  append(frame, &header, sizeof(header));
  append(frame, payload, length);
}

void frames_udp4(frame_t* frame, const uint8_t gateway_mac[6], uint8_t last, uint16_t source_port,
                 uint16_t port, const void* payload, size_t length) {
  uint8_t source[4], destination[4];
  frames_ip4(US, source);
  frames_ip4(last, destination);
  size_t bytes = sizeof(struct udphdr) + length;
  begin(frame, gateway_mac, ETHERTYPE_IP);
  append_ip4(frame, last, IPPROTO_UDP, bytes);
  append_udp(frame, pseudo_sum(source, destination, 4, IPPROTO_UDP, bytes), source_port, port, payload,
             length);
}

void frames_udp6(frame_t* frame, const uint8_t gateway_mac[6], uint8_t last, uint16_t source_port,
                 uint16_t port, const void* payload, size_t length) {
  uint8_t source[16], destination[16];
  frames_ip6(US, source);
  frames_ip6(last, destination);
  size_t bytes = sizeof(struct udphdr) + length;
  begin(frame, gateway_mac, ETHERTYPE_IPV6);
  append_ip6(frame, destination, IPPROTO_UDP, 64, bytes);
  append_udp(frame, pseudo_sum(source, destination, 16, IPPROTO_UDP, bytes), source_port, port, payload,
             length);
}

void frames_neighbour_solicitation(frame_t* frame, uint8_t last) {
  struct {
    struct nd_neighbor_solicit header;
    uint8_t option[8];
  } message = {.header.nd_ns_type = ND_NEIGHBOR_SOLICIT, .option = {ND_OPT_SOURCE_LINKADDR, 1}};
  memcpy(message.option + 2, our_mac, 6);
  frames_ip6(last, message.header.nd_ns_target.s6_addr);
  uint8_t source[16], group[16] = {0xff, 0x02, [11] = 1, 0xff, [15] = last};
  uint8_t group_mac[6] = {0x33, 0x33, 0xff, 0, 0, last};
  frames_ip6(US, source);
  message.header.nd_ns_cksum = checksum(
      sum(pseudo_sum(source, group, 16, IPPROTO_ICMPV6, sizeof(message)), &message, sizeof(message)));
  begin(frame, group_mac, ETHERTYPE_IPV6);
  append_ip6(frame, group, IPPROTO_ICMPV6, 255, sizeof(message));
  append(frame, &message, sizeof(message));
}

// Reading

// Copies `length` bytes at `offset` out of the frame; false if it is shorter.
static bool take(const frame_t* frame, size_t offset, void* out, size_t length) {
  if (frame->length < offset || frame->length - offset < length) return false;
  memcpy(out, frame->bytes + offset, length);
  return true;
}

static bool has_type(const frame_t* frame, uint16_t type) {
  uint16_t found;
  return take(frame, 12, &found, 2) && found == htons(type);
}

static bool take_arp(const frame_t* frame, uint16_t operation, struct ether_arp* arp) {
  return has_type(frame, ETHERTYPE_ARP) && take(frame, 14, arp, sizeof(*arp)) &&
         arp->arp_op == htons(operation);
}

bool frames_arp_reply_to(const frame_t* request, frame_t* reply) {
  struct ether_arp arp;
  uint8_t us[4];
  frames_ip4(US, us);
  if (!take_arp(request, ARPOP_REQUEST, &arp) || memcmp(arp.arp_tpa, us, 4) != 0) return false;
  memcpy(arp.arp_tha, arp.arp_sha, 6);
  memcpy(arp.arp_tpa, arp.arp_spa, 4);
  memcpy(arp.arp_sha, our_mac, 6);
  memcpy(arp.arp_spa, us, 4);
  arp.arp_op = htons(ARPOP_REPLY);
  begin(reply, arp.arp_tha, ETHERTYPE_ARP);
  append(reply, &arp, sizeof(arp));
  return true;
}

bool frames_is_arp_reply(const frame_t* frame, uint8_t last, uint8_t mac[6]) {
  struct ether_arp arp;
  uint8_t sender[4];
  frames_ip4(last, sender);
  if (!take_arp(frame, ARPOP_REPLY, &arp) || memcmp(arp.arp_spa, sender, 4) != 0) return false;
  memcpy(mac, arp.arp_sha, 6);
  return true;
}

// Whether it is an IPv4 packet of `protocol` to us with a good header.
static bool take_ip4(const frame_t* frame, uint8_t protocol, struct iphdr* header) {
  uint8_t us[4];
  frames_ip4(US, us);
  return has_type(frame, ETHERTYPE_IP) && take(frame, 14, header, sizeof(*header)) && header->ihl == 5 &&
         checksum(sum(0, header, sizeof(*header))) == 0 && header->protocol == protocol &&
         memcmp(&header->daddr, us, 4) == 0;
}

#define IP4_PAYLOAD (14 + sizeof(struct iphdr))
#define IP6_PAYLOAD (14 + sizeof(struct ip6_hdr))

static bool from_ip4(const struct iphdr* header, uint8_t last) {
  uint8_t source[4];
  frames_ip4(last, source);
  return memcmp(&header->saddr, source, 4) == 0;
}

static bool ends_with(const frame_t* frame, size_t offset, const void* payload, size_t length) {
  return frame->length >= offset + length && memcmp(frame->bytes + offset, payload, length) == 0;
}

bool frames_is_icmp_echo_reply(const frame_t* frame, uint8_t last, uint16_t sequence, const void* payload,
                               size_t length) {
  struct iphdr ip;
  struct icmphdr icmp;
  return take_ip4(frame, IPPROTO_ICMP, &ip) && from_ip4(&ip, last) &&
         take(frame, IP4_PAYLOAD, &icmp, sizeof(icmp)) && icmp.type == ICMP_ECHOREPLY &&
         icmp.un.echo.sequence == htons(sequence) &&
         ntohs(ip.tot_len) == sizeof(ip) + sizeof(icmp) + length &&
         ends_with(frame, IP4_PAYLOAD + sizeof(icmp), payload, length) &&
         checksum(sum(0, frame->bytes + IP4_PAYLOAD, sizeof(icmp) + length)) == 0;
}

bool frames_is_icmp_unreachable(const frame_t* frame, uint8_t last) {
  struct iphdr ip;
  struct icmphdr icmp;
  return take_ip4(frame, IPPROTO_ICMP, &ip) && take(frame, IP4_PAYLOAD, &icmp, sizeof(icmp)) &&
         from_ip4(&ip, last) && icmp.type == ICMP_DEST_UNREACH;
}

static bool is_udp(const frame_t* frame, size_t offset, uint32_t pseudo, uint16_t source_port, uint16_t port,
                   const void* payload, size_t length) {
  struct udphdr udp;
  return take(frame, offset, &udp, sizeof(udp)) && udp.source == htons(source_port) &&
         udp.dest == htons(port) && ntohs(udp.len) == sizeof(udp) + length &&
         ends_with(frame, offset + sizeof(udp), payload, length) &&
         (udp.check == 0 || checksum(sum(pseudo, frame->bytes + offset, sizeof(udp) + length)) == 0);
}

bool frames_is_udp4(const frame_t* frame, uint8_t last, uint16_t source_port, uint16_t port,
                    const void* payload, size_t length) {
  struct iphdr ip;
  if (!take_ip4(frame, IPPROTO_UDP, &ip) || !from_ip4(&ip, last)) return false;
  uint32_t pseudo = pseudo_sum(&ip.saddr, &ip.daddr, 4, IPPROTO_UDP, sizeof(struct udphdr) + length);
  return is_udp(frame, IP4_PAYLOAD, pseudo, source_port, port, payload, length);
}

static bool take_ip6(const frame_t* frame, uint8_t protocol, struct ip6_hdr* header) {
  uint8_t us[16];
  frames_ip6(US, us);
  return has_type(frame, ETHERTYPE_IPV6) && take(frame, 14, header, sizeof(*header)) &&
         header->ip6_nxt == protocol && memcmp(header->ip6_dst.s6_addr, us, 16) == 0;
}

bool frames_is_neighbour_advertisement(const frame_t* frame, uint8_t last, uint8_t mac[6]) {
  struct ip6_hdr ip;
  struct nd_neighbor_advert advert;
  uint8_t target[16], option[8];
  frames_ip6(last, target);
  if (!take_ip6(frame, IPPROTO_ICMPV6, &ip) || !take(frame, IP6_PAYLOAD, &advert, sizeof(advert)) ||
      advert.nd_na_type != ND_NEIGHBOR_ADVERT || memcmp(advert.nd_na_target.s6_addr, target, 16) != 0 ||
      !take(frame, IP6_PAYLOAD + sizeof(advert), option, sizeof(option))) {
    return false;
  }
  memcpy(mac, option + 2, 6);
  return true;
}

bool frames_is_udp6(const frame_t* frame, uint8_t last, uint16_t source_port, uint16_t port,
                    const void* payload, size_t length) {
  struct ip6_hdr ip;
  uint8_t source[16];
  frames_ip6(last, source);
  if (!take_ip6(frame, IPPROTO_UDP, &ip) || memcmp(ip.ip6_src.s6_addr, source, 16) != 0) return false;
  uint32_t pseudo = pseudo_sum(&ip.ip6_src, &ip.ip6_dst, 16, IPPROTO_UDP, sizeof(struct udphdr) + length);
  return is_udp(frame, IP6_PAYLOAD, pseudo, source_port, port, payload, length);
}
