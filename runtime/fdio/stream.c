// Streams. A connected one needs nothing from us but the right errno: its descriptor is a kernel stream, and
// reading and writing it are the kernel's, blocking, signals and all. What is ours is the way there (connect,
// listen, accept) and, where the kernel says no more than that the other end is gone, the reason.
//
// A process may hold a stream's descriptor without a connection to its server: a forked child does, and a
// program that inherited the descriptor or was passed it. The connection is then made when it is first needed
// (attach), out of the descriptor itself.
#include <fcntl.h>
#include <lib/trace/trace.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>
#include <zircon/errors.h>
#include <zircon/syscalls.h>

#include "fdio.h"

#define DISCARD_BYTES 4096

// That a stream is made of: its own, that of the connection to its server, and one that moves to another
// number. And one behind it, so that there is enough to make that connection anew.
#define ACCEPT_DESCRIPTORS 4

// By this name of a stream's descriptor the network stack marks it as one of its own.
#define NAME_PREFIX "jacinth/stream/"
// And by this one a datagram socket's of the fast kind.
#define DATAGRAM_PREFIX "jacinth/datagram/"

// State

static zxio_stream_state_t state_of(const fdio_socket_t* socket) {
  return atomic_load_explicit(&socket->state, memory_order_relaxed);
}

static void set_state(fdio_socket_t* socket, zxio_stream_state_t state) {
  atomic_store_explicit(&socket->state, state, memory_order_relaxed);
}

bool fdio_is_stream(const fdio_socket_t* entry) {
  return fdio_entry_is_socket(entry) && entry->is_stream;
}

bool fdio_is_connected_stream(int fd) {
  const fdio_socket_t* entry = fdio_table_peek(fd);
  return fdio_is_stream(entry) && state_of(entry) == ZXIO_STREAM_CONNECTED;
}

static short poll_now(int fd, short events) {
  struct pollfd pollfd = {.fd = fd, .events = events};
  return poll(&pollfd, 1, 0) == 1 ? pollfd.revents : 0;
}

// Connections to the server

static int make_connection(int fd, bool is_stream, zxio_socket_t* out) {
  zx_status_t status = ZX_ERR_PEER_CLOSED;
  for (int attempt = 0; attempt < FDIO_PROVIDER_ATTEMPTS && status == ZX_ERR_PEER_CLOSED; attempt++) {
    zx_handle_t provider;
    int16_t code = 0;
    int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, NULL);
    if (duplicate < 0) return errno;
    status = fdio_provider(attempt > 0, &provider);
    if (status != ZX_OK) {
      close(duplicate);
      return zxio_errno(status);
    }
    status = is_stream ? zxio_stream_of(provider, duplicate, out, &code)
                       : zxio_datagram_of(provider, duplicate, out, &code);
    if (status == ZX_OK) return code;
  }
  return zxio_errno(status);
}

// One that lingers ends its connection by a request.
static bool can_do_without(const fdio_socket_t* socket) {
  return socket->is_stream && !atomic_load_explicit(&socket->detached, memory_order_relaxed) &&
         state_of(socket) == ZXIO_STREAM_CONNECTED && socket->zxio.linger_secs == 0;
}

static bool let_go(fdio_socket_t* socket) {
  uint32_t no_calls = 0;
  if (!can_do_without(socket) ||
      !atomic_compare_exchange_strong_explicit(&socket->calls, &no_calls, FDIO_LETTING_GO,
                                               memory_order_acquire, memory_order_relaxed))
    return false;
  bool gone = can_do_without(socket);  // a call may just have ended
  if (gone) {
    zx_handle_close(socket->zxio.channel);
    socket->zxio.channel = ZX_HANDLE_INVALID;
    atomic_store_explicit(&socket->detached, true, memory_order_relaxed);
  }
  atomic_fetch_sub_explicit(&socket->calls, FDIO_LETTING_GO, memory_order_release);
  return gone;
}

static unsigned let_go_count;  // under fdio_lock()

static void visit_to_let_go(fdio_socket_t* socket, bool in_use) {
  if (!in_use || !fdio_socket_retain(socket)) return;
  if (let_go(socket)) let_go_count++;
  fdio_entry_release(socket);
}

