// The Ethernet device as an interface of the engine, configured.
#ifndef COMPONENTS_NETSTACK_INTERFACE_H_
#define COMPONENTS_NETSTACK_INTERFACE_H_

#include <lib/fidl/types.h>

#include "netstack.h"

// The device described by `info` carries frames. Makes its interface with the configured addresses and routes
// if *index is 0, and says in *index which it is, or else gives the interface this device; then brings it up.
// Failures are logged.
void interface_up(netstack_t* netstack, const link_info_t* info, uint32_t* index);

// The device carries no frames at present. Addresses and routes stay. `index` may be 0.
void interface_down(netstack_t* netstack, uint32_t index, zx_status_t reason);

// The index of the interface called `name`; 0 if there is none.
uint32_t interface_by_name(const tcpip_t* engine, fidl_string_t name);

// The index of the interface that has `address`; 0 if there is none.
uint32_t interface_by_address(const tcpip_t* engine, const tcpip_address_t* address);

#endif  // COMPONENTS_NETSTACK_INTERFACE_H_
