// Congestion controls over a simulated wire of 50 Mbit/s and 20 ms: what each makes of losses, of the queue
// in front of the wire, and of the pace. The clock is a fake one, so that figures are the same in every run.
#include "base.h"
#include "host.h"
#include "jx_test.h"
#include "tcp.h"
#include "wire.h"

#define RATE UINT64_C(6250000)  // bytes a second
#define DELAY (10 * MS)
#define PATH_BYTES (RATE * 20 / 1000)

static host_t a, b;

static void setup(void) {
  host_init(&a, &(host_config_t){.last_octet = 1, .seed = 1});
  host_init(&b, &(host_config_t){.last_octet = 2, .seed = 2});
  host_introduce(&a, &b);
}

static void teardown(void) {
  host_deinit(&a);
  host_deinit(&b);
}

typedef struct run {
  int64_t control;
  wire_config_t wire;
  int64_t seconds;
  int64_t skip;  // seconds before measuring begins
} run_t;

typedef struct outcome {
  double share;    // of the rate that arrived
  int64_t rtt;     // smoothed, at the end
  double lost;     // of the frames
  size_t longest;  // frames that left at one moment
} outcome_t;

static tcpip_socket_t* stream(host_t* h, int64_t control) {
  tcpip_socket_t* s;
  ck_assert_int_eq(tcpip_socket_create(h->client, TCPIP_IPV4, TCPIP_TCP, h, &s), 0);
  ck_assert_int_eq(tcpip_socket_set(s, TCPIP_TCP_CONGESTION, control), 0);
  return s;
}

static uint64_t drain(tcpip_socket_t* s) {
  struct iovec data[TCPIP_PIECES_MAX];
  size_t count;
  int64_t n = s ? tcpip_socket_recv_data(s, data, &count) : 0;
  if (n <= 0) return 0;
  ck_assert_int_eq(tcpip_socket_recv_consume(s, (size_t)n), 0);
  return (uint64_t)n;
}

static outcome_t transfer(const run_t* r) {
  static uint8_t bytes[65536];
  wire_t wire;
  wire_init(&wire, &a, &b, &r->wire);
  tcpip_socket_t *l = stream(&b, TCPIP_CONGESTION_CUBIC), *c = stream(&a, r->control), *s = NULL;
  tcpip_endpoint_t at = host_endpoint("0.0.0.0", 80), to = host_endpoint("10.0.0.2", 80);
  ck_assert_int_eq(tcpip_socket_bind(l, &at), 0);
  ck_assert_int_eq(tcpip_socket_listen(l, 1), 0);
  ck_assert_int_eq(tcpip_socket_connect(c, &to), -EINPROGRESS);
  int64_t begin = wire.now, from = begin + r->skip * S, end = begin + r->seconds * S;
  outcome_t out = {0};
  uint64_t arrived = 0;
  while (wire_step(&wire, end)) {
    while (host_send(c, bytes, sizeof bytes, NULL) > 0) {
    }
    if (!s) (void)tcpip_socket_accept(l, NULL, &s);
    uint64_t n = drain(s);
    if (wire.now >= from) arrived += n;
    if (wire.now >= from && a.frame_count > out.longest) out.longest = a.frame_count;
  }
  tcpip_tcp_info_t info;
  ck_assert_int_eq(tcpip_socket_tcp_info(c, &info), 0);
  out.share = (double)arrived / (double)RATE / (double)(r->seconds - r->skip);
  out.rtt = info.rtt_ns;
  out.lost = (double)wire.lost / (double)(wire.lost + wire.delivered);
  (void)tcpip_socket_set(c, TCPIP_LINGER, 0);
  tcpip_socket_destroy(c);
  tcpip_socket_destroy(s);
  tcpip_socket_destroy(l);
  while (wire_step(&wire, end + S)) {
  }
  wire_deinit(&wire);
  return out;
}

static wire_config_t wire_of(uint32_t loss, size_t queue) {
  return (wire_config_t){.seed = 7, .delay = DELAY, .loss = loss, .bytes_per_s = RATE, .queue_bytes = queue};
}

START_TEST(bbr_takes_rare_losses_for_no_congestion) {
  outcome_t bbr = transfer(&(run_t){TCPIP_CONGESTION_BBR, wire_of(10000, 4 * PATH_BYTES), 10, 2});
  outcome_t cubic = transfer(&(run_t){TCPIP_CONGESTION_CUBIC, wire_of(10000, 4 * PATH_BYTES), 10, 2});
  ck_assert_msg(bbr.share > 0.8, "BBR has %.2f of the rate", bbr.share);
  ck_assert_msg(cubic.share < 0.5, "CUBIC has %.2f of the rate", cubic.share);
}
END_TEST

