// Received bytes that stay for a while where they came in, in memory shared with the device: on their way to
// a reader who takes them at once they are never copied. See tcpip_lend.
//
// What a connection has lent are always the first bytes of its rx ring: they count there as if they lay in
// it, room for them included, so that putting them there at the end cannot fail. Only the payload of a
// connection whose reader keeps up is lent: one whose ring holds bytes, or waits for some, goes on with its
// ring.
#include "tcp.h"

// What is shorter is copied in less time than a system call takes with one piece more.
#define LOAN_MIN 4096u

bool tcp_loan_make(tcp_t* tcp, const uint8_t* data, uint32_t length) {
  tcpip_t* stack = tcp->base.stack;
  bool fits = stack->lends && length >= LOAN_MIN && stack->loan_count < TCP_LOANS_MAX;
  if (!fits || tcp->rx.length != tcp->lent || tcp->ooo_count) return false;
  stack->loans[stack->loan_count++] = (tcp_loan_t){tcp, data, length};
  tcp->lent += length;
  return true;
}

uint32_t tcp_loan_pieces(const tcp_t* tcp, struct iovec* out, size_t most, size_t* out_count) {
  const tcpip_t* stack = tcp->base.stack;
  uint32_t shown = 0;
  for (uint32_t i = 0; i < stack->loan_count && shown < tcp->lent && *out_count < most; i++) {
    const tcp_loan_t* loan = &stack->loans[i];
    if (loan->tcp != tcp) continue;
    out[(*out_count)++] = (struct iovec){(void*)(uintptr_t)loan->bytes, loan->length};
    shown += loan->length;
  }
  return shown;
}

void tcp_loan_consume(tcp_t* tcp, uint32_t length) {
  tcpip_t* stack = tcp->base.stack;
  for (uint32_t i = 0; i < stack->loan_count && length && tcp->lent; i++) {
    tcp_loan_t* loan = &stack->loans[i];
    if (loan->tcp != tcp) continue;
    uint32_t piece = length < loan->length ? length : loan->length;
    loan->bytes += piece;
    loan->length -= piece;
    tcp->lent -= piece;
    length -= piece;
    if (!loan->length) loan->tcp = NULL;
  }
}

void tcp_loan_settle(tcp_t* tcp) {
  tcpip_t* stack = tcp->base.stack;
  for (uint32_t i = 0, at = 0; i < stack->loan_count && at < tcp->lent; i++) {
    tcp_loan_t* loan = &stack->loans[i];
    if (loan->tcp != tcp) continue;
    tcp_ring_write(&tcp->rx, at, loan->bytes, loan->length);
    at += loan->length;
    loan->tcp = NULL;
  }
  tcp->lent = 0;
}

void tcp_loan_forget(tcp_t* tcp) {
  tcpip_t* stack = tcp->base.stack;
  for (uint32_t i = 0; i < stack->loan_count && tcp->lent; i++) {
    if (stack->loans[i].tcp == tcp) stack->loans[i].tcp = NULL;
  }
  tcp->lent = 0;
}

void tcpip_lend(tcpip_t* stack) {
  stack->lends = true;
}

bool tcpip_has_lent(const tcpip_t* stack) {
  return stack->loan_count > 0;
}

void tcpip_settle(tcpip_t* stack) {
  stack->lends = false;
  for (uint32_t i = 0; i < stack->loan_count; i++) {
    if (stack->loans[i].tcp) tcp_loan_settle(stack->loans[i].tcp);
  }
  stack->loan_count = 0;
}