bool fdio_streams_let_go(void) {
  sigset_t saved;
  if (fdio_foreign_process()) return false;
  fdio_lock(&saved);
  let_go_count = 0;
  fdio_socket_each(visit_to_let_go);
  bool any = let_go_count > 0;
  fdio_unlock(&saved);
  return any;
}

// The same, where descriptors are short.
static int make_room_and_connection(int fd, bool is_stream, zxio_socket_t* out) {
  int error = make_connection(fd, is_stream, out);
  if ((error != EMFILE && error != ENFILE) || !fdio_streams_let_go()) return error;
  for (int i = 0; (error == EMFILE || error == ENFILE) && i < FDIO_ROOM_ATTEMPTS; i++)
    error = make_connection(fd, is_stream, out);
  return error;
}

int fdio_stream_attach(fdio_socket_t* socket, int fd) {
  if (!atomic_load_explicit(&socket->detached, memory_order_acquire)) return 0;
  zxio_socket_t made;
  int error = make_room_and_connection(fd, socket->is_stream, &made);
  // The network stack knows it no more: it was connected to one that is gone.
  if (error) return error == ENOTSOCK ? ENOTCONN : error;
  sigset_t saved;
  fdio_lock(&saved);
  bool first = atomic_load_explicit(&socket->detached, memory_order_relaxed);
  if (first) {
    if (socket->zxio.domain == 0) socket->zxio.domain = made.domain;
    zxio_socket_adopt(&socket->zxio, &made);
    atomic_store_explicit(&socket->detached, false, memory_order_release);
  }
  fdio_unlock(&saved);
  if (!first) zxio_socket_close(&made);  // another thread was faster
  return 0;
}

static bool has_prefix(const struct sockaddr_un* name, socklen_t length, const char* prefix) {
  size_t size = strlen(prefix);
  return length > offsetof(struct sockaddr_un, sun_path) + 1 + size && name->sun_path[0] == '\0' &&
         memcmp(name->sun_path + 1, prefix, size) == 0;
}

static bool is_marked(int fd, bool* out_stream) {
  struct sockaddr_un name;
  socklen_t length = sizeof(name);
  if (own_getsockname(fd, (struct sockaddr*)&name, &length) != 0 || name.sun_family != AF_UNIX) return false;
  *out_stream = has_prefix(&name, length, NAME_PREFIX);
  return *out_stream || has_prefix(&name, length, DATAGRAM_PREFIX);
}

bool fdio_stream_recognise(int fd) {
  if (fd < 0 || fdio_table_peek(fd) || !fdio_active() || fdio_foreign_process()) return false;
  int saved_errno = errno;
  bool recognised = false;
  zxio_socket_t zxio;
  zxio_stream_state_t state = ZXIO_STREAM_IDLE;
  int16_t code = 0;
  bool is_stream = false;
  if (is_marked(fd, &is_stream) && fdio_busy_begin()) {
    if (make_connection(fd, is_stream, &zxio) == 0) {
      recognised = !is_stream || (zxio_stream_state(&zxio, &state, &code) == ZX_OK && !code);
      if (recognised) {
        recognised = fdio_socket_enter(&zxio, fd, state);
      } else {
        zxio_socket_close(&zxio);
      }
    }
    fdio_busy_end();
  }
  errno = saved_errno;
  return recognised;
}

// A datagram socket's descriptor cannot be used without us, so it is looked for where descriptors come from;
// the connection to the server is made when it is first needed.
static void enter_datagram_socket(int fd) {
  zxio_socket_t zxio;
  bool is_stream = false;
  if (fdio_table_peek(fd) || !is_marked(fd, &is_stream) || is_stream) return;
  zxio_socket_init_detached(&zxio);
  (void)fdio_socket_enter(&zxio, fd, ZXIO_STREAM_IDLE);
}

void fdio_recognise_inherited(void) {
  enum { LOOKED_AT = 256 };  // where programs put what those they execute are to find
  struct pollfd fds[LOOKED_AT];
  for (int fd = 0; fd < LOOKED_AT; fd++)
    fds[fd] = (struct pollfd){.fd = fd};
  if (poll(fds, LOOKED_AT, 0) < 0) return;
  for (int fd = 0; fd < LOOKED_AT; fd++)
    if (!(fds[fd].revents & POLLNVAL)) enter_datagram_socket(fd);
}

