// Datagram sockets of the fast kind, as zxio has them on two netstacks, and as nobody should have them.
#include <arpa/inet.h>
#include <errno.h>
#include <lib/zxio/zxio.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "jx_test.h"
#include "two_netstacks.h"

enum { PRELUDE = fuchsia_posix_socket_DATAGRAM_PRELUDE_BYTES, PATIENCE_MS = 50000 };

typedef struct fast {
  zxio_socket_t socket;
  zxio_promises_t* promises;
  int fd;
} fast_t;

typedef struct fixture {
  two_netstacks_t two;
  zx_handle_t provider[2];
  fast_t left, right;  // right is bound to 10.0.0.2:7
} fixture_t;

static struct sockaddr_in at(const char* address, uint16_t port) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
  ck_assert_int_eq(inet_pton(AF_INET, address, &name.sin_addr), 1);
  return name;
}

static int bind_to(fast_t* fast, const char* address, uint16_t port) {
  struct sockaddr_in name = at(address, port);
  int16_t code = -1;
  return zxio_code(zxio_socket_bind(&fast->socket, (struct sockaddr*)&name, sizeof(name), &code), &code);
}

static int connect_to(fast_t* fast, const char* address, uint16_t port) {
  struct sockaddr_in name = at(address, port);
  int16_t code = -1;
  return zxio_code(zxio_socket_connect(&fast->socket, (struct sockaddr*)&name, sizeof(name), &code), &code);
}

static void open_fast(fast_t* fast, zx_handle_t provider) {
  int16_t code = -1;
  ck_assert_int_eq(zxio_socket_create_fast(provider, AF_INET, SOCK_DGRAM, 0, &fast->socket, &fast->fd, &code),
                   ZX_OK);
  ck_assert_int_eq(code, 0);
  ck_assert(zxio_socket_is_fast(&fast->socket));
  fast->promises = zxio_promises_create();
  ck_assert_ptr_nonnull(fast->promises);
}

static void close_fast(fast_t* fast) {
  if (fast->fd >= 0) close(fast->fd);
  fast->fd = -1;
  zxio_socket_close(&fast->socket);
}

static void set_up(fixture_t* f) {
  two_netstacks_start(&f->two, NULL);
  for (int side = LEFT; side <= RIGHT; side++)
    f->provider[side] = two_netstacks_provider(&f->two, side);
  open_fast(&f->left, f->provider[LEFT]);
  open_fast(&f->right, f->provider[RIGHT]);
  ck_assert_int_eq(bind_to(&f->right, "10.0.0.2", 7), 0);
}

static void tear_down(fixture_t* f) {
  close_fast(&f->left);
  close_fast(&f->right);
  zx_handle_close(f->provider[LEFT]);
  zx_handle_close(f->provider[RIGHT]);
  two_netstacks_stop(&f->two);
}

// A message of one piece, to `name` or to the peer.
static struct msghdr message_of(struct iovec* iov, const void* data, size_t size, struct sockaddr_in* name) {
  *iov = (struct iovec){.iov_base = (void*)(uintptr_t)data, .iov_len = size};
  struct msghdr message = {.msg_iov = iov, .msg_iovlen = 1};
  if (name) {
    message.msg_name = name;
    message.msg_namelen = sizeof(*name);
  }
  return message;
}

// As programs send: by request at first, then, where that is promised, on the descriptor.
static int send_as_programs(fast_t* fast, const void* data, size_t size, struct sockaddr_in* name,
                            bool* out_went) {
  struct iovec iov;
  struct msghdr message = message_of(&iov, data, size, name);
  zxio_promise_t promise = zxio_promises_look(fast->promises, &message);
  if (promise == ZXIO_PROMISE_ASK) {
    zxio_promises_ask(fast->promises, &fast->socket, &message);
    promise = zxio_promises_look(fast->promises, &message);
  }
  size_t actual = 0;
  *out_went = promise == ZXIO_PROMISE_GO;
  if (*out_went) return zxio_datagram_send(fast->fd, &message, MSG_DONTWAIT, &actual);
  int16_t code = -1;
  return zxio_code(zxio_socket_sendmsg(&fast->socket, &message, 0, &actual, &code), &code);
}

