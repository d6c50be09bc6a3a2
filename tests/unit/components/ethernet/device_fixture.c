#include "device_fixture.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <zircon/syscalls.h>

const uint8_t fixture_mac[ETHERNET_MAC_BYTES] = {0x02, 0, 0, 0, 0, 0x01};

// The fake wire

static zx_status_t fake_start(wire_t* base, const wire_events_t* events, void* context) {
  fake_wire_t* wire = (fake_wire_t*)base;
  wire->events = events;
  wire->context = context;
  events->status(context, true);
  return ZX_OK;
}

static zx_status_t fake_send(wire_t* base, const offload_header_t* header, const uint8_t* frame,
                             size_t length) {
  fake_wire_t* wire = (fake_wire_t*)base;
  if (wire->failing) return ZX_ERR_IO;
  if (wire->sent_count < 64 && length <= sizeof(wire->sent[0])) {
    memcpy(wire->sent[wire->sent_count], frame, length);
    wire->sent_length[wire->sent_count] = length;
    wire->sent_header[wire->sent_count] = *header;
  }
  wire->sent_count++;
  return ZX_OK;
}

static void fake_send_done(wire_t* base) {
  ((fake_wire_t*)base)->send_done_count++;
}

static void fake_accept(wire_t* base, uint32_t offloads) {
  ((fake_wire_t*)base)->accepted = offloads;
}

static void fake_resume(wire_t* base) {
  ((fake_wire_t*)base)->resume_count++;
}

static void fake_deserted(wire_t* base) {
  ((fake_wire_t*)base)->deserted_count++;
}

static void fake_destroy(wire_t* base) {
  ((fake_wire_t*)base)->destroyed = true;
}

static const wire_ops_t fake_ops = {
    .start = fake_start,
    .send = fake_send,
    .send_done = fake_send_done,
    .accept = fake_accept,
    .resume = fake_resume,
    .deserted = fake_deserted,
    .destroy = fake_destroy,
};

// The device

static void keep_log(void* context, const char* text) {
  fixture_t* fixture = context;
  size_t used = strlen(fixture->log);
  snprintf(fixture->log + used, sizeof(fixture->log) - used, "%s\n", text);
}

static void remember_loss(void* context) {
  fixture_t* fixture = context;
  fixture->wire_lost = true;
}

void fixture_init(fixture_t* fixture) {
  memset(fixture, 0, sizeof(*fixture));
  fixture->wire.base =
      (wire_t){.ops = &fake_ops, .transmit_offloads = FIXTURE_OFFLOADS, .receive_offloads = FIXTURE_OFFLOADS};
  ck_assert_int_eq(async_loop_create(NULL, &fixture->loop), ZX_OK);
  device_config_t config = {.mtu = FIXTURE_MTU, .features = fuchsia_hardware_ethernet_Features_SYNTHETIC};
  memcpy(config.mac, fixture_mac, sizeof(config.mac));
  ck_assert_int_eq(
      device_init(&fixture->device, async_loop_get_dispatcher(fixture->loop), &fixture->wire.base, &config),
      ZX_OK);
  fixture->device.log = keep_log;
  fixture->device.wire_lost = remember_loss;
  fixture->device.owner = fixture;
}

void fixture_deinit(fixture_t* fixture) {
  async_loop_shutdown(fixture->loop);
  device_deinit(&fixture->device);
  ck_assert(fixture->wire.destroyed);
  async_loop_destroy(fixture->loop);
}

void fixture_run_until(fixture_t* fixture, const bool* done) {
  zx_time_t deadline = zx_deadline_after(ZX_SEC(50));
  while (!*done)
    ck_assert_msg(async_loop_run(fixture->loop, deadline, true) == ZX_OK, "waited in vain");
}

void fixture_run(fixture_t* fixture) {
  ck_assert_int_eq(async_loop_run_until_idle(fixture->loop), ZX_OK);
}

