// Asynchronous waits: links between objects and ports. port_impl.h has the picture.
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include <zircon/syscalls/object.h>
#include <zircon/syscalls/time.h>

#include "runtime/zx/handle.h"
#include "runtime/zx/port_impl.h"

static struct port_link* find_link(struct zx_object* object, const struct port* port) {
  LIST_FOR_EACH(node, &object->links) {
    struct port_link* link = LIST_ENTRY(node, struct port_link, object_node);
    if (link->port == port) return link;
  }
  return NULL;
}

// Gives the link a slot, whose number with a generation is what epoll returns: a report about a link that has
// ended meanwhile finds nothing.
static zx_status_t take_slot(struct port* port, struct port_link* link) {
  uint32_t slot = port->slot_hint;
  while (slot < port->num_slots && port->slots[slot])
    slot++;
  if (slot == port->num_slots) {
    uint32_t num = port->num_slots ? port->num_slots * 2 : 8;
    struct port_link** slots = realloc(port->slots, num * sizeof(struct port_link*));
    if (!slots) return ZX_ERR_NO_MEMORY;
    for (uint32_t i = port->num_slots; i < num; i++)
      slots[i] = NULL;
    port->slots = slots;
    port->num_slots = num;
  }
  port->slots[slot] = link;
  port->slot_hint = slot + 1;
  link->slot = slot;
  link->generation = ++port->next_generation;
  return ZX_OK;
}

static zx_status_t create_link(struct zx_object* object, struct port* port, struct port_link** out) {
  struct port_link* link = calloc(1, sizeof(*link));
  if (!link) return ZX_ERR_NO_MEMORY;
  link->object = object;
  link->port = port;
  link->fd = -1;
  list_init(&link->waits);
  pthread_mutex_lock(&port->base.lock);
  zx_status_t status = port->closed ? ZX_ERR_BAD_HANDLE : take_slot(port, link);
  pthread_mutex_unlock(&port->base.lock);
  if (status != ZX_OK) {
    free(link);
    return status;
  }
  list_add_tail(&object->links, &link->object_node);
  *out = link;
  return ZX_OK;
}

void port_link_unarm(struct port_link* link) {
  struct port* port = link->port;
  pthread_mutex_lock(&port->base.lock);
  if (!list_in_list(&link->unarmed_node)) {
    list_add_tail(&port->unarmed, &link->unarmed_node);
    port_wake_locked(port);
  }
  pthread_mutex_unlock(&port->base.lock);
}

void port_link_deliver(struct port_link* link, zx_signals_t signals) {
  LIST_FOR_EACH_SAFE(node, &link->waits) {
    struct async_wait_entry* wait = LIST_ENTRY(node, struct async_wait_entry, node);
    zx_signals_t risen = object_risen(link->object, wait->since);
    zx_signals_t fresh = signals | risen;
    if (wait->options & ZX_WAIT_ASYNC_EDGE) {
      fresh = (signals & ~wait->seen) | risen;
      wait->seen |= signals;
    }
    if (!(fresh & wait->trigger)) continue;
    list_remove(node);
    zx_port_packet_t packet = {.key = wait->key, .type = ZX_PKT_TYPE_SIGNAL_ONE};
    packet.signal.trigger = wait->trigger;
    packet.signal.observed = signals | risen;
    packet.signal.count = 1;
    if (wait->options & ZX_WAIT_ASYNC_TIMESTAMP) packet.signal.timestamp = zx_clock_get_monotonic();
    port_enqueue(link->port, &packet, link->object, wait->handle);
    free(wait);
    if (!link->object->ops->spin) continue;
    pthread_mutex_lock(&link->port->base.lock);
    link->port->last_cookie = ((uint64_t)link->generation << 32) | link->slot;
    pthread_mutex_unlock(&link->port->base.lock);
  }
}

void port_notify(struct zx_object* object, zx_signals_t signals) {
  LIST_FOR_EACH(node, &object->links) {
    port_link_deliver(LIST_ENTRY(node, struct port_link, object_node), signals);
  }
}

