// Loss recovery: RACK-TLP decides what is lost (RFC 8985), PRR how much is sent until it is repaired (RFC
// 6937), and timestamps show afterwards whether it was lost at all (Eifel, RFC 3522 and RFC 4015); where
// there are none, what is acknowledged after a timeout does (F-RTO, RFC 5682).
#include "tcp.h"

#define RACK_WINDOW_STEPS_MAX 16

// RFC 8985, 6.2 steps 1 to 3. "Sent after" goes by the order of sending, not by time and sequence number:
// within one reading of the clock a segment is sent again behind others that have higher numbers.
void tcp_rack_delivered(tcp_t* tcp, const tcp_segment_t* segment, const tcp_progress_t* progress) {
  int64_t rtt = tcp->base.stack->now - segment->sent_ns;
  // An answer faster than any before is to the original, not to the retransmission.
  if (segment->retransmitted && tcp->min_rtt && rtt < tcp->min_rtt) return;
  bool first = !tcp->rack_sent;
  if (!segment->retransmitted && seq_lt(segment->end, progress->highest)) tcp->reordering_seen = true;
  if (first || seq_lt(tcp->rack_highest, segment->end)) tcp->rack_highest = segment->end;
  if (first || seq_lt(tcp->rack_order, segment->sent_order)) {
    tcp->rack_sent = segment->sent_ns;
    tcp->rack_order = segment->sent_order;
    tcp->rack_rtt = rtt;
  }
}

// RFC 8985, 6.2 step 4: we were too quick to call something lost; once for each round trip.
void tcp_rack_dsack(tcp_t* tcp) {
  if (tcp->dsack_counted) return;
  tcp->dsack_counted = true;
  tcp->dsack_round = tcp->snd_nxt;
  if (tcp->rack_window_steps < RACK_WINDOW_STEPS_MAX) tcp->rack_window_steps++;
  tcp->rack_persist = 16;
}

tcp_progress_t tcp_rack_progress(const tcp_t* tcp) {
  return (tcp_progress_t){.highest = tcp->rack_sent ? tcp->rack_highest : tcp->snd_una};
}

// RFC 8985, 6.2 step 4: how long a segment may be overtaken.
static int64_t reorder_window(const tcp_t* tcp) {
  if (!tcp->reordering_seen) {
    uint32_t three = 3 * tcp->mss;
    if (tcp->recovery != TCP_OPEN || tcp->board.sacked >= three) return 0;
  }
  int64_t window = tcp->min_rtt / 4 * (1 + tcp->rack_window_steps);
  return window < tcp->srtt ? window : tcp->srtt;
}

// RFC 8985, 6.2 step 5. Segments lie in the order of their first sending, so behind one that was sent once,
// and after the latest that has arrived, there is none that was sent before that.
bool tcp_rack_detect(tcp_t* tcp) {
  if (!tcp->rack_sent) return false;
  int64_t now = tcp->base.stack->now, window = reorder_window(tcp), wait = 0;
  bool any = false;
  for (uint32_t i = 0; i < tcp->board.count;) {
    tcp_segment_t* s = tcp_board_at(&tcp->board, i);
    i = s->sacked ? tcp_board_skip(&tcp->board, i) : i + 1;
    if (s->sacked || (s->lost && !s->in_flight_again)) continue;
    bool before = seq_lt(s->sent_order, tcp->rack_order);
    if (!before && !s->retransmitted) break;
    if (!before) continue;
    int64_t left = s->sent_ns + tcp->rack_rtt + window - now;
    if (left <= 0) {
      tcp_board_mark_lost(&tcp->board, s);
      any = true;
    } else if (left > wait) {
      wait = left;
    }
  }
  if (wait) tcp_arm_reorder(tcp, wait);
  return any;
}

void tcp_mark_all_lost(tcp_t* tcp) {
  for (uint32_t i = 0; i < tcp->board.count; i++) {
    tcp_segment_t* s = tcp_board_at(&tcp->board, i);
    if (!s->sacked) tcp_board_mark_lost(&tcp->board, s);
  }
}

