// Fifos: a pair with two rings of elements.
#include <poll.h>
#include <string.h>

#include <zircon/syscalls/fifo.h>

#include "runtime/zx/handle.h"
#include "runtime/zx/pair.h"
#include "runtime/zx/ring.h"
#include "runtime/zx/transfer.h"

struct fifo_shared {
  struct pair_shared pair;
  struct ring_shared rings[2];  // by the producer's side
  _Alignas(64) unsigned char storage[];
};

struct fifo {
  struct pair pair;
  uint32_t elem_size;
  uint32_t storage_units;
  struct ring_producer out;  // lock
  struct ring_consumer in;   // lock
  unsigned char* out_storage;
  unsigned char* in_storage;
};

static uint32_t round_to_power_of_two(uint32_t count) {
  uint32_t power = 1;
  while (power < count)
    power *= 2;
  return power;
}

static size_t fifo_memory(uint32_t elem_count, uint32_t elem_size) {
  return sizeof(struct fifo_shared) + (size_t)2 * round_to_power_of_two(elem_count) * elem_size;
}

static bool is_valid_shape(size_t elem_count, size_t elem_size) {
  return elem_count && elem_size && elem_count <= ZX_FIFO_MAX_SIZE_BYTES &&
         elem_size <= ZX_FIFO_MAX_SIZE_BYTES && elem_count * elem_size <= ZX_FIFO_MAX_SIZE_BYTES;
}

static void set_up(struct fifo* fifo, uint32_t elem_count, uint32_t elem_size, uint32_t head, uint32_t tail) {
  fifo->elem_size = elem_size;
  fifo->storage_units = round_to_power_of_two(elem_count);
  fifo->out = (struct ring_producer){NULL, head, head - elem_count, elem_count};
  fifo->in = (struct ring_consumer){NULL, tail, tail, elem_count};
}

static void attach(struct pair* pair) {
  struct fifo* fifo = (struct fifo*)pair;
  struct fifo_shared* shared = (struct fifo_shared*)pair->shared;
  unsigned side = pair->side;
  size_t storage = (size_t)fifo->storage_units * fifo->elem_size;
  fifo->out.shared = &shared->rings[side];
  fifo->in.shared = &shared->rings[!side];
  fifo->out_storage = shared->storage + side * storage;
  fifo->in_storage = shared->storage + !side * storage;
}

// The units ready to read or free to write; 0 and a broken pair if the peer lies. Lock held.
static uint32_t filled(struct fifo* fifo) {
  uint32_t count = 0;
  if (!ring_filled(&fifo->in, &count)) pair_break(&fifo->pair);
  return count;
}

static uint32_t room(struct fifo* fifo) {
  uint32_t count = 0;
  if (!ring_room(&fifo->out, &count)) pair_break(&fifo->pair);
  return count;
}

static zx_signals_t fifo_peek(struct zx_object* object) {
  struct fifo* fifo = (struct fifo*)object;
  bool writable = room(fifo) > 0;
  // The order matters: what a peer wrote before it closed is seen once the close is.
  zx_signals_t signals = pair_signals(&fifo->pair);
  if (filled(fifo)) signals |= ZX_FIFO_READABLE;
  if (writable && !(signals & ZX_FIFO_PEER_CLOSED)) signals |= ZX_FIFO_WRITABLE;
  return signals;
}

static zx_signals_t fifo_arm(struct zx_object* object, zx_signals_t want, short* events) {
  uint32_t reasons = PAIR_WAIT_SIGNALS;
  if (want & ZX_FIFO_READABLE) reasons |= PAIR_WAIT_READABLE;
  if (want & ZX_FIFO_WRITABLE) reasons |= PAIR_WAIT_WRITABLE;
  *events |= POLLIN;
  pair_wait_for((struct pair*)object, reasons);
  return fifo_peek(object);
}

static zx_signals_t fifo_ready(struct zx_object* object, zx_signals_t want, short revents) {
  pair_note((struct pair*)object, revents);
  return fifo_peek(object);
}

