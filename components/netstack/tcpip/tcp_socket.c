// Stream sockets: the calls from above, and the beginning and end of a connection's life.
#include "tcp.h"

#include <stdlib.h>

#define RX_LIMIT (128u << 10)
#define TX_LIMIT (64u << 10)
#define BACKLOG_MIN 1u
#define PORT_TRIES 64
#define LISTEN_BACKLOG_MAX 4096u
#define ORPHANS_MAX 65536u  // those that wait out their time among them: a thousand a second for a minute

static const socket_ops_t tcp_ops;

// A connection's beginning: everything but the base is zero.
static void set_defaults(tcp_t* tcp) {
  tcp->base.tx_limit = TX_LIMIT;
  tcp->state = TCPIP_TCP_CLOSED;
  tcp->rx_limit = RX_LIMIT;
  tcp->rcv_scale = TCP_WINDOW_SCALE;
  tcp->use_scale = tcp->use_sack = tcp->use_timestamps = true;
  tcp->mss_limit = 65535;
  tcp->peer_mss = TCP_MSS_DEFAULT_V4;
  tcp->rto = TCP_RTO_INITIAL;
  tcp->congestion = &tcp_cubic;
  tcp->ecn_mode = TCPIP_ECN_ASK;
  tcp->quick_acks = TCP_QUICK_ACKS;
  tcp->linger_s = -1;
  tcp->syn_count = 6;
  tcp->keepalive_idle_s = 7200;
  tcp->keepalive_interval_s = 75;
  tcp->keepalive_count = 9;
  tcp_timers_init(tcp);
}

tcp_t* tcp_create(tcpip_client_t* client, uint8_t family, void* context) {
  tcp_t* tcp = calloc(1, sizeof *tcp);
  if (!tcp) return NULL;
  socket_init(&tcp->base, client, &tcp_ops, family, PROTOCOL_TCP, context);
  set_defaults(tcp);
  return tcp;
}

int tcp_socket_create(tcpip_client_t* client, uint8_t family, void* context, tcpip_socket_t** out) {
  tcp_t* tcp = tcp_create(client, family, context);
  if (!tcp) return -ENOMEM;
  *out = &tcp->base;
  return 0;
}

static void drop_buffers(tcp_t* tcp, bool received_too) {
  list_unlink(&tcp->ack_node);
  list_unlink(&tcp->idle_node);
  tcp_timers_stop(tcp);
  tcp_board_clear(&tcp->board);
  tcp_model_destroy(tcp);
  tcp_ring_free(&tcp->tx, tcp->base.client);
  free(tcp->ooo);
  tcp->ooo = NULL;
  tcp->ooo_count = 0;
  if (!received_too) return;
  tcp_loan_forget(tcp);
  tcp_ring_free(&tcp->rx, tcp->base.client);
}

void tcp_free(tcp_t* tcp) {
  drop_buffers(tcp, true);
  socket_deinit(&tcp->base);
  free(tcp);
}

void tcp_event(tcp_t* tcp, uint32_t events) {
  if (!tcp->detached && !tcp_queued(tcp)) socket_event(&tcp->base, events);
}

void tcp_end(tcp_t* tcp, int error) {
  // One that waits to be accepted goes on waiting: whoever the listener has woken for it must find it.
  bool half_open = tcp_queued(tcp) && tcp->state == TCPIP_TCP_SYN_RECEIVED;
  if (half_open || tcp->detached) {
    tcp_listen_forget(tcp);
    tcp_free(tcp);
    return;
  }
  tcp_decided(tcp);
  drop_buffers(tcp, false);
  socket_leave_connection(&tcp->base);
  if (!tcp->base.port_chosen) socket_drop_port(&tcp->base);
  tcp->state = TCPIP_TCP_CLOSED;
  tcp->read_closed = true;
  tcp->base.connected = tcp->listener;  // accepting tells whose it was
  tcp->base.error = error;
  tcp->was_connected = true;
  tcp_event(tcp, (error ? TCPIP_EVENT_ERROR : 0u) | TCPIP_EVENT_READABLE | TCPIP_EVENT_WRITABLE |
                     TCPIP_EVENT_READ_SHUTDOWN | TCPIP_EVENT_WRITE_SHUTDOWN);
}

