// Options of zxio: every row of its table set and read back, and every wrong length.
#include <limits.h>
#include <net/if.h>
#include <sys/time.h>

#include "sockopt_calls.h"
#include "zxio_fixture.h"

static int get_int(fixture_t* f, int level, int name) {
  int value = INT_MIN;
  socklen_t length = sizeof(value);
  ck_assert_msg(get(&f->socket, level, name, &value, &length) == 0, "level %d option %d", level, name);
  ck_assert_uint_eq(length, sizeof(value));
  return value;
}

// Options that are an int: a value to set, what is read back, and whether a single byte does.
static const struct {
  int level, name, set, read;
  bool short_form;
} numbers[] = {
    {SOL_SOCKET, SO_REUSEADDR, 5, 1, false},
    {SOL_SOCKET, SO_BROADCAST, 1, 1, false},
    {SOL_SOCKET, SO_SNDBUF, 30000, 60000, false},
    {SOL_SOCKET, SO_RCVBUF, 40000, 80000, false},
    {SOL_SOCKET, SO_KEEPALIVE, -1, 1, false},
    {SOL_SOCKET, SO_OOBINLINE, 1, 1, false},
    {SOL_SOCKET, SO_NO_CHECK, 1, 1, false},
    {SOL_SOCKET, SO_REUSEPORT, 1, 1, false},
    {SOL_SOCKET, SO_TIMESTAMP, 1, 1, false},
    {SOL_SOCKET, SO_TIMESTAMPNS, 1, 1, false},
    {IPPROTO_IP, IP_TOS, 0x12e, 0x2e, true},
    {IPPROTO_IP, IP_TTL, 9, 9, true},
    {IPPROTO_IP, IP_TTL, -1, 77, false},
    {IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, IP_PMTUDISC_PROBE, true},
    {IPPROTO_IP, IP_PKTINFO, 1, 1, true},
    {IPPROTO_IP, IP_RECVTOS, 1, 1, true},
    {IPPROTO_IP, IP_RECVTTL, 1, 1, true},
    {IPPROTO_IP, IP_MULTICAST_TTL, 0, 0, true},
    {IPPROTO_IP, IP_MULTICAST_TTL, -1, 77, false},
    {IPPROTO_IP, IP_MULTICAST_LOOP, 1, 1, true},
    {IPPROTO_IPV6, IPV6_MULTICAST_IF, 2, 2, false},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 255, 255, false},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, -1, 77, false},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT, IPV6_PMTUDISC_OMIT, false},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, 1, false},
    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 3, 3, false},
    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1, 1, false},
    {IPPROTO_IPV6, IPV6_V6ONLY, 1, 1, false},
    {IPPROTO_IPV6, IPV6_RECVTCLASS, 1, 1, false},
    {IPPROTO_IPV6, IPV6_TCLASS, 200, 200, false},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, 1, false},
    {IPPROTO_IP, IP_RECVERR, 1, 1, false},
    {IPPROTO_IPV6, IPV6_RECVERR, 1, 1, false},
};

START_TEST(numbers_are_read_back) {
  fixture_t f;
  set_up(&f, AF_INET6);
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    int code = set(&f.socket, numbers[i].level, numbers[i].name, &numbers[i].set, sizeof(int));
    ck_assert_msg(code == 0, "row %zu: %d", i, code);
    int value = get_int(&f, numbers[i].level, numbers[i].name);
    ck_assert_msg(value == numbers[i].read, "row %zu: %d", i, value);
  }
  tear_down(&f);
}
END_TEST

