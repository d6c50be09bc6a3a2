// A TCP segment arrives (RFC 9293, 3.10.7).
#include "checksum.h"
#include "tcp.h"

#define PAWS_IDLE (24 * 86400 * NS_PER_S)  // a timestamp older than this says nothing (RFC 7323, 5.5)

enum {
  OPTION_END = 0,
  OPTION_NOP = 1,
  OPTION_MSS = 2,
  OPTION_SCALE = 3,
  OPTION_SACK_OK = 4,
  OPTION_SACK = 5,
  OPTION_TIMESTAMP = 8
};

static void parse_sacks(const uint8_t* p, size_t length, tcp_in_t* out) {
  size_t count = (length - 2) / 8;
  for (size_t i = 0; i < count && i < TCP_SACKS_MAX; i++)
    out->sacks[i] = (tcp_range_t){be32_get(p + 2 + 8 * i), be32_get(p + 6 + 8 * i), 0};
  out->sack_count = (uint32_t)(count < TCP_SACKS_MAX ? count : TCP_SACKS_MAX);
}

static void parse_option(const uint8_t* p, size_t length, tcp_in_t* out) {
  if (p[0] == OPTION_MSS && length == 4) {
    out->mss = be16_get(p + 2);
  } else if (p[0] == OPTION_SCALE && length == 3) {
    out->has_scale = true;
    out->scale = p[2] > 14 ? 14 : p[2];
  } else if (p[0] == OPTION_SACK_OK && length == 2) {
    out->sack_ok = true;
  } else if (p[0] == OPTION_TIMESTAMP && length == 10) {
    out->has_timestamp = true;
    out->ts_value = be32_get(p + 2);
    out->ts_echo = be32_get(p + 6);
  } else if (p[0] == OPTION_SACK && length >= 10) {
    parse_sacks(p, length, out);
  }
}

static void parse_options(const uint8_t* p, size_t left, tcp_in_t* out) {
  while (left && p[0] != OPTION_END) {
    size_t length = p[0] == OPTION_NOP ? 1 : left >= 2 ? p[1] : 0;
    if (length == 0 || length > left || (p[0] != OPTION_NOP && length < 2))
      return;  // what cannot be read is as if it were not there
    if (p[0] != OPTION_NOP) parse_option(p, length, out);
    p += length;
    left -= length;
  }
}

bool tcp_parse(rx_t* rx, tcp_in_t* out) {
  const uint8_t* h = rx->transport;
  size_t length = rx->transport_length;
  size_t header = length >= TCP_HEADER ? (size_t)(h[12] >> 4) * 4 : 0;
  if (header < TCP_HEADER || header > length || be16_get(h) == 0 || be16_get(h + 2) == 0) {
    count(rx->stack, tcp_rx_bad);
    return false;
  }
  const uint8_t* data = rx->shared ? rx->shared + (h - rx->network) + header : h + header;
  if (!rx->checksum_good) {
    uint64_t sum = checksum_pseudo(&rx->source, &rx->destination, PROTOCOL_TCP, length);
    sum = checksum_add(sum, h, header);  // a multiple of four bytes
    if (checksum_fold(checksum_add(sum, data, length - header)) != 0xffff) {
      count(rx->stack, tcp_rx_bad_checksum);
      return false;
    }
  }
  *out = (tcp_in_t){.rx = rx,
                    .seq = be32_get(h + 4),
                    .ack = be32_get(h + 8),
                    .flags = h[13],
                    .window = be16_get(h + 14),
                    .urgent = be16_get(h + 18),
                    .data = data,
                    .data_seq = be32_get(h + 4) + !!(h[13] & TCP_SYN),
                    .length = (uint32_t)(length - header)};
  parse_options(h + TCP_HEADER, header - TCP_HEADER, out);
  return true;
}

