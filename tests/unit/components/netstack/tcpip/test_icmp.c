// ICMP both ways: echo, errors sent and not sent, their rate, errors received, path MTUs.
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "host.h"
#include "jx_test.h"

static host_t h;
static uint8_t frame[70000];

static void setup(void) {
  host_init(&h, &(host_config_t){.last_octet = 1});
  tcpip_address_t p4 = host_ipv4(99), p6 = host_ipv6(99);
  ck_assert_int_eq(tcpip_neighbour_set(h.stack, h.interface, &p4, peer_mac), 0);
  ck_assert_int_eq(tcpip_neighbour_set(h.stack, h.interface, &p6, peer_mac), 0);
}

static void teardown(void) {
  host_deinit(&h);
}

static peer_packet_t packet(bool v6, uint8_t protocol, const void* payload, size_t length, size_t checksum_at) {
  return (peer_packet_t){.from = v6 ? host_ipv6(99) : host_ipv4(99), .to = v6 ? host_ipv6(1) : host_ipv4(1),
                         .protocol = protocol, .payload = payload, .length = length, .checksum_at = checksum_at};
}

static void input(const peer_packet_t* p) {
  host_input(&h, frame, peer_frame(frame, peer_mac, h.mac, p));
}

START_TEST(echo_requests_are_answered_with_their_own_data) {
  for (int v6 = 0; v6 < 2; v6++) {
    uint8_t echo[64];
    for (size_t i = 0; i < sizeof echo; i++)
      echo[i] = (uint8_t)i;
    echo[0] = v6 ? 128 : 8;
    echo[1] = 0;
    memset(echo + 2, 0, 2);
    peer_packet_t p = packet(v6, v6 ? 58 : 1, echo, sizeof echo, 2);
    input(&p);
    host_frame_t f;
    ck_assert(host_take(&h, &f));
    size_t ip = v6 ? 40 : 20;
    const uint8_t* icmp = f.bytes + 14 + ip;
    ck_assert_uint_eq(f.length, 14 + ip + sizeof echo);
    ck_assert_uint_eq(icmp[0], v6 ? 129 : 0);
    ck_assert_int_eq(memcmp(icmp + 4, echo + 4, sizeof echo - 4), 0);
    if (!v6)
      ck_assert_uint_eq(naive_checksum(0, icmp, sizeof echo), 0xffff);
    free(f.bytes);
    echo[20]++;  // with the old checksum
    p = packet(v6, v6 ? 58 : 1, echo, sizeof echo, 0);
    input(&p);
    ck_assert_uint_eq(h.frame_count, 0);
  }
} END_TEST

START_TEST(no_error_answers_errors_groups_or_nobody) {
  uint8_t udp[32];
  size_t length = peer_udp(udp, 5000, 99, "x", 1);
  peer_packet_t p = packet(false, 17, udp, length, 6);
  input(&p);
  ck_assert_uint_eq(h.frame_count, 1);
  host_drop_all(&h);
  p.to = host_ipv4(255);
  input(&p);
  p.to = host_address("255.255.255.255");
  input(&p);
  p.to = host_address("224.0.0.1");
  input(&p);
  p = packet(false, 17, udp, length, 6);
  p.from = host_address("0.0.0.0");
  input(&p);
  p = packet(false, 17, udp, length, 6);
  const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  host_input(&h, frame, peer_frame(frame, peer_mac, broadcast, &p));  // a unicast packet in a broadcast frame
  ck_assert_uint_eq(h.frame_count, 0);
  p.to = host_address("ff02::1");
  p.from = host_ipv6(99);
  input(&p);
  ck_assert_uint_eq(h.frame_count, 0);
} END_TEST

START_TEST(errors_are_rate_limited_per_peer_and_in_all) {
  uint8_t udp[32];
  peer_packet_t p = packet(false, 17, udp, peer_udp(udp, 5000, 99, "x", 1), 6);
  for (int i = 0; i < 300; i++)
    input(&p);
  ck_assert_uint_eq(h.frame_count, 20);
  ck_assert_uint_eq(tcpip_stats(h.stack)->icmpv4_tx_rate_limited, 280);
  host_drop_all(&h);
  host_advance(&h, S);
  for (int i = 0; i < 300; i++)
    input(&p);
  ck_assert_uint_eq(h.frame_count, 10);
} END_TEST

