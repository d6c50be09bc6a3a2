// Passive opening: half-open connections, those waiting to be accepted, and SYN cookies when there are too
// many of the first (RFC 4987, 3.6).
#include <stdlib.h>

#include "tcp.h"

#define COOKIE_PERIOD (64 * NS_PER_S)
#define COOKIE_AGE_MAX 2  // periods

static const uint16_t cookie_mss[4] = {536, 1220, 1440, 1460};

// RFC 6528: a clock of 4 us, from an offset nobody can guess for each pair of endpoints.
static uint32_t initial_sequence(const tcp_t* tcp) {
  const tcpip_socket_t* s = &tcp->base;
  uint64_t words[5] = {s->local.q[0], s->local.q[1], s->remote.q[0], s->remote.q[1],
                       (uint64_t)s->local_port << 16 | s->remote_port};
  return (uint32_t)hash_strong(&s->stack->secret_key, words, 5) + (uint32_t)(s->stack->now >> 12);
}

// RFC 7323, 5.4: one for each pair of hosts, so that of two connections the later one has the later
// timestamps, which RFC 6191 builds on.
uint32_t tcp_clock_offset(const tcpip_t* stack, const addr_t* local, const addr_t* remote) {
  uint64_t words[4] = {local->q[0], local->q[1], remote->q[0], remote->q[1]};
  return (uint32_t)(hash_strong(&stack->secret_key, words, 4) >> 32);
}

void tcp_choose_numbers(tcp_t* tcp, const uint32_t* floor) {
  uint32_t iss = initial_sequence(tcp);
  if (floor && !seq_lt(*floor, iss)) iss = *floor + 1;
  tcp->iss = tcp->snd_una = tcp->snd_up = iss;
  tcp->snd_nxt = iss + 1;
  tcp->ts_offset = tcp_clock_offset(tcp->base.stack, &tcp->base.local, &tcp->base.remote);
}

// 5 bits of time, 2 of the peer's segment size, 25 of a keyed hash over all that identifies the connection.
static uint32_t cookie(const tcpip_t* stack, const tcp_in_t* in, uint32_t client_seq, uint64_t period,
                       uint32_t size) {
  const rx_t* rx = in->rx;
  uint64_t words[6] = {rx->source.q[0],
                       rx->source.q[1],
                       rx->destination.q[0],
                       rx->destination.q[1],
                       (uint64_t)be32_get(rx->transport) << 32 | client_seq,
                       period << 2 | size};
  uint32_t hash = (uint32_t)hash_strong(&stack->secret_key, words, 6);
  return (uint32_t)(period & 31) << 27 | size << 25 | (hash & 0x1ffffff);
}

static bool answer_path(const tcp_in_t* in, path_t* out) {
  path_query_t query = {.destination = in->rx->source,
                        .source = in->rx->destination,
                        .interface = addr_is_scoped(&in->rx->source) ? in->rx->interface->info.index : 0};
  return path_resolve(in->rx->stack, &query, out) == 0;
}

static uint32_t cookie_size(const tcp_in_t* in) {
  uint32_t size = 3, mss = in->mss ? in->mss : TCP_MSS_DEFAULT_V4;
  while (size && cookie_mss[size] > mss)
    size--;
  return size;
}

// What else the SYN offered, in the low bits of a timestamp that comes back with the acknowledgement.
enum { COOKIE_SCALE = 15, COOKIE_SACK = 16, COOKIE_ECN = 32, COOKIE_BITS = 63 };

static uint32_t cookie_timestamp(const tcp_in_t* in, bool ecn) {
  const rx_t* rx = in->rx;
  uint32_t now =
      (uint32_t)(rx->stack->now / NS_PER_MS) + tcp_clock_offset(rx->stack, &rx->destination, &rx->source);
  uint32_t bits = (in->has_scale ? in->scale : (uint32_t)COOKIE_SCALE) | (in->sack_ok ? COOKIE_SACK : 0u) |
                  (ecn ? COOKIE_ECN : 0u);
  uint32_t value = (now & ~(uint32_t)COOKIE_BITS) | bits;
  return seq_lt(now, value) ? value - COOKIE_BITS - 1 : value;  // never from the future
}

static void read_cookie_timestamp(tcp_in_t* syn) {
  uint32_t bits = syn->has_timestamp ? syn->ts_echo : COOKIE_SCALE;
  syn->has_scale = (bits & COOKIE_SCALE) != COOKIE_SCALE;
  syn->scale = bits & COOKIE_SCALE;
  syn->sack_ok = bits & COOKIE_SACK;
  syn->flags = bits & COOKIE_ECN ? TCP_ECE | TCP_CWR : 0;
}