// RFC 9293, 3.5.2: what belongs to nothing here is answered so that its sender can tell.
void tcp_reset_reply(const tcp_in_t* in) {
  const rx_t* rx = in->rx;
  if (in->flags & TCP_RST) return;
  path_query_t query = {
      .destination = rx->source,
      .source = rx->destination,
      .interface = rx->foreign || addr_is_scoped(&rx->source) ? rx->interface->info.index : 0,
      .foreign = rx->foreign};
  tcp_bare_t reset = {.local_port = be16_get(rx->transport + 2), .remote_port = be16_get(rx->transport)};
  if (path_resolve(rx->stack, &query, &reset.path)) return;
  if (in->flags & TCP_ACK) {
    reset.seq = in->ack;
    reset.flags = TCP_RST;
  } else {
    reset.ack = in->seq + in->length + !!(in->flags & TCP_SYN) + !!(in->flags & TCP_FIN);
    reset.flags = TCP_RST | TCP_ACK;
  }
  count(rx->stack, tcp_tx_resets);
  tcp_send_bare(rx->stack, &reset);
}

void tcp_take_options(tcp_t* tcp, const tcp_in_t* in) {
  uint32_t fallback = in->rx->v4 ? TCP_MSS_DEFAULT_V4 : TCP_MSS_DEFAULT_V6;
  tcp->peer_mss = in->mss ? (in->mss < 64 ? 64 : in->mss) : fallback;
  tcp->use_scale = tcp->use_scale && in->has_scale;
  tcp->snd_scale = tcp->use_scale ? in->scale : 0;
  tcp->rcv_scale = tcp->use_scale ? tcp->rcv_scale : 0;
  tcp->use_sack = tcp->use_sack && in->sack_ok;
  tcp->use_timestamps = tcp->use_timestamps && in->has_timestamp;
  if (tcp->use_timestamps) {
    tcp->ts_recent = in->ts_value;
    tcp->ts_recent_at = tcp->base.stack->now;
  }
}

void tcp_established(tcp_t* tcp) {
  tcp->state = tcp->fin_wanted ? TCPIP_TCP_FIN_WAIT_1 : TCPIP_TCP_ESTABLISHED;
  // RFC 6298, 5.7: the peer is slower than was thought.
  tcp->rto = tcp->backoff ? TCP_RTO_AFTER_SYN_LOSS : TCP_RTO_INITIAL;
  tcp_update_mss(tcp);
  tcp->rcv_mss = tcp->mss < TCP_MSS_DEFAULT_V4 ? (uint16_t)tcp->mss : TCP_MSS_DEFAULT_V4;
  tcp->congestion->start(tcp);
  if (tcp->backoff > 1) tcp->cwnd = tcp->mss;  // RFC 6928, 2: more than one SYN was lost
  tcp->backoff = 0;
  tcp->soft_error = 0;
  tcp->stalled_since = 0;
  tcp->tune_start = tcp->last_heard = tcp->base.stack->now;
  tcp->last_ack = tcp->rcv_nxt;
  tcp->send_timer_kind = TCP_TIMER_NONE;
  wheel_stop(&tcp->base.stack->wheel, &tcp->send_timer);
  if (tcp->keepalive) tcp_arm_life(tcp, tcp->keepalive_idle_s * NS_PER_S);
  count(tcp->base.stack, tcp_opened);
}

static void syn_sent_input(tcp_t* tcp, const tcp_in_t* in) {
  bool ack = in->flags & TCP_ACK;
  if (ack && in->ack != tcp->snd_nxt) {
    tcp_reset_reply(in);
    return;
  }
  if (in->flags & TCP_RST) {
    if (ack) tcp_end(tcp, ECONNREFUSED);
    return;
  }
  if (!(in->flags & TCP_SYN)) return;
  tcp->irs = in->seq;
  tcp->rcv_nxt = in->seq + 1;
  tcp->rcv_adv = tcp->rcv_nxt + tcp_first_window(tcp);  // as our SYN said
  tcp_take_options(tcp, in);
  tcp_ecn_syn_received(tcp, in);
  tcp->snd_wnd = tcp->snd_wnd_max = in->window;
  tcp->snd_wl1 = in->seq;
  tcp->snd_wl2 = in->ack;
  if (!ack) {  // both began at once (RFC 9293, 3.5)
    tcp->state = TCPIP_TCP_SYN_RECEIVED;
    tcp_update_mss(tcp);
    tcp_send_syn(tcp);
    tcp_arm_send_timer(tcp);
    return;
  }
  int64_t syn_sent = tcp->backoff ? 0 : tcp->syn_sent_ns;
  tcp->snd_una = in->ack;
  tcp_established(tcp);
  if (syn_sent)
    tcp_rtt_sample(tcp, tcp->base.stack->now - syn_sent > 0 ? tcp->base.stack->now - syn_sent : 1);
  tcp->ack_now = true;
  tcp_event(tcp, TCPIP_EVENT_WRITABLE);
  tcp_receive(tcp, in);
  tcp_output(tcp);
}

