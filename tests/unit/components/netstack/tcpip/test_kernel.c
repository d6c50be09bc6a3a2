// The engine and the kernel's TCP as peers over a TAP device, in both roles, over IPv4 and IPv6, with and
// without segmentation offload, with loss. Skipped where no namespace or device can be made.
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "jx_test.h"
#include "tap_peer.h"

#define ENGINE_PORT 80
#define KERNEL_PORT 81
#define ROUNDS_MAX 200000
#define PATIENCE (50 * S)

static host_t h;
static tap_peer_t tap;

// Steps until it is so; a busy machine may take its time.
#define step_until(condition)                                                    \
  do {                                                                           \
    bool done = condition;                                                       \
    for (int64_t end = h.now + PATIENCE; !done && h.now < end; done = condition) \
      tap_peer_step(&tap, 5);                                                    \
    ck_assert_msg(done, "waited in vain for %s", #condition);                    \
  } while (0)

// A connection between the two.
typedef struct pair {
  tcpip_socket_t* ours;
  int kernels;
} pair_t;

typedef struct setting {
  uint8_t family;
  bool we_connect, offloads;
} setting_t;

static setting_t setting_of(int i) {
  return (setting_t){i & 1 ? TCPIP_IPV6 : TCPIP_IPV4, i >> 1 & 1, i >> 2 & 1};
}

static void start(bool offloads) {
  uint32_t features = offloads ? TCPIP_LINK_TX_CHECKSUM | TCPIP_LINK_TX_TSO : 0;
  host_init(&h, &(host_config_t){.last_octet = 1, .seed = 3, .link_features = features});
  tap_peer_open(&tap, &h, offloads);
}

static void stop(void) {
  tap_peer_close(&tap);
  host_deinit(&h);
}

static tcpip_socket_t* our_socket(uint8_t family) {
  tcpip_socket_t* s;
  ck_assert_int_eq(tcpip_socket_create(h.client, family, TCPIP_TCP, NULL, &s), 0);
  return s;
}

static tcpip_socket_t* our_listener(uint8_t family) {
  tcpip_endpoint_t at = host_endpoint(family == TCPIP_IPV4 ? "0.0.0.0" : "::", ENGINE_PORT);
  tcpip_socket_t* s = our_socket(family);
  ck_assert_int_eq(tcpip_socket_set(s, TCPIP_REUSE_ADDRESS, 1),
                   0);  // connections of before wait out their time
  ck_assert_int_eq(tcpip_socket_bind(s, &at), 0);
  ck_assert_int_eq(tcpip_socket_listen(s, 1024), 0);
  return s;
}

static void our_connect(tcpip_socket_t* s, uint8_t family, uint16_t port) {
  tcpip_endpoint_t to = host_endpoint(family == TCPIP_IPV4 ? "10.0.0.99" : "fd00::63", port);
  ck_assert_int_eq(tcpip_socket_connect(s, &to), -EINPROGRESS);
}

static pair_t open_pair(const setting_t* setting) {
  pair_t pair = {.kernels = -1};
  tcpip_socket_t* listener = NULL;
  int kernels = -1;
  if (setting->we_connect) {
    kernels = kernel_listen(setting->family, KERNEL_PORT);
    pair.ours = our_socket(setting->family);
    our_connect(pair.ours, setting->family, KERNEL_PORT);
  } else {
    listener = our_listener(setting->family);
    pair.kernels = kernel_connect(setting->family, ENGINE_PORT);
  }
  for (int64_t end = h.now + PATIENCE;
       h.now < end && !(pair.ours && pair.kernels >= 0 &&
                        (listener || tcpip_socket_poll(pair.ours) & TCPIP_EVENT_WRITABLE));) {
    tap_peer_step(&tap, 5);
    if (listener && !pair.ours) (void)tcpip_socket_accept(listener, NULL, &pair.ours);
    if (kernels >= 0 && pair.kernels < 0) pair.kernels = kernel_accept(kernels);
  }
  ck_assert(pair.ours && pair.kernels >= 0);
  tcpip_socket_destroy(listener);
  if (kernels >= 0) close(kernels);
  return pair;
}

static uint8_t byte_at(uint64_t position, uint8_t key) {
  return (uint8_t)(position * 7 + position / 251 + key);
}

// One direction of a stream.
typedef struct flow {
  uint64_t length, written, read;
  uint8_t key;
  bool shut, eof;
} flow_t;

static void fill(const flow_t* f, uint8_t* bytes, size_t length) {
  for (size_t i = 0; i < length; i++)
    bytes[i] = byte_at(f->written + i, f->key);
}

static void check(flow_t* f, const uint8_t* bytes, int64_t length) {
  bool right = true;
  for (int64_t i = 0; i < length; i++)
    right &= bytes[i] == byte_at(f->read + (uint64_t)i, f->key);
  if (!right) ck_abort_msg("octets from %llu on differ", (unsigned long long)f->read);
  f->read += (uint64_t)length;
}

static uint8_t buffer[65536];

static size_t next_piece(const flow_t* f) {
  return f->length - f->written < sizeof buffer ? (size_t)(f->length - f->written) : sizeof buffer;
}

static void we_write(pair_t* p, flow_t* f) {
  for (size_t piece; (piece = next_piece(f));) {
    fill(f, buffer, piece);
    int64_t n = host_send(p->ours, buffer, piece, NULL);
    if (n <= 0) {
      if (n != -EAGAIN) ck_abort_msg("send: %lld", (long long)n);
      return;
    }
    f->written += (uint64_t)n;
  }
  if (!f->shut) f->shut = tcpip_socket_shutdown(p->ours, false, true) == 0;
}

static void kernel_writes(pair_t* p, flow_t* f) {
  for (size_t piece; (piece = next_piece(f));) {
    fill(f, buffer, piece);
    ssize_t n = send(p->kernels, buffer, piece, MSG_NOSIGNAL);
    if (n <= 0) {
      if (errno != EAGAIN) ck_abort_msg("the kernel's send: %s", strerror(errno));
      return;
    }
    f->written += (uint64_t)n;
  }
  if (!f->shut) f->shut = shutdown(p->kernels, SHUT_WR) == 0;
}

static void we_read(pair_t* p, flow_t* f) {
  int64_t n;
  while (!f->eof && (n = host_recv(p->ours, buffer, sizeof buffer, NULL)) != -EAGAIN) {
    if (n < 0) ck_abort_msg("receive: %lld", (long long)n);
    check(f, buffer, n);
    f->eof = n == 0;
  }
}

static void kernel_reads(pair_t* p, flow_t* f) {
  ssize_t n;
  while (!f->eof && ((n = recv(p->kernels, buffer, sizeof buffer, 0)) >= 0 || errno != EAGAIN)) {
    if (n < 0) ck_abort_msg("the kernel's receive: %s", strerror(errno));
    check(f, buffer, n);
    f->eof = n == 0;
  }
}

static void exchange(pair_t* p, uint64_t ours, uint64_t kernels) {
  flow_t out = {.length = ours, .key = 1}, in = {.length = kernels, .key = 2};
  for (int round = 0; round < ROUNDS_MAX && !(out.eof && in.eof); round++) {
    we_write(p, &out);
    kernel_writes(p, &in);
    tap_peer_step(&tap, 5);
    we_read(p, &in);
    kernel_reads(p, &out);
  }
  ck_assert(out.eof && in.eof);
  ck_assert_uint_eq(out.read, ours);
  ck_assert_uint_eq(in.read, kernels);
}

static void close_pair(pair_t* p) {
  tcpip_socket_destroy(p->ours);
  close(p->kernels);
}

START_TEST(bulk_both_ways) {
  setting_t setting = setting_of(_i);
  start(setting.offloads);
  pair_t p = open_pair(&setting);
  exchange(&p, 8 << 20, 8 << 20);
  ck_assert_int_eq(tap.merged > 0, setting.offloads);
  close_pair(&p);
  stop();
}
END_TEST

START_TEST(bulk_with_losses) {
  setting_t setting = setting_of(_i);
  start(setting.offloads);
  pair_t p = open_pair(&setting);
  tap.loss_per_mille = setting.offloads ? 100 : 10;  // of much fewer and larger frames
  exchange(&p, setting.offloads ? 4 << 20 : 1 << 19, setting.offloads ? 4 << 20 : 1 << 19);
  ck_assert_uint_gt(tap.lost, 0);
  close_pair(&p);
  stop();
}
END_TEST

// Without the options that make TCP what it is today.
START_TEST(bulk_without_options) {
  setting_t setting = setting_of(_i);
  start(setting.offloads);
  tap_peer_sysctl("ipv4/tcp_timestamps", "0");
  tap_peer_sysctl("ipv4/tcp_sack", "0");
  tap_peer_sysctl("ipv4/tcp_window_scaling", "0");
  pair_t p = open_pair(&setting);
  tap.loss_per_mille = 5;
  exchange(&p, 300000, 300000);
  close_pair(&p);
  stop();
}
END_TEST

// Who opens says so, and the other keeps to it.
START_TEST(small_segments) {
  setting_t setting = setting_of(_i);
  int mss = 100;
  start(false);
  pair_t p = open_pair(&setting);
  close_pair(&p);
  p = (pair_t){NULL, -1};
  int listener = kernel_listen(setting.family, KERNEL_PORT + 1);
  tcpip_socket_t* ours = our_listener(setting.family);
  ck_assert_int_eq(setsockopt(listener, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof mss), 0);
  ck_assert_int_eq(tcpip_socket_set(ours, TCPIP_TCP_MAX_SEGMENT, mss), 0);
  if (setting.we_connect) {
    p.ours = our_socket(setting.family);
    ck_assert_int_eq(tcpip_socket_set(p.ours, TCPIP_TCP_MAX_SEGMENT, mss), 0);
    our_connect(p.ours, setting.family, KERNEL_PORT + 1);
    step_until((p.kernels = kernel_accept(listener)) >= 0);
  } else {
    p.kernels = kernel_connect(setting.family, ENGINE_PORT);
    step_until(tcpip_socket_accept(ours, NULL, &p.ours) == 0);
  }
  exchange(&p, 50000, 50000);
  ck_assert_uint_gt(tap.carried, 1000);
  close(listener);
  tcpip_socket_destroy(ours);
  close_pair(&p);
  stop();
}
END_TEST

static void steps(int ms) {
  int64_t end = h.now + ms * MS;
  while (h.now < end)
    tap_peer_step(&tap, 5);
}

// Who does not read closes its window; who does again opens it, and nothing is lost.
START_TEST(windows_of_zero) {
  setting_t setting = setting_of(_i);
  start(setting.offloads);
  pair_t p = open_pair(&setting);
  flow_t out = {.length = 20 << 20, .key = 1}, in = {.length = 20 << 20, .key = 2};
  int64_t end = h.now + 700 * MS;
  while (h.now < end) {
    we_write(&p, &out);
    kernel_writes(&p, &in);
    tap_peer_step(&tap, 5);
  }
  ck_assert(!out.shut && !in.shut);
  for (int round = 0; round < ROUNDS_MAX && !(out.eof && in.eof); round++) {
    we_write(&p, &out);
    kernel_writes(&p, &in);
    tap_peer_step(&tap, 5);
    we_read(&p, &in);
    kernel_reads(&p, &out);
  }
  ck_assert(out.eof && in.eof);
  close_pair(&p);
  stop();
}
END_TEST

// How the kernel's end stands, as its TCP_INFO says (TCP_ESTABLISHED is 1, TCP_CLOSE 7).
static struct tcp_info kernel_info(int fd) {
  struct tcp_info info = {0};
  socklen_t length = sizeof info;
  ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
  return info;
}

static int kernel_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
  return error;
}