static size_t put_cookie_options(const tcp_in_t* in, uint32_t mss, bool ecn, uint8_t out[20]) {
  const uint8_t rest[16] = {in->sack_ok ? 4 : 1, in->sack_ok ? 2 : 1, 8, 10};
  out[0] = 2;
  out[1] = 4;
  be16_put(out + 2, mss);
  if (!in->has_timestamp) return 4;  // nothing to remember the others by
  memcpy(out + 4, rest, sizeof rest);
  be32_put(out + 8, cookie_timestamp(in, ecn));
  be32_put(out + 12, in->ts_value);
  if (!in->has_scale) return 16;
  out[16] = 1;
  out[17] = out[18] = 3;
  out[19] = TCP_WINDOW_SCALE;
  return 20;
}

static void send_cookie(tcp_t* listener, const tcp_in_t* in) {
  tcpip_t* stack = in->rx->stack;
  uint8_t options[20];
  bool ecn = listener->ecn_mode != TCPIP_ECN_OFF && in->has_timestamp && (in->flags & TCP_ECE) &&
             (in->flags & TCP_CWR);
  tcp_bare_t reply = {.local_port = be16_get(in->rx->transport + 2),
                      .remote_port = be16_get(in->rx->transport),
                      .ack = in->seq + 1,
                      .window = 65535,
                      .flags = (uint8_t)(TCP_SYN | TCP_ACK | (ecn ? TCP_ECE : 0)),
                      .options = options};
  if (!answer_path(in, &reply.path)) return;
  uint32_t mss = reply.path.mtu - (in->rx->v4 ? IPV4_HEADER : IPV6_HEADER) - TCP_HEADER;
  reply.options_length = put_cookie_options(in, mss, ecn, options);
  reply.seq = cookie(stack, in, in->seq, (uint64_t)(stack->now / COOKIE_PERIOD), cookie_size(in));
  listener->listening->cookies_until = stack->now + (COOKIE_AGE_MAX + 1) * COOKIE_PERIOD;
  count(stack, tcp_cookies_sent);
  tcp_send_bare(stack, &reply);
}

tcp_t* tcp_listen_child(tcp_t* listener, const tcp_in_t* in) {
  tcpip_client_t* client = listener->base.client;
  if (client->socket_count >= client->quota.sockets) return NULL;
  tcp_t* tcp = tcp_create(client, listener->base.family, NULL);
  if (!tcp) return NULL;
  tcpip_socket_t* s = &tcp->base;
  s->local = in->rx->destination;
  s->remote = in->rx->source;
  s->local_port = be16_get(in->rx->transport + 2);
  s->remote_port = be16_get(in->rx->transport);
  s->device = listener->base.device;
  s->zone = in->rx->interface->info.index;
  s->v6_only = listener->base.v6_only;
  s->address_chosen = s->port_chosen = s->connected = true;
  s->foreign = listener->base.stands_in;
  tcp_inherit(tcp, listener);
  tcp_choose_numbers(tcp, in->has_isn_floor ? &in->isn_floor : NULL);
  tcp->irs = in->seq;
  tcp->rcv_nxt = tcp->rcv_adv = in->seq + 1;
  tcp->snd_wl1 = in->seq;
  tcp_take_options(tcp, in);
  tcp_ecn_syn_received(tcp, in);
  if (tcp_refresh_path(tcp) || socket_enter_connection(s)) {
    tcp_free(tcp);
    return NULL;
  }
  return tcp;
}

static void half_open(tcp_t* listener, const tcp_in_t* in) {
  tcp_t* tcp = tcp_listen_child(listener, in);
  if (!tcp) return;
  tcp->state = TCPIP_TCP_SYN_RECEIVED;
  tcp->snd_wnd = tcp->snd_wnd_max = in->window;
  tcp->syn_sent_ns = tcp->base.stack->now;
  tcp->listener = listener;
  list_append(&listener->listening->half_open, &tcp->listen_node);
  listener->listening->half_open_count++;
  tcp_send_syn(tcp);
  tcp_arm_send_timer(tcp);
}

