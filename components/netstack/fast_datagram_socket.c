// The fast kind of datagram socket: its life, and what its protocol asks beyond datagram_methods.c. Above:
// the generated stub of fuchsia.posix.socket.DatagramSocket. Below: the engine's sockets, the kernel's pairs.
//
// It lives as long as it has a connection or a process holds the application's end. What a method is asked
// after a datagram was sent is done after that: every visit begins with taking in what is there.
#include "fast_datagram_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <lib/trace/trace.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "fast_datagram_internal.h"

#define METHOD(NAME) fuchsia_posix_socket_DatagramSocket_##NAME

// By this name of its end a program knows a descriptor that it has inherited for one of ours.
#define NAME_PREFIX "jacinth/datagram/"

// More than can lie in a descriptor. Who goes on sending while we take does not hold up the others.
enum { WHOLE_DESCRIPTOR = 1024 };

// Doubled by the kernel: room for any datagram and for a good many small ones.
enum { SEND_BUFFER_BYTES = 131072 };

// State

static void show_state(fast_socket_t* fast) {
  if (!fast->state) return;
  uint32_t events = tcpip_socket_poll(fast_base(fast)->endpoint);
  uint64_t state = (uint64_t)fast->generation << 32;
  if (events & TCPIP_EVENT_ERROR) state |= fuchsia_posix_socket_DatagramState_ERROR;
  if (events & TCPIP_EVENT_ERROR_QUEUE) state |= fuchsia_posix_socket_DatagramState_ERROR_QUEUE;
  atomic_store_explicit(fast->state, state, memory_order_release);
}

void fast_take_back_promises(fast_socket_t* fast) {
  if (!fast->promised) return;
  fast->promised = false;
  fast->generation++;
  show_state(fast);
}

void fast_show(fast_socket_t* fast) {
  tcpip_socket_t* endpoint = fast_base(fast)->endpoint;
  uint32_t events = tcpip_socket_poll(endpoint);
  // Who sends while an error is pending is told of it by a request.
  if (events & TCPIP_EVENT_ERROR) fast_take_back_promises(fast);
  show_state(fast);
  if (fast->error_news && events & (TCPIP_EVENT_ERROR | TCPIP_EVENT_ERROR_QUEUE)) fast_tell_error(fast);
  bool delivered = tcpip_socket_next_length(endpoint) == 0;
  if ((events & TCPIP_EVENT_READ_SHUTDOWN) && delivered && !fast->out_ended) {
    (void)shutdown(fast->server_fd, SHUT_WR);
    fast->out_ended = true;
  }
}

// Life

static void close_descriptors(fast_socket_t* fast) {
  if (fast->server_fd >= 0) close(fast->server_fd);  // which leaves the epoll instance, too
  if (fast->client_fd >= 0) close(fast->client_fd);
  fast->server_fd = fast->client_fd = -1;
  watched_forget(&fast->member);
}

static void discard(fast_socket_t* fast) {
  provider_client_t* client = fast_base(fast)->client;
  fast_forget_backlog(fast);
  close_descriptors(fast);
  if (fast->state) fast_datagram_states_give_back(provider_client_states(client), fast->state);
  fast->state = NULL;
  provider_client_refund(client, PROVIDER_FAST_DATAGRAM_DESCRIPTORS);
  fast_set_remove(fast);
  provider_client_release(client);
}

void fast_finish(fast_socket_t* fast) {
  socket_base_t* base = fast_base(fast);
  tcpip_socket_destroy(base->endpoint);
  base->endpoint = NULL;
  fast_forget_backlog(fast);
  close_descriptors(fast);
  if (base->connections == 0) discard(fast);
}

void fast_close(fast_socket_t* fast) {
  fast->closing = true;
  fast->in_ready = true;
  bool done = fast_take_in(fast, WHOLE_DESCRIPTOR);
  if ((fast->in_ended || !fast->in_ready) && !fast->backlog) {
    fast_finish(fast);
  } else if (!done) {
    fast_mark_dirty(fast);
  }
}

