// One client of the device; see session.h. Above it is the client, through generated code; below it the
// exchange of buffers (exchange.c) and the device (device.c).
#include "session.h"

#include <lib/trace/trace.h>
#include <stdlib.h>
#include <string.h>
#include <zircon/syscalls.h>

bool session_active(const session_t* session) {
  return session->started;
}

// Completes and splits in software what the client asked nobody to leave to it.
static void receive_split(session_t* session, const offload_header_t* header, const uint8_t* frame,
                          size_t length, uint16_t flags) {
  static const offload_header_t plain;
  const struct iovec iov = {(void*)(uintptr_t)frame, length};
  offload_split_t split;
  if (!offload_header_valid(header, OFFLOAD_ALL, length) ||
      !offload_split_begin(&split, header, &iov, 1, length) ||
      offload_split_bytes_max(&split) > session->exchange.frame_max) {
    session->counters.rx_bad_header++;
    return;
  }
  uint8_t* out = session->device->scratch;
  size_t bytes;
  while ((bytes = offload_split_next(&split, out)) > 0)
    exchange_rx_return(&session->exchange, &plain, out, bytes, flags);
}

void session_receive(session_t* session, const offload_header_t* header, const uint8_t* frame, size_t length,
                     uint16_t flags) {
  if (exchange_rx_accepts(&session->exchange, header, length)) {
    exchange_rx_return(&session->exchange, header, frame, length, flags);
  } else {
    receive_split(session, header, frame, length, flags);
  }
}

bool session_can_receive(session_t* session) {
  return exchange_rx_ready(&session->exchange) || exchange_rx_provide(&session->exchange);
}

// Waits

static bool session_wait(session_t* session, async_wait_t* wait, bool* waiting, zx_signals_t trigger) {
  if (*waiting && wait->trigger == trigger) return true;
  if (*waiting) async_cancel_wait(session->device->dispatcher, wait);
  wait->trigger = trigger;
  *waiting = async_begin_wait(session->device->dispatcher, wait) == ZX_OK;
  return *waiting;
}

// Takes one batch of the client's frames to the wire; false if there were none. What is left is signalled
// again, after others had their turn.
static bool session_transmit(session_t* session) {
  exchange_frame_t frames[EXCHANGE_BATCH];
  size_t count = exchange_tx_provide(&session->exchange, frames);
  for (size_t i = 0; i < count; i++) {
    const exchange_frame_t* frame = &frames[i];
    trace_point("driver.tx", frame->length);
    uint16_t flags = 0;
    if (device_send(session->device, &frame->header, frame->data, frame->length) == ZX_OK) {
      flags = fuchsia_hardware_ethernet_FIFO_TX_OK;
      session->counters.tx_frames++;
      session->counters.tx_bytes += frame->length;
    } else {
      session->counters.tx_failed++;
    }
    exchange_tx_return(&session->exchange, &frame->entry, flags);
  }
  if (count > 0) device_send_done(session->device);
  return count > 0;
}

// What a client has sent before it went goes out all the same: the ends of its connections are among it.
static void transmit_rest(session_t* session) {
  session->ended = true;
  while (session->started && session_transmit(session))
    continue;
  session->started = false;
}

// Cuts the client off. The session is freed when the binding is over.
static void session_end(session_t* session, zx_status_t reason) {
  if (session->ended) return;
  transmit_rest(session);
  fidl_binding_close(session->binding, reason);
}

void session_flush(session_t* session) {
  if (session->ended || !exchange_ready(&session->exchange)) return;
  zx_status_t status = exchange_flush(&session->exchange);
  if (status != ZX_OK) {
    session_end(session, status);
    return;
  }
  zx_signals_t tx_trigger = exchange_tx_trigger(&session->exchange);
  if (!session->started) tx_trigger &= ~ZX_FIFO_READABLE;
  bool want_buffers = session->started && session->device->starved;
  if (!session_wait(session, &session->rx_wait, &session->rx_waiting,
                    exchange_rx_trigger(&session->exchange, want_buffers)) ||
      !session_wait(session, &session->tx_wait, &session->tx_waiting, tx_trigger)) {
    session_end(session, ZX_ERR_NO_RESOURCES);
  }
}

static session_t* session_of_rx(async_wait_t* wait) {
  return (void*)((char*)wait - offsetof(session_t, rx_wait));
}

