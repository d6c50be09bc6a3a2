// Fork: parent and child go on with the same sockets, each over connections of its own.
//
// Streams and datagram sockets of the fast kind need nothing: their descriptors are enough to get connections
// out of when the child needs them. Before the process is doubled, every other socket is cloned; the far ends
// travel to the server, the near ends stay plain descriptors that both processes have. The parent closes
// them. The child drops all objects it inherited, which are the parent's, and takes the clones instead. It
// works through the C library's own hooks, so also for forks the program does not call itself (daemon,
// forkpty, popen). Children of vfork and posix_spawn run in the parent's memory until they exec, use none of
// this, and must change none of it: see fdio_foreign_process().
#include <pthread.h>
#include <unistd.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "fdio.h"

static sigset_t saved_signals;

static void clone_socket(fdio_socket_t* socket, bool in_use) {
  int ends[2];
  zx_handle_t server_end;
  if (!in_use || socket->is_stream || socket->is_fast ||
      socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return;
  if (zx_linux_channel_from_fd(ends[1], &server_end) == ZX_OK &&
      zxio_socket_clone(&socket->zxio, server_end) == ZX_OK) {
    socket->clone_fd = ends[0];
  } else {
    close(ends[0]);
  }
}

// Other threads of the parent may have closed the socket meanwhile.
static void close_clone(fdio_socket_t* socket, bool in_use) {
  if (socket->clone_fd >= 0) close(socket->clone_fd);
  socket->clone_fd = -1;
}

// A datagram socket that could not be cloned is closed in the child: its calls fail with EBADF.
static void take_clone(fdio_socket_t* socket, bool in_use) {
  zx_handle_t channel;
  if (!in_use) {
    close_clone(socket, in_use);
  } else if (socket->is_stream || socket->is_fast) {
    if (socket->is_fast) zxio_promises_reset(socket->promises);  // another thread may have been at it
    zxio_socket_t none;
    zxio_socket_from_clone(&socket->zxio, ZX_HANDLE_INVALID, &none);
    zxio_socket_move(&socket->zxio, &none);
    atomic_store_explicit(&socket->detached, true, memory_order_relaxed);
  } else if (socket->clone_fd >= 0 && zx_linux_channel_from_fd(socket->clone_fd, &channel) == ZX_OK) {
    zxio_socket_t clone;
    zxio_socket_from_clone(&socket->zxio, channel, &clone);
    zxio_socket_move(&socket->zxio, &clone);
  } else {
    zxio_socket_init_closed(&socket->zxio);
  }
  socket->clone_fd = -1;
}

static void before_fork(void) {
  int saved_errno = errno;
  fdio_lock(&saved_signals);
  // A handler that forks while it interrupts a call of ours leaves the child without sockets.
  if (!fdio_thread.busy) fdio_socket_each(clone_socket);
  errno = saved_errno;
}

static void after_fork_in_parent(void) {
  int saved_errno = errno;
  fdio_socket_each(close_clone);
  fdio_unlock(&saved_signals);
  errno = saved_errno;
}

void fdio_fork_late(void) {
  zx_linux_after_fork_in_child();
  fdio_adopt_process();
  fdio_table_recount();
  fdio_socket_each(take_clone);
}

static void after_fork_in_child(void) {
  int saved_errno = errno;
  fdio_fork_late();
  pthread_sigmask(SIG_SETMASK, &saved_signals, NULL);
  errno = saved_errno;
}

void fdio_fork_init(void) {
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
