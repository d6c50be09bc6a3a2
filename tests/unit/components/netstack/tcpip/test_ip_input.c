// What a received packet must look like: each field of each header damaged in turn, and extension headers.
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "host.h"
#include "jx_test.h"

static host_t h;
static tcpip_socket_t* s4;
static tcpip_socket_t* s6;
static uint8_t frame[2048];

static void setup(void) {
  host_init(&h, &(host_config_t){.last_octet = 1});
  s4 = host_udp(&h, TCPIP_IPV4, "0.0.0.0", 9);
  s6 = host_udp(&h, TCPIP_IPV6, "::", 10);
}

static void teardown(void) {
  host_deinit(&h);
}

static size_t build(bool v6, const void* extension, size_t extension_length, uint8_t extension_type) {
  uint8_t udp[64];
  peer_packet_t packet = {.from = v6 ? host_ipv6(99) : host_ipv4(99),
                          .to = v6 ? host_ipv6(1) : host_ipv4(1),
                          .protocol = 17,
                          .payload = udp,
                          .length = peer_udp(udp, 5000, v6 ? 10 : 9, "payload", 7),
                          .checksum_at = 6,
                          .extension = extension,
                          .extension_length = extension_length,
                          .extension_type = extension_type};
  return peer_frame(frame, peer_mac, h.mac, &packet);
}

static int received(void) {
  char buffer[64];
  int got = 0;
  while (host_recv(s4, buffer, sizeof buffer, NULL) >= 0)
    got++;
  while (host_recv(s6, buffer, sizeof buffer, NULL) >= 0)
    got++;
  return got;
}

static uint64_t counters(void) {
  tcpip_counter_t all[128];
  size_t count = tcpip_stats_list(tcpip_stats(h.stack), all, 128);
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++)
    sum += all[i].value;
  return sum;
}

START_TEST(a_good_packet_arrives_padded_or_not) {
  for (int v6 = 0; v6 < 2; v6++) {
    size_t length = build(v6, NULL, 0, 0);
    memset(frame + length, 0xaa, 40);
    host_input(&h, frame, length);
    host_input(&h, frame, length + 40);
    ck_assert_int_eq(received(), 2);
  }
} END_TEST

// One octet changed: whatever it is, the datagram is dropped, or it arrives because that field does not matter.
START_TEST(every_octet_damaged_in_turn_is_counted_and_dropped) {
  for (int v6 = 0; v6 < 2; v6++) {
    size_t length = build(v6, NULL, 0, 0);
    for (size_t at = 0; at < length; at++) {
      for (unsigned bit = 0; bit < 8; bit++) {
        uint8_t copy[256];
        memcpy(copy, frame, length);
        copy[at] ^= (uint8_t)(1u << bit);
        uint64_t before = counters();
        host_input(&h, copy, length);
        ck_assert_uint_gt(counters(), before);
        // The frame's source, the group bit of its destination, IPv6's traffic class, flow label and hop limit are
        // under no checksum.
        bool free_field = (at >= 6 && at < 12) || (at == 0 && bit == 0) ||
                          (v6 && ((at == 14 && bit < 4) || (at > 14 && at < 18) || at == 21));
        ck_assert_msg(received() == 0 || free_field, "octet %zu bit %u", at, bit);
      }
    }
    host_drop_all(&h);
  }
} END_TEST

START_TEST(every_length_a_frame_can_be_cut_to_is_survived) {
  for (int v6 = 0; v6 < 2; v6++) {
    size_t length = build(v6, NULL, 0, 0);
    for (size_t cut = 0; cut < length; cut++) {
      host_input(&h, frame, cut);
      ck_assert_int_eq(received(), 0);
    }
  }
} END_TEST

static void fix_ipv4(void) {
  uint8_t* p = frame + 14;
  size_t header = (size_t)(p[0] & 0xf) * 4;
  be16_put(p + 10, 0);
  be16_put(p + 10, (uint16_t)~naive_checksum(0, p, header));
}

START_TEST(ipv4_fields_out_of_range_are_dropped_even_with_a_right_checksum) {
  const tcpip_stats_t* stats = tcpip_stats(h.stack);
  struct {
    size_t at;
    uint8_t value;
    const uint64_t* counter;
  } cases[] = {
      {14, 0x44, &stats->ipv4_rx_bad_header},   // header length 16
      {14, 0x4f, &stats->ipv4_rx_bad_header},   // beyond the packet
      {14, 0x55, &stats->ipv4_rx_bad_header},   // version 5
      {17, 19, &stats->ipv4_rx_bad_header},     // total length 19
      {16, 1, &stats->ipv4_rx_bad_header},      // longer than the frame
      {23, 99, &stats->ipv4_rx_unknown_protocol},
      {26, 224, &stats->ipv4_rx_bad_source},    // from a group
      {26, 127, &stats->ipv4_rx_bad_source},    // from loopback
      {26, 0, &stats->ipv4_rx_bad_source},      // from network 0
      {29, 255, &stats->ipv4_rx_bad_source},    // from our broadcast
      {29, 1, &stats->ipv4_rx_bad_source},      // from ourselves
      {33, 7, &stats->ipv4_rx_not_ours},
      {30, 127, &stats->ipv4_rx_not_ours},      // to loopback
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    size_t length = build(false, NULL, 0, 0);
    frame[cases[i].at] = cases[i].value;
    fix_ipv4();
    uint64_t before = *cases[i].counter;
    host_input(&h, frame, length);
    ck_assert_int_eq(received(), 0);
    ck_assert_msg(*cases[i].counter == before + 1, "case %zu", i);
  }
} END_TEST

