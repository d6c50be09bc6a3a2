// Datagram sockets of the fake stack.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "fake_internal.h"

// Addresses

static fake_address_t take_address(const fuchsia_net_SocketAddress* wire) {
  fake_address_t address = {.kind = wire->ordinal};
  if (wire->ordinal == fuchsia_net_SocketAddress_Tag_ipv4) {
    memcpy(address.bytes, wire->ipv4->address.addr, 4);
    address.port = wire->ipv4->port;
  } else if (wire->ordinal == fuchsia_net_SocketAddress_Tag_ipv6) {
    memcpy(address.bytes, wire->ipv6->address.addr, 16);
    address.port = wire->ipv6->port;
    address.zone = wire->ipv6->zone_index;
  }
  return address;
}

typedef struct wire_address {
  fuchsia_net_SocketAddress wire;
  fuchsia_net_Ipv4SocketAddress ipv4;
  fuchsia_net_Ipv6SocketAddress ipv6;
} wire_address_t;

static void give_address(const fake_address_t* address, wire_address_t* out) {
  memset(out, 0, sizeof(*out));
  if (address->kind == fuchsia_net_SocketAddress_Tag_ipv4) {
    memcpy(out->ipv4.address.addr, address->bytes, 4);
    out->ipv4.port = address->port;
    out->wire = fuchsia_net_SocketAddress_with_ipv4(&out->ipv4);
  } else if (address->kind == fuchsia_net_SocketAddress_Tag_ipv6) {
    memcpy(out->ipv6.address.addr, address->bytes, 16);
    out->ipv6.port = address->port;
    out->ipv6.zone_index = address->zone;
    out->wire = fuchsia_net_SocketAddress_with_ipv6(&out->ipv6);
  }
}

static fake_socket_t* find_port(fake_stack_t* stack, uint16_t port) {
  for (fake_socket_t* socket = stack->sockets; socket; socket = socket->next) {
    if (socket->local.port == port) return socket;
  }
  return NULL;
}

static void ensure_bound(fake_socket_t* socket) {
  if (!socket->local.kind) {
    socket->local.kind = socket->domain == fuchsia_posix_socket_Domain_IPV4
                             ? fuchsia_net_SocketAddress_Tag_ipv4
                             : fuchsia_net_SocketAddress_Tag_ipv6;
  }
  if (!socket->local.port) socket->local.port = socket->stack->next_port++;
}

// Readiness

static void show_readiness(fake_socket_t* socket) {
  bool shut = socket->shut & fuchsia_posix_socket_ShutdownMode_READ;
  zx_signals_t on = fuchsia_posix_socket_SIGNAL_DATAGRAM_OUTGOING;
  if (socket->first) on |= fuchsia_posix_socket_SIGNAL_DATAGRAM_INCOMING;
  if (socket->pending_error) on |= fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR;
  if (socket->undelivered) on |= fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR_QUEUE;
  if (shut) on |= fuchsia_posix_socket_SIGNAL_DATAGRAM_SHUTDOWN_READ;
  zx_signals_t all =
      fuchsia_posix_socket_SIGNAL_DATAGRAM_INCOMING | fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR |
      fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR_QUEUE | fuchsia_posix_socket_SIGNAL_DATAGRAM_SHUTDOWN_READ;
  for (fake_connection_t* each = socket->connected; each; each = each->next) {
    zx_object_signal_peer(each->event, all & ~on, on);
  }
  bool readable = socket->first || socket->pending_error || socket->undelivered || shut;
  char byte = 0;
  if (readable != socket->readable &&
      (readable ? send(socket->server_fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL)
                : recv(socket->app_fd, &byte, 1, MSG_DONTWAIT)) == 1) {
    socket->readable = readable;
  }
}

// Datagrams

static fake_datagram_t* make_datagram(const fake_address_t* from, const fidl_vector_uint8_t* data,
                                      const fake_control_t* control) {
  fake_datagram_t* datagram = calloc(1, sizeof(*datagram) + data->count);
  if (!datagram) abort();
  datagram->from = *from;
  datagram->control = *control;
  datagram->size = (uint32_t)data->count;
  memcpy(datagram->data, data->data, data->count);
  return datagram;
}

