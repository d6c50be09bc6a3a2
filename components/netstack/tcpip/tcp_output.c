// What a connection sends: lost segments first, then new ones as far as the windows, Nagle's rule and
// silly-window avoidance allow (RFC 9293, 3.7.4 and 3.8.6.2), else an acknowledgement if one is due.
#include "checksum.h"
#include "tcp.h"

#define BURST_MAX 65000u                      // bytes in one frame for a link that segments
#define CHALLENGE_INTERVAL (500 * NS_PER_MS)  // for each connection, after a few at once
#define CHALLENGE_BURST (4 * CHALLENGE_INTERVAL)
#define CHALLENGES_PER_SECOND 1000u  // of all connections, about
#define ECT 2u                       // ECT(0): routers may mark it

#define SACK_LEAST 12u  // octets of options for one block

// Beside the header's flags: data sent for the first time.
#define SEND_NEW 0x100u

enum {
  OPTION_NOP = 1,
  OPTION_MSS = 2,
  OPTION_SCALE = 3,
  OPTION_SACK_OK = 4,
  OPTION_SACK = 5,
  OPTION_TIMESTAMP = 8
};

uint32_t tcp_clock_from(const tcpip_t* stack, uint32_t offset) {
  return (uint32_t)(stack->now / NS_PER_MS) + offset;
}

uint32_t tcp_clock(const tcp_t* tcp) {
  return tcp_clock_from(tcp->base.stack, tcp->ts_offset);
}

size_t tcp_put_timestamp(uint8_t* p, uint32_t value, uint32_t echo) {
  p[0] = p[1] = OPTION_NOP;
  p[2] = OPTION_TIMESTAMP;
  p[3] = 10;
  be32_put(p + 4, value);
  be32_put(p + 8, echo);
  return 12;
}

static size_t put_sacks(uint8_t* p, const tcp_range_t* ranges, uint32_t count) {
  p[0] = p[1] = OPTION_NOP;
  p[2] = OPTION_SACK;
  p[3] = (uint8_t)(2 + 8 * count);
  for (uint32_t i = 0; i < count; i++) {
    be32_put(p + 4 + 8 * i, ranges[i].start);
    be32_put(p + 8 + 8 * i, ranges[i].end);
  }
  return 4 + 8 * count;
}

// The options of a segment other than SYN; `room` is what blocks of SACK may take.
static size_t put_options(tcp_t* tcp, uint8_t* p, size_t room) {
  size_t length = 0;
  if (tcp->use_timestamps) length += tcp_put_timestamp(p, tcp_clock(tcp), tcp->ts_recent);
  if (room >= SACK_LEAST && tcp->use_sack && (tcp->ooo_count || tcp->dsack_start != tcp->dsack_end)) {
    tcp_range_t ranges[TCP_SACKS_MAX];
    uint32_t count = tcp_receive_sacks(tcp, ranges), most = (uint32_t)(room - SACK_LEAST) / 8 + 1;
    length += put_sacks(p + length, ranges, count < most ? count : most);
    tcp->dsack_start = tcp->dsack_end = 0;
  }
  return length;
}

static size_t put_syn_options(const tcp_t* tcp, uint8_t* p) {
  uint32_t mss = tcp->path.mtu - (tcp->path.v4 ? IPV4_HEADER : IPV6_HEADER) - TCP_HEADER;
  size_t length = 4;
  p[0] = OPTION_MSS;
  p[1] = 4;
  be16_put(p + 2, mss < tcp->mss_limit ? mss : tcp->mss_limit);
  if (tcp->use_timestamps) {
    length += tcp_put_timestamp(p + length, tcp_clock(tcp), tcp->ts_recent);
    if (tcp->use_sack) {  // in place of the two fillers
      p[4] = OPTION_SACK_OK;
      p[5] = 2;
    }
  } else if (tcp->use_sack) {
    const uint8_t option[4] = {OPTION_NOP, OPTION_NOP, OPTION_SACK_OK, 2};
    memcpy(p + length, option, 4);
    length += 4;
  }
  if (tcp->use_scale) {
    const uint8_t option[4] = {OPTION_NOP, OPTION_SCALE, 3, tcp->rcv_scale};
    memcpy(p + length, option, 4);
    length += 4;
  }
  return length;
}

