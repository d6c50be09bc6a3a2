// The datagrams of a fast socket. Above: fast_datagram_set.c, which gives each socket its turn, and the
// methods, before which everything sent earlier must be the engine's. Below: the engine, and the kernel's
// pair of sockets.
//
// Flow is controlled by leaving datagrams where they are. What the engine has no room for stays in the
// application's descriptor, which then is not writable; what has been taken from there by then, at most one
// batch, waits in a backlog. What the descriptor has no room for stays in the engine's receive buffer, which
// counts what lies in the descriptor as its own.
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <lib/trace/trace.h>

#include "fast_datagram_internal.h"

// What a socket may move in one turn, each way, before the others get theirs.
enum { BUDGET = 128 };

// Datagrams that were taken and could not be sent yet: each a length and then its bytes, 8-aligned.
typedef struct fast_backlog {
  size_t at, end;
  _Alignas(8) uint8_t bytes[];
} fast_backlog_t;

// Sending

// -EAGAIN: the engine has no room. Whatever else becomes of it, it is done with. Reading changes what is
// read, and the datagram may have to come again.
static int send_one(fast_socket_t* fast, const uint8_t* bytes, size_t length) {
  _Alignas(8) uint8_t prelude[PRELUDE_BYTES];
  fuchsia_posix_socket_SendMsgMeta* metadata = NULL;
  tcpip_endpoint_t to;
  tcpip_address_t source;
  if (length < sizeof(prelude)) return -EINVAL;
  memcpy(prelude, bytes, sizeof(prelude));
  if (!fast_datagram_read_metadata(prelude, sizeof(prelude), &metadata)) return -EINVAL;
  struct iovec iov = {.iov_base = (void*)(uintptr_t)(bytes + PRELUDE_BYTES),
                      .iov_len = length - PRELUDE_BYTES};
  tcpip_send_t send = {.iov = &iov, .iov_count = 1, .ttl = -1, .tos = -1, .late = true};
  if (fast_datagram_apply_metadata(&fast->datagram, metadata, &to, &source, &send) != 0) return -EINVAL;
  int64_t result = tcpip_socket_send(fast_base(fast)->endpoint, &send);
  return result == -EAGAIN ? -EAGAIN : 0;
}

static size_t aligned(size_t size) {
  return (size + 7) & ~(size_t)7;
}

// Keeps messages[first] to messages[count - 1] for when the engine has room again. Without memory they are
// lost.
static void keep(fast_socket_t* fast, const fast_room_t* room, size_t first, size_t count) {
  size_t size = 0;
  for (size_t i = first; i < count; i++)
    size += sizeof(uint64_t) + aligned(room->messages[i].msg_len);
  fast_backlog_t* backlog = malloc(sizeof(*backlog) + size);
  if (!backlog) return;
  backlog->at = backlog->end = 0;
  for (size_t i = first; i < count; i++) {
    uint64_t length = room->messages[i].msg_len;
    memcpy(backlog->bytes + backlog->end, &length, sizeof(length));
    memcpy(backlog->bytes + backlog->end + sizeof(length), room->bytes[i], length);
    backlog->end += sizeof(length) + aligned(length);
  }
  fast->backlog = backlog;
}

void fast_forget_backlog(fast_socket_t* fast) {
  free(fast->backlog);
  fast->backlog = NULL;
}

// False: the engine has no room.
static bool send_backlog(fast_socket_t* fast) {
  fast_backlog_t* backlog = fast->backlog;
  while (backlog->at < backlog->end) {
    uint64_t length;
    memcpy(&length, backlog->bytes + backlog->at, sizeof(length));
    if (send_one(fast, backlog->bytes + backlog->at + sizeof(length), length) == -EAGAIN) return false;
    backlog->at += sizeof(length) + aligned(length);
  }
  fast_forget_backlog(fast);
  return true;
}

static bool is_ended(const fast_socket_t* fast) {
  struct pollfd pollfd = {.fd = fast->server_fd, .events = POLLRDHUP};
  return poll(&pollfd, 1, 0) == 1 && (pollfd.revents & (POLLRDHUP | POLLHUP));
}

// Takes a batch out of the descriptor; returns how many datagrams that is. 0: there are none at present.
static size_t take_batch(fast_socket_t* fast, fast_room_t* room, size_t budget) {
  unsigned most = budget < FAST_BATCH ? (unsigned)budget : FAST_BATCH;
  for (unsigned i = 0; i < most; i++) {
    room->iov[i][0] = (struct iovec){.iov_base = room->bytes[i], .iov_len = sizeof(room->bytes[i])};
    room->messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = room->iov[i], .msg_iovlen = 1}};
  }
  int count = recvmmsg(fast->server_fd, room->messages, most, MSG_DONTWAIT, NULL);
  // The word that the application has closed with something unread comes once, before what it has sent.
  if (count < 0 && errno == ECONNRESET)
    count = recvmmsg(fast->server_fd, room->messages, most, MSG_DONTWAIT, NULL);
  if (count < 0) {
    fast->in_ready = false;
    if (errno == ENOMEM || errno == ENOBUFS) fast_retry_later(fast);
    return 0;
  }
  // What comes later is another edge.
  if ((unsigned)count < most) fast->in_ready = false;
  // Nothing is what is read at the end, again and again; it could also be sent.
  for (int i = 0; i < count; i++) {
    if (room->messages[i].msg_len > 0 || !is_ended(fast)) continue;
    fast->in_ended = true;
    fast->in_ready = false;
    return (size_t)i;
  }
  return (size_t)count;
}

