// Received data: put at its place in the ring, in order or not, and the window that is offered for more.
#include <stdlib.h>

#include "tcp.h"

#define DELAYED_ACK_TIME (40 * NS_PER_MS)
#define RX_LIMIT_MAX (6u << 20)

// Offset of a sequence number from the ring's head.
static uint32_t offset_of(const tcp_t* tcp, uint32_t seq) {
  return tcp->rx.length + (seq - tcp->rcv_nxt);
}

// How much may lie in the buffer.
static uint32_t buffer_size(const tcp_t* tcp) {
  return tcp_ring_may_have(&tcp->rx, tcp->base.client, tcp->rx_limit);
}

static uint32_t clamped(const tcp_t* tcp, uint32_t window) {
  return tcp->window_clamp && tcp->window_clamp < window ? tcp->window_clamp : window;
}

static uint32_t room_left(const tcp_t* tcp) {
  uint32_t size = buffer_size(tcp);
  return clamped(tcp, tcp->rx.length < size ? size - tcp->rx.length : 0);
}

// The most that a window can be: without scaling that is often less than two segments of a large MTU.
static uint32_t window_most(const tcp_t* tcp) {
  uint32_t size = clamped(tcp, buffer_size(tcp)), field = 65535u << tcp->rcv_scale;
  return size < field ? size : field;
}

// RFC 9293, 3.8.6.2.2: what a window must grow by to be told of, a segment or half of the most it can be.
static uint32_t worth_telling(const tcp_t* tcp) {
  uint32_t half = window_most(tcp) / 2;
  return half < tcp->mss ? half : tcp->mss;
}

uint32_t tcp_first_window(const tcp_t* tcp) {
  uint32_t room = room_left(tcp);
  return room < 65535 ? room : 65535;
}

// What to offer: never less than was offered before (RFC 9293, 3.8.6), and no crumbs (RFC 1122, 4.2.3.3).
uint32_t tcp_receive_window(const tcp_t* tcp) {
  uint32_t room = room_left(tcp), offered = tcp->rcv_adv - tcp->rcv_nxt;
  uint32_t most = 65535u << tcp->rcv_scale;
  if (seq_lt(tcp->rcv_adv, tcp->rcv_nxt)) offered = 0;
  room = room < most ? room : most;
  if (room < offered + worth_telling(tcp)) room = offered;
  return room >> tcp->rcv_scale << tcp->rcv_scale < offered && offered <= most ? offered : room;
}

static void remove_ranges(tcp_t* tcp, uint32_t at, uint32_t count) {
  memmove(&tcp->ooo[at], &tcp->ooo[at + count], (tcp->ooo_count - at - count) * sizeof *tcp->ooo);
  tcp->ooo_count -= count;
  if (!tcp->ooo_count) {
    free(tcp->ooo);
    tcp->ooo = NULL;
  }
}

// Enters a range among those out of order, joining what touches. False if there is no room for one more.
static bool add_range(tcp_t* tcp, uint32_t start, uint32_t end) {
  uint32_t first = 0;
  while (first < tcp->ooo_count && seq_lt(tcp->ooo[first].end, start))
    first++;
  uint32_t last = first;
  uint32_t joined_start = start, joined_end = end;
  for (; last < tcp->ooo_count && seq_le(tcp->ooo[last].start, end); last++) {
    if (seq_lt(tcp->ooo[last].start, joined_start)) joined_start = tcp->ooo[last].start;
    joined_end = seq_max(joined_end, tcp->ooo[last].end);
  }
  if (last == first) {
    if (tcp->ooo_count == TCP_OOO_MAX) return false;
    tcp_range_t* grown = realloc(tcp->ooo, (tcp->ooo_count + 1) * sizeof *grown);
    if (!grown) return false;
    tcp->ooo = grown;
    memmove(&tcp->ooo[first + 1], &tcp->ooo[first], (tcp->ooo_count - first) * sizeof *grown);
    tcp->ooo_count++;
    last = first + 1;
  }
  tcp->ooo[first] = (tcp_range_t){joined_start, joined_end, ++tcp->ooo_stamp};
  if (last > first + 1) remove_ranges(tcp, first + 1, last - first - 1);
  return true;
}

// The range out of order that all of these lie in; NULL if there is none.
static const tcp_range_t* range_around(const tcp_t* tcp, uint32_t start, uint32_t end) {
  for (uint32_t i = 0; i < tcp->ooo_count; i++) {
    const tcp_range_t* r = &tcp->ooo[i];
    if (seq_le(r->start, start) && seq_le(end, r->end)) return r;
  }
  return NULL;
}

