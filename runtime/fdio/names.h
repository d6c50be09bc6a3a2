// The names this library offers, for use by its own files: in them, as in the layers below, plain close() is
// the C library's (see libc.h), and fdio_close() is what a program gets when it says close().
#ifndef RUNTIME_FDIO_NAMES_H_
#define RUNTIME_FDIO_NAMES_H_

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

// Follows the definition of `name`: the same function by our name for it.
#define FDIO_OWN_NAME(name) extern __typeof(fdio_##name) fdio_##name __attribute__((alias(#name)));

int fdio_socket(int domain, int type, int protocol);
int fdio_bind(int fd, const struct sockaddr* addr, socklen_t length);
int fdio_connect(int fd, const struct sockaddr* addr, socklen_t length);
int fdio_listen(int fd, int backlog);
int fdio_accept(int fd, struct sockaddr* addr, socklen_t* length);
int fdio_accept4(int fd, struct sockaddr* addr, socklen_t* length, int flags);
int fdio_shutdown(int fd, int how);
int fdio_getsockname(int fd, struct sockaddr* addr, socklen_t* length);
int fdio_getpeername(int fd, struct sockaddr* addr, socklen_t* length);
int fdio_getsockopt(int fd, int level, int name, void* value, socklen_t* length);
int fdio_setsockopt(int fd, int level, int name, const void* value, socklen_t length);
ssize_t fdio_sendto(int fd, const void* data, size_t size, int flags, const struct sockaddr* addr,
                    socklen_t length);
ssize_t fdio_sendmsg(int fd, const struct msghdr* message, int flags);
int fdio_sendmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags);
ssize_t fdio_recvfrom(int fd, void* data, size_t size, int flags, struct sockaddr* addr, socklen_t* length);
ssize_t fdio_recvmsg(int fd, struct msghdr* message, int flags);
int fdio_recvmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags, struct timespec* timeout);
ssize_t fdio_read(int fd, void* data, size_t size);
ssize_t fdio_write(int fd, const void* data, size_t size);
ssize_t fdio_readv(int fd, const struct iovec* iov, int count);
ssize_t fdio_writev(int fd, const struct iovec* iov, int count);
int fdio_close(int fd);
int fdio_close_range(unsigned first, unsigned last, int flags);
int fdio_dup(int fd);
int fdio_dup2(int from, int to);
int fdio_dup3(int from, int to, int flags);
int fdio_fcntl(int fd, int command, ...);
int fdio_ioctl(int fd, unsigned long request, ...);

#endif  // RUNTIME_FDIO_NAMES_H_
