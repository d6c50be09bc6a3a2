// Empty buffers of connections that rest. A buffer that has just emptied will mostly be needed again at once,
// so it is kept for a moment; then its memory goes back, and an idle connection holds little more than its
// own struct.
#include "tcp.h"

#define REST_TIME (1 * NS_PER_S)

static void release(tcp_t* tcp) {
  list_unlink(&tcp->idle_node);
  if (!tcp->tx.length) tcp_ring_free(&tcp->tx, tcp->base.client);
  if (!tcp->rx.length && !tcp->ooo_count) tcp_ring_free(&tcp->rx, tcp->base.client);
  if (!tcp->board.count) tcp_board_clear(&tcp->board);
}

static void arm(tcpip_t* stack) {
  if (list_empty(&stack->resting)) return;
  const tcp_t* first = list_owner(stack->resting.next, tcp_t, idle_node);
  wheel_start(&stack->wheel, &stack->rest_timer, first->idle_since + REST_TIME);
}

static void fired(wheel_timer_t* timer) {
  tcpip_t* stack = list_owner(timer, tcpip_t, rest_timer);
  while (!list_empty(&stack->resting)) {
    tcp_t* tcp = list_owner(stack->resting.next, tcp_t, idle_node);
    if (tcp->idle_since + REST_TIME > stack->now) break;
    release(tcp);
  }
  arm(stack);
}

void tcp_idle_init(tcpip_t* stack) {
  list_init(&stack->resting);
  stack->rest_timer.fire = fired;
}

void tcp_rest(tcp_t* tcp) {
  tcpip_t* stack = tcp->base.stack;
  bool was_empty = list_empty(&stack->resting);
  list_unlink(&tcp->idle_node);
  tcp->idle_since = stack->now;
  list_append(&stack->resting, &tcp->idle_node);
  if (was_empty) arm(stack);
}
