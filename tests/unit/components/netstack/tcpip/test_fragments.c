// Reassembly: order, duplicates, overlaps, lies about lengths, timeouts and memory; and fragments on their way out.
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "host.h"
#include "jx_test.h"

static host_t h;
static tcpip_socket_t* s4;
static tcpip_socket_t* s6;
static uint8_t frame[2048];
static uint8_t datagram[70000];
static uint8_t got[65536];

static void setup(void) {
  host_init(&h, &(host_config_t){.last_octet = 1, .limits = {.reassembly_bytes = 256 << 10}});
  s4 = host_udp(&h, TCPIP_IPV4, "0.0.0.0", 9);
  s6 = host_udp(&h, TCPIP_IPV6, "::", 10);
  tcpip_address_t p4 = host_ipv4(99), p6 = host_ipv6(99);
  ck_assert_int_eq(tcpip_neighbour_set(h.stack, h.interface, &p4, peer_mac), 0);
  ck_assert_int_eq(tcpip_neighbour_set(h.stack, h.interface, &p6, peer_mac), 0);
}

static void teardown(void) {
  host_deinit(&h);
}

// A UDP datagram of `length` bytes, header and checksum included, in `datagram`.
static void build(bool v6, size_t length) {
  static uint8_t packet[70000];
  for (size_t i = 8; i < length; i++)
    datagram[i] = (uint8_t)(i * 13 + i / 251);
  be16_put(datagram, 5000);
  be16_put(datagram + 2, v6 ? 10 : 9);
  be16_put(datagram + 4, (uint32_t)length);
  be16_put(datagram + 6, 0);
  peer_packet_t whole = {.from = v6 ? host_ipv6(99) : host_ipv4(99), .to = v6 ? host_ipv6(1) : host_ipv4(1),
                         .protocol = 17, .payload = datagram, .length = length, .checksum_at = 6};
  size_t total = peer_ip(packet, &whole);
  memcpy(datagram, packet + total - length, length);
}

static void send_piece(bool v6, uint16_t id, size_t offset, size_t length, bool more) {
  uint8_t extension[8] = {17, 0, 0, 0, 0, 0, (uint8_t)(id >> 8), (uint8_t)id};
  be16_put(extension + 2, (uint32_t)(offset | more));
  peer_packet_t piece = {.from = v6 ? host_ipv6(99) : host_ipv4(99),
                         .to = v6 ? host_ipv6(1) : host_ipv4(1),
                         .protocol = 17,
                         .payload = datagram + offset,
                         .length = length,
                         .identification = id,
                         .fragment = (uint16_t)(offset / 8 | (more ? 0x2000 : 0)),
                         .extension = v6 ? extension : NULL,
                         .extension_length = v6 ? 8 : 0,
                         .extension_type = 44};
  host_input(&h, frame, peer_frame(frame, peer_mac, h.mac, &piece));
}

static int64_t receive(bool v6) {
  return host_recv(v6 ? s6 : s4, got, sizeof got, NULL);
}

START_TEST(pieces_in_any_order_make_the_datagram) {
  srand(5);
  for (int round = 0; round < 200; round++) {
    bool v6 = round & 1;
    size_t length = 100 + (size_t)rand() % 20000, step = 8 * (1 + (size_t)rand() % 150);
    size_t count = (length + step - 1) / step, order[4096];
    if (count > 500)
      continue;
    build(v6, length);
    for (size_t i = 0; i < count; i++)
      order[i] = i;
    for (size_t i = 0; i < count; i++) {
      size_t j = (size_t)rand() % count, t = order[i];
      order[i] = order[j];
      order[j] = t;
    }
    for (size_t i = 0; i < count; i++) {
      size_t offset = order[i] * step;
      bool last = order[i] == count - 1;
      ck_assert_int_eq(receive(v6), -EAGAIN);
      send_piece(v6, (uint16_t)round, offset, last ? length - offset : step, !last);
      if (i + 1 < count && rand() % 4 == 0)  // once more
        send_piece(v6, (uint16_t)round, offset, last ? length - offset : step, !last);
    }
    ck_assert_int_eq(receive(v6), (int64_t)length - 8);
    ck_assert_int_eq(memcmp(got, datagram + 8, length - 8), 0);
  }
} END_TEST

START_TEST(the_largest_datagram_fits_and_one_octet_more_does_not) {
  for (int v6 = 0; v6 < 2; v6++) {
    size_t length = v6 ? 65535 : 65515, step = 1400;
    build(v6, length);
    for (size_t offset = 0; offset < length; offset += step)
      send_piece(v6, 1, offset, length - offset > step ? step : length - offset, length - offset > step);
    ck_assert_int_eq(receive(v6), (int64_t)length - 8);
    send_piece(v6, 2, 65528, 8, false);
    send_piece(v6, 3, 65520, 1400, false);
    ck_assert_int_eq(receive(v6), -EAGAIN);
  }
} END_TEST

