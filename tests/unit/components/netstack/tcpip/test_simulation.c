// Two whole stacks on a bad wire: whatever it does to the frames, a datagram that arrives is one that was sent, to that
// socket, whole; nothing is left behind; and the same seed gives the same run.
//
// TCPIP_SEED=N runs that seed alone; TCPIP_RUNS=N runs so many.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "host.h"
#include "jx_test.h"
#include "wire.h"

#define SOCKETS 6
#define SENDS 120
#define LENGTH_MAX 9000

typedef struct world {
  host_t hosts[2];
  wire_t wire;
  tcpip_socket_t* sockets[2][SOCKETS];
  uint64_t sent, received, duplicates, digest;
  uint8_t seen[2 * SOCKETS * SENDS];
} world_t;

// Every datagram says who sent it to whom and which one it is; the rest of it follows from that.
static size_t make(uint8_t* out, uint32_t id, size_t length) {
  be32_put(out, id);
  be32_put(out + 4, (uint32_t)length);
  uint32_t x = id * 2654435761u + 1;
  for (size_t i = 8; i < length; i++) {
    x = x * 1664525 + 1013904223;
    out[i] = (uint8_t)(x >> 24);
  }
  return length;
}

static void check_datagram(world_t* w, int host, int socket, const uint8_t* bytes, size_t length) {
  static uint8_t expected[LENGTH_MAX];
  ck_assert_uint_ge(length, 8);
  uint32_t id = be32_get(bytes);
  ck_assert_uint_lt(id, 2 * SOCKETS * SENDS);
  ck_assert_uint_eq(be32_get(bytes + 4), length);
  make(expected, id, length);
  ck_assert_int_eq(memcmp(expected, bytes, length), 0);
  // id = ((sending host * SOCKETS) + socket) * SENDS + n; peers are paired.
  ck_assert_uint_eq(id / SENDS / SOCKETS, 1 - (unsigned)host);
  ck_assert_uint_eq(id / SENDS % SOCKETS, (unsigned)socket);
  w->duplicates += w->seen[id];
  w->seen[id] = 1;
  w->received++;
  w->digest = w->digest * 1099511628211u + id;
}

static void drain(world_t* w) {
  static uint8_t bytes[LENGTH_MAX];
  for (int h = 0; h < 2; h++) {
    for (int s = 0; s < SOCKETS; s++) {
      for (int64_t n; (n = host_recv(w->sockets[h][s], bytes, sizeof bytes, NULL)) != -EAGAIN;) {
        if (n >= 0)
          check_datagram(w, h, s, bytes, (size_t)n);
      }
    }
  }
}

static void open_sockets(world_t* w) {
  for (int h = 0; h < 2; h++) {
    for (int s = 0; s < SOCKETS; s++) {
      bool v6 = s & 1;
      char peer[32];
      snprintf(peer, sizeof peer, v6 ? "fd00::%d" : "10.0.0.%d", 2 - h);
      w->sockets[h][s] = host_udp(&w->hosts[h], v6 ? TCPIP_IPV6 : TCPIP_IPV4, v6 ? "::" : "0.0.0.0", (uint16_t)(100 + s));
      ck_assert_int_eq(tcpip_socket_set(w->sockets[h][s], TCPIP_RECEIVE_BUFFER, 4 << 20), 0);
      tcpip_endpoint_t to = host_endpoint(peer, (uint16_t)(100 + s));
      if (s >= 2)
        ck_assert_int_eq(tcpip_socket_connect(w->sockets[h][s], &to), 0);
    }
  }
}

static void send_one(world_t* w, int h, int s, uint32_t n) {
  static uint8_t bytes[LENGTH_MAX];
  size_t length = wire_random(&w->wire) % 3 ? 8 + wire_random(&w->wire) % 1400 : 8 + wire_random(&w->wire) % (LENGTH_MAX - 8);
  bool v6 = s & 1;
  char peer[32];
  snprintf(peer, sizeof peer, v6 ? "fd00::%d" : "10.0.0.%d", 2 - h);
  tcpip_endpoint_t to = host_endpoint(peer, (uint16_t)(100 + s));
  make(bytes, (uint32_t)(h * SOCKETS + s) * SENDS + n, length);
  int64_t result = host_send(w->sockets[h][s], bytes, length, s >= 2 ? NULL : &to);
  ck_assert(result == (int64_t)length || result == -EAGAIN || result == -EHOSTUNREACH || result == -ECONNREFUSED ||
            result == -ENOPROTOOPT || result == -EPROTO || result == -ENETUNREACH);
  w->sent += result >= 0;
}

