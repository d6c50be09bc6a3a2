// A stream's life. Above: its methods. Below: the engine, the pair, the set of all streams.
//
// It lives as long as it has a connection or a process holds the application's end; then what the application
// has written is brought to the engine, which closes in the background.
#include "stream_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zircon/syscalls.h>

#include "stream_internal.h"

// How long a peer that takes nothing holds up what was written before closing.
static const zx_duration_t closing_patience_ns = ZX_SEC(60);
// How often somebody who waits in close looks whether all has been acknowledged.
static const zx_duration_t closing_look_ns = ZX_MSEC(10);

static void closing_timer_fired(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  stream_socket_t* stream = (void*)((char*)task - offsetof(stream_socket_t, closing_timer));
  if (status != ZX_OK) return;
  netstack_t* netstack = stream->base.netstack;
  netstack_enter(netstack);
  stream_close(stream, false);
  netstack_leave(netstack);
}

int stream_create(provider_client_t* client, uint8_t family, stream_socket_t** out) {
  if (!provider_client_charge(client, PROVIDER_STREAM_DESCRIPTORS)) return -EMFILE;
  stream_socket_t* stream = calloc(1, sizeof(*stream));
  if (!stream) {
    provider_client_refund(client, PROVIDER_STREAM_DESCRIPTORS);
    return -ENOMEM;
  }
  socket_base_init(&stream->base, &stream_kind, client, family);
  stream->charged = PROVIDER_STREAM_DESCRIPTORS;
  stream->server_fd = stream->client_fd = -1;
  stream->closing_timer.handler = closing_timer_fired;
  zx_status_t status = stream_open_pair(stream);
  stream_set_add(stream);
  if (status == ZX_OK) {
    *out = stream;
    return 0;
  }
  stream_discard(stream);
  return status == ZX_ERR_NO_MEMORY ? -ENOMEM : -ENFILE;
}

// With its only descriptor an end leaves the epoll instance, too.
static void close_server_end(stream_socket_t* stream) {
  if (stream->server_fd >= 0) close(stream->server_fd);
  stream->server_fd = -1;
  watched_forget(&stream->member);
}

void stream_gave_end_away(stream_socket_t* stream) {
  stream->client_fd = -1;
  stream->charged--;
  provider_client_refund(stream->base.client, 1);
}

static void close_client_end(stream_socket_t* stream) {
  if (stream->client_fd < 0) return;
  close(stream->client_fd);
  stream_gave_end_away(stream);
}

static void close_descriptors(stream_socket_t* stream) {
  close_server_end(stream);
  close_client_end(stream);
}

void stream_discard(stream_socket_t* stream) {
  close_descriptors(stream);
  (void)async_cancel_task(netstack_dispatcher(stream->base.netstack), &stream->closing_timer);
  provider_client_refund(stream->base.client, stream->charged);
  provider_client_t* client = stream->base.client;
  stream_set_remove(stream);
  provider_client_release(client);
}

static void answer_closer(stream_socket_t* stream) {
  if (!stream->has_closer) return;
  stream->has_closer = false;
  fidl_binding_t* binding = fidl_completer_binding(stream->closer);
  // A client that has gone meanwhile has taken the binding with it.
  if (STREAM_METHOD(Close_reply)(stream->closer) == ZX_OK) fidl_binding_close(binding, ZX_OK);
}

void stream_finish(stream_socket_t* stream) {
  tcpip_socket_destroy(stream->base.endpoint);
  stream->base.endpoint = NULL;
  stream->state = STREAM_CLOSED;
  close_descriptors(stream);
  answer_closer(stream);
  if (stream->base.connections == 0) stream_discard(stream);
}

void stream_connected(stream_socket_t* stream) {
  stream->state = STREAM_CONNECTED;
  stream_unshape(stream);
  if (stream->described) close_client_end(stream);
  stream->out_ready = true;  // what is there to be read, watching tells
  if (!stream_watch(stream, false)) stream_end(stream, ENOBUFS);
}

void stream_end(stream_socket_t* stream, int error) {
  stream->error = error;
  stream->state = STREAM_ENDED;
  close_server_end(stream);
  if (stream->base.connections == 0) stream_finish(stream);
}

bool stream_is_held(stream_socket_t* stream) {
  // Whoever comes back for a stream without a connection brings the end along: it stays charged.
  if (stream->client_fd >= 0) close(stream->client_fd);
  stream->client_fd = -1;
  if (stream->in_closed) return false;  // which does not pass
  struct pollfd pollfd = {.fd = stream->server_fd};
  return poll(&pollfd, 1, 0) != 1 || !(pollfd.revents & POLLHUP);
}

// Closing

