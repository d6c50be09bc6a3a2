// Ports: the calls, and the queue of packets.
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls/port.h>
#include <zircon/syscalls/time.h>

#include "runtime/zx/clock.h"
#include "runtime/zx/handle.h"
#include "runtime/zx/port_impl.h"
#include "runtime/zx/waker.h"

#define MAX_USER_PACKETS 4096u
#define MAX_SPARE 32u
#define MAX_LATE_POLLS 16u            // after the deadline
#define MAX_PACKETS_WITHOUT_POLL 32u  // then descriptors get their turn

static zx_signals_t port_peek(struct zx_object* object) {
  return 0;
}

static void free_packets(struct list_node* list) {
  while (!list_is_empty(list))
    free(LIST_ENTRY(list_take_head(list), struct queued_packet, node));
}

// Any link of the port, with a reference to its object; the locks' order asks for the object's lock first.
static struct zx_object* any_watched_object(struct port* port) {
  struct zx_object* object = NULL;
  pthread_mutex_lock(&port->base.lock);
  for (uint32_t i = 0; i < port->num_slots && !object; i++) {
    if (!port->slots[i]) continue;
    object = port->slots[i]->object;
    object_ref(object);
  }
  pthread_mutex_unlock(&port->base.lock);
  return object;
}

static void port_close(struct zx_object* base) {
  struct port* port = (struct port*)base;
  pthread_mutex_lock(&base->lock);
  port->closed = true;
  free_packets(&port->packets);
  port_wake_locked(port);
  pthread_mutex_unlock(&base->lock);
  for (struct zx_object* object; (object = any_watched_object(port)) != NULL; object_unref(object)) {
    pthread_mutex_lock(&object->lock);
    LIST_FOR_EACH_SAFE(node, &object->links) {
      struct port_link* link = LIST_ENTRY(node, struct port_link, object_node);
      if (link->port == port) port_link_destroy(link);
    }
    pthread_mutex_unlock(&object->lock);
  }
}

static void port_destroy(struct zx_object* base) {
  struct port* port = (struct port*)base;
  free_packets(&port->packets);
  free_packets(&port->spare);
  if (object_is_inherited(base)) {
    waker_forget(port->waker);
  } else {
    waker_put(port->waker);
  }
  close(port->epoll_fd);
  free(port->slots);
  free(port);
}

static const struct object_ops port_ops = {
    .type = ZX_OBJ_TYPE_PORT,
    .rights = ZX_DEFAULT_PORT_RIGHTS,
    .peek = port_peek,
    .close = port_close,
    .destroy = port_destroy,
};

zx_status_t zx_port_create(uint32_t options, zx_handle_t* out) {
  if ((options & ~ZX_PORT_BIND_TO_INTERRUPT) || !out) return ZX_ERR_INVALID_ARGS;
  struct port* port = calloc(1, sizeof(*port));
  if (!port) return ZX_ERR_NO_MEMORY;
  port->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (port->epoll_fd < 0) {
    free(port);
    return ZX_ERR_NO_RESOURCES;
  }
  object_init(&port->base, &port_ops, -1);
  list_init(&port->packets);
  list_init(&port->spare);
  list_init(&port->unarmed);
  list_init(&port->starved);
  atomic_init(&port->starving, false);
  return handle_create(&port->base, ZX_DEFAULT_PORT_RIGHTS, out);
}

void port_wake_locked(struct port* port) {
  if (!port->asleep && !port->sleepers) return;
  port->asleep = false;
  waker_wake(port->waker);
}

zx_status_t port_enqueue(struct port* port, const zx_port_packet_t* packet, struct zx_object* source,
                         zx_handle_t source_handle) {
  bool user = packet->type == ZX_PKT_TYPE_USER;
  zx_status_t status = ZX_OK;
  pthread_mutex_lock(&port->base.lock);
  struct list_node* node = NULL;
  if (port->closed) {
    status = ZX_ERR_BAD_HANDLE;
  } else if (user && port->num_user_packets == MAX_USER_PACKETS) {
    status = ZX_ERR_SHOULD_WAIT;
  } else if ((node = list_take_head(&port->spare)) != NULL) {
    port->num_spare--;
  }
  struct queued_packet* queued = node ? LIST_ENTRY(node, struct queued_packet, node) : NULL;
  if (status == ZX_OK && !queued && !(queued = calloc(1, sizeof(*queued)))) status = ZX_ERR_NO_MEMORY;
  if (status == ZX_OK) {
    queued->packet = *packet;
    queued->source = source;
    queued->source_handle = source_handle;
    list_add_tail(&port->packets, &queued->node);
    if (user) port->num_user_packets++;
    port_wake_locked(port);
  }
  pthread_mutex_unlock(&port->base.lock);
  return status;
}

static bool take_packet(struct port* port, zx_port_packet_t* out) {
  struct list_node* node = list_take_head(&port->packets);
  if (!node) return false;
  struct queued_packet* queued = LIST_ENTRY(node, struct queued_packet, node);
  *out = queued->packet;
  if (out->type == ZX_PKT_TYPE_USER) port->num_user_packets--;
  atomic_fetch_add_explicit(&port->packets_since_poll, 1, memory_order_relaxed);
  if (port->num_spare < MAX_SPARE) {
    list_add_tail(&port->spare, node);
    port->num_spare++;
  } else {
    free(queued);
  }
  return true;
}

