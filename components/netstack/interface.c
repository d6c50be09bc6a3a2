// Configuration meets device. Above: netstack.c. Below: <tcpip/interface.h>.
//
// The interface outlives the driver's process, also if the next one has another hardware address, MTU or
// other offloads: sockets keep their interface, addresses and connections while a driver is restarted.
#include "interface.h"

#include <string.h>

static uint32_t mtu_of(const netstack_config_t* config, const link_info_t* info) {
  return config->mtu != 0 && config->mtu < info->mtu ? config->mtu : info->mtu;
}

static uint32_t features_of(const link_info_t* info) {
  uint32_t features = 0;
  if (info->offloads & OFFLOAD_CHECKSUM) features |= TCPIP_LINK_TX_CHECKSUM;
  if (info->offloads & OFFLOAD_TSO) features |= TCPIP_LINK_TX_TSO;
  if (info->offloads & OFFLOAD_USO) features |= TCPIP_LINK_TX_USO;
  return features;
}

static void add_addresses(netstack_t* netstack, uint32_t index) {
  const netstack_config_t* config = netstack_configuration(netstack);
  for (size_t i = 0; i < config->address_count; i++) {
    const tcpip_subnet_t* subnet = &config->addresses[i];
    int result = tcpip_address_add(netstack_engine(netstack), index, subnet, config->known_unique);
    if (result == 0) continue;
    char text[TCPIP_ADDRESS_TEXT_SIZE];
    tcpip_address_format(&subnet->address, text);
    netstack_log(netstack, "%s: address %s/%u: %s", config->interface_name, text, subnet->prefix_length,
                 strerror(-result));
  }
}

static void add_routes(netstack_t* netstack, uint32_t index) {
  const netstack_config_t* config = netstack_configuration(netstack);
  for (size_t i = 0; i < config->gateway_count; i++) {
    const tcpip_address_t* gateway = &config->gateways[i];
    tcpip_route_t route = {
        .destination = {.address = {.family = gateway->family}}, .gateway = *gateway, .interface = index};
    int result = tcpip_route_add(netstack_engine(netstack), &route);
    if (result == 0) continue;
    char text[TCPIP_ADDRESS_TEXT_SIZE];
    tcpip_address_format(gateway, text);
    netstack_log(netstack, "%s: gateway %s: %s", config->interface_name, text, strerror(-result));
  }
}

// Adds the interface, or gives the one that is there the new device.
static int settle_interface(netstack_t* netstack, const link_info_t* info, uint32_t* index) {
  const netstack_config_t* config = netstack_configuration(netstack);
  tcpip_interface_config_t settings = {.mtu = mtu_of(config, info), .link_features = features_of(info)};
  memcpy(settings.name, config->interface_name, sizeof(settings.name));
  memcpy(settings.mac, info->mac, sizeof(settings.mac));
  if (*index != 0) return tcpip_interface_change(netstack_engine(netstack), *index, &settings);
  int result = tcpip_interface_add(netstack_engine(netstack), &settings, index);
  if (result != 0) return result;
  add_addresses(netstack, *index);
  add_routes(netstack, *index);
  return 0;
}

void interface_up(netstack_t* netstack, const link_info_t* info, uint32_t* index) {
  tcpip_t* engine = netstack_engine(netstack);
  int result = settle_interface(netstack, info, index);
  if (result == 0) result = tcpip_interface_set_up(engine, *index, true);
  if (result != 0) {
    netstack_log(netstack, "%s: %s", netstack_configuration(netstack)->interface_name, strerror(-result));
    return;
  }
  netstack_log(netstack, "%s: up, %02x:%02x:%02x:%02x:%02x:%02x, MTU %u",
               netstack_configuration(netstack)->interface_name, info->mac[0], info->mac[1], info->mac[2],
               info->mac[3], info->mac[4], info->mac[5], mtu_of(netstack_configuration(netstack), info));
  tcpip_link_writable(engine, *index);
}

void interface_down(netstack_t* netstack, uint32_t index, zx_status_t reason) {
  if (index == 0) return;
  (void)tcpip_interface_set_up(netstack_engine(netstack), index, false);
  netstack_log(netstack, "%s: down (%d)", netstack_configuration(netstack)->interface_name, reason);
}

uint32_t interface_by_name(const tcpip_t* engine, fidl_string_t name) {
  char text[TCPIP_INTERFACE_NAME_SIZE] = {0};
  if (name.size == 0 || name.size >= sizeof(text)) return 0;
  memcpy(text, name.data, name.size);
  return strlen(text) == name.size ? tcpip_interface_find(engine, text) : 0;
}

uint32_t interface_by_address(const tcpip_t* engine, const tcpip_address_t* address) {
  for (uint32_t i = tcpip_interface_next(engine, 0); i != 0; i = tcpip_interface_next(engine, i)) {
    tcpip_address_info_t addresses[32];
    int count = tcpip_address_list(engine, i, addresses, 32);
    for (int k = 0; k < count && k < 32; k++) {
      if (tcpip_address_equal(&addresses[k].subnet.address, address)) return i;
    }
  }
  return 0;
}
