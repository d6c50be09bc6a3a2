// Interfaces, addresses, routes and the choice of paths; clients; text of addresses; the hash table.
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "host.h"
#include "jx_test.h"
#include "table.h"

static host_t h;

static void setup(void) {
  host_init(&h, &(host_config_t){.last_octet = 1});
}

static void teardown(void) {
  host_deinit(&h);
}

static tcpip_route_t route(const char* destination, uint8_t length, const char* gateway, uint32_t metric) {
  tcpip_route_t r = {.destination = {host_address(destination), length}, .interface = h.interface, .metric = metric};
  if (gateway)
    r.gateway = host_address(gateway);
  return r;
}

static void check_path(const char* destination, const char* next_hop, const char* source) {
  char text[TCPIP_ADDRESS_TEXT_SIZE];
  tcpip_address_t address = host_address(destination);
  tcpip_path_t path;
  ck_assert_int_eq(tcpip_route_resolve(h.stack, &address, 0, &path), 0);
  tcpip_address_format(&path.next_hop, text);
  ck_assert_str_eq(text, next_hop);
  tcpip_address_format(&path.source, text);
  ck_assert_str_eq(text, source);
}

START_TEST(the_longest_prefix_wins_then_the_lowest_metric) {
  tcpip_address_t far = host_address("192.0.2.9");
  tcpip_path_t path;
  ck_assert_int_eq(tcpip_route_resolve(h.stack, &far, 0, &path), -ENETUNREACH);
  tcpip_route_t all = route("0.0.0.0", 0, "10.0.0.254", 10), better = route("0.0.0.0", 0, "10.0.0.253", 5);
  tcpip_route_t wide = route("192.0.2.0", 24, "10.0.0.252", 99), narrow = route("192.0.2.8", 29, "10.0.0.251", 99);
  ck_assert_int_eq(tcpip_route_add(h.stack, &all), 0);
  check_path("192.0.2.9", "10.0.0.254", "10.0.0.1");
  ck_assert_int_eq(tcpip_route_add(h.stack, &better), 0);
  check_path("192.0.2.9", "10.0.0.253", "10.0.0.1");
  ck_assert_int_eq(tcpip_route_add(h.stack, &wide), 0);
  check_path("192.0.2.9", "10.0.0.252", "10.0.0.1");
  ck_assert_int_eq(tcpip_route_add(h.stack, &narrow), 0);
  check_path("192.0.2.9", "10.0.0.251", "10.0.0.1");
  check_path("192.0.2.99", "10.0.0.252", "10.0.0.1");
  check_path("10.0.0.7", "10.0.0.7", "10.0.0.1");
  ck_assert_int_eq(tcpip_route_add(h.stack, &narrow), -EEXIST);
  ck_assert_int_eq(tcpip_route_remove(h.stack, &narrow), 0);
  ck_assert_int_eq(tcpip_route_remove(h.stack, &narrow), -ESRCH);
  check_path("192.0.2.9", "10.0.0.252", "10.0.0.1");
  tcpip_route_t six = route("::", 0, "fd00::fe", 0), mixed = route("0.0.0.0", 0, "fd00::fe", 0);
  ck_assert_int_eq(tcpip_route_add(h.stack, &six), 0);
  ck_assert_int_eq(tcpip_route_add(h.stack, &mixed), -EINVAL);
  check_path("2001:db8::1", "fd00::fe", "fd00::1");
  tcpip_route_t list[16];
  size_t count = tcpip_route_list(h.stack, list, 16);
  for (size_t i = 1; i < count; i++) {
    unsigned a = list[i - 1].destination.prefix_length + (list[i - 1].destination.address.family == TCPIP_IPV4 ? 96u : 0);
    unsigned b = list[i].destination.prefix_length + (list[i].destination.address.family == TCPIP_IPV4 ? 96u : 0);
    ck_assert_uint_ge(a, b);
  }
} END_TEST

START_TEST(the_source_has_the_right_scope_and_the_longest_common_prefix) {
  tcpip_subnet_t more[] = {{host_address("2001:db8:1::1"), 64}, {host_address("2001:db8:2::1"), 64},
                           {host_address("10.0.0.129"), 25}};
  tcpip_route_t six = route("::", 0, "fd00::fe", 0);
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq(tcpip_address_add(h.stack, h.interface, &more[i], true), 0);
  ck_assert_int_eq(tcpip_route_add(h.stack, &six), 0);
  check_path("2001:db8:1::7", "2001:db8:1::7", "2001:db8:1::1");
  check_path("2001:db8:2::7", "2001:db8:2::7", "2001:db8:2::1");
  check_path("fd00::7", "fd00::7", "fd00::1");
  check_path("fe80::7", "fe80::7", "fe80::ff:fe00:1");
  check_path("10.0.0.130", "10.0.0.130", "10.0.0.129");
  check_path("10.0.0.7", "10.0.0.7", "10.0.0.1");
  check_path("10.0.0.1", "10.0.0.1", "10.0.0.1");
} END_TEST

