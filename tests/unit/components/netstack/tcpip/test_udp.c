// UDP sockets between two stacks, without loss: names, errors, buffers, fragmentation, groups.
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "host.h"
#include "jx_test.h"

static host_t a, b;

static void setup(void) {
  host_init(&a, &(host_config_t){.last_octet = 1, .seed = 1});
  host_init(&b, &(host_config_t){.last_octet = 2, .seed = 2});
}

static void teardown(void) {
  host_deinit(&a);
  host_deinit(&b);
}

static void check_echo(const char* address, size_t length) {
  uint8_t family = strchr(address, ':') ? TCPIP_IPV6 : TCPIP_IPV4;
  tcpip_socket_t* server = host_udp(&b, family, family == TCPIP_IPV6 ? "::" : "0.0.0.0", 7);
  tcpip_socket_t* client = host_udp(&a, family, NULL, 0);
  uint8_t* sent = malloc(length + 1);
  uint8_t* got = malloc(length + 1);
  for (size_t i = 0; i < length; i++)
    sent[i] = (uint8_t)(i * 7 + i / 256);
  tcpip_endpoint_t to = host_endpoint(address, 7);
  ck_assert_int_eq(host_send(client, sent, length, &to), (int64_t)length);
  host_exchange(&a, &b);
  tcpip_recv_t recv = {0};
  ck_assert_int_eq(host_recv(server, got, length, &recv), (int64_t)length);
  ck_assert_int_eq(memcmp(sent, got, length), 0);
  ck_assert_uint_eq(recv.truncated, 0);
  ck_assert_int_eq(host_send(server, got, length, &recv.from), (int64_t)length);
  host_exchange(&a, &b);
  ck_assert_int_eq(host_recv(client, got, length, NULL), (int64_t)length);
  ck_assert_int_eq(memcmp(sent, got, length), 0);
  free(sent);
  free(got);
  tcpip_socket_destroy(server);
  tcpip_socket_destroy(client);
}

START_TEST(datagrams_of_every_size_come_back_over_both_families) {
  const size_t sizes[] = {0, 1, 2, 63, 1400, 1472, 1473, 8000, 20000, 65507};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    check_echo("10.0.0.2", sizes[i]);
    check_echo("fd00::2", sizes[i]);
  }
  check_echo("fd00::2", 65527);
  ck_assert_uint_eq(tcpip_stats(b.stack)->udp_rx_bad_checksum, 0);
} END_TEST

START_TEST(a_datagram_no_packet_can_hold_is_refused) {
  static const uint8_t bytes[65536];
  tcpip_socket_t* v4 = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_socket_t* v6 = host_udp(&a, TCPIP_IPV6, NULL, 0);
  tcpip_endpoint_t to4 = host_endpoint("10.0.0.2", 7), to6 = host_endpoint("fd00::2", 7);
  ck_assert_int_eq(host_send(v4, bytes, 65508, &to4), -EMSGSIZE);
  ck_assert_int_eq(host_send(v6, bytes, 65528, &to6), -EMSGSIZE);
  ck_assert_int_eq(host_send(v6, bytes, 65536, &to6), -EMSGSIZE);
} END_TEST

START_TEST(receive_on_an_empty_queue_would_block) {
  tcpip_socket_t* s = host_udp(&a, TCPIP_IPV4, "0.0.0.0", 9);
  char buffer[4];
  a.trace_on = true;
  ck_assert_int_eq(host_recv(s, buffer, sizeof buffer, NULL), -EAGAIN);
  ck_assert_str_eq(a.trace, "udp.recv udp.recv.would_block ");
  ck_assert_uint_eq(tcpip_socket_poll(s), TCPIP_EVENT_WRITABLE);
} END_TEST

START_TEST(trace_points_come_in_the_order_of_a_datagrams_life) {
  host_introduce(&a, &b);
  tcpip_socket_t* s = host_udp(&b, TCPIP_IPV4, "0.0.0.0", 9);
  tcpip_socket_t* c = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 9);
  char buffer[4];
  a.trace_on = b.trace_on = true;
  ck_assert_int_eq(host_send(c, "x", 1, &to), 1);
  ck_assert_str_eq(a.trace, "udp.send ip.output udp.send.done ");
  host_exchange(&a, &b);
  ck_assert_uint_eq(b.events, TCPIP_EVENT_READABLE);
  ck_assert_ptr_eq(b.event_socket, s);
  ck_assert_int_eq(host_recv(s, buffer, sizeof buffer, NULL), 1);
  ck_assert_str_eq(b.trace, "ip.input udp.input udp.recv udp.recv.done ");
} END_TEST

