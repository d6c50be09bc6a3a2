// Blocking waits: one poll over the descriptors of the objects, plus an eventfd when other threads of this
// process could change an object or close a handle.
#include <errno.h>
#include <poll.h>

#include <zircon/linux.h>
#include <zircon/syscalls/object.h>

#include "runtime/zx/clock.h"
#include "runtime/zx/handle.h"
#include "runtime/zx/threads.h"
#include "runtime/zx/waker.h"

struct wait_entry {
  struct zx_object* object;
  struct observer observer;
  zx_signals_t signals;  // all that were on when last looked at
  bool hung;             // its descriptor reports a hang-up, which would be reported for ever
  bool ended;            // or that the peer will send no more, which makes it readable for ever as well
};

struct wait {
  struct wait_entry* entries;
  size_t count;
  struct waker* waker;
  int interrupt_fd;  // -1: none
  bool vague;        // of some object only the kernel knows all signals
  bool incurious;    // the caller does not ask which signals are on
};

enum wait_result { NOTHING, INTERRUPTED, SATISFIED, CANCELED };

// Threads of this process that change an object tell its observers, and so does this one, of what comes and
// goes.
static void observe(struct wait* wait) {
  for (size_t i = 0; i < wait->count; i++) {
    struct wait_entry* entry = &wait->entries[i];
    entry->observer.waker = wait->waker;
    pthread_mutex_lock(&entry->object->lock);
    entry->observer.since = object_rises(entry->object);
    list_add_tail(&entry->object->observers, &entry->observer.node);
    pthread_mutex_unlock(&entry->object->lock);
    if (!wait->waker) continue;
    // A close between the lookup and now has told nobody.
    struct zx_object* again = NULL;
    if (handle_lookup(entry->observer.handle, ZX_OBJ_TYPE_NONE, 0, &again, NULL) != ZX_OK ||
        again != entry->object) {
      pthread_mutex_lock(&entry->object->lock);
      entry->observer.canceled = true;
      pthread_mutex_unlock(&entry->object->lock);
    }
    object_unref(again);
  }
}

static void stop_observing(struct wait* wait) {
  for (size_t i = 0; i < wait->count; i++) {
    struct wait_entry* entry = &wait->entries[i];
    pthread_mutex_lock(&entry->object->lock);
    list_remove(&entry->observer.node);
    pthread_mutex_unlock(&entry->object->lock);
  }
}

// Object's lock held.
static enum wait_result judge(struct wait_entry* entry, zx_signals_t signals) {
  struct observer* observer = &entry->observer;
  entry->signals = observer->hit ? observer->hit : signals;
  if (observer->canceled) {
    entry->signals |= ZX_SIGNAL_HANDLE_CLOSED;
    return CANCELED;
  }
  return entry->signals & observer->trigger ? SATISFIED : NOTHING;
}

static enum wait_result worse(enum wait_result a, enum wait_result b) {
  return a > b ? a : b;
}

// What memory knows; costs nothing.
static enum wait_result look(struct wait* wait) {
  enum wait_result result = NOTHING;
  for (size_t i = 0; i < wait->count; i++) {
    struct wait_entry* entry = &wait->entries[i];
    threads_lock(&entry->object->lock);
    result = worse(result, judge(entry, entry->object->ops->peek(entry->object)));
    if (!object_knows(entry->object, 0)) wait->vague = true;
    threads_unlock(&entry->object->lock);
  }
  return result;
}

static enum wait_result arm(struct wait* wait, struct pollfd* pollfds) {
  enum wait_result result = NOTHING;
  for (size_t i = 0; i < wait->count; i++) {
    struct wait_entry* entry = &wait->entries[i];
    pollfds[i] = (struct pollfd){.fd = entry->hung ? -1 : entry->object->wait_fd, .events = 0};
    pthread_mutex_lock(&entry->object->lock);
    zx_signals_t signals =
        entry->object->ops->arm(entry->object, entry->observer.trigger, &pollfds[i].events);
    object_notify(entry->object, signals);
    result = worse(result, judge(entry, signals));
    if (!object_knows(entry->object, 0)) wait->vague = true;
    pthread_mutex_unlock(&entry->object->lock);
    if (entry->ended) {
      pollfds[i].events &= ~(POLLIN | POLLRDHUP);
    } else {
      pollfds[i].events |= POLLRDHUP;
    }
  }
  return result;
}

