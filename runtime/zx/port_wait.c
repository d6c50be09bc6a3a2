// Sleeping on a port: arming what has been waited for since the last sleep, and turning what epoll reports
// into packets.
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

#include <zircon/syscalls/object.h>
#include <zircon/syscalls/time.h>

#include "runtime/zx/clock.h"
#include "runtime/zx/port_impl.h"
#include "runtime/zx/waker.h"

#define EVENTS_PER_POLL 64

// poll and epoll share their bits.
_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLHUP == POLLHUP && EPOLLERR == POLLERR &&
                   EPOLLRDHUP == POLLRDHUP,
               "events of poll are events of epoll");

zx_signals_t port_link_wanted(const struct port_link* link) {
  zx_signals_t want = 0;
  LIST_FOR_EACH(node, &link->waits) {
    const struct async_wait_entry* wait = LIST_ENTRY(node, struct async_wait_entry, node);
    want |= wait->options & ZX_WAIT_ASYNC_EDGE ? wait->trigger & ~wait->seen : wait->trigger;
  }
  return want;
}

enum watched {
  WATCHED,
  CONSTANT,  // it is nothing that epoll watches, a file or a folder, and so as it will always be
  STARVED,   // there is no room for it, or no memory
};

// Makes epoll watch for `events`. Errors and hang-ups are reported in any case. Watching for too much is left
// alone until it turns out to disturb, since changing it costs a system call.
static enum watched watch(struct port_link* link, uint32_t events) {
  // Errors stand for nothing at all: what is watched for nothing is in epoll nevertheless.
  events = link->ended ? (events & ~(uint32_t)(EPOLLIN | EPOLLRDHUP)) | EPOLLERR : events | EPOLLRDHUP;
  if (link->events && link->fd != link->object->wait_fd) port_link_idle(link);
  if (link->inexact ? link->events == events : (link->events & events) == events) return WATCHED;
  link->inexact = false;
  struct epoll_event event = {.events = events, .data.u64 = ((uint64_t)link->generation << 32) | link->slot};
  link->fd = link->object->wait_fd;
  int op = link->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (epoll_ctl(link->port->epoll_fd, op, link->fd, &event) != 0) return errno == EPERM ? CONSTANT : STARVED;
  link->events = events;
  return WATCHED;
}

// Threads that sleep already are to sleep no longer than this one.
static void starve(struct port_link* link) {
  struct port* port = link->port;
  pthread_mutex_lock(&port->base.lock);
  if (!list_in_list(&link->unarmed_node)) list_add_tail(&port->starved, &link->unarmed_node);
  if (!atomic_exchange_explicit(&port->starving, true, memory_order_relaxed)) port_wake_locked(port);
  pthread_mutex_unlock(&port->base.lock);
}

// Object's lock held.
static void arm_link(struct port_link* link) {
  zx_signals_t want = port_link_wanted(link);
  if (!want && list_is_empty(&link->waits)) return;
  struct zx_object* object = link->object;
  short events = 0;
  zx_signals_t signals = object->ops->arm(object, want, &events);
  object_notify(object, signals);
  bool watches = !list_is_empty(&link->waits) && object->wait_fd >= 0 && !link->hung;
  enum watched watched = watches ? watch(link, (uint32_t)(unsigned short)events) : WATCHED;
  if (watched != WATCHED) object_signals_locked(object);
  if (watched == STARVED && !list_is_empty(&link->waits)) starve(link);
}

// The first unarmed link's object, with a reference: its lock comes before the port's.
static struct zx_object* first_unarmed(struct port* port) {
  struct zx_object* object = NULL;
  pthread_mutex_lock(&port->base.lock);
  if (!list_is_empty(&port->unarmed)) {
    object = LIST_ENTRY(port->unarmed.next, struct port_link, unarmed_node)->object;
    object_ref(object);
  }
  pthread_mutex_unlock(&port->base.lock);
  return object;
}

static bool take_from_unarmed(struct port_link* link) {
  struct port* port = link->port;
  pthread_mutex_lock(&port->base.lock);
  bool was = list_in_list(&link->unarmed_node);
  if (was) list_remove(&link->unarmed_node);
  pthread_mutex_unlock(&port->base.lock);
  return was;
}

static void try_starved_again(struct port* port) {
  pthread_mutex_lock(&port->base.lock);
  while (!list_is_empty(&port->starved))
    list_add_tail(&port->unarmed, list_take_head(&port->starved));
  pthread_mutex_unlock(&port->base.lock);
}