START_TEST(overlapping_pieces_condemn_the_datagram) {
  const struct {
    size_t offset, length;
    bool more;
  } bad[] = {{8, 800, true}, {792, 16, true}, {0, 1600, true}, {400, 8, true}, {792, 1208, false}, {0, 808, true}};
  for (int v6 = 0; v6 < 2; v6++) {
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
      uint16_t id = (uint16_t)(100 + i);
      uint64_t before = tcpip_stats(h.stack)->reassembly_overlap;
      build(v6, 2000);
      send_piece(v6, id, 0, 800, true);
      send_piece(v6, id, bad[i].offset, bad[i].length, bad[i].more);
      ck_assert_uint_eq(tcpip_stats(h.stack)->reassembly_overlap, before + 1);
      send_piece(v6, id, 0, 800, true);  // the rest, and even all of it again, comes too late
      send_piece(v6, id, 800, 1200, false);
      ck_assert_int_eq(receive(v6), -EAGAIN);
      host_advance(&h, 61 * S);
      send_piece(v6, id, 0, 800, true);  // its time over, the identification is free
      send_piece(v6, id, 800, 1200, false);
      ck_assert_int_eq(receive(v6), 1992);
    }
  }
} END_TEST

START_TEST(two_ends_or_data_beyond_the_end_condemn_the_datagram) {
  for (int v6 = 0; v6 < 2; v6++) {
    build(v6, 4000);
    send_piece(v6, 1, 800, 200, false);
    send_piece(v6, 1, 1600, 200, false);
    send_piece(v6, 1, 0, 800, true);
    send_piece(v6, 2, 800, 200, false);
    send_piece(v6, 2, 1600, 8, true);
    send_piece(v6, 2, 0, 800, true);
    send_piece(v6, 3, 1600, 800, true);
    send_piece(v6, 3, 800, 200, false);
    send_piece(v6, 3, 0, 800, true);
    ck_assert_int_eq(receive(v6), -EAGAIN);
    ck_assert_uint_eq(tcpip_stats(h.stack)->reassembly_bad, v6 ? 6 : 3);
  }
} END_TEST

START_TEST(a_datagram_that_stays_incomplete_times_out_and_says_so) {
  for (int v6 = 0; v6 < 2; v6++) {
    host_frame_t f = {0};
    uint64_t before = tcpip_stats(h.stack)->reassembly_timeout;
    build(v6, 2000);
    send_piece(v6, 1, 0, 800, true);
    send_piece(v6, 2, 800, 800, true);  // without the first piece there is nothing to quote
    host_advance(&h, (v6 ? 59 : 29) * S);
    ck_assert_uint_eq(h.frame_count, 0);
    host_advance(&h, 2 * S);
    ck_assert_uint_eq(h.frame_count, 1);
    ck_assert(host_take(&h, &f));
    const uint8_t* icmp = f.bytes + 14 + (v6 ? 40 : 20);
    ck_assert_uint_eq(icmp[0], v6 ? 3 : 11);
    ck_assert_uint_eq(icmp[1], 1);
    free(f.bytes);
    ck_assert_uint_eq(tcpip_stats(h.stack)->reassembly_timeout, before + 2);
    send_piece(v6, 1, 800, 1200, false);
    ck_assert_int_eq(receive(v6), -EAGAIN);
    host_advance(&h, 61 * S);
  }
} END_TEST

START_TEST(memory_is_bounded_and_the_oldest_give_way) {
  build(false, 60000);
  for (uint16_t id = 0; id < 2000; id++)
    send_piece(false, id, 0, 1400, true);
  ck_assert_uint_gt(tcpip_stats(h.stack)->reassembly_no_memory, 1700);
  for (size_t offset = 1400; offset < 60000; offset += 1400)  // the newest can still be completed
    send_piece(false, 1999, offset, 60000 - offset > 1400 ? 1400 : 60000 - offset, 60000 - offset > 1400);
  ck_assert_int_eq(receive(false), 59992);
} END_TEST

START_TEST(a_flood_of_tiny_pieces_is_cut_short) {
  build(false, 60000);
  for (size_t offset = 0; offset + 8 < 60000; offset += 16)
    send_piece(false, 1, offset, 8, true);
  ck_assert_uint_eq(tcpip_stats(h.stack)->reassembly_bad, 1);
} END_TEST

START_TEST(a_first_piece_too_short_for_the_ports_is_bad) {
  build(false, 100);
  send_piece(false, 1, 0, 4, true);
  ck_assert_uint_eq(tcpip_stats(h.stack)->reassembly_bad, 1);
} END_TEST

