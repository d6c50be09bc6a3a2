#include "fake_device.h"

#include <check.h>
#include <string.h>

#include <lib/fidl/fidl.h>
#include <zircon/syscalls.h>

void fake_device_init(fake_device_t* device, async_dispatcher_t* dispatcher, uint8_t last_octet_of_mac) {
  *device = (fake_device_t){.dispatcher = dispatcher,
                            .mac = {2, 0, 0, 0, 0, last_octet_of_mac},
                            .mtu = 1500,
                            .depth = 8,
                            .online = true};
}

static void close_handles(fake_device_t* device) {
  (void)async_cancel_wait(device->dispatcher, &device->tx_wait);
  zx_handle_t handles[] = {device->rx, device->tx, device->client_rx, device->client_tx, device->vmo};
  for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
    zx_handle_close(handles[i]);
  device->rx = device->tx = device->client_rx = device->client_tx = device->vmo = ZX_HANDLE_INVALID;
  if (device->memory) zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)device->memory, device->memory_bytes);
  device->memory = NULL;
  device->started = false;
}

void fake_device_deinit(fake_device_t* device) {
  close_handles(device);
}

void fake_device_kill(fake_device_t* device) {
  if (device->binding) fidl_binding_close(device->binding, ZX_ERR_PEER_CLOSED);
  device->binding = NULL;
  close_handles(device);
}

size_t fake_device_take(zx_handle_t fifo, fake_entry_t* entries, size_t capacity) {
  size_t count = 0;
  return zx_fifo_read(fifo, sizeof(*entries), entries, capacity, &count) == ZX_OK ? count : 0;
}

bool fake_device_put(zx_handle_t fifo, const fake_entry_t* entry) {
  return zx_fifo_write(fifo, sizeof(*entry), entry, 1, NULL) == ZX_OK;
}

bool fake_device_deliver(fake_device_t* device, const void* frame, size_t length) {
  fake_entry_t entry;
  if (!device->memory || fake_device_take(device->rx, &entry, 1) == 0) return false;
  ck_assert_uint_ge(entry.length, length);
  ck_assert_uint_le(entry.offset + length, device->memory_bytes);
  memcpy(device->memory + entry.offset, frame, length);
  entry.length = (uint16_t)length;
  entry.flags = fuchsia_hardware_ethernet_FIFO_RX_OK;
  return fake_device_put(device->rx, &entry);
}

static void tx_ready(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                     const zx_packet_signal_t* signal) {
  fake_device_t* device = (void*)((char*)wait - offsetof(fake_device_t, tx_wait));
  if (status != ZX_OK) return;
  fake_entry_t entry;
  while (fake_device_take(device->tx, &entry, 1) == 1) {
    ck_assert_uint_le(entry.offset + entry.length, device->memory_bytes);
    device->sent(device->sent_context, device->memory + entry.offset, entry.length);
    entry.flags = fuchsia_hardware_ethernet_FIFO_TX_OK;
    fake_device_put(device->tx, &entry);
  }
  if (!(signal->observed & ZX_FIFO_PEER_CLOSED)) async_begin_wait(dispatcher, wait);
}

static void begin_tx_wait(fake_device_t* device) {
  device->tx_wait = (async_wait_t){
      .handler = tx_ready, .object = device->tx, .trigger = ZX_FIFO_READABLE | ZX_FIFO_PEER_CLOSED};
  ck_assert_int_eq(async_begin_wait(device->dispatcher, &device->tx_wait), ZX_OK);
}

void fake_device_attach(fake_device_t* device, void (*sent)(void*, const uint8_t*, size_t), void* context) {
  device->sent = sent;
  device->sent_context = context;
  device->attached = true;
  if (device->started) begin_tx_wait(device);
}

// The protocol

static void get_info(void* context, fidl_completer_t completer) {
  fake_device_t* device = context;
  if (device->silent) return;
  fuchsia_hardware_ethernet_DeviceGetInfoResponse response = {.info = {.mtu = device->mtu}};
  memcpy(response.info.mac.octets, device->mac, 6);
  fuchsia_hardware_ethernet_Device_GetInfo_reply(completer, &response);
}

static void get_fifos(void* context, fidl_completer_t completer) {
  fake_device_t* device = context;
  uint32_t depth = device->depth > 0 && device->depth <= 256 ? device->depth : 256;
  ck_assert_int_eq(zx_fifo_create(depth, sizeof(fake_entry_t), 0, &device->rx, &device->client_rx), ZX_OK);
  ck_assert_int_eq(zx_fifo_create(depth, sizeof(fake_entry_t), 0, &device->tx, &device->client_tx), ZX_OK);
  fuchsia_hardware_ethernet_Fifos fifos = {
      .rx = device->client_rx, .tx = device->client_tx, .rx_depth = device->depth, .tx_depth = device->depth};
  device->client_rx = device->client_tx = ZX_HANDLE_INVALID;
  fuchsia_hardware_ethernet_DeviceGetFifosResponse response = {.status = ZX_OK, .info = &fifos};
  fuchsia_hardware_ethernet_Device_GetFifos_reply(completer, &response);
}