int tcp_refresh_path(tcp_t* tcp) {
  tcpip_socket_t* socket = &tcp->base;
  if (path_valid(socket->stack, &tcp->path)) return 0;
  path_query_t query = {.destination = socket->remote,
                        .source = socket->local,
                        .interface = socket->device                    ? socket->device
                                     : addr_is_scoped(&socket->remote) ? socket->zone
                                                                       : 0,
                        .foreign = socket->foreign};
  int result = path_resolve(socket->stack, &query, &tcp->path);
  if (result == 0) tcp_update_mss(tcp);
  return result;
}

// RFC 6691: what fits the path and the peer, less the options of every segment.
void tcp_update_mss(tcp_t* tcp) {
  uint32_t mtu = tcp->mtu.low && tcp->mtu.low < tcp->path.mtu ? tcp->mtu.low : tcp->path.mtu;
  uint32_t mss = mtu - (tcp->path.v4 ? IPV4_HEADER : IPV6_HEADER) - TCP_HEADER;
  uint32_t options = tcp->use_timestamps ? 12 : 0;
  mss = mss < tcp->peer_mss ? mss : tcp->peer_mss;
  mss = mss < tcp->mss_limit ? mss : tcp->mss_limit;
  mss = mss > options + 8 ? mss - options : 8;
  if (tcp->mss && tcp->mss != mss && tcp->cwnd) tcp->cwnd = tcp->cwnd < mss ? mss : tcp->cwnd;
  tcp->mss = mss;
}

static void acknowledged(tcp_t* tcp) {
  tcp->ack_now = false;
  tcp->unacked_bytes = 0;
  tcp->last_ack = tcp->rcv_nxt;
  list_unlink(&tcp->ack_node);
  wheel_stop(&tcp->base.stack->wheel, &tcp->ack_timer);
}

// RFC 3168, 6.1: with which flags a segment other than a SYN tells of congestion.
static unsigned ecn_flags(const tcp_t* tcp, unsigned flags) {
  if (!tcp->ecn || (flags & (TCP_SYN | TCP_RST))) return 0;
  return (tcp->ecn_echo ? TCP_ECE : 0u) | (tcp->cwr_due && (flags & SEND_NEW) ? TCP_CWR : 0u);
}