static zx_status_t fifo_rouse(struct zx_object* object) {
  return pair_rouse((struct pair*)object, attach);
}

static zx_status_t fifo_pack(struct zx_object* object, bool moves, struct wire_handle* wire,
                             int fds[OBJECT_MAX_FDS], unsigned* num_fds) {
  struct fifo* fifo = (struct fifo*)object;
  if (!moves) return ZX_ERR_NOT_SUPPORTED;  // a ring has one producer and one consumer
  pthread_mutex_lock(&object->lock);
  wire->elem_count = fifo->out.limit;
  wire->values[0] = ((uint64_t)fifo->out.head << 32) | fifo->in.tail;
  wire->values[1] = fifo->elem_size;
  pthread_mutex_unlock(&object->lock);
  return pair_pack(object, moves, wire, fds, num_fds);
}

static bool fifo_spin(struct zx_object* object, zx_signals_t want) {
  struct fifo* fifo = (struct fifo*)object;
  struct spin_target target;
  pair_spin_target(&fifo->pair, &target);
  pthread_mutex_lock(&object->lock);
  if (want & ZX_FIFO_READABLE) {
    spin_add(&target, &fifo->in.shared->head, fifo->in.head, 1);
  } else if (want & ZX_FIFO_WRITABLE) {
    spin_add(&target, &fifo->out.shared->tail, fifo->out.tail, 1);
  }
  pthread_mutex_unlock(&object->lock);
  return spin_watch(&fifo->pair.spinner, &target);
}

static const struct object_ops fifo_ops = {
    .type = ZX_OBJ_TYPE_FIFO,
    .rights = ZX_DEFAULT_FIFO_RIGHTS,
    .signal_mask = ZX_USER_SIGNAL_ALL,
    .waitable = true,
    .peek = fifo_peek,
    .arm = fifo_arm,
    .ready = fifo_ready,
    .spin = fifo_spin,
    .block = pair_block,
    .rises = pair_rises,
    .risen = pair_risen,
    .signal = pair_signal,
    .signal_peer = pair_signal_peer,
    .rouse = fifo_rouse,
    .pack = fifo_pack,
    .close = pair_close,
    .destroy = pair_destroy,
};

zx_status_t zx_fifo_create(size_t elem_count, size_t elem_size, uint32_t options, zx_handle_t* out0,
                           zx_handle_t* out1) {
  if (!is_valid_shape(elem_count, elem_size)) return ZX_ERR_OUT_OF_RANGE;
  if (options || !out0 || !out1) return ZX_ERR_INVALID_ARGS;
  struct pair* ends[2];
  size_t memory = fifo_memory((uint32_t)elem_count, (uint32_t)elem_size);
  zx_status_t status = pair_create(&fifo_ops, sizeof(struct fifo), memory, ends);
  if (status != ZX_OK) return status;
  for (int i = 0; i < 2; i++)
    set_up((struct fifo*)ends[i], (uint32_t)elem_count, (uint32_t)elem_size, 0, 0);
  return handle_create_pair(&ends[0]->base, &ends[1]->base, ZX_DEFAULT_FIFO_RIGHTS, out0, out1);
}

zx_status_t fifo_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out) {
  // A shape that no fifo has asks for more memory than any memfd has, and is refused as such.
  bool valid = wire->values[1] <= ZX_FIFO_MAX_SIZE_BYTES && is_valid_shape(wire->elem_count, wire->values[1]);
  size_t memory = valid ? fifo_memory(wire->elem_count, (uint32_t)wire->values[1]) : SIZE_MAX / 2;
  struct pair* pair;
  zx_status_t status = pair_unpack(&fifo_ops, sizeof(struct fifo), memory, wire->side, fds, &pair);
  if (status != ZX_OK) return status;
  set_up((struct fifo*)pair, wire->elem_count, (uint32_t)wire->values[1], (uint32_t)(wire->values[0] >> 32),
         (uint32_t)wire->values[0]);
  *out = &pair->base;
  return ZX_OK;
}