bool stream_closing_resets(stream_socket_t* stream) {
  if (stream->base.options.linger && stream->base.options.linger_secs == 0) return true;
  int error = 0;  // by which the kernel tells of bytes that went unread
  socklen_t length = sizeof(error);
  if (getsockopt(stream->server_fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == ECONNRESET)
    stream->left_unread = true;
  return stream->left_unread;
}

static void reset(stream_socket_t* stream) {
  (void)tcpip_socket_set(stream->base.endpoint, TCPIP_LINGER, 0);
  stream_finish(stream);
}

static void look_again(stream_socket_t* stream, zx_duration_t delay) {
  async_dispatcher_t* dispatcher = netstack_dispatcher(stream->base.netstack);
  (void)async_cancel_task(dispatcher, &stream->closing_timer);
  stream->closing_timer.deadline = zx_deadline_after(delay);
  if (async_post_task(dispatcher, &stream->closing_timer) != ZX_OK) reset(stream);
}

static bool is_acknowledged(const stream_socket_t* stream) {
  tcpip_tcp_info_t info = {0};
  (void)tcpip_socket_tcp_info(stream->base.endpoint, &info);
  return info.state == TCPIP_TCP_CLOSED || info.state == TCPIP_TCP_FIN_WAIT_2 ||
         info.state == TCPIP_TCP_TIME_WAIT || info.state == TCPIP_TCP_CLOSING;
}

// One step of closing in good order; called again when the engine has room or time has passed.
static void closing(stream_socket_t* stream) {
  zx_time_t now = zx_clock_get_monotonic();
  if (stream->has_closer && now >= stream->closing_deadline) {  // the rest goes on without anybody waiting
    answer_closer(stream);
    stream->closing_deadline = now + closing_patience_ns;
  }
  bool was_open = !stream->in_ended;
  bool expired = now >= stream->closing_deadline;
  if (tcpip_socket_next_length(stream->base.endpoint) > 0 ||
      (tcpip_socket_poll(stream->base.endpoint) & TCPIP_EVENT_ERROR) || (was_open && expired)) {
    reset(stream);
    return;
  }
  if (was_open && stream_take_in(stream) && !stream->has_closer)
    stream->closing_deadline = now + closing_patience_ns;
  if (!stream->in_ended) {
    look_again(stream, stream->closing_deadline - now);
  } else if (stream->has_closer) {
    if (was_open) (void)tcpip_socket_shutdown(stream->base.endpoint, false, true);
    if (is_acknowledged(stream)) {
      stream_finish(stream);
    } else {
      look_again(stream, closing_look_ns);
    }
  } else {
    stream_finish(stream);
  }
}

void stream_close(stream_socket_t* stream, bool abort) {
  if (!stream->base.endpoint) return;
  if (stream->state == STREAM_CONNECTED) {
    zx_duration_t linger_ns = ZX_SEC((int64_t)stream->base.options.linger_secs);
    zx_duration_t patience = stream->has_closer ? linger_ns : closing_patience_ns;
    stream->state = STREAM_CLOSED;
    abort = abort || stream_closing_resets(stream);
    stream->closing_deadline = zx_deadline_after(patience);
  } else if (stream->state != STREAM_CLOSED) {
    stream_finish(stream);
    return;
  }
  if (abort) {
    reset(stream);
  } else {
    closing(stream);
  }
}

// What all kinds of sockets have (socket_base.h)

static zx_status_t bind_connection(async_dispatcher_t* dispatcher, zx_handle_t server_end, void* connection,
                                   fidl_on_unbound_t on_unbound) {
  return STREAM_METHOD(bind)(dispatcher, server_end, &stream_ops, connection, on_unbound, NULL);
}

static void show(socket_base_t* base) {
  stream_shape((stream_socket_t*)base);
}

static void event(socket_base_t* base, uint32_t events) {
  stream_socket_t* stream = (stream_socket_t*)base;
  if (events & TCPIP_EVENT_READABLE) stream->arrived = true;
  stream_mark_dirty(stream);
}

void stream_forsaken(stream_socket_t* stream) {
  if (stream->state == STREAM_ENDED) {
    stream_finish(stream);
  } else if (stream->state != STREAM_CLOSED &&
             (!stream_is_held(stream) || !stream_watch(stream, stream->member.wants_out))) {
    stream_close(stream, false);
  }
}

static void abandoned(socket_base_t* base) {
  stream_socket_t* stream = (stream_socket_t*)base;
  netstack_t* netstack = base->netstack;
  netstack_enter(netstack);
  if (base->endpoint) {
    stream_forsaken(stream);
  } else {
    stream_discard(stream);
  }
  netstack_leave(netstack);
}

const socket_kind_t stream_kind = {
    .bind = bind_connection, .show = show, .event = event, .abandoned = abandoned};

static int create_with_endpoint(provider_client_t* client, uint8_t family, stream_socket_t** out) {
  stream_socket_t* stream = NULL;
  int result = stream_create(client, family, &stream);
  if (result != 0) return result;
  result = tcpip_socket_create(provider_client_engine(client), family, TCPIP_TCP, &stream->base,
                               &stream->base.endpoint);
  if (result != 0) {
    stream_discard(stream);
    return result;
  }
  int congestion = netstack_configuration(stream->base.netstack)->congestion;
  if (congestion != 0) (void)tcpip_socket_set(stream->base.endpoint, TCPIP_TCP_CONGESTION, congestion);
  *out = stream;
  return 0;
}

int stream_socket_open(provider_client_t* client, uint8_t family, zx_handle_t server_end,
                       zx_handle_t* out_socket) {
  stream_socket_t* stream = NULL;
  netstack_t* netstack = provider_client_netstack(client);
  netstack_enter(netstack);
  int result = create_with_endpoint(client, family, &stream);
  if (result == -EMFILE || result == -ENFILE || result == -ENOBUFS) {
    // What the client has closed a moment ago may still be there.
    stream_set_sweep(netstack_streams(netstack), NULL);
    result = create_with_endpoint(client, family, &stream);
  }
  netstack_leave(netstack);
  if (result != 0) {
    zx_handle_close(server_end);
    return result;
  }
  stream_shape(stream);
  result = socket_add_connection(&stream->base, server_end);
  if (result == 0 && out_socket && stream_share_end(stream, out_socket) != ZX_OK) result = -ENFILE;
  if (result != 0) stream_close(stream, true);
  return result;
}