// Writes the header in front of the payload and hands the segment to IP.
static int send_segment(tcp_t* tcp, tx_t* tx, uint32_t seq, unsigned flags, const uint8_t* options,
                        size_t options_length) {
  tcpip_socket_t* socket = &tcp->base;
  int result = tcp_refresh_path(tcp);
  if (result) return result;
  uint32_t window = 0;
  if (tcp->state != TCPIP_TCP_SYN_SENT && !(flags & TCP_RST)) window = tcp_receive_window(tcp);
  uint8_t* h = tx_push(tx, TCP_HEADER + options_length);
  be16_put(h, socket->local_port);
  be16_put(h + 2, socket->remote_port);
  be32_put(h + 4, seq);
  be32_put(h + 8, flags & TCP_ACK ? tcp->rcv_nxt : 0);
  h[12] = (uint8_t)((TCP_HEADER + options_length) / 4 << 4);
  h[13] = (uint8_t)(flags | ecn_flags(tcp, flags));
  uint32_t shown = flags & TCP_SYN ? tcp_first_window(tcp) : window >> tcp->rcv_scale;
  be16_put(h + 14, shown);
  uint16_t urgent = flags & (TCP_SYN | TCP_RST) ? 0 : tcp_urgent_pointer(tcp, seq);
  if (urgent) h[13] |= TCP_URG;
  be16_put(h + 18, urgent);
  if (options_length) memcpy(h + TCP_HEADER, options, options_length);
  ip_output_checksum(&tcp->path, PROTOCOL_TCP, 16, tx);
  bool ect = tcp->ecn && (flags & SEND_NEW);
  ip_fields_t fields = {.protocol = PROTOCOL_TCP,
                        .ttl = tcp->ttl ? tcp->ttl : path_hop_limit(&tcp->path),
                        .tos = (uint8_t)((tcp->tos & ~3u) | (ect ? ECT : 0)),
                        .may_fragment = true};
  tcp->sending = true;
  result = ip_output(socket->stack, &tcp->path, &fields, tx);
  tcp->sending = false;
  count(socket->stack, tcp_tx);
  bool own_limit =
      socket->tx_bytes >= socket->tx_limit;  // what waits for a neighbour to be found; else the link's
  if (result == -EAGAIN && !tx->must_keep && !own_limit) socket_refused(socket, tcp->path.interface);
  if (result == 0 && (flags & TCP_ACK)) {
    uint32_t right = tcp->rcv_nxt + (flags & TCP_SYN ? shown : shown << tcp->rcv_scale);
    tcp->rcv_adv = seq_max(tcp->rcv_adv, right);
    acknowledged(tcp);
  }
  if (result == 0 && (flags & SEND_NEW)) tcp->cwr_due = false;
  return result;
}

// `length` bytes from `seq` on, as one frame if the link can cut it up.
static int send_data(tcp_t* tcp, uint32_t seq, uint32_t length, unsigned flags) {
  uint8_t options[40];
  size_t options_length = put_options(tcp, options, length < tcp->mss ? tcp->mss - length : 0);
  struct iovec pieces[2];
  size_t count = tcp_ring_pieces(&tcp->tx, seq - tcp->snd_una, length, pieces);
  tx_t tx;
  tx_init(&tx, &tcp->base);
  for (size_t i = 0; i < count; i++)
    tx_add(&tx, pieces[i].iov_base, pieces[i].iov_len);
  if (length > tcp->mss) {
    tx.offload.gso_type = tcp->path.v4 ? TCPIP_GSO_TCPV4 : TCPIP_GSO_TCPV6;
    tx.offload.gso_size = (uint16_t)tcp->mss;
  }
  return send_segment(tcp, &tx, seq, flags, options, options_length);
}

static bool link_segments(const tcp_t* tcp) {
  const uint32_t needed = TCPIP_LINK_TX_TSO | TCPIP_LINK_TX_CHECKSUM;
  return tcp->path.interface && (tcp->path.interface->link_features & needed) == needed;
}

void tcp_send_ack(tcp_t* tcp) {
  uint8_t options[40];
  size_t length = put_options(tcp, options, TCP_HEADER_MAX);
  tx_t tx;
  tx_init(&tx, NULL);
  (void)send_segment(tcp, &tx, tcp->snd_nxt, TCP_ACK, options, length);
}

// RFC 5961, 7: not more often than a peer in good faith needs. The limit for all is another one each second,
// so that nobody can count what others used of it (CVE-2016-5696).
static bool challenge_left(tcpip_t* stack, bucket_t* bucket) {
  if (!bucket_take(bucket, stack->now, CHALLENGE_INTERVAL, CHALLENGE_BURST)) return false;
  if (stack->now - stack->challenge_second >= NS_PER_S) {
    stack->challenge_second = stack->now;
    stack->challenges_left = CHALLENGES_PER_SECOND / 2 + stack_random_below(stack, CHALLENGES_PER_SECOND);
  }
  if (!stack->challenges_left) return false;
  stack->challenges_left--;
  return true;
}

