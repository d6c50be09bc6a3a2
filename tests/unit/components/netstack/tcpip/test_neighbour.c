// ARP and neighbour discovery: the states of RFC 4861, and what strangers may and may not do to the cache.
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "host.h"
#include "jx_test.h"

static host_t h;
static uint8_t frame[256];

static void setup(void) {
  host_init(&h, &(host_config_t){.last_octet = 1, .limits = {.neighbours = 8}});
}

static void teardown(void) {
  host_deinit(&h);
}

static bool find(const tcpip_address_t* address, tcpip_neighbour_t* out) {
  tcpip_neighbour_t all[32];
  int count = tcpip_neighbour_list(h.stack, h.interface, all, 32);
  for (int i = 0; i < count; i++) {
    if (tcpip_address_equal(&all[i].address, address)) {
      *out = all[i];
      return true;
    }
  }
  return false;
}

static int state_of(const char* address) {
  tcpip_neighbour_t n;
  tcpip_address_t a = host_address(address);
  return find(&a, &n) ? (int)n.state : -1;
}

static void answer(bool v6, const uint8_t mac[6], bool solicited, bool override) {
  if (!v6) {
    tcpip_address_t sender = host_ipv4(99), target = host_ipv4(1);
    host_input(&h, frame, peer_arp(frame, mac, h.mac, 2, &sender, &target));
    return;
  }
  uint8_t advert[32] = {136, 0, 0, 0, (uint8_t)((solicited ? 0x40 : 0) | (override ? 0x20 : 0))};
  tcpip_address_t from = host_ipv6(99);
  memcpy(advert + 8, from.bytes, 16);
  advert[24] = 2;
  advert[25] = 1;
  memcpy(advert + 26, mac, 6);
  peer_packet_t packet = {.from = from, .to = host_ipv6(1), .protocol = 58, .ttl = 255, .payload = advert,
                          .length = sizeof advert, .checksum_at = 2};
  host_input(&h, frame, peer_frame(frame, mac, h.mac, &packet));
}

static bool take_question(bool v6, bool* out_unicast) {
  host_frame_t f;
  bool found = false;
  while (host_take(&h, &f)) {
    bool is_question = v6 ? f.length > 54 && be16_get(f.bytes + 12) == 0x86dd && f.bytes[20] == 58 && f.bytes[54] == 135
                          : be16_get(f.bytes + 12) == 0x0806 && f.bytes[21] == 1;
    if (is_question && out_unicast)
      *out_unicast = !(f.bytes[0] & 1);
    found |= is_question;
    free(f.bytes);
  }
  return found;
}

START_TEST(a_neighbour_goes_through_all_states) {
  for (int v6 = 0; v6 < 2; v6++) {
    const char* peer = v6 ? "fd00::63" : "10.0.0.99";
    tcpip_socket_t* s = host_udp(&h, v6 ? TCPIP_IPV6 : TCPIP_IPV4, NULL, 0);
    tcpip_endpoint_t to = host_endpoint(v6 ? "fd00::63" : "10.0.0.99", 9);
    bool unicast;
    ck_assert_int_eq(state_of(peer), -1);
    ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
    ck_assert_int_eq(state_of(peer), TCPIP_NEIGHBOUR_INCOMPLETE);
    ck_assert(take_question(v6, &unicast));
    ck_assert(!unicast);
    answer(v6, peer_mac, true, true);
    ck_assert_int_eq(state_of(peer), TCPIP_NEIGHBOUR_REACHABLE);
    ck_assert_uint_eq(h.frame_count, 1);  // what waited is sent
    ck_assert_int_eq(memcmp(h.frames[0].bytes, peer_mac, 6), 0);
    host_drop_all(&h);
    host_advance(&h, 14 * S);
    ck_assert_int_eq(state_of(peer), TCPIP_NEIGHBOUR_REACHABLE);
    host_advance(&h, 32 * S);
    ck_assert_int_eq(state_of(peer), TCPIP_NEIGHBOUR_STALE);
    ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
    ck_assert_int_eq(state_of(peer), TCPIP_NEIGHBOUR_DELAY);
    ck_assert(!take_question(v6, NULL));
    host_advance(&h, 5 * S + MS);
    ck_assert_int_eq(state_of(peer), TCPIP_NEIGHBOUR_PROBE);
    ck_assert(take_question(v6, &unicast));
    ck_assert(unicast);
    answer(v6, peer_mac, true, true);
    ck_assert_int_eq(state_of(peer), TCPIP_NEIGHBOUR_REACHABLE);
    host_advance(&h, 46 * S);
    ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
    host_advance(&h, 9 * S);
    ck_assert_int_eq(state_of(peer), -1);  // three probes unanswered
    host_drop_all(&h);
  }
} END_TEST

