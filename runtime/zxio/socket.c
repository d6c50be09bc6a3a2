// What all kinds of sockets do alike: names, connecting, shutting down, waiting, cloning and closing.
#include <errno.h>
#include <fidl/fuchsia.unknown.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <zircon/linux.h>

#include "internal.h"

void zxio_socket_init(zxio_socket_t* socket, const zxio_socket_ops_t* kind, zx_handle_t channel, int domain,
                      int type, int protocol) {
  socket->ops = kind;
  socket->channel = channel;
  atomic_init(&socket->event, ZX_HANDLE_INVALID);
  socket->domain = domain;
  socket->type = type;
  socket->protocol = protocol;
  atomic_init(&socket->receive_timeout_ns, ZX_TIME_INFINITE);
  atomic_init(&socket->send_timeout_ns, ZX_TIME_INFINITE);
  atomic_init(&socket->remembered, 0);
  atomic_init(&socket->priority, 0);
  atomic_init(&socket->receive_low_water, 1);
  socket->linger_secs = 0;
}

void zxio_socket_init_closed(zxio_socket_t* socket) {
  zxio_socket_init(socket, &zxio_datagram_ops, ZX_HANDLE_INVALID, 0, 0, 0);
}

static void copy(const zxio_socket_t* from, zx_handle_t channel, zx_handle_t event, zxio_socket_t* out) {
  zxio_socket_init(out, from->ops, channel, from->domain, from->type, from->protocol);
  atomic_init(&out->event, event);
  atomic_init(&out->receive_timeout_ns,
              atomic_load_explicit(&from->receive_timeout_ns, memory_order_relaxed));
  atomic_init(&out->send_timeout_ns, atomic_load_explicit(&from->send_timeout_ns, memory_order_relaxed));
  atomic_init(&out->remembered, atomic_load_explicit(&from->remembered, memory_order_relaxed));
  atomic_init(&out->priority, atomic_load_explicit(&from->priority, memory_order_relaxed));
  atomic_init(&out->receive_low_water, atomic_load_explicit(&from->receive_low_water, memory_order_relaxed));
  out->linger_secs = from->linger_secs;
}

void zxio_socket_move(zxio_socket_t* to, zxio_socket_t* from) {
  copy(from, from->channel, atomic_load_explicit(&from->event, memory_order_relaxed), to);
  zxio_socket_init_closed(from);
}

zx_status_t zxio_socket_clone(zxio_socket_t* socket, zx_handle_t server_end) {
  fuchsia_unknown_CloneableCloneRequest request = {.request = server_end};
  return fuchsia_unknown_Cloneable_Clone(socket->channel, &request);
}

void zxio_socket_from_clone(const zxio_socket_t* origin, zx_handle_t channel, zxio_socket_t* out_socket) {
  copy(origin, channel, ZX_HANDLE_INVALID, out_socket);
}

void zxio_socket_adopt(zxio_socket_t* socket, zxio_socket_t* made) {
  socket->channel = made->channel;
  zxio_socket_init_closed(made);
}

void zxio_socket_close(zxio_socket_t* socket) {
  zx_time_t deadline = zx_deadline_after(ZXIO_CLOSE_TIMEOUT + ZX_SEC((zx_duration_t)socket->linger_secs));
  if (socket->channel != ZX_HANDLE_INVALID) {
    FIDL_BUFFER(buffer, fuchsia_unknown_Closeable_Close_RESPONSE_SIZE);
    fidl_call_t call = FIDL_CALL(buffer, deadline);
    fuchsia_unknown_Closeable_Close_Result* result;
    zx_status_t status = fuchsia_unknown_Closeable_Close(socket->channel, &call, &result);
    // The answer says that the port is free; that the server has closed its end says that nothing of ours is
    // left.
    if (status == ZX_OK) zx_object_wait_one(socket->channel, ZX_CHANNEL_PEER_CLOSED, deadline, NULL);
  }
  zxio_socket_leave(socket);
}

void zxio_socket_leave(zxio_socket_t* socket) {
  zx_handle_close(socket->channel);
  zx_handle_close(atomic_load_explicit(&socket->event, memory_order_relaxed));
  zxio_socket_init_closed(socket);
}

// Waiting

