// What a driver's manifest can say in its arguments.
#ifndef COMPONENTS_ETHERNET_OPTIONS_H_
#define COMPONENTS_ETHERNET_OPTIONS_H_

#include <stdbool.h>
#include <stdint.h>

#include <inet/publication.h>

#include "wire.h"

#define DRIVER_PUBLICATIONS_MAX 64u

typedef struct driver_options {
  uint32_t mtu;                     // --mtu=BYTES
  uint8_t mac[ETHERNET_MAC_BYTES];  // --mac=02:00:00:00:00:01
  bool mac_given;
  const char* device;                                   // --device=NAME, the host's device; points into argv
  bool host_loopback;                                   // false by --no-host-loopback
  bool offloads;                                        // false by --no-offloads
  publication_t publications[DRIVER_PUBLICATIONS_MAX];  // --publish=..., each one more
  size_t publication_count;
} driver_options_t;

// Fills `out`, which holds the defaults, from the arguments. On failure returns false and a message of at
// most 240 bytes in `error`.
#define DRIVER_OPTIONS_ERROR_MAX 240
bool driver_options_parse(int argc, char** argv, driver_options_t* out, char error[DRIVER_OPTIONS_ERROR_MAX]);

#endif  // COMPONENTS_ETHERNET_OPTIONS_H_
