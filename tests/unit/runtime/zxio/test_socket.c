// Datagram sockets of zxio against a server in this process.
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>

#include "zxio_fixture.h"

static int receive(zxio_socket_t* socket, struct msghdr* message, int flags, size_t* out_actual) {
  int16_t code = -1;
  zx_status_t status = zxio_socket_recvmsg(socket, message, flags, out_actual, &code);
  return zxio_code(status, &code);
}

START_TEST(a_socket_describes_itself) {
  fixture_t f;
  set_up(&f, AF_INET);
  static const struct {
    int name;
    int value;
  } rows[] = {{SO_TYPE, SOCK_DGRAM}, {SO_DOMAIN, AF_INET}, {SO_PROTOCOL, IPPROTO_UDP}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    int value = -1;
    socklen_t length = sizeof(value);
    int16_t code = -1;
    ck_assert_int_eq(zxio_socket_getsockopt(&f.socket, SOL_SOCKET, rows[i].name, &value, &length, &code),
                     ZX_OK);
    ck_assert_int_eq(code, 0);
    ck_assert_int_eq(value, rows[i].value);
  }
  ck_assert(fcntl(f.fd, F_GETFD) & FD_CLOEXEC);
  tear_down(&f);
}
END_TEST

START_TEST(types_and_protocols_that_are_not_ours_are_refused) {
  static const struct {
    int domain, type, protocol, code;
  } rows[] = {
      {AF_INET, SOCK_DGRAM, IPPROTO_TCP, EPROTONOSUPPORT},
      {AF_INET, SOCK_DGRAM, IPPROTO_ICMPV6, EPROTONOSUPPORT},
      {AF_INET6, SOCK_DGRAM, IPPROTO_ICMP, EPROTONOSUPPORT},
      {AF_INET, SOCK_STREAM, IPPROTO_UDP, EPROTONOSUPPORT},
      {AF_INET, SOCK_SEQPACKET, 0, EPROTONOSUPPORT},
      {AF_INET, SOCK_RAW, 0, EPROTONOSUPPORT},
      {AF_INET, SOCK_RAW, 256, EINVAL},
      {AF_INET, SOCK_RAW, -1, EINVAL},
      {AF_UNIX, SOCK_DGRAM, 0, EPROTONOSUPPORT},
      {AF_INET, SOCK_DGRAM, IPPROTO_ICMP, EPROTONOSUPPORT},
  };
  fixture_t f;
  set_up(&f, AF_INET);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    zxio_socket_t socket;
    int fd;
    int16_t code = -1;
    zx_status_t status =
        zxio_socket_create(f.provider, rows[i].domain, rows[i].type, rows[i].protocol, &socket, &fd, &code);
    ck_assert_int_eq(status, ZX_OK);
    ck_assert_msg(code == rows[i].code, "row %zu: %d", i, code);
  }
  tear_down(&f);
}
END_TEST

START_TEST(a_provider_that_is_gone_is_a_closed_peer) {
  zx_handle_t client;
  zx_handle_t server;
  zxio_socket_t socket;
  int fd;
  int16_t code;
  ck_assert_int_eq(zx_channel_create(0, &client, &server), ZX_OK);
  zx_handle_close(server);
  ck_assert_int_eq(zxio_socket_create(client, AF_INET, SOCK_DGRAM, 0, &socket, &fd, &code),
                   ZX_ERR_PEER_CLOSED);
  zx_handle_close(client);
}
END_TEST

