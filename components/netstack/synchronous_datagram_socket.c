// A datagram socket's life, addresses and data. Above: the generated stub of fuchsia.posix.socket. Below: the
// engine's sockets and readiness.c.
//
// Each method makes one visit to the engine: begin, act, end, answer. Ending sends frames out, delivers what
// was sent to this host itself, and shows the new state. It comes before the answer, so that an application
// which has its answer finds everything as on a kernel's socket: poll() agrees, and what it sent to itself
// has arrived.
#include "synchronous_datagram_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <lib/trace/trace.h>
#include <zircon/syscalls.h>

#include "socket_options.h"
#include "synchronous_datagram_socket_internal.h"

// The most bytes of a datagram that fit into one message with all that can accompany them.
enum { RECV_DATA_MAX = 65536 - 512 };
// The same of what an error quotes, with what is told of the error.
enum { ERROR_DATA_MAX = RECV_DATA_MAX - 512 };

#define METHOD(NAME) fuchsia_posix_socket_SynchronousDatagramSocket_##NAME

static datagram_socket_t* socket_of(void* context) {
  return (datagram_socket_t*)((socket_connection_t*)context)->socket;
}

static datagram_socket_t* begin(void* context) {
  return (datagram_socket_t*)socket_begin(context);
}

static void show(socket_base_t* base) {
  datagram_socket_t* socket = (datagram_socket_t*)base;
  readiness_update(&socket->readiness, tcpip_socket_poll(base->endpoint));
}

static void socket_event(socket_base_t* base, uint32_t events) {
  if (!base->endpoint) return;  // it is being made
  if (events & TCPIP_EVENT_READABLE) trace_point("netstack.incoming", 0);
  show(base);
}

static void socket_free(socket_base_t* base) {
  datagram_socket_t* socket = (datagram_socket_t*)base;
  provider_client_refund(base->client, PROVIDER_SOCKET_DESCRIPTORS);
  socket_base_deinit(base);
  readiness_deinit(&socket->readiness);
  free(socket);
}

// Connections

static void describe(void* context, fidl_completer_t completer) {
  datagram_socket_t* socket = socket_of(context);
  zx_handle_t event = ZX_HANDLE_INVALID;
  zx_handle_t descriptor = ZX_HANDLE_INVALID;
  zx_status_t status = readiness_share(&socket->readiness, &event, &descriptor);
  if (status != ZX_OK) {
    fidl_completer_close(completer, status);
    return;
  }
  fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse response;
  fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse_frame_t frame;
  fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse_init(&response, &frame);
  fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse_set_event(&response, event);
  fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse_set_readiness(&response, descriptor);
  (void)METHOD(Describe_reply)(completer, &response);
}

// The last connection's Close frees the port before it is answered, so that a program which has closed its
// socket can bind the port again at once.
static void close_connection(void* context, fidl_completer_t completer) {
  socket_connection_t* connection = context;
  if (socket_close_connection(connection)) {
    socket_base_t* socket = socket_begin(connection);
    tcpip_socket_destroy(socket->endpoint);
    socket->endpoint = NULL;
    socket_end(socket);
  }
  fidl_binding_t* binding = fidl_completer_binding(completer);
  (void)METHOD(Close_reply)(completer);
  fidl_binding_close(binding, ZX_OK);
}

static void query(void* context, fidl_completer_t completer) {
  static const char name[] = fuchsia_posix_socket_SYNCHRONOUS_DATAGRAM_SOCKET_PROTOCOL_NAME;
  fuchsia_unknown_QueryableQueryResponse response = {.protocol = fidl_bytes(name, sizeof(name) - 1)};
  (void)METHOD(Query_reply)(completer, &response);
}

static void get_info(void* context, fidl_completer_t completer) {
  const datagram_socket_t* socket = socket_of(context);
  fuchsia_posix_socket_BaseDatagramSocket_GetInfo_Response response = {0};
  response.domain =
      socket->base.family == TCPIP_IPV4 ? fuchsia_posix_socket_Domain_IPV4 : fuchsia_posix_socket_Domain_IPV6;
  response.proto = socket->protocol == TCPIP_UDP ? fuchsia_posix_socket_DatagramSocketProtocol_UDP
                                                 : fuchsia_posix_socket_DatagramSocketProtocol_ICMP_ECHO;
  (void)METHOD(GetInfo_reply)(completer, &response);
}

// Addresses

static void bind_socket(void* context, fuchsia_posix_socket_BaseNetworkSocketBindRequest* request,
                        fidl_completer_t completer) {
  datagram_socket_t* socket = begin(context);
  tcpip_endpoint_t local;
  int result = -EINVAL;
  if (endpoint_from_fidl(&request->addr, &local)) result = tcpip_socket_bind(socket->base.endpoint, &local);
  socket_end(&socket->base);
  SOCKET_ANSWER(SynchronousDatagramSocket, Bind, completer, result);
}