uint32_t tcp_receive_sacks(const tcp_t* tcp, tcp_range_t out[TCP_SACKS_MAX]) {
  uint32_t count = 0, most = tcp->use_timestamps ? 3 : 4, below = UINT32_MAX;
  const tcp_range_t* around = NULL;
  if (tcp->dsack_start != tcp->dsack_end) {
    out[count++] = (tcp_range_t){tcp->dsack_start, tcp->dsack_end, 0};
    around = range_around(tcp, tcp->dsack_start, tcp->dsack_end);
    if (around) out[count++] = *around;  // RFC 2883, 4.2
  }
  while (count < most) {  // the newest first (RFC 2018, 4)
    const tcp_range_t* newest = NULL;
    for (uint32_t i = 0; i < tcp->ooo_count; i++) {
      const tcp_range_t* r = &tcp->ooo[i];
      if (r->stamp < below && (!newest || r->stamp > newest->stamp)) newest = r;
    }
    if (!newest) break;
    if (newest != around) out[count++] = *newest;
    below = newest->stamp;
  }
  return count;
}

static void set_dsack(tcp_t* tcp, uint32_t start, uint32_t end) {
  if (tcp->use_sack && seq_lt(start, end)) {
    tcp->dsack_start = start;
    tcp->dsack_end = end;
  }
  tcp->ack_now = true;
}

// The ranges that have become part of the ordered bytes.
static void absorb(tcp_t* tcp) {
  while (tcp->ooo_count && seq_le(tcp->ooo[0].start, tcp->rcv_nxt)) {
    if (seq_lt(tcp->rcv_nxt, tcp->ooo[0].end)) {
      tcp->rx.length += tcp->ooo[0].end - tcp->rcv_nxt;
      tcp->rcv_nxt = tcp->ooo[0].end;
    }
    remove_ranges(tcp, 0, 1);
  }
}

void tcp_schedule_ack(tcp_t* tcp) {
  bool quick = tcp->quick_acks > 0;
  if (quick) tcp->quick_acks--;
  // Every second full segment at least (RFC 9293, 3.8.6.3); but into an unscaled window no two of 64 KB fit.
  uint32_t much = window_most(tcp) / 2;
  if (much > 2u * tcp->rcv_mss) much = 2u * tcp->rcv_mss;
  if (quick || tcp->unacked_bytes >= much) {
    tcp->ack_now = true;
    return;
  }
  if (!wheel_running(&tcp->ack_timer))
    wheel_start(&tcp->base.stack->wheel, &tcp->ack_timer, tcp->base.stack->now + DELAYED_ACK_TIME);
}

static void in_order(tcp_t* tcp, const uint8_t* data, uint32_t length, bool stays) {
  bool had_holes = tcp->ooo_count > 0;
  if (!stays || !tcp_loan_make(tcp, data, length)) tcp_ring_write(&tcp->rx, tcp->rx.length, data, length);
  tcp->rx.length += length;
  tcp->rcv_nxt += length;
  tcp->unacked_bytes += length;
  absorb(tcp);
  if (had_holes)
    tcp->ack_now = true;
  else
    tcp_schedule_ack(tcp);
  if (!tcp->base.shut_read) tcp_event(tcp, TCPIP_EVENT_READABLE);
}

static void out_of_order(tcp_t* tcp, uint32_t seq, const uint8_t* data, uint32_t length) {
  tcp->ack_now = true;
  tcp->quick_acks = tcp->quick_off ? 0 : TCP_QUICK_ACKS;
  if (range_around(tcp, seq, seq + length)) {
    set_dsack(tcp, seq, seq + length);
    return;
  }
  if (add_range(tcp, seq, seq + length)) tcp_ring_write(&tcp->rx, offset_of(tcp, seq), data, length);
}

// `stays`: the data will stay where it is for a while.
static void take_data(tcp_t* tcp, uint32_t seq, const uint8_t* data, uint32_t length, bool stays) {
  if (seq_lt(seq, tcp->rcv_nxt)) {
    uint32_t old = tcp->rcv_nxt - seq;
    set_dsack(tcp, seq, seq + (old < length ? old : length));
    if (old >= length) return;
    seq += old;
    data += old;
    length -= old;
  }
  uint32_t edge = tcp->rcv_adv, end = seq + length;
  if (seq_le(edge, seq)) {
    tcp->ack_now = true;
    return;
  }
  if (seq_lt(edge, end)) length = edge - seq;
  // Nobody will read it: RFC 2525, 2.17 has been answered with a reset before we come here.
  uint32_t offset = offset_of(tcp, seq);
  uint32_t room = tcp_ring_reserve(&tcp->rx, tcp->base.client, offset + length);
  if (room < offset + length) {
    tcp->ack_now = true;
    if (room <= offset) return;
    length = room - offset;
  }
  if (seq == tcp->rcv_nxt)
    in_order(tcp, data, length, stays);
  else
    out_of_order(tcp, seq, data, length);
}

