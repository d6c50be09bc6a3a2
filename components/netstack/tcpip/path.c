// Paths: from a destination to interface, next hop, source address and MTU.
//
// A path holds until anything it was computed from changes; the stack's generation number says so in one
// comparison, which makes the path the cache that each socket keeps.
#include <stdlib.h>

#include "stack.h"

#define PATH_MTU_TIME (600 * NS_PER_S)  // RFC 8201, 4 and RFC 1191, 6.3: at least ten minutes
#define IPV4_MIN_PATH_MTU 552u          // below it a message is more likely an attack than a link

typedef struct path_mtu {
  table_node_t node;
  list_node_t age;
  addr_t destination;
  uint32_t mtu;
  int64_t expires;
} path_mtu_t;

// RFC 6724, 3.1: 2 link-local, 5 site-local, 14 global; IPv4 private addresses are global there.
static int scope(const addr_t* a) {
  if (addr_is_v4(a)) return a->b[12] == 127 || (a->b[12] == 169 && a->b[13] == 254) ? 2 : 14;
  if (a->b[0] == 0xff) return a->b[1] & 0xf;
  if (addr_is_link_local(a) || addr_is_loopback(a)) return 2;
  return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0xc0 ? 5 : 14;
}

// Is `a` a better source for `destination` than `b`? (RFC 6724, 5, rules 2, 3 and 8; rule 1 is that what is
// for ourselves comes from there, and there are no rules about other interfaces' addresses.)
static bool better_source(const interface_address_t* a, const interface_address_t* b,
                          const addr_t* destination) {
  int scope_a = scope(&a->address), scope_b = scope(&b->address), wanted = scope(destination);
  if (scope_a != scope_b) return scope_a < scope_b ? scope_a >= wanted : scope_b < wanted;
  if (a->deprecated != b->deprecated) return b->deprecated;
  return addr_common_prefix(&a->address, destination) > addr_common_prefix(&b->address, destination);
}

bool path_choose_source(const interface_t* interface, const addr_t* destination, addr_t* out) {
  const interface_address_t* best = NULL;
  bool v4 = addr_is_v4(destination);
  for (list_node_t* node = interface->addresses.next; node != &interface->addresses; node = node->next) {
    const interface_address_t* own = list_owner(node, interface_address_t, node);
    if (own->state != TCPIP_ADDRESS_ASSIGNED || addr_is_v4(&own->address) != v4) continue;
    if (!best || better_source(own, best, destination)) best = own;
  }
  if (best) *out = best->address;
  return best != NULL;
}

// Ours: over the loopback interface, whichever interface has it.
static bool resolve_local(tcpip_t* stack, const path_query_t* query, path_t* out) {
  interface_t* owner = address_owner(stack, &query->destination);
  if (!owner || !owner->info.up) return false;
  if (addr_is_scoped(&query->destination) && query->interface && owner->info.index != query->interface) {
    owner = interface_find(stack, query->interface);
    if (!owner || !interface_has_address(owner, &query->destination)) return false;
  }
  out->interface = stack->interfaces[0];
  out->next_hop = query->destination;
  if (addr_is_any(&out->source)) out->source = query->destination;
  return true;
}

static int resolve_link(tcpip_t* stack, const path_query_t* query, path_t* out) {
  interface_t* interface = query->interface ? interface_find(stack, query->interface) : NULL;
  if (query->interface && !interface) return -ENODEV;
  if (interface && !interface->info.up) return -ENETDOWN;
  const route_t* route = route_find(stack, &query->destination, query->interface);
  if (!route && !(interface && (out->multicast || out->broadcast || addr_is_scoped(&query->destination)))) {
    // A group without a route leaves by the first interface that is up.
    for (uint32_t i = 1; i < stack->interface_count && !interface && (out->multicast || out->broadcast);
         i++) {
      if (stack->interfaces[i]->info.up) interface = stack->interfaces[i];
    }
    if (!interface) return -ENETUNREACH;
  }
  out->interface = route ? route->interface : interface;
  bool on_link = !route || addr_is_any(&route->gateway) || out->multicast || out->broadcast;
  out->next_hop = on_link ? query->destination : route->gateway;
  return 0;
}

