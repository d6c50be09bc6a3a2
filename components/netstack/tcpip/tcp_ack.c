// What an acknowledgement tells: bytes that are there, a window, holes.
#include "tcp.h"

static void delivered(tcp_t* tcp, const tcp_segment_t* s, tcp_progress_t* p) {
  int64_t rtt = tcp->base.stack->now - s->sent_ns;
  p->delivered += s->end - s->seq;
  p->original |= s->lost && !s->retransmitted;
  if (!s->retransmitted && (!p->rtt || rtt < p->rtt)) p->rtt = rtt > 0 ? rtt : 1;
  tcp_rack_delivered(tcp, s, p);
  tcp_rate_delivered(tcp, s, p);
}

static void take_sacks(tcp_t* tcp, const tcp_in_t* in, tcp_progress_t* p) {
  for (uint32_t k = 0; k < in->sack_count; k++) {
    const tcp_range_t* r = &in->sacks[k];
    if (!seq_lt(r->start, r->end) || seq_lt(tcp->snd_nxt, r->end)) continue;
    if (k == 0 && seq_le(r->end, in->ack)) tcp_rack_dsack(tcp);  // RFC 2883, 4
    if (seq_le(r->end, in->ack) || seq_le(r->end, tcp->snd_una)) continue;
    uint32_t i = tcp_board_find(&tcp->board, r->start);
    if (i < tcp->board.count && seq_lt(tcp_board_at(&tcp->board, i)->seq, r->start)) i++;  // a part only
    uint32_t first = i;
    while (i < tcp->board.count) {
      tcp_segment_t* s = tcp_board_at(&tcp->board, i);
      if (seq_lt(r->end, s->end)) break;
      if (s->sacked) {
        i = tcp_board_skip(&tcp->board, i);
        continue;
      }
      delivered(tcp, s, p);
      tcp_board_mark_sacked(&tcp->board, s);
      i++;
    }
    tcp_board_join(&tcp->board, first, i);
  }
}

static void pop_segments(tcp_t* tcp, uint32_t ack, tcp_progress_t* p) {
  while (tcp->board.count) {
    tcp_segment_t* s = tcp_board_at(&tcp->board, 0);
    if (seq_lt(ack, s->end)) {
      uint32_t part = seq_lt(s->seq, ack) ? ack - s->seq : 0;
      if (part && !s->sacked) p->delivered += part;
      if (s->sacked) tcp->board.sacked -= part;
      if (s->lost) tcp->board.lost -= part;
      if (s->in_flight_again) tcp->board.retransmitted -= part;
      s->seq += part;
      return;
    }
    if (!s->sacked) delivered(tcp, s, p);
    tcp_board_pop(&tcp->board);
  }
}

static void confirm_neighbour(tcp_t* tcp) {
  interface_t* interface = tcp->path.interface;
  int64_t now = tcp->base.stack->now;
  if (now < tcp->confirm_at || !interface || interface->info.loopback ||
      !path_valid(tcp->base.stack, &tcp->path))
    return;
  tcp->confirm_at = now + NS_PER_S;
  neighbour_confirm(interface, &tcp->path.next_hop);
}

static void advance(tcp_t* tcp, const tcp_in_t* in, tcp_progress_t* p) {
  uint32_t acked = in->ack - tcp->snd_una, bytes = acked;
  pop_segments(tcp, in->ack, p);
  if (tcp->fin_sent && in->ack == tcp->snd_nxt && !tcp->fin_acked) {
    tcp->fin_acked = true;
    bytes--;
  }
  tcp_ring_consume(&tcp->tx, bytes);
  if (tcp->tx.length == 0) tcp_rest(tcp);
  tcp->snd_una = in->ack;
  // What stayed behind would lie ahead again after 2 GiB.
  tcp->snd_up = seq_max(tcp->snd_up, tcp->snd_una);
  if (tcp->dsack_counted && seq_le(tcp->dsack_round, tcp->snd_una)) tcp->dsack_counted = false;
  tcp->backoff = 0;
  tcp->soft_error = 0;
  tcp_mtu_delivered(tcp);
  confirm_neighbour(tcp);
  tcp->stalled_since = tcp->snd_una == tcp->snd_nxt ? 0 : tcp->base.stack->now;
  p->acked = acked;
}

// RFC 9293, 3.10.7.4: only from segments not older than the one that told last. One that acknowledges more is
// not, even with an old sequence number (a retransmission): without it the right edge would move as nobody
// offered.
static void take_window(tcp_t* tcp, const tcp_in_t* in) {
  bool newer = seq_lt(tcp->snd_una, in->ack) || seq_lt(tcp->snd_wl1, in->seq) ||
               (tcp->snd_wl1 == in->seq && seq_le(tcp->snd_wl2, in->ack));
  if (!newer) return;
  uint32_t window = tcp_window_shown(tcp, in);
  bool shut = tcp->send_timer_kind == TCP_TIMER_PERSIST || (!tcp->snd_wnd && !tcp->detached);
  tcp->snd_wnd = window;
  tcp->snd_wl1 = seq_max(tcp->snd_wl1, in->seq);
  tcp->snd_wl2 = in->ack;
  if (window > tcp->snd_wnd_max) tcp->snd_wnd_max = window;
  if (window && shut) tcp->backoff = 0;
}

