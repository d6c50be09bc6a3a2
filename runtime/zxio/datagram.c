// Datagram sockets of the synchronous kind: each datagram is a call, steps 2 and 11 to 17 of its life. Above
// is fdio, below the generated proxy of SynchronousDatagramSocket.
#include <errno.h>
#include <lib/trace/trace.h>
#include <limits.h>
#include <poll.h>
#include <sys/uio.h>
#include <zircon/linux.h>

#include "internal.h"

typedef fuchsia_posix_socket_SynchronousDatagramSocketRecvMsgRequest recv_request_t;
typedef fuchsia_posix_socket_SynchronousDatagramSocket_RecvMsg_Result recv_result_t;
typedef fuchsia_posix_socket_SynchronousDatagramSocket_RecvMsg_Response recv_response_t;

// What a reply of RecvMsg takes beside the data, at most: header, result, address; and with control data, all
// tables.
#define RECV_OVERHEAD 128u
#define RECV_CONTROL_OVERHEAD 384u
// What tells about an error, with its two addresses.
#define ERROR_OVERHEAD 128u
// Replies up to this size are received on the stack.
#define RECV_STACK_BYTES 4096u

int16_t zxio_iov_length(const struct msghdr* message, size_t* out_length) {
  if (message->msg_iovlen > IOV_MAX) return EMSGSIZE;
  if (message->msg_iovlen > 0 && !message->msg_iov) return EFAULT;
  size_t length = 0;
  for (size_t i = 0; i < message->msg_iovlen; i++) {
    const struct iovec* iov = &message->msg_iov[i];
    if (!iov->iov_base && iov->iov_len > 0) return EFAULT;
    if (iov->iov_len > SSIZE_MAX - length) return EINVAL;
    length += iov->iov_len;
  }
  *out_length = length;
  return 0;
}

// Receiving

static size_t scatter(const struct msghdr* message, const uint8_t* data, size_t length) {
  size_t done = 0;
  for (size_t i = 0; i < message->msg_iovlen && done < length; i++) {
    const struct iovec* iov = &message->msg_iov[i];
    size_t size = iov->iov_len < length - done ? iov->iov_len : length - done;
    if (size > 0) memcpy(iov->iov_base, data + done, size);
    done += size;
  }
  return done;
}

static size_t deliver(const recv_response_t* response, struct msghdr* message, int flags) {
  size_t actual = scatter(message, response->data.data, response->data.count);
  // A server that sends more than was asked for has the rest cut as well.
  size_t whole = response->data.count + response->truncated;
  message->msg_flags = whole > actual ? MSG_TRUNC : 0;
  if (message->msg_name) {
    zxio_address_to_sockaddr(&response->addr, (struct sockaddr*)message->msg_name, &message->msg_namelen);
  }
  zxio_control_from_wire(&response->control, message);
  return flags & MSG_TRUNC ? whole : actual;
}

static zx_status_t recv_into(zxio_socket_t* socket, const recv_request_t* request, fidl_call_t call,
                             struct msghdr* message, int flags, size_t* out_actual, int16_t* out_code) {
  recv_result_t* result;
  zx_status_t status =
      fuchsia_posix_socket_SynchronousDatagramSocket_RecvMsg(socket->channel, request, &call, &result);
  if (status != ZX_OK || zxio_result_failed(result, out_code)) return status;
  *out_actual = deliver(result->response, message, flags);
  return ZX_OK;
}

// The queue of errors (MSG_ERRQUEUE)

typedef fuchsia_posix_socket_BaseDatagramSocketRecvErrorRequest error_request_t;
typedef fuchsia_posix_socket_BaseDatagramSocket_RecvError_Result error_result_t;
typedef fuchsia_posix_socket_BaseDatagramSocket_RecvError_Response error_response_t;

static size_t deliver_error(const error_response_t* response, int domain, struct msghdr* message) {
  size_t actual = scatter(message, response->data.data, response->data.count);
  message->msg_flags = MSG_ERRQUEUE;
  if (response->data.count + response->truncated > actual) message->msg_flags |= MSG_TRUNC;
  if (message->msg_name) {
    zxio_address_to_sockaddr(&response->error.to, (struct sockaddr*)message->msg_name, &message->msg_namelen);
  }
  zxio_error_from_wire(&response->error, domain, &response->control, message);
  return actual;
}

// Errors are rare, and what they quote of a datagram may be long: always in memory for large messages.
static zx_status_t datagram_recverror(zxio_socket_t* socket, struct msghdr* message, size_t* out_actual,
                                      int16_t* out_code) {
  size_t length = 0;
  *out_code = zxio_iov_length(message, &length);
  if (*out_code) return ZX_OK;
  const uint32_t most = FIDL_MAX_MESSAGE_BYTES - RECV_OVERHEAD - RECV_CONTROL_OVERHEAD - ERROR_OVERHEAD;
  error_request_t request = {.data_len = length < most ? (uint32_t)length : most,
                             .want_control = message->msg_controllen > 0};
  void* scratch = zxio_scratch_acquire();
  if (!scratch) return ZX_ERR_NO_MEMORY;
  fidl_call_t call = fidl_call_make(scratch, FIDL_MAX_MESSAGE_BYTES, ZXIO_CALL_DEADLINE);
  error_result_t* result;
  zx_status_t status =
      fuchsia_posix_socket_SynchronousDatagramSocket_RecvError(socket->channel, &request, &call, &result);
  if (status == ZX_OK && !zxio_result_failed(result, out_code)) {
    *out_actual = deliver_error(result->response, socket->domain, message);
  }
  zxio_scratch_release(scratch);
  return status;
}

