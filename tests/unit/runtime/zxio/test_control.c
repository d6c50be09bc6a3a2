// Control messages of zxio, both ways, through the fake stack: what is sent with a datagram to its echo port
// decides what the datagram comes back with.
#include <poll.h>
#include <sys/time.h>
#include <time.h>

#include <linux/errqueue.h>

#include "zxio_fixture.h"

typedef struct control {
  _Alignas(struct cmsghdr) char bytes[512];
  size_t length;
} control_t;

static void append(control_t* control, int level, int type, const void* data, size_t size) {
  struct cmsghdr* header = (struct cmsghdr*)(void*)(control->bytes + control->length);
  memset(header, 0, CMSG_SPACE(size));
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(header), data, size);
  control->length += CMSG_SPACE(size);
}

static void append_int(control_t* control, int level, int type, int value) {
  append(control, level, type, &value, sizeof(value));
}

static int send_with(fixture_t* f, void* control, size_t length) {
  struct sockaddr_in6 echo = ipv6("fe80::7", FAKE_PORT_ECHO);
  char byte = 'x';
  struct iovec iov = {&byte, 1};
  struct msghdr message = {.msg_name = &echo,
                           .msg_namelen = sizeof(echo),
                           .msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = length};
  size_t actual = 0;
  int16_t code = -1;
  zx_status_t status = zxio_socket_sendmsg(&f->socket, &message, 0, &actual, &code);
  return zxio_code(status, &code);
}

// Receives with room for `length` bytes of control data, of which it has to be cut or not; the result's
// length is what was filled.
static control_t receive_with_room(fixture_t* f, size_t length, bool cut) {
  control_t control;
  char byte;
  struct iovec iov = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = length};
  size_t actual = 0;
  int16_t code = -1;
  memset(control.bytes, 0xee, sizeof(control.bytes));
  ck_assert_int_eq(zxio_socket_recvmsg(&f->socket, &message, 0, &actual, &code), ZX_OK);
  ck_assert_int_eq(code, 0);
  ck_assert_int_eq(message.msg_flags, cut ? MSG_CTRUNC : 0);
  control.length = message.msg_controllen;
  for (size_t i = control.length; i < sizeof(control.bytes); i++)
    ck_assert_uint_eq((uint8_t)control.bytes[i], 0xee);
  return control;
}

static control_t receive_with(fixture_t* f, size_t length) {
  return receive_with_room(f, length, false);
}

static const struct cmsghdr* find(control_t* control, int level, int type) {
  struct msghdr message = {.msg_control = control->bytes, .msg_controllen = control->length};
  for (struct cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == level && header->cmsg_type == type) return header;
  }
  return NULL;
}

static int int_of(const struct cmsghdr* header) {
  int value;
  ck_assert_ptr_nonnull(header);
  ck_assert_uint_eq(header->cmsg_len, CMSG_LEN(sizeof(value)));
  memcpy(&value, CMSG_DATA(header), sizeof(value));
  return value;
}

static void turn_on(fixture_t* f, int level, int name) {
  int on = 1;
  int16_t code = -1;
  ck_assert_int_eq(zxio_socket_setsockopt(&f->socket, level, name, &on, sizeof(on), &code), ZX_OK);
  ck_assert_int_eq(code, 0);
}

START_TEST(nothing_asked_for_is_nothing_received) {
  fixture_t f;
  set_up(&f, AF_INET6);
  ck_assert_int_eq(send_with(&f, NULL, 0), 0);
  control_t control = receive_with(&f, 512);
  ck_assert_uint_eq(control.length, 0);
  tear_down(&f);
}
END_TEST