void tcp_enter_time_wait(tcp_t* tcp) {
  drop_buffers(tcp, tcp->detached || !tcp->rx.length);
  tcp->state = TCPIP_TCP_TIME_WAIT;
  socket_hold_port(&tcp->base);  // which may be used towards others meanwhile
  tcp_arm_life(tcp, TCP_TIME_WAIT_TIME);
}

// The options: what a connection takes from its listener.
void tcp_inherit(tcp_t* tcp, const tcp_t* listener) {
  tcp->base.reuse_address = listener->base.reuse_address;
  tcp->base.reuse_port = listener->base.reuse_port;
  tcp->nodelay = listener->nodelay;
  tcp->cork = listener->cork;
  tcp->ecn_mode = listener->ecn_mode;
  tcp->syn_count = listener->syn_count;
  tcp->keepalive = listener->keepalive;
  tcp->keepalive_idle_s = listener->keepalive_idle_s;
  tcp->keepalive_interval_s = listener->keepalive_interval_s;
  tcp->keepalive_count = listener->keepalive_count;
  tcp->user_timeout_ms = listener->user_timeout_ms;
  tcp->linger_s = listener->linger_s;
  tcp->linger2_s = listener->linger2_s;
  tcp->window_clamp = listener->window_clamp;
  tcp->urgent_inline = listener->urgent_inline;
  tcp->quick_off = listener->quick_off;
  tcp->quick_acks = listener->quick_off ? 0 : TCP_QUICK_ACKS;
  tcp->mss_limit = listener->mss_limit;
  tcp->rx_limit = listener->rx_limit;
  tcp->rx_limit_fixed = listener->rx_limit_fixed;
  tcp->base.tx_limit = listener->base.tx_limit;
  tcp->tx_limit_fixed = listener->tx_limit_fixed;
  tcp->congestion = listener->congestion;
  tcp->ttl = listener->ttl;
  tcp->tos = listener->tos;
}

static void close_write(tcp_t* tcp) {
  if (tcp->fin_wanted) return;
  switch (tcp->state) {
    case TCPIP_TCP_ESTABLISHED:
      tcp->state = TCPIP_TCP_FIN_WAIT_1;
      break;
    case TCPIP_TCP_CLOSE_WAIT:
      tcp->state = TCPIP_TCP_LAST_ACK;
      break;
    case TCPIP_TCP_SYN_RECEIVED:  // RFC 9293, 3.10.4: it waits until the connection is open
      break;
    default:
      return;
  }
  tcp->fin_wanted = true;
  tcp_output(tcp);
}

static void abort_connection(tcp_t* tcp) {
  if (tcp->state >= TCPIP_TCP_SYN_RECEIVED && tcp->state != TCPIP_TCP_TIME_WAIT) tcp_send_reset(tcp);
  tcp_listen_forget(tcp);
  tcp_free(tcp);
}

static void tcp_destroy(tcpip_socket_t* socket) {
  tcp_t* tcp = tcp_of(socket);
  tcpip_t* stack = socket->stack;
  // What the peer knows of, or will.
  bool open = tcp->state != TCPIP_TCP_CLOSED && tcp->state != TCPIP_TCP_LISTEN &&
              tcp->state != TCPIP_TCP_SYN_SENT && !tcp->undecided;
  tcp_listen_close(tcp);
  if (stack->closing || !open) {
    tcp_listen_forget(tcp);
    tcp_free(tcp);
    return;
  }
  // RFC 9293, 3.6.1 and RFC 2525, 2.17: data that nobody will read is refused, not swallowed.
  if (tcp->listener || tcp->rx.length || tcp->linger_s == 0 ||
      stack->orphanage->socket_count + stack->names.count >= ORPHANS_MAX) {
    abort_connection(tcp);
    return;
  }
  close_write(tcp);
  client_move_socket(socket, tcp->tx.room + tcp->rx.room, stack->orphanage);
  tcp->detached = true;
  if (tcp->state == TCPIP_TCP_FIN_WAIT_2)
    (void)tcp_wait_for_end(tcp);
  else
    tcp_retire(tcp);
}

