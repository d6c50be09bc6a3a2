// Two engines exchange streams over a bad wire: what is read is what was written, in order and whole; every connection
// comes to its end; nothing is left. The same seed gives the same run.
//
// TCPIP_SEED=N runs that seed alone, TCPIP_RUNS=N so many.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "host.h"
#include "jx_test.h"
#include "wire.h"

#define STREAMS_MAX 8

typedef struct end {
  tcpip_socket_t* socket;
  uint64_t to_write, written, read;
  uint64_t expected;  // what the other end writes in all
  uint32_t write_key, read_key;
  bool finished, eof, failed;
  bool slow;  // reads little at a time
} end_t;

typedef struct world {
  host_t hosts[2];
  wire_t wire;
  end_t ends[STREAMS_MAX][2];
  tcpip_socket_t* listeners[2];
  int streams, accepted;
  int64_t finished_at;
} world_t;

static uint8_t byte_at(uint32_t key, uint64_t position) {
  uint64_t x = (position >> 3) * UINT64_C(0x9e3779b97f4a7c15) + key;
  x ^= x >> 29;
  x *= UINT64_C(0xbf58476d1ce4e5b9);
  return (uint8_t)(x >> (8 * (position & 7)));
}

static void write_some(world_t* w, end_t* e) {
  static uint8_t bytes[65536];
  while (!e->finished && !e->failed) {
    uint64_t left = e->to_write - e->written;
    size_t piece = 1 + wire_random(&w->wire) % sizeof bytes;
    piece = piece < left ? piece : (size_t)left;
    if (!piece) {
      ck_assert_int_eq(tcpip_socket_shutdown(e->socket, false, true), 0);
      e->finished = true;
      return;
    }
    for (size_t i = 0; i < piece; i++)
      bytes[i] = byte_at(e->write_key, e->written + i);
    int64_t n = host_send(e->socket, bytes, piece, NULL);
    if (n == -EAGAIN || n == -ENOBUFS)
      return;
    if (n < 0) {
      printf("# send failed: %lld\n", (long long)n);
      e->failed = true;
      return;
    }
    ck_assert_int_gt(n, 0);
    e->written += (uint64_t)n;
  }
}

static void read_some(world_t* w, end_t* e) {
  static uint8_t bytes[65536];
  size_t most = e->slow ? 1 + wire_random(&w->wire) % 3000 : sizeof bytes;
  int rounds = e->slow ? 1 : 100;
  while (!e->eof && !e->failed && rounds--) {
    int64_t n = host_recv(e->socket, bytes, most, NULL);
    if (n == -EAGAIN)
      return;
    if (n == 0) {
      e->eof = true;
      ck_assert_uint_eq(e->read, e->expected);
      return;
    }
    if (n < 0) {
      printf("# receive failed: %lld\n", (long long)n);
      e->failed = true;
      return;
    }
    bool right = true;  // an assertion for each byte would take longer than all the rest
    for (int64_t i = 0; i < n; i++)
      right &= bytes[i] == byte_at(e->read_key, e->read + (uint64_t)i);
    ck_assert(right);
    e->read += (uint64_t)n;
    ck_assert_uint_le(e->read, e->expected);
  }
}

static void accept_all(world_t* w) {
  for (int l = 0; l < 2; l++) {
    tcpip_socket_t* s;
    while (tcpip_socket_accept(w->listeners[l], &w->hosts[1], &s) == 0) {
      tcpip_endpoint_t peer;
      ck_assert_int_eq(tcpip_socket_peer(s, &peer), 0);
      int i = peer.port - 10000;
      ck_assert_int_ge(i, 0);
      ck_assert_int_lt(i, w->streams);
      ck_assert_ptr_null(w->ends[i][1].socket);
      w->ends[i][1].socket = s;
      w->accepted++;
    }
  }
}

static bool pump(world_t* w) {
  bool all = true;
  accept_all(w);
  for (int i = 0; i < w->streams; i++) {
    for (int k = 0; k < 2; k++) {
      end_t* e = &w->ends[i][k];
      uint32_t state = e->socket ? tcpip_socket_poll(e->socket) : 0;
      if (e->socket && (state & TCPIP_EVENT_WRITABLE))
        write_some(w, e);
      if (e->socket && (state & TCPIP_EVENT_READABLE))
        read_some(w, e);
      all &= e->socket && ((e->finished && e->eof) || e->failed);
    }
  }
  return all;
}

