// TCP under attack and at scale: floods of every kind, ten thousand connections, many short ones.
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "host.h"
#include "jx_test.h"

#define IDLE_BYTES_MAX 1024
#define ALLOCATOR_BYTES 16384  // that malloc keeps in its caches of freed pieces, and counts as in use
#define TABLE_BYTES 32  // for each, of the tables of ports and connections

static host_t a, b;
static uint8_t frame[256];

static void setup(void) {
  host_init(&a, &(host_config_t){.last_octet = 1, .seed = 1});
  host_init(&b, &(host_config_t){.last_octet = 2, .seed = 2});
  host_introduce(&a, &b);
}

static void teardown(void) {
  host_deinit(&a);
  host_deinit(&b);
}

static tcpip_socket_t* listen_on(host_t* h, uint16_t port, int backlog) {
  tcpip_socket_t* s;
  tcpip_endpoint_t at = host_endpoint("0.0.0.0", port);
  ck_assert_int_eq(tcpip_socket_create(h->client, TCPIP_IPV4, TCPIP_TCP, NULL, &s), 0);
  ck_assert_int_eq(tcpip_socket_bind(s, &at), 0);
  ck_assert_int_eq(tcpip_socket_listen(s, backlog), 0);
  return s;
}

static void open_pair(tcpip_socket_t* listener, tcpip_socket_t** client, tcpip_socket_t** server) {
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 80);
  if (tcpip_socket_create(a.client, TCPIP_IPV4, TCPIP_TCP, NULL, client) ||
      tcpip_socket_connect(*client, &to) != -EINPROGRESS)
    ck_abort_msg("connect");
  host_exchange(&a, &b);
  int result = tcpip_socket_accept(listener, NULL, server);
  if (result)
    ck_abort_msg("accept: %d", result);
}

static void segment(uint8_t flags, uint16_t from, uint32_t seq, uint32_t ack) {
  uint8_t tcp[20] = {0};
  be16_put(tcp, from);
  be16_put(tcp + 2, 80);
  be32_put(tcp + 4, seq);
  be32_put(tcp + 8, ack);
  tcp[12] = 0x50;
  tcp[13] = flags;
  be16_put(tcp + 14, 1000);
  peer_packet_t packet = {.from = host_ipv4(99), .to = host_ipv4(2), .protocol = 6, .payload = tcp,
                          .length = sizeof tcp, .checksum_at = 16};
  host_input(&b, frame, peer_frame(frame, peer_mac, b.mac, &packet));
}

START_TEST(a_flood_of_syns_does_not_keep_others_out) {
  tcpip_socket_t *listener = listen_on(&b, 80, 16), *client, *server;
  tcpip_address_t peer = host_ipv4(99);
  ck_assert_int_eq(tcpip_neighbour_set(b.stack, b.interface, &peer, peer_mac), 0);
  for (uint32_t i = 0; i < 5000; i++) {
    segment(2, (uint16_t)(1000 + i), i * 77, 0);
    host_drop_all(&b);
  }
  ck_assert_uint_eq(host_connections(&b), 16);
  ck_assert_uint_eq(tcpip_stats(b.stack)->tcp_cookies_sent, 5000 - 16);
  open_pair(listener, &client, &server);
  ck_assert_uint_eq(tcpip_stats(b.stack)->tcp_cookies_accepted, 1);
  ck_assert_int_eq(host_send(client, "hello", 5, NULL), 5);
  host_exchange(&a, &b);
  char got[8];
  ck_assert_int_eq(host_recv(server, got, sizeof got, NULL), 5);
  for (uint32_t i = 0; i < 5000; i++)  // a guess at a cookie opens nothing
    segment(16, (uint16_t)(1000 + i), i * 77 + 1, i * 12345);
  ck_assert_uint_eq(tcpip_stats(b.stack)->tcp_cookies_accepted, 1);
  host_drop_all(&b);
  host_advance(&b, 200 * S);
  ck_assert_uint_eq(host_connections(&b), 1);
} END_TEST

