// Multicast listener discovery: the messages of MLDv2 (RFC 9777) and MLDv1 (RFC 2710).
#include "checksum.h"
#include "stack.h"

#define MLD_LENGTH 24u
#define MLD_V2_QUERY 28u
#define MLD_V2_REPORT 28u  // with one record and no sources

enum { QUERY = 130, V1_REPORT, V1_DONE, V2_REPORT = 143 };

static const addr_t all_routers = {{0xff, 2, [15] = 2}}, all_v2_routers = {{0xff, 2, [15] = 0x16}};

void mld_report(interface_t* interface, const addr_t* group, unsigned version, group_news_t news) {
  tx_t tx;
  tx_init(&tx, NULL);
  size_t length = version == GROUP_VERSION_3 ? MLD_V2_REPORT : MLD_LENGTH;
  uint8_t* p = tx_push(&tx, length);
  memset(p, 0, length);
  memcpy(p + length - 16, group->b, 16);
  addr_t to = *group;
  if (version == GROUP_VERSION_3) {
    p[0] = V2_REPORT;
    p[7] = 1;
    p[8] = (uint8_t)news;
    to = all_v2_routers;
  } else if (news == GROUP_WAS_LEFT) {
    p[0] = V1_DONE;
    to = all_routers;
  } else {
    p[0] = V1_REPORT;
  }
  addr_t from = interface_link_local_source(interface);  // RFC 3590: or none while there is none
  path_t path = path_on_link(interface, &from, &to);
  ip_output_checksum(&path, PROTOCOL_ICMPV6, 2, &tx);
  ip_fields_t fields = {.protocol = PROTOCOL_ICMPV6, .ttl = 1, .router_alert = true};
  count(interface->stack, mld_tx_report);
  (void)ip_output(interface->stack, &path, &fields, &tx);
}

// RFC 9777, 5.1.3: from 32768 on a number with an exponent.
static int64_t code_time(uint32_t code) {
  int64_t ms = code < 32768 ? code : (int64_t)((code & 0xfff) | 0x1000) << ((code >> 12 & 7) + 3);
  return ms * NS_PER_MS;
}

// RFC 9777, 8.1
static bool query_parse(const rx_t* rx, group_query_t* query) {
  const uint8_t* p = rx->transport;
  uint32_t code = be16_get(p + 4);
  query->group = addr_v6(p + 8);
  if (rx->transport_length >= MLD_V2_QUERY) {
    query->version = GROUP_VERSION_3;
    query->delay = code_time(code);
    query->robustness = p[24] & 7;
  } else if (rx->transport_length == MLD_LENGTH) {
    query->version = GROUP_VERSION_2;
    query->delay = code * NS_PER_MS;
  } else {
    return false;
  }
  return addr_is_any(&query->group) || addr_is_multicast(&query->group);
}

// Its checksum has been verified.
void mld_input(rx_t* rx) {
  const uint8_t* p = rx->transport;
  group_query_t query = {0};
  count(rx->stack, mld_rx);
  // RFC 9777, 6.2 and 10: from the link itself and from nowhere else.
  bool good = rx->transport_length >= MLD_LENGTH && p[1] == 0 && rx->ttl == 1 && rx->router_alert &&
              addr_is_link_local(&rx->source) && !rx->interface->info.loopback;
  if (good && p[0] == QUERY && (good = query_parse(rx, &query))) {
    group_query_heard(rx->interface, &query);
  } else if (good && p[0] == V1_REPORT) {
    addr_t group = addr_v6(p + 8);
    group_report_heard(rx->interface, &group);
  }
  if (!good) count(rx->stack, mld_rx_bad);
}