static void check_nothing_left(world_t* w) {
  for (int h = 0; h < 2; h++) {
    size_t used;
    uint32_t sockets;
    for (int s = 0; s < SOCKETS; s++)
      tcpip_socket_destroy(w->sockets[h][s]);
    tcpip_client_usage(w->hosts[h].client, &sockets, &used);
    ck_assert_uint_eq(sockets, 0);
    ck_assert_uint_eq(used, 0);
  }
}

static uint64_t run(uint64_t seed, const wire_config_t* config, uint64_t* out_sent, uint64_t* out_received) {
  world_t* w = calloc(1, sizeof *w);
  for (int h = 0; h < 2; h++)
    host_init(&w->hosts[h], &(host_config_t){.last_octet = (uint8_t)(h + 1), .seed = seed * 2 + (uint64_t)h});
  wire_init(&w->wire, &w->hosts[0], &w->hosts[1], config);
  open_sockets(w);
  for (uint32_t n = 0; n < SENDS; n++) {
    for (int h = 0; h < 2; h++) {
      for (int s = 0; s < SOCKETS; s++)
        send_one(w, h, s, n);
    }
    int64_t until = w->wire.now + (int64_t)(wire_random(&w->wire) % (20 * (uint64_t)MS));
    while (wire_step(&w->wire, until))
      drain(w);
    drain(w);
  }
  int64_t end = w->wire.now + 100 * S;
  while (wire_step(&w->wire, end))
    drain(w);
  drain(w);
  ck_assert_uint_le(w->received, w->sent + w->wire.duplicated + w->duplicates);
  *out_sent = w->sent;
  *out_received = w->received;
  uint64_t digest = w->digest;
  check_nothing_left(w);
  for (int h = 0; h < 2; h++)
    host_deinit(&w->hosts[h]);
  wire_deinit(&w->wire);
  free(w);
  return digest;
}

static wire_config_t config_of(uint64_t seed) {
  return (wire_config_t){.seed = seed,
                         .delay = (int64_t)(seed % 7) * 3 * MS,
                         .jitter = (int64_t)(seed % 3) * 5 * MS,
                         .loss = (uint32_t)(seed % 5) * 20000,
                         .duplicate = (uint32_t)(seed % 4) * 20000,
                         .corrupt = (uint32_t)(seed % 6) * 20000,
                         .bytes_per_s = seed % 2 ? 12500000 : 0,
                         .queue_bytes = 100000};
}

START_TEST(a_perfect_wire_loses_nothing) {
  uint64_t sent, received;
  run(1, &(wire_config_t){.seed = 1, .delay = MS}, &sent, &received);
  ck_assert_uint_eq(sent, 2 * SOCKETS * SENDS);
  ck_assert_uint_eq(received, sent);
} END_TEST

START_TEST(what_arrives_over_a_bad_wire_is_what_was_sent) {
  const char* only = getenv("TCPIP_SEED");
  const char* runs = getenv("TCPIP_RUNS");
  uint64_t first = only ? strtoull(only, NULL, 0) : 1, count = only ? 1 : runs ? strtoull(runs, NULL, 0) : 60;
  for (uint64_t seed = first; seed < first + count; seed++) {
    uint64_t sent, received;
    wire_config_t config = config_of(seed);
    printf("# TCPIP_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    run(seed, &config, &sent, &received);
    ck_assert_uint_gt(received, sent / 3);
  }
} END_TEST

START_TEST(the_same_seed_gives_the_same_run) {
  uint64_t sent, received;
  wire_config_t config = config_of(1234567);
  uint64_t first = run(9, &config, &sent, &received);
  ck_assert_uint_eq(run(9, &config, &sent, &received), first);
  config.seed++;
  ck_assert_uint_ne(run(9, &config, &sent, &received), first);
} END_TEST

int main(void) {
  Suite* suite = suite_create("simulation");
  TCase* tc = jx_test_case(suite, "simulation");
  tcase_add_test(tc, a_perfect_wire_loses_nothing);
  tcase_add_test(tc, what_arrives_over_a_bad_wire_is_what_was_sent);
  tcase_add_test(tc, the_same_seed_gives_the_same_run);
  return jx_test_run(suite);
}