// All of what it has to say has been heard, or there is nobody to hear it.
static bool is_finished(const tcp_t* tcp) {
  return tcp->state == TCPIP_TCP_CLOSED || tcp->state == TCPIP_TCP_LISTEN ||
         tcp->state == TCPIP_TCP_FIN_WAIT_2 || tcp->state == TCPIP_TCP_TIME_WAIT;
}

bool tcpip_is_unfinished(const tcpip_t* stack) {
  const list_node_t* sockets = &stack->orphanage->sockets;
  for (const list_node_t* node = sockets->next; node != sockets; node = node->next) {
    if (!is_finished(tcp_of_const(list_owner(node, tcpip_socket_t, client_node)))) return true;
  }
  return false;
}

void tcpip_reset_streams(tcpip_t* stack) {
  for (list_node_t* client = stack->clients.next; client != &stack->clients; client = client->next) {
    const list_node_t* sockets = &list_owner(client, tcpip_client_t, node)->sockets;
    for (const list_node_t* node = sockets->next; node != sockets; node = node->next) {
      tcpip_socket_t* socket = list_owner(node, tcpip_socket_t, client_node);
      if (socket->protocol != PROTOCOL_TCP) continue;
      tcp_t* tcp = tcp_of(socket);
      if (tcp->state >= TCPIP_TCP_SYN_RECEIVED && !tcp->undecided && !is_finished(tcp)) tcp_send_reset(tcp);
    }
  }
}

bool tcp_wait_for_end(tcp_t* tcp) {
  if (tcp->linger2_s < 0) {
    tcp_send_reset(tcp);
    tcp_end(tcp, 0);
    return false;
  }
  tcp_arm_life(tcp, tcp->linger2_s ? tcp->linger2_s * NS_PER_S : TCP_TIME_WAIT_TIME);
  return true;
}

static uint32_t tcp_poll(const tcpip_socket_t* socket) {
  const tcp_t* tcp = tcp_of_const(socket);
  uint32_t events = socket->error ? TCPIP_EVENT_ERROR : 0;
  if (tcp->state == TCPIP_TCP_LISTEN)
    return events | (tcp->listening->ready_count ? TCPIP_EVENT_READABLE : 0u);
  bool over = tcp->state == TCPIP_TCP_CLOSED && tcp->was_connected;
  if (tcp_readable(tcp).length || tcp->read_closed || socket->shut_read) events |= TCPIP_EVENT_READABLE;
  if (tcp->urgent == TCP_URGENT_HERE) events |= TCPIP_EVENT_URGENT;
  if (tcp_writable(tcp) || over || tcp->fin_wanted) events |= TCPIP_EVENT_WRITABLE;
  if (tcp->read_closed || socket->shut_read) events |= TCPIP_EVENT_READ_SHUTDOWN;
  if (over || tcp->fin_wanted) events |= TCPIP_EVENT_WRITE_SHUTDOWN;
  return events;
}

// All of the connection that was is gone; the options stay.
static void begin_anew(tcp_t* tcp) {
  tcpip_socket_t* socket = &tcp->base;
  drop_buffers(tcp, true);  // and out of every list
  tcp_t old = *tcp;
  memset((uint8_t*)tcp + sizeof tcp->base, 0, sizeof *tcp - sizeof tcp->base);
  set_defaults(tcp);
  tcp_inherit(tcp, &old);
  tcp->defer_accept_s = old.defer_accept_s;
  socket->connected = socket->shut_read = socket->shut_write = false;
  socket->remote = addr_any(socket->family == TCPIP_IPV4);
  socket->remote_port = 0;
  if (socket->foreign) {  // that name it had for the one connection
    socket->foreign = socket->address_chosen = false;
    socket->device = 0;
  }
  if (!socket->address_chosen) socket->local = addr_any(socket->family == TCPIP_IPV4);
  if (!table_has(&socket->port_node)) {  // it was accepted, and the port is the listener's
    socket->local_port = 0;
    socket->port_chosen = false;
  }
}