static void deliver(fake_socket_t* to, const fake_address_t* from, const fidl_vector_uint8_t* data,
                    const fake_control_t* control) {
  fake_datagram_t* datagram = make_datagram(from, data, control);
  fake_datagram_t** last = &to->first;
  while (*last)
    last = &(*last)->next;
  *last = datagram;
  show_readiness(to);
}

static void read_ip_control(const fuchsia_posix_socket_IpSendControlData* ip, fake_control_t* out) {
  if (fuchsia_posix_socket_IpSendControlData_has_ttl(ip))
    out->ttl = fuchsia_posix_socket_IpSendControlData_ttl(ip);
  if (fuchsia_posix_socket_IpSendControlData_has_tos(ip))
    out->tos = fuchsia_posix_socket_IpSendControlData_tos(ip);
  if (fuchsia_posix_socket_IpSendControlData_has_pktinfo(ip)) {
    out->ip_iface = fuchsia_posix_socket_IpSendControlData_pktinfo(ip)->iface;
    out->ip_source = fuchsia_posix_socket_IpSendControlData_pktinfo(ip)->local_addr;
  }
}

static void read_ipv6_control(const fuchsia_posix_socket_Ipv6SendControlData* ipv6, fake_control_t* out) {
  if (fuchsia_posix_socket_Ipv6SendControlData_has_hoplimit(ipv6))
    out->ttl = fuchsia_posix_socket_Ipv6SendControlData_hoplimit(ipv6);
  if (fuchsia_posix_socket_Ipv6SendControlData_has_tclass(ipv6))
    out->tclass = fuchsia_posix_socket_Ipv6SendControlData_tclass(ipv6);
  if (fuchsia_posix_socket_Ipv6SendControlData_has_pktinfo(ipv6))
    out->ipv6_iface = fuchsia_posix_socket_Ipv6SendControlData_pktinfo(ipv6)->iface;
}

static void read_control(const fuchsia_posix_socket_DatagramSocketSendControlData* control,
                         fake_control_t* out) {
  *out = (fake_control_t){.ttl = 64, .tos = 0x2e, .tclass = 0x3d};
  if (!fuchsia_posix_socket_DatagramSocketSendControlData_has_network(control)) return;
  const fuchsia_posix_socket_NetworkSocketSendControlData* network =
      fuchsia_posix_socket_DatagramSocketSendControlData_network(control);
  if (fuchsia_posix_socket_NetworkSocketSendControlData_has_ip(network)) {
    read_ip_control(fuchsia_posix_socket_NetworkSocketSendControlData_ip(network), out);
  }
  if (fuchsia_posix_socket_NetworkSocketSendControlData_has_ipv6(network)) {
    read_ipv6_control(fuchsia_posix_socket_NetworkSocketSendControlData_ipv6(network), out);
  }
}

static bool wants_errors(const fake_socket_t* socket) {
  return socket->options[FAKE_OPTION_IpReceiveErrors] || socket->options[FAKE_OPTION_Ipv6ReceiveErrors];
}