void fdio_recognise_received(const struct msghdr* message) {
  if (!fdio_active() || fdio_foreign_process()) return;
  int saved_errno = errno;
  struct msghdr* from = (struct msghdr*)(uintptr_t)message;
  for (struct cmsghdr* header = CMSG_FIRSTHDR(from); header; header = CMSG_NXTHDR(from, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      enter_datagram_socket(fd);
    }
  }
  errno = saved_errno;
}

// The pending error; 0 if there is none. A server that is gone counts as a reset connection.
static int fetch_error(fdio_socket_t* socket, int fd) {
  int error = fdio_stream_attach(socket, fd);
  if (error) return error == ENOTCONN ? 0 : ECONNRESET;
  int pending = 0;
  int16_t code = 0;
  socklen_t length = sizeof(pending);
  zx_status_t status = zxio_socket_getsockopt(&socket->zxio, SOL_SOCKET, SO_ERROR, &pending, &length, &code);
  return status == ZX_OK ? pending : ECONNRESET;
}

void fdio_stream_note_error(fdio_socket_t* socket, int fd, int error) {
  if (state_of(socket) != ZXIO_STREAM_CONNECTING) return;
  if (error) {
    set_state(socket, ZXIO_STREAM_IDLE);
  } else if (poll_now(fd, POLLOUT) & POLLOUT) {
    set_state(socket, ZXIO_STREAM_CONNECTED);
  }
}

// Connecting and accepting

// Waits until a connection in the making is there or failed. The network stack shows a failed one as readable
// before it shows it as writable; so one that is only writable is there, and needs no further call. One that
// is both may have data already.
static int wait_until_decided(fdio_socket_t* socket, int fd, bool* out_connected) {
  fdio_waiting_t waiting = {
      .socket = socket,
      .fd = fd,
      .events = POLLIN | POLLOUT,
      .timeout_ns = atomic_load_explicit(&socket->zxio.send_timeout_ns, memory_order_relaxed),
  };
  int error = fdio_wait(&waiting);
  *out_connected = !error && waiting.shown == POLLOUT;
  return error == EAGAIN ? EINPROGRESS : error;
}

static int try_to_connect(fdio_socket_t* socket, const struct sockaddr* addr, socklen_t length) {
  int16_t code = 0;
  zx_status_t status = zxio_socket_connect(&socket->zxio, addr, length, &code);
  int error = zxio_code(status, &code);
  sa_family_t family = AF_INET;
  if (addr && length >= sizeof(family)) memcpy(&family, addr, sizeof(family));
  // The server says once that the connection is there; then it is old news.
  bool done = atomic_exchange_explicit(&socket->connect_done, false, memory_order_relaxed);
  if (done && !error && family != AF_UNSPEC) error = EISCONN;
  if (error == EINPROGRESS || error == EALREADY) {
    set_state(socket, ZXIO_STREAM_CONNECTING);
  } else if (error == EISCONN || (!error && family != AF_UNSPEC)) {
    if (state_of(socket) != ZXIO_STREAM_LISTENING) set_state(socket, ZXIO_STREAM_CONNECTED);
  } else if (!error || state_of(socket) == ZXIO_STREAM_CONNECTING) {
    set_state(socket, ZXIO_STREAM_IDLE);
  }
  return error;
}

int fdio_stream_connect(fdio_socket_t* socket, int fd, const struct sockaddr* addr, socklen_t length) {
  int error = try_to_connect(socket, addr, length);
  while ((error == EINPROGRESS || error == EALREADY) && !fdio_nonblocking(fd)) {
    bool connected = false;
    error = wait_until_decided(socket, fd, &connected);
    if (error) break;
    if (connected) {
      atomic_store_explicit(&socket->connect_done, true, memory_order_relaxed);
      set_state(socket, ZXIO_STREAM_CONNECTED);
      break;
    }
    error = try_to_connect(socket, addr, length);
  }
  return error;
}

