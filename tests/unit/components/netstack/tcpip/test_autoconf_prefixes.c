// What routers tell a host besides themselves: prefixes and the addresses formed in them (RFC 4862, RFC
// 7217), name servers and search domains (RFC 8106), on a fake clock.
#include <string.h>

#include "autoconf_host.h"
#include "jx_test.h"

static uint8_t packet[1500];
static size_t length;

// Prefixes

START_TEST(a_prefix_is_on_the_link_as_long_as_its_router_says) {
  hear(1, 9000);
  hear_prefix(PREFIX, "L", 100, 100);
  ck_assert_int_eq(way_to(PREFIX "9"), 0);
  ck_assert_int_eq(learned_count(PREFIX), 0);
  host_advance(&h, 100 * S + MS);
  ck_assert_int_eq(way_to(PREFIX "9"), 1);
  hear_prefix(PREFIX, "L", FOREVER, FOREVER);
  host_advance(&h, 5000 * S);
  ck_assert_int_eq(way_to(PREFIX "9"), 0);
  hear_prefix(PREFIX, "L", 0, 0);
  ck_assert_int_eq(way_to(PREFIX "9"), 1);
}
END_TEST

START_TEST(an_address_says_nothing_of_what_is_on_the_link) {
  hear(1, 9000);
  hear_prefix(PREFIX, "A", 7200, 3600);
  tcpip_address_info_t info = the_address(PREFIX);
  ck_assert_int_eq(info.state, TCPIP_ADDRESS_ASSIGNED);
  ck_assert_int_eq(way_to(PREFIX "9"), 1);
  tcpip_address_t source;
  ck_assert_int_eq(source_to("2001:db8:9::1", &source), 0);
  ck_assert(tcpip_address_equal(&source, &info.subnet.address));
}
END_TEST

START_TEST(the_same_identifier_comes_from_the_same_secret_and_prefix_only) {
  hear_prefix(PREFIX, "A", 7200, 3600);
  hear_prefix("2001:db8:1:3::", "A", 7200, 3600);
  tcpip_address_t first = the_address(PREFIX).subnet.address;
  tcpip_address_t other = the_address("2001:db8:1:3::").subnet.address;
  ck_assert_int_ne(memcmp(first.bytes + 8, other.bytes + 8, 8), 0);
  ck_assert(first.bytes[11] != 0xff || first.bytes[12] != 0xfe);  // nothing of the MAC
  host_deinit(&h);
  // Another MAC, other random numbers, another order.
  host_init(&h, &(host_config_t){.last_octet = 9, .seed = 77});
  tcpip_autoconf_config_t config = {.known_unique = true};
  memcpy(config.secret, autoconf_secret, sizeof autoconf_secret);
  ck_assert_int_eq(tcpip_autoconf_start(h.stack, h.interface, &config), 0);
  hear_prefix("2001:db8:1:3::", "A", 7200, 3600);
  hear_prefix(PREFIX, "A", 7200, 3600);
  tcpip_address_t again = the_address(PREFIX).subnet.address;
  ck_assert(tcpip_address_equal(&first, &again));
  host_deinit(&h);
  host_init(&h, &(host_config_t){.last_octet = 1});
  config.secret[15] ^= 1;
  ck_assert_int_eq(tcpip_autoconf_start(h.stack, h.interface, &config), 0);
  hear_prefix(PREFIX, "A", 7200, 3600);
  again = the_address(PREFIX).subnet.address;
  ck_assert(!tcpip_address_equal(&first, &again));
}
END_TEST

START_TEST(without_a_secret_the_stack_draws_one) {
  tcpip_address_t addresses[2];
  for (uint64_t i = 0; i < 2; i++) {
    host_deinit(&h);
    host_init(&h, &(host_config_t){.last_octet = 1, .seed = i + 1});
    ck_assert_int_eq(
        tcpip_autoconf_start(h.stack, h.interface, &(tcpip_autoconf_config_t){.known_unique = true}), 0);
    hear_prefix(PREFIX, "A", 7200, 3600);
    addresses[i] = the_address(PREFIX).subnet.address;
  }
  ck_assert(!tcpip_address_equal(&addresses[0], &addresses[1]));
}
END_TEST