static int connect_again(tcp_t* tcp) {
  int error = tcpip_socket_take_error(&tcp->base);
  switch (tcp->state) {
    case TCPIP_TCP_SYN_SENT:
    case TCPIP_TCP_SYN_RECEIVED:
      return error ? error : -EALREADY;
    case TCPIP_TCP_CLOSED:
      if (tcp->connect_reported) return error ? error : -EISCONN;
      begin_anew(tcp);  // it failed; the next call tries again
      return error ? error : -ECONNABORTED;
    default:
      break;
  }
  if (error) return error;
  if (tcp->connect_reported || tcp->state == TCPIP_TCP_LISTEN) return -EISCONN;
  tcp->connect_reported = true;
  return 0;
}

// The local port, if bind has not chosen it, and the numbers to begin with. Another port is tried where the
// one found by chance is taken towards this peer.
static int take_endpoints(tcp_t* tcp) {
  tcpip_socket_t* socket = &tcp->base;
  bool chosen = socket->local_port;
  int result = -EADDRINUSE;
  for (int tries = 0; result == -EADDRINUSE && tries < PORT_TRIES; tries++) {
    uint32_t floor;
    result = chosen ? 0 : socket_take_port(socket, &socket->local, 0);
    if (result) break;
    const socket_key_t key = {PROTOCOL_TCP,  socket->local_port, socket->remote_port,
                              socket->local, socket->remote,     socket->zone};
    bool replaced = tcp_time_wait_replace(socket->stack, &key, &floor);
    result = socket_enter_connection(socket);
    if (result == 0) tcp_choose_numbers(tcp, replaced ? &floor : NULL);
    if (result && chosen) break;
    if (result) socket_drop_port(socket);
  }
  return result == -EADDRINUSE || result == -EAGAIN ? -EADDRNOTAVAIL : result;
}

static int tcp_connect(tcpip_socket_t* socket, const addr_t* remote, uint16_t port, uint32_t zone) {
  tcp_t* tcp = tcp_of(socket);
  bool fresh = tcp->state == TCPIP_TCP_CLOSED && !tcp->was_connected && !socket->error;
  if (!fresh) return connect_again(tcp);
  if (!port || addr_is_multicast(remote) || addr_is_limited_broadcast(remote))
    return port ? -ENETUNREACH : -ECONNREFUSED;
  if (addr_is_scoped(remote) && !zone) return -EINVAL;
  path_query_t query = {.destination = *remote,
                        .source = socket->address_chosen ? socket->local : addr_any(addr_is_v4(remote)),
                        .interface = socket->device           ? socket->device
                                     : addr_is_scoped(remote) ? zone
                                                              : 0,
                        .foreign = socket->foreign};
  int result = path_resolve(socket->stack, &query, &tcp->path);
  if (result) return result == -ENODEV || result == -ENETDOWN ? -ENETUNREACH : result;
  if (tcp->path.broadcast) return -ENETUNREACH;
  socket->local = tcp->path.source;
  socket->remote = *remote;
  socket->remote_port = port;
  socket->zone = tcp->path.interface->info.index;
  result = take_endpoints(tcp);
  if (result) return result;
  socket->connected = true;
  tcp->state = TCPIP_TCP_SYN_SENT;
  tcp->syn_sent_ns = tcp->stalled_since = socket->stack->now;
  tcp_send_syn(tcp);
  tcp_arm_send_timer(tcp);
  return -EINPROGRESS;
}

// As Linux does with AF_UNSPEC: whatever there was is aborted and the socket is as new.
static int tcp_disconnect(tcpip_socket_t* socket) {
  tcp_t* tcp = tcp_of(socket);
  bool open = tcp->state >= TCPIP_TCP_SYN_RECEIVED && tcp->state != TCPIP_TCP_TIME_WAIT && !tcp->undecided;
  if (open) tcp_send_reset(tcp);
  tcp_listen_close(tcp);
  tcp_end(tcp, 0);
  begin_anew(tcp);
  return 0;
}