START_TEST(bbr_leaves_the_queue_short) {
  outcome_t bbr = transfer(&(run_t){TCPIP_CONGESTION_BBR, wire_of(0, 16 * PATH_BYTES), 8, 2});
  outcome_t cubic = transfer(&(run_t){TCPIP_CONGESTION_CUBIC, wire_of(0, 16 * PATH_BYTES), 8, 2});
  ck_assert_msg(bbr.share > 0.85 && cubic.share > 0.85, "%.2f, %.2f", bbr.share, cubic.share);
  ck_assert_msg(bbr.rtt < 35 * MS, "BBR's round trips take %.1f ms", (double)bbr.rtt / 1e6);
}
END_TEST

// A router that has no queue to speak of: the losses that come of sending too fast are many, and must end.
START_TEST(bbr_gives_way_where_much_is_lost) {
  outcome_t bbr = transfer(&(run_t){TCPIP_CONGESTION_BBR, wire_of(0, PATH_BYTES / 8), 10, 2});
  ck_assert_msg(bbr.lost < 0.03, "%.3f is lost", bbr.lost);
  ck_assert_msg(bbr.share > 0.6, "BBR has %.2f of the rate", bbr.share);
}
END_TEST

START_TEST(bbr_paces_what_it_sends) {
  outcome_t bbr = transfer(&(run_t){TCPIP_CONGESTION_BBR, wire_of(0, 16 * PATH_BYTES), 4, 2});
  ck_assert_uint_gt(bbr.longest, 0);
  ck_assert_msg(bbr.longest <= 8, "%zu frames leave at once", bbr.longest);
}
END_TEST

START_TEST(a_control_can_be_changed_on_the_way) {
  static uint8_t bytes[65536];
  wire_t wire;
  wire_config_t config = wire_of(1000, 4 * PATH_BYTES);
  wire_init(&wire, &a, &b, &config);
  tcpip_socket_t *l = stream(&b, TCPIP_CONGESTION_CUBIC), *c = stream(&a, TCPIP_CONGESTION_CUBIC), *s = NULL;
  tcpip_endpoint_t at = host_endpoint("0.0.0.0", 80), to = host_endpoint("10.0.0.2", 80);
  ck_assert_int_eq(tcpip_socket_bind(l, &at), 0);
  ck_assert_int_eq(tcpip_socket_listen(l, 1), 0);
  ck_assert_int_eq(tcpip_socket_connect(c, &to), -EINPROGRESS);
  uint64_t arrived = 0;
  for (int i = 0; i < 12; i++) {
    int64_t control = TCPIP_CONGESTION_RENO + i % 3, is;
    uint64_t before = arrived;
    for (int64_t end = wire.now + 300 * MS; wire_step(&wire, end);) {
      while (host_send(c, bytes, sizeof bytes, NULL) > 0) {
      }
      if (!s) (void)tcpip_socket_accept(l, NULL, &s);
      arrived += drain(s);
    }
    ck_assert_uint_gt(arrived, before);
    ck_assert_int_eq(tcpip_socket_set(c, TCPIP_TCP_CONGESTION, control), 0);
    ck_assert_int_eq(tcpip_socket_get(c, TCPIP_TCP_CONGESTION, &is), 0);
    ck_assert_int_eq(is, control);
  }
  wire_deinit(&wire);
}
END_TEST

static void sample(tcp_t* tcp, uint32_t times, int64_t rtt) {
  for (uint32_t i = 0; i < times; i++)
    tcp_cubic.sample(tcp, rtt);
}

// A round's end that was left behind would lie ahead again 2 GiB later, and that round would hardly end.
START_TEST(a_slow_start_after_2_gib_sees_a_queue_too) {
  tcp_t tcp = {.mss = 1460, .cwnd = 20 * 1460, .ssthresh = 30 * 1460, .snd_nxt = 14600};
  tcp.cubic = (tcp_cubic_state_t){.last_min = INT64_MAX, .round_min = INT64_MAX};
  sample(&tcp, 1, 20 * MS);
  tcp.cwnd = tcp.ssthresh;
  sample(&tcp, 1, 20 * MS);
  tcp.snd_una = 3u << 30;
  tcp.snd_nxt = tcp.snd_una + 14600;
  tcp.cwnd = 1460;  // a timeout
  sample(&tcp, 8, 20 * MS);
  tcp.snd_una = tcp.snd_nxt;
  tcp.snd_nxt += 14600;
  sample(&tcp, 1, 20 * MS);
  sample(&tcp, 8, 40 * MS);
  ck_assert(tcp.cubic.conservative);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("tcp_congestion");
  TCase* tc = jx_test_case(suite, "tcp_congestion");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, bbr_takes_rare_losses_for_no_congestion);
  tcase_add_test(tc, bbr_leaves_the_queue_short);
  tcase_add_test(tc, bbr_gives_way_where_much_is_lost);
  tcase_add_test(tc, bbr_paces_what_it_sends);
  tcase_add_test(tc, a_control_can_be_changed_on_the_way);
  tcase_add_test(tc, a_slow_start_after_2_gib_sees_a_queue_too);
  return jx_test_run(suite);
}