START_TEST(an_address_is_deprecated_and_then_gone) {
  hear(1, 9000);
  hear_prefix(PREFIX, "A", 9000, 3600);
  tcpip_address_info_t info = the_address(PREFIX);
  ck_assert(!info.deprecated);
  ck_assert_int_eq(info.preferred_until_ns, h.now + 3600 * S);
  ck_assert_int_eq(info.valid_until_ns, h.now + 9000 * S);
  host_advance(&h, 3600 * S + MS);
  ck_assert(the_address(PREFIX).deprecated);
  hear_prefix(PREFIX, "A", 9000, 3600);  // and preferred again
  ck_assert(!the_address(PREFIX).deprecated);
  host_advance(&h, 9000 * S + MS);
  ck_assert_int_eq(learned_count(PREFIX), 0);
}
END_TEST

START_TEST(a_deprecated_address_begins_nothing_that_another_can) {
  hear(1, 9000);
  hear_prefix("2001:db8:9:1::", "A", 9000, 9000);
  hear_prefix(PREFIX, "A", 9000, 9000);
  tcpip_address_t source, near = the_address("2001:db8:9:1::").subnet.address;
  tcpip_address_t other = the_address(PREFIX).subnet.address;
  ck_assert_int_eq(source_to("2001:db8:9::1", &source), 0);
  ck_assert(tcpip_address_equal(&source, &near));  // by the longest common prefix
  hear_prefix("2001:db8:9:1::", "A", 9000, 0);
  ck_assert_int_eq(source_to("2001:db8:9::1", &source), 0);
  ck_assert(tcpip_address_equal(&source, &other));
  // In whichever order they are looked at.
  hear_prefix("2001:db8:9:1::", "A", 9000, 9000);
  ck_assert_int_eq(source_to("2001:db8:1::1", &source), 0);
  ck_assert(tcpip_address_equal(&source, &other));
  hear_prefix(PREFIX, "A", 9000, 0);
  ck_assert_int_eq(source_to("2001:db8:1::1", &source), 0);
  ck_assert(tcpip_address_equal(&source, &near));
  hear_prefix("2001:db8:9:1::", "A", 9000, 0);
  // Of a smaller scope it would not do (RFC 6724, rule 2 before rule 3); and a deprecated one is better than
  // none.
  hear_prefix(PREFIX, "A", 9000, 0);
  ck_assert_int_eq(source_to("2001:db8:9::1", &source), 0);
  ck_assert_int_ne(source.bytes[0], 0xfe);
  // Where a program has chosen it, it goes on.
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV6, NULL, 0);
  tcpip_endpoint_t local = {.address = near}, to = host_endpoint("2001:db8:9::1", 9);
  ck_assert_int_eq(tcpip_socket_bind(s, &local), 0);
  host_drop_all(&h);
  hear(1, 9000);
  ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
  ck_assert_int_eq(memcmp(h.frames[0].bytes + 14 + 8, near.bytes, 16), 0);
}
END_TEST

START_TEST(one_message_leaves_an_address_two_hours) {
  hear_prefix(PREFIX, "A", 86400, 86400);
  hear_prefix(PREFIX, "A", 10, 10);
  tcpip_address_info_t info = the_address(PREFIX);
  ck_assert_int_eq(info.valid_until_ns, h.now + 7200 * S);
  ck_assert_int_eq(info.preferred_until_ns, h.now + 10 * S);
  host_advance(&h, 1000 * S);
  hear_prefix(PREFIX, "A", 100, 100);  // less than two hours are left: they stay
  ck_assert_int_eq(the_address(PREFIX).valid_until_ns, h.now + 6200 * S);
  hear_prefix(PREFIX, "A", 6300, 100);  // more than is left
  ck_assert_int_eq(the_address(PREFIX).valid_until_ns, h.now + 6300 * S);
  hear_prefix(PREFIX, "A", 7300, 100);
  ck_assert_int_eq(the_address(PREFIX).valid_until_ns, h.now + 7300 * S);
  hear_prefix(PREFIX, "A", 0, 0);
  ck_assert_int_eq(the_address(PREFIX).valid_until_ns, h.now + 7200 * S);
  ck_assert(the_address(PREFIX).deprecated);
  hear_prefix(PREFIX, "A", FOREVER, FOREVER);
  ck_assert_int_eq(the_address(PREFIX).valid_until_ns, TCPIP_NEVER);
  ck_assert_int_eq(the_address(PREFIX).preferred_until_ns, TCPIP_NEVER);
  hear_prefix(PREFIX, "A", 10, 10);
  ck_assert_int_eq(the_address(PREFIX).valid_until_ns, h.now + 7200 * S);
}
END_TEST