START_TEST(short_numbers_do_where_linux_takes_them) {
  fixture_t f;
  set_up(&f, AF_INET6);
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    bool ip = numbers[i].level == IPPROTO_IP;
    uint8_t bytes[8] = {1};
    for (socklen_t size = 1; size < sizeof(int); size++) {
      int code = set(&f.socket, numbers[i].level, numbers[i].name, bytes, size);
      ck_assert_msg(code == (ip ? 0 : EINVAL), "set, row %zu, size %u: %d", i, size, code);
      uint8_t got[4] = {0xee, 0xee, 0xee, 0xee};
      socklen_t length = size;
      code = get(&f.socket, numbers[i].level, numbers[i].name, got, &length);
      ck_assert_msg(code == 0, "get, row %zu, size %u: %d", i, size, code);
      // A byte that says all of it, or as many of a longer number's as there is room for.
      ck_assert_uint_eq(length, ip ? 1 : size);
      ck_assert_uint_eq(got[length], 0xee);
      if (ip) ck_assert_uint_eq(got[0], 1);
    }
    int code = set(&f.socket, numbers[i].level, numbers[i].name, bytes, 0);
    ck_assert_msg(code == EINVAL, "empty, row %zu: %d", i, code);
    socklen_t none = 0;
    code = get(&f.socket, numbers[i].level, numbers[i].name, bytes, &none);
    ck_assert_msg(code == 0 && none == 0, "empty get, row %zu: %d", i, code);
    ck_assert_int_eq(set(&f.socket, numbers[i].level, numbers[i].name, bytes, sizeof(bytes)), 0);
  }
  tear_down(&f);
}
END_TEST

START_TEST(null_values_are_faults) {
  fixture_t f;
  set_up(&f, AF_INET6);
  socklen_t length = 4;
  int value;
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    bool tclass = numbers[i].level == IPPROTO_IPV6 && numbers[i].name == IPV6_TCLASS;
    ck_assert_int_eq(set(&f.socket, numbers[i].level, numbers[i].name, NULL, 4), tclass ? 0 : EFAULT);
    ck_assert_int_eq(get(&f.socket, numbers[i].level, numbers[i].name, NULL, &length), EFAULT);
    ck_assert_int_eq(get(&f.socket, numbers[i].level, numbers[i].name, &value, NULL), EFAULT);
  }
  ck_assert_int_eq(set(&f.socket, SOL_SOCKET, SO_RCVTIMEO, NULL, sizeof(struct timeval)), EFAULT);
  ck_assert_int_eq(set(&f.socket, SOL_SOCKET, SO_LINGER, NULL, sizeof(struct linger)), EFAULT);
  tear_down(&f);
}
END_TEST

START_TEST(numbers_out_of_range_are_refused) {
  static const struct {
    int level, name, value;
  } rows[] = {
      {IPPROTO_IP, IP_TTL, -2},
      {IPPROTO_IP, IP_TTL, 256},
      {IPPROTO_IP, IP_MULTICAST_TTL, 256},
      {IPPROTO_IP, IP_MTU_DISCOVER, 6},
      {IPPROTO_IPV6, IPV6_MTU_DISCOVER, -1},
      {IPPROTO_IPV6, IPV6_UNICAST_HOPS, -2},
      {IPPROTO_IPV6, IPV6_TCLASS, 256},
      {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1000},
      {IPPROTO_IPV6, IPV6_MULTICAST_IF, -1},
  };
  fixture_t f;
  set_up(&f, AF_INET6);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    int code = set(&f.socket, rows[i].level, rows[i].name, &rows[i].value, sizeof(int));
    ck_assert_msg(code == EINVAL, "row %zu: %d", i, code);
  }
  tear_down(&f);
}
END_TEST

START_TEST(unknown_options_and_levels_are_told_apart) {
  fixture_t f;
  set_up(&f, AF_INET);
  int value = 1;
  socklen_t length = sizeof(value);
  static const struct {
    int level, name, get, set;
  } rows[] = {
      {SOL_SOCKET, 9999, ENOPROTOOPT, ENOPROTOOPT},
      {IPPROTO_IP, 99, ENOPROTOOPT, ENOPROTOOPT},
      {IPPROTO_IPV6, IPV6_V6ONLY, EOPNOTSUPP, ENOPROTOOPT},
      {IPPROTO_TCP, 1, EOPNOTSUPP, ENOPROTOOPT},
      {12345, 1, EOPNOTSUPP, ENOPROTOOPT},
      {SOL_SOCKET, SO_PEERCRED, EOPNOTSUPP, ENOPROTOOPT},
      {SOL_SOCKET, SO_ACCEPTCONN, 0, ENOPROTOOPT},
      {IPPROTO_IP, IP_MTU, ENOTCONN, ENOPROTOOPT},
      {SOL_SOCKET, SO_ERROR, 0, ENOPROTOOPT},
      {SOL_SOCKET, SO_TYPE, 0, ENOPROTOOPT},
      {IPPROTO_IP, IP_ADD_MEMBERSHIP, ENOPROTOOPT, EINVAL},
      {IPPROTO_IP, MCAST_JOIN_GROUP, ENOPROTOOPT, ENOTSUP},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    length = sizeof(value);
    int code = get(&f.socket, rows[i].level, rows[i].name, &value, &length);
    ck_assert_msg(code == rows[i].get, "get, row %zu: %d", i, code);
    code = set(&f.socket, rows[i].level, rows[i].name, &value, sizeof(value));
    ck_assert_msg(code == rows[i].set, "set, row %zu: %d", i, code);
  }
  tear_down(&f);
}
END_TEST