START_TEST(a_cut_datagram_tells_how_much_was_cut_and_peek_leaves_it) {
  tcpip_socket_t* s = host_udp(&b, TCPIP_IPV4, "0.0.0.0", 9);
  tcpip_socket_t* c = host_udp(&a, TCPIP_IPV4, "10.0.0.1", 5000);
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 9);
  char buffer[4];
  ck_assert_int_eq(host_send(c, "abcdefgh", 8, &to), 8);
  host_exchange(&a, &b);
  ck_assert_uint_eq(tcpip_socket_next_length(s), 8);
  tcpip_recv_t recv = {.peek = true};
  ck_assert_int_eq(host_recv(s, buffer, 3, &recv), 3);
  ck_assert_uint_eq(recv.truncated, 5);
  ck_assert_uint_eq(recv.length, 8);
  ck_assert_uint_eq(recv.from.port, 5000);
  ck_assert_uint_eq(recv.ttl, 64);
  ck_assert_uint_eq(recv.interface, b.interface);
  ck_assert_int_eq(recv.timestamp_ns, b.now);
  tcpip_address_t from = host_ipv4(1), to_address = host_ipv4(2);
  ck_assert(tcpip_address_equal(&recv.from.address, &from));
  ck_assert(tcpip_address_equal(&recv.destination, &to_address));
  ck_assert_int_eq(host_recv(s, buffer, 4, NULL), 4);
  ck_assert_int_eq(host_recv(s, buffer, 4, NULL), -EAGAIN);
} END_TEST

START_TEST(a_port_nobody_has_becomes_connection_refused) {
  const char* addresses[] = {"10.0.0.2", "fd00::2"};
  for (int i = 0; i < 2; i++) {
    tcpip_socket_t* c = host_udp(&a, i ? TCPIP_IPV6 : TCPIP_IPV4, NULL, 0);
    tcpip_endpoint_t to = host_endpoint(addresses[i], 9);
    char buffer[4];
    ck_assert_int_eq(tcpip_socket_connect(c, &to), 0);
    ck_assert_int_eq(host_send(c, "x", 1, NULL), 1);
    host_exchange(&a, &b);
    ck_assert_uint_eq(tcpip_socket_poll(c), TCPIP_EVENT_WRITABLE | TCPIP_EVENT_ERROR);
    ck_assert_int_eq(host_recv(c, buffer, sizeof buffer, NULL), -ECONNREFUSED);
    ck_assert_int_eq(host_recv(c, buffer, sizeof buffer, NULL), -EAGAIN);
    ck_assert_int_eq(host_send(c, "x", 1, NULL), 1);
    host_exchange(&a, &b);
    ck_assert_int_eq(tcpip_socket_take_error(c), -ECONNREFUSED);
    ck_assert_int_eq(tcpip_socket_take_error(c), 0);
  }
} END_TEST

START_TEST(a_connected_socket_hears_only_its_peer) {
  tcpip_socket_t* c = host_udp(&a, TCPIP_IPV4, "0.0.0.0", 4000);
  tcpip_socket_t* peer = host_udp(&b, TCPIP_IPV4, "0.0.0.0", 9);
  tcpip_socket_t* other = host_udp(&b, TCPIP_IPV4, "0.0.0.0", 10);
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 9), back = host_endpoint("10.0.0.1", 4000), name;
  char buffer[4];
  ck_assert_int_eq(tcpip_socket_peer(c, &name), -ENOTCONN);
  ck_assert_int_eq(tcpip_socket_connect(c, &to), 0);
  ck_assert_int_eq(tcpip_socket_peer(c, &name), 0);
  ck_assert_uint_eq(name.port, 9);
  tcpip_socket_local(c, &name);
  tcpip_address_t own = host_ipv4(1);
  ck_assert(tcpip_address_equal(&name.address, &own));
  ck_assert_int_eq(host_send(other, "n", 1, &back), 1);
  ck_assert_int_eq(host_send(peer, "y", 1, &back), 1);
  host_exchange(&a, &b);
  ck_assert_int_eq(host_recv(c, buffer, 4, NULL), 1);
  ck_assert_int_eq(buffer[0], 'y');
  ck_assert_int_eq(host_recv(c, buffer, 4, NULL), -EAGAIN);
  ck_assert_int_eq(tcpip_socket_disconnect(c), 0);
  ck_assert_int_eq(host_send(other, "n", 1, &back), 1);
  host_exchange(&a, &b);
  ck_assert_int_eq(host_recv(c, buffer, 4, NULL), 1);
} END_TEST

