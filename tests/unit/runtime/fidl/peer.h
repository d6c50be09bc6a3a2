// The other end of a binding or a client, as raw bytes: a channel, a loop, and messages as hexadecimal text.
#ifndef TESTS_UNIT_RUNTIME_FIDL_PEER_H_
#define TESTS_UNIT_RUNTIME_FIDL_PEER_H_

#include <lib/async-loop/loop.h>
#include <zircon/syscalls.h>

typedef struct peer {
  async_loop_t* loop;
  async_dispatcher_t* dispatcher;
  zx_handle_t raw;    // the test's end
  zx_handle_t bound;  // to be given to what is tested
} peer_t;

void peer_init(peer_t* peer);
// Closes `raw` if it is open, runs what is due, and ends the loop.
void peer_deinit(peer_t* peer);

// Runs what is due.
void peer_run(peer_t* peer);

void peer_write(peer_t* peer, const char* hex);
// With one handle, which is consumed.
void peer_write_handle(peer_t* peer, const char* hex, zx_handle_t handle);

// Reads one message and fails the test unless it has these bytes and no handle.
void peer_expect(peer_t* peer, const char* hex);
// As above with one handle, which it returns.
zx_handle_t peer_expect_handle(peer_t* peer, const char* hex);
// Nothing to read; the peer is still there or gone.
void peer_expect_nothing(peer_t* peer);
void peer_expect_closed(peer_t* peer);

// An event; and whether a handle still names something.
zx_handle_t peer_event(void);
bool peer_handle_valid(zx_handle_t handle);

#endif  // TESTS_UNIT_RUNTIME_FIDL_PEER_H_
