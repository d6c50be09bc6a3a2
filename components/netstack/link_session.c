// The conversation of the link endpoint with one device, from finding it to losing it. Above:
// link_endpoint.c. Below: the generated client of fuchsia.hardware.ethernet.Device.
//
// A session is a chain of requests, each sent from the answer to the one before:
//   GetInfo, SetOffloads, SetClientName and GetFifos, SetIOBuffer, Start, multicast addresses, GetStatus; the
//   link is up when the device says ONLINE.
// A device that does not know SetOffloads, which is not in the published protocol, closes the channel on it;
// the next session goes without. Anything unexpected ends the session; the next begins after a pause that
// doubles up to its limit while devices keep failing. One timer serves both as that pause and as the limit on
// how long getting started may take, so a device that never answers is given up like one that is gone.
#include <string.h>

#include <lib/fidl/fidl.h>
#include <zircon/syscalls.h>

#include "link_internal.h"

static const zx_duration_t pause_first_ns = ZX_MSEC(20);
static const zx_duration_t pause_limit_ns = ZX_SEC(5);
static const zx_duration_t start_limit_ns = ZX_SEC(10);

static void set_up(link_endpoint_t* link, bool up, zx_status_t reason) {
  if (link->up == up) return;
  link->up = up;
  if (link->destroying) return;
  if (up) {
    link->ops.up(link->context, &link->info);
  } else {
    link->ops.down(link->context, reason);
  }
}

static void ignore_status(void* context, zx_status_t status, void* response) {
  // A lost connection is reported through `closed`; a device that cannot filter sends too much, which the
  // engine drops.
}

static void multicast_add_done(void* context, zx_status_t status,
                               fuchsia_hardware_ethernet_DeviceConfigMulticastAddMacResponse* response) {
  ignore_status(context, status, response);
}

static void multicast_delete_done(
    void* context, zx_status_t status,
    fuchsia_hardware_ethernet_DeviceConfigMulticastDeleteMacResponse* response) {
  ignore_status(context, status, response);
}

static void multicast_all_done(
    void* context, zx_status_t status,
    fuchsia_hardware_ethernet_DeviceConfigMulticastSetPromiscuousModeResponse* response) {
  ignore_status(context, status, response);
}

void link_session_multicast(link_endpoint_t* link, const uint8_t mac[LINK_MAC_SIZE], bool add) {
  if (!link->started) return;
  if (add) {
    fuchsia_hardware_ethernet_DeviceConfigMulticastAddMacRequest request = {0};
    memcpy(request.addr.octets, mac, LINK_MAC_SIZE);
    (void)fuchsia_hardware_ethernet_Device_ConfigMulticastAddMac_async(link->client, &request,
                                                                       multicast_add_done, link);
  } else {
    fuchsia_hardware_ethernet_DeviceConfigMulticastDeleteMacRequest request = {0};
    memcpy(request.addr.octets, mac, LINK_MAC_SIZE);
    (void)fuchsia_hardware_ethernet_Device_ConfigMulticastDeleteMac_async(link->client, &request,
                                                                          multicast_delete_done, link);
  }
}

void link_session_multicast_all(link_endpoint_t* link, bool enabled) {
  if (!link->started) return;
  fuchsia_hardware_ethernet_DeviceConfigMulticastSetPromiscuousModeRequest request = {.enabled = enabled};
  (void)fuchsia_hardware_ethernet_Device_ConfigMulticastSetPromiscuousMode_async(link->client, &request,
                                                                                 multicast_all_done, link);
}

static void got_status(void* context, zx_status_t status,
                       fuchsia_hardware_ethernet_DeviceGetStatusResponse* response) {
  link_endpoint_t* link = context;
  if (status != ZX_OK) return;
  link->status_pending = false;
  bool online = (response->device_status & fuchsia_hardware_ethernet_DeviceStatus_ONLINE) != 0;
  if (online) link->pause_ns = pause_first_ns;
  set_up(link, online, ZX_OK);
  if (link->client && link_frames_listen(link) != ZX_OK) link_session_lost(link, ZX_ERR_INTERNAL);
}