START_TEST(every_kind_is_received_in_its_form) {
  fixture_t f;
  set_up(&f, AF_INET6);
  turn_on(&f, SOL_SOCKET, SO_TIMESTAMPNS);
  turn_on(&f, IPPROTO_IP, IP_RECVTOS);
  turn_on(&f, IPPROTO_IP, IP_RECVTTL);
  turn_on(&f, IPPROTO_IP, IP_PKTINFO);
  turn_on(&f, IPPROTO_IPV6, IPV6_RECVTCLASS);
  turn_on(&f, IPPROTO_IPV6, IPV6_RECVHOPLIMIT);
  turn_on(&f, IPPROTO_IPV6, IPV6_RECVPKTINFO);
  ck_assert_int_eq(send_with(&f, NULL, 0), 0);
  control_t control = receive_with(&f, 512);
  const struct cmsghdr* tos = find(&control, IPPROTO_IP, IP_TOS);
  ck_assert_ptr_nonnull(tos);
  ck_assert_uint_eq(tos->cmsg_len, CMSG_LEN(1));
  ck_assert_uint_eq(*CMSG_DATA(tos), 0x2e);
  ck_assert_int_eq(int_of(find(&control, IPPROTO_IP, IP_TTL)), 64);
  ck_assert_int_eq(int_of(find(&control, IPPROTO_IPV6, IPV6_TCLASS)), 0x3d);
  ck_assert_int_eq(int_of(find(&control, IPPROTO_IPV6, IPV6_HOPLIMIT)), 64);
  const struct cmsghdr* ip_info = find(&control, IPPROTO_IP, IP_PKTINFO);
  ck_assert_ptr_nonnull(ip_info);
  ck_assert_uint_eq(ip_info->cmsg_len, CMSG_LEN(sizeof(struct in_pktinfo)));
  const struct cmsghdr* info = find(&control, IPPROTO_IPV6, IPV6_PKTINFO);
  ck_assert_ptr_nonnull(info);
  struct in6_pktinfo pktinfo;
  ck_assert_uint_eq(info->cmsg_len, CMSG_LEN(sizeof(pktinfo)));
  memcpy(&pktinfo, CMSG_DATA(info), sizeof(pktinfo));
  ck_assert_mem_eq(&pktinfo.ipi6_addr, &in6addr_loopback, sizeof(in6addr_loopback));
  struct timespec spec;
  const struct cmsghdr* time = find(&control, SOL_SOCKET, SO_TIMESTAMPNS);
  ck_assert_ptr_nonnull(time);
  memcpy(&spec, CMSG_DATA(time), sizeof(spec));
  ck_assert_int_eq(spec.tv_sec, 1500000000);
  ck_assert_int_eq(spec.tv_nsec, 123456789);
  tear_down(&f);
}
END_TEST

START_TEST(microseconds_when_microseconds_are_asked_for) {
  fixture_t f;
  set_up(&f, AF_INET6);
  turn_on(&f, SOL_SOCKET, SO_TIMESTAMPNS);
  turn_on(&f, SOL_SOCKET, SO_TIMESTAMP);
  ck_assert_int_eq(send_with(&f, NULL, 0), 0);
  control_t control = receive_with(&f, 512);
  ck_assert_ptr_null(find(&control, SOL_SOCKET, SO_TIMESTAMPNS));
  const struct cmsghdr* time = find(&control, SOL_SOCKET, SO_TIMESTAMP);
  ck_assert_ptr_nonnull(time);
  struct timeval val;
  ck_assert_uint_eq(time->cmsg_len, CMSG_LEN(sizeof(val)));
  memcpy(&val, CMSG_DATA(time), sizeof(val));
  ck_assert_int_eq(val.tv_sec, 1500000000);
  ck_assert_int_eq(val.tv_usec, 123456);
  tear_down(&f);
}
END_TEST

