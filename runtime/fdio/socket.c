// Sockets as a program sees them: calls that block, errno, and the descriptor that a socket gets. This is
// step 1 of a datagram's life, and step 12, the wait.
#include <fcntl.h>
#include <lib/trace/trace.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>
#include <zircon/errors.h>
#include <zircon/syscalls.h>

#include "fdio.h"

// That must be left behind a stream, so that with what its connection to the server takes there is enough to
// make that anew.
#define SPARE_DESCRIPTORS 2

#define TYPE_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

// Entering and leaving

_Thread_local fdio_thread_t fdio_thread;

bool fdio_busy_begin(void) {
  if (fdio_thread.busy) return false;
  if (!fdio_thread.masked && atomic_load_explicit(&fdio_has_handlers, memory_order_relaxed)) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &fdio_thread.mask);
    fdio_thread.masked = true;
  }
  fdio_thread.busy = true;
  return true;
}

void fdio_busy_end(void) {
  fdio_thread.busy = false;
  fdio_table_finish_released();
  if (!fdio_thread.masked) return;
  sigset_t mask = fdio_thread.mask;
  fdio_thread.masked = false;
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

// A call holds on to the socket's connection to its server, or waits until somebody has taken that away.
static void begin_call(fdio_socket_t* socket) {
  uint32_t calls = atomic_fetch_add_explicit(&socket->calls, 1, memory_order_acquire);
  if (__builtin_expect(!(calls & FDIO_LETTING_GO), 1)) return;
  sigset_t saved;
  fdio_lock(&saved);
  fdio_unlock(&saved);
}

static void end_call(fdio_socket_t* socket) {
  atomic_fetch_sub_explicit(&socket->calls, 1, memory_order_release);
}

fdio_call_t fdio_enter(int fd) {
  fdio_call_t call = {.socket = fdio_table_peek(fd), .saved_errno = errno};
  if (__builtin_expect(!call.socket, 1)) return call;
  fdio_check_process();
  if (call.socket == FDIO_INTERNAL) {
    call.error = EBADF;
  } else if (!fdio_busy_begin()) {
    call.error = EDEADLK;
  } else {
    call.socket = fdio_table_acquire(fd);
    if (!fdio_entry_is_socket(call.socket)) {
      call.error = EBADF;  // closed this moment
      call.socket = FDIO_INTERNAL;
      fdio_busy_end();
    } else {
      begin_call(call.socket);
    }
  }
  return call;
}

ssize_t fdio_leave(fdio_call_t* call, int error, ssize_t result) {
  end_call(call->socket);
  fdio_entry_release(call->socket);
  if (fdio_crowded()) (void)fdio_streams_let_go();
  fdio_busy_end();
  errno = error ? error : call->saved_errno;
  return error ? -1 : result;
}

// Waiting

bool fdio_nonblocking(int fd) {
  int flags = libc_fcntl(fd, F_GETFL, NULL);
  return flags < 0 || flags & O_NONBLOCK;
}

// A stream's descriptor tells all there is to know.
static zx_status_t wait_for_descriptor(const fdio_waiting_t* waiting, int interrupt_fd,
                                       zxio_events_t* out_events) {
  struct pollfd fds[2] = {{.fd = waiting->fd, .events = (short)waiting->events},
                          {.fd = interrupt_fd, .events = POLLIN}};
  struct timespec timeout;
  bool limited = waiting->deadline != ZX_TIME_INFINITE;
  if (limited) {
    zx_duration_t left = waiting->deadline - zx_clock_get_monotonic();
    if (left < 0) left = 0;
    timeout = (struct timespec){.tv_sec = left / ZX_SEC(1), .tv_nsec = left % ZX_SEC(1)};
  }
  int ready = ppoll(fds, 2, limited ? &timeout : NULL, NULL);
  *out_events = 0;
  if (ready == 0) return ZX_ERR_TIMED_OUT;
  if (ready < 0) return errno == EINTR ? ZX_ERR_INTERNAL_INTR_RETRY : ZX_ERR_NO_MEMORY;
  if (fds[0].revents & POLLNVAL) return ZX_ERR_BAD_HANDLE;
  if (!fds[0].revents) return ZX_ERR_INTERNAL_INTR_RETRY;
  *out_events = (zxio_events_t)(unsigned short)fds[0].revents;
  return ZX_OK;
}

// One wait, interruptible. `out_ended`: a handler ran that ends the call.
static zx_status_t wait_once(fdio_waiting_t* waiting, zxio_events_t* out_events, bool* out_ended) {
  fdio_interrupt_t interrupt;
  fdio_interrupt_begin(&interrupt);
  zx_status_t status = waiting->socket->is_stream
                           ? wait_for_descriptor(waiting, interrupt.fd, out_events)
                           : zxio_socket_wait(&waiting->socket->zxio, waiting->events, waiting->deadline,
                                              interrupt.fd, out_events);
  // From here to the end of it handlers may run, and may not come back.
  fdio_thread.waiting = waiting->socket;
  fdio_thread.busy = false;
  *out_ended = fdio_interrupt_end(&interrupt, waiting->timeout_ns != ZX_TIME_INFINITE);
  fdio_busy_begin();
  fdio_thread.waiting = NULL;
  return status;
}

int fdio_wait(fdio_waiting_t* waiting) {
  if (!waiting->begun) {
    waiting->begun = true;
    waiting->deadline =
        waiting->timeout_ns == ZX_TIME_INFINITE ? ZX_TIME_INFINITE : zx_deadline_after(waiting->timeout_ns);
  }
  trace_point("fdio.wait", (uint64_t)waiting->fd);
  zxio_events_t events = 0;
  zx_status_t status;
  bool ended = false;
  do {
    status = wait_once(waiting, &events, &ended);
  } while (status == ZX_ERR_INTERNAL_INTR_RETRY && !ended);
  trace_point("fdio.wait.done", events);
  waiting->shown = events;
  waiting->shut = events & POLLRDHUP;
  if (status == ZX_ERR_TIMED_OUT) return EAGAIN;
  return zxio_errno(status);
}

// Messages

// The result of receiving from where nothing is queued and nothing will come.
static void end_of_datagrams(struct msghdr* message, size_t* out_actual) {
  message->msg_flags = 0;
  message->msg_namelen = 0;
  message->msg_controllen = 0;
  *out_actual = 0;
}

// What the eventpair shows, without a call: nothing to receive (`wanted` is POLLIN: a datagram; POLLERR: from
// the queue of errors), no error, no end. The network stack shows a datagram before it answers any later
// request, so this is never older than what the caller knows.
static bool nothing_to_receive(fdio_socket_t* socket, zxio_events_t wanted) {
  zxio_events_t events;
  return zxio_socket_wait(&socket->zxio, wanted, ZX_TIME_INFINITE_PAST, -1, &events) == ZX_ERR_TIMED_OUT;
}

static int receive(fdio_waiting_t* waiting, struct msghdr* message, int flags, size_t* out_actual) {
  // Nobody waits for an error in the queue.
  bool at_once = flags & (MSG_DONTWAIT | MSG_ERRQUEUE) || fdio_nonblocking(waiting->fd);
  if (at_once && nothing_to_receive(waiting->socket, flags & MSG_ERRQUEUE ? POLLERR : POLLIN)) return EAGAIN;
  for (;;) {
    int16_t code = 0;
    zx_status_t status = zxio_socket_recvmsg(&waiting->socket->zxio, message, flags, out_actual, &code);
    int error = zxio_code(status, &code);
    if (error != EAGAIN || at_once) return error;
    if (waiting->shut) {
      end_of_datagrams(message, out_actual);
      return 0;
    }
    error = fdio_wait(waiting);
    if (error) return error;
  }
}

int fdio_socket_recvmsg(fdio_socket_t* socket, int fd, struct msghdr* message, int flags,
                        size_t* out_actual) {
  fdio_waiting_t waiting = {
      .socket = socket,
      .fd = fd,
      .events = POLLIN,
      .timeout_ns = atomic_load_explicit(&socket->zxio.receive_timeout_ns, memory_order_relaxed),
  };
  trace_point("fdio.recvfrom", (uint64_t)fd);
  int error = receive(&waiting, message, flags, out_actual);
  trace_point("fdio.recvfrom.done", error ? (uint64_t)error : (uint64_t)*out_actual);
  return error;
}

static int send_message(fdio_waiting_t* waiting, const struct msghdr* message, int flags,
                        size_t* out_actual) {
  for (;;) {
    int16_t code = 0;
    zx_status_t status = zxio_socket_sendmsg(&waiting->socket->zxio, message, flags, out_actual, &code);
    int error = zxio_code(status, &code);
    if (error != EAGAIN || flags & MSG_DONTWAIT) return error;
    if (!waiting->begun && fdio_nonblocking(waiting->fd)) return EAGAIN;
    error = fdio_wait(waiting);
    if (error) return error;
  }
}

int fdio_socket_sendmsg(fdio_socket_t* socket, int fd, const struct msghdr* message, int flags,
                        size_t* out_actual) {
  fdio_waiting_t waiting = {
      .socket = socket,
      .fd = fd,
      .events = POLLOUT,
      .timeout_ns = atomic_load_explicit(&socket->zxio.send_timeout_ns, memory_order_relaxed),
  };
  trace_point("fdio.sendto", (uint64_t)fd);
  int error = send_message(&waiting, message, flags, out_actual);
  trace_point("fdio.sendto.done", error ? (uint64_t)error : (uint64_t)*out_actual);
  return error;
}

// Making sockets

static int create(int domain, int type, int protocol, zxio_socket_t* out, int* out_fd) {
  zx_status_t status = ZX_OK;
  for (int attempt = 0; attempt < FDIO_PROVIDER_ATTEMPTS; attempt++) {
    zx_handle_t provider;
    int16_t code = 0;
    status = fdio_provider(attempt > 0, &provider);
    if (status != ZX_OK) break;
    status = zxio_socket_create_fast(provider, domain, type, protocol, out, out_fd, &code);
    if (status == ZX_OK && code) return code;
    if (status == ZX_OK) {
      *out_fd = fdio_reveal(*out_fd);
      if (*out_fd >= 0) return 0;
      int error = errno;
      zxio_socket_close(out);
      return error;
    }
    // A network stack that was restarted is reached by asking for it again.
    if (status != ZX_ERR_PEER_CLOSED && status != ZX_ERR_CANCELED && status != ZX_ERR_BAD_HANDLE) break;
  }
  fdio_debug("no socket: status %d", status);
  if (status == ZX_ERR_NO_RESOURCES) return EMFILE;  // no descriptors left for what a socket is made of
  return status == ZX_ERR_PEER_CLOSED ? EPERM : zxio_errno(status);
}

// The network stack's descriptors may be short as well as ours.
static int create_with_room(int domain, int type, int protocol, zxio_socket_t* out, int* out_fd) {
  int error = create(domain, type, protocol, out, out_fd);
  if (!error && type == SOCK_STREAM && !fdio_room_for(*out_fd, SPARE_DESCRIPTORS)) {
    libc_close(*out_fd);
    zxio_socket_close(out);
    return EMFILE;
  }
  if ((error != EMFILE && error != ENFILE) || !fdio_streams_let_go()) return error;
  for (int i = 0; (error == EMFILE || error == ENFILE) && i < FDIO_ROOM_ATTEMPTS; i++)
    error = create(domain, type, protocol, out, out_fd);
  return error;
}

// The descriptor begins with the flags that were asked for, whatever the server left there.
static int set_flags(int fd, int type) {
  int flags = libc_fcntl(fd, F_GETFL, NULL);
  int wanted = type & SOCK_NONBLOCK ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (flags < 0 || (wanted != flags && libc_fcntl(fd, F_SETFL, (void*)(intptr_t)wanted) < 0)) return errno;
  if (!(type & SOCK_CLOEXEC) && libc_fcntl(fd, F_SETFD, NULL) < 0) return errno;
  return 0;
}

bool fdio_socket_enter(zxio_socket_t* zxio, int fd, zxio_stream_state_t state) {
  sigset_t saved;
  fdio_lock(&saved);
  fdio_socket_t* socket = fdio_table_reserve(fd) ? fdio_socket_allocate() : NULL;
  if (socket && zxio_socket_is_fast(zxio) && !socket->promises) {
    socket->promises = zxio_promises_create();
    if (!socket->promises) {
      fdio_entry_release(socket);
      socket = NULL;
    }
  }
  if (socket) {
    zxio_socket_move(&socket->zxio, zxio);
    socket->is_stream = socket->zxio.type == SOCK_STREAM;
    socket->is_fast = zxio_socket_is_fast(&socket->zxio);
    if (socket->is_fast) zxio_promises_reset(socket->promises);
    bool detached = socket->is_fast && socket->zxio.channel == ZX_HANDLE_INVALID;
    atomic_store_explicit(&socket->detached, detached, memory_order_relaxed);
    atomic_store_explicit(&socket->queues_errors, false, memory_order_relaxed);
    atomic_store_explicit(&socket->state, state, memory_order_relaxed);
    fdio_entry_release(fdio_table_swap(fd, socket));
  }
  fdio_unlock(&saved);
  if (!socket) zxio_socket_close(zxio);
  return socket != NULL;
}

int fdio_socket_install(zxio_socket_t* zxio, int fd, int type, zxio_stream_state_t state) {
  int error = set_flags(fd, type);
  if (!error && fdio_socket_enter(zxio, fd, state)) return 0;
  libc_close(fd);
  if (error) zxio_socket_close(zxio);
  return error ? error : EMFILE;
}

// A connected stream is closed as far as POSIX goes once its descriptor is: nobody waits for the rest but who
// asked to linger. All others hold a port or a place in a table, which must be free when close returns.
void fdio_socket_close(fdio_socket_t* socket) {
  bool connected = socket->is_stream &&
                   atomic_load_explicit(&socket->state, memory_order_relaxed) == ZXIO_STREAM_CONNECTED;
  if (connected && socket->zxio.linger_secs == 0) {
    zxio_socket_leave(&socket->zxio);
  } else {
    zxio_socket_close(&socket->zxio);
  }
}

int fdio_socket_open(int domain, int type, int protocol) {
  int saved_errno = errno;
  fdio_check_process();
  if (!fdio_busy_begin()) {
    errno = EDEADLK;
    return -1;
  }
  zxio_socket_t zxio;
  int fd = -1;
  int error = create_with_room(domain, type & ~TYPE_FLAGS, protocol, &zxio, &fd);
  if (!error) error = fdio_socket_install(&zxio, fd, type, ZXIO_STREAM_IDLE);
  if (fdio_crowded()) (void)fdio_streams_let_go();
  fdio_busy_end();
  errno = error ? error : saved_errno;
  return error ? -1 : fd;
}