// RFC 5681: same number, no data, same window, and something is waiting for it.
static void count_duplicate(tcp_t* tcp, const tcp_in_t* in, uint32_t window_before, tcp_progress_t* p) {
  bool duplicate = in->length == 0 && !(in->flags & (TCP_SYN | TCP_FIN)) && tcp->board.count &&
                   tcp->snd_wnd == window_before;
  if (!duplicate || tcp->use_sack) return;
  uint32_t most = tcp->board.count;
  if (tcp->dupacks == most) return;
  tcp->dupacks++;
  p->delivered = tcp->mss;  // RFC 6937, 3: which one is not known, but one has arrived
  bool repairing = tcp->recovery == TCP_RECOVERY || tcp->recovery == TCP_LOSS;
  if (tcp->dupacks != 3 || repairing) return;
  tcp_board_mark_lost(&tcp->board, tcp_board_at(&tcp->board, 0));
  p->lost = true;
}

// What duplicates stood for is now acknowledged, and was counted before.
static void forget_duplicates(tcp_t* tcp, tcp_progress_t* p) {
  uint32_t covered = p->acked / tcp->mss, counted = tcp->dupacks * tcp->mss;
  p->delivered -= counted < p->delivered ? counted : p->delivered;
  if (tcp->recovery == TCP_OPEN || tcp->dupacks <= covered)
    tcp->dupacks = 0;
  else
    tcp->dupacks -= covered;
}

static void congestion(tcp_t* tcp, const tcp_in_t* in, const tcp_progress_t* p, uint32_t flight_before) {
  bool lost = tcp->use_sack && (tcp->board.sacked || tcp->recovery != TCP_OPEN) && tcp_rack_detect(tcp);
  bool repairing = tcp->recovery == TCP_RECOVERY || tcp->recovery == TCP_LOSS;
  lost |= p->lost;
  if (lost && tcp_mtu_probe_lost(tcp)) lost = false;
  if (lost && !repairing)
    tcp_enter_recovery(tcp, TCP_RECOVERY);
  else
    tcp_ecn_acknowledged(tcp, in);
  bool reducing = tcp_reducing(tcp);
  if (tcp->recovery != TCP_OPEN)
    tcp_recovery_acked(tcp, p, in);
  else
    tcp_probe_acked(tcp, p, in);
  // Growth only while the window is what limits us (RFC 9438, 5.8), and not for what is only reported by SACK
  // (RFC 5681, 3.2; RFC 3042).
  bool limited = flight_before + tcp_gathered(tcp) >= tcp->cwnd ||
                 (tcp->cwnd < tcp->ssthresh && 2 * flight_before >= tcp->cwnd);
  if (p->acked && !reducing && !tcp_reducing(tcp) && limited && !tcp->congestion->measured)
    tcp->congestion->acked(tcp, p->delivered);
}

bool tcp_ack_input(tcp_t* tcp, const tcp_in_t* in) {
  if (seq_lt(tcp->snd_nxt, in->ack)) {  // of what we have not sent
    tcp_send_challenge(tcp);
    return false;
  }
  if (seq_lt(in->ack, tcp->snd_una)) {
    if (tcp->snd_una - in->ack > tcp->snd_wnd_max + 1) {  // RFC 5961, 5.2
      tcp_send_challenge(tcp);
      return false;
    }
    if (tcp->use_sack) {  // old, but its SACK blocks are true
      tcp_progress_t late = tcp_rack_progress(tcp);
      take_sacks(tcp, in, &late);
    }
    return true;
  }
  tcp_progress_t p = tcp_rack_progress(tcp);
  uint32_t window_before = tcp->snd_wnd, flight = tcp_flight(tcp);
  take_window(tcp, in);
  if (tcp->use_sack) take_sacks(tcp, in, &p);
  if (seq_lt(tcp->snd_una, in->ack))
    advance(tcp, in, &p);
  else
    count_duplicate(tcp, in, window_before, &p);
  if (p.acked && !tcp->use_sack) forget_duplicates(tcp, &p);
  if (p.rtt) {
    tcp_rtt_sample(tcp, p.rtt);
    tcp->congestion->sample(tcp, p.rtt);
  }
  congestion(tcp, in, &p, flight);
  tcp_rate_measure(tcp, &p);
  // Who only says again that the window is closed does not put the next probe off.
  bool shut = tcp->send_timer_kind == TCP_TIMER_PERSIST || !window_before;
  if (p.acked || p.delivered || (shut && tcp->snd_wnd > window_before)) tcp_arm_send_timer(tcp);
  if (p.acked) tcp_check_writable(tcp);
  return true;
}