START_TEST(binding_follows_the_rules_of_conflict) {
  tcpip_socket_t* s[4];
  tcpip_endpoint_t any4 = host_endpoint("0.0.0.0", 100), any6 = host_endpoint("::", 100);
  tcpip_endpoint_t own = host_endpoint("10.0.0.1", 100), foreign = host_endpoint("10.0.0.77", 100);
  for (int i = 0; i < 4; i++)
    ck_assert_int_eq(tcpip_socket_create(a.client, i < 2 ? TCPIP_IPV4 : TCPIP_IPV6, TCPIP_UDP, NULL, &s[i]), 0);
  ck_assert_int_eq(tcpip_socket_bind(s[0], &foreign), -EADDRNOTAVAIL);
  ck_assert_int_eq(tcpip_socket_bind(s[0], &any6), -EAFNOSUPPORT);
  ck_assert_int_eq(tcpip_socket_bind(s[0], &any4), 0);
  ck_assert_int_eq(tcpip_socket_bind(s[0], &any4), -EINVAL);
  ck_assert_int_eq(tcpip_socket_bind(s[1], &own), -EADDRINUSE);
  ck_assert_int_eq(tcpip_socket_bind(s[2], &any6), -EADDRINUSE);
  ck_assert_int_eq(tcpip_socket_set(s[3], TCPIP_IPV6_ONLY, 1), 0);
  ck_assert_int_eq(tcpip_socket_bind(s[3], &any6), 0);
  ck_assert_int_eq(tcpip_socket_set(s[0], TCPIP_REUSE_ADDRESS, 1), 0);
  ck_assert_int_eq(tcpip_socket_set(s[1], TCPIP_REUSE_ADDRESS, 1), 0);
  ck_assert_int_eq(tcpip_socket_bind(s[1], &own), 0);
} END_TEST

START_TEST(ephemeral_ports_are_random_free_and_in_range) {
  tcpip_socket_t* s[200];
  tcpip_endpoint_t any = host_endpoint("0.0.0.0", 0), name;
  uint16_t last = 0, in_order = 0;
  for (int i = 0; i < 200; i++) {
    ck_assert_int_eq(tcpip_socket_create(a.client, TCPIP_IPV4, TCPIP_UDP, NULL, &s[i]), 0);
    ck_assert_int_eq(tcpip_socket_bind(s[i], &any), 0);
    tcpip_socket_local(s[i], &name);
    ck_assert_uint_ge(name.port, 32768);
    ck_assert_uint_le(name.port, 60999);
    in_order += name.port == last + 1;
    last = name.port;
  }
  ck_assert_uint_lt(in_order, 5);
} END_TEST

START_TEST(a_dual_stack_socket_speaks_ipv4_with_mapped_addresses) {
  tcpip_socket_t* s = host_udp(&b, TCPIP_IPV6, "::", 9);
  tcpip_socket_t* c = host_udp(&a, TCPIP_IPV6, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("::ffff:10.0.0.2", 9);
  char buffer[4], text[TCPIP_ADDRESS_TEXT_SIZE];
  ck_assert_int_eq(host_send(c, "x", 1, &to), 1);
  host_exchange(&a, &b);
  ck_assert_uint_gt(tcpip_stats(b.stack)->ipv4_rx, 0);
  tcpip_recv_t recv = {0};
  ck_assert_int_eq(host_recv(s, buffer, 4, &recv), 1);
  tcpip_address_format(&recv.from.address, text);
  ck_assert_str_eq(text, "::ffff:10.0.0.1");
  ck_assert_int_eq(host_send(s, "y", 1, &recv.from), 1);
  host_exchange(&a, &b);
  ck_assert_int_eq(host_recv(c, buffer, 4, NULL), 1);
  tcpip_socket_t* only = host_udp(&a, TCPIP_IPV6, NULL, 0);
  ck_assert_int_eq(tcpip_socket_set(only, TCPIP_IPV6_ONLY, 1), 0);
  ck_assert_int_eq(host_send(only, "x", 1, &to), -ENETUNREACH);
} END_TEST

START_TEST(loopback_delivers_at_the_next_advance) {
  tcpip_socket_t* s = host_udp(&a, TCPIP_IPV4, "127.0.0.1", 9);
  tcpip_socket_t* c = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("127.0.0.1", 9);
  static uint8_t big[60000], got[60000];
  memset(big, 5, sizeof big);
  ck_assert_int_eq(host_send(c, big, sizeof big, &to), sizeof big);
  ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), -EAGAIN);
  ck_assert_int_le(tcpip_deadline(a.stack), a.now);
  tcpip_advance(a.stack, a.now);
  ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), sizeof got);
  ck_assert_int_eq(memcmp(big, got, sizeof got), 0);
  ck_assert_uint_eq(a.frame_count, 0);
  tcpip_endpoint_t own = host_endpoint("10.0.0.1", 9);
  ck_assert_int_eq(host_send(c, "x", 1, &own), 1);  // not bound there: refused, over loopback
  tcpip_advance(a.stack, a.now);
  ck_assert_uint_eq(tcpip_stats(a.stack)->udp_rx_no_port, 1);
  ck_assert_uint_eq(a.frame_count, 0);
} END_TEST

