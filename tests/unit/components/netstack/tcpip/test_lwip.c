// The engine beside liblwip: as peers on one wire, and as two judges of the same damaged frames.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "host.h"
#include "jx_test.h"
#include "lwip_peer.h"

static host_t h;
static host_frame_t from_lwip[HOST_FRAMES_MAX];
static size_t from_lwip_count;

static pthread_mutex_t from_lwip_lock = PTHREAD_MUTEX_INITIALIZER;  // lwIP sends from its own thread too

static void on_emit(void* context, const void* frame, size_t length) {
  pthread_mutex_lock(&from_lwip_lock);
  if (from_lwip_count < HOST_FRAMES_MAX) {
    host_frame_t* f = &from_lwip[from_lwip_count++];
    f->bytes = malloc(length);
    f->length = length;
    memcpy(f->bytes, frame, length);
  }
  pthread_mutex_unlock(&from_lwip_lock);
}

static size_t take_from_lwip(host_frame_t out[HOST_FRAMES_MAX]) {
  pthread_mutex_lock(&from_lwip_lock);
  size_t count = from_lwip_count;
  memcpy(out, from_lwip, count * sizeof out[0]);
  from_lwip_count = 0;
  pthread_mutex_unlock(&from_lwip_lock);
  return count;
}

static void drop_from_lwip(void) {
  static host_frame_t batch[HOST_FRAMES_MAX];
  for (size_t count = take_from_lwip(batch); count;)
    free(batch[--count].bytes);
}

static void exchange(void) {
  bool moved = true;
  while (moved) {
    host_frame_t f;
    moved = host_take(&h, &f);
    if (moved) {
      lwip_peer_input(f.bytes, f.length);
      free(f.bytes);
    }
    static host_frame_t batch[HOST_FRAMES_MAX];
    size_t count = take_from_lwip(batch);
    for (size_t i = 0; i < count; i++) {
      moved = true;
      host_input(&h, batch[i].bytes, batch[i].length);
      free(batch[i].bytes);
    }
  }
}

static void start_peer(uint8_t last_octet) {
  const uint8_t mac[6] = {2, 0, 0, 0, 0, last_octet};
  tcpip_address_t v4 = host_ipv4(last_octet), v6 = host_ipv6(last_octet);
  lwip_peer_init(mac, v4.bytes, v6.bytes, on_emit, NULL);
  drop_from_lwip();
}

static void setup(void) {
  host_init(&h, &(host_config_t){.last_octet = 1});
}

static void teardown(void) {
  host_deinit(&h);
}

START_TEST(datagrams_go_to_lwip_and_come_back) {
  const size_t sizes[] = {1, 100, 1472, 1473, 3000, 8000};
  static uint8_t bytes[8000], got[8000];
  start_peer(2);
  lwip_port_t* port = lwip_peer_open(7, true);
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)(i * 11 + i / 256);
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t* s = host_udp(&h, v6 ? TCPIP_IPV6 : TCPIP_IPV4, NULL, 0);
    tcpip_endpoint_t to = host_endpoint(v6 ? "fd00::2" : "10.0.0.2", 7);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      ck_assert_int_eq(host_send(s, bytes, sizes[i], &to), (int64_t)sizes[i]);
      exchange();
      ck_assert_int_eq(lwip_peer_receive(port, got, sizeof got), (long)sizes[i]);
      ck_assert_int_eq(memcmp(bytes, got, sizes[i]), 0);
      ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), (int64_t)sizes[i]);
      ck_assert_int_eq(memcmp(bytes, got, sizes[i]), 0);
    }
  }
  lwip_peer_close(port);
} END_TEST

START_TEST(what_lwip_begins_arrives_as_well) {
  static uint8_t bytes[20000], got[20000];
  start_peer(2);
  lwip_port_t* port = lwip_peer_open(7, false);
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV6, "::", 9);
  tcpip_address_t v4 = host_ipv4(1), v6 = host_ipv6(1);
  ck_assert_int_eq(lwip_peer_send(port, v4.bytes, 4, 9, "hello", 5), 0);
  exchange();
  ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), 5);
  ck_assert_int_eq(lwip_peer_send(port, v4.bytes, 4, 9, bytes, sizeof bytes), 0);
  exchange();
  ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), sizeof bytes);
  ck_assert_int_eq(lwip_peer_send(port, v6.bytes, 16, 9, "hello", 5), 0);
  exchange();
  ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), 5);
  ck_assert_int_eq(lwip_peer_send(port, v6.bytes, 16, 9, bytes, sizeof bytes), 0);
  exchange();
  ck_assert_int_eq(host_recv(s, got, sizeof got, NULL), sizeof bytes);
  lwip_peer_close(port);
} END_TEST

