// The client's side of a FIDL protocol: synchronous calls on a bare channel, and an asynchronous client on a
// dispatcher. The typed functions are generated (codegen/README.md); they stand on what is declared here.
#ifndef LIB_FIDL_CLIENT_H_
#define LIB_FIDL_CLIENT_H_

#include <lib/async/dispatcher.h>
#include <lib/fidl/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// How and where the reply of one synchronous call is received. The reply is decoded in `bytes`, which must be
// aligned to 8, and lives as long as these bytes do.
typedef struct fidl_call {
  zx_time_t deadline;
  void* bytes;
  uint32_t capacity;
} fidl_call_t;

// Declares an 8-aligned buffer of at least `size` bytes (a constant), e.g. FIDL_BUFFER(buffer,
// a_b_P_M_RESPONSE_SIZE).
#define FIDL_BUFFER(name, size) uint64_t name[((size) + 7u) / 8u]

// A fidl_call_t for a buffer declared with FIDL_BUFFER (an array, not a pointer).
#define FIDL_CALL(buffer, deadline_) fidl_call_make((buffer), (uint32_t)sizeof(buffer), (deadline_))

static inline fidl_call_t fidl_call_make(void* bytes, uint32_t capacity, zx_time_t deadline) {
  fidl_call_t call;
  call.deadline = deadline;
  call.bytes = bytes;
  call.capacity = capacity;
  return call;
}

// An asynchronous client: owns a channel's client end, sends requests with transaction ids of its own, and
// hands replies and events to callbacks, all on the dispatcher's thread. It has at most
// FIDL_CLIENT_MAX_PENDING calls outstanding. Made by the generated `a_b_P_client_bind`.
typedef struct fidl_client fidl_client_t;

#define FIDL_CLIENT_MAX_PENDING 256u

// Called once when the connection is over without fidl_client_close(): `reason` is the epitaph the server
// sent, ZX_ERR_PEER_CLOSED, ZX_ERR_INVALID_ARGS (the server sent what the protocol does not allow), or
// ZX_ERR_CANCELED (the dispatcher shut down). Every outstanding call has had its callback by then. The client
// still has to be closed with fidl_client_close(), which may be done from here.
typedef void (*fidl_client_closed_t)(void* context, fidl_client_t* client, zx_status_t reason);

// Closes the channel, calls back each outstanding call with ZX_ERR_CANCELED before it returns, and frees the
// client; no callback follows. May be called from inside any of the client's callbacks. NULL is allowed.
void fidl_client_close(fidl_client_t* client);

// The client's channel, borrowed, for synchronous calls or one-way calls on it (their replies do not mix with
// those of the asynchronous calls); ZX_HANDLE_INVALID once the connection is over.
zx_handle_t fidl_client_channel(const fidl_client_t* client);

#ifdef __cplusplus
}
#endif

#endif  // LIB_FIDL_CLIENT_H_
