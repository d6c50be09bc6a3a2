// What the files of the link endpoint share: link_endpoint.c (its life and the user's calls), link_session.c
// (the conversation with one device) and link_frames.c (frames); link_queue.c (buffers and their FIFO) stands
// below.
#ifndef COMPONENTS_NETSTACK_LINK_INTERNAL_H_
#define COMPONENTS_NETSTACK_LINK_INTERNAL_H_

#include <fidl/fuchsia.hardware.ethernet.h>
#include <lib/async/task.h>
#include <lib/async/wait.h>

#include "link_endpoint.h"
#include "link_queue.h"

enum {
  LINK_HEADER_BYTES = 18,   // Ethernet header with a VLAN tag
  LINK_SPLIT_DEPTH = 128,   // buffers with which segmentation in software is offered: two runs of segments
  LINK_MULTICAST_MAX = 64,  // addresses remembered; beyond, the device gives us all of them
};

typedef struct link_multicast {
  uint8_t macs[LINK_MULTICAST_MAX][LINK_MAC_SIZE];
  uint32_t count;
  uint32_t untracked;  // wanted beyond LINK_MULTICAST_MAX
} link_multicast_t;

struct link_endpoint {
  async_dispatcher_t* dispatcher;
  link_endpoint_ops_t ops;
  void* context;
  link_counters_t counters;
  link_multicast_t multicast;

  // The session with the present device (link_session.c).
  struct fidl_client* client;  // NULL between sessions
  async_task_t retry;          // begins the next session, or ends one that never gets started
  zx_duration_t pause_ns;      // before the next session
  link_info_t info;
  bool started;           // frames are exchanged
  bool up;                // ops.up was called last
  bool status_pending;    // GetStatus is under way
  bool destroying;        // no more callbacks
  bool asking_offloads;   // SetOffloads is under way
  bool no_offloads;       // the device is not to be asked: it closed the channel on that
  uint32_t header_bytes;  // before each frame: 0, or OFFLOAD_HEADER_BYTES once offloads were agreed on
  uint32_t transmit_offloads, receive_offloads;  // what was agreed on

  // Frames (link_frames.c).
  zx_handle_t vmo;
  uint8_t* memory;  // the VMO, mapped
  size_t memory_bytes;
  link_queue_t rx;
  link_queue_t tx;
  const link_pool_t* tx_wanted_pool;  // what a transmit has failed for: so many free buffers
  uint32_t tx_wanted;
  uint32_t tx_pending_count;
  link_entry_t tx_pending[LINK_BATCH];
  uint8_t frame[UINT16_MAX + 1];  // room for a received frame out of the device's reach
};

// link_session.c

// Looks for a device after `pause_ns`.
zx_status_t link_session_schedule(link_endpoint_t* link, zx_duration_t pause_ns);

// Ends the session, if there is one, and schedules the next.
void link_session_lost(link_endpoint_t* link, zx_status_t reason);

// Ends the session without a successor.
void link_session_close(link_endpoint_t* link);

// Asks the device whether the link carries frames.
void link_session_ask_status(link_endpoint_t* link);

// Tells the device about one multicast address, if there is a device.
void link_session_multicast(link_endpoint_t* link, const uint8_t mac[LINK_MAC_SIZE], bool add);
void link_session_multicast_all(link_endpoint_t* link, bool enabled);

// link_frames.c

// Makes the shared memory for FIFOs of these depths and the device's MTU, every buffer free. The FIFOs are
// consumed, also on failure. ZX_ERR_INVALID_ARGS, ZX_ERR_NO_MEMORY, ZX_ERR_NO_RESOURCES.
zx_status_t link_frames_init(link_endpoint_t* link, fuchsia_hardware_ethernet_Fifos* fifos);

// Gives the device its receive buffers and begins to wait for frames.
zx_status_t link_frames_start(link_endpoint_t* link);

// Listens for changes of the device's status again, after link->status_pending went off.
zx_status_t link_frames_listen(link_endpoint_t* link);

// Lets go of FIFOs and memory. Again is fine.
void link_frames_deinit(link_endpoint_t* link);

#endif  // COMPONENTS_NETSTACK_LINK_INTERNAL_H_