// The acknowledgement of a cookie: the connection springs up established.
static bool accept_cookie(tcp_t* listener, const tcp_in_t* in) {
  tcpip_t* stack = in->rx->stack;
  uint32_t value = in->ack - 1;
  uint64_t period = (uint64_t)(stack->now / COOKIE_PERIOD);
  uint32_t age = (uint32_t)((period & 31) - (value >> 27)) & 31, size = value >> 25 & 3;
  if (stack->now >= listener->listening->cookies_until || age > COOKIE_AGE_MAX ||
      cookie(stack, in, in->seq - 1, period - age, size) != value)
    return false;
  if (listener->listening->ready_count >= listener->listening->backlog)
    return true;  // dropped; it will come again with data
  tcp_in_t syn = *in;
  syn.seq = in->seq - 1;
  syn.mss = cookie_mss[size];
  read_cookie_timestamp(&syn);
  tcp_t* tcp = tcp_listen_child(listener, &syn);
  if (!tcp) return true;
  count(stack, tcp_cookies_accepted);
  tcp->iss = value;
  tcp->snd_una = tcp->snd_nxt = tcp->snd_up = value + 1;
  tcp->snd_wnd = tcp->snd_wnd_max = in->window << tcp->snd_scale;
  tcp->snd_wl1 = in->seq;
  tcp->snd_wl2 = in->ack;
  tcp->rcv_adv = tcp->rcv_nxt + 65535;
  tcp->listener = listener;
  list_append(&listener->listening->half_open, &tcp->listen_node);
  listener->listening->half_open_count++;
  (void)tcp_listen_established(tcp);
  tcp_established(tcp);
  tcp_receive(tcp, in);
  tcp_output(tcp);
  return true;
}

void tcp_listen_input(tcp_t* listener, const tcp_in_t* in) {
  if (in->flags & TCP_RST) return;
  if (in->flags & TCP_ACK) {
    if ((in->flags & TCP_SYN) || !accept_cookie(listener, in)) tcp_reset_reply(in);
    return;
  }
  if (!(in->flags & TCP_SYN)) return;
  if (listener->listening->ready_count >= listener->listening->backlog) {
    count(in->rx->stack, tcp_listen_overflows);
    return;
  }
  if (listener->listening->half_open_count >= listener->listening->backlog)
    send_cookie(listener, in);
  else
    half_open(listener, in);
}

// As Linux does: the bare acknowledgement is dropped. The SYN is not repeated meanwhile, but once the time is
// over, so that the peer acknowledges again.
bool tcp_listen_defers(tcp_t* tcp, const tcp_in_t* in) {
  int64_t until = tcp->syn_sent_ns + tcp->listener->defer_accept_s * NS_PER_S;
  if (in->length || (in->flags & TCP_FIN) || tcp->base.stack->now >= until) return false;
  tcp->deferred = true;
  tcp->backoff = 0;
  wheel_start(&tcp->base.stack->wheel, &tcp->send_timer, until);
  return true;
}

bool tcp_listen_established(tcp_t* tcp) {
  tcp_t* listener = tcp->listener;
  if (listener->listening->ready_count >= listener->listening->backlog) {
    count(tcp->base.stack, tcp_listen_overflows);
    return false;
  }
  list_unlink(&tcp->listen_node);
  listener->listening->half_open_count--;
  list_append(&listener->listening->ready, &tcp->listen_node);
  listener->listening->ready_count++;
  tcp_event(listener, TCPIP_EVENT_READABLE);
  return true;
}

// Takes a connection out of its listener's lists, whichever it is in.
void tcp_listen_forget(tcp_t* tcp) {
  tcp_t* listener = tcp->listener;
  if (!listener) return;
  bool opening = tcp->state == TCPIP_TCP_SYN_RECEIVED && !tcp->undecided;
  list_unlink(&tcp->listen_node);
  if (tcp->held)
    listener->listening->undecided_count--;
  else if (opening)
    listener->listening->half_open_count--;
  else
    listener->listening->ready_count--;
  tcp->listener = NULL;
  tcp->held = false;
}

static void abort_all(list_node_t* list) {
  while (!list_empty(list)) {
    tcp_t* tcp = list_owner(list->next, tcp_t, listen_node);
    bool known = tcp->state != TCPIP_TCP_CLOSED && !tcp->undecided;  // to the peer
    if (known && !tcp->base.stack->closing) tcp_send_reset(tcp);
    tcp_listen_forget(tcp);
    tcp_free(tcp);
  }
}

int tcp_listen_start(tcp_t* tcp, uint32_t backlog) {
  if (!tcp->listening) {
    tcp->listening = calloc(1, sizeof *tcp->listening);
    if (!tcp->listening) return -ENOMEM;
    list_init(&tcp->listening->half_open);
    list_init(&tcp->listening->ready);
    list_init(&tcp->listening->undecided);
  }
  tcp->listening->backlog = backlog;
  tcp->state = TCPIP_TCP_LISTEN;
  return 0;
}

void tcp_listen_close(tcp_t* listener) {
  if (!listener->listening) return;
  abort_all(&listener->listening->half_open);
  abort_all(&listener->listening->ready);
  while (!list_empty(&listener->listening->undecided))
    tcp_listen_forget(list_owner(listener->listening->undecided.next, tcp_t, listen_node));
  free(listener->listening);
  listener->listening = NULL;
}
