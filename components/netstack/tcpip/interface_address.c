// An interface's own addresses, with duplicate address detection (RFC 4862, 5.4) for IPv6 and announcements
// (RFC 5227, 2.3) for IPv4.
#include <stdlib.h>

#include "stack.h"

#define DAD_TIME (1 * NS_PER_S)

static void solicited_group(interface_t* interface, const addr_t* address, bool join) {
  if (addr_is_v4(address) || interface->info.loopback) return;
  addr_t group = addr_solicited_node(address);
  if (join)
    (void)group_join(interface, &group);
  else
    group_leave(interface, &group);
}

static void address_assigned(interface_address_t* address) {
  interface_t* interface = address->interface;
  bool is_new = address->state != TCPIP_ADDRESS_ASSIGNED;
  address->state = TCPIP_ADDRESS_ASSIGNED;
  interface->stack->generation++;
  if (address->learned) autoconf_address_assigned(interface);
  if (interface->info.loopback || !interface->info.up) return;
  if (addr_is_v4(&address->address)) {
    arp_announce(interface, &address->address);
  } else {
    // What was reported without an address that routers and switches accept is reported anew (RFC 3590, 4).
    if (is_new && addr_is_link_local(&address->address)) group_report_all(interface, false);
    nd_announce(interface, &address->address);
  }
}

static void dad_start(interface_address_t* address) {
  interface_t* interface = address->interface;
  address->state = TCPIP_ADDRESS_TENTATIVE;
  address->dad_waits = false;
  if (!interface->info.up) return;
  nd_solicit(interface, NULL, &address->address, NULL);
  wheel_start(&interface->stack->wheel, &address->dad_timer, interface->stack->now + DAD_TIME);
}

static void dad_timer_fired(wheel_timer_t* timer) {
  interface_address_t* address = list_owner(timer, interface_address_t, dad_timer);
  if (address->dad_waits)
    dad_start(address);
  else
    address_assigned(address);
}

interface_address_t* interface_address_find(const interface_t* interface, const addr_t* address) {
  for (list_node_t* node = interface->addresses.next; node != &interface->addresses; node = node->next) {
    interface_address_t* own = list_owner(node, interface_address_t, node);
    if (addr_equal(&own->address, address)) return own;
  }
  return NULL;
}

bool interface_has_address(const interface_t* interface, const addr_t* address) {
  const interface_address_t* own = interface_address_find(interface, address);
  if (own) return own->state == TCPIP_ADDRESS_ASSIGNED;
  return interface->info.loopback && addr_is_v4(address) && addr_is_loopback(address);  // all of 127/8
}

interface_t* address_owner(const tcpip_t* stack, const addr_t* address) {
  for (uint32_t i = 0; i < stack->interface_count; i++) {
    if (interface_has_address(stack->interfaces[i], address)) return stack->interfaces[i];
  }
  return NULL;
}

bool interface_is_subnet_broadcast(const interface_t* interface, const addr_t* address) {
  if (!addr_is_v4(address)) return false;
  for (list_node_t* node = interface->addresses.next; node != &interface->addresses; node = node->next) {
    const interface_address_t* own = list_owner(node, interface_address_t, node);
    if (!addr_is_v4(&own->address) || own->prefix_length > ADDR_V4_PREFIX + 30)  // RFC 3021: /31 has none
      continue;
    uint32_t host = UINT32_MAX >> (own->prefix_length - ADDR_V4_PREFIX);
    if (addr_in_prefix(address, &own->address, own->prefix_length) &&
        (addr_v4_number(address) & host) == host)
      return true;
  }
  return false;
}

static interface_address_t* address_create(interface_t* interface, const addr_t* address,
                                           unsigned prefix_length) {
  interface_address_t* own = calloc(1, sizeof *own);
  if (!own) return NULL;
  own->interface = interface;
  own->address = *address;
  own->prefix_length = prefix_length;
  own->preferred_until = own->valid_until = INT64_MAX;
  own->dad_timer.fire = dad_timer_fired;
  list_append(&interface->addresses, &own->node);
  interface->address_count++;
  interface->stack->generation++;
  return own;
}

int interface_address_add(interface_t* interface, const addr_t* address, unsigned prefix_length,
                          bool known_unique) {
  if (interface_address_find(interface, address)) return -EEXIST;
  if (interface->address_count == ADDRESSES_MAX) return -ENOSPC;
  int result = route_add_subnet(interface, address, prefix_length);
  if (result) return result;
  interface_address_t* own = address_create(interface, address, prefix_length);
  if (!own) {
    route_remove_subnet(interface, address, prefix_length);
    return -ENOMEM;
  }
  solicited_group(interface, address, true);
  if (addr_is_v4(address) || known_unique || interface->info.loopback)
    address_assigned(own);
  else
    dad_start(own);
  return 0;
}

// RFC 4862, 5.4.2: where all hosts of a link are told at the same moment, they do not probe their addresses
// at the same moment.
int interface_address_learn(interface_t* interface, const addr_t* address, bool known_unique, int64_t delay) {
  if (interface_address_find(interface, address)) return -EEXIST;
  if (interface->address_count == ADDRESSES_MAX) return -ENOSPC;
  interface_address_t* own = address_create(interface, address, 64);
  if (!own) return -ENOMEM;
  own->learned = true;
  solicited_group(interface, address, true);
  if (known_unique) {
    address_assigned(own);
  } else if (delay) {
    own->dad_waits = true;
    wheel_start(&interface->stack->wheel, &own->dad_timer, interface->stack->now + delay);
  } else {
    dad_start(own);
  }
  return 0;
}

