// TIME-WAIT (RFC 9293, 3.6.1): the end that closed first keeps the name of the connection for 2 MSL, so that
// what is still on the way is not taken for a new connection's, and answers the peer if the last
// acknowledgement was lost.
//
// While a socket holds the connection it stays what it was. Once nobody does, a record takes its place that
// has just what comparing and answering need: a busy client has tens of thousands of them.
#include <stdlib.h>

#include "tcp.h"

#define REPLACE_AFTER (1 * NS_PER_S)

_Static_assert(sizeof(tcp_wait_t) <= 200, "there are many");

static void forget(tcp_wait_t* wait) {
  wheel_stop(&wait->stack->wheel, &wait->timer);
  socket_drop_name(wait->stack, &wait->name);
  free(wait);
}

static void time_is_over(wheel_timer_t* timer) {
  forget(list_owner(timer, tcp_wait_t, timer));
}

static tcp_wait_t* wait_of(table_node_t* node) {
  return (tcp_wait_t*)(void*)table_owner(node, socket_name_t, node);
}

// The tables go next.
void tcp_time_wait_forget_all(tcpip_t* stack) {
  for (table_node_t *node = table_walk(&stack->names, NULL), *next; node; node = next) {
    tcp_wait_t* wait = wait_of(node);
    next = table_walk(&stack->names, node);
    wheel_stop(&stack->wheel, &wait->timer);
    free(wait);
  }
}

void tcp_retire(tcp_t* tcp) {
  if (!tcp->detached || tcp->state != TCPIP_TCP_TIME_WAIT) return;
  tcpip_t* stack = tcp->base.stack;
  tcp_wait_t* wait = malloc(sizeof *wait);
  if (!wait) return;  // it waits as it is
  if (tcp->ack_now) tcp_send_ack(tcp);
  *wait = (tcp_wait_t){.stack = stack,
                       .timer.fire = time_is_over,
                       .challenges = tcp->challenges,
                       .ts_recent_at = tcp->ts_recent_at,
                       .snd_nxt = tcp->snd_nxt,
                       .rcv_nxt = tcp->rcv_nxt,
                       .ts_recent = tcp->ts_recent,
                       .ts_offset = tcp->ts_offset,
                       .window = (uint16_t)(tcp_receive_window(tcp) >> tcp->rcv_scale),
                       .ttl = tcp->ttl,
                       .tos = (uint8_t)(tcp->tos & ~3u),
                       .use_timestamps = tcp->use_timestamps};
  if (!socket_keep_name(&tcp->base, &wait->name)) {
    free(wait);
    return;
  }
  wheel_start(&stack->wheel, &wait->timer, wheel_deadline(&tcp->life_timer));
  tcp_free(tcp);
}

tcp_wait_t* tcp_wait_find(const tcpip_t* stack, const socket_key_t* key) {
  socket_name_t* name = socket_find_name(stack, key);
  return name ? wait_of(&name->node) : NULL;
}

// What a segment asks for.
typedef enum verdict {
  VERDICT_NOTHING,
  VERDICT_ANSWER,
  VERDICT_BEGIN_AGAIN,  // and answer
  VERDICT_NEW           // it opens another connection
} verdict_t;

// RFC 6191, 2: with timestamps on both, the later one is the newer; else the sequence number must be beyond.
static bool is_newer(const tcp_wait_t* wait, const tcp_in_t* in) {
  bool beyond = seq_lt(wait->rcv_nxt, in->seq);
  if (!wait->use_timestamps || !in->has_timestamp) return beyond;
  return seq_lt(wait->ts_recent, in->ts_value) || (wait->ts_recent == in->ts_value && beyond);
}