static void send_msg(void* context, fuchsia_posix_socket_SynchronousDatagramSocketSendMsgRequest* request,
                     fidl_completer_t completer) {
  fake_socket_t* socket = fake_socket_of(context);
  atomic_fetch_add(&socket->stack->num_messages, 1);
  fake_address_t to = request->addr.ordinal ? take_address(&request->addr) : socket->peer;
  int32_t error = socket->pending_error ? socket->pending_error : to.kind ? 0 : EDESTADDRREQ;
  if (!error && socket->shut & fuchsia_posix_socket_ShutdownMode_WRITE) error = EPIPE;
  if (error) {
    socket->pending_error = 0;
    show_readiness(socket);
    FAKE_CALL(SendMsg_reply_error)(completer, error);
    return;
  }
  ensure_bound(socket);
  fake_control_t control;
  read_control(&request->control, &control);
  fake_socket_t* receiver = to.port == FAKE_PORT_ECHO ? socket : find_port(socket->stack, to.port);
  if (receiver) {
    deliver(receiver, to.port == FAKE_PORT_ECHO ? &to : &socket->local, &request->data, &control);
  } else if (to.port != FAKE_PORT_DISCARD && (socket->peer.kind || wants_errors(socket))) {
    socket->pending_error = ECONNREFUSED;
    if (wants_errors(socket)) {
      free(socket->undelivered);
      socket->undelivered = make_datagram(&to, &request->data, &control);
    }
    show_readiness(socket);
  }
  fuchsia_posix_socket_SynchronousDatagramSocket_SendMsg_Response response = {
      .len = (int64_t)request->data.count};
  FAKE_CALL(SendMsg_reply)(completer, &response);
}

// Control data of a received datagram, each part if its option is on.
typedef struct recv_control {
  fuchsia_posix_socket_DatagramSocketRecvControlData datagram;
  fuchsia_posix_socket_DatagramSocketRecvControlData_frame_t datagram_frame;
  fuchsia_posix_socket_NetworkSocketRecvControlData network;
  fuchsia_posix_socket_NetworkSocketRecvControlData_frame_t network_frame;
  fuchsia_posix_socket_SocketRecvControlData socket;
  fuchsia_posix_socket_SocketRecvControlData_frame_t socket_frame;
  fuchsia_posix_socket_IpRecvControlData ip;
  fuchsia_posix_socket_IpRecvControlData_frame_t ip_frame;
  fuchsia_posix_socket_Ipv6RecvControlData ipv6;
  fuchsia_posix_socket_Ipv6RecvControlData_frame_t ipv6_frame;
  fuchsia_posix_socket_Timestamp timestamp;
  fuchsia_posix_socket_IpPktInfoRecvControlData ip_pktinfo;
  fuchsia_posix_socket_Ipv6PktInfoRecvControlData ipv6_pktinfo;
} recv_control_t;

static void make_control(const fake_socket_t* socket, const fake_datagram_t* datagram, recv_control_t* c) {
  const int64_t* on = socket->options;
  const fake_control_t* sent = &datagram->control;
  fuchsia_posix_socket_SocketRecvControlData_init(&c->socket, &c->socket_frame);
  fuchsia_posix_socket_IpRecvControlData_init(&c->ip, &c->ip_frame);
  fuchsia_posix_socket_Ipv6RecvControlData_init(&c->ipv6, &c->ipv6_frame);
  if (on[FAKE_OPTION_Timestamp]) {
    c->timestamp.nanoseconds = INT64_C(1500000000123456789);
    c->timestamp.requested = (fuchsia_posix_socket_TimestampOption)on[FAKE_OPTION_Timestamp];
    fuchsia_posix_socket_SocketRecvControlData_set_timestamp(&c->socket, &c->timestamp);
  }
  if (on[FAKE_OPTION_IpReceiveTypeOfService])
    fuchsia_posix_socket_IpRecvControlData_set_tos(&c->ip, sent->tos);
  if (on[FAKE_OPTION_IpReceiveTtl]) fuchsia_posix_socket_IpRecvControlData_set_ttl(&c->ip, sent->ttl);
  if (on[FAKE_OPTION_IpPacketInfo]) {
    c->ip_pktinfo = (fuchsia_posix_socket_IpPktInfoRecvControlData){
        .iface = sent->ip_iface, .local_addr = sent->ip_source, .header_destination_addr = {{224, 0, 0, 9}}};
    fuchsia_posix_socket_IpRecvControlData_set_pktinfo(&c->ip, &c->ip_pktinfo);
  }
  if (on[FAKE_OPTION_Ipv6ReceiveTrafficClass])
    fuchsia_posix_socket_Ipv6RecvControlData_set_tclass(&c->ipv6, sent->tclass);
  if (on[FAKE_OPTION_Ipv6ReceiveHopLimit]) {
    fuchsia_posix_socket_Ipv6RecvControlData_set_hoplimit(&c->ipv6, sent->ttl);
  }
  if (on[FAKE_OPTION_Ipv6ReceivePacketInfo]) {
    c->ipv6_pktinfo = (fuchsia_posix_socket_Ipv6PktInfoRecvControlData){.iface = sent->ipv6_iface};
    c->ipv6_pktinfo.header_destination_addr.addr[15] = 1;
    fuchsia_posix_socket_Ipv6RecvControlData_set_pktinfo(&c->ipv6, &c->ipv6_pktinfo);
  }
  fuchsia_posix_socket_NetworkSocketRecvControlData_init(&c->network, &c->network_frame);
  fuchsia_posix_socket_NetworkSocketRecvControlData_set_socket(&c->network, &c->socket);
  fuchsia_posix_socket_NetworkSocketRecvControlData_set_ip(&c->network, &c->ip);
  fuchsia_posix_socket_NetworkSocketRecvControlData_set_ipv6(&c->network, &c->ipv6);
  fuchsia_posix_socket_DatagramSocketRecvControlData_init(&c->datagram, &c->datagram_frame);
  fuchsia_posix_socket_DatagramSocketRecvControlData_set_network(&c->datagram, &c->network);
}

