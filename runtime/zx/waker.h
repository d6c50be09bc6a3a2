// Waking a thread of this process out of poll.
#ifndef RUNTIME_ZX_WAKER_H_
#define RUNTIME_ZX_WAKER_H_

#include <stdatomic.h>
#include <stdbool.h>

struct waker {
  int fd;             // an eventfd: poll it for POLLIN
  atomic_bool woken;  // since it was last drained
  struct waker* next;
};

// A waker for the calling thread, from a pool; null if there are no descriptors or no memory left.
struct waker* waker_get(void);
void waker_put(struct waker* waker);   // null is fine
void waker_wake(struct waker* waker);  // null is fine
void waker_drain(struct waker* waker);

// Frees what the pool keeps: the process holds no handle any more.
void waker_trim(void);

// After fork, in the child: the pool begins anew. Its eventfds are the parent's, and so is what is in them;
// and whoever held its lock is not here.
void waker_start_child(void);

// In a child, for one that came by fork: closes this process's copy and touches nothing of the parent's.
void waker_forget(struct waker* waker);  // null is fine

// Whether another thread might need to wake this one.
bool waker_needed(void);

#endif  // RUNTIME_ZX_WAKER_H_
