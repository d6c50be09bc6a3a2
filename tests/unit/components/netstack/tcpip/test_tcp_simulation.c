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
#include "tcp_world.h"
#include "wire.h"

#define RUNS 4000
#define STAND_IN_RUNS 400
#define SHARES 4

static uint64_t number_of(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  return text ? strtoull(text, NULL, 0) : otherwise;
}

// Each of a few processes has its share.
static void run_share(world_outcome_t (*run)(uint64_t seed), uint64_t runs, int index) {
  uint64_t only = number_of("TCPIP_SEED", 0), first = only ? only : 1, count = only ? 1 : number_of("TCPIP_RUNS", runs);
  uint64_t share = (count + SHARES - 1) / SHARES, from = first + share * (uint64_t)index, to = from + share;
  if (to > first + count) to = first + count;
  uint64_t bytes = 0, lost = 0, steps = 0;
  for (uint64_t seed = from; seed < to; seed++) {
    printf("# TCPIP_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    world_outcome_t out = run(seed);
    bytes += out.bytes;
    lost += out.lost;
    steps += out.steps;
  }
  printf("# seeds %llu to %llu: %llu octets, %llu frames lost, invariants checked %llu times\n", (unsigned long long)from,
         (unsigned long long)to - 1, (unsigned long long)bytes, (unsigned long long)lost, (unsigned long long)steps);
}

START_TEST(streams_survive_whatever_the_wire_does) {
  run_share(world_run, RUNS, _i);
}
END_TEST

START_TEST(streams_to_hosts_that_are_stood_in_for_survive_it_too) {
  run_share(world_run_stand_in, STAND_IN_RUNS, _i);
}
END_TEST

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
  world_outcome_t a = world_run(77), b = world_run(77);
  ck_assert_int_eq(a.took, b.took);
  ck_assert_uint_eq(a.delivered, b.delivered);
  ck_assert_uint_eq(a.steps, b.steps);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("tcp_simulation");
  TCase* tc = jx_test_case(suite, "tcp_simulation");
  tcase_set_timeout(tc, 120);
  tcase_add_loop_test(tc, streams_survive_whatever_the_wire_does, 0, SHARES);
  tcase_add_loop_test(tc, streams_to_hosts_that_are_stood_in_for_survive_it_too, 0, SHARES);
  tcase_add_test(tc, loss_and_distance_cost_no_more_than_they_must);
  tcase_add_test(tc, the_same_seed_gives_the_same_run);
  return jx_test_run(suite);
}
