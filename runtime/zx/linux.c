// Linux descriptors as objects.
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls/handle.h>

#include "runtime/zx/handle.h"
#include "runtime/zx/transfer.h"

struct linux_fd {
  struct zx_object base;
  int fd;
};

static zx_signals_t linux_fd_peek(struct zx_object* object) {
  return 0;
}

static zx_signals_t linux_fd_arm(struct zx_object* object, zx_signals_t want, short* events) {
  if (want & ZX_OBJECT_READABLE) *events |= POLLIN;
  if (want & ZX_OBJECT_WRITABLE) *events |= POLLOUT;
  return 0;
}

static zx_signals_t linux_fd_ready(struct zx_object* object, zx_signals_t want, short revents) {
  return (revents & POLLIN ? ZX_OBJECT_READABLE : 0) | (revents & POLLOUT ? ZX_OBJECT_WRITABLE : 0) |
         (revents & (POLLHUP | POLLRDHUP | POLLERR) ? ZX_OBJECT_PEER_CLOSED : 0);
}

// What nobody asked for is not worth a system call each time: unlike with Zircon's objects
// (<zircon/linux.h>).
static bool linux_fd_knows(const struct zx_object* object, short polled) {
  return polled != 0;
}

static zx_status_t linux_fd_pack(struct zx_object* object, bool moves, struct wire_handle* wire,
                                 int fds[OBJECT_MAX_FDS], unsigned* num_fds) {
  fds[0] = ((struct linux_fd*)object)->fd;
  *num_fds = 1;
  return ZX_OK;
}

static void linux_fd_destroy(struct zx_object* object) {
  close(((struct linux_fd*)object)->fd);
  free(object);
}

static const struct object_ops linux_fd_ops = {
    .type = ZX_OBJ_TYPE_LINUX_FD,
    .rights = ZX_DEFAULT_LINUX_FD_RIGHTS,
    .waitable = true,
    .peek = linux_fd_peek,
    .arm = linux_fd_arm,
    .ready = linux_fd_ready,
    .knows = linux_fd_knows,
    .pack = linux_fd_pack,
    .destroy = linux_fd_destroy,
};

zx_status_t linux_fd_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out) {
  struct linux_fd* object = malloc(sizeof(*object));
  if (!object) {
    close(fds[0]);
    return ZX_ERR_NO_MEMORY;
  }
  object_init(&object->base, &linux_fd_ops, fds[0]);
  object->fd = fds[0];
  *out = &object->base;
  return ZX_OK;
}

zx_status_t zx_linux_fd_wrap(int fd, zx_handle_t* out) {
  if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return ZX_ERR_INVALID_ARGS;
  struct zx_object* object;
  zx_status_t status = linux_fd_unpack(NULL, &fd, &object);
  if (status != ZX_OK) return status;
  return handle_create(object, ZX_DEFAULT_LINUX_FD_RIGHTS, out);
}

zx_status_t zx_linux_fd_unwrap(zx_handle_t handle, int* out_fd) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_LINUX_FD, 0, &object, NULL);
  if (status != ZX_OK) {
    zx_handle_close(handle);
    return status;
  }
  int fd = fcntl(((struct linux_fd*)object)->fd, F_DUPFD_CLOEXEC, 0);
  zx_handle_close(handle);
  object_unref(object);
  if (fd < 0) return ZX_ERR_NO_RESOURCES;
  *out_fd = fd;
  return ZX_OK;
}
