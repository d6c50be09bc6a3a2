// IGMP and MLD: what routers and switches are told of the groups a host is in, and when.
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "host.h"
#include "jx_test.h"

enum { IS_EXCLUDE = 2, TO_INCLUDE, TO_EXCLUDE };
enum { V4_QUERY = 0x11, V4_REPORT_1, V4_REPORT_2 = 0x16, V4_LEAVE, V4_REPORT_3 = 0x22 };
enum { V6_QUERY = 130, V6_REPORT_1, V6_DONE, V6_REPORT_2 = 143 };

static host_t h;
static uint8_t frame[512];

// What both families have of their own, in the order of a loop over them.
static const char* const groups[2] = {"239.1.2.3", "ff05::1:3"};
static const char* const all_hosts[2] = {"224.0.0.1", "ff02::1"};
static const char* const peers[2] = {"10.0.0.99", "fe80::63"};
static const char* const report_to[2] = {"224.0.0.22", "ff02::16"};

static void setup(void) {
  host_init(&h, &(host_config_t){.last_octet = 1});
}

static void teardown(void) {
  host_deinit(&h);
}

static tcpip_socket_t* member(bool v6, const char* group) {
  tcpip_socket_t* s = host_udp(&h, v6 ? TCPIP_IPV6 : TCPIP_IPV4, NULL, 0);
  tcpip_address_t address = host_address(group);
  ck_assert_int_eq(tcpip_socket_join(s, &address, h.interface), 0);
  return s;
}

static void leave(tcpip_socket_t* s, const char* group) {
  tcpip_address_t address = host_address(group);
  ck_assert_int_eq(tcpip_socket_leave(s, &address, h.interface), 0);
}

typedef struct report {
  bool v6;
  uint8_t type, record;  // record: of version 3 only
  tcpip_address_t from, to, group;
} report_t;

static tcpip_address_t address_at(bool v6, const uint8_t* bytes) {
  tcpip_address_t address = {.family = v6 ? TCPIP_IPV6 : TCPIP_IPV4};
  memcpy(address.bytes, bytes, v6 ? 16 : 4);
  return address;
}

// False if the frame is something else; fails the test if it is a report that no router would take.
static bool report_read(const host_frame_t* f, report_t* out) {
  const uint8_t* ip = f->bytes + 14;
  bool v6 = be16_get(f->bytes + 12) == 0x86dd;
  const uint8_t* p = ip + (v6 ? 48 : (ip[0] & 0xf) * 4);
  if (v6 ? ip[6] != 0 || ip[40] != 58 : be16_get(f->bytes + 12) != 0x0800 || ip[9] != 2)
    return false;
  size_t length = f->length - (size_t)(p - f->bytes);
  size_t address = v6 ? 16 : 4;
  *out = (report_t){.v6 = v6, .type = p[0], .from = address_at(v6, ip + (v6 ? 8 : 12)),
                    .to = address_at(v6, ip + (v6 ? 24 : 16)), .group = address_at(v6, p + length - address)};
  bool version_3 = p[0] == (v6 ? V6_REPORT_2 : V4_REPORT_3);
  ck_assert_uint_eq(length, 8 + address + (version_3 ? 4 : 0) - (v6 || version_3 ? 0 : 4));
  if (version_3) {
    out->record = p[8];
    ck_assert(p[6] == 0 && p[7] == 1 && p[9] == 0 && p[10] == 0 && p[11] == 0);  // one record without sources
  }
  ck_assert_uint_eq(v6 ? ip[7] : ip[8], 1);
  if (v6) {
    const uint8_t alert[8] = {58, 0, 5, 2, 0, 0, 1, 0};
    ck_assert_mem_eq(ip + 40, alert, 8);
    uint8_t pseudo[40 + 64] = {[34] = 0, [35] = (uint8_t)length, [39] = 58};
    memcpy(pseudo, ip + 8, 32);
    memcpy(pseudo + 40, p, length);
    ck_assert_uint_eq(naive_checksum(0, pseudo, 40 + length), 0xffff);
  } else {
    const uint8_t alert[4] = {148, 4, 0, 0};
    ck_assert_uint_eq(p - ip, p[0] == V4_REPORT_1 ? 20 : 24);
    if (p[0] != V4_REPORT_1)
      ck_assert_mem_eq(ip + 20, alert, 4);
    ck_assert_uint_eq(naive_checksum(0, ip, (size_t)(p - ip)), 0xffff);
    ck_assert_uint_eq(naive_checksum(0, p, length), 0xffff);
    ck_assert_uint_eq(be16_get(ip + 2), f->length - 14);
  }
  ck_assert_uint_eq(f->bytes[0], v6 ? 0x33 : 1);
  ck_assert_uint_eq(f->bytes[5], v6 ? ip[39] : ip[19]);
  return true;
}

