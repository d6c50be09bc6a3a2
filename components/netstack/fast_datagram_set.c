// All datagram sockets of the fast kind in a netstack: watching their descriptors, and giving each its turn.
// Above: netstack.c. Below: fast_datagram_data.c, which serves one.
//
// As with streams (stream_set.c) one epoll instance holds all descriptors, edge-triggered, and the loop waits
// for that instance. What the kernel and the engine report is noted with the socket (in_ready, dirty).
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <lib/async/task.h>
#include <lib/async/wait.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "fast_datagram_internal.h"

enum { EVENTS_AT_ONCE = 64 };

static const zx_duration_t retry_ns = ZX_MSEC(20);
// Looking at all sockets is not worth it for each datagram that finds no room.
static const zx_duration_t held_ns = ZX_MSEC(50);

struct fast_datagram_set {
  netstack_t* netstack;
  int epoll_fd;
  async_wait_t epoll;  // of a copy of it
  async_task_t retry;
  bool retries;
  uint32_t generation;  // the engine's, which promises were made under
  bool looks_at_held;
  int64_t looked_at_held;  // when
  size_t count;
  fast_socket_t* all;
  fast_socket_t *first_dirty, *last_dirty;
  fast_socket_t* dead;
  uint32_t depth;  // of rounds in progress, during which the dead must stay where they are
  fast_room_t* room;
};

fast_datagram_set_t* fast_set_of(const fast_socket_t* fast) {
  return netstack_fast_datagrams(fast->datagram.base.netstack);
}

fast_room_t* fast_room(const fast_socket_t* fast) {
  return fast_set_of(fast)->room;
}

// Frees those that nobody can come across any more: no round is in progress, and no list has them.
static void bury(fast_datagram_set_t* set) {
  if (set->depth > 0) return;
  fast_socket_t** at = &set->dead;
  while (*at) {
    fast_socket_t* fast = *at;
    if (fast->dirty) {
      at = &fast->next_dead;
    } else {
      *at = fast->next_dead;
      free(fast);
    }
  }
}

// What the kernel reports.

static void fd_event(fast_socket_t* fast, uint32_t events) {
  if (events & ~(uint32_t)EPOLLOUT) fast->in_ready = true;
  if (events & EPOLLOUT) fast->out_ready = true;
  if (!fast_base(fast)->endpoint) return;
  fast_mark_dirty(fast);
  if ((events & EPOLLHUP) && fast_base(fast)->open_connections == 0) fast_forsaken(fast);
}

static bool take_events(fast_datagram_set_t* set) {
  struct epoll_event events[EVENTS_AT_ONCE];
  int count = epoll_wait(set->epoll_fd, events, EVENTS_AT_ONCE, 0);
  for (int i = 0; i < count; i++) {
    fast_socket_t* fast = events[i].data.ptr;
    if (!fast->dead) fd_event(fast, events[i].events);
  }
  return count == EVENTS_AT_ONCE;
}

static void epoll_ready(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                        const zx_packet_signal_t* signal) {
  fast_datagram_set_t* set = (void*)((char*)wait - offsetof(fast_datagram_set_t, epoll));
  if (status != ZX_OK) return;
  set->depth++;
  netstack_enter(set->netstack);
  (void)take_events(set);
  netstack_leave(set->netstack);
  set->depth--;
  bury(set);
  if (set->count > 0) (void)async_begin_wait(dispatcher, &set->epoll);
}

bool fast_watch(fast_socket_t* fast, bool wants_out) {
  fast_datagram_set_t* set = fast_set_of(fast);
  if (fast->watched && fast->wants_out == wants_out) return true;
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET | (wants_out ? EPOLLOUT : 0u),
                              .data.ptr = fast};
  int operation = fast->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (epoll_ctl(set->epoll_fd, operation, fast->server_fd, &event) != 0) return false;
  fast->watched = true;
  fast->wants_out = wants_out;
  return true;
}

// What the engine reports.

void fast_mark_dirty(fast_socket_t* fast) {
  if (fast->dirty || fast->dead) return;
  fast_datagram_set_t* set = fast_set_of(fast);
  fast->dirty = true;
  fast->next_dirty = NULL;
  if (set->last_dirty) {
    set->last_dirty->next_dirty = fast;
  } else {
    set->first_dirty = fast;
  }
  set->last_dirty = fast;
}

static void retry(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  fast_datagram_set_t* set = (void*)((char*)task - offsetof(fast_datagram_set_t, retry));
  if (status != ZX_OK) return;
  set->retries = false;
  netstack_enter(set->netstack);
  for (fast_socket_t* fast = set->all; fast; fast = fast->next) {
    if (!fast->retries) continue;
    fast->retries = false;
    fast->in_ready = fast->out_ready = true;
    fast_mark_dirty(fast);
  }
  netstack_leave(set->netstack);
}

void fast_retry_later(fast_socket_t* fast) {
  fast_datagram_set_t* set = fast_set_of(fast);
  fast->retries = true;
  fast->out_ready = false;
  if (set->retries) return;
  set->retry.deadline = zx_deadline_after(retry_ns);
  set->retries = async_post_task(netstack_dispatcher(set->netstack), &set->retry) == ZX_OK;
}