// RFC 8200, 4.5: told at once, and what comes later completes nothing.
START_TEST(a_first_piece_of_ipv6_without_all_headers_is_refused_and_told) {
  const struct {
    uint8_t next, bytes[16];
    size_t length;
    bool refused;
  } cases[] = {
      {6, {0}, 16, true},                                       // four octets of TCP's header are missing
      {17, {0}, 8, false},
      {60, {17, 0, 1, 4, 0, 0, 0, 0}, 8, true},                 // UDP's header is in the next piece
      {60, {17, 0, 1, 4, 0, 0, 0, 0}, 16, false},
      {43, {17, 2, 0, 0, 0, 0, 0, 0}, 16, true},                // the header itself goes on there
      {60, {59, 0, 1, 4, 0, 0, 0, 0}, 8, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint8_t extension[8] = {cases[i].next, 0, 0, 1, 0, 0, 1, (uint8_t)i};
    peer_packet_t piece = {.from = host_ipv6(99),
                           .to = host_ipv6(1),
                           .payload = cases[i].bytes,
                           .length = cases[i].length,
                           .extension = extension,
                           .extension_length = 8,
                           .extension_type = 44};
    host_advance(&h, 2 * S);
    host_drop_all(&h);
    uint64_t before = tcpip_stats(h.stack)->reassembly_fragments;
    host_input(&h, frame, peer_frame(frame, peer_mac, h.mac, &piece));
    host_frame_t f = {0};
    ck_assert_msg(host_take(&h, &f) == cases[i].refused, "case %zu", i);
    if (cases[i].refused) ck_assert_msg(f.bytes[54] == 4 && f.bytes[55] == 3 && be32_get(f.bytes + 58) == 0, "case %zu", i);
    free(f.bytes);
    ck_assert_uint_eq(tcpip_stats(h.stack)->reassembly_fragments, before + !cases[i].refused);
  }
} END_TEST

START_TEST(what_leaves_in_pieces_fits_the_mtu_and_carries_no_df) {
  const uint32_t mtus[] = {1280, 1500, 1501, 9000};
  for (size_t i = 0; i < sizeof mtus / sizeof mtus[0]; i++) {
    host_t a;
    host_init(&a, &(host_config_t){.last_octet = 2, .mtu = mtus[i]});
    host_introduce(&a, &h);
    for (int v6 = 0; v6 < 2; v6++) {
      tcpip_socket_t* s = host_udp(&a, v6 ? TCPIP_IPV6 : TCPIP_IPV4, NULL, 0);
      tcpip_endpoint_t to = host_endpoint(v6 ? "fd00::1" : "10.0.0.1", v6 ? 10 : 9);
      ck_assert_int_eq(host_send(s, datagram, 30000, &to), 30000);
      host_frame_t f;
      while (host_take(&a, &f)) {
        ck_assert_uint_le(f.length, 14 + mtus[i]);
        if (!v6)
          ck_assert_uint_eq(f.bytes[20] & 0x40, 0);
        host_input(&h, f.bytes, f.length);
        free(f.bytes);
      }
      ck_assert_int_eq(receive(v6), 30000);
    }
    host_deinit(&a);
  }
} END_TEST

START_TEST(a_link_that_fills_in_the_middle_of_a_datagram_gets_the_rest_later) {
  host_t a;
  host_init(&a, &(host_config_t){.last_octet = 2});
  host_introduce(&a, &h);
  tcpip_socket_t* s = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("10.0.0.1", 9);
  ck_assert_int_eq(tcpip_socket_set(s, TCPIP_SEND_BUFFER, 2048), 0);
  a.room = 2;
  ck_assert_int_eq(host_send(s, datagram, 20000, &to), 20000);
  ck_assert_uint_eq(a.frame_count, 2);
  ck_assert_int_eq(host_send(s, datagram, 20000, &to), -EAGAIN);
  a.room = 0;
  tcpip_link_writable(a.stack, a.interface);
  ck_assert_uint_eq(a.frame_count, 14);
  host_exchange(&a, &h);
  ck_assert_int_eq(receive(false), 20000);
  ck_assert_uint_eq(tcpip_socket_poll(s), TCPIP_EVENT_WRITABLE);
  host_deinit(&a);
} END_TEST

int main(void) {
  Suite* suite = suite_create("fragments");
  TCase* tc = jx_test_case(suite, "fragments");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, pieces_in_any_order_make_the_datagram);
  tcase_add_test(tc, the_largest_datagram_fits_and_one_octet_more_does_not);
  tcase_add_test(tc, overlapping_pieces_condemn_the_datagram);
  tcase_add_test(tc, two_ends_or_data_beyond_the_end_condemn_the_datagram);
  tcase_add_test(tc, a_datagram_that_stays_incomplete_times_out_and_says_so);
  tcase_add_test(tc, memory_is_bounded_and_the_oldest_give_way);
  tcase_add_test(tc, a_flood_of_tiny_pieces_is_cut_short);
  tcase_add_test(tc, a_first_piece_too_short_for_the_ports_is_bad);
  tcase_add_test(tc, a_first_piece_of_ipv6_without_all_headers_is_refused_and_told);
  tcase_add_test(tc, what_leaves_in_pieces_fits_the_mtu_and_carries_no_df);
  tcase_add_test(tc, a_link_that_fills_in_the_middle_of_a_datagram_gets_the_rest_later);
  return jx_test_run(suite);
}
