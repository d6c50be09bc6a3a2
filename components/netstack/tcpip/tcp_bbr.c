// BBR: a congestion control that goes by a model of the path, its bandwidth and its round-trip time without a
// queue, instead of taking each loss for congestion (draft-cardwell-iccrg-bbr-congestion-control). From the
// later draft (draft-ietf-ccwg-bbr) it has the bound that losses set after all: where more than 2 % of a
// round is lost, or a router marks, what may be in flight is cut to what the path has just carried, and comes
// back a quarter at a time.
//
//   STARTUP    doubles the rate each round until it grows no more, or too much is lost
//   DRAIN      empties the queue which that has built
//   PROBE_BW   cruises, with a round trip of a quarter more and one of a quarter less in eight
//   PROBE_RTT  lets the queue run empty for a moment if the least round-trip time has not been seen for ten
//   seconds
#include "tcp.h"

#define UNIT 256       // gains are in 1/256
#define HIGH_GAIN 739  // 2/ln 2
#define DRAIN_GAIN 88  // its inverse
#define WINDOW_GAIN (2 * UNIT)
#define CYCLE 8
#define FULL_ROUNDS 3
#define MIN_RTT_TIME (10 * NS_PER_S)
#define PROBE_RTT_TIME (200 * NS_PER_MS)
#define LOSS_PER_CENT 2
#define PACE_MARGIN_PER_CENT 1  // kept below the bandwidth, so that a queue drains
#define WINDOW_MIN_SEGMENTS 4

enum { BBR_STARTUP, BBR_DRAIN, BBR_PROBE_BW, BBR_PROBE_RTT };

static const uint16_t cycle_gain[CYCLE] = {UNIT * 5 / 4, UNIT * 3 / 4, UNIT, UNIT, UNIT, UNIT, UNIT, UNIT};

static uint64_t bandwidth(const tcp_bbr_t* b) {
  uint64_t most = 0;
  for (int i = 0; i < BBR_ROUNDS; i++)
    most = b->best[i] > most ? b->best[i] : most;
  return most;
}

static uint32_t at_most(uint64_t value, uint32_t limit) {
  return value < limit ? (uint32_t)value : limit;
}

// What fills the path, times `gain`.
static uint32_t inflight(const tcp_t* tcp, uint32_t gain) {
  const tcp_bbr_t* b = &tcp->model->bbr;
  if (!b->min_rtt) return UINT32_MAX;
  // Bytes a second times nanoseconds: 2^37 * 2^33 would overflow, so microseconds.
  uint64_t product = bandwidth(b) * (uint64_t)(b->min_rtt / 1000 + 1) / 1000000;
  return at_most(product * gain / UNIT, 1u << 30);
}

static uint32_t pace_gain(const tcp_bbr_t* b) {
  switch (b->mode) {
    case BBR_STARTUP:
      return HIGH_GAIN;
    case BBR_DRAIN:
      return DRAIN_GAIN;
    case BBR_PROBE_BW:
      return cycle_gain[b->phase];
    default:
      return UNIT;
  }
}

static void bbr_start(tcp_t* tcp) {
  tcp_newreno.start(tcp);
  if (!tcp_model_create(tcp)) {
    tcp->congestion = &tcp_cubic;
    tcp_cubic.start(tcp);
    return;
  }
  tcp->model->bbr = (tcp_bbr_t){.bound = UINT32_MAX, .min_rtt_at = tcp->base.stack->now};
  tcp->model->pace = 0;  // until there is a round-trip time
}

static void enter_probe_bw(tcp_t* tcp) {
  tcp_bbr_t* b = &tcp->model->bbr;
  b->mode = BBR_PROBE_BW;
  // Any phase but the slow one, so that flows which begin together do not probe together.
  b->phase = (uint8_t)((stack_random_below(tcp->base.stack, CYCLE - 1) + 2) % CYCLE);
  b->phase_at = tcp->base.stack->now;
}