static enum wait_result note(struct wait* wait, const struct pollfd* pollfds) {
  enum wait_result result = NOTHING;
  for (size_t i = 0; i < wait->count; i++) {
    struct wait_entry* entry = &wait->entries[i];
    pthread_mutex_lock(&entry->object->lock);
    zx_signals_t signals;
    if (pollfds[i].revents) {
      signals = entry->object->ops->ready(entry->object, entry->observer.trigger, pollfds[i].revents);
      // The bell is silent now; others that sleep on it hear of it from here.
      object_notify(entry->object, signals);
    } else {
      signals = entry->object->ops->peek(entry->object);
    }
    entry->hung = entry->hung || (pollfds[i].revents & (POLLHUP | POLLERR | POLLNVAL));
    entry->ended = entry->ended || (pollfds[i].revents & POLLRDHUP);
    result = worse(result, judge(entry, signals));
    pthread_mutex_unlock(&entry->object->lock);
  }
  return result;
}

// Asks the kernel for everything, so that the caller sees the whole state, not only what it waited for.
static enum wait_result look_closely(struct wait* wait) {
  enum wait_result result = NOTHING;
  for (size_t i = 0; i < wait->count; i++) {
    struct wait_entry* entry = &wait->entries[i];
    zx_signals_t signals = object_signals(entry->object);
    pthread_mutex_lock(&entry->object->lock);
    result = worse(result, judge(entry, signals));
    pthread_mutex_unlock(&entry->object->lock);
  }
  return result;
}

// A wait that is met tells all signals of all its items, also those that only the kernel knows; and what
// memory took to be on may turn out to be over. `polled`: what has just been polled for; null: nothing.
static enum wait_result complete(struct wait* wait, enum wait_result result, const struct pollfd* polled) {
  if (result == NOTHING || result == INTERRUPTED || !wait->vague) return result;
  const struct wait_entry* first = &wait->entries[0];
  if (wait->incurious && (first->signals & first->observer.trigger & first->object->ops->certain))
    return result;
  result = NOTHING;
  for (size_t i = 0; i < wait->count; i++) {
    struct wait_entry* entry = &wait->entries[i];
    pthread_mutex_lock(&entry->object->lock);
    zx_signals_t signals = entry->signals;
    if (!object_knows(entry->object, polled ? polled[i].events : 0))
      signals = object_signals_locked(entry->object);
    result = worse(result, judge(entry, signals));
    pthread_mutex_unlock(&entry->object->lock);
  }
  return result;
}

static zx_status_t status_of(enum wait_result result) {
  if (result == INTERRUPTED) return ZX_ERR_INTERNAL_INTR_RETRY;
  return result == CANCELED ? ZX_ERR_CANCELED : result == SATISFIED ? ZX_OK : ZX_ERR_TIMED_OUT;
}

// A sleep in one system call instead of two, where nothing else could end it.
static bool block(struct wait* wait, zx_time_t deadline) {
  struct wait_entry* entry = &wait->entries[0];
  struct zx_object* object = entry->object;
  if (wait->count != 1 || wait->waker || wait->interrupt_fd >= 0 || deadline != ZX_TIME_INFINITE)
    return false;
  if (!object->ops->block || entry->hung) return false;
  pthread_mutex_lock(&object->lock);
  bool slept = object->ops->block(object, entry->observer.trigger);
  pthread_mutex_unlock(&object->lock);
  return slept;
}

