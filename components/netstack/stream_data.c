// The bytes of a connected stream, and the events that move it from state to state. Above: stream_set.c,
// which gives each stream its turn. Below: the engine's buffers and the kernel's stream pair; bytes go from
// one to the other without resting anywhere between.
//
// Flow is controlled at both ends by leaving bytes where they are: what the engine has no room for stays in
// the application's descriptor, which then is not writable; what the descriptor has no room for stays in the
// engine, which then offers the peer a smaller window.
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <inet/pieces.h>

#include "stream_internal.h"

// What a stream may move in one turn, each way, before the others get theirs.
enum { BUDGET_BYTES = 256 << 10 };

// As much as is read without asking first how much there is: at first no more than what the engine's buffer
// begins with, then twice what was there the last time. So most reads tell at once that they took everything,
// and no more memory is set aside than is likely to be needed.
enum { GUESS_BYTES = 2048 };

// So often must an application have taken all that its descriptor holds before that gets more room.
enum { TURNS_TO_GROW = 8 };

// How many bytes the application has written that have not been taken. Asking for just as much room keeps the
// engine from setting memory aside that nobody needs.
static size_t written(const stream_socket_t* stream) {
  int count = 0;
  return ioctl(stream->server_fd, FIONREAD, &count) == 0 && count > 0 ? (size_t)count : 0;
}

