// Sockets: a pair with two byte rings; what they hold is socket_data.c's.
#include <poll.h>
#include <string.h>

#include <zircon/syscalls/object.h>
#include <zircon/syscalls/socket.h>

#include "runtime/zx/handle.h"
#include "runtime/zx/linux_socket.h"
#include "runtime/zx/socket.h"
#include "runtime/zx/socket_impl.h"
#include "runtime/zx/transfer.h"

static void set_up(struct socket* socket, uint32_t options, uint32_t head, uint32_t tail) {
  socket->options = options;
  socket->out = (struct ring_producer){NULL, head, head - SOCKET_BYTES, SOCKET_BYTES};
  socket->in = (struct ring_consumer){NULL, tail, tail, SOCKET_BYTES};
}

static void attach(struct pair* pair) {
  struct socket* socket = (struct socket*)pair;
  struct socket_shared* shared = (struct socket_shared*)pair->shared;
  unsigned side = pair->side;
  socket->out_direction = &shared->directions[side];
  socket->in_direction = &shared->directions[!side];
  socket->out.shared = &socket->out_direction->ring;
  socket->in.shared = &socket->in_direction->ring;
  socket->out_storage = shared->storage[side];
  socket->in_storage = shared->storage[!side];
}

// The queued bytes without the lengths of datagrams.
static uint32_t payload(const struct socket* socket, uint32_t queued) {
  if (!socket_is_datagram(socket)) return queued;
  uint32_t count =
      atomic_load_explicit(&socket->in_direction->datagrams, memory_order_relaxed) - socket->taken;
  return count <= queued / LENGTH_BYTES ? queued - count * LENGTH_BYTES : 0;
}

static zx_signals_t socket_peek(struct zx_object* object) {
  struct socket* socket = (struct socket*)object;
  uint32_t free_bytes = socket_usable(socket, socket_room(socket));
  bool disabled = socket_is_disabled(socket->out_direction);
  bool peer_disabled = socket_is_disabled(socket->in_direction);
  // Last the state of the peer: what it wrote before it closed is seen once the close is.
  zx_signals_t signals = pair_signals(&socket->pair);
  uint32_t queued = socket_filled(socket);
  if (socket->pair.peer_closed) signals |= ZX_SOCKET_PEER_CLOSED;
  bool open = !(signals & ZX_SOCKET_PEER_CLOSED);
  if (queued) signals |= ZX_SOCKET_READABLE;
  if (peer_disabled) signals |= ZX_SOCKET_PEER_WRITE_DISABLED;
  if (disabled) signals |= ZX_SOCKET_WRITE_DISABLED;
  if (open && !disabled && free_bytes > 0 && free_bytes >= socket->refused) signals |= ZX_SOCKET_WRITABLE;
  if (socket->rx_threshold && payload(socket, queued) >= socket->rx_threshold)
    signals |= ZX_SOCKET_READ_THRESHOLD;
  if (open && socket->tx_threshold && free_bytes >= socket->tx_threshold)
    signals |= ZX_SOCKET_WRITE_THRESHOLD;
  return signals;
}

// Tells the reader how much room is worth waking this end for: the least that turns on a signal somebody
// waits for.
static void publish_wanted(struct socket* socket, zx_signals_t want) {
  size_t wanted = SOCKET_BYTES;
  want |= object_awaited(&socket->pair.base);
  if (want & ZX_SOCKET_WRITABLE) wanted = socket->refused ? socket->refused : 1;
  if ((want & ZX_SOCKET_WRITE_THRESHOLD) && socket->tx_threshold && socket->tx_threshold < wanted) {
    wanted = socket->tx_threshold;
  }
  if (socket_is_datagram(socket)) wanted += LENGTH_BYTES;
  if (wanted > SOCKET_BYTES) wanted = SOCKET_BYTES;
  atomic_store_explicit(&socket->out_direction->wanted, (uint32_t)wanted, memory_order_relaxed);
}

static zx_signals_t socket_arm(struct zx_object* object, zx_signals_t want, short* events) {
  uint32_t reasons = PAIR_WAIT_SIGNALS;
  if (want & (ZX_SOCKET_READABLE | ZX_SOCKET_READ_THRESHOLD)) reasons |= PAIR_WAIT_READABLE;
  if (want & (ZX_SOCKET_WRITABLE | ZX_SOCKET_WRITE_THRESHOLD)) {
    reasons |= PAIR_WAIT_WRITABLE;
    publish_wanted((struct socket*)object, want);
  }
  *events |= POLLIN;
  pair_wait_for((struct pair*)object, reasons);
  return socket_peek(object);
}

static zx_signals_t socket_ready(struct zx_object* object, zx_signals_t want, short revents) {
  pair_note((struct pair*)object, revents);
  return socket_peek(object);
}

static zx_status_t socket_rouse(struct zx_object* object) {
  return pair_rouse((struct pair*)object, attach);
}