bool tcp_may_challenge(tcpip_t* stack, bucket_t* bucket) {
  bool may = challenge_left(stack, bucket);
  if (may)
    count(stack, tcp_challenge_acks);
  else
    count(stack, tcp_challenge_acks_limited);
  return may;
}

void tcp_send_challenge(tcp_t* tcp) {
  if (tcp_may_challenge(tcp->base.stack, &tcp->challenges)) tcp_send_ack(tcp);
}

void tcp_send_syn(tcp_t* tcp) {
  uint8_t options[40];
  if (tcp_refresh_path(tcp)) return;
  size_t length = put_syn_options(tcp, options);
  tx_t tx;
  tx_init(&tx, NULL);
  unsigned flags = (tcp->state == TCPIP_TCP_SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK) | tcp_ecn_syn_flags(tcp);
  tx.socket = &tcp->base;  // to be told if nobody is there
  (void)send_segment(tcp, &tx, tcp->iss, flags, options, length);
}

void tcp_send_reset(tcp_t* tcp) {
  tx_t tx;
  tx_init(&tx, NULL);
  (void)send_segment(tcp, &tx, tcp->snd_nxt, TCP_RST | TCP_ACK, NULL, 0);
}

// An empty segment just below the window, which must be answered: keep-alive (RFC 9293, 3.8.4), and the probe
// of a window of zero, which so never carries an octet that the peer may or may not have taken.
void tcp_send_probe(tcp_t* tcp) {
  uint8_t options[40];
  size_t length = put_options(tcp, options, TCP_HEADER_MAX);
  tx_t tx;
  tx_init(&tx, NULL);
  (void)send_segment(tcp, &tx, tcp->snd_una - 1, TCP_ACK, options, length);
}

// A peer with a small window gets it in parts, so that it takes one while another is under way: a quarter of
// the largest that it has offered, or what a segment is, and never more than half, with which it would wait
// for each to be acknowledged.
static uint32_t bound_by_window(const tcp_t* tcp, uint32_t most) {
  uint32_t quarter = tcp->snd_wnd_max / 4, half = tcp->snd_wnd_max / 2;
  if (most > quarter) most = quarter > tcp->mss ? quarter / tcp->mss * tcp->mss : tcp->mss;
  return most > half && half > TCP_MSS_DEFAULT_V4 ? half : most;
}

// How many octets from `seq` on one frame takes: many segments if the link cuts them up. Each needs an urgent
// pointer of its own, and one only says that the window was reduced.
static uint32_t frame_most(const tcp_t* tcp, uint32_t seq) {
  bool whole = link_segments(tcp) && !tcp_urgent_pointer(tcp, seq) && !(tcp->ecn && tcp->cwr_due);
  uint32_t quantum = tcp_pace_quantum(tcp);
  uint32_t burst = quantum < BURST_MAX ? quantum : BURST_MAX;
  return bound_by_window(tcp, whole && burst > tcp->mss ? burst / tcp->mss * tcp->mss : tcp->mss);
}

uint32_t tcp_gathered(const tcp_t* tcp) {
  uint32_t most = frame_most(tcp, tcp->snd_nxt), eighth = tcp->cwnd / 8;
  most = most < eighth ? most : eighth;
  return most > tcp->mss ? most : tcp->mss;
}

static void count_retransmitted(tcp_t* tcp, tcp_segment_t* s) {
  uint32_t length = s->end - s->seq;
  tcp_board_sent(&tcp->board, s, tcp->base.stack->now);
  s->retransmitted = true;
  tcp_rate_sent(tcp, s, tcp_pipe(tcp) == 0);
  tcp_pace_sent(tcp, length);
  if (s->lost && !s->in_flight_again) {
    s->in_flight_again = true;
    tcp->board.retransmitted += length;
  }
  tcp->prr_out += length;
  count(tcp->base.stack, tcp_retransmits);
  count_many(tcp->base.stack, tcp_retransmitted_bytes, length);
}

