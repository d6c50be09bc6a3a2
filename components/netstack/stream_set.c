// All streams of a netstack: watching their descriptors, and giving each its turn. Above: netstack.c. Below:
// stream_data.c, which serves one.
//
// One epoll instance holds all descriptors, edge-triggered, so that neither a stream which waits for room nor
// one that is half closed costs a system call or a wake-up; the loop waits for that instance in its port,
// beside the device, and only while there are streams. What the kernel and the engine report is noted with
// the stream (in_ready, dirty), and work that exceeds a stream's budget stays noted for the next round.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <lib/async/wait.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "stream_internal.h"

enum { EVENTS_AT_ONCE = 64, BUCKETS = 1024 };

static const zx_duration_t retry_ns = ZX_MSEC(20);

struct stream_set {
  netstack_t* netstack;
  int epoll_fd;
  async_wait_t epoll;  // of a copy of it
  async_task_t retry;
  bool retries;
  size_t count;
  stream_socket_t* all;
  stream_socket_t *first_dirty, *last_dirty;
  stream_socket_t* dead;
  uint32_t depth;                     // of rounds in progress, during which the dead must stay where they are
  stream_socket_t* buckets[BUCKETS];  // by the cookie of the application's end
};

stream_set_t* stream_set_of(const stream_socket_t* stream) {
  return netstack_streams(stream->base.netstack);
}

// Frees those that nobody can come across any more: no round is in progress, and no list has them.
static void bury(stream_set_t* set) {
  if (set->depth > 0) return;
  stream_socket_t** at = &set->dead;
  while (*at) {
    stream_socket_t* stream = *at;
    if (stream->dirty) {
      at = &stream->next_dead;
    } else {
      *at = stream->next_dead;
      free(stream);
    }
  }
}

// What the kernel reports.

static bool take_events(stream_set_t* set) {
  struct epoll_event events[EVENTS_AT_ONCE];
  int count = epoll_wait(set->epoll_fd, events, EVENTS_AT_ONCE, 0);
  for (int i = 0; i < count; i++) {
    stream_socket_t* stream = events[i].data.ptr;
    if (!stream->dead) stream_fd_event(stream, events[i].events);
  }
  return count == EVENTS_AT_ONCE;
}

static void epoll_ready(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                        const zx_packet_signal_t* signal) {
  stream_set_t* set = (void*)((char*)wait - offsetof(stream_set_t, epoll));
  if (status != ZX_OK) return;
  set->depth++;
  netstack_enter(set->netstack);
  (void)take_events(set);
  netstack_leave(set->netstack);
  set->depth--;
  bury(set);
  if (set->count > 0) (void)async_begin_wait(dispatcher, &set->epoll);
}

bool stream_watch(stream_socket_t* stream, bool wants_out) {
  stream_set_t* set = stream_set_of(stream);
  if (stream->watched && stream->wants_out == wants_out) return true;
  struct epoll_event event = {
      .events = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET | (wants_out ? EPOLLOUT : 0u), .data.ptr = stream};
  int operation = stream->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (epoll_ctl(set->epoll_fd, operation, stream->server_fd, &event) != 0) return false;
  stream->watched = true;
  stream->wants_out = wants_out;
  return true;
}

// What the engine reports.

void stream_mark_dirty(stream_socket_t* stream) {
  if (stream->dirty || stream->dead) return;
  stream_set_t* set = stream_set_of(stream);
  stream->dirty = true;
  stream->next_dirty = NULL;
  if (set->last_dirty) {
    set->last_dirty->next_dirty = stream;
  } else {
    set->first_dirty = stream;
  }
  set->last_dirty = stream;
}

static void retry(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  stream_set_t* set = (void*)((char*)task - offsetof(stream_set_t, retry));
  if (status != ZX_OK) return;
  set->retries = false;
  netstack_enter(set->netstack);
  for (stream_socket_t* stream = set->all; stream; stream = stream->next) {
    if (stream->retries) stream_mark_dirty(stream);
    stream->retries = false;
  }
  netstack_leave(set->netstack);
}

void stream_retry_later(stream_socket_t* stream) {
  stream_set_t* set = stream_set_of(stream);
  stream->retries = true;
  if (set->retries) return;
  set->retry.deadline = zx_deadline_after(retry_ns);
  set->retries = async_post_task(netstack_dispatcher(set->netstack), &set->retry) == ZX_OK;
}

bool stream_set_service(stream_set_t* set) {
  if (!set || !set->first_dirty) return false;
  set->depth++;
  stream_socket_t* stream = set->first_dirty;
  set->first_dirty = set->last_dirty = NULL;
  while (stream) {
    stream_socket_t* next = stream->next_dirty;
    stream->dirty = false;
    if (!stream->dead) stream_service(stream);
    stream = next;
  }
  set->depth--;
  bury(set);
  return set->first_dirty != NULL;
}

