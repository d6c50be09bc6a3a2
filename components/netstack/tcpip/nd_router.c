// What routers say (RFC 4861): advertisements and redirects, and the question for them.
#include "autoconf.h"
#include "nd.h"

enum { OPTION_PREFIX = 3, OPTION_MTU = 5, OPTION_NAME_SERVERS = 25, OPTION_DOMAINS = 31 };
enum { PREFIX_ON_LINK = 0x80, PREFIX_AUTONOMOUS = 0x40 };

#define ADVERT_HEADER 16u
#define REDIRECT_HEADER 40u
#define PREFIX_OPTION 32u
#define NAMES_HEADER 8u  // of the options with name servers and domains

// Routers speak every few seconds at the most.
#define MESSAGE_COST (100 * NS_PER_MS)
#define MESSAGE_BURST (3 * NS_PER_S)

// What nobody can mean, and would do harm, is not taken: packets that die on their way (CVE-2015-2922),
// neighbours that are asked about without a pause, or never.
#define HOP_LIMIT_MIN 32
#define REACHABLE_MIN (1 * NS_PER_S)
#define REACHABLE_MAX (3600 * NS_PER_S)  // RFC 4861, 6.2.1
#define RETRANS_MIN (100 * NS_PER_MS)
#define RETRANS_MAX (10 * NS_PER_S)

void nd_solicit_routers(interface_t* interface) {
  static const addr_t all_routers = {{0xff, 2, [15] = 2}};
  addr_t from = interface_link_local_source(interface);
  tx_t tx;
  tx_init(&tx, NULL);
  size_t option = addr_is_any(&from) ? 0 : ND_OPTION;  // RFC 4861, 4.1
  uint8_t* p = tx_push(&tx, ICMP_HEADER + option);
  memset(p, 0, ICMP_HEADER + option);
  p[0] = ND_ROUTER_SOLICIT;
  if (option) nd_option_put(p + ICMP_HEADER, ND_SOURCE_MAC, interface);
  count(interface->stack, nd_tx_router_solicit);
  icmp_send(interface, &from, &all_routers, &tx, ND_HOPS, 0);
}

static int64_t between(int64_t least, int64_t time, int64_t most) {
  return time < least ? least : time > most ? most : time;
}

static void take_parameters(interface_t* interface, const uint8_t* p) {
  uint32_t reachable_ms = be32_get(p + 8), retrans_ms = be32_get(p + 12);
  if (p[4] >= HOP_LIMIT_MIN) interface->hop_limit = p[4];
  if (reachable_ms)
    interface->reachable_time = between(REACHABLE_MIN, reachable_ms * NS_PER_MS, REACHABLE_MAX);
  if (retrans_ms) interface->retrans_time = between(RETRANS_MIN, retrans_ms * NS_PER_MS, RETRANS_MAX);
}

static void take_mtu(interface_t* interface, uint32_t mtu) {
  if (mtu < IPV6_MIN_MTU || mtu > interface->info.mtu || mtu == interface->mtu_v6) return;
  interface->mtu_v6 = mtu;
  interface->stack->generation++;
}

static void take_prefix(const rx_t* rx, const uint8_t* p) {
  const prefix_news_t news = {.prefix = addr_v6(p + 16),
                              .length = p[2],
                              .on_link = p[3] & PREFIX_ON_LINK,
                              .autonomous = p[3] & PREFIX_AUTONOMOUS,
                              .to_all = rx->to_group,
                              .valid_s = be32_get(p + 4),
                              .preferred_s = be32_get(p + 8)};
  autoconf_prefix_heard(rx->interface->autoconf, &news);
}

static void take_option(const rx_t* rx, const uint8_t* p, size_t length) {
  autoconf_t* a = rx->interface->autoconf;
  if (p[0] == OPTION_MTU && length == 8)
    take_mtu(rx->interface, be32_get(p + 4));
  else if (p[0] == OPTION_PREFIX && length == PREFIX_OPTION)
    take_prefix(rx, p);
  else if (p[0] == OPTION_NAME_SERVERS && length >= NAMES_HEADER + 16 && (length - NAMES_HEADER) % 16 == 0)
    autoconf_name_servers_heard(a, p + NAMES_HEADER, (length - NAMES_HEADER) / 16, be32_get(p + 4));
  else if (p[0] == OPTION_DOMAINS && length > NAMES_HEADER)
    autoconf_domains_heard(a, p + NAMES_HEADER, length - NAMES_HEADER, be32_get(p + 4));
}

