// Datagrams that are sent in pieces: what goes out, when, and what becomes of the pieces if it cannot.
#include <string.h>

#include "base.h"
#include "host.h"
#include "jx_test.h"

static host_t a, b;
static tcpip_socket_t *sender, *receiver;
static tcpip_endpoint_t to;

static void setup(void) {
  host_init(&a, &(host_config_t){.last_octet = 1, .seed = 1});
  host_init(&b, &(host_config_t){.last_octet = 2, .seed = 2});
  host_introduce(&a, &b);
  sender = host_udp(&a, TCPIP_IPV4, NULL, 0);
  receiver = host_udp(&b, TCPIP_IPV4, "0.0.0.0", 9);
  to = host_endpoint("10.0.0.2", 9);
}

static void teardown(void) {
  host_deinit(&a);
  host_deinit(&b);
}

static int64_t send_piece(const void* bytes, size_t length, const tcpip_endpoint_t* where, bool more) {
  struct iovec iov = {.iov_base = (void*)(uintptr_t)bytes, .iov_len = length};
  tcpip_send_t send = {.iov = &iov, .iov_count = 1, .to = where, .ttl = -1, .tos = -1, .more = more};
  return tcpip_socket_send(sender, &send);
}

static void expect_received(const char* text) {
  char got[64];
  host_exchange(&a, &b);
  ck_assert_int_eq(host_recv(receiver, got, sizeof got, NULL), (int64_t)strlen(text));
  ck_assert_int_eq(memcmp(got, text, strlen(text)), 0);
}

static void expect_nothing_received(void) {
  char got[4];
  host_exchange(&a, &b);
  ck_assert_int_eq(host_recv(receiver, got, sizeof got, NULL), -EAGAIN);
}

static size_t memory_used(void) {
  size_t used = 0;
  tcpip_client_usage(a.client, NULL, &used);
  return used;
}

START_TEST(pieces_go_out_together_to_where_the_first_one_goes) {
  ck_assert_int_eq(send_piece("one ", 4, &to, true), 4);
  ck_assert_int_eq(send_piece("two ", 4, NULL, true), 4);
  expect_nothing_received();
  tcpip_endpoint_t elsewhere = host_endpoint("10.0.0.2", 10);
  ck_assert_int_eq(send_piece("three", 5, &elsewhere, false), 5);
  expect_received("one two three");
  ck_assert_int_eq(send_piece("next", 4, &to, false), 4);
  expect_received("next");
  ck_assert_uint_eq(memory_used(), 0);
}
END_TEST

START_TEST(the_first_pieces_fields_are_the_datagrams) {
  char byte = 'x';
  struct iovec iov = {.iov_base = &byte, .iov_len = 1};
  tcpip_send_t first = {.iov = &iov, .iov_count = 1, .to = &to, .ttl = 7, .tos = 8, .more = true};
  tcpip_send_t last = {.iov = &iov, .iov_count = 1, .ttl = 9, .tos = 10};
  ck_assert_int_eq(tcpip_socket_send(sender, &first), 1);
  ck_assert_int_eq(tcpip_socket_send(sender, &last), 1);
  host_exchange(&a, &b);
  tcpip_recv_t recv = {0};
  char got[4];
  ck_assert_int_eq(host_recv(receiver, got, sizeof got, &recv), 2);
  ck_assert_uint_eq(recv.ttl, 7);
  ck_assert_uint_eq(recv.tos, 8);
}
END_TEST

START_TEST(a_first_piece_that_cannot_go_anywhere_is_refused_at_once) {
  tcpip_endpoint_t far = host_endpoint("192.0.2.1", 9);
  ck_assert_int_eq(send_piece("x", 1, NULL, true), -EDESTADDRREQ);
  ck_assert_int_eq(send_piece("x", 1, &far, true), -ENETUNREACH);
  ck_assert_int_eq(send_piece("y", 1, &to, false), 1);
  expect_received("y");
}
END_TEST

START_TEST(a_cork_holds_back_until_it_is_drawn) {
  int64_t value = -1;
  ck_assert_int_eq(tcpip_socket_set(sender, TCPIP_UDP_CORK, 1), 0);
  ck_assert_int_eq(tcpip_socket_get(sender, TCPIP_UDP_CORK, &value), 0);
  ck_assert_int_eq(value, 1);
  ck_assert_int_eq(send_piece("a", 1, &to, false), 1);
  ck_assert_int_eq(send_piece("b", 1, &to, false), 1);
  expect_nothing_received();
  ck_assert_int_eq(tcpip_socket_set(sender, TCPIP_UDP_CORK, 0), 0);
  expect_received("ab");
  ck_assert_int_eq(tcpip_socket_set(sender, TCPIP_UDP_CORK, 0), 0);
  expect_nothing_received();
}
END_TEST

