// Routers are listened to: each rule of RFC 4861, RFC 4862 and RFC 8106 that a host has, on a fake clock, and
// what somebody who is no honest router cannot do.
#include <errno.h>
#include <inet/bytes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jx_test.h"
#include "router_peer.h"

#define PREFIX "2001:db8:1:2::"
#define PREFIX_BYTES 8

static host_t h;
static uint8_t packet[1500];
static size_t length;

static const uint8_t secret[TCPIP_SECRET_SIZE] = {1, 2, 3};

static void start(bool known_unique) {
  tcpip_autoconf_config_t config = {.known_unique = known_unique};
  memcpy(config.secret, secret, sizeof secret);
  host_init(&h, &(host_config_t){.last_octet = 1});
  ck_assert_int_eq(tcpip_autoconf_start(h.stack, h.interface, &config), 0);
}

static void setup(void) {
  start(true);
  host_advance(&h, 0);
  host_drop_all(&h);
}

static void setup_careful(void) {
  start(false);
}

static void teardown(void) {
  host_deinit(&h);
}

// The learned addresses in a prefix.
static int learned(const char* prefix, tcpip_address_info_t out[32]) {
  tcpip_address_info_t all[32];
  tcpip_address_t wanted = host_address(prefix);
  int count = tcpip_address_list(h.stack, h.interface, all, 32), n = 0;
  for (int i = 0; i < count; i++) {
    if (all[i].learned && memcmp(all[i].subnet.address.bytes, wanted.bytes, PREFIX_BYTES) == 0)
      out[n++] = all[i];
  }
  return n;
}

static int learned_count(const char* prefix) {
  tcpip_address_info_t out[32];
  return learned(prefix, out);
}

static tcpip_address_info_t the_address(const char* prefix) {
  tcpip_address_info_t out[32];
  ck_assert_int_eq(learned(prefix, out), 1);
  return out[0];
}

// The router, by its number, that a far destination is reached by; 0: on the link, -1: not at all.
static int way_to(const char* destination) {
  tcpip_path_t path;
  tcpip_address_t to = host_address(destination);
  if (tcpip_route_resolve(h.stack, &to, 0, &path)) return -1;
  return tcpip_address_equal(&path.next_hop, &to) ? 0 : path.next_hop.bytes[15];
}

static int source_to(const char* destination, tcpip_address_t* out) {
  tcpip_path_t path;
  tcpip_address_t to = host_address(destination);
  int result = tcpip_route_resolve(h.stack, &to, 0, &path);
  if (result == 0) *out = path.source;
  return result;
}

static int router_count(void) {
  return tcpip_router_list(h.stack, h.interface, NULL, 0);
}

static void hear(uint8_t number, uint16_t seconds) {
  advert_t advert = advert_of(number, seconds);
  advert_mac(&advert, number);
  advert_send(&h, &advert);
}

static void hear_prefix(const char* prefix, const char* flags, uint32_t valid, uint32_t preferred) {
  advert_t advert = advert_of(1, 1800);
  advert_prefix(&advert, prefix, 64, flags, valid, preferred);
  advert_send(&h, &advert);
}

// Asking

START_TEST(routers_are_asked_for_less_and_less_often) {
  int64_t last = 0, pause_before = 0;
  host_drop_all(&h);
  for (int i = 0; i < 16; i++) {
    int64_t waited = 0;
    while (!host_take_icmpv6(&h, 133, packet, &length)) {
      host_advance(&h, 100 * MS);
      waited += 100 * MS;
      ck_assert_int_le(waited, 4000 * S);
    }
    int64_t pause = h.now - last;
    if (i == 0) {
      ck_assert_int_le(waited, 1100 * MS);
    } else if (i == 1) {
      ck_assert(pause >= 3500 * MS && pause <= 4500 * MS);
    } else if (i < 10) {
      ck_assert(pause >= pause_before * 17 / 10 && pause <= pause_before * 23 / 10);
    } else {
      ck_assert_int_le(pause, 3960 * S + 100 * MS);
    }
    if (i == 15) ck_assert_int_ge(pause, 3240 * S - 100 * MS);
    last = h.now;
    pause_before = pause;
  }
}
END_TEST