static session_t* session_of_tx(async_wait_t* wait) {
  return (void*)((char*)wait - offsetof(session_t, tx_wait));
}

static void rx_signalled(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                         const zx_packet_signal_t* signal) {
  session_t* session = session_of_rx(wait);
  session->rx_waiting = false;
  if (status != ZX_OK) return;
  if (signal->observed & ZX_FIFO_PEER_CLOSED) {
    session_end(session, ZX_ERR_PEER_CLOSED);
    return;
  }
  if (session->started && session_can_receive(session)) device_buffers_changed(session->device);
  session_flush(session);
}

static void tx_signalled(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                         const zx_packet_signal_t* signal) {
  session_t* session = session_of_tx(wait);
  session->tx_waiting = false;
  if (status != ZX_OK) return;
  if (signal->observed & ZX_FIFO_PEER_CLOSED) {
    session_end(session, ZX_ERR_PEER_CLOSED);
    return;
  }
  if (session->started) session_transmit(session);
  session_flush(session);
}

void session_signal_status(session_t* session) {
  if (session->exchange.rx_fifo == ZX_HANDLE_INVALID) return;
  zx_object_signal_peer(session->exchange.rx_fifo, 0, fuchsia_hardware_ethernet_SIGNAL_STATUS);
}

// Requests

static void get_info(void* context, fidl_completer_t completer) {
  const session_t* session = context;
  fuchsia_hardware_ethernet_DeviceGetInfoResponse response = {0};
  response.info.features = session->device->config.features;
  response.info.mtu = session->device->config.mtu;
  memcpy(response.info.mac.octets, session->device->config.mac, ETHERNET_MAC_BYTES);
  fuchsia_hardware_ethernet_Device_GetInfo_reply(completer, &response);
}

static void get_fifos(void* context, fidl_completer_t completer) {
  session_t* session = context;
  fuchsia_hardware_ethernet_Fifos fifos = {.rx_depth = EXCHANGE_DEPTH, .tx_depth = EXCHANGE_DEPTH};
  fuchsia_hardware_ethernet_DeviceGetFifosResponse response = {0};
  response.status = exchange_create_fifos(&session->exchange, &fifos.rx, &fifos.tx);
  if (response.status == ZX_OK) {
    session->rx_wait.object = session->exchange.rx_fifo;
    session->tx_wait.object = session->exchange.tx_fifo;
    response.info = &fifos;
  }
  fuchsia_hardware_ethernet_Device_GetFifos_reply(completer, &response);
  session_flush(session);
}

static void set_io_buffer(void* context, fuchsia_hardware_ethernet_DeviceSetIoBufferRequest* request,
                          fidl_completer_t completer) {
  session_t* session = context;
  zx_handle_t vmo = request->h;
  request->h = ZX_HANDLE_INVALID;
  fuchsia_hardware_ethernet_DeviceSetIoBufferResponse response = {0};
  response.status = exchange_map(&session->exchange, vmo);
  fuchsia_hardware_ethernet_Device_SetIOBuffer_reply(completer, &response);
  session_flush(session);
}

_Static_assert(sizeof(fuchsia_hardware_ethernet_FrameHeader) == OFFLOAD_HEADER_BYTES &&
                   fuchsia_hardware_ethernet_Offloads_CHECKSUM == OFFLOAD_CHECKSUM &&
                   fuchsia_hardware_ethernet_Offloads_TSO == OFFLOAD_TSO &&
                   fuchsia_hardware_ethernet_Offloads_USO == OFFLOAD_USO,
               "the protocol's header is ours");

// Segments without their checksums are of no use.
static uint32_t sound_offloads(uint32_t offloads) {
  return offloads & OFFLOAD_CHECKSUM ? offloads : 0;
}

static void set_offloads(void* context, fuchsia_hardware_ethernet_DeviceSetOffloadsRequest* request,
                         fidl_completer_t completer) {
  session_t* session = context;
  const wire_t* wire = session->device->wire;
  fuchsia_hardware_ethernet_DeviceSetOffloadsResponse response = {.status = ZX_ERR_BAD_STATE};
  if (!session->begun && session->exchange.header_bytes == 0) {
    response.transmit = sound_offloads(request->transmit) & wire->transmit_offloads;
    response.receive = sound_offloads(request->receive) & wire->receive_offloads;
    response.status = response.transmit | response.receive ? ZX_OK : ZX_ERR_NOT_SUPPORTED;
  }
  if (response.status == ZX_OK)
    exchange_set_offloads(&session->exchange, response.transmit, response.receive);
  fuchsia_hardware_ethernet_Device_SetOffloads_reply(completer, &response);
}