START_TEST(a_neighbour_that_does_not_answer_is_reported) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t* s = host_udp(&h, v6 ? TCPIP_IPV6 : TCPIP_IPV4, NULL, 0);
    tcpip_endpoint_t to = host_endpoint(v6 ? "fd00::63" : "10.0.0.99", 9);
    size_t used;
    ck_assert_int_eq(tcpip_socket_connect(s, &to), 0);
    for (int i = 0; i < 3; i++)
      ck_assert_int_eq(host_send(s, "x", 1, NULL), 1);
    tcpip_client_usage(h.client, NULL, &used);
    ck_assert_uint_gt(used, 0);
    host_advance(&h, 2 * S);
    ck_assert_int_eq(tcpip_socket_take_error(s), 0);
    host_advance(&h, S + MS);
    ck_assert_int_eq(tcpip_socket_take_error(s), -EHOSTUNREACH);
    ck_assert_int_eq(host_send(s, "x", 1, NULL), -EHOSTUNREACH);
    tcpip_client_usage(h.client, NULL, &used);
    ck_assert_uint_eq(used, 0);
    host_advance(&h, 4 * S);
    ck_assert_int_eq(host_send(s, "x", 1, NULL), 1);  // asked again
    tcpip_socket_destroy(s);
  }
  ck_assert_uint_eq(tcpip_stats(h.stack)->neighbour_failed, 3);
} END_TEST

START_TEST(the_queue_of_a_neighbour_keeps_the_newest) {
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("10.0.0.99", 9);
  for (uint8_t i = 0; i < 70; i++)
    ck_assert_int_eq(host_send(s, &i, 1, &to), 1);
  ck_assert_uint_eq(tcpip_stats(h.stack)->neighbour_queue_dropped, 6);
  host_drop_all(&h);
  answer(false, peer_mac, true, true);
  ck_assert_uint_eq(h.frame_count, 64);
  ck_assert_uint_eq(h.frames[0].bytes[42], 6);
  ck_assert_uint_eq(h.frames[63].bytes[42], 69);
} END_TEST

START_TEST(a_socket_whose_buffer_waits_for_a_neighbour_is_told_when_it_may_go_on) {
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("10.0.0.99", 9);
  static uint8_t bytes[1400];
  ck_assert_int_eq(tcpip_socket_set(s, TCPIP_SEND_BUFFER, 4000), 0);
  int sent = 0;
  while (host_send(s, bytes, sizeof bytes, &to) > 0)
    sent++;
  ck_assert_int_eq(sent, 3);
  ck_assert_int_eq(host_send(s, bytes, sizeof bytes, &to), -EAGAIN);
  ck_assert_uint_eq(tcpip_socket_poll(s), 0);
  h.events = 0;
  answer(false, peer_mac, true, true);
  ck_assert_uint_eq(tcpip_socket_poll(s) & TCPIP_EVENT_WRITABLE, TCPIP_EVENT_WRITABLE);
  ck_assert_uint_eq(h.events & TCPIP_EVENT_WRITABLE, TCPIP_EVENT_WRITABLE);
} END_TEST

START_TEST(what_a_closed_socket_has_sent_still_leaves) {
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("10.0.0.99", 9);
  size_t used;
  ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
  tcpip_socket_destroy(s);
  host_drop_all(&h);
  answer(false, peer_mac, true, true);
  ck_assert_uint_eq(h.frame_count, 1);
  tcpip_client_usage(h.client, NULL, &used);
  ck_assert_uint_eq(used, 0);
} END_TEST

START_TEST(a_question_for_us_is_answered_and_remembered) {
  tcpip_address_t sender = host_ipv4(99), target = host_ipv4(1), other = host_ipv4(7);
  const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  host_input(&h, frame, peer_arp(frame, peer_mac, broadcast, 1, &sender, &other));
  ck_assert_uint_eq(h.frame_count, 0);
  ck_assert_int_eq(state_of("10.0.0.99"), -1);
  host_input(&h, frame, peer_arp(frame, peer_mac, broadcast, 1, &sender, &target));
  ck_assert_int_eq(state_of("10.0.0.99"), TCPIP_NEIGHBOUR_STALE);
  host_frame_t reply;
  ck_assert(host_take(&h, &reply));
  ck_assert_uint_eq(reply.bytes[21], 2);
  ck_assert_int_eq(memcmp(reply.bytes, peer_mac, 6), 0);
  ck_assert_int_eq(memcmp(reply.bytes + 22, h.mac, 6), 0);
  free(reply.bytes);
} END_TEST

