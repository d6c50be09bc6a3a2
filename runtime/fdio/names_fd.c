// The C library's names for descriptors themselves: closing, duplicating, flags.
//
// The kernel keeps the descriptors, their flags and what they share; the table follows. On closing, the entry
// goes first, so that a number the kernel gives out again is never taken for the old socket; the socket goes
// last, after the kernel has forgotten the descriptor and with it the descriptor's place in every epoll.
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fdio.h"
#include "names.h"

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2U
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4U
#endif

static int fail(int error) {
  errno = error;
  return -1;
}

// Releases what an entry held without changing errno.
static void release(fdio_socket_t* entry) {
  int saved_errno = errno;
  fdio_entry_release(entry);
  errno = saved_errno;
}

// Closing

FDIO_EXPORT int close(int fd) {
  fdio_socket_t* entry = fdio_table_peek(fd);
  if (!entry) return libc_close(fd);
  if (entry == FDIO_INTERNAL) return fail(EBADF);
  if (fdio_foreign_process()) return libc_close(fd);
  entry = fdio_table_swap(fd, NULL);
  int result = libc_close(fd);
  release(entry);
  return result;
}

// The kernel closes [first, last] but for the descriptors in it that are hidden.
static int close_around_hidden(unsigned first, unsigned last, int flags) {
  while (first <= last) {
    int fd = fdio_table_next(first, last);
    while (fd >= 0 && fdio_table_peek(fd) != FDIO_INTERNAL)
      fd = fdio_table_next((unsigned)fd + 1, last);
    if (fd < 0) return libc_close_range(first, last, flags);
    if ((unsigned)fd > first && libc_close_range(first, (unsigned)fd - 1, flags) != 0) return -1;
    flags &= ~(int)CLOSE_RANGE_UNSHARE;  // done by the first call
    first = (unsigned)fd + 1;
  }
  return 0;
}

FDIO_EXPORT int close_range(unsigned first, unsigned last, int flags) {
  if (fdio_table_next(first, last) < 0) return libc_close_range(first, last, flags);
  if (!(flags & (int)CLOSE_RANGE_CLOEXEC) && !fdio_foreign_process()) {
    // Sockets one by one, so that each number is free only when its entry is; then the rest.
    for (int fd = fdio_table_next(first, last); fd >= 0; fd = fdio_table_next((unsigned)fd + 1, last)) {
      if (fdio_table_peek(fd) != FDIO_INTERNAL) close(fd);
    }
  }
  return close_around_hidden(first, last, flags);
}

FDIO_EXPORT void closefrom(int first) {
  int saved_errno = errno;
  close_range(first < 0 ? 0 : (unsigned)first, ~0U, 0);
  errno = saved_errno;
}

// Duplicating

// Enters a duplicate that the kernel has made. Consumes `entry`'s reference.
static int enter_duplicate(int fd, fdio_socket_t* entry) {
  if (fd < 0) {
    release(entry);
  } else if (!fdio_table_reserve(fd)) {
    libc_close(fd);
    release(entry);
    return fail(EMFILE);
  } else {
    release(fdio_table_swap(fd, entry));
  }
  return fd;
}

FDIO_EXPORT int dup(int fd) {
  fdio_socket_t* entry = fdio_table_peek(fd);
  if (!entry) return libc_dup(fd);
  if (entry == FDIO_INTERNAL) return fail(EBADF);
  if (fdio_foreign_process()) return libc_dup(fd);
  entry = fdio_table_acquire(fd);
  return enter_duplicate(libc_dup(fd), entry);
}

static int duplicate_to(int from, int to, int flags, bool is_dup2) {
  if (fdio_foreign_process()) return is_dup2 ? libc_dup2(from, to) : libc_dup3(from, to, flags);
  fdio_socket_t* entry = fdio_table_acquire(from);
  fdio_socket_t* before = fdio_table_swap(to, NULL);
  int fd = is_dup2 ? libc_dup2(from, to) : libc_dup3(from, to, flags);
  if (fd < 0) {
    release(entry);
    release(fdio_table_swap(to, before));
    return fd;
  }
  release(before);
  return entry ? enter_duplicate(fd, entry) : fd;
}

FDIO_EXPORT int dup2(int from, int to) {
  fdio_socket_t* source = fdio_table_peek(from);
  fdio_socket_t* target = fdio_table_peek(to);
  if ((!source && !target) || from == to) return libc_dup2(from, to);
  if (source == FDIO_INTERNAL) return fail(EBADF);
  if (target == FDIO_INTERNAL) return fail(EBUSY);
  return duplicate_to(from, to, 0, true);
}

FDIO_EXPORT int dup3(int from, int to, int flags) {
  fdio_socket_t* source = fdio_table_peek(from);
  fdio_socket_t* target = fdio_table_peek(to);
  if ((!source && !target) || from == to) return libc_dup3(from, to, flags);
  if (source == FDIO_INTERNAL) return fail(EBADF);
  if (target == FDIO_INTERNAL) return fail(EBUSY);
  return duplicate_to(from, to, flags, false);
}

// Flags. They live in the kernel, where dup and fork share them as they should.

FDIO_EXPORT int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  fdio_socket_t* entry = fdio_table_peek(fd);
  if (!entry) return libc_fcntl(fd, command, argument);
  if (entry == FDIO_INTERNAL) return fail(EBADF);
  if ((command != F_DUPFD && command != F_DUPFD_CLOEXEC) || fdio_foreign_process()) {
    return libc_fcntl(fd, command, argument);
  }
  entry = fdio_table_acquire(fd);
  return enter_duplicate(libc_fcntl(fd, command, argument), entry);
}

FDIO_EXPORT int fcntl64(int fd, int command, ...) FDIO_ALIAS("fcntl");
FDIO_EXPORT int __fcntl(int fd, int command, ...) FDIO_ALIAS("fcntl");
FDIO_EXPORT int __close(int fd) FDIO_ALIAS("close");
FDIO_EXPORT int __dup2(int from, int to) FDIO_ALIAS("dup2");

FDIO_OWN_NAME(close)
FDIO_OWN_NAME(close_range)
FDIO_OWN_NAME(dup)
FDIO_OWN_NAME(dup2)
FDIO_OWN_NAME(dup3)
FDIO_OWN_NAME(fcntl)
