// Streams of the slirp wire: a connection of the engine for each of a client's, a socket of the host for
// each of those, and the bytes between the two. Above: slirp.c. Below: slirp_host.c.
//
// Flow is controlled at both ends by leaving bytes where they are: what the engine has no room for stays in
// the host's socket, whose window closes; what the host has no room for stays in the engine, which then
// offers the client a smaller window. Bytes go from one to the other without resting anywhere between.
#include <errno.h>
#include <inet/pieces.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zircon/syscalls.h>

#include "slirp_internal.h"

// What a stream may move in one turn, each way, before the others get theirs.
enum { BUDGET_BYTES = 256 << 10 };

// What is asked for at first in the engine, so that a connection of few bytes does not take much memory.
enum { GUESS_BYTES = 2048 };

// Connections that wait for the host's.
enum { BACKLOG = 4096 };

// A client that has gone without a word is found out by this, in seconds.
enum { IDLE_S = 300, PROBE_S = 30, PROBES = 4 };

static const zx_duration_t retry_ns = ZX_MSEC(20);

// For a client to take what a host had said before it reset the connection.
static const zx_duration_t patience_ns = ZX_SEC(10);

typedef enum stream_state {
  STREAM_CALLING,  // the host connects; the client waits for an answer
  STREAM_OPENING,  // it was answered
  STREAM_OPEN,
} stream_state_t;

typedef struct stream {
  slirp_party_t party;
  stream_state_t state;
  tcpip_socket_t* endpoint;
  bool in_ready, out_ready;  // the host's socket may have bytes, room
  bool in_all;     // a short read does not say that it has no more: the end or an urgent byte is behind
  bool in_broken;  // there was an error, which reading does not tell of behind the end
  bool in_reset;   // what it has is followed by a reset, though it tells of an end
  bool in_over;    // that has come
  bool in_ended, out_ended;  // the end has been passed on to the client, to the host
  bool out_failed;           // the host takes no more
  bool deserted;             // the client has gone
  zx_time_t patience;        // ends then, after a reset; 0: there was none
  bool retries;
  uint32_t in_guess;  // bytes that the host's socket may have
  struct stream *previous, *next;
} stream_t;

typedef struct listener {
  slirp_party_t party;
  tcpip_socket_t* endpoint;
} listener_t;

struct slirp_streams {
  slirp_wire_t* wire;
  listener_t* listeners[2];
  stream_t* first;
  async_task_t retry;
  bool retries;
};

// The end

static void end(stream_t* stream) {
  slirp_streams_t* streams = stream->party.wire->streams;
  tcpip_socket_destroy(stream->endpoint);
  if (stream->previous) {
    stream->previous->next = stream->next;
  } else {
    streams->first = stream->next;
  }
  if (stream->next) stream->next->previous = stream->previous;
  slirp_party_end(&stream->party);
}

