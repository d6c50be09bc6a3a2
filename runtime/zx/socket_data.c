// Reading from and writing to sockets. In datagram mode each datagram is preceded by its length.
#include <string.h>

#include <zircon/syscalls/socket.h>

#include "runtime/zx/handle.h"
#include "runtime/zx/linux_socket.h"
#include "runtime/zx/socket_impl.h"

static zx_status_t write_locked(struct socket* socket, const void* buffer, size_t size, size_t* actual) {
  if (socket->pair.base.leaving) return ZX_ERR_BAD_HANDLE;
  if (pair_peer_closed(&socket->pair)) return ZX_ERR_PEER_CLOSED;
  if (socket_is_disabled(socket->out_direction)) return ZX_ERR_BAD_STATE;
  uint32_t free_bytes = socket_usable(socket, socket_room(socket));
  if (socket->pair.peer_closed) return ZX_ERR_PEER_CLOSED;
  if (socket_is_datagram(socket) && size > SOCKET_BYTES - LENGTH_BYTES) return ZX_ERR_OUT_OF_RANGE;
  *actual = 0;
  if (!size) return ZX_OK;
  bool fits = free_bytes && (!socket_is_datagram(socket) || size <= free_bytes);
  socket->refused = fits || !socket_is_datagram(socket) ? 0 : size;
  if (!fits) return ZX_ERR_SHOULD_WAIT;
  uint32_t count = size < free_bytes ? (uint32_t)size : free_bytes;
  uint32_t at = socket->out.head;
  if (socket_is_datagram(socket)) {
    ring_copy_in(socket->out_storage, SOCKET_BYTES, 1, at, &count, LENGTH_BYTES);
    at += LENGTH_BYTES;
    atomic_store_explicit(&socket->out_direction->datagrams, ++socket->written, memory_order_relaxed);
  }
  ring_copy_in(socket->out_storage, SOCKET_BYTES, 1, at, buffer, count);
  ring_publish(&socket->out, at + count - socket->out.head);
  *actual = count;
  return ZX_OK;
}

zx_status_t zx_socket_write(zx_handle_t handle, uint32_t options, const void* buffer, size_t size,
                            size_t* actual) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_SOCKET, ZX_RIGHT_WRITE, &object, NULL);
  if (status != ZX_OK) return status;
  struct socket* socket = (struct socket*)object;
  size_t done = 0;
  if (options || (size && !buffer)) {
    status = ZX_ERR_INVALID_ARGS;
  } else if (linux_socket_is(object)) {
    status = linux_socket_write(object, buffer, size, &done);
  } else if ((status = object_rouse(object)) == ZX_OK) {
    pthread_mutex_lock(&object->lock);
    object_change_begin(object, 0);
    status = write_locked(socket, buffer, size, &done);
    object_change_end(object);
    pthread_mutex_unlock(&object->lock);
    if (status == ZX_OK && done) pair_ring(&socket->pair, PAIR_WAIT_READABLE);
  }
  if (status == ZX_OK && actual) *actual = done;
  object_unref(object);
  return status;
}

bool socket_first_datagram(const struct socket* socket, uint32_t queued, uint32_t* out) {
  if (queued < LENGTH_BYTES) return false;
  ring_copy_out(socket->in_storage, SOCKET_BYTES, 1, socket->in.tail, out, LENGTH_BYTES);
  return *out <= queued - LENGTH_BYTES;
}

static zx_status_t read_locked(struct socket* socket, bool peek, void* buffer, size_t size, size_t* actual) {
  if (socket->pair.base.leaving) return ZX_ERR_BAD_HANDLE;
  bool disabled = socket_is_disabled(socket->in_direction);
  bool closed = pair_peer_closed(&socket->pair);
  uint32_t queued = socket_filled(socket);
  if (!queued) {
    if (closed || socket->pair.peer_closed) return ZX_ERR_PEER_CLOSED;
    return disabled ? ZX_ERR_BAD_STATE : ZX_ERR_SHOULD_WAIT;
  }
  uint32_t at = socket->in.tail;
  uint32_t whole = queued;
  if (socket_is_datagram(socket)) {
    if (!socket_first_datagram(socket, queued, &whole)) {
      pair_break(&socket->pair);
      return ZX_ERR_PEER_CLOSED;
    }
    at += LENGTH_BYTES;
  }
  uint32_t count = size < whole ? (uint32_t)size : whole;
  ring_copy_out(socket->in_storage, SOCKET_BYTES, 1, at, buffer, count);
  *actual = count;
  if (peek) return ZX_OK;
  if (socket_is_datagram(socket)) socket->taken++;
  // The rest of a datagram goes with it.
  ring_consume(&socket->in, at - socket->in.tail + (socket_is_datagram(socket) ? whole : count));
  return ZX_OK;
}

// Whether a sleeping writer waits for no more than there is. It says so before it says that it sleeps, so a
// writer whose word is not seen yet looks again after this read.
static bool is_room_wanted(const struct socket* socket) {
  atomic_thread_fence(memory_order_seq_cst);  // with the fence of wake_arm
  uint32_t wanted = atomic_load_explicit(&socket->in_direction->wanted, memory_order_relaxed);
  return SOCKET_BYTES - (socket->in.head - socket->in.tail) >= wanted;
}

zx_status_t zx_socket_read(zx_handle_t handle, uint32_t options, void* buffer, size_t size, size_t* actual) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_SOCKET, ZX_RIGHT_READ, &object, NULL);
  if (status != ZX_OK) return status;
  struct socket* socket = (struct socket*)object;
  size_t done = 0;
  if ((options & ~ZX_SOCKET_PEEK) || (size && !buffer)) {
    status = ZX_ERR_INVALID_ARGS;
  } else if (linux_socket_is(object)) {
    status = linux_socket_read(object, options & ZX_SOCKET_PEEK, buffer, size, &done);
  } else if ((status = object_rouse(object)) == ZX_OK) {
    bool peek = options & ZX_SOCKET_PEEK;
    pthread_mutex_lock(&object->lock);
    object_change_begin(object, 0);
    status = read_locked(socket, peek, buffer, size, &done);
    object_change_end(object);
    bool roomy = status == ZX_OK && !peek && is_room_wanted(socket);
    pthread_mutex_unlock(&object->lock);
    if (roomy) pair_ring(&socket->pair, PAIR_WAIT_WRITABLE);
  }
  if (status == ZX_OK && actual) *actual = done;
  object_unref(object);
  return status;
}