void tcp_enter_recovery(tcp_t* tcp, tcp_recovery_t kind) {
  // RFC 5682, 2.1 step 1: not for a timeout among others, or what has been sent again would blur the answer.
  bool asks = tcp->recovery == TCP_OPEN && kind == TCP_LOSS && !tcp->use_timestamps;
  tcp->frto = asks ? TCP_FRTO_ASKED : TCP_FRTO_OFF;
  if (tcp->recovery == TCP_OPEN) {
    tcp->undo_cwnd = tcp->cwnd;
    tcp->undo_ssthresh = tcp->ssthresh;
    tcp->undo_ts = tcp->use_timestamps && kind != TCP_REDUCING ? tcp_clock(tcp) : 0;
    tcp->ssthresh = tcp->congestion->threshold(tcp);
  }
  if (kind == TCP_REDUCING && tcp->congestion->marked) tcp->congestion->marked(tcp);
  tcp->cwr_due = tcp->ecn;
  tcp->recovery = (unsigned)kind & 15;
  tcp->recovery_point = tcp->snd_nxt;
  tcp->prr_delivered = tcp->prr_out = 0;
  tcp->prr_flight = tcp_flight(tcp);
  if (kind == TCP_LOSS) tcp->cwnd = tcp->mss;
}

static void end_recovery(tcp_t* tcp) {
  if (tcp_reducing(tcp) && !tcp->congestion->measured)
    tcp->cwnd = tcp->ssthresh > tcp->mss ? tcp->ssthresh : tcp->mss;
  tcp->recovery = TCP_OPEN;
  tcp->frto = TCP_FRTO_OFF;
  tcp->dupacks = 0;
  tcp->undo_ts = 0;
  if (tcp->rack_window_steps && tcp->rack_persist && --tcp->rack_persist == 0)
    tcp->rack_window_steps = 0;  // 16 recoveries without a sign of need (RFC 8985, 6.2)
}

static void undo(tcp_t* tcp) {
  tcp->cwnd = tcp->cwnd > tcp->undo_cwnd ? tcp->cwnd : tcp->undo_cwnd;
  tcp->ssthresh = tcp->undo_ssthresh;
  tcp->congestion->undo(tcp);
  for (uint32_t i = 0; i < tcp->board.count; i++) {
    tcp_segment_t* s = tcp_board_at(&tcp->board, i);
    if (s->lost && !s->in_flight_again) {
      tcp->board.lost -= s->end - s->seq;
      s->lost = false;
    }
  }
  tcp->recovery = TCP_OPEN;
  tcp->dupacks = 0;
  tcp->undo_ts = 0;
  tcp->reordering_seen = true;
}

// RFC 6937: in proportion while more is in flight than should be, then one for one and a little more.
static void proportional(tcp_t* tcp, uint32_t delivered) {
  uint32_t pipe = tcp_pipe(tcp);
  int64_t send;
  tcp->prr_delivered += delivered;
  if (pipe > tcp->ssthresh) {
    uint64_t flight = tcp->prr_flight ? tcp->prr_flight : 1;
    send = (int64_t)(((uint64_t)tcp->prr_delivered * tcp->ssthresh + flight - 1) / flight) - tcp->prr_out;
  } else {
    int64_t limit = (int64_t)tcp->prr_delivered - tcp->prr_out;
    limit = (limit > (int64_t)delivered ? limit : delivered) + tcp->mss;
    int64_t room = (int64_t)tcp->ssthresh - pipe;
    send = room < limit ? room : limit;
  }
  if (send < 0) send = 0;
  if (send < tcp->mss && tcp->prr_out == 0) send = tcp->mss;  // the first retransmission leaves at once
  tcp->cwnd = pipe + (uint32_t)send;
}

