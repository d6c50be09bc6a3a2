// What both kinds of datagram sockets are asked: addresses, sending by request, errors. Above: the generated
// stubs of fuchsia.posix.socket. Below: the engine's sockets.
//
// Each method makes one visit to the engine: begin, act, end, answer. Ending sends frames out, delivers what
// was sent to this host itself, and shows the new state. It comes before the answer, so that an application
// which has its answer finds everything as on a kernel's socket: poll() agrees, and what it sent to itself
// has arrived.
#include <errno.h>
#include <string.h>

#include <lib/trace/trace.h>

#include "datagram_internal.h"
#include "fast_datagram_socket.h"
#include "socket_options.h"

// The most bytes that an error quotes and that fit into one message with what is told of it.
enum { ERROR_DATA_MAX = 65536 - 1024 };

#define METHOD(NAME) fuchsia_posix_socket_BaseDatagramSocket_##NAME

static datagram_socket_t* begin(void* context) {
  return (datagram_socket_t*)socket_begin(context);
}

void datagram_get_info(void* context, fidl_completer_t completer) {
  const datagram_socket_t* socket = (const datagram_socket_t*)((socket_connection_t*)context)->socket;
  fuchsia_posix_socket_BaseDatagramSocket_GetInfo_Response response = {0};
  response.domain =
      socket->base.family == TCPIP_IPV4 ? fuchsia_posix_socket_Domain_IPV4 : fuchsia_posix_socket_Domain_IPV6;
  response.proto = socket->protocol == TCPIP_UDP ? fuchsia_posix_socket_DatagramSocketProtocol_UDP
                                                 : fuchsia_posix_socket_DatagramSocketProtocol_ICMP_ECHO;
  (void)METHOD(GetInfo_reply)(completer, &response);
}

// Addresses

void datagram_bind(void* context, fuchsia_posix_socket_BaseNetworkSocketBindRequest* request,
                   fidl_completer_t completer) {
  datagram_socket_t* socket = begin(context);
  tcpip_endpoint_t local;
  int result = -EINVAL;
  if (endpoint_from_fidl(&request->addr, &local)) result = tcpip_socket_bind(socket->base.endpoint, &local);
  if (result == -EADDRINUSE) {
    // By one whose last holder has closed it without our having read so yet?
    fast_datagram_set_sweep(netstack_fast_datagrams(socket->base.netstack));
    result = tcpip_socket_bind(socket->base.endpoint, &local);
  }
  socket_changed(&socket->base);
  socket_end(&socket->base);
  SOCKET_ANSWER(BaseDatagramSocket, Bind, completer, result);
}

void datagram_connect(void* context, fuchsia_posix_socket_BaseNetworkSocketConnectRequest* request,
                      fidl_completer_t completer) {
  datagram_socket_t* socket = begin(context);
  tcpip_endpoint_t peer;
  int result = -EINVAL;
  if (endpoint_from_fidl(&request->addr, &peer)) result = tcpip_socket_connect(socket->base.endpoint, &peer);
  socket_changed(&socket->base);
  socket_end(&socket->base);
  SOCKET_ANSWER(BaseDatagramSocket, Connect, completer, result);
}

void datagram_disconnect(void* context, fidl_completer_t completer) {
  datagram_socket_t* socket = begin(context);
  int result = tcpip_socket_disconnect(socket->base.endpoint);
  socket_changed(&socket->base);
  socket_end(&socket->base);
  SOCKET_ANSWER(BaseDatagramSocket, Disconnect, completer, result);
}

void datagram_shutdown(void* context, fuchsia_posix_socket_BaseNetworkSocketShutdownRequest* request,
                       fidl_completer_t completer) {
  datagram_socket_t* socket = begin(context);
  bool read = (request->mode & fuchsia_posix_socket_ShutdownMode_READ) != 0;
  bool write = (request->mode & fuchsia_posix_socket_ShutdownMode_WRITE) != 0;
  int result = tcpip_socket_shutdown(socket->base.endpoint, read, write);
  socket_changed(&socket->base);
  socket_end(&socket->base);
  SOCKET_ANSWER(BaseDatagramSocket, Shutdown, completer, result);
}

void datagram_get_error(void* context, fidl_completer_t completer) {
  datagram_socket_t* socket = begin(context);
  int result = tcpip_socket_take_error(socket->base.endpoint);
  if (result != 0) socket_took_error(&socket->base);
  socket_end(&socket->base);
  SOCKET_ANSWER(BaseDatagramSocket, GetError, completer, result);
}

