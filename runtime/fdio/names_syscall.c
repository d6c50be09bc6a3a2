// The C library's way to any system call. Libraries reach for it where they do not trust the C library to
// know a call (libuv for sendmmsg and recvmmsg), so the network's numbers go where their names go.
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "fdio.h"
#include "names.h"

#define POINTER(type, word) ((type)(word))

static long socket_call(long number, const long* w, bool* taken) {
  int fd = (int)w[0];
  switch (number) {
    case SYS_socket:
      return fdio_socket((int)w[0], (int)w[1], (int)w[2]);
    case SYS_bind:
      return fdio_bind(fd, POINTER(const struct sockaddr*, w[1]), (socklen_t)w[2]);
    case SYS_connect:
      return fdio_connect(fd, POINTER(const struct sockaddr*, w[1]), (socklen_t)w[2]);
    case SYS_listen:
      return fdio_listen(fd, (int)w[1]);
    case SYS_accept:
      return fdio_accept(fd, POINTER(struct sockaddr*, w[1]), POINTER(socklen_t*, w[2]));
    case SYS_accept4:
      return fdio_accept4(fd, POINTER(struct sockaddr*, w[1]), POINTER(socklen_t*, w[2]), (int)w[3]);
    case SYS_shutdown:
      return fdio_shutdown(fd, (int)w[1]);
    case SYS_getsockname:
      return fdio_getsockname(fd, POINTER(struct sockaddr*, w[1]), POINTER(socklen_t*, w[2]));
    case SYS_getpeername:
      return fdio_getpeername(fd, POINTER(struct sockaddr*, w[1]), POINTER(socklen_t*, w[2]));
    case SYS_getsockopt:
      return fdio_getsockopt(fd, (int)w[1], (int)w[2], POINTER(void*, w[3]), POINTER(socklen_t*, w[4]));
    case SYS_setsockopt:
      return fdio_setsockopt(fd, (int)w[1], (int)w[2], POINTER(const void*, w[3]), (socklen_t)w[4]);
    default:
      *taken = false;
      return 0;
  }
}

static long message_call(long number, const long* w, bool* taken) {
  int fd = (int)w[0];
  switch (number) {
    case SYS_sendto:
      return fdio_sendto(fd, POINTER(const void*, w[1]), (size_t)w[2], (int)w[3],
                         POINTER(const struct sockaddr*, w[4]), (socklen_t)w[5]);
    case SYS_sendmsg:
      return fdio_sendmsg(fd, POINTER(const struct msghdr*, w[1]), (int)w[2]);
    case SYS_sendmmsg:
      return fdio_sendmmsg(fd, POINTER(struct mmsghdr*, w[1]), (unsigned)w[2], (int)w[3]);
    case SYS_recvfrom:
      return fdio_recvfrom(fd, POINTER(void*, w[1]), (size_t)w[2], (int)w[3], POINTER(struct sockaddr*, w[4]),
                           POINTER(socklen_t*, w[5]));
    case SYS_recvmsg:
      return fdio_recvmsg(fd, POINTER(struct msghdr*, w[1]), (int)w[2]);
    case SYS_recvmmsg:
      return fdio_recvmmsg(fd, POINTER(struct mmsghdr*, w[1]), (unsigned)w[2], (int)w[3],
                           POINTER(struct timespec*, w[4]));
    case SYS_read:
      return fdio_read(fd, POINTER(void*, w[1]), (size_t)w[2]);
    case SYS_write:
      return fdio_write(fd, POINTER(const void*, w[1]), (size_t)w[2]);
    case SYS_readv:
      return fdio_readv(fd, POINTER(const struct iovec*, w[1]), (int)w[2]);
    case SYS_writev:
      return fdio_writev(fd, POINTER(const struct iovec*, w[1]), (int)w[2]);
    default:
      *taken = false;
      return 0;
  }
}

static long descriptor_call(long number, const long* w, bool* taken) {
  int fd = (int)w[0];
  switch (number) {
    case SYS_close:
      return fdio_close(fd);
    case SYS_close_range:
      return fdio_close_range((unsigned)w[0], (unsigned)w[1], (int)w[2]);
    case SYS_dup:
      return fdio_dup(fd);
#ifdef SYS_dup2
    case SYS_dup2:
      return fdio_dup2(fd, (int)w[1]);
#endif
    case SYS_dup3:
      return fdio_dup3(fd, (int)w[1], (int)w[2]);
    case SYS_fcntl:
      return fdio_fcntl(fd, (int)w[1], w[2]);
    case SYS_ioctl:
      return fdio_ioctl(fd, (unsigned long)w[1], w[2]);
    default:
      *taken = false;
      return 0;
  }
}

FDIO_EXPORT long syscall(long number, ...) {
  long w[6];
  va_list arguments;
  va_start(arguments, number);
  for (int i = 0; i < 6; i++)
    w[i] = va_arg(arguments, long);
  va_end(arguments);
  static long (*const groups[])(long, const long*, bool*) = {socket_call, message_call, descriptor_call};
  for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
    bool taken = true;
    long result = groups[i](number, w, &taken);
    if (taken) return result;
  }
  return libc_syscall(number, w[0], w[1], w[2], w[3], w[4], w[5]);
}