static void recv_msg(void* context, fuchsia_posix_socket_SynchronousDatagramSocketRecvMsgRequest* request,
                     fidl_completer_t completer) {
  fake_socket_t* socket = fake_socket_of(context);
  atomic_fetch_add(&socket->stack->num_messages, 1);
  fake_datagram_t* datagram = socket->first;
  if (socket->pending_error || !datagram) {
    int32_t error = socket->pending_error ? socket->pending_error : EAGAIN;
    socket->pending_error = 0;
    show_readiness(socket);
    FAKE_CALL(RecvMsg_reply_error)(completer, error);
    return;
  }
  uint32_t size = datagram->size < request->data_len ? datagram->size : request->data_len;
  wire_address_t from;
  recv_control_t control;
  fuchsia_posix_socket_SynchronousDatagramSocket_RecvMsg_Response response = {
      .data = fidl_bytes(datagram->data, size), .truncated = datagram->size - size};
  if (request->want_addr) {
    give_address(&datagram->from, &from);
    response.addr = from.wire;
  }
  if (request->want_control) {
    make_control(socket, datagram, &control);
    response.control = control.datagram;
  }
  bool peek = request->flags & fuchsia_posix_socket_RecvMsgFlags_PEEK;
  // Whoever has the answer sees the socket as it is after it.
  if (!peek) {
    socket->first = datagram->next;
    show_readiness(socket);
  }
  FAKE_CALL(RecvMsg_reply)(completer, &response);
  if (!peek) free(datagram);
}

static void recv_error(void* context, fuchsia_posix_socket_BaseDatagramSocketRecvErrorRequest* request,
                       fidl_completer_t completer) {
  fake_socket_t* socket = fake_socket_of(context);
  fake_datagram_t* datagram = socket->undelivered;
  if (!datagram) {
    FAKE_CALL(RecvError_reply_error)(completer, EAGAIN);
    return;
  }
  uint32_t size = datagram->size < request->data_len ? datagram->size : request->data_len;
  wire_address_t to;
  recv_control_t control;
  give_address(&datagram->from, &to);
  fuchsia_posix_socket_BaseDatagramSocket_RecvError_Response response = {
      .data = fidl_bytes(datagram->data, size), .truncated = datagram->size - size};
  bool v6 = socket->domain == fuchsia_posix_socket_Domain_IPV6;
  response.error.error = ECONNREFUSED;
  response.error.origin = v6 ? fuchsia_posix_socket_ErrorOrigin_ICMP6 : fuchsia_posix_socket_ErrorOrigin_ICMP;
  response.error.type = v6 ? 1 : 3;
  response.error.code = v6 ? 4 : 3;
  response.error.info = 1234;
  response.error.to = to.wire;
  response.error.offender = to.wire;
  if (request->want_control) {
    make_control(socket, datagram, &control);
    response.control = control.datagram;
  }
  socket->undelivered = NULL;
  socket->pending_error = 0;
  show_readiness(socket);
  FAKE_CALL(RecvError_reply)(completer, &response);
  free(datagram);
}