START_TEST(the_receive_buffer_is_a_limit_and_drops_are_counted) {
  host_introduce(&a, &b);
  tcpip_socket_t* s = host_udp(&b, TCPIP_IPV4, "0.0.0.0", 9);
  tcpip_socket_t* c = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 9);
  static uint8_t bytes[1000];
  int64_t value;
  ck_assert_int_eq(tcpip_socket_set(s, TCPIP_RECEIVE_BUFFER, 1), 0);
  ck_assert_int_eq(tcpip_socket_get(s, TCPIP_RECEIVE_BUFFER, &value), 0);
  ck_assert_int_eq(value, 2048);
  for (int i = 0; i < 5; i++)
    ck_assert_int_eq(host_send(c, bytes, 900, &to), 900);
  host_exchange(&a, &b);
  ck_assert_uint_eq(tcpip_stats(b.stack)->udp_rx_buffer_full, 3);
  ck_assert_int_eq(host_recv(s, bytes, 1000, NULL), 900);
  ck_assert_int_eq(host_recv(s, bytes, 1000, NULL), 900);
  ck_assert_int_eq(host_recv(s, bytes, 1000, NULL), -EAGAIN);
  uint32_t sockets;
  size_t used;
  tcpip_client_usage(b.client, &sockets, &used);
  ck_assert_uint_eq(sockets, 1);
  ck_assert_uint_eq(used, 0);
} END_TEST

START_TEST(no_client_can_take_what_another_needs) {
  tcpip_client_t* greedy;
  tcpip_client_t* modest;
  tcpip_socket_t *g, *m;
  host_t c;
  host_init(&c, &(host_config_t){.last_octet = 3, .limits = {.buffer_bytes = 1 << 20}});
  host_introduce(&a, &c);
  ck_assert_int_eq(tcpip_client_create(c.stack, &(tcpip_quota_t){.sockets = 1}, &greedy), 0);
  ck_assert_int_eq(tcpip_client_create(c.stack, NULL, &modest), 0);
  ck_assert_int_eq(tcpip_socket_create(greedy, TCPIP_IPV4, TCPIP_UDP, NULL, &g), 0);
  ck_assert_int_eq(tcpip_socket_create(greedy, TCPIP_IPV4, TCPIP_UDP, NULL, &m), -EMFILE);
  ck_assert_int_eq(tcpip_socket_create(modest, TCPIP_IPV4, TCPIP_UDP, NULL, &m), 0);
  tcpip_endpoint_t at = host_endpoint("0.0.0.0", 1), to = host_endpoint("10.0.0.3", 1);
  ck_assert_int_eq(tcpip_socket_bind(g, &at), 0);
  at.port = 2;
  ck_assert_int_eq(tcpip_socket_bind(m, &at), 0);
  ck_assert_int_eq(tcpip_socket_set(g, TCPIP_RECEIVE_BUFFER, 4 << 20), 0);
  tcpip_socket_t* sender = host_udp(&a, TCPIP_IPV4, NULL, 0);
  static uint8_t bytes[1400];
  for (int i = 0; i < 1000; i++) {
    ck_assert_int_eq(host_send(sender, bytes, sizeof bytes, &to), sizeof bytes);
    host_exchange(&a, &c);
  }
  size_t used;
  tcpip_client_usage(greedy, NULL, &used);
  ck_assert_uint_gt(used, 200 << 10);
  ck_assert_uint_lt(used, 300 << 10);
  to.port = 2;
  for (int i = 0; i < 100; i++)
    ck_assert_int_eq(host_send(sender, bytes, sizeof bytes, &to), sizeof bytes);
  host_exchange(&a, &c);
  for (int i = 0; i < 100; i++)
    ck_assert_int_eq(host_recv(m, bytes, sizeof bytes, NULL), sizeof bytes);
  host_deinit(&c);
} END_TEST