// Sending

int64_t datagram_send_by_request(datagram_socket_t* socket, const datagram_send_request_t* request) {
  tcpip_endpoint_t to;
  tcpip_address_t source;
  struct iovec iov = {.iov_base = request->data.data, .iov_len = request->data.count};
  tcpip_send_t send = {.iov = &iov,
                       .iov_count = 1,
                       .ttl = -1,
                       .tos = -1,
                       .more = (request->flags & fuchsia_posix_socket_SendMsgFlags_MORE) != 0};
  if (request->addr->ordinal != 0) {
    if (!endpoint_from_fidl(request->addr, &to)) return -EINVAL;
    send.to = &to;
  }
  int result = send_control_apply(socket, request->control, &source, &send);
  return result < 0 ? result : tcpip_socket_send(socket->base.endpoint, &send);
}

// Errors

static fuchsia_posix_socket_DatagramError error_to_fidl(const tcpip_error_t* error, uint8_t family,
                                                        socket_address_storage_t* to,
                                                        socket_address_storage_t* offender) {
  static const fuchsia_posix_socket_ErrorOrigin origins[] = {
      [TCPIP_ERROR_LOCAL] = fuchsia_posix_socket_ErrorOrigin_LOCAL,
      [TCPIP_ERROR_ICMP] = fuchsia_posix_socket_ErrorOrigin_ICMP,
      [TCPIP_ERROR_ICMPV6] = fuchsia_posix_socket_ErrorOrigin_ICMP6,
  };
  fuchsia_posix_socket_DatagramError out;
  memset(&out, 0, sizeof(out));
  out.error = errno_to_fidl(-error->error);
  out.origin = origins[error->origin];
  out.type = error->type;
  out.code = error->code;
  out.info = error->info;
  out.to = endpoint_to_fidl(&error->to, family, to);
  if (error->origin != TCPIP_ERROR_LOCAL) out.offender = endpoint_to_fidl(&error->offender, family, offender);
  return out;
}

void datagram_recv_error(void* context, fuchsia_posix_socket_BaseDatagramSocketRecvErrorRequest* request,
                         fidl_completer_t completer) {
  datagram_socket_t* socket = begin(context);
  struct iovec iov = {.iov_base = netstack_scratch(socket->base.netstack),
                      .iov_len = request->data_len < ERROR_DATA_MAX ? request->data_len : ERROR_DATA_MAX};
  tcpip_recv_t recv = {.iov = &iov, .iov_count = 1};
  tcpip_error_t error;
  int64_t result = tcpip_socket_recv_error(socket->base.endpoint, &recv, &error);
  if (result >= 0) socket_took_error(&socket->base);
  socket_end(&socket->base);
  if (result < 0) {
    (void)METHOD(RecvError_reply_error)(completer, errno_to_fidl(result));
    return;
  }
  socket_address_storage_t to, offender;
  recv_control_t control;
  fuchsia_posix_socket_BaseDatagramSocket_RecvError_Response response = {
      .error = error_to_fidl(&error, socket->base.family, &to, &offender),
      .data = fidl_bytes(netstack_scratch(socket->base.netstack), (size_t)result),
      .truncated = (uint32_t)recv.truncated};
  // No message, nothing that came with one.
  bool has_control = request->want_control && error.origin != TCPIP_ERROR_LOCAL;
  if (has_control) (void)recv_control_fill(socket, &recv, &control, &response.control);
  (void)METHOD(RecvError_reply)(completer, &response);
}

// The rest

ENGINE_FLAG(UdpCork, BaseDatagramSocket, TCPIP_UDP_CORK)

void datagram_get_accept_conn(void* context, fidl_completer_t completer) {
  fuchsia_posix_socket_BaseSocket_GetAcceptConn_Response response = {.value = false};
  (void)METHOD(GetAcceptConn_reply)(completer, &response);
}

int datagram_make_endpoint(datagram_socket_t* socket) {
  socket_base_t* base = &socket->base;
  netstack_enter(base->netstack);
  int result = tcpip_socket_create(provider_client_engine(base->client), base->family, socket->protocol, base,
                                   &base->endpoint);
  netstack_leave(base->netstack);
  return result;
}
