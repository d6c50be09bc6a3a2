// Waiting for signals of an object.
#ifndef LIB_ASYNC_WAIT_H_
#define LIB_ASYNC_WAIT_H_

#include <lib/async/dispatcher.h>
#include <zircon/syscalls/port.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct async_wait async_wait_t;

// Called once for each wait begun, unless it is cancelled first. ZX_OK: `signal` tells what was observed, for the time of
// the call. ZX_ERR_CANCELED: the loop shuts down; `signal` is null.
typedef void async_wait_handler_t(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                                  const zx_packet_signal_t* signal);

struct async_wait {
  async_wait_handler_t* handler;
  zx_handle_t object;    // must stay open while the wait is pending
  zx_signals_t trigger;
  uint32_t options;      // ZX_WAIT_ASYNC_*
  struct {
    async_node_t node;
    uint64_t key;
  } state;               // the loop's; zero before first use
};

// Begins a wait for any of `wait->trigger`. Costs no system call while the loop has other work. Needs WAIT on the object.
// ZX_ERR_ALREADY_EXISTS: it is pending. ZX_ERR_BAD_STATE: the loop is shutting down. Otherwise as zx_object_wait_async.
zx_status_t async_begin_wait(async_dispatcher_t* dispatcher, async_wait_t* wait);

// Ends a pending wait; its handler will not be called. ZX_ERR_NOT_FOUND: it was not pending.
zx_status_t async_cancel_wait(async_dispatcher_t* dispatcher, async_wait_t* wait);

#ifdef __cplusplus
}
#endif

#endif  // LIB_ASYNC_WAIT_H_
