// The two faces of a socket's state. Above: the datagram socket, which knows the state. Below: the kernel's
// Unix sockets and the eventpair.
//
// How the descriptor is shaped (client_fd is what the application polls):
//   readable    a byte lies in client_fd's receive queue; taken back by reading it through our duplicate
//   unwritable  bytes written through our duplicate fill client_fd's send queue; taken back by reading
//   server_fd hang-up     server_fd is shut down for writing (receiving has ended) or closed (the socket is
//   gone)
// The application shares client_fd's file description, so it may set or clear O_NONBLOCK under us: every call
// here says MSG_DONTWAIT itself. A result that is not the expected one means that the application meddled; it
// is ignored.
#include "readiness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fidl/fuchsia.posix.socket.h>
#include <tcpip/socket.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

// One write of this many bytes exceeds a quarter of the smallest send buffer the kernel gives, book-keeping
// included, and that is when it stops reporting POLLOUT.
enum { FILL_BYTES = 1024 };

static zx_signals_t signals_of(uint32_t state) {
  zx_signals_t signals = 0;
  if (state & TCPIP_EVENT_READABLE) signals |= fuchsia_posix_socket_SIGNAL_DATAGRAM_INCOMING;
  if (state & TCPIP_EVENT_WRITABLE) signals |= fuchsia_posix_socket_SIGNAL_DATAGRAM_OUTGOING;
  if (state & TCPIP_EVENT_ERROR) signals |= fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR;
  if (state & TCPIP_EVENT_ERROR_QUEUE) signals |= fuchsia_posix_socket_SIGNAL_DATAGRAM_ERROR_QUEUE;
  if (state & TCPIP_EVENT_READ_SHUTDOWN) signals |= fuchsia_posix_socket_SIGNAL_DATAGRAM_SHUTDOWN_READ;
  if (state & TCPIP_EVENT_WRITE_SHUTDOWN) signals |= fuchsia_posix_socket_SIGNAL_DATAGRAM_SHUTDOWN_WRITE;
  return signals;
}

enum { READABLE_STATES = TCPIP_EVENT_READABLE | TCPIP_EVENT_ERROR | TCPIP_EVENT_ERROR_QUEUE };

static bool shows_readable(uint32_t state) {
  return (state & READABLE_STATES) != 0;
}

static bool shows_writable(uint32_t state) {
  return (state & (TCPIP_EVENT_WRITABLE | TCPIP_EVENT_WRITE_SHUTDOWN)) != 0;
}

static void show_readable(readiness_t* readiness, bool on) {
  char byte = 0;
  if (on) {
    (void)send(readiness->server_fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  } else {
    (void)recv(readiness->client_fd, &byte, 1, MSG_DONTWAIT);
  }
}

static void show_writable(readiness_t* readiness, bool on) {
  char bytes[FILL_BYTES] = {0};
  if (on) {
    (void)recv(readiness->server_fd, bytes, sizeof(bytes), MSG_DONTWAIT);
  } else {
    (void)send(readiness->client_fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

static void show_on_descriptor(readiness_t* readiness, uint32_t old, uint32_t state) {
  if (shows_readable(old) != shows_readable(state)) {
    show_readable(readiness, shows_readable(state));
  } else if (state & ~old & READABLE_STATES) {
    // There is another reason now. Who waits for edges may have dealt with the first one, and sees this one
    // by its own edge only.
    show_readable(readiness, false);
    show_readable(readiness, true);
  }
  if (shows_writable(old) != shows_writable(state)) show_writable(readiness, shows_writable(state));
  if (!(old & TCPIP_EVENT_READ_SHUTDOWN) && (state & TCPIP_EVENT_READ_SHUTDOWN)) {
    (void)shutdown(readiness->server_fd, SHUT_WR);
  }
}

void readiness_update(readiness_t* readiness, uint32_t state) {
  uint32_t old = readiness->shown;
  if (old == state) return;
  readiness->shown = state;
  zx_signals_t before = signals_of(old);
  zx_signals_t after = signals_of(state);
  if (before != after) (void)zx_object_signal_peer(readiness->event, before & ~after, after & ~before);
  show_on_descriptor(readiness, old, state);
}

static zx_status_t open_descriptors(readiness_t* readiness) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return errno == ENOMEM || errno == ENOBUFS ? ZX_ERR_NO_MEMORY : ZX_ERR_NO_RESOURCES;
  }
  readiness->client_fd = fds[0];
  readiness->server_fd = fds[1];
  int smallest = 0;  // the kernel takes its own minimum instead
  if (setsockopt(readiness->client_fd, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof(smallest)) != 0) {
    return ZX_ERR_NO_RESOURCES;
  }
  return ZX_OK;
}

zx_status_t readiness_init(readiness_t* readiness, uint32_t state) {
  *readiness = (readiness_t){.server_fd = -1, .client_fd = -1};
  zx_status_t status = zx_eventpair_create(0, &readiness->event, &readiness->client_event);
  if (status != ZX_OK) goto fail;
  status = open_descriptors(readiness);
  if (status != ZX_OK) goto fail;
  readiness->shown = TCPIP_EVENT_WRITABLE;  // what a new pair shows
  (void)zx_object_signal_peer(readiness->event, 0, fuchsia_posix_socket_SIGNAL_DATAGRAM_OUTGOING);
  readiness_update(readiness, state);
  return ZX_OK;

fail:
  readiness_deinit(readiness);
  return status;
}

void readiness_deinit(readiness_t* readiness) {
  zx_handle_close(readiness->event);
  zx_handle_close(readiness->client_event);
  if (readiness->server_fd >= 0) close(readiness->server_fd);
  if (readiness->client_fd >= 0) close(readiness->client_fd);
  *readiness = (readiness_t){.server_fd = -1, .client_fd = -1};
}

zx_status_t readiness_share(const readiness_t* readiness, zx_handle_t* out_event,
                            zx_handle_t* out_descriptor) {
  zx_handle_t event = ZX_HANDLE_INVALID;
  zx_handle_t descriptor = ZX_HANDLE_INVALID;
  int fd = fcntl(readiness->client_fd, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return ZX_ERR_NO_RESOURCES;
  zx_status_t status = zx_linux_fd_wrap(fd, &descriptor);
  if (status != ZX_OK) return status;
  status = zx_handle_duplicate(readiness->client_event, ZX_RIGHTS_BASIC, &event);
  if (status != ZX_OK) {
    zx_handle_close(descriptor);
    return status;
  }
  *out_event = event;
  *out_descriptor = descriptor;
  return ZX_OK;
}
