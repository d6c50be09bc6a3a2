// Addresses between messages and engine.
#include <errno.h>
#include <string.h>

#include "address.h"
#include "jx_test.h"

START_TEST(an_ipv4_endpoint_survives_the_round_trip) {
  fuchsia_net_Ipv4SocketAddress ipv4 = {.address = {.addr = {192, 0, 2, 7}}, .port = 65000};
  fuchsia_net_SocketAddress address = fuchsia_net_SocketAddress_with_ipv4(&ipv4);
  tcpip_endpoint_t endpoint;
  ck_assert(endpoint_from_fidl(&address, &endpoint));
  ck_assert_uint_eq(endpoint.address.family, TCPIP_IPV4);
  ck_assert_uint_eq(endpoint.port, 65000);
  socket_address_storage_t storage;
  fuchsia_net_SocketAddress back = endpoint_to_fidl(&endpoint, TCPIP_IPV6, &storage);
  ck_assert_uint_eq(back.ordinal, fuchsia_net_SocketAddress_Tag_ipv4);
  ck_assert_mem_eq(back.ipv4, &ipv4, sizeof(ipv4));
}
END_TEST

START_TEST(an_ipv6_endpoint_survives_the_round_trip) {
  fuchsia_net_Ipv6SocketAddress ipv6 = {
      .address = {.addr = {0xfe, 0x80, [15] = 1}}, .port = 53, .zone_index = 2};
  fuchsia_net_SocketAddress address = fuchsia_net_SocketAddress_with_ipv6(&ipv6);
  tcpip_endpoint_t endpoint;
  ck_assert(endpoint_from_fidl(&address, &endpoint));
  ck_assert_uint_eq(endpoint.zone, 2);
  socket_address_storage_t storage;
  fuchsia_net_SocketAddress back = endpoint_to_fidl(&endpoint, TCPIP_IPV4, &storage);
  ck_assert_uint_eq(back.ordinal, fuchsia_net_SocketAddress_Tag_ipv6);
  ck_assert_mem_eq(back.ipv6, &ipv6, sizeof(ipv6));
}
END_TEST

START_TEST(a_zone_beyond_all_interfaces_is_refused) {
  fuchsia_net_Ipv6SocketAddress ipv6 = {.zone_index = UINT64_C(1) << 32};
  fuchsia_net_SocketAddress address = fuchsia_net_SocketAddress_with_ipv6(&ipv6);
  tcpip_endpoint_t endpoint;
  ck_assert(!endpoint_from_fidl(&address, &endpoint));
}
END_TEST

START_TEST(no_address_is_the_unspecified_one_of_the_family) {
  tcpip_endpoint_t nothing = {.port = 9};
  socket_address_storage_t storage;
  fuchsia_net_SocketAddress address = endpoint_to_fidl(&nothing, TCPIP_IPV4, &storage);
  ck_assert_uint_eq(address.ordinal, fuchsia_net_SocketAddress_Tag_ipv4);
  ck_assert_uint_eq(address.ipv4->port, 9);
  address = endpoint_to_fidl(&nothing, TCPIP_IPV6, &storage);
  ck_assert_uint_eq(address.ordinal, fuchsia_net_SocketAddress_Tag_ipv6);
}
END_TEST

START_TEST(subnets_of_both_families_are_carried) {
  ip_address_storage_t storage;
  tcpip_subnet_t subnet = {.address = tcpip_ipv4((const uint8_t[4]){10, 0, 2, 15}), .prefix_length = 24};
  fuchsia_net_Subnet result = subnet_to_fidl(&subnet, &storage);
  ck_assert_uint_eq(result.prefix_len, 24);
  ck_assert_uint_eq(result.addr.ordinal, fuchsia_net_IpAddress_Tag_ipv4);
  ck_assert_uint_eq(result.addr.ipv4.addr[3], 15);
  subnet = (tcpip_subnet_t){.address = tcpip_ipv6((const uint8_t[16]){0xfe, 0x80}), .prefix_length = 10};
  result = subnet_to_fidl(&subnet, &storage);
  ck_assert_uint_eq(result.addr.ordinal, fuchsia_net_IpAddress_Tag_ipv6);
  ck_assert_uint_eq(result.addr.ipv6->addr[0], 0xfe);
}
END_TEST

START_TEST(errors_keep_their_numbers_and_strange_ones_become_eio) {
  ck_assert_int_eq(errno_to_fidl(-EAGAIN), EAGAIN);
  ck_assert_int_eq(errno_to_fidl(-ECONNREFUSED), ECONNREFUSED);
  ck_assert_int_eq(errno_to_fidl(-EHWPOISON), EHWPOISON);
  ck_assert_int_eq(errno_to_fidl(-41), EIO);
  ck_assert_int_eq(errno_to_fidl(-100000), EIO);
  ck_assert_int_eq(errno_to_fidl(INT64_MIN + 1), EIO);
  ck_assert_int_eq(errno_to_fidl(1), EIO);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("netstack_address");
  TCase* tc = jx_test_case(suite, "address");
  tcase_add_test(tc, an_ipv4_endpoint_survives_the_round_trip);
  tcase_add_test(tc, an_ipv6_endpoint_survives_the_round_trip);
  tcase_add_test(tc, a_zone_beyond_all_interfaces_is_refused);
  tcase_add_test(tc, no_address_is_the_unspecified_one_of_the_family);
  tcase_add_test(tc, subnets_of_both_families_are_carried);
  tcase_add_test(tc, errors_keep_their_numbers_and_strange_ones_become_eio);
  return jx_test_run(suite);
}