// Promises are made about the ways that packets go.
static void look_at_generation(fast_datagram_set_t* set) {
  uint32_t generation = tcpip_generation(netstack_engine(set->netstack));
  if (set->generation == generation) return;
  set->generation = generation;
  for (fast_socket_t* fast = set->all; fast; fast = fast->next)
    if (fast_base(fast)->endpoint) fast_take_back_promises(fast);
}

void fast_look_at_held(fast_socket_t* fast) {
  fast_set_of(fast)->looks_at_held = true;
}

static void look_at_held(fast_datagram_set_t* set) {
  int64_t now = tcpip_time(netstack_engine(set->netstack));
  if (!set->looks_at_held || now - set->looked_at_held < held_ns) return;
  set->looks_at_held = false;
  set->looked_at_held = now;
  for (fast_socket_t* fast = set->all; fast; fast = fast->next) {
    if (!fast_base(fast)->endpoint || fast->charged == 0) continue;
    (void)fast_held(fast);
    fast_tell_held(fast);
  }
}

bool fast_datagram_set_service(fast_datagram_set_t* set) {
  if (!set) return false;
  look_at_generation(set);
  look_at_held(set);
  if (!set->first_dirty) return false;
  set->depth++;
  fast_socket_t* fast = set->first_dirty;
  set->first_dirty = set->last_dirty = NULL;
  while (fast) {
    fast_socket_t* next = fast->next_dirty;
    fast->dirty = false;
    if (!fast->dead && fast_base(fast)->endpoint) fast_serve(fast);
    fast = next;
  }
  set->depth--;
  bury(set);
  return set->first_dirty != NULL;
}

// Who is there.

void fast_set_add(fast_socket_t* fast) {
  fast_datagram_set_t* set = fast_set_of(fast);
  fast->next = set->all;
  if (set->all) set->all->previous = fast;
  set->all = fast;
  if (set->count++ == 0) (void)async_begin_wait(netstack_dispatcher(set->netstack), &set->epoll);
}

void fast_set_remove(fast_socket_t* fast) {
  fast_datagram_set_t* set = fast_set_of(fast);
  if (fast->previous) {
    fast->previous->next = fast->next;
  } else {
    set->all = fast->next;
  }
  if (fast->next) fast->next->previous = fast->previous;
  if (--set->count == 0) (void)async_cancel_wait(netstack_dispatcher(set->netstack), &set->epoll);
  fast->dead = true;
  fast->next_dead = set->dead;
  set->dead = fast;
  bury(set);
}

void fast_datagram_set_sweep(fast_datagram_set_t* set) {
  set->depth++;
  while (take_events(set))
    continue;
  for (fast_socket_t* fast = set->all; fast; fast = fast->next) {
    if (!fast->dead && fast_base(fast)->endpoint && socket_close_forsaken_connections(fast_base(fast)))
      fast_forsaken(fast);
  }
  set->depth--;
  bury(set);
}

bool fast_datagram_set_is_unfinished(fast_datagram_set_t* set) {
  fast_datagram_set_sweep(set);
  for (const fast_socket_t* fast = set->all; fast; fast = fast->next) {
    if (fast->closing && fast->datagram.base.endpoint) return true;
  }
  return false;
}

// Programs seldom ask, and only for what they have inherited or were passed.
static fast_socket_t* find(fast_datagram_set_t* set, int fd) {
  uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0) return NULL;
  fast_socket_t* fast = set->all;
  while (fast && fast->cookie != cookie)
    fast = fast->next;
  return fast && fast_base(fast)->endpoint && !fast->closing ? fast : NULL;
}

int fast_datagram_socket_adopt(fast_datagram_set_t* set, int fd, zx_handle_t server_end) {
  fast_socket_t* fast = find(set, fd);
  close(fd);
  if (fast) return socket_add_connection(fast_base(fast), server_end);
  zx_handle_close(server_end);
  return -ENOTSOCK;
}

zx_status_t fast_datagram_set_create(netstack_t* netstack, fast_datagram_set_t** out) {
  fast_datagram_set_t* set = calloc(1, sizeof(*set));
  if (!set) return ZX_ERR_NO_MEMORY;
  set->netstack = netstack;
  set->retry.handler = retry;
  set->room = malloc(sizeof(*set->room));
  set->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  set->epoll = (async_wait_t){.handler = epoll_ready, .trigger = ZX_OBJECT_READABLE};
  int copy = set->epoll_fd < 0 ? -1 : fcntl(set->epoll_fd, F_DUPFD_CLOEXEC, 0);
  if (!set->room || copy < 0 || zx_linux_fd_wrap(copy, &set->epoll.object) != ZX_OK) {
    if (set->epoll_fd >= 0) close(set->epoll_fd);
    free(set->room);
    free(set);
    return ZX_ERR_NO_RESOURCES;
  }
  *out = set;
  return ZX_OK;
}

void fast_datagram_set_destroy(fast_datagram_set_t* set) {
  if (!set) return;
  set->depth++;
  while (set->all)
    fast_finish(set->all);
  set->depth--;
  set->first_dirty = set->last_dirty = NULL;
  for (fast_socket_t* fast = set->dead; fast; fast = fast->next_dead)
    fast->dirty = false;
  bury(set);
  (void)async_cancel_task(netstack_dispatcher(set->netstack), &set->retry);
  (void)async_cancel_wait(netstack_dispatcher(set->netstack), &set->epoll);
  zx_handle_close(set->epoll.object);
  close(set->epoll_fd);
  free(set->room);
  free(set);
}
