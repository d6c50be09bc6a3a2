// Explicit congestion notification (RFC 3168): routers mark instead of dropping, the receiver echoes the mark
// until the sender says that it has slowed down. RFC 8311 lets more be marked than data; we mark data sent
// for the first time.
#include "tcp.h"

#define CODEPOINT_CE 3

static bool has_both(const tcp_in_t* in) {
  return (in->flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR);
}

// 6.1.1: a SYN asks with both flags, its answer agrees with ECN-Echo alone. Who reflects both understands
// nothing.
void tcp_ecn_syn_received(tcp_t* tcp, const tcp_in_t* in) {
  if (in->flags & TCP_ACK)
    tcp->ecn = tcp->ecn_asked && (in->flags & TCP_ECE) && !(in->flags & TCP_CWR);
  else
    tcp->ecn = tcp->ecn_mode != TCPIP_ECN_OFF && has_both(in);
}

// 6.1.1.1: where the SYN that asked gets no answer, the next one does not ask.
uint8_t tcp_ecn_syn_flags(tcp_t* tcp) {
  if (tcp->state != TCPIP_TCP_SYN_SENT) return tcp->ecn ? TCP_ECE : 0;
  tcp->ecn_asked = tcp->ecn_mode == TCPIP_ECN_ASK && !tcp->backoff;
  return tcp->ecn_asked ? TCP_ECE | TCP_CWR : 0;
}

// 6.1.3
void tcp_ecn_received(tcp_t* tcp, const tcp_in_t* in) {
  if (!tcp->ecn) return;
  if (in->flags & TCP_CWR) tcp->ecn_echo = false;
  if (!in->length || (in->rx->tos & CODEPOINT_CE) != CODEPOINT_CE) return;
  count(tcp->base.stack, tcp_ecn_ce);
  tcp->ecn_echo = true;
  tcp->ack_now = true;  // the sender should hear of it soon
}

// 6.1.2: as for a loss, but nothing is sent again; once for each window of data, and not again before the peer
// has been told.
void tcp_ecn_acknowledged(tcp_t* tcp, const tcp_in_t* in) {
  if (!tcp->ecn || !(in->flags & TCP_ECE) || tcp->recovery != TCP_OPEN || tcp->cwr_due) return;
  count(tcp->base.stack, tcp_ecn_reductions);
  tcp_enter_recovery(tcp, TCP_REDUCING);
}