START_TEST(forged_segments_do_not_disturb_a_connection) {
  tcpip_socket_t *listener = listen_on(&b, 80, 16), *client, *server;
  tcpip_endpoint_t local;
  open_pair(listener, &client, &server);
  tcpip_socket_local(client, &local);
  srand(9);
  for (int i = 0; i < 20000; i++) {  // from the client's address, with guessed numbers
    uint8_t tcp[120] = {0};
    size_t length = 20 + (size_t)(rand() % 100);
    be16_put(tcp, local.port);
    be16_put(tcp + 2, 80);
    be32_put(tcp + 4, (uint32_t)rand() << 1);
    be32_put(tcp + 8, (uint32_t)rand() << 1);
    tcp[12] = 0x50;
    tcp[13] = (uint8_t)rand();
    be16_put(tcp + 14, (uint32_t)rand() & 0xffff);
    peer_packet_t packet = {.from = host_ipv4(1), .to = host_ipv4(2), .protocol = 6, .payload = tcp,
                            .length = length, .checksum_at = 16};
    host_input(&b, frame, peer_frame(frame, a.mac, b.mac, &packet));
    host_drop_all(&b);
  }
  char got[8];
  ck_assert_int_eq(host_send(client, "hello", 5, NULL), 5);
  for (int i = 0; i < 20; i++) {
    host_exchange(&a, &b);
    a.now += 300 * MS;
    b.now += 300 * MS;
    tcpip_advance(a.stack, a.now);
    tcpip_advance(b.stack, b.now);
  }
  ck_assert_int_eq(host_recv(server, got, sizeof got, NULL), 5);
  ck_assert_int_eq(memcmp(got, "hello", 5), 0);
} END_TEST

// One kind of segment from the client's own address, with sequence numbers that are not the expected one.
static void forge(const tcpip_socket_t* client, uint8_t flags, size_t data) {
  static uint8_t bytes[700];
  uint8_t tcp[540] = {0};
  tcpip_endpoint_t local;
  tcpip_socket_local(client, &local);
  be16_put(tcp, local.port);
  be16_put(tcp + 2, 80);
  be32_put(tcp + 4, (uint32_t)rand() << 1);
  be32_put(tcp + 8, (uint32_t)rand() << 1);
  tcp[12] = 0x80;
  tcp[13] = flags;
  be16_put(tcp + 14, 1000);
  const uint8_t timestamp[4] = {1, 1, 8, 10};  // every second one seems newer
  memcpy(tcp + 20, timestamp, 4);
  be32_put(tcp + 24, (uint32_t)rand() << 1);
  peer_packet_t packet = {.from = host_ipv4(1), .to = host_ipv4(2), .protocol = 6, .payload = tcp, .length = 32 + data,
                          .checksum_at = 16};
  host_input(&b, bytes, peer_frame(bytes, a.mac, b.mac, &packet));
}

static const struct {
  const char* name;
  uint8_t flags;
  size_t data;
  bool answered;  // each may be, as the RFCs have it
} floods[] = {{"SYN", 2, 0, false},           {"SYN-ACK", 18, 0, false}, {"RST", 4, 0, false},
              {"RST with ACK", 20, 0, false}, {"ACK", 16, 0, false},     {"FIN", 17, 0, false},
              {"data outside", 16, 500, true}, {"URG", 48, 0, false},     {"nothing", 0, 0, false}};