// On the descriptor, promised or not.
static int send_unpromised(fast_t* fast, const void* data, size_t size, struct sockaddr_in* name) {
  struct iovec iov;
  struct msghdr message = message_of(&iov, data, size, name);
  size_t actual = 0;
  return zxio_datagram_send(fast->fd, &message, MSG_DONTWAIT, &actual);
}

static void wait_for(int fd, short events) {
  struct pollfd pollfd = {.fd = fd, .events = events};
  ck_assert_int_eq(poll(&pollfd, 1, PATIENCE_MS), 1);
  ck_assert_int_eq(pollfd.revents & events, events);
}

static zxio_received_t receive(fast_t* fast, void* data, size_t size, size_t* out_size,
                               struct sockaddr_in* from) {
  struct iovec iov;
  struct msghdr message = message_of(&iov, data, size, from);
  int error = 0;
  return zxio_datagram_receive(fast->fd, &message, MSG_DONTWAIT, out_size, &error);
}

static void expect(fast_t* fast, const void* data, size_t size, struct sockaddr_in* from) {
  static uint8_t got[65536];
  size_t got_size = 0;
  wait_for(fast->fd, POLLIN);
  ck_assert_int_eq(receive(fast, got, sizeof(got), &got_size, from), ZXIO_RECEIVED_DATAGRAM);
  ck_assert_uint_eq(got_size, size);
  if (size) ck_assert_mem_eq(got, data, size);
}

static int error_of(fast_t* fast) {
  int error = -1;
  socklen_t length = sizeof(error);
  int16_t code = -1;
  ck_assert_int_eq(zxio_socket_getsockopt(&fast->socket, SOL_SOCKET, SO_ERROR, &error, &length, &code),
                   ZX_OK);
  ck_assert_int_eq(code, 0);
  return error;
}

static void set_option(fast_t* fast, int name, int value) {
  int16_t code = -1;
  ck_assert_int_eq(zxio_socket_setsockopt(&fast->socket, SOL_SOCKET, name, &value, sizeof(value), &code),
                   ZX_OK);
  ck_assert_int_eq(code, 0);
}

START_TEST(from_the_second_on_datagrams_go_without_a_request) {
  fixture_t f;
  set_up(&f);
  struct sockaddr_in to = at("10.0.0.2", 7), from = {0};
  for (int i = 0; i < 20; i++) {
    bool went = false;
    ck_assert_int_eq(send_as_programs(&f.left, &i, sizeof(i), &to, &went), 0);
    ck_assert_int_eq(went, i > 0);
    expect(&f.right, &i, sizeof(i), &from);
  }
  ck_assert_uint_eq(from.sin_addr.s_addr, at("10.0.0.1", 0).sin_addr.s_addr);
  ck_assert_uint_ne(from.sin_port, 0);
  tear_down(&f);
}
END_TEST

static const size_t sizes[] = {0, 1, 1472, 1473, 9000, 65507};

START_TEST(datagrams_of_all_sizes_pass_both_ways) {
  fixture_t f;
  static uint8_t data[65507];
  bool went = false;
  set_up(&f);
  for (size_t i = 0; i < sizeof(data); i++)
    data[i] = (uint8_t)(i * 31 + i / 256);
  ck_assert_int_eq(connect_to(&f.left, "10.0.0.2", 7), 0);
  ck_assert_int_eq(send_as_programs(&f.left, "", 1, NULL, &went), 0);
  expect(&f.right, "", 1, NULL);
  ck_assert_int_eq(send_as_programs(&f.left, data, sizes[_i], NULL, &went), 0);
  ck_assert(went);
  expect(&f.right, data, sizes[_i], NULL);
  tear_down(&f);
}
END_TEST