static void start(void* context, fidl_completer_t completer) {
  session_t* session = context;
  fuchsia_hardware_ethernet_DeviceStartResponse response = {.status = ZX_ERR_BAD_STATE};
  if (exchange_ready(&session->exchange)) {
    session->started = session->begun = true;
    response.status = ZX_OK;
    device_clients_changed(session->device);
  }
  fuchsia_hardware_ethernet_Device_Start_reply(completer, &response);
  session_flush(session);
}

static void stop(void* context, fidl_completer_t completer) {
  session_t* session = context;
  session->started = false;
  fuchsia_hardware_ethernet_Device_Stop_reply(completer);
  session_flush(session);
  device_clients_changed(session->device);
}

static void listen_start(void* context, fidl_completer_t completer) {
  session_t* session = context;
  session->listening = true;
  fuchsia_hardware_ethernet_DeviceListenStartResponse response = {.status = ZX_OK};
  fuchsia_hardware_ethernet_Device_ListenStart_reply(completer, &response);
}

static void listen_stop(void* context, fidl_completer_t completer) {
  session_t* session = context;
  session->listening = false;
  fuchsia_hardware_ethernet_Device_ListenStop_reply(completer);
}

static void set_client_name(void* context, fuchsia_hardware_ethernet_DeviceSetClientNameRequest* request,
                            fidl_completer_t completer) {
  session_t* session = context;
  // The type bounds the length. What isn't printable has no place in a log.
  size_t length = (size_t)request->name.size;
  for (size_t i = 0; i < length; i++) {
    char c = request->name.data[i];
    session->name[i] = c >= ' ' && c <= '~' ? c : '?';
  }
  session->name[length] = '\0';
  fuchsia_hardware_ethernet_DeviceSetClientNameResponse response = {.status = ZX_OK};
  fuchsia_hardware_ethernet_Device_SetClientName_reply(completer, &response);
}

static void get_status(void* context, fidl_completer_t completer) {
  const session_t* session = context;
  fuchsia_hardware_ethernet_DeviceGetStatusResponse response = {0};
  if (session->exchange.rx_fifo != ZX_HANDLE_INVALID) {
    // Cleared before looking, so that a change in between is signalled again.
    zx_object_signal_peer(session->exchange.rx_fifo, fuchsia_hardware_ethernet_SIGNAL_STATUS, 0);
    if (session->device->online) response.device_status = fuchsia_hardware_ethernet_DeviceStatus_ONLINE;
  }
  fuchsia_hardware_ethernet_Device_GetStatus_reply(completer, &response);
}

static void set_promiscuous_mode(void* context,
                                 fuchsia_hardware_ethernet_DeviceSetPromiscuousModeRequest* request,
                                 fidl_completer_t completer) {
  session_t* session = context;
  session->filter.promiscuous = request->enabled;
  fuchsia_hardware_ethernet_DeviceSetPromiscuousModeResponse response = {.status = ZX_OK};
  fuchsia_hardware_ethernet_Device_SetPromiscuousMode_reply(completer, &response);
}

static void add_multicast(void* context,
                          fuchsia_hardware_ethernet_DeviceConfigMulticastAddMacRequest* request,
                          fidl_completer_t completer) {
  session_t* session = context;
  fuchsia_hardware_ethernet_DeviceConfigMulticastAddMacResponse response = {
      .status = filter_add_group(&session->filter, request->addr.octets)};
  fuchsia_hardware_ethernet_Device_ConfigMulticastAddMac_reply(completer, &response);
}

static void delete_multicast(void* context,
                             fuchsia_hardware_ethernet_DeviceConfigMulticastDeleteMacRequest* request,
                             fidl_completer_t completer) {
  session_t* session = context;
  fuchsia_hardware_ethernet_DeviceConfigMulticastDeleteMacResponse response = {
      .status = filter_remove_group(&session->filter, request->addr.octets)};
  fuchsia_hardware_ethernet_Device_ConfigMulticastDeleteMac_reply(completer, &response);
}