static void set_io_buffer(void* context, fuchsia_hardware_ethernet_DeviceSetIoBufferRequest* request,
                          fidl_completer_t completer) {
  fake_device_t* device = context;
  device->vmo = request->h;
  request->h = ZX_HANDLE_INVALID;
  zx_vaddr_t address = 0;
  ck_assert_int_eq(zx_vmo_get_size(device->vmo, &device->memory_bytes), ZX_OK);
  zx_status_t status =
      zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_REQUIRE_NON_RESIZABLE, 0,
                  device->vmo, 0, device->memory_bytes, &address);
  ck_assert_int_eq(status, ZX_OK);
  device->memory = (uint8_t*)address;
  fuchsia_hardware_ethernet_DeviceSetIoBufferResponse response = {.status = ZX_OK};
  fuchsia_hardware_ethernet_Device_SetIOBuffer_reply(completer, &response);
}

static void set_offloads(void* context, fuchsia_hardware_ethernet_DeviceSetOffloadsRequest* request,
                         fidl_completer_t completer) {
  fake_device_t* device = context;
  if (device->old) {
    fidl_completer_close(completer, ZX_ERR_NOT_SUPPORTED);
    return;
  }
  uint32_t transmit = request->transmit & device->transmit_offloads;
  uint32_t receive = request->receive & device->receive_offloads;
  fuchsia_hardware_ethernet_DeviceSetOffloadsResponse response = {
      .status = transmit | receive ? ZX_OK : ZX_ERR_NOT_SUPPORTED, .transmit = transmit, .receive = receive};
  fuchsia_hardware_ethernet_Device_SetOffloads_reply(completer, &response);
}

static void start(void* context, fidl_completer_t completer) {
  fake_device_t* device = context;
  device->started = true;
  if (device->attached) begin_tx_wait(device);
  fuchsia_hardware_ethernet_DeviceStartResponse response = {.status = ZX_OK};
  fuchsia_hardware_ethernet_Device_Start_reply(completer, &response);
}

static void set_client_name(void* context, fuchsia_hardware_ethernet_DeviceSetClientNameRequest* request,
                            fidl_completer_t completer) {
  fake_device_t* device = context;
  device->named = fidl_string_equals(request->name, "netstack");
  fuchsia_hardware_ethernet_DeviceSetClientNameResponse response = {.status = ZX_OK};
  fuchsia_hardware_ethernet_Device_SetClientName_reply(completer, &response);
}

static void get_status(void* context, fidl_completer_t completer) {
  fake_device_t* device = context;
  fuchsia_hardware_ethernet_DeviceGetStatusResponse response = {
      .device_status = device->online ? fuchsia_hardware_ethernet_DeviceStatus_ONLINE : 0};
  zx_object_signal_peer(device->rx, fuchsia_hardware_ethernet_SIGNAL_STATUS, 0);
  fuchsia_hardware_ethernet_Device_GetStatus_reply(completer, &response);
}

static void add_mac(void* context, fuchsia_hardware_ethernet_DeviceConfigMulticastAddMacRequest* request,
                    fidl_completer_t completer) {
  fake_device_t* device = context;
  device->multicast_added++;
  fuchsia_hardware_ethernet_DeviceConfigMulticastAddMacResponse response = {.status = ZX_OK};
  fuchsia_hardware_ethernet_Device_ConfigMulticastAddMac_reply(completer, &response);
}

static void delete_mac(void* context,
                       fuchsia_hardware_ethernet_DeviceConfigMulticastDeleteMacRequest* request,
                       fidl_completer_t completer) {
  fake_device_t* device = context;
  device->multicast_removed++;
  fuchsia_hardware_ethernet_DeviceConfigMulticastDeleteMacResponse response = {.status = ZX_OK};
  fuchsia_hardware_ethernet_Device_ConfigMulticastDeleteMac_reply(completer, &response);
}

static void all_multicast(void* context,
                          fuchsia_hardware_ethernet_DeviceConfigMulticastSetPromiscuousModeRequest* request,
                          fidl_completer_t completer) {
  fake_device_t* device = context;
  device->multicast_all = request->enabled;
  fuchsia_hardware_ethernet_DeviceConfigMulticastSetPromiscuousModeResponse response = {.status = ZX_OK};
  fuchsia_hardware_ethernet_Device_ConfigMulticastSetPromiscuousMode_reply(completer, &response);
}

static const fuchsia_hardware_ethernet_Device_ops_t ops = {
    .GetInfo = get_info,
    .GetFifos = get_fifos,
    .SetIOBuffer = set_io_buffer,
    .SetOffloads = set_offloads,
    .Start = start,
    .SetClientName = set_client_name,
    .GetStatus = get_status,
    .ConfigMulticastAddMac = add_mac,
    .ConfigMulticastDeleteMac = delete_mac,
    .ConfigMulticastSetPromiscuousMode = all_multicast,
};

static void unbound(void* context, fidl_binding_t* binding, zx_status_t reason) {
  fake_device_t* device = context;
  if (device->binding == binding) device->binding = NULL;
}

zx_status_t fake_device_connect(void* context, zx_handle_t server_end) {
  fake_device_t* device = context;
  close_handles(device);
  device->connections++;
  return fuchsia_hardware_ethernet_Device_bind(device->dispatcher, server_end, &ops, device, unbound,
                                               &device->binding);
}