START_TEST(lwip_answers_pings_and_refuses_closed_ports) {
  start_peer(2);
  for (int v6 = 0; v6 < 2; v6++) {
    uint8_t family = v6 ? TCPIP_IPV6 : TCPIP_IPV4, request[1000] = {v6 ? 128 : 8}, reply[1000];
    tcpip_endpoint_t to = host_endpoint(v6 ? "fd00::2" : "10.0.0.2", 99);
    tcpip_socket_t *ping, *s = host_udp(&h, family, NULL, 0);
    ck_assert_int_eq(tcpip_socket_create(h.client, family, TCPIP_ICMP_ECHO, NULL, &ping), 0);
    ck_assert_int_eq(host_send(ping, request, sizeof request, &to), sizeof request);
    exchange();
    ck_assert_int_eq(host_recv(ping, reply, sizeof reply, NULL), sizeof reply);
    ck_assert_int_eq(tcpip_socket_connect(s, &to), 0);
    ck_assert_int_eq(host_send(s, "x", 1, NULL), 1);
    exchange();
    ck_assert_int_eq(tcpip_socket_take_error(s), -ECONNREFUSED);
  }
} END_TEST

// Moves frames both ways, losing some, and lets time pass; lwIP's own thread has its own clock, which only adds to it.
static void exchange_lossy(unsigned loss_per_mille, unsigned ms) {
  host_frame_t f;
  while (host_take(&h, &f)) {
    if ((unsigned)rand() % 1000 >= loss_per_mille)
      lwip_peer_input(f.bytes, f.length);
    free(f.bytes);
  }
  static host_frame_t batch[HOST_FRAMES_MAX];
  size_t count = take_from_lwip(batch);
  for (size_t i = 0; i < count; i++) {
    if ((unsigned)rand() % 1000 >= loss_per_mille)
      host_input(&h, batch[i].bytes, batch[i].length);
    free(batch[i].bytes);
  }
  host_advance(&h, ms * MS);
  lwip_peer_tick(ms);
}

// Sends `length` bytes, reads them back, closes; both ends must see the end.
static void check_stream(tcpip_socket_t* s, lwip_echo_t* echo, size_t length, unsigned loss) {
  static uint8_t bytes[65536], got[65536];
  size_t written = 0, read = 0;
  bool shut = false, eof = false, right = true;
  int opened, ended, failed;
  for (int round = 0; round < 200000 && !eof; round++) {
    uint32_t events = tcpip_socket_poll(s);
    if (written < length && (events & TCPIP_EVENT_WRITABLE)) {
      size_t piece = length - written < sizeof bytes ? length - written : sizeof bytes;
      for (size_t i = 0; i < piece; i++)
        bytes[i] = (uint8_t)((written + i) * 7 + (written + i) / 1000);
      int64_t n = host_send(s, bytes, piece, NULL);
      written += n > 0 ? (size_t)n : 0;
    }
    if (written == length && !shut)
      shut = tcpip_socket_shutdown(s, false, true) == 0;
    for (int64_t n; (n = host_recv(s, got, sizeof got, NULL)) >= 0;) {
      if (n == 0) {
        eof = true;
        break;
      }
      for (int64_t i = 0; i < n; i++)
        right &= got[i] == (uint8_t)((read + (size_t)i) * 7 + (read + (size_t)i) / 1000);
      read += (size_t)n;
    }
    exchange_lossy(loss, loss ? 10 : 1);
  }
  ck_assert(right);
  ck_assert_uint_eq(read, length);
  ck_assert(eof);
  for (int round = 0; round < 100; round++)
    exchange_lossy(0, 10);
  lwip_peer_echo_counts(echo, &opened, &ended, &failed);
  ck_assert_int_eq(failed, 0);
  ck_assert_int_eq(opened, ended);
}

