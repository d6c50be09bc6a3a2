// Pairs in shared memory; see pair.h.
#include "runtime/zx/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/zx/bell.h"
#include "runtime/zx/memory.h"
#include "runtime/zx/wake.h"

#define SHARED_SIGNALS (ZX_USER_SIGNAL_ALL | ZX_EVENTPAIR_SIGNALED)

// What this process has of the shared memory. Threads may use both ends at once: no lock guards it.
struct pair_memory {
  atomic_uint num_ends;
  int fd;
  size_t size;
  struct pair_shared* _Atomic shared;  // null: not mapped yet
  atomic_uint closed;                  // by bits: the sides that were closed in this process, in good order
};

// Takes over the descriptor, also on failure. One end's.
static struct pair_memory* open_memory(int fd, size_t size) {
  struct pair_memory* memory = calloc(1, sizeof(*memory));
  if (!memory) {
    close(fd);
    return NULL;
  }
  atomic_init(&memory->num_ends, 1);
  memory->fd = fd;
  memory->size = size;
  return memory;
}

// One end less.
static void drop_memory(struct pair_memory* memory) {
  if (!memory || threads_add(&memory->num_ends, -1u) != 1) return;
  struct pair_shared* shared = atomic_load_explicit(&memory->shared, memory_order_relaxed);
  if (shared) munmap(shared, memory->size);
  close(memory->fd);
  free(memory);
}

static struct pair_shared* map_memory(struct pair_memory* memory) {
  struct pair_shared* seen = atomic_load_explicit(&memory->shared, memory_order_acquire);
  if (seen) return seen;
  struct pair_shared* shared = memory_map_for_use(memory->fd, memory->size);
  if (!shared || atomic_compare_exchange_strong(&memory->shared, &seen, shared)) return shared;
  munmap(shared, memory->size);  // the other end was first
  return seen;
}

// Takes over what it is given, also on failure.
static zx_status_t create_end(const struct object_ops* ops, size_t object_size, unsigned side, int bell,
                              struct pair_memory* memory, struct pair** out) {
  struct pair* pair = memory ? calloc(1, object_size) : NULL;
  if (!pair) {
    close(bell);
    drop_memory(memory);
    return ZX_ERR_NO_MEMORY;
  }
  object_init(&pair->base, ops, bell);
  atomic_init(&pair->base.dormant, true);
  pair->bell = bell;
  pair->listener = pair->self_bell = -1;
  pair->memory = memory;
  pair->side = side;
  *out = pair;
  return ZX_OK;
}

zx_status_t pair_create(const struct object_ops* ops, size_t object_size, size_t size, struct pair* out[2]) {
  int bells[2];
  int fd;
  size = memory_round_to_page(size);
  zx_status_t status = memory_create(size, &fd);
  if (status != ZX_OK) return status;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bells) != 0) {
    close(fd);
    return ZX_ERR_NO_RESOURCES;
  }
  struct pair_memory* memory = open_memory(fd, size);
  status = create_end(ops, object_size, 0, bells[0], memory, &out[0]);
  if (status != ZX_OK) {
    close(bells[1]);
    return status;
  }
  threads_add(&memory->num_ends, 1);
  status = create_end(ops, object_size, 1, bells[1], memory, &out[1]);
  if (status != ZX_OK) {
    object_unref(&out[0]->base);
    return status;
  }
  out[0]->base.related_koid = out[1]->base.koid;
  out[1]->base.related_koid = out[0]->base.koid;
  return ZX_OK;
}

