// What messages of neighbour discovery have in common.
#ifndef TCPIP_ND_H_
#define TCPIP_ND_H_

#include "stack.h"

enum { ND_ROUTER_SOLICIT = 133, ND_ROUTER_ADVERT, ND_SOLICIT, ND_ADVERT, ND_REDIRECT };
enum { ND_SOURCE_MAC = 1, ND_TARGET_MAC = 2 };  // options

#define ND_OPTION 8u
#define ND_HOPS 255

void nd_option_put(uint8_t* p, uint8_t type, const interface_t* interface);
// Finds the link-layer address among the options from `offset` on, NULL if there is none; false if any option
// is malformed.
bool nd_options_read(const rx_t* rx, size_t offset, uint8_t wanted, const uint8_t** out_mac);
void nd_router_input(rx_t* rx);

#endif  // TCPIP_ND_H_