START_TEST(a_full_link_makes_the_socket_wait_for_room) {
  host_introduce(&a, &b);
  tcpip_socket_t* s = host_udp(&b, TCPIP_IPV4, "0.0.0.0", 9);
  tcpip_socket_t* c = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 9);
  char buffer[4];
  a.full = true;
  ck_assert_int_eq(host_send(c, "x", 1, &to), -EAGAIN);
  ck_assert_uint_eq(tcpip_socket_poll(c), 0);
  a.full = false;
  a.events = 0;
  tcpip_link_writable(a.stack, a.interface);
  ck_assert_uint_eq(a.events, TCPIP_EVENT_WRITABLE);
  ck_assert_uint_eq(tcpip_socket_poll(c), TCPIP_EVENT_WRITABLE);
  ck_assert_int_eq(host_send(c, "x", 1, &to), 1);
  host_exchange(&a, &b);
  ck_assert_int_eq(host_recv(s, buffer, 4, NULL), 1);
} END_TEST

START_TEST(shutdown_stops_each_direction) {
  tcpip_socket_t* c = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 9);
  ck_assert_int_eq(tcpip_socket_shutdown(c, false, false), -EINVAL);
  ck_assert_int_eq(tcpip_socket_connect(c, &to), 0);
  ck_assert_int_eq(tcpip_socket_shutdown(c, false, true), 0);
  ck_assert_int_eq(host_send(c, "x", 1, NULL), -EPIPE);
  ck_assert_uint_eq(a.events & TCPIP_EVENT_WRITE_SHUTDOWN, TCPIP_EVENT_WRITE_SHUTDOWN);
  ck_assert_int_eq(tcpip_socket_shutdown(c, true, false), 0);
  ck_assert_uint_ne(tcpip_socket_poll(c) & TCPIP_EVENT_READ_SHUTDOWN, 0);
} END_TEST

START_TEST(sending_without_a_destination_or_a_route_fails_in_its_own_way) {
  tcpip_socket_t* c = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t far = host_endpoint("192.0.2.1", 9), none = host_endpoint("10.0.0.2", 0);
  tcpip_endpoint_t broadcast = host_endpoint("10.0.0.255", 9), all = host_endpoint("255.255.255.255", 9);
  ck_assert_int_eq(host_send(c, "x", 1, NULL), -EDESTADDRREQ);
  ck_assert_int_eq(host_send(c, "x", 1, &far), -ENETUNREACH);
  ck_assert_int_eq(host_send(c, "x", 1, &none), -EINVAL);
  ck_assert_int_eq(host_send(c, "x", 1, &broadcast), -EACCES);
  ck_assert_int_eq(tcpip_socket_set(c, TCPIP_BROADCAST, 1), 0);
  ck_assert_int_eq(host_send(c, "x", 1, &broadcast), 1);
  ck_assert_int_eq(host_send(c, "x", 1, &all), 1);
  host_frame_t frame;
  for (int i = 0; i < 2; i++) {
    ck_assert(host_take(&a, &frame));
    ck_assert_uint_eq(frame.bytes[0], 0xff);
    free(frame.bytes);
  }
} END_TEST