typedef struct useless {
  const char *prefix, *flags;
  uint8_t length;
  uint32_t valid, preferred;
} useless_t;
static const useless_t useless[] = {
    {"fe80::", "LA", 64, 3600, 3600}, {"ff02::", "LA", 64, 3600, 3600},
    {PREFIX, "A", 64, 0, 0},          {PREFIX, "A", 64, 3600, 3601},
    {PREFIX, "A", 63, 3600, 3600},    {PREFIX, "A", 65, 3600, 3600},
    {PREFIX, "A", 200, 3600, 3600},   {PREFIX, "L", 200, 3600, 3600},
    {"::", "LA", 64, 3600, 3600},     {"::ffff:10.0.0.0", "L", 120, 3600, 3600},
    {PREFIX, "", 64, 3600, 3600},     {"::", "L", 0, 3600, 3600},
};

START_TEST(of_a_prefix_that_cannot_be_nothing_comes) {
  const useless_t* u = &useless[_i];
  advert_t advert = advert_of(1, 0);
  size_t routes = tcpip_route_list(h.stack, NULL, 0);
  int addresses = tcpip_address_list(h.stack, h.interface, NULL, 0);
  advert_prefix(&advert, u->prefix, u->length, u->flags, u->valid, u->preferred);
  advert_send(&h, &advert);
  ck_assert_uint_eq(tcpip_route_list(h.stack, NULL, 0), routes);
  ck_assert_int_eq(tcpip_address_list(h.stack, h.interface, NULL, 0), addresses);
}
END_TEST

START_TEST(a_users_address_in_a_learned_prefix_keeps_its_route) {
  tcpip_subnet_t own = {host_address(PREFIX "5"), 64};
  hear_prefix(PREFIX, "LA", 7200, 3600);
  ck_assert_int_eq(tcpip_address_add(h.stack, h.interface, &own, true), 0);
  host_advance(&h, 7200 * S + MS);
  ck_assert_int_eq(learned_count(PREFIX), 0);
  ck_assert_int_eq(way_to(PREFIX "9"), 0);
  hear_prefix(PREFIX, "LA", 7200, 3600);
  ck_assert_int_eq(tcpip_address_remove(h.stack, h.interface, &own.address), 0);
  ck_assert_int_eq(way_to(PREFIX "9"), 0);  // by the router's word
  hear_prefix(PREFIX, "L", 0, 0);
  ck_assert_int_ne(way_to(PREFIX "9"), 0);
}
END_TEST

START_TEST(an_address_that_was_removed_comes_back_with_the_next_message) {
  hear_prefix(PREFIX, "A", 7200, 3600);
  tcpip_address_t address = the_address(PREFIX).subnet.address;
  ck_assert_int_eq(tcpip_address_remove(h.stack, h.interface, &address), 0);
  host_advance(&h, 100 * S);
  ck_assert_int_eq(learned_count(PREFIX), 0);
  hear_prefix(PREFIX, "A", 7200, 3600);
  tcpip_address_t again = the_address(PREFIX).subnet.address;
  ck_assert(tcpip_address_equal(&address, &again));
}
END_TEST

// Duplicates

START_TEST(an_address_is_probed_before_it_is_used) {
  host_advance(&h, 5 * S);
  host_drop_all(&h);
  hear_prefix(PREFIX, "A", 7200, 3600);
  tcpip_address_info_t info = the_address(PREFIX);
  ck_assert_int_eq(info.state, TCPIP_ADDRESS_TENTATIVE);
  bool probed = host_take_icmpv6(&h, 135, packet, &length);
  host_advance(&h, 1000 * MS);  // not at the moment all others do
  if (!probed) ck_assert(host_take_icmpv6(&h, 135, packet, &length));
  ck_assert_int_eq(memcmp(packet + 48, info.subnet.address.bytes, 16), 0);
  host_advance(&h, 1010 * MS);
  ck_assert_int_eq(the_address(PREFIX).state, TCPIP_ADDRESS_ASSIGNED);
}
END_TEST