int fdio_stream_listen(fdio_socket_t* socket, int backlog) {
  int16_t code = 0;
  zx_status_t status = zxio_socket_listen(&socket->zxio, backlog, &code);
  int error = zxio_code(status, &code);
  if (!error) set_state(socket, ZXIO_STREAM_LISTENING);
  return error;
}

// Whether there is room for what an accepted stream takes; made, if need be.
static bool has_room(int fd) {
  return fdio_room_for(fd, ACCEPT_DESCRIPTORS) ||
         (fdio_streams_let_go() && fdio_room_for(fd, ACCEPT_DESCRIPTORS));
}

int fdio_stream_accept(fdio_socket_t* socket, int fd, struct sockaddr* addr, socklen_t* length,
                       zxio_socket_t* out, int* out_fd) {
  fdio_waiting_t waiting = {
      .socket = socket,
      .fd = fd,
      .events = POLLIN,
      .timeout_ns = atomic_load_explicit(&socket->zxio.receive_timeout_ns, memory_order_relaxed),
  };
  bool at_once = fdio_nonblocking(fd);
  int attempts = 0;  // since the network stack had no room
  for (;;) {
    // The descriptor of a listener tells whether it is worth a call.
    if (state_of(socket) == ZXIO_STREAM_LISTENING && !poll_now(fd, POLLIN)) {
      int error = at_once ? EAGAIN : fdio_wait(&waiting);
      if (error) return error;
    }
    // What is taken out of the queue and finds no descriptor here would be lost.
    if (!has_room(fd)) return EMFILE;
    int16_t code = 0;
    zx_status_t status = zxio_socket_accept(&socket->zxio, addr, length, out, out_fd, &code);
    int error = status == ZX_ERR_NO_RESOURCES ? EMFILE : zxio_code(status, &code);
    if ((error == EMFILE || error == ENFILE) && attempts < FDIO_ROOM_ATTEMPTS &&
        (attempts > 0 || fdio_streams_let_go())) {
      attempts++;
      continue;
    }
    if (error != EAGAIN || at_once) return error;
    set_state(socket, ZXIO_STREAM_LISTENING);
  }
}

int fdio_stream_shutdown(fdio_socket_t* socket, int fd, int how) {
  // One direction of a connection is the kernel's to shut down; both at once would look like closing, and so
  // would writing after the other direction has ended.
  bool one = how == SHUT_RD || how == SHUT_WR;
  short ended = poll_now(fd, how == SHUT_WR ? POLLRDHUP : 0) & (POLLHUP | POLLRDHUP);
  if (one && state_of(socket) == ZXIO_STREAM_CONNECTED && !ended)
    return own_shutdown(fd, how) == 0 ? 0 : errno;
  int16_t code = 0;
  zx_status_t status = zxio_socket_shutdown(&socket->zxio, how, &code);
  return zxio_code(status, &code);
}

// Bytes

// Gets a stream ready for bytes that is not known to be connected: 0, or the errno number that the operation
// ends with.
static int await_connection(fdio_socket_t* socket, int fd, int flags, int not_connected) {
  for (;;) {
    zxio_stream_state_t state = ZXIO_STREAM_IDLE;
    int16_t code = 0;
    int error = fdio_stream_attach(socket, fd);
    if (error) return error;
    error = zxio_code(zxio_stream_state(&socket->zxio, &state, &code), &code);
    if (error) return error == EPIPE ? ECONNRESET : error;
    set_state(socket, state);
    if (state == ZXIO_STREAM_CONNECTED) return 0;
    if (state != ZXIO_STREAM_CONNECTING) {
      error = fetch_error(socket, fd);
      return error ? error : not_connected;
    }
    if (flags & MSG_DONTWAIT || fdio_nonblocking(fd)) return EAGAIN;
    bool connected = false;
    error = wait_until_decided(socket, fd, &connected);
    if (error) return error == EINPROGRESS ? EAGAIN : error;
  }
}

// 0: connected. Else the errno number.
static int prepare(int fd, int flags, int not_connected) {
  if (fdio_is_connected_stream(fd)) return 0;
  fdio_call_t call = fdio_enter(fd);
  if (!call.socket) return EBADF;
  if (call.error) return call.error;
  int error = await_connection(call.socket, fd, flags, not_connected);
  fdio_leave(&call, 0, 0);
  return error;
}