int tcp_retransmit(tcp_t* tcp, uint32_t index, uint32_t segments) {
  uint32_t seq = tcp_board_at(&tcp->board, index)->seq;
  uint32_t end = tcp_board_at(&tcp->board, index + segments - 1)->end;
  bool fin = tcp->fin_sent && end == tcp->snd_nxt;
  uint32_t length = end - seq - fin;
  if (segments == 1 && length > tcp->mss) return -EMSGSIZE;
  int result = send_data(tcp, seq, length, TCP_ACK | TCP_PSH | (fin ? TCP_FIN : 0u));
  if (result == -EAGAIN) return result;
  for (uint32_t i = 0; i < segments; i++)
    count_retransmitted(tcp, tcp_board_at(&tcp->board, index + i));
  return result;
}

static bool cut_lost(tcp_t* tcp) {
  return tcp_board_cut(&tcp->board, tcp->mss, tcp->fin_sent ? tcp->snd_nxt : tcp->snd_una);
}

// How many from `index` on, which is lost, are sent again in one frame: all but the last of full size, and no
// more than `room` octets.
static uint32_t lost_together(const tcp_t* tcp, uint32_t index, uint32_t room) {
  const tcp_segment_t* first = tcp_board_at(&tcp->board, index);
  uint32_t most = frame_most(tcp, first->seq), count = 1;
  most = most < room ? most : room;
  for (const tcp_segment_t* last = first; last->end - last->seq == tcp->mss; count++) {
    if (index + count == tcp->board.count) break;
    last = tcp_board_at(&tcp->board, index + count);
    if (!last->lost || last->in_flight_again || last->end - first->seq > most) break;
    if (last->end - last->seq > tcp->mss) break;  // of before segments became smaller, or with a FIN
  }
  return count;
}

static bool send_lost(tcp_t* tcp) {
  for (tcp_segment_t* s; (s = tcp_board_next_lost(&tcp->board));) {
    uint32_t pipe = tcp_pipe(tcp), room = pipe < tcp->cwnd ? tcp->cwnd - pipe : 0;
    if (s->end - s->seq > room && pipe) return false;
    if (!tcp_pace_allows(tcp)) return false;
    uint32_t index = tcp_board_find(&tcp->board, s->seq);
    int result = tcp_retransmit(tcp, index, lost_together(tcp, index, room));
    if (result == -EMSGSIZE && cut_lost(tcp)) continue;
    if (result) return false;
  }
  return true;
}

// Is a segment of `length` of the `left` bytes worth sending now?
static bool worth_sending(const tcp_t* tcp, uint32_t length, uint32_t left) {
  if (length >= tcp->mss || (length && tcp->push_now)) return true;
  if (length && tcp_urgent_pointer(tcp, tcp->snd_nxt)) return true;
  if (length == left && tcp->fin_wanted) return true;
  if (length == left && !tcp->cork && (tcp->nodelay || tcp->snd_nxt == tcp->snd_una)) return true;
  return length && length >= tcp->snd_wnd_max / 2;
}

static uint32_t usable(const tcp_t* tcp) {
  uint32_t edge = tcp->snd_una + tcp->snd_wnd, pipe = tcp_pipe(tcp);
  uint32_t window = seq_lt(tcp->snd_nxt, edge) ? edge - tcp->snd_nxt : 0;
  uint32_t room = pipe < tcp->cwnd ? tcp->cwnd - pipe : 0;
  if (room < tcp->mss && pipe) room = 0;
  return window < room ? window : room;
}

// There is room for it.
static void append(tcp_t* tcp, uint32_t length, bool fin) {
  uint32_t seq = tcp->snd_nxt, end = seq + length;
  bool first = tcp_pipe(tcp) == 0;
  do {
    uint32_t piece = end - seq < tcp->mss ? end - seq : tcp->mss;
    uint32_t piece_end = seq + piece + (fin && seq + piece == end);
    tcp_board_append(&tcp->board, seq, piece_end, tcp->base.stack->now);
    tcp_rate_sent(tcp, tcp_board_at(&tcp->board, tcp->board.count - 1), first);
    first = false;
    seq += piece;
  } while (seq != end);
  tcp->snd_nxt = end + fin;
}