START_TEST(what_does_not_fit_is_cut_and_that_is_told) {
  fixture_t f;
  set_up(&f, AF_INET6);
  turn_on(&f, IPPROTO_IP, IP_RECVTTL);
  turn_on(&f, IPPROTO_IPV6, IPV6_RECVPKTINFO);
  turn_on(&f, IPPROTO_IPV6, IPV6_RECVHOPLIMIT);
  static const struct {
    size_t room;
    size_t filled;
  } rows[] = {
      {1, 0},
      {CMSG_LEN(0) - 1, 0},
      {CMSG_LEN(0), CMSG_LEN(0)},
      {CMSG_LEN(20) - 1, CMSG_LEN(20) - 1},
      {CMSG_LEN(20), CMSG_LEN(20)},  // the last one needs no padding
      {CMSG_SPACE(20), CMSG_SPACE(20)},
      {CMSG_SPACE(20) + CMSG_SPACE(4), CMSG_SPACE(20) + CMSG_SPACE(4)},
      {CMSG_SPACE(20) + CMSG_SPACE(4) + CMSG_LEN(4) - 1, CMSG_SPACE(20) + CMSG_SPACE(4) + CMSG_LEN(4) - 1},
      {CMSG_SPACE(20) + CMSG_SPACE(4) + CMSG_LEN(4), CMSG_SPACE(20) + CMSG_SPACE(4) + CMSG_LEN(4)},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    ck_assert_int_eq(send_with(&f, NULL, 0), 0);
    bool whole = i == sizeof(rows) / sizeof(rows[0]) - 1;
    control_t control = receive_with_room(&f, rows[i].room, !whole);
    ck_assert_msg(control.length == rows[i].filled, "row %zu: %zu", i, control.length);
  }
  tear_down(&f);
}
END_TEST

START_TEST(what_is_known_is_sent) {
  fixture_t f;
  set_up(&f, AF_INET6);
  turn_on(&f, IPPROTO_IP, IP_RECVTTL);
  turn_on(&f, IPPROTO_IP, IP_RECVTOS);
  turn_on(&f, IPPROTO_IP, IP_PKTINFO);
  turn_on(&f, IPPROTO_IPV6, IPV6_RECVPKTINFO);
  turn_on(&f, IPPROTO_IPV6, IPV6_RECVTCLASS);
  control_t sent = {.length = 0};
  struct in6_pktinfo info = {.ipi6_ifindex = 2};
  struct in_pktinfo ip_info = {.ipi_ifindex = 3, .ipi_spec_dst = {htonl(0x0a000207)}};
  append_int(&sent, IPPROTO_IP, IP_TTL, 17);
  append_int(&sent, IPPROTO_IP, IP_TOS, 0x28);
  append_int(&sent, IPPROTO_IPV6, IPV6_TCLASS, 0x2a);
  append_int(&sent, SOL_SOCKET, SCM_RIGHTS, 0);  // nothing to a network
  append(&sent, IPPROTO_IP, IP_PKTINFO, &ip_info, sizeof(ip_info));
  append(&sent, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
  ck_assert_int_eq(send_with(&f, sent.bytes, sent.length), 0);
  control_t got = receive_with(&f, 512);
  ck_assert_int_eq(int_of(find(&got, IPPROTO_IP, IP_TTL)), 17);
  memcpy(&info, CMSG_DATA(find(&got, IPPROTO_IPV6, IPV6_PKTINFO)), sizeof(info));
  ck_assert_uint_eq(info.ipi6_ifindex, 2);
  ck_assert_uint_eq(*CMSG_DATA(find(&got, IPPROTO_IP, IP_TOS)), 0x28);
  ck_assert_int_eq(int_of(find(&got, IPPROTO_IPV6, IPV6_TCLASS)), 0x2a);
  memcpy(&ip_info, CMSG_DATA(find(&got, IPPROTO_IP, IP_PKTINFO)), sizeof(ip_info));
  ck_assert_int_eq(ip_info.ipi_ifindex, 3);
  ck_assert_uint_eq(ip_info.ipi_spec_dst.s_addr, htonl(0x0a000207));
  ck_assert_uint_eq(ip_info.ipi_addr.s_addr, htonl(0xe0000009));
  control_t hops = {.length = 0};
  append_int(&hops, IPPROTO_IPV6, IPV6_HOPLIMIT, 0);
  ck_assert_int_eq(send_with(&f, hops.bytes, hops.length), 0);
  got = receive_with(&f, 512);
  ck_assert_int_eq(int_of(find(&got, IPPROTO_IP, IP_TTL)), 0);
  tear_down(&f);
}
END_TEST

START_TEST(values_out_of_range_and_wrong_lengths_are_refused) {
  static const struct {
    int level, type, value, size, code;
  } rows[] = {
      {IPPROTO_IP, IP_TTL, 0, 4, EINVAL},
      {IPPROTO_IP, IP_TTL, -1, 4, EINVAL},
      {IPPROTO_IP, IP_TTL, 256, 4, EINVAL},
      {IPPROTO_IP, IP_TTL, 1, 4, 0},
      {IPPROTO_IP, IP_TTL, 255, 4, 0},
      {IPPROTO_IP, IP_TTL, 1, 1, EINVAL},
      {IPPROTO_IP, IP_TTL, 1, 3, EINVAL},
      {IPPROTO_IPV6, IPV6_HOPLIMIT, -1, 4, 0},
      {IPPROTO_IPV6, IPV6_HOPLIMIT, -2, 4, EINVAL},
      {IPPROTO_IPV6, IPV6_HOPLIMIT, 256, 4, EINVAL},
      {IPPROTO_IPV6, IPV6_HOPLIMIT, 255, 4, 0},
      {IPPROTO_IPV6, IPV6_HOPLIMIT, 1, 2, EINVAL},
      {IPPROTO_IPV6, IPV6_PKTINFO, 0, 4, EINVAL},
      {IPPROTO_IPV6, IPV6_TCLASS, -2, 4, EINVAL},
      {IPPROTO_IPV6, IPV6_TCLASS, -1, 4, 0},
      {IPPROTO_IPV6, IPV6_TCLASS, 256, 4, EINVAL},
      {IPPROTO_IPV6, 12345, 0, 4, EINVAL},
      {IPPROTO_IP, IP_TOS, 0, 4, 0},
      {IPPROTO_IP, IP_TOS, 255, 1, 0},
      {IPPROTO_IP, IP_TOS, 256, 4, EINVAL},
      {IPPROTO_IP, IP_TOS, -1, 4, EINVAL},
      {IPPROTO_IP, IP_TOS, 0, 2, EINVAL},
      {IPPROTO_IP, IP_PKTINFO, 0, 4, EINVAL},
      {IPPROTO_IP, 12345, 0, 4, EINVAL},
      {IPPROTO_UDP, 103, 0, 2, EINVAL},
      {SOL_SOCKET, 12345, 0, 4, EINVAL},
      {12345, 12345, 0, 4, 0},  // of another protocol's
  };
  fixture_t f;
  set_up(&f, AF_INET6);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    control_t control = {.length = 0};
    append(&control, rows[i].level, rows[i].type, &rows[i].value, (size_t)rows[i].size);
    int code = send_with(&f, control.bytes, control.length);
    ck_assert_msg(code == rows[i].code, "row %zu: %d", i, code);
  }
  tear_down(&f);
}
END_TEST