START_TEST(the_question_for_routers_is_as_it_must_be) {
  host_advance(&h, 20 * S);
  ck_assert(host_take_icmpv6(&h, 133, packet, &length));
  tcpip_address_t to = host_address("ff02::2"), from = host_address("fe80::ff:fe00:1");
  ck_assert_uint_eq(length, 40 + 16);
  ck_assert_uint_eq(packet[7], 255);
  ck_assert_int_eq(memcmp(packet + 8, from.bytes, 16), 0);
  ck_assert_int_eq(memcmp(packet + 24, to.bytes, 16), 0);
  ck_assert_uint_eq(packet[48], 1);
  ck_assert_int_eq(memcmp(packet + 50, h.mac, 6), 0);
}
END_TEST

START_TEST(who_has_no_address_yet_asks_without_one) {
  tcpip_t* stack = h.stack;
  ck_assert_int_eq(tcpip_interface_set_up(stack, h.interface, false), 0);
  tcpip_address_t local = host_address("fe80::ff:fe00:1"), any = host_address("::");
  ck_assert_int_eq(tcpip_address_remove(stack, h.interface, &local), 0);
  ck_assert_int_eq(tcpip_interface_set_up(stack, h.interface, true), 0);
  host_advance(&h, 0);
  ck_assert(host_take_icmpv6(&h, 133, packet, &length));
  ck_assert_int_eq(memcmp(packet + 8, any.bytes, 16), 0);
  ck_assert_uint_eq(length, 48);  // and so without its MAC
}
END_TEST

START_TEST(nobody_is_asked_once_a_router_is_known_until_the_last_is_gone) {
  hear(1, 30);
  host_drop_all(&h);
  host_advance(&h, 29 * S);
  ck_assert(!host_take_icmpv6(&h, 133, packet, &length));
  host_advance(&h, 2 * S);
  ck_assert(host_take_icmpv6(&h, 133, packet, &length));
}
END_TEST

START_TEST(who_says_it_is_no_router_leaves_the_question_open) {
  hear(1, 0);
  host_drop_all(&h);
  host_advance(&h, 10 * S);
  ck_assert(host_take_icmpv6(&h, 133, packet, &length));
  ck_assert_int_eq(router_count(), 0);
}
END_TEST

START_TEST(a_link_that_comes_back_asks_anew_and_keeps_what_is_known) {
  hear(1, 1800);
  hear_prefix(PREFIX, "LA", 3600, 1800);
  ck_assert_int_eq(tcpip_interface_set_up(h.stack, h.interface, false), 0);
  host_advance(&h, 10 * S);
  ck_assert_int_eq(way_to("2001:db8:9::1"), -1);
  ck_assert_int_eq(tcpip_interface_set_up(h.stack, h.interface, true), 0);
  host_drop_all(&h);
  host_advance(&h, 10 * S);
  ck_assert(host_take_icmpv6(&h, 133, packet, &length));
  ck_assert_int_eq(way_to("2001:db8:9::1"), 1);
  ck_assert_int_eq(learned_count(PREFIX), 1);
}
END_TEST

// Which messages count

typedef void (*spoil_t)(advert_t* advert);
static void from_far(advert_t* a) {
  a->ttl = 254;
}
static void from_global(advert_t* a) {
  a->from = host_address("2001:db8::1");
}
static void with_code(advert_t* a) {
  a->bytes[1] = 1;
}
static void too_short(advert_t* a) {
  a->length = 15;
}
static void option_of_nothing(advert_t* a) {
  a->bytes[17] = 0;
}
static void option_beyond(advert_t* a) {
  a->bytes[17] = 200;
}
static void half_an_option(advert_t* a) {
  a->bytes[a->length++] = 5;
}
static void group_mac_option(advert_t* a) {
  advert_mac(a, 1);
  a->bytes[a->length - 6] |= 1;
}
static const spoil_t spoils[] = {from_far,          from_global,   with_code,      too_short,
                                 option_of_nothing, option_beyond, half_an_option, group_mac_option};

START_TEST(a_message_that_is_not_as_it_must_be_says_nothing) {
  advert_t advert = advert_of(1, 1800);
  advert_prefix(&advert, PREFIX, 64, "LA", 3600, 3600);
  spoils[_i](&advert);
  advert_send(&h, &advert);
  ck_assert_int_eq(router_count(), 0);
  ck_assert_int_eq(learned_count(PREFIX), 0);
  ck_assert_uint_eq(tcpip_stats(h.stack)->nd_rx_router_advert, 0);
}
END_TEST

