// The bytes of a stream between its user and the connection's two rings: copied in and out, or shown where
// they lie.
#include "tcp.h"

#define TX_LIMIT_MAX (4u << 20)

// The buffer follows the congestion window, so that it is never what limits the sender.
static uint32_t tx_limit(const tcp_t* tcp) {
  uint32_t limit = (uint32_t)tcp->base.tx_limit;
  if (tcp->tx_limit_fixed || 2 * (uint64_t)tcp->cwnd <= limit) return limit;
  return tcp->cwnd < TX_LIMIT_MAX / 2 ? 2 * tcp->cwnd : TX_LIMIT_MAX;
}

static bool can_write(const tcp_t* tcp) {
  return (tcp->state == TCPIP_TCP_ESTABLISHED || tcp->state == TCPIP_TCP_CLOSE_WAIT) && !tcp->fin_wanted;
}

bool tcp_writable(const tcp_t* tcp) {
  return can_write(tcp) && tcp->tx.length < tx_limit(tcp) - tx_limit(tcp) / 3;
}

void tcp_check_writable(tcp_t* tcp) {
  if (tcp->was_writable || !tcp_writable(tcp)) return;
  tcp->was_writable = true;
  tcp_event(tcp, TCPIP_EVENT_WRITABLE);
}

// What stands in the way of sending; 0 if nothing does.
static int send_refusal(tcp_t* tcp) {
  if (tcp->base.error) return tcpip_socket_take_error(&tcp->base);
  if (tcp->state == TCPIP_TCP_SYN_SENT || tcp->state == TCPIP_TCP_SYN_RECEIVED) return -EAGAIN;
  return can_write(tcp) ? 0 : -EPIPE;
}

// Makes room for as much of `wanted` bytes as the limits allow, behind what is there. When that is less than
// wanted, the user is to be told of room again. -EAGAIN, -ENOBUFS for none.
static int64_t make_room(tcp_t* tcp, size_t wanted) {
  uint32_t limit = tx_limit(tcp), length = tcp->tx.length;
  uint32_t room = length < limit ? limit - length : 0;
  if (wanted < room) room = (uint32_t)wanted;
  uint32_t reserved = room ? tcp_ring_reserve(&tcp->tx, tcp->base.client, length + room) - length : 0;
  if (reserved < wanted) tcp->was_writable = false;
  return reserved ? (int64_t)reserved : room && !length ? -ENOBUFS : -EAGAIN;
}

int64_t tcpip_socket_send_space(tcpip_socket_t* socket, size_t wanted, struct iovec out[2],
                                size_t* out_count) {
  if (socket->protocol != PROTOCOL_TCP) return -EOPNOTSUPP;
  if (!wanted) return -EINVAL;
  tcp_t* tcp = tcp_of(socket);
  int64_t room = send_refusal(tcp);
  if (room == 0) room = make_room(tcp, wanted);
  if (room > 0) *out_count = tcp_ring_pieces(&tcp->tx, tcp->tx.length, (uint32_t)room, out);
  return room;
}

int tcpip_socket_send_commit(tcpip_socket_t* socket, size_t length) {
  if (socket->protocol != PROTOCOL_TCP) return -EOPNOTSUPP;
  tcp_t* tcp = tcp_of(socket);
  if (length && !can_write(tcp)) return -EPIPE;
  if (length > tcp->tx.room - tcp->tx.length) return -EINVAL;
  tcp->tx.length += (uint32_t)length;
  if (length) tcp_output(tcp);
  return 0;
}

static size_t wanted_bytes(const tcpip_send_t* send) {
  size_t wanted = 0;
  for (size_t i = 0; i < send->iov_count; i++)
    wanted += send->iov[i].iov_len;
  return wanted;
}

