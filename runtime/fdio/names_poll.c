// The C library's names for waiting on many descriptors, as far as there is something to add to the kernel's
// answer: <poll.h>.
//
// The kernel knows all there is to know of our descriptors but one thing: it has no POLLERR that could be
// taken back. A socket whose program wants a queue of errors (IP_RECVERR) shows an error as POLLIN there, and
// such a program fetches errors on POLLERR only (traceroute does). So for these sockets the eventpair is
// asked, which tells errors and datagrams apart. A program without one pays a load.
#include <lib/zxio/zxio.h>
#include <poll.h>
#include <zircon/errors.h>
#include <zircon/types.h>

#include "fdio.h"

void __chk_fail(void) __attribute__((noreturn));

atomic_bool fdio_has_error_queues;

void fdio_note_error_queue(fdio_socket_t* socket) {
  if (socket->is_fast && zxio_promises_watch(socket->promises, &socket->zxio) != ZX_OK) return;
  atomic_store_explicit(&socket->queues_errors, true, memory_order_relaxed);
  atomic_store_explicit(&fdio_has_error_queues, true, memory_order_relaxed);
}

static short with_errors(int fd, short revents) {
  fdio_call_t call = fdio_enter(fd);
  if (!call.socket || call.error) return revents;
  zxio_events_t events = 0;
  zx_status_t status = ZX_ERR_TIMED_OUT;
  bool queues_errors = atomic_load_explicit(&call.socket->queues_errors, memory_order_relaxed);
  if (queues_errors && call.socket->is_fast) {
    // A child has to ask anew where the state is shown.
    bool shown = fdio_stream_attach(call.socket, fd) == 0 &&
                 zxio_promises_watch(call.socket->promises, &call.socket->zxio) == ZX_OK;
    status = shown ? ZX_OK : ZX_ERR_UNAVAILABLE;
    if (shown) events = fdio_datagram_events(call.socket, fd);
  } else if (queues_errors) {
    status = zxio_socket_wait(&call.socket->zxio, POLLIN | POLLERR, ZX_TIME_INFINITE_PAST, -1, &events);
  }
  fdio_leave(&call, 0, 0);
  if (status != ZX_OK) return revents;
  if (!(events & POLLERR))
    return queues_errors && !(events & POLLIN) ? revents & (short)~(POLLIN | POLLRDNORM) : revents;
  if (!(events & POLLIN)) revents &= (short)~(POLLIN | POLLRDNORM);
  return revents | POLLERR;
}

// Corrects what the kernel said of `count` descriptors; returns how many of them show something.
static int correct(struct pollfd* fds, nfds_t count, int result) {
  if (result < 0 || !atomic_load_explicit(&fdio_has_error_queues, memory_order_relaxed)) return result;
  int shown = 0;
  for (nfds_t i = 0; i < count; i++) {
    if (fdio_entry_is_socket(fdio_table_peek(fds[i].fd)))
      fds[i].revents = with_errors(fds[i].fd, fds[i].revents);
    if (fds[i].revents) shown++;
  }
  return shown;
}

// Whether one of them has an error in its queue, of which the descriptor of a datagram socket of the fast
// kind tells only until something has been received from it.
static bool shows_error(struct pollfd* fds, nfds_t count) {
  if (!atomic_load_explicit(&fdio_has_error_queues, memory_order_relaxed)) return false;
  for (nfds_t i = 0; i < count; i++) {
    const fdio_socket_t* entry = fdio_table_peek(fds[i].fd);
    if (fdio_is_fast(entry) && atomic_load_explicit(&entry->queues_errors, memory_order_relaxed) &&
        zxio_promises_state(entry->promises) != 0)
      return true;
  }
  return false;
}

FDIO_EXPORT int poll(struct pollfd* fds, nfds_t count, int timeout) {
  return correct(fds, count, libc_poll(fds, count, shows_error(fds, count) ? 0 : timeout));
}

FDIO_EXPORT int ppoll(struct pollfd* fds, nfds_t count, const struct timespec* timeout,
                      const sigset_t* mask) {
  const struct timespec now = {0};
  return correct(fds, count, libc_ppoll(fds, count, shows_error(fds, count) ? &now : timeout, mask));
}

FDIO_EXPORT int __poll_chk(struct pollfd* fds, nfds_t count, int timeout, size_t room);
FDIO_EXPORT int __poll_chk(struct pollfd* fds, nfds_t count, int timeout, size_t room) {
  if (room / sizeof(*fds) < count) __chk_fail();
  return poll(fds, count, timeout);
}

FDIO_EXPORT int __ppoll_chk(struct pollfd* fds, nfds_t count, const struct timespec* timeout,
                            const sigset_t* mask, size_t room);
FDIO_EXPORT int __ppoll_chk(struct pollfd* fds, nfds_t count, const struct timespec* timeout,
                            const sigset_t* mask, size_t room) {
  if (room / sizeof(*fds) < count) __chk_fail();
  return ppoll(fds, count, timeout, mask);
}
