// Descriptors of our own: at high numbers, close-on-exec, and hidden from the program.
//
// The layers below make descriptors with the C library's functions, which the linker's --wrap leads here.
// Each new one moves up and enters the table as internal; the program's close, dup2 and the like then treat
// it as no descriptor at all.
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "fdio.h"

// Where our own descriptors begin, if the program may have that many; few programs come near it.
#define INTERNAL_FLOOR 900
#define INTERNAL_ROOM 100

static atomic_int floor_fd;
// One of ours has found no room there since somebody asked.
static atomic_bool crowded;

void fdio_hidden_init(void) {
  struct rlimit limit;
  int floor = INTERNAL_FLOOR;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INTERNAL_FLOOR + INTERNAL_ROOM) {
    floor = (int)(limit.rlim_cur - limit.rlim_cur / 4);
  }
  atomic_store_explicit(&floor_fd, floor, memory_order_relaxed);
}

static void hide(int fd) {
  if (fdio_table_reserve(fd)) fdio_entry_release(fdio_table_swap(fd, FDIO_INTERNAL));
}

int fdio_hide_inherited(int fd) {
  int floor = atomic_load_explicit(&floor_fd, memory_order_relaxed);
  int high = fd >= floor ? fd : libc_fcntl(fd, F_DUPFD, (void*)(intptr_t)floor);
  if (high < 0) high = fd;
  if (high != fd) libc_close(fd);
  hide(high);
  return high;
}

// Moves a fresh descriptor up and hides it. Where there is no room above, it stays where it is. Keeps errno.
static int claim(int fd) {
  if (fd < 0) return fd;
  int saved_errno = errno;
  int floor = atomic_load_explicit(&floor_fd, memory_order_relaxed);
  int claimed = fd >= floor ? fd : libc_fcntl(fd, F_DUPFD_CLOEXEC, (void*)(intptr_t)floor);
  if (claimed < 0) {
    claimed = fd;
    atomic_store_explicit(&crowded, true, memory_order_relaxed);
  } else if (claimed != fd) {
    libc_close(fd);
  }
  hide(claimed);
  errno = saved_errno;
  return claimed;
}

int __real_socketpair(int domain, int type, int protocol, int fds[2]);
int __wrap_socketpair(int domain, int type, int protocol, int fds[2]);
int __wrap_socketpair(int domain, int type, int protocol, int fds[2]) {
  int result = __real_socketpair(domain, type, protocol, fds);
  if (result == 0) {
    fds[0] = claim(fds[0]);
    fds[1] = claim(fds[1]);
  }
  return result;
}

int __real_pipe2(int fds[2], int flags);
int __wrap_pipe2(int fds[2], int flags);
int __wrap_pipe2(int fds[2], int flags) {
  int result = __real_pipe2(fds, flags);
  if (result == 0) {
    fds[0] = claim(fds[0]);
    fds[1] = claim(fds[1]);
  }
  return result;
}

#define WRAP_MAKER(name, parameters, arguments) \
  int __real_##name parameters;                 \
  int __wrap_##name parameters;                 \
  int __wrap_##name parameters {                \
    return claim(__real_##name arguments);      \
  }

WRAP_MAKER(eventfd, (unsigned count, int flags), (count, flags))
WRAP_MAKER(memfd_create, (const char* name, unsigned flags), (name, flags))
WRAP_MAKER(timerfd_create, (int clock, int flags), (clock, flags))
WRAP_MAKER(epoll_create1, (int flags), (flags))

int __wrap_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol) {
  return claim(libc_socket(domain, type, protocol));
}

int __real_signalfd(int fd, const sigset_t* mask, int flags);
int __wrap_signalfd(int fd, const sigset_t* mask, int flags);
int __wrap_signalfd(int fd, const sigset_t* mask, int flags) {
  int result = __real_signalfd(fd, mask, flags);
  return fd < 0 ? claim(result) : result;
}

int __wrap_dup(int fd);
int __wrap_dup(int fd) {
  return claim(libc_dup(fd));
}

int __wrap_fcntl(int fd, int command, void* argument);
int __wrap_fcntl(int fd, int command, void* argument) {
  int result = libc_fcntl(fd, command, argument);
  return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? claim(result) : result;
}

int __wrap_fcntl64(int fd, int command, void* argument);
int __wrap_fcntl64(int fd, int command, void* argument) {
  return __wrap_fcntl(fd, command, argument);
}

// Descriptors that come in messages.
static void claim_received(struct msghdr* message) {
  for (struct cmsghdr* header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      fd = claim(fd);
      memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof(int));
    }
  }
}

ssize_t __wrap_recvmsg(int fd, struct msghdr* message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr* message, int flags) {
  ssize_t result = libc_recvmsg(fd, message, flags);
  if (result >= 0 && message->msg_controllen > 0) claim_received(message);
  return result;
}

int __wrap_close(int fd);
int __wrap_close(int fd) {
  if (fdio_table_peek(fd) == FDIO_INTERNAL) fdio_table_swap(fd, NULL);
  return libc_close(fd);
}

// Whether that many of the highest numbers the program may have are free, which takes two calls. They mostly
// are, and else other numbers may be.
static bool has_room_above(int count) {
  enum { LOOKED_AT = 8 };
  struct pollfd highest[LOOKED_AT];
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < LOOKED_AT || limit.rlim_cur > INT_MAX)
    return false;
  for (int i = 0; i < LOOKED_AT; i++)
    highest[i] = (struct pollfd){.fd = (int)limit.rlim_cur - 1 - i};
  if (libc_poll(highest, LOOKED_AT, 0) < 0) return false;
  for (int i = 0; i < LOOKED_AT; i++) {
    if (highest[i].revents & POLLNVAL) count--;
  }
  return count <= 0;
}

static bool has_room_anywhere(int fd, int count) {
  int spare = libc_fcntl(fd, F_DUPFD_CLOEXEC, NULL);
  if (spare < 0) return false;
  bool room = count == 1 || has_room_anywhere(fd, count - 1);
  libc_close(spare);
  return room;
}

bool fdio_crowded(void) {
  return atomic_load_explicit(&crowded, memory_order_relaxed) &&
         atomic_exchange_explicit(&crowded, false, memory_order_relaxed);
}

bool fdio_room_for(int fd, int count) {
  return has_room_above(count) || has_room_anywhere(fd, count);
}

int fdio_reveal(int fd) {
  int revealed = libc_fcntl(fd, F_DUPFD_CLOEXEC, NULL);
  int saved_errno = errno;
  __wrap_close(fd);
  errno = saved_errno;
  return revealed;
}