START_TEST(an_unreachable_quotes_the_packet) {
  for (int v6 = 0; v6 < 2; v6++) {
    uint8_t udp[1300], payload[1200] = {1, 2, 3};
    peer_packet_t p = packet(v6, 17, udp, peer_udp(udp, 5000, 99, payload, sizeof payload), 6);
    input(&p);
    host_frame_t f;
    ck_assert(host_take(&h, &f));
    size_t ip = v6 ? 40 : 20;
    ck_assert_uint_eq(f.bytes[14 + ip], v6 ? 1 : 3);
    ck_assert_uint_eq(f.bytes[14 + ip + 1], v6 ? 4 : 3);
    ck_assert_uint_eq(f.length, v6 ? 14 + 1280 : 14 + 576);
    ck_assert_int_eq(memcmp(f.bytes + 14 + ip + 8, frame + 14, f.length - 14 - ip - 8), 0);
    free(f.bytes);
  }
} END_TEST

// An ICMP error about a datagram from our port to the peer's port 7.
static void send_error(bool v6, uint8_t type, uint8_t code, uint32_t argument, uint16_t our_port, uint8_t peer_port) {
  uint8_t inner_udp[16], icmp[128] = {type, code};
  peer_packet_t inner = {.from = v6 ? host_ipv6(1) : host_ipv4(1), .to = v6 ? host_ipv6(99) : host_ipv4(99),
                         .protocol = 17, .payload = inner_udp, .length = peer_udp(inner_udp, our_port, peer_port, "x", 1)};
  be32_put(icmp + 4, argument);
  size_t length = 8 + peer_ip(icmp + 8, &inner);
  peer_packet_t p = packet(v6, v6 ? 58 : 1, icmp, length, 2);
  input(&p);
}

START_TEST(errors_reach_the_socket_they_are_about) {
  const struct {
    bool v6;
    uint8_t type, code;
    int error;
  } cases[] = {{false, 3, 3, -ECONNREFUSED}, {false, 3, 2, -ENOPROTOOPT}, {false, 3, 13, -EHOSTUNREACH},
               {false, 3, 0, 0},             {false, 3, 1, 0},            {false, 11, 0, 0},
               {true, 1, 4, -ECONNREFUSED},  {true, 1, 1, -EACCES},       {true, 1, 0, 0},
               {true, 3, 0, 0},              {true, 4, 1, -EPROTO},       {false, 12, 0, -EPROTO}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bool v6 = cases[i].v6;
    tcpip_socket_t* s = host_udp(&h, v6 ? TCPIP_IPV6 : TCPIP_IPV4, v6 ? "::" : "0.0.0.0", 4000);
    tcpip_endpoint_t to = host_endpoint(v6 ? "fd00::63" : "10.0.0.99", 7);
    send_error(v6, cases[i].type, cases[i].code, 0, 4000, 7);
    ck_assert_int_eq(tcpip_socket_take_error(s), 0);  // not connected
    ck_assert_int_eq(tcpip_socket_connect(s, &to), 0);
    send_error(v6, cases[i].type, cases[i].code, 0, 4000, 8);
    send_error(v6, cases[i].type, cases[i].code, 0, 4001, 7);
    ck_assert_int_eq(tcpip_socket_take_error(s), 0);  // about others
    send_error(v6, cases[i].type, cases[i].code, 0, 4000, 7);
    ck_assert_msg(tcpip_socket_take_error(s) == cases[i].error, "case %zu", i);
    tcpip_socket_destroy(s);
  }
} END_TEST

