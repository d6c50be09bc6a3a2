// The interface's IPv6 addresses and routes from the routers on its link: the engine listens to them, this
// says so in the log, and when programs may begin.
#ifndef COMPONENTS_NETSTACK_ROUTED_H_
#define COMPONENTS_NETSTACK_ROUTED_H_

#include "netstack.h"

typedef struct routed routed_t;

// ZX_ERR_NO_MEMORY.
zx_status_t routed_create(netstack_t* netstack, routed_t** out);
// Accepts NULL.
void routed_destroy(routed_t* routed);

// The interface is there; the first call makes the engine listen. Within a visit to the engine.
void routed_up(routed_t* routed, uint32_t interface);
// The engine has heard something new. From within the engine.
void routed_changed(routed_t* routed);
// There is an address that programs can use.
bool routed_has_address(const routed_t* routed);

#endif  // COMPONENTS_NETSTACK_ROUTED_H_