START_TEST(an_interface_that_does_not_listen_hears_nothing) {
  host_t other;
  host_init(&other, &(host_config_t){.last_octet = 2});
  advert_t advert = advert_of(1, 1800);
  advert_prefix(&advert, PREFIX, 64, "LA", 3600, 3600);
  advert_send(&other, &advert);
  ck_assert_int_eq(tcpip_router_list(other.stack, other.interface, NULL, 0), 0);
  ck_assert_int_eq(tcpip_address_list(other.stack, other.interface, NULL, 0), 3);
  tcpip_address_t far = host_address("2001:db8:9::1");
  tcpip_path_t path;
  ck_assert_int_eq(tcpip_route_resolve(other.stack, &far, 0, &path), -ENETUNREACH);
  host_deinit(&other);
}
END_TEST

START_TEST(unknown_options_are_passed_over) {
  advert_t advert = advert_of(1, 1800);
  memcpy(advert.bytes + advert.length, (const uint8_t[]){200, 2, 1, 2, 3}, 5);
  advert.length += 16;
  advert_prefix(&advert, PREFIX, 64, "LA", 3600, 3600);
  advert_send(&h, &advert);
  ck_assert_int_eq(learned_count(PREFIX), 1);
}
END_TEST

START_TEST(listening_begins_once_and_only_on_a_link) {
  tcpip_autoconf_config_t config = {.known_unique = true};
  ck_assert_int_eq(tcpip_autoconf_start(h.stack, h.interface, &config), -EALREADY);
  ck_assert_int_eq(tcpip_autoconf_start(h.stack, TCPIP_LOOPBACK, &config), -EINVAL);
  ck_assert_int_eq(tcpip_autoconf_start(h.stack, 77, &config), -ENODEV);
  ck_assert_int_eq(tcpip_router_list(h.stack, 77, NULL, 0), -ENODEV);
  ck_assert_int_eq(tcpip_router_list(h.stack, TCPIP_LOOPBACK, NULL, 0), 0);
}
END_TEST

// Routers

START_TEST(a_router_is_the_way_to_everywhere_for_its_lifetime) {
  ck_assert_int_eq(way_to("2001:db8:9::1"), -1);
  hear(1, 100);
  ck_assert_int_eq(way_to("2001:db8:9::1"), 1);
  host_advance(&h, 99 * S);
  ck_assert_int_eq(way_to("2001:db8:9::1"), 1);
  host_advance(&h, S + MS);
  ck_assert_int_eq(way_to("2001:db8:9::1"), -1);
  hear(1, 100);
  ck_assert_int_eq(way_to("2001:db8:9::1"), 1);
  hear(1, 0);
  ck_assert_int_eq(way_to("2001:db8:9::1"), -1);
  ck_assert_int_eq(router_count(), 0);
}
END_TEST

START_TEST(a_router_that_tells_its_address_is_not_asked_for_it) {
  hear(1, 100);
  host_drop_all(&h);
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV6, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("2001:db8:9::1", 9);
  ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
  ck_assert_uint_eq(h.frame_count, 1);
  ck_assert_int_eq(memcmp(h.frames[0].bytes, (const uint8_t[]){2, 0, 0, 0, 1, 1}, 6), 0);
}
END_TEST

START_TEST(preferences_are_obeyed_and_can_change) {
  static const int preferences[] = {-1, 0, 1, 2};  // the last is reserved, and as medium
  for (uint8_t i = 0; i < 3; i++) {
    advert_t advert = advert_of((uint8_t)(i + 1), 1800);
    advert_preference(&advert, preferences[i]);
    advert_send(&h, &advert);
    ck_assert_int_eq(way_to("2001:db8:9::1"), i + 1);
  }
  advert_t advert = advert_of(3, 1800);
  advert_preference(&advert, -1);
  advert_send(&h, &advert);
  ck_assert_int_eq(way_to("2001:db8:9::1"), 2);
  advert = advert_of(1, 1800);
  advert_preference(&advert, 2);
  advert_send(&h, &advert);
  ck_assert_int_eq(way_to("2001:db8:9::1"), 2);  // no better, and later
}
END_TEST

