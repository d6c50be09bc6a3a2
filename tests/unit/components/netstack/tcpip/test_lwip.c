// The engine beside liblwip: as peers on one wire, and as two judges of the same damaged frames.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "host.h"
#include "jx_test.h"
#include "lwip_peer.h"

static host_t h;
static host_frame_t from_lwip[HOST_FRAMES_MAX];
static size_t from_lwip_count;

static void on_emit(void* context, const void* frame, size_t length) {
  if (from_lwip_count == HOST_FRAMES_MAX)
    return;
  host_frame_t* f = &from_lwip[from_lwip_count++];
  f->bytes = malloc(length);
  f->length = length;
  memcpy(f->bytes, frame, length);
}

static void drop_from_lwip(void) {
  while (from_lwip_count)
    free(from_lwip[--from_lwip_count].bytes);
}

static void exchange(void) {
  bool moved = true;
  while (moved) {
    host_frame_t f;
    moved = host_take(&h, &f);
    if (moved) {
      lwip_peer_input(f.bytes, f.length);
      free(f.bytes);
    }
    for (size_t i = 0; i < from_lwip_count; i++) {
      moved = true;
      host_input(&h, from_lwip[i].bytes, from_lwip[i].length);
    }
    drop_from_lwip();
  }
}

static void start_peer(uint8_t last_octet) {
  const uint8_t mac[6] = {2, 0, 0, 0, 0, last_octet};
  tcpip_address_t v4 = host_ipv4(last_octet), v6 = host_ipv6(last_octet);
  lwip_peer_init(mac, v4.bytes, v6.bytes, on_emit, NULL);
  drop_from_lwip();
}

static void setup(void) {
  host_init(&h, &(host_config_t){.last_octet = 1});
}

static void teardown(void) {
  host_deinit(&h);
}

START_TEST(datagrams_go_to_lwip_and_come_back) {
  const size_t sizes[] = {1, 100, 1472, 1473, 3000, 8000};
  static uint8_t bytes[8000], got[8000];
  start_peer(2);
  lwip_port_t* port = lwip_peer_open(7, true);
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)(i * 11 + i / 256);
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t* s = host_udp(&h, v6 ? TCPIP_IPV6 : TCPIP_IPV4, NULL, 0);
    tcpip_endpoint_t to = host_endpoint(v6 ? "fd00::2" : "10.0.0.2", 7);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      ck_assert_int_eq(host_send(s, bytes, sizes[i], &to), (int64_t)sizes[i]);
      exchange();
      ck_assert_int_eq(lwip_peer_receive(port, got, sizeof got), (long)sizes[i]);
      ck_assert_int_eq(memcmp(bytes, got, sizes[i]), 0);
      ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), (int64_t)sizes[i]);
      ck_assert_int_eq(memcmp(bytes, got, sizes[i]), 0);
    }
  }
  lwip_peer_close(port);
} END_TEST

START_TEST(what_lwip_begins_arrives_as_well) {
  static uint8_t bytes[20000], got[20000];
  start_peer(2);
  lwip_port_t* port = lwip_peer_open(7, false);
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV6, "::", 9);
  tcpip_address_t v4 = host_ipv4(1), v6 = host_ipv6(1);
  ck_assert_int_eq(lwip_peer_send(port, v4.bytes, 4, 9, "hello", 5), 0);
  exchange();
  ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), 5);
  ck_assert_int_eq(lwip_peer_send(port, v4.bytes, 4, 9, bytes, sizeof bytes), 0);
  exchange();
  ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), sizeof bytes);
  ck_assert_int_eq(lwip_peer_send(port, v6.bytes, 16, 9, "hello", 5), 0);
  exchange();
  ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), 5);
  ck_assert_int_eq(lwip_peer_send(port, v6.bytes, 16, 9, bytes, sizeof bytes), 0);
  exchange();
  ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), sizeof bytes);
  lwip_peer_close(port);
} END_TEST