START_TEST(names_are_told_and_cut) {
  fixture_t f;
  set_up(&f, AF_INET);
  struct sockaddr_in in = ipv4("10.0.2.15", 5353);
  int16_t code = -1;
  ck_assert_int_eq(zxio_socket_bind(&f.socket, (struct sockaddr*)&in, sizeof(in), &code), ZX_OK);
  ck_assert_int_eq(code, 0);
  struct sockaddr_storage got;
  memset(&got, 0xff, sizeof(got));
  socklen_t length = sizeof(got);
  ck_assert_int_eq(zxio_socket_getsockname(&f.socket, (struct sockaddr*)&got, &length, &code), ZX_OK);
  ck_assert_int_eq(code, 0);
  ck_assert_uint_eq(length, sizeof(in));
  ck_assert_mem_eq(&got, &in, sizeof(in));
  memset(&got, 0xff, sizeof(got));
  length = 4;
  ck_assert_int_eq(zxio_socket_getsockname(&f.socket, (struct sockaddr*)&got, &length, &code), ZX_OK);
  ck_assert_uint_eq(length, sizeof(in));
  ck_assert_mem_eq(&got, &in, 4);
  ck_assert_uint_eq(((uint8_t*)&got)[4], 0xff);
  zxio_socket_getpeername(&f.socket, (struct sockaddr*)&got, &length, &code);
  ck_assert_int_eq(code, ENOTCONN);
  zxio_socket_getsockname(&f.socket, (struct sockaddr*)&got, NULL, &code);
  ck_assert_int_eq(code, EFAULT);
  zxio_socket_bind(&f.socket, (struct sockaddr*)&in, sizeof(in), &code);
  ck_assert_int_eq(code, EINVAL);
  tear_down(&f);
}
END_TEST

START_TEST(bad_addresses_do_not_leave_the_process) {
  fixture_t f;
  set_up(&f, AF_INET);
  struct sockaddr_in6 in6 = ipv6("::1", 1);
  struct sockaddr_in in = ipv4("10.0.2.2", 7);
  struct sockaddr other = {.sa_family = AF_UNIX};
  const struct {
    void* addr;
    socklen_t length;
  } rows[] = {{NULL, sizeof(in)},     {&in, 0}, {&in, 1}, {&in, sizeof(in) - 1}, {&in6, sizeof(in6) - 1},
              {&other, sizeof(other)}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    int16_t code = -1;
    ck_assert_int_eq(zxio_socket_bind(&f.socket, rows[i].addr, rows[i].length, &code), ZX_OK);
    ck_assert_msg(code == EINVAL, "bind, row %zu: %d", i, code);
    ck_assert_int_eq(zxio_socket_connect(&f.socket, rows[i].addr, rows[i].length, &code), ZX_OK);
    ck_assert_msg(code == EINVAL, "connect, row %zu: %d", i, code);
    ck_assert_msg(send_text(&f.socket, "x", rows[i].addr, rows[i].length) == EINVAL, "send, row %zu", i);
  }
  ck_assert_uint_eq(fake_stack_messages(f.stack), 0);
  tear_down(&f);
}
END_TEST

START_TEST(a_datagram_comes_back_with_its_sender) {
  fixture_t f;
  set_up(&f, AF_INET6);
  struct sockaddr_in6 echo = ipv6("fe80::7", FAKE_PORT_ECHO);
  echo.sin6_scope_id = 2;
  ck_assert_int_eq(send_text(&f.socket, "jacinth", &echo, sizeof(echo)), 0);
  struct sockaddr_storage from;
  char first[3];
  char second[16];
  struct iovec iov[3] = {{first, sizeof(first)}, {NULL, 0}, {second, sizeof(second)}};
  struct msghdr message = {
      .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = iov, .msg_iovlen = 3, .msg_flags = 0x7fff};
  size_t actual = 0;
  ck_assert_int_eq(receive(&f.socket, &message, 0, &actual), 0);
  ck_assert_uint_eq(actual, 7);
  ck_assert_int_eq(message.msg_flags, 0);
  ck_assert_mem_eq(first, "jac", 3);
  ck_assert_mem_eq(second, "inth", 4);
  ck_assert_uint_eq(message.msg_namelen, sizeof(echo));
  ck_assert_mem_eq(&from, &echo, sizeof(echo));
  ck_assert_int_eq(receive(&f.socket, &message, 0, &actual), EAGAIN);
  tear_down(&f);
}
END_TEST