static void kernel_abort(int fd) {
  struct linger linger = {1, 0};
  ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
  close(fd);
}

// What the kernel's end shows of `events`.
static short kernel_poll(int fd, short events) {
  struct pollfd wait = {.fd = fd, .events = events};
  return poll(&wait, 1, 0) == 1 ? wait.revents : 0;
}

static size_t kernel_has(int fd) {
  int bytes = 0;
  ck_assert_int_eq(ioctl(fd, FIONREAD, &bytes), 0);
  return (size_t)bytes;
}

static bool we_see(const pair_t* p, uint32_t events) {
  return tcpip_socket_poll(p->ours) & events;
}

START_TEST(all_ways_of_closing) {
  setting_t setting = setting_of(_i);
  char byte;
  start(false);
  // We close first and wait; the kernel closes first and waits.
  pair_t p = open_pair(&setting);
  tcpip_socket_destroy(p.ours);
  step_until(kernel_poll(p.kernels, POLLIN));
  ck_assert_int_eq(recv(p.kernels, &byte, 1, 0), 0);
  close(p.kernels);
  steps(20);
  ck_assert_uint_eq(host_connections(&h), 1);
  p = open_pair(&setting);
  close(p.kernels);
  step_until(we_see(&p, TCPIP_EVENT_READ_SHUTDOWN));
  ck_assert_int_eq(host_recv(p.ours, &byte, 1, NULL), 0);
  tcpip_socket_destroy(p.ours);
  step_until(host_connections(&h) == 1);  // only the one from before
  // Both at once.
  p = open_pair(&setting);
  close_pair(&p);
  steps(20);
  // Resets, each way.
  p = open_pair(&setting);
  ck_assert_int_eq(tcpip_socket_set(p.ours, TCPIP_LINGER, 0), 0);
  tcpip_socket_destroy(p.ours);
  step_until(kernel_poll(p.kernels, 0) & POLLERR);
  ck_assert_int_eq(kernel_error(p.kernels), ECONNRESET);
  close(p.kernels);
  p = open_pair(&setting);
  kernel_abort(p.kernels);
  step_until(we_see(&p, TCPIP_EVENT_ERROR));
  ck_assert_int_eq(tcpip_socket_take_error(p.ours), -ECONNRESET);
  tcpip_socket_destroy(p.ours);
  // With data unread, each way.
  p = open_pair(&setting);
  ck_assert_int_eq(send(p.kernels, "unread", 6, MSG_NOSIGNAL), 6);
  step_until(tcpip_socket_next_length(p.ours) == 6);
  tcpip_socket_destroy(p.ours);
  step_until(kernel_poll(p.kernels, 0) & POLLERR);
  ck_assert_int_eq(kernel_error(p.kernels), ECONNRESET);
  close(p.kernels);
  p = open_pair(&setting);
  ck_assert_int_eq(host_send(p.ours, "unread", 6, NULL), 6);
  step_until(kernel_has(p.kernels) == 6);
  close(p.kernels);
  step_until(we_see(&p, TCPIP_EVENT_ERROR));
  ck_assert_int_eq(tcpip_socket_take_error(p.ours), -ECONNRESET);
  tcpip_socket_destroy(p.ours);
  stop();
}
END_TEST

