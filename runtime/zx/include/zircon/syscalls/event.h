// Events and eventpairs: objects that are nothing but signals, and signals in general.
#ifndef ZIRCON_SYSCALLS_EVENT_H_
#define ZIRCON_SYSCALLS_EVENT_H_

#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// Makes an event. ZX_ERR_INVALID_ARGS: `options` is not 0, null `out`.
zx_status_t zx_event_create(uint32_t options, zx_handle_t* out);

// Makes two events tied together: each can signal the other, and sees PEER_CLOSED when the other is gone.
// ZX_ERR_NOT_SUPPORTED: `options` is not 0. Here and for fifos and sockets, an end takes a place among the process's
// addresses when it is first used, by whatever call that changes its state, asks for it or waits for it: then this call
// may return ZX_ERR_NO_MEMORY, and may be tried again. An end that is only sent or closed needs none.
zx_status_t zx_eventpair_create(uint32_t options, zx_handle_t* out0, zx_handle_t* out1);

// Clears, then sets, signals of the object, at once. Needs SIGNAL. Events and eventpairs: user signals and SIGNALED;
// other objects: user signals. ZX_ERR_INVALID_ARGS: other bits. ZX_ERR_NOT_SUPPORTED: ports and address spaces.
zx_status_t zx_object_signal(zx_handle_t handle, zx_signals_t clear_mask, zx_signals_t set_mask);

// The same for the object at the other end. Needs SIGNAL_PEER. ZX_ERR_PEER_CLOSED; ZX_ERR_NOT_SUPPORTED: no peered
// object. On a channel the change travels behind the messages already written; ZX_ERR_SHOULD_WAIT: its queue is full.
zx_status_t zx_object_signal_peer(zx_handle_t handle, zx_signals_t clear_mask, zx_signals_t set_mask);

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_SYSCALLS_EVENT_H_