bool fast_take_in(fast_socket_t* fast, size_t budget) {
  fast_room_t* room = fast_room(fast);
  if (fast->backlog && !send_backlog(fast)) return true;  // the engine tells when it has room
  while (fast->in_ready && !fast->in_ended) {
    if (budget == 0) return false;
    if (!(tcpip_socket_poll(fast_base(fast)->endpoint) & TCPIP_EVENT_WRITABLE)) return true;
    size_t count = take_batch(fast, room, budget);
    trace_point("netstack.taken", count);
    for (size_t i = 0; i < count; i++) {
      bool cut = room->messages[i].msg_hdr.msg_flags & MSG_TRUNC;
      if (cut || send_one(fast, room->bytes[i], room->messages[i].msg_len) != -EAGAIN) continue;
      keep(fast, room, i, count);
      return true;
    }
    budget -= count;
  }
  return true;
}

// Receiving

static int unread_bytes(const fast_socket_t* fast) {
  int bytes = 0;
  return fast->server_fd >= 0 && ioctl(fast->server_fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

// The kernel counts otherwise than we do: of what those that lie there took when they were put there, as much
// is left as of what they take by its measure.
size_t fast_held(fast_socket_t* fast) {
  int bytes = unread_bytes(fast);
  if (bytes < fast->out_bytes) {
    fast->out_charge = (size_t)((uint64_t)fast->out_charge * (uint64_t)bytes / (uint64_t)fast->out_bytes);
    fast->out_bytes = bytes;
  }
  return fast->out_charge;
}

void fast_tell_held(fast_socket_t* fast) {
  if (fast->charged == fast->out_charge) return;
  fast->charged = fast->out_charge;
  tcpip_socket_hold(fast_base(fast)->endpoint, fast->charged);
}

// The errors of giving out that pass: no room in the descriptor, of which it tells, or no memory.
static void give_out_later(fast_socket_t* fast, int error) {
  if (error == EAGAIN) {
    fast->out_ready = false;
    if (!fast_watch(fast, true)) fast_retry_later(fast);
  } else {
    fast_retry_later(fast);
  }
}

static size_t fill_batch(fast_socket_t* fast, fast_room_t* room, size_t budget) {
  size_t most = budget < FAST_BATCH ? budget : FAST_BATCH;
  size_t count = tcpip_socket_queued(fast_base(fast)->endpoint, room->received, room->queued, most);
  for (size_t i = 0; i < count; i++) {
    fast_datagram_write_metadata(&fast->datagram, &room->received[i], room->preludes[i]);
    room->iov[i][0] = (struct iovec){.iov_base = room->preludes[i], .iov_len = PRELUDE_BYTES};
    room->iov[i][1] = room->queued[i];
    room->messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = room->iov[i], .msg_iovlen = 2}};
  }
  return count;
}

// Gives out what the batch holds; returns how many of it are done with, or 0 with errno.
static size_t give_batch(fast_socket_t* fast, fast_room_t* room, size_t count) {
  (void)fast_held(fast);
  int given = sendmmsg(fast->server_fd, room->messages, (unsigned)count, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (given <= 0) return 0;
  fast->told_error = false;
  for (int i = 0; i < given; i++)
    fast->out_charge += tcpip_datagram_charge(room->queued[i].iov_len);
  fast->out_bytes = unread_bytes(fast);
  if (fast->out_bytes == 0) fast->out_charge = 0;
  return (size_t)given;
}

bool fast_give_out(fast_socket_t* fast, size_t budget) {
  fast_room_t* room = fast_room(fast);
  tcpip_socket_t* endpoint = fast_base(fast)->endpoint;
  bool all = true;
  while (fast->out_ready || fast->out_ended) {
    size_t count = fill_batch(fast, room, budget);
    if (count == 0) {
      all = budget > 0 || tcpip_socket_next_length(endpoint) == 0;
      break;
    }
    // An application that reads no more has what comes thrown away.
    size_t given = fast->out_ended ? count : give_batch(fast, room, count);
    if (given == 0 && (errno == EPIPE || errno == ECONNRESET)) {
      fast->out_ended = true;
    } else if (given == 0 && errno == EMSGSIZE) {
      given = 1;  // no descriptor holds it
    } else if (given == 0) {
      give_out_later(fast, errno);
      break;
    }
    trace_point("netstack.given", given);
    tcpip_socket_take_queued(endpoint, given);
    budget -= given;
  }
  fast_tell_held(fast);
  return all;
}

void fast_tell_error(fast_socket_t* fast) {
  if (!fast->out_ended && !(fast->told_error && unread_bytes(fast) > 0)) {
    _Alignas(8) uint8_t prelude[PRELUDE_BYTES];
    fast_datagram_write_error(prelude);
    fast->told_error = send(fast->server_fd, prelude, sizeof(prelude), MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
    // Where there is no room there is something to read, and after that it is told.
    if (!fast->told_error) {
      give_out_later(fast, errno);
      return;
    }
  }
  fast->error_news = false;
}

void fast_serve(fast_socket_t* fast) {
  bool done = fast_take_in(fast, BUDGET);
  if (fast->closing) {
    fast_close(fast);
    return;
  }
  if (!fast_give_out(fast, BUDGET)) done = false;
  // Room is watched for only while it matters.
  if (fast->member.wants_out && fast->out_ready) (void)fast_watch(fast, false);
  fast_show(fast);
  if (!done) fast_mark_dirty(fast);
}