static zx_status_t datagram_recvmsg(zxio_socket_t* socket, struct msghdr* message, int flags,
                                    size_t* out_actual, int16_t* out_code) {
  if (flags & MSG_ERRQUEUE) return datagram_recverror(socket, message, out_actual, out_code);
  size_t length = 0;
  *out_code = zxio_iov_length(message, &length);
  if (*out_code) return ZX_OK;
  trace_point("zxio.recvmsg", length);
  recv_request_t request = {.want_addr = message->msg_name != NULL,
                            .want_control = message->msg_controllen > 0,
                            .flags = flags & MSG_PEEK ? fuchsia_posix_socket_RecvMsgFlags_PEEK : 0};
  uint32_t overhead = RECV_OVERHEAD + (request.want_control ? RECV_CONTROL_OVERHEAD : 0);
  uint32_t most = FIDL_MAX_MESSAGE_BYTES - overhead;
  request.data_len = length < most ? (uint32_t)length : most;
  uint32_t capacity = (request.data_len + overhead + 7u) & ~7u;
  zx_status_t status;
  if (capacity <= RECV_STACK_BYTES) {
    FIDL_BUFFER(buffer, RECV_STACK_BYTES);
    status = recv_into(socket, &request, FIDL_CALL(buffer, ZXIO_CALL_DEADLINE), message, flags, out_actual,
                       out_code);
  } else {
    void* scratch = zxio_scratch_acquire();
    if (!scratch) return ZX_ERR_NO_MEMORY;
    fidl_call_t call = fidl_call_make(scratch, FIDL_MAX_MESSAGE_BYTES, ZXIO_CALL_DEADLINE);
    status = recv_into(socket, &request, call, message, flags, out_actual, out_code);
    zxio_scratch_release(scratch);
  }
  trace_point("zxio.recvmsg.done", (uint64_t)zxio_code(status, out_code));
  return status;
}

// The length of the first datagram is what is cut off when no byte of it is asked for.
static zx_status_t datagram_readable_bytes(zxio_socket_t* socket, int* out_bytes, int16_t* out_code) {
  struct msghdr message = {0};
  size_t actual = 0;
  zx_status_t status = datagram_recvmsg(socket, &message, MSG_PEEK | MSG_TRUNC, &actual, out_code);
  if (status != ZX_OK) return status;
  if (*out_code == EAGAIN) *out_code = 0;
  if (*out_code == 0) *out_bytes = (int)actual;
  return ZX_OK;
}

// Sending