// A round is over when something sent after its beginning has arrived.
static bool next_round(tcp_t* tcp, const tcp_rate_t* rate) {
  tcp_bbr_t* b = &tcp->model->bbr;
  if (!rate->prior_known || seq_lt(rate->prior_delivered, b->round_end)) return false;
  b->round_end = tcp->model->delivered;
  if (!rate->app_limited) {
    b->slot = (uint8_t)((b->slot + 1) % BBR_ROUNDS);
    b->best[b->slot] = 0;
  }
  return true;
}

// Too much lost in the round that has ended, or marked by a router?
static bool congested(tcp_t* tcp) {
  tcp_bbr_t* b = &tcp->model->bbr;
  uint64_t lost = tcp->board.lost_ever - b->round_lost, arrived = tcp->model->delivered - b->round_delivered;
  // The count of rare losses varies by its root: twice that beyond is no chance any more.
  uint64_t allowed = (lost + arrived) * LOSS_PER_CENT / 100, beyond = lost > allowed ? lost - allowed : 0;
  bool much = beyond && beyond / tcp->mss * beyond > 4 * allowed + tcp->mss;
  bool marked = b->marked;
  b->carried = (uint32_t)arrived;
  b->round_lost = tcp->board.lost_ever;
  b->round_delivered = tcp->model->delivered;
  b->marked = false;
  return much || marked;
}

static void bound(tcp_t* tcp) {
  tcp_bbr_t* b = &tcp->model->bbr;
  uint32_t least = (uint32_t)(inflight(tcp, UNIT) * UINT64_C(7) / 10);
  uint32_t now = b->bound < b->carried ? b->bound : b->carried;
  b->bound = now > least ? now : least;
  if (b->mode == BBR_STARTUP) b->full = true;
  if (b->mode == BBR_PROBE_BW && b->phase == 0) {
    b->phase = 1;
    b->phase_at = tcp->base.stack->now;
  }
}

static void check_full(tcp_t* tcp, const tcp_rate_t* rate) {
  tcp_bbr_t* b = &tcp->model->bbr;
  uint64_t now = bandwidth(b);
  if (b->full || rate->app_limited) return;
  if (now >= b->full_bandwidth * 5 / 4) {
    b->full_bandwidth = now;
    b->full_rounds = 0;
  } else if (++b->full_rounds >= FULL_ROUNDS) {
    b->full = true;
  }
}

static void advance_cycle(tcp_t* tcp) {
  tcp_bbr_t* b = &tcp->model->bbr;
  int64_t now = tcp->base.stack->now;
  bool over = now - b->phase_at > b->min_rtt;
  // Probing goes on until it has filled the path so far, draining stops as soon as it has emptied the queue.
  if (b->phase == 0)
    over &= tcp_pipe(tcp) >= inflight(tcp, cycle_gain[0]) || tcp->board.lost || b->bound != UINT32_MAX;
  if (b->phase == 1) over |= tcp_pipe(tcp) <= inflight(tcp, UNIT);
  if (!over) return;
  if (b->phase == 0 && b->bound != UINT32_MAX) {  // nothing bad came of it
    uint64_t more = b->bound + (uint64_t)b->bound / 4;
    b->bound = more > 4 * (uint64_t)inflight(tcp, UNIT) ? UINT32_MAX : (uint32_t)more;
  }
  b->phase = (uint8_t)((b->phase + 1) % CYCLE);
  b->phase_at = now;
}

static void leave_probe_rtt(tcp_t* tcp) {
  tcp_bbr_t* b = &tcp->model->bbr;
  b->min_rtt_at = tcp->base.stack->now;
  tcp->cwnd = tcp->cwnd > b->saved_window ? tcp->cwnd : b->saved_window;
  if (b->full)
    enter_probe_bw(tcp);
  else
    b->mode = BBR_STARTUP;
}