static void note_whether_starving(struct port* port) {
  pthread_mutex_lock(&port->base.lock);
  atomic_store_explicit(&port->starving, !list_is_empty(&port->starved), memory_order_relaxed);
  pthread_mutex_unlock(&port->base.lock);
}

void port_arm_all(struct port* port) {
  bool starving = atomic_load_explicit(&port->starving, memory_order_relaxed);
  if (starving) try_starved_again(port);
  for (struct zx_object* object; (object = first_unarmed(port)) != NULL; object_unref(object)) {
    pthread_mutex_lock(&object->lock);
    LIST_FOR_EACH(node, &object->links) {
      struct port_link* link = LIST_ENTRY(node, struct port_link, object_node);
      if (link->port == port && take_from_unarmed(link)) {
        arm_link(link);
        break;
      }
    }
    pthread_mutex_unlock(&object->lock);
  }
  if (starving) note_whether_starving(port);
}

// The object that a cookie of epoll stands for, with a reference; null if its link has ended.
static struct zx_object* object_of(struct port* port, uint64_t cookie) {
  uint32_t slot = (uint32_t)cookie;
  struct zx_object* object = NULL;
  pthread_mutex_lock(&port->base.lock);
  if (slot < port->num_slots && port->slots[slot] && port->slots[slot]->generation == cookie >> 32) {
    object = port->slots[slot]->object;
    object_ref(object);
  }
  pthread_mutex_unlock(&port->base.lock);
  return object;
}

void port_spin(struct port* port) {
  pthread_mutex_lock(&port->base.lock);
  uint64_t cookie = port->last_cookie;
  port->last_cookie = 0;
  pthread_mutex_unlock(&port->base.lock);
  struct zx_object* object = cookie ? object_of(port, cookie) : NULL;
  if (!object) return;
  if (object->ops->spin && object->ops->spin(object, ZX_OBJECT_READABLE | ZX_USER_SIGNAL_ALL)) {
    pthread_mutex_lock(&object->lock);
    object_notify(object, object->ops->peek(object));
    pthread_mutex_unlock(&object->lock);
  }
  object_unref(object);
}

static void report(struct port* port, uint64_t cookie, short revents) {
  struct zx_object* object = object_of(port, cookie);
  if (!object) return;
  pthread_mutex_lock(&object->lock);
  LIST_FOR_EACH_SAFE(node, &object->links) {
    struct port_link* link = LIST_ENTRY(node, struct port_link, object_node);
    if (link->port != port || link->generation != cookie >> 32) continue;
    zx_signals_t before = port_link_wanted(link);
    link->reporting = true;
    zx_signals_t signals = object->ops->ready(object, before, revents);
    link->reporting = false;
    if ((signals & before) && !object_knows(object, (short)link->events)) {
      signals |= object_signals_locked(object);
    } else {
      object_notify(object, signals);
    }
    if (!(signals & before)) link->inexact = true;
    if (list_is_empty(&link->waits)) {
      // Level-triggered: what nobody waits for would be reported for ever. A wait that follows at once, as in
      // a server's loop, finds it still armed if it comes before the next sleep.
      if (link->stale_reports++) port_link_idle(link);
    } else {
      link->hung = revents & (EPOLLHUP | EPOLLERR);
      if (link->hung) port_link_idle(link);
      if (revents & EPOLLRDHUP) link->ended = true;
      port_link_unarm(link);
    }
  }
  pthread_mutex_unlock(&object->lock);
  object_unref(object);
}

int port_harvest(struct port* port, zx_time_t deadline) {
  struct epoll_event events[EVENTS_PER_POLL];
  struct timespec storage;
  if (atomic_load_explicit(&port->starving, memory_order_relaxed)) {
    zx_time_t soon = zx_deadline_after(PORT_STARVED_TIME);
    if (soon < deadline) deadline = soon;
  }
  int count = epoll_pwait2(port->epoll_fd, events, EVENTS_PER_POLL, clock_until(deadline, &storage), NULL);
  atomic_store_explicit(&port->packets_since_poll, 0, memory_order_relaxed);
  for (int i = 0; i < count; i++) {
    if (events[i].data.u64 == UINT64_MAX) {
      waker_drain(port->waker);
    } else {
      report(port, events[i].data.u64, (short)events[i].events);
    }
  }
  return count;
}