START_TEST(answers_nobody_asked_for_make_no_entry) {
  answer(false, peer_mac, true, true);
  answer(true, peer_mac, true, true);
  ck_assert_int_eq(tcpip_neighbour_list(h.stack, h.interface, NULL, 0), 0);
} END_TEST

START_TEST(an_advertisement_without_override_only_makes_doubt) {
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV6, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("fd00::63", 9);
  const uint8_t other[6] = {2, 0, 0, 0, 0, 0x77};
  tcpip_neighbour_t n;
  ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
  answer(true, peer_mac, true, true);
  answer(true, other, false, false);
  ck_assert(find(&to.address, &n));
  ck_assert_int_eq(n.state, TCPIP_NEIGHBOUR_STALE);
  ck_assert_int_eq(memcmp(n.mac, peer_mac, 6), 0);
  answer(true, other, true, true);
  ck_assert(find(&to.address, &n));
  ck_assert_int_eq(n.state, TCPIP_NEIGHBOUR_REACHABLE);
  ck_assert_int_eq(memcmp(n.mac, other, 6), 0);
} END_TEST

START_TEST(a_flood_of_strangers_does_not_push_out_who_is_in_use) {
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("10.0.0.99", 9);
  ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
  answer(false, peer_mac, true, true);
  for (int i = 2; i < 90; i++) {
    const uint8_t mac[6] = {2, 0, 0, 0, 9, (uint8_t)i};
    tcpip_address_t sender = host_ipv4((uint8_t)i), target = host_ipv4(1);
    host_input(&h, frame, peer_arp(frame, mac, h.mac, 1, &sender, &target));
    host_drop_all(&h);
  }
  ck_assert_int_eq(tcpip_neighbour_list(h.stack, h.interface, NULL, 0), 8);
  ck_assert_int_eq(state_of("10.0.0.99"), TCPIP_NEIGHBOUR_REACHABLE);
} END_TEST

START_TEST(static_entries_stay_as_they_are) {
  tcpip_address_t peer = host_ipv4(99);
  const uint8_t other[6] = {2, 0, 0, 0, 0, 0x77};
  tcpip_neighbour_t n;
  ck_assert_int_eq(tcpip_neighbour_set(h.stack, h.interface, &peer, other), 0);
  answer(false, peer_mac, true, true);
  ck_assert(find(&peer, &n));
  ck_assert_int_eq(n.state, TCPIP_NEIGHBOUR_STATIC);
  ck_assert_int_eq(memcmp(n.mac, other, 6), 0);
  ck_assert_int_eq(tcpip_neighbour_remove(h.stack, h.interface, &peer), 0);
  ck_assert_int_eq(tcpip_neighbour_remove(h.stack, h.interface, &peer), -ENOENT);
} END_TEST

START_TEST(an_interface_that_goes_down_forgets_all_but_static_entries) {
  host_t large;
  host_init(&large, &(host_config_t){.last_octet = 1, .limits = {.neighbours = 300}});
  for (int i = 2; i < 250; i++) {
    const uint8_t mac[6] = {2, 0, 0, 0, 9, (uint8_t)i};
    tcpip_address_t peer = host_ipv4((uint8_t)i), own = host_ipv4(1);
    if (i % 80 == 0)
      ck_assert_int_eq(tcpip_neighbour_set(large.stack, large.interface, &peer, mac), 0);
    else
      host_input(&large, frame, peer_arp(frame, mac, large.mac, 1, &peer, &own));
    host_drop_all(&large);
  }
  ck_assert_int_eq(tcpip_neighbour_list(large.stack, large.interface, NULL, 0), 248);
  ck_assert_int_eq(tcpip_interface_set_up(large.stack, large.interface, false), 0);
  ck_assert_int_eq(tcpip_neighbour_list(large.stack, large.interface, NULL, 0), 3);
  host_deinit(&large);
} END_TEST

