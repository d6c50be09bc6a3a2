// All datagram sockets of the fast kind in a netstack. Above: netstack.c. Below: fast_datagram_data.c, which
// serves one, and watched_set.c, which watches their descriptors and gives each its turn. What the kernel and
// the engine report is noted with the socket (in_ready and its like).
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zircon/syscalls.h>

#include "fast_datagram_internal.h"

// Looking at all sockets is not worth it for each datagram that finds no room.
static const zx_duration_t held_ns = ZX_MSEC(50);

struct fast_datagram_set {
  watched_set_t watched;
  uint32_t generation;  // the engine's, which promises were made under
  bool looks_at_held;
  int64_t looked_at_held;  // when
  fast_room_t* room;
};

fast_datagram_set_t* fast_set_of(const fast_socket_t* fast) {
  return netstack_fast_datagrams(fast->datagram.base.netstack);
}

fast_room_t* fast_room(const fast_socket_t* fast) {
  return fast_set_of(fast)->room;
}

static fast_socket_t* owner_of(watched_t* member) {
  return member ? WATCHED_OWNER(member, fast_socket_t, member) : NULL;
}

static fast_socket_t* first(const fast_datagram_set_t* set) {
  return owner_of(set->watched.all);
}

static fast_socket_t* next(const fast_socket_t* fast) {
  return owner_of(fast->member.next);
}

static void report(watched_t* member, uint32_t events) {
  fast_socket_t* fast = owner_of(member);
  if (events & ~(uint32_t)EPOLLOUT) fast->in_ready = true;
  if (events & EPOLLOUT) fast->out_ready = true;
  if (!fast_base(fast)->endpoint) return;
  fast_mark_dirty(fast);
  if ((events & EPOLLHUP) && fast_base(fast)->open_connections == 0) fast_forsaken(fast);
}

static void serve(watched_t* member) {
  fast_socket_t* fast = owner_of(member);
  if (fast_base(fast)->endpoint) fast_serve(fast);
}

static void retry(watched_t* member) {
  fast_socket_t* fast = owner_of(member);
  fast->in_ready = fast->out_ready = true;
}

static void release(watched_t* member) {
  free(owner_of(member));
}

static const watched_ops_t watched_ops = {
    .report = report, .serve = serve, .retry = retry, .release = release};

bool fast_watch(fast_socket_t* fast, bool wants_out) {
  return watched_set_watch(&fast_set_of(fast)->watched, &fast->member, fast->server_fd, EPOLLIN | EPOLLRDHUP,
                           wants_out);
}

void fast_mark_dirty(fast_socket_t* fast) {
  watched_set_mark(&fast_set_of(fast)->watched, &fast->member);
}

void fast_retry_later(fast_socket_t* fast) {
  fast->out_ready = false;
  watched_set_mark_later(&fast_set_of(fast)->watched, &fast->member);
}

// Promises are made about the ways that packets go.
static void look_at_generation(fast_datagram_set_t* set) {
  uint32_t generation = tcpip_generation(netstack_engine(set->watched.netstack));
  if (set->generation == generation) return;
  set->generation = generation;
  for (fast_socket_t* fast = first(set); fast; fast = next(fast))
    if (fast_base(fast)->endpoint) fast_take_back_promises(fast);
}

void fast_look_at_held(fast_socket_t* fast) {
  fast_set_of(fast)->looks_at_held = true;
}

static void look_at_held(fast_datagram_set_t* set) {
  int64_t now = tcpip_time(netstack_engine(set->watched.netstack));
  if (!set->looks_at_held || now - set->looked_at_held < held_ns) return;
  set->looks_at_held = false;
  set->looked_at_held = now;
  for (fast_socket_t* fast = first(set); fast; fast = next(fast)) {
    if (!fast_base(fast)->endpoint || fast->charged == 0) continue;
    (void)fast_held(fast);
    fast_tell_held(fast);
  }
}

bool fast_datagram_set_service(fast_datagram_set_t* set) {
  if (!set) return false;
  look_at_generation(set);
  look_at_held(set);
  return watched_set_serve(&set->watched);
}

// Who is there.

void fast_set_add(fast_socket_t* fast) {
  watched_set_add(&fast_set_of(fast)->watched, &fast->member);
}

void fast_set_remove(fast_socket_t* fast) {
  watched_set_remove(&fast_set_of(fast)->watched, &fast->member);
}

void fast_datagram_set_sweep(fast_datagram_set_t* set) {
  watched_set_begin(&set->watched);
  watched_set_report(&set->watched);
  for (fast_socket_t* fast = first(set); fast; fast = next(fast)) {
    if (!fast->member.dead && fast_base(fast)->endpoint && socket_close_forsaken_connections(fast_base(fast)))
      fast_forsaken(fast);
  }
  watched_set_end(&set->watched);
}

bool fast_datagram_set_is_unfinished(fast_datagram_set_t* set) {
  fast_datagram_set_sweep(set);
  for (const fast_socket_t* fast = first(set); fast; fast = next(fast)) {
    if (fast->closing && fast->datagram.base.endpoint) return true;
  }
  return false;
}

// Programs seldom ask, and only for what they have inherited or were passed.
static fast_socket_t* find(fast_datagram_set_t* set, int fd) {
  uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0) return NULL;
  fast_socket_t* fast = first(set);
  while (fast && fast->cookie != cookie)
    fast = next(fast);
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
  fast_room_t* room = malloc(sizeof(*room));
  zx_status_t status =
      set && room ? watched_set_init(&set->watched, netstack, &watched_ops) : ZX_ERR_NO_MEMORY;
  if (status == ZX_OK) {
    set->room = room;
    *out = set;
  } else {
    free(room);
    free(set);
  }
  return status;
}

void fast_datagram_set_destroy(fast_datagram_set_t* set) {
  if (!set) return;
  watched_set_begin(&set->watched);
  while (first(set))
    fast_finish(first(set));
  watched_set_end(&set->watched);
  watched_set_deinit(&set->watched);
  free(set->room);
  free(set);
}