START_TEST(members_of_a_group_get_what_is_sent_to_it) {
  const char* groups[] = {"239.1.2.3", "ff02::1234"};
  for (int i = 0; i < 2; i++) {
    uint8_t family = i ? TCPIP_IPV6 : TCPIP_IPV4;
    tcpip_socket_t* s = host_udp(&b, family, i ? "::" : "0.0.0.0", 9);
    tcpip_socket_t* c = host_udp(&a, family, NULL, 0);
    tcpip_address_t group = host_address(groups[i]);
    tcpip_endpoint_t to = host_endpoint(groups[i], 9);
    to.zone = i ? a.interface : 0;
    char buffer[4];
    int before = b.filters;
    ck_assert_int_eq(host_send(c, "x", 1, &to), 1);
    host_exchange(&a, &b);
    ck_assert_int_eq(host_recv(s, buffer, 4, NULL), -EAGAIN);
    ck_assert_int_eq(tcpip_socket_join(s, &group, b.interface), 0);
    ck_assert_int_eq(tcpip_socket_join(s, &group, b.interface), -EADDRINUSE);
    ck_assert_int_eq(b.filters, before + 1);
    ck_assert_int_eq(host_send(c, "x", 1, &to), 1);
    host_exchange(&a, &b);
    tcpip_recv_t recv = {0};
    ck_assert_int_eq(host_recv(s, buffer, 4, &recv), 1);
    ck_assert_uint_eq(recv.ttl, 1);
    ck_assert(tcpip_address_equal(&recv.destination, &group));
    ck_assert_int_eq(tcpip_socket_leave(s, &group, b.interface), 0);
    ck_assert_int_eq(tcpip_socket_leave(s, &group, b.interface), -EADDRNOTAVAIL);
    ck_assert_int_eq(b.filters, before);
    tcpip_socket_destroy(s);
  }
} END_TEST

START_TEST(own_multicasts_come_back_unless_loop_is_off) {
  tcpip_socket_t* s = host_udp(&a, TCPIP_IPV4, "0.0.0.0", 9);
  tcpip_socket_t* c = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_address_t group = host_address("239.1.2.3");
  tcpip_endpoint_t to = host_endpoint("239.1.2.3", 9);
  char buffer[4];
  ck_assert_int_eq(tcpip_socket_join(s, &group, 0), 0);
  ck_assert_int_eq(host_send(c, "x", 1, &to), 1);
  tcpip_advance(a.stack, a.now);
  ck_assert_int_eq(host_recv(s, buffer, 4, NULL), 1);
  ck_assert_int_eq(tcpip_socket_set(c, TCPIP_MULTICAST_LOOP, 0), 0);
  ck_assert_int_eq(host_send(c, "x", 1, &to), 1);
  tcpip_advance(a.stack, a.now);
  ck_assert_int_eq(host_recv(s, buffer, 4, NULL), -EAGAIN);
} END_TEST

START_TEST(packet_information_chooses_source_and_header_fields) {
  tcpip_subnet_t second = {host_address("10.0.0.50"), 24};
  ck_assert_int_eq(tcpip_address_add(a.stack, a.interface, &second, true), 0);
  host_drop_all(&a);
  tcpip_socket_t* s = host_udp(&b, TCPIP_IPV4, "0.0.0.0", 9);
  tcpip_socket_t* c = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 9);
  struct iovec iov = {(char[]){"x"}, 1};
  tcpip_address_t foreign = host_address("10.0.0.51");
  tcpip_send_t send = {.iov = &iov, .iov_count = 1, .to = &to, .source = &second.address, .interface = a.interface,
                       .ttl = 7, .tos = 0x28};
  ck_assert_int_eq(tcpip_socket_send(c, &send), 1);
  host_exchange(&a, &b);
  char buffer[4];
  tcpip_recv_t recv = {0};
  ck_assert_int_eq(host_recv(s, buffer, 4, &recv), 1);
  ck_assert(tcpip_address_equal(&recv.from.address, &second.address));
  ck_assert_uint_eq(recv.ttl, 7);
  ck_assert_uint_eq(recv.tos, 0x28);
  send.source = &foreign;
  ck_assert_int_eq(tcpip_socket_send(c, &send), -EINVAL);
  send.source = NULL;
  send.interface = 77;
  ck_assert_int_eq(tcpip_socket_send(c, &send), -ENODEV);
} END_TEST

START_TEST(many_pieces_make_one_datagram) {
  tcpip_socket_t* s = host_udp(&b, TCPIP_IPV4, "0.0.0.0", 9);
  tcpip_socket_t* c = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 9);
  char text[] = "the quick brown fox jumps over the lazy dog", got[64];
  struct iovec iov[sizeof text - 1];
  for (size_t count = 1; count < sizeof text; count += 7) {
    for (size_t i = 0; i < count; i++)
      iov[i] = (struct iovec){text + i, 1};
    tcpip_send_t send = {.iov = iov, .iov_count = count, .to = &to, .ttl = -1, .tos = -1};
    ck_assert_int_eq(tcpip_socket_send(c, &send), (int64_t)count);
    host_exchange(&a, &b);
    ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), (int64_t)count);
    ck_assert_int_eq(memcmp(got, text, count), 0);
  }
} END_TEST