START_TEST(refused_connections) {
  setting_t setting = setting_of(_i);
  start(false);
  pair_t p = {our_socket(setting.family), -1};
  our_connect(p.ours, setting.family, 9);
  p.kernels = kernel_connect(setting.family, 9);
  step_until(we_see(&p, TCPIP_EVENT_ERROR) && kernel_poll(p.kernels, 0) & POLLERR);
  ck_assert_int_eq(tcpip_socket_take_error(p.ours), -ECONNREFUSED);
  ck_assert_int_eq(kernel_error(p.kernels), ECONNREFUSED);
  close_pair(&p);
  stop();
}
END_TEST

START_TEST(many_connections) {
  enum { COUNT = 200 };
  setting_t setting = setting_of(_i);
  static pair_t pairs[COUNT];
  start(setting.offloads);
  tcpip_socket_t* listener = our_listener(setting.family);
  int kernels = kernel_listen(setting.family, KERNEL_PORT), echoed = 0;
  for (int i = 0; i < COUNT; i++) {
    pairs[i] = (pair_t){NULL, -1};
    if (setting.we_connect) {
      pairs[i].ours = our_socket(setting.family);
      our_connect(pairs[i].ours, setting.family, KERNEL_PORT);
    } else {
      pairs[i].kernels = kernel_connect(setting.family, ENGINE_PORT);
    }
  }
  int accepted = 0;
  for (int64_t end = h.now + PATIENCE; h.now < end && accepted < COUNT;) {
    tap_peer_step(&tap, 5);
    pair_t* next = &pairs[accepted];
    while (accepted < COUNT && (setting.we_connect ? (next->kernels = kernel_accept(kernels)) >= 0
                                                   : tcpip_socket_accept(listener, NULL, &next->ours) == 0))
      next = &pairs[++accepted];
  }
  ck_assert_int_eq(accepted, COUNT);
  for (int i = 0; i < COUNT; i++)
    ck_assert_int_eq(send(pairs[i].kernels, "hello", 5, MSG_NOSIGNAL), 5);
  for (int i = 0; i < COUNT; i++) {
    char got[8];
    step_until(tcpip_socket_next_length(pairs[i].ours) == 5);
    echoed += host_recv(pairs[i].ours, got, sizeof got, NULL) == 5;
  }
  ck_assert_int_eq(echoed, COUNT);
  for (int i = 0; i < COUNT; i++)
    close_pair(&pairs[i]);
  tcpip_socket_destroy(listener);
  close(kernels);
  stop();
}
END_TEST

