// What whoever carries datagrams between programs and the engine needs: what would be refused, received
// datagrams where they lie, and a receive buffer that counts what lies elsewhere.
#include <string.h>

#include "base.h"
#include "host.h"
#include "jx_test.h"

static host_t a, b;

static void setup(void) {
  host_init(&a, &(host_config_t){.last_octet = 1, .seed = 1});
  host_init(&b, &(host_config_t){.last_octet = 2, .seed = 2});
  host_introduce(&a, &b);
}

static void teardown(void) {
  host_deinit(&a);
  host_deinit(&b);
}

static int look_ahead(tcpip_socket_t* socket, const char* address, tcpip_preflight_t* out) {
  tcpip_endpoint_t to = host_endpoint(address, 7);
  tcpip_send_t send = {.to = &to, .ttl = -1, .tos = -1};
  return tcpip_socket_preflight(socket, &send, out);
}

START_TEST(what_would_be_refused_is_known_before) {
  tcpip_socket_t* v4 = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_socket_t* v6 = host_udp(&a, TCPIP_IPV6, NULL, 0);
  tcpip_preflight_t seen = {0};
  tcpip_send_t to_the_peer = {.ttl = -1, .tos = -1};
  ck_assert_int_eq(tcpip_socket_preflight(v4, &to_the_peer, &seen), -EDESTADDRREQ);
  tcpip_endpoint_t local;
  tcpip_socket_local(v4, &local);
  ck_assert_uint_ne(local.port, 0);  // as after a send
  ck_assert_int_eq(look_ahead(v4, "10.9.9.9", &seen), -ENETUNREACH);
  ck_assert_int_eq(look_ahead(v4, "255.255.255.255", &seen), -EACCES);
  ck_assert_int_eq(look_ahead(v4, "10.0.0.2", &seen), 0);
  ck_assert_uint_eq(seen.maximum_size, 65507);
  ck_assert(!seen.stays);
  ck_assert_int_eq(look_ahead(v6, "fd00::2", &seen), 0);
  ck_assert_uint_eq(seen.maximum_size, 65527);
  ck_assert_int_eq(look_ahead(v4, "10.0.0.1", &seen), 0);
  ck_assert(seen.stays);
  ck_assert_int_eq(look_ahead(v4, "127.0.0.1", &seen), 0);
  ck_assert(seen.stays);
  ck_assert_int_eq(look_ahead(v4, "239.1.2.3", &seen), 0);
  ck_assert(seen.stays);
  ck_assert_int_eq(tcpip_socket_set(v4, TCPIP_MTU_DISCOVER, TCPIP_MTU_DO), 0);
  ck_assert_int_eq(look_ahead(v4, "10.0.0.2", &seen), 0);
  ck_assert_uint_eq(seen.maximum_size, 1500 - 28);
  ck_assert_int_eq(tcpip_socket_set(v4, TCPIP_UDP_CORK, 1), 0);
  ck_assert_int_eq(look_ahead(v4, "10.0.0.2", &seen), -EAGAIN);
  ck_assert_int_eq(tcpip_socket_shutdown(v6, false, true), -ENOTCONN);
  ck_assert_int_eq(look_ahead(v6, "fd00::2", &seen), -EPIPE);
} END_TEST

START_TEST(what_ways_depend_on_changes_the_generation) {
  tcpip_socket_t* v4 = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_preflight_t seen;
  const tcpip_address_t own = host_ipv4(1);
  ck_assert_int_eq(look_ahead(v4, "10.0.0.2", &seen), 0);
  uint32_t generation = tcpip_generation(a.stack);
  ck_assert_int_eq(tcpip_address_remove(a.stack, a.interface, &own), 0);
  ck_assert_uint_ne(tcpip_generation(a.stack), generation);
  ck_assert_int_lt(look_ahead(v4, "10.0.0.2", &seen), 0);
} END_TEST

