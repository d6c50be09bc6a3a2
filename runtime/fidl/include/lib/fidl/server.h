// The server's side of a FIDL protocol: a binding joins one server end of a channel to a table of functions
// on a dispatcher, and completers answer its two-way requests. The typed functions are generated
// (codegen/README.md); they stand on what is declared here. Handlers and on_unbound are called on the
// dispatcher's thread, and what is not said to be for any thread is to be called there.
#ifndef LIB_FIDL_SERVER_H_
#define LIB_FIDL_SERVER_H_

#include <lib/async/dispatcher.h>
#include <lib/fidl/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// One bound server end. At most FIDL_BINDING_MAX_OUTSTANDING two-way requests are unanswered at a time:
// further messages stay in the channel until one is answered.
typedef struct fidl_binding fidl_binding_t;

#define FIDL_BINDING_MAX_OUTSTANDING 64u

// Called exactly once when a binding is over, as the last call made for it; `context` and `binding` are not
// used by the binding afterwards, except that completers still unanswered stay valid to be answered (to no
// effect). `reason`: ZX_ERR_PEER_CLOSED (the client went; all it had sent was handled first), the status
// given to fidl_binding_close() or fidl_completer_close(), ZX_ERR_INVALID_ARGS (a message that does not
// decode or breaks the protocol), ZX_ERR_NOT_SUPPORTED (an unknown method that the protocol does not
// tolerate, or a strict one without function), ZX_ERR_NO_RESOURCES (the client does not take its replies), or
// ZX_ERR_CANCELED (the dispatcher shut down). Never called from inside fidl_binding_close(),
// fidl_completer_close() or a reply function: always from the loop.
typedef void (*fidl_on_unbound_t)(void* context, fidl_binding_t* binding, zx_status_t reason);

// Ends a binding: no handler is called any more (the one that is running returns first), the client is told
// `epitaph` (ZX_OK included) and the channel closed, and on_unbound is called from the loop. May be called
// from inside the binding's own handlers. Calling it again before on_unbound has no effect.
void fidl_binding_close(fidl_binding_t* binding, zx_status_t epitaph);

// The binding's channel, borrowed; ZX_HANDLE_INVALID once it is over.
zx_handle_t fidl_binding_channel(const fidl_binding_t* binding);

// The right and the duty to answer one two-way request. A small value to be copied at will; it must be
// answered exactly once, now or later and on any thread, by the generated reply functions or by
// fidl_completer_close(). It may outlive the binding: answering is then harmless and returns ZX_ERR_CANCELED.
// It must not outlive the dispatcher unless the binding ended before.
typedef struct fidl_completer {
  fidl_binding_t* binding;
  uint32_t slot;
  uint32_t generation;
} fidl_completer_t;

// Answers a request by closing the whole binding with `epitaph`, as fidl_binding_close() does. Any thread; on
// another one than the dispatcher's the channel is closed, and a handler may still be called, until the
// dispatcher has got round to it.
void fidl_completer_close(fidl_completer_t completer, zx_status_t epitaph);

// The binding a completer belongs to; valid until the completer is answered.
static inline fidl_binding_t* fidl_completer_binding(fidl_completer_t completer) {
  return completer.binding;
}

// Writes an epitaph on a bare server end, which stays open and the caller's. ZX_OK or the channel's error.
zx_status_t fidl_epitaph_write(zx_handle_t server_end, zx_status_t epitaph);

#ifdef __cplusplus
}
#endif

#endif  // LIB_FIDL_SERVER_H_