// A segment larger than we otherwise send, to see whether it arrives.
static bool send_mtu_probe(tcp_t* tcp, uint32_t payload) {
  uint32_t mss = tcp->mss, seq = tcp->snd_nxt;
  tcp->mss = payload;
  bool sent =
      tcp_board_reserve(&tcp->board, 1) && send_data(tcp, seq, payload, TCP_ACK | SEND_NEW) != -EAGAIN;
  if (sent)
    append(tcp, payload, false);
  else
    tcp->mtu.probing = false;
  tcp->mss = mss;
  return sent;
}

// Where the link segments, room in the window that comes a segment at a time is gathered until it is worth a
// frame: else each acknowledgement lets one segment leave, which is acknowledged by itself, and all on the
// way have many times the work. Nearly the whole window is in flight then, so the next one will not keep us
// waiting. Not in slow start, where each gives room for twice what it acknowledges, nor while it matters what
// the next segment tells.
static bool gathers(const tcp_t* tcp, uint32_t room) {
  if (tcp->cwnd < tcp->ssthresh || tcp->recovery != TCP_OPEN || tcp->board.sacked || tcp->dupacks)
    return false;
  bool by_peer = tcp->snd_una + tcp->snd_wnd - tcp->snd_nxt <= room;
  return room < tcp_gathered(tcp) && !by_peer && !tcp->probe_out && !tcp->push_now;
}

// What leaves must be remembered.
static uint32_t bound_by_memory(tcp_t* tcp, uint32_t length) {
  if (tcp_board_reserve(&tcp->board, length / tcp->mss + 1)) return length;
  uint32_t most = (tcp->board.room - tcp->board.count) * tcp->mss;
  return length < most ? length : most;
}

// One frame of new data; false if nothing more may leave.
static bool send_new(tcp_t* tcp) {
  uint32_t left = tcp->tx.length - tcp_flight(tcp), room = usable(tcp);
  uint32_t probe = tcp_mtu_probe(tcp, left, room);
  if (probe) return send_mtu_probe(tcp, probe);
  uint32_t most = frame_most(tcp, tcp->snd_nxt), length = left < room ? left : room;
  if (length < left && gathers(tcp, length)) return false;
  length = length < most ? length : most;
  if (length > tcp->mss) length -= length == left ? 0 : length % tcp->mss;
  if (length > tcp->mss && length % tcp->mss && !worth_sending(tcp, length % tcp->mss, length % tcp->mss))
    length -= length % tcp->mss;
  bool fin = tcp->fin_wanted && length == left;
  if (!fin && !(left && worth_sending(tcp, length, left))) return false;
  if (fin && length == 0 && left) return false;
  if (!tcp_pace_allows(tcp)) return false;
  uint32_t remembered = bound_by_memory(tcp, length);
  fin = fin && remembered == length;
  length = remembered;
  if (tcp->board.count == tcp->board.room) return false;
  unsigned flags = TCP_ACK | (length == left ? TCP_PSH : 0) | (fin ? TCP_FIN : 0) | (length ? SEND_NEW : 0);
  uint32_t seq = tcp->snd_nxt;
  int result = send_data(tcp, seq, length, flags);
  if (result == -EAGAIN) return false;
  append(tcp, length, fin);
  tcp->fin_sent |= fin;
  tcp->prr_out += length;
  tcp_pace_sent(tcp, length);
  if (!tcp->stalled_since) tcp->stalled_since = tcp->base.stack->now;
  return !fin;
}

void tcp_send_new(tcp_t* tcp) {
  while (send_new(tcp)) {
  }
}