START_TEST(streams_to_lwip_come_back_whole) {
  const size_t lengths[] = {0, 1, 1460, 5000, 300000};
  const unsigned losses[] = {0, 20};
  start_peer(2);
  lwip_echo_t* echo = lwip_peer_echo_listen(7);
  for (int loss = 0; loss < 2; loss++) {
    for (int v6 = 0; v6 < 2; v6++) {
      for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        tcpip_socket_t* s;
        tcpip_endpoint_t to = host_endpoint(v6 ? "fd00::2" : "10.0.0.2", 7);
        ck_assert_int_eq(tcpip_socket_create(h.client, v6 ? TCPIP_IPV6 : TCPIP_IPV4, TCPIP_TCP, NULL, &s), 0);
        ck_assert_int_eq(tcpip_socket_connect(s, &to), -EINPROGRESS);
        check_stream(s, echo, lengths[i], losses[loss]);
        tcpip_socket_destroy(s);
      }
    }
  }
} END_TEST

START_TEST(streams_that_lwip_begins_come_back_whole) {
  start_peer(2);
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_socket_t *listener, *s = NULL;
    uint8_t family = v6 ? TCPIP_IPV6 : TCPIP_IPV4;
    tcpip_endpoint_t at = host_endpoint(v6 ? "::" : "0.0.0.0", 80);
    tcpip_address_t ours = v6 ? host_ipv6(1) : host_ipv4(1);
    ck_assert_int_eq(tcpip_socket_create(h.client, family, TCPIP_TCP, NULL, &listener), 0);
    ck_assert_int_eq(tcpip_socket_set(listener, TCPIP_REUSE_ADDRESS, 1), 0);  // the other family's is not over
    ck_assert_int_eq(tcpip_socket_bind(listener, &at), 0);
    ck_assert_int_eq(tcpip_socket_listen(listener, 4), 0);
    lwip_echo_t* echo = lwip_peer_echo_connect(ours.bytes, v6 ? 16 : 4, 80);
    for (int round = 0; round < 100 && !s; round++) {
      exchange_lossy(0, 10);
      (void)tcpip_socket_accept(listener, NULL, &s);
    }
    ck_assert_ptr_nonnull(s);
    check_stream(s, echo, 200000, v6 ? 20 : 0);
    tcpip_socket_destroy(s);
    tcpip_socket_destroy(listener);
  }
} END_TEST

static void rounds(int count) {
  for (int i = 0; i < count; i++)
    exchange_lossy(0, 10);
}

static tcpip_socket_t* connect_to_echo(uint8_t family) {
  tcpip_socket_t* s;
  tcpip_endpoint_t to = host_endpoint(family == TCPIP_IPV6 ? "fd00::2" : "10.0.0.2", 7);
  ck_assert_int_eq(tcpip_socket_create(h.client, family, TCPIP_TCP, NULL, &s), 0);
  ck_assert_int_eq(tcpip_socket_connect(s, &to), -EINPROGRESS);
  return s;
}

START_TEST(streams_in_small_segments) {
  start_peer(2);
  lwip_echo_t* echo = lwip_peer_echo_listen(7);
  for (unsigned loss = 0; loss < 40; loss += 20) {
    tcpip_socket_t* s;
    tcpip_endpoint_t to = host_endpoint("10.0.0.2", 7);
    ck_assert_int_eq(tcpip_socket_create(h.client, TCPIP_IPV4, TCPIP_TCP, NULL, &s), 0);
    ck_assert_int_eq(tcpip_socket_set(s, TCPIP_TCP_MAX_SEGMENT, 100), 0);
    ck_assert_int_eq(tcpip_socket_connect(s, &to), -EINPROGRESS);
    check_stream(s, echo, 20000, loss);
    tcpip_socket_destroy(s);
  }
}
END_TEST