void link_session_ask_status(link_endpoint_t* link) {
  if (link->status_pending) return;
  link->status_pending = true;
  zx_status_t status = fuchsia_hardware_ethernet_Device_GetStatus_async(link->client, got_status, link);
  if (status != ZX_OK) link_session_lost(link, status);
}

static void got_started(void* context, zx_status_t status,
                        fuchsia_hardware_ethernet_DeviceStartResponse* response) {
  link_endpoint_t* link = context;
  if (status != ZX_OK) return;
  status = response->status;
  link->status_pending = true;  // until the first answer; listening for changes begins with it
  if (status == ZX_OK) status = link_frames_start(link);
  if (status != ZX_OK) {
    link_session_lost(link, status);
    return;
  }
  (void)async_cancel_task(link->dispatcher, &link->retry);
  link->started = true;
  link->counters.sessions++;
  for (uint32_t i = 0; i < link->multicast.count; i++)
    link_session_multicast(link, link->multicast.macs[i], true);
  if (link->multicast.untracked > 0) link_session_multicast_all(link, true);
  link->status_pending = false;
  link_session_ask_status(link);
}

static void got_buffer_accepted(void* context, zx_status_t status,
                                fuchsia_hardware_ethernet_DeviceSetIoBufferResponse* response) {
  link_endpoint_t* link = context;
  if (status != ZX_OK) return;
  status = response->status;
  if (status == ZX_OK) status = fuchsia_hardware_ethernet_Device_Start_async(link->client, got_started, link);
  if (status != ZX_OK) link_session_lost(link, status);
}

static zx_status_t give_buffer(link_endpoint_t* link) {
  fuchsia_hardware_ethernet_DeviceSetIoBufferRequest request = {0};
  zx_status_t status = zx_handle_duplicate(link->vmo, ZX_RIGHT_SAME_RIGHTS, &request.h);
  if (status != ZX_OK) return status;
  return fuchsia_hardware_ethernet_Device_SetIOBuffer_async(link->client, &request, got_buffer_accepted,
                                                            link);
}

static void got_fifos(void* context, zx_status_t status,
                      fuchsia_hardware_ethernet_DeviceGetFifosResponse* response) {
  link_endpoint_t* link = context;
  if (status != ZX_OK) return;
  status = response->status;
  if (status == ZX_OK && !response->info) status = ZX_ERR_INVALID_ARGS;
  if (status == ZX_OK) status = link_frames_init(link, response->info);
  if (status == ZX_OK) status = give_buffer(link);
  if (status != ZX_OK) link_session_lost(link, status);
}

static void named(void* context, zx_status_t status,
                  fuchsia_hardware_ethernet_DeviceSetClientNameResponse* response) {
  ignore_status(context, status, response);
}

static zx_status_t ask_for_fifos(link_endpoint_t* link) {
  fuchsia_hardware_ethernet_DeviceSetClientNameRequest name = {.name = fidl_string("netstack")};
  (void)fuchsia_hardware_ethernet_Device_SetClientName_async(link->client, &name, named, link);
  return fuchsia_hardware_ethernet_Device_GetFifos_async(link->client, got_fifos, link);
}

static void got_offloads(void* context, zx_status_t status,
                         fuchsia_hardware_ethernet_DeviceSetOffloadsResponse* response) {
  link_endpoint_t* link = context;
  if (status != ZX_OK) return;
  link->asking_offloads = false;
  status = response->status;
  if (status == ZX_OK) {
    link->header_bytes = OFFLOAD_HEADER_BYTES;
    link->transmit_offloads = response->transmit;
    link->receive_offloads = response->receive;
  }
  if (status == ZX_OK || status == ZX_ERR_NOT_SUPPORTED) status = ask_for_fifos(link);
  if (status != ZX_OK) link_session_lost(link, status);
}