START_TEST(timestamps_exclude_each_other) {
  fixture_t f;
  set_up(&f, AF_INET);
  int on = 1;
  int off = 0;
  ck_assert_int_eq(set(&f.socket, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on)), 0);
  ck_assert_int_eq(set(&f.socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)), 0);
  ck_assert_int_eq(get_int(&f, SOL_SOCKET, SO_TIMESTAMP), 0);
  ck_assert_int_eq(get_int(&f, SOL_SOCKET, SO_TIMESTAMPNS), 1);
  ck_assert_int_eq(set(&f.socket, SOL_SOCKET, SO_TIMESTAMP, &off, sizeof(off)), 0);
  ck_assert_int_eq(get_int(&f, SOL_SOCKET, SO_TIMESTAMPNS), 0);
  tear_down(&f);
}
END_TEST

START_TEST(the_pending_error_is_told_once) {
  fixture_t f;
  set_up(&f, AF_INET);
  struct sockaddr_in nobody = ipv4("10.0.2.2", 1);
  int16_t code = -1;
  zxio_socket_connect(&f.socket, (struct sockaddr*)&nobody, sizeof(nobody), &code);
  ck_assert_int_eq(send_text(&f.socket, "x", NULL, 0), 0);
  ck_assert_int_eq(get_int(&f, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
  ck_assert_int_eq(get_int(&f, SOL_SOCKET, SO_ERROR), 0);
  tear_down(&f);
}
END_TEST

START_TEST(timeouts_stay_in_the_client) {
  static const struct {
    struct timeval value;
    int code;
  } rows[] = {
      {{1, 500000}, 0}, {{0, 0}, 0}, {{0, 1}, 0}, {{0, -1}, EDOM}, {{0, 1000000}, EDOM}, {{1, 999999}, 0},
  };
  fixture_t f;
  set_up(&f, AF_INET);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    for (int name = SO_RCVTIMEO; name <= SO_SNDTIMEO; name++) {
      ck_assert_int_eq(set(&f.socket, SOL_SOCKET, name, &rows[i].value, sizeof(rows[i].value)), rows[i].code);
      if (rows[i].code) continue;
      struct timeval got = {-1, -1};
      socklen_t length = sizeof(got);
      ck_assert_int_eq(get(&f.socket, SOL_SOCKET, name, &got, &length), 0);
      ck_assert_uint_eq(length, sizeof(got));
      ck_assert_int_eq(got.tv_sec, rows[i].value.tv_sec);
      ck_assert_int_eq(got.tv_usec, rows[i].value.tv_usec);
      length = sizeof(got) - 1;
      ck_assert_int_eq(get(&f.socket, SOL_SOCKET, name, &got, &length), 0);
      ck_assert_int_eq(set(&f.socket, SOL_SOCKET, name, &rows[i].value, sizeof(got) - 1), EINVAL);
    }
  }
  tear_down(&f);
}
END_TEST

START_TEST(buffers_get_twice_what_is_asked_for) {
  static const struct {
    int name, set, read;
  } rows[] = {{SO_SNDBUF, 100000, 200000}, {SO_SNDBUF, 0, 4608},  {SO_SNDBUF, -1, INT_MAX - 1},
              {SO_RCVBUF, 100000, 200000}, {SO_RCVBUF, 1, 2304}, {SO_RCVBUF, INT_MAX, INT_MAX - 1}};
  fixture_t f;
  set_up(&f, AF_INET);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    ck_assert_int_eq(set(&f.socket, SOL_SOCKET, rows[i].name, &rows[i].set, sizeof(int)), 0);
    ck_assert_int_eq(get_int(&f, SOL_SOCKET, rows[i].name), rows[i].read);
  }
  tear_down(&f);
}
END_TEST