size_t fixture_deliver(fixture_t* fixture, const uint8_t* frame, size_t length, size_t count) {
  static const offload_header_t plain;
  return fixture_deliver_as(fixture, &plain, frame, length, count);
}

size_t fixture_deliver_as(fixture_t* fixture, const offload_header_t* header, const uint8_t* frame,
                          size_t length, size_t count) {
  const wire_events_t* events = fixture->wire.events;
  size_t taken = 0;
  while (taken < count && events->can_receive(fixture->wire.context)) {
    events->receive(fixture->wire.context, header, frame, length);
    taken++;
  }
  if (taken > 0) events->receive_done(fixture->wire.context);
  return taken;
}

// Clients

static void cut_off(void* context, fidl_client_t* fidl, zx_status_t reason) {
  client_t* client = context;
  client->closed = true;
  client->reason = reason;
}

void client_connect(client_t* client, fixture_t* fixture) {
  memset(client, 0, sizeof(*client));
  client->fixture = fixture;
  zx_handle_t client_end, server_end;
  ck_assert_int_eq(zx_channel_create(0, &client_end, &server_end), ZX_OK);
  ck_assert_int_eq(
      fuchsia_hardware_ethernet_Device_client_bind(async_loop_get_dispatcher(fixture->loop), client_end, NULL,
                                                   client, cut_off, &client->fidl),
      ZX_OK);
  device_connect(&fixture->device, server_end);
}

void client_start(client_t* client, fixture_t* fixture) {
  client_connect(client, fixture);
  client_go(client);
}

void client_go(client_t* client) {
  ck_assert_int_eq(client_get_fifos(client), ZX_OK);
  ck_assert_int_eq(zx_vmo_create(FIXTURE_MEMORY_BYTES, 0, &client->vmo), ZX_OK);
  zx_handle_t shared;
  ck_assert_int_eq(zx_handle_duplicate(client->vmo, ZX_RIGHT_SAME_RIGHTS, &shared), ZX_OK);
  ck_assert_int_eq(client_set_io_buffer(client, shared), ZX_OK);
  ck_assert_int_eq(client_do_start(client), ZX_OK);
}

void client_close(client_t* client) {
  fidl_client_close(client->fidl);
  zx_handle_close(client->rx);
  zx_handle_close(client->tx);
  zx_handle_close(client->vmo);
  client->fidl = NULL;
  client->rx = client->tx = client->vmo = ZX_HANDLE_INVALID;
}

static zx_status_t client_wait(client_t* client, zx_status_t asked) {
  if (asked != ZX_OK) return asked;
  fixture_run_until(client->fixture, &client->answered);
  return client->status;
}

static fidl_client_t* client_ask(client_t* client) {
  client->answered = false;
  client->status = ZX_OK;
  return client->fidl;
}

// Keeps the transport's status, or else the one in the answer.
static void client_answer(client_t* client, zx_status_t transport, zx_status_t answer) {
  client->status = transport != ZX_OK ? transport : answer;
  client->answered = true;
}

static void fifos_answered(void* context, zx_status_t status,
                           fuchsia_hardware_ethernet_DeviceGetFifosResponse* response) {
  client_t* client = context;
  client_answer(client, status, response ? response->status : ZX_OK);
  if (!response || !response->info) return;
  ck_assert_uint_eq(response->info->rx_depth, EXCHANGE_DEPTH);
  ck_assert_uint_eq(response->info->tx_depth, EXCHANGE_DEPTH);
  client->rx = response->info->rx;
  client->tx = response->info->tx;
  response->info->rx = response->info->tx = ZX_HANDLE_INVALID;
}

zx_status_t client_get_fifos(client_t* client) {
  return client_wait(
      client, fuchsia_hardware_ethernet_Device_GetFifos_async(client_ask(client), fifos_answered, client));
}

