// The routing table: an array ordered by prefix length, then metric, then age, so the first match is the
// best.
//
// A lookup walks it; sockets keep the path they found (path.c) until the table changes, so this is not the
// way of each packet.
#include <stdlib.h>

#include "stack.h"

static bool better(const route_t* a, const route_t* b) {
  if (a->prefix_length != b->prefix_length) return a->prefix_length > b->prefix_length;
  return a->metric < b->metric;
}

static route_t* find(tcpip_t* stack, const route_t* key) {
  for (size_t i = 0; i < stack->route_count; i++) {
    route_t* r = &stack->routes[i];
    if (r->v4 == key->v4 && r->learned == key->learned && r->prefix_length == key->prefix_length &&
        r->interface == key->interface && addr_equal(&r->destination, &key->destination) &&
        addr_equal(&r->gateway, &key->gateway))
      return r;
  }
  return NULL;
}

static int insert(tcpip_t* stack, const route_t* route) {
  if (stack->route_count >= stack->limits.routes) return -ENOSPC;
  if (stack->route_count == stack->route_room) {
    size_t room = stack->route_room ? 2 * stack->route_room : 16;
    route_t* grown = realloc(stack->routes, room * sizeof *grown);
    if (!grown) return -ENOMEM;
    stack->routes = grown;
    stack->route_room = room;
  }
  size_t at = 0;
  while (at < stack->route_count && !better(route, &stack->routes[at]))
    at++;
  memmove(&stack->routes[at + 1], &stack->routes[at], (stack->route_count - at) * sizeof *route);
  stack->routes[at] = *route;
  stack->route_count++;
  stack->generation++;
  return 0;
}

static void remove_at(tcpip_t* stack, route_t* route) {
  size_t after = stack->route_count - (size_t)(route - stack->routes) - 1;
  memmove(route, route + 1, after * sizeof *route);
  stack->route_count--;
  stack->generation++;
}

static int import(tcpip_t* stack, const tcpip_route_t* in, route_t* out) {
  *out = (route_t){.interface = interface_find(stack, in->interface), .metric = in->metric};
  if (!out->interface) return -ENODEV;
  addr_t destination;
  if (!addr_import(&in->destination.address, &destination)) return -EINVAL;
  out->v4 = addr_is_v4(&destination);
  unsigned width = out->v4 ? 32 : 128;
  if (out->v4 != (in->destination.address.family == TCPIP_IPV4) || in->destination.prefix_length > width)
    return -EINVAL;
  out->prefix_length = in->destination.prefix_length + 128 - width;
  out->destination = addr_mask(&destination, out->prefix_length);
  if (in->gateway.family == TCPIP_NONE) return 0;
  if (!addr_import(&in->gateway, &out->gateway) || addr_is_v4(&out->gateway) != out->v4 ||
      addr_is_any(&out->gateway) || addr_is_multicast(&out->gateway) ||
      addr_is_limited_broadcast(&out->gateway))
    return -EINVAL;
  return 0;
}

int tcpip_route_add(tcpip_t* stack, const tcpip_route_t* route) {
  route_t own;
  int result = import(stack, route, &own);
  if (result) return result;
  return find(stack, &own) ? -EEXIST : insert(stack, &own);
}

int tcpip_route_remove(tcpip_t* stack, const tcpip_route_t* route) {
  route_t own;
  route_t* found = import(stack, route, &own) == 0 ? find(stack, &own) : NULL;
  if (!found) return -ESRCH;
  remove_at(stack, found);
  return 0;
}

size_t tcpip_route_list(const tcpip_t* stack, tcpip_route_t* out, size_t capacity) {
  for (size_t i = 0; i < stack->route_count && i < capacity; i++) {
    const route_t* r = &stack->routes[i];
    unsigned shorter = r->v4 ? ADDR_V4_PREFIX : 0;
    out[i] = (tcpip_route_t){
        .destination = {addr_export(&r->destination), (uint8_t)(r->prefix_length - shorter)},
        .interface = r->interface->info.index,
        .metric = r->metric,
    };
    if (!addr_is_any(&r->gateway)) out[i].gateway = addr_export(&r->gateway);
  }
  return stack->route_count;
}

int route_add_subnet(interface_t* interface, const addr_t* address, unsigned prefix_length) {
  route_t route = {.destination = addr_mask(address, prefix_length),
                   .prefix_length = prefix_length,
                   .v4 = addr_is_v4(address),
                   .interface = interface};
  return find(interface->stack, &route) ? 0 : insert(interface->stack, &route);
}

void route_remove_subnet(interface_t* interface, const addr_t* address, unsigned prefix_length) {
  route_t route = {.destination = addr_mask(address, prefix_length),
                   .prefix_length = prefix_length,
                   .v4 = addr_is_v4(address),
                   .interface = interface};
  route_t* found = find(interface->stack, &route);
  if (found) remove_at(interface->stack, found);
}

int route_learn(tcpip_t* stack, const route_t* route) {
  route_t* found = find(stack, route);
  if (found && found->metric == route->metric) return 0;
  if (found) remove_at(stack, found);
  return insert(stack, route);
}

void route_unlearn(tcpip_t* stack, const route_t* route) {
  route_t* found = find(stack, route);
  if (found) remove_at(stack, found);
}

void route_remove_interface(tcpip_t* stack, uint32_t index) {
  for (size_t i = stack->route_count; i-- > 0;) {
    if (stack->routes[i].interface->info.index == index) remove_at(stack, &stack->routes[i]);
  }
}

const route_t* route_find(const tcpip_t* stack, const addr_t* destination, uint32_t interface) {
  bool v4 = addr_is_v4(destination);
  for (size_t i = 0; i < stack->route_count; i++) {
    const route_t* r = &stack->routes[i];
    if (r->v4 == v4 && r->interface->info.up && (!interface || r->interface->info.index == interface) &&
        addr_in_prefix(destination, &r->destination, r->prefix_length))
      return r;
  }
  return NULL;
}