static bool is_bell(int fd) {
  int type = -1;
  int domain = -1;
  socklen_t size = sizeof(type);
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
         getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

zx_status_t pair_unpack(const struct object_ops* ops, size_t object_size, size_t size, unsigned side,
                        const int* fds, struct pair** out) {
  size = memory_round_to_page(size);
  if (side > 1 || !is_bell(fds[0]) || !memory_is_lasting(fds[1], size)) {
    close(fds[0]);
    close(fds[1]);
    return ZX_ERR_IO_DATA_INTEGRITY;
  }
  return create_end(ops, object_size, side, fds[0], open_memory(fds[1], size), out);
}

zx_status_t pair_rouse(struct pair* pair, void (*attach)(struct pair* pair)) {
  struct zx_object* object = &pair->base;
  pthread_mutex_lock(&object->lock);
  if (!pair->shared) {
    pair->shared = map_memory(pair->memory);
    if (pair->shared && attach) attach(pair);
  }
  bool roused = pair->shared != NULL;
  if (roused) atomic_store_explicit(&object->dormant, false, memory_order_release);
  pthread_mutex_unlock(&object->lock);
  return roused ? ZX_OK : ZX_ERR_NO_MEMORY;
}

zx_status_t pair_pack(struct zx_object* object, bool moves, struct wire_handle* wire, int fds[OBJECT_MAX_FDS],
                      unsigned* num_fds) {
  const struct pair* pair = (const struct pair*)object;
  wire->side = (uint8_t)pair->side;
  fds[0] = pair->bell;
  fds[1] = pair->memory->fd;
  *num_fds = 2;
  return ZX_OK;
}

static struct pair_side* own_side(const struct pair* pair) {
  return &pair->shared->sides[pair->side];
}

static struct pair_side* peer_side(const struct pair* pair) {
  return &pair->shared->sides[!pair->side];
}

static void send_ring(const struct pair* pair) {
  while (send(pair->bell, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

static void ring(const struct pair* pair, struct pair_shared* shared, uint32_t reasons) {
  if (wake_claim(&shared->sides[!pair->side].waiting, reasons)) send_ring(pair);
}

static void say_closed(const struct pair* pair, struct pair_shared* shared) {
  // Release: the peer that sees this sees all that was written before.
  atomic_store_explicit(&shared->sides[pair->side].closed, 1, memory_order_release);
  ring(pair, shared, ~0u);
}

// Without a mapping, whose making costs several times as much. Whether the peer sleeps is not known: it is
// rung in any case.
static void say_closed_unmapped(const struct pair* pair) {
  struct pair_memory* memory = pair->memory;
  size_t word = offsetof(struct pair_shared, sides) + pair->side * sizeof(struct pair_side) +
                offsetof(struct pair_side, closed);
  struct pair_shared* shared = memory_poke(memory->fd, word, 1) ? NULL : map_memory(memory);
  if (shared) {
    say_closed(pair, shared);
  } else {
    send_ring(pair);
  }
}

void pair_close(struct zx_object* object) {
  struct pair* pair = (struct pair*)object;
  pthread_mutex_lock(&object->lock);
  bool elsewhere = object->transferred || object->shared || object_is_inherited(object);
  pthread_mutex_unlock(&object->lock);
  if (elsewhere) return;
  unsigned closed = atomic_fetch_or(&pair->memory->closed, 1u << pair->side);
  if (closed & 1u << !pair->side) return;  // there is nobody to tell
  struct pair_shared* shared = atomic_load(&pair->memory->shared);
  if (shared) {
    say_closed(pair, shared);
  } else {
    say_closed_unmapped(pair);
  }
}

void pair_destroy(struct zx_object* object) {
  struct pair* pair = (struct pair*)object;
  if (pair->listener >= 0) close(pair->listener);
  if (pair->self_bell >= 0) close(pair->self_bell);
  close(pair->bell);
  drop_memory(pair->memory);
  free(pair);
}

void pair_ring(struct pair* pair, uint32_t reasons) {
  ring(pair, pair->shared, reasons);
}

void pair_wait_for(struct pair* pair, uint32_t reasons) {
  wake_arm(&own_side(pair)->waiting, reasons);
}

zx_status_t pair_share(struct zx_object* object) {
  struct pair* pair = (struct pair*)object;
  if (pair->listener >= 0) return ZX_OK;
  zx_status_t status = bell_listen(pair->bell, pair->self_bell, &pair->listener);
  if (status != ZX_OK) return status;
  object->wait_fd = pair->listener;
  object_rearm(object);
  return ZX_OK;
}

void pair_spin_target(const struct pair* pair, struct spin_target* out) {
  *out = (struct spin_target){.own_cpu = &own_side(pair)->cpu, .peer_cpu = &peer_side(pair)->cpu};
  // The half that counts what comes on (little-endian).
  const _Atomic uint32_t* rises = (const _Atomic uint32_t*)(void*)&own_side(pair)->signals + 1;
  spin_add(out, rises, atomic_load_explicit(rises, memory_order_relaxed), 1);
  spin_add(out, &peer_side(pair)->closed, 0, 1);
}

// Others that sleep on this bell have missed it; the next change is to ring for them. Not for a port that has
// just heard it: it is awake, and says anew what it sleeps for.
static void rearm_others(struct pair* pair) {
  if (!object_is_watched_elsewhere(&pair->base)) return;
  pair_wait_for(pair, PAIR_WAIT_SIGNALS | PAIR_WAIT_READABLE | PAIR_WAIT_WRITABLE);
}

bool pair_block(struct zx_object* object, zx_signals_t want) {
  struct pair* pair = (struct pair*)object;
  char rings[64];
  if (pair->listener >= 0 || pair->peer_closed) return false;
  ssize_t size = recv(pair->bell, rings, sizeof(rings), 0);
  if (size == 0 || (size < 0 && errno != EINTR)) pair->peer_closed = true;
  rearm_others(pair);
  return true;
}

void pair_note(struct pair* pair, short revents) {
  char rings[64];
  if (pair->base.leaving && pair->listener < 0) return;  // what rings now rings for who gets it
  if (pair->listener >= 0) {
    revents = bell_heard(pair->listener);
    if (revents & POLLIN) bell_trim(pair->bell, &own_side(pair)->trim_lock);
  }
  if (revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL)) pair->peer_closed = true;
  if (!(revents & POLLIN)) return;
  while (pair->listener < 0 && recv(pair->bell, rings, sizeof(rings), MSG_DONTWAIT) < 0 && errno == EINTR) {
  }
  rearm_others(pair);
}

bool pair_peer_closed(const struct pair* pair) {
  return pair->peer_closed || atomic_load_explicit(&peer_side(pair)->closed, memory_order_acquire);
}

void pair_break(struct pair* pair) {
  if (pair->peer_closed) return;
  pair->peer_closed = true;
  shutdown(pair->bell, SHUT_RDWR);
  object_notify(&pair->base, pair->base.ops->peek(&pair->base));
}

zx_signals_t pair_signals(const struct pair* pair) {
  bool closed = pair_peer_closed(pair);
  return (pair_side_signals(own_side(pair)) & SHARED_SIGNALS) | (closed ? ZX_OBJECT_PEER_CLOSED : 0);
}

zx_signals_t pair_side_signals(const struct pair_side* side) {
  return (uint32_t)atomic_load_explicit(&side->signals, memory_order_acquire);
}

// Which of `rose` belongs to the lowest bit of `signals`.
static unsigned rise_index(zx_signals_t signals) {
  unsigned bit = (unsigned)__builtin_ctz(signals);
  return bit >= 24 ? bit - 24 : bit + 5;  // 3 to 5 come behind the eight user signals
}

#define COUNTED_SIGNALS (ZX_USER_SIGNAL_ALL | ZX_EVENT_SIGNALED | ZX_CLOCK_STARTED | ZX_CLOCK_UPDATED)

static void note_rise(struct pair_side* side, zx_signals_t rise, uint32_t number) {
  for (rise &= COUNTED_SIGNALS; rise; rise &= rise - 1) {
    _Atomic uint32_t* rose = &side->rose[rise_index(rise)];
    uint32_t before = atomic_load_explicit(rose, memory_order_relaxed);
    // Somebody else may have turned it on later than we did, and been faster here.
    while ((int32_t)(number - before) > 0 &&
           !atomic_compare_exchange_weak_explicit(rose, &before, number, memory_order_release,
                                                  memory_order_relaxed)) {
    }
  }
}

zx_signals_t pair_side_change(struct pair_side* side, zx_signals_t clear, zx_signals_t set) {
  uint64_t before = atomic_load_explicit(&side->signals, memory_order_relaxed);
  uint64_t after;
  zx_signals_t rise;
  uint32_t rises;
  do {
    zx_signals_t on = ((uint32_t)before & ~clear) | set;
    rise = on & ~(uint32_t)before;
    rises = (uint32_t)(before >> 32) + (rise != 0);
    after = (uint64_t)rises << 32 | on;
  } while (!atomic_compare_exchange_weak_explicit(&side->signals, &before, after, memory_order_acq_rel,
                                                  memory_order_relaxed));
  if (rise) note_rise(side, rise, rises);
  return rise;
}

uint32_t pair_side_rises(const struct pair_side* side) {
  return (uint32_t)(atomic_load_explicit(&side->signals, memory_order_acquire) >> 32);
}

zx_signals_t pair_side_risen(const struct pair_side* side, uint32_t since) {
  zx_signals_t risen = 0;
  if (pair_side_rises(side) == since) return 0;
  for (zx_signals_t left = COUNTED_SIGNALS; left; left &= left - 1) {
    uint32_t number = atomic_load_explicit(&side->rose[rise_index(left)], memory_order_acquire);
    if ((int32_t)(number - since) > 0) risen |= left & -left;
  }
  return risen;
}

uint32_t pair_rises(const struct zx_object* object) {
  return pair_side_rises(own_side((const struct pair*)object));
}

zx_signals_t pair_risen(const struct zx_object* object, uint32_t since) {
  return pair_side_risen(own_side((const struct pair*)object), since) & SHARED_SIGNALS;
}

void pair_signal(struct zx_object* object, zx_signals_t clear, zx_signals_t set) {
  struct pair* pair = (struct pair*)object;
  object_change_begin(object, 0);
  bool rise = pair_side_change(own_side(pair), clear, set) != 0;
  if (rise) object_notify(object, object->ops->peek(object));
  if (rise && pair->self_bell >= 0 && wake_claim(&own_side(pair)->waiting, PAIR_WAIT_SIGNALS)) {
    bell_ring_self(pair->self_bell);
  }
  object_change_end(object);
}

zx_status_t pair_signal_peer(struct zx_object* object, zx_signals_t clear, zx_signals_t set) {
  struct pair* pair = (struct pair*)object;
  pthread_mutex_lock(&object->lock);
  bool gone = pair_peer_closed(pair);
  pthread_mutex_unlock(&object->lock);
  if (gone) return ZX_ERR_PEER_CLOSED;
  if (pair_side_change(peer_side(pair), clear, set)) pair_ring(pair, PAIR_WAIT_SIGNALS);
  return ZX_OK;
}
