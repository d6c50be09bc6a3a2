// References, identity and notification; see object.h for the rules.
#include "runtime/zx/object.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "runtime/zx/handle.h"
#include "runtime/zx/port.h"
#include "runtime/zx/waker.h"

// Koids: a random start per process, so that no two processes meet. A forked child starts anew.
static pthread_once_t koid_once = PTHREAD_ONCE_INIT;
static _Atomic zx_koid_t koid_next;
static atomic_uint forks;  // that this process has made
static _Atomic pid_t process;
atomic_uint object_fork_generation;

static void koid_seed(void) {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed)) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    seed = ((uint64_t)getpid() << 40) ^ (uint64_t)now.tv_nsec ^ ((uint64_t)now.tv_sec << 30);
  }
  seed = (seed & (INT64_MAX >> 1)) | ((uint64_t)1 << 60);
  atomic_store_explicit(&koid_next, seed, memory_order_relaxed);
}

void object_start_child(void) {
  if (atomic_load_explicit(&process, memory_order_relaxed) == getpid()) return;
  atomic_store_explicit(&process, getpid(), memory_order_relaxed);
  handle_start_child();
  koid_seed();
  atomic_fetch_add_explicit(&object_fork_generation, 1, memory_order_relaxed);
}

static void note_fork(void) {
  atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

static void koid_start(void) {
  koid_seed();
  atomic_store_explicit(&process, getpid(), memory_order_relaxed);
  pthread_atfork(note_fork, NULL, object_start_child);
}

void object_adopt(struct zx_object* object) {
  object->generation = atomic_load_explicit(&object_fork_generation, memory_order_relaxed);
}

bool object_may_be_copied(const struct zx_object* object) {
  return object->forks != atomic_load_explicit(&forks, memory_order_relaxed);
}

zx_koid_t object_new_koid(void) {
  pthread_once(&koid_once, koid_start);
  return atomic_fetch_add_explicit(&koid_next, 1, memory_order_relaxed);
}

void object_init(struct zx_object* object, const struct object_ops* ops, int wait_fd) {
  object->ops = ops;
  atomic_init(&object->refs, 1);
  atomic_init(&object->handle_count, 0);
  pthread_mutex_init(&object->lock, NULL);
  atomic_init(&object->dormant, false);
  object->koid = object_new_koid();
  object->related_koid = 0;
  object->max_rights = ops->rights;
  object->wait_fd = wait_fd;
  object->leaving = false;
  object->transferred = false;
  object->generation = atomic_load_explicit(&object_fork_generation, memory_order_relaxed);
  object->forks = atomic_load_explicit(&forks, memory_order_relaxed);
  object->shared = false;
  object->user_signals = 0;
  list_init(&object->observers);
  list_init(&object->links);
}

void object_notify(struct zx_object* object, zx_signals_t signals) {
  LIST_FOR_EACH(node, &object->observers) {
    struct observer* observer = LIST_ENTRY(node, struct observer, node);
    zx_signals_t on = signals | object_risen(object, observer->since);
    if (!(on & observer->trigger)) continue;
    if (!observer->hit) observer->hit = on;
    waker_wake(observer->waker);
  }
  port_notify(object, signals);
}

uint32_t object_rises(const struct zx_object* object) {
  return object->ops->rises ? object->ops->rises(object) : 0;
}

zx_signals_t object_risen(const struct zx_object* object, uint32_t since) {
  return object->ops->risen ? object->ops->risen(object, since) : 0;
}

void object_tell_before_change(struct zx_object* object, zx_signals_t also) {
  if (object_is_watched(object)) object_notify(object, object->ops->peek(object) | also);
}

void object_tell_after_change(struct zx_object* object) {
  if (!port_has_edge_waits(object)) return;
  port_note_fall(object, object_knows(object, 0) ? object->ops->peek(object) : object_signals_locked(object));
}

bool object_knows(const struct zx_object* object, short polled) {
  return !object->ops->knows || object->ops->knows(object, polled);
}

void object_rearm(struct zx_object* object) {
  LIST_FOR_EACH(node, &object->observers) {
    waker_wake(LIST_ENTRY(node, struct observer, node)->waker);
  }
  port_rearm(object);
}

zx_signals_t object_awaited(const struct zx_object* object) {
  zx_signals_t signals = port_awaited(object);
  LIST_FOR_EACH(node, &object->observers) {
    signals |= LIST_ENTRY(node, struct observer, node)->trigger;
  }
  return signals;
}

static bool is_observed(const struct zx_object* object) {
  LIST_FOR_EACH(node, &object->observers) {
    // Without a waker it is the only thread there is, and awake.
    if (LIST_ENTRY(node, struct observer, node)->waker) return true;
  }
  return false;
}

bool object_is_watched(const struct zx_object* object) {
  return is_observed(object) || port_watches(object, true);
}

bool object_is_watched_elsewhere(const struct zx_object* object) {
  return is_observed(object) || port_watches(object, false);
}

void object_cancel_waits(struct zx_object* object, zx_handle_t handle) {
  threads_lock(&object->lock);
  LIST_FOR_EACH(node, &object->observers) {
    struct observer* observer = LIST_ENTRY(node, struct observer, node);
    if (observer->handle != handle) continue;
    observer->canceled = true;
    waker_wake(observer->waker);
  }
  port_cancel_handle(object, handle);
  threads_unlock(&object->lock);
}

zx_signals_t object_signals_locked(struct zx_object* object) {
  const zx_signals_t all = ~(zx_signals_t)0;
  zx_signals_t signals;
  if (object->wait_fd < 0) {
    signals = object->ops->peek(object);
  } else {
    struct pollfd pollfd = {.fd = object->wait_fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    poll(&pollfd, 1, 0);
    signals = object->ops->ready(object, all, pollfd.revents);
  }
  // A bell that this look has silenced rang for them as well.
  object_notify(object, signals);
  return signals;
}

zx_signals_t object_signals(struct zx_object* object) {
  pthread_mutex_lock(&object->lock);
  zx_signals_t signals = object_signals_locked(object);
  pthread_mutex_unlock(&object->lock);
  return signals;
}