static bool is_held(fast_socket_t* fast) {
  if (fast->client_fd >= 0) close(fast->client_fd);
  fast->client_fd = -1;
  struct pollfd pollfd = {.fd = fast->server_fd};
  return poll(&pollfd, 1, 0) != 1 || !(pollfd.revents & POLLHUP);
}

void fast_forsaken(fast_socket_t* fast) {
  if (!fast->closing && (!is_held(fast) || !fast_watch(fast, fast->member.wants_out))) fast_close(fast);
}

static void abandoned(socket_base_t* base) {
  fast_socket_t* fast = (fast_socket_t*)base;
  netstack_t* netstack = base->netstack;
  netstack_enter(netstack);
  if (base->endpoint) {
    fast_forsaken(fast);
  } else {
    discard(fast);
  }
  netstack_leave(netstack);
}

// Connections

static void describe(void* context, fidl_completer_t completer) {
  fast_socket_t* fast = fast_of(context);
  zx_handle_t end = ZX_HANDLE_INVALID;
  int fd = fast->client_fd;
  fast->client_fd = -1;
  zx_status_t status = fd < 0 ? ZX_ERR_BAD_STATE : zx_linux_fd_wrap(fd, &end);
  if (status != ZX_OK) {
    fidl_completer_close(completer, status);
    return;
  }
  const uint64_t size = PRELUDE_BYTES;
  fuchsia_posix_socket_DatagramSocketDescribeResponse response;
  fuchsia_posix_socket_DatagramSocketDescribeResponse_frame_t frame;
  fuchsia_posix_socket_DatagramSocketDescribeResponse_init(&response, &frame);
  fuchsia_posix_socket_DatagramSocketDescribeResponse_set_socket(&response, end);
  fuchsia_posix_socket_DatagramSocketDescribeResponse_set_tx_meta_buf_size(&response, &size);
  fuchsia_posix_socket_DatagramSocketDescribeResponse_set_rx_meta_buf_size(&response, &size);
  fuchsia_posix_socket_DatagramSocketDescribeResponse_set_metadata_encoding_protocol_version(
      &response, fuchsia_posix_socket_UdpMetadataEncodingProtocolVersion_ZERO);
  (void)METHOD(Describe_reply)(completer, &response);
}

static zx_status_t share_state(fast_socket_t* fast,
                               fuchsia_posix_socket_DatagramSocket_DescribeState_Response* out) {
  fast_datagram_states_t* states = provider_client_states(fast_base(fast)->client);
  if (!states) return ZX_ERR_NO_RESOURCES;
  if (!fast->state) {
    fast->state = fast_datagram_states_take(states);
    if (!fast->state) return ZX_ERR_NO_RESOURCES;
    fast->generation = (uint32_t)(atomic_load_explicit(fast->state, memory_order_relaxed) >> 32) + 1;
    show_state(fast);
  }
  out->offset = fast_datagram_states_offset(states, fast->state);
  return fast_datagram_states_share(states, &out->memory);
}

static void describe_state(void* context, fidl_completer_t completer) {
  fuchsia_posix_socket_DatagramSocket_DescribeState_Response response = {0};
  fast_socket_t* fast = (fast_socket_t*)socket_begin(context);
  zx_status_t status = share_state(fast, &response);
  socket_end(fast_base(fast));
  if (status == ZX_OK) {
    (void)METHOD(DescribeState_reply)(completer, &response);
  } else {
    (void)METHOD(DescribeState_reply_error)(completer, fuchsia_posix_Errno_ENFILE);
  }
}

