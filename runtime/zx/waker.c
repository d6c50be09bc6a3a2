// A pool of eventfds. They never leave the process, so nobody hostile can fill one. The pool empties itself
// when the process closes its last handle, so that the layer keeps no descriptor that its user does not know
// of.
#include "runtime/zx/waker.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/zx/handle.h"
#include "runtime/zx/threads.h"

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static struct waker* pool;

bool waker_needed(void) {
  return threads_are_many();
}

struct waker* waker_get(void) {
  pthread_mutex_lock(&pool_lock);
  struct waker* waker = pool;
  if (waker) pool = waker->next;
  pthread_mutex_unlock(&pool_lock);
  if (waker) return waker;
  waker = malloc(sizeof(*waker));
  if (!waker) return NULL;
  atomic_init(&waker->woken, false);
  waker->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (waker->fd >= 0) return waker;
  free(waker);
  return NULL;
}

void waker_put(struct waker* waker) {
  if (!waker) return;
  // Most waits end without it. Nobody wakes it any more: who did is seen here.
  if (atomic_load(&waker->woken)) waker_drain(waker);
  pthread_mutex_lock(&pool_lock);
  waker->next = pool;
  pool = waker;
  pthread_mutex_unlock(&pool_lock);
  // The last handle may have been closed while this one was out.
  if (handle_table_is_empty()) waker_trim();
}

void waker_wake(struct waker* waker) {
  const uint64_t one = 1;
  if (!waker) return;
  if (write(waker->fd, &one, sizeof(one)) < 0) {
    // Only a full counter refuses, and that is readable already.
  }
  // After the write, so that whoever takes it back drains what was written.
  atomic_store(&waker->woken, true);
}

void waker_drain(struct waker* waker) {
  uint64_t count;
  atomic_store(&waker->woken, false);
  if (read(waker->fd, &count, sizeof(count)) < 0) {
    // Nothing was there.
  }
}

void waker_forget(struct waker* waker) {
  if (!waker) return;
  close(waker->fd);
  free(waker);
}

void waker_trim(void) {
  pthread_mutex_lock(&pool_lock);
  struct waker* waker = pool;
  pool = NULL;
  pthread_mutex_unlock(&pool_lock);
  while (waker) {
    struct waker* next = waker->next;
    waker_forget(waker);
    waker = next;
  }
}

void waker_start_child(void) {
  // Held by a thread of the parent that was changing the pool: what that thread left is not to be followed.
  if (pthread_mutex_trylock(&pool_lock) == 0) {
    pthread_mutex_unlock(&pool_lock);
  } else {
    pool = NULL;
    pthread_mutex_init(&pool_lock, NULL);
  }
  waker_trim();
}