// Takes a packet, or marks this thread as asleep, so that from now on every new packet wakes it. One packet
// wakes one thread, which passes the wake-up on if there are more.
static zx_status_t take_or_fall_asleep(struct port* port, bool sleeps, zx_port_packet_t* packet) {
  zx_status_t status = ZX_ERR_SHOULD_WAIT;
  pthread_mutex_lock(&port->base.lock);
  port->asleep = false;
  if (take_packet(port, packet)) {
    status = ZX_OK;
    if (port->sleepers && !list_is_empty(&port->packets)) waker_wake(port->waker);
  } else if (port->closed) {
    status = ZX_ERR_CANCELED;
    if (port->sleepers) waker_wake(port->waker);
  } else if (sleeps) {
    port->sleepers++;
    if (!list_is_empty(&port->unarmed)) waker_wake(port->waker);
  } else {
    port->asleep = true;
  }
  pthread_mutex_unlock(&port->base.lock);
  return status;
}

static void wake_up(struct port* port) {
  pthread_mutex_lock(&port->base.lock);
  port->sleepers--;
  pthread_mutex_unlock(&port->base.lock);
}

// Waking needs a descriptor in the epoll set, made when a second thread exists.
static zx_status_t prepare_waker(struct port* port) {
  if (!waker_needed()) return ZX_OK;
  zx_status_t status = ZX_OK;
  pthread_mutex_lock(&port->base.lock);
  if (!port->waker) {
    struct waker* waker = waker_get();
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
    if (!waker) {
      status = ZX_ERR_NO_RESOURCES;
    } else if (epoll_ctl(port->epoll_fd, EPOLL_CTL_ADD, waker->fd, &event) != 0) {
      waker_put(waker);
      status = ZX_ERR_NO_RESOURCES;
    } else {
      port->waker = waker;
    }
  }
  pthread_mutex_unlock(&port->base.lock);
  return status;
}

static zx_status_t wait_for_packet(struct port* port, zx_time_t deadline, zx_port_packet_t* packet) {
  zx_status_t status = prepare_waker(port);
  if (status != ZX_OK) return status;
  if (atomic_load_explicit(&port->packets_since_poll, memory_order_relaxed) >= MAX_PACKETS_WITHOUT_POLL) {
    port_harvest(port, 0);
  }
  status = take_or_fall_asleep(port, false, packet);
  if (status != ZX_ERR_SHOULD_WAIT) return status;
  if (!clock_is_past(deadline)) {
    port_spin(port);
    status = take_or_fall_asleep(port, false, packet);
    if (status != ZX_ERR_SHOULD_WAIT) return status;
  }
  bool last = false;
  for (unsigned late = 0;;) {
    port_arm_all(port);
    status = take_or_fall_asleep(port, !last, packet);
    if (status != ZX_ERR_SHOULD_WAIT) return status;
    if (last) return ZX_ERR_TIMED_OUT;
    bool past = clock_is_past(deadline);
    int reports = port_harvest(port, deadline);
    // Reports that bring no packet, as a hostile peer can make for ever, do not hold up the deadline for
    // long.
    if (past || clock_is_past(deadline)) last = reports == 0 || ++late == MAX_LATE_POLLS;
    wake_up(port);
  }
}

zx_status_t zx_port_wait(zx_handle_t handle, zx_time_t deadline, zx_port_packet_t* packet) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_PORT, ZX_RIGHT_READ, &object, NULL);
  if (status != ZX_OK) return status;
  struct port* port = (struct port*)object;
  if (!packet) {
    object_unref(object);
    return ZX_ERR_INVALID_ARGS;
  }
  status = wait_for_packet(port, deadline, packet);
  object_unref(object);
  return status;
}

zx_status_t zx_port_queue(zx_handle_t handle, const zx_port_packet_t* packet) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_PORT, ZX_RIGHT_WRITE, &object, NULL);
  if (status != ZX_OK) return status;
  status = ZX_ERR_INVALID_ARGS;
  if (packet) {
    zx_port_packet_t copy = *packet;
    copy.type = ZX_PKT_TYPE_USER;
    status = port_enqueue((struct port*)object, &copy, NULL, ZX_HANDLE_INVALID);
  }
  object_unref(object);
  return status;
}

zx_status_t zx_linux_port_fd(zx_handle_t handle, int* out_fd) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_PORT, ZX_RIGHT_READ, &object, NULL);
  if (status != ZX_OK) return status;
  *out_fd = ((struct port*)object)->epoll_fd;
  object_unref(object);
  return ZX_OK;
}

zx_status_t zx_linux_port_take(zx_handle_t handle, zx_port_packet_t* packet) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_PORT, ZX_RIGHT_READ, &object, NULL);
  if (status != ZX_OK) return status;
  pthread_mutex_lock(&object->lock);
  status = take_packet((struct port*)object, packet) ? ZX_OK : ZX_ERR_SHOULD_WAIT;
  pthread_mutex_unlock(&object->lock);
  object_unref(object);
  return status;
}

zx_status_t zx_linux_port_arm(zx_handle_t handle) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_PORT, ZX_RIGHT_READ, &object, NULL);
  if (status != ZX_OK) return status;
  struct port* port = (struct port*)object;
  status = prepare_waker(port);
  if (status == ZX_OK) {
    port_arm_all(port);
    pthread_mutex_lock(&object->lock);
    bool ready = !list_is_empty(&port->packets) || !list_is_empty(&port->unarmed);
    bool starved = !ready && !list_is_empty(&port->starved);
    port->asleep = !ready && !starved;
    pthread_mutex_unlock(&object->lock);
    if (starved) zx_nanosleep(zx_deadline_after(PORT_STARVED_TIME));  // the caller must not sleep for longer
    ready = ready || starved;
    status = ready ? ZX_OK : ZX_ERR_SHOULD_WAIT;
  }
  object_unref(object);
  return status;
}