// The last connection's Close frees the port before it is answered, so that a program which has closed its
// socket can bind the port again at once; where the link has no room for what was sent last, it waits for
// that without anybody waiting for it.
static void close_connection(void* context, fidl_completer_t completer) {
  socket_connection_t* connection = context;
  if (socket_close_connection(connection) && connection->socket->endpoint) {
    socket_base_t* base = socket_begin(connection);
    fast_forsaken((fast_socket_t*)base);
    socket_end(base);
  }
  fidl_binding_t* binding = fidl_completer_binding(completer);
  (void)METHOD(Close_reply)(completer);
  fidl_binding_close(binding, ZX_OK);
}

static void query(void* context, fidl_completer_t completer) {
  static const char name[] = fuchsia_posix_socket_DATAGRAM_SOCKET_PROTOCOL_NAME;
  fuchsia_unknown_QueryableQueryResponse response = {.protocol = fidl_bytes(name, sizeof(name) - 1)};
  (void)METHOD(Query_reply)(completer, &response);
}

// Promises

typedef fuchsia_posix_socket_DatagramSocketSendMsgPreflightRequest preflight_request_t;

static int look_ahead(fast_socket_t* fast, const preflight_request_t* request, tcpip_preflight_t* out) {
  tcpip_endpoint_t to;
  tcpip_address_t source;
  tcpip_send_t send = {.ttl = -1, .tos = -1};
  if (fuchsia_posix_socket_DatagramSocketSendMsgPreflightRequest_has_to(request)) {
    if (!endpoint_from_fidl(fuchsia_posix_socket_DatagramSocketSendMsgPreflightRequest_to(request), &to))
      return -EINVAL;
    send.to = &to;
  }
  int result = 0;
  if (fuchsia_posix_socket_DatagramSocketSendMsgPreflightRequest_has_control(request)) {
    result = send_control_apply(&fast->datagram,
                                fuchsia_posix_socket_DatagramSocketSendMsgPreflightRequest_control(request),
                                &source, &send);
  } else if (fuchsia_posix_socket_DatagramSocketSendMsgPreflightRequest_has_ipv6_pktinfo(request)) {
    const fuchsia_posix_socket_Ipv6PktInfoSendControlData* pktinfo =
        fuchsia_posix_socket_DatagramSocketSendMsgPreflightRequest_ipv6_pktinfo(request);
    if (pktinfo->iface > UINT32_MAX) return -EINVAL;
    send.interface = (uint32_t)pktinfo->iface;
    source = tcpip_ipv6(pktinfo->local_addr.addr);
    send.source = &source;
  }
  if (result == 0) result = tcpip_socket_preflight(fast_base(fast)->endpoint, &send, out);
  return result;
}

static void preflight(void* context, preflight_request_t* request, fidl_completer_t completer) {
  fast_socket_t* fast = (fast_socket_t*)socket_begin(context);
  tcpip_preflight_t seen;
  tcpip_endpoint_t peer;
  int result = look_ahead(fast, request, &seen);
  bool named = fuchsia_posix_socket_DatagramSocketSendMsgPreflightRequest_has_to(request);
  if (result == 0 && !named) result = tcpip_socket_peer(fast_base(fast)->endpoint, &peer);
  if (result == 0) fast->promised = true;
  uint32_t generation = fast->generation;  // ending the visit may be what changes it
  socket_end(fast_base(fast));
  if (result != 0) {
    (void)METHOD(SendMsgPreflight_reply_error)(completer, errno_to_fidl(result));
    return;
  }
  fuchsia_posix_socket_DatagramSocket_SendMsgPreflight_Response response;
  fuchsia_posix_socket_DatagramSocket_SendMsgPreflight_Response_frame_t frame;
  fuchsia_posix_socket_DatagramSocket_SendMsgPreflight_Response_init(&response, &frame);
  socket_address_storage_t storage;
  fuchsia_net_SocketAddress to;
  if (!named) {
    to = endpoint_to_fidl(&peer, fast_base(fast)->family, &storage);
    fuchsia_posix_socket_DatagramSocket_SendMsgPreflight_Response_set_to(&response, &to);
  }
  fuchsia_posix_socket_DatagramSocket_SendMsgPreflight_Response_set_maximum_size(&response,
                                                                                 (uint32_t)seen.maximum_size);
  fuchsia_posix_socket_DatagramSocket_SendMsgPreflight_Response_set_generation(&response, generation);
  fuchsia_posix_socket_DatagramSocket_SendMsgPreflight_Response_set_by_request(&response, seen.stays);
  (void)METHOD(SendMsgPreflight_reply)(completer, &response);
}