// The object to wait on. A clone asks for it when it first waits, so that a child that never does pays
// nothing.
static zx_status_t socket_event(zxio_socket_t* socket, zx_handle_t* out) {
  zx_handle_t event = atomic_load_explicit(&socket->event, memory_order_acquire);
  if (event == ZX_HANDLE_INVALID) {
    zx_status_t status = socket->ops->describe(socket, &event, NULL);
    if (status != ZX_OK) return status;
    zx_handle_t none = ZX_HANDLE_INVALID;
    if (!atomic_compare_exchange_strong_explicit(&socket->event, &none, event, memory_order_acq_rel,
                                                 memory_order_acquire)) {
      zx_handle_close(event);  // another thread was first
      event = none;
    }
  }
  *out = event;
  return ZX_OK;
}

zx_status_t zxio_socket_wait(zxio_socket_t* socket, zxio_events_t events, zx_time_t deadline,
                             int interrupt_fd, zxio_events_t* out_events) {
  zx_handle_t event;
  if (!socket->ops->wait_begin) return ZX_ERR_NOT_SUPPORTED;
  zx_status_t status = socket_event(socket, &event);
  if (status != ZX_OK) return status;
  zx_signals_t signals = 0;
  status = zx_linux_wait_one_or_fd(event, socket->ops->wait_begin(events), deadline, interrupt_fd, &signals);
  if (status == ZX_OK) *out_events = socket->ops->wait_end(signals);
  return status;
}

// Names and connections

zx_status_t zxio_socket_bind(zxio_socket_t* socket, const struct sockaddr* addr, socklen_t length,
                             int16_t* out_code) {
  struct sockaddr_in any = {.sin_family = AF_INET};
  if (socket->domain == AF_INET && addr && length >= sizeof(any)) {
    // Old programs leave the family out; that was always good for every address, and is for no other.
    struct sockaddr_in in;
    memcpy(&in, addr, sizeof(in));
    if (in.sin_family == AF_UNSPEC) {
      *out_code = in.sin_addr.s_addr == INADDR_ANY ? 0 : EAFNOSUPPORT;
      if (*out_code) return ZX_OK;
      any.sin_port = in.sin_port;
      addr = (const struct sockaddr*)(const void*)&any;
    }
  }
  zxio_address_t address;
  *out_code = zxio_address_from_sockaddr(addr, length, &address);
  if (*out_code) return ZX_OK;
  fuchsia_posix_socket_BaseNetworkSocketBindRequest request = {.addr = address.wire};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_BaseNetworkSocket_Bind_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_BaseNetworkSocket_Bind_Result* result;
  zx_status_t status = fuchsia_posix_socket_BaseNetworkSocket_Bind(socket->channel, &request, &call, &result);
  if (status == ZX_OK) zxio_result_failed(result, out_code);
  return status;
}