START_TEST(headers_that_lie_about_their_length_are_refused) {
  fixture_t f;
  set_up(&f, AF_INET6);
  static const size_t lengths[] = {0,        1,           sizeof(struct cmsghdr) - 1, CMSG_LEN(4) + 1, 4096,
                                   SIZE_MAX, SIZE_MAX - 7};
  for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
    control_t control = {.length = 0};
    append_int(&control, IPPROTO_IP, IP_TTL, 1);
    ((struct cmsghdr*)(void*)control.bytes)->cmsg_len = lengths[i];
    int code = send_with(&f, control.bytes, CMSG_LEN(4));
    ck_assert_msg(code == EINVAL, "length %zu: %d", lengths[i], code);
  }
  ck_assert_int_eq(send_with(&f, NULL, 32), EFAULT);
  control_t small = {.length = 0};
  ck_assert_int_eq(send_with(&f, small.bytes, sizeof(struct cmsghdr) - 1), 0);
  tear_down(&f);
}
END_TEST

START_TEST(an_error_is_told_with_the_datagram_behind_what_accompanied_it) {
  fixture_t f;
  set_up(&f, AF_INET6);
  turn_on(&f, IPPROTO_IPV6, IPV6_RECVERR);
  turn_on(&f, IPPROTO_IPV6, IPV6_RECVHOPLIMIT);
  control_t control;
  char data[3];
  struct iovec iov = {data, sizeof(data)};
  struct sockaddr_in6 nobody = ipv6("fe80::7", 4444), to;
  struct msghdr message = {.msg_name = &to,
                           .msg_namelen = sizeof(to),
                           .msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};
  size_t actual = 0;
  int16_t code = -1;
  ck_assert_int_eq(zxio_socket_recvmsg(&f.socket, &message, MSG_ERRQUEUE, &actual, &code), ZX_OK);
  ck_assert_int_eq(code, EAGAIN);
  char text[] = "gone";
  struct iovec sent = {text, 4};
  struct msghdr out = {.msg_name = &nobody, .msg_namelen = sizeof(nobody), .msg_iov = &sent, .msg_iovlen = 1};
  ck_assert_int_eq(zxio_socket_sendmsg(&f.socket, &out, 0, &actual, &code), ZX_OK);
  ck_assert_int_eq(code, 0);
  zxio_events_t events = 0;
  ck_assert_int_eq(zxio_socket_wait(&f.socket, POLLERR, ZX_TIME_INFINITE_PAST, -1, &events), ZX_OK);
  ck_assert_uint_eq(events & (POLLIN | POLLERR), POLLERR);

  ck_assert_int_eq(zxio_socket_recvmsg(&f.socket, &message, MSG_ERRQUEUE, &actual, &code), ZX_OK);
  ck_assert_int_eq(code, 0);
  ck_assert_uint_eq(actual, 3);
  ck_assert_mem_eq(data, "gon", 3);
  ck_assert_int_eq(message.msg_flags, MSG_ERRQUEUE | MSG_TRUNC);
  ck_assert_uint_eq(message.msg_namelen, sizeof(to));
  ck_assert_mem_eq(&to, &nobody, sizeof(to));
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  ck_assert_int_eq(header->cmsg_type, IPV6_HOPLIMIT);
  header = CMSG_NXTHDR(&message, header);
  struct {
    struct sock_extended_err error;
    struct sockaddr_in6 offender;
  } told;
  ck_assert_int_eq(header->cmsg_level, IPPROTO_IPV6);
  ck_assert_int_eq(header->cmsg_type, IPV6_RECVERR);
  ck_assert_uint_eq(header->cmsg_len, CMSG_LEN(sizeof(told)));
  memcpy(&told, CMSG_DATA(header), sizeof(told));
  ck_assert_uint_eq(told.error.ee_errno, ECONNREFUSED);
  ck_assert_uint_eq(told.error.ee_origin, SO_EE_ORIGIN_ICMP6);
  ck_assert_uint_eq(told.error.ee_type, 1);
  ck_assert_uint_eq(told.error.ee_code, 4);
  ck_assert_uint_eq(told.error.ee_info, 1234);
  ck_assert_mem_eq(&told.offender.sin6_addr, &nobody.sin6_addr, sizeof(nobody.sin6_addr));
  ck_assert_ptr_null(CMSG_NXTHDR(&message, header));
  ck_assert_int_eq(zxio_socket_recvmsg(&f.socket, &message, MSG_ERRQUEUE, &actual, &code), ZX_OK);
  ck_assert_int_eq(code, EAGAIN);
  tear_down(&f);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("zxio control");
  TCase* tc = jx_test_case(suite, "control");
  tcase_add_test(tc, nothing_asked_for_is_nothing_received);
  tcase_add_test(tc, every_kind_is_received_in_its_form);
  tcase_add_test(tc, microseconds_when_microseconds_are_asked_for);
  tcase_add_test(tc, what_does_not_fit_is_cut_and_that_is_told);
  tcase_add_test(tc, an_error_is_told_with_the_datagram_behind_what_accompanied_it);
  tcase_add_test(tc, what_is_known_is_sent);
  tcase_add_test(tc, values_out_of_range_and_wrong_lengths_are_refused);
  tcase_add_test(tc, headers_that_lie_about_their_length_are_refused);
  return jx_test_run(suite);
}