static bool take(report_t* out) {
  host_frame_t f;
  while (host_take(&h, &f)) {
    bool is_report = report_read(&f, out);
    free(f.bytes);
    if (is_report)
      return true;
  }
  return false;
}

static void expect(bool v6, uint8_t type, uint8_t record, const char* to, const char* group) {
  report_t r;
  tcpip_address_t wanted_to = host_address(to), wanted_group = host_address(group);
  ck_assert(take(&r));
  ck_assert_int_eq(r.v6, v6);
  ck_assert_uint_eq(r.type, type);
  ck_assert_uint_eq(r.record, record);
  ck_assert(tcpip_address_equal(&r.to, &wanted_to));
  ck_assert(tcpip_address_equal(&r.group, &wanted_group));
}

static void expect_record(bool v6, uint8_t record, const char* group) {
  expect(v6, v6 ? V6_REPORT_2 : V4_REPORT_3, record, report_to[v6], group);
}

static void expect_silence(int64_t time) {
  report_t r;
  host_advance(&h, time);
  ck_assert(!take(&r));
}

// What a router, or another member, says. The message's address is `group`, at its end or before 4 octets of version 3.
typedef struct said {
  bool v6;
  uint8_t type;
  unsigned version;  // of a query
  uint32_t code;     // its longest delay: in the units of the message
  uint8_t robustness;
  const char* group;  // NULL: all
  const char* from;   // NULL: of a router
  uint8_t ttl;        // 0: 1
  bool no_alert, bad_checksum;
  size_t length;      // 0: as it must be
} said_t;

static void say(const said_t* said) {
  static const uint8_t alert_v4[4] = {148, 4, 0, 0}, alert_v6[8] = {58, 0, 5, 2, 0, 0, 1, 0};
  bool v6 = said->v6;
  uint8_t message[64] = {said->type};
  size_t address = v6 ? 16 : 4, head = v6 ? 8 : 4;
  bool query = said->type == (v6 ? V6_QUERY : V4_QUERY);
  if (v6)
    be16_put(message + 4, said->code);
  else
    message[1] = (uint8_t)said->code;
  tcpip_address_t group = host_address(said->group ? said->group : v6 ? "::" : "0.0.0.0");
  memcpy(message + head, group.bytes, address);
  message[head + address] = query && said->version == 3 ? said->robustness : 0;
  size_t length = said->length ? said->length : head + address + (query && said->version == 3 ? 4 : 0);
  if (!v6)
    be16_put(message + 2, (uint16_t)(~naive_checksum(0, message, length) - said->bad_checksum));
  tcpip_address_t to = said->group ? group : host_address(all_hosts[v6]);
  peer_packet_t packet = {.from = host_address(said->from ? said->from : peers[v6]), .to = to,
                          .protocol = v6 ? 58 : 2, .ttl = said->ttl ? said->ttl : 1, .payload = message,
                          .length = length, .checksum_at = v6 && !said->bad_checksum ? 2 : 0};
  if (!said->no_alert) {
    packet.extension = v6 ? alert_v6 : alert_v4;
    packet.extension_length = v6 ? sizeof alert_v6 : sizeof alert_v4;
  }
  uint8_t mac[6] = {1, 0, 0x5e, 0, 0, 1};
  size_t size = peer_frame(frame, peer_mac, mac, &packet);
  host_input(&h, frame, size);
}