static verdict_t judge(const tcp_wait_t* wait, tcp_in_t* in) {
  bool syn = (in->flags & TCP_SYN) && !(in->flags & (TCP_ACK | TCP_RST));
  if (syn && is_newer(wait, in)) {
    in->has_isn_floor = true;
    in->isn_floor = wait->snd_nxt + 65535;
    count(in->rx->stack, tcp_time_wait_reused);
    return VERDICT_NEW;
  }
  if (in->flags & TCP_RST) return VERDICT_NOTHING;  // RFC 1337
  if ((in->flags & TCP_FIN) && in->data_seq + in->length + 1 == wait->rcv_nxt) return VERDICT_BEGIN_AGAIN;
  return in->length || (in->flags & (TCP_FIN | TCP_SYN)) ? VERDICT_ANSWER : VERDICT_NOTHING;
}

bool tcp_time_wait_input(tcp_t* tcp, tcp_in_t* in) {
  const tcp_wait_t wait = {.rcv_nxt = tcp->rcv_nxt,
                           .snd_nxt = tcp->snd_nxt,
                           .ts_recent = tcp->ts_recent,
                           .use_timestamps = tcp->use_timestamps};
  verdict_t verdict = judge(&wait, in);
  if (verdict == VERDICT_NEW) {
    tcp_end(tcp, 0);
    return true;
  }
  if (verdict == VERDICT_BEGIN_AGAIN) tcp_arm_life(tcp, TCP_TIME_WAIT_TIME);
  if (verdict != VERDICT_NOTHING) tcp_send_challenge(tcp);
  return false;
}

static void answer(tcp_wait_t* wait) {
  const socket_name_t* name = &wait->name;
  tcpip_t* stack = wait->stack;
  path_query_t query = {.destination = name->remote,
                        .source = name->local,
                        .interface = name->device                    ? name->device
                                     : addr_is_scoped(&name->remote) ? name->zone
                                                                     : 0,
                        .foreign = name->foreign};
  uint8_t options[TCP_TIMESTAMP_BYTES];
  tcp_bare_t bare = {.local_port = name->local_port,
                     .remote_port = name->remote_port,
                     .seq = wait->snd_nxt,
                     .ack = wait->rcv_nxt,
                     .window = wait->window,
                     .flags = TCP_ACK,
                     .ttl = wait->ttl,
                     .tos = wait->tos,
                     .options = options};
  if (!tcp_may_challenge(stack, &wait->challenges) || path_resolve(stack, &query, &bare.path)) return;
  if (wait->use_timestamps)
    bare.options_length = tcp_put_timestamp(options, tcp_clock_from(stack, wait->ts_offset), wait->ts_recent);
  tcp_send_bare(stack, &bare);
}

bool tcp_wait_input(tcp_wait_t* wait, tcp_in_t* in) {
  verdict_t verdict = judge(wait, in);
  if (verdict == VERDICT_NEW) {
    forget(wait);
    return true;
  }
  if (verdict == VERDICT_BEGIN_AGAIN)
    wheel_start(&wait->stack->wheel, &wait->timer, wait->stack->now + TCP_TIME_WAIT_TIME);
  if (verdict != VERDICT_NOTHING) answer(wait);
  return false;
}

static bool may_replace(const tcpip_t* stack, bool use_timestamps, int64_t heard_at) {
  return use_timestamps && stack->now - heard_at >= REPLACE_AFTER;
}

bool tcp_time_wait_replace(tcpip_t* stack, const socket_key_t* key, uint32_t* out_isn_floor) {
  tcp_wait_t* wait = tcp_wait_find(stack, key);
  tcpip_socket_t* found = wait ? NULL : socket_find_connection(stack, key);
  tcp_t* tcp = found ? tcp_of(found) : NULL;
  if (wait && may_replace(stack, wait->use_timestamps, wait->ts_recent_at)) {
    *out_isn_floor = wait->snd_nxt + 65535;
    forget(wait);
  } else if (tcp && tcp->state == TCPIP_TCP_TIME_WAIT &&
             may_replace(stack, tcp->use_timestamps, tcp->ts_recent_at)) {
    *out_isn_floor = tcp->snd_nxt + 65535;
    tcp_end(tcp, 0);
  } else {
    return false;
  }
  count(stack, tcp_time_wait_reused);
  return true;
}