// Names

static void bind_address(void* context, fuchsia_posix_socket_BaseNetworkSocketBindRequest* request,
                         fidl_completer_t completer) {
  fake_socket_t* socket = fake_socket_of(context);
  fake_address_t address = take_address(&request->addr);
  if (socket->local.port) {
    FAKE_CALL(Bind_reply_error)(completer, EINVAL);
  } else if (address.port && find_port(socket->stack, address.port)) {
    FAKE_CALL(Bind_reply_error)(completer, EADDRINUSE);
  } else {
    socket->local = address;
    ensure_bound(socket);
    FAKE_CALL(Bind_reply)(completer);
  }
}

static void connect_address(void* context, fuchsia_posix_socket_BaseNetworkSocketConnectRequest* request,
                            fidl_completer_t completer) {
  fake_socket_t* socket = fake_socket_of(context);
  ensure_bound(socket);
  socket->peer = take_address(&request->addr);
  FAKE_CALL(Connect_reply)(completer);
}

static void disconnect(void* context, fidl_completer_t completer) {
  fake_socket_of(context)->peer = (fake_address_t){0};
  FAKE_CALL(Disconnect_reply)(completer);
}

static void get_sock_name(void* context, fidl_completer_t completer) {
  fake_socket_t* socket = fake_socket_of(context);
  fake_address_t local = socket->local;
  if (!local.kind) {
    local.kind = socket->domain == fuchsia_posix_socket_Domain_IPV4 ? fuchsia_net_SocketAddress_Tag_ipv4
                                                                    : fuchsia_net_SocketAddress_Tag_ipv6;
  }
  wire_address_t address;
  give_address(&local, &address);
  fuchsia_posix_socket_BaseNetworkSocket_GetSockName_Response response = {.addr = address.wire};
  FAKE_CALL(GetSockName_reply)(completer, &response);
}

static void get_peer_name(void* context, fidl_completer_t completer) {
  fake_socket_t* socket = fake_socket_of(context);
  if (!socket->peer.kind) {
    FAKE_CALL(GetPeerName_reply_error)(completer, ENOTCONN);
    return;
  }
  wire_address_t address;
  give_address(&socket->peer, &address);
  fuchsia_posix_socket_BaseNetworkSocket_GetPeerName_Response response = {.addr = address.wire};
  FAKE_CALL(GetPeerName_reply)(completer, &response);
}

static void shut_down(void* context, fuchsia_posix_socket_BaseNetworkSocketShutdownRequest* request,
                      fidl_completer_t completer) {
  fake_socket_t* socket = fake_socket_of(context);
  if (!socket->peer.kind) {
    FAKE_CALL(Shutdown_reply_error)(completer, ENOTCONN);
    return;
  }
  socket->shut |= request->mode;
  show_readiness(socket);
  FAKE_CALL(Shutdown_reply)(completer);
}

static void get_error(void* context, fidl_completer_t completer) {
  fake_socket_t* socket = fake_socket_of(context);
  int32_t error = socket->pending_error;
  socket->pending_error = 0;
  show_readiness(socket);
  if (error) {
    FAKE_CALL(GetError_reply_error)(completer, error);
  } else {
    FAKE_CALL(GetError_reply)(completer);
  }
}

// Connections