// Ten thousand in a second: the connection stays, little is answered, no memory is taken, and data passes afterwards.
START_TEST(a_flood_of_one_kind_is_borne) {
  tcpip_socket_t *listener = listen_on(&b, 80, 16), *client, *server;
  enum { COUNT = 10000 };
  size_t used_before, used;
  char got[8];
  open_pair(listener, &client, &server);
  tcpip_client_usage(b.client, NULL, &used_before);
  uint64_t sent = tcpip_stats(b.stack)->tcp_tx;
  srand(7);
  for (int i = 0; i < COUNT; i++) {
    forge(client, floods[_i].flags, floods[_i].data);
    host_drop_all(&b);
    b.now += MS / 10;
    a.now += MS / 10;
    tcpip_advance(b.stack, b.now);
  }
  sent = tcpip_stats(b.stack)->tcp_tx - sent;
  printf("# %s: %d segments, %llu answers\n", floods[_i].name, COUNT, (unsigned long long)sent);
  fflush(stdout);
  ck_assert_uint_le(sent, floods[_i].answered ? COUNT : 10);
  tcpip_client_usage(b.client, NULL, &used);
  ck_assert_uint_eq(used, used_before);
  ck_assert_int_eq(host_send(client, "hello", 5, NULL), 5);
  host_exchange(&a, &b);
  ck_assert_int_eq(host_recv(server, got, sizeof got, NULL), 5);
  ck_assert_int_eq(host_send(server, "world", 5, NULL), 5);
  host_exchange(&a, &b);
  ck_assert_int_eq(host_recv(client, got, sizeof got, NULL), 5);
}
END_TEST

// Out-of-order crumbs, as many as there is room for: bounded, and the stream goes on.
START_TEST(a_flood_of_crumbs_is_bounded) {
  tcpip_socket_t *listener = listen_on(&b, 80, 16), *client, *server;
  tcpip_tcp_info_t info;
  static char bytes[100000], got[100000];
  open_pair(listener, &client, &server);
  for (int round = 0; round < 3; round++) {
    ck_assert_int_gt(host_send(client, bytes, sizeof bytes, NULL), 0);
    host_frame_t f;
    for (int i = 0; host_take(&a, &f); i++) {  // every second one is lost
      if (i & 1) host_input(&b, f.bytes, f.length);
      free(f.bytes);
    }
    host_advance(&a, 300 * MS);
    host_advance(&b, 300 * MS);
    host_exchange(&a, &b);
    while (host_recv(server, got, sizeof got, NULL) > 0) host_exchange(&a, &b);
  }
  ck_assert_int_eq(tcpip_socket_tcp_info(server, &info), 0);
  ck_assert_int_eq(info.state, TCPIP_TCP_ESTABLISHED);
}
END_TEST

START_TEST(a_backlog_that_nobody_accepts_from_holds_and_then_lets_in) {
  tcpip_socket_t *listener = listen_on(&b, 80, 4), *client[10], *server;
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 80);
  for (int i = 0; i < 10; i++) {
    ck_assert_int_eq(tcpip_socket_create(a.client, TCPIP_IPV4, TCPIP_TCP, NULL, &client[i]), 0);
    ck_assert_int_eq(tcpip_socket_connect(client[i], &to), -EINPROGRESS);
    host_exchange(&a, &b);
  }
  int accepted = 0;
  for (int round = 0; round < 40; round++) {
    if (tcpip_socket_accept(listener, NULL, &server) == 0)
      accepted++;
    for (int i = 0; i < 10; i++)  // what opened by a cookie and found no room is there once data comes again
      (void)host_send(client[i], "x", 1, NULL);
    a.now += S;
    b.now += S;
    tcpip_advance(a.stack, a.now);
    tcpip_advance(b.stack, b.now);
    host_exchange(&a, &b);
  }
  ck_assert_int_eq(accepted, 10);
  ck_assert_uint_gt(tcpip_stats(b.stack)->tcp_listen_overflows, 0);
} END_TEST