// Why the connection is gone, once; 0 if it has ended in good order.
static int reason(int fd) {
  fdio_call_t call = fdio_enter(fd);
  if (!call.socket || call.error) return 0;
  int error = 0;
  if (!atomic_exchange_explicit(&call.socket->over, true, memory_order_relaxed))
    error = fetch_error(call.socket, fd);
  fdio_leave(&call, 0, 0);
  return error;
}

static ssize_t fail(int error) {
  errno = error;
  return -1;
}

// MSG_TRUNC takes bytes off the stream and throws them away: as many as are there, once there are some. With
// MSG_PEEK they stay, and their number is told.
static ssize_t discard(int fd, const struct msghdr* message, int flags) {
  char bytes[DISCARD_BYTES];
  size_t wanted = 0, done = 0;
  for (size_t i = 0; i < message->msg_iovlen; i++)
    wanted += message->msg_iov[i].iov_len;
  flags &= ~MSG_TRUNC;
  for (;;) {
    size_t piece = wanted - done < sizeof(bytes) ? wanted - done : sizeof(bytes);
    ssize_t count = libc_recv(fd, bytes, piece, flags);
    if (count < 0) return done ? (ssize_t)done : count;
    done += (size_t)count;
    if ((size_t)count < piece || done == wanted || count == 0) return (ssize_t)done;
    if (flags & MSG_PEEK) {
      int waiting = 0;
      if (libc_ioctl(fd, FIONREAD, &waiting) != 0 || waiting < (int)count) return count;
      return (size_t)waiting < wanted ? waiting : (ssize_t)wanted;
    }
    if (!(flags & MSG_WAITALL)) flags |= MSG_DONTWAIT;
  }
}

static ssize_t receive(int fd, struct msghdr* message, int flags) {
  struct msghdr native = {.msg_iov = message->msg_iov, .msg_iovlen = message->msg_iovlen};
  ssize_t count = flags & MSG_TRUNC ? discard(fd, message, flags) : libc_recvmsg(fd, &native, flags);
  if (count < 0) return count;
  message->msg_flags = native.msg_flags & ~MSG_CMSG_CLOEXEC;
  message->msg_namelen = 0;
  message->msg_controllen = 0;
  return count;
}

static bool asks_for_bytes(const struct msghdr* message) {
  for (size_t i = 0; i < message->msg_iovlen; i++) {
    if (message->msg_iov[i].iov_len > 0) return true;
  }
  return false;
}

ssize_t fdio_stream_recvmsg(int fd, struct msghdr* message, int flags) {
  if (flags & MSG_ERRQUEUE) return fail(EAGAIN);  // there is no queue of errors
  int saved_errno = errno;
  int error = prepare(fd, flags, ENOTCONN);
  if (error) return fail(error);
  ssize_t count = receive(fd, message, flags);
  bool reset = count < 0 && errno == ECONNRESET;
  if (reset || (count == 0 && asks_for_bytes(message) && poll_now(fd, 0) & POLLHUP)) {
    error = reason(fd);
    // EPIPE is about what was written: the peer had sent its end before.
    if (error && (reset || error != EPIPE)) return fail(error);
  }
  if (count >= 0) errno = saved_errno;
  return count;
}

ssize_t fdio_stream_sendmsg(int fd, const struct msghdr* message, int flags) {
  if (flags & MSG_FASTOPEN) return fail(EOPNOTSUPP);
  int error = prepare(fd, flags, EPIPE);
  if (!error) {
    struct msghdr native = {.msg_iov = message->msg_iov, .msg_iovlen = message->msg_iovlen};
    ssize_t count = libc_sendmsg(fd, &native, flags | MSG_NOSIGNAL);
    if (count >= 0 || (errno != EPIPE && errno != ECONNRESET)) return count;
    error = reason(fd);
    if (!error) error = EPIPE;
  }
  if (error == EPIPE && !(flags & MSG_NOSIGNAL)) raise(SIGPIPE);
  return fail(error);
}