START_TEST(a_socket_that_has_a_path_notices_that_it_changed) {
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV4, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("192.0.2.9", 9);
  tcpip_route_t one = route("0.0.0.0", 0, "10.0.0.2", 10), two = route("0.0.0.0", 0, "10.0.0.3", 5);
  ck_assert_int_eq(tcpip_route_add(h.stack, &one), 0);
  for (int i = 2; i < 4; i++) {
    tcpip_address_t gateway = host_ipv4((uint8_t)i);
    const uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)i};
    ck_assert_int_eq(tcpip_neighbour_set(h.stack, h.interface, &gateway, mac), 0);
  }
  ck_assert_int_eq(tcpip_socket_connect(s, &to), 0);
  ck_assert_int_eq(host_send(s, "x", 1, NULL), 1);
  ck_assert_uint_eq(h.frames[0].bytes[5], 2);
  ck_assert_int_eq(tcpip_route_add(h.stack, &two), 0);
  ck_assert_int_eq(host_send(s, "x", 1, NULL), 1);
  ck_assert_uint_eq(h.frames[1].bytes[5], 3);
  ck_assert_int_eq(tcpip_route_remove(h.stack, &one), 0);
  ck_assert_int_eq(tcpip_route_remove(h.stack, &two), 0);
  ck_assert_int_eq(host_send(s, "x", 1, NULL), -ENETUNREACH);
} END_TEST

START_TEST(interfaces_come_and_go) {
  tcpip_interface_config_t config = {.name = "eth0", .mac = {2, 0, 0, 0, 1, 1}, .mtu = 1500};
  tcpip_interface_info_t info;
  uint32_t index;
  ck_assert_int_eq(tcpip_interface_add(h.stack, &config, &index), -EEXIST);
  strcpy(config.name, "eth1");
  config.mac[0] = 1;
  ck_assert_int_eq(tcpip_interface_add(h.stack, &config, &index), -EINVAL);
  config.mac[0] = 2;
  config.mtu = 67;
  ck_assert_int_eq(tcpip_interface_add(h.stack, &config, &index), -EINVAL);
  config.mtu = 1500;
  ck_assert_int_eq(tcpip_interface_add(h.stack, &config, &index), 0);
  ck_assert_uint_eq(index, 3);
  ck_assert_uint_eq(tcpip_interface_find(h.stack, "eth1"), 3);
  ck_assert_uint_eq(tcpip_interface_next(h.stack, 0), 1);
  ck_assert_uint_eq(tcpip_interface_next(h.stack, 1), 2);
  ck_assert_uint_eq(tcpip_interface_next(h.stack, 3), 0);
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV4, NULL, 0);
  tcpip_address_t group = host_address("239.1.1.1");
  tcpip_endpoint_t to = host_endpoint("10.9.0.2", 9);
  tcpip_subnet_t subnet = {host_address("10.9.0.1"), 24};
  ck_assert_int_eq(tcpip_interface_set_up(h.stack, index, true), 0);
  ck_assert_int_eq(tcpip_address_add(h.stack, index, &subnet, true), 0);
  ck_assert_int_eq(tcpip_socket_set(s, TCPIP_BIND_TO_DEVICE, index), 0);
  ck_assert_int_eq(tcpip_socket_join(s, &group, index), 0);
  ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
  ck_assert_int_eq(tcpip_interface_remove(h.stack, index), 0);
  ck_assert_int_eq(tcpip_interface_remove(h.stack, index), -ENODEV);
  ck_assert_int_eq(tcpip_interface_remove(h.stack, TCPIP_LOOPBACK), -EBUSY);
  ck_assert_int_eq(tcpip_interface_get(h.stack, index, &info), -ENODEV);
  ck_assert_int_eq(tcpip_socket_take_error(s), -ENODEV);
  ck_assert_int_eq(host_send(s, "x", 1, &to), -ENETUNREACH);
  size_t used;
  tcpip_client_usage(h.client, NULL, &used);
  ck_assert_uint_eq(used, 0);
  ck_assert_int_eq(tcpip_interface_add(h.stack, &config, &index), 0);
  ck_assert_uint_eq(index, 4);
} END_TEST

