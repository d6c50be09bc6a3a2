// The device between its wire and its clients; see device.h. Below it a wire (wire.h), above it the sessions
// (session.c).
#include "device.h"

#include <lib/trace/trace.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zircon/syscalls.h>

#include "session.h"

static bool device_can_receive(void* context) {
  device_t* device = context;
  bool anybody = false;
  for (session_t* session = device->sessions; session; session = session->next) {
    if (!session_active(session)) continue;
    if (session_can_receive(session)) return true;
    anybody = true;
  }
  // Without a client frames are taken and dropped, so that a later one doesn't get those of the past.
  if (!anybody) return true;
  device->starved = true;
  // From now on the sessions wait for buffers too, and then call device_buffers_changed.
  for (session_t* session = device->sessions; session; session = session->next)
    session_flush(session);
  return false;
}

static bool frame_is_for_us(const device_t* device, const uint8_t* frame) {
  static const uint8_t everybody[ETHERNET_MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  if (memcmp(frame, device->config.mac, ETHERNET_MAC_BYTES) == 0) return true;
  if (memcmp(frame, everybody, ETHERNET_MAC_BYTES) == 0) return true;
  for (const session_t* session = device->sessions; session; session = session->next) {
    if (filter_accepts(&session->filter, frame)) return true;
  }
  return false;
}

// Whether a frame that came in is one for our clients; its first bytes are at `frame`.
static bool admit(device_t* device, const offload_header_t* header, const uint8_t* frame, size_t length) {
  size_t longest = header->gso_type == OFFLOAD_GSO_NONE
                       ? device->config.mtu + ETHERNET_HEADER_BYTES + ETHERNET_VLAN_TAG_BYTES
                       : WIRE_FRAME_MAX;
  if (length > longest) {
    device->counters.rx_too_long++;
    return false;
  }
  if (length < ETHERNET_HEADER_BYTES || !frame_is_for_us(device, frame)) {
    device->counters.rx_filtered++;
    return false;
  }
  trace_point("driver.rx", length);
  return true;
}

static void device_receive(void* context, const offload_header_t* header, const uint8_t* frame,
                           size_t length) {
  device_t* device = context;
  if (!admit(device, header, frame, length)) return;
  bool claimed = false;
  for (session_t* session = device->sessions; session; session = session->next) {
    if (!session_active(session)) continue;
    session_receive(session, header, frame, length, fuchsia_hardware_ethernet_FIFO_RX_OK);
    claimed = true;
  }
  if (!claimed) device->counters.rx_unclaimed++;
}

// The session that gets all frames; NULL if there are more of them, or none.
static session_t* only_receiver(const device_t* device) {
  session_t* only = NULL;
  for (session_t* session = device->sessions; session; session = session->next) {
    if (!session_active(session)) continue;
    if (only) return NULL;
    only = session;
  }
  return only;
}

static size_t device_place(void* context, struct iovec out[2]) {
  device_t* device = context;
  const session_t* session = only_receiver(device);
  device->place_count = session ? exchange_rx_place(&session->exchange, device->place) : 0;
  memcpy(out, device->place, sizeof(device->place));
  return device->place_count;
}

static void device_placed(void* context, const offload_header_t* header, size_t length) {
  device_t* device = context;
  session_t* session = only_receiver(device);
  if (exchange_rx_accepts(&session->exchange, header, length)) {
    // A client that changes the address meanwhile only changes what it gets itself.
    if (!admit(device, header, device->place[0].iov_base, length)) return;
    exchange_rx_placed(&session->exchange, header, length, fuchsia_hardware_ethernet_FIFO_RX_OK);
    return;
  }
  size_t copied = 0;
  for (size_t i = 0; i < device->place_count && copied < length; i++) {
    size_t piece = length - copied < device->place[i].iov_len ? length - copied : device->place[i].iov_len;
    memcpy(device->copy + copied, device->place[i].iov_base, piece);
    copied += piece;
  }
  device_receive(device, header, device->copy, length);
}

static void device_receive_done(void* context) {
  device_t* device = context;
  for (session_t* session = device->sessions; session; session = session->next)
    session_flush(session);
}

static void device_status(void* context, bool online) {
  device_t* device = context;
  if (device->online == online) return;
  device->online = online;
  device_log(device, "the link is %s", online ? "up" : "down");
  for (session_t* session = device->sessions; session; session = session->next)
    session_signal_status(session);
}

static void device_lost(void* context) {
  const device_t* device = context;
  if (device->wire_lost) device->wire_lost(device->owner);
}

static const wire_events_t device_events = {
    .can_receive = device_can_receive,
    .receive = device_receive,
    .place = device_place,
    .placed = device_placed,
    .receive_done = device_receive_done,
    .status = device_status,
    .lost = device_lost,
};

zx_status_t device_init(device_t* device, async_dispatcher_t* dispatcher, wire_t* wire,
                        const device_config_t* config) {
  memset(device, 0, sizeof(*device));
  device->dispatcher = dispatcher;
  device->wire = wire;
  device->config = *config;
  zx_status_t status = wire->ops->start(wire, &device_events, device);
  if (status != ZX_OK) device_deinit(device);
  return status;
}

void device_deinit(device_t* device) {
  if (device->wire) device->wire->ops->destroy(device->wire);
  device->wire = NULL;
  while (device->sessions)
    session_destroy(device->sessions);
}

void device_connect(device_t* device, zx_handle_t server_end) {
  if (device->session_count >= DEVICE_MAX_SESSIONS) {
    device_log(device, "a client was turned away: there are %u already", DEVICE_MAX_SESSIONS);
    fidl_epitaph_write(server_end, ZX_ERR_NO_RESOURCES);
    zx_handle_close(server_end);
    return;
  }
  zx_status_t status = session_create(device, server_end);
  if (status != ZX_OK) device_log(device, "a client could not be connected: status %d", status);
}

bool device_is_unfinished(const device_t* device) {
  const wire_t* wire = device->wire;
  return wire->ops->is_unfinished && wire->ops->is_unfinished(wire);
}

void device_counters(const device_t* device, ethernet_counters_t* out) {
  *out = device->counters;
  for (const session_t* session = device->sessions; session; session = session->next) {
    ethernet_counters_add(out, &session->counters);
  }
}

void device_log(const device_t* device, const char* format, ...) {
  if (!device->log) return;
  char text[ETHERNET_COUNTERS_TEXT_MAX + 64];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  device->log(device->owner, text);
}

// Shows a frame that was sent to the sessions that listen. It is copied first, because its sender can change
// it.
static void show_sent(device_t* device, const offload_header_t* header, const uint8_t* frame, size_t length) {
  bool copied = false;
  for (session_t* session = device->sessions; session; session = session->next) {
    if (!session->listening || !session_active(session)) continue;
    if (!copied) memcpy(device->copy, frame, length);
    copied = true;
    session_receive(session, header, device->copy, length,
                    fuchsia_hardware_ethernet_FIFO_RX_OK | fuchsia_hardware_ethernet_FIFO_RX_TX);
  }
}

zx_status_t device_send(device_t* device, const offload_header_t* header, const uint8_t* frame,
                        size_t length) {
  trace_point("wire.tx", length);
  zx_status_t status = device->wire->ops->send(device->wire, header, frame, length);
  if (status == ZX_OK) show_sent(device, header, frame, length);
  return status;
}

void device_send_done(device_t* device) {
  device->wire->ops->send_done(device->wire);
  for (session_t* session = device->sessions; session; session = session->next) {
    if (session->listening) session_flush(session);
  }
}

void device_buffers_changed(device_t* device) {
  if (!device->starved) return;
  device->starved = false;
  device->wire->ops->resume(device->wire);
}

void device_clients_changed(device_t* device) {
  wire_t* wire = device->wire;
  uint32_t offloads = 0;
  // Where clients differ, the sessions do for one what another can do for itself.
  for (const session_t* session = device->sessions; session; session = session->next) {
    if (session_active(session)) offloads |= session->exchange.rx_offloads;
  }
  if (wire->ops->accept) wire->ops->accept(wire, offloads);
  device_buffers_changed(device);
}
