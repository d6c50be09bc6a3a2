// The interface's IPv4 address from a DHCP server: the client of dhcp/, given a socket of the engine, the
// time, and the interface to put its lease on.
#ifndef COMPONENTS_NETSTACK_LEASE_H_
#define COMPONENTS_NETSTACK_LEASE_H_

#include "netstack.h"

typedef struct lease lease_t;

// ZX_ERR_NO_MEMORY, ZX_ERR_NO_RESOURCES.
zx_status_t lease_create(netstack_t* netstack, lease_t** out);
// Accepts NULL.
void lease_destroy(lease_t* lease);

// The interface carries frames, with this hardware address; or does not. Within a visit to the engine, as the
// next.
void lease_up(lease_t* lease, uint32_t interface, const uint8_t mac[LINK_MAC_SIZE]);
void lease_down(lease_t* lease);
// There is an address.
bool lease_has_address(const lease_t* lease);
// Gives the address back to its server, the first time, and does nothing more afterwards. True once that has
// left, or cannot for a while.
bool lease_release(lease_t* lease);

#endif  // COMPONENTS_NETSTACK_LEASE_H_
