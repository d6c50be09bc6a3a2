// What all objects have in common: references, handles, identity, user signals, and those who watch them.
//
// Lifetime: a handle holds a reference and counts in `handle_count`; a call in progress holds a reference.
// When the last handle of this process goes, `close` runs (waits end, the peer is told); when the last
// reference goes, `destroy`. Locks are taken in the order object, port, handle table; none of them is held
// across a call that blocks, except by a call of a single-threaded process.
#ifndef RUNTIME_ZX_OBJECT_H_
#define RUNTIME_ZX_OBJECT_H_

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <zircon/types.h>

#include "runtime/zx/list.h"
#include "runtime/zx/threads.h"

struct zx_object;
struct wire_handle;
struct waker;

#define OBJECT_MAX_FDS 3  // descriptors that stand for one object in a message

struct object_ops {
  zx_obj_type_t type;
  zx_rights_t rights;        // of a new object's handle
  zx_signals_t signal_mask;  // what zx_object_signal may change; 0: nothing
  bool waitable;
  zx_signals_t certain;  // those that are on whenever `peek` says so; of others only `knows` tells

  // The three below run with the object's lock held. Signals known from memory, without a system call:
  zx_signals_t (*peek)(struct zx_object* object);
  // Gets ready for a sleep until one of `want`: says for which events of `wait_fd` to poll, arms the bell,
  // and returns the signals found on after that.
  zx_signals_t (*arm)(struct zx_object* object, zx_signals_t want, short* events);
  // Takes note of what a poll of `wait_fd` said; returns all signals on now.
  zx_signals_t (*ready)(struct zx_object* object, zx_signals_t want, short revents);

  // Watches for a moment whether one of `want` may have come, if that promises to be cheaper than a sleep.
  // Lock not held; null: never.
  bool (*spin)(struct zx_object* object, zx_signals_t want);

  // In place of a poll of `wait_fd` and what `ready` does: sleeps in one system call until something may have
  // changed, and takes note of it. Only for a process with one thread, which asks for no deadline; after
  // `arm`, lock held. False, at once: not possible at the moment. Null: never.
  bool (*block)(struct zx_object* object, zx_signals_t want);

  // Whether memory, together with a poll of `wait_fd` for `polled`, tells all signals (but for the death of a
  // peer). Null: always.
  bool (*knows)(const struct zx_object* object, short polled);

  // How often signals that other processes may change have come on so far; and which of them have since it
  // was that often, whether they are still on or not. Null: whoever changes signals is of this process and
  // tells.
  uint32_t (*rises)(const struct zx_object* object);
  zx_signals_t (*risen)(const struct zx_object* object, uint32_t since);

  // Changes own signals; null: `user_signals` only. Returns with the lock held, as called.
  void (*signal)(struct zx_object* object, zx_signals_t clear, zx_signals_t set);
  zx_status_t (*signal_peer)(struct zx_object* object, zx_signals_t clear,
                             zx_signals_t set);  // lock not held

  // Gets ready an object that has done nothing so far that only its use needs; see object_rouse. Lock not
  // held. Null: it is never dormant.
  zx_status_t (*rouse)(struct zx_object* object);

  // Describes the object for a message: fills `wire` but for the rights, and lists the descriptors, which
  // stay the object's. `moves`: its last handle goes. Null: the object cannot leave its process.
  zx_status_t (*pack)(struct zx_object* object, bool moves, struct wire_handle* wire, int fds[OBJECT_MAX_FDS],
                      unsigned* num_fds);

  // From now on other processes may hold duplicates of this very object. Lock held, and perhaps not for the
  // first time; null: nothing to do.
  zx_status_t (*share)(struct zx_object* object);

  // Properties; null: the type has none. `value` is not null.
  zx_status_t (*get_property)(struct zx_object* object, uint32_t property, void* value, size_t size);
  zx_status_t (*set_property)(struct zx_object* object, uint32_t property, const void* value, size_t size);

  void (*close)(struct zx_object* object);    // the last handle of this process is gone; may be null
  void (*destroy)(struct zx_object* object);  // the last reference is gone: release everything and free
};

struct zx_object {
  const struct object_ops* ops;
  atomic_uint refs;
  atomic_uint handle_count;
  pthread_mutex_t lock;
  atomic_bool dormant;  // nobody has used it yet
  zx_koid_t koid;
  zx_koid_t related_koid;
  zx_rights_t max_rights;  // what a handle that arrives in a message may have
  int wait_fd;             // what to poll; -1 if nothing outside this process can change the signals
  bool leaving;         // its last handle was taken for a message, and it is described as it was then; lock
  bool transferred;     // moved away in a message: it lives on elsewhere
  unsigned generation;  // object_fork_generation when it was made
  unsigned forks;       // that this process had made then
  bool shared;          // a duplicate lives elsewhere
  zx_signals_t user_signals;   // lock
  struct list_node observers;  // struct observer; lock
  struct list_node links;      // struct port_link, by object_node; lock
};