int path_resolve(tcpip_t* stack, const path_query_t* query, path_t* out) {
  path_t path = {.generation = stack->generation,
                 .destination = query->destination,
                 .source = query->source,
                 .v4 = addr_is_v4(&query->destination),
                 .multicast = addr_is_multicast(&query->destination),
                 .broadcast = addr_is_limited_broadcast(&query->destination)};
  if (path.multicast || path.broadcast || query->foreign || !resolve_local(stack, query, &path)) {
    int result = resolve_link(stack, query, &path);
    if (result) return result;
  }
  interface_t* interface = path.interface;
  if (addr_is_loopback(&path.destination) && !interface->info.loopback) return -ENETUNREACH;
  if (!path.v4 && interface->info.mtu < IPV6_MIN_MTU) return -ENETUNREACH;
  if (addr_is_any(&query->source) && addr_is_any(&path.source)) {
    const addr_t* towards = path.multicast || path.broadcast ? &path.destination : &path.next_hop;
    // Who has no address yet may ask all for one, from 0.0.0.0 (RFC 1122, 3.2.1.3).
    bool chosen = path_choose_source(interface, path.v4 ? towards : &path.destination, &path.source);
    if (!chosen && !addr_is_limited_broadcast(&path.destination)) return -EADDRNOTAVAIL;
  } else if (!addr_is_any(&query->source) && !query->foreign && !address_owner(stack, &query->source)) {
    return -EADDRNOTAVAIL;
  }
  path.broadcast |= !interface->info.loopback && interface_is_subnet_broadcast(interface, &path.destination);
  path.mtu = path_mtu_get(stack, &path.destination, interface_mtu(interface, path.v4), &path.expires);
  *out = path;
  return 0;
}

path_t path_on_link(interface_t* interface, const addr_t* source, const addr_t* destination) {
  return (path_t){.interface = interface,
                  .destination = *destination,
                  .next_hop = *destination,
                  .source = *source,
                  .mtu = interface_mtu(interface, addr_is_v4(destination)),
                  .v4 = addr_is_v4(destination),
                  .multicast = addr_is_multicast(destination)};
}

bool path_valid(const tcpip_t* stack, const path_t* path) {
  return path->interface && path->generation == stack->generation && stack->now < path->expires;
}

int tcpip_route_resolve(tcpip_t* stack, const tcpip_address_t* destination, uint32_t zone,
                        tcpip_path_t* out) {
  path_query_t query = {.interface = zone};
  path_t path;
  if (!addr_import(destination, &query.destination)) return -EINVAL;
  int result = path_resolve(stack, &query, &path);
  if (result) return result == -EADDRNOTAVAIL ? result : -ENETUNREACH;
  *out = (tcpip_path_t){path.interface->info.index, addr_export(&path.next_hop), addr_export(&path.source),
                        path.mtu};
  return 0;
}

static path_mtu_t* path_mtu_find(const tcpip_t* stack, const addr_t* destination) {
  table_node_t* node = table_find(&stack->path_mtus, stack_hash(stack, destination, 0));
  for (; node; node = table_find_next(node)) {
    path_mtu_t* entry = table_owner(node, path_mtu_t, node);
    if (addr_equal(&entry->destination, destination)) return entry;
  }
  return NULL;
}

uint32_t path_mtu_get(const tcpip_t* stack, const addr_t* destination, uint32_t link_mtu,
                      int64_t* out_expires) {
  const path_mtu_t* entry = stack->path_mtus.count ? path_mtu_find(stack, destination) : NULL;
  bool known = entry && entry->expires > stack->now && entry->mtu < link_mtu;
  *out_expires = known ? entry->expires : INT64_MAX;
  return known ? entry->mtu : link_mtu;
}

static void path_mtu_destroy(tcpip_t* stack, path_mtu_t* entry) {
  table_remove(&stack->path_mtus, &entry->node);
  list_unlink(&entry->age);
  free(entry);
}

static path_mtu_t* path_mtu_create(tcpip_t* stack, const addr_t* destination) {
  if (stack->path_mtus.count >= stack->limits.path_mtus)
    path_mtu_destroy(stack, list_owner(stack->path_mtu_ages.next, path_mtu_t, age));
  path_mtu_t* entry = calloc(1, sizeof *entry);
  if (!entry || table_insert(&stack->path_mtus, &entry->node, stack_hash(stack, destination, 0))) {
    count(stack, no_memory);
    free(entry);
    return NULL;
  }
  entry->destination = *destination;
  list_append(&stack->path_mtu_ages, &entry->age);
  return entry;
}

void path_mtu_lower(tcpip_t* stack, const addr_t* destination, uint32_t link_mtu, uint32_t mtu) {
  uint32_t floor = addr_is_v4(destination) ? IPV4_MIN_PATH_MTU : IPV6_MIN_MTU;
  if (mtu < floor) mtu = floor;
  int64_t expires;
  if (mtu >= path_mtu_get(stack, destination, link_mtu, &expires)) return;
  path_mtu_t* entry = path_mtu_find(stack, destination);
  if (!entry) entry = path_mtu_create(stack, destination);
  if (!entry) return;
  entry->mtu = mtu;
  entry->expires = stack->now + PATH_MTU_TIME;
  stack->generation++;
  count(stack, icmp_path_mtu_lowered);
}

void path_mtu_deinit(tcpip_t* stack) {
  while (!list_empty(&stack->path_mtu_ages))
    path_mtu_destroy(stack, list_owner(stack->path_mtu_ages.next, path_mtu_t, age));
  table_deinit(&stack->path_mtus);
}
