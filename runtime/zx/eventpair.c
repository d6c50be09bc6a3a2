// Eventpairs: a pair with nothing but signals.
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <zircon/syscalls/event.h>

#include "runtime/zx/bell.h"
#include "runtime/zx/handle.h"
#include "runtime/zx/pair.h"
#include "runtime/zx/transfer.h"

static zx_signals_t eventpair_peek(struct zx_object* object) {
  return pair_signals((struct pair*)object);
}

static zx_signals_t eventpair_arm(struct zx_object* object, zx_signals_t want, short* events) {
  *events |= POLLIN;
  pair_wait_for((struct pair*)object, PAIR_WAIT_SIGNALS);
  return eventpair_peek(object);
}

static zx_signals_t eventpair_ready(struct zx_object* object, zx_signals_t want, short revents) {
  pair_note((struct pair*)object, revents);
  return eventpair_peek(object);
}

static bool eventpair_spin(struct zx_object* object, zx_signals_t want) {
  struct pair* pair = (struct pair*)object;
  struct spin_target target;
  pair_spin_target(pair, &target);
  return spin_watch(&pair->spinner, &target);
}

static zx_status_t eventpair_rouse(struct zx_object* object) {
  return pair_rouse((struct pair*)object, NULL);
}

// An end that other processes hold as well has its holders' own bell with it.
static zx_status_t eventpair_pack(struct zx_object* object, bool moves, struct wire_handle* wire,
                                  int fds[OBJECT_MAX_FDS], unsigned* num_fds) {
  struct pair* pair = (struct pair*)object;
  zx_status_t status = pair_pack(object, moves, wire, fds, num_fds);
  pthread_mutex_lock(&object->lock);
  bool shared = !moves || object->shared;
  if (status == ZX_OK && shared && pair->self_bell < 0) status = bell_create_self(&pair->self_bell);
  if (status == ZX_OK && shared) fds[(*num_fds)++] = pair->self_bell;
  pthread_mutex_unlock(&object->lock);
  return status;
}

static const struct object_ops eventpair_ops = {
    .type = ZX_OBJ_TYPE_EVENTPAIR,
    .rights = ZX_DEFAULT_EVENTPAIR_RIGHTS,
    .signal_mask = ZX_USER_SIGNAL_ALL | ZX_EVENTPAIR_SIGNALED,
    .waitable = true,
    .peek = eventpair_peek,
    .arm = eventpair_arm,
    .ready = eventpair_ready,
    .spin = eventpair_spin,
    .block = pair_block,
    .rises = pair_rises,
    .risen = pair_risen,
    .signal = pair_signal,
    .signal_peer = pair_signal_peer,
    .rouse = eventpair_rouse,
    .pack = eventpair_pack,
    .share = pair_share,
    .close = pair_close,
    .destroy = pair_destroy,
};

zx_status_t zx_eventpair_create(uint32_t options, zx_handle_t* out0, zx_handle_t* out1) {
  if (options) return ZX_ERR_NOT_SUPPORTED;
  if (!out0 || !out1) return ZX_ERR_INVALID_ARGS;
  struct pair* ends[2];
  zx_status_t status = pair_create(&eventpair_ops, sizeof(struct pair), sizeof(struct pair_shared), ends);
  if (status != ZX_OK) return status;
  return handle_create_pair(&ends[0]->base, &ends[1]->base, ZX_DEFAULT_EVENTPAIR_RIGHTS, out0, out1);
}

zx_status_t eventpair_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out) {
  struct pair* pair;
  struct itimerspec unused;
  bool has_self_bell = wire->num_fds == 3;
  bool rings = has_self_bell && timerfd_gettime(fds[2], &unused) == 0;
  zx_status_t status =
      pair_unpack(&eventpair_ops, sizeof(struct pair), sizeof(struct pair_shared), wire->side, fds, &pair);
  if (has_self_bell && (status != ZX_OK || !rings)) close(fds[2]);
  if (status != ZX_OK) return status;
  if (has_self_bell && !rings) {
    object_unref(&pair->base);
    return ZX_ERR_IO_DATA_INTEGRITY;
  }
  if (has_self_bell) pair->self_bell = fds[2];
  *out = &pair->base;
  return ZX_OK;
}
