// The unprivileged wire: libslirp, which turns frames into ordinary sockets of the host and back. It needs no
// right but to be in the host's network namespace.
//
// The link behind it: network 10.0.2.0/24 and fec0::/64, with the gateway (which is also the host) at .2, a
// name server at .3, and DHCP that gives out .15. The host's loopback is reached through the gateway's
// address unless that is switched off.
#ifndef COMPONENTS_ETHERNET_SLIRP_H_
#define COMPONENTS_ETHERNET_SLIRP_H_

#include <lib/async/dispatcher.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

// Payload sizes that libslirp carries.
#define SLIRP_WIRE_MTU_MIN 1280u
#define SLIRP_WIRE_MTU_MAX 65520u

typedef struct slirp_wire_config {
  uint32_t mtu;
  bool host_loopback;  // whether the gateway's address reaches what listens on the host's loopback
} slirp_wire_config_t;

// Makes the wire. ZX_ERR_INVALID_ARGS: no such mtu. ZX_ERR_NO_MEMORY, ZX_ERR_NO_RESOURCES.
zx_status_t slirp_wire_create(async_dispatcher_t* dispatcher, const slirp_wire_config_t* config,
                              wire_t** out);

#endif  // COMPONENTS_ETHERNET_SLIRP_H_