static void open_streams(world_t* w, uint64_t bytes) {
  for (int l = 0; l < 2; l++) {
    tcpip_endpoint_t at = host_endpoint(l ? "::" : "0.0.0.0", 80);
    ck_assert_int_eq(tcpip_socket_create(w->hosts[1].client, l ? TCPIP_IPV6 : TCPIP_IPV4, TCPIP_TCP, NULL, &w->listeners[l]), 0);
    ck_assert_int_eq(tcpip_socket_set(w->listeners[l], TCPIP_IPV6_ONLY, 1), l ? 0 : -ENOPROTOOPT);
    ck_assert_int_eq(tcpip_socket_bind(w->listeners[l], &at), 0);
    ck_assert_int_eq(tcpip_socket_listen(w->listeners[l], 16), 0);
  }
  for (int i = 0; i < w->streams; i++) {
    bool v6 = i & 1;
    end_t *a = &w->ends[i][0], *b = &w->ends[i][1];
    tcpip_endpoint_t from = host_endpoint(v6 ? "::" : "0.0.0.0", (uint16_t)(10000 + i));
    tcpip_endpoint_t to = host_endpoint(v6 ? "fd00::2" : "10.0.0.2", 80);
    a->to_write = b->expected = wire_random(&w->wire) % (bytes + 1);
    b->to_write = a->expected = wire_random(&w->wire) % (bytes + 1);
    a->write_key = b->read_key = (uint32_t)wire_random(&w->wire);
    b->write_key = a->read_key = (uint32_t)wire_random(&w->wire);
    b->slow = wire_chance(&w->wire, 200000);
    ck_assert_int_eq(tcpip_socket_create(w->hosts[0].client, v6 ? TCPIP_IPV6 : TCPIP_IPV4, TCPIP_TCP, NULL, &a->socket), 0);
    ck_assert_int_eq(tcpip_socket_bind(a->socket, &from), 0);
    if (wire_chance(&w->wire, 300000))
      ck_assert_int_eq(tcpip_socket_set(a->socket, TCPIP_TCP_CONGESTION, TCPIP_CONGESTION_RENO), 0);
    if (wire_chance(&w->wire, 200000))
      ck_assert_int_eq(tcpip_socket_set(a->socket, TCPIP_RECEIVE_BUFFER, 4000 + (int64_t)(wire_random(&w->wire) % 20000)), 0);
    if (wire_chance(&w->wire, 200000))
      ck_assert_int_eq(tcpip_socket_set(a->socket, TCPIP_TCP_MAX_SEGMENT, 100 + (int64_t)(wire_random(&w->wire) % 1000)), 0);
    ck_assert_int_eq(tcpip_socket_connect(a->socket, &to), -EINPROGRESS);
  }
}

static void check_nothing_left(world_t* w) {
  for (int i = 0; i < w->streams; i++) {
    for (int k = 0; k < 2; k++)
      tcpip_socket_destroy(w->ends[i][k].socket);
  }
  for (int l = 0; l < 2; l++)
    tcpip_socket_destroy(w->listeners[l]);
  int64_t end = w->wire.now + 1000 * S;
  while (wire_step(&w->wire, end)) {
  }
  for (int h = 0; h < 2; h++) {
    size_t used;
    uint32_t sockets;
    tcpip_client_usage(w->hosts[h].client, &sockets, &used);
    ck_assert_uint_eq(sockets, 0);
    ck_assert_uint_eq(used, 0);
    ck_assert_uint_eq(host_connections(&w->hosts[h]), 0);
  }
}

typedef struct outcome {
  int64_t took;
  uint64_t bytes;
  uint64_t lost, delivered;
} outcome_t;

static void report(world_t* w) {
  for (int i = 0; i < w->streams; i++) {
    for (int k = 0; k < 2; k++) {
      end_t* e = &w->ends[i][k];
      tcpip_tcp_info_t info = {0};
      if (e->socket)
        tcpip_socket_tcp_info(e->socket, &info);
      printf("# stream %d end %d: state %d poll %x wrote %llu of %llu read %llu of %llu cwnd %u flight %u unsent %u rto %lld\n",
             i, k, (int)info.state, e->socket ? tcpip_socket_poll(e->socket) : 0, (unsigned long long)e->written,
             (unsigned long long)e->to_write, (unsigned long long)e->read, (unsigned long long)e->expected,
             info.window_bytes, info.in_flight_bytes, info.unsent_bytes, (long long)info.rto_ns);
    }
  }
  for (int h = 0; h < 2; h++) {
    tcpip_counter_t all[160];
    size_t count = tcpip_stats_list(tcpip_stats(w->hosts[h].stack), all, 160);
    printf("# host %d:", h);
    for (size_t i = 0; i < count; i++) {
      if (all[i].value)
        printf(" %s %llu", all[i].name, (unsigned long long)all[i].value);
    }
    printf("\n");
  }
  fflush(stdout);
}