START_TEST(a_datagram_of_many_pieces_is_cut_into_fragments) {
  tcpip_socket_t* s = host_udp(&b, TCPIP_IPV4, "0.0.0.0", 9);
  tcpip_socket_t* c = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 9);
  static uint8_t bytes[4000], got[4000];
  struct iovec iov[24];
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)(i * 7 + i / 251);
  for (size_t count = 1; count <= sizeof iov / sizeof iov[0]; count++) {  // all but the last are one octet
    for (size_t i = 0; i < count; i++)
      iov[i] = (struct iovec){bytes + i, i + 1 < count ? 1 : sizeof bytes - i};
    tcpip_send_t send = {.iov = iov, .iov_count = count, .to = &to, .ttl = -1, .tos = -1};
    ck_assert_int_eq(tcpip_socket_send(c, &send), sizeof bytes);
    host_exchange(&a, &b);
    ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), sizeof got);
    ck_assert_int_eq(memcmp(got, bytes, sizeof got), 0);
  }
} END_TEST

START_TEST(flows_spread_over_sockets_that_share_a_port) {
  host_introduce(&a, &b);
  tcpip_socket_t* s[4];
  tcpip_endpoint_t any = host_endpoint("0.0.0.0", 9), to = host_endpoint("10.0.0.2", 9);
  for (int i = 0; i < 4; i++) {
    ck_assert_int_eq(tcpip_socket_create(b.client, TCPIP_IPV4, TCPIP_UDP, NULL, &s[i]), 0);
    ck_assert_int_eq(tcpip_socket_set(s[i], TCPIP_REUSE_PORT, 1), 0);
    ck_assert_int_eq(tcpip_socket_bind(s[i], &any), 0);
  }
  for (uint16_t i = 0; i < 200; i++) {
    tcpip_socket_t* c = host_udp(&a, TCPIP_IPV4, "0.0.0.0", 1000 + i);
    ck_assert_int_eq(host_send(c, "x", 1, &to), 1);
    host_exchange(&a, &b);
  }
  for (int i = 0; i < 4; i++) {
    int got = 0;
    for (char c; host_recv(s[i], &c, 1, NULL) == 1;)
      got++;
    ck_assert_int_gt(got, 20);
    ck_assert_int_lt(got, 90);
  }
} END_TEST

START_TEST(ping_sockets_get_their_replies) {
  const char* addresses[] = {"10.0.0.2", "fd00::2", "127.0.0.1"};
  for (int i = 0; i < 3; i++) {
    tcpip_socket_t* p;
    bool v6 = i == 1;
    ck_assert_int_eq(tcpip_socket_create(a.client, v6 ? TCPIP_IPV6 : TCPIP_IPV4, TCPIP_ICMP_ECHO, NULL, &p), 0);
    tcpip_endpoint_t to = host_endpoint(addresses[i], 0), name;
    uint8_t request[64] = {v6 ? 128 : 8, 0, 0, 0, 0xff, 0xff, 0, 42, 1, 2, 3}, reply[64];
    ck_assert_int_eq(host_send(p, request, sizeof request, &to), sizeof request);
    host_exchange(&a, &b);
    tcpip_advance(a.stack, a.now);
    tcpip_socket_local(p, &name);
    ck_assert_int_eq(host_recv(p, reply, sizeof reply, NULL), sizeof reply);
    ck_assert_uint_eq(reply[0], v6 ? 129 : 0);
    ck_assert_uint_eq(be16_get(reply + 4), name.port);
    ck_assert_int_eq(memcmp(reply + 6, request + 6, sizeof reply - 6), 0);
    request[0] = 13;
    ck_assert_int_eq(host_send(p, request, sizeof request, &to), -EINVAL);
    ck_assert_int_eq(host_send(p, request, 7, &to), -EINVAL);
  }
} END_TEST

START_TEST(link_checksums_are_left_to_a_link_that_can) {
  host_t c;
  host_init(&c, &(host_config_t){.last_octet = 3, .link_features = TCPIP_LINK_TX_CHECKSUM});
  host_introduce(&c, &b);
  tcpip_socket_t* s = host_udp(&c, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 9);
  ck_assert_int_eq(host_send(s, "abc", 3, &to), 3);
  host_frame_t frame;
  ck_assert(host_take(&c, &frame));
  ck_assert_uint_eq(frame.offload.flags, TCPIP_OFFLOAD_NEEDS_CHECKSUM);
  ck_assert_uint_eq(frame.offload.checksum_start, 34);
  ck_assert_uint_eq(frame.offload.checksum_offset, 6);
  uint16_t sum = (uint16_t)~naive_checksum(0, frame.bytes + 34, frame.length - 34);
  be16_put(frame.bytes + 40, sum);
  tcpip_socket_t* r = host_udp(&b, TCPIP_IPV4, "0.0.0.0", 9);
  host_input(&b, frame.bytes, frame.length);
  char buffer[4];
  ck_assert_int_eq(host_recv(r, buffer, 4, NULL), 3);
  free(frame.bytes);
  host_deinit(&c);
} END_TEST