START_TEST(a_configured_gateway_stays_the_first) {
  tcpip_route_t route = {
      .destination = {.address = {.family = TCPIP_IPV6}}, .gateway = host_ipv6(7), .interface = h.interface};
  ck_assert_int_eq(tcpip_route_add(h.stack, &route), 0);
  advert_t advert = advert_of(1, 1800);
  advert_preference(&advert, 1);
  advert_send(&h, &advert);
  ck_assert_int_eq(way_to("2001:db8:9::1"), 7);
  ck_assert_int_eq(tcpip_route_remove(h.stack, &route), 0);
  ck_assert_int_eq(way_to("2001:db8:9::1"), 1);
  // What is learned is not for the user to remove.
  route.gateway = host_address("fe80::1");
  ck_assert_int_eq(tcpip_route_remove(h.stack, &route), -ESRCH);
}
END_TEST

static void fail_to_reach(tcpip_socket_t* s) {
  tcpip_endpoint_t to = host_endpoint("2001:db8:9::1", 9);
  (void)host_send(s, "x", 1, &to);
  host_advance(&h, 10 * S);
}

START_TEST(a_router_that_does_not_answer_gives_way_to_others_in_turn) {
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV6, NULL, 0);
  for (uint8_t i = 1; i <= 3; i++) {
    advert_t advert = advert_of(i, 9000);  // without its MAC
    advert_preference(&advert, i == 1);
    advert_send(&h, &advert);
  }
  static const int ways[] = {1, 2, 3, 1, 2, 3, 1};
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    ck_assert_int_eq(way_to("2001:db8:9::1"), ways[i]);
    fail_to_reach(s);
  }
  // The second answers, and so is better than those that do not.
  const uint8_t mac[6] = {2, 0, 0, 0, 1, 2};
  ck_assert_int_eq(way_to("2001:db8:9::1"), 2);
  tcpip_endpoint_t to = host_endpoint("2001:db8:9::1", 9);
  (void)host_send(s, "x", 1, &to);
  neighbour_advert_send(&h, "fe80::2", mac, 0xe0);
  ck_assert_int_eq(way_to("2001:db8:9::1"), 2);
  tcpip_router_t routers[8];
  ck_assert_int_eq(tcpip_router_list(h.stack, h.interface, routers, 8), 3);
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq(routers[i].suspect, routers[i].address.bytes[15] != 2);
}
END_TEST

START_TEST(a_router_that_is_heard_again_is_asked_whether_it_answers) {
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV6, NULL, 0);
  advert_t first = advert_of(1, 9000), second = advert_of(2, 9000);
  advert_preference(&first, 1);
  advert_send(&h, &first);
  advert_send(&h, &second);
  fail_to_reach(s);
  ck_assert_int_eq(way_to("2001:db8:9::1"), 2);
  host_drop_all(&h);
  advert_mac(&first, 1);
  advert_send(&h, &first);
  ck_assert_int_eq(way_to("2001:db8:9::1"), 2);  // it speaks; that it hears is not known
  ck_assert(host_take_icmpv6(&h, 135, packet, &length));
  const uint8_t mac[6] = {2, 0, 0, 0, 1, 1};
  neighbour_advert_send(&h, "fe80::1", mac, 0xe0);
  ck_assert_int_eq(way_to("2001:db8:9::1"), 1);
}
END_TEST

START_TEST(a_router_that_becomes_a_host_is_none_any_more) {
  const uint8_t mac[6] = {2, 0, 0, 0, 1, 1};
  hear(1, 1800);
  neighbour_advert_send(&h, "fe80::1", mac, 0x20);
  ck_assert_int_eq(way_to("2001:db8:9::1"), -1);
  ck_assert_int_eq(router_count(), 0);
}
END_TEST

// What they say of the link

