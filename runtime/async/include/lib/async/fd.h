// A Linux descriptor in the loop.
#ifndef LIB_ASYNC_FD_H_
#define LIB_ASYNC_FD_H_

#include <stdbool.h>

#include <lib/async/dispatcher.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct async_fd async_fd_t;

// Called each time the descriptor is found ready (level-triggered), until cancelled. ZX_OK with `events` of POLLIN and
// POLLOUT; errors and hang-ups show as those that were asked for. ZX_ERR_CANCELED, events 0: the loop shuts down; no
// further call.
typedef void async_fd_handler_t(async_dispatcher_t* dispatcher, async_fd_t* fd, zx_status_t status, short events);

struct async_fd {
  async_fd_handler_t* handler;
  int fd;         // must stay open while it is in the loop
  short events;   // POLLIN, POLLOUT
  struct {
    async_node_t node;
    void* watcher;
  } state;        // the loop's; zero before first use
};

// Begins watching. ZX_ERR_ALREADY_EXISTS, ZX_ERR_BAD_STATE, ZX_ERR_INVALID_ARGS (events), ZX_ERR_NO_MEMORY.
zx_status_t async_begin_fd(async_dispatcher_t* dispatcher, async_fd_t* fd);

// Ends it. ZX_ERR_NOT_FOUND: it was not in the loop. To change `events`, cancel and begin again.
zx_status_t async_cancel_fd(async_dispatcher_t* dispatcher, async_fd_t* fd);

#ifdef __cplusplus
}
#endif

#endif  // LIB_ASYNC_FD_H_