static void describe(void* context, fidl_completer_t completer) {
  fake_connection_t* connection = (fake_connection_t*)context;
  fake_socket_t* socket = connection->socket;
  zx_handle_t event = ZX_HANDLE_INVALID;
  zx_handle_t readiness = ZX_HANDLE_INVALID;
  zx_handle_close(connection->event);
  zx_linux_fd_wrap(fcntl(socket->app_fd, F_DUPFD_CLOEXEC, 0), &readiness);
  zx_eventpair_create(0, &connection->event, &event);
  show_readiness(socket);
  fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse response;
  fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse_frame_t frame;
  fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse_init(&response, &frame);
  fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse_set_event(&response, event);
  fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse_set_readiness(&response, readiness);
  FAKE_CALL(Describe_reply)(completer, &response);
}

static void socket_free(fake_socket_t* socket) {
  fake_socket_t** place = &socket->stack->sockets;
  while (*place != socket)
    place = &(*place)->next;
  *place = socket->next;
  free(socket->undelivered);
  while (socket->first) {
    fake_datagram_t* datagram = socket->first;
    socket->first = datagram->next;
    free(datagram);
  }
  close(socket->app_fd);
  close(socket->server_fd);
  atomic_fetch_sub(&socket->stack->num_sockets, 1);
  free(socket);
}

static void connection_gone(fake_connection_t* connection) {
  fake_socket_t* socket = connection->socket;
  if (!socket) return;
  connection->socket = NULL;
  fake_connection_t** place = &socket->connected;
  while (*place != connection)
    place = &(*place)->next;
  *place = connection->next;
  zx_handle_close(connection->event);
  if (--socket->connections == 0) socket_free(socket);
}

static void on_unbound(void* context, fidl_binding_t* binding, zx_status_t reason) {
  connection_gone(context);
  free(context);
}

static void close_connection(void* context, fidl_completer_t completer) {
  fake_connection_t* connection = (fake_connection_t*)context;
  connection_gone(connection);
  FAKE_CALL(Close_reply)(completer);
  fidl_binding_close(connection->binding, ZX_OK);
}

static void clone_connection(void* context, fuchsia_unknown_CloneableCloneRequest* request) {
  fake_socket_connect(fake_socket_of(context), request->request);
  request->request = ZX_HANDLE_INVALID;
}

static const fake_socket_ops_t* socket_ops(void) {
  static fake_socket_ops_t ops;  // of the one thread that serves
  if (ops.Clone) return &ops;
  fake_options_fill(&ops);
  ops.Bind = bind_address;
  ops.Connect = connect_address;
  ops.Disconnect = disconnect;
  ops.GetSockName = get_sock_name;
  ops.GetPeerName = get_peer_name;
  ops.Shutdown = shut_down;
  ops.GetError = get_error;
  ops.Describe = describe;
  ops.RecvMsg = recv_msg;
  ops.RecvError = recv_error;
  ops.SendMsg = send_msg;
  ops.Close = close_connection;
  ops.Clone = clone_connection;
  return &ops;
}

void fake_socket_connect(fake_socket_t* socket, zx_handle_t server_end) {
  fake_connection_t* connection = calloc(1, sizeof(*connection));
  if (!connection) abort();
  connection->socket = socket;
  connection->next = socket->connected;
  socket->connected = connection;
  socket->connections++;
  if (FAKE_CALL(bind)(async_loop_get_dispatcher(socket->stack->loop), server_end, socket_ops(), connection,
                      on_unbound, &connection->binding) != ZX_OK) {
    abort();
  }
}

void fake_socket_make(fake_stack_t* stack, fuchsia_posix_socket_Domain domain,
                      fuchsia_posix_socket_DatagramSocketProtocol proto, zx_handle_t server_end) {
  fake_socket_t* socket = calloc(1, sizeof(*socket));
  int fds[2];
  int size = 0;
  if (!socket || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) abort();
  setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
  socket->app_fd = fds[0];
  socket->server_fd = fds[1];
  socket->stack = stack;
  socket->domain = domain;
  socket->proto = proto;
  socket->options[FAKE_OPTION_IpTtl] = 64;
  socket->next = stack->sockets;
  stack->sockets = socket;
  atomic_fetch_add(&stack->num_sockets, 1);
  fake_socket_connect(socket, server_end);
}