START_TEST(times_hop_limit_and_mtu_are_the_routers) {
  advert_t advert = advert_of(1, 1800);
  advert.bytes[4] = 99;
  be32_put(advert.bytes + 8, 4000);
  be32_put(advert.bytes + 12, 300);
  advert_mac(&advert, 1);
  advert_mtu(&advert, 1400);
  advert_send(&h, &advert);
  tcpip_path_t path;
  tcpip_address_t far = host_address("2001:db8:9::1"), far4 = host_ipv4(9);
  ck_assert_int_eq(tcpip_route_resolve(h.stack, &far, 0, &path), 0);
  ck_assert_uint_eq(path.mtu, 1400);
  ck_assert_int_eq(tcpip_route_resolve(h.stack, &far4, 0, &path), 0);
  ck_assert_uint_eq(path.mtu, 1500);
  host_drop_all(&h);
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV6, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("2001:db8:9::1", 9), near = host_endpoint("fd00::77", 9);
  ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
  ck_assert_uint_eq(h.frames[0].bytes[14 + 7], 99);
  ck_assert_int_eq(tcpip_socket_set(s, TCPIP_IPV6_HOPS, 5), 0);
  ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
  ck_assert_uint_eq(h.frames[1].bytes[14 + 7], 5);
  ck_assert_int_eq(tcpip_socket_set(s, TCPIP_IPV6_HOPS, -1), 0);
  ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
  ck_assert_uint_eq(h.frames[2].bytes[14 + 7], 99);
  host_drop_all(&h);
  ck_assert_int_eq(host_send(s, "x", 1, &near), 1);  // three questions in 600 ms
  host_advance(&h, 700 * MS);
  for (int i = 0; i < 3; i++)
    ck_assert(host_take_icmpv6(&h, 135, packet, &length));
}
END_TEST

START_TEST(a_stream_has_the_routers_hop_limit_and_mtu) {
  advert_t advert = advert_of(1, 1800);
  advert.bytes[4] = 77;
  advert_mac(&advert, 1);
  advert_mtu(&advert, 1300);
  advert_send(&h, &advert);
  host_drop_all(&h);
  tcpip_socket_t* s;
  tcpip_endpoint_t to = host_endpoint("2001:db8:9::1", 9);
  ck_assert_int_eq(tcpip_socket_create(h.client, TCPIP_IPV6, TCPIP_TCP, NULL, &s), 0);
  ck_assert_int_eq(tcpip_socket_connect(s, &to), -EINPROGRESS);
  ck_assert_uint_eq(h.frame_count, 1);
  ck_assert_uint_eq(h.frames[0].bytes[14 + 7], 77);
  ck_assert_uint_eq(be16_get(h.frames[0].bytes + 14 + 40 + 22), 1300 - 60);  // the MSS
}
END_TEST

START_TEST(what_nobody_can_mean_is_not_taken) {
  advert_t advert = advert_of(1, 1800);
  advert.bytes[4] = 1;  // packets would die on their way
  be32_put(advert.bytes + 12, 1);
  advert_mac(&advert, 1);
  advert_mtu(&advert, 1279);
  advert_mtu(&advert, 9000);
  advert_send(&h, &advert);
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV6, NULL, 0);
  tcpip_endpoint_t to = host_endpoint("2001:db8:9::1", 9), near = host_endpoint("fd00::77", 9);
  host_drop_all(&h);
  ck_assert_int_eq(host_send(s, "x", 1, &to), 1);
  ck_assert_uint_eq(h.frames[0].bytes[14 + 7], 64);
  tcpip_path_t path;
  ck_assert_int_eq(tcpip_route_resolve(h.stack, &to.address, 0, &path), 0);
  ck_assert_uint_eq(path.mtu, 1500);
  host_drop_all(&h);
  ck_assert_int_eq(host_send(s, "x", 1, &near), 1);
  host_advance(&h, 50 * MS);
  ck_assert(host_take_icmpv6(&h, 135, packet, &length));
  ck_assert(!host_take_icmpv6(&h, 135, packet, &length));
}
END_TEST

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
  memcpy(config.secret, secret, sizeof secret);
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

// Redirects

START_TEST(a_redirect_of_the_router_in_use_is_obeyed) {
  hear(1, 9000);
  redirect_send(&h, 1, "2001:db8:9::1", "fe80::2");
  ck_assert_int_eq(way_to("2001:db8:9::1"), 2);
  ck_assert_int_eq(way_to("2001:db8:9::2"), 1);
  redirect_send(&h, 1, "2001:db8:9::2", "2001:db8:9::2");
  ck_assert_int_eq(way_to("2001:db8:9::2"), 0);
  redirect_send(&h, 2, "2001:db8:9::1", "fe80::3");  // now that one is asked
  ck_assert_int_eq(way_to("2001:db8:9::1"), 3);
  host_advance(&h, 601 * S);
  ck_assert_int_eq(way_to("2001:db8:9::1"), 1);
  ck_assert_int_eq(way_to("2001:db8:9::2"), 1);
}
END_TEST