static void object(void) {
  char text[TCPIP_ADDRESS_TEXT_SIZE];
  tcpip_address_t address = the_address(PREFIX).subnet.address;
  tcpip_address_format(&address, text);
  neighbour_advert_send(&h, text, peer_mac, 0x20);
}

START_TEST(another_identifier_is_drawn_where_one_is_taken) {
  hear_prefix(PREFIX, "A", 7200, 3600);
  tcpip_address_info_t before = the_address(PREFIX);
  object();
  tcpip_address_info_t after = the_address(PREFIX);
  ck_assert(!tcpip_address_equal(&before.subnet.address, &after.subnet.address));
  ck_assert_int_eq(after.state, TCPIP_ADDRESS_TENTATIVE);
  ck_assert_int_eq(after.valid_until_ns, before.valid_until_ns);
  ck_assert_int_eq(after.preferred_until_ns, before.preferred_until_ns);
  host_advance(&h, 2010 * MS);
  ck_assert_int_eq(the_address(PREFIX).state, TCPIP_ADDRESS_ASSIGNED);
}
END_TEST

START_TEST(who_objects_to_every_address_ends_it) {
  hear_prefix(PREFIX, "A", 7200, 3600);
  for (int i = 0; i < 4; i++)
    object();
  ck_assert_int_eq(learned_count(PREFIX), 0);
  hear_prefix(PREFIX, "A", 7200, 3600);
  ck_assert_int_eq(learned_count(PREFIX), 0);
  host_advance(&h, 7200 * S + MS);
  hear_prefix(PREFIX, "A", 7200, 3600);
  ck_assert_int_eq(learned_count(PREFIX), 1);
}
END_TEST

// Name servers and search domains

START_TEST(name_servers_are_kept_for_their_lifetime) {
  tcpip_address_t servers[8];
  advert_t advert = advert_of(1, 1800);
  advert_name_server(&advert, "2001:db8::53", 100);
  advert_name_server(&advert, "fe80::53", 200);
  advert_name_server(&advert, "::", 200);
  advert_name_server(&advert, "ff02::1", 200);
  advert_name_server(&advert, "::1", 200);
  advert_send(&h, &advert);
  ck_assert_int_eq(tcpip_name_server_list(h.stack, h.interface, servers, 8), 2);
  tcpip_address_t first = host_address("2001:db8::53"), second = host_address("fe80::53");
  ck_assert(tcpip_address_equal(&servers[0], &first));
  ck_assert(tcpip_address_equal(&servers[1], &second));
  host_advance(&h, 100 * S + MS);
  ck_assert_int_eq(tcpip_name_server_list(h.stack, h.interface, servers, 8), 1);
  ck_assert(tcpip_address_equal(&servers[0], &second));
  advert = advert_of(1, 1800);
  advert_name_server(&advert, "fe80::53", 0);
  advert_send(&h, &advert);
  ck_assert_int_eq(tcpip_name_server_list(h.stack, h.interface, servers, 8), 0);
}
END_TEST

START_TEST(an_option_of_name_servers_that_is_cut_says_nothing) {
  advert_t advert = advert_of(1, 1800);
  advert_name_server(&advert, "2001:db8::53", 100);
  advert.bytes[17] = 2;
  advert.length -= 8;
  advert_send(&h, &advert);
  ck_assert_int_eq(tcpip_name_server_list(h.stack, h.interface, NULL, 0), 0);
}
END_TEST

