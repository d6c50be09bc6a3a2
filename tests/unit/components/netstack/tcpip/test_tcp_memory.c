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
  tcase_add_test(tc, what_cannot_be_remembered_is_not_sent);
  return jx_test_run(suite);
}
