// The neighbour cache as a table: finding, making room, forgetting. What the states mean is neighbour.c's.
#ifndef TCPIP_NEIGHBOUR_TABLE_H_
#define TCPIP_NEIGHBOUR_TABLE_H_

#include "stack.h"

neighbour_t* neighbour_find(const interface_t* interface, const addr_t* address);
// `needed`: we want to send to it, so an entry that nobody confirmed may have to go; otherwise only a stale
// one. NULL if there is no room. The state is STALE, without a MAC.
neighbour_t* neighbour_create(interface_t* interface, const addr_t* address, bool needed);
void neighbour_destroy(neighbour_t* n);
void neighbour_used(neighbour_t* n);

void neighbour_timer(wheel_timer_t* timer);

#endif  // TCPIP_NEIGHBOUR_TABLE_H_