static zx_status_t send_request(zxio_socket_t* socket,
                                const fuchsia_posix_socket_SynchronousDatagramSocketSendMsgRequest* request,
                                size_t* out_actual, int16_t* out_code) {
  FIDL_BUFFER(buffer, fuchsia_posix_socket_SynchronousDatagramSocket_SendMsg_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_SynchronousDatagramSocket_SendMsg_Result* result;
  zx_status_t status =
      fuchsia_posix_socket_SynchronousDatagramSocket_SendMsg(socket->channel, request, &call, &result);
  if (status == ZX_ERR_OUT_OF_RANGE) {
    *out_code = EMSGSIZE;  // no message of a channel is that large
    return ZX_OK;
  }
  if (status != ZX_OK || zxio_result_failed(result, out_code)) return status;
  *out_actual = (size_t)result->response->len;
  return ZX_OK;
}

static void gather(const struct msghdr* message, uint8_t* out) {
  for (size_t i = 0; i < message->msg_iovlen; i++) {
    const struct iovec* iov = &message->msg_iov[i];
    if (iov->iov_len > 0) memcpy(out, iov->iov_base, iov->iov_len);
    out += iov->iov_len;
  }
}

static zx_status_t send_buffers(zxio_socket_t* socket, const struct msghdr* message, size_t length,
                                fuchsia_posix_socket_SynchronousDatagramSocketSendMsgRequest* request,
                                size_t* out_actual, int16_t* out_code) {
  if (length > FIDL_MAX_MESSAGE_BYTES) {
    *out_code = EMSGSIZE;
    return ZX_OK;
  }
  if (message->msg_iovlen <= 1) {
    request->data = fidl_bytes(message->msg_iovlen ? message->msg_iov[0].iov_base : NULL, length);
    return send_request(socket, request, out_actual, out_code);
  }
  uint8_t* scratch = zxio_scratch_acquire();
  if (!scratch) return ZX_ERR_NO_MEMORY;
  gather(message, scratch);
  request->data = fidl_bytes(scratch, length);
  zx_status_t status = send_request(socket, request, out_actual, out_code);
  zxio_scratch_release(scratch);
  return status;
}

static zx_status_t datagram_sendmsg(zxio_socket_t* socket, const struct msghdr* message, int flags,
                                    size_t* out_actual, int16_t* out_code) {
  size_t length = 0;
  *out_code = zxio_iov_length(message, &length);
  if (!*out_code && !message->msg_name != (message->msg_namelen == 0)) *out_code = EINVAL;
  if (!*out_code && flags & MSG_OOB) *out_code = EOPNOTSUPP;
  if (*out_code) return ZX_OK;
  trace_point("zxio.sendmsg", length);
  fuchsia_posix_socket_SynchronousDatagramSocketSendMsgRequest request = {
      .flags = flags & MSG_MORE ? fuchsia_posix_socket_SendMsgFlags_MORE : 0};
  zxio_address_t address;
  zxio_send_control_t control;
  if (message->msg_name) {
    *out_code = zxio_address_from_sockaddr(message->msg_name, message->msg_namelen, &address);
    request.addr = address.wire;
  }
  if (!*out_code) *out_code = zxio_control_to_wire(message, &control);
  zx_status_t status = ZX_OK;
  if (!*out_code) {
    request.control = control.datagram;
    status = send_buffers(socket, message, length, &request, out_actual, out_code);
  }
  trace_point("zxio.sendmsg.done", (uint64_t)zxio_code(status, out_code));
  return status;
}

// Waiting

static zx_status_t datagram_describe(zxio_socket_t* socket, zx_handle_t* out_event, int* out_fd) {
  FIDL_BUFFER(buffer, fuchsia_posix_socket_SynchronousDatagramSocket_Describe_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse* info;
  zx_status_t status = fuchsia_posix_socket_SynchronousDatagramSocket_Describe(socket->channel, &call, &info);
  if (status != ZX_OK) return status;
  zx_handle_t event = fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse_take_event(info);
  zx_handle_t readiness = fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse_take_readiness(info);
  if (event == ZX_HANDLE_INVALID || readiness == ZX_HANDLE_INVALID) status = ZX_ERR_NOT_SUPPORTED;
  if (status == ZX_OK && out_fd) {
    status = zx_linux_fd_unwrap(readiness, out_fd);
    readiness = ZX_HANDLE_INVALID;
  }
  zx_handle_close(readiness);
  if (status == ZX_OK && out_event) {
    *out_event = event;
    event = ZX_HANDLE_INVALID;
  }
  zx_handle_close(event);
  return status;
}

static zx_signals_t datagram_wait_begin(zxio_events_t events) {
  zx_signals_t signals = ZX_EVENTPAIR_PEER_CLOSED | fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR;
  if (events & (POLLIN | POLLRDHUP)) signals |= fuchsia_posix_socket_SIGNAL_DATAGRAM_SHUTDOWN_READ;
  if (events & POLLIN) signals |= fuchsia_posix_socket_SIGNAL_DATAGRAM_INCOMING;
  // Not for who waits for datagrams: an error in the queue that is not pending does not end a receive.
  if (events & POLLERR) signals |= fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR_QUEUE;
  if (events & POLLOUT) {
    signals |=
        fuchsia_posix_socket_SIGNAL_DATAGRAM_OUTGOING | fuchsia_posix_socket_SIGNAL_DATAGRAM_SHUTDOWN_WRITE;
  }
  return signals;
}

static zxio_events_t datagram_wait_end(zx_signals_t signals) {
  zxio_events_t events = 0;
  if (signals & fuchsia_posix_socket_SIGNAL_DATAGRAM_INCOMING) events |= POLLIN;
  if (signals & fuchsia_posix_socket_SIGNAL_DATAGRAM_OUTGOING) events |= POLLOUT;
  if (signals &
      (fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR | fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR_QUEUE))
    events |= POLLERR;
  if (signals & fuchsia_posix_socket_SIGNAL_DATAGRAM_SHUTDOWN_READ) events |= POLLIN | POLLRDHUP;
  if (signals & fuchsia_posix_socket_SIGNAL_DATAGRAM_SHUTDOWN_WRITE) events |= POLLOUT;
  if (signals & ZX_EVENTPAIR_PEER_CLOSED) events |= POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP;
  return events;
}

// Of the fast kind, what is asked of its server: errors, and sending where that is by request.
static zx_status_t errors_recvmsg(zxio_socket_t* socket, struct msghdr* message, int flags,
                                  size_t* out_actual, int16_t* out_code) {
  if (!(flags & MSG_ERRQUEUE)) return ZX_ERR_NOT_SUPPORTED;
  return datagram_recverror(socket, message, out_actual, out_code);
}

const zxio_socket_ops_t zxio_fast_datagram_ops = {.recvmsg = errors_recvmsg, .sendmsg = datagram_sendmsg};

const zxio_socket_ops_t zxio_datagram_ops = {
    .recvmsg = datagram_recvmsg,
    .sendmsg = datagram_sendmsg,
    .readable_bytes = datagram_readable_bytes,
    .describe = datagram_describe,
    .wait_begin = datagram_wait_begin,
    .wait_end = datagram_wait_end,
};
