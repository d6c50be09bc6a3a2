// Neighbour discovery (RFC 4861): solicitations and advertisements of neighbours, and their part in duplicate
// address detection (RFC 4862). Routers' messages are nd_router.c's.
#include "nd.h"

enum { FLAG_ROUTER = 0x80, FLAG_SOLICITED = 0x40, FLAG_OVERRIDE = 0x20 };

#define ND_HEADER 24u

static const addr_t all_nodes = {{0xff, 2, [15] = 1}};

static uint8_t* nd_put(tx_t* tx, uint8_t type, uint8_t flags, const addr_t* target, size_t options) {
  uint8_t* p = tx_push(tx, ND_HEADER + options);
  memset(p, 0, ND_HEADER + options);
  p[0] = type;
  p[4] = flags;
  memcpy(p + 8, target->b, 16);
  return p + ND_HEADER;
}

void nd_option_put(uint8_t* p, uint8_t type, const interface_t* interface) {
  p[0] = type;
  p[1] = 1;
  memcpy(p + 2, interface->info.mac, TCPIP_MAC_SIZE);
}

void nd_solicit(interface_t* interface, const addr_t* source, const addr_t* target,
                const uint8_t* unicast_mac) {
  tx_t tx;
  tx_init(&tx, NULL);
  uint8_t* option = nd_put(&tx, ND_SOLICIT, 0, target, source ? ND_OPTION : 0);
  addr_t any = addr_any(false);
  if (source) nd_option_put(option, ND_SOURCE_MAC, interface);
  addr_t to = unicast_mac ? *target : addr_solicited_node(target);
  count(interface->stack, nd_tx_solicit);
  icmp_send(interface, source ? source : &any, &to, &tx, ND_HOPS, 0);
}

static void nd_advertise(interface_t* interface, const addr_t* target, const addr_t* to, uint8_t flags) {
  tx_t tx;
  tx_init(&tx, NULL);
  nd_option_put(nd_put(&tx, ND_ADVERT, flags, target, ND_OPTION), ND_TARGET_MAC, interface);
  count(interface->stack, nd_tx_advert);
  icmp_send(interface, target, to, &tx, ND_HOPS, 0);
}

void nd_announce(interface_t* interface, const addr_t* address) {
  nd_advertise(interface, address, &all_nodes, FLAG_OVERRIDE);
}

bool nd_options_read(const rx_t* rx, size_t offset, uint8_t wanted, const uint8_t** out_mac) {
  const uint8_t* p = rx->transport + offset;
  size_t left = rx->transport_length - offset;
  *out_mac = NULL;
  while (left) {
    size_t length = left >= 2 ? (size_t)p[1] * 8 : 0;
    if (length == 0 || length > left) return false;
    if (p[0] == wanted) *out_mac = p + 2;
    p += length;
    left -= length;
  }
  return !*out_mac || !(**out_mac & 1);
}

static void solicit_input(rx_t* rx, const addr_t* target, const uint8_t* mac) {
  interface_t* interface = rx->interface;
  if (addr_is_any(&rx->source)) {
    addr_t group = addr_solicited_node(target);
    if (mac || !addr_equal(&rx->destination, &group)) {
      count(rx->stack, nd_rx_bad);
      return;
    }
    // Someone else probes it: ours if it is assigned, nobody's if we were probing too.
    interface_address_conflict(interface, target);
    if (interface_has_address(interface, target)) nd_advertise(interface, target, &all_nodes, FLAG_OVERRIDE);
    return;
  }
  if (!interface_has_address(interface, target)) return;
  if (mac) {
    neighbour_news_t news = {.address = &rx->source, .mac = mac, .override = true, .create = true};
    neighbour_learn(interface, &news);
  }
  nd_advertise(interface, target, &rx->source, FLAG_SOLICITED | FLAG_OVERRIDE);
}

static void advert_input(rx_t* rx, const addr_t* target, const uint8_t* mac) {
  uint8_t flags = rx->transport[4];
  if ((flags & FLAG_SOLICITED) && addr_is_multicast(&rx->destination)) {
    count(rx->stack, nd_rx_bad);
    return;
  }
  if (interface_address_find(rx->interface, target)) {
    interface_address_conflict(rx->interface, target);
    return;
  }
  neighbour_news_t news = {.address = target,
                           .mac = mac,
                           .solicited = flags & FLAG_SOLICITED,
                           .override = flags & FLAG_OVERRIDE,
                           .is_advert = true,
                           .router = flags & FLAG_ROUTER};
  neighbour_learn(rx->interface, &news);
  if (!(flags & FLAG_ROUTER)) autoconf_no_router(rx->interface, target);
}

// RFC 4861, 7.1
void nd_input(rx_t* rx) {
  count(rx->stack, nd_rx);
  const uint8_t* p = rx->transport;
  uint8_t type = p[0];
  if (type != ND_SOLICIT && type != ND_ADVERT) {
    nd_router_input(rx);
    return;
  }
  const uint8_t* mac;
  bool good = rx->ttl == ND_HOPS && p[1] == 0 && rx->transport_length >= ND_HEADER &&
              nd_options_read(rx, ND_HEADER, type == ND_SOLICIT ? ND_SOURCE_MAC : ND_TARGET_MAC, &mac);
  addr_t target = good ? addr_v6(p + 8) : addr_any(false);
  if (!good || addr_is_multicast(&target) || addr_is_any(&target) || addr_is_v4(&target) ||
      rx->interface->info.loopback) {
    count(rx->stack, nd_rx_bad);
    return;
  }
  if (type == ND_SOLICIT)
    solicit_input(rx, &target, mac);
  else
    advert_input(rx, &target, mac);
}