// RFC 6582: without SACK an acknowledgement of a part shows the next hole, which is repaired at once.
static void partial(tcp_t* tcp) {
  tcp_segment_t* first = tcp->board.count ? tcp_board_at(&tcp->board, 0) : NULL;
  if (!first || first->lost) return;
  tcp_board_mark_lost(&tcp->board, first);
  uint32_t needed = tcp_pipe(tcp) + tcp->mss;
  if (tcp->cwnd < needed) tcp->cwnd = needed;
}

// RFC 5682, 2.1 and 3.1, steps 2 and 3. Whether the timeout has turned out to be spurious.
static bool frto(tcp_t* tcp, const tcp_progress_t* progress) {
  if (tcp->frto == TCP_FRTO_TRYING) {
    tcp->frto = TCP_FRTO_OFF;
    if (!progress->original && tcp->cwnd > 3u * tcp->mss) tcp->cwnd = 3u * tcp->mss;
    return progress->original;
  }
  if (tcp->frto == TCP_FRTO_ASKED && progress->acked) {
    // What answers everything at once may answer the retransmission alone.
    tcp->frto = seq_lt(tcp->snd_una, tcp->recovery_point) ? TCP_FRTO_TRYING : TCP_FRTO_OFF;
  } else if (tcp->frto == TCP_FRTO_ASKED && !tcp->use_sack) {
    tcp->frto = TCP_FRTO_OFF;  // a duplicate
  }
  return false;
}

// Step 2b: up to two new segments in place of what seems lost. Whether the next acknowledgement is waited
// for; if there is nothing new to send, the timeout counts as needed.
bool tcp_frto_output(tcp_t* tcp) {
  if (tcp->frto != TCP_FRTO_TRYING) return false;
  if (tcp->snd_nxt == tcp->recovery_point && !tcp->fin_sent) {
    uint32_t cwnd = tcp->cwnd;
    tcp->cwnd = tcp_pipe(tcp) + 2u * tcp->mss;
    tcp_send_new(tcp);
    tcp->cwnd = cwnd;
  }
  if (tcp->snd_nxt == tcp->recovery_point) tcp->frto = TCP_FRTO_OFF;
  return tcp->frto == TCP_FRTO_TRYING;
}

// After each acknowledgement in recovery.
void tcp_recovery_acked(tcp_t* tcp, const tcp_progress_t* progress, const tcp_in_t* in) {
  // It answers what was sent before our first retransmission: the original had arrived.
  bool spurious = tcp->undo_ts && in->has_timestamp && progress->delivered &&
                  seq_lt(in->ts_echo, tcp->undo_ts);
  if (spurious && tcp->board.sacked == 0 && tcp->recovery == TCP_LOSS) {
    undo(tcp);
    return;
  }
  if (frto(tcp, progress)) {
    undo(tcp);
    return;
  }
  if (tcp->recovery == TCP_LOSS) tcp->undo_ts = 0;  // the first answer decides
  if (seq_le(tcp->recovery_point, tcp->snd_una)) {
    end_recovery(tcp);
    return;
  }
  if (tcp_reducing(tcp) && !tcp->congestion->measured) proportional(tcp, progress->delivered);
  if (tcp->recovery == TCP_RECOVERY && !tcp->use_sack && progress->acked) partial(tcp);
}

// RFC 8985, 7.4.2: a tail probe that repaired a loss was a loss. What acknowledges its number first may
// answer what was sent before it; the next one tells.
void tcp_probe_acked(tcp_t* tcp, const tcp_progress_t* progress, const tcp_in_t* in) {
  if (!tcp->probe_out || seq_lt(in->ack, tcp->probe_end)) return;
  bool both = in->sack_count ? seq_le(in->sacks[0].end, in->ack)  // a DSACK
                             : in->length == 0 && !progress->acked;
  if (!tcp->probe_was_data && !both && in->ack == tcp->probe_end) return;
  tcp->probe_out = false;
  if (tcp->probe_was_data || both || tcp->recovery != TCP_OPEN) return;
  tcp->ssthresh = tcp->congestion->threshold(tcp);
  tcp->cwr_due = tcp->ecn;
  if (!tcp->congestion->measured) tcp->cwnd = tcp->ssthresh;
}
