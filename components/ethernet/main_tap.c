// ethernet_tap: the Ethernet driver of a TAP device, which it gets through jacinth.host/Tap.
#include <fidl/jacinth.host.h>
#include <string.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "driver.h"
#include "tap.h"

// How long the component manager may take to open the device.
#define OPEN_TIMEOUT ZX_SEC(10)

static zx_status_t open_device(component_t* component, const char* name, int* out_fd) {
  zx_handle_t client_end, server_end;
  zx_status_t status = zx_channel_create(0, &client_end, &server_end);
  if (status != ZX_OK) return status;
  status = component_connect(component, jacinth_host_Tap_NAME, server_end);
  FIDL_BUFFER(buffer, jacinth_host_Tap_Open_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, zx_deadline_after(OPEN_TIMEOUT));
  const jacinth_host_TapOpenRequest request = {.name = fidl_string(name)};
  jacinth_host_Tap_Open_Result* result;
  if (status == ZX_OK) status = jacinth_host_Tap_Open(client_end, &request, &call, &result);
  zx_handle_close(client_end);
  if (status != ZX_OK) return status;
  if (result->ordinal == jacinth_host_Tap_Open_Result_Tag_err) return result->err;
  return zx_linux_fd_unwrap(result->response.device, out_fd);
}

static zx_status_t open_wire(async_dispatcher_t* dispatcher, component_t* component,
                             const driver_options_t* options, wire_t** out) {
  int fd;
  zx_status_t status = open_device(component, options->device, &fd);
  if (status != ZX_OK) {
    component_log(component, COMPONENT_LOG_ERROR, "cannot open the TAP device %s: status %d", options->device,
                  status);
    return status;
  }
  status = tap_wire_create(dispatcher, fd, options->offloads, out);
  if (status != ZX_OK)
    component_log(component, COMPONENT_LOG_ERROR, "cannot use the TAP device: status %d", status);
  return status;
}

int main(int argc, char** argv) {
  static const driver_kind_t kind = {.name = "tap", .open = open_wire};
  return driver_main(argc, argv, &kind);
}