static void connect_socket(void* context, fuchsia_posix_socket_BaseNetworkSocketConnectRequest* request,
                           fidl_completer_t completer) {
  datagram_socket_t* socket = begin(context);
  tcpip_endpoint_t peer;
  int result = -EINVAL;
  if (endpoint_from_fidl(&request->addr, &peer)) result = tcpip_socket_connect(socket->base.endpoint, &peer);
  socket_end(&socket->base);
  SOCKET_ANSWER(SynchronousDatagramSocket, Connect, completer, result);
}

static void disconnect_socket(void* context, fidl_completer_t completer) {
  datagram_socket_t* socket = begin(context);
  int result = tcpip_socket_disconnect(socket->base.endpoint);
  socket_end(&socket->base);
  SOCKET_ANSWER(SynchronousDatagramSocket, Disconnect, completer, result);
}

static void shutdown_socket(void* context, fuchsia_posix_socket_BaseNetworkSocketShutdownRequest* request,
                            fidl_completer_t completer) {
  datagram_socket_t* socket = begin(context);
  bool read = (request->mode & fuchsia_posix_socket_ShutdownMode_READ) != 0;
  bool write = (request->mode & fuchsia_posix_socket_ShutdownMode_WRITE) != 0;
  int result = tcpip_socket_shutdown(socket->base.endpoint, read, write);
  socket_end(&socket->base);
  SOCKET_ANSWER(SynchronousDatagramSocket, Shutdown, completer, result);
}

static void get_error(void* context, fidl_completer_t completer) {
  datagram_socket_t* socket = begin(context);
  int result = tcpip_socket_take_error(socket->base.endpoint);
  socket_end(&socket->base);
  SOCKET_ANSWER(SynchronousDatagramSocket, GetError, completer, result);
}

// Data

static int64_t send_datagram(datagram_socket_t* socket,
                             const fuchsia_posix_socket_SynchronousDatagramSocketSendMsgRequest* request) {
  tcpip_endpoint_t to;
  tcpip_address_t source;
  struct iovec iov = {.iov_base = request->data.data, .iov_len = request->data.count};
  tcpip_send_t send = {.iov = &iov,
                       .iov_count = 1,
                       .ttl = -1,
                       .tos = -1,
                       .more = (request->flags & fuchsia_posix_socket_SendMsgFlags_MORE) != 0};
  if (request->addr.ordinal != 0) {
    if (!endpoint_from_fidl(&request->addr, &to)) return -EINVAL;
    send.to = &to;
  }
  int result = send_control_apply(socket, &request->control, &source, &send);
  return result < 0 ? result : tcpip_socket_send(socket->base.endpoint, &send);
}

static void send_msg(void* context, fuchsia_posix_socket_SynchronousDatagramSocketSendMsgRequest* request,
                     fidl_completer_t completer) {
  trace_point("netstack.SendMsg", request->data.count);
  datagram_socket_t* socket = begin(context);
  int64_t result = send_datagram(socket, request);
  socket_end(&socket->base);
  trace_point("netstack.SendMsg.done", (uint64_t)result);
  if (result < 0) {
    (void)METHOD(SendMsg_reply_error)(completer, errno_to_fidl(result));
  } else {
    fuchsia_posix_socket_SynchronousDatagramSocket_SendMsg_Response response = {.len = result};
    (void)METHOD(SendMsg_reply)(completer, &response);
  }
}

static void answer_received(datagram_socket_t* socket,
                            const fuchsia_posix_socket_SynchronousDatagramSocketRecvMsgRequest* request,
                            const tcpip_recv_t* recv, size_t length, fidl_completer_t completer) {
  socket_address_storage_t address;
  recv_control_t control;
  fuchsia_posix_socket_SynchronousDatagramSocket_RecvMsg_Response response = {
      .data = fidl_bytes(netstack_scratch(socket->base.netstack), length),
      .truncated = (uint32_t)recv->truncated};
  if (request->want_addr) response.addr = endpoint_to_fidl(&recv->from, socket->base.family, &address);
  if (request->want_control) recv_control_fill(socket, recv, &control, &response.control);
  (void)METHOD(RecvMsg_reply)(completer, &response);
}

static void recv_msg(void* context, fuchsia_posix_socket_SynchronousDatagramSocketRecvMsgRequest* request,
                     fidl_completer_t completer) {
  trace_point("netstack.RecvMsg", request->data_len);
  datagram_socket_t* socket = begin(context);
  struct iovec iov = {.iov_base = netstack_scratch(socket->base.netstack),
                      .iov_len = request->data_len < RECV_DATA_MAX ? request->data_len : RECV_DATA_MAX};
  tcpip_recv_t recv = {
      .iov = &iov, .iov_count = 1, .peek = (request->flags & fuchsia_posix_socket_RecvMsgFlags_PEEK) != 0};
  int64_t result = tcpip_socket_recv(socket->base.endpoint, &recv);
  socket_end(&socket->base);
  if (result < 0) {
    (void)METHOD(RecvMsg_reply_error)(completer, errno_to_fidl(result));
  } else {
    answer_received(socket, request, &recv, (size_t)result, completer);
  }
}

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