START_TEST(a_new_ipv6_address_is_tentative_until_nobody_objects) {
  tcpip_subnet_t subnet = {host_ipv6(5), 64};
  tcpip_address_info_t list[8];
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV6, NULL, 0);
  tcpip_endpoint_t local = {.address = subnet.address, .port = 1};
  ck_assert_int_eq(tcpip_address_add(h.stack, h.interface, &subnet, false), 0);
  host_frame_t report, probe;
  ck_assert(host_take(&h, &report));  // of the group that questions about the address are sent to
  ck_assert_uint_eq(report.bytes[20], 0);
  free(report.bytes);
  ck_assert(host_take(&h, &probe));
  static const uint8_t zero[16];
  ck_assert_int_eq(memcmp(probe.bytes + 22, zero, 16), 0);  // from nowhere
  ck_assert_uint_eq(probe.bytes[54], 135);
  ck_assert_uint_eq(probe.length, 14 + 40 + 24);  // without a source address option
  free(probe.bytes);
  ck_assert_int_eq(tcpip_socket_bind(s, &local), -EADDRNOTAVAIL);
  host_advance(&h, S + MS);
  ck_assert_int_eq(tcpip_socket_bind(s, &local), 0);
  subnet.address = host_ipv6(99);
  ck_assert_int_eq(tcpip_address_add(h.stack, h.interface, &subnet, false), 0);
  answer(true, peer_mac, false, true);
  host_advance(&h, 2 * S);
  int count = tcpip_address_list(h.stack, h.interface, list, 8);
  ck_assert_int_eq(list[count - 1].state, TCPIP_ADDRESS_DUPLICATE);
  ck_assert_uint_eq(tcpip_stats(h.stack)->nd_duplicate_address, 1);
} END_TEST

START_TEST(malformed_questions_and_answers_are_dropped) {
  uint64_t before = tcpip_stats(h.stack)->arp_rx_bad;
  tcpip_address_t sender = host_ipv4(99), target = host_ipv4(1);
  const size_t fields[] = {14, 16, 18, 19, 20, 22};
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    size_t length = peer_arp(frame, peer_mac, h.mac, 1, &sender, &target);
    frame[fields[i]] ^= 0x81;
    host_input(&h, frame, length);
  }
  for (size_t cut = 14; cut < 42; cut++) {
    (void)peer_arp(frame, peer_mac, h.mac, 1, &sender, &target);
    host_input(&h, frame, cut);
  }
  ck_assert_uint_eq(tcpip_stats(h.stack)->arp_rx_bad, before + 6 + 28);
  ck_assert_uint_eq(h.frame_count, 0);
  for (int kind = 0; kind < 5; kind++) {
    uint8_t solicit[32] = {135};
    tcpip_address_t from = host_ipv6(99), ours = host_ipv6(1);
    memcpy(solicit + 8, ours.bytes, 16);
    solicit[24] = 1;
    solicit[25] = kind == 0 ? 0 : kind == 1 ? 2 : 1;  // an option of length 0, or beyond the end
    memcpy(solicit + 26, peer_mac, 6);
    if (kind == 2)
      solicit[26] |= 1;
    if (kind == 3)
      solicit[8] = 0xff;  // target is a group
    peer_packet_t packet = {.from = from, .to = ours, .protocol = 58, .ttl = kind == 4 ? 254 : 255, .payload = solicit,
                            .length = sizeof solicit, .checksum_at = 2};
    host_input(&h, frame, peer_frame(frame, peer_mac, h.mac, &packet));
    ck_assert_uint_eq(tcpip_stats(h.stack)->nd_rx_bad, kind + 1);
  }
  ck_assert_uint_eq(h.frame_count, 0);
} END_TEST

int main(void) {
  Suite* suite = suite_create("neighbour");
  TCase* tc = jx_test_case(suite, "neighbour");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, a_neighbour_goes_through_all_states);
  tcase_add_test(tc, a_neighbour_that_does_not_answer_is_reported);
  tcase_add_test(tc, the_queue_of_a_neighbour_keeps_the_newest);
  tcase_add_test(tc, a_socket_whose_buffer_waits_for_a_neighbour_is_told_when_it_may_go_on);
  tcase_add_test(tc, what_a_closed_socket_has_sent_still_leaves);
  tcase_add_test(tc, an_interface_that_goes_down_forgets_all_but_static_entries);
  tcase_add_test(tc, a_question_for_us_is_answered_and_remembered);
  tcase_add_test(tc, answers_nobody_asked_for_make_no_entry);
  tcase_add_test(tc, an_advertisement_without_override_only_makes_doubt);
  tcase_add_test(tc, a_flood_of_strangers_does_not_push_out_who_is_in_use);
  tcase_add_test(tc, static_entries_stay_as_they_are);
  tcase_add_test(tc, a_new_ipv6_address_is_tentative_until_nobody_objects);
  tcase_add_test(tc, malformed_questions_and_answers_are_dropped);
  return jx_test_run(suite);
}