// Who is there.

static stream_socket_t** bucket_of(stream_set_t* set, uint64_t cookie) {
  return &set->buckets[cookie % BUCKETS];
}

void stream_set_add(stream_socket_t* stream) {
  stream_set_t* set = stream_set_of(stream);
  stream_socket_t** bucket = bucket_of(set, stream->cookie);
  stream->next_in_bucket = *bucket;
  *bucket = stream;
  stream->next = set->all;
  if (set->all) set->all->previous = stream;
  set->all = stream;
  if (set->count++ == 0) (void)async_begin_wait(netstack_dispatcher(set->netstack), &set->epoll);
}

void stream_set_remove(stream_socket_t* stream) {
  stream_set_t* set = stream_set_of(stream);
  stream_socket_t** at = bucket_of(set, stream->cookie);
  while (*at != stream)
    at = &(*at)->next_in_bucket;
  *at = stream->next_in_bucket;
  if (stream->previous) {
    stream->previous->next = stream->next;
  } else {
    set->all = stream->next;
  }
  if (stream->next) stream->next->previous = stream->previous;
  if (--set->count == 0) (void)async_cancel_wait(netstack_dispatcher(set->netstack), &set->epoll);
  stream->dead = true;
  stream->next_dead = set->dead;
  set->dead = stream;
  bury(set);
}

// Whether it is worth asking: the kernel has told of an end, the connection is over, nobody speaks for it any
// more, or it holds a port without being connected.
static bool may_be_closed(const stream_socket_t* stream) {
  return !stream->dead &&
         (stream->in_hung_up || stream->state == STREAM_ENDED || stream->base.open_connections == 0 ||
          (stream->is_bound && stream->state <= STREAM_LISTENING));
}

void stream_set_sweep(stream_set_t* set, const stream_socket_t* except) {
  set->depth++;
  while (take_events(set))
    continue;
  for (stream_socket_t* stream = set->all; stream; stream = stream->next) {
    if (stream == except || !may_be_closed(stream) || !socket_close_forsaken_connections(&stream->base))
      continue;
    stream_forsaken(stream);
  }
  set->depth--;
  bury(set);
}

bool stream_set_is_unfinished(stream_set_t* set) {
  stream_set_sweep(set, NULL);
  for (const stream_socket_t* stream = set->all; stream; stream = stream->next) {
    if (stream->base.endpoint && (stream->state == STREAM_CLOSED || stream->in_hung_up)) return true;
  }
  return false;
}

static stream_socket_t* find(stream_set_t* set, int fd) {
  uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0) return NULL;
  stream_socket_t* stream = *bucket_of(set, cookie);
  while (stream && stream->cookie != cookie)
    stream = stream->next_in_bucket;
  return stream && stream->state != STREAM_CLOSED ? stream : NULL;
}

int stream_socket_adopt(stream_set_t* set, int fd, zx_handle_t server_end) {
  stream_socket_t* stream = find(set, fd);
  if (!stream) {
    close(fd);
    zx_handle_close(server_end);
    return -ENOTSOCK;
  }
  if (stream->state <= STREAM_LISTENING && stream->client_fd < 0) {
    stream->client_fd = fd;  // it can be shaped again
  } else {
    close(fd);
  }
  return socket_add_connection(&stream->base, server_end);
}

zx_status_t stream_set_create(netstack_t* netstack, stream_set_t** out) {
  stream_set_t* set = calloc(1, sizeof(*set));
  if (!set) return ZX_ERR_NO_MEMORY;
  set->netstack = netstack;
  set->retry.handler = retry;
  set->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  set->epoll = (async_wait_t){.handler = epoll_ready, .trigger = ZX_OBJECT_READABLE};
  int copy = set->epoll_fd < 0 ? -1 : fcntl(set->epoll_fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0 || zx_linux_fd_wrap(copy, &set->epoll.object) != ZX_OK) {
    if (set->epoll_fd >= 0) close(set->epoll_fd);
    free(set);
    return ZX_ERR_NO_RESOURCES;
  }
  *out = set;
  return ZX_OK;
}

void stream_set_destroy(stream_set_t* set) {
  if (!set) return;
  set->depth++;
  while (set->all)
    stream_finish(set->all);
  set->depth--;
  bury(set);
  (void)async_cancel_task(netstack_dispatcher(set->netstack), &set->retry);
  (void)async_cancel_wait(netstack_dispatcher(set->netstack), &set->epoll);
  zx_handle_close(set->epoll.object);
  close(set->epoll_fd);
  free(set);
}
