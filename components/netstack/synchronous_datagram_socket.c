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

#include <lib/trace/trace.h>
#include <zircon/syscalls.h>

#include "synchronous_datagram_socket_internal.h"

// The most bytes of a datagram that fit into one message with all that can accompany them.
enum { RECV_DATA_MAX = 65536 - 512 };

static int connect_to(datagram_socket_t* socket, zx_handle_t server_end);

datagram_socket_t* socket_begin(void* context) {
  datagram_socket_t* socket = ((socket_connection_t*)context)->socket;
  netstack_enter(socket->netstack);
  return socket;
}

static void show(datagram_socket_t* socket) {
  readiness_update(&socket->readiness, tcpip_socket_poll(socket->endpoint));
}

void socket_end(datagram_socket_t* socket) {
  netstack_leave(socket->netstack);
  if (socket->endpoint) show(socket);
}

void synchronous_datagram_socket_event(void* context, uint32_t events) {
  datagram_socket_t* socket = context;
  if (!socket->endpoint) return;  // it is being made
  if (events & TCPIP_EVENT_READABLE) trace_point("netstack.incoming", 0);
  show(socket);
}

static void socket_free(datagram_socket_t* socket) {
  provider_client_t* client = socket->client;
  if (socket->endpoint) {
    netstack_enter(socket->netstack);
    tcpip_socket_destroy(socket->endpoint);
    netstack_leave(socket->netstack);
  }
  readiness_deinit(&socket->readiness);
  free(socket);
  provider_client_refund(client, PROVIDER_SOCKET_DESCRIPTORS);
  provider_client_release(client);
}

// Connections

static void connection_unbound(void* context, fidl_binding_t* binding, zx_status_t reason) {
  socket_connection_t* connection = context;
  datagram_socket_t* socket = connection->socket;
  if (connection->open) socket->open_connections--;
  free(connection);
  provider_client_refund(socket->client, PROVIDER_CONNECTION_DESCRIPTORS);
  if (--socket->connections == 0) socket_free(socket);
}