int64_t tcp_stream_send(tcpip_socket_t* socket, const tcpip_send_t* send) {
  tcp_t* tcp = tcp_of(socket);
  int refusal = send_refusal(tcp);
  if (refusal) return refusal;
  size_t wanted = wanted_bytes(send);
  if (!wanted) return 0;
  int64_t room = make_room(tcp, wanted);
  if (room < 0) return room;
  uint32_t taken = 0, most = (uint32_t)room;
  for (size_t i = 0; i < send->iov_count && taken < most; i++) {
    const struct iovec* iov = &send->iov[i];
    uint32_t piece = iov->iov_len < most - taken ? (uint32_t)iov->iov_len : most - taken;
    tcp_ring_write(&tcp->tx, tcp->tx.length + taken, iov->iov_base, piece);
    taken += piece;
  }
  tcp->tx.length += taken;
  bool urgent = send->urgent && taken == wanted;
  if (urgent) tcp_urgent_send(tcp);
  tcp_output(tcp);
  // RFC 9293, 3.8.6.1 and 3.8.5: the pointer goes ahead of data that a closed window keeps here.
  if (urgent && seq_lt(tcp->snd_nxt, tcp->snd_up)) tcp_send_ack(tcp);
  return taken;
}

static bool never_open(const tcp_t* tcp) {
  return (tcp->state == TCPIP_TCP_CLOSED && !tcp->was_connected) || tcp->state == TCPIP_TCP_LISTEN;
}

// What reading gives when there is nothing to read.
static int nothing_to_read(tcp_t* tcp) {
  tcpip_socket_t* socket = &tcp->base;
  if (tcp_has_fin(tcp)) return 0;  // whatever came afterwards
  if (socket->error) return tcpip_socket_take_error(socket);
  if (tcp->read_closed || socket->shut_read) return 0;
  return never_open(tcp) ? -ENOTCONN : -EAGAIN;
}

static void consume(tcp_t* tcp, tcp_span_t span, uint32_t length) {
  tcp_receive_read(tcp, span.start + length);
  tcp_urgent_passed(tcp);
}

int64_t tcpip_socket_recv_data(tcpip_socket_t* socket, struct iovec out[TCPIP_PIECES_MAX],
                               size_t* out_count) {
  if (socket->protocol != PROTOCOL_TCP) return -EOPNOTSUPP;
  tcp_t* tcp = tcp_of(socket);
  tcp_span_t span = tcp_readable(tcp);
  if (!span.length) return nothing_to_read(tcp);
  if (tcp->urgent != TCP_URGENT_NONE) tcp_loan_settle(tcp);  // it may be in the midst of them
  *out_count = 0;
  uint32_t lent = tcp_loan_pieces(tcp, out, TCPIP_PIECES_MAX - 2, out_count);
  if (lent < tcp->lent) return lent;
  *out_count += tcp_ring_pieces(&tcp->rx, span.start + lent, span.length - lent, out + *out_count);
  return span.length;
}

int tcpip_socket_recv_consume(tcpip_socket_t* socket, size_t length) {
  if (socket->protocol != PROTOCOL_TCP) return -EOPNOTSUPP;
  tcp_t* tcp = tcp_of(socket);
  tcp_span_t span = tcp_readable(tcp);
  if (length > span.length) return -EINVAL;
  if (length) consume(tcp, span, (uint32_t)length);
  return 0;
}

static uint32_t copy_out(const tcp_t* tcp, tcp_span_t span, const tcpip_recv_t* recv) {
  uint32_t copied = 0;
  for (size_t i = 0; i < recv->iov_count && copied < span.length; i++) {
    uint32_t left = span.length - copied;
    uint32_t piece = recv->iov[i].iov_len < left ? (uint32_t)recv->iov[i].iov_len : left;
    tcp_ring_read(&tcp->rx, span.start + copied, recv->iov[i].iov_base, piece);
    copied += piece;
  }
  return copied;
}

int64_t tcp_stream_recv(tcpip_socket_t* socket, tcpip_recv_t* recv) {
  tcp_t* tcp = tcp_of(socket);
  recv->length = recv->truncated = 0;
  if (recv->urgent) return never_open(tcp) ? -ENOTCONN : tcp_urgent_recv(tcp, recv);
  tcp_span_t span = tcp_readable(tcp);
  if (!span.length) return nothing_to_read(tcp);
  tcp_loan_settle(tcp);
  uint32_t copied = copy_out(tcp, span, recv);
  recv->length = copied;
  if (!recv->peek && copied) consume(tcp, span, copied);
  return copied;
}

size_t tcp_stream_next_length(const tcpip_socket_t* socket) {
  return tcp_readable(tcp_of_const(socket)).length;
}