// Nothing is there: nothing yet, or nothing any more?
static void look_for_end(stream_socket_t* stream) {
  if (stream->in_last) {
    stream->in_ended = true;
    return;
  }
  char byte;
  ssize_t count = recv(stream->server_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (count > 0) return;
  if (count < 0 && errno == EAGAIN) {
    stream->in_ready = false;
    return;
  }
  stream->in_ended = true;
  if (count < 0 && errno == ECONNRESET) stream->left_unread = true;
}

// The urgent byte, once everything before it has been taken: the kernel stops reading there. Returns whether
// it was at the head.
static bool take_urgent(stream_socket_t* stream) {
  int at_mark = 0;
  char byte;
  if (ioctl(stream->server_fd, SIOCATMARK, &at_mark) != 0 || !at_mark) return false;
  stream->in_urgent = false;
  if (recv(stream->server_fd, &byte, 1, MSG_DONTWAIT) != 1) return false;
  struct iovec iov = {.iov_base = &byte, .iov_len = 1};
  tcpip_send_t send = {.iov = &iov, .iov_count = 1, .ttl = -1, .tos = -1, .urgent = true};
  (void)tcpip_socket_send(stream->base.endpoint, &send);
  return true;
}

// Whether what is there may be read without asking for its length first: nothing of it is urgent, and no
// error is pending, which must not be taken from here.
static bool may_guess(const stream_socket_t* stream) {
  return !stream->in_urgent && !(tcpip_socket_poll(stream->base.endpoint) & TCPIP_EVENT_ERROR);
}

// What a read of `room` bytes has told.
static void learn(stream_socket_t* stream, ssize_t count, int64_t room) {
  if (count > 0) {
    stream->in_guess = count < BUDGET_BYTES / 2 ? 2 * (uint32_t)count : BUDGET_BYTES;
    // What comes later, or the end, is another edge.
    if (count < room && !stream->in_hung_up) stream->in_ready = false;
  } else if (count < 0 && errno == EAGAIN) {
    stream->in_ready = false;
  } else if (count == 0 || errno == ECONNRESET) {
    stream->in_ended = true;
    if (count < 0) stream->left_unread = true;
  } else {
    stream_retry_later(stream);
    stream->in_ready = false;
  }
}

typedef enum guess { GUESS_READ, GUESS_TOO_LARGE, GUESS_FULL } guess_t;

// Reads as much as a guess takes, unless there is no room for it, or none at all, of which the engine tells.
static guess_t take_guess(stream_socket_t* stream, size_t* budget) {
  struct iovec iov[2];
  struct msghdr message = {.msg_iov = iov};
  size_t guess = stream->in_guess > GUESS_BYTES ? stream->in_guess : GUESS_BYTES;
  if (guess > *budget) guess = *budget;
  int64_t room = tcpip_socket_send_space(stream->base.endpoint, guess, iov, &message.msg_iovlen);
  if (room < GUESS_BYTES) return room == -EAGAIN ? GUESS_FULL : GUESS_TOO_LARGE;
  ssize_t count = recvmsg(stream->server_fd, &message, MSG_DONTWAIT);
  learn(stream, count, room);
  if (count > 0) {
    (void)tcpip_socket_send_commit(stream->base.endpoint, (size_t)count);
    *budget -= (size_t)count;
    stream->taken_in += (size_t)count;
  }
  return GUESS_READ;
}

// What the application has written goes to the engine. Returns false if its budget is used up.
static bool take_in(stream_socket_t* stream, size_t budget) {
  tcpip_socket_t* endpoint = stream->base.endpoint;
  while (stream->in_ready && !stream->in_ended) {
    struct iovec iov[2];
    struct msghdr message = {.msg_iov = iov};
    if (budget == 0) return false;
    if (budget >= GUESS_BYTES && may_guess(stream)) {
      guess_t guess = take_guess(stream, &budget);
      if (guess == GUESS_READ) continue;
      if (guess == GUESS_FULL && !stream->in_hung_up) return true;  // else look whether that was all
    }
    size_t all = written(stream);
    size_t wanted = all < budget ? all : budget;
    if (all == 0) {
      look_for_end(stream);
      continue;
    }
    // An error that is pending there must not be taken from here.
    if (tcpip_socket_poll(endpoint) & TCPIP_EVENT_ERROR) return true;
    if (stream->in_urgent && tcpip_socket_poll(endpoint) & TCPIP_EVENT_WRITABLE && take_urgent(stream))
      continue;
    int64_t room = tcpip_socket_send_space(endpoint, wanted, iov, &message.msg_iovlen);
    if (room == -ENOBUFS) stream_retry_later(stream);
    if (room <= 0) return true;  // the engine tells when there is some
    ssize_t count = recvmsg(stream->server_fd, &message, MSG_DONTWAIT);
    if (count <= 0) {  // what was there is not, or there is no memory: not worth a second look at once
      stream_retry_later(stream);
      return true;
    }
    (void)tcpip_socket_send_commit(endpoint, (size_t)count);
    budget -= (size_t)count;
    stream->taken_in += (size_t)count;
    if ((size_t)count == all && !stream->in_hung_up) stream->in_ready = false;
  }
  return true;
}

bool stream_take_in(stream_socket_t* stream) {
  size_t before = stream->taken_in;
  stream->in_ready = stream->in_hung_up = true;
  while (!take_in(stream, BUDGET_BYTES))
    continue;
  return stream->taken_in != before;
}

static bool is_hung_up(const stream_socket_t* stream) {
  if (stream->in_closed) return true;
  struct pollfd pollfd = {.fd = stream->server_fd};
  return poll(&pollfd, 1, 0) == 1 && (pollfd.revents & POLLHUP);
}

// The errors of writing that pass: the descriptor has no room, or the kernel no memory.
static bool passes(int error) {
  return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

// After an error that passes: the descriptor tells when it has room again, but not when the kernel has
// memory.
static void write_later(stream_socket_t* stream, int error) {
  if (error != EAGAIN) {
    stream_retry_later(stream);
    return;
  }
  stream->out_ready = false;
  if (!stream_watch(stream, true)) stream_retry_later(stream);
}

// The peer's urgent octet goes on as one of the kernel's. Returns false if there is no room for it yet.
static bool give_urgent(stream_socket_t* stream) {
  if (!stream->has_urgent && tcpip_socket_at_mark(stream->base.endpoint)) {
    struct iovec iov = {.iov_base = &stream->urgent, .iov_len = 1};
    tcpip_recv_t receive = {.iov = &iov, .iov_count = 1, .urgent = true};
    stream->has_urgent = tcpip_socket_recv(stream->base.endpoint, &receive) == 1;
  }
  if (!stream->has_urgent) return true;
  ssize_t count = send(stream->server_fd, &stream->urgent, 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL);
  stream->has_urgent = count < 0 && passes(errno);
  if (stream->has_urgent) write_later(stream, errno);
  return !stream->has_urgent;
}

// Makes more room in the descriptor for an application that has taken what was there several times over: the
// fewer turns it takes to move a stream, the less is spent on waking each other. One that does not read gets
// no more than it had.
static bool make_room(stream_socket_t* stream) {
  if (stream->given_out < TURNS_TO_GROW * (size_t)stream->out_room || stream->out_room >= STREAM_ROOM_MAX)
    return false;
  stream->given_out = 0;
  stream_set_room(stream, 2 * stream->out_room);
  return true;
}

// What the peer has sent goes to the application. Returns false if the budget is used up.
static bool give_out(stream_socket_t* stream) {
  size_t budget = BUDGET_BYTES;
  for (;;) {
    struct iovec iov[TCPIP_PIECES_MAX];
    struct msghdr message = {.msg_iov = iov};
    bool urgent = stream->has_urgent || tcpip_socket_poll(stream->base.endpoint) & TCPIP_EVENT_URGENT;
    if (urgent && !stream->out_ended && (!stream->out_ready || !give_urgent(stream))) return true;
    if (tcpip_socket_next_length(stream->base.endpoint) == 0) return true;
    if (budget == 0) return false;
    // An application that reads no more has what comes thrown away, so that the peer is not held up.
    ssize_t count = tcpip_socket_recv_data(stream->base.endpoint, iov, &message.msg_iovlen);
    if (count <= 0) return true;
    if (!stream->out_ended) {
      if (!stream->out_ready) return true;
      message.msg_iovlen = pieces_cut(iov, message.msg_iovlen, budget);
      count = sendmsg(stream->server_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (count > 0) {
      (void)tcpip_socket_recv_consume(stream->base.endpoint, (size_t)count);
      budget -= (size_t)count < budget ? (size_t)count : budget;
      stream->given_out += (size_t)count;
    } else if (errno == EPIPE || errno == ECONNRESET) {
      stream->out_ended = true;
    } else if (errno != EAGAIN || !make_room(stream)) {
      write_later(stream, errno);
      return true;
    }
  }
}

// What the application's descriptor must show once all bytes have been delivered.
static void show_end(stream_socket_t* stream) {
  uint32_t state = tcpip_socket_poll(stream->base.endpoint);
  bool delivered = tcpip_socket_next_length(stream->base.endpoint) == 0;
  if (state & TCPIP_EVENT_ERROR) {
    if (delivered) {
      stream_end(stream, -tcpip_socket_take_error(stream->base.endpoint));
    } else {
      (void)shutdown(stream->server_fd, SHUT_RD);  // nothing that is written now goes anywhere
    }
  } else if ((state & TCPIP_EVENT_READ_SHUTDOWN) && delivered && !stream->out_ended) {
    if (!stream->in_closed) (void)shutdown(stream->server_fd, SHUT_WR);  // else nobody sees it
    stream->out_ended = true;
  }
}

// The application has written its last. It has shut down writing or, what looks the same where it shut down
// both ways, closed: then its own words come (Close), unless it has none. False: the connection is over.
static bool end_of_input(stream_socket_t* stream) {
  bool reads_no_more = is_hung_up(stream);
  bool closed = !stream->shut_by_method && reads_no_more;
  if (closed && stream->base.open_connections == 0) {
    stream_close(stream, false);
  } else if (closed && stream_closing_resets(stream)) {
    (void)tcpip_socket_disconnect(stream->base.endpoint);
    stream_end(stream, 0);
  } else {
    stream->reads_no_more = reads_no_more;
    (void)tcpip_socket_shutdown(stream->base.endpoint, reads_no_more, true);
    return true;
  }
  return false;
}

// It has shut down reading, too, after writing.
static void look_for_reader(stream_socket_t* stream) {
  if (!stream->in_ended || !stream->in_closed || stream->reads_no_more) return;
  stream->reads_no_more = true;
  (void)tcpip_socket_shutdown(stream->base.endpoint, true, false);
}

static void transfer(stream_socket_t* stream) {
  bool was_open = !stream->in_ended;
  bool done = take_in(stream, BUDGET_BYTES);
  if (was_open && stream->in_ended && !end_of_input(stream)) return;
  look_for_reader(stream);
  if (!give_out(stream)) done = false;
  // Room to write is watched for only while it matters.
  if (stream->member.wants_out && stream->out_ready) (void)stream_watch(stream, false);
  show_end(stream);
  if (!done) stream_mark_dirty(stream);
}

void stream_fail(stream_socket_t* stream, int error) {
  stream->error = error;
  stream->state = STREAM_IDLE;
  (void)tcpip_socket_disconnect(stream->base.endpoint);
  if (stream->is_bound) (void)tcpip_socket_bind(stream->base.endpoint, &stream->bound);
  stream_shape(stream);
}

static void connecting(stream_socket_t* stream) {
  tcpip_tcp_info_t info = {0};
  (void)tcpip_socket_tcp_info(stream->base.endpoint, &info);
  int error = -tcpip_socket_take_error(stream->base.endpoint);
  if (error) {
    stream_fail(stream, error);
  } else if (info.state >= TCPIP_TCP_ESTABLISHED) {
    stream_connected(stream);
    transfer(stream);
  } else if (info.state == TCPIP_TCP_CLOSED) {
    stream_fail(stream, ECONNABORTED);
  }
}

void stream_service(stream_socket_t* stream) {
  switch (stream->state) {
    case STREAM_CONNECTING:
      connecting(stream);
      break;
    case STREAM_LISTENING:
      stream_shape(stream);
      break;
    case STREAM_CONNECTED:
      transfer(stream);
      break;
    case STREAM_CLOSED:
      stream_close(stream, false);
      break;
    case STREAM_IDLE:
    case STREAM_ENDED:
      break;
  }
}

void stream_fd_event(stream_socket_t* stream, uint32_t events) {
  if (events & ~(uint32_t)EPOLLOUT) stream->in_ready = true;
  if (events & EPOLLOUT) stream->out_ready = true;
  if (events & EPOLLPRI) stream->in_urgent = true;
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) stream->in_hung_up = true;
  if (events & (EPOLLRDHUP | EPOLLHUP)) stream->in_last = true;
  if (events & EPOLLHUP) stream->in_closed = true;
  bool forsaken = stream->base.open_connections == 0 && stream->state < STREAM_ENDED;
  if (forsaken && is_hung_up(stream)) {
    stream_close(stream, false);
  } else {
    stream_mark_dirty(stream);
  }
}
