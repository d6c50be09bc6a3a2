// The Ethernet device: one wire, and the clients that share it.
//
// Every started client sees every frame that comes in for this device, in memory of its own; what they send
// goes out in the order in which it is taken, a batch of each client at a time. The wires have no multicast
// filter, so group frames go to all clients; unicast frames for other stations only while some client asks
// for promiscuous mode.
#ifndef COMPONENTS_ETHERNET_DEVICE_H_
#define COMPONENTS_ETHERNET_DEVICE_H_

#include <lib/async/dispatcher.h>
#include <stdbool.h>
#include <stdint.h>
#include <zircon/types.h>

#include "counters.h"
#include "wire.h"

// Clients at a time; more are turned away with ZX_ERR_NO_RESOURCES.
#define DEVICE_MAX_SESSIONS 16u

typedef struct session session_t;

typedef struct device_config {
  uint8_t mac[ETHERNET_MAC_BYTES];
  uint32_t mtu;       // payload of a frame
  uint32_t features;  // fuchsia_hardware_ethernet_Features
} device_config_t;

typedef struct device {
  async_dispatcher_t* dispatcher;
  wire_t* wire;
  device_config_t config;
  bool online;
  bool starved;         // the wire was told to keep its frames, because no client had a buffer
  session_t* sessions;  // linked through session.h
  uint32_t session_count;
  uint8_t scratch[WIRE_FRAME_MAX];  // a frame made of a run of segments
  uint8_t copy[WIRE_FRAME_MAX];     // a frame out of the reach of the client in whose memory it was
  struct iovec place[2];            // the wire's present place for a frame
  size_t place_count;
  ethernet_counters_t counters;  // of frames that met no client, and of the clients that have gone
  void (*log)(void* context, const char* text);  // what the owner sets after device_init; each may be NULL
  void (*wire_lost)(void* context);              // the wire is gone: nothing more will come or go
  void* owner;                                   // the context of both
} device_t;

// Makes a device of `wire`, which it owns from now on, and starts the wire. On failure the wire is destroyed.
// Returns what the wire's start returned.
zx_status_t device_init(device_t* device, async_dispatcher_t* dispatcher, wire_t* wire,
                        const device_config_t* config);

// Destroys the wire and cuts off the clients that are left. The loop must have been shut down (their bindings
// are gone).
void device_deinit(device_t* device);

// Connects a client: serves fuchsia.hardware.ethernet/Device on `server_end`, which is consumed. Failures are
// the client's to see, as an epitaph.
void device_connect(device_t* device, zx_handle_t server_end);

// Whether something that clients have sent is still here, and would be lost if it were destroyed now.
bool device_is_unfinished(const device_t* device);

// Everything counted so far, for all clients together.
void device_counters(const device_t* device, ethernet_counters_t* out);

// Says something in the device's log.
void device_log(const device_t* device, const char* format, ...) __attribute__((format(printf, 2, 3)));

// For sessions only:

// Sends a frame of `sender` on the wire, and shows it to the sessions that listen. As wire_ops_t.send.
zx_status_t device_send(device_t* device, const offload_header_t* header, const uint8_t* frame,
                        size_t length);
// Ends a batch of device_send.
void device_send_done(device_t* device);
// A session may be able to receive again.
void device_buffers_changed(device_t* device);
// A session was started, stopped, or has gone.
void device_clients_changed(device_t* device);

#endif  // COMPONENTS_ETHERNET_DEVICE_H_
