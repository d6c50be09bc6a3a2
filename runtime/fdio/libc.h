// The C library that we stand before: its own functions, for descriptors that are not ours and for our own
// use.
//
// Two ways lead there. Our code says libc_close(). The layers below us (zx, fidl, zxio), linked into the same
// library, say close() and must not end up in the close() we offer to programs; the linker's --wrap turns
// theirs into
// __wrap_close(), defined in libc.c or, where descriptors come and go, in hidden.c.
#ifndef RUNTIME_FDIO_LIBC_H_
#define RUNTIME_FDIO_LIBC_H_

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

// X(result, name, parameters, arguments), for those that make or close descriptors or receive them...
#define FDIO_LIBC_DESCRIPTOR_FUNCTIONS(X)                                                \
  X(int, socket, (int domain, int type, int protocol), (domain, type, protocol))         \
  X(ssize_t, recvmsg, (int fd, struct msghdr* message, int flags), (fd, message, flags)) \
  X(int, close, (int fd), (fd))                                                          \
  X(int, dup, (int fd), (fd))                                                            \
  X(int, fcntl, (int fd, int command, void* argument), (fd, command, argument))          \
  X(int, fcntl64, (int fd, int command, void* argument), (fd, command, argument))

// ... those that our own streams and channels need of the kernel, too (own_shutdown and so on): the calls
// behind them are marked to be none of a program without us, which <lib/intercept/intercept.h> would make for
// it ...
#define FDIO_LIBC_OWN_FUNCTIONS(X)                                                            \
  X(int, shutdown, (int fd, int how), (fd, how))                                              \
  X(int, getsockname, (int fd, struct sockaddr* addr, socklen_t* length), (fd, addr, length)) \
  X(int, getpeername, (int fd, struct sockaddr* addr, socklen_t* length), (fd, addr, length)) \
  X(int, getsockopt, (int fd, int level, int name, void* value, socklen_t* length),           \
    (fd, level, name, value, length))                                                         \
  X(int, setsockopt, (int fd, int level, int name, const void* value, socklen_t length),      \
    (fd, level, name, value, length))

// ... and for the others.
#define FDIO_LIBC_PLAIN_FUNCTIONS(X)                                                                         \
  X(int, bind, (int fd, const struct sockaddr* addr, socklen_t length), (fd, addr, length))                  \
  X(int, connect, (int fd, const struct sockaddr* addr, socklen_t length), (fd, addr, length))               \
  X(int, listen, (int fd, int backlog), (fd, backlog))                                                       \
  X(int, accept, (int fd, struct sockaddr* addr, socklen_t* length), (fd, addr, length))                     \
  X(int, accept4, (int fd, struct sockaddr* addr, socklen_t* length, int flags), (fd, addr, length, flags))  \
  X(ssize_t, send, (int fd, const void* data, size_t size, int flags), (fd, data, size, flags))              \
  X(ssize_t, sendto,                                                                                         \
    (int fd, const void* data, size_t size, int flags, const struct sockaddr* addr, socklen_t length),       \
    (fd, data, size, flags, addr, length))                                                                   \
  X(ssize_t, sendmsg, (int fd, const struct msghdr* message, int flags), (fd, message, flags))               \
  X(int, sendmmsg, (int fd, struct mmsghdr* messages, unsigned count, int flags),                            \
    (fd, messages, count, flags))                                                                            \
  X(ssize_t, recv, (int fd, void* data, size_t size, int flags), (fd, data, size, flags))                    \
  X(ssize_t, recvfrom,                                                                                       \
    (int fd, void* data, size_t size, int flags, struct sockaddr* addr, socklen_t* length),                  \
    (fd, data, size, flags, addr, length))                                                                   \
  X(int, recvmmsg, (int fd, struct mmsghdr* messages, unsigned count, int flags, struct timespec* timeout),  \
    (fd, messages, count, flags, timeout))                                                                   \
  X(ssize_t, read, (int fd, void* data, size_t size), (fd, data, size))                                      \
  X(ssize_t, write, (int fd, const void* data, size_t size), (fd, data, size))                               \
  X(ssize_t, readv, (int fd, const struct iovec* iov, int count), (fd, iov, count))                          \
  X(ssize_t, writev, (int fd, const struct iovec* iov, int count), (fd, iov, count))                         \
  X(ssize_t, sendfile, (int out, int in, off_t* offset, size_t count), (out, in, offset, count))             \
  X(ssize_t, splice, (int in, loff_t* in_offset, int out, loff_t* out_offset, size_t size, unsigned flags),  \
    (in, in_offset, out, out_offset, size, flags))                                                           \
  X(int, close_range, (unsigned first, unsigned last, int flags), (first, last, flags))                      \
  X(int, dup2, (int from, int to), (from, to))                                                               \
  X(int, dup3, (int from, int to, int flags), (from, to, flags))                                             \
  X(int, ioctl, (int fd, unsigned long request, void* argument), (fd, request, argument))                    \
  X(int, poll, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout))                      \
  X(int, ppoll, (struct pollfd * fds, nfds_t count, const struct timespec* timeout, const sigset_t* mask),   \
    (fds, count, timeout, mask))                                                                             \
  X(unsigned, if_nametoindex, (const char* name), (name))                                                    \
  X(char*, if_indextoname, (unsigned index, char* name), (index, name))                                      \
  X(int, sigaction, (int number, const struct sigaction* action, struct sigaction* old),                     \
    (number, action, old))                                                                                   \
  X(sighandler_t, signal, (int number, sighandler_t handler), (number, handler))                             \
  X(int, getaddrinfo,                                                                                        \
    (const char* node, const char* service, const struct addrinfo* hints, struct addrinfo** out),            \
    (node, service, hints, out))                                                                             \
  X(int, getnameinfo,                                                                                        \
    (const struct sockaddr* addr, socklen_t length, char* host, socklen_t host_size, char* service,          \
     socklen_t service_size, int flags),                                                                     \
    (addr, length, host, host_size, service, service_size, flags))                                           \
  X(int, gethostbyname2_r,                                                                                   \
    (const char* name, int family, struct hostent* host, char* buffer, size_t size, struct hostent** result, \
     int* h_error),                                                                                          \
    (name, family, host, buffer, size, result, h_error))                                                     \
  X(int, gethostbyaddr_r,                                                                                    \
    (const void* addr, socklen_t length, int family, struct hostent* host, char* buffer, size_t size,        \
     struct hostent** result, int* h_error),                                                                 \
    (addr, length, family, host, buffer, size, result, h_error))                                             \
  X(int, getifaddrs, (struct ifaddrs * *out), (out))                                                         \
  X(struct if_nameindex*, if_nameindex, (void), ())                                                          \
  X(FILE*, fdopen, (int fd, const char* mode), (fd, mode))                                                   \
  X(long, syscall, (long number, long a, long b, long c, long d, long e, long f), (number, a, b, c, d, e, f))

#define FDIO_LIBC_FUNCTIONS(X)      \
  FDIO_LIBC_DESCRIPTOR_FUNCTIONS(X) \
  FDIO_LIBC_OWN_FUNCTIONS(X)        \
  FDIO_LIBC_PLAIN_FUNCTIONS(X)

#define FDIO_DECLARE_LIBC(result, name, parameters, arguments) result libc_##name parameters;
FDIO_LIBC_FUNCTIONS(FDIO_DECLARE_LIBC)

#define FDIO_DECLARE_OWN(result, name, parameters, arguments) result own_##name parameters;
FDIO_LIBC_OWN_FUNCTIONS(FDIO_DECLARE_OWN)

#endif  // RUNTIME_FDIO_LIBC_H_
