// What happens when nothing arrives: retransmission (RFC 6298), tail probes (RFC 8985), zero-window probes,
// delayed acknowledgements, keep-alive, and the ends of FIN-WAIT-2 and TIME-WAIT.
#include "tcp.h"

#define DELAYED_ACK_WORST (200 * NS_PER_MS)
#define BACKOFF_MAX 15
#define PROBE_MIN (10 * NS_PER_MS)
#define CLOCK_GRANULARITY (1 * NS_PER_MS)

void tcp_rtt_sample(tcp_t* tcp, int64_t rtt) {
  if (!tcp->min_rtt || rtt < tcp->min_rtt) tcp->min_rtt = rtt;
  if (!tcp->srtt) {
    tcp->srtt = rtt;
    tcp->rttvar = rtt / 2;
  } else {
    int64_t difference = tcp->srtt > rtt ? tcp->srtt - rtt : rtt - tcp->srtt;
    tcp->rttvar += (difference - tcp->rttvar) / 4;
    tcp->srtt += (rtt - tcp->srtt) / 8;
  }
  int64_t spread = 4 * tcp->rttvar > CLOCK_GRANULARITY ? 4 * tcp->rttvar : CLOCK_GRANULARITY;
  int64_t rto = tcp->srtt + spread;
  tcp->rto = rto < TCP_RTO_MIN ? TCP_RTO_MIN : rto > TCP_RTO_MAX ? TCP_RTO_MAX : rto;
}

static int64_t backed_off(const tcp_t* tcp) {
  unsigned steps = tcp->backoff < BACKOFF_MAX ? tcp->backoff : BACKOFF_MAX;
  int64_t rto = tcp->rto << (steps < 10 ? steps : 10);
  return rto < TCP_RTO_MAX ? rto : TCP_RTO_MAX;
}

static void arm(tcp_t* tcp, tcp_timer_kind_t kind, int64_t at) {
  tcp->send_timer_kind = (uint8_t)kind;
  wheel_start(&tcp->base.stack->wheel, &tcp->send_timer, at);
}

static bool may_probe_tail(const tcp_t* tcp) {
  return tcp->use_sack && tcp->srtt && tcp->recovery == TCP_OPEN && !tcp->backoff && !tcp->probe_out &&
         !tcp->board.sacked;
}

// RFC 8985, 7.2
static int64_t probe_time(const tcp_t* tcp) {
  int64_t time = 2 * tcp->srtt;
  if (tcp->board.count == 1) time += DELAYED_ACK_WORST;
  return time < PROBE_MIN ? PROBE_MIN : time;
}

void tcp_arm_send_timer(tcp_t* tcp) {
  int64_t now = tcp->base.stack->now;
  bool opening = tcp->state == TCPIP_TCP_SYN_SENT || tcp->state == TCPIP_TCP_SYN_RECEIVED;
  if (opening || tcp->board.count) {
    int64_t rto = now + backed_off(tcp);
    if (!opening && tcp->reorder_at)
      arm(tcp, TCP_TIMER_REORDER, tcp->reorder_at < rto ? tcp->reorder_at : rto);
    else if (!opening && may_probe_tail(tcp) && now + probe_time(tcp) < rto)
      arm(tcp, TCP_TIMER_PROBE, now + probe_time(tcp));
    else
      arm(tcp, TCP_TIMER_RTO, rto);
  } else if (tcp->tx.length || (tcp->fin_wanted && !tcp->fin_sent)) {
    arm(tcp, TCP_TIMER_PERSIST, now + backed_off(tcp));
  } else {
    tcp->send_timer_kind = TCP_TIMER_NONE;
    wheel_stop(&tcp->base.stack->wheel, &tcp->send_timer);
  }
}

void tcp_arm_reorder(tcp_t* tcp, int64_t delay) {
  tcp->reorder_at = tcp->base.stack->now + delay;
}

// Has the peer been silent for too long? (RFC 9293, 3.8.3; RFC 5482)
static bool given_up(const tcp_t* tcp) {
  if (tcp->user_timeout_ms && tcp->stalled_since)
    return tcp->base.stack->now - tcp->stalled_since >= tcp->user_timeout_ms * NS_PER_MS;
  return tcp->backoff >= BACKOFF_MAX || (tcp->detached && tcp->backoff >= 8);
}

