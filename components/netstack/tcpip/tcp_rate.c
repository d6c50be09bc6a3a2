// For congestion controls that go by a model of the path (tcp_congestion_ops_t.measured): how fast what was
// sent arrives (draft-cheng-iccrg-delivery-rate-estimation), and the pace at which it is let go.
//
// A sample spans from when a segment left to when it was delivered: what was delivered meanwhile, over the
// longer of the times it took to send and to be acknowledged, so that neither bursts nor acknowledgements
// that were held up make the path look faster than it is.
#include <stdlib.h>

#include "tcp.h"

#define QUANTUM_TIME (1 * NS_PER_MS)  // of the pace in one frame
#define QUANTUM_MAX 65000u
#define CATCH_UP (1 * NS_PER_MS)  // how late a timer may be without slowing us down

static void pace_fired(wheel_timer_t* timer) {
  tcp_output(list_owner(timer, tcp_model_t, pace_timer)->tcp);
}

bool tcp_model_create(tcp_t* tcp) {
  if (tcp->model) return true;
  tcp->model = calloc(1, sizeof *tcp->model);
  if (!tcp->model) return false;
  tcp->model->tcp = tcp;
  tcp->model->pace_timer.fire = pace_fired;
  return true;
}

void tcp_model_destroy(tcp_t* tcp) {
  if (!tcp->model) return;
  wheel_stop(&tcp->base.stack->wheel, &tcp->model->pace_timer);
  free(tcp->model);
  tcp->model = NULL;
}

void tcp_rate_sent(tcp_t* tcp, tcp_segment_t* segment, bool first_in_flight) {
  tcp_model_t* m = tcp->model;
  int64_t now = tcp->base.stack->now;
  if (!m) return;
  if (first_in_flight) m->first_sent_ns = m->delivered_ns = now;
  segment->first_sent_ns = m->first_sent_ns;
  segment->delivered_ns = m->delivered_ns;
  segment->delivered = m->delivered;
  segment->app_limited = m->app_limited_until != 0;
}

void tcp_rate_delivered(tcp_t* tcp, const tcp_segment_t* segment, tcp_progress_t* p) {
  if (!tcp->model || !segment->delivered_ns) return;
  bool newer = !p->prior_ns || seq_lt(p->prior_delivered, segment->delivered) ||
               (p->prior_delivered == segment->delivered && segment->sent_ns > tcp->model->first_sent_ns);
  if (!newer) return;
  p->prior_ns = segment->delivered_ns;
  p->prior_delivered = segment->delivered;
  p->app_limited = segment->app_limited;
  p->send_elapsed = segment->sent_ns - segment->first_sent_ns;
  tcp->model->first_sent_ns = segment->sent_ns;
}

void tcp_rate_measure(tcp_t* tcp, const tcp_progress_t* p) {
  tcp_model_t* m = tcp->model;
  int64_t now = tcp->base.stack->now;
  if (!m || !tcp->congestion->measured) return;
  if (p->delivered) {
    m->delivered += p->delivered;
    m->delivered_ns = now;
  }
  if (m->app_limited_until && seq_lt(m->app_limited_until, m->delivered)) m->app_limited_until = 0;
  tcp_rate_t rate = {.delivered = p->delivered, .rtt = p->rtt, .app_limited = p->app_limited};
  if (p->prior_ns) {
    int64_t ack_elapsed = now - p->prior_ns;
    int64_t interval = ack_elapsed > p->send_elapsed ? ack_elapsed : p->send_elapsed;
    rate.prior_known = true;
    rate.prior_delivered = p->prior_delivered;
    if (interval > 0 && interval >= tcp->min_rtt)
      rate.bytes_per_s = (uint64_t)(m->delivered - p->prior_delivered) * NS_PER_S / (uint64_t)interval;
  }
  tcp->congestion->measured(tcp, &rate);
}

void tcp_rate_app_limited(tcp_t* tcp) {
  tcp_model_t* m = tcp->model;
  if (!m || tcp->board.lost > tcp->board.retransmitted || tcp_pipe(tcp) + tcp->mss > tcp->cwnd) return;
  m->app_limited_until = m->delivered + tcp_pipe(tcp);
  if (!m->app_limited_until) m->app_limited_until = 1;
}

uint32_t tcp_pace_quantum(const tcp_t* tcp) {
  if (!tcp->model || !tcp->model->pace) return UINT32_MAX;
  uint64_t quantum = tcp->model->pace * QUANTUM_TIME / NS_PER_S;
  quantum = quantum < 2 * tcp->mss ? 2 * tcp->mss : quantum;
  return quantum < QUANTUM_MAX ? (uint32_t)quantum : QUANTUM_MAX;
}

bool tcp_pace_allows(tcp_t* tcp) {
  tcp_model_t* m = tcp->model;
  if (!m || !m->pace || m->pace_at <= tcp->base.stack->now) return true;
  if (!wheel_running(&m->pace_timer)) wheel_start(&tcp->base.stack->wheel, &m->pace_timer, m->pace_at);
  return false;
}

void tcp_pace_sent(tcp_t* tcp, uint32_t bytes) {
  tcp_model_t* m = tcp->model;
  int64_t now = tcp->base.stack->now;
  if (!m || !m->pace) return;
  if (m->pace_at < now - CATCH_UP) m->pace_at = now;
  m->pace_at += (int64_t)((uint64_t)bytes * NS_PER_S / m->pace);
}