// RFC 2883: what has come twice.
static void note_duplicate(tcp_t* tcp, const tcp_in_t* in) {
  uint32_t end = in->data_seq + in->length;
  if (!in->length || !tcp->use_sack || !seq_le(end, tcp->rcv_nxt)) return;
  tcp->dsack_start = in->data_seq;
  tcp->dsack_end = end;
}

// RFC 7323, 5.3 and, of a segment that should have a timestamp and has none, 3.2. True if it is dropped.
static bool paws_rejects(tcp_t* tcp, const tcp_in_t* in) {
  if (!tcp->use_timestamps || (in->flags & TCP_RST)) return false;
  bool old = in->has_timestamp && seq_lt(in->ts_value, tcp->ts_recent) &&
             tcp->base.stack->now - tcp->ts_recent_at < PAWS_IDLE;
  if (in->has_timestamp && !old) return false;
  count(tcp->base.stack, tcp_rx_paws);
  if (!old) return true;
  note_duplicate(tcp, in);
  if (in->length)
    tcp_send_ack(tcp);
  else
    tcp_send_challenge(tcp);
  return true;
}

// RFC 9293, 3.10.7.4, first: is any of it within the window?
static bool acceptable(const tcp_t* tcp, const tcp_in_t* in) {
  uint32_t length = in->length + !!(in->flags & TCP_SYN) + !!(in->flags & TCP_FIN);
  uint32_t edge = tcp->rcv_adv, start = in->seq, last = in->seq + length - 1;
  bool closed = edge == tcp->rcv_nxt;
  if (length == 0) return closed ? start == tcp->rcv_nxt : seq_le(tcp->rcv_nxt, start) && seq_le(start, edge);
  if (closed) return false;
  bool start_in = seq_le(tcp->rcv_nxt, start) && seq_lt(start, edge);
  bool end_in = seq_le(tcp->rcv_nxt, last) && seq_lt(last, edge);
  // All of the window: the distance, for half of all numbers lie before any.
  return start_in || end_in || (seq_lt(start, tcp->rcv_nxt) && edge - start <= length);
}

static void note_timestamp(tcp_t* tcp, const tcp_in_t* in) {
  // RFC 7323, 4.3: that of the earliest segment not acknowledged yet, so that the delay of the answer counts.
  if (tcp->use_timestamps && in->has_timestamp && seq_le(in->seq, tcp->last_ack) &&
      (seq_le(tcp->ts_recent, in->ts_value) || tcp->base.stack->now - tcp->ts_recent_at >= PAWS_IDLE)) {
    tcp->ts_recent = in->ts_value;
    tcp->ts_recent_at = tcp->base.stack->now;
  }
}

// What the acknowledgement of our FIN changes; false if the connection is over.
static bool fin_acked(tcp_t* tcp) {
  if (!tcp->fin_acked) return true;
  switch (tcp->state) {
    case TCPIP_TCP_FIN_WAIT_1:
      tcp->state = TCPIP_TCP_FIN_WAIT_2;
      return !tcp->detached || tcp_wait_for_end(tcp);
    case TCPIP_TCP_CLOSING:
      tcp_enter_time_wait(tcp);
      return true;
    case TCPIP_TCP_LAST_ACK:
      tcp_end(tcp, 0);
      return false;
    default:
      return true;
  }
}