static said_t query(bool v6, unsigned version, const char* group) {
  return (said_t){.v6 = v6, .type = v6 ? V6_QUERY : V4_QUERY, .version = version, .group = group,
                  .code = version == 1 ? 0 : v6 ? 10000 : 100};
}

START_TEST(joining_and_leaving_are_reported_at_once_and_once_more) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *first = member(v6, groups[v6]), *second = member(v6, groups[v6]);
    expect_record(v6, TO_EXCLUDE, groups[v6]);
    host_advance(&h, S + MS);
    expect_record(v6, TO_EXCLUDE, groups[v6]);
    expect_silence(60 * S);
    leave(first, groups[v6]);
    expect_silence(60 * S);
    tcpip_socket_destroy(second);  // the last member
    expect_record(v6, TO_INCLUDE, groups[v6]);
    host_advance(&h, S + MS);
    expect_record(v6, TO_INCLUDE, groups[v6]);
    expect_silence(60 * S);
    tcpip_socket_destroy(first);
    expect_silence(60 * S);
  }
} END_TEST

START_TEST(who_comes_back_while_the_leaving_is_told_has_come_back) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t* s = member(v6, groups[v6]);
    host_advance(&h, 2 * S);
    host_drop_all(&h);
    leave(s, groups[v6]);
    expect_record(v6, TO_INCLUDE, groups[v6]);
    int filters = h.filters;
    tcpip_socket_destroy(s);
    s = member(v6, groups[v6]);
    ck_assert_int_eq(h.filters, filters + 1);
    expect_record(v6, TO_EXCLUDE, groups[v6]);
    host_advance(&h, S + MS);
    expect_record(v6, TO_EXCLUDE, groups[v6]);
    expect_silence(60 * S);
    tcpip_socket_destroy(s);
  }
} END_TEST

// Counts the reports of a while, each of which must be of membership as it is.
static unsigned answers(int64_t time) {
  report_t r;
  unsigned count = 0;
  for (host_advance(&h, time); take(&r); count++)
    ck_assert_uint_eq(r.record, IS_EXCLUDE);
  return count;
}

START_TEST(a_query_is_answered_within_its_time) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *a = member(v6, groups[v6]), *b = member(v6, v6 ? "ff05::9" : "239.9.9.9");
    host_advance(&h, 2 * S);
    host_drop_all(&h);
    said_t all = query(v6, 3, NULL), one = query(v6, 3, groups[v6]), stranger = query(v6, 3, v6 ? "ff05::77" : "239.7.7.7");
    say(&stranger);
    expect_silence(20 * S);
    say(&all);
    // The sockets' two, and the one that both addresses have for questions about them.
    ck_assert_uint_eq(answers(10 * S + MS), v6 ? 3 : 2);
    expect_silence(60 * S);
    say(&one);
    host_advance(&h, 10 * S + MS);
    expect_record(v6, IS_EXCLUDE, groups[v6]);
    expect_silence(60 * S);
    // An answer that is due before stays where it is; a later one comes forward.
    one.code = v6 ? 1000 : 10;
    say(&all);
    say(&one);
    say(&all);
    unsigned soon = answers(S + MS);
    ck_assert_uint_ge(soon, 1);
    ck_assert_uint_eq(soon + answers(10 * S), v6 ? 3 : 2);
    // At once; and what comes together is answered once.
    one.code = v6 ? 0 : 1;
    say(&one);
    say(&one);
    host_advance(&h, v6 ? 2 * MS : 101 * MS);
    expect_record(v6, IS_EXCLUDE, groups[v6]);
    expect_silence(60 * S);
    tcpip_socket_destroy(a);
    tcpip_socket_destroy(b);
    host_advance(&h, 2 * S);
    host_drop_all(&h);
  }
} END_TEST

