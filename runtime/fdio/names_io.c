// The C library's names for reading and writing descriptors of any kind: <unistd.h>, <sys/uio.h>,
// <sys/sendfile.h>, and streams made of descriptors. pread, pwrite and lseek need no attention: the kernel
// answers ESPIPE for our descriptors as for any socket's.
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "fdio.h"
#include "names.h"

void __chk_fail(void) __attribute__((noreturn));

FDIO_EXPORT ssize_t read(int fd, void* data, size_t size) {
  struct iovec iov = {.iov_base = data, .iov_len = size};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
  if (fdio_is_stream(fdio_table_peek(fd))) return fdio_stream_recvmsg(fd, &message, 0);
  // Unlike recv, read of nothing leaves the queue alone.
  if (size > 0 && fdio_is_fast(fdio_table_peek(fd))) return fdio_datagram_recvmsg(fd, &message, 0);
  FDIO_ENTER(call, fd, libc_read(fd, data, size));
  if (size == 0) return fdio_leave(&call, 0, 0);
  size_t actual = 0;
  int error = fdio_socket_recvmsg(call.socket, fd, &message, 0, &actual);
  return fdio_leave(&call, error, (ssize_t)actual);
}

FDIO_EXPORT ssize_t write(int fd, const void* data, size_t size) {
  struct iovec iov = {.iov_base = (void*)(uintptr_t)data, .iov_len = size};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
  if (fdio_is_stream(fdio_table_peek(fd))) return fdio_stream_sendmsg(fd, &message, 0);
  if (fdio_is_fast(fdio_table_peek(fd))) return fdio_datagram_sendmsg(fd, &message, 0);
  FDIO_ENTER(call, fd, libc_write(fd, data, size));
  size_t actual = 0;
  int error = fdio_socket_sendmsg(call.socket, fd, &message, 0, &actual);
  return fdio_leave(&call, error, (ssize_t)actual);
}

FDIO_EXPORT ssize_t readv(int fd, const struct iovec* iov, int count) {
  struct msghdr message = {.msg_iov = (struct iovec*)(uintptr_t)iov, .msg_iovlen = (size_t)count};
  bool valid = count >= 0 && count <= IOV_MAX;
  if (valid && fdio_is_stream(fdio_table_peek(fd))) return fdio_stream_recvmsg(fd, &message, 0);
  if (valid && fdio_is_fast(fdio_table_peek(fd))) return fdio_datagram_recvmsg(fd, &message, 0);
  FDIO_ENTER(call, fd, libc_readv(fd, iov, count));
  if (!valid) return fdio_leave(&call, EINVAL, -1);
  size_t actual = 0;
  int error = fdio_socket_recvmsg(call.socket, fd, &message, 0, &actual);
  return fdio_leave(&call, error, (ssize_t)actual);
}

FDIO_EXPORT ssize_t writev(int fd, const struct iovec* iov, int count) {
  struct msghdr message = {.msg_iov = (struct iovec*)(uintptr_t)iov, .msg_iovlen = (size_t)count};
  bool valid = count >= 0 && count <= IOV_MAX;
  if (valid && fdio_is_stream(fdio_table_peek(fd))) return fdio_stream_sendmsg(fd, &message, 0);
  if (valid && fdio_is_fast(fdio_table_peek(fd))) return fdio_datagram_sendmsg(fd, &message, 0);
  FDIO_ENTER(call, fd, libc_writev(fd, iov, count));
  if (!valid) return fdio_leave(&call, EINVAL, -1);
  size_t actual = 0;
  int error = fdio_socket_sendmsg(call.socket, fd, &message, 0, &actual);
  return fdio_leave(&call, error, (ssize_t)actual);
}

FDIO_EXPORT ssize_t __read_chk(int fd, void* data, size_t size, size_t room);
FDIO_EXPORT ssize_t __read_chk(int fd, void* data, size_t size, size_t room) {
  if (size > room) __chk_fail();
  return read(fd, data, size);
}

FDIO_EXPORT ssize_t __read(int fd, void* data, size_t size) FDIO_ALIAS("read");
FDIO_EXPORT ssize_t __write(int fd, const void* data, size_t size) FDIO_ALIAS("write");

// From descriptor to descriptor within the kernel, which knows our streams but not our datagrams. EINVAL is
// the answer for descriptors that cannot do it, after which programs copy by themselves.

static bool is_ours(int fd) {
  return fdio_entry_is_socket(fdio_table_peek(fd));
}

static bool is_unknown_to_kernel(int fd) {
  return is_ours(fd) && !fdio_is_connected_stream(fd);
}

FDIO_EXPORT ssize_t sendfile(int out, int in, off_t* offset, size_t count) {
  if (!is_unknown_to_kernel(out) && !is_unknown_to_kernel(in)) return libc_sendfile(out, in, offset, count);
  errno = EINVAL;
  return -1;
}

FDIO_EXPORT ssize_t sendfile64(int out, int in, off_t* offset, size_t count) FDIO_ALIAS("sendfile");

FDIO_EXPORT ssize_t splice(int in, loff_t* in_offset, int out, loff_t* out_offset, size_t size,
                           unsigned flags) {
  if (!is_unknown_to_kernel(out) && !is_unknown_to_kernel(in))
    return libc_splice(in, in_offset, out, out_offset, size, flags);
  errno = EINVAL;
  return -1;
}

// Streams. Those of fdopen read and write inside the C library, past us; a stream over our descriptor is
// therefore one with functions of its own.

static ssize_t stream_read(void* cookie, char* data, size_t size) {
  return read((int)(intptr_t)cookie, data, size);
}

static ssize_t stream_write(void* cookie, const char* data, size_t size) {
  ssize_t written = write((int)(intptr_t)cookie, data, size);
  return written < 0 ? 0 : written;  // how such a stream is told of an error
}

static int stream_close(void* cookie) {
  return fdio_close((int)(intptr_t)cookie);
}

FDIO_EXPORT FILE* fdopen(int fd, const char* mode) {
  if (!is_ours(fd)) return libc_fdopen(fd, mode);
  cookie_io_functions_t functions = {.read = stream_read, .write = stream_write, .close = stream_close};
  FILE* stream = fopencookie((void*)(intptr_t)fd, mode, functions);
  if (stream) stream->_fileno = fd;  // what fileno() answers; the functions above do not use it
  return stream;
}

FDIO_OWN_NAME(read)
FDIO_OWN_NAME(write)
FDIO_OWN_NAME(readv)
FDIO_OWN_NAME(writev)