static zx_status_t sleep_until_met(struct wait* wait, zx_time_t deadline) {
  struct pollfd pollfds[ZX_WAIT_MANY_MAX_ITEMS + 2];
  struct pollfd* wake = &pollfds[wait->count];
  struct pollfd* interrupt = &pollfds[wait->count + 1];
  *wake = (struct pollfd){.fd = wait->waker ? wait->waker->fd : -1, .events = POLLIN};
  *interrupt = (struct pollfd){.fd = wait->interrupt_fd, .events = POLLIN};
  nfds_t num_fds = wait->count + (wait->interrupt_fd >= 0 ? 2 : wait->waker ? 1 : 0);
  for (;;) {
    enum wait_result result = complete(wait, arm(wait, pollfds), NULL);
    if (result != NOTHING) return status_of(result);
    if (block(wait, deadline)) continue;
    struct timespec storage;
    const struct timespec* timeout = clock_until(deadline, &storage);
    int ready = ppoll(pollfds, num_fds, timeout, NULL);
    if (ready > 0) {
      if (wait->waker && wake->revents) waker_drain(wait->waker);
      result = complete(wait, note(wait, pollfds), pollfds);
      if (wait->interrupt_fd >= 0 && interrupt->revents) result = worse(result, INTERRUPTED);
      if (result != NOTHING) return status_of(result);
    }
    // Whatever keeps ringing, the deadline holds.
    if (clock_is_past(deadline)) return status_of(look_closely(wait));
  }
}

static bool spin(struct wait* wait) {
  if (wait->count != 1) return false;
  struct zx_object* object = wait->entries[0].object;
  return object->ops->spin && object->ops->spin(object, wait->entries[0].observer.trigger);
}

static zx_status_t wait_for(struct wait* wait, zx_time_t deadline) {
  if (clock_is_past(deadline)) return status_of(look_closely(wait));
  enum wait_result result = complete(wait, look(wait), NULL);
  if (result == NOTHING && spin(wait)) result = complete(wait, look(wait), NULL);
  if (result != NOTHING) return status_of(result);
  if (waker_needed() && !(wait->waker = waker_get())) return ZX_ERR_NO_RESOURCES;
  observe(wait);
  zx_status_t status = sleep_until_met(wait, deadline);
  stop_observing(wait);
  waker_put(wait->waker);
  return status;
}

static zx_status_t lookup(zx_handle_t handle, zx_signals_t signals, struct wait_entry* out) {
  *out = (struct wait_entry){.observer = {.handle = handle, .trigger = signals}};
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_NONE, ZX_RIGHT_WAIT, &out->object, NULL);
  if (status != ZX_OK) return status;
  status = out->object->ops->waitable ? object_rouse(out->object) : ZX_ERR_NOT_SUPPORTED;
  if (status != ZX_OK) object_unref(out->object);
  return status;
}

zx_status_t zx_object_wait_one(zx_handle_t handle, zx_signals_t signals, zx_time_t deadline,
                               zx_signals_t* observed) {
  return zx_linux_wait_one_or_fd(handle, signals, deadline, -1, observed);
}

zx_status_t zx_linux_wait_one_or_fd(zx_handle_t handle, zx_signals_t signals, zx_time_t deadline, int fd,
                                    zx_signals_t* observed) {
  struct wait_entry entry;
  zx_status_t status = lookup(handle, signals, &entry);
  if (status != ZX_OK) return status;
  struct wait wait = {.entries = &entry, .count = 1, .interrupt_fd = fd, .incurious = !observed};
  status = wait_for(&wait, deadline);
  if (observed) *observed = entry.signals;
  object_unref(entry.object);
  return status;
}

zx_status_t zx_object_wait_many(zx_wait_item_t* items, size_t num_items, zx_time_t deadline) {
  if (num_items > ZX_WAIT_MANY_MAX_ITEMS) return ZX_ERR_OUT_OF_RANGE;
  if (num_items && !items) return ZX_ERR_INVALID_ARGS;
  struct wait_entry entries[ZX_WAIT_MANY_MAX_ITEMS];
  struct wait wait = {.entries = entries, .interrupt_fd = -1};
  zx_status_t status = ZX_OK;
  for (; wait.count < num_items && status == ZX_OK; wait.count++) {
    status = lookup(items[wait.count].handle, items[wait.count].waitfor, &entries[wait.count]);
    if (status != ZX_OK) break;
  }
  if (status == ZX_OK) {
    status = wait_for(&wait, deadline);
    for (size_t i = 0; i < num_items; i++)
      items[i].pending = entries[i].signals;
  }
  for (size_t i = 0; i < wait.count; i++)
    object_unref(entries[i].object);
  return status;
}