START_TEST(peek_leaves_and_trunc_tells) {
  fixture_t f;
  set_up(&f, AF_INET);
  struct sockaddr_in echo = ipv4("10.0.2.2", FAKE_PORT_ECHO);
  ck_assert_int_eq(send_text(&f.socket, "0123456789", &echo, sizeof(echo)), 0);
  ck_assert_int_eq(send_text(&f.socket, "", &echo, sizeof(echo)), 0);
  char data[4];
  struct iovec iov = {data, sizeof(data)};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
  size_t actual = 0;
  int bytes = -1;
  int16_t code = -1;
  ck_assert_int_eq(zxio_socket_readable_bytes(&f.socket, &bytes, &code), ZX_OK);
  ck_assert_int_eq(code, 0);
  ck_assert_int_eq(bytes, 10);
  ck_assert_int_eq(receive(&f.socket, &message, MSG_PEEK, &actual), 0);
  ck_assert_uint_eq(actual, 4);
  ck_assert_int_eq(message.msg_flags, MSG_TRUNC);
  ck_assert_int_eq(receive(&f.socket, &message, MSG_TRUNC, &actual), 0);
  ck_assert_uint_eq(actual, 10);
  ck_assert_int_eq(message.msg_flags, MSG_TRUNC);
  ck_assert_int_eq(receive(&f.socket, &message, 0, &actual), 0);
  ck_assert_uint_eq(actual, 0);
  ck_assert_int_eq(message.msg_flags, 0);
  ck_assert_int_eq(zxio_socket_readable_bytes(&f.socket, &bytes, &code), ZX_OK);
  ck_assert_int_eq(bytes, 0);
  tear_down(&f);
}
END_TEST

START_TEST(the_largest_datagrams_pass_and_larger_ones_are_refused) {
  static const size_t sizes[] = {1, 2048, 4000, 4096, 9000, 65000, 65400};
  fixture_t f;
  set_up(&f, AF_INET);
  struct sockaddr_in echo = ipv4("10.0.2.2", FAKE_PORT_ECHO);
  uint8_t* sent = malloc(70000);
  uint8_t* got = malloc(70000);
  for (size_t i = 0; i < 70000; i++)
    sent[i] = (uint8_t)(i * 31 >> 3);
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    struct iovec iov[2] = {{sent, sizes[i] / 3}, {sent + sizes[i] / 3, sizes[i] - sizes[i] / 3}};
    struct msghdr message = {.msg_name = &echo, .msg_namelen = sizeof(echo), .msg_iov = iov, .msg_iovlen = 2};
    size_t actual = 0;
    int16_t code = -1;
    ck_assert_int_eq(zxio_code(zxio_socket_sendmsg(&f.socket, &message, 0, &actual, &code), &code), 0);
    ck_assert_uint_eq(actual, sizes[i]);
    struct iovec into = {got, 70000};
    struct msghdr reply = {.msg_iov = &into, .msg_iovlen = 1};
    ck_assert_int_eq(receive(&f.socket, &reply, 0, &actual), 0);
    ck_assert_uint_eq(actual, sizes[i]);
    ck_assert(memcmp(sent, got, sizes[i]) == 0);
  }
  for (size_t size = 65536; size <= 70000; size += 4464) {
    struct iovec iov = {sent, size};
    struct msghdr message = {
        .msg_name = &echo, .msg_namelen = sizeof(echo), .msg_iov = &iov, .msg_iovlen = 1};
    size_t actual = 0;
    int16_t code = -1;
    ck_assert_int_eq(zxio_code(zxio_socket_sendmsg(&f.socket, &message, 0, &actual, &code), &code), EMSGSIZE);
  }
  free(sent);
  free(got);
  tear_down(&f);
}
END_TEST