START_TEST(what_is_sent_before_a_call_is_sent_before_it) {
  fixture_t f;
  set_up(&f);
  fast_t other;
  open_fast(&other, f.provider[RIGHT]);
  ck_assert_int_eq(bind_to(&other, "10.0.0.2", 8), 0);
  ck_assert_int_eq(connect_to(&f.left, "10.0.0.2", 7), 0);
  for (int i = 0; i < 40; i++)
    ck_assert_int_eq(send_unpromised(&f.left, &i, sizeof(i), NULL), 0);
  ck_assert_int_eq(connect_to(&f.left, "10.0.0.2", 8), 0);
  ck_assert_int_eq(send_unpromised(&f.left, "other", 5, NULL), 0);
  close_fast(&f.left);  // and nothing is lost
  for (int i = 0; i < 40; i++)
    expect(&f.right, &i, sizeof(i), NULL);
  expect(&other, "other", 5, NULL);
  close_fast(&other);
  tear_down(&f);
}
END_TEST

START_TEST(a_promise_is_taken_back_by_what_it_depends_on) {
  fixture_t f;
  bool went = false;
  set_up(&f);
  ck_assert_int_eq(connect_to(&f.left, "10.0.0.2", 7), 0);
  for (int i = 0; i < 2; i++)
    ck_assert_int_eq(send_as_programs(&f.left, "x", 1, NULL, &went), 0);
  struct iovec iov;
  struct msghdr message = message_of(&iov, "x", 1, NULL);
  ck_assert_int_eq(zxio_promises_look(f.left.promises, &message), ZXIO_PROMISE_GO);
  set_option(&f.left, SO_BROADCAST, 1);
  ck_assert_int_eq(zxio_promises_look(f.left.promises, &message), ZXIO_PROMISE_ASK);
  zxio_promises_ask(f.left.promises, &f.left.socket, &message);
  ck_assert_int_eq(zxio_promises_look(f.left.promises, &message), ZXIO_PROMISE_GO);
  int16_t code = -1;
  ck_assert_int_eq(zxio_socket_shutdown(&f.left.socket, SHUT_WR, &code), ZX_OK);
  ck_assert_int_eq(code, 0);
  ck_assert_int_eq(zxio_promises_look(f.left.promises, &message), ZXIO_PROMISE_ASK);
  zxio_promises_ask(f.left.promises, &f.left.socket, &message);  // there is none to be had
  ck_assert_int_eq(zxio_promises_look(f.left.promises, &message), ZXIO_PROMISE_ASK);
  ck_assert_int_eq(send_as_programs(&f.left, "x", 1, NULL, &went), EPIPE);
  tear_down(&f);
}
END_TEST

static void take_address(void* context) {
  fixture_t* f = context;
  tcpip_t* engine = netstack_engine(f->two.netstack[LEFT]);
  const tcpip_address_t address = tcpip_ipv4((uint8_t[]){10, 0, 0, 1});
  netstack_enter(f->two.netstack[LEFT]);
  for (uint32_t i = tcpip_interface_next(engine, 0); i != 0; i = tcpip_interface_next(engine, i))
    (void)tcpip_address_remove(engine, i, &address);
  netstack_leave(f->two.netstack[LEFT]);
}

START_TEST(a_promise_is_taken_back_with_the_way) {
  fixture_t f;
  bool went = false;
  set_up(&f);
  struct sockaddr_in to = at("10.0.0.2", 7);
  for (int i = 0; i < 2; i++)
    ck_assert_int_eq(send_as_programs(&f.left, "x", 1, &to, &went), 0);
  ck_assert(went);
  two_netstacks_do(&f.two, take_address, &f);
  ck_assert_int_eq(send_as_programs(&f.left, "x", 1, &to, &went), ENETUNREACH);
  ck_assert(!went);
  tear_down(&f);
}
END_TEST

START_TEST(what_stays_on_the_host_has_arrived_when_send_returns) {
  fixture_t f;
  bool went = false;
  set_up(&f);
  ck_assert_int_eq(bind_to(&f.left, "127.0.0.1", 9000), 0);
  struct sockaddr_in self = at("127.0.0.1", 9000);
  for (int i = 0; i < 50; i++) {
    int got = -1;
    size_t size = 0;
    ck_assert_int_eq(send_as_programs(&f.left, &i, sizeof(i), &self, &went), 0);
    ck_assert(!went);
    ck_assert_int_eq(receive(&f.left, &got, sizeof(got), &size, NULL), ZXIO_RECEIVED_DATAGRAM);
    ck_assert_int_eq(got, i);
    ck_assert_int_eq(receive(&f.left, &got, sizeof(got), &size, NULL), ZXIO_RECEIVED_NOTHING);
  }
  tear_down(&f);
}
END_TEST