START_TEST(a_narrower_path_is_remembered_and_forgotten) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t* s = host_udp(&h, v6 ? TCPIP_IPV6 : TCPIP_IPV4, v6 ? "::" : "0.0.0.0", 4000);
    tcpip_endpoint_t to = host_endpoint(v6 ? "fd00::63" : "10.0.0.99", 7);
    tcpip_path_t path;
    static uint8_t bytes[1400];
    ck_assert_int_eq(tcpip_socket_connect(s, &to), 0);
    send_error(v6, v6 ? 2 : 3, v6 ? 0 : 4, 1300, 4001, 7);  // no such socket: not believed
    ck_assert_int_eq(tcpip_route_resolve(h.stack, &to.address, 0, &path), 0);
    ck_assert_uint_eq(path.mtu, 1500);
    ck_assert_int_eq(host_send(s, bytes, sizeof bytes, NULL), sizeof bytes);
    ck_assert_uint_eq(h.frame_count, 1);
    send_error(v6, v6 ? 2 : 3, v6 ? 0 : 4, 1300, 4000, 7);
    ck_assert_int_eq(tcpip_socket_take_error(s), 0);
    ck_assert_int_eq(tcpip_route_resolve(h.stack, &to.address, 0, &path), 0);
    ck_assert_uint_eq(path.mtu, 1300);
    host_drop_all(&h);
    ck_assert_int_eq(host_send(s, bytes, sizeof bytes, NULL), sizeof bytes);
    ck_assert_uint_eq(h.frame_count, 2);
    send_error(v6, v6 ? 2 : 3, v6 ? 0 : 4, 1400, 4000, 7);  // does not widen
    send_error(v6, v6 ? 2 : 3, v6 ? 0 : 4, 68, 4000, 7);    // below what a path may have
    ck_assert_int_eq(tcpip_route_resolve(h.stack, &to.address, 0, &path), 0);
    ck_assert_uint_eq(path.mtu, v6 ? 1280 : 552);
    host_advance(&h, 700 * S);
    host_drop_all(&h);
    ck_assert_int_eq(host_send(s, bytes, sizeof bytes, NULL), sizeof bytes);
    ck_assert_uint_eq(h.frame_count, 1);
    ck_assert_int_eq(tcpip_route_resolve(h.stack, &to.address, 0, &path), 0);
    ck_assert_uint_eq(path.mtu, 1500);
    host_drop_all(&h);
    tcpip_socket_destroy(s);
  }
} END_TEST

// How many frames a datagram took, or the error; the flag that forbids routers to fragment, if it was one of IPv4.
static int64_t frames_for(tcpip_socket_t* s, size_t length, bool* dont_fragment) {
  static uint8_t bytes[1600];
  host_drop_all(&h);
  int64_t result = host_send(s, bytes, length, NULL);
  if (result < 0) return result;
  *dont_fragment = (be16_get(h.frames[0].bytes + 14 + 6) & 0x4000) != 0;
  return (int64_t)h.frame_count;
}

START_TEST(what_is_too_large_for_the_path_is_treated_as_the_socket_asks) {
  static const struct {
    int mode;
    bool dont_fragment;
    int error;              // told when the path turns out to be narrower
    int64_t after, larger;  // frames for what is too large for the path, and for the interface
    uint32_t known;
  } cases[] = {{TCPIP_MTU_DONT, false, 0, 2, 2, 1300},
               {TCPIP_MTU_WANT, true, 0, 2, 2, 1300},
               {TCPIP_MTU_DO, true, -EMSGSIZE, -EMSGSIZE, -EMSGSIZE, 1300},
               {TCPIP_MTU_PROBE, true, -EMSGSIZE, 1, -EMSGSIZE, 1300},
               {TCPIP_MTU_INTERFACE, false, 0, 1, -EMSGSIZE, 1500},
               {TCPIP_MTU_OMIT, false, 0, 1, 2, 1500}};
  for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
    bool v6 = i % 2, flag = false;
    tcpip_option_t option = v6 ? TCPIP_IPV6_MTU_DISCOVER : TCPIP_MTU_DISCOVER;
    tcpip_socket_t* s = host_udp(&h, v6 ? TCPIP_IPV6 : TCPIP_IPV4, v6 ? "::" : "0.0.0.0", 4000);
    tcpip_endpoint_t to = host_endpoint(v6 ? "fd00::63" : "10.0.0.99", 7);
    uint32_t mtu = 0;
    ck_assert_int_eq(tcpip_socket_path_mtu(s, &mtu), -ENOTCONN);
    ck_assert_int_eq(tcpip_socket_connect(s, &to), 0);
    ck_assert_int_eq(tcpip_socket_path_mtu(s, &mtu), 0);
    ck_assert_uint_eq(mtu, 1500);
    ck_assert_int_eq(frames_for(s, 1400, &flag), 1);  // by default, and so the path is known when that changes
    ck_assert_int_eq(tcpip_socket_set(s, option, cases[i / 2].mode), 0);
    ck_assert_int_eq(frames_for(s, 1400, &flag), 1);
    ck_assert(v6 || flag == cases[i / 2].dont_fragment);
    send_error(v6, v6 ? 2 : 3, v6 ? 0 : 4, 1300, 4000, 7);
    ck_assert_int_eq(tcpip_socket_take_error(s), cases[i / 2].error);
    ck_assert_int_eq(tcpip_socket_path_mtu(s, &mtu), 0);
    ck_assert_uint_eq(mtu, cases[i / 2].known);
    ck_assert_int_eq(frames_for(s, 1400, &flag), cases[i / 2].after);
    ck_assert_int_eq(frames_for(s, 1600, &flag), cases[i / 2].larger);
    host_advance(&h, 700 * S);
    host_drop_all(&h);
    tcpip_socket_destroy(s);
  }
} END_TEST