// A thread that waits, seen from an object. Lives on the thread's stack.
struct observer {
  struct list_node node;
  zx_handle_t handle;
  zx_signals_t trigger;
  uint32_t since;    // object_rises when the wait began
  zx_signals_t hit;  // the signals on when one of `trigger` came, from within this process; lock
  bool canceled;     // the handle was closed; lock
  struct waker* waker;
};

// Sets up the common part: one reference, no handle, a fresh koid.
void object_init(struct zx_object* object, const struct object_ops* ops, int wait_fd);
static inline void object_ref(struct zx_object* object);
static inline void object_unref(struct zx_object* object);  // null is fine
// For who destroys a chain of objects without recursion. True: what `destroy` would do is the caller's.
static inline bool object_unref_is_last(struct zx_object* object);

// How many forks this process comes from.
extern atomic_uint object_fork_generation;

// Whether the object was made before a fork, in the parent: then it is none of this process's business.
static inline bool object_is_inherited(const struct zx_object* object);

// In a forked child, before anything else. It is done by itself as well, but perhaps after the handlers that
// others have registered for forks.
void object_start_child(void);

// From now on it is, and no longer the parent's.
void object_adopt(struct zx_object* object);

// Whether a child may hold copies of the object's descriptors, by a fork since it was made.
bool object_may_be_copied(const struct zx_object* object);

// To be called before anything is done with an object but describing, sending and closing it.
// ZX_ERR_NO_MEMORY.
static inline zx_status_t object_rouse(struct zx_object* object);

// An id that no other object of this machine is likely to have.
zx_koid_t object_new_koid(void);

// Tells those who wait in this process that `signals` are on now; others may be on as well. What came on and
// went off again since a wait began counts for it. Lock held.
void object_notify(struct zx_object* object, zx_signals_t signals);

// object_ops.rises and risen, for any object. A wait takes the first before it looks at the signals. Lock
// held.
uint32_t object_rises(const struct zx_object* object);
zx_signals_t object_risen(const struct zx_object* object, uint32_t since);

// Around a call that may turn signals off: those who wait get what is on before it; those who wait for an
// edge learn what is off after it. Lock held. `also`: on, though memory may not know.
static inline void object_change_begin(struct zx_object* object, zx_signals_t also);
static inline void object_change_end(struct zx_object* object);

// Ends the waits made with `handle`. Lock not held.
void object_cancel_waits(struct zx_object* object, zx_handle_t handle);

// The signals that threads and ports of this process wait for. Lock held.
zx_signals_t object_awaited(const struct zx_object* object);

// Whether another thread of this process waits, or a port. Lock held.
bool object_is_watched(const struct zx_object* object);
// The same without a port that is just reporting on it (port_harvest).
bool object_is_watched_elsewhere(const struct zx_object* object);

// `wait_fd` has changed: wakes those who poll the old one. Lock held.
void object_rearm(struct zx_object* object);

// All signals, from the kernel, too; those who wait are told. Lock held; object_signals: not held.
zx_signals_t object_signals_locked(struct zx_object* object);
zx_signals_t object_signals(struct zx_object* object);

// Whether memory, with a poll for `polled`, tells all signals. Lock held.
bool object_knows(const struct zx_object* object, short polled);

// The parts of the above that matter when somebody waits.
void object_tell_before_change(struct zx_object* object, zx_signals_t also);
void object_tell_after_change(struct zx_object* object);

static inline void object_ref(struct zx_object* object) {
  threads_add(&object->refs, 1);
}

static inline bool object_unref_is_last(struct zx_object* object) {
  // Release and acquire: what this thread did to the object is seen by the thread that destroys it.
  if (threads_add(&object->refs, -1u) != 1) return false;
  pthread_mutex_destroy(&object->lock);
  return true;
}

static inline void object_unref(struct zx_object* object) {
  if (object && object_unref_is_last(object)) object->ops->destroy(object);
}

static inline zx_status_t object_rouse(struct zx_object* object) {
  // Acquire: who finds it roused sees what that made.
  return atomic_load_explicit(&object->dormant, memory_order_acquire) ? object->ops->rouse(object) : ZX_OK;
}

static inline bool object_is_inherited(const struct zx_object* object) {
  return object->generation != atomic_load_explicit(&object_fork_generation, memory_order_relaxed);
}

static inline void object_change_begin(struct zx_object* object, zx_signals_t also) {
  if (!list_is_empty(&object->observers) || !list_is_empty(&object->links)) {
    object_tell_before_change(object, also);
  }
}

static inline void object_change_end(struct zx_object* object) {
  if (!list_is_empty(&object->links)) object_tell_after_change(object);
}

#endif  // RUNTIME_ZX_OBJECT_H_