START_TEST(options_keep_their_ranges) {
  tcpip_socket_t* v4 = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_socket_t* v6 = host_udp(&a, TCPIP_IPV6, NULL, 0);
  int64_t value;
  ck_assert_int_eq(tcpip_socket_set(v4, TCPIP_TTL, 0), -EINVAL);
  ck_assert_int_eq(tcpip_socket_set(v4, TCPIP_TTL, 256), -EINVAL);
  ck_assert_int_eq(tcpip_socket_set(v4, TCPIP_TTL, 9), 0);
  ck_assert_int_eq(tcpip_socket_get(v4, TCPIP_TTL, &value), 0);
  ck_assert_int_eq(value, 9);
  ck_assert_int_eq(tcpip_socket_set(v4, TCPIP_TTL, -1), 0);
  ck_assert_int_eq(tcpip_socket_get(v4, TCPIP_TTL, &value), 0);
  ck_assert_int_eq(value, 64);
  ck_assert_int_eq(tcpip_socket_set(v4, TCPIP_IPV6_HOPS, 1), -ENOPROTOOPT);
  ck_assert_int_eq(tcpip_socket_set(v6, TCPIP_IPV6_HOPS, 0), 0);
  ck_assert_int_eq(tcpip_socket_set(v4, TCPIP_BIND_TO_DEVICE, 99), -ENODEV);
  ck_assert_int_eq(tcpip_socket_set(v4, TCPIP_MULTICAST_INTERFACE, 99), -EADDRNOTAVAIL);
  ck_assert_int_eq(tcpip_socket_set(v4, TCPIP_BIND_TO_DEVICE, a.interface), 0);
} END_TEST

int main(void) {
  Suite* suite = suite_create("udp");
  TCase* tc = jx_test_case(suite, "udp");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, datagrams_of_every_size_come_back_over_both_families);
  tcase_add_test(tc, a_datagram_no_packet_can_hold_is_refused);
  tcase_add_test(tc, receive_on_an_empty_queue_would_block);
  tcase_add_test(tc, trace_points_come_in_the_order_of_a_datagrams_life);
  tcase_add_test(tc, a_cut_datagram_tells_how_much_was_cut_and_peek_leaves_it);
  tcase_add_test(tc, a_port_nobody_has_becomes_connection_refused);
  tcase_add_test(tc, a_connected_socket_hears_only_its_peer);
  tcase_add_test(tc, binding_follows_the_rules_of_conflict);
  tcase_add_test(tc, ephemeral_ports_are_random_free_and_in_range);
  tcase_add_test(tc, a_dual_stack_socket_speaks_ipv4_with_mapped_addresses);
  tcase_add_test(tc, loopback_delivers_at_the_next_advance);
  tcase_add_test(tc, the_receive_buffer_is_a_limit_and_drops_are_counted);
  tcase_add_test(tc, no_client_can_take_what_another_needs);
  tcase_add_test(tc, a_full_link_makes_the_socket_wait_for_room);
  tcase_add_test(tc, shutdown_stops_each_direction);
  tcase_add_test(tc, sending_without_a_destination_or_a_route_fails_in_its_own_way);
  tcase_add_test(tc, members_of_a_group_get_what_is_sent_to_it);
  tcase_add_test(tc, own_multicasts_come_back_unless_loop_is_off);
  tcase_add_test(tc, packet_information_chooses_source_and_header_fields);
  tcase_add_test(tc, many_pieces_make_one_datagram);
  tcase_add_test(tc, a_datagram_of_many_pieces_is_cut_into_fragments);
  tcase_add_test(tc, flows_spread_over_sockets_that_share_a_port);
  tcase_add_test(tc, ping_sockets_get_their_replies);
  tcase_add_test(tc, link_checksums_are_left_to_a_link_that_can);
  tcase_add_test(tc, options_keep_their_ranges);
  return jx_test_run(suite);
}
