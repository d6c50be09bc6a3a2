// Who is where on a link: the neighbour cache of RFC 4861 (7.3), for ARP as well as for neighbour discovery.
//
//   output: none -> INCOMPLETE (asking, packets wait) -> REACHABLE -> (time) STALE -> (use) DELAY -> PROBE ->
//   gone
//
// Entries that strangers cause to be made never push out one that is in use; the table is bounded; what waits
// for an address is bounded in number and bytes, the oldest giving way.
#include "neighbour_table.h"
#include "sock.h"

#define DELAY_FIRST_PROBE_TIME (5 * NS_PER_S)
#define UNREACHABLE_TIME (3 * NS_PER_S)
#define MAX_PROBES 3

static void start(neighbour_t* n, int64_t delay) {
  tcpip_t* stack = n->interface->stack;
  wheel_start(&stack->wheel, &n->timer, stack->now + delay);
}

static void set_reachable(neighbour_t* n) {
  n->state = TCPIP_NEIGHBOUR_REACHABLE;
  // Uniformly between 0.5 and 1.5 times the base (RFC 4861, 6.3.2).
  int64_t base = addr_is_v4(&n->address) ? NEIGHBOUR_REACHABLE_TIME : n->interface->reachable_time;
  uint32_t spread = stack_random_below(n->interface->stack, (uint32_t)(base / NS_PER_MS));
  start(n, base / 2 + spread * NS_PER_MS);
  if (n->router) autoconf_neighbour_answers(n->interface, &n->address);
}

static void set_stale(neighbour_t* n) {
  n->state = TCPIP_NEIGHBOUR_STALE;
  wheel_stop(&n->interface->stack->wheel, &n->timer);
}

static void probe(neighbour_t* n) {
  interface_t* interface = n->interface;
  const uint8_t* mac = n->state == TCPIP_NEIGHBOUR_PROBE ? n->mac : NULL;
  addr_t source;
  n->probes++;
  start(n, addr_is_v4(&n->address) ? NEIGHBOUR_RETRANS_TIME : interface->retrans_time);
  if (!path_choose_source(interface, &n->address, &source)) return;
  if (addr_is_v4(&n->address))
    arp_request(interface, &n->address, mac);
  else
    nd_solicit(interface, &source, &n->address, mac);
}

// What waited is lost, and its senders are told (RFC 4861, 7.2.2).
static void set_unreachable(neighbour_t* n) {
  count(n->interface->stack, neighbour_failed);
  n->state = TCPIP_NEIGHBOUR_UNREACHABLE;
  start(n, UNREACHABLE_TIME);
  autoconf_neighbour_failed(n->interface, &n->address);
  while (!list_empty(&n->queue)) {
    waiting_t* waiting = list_owner(n->queue.next, waiting_t, node);
    if (waiting->socket) socket_unreachable(waiting->socket, waiting);
    waiting_destroy(waiting);
  }
  n->queued = 0;
  n->queued_bytes = 0;
}

void neighbour_timer(wheel_timer_t* timer) {
  neighbour_t* n = list_owner(timer, neighbour_t, timer);
  switch (n->state) {
    case TCPIP_NEIGHBOUR_REACHABLE:
      set_stale(n);
      break;
    case TCPIP_NEIGHBOUR_DELAY:
      n->state = TCPIP_NEIGHBOUR_PROBE;
      n->probes = 0;
      probe(n);
      break;
    case TCPIP_NEIGHBOUR_INCOMPLETE:
      if (n->probes >= MAX_PROBES)
        set_unreachable(n);
      else
        probe(n);
      break;
    case TCPIP_NEIGHBOUR_PROBE:
      if (n->probes < MAX_PROBES) {
        probe(n);
      } else {
        autoconf_neighbour_failed(n->interface, &n->address);
        neighbour_destroy(n);
      }
      break;
    case TCPIP_NEIGHBOUR_UNREACHABLE:
      neighbour_destroy(n);
      break;
    case TCPIP_NEIGHBOUR_STALE:
    case TCPIP_NEIGHBOUR_STATIC:
      break;
  }
}

static uint16_t ethertype(const neighbour_t* n) {
  return addr_is_v4(&n->address) ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
}

static int enqueue(neighbour_t* n, const tx_t* tx) {
  tcpip_t* stack = n->interface->stack;
  waiting_t* waiting;
  int result = waiting_create(n->interface, tx, &waiting);
  if (result) return result;
  if (waiting->offload.flags & TCPIP_OFFLOAD_NEEDS_CHECKSUM)
    waiting->offload.checksum_start = (uint16_t)(tx_head_length(tx) - waiting->offload.checksum_start);
  list_append(&n->queue, &waiting->node);
  n->queued++;
  n->queued_bytes += waiting->length;
  while (n->queued > NEIGHBOUR_QUEUE_MAX || (n->queued > 1 && n->queued_bytes > NEIGHBOUR_QUEUE_BYTES)) {
    waiting_t* oldest = list_owner(n->queue.next, waiting_t, node);
    n->queued--;
    n->queued_bytes -= oldest->length;
    count(stack, neighbour_queue_dropped);
    waiting_destroy(oldest);
  }
  return 0;
}