// Either side has reset the connection, or gone; so it is for the other.
static void reset(stream_t* stream) {
  static const struct linger at_once = {.l_onoff = 1};
  (void)tcpip_socket_set(stream->endpoint, TCPIP_LINGER, 0);
  (void)setsockopt(stream->party.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  end(stream);
}

// Whether it says something of the host at the other end, or of the way there.
static bool is_about_the_host(int error) {
  return error != ETIMEDOUT && error != EMFILE && error != ENFILE && error != ENOMEM && error != ENOBUFS;
}

// The client is told what the host was told; of what passes, nothing, so that it asks again.
static void refuse(stream_t* stream, int error) {
  static const int known[] = {ECONNREFUSED, EHOSTUNREACH, EHOSTDOWN, ENETUNREACH, ENETDOWN, EACCES, EPERM};
  bool can_say = !is_about_the_host(error);
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    can_say = can_say || error == known[i];
  if (!can_say) error = EHOSTUNREACH;
  tcpip_socket_refuse(stream->endpoint, error);
  stream->endpoint = NULL;
  end(stream);
}

// Bytes

static void retry_due(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  slirp_streams_t* streams = (void*)((char*)task - offsetof(slirp_streams_t, retry));
  streams->retries = false;
  if (status != ZX_OK) return;
  slirp_enter(streams->wire);
  for (stream_t* stream = streams->first; stream; stream = stream->next) {
    if (stream->retries) slirp_party_mark(&stream->party);
    stream->retries = false;
  }
  slirp_leave(streams->wire);
}

// What it lacks now, memory, comes back unannounced.
static void retry_later(stream_t* stream) {
  slirp_streams_t* streams = stream->party.wire->streams;
  stream->retries = true;
  if (streams->retries) return;
  streams->retry.deadline = zx_deadline_after(retry_ns);
  streams->retries = async_post_task(streams->wire->dispatcher, &streams->retry) == ZX_OK;
}

typedef enum progress {
  PROGRESS_WAIT,   // for the other side
  PROGRESS_MORE,   // the budget is used up
  PROGRESS_RESET,  // the connection is over
} progress_t;

// The host's bytes go to the client.
static progress_t take_in(stream_t* stream) {
  size_t budget = BUDGET_BYTES;
  while (stream->in_ready && !stream->in_ended && !stream->in_over) {
    if (budget == 0) return PROGRESS_MORE;
    struct iovec iov[2];
    struct msghdr message = {.msg_iov = iov};
    size_t wanted = stream->in_guess < budget ? stream->in_guess : budget;
    int64_t room = tcpip_socket_send_space(stream->endpoint, wanted, iov, &message.msg_iovlen);
    if (room == -ENOBUFS) retry_later(stream);
    if (room <= 0) return PROGRESS_WAIT;  // the engine tells when there is some, and of what ended it
    ssize_t count = recvmsg(stream->party.fd, &message, MSG_DONTWAIT);
    if (count > 0) {
      (void)tcpip_socket_send_commit(stream->endpoint, (size_t)count);
      budget -= (size_t)count;
      stream->in_guess = 2 * (uint32_t)count;
      if (stream->in_guess < GUESS_BYTES) stream->in_guess = GUESS_BYTES;
      // What comes later is another edge; the end, of which one told, is still to be found, and so is what
      // stands behind an urgent byte, before which the host's socket stops each time.
      if (count < room && !stream->in_all) stream->in_ready = false;
    } else if (count == 0 && !stream->in_reset) {
      stream->in_ended = true;
      (void)tcpip_socket_shutdown(stream->endpoint, false, true);
    } else if (count < 0 && errno == EAGAIN) {
      stream->in_ready = false;
    } else {
      stream->in_over = true;
    }
  }
  return stream->in_over ? PROGRESS_RESET : PROGRESS_WAIT;
}

// The client's bytes go to the host.
static progress_t give_out(stream_t* stream) {
  size_t budget = BUDGET_BYTES;
  while (stream->out_ready && tcpip_socket_next_length(stream->endpoint) > 0) {
    if (budget == 0) return PROGRESS_MORE;
    struct iovec iov[TCPIP_PIECES_MAX];
    struct msghdr message = {.msg_iov = iov};
    if (tcpip_socket_recv_data(stream->endpoint, iov, &message.msg_iovlen) <= 0) break;
    message.msg_iovlen = pieces_cut(iov, message.msg_iovlen, budget);
    ssize_t count = sendmsg(stream->party.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      (void)tcpip_socket_recv_consume(stream->endpoint, (size_t)count);
      budget -= (size_t)count;
    } else if (errno == EAGAIN) {
      stream->out_ready = false;
    } else if (errno == ENOBUFS || errno == ENOMEM) {
      retry_later(stream);
      return PROGRESS_WAIT;
    } else {
      return PROGRESS_RESET;
    }
  }
  bool ended = (tcpip_socket_poll(stream->endpoint) & TCPIP_EVENT_READ_SHUTDOWN) &&
               tcpip_socket_next_length(stream->endpoint) == 0;
  if (ended && !stream->out_ended) {
    stream->out_ended = true;
    (void)shutdown(stream->party.fd, SHUT_WR);
  }
  return PROGRESS_WAIT;
}

// The host's connection was reset. What it had said before goes to the client first, as it would have without
// us in between: as far as the client takes it in time.
static void finish(stream_t* stream, bool all_taken) {
  tcpip_tcp_info_t info = {0};
  (void)tcpip_socket_tcp_info(stream->endpoint, &info);
  zx_time_t now = tcpip_time(stream->party.wire->engine);
  if (stream->patience == 0) stream->patience = now + patience_ns;
  bool delivered = all_taken && info.unsent_bytes == 0 && info.in_flight_bytes == 0;
  if (delivered || now >= stream->patience) {
    reset(stream);
  } else {
    retry_later(stream);
  }
}

// The client has gone: nothing can be said to it any more, and the host gets what is here.
static void desert(stream_t* stream) {
  progress_t out = stream->out_failed ? PROGRESS_RESET : give_out(stream);
  if (out == PROGRESS_MORE) {
    slirp_party_mark(&stream->party);
  } else if (out == PROGRESS_RESET || tcpip_socket_next_length(stream->endpoint) == 0) {
    (void)tcpip_socket_set(stream->endpoint, TCPIP_LINGER, 0);
    (stream->out_ended ? end : reset)(stream);
  }
}

static void transfer(stream_t* stream) {
  progress_t in = take_in(stream);
  progress_t out = in == PROGRESS_RESET || stream->out_failed ? PROGRESS_WAIT : give_out(stream);
  if (out == PROGRESS_RESET) {
    stream->out_failed = stream->in_ready = stream->in_reset = true;
    in = PROGRESS_MORE;  // what it has said before is still to be read
  }
  bool all_taken = in == PROGRESS_RESET || (stream->in_ended && stream->in_broken);
  if (tcpip_socket_poll(stream->endpoint) & TCPIP_EVENT_ERROR) {
    reset(stream);
  } else if (stream->in_ended && stream->out_ended) {
    end(stream);  // what is under way, to either side, still arrives
  } else if (in == PROGRESS_MORE || out == PROGRESS_MORE) {
    slirp_party_mark(&stream->party);
  } else if (all_taken || stream->out_failed) {
    finish(stream, all_taken);
  }
}

// The beginning

// The host's answer to the call.
static void called(stream_t* stream, uint32_t host_events) {
  int error = 0;
  socklen_t length = sizeof(error);
  if (!(host_events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) return;
  if (getsockopt(stream->party.fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  // It had answered, and may have said something, before it reset the connection.
  if (error == ECONNRESET) stream->in_reset = true;
  if (error == ECONNRESET || error == EPIPE) error = 0;
  if (!error && tcpip_socket_admit(stream->endpoint) != 0) error = ECONNABORTED;
  if (error) {
    refuse(stream, error);
  } else {
    stream->state = STREAM_OPENING;
  }
}

static void serve(slirp_party_t* party) {
  stream_t* stream = (stream_t*)party;
  uint32_t host_events = party->host_events;
  party->host_events = party->engine_events = 0;
  if (host_events & ~(uint32_t)EPOLLOUT) stream->in_ready = true;
  if (host_events & EPOLLOUT) stream->out_ready = true;
  if (host_events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) stream->in_all = true;
  if (host_events & EPOLLERR) stream->in_broken = true;
  if (stream->state != STREAM_OPEN) {
    tcpip_tcp_info_t info = {0};
    (void)tcpip_socket_tcp_info(stream->endpoint, &info);
    if (info.state == TCPIP_TCP_CLOSED || stream->deserted) {
      reset(stream);
      return;
    }
    if (stream->state == STREAM_CALLING) {
      called(stream, host_events);
      return;
    }
    if (info.state < TCPIP_TCP_ESTABLISHED) return;
    stream->state = STREAM_OPEN;
  }
  (stream->deserted ? desert : transfer)(stream);
}

// What a program has sent in one piece has been gathered by its own stack already.
static void set_options(const stream_t* stream, int fd) {
  static const int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  (void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
  // Whether the client asks for this cannot be seen from here; only we can do it.
  (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  (void)tcpip_socket_set(stream->endpoint, TCPIP_TCP_NO_DELAY, 1);
  (void)tcpip_socket_set(stream->endpoint, TCPIP_OUT_OF_BAND_INLINE, 1);
  (void)tcpip_socket_set(stream->endpoint, TCPIP_KEEP_ALIVE, 1);
  (void)tcpip_socket_set(stream->endpoint, TCPIP_TCP_KEEP_ALIVE_IDLE, IDLE_S);
  (void)tcpip_socket_set(stream->endpoint, TCPIP_TCP_KEEP_ALIVE_INTERVAL, PROBE_S);
  (void)tcpip_socket_set(stream->endpoint, TCPIP_TCP_KEEP_ALIVE_COUNT, PROBES);
}

// Calls where the client calls. A positive errno if that is decided at once.
static int call(stream_t* stream) {
  slirp_wire_t* wire = stream->party.wire;
  tcpip_endpoint_t to;
  tcpip_socket_local(stream->endpoint, &to);
  slirp_place_t place = slirp_find_place(&wire->config, &to);
  if (place.realm == SLIRP_NOWHERE) return ECONNREFUSED;
  int fd = slirp_open_socket(wire, &place, SOCK_STREAM, 0);
  if (fd < 0) return errno;
  set_options(stream, fd);
  int error = connect(fd, (const struct sockaddr*)&place.address, place.length) == 0 ? 0 : errno;
  if ((error == 0 || error == EINPROGRESS) && slirp_party_watch(&stream->party, fd)) return 0;
  close(fd);
  return error == EINPROGRESS || error == 0 ? ENOMEM : error;
}

static void enlist(stream_t* stream, slirp_wire_t* wire) {
  slirp_party_init(&stream->party, wire, serve);
  stream->in_guess = GUESS_BYTES;
  stream->next = wire->streams->first;
  if (stream->next) stream->next->previous = stream;
  wire->streams->first = stream;
}

// Binds to the address from which the caller calls, as far as the client can name it, or to the gateway's.
static int bind_as_caller(const stream_t* stream, const struct sockaddr_storage* caller) {
  slirp_wire_t* wire = stream->party.wire;
  const tcpip_endpoint_t gateway = {.address = slirp_subnet(TCPIP_IPV4, SLIRP_GATEWAY).address};
  tcpip_endpoint_t from;
  bool named = slirp_name_place(SLIRP_ANYWHERE, TCPIP_IPV4, caller, &from);
  if (named && tcpip_socket_speak_as(stream->endpoint, wire->interface, &from) == 0) return 0;
  return tcpip_socket_bind(stream->endpoint, &gateway);
}

static int call_client(stream_t* stream, const struct sockaddr_storage* caller, uint16_t port) {
  tcpip_client_t* client = stream->party.wire->client;
  const tcpip_endpoint_t to = {.address = slirp_subnet(TCPIP_IPV4, SLIRP_CLIENT).address, .port = port};
  int error = tcpip_socket_create(client, TCPIP_IPV4, TCPIP_TCP, stream, &stream->endpoint);
  if (!error) error = bind_as_caller(stream, caller);
  if (!error) error = tcpip_socket_connect(stream->endpoint, &to);
  return error == -EINPROGRESS ? 0 : error;
}

void slirp_stream_open(slirp_wire_t* wire, int fd, const struct sockaddr_storage* caller, uint16_t port) {
  stream_t* stream = calloc(1, sizeof(*stream));
  if (!stream) {
    close(fd);
    return;
  }
  enlist(stream, wire);
  stream->state = STREAM_OPENING;
  if (!slirp_party_watch(&stream->party, fd)) {
    close(fd);
    end(stream);
  } else if (call_client(stream, caller, port) != 0) {
    reset(stream);
  } else {
    set_options(stream, fd);
  }
}

static void accept_all(slirp_party_t* party) {
  const listener_t* listener = (const listener_t*)party;
  party->engine_events = 0;
  for (;;) {
    stream_t* stream = calloc(1, sizeof(*stream));
    if (!stream || tcpip_socket_accept(listener->endpoint, stream, &stream->endpoint) != 0) {
      free(stream);
      return;
    }
    enlist(stream, party->wire);
    int error = call(stream);
    if (error) refuse(stream, error);
  }
}

static zx_status_t listen_for(slirp_wire_t* wire, uint8_t family, listener_t** out) {
  listener_t* listener = calloc(1, sizeof(*listener));
  if (!listener) return ZX_ERR_NO_MEMORY;
  slirp_party_init(&listener->party, wire, accept_all);
  *out = listener;
  int error = tcpip_socket_create(wire->client, family, TCPIP_TCP, listener, &listener->endpoint);
  if (!error) error = tcpip_socket_stand_in(listener->endpoint, wire->interface);
  if (!error) error = tcpip_socket_listen(listener->endpoint, BACKLOG);
  return error ? ZX_ERR_NO_MEMORY : ZX_OK;
}

zx_status_t slirp_streams_create(slirp_wire_t* wire, slirp_streams_t** out) {
  slirp_streams_t* streams = calloc(1, sizeof(*streams));
  if (!streams) return ZX_ERR_NO_MEMORY;
  *out = streams;
  streams->wire = wire;
  streams->retry.handler = retry_due;
  zx_status_t status = listen_for(wire, TCPIP_IPV4, &streams->listeners[0]);
  return status == ZX_OK ? listen_for(wire, TCPIP_IPV6, &streams->listeners[1]) : status;
}

void slirp_streams_desert(slirp_streams_t* streams) {
  for (stream_t* stream = streams->first; stream; stream = stream->next) {
    stream->deserted = true;
    slirp_party_mark(&stream->party);
  }
}

bool slirp_streams_are_unfinished(const slirp_streams_t* streams) {
  for (const stream_t* stream = streams->first; stream; stream = stream->next) {
    if (stream->state == STREAM_OPEN && !stream->out_failed && tcpip_socket_next_length(stream->endpoint) > 0)
      return true;
  }
  return false;
}

void slirp_streams_destroy(slirp_streams_t* streams) {
  if (!streams) return;
  (void)async_cancel_task(streams->wire->dispatcher, &streams->retry);
  while (streams->first)
    (streams->first->out_ended ? end : reset)(streams->first);
  for (size_t i = 0; i < 2; i++) {
    listener_t* listener = streams->listeners[i];
    if (!listener) continue;
    tcpip_socket_destroy(listener->endpoint);
    slirp_party_end(&listener->party);
  }
  free(streams);
}