START_TEST(urgent_data) {
  setting_t setting = setting_of(_i);
  char got[8] = "";
  int at_mark = 0;
  start(false);
  pair_t p = open_pair(&setting);
  ck_assert_int_eq(send(p.kernels, "abc", 3, MSG_OOB | MSG_NOSIGNAL), 3);
  step_until(we_see(&p, TCPIP_EVENT_URGENT));
  tcpip_recv_t recv_urgent = {.iov = &(struct iovec){got, 1}, .iov_count = 1, .urgent = true};
  ck_assert_int_eq(tcpip_socket_recv(p.ours, &recv_urgent), 1);
  ck_assert_int_eq(got[0], 'c');
  ck_assert_int_eq(host_recv(p.ours, got, sizeof got, NULL), 2);
  ck_assert(tcpip_socket_at_mark(p.ours));
  struct iovec three = {(char[]){'x', 'y', 'z'}, 3};
  tcpip_send_t send_urgent = {.iov = &three, .iov_count = 1, .ttl = -1, .tos = -1, .urgent = true};
  ck_assert_int_eq(tcpip_socket_send(p.ours, &send_urgent), 3);
  step_until(kernel_poll(p.kernels, POLLPRI) & POLLPRI);
  ck_assert_int_eq(recv(p.kernels, got, 1, MSG_OOB), 1);
  ck_assert_int_eq(got[0], 'z');
  ck_assert_int_eq(recv(p.kernels, got, sizeof got, 0), 2);
  ck_assert_int_eq(ioctl(p.kernels, SIOCATMARK, &at_mark), 0);
  ck_assert_int_eq(at_mark, 1);
  close_pair(&p);
  stop();
}
END_TEST

