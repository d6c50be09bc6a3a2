#include <jx_test.h>
#include <stdio.h>
#include <string.h>

#include "options.h"

static bool parse(const char* argument, driver_options_t* out, char* error) {
  char* argv[] = {(char*)"ethernet", (char*)(uintptr_t)argument, NULL};
  *out = (driver_options_t){.mtu = 1500, .host_loopback = true, .device = "jacinth0"};
  return driver_options_parse(2, argv, out, error);
}

START_TEST(each_option_is_understood) {
  driver_options_t options;
  char error[DRIVER_OPTIONS_ERROR_MAX];
  ck_assert(parse("--mtu=9000", &options, error));
  ck_assert_uint_eq(options.mtu, 9000);
  ck_assert(parse("--device=tap-3", &options, error));
  ck_assert_str_eq(options.device, "tap-3");
  ck_assert(parse("--no-host-loopback", &options, error));
  ck_assert(!options.host_loopback);
  ck_assert(parse("--publish=8080:80", &options, error));
  ck_assert_uint_eq(options.publication_count, 1);
  ck_assert_uint_eq(options.publications[0].port, 80);
  ck_assert(parse("--mac=02:aB:00:00:00:1", &options, error));
  ck_assert(options.mac_given);
  ck_assert_mem_eq(options.mac, "\x02\xab\0\0\0\x01", 6);
}
END_TEST

static const char* const bad[] = {
    "--mtu=",
    "--mtu=1",
    "--mtu=-1500",
    "--mtu=70000",
    "--mtu=1500x",
    "--mtu=99999999999999999999",
    "--mtu",
    "--mac=01:00:00:00:00:01",
    "--mac=00:00:00:00:00:00",
    "--mac=02:00:00:00:00",
    "--mac=02:00:00:00:00:01:",
    "--mac=02:00:00:00:00:0g",
    "--device=",
    "--device=a-name-too-long-for-a-device",
    "--no-host-loopback=1",
    "--publish=",
    "--publish=80",
    "nonsense",
    "a very long argument, of which the message shows only the beginning, so that it fits in any case",
};

START_TEST(bad_argument_is_refused_with_its_text) {
  driver_options_t options;
  char error[DRIVER_OPTIONS_ERROR_MAX] = "";
  ck_assert_msg(!parse(bad[_i], &options, error), "%s was accepted", bad[_i]);
  char start[17];
  snprintf(start, sizeof(start), "%s", bad[_i]);
  ck_assert_ptr_nonnull(strstr(error, start));
}
END_TEST

int main(void) {
  Suite* suite = suite_create("options");
  TCase* tc = jx_test_case(suite, "options");
  tcase_add_test(tc, each_option_is_understood);
  tcase_add_loop_test(tc, bad_argument_is_refused_with_its_text, 0, (int)(sizeof(bad) / sizeof(bad[0])));
  return jx_test_run(suite);
}
