#include "tcp_invariants.h"

#include <stdarg.h>
#include <stdio.h>

#include "tcp.h"

static void fail(const char* format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void fail(const char* format, ...) {
  char what[300];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  tcp_invariants_failed(what);
}

#define holds(tcp, condition)                                                                                \
  do {                                                                                                       \
    if (!(condition)) fail("port %u, state %d: not " #condition, (tcp)->base.local_port, (int)(tcp)->state); \
  } while (0)

// The scoreboard covers what is in flight without a gap, and its sums are those of its segments.
static void check_board(const tcp_t* tcp) {
  const tcp_scoreboard_t* board = &tcp->board;
  uint32_t sacked = 0, lost = 0, again = 0, at = tcp->snd_una;
  for (uint32_t i = 0; i < board->count; i++) {
    const tcp_segment_t* s = tcp_board_at(board, i);
    uint32_t length = s->end - s->seq;
    holds(tcp, s->seq == at && seq_lt(s->seq, s->end));
    holds(tcp, s->sent_ns <= tcp->base.stack->now);
    holds(tcp, !s->sacked || (!s->lost && !s->in_flight_again));
    holds(tcp, !s->in_flight_again || s->lost);
    sacked += s->sacked ? length : 0;
    lost += s->lost ? length : 0;
    again += s->in_flight_again ? length : 0;
    at = s->end;
  }
  holds(tcp, at == tcp->snd_nxt);
  holds(tcp, sacked == board->sacked && lost == board->lost && again == board->retransmitted);
}

static void check_sending(const tcp_t* tcp) {
  uint32_t flight = tcp->snd_nxt - tcp->snd_una, fin = tcp->fin_sent && !tcp->fin_acked;
  holds(tcp, seq_le(tcp->snd_una, tcp->snd_nxt));
  holds(tcp, seq_le(tcp->snd_una, tcp->snd_up) || tcp->snd_una - 1 == tcp->iss);
  holds(tcp, !tcp->dsack_counted || seq_le(tcp->snd_una, tcp->dsack_round));
  holds(tcp, flight - fin <= tcp->tx.length);
  holds(tcp, tcp->tx.length <= tcp->tx.room);
  holds(tcp, !tcp->fin_sent || flight - fin == tcp->tx.length);
  holds(tcp, tcp->cwnd >= tcp->mss || tcp->recovery != TCP_OPEN);
  holds(tcp, tcp->mss >= 8 && tcp->mss <= 65535);
  holds(tcp, tcp->rto >= TCP_RTO_MIN && tcp->rto <= TCP_RTO_MAX);
  check_board(tcp);
  // Something watches over what is in flight or held back.
  bool waits = tcp->board.count || tcp->tx.length || (tcp->fin_wanted && !tcp->fin_sent);
  holds(tcp, !waits || wheel_running(&tcp->send_timer) || list_linked(&tcp->base.refused_node));
}

static void check_receiving(const tcp_t* tcp) {
  uint32_t at = tcp->rcv_nxt, offset = tcp->rx.length;
  holds(tcp, tcp->rx.length <= tcp->rx.room);
  holds(tcp, tcp->read_closed || seq_le(tcp->rcv_nxt, tcp->rcv_adv));
  holds(tcp, tcp->ooo_count <= TCP_OOO_MAX);
  for (uint32_t i = 0; i < tcp->ooo_count; i++) {
    const tcp_range_t* r = &tcp->ooo[i];
    holds(tcp, seq_lt(at, r->start) && seq_lt(r->start, r->end) && seq_le(r->end, tcp->rcv_adv));
    holds(tcp, offset + (r->end - tcp->rcv_nxt) <= tcp->rx.room);
    at = r->end;
  }
  holds(tcp, seq_le(tcp->last_ack, tcp->rcv_nxt));
  holds(tcp, tcp->urgent == TCP_URGENT_NONE || seq_le(tcp_read_seq(tcp), tcp->rcv_up));
}

static void check_connection(const tcp_t* tcp) {
  switch (tcp->state) {
    case TCPIP_TCP_ESTABLISHED:
    case TCPIP_TCP_FIN_WAIT_1:
    case TCPIP_TCP_FIN_WAIT_2:
    case TCPIP_TCP_CLOSE_WAIT:
    case TCPIP_TCP_CLOSING:
    case TCPIP_TCP_LAST_ACK:
      check_sending(tcp);
      check_receiving(tcp);
      break;
    case TCPIP_TCP_SYN_SENT:
    case TCPIP_TCP_SYN_RECEIVED:
      // One that is undecided has sent nothing, and waits for as long as it is held.
      holds(tcp, tcp->snd_nxt == tcp->iss + 1 && wheel_running(&tcp->send_timer) == !tcp->undecided);
      break;
    case TCPIP_TCP_TIME_WAIT:
      holds(tcp, wheel_running(&tcp->life_timer) && !tcp->tx.room);
      break;
    default:
      holds(tcp, !wheel_running(&tcp->send_timer) && !tcp->tx.room);
      break;
  }
  holds(tcp, !tcp->undecided || (tcp->state == TCPIP_TCP_SYN_RECEIVED && tcp->base.foreign));
  holds(tcp, !tcp->held || (tcp->undecided && tcp->listener));
  bool open = tcp->state != TCPIP_TCP_CLOSED && tcp->state != TCPIP_TCP_LISTEN;
  holds(tcp, open == table_has(&tcp->base.connection_node));
}

// Half-open ones and those that wait to be accepted are in their listener's lists, and counted.
static void check_listener(const tcp_t* tcp) {
  uint32_t half_open = 0, ready = 0, undecided = 0;
  const tcp_listening_t* l = tcp->listening;
  holds(tcp, (l != NULL) == (tcp->state == TCPIP_TCP_LISTEN));
  if (!l) return;
  for (const list_node_t* n = l->half_open.next; n != &l->half_open; n = n->next)
    half_open++;
  for (const list_node_t* n = l->ready.next; n != &l->ready; n = n->next)
    ready++;
  for (const list_node_t* n = l->undecided.next; n != &l->undecided; n = n->next)
    undecided++;
  holds(tcp, half_open == l->half_open_count && ready == l->ready_count);
  holds(tcp, undecided == l->undecided_count);
  holds(tcp, ready + undecided <= l->backlog);
}

// What waits without a socket has a time at which that ends, and its name to itself.
static void check_names(const tcpip_t* stack) {
  size_t ports = 0;
  for (table_node_t* node = table_walk(&stack->names, NULL); node; node = table_walk(&stack->names, node)) {
    const socket_name_t* name = table_owner(node, socket_name_t, node);
    socket_key_t key = {PROTOCOL_TCP, name->local_port, name->remote_port,
                        name->local,  name->remote,     name->zone};
    const tcp_wait_t* wait = tcp_wait_find(stack, &key);
    bool right = wait && &wait->name == name && wheel_running(&wait->timer) &&
                 !socket_find_connection(stack, &key) && name->foreign != table_has(&name->port_node);
    if (!right) tcp_invariants_failed("a connection without a socket does not wait by itself for its end");
    ports += table_has(&name->port_node);
  }
  if (ports != stack->held_names.count) tcp_invariants_failed("a port is held for nobody");
}

void tcp_invariants_check(const tcpip_t* stack) {
  size_t used = 0, most = stack->limits.buffer_bytes;
  check_names(stack);
  for (const list_node_t* c = stack->clients.next; c != &stack->clients; c = c->next) {
    const tcpip_client_t* client = list_owner(c, tcpip_client_t, node);
    size_t bytes = 0;
    uint32_t sockets = 0;
    for (const list_node_t* n = client->sockets.next; n != &client->sockets; n = n->next) {
      tcpip_socket_t* socket = list_owner(n, tcpip_socket_t, client_node);
      sockets++;
      bytes += socket->tx_bytes;
      if (socket->protocol != PROTOCOL_TCP) continue;
      const tcp_t* tcp = tcp_of(socket);
      check_connection(tcp);
      check_listener(tcp);
      bytes += tcp->tx.room + tcp->rx.room;
      most += 2 * TCP_RING_FIRST_ROOM;
    }
    for (const list_node_t* n = client->orphans.next; n != &client->orphans; n = n->next)
      bytes += list_owner(n, waiting_t, owner_node)->charged;
    if (client->socket_count != sockets || client->buffer_used != bytes)
      fail("a client is charged for %u sockets and %zu bytes, and has %u and %zu", client->socket_count,
           client->buffer_used, sockets, bytes);
    used += bytes;
  }
  if (stack->buffer_used != used || used > most)
    fail("%zu bytes are counted of %zu, at most %zu", stack->buffer_used, used, most);
}

static bool open(const tcp_t* tcp) {
  return tcp->state >= TCPIP_TCP_ESTABLISHED && tcp->state != TCPIP_TCP_TIME_WAIT;
}

static void check_direction(const tcp_t* from, const tcp_t* to) {
  holds(from, seq_le(from->snd_una, to->rcv_nxt));
  holds(from, seq_le(to->rcv_nxt, from->snd_nxt));
  holds(from, to->read_closed || seq_le(from->snd_nxt, to->rcv_adv + from->fin_sent));
}

void tcp_invariants_check_pair(const tcpip_socket_t* a, const tcpip_socket_t* b) {
  const tcp_t *x = tcp_of_const(a), *y = tcp_of_const(b);
  if (!open(x) || !open(y)) return;
  check_direction(x, y);
  check_direction(y, x);
}