static void info_answered(void* context, zx_status_t status,
                          fuchsia_hardware_ethernet_DeviceGetInfoResponse* response) {
  client_t* client = context;
  client_answer(client, status, ZX_OK);
  if (response) client->info = response->info;
}

zx_status_t client_get_info(client_t* client) {
  return client_wait(
      client, fuchsia_hardware_ethernet_Device_GetInfo_async(client_ask(client), info_answered, client));
}

static void status_answered(void* context, zx_status_t status,
                            fuchsia_hardware_ethernet_DeviceGetStatusResponse* response) {
  client_t* client = context;
  client_answer(client, status, ZX_OK);
  if (response) client->device_status = response->device_status;
}

zx_status_t client_get_status(client_t* client) {
  return client_wait(
      client, fuchsia_hardware_ethernet_Device_GetStatus_async(client_ask(client), status_answered, client));
}

static void nothing_answered(void* context, zx_status_t status) {
  client_answer(context, status, ZX_OK);
}

zx_status_t client_do_stop(client_t* client) {
  return client_wait(
      client, fuchsia_hardware_ethernet_Device_Stop_async(client_ask(client), nothing_answered, client));
}

zx_status_t client_listen_stop(client_t* client) {
  return client_wait(client, fuchsia_hardware_ethernet_Device_ListenStop_async(client_ask(client),
                                                                               nothing_answered, client));
}

// The answers that are a status alone.
#define STATUS_ANSWERED(method)                                                                 \
  static void method##_answered(void* context, zx_status_t status,                              \
                                fuchsia_hardware_ethernet_Device##method##Response* response) { \
    client_answer(context, status, response ? response->status : ZX_OK);                        \
  }
STATUS_ANSWERED(SetIoBuffer)
STATUS_ANSWERED(Start)
STATUS_ANSWERED(ListenStart)
STATUS_ANSWERED(SetClientName)
STATUS_ANSWERED(SetPromiscuousMode)
STATUS_ANSWERED(ConfigMulticastAddMac)
STATUS_ANSWERED(ConfigMulticastDeleteMac)
STATUS_ANSWERED(ConfigMulticastSetPromiscuousMode)
STATUS_ANSWERED(ConfigMulticastTestFilter)
STATUS_ANSWERED(DumpRegisters)

zx_status_t client_set_io_buffer(client_t* client, zx_handle_t vmo) {
  fuchsia_hardware_ethernet_DeviceSetIoBufferRequest request = {.h = vmo};
  return client_wait(client, fuchsia_hardware_ethernet_Device_SetIOBuffer_async(
                                 client_ask(client), &request, SetIoBuffer_answered, client));
}

static void offloads_answered(void* context, zx_status_t status,
                              fuchsia_hardware_ethernet_DeviceSetOffloadsResponse* response) {
  client_t* client = context;
  client_answer(client, status, response ? response->status : ZX_OK);
  if (!response) return;
  client->transmit = response->transmit;
  client->receive = response->receive;
}

zx_status_t client_set_offloads(client_t* client, uint32_t transmit, uint32_t receive) {
  const fuchsia_hardware_ethernet_DeviceSetOffloadsRequest request = {.transmit = transmit,
                                                                      .receive = receive};
  return client_wait(client, fuchsia_hardware_ethernet_Device_SetOffloads_async(client_ask(client), &request,
                                                                                offloads_answered, client));
}

zx_status_t client_do_start(client_t* client) {
  return client_wait(
      client, fuchsia_hardware_ethernet_Device_Start_async(client_ask(client), Start_answered, client));
}

zx_status_t client_listen_start(client_t* client) {
  return client_wait(client, fuchsia_hardware_ethernet_Device_ListenStart_async(
                                 client_ask(client), ListenStart_answered, client));
}

zx_status_t client_test_filter(client_t* client) {
  return client_wait(client, fuchsia_hardware_ethernet_Device_ConfigMulticastTestFilter_async(
                                 client_ask(client), ConfigMulticastTestFilter_answered, client));
}