void port_note_fall(struct zx_object* object, zx_signals_t signals) {
  LIST_FOR_EACH(link_node, &object->links) {
    struct port_link* link = LIST_ENTRY(link_node, struct port_link, object_node);
    bool changed = false;
    LIST_FOR_EACH(node, &link->waits) {
      struct async_wait_entry* wait = LIST_ENTRY(node, struct async_wait_entry, node);
      if (!(wait->options & ZX_WAIT_ASYNC_EDGE) || !(wait->seen & ~signals)) continue;
      wait->seen &= signals;
      changed = true;
    }
    // What was on was not polled for.
    if (changed) port_link_unarm(link);
  }
}

bool port_has_edge_waits(const struct zx_object* object) {
  LIST_FOR_EACH(link_node, &object->links) {
    LIST_FOR_EACH(node, &LIST_ENTRY(link_node, struct port_link, object_node)->waits) {
      if (LIST_ENTRY(node, struct async_wait_entry, node)->options & ZX_WAIT_ASYNC_EDGE) return true;
    }
  }
  return false;
}

zx_signals_t port_awaited(const struct zx_object* object) {
  zx_signals_t signals = 0;
  LIST_FOR_EACH(node, &object->links) {
    signals |= port_link_wanted(LIST_ENTRY(node, struct port_link, object_node));
  }
  return signals;
}

bool port_watches(const struct zx_object* object, bool reporting_too) {
  LIST_FOR_EACH(node, &object->links) {
    const struct port_link* link = LIST_ENTRY(node, struct port_link, object_node);
    if (!list_is_empty(&link->waits) && (reporting_too || !link->reporting)) return true;
  }
  return false;
}

void port_rearm(struct zx_object* object) {
  LIST_FOR_EACH(node, &object->links) {
    port_link_unarm(LIST_ENTRY(node, struct port_link, object_node));
  }
}

static unsigned drop_waits(struct port_link* link, zx_handle_t handle, bool any_key, uint64_t key) {
  unsigned dropped = 0;
  LIST_FOR_EACH_SAFE(node, &link->waits) {
    struct async_wait_entry* wait = LIST_ENTRY(node, struct async_wait_entry, node);
    if (wait->handle != handle || (!any_key && wait->key != key)) continue;
    list_remove(node);
    free(wait);
    dropped++;
  }
  return dropped;
}

void port_cancel_handle(struct zx_object* object, zx_handle_t handle) {
  LIST_FOR_EACH(node, &object->links) {
    drop_waits(LIST_ENTRY(node, struct port_link, object_node), handle, true, 0);
  }
}

void port_link_idle(struct port_link* link) {
  if (link->events) epoll_ctl(link->port->epoll_fd, EPOLL_CTL_DEL, link->fd, NULL);
  link->events = 0;
}

void port_link_destroy(struct port_link* link) {
  struct port* port = link->port;
  port_link_idle(link);
  while (!list_is_empty(&link->waits)) {
    free(LIST_ENTRY(list_take_head(&link->waits), struct async_wait_entry, node));
  }
  list_remove(&link->object_node);
  pthread_mutex_lock(&port->base.lock);
  if (list_in_list(&link->unarmed_node)) list_remove(&link->unarmed_node);
  port->slots[link->slot] = NULL;
  if (link->slot < port->slot_hint) port->slot_hint = link->slot;
  pthread_mutex_unlock(&port->base.lock);
  free(link);
}

void port_abandon_waits(struct zx_object* object) {
  while (!list_is_empty(&object->links)) {
    struct port_link* link = LIST_ENTRY(list_take_head(&object->links), struct port_link, object_node);
    while (!list_is_empty(&link->waits)) {
      free(LIST_ENTRY(list_take_head(&link->waits), struct async_wait_entry, node));
    }
    free(link);
  }
}

void port_forget_object(struct zx_object* object) {
  threads_lock(&object->lock);
  while (!list_is_empty(&object->links)) {
    port_link_destroy(LIST_ENTRY(object->links.next, struct port_link, object_node));
  }
  threads_unlock(&object->lock);
}

