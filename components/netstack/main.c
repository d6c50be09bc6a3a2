// The netstack component: a loop, a netstack, and the component's namespace around them.
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <fidl/fuchsia.hardware.ethernet.h>
#include <fidl/fuchsia.posix.socket.h>
#include <lib/async-loop/loop.h>
#include <lib/component/component.h>
#include <zircon/status.h>

#include "config.h"
#include "netstack.h"
#include "provider.h"

typedef struct netstack_main {
  async_loop_t* loop;
  component_t* component;
  netstack_t* netstack;
  netstack_config_t config;
} netstack_main_t;

static void log_text(void* context, const char* text) {
  netstack_main_t* self = context;
  component_log(self->component, COMPONENT_LOG_INFO, "%s", text);
}

static zx_status_t connect_device(void* context, zx_handle_t server_end) {
  netstack_main_t* self = context;
  return component_connect(self->component, fuchsia_hardware_ethernet_Device_NAME, server_end);
}

static void serve_provider(void* context, zx_handle_t server_end) {
  netstack_main_t* self = context;
  netstack_serve_provider(self->netstack, server_end);
}

static void stopped(void* context) {
  netstack_main_t* self = context;
  async_loop_quit(self->loop);
}

static void stop(void* context) {
  netstack_main_t* self = context;
  netstack_stop(self->netstack, stopped, self);
}

// Kept for everything that is not a socket: for each client the connection to the Provider and the memory
// that shows sockets' states, the device, what is on its way.
enum { OTHER_DESCRIPTORS = 2 * PROVIDER_CLIENTS_MAX + 64 };

// How many descriptors sockets may take: the limit is raised as far as it goes.
static uint32_t socket_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur > INT32_MAX) return INT32_MAX;
  return limit.rlim_cur > 2 * OTHER_DESCRIPTORS ? (uint32_t)limit.rlim_cur - OTHER_DESCRIPTORS
                                                : (uint32_t)limit.rlim_cur / 2;
}

static zx_status_t start(netstack_main_t* self) {
  async_dispatcher_t* dispatcher = async_loop_get_dispatcher(self->loop);
  netstack_host_t host = {.context = self, .connect_device = connect_device, .log = log_text};
  component_on_stop(self->component, stop, self);
  zx_status_t status = netstack_create(dispatcher, &self->config, &host, &self->netstack);
  if (status != ZX_OK) {
    component_log(self->component, COMPONENT_LOG_ERROR, "cannot start: status %d", status);
    return status;
  }
  return component_serve(self->component, fuchsia_posix_socket_Provider_NAME, serve_provider, self);
}

static void log_capture(netstack_main_t* self) {
  const capture_t* capture = netstack_capture(self->netstack);
  uint64_t lost = capture ? capture_lost(capture) : 0;
  int error = capture ? capture_error(capture) : 0;
  if (error != 0) {
    component_log(self->component, COMPONENT_LOG_WARNING,
                  "the capture ends early, %" PRIu64 " frames are missing: %s", lost, strerror(error));
  } else if (lost > 0) {
    component_log(self->component, COMPONENT_LOG_WARNING,
                  "%" PRIu64 " frames are not in the capture: who reads it is too slow", lost);
  }
}

static void log_counters(netstack_main_t* self) {
  const link_counters_t* link = netstack_link_counters(self->netstack);
  const tcpip_stats_t* stats = tcpip_stats(netstack_engine(self->netstack));
  component_log(self->component, COMPONENT_LOG_INFO,
                "counters: rx %" PRIu64 " frames, tx %" PRIu64 " frames, %" PRIu64 " dropped, %" PRIu64
                " bad entries; udp rx %" PRIu64 ", tx %" PRIu64 ", no port %" PRIu64 ", buffer full %" PRIu64,
                link->rx_frames, link->tx_frames, link->tx_dropped,
                link->bad_cookie + link->bad_range + link->bad_flags + link->bad_header, stats->udp_rx,
                stats->udp_tx, stats->udp_rx_no_port, stats->udp_rx_buffer_full);
}

// Streams' buffers grow to megabytes and go with their connections. Memory that has been used once is kept
// for the next connection up to this much: having the kernel take and clear pages anew costs more than all
// else that is done to the bytes in them.
enum { KEPT_BYTES = 32 << 20 };

static void keep_memory(void) {
  (void)mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
  (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}

int main(int argc, char** argv) {
  netstack_main_t self = {0};
  char error[CONFIG_ERROR_SIZE];
  if (!netstack_config_parse(argc, argv, &self.config, error)) {
    fprintf(stderr, "netstack: %s\n", error);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  keep_memory();
  self.config.descriptors = socket_descriptors();
  zx_status_t status = async_loop_create(NULL, &self.loop);
  if (status == ZX_OK) status = component_create(async_loop_get_dispatcher(self.loop), &self.component);
  if (status == ZX_OK) {
    status = start(&self);
  } else {
    fprintf(stderr, "netstack: cannot start as a component (%s): a manifest starts it, see jacinth run\n",
            zx_status_get_string(status));
  }
  if (status == ZX_OK) {
    (void)async_loop_run(self.loop, ZX_TIME_INFINITE, false);
    log_counters(&self);
    log_capture(&self);
  }
  if (self.loop) async_loop_shutdown(self.loop);
  netstack_destroy(self.netstack);
  component_destroy(self.component);
  async_loop_destroy(self.loop);
  return status == ZX_OK ? 0 : 1;
}