zx_status_t client_dump_registers(client_t* client) {
  return client_wait(client, fuchsia_hardware_ethernet_Device_DumpRegisters_async(
                                 client_ask(client), DumpRegisters_answered, client));
}

zx_status_t client_set_promiscuous(client_t* client, bool enabled) {
  const fuchsia_hardware_ethernet_DeviceSetPromiscuousModeRequest request = {.enabled = enabled};
  return client_wait(client, fuchsia_hardware_ethernet_Device_SetPromiscuousMode_async(
                                 client_ask(client), &request, SetPromiscuousMode_answered, client));
}

zx_status_t client_set_name(client_t* client, const char* name) {
  const fuchsia_hardware_ethernet_DeviceSetClientNameRequest request = {.name = fidl_string(name)};
  return client_wait(client, fuchsia_hardware_ethernet_Device_SetClientName_async(
                                 client_ask(client), &request, SetClientName_answered, client));
}

zx_status_t client_add_multicast(client_t* client, const uint8_t mac[ETHERNET_MAC_BYTES]) {
  fuchsia_hardware_ethernet_DeviceConfigMulticastAddMacRequest request = {0};
  memcpy(request.addr.octets, mac, ETHERNET_MAC_BYTES);
  return client_wait(client, fuchsia_hardware_ethernet_Device_ConfigMulticastAddMac_async(
                                 client_ask(client), &request, ConfigMulticastAddMac_answered, client));
}

zx_status_t client_delete_multicast(client_t* client, const uint8_t mac[ETHERNET_MAC_BYTES]) {
  fuchsia_hardware_ethernet_DeviceConfigMulticastDeleteMacRequest request = {0};
  memcpy(request.addr.octets, mac, ETHERNET_MAC_BYTES);
  return client_wait(client, fuchsia_hardware_ethernet_Device_ConfigMulticastDeleteMac_async(
                                 client_ask(client), &request, ConfigMulticastDeleteMac_answered, client));
}

zx_status_t client_set_all_multicast(client_t* client, bool enabled) {
  const fuchsia_hardware_ethernet_DeviceConfigMulticastSetPromiscuousModeRequest request = {.enabled =
                                                                                                enabled};
  return client_wait(client,
                     fuchsia_hardware_ethernet_Device_ConfigMulticastSetPromiscuousMode_async(
                         client_ask(client), &request, ConfigMulticastSetPromiscuousMode_answered, client));
}

// Frames

void client_put(client_t* client, zx_handle_t fifo, uint32_t offset, uint16_t length, uint64_t cookie) {
  exchange_entry_t entry = {.offset = offset, .length = length, .cookie = cookie};
  ck_assert_int_eq(zx_fifo_write(fifo, sizeof(entry), &entry, 1, NULL), ZX_OK);
}

exchange_entry_t client_take(client_t* client, zx_handle_t fifo) {
  exchange_entry_t entry;
  zx_time_t deadline = zx_deadline_after(ZX_SEC(50));
  zx_status_t status;
  while ((status = zx_fifo_read(fifo, sizeof(entry), &entry, 1, NULL)) == ZX_ERR_SHOULD_WAIT) {
    ck_assert_msg(async_loop_run(client->fixture->loop, deadline, true) == ZX_OK, "no entry came back");
  }
  ck_assert_int_eq(status, ZX_OK);
  return entry;
}

bool client_has_entry(client_t* client, zx_handle_t fifo) {
  fixture_run(client->fixture);
  return zx_object_wait_one(fifo, ZX_FIFO_READABLE, ZX_TIME_INFINITE_PAST, NULL) == ZX_OK;
}

void client_send(client_t* client, uint32_t offset, const uint8_t* frame, uint16_t length, uint64_t cookie) {
  ck_assert_int_eq(zx_vmo_write(client->vmo, frame, offset, length), ZX_OK);
  client_put(client, client->tx, offset, length, cookie);
}