// Closed windows and old duplicates: answered, and their acknowledgement still counts.
static void unacceptable(tcp_t* tcp, const tcp_in_t* in) {
  if (in->flags & TCP_RST) return;
  count(tcp->base.stack, tcp_rx_out_of_window);
  bool open = tcp->state != TCPIP_TCP_SYN_RECEIVED;
  if (open && (in->flags & TCP_ACK) && !(in->flags & TCP_SYN) && in->seq == tcp->rcv_nxt) {
    if (in->flags & TCP_URG) tcp_urgent_input(tcp, in);
    if (tcp_ack_input(tcp, in) && !fin_acked(tcp)) return;
  }
  note_duplicate(tcp, in);
  if (in->length)
    tcp_send_ack(tcp);
  else
    tcp_send_challenge(tcp);  // two that disagree must not answer each other for ever
  tcp_output(tcp);
  tcp_retire(tcp);
}

// RFC 5961, 3.2: only the exact number resets; what is near is asked about.
static void reset_input(tcp_t* tcp, const tcp_in_t* in) {
  if (in->seq != tcp->rcv_nxt) {
    tcp_send_challenge(tcp);
    return;
  }
  count(tcp->base.stack, tcp_rx_resets);
  bool closing = tcp->state == TCPIP_TCP_CLOSING || tcp->state == TCPIP_TCP_LAST_ACK ||
                 tcp->state == TCPIP_TCP_TIME_WAIT;
  int error = tcp->state == TCPIP_TCP_SYN_RECEIVED && !tcp->base.foreign ? ECONNREFUSED
              // As on Linux: all that there was to be read has come; it is what was written that is lost.
              : tcp->state == TCPIP_TCP_CLOSE_WAIT ? EPIPE
                                                   : ECONNRESET;
  tcp_end(tcp, closing ? 0 : error);
}

static bool syn_received_ack(tcp_t* tcp, const tcp_in_t* in) {
  if (in->ack != tcp->snd_nxt) {
    tcp_reset_reply(in);
    return false;
  }
  if (tcp->listener && tcp_listen_defers(tcp, in)) return false;
  if (tcp->listener && !tcp_listen_established(tcp)) return false;  // it will be acknowledged again
  int64_t syn_sent = tcp->backoff ? 0 : tcp->syn_sent_ns;
  tcp->snd_una = in->ack;
  tcp->snd_wnd = tcp->snd_wnd_max = tcp_window_shown(tcp, in);
  tcp->snd_wl1 = in->seq;
  tcp->snd_wl2 = in->ack;
  tcp_established(tcp);
  if (syn_sent)
    tcp_rtt_sample(tcp, tcp->base.stack->now - syn_sent > 0 ? tcp->base.stack->now - syn_sent : 1);
  tcp_event(tcp, TCPIP_EVENT_WRITABLE);
  return true;
}

static void synchronized_input(tcp_t* tcp, const tcp_in_t* in) {
  if (tcp->state == TCPIP_TCP_SYN_RECEIVED && in->seq == tcp->irs && (in->flags & TCP_SYN)) {
    if (in->flags & TCP_ACK) {  // the other half of a simultaneous opening
      if (!syn_received_ack(tcp, in)) return;
      tcp->ack_now = true;
      tcp_output(tcp);
    } else {
      tcp_send_syn(tcp);  // ours was lost
    }
    return;
  }
  if ((in->flags & TCP_SYN) && !(in->flags & TCP_RST)) {
    tcp_send_challenge(tcp);  // RFC 5961, 4.2: wherever it lies
    return;
  }
  if (paws_rejects(tcp, in)) return;
  if (!acceptable(tcp, in)) {
    unacceptable(tcp, in);
    return;
  }
  if (in->flags & TCP_RST) {
    reset_input(tcp, in);
    return;
  }
  if (!(in->flags & TCP_ACK)) return;
  tcp->last_heard = tcp->base.stack->now;
  tcp->keepalive_sent = 0;
  if (tcp->state == TCPIP_TCP_SYN_RECEIVED && !syn_received_ack(tcp, in)) return;
  note_timestamp(tcp, in);
  tcp_ecn_received(tcp, in);
  if (!tcp_ack_input(tcp, in) || !fin_acked(tcp)) return;
  bool nobody = tcp->detached || (tcp->base.shut_read && tcp->fin_wanted);
  bool unread = in->length && nobody && seq_lt(tcp->rcv_nxt, in->seq + in->length);
  if (unread && tcp->state != TCPIP_TCP_TIME_WAIT) {  // RFC 9293, 3.6.1: data for one who is gone
    tcp_send_reset(tcp);
    tcp_end(tcp, ECONNRESET);
    return;
  }
  if (in->flags & TCP_URG) tcp_urgent_input(tcp, in);
  tcp_receive(tcp, in);
  tcp_output(tcp);
  tcp_retire(tcp);
}

