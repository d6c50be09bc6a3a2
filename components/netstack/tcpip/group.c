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

static group_t* find(const interface_t* interface, const addr_t* address) {
  for (list_node_t* node = interface->groups.next; node != &interface->groups; node = node->next) {
    group_t* group = list_owner(node, group_t, node);
    if (addr_equal(&group->address, address)) return group;
  }
  return NULL;
}

bool group_joined(const interface_t* interface, const addr_t* address) {
  return find(interface, address) != NULL;
}

// Several groups can share one MAC; the link hears of the first and the last.
static bool mac_in_use(const interface_t* interface, const uint8_t mac[TCPIP_MAC_SIZE]) {
  for (list_node_t* node = interface->groups.next; node != &interface->groups; node = node->next) {
    uint8_t other[TCPIP_MAC_SIZE];
    group_mac(&list_owner(node, group_t, node)->address, other);
    if (memcmp(mac, other, sizeof other) == 0) return true;
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
  if (group) {
    group->members++;
    return 0;
  }
  group = calloc(1, sizeof *group);
  if (!group) return -ENOMEM;
  group->address = *address;
  group->members = 1;
  filter(interface, address, true);
  list_append(&interface->groups, &group->node);
  return 0;
}

void group_leave(interface_t* interface, const addr_t* address) {
  group_t* group = find(interface, address);
  if (!group || --group->members) return;
  list_unlink(&group->node);
  filter(interface, address, false);
  free(group);
}

void group_destroy_all(interface_t* interface) {
  list_node_t* node;
  while ((node = list_pop(&interface->groups)))
    free(list_owner(node, group_t, node));
}