START_TEST(router_without_an_mtu_to_tell_makes_us_take_a_plateau) {
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV4, "0.0.0.0", 4000);
  tcpip_endpoint_t to = host_endpoint("10.0.0.99", 7);
  tcpip_path_t path;
  uint8_t icmp[64] = {3, 4}, udp[16];
  peer_packet_t inner = {.from = host_ipv4(1), .to = host_ipv4(99), .protocol = 17, .payload = udp,
                         .length = peer_udp(udp, 4000, 7, "x", 1)};
  ck_assert_int_eq(tcpip_socket_connect(s, &to), 0);
  size_t length = 8 + peer_ip(icmp + 8, &inner);
  be16_put(icmp + 10, 1500);
  peer_packet_t p = packet(false, 1, icmp, length, 2);
  input(&p);
  ck_assert_int_eq(tcpip_route_resolve(h.stack, &to.address, 0, &path), 0);
  ck_assert_uint_eq(path.mtu, 1492);
} END_TEST

START_TEST(errors_with_broken_quotes_are_dropped) {
  for (size_t length = 0; length < 36; length++) {
    uint8_t icmp[64] = {3, 3}, udp[16];
    peer_packet_t inner = {.from = host_ipv4(1), .to = host_ipv4(99), .protocol = 17, .payload = udp,
                           .length = peer_udp(udp, 4000, 7, "x", 1)};
    (void)peer_ip(icmp + 8, &inner);
    peer_packet_t p = packet(false, 1, icmp, length, length > 4 ? 2 : 0);
    input(&p);
  }
  ck_assert_uint_eq(tcpip_stats(h.stack)->icmpv4_rx_bad, 36);
} END_TEST

// The queue of errors. `send_error` quotes a datagram with the one octet "x".

static tcpip_socket_t* socket_with_errors(bool v6) {
  tcpip_socket_t* s = host_udp(&h, v6 ? TCPIP_IPV6 : TCPIP_IPV4, v6 ? "::" : "0.0.0.0", 4000);
  ck_assert_int_eq(tcpip_socket_set(s, v6 ? TCPIP_IPV6_RECEIVE_ERRORS : TCPIP_RECEIVE_ERRORS, 1), 0);
  return s;
}

static int64_t take(tcpip_socket_t* s, tcpip_error_t* error) {
  char bytes[2000];
  struct iovec iov = {bytes, sizeof bytes};
  tcpip_recv_t recv = {.iov = &iov, .iov_count = 1};
  return tcpip_socket_recv_error(s, &recv, error);
}