static void flush_queue(neighbour_t* n) {
  while (!list_empty(&n->queue))
    ethernet_output_waiting(n->interface, n->mac, ethertype(n), list_owner(n->queue.next, waiting_t, node));
  n->queued = 0;
  n->queued_bytes = 0;
}

int neighbour_output(interface_t* interface, const addr_t* next_hop, tx_t* tx) {
  neighbour_t* n = neighbour_find(interface, next_hop);
  if (!n) {
    n = neighbour_create(interface, next_hop, true);
    if (!n) return -ENOBUFS;
    n->state = TCPIP_NEIGHBOUR_INCOMPLETE;
    int result = enqueue(n, tx);
    probe(n);
    return result;
  }
  neighbour_used(n);
  if (n->state == TCPIP_NEIGHBOUR_INCOMPLETE) return enqueue(n, tx);
  if (n->state == TCPIP_NEIGHBOUR_UNREACHABLE) return -EHOSTUNREACH;
  if (n->state == TCPIP_NEIGHBOUR_STALE) {
    n->state = TCPIP_NEIGHBOUR_DELAY;
    start(n, DELAY_FIRST_PROBE_TIME);
  }
  return ethernet_output(interface, n->mac, ethertype(n), tx);
}

// RFC 4861, 7.2.5: an answer that reaches an entry which already knows a MAC.
static void update_known(neighbour_t* n, const neighbour_news_t* news) {
  bool differs = news->mac && memcmp(n->mac, news->mac, TCPIP_MAC_SIZE) != 0;
  if (differs && !news->override) {
    if (n->state == TCPIP_NEIGHBOUR_REACHABLE) set_stale(n);
    return;
  }
  if (differs) memcpy(n->mac, news->mac, TCPIP_MAC_SIZE);
  if (news->is_advert) n->router = news->router;
  if (news->solicited)
    set_reachable(n);
  else if (differs)
    set_stale(n);
}

void neighbour_learn(interface_t* interface, const neighbour_news_t* news) {
  neighbour_t* n = neighbour_find(interface, news->address);
  if (!n && news->create && news->mac) n = neighbour_create(interface, news->address, false);
  if (!n || n->permanent) return;
  bool knows = n->state != TCPIP_NEIGHBOUR_INCOMPLETE && n->state != TCPIP_NEIGHBOUR_UNREACHABLE;
  if (knows) {
    update_known(n, news);
    return;
  }
  if (!news->mac) return;
  memcpy(n->mac, news->mac, TCPIP_MAC_SIZE);
  n->router = news->is_advert && news->router;
  n->probes = 0;
  if (news->solicited)
    set_reachable(n);
  else
    set_stale(n);
  flush_queue(n);
}

void neighbour_confirm(interface_t* interface, const addr_t* address) {
  neighbour_t* n = neighbour_find(interface, address);
  if (n && (n->state == TCPIP_NEIGHBOUR_STALE || n->state == TCPIP_NEIGHBOUR_DELAY ||
            n->state == TCPIP_NEIGHBOUR_PROBE || n->state == TCPIP_NEIGHBOUR_REACHABLE))
    set_reachable(n);
}

void neighbour_suspect(interface_t* interface, const addr_t* address) {
  neighbour_t* n = neighbour_find(interface, address);
  if (n && n->state == TCPIP_NEIGHBOUR_REACHABLE) set_stale(n);
}

void neighbour_check(interface_t* interface, const addr_t* address) {
  neighbour_t* n = neighbour_find(interface, address);
  if (!n || (n->state != TCPIP_NEIGHBOUR_STALE && n->state != TCPIP_NEIGHBOUR_DELAY)) return;
  n->state = TCPIP_NEIGHBOUR_PROBE;
  n->probes = 0;
  probe(n);
}

int neighbour_set(interface_t* interface, const addr_t* address, const uint8_t mac[TCPIP_MAC_SIZE]) {
  neighbour_t* n = neighbour_find(interface, address);
  if (!n) n = neighbour_create(interface, address, true);
  if (!n) return -ENOMEM;
  wheel_stop(&interface->stack->wheel, &n->timer);
  list_unlink(&n->age);
  n->permanent = true;
  n->state = TCPIP_NEIGHBOUR_STATIC;
  memcpy(n->mac, mac, TCPIP_MAC_SIZE);
  flush_queue(n);
  return 0;
}