START_TEST(an_error_wakes_and_is_told_by_the_next_call_once) {
  fixture_t f;
  bool went = false;
  char byte;
  size_t size = 0;
  set_up(&f);
  ck_assert_int_eq(connect_to(&f.left, "10.0.0.2", 9), 0);  // nobody
  ck_assert_int_eq(zxio_promises_watch(f.left.promises, &f.left.socket), ZX_OK);
  for (int i = 0; i < 2; i++) {
    ck_assert_int_eq(send_unpromised(&f.left, "x", 1, NULL), 0);
    wait_for(f.left.fd, POLLIN);
    ck_assert_uint_eq(zxio_promises_state(f.left.promises), ZXIO_DATAGRAM_ERROR);
    if (i == 0) ck_assert_int_eq(send_as_programs(&f.left, "x", 1, NULL, &went), ECONNREFUSED);
    ck_assert_int_eq(receive(&f.left, &byte, 1, &size, NULL), ZXIO_RECEIVED_ERROR);
    ck_assert_int_eq(error_of(&f.left), i == 0 ? 0 : ECONNREFUSED);
    ck_assert_uint_eq(zxio_promises_state(f.left.promises), 0);
    ck_assert_int_eq(receive(&f.left, &byte, 1, &size, NULL), ZXIO_RECEIVED_NOTHING);
  }
  tear_down(&f);
}
END_TEST

typedef struct arrivals {
  netstack_t* netstack;
  uint64_t count;
} arrivals_t;

static void count_arrivals(void* context) {
  arrivals_t* arrivals = context;
  arrivals->count = tcpip_stats(netstack_engine(arrivals->netstack))->udp_rx;
}

// Sends `count` numbered datagrams to right, who does not read, and waits until they have all come there, to
// be queued or dropped.
static void send_unread(fixture_t* f, int count) {
  arrivals_t arrivals = {.netstack = f->two.netstack[RIGHT]};
  ck_assert_int_eq(connect_to(&f->left, "10.0.0.2", 7), 0);
  for (int i = 0; i < count; i++) {
    ck_assert_int_eq(send_unpromised(&f->left, &i, sizeof(i), NULL), 0);
    if (i % 16 != 15 && i != count - 1) continue;  // no more at a time than the wire and the descriptor hold
    do {
      two_netstacks_do(&f->two, count_arrivals, &arrivals);
    } while (arrivals.count < (uint64_t)i + 1);
  }
}

START_TEST(what_the_descriptor_has_no_room_for_follows_when_it_has) {
  fixture_t f;
  set_up(&f);
  set_option(&f.right, SO_RCVBUF, 1 << 20);
  send_unread(&f, 2000);
  for (int i = 0; i < 2000; i++)
    expect(&f.right, &i, sizeof(i), NULL);
  tear_down(&f);
}
END_TEST

START_TEST(the_receive_buffer_bounds_what_lies_unread) {
  fixture_t f;
  set_up(&f);
  set_option(&f.right, SO_RCVBUF, 2000);
  send_unread(&f, 500);
  int arrived = 0, got = -1;
  size_t size = 0;
  while (receive(&f.right, &got, sizeof(got), &size, NULL) == ZXIO_RECEIVED_DATAGRAM)
    ck_assert_int_eq(got, arrived++);
  ck_assert_int_ge(arrived, 1);
  ck_assert_int_le(arrived, 2 * 2000 / 64);
  // What was read makes room.
  int more = 4711;
  ck_assert_int_eq(send_unpromised(&f.left, &more, sizeof(more), NULL), 0);
  expect(&f.right, &more, sizeof(more), NULL);
  tear_down(&f);
}
END_TEST

START_TEST(shutting_down_reading_ends_it) {
  fixture_t f;
  char byte;
  size_t size = 0;
  int16_t code = -1;
  set_up(&f);
  ck_assert_int_eq(connect_to(&f.left, "10.0.0.2", 7), 0);
  ck_assert_int_eq(zxio_socket_shutdown(&f.left.socket, SHUT_RD, &code), ZX_OK);
  wait_for(f.left.fd, POLLIN | POLLRDHUP);
  ck_assert_int_eq(receive(&f.left, &byte, 1, &size, NULL), ZXIO_RECEIVED_END);
  ck_assert_int_eq(send_unpromised(&f.left, "still", 5, NULL), 0);
  expect(&f.right, "still", 5, NULL);
  tear_down(&f);
}
END_TEST