static zx_status_t socket_pack(struct zx_object* object, bool moves, struct wire_handle* wire,
                               int fds[OBJECT_MAX_FDS], unsigned* num_fds) {
  struct socket* socket = (struct socket*)object;
  if (!moves) return ZX_ERR_NOT_SUPPORTED;  // a ring has one producer and one consumer
  pthread_mutex_lock(&object->lock);
  wire->elem_count = socket->options;
  wire->values[0] = ((uint64_t)socket->out.head << 32) | socket->in.tail;
  wire->values[1] = ((uint64_t)socket->rx_threshold << 32) | (uint32_t)socket->tx_threshold;
  wire->values[2] = ((uint64_t)socket->written << 32) | socket->taken;
  pthread_mutex_unlock(&object->lock);
  return pair_pack(object, moves, wire, fds, num_fds);
}

static zx_status_t socket_get_property(struct zx_object* object, uint32_t property, void* value,
                                       size_t size) {
  struct socket* socket = (struct socket*)object;
  if (property != ZX_PROP_SOCKET_RX_THRESHOLD && property != ZX_PROP_SOCKET_TX_THRESHOLD) {
    return ZX_ERR_WRONG_TYPE;
  }
  if (size < sizeof(size_t)) return ZX_ERR_BUFFER_TOO_SMALL;
  pthread_mutex_lock(&object->lock);
  size_t threshold = property == ZX_PROP_SOCKET_RX_THRESHOLD ? socket->rx_threshold : socket->tx_threshold;
  pthread_mutex_unlock(&object->lock);
  memcpy(value, &threshold, sizeof(threshold));
  return ZX_OK;
}

static zx_status_t socket_set_property(struct zx_object* object, uint32_t property, const void* value,
                                       size_t size) {
  struct socket* socket = (struct socket*)object;
  size_t threshold;
  if (property != ZX_PROP_SOCKET_RX_THRESHOLD && property != ZX_PROP_SOCKET_TX_THRESHOLD) {
    return ZX_ERR_WRONG_TYPE;
  }
  if (size < sizeof(size_t)) return ZX_ERR_BUFFER_TOO_SMALL;
  memcpy(&threshold, value, sizeof(threshold));
  if (threshold > SOCKET_BYTES) return ZX_ERR_INVALID_ARGS;
  zx_status_t status = object_rouse(object);
  if (status != ZX_OK) return status;
  pthread_mutex_lock(&object->lock);
  object_change_begin(object, 0);
  if (property == ZX_PROP_SOCKET_RX_THRESHOLD) {
    socket->rx_threshold = threshold;
  } else if (pair_peer_closed(&socket->pair)) {
    status = ZX_ERR_PEER_CLOSED;
  } else {
    socket->tx_threshold = threshold;
  }
  if (status == ZX_OK) object_notify(object, socket_peek(object));
  object_change_end(object);
  pthread_mutex_unlock(&object->lock);
  return status;
}

static bool socket_spin(struct zx_object* object, zx_signals_t want) {
  struct socket* socket = (struct socket*)object;
  struct spin_target target;
  pair_spin_target(&socket->pair, &target);
  pthread_mutex_lock(&object->lock);
  if (want & (ZX_SOCKET_READABLE | ZX_SOCKET_READ_THRESHOLD)) {
    spin_add(&target, &socket->in.shared->head, socket->in.head, 1);
  } else if (want & (ZX_SOCKET_WRITABLE | ZX_SOCKET_WRITE_THRESHOLD)) {
    spin_add(&target, &socket->out.shared->tail, socket->out.tail, 1);
  }
  pthread_mutex_unlock(&object->lock);
  return spin_watch(&socket->pair.spinner, &target);
}

static const struct object_ops socket_ops = {
    .type = ZX_OBJ_TYPE_SOCKET,
    .rights = ZX_DEFAULT_SOCKET_RIGHTS,
    .signal_mask = ZX_USER_SIGNAL_ALL,
    .waitable = true,
    .peek = socket_peek,
    .arm = socket_arm,
    .ready = socket_ready,
    .spin = socket_spin,
    .block = pair_block,
    .rises = pair_rises,
    .risen = pair_risen,
    .signal = pair_signal,
    .signal_peer = pair_signal_peer,
    .rouse = socket_rouse,
    .pack = socket_pack,
    .get_property = socket_get_property,
    .set_property = socket_set_property,
    .close = pair_close,
    .destroy = pair_destroy,
};

zx_status_t zx_socket_create(uint32_t options, zx_handle_t* out0, zx_handle_t* out1) {
  if (options > ZX_SOCKET_DATAGRAM || !out0 || !out1) return ZX_ERR_INVALID_ARGS;
  struct pair* ends[2];
  zx_status_t status = pair_create(&socket_ops, sizeof(struct socket), sizeof(struct socket_shared), ends);
  if (status != ZX_OK) return status;
  for (int i = 0; i < 2; i++)
    set_up((struct socket*)ends[i], options, 0, 0);
  return handle_create_pair(&ends[0]->base, &ends[1]->base, ZX_DEFAULT_SOCKET_RIGHTS, out0, out1);
}

