#include "router_peer.h"

#include <check.h>
#include <inet/bytes.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};

static tcpip_address_t router_address(uint8_t number) {
  const uint8_t bytes[16] = {0xfe, 0x80, [15] = number};
  return tcpip_ipv6(bytes);
}

advert_t advert_of(uint8_t number, uint16_t seconds) {
  advert_t advert = {.bytes = {134}, .length = 16, .ttl = 255, .to = host_address("ff02::1")};
  advert.from = router_address(number);
  be16_put(advert.bytes + 6, seconds);
  return advert;
}

void advert_preference(advert_t* advert, int preference) {
  advert->bytes[5] = (uint8_t)((preference & 3) << 3);
}

static uint8_t* option_put(advert_t* advert, uint8_t type, size_t length) {
  uint8_t* option = advert->bytes + advert->length;
  advert->length += length;
  ck_assert_uint_le(advert->length, sizeof advert->bytes);
  memset(option, 0, length);
  option[0] = type;
  option[1] = (uint8_t)(length / 8);
  return option;
}

void advert_prefix(advert_t* advert, const char* prefix, uint8_t length, const char* flags, uint32_t valid,
                   uint32_t preferred) {
  uint8_t* option = option_put(advert, 3, 32);
  tcpip_address_t address = host_address(prefix);
  option[2] = length;
  option[3] = (uint8_t)((strchr(flags, 'L') ? 0x80 : 0) | (strchr(flags, 'A') ? 0x40 : 0));
  be32_put(option + 4, valid);
  be32_put(option + 8, preferred);
  memcpy(option + 16, address.bytes, 16);
}

void advert_mtu(advert_t* advert, uint32_t mtu) {
  be32_put(option_put(advert, 5, 8) + 4, mtu);
}

void advert_mac(advert_t* advert, uint8_t number) {
  const uint8_t mac[6] = {2, 0, 0, 0, 1, number};
  memcpy(option_put(advert, 1, 8) + 2, mac, sizeof mac);
}

void advert_name_server(advert_t* advert, const char* address, uint32_t seconds) {
  uint8_t* option = option_put(advert, 25, 24);
  tcpip_address_t server = host_address(address);
  be32_put(option + 4, seconds);
  memcpy(option + 8, server.bytes, 16);
}

void advert_domains(advert_t* advert, const void* names, size_t length, uint32_t seconds) {
  uint8_t* option = option_put(advert, 31, (8 + length + 7) / 8 * 8);
  be32_put(option + 4, seconds);
  memcpy(option + 8, names, length);
}

static void icmpv6_send(host_t* host, const tcpip_address_t* from, const tcpip_address_t* to, uint8_t ttl,
                        const void* bytes, size_t length) {
  uint8_t frame[1500];
  const uint8_t mac[6] = {2, 0, 0, 0, 1, from->bytes[15]};
  const peer_packet_t packet = {.from = *from,
                                .to = *to,
                                .protocol = 58,
                                .ttl = ttl,
                                .payload = bytes,
                                .length = length,
                                .checksum_at = 2};
  const uint8_t* to_mac = to->bytes[0] == 0xff ? all_nodes_mac : host->mac;
  host_input(host, frame, peer_frame(frame, mac, to_mac, &packet));
}

void advert_send(host_t* host, const advert_t* advert) {
  icmpv6_send(host, &advert->from, &advert->to, advert->ttl, advert->bytes, advert->length);
}

void redirect_send(host_t* host, uint8_t number, const char* destination, const char* target) {
  uint8_t bytes[40] = {137};
  tcpip_address_t to = host_ipv6(host->mac[5]), from = router_address(number);
  memcpy(bytes + 8, host_address(target).bytes, 16);
  memcpy(bytes + 24, host_address(destination).bytes, 16);
  icmpv6_send(host, &from, &to, 255, bytes, sizeof bytes);
}

void neighbour_advert_send(host_t* host, const char* target, const uint8_t mac[6], uint8_t flags) {
  uint8_t bytes[32] = {136, 0, 0, 0, flags};
  tcpip_address_t from = host_address(target), to = host_address("ff02::1");
  memcpy(bytes + 8, from.bytes, 16);
  bytes[24] = 2;
  bytes[25] = 1;
  memcpy(bytes + 26, mac, 6);
  if (flags & 0x40) to = host_ipv6(host->mac[5]);
  icmpv6_send(host, &from, &to, 255, bytes, sizeof bytes);
}

bool host_take_icmpv6(host_t* host, uint8_t type, uint8_t out[1500], size_t* length) {
  host_frame_t frame;
  while (host_take(host, &frame)) {
    bool wanted = frame.length > 54 && be16_get(frame.bytes + 12) == 0x86dd && frame.bytes[20] == 58 &&
                  frame.bytes[54] == type;
    if (wanted) {
      *length = frame.length - 14;
      memcpy(out, frame.bytes + 14, *length);
    }
    free(frame.bytes);
    if (wanted) return true;
  }
  return false;
}