static void dispatch(const socket_key_t* key, tcp_in_t* in) {
  tcpip_t* stack = in->rx->stack;
  tcpip_socket_t* socket = socket_find_connection(stack, key);
  tcp_wait_t* wait = socket ? NULL : tcp_wait_find(stack, key);
  if (wait) {
    if (tcp_wait_input(wait, in)) dispatch(key, in);
    return;
  }
  if (!socket && !in->rx->foreign) socket = socket_find_bound(stack, key);
  if (!socket) socket = stand_in_find(in->rx->interface, PROTOCOL_TCP, in->rx->v4);
  tcp_t* tcp = socket ? tcp_of(socket) : NULL;
  if (!tcp || tcp->state == TCPIP_TCP_CLOSED) {
    count(stack, tcp_rx_no_port);
    tcp_reset_reply(in);
  } else if (tcp->state == TCPIP_TCP_LISTEN) {
    (tcp->base.stands_in ? tcp_stand_in_input : tcp_listen_input)(tcp, in);
  } else if (tcp->undecided) {
    if (tcp_undecided_input(tcp, in)) dispatch(key, in);
  } else if (tcp->state == TCPIP_TCP_SYN_SENT) {
    syn_sent_input(tcp, in);
  } else if (tcp->state == TCPIP_TCP_TIME_WAIT) {
    if (tcp_time_wait_input(tcp, in)) dispatch(key, in);
  } else {
    synchronized_input(tcp, in);
  }
}

void tcp_input(rx_t* rx) {
  tcpip_t* stack = rx->stack;
  tcp_in_t in;
  count(stack, tcp_rx);
  if (rx->to_group || addr_is_any(&rx->source)) {
    count(stack, tcp_rx_bad);
    return;
  }
  if (!tcp_parse(rx, &in)) return;
  socket_key_t key = {.protocol = PROTOCOL_TCP,
                      .local_port = be16_get(rx->transport + 2),
                      .remote_port = be16_get(rx->transport),
                      .local = rx->destination,
                      .remote = rx->source,
                      .interface = rx->interface->info.index};
  dispatch(&key, &in);
}

// RFC 5927 and RFC 9293, 3.9.2.2: only about what is in flight. It ends nothing but an opening connection
// (RFC 5461); otherwise it is what is reported should the connection end by itself.
void tcp_icmp_error(tcpip_socket_t* socket, const icmp_error_t* error) {
  tcp_t* tcp = tcp_of(socket);
  uint32_t seq = be32_get(error->transport + 4);
  if (tcp->state == TCPIP_TCP_LISTEN || tcp->state == TCPIP_TCP_CLOSED || tcp->undecided ||
      seq_lt(seq, tcp->snd_una) || !seq_lt(seq, tcp->snd_nxt))
    return;
  if (error->error == EMSGSIZE) {
    uint32_t before = tcp->path.mtu;
    path_mtu_lower(socket->stack, &error->remote, interface_mtu(error->interface, addr_is_v4(&error->remote)),
                   error->mtu);
    if (tcp_refresh_path(tcp) == 0 && tcp->path.mtu < before && tcp->board.count) {
      tcp_mark_all_lost(tcp);  // not congestion: sent again at once, in smaller pieces
      tcp_output(tcp);
    }
  } else if (tcp->state == TCPIP_TCP_SYN_SENT || tcp->state == TCPIP_TCP_SYN_RECEIVED) {
    tcp_end(tcp, error->error);
  } else {
    tcp->soft_error = (uint8_t)error->error;
  }
}

void tcp_unreachable(tcpip_socket_t* socket) {
  tcp_t* tcp = tcp_of(socket);
  if (tcp->state == TCPIP_TCP_SYN_SENT && !tcp->detached)
    tcp_end(tcp, EHOSTUNREACH);
  else
    tcp->soft_error = EHOSTUNREACH;
}