START_TEST(buffers_are_checked_before_anything_is_asked) {
  fixture_t f;
  set_up(&f, AF_INET);
  char byte;
  struct iovec many[2000];
  for (size_t i = 0; i < 2000; i++)
    many[i] = (struct iovec){&byte, 0};
  struct iovec null = {NULL, 1};
  struct iovec huge[2] = {{&byte, SIZE_MAX / 2}, {&byte, SIZE_MAX / 2}};
  const struct {
    struct iovec* iov;
    size_t count;
    int code;
  } rows[] = {{many, 2000, EMSGSIZE}, {NULL, 1, EFAULT}, {&null, 1, EFAULT}, {huge, 2, EINVAL}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct msghdr message = {.msg_iov = rows[i].iov, .msg_iovlen = rows[i].count};
    size_t actual = 0;
    int16_t code = -1;
    ck_assert_msg(receive(&f.socket, &message, 0, &actual) == rows[i].code, "receive, row %zu", i);
    zxio_socket_sendmsg(&f.socket, &message, 0, &actual, &code);
    ck_assert_msg(code == rows[i].code, "send, row %zu", i);
  }
  ck_assert_uint_eq(fake_stack_messages(f.stack), 0);
  tear_down(&f);
}
END_TEST

START_TEST(waiting_sees_what_arrives_and_what_goes_wrong) {
  fixture_t f;
  set_up(&f, AF_INET);
  zxio_events_t events = 0;
  ck_assert_int_eq(zxio_socket_wait(&f.socket, POLLIN, 0, -1, &events), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zxio_socket_wait(&f.socket, POLLOUT, ZX_TIME_INFINITE, -1, &events), ZX_OK);
  ck_assert_uint_eq(events & (POLLIN | POLLOUT), POLLOUT);
  struct sockaddr_in echo = ipv4("10.0.2.2", FAKE_PORT_ECHO);
  ck_assert_int_eq(send_text(&f.socket, "x", &echo, sizeof(echo)), 0);
  ck_assert_int_eq(zxio_socket_wait(&f.socket, POLLIN, ZX_TIME_INFINITE, -1, &events), ZX_OK);
  ck_assert(events & POLLIN);
  struct pollfd pollfd = {.fd = f.fd, .events = POLLIN};
  ck_assert_int_eq(poll(&pollfd, 1, -1), 1);
  struct sockaddr_in nobody = ipv4("10.0.2.2", 1);
  int16_t code = -1;
  zxio_socket_connect(&f.socket, (struct sockaddr*)&nobody, sizeof(nobody), &code);
  ck_assert_int_eq(code, 0);
  ck_assert_int_eq(send_text(&f.socket, "x", NULL, 0), 0);
  ck_assert_int_eq(zxio_socket_wait(&f.socket, 0, ZX_TIME_INFINITE, -1, &events), ZX_OK);
  ck_assert(events & POLLERR);
  ck_assert_int_eq(send_text(&f.socket, "x", NULL, 0), ECONNREFUSED);
  zxio_socket_shutdown(&f.socket, SHUT_RD, &code);
  ck_assert_int_eq(code, 0);
  ck_assert_int_eq(zxio_socket_wait(&f.socket, POLLRDHUP, ZX_TIME_INFINITE, -1, &events), ZX_OK);
  ck_assert(events & POLLRDHUP);
  tear_down(&f);
}
END_TEST

START_TEST(a_descriptor_ends_a_wait) {
  fixture_t f;
  set_up(&f, AF_INET);
  int ends[2];
  zxio_events_t events = 0;
  ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
  ck_assert_int_eq(write(ends[1], "x", 1), 1);
  ck_assert_int_eq(zxio_socket_wait(&f.socket, POLLIN, ZX_TIME_INFINITE, ends[0], &events),
                   ZX_ERR_INTERNAL_INTR_RETRY);
  close(ends[0]);
  close(ends[1]);
  tear_down(&f);
}
END_TEST

