// Which frames a client wants besides those for the device's own address and for everybody.
#ifndef COMPONENTS_ETHERNET_FILTER_H_
#define COMPONENTS_ETHERNET_FILTER_H_

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

// Groups remembered for one client; with more it gets the frames of all groups.
#define FILTER_MAX_GROUPS 64u

typedef struct filter {
  bool promiscuous;  // every frame
  bool all_groups;   // every multicast frame
  uint32_t group_count;
  uint32_t untracked;  // groups asked for beyond those remembered
  uint8_t groups[FILTER_MAX_GROUPS][ETHERNET_MAC_BYTES];
} filter_t;

// Adds or removes a group. ZX_ERR_INVALID_ARGS: `mac` is no multicast address. Adding one twice is adding it
// once; removing one that was not added does nothing.
zx_status_t filter_add_group(filter_t* filter, const uint8_t mac[ETHERNET_MAC_BYTES]);
zx_status_t filter_remove_group(filter_t* filter, const uint8_t mac[ETHERNET_MAC_BYTES]);

// Whether frames to `mac` are wanted.
bool filter_accepts(const filter_t* filter, const uint8_t mac[ETHERNET_MAC_BYTES]);

#endif  // COMPONENTS_ETHERNET_FILTER_H_
