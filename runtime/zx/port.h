// What the other objects need to know of ports.
#ifndef RUNTIME_ZX_PORT_H_
#define RUNTIME_ZX_PORT_H_

#include "runtime/zx/object.h"

// `signals` of `object` are on now: queues packets for the asynchronous waits they meet. Object's lock held.
void port_notify(struct zx_object* object, zx_signals_t signals);

// For waits for an edge: all but `signals` are off. Object's lock held.
void port_note_fall(struct zx_object* object, zx_signals_t signals);
bool port_has_edge_waits(const struct zx_object* object);

// What asynchronous waits for the object wait for. Object's lock held.
zx_signals_t port_awaited(const struct zx_object* object);

// Whether an asynchronous wait for the object is pending. Object's lock held.
bool port_watches(const struct zx_object* object, bool reporting_too);

// What the object is to be polled by has changed. Object's lock held.
void port_rearm(struct zx_object* object);

// Ends the asynchronous waits made with `handle`. Object's lock held.
void port_cancel_handle(struct zx_object* object, zx_handle_t handle);

// In a forked child: forgets the waits that threads of the parent began, without touching what the ports
// watch, which is the parent's as well.
void port_abandon_waits(struct zx_object* object);

// The object has no handle left here: ports forget it. Object's lock not held.
void port_forget_object(struct zx_object* object);

#endif  // RUNTIME_ZX_PORT_H_