START_TEST(numbers_that_nothing_depends_on_are_remembered) {
  static const struct {
    int name, set, code, read;
  } rows[] = {{SO_PRIORITY, 6, 0, 6},  {SO_PRIORITY, 7, EPERM, 6}, {SO_PRIORITY, -1, EPERM, 6},
              {SO_RCVLOWAT, 99, 0, 99}, {SO_RCVLOWAT, 0, 0, 1},     {SO_RCVLOWAT, -1, 0, INT_MAX}};
  fixture_t f;
  set_up(&f, AF_INET);
  ck_assert_int_eq(get_int(&f, SOL_SOCKET, SO_PRIORITY), 0);
  ck_assert_int_eq(get_int(&f, SOL_SOCKET, SO_RCVLOWAT), 1);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    ck_assert_int_eq(set(&f.socket, SOL_SOCKET, rows[i].name, &rows[i].set, sizeof(int)), rows[i].code);
    ck_assert_int_eq(get_int(&f, SOL_SOCKET, rows[i].name), rows[i].read);
  }
  int value = 1;
  ck_assert_int_eq(set(&f.socket, SOL_SOCKET, SO_PRIORITY, &value, 3), EINVAL);
  tear_down(&f);
}
END_TEST

START_TEST(what_has_no_effect_here_is_remembered) {
  fixture_t f;
  set_up(&f, AF_INET);
  static const int names[] = {IP_RECVOPTS, IP_RETOPTS};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    int value = 7;
    uint8_t off = 0;
    socklen_t length = sizeof(value);
    ck_assert_int_eq(set(&f.socket, IPPROTO_IP, names[i], &value, sizeof(value)), 0);
    ck_assert_int_eq(get(&f.socket, IPPROTO_IP, names[i], &value, &length), 0);
    ck_assert_int_eq(value, 1);
    ck_assert_int_eq(set(&f.socket, IPPROTO_IP, names[i], &off, sizeof(off)), 0);
    ck_assert_int_eq(get(&f.socket, IPPROTO_IP, names[i], &value, &length), 0);
    ck_assert_int_eq(value, 0);
    ck_assert_int_eq(set(&f.socket, IPPROTO_IP, names[i], &value, 0), EINVAL);
    ck_assert_int_eq(set(&f.socket, IPPROTO_IP, names[i], NULL, sizeof(value)), EFAULT);
  }
  tear_down(&f);
}
END_TEST

