// One client of the device: its requests (fuchsia.hardware.ethernet/Device), and its exchange of frames.
//
// A session lives as long as its binding: it is freed when the binding is over, which is also how it ends
// when the client closes a FIFO.
#ifndef COMPONENTS_ETHERNET_SESSION_H_
#define COMPONENTS_ETHERNET_SESSION_H_

#include <lib/async/wait.h>
#include <lib/fidl/server.h>

#include "device.h"
#include "exchange.h"
#include "filter.h"

struct session {
  device_t* device;
  session_t* next;
  fidl_binding_t* binding;
  exchange_t exchange;
  ethernet_counters_t counters;
  async_wait_t rx_wait, tx_wait;
  bool rx_waiting, tx_waiting;
  bool started;
  bool begun;  // it was started once
  bool ended;  // cut off; freed when the binding is over
  bool listening;
  filter_t filter;
  char name[fuchsia_hardware_ethernet_MAX_CLIENT_NAME_LEN + 1];
};

// Makes a session of `device` on `server_end`, which is consumed, and enters it into the device's list.
zx_status_t session_create(device_t* device, zx_handle_t server_end);

// Frees a session whose binding is over, taking it out of the device's list.
void session_destroy(session_t* session);

// Whether frames pass between the session and the wire.
bool session_active(const session_t* session);

// Delivers a frame with the FIFO's flags; `session` must be active. What the client can't take as it is gets
// done for it here. The client is told by session_flush.
void session_receive(session_t* session, const offload_header_t* header, const uint8_t* frame, size_t length,
                     uint16_t flags);

// Whether an active session has a buffer for a frame.
bool session_can_receive(session_t* session);

// Returns what is to be returned and waits for what comes next.
void session_flush(session_t* session);

// Tells the client that the device's status has changed.
void session_signal_status(session_t* session);

#endif  // COMPONENTS_ETHERNET_SESSION_H_
