// The engine's surroundings: time, frames, events. Above: provider.c and the kinds of sockets, which call the
// engine for applications. Below: <tcpip/tcpip.h> and the link endpoint.
//
// netstack_enter and netstack_leave bracket every visit to the engine. Leaving moves the bytes of streams and
// datagrams of the fast kind, sends what the visit produced, acknowledgements last, delivers what it sent to
// this host itself, and sets one timer to the engine's next deadline. The timer is only ever moved forward in
// time by its own firing: a deadline that became later costs nothing until then.
#include "netstack.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <inet/capture.h>
#include <inet/pieces.h>
#include <lib/trace/trace.h>
#include <tcpip/async.h>
#include <tcpip/offload.h>
#include <zircon/syscalls.h>

#include "fast_datagram_socket.h"
#include "interface.h"
#include "lease.h"
#include "provider.h"
#include "routed.h"
#include "socket_base.h"
#include "stream_socket.h"

// Less than the component manager has.
static const zx_duration_t stop_patience_ns = ZX_SEC(4);
static const zx_duration_t stop_look_ns = ZX_MSEC(5);

struct netstack {
  async_dispatcher_t* dispatcher;
  netstack_config_t config;
  netstack_host_t host;
  tcpip_t* engine;
  tcpip_timer_t timer;
  link_endpoint_t* link;
  uint32_t interface;  // the device's index in the engine, 0 before it was first seen
  provider_list_t* providers;
  stream_set_t* streams;
  fast_datagram_set_t* fast_datagrams;
  lease_t* lease;      // NULL: IPv4 addresses are configured
  routed_t* routed;    // NULL: and IPv6 ones, too
  capture_t* capture;  // NULL: frames are not recorded
  async_task_t stopping;
  zx_time_t stop_deadline;
  void (*stopped)(void* context);
  void* stopped_context;
  uint8_t scratch[NETSTACK_SCRATCH_BYTES];
};

async_dispatcher_t* netstack_dispatcher(const netstack_t* netstack) {
  return netstack->dispatcher;
}

tcpip_t* netstack_engine(const netstack_t* netstack) {
  return netstack->engine;
}

const netstack_config_t* netstack_configuration(const netstack_t* netstack) {
  return &netstack->config;
}

provider_list_t* netstack_providers(netstack_t* netstack) {
  return netstack->providers;
}

stream_set_t* netstack_streams(const netstack_t* netstack) {
  return netstack->streams;
}

fast_datagram_set_t* netstack_fast_datagrams(const netstack_t* netstack) {
  return netstack->fast_datagrams;
}

const link_counters_t* netstack_link_counters(const netstack_t* netstack) {
  return link_endpoint_counters(netstack->link);
}

const capture_t* netstack_capture(const netstack_t* netstack) {
  return netstack->capture;
}

void* netstack_scratch(netstack_t* netstack) {
  return netstack->scratch;
}

void netstack_log(netstack_t* netstack, const char* format, ...) {
  if (!netstack->host.log) return;
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  netstack->host.log(netstack->host.context, text);
}

void netstack_enter(netstack_t* netstack) {
  tcpip_set_time(netstack->engine, zx_clock_get_monotonic());
}

static bool serve(void* context) {
  const netstack_t* netstack = context;
  bool streams = stream_set_service(netstack->streams);
  return fast_datagram_set_service(netstack->fast_datagrams) || streams;
}

void netstack_leave(netstack_t* netstack) {
  bool more = tcpip_take_rounds(netstack->engine, serve, netstack);
  tcpip_send_acks(netstack->engine);
  link_endpoint_flush(netstack->link);
  if (netstack->capture) capture_flush(netstack->capture);
  tcpip_timer_set(&netstack->timer, more);
}

static void timer_fired(void* context) {
  netstack_leave(context);
}

// What the engine asks for.

static int engine_transmit(void* context, uint32_t interface, const struct iovec* iov, size_t iov_count,
                           const tcpip_offload_t* offload) {
  netstack_t* netstack = context;
  const offload_header_t header = tcpip_offload_to_header(offload);
  int error = link_endpoint_transmit(netstack->link, &header, iov, iov_count);
  if (netstack->capture && error == 0)
    capture_frame(netstack->capture, iov, iov_count, pieces_length(iov, iov_count));
  return error;
}

