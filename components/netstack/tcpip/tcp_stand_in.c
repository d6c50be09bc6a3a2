// Passive opening in the name of other hosts: what a SYN gets for an answer is said from above, once it is
// known what the host that is being called says. Until then nothing is sent, so a connection that is
// undecided is known to its peer by its silence only, and can be forgotten without a word. There are no SYN
// cookies for the same reason.
#include "checksum.h"
#include "tcp.h"

void tcp_stand_in_input(tcp_t* listener, const tcp_in_t* in) {
  tcp_listening_t* listening = listener->listening;
  if (in->flags & TCP_RST) return;
  if ((in->flags & TCP_ACK) || !(in->flags & TCP_SYN)) {
    tcp_reset_reply(in);
    return;
  }
  if (listening->ready_count + listening->undecided_count >= listening->backlog) {
    count(in->rx->stack, tcp_listen_overflows);
    return;
  }
  tcp_t* tcp = tcp_listen_child(listener, in);
  if (!tcp) return;
  tcp->state = TCPIP_TCP_SYN_RECEIVED;
  tcp->undecided = true;
  tcp->snd_wnd = tcp->snd_wnd_max = in->window;
  tcp->listener = listener;
  list_append(&listening->ready, &tcp->listen_node);
  listening->ready_count++;
  tcp_event(listener, TCPIP_EVENT_READABLE);
}

void tcp_stand_in_accepted(tcp_t* tcp, tcp_t* listener) {
  tcp->listener = listener;
  tcp->held = true;
  list_append(&listener->listening->undecided, &tcp->listen_node);
  listener->listening->undecided_count++;
}

void tcp_decided(tcp_t* tcp) {
  if (tcp->held) tcp_listen_forget(tcp);
  tcp->undecided = false;
}

// The SYN once more. Its timestamp is the one to be echoed (RFC 7323, 4.3): else the peer would take the time
// that the decision needs for a round trip. And it may have given up asking for ECN (RFC 3168, 6.1.1.1).
static void asked_again(tcp_t* tcp, const tcp_in_t* in) {
  if (tcp->use_timestamps && in->has_timestamp && seq_lt(tcp->ts_recent, in->ts_value)) {
    tcp->ts_recent = in->ts_value;
    tcp->ts_recent_at = tcp->base.stack->now;
  }
  tcp_ecn_syn_received(tcp, in);
}

bool tcp_undecided_input(tcp_t* tcp, const tcp_in_t* in) {
  if (in->flags & TCP_RST) {
    if (in->seq != tcp->rcv_nxt) return false;
    count(tcp->base.stack, tcp_rx_resets);
    tcp_end(tcp, ECONNRESET);
    return false;
  }
  if ((in->flags & TCP_ACK) || !(in->flags & TCP_SYN)) {  // of what was never sent
    if (in->flags & TCP_ACK) tcp_reset_reply(in);
    return false;
  }
  if (in->seq == tcp->irs) {
    asked_again(tcp, in);
    return false;
  }
  // Another attempt of the same port, unless it is an old one that was under way for long.
  if (tcp->use_timestamps && in->has_timestamp && seq_lt(in->ts_value, tcp->ts_recent)) return false;
  tcp_end(tcp, ECONNRESET);
  return true;
}

int tcpip_socket_admit(tcpip_socket_t* socket) {
  tcp_t* tcp = socket->protocol == PROTOCOL_TCP ? tcp_of(socket) : NULL;
  if (!tcp || !tcp->undecided) return -EINVAL;
  tcp_decided(tcp);
  tcp->ecn = tcp->ecn && tcp->ecn_mode != TCPIP_ECN_OFF;  // it may have been chosen since the SYN came
  tcp->syn_sent_ns = socket->stack->now;
  tcp_send_syn(tcp);
  tcp_arm_send_timer(tcp);
  return 0;
}

static void send_refusal(tcp_t* tcp) {
  const tcpip_socket_t* socket = &tcp->base;
  if (tcp_refresh_path(tcp)) return;
  tcp_bare_t reset = {.path = tcp->path,
                      .local_port = socket->local_port,
                      .remote_port = socket->remote_port,
                      .ack = tcp->irs + 1,
                      .flags = TCP_RST | TCP_ACK};
  count(socket->stack, tcp_tx_resets);
  tcp_send_bare(socket->stack, &reset);
}

// The peer looks for its ports and its sequence number (RFC 5927, 4.1).
static void send_unreachable(const tcp_t* tcp, int error) {
  const tcpip_socket_t* socket = &tcp->base;
  interface_t* interface = interface_find(socket->stack, socket->device);
  uint8_t h[TCP_HEADER] = {0};
  icmp_quote_t quote = {.from = socket->remote,
                        .to = socket->local,
                        .protocol = PROTOCOL_TCP,
                        .transport = h,
                        .transport_length = sizeof h};
  be16_put(h, socket->remote_port);
  be16_put(h + 2, socket->local_port);
  be32_put(h + 4, tcp->irs);
  h[12] = TCP_HEADER / 4 << 4;
  h[13] = TCP_SYN;
  be16_put(h + 14, tcp->snd_wnd);
  uint64_t sum = checksum_pseudo(&quote.from, &quote.to, PROTOCOL_TCP, sizeof h);
  checksum_put(h + 16, checksum_finish(checksum_add(sum, h, sizeof h)));
  if (interface) (void)icmp_unreachable(interface, &quote, error);
}

void tcpip_socket_refuse(tcpip_socket_t* socket, int error) {
  tcp_t* tcp = socket->protocol == PROTOCOL_TCP ? tcp_of(socket) : NULL;
  if (tcp && tcp->undecided) {
    if (error == ECONNREFUSED)
      send_refusal(tcp);
    else
      send_unreachable(tcp, error);
  }
  tcpip_socket_destroy(socket);
}