START_TEST(a_socket_lives_as_long_as_its_descriptor_and_can_be_had_out_of_it) {
  fixture_t f;
  int16_t code = -1;
  set_up(&f);
  zxio_socket_leave(&f.right.socket);
  ck_assert_int_eq(connect_to(&f.left, "10.0.0.2", 7), 0);
  ck_assert_int_eq(send_unpromised(&f.left, "held", 4, NULL), 0);
  expect(&f.right, "held", 4, NULL);
  ck_assert_int_eq(zxio_datagram_of(f.provider[RIGHT], dup(f.right.fd), &f.right.socket, &code), ZX_OK);
  ck_assert_int_eq(code, 0);
  ck_assert_int_eq(bind_to(&f.right, "10.0.0.2", 8), EINVAL);  // it is bound
  // One whose last holder has gone without a word gives its port to whoever asks for it.
  fast_t other;
  open_fast(&other, f.provider[RIGHT]);
  ck_assert_int_eq(bind_to(&other, "10.0.0.2", 7), EADDRINUSE);
  zxio_socket_leave(&f.right.socket);
  close(f.right.fd);
  f.right.fd = -1;
  ck_assert_int_eq(bind_to(&other, "10.0.0.2", 7), 0);
  int pair[2];
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
  ck_assert_int_eq(zxio_datagram_of(f.provider[RIGHT], pair[0], &f.right.socket, &code), ZX_OK);
  ck_assert_int_eq(code, ENOTSOCK);
  close(pair[1]);
  close_fast(&other);
  tear_down(&f);
}
END_TEST

START_TEST(a_descriptor_that_is_closed_first_is_seen_and_the_port_is_free_with_the_connection) {
  fixture_t f;
  set_up(&f);
  close(f.right.fd);
  f.right.fd = -1;
  ck_assert_int_eq(error_of(&f.right), 0);  // by now its end has been seen
  close_fast(&f.right);
  fast_t other;
  open_fast(&other, f.provider[RIGHT]);
  ck_assert_int_eq(bind_to(&other, "10.0.0.2", 7), 0);
  close_fast(&other);
  tear_down(&f);
}
END_TEST

START_TEST(the_state_can_only_be_read) {
  fixture_t f;
  set_up(&f);
  FIDL_BUFFER(buffer, fuchsia_posix_socket_DatagramSocket_DescribeState_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZX_TIME_INFINITE);
  fuchsia_posix_socket_DatagramSocket_DescribeState_Result* result;
  ck_assert_int_eq(fuchsia_posix_socket_DatagramSocket_DescribeState(f.left.socket.channel, &call, &result),
                   ZX_OK);
  ck_assert_uint_eq(result->ordinal, 1);
  uint64_t ours = 1;
  ck_assert_int_ne(zx_vmo_write(result->response->memory, &ours, result->response->offset, sizeof(ours)),
                   ZX_OK);
  int fd = -1;
  ck_assert_int_eq(zx_linux_vmo_to_fd(result->response->memory, &fd), ZX_OK);
  ck_assert_int_eq(pwrite(fd, &ours, sizeof(ours), 0), -1);
  close(fd);
  tear_down(&f);
}
END_TEST

// Messages that no zxio sends, as bytes of the descriptor.
typedef struct nonsense {
  size_t size;
  uint16_t metadata_bytes;
  uint16_t kind;
  uint8_t fill;
} nonsense_t;

static const nonsense_t nonsenses[] = {
    {0, 0, 0, 0},
    {1, 16, 0, 0},
    {PRELUDE - 1, 16, 0, 0},
    {PRELUDE, 0, 0, 0},
    {PRELUDE, 15, 0, 0},
    {PRELUDE, 16, 0, 0},
    {PRELUDE, 16, 0, 0xff},
    {PRELUDE, PRELUDE - 8, 0, 0xff},
    {PRELUDE, PRELUDE, 0, 0},
    {PRELUDE, 0xffff, 0, 0xff},
    {PRELUDE + 100, 16, 1, 0},
    {PRELUDE + 100, 32, 7, 0x55},
    {PRELUDE + 70000, 16, 0, 0},
};