START_TEST(ten_thousand_connections_at_once) {
  enum { COUNT = 10000 };
  static tcpip_socket_t *clients[COUNT], *servers[COUNT];
  tcpip_quota_t many = {.sockets = 20000, .buffer_bytes = 60 << 20};
  tcpip_client_destroy(a.client);
  tcpip_client_destroy(b.client);
  ck_assert_int_eq(tcpip_client_create(a.stack, &many, &a.client), 0);
  ck_assert_int_eq(tcpip_client_create(b.stack, &many, &b.client), 0);
  tcpip_socket_t* listener = listen_on(&b, 80, 100);
  struct mallinfo2 before = mallinfo2();
  for (int i = 0; i < COUNT; i++)
    open_pair(listener, &clients[i], &servers[i]);
  ck_assert_uint_eq(host_connections(&b), COUNT);
  char byte;
  int right = 0;
  for (int i = 0; i < COUNT; i += 7) {
    if (host_send(clients[i], (char[]){(char)i}, 1, NULL) != 1)
      ck_abort_msg("send");
    host_exchange(&a, &b);
    right += host_recv(servers[i], &byte, 1, NULL) == 1 && byte == (char)i;
  }
  ck_assert_int_eq(right, (COUNT + 6) / 7);
  host_advance(&a, 2 * S);
  host_advance(&b, 2 * S);
  host_exchange(&a, &b);
  size_t used;
  host_advance(&b, 2 * S);
  tcpip_client_usage(b.client, NULL, &used);
  ck_assert_uint_eq(used, 0);  // an idle one holds no buffer
  // All that the allocator gave, its own bookkeeping and the tables' heads included.
  size_t each = (mallinfo2().uordblks - before.uordblks) / (2 * COUNT);
  printf("# an idle connection takes %zu bytes\n", each);
  fflush(stdout);
  ck_assert_uint_le(each, IDLE_BYTES_MAX);
} END_TEST

static size_t heap_in_use(void) {
  return mallinfo2().uordblks;
}

// What each of `count` connections takes, both ends together, beyond `start`.
static size_t tell(const char* stage, size_t start, size_t count) {
  size_t now = heap_in_use(), each = now > start ? (now - start) / count : 0;
  printf("# %s: %zu bytes for both ends of a connection\n", stage, each);
  fflush(stdout);
  return each;
}

static void both_advance(int64_t by) {
  host_advance(&a, by);
  host_advance(&b, by);
  host_exchange(&a, &b);
}

// Both ends write and neither reads, so that buffers are held.
static void open_and_fill(tcpip_socket_t* listener, tcpip_socket_t** client, tcpip_socket_t** server) {
  static const char bytes[1000];
  open_pair(listener, client, server);
  int64_t forth = host_send(*client, bytes, sizeof bytes, NULL), back = host_send(*server, bytes, sizeof bytes, NULL);
  if (forth != sizeof bytes || back != sizeof bytes)
    ck_abort_msg("send: %lld, %lld", (long long)forth, (long long)back);
  host_exchange(&a, &b);
}

static void read_all(tcpip_socket_t* socket) {
  char bytes[1000];
  if (host_recv(socket, bytes, sizeof bytes, NULL) != sizeof bytes)
    ck_abort_msg("not all is there");
}

START_TEST(ten_thousand_closed_connections_give_everything_back) {
  enum { COUNT = 10000 };
  static tcpip_socket_t *clients[COUNT], *servers[COUNT];
  tcpip_quota_t many = {.sockets = 20000, .buffer_bytes = 200 << 20};
  tcpip_limits_t limits = {.buffer_bytes = 400 << 20};
  teardown();
  host_init(&a, &(host_config_t){.last_octet = 1, .seed = 1, .limits = limits});
  host_init(&b, &(host_config_t){.last_octet = 2, .seed = 2, .limits = limits});
  host_introduce(&a, &b);
  tcpip_client_destroy(a.client);
  tcpip_client_destroy(b.client);
  ck_assert_int_eq(tcpip_client_create(a.stack, &many, &a.client), 0);
  ck_assert_int_eq(tcpip_client_create(b.stack, &many, &b.client), 0);
  tcpip_socket_t* listener = listen_on(&b, 80, 100);
  size_t start = 0;
  for (int round = 0; round < 2; round++) {  // the first makes the tables
    int count = round ? COUNT : COUNT / 100;
    for (int i = 0; i < count; i++)
      open_and_fill(listener, &clients[i], &servers[i]);
    tell("with 1,000 octets unread at both ends", start, (size_t)count);
    for (int i = 0; i < count; i++) {
      read_all(clients[i]);
      read_all(servers[i]);
    }
    both_advance(2 * S);
    size_t idle = tell("idle", start, (size_t)count);
    ck_assert(!round || idle <= 2 * IDLE_BYTES_MAX + TABLE_BYTES);
    for (int i = 0; i < count; i++) {
      tcpip_socket_destroy(clients[i]);  // closes first, and waits
      host_exchange(&a, &b);
      tcpip_socket_destroy(servers[i]);
      host_exchange(&a, &b);
    }
    ck_assert_uint_eq(host_connections(&a), count);
    ck_assert_uint_eq(host_connections(&b), 0);
    size_t waiting = tell("waiting for 2 MSL", start, (size_t)count);
    ck_assert(!round || waiting <= IDLE_BYTES_MAX + TABLE_BYTES);
    both_advance(59 * S);
    ck_assert_uint_eq(host_connections(&a), count);
    both_advance(2 * S);
    ck_assert_uint_eq(host_connections(&a), 0);
    ck_assert(tcpip_deadline(a.stack) == TCPIP_NEVER && tcpip_deadline(b.stack) == TCPIP_NEVER);
    size_t left = heap_in_use();
    if (round) printf("# after it: %zu bytes for all of them\n", left > start ? left - start : 0);
    ck_assert(!round || left < start + ALLOCATOR_BYTES);
    start = left;
  }
} END_TEST

