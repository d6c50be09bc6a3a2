// The netstack: the TCP/IP engine between applications, which speak fuchsia.posix.socket, and an Ethernet
// device.
//
// The engine does no input or output and knows no time; netstack.c gives it both. Everything that calls the
// engine does so between netstack_enter and netstack_leave. All of it runs on one loop's thread.
#ifndef COMPONENTS_NETSTACK_NETSTACK_H_
#define COMPONENTS_NETSTACK_NETSTACK_H_

#include <inet/capture.h>
#include <lib/async/dispatcher.h>
#include <lib/async/task.h>
#include <tcpip/tcpip.h>

#include "config.h"
#include "link_endpoint.h"

typedef struct netstack netstack_t;
typedef struct provider_list provider_list_t;
typedef struct stream_set stream_set_t;
typedef struct fast_datagram_set fast_datagram_set_t;

// What the netstack asks of the process it lives in.
typedef struct netstack_host {
  void* context;
  // Connects `server_end` (consumed) to the Ethernet device; NULL if there is none, then only loopback works.
  zx_status_t (*connect_device)(void* context, zx_handle_t server_end);
  // Takes a line of the log; may be NULL.
  void (*log)(void* context, const char* text);
} netstack_host_t;

// Makes a netstack and begins to look for its device. `config` and `host` are copied. ZX_ERR_NO_MEMORY,
// ZX_ERR_BAD_STATE.
zx_status_t netstack_create(async_dispatcher_t* dispatcher, const netstack_config_t* config,
                            const netstack_host_t* host, netstack_t** out);

// Ends in good order: what programs have written before they went still goes out, as long as the link is up
// and for no more than four seconds. Then every connection that is not over is reset, and `done` is called,
// on the loop's thread, now or later.
void netstack_stop(netstack_t* netstack, void (*done)(void* context), void* context);

// Closes every socket, lets go of the device, frees. The loop must run no handler of this netstack any more:
// call it after async_loop_shutdown. NULL is fine.
void netstack_destroy(netstack_t* netstack);

// Serves fuchsia.posix.socket.Provider on `server_end` (consumed). Its requests wait until the device is
// there, but no longer than some seconds.
void netstack_serve_provider(netstack_t* netstack, zx_handle_t server_end);

// For the modules of the netstack.

// Before calls of the engine: brings its time up to date.
void netstack_enter(netstack_t* netstack);

// After them: what was sent goes out or, if it was for this host, arrives; bytes of streams and datagrams of
// the fast kind are moved on; and the engine is called again when it wants to be.
void netstack_leave(netstack_t* netstack);

// One of those that find addresses has found one. When all have, and the link is up, programs may begin.
void netstack_configured(netstack_t* netstack);

async_dispatcher_t* netstack_dispatcher(const netstack_t* netstack);
tcpip_t* netstack_engine(const netstack_t* netstack);
const netstack_config_t* netstack_configuration(const netstack_t* netstack);
provider_list_t* netstack_providers(netstack_t* netstack);
stream_set_t* netstack_streams(const netstack_t* netstack);
fast_datagram_set_t* netstack_fast_datagrams(const netstack_t* netstack);
const link_counters_t* netstack_link_counters(const netstack_t* netstack);
const capture_t* netstack_capture(const netstack_t* netstack);  // NULL if frames are not recorded

// Memory that one received datagram is gathered in on its way into a reply; for the time of one request.
void* netstack_scratch(netstack_t* netstack);
enum { NETSTACK_SCRATCH_BYTES = 65536 };

// Writes a line of the log.
void netstack_log(netstack_t* netstack, const char* format, ...) __attribute__((format(printf, 2, 3)));

#endif  // COMPONENTS_NETSTACK_NETSTACK_H_