// A window may stay closed, or be taken back, for ever, as long as the peer answers (RFC 9293, 3.8.6.1), but
// not at the cost of nobody.
static bool ends_though_shut(const tcp_t* tcp) {
  bool silent = tcp->base.stack->now - tcp->last_heard > 4 * TCP_RTO_MAX;
  return silent || tcp->user_timeout_ms || tcp->detached;
}

static void suspect_neighbour(const tcp_t* tcp) {
  if (tcp->backoff == 2 && tcp->path.interface && !tcp->path.interface->info.loopback)
    neighbour_suspect(tcp->path.interface, &tcp->path.next_hop);
}

static void syn_timeout(tcp_t* tcp) {
  if (tcp->backoff >= tcp->syn_count || given_up(tcp)) {
    tcp_end(tcp, tcp->soft_error ? tcp->soft_error : ETIMEDOUT);
    return;
  }
  if (!tcp->deferred) suspect_neighbour(tcp);
  tcp->backoff++;
  tcp->deferred = false;
  tcp_send_syn(tcp);
  tcp_arm_send_timer(tcp);
}

// A closed window is a reason why nothing is acknowledged, but what arrives is answered all the same (RFC
// 9293, 3.10.7.4): who says nothing to what was sent last has perhaps not got it.
static bool answers_though_shut(const tcp_t* tcp) {
  return !tcp->snd_wnd && tcp->board.count && tcp->last_heard >= tcp_board_at(&tcp->board, 0)->sent_ns;
}

static void retransmission_timeout(tcp_t* tcp) {
  if (given_up(tcp) && (tcp->snd_wnd || ends_though_shut(tcp))) {
    tcp_end(tcp, tcp->soft_error ? tcp->soft_error : ETIMEDOUT);
    return;
  }
  count(tcp->base.stack, tcp_timeouts);
  if (tcp->board.count && tcp_board_at(&tcp->board, 0)->sacked) tcp_board_forget_sacks(&tcp->board);
  count_many(tcp->base.stack, tcp_timed_out_bytes, tcp_flight(tcp) - tcp->board.sacked);
  tcp_enter_recovery(tcp, TCP_LOSS);
  tcp_mark_all_lost(tcp);
  tcp->dupacks = 0;
  tcp->probe_out = false;
  if (tcp->backoff < UINT8_MAX) tcp->backoff++;
  suspect_neighbour(tcp);
  (void)tcp_mtu_probe_lost(tcp);
  if (!answers_though_shut(tcp)) tcp_mtu_timeout(tcp);
  tcp_output(tcp);
  tcp_arm_send_timer(tcp);
}

// RFC 8985, 7.3: new data if there is some, else the last segment again.
static void tail_probe(tcp_t* tcp) {
  tcp->probe_out = true;
  tcp->probe_was_data = false;
  uint32_t before = tcp->snd_nxt, cwnd = tcp->cwnd;
  if (tcp->tx.length > tcp_flight(tcp) && !tcp->fin_sent) {
    tcp->cwnd = tcp_pipe(tcp) + tcp->mss;
    tcp_output(tcp);
    tcp->cwnd = cwnd;
    tcp->probe_was_data = tcp->snd_nxt != before;
  }
  count(tcp->base.stack, tcp_tail_probes);
  if (!tcp->probe_was_data && tcp->board.count)
    tcp->probe_was_data = tcp_retransmit(tcp, tcp->board.count - 1, 1) != 0;
  tcp->probe_end = tcp->snd_nxt;
  tcp_arm_send_timer(tcp);
}

static void reorder_timeout(tcp_t* tcp) {
  tcp->reorder_at = 0;
  bool lost = tcp_rack_detect(tcp);
  if (lost && tcp_mtu_probe_lost(tcp)) lost = false;
  if (lost && (tcp->recovery == TCP_OPEN || tcp->recovery == TCP_REDUCING)) {
    tcp_enter_recovery(tcp, TCP_RECOVERY);
    if (!tcp->congestion->measured) tcp->cwnd = tcp_pipe(tcp) + tcp->mss;
  }
  tcp_output(tcp);
  tcp_arm_send_timer(tcp);
}