static void send_msg(void* context, fuchsia_posix_socket_DatagramSocketSendMsgRequest* request,
                     fidl_completer_t completer) {
  trace_point("netstack.SendMsg", request->data.count);
  datagram_socket_t* socket = (datagram_socket_t*)socket_begin(context);
  const datagram_send_request_t send = {
      .addr = &request->addr, .data = request->data, .control = &request->control, .flags = request->flags};
  int64_t result = datagram_send_by_request(socket, &send);
  if (result < 0) socket_took_error(&socket->base);  // it may have been one that was pending
  socket_end(&socket->base);
  trace_point("netstack.SendMsg.done", (uint64_t)result);
  if (result < 0) {
    (void)METHOD(SendMsg_reply_error)(completer, errno_to_fidl(result));
  } else {
    fuchsia_posix_socket_DatagramSocket_SendMsg_Response response = {.len = result};
    (void)METHOD(SendMsg_reply)(completer, &response);
  }
}

// Received datagrams come with what was asked for when they came; the answer is for clients who want to know.
static void postflight(void* context, fidl_completer_t completer) {
  const socket_options_t* options = &fast_base(fast_of(context))->options;
  fuchsia_posix_socket_CmsgRequests requests = 0;
  if (options->ip_receive_tos) requests |= fuchsia_posix_socket_CmsgRequests_IP_TOS;
  if (options->ip_receive_ttl) requests |= fuchsia_posix_socket_CmsgRequests_IP_TTL;
  if (options->ipv6_receive_traffic_class) requests |= fuchsia_posix_socket_CmsgRequests_IPV6_TCLASS;
  if (options->ipv6_receive_hop_limit) requests |= fuchsia_posix_socket_CmsgRequests_IPV6_HOPLIMIT;
  if (options->ipv6_receive_packet_info) requests |= fuchsia_posix_socket_CmsgRequests_IPV6_PKTINFO;
  fuchsia_posix_socket_DatagramSocket_RecvMsgPostflight_Response response;
  fuchsia_posix_socket_DatagramSocket_RecvMsgPostflight_Response_frame_t frame;
  fuchsia_posix_socket_DatagramSocket_RecvMsgPostflight_Response_init(&response, &frame);
  fuchsia_posix_socket_DatagramSocket_RecvMsgPostflight_Response_set_timestamp(&response, options->timestamp);
  fuchsia_posix_socket_DatagramSocket_RecvMsgPostflight_Response_set_requests(&response, requests);
  (void)METHOD(RecvMsgPostflight_reply)(completer, &response);
}

// What all kinds of sockets have (socket_base.h)

static const fuchsia_posix_socket_DatagramSocket_ops_t socket_ops = {.Close = close_connection,
                                                                     .Query = query,
                                                                     .Describe = describe,
                                                                     .SendMsg = send_msg,
                                                                     .DescribeState = describe_state,
                                                                     .SendMsgPreflight = preflight,
                                                                     .RecvMsgPostflight = postflight,
                                                                     DATAGRAM_COMMON_METHODS};

static zx_status_t bind_connection(async_dispatcher_t* dispatcher, zx_handle_t server_end, void* connection,
                                   fidl_on_unbound_t on_unbound) {
  return METHOD(bind)(dispatcher, server_end, &socket_ops, connection, on_unbound, NULL);
}

static void begin(socket_base_t* base) {
  fast_socket_t* fast = (fast_socket_t*)base;
  if (!base->endpoint || fast->in_ended) return;
  fast->in_ready = true;
  if (!fast_take_in(fast, WHOLE_DESCRIPTOR)) fast_mark_dirty(fast);
}

