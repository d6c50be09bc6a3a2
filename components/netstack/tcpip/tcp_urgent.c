// Urgent data: a pointer to one octet of the stream, which may be taken ahead of what lies before it (RFC
// 9293, 3.8.5).
//
// The pointer of the header points behind that octet; RFC 6093 made the standard say so because nobody did
// otherwise. What programs see is what Linux shows them: the last one announced counts, an older one becomes
// plain data.
#include "tcp.h"

#define POINTER_MAX 65535u

// RFC 9293, 3.10.7.4, sixth: only what is news.
static void announce(tcp_t* tcp, uint32_t at) {
  if (seq_lt(at, tcp->rcv_nxt)) return;
  if (tcp->urgent != TCP_URGENT_NONE && seq_le(at, tcp->rcv_up)) return;
  // The one before is taken out of the stream if that is where the reader is.
  if (!tcp->urgent_inline && tcp_at_mark(tcp) && tcp->rx.length) tcp_receive_read(tcp, 1);
  tcp->urgent = TCP_URGENT_AWAITED;
  tcp->rcv_up = at;
}

void tcp_urgent_input(tcp_t* tcp, const tcp_in_t* in) {
  if (tcp->read_closed || !in->urgent) return;
  announce(tcp, in->data_seq + in->urgent - 1);
  uint32_t offset = tcp->rcv_up - in->data_seq;
  bool carried =
      tcp->urgent == TCP_URGENT_AWAITED && offset < in->length && seq_lt(tcp->rcv_up, tcp->rcv_adv);
  if (!carried) return;
  tcp->urgent = TCP_URGENT_HERE;
  tcp->urgent_octet = in->data[offset];
  tcp_event(tcp, TCPIP_EVENT_URGENT);
}

bool tcp_at_mark(const tcp_t* tcp) {
  return tcp->urgent != TCP_URGENT_NONE && tcp_read_seq(tcp) == tcp->rcv_up;
}

// Linux's tcp_recv_urg, with its answers.
int64_t tcp_urgent_recv(tcp_t* tcp, tcpip_recv_t* recv) {
  if (tcp->urgent_inline || tcp->urgent == TCP_URGENT_NONE || tcp->urgent == TCP_URGENT_TAKEN) return -EINVAL;
  if (tcp->urgent == TCP_URGENT_AWAITED) {
    bool over = tcp->state == TCPIP_TCP_CLOSED || tcp->read_closed || tcp->base.shut_read;
    return over ? 0 : -EAGAIN;
  }
  recv->length = 1;
  if (!recv->peek) tcp->urgent = TCP_URGENT_TAKEN;
  for (size_t i = 0; i < recv->iov_count; i++) {
    if (!recv->iov[i].iov_len) continue;
    *(uint8_t*)recv->iov[i].iov_base = tcp->urgent_octet;
    return 1;
  }
  recv->truncated = 1;
  return 0;
}

tcp_span_t tcp_readable(const tcp_t* tcp) {
  uint32_t length = tcp->rx.length, before = tcp->rcv_up - tcp_read_seq(tcp);
  if (tcp->urgent == TCP_URGENT_NONE || !length) return (tcp_span_t){0, length};
  if (before == 0) return tcp->urgent_inline ? (tcp_span_t){0, length} : (tcp_span_t){1, length - 1};
  return (tcp_span_t){0, before < length ? before : length};
}

void tcp_urgent_passed(tcp_t* tcp) {
  if (tcp->urgent != TCP_URGENT_NONE && seq_lt(tcp->rcv_up, tcp_read_seq(tcp))) tcp->urgent = TCP_URGENT_NONE;
}

void tcp_urgent_send(tcp_t* tcp) {
  tcp->snd_up = tcp->snd_una + tcp->tx.length;
}

uint16_t tcp_urgent_pointer(const tcp_t* tcp, uint32_t seq) {
  if (!seq_lt(tcp->snd_una, tcp->snd_up) || !seq_lt(seq, tcp->snd_up)) return 0;
  uint32_t ahead = tcp->snd_up - seq;
  return (uint16_t)(ahead < POINTER_MAX ? ahead : POINTER_MAX);
}