static void describe(void* context, fidl_completer_t completer) {
  datagram_socket_t* socket = ((socket_connection_t*)context)->socket;
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

static void clone_connection(void* context, fuchsia_unknown_CloneableCloneRequest* request) {
  datagram_socket_t* socket = ((socket_connection_t*)context)->socket;
  zx_handle_t server_end = request->request;
  request->request = ZX_HANDLE_INVALID;
  (void)connect_to(socket, server_end);
}

// The last connection's Close frees the port before it is answered, so that a program which has closed its
// socket can bind the port again at once.
static void close_connection(void* context, fidl_completer_t completer) {
  socket_connection_t* connection = context;
  datagram_socket_t* socket = connection->socket;
  if (connection->open) {
    connection->open = false;
    socket->open_connections--;
  }
  if (socket->open_connections == 0 && socket->endpoint) {
    socket_begin(connection);
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
  const datagram_socket_t* socket = ((socket_connection_t*)context)->socket;
  fuchsia_posix_socket_BaseDatagramSocket_GetInfo_Response response = {0};
  response.domain =
      socket->family == TCPIP_IPV4 ? fuchsia_posix_socket_Domain_IPV4 : fuchsia_posix_socket_Domain_IPV6;
  response.proto = socket->protocol == TCPIP_UDP ? fuchsia_posix_socket_DatagramSocketProtocol_UDP
                                                 : fuchsia_posix_socket_DatagramSocketProtocol_ICMP_ECHO;
  (void)METHOD(GetInfo_reply)(completer, &response);
}

// Addresses

static void bind_socket(void* context, fuchsia_posix_socket_BaseNetworkSocketBindRequest* request,
                        fidl_completer_t completer) {
  datagram_socket_t* socket = socket_begin(context);
  tcpip_endpoint_t local;
  int result = -EINVAL;
  if (endpoint_from_fidl(&request->addr, &local)) result = tcpip_socket_bind(socket->endpoint, &local);
  socket_end(socket);
  SOCKET_ANSWER(Bind, completer, result);
}

static void connect_socket(void* context, fuchsia_posix_socket_BaseNetworkSocketConnectRequest* request,
                           fidl_completer_t completer) {
  datagram_socket_t* socket = socket_begin(context);
  tcpip_endpoint_t peer;
  int result = -EINVAL;
  if (endpoint_from_fidl(&request->addr, &peer)) result = tcpip_socket_connect(socket->endpoint, &peer);
  socket_end(socket);
  SOCKET_ANSWER(Connect, completer, result);
}

static void disconnect_socket(void* context, fidl_completer_t completer) {
  datagram_socket_t* socket = socket_begin(context);
  int result = tcpip_socket_disconnect(socket->endpoint);
  socket_end(socket);
  SOCKET_ANSWER(Disconnect, completer, result);
}

static void get_sock_name(void* context, fidl_completer_t completer) {
  datagram_socket_t* socket = ((socket_connection_t*)context)->socket;
  tcpip_endpoint_t local = {0};
  socket_address_storage_t storage;
  tcpip_socket_local(socket->endpoint, &local);
  fuchsia_posix_socket_BaseNetworkSocket_GetSockName_Response response = {
      .addr = endpoint_to_fidl(&local, socket->family, &storage)};
  (void)METHOD(GetSockName_reply)(completer, &response);
}

static void get_peer_name(void* context, fidl_completer_t completer) {
  datagram_socket_t* socket = ((socket_connection_t*)context)->socket;
  tcpip_endpoint_t peer = {0};
  int result = tcpip_socket_peer(socket->endpoint, &peer);
  if (result < 0) {
    (void)METHOD(GetPeerName_reply_error)(completer, errno_to_fidl(result));
    return;
  }
  socket_address_storage_t storage;
  fuchsia_posix_socket_BaseNetworkSocket_GetPeerName_Response response = {
      .addr = endpoint_to_fidl(&peer, socket->family, &storage)};
  (void)METHOD(GetPeerName_reply)(completer, &response);
}

static void shutdown_socket(void* context, fuchsia_posix_socket_BaseNetworkSocketShutdownRequest* request,
                            fidl_completer_t completer) {
  datagram_socket_t* socket = socket_begin(context);
  bool read = (request->mode & fuchsia_posix_socket_ShutdownMode_READ) != 0;
  bool write = (request->mode & fuchsia_posix_socket_ShutdownMode_WRITE) != 0;
  int result = tcpip_socket_shutdown(socket->endpoint, read, write);
  socket_end(socket);
  SOCKET_ANSWER(Shutdown, completer, result);
}

static void get_error(void* context, fidl_completer_t completer) {
  datagram_socket_t* socket = socket_begin(context);
  int result = tcpip_socket_take_error(socket->endpoint);
  socket_end(socket);
  SOCKET_ANSWER(GetError, completer, result);
}

// Data

static int64_t send_datagram(datagram_socket_t* socket,
                             const fuchsia_posix_socket_SynchronousDatagramSocketSendMsgRequest* request) {
  tcpip_endpoint_t to;
  tcpip_address_t source;
  struct iovec iov = {.iov_base = request->data.data, .iov_len = request->data.count};
  tcpip_send_t send = {.iov = &iov, .iov_count = 1, .ttl = -1, .tos = -1};
  if (request->addr.ordinal != 0) {
    if (!endpoint_from_fidl(&request->addr, &to)) return -EINVAL;
    send.to = &to;
  }
  int result = send_control_apply(socket, &request->control, &source, &send);
  return result < 0 ? result : tcpip_socket_send(socket->endpoint, &send);
}

static void send_msg(void* context, fuchsia_posix_socket_SynchronousDatagramSocketSendMsgRequest* request,
                     fidl_completer_t completer) {
  trace_point("netstack.SendMsg", request->data.count);
  datagram_socket_t* socket = socket_begin(context);
  int64_t result = send_datagram(socket, request);
  socket_end(socket);
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
      .data = fidl_bytes(netstack_scratch(socket->netstack), length), .truncated = (uint32_t)recv->truncated};
  if (request->want_addr) response.addr = endpoint_to_fidl(&recv->from, socket->family, &address);
  if (request->want_control) recv_control_fill(socket, recv, &control, &response.control);
  (void)METHOD(RecvMsg_reply)(completer, &response);
}

static void recv_msg(void* context, fuchsia_posix_socket_SynchronousDatagramSocketRecvMsgRequest* request,
                     fidl_completer_t completer) {
  trace_point("netstack.RecvMsg", request->data_len);
  datagram_socket_t* socket = socket_begin(context);
  struct iovec iov = {.iov_base = netstack_scratch(socket->netstack),
                      .iov_len = request->data_len < RECV_DATA_MAX ? request->data_len : RECV_DATA_MAX};
  tcpip_recv_t recv = {
      .iov = &iov, .iov_count = 1, .peek = (request->flags & fuchsia_posix_socket_RecvMsgFlags_PEEK) != 0};
  int64_t result = tcpip_socket_recv(socket->endpoint, &recv);
  socket_end(socket);
  if (result < 0) {
    (void)METHOD(RecvMsg_reply_error)(completer, errno_to_fidl(result));
  } else {
    answer_received(socket, request, &recv, (size_t)result, completer);
  }
}

// Making one

#define SET_AND_GET(NAME, OWNER) .Set##NAME = socket_set_##NAME, .Get##NAME = socket_get_##NAME,

static const fuchsia_posix_socket_SynchronousDatagramSocket_ops_t socket_ops = {
    .Clone = clone_connection,
    .Close = close_connection,
    .Query = query,
    .Describe = describe,
    .GetInfo = get_info,
    .Bind = bind_socket,
    .Connect = connect_socket,
    .Disconnect = disconnect_socket,
    .GetSockName = get_sock_name,
    .GetPeerName = get_peer_name,
    .Shutdown = shutdown_socket,
    .GetError = get_error,
    .SendMsg = send_msg,
    .RecvMsg = recv_msg,
    .GetAcceptConn = socket_get_AcceptConn,
    .AddIpMembership = socket_add_ip_membership,
    .DropIpMembership = socket_drop_ip_membership,
    .AddIpv6Membership = socket_add_ipv6_membership,
    .DropIpv6Membership = socket_drop_ipv6_membership,
    SOCKET_OPTIONS(SET_AND_GET)};

// Makes another connection to a socket. Consumes `server_end`, also on failure. 0 or a negative errno.
static int connect_to(datagram_socket_t* socket, zx_handle_t server_end) {
  socket_connection_t* connection = NULL;
  int result = -EMFILE;
  if (!provider_client_charge(socket->client, PROVIDER_CONNECTION_DESCRIPTORS)) goto fail;
  result = -ENOMEM;
  connection = malloc(sizeof(*connection));
  if (!connection) goto fail_count;
  *connection = (socket_connection_t){.socket = socket, .open = true};
  zx_status_t status = METHOD(bind)(netstack_dispatcher(socket->netstack), server_end, &socket_ops,
                                    connection, connection_unbound, NULL);
  server_end = ZX_HANDLE_INVALID;  // consumed
  if (status != ZX_OK) goto fail_count;
  socket->connections++;
  socket->open_connections++;
  return 0;

fail_count:
  free(connection);
  provider_client_refund(socket->client, PROVIDER_CONNECTION_DESCRIPTORS);
fail:
  zx_handle_close(server_end);
  return result;
}

// Gives the engine's socket its face. 0 or a negative errno.
static int make_endpoint(datagram_socket_t* socket) {
  netstack_enter(socket->netstack);
  int result = tcpip_socket_create(provider_client_engine(socket->client), socket->family, socket->protocol,
                                   socket, &socket->endpoint);
  netstack_leave(socket->netstack);
  if (result != 0) return result;
  zx_status_t status = readiness_init(&socket->readiness, tcpip_socket_poll(socket->endpoint));
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
  socket->client = client;
  socket->netstack = provider_client_netstack(client);
  socket->family = family;
  socket->protocol = protocol;
  socket->readiness = (readiness_t){.server_fd = -1, .client_fd = -1};
  provider_client_acquire(client);
  int result = make_endpoint(socket);
  if (result == 0) {
    result = connect_to(socket, server_end);
  } else {
    zx_handle_close(server_end);
  }
  if (result != 0) socket_free(socket);
  return result;
}
