// Objects without another end that several processes may hold: events, and clocks, which are events with a
// time.
//
// Such an object lives in this process's memory until it is first sent to another: then its signals move to a
// page of shared memory, beside a bell (a socket pair both of whose ends every holder has).
#ifndef RUNTIME_ZX_EVENT_H_
#define RUNTIME_ZX_EVENT_H_

#include "runtime/zx/object.h"
#include "runtime/zx/pair.h"

// The shared memory: the signals, and room for what the object tells besides.
#define EVENT_EXTRA_OFFSET sizeof(struct pair_side)
#define EVENT_EXTRA_BYTES 1024u
#define EVENT_MEMORY (EVENT_EXTRA_OFFSET + EVENT_EXTRA_BYTES)

struct event {
  struct zx_object base;
  struct pair_side* shared;  // null while the object is this process's own; lock
  zx_signals_t mask;         // all the signals there are
  int memory_fd;
  int bell_in;
  int bell_out;
  int listener;  // base.wait_fd: other processes listen too
};

void event_init(struct event* event, const struct object_ops* ops, zx_signals_t mask);

// Moves the signals to shared memory, unless they are there. Lock held. ZX_ERR_NO_MEMORY,
// ZX_ERR_NO_RESOURCES.
zx_status_t event_share(struct event* event);

// The descriptors of a shared object for a message; returns how many.
unsigned event_fds(const struct event* event, int fds[OBJECT_MAX_FDS]);

// Makes an object of `object_size` bytes, of which struct event is the first member, of what a message
// brought; the three descriptors are consumed, also on failure. ZX_ERR_IO_DATA_INTEGRITY, ZX_ERR_NO_MEMORY,
// ZX_ERR_NO_RESOURCES.
zx_status_t event_attach(const struct object_ops* ops, size_t object_size, zx_signals_t mask, const int* fds,
                         struct event** out);

// For struct object_ops. event_signal: lock held.
zx_signals_t event_peek(struct zx_object* object);
uint32_t event_rises(const struct zx_object* object);
zx_signals_t event_risen(const struct zx_object* object, uint32_t since);
zx_signals_t event_arm(struct zx_object* object, zx_signals_t want, short* events);
zx_signals_t event_ready(struct zx_object* object, zx_signals_t want, short revents);
void event_signal(struct zx_object* object, zx_signals_t clear, zx_signals_t set);
void event_destroy(struct zx_object* object);

#endif  // RUNTIME_ZX_EVENT_H_