START_TEST(an_interface_that_is_down_neither_sends_nor_receives) {
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV4, "0.0.0.0", 5);
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 9);
  ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
  ck_assert_int_eq(tcpip_interface_set_up(h.stack, h.interface, false), 0);
  ck_assert_int_eq(tcpip_neighbour_list(h.stack, h.interface, NULL, 0), 0);
  ck_assert_int_eq(host_send(s, "x", 1, &to), -ENETUNREACH);
  host_input(&h, "0123456789abcdef", 16);
  ck_assert_uint_eq(tcpip_stats(h.stack)->link_rx_down, 1);
  ck_assert_int_eq(tcpip_interface_set_up(h.stack, h.interface, true), 0);
  ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
} END_TEST

START_TEST(an_interface_that_is_down_can_get_another_link) {
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV4, "10.0.0.1", 5);
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 9);
  tcpip_interface_config_t config = {.mac = {2, 0, 0, 0, 9, 9}, .mtu = 900};
  tcpip_interface_info_t info;
  tcpip_address_info_t before[8], after[8];
  int count = tcpip_address_list(h.stack, h.interface, before, 8);
  ck_assert_int_eq(tcpip_socket_set(s, TCPIP_BIND_TO_DEVICE, h.interface), 0);
  ck_assert_int_eq(tcpip_interface_change(h.stack, h.interface, &config), -EBUSY);
  ck_assert_int_eq(tcpip_interface_change(h.stack, TCPIP_LOOPBACK, &config), -EBUSY);
  ck_assert_int_eq(tcpip_interface_change(h.stack, 99, &config), -ENODEV);
  ck_assert_int_eq(tcpip_interface_set_up(h.stack, h.interface, false), 0);
  config.mac[0] = 1;
  ck_assert_int_eq(tcpip_interface_change(h.stack, h.interface, &config), -EINVAL);
  config.mac[0] = 2;
  ck_assert_int_eq(tcpip_interface_change(h.stack, h.interface, &config), 0);
  host_frame_t frame;
  while (host_take(&h, &frame))
    free(frame.bytes);
  ck_assert_int_eq(tcpip_interface_set_up(h.stack, h.interface, true), 0);
  ck_assert_int_eq(tcpip_interface_get(h.stack, h.interface, &info), 0);
  ck_assert_mem_eq(info.mac, config.mac, 6);
  ck_assert_uint_eq(info.mtu, 900);
  ck_assert(host_take(&h, &frame));  // says who is where now
  ck_assert_mem_eq(frame.bytes + 6, config.mac, 6);
  free(frame.bytes);
  ck_assert_int_eq(tcpip_address_list(h.stack, h.interface, after, 8), count);
  for (int i = 0; i < count; i++)
    ck_assert(tcpip_address_equal(&before[i].subnet.address, &after[i].subnet.address));
  ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
  ck_assert_int_eq(tcpip_socket_take_error(s), 0);
} END_TEST

