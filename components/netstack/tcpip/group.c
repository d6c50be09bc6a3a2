// Multicast groups an interface receives, and the link's filter for them.
#include <stdlib.h>

#include "stack.h"

// RFC 1112, 6.4 and RFC 2464, 7
void group_mac(const addr_t* group, uint8_t mac[TCPIP_MAC_SIZE]) {
  if (addr_is_v4(group)) {
    const uint8_t v4[TCPIP_MAC_SIZE] = {1, 0, 0x5e, group->b[13] & 0x7f, group->b[14], group->b[15]};
    memcpy(mac, v4, sizeof v4);
  } else {
    const uint8_t v6[TCPIP_MAC_SIZE] = {0x33, 0x33, group->b[12], group->b[13], group->b[14], group->b[15]};
    memcpy(mac, v6, sizeof v6);
  }
}

// Those that were left and are still to be reported are found, too.
static group_t* find(const interface_t* interface, const addr_t* address) {
  for (list_node_t* node = interface->groups.next; node != &interface->groups; node = node->next) {
    group_t* group = list_owner(node, group_t, node);
    if (addr_equal(&group->address, address)) return group;
  }
  return NULL;
}

bool group_joined(const interface_t* interface, const addr_t* address) {
  const group_t* group = find(interface, address);
  return group && group->members;
}

// Several groups can share one MAC; the link hears of the first and the last.
static bool mac_in_use(const interface_t* interface, const uint8_t mac[TCPIP_MAC_SIZE]) {
  for (list_node_t* node = interface->groups.next; node != &interface->groups; node = node->next) {
    const group_t* group = list_owner(node, group_t, node);
    uint8_t other[TCPIP_MAC_SIZE];
    group_mac(&group->address, other);
    if (group->members && memcmp(mac, other, sizeof other) == 0) return true;
  }
  return false;
}

static void filter(interface_t* interface, const addr_t* address, bool add) {
  tcpip_t* stack = interface->stack;
  uint8_t mac[TCPIP_MAC_SIZE];
  group_mac(address, mac);
  if (!interface->info.loopback && stack->ops.multicast_filter && !mac_in_use(interface, mac))
    stack->ops.multicast_filter(stack->context, interface->info.index, mac, add);
}

int group_join(interface_t* interface, const addr_t* address) {
  group_t* group = find(interface, address);
  if (group && group->members) {
    group->members++;
    return 0;
  }
  if (!group) {
    group = calloc(1, sizeof *group);
    if (!group) return -ENOMEM;
    group->interface = interface;
    group->address = *address;
    list_append(&interface->groups, &group->node);
  }
  filter(interface, address, true);
  group->members = 1;
  group_report_change(group);
  return 0;
}

void group_leave(interface_t* interface, const addr_t* address) {
  group_t* group = find(interface, address);
  if (!group || !group->members || --group->members) return;
  filter(interface, address, false);
  group_report_change(group);
}

void group_destroy(group_t* group) {
  wheel_stop(&group->interface->stack->wheel, &group->timer);
  list_unlink(&group->node);
  free(group);
}

void group_destroy_all(interface_t* interface) {
  while (!list_empty(&interface->groups))
    group_destroy(list_owner(interface->groups.next, group_t, node));
}
