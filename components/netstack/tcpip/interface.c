// Interfaces: adding, removing, up and down, and telling about them.
#include <stdlib.h>

#include "sock.h"
#include "stack.h"

interface_t* interface_find(const tcpip_t* stack, uint32_t index) {
  for (uint32_t i = 0; i < stack->interface_count; i++) {
    if (stack->interfaces[i]->info.index == index) return stack->interfaces[i];
  }
  return NULL;
}

interface_t* interface_create(tcpip_t* stack, const tcpip_interface_config_t* config, bool loopback) {
  interface_t* interface = calloc(1, sizeof *interface);
  if (!interface) return NULL;
  interface->stack = stack;
  interface->link_features = config->link_features;
  interface->info.index = stack->next_index++;
  interface->info.mtu = config->mtu;
  interface->info.loopback = loopback;
  memcpy(interface->info.name, config->name, sizeof interface->info.name);
  memcpy(interface->info.mac, config->mac, TCPIP_MAC_SIZE);
  interface->hop_limit = DEFAULT_HOP_LIMIT;
  interface->reachable_time = NEIGHBOUR_REACHABLE_TIME;
  interface->retrans_time = NEIGHBOUR_RETRANS_TIME;
  list_init(&interface->addresses);
  list_init(&interface->groups);
  list_init(&interface->neighbour_ages);
  list_init(&interface->backlog);
  list_init(&interface->refused);
  stack->interfaces[stack->interface_count++] = interface;
  return interface;
}

// What is under way on it is forgotten; what was configured stays.
static void interface_quiesce(interface_t* interface) {
  tcpip_t* stack = interface->stack;
  interface_addresses_pause(interface);
  group_report_stop(interface);
  neighbour_flush(interface, false);
  reassembly_flush_interface(stack, interface);
  waiting_destroy_all(&interface->backlog);
  interface->backlog_count = 0;
  interface->link_full = false;
  for (list_node_t *node = stack->loopback.next, *next; node != &stack->loopback; node = next) {
    next = node->next;
    if (list_owner(node, waiting_t, node)->interface == interface) {
      stack->loopback_count--;
      waiting_destroy(list_owner(node, waiting_t, node));
    }
  }
}

void interface_destroy(interface_t* interface) {
  tcpip_t* stack = interface->stack;
  interface->info.up = false;
  autoconf_destroy(interface);
  interface_quiesce(interface);
  neighbour_flush(interface, true);
  table_deinit(&interface->neighbours);
  while (!list_empty(&interface->refused))
    list_unlink(interface->refused.next);
  while (!list_empty(&interface->addresses))
    interface_address_destroy(list_owner(interface->addresses.next, interface_address_t, node));
  group_destroy_all(interface);
  uint32_t i = 0;
  while (stack->interfaces[i] != interface)
    i++;
  stack->interface_count--;
  memmove(&stack->interfaces[i], &stack->interfaces[i + 1],
          (stack->interface_count - i) * sizeof stack->interfaces[0]);
  stack->generation++;
  free(interface);
}

static bool link_good(const tcpip_interface_config_t* config) {
  static const uint8_t zero[TCPIP_MAC_SIZE];
  return !(config->mac[0] & 1) && memcmp(config->mac, zero, sizeof zero) != 0 && config->mtu >= 68 &&
         config->mtu <= 65535;
}

static bool config_good(const tcpip_interface_config_t* config) {
  return config->name[0] && memchr(config->name, 0, sizeof config->name) && link_good(config);
}

int tcpip_interface_add(tcpip_t* stack, const tcpip_interface_config_t* config, uint32_t* out_index) {
  if (!config_good(config) || !stack->ops.transmit) return -EINVAL;
  if (tcpip_interface_find(stack, config->name)) return -EEXIST;
  if (stack->interface_count == INTERFACES_MAX) return -ENOSPC;
  interface_t* interface = interface_create(stack, config, false);
  if (!interface) return -ENOMEM;
  *out_index = interface->info.index;
  return 0;
}

