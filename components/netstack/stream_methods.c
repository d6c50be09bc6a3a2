// What StreamSocket's methods do. Above: the generated stub. Below: the stream's life and the engine.
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <lib/trace/trace.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "stream_internal.h"

#define METHOD(NAME) STREAM_METHOD(NAME)

// The descriptor

// The application's end: a duplicate as long as it has to be shaped through ours, then ours itself.
zx_status_t stream_share_end(stream_socket_t* stream, zx_handle_t* out) {
  int fd = stream->client_fd;
  if (stream->state <= STREAM_LISTENING) {
    fd = fcntl(stream->client_fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return ZX_ERR_NO_RESOURCES;
  } else {
    stream_gave_end_away(stream);
  }
  stream->described = true;
  return zx_linux_socket_wrap(fd, out);
}

static void describe(void* context, fidl_completer_t completer) {
  stream_socket_t* stream = stream_of(context);
  fuchsia_posix_socket_StreamSocketDescribeResponse response;
  fuchsia_posix_socket_StreamSocketDescribeResponse_frame_t frame;
  fuchsia_posix_socket_StreamSocketDescribeResponse_init(&response, &frame);
  zx_handle_t end = ZX_HANDLE_INVALID;
  if (stream->client_fd >= 0) {
    zx_status_t status = stream_share_end(stream, &end);
    if (status != ZX_OK) {
      fidl_completer_close(completer, status);
      return;
    }
    fuchsia_posix_socket_StreamSocketDescribeResponse_set_socket(&response, end);
  }
  (void)METHOD(Describe_reply)(completer, &response);
}

// Closing. With SO_LINGER, the answer waits until everything has been acknowledged.

static void close_connection(void* context, fidl_completer_t completer) {
  socket_connection_t* connection = context;
  stream_socket_t* stream = stream_of(context);
  fidl_binding_t* binding = fidl_completer_binding(completer);
  bool closes = socket_close_connection(connection) && stream->base.endpoint;
  if (closes) {
    socket_begin(connection);
    closes = stream->state == STREAM_ENDED || !stream_is_held(stream);
    if (closes) {
      const socket_options_t* options = &stream->base.options;
      stream->has_closer = stream->state == STREAM_CONNECTED && options->linger && options->linger_secs > 0;
      stream->closer = completer;
      bool waits = stream->has_closer;
      stream_close(stream, false);
      socket_end(&stream->base);
      if (waits) return;
    } else {
      socket_end(&stream->base);
    }
  }
  (void)METHOD(Close_reply)(completer);
  fidl_binding_close(binding, ZX_OK);
}

static void query(void* context, fidl_completer_t completer) {
  static const char name[] = fuchsia_posix_socket_STREAM_SOCKET_PROTOCOL_NAME;
  fuchsia_unknown_QueryableQueryResponse response = {.protocol = fidl_bytes(name, sizeof(name) - 1)};
  (void)METHOD(Query_reply)(completer, &response);
}

static void get_info(void* context, fidl_completer_t completer) {
  fuchsia_posix_socket_StreamSocket_GetInfo_Response response = {0};
  response.domain = stream_of(context)->base.family == TCPIP_IPV4 ? fuchsia_posix_socket_Domain_IPV4
                                                                  : fuchsia_posix_socket_Domain_IPV6;
  response.proto = fuchsia_posix_socket_StreamSocketProtocol_TCP;
  (void)METHOD(GetInfo_reply)(completer, &response);
}

// Addresses and connections

static void bind_socket(void* context, fuchsia_posix_socket_BaseNetworkSocketBindRequest* request,
                        fidl_completer_t completer) {
  stream_socket_t* stream = stream_begin(context);
  tcpip_endpoint_t local;
  int result = -EINVAL;
  if (endpoint_from_fidl(&request->addr, &local)) result = tcpip_socket_bind(stream->base.endpoint, &local);
  if (result == -EADDRINUSE) {
    // The port may be that of a socket which its last process has closed a moment ago.
    stream_set_sweep(stream_set_of(stream), stream);
    result = tcpip_socket_bind(stream->base.endpoint, &local);
  }
  if (result == 0) {
    tcpip_socket_local(stream->base.endpoint, &stream->bound);
    stream->is_bound = true;
  }
  socket_end(&stream->base);
  SOCKET_ANSWER(StreamSocket, Bind, completer, result);
}

static int take_error(stream_socket_t* stream) {
  int error = stream->error;
  stream->error = 0;
  return -error;
}

static int begin_to_connect(stream_socket_t* stream, const tcpip_endpoint_t* peer) {
  int result = take_error(stream);  // of an attempt before
  if (result == 0) result = tcpip_socket_connect(stream->base.endpoint, peer);
  if (result == -EINPROGRESS) stream->state = STREAM_CONNECTING;
  return result;
}

static int connect_stream(stream_socket_t* stream, const tcpip_endpoint_t* peer) {
  int error;
  switch (stream->state) {
    case STREAM_IDLE:
      return begin_to_connect(stream, peer);
    case STREAM_CONNECTING:
      return -EALREADY;
    case STREAM_CONNECTED:
      return tcpip_socket_connect(stream->base.endpoint, peer);  // 0 the first time, then -EISCONN
    case STREAM_LISTENING:
      return -EISCONN;
    default:
      error = take_error(stream);
      return error ? error : -ECONNABORTED;
  }
}

static void connect_socket(void* context, fuchsia_posix_socket_BaseNetworkSocketConnectRequest* request,
                           fidl_completer_t completer) {
  stream_socket_t* stream = stream_begin(context);
  tcpip_endpoint_t peer;
  int result = -EINVAL;
  if (endpoint_from_fidl(&request->addr, &peer)) result = connect_stream(stream, &peer);
  socket_end(&stream->base);
  SOCKET_ANSWER(StreamSocket, Connect, completer, result);
}

static void disconnect_socket(void* context, fidl_completer_t completer) {
  stream_socket_t* stream = stream_begin(context);
  int result = tcpip_socket_disconnect(stream->base.endpoint);
  if (stream->state == STREAM_CONNECTED) {
    stream_end(stream, 0);
  } else if (stream->state < STREAM_CONNECTED) {
    stream->state = STREAM_IDLE;
    stream->error = 0;
    stream->accepts_no_more = false;
  }
  socket_end(&stream->base);
  SOCKET_ANSWER(StreamSocket, Disconnect, completer, result);
}

static void listen_socket(void* context, fuchsia_posix_socket_StreamSocketListenRequest* request,
                          fidl_completer_t completer) {
  stream_socket_t* stream = stream_begin(context);
  int result = -EINVAL;
  if (stream->state == STREAM_IDLE || stream->state == STREAM_LISTENING)
    result = tcpip_socket_listen(stream->base.endpoint, request->backlog < 0 ? 0 : request->backlog);
  if (result == 0) {
    stream->state = STREAM_LISTENING;
    stream->accepts_no_more = false;
  }
  socket_end(&stream->base);
  SOCKET_ANSWER(StreamSocket, Listen, completer, result);
}

// A stream for a connection in the listener's queue. There has to be room for the connection to it as well:
// what is taken out of the queue then would be lost.
static int create_for(stream_socket_t* listener, stream_socket_t** out) {
  provider_client_t* client = listener->base.client;
  stream_socket_t* stream;
  int result = stream_create(client, listener->base.family, &stream);
  if (result != 0) return result;
  if (!provider_client_charge(client, PROVIDER_CONNECTION_DESCRIPTORS)) {
    stream_discard(stream);
    return -EMFILE;
  }
  provider_client_refund(client, PROVIDER_CONNECTION_DESCRIPTORS);
  *out = stream;
  return 0;
}

// Takes a connection out of the listener's queue and makes a stream of it, served on `server_end` (consumed).
static int accept_stream(stream_socket_t* listener, zx_handle_t server_end, stream_socket_t** out) {
  stream_socket_t* stream = NULL;
  int result = -EINVAL;
  if (listener->state == STREAM_LISTENING) {
    bool waiting = tcpip_socket_poll(listener->base.endpoint) & TCPIP_EVENT_READABLE;
    result = waiting ? create_for(listener, &stream) : -EAGAIN;
    if (result == -EMFILE || result == -ENFILE) {  // as for a new one
      stream_set_sweep(stream_set_of(listener), listener);
      result = create_for(listener, &stream);
    }
  }
  if (result == 0) {
    result = tcpip_socket_accept(listener->base.endpoint, &stream->base, &stream->base.endpoint);
    if (result != 0) stream_discard(stream);
  }
  if (result != 0) {
    zx_handle_close(server_end);
    return result;
  }
  stream->base.options = listener->base.options;
  result = socket_add_connection(&stream->base, server_end);
  if (result != 0) {
    stream_close(stream, true);
    return result;
  }
  stream_connected(stream);
  stream_mark_dirty(stream);
  *out = stream;
  return 0;
}

// What accepting answers with.
typedef struct accepted {
  fuchsia_net_SocketAddress addr;  // absent if nobody asks
  socket_address_storage_t storage;
  zx_handle_t s;
  zx_handle_t socket;
} accepted_t;

static int accept_connection(stream_socket_t* listener, bool wants_addr, bool wants_socket, accepted_t* out) {
  stream_socket_t* stream = NULL;
  tcpip_endpoint_t peer = {0};
  zx_handle_t server_end = ZX_HANDLE_INVALID;
  if (zx_channel_create(0, &out->s, &server_end) != ZX_OK) return -ENFILE;
  int result = accept_stream(listener, server_end, &stream);
  if (result == 0 && wants_socket && stream_share_end(stream, &out->socket) != ZX_OK) {
    stream_close(stream, true);
    result = -ENFILE;
  }
  // One that was reset in the queue has no peer any more; who accepts it learns the rest from it.
  if (result == 0 && wants_addr && tcpip_socket_peer(stream->base.endpoint, &peer) == 0)
    out->addr = endpoint_to_fidl(&peer, stream->base.family, &out->storage);
  if (result != 0) zx_handle_close(out->s);
  return result;
}

static void accept_socket(void* context, fuchsia_posix_socket_StreamSocketAcceptRequest* request,
                          fidl_completer_t completer) {
  stream_socket_t* listener = stream_begin(context);
  accepted_t accepted = {0};
  int result = accept_connection(listener, request->want_addr, false, &accepted);
  socket_end(&listener->base);
  if (result != 0) {
    (void)METHOD(Accept_reply_error)(completer, errno_to_fidl(result));
    return;
  }
  fuchsia_posix_socket_StreamSocket_Accept_Response response = {.addr = accepted.addr, .s = accepted.s};
  (void)METHOD(Accept_reply)(completer, &response);
}

static void accept_described(void* context, fuchsia_posix_socket_StreamSocketAcceptDescribedRequest* request,
                             fidl_completer_t completer) {
  stream_socket_t* listener = stream_begin(context);
  accepted_t accepted = {0};
  int result = accept_connection(listener, request->want_addr, true, &accepted);
  socket_end(&listener->base);
  if (result != 0) {
    (void)METHOD(AcceptDescribed_reply_error)(completer, errno_to_fidl(result));
    return;
  }
  fuchsia_posix_socket_StreamSocket_AcceptDescribed_Response response = {
      .addr = accepted.addr, .socket = accepted.socket, .s = accepted.s};
  (void)METHOD(AcceptDescribed_reply)(completer, &response);
}

static int shut_down_connection(stream_socket_t* stream, bool read, bool write) {
  stream->shut_by_method = true;
  // The kernel keeps what was written before for us to read, and refuses more.
  if (write) (void)shutdown(stream->server_fd, SHUT_RD);
  if (read) {
    (void)shutdown(stream->server_fd, SHUT_WR);
    stream->out_ended = true;
  }
  stream->in_ready = stream->in_hung_up = true;
  stream_mark_dirty(stream);
  return 0;
}

static int shut_down(stream_socket_t* stream, bool read, bool write) {
  if (!read && !write) return -EINVAL;
  if (stream->state == STREAM_CONNECTED) return shut_down_connection(stream, read, write);
  if (stream->state == STREAM_CONNECTING) {  // as Linux does it, whichever direction is meant
    stream_fail(stream, ECONNRESET);
    return 0;
  }
  if (stream->state != STREAM_LISTENING) return -ENOTCONN;
  if (read) {
    (void)tcpip_socket_disconnect(stream->base.endpoint);
    stream->state = STREAM_IDLE;
    stream->accepts_no_more = true;
  }
  return 0;
}

static void shutdown_socket(void* context, fuchsia_posix_socket_BaseNetworkSocketShutdownRequest* request,
                            fidl_completer_t completer) {
  stream_socket_t* stream = stream_begin(context);
  int result = shut_down(stream, (request->mode & fuchsia_posix_socket_ShutdownMode_READ) != 0,
                         (request->mode & fuchsia_posix_socket_ShutdownMode_WRITE) != 0);
  socket_end(&stream->base);
  SOCKET_ANSWER(StreamSocket, Shutdown, completer, result);
}

static void get_error(void* context, fidl_completer_t completer) {
  stream_socket_t* stream = stream_begin(context);
  int result = take_error(stream);
  socket_end(&stream->base);
  SOCKET_ANSWER(StreamSocket, GetError, completer, result);
}

static void get_accept_conn(void* context, fidl_completer_t completer) {
  fuchsia_posix_socket_BaseSocket_GetAcceptConn_Response response = {.value = stream_of(context)->state ==
                                                                              STREAM_LISTENING};
  (void)METHOD(GetAcceptConn_reply)(completer, &response);
}

const fuchsia_posix_socket_StreamSocket_ops_t stream_ops = {.Close = close_connection,
                                                            .Query = query,
                                                            .Describe = describe,
                                                            .GetInfo = get_info,
                                                            .Bind = bind_socket,
                                                            .Connect = connect_socket,
                                                            .Disconnect = disconnect_socket,
                                                            .Listen = listen_socket,
                                                            .Accept = accept_socket,
                                                            .AcceptDescribed = accept_described,
                                                            .Shutdown = shutdown_socket,
                                                            .GetError = get_error,
                                                            .GetAcceptConn = get_accept_conn,
                                                            .GetTcpInfo = stream_get_tcp_info,
#define STREAM_SET_AND_GET(NAME) .Set##NAME = socket_set_##NAME, .Get##NAME = socket_get_##NAME,
                                                            STREAM_OPTIONS(STREAM_SET_AND_GET)
#undef STREAM_SET_AND_GET
                                                                SOCKET_COMMON_METHODS};
