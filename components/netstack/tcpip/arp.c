// ARP for IPv4 over Ethernet (RFC 826), with the announcements and probes of RFC 5227.
#include "stack.h"

#define ARP_LENGTH 28u
enum { ARP_REQUEST = 1, ARP_REPLY = 2 };

static const uint8_t broadcast[TCPIP_MAC_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t nobody[TCPIP_MAC_SIZE];

static void arp_output(interface_t* interface, uint16_t operation, const addr_t* sender, const addr_t* target,
                       const uint8_t* target_mac, const uint8_t* to) {
  tx_t tx;
  tx_init(&tx, NULL);
  uint8_t* p = tx_push(&tx, ARP_LENGTH);
  be16_put(p, 1);
  be16_put(p + 2, ETHERTYPE_IPV4);
  p[4] = TCPIP_MAC_SIZE;
  p[5] = 4;
  be16_put(p + 6, operation);
  memcpy(p + 8, interface->info.mac, TCPIP_MAC_SIZE);
  memcpy(p + 14, sender->b + 12, 4);
  memcpy(p + 18, target_mac, TCPIP_MAC_SIZE);
  memcpy(p + 24, target->b + 12, 4);
  (void)ethernet_output(interface, to, ETHERTYPE_ARP, &tx);
}

void arp_request(interface_t* interface, const addr_t* target, const uint8_t* unicast_mac) {
  addr_t source;
  if (!path_choose_source(interface, target, &source)) return;
  count(interface->stack, arp_tx_request);
  arp_output(interface, ARP_REQUEST, &source, target, nobody, unicast_mac ? unicast_mac : broadcast);
}

void arp_announce(interface_t* interface, const addr_t* address) {
  count(interface->stack, arp_tx_request);
  arp_output(interface, ARP_REQUEST, address, address, nobody, broadcast);
}

static bool arp_good(const uint8_t* p, size_t length) {
  return length >= ARP_LENGTH && be16_get(p) == 1 && be16_get(p + 2) == ETHERTYPE_IPV4 &&
         p[4] == TCPIP_MAC_SIZE && p[5] == 4 && !(p[8] & 1) && memcmp(p + 8, nobody, sizeof nobody) != 0 &&
         (be16_get(p + 6) == ARP_REQUEST || be16_get(p + 6) == ARP_REPLY);
}

void arp_input(interface_t* interface, const uint8_t* p, size_t length) {
  tcpip_t* stack = interface->stack;
  count(stack, arp_rx);
  if (!arp_good(p, length)) {
    count(stack, arp_rx_bad);
    return;
  }
  const uint8_t* mac = p + 8;
  addr_t sender = addr_v4(p + 14), target = addr_v4(p + 24);
  bool request = be16_get(p + 6) == ARP_REQUEST;
  bool to_us = interface_has_address(interface, &target);
  if (interface_has_address(interface, &sender)) {
    count(stack, arp_rx_conflict);  // RFC 5227, 2.4 (b): we keep it and defend it
    if (bucket_take(&stack->arp_bucket, stack->now, 10 * NS_PER_MS, NS_PER_S))
      arp_announce(interface, &sender);
    return;
  }
  if (addr_is_any(&sender)) {  // a probe: answer it, learn nothing
    if (request && to_us) arp_output(interface, ARP_REPLY, &target, &sender, mac, mac);
    return;
  }
  if (addr_is_multicast(&sender) || addr_is_limited_broadcast(&sender) ||
      interface_is_subnet_broadcast(interface, &sender)) {
    count(stack, arp_rx_bad);
    return;
  }
  // Anyone's packet renews what is known of its sender; only one for us makes a new entry (RFC 826).
  neighbour_news_t news = {.address = &sender,
                           .mac = mac,
                           .solicited = !request && to_us,
                           .override = true,
                           .create = request && to_us};
  neighbour_learn(interface, &news);
  if (request && to_us) {
    count(stack, arp_tx_reply);
    arp_output(interface, ARP_REPLY, &target, &sender, mac, mac);
  }
}