START_TEST(errors_are_queued_with_what_they_are_about) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t* s = socket_with_errors(v6);
    tcpip_error_t error;
    tcpip_address_t peer = v6 ? host_ipv6(99) : host_ipv4(99), own = v6 ? host_ipv6(1) : host_ipv4(1);
    char bytes[4];
    struct iovec iov = {bytes, sizeof bytes};
    tcpip_recv_t recv = {.iov = &iov, .iov_count = 1};
    ck_assert_int_eq(take(s, &error), -EAGAIN);
    h.events = 0;
    send_error(v6, v6 ? 1 : 3, v6 ? 4 : 3, 0, 4000, 7);
    ck_assert_uint_eq(h.events, TCPIP_EVENT_ERROR | TCPIP_EVENT_ERROR_QUEUE);
    ck_assert_uint_eq(tcpip_socket_poll(s), TCPIP_EVENT_WRITABLE | TCPIP_EVENT_ERROR | TCPIP_EVENT_ERROR_QUEUE);
    ck_assert_int_eq(tcpip_socket_recv_error(s, &recv, &error), 1);
    ck_assert_int_eq(bytes[0], 'x');
    ck_assert_int_eq(error.error, ECONNREFUSED);
    ck_assert_uint_eq(error.origin, v6 ? TCPIP_ERROR_ICMPV6 : TCPIP_ERROR_ICMP);
    ck_assert_uint_eq(error.type, v6 ? 1 : 3);
    ck_assert_uint_eq(error.code, v6 ? 4 : 3);
    ck_assert_uint_eq(error.to.port, 7);
    ck_assert(tcpip_address_equal(&error.to.address, &peer));
    ck_assert(tcpip_address_equal(&error.offender.address, &peer));
    ck_assert(tcpip_address_equal(&recv.destination, &own));
    ck_assert_uint_eq(recv.ttl, 64);
    ck_assert_uint_eq(recv.interface, h.interface);
    ck_assert_int_eq(recv.timestamp_ns, h.now);
    ck_assert_uint_eq(tcpip_socket_poll(s), TCPIP_EVENT_WRITABLE);
    // Time exceeded and too large, which are no hard errors, are told as well.
    send_error(v6, v6 ? 3 : 11, 0, 0, 4000, 7);
    send_error(v6, v6 ? 2 : 3, v6 ? 0 : 4, 1300, 4000, 7);
    ck_assert_int_eq(take(s, &error), 1);
    ck_assert_int_eq(error.error, EHOSTUNREACH);
    ck_assert_int_eq(take(s, &error), 1);
    ck_assert_int_eq(error.error, EMSGSIZE);
    ck_assert_uint_eq(error.info, 1300);
    tcpip_socket_destroy(s);
  }
} END_TEST

START_TEST(the_pending_error_is_that_of_the_oldest_in_the_queue_once_one_was_taken) {
  tcpip_socket_t* s = socket_with_errors(false);
  tcpip_error_t error;
  send_error(false, 3, 3, 0, 4000, 7);
  send_error(false, 11, 0, 0, 4000, 7);
  send_error(false, 3, 2, 0, 4000, 7);
  ck_assert_int_eq(tcpip_socket_take_error(s), -ENOPROTOOPT);  // the latest
  ck_assert_int_eq(tcpip_socket_take_error(s), 0);
  ck_assert_int_eq(take(s, &error), 1);
  ck_assert_int_eq(tcpip_socket_take_error(s), -EHOSTUNREACH);
  ck_assert_int_eq(take(s, &error), 1);
  ck_assert_int_eq(take(s, &error), 1);
  ck_assert_int_eq(error.error, ENOPROTOOPT);
  ck_assert_int_eq(tcpip_socket_take_error(s), 0);
  ck_assert_int_eq(take(s, &error), -EAGAIN);
} END_TEST

START_TEST(turning_the_queue_off_forgets_it) {
  tcpip_socket_t* s = socket_with_errors(false);
  tcpip_error_t error;
  int64_t on = 0;
  size_t before, after;
  tcpip_client_usage(h.client, NULL, &before);
  send_error(false, 3, 3, 0, 4000, 7);
  tcpip_client_usage(h.client, NULL, &after);
  ck_assert_uint_gt(after, before);
  ck_assert_int_eq(tcpip_socket_get(s, TCPIP_RECEIVE_ERRORS, &on), 0);
  ck_assert_int_eq(on, 1);
  ck_assert_int_eq(tcpip_socket_set(s, TCPIP_RECEIVE_ERRORS, 0), 0);
  ck_assert_int_eq(take(s, &error), -EAGAIN);
  tcpip_client_usage(h.client, NULL, &after);
  ck_assert_uint_eq(after, before);
  ck_assert_int_eq(tcpip_socket_take_error(s), -ECONNREFUSED);
  send_error(false, 3, 3, 0, 4000, 7);  // no peer, so nobody to tell
  ck_assert_int_eq(tcpip_socket_take_error(s), 0);
} END_TEST

START_TEST(the_queue_is_bounded_by_the_receive_buffer) {
  tcpip_socket_t* s = socket_with_errors(false);
  tcpip_error_t error;
  ck_assert_int_eq(tcpip_socket_set(s, TCPIP_RECEIVE_BUFFER, 4096), 0);
  for (int i = 0; i < 1000; i++)
    send_error(false, 3, 3, 0, 4000, 7);
  ck_assert_int_eq(tcpip_socket_take_error(s), -ECONNREFUSED);
  size_t used;
  tcpip_client_usage(h.client, NULL, &used);
  ck_assert_uint_le(used, 4096);
  int taken = 0;
  while (take(s, &error) >= 0)
    taken++;
  ck_assert_int_gt(taken, 1);
  ck_assert_int_lt(taken, 50);
} END_TEST

