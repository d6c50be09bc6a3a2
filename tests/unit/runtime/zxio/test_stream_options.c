// Options of streams in zxio, over a netstack that has nothing but its loopback interface.
#include <errno.h>
#include <jx_test.h>
#include <lib/async-loop/loop.h>
#include <lib/zxio/zxio.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <zircon/syscalls.h>

#include "netstack.h"
#include "sockopt_calls.h"

typedef struct fixture {
  async_loop_t* loop;
  pthread_t thread;
  netstack_t* netstack;
  zx_handle_t provider;
  zxio_socket_t socket;
  int fd;
} fixture_t;

static void* serve(void* loop) {
  (void)async_loop_run(loop, ZX_TIME_INFINITE, false);
  return NULL;
}

static void set_up(fixture_t* f) {
  static const netstack_config_t config = {.interface_name = "eth0"};
  static const netstack_host_t host = {0};
  zx_handle_t server_end;
  int16_t code = -1;
  ck_assert_int_eq(async_loop_create(NULL, &f->loop), ZX_OK);
  ck_assert_int_eq(netstack_create(async_loop_get_dispatcher(f->loop), &config, &host, &f->netstack), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &f->provider, &server_end), ZX_OK);
  netstack_serve_provider(f->netstack, server_end);
  ck_assert_int_eq(pthread_create(&f->thread, NULL, serve, f->loop), 0);
  ck_assert_int_eq(zxio_socket_create(f->provider, AF_INET, SOCK_STREAM, 0, &f->socket, &f->fd, &code),
                   ZX_OK);
  ck_assert_int_eq(code, 0);
}

static void tear_down(fixture_t* f) {
  close(f->fd);
  zxio_socket_close(&f->socket);
  zx_handle_close(f->provider);
  async_loop_quit(f->loop);
  ck_assert_int_eq(pthread_join(f->thread, NULL), 0);
  async_loop_shutdown(f->loop);
  netstack_destroy(f->netstack);
  async_loop_destroy(f->loop);
}

static const struct {
  int name, set, read;
} numbers[] = {
    {TCP_NODELAY, 5, 1},        {TCP_CORK, 1, 1},
    {TCP_KEEPIDLE, 77, 77},     {TCP_KEEPINTVL, 7, 7},
    {TCP_KEEPCNT, 3, 3},        {TCP_SYNCNT, 4, 4},
    {TCP_LINGER2, 30, 30},      {TCP_QUICKACK, 0, 0},
    {TCP_MAXSEG, 1000, 1000},   {TCP_WINDOW_CLAMP, 70000, 70000},
    {TCP_USER_TIMEOUT, 12, 12},
};

START_TEST(numbers_are_read_back) {
  fixture_t f;
  set_up(&f);
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    int value = INT_MIN;
    socklen_t length = sizeof(value);
    int code = set(&f.socket, IPPROTO_TCP, numbers[i].name, &numbers[i].set, sizeof(int));
    ck_assert_msg(code == 0, "row %zu: %d", i, code);
    ck_assert_msg(get(&f.socket, IPPROTO_TCP, numbers[i].name, &value, &length) == 0, "row %zu", i);
    ck_assert_msg(value == numbers[i].read && length == sizeof(value), "row %zu: %d", i, value);
  }
  tear_down(&f);
}
END_TEST

static const struct {
  int name, set, error;
} refused[] = {
    {TCP_KEEPIDLE, 0, EINVAL},  {TCP_KEEPINTVL, 0, EINVAL}, {TCP_KEEPCNT, 0, EINVAL},
    {TCP_KEEPCNT, 128, EINVAL}, {TCP_SYNCNT, 0, EINVAL},    {TCP_MAXSEG, 1, EINVAL},
    {TCP_ULP, 1, ENOPROTOOPT},
};

START_TEST(numbers_out_of_range_and_short_values_are_refused) {
  fixture_t f;
  set_up(&f);
  for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
    int code = set(&f.socket, IPPROTO_TCP, refused[i].name, &refused[i].set, sizeof(int));
    ck_assert_msg(code == refused[i].error, "row %zu: %d", i, code);
  }
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    int code = set(&f.socket, IPPROTO_TCP, numbers[i].name, &numbers[i].set, sizeof(int) - 1);
    ck_assert_msg(code == EINVAL, "row %zu: %d", i, code);
  }
  tear_down(&f);
}
END_TEST

START_TEST(a_congestion_control_is_named) {
  fixture_t f;
  char name[16] = "";
  socklen_t length = sizeof(name);
  set_up(&f);
  ck_assert_int_eq(get(&f.socket, IPPROTO_TCP, TCP_CONGESTION, name, &length), 0);
  ck_assert_str_eq(name, "cubic");
  ck_assert_int_eq(set(&f.socket, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
  length = sizeof(name);
  ck_assert_int_eq(get(&f.socket, IPPROTO_TCP, TCP_CONGESTION, name, &length), 0);
  ck_assert_str_eq(name, "reno");
  ck_assert_int_eq(set(&f.socket, IPPROTO_TCP, TCP_CONGESTION, "nonesuch", 8), ENOENT);
  tear_down(&f);
}
END_TEST

START_TEST(tcp_info_is_as_long_as_asked_for) {
  fixture_t f;
  struct tcp_info info;
  uint8_t state;
  set_up(&f);
  memset(&info, 0xa5, sizeof(info));
  socklen_t length = sizeof(info);
  ck_assert_int_eq(get(&f.socket, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
  ck_assert_uint_eq(length, sizeof(info));
  ck_assert_uint_eq(info.tcpi_state, TCP_CLOSE);
  ck_assert_uint_eq(info.tcpi_total_retrans, 0);  // which the server does not tell
  length = sizeof(state);
  ck_assert_int_eq(get(&f.socket, IPPROTO_TCP, TCP_INFO, &state, &length), 0);
  ck_assert_uint_eq(length, sizeof(state));
  ck_assert_uint_eq(state, TCP_CLOSE);
  tear_down(&f);
}
END_TEST

START_TEST(a_stream_knows_what_it_is_and_how_long_it_lingers) {
  fixture_t f;
  int value = 0;
  socklen_t length = sizeof(value);
  struct linger linger = {.l_onoff = 1, .l_linger = 7};
  set_up(&f);
  ck_assert_int_eq(get(&f.socket, SOL_SOCKET, SO_TYPE, &value, &length), 0);
  ck_assert_int_eq(value, SOCK_STREAM);
  ck_assert_int_eq(get(&f.socket, SOL_SOCKET, SO_PROTOCOL, &value, &length), 0);
  ck_assert_int_eq(value, IPPROTO_TCP);
  ck_assert_int_eq(set(&f.socket, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
  ck_assert_uint_eq(f.socket.linger_secs, 7);
  linger.l_onoff = 0;
  ck_assert_int_eq(set(&f.socket, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
  ck_assert_uint_eq(f.socket.linger_secs, 0);
  tear_down(&f);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("zxio stream options");
  TCase* tc = jx_test_case(suite, "stream options");
  tcase_add_test(tc, numbers_are_read_back);
  tcase_add_test(tc, numbers_out_of_range_and_short_values_are_refused);
  tcase_add_test(tc, a_congestion_control_is_named);
  tcase_add_test(tc, tcp_info_is_as_long_as_asked_for);
  tcase_add_test(tc, a_stream_knows_what_it_is_and_how_long_it_lingers);
  return jx_test_run(suite);
}