START_TEST(nonsense_on_the_descriptor_is_dropped) {
  fixture_t f;
  const nonsense_t* nonsense = &nonsenses[_i];
  static uint8_t bytes[PRELUDE + 70000];
  set_up(&f);
  ck_assert_int_eq(connect_to(&f.left, "10.0.0.2", 7), 0);
  memset(bytes, nonsense->fill, sizeof(bytes));
  uint16_t head[4] = {nonsense->metadata_bytes, nonsense->kind};
  memcpy(bytes, head, sizeof(head));
  for (int i = 0; i < 40; i++) {
    ssize_t sent = send(f.left.fd, bytes, nonsense->size, MSG_DONTWAIT | MSG_NOSIGNAL);
    ck_assert(sent == (ssize_t)nonsense->size || (sent < 0 && errno == EAGAIN));
    if (sent < 0) ck_assert_int_eq(error_of(&f.left), 0);
  }
  ck_assert_int_eq(error_of(&f.left), 0);
  ck_assert_int_eq(send_unpromised(&f.left, "good", 4, NULL), 0);
  expect(&f.right, "good", 4, NULL);
  tear_down(&f);
}
END_TEST

START_TEST(a_descriptor_that_is_shut_down_by_its_holder_harms_only_him) {
  fixture_t f;
  set_up(&f);
  ck_assert_int_eq(shutdown(f.right.fd, SHUT_RDWR), 0);
  ck_assert_int_eq(connect_to(&f.left, "10.0.0.2", 7), 0);
  for (int i = 0; i < 10; i++)
    ck_assert_int_eq(send_unpromised(&f.left, "x", 1, NULL), 0);
  ck_assert_int_eq(error_of(&f.left), 0);
  ck_assert_int_eq(error_of(&f.right), 0);
  fast_t other;
  open_fast(&other, f.provider[RIGHT]);
  ck_assert_int_eq(bind_to(&other, "10.0.0.2", 8), 0);
  ck_assert_int_eq(connect_to(&f.left, "10.0.0.2", 8), 0);
  ck_assert_int_eq(send_unpromised(&f.left, "others", 6, NULL), 0);
  expect(&other, "others", 6, NULL);
  close_fast(&other);
  tear_down(&f);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("netstack_fast_datagram_socket");
  TCase* tc = jx_test_case(suite, "fast_datagram_socket");
  tcase_add_test(tc, from_the_second_on_datagrams_go_without_a_request);
  tcase_add_loop_test(tc, datagrams_of_all_sizes_pass_both_ways, 0, (int)(sizeof(sizes) / sizeof(sizes[0])));
  tcase_add_test(tc, what_is_sent_before_a_call_is_sent_before_it);
  tcase_add_test(tc, a_promise_is_taken_back_by_what_it_depends_on);
  tcase_add_test(tc, a_promise_is_taken_back_with_the_way);
  tcase_add_test(tc, what_stays_on_the_host_has_arrived_when_send_returns);
  tcase_add_test(tc, an_error_wakes_and_is_told_by_the_next_call_once);
  tcase_add_test(tc, what_the_descriptor_has_no_room_for_follows_when_it_has);
  tcase_add_test(tc, the_receive_buffer_bounds_what_lies_unread);
  tcase_add_test(tc, shutting_down_reading_ends_it);
  tcase_add_test(tc, a_socket_lives_as_long_as_its_descriptor_and_can_be_had_out_of_it);
  tcase_add_test(tc, a_descriptor_that_is_closed_first_is_seen_and_the_port_is_free_with_the_connection);
  tcase_add_test(tc, the_state_can_only_be_read);
  tcase_add_loop_test(tc, nonsense_on_the_descriptor_is_dropped, 0,
                      (int)(sizeof(nonsenses) / sizeof(nonsenses[0])));
  tcase_add_test(tc, a_descriptor_that_is_shut_down_by_its_holder_harms_only_him);
  return jx_test_run(suite);
}