static void recv_error(void* context, fuchsia_posix_socket_SynchronousDatagramSocketRecvErrorRequest* request,
                       fidl_completer_t completer) {
  datagram_socket_t* socket = begin(context);
  struct iovec iov = {.iov_base = netstack_scratch(socket->base.netstack),
                      .iov_len = request->data_len < ERROR_DATA_MAX ? request->data_len : ERROR_DATA_MAX};
  tcpip_recv_t recv = {.iov = &iov, .iov_count = 1};
  tcpip_error_t error;
  int64_t result = tcpip_socket_recv_error(socket->base.endpoint, &recv, &error);
  socket_end(&socket->base);
  if (result < 0) {
    (void)METHOD(RecvError_reply_error)(completer, errno_to_fidl(result));
    return;
  }
  socket_address_storage_t to, offender;
  recv_control_t control;
  fuchsia_posix_socket_SynchronousDatagramSocket_RecvError_Response response = {
      .error = error_to_fidl(&error, socket->base.family, &to, &offender),
      .data = fidl_bytes(netstack_scratch(socket->base.netstack), (size_t)result),
      .truncated = (uint32_t)recv.truncated};
  // No message, nothing that came with one.
  bool has_control = request->want_control && error.origin != TCPIP_ERROR_LOCAL;
  if (has_control) recv_control_fill(socket, &recv, &control, &response.control);
  (void)METHOD(RecvError_reply)(completer, &response);
}

// Making one

ENGINE_FLAG(UdpCork, SynchronousDatagramSocket, TCPIP_UDP_CORK)

static void get_accept_conn(void* context, fidl_completer_t completer) {
  fuchsia_posix_socket_BaseSocket_GetAcceptConn_Response response = {.value = false};
  (void)METHOD(GetAcceptConn_reply)(completer, &response);
}

static const fuchsia_posix_socket_SynchronousDatagramSocket_ops_t socket_ops = {
    .Close = close_connection,
    .Query = query,
    .Describe = describe,
    .GetInfo = get_info,
    .Bind = bind_socket,
    .Connect = connect_socket,
    .Disconnect = disconnect_socket,
    .Shutdown = shutdown_socket,
    .GetError = get_error,
    .SendMsg = send_msg,
    .RecvMsg = recv_msg,
    .RecvError = recv_error,
    .SetUdpCork = socket_set_UdpCork,
    .GetUdpCork = socket_get_UdpCork,
    .GetAcceptConn = get_accept_conn,
    SOCKET_COMMON_METHODS};

static zx_status_t bind_connection(async_dispatcher_t* dispatcher, zx_handle_t server_end, void* connection,
                                   fidl_on_unbound_t on_unbound) {
  return METHOD(bind)(dispatcher, server_end, &socket_ops, connection, on_unbound, NULL);
}

static const socket_kind_t kind = {
    .bind = bind_connection, .show = show, .event = socket_event, .abandoned = socket_free};

// Gives the engine's socket its face. 0 or a negative errno.
static int make_endpoint(datagram_socket_t* socket) {
  socket_base_t* base = &socket->base;
  netstack_enter(base->netstack);
  int result = tcpip_socket_create(provider_client_engine(base->client), base->family, socket->protocol, base,
                                   &base->endpoint);
  netstack_leave(base->netstack);
  if (result != 0) return result;
  zx_status_t status = readiness_init(&socket->readiness, tcpip_socket_poll(base->endpoint));
  if (status == ZX_OK) return 0;
  return status == ZX_ERR_NO_MEMORY ? -ENOMEM : -ENFILE;
}

int synchronous_datagram_socket_open(provider_client_t* client, uint8_t family, tcpip_protocol_t protocol,
                                     zx_handle_t server_end) {
  if (!provider_client_charge(client, PROVIDER_SOCKET_DESCRIPTORS)) {
    zx_handle_close(server_end);
    return -EMFILE;
  }
  datagram_socket_t* socket = calloc(1, sizeof(*socket));
  if (!socket) {
    provider_client_refund(client, PROVIDER_SOCKET_DESCRIPTORS);
    zx_handle_close(server_end);
    return -ENOMEM;
  }
  socket_base_init(&socket->base, &kind, client, family);
  socket->protocol = protocol;
  socket->readiness = (readiness_t){.server_fd = -1, .client_fd = -1};
  int result = make_endpoint(socket);
  if (result == 0) {
    result = socket_add_connection(&socket->base, server_end);
  } else {
    zx_handle_close(server_end);
  }
  if (result != 0) socket_free(&socket->base);
  return result;
}