START_TEST(a_minute_of_short_connections_leaves_nothing) {
  tcpip_socket_t *listener = listen_on(&b, 80, 100), *client, *server;
  char byte;
  struct mallinfo2 before = {0}, later;
  for (int i = 0; i < 60000; i++) {  // a thousand a second
    if (i == 30000) before = mallinfo2();
    open_pair(listener, &client, &server);
    if (host_send(client, "q", 1, NULL) != 1)
      ck_abort_msg("send");
    host_exchange(&a, &b);
    int64_t asked = host_recv(server, &byte, 1, NULL), answered = host_send(server, "a", 1, NULL);
    if (asked != 1 || answered != 1)
      ck_abort_msg("exchange %d: %lld, %lld", i, (long long)asked, (long long)answered);
    tcpip_socket_destroy(server);  // the server closes first and keeps the waiting state
    host_exchange(&a, &b);
    int64_t first = host_recv(client, &byte, 1, NULL), second = host_recv(client, &byte, 1, NULL);
    if (first != 1 || second != 0)
      ck_abort_msg("the end of %d: %lld, %lld", i, (long long)first, (long long)second);
    tcpip_socket_destroy(client);
    host_exchange(&a, &b);
    a.now += MS;
    b.now += MS;
    tcpip_advance(a.stack, a.now);
    tcpip_advance(b.stack, b.now);
  }
  later = mallinfo2();
  uint32_t waiting = (uint32_t)host_connections(&b);
  printf("# %u connections wait out their time; %zu bytes each, 30,000 more of them cost %zu\n", waiting,
         later.uordblks / (waiting ? waiting : 1), later.uordblks - before.uordblks);
  ck_assert_uint_eq(host_connections(&a), 0);
  ck_assert_uint_gt(waiting, 7000);
  host_advance(&a, 61 * S);
  host_advance(&b, 61 * S);
  ck_assert_uint_eq(host_connections(&b), 0);
  later = mallinfo2();  // nothing has grown but the tables
  ck_assert_uint_lt(later.uordblks, 8u << 20);
} END_TEST

int main(void) {
  Suite* suite = suite_create("tcp_floods");
  TCase* tc = jx_test_case(suite, "tcp_floods");
  tcase_set_timeout(tc, 60);
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, a_flood_of_syns_does_not_keep_others_out);
  tcase_add_test(tc, forged_segments_do_not_disturb_a_connection);
  tcase_add_loop_test(tc, a_flood_of_one_kind_is_borne, 0, sizeof floods / sizeof floods[0]);
  tcase_add_test(tc, a_flood_of_crumbs_is_bounded);
  tcase_add_test(tc, a_backlog_that_nobody_accepts_from_holds_and_then_lets_in);
  tcase_add_test(tc, ten_thousand_connections_at_once);
  tcase_add_test(tc, ten_thousand_closed_connections_give_everything_back);
  tcase_add_test(tc, a_minute_of_short_connections_leaves_nothing);
  return jx_test_run(suite);
}
