// Streams whose host has no memory left for what they must remember.
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "jx_test.h"
#include "tcp.h"
#include "tcp_invariants.h"

static host_t a, b;

// What malloc refuses; 0: nothing. The linker puts these in the place of the engine's malloc.
static size_t refused_size;
static unsigned refusals;

void* __real_malloc(size_t size);
void* __wrap_malloc(size_t size);
void* __wrap_malloc(size_t size) {
  if (!refused_size || size != refused_size) return __real_malloc(size);
  refusals++;
  return NULL;
}

void tcp_invariants_failed(const char* what) {
  refused_size = 0;
  ck_abort_msg("%s", what);
}

static void setup(void) {
  host_init(&a, &(host_config_t){
                    .last_octet = 1, .seed = 1, .link_features = TCPIP_LINK_TX_CHECKSUM | TCPIP_LINK_TX_TSO});
  host_init(&b, &(host_config_t){.last_octet = 2, .seed = 2});
}

static void teardown(void) {
  refused_size = 0;
  host_deinit(&a);
  host_deinit(&b);
}

static tcpip_socket_t* stream(host_t* h) {
  tcpip_socket_t* s;
  ck_assert_int_eq(tcpip_socket_create(h->client, TCPIP_IPV4, TCPIP_TCP, h, &s), 0);
  return s;
}

enum { PAIRS_MAX = 64 };
static struct {
  tcpip_socket_t* client;
  tcpip_socket_t* server;
} pairs[PAIRS_MAX];

// Connects streams of `from`, a client of a's, with ones of b's.
static void connect_pairs(tcpip_client_t* from, int count) {
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 80);
  tcpip_socket_t* l = stream(&b);
  host_introduce(&a, &b);
  ck_assert_int_eq(tcpip_socket_bind(l, &to), 0);
  ck_assert_int_eq(tcpip_socket_listen(l, PAIRS_MAX), 0);
  for (int i = 0; i < count; i++) {
    ck_assert_int_eq(tcpip_socket_create(from, TCPIP_IPV4, TCPIP_TCP, &a, &pairs[i].client), 0);
    ck_assert_int_eq(tcpip_socket_connect(pairs[i].client, &to), -EINPROGRESS);
    host_exchange(&a, &b);
    ck_assert_int_eq(tcpip_socket_accept(l, NULL, &pairs[i].server), 0);
  }
}

// Writes until there is no room. Returns how much.
static size_t fill(tcpip_socket_t* socket) {
  static uint8_t bytes[1 << 16];
  size_t written = 0;
  int64_t n;
  while ((n = host_send(socket, bytes, sizeof bytes, NULL)) > 0)
    written += (size_t)n;
  ck_assert_int_eq(n, -EAGAIN);
  return written;
}

START_TEST(who_sends_much_leaves_room_for_who_sends_little) {
  enum { GREEDY = 8, BUDGET = 1 << 20 };
  static uint8_t bytes[16384];
  tcpip_client_t* from;
  size_t used, written = 0;
  ck_assert_int_eq(tcpip_client_create(a.stack, &(tcpip_quota_t){.buffer_bytes = BUDGET}, &from), 0);
  connect_pairs(from, GREEDY + 1);
  for (int i = 0; i < GREEDY; i++)
    ck_assert_int_eq(tcpip_socket_set(pairs[i].client, TCPIP_SEND_BUFFER, BUDGET), 0);
  for (int i = 0; i < GREEDY; i++)
    written += fill(pairs[i].client);
  host_drop_all(&a);
  tcpip_client_usage(from, NULL, &used);
  ck_assert_uint_gt(written, BUDGET / 2);
  ck_assert_uint_lt(used, BUDGET - BUDGET / 32);
  // The last one sends at once, and has room for what it is sent, though nothing of theirs is acknowledged.
  tcpip_socket_t *client = pairs[GREEDY].client, *server = pairs[GREEDY].server;
  ck_assert_int_eq(host_send(client, "x", 1, NULL), 1);
  ck_assert_int_eq(host_send(server, bytes, sizeof bytes, NULL), sizeof bytes);
  host_exchange(&a, &b);
  ck_assert_int_eq(host_recv(server, bytes, sizeof bytes, NULL), 1);
  ck_assert_int_eq(host_recv(client, bytes, sizeof bytes, NULL), sizeof bytes);
  tcp_invariants_check(a.stack);
  tcpip_client_destroy(from);
}
END_TEST