// RFC 9776, 4.1.1 and RFC 9777, 5.1.3: the largest numbers are 31744 tenths of a second and 8387584 ms.
START_TEST(long_times_have_an_exponent) {
  for (int v6 = 0; v6 < 2; v6++) {
    bool late = false;
    tcpip_socket_t* s = member(v6, groups[v6]);
    host_advance(&h, 2 * S);
    host_drop_all(&h);
    said_t q = query(v6, 3, groups[v6]);
    q.code = v6 ? 0xffff : 0xff;
    int64_t longest = v6 ? 8387584 * MS : 3174400 * MS;
    for (int i = 0; i < 20; i++) {
      say(&q);
      unsigned soon = answers(longest / 2);
      ck_assert_uint_eq(soon + answers(longest / 2 + MS), 1);
      late |= !soon;
    }
    ck_assert(late);
    tcpip_socket_destroy(s);
    host_advance(&h, 2 * S);
    host_drop_all(&h);
  }
} END_TEST

START_TEST(an_older_router_is_told_what_it_understands_until_it_is_gone) {
  for (int v6 = 0; v6 < 2; v6++) {
    uint8_t report = v6 ? V6_REPORT_1 : V4_REPORT_2;
    said_t general = query(v6, 2, NULL), old = query(v6, 2, groups[v6]);
    say(&general);
    host_advance(&h, 10 * S + MS);
    host_drop_all(&h);
    tcpip_socket_t* s = member(v6, groups[v6]);
    expect(v6, report, 0, groups[v6], groups[v6]);
    host_advance(&h, 10 * S + MS);
    expect(v6, report, 0, groups[v6], groups[v6]);
    say(&old);
    host_advance(&h, 10 * S + MS);
    expect(v6, report, 0, groups[v6], groups[v6]);
    said_t newer = query(v6, 3, groups[v6]);  // does not end it
    say(&newer);
    host_advance(&h, 10 * S + MS);
    expect(v6, report, 0, groups[v6], groups[v6]);
    leave(s, groups[v6]);
    expect(v6, v6 ? V6_DONE : V4_LEAVE, 0, v6 ? "ff02::2" : "224.0.0.2", groups[v6]);
    expect_silence(260 * S);
    tcpip_socket_destroy(s);
    s = member(v6, groups[v6]);
    expect_record(v6, TO_EXCLUDE, groups[v6]);
    host_advance(&h, S + MS);
    host_drop_all(&h);
    tcpip_socket_destroy(s);
    host_advance(&h, S + MS);
    host_drop_all(&h);
  }
} END_TEST

START_TEST(the_oldest_router_is_told_no_leaving) {
  tcpip_socket_t* s = member(false, groups[0]);
  host_advance(&h, 2 * S);
  host_drop_all(&h);
  said_t oldest = query(false, 1, NULL);
  oldest.no_alert = true;
  say(&oldest);
  host_advance(&h, 10 * S + MS);
  expect(false, V4_REPORT_1, 0, groups[0], groups[0]);
  tcpip_socket_destroy(s);
  expect_silence(60 * S);
} END_TEST

START_TEST(another_members_report_is_enough_for_an_older_router) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t* s = member(v6, groups[v6]);
    host_advance(&h, 2 * S);
    host_drop_all(&h);
    said_t theirs = {.v6 = v6, .type = v6 ? V6_REPORT_1 : V4_REPORT_2, .group = groups[v6]};
    said_t newest = query(v6, 3, groups[v6]), old = query(v6, 2, groups[v6]);
    say(&newest);
    say(&theirs);  // not to the newest
    host_advance(&h, 10 * S + MS);
    expect_record(v6, IS_EXCLUDE, groups[v6]);
    say(&old);
    say(&theirs);
    expect_silence(60 * S);
    tcpip_socket_destroy(s);  // nor is it ours to tell that we leave
    expect_silence(300 * S);
  }
} END_TEST

