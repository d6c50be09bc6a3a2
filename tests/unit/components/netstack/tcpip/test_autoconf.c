// Routers are listened to: each rule of RFC 4861 that a host has, on a fake clock, and what somebody who is
// no honest router cannot do.
#include <errno.h>
#include <inet/bytes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autoconf_host.h"
#include "jx_test.h"

static uint8_t packet[1500];
static size_t length;

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

int main(void) {
  Suite* suite = suite_create("autoconf");
  TCase* tc = jx_test_case(suite, "autoconf");
  tcase_add_checked_fixture(tc, autoconf_setup, autoconf_teardown);
  add_asking(tc);
  add_routers(tc);
  tcase_add_test(tc, a_redirect_of_the_router_in_use_is_obeyed);
  tcase_add_test(tc, nobody_else_redirects);
  tcase_add_test(tc, a_redirect_ends_with_its_neighbour_and_with_the_link);
  tcase_add_test(tc, what_is_kept_is_bounded_and_the_known_stays);
  tcase_add_test(tc, who_shouts_is_not_listened_to);
  tcase_add_test(tc, an_interface_can_be_removed_with_all_that_was_learned);
  TCase* careful = jx_test_case(suite, "careful");
  tcase_add_checked_fixture(careful, autoconf_setup_careful, autoconf_teardown);
  tcase_add_test(careful, routers_are_asked_for_less_and_less_often);
  return jx_test_run(suite);
}
