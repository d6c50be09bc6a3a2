// The wire to a real kernel: a TAP device. Its descriptor is opened by the component manager, which has the
// rights to; the driver has only the descriptor.
#ifndef COMPONENTS_ETHERNET_TAP_H_
#define COMPONENTS_ETHERNET_TAP_H_

#include <lib/async/dispatcher.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

// Makes the wire of a TAP device with a virtio-net header before each frame and no packet information header,
// with the offloads that the kernel has or none. `fd` is consumed whatever happens. ZX_ERR_INVALID_ARGS: `fd`
// can't be made non-blocking. ZX_ERR_NO_MEMORY.
zx_status_t tap_wire_create(async_dispatcher_t* dispatcher, int fd, bool offloads, wire_t** out);

#endif  // COMPONENTS_ETHERNET_TAP_H_
