// What the application's descriptor shows while no bytes travel on it. Above: the stream's life. Below: the
// kernel's Unix sockets.
//
//   idle        writable; after a failed connect also readable, until the error has been fetched; so is a
//               listener that was shut down, for those who wait in accept
//   connecting  neither
//   listening   readable if a connection waits to be accepted; never writable
//
// Readable: a byte lies in the end's receive queue, taken back by reading it through our duplicate.
// Unwritable: bytes written through our duplicate fill its send queue, which is as small as can be; taken
// back by reading exactly as many, so that what the application writes the moment it can stays. A failed
// connect shows as readable before it shows as writable, so that what is only writable is connected.
//
// The application shares the end and can write to it or read from it at any time; it then disturbs only what
// it sees itself. Every call here says MSG_DONTWAIT and takes any result.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "stream_internal.h"

// One write of this many bytes exceeds a quarter of the smallest send buffer, book-keeping included, and that
// is when the kernel stops reporting POLLOUT.
enum { FILL_BYTES = 1024 };

// The kernel doubles it: twice its default for a new socket, and as much as it lets anybody have unless its
// administrator says otherwise. What fits there passes from one side to the other in one turn of each.
enum { SEND_BUFFER_BYTES = 212992 };

// More bytes than this would make no more edges for those who wait for edges.
enum { SHOWN_MAX = 16 };

// By this name of its end a program knows a descriptor that it has inherited for one of ours.
#define NAME_PREFIX "jacinth/stream/"

static bool name_end(stream_socket_t* stream) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  int length = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, NAME_PREFIX "%016llx",
                        (unsigned long long)stream->cookie);
  return bind(stream->client_fd, (struct sockaddr*)&name,
              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) == 0;
}

static void set_send_buffer(int fd, int bytes) {
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

void stream_set_room(stream_socket_t* stream, uint32_t bytes) {
  set_send_buffer(stream->server_fd, (int)bytes);
  stream->out_room = bytes;
}

zx_status_t stream_open_pair(stream_socket_t* stream) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return errno == ENOMEM || errno == ENOBUFS ? ZX_ERR_NO_MEMORY : ZX_ERR_NO_RESOURCES;
  }
  stream->client_fd = fds[0];
  stream->server_fd = fds[1];
  socklen_t length = sizeof(stream->cookie);
  if (getsockopt(stream->client_fd, SOL_SOCKET, SO_COOKIE, &stream->cookie, &length) != 0 ||
      !name_end(stream))
    return ZX_ERR_NO_RESOURCES;
  return ZX_OK;
}

static void show_readable(stream_socket_t* stream, uint32_t wanted) {
  char bytes[SHOWN_MAX] = {0};
  if (wanted > SHOWN_MAX) wanted = SHOWN_MAX;
  if (wanted > stream->shown) {
    (void)send(stream->server_fd, bytes, wanted - stream->shown, MSG_DONTWAIT | MSG_NOSIGNAL);
  } else if (wanted < stream->shown) {
    if (stream->client_fd < 0) return;  // nobody asks any more
    (void)recv(stream->client_fd, bytes, stream->shown - wanted, MSG_DONTWAIT);
  }
  stream->shown = wanted;
}

static void show_writable(stream_socket_t* stream, bool on) {
  char bytes[FILL_BYTES] = {0};
  if (on != stream->filled) return;
  if (on) {  // also without the duplicate: what was filled in must not go out as the application's
    (void)recv(stream->server_fd, bytes, sizeof(bytes), MSG_DONTWAIT);
  } else {
    if (stream->client_fd < 0) return;
    set_send_buffer(stream->client_fd, 0);  // the kernel takes its own minimum
    (void)send(stream->client_fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  stream->filled = !on;
}

// How many bytes should lie in a listener's queue: one more with each arrival, since those who wait for edges
// see one with each; none once nobody waits to be accepted.
static uint32_t listener_bytes(stream_socket_t* stream) {
  bool arrived = stream->arrived;
  stream->arrived = false;
  if (!(tcpip_socket_poll(stream->base.endpoint) & TCPIP_EVENT_READABLE)) return 0;
  return arrived || stream->shown == 0 ? stream->shown + 1 : stream->shown;
}

void stream_shape(stream_socket_t* stream) {
  if (stream->state > STREAM_LISTENING) return;
  uint32_t readable = 0;
  if (stream->state == STREAM_LISTENING) {
    readable = listener_bytes(stream);
  } else if (stream->state == STREAM_IDLE && (stream->error || stream->accepts_no_more)) {
    readable = 1;
  }
  show_readable(stream, readable);
  show_writable(stream, stream->state == STREAM_IDLE);
}

void stream_unshape(stream_socket_t* stream) {
  // An urgent byte that is read before we know of it must not be lost.
  int in_line = 1;
  (void)setsockopt(stream->server_fd, SOL_SOCKET, SO_OOBINLINE, &in_line, sizeof(in_line));
  stream_set_room(stream, SEND_BUFFER_BYTES);
  if (stream->client_fd >= 0) set_send_buffer(stream->client_fd, SEND_BUFFER_BYTES);
  show_readable(stream, 0);
  show_writable(stream, true);
}