static zx_status_t disconnect(zxio_socket_t* socket, int16_t* out_code) {
  FIDL_BUFFER(buffer, fuchsia_posix_socket_BaseNetworkSocket_Disconnect_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_BaseNetworkSocket_Disconnect_Result* result;
  zx_status_t status = fuchsia_posix_socket_BaseNetworkSocket_Disconnect(socket->channel, &call, &result);
  if (status == ZX_OK) zxio_result_failed(result, out_code);
  return status;
}

zx_status_t zxio_socket_connect(zxio_socket_t* socket, const struct sockaddr* addr, socklen_t length,
                                int16_t* out_code) {
  sa_family_t family = AF_INET;
  if (addr && length >= sizeof(family)) memcpy(&family, addr, sizeof(family));
  if (family == AF_UNSPEC) return disconnect(socket, out_code);
  zxio_address_t address;
  *out_code = zxio_address_from_sockaddr(addr, length, &address);
  if (*out_code) return ZX_OK;
  fuchsia_posix_socket_BaseNetworkSocketConnectRequest request = {.addr = address.wire};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_BaseNetworkSocket_Connect_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_BaseNetworkSocket_Connect_Result* result;
  zx_status_t status =
      fuchsia_posix_socket_BaseNetworkSocket_Connect(socket->channel, &request, &call, &result);
  if (status == ZX_OK) zxio_result_failed(result, out_code);
  return status;
}

zx_status_t zxio_socket_getsockname(zxio_socket_t* socket, struct sockaddr* addr, socklen_t* length,
                                    int16_t* out_code) {
  *out_code = !length || (!addr && *length) ? EFAULT : *length > INT_MAX ? EINVAL : 0;
  if (*out_code) return ZX_OK;
  FIDL_BUFFER(buffer, fuchsia_posix_socket_BaseNetworkSocket_GetSockName_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_BaseNetworkSocket_GetSockName_Result* result;
  zx_status_t status = fuchsia_posix_socket_BaseNetworkSocket_GetSockName(socket->channel, &call, &result);
  if (status != ZX_OK || zxio_result_failed(result, out_code)) return status;
  zxio_address_to_sockaddr(&result->response->addr, addr, length);
  return ZX_OK;
}

zx_status_t zxio_socket_getpeername(zxio_socket_t* socket, struct sockaddr* addr, socklen_t* length,
                                    int16_t* out_code) {
  *out_code = !length || (!addr && *length) ? EFAULT : *length > INT_MAX ? EINVAL : 0;
  if (*out_code) return ZX_OK;
  FIDL_BUFFER(buffer, fuchsia_posix_socket_BaseNetworkSocket_GetPeerName_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_BaseNetworkSocket_GetPeerName_Result* result;
  zx_status_t status = fuchsia_posix_socket_BaseNetworkSocket_GetPeerName(socket->channel, &call, &result);
  if (status != ZX_OK || zxio_result_failed(result, out_code)) return status;
  zxio_address_to_sockaddr(&result->response->addr, addr, length);
  return ZX_OK;
}

zx_status_t zxio_socket_shutdown(zxio_socket_t* socket, int how, int16_t* out_code) {
  static const fuchsia_posix_socket_ShutdownMode modes[] = {
      [SHUT_RD] = fuchsia_posix_socket_ShutdownMode_READ,
      [SHUT_WR] = fuchsia_posix_socket_ShutdownMode_WRITE,
      [SHUT_RDWR] = fuchsia_posix_socket_ShutdownMode_READ | fuchsia_posix_socket_ShutdownMode_WRITE,
  };
  *out_code = how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR ? EINVAL : 0;
  if (*out_code) return ZX_OK;
  fuchsia_posix_socket_BaseNetworkSocketShutdownRequest request = {.mode = modes[how]};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_BaseNetworkSocket_Shutdown_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_BaseNetworkSocket_Shutdown_Result* result;
  zx_status_t status =
      fuchsia_posix_socket_BaseNetworkSocket_Shutdown(socket->channel, &request, &call, &result);
  if (status == ZX_OK) zxio_result_failed(result, out_code);
  return status;
}

// What a kind does in its own way, or not at all

zx_status_t zxio_socket_listen(zxio_socket_t* socket, int backlog, int16_t* out_code) {
  if (socket->ops->listen) return socket->ops->listen(socket, backlog, out_code);
  *out_code = EOPNOTSUPP;
  return ZX_OK;
}

zx_status_t zxio_socket_accept(zxio_socket_t* socket, struct sockaddr* addr, socklen_t* length,
                               zxio_socket_t* out_socket, int* out_fd, int16_t* out_code) {
  if (socket->ops->accept) return socket->ops->accept(socket, addr, length, out_socket, out_fd, out_code);
  *out_code = EOPNOTSUPP;
  return ZX_OK;
}

zx_status_t zxio_socket_recvmsg(zxio_socket_t* socket, struct msghdr* message, int flags, size_t* out_actual,
                                int16_t* out_code) {
  if (!socket->ops->recvmsg) return ZX_ERR_NOT_SUPPORTED;
  return socket->ops->recvmsg(socket, message, flags, out_actual, out_code);
}

zx_status_t zxio_socket_sendmsg(zxio_socket_t* socket, const struct msghdr* message, int flags,
                                size_t* out_actual, int16_t* out_code) {
  if (!socket->ops->sendmsg) return ZX_ERR_NOT_SUPPORTED;
  return socket->ops->sendmsg(socket, message, flags, out_actual, out_code);
}

zx_status_t zxio_socket_readable_bytes(zxio_socket_t* socket, int* out_bytes, int16_t* out_code) {
  if (!socket->ops->readable_bytes) return ZX_ERR_NOT_SUPPORTED;
  return socket->ops->readable_bytes(socket, out_bytes, out_code);
}
