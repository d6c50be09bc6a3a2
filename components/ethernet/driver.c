// See driver.h: start-up, the outgoing protocol, the log, the end.
#include "driver.h"

#include <errno.h>
#include <fidl/fuchsia.hardware.ethernet.h>
#include <lib/async-loop/loop.h>
#include <lib/async/task.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <zircon/status.h>
#include <zircon/syscalls.h>

#include "device.h"

typedef struct driver {
  const driver_kind_t* kind;
  async_loop_t* loop;
  component_t* component;
  device_t device;
  bool device_ready;
  bool lost;  // the wire has gone
  async_task_t stopping;
  zx_time_t stop_deadline;  // 0: it has not been asked to
} driver_t;

// Less than the component manager has.
static const zx_duration_t stop_patience_ns = ZX_SEC(4);
static const zx_duration_t stop_look_ns = ZX_MSEC(5);

static void log_text(void* context, const char* text) {
  const driver_t* driver = context;
  component_log(driver->component, COMPONENT_LOG_INFO, "%s", text);
}

static void connect_client(void* context, zx_handle_t server_end) {
  driver_t* driver = context;
  device_connect(&driver->device, server_end);
}

// Clients are gone before their driver is asked to stop; what they have sent last may still be here.
static void look_whether_finished(driver_t* driver) {
  driver->stopping.deadline = zx_deadline_after(stop_look_ns);
  bool again = driver->device_ready && device_is_unfinished(&driver->device) &&
               driver->stopping.deadline < driver->stop_deadline &&
               async_post_task(async_loop_get_dispatcher(driver->loop), &driver->stopping) == ZX_OK;
  if (!again) async_loop_quit(driver->loop);
}

static void stop_task(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  driver_t* driver = (void*)((char*)task - offsetof(driver_t, stopping));
  if (status == ZX_OK) look_whether_finished(driver);
}

static void stop(void* context) {
  driver_t* driver = context;
  if (driver->stop_deadline) return;
  driver->stopping.handler = stop_task;
  driver->stop_deadline = zx_deadline_after(stop_patience_ns);
  look_whether_finished(driver);
}

// Ends the driver: whoever needs it again gets a new one, which opens a wire of its own.
static void wire_lost(void* context) {
  driver_t* driver = context;
  component_log(driver->component, COMPONENT_LOG_ERROR, "the %s wire is gone", driver->kind->name);
  driver->lost = true;
  async_loop_quit(driver->loop);
}

// An address of our own: locally administered, a station's.
static zx_status_t random_mac(uint8_t mac[ETHERNET_MAC_BYTES]) {
  if (getrandom(mac, ETHERNET_MAC_BYTES, 0) != ETHERNET_MAC_BYTES) return ZX_ERR_NO_RESOURCES;
  mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02);
  return ZX_OK;
}

static zx_status_t driver_start(driver_t* driver, driver_options_t* options) {
  async_dispatcher_t* dispatcher = async_loop_get_dispatcher(driver->loop);
  if (!options->mac_given && random_mac(options->mac) != ZX_OK) return ZX_ERR_NO_RESOURCES;
  wire_t* wire;
  zx_status_t status = driver->kind->open(dispatcher, driver->component, options, &wire);
  if (status != ZX_OK) return status;
  device_config_t config = {.mtu = options->mtu, .features = fuchsia_hardware_ethernet_Features_SYNTHETIC};
  memcpy(config.mac, options->mac, sizeof(config.mac));
  status = device_init(&driver->device, dispatcher, wire, &config);
  if (status != ZX_OK) {
    component_log(driver->component, COMPONENT_LOG_ERROR, "the %s wire does not start: status %d",
                  driver->kind->name, status);
    return status;
  }
  driver->device_ready = true;
  driver->device.log = log_text;
  driver->device.wire_lost = wire_lost;
  driver->device.owner = driver;
  return component_serve(driver->component, fuchsia_hardware_ethernet_Device_NAME, connect_client, driver);
}

static void log_counters(driver_t* driver) {
  ethernet_counters_t counters;
  char text[ETHERNET_COUNTERS_TEXT_MAX];
  device_counters(&driver->device, &counters);
  ethernet_counters_text(&counters, text);
  component_log(driver->component, COMPONENT_LOG_INFO, "counters: %s", text);
}

int driver_main(int argc, char** argv, const driver_kind_t* kind) {
  driver_t driver = {.kind = kind};
  driver_options_t options = {.mtu = 1500, .host_loopback = true, .offloads = true, .device = "jacinth0"};
  char error[DRIVER_OPTIONS_ERROR_MAX];
  if (!driver_options_parse(argc, argv, &options, error)) {
    fprintf(stderr, "ethernet_%s: %s\n", kind->name, error);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  zx_status_t status = async_loop_create(NULL, &driver.loop);
  if (status == ZX_OK) status = component_create(async_loop_get_dispatcher(driver.loop), &driver.component);
  if (status != ZX_OK) {
    fprintf(stderr, "ethernet_%s: cannot start as a component (%s): a manifest starts it, see jacinth run\n",
            kind->name, zx_status_get_string(status));
  } else {
    component_on_stop(driver.component, stop, &driver);
    status = driver_start(&driver, &options);
  }
  if (status == ZX_OK) {
    async_loop_run(driver.loop, ZX_TIME_INFINITE, false);
    log_counters(&driver);
  }
  if (driver.loop) async_loop_shutdown(driver.loop);
  if (driver.device_ready) device_deinit(&driver.device);
  component_destroy(driver.component);
  async_loop_destroy(driver.loop);
  return status == ZX_OK && !driver.lost ? 0 : 1;
}