START_TEST(no_stream_stands_still_for_want_of_memory) {
  static const uint8_t bytes[20000];
  static uint8_t got[sizeof bytes];
  size_t sent[PAIRS_MAX] = {0}, answered[PAIRS_MAX] = {0}, read[PAIRS_MAX] = {0}, heard[PAIRS_MAX] = {0};
  tcpip_client_t* from;
  bool over = false;
  ck_assert_int_eq(tcpip_client_create(a.stack, &(tcpip_quota_t){.buffer_bytes = 1}, &from), 0);
  connect_pairs(from, PAIRS_MAX);
  for (int turn = 0; !over; turn++) {
    ck_assert_int_lt(turn, 10000);
    over = true;
    for (int i = 0; i < PAIRS_MAX; i++) {
      int64_t n = host_send(pairs[i].client, bytes, sizeof bytes - sent[i], NULL);
      if (n > 0) sent[i] += (size_t)n;
      n = host_send(pairs[i].server, bytes, sizeof bytes - answered[i], NULL);
      if (n > 0) answered[i] += (size_t)n;
    }
    host_exchange(&a, &b);
    tcp_invariants_check(a.stack);
    for (int i = 0; i < PAIRS_MAX; i++) {
      int64_t n = host_recv(pairs[i].server, got, sizeof got, NULL);
      if (n > 0) read[i] += (size_t)n;
      n = host_recv(pairs[i].client, got, sizeof got, NULL);
      if (n > 0) heard[i] += (size_t)n;
      if (read[i] < sizeof bytes || heard[i] < sizeof bytes) over = false;
    }
    host_advance(&a, MS);
    host_advance(&b, MS);
  }
  tcpip_client_destroy(from);
}
END_TEST

START_TEST(what_cannot_be_remembered_is_not_sent) {
  static uint8_t bytes[1 << 20], got[1 << 20];
  tcpip_endpoint_t to = host_endpoint("10.0.0.2", 80);
  tcpip_socket_t *l = stream(&b), *c = stream(&a), *s;
  size_t written = 0, read = 0;
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)(i * 31 + i / 977);
  ck_assert_int_eq(tcpip_socket_bind(l, &to), 0);
  ck_assert_int_eq(tcpip_socket_listen(l, 8), 0);
  ck_assert_int_eq(tcpip_socket_connect(c, &to), -EINPROGRESS);
  host_exchange(&a, &b);
  ck_assert_int_eq(tcpip_socket_accept(l, NULL, &s), 0);
  refused_size = 32 * sizeof(tcp_segment_t);
  while (read < sizeof got) {
    int64_t n = host_send(c, bytes + written, sizeof bytes - written, NULL);
    written += n > 0 ? (size_t)n : 0;
    tcp_invariants_check(a.stack);
    host_exchange(&a, &b);
    tcp_invariants_check(a.stack);
    n = host_recv(s, got + read, sizeof got - read, NULL);
    read += n > 0 ? (size_t)n : 0;
    host_advance(&a, MS);
    host_advance(&b, MS);
    if (read > sizeof got / 2) refused_size = 0;
  }
  ck_assert_int_eq(memcmp(bytes, got, sizeof got), 0);
  ck_assert_uint_gt(refusals, 0);
  ck_assert_uint_eq(tcpip_stats(a.stack)->tcp_retransmits, 0);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("tcp_memory");
  TCase* tc = jx_test_case(suite, "tcp_memory");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, who_sends_much_leaves_room_for_who_sends_little);
  tcase_add_test(tc, no_stream_stands_still_for_want_of_memory);
  tcase_add_test(tc, what_cannot_be_remembered_is_not_sent);
  return jx_test_run(suite);
}