START_TEST(search_domains_are_kept_for_their_lifetime) {
  char domains[8][TCPIP_DOMAIN_SIZE];
  advert_t advert = advert_of(1, 1800);
  static const char names[] = "\7example\3org\0\4corp\7example\0";
  advert_domains(&advert, names, sizeof names - 1, 100);
  advert_send(&h, &advert);
  ck_assert_int_eq(tcpip_search_domain_list(h.stack, h.interface, domains, 8), 2);
  ck_assert_str_eq(domains[0], "example.org");
  ck_assert_str_eq(domains[1], "corp.example");
  host_advance(&h, 50 * S);
  advert = advert_of(1, 1800);
  advert_domains(&advert, "\4corp\7example\0", 14, 100);
  advert_send(&h, &advert);
  host_advance(&h, 50 * S + MS);
  ck_assert_int_eq(tcpip_search_domain_list(h.stack, h.interface, domains, 8), 1);
  ck_assert_str_eq(domains[0], "corp.example");
  advert = advert_of(1, 1800);
  advert_domains(&advert, "\4corp\7example\0", 14, 0);
  advert_send(&h, &advert);
  ck_assert_int_eq(tcpip_search_domain_list(h.stack, h.interface, domains, 8), 0);
}
END_TEST

typedef struct odd_name {
  const char* bytes;
  size_t length;
} odd_name_t;
#define ODD(text) \
  { text, sizeof text - 1 }
static const odd_name_t odd_names[] = {ODD("\7exam"),       ODD("\7exa\nple\0"), ODD("\300\0"),
                                       ODD("\100aaaaaaaa"), ODD("\3a b\0"),      ODD("\3a.b\0"),
                                       ODD("\3abc\4defg")};

START_TEST(names_that_no_host_has_are_not_taken) {
  advert_t advert = advert_of(1, 1800);
  uint8_t padded[64];
  memset(padded, 'a', sizeof padded);
  memcpy(padded, odd_names[_i].bytes, odd_names[_i].length);
  size_t whole = (odd_names[_i].length + 7) / 8 * 8;
  advert_domains(&advert, padded, whole, 100);
  advert_send(&h, &advert);
  ck_assert_int_eq(tcpip_search_domain_list(h.stack, h.interface, NULL, 0), 0);
}
END_TEST

START_TEST(a_name_that_is_too_long_is_not_taken) {
  uint8_t names[320] = {0};
  for (size_t i = 0; i < 5; i++) {
    names[i * 60] = 59;
    memset(names + i * 60 + 1, 'a', 59);
  }
  advert_t advert = advert_of(1, 1800);
  advert_domains(&advert, names, sizeof names, 100);
  advert_send(&h, &advert);
  ck_assert_int_eq(tcpip_search_domain_list(h.stack, h.interface, NULL, 0), 0);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("autoconf_prefixes");
  TCase* tc = jx_test_case(suite, "autoconf_prefixes");
  tcase_add_checked_fixture(tc, autoconf_setup, autoconf_teardown);
  tcase_add_test(tc, a_prefix_is_on_the_link_as_long_as_its_router_says);
  tcase_add_test(tc, an_address_says_nothing_of_what_is_on_the_link);
  tcase_add_test(tc, the_same_identifier_comes_from_the_same_secret_and_prefix_only);
  tcase_add_test(tc, without_a_secret_the_stack_draws_one);
  tcase_add_test(tc, an_address_is_deprecated_and_then_gone);
  tcase_add_test(tc, a_deprecated_address_begins_nothing_that_another_can);
  tcase_add_test(tc, one_message_leaves_an_address_two_hours);
  tcase_add_loop_test(tc, of_a_prefix_that_cannot_be_nothing_comes, 0,
                      (int)(sizeof useless / sizeof *useless));
  tcase_add_test(tc, a_users_address_in_a_learned_prefix_keeps_its_route);
  tcase_add_test(tc, an_address_that_was_removed_comes_back_with_the_next_message);
  tcase_add_test(tc, name_servers_are_kept_for_their_lifetime);
  tcase_add_test(tc, an_option_of_name_servers_that_is_cut_says_nothing);
  tcase_add_test(tc, search_domains_are_kept_for_their_lifetime);
  tcase_add_loop_test(tc, names_that_no_host_has_are_not_taken, 0,
                      (int)(sizeof odd_names / sizeof *odd_names));
  tcase_add_test(tc, a_name_that_is_too_long_is_not_taken);
  TCase* careful = jx_test_case(suite, "careful");
  tcase_add_checked_fixture(careful, autoconf_setup_careful, autoconf_teardown);
  tcase_add_test(careful, an_address_is_probed_before_it_is_used);
  tcase_add_test(careful, another_identifier_is_drawn_where_one_is_taken);
  tcase_add_test(careful, who_objects_to_every_address_ends_it);
  return jx_test_run(suite);
}