static void engine_multicast_filter(void* context, uint32_t interface, const uint8_t mac[TCPIP_MAC_SIZE],
                                    bool add) {
  netstack_t* netstack = context;
  link_endpoint_multicast(netstack->link, mac, add);
}

static void engine_socket_event(void* context, tcpip_socket_t* endpoint, void* socket_context,
                                uint32_t events) {
  socket_base_t* socket = socket_context;
  if (socket) socket->kind->event(socket, events);
}

static size_t engine_socket_held(void* context, void* socket_context) {
  socket_base_t* socket = socket_context;
  return socket && socket->kind->held ? socket->kind->held(socket) : 0;
}

static void engine_autoconfigured(void* context, uint32_t interface) {
  netstack_t* netstack = context;
  if (netstack->routed) routed_changed(netstack->routed);
}

static void engine_trace(void* context, const char* point) {
  trace_point(point, 0);
}

static int create_engine(netstack_t* netstack) {
  tcpip_config_t config = {
      .ops = {.transmit = engine_transmit,
              .multicast_filter = engine_multicast_filter,
              .socket_event = engine_socket_event,
              .socket_held = engine_socket_held,
              .autoconfigured = engine_autoconfigured,
              .trace = trace_enabled() ? engine_trace : NULL},
      .context = netstack,
      .now_ns = zx_clock_get_monotonic(),
  };
  if (getrandom(config.secret, sizeof(config.secret), 0) != (ssize_t)sizeof(config.secret)) return -1;
  return tcpip_create(&config, &netstack->engine);
}

void netstack_configured(netstack_t* netstack) {
  bool waits = (netstack->lease && !lease_has_address(netstack->lease)) ||
               (netstack->routed && !routed_has_address(netstack->routed));
  if (!waits) provider_list_open(netstack->providers);
}

// What the link endpoint tells.

static zx_status_t link_connect(void* context, zx_handle_t server_end) {
  netstack_t* netstack = context;
  if (netstack->host.connect_device) return netstack->host.connect_device(netstack->host.context, server_end);
  zx_handle_close(server_end);
  return ZX_ERR_NOT_FOUND;
}

static void link_up(void* context, const link_info_t* info) {
  netstack_t* netstack = context;
  netstack_enter(netstack);
  interface_up(netstack, info, &netstack->interface);
  if (netstack->routed) routed_up(netstack->routed, netstack->interface);
  if (netstack->lease) lease_up(netstack->lease, netstack->interface, info->mac);
  netstack_leave(netstack);
  netstack_configured(netstack);
}

static void link_down(void* context, zx_status_t reason) {
  netstack_t* netstack = context;
  netstack_enter(netstack);
  if (netstack->lease) lease_down(netstack->lease);
  interface_down(netstack, netstack->interface, reason);
  netstack_leave(netstack);
}

static void link_input(void* context, const offload_header_t* header, void* frame, const void* shared,
                       size_t length) {
  netstack_t* netstack = context;
  const tcpip_offload_t offload = tcpip_offload_from_header(header);
  if (netstack->capture)
    capture_frame(netstack->capture, &(struct iovec){(void*)(uintptr_t)shared, length}, 1, length);
  tcpip_set_time(netstack->engine, zx_clock_get_monotonic());
  tcpip_gather_acks(netstack->engine);
  tcpip_lend(netstack->engine);
  tcpip_input_shared(netstack->engine, netstack->interface, frame, shared, length, &offload);
}

// Whole runs of segments, which have stayed in the device's memory, are acknowledged before the programs get
// them, so that the peer and the device work at the same time as we do. Small frames are gathered from one
// batch to the next.
static void link_input_done(void* context, bool more) {
  netstack_t* netstack = context;
  bool lent = tcpip_has_lent(netstack->engine);
  if (lent) {
    tcpip_send_acks(netstack->engine);
    link_endpoint_flush(netstack->link);
  }
  if (lent || !more) netstack_leave(netstack);
  tcpip_settle(netstack->engine);
}

static void link_writable(void* context) {
  netstack_t* netstack = context;
  netstack_enter(netstack);
  tcpip_link_writable(netstack->engine, netstack->interface);
  netstack_leave(netstack);
}

static const link_endpoint_ops_t link_ops = {
    .connect = link_connect,
    .up = link_up,
    .down = link_down,
    .input = link_input,
    .input_done = link_input_done,
    .writable = link_writable,
};

