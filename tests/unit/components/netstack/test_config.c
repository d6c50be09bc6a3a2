// The netstack's arguments.
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "jx_test.h"

static bool parse(const char* argument, netstack_config_t* config, char* error) {
  char name[] = "netstack";
  char text[256];
  snprintf(text, sizeof(text), "%s", argument);
  char* argv[] = {name, text, NULL};
  return netstack_config_parse(2, argv, config, error);
}

START_TEST(no_arguments_name_the_interface_eth0) {
  netstack_config_t config;
  char error[CONFIG_ERROR_SIZE];
  char name[] = "netstack";
  char* argv[] = {name, NULL};
  ck_assert(netstack_config_parse(1, argv, &config, error));
  ck_assert_str_eq(config.interface_name, "eth0");
  ck_assert_uint_eq(config.address_count, 0);
  ck_assert_uint_eq(config.mtu, 0);
  ck_assert(!config.known_unique);
  ck_assert(!config.dhcp);
}
END_TEST

START_TEST(an_address_may_come_from_a_server) {
  netstack_config_t config;
  char error[CONFIG_ERROR_SIZE];
  ck_assert(parse("--address=dhcp", &config, error));
  ck_assert(config.dhcp);
  ck_assert_uint_eq(config.address_count, 0);
  ck_assert(!config.synchronous_datagrams);
}
END_TEST

START_TEST(addresses_may_come_from_routers) {
  netstack_config_t config;
  char error[CONFIG_ERROR_SIZE];
  ck_assert(parse("--address=slaac", &config, error));
  ck_assert(config.slaac);
  ck_assert(!config.dhcp);
  ck_assert_uint_eq(config.address_count, 0);
  ck_assert_uint_eq(config.secret[0], 0);
  ck_assert(parse("--address-secret=00112233445566778899aabbccDDEEff", &config, error));
  for (unsigned i = 0; i < sizeof(config.secret); i++)
    ck_assert_uint_eq(config.secret[i], 0x11 * i);
}
END_TEST

START_TEST(addresses_and_gateways_of_both_families_are_collected) {
  netstack_config_t config;
  char error[CONFIG_ERROR_SIZE];
  char a0[] = "netstack", a1[] = "--address=10.0.2.15/24", a2[] = "--address=fec0::15/64",
       a3[] = "--gateway=10.0.2.2", a4[] = "--gateway=fec0::2", a5[] = "--mtu=1400",
       a6[] = "--interface=wire0", a7[] = "--sockets=9", a8[] = "--buffers=65536",
       a9[] = "--duplicate-detection=off", a10[] = "--congestion=bbr",
       a11[] = "--datagrams=synchronous";
  char* argv[] = {a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, NULL};
  ck_assert_msg(netstack_config_parse(12, argv, &config, error), "%s", error);
  ck_assert_uint_eq(config.address_count, 2);
  ck_assert_uint_eq(config.addresses[0].address.family, TCPIP_IPV4);
  ck_assert_uint_eq(config.addresses[0].prefix_length, 24);
  ck_assert_uint_eq(config.addresses[1].address.family, TCPIP_IPV6);
  ck_assert_uint_eq(config.addresses[1].prefix_length, 64);
  ck_assert_uint_eq(config.gateway_count, 2);
  ck_assert_uint_eq(config.mtu, 1400);
  ck_assert_str_eq(config.interface_name, "wire0");
  ck_assert(config.known_unique);
  ck_assert_int_eq(config.congestion, TCPIP_CONGESTION_BBR);
  ck_assert(config.synchronous_datagrams);
  ck_assert_uint_eq(config.quota.sockets, 9);
  ck_assert_uint_eq(config.quota.buffer_bytes, 65536);
}
END_TEST

static const char* const wrong[] = {
    "--address=10.0.2.15",
    "--address=10.0.2.15/33",
    "--address=10.0.2.15/-1",
    "--address=10.0.2/24",
    "--address=fec0::15/129",
    "--address=/24",
    "--address=",
    "--address=1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:aaaa:bbbb:cccc/64",
    "--address-secret=",
    "--address-secret=00112233445566778899aabbccddeef",
    "--address-secret=00112233445566778899aabbccddeeff0",
    "--address-secret=0x112233445566778899aabbccddeeff",
    "--address-secret=00000000000000000000000000000000",
    "--gateway=10.0.2.2/24",
    "--gateway=",
    "--mtu=575",
    "--mtu=65536",
    "--mtu=1e3",
    "--mtu= 1500",
    "--mtu=99999999999999999999999",
    "--interface=",
    "--interface=lo",
    "--interface=sixteen_letters_",
    "--interface=a b",
    "--duplicate-detection=",
    "--duplicate-detection=no",
    "--congestion=",
    "--congestion=vegas",
    "--capture=",
    "--capture=2",
    "--capture=999",
    "--datagrams=",
    "--datagrams=slow",
    "--sockets=0",
    "--sockets=65537",
    "--buffers=0",
    "--address",
    "--unknown=1",
    "address=10.0.2.15/24",
    "",
};

START_TEST(wrong_arguments_are_named) {
  netstack_config_t config;
  char error[CONFIG_ERROR_SIZE] = "";
  ck_assert_msg(!parse(wrong[_i], &config, error), "\"%s\" was accepted", wrong[_i]);
  ck_assert_str_ne(error, "");
}
END_TEST

START_TEST(too_many_addresses_are_refused) {
  netstack_config_t config;
  char error[CONFIG_ERROR_SIZE];
  char text[] = "--address=10.0.2.15/24";
  char* argv[CONFIG_ADDRESSES_MAX + 3] = {text};
  for (int i = 1; i <= CONFIG_ADDRESSES_MAX + 1; i++)
    argv[i] = text;
  ck_assert(netstack_config_parse(CONFIG_ADDRESSES_MAX + 1, argv, &config, error));
  ck_assert(!netstack_config_parse(CONFIG_ADDRESSES_MAX + 2, argv, &config, error));
}
END_TEST

int main(void) {
  Suite* suite = suite_create("netstack_config");
  TCase* tc = jx_test_case(suite, "config");
  tcase_add_test(tc, no_arguments_name_the_interface_eth0);
  tcase_add_test(tc, an_address_may_come_from_a_server);
  tcase_add_test(tc, addresses_may_come_from_routers);
  tcase_add_test(tc, addresses_and_gateways_of_both_families_are_collected);
  tcase_add_loop_test(tc, wrong_arguments_are_named, 0, (int)(sizeof(wrong) / sizeof(wrong[0])));
  tcase_add_test(tc, too_many_addresses_are_refused);
  return jx_test_run(suite);
}