static bool may_send_data(const tcp_t* tcp) {
  switch (tcp->state) {
    case TCPIP_TCP_ESTABLISHED:
    case TCPIP_TCP_CLOSE_WAIT:
    case TCPIP_TCP_FIN_WAIT_1:
    case TCPIP_TCP_CLOSING:
    case TCPIP_TCP_LAST_ACK:
      return true;
    default:
      return false;
  }
}

// One acknowledgement for all that comes together, and with the window as it is once that has been read.
static void send_or_gather_ack(tcp_t* tcp) {
  tcpip_t* stack = tcp->base.stack;
  if (!stack->gathers_acks)
    tcp_send_ack(tcp);
  else if (!list_linked(&tcp->ack_node))
    list_append(&stack->acks, &tcp->ack_node);
}

void tcp_output(tcp_t* tcp) {
  bool sent = false;
  // RFC 2018, 4: blocks go with every acknowledgement; full segments leave no room for them, so they go
  // first.
  bool holes = tcp->use_sack && (tcp->ooo_count || tcp->dsack_start != tcp->dsack_end);
  if (tcp->ack_now && holes && tcp->state != TCPIP_TCP_CLOSED) tcp_send_ack(tcp);
  bool may_send = may_send_data(tcp), path = may_send && tcp_refresh_path(tcp) == 0;
  if (may_send && !path && !wheel_running(&tcp->send_timer)) tcp_arm_send_timer(tcp);  // it may come back
  if (path && !list_linked(&tcp->base.refused_node)) {
    uint32_t before = tcp->snd_nxt;
    if (!tcp_frto_output(tcp) && send_lost(tcp) && !tcp->fin_sent) {
      tcp_send_new(tcp);
      if (tcp->tx.length <= tcp_flight(tcp)) tcp_rate_app_limited(tcp);
    }
    sent = tcp->snd_nxt != before;
    bool idle = !wheel_running(&tcp->send_timer);
    bool other = tcp->send_timer_kind == TCP_TIMER_PROBE || tcp->send_timer_kind == TCP_TIMER_PERSIST;
    if (idle || (sent && other)) tcp_arm_send_timer(tcp);
  }
  if (tcp->ack_now && tcp->state != TCPIP_TCP_CLOSED) send_or_gather_ack(tcp);
}

void tcpip_gather_acks(tcpip_t* stack) {
  stack->gathers_acks = true;
}

void tcpip_send_acks(tcpip_t* stack) {
  stack->gathers_acks = false;
  for (list_node_t* node; (node = list_pop(&stack->acks));) {
    tcp_t* tcp = list_owner(node, tcp_t, ack_node);
    if (tcp->ack_now) tcp_send_ack(tcp);
  }
}

void tcp_send_bare(tcpip_t* stack, const tcp_bare_t* bare) {
  tx_t tx;
  tx_init(&tx, NULL);
  uint8_t* h = tx_push(&tx, TCP_HEADER + bare->options_length);
  memset(h, 0, TCP_HEADER);
  be16_put(h, bare->local_port);
  be16_put(h + 2, bare->remote_port);
  be32_put(h + 4, bare->seq);
  be32_put(h + 8, bare->ack);
  h[12] = (uint8_t)((TCP_HEADER + bare->options_length) / 4 << 4);
  h[13] = bare->flags;
  be16_put(h + 14, bare->window);
  if (bare->options_length) memcpy(h + TCP_HEADER, bare->options, bare->options_length);
  ip_output_checksum(&bare->path, PROTOCOL_TCP, 16, &tx);
  ip_fields_t fields = {
      .protocol = PROTOCOL_TCP, .ttl = bare->ttl ? bare->ttl : path_hop_limit(&bare->path), .tos = bare->tos};
  count(stack, tcp_tx);
  (void)ip_output(stack, &bare->path, &fields, &tx);
}