static zx_status_t ask_for_offloads(link_endpoint_t* link) {
  if (link->no_offloads) return ask_for_fifos(link);
  fuchsia_hardware_ethernet_DeviceSetOffloadsRequest request = {.transmit = OFFLOAD_ALL,
                                                                .receive = OFFLOAD_ALL};
  link->asking_offloads = true;
  return fuchsia_hardware_ethernet_Device_SetOffloads_async(link->client, &request, got_offloads, link);
}

static bool info_is_sound(const fuchsia_hardware_ethernet_Info* info) {
  static const uint8_t zero[LINK_MAC_SIZE];
  bool group = (info->mac.octets[0] & 1) != 0;
  return !group && memcmp(info->mac.octets, zero, LINK_MAC_SIZE) != 0 && info->mtu >= 68;
}

static void got_info(void* context, zx_status_t status,
                     fuchsia_hardware_ethernet_DeviceGetInfoResponse* response) {
  link_endpoint_t* link = context;
  if (status != ZX_OK) return;
  const fuchsia_hardware_ethernet_Info* info = &response->info;
  if (info_is_sound(info)) {
    memcpy(link->info.mac, info->mac.octets, LINK_MAC_SIZE);
    link->info.mtu = info->mtu < LINK_MTU_MAX ? info->mtu : LINK_MTU_MAX;
    status = ask_for_offloads(link);
  } else {
    status = ZX_ERR_INVALID_ARGS;
  }
  if (status != ZX_OK) link_session_lost(link, status);
}

static void connection_closed(void* context, fidl_client_t* client, zx_status_t reason) {
  link_endpoint_t* link = context;
  if (client == link->client) link_session_lost(link, reason);
}

static zx_status_t open_session(link_endpoint_t* link) {
  zx_handle_t client_end = ZX_HANDLE_INVALID;
  zx_handle_t server_end = ZX_HANDLE_INVALID;
  zx_status_t status = zx_channel_create(0, &client_end, &server_end);
  if (status != ZX_OK) return status;
  status = link->ops.connect(link->context, server_end);
  if (status != ZX_OK) {
    zx_handle_close(client_end);
    return status;
  }
  status = fuchsia_hardware_ethernet_Device_client_bind(link->dispatcher, client_end, NULL, link,
                                                        connection_closed, &link->client);
  if (status != ZX_OK) return status;
  return fuchsia_hardware_ethernet_Device_GetInfo_async(link->client, got_info, link);
}

static void retry(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  link_endpoint_t* link = (void*)((char*)task - offsetof(link_endpoint_t, retry));
  if (status != ZX_OK) return;
  if (link->client) {
    link_session_lost(link, ZX_ERR_TIMED_OUT);
    return;
  }
  status = open_session(link);
  if (status != ZX_OK) {
    link_session_lost(link, status);
    return;
  }
  (void)link_session_schedule(link, start_limit_ns);
}

zx_status_t link_session_schedule(link_endpoint_t* link, zx_duration_t pause_ns) {
  (void)async_cancel_task(link->dispatcher, &link->retry);
  link->retry.handler = retry;
  link->retry.deadline = zx_deadline_after(pause_ns);
  return async_post_task(link->dispatcher, &link->retry);
}

void link_session_close(link_endpoint_t* link) {
  (void)async_cancel_task(link->dispatcher, &link->retry);
  // A session that came further says that the device, or another in its place, may be asked again.
  if (link->asking_offloads || link->started) link->no_offloads = link->asking_offloads;
  link->asking_offloads = false;
  link->header_bytes = link->transmit_offloads = link->receive_offloads = 0;
  link->started = false;
  link->status_pending = false;
  fidl_client_t* client = link->client;
  link->client = NULL;
  fidl_client_close(client);
  link_frames_deinit(link);
}

void link_session_lost(link_endpoint_t* link, zx_status_t reason) {
  link_session_close(link);
  set_up(link, false, reason);
  if (link->pause_ns < pause_first_ns) link->pause_ns = pause_first_ns;
  (void)link_session_schedule(link, link->pause_ns);
  link->pause_ns = link->pause_ns * 2 < pause_limit_ns ? link->pause_ns * 2 : pause_limit_ns;
}
