// Datagram sockets: what is remembered of each, and what its descriptor shows.
//
// The network stack keeps a duplicate of the descriptor that it shapes, so nobody could tell when a program
// has closed that. The program gets one end of a pair of ours instead, of which we keep only the other: that
// hangs up with the program's last duplicate. What the network stack shows on its descriptor we show on the
// program's.
//
//   readable    bytes lie in its queue; one more with every new reason, since those who wait for edges see
//   one
//               with each. Taking them back needs the descriptor itself; but what was readable stops being so
//               only through a call of the program's, and for that we have a duplicate.
//   unwritable  bytes written through a duplicate fill its send queue, likewise; taken back from our end.
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

// One write of this many bytes exceeds a quarter of the smallest send buffer that the kernel gives, and that
// is when it stops reporting POLLOUT.
enum { FILL_BYTES = 1024 };

// More bytes than this would make no more edges for those who wait for edges.
enum { SHOWN_MAX = 16 };

static short poll_now(int fd, short events) {
  struct pollfd pollfd = {.fd = fd, .events = events};
  return poll(&pollfd, 1, 0) == 1 ? pollfd.revents : 0;
}

bool datagram_is_shut(const datagram_t* datagram) {
  return poll_now(datagram->shape, POLLRDHUP) & POLLRDHUP;
}

// Showing

static void show_one_more(datagram_t* datagram) {
  char byte = 0;
  if (datagram->shown < SHOWN_MAX && send(datagram->peer, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
    datagram->shown++;
}

static void show_readable(datagram_t* datagram, bool on, int fd) {
  char bytes[SHOWN_MAX];
  if (on && datagram->shown == 0) show_one_more(datagram);
  if (on || datagram->shown == 0 || fd < 0) return;
  (void)recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
  datagram->shown = 0;
}

static void show_writable(datagram_t* datagram, bool on, int fd) {
  char bytes[FILL_BYTES] = {0};
  if (on && datagram->filled) {
    (void)recv(datagram->peer, bytes, sizeof(bytes), MSG_DONTWAIT);
    datagram->filled = false;
  } else if (!on && !datagram->filled && fd >= 0) {
    datagram->filled = send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
  }
}

static short show(datagram_t* datagram, int fd) {
  short shape = poll_now(datagram->shape, POLLIN | POLLOUT | POLLRDHUP);
  show_readable(datagram, shape & POLLIN, fd);
  show_writable(datagram, shape & POLLOUT, fd);
  if (shape & (POLLRDHUP | POLLHUP) && !datagram->ended) {
    (void)shutdown(datagram->peer, SHUT_WR);
    datagram->ended = true;
  }
  return shape;
}

void datagram_show(datagram_t* datagram, int fd) {
  show(datagram, fd);
}

void datagram_changed(datagram_t* datagram) {
  unsigned before = datagram->shown;
  if (show(datagram, -1) & POLLIN && datagram->shown == before) show_one_more(datagram);
}

// Life

static datagram_t** bucket_of(const supervisor_t* supervisor, uint64_t cookie) {
  return &supervisor->datagrams[cookie % DATAGRAM_BUCKETS];
}

datagram_t* datagram_find(const supervisor_t* supervisor, uint64_t cookie) {
  datagram_t* datagram = *bucket_of(supervisor, cookie);
  while (datagram && datagram->cookie != cookie)
    datagram = datagram->next;
  return datagram;
}

static int open_pair(datagram_t* datagram, int* out_fd) {
  int fds[2], smallest = 0;
  socklen_t length = sizeof(datagram->cookie);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return errno == EMFILE ? ENFILE : errno;
  *out_fd = fds[0];
  datagram->peer = fds[1];
  // The kernel takes its own minimum instead.
  if (setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &smallest, sizeof(smallest)) != 0 ||
      getsockopt(fds[0], SOL_SOCKET, SO_COOKIE, &datagram->cookie, &length) != 0)
    return ENOBUFS;
  return 0;
}

static void destroy(datagram_t* datagram) {
  zxio_socket_close(&datagram->zxio);
  close(datagram->shape);
  if (datagram->peer >= 0) close(datagram->peer);
  free(datagram);
}

int datagram_create(supervisor_t* supervisor, zxio_socket_t* zxio, int shape, int* out_fd) {
  datagram_t* datagram = calloc(1, sizeof(*datagram));
  if (!datagram) {
    zxio_socket_close(zxio);
    close(shape);
    return ENOMEM;
  }
  zxio_socket_move(&datagram->zxio, zxio);
  datagram->shape = shape;
  datagram->peer = -1;
  *out_fd = -1;
  datagram->shape_source = (source_t){SOURCE_SHAPE, datagram};
  datagram->peer_source = (source_t){SOURCE_PEER, datagram};
  int error = open_pair(datagram, out_fd);
  if (!error && (!supervisor_watch(supervisor, datagram->peer, 0, &datagram->peer_source) ||
                 !supervisor_watch(supervisor, shape, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                   &datagram->shape_source)))
    error = ENOBUFS;
  if (error) {
    if (*out_fd >= 0) close(*out_fd);
    supervisor_unwatch(supervisor, datagram->peer);
    destroy(datagram);
    return error;
  }
  datagram_t** bucket = bucket_of(supervisor, datagram->cookie);
  datagram->next = *bucket;
  *bucket = datagram;
  return 0;
}

void datagram_close(supervisor_t* supervisor, datagram_t* datagram) {
  datagram_t** at = bucket_of(supervisor, datagram->cookie);
  while (*at != datagram)
    at = &(*at)->next;
  *at = datagram->next;
  // Others have duplicates of the network stack's descriptor; closing ours is not enough.
  supervisor_unwatch(supervisor, datagram->shape);
  supervisor_unwatch(supervisor, datagram->peer);
  destroy(datagram);
}

void datagram_close_forsaken(supervisor_t* supervisor) {
  for (unsigned i = 0; i < DATAGRAM_BUCKETS; i++) {
    datagram_t* next;
    for (datagram_t* datagram = supervisor->datagrams[i]; datagram; datagram = next) {
      next = datagram->next;
      if (poll_now(datagram->peer, 0) & POLLHUP) datagram_close(supervisor, datagram);
    }
  }
}