START_TEST(nobody_else_redirects) {
  hear(1, 9000);
  redirect_send(&h, 2, "2001:db8:9::1", "fe80::2");      // not the router in use
  redirect_send(&h, 1, "2001:db8:9::1", "2001:db8::2");  // to what is no neighbour
  redirect_send(&h, 1, "ff05::1", "fe80::2");
  redirect_send(&h, 1, "fd00::9", "fe80::2");  // on the link already
  ck_assert_int_eq(way_to("2001:db8:9::1"), 1);
  ck_assert_int_eq(way_to("fd00::9"), 0);
  ck_assert_uint_eq(tcpip_stats(h.stack)->nd_rx_redirect, 0);
}
END_TEST

START_TEST(a_redirect_ends_with_its_neighbour_and_with_the_link) {
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV6, NULL, 0);
  hear(1, 9000);
  redirect_send(&h, 1, "2001:db8:9::1", "fe80::2");
  fail_to_reach(s);
  ck_assert_int_eq(way_to("2001:db8:9::1"), 1);
  redirect_send(&h, 1, "2001:db8:9::1", "fe80::2");
  ck_assert_int_eq(way_to("2001:db8:9::1"), 2);
  ck_assert_int_eq(tcpip_interface_set_up(h.stack, h.interface, false), 0);
  ck_assert_int_eq(tcpip_interface_set_up(h.stack, h.interface, true), 0);
  ck_assert_int_eq(way_to("2001:db8:9::1"), 1);
}
END_TEST

// What hostile neighbours cannot do

START_TEST(what_is_kept_is_bounded_and_the_known_stays) {
  char text[64];
  hear(1, 9000);
  hear_prefix(PREFIX, "LA", 86400, 86400);
  size_t routes = tcpip_route_list(h.stack, NULL, 0);
  for (int i = 0; i < 400; i++) {
    advert_t advert = advert_of((uint8_t)(2 + i % 250), 9000);
    snprintf(text, sizeof text, "2001:db8:%x:7::", 0x100 + i);
    advert_prefix(&advert, text, 64, "LA", 86400, 86400);
    snprintf(text, sizeof text, "2001:db8::%x", 0x100 + i);
    advert_name_server(&advert, text, 86400);
    uint8_t name[8] = {
        5, 'd', (uint8_t)('0' + i / 100), (uint8_t)('0' + i / 10 % 10), (uint8_t)('0' + i % 10), 'x'};
    advert_domains(&advert, name, 8, 86400);
    advert_send(&h, &advert);
    host_drop_all(&h);
    host_advance(&h, 100 * MS);
  }
  tcpip_address_info_t known[32];
  ck_assert_int_eq(learned(PREFIX, known), 1);
  ck_assert_int_eq(router_count(), 8);
  ck_assert_int_eq(way_to("3fff::1"), 1);
  ck_assert_int_eq(tcpip_address_list(h.stack, h.interface, NULL, 0), 3 + 16);
  ck_assert_uint_eq(tcpip_route_list(h.stack, NULL, 0), routes + 7 + 15);
  ck_assert_int_eq(tcpip_name_server_list(h.stack, h.interface, NULL, 0), 8);
  ck_assert_int_eq(tcpip_search_domain_list(h.stack, h.interface, NULL, 0), 8);
  ck_assert_uint_gt(tcpip_stats(h.stack)->autoconf_full, 0);
  for (int i = 0; i < 100; i++) {
    snprintf(text, sizeof text, "3fff::%x", 0x100 + i);
    redirect_send(&h, 1, text, "fe80::2");
    host_advance(&h, 100 * MS);
  }
  ck_assert_uint_eq(tcpip_route_list(h.stack, NULL, 0), routes + 7 + 15 + 32);
  ck_assert_int_eq(way_to("3fff::100"), 1);  // the oldest have given way
  ck_assert_int_eq(way_to("3fff::163"), 2);
}
END_TEST

START_TEST(who_shouts_is_not_listened_to) {
  for (int i = 0; i < 1000; i++)
    hear_prefix(PREFIX, "LA", 86400, (uint32_t)i);
  const tcpip_stats_t* stats = tcpip_stats(h.stack);
  ck_assert_uint_eq(stats->nd_rx_router_advert, 30);
  ck_assert_uint_eq(stats->nd_rx_rate_limited, 970);
  host_advance(&h, S);
  hear_prefix(PREFIX, "LA", 86400, 86400);
  ck_assert_uint_eq(stats->nd_rx_router_advert, 31);
}
END_TEST