START_TEST(ipv4_options_are_skipped_and_source_routes_refused) {
  const struct {
    uint8_t options[8];
    bool good;
  } cases[] = {{{1, 1, 1, 1, 1, 1, 1, 1}, true},   {{0, 9, 9, 9, 9, 9, 9, 9}, true}, {{7, 7, 4, 0, 0, 0, 0, 0}, true},
               {{131, 7, 4, 1, 2, 3, 4, 0}, false}, {{137, 7, 4, 1, 2, 3, 4, 0}, false}, {{7, 1, 4, 0, 0, 0, 0, 0}, false},
               {{7, 9, 4, 0, 0, 0, 0, 0}, false},   {{1, 1, 1, 1, 1, 1, 1, 7}, false}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    size_t length = build(false, NULL, 0, 0);
    memmove(frame + 14 + 28, frame + 14 + 20, length - 34);
    memcpy(frame + 34, cases[i].options, 8);
    frame[14] = 0x47;
    be16_put(frame + 16, (uint32_t)(length - 14 + 8));
    fix_ipv4();
    host_input(&h, frame, length + 8);
    ck_assert_msg(received() == cases[i].good, "case %zu", i);
  }
} END_TEST

START_TEST(ipv6_extension_headers_are_walked) {
  const struct {
    uint8_t type;
    uint8_t bytes[24];
    size_t length;
    bool good;
    int problem;  // ICMP parameter problem code, -1 none
  } cases[] = {
      {0, {17, 0, 1, 4, 0, 0, 0, 0}, 8, true, -1},                      // hop-by-hop with padding
      {60, {17, 0, 0, 0, 0, 0, 0, 0}, 8, true, -1},                     // destination options, single pads
      {60, {60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0}, 16, true, -1},
      {60, {0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0}, 16, false, 1},  // hop-by-hop not first
      {43, {17, 0, 0, 0, 0, 0, 0, 0}, 8, true, -1},                     // routing, nothing left
      {43, {17, 0, 0, 1, 0, 0, 0, 0}, 8, false, 0},                     // routing, one segment left
      {44, {17, 0, 0, 0, 1, 2, 3, 4}, 8, true, -1},                     // a fragment that is all
      {44, {44, 0, 0, 0, 1, 2, 3, 4, 17, 0, 0, 0, 1, 2, 3, 4}, 16, false, -1},
      {60, {17, 9, 1, 4, 0, 0, 0, 0}, 8, false, -1},                    // longer than the packet
      {60, {17, 0, 0x1e, 4, 0, 0, 0, 0}, 8, true, -1},                  // unknown option: skip
      {60, {17, 0, 0x5e, 4, 0, 0, 0, 0}, 8, false, -1},                 // drop
      {60, {17, 0, 0x9e, 4, 0, 0, 0, 0}, 8, false, 2},                  // drop and tell
      {60, {17, 0, 0xde, 4, 0, 0, 0, 0}, 8, false, 2},                  // tell if not to a group
      {60, {17, 0, 1, 5, 0, 0, 0, 0}, 8, false, 0},                     // option beyond its header
      {60, {59, 0, 1, 4, 0, 0, 0, 0}, 8, false, -1},                    // no next header
      {60, {200, 0, 1, 4, 0, 0, 0, 0}, 8, false, 1},                    // unknown next header
  };
  tcpip_address_t peer = host_ipv6(99);
  ck_assert_int_eq(tcpip_neighbour_set(h.stack, h.interface, &peer, peer_mac), 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    host_advance(&h, 2 * S);
    host_drop_all(&h);
    size_t length = build(true, cases[i].bytes, cases[i].length, cases[i].type);
    host_input(&h, frame, length);
    ck_assert_msg(received() == cases[i].good, "case %zu", i);
    host_frame_t answer = {0};
    bool told = host_take(&h, &answer);
    ck_assert_msg(told == (cases[i].problem >= 0), "case %zu", i);
    if (told)
      ck_assert_msg(answer.bytes[54] == 4 && answer.bytes[55] == cases[i].problem, "case %zu", i);
    free(answer.bytes);
  }
} END_TEST

START_TEST(a_chain_of_headers_without_end_is_given_up) {
  uint8_t chain[20 * 8] = {0};
  for (int i = 0; i < 20; i++) {
    chain[8 * i] = i == 19 ? 17 : 60;
    chain[8 * i + 2] = 1;
    chain[8 * i + 3] = 4;
  }
  size_t length = build(true, chain, sizeof chain, 60);
  host_input(&h, frame, length);
  ck_assert_int_eq(received(), 0);
  ck_assert_uint_eq(tcpip_stats(h.stack)->ipv6_rx_bad_extension, 1);
} END_TEST