START_TEST(linger_is_a_pair) {
  fixture_t f;
  set_up(&f, AF_INET);
  struct linger linger = {.l_onoff = 7, .l_linger = 30};
  ck_assert_int_eq(set(&f.socket, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
  memset(&linger, 0xff, sizeof(linger));
  socklen_t length = sizeof(linger);
  ck_assert_int_eq(get(&f.socket, SOL_SOCKET, SO_LINGER, &linger, &length), 0);
  ck_assert_int_eq(linger.l_onoff, 1);
  ck_assert_int_eq(linger.l_linger, 30);
  length = sizeof(linger) - 1;
  ck_assert_int_eq(get(&f.socket, SOL_SOCKET, SO_LINGER, &linger, &length), 0);
  ck_assert_int_eq(set(&f.socket, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger) - 1), EINVAL);
  tear_down(&f);
}
END_TEST

START_TEST(devices_are_bound_to_by_name) {
  fixture_t f;
  set_up(&f, AF_INET);
  char name[IFNAMSIZ];
  socklen_t length = sizeof(name);
  ck_assert_int_eq(get(&f.socket, SOL_SOCKET, SO_BINDTODEVICE, name, &length), 0);
  ck_assert_uint_eq(length, 0);
  ck_assert_int_eq(set(&f.socket, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 4), 0);
  length = sizeof(name);
  ck_assert_int_eq(get(&f.socket, SOL_SOCKET, SO_BINDTODEVICE, name, &length), 0);
  ck_assert_uint_eq(length, 5);
  ck_assert_str_eq(name, "eth0");
  length = 4;
  ck_assert_int_eq(get(&f.socket, SOL_SOCKET, SO_BINDTODEVICE, name, &length), EINVAL);
  ck_assert_int_eq(set(&f.socket, SOL_SOCKET, SO_BINDTODEVICE, "eth9", 5), ENODEV);
  ck_assert_int_eq(set(&f.socket, SOL_SOCKET, SO_BINDTODEVICE, "a name that is far too long", 27), ENODEV);
  ck_assert_int_eq(set(&f.socket, SOL_SOCKET, SO_BINDTODEVICE, "", 0), 0);
  length = sizeof(name);
  ck_assert_int_eq(get(&f.socket, SOL_SOCKET, SO_BINDTODEVICE, name, &length), 0);
  ck_assert_uint_eq(length, 0);
  tear_down(&f);
}
END_TEST

START_TEST(multicast_takes_each_of_its_forms) {
  fixture_t f;
  set_up(&f, AF_INET6);
  struct ip_mreqn with_index = {.imr_ifindex = 2};
  struct ip_mreq without = {.imr_interface.s_addr = htonl(0x0a00020f)};
  struct ipv6_mreq six = {.ipv6mr_interface = 2};
  ck_assert_int_eq(set(&f.socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &with_index, sizeof(with_index)), 0);
  ck_assert_int_eq(set(&f.socket, IPPROTO_IP, IP_DROP_MEMBERSHIP, &with_index, sizeof(with_index)), 0);
  ck_assert_int_eq(set(&f.socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &without, sizeof(without)), ENODEV);
  ck_assert_int_eq(set(&f.socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &without, sizeof(without) - 1), EINVAL);
  ck_assert_int_eq(set(&f.socket, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &six, sizeof(six)), 0);
  ck_assert_int_eq(set(&f.socket, IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP, &six, sizeof(six)), 0);
  ck_assert_int_eq(set(&f.socket, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &six, sizeof(six) - 1), EINVAL);
  struct in_addr address = {.s_addr = htonl(0x0a00020f)};
  ck_assert_int_eq(set(&f.socket, IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof(address)), 0);
  ck_assert_int_eq(set(&f.socket, IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof(address) - 1), EINVAL);
  struct in_addr got = {0};
  socklen_t length = sizeof(got);
  ck_assert_int_eq(get(&f.socket, IPPROTO_IP, IP_MULTICAST_IF, &got, &length), 0);
  ck_assert_uint_eq(got.s_addr, address.s_addr);
  ck_assert_int_eq(set(&f.socket, IPPROTO_IP, IP_MULTICAST_IF, &with_index, sizeof(with_index)), 0);
  ck_assert_int_eq(set(&f.socket, IPPROTO_IP, IP_MULTICAST_IF, &without, sizeof(without)), 0);
  tear_down(&f);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("zxio sockopt");
  TCase* tc = jx_test_case(suite, "sockopt");
  tcase_add_test(tc, numbers_are_read_back);
  tcase_add_test(tc, short_numbers_do_where_linux_takes_them);
  tcase_add_test(tc, null_values_are_faults);
  tcase_add_test(tc, numbers_out_of_range_are_refused);
  tcase_add_test(tc, unknown_options_and_levels_are_told_apart);
  tcase_add_test(tc, timestamps_exclude_each_other);
  tcase_add_test(tc, the_pending_error_is_told_once);
  tcase_add_test(tc, timeouts_stay_in_the_client);
  tcase_add_test(tc, buffers_get_twice_what_is_asked_for);
  tcase_add_test(tc, numbers_that_nothing_depends_on_are_remembered);
  tcase_add_test(tc, what_has_no_effect_here_is_remembered);
  tcase_add_test(tc, linger_is_a_pair);
  tcase_add_test(tc, devices_are_bound_to_by_name);
  tcase_add_test(tc, multicast_takes_each_of_its_forms);
  return jx_test_run(suite);
}