// lwIP does not read for ten seconds: its window closes and is probed. We do not read either: ours closes.
START_TEST(windows_of_zero_open_again) {
  static uint8_t bytes[200000], got[200000];
  start_peer(2);
  lwip_echo_t* echo = lwip_peer_echo_listen(7);
  tcpip_socket_t* s = connect_to_echo(TCPIP_IPV4);
  ck_assert_int_eq(tcpip_socket_set(s, TCPIP_RECEIVE_BUFFER, 8000), 0);
  lwip_peer_echo_hold(echo, true);
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)(i * 13 + i / 500);
  size_t written = 0, read = 0;
  for (int round = 0; round < 20000 && read < sizeof got; round++) {
    int64_t n = written < sizeof bytes ? host_send(s, bytes + written, sizeof bytes - written, NULL) : 0;
    written += n > 0 ? (size_t)n : 0;
    if (round == 1000) {
      ck_assert_uint_lt(written, sizeof bytes);
      lwip_peer_echo_hold(echo, false);
    }
    n = round > 2000 ? host_recv(s, got + read, sizeof got - read, NULL) : 0;
    read += n > 0 ? (size_t)n : 0;
    exchange_lossy(0, 10);
  }
  ck_assert_uint_eq(read, sizeof got);
  ck_assert_int_eq(memcmp(bytes, got, sizeof got), 0);
  tcpip_socket_destroy(s);
}
END_TEST

START_TEST(every_way_of_closing_between_the_two) {
  int opened, ended, failed;
  char byte;
  start_peer(2);
  lwip_echo_t* echo = lwip_peer_echo_listen(7);
  for (int v6 = 0; v6 < 2; v6++) {
    uint8_t family = v6 ? TCPIP_IPV6 : TCPIP_IPV4;
    size_t before = host_connections(&h);
    tcpip_socket_t* s = connect_to_echo(family);  // lwIP closes first
    rounds(10);
    lwip_peer_echo_end_all(echo, false);
    rounds(10);
    ck_assert_int_eq(host_recv(s, &byte, 1, NULL), 0);
    tcpip_socket_destroy(s);
    rounds(20);
    ck_assert_uint_eq(host_connections(&h), before);
    s = connect_to_echo(family);  // both at once
    rounds(10);
    lwip_peer_echo_end_all(echo, false);
    tcpip_socket_destroy(s);
    rounds(100);
    s = connect_to_echo(family);  // lwIP resets
    rounds(10);
    lwip_peer_echo_end_all(echo, true);
    rounds(10);
    ck_assert_int_eq(tcpip_socket_take_error(s), -ECONNRESET);
    tcpip_socket_destroy(s);
    s = connect_to_echo(family);  // we reset with data unread
    rounds(10);
    ck_assert_int_eq(host_send(s, "abc", 3, NULL), 3);
    rounds(10);
    tcpip_socket_destroy(s);
    rounds(10);
    host_advance(&h, 70 * S);
    ck_assert_uint_eq(host_connections(&h), 0);
  }
  lwip_peer_echo_counts(echo, &opened, &ended, &failed);
  ck_assert_int_eq(opened, 8);
  ck_assert_int_eq(ended, 4);
  ck_assert_int_eq(failed, 4);
}
END_TEST

// lwIP's build has so many connections and no more.
START_TEST(many_connections_at_once) {
  enum { COUNT = 40 };
  tcpip_socket_t* s[COUNT];
  char got[16];
  start_peer(2);
  lwip_echo_t* echo = lwip_peer_echo_listen(7);
  for (int i = 0; i < COUNT; i++)
    s[i] = connect_to_echo(i & 1 ? TCPIP_IPV6 : TCPIP_IPV4);
  rounds(100);
  for (int i = 0; i < COUNT; i++)
    ck_assert_int_eq(host_send(s[i], &i, sizeof i, NULL), sizeof i);
  rounds(100);
  for (int i = 0; i < COUNT; i++) {
    ck_assert_int_eq(host_recv(s[i], got, sizeof got, NULL), sizeof i);
    ck_assert_int_eq(memcmp(got, &i, sizeof i), 0);
    tcpip_socket_destroy(s[i]);
  }
  rounds(100);
  int opened, ended, failed;
  lwip_peer_echo_counts(echo, &opened, &ended, &failed);
  ck_assert_int_eq(ended, COUNT);
}
END_TEST