START_TEST(an_interface_can_be_removed_with_all_that_was_learned) {
  hear(1, 9000);
  hear_prefix(PREFIX, "LA", 86400, 86400);
  ck_assert_int_eq(tcpip_interface_remove(h.stack, h.interface), 0);
  host_advance(&h, 100000 * S);
  ck_assert_int_eq(way_to("2001:db8:9::1"), -1);
}
END_TEST

static void add_asking(TCase* tc) {
  tcase_add_test(tc, the_question_for_routers_is_as_it_must_be);
  tcase_add_test(tc, who_has_no_address_yet_asks_without_one);
  tcase_add_test(tc, nobody_is_asked_once_a_router_is_known_until_the_last_is_gone);
  tcase_add_test(tc, who_says_it_is_no_router_leaves_the_question_open);
  tcase_add_test(tc, a_link_that_comes_back_asks_anew_and_keeps_what_is_known);
  tcase_add_loop_test(tc, a_message_that_is_not_as_it_must_be_says_nothing, 0,
                      (int)(sizeof spoils / sizeof *spoils));
  tcase_add_test(tc, an_interface_that_does_not_listen_hears_nothing);
  tcase_add_test(tc, unknown_options_are_passed_over);
  tcase_add_test(tc, listening_begins_once_and_only_on_a_link);
}

static void add_routers(TCase* tc) {
  tcase_add_test(tc, a_router_is_the_way_to_everywhere_for_its_lifetime);
  tcase_add_test(tc, a_router_that_tells_its_address_is_not_asked_for_it);
  tcase_add_test(tc, preferences_are_obeyed_and_can_change);
  tcase_add_test(tc, a_configured_gateway_stays_the_first);
  tcase_add_test(tc, a_router_that_does_not_answer_gives_way_to_others_in_turn);
  tcase_add_test(tc, a_router_that_is_heard_again_is_asked_whether_it_answers);
  tcase_add_test(tc, a_router_that_becomes_a_host_is_none_any_more);
  tcase_add_test(tc, times_hop_limit_and_mtu_are_the_routers);
  tcase_add_test(tc, a_stream_has_the_routers_hop_limit_and_mtu);
  tcase_add_test(tc, what_nobody_can_mean_is_not_taken);
}

static void add_prefixes(TCase* tc) {
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
}

static void add_rest(TCase* tc) {
  tcase_add_test(tc, name_servers_are_kept_for_their_lifetime);
  tcase_add_test(tc, an_option_of_name_servers_that_is_cut_says_nothing);
  tcase_add_test(tc, search_domains_are_kept_for_their_lifetime);
  tcase_add_loop_test(tc, names_that_no_host_has_are_not_taken, 0,
                      (int)(sizeof odd_names / sizeof *odd_names));
  tcase_add_test(tc, a_name_that_is_too_long_is_not_taken);
  tcase_add_test(tc, a_redirect_of_the_router_in_use_is_obeyed);
  tcase_add_test(tc, nobody_else_redirects);
  tcase_add_test(tc, a_redirect_ends_with_its_neighbour_and_with_the_link);
  tcase_add_test(tc, what_is_kept_is_bounded_and_the_known_stays);
  tcase_add_test(tc, who_shouts_is_not_listened_to);
  tcase_add_test(tc, an_interface_can_be_removed_with_all_that_was_learned);
}

int main(void) {
  Suite* suite = suite_create("autoconf");
  TCase* tc = jx_test_case(suite, "autoconf");
  tcase_add_checked_fixture(tc, setup, teardown);
  add_asking(tc);
  add_routers(tc);
  add_prefixes(tc);
  add_rest(tc);
  TCase* careful = jx_test_case(suite, "careful");
  tcase_add_checked_fixture(careful, setup_careful, teardown);
  tcase_add_test(careful, routers_are_asked_for_less_and_less_often);
  tcase_add_test(careful, an_address_is_probed_before_it_is_used);
  tcase_add_test(careful, another_identifier_is_drawn_where_one_is_taken);
  tcase_add_test(careful, who_objects_to_every_address_ends_it);
  return jx_test_run(suite);
}