START_TEST(a_last_piece_that_finds_no_room_comes_again) {
  ck_assert_int_eq(send_piece("a", 1, &to, true), 1);
  a.full = true;
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq(send_piece("b", 1, NULL, false), -EAGAIN);
  a.full = false;
  tcpip_link_writable(a.stack, a.interface);
  ck_assert_int_eq(send_piece("b", 1, NULL, false), 1);
  expect_received("ab");
}
END_TEST

START_TEST(pieces_too_long_together_are_all_lost) {
  static const uint8_t bytes[40000];
  ck_assert_int_eq(send_piece(bytes, sizeof bytes, &to, true), sizeof bytes);
  ck_assert_uint_gt(memory_used(), 0);
  ck_assert_int_eq(send_piece(bytes, sizeof bytes, NULL, true), -EMSGSIZE);
  ck_assert_uint_eq(memory_used(), 0);
  ck_assert_int_eq(send_piece("z", 1, &to, false), 1);
  expect_received("z");
  // What a packet cannot hold with its headers is found out at the end.
  ck_assert_int_eq(send_piece(bytes, sizeof bytes, &to, true), sizeof bytes);
  ck_assert_int_eq(send_piece(bytes, 65508 - sizeof bytes, NULL, false), -EMSGSIZE);
  ck_assert_int_eq(send_piece("z", 1, &to, false), 1);
  expect_received("z");
}
END_TEST

START_TEST(pieces_are_charged_to_who_sends_them) {
  static const uint8_t bytes[40000];
  tcpip_client_t* poor;
  tcpip_socket_t* rich = sender;
  ck_assert_int_eq(tcpip_client_create(a.stack, &(tcpip_quota_t){.buffer_bytes = 16384}, &poor), 0);
  ck_assert_int_eq(tcpip_socket_create(poor, TCPIP_IPV4, TCPIP_UDP, NULL, &sender), 0);
  ck_assert_int_eq(send_piece(bytes, 1000, &to, true), 1000);
  ck_assert_int_eq(send_piece(bytes, sizeof bytes, NULL, true), -ENOBUFS);
  size_t used = 1;
  tcpip_client_usage(poor, NULL, &used);
  ck_assert_uint_eq(used, 0);
  ck_assert_int_eq(send_piece(bytes, 1000, &to, true), 1000);
  tcpip_socket_destroy(sender);
  tcpip_client_usage(poor, NULL, &used);
  ck_assert_uint_eq(used, 0);
  sender = rich;
}
END_TEST

START_TEST(only_udp_has_pieces) {
  int64_t value;
  tcpip_socket_t* ping;
  ck_assert_int_eq(tcpip_socket_create(a.client, TCPIP_IPV4, TCPIP_ICMP_ECHO, NULL, &ping), 0);
  ck_assert_int_eq(tcpip_socket_set(ping, TCPIP_UDP_CORK, 1), -ENOPROTOOPT);
  tcpip_socket_destroy(ping);
  tcpip_socket_t* stream;
  ck_assert_int_eq(tcpip_socket_create(a.client, TCPIP_IPV4, TCPIP_TCP, NULL, &stream), 0);
  ck_assert_int_eq(tcpip_socket_set(stream, TCPIP_UDP_CORK, 1), -ENOPROTOOPT);
  ck_assert_int_eq(tcpip_socket_get(stream, TCPIP_UDP_CORK, &value), -ENOPROTOOPT);
  tcpip_socket_destroy(stream);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("udp_pieces");
  TCase* tc = jx_test_case(suite, "udp_pieces");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, pieces_go_out_together_to_where_the_first_one_goes);
  tcase_add_test(tc, the_first_pieces_fields_are_the_datagrams);
  tcase_add_test(tc, a_first_piece_that_cannot_go_anywhere_is_refused_at_once);
  tcase_add_test(tc, a_cork_holds_back_until_it_is_drawn);
  tcase_add_test(tc, a_last_piece_that_finds_no_room_comes_again);
  tcase_add_test(tc, pieces_too_long_together_are_all_lost);
  tcase_add_test(tc, pieces_are_charged_to_who_sends_them);
  tcase_add_test(tc, only_udp_has_pieces);
  return jx_test_run(suite);
}