static void persist_timeout(tcp_t* tcp) {
  if (!tcp->stalled_since) tcp->stalled_since = tcp->base.stack->now;
  if (given_up(tcp) && ends_though_shut(tcp)) {
    tcp_end(tcp, tcp->soft_error ? tcp->soft_error : ETIMEDOUT);
    return;
  }
  uint32_t before = tcp->snd_nxt;
  tcp->push_now = true;
  tcp_output(tcp);
  tcp->push_now = false;
  if (tcp->snd_nxt == before) {
    if (tcp->backoff < BACKOFF_MAX) tcp->backoff++;
    tcp_send_probe(tcp);
  }
  tcp_arm_send_timer(tcp);
}

static void send_timer_fired(wheel_timer_t* timer) {
  tcp_t* tcp = list_owner(timer, tcp_t, send_timer);
  tcp_timer_kind_t kind = tcp->send_timer_kind;
  tcp->send_timer_kind = TCP_TIMER_NONE;
  if (tcp->state == TCPIP_TCP_SYN_SENT || tcp->state == TCPIP_TCP_SYN_RECEIVED)
    syn_timeout(tcp);
  else if (kind == TCP_TIMER_RTO)
    retransmission_timeout(tcp);
  else if (kind == TCP_TIMER_PROBE)
    tail_probe(tcp);
  else if (kind == TCP_TIMER_REORDER)
    reorder_timeout(tcp);
  else if (kind == TCP_TIMER_PERSIST)
    persist_timeout(tcp);
}

// Back-off was for a network that is congested; this one was not there.
void tcp_link_back(tcpip_socket_t* socket, const interface_t* interface) {
  tcp_t* tcp = tcp_of(socket);
  if (tcp->path.interface == interface && wheel_running(&tcp->send_timer))
    wheel_start(&socket->stack->wheel, &tcp->send_timer, socket->stack->now);
}

static void ack_timer_fired(wheel_timer_t* timer) {
  tcp_send_ack(list_owner(timer, tcp_t, ack_timer));
}

// As on Linux, a user timeout takes the place of the count; one probe at least has gone unanswered.
static bool stays_silent(const tcp_t* tcp, int64_t idle) {
  if (tcp->user_timeout_ms) return tcp->keepalive_sent && idle >= tcp->user_timeout_ms * NS_PER_MS;
  return tcp->keepalive_sent >= tcp->keepalive_count;
}

static void keepalive(tcp_t* tcp) {
  tcpip_t* stack = tcp->base.stack;
  int64_t idle = stack->now - tcp->last_heard, wanted = tcp->keepalive_idle_s * NS_PER_S;
  if (!tcp->keepalive) return;
  if (idle < wanted || tcp->board.count) {  // heard of meanwhile, or retransmission watches over it
    tcp->keepalive_sent = 0;
    tcp_arm_life(tcp, idle < wanted ? wanted - idle : wanted);
    return;
  }
  if (stays_silent(tcp, idle)) {
    tcp_send_reset(tcp);
    tcp_end(tcp, tcp->soft_error ? tcp->soft_error : ETIMEDOUT);
    return;
  }
  if (tcp->keepalive_sent < UINT8_MAX) tcp->keepalive_sent++;
  tcp_send_probe(tcp);
  tcp_arm_life(tcp, tcp->keepalive_interval_s * NS_PER_S);
}

static void life_timer_fired(wheel_timer_t* timer) {
  tcp_t* tcp = list_owner(timer, tcp_t, life_timer);
  if (tcp->state == TCPIP_TCP_TIME_WAIT || (tcp->state == TCPIP_TCP_FIN_WAIT_2 && tcp->detached))
    tcp_end(tcp, 0);
  else
    keepalive(tcp);
}

void tcp_arm_life(tcp_t* tcp, int64_t delay) {
  wheel_start(&tcp->base.stack->wheel, &tcp->life_timer, tcp->base.stack->now + delay);
}

void tcp_timers_init(tcp_t* tcp) {
  tcp->send_timer.fire = send_timer_fired;
  tcp->ack_timer.fire = ack_timer_fired;
  tcp->life_timer.fire = life_timer_fired;
}

void tcp_timers_stop(tcp_t* tcp) {
  wheel_t* wheel = &tcp->base.stack->wheel;
  wheel_stop(wheel, &tcp->send_timer);
  wheel_stop(wheel, &tcp->ack_timer);
  wheel_stop(wheel, &tcp->life_timer);
  tcp->send_timer_kind = TCP_TIMER_NONE;
}