zx_status_t netstack_create(async_dispatcher_t* dispatcher, const netstack_config_t* config,
                            const netstack_host_t* host, netstack_t** out) {
  netstack_t* netstack = calloc(1, sizeof(*netstack));
  if (!netstack) return ZX_ERR_NO_MEMORY;
  netstack->dispatcher = dispatcher;
  netstack->config = *config;
  netstack->host = *host;
  zx_status_t status = ZX_ERR_NO_MEMORY;
  if (config->capture != 0) {
    netstack->capture = capture_create(config->capture);
    if (!netstack->capture) goto fail;
  }
  if (create_engine(netstack) != 0) goto fail;
  tcpip_timer_init(&netstack->timer, dispatcher, netstack->engine, timer_fired, netstack);
  status = link_endpoint_create(dispatcher, &link_ops, netstack, &netstack->link);
  if (status != ZX_OK) goto fail;
  status = provider_list_create(netstack, &netstack->providers);
  if (status != ZX_OK) goto fail;
  status = stream_set_create(netstack, &netstack->streams);
  if (status != ZX_OK) goto fail;
  status = fast_datagram_set_create(netstack, &netstack->fast_datagrams);
  if (status != ZX_OK) goto fail;
  if (config->dhcp) status = lease_create(netstack, &netstack->lease);
  if (status != ZX_OK) goto fail;
  if (config->slaac) status = routed_create(netstack, &netstack->routed);
  if (status != ZX_OK) goto fail;
  if (!host->connect_device) provider_list_open(netstack->providers);
  *out = netstack;
  return ZX_OK;

fail:
  netstack_destroy(netstack);
  return status;
}

// Programs are gone before their netstack is asked to stop; the last bytes that they wrote may not be, and
// even that they are gone may still be news.
static bool is_unfinished(netstack_t* netstack) {
  tcpip_interface_info_t info;
  if (tcpip_interface_get(netstack->engine, netstack->interface, &info) != 0 || !info.up) return false;
  return stream_set_is_unfinished(netstack->streams) ||
         fast_datagram_set_is_unfinished(netstack->fast_datagrams) || tcpip_is_unfinished(netstack->engine);
}

static void look_whether_finished(netstack_t* netstack) {
  netstack_enter(netstack);
  bool unfinished = is_unfinished(netstack) || (netstack->lease && !lease_release(netstack->lease));
  netstack_leave(netstack);
  netstack->stopping.deadline = zx_deadline_after(stop_look_ns);
  bool again = unfinished && netstack->stopping.deadline < netstack->stop_deadline &&
               async_post_task(netstack->dispatcher, &netstack->stopping) == ZX_OK;
  if (again) return;
  tcpip_reset_streams(netstack->engine);
  link_endpoint_flush(netstack->link);
  netstack->stopped(netstack->stopped_context);
}

static void stop_task(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  netstack_t* netstack = (void*)((char*)task - offsetof(netstack_t, stopping));
  if (status == ZX_OK) look_whether_finished(netstack);
}

void netstack_stop(netstack_t* netstack, void (*done)(void* context), void* context) {
  if (netstack->stopped) return;
  netstack->stopping.handler = stop_task;
  netstack->stop_deadline = zx_deadline_after(stop_patience_ns);
  netstack->stopped = done;
  netstack->stopped_context = context;
  look_whether_finished(netstack);
}

void netstack_destroy(netstack_t* netstack) {
  if (!netstack) return;
  (void)async_cancel_task(netstack->dispatcher, &netstack->stopping);
  lease_destroy(netstack->lease);
  routed_destroy(netstack->routed);
  netstack->routed = NULL;  // what follows still calls the engine
  stream_set_destroy(netstack->streams);
  fast_datagram_set_destroy(netstack->fast_datagrams);
  netstack->streams = NULL;  // what follows still leaves the engine
  netstack->fast_datagrams = NULL;
  provider_list_destroy(netstack->providers);
  link_endpoint_destroy(netstack->link);
  tcpip_timer_cancel(&netstack->timer);
  tcpip_destroy(netstack->engine);
  capture_destroy(netstack->capture);
  free(netstack);
}

void netstack_serve_provider(netstack_t* netstack, zx_handle_t server_end) {
  provider_list_add(netstack->providers, server_end);
}