int tcpip_interface_change(tcpip_t* stack, uint32_t index, const tcpip_interface_config_t* config) {
  interface_t* interface = interface_find(stack, index);
  if (!interface) return -ENODEV;
  if (interface->info.loopback || interface->info.up) return -EBUSY;
  if (!link_good(config)) return -EINVAL;
  interface->link_features = config->link_features;
  interface->info.mtu = config->mtu;
  memcpy(interface->info.mac, config->mac, TCPIP_MAC_SIZE);
  stack->generation++;
  return 0;
}

int tcpip_interface_remove(tcpip_t* stack, uint32_t index) {
  interface_t* interface = interface_find(stack, index);
  if (!interface) return -ENODEV;
  if (interface->info.loopback) return -EBUSY;
  interface->info.up = false;
  route_remove_interface(stack, index);
  socket_interface_gone(interface);
  interface_destroy(interface);
  return 0;
}

static void join_all_hosts(interface_t* interface, bool join) {
  static const addr_t all_nodes = {{0xff, 2, [15] = 1}};
  addr_t all_hosts = addr_v4((const uint8_t[]){224, 0, 0, 1});
  if (join) {
    (void)group_join(interface, &all_hosts);
    (void)group_join(interface, &all_nodes);
  } else {
    group_leave(interface, &all_hosts);
    group_leave(interface, &all_nodes);
  }
}

static bool has_link_local(const interface_t* interface) {
  for (const list_node_t* node = interface->addresses.next; node != &interface->addresses;
       node = node->next) {
    if (addr_is_link_local(&list_owner(node, interface_address_t, node)->address)) return true;
  }
  return false;
}

// RFC 4291, appendix A: the interface identifier is the MAC with ff:fe in its middle and one bit turned. The
// address stays when the MAC changes: it is as unique as before, and connections may be using it.
void interface_link_local(interface_t* interface) {
  const uint8_t* mac = interface->info.mac;
  addr_t address = {
      {0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]}};
  if (interface->info.mtu >= IPV6_MIN_MTU && !has_link_local(interface))
    (void)interface_address_add(interface, &address, 64, false);
}

int tcpip_interface_set_up(tcpip_t* stack, uint32_t index, bool up) {
  interface_t* interface = interface_find(stack, index);
  if (!interface) return -ENODEV;
  if (interface->info.up == up) return 0;
  interface->info.up = up;
  stack->generation++;
  if (!interface->info.loopback) join_all_hosts(interface, up);
  if (!up) {
    interface_quiesce(interface);
    autoconf_down(interface);
  } else if (!interface->info.loopback) {
    group_report_all(interface, true);
    group_report_all(interface, false);
    interface_addresses_announce(interface);
    interface_link_local(interface);
    autoconf_up(interface);
    socket_link_back(interface);
  }
  socket_link_writable(interface);
  return 0;
}

uint32_t interface_mtu(const interface_t* interface, bool v4) {
  uint32_t link = interface->info.mtu;
  return !v4 && interface->mtu_v6 && interface->mtu_v6 < link ? interface->mtu_v6 : link;
}

int tcpip_interface_get(const tcpip_t* stack, uint32_t index, tcpip_interface_info_t* out) {
  const interface_t* interface = interface_find(stack, index);
  if (!interface) return -ENODEV;
  *out = interface->info;
  return 0;
}

uint32_t tcpip_interface_find(const tcpip_t* stack, const char* name) {
  for (uint32_t i = 0; i < stack->interface_count; i++) {
    if (strcmp(stack->interfaces[i]->info.name, name) == 0) return stack->interfaces[i]->info.index;
  }
  return 0;
}

uint32_t tcpip_interface_next(const tcpip_t* stack, uint32_t index) {
  for (uint32_t i = 0; i < stack->interface_count; i++) {
    if (stack->interfaces[i]->info.index > index)
      return stack->interfaces[i]->info.index;  // they are in the order of their indices
  }
  return 0;
}