void interface_address_destroy(interface_address_t* own) {
  interface_t* interface = own->interface;
  wheel_stop(&interface->stack->wheel, &own->dad_timer);
  solicited_group(interface, &own->address, false);
  list_unlink(&own->node);
  interface->address_count--;
  interface->stack->generation++;
  free(own);
}

addr_t interface_link_local_source(const interface_t* interface) {
  for (const list_node_t* node = interface->addresses.next; node != &interface->addresses;
       node = node->next) {
    const interface_address_t* own = list_owner(node, interface_address_t, node);
    if (addr_is_link_local(&own->address) && own->state == TCPIP_ADDRESS_ASSIGNED) return own->address;
  }
  return addr_any(false);
}

void interface_addresses_announce(interface_t* interface) {
  for (list_node_t* node = interface->addresses.next; node != &interface->addresses; node = node->next) {
    interface_address_t* own = list_owner(node, interface_address_t, node);
    if (own->state == TCPIP_ADDRESS_ASSIGNED)
      address_assigned(own);
    else if (own->state == TCPIP_ADDRESS_TENTATIVE)
      dad_start(own);
  }
}

// Without a link nothing can tell of a duplicate: the second starts again when it is back.
void interface_addresses_pause(interface_t* interface) {
  for (list_node_t* node = interface->addresses.next; node != &interface->addresses; node = node->next)
    wheel_stop(&interface->stack->wheel, &list_owner(node, interface_address_t, node)->dad_timer);
}

void interface_address_conflict(interface_t* interface, const addr_t* address) {
  interface_address_t* own = interface_address_find(interface, address);
  if (!own || own->state != TCPIP_ADDRESS_TENTATIVE) return;
  own->state = TCPIP_ADDRESS_DUPLICATE;
  wheel_stop(&interface->stack->wheel, &own->dad_timer);
  count(interface->stack, nd_duplicate_address);
  if (own->learned) autoconf_duplicate(interface, address);
}

static bool subnet_import(const tcpip_subnet_t* subnet, addr_t* address, unsigned* prefix_length) {
  if (!addr_import(&subnet->address, address)) return false;
  bool v4 = addr_is_v4(address);
  // An IPv4-mapped address is no IPv6 address of an interface (RFC 4291, 2.5.5.2).
  if (v4 != (subnet->address.family == TCPIP_IPV4) || subnet->prefix_length > (v4 ? 32 : 128)) return false;
  *prefix_length = subnet->prefix_length + (v4 ? ADDR_V4_PREFIX : 0);
  return !addr_is_any(address) && !addr_is_multicast(address) && !addr_is_limited_broadcast(address);
}

int tcpip_address_add(tcpip_t* stack, uint32_t index, const tcpip_subnet_t* subnet, bool known_unique) {
  interface_t* interface = interface_find(stack, index);
  addr_t address;
  unsigned prefix_length;
  if (!interface) return -ENODEV;
  if (!subnet_import(subnet, &address, &prefix_length)) return -EINVAL;
  if (addr_is_loopback(&address) && !interface->info.loopback) return -EINVAL;
  return interface_address_add(interface, &address, prefix_length, known_unique);
}

int tcpip_address_remove(tcpip_t* stack, uint32_t index, const tcpip_address_t* address) {
  interface_t* interface = interface_find(stack, index);
  addr_t key;
  if (!interface) return -ENODEV;
  interface_address_t* own = addr_import(address, &key) ? interface_address_find(interface, &key) : NULL;
  if (!own) return -EADDRNOTAVAIL;
  unsigned prefix_length = own->prefix_length;
  bool learned = own->learned;
  interface_address_destroy(own);
  bool shared = false;
  for (list_node_t* node = interface->addresses.next; node != &interface->addresses; node = node->next) {
    const interface_address_t* other = list_owner(node, interface_address_t, node);
    shared |= !other->learned && other->prefix_length == prefix_length &&
              addr_in_prefix(&other->address, &key, prefix_length);
  }
  if (!shared && !learned) route_remove_subnet(interface, &key, prefix_length);
  return 0;
}

int tcpip_address_list(const tcpip_t* stack, uint32_t index, tcpip_address_info_t* out, size_t capacity) {
  const interface_t* interface = interface_find(stack, index);
  if (!interface) return -ENODEV;
  size_t i = 0;
  for (list_node_t* node = interface->addresses.next; node != &interface->addresses; node = node->next, i++) {
    const interface_address_t* own = list_owner(node, interface_address_t, node);
    unsigned prefix_length = own->prefix_length - (addr_is_v4(&own->address) ? ADDR_V4_PREFIX : 0);
    if (i >= capacity) continue;
    out[i] = (tcpip_address_info_t){.subnet = {addr_export(&own->address), (uint8_t)prefix_length},
                                    .state = own->state,
                                    .learned = own->learned,
                                    .deprecated = own->deprecated,
                                    .preferred_until_ns = own->preferred_until,
                                    .valid_until_ns = own->valid_until};
  }
  return (int)i;
}