static int tcp_shutdown(tcpip_socket_t* socket, bool read, bool write) {
  tcp_t* tcp = tcp_of(socket);
  if (tcp->state == TCPIP_TCP_CLOSED || tcp->state == TCPIP_TCP_SYN_SENT) return -ENOTCONN;
  if (tcp->state == TCPIP_TCP_LISTEN) {
    if (read) {
      tcp_listen_close(tcp);
      tcp_end(tcp, 0);
    }
    return 0;
  }
  socket->shut_read |= read;
  if (write) {
    socket->shut_write = true;
    close_write(tcp);
  }
  tcp_event(tcp, (read ? TCPIP_EVENT_READ_SHUTDOWN | TCPIP_EVENT_READABLE : 0u) |
                     (write ? TCPIP_EVENT_WRITE_SHUTDOWN | TCPIP_EVENT_WRITABLE : 0u));
  return 0;
}

// Not while a segment is on its way down, which may push out another one that waits for the same neighbour.
static void tcp_link_room(tcpip_socket_t* socket) {
  if (!tcp_of(socket)->sending) tcp_output(tcp_of(socket));
}

static int no_groups(tcpip_socket_t* socket, const addr_t* group, uint32_t interface) {
  return -ENOPROTOOPT;
}

static const socket_ops_t tcp_ops = {
    .destroy = tcp_destroy,
    .poll = tcp_poll,
    .connect = tcp_connect,
    .disconnect = tcp_disconnect,
    .shutdown = tcp_shutdown,
    .send = tcp_stream_send,
    .recv = tcp_stream_recv,
    .next_length = tcp_stream_next_length,
    .set = tcp_option_set,
    .get = tcp_option_get,
    .join = no_groups,
    .leave = no_groups,
    .room = tcp_link_room,
    .icmp_error = tcp_icmp_error,
};

bool tcpip_socket_at_mark(const tcpip_socket_t* socket) {
  return socket->protocol == PROTOCOL_TCP && tcp_at_mark(tcp_of_const(socket));
}

int tcpip_socket_listen(tcpip_socket_t* socket, int backlog) {
  if (socket->protocol != PROTOCOL_TCP) return -EOPNOTSUPP;
  tcp_t* tcp = tcp_of(socket);
  if (tcp->state != TCPIP_TCP_CLOSED && tcp->state != TCPIP_TCP_LISTEN) return -EINVAL;
  if (!socket->stands_in) {  // it has no port; it takes what is for all those that nobody has
    int result = socket->local_port ? 0 : socket_take_port(socket, &socket->local, 0);
    if (result) return result == -EAGAIN ? -EADDRINUSE : result;
    result = socket_begin_to_listen(socket);
    if (result) return result;
  }
  uint32_t wanted = backlog < (int)BACKLOG_MIN ? BACKLOG_MIN : (uint32_t)backlog;
  return tcp_listen_start(tcp, wanted < LISTEN_BACKLOG_MAX ? wanted : LISTEN_BACKLOG_MAX);
}

int tcpip_socket_accept(tcpip_socket_t* socket, void* context, tcpip_socket_t** out) {
  tcp_t* tcp = tcp_of(socket);
  if (socket->protocol != PROTOCOL_TCP) return -EOPNOTSUPP;
  if (tcp->state != TCPIP_TCP_LISTEN) return -EINVAL;
  if (list_empty(&tcp->listening->ready)) return -EAGAIN;
  tcp_t* child = list_owner(tcp->listening->ready.next, tcp_t, listen_node);
  tcp_listen_forget(child);
  if (child->undecided) tcp_stand_in_accepted(child, tcp);
  child->base.context = context;
  child->connect_reported = true;
  child->was_writable = true;
  *out = &child->base;
  return 0;
}