START_TEST(addresses_are_checked_listed_and_taken_away) {
  const struct {
    const char* text;
    uint8_t length;
    int result;
  } cases[] = {{"10.0.0.1", 24, -EEXIST},   {"10.1.0.1", 33, -EINVAL}, {"224.0.0.1", 24, -EINVAL}, {"0.0.0.0", 24, -EINVAL},
               {"255.255.255.255", 8, -EINVAL}, {"127.0.0.2", 8, -EINVAL}, {"ff02::1", 64, -EINVAL},   {"::", 64, -EINVAL},
               {"::ffff:10.1.0.1", 128, -EINVAL}, {"10.1.0.1", 32, 0},     {"fd01::1", 128, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    tcpip_subnet_t subnet = {host_address(cases[i].text), cases[i].length};
    ck_assert_msg(tcpip_address_add(h.stack, h.interface, &subnet, true) == cases[i].result, "%s", cases[i].text);
  }
  tcpip_address_info_t list[8];
  ck_assert_int_eq(tcpip_address_list(h.stack, h.interface, list, 8), 5);
  tcpip_address_t gone = host_address("fd01::1");
  ck_assert_int_eq(tcpip_address_remove(h.stack, h.interface, &gone), 0);
  ck_assert_int_eq(tcpip_address_remove(h.stack, h.interface, &gone), -EADDRNOTAVAIL);
  ck_assert_int_eq(tcpip_address_list(h.stack, h.interface, list, 8), 4);
} END_TEST

static int state_of_the_second(void) {
  tcpip_address_info_t list[8];
  tcpip_address_t address = host_address("fd01::2");
  int count = tcpip_address_list(h.stack, h.interface, list, 8);
  for (int i = 0; i < count; i++) {
    if (tcpip_address_equal(&list[i].subnet.address, &address)) return (int)list[i].state;
  }
  return -1;
}

START_TEST(an_address_is_not_taken_into_use_while_the_link_is_down) {
  tcpip_subnet_t subnet = {host_address("fd01::2"), 64};
  ck_assert_int_eq(tcpip_address_add(h.stack, h.interface, &subnet, false), 0);
  host_advance(&h, S / 2);
  ck_assert_int_eq(tcpip_interface_set_up(h.stack, h.interface, false), 0);
  host_advance(&h, 10 * S);
  ck_assert_int_eq(state_of_the_second(), TCPIP_ADDRESS_TENTATIVE);
  host_drop_all(&h);
  ck_assert_int_eq(tcpip_interface_set_up(h.stack, h.interface, true), 0);
  ck_assert_uint_gt(h.frame_count, 0);  // it is asked for again
  host_advance(&h, S / 2);
  ck_assert_int_eq(state_of_the_second(), TCPIP_ADDRESS_TENTATIVE);
  host_advance(&h, S);
  ck_assert_int_eq(state_of_the_second(), TCPIP_ADDRESS_ASSIGNED);
} END_TEST

START_TEST(a_client_takes_its_sockets_with_it) {
  tcpip_client_t* client;
  tcpip_socket_t* s;
  tcpip_endpoint_t at = host_endpoint("0.0.0.0", 77), to = host_endpoint("10.0.0.9", 9);
  ck_assert_int_eq(tcpip_client_create(h.stack, NULL, &client), 0);
  ck_assert_int_eq(tcpip_socket_create(client, TCPIP_IPV4, TCPIP_UDP, NULL, &s), 0);
  ck_assert_int_eq(tcpip_socket_bind(s, &at), 0);
  ck_assert_int_eq(host_send(s, "x", 1, &to), 1);  // waits for its neighbour
  tcpip_client_destroy(client);
  host_udp(&h, TCPIP_IPV4, "0.0.0.0", 77);
  host_advance(&h, 5 * S);
} END_TEST

START_TEST(addresses_have_their_canonical_text) {
  const char* good[] = {"10.0.0.1", "::", "::1", "fe80::1", "2001:db8:0:1:1:1:1:1", "255.255.255.255"};
  const char* bad[] = {"", "10.0.0", "10.0.0.256", "fe80::1%eth0", "10.0.0.1/8", ":::", "1::2::3"};
  char text[TCPIP_ADDRESS_TEXT_SIZE];
  tcpip_address_t address, none = {0};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    ck_assert(tcpip_address_parse(good[i], &address));
    tcpip_address_format(&address, text);
    ck_assert_str_eq(text, good[i]);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert(!tcpip_address_parse(bad[i], &address));
  tcpip_address_format(&none, text);
  ck_assert_str_eq(text, "-");
} END_TEST

START_TEST(the_hash_table_finds_what_is_in_it_and_nothing_else) {
  static table_node_t nodes[1000];
  table_t table = {0};
  for (uint64_t i = 0; i < 1000; i++)
    ck_assert_int_eq(table_insert(&table, &nodes[i], i % 700), 0);
  for (uint64_t i = 0; i < 1000; i += 3)
    table_remove(&table, &nodes[i]);
  size_t walked = 0;
  for (table_node_t* node = table_walk(&table, NULL); node; node = table_walk(&table, node))
    walked++;
  ck_assert_uint_eq(walked, table.count);
  for (uint64_t i = 0; i < 1000; i++) {
    bool found = false;
    for (table_node_t* node = table_find(&table, i % 700); node; node = table_find_next(node))
      found |= node == &nodes[i];
    ck_assert_int_eq(found, i % 3 != 0);
  }
  size_t mask = table.mask;
  for (uint64_t i = 0; i < 990; i++)
    table_remove(&table, &nodes[i]);
  ck_assert_uint_lt(table.mask, mask / 8);
  for (uint64_t i = 990; i < 1000; i++)
    ck_assert(i % 3 == 0 || table_find(&table, i % 700) == &nodes[i]);
  table_deinit(&table);
} END_TEST

int main(void) {
  Suite* suite = suite_create("interface");
  TCase* tc = jx_test_case(suite, "interface");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, the_longest_prefix_wins_then_the_lowest_metric);
  tcase_add_test(tc, the_source_has_the_right_scope_and_the_longest_common_prefix);
  tcase_add_test(tc, a_socket_that_has_a_path_notices_that_it_changed);
  tcase_add_test(tc, interfaces_come_and_go);
  tcase_add_test(tc, an_interface_that_is_down_can_get_another_link);
  tcase_add_test(tc, an_interface_that_is_down_neither_sends_nor_receives);
  tcase_add_test(tc, addresses_are_checked_listed_and_taken_away);
  tcase_add_test(tc, an_address_is_not_taken_into_use_while_the_link_is_down);
  tcase_add_test(tc, a_client_takes_its_sockets_with_it);
  tcase_add_test(tc, addresses_have_their_canonical_text);
  tcase_add_test(tc, the_hash_table_finds_what_is_in_it_and_nothing_else);
  return jx_test_run(suite);
}