static void changed(socket_base_t* base) {
  fast_take_back_promises((fast_socket_t*)base);
}

static void show(socket_base_t* base) {
  fast_show((fast_socket_t*)base);
}

static void event(socket_base_t* base, uint32_t events) {
  fast_socket_t* fast = (fast_socket_t*)base;
  if (!base->endpoint) return;
  if (events & (TCPIP_EVENT_ERROR | TCPIP_EVENT_ERROR_QUEUE)) fast->error_news = true;
  fast_mark_dirty(fast);
}

static void took_error(socket_base_t* base) {
  ((fast_socket_t*)base)->error_news = true;
}

static size_t held(socket_base_t* base) {
  fast_socket_t* fast = (fast_socket_t*)base;
  fast_look_at_held(fast);
  return fast->charged = fast_held(fast);
}

static const socket_kind_t kind = {.bind = bind_connection,
                                   .begin = begin,
                                   .changed = changed,
                                   .took_error = took_error,
                                   .show = show,
                                   .event = event,
                                   .held = held,
                                   .abandoned = abandoned};

// Making one

static void set_send_buffer(int fd) {
  int bytes = SEND_BUFFER_BYTES;
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static bool name_end(fast_socket_t* fast) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  int length = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, NAME_PREFIX "%016llx",
                        (unsigned long long)fast->cookie);
  return bind(fast->client_fd, (struct sockaddr*)&name,
              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) == 0;
}

static int open_pair(fast_socket_t* fast) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
    return errno == ENOMEM || errno == ENOBUFS ? -ENOMEM : -ENFILE;
  fast->client_fd = fds[0];
  fast->server_fd = fds[1];
  set_send_buffer(fds[0]);
  set_send_buffer(fds[1]);
  socklen_t length = sizeof(fast->cookie);
  if (getsockopt(fast->client_fd, SOL_SOCKET, SO_COOKIE, &fast->cookie, &length) != 0 || !name_end(fast))
    return -ENFILE;
  return fast_watch(fast, false) ? 0 : -ENFILE;
}

static int make(provider_client_t* client, uint8_t family, fast_socket_t** out) {
  if (!provider_client_charge(client, PROVIDER_FAST_DATAGRAM_DESCRIPTORS)) return -EMFILE;
  fast_socket_t* fast = calloc(1, sizeof(*fast));
  if (!fast) {
    provider_client_refund(client, PROVIDER_FAST_DATAGRAM_DESCRIPTORS);
    return -ENOMEM;
  }
  socket_base_init(fast_base(fast), &kind, client, family);
  fast->datagram.protocol = TCPIP_UDP;
  fast->server_fd = fast->client_fd = -1;
  fast->out_ready = true;
  fast_set_add(fast);
  int result = open_pair(fast);
  if (result == 0) {
    result = tcpip_socket_create(provider_client_engine(client), family, TCPIP_UDP, fast_base(fast),
                                 &fast_base(fast)->endpoint);
  }
  if (result != 0) {
    discard(fast);
    return result;
  }
  *out = fast;
  return 0;
}

int fast_datagram_socket_open(provider_client_t* client, uint8_t family, zx_handle_t server_end) {
  fast_socket_t* fast = NULL;
  netstack_t* netstack = provider_client_netstack(client);
  netstack_enter(netstack);
  int result = make(client, family, &fast);
  if (result == -EMFILE || result == -ENFILE) {
    // What the client has closed a moment ago may still be there.
    fast_datagram_set_sweep(netstack_fast_datagrams(netstack));
    result = make(client, family, &fast);
  }
  if (result != 0) {
    zx_handle_close(server_end);
  } else {
    result = socket_add_connection(fast_base(fast), server_end);
    if (result != 0) fast_finish(fast);
  }
  netstack_leave(netstack);
  return result;
}
