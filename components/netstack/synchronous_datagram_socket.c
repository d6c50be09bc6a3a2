// A datagram socket whose every datagram is a request: its life and how it receives. What it has in common
// with the fast kind is in datagram_methods.c. Above: the generated stub of fuchsia.posix.socket. Below: the
// engine's sockets and readiness.c.
#include "synchronous_datagram_socket.h"

#include <errno.h>
#include <stdlib.h>

#include <lib/trace/trace.h>
#include <zircon/syscalls.h>

#include "datagram_internal.h"
#include "readiness.h"

// The most bytes of a datagram that fit into one message with all that can accompany them.
enum { RECV_DATA_MAX = 65536 - 512 };

#define METHOD(NAME) fuchsia_posix_socket_SynchronousDatagramSocket_##NAME

typedef struct synchronous_socket {
  datagram_socket_t datagram;
  readiness_t readiness;
} synchronous_socket_t;

static synchronous_socket_t* socket_of(void* context) {
  return (synchronous_socket_t*)((socket_connection_t*)context)->socket;
}

static void show(socket_base_t* base) {
  synchronous_socket_t* socket = (synchronous_socket_t*)base;
  readiness_update(&socket->readiness, tcpip_socket_poll(base->endpoint));
}

static void socket_event(socket_base_t* base, uint32_t events) {
  if (!base->endpoint) return;  // it is being made
  if (events & TCPIP_EVENT_READABLE) trace_point("netstack.incoming", 0);
  show(base);
}

static void socket_free(socket_base_t* base) {
  synchronous_socket_t* socket = (synchronous_socket_t*)base;
  provider_client_refund(base->client, PROVIDER_SOCKET_DESCRIPTORS);
  socket_base_deinit(base);
  readiness_deinit(&socket->readiness);
  free(socket);
}

// Connections

static void describe(void* context, fidl_completer_t completer) {
  synchronous_socket_t* socket = socket_of(context);
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

// Datagrams

static void send_msg(void* context, fuchsia_posix_socket_SynchronousDatagramSocketSendMsgRequest* request,
                     fidl_completer_t completer) {
  trace_point("netstack.SendMsg", request->data.count);
  datagram_socket_t* socket = (datagram_socket_t*)socket_begin(context);
  const datagram_send_request_t send = {
      .addr = &request->addr, .data = request->data, .control = &request->control, .flags = request->flags};
  int64_t result = datagram_send_by_request(socket, &send);
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
  if (request->want_control) (void)recv_control_fill(socket, recv, &control, &response.control);
  (void)METHOD(RecvMsg_reply)(completer, &response);
}

static void recv_msg(void* context, fuchsia_posix_socket_SynchronousDatagramSocketRecvMsgRequest* request,
                     fidl_completer_t completer) {
  trace_point("netstack.RecvMsg", request->data_len);
  datagram_socket_t* socket = (datagram_socket_t*)socket_begin(context);
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

// Making one

static const fuchsia_posix_socket_SynchronousDatagramSocket_ops_t socket_ops = {.Close = close_connection,
                                                                                .Query = query,
                                                                                .Describe = describe,
                                                                                .SendMsg = send_msg,
                                                                                .RecvMsg = recv_msg,
                                                                                DATAGRAM_COMMON_METHODS};

static zx_status_t bind_connection(async_dispatcher_t* dispatcher, zx_handle_t server_end, void* connection,
                                   fidl_on_unbound_t on_unbound) {
  return METHOD(bind)(dispatcher, server_end, &socket_ops, connection, on_unbound, NULL);
}

static const socket_kind_t kind = {
    .bind = bind_connection, .show = show, .event = socket_event, .abandoned = socket_free};

// Gives the engine's socket its face. 0 or a negative errno.
static int make(synchronous_socket_t* socket) {
  int result = datagram_make_endpoint(&socket->datagram);
  if (result != 0) return result;
  zx_status_t status = readiness_init(&socket->readiness, tcpip_socket_poll(socket->datagram.base.endpoint));
  if (status == ZX_OK) return 0;
  return status == ZX_ERR_NO_MEMORY ? -ENOMEM : -ENFILE;
}

int synchronous_datagram_socket_open(provider_client_t* client, uint8_t family, tcpip_protocol_t protocol,
                                     zx_handle_t server_end) {
  if (!provider_client_charge(client, PROVIDER_SOCKET_DESCRIPTORS)) {
    zx_handle_close(server_end);
    return -EMFILE;
  }
  synchronous_socket_t* socket = calloc(1, sizeof(*socket));
  if (!socket) {
    provider_client_refund(client, PROVIDER_SOCKET_DESCRIPTORS);
    zx_handle_close(server_end);
    return -ENOMEM;
  }
  socket_base_t* base = &socket->datagram.base;
  socket_base_init(base, &kind, client, family);
  socket->datagram.protocol = protocol;
  socket->readiness = (readiness_t){.server_fd = -1, .client_fd = -1};
  int result = make(socket);
  if (result == 0) {
    result = socket_add_connection(base, server_end);
  } else {
    zx_handle_close(server_end);
  }
  if (result != 0) socket_free(base);
  return result;
}
