#include "neighbour_table.h"

#include <stdlib.h>

neighbour_t* neighbour_find(const interface_t* interface, const addr_t* address) {
  table_node_t* node = table_find(&interface->neighbours, stack_hash(interface->stack, address, 0));
  for (; node; node = table_find_next(node)) {
    neighbour_t* n = table_owner(node, neighbour_t, node);
    if (addr_equal(&n->address, address)) return n;
  }
  return NULL;
}

// The entry longest unused in the given state.
static neighbour_t* oldest(const interface_t* interface, tcpip_neighbour_state_t state) {
  for (list_node_t* node = interface->neighbour_ages.next; node != &interface->neighbour_ages;
       node = node->next) {
    neighbour_t* n = list_owner(node, neighbour_t, age);
    if (n->state == state) return n;
  }
  return NULL;
}

static bool make_room(interface_t* interface, bool needed) {
  if (interface->neighbours.count < interface->stack->limits.neighbours) return true;
  neighbour_t* victim = oldest(interface, TCPIP_NEIGHBOUR_STALE);
  if (!victim && needed) victim = oldest(interface, TCPIP_NEIGHBOUR_UNREACHABLE);
  if (!victim && needed) victim = oldest(interface, TCPIP_NEIGHBOUR_INCOMPLETE);
  if (!victim && needed && !list_empty(&interface->neighbour_ages))
    victim = list_owner(interface->neighbour_ages.next, neighbour_t, age);
  if (!victim) {
    count(interface->stack, neighbour_full);
    return false;
  }
  neighbour_destroy(victim);
  return true;
}

neighbour_t* neighbour_create(interface_t* interface, const addr_t* address, bool needed) {
  if (!make_room(interface, needed)) return NULL;
  neighbour_t* n = calloc(1, sizeof *n);
  if (!n || table_insert(&interface->neighbours, &n->node, stack_hash(interface->stack, address, 0))) {
    count(interface->stack, no_memory);
    free(n);
    return NULL;
  }
  n->interface = interface;
  n->address = *address;
  n->state = TCPIP_NEIGHBOUR_STALE;
  n->timer.fire = neighbour_timer;
  list_init(&n->queue);
  list_append(&interface->neighbour_ages, &n->age);
  return n;
}

void neighbour_destroy(neighbour_t* n) {
  wheel_stop(&n->interface->stack->wheel, &n->timer);
  table_remove(&n->interface->neighbours, &n->node);
  list_unlink(&n->age);
  waiting_destroy_all(&n->queue);
  free(n);
}

void neighbour_used(neighbour_t* n) {
  if (n->permanent || n->age.next == &n->interface->neighbour_ages) return;
  list_unlink(&n->age);
  list_append(&n->interface->neighbour_ages, &n->age);
}

void neighbour_flush(interface_t* interface, bool permanent_too) {
  for (table_node_t *node = table_walk(&interface->neighbours, NULL), *next; node; node = next) {
    next = table_walk(&interface->neighbours, node);
    size_t mask = interface->neighbours.mask;
    neighbour_t* n = table_owner(node, neighbour_t, node);
    if (permanent_too || !n->permanent) neighbour_destroy(n);
    if (mask != interface->neighbours.mask) next = table_walk(&interface->neighbours, NULL);  // it has shrunk
  }
}

int neighbour_forget(interface_t* interface, const addr_t* address) {
  neighbour_t* n = neighbour_find(interface, address);
  if (!n) return -ENOENT;
  neighbour_destroy(n);
  return 0;
}

static bool neighbour_import(const tcpip_address_t* address, addr_t* out) {
  return addr_import(address, out) && !addr_is_any(out) && !addr_is_multicast(out) &&
         !addr_is_limited_broadcast(out);
}

int tcpip_neighbour_set(tcpip_t* stack, uint32_t index, const tcpip_address_t* address,
                        const uint8_t mac[TCPIP_MAC_SIZE]) {
  interface_t* interface = interface_find(stack, index);
  addr_t key;
  if (!interface) return -ENODEV;
  if (!neighbour_import(address, &key) || (mac[0] & 1)) return -EINVAL;
  return neighbour_set(interface, &key, mac);
}

int tcpip_neighbour_remove(tcpip_t* stack, uint32_t index, const tcpip_address_t* address) {
  interface_t* interface = interface_find(stack, index);
  addr_t key;
  if (!interface) return -ENODEV;
  return addr_import(address, &key) ? neighbour_forget(interface, &key) : -ENOENT;
}

int tcpip_neighbour_list(const tcpip_t* stack, uint32_t index, tcpip_neighbour_t* out, size_t capacity) {
  const interface_t* interface = interface_find(stack, index);
  if (!interface) return -ENODEV;
  size_t i = 0;
  table_node_t* node = table_walk(&interface->neighbours, NULL);
  for (; node; node = table_walk(&interface->neighbours, node), i++) {
    const neighbour_t* n = table_owner(node, neighbour_t, node);
    if (i >= capacity) continue;
    out[i] = (tcpip_neighbour_t){.address = addr_export(&n->address),
                                 .state = n->state,
                                 .router = n->router,
                                 .queued_packets = n->queued};
    memcpy(out[i].mac, n->mac, TCPIP_MAC_SIZE);
  }
  return (int)i;
}