static void take_fin(tcp_t* tcp) {
  tcp->rcv_nxt++;
  tcp->read_closed = true;
  if (tcp->ooo_count) remove_ranges(tcp, 0, tcp->ooo_count);  // beyond the end there is nothing
  tcp->ack_now = true;
  switch (tcp->state) {
    case TCPIP_TCP_SYN_RECEIVED:
    case TCPIP_TCP_ESTABLISHED:
      tcp->state = TCPIP_TCP_CLOSE_WAIT;
      break;
    case TCPIP_TCP_FIN_WAIT_1:
      tcp->state = TCPIP_TCP_CLOSING;
      break;
    case TCPIP_TCP_FIN_WAIT_2:
      tcp_enter_time_wait(tcp);
      break;
    default:
      break;
  }
  tcp_event(tcp, TCPIP_EVENT_READ_SHUTDOWN | TCPIP_EVENT_READABLE);
}

// How large the peer's full segments are, to acknowledge every second one.
static void note_size(tcp_t* tcp, const tcp_in_t* in) {
  uint32_t size = in->rx->tcp_size ? in->rx->tcp_size : in->length;
  if (size > tcp->rcv_mss) tcp->rcv_mss = (uint16_t)(size < UINT16_MAX ? size : UINT16_MAX);
}

void tcp_receive(tcp_t* tcp, const tcp_in_t* in) {
  if (in->length) note_size(tcp, in);
  if (!tcp->read_closed && in->length)
    take_data(tcp, in->data_seq, in->data, in->length, in->rx->shared != NULL);
  if ((in->flags & TCP_FIN) && !tcp->fin_known && !tcp->read_closed) {
    uint32_t fin = in->data_seq + in->length;
    bool within = seq_le(tcp->rcv_nxt, fin) && seq_le(fin, tcp->rcv_adv);
    if (within) {
      tcp->fin_known = true;
      tcp->fin_seq = fin;
    }
    tcp->ack_now = true;
  } else if (in->flags & TCP_FIN) {
    tcp->ack_now = true;
  }
  if (tcp->fin_known && !tcp->read_closed && tcp->rcv_nxt == tcp->fin_seq) take_fin(tcp);
}

// The buffer follows the reader: what it took within a round trip should fit twice (dynamic right-sizing).
// While that still grows from one round to the next, the peer is in slow start, and will send twice as much
// before this can tell: so it gets room in advance, up to three times as much.
static void tune(tcp_t* tcp, uint32_t bytes) {
  int64_t now = tcp->base.stack->now;
  int64_t round = tcp->srtt ? tcp->srtt : 100 * NS_PER_MS;
  tcp->tune_copied += bytes;
  if (now - tcp->tune_start < round) return;
  uint64_t copied = tcp->tune_copied, before = tcp->tune_before ? tcp->tune_before : 1;
  uint64_t wanted = 2 * copied + 16 * tcp->mss;
  if (copied >= 2 * before)
    wanted *= 3;
  else if (copied > before)
    wanted += 2 * wanted * (copied - before) / before;
  if (!tcp->rx_limit_fixed && wanted > tcp->rx_limit)
    tcp->rx_limit = wanted < RX_LIMIT_MAX ? (uint32_t)wanted : RX_LIMIT_MAX;
  tcp->tune_start = now;
  tcp->tune_before = tcp->tune_copied;
  tcp->tune_copied = 0;
}

void tcp_receive_read(tcp_t* tcp, uint32_t bytes) {
  tcp_loan_consume(tcp, bytes);
  tcp_ring_consume(&tcp->rx, bytes);
  tune(tcp, bytes);
  if (!tcp->rx.length && !tcp->ooo_count) {
    tcp->rx.head = 0;  // what comes next finds the same memory, still in the cache
    tcp_rest(tcp);
  }
  if (tcp->read_closed || list_linked(&tcp->ack_node)) return;
  // A window that opens by much is told at once, and one that was closed as soon as it may be.
  uint32_t offered = tcp->rcv_adv - tcp->rcv_nxt, window = tcp_receive_window(tcp);
  uint32_t size = window_most(tcp), much = size / 2 < 2 * tcp->mss ? size / 2 : 2 * tcp->mss;
  if (offered == 0) much = worth_telling(tcp);
  if (window > offered && window >= offered + much && (offered <= window / 2 || window - offered >= size / 4))
    tcp_send_ack(tcp);
}