// With the object's lock held.
static zx_status_t begin_wait(struct zx_object* object, struct port* port, struct async_wait_entry* wait) {
  struct port_link* link = find_link(object, port);
  if (!link) {
    zx_status_t status = create_link(object, port, &link);
    if (status != ZX_OK) return status;
  }
  wait->since = object_rises(object);
  zx_signals_t signals = object->ops->peek(object);
  // The packet tells all signals; and an edge wants to know what is on already.
  bool matters = (wait->options & ZX_WAIT_ASYNC_EDGE) || (signals & wait->trigger);
  if (matters && !object_knows(object, 0)) signals = object_signals_locked(object);
  if (wait->options & ZX_WAIT_ASYNC_EDGE) wait->seen = signals;
  list_add_tail(&link->waits, &wait->node);
  if (signals & wait->trigger) port_link_deliver(link, signals);
  link->stale_reports = 0;
  link->hung = link->ended = false;
  if (!list_is_empty(&link->waits)) port_link_unarm(link);
  return ZX_OK;
}

zx_status_t zx_object_wait_async(zx_handle_t handle, zx_handle_t port_handle, uint64_t key,
                                 zx_signals_t signals, uint32_t options) {
  struct zx_object* port;
  zx_status_t status = handle_lookup(port_handle, ZX_OBJ_TYPE_PORT, ZX_RIGHT_WRITE, &port, NULL);
  if (status != ZX_OK) return status;
  struct zx_object* object = NULL;
  status = handle_lookup(handle, ZX_OBJ_TYPE_NONE, ZX_RIGHT_WAIT, &object, NULL);
  if (status == ZX_OK && (options & ~(ZX_WAIT_ASYNC_TIMESTAMP | ZX_WAIT_ASYNC_EDGE)))
    status = ZX_ERR_INVALID_ARGS;
  if (status == ZX_OK && !object->ops->waitable) status = ZX_ERR_NOT_SUPPORTED;
  if (status == ZX_OK) status = object_rouse(object);
  struct async_wait_entry* wait = NULL;
  if (status == ZX_OK && !(wait = calloc(1, sizeof(*wait)))) status = ZX_ERR_NO_MEMORY;
  if (status == ZX_OK) {
    *wait = (struct async_wait_entry){.handle = handle, .key = key, .trigger = signals, .options = options};
    pthread_mutex_lock(&object->lock);
    // A handle closed since the lookup has had its waits ended; one begun now would outlive it.
    struct zx_object* again = NULL;
    status = handle_lookup(handle, ZX_OBJ_TYPE_NONE, ZX_RIGHT_WAIT, &again, NULL);
    if (status == ZX_OK && again != object) status = ZX_ERR_BAD_HANDLE;
    if (status == ZX_OK) status = begin_wait(object, (struct port*)port, wait);
    pthread_mutex_unlock(&object->lock);
    object_unref(again);
    if (status != ZX_OK) free(wait);
  }
  object_unref(object);
  object_unref(port);
  return status;
}

static unsigned drop_packets(struct port* port, const struct zx_object* source, zx_handle_t handle,
                             uint64_t key) {
  unsigned dropped = 0;
  pthread_mutex_lock(&port->base.lock);
  LIST_FOR_EACH_SAFE(node, &port->packets) {
    struct queued_packet* queued = LIST_ENTRY(node, struct queued_packet, node);
    if (queued->source != source || queued->source_handle != handle || queued->packet.key != key) continue;
    list_remove(node);
    free(queued);
    dropped++;
  }
  pthread_mutex_unlock(&port->base.lock);
  return dropped;
}

zx_status_t zx_port_cancel(zx_handle_t handle, zx_handle_t source, uint64_t key) {
  struct zx_object* port;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_PORT, ZX_RIGHT_WRITE, &port, NULL);
  if (status != ZX_OK) return status;
  struct zx_object* object = NULL;
  status = handle_lookup(source, ZX_OBJ_TYPE_NONE, ZX_RIGHT_WAIT, &object, NULL);
  if (status == ZX_OK && !object->ops->waitable) status = ZX_ERR_NOT_SUPPORTED;
  if (status == ZX_OK) {
    unsigned dropped = 0;
    pthread_mutex_lock(&object->lock);
    struct port_link* link = find_link(object, (struct port*)port);
    if (link) dropped = drop_waits(link, source, false, key);
    dropped += drop_packets((struct port*)port, object, source, key);
    pthread_mutex_unlock(&object->lock);
    if (!dropped) status = ZX_ERR_NOT_FOUND;
  }
  object_unref(object);
  object_unref(port);
  return status;
}
