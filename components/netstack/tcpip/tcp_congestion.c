// NewReno (RFC 5681, 6582): the plainest congestion control, and what others fall back to.
#include "tcp.h"

#define INITIAL_WINDOW_SEGMENTS 10u  // RFC 6928

static uint32_t at_least_two(const tcp_t* tcp, uint32_t window) {
  return window < 2 * tcp->mss ? 2 * tcp->mss : window;
}

static void newreno_start(tcp_t* tcp) {
  tcp->cwnd = INITIAL_WINDOW_SEGMENTS * tcp->mss;
  tcp->ssthresh = UINT32_MAX;
}

static void newreno_acked(tcp_t* tcp, uint32_t acked) {
  if (tcp->cwnd < tcp->ssthresh) {
    tcp->cwnd += acked;
    return;
  }
  uint64_t step = (uint64_t)tcp->mss * acked / tcp->cwnd;
  tcp->cwnd += step ? (uint32_t)step : 1;
}

// RFC 5681, 3.1, equation 4. Nothing is in flight where a router has marked the last of it.
static uint32_t newreno_threshold(tcp_t* tcp) {
  uint32_t flight = tcp_flight(tcp);
  return at_least_two(tcp, (flight ? flight : tcp->cwnd) / 2);
}

void tcp_congestion_change(tcp_t* tcp) {
  uint32_t cwnd = tcp->cwnd, ssthresh = tcp->ssthresh;
  tcp->congestion->start(tcp);
  tcp->cwnd = cwnd;
  tcp->ssthresh = ssthresh;
}

static void newreno_sample(tcp_t* tcp, int64_t rtt_ns) {}

static void newreno_undo(tcp_t* tcp) {}

const tcp_congestion_ops_t tcp_newreno = {
    "reno", newreno_start, newreno_acked, newreno_threshold, newreno_sample, newreno_undo,
};