START_TEST(shutdown_checks_its_argument_and_connect_can_be_undone) {
  fixture_t f;
  set_up(&f, AF_INET);
  struct sockaddr_in echo = ipv4("10.0.2.2", FAKE_PORT_ECHO);
  int16_t code = -1;
  zxio_socket_shutdown(&f.socket, 3, &code);
  ck_assert_int_eq(code, EINVAL);
  zxio_socket_shutdown(&f.socket, -1, &code);
  ck_assert_int_eq(code, EINVAL);
  zxio_socket_shutdown(&f.socket, SHUT_WR, &code);
  ck_assert_int_eq(code, ENOTCONN);
  ck_assert_int_eq(send_text(&f.socket, "x", NULL, 0), EDESTADDRREQ);
  zxio_socket_connect(&f.socket, (struct sockaddr*)&echo, sizeof(echo), &code);
  ck_assert_int_eq(code, 0);
  ck_assert_int_eq(send_text(&f.socket, "x", NULL, 0), 0);
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  zxio_socket_connect(&f.socket, &none, sizeof(none), &code);
  ck_assert_int_eq(code, 0);
  ck_assert_int_eq(send_text(&f.socket, "x", NULL, 0), EDESTADDRREQ);
  zxio_socket_listen(&f.socket, 1, &code);
  ck_assert_int_eq(code, EOPNOTSUPP);
  tear_down(&f);
}
END_TEST

START_TEST(a_clone_is_the_same_socket_until_both_are_closed) {
  fixture_t f;
  set_up(&f, AF_INET);
  zx_handle_t client;
  zx_handle_t server;
  zxio_socket_t clone;
  struct sockaddr_in in = ipv4("0.0.0.0", 5000);
  int16_t code = -1;
  ck_assert_int_eq(zx_channel_create(0, &client, &server), ZX_OK);
  ck_assert_int_eq(zxio_socket_clone(&f.socket, server), ZX_OK);
  zxio_socket_from_clone(&f.socket, client, &clone);
  ck_assert_int_eq(zxio_code(zxio_socket_bind(&clone, (struct sockaddr*)&in, sizeof(in), &code), &code), 0);
  struct sockaddr_in echo = ipv4("10.0.2.2", FAKE_PORT_ECHO);
  ck_assert_int_eq(send_text(&f.socket, "x", &echo, sizeof(echo)), 0);
  zxio_events_t events = 0;
  ck_assert_int_eq(zxio_socket_wait(&clone, POLLIN, ZX_TIME_INFINITE, -1, &events), ZX_OK);
  zxio_socket_close(&f.socket);
  ck_assert_uint_eq(fake_stack_sockets(f.stack), 1);
  ck_assert_int_eq(send_text(&clone, "x", &echo, sizeof(echo)), 0);
  ck_assert_int_eq(send_text(&f.socket, "x", &echo, sizeof(echo)), EBADF);
  zxio_socket_close(&clone);
  tear_down(&f);
}
END_TEST

START_TEST(interfaces_are_told_about) {
  fixture_t f;
  set_up(&f, AF_INET);
  char name[IFNAMSIZ];
  uint64_t index = 0;
  uint16_t flags = 0;
  int16_t code = -1;
  ck_assert_int_eq(zxio_code(zxio_interface_name(f.provider, 2, name, &code), &code), 0);
  ck_assert_str_eq(name, "eth0");
  ck_assert_int_eq(zxio_code(zxio_interface_name(f.provider, 3, name, &code), &code), ENODEV);
  ck_assert_int_eq(zxio_code(zxio_interface_index(f.provider, "eth0", &index, &code), &code), 0);
  ck_assert_uint_eq(index, 2);
  ck_assert_int_eq(zxio_code(zxio_interface_index(f.provider, "eth9", &index, &code), &code), ENODEV);
  ck_assert_int_eq(zxio_code(zxio_interface_index(f.provider, "\xff", &index, &code), &code), ENODEV);
  ck_assert_int_eq(zxio_code(zxio_interface_flags(f.provider, "lo", &flags, &code), &code), 0);
  ck_assert_uint_eq(flags, IFF_UP | IFF_LOOPBACK);
  struct sockaddr_in in;
  unsigned prefix_length = 0;
  ck_assert_int_eq(
      zxio_code(zxio_interface_address(f.provider, "eth0", (struct sockaddr*)&in, &prefix_length, &code),
                &code),
      0);
  ck_assert_uint_eq(prefix_length, 24);
  ck_assert_uint_eq(ntohl(in.sin_addr.s_addr), 0x0a00020f);
  struct ifconf list = {.ifc_len = 0, .ifc_req = NULL};
  ck_assert_int_eq(zxio_code(zxio_interface_list(f.provider, &list, &code), &code), 0);
  ck_assert_int_eq(list.ifc_len, 2 * sizeof(struct ifreq));
  struct ifreq entries[2];
  list = (struct ifconf){.ifc_len = sizeof(entries[0]), .ifc_req = entries};
  ck_assert_int_eq(zxio_code(zxio_interface_list(f.provider, &list, &code), &code), 0);
  ck_assert_int_eq(list.ifc_len, sizeof(struct ifreq));
  ck_assert_str_eq(entries[0].ifr_name, "lo");
  tear_down(&f);
}
END_TEST