START_TEST(what_is_agreed_on) {
  setting_t setting = setting_of(_i);
  tcpip_tcp_info_t ours;
  start(false);
  tap_peer_sysctl("ipv4/tcp_ecn", "1");
  pair_t p = open_pair(&setting);
  struct tcp_info info = kernel_info(p.kernels);
  const int wanted = TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE | TCPI_OPT_ECN;
  ck_assert_int_eq(info.tcpi_options & wanted, wanted);
  ck_assert_int_eq(tcpip_socket_tcp_info(p.ours, &ours), 0);
  ck_assert(ours.ecn);
  exchange(&p, 100000, 100000);
  close_pair(&p);
  stop();
}
END_TEST

// Each asks the other whether it is still there.
START_TEST(keep_alive) {
  setting_t setting = setting_of(_i);
  int one = 1;
  start(false);
  pair_t p = open_pair(&setting);
  ck_assert_int_eq(setsockopt(p.kernels, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one), 0);
  ck_assert_int_eq(setsockopt(p.kernels, IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof one), 0);
  ck_assert_int_eq(setsockopt(p.kernels, IPPROTO_TCP, TCP_KEEPINTVL, &one, sizeof one), 0);
  ck_assert_int_eq(tcpip_socket_set(p.ours, TCPIP_KEEP_ALIVE, 1), 0);
  ck_assert_int_eq(tcpip_socket_set(p.ours, TCPIP_TCP_KEEP_ALIVE_IDLE, 1), 0);
  uint64_t before = tap.carried;
  step_until(tap.carried - before >= 4);
  exchange(&p, 10, 10);
  close_pair(&p);
  stop();
}
END_TEST

int main(void) {
  const char* reason;
  if (!tap_peer_possible(&reason)) {
    printf("1..0 # SKIP %s\n", reason);
    return 0;
  }
  Suite* suite = suite_create("tcp_kernel");
  TCase* tc = jx_test_case(suite, "tcp_kernel");
  tcase_add_loop_test(tc, bulk_both_ways, 0, 8);
  tcase_add_loop_test(tc, bulk_with_losses, 0, 8);
  tcase_add_loop_test(tc, bulk_without_options, 0, 4);
  tcase_add_loop_test(tc, small_segments, 0, 4);
  tcase_add_loop_test(tc, windows_of_zero, 0, 4);
  tcase_add_loop_test(tc, all_ways_of_closing, 0, 4);
  tcase_add_loop_test(tc, refused_connections, 0, 2);
  tcase_add_loop_test(tc, many_connections, 0, 8);
  tcase_add_loop_test(tc, urgent_data, 0, 4);
  tcase_add_loop_test(tc, what_is_agreed_on, 0, 4);
  tcase_add_loop_test(tc, keep_alive, 0, 2);
  return jx_test_run(suite);
}
