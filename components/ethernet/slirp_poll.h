// Which descriptors libslirp wants to be watched: an epoll set that follows what slirp_pollfds_fill asks for,
// so that the loop watches one descriptor however many sockets there are.
#ifndef COMPONENTS_ETHERNET_SLIRP_POLL_H_
#define COMPONENTS_ETHERNET_SLIRP_POLL_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zircon/types.h>

typedef struct slirp_poll_watch {
  int fd;
  int events;  // SLIRP_POLL_*, as asked for
  int ready;   // SLIRP_POLL_*, as found
} slirp_poll_watch_t;

typedef struct slirp_poll_interest {
  uint32_t events;      // what epoll watches the descriptor for
  uint32_t generation;  // of the last fill that asked for it
  int index;            // of its watch in that fill
  bool watched;
} slirp_poll_interest_t;

typedef struct slirp_poll {
  int epoll_fd;
  uint32_t generation;
  slirp_poll_watch_t* watches;  // what the last fill asked for
  size_t watch_count, watch_capacity;
  slirp_poll_interest_t* interests;  // by descriptor
  size_t interest_capacity;
} slirp_poll_t;

// ZX_ERR_NO_RESOURCES: no descriptor for the set.
zx_status_t slirp_poll_init(slirp_poll_t* poll);
void slirp_poll_deinit(slirp_poll_t* poll);

// The set as an object to wait for: READABLE when one of its descriptors is ready. ZX_ERR_NO_RESOURCES.
zx_status_t slirp_poll_wrap(const slirp_poll_t* poll, zx_handle_t* out);

// Begins a fill: forgets what was asked for.
void slirp_poll_begin(slirp_poll_t* poll);

// Asks for `events` (SLIRP_POLL_*) of `fd`. Returns the index by which slirp_poll_ready answers; -1 without
// memory.
int slirp_poll_add(slirp_poll_t* poll, int fd, int events);

// Ends a fill: the set watches exactly what was asked for.
void slirp_poll_end(slirp_poll_t* poll);

// Forgets a descriptor that is about to be closed, so that another with its number starts afresh.
void slirp_poll_forget(slirp_poll_t* poll, int fd);

// Looks, without waiting, which of the descriptors are ready.
void slirp_poll_collect(slirp_poll_t* poll);

// What slirp_poll_collect found for an index: SLIRP_POLL_*.
int slirp_poll_ready(const slirp_poll_t* poll, int index);

#endif  // COMPONENTS_ETHERNET_SLIRP_POLL_H_