START_TEST(lwip_answers_pings_and_refuses_closed_ports) {
  start_peer(2);
  for (int v6 = 0; v6 < 2; v6++) {
    uint8_t family = v6 ? TCPIP_IPV6 : TCPIP_IPV4, request[1000] = {v6 ? 128 : 8}, reply[1000];
    tcpip_endpoint_t to = host_endpoint(v6 ? "fd00::2" : "10.0.0.2", 99);
    tcpip_socket_t *ping, *s = host_udp(&h, family, NULL, 0);
    ck_assert_int_eq(tcpip_socket_create(h.client, family, TCPIP_ICMP_ECHO, NULL, &ping), 0);
    ck_assert_int_eq(host_send(ping, request, sizeof request, &to), sizeof request);
    exchange();
    ck_assert_int_eq(host_recv(ping, reply, sizeof reply, NULL), sizeof reply);
    ck_assert_int_eq(tcpip_socket_connect(s, &to), 0);
    ck_assert_int_eq(host_send(s, "x", 1, NULL), 1);
    exchange();
    ck_assert_int_eq(tcpip_socket_take_error(s), -ECONNREFUSED);
  }
} END_TEST

static uint8_t frame[2048];

static size_t build(bool v6) {
  static uint8_t udp[64];
  peer_packet_t packet = {.from = v6 ? host_ipv6(99) : host_ipv4(99), .to = v6 ? host_ipv6(1) : host_ipv4(1),
                          .protocol = 17, .payload = udp, .length = peer_udp(udp, 5000, 9, "payload", 7),
                          .checksum_at = 6};
  return peer_frame(frame, peer_mac, h.mac, &packet);
}

// Differences that are meant; everything else must be judged alike. `at` is the octet of the IP packet.
static bool meant(bool v6, size_t at, bool ours) {
  if (!v6)  // sources no host has, and an identification and flags that make no fragment, are not lwIP's concern
    return !ours && (at == 12 || at == 15);
  // lwIP looks neither at the source's kind nor (in this build) beyond the first octets of the version.
  return !ours && at >= 8 && at < 24;
}

// Every value of every header octet, with the checksums made right again, to both.
START_TEST(both_judge_each_header_octet_alike) {
  start_peer(1);
  lwip_port_t* port = lwip_peer_open(9, false);
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV6, "::", 9);
  for (int v6 = 0; v6 < 2; v6++) {
    size_t ip = v6 ? 40 : 20, length = build(v6);
    for (size_t at = 0; at < ip + 8; at++) {
      for (unsigned value = 0; value < 256; value++) {
        build(v6);
        frame[14 + at] = (uint8_t)value;
        if (!v6 && at != 10 && at != 11) {
          be16_put(frame + 24, 0);
          size_t header = (size_t)(frame[14] & 0xf) * 4;
          be16_put(frame + 24, (uint16_t)~naive_checksum(0, frame + 14, header < 20 ? 20 : header));
        }
        uint8_t got[64];
        host_input(&h, frame, length);
        lwip_peer_input(frame, length);
        bool ours = host_recv(s, got, sizeof got, NULL) >= 0;
        bool theirs = lwip_peer_receive(port, got, sizeof got) >= 0;
        ck_assert_msg(ours == theirs || meant(v6, at, ours), "IPv%d octet %zu value %u: ours %d, lwIP %d", v6 ? 6 : 4, at,
                      value, ours, theirs);
        host_drop_all(&h);
        drop_from_lwip();
      }
    }
  }
  lwip_peer_close(port);
} END_TEST

int main(void) {
  Suite* suite = suite_create("lwip");
  TCase* tc = jx_test_case(suite, "lwip");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, datagrams_go_to_lwip_and_come_back);
  tcase_add_test(tc, what_lwip_begins_arrives_as_well);
  tcase_add_test(tc, lwip_answers_pings_and_refuses_closed_ports);
  tcase_add_test(tc, both_judge_each_header_octet_alike);
  return jx_test_run(suite);
}