static zx_status_t lookup(zx_handle_t handle, zx_rights_t rights, size_t elem_size, size_t count,
                          struct fifo** out) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_FIFO, rights, &object, NULL);
  if (status != ZX_OK) return status;
  *out = (struct fifo*)object;
  status = elem_size != (*out)->elem_size || !count ? ZX_ERR_OUT_OF_RANGE : object_rouse(object);
  if (status != ZX_OK) object_unref(object);
  return status;
}

static zx_status_t put(struct fifo* fifo, const void* data, size_t count, size_t* actual) {
  if (fifo->pair.base.leaving) return ZX_ERR_BAD_HANDLE;
  if (pair_peer_closed(&fifo->pair)) return ZX_ERR_PEER_CLOSED;
  uint32_t free_units = room(fifo);
  if (fifo->pair.peer_closed) return ZX_ERR_PEER_CLOSED;
  if (!free_units) return ZX_ERR_SHOULD_WAIT;
  if (!data) return ZX_ERR_INVALID_ARGS;
  uint32_t units = count < free_units ? (uint32_t)count : free_units;
  ring_copy_in(fifo->out_storage, fifo->storage_units, fifo->elem_size, fifo->out.head, data, units);
  ring_publish(&fifo->out, units);
  *actual = units;
  return ZX_OK;
}

static zx_status_t take(struct fifo* fifo, void* data, size_t count, size_t* actual) {
  if (fifo->pair.base.leaving) return ZX_ERR_BAD_HANDLE;
  bool closed = pair_peer_closed(&fifo->pair);
  uint32_t ready = filled(fifo);
  if (!ready) return closed || fifo->pair.peer_closed ? ZX_ERR_PEER_CLOSED : ZX_ERR_SHOULD_WAIT;
  if (!data) return ZX_ERR_INVALID_ARGS;
  uint32_t units = count < ready ? (uint32_t)count : ready;
  ring_copy_out(fifo->in_storage, fifo->storage_units, fifo->elem_size, fifo->in.tail, data, units);
  ring_consume(&fifo->in, units);
  *actual = units;
  return ZX_OK;
}

zx_status_t zx_fifo_write(zx_handle_t handle, size_t elem_size, const void* data, size_t count,
                          size_t* actual) {
  struct fifo* fifo;
  zx_status_t status = lookup(handle, ZX_RIGHT_WRITE, elem_size, count, &fifo);
  if (status != ZX_OK) return status;
  size_t units = 0;
  pthread_mutex_lock(&fifo->pair.base.lock);
  object_change_begin(&fifo->pair.base, 0);
  status = put(fifo, data, count, &units);
  object_change_end(&fifo->pair.base);
  pthread_mutex_unlock(&fifo->pair.base.lock);
  if (status == ZX_OK) {
    pair_ring(&fifo->pair, PAIR_WAIT_READABLE);
    if (actual) *actual = units;
  }
  object_unref(&fifo->pair.base);
  return status;
}

zx_status_t zx_fifo_read(zx_handle_t handle, size_t elem_size, void* data, size_t count, size_t* actual) {
  struct fifo* fifo;
  zx_status_t status = lookup(handle, ZX_RIGHT_READ, elem_size, count, &fifo);
  if (status != ZX_OK) return status;
  size_t units = 0;
  pthread_mutex_lock(&fifo->pair.base.lock);
  object_change_begin(&fifo->pair.base, 0);
  status = take(fifo, data, count, &units);
  object_change_end(&fifo->pair.base);
  pthread_mutex_unlock(&fifo->pair.base.lock);
  if (status == ZX_OK) {
    pair_ring(&fifo->pair, PAIR_WAIT_WRITABLE);
    if (actual) *actual = units;
  }
  object_unref(&fifo->pair.base);
  return status;
}