START_TEST(a_router_says_how_often_a_change_is_told) {
  for (int v6 = 0; v6 < 2; v6++) {
    said_t q = query(v6, 3, NULL);
    q.robustness = 5;
    say(&q);
    host_advance(&h, 10 * S + MS);
    host_drop_all(&h);
    tcpip_socket_t* s = member(v6, groups[v6]);
    for (int i = 0; i < 5; i++) {
      expect_record(v6, TO_EXCLUDE, groups[v6]);
      host_advance(&h, S + MS);
    }
    expect_silence(60 * S);
    q.robustness = 0;  // the default again
    say(&q);
    host_advance(&h, 10 * S + MS);
    host_drop_all(&h);
    tcpip_socket_destroy(s);
    expect_record(v6, TO_INCLUDE, groups[v6]);
    host_advance(&h, S + MS);
    expect_record(v6, TO_INCLUDE, groups[v6]);
    expect_silence(60 * S);
  }
} END_TEST

START_TEST(groups_of_all_hosts_and_of_this_host_alone_are_not_reported) {
  tcpip_socket_t* hosts = member(false, "224.0.0.1");
  tcpip_socket_t* nodes = member(true, "ff02::1");
  tcpip_socket_t* alone = member(true, "ff01::5");
  expect_silence(60 * S);
  said_t v4 = query(false, 3, NULL), v6 = query(true, 3, NULL);
  say(&v4);
  say(&v6);
  ck_assert_uint_eq(answers(10 * S + MS), 1);  // of the addresses' group
  tcpip_socket_destroy(hosts);
  tcpip_socket_destroy(nodes);
  tcpip_socket_destroy(alone);
  expect_silence(60 * S);
  // Nor is anything on the loopback interface.
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV4, NULL, 0);
  tcpip_address_t group = host_address(groups[0]);
  ck_assert_int_eq(tcpip_socket_join(s, &group, TCPIP_LOOPBACK), 0);
  tcpip_socket_destroy(s);
  expect_silence(60 * S);
} END_TEST

START_TEST(a_link_that_comes_up_hears_of_all_groups_from_an_address_it_accepts) {
  tcpip_socket_t *v4 = member(false, groups[0]), *v6 = member(true, groups[1]), *leaving = member(true, "ff05::9");
  host_advance(&h, 2 * S);
  host_drop_all(&h);
  said_t q = query(true, 2, groups[1]);
  say(&q);  // the next link's router is another one
  tcpip_socket_destroy(leaving);
  host_drop_all(&h);
  ck_assert_int_eq(tcpip_interface_set_up(h.stack, h.interface, false), 0);
  tcpip_socket_t* meanwhile = member(false, "239.9.9.9");
  expect_silence(60 * S);
  ck_assert_int_eq(tcpip_interface_set_up(h.stack, h.interface, true), 0);
  unsigned count[2] = {0};
  report_t r;
  while (take(&r)) {
    ck_assert_uint_eq(r.record, TO_EXCLUDE);
    count[r.v6]++;
  }
  ck_assert(count[0] == 2 && count[1] == 2);  // with the group of two addresses
  host_advance(&h, 3 * S);
  host_drop_all(&h);
  // An address that is probed is no source yet: the report before the probe comes from nowhere.
  tcpip_interface_config_t config = {.name = "eth1", .mtu = 1500, .mac = {2, 0, 0, 0, 1, 1}};
  uint32_t index;
  tcpip_address_t any = host_address("::"), local = host_address("fe80::ff:fe00:101");
  const char* group = "ff02::1:ff00:101";
  ck_assert_int_eq(tcpip_interface_add(h.stack, &config, &index), 0);
  ck_assert_int_eq(tcpip_interface_set_up(h.stack, index, true), 0);
  host_advance(&h, 3 * S);
  unsigned from_nowhere = 0, from_local = 0;
  for (tcpip_address_t wanted = host_address(group); take(&r);) {
    ck_assert(tcpip_address_equal(&r.group, &wanted));
    ck_assert_uint_eq(r.record, TO_EXCLUDE);
    from_nowhere += tcpip_address_equal(&r.from, &any);
    from_local += tcpip_address_equal(&r.from, &local);
  }
  ck_assert(from_nowhere >= 1 && from_local == 2);
  expect_silence(60 * S);
  tcpip_socket_destroy(v4);
  tcpip_socket_destroy(v6);
  tcpip_socket_destroy(meanwhile);
} END_TEST