zx_status_t socket_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out) {
  struct pair* pair;
  zx_status_t status =
      pair_unpack(&socket_ops, sizeof(struct socket), sizeof(struct socket_shared), wire->side, fds, &pair);
  if (status != ZX_OK) return status;
  struct socket* socket = (struct socket*)pair;
  set_up(socket, wire->elem_count & ZX_SOCKET_DATAGRAM, (uint32_t)(wire->values[0] >> 32),
         (uint32_t)wire->values[0]);
  socket->rx_threshold = wire->values[1] >> 32;
  socket->tx_threshold = (uint32_t)wire->values[1];
  socket->written = (uint32_t)(wire->values[2] >> 32);
  socket->taken = (uint32_t)wire->values[2];
  *out = &pair->base;
  return ZX_OK;
}

// Whether a disposition changes anything; all that is queued must have been read before writing is enabled
// again.
static zx_status_t check_disposition(uint32_t disposition, bool disabled, bool queue_empty) {
  bool enables = disposition == ZX_SOCKET_DISPOSITION_WRITE_ENABLED && disabled;
  return enables && !queue_empty ? ZX_ERR_BAD_STATE : ZX_OK;
}

static void set_direction(struct socket_direction* direction, uint32_t disposition) {
  if (!disposition) return;
  uint32_t disabled = disposition == ZX_SOCKET_DISPOSITION_WRITE_DISABLED;
  atomic_store_explicit(&direction->write_disabled, disabled, memory_order_release);
}

static zx_status_t set_directions(struct socket* socket, uint32_t own, uint32_t peer) {
  if (socket->pair.base.leaving) return ZX_ERR_BAD_HANDLE;
  if (peer && pair_peer_closed(&socket->pair)) return ZX_ERR_PEER_CLOSED;
  zx_status_t status =
      check_disposition(own, socket_is_disabled(socket->out_direction), socket_room(socket) == SOCKET_BYTES);
  if (status == ZX_OK)
    status = check_disposition(peer, socket_is_disabled(socket->in_direction), socket_filled(socket) == 0);
  if (status != ZX_OK) return status;
  struct zx_object* object = &socket->pair.base;
  object_change_begin(object, 0);
  set_direction(socket->out_direction, own);
  set_direction(socket->in_direction, peer);
  object_notify(object, socket_peek(object));
  object_change_end(object);
  return ZX_OK;
}

static zx_status_t change_directions(struct zx_object* object, uint32_t own, uint32_t peer) {
  if (linux_socket_is(object)) return linux_socket_set_disposition(object, own, peer);
  struct socket* socket = (struct socket*)object;
  zx_status_t status = object_rouse(object);
  if (status != ZX_OK) return status;
  pthread_mutex_lock(&object->lock);
  status = set_directions(socket, own, peer);
  pthread_mutex_unlock(&object->lock);
  if (status == ZX_OK) pair_ring(&socket->pair, ~0u);
  return status;
}

zx_status_t zx_socket_set_disposition(zx_handle_t handle, uint32_t disposition, uint32_t disposition_peer) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_SOCKET, ZX_RIGHT_MANAGE_SOCKET, &object, NULL);
  if (status != ZX_OK) return status;
  bool valid = disposition <= ZX_SOCKET_DISPOSITION_WRITE_ENABLED &&
               disposition_peer <= ZX_SOCKET_DISPOSITION_WRITE_ENABLED;
  status = valid ? change_directions(object, disposition, disposition_peer) : ZX_ERR_INVALID_ARGS;
  object_unref(object);
  return status;
}

zx_status_t zx_socket_shutdown(zx_handle_t handle, uint32_t options) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_SOCKET, ZX_RIGHT_WRITE, &object, NULL);
  if (status != ZX_OK) return status;
  const uint32_t off = ZX_SOCKET_DISPOSITION_WRITE_DISABLED;
  if (options & ~ZX_SOCKET_SHUTDOWN_MASK) {
    status = ZX_ERR_INVALID_ARGS;
  } else {
    status = change_directions(object, options & ZX_SOCKET_SHUTDOWN_WRITE ? off : 0,
                               options & ZX_SOCKET_SHUTDOWN_READ ? off : 0);
  }
  object_unref(object);
  return status;
}

void socket_info(struct zx_object* object, zx_info_socket_t* out) {
  if (linux_socket_is(object)) {
    linux_socket_info(object, out);
    return;
  }
  struct socket* socket = (struct socket*)object;
  pthread_mutex_lock(&object->lock);
  uint32_t queued = socket_filled(socket);
  uint32_t first = 0;
  bool open = !pair_peer_closed(&socket->pair);
  *out = (zx_info_socket_t){.options = socket->options, .rx_buf_max = SOCKET_BYTES};
  out->rx_buf_size = out->rx_buf_available = payload(socket, queued);
  if (socket_is_datagram(socket))
    out->rx_buf_available = queued && socket_first_datagram(socket, queued, &first) ? first : 0;
  if (open) {
    out->tx_buf_max = SOCKET_BYTES;
    out->tx_buf_size = SOCKET_BYTES - socket_room(socket);
  }
  pthread_mutex_unlock(&object->lock);
}