START_TEST(lwip_refuses_and_resets_as_it_should) {
  tcpip_socket_t* s;
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 99);
  start_peer(2);
  ck_assert_int_eq(tcpip_socket_create(h.client, TCPIP_IPV4, TCPIP_TCP, NULL, &s), 0);
  ck_assert_int_eq(tcpip_socket_connect(s, &to), -EINPROGRESS);
  for (int round = 0; round < 10; round++)
    exchange_lossy(0, 1);
  ck_assert_int_eq(tcpip_socket_take_error(s), -ECONNREFUSED);
  lwip_echo_t* echo = lwip_peer_echo_listen(7);
  to.port = 7;
  tcpip_socket_destroy(s);
  ck_assert_int_eq(tcpip_socket_create(h.client, TCPIP_IPV4, TCPIP_TCP, NULL, &s), 0);
  ck_assert_int_eq(tcpip_socket_connect(s, &to), -EINPROGRESS);
  for (int round = 0; round < 10; round++)
    exchange_lossy(0, 1);
  ck_assert_int_eq(tcpip_socket_set(s, TCPIP_LINGER, 0), 0);
  tcpip_socket_destroy(s);
  for (int round = 0; round < 10; round++)
    exchange_lossy(0, 1);
  int opened, ended, failed;
  lwip_peer_echo_counts(echo, &opened, &ended, &failed);
  ck_assert_int_eq(opened, 1);
  ck_assert_int_eq(failed, 1);
} END_TEST

static uint8_t frame[2048];

static size_t build(bool v6) {
  static uint8_t udp[64];
  peer_packet_t packet = {.from = v6 ? host_ipv6(99) : host_ipv4(99), .to = v6 ? host_ipv6(1) : host_ipv4(1),
                          .protocol = 17, .payload = udp, .length = peer_udp(udp, 5000, 9, "payload", 7),
                          .checksum_at = 6};
  return peer_frame(frame, peer_mac, h.mac, &packet);
}

// Differences that are meant; everything else must be judged alike. `at` is the octet of the IP packet.
static bool meant(bool v6, size_t at, bool ours) {
  if (!v6)  // sources no host has, and an identification and flags that make no fragment, are not lwIP's concern
    return !ours && (at == 12 || at == 15);
  // lwIP looks neither at the source's kind nor (in this build) beyond the first octets of the version.
  return !ours && at >= 8 && at < 24;
}

// Every value of every header octet, with the checksums made right again, to both.
START_TEST(both_judge_each_header_octet_alike) {
  start_peer(1);
  lwip_port_t* port = lwip_peer_open(9, false);
  tcpip_socket_t* s = host_udp(&h, TCPIP_IPV6, "::", 9);
  for (int v6 = 0; v6 < 2; v6++) {
    size_t ip = v6 ? 40 : 20, length = build(v6);
    for (size_t at = 0; at < ip + 8; at++) {
      for (unsigned value = 0; value < 256; value++) {
        build(v6);
        frame[14 + at] = (uint8_t)value;
        if (!v6 && at != 10 && at != 11) {
          be16_put(frame + 24, 0);
          size_t header = (size_t)(frame[14] & 0xf) * 4;
          be16_put(frame + 24, (uint16_t)~naive_checksum(0, frame + 14, header < 20 ? 20 : header));
        }
        uint8_t got[64];
        host_input(&h, frame, length);
        lwip_peer_input(frame, length);
        bool ours = host_recv(s, got, sizeof got, NULL) >= 0;
        bool theirs = lwip_peer_receive(port, got, sizeof got) >= 0;
        ck_assert_msg(ours == theirs || meant(v6, at, ours), "IPv%d octet %zu value %u: ours %d, lwIP %d", v6 ? 6 : 4, at,
                      value, ours, theirs);
        host_drop_all(&h);
        drop_from_lwip();
      }
    }
  }
  lwip_peer_close(port);
} END_TEST

int main(void) {
  Suite* suite = suite_create("lwip");
  TCase* tc = jx_test_case(suite, "lwip");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, datagrams_go_to_lwip_and_come_back);
  tcase_add_test(tc, what_lwip_begins_arrives_as_well);
  tcase_add_test(tc, lwip_answers_pings_and_refuses_closed_ports);
  tcase_add_test(tc, streams_to_lwip_come_back_whole);
  tcase_add_test(tc, streams_that_lwip_begins_come_back_whole);
  tcase_add_test(tc, streams_in_small_segments);
  tcase_add_test(tc, windows_of_zero_open_again);
  tcase_add_test(tc, every_way_of_closing_between_the_two);
  tcase_add_test(tc, many_connections_at_once);
  tcase_add_test(tc, lwip_refuses_and_resets_as_it_should);
  tcase_add_test(tc, both_judge_each_header_octet_alike);
  return jx_test_run(suite);
}