static outcome_t run(uint64_t seed, const wire_config_t* config, int streams, uint64_t bytes, uint32_t features) {
  world_t* w = calloc(1, sizeof *w);
  outcome_t out = {0};
  for (int h = 0; h < 2; h++)
    host_init(&w->hosts[h], &(host_config_t){.last_octet = (uint8_t)(h + 1), .seed = seed * 2 + (uint64_t)h, .link_features = features});
  wire_init(&w->wire, &w->hosts[0], &w->hosts[1], config);
  if (config->corrupt)  // nothing protects ARP
    host_introduce(&w->hosts[0], &w->hosts[1]);
  w->streams = streams;
  open_streams(w, bytes);
  int64_t start = w->wire.now, end = start + 3600 * S;
  bool done = false;
  while (!done && w->wire.now < end) {
    (void)wire_step(&w->wire, w->wire.now + 50 * MS);  // a slow reader goes on even if nothing else happens
    done = pump(w);
  }
  out.took = w->wire.now - start;
  if (!done)
    report(w);
  ck_assert_msg(done, "not finished");
  for (int i = 0; i < streams; i++) {
    for (int k = 0; k < 2; k++) {
      ck_assert(!w->ends[i][k].failed);
      out.bytes += w->ends[i][k].read;
    }
  }
  out.lost = w->wire.lost;
  out.delivered = w->wire.delivered;
  check_nothing_left(w);
  for (int h = 0; h < 2; h++)
    host_deinit(&w->hosts[h]);
  wire_deinit(&w->wire);
  free(w);
  return out;
}

static wire_config_t config_of(uint64_t seed) {
  return (wire_config_t){.seed = seed,
                         .delay = (int64_t)(seed % 7) * 3 * MS,
                         .jitter = (int64_t)(seed % 3) * 2 * MS,
                         .loss = (uint32_t)(seed % 5) * 10000,
                         .duplicate = (uint32_t)(seed % 4) * 10000,
                         .corrupt = (uint32_t)(seed % 6) * 5000,
                         .bytes_per_s = seed % 2 ? 12500000 : 1250000000,
                         .queue_bytes = 100000};
}

START_TEST(a_perfect_wire_carries_streams_without_a_retransmission) {
  outcome_t out = run(1, &(wire_config_t){.seed = 1, .delay = MS}, 4, 300000, 0);
  ck_assert_uint_gt(out.bytes, 300000);
} END_TEST

