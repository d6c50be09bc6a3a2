// The Ethernet link endpoint: the netstack's end of an Ethernet device that lives in another process.
//
// Frames carry checksum and segmentation requests (inet/offload.h) in both directions: the device does what
// it can, the endpoint the rest.
//
// Frames lie in a VMO that both processes map, entries that point to them travel in two FIFOs
// (fuchsia.hardware.ethernet.Device). The endpoint finds the device, agrees on memory with it, gives it empty
// buffers, takes received frames, sends frames, and when the device goes away begins again, with growing
// pauses.
//
// Whatever the device writes is hostile input: entries are copied and checked before use, and whoever looks
// into a frame copies what it looks at out of the shared memory first. What does not fit is counted and
// dropped.
//
// Everything happens on the dispatcher's thread.
#ifndef COMPONENTS_NETSTACK_LINK_ENDPOINT_H_
#define COMPONENTS_NETSTACK_LINK_ENDPOINT_H_

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include <inet/offload.h>
#include <lib/async/dispatcher.h>

#define LINK_MAC_SIZE 6
#define LINK_MTU_MAX 65507u  // with a VLAN tag and an offload header it fills the longest entry

typedef struct link_endpoint link_endpoint_t;

// What a device says about itself.
typedef struct link_info {
  uint8_t mac[LINK_MAC_SIZE];  // unicast, not zero
  uint32_t mtu;                // bytes of a frame's payload, 68 to LINK_MTU_MAX
  uint32_t offloads;           // OFFLOAD_*: what link_endpoint_transmit can be asked for
} link_info_t;

// What the endpoint asks of its user and tells it. Except for `connect`, each may call
// link_endpoint_transmit, _flush and _multicast; none may destroy the endpoint.
typedef struct link_endpoint_ops {
  // Connects `server_end` (consumed) to the device. May fail: the endpoint tries again later.
  zx_status_t (*connect)(void* context, zx_handle_t server_end);
  // The link carries frames from now on.
  void (*up)(void* context, const link_info_t* info);
  // The link carries no frames any more; `reason` is ZX_OK if the device is still there.
  void (*down)(void* context, zx_status_t reason);
  // A received frame and what is known of it. The frame is at `shared`, where the device can change it at any
  // time, until `input_done` returns; `frame` is room for a private copy of it until this returns.
  void (*input)(void* context, const offload_header_t* header, void* frame, const void* shared,
                size_t length);
  // A batch of received frames has been handed over, whose memory the device gets back. `more`: another one
  // follows at once.
  void (*input_done)(void* context, bool more);
  // There is room again after link_endpoint_transmit returned -EAGAIN.
  void (*writable)(void* context);
} link_endpoint_ops_t;

// Counters; each only grows.
typedef struct link_counters {
  uint64_t rx_frames, rx_bytes;
  uint64_t rx_errors;  // the device says that it failed to receive into a buffer
  uint64_t tx_frames, tx_bytes;
  uint64_t tx_errors;   // the device says that it failed to send
  uint64_t tx_dropped;  // too long, or the device went away
  uint64_t bad_cookie;  // entries that name no buffer the device had
  uint64_t bad_range;   // entries whose offset or length is not within their buffer
  uint64_t bad_flags;   // entries with flags that mean nothing
  uint64_t bad_header;  // frames whose offload header was not agreed on or cannot be
  uint64_t sessions;    // how many times a device was found and started
} link_counters_t;

// Makes an endpoint and begins to look for its device. `ops` is copied. ZX_ERR_NO_MEMORY, ZX_ERR_BAD_STATE
// (the loop is shutting down).
zx_status_t link_endpoint_create(async_dispatcher_t* dispatcher, const link_endpoint_ops_t* ops,
                                 void* context, link_endpoint_t** out);

// Lets go of the device and frees the endpoint, without any further callback. NULL is fine.
void link_endpoint_destroy(link_endpoint_t* link);

// Copies a frame into buffers for the device, which sees it after link_endpoint_flush, or earlier. `header`
// says what is still to be done about it, within the link's offloads. 0; -EAGAIN if too few buffers are free
// (`writable` follows); -EMSGSIZE; -EINVAL if the frame is not what its header says; -ENETDOWN. Allocates
// nothing.
int link_endpoint_transmit(link_endpoint_t* link, const offload_header_t* header, const struct iovec* iov,
                           size_t iov_count);

// Shows the device what was transmitted. Cheap if there is nothing.
void link_endpoint_flush(link_endpoint_t* link);

// Asks the device for frames to the multicast address `mac`, or no longer; kept for later devices too.
void link_endpoint_multicast(link_endpoint_t* link, const uint8_t mac[LINK_MAC_SIZE], bool add);

// Valid as long as the endpoint.
const link_counters_t* link_endpoint_counters(const link_endpoint_t* link);

#endif  // COMPONENTS_NETSTACK_LINK_ENDPOINT_H_