// RFC 4191, 2.2: the reserved value is as medium.
static int preference(uint8_t flags) {
  int value = flags >> 3 & 3;
  return value == 1 ? 1 : value == 3 ? -1 : 0;
}

static void learn_router(const rx_t* rx, const addr_t* address, const uint8_t* mac) {
  neighbour_news_t news = {
      .address = address, .mac = mac, .override = true, .create = true, .is_advert = true, .router = true};
  neighbour_learn(rx->interface, &news);
}

// Counts what is not as it must be, and what is too much.
static bool is_listened_to(const rx_t* rx, bool good) {
  if (!good) {
    count(rx->stack, nd_rx_bad);
    return false;
  }
  autoconf_t* a = rx->interface->autoconf;
  bool in_time = bucket_take(&a->messages, rx->stack->now, MESSAGE_COST, MESSAGE_BURST);
  if (!in_time) count(rx->stack, nd_rx_rate_limited);
  return in_time;
}

// RFC 4861, 6.1.2 and 6.3.4
static void advert_input(rx_t* rx) {
  const uint8_t *p = rx->transport, *mac;
  bool good = rx->ttl == ND_HOPS && p[1] == 0 && rx->transport_length >= ADVERT_HEADER &&
              addr_is_link_local(&rx->source) && nd_options_read(rx, ADVERT_HEADER, ND_SOURCE_MAC, &mac);
  if (!is_listened_to(rx, good)) return;
  autoconf_t* a = rx->interface->autoconf;
  count(rx->stack, nd_rx_router_advert);
  learn_router(rx, &rx->source, mac);
  take_parameters(rx->interface, p);
  autoconf_router_heard(a, &rx->source, be16_get(p + 6), preference(p[5]));
  for (size_t at = ADVERT_HEADER; at < rx->transport_length; at += (size_t)p[at + 1] * 8)
    take_option(rx, p + at, (size_t)p[at + 1] * 8);
  autoconf_settle(a);
}

// RFC 4861, 8.1: only the router that a destination is reached by may tell of a better way there.
static bool may_redirect(const rx_t* rx, const addr_t* destination, const addr_t* gateway) {
  const route_t* route = route_find(rx->stack, destination, rx->interface->info.index);
  bool on_link = addr_equal(destination, gateway);
  return route && addr_equal(&route->gateway, &rx->source) && !addr_equal(gateway, &rx->source) &&
         (on_link || addr_is_link_local(gateway)) && !addr_is_multicast(destination) &&
         !addr_is_any(destination) && !addr_is_v4(destination) && !address_owner(rx->stack, gateway);
}

static void redirect_input(rx_t* rx) {
  const uint8_t *p = rx->transport, *mac;
  bool good = rx->ttl == ND_HOPS && p[1] == 0 && rx->transport_length >= REDIRECT_HEADER && !rx->to_group &&
              addr_is_link_local(&rx->source) && nd_options_read(rx, REDIRECT_HEADER, ND_TARGET_MAC, &mac);
  addr_t gateway = good ? addr_v6(p + 8) : addr_any(false);
  addr_t destination = good ? addr_v6(p + 24) : addr_any(false);
  if (!is_listened_to(rx, good && may_redirect(rx, &destination, &gateway))) return;
  autoconf_t* a = rx->interface->autoconf;
  count(rx->stack, nd_rx_redirect);
  if (addr_equal(&destination, &gateway)) {
    neighbour_news_t news = {.address = &gateway, .mac = mac, .override = true, .create = true};
    neighbour_learn(rx->interface, &news);
  } else {
    learn_router(rx, &gateway, mac);
  }
  autoconf_redirected(a, &destination, &gateway);
  autoconf_settle(a);
}

void nd_router_input(rx_t* rx) {
  if (!rx->interface->autoconf || rx->own) return;
  if (rx->transport[0] == ND_ROUTER_ADVERT)
    advert_input(rx);
  else if (rx->transport[0] == ND_REDIRECT)
    redirect_input(rx);
}