START_TEST(what_may_be_forged_or_is_damaged_is_ignored) {
  tcpip_socket_t *v4 = member(false, groups[0]), *v6 = member(true, groups[1]);
  host_advance(&h, 2 * S);
  host_drop_all(&h);
  const said_t bad[] = {
      {.type = V4_QUERY, .version = 3, .code = 1, .ttl = 2},
      {.type = V4_QUERY, .version = 3, .code = 1, .no_alert = true},
      {.type = V4_QUERY, .version = 2, .code = 1, .no_alert = true},
      {.type = V4_QUERY, .version = 3, .code = 1, .bad_checksum = true},
      {.type = V4_QUERY, .version = 3, .code = 1, .length = 11},
      {.type = V4_QUERY, .version = 3, .code = 1, .length = 9},
      {.type = V4_QUERY, .version = 3, .code = 1, .length = 7},
      {.type = V4_QUERY, .version = 3, .code = 1, .group = "10.0.0.1"},
      {.v6 = true, .type = V6_QUERY, .version = 3, .ttl = 2},
      {.v6 = true, .type = V6_QUERY, .version = 3, .no_alert = true},
      {.v6 = true, .type = V6_QUERY, .version = 3, .from = "fd00::63"},
      {.v6 = true, .type = V6_QUERY, .version = 3, .bad_checksum = true},
      {.v6 = true, .type = V6_QUERY, .version = 3, .length = 27},
      {.v6 = true, .type = V6_QUERY, .version = 3, .length = 20},
      {.v6 = true, .type = V6_QUERY, .version = 3, .group = "fd00::1"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    const tcpip_stats_t* stats = tcpip_stats(h.stack);
    uint64_t before = stats->igmp_rx_bad + stats->mld_rx_bad + stats->icmpv6_rx_bad;
    say(&bad[i]);
    ck_assert_uint_eq(stats->igmp_rx_bad + stats->mld_rx_bad + stats->icmpv6_rx_bad, before + 1);
    expect_silence(20 * S);
  }
  tcpip_socket_destroy(v4);
  tcpip_socket_destroy(v6);
} END_TEST

int main(void) {
  Suite* suite = suite_create("group_report");
  TCase* tc = jx_test_case(suite, "group_report");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, joining_and_leaving_are_reported_at_once_and_once_more);
  tcase_add_test(tc, who_comes_back_while_the_leaving_is_told_has_come_back);
  tcase_add_test(tc, a_query_is_answered_within_its_time);
  tcase_add_test(tc, long_times_have_an_exponent);
  tcase_add_test(tc, an_older_router_is_told_what_it_understands_until_it_is_gone);
  tcase_add_test(tc, the_oldest_router_is_told_no_leaving);
  tcase_add_test(tc, another_members_report_is_enough_for_an_older_router);
  tcase_add_test(tc, a_router_says_how_often_a_change_is_told);
  tcase_add_test(tc, groups_of_all_hosts_and_of_this_host_alone_are_not_reported);
  tcase_add_test(tc, a_link_that_comes_up_hears_of_all_groups_from_an_address_it_accepts);
  tcase_add_test(tc, what_may_be_forged_or_is_damaged_is_ignored);
  return jx_test_run(suite);
}