START_TEST(streams_survive_whatever_the_wire_does) {
  const char* only = getenv("TCPIP_SEED");
  const char* runs = getenv("TCPIP_RUNS");
  uint64_t first = only ? strtoull(only, NULL, 0) : 1, count = only ? 1 : runs ? strtoull(runs, NULL, 0) : 40;
  for (uint64_t seed = first; seed < first + count; seed++) {
    wire_config_t config = config_of(seed);
    printf("# TCPIP_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    outcome_t out = run(seed, &config, 1 + (int)(seed % STREAMS_MAX), 100000, 0);
    if (getenv("TCPIP_VERBOSE"))
      printf("# took %.3f s, %llu bytes, %llu of %llu lost\n", (double)out.took / 1e9, (unsigned long long)out.bytes,
             (unsigned long long)out.lost, (unsigned long long)out.delivered);
  }
} END_TEST

// Megabits a second of one stream in one direction.
static double bulk(const wire_config_t* config, int64_t time, uint32_t features) {
  host_t hosts[2];
  wire_t wire;
  tcpip_socket_t *listener, *sender, *receiver = NULL;
  static uint8_t bytes[1 << 20];
  for (int h = 0; h < 2; h++)
    host_init(&hosts[h], &(host_config_t){.last_octet = (uint8_t)(h + 1), .seed = 7, .link_features = features});
  host_introduce(&hosts[0], &hosts[1]);
  wire_init(&wire, &hosts[0], &hosts[1], config);
  tcpip_endpoint_t at = host_endpoint("0.0.0.0", 80), to = host_endpoint("10.0.0.2", 80);
  ck_assert_int_eq(tcpip_socket_create(hosts[1].client, TCPIP_IPV4, TCPIP_TCP, NULL, &listener), 0);
  ck_assert_int_eq(tcpip_socket_bind(listener, &at), 0);
  ck_assert_int_eq(tcpip_socket_listen(listener, 1), 0);
  ck_assert_int_eq(tcpip_socket_create(hosts[0].client, TCPIP_IPV4, TCPIP_TCP, NULL, &sender), 0);
  ck_assert_int_eq(tcpip_socket_connect(sender, &to), -EINPROGRESS);
  int64_t end = wire.now + time;
  uint64_t read = 0;
  while (wire_step(&wire, end)) {
    if (!receiver)
      (void)tcpip_socket_accept(listener, NULL, &receiver);
    while (tcpip_socket_poll(sender) & TCPIP_EVENT_WRITABLE && host_send(sender, bytes, sizeof bytes, NULL) > 0) {
    }
    for (int64_t n; receiver && (n = host_recv(receiver, bytes, sizeof bytes, NULL)) > 0;)
      read += (uint64_t)n;
  }
  if (getenv("TCPIP_VERBOSE")) {
    tcpip_tcp_info_t info;
    const tcpip_stats_t* stats = tcpip_stats(hosts[0].stack);
    ck_assert_int_eq(tcpip_socket_tcp_info(sender, &info), 0);
    printf("# cwnd %u ssthresh %u rtt %.3f ms, %llu segments, %llu retransmitted, %llu timeouts, %llu lost\n",
           info.window_bytes, info.threshold_bytes, (double)info.rtt_ns / 1e6, (unsigned long long)stats->tcp_tx,
           (unsigned long long)stats->tcp_retransmits, (unsigned long long)stats->tcp_timeouts,
           (unsigned long long)wire.lost);
  }
  host_deinit(&hosts[0]);
  host_deinit(&hosts[1]);
  wire_deinit(&wire);
  return (double)read * 8e3 / (double)time;
}

// Gigabit wires; the floors are what a good CUBIC reaches, with room for chance.
START_TEST(loss_and_distance_cost_no_more_than_they_must) {
  const struct {
    int64_t rtt;
    uint32_t loss;
    double floor;
  } rows[] = {{20 * MS, 0, 700},  {20 * MS, 1000, 30}, {20 * MS, 10000, 6},
              {MS / 5, 0, 850},   {MS / 5, 1000, 600}, {MS / 5, 10000, 150}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    wire_config_t config = {.seed = 5 + i, .delay = rows[i].rtt / 2, .loss = rows[i].loss, .bytes_per_s = 125000000,
                            .queue_bytes = 2500000};
    double rate = bulk(&config, (rows[i].rtt > MS ? 6 : 1) * S, 0);
    printf("# RTT %.1f ms, loss %.2f %%: %.1f Mbit/s\n", (double)rows[i].rtt / 1e6, rows[i].loss / 1e4, rate);
    fflush(stdout);
    ck_assert_msg(rate >= rows[i].floor, "RTT %.1f ms, loss %.2f %%: %.1f Mbit/s", (double)rows[i].rtt / 1e6,
                  rows[i].loss / 1e4, rate);
  }
} END_TEST

START_TEST(the_same_seed_gives_the_same_run) {
  wire_config_t config = config_of(20);
  outcome_t a = run(3, &config, 4, 100000, 0), b = run(3, &config, 4, 100000, 0);
  ck_assert_int_eq(a.took, b.took);
  ck_assert_uint_eq(a.delivered, b.delivered);
} END_TEST

int main(void) {
  Suite* suite = suite_create("tcp_simulation");
  TCase* tc = jx_test_case(suite, "tcp_simulation");
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, a_perfect_wire_carries_streams_without_a_retransmission);
  tcase_add_test(tc, streams_survive_whatever_the_wire_does);
  tcase_add_test(tc, loss_and_distance_cost_no_more_than_they_must);
  tcase_add_test(tc, the_same_seed_gives_the_same_run);
  return jx_test_run(suite);
}