START_TEST(statuses_are_errno_numbers) {
  static const struct {
    zx_status_t status;
    int number;
  } rows[] = {
      {ZX_OK, 0},
      {ZX_ERR_NOT_FOUND, ENOENT},
      {ZX_ERR_NO_MEMORY, ENOMEM},
      {ZX_ERR_NO_RESOURCES, ENOMEM},
      {ZX_ERR_INVALID_ARGS, EINVAL},
      {ZX_ERR_BUFFER_TOO_SMALL, EINVAL},
      {ZX_ERR_OUT_OF_RANGE, EINVAL},
      {ZX_ERR_TIMED_OUT, ETIMEDOUT},
      {ZX_ERR_UNAVAILABLE, EBUSY},
      {ZX_ERR_ALREADY_EXISTS, EEXIST},
      {ZX_ERR_PEER_CLOSED, EPIPE},
      {ZX_ERR_BAD_STATE, EPIPE},
      {ZX_ERR_NOT_SUPPORTED, ENOTSUP},
      {ZX_ERR_BAD_HANDLE, EBADF},
      {ZX_ERR_CANCELED, EBADF},
      {ZX_ERR_ACCESS_DENIED, EACCES},
      {ZX_ERR_SHOULD_WAIT, EAGAIN},
      {ZX_ERR_PROTOCOL_NOT_SUPPORTED, EPROTONOSUPPORT},
      {ZX_ERR_ADDRESS_UNREACHABLE, ENETUNREACH},
      {ZX_ERR_ADDRESS_IN_USE, EADDRINUSE},
      {ZX_ERR_NOT_CONNECTED, ENOTCONN},
      {ZX_ERR_CONNECTION_REFUSED, ECONNREFUSED},
      {ZX_ERR_CONNECTION_RESET, ECONNRESET},
      {ZX_ERR_CONNECTION_ABORTED, ECONNABORTED},
      {ZX_ERR_IO_REFUSED, ECONNREFUSED},
      {ZX_ERR_INTERNAL, EIO},
      {-9999, EIO},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    ck_assert_msg(zxio_errno(rows[i].status) == rows[i].number, "status %d", rows[i].status);
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("zxio socket");
  TCase* tc = jx_test_case(suite, "socket");
  tcase_add_test(tc, a_socket_describes_itself);
  tcase_add_test(tc, types_and_protocols_that_are_not_ours_are_refused);
  tcase_add_test(tc, a_provider_that_is_gone_is_a_closed_peer);
  tcase_add_test(tc, names_are_told_and_cut);
  tcase_add_test(tc, bad_addresses_do_not_leave_the_process);
  tcase_add_test(tc, a_datagram_comes_back_with_its_sender);
  tcase_add_test(tc, peek_leaves_and_trunc_tells);
  tcase_add_test(tc, the_largest_datagrams_pass_and_larger_ones_are_refused);
  tcase_add_test(tc, buffers_are_checked_before_anything_is_asked);
  tcase_add_test(tc, waiting_sees_what_arrives_and_what_goes_wrong);
  tcase_add_test(tc, a_descriptor_ends_a_wait);
  tcase_add_test(tc, shutdown_checks_its_argument_and_connect_can_be_undone);
  tcase_add_test(tc, a_clone_is_the_same_socket_until_both_are_closed);
  tcase_add_test(tc, interfaces_are_told_about);
  tcase_add_test(tc, statuses_are_errno_numbers);
  return jx_test_run(suite);
}
