// Finds the functions behind our own names: the next ones in the order in which the program's libraries are
// searched, which are the C library's or those of another preloaded library.
#include "libc.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <lib/intercept/intercept.h>

// Variadic functions take as many words as the longest use of them has; a caller that gives fewer leaves the
// rest unread, as the kernel does.
#define DECLARE_NEXT(result, name, parameters, arguments) static _Atomic(uintptr_t) next_##name;
FDIO_LIBC_FUNCTIONS(DECLARE_NEXT)

// Stands in for a function that the C library is too old to have.
static long missing(void) {
  errno = ENOSYS;
  return -1;
}

static uintptr_t find(_Atomic(uintptr_t)* next, const char* name) {
  uintptr_t function = (uintptr_t)dlsym(RTLD_NEXT, name);
  if (!function) function = (uintptr_t)missing;
  atomic_store_explicit(next, function, memory_order_relaxed);
  return function;
}

#define DEFINE_LIBC(result, name, parameters, arguments)                           \
  result libc_##name parameters {                                                  \
    uintptr_t function = atomic_load_explicit(&next_##name, memory_order_relaxed); \
    if (__builtin_expect(!function, 0)) function = find(&next_##name, #name);      \
    return ((result(*) parameters)function)arguments;                              \
  }
FDIO_LIBC_FUNCTIONS(DEFINE_LIBC)

// What the layers below call, where nothing needs to be done on the way; hidden.c has the rest.
#define DEFINE_WRAP(result, name, parameters, arguments) \
  result __wrap_##name parameters;                       \
  result __wrap_##name parameters {                      \
    return libc_##name arguments;                        \
  }
FDIO_LIBC_PLAIN_FUNCTIONS(DEFINE_WRAP)

// Whatever the program's own library would do with such a call, ours are the kernel's.
static long own_call(long number, long fd, long a, long b, long c, long d) {
  return libc_syscall(number, fd, a, b, c, d, (long)INTERCEPT_PASS);
}

#define WORD(value) ((long)(intptr_t)(value))

int own_shutdown(int fd, int how) {
  return (int)own_call(SYS_shutdown, fd, how, 0, 0, 0);
}

int own_getsockname(int fd, struct sockaddr* addr, socklen_t* length) {
  return (int)own_call(SYS_getsockname, fd, WORD(addr), WORD(length), 0, 0);
}

int own_getpeername(int fd, struct sockaddr* addr, socklen_t* length) {
  return (int)own_call(SYS_getpeername, fd, WORD(addr), WORD(length), 0, 0);
}

int own_getsockopt(int fd, int level, int name, void* value, socklen_t* length) {
  return (int)own_call(SYS_getsockopt, fd, level, name, WORD(value), WORD(length));
}

int own_setsockopt(int fd, int level, int name, const void* value, socklen_t length) {
  return (int)own_call(SYS_setsockopt, fd, level, name, WORD(value), length);
}

#define DEFINE_OWN_WRAP(result, name, parameters, arguments) \
  result __wrap_##name parameters;                           \
  result __wrap_##name parameters {                          \
    return own_##name arguments;                             \
  }
FDIO_LIBC_OWN_FUNCTIONS(DEFINE_OWN_WRAP)

// All of them, before the program begins: dlsym is nothing for a signal handler or a child of vfork.
__attribute__((constructor(101))) static void find_all(void) {
#define FIND(result, name, parameters, arguments) find(&next_##name, #name);
  FDIO_LIBC_FUNCTIONS(FIND)
#undef FIND
}