START_TEST(a_late_datagram_leaves_the_pending_error_to_others) {
  tcpip_socket_t* v4 = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_socket_t* server = host_udp(&b, TCPIP_IPV4, "0.0.0.0", 8);
  tcpip_endpoint_t nobody = host_endpoint("10.0.0.2", 9), somebody = host_endpoint("10.0.0.2", 8);
  tcpip_preflight_t seen;
  ck_assert_int_eq(tcpip_socket_connect(v4, &nobody), 0);
  ck_assert_int_eq(host_send(v4, "x", 1, NULL), 1);
  host_exchange(&a, &b);
  ck_assert(tcpip_socket_poll(v4) & TCPIP_EVENT_ERROR);
  ck_assert_int_eq(look_ahead(v4, "10.0.0.2", &seen), -EAGAIN);
  struct iovec iov = {.iov_base = (void*)(uintptr_t) "late", .iov_len = 4};
  tcpip_send_t send = {.iov = &iov, .iov_count = 1, .to = &somebody, .ttl = -1, .tos = -1, .late = true};
  ck_assert_int_eq(tcpip_socket_send(v4, &send), 4);
  host_exchange(&a, &b);
  char got[8];
  ck_assert_int_eq(host_recv(server, got, sizeof got, NULL), 4);
  ck_assert_int_eq(tcpip_socket_take_error(v4), -ECONNREFUSED);
} END_TEST

START_TEST(queued_datagrams_are_shown_where_they_lie_and_taken_from_the_head) {
  tcpip_socket_t* server = host_udp(&b, TCPIP_IPV4, "0.0.0.0", 7);
  tcpip_socket_t* client = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 7);
  const char* const texts[] = {"one", "", "three"};
  tcpip_recv_t about[4];
  struct iovec bytes[4];
  ck_assert_uint_eq(tcpip_socket_queued(server, about, bytes, 4), 0);
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq(host_send(client, texts[i], strlen(texts[i]), &to), (int64_t)strlen(texts[i]));
  host_exchange(&a, &b);
  ck_assert_uint_eq(tcpip_socket_queued(server, about, bytes, 2), 2);
  ck_assert_uint_eq(tcpip_socket_queued(server, about, bytes, 4), 3);
  for (int i = 0; i < 3; i++) {
    ck_assert_uint_eq(bytes[i].iov_len, strlen(texts[i]));
    ck_assert_uint_eq(about[i].length, strlen(texts[i]));
    ck_assert_int_eq(memcmp(bytes[i].iov_base, texts[i], bytes[i].iov_len), 0);
    ck_assert_int_eq(memcmp(about[i].from.address.bytes, host_ipv4(1).bytes, 4), 0);
    ck_assert_uint_eq(about[i].interface, b.interface);
  }
  tcpip_socket_take_queued(server, 2);
  char got[8];
  ck_assert_int_eq(host_recv(server, got, sizeof got, NULL), 5);
  tcpip_socket_take_queued(server, 100);  // there are none
  ck_assert_int_eq(host_recv(server, got, sizeof got, NULL), -EAGAIN);
} END_TEST

START_TEST(what_is_held_elsewhere_counts_until_it_is_not) {
  tcpip_socket_t* server = host_udp(&b, TCPIP_IPV4, "0.0.0.0", 7);
  tcpip_socket_t* client = host_udp(&a, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 7);
  size_t before, used;
  ck_assert_int_eq(tcpip_socket_set(server, TCPIP_RECEIVE_BUFFER, 2048), 0);
  tcpip_client_usage(b.client, NULL, &before);
  tcpip_socket_hold(server, 2048);
  tcpip_client_usage(b.client, NULL, &used);
  ck_assert_uint_eq(used, before + 2048);
  ck_assert_int_eq(host_send(client, "dropped", 7, &to), 7);
  host_exchange(&a, &b);
  char got[8];
  ck_assert_int_eq(host_recv(server, got, sizeof got, NULL), -EAGAIN);
  tcpip_socket_hold(server, 2048 - tcpip_datagram_charge(7));
  ck_assert_int_eq(host_send(client, "arrived", 7, &to), 7);
  host_exchange(&a, &b);
  ck_assert_int_eq(host_recv(server, got, sizeof got, NULL), 7);
  tcpip_socket_destroy(server);
  tcpip_client_usage(b.client, NULL, &used);
  ck_assert_uint_eq(used, before);
} END_TEST

int main(void) {
  Suite* suite = suite_create("udp_ahead");
  TCase* tc = jx_test_case(suite, "udp_ahead");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, what_would_be_refused_is_known_before);
  tcase_add_test(tc, what_ways_depend_on_changes_the_generation);
  tcase_add_test(tc, a_late_datagram_leaves_the_pending_error_to_others);
  tcase_add_test(tc, queued_datagrams_are_shown_where_they_lie_and_taken_from_the_head);
  tcase_add_test(tc, what_is_held_elsewhere_counts_until_it_is_not);
  return jx_test_run(suite);
}