START_TEST(udp_lengths_and_checksums_are_checked) {
  for (int v6 = 0; v6 < 2; v6++) {
    size_t udp = v6 ? 54 : 34;
    const uint16_t lengths[] = {0, 7, 16, 0xffff};
    for (int i = 0; i < 4; i++) {
      size_t length = build(v6, NULL, 0, 0);
      be16_put(frame + udp + 4, lengths[i]);
      host_input(&h, frame, length);
      ck_assert_int_eq(received(), 0);
    }
    ck_assert_uint_eq(tcpip_stats(h.stack)->udp_rx_bad, v6 ? 8 : 4);
    size_t length = build(v6, NULL, 0, 0);
    be16_put(frame + udp + 6, 0);  // no checksum: IPv4 may, IPv6 must not
    host_input(&h, frame, length);
    ck_assert_int_eq(received(), !v6);
  }
  tcpip_offload_t good = {.flags = TCPIP_OFFLOAD_DATA_VALID};
  size_t length = build(true, NULL, 0, 0);
  frame[60]++;
  tcpip_input(h.stack, h.interface, frame, length, &good);
  ck_assert_int_eq(received(), 1);
} END_TEST

START_TEST(a_merged_frame_is_split_into_its_datagrams) {
  uint8_t udp[128], payload[25];
  memset(payload, 'x', sizeof payload);
  peer_packet_t packet = {.from = host_ipv4(99), .to = host_ipv4(1), .protocol = 17, .payload = udp,
                          .length = peer_udp(udp, 5000, 9, payload, sizeof payload)};
  size_t length = peer_frame(frame, peer_mac, h.mac, &packet);
  tcpip_offload_t merged = {.flags = TCPIP_OFFLOAD_DATA_VALID, .gso_type = TCPIP_GSO_UDP, .gso_size = 10};
  tcpip_input(h.stack, h.interface, frame, length, &merged);
  char buffer[64];
  ck_assert_int_eq(host_recv(s4, buffer, 64, NULL), 10);
  ck_assert_int_eq(host_recv(s4, buffer, 64, NULL), 10);
  ck_assert_int_eq(host_recv(s4, buffer, 64, NULL), 5);
  ck_assert_int_eq(host_recv(s4, buffer, 64, NULL), -EAGAIN);
} END_TEST

START_TEST(frames_for_others_or_from_ourselves_are_not_looked_at) {
  size_t length = build(false, NULL, 0, 0);
  frame[5] ^= 0x40;
  host_input(&h, frame, length);
  length = build(false, NULL, 0, 0);
  memcpy(frame + 6, h.mac, 6);
  host_input(&h, frame, length);
  length = build(false, NULL, 0, 0);
  frame[6] |= 1;
  host_input(&h, frame, length);
  ck_assert_int_eq(received(), 0);
  ck_assert_uint_eq(tcpip_stats(h.stack)->link_rx_not_ours, 3);
  tcpip_input(h.stack, 77, frame, length, NULL);
  tcpip_input(h.stack, TCPIP_LOOPBACK, frame, length, NULL);
  ck_assert_uint_eq(tcpip_stats(h.stack)->link_rx_down, 2);
} END_TEST

START_TEST(random_bytes_behind_good_headers_are_survived) {
  srand(3);
  for (int round = 0; round < 50000; round++) {
    size_t length = build(round & 1, NULL, 0, 0);
    int damages = 1 + rand() % 8;
    for (int i = 0; i < damages; i++)
      frame[12 + (size_t)rand() % (length - 12)] = (uint8_t)rand();
    if (!(round & 1))
      fix_ipv4();
    host_input(&h, frame, length - (size_t)rand() % 4);
    host_drop_all(&h);
    if (round % 100 == 0)
      host_advance(&h, S);
  }
} END_TEST

int main(void) {
  Suite* suite = suite_create("ip_input");
  TCase* tc = jx_test_case(suite, "ip_input");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, a_good_packet_arrives_padded_or_not);
  tcase_add_test(tc, every_octet_damaged_in_turn_is_counted_and_dropped);
  tcase_add_test(tc, every_length_a_frame_can_be_cut_to_is_survived);
  tcase_add_test(tc, ipv4_fields_out_of_range_are_dropped_even_with_a_right_checksum);
  tcase_add_test(tc, ipv4_options_are_skipped_and_source_routes_refused);
  tcase_add_test(tc, ipv6_extension_headers_are_walked);
  tcase_add_test(tc, a_chain_of_headers_without_end_is_given_up);
  tcase_add_test(tc, udp_lengths_and_checksums_are_checked);
  tcase_add_test(tc, a_merged_frame_is_split_into_its_datagrams);
  tcase_add_test(tc, frames_for_others_or_from_ourselves_are_not_looked_at);
  tcase_add_test(tc, random_bytes_behind_good_headers_are_survived);
  return jx_test_run(suite);
}
