// IGMP: the messages of version 3 (RFC 9776), 2 (RFC 2236) and 1 (RFC 1112).
#include "checksum.h"
#include "stack.h"

#define IGMP_LENGTH 8u
#define IGMP_V3_QUERY 12u
#define IGMP_V3_REPORT 16u  // with one record and no sources
#define TENTH_S (NS_PER_S / 10)
#define V1_DELAY (10 * NS_PER_S)

enum { QUERY = 0x11, V1_REPORT, V2_REPORT = 0x16, V2_LEAVE, V3_REPORT = 0x22 };

static const uint8_t all_routers[4] = {224, 0, 0, 2}, all_v3_routers[4] = {224, 0, 0, 22};

void igmp_report(interface_t* interface, const addr_t* group, unsigned version, group_news_t news) {
  tx_t tx;
  tx_init(&tx, NULL);
  size_t length = version == GROUP_VERSION_3 ? IGMP_V3_REPORT : IGMP_LENGTH;
  uint8_t* p = tx_push(&tx, length);
  memset(p, 0, length);
  memcpy(p + length - 4, group->b + 12, 4);
  addr_t to = *group;
  if (version == GROUP_VERSION_3) {
    p[0] = V3_REPORT;
    p[7] = 1;
    p[8] = (uint8_t)news;
    to = addr_v4(all_v3_routers);
  } else if (news == GROUP_WAS_LEFT) {
    p[0] = V2_LEAVE;
    to = addr_v4(all_routers);
  } else {
    p[0] = version == GROUP_VERSION_2 ? V2_REPORT : V1_REPORT;
  }
  checksum_put(p + 2, checksum_finish(checksum_add(0, p, length)));
  addr_t from;
  if (!path_choose_source(interface, &to, &from)) from = addr_any(true);  // RFC 9776, 4.2.13
  path_t path = path_on_link(interface, &from, &to);
  ip_fields_t fields = {
      .protocol = PROTOCOL_IGMP, .ttl = 1, .tos = 0xc0, .router_alert = version != GROUP_VERSION_1};
  count(interface->stack, igmp_tx_report);
  (void)ip_output(interface->stack, &path, &fields, &tx);
}

// RFC 9776, 4.1.1: from 128 on a number with an exponent.
static int64_t code_time(uint8_t code) {
  int64_t tenths = code < 128 ? code : (int64_t)((code & 0xf) | 0x10) << ((code >> 4 & 7) + 3);
  return tenths * TENTH_S;
}

// RFC 9776, 7.1 tells the versions apart; one that asks in a version with router alerts and sends none may be
// forged by somebody who is not on the link (9.1).
static bool query_parse(const rx_t* rx, group_query_t* query) {
  const uint8_t* p = rx->transport;
  query->group = addr_v4(p + 4);
  if (rx->transport_length >= IGMP_V3_QUERY) {
    query->version = GROUP_VERSION_3;
    query->delay = code_time(p[1]);
    query->robustness = p[8] & 7;
  } else if (rx->transport_length == IGMP_LENGTH && p[1]) {
    query->version = GROUP_VERSION_2;
    query->delay = p[1] * TENTH_S;
  } else if (rx->transport_length == IGMP_LENGTH) {
    query->version = GROUP_VERSION_1;
    query->delay = V1_DELAY;
    query->group = addr_any(true);
    return true;
  } else {
    return false;
  }
  return rx->router_alert && (addr_is_any(&query->group) || addr_is_multicast(&query->group));
}

void igmp_input(rx_t* rx) {
  const uint8_t* p = rx->transport;
  group_query_t query = {0};
  count(rx->stack, igmp_rx);
  bool good = rx->transport_length >= IGMP_LENGTH && rx->ttl == 1 && !rx->interface->info.loopback &&
              checksum_fold(checksum_add(0, p, rx->transport_length)) == 0xffff;
  if (good && p[0] == QUERY && (good = query_parse(rx, &query))) {
    group_query_heard(rx->interface, &query);
  } else if (good && (p[0] == V1_REPORT || p[0] == V2_REPORT)) {
    addr_t group = addr_v4(p + 4);
    group_report_heard(rx->interface, &group);
  }
  if (!good) count(rx->stack, igmp_rx_bad);
}
