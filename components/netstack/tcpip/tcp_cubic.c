// CUBIC (RFC 9438), with HyStart++ (RFC 9406) to leave slow start before the loss.
#include "tcp.h"

#define CUBIC_C 0.4
#define CUBIC_BETA 0.7
#define FRIENDLY_ALPHA (3 * (1 - CUBIC_BETA) / (1 + CUBIC_BETA))

#define HYSTART_SAMPLES 8
#define HYSTART_MIN_RTT_THRESHOLD (4 * NS_PER_MS)
#define HYSTART_MAX_RTT_THRESHOLD (16 * NS_PER_MS)
#define HYSTART_GROWTH_DIVISOR 4
#define HYSTART_ROUNDS 5

// Newton's way; three digits are plenty.
static double cube_root(double x) {
  if (x <= 0) return 0;
  double y = x > 1 ? x / 3 : 1;
  for (int i = 0; i < 40; i++) {
    double next = (2 * y + x / (y * y)) / 3;
    double change = next > y ? next - y : y - next;
    y = next;
    if (change < y * 1e-6) break;
  }
  return y;
}

static void cubic_start(tcp_t* tcp) {
  tcp_newreno.start(tcp);
  tcp->cubic = (tcp_cubic_state_t){.round_end = tcp->snd_nxt, .last_min = INT64_MAX, .round_min = INT64_MAX};
}

static void begin_epoch(tcp_t* tcp) {
  tcp_cubic_state_t* c = &tcp->cubic;
  double window = (double)tcp->cwnd / tcp->mss;
  c->epoch = tcp->base.stack->now;
  if (c->w_max < window) c->w_max = window;
  c->k = cube_root((c->w_max - window) / CUBIC_C);
  c->w_estimate = window;
}

static void avoid(tcp_t* tcp, uint32_t acked) {
  tcp_cubic_state_t* c = &tcp->cubic;
  if (!c->epoch) begin_epoch(tcp);
  double window = (double)tcp->cwnd / tcp->mss, share = (double)acked / tcp->cwnd;
  double t = (double)(tcp->base.stack->now - c->epoch + tcp->srtt) / (double)NS_PER_S - c->k;
  double target = CUBIC_C * t * t * t + c->w_max;
  target = target < window ? window : target > 1.5 * window ? 1.5 * window : target;
  c->w_estimate += (window >= c->w_max_before ? 1.0 : FRIENDLY_ALPHA) * share;
  double grown = window + (target - window) * share;
  if (grown < c->w_estimate) grown = c->w_estimate;
  tcp->cwnd = (uint32_t)(grown * tcp->mss);
}

static void cubic_acked(tcp_t* tcp, uint32_t acked) {
  if (tcp->cwnd >= tcp->ssthresh)
    avoid(tcp, acked);
  else
    tcp->cwnd += tcp->cubic.conservative ? acked / HYSTART_GROWTH_DIVISOR + 1 : acked;
}

static uint32_t cubic_threshold(tcp_t* tcp) {
  tcp_cubic_state_t* c = &tcp->cubic;
  double window = (double)tcp->cwnd / tcp->mss;
  c->w_max_before = window;
  c->w_max = window < c->w_max ? window * (1 + CUBIC_BETA) / 2 : window;  // leave room to newcomers
  c->epoch = 0;
  c->conservative = false;
  uint32_t threshold = (uint32_t)(tcp->cwnd * CUBIC_BETA);
  return threshold < 2 * tcp->mss ? 2 * tcp->mss : threshold;
}

static void end_round(tcp_t* tcp) {
  tcp_cubic_state_t* c = &tcp->cubic;
  c->last_min = c->round_min;
  c->round_min = INT64_MAX;
  c->samples = 0;
  c->round_end = tcp->snd_nxt;
  if (c->conservative && ++c->slow_rounds >= HYSTART_ROUNDS) tcp->ssthresh = tcp->cwnd;
}

// What the round's delay says about the one before.
static void judge_delay(tcp_cubic_state_t* c) {
  int64_t threshold = c->last_min / 8;
  threshold = threshold < HYSTART_MIN_RTT_THRESHOLD ? HYSTART_MIN_RTT_THRESHOLD : threshold;
  threshold = threshold > HYSTART_MAX_RTT_THRESHOLD ? HYSTART_MAX_RTT_THRESHOLD : threshold;
  if (!c->conservative && c->round_min >= c->last_min + threshold) {
    c->conservative = true;
    c->baseline = c->round_min;
    c->slow_rounds = 0;
  } else if (c->conservative && c->round_min < c->baseline) {
    c->conservative = false;  // it was only a moment
  }
}

// RFC 9406, 4.2. The acknowledgement that ends a round belongs to it: its round-trip time is the longest
// where a queue builds up, and would keep the next round's least too high to be compared with.
static void cubic_sample(tcp_t* tcp, int64_t rtt_ns) {
  tcp_cubic_state_t* c = &tcp->cubic;
  if (tcp->cwnd >= tcp->ssthresh) {
    c->last_min = c->round_min = INT64_MAX;  // another slow start begins anew
    c->samples = 0;
    return;
  }
  if (c->round_min == INT64_MAX && c->last_min == INT64_MAX) c->round_end = tcp->snd_nxt;  // the first ever
  c->round_min = rtt_ns < c->round_min ? rtt_ns : c->round_min;
  if (c->samples < UINT8_MAX) c->samples++;
  if (c->samples >= HYSTART_SAMPLES && c->last_min != INT64_MAX) judge_delay(c);
  if (seq_le(c->round_end, tcp->snd_una)) end_round(tcp);
}

static void cubic_undo(tcp_t* tcp) {
  tcp_cubic_state_t* c = &tcp->cubic;
  c->w_max = c->w_max_before;
  c->epoch = 0;
}

const tcp_congestion_ops_t tcp_cubic = {
    "cubic", cubic_start, cubic_acked, cubic_threshold, cubic_sample, cubic_undo,
};