START_TEST(what_the_host_itself_refuses_is_queued_but_not_pending) {
  for (int v6 = 0; v6 < 2; v6++) {
    static const uint8_t bytes[1600];
    tcpip_socket_t* s = socket_with_errors(v6);
    tcpip_error_t error;
    tcpip_endpoint_t to = host_endpoint(v6 ? "fd00::63" : "10.0.0.99", 7);
    ck_assert_int_eq(tcpip_socket_set(s, v6 ? TCPIP_IPV6_MTU_DISCOVER : TCPIP_MTU_DISCOVER, TCPIP_MTU_DO), 0);
    ck_assert_int_eq(host_send(s, bytes, sizeof bytes, &to), -EMSGSIZE);
    ck_assert_uint_eq(tcpip_socket_poll(s), TCPIP_EVENT_WRITABLE | TCPIP_EVENT_ERROR_QUEUE);
    ck_assert_int_eq(take(s, &error), 0);
    ck_assert_int_eq(error.error, EMSGSIZE);
    ck_assert_uint_eq(error.origin, TCPIP_ERROR_LOCAL);
    ck_assert_uint_eq(error.info, 1500);
    ck_assert(tcpip_address_equal(&error.to.address, &to.address));
    ck_assert_uint_eq(error.offender.address.family, TCPIP_NONE);
    tcpip_socket_destroy(s);
  }
} END_TEST

START_TEST(a_neighbour_that_does_not_answer_is_reported_as_a_router_would) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t* s = socket_with_errors(v6);
    tcpip_error_t error;
    tcpip_endpoint_t to = host_endpoint(v6 ? "fd00::42" : "10.0.0.66", 7);
    tcpip_address_t own = v6 ? host_ipv6(1) : host_ipv4(1);
    ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
    for (int i = 0; i < 5; i++)
      host_advance(&h, S);
    ck_assert_int_eq(take(s, &error), 1);
    ck_assert_int_eq(error.error, EHOSTUNREACH);
    ck_assert_uint_eq(error.type, v6 ? 1 : 3);
    ck_assert_uint_eq(error.code, v6 ? 3 : 1);
    ck_assert_uint_eq(error.to.port, 7);
    ck_assert(tcpip_address_equal(&error.to.address, &to.address));
    ck_assert(tcpip_address_equal(&error.offender.address, &own));
    ck_assert_int_eq(take(s, &error), -EAGAIN);
    tcpip_socket_destroy(s);
  }
} END_TEST

int main(void) {
  Suite* suite = suite_create("icmp");
  TCase* tc = jx_test_case(suite, "icmp");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, echo_requests_are_answered_with_their_own_data);
  tcase_add_test(tc, no_error_answers_errors_groups_or_nobody);
  tcase_add_test(tc, errors_are_rate_limited_per_peer_and_in_all);
  tcase_add_test(tc, an_unreachable_quotes_the_packet);
  tcase_add_test(tc, errors_reach_the_socket_they_are_about);
  tcase_add_test(tc, a_narrower_path_is_remembered_and_forgotten);
  tcase_add_test(tc, what_is_too_large_for_the_path_is_treated_as_the_socket_asks);
  tcase_add_test(tc, router_without_an_mtu_to_tell_makes_us_take_a_plateau);
  tcase_add_test(tc, errors_with_broken_quotes_are_dropped);
  tcase_add_test(tc, errors_are_queued_with_what_they_are_about);
  tcase_add_test(tc, the_pending_error_is_that_of_the_oldest_in_the_queue_once_one_was_taken);
  tcase_add_test(tc, turning_the_queue_off_forgets_it);
  tcase_add_test(tc, the_queue_is_bounded_by_the_receive_buffer);
  tcase_add_test(tc, what_the_host_itself_refuses_is_queued_but_not_pending);
  tcase_add_test(tc, a_neighbour_that_does_not_answer_is_reported_as_a_router_would);
  return jx_test_run(suite);
}