static void watch_min_rtt(tcp_t* tcp, const tcp_rate_t* rate) {
  tcp_bbr_t* b = &tcp->model->bbr;
  int64_t now = tcp->base.stack->now;
  bool stale = now - b->min_rtt_at > MIN_RTT_TIME;
  if (rate->rtt && (!b->min_rtt || rate->rtt <= b->min_rtt || stale)) {
    b->min_rtt = rate->rtt;
    b->min_rtt_at = now;
  }
  if (stale && b->mode != BBR_PROBE_RTT) {
    b->mode = BBR_PROBE_RTT;
    b->saved_window = tcp->cwnd;
    b->phase_at = 0;
  }
  if (b->mode != BBR_PROBE_RTT) return;
  if (!b->phase_at && tcp_pipe(tcp) <= inflight(tcp, UNIT / 2) + 4 * tcp->mss)
    b->phase_at = now + PROBE_RTT_TIME;
  else if (b->phase_at && now > b->phase_at)
    leave_probe_rtt(tcp);
}

static void set_pace(tcp_t* tcp) {
  tcp_bbr_t* b = &tcp->model->bbr;
  uint64_t rate = bandwidth(b);
  if (!rate && tcp->srtt) rate = (uint64_t)tcp->cwnd * NS_PER_S / (uint64_t)tcp->srtt;
  rate = rate * pace_gain(b) / UNIT * (100 - PACE_MARGIN_PER_CENT) / 100;
  if (b->full || rate > tcp->model->pace) tcp->model->pace = rate;
}

static void set_window(tcp_t* tcp, uint32_t delivered) {
  tcp_bbr_t* b = &tcp->model->bbr;
  uint32_t gain = b->mode == BBR_STARTUP || b->mode == BBR_DRAIN ? HIGH_GAIN : WINDOW_GAIN;
  uint32_t full = inflight(tcp, gain), least = WINDOW_MIN_SEGMENTS * tcp->mss;
  // Room for what is under way between two hosts that send and acknowledge in large pieces.
  uint64_t wanted = (uint64_t)full + 3 * (uint64_t)tcp_pace_quantum(tcp);
  uint32_t target = at_most(wanted, b->mode == BBR_STARTUP ? 1u << 30 : b->bound);
  uint32_t grown = at_most((uint64_t)tcp->cwnd + delivered, 1u << 30);
  if (b->full)
    tcp->cwnd = grown < target ? grown : target;
  else if (tcp->cwnd < target)
    tcp->cwnd = grown;
  if (b->mode == BBR_PROBE_RTT) tcp->cwnd = at_most(tcp->cwnd, inflight(tcp, UNIT / 2));
  if (tcp->cwnd < least) tcp->cwnd = least;
}

static void bbr_measured(tcp_t* tcp, const tcp_rate_t* rate) {
  tcp_bbr_t* b = &tcp->model->bbr;
  bool round = next_round(tcp, rate);
  if (rate->bytes_per_s > b->best[b->slot] && (!rate->app_limited || rate->bytes_per_s > bandwidth(b)))
    b->best[b->slot] = rate->bytes_per_s;
  if (round && congested(tcp)) bound(tcp);
  if (round) check_full(tcp, rate);
  if (b->mode == BBR_STARTUP && b->full) b->mode = BBR_DRAIN;
  if (b->mode == BBR_DRAIN && tcp_pipe(tcp) <= inflight(tcp, UNIT)) enter_probe_bw(tcp);
  if (b->mode == BBR_PROBE_BW) advance_cycle(tcp);
  watch_min_rtt(tcp, rate);
  set_pace(tcp);
  set_window(tcp, rate->delivered);
}

static void bbr_acked(tcp_t* tcp, uint32_t acked) {}

// Losses are judged at the end of their round.
static uint32_t bbr_threshold(tcp_t* tcp) {
  return tcp->cwnd;
}

static void bbr_sample(tcp_t* tcp, int64_t rtt_ns) {}

static void bbr_undo(tcp_t* tcp) {}

static void bbr_marked(tcp_t* tcp) {
  tcp->model->bbr.marked = true;
}

const tcp_congestion_ops_t tcp_bbr = {
    "bbr", bbr_start, bbr_acked, bbr_threshold, bbr_sample, bbr_undo, bbr_measured, bbr_marked,
};