static void set_multicast_promiscuous(
    void* context, fuchsia_hardware_ethernet_DeviceConfigMulticastSetPromiscuousModeRequest* request,
    fidl_completer_t completer) {
  session_t* session = context;
  session->filter.all_groups = request->enabled;
  fuchsia_hardware_ethernet_DeviceConfigMulticastSetPromiscuousModeResponse response = {.status = ZX_OK};
  fuchsia_hardware_ethernet_Device_ConfigMulticastSetPromiscuousMode_reply(completer, &response);
}

// A test of hardware that isn't there.
static void test_multicast_filter(void* context, fidl_completer_t completer) {
  fuchsia_hardware_ethernet_DeviceConfigMulticastTestFilterResponse response = {.status =
                                                                                    ZX_ERR_NOT_SUPPORTED};
  fuchsia_hardware_ethernet_Device_ConfigMulticastTestFilter_reply(completer, &response);
}

// The registers of a driver without hardware are its counters.
static void dump_registers(void* context, fidl_completer_t completer) {
  const session_t* session = context;
  ethernet_counters_t counters;
  char text[ETHERNET_COUNTERS_TEXT_MAX];
  device_counters(session->device, &counters);
  ethernet_counters_text(&counters, text);
  device_log(session->device, "counters: %s", text);
  fuchsia_hardware_ethernet_DeviceDumpRegistersResponse response = {.status = ZX_OK};
  fuchsia_hardware_ethernet_Device_DumpRegisters_reply(completer, &response);
}

static const fuchsia_hardware_ethernet_Device_ops_t device_ops = {
    .GetInfo = get_info,
    .GetFifos = get_fifos,
    .SetIOBuffer = set_io_buffer,
    .SetOffloads = set_offloads,
    .Start = start,
    .Stop = stop,
    .ListenStart = listen_start,
    .ListenStop = listen_stop,
    .SetClientName = set_client_name,
    .GetStatus = get_status,
    .SetPromiscuousMode = set_promiscuous_mode,
    .ConfigMulticastAddMac = add_multicast,
    .ConfigMulticastDeleteMac = delete_multicast,
    .ConfigMulticastSetPromiscuousMode = set_multicast_promiscuous,
    .ConfigMulticastTestFilter = test_multicast_filter,
    .DumpRegisters = dump_registers,
};

// Life

static void session_unbound(void* context, fidl_binding_t* binding, zx_status_t reason) {
  session_t* session = context;
  device_t* device = session->device;
  char text[ETHERNET_COUNTERS_TEXT_MAX];
  transmit_rest(session);
  ethernet_counters_text(&session->counters, text);
  device_log(device, "client %s has gone (status %d): %s",
             session->name[0] ? session->name : "without a name", reason, text);
  session_destroy(session);
  device_clients_changed(device);
}

zx_status_t session_create(device_t* device, zx_handle_t server_end) {
  session_t* session = calloc(1, sizeof(*session));
  if (!session) {
    zx_handle_close(server_end);
    return ZX_ERR_NO_MEMORY;
  }
  session->device = device;
  session->rx_wait.handler = rx_signalled;
  session->tx_wait.handler = tx_signalled;
  exchange_init(&session->exchange, ETHERNET_HEADER_BYTES,
                device->config.mtu + ETHERNET_HEADER_BYTES + ETHERNET_VLAN_TAG_BYTES, &session->counters);
  session->next = device->sessions;
  device->sessions = session;
  device->session_count++;
  zx_status_t status = fuchsia_hardware_ethernet_Device_bind(device->dispatcher, server_end, &device_ops,
                                                             session, session_unbound, &session->binding);
  if (status != ZX_OK) session_destroy(session);
  return status;
}

static bool anybody_has_begun(const device_t* device) {
  for (const session_t* session = device->sessions; session; session = session->next) {
    if (session->begun) return true;
  }
  return false;
}

void session_destroy(session_t* session) {
  device_t* device = session->device;
  for (session_t** link = &device->sessions; *link; link = &(*link)->next) {
    if (*link != session) continue;
    *link = session->next;
    device->session_count--;
    break;
  }
  if (session->rx_waiting) async_cancel_wait(device->dispatcher, &session->rx_wait);
  if (session->tx_waiting) async_cancel_wait(device->dispatcher, &session->tx_wait);
  exchange_deinit(&session->exchange);
  ethernet_counters_add(&device->counters, &session->counters);
  bool is_last = session->begun && !anybody_has_begun(device);
  free(session);
  if (is_last && device->wire && device->wire->ops->deserted) device->wire->ops->deserted(device->wire);
}
