// Bells with several listeners; see bell.h.
#include "runtime/zx/bell.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MANY_RINGS 32      // a socket holds some 270
#define STALE_ATTEMPTS 64  // after so many, whoever held the lock died holding it

zx_status_t bell_create_self(int* out_self_bell) {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0) return ZX_ERR_NO_RESOURCES;
  *out_self_bell = fd;
  return ZX_OK;
}

void bell_ring_self(int self_bell) {
  const struct itimerspec past = {.it_value = {.tv_nsec = 1}};
  timerfd_settime(self_bell, TFD_TIMER_ABSTIME, &past, NULL);
}

zx_status_t bell_listen(int bell, int self_bell, int* out_listener) {
  int listener = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
  if (listener < 0) return ZX_ERR_NO_RESOURCES;
  if (epoll_ctl(listener, EPOLL_CTL_ADD, bell, &event) != 0 ||
      (self_bell >= 0 && epoll_ctl(listener, EPOLL_CTL_ADD, self_bell, &event) != 0)) {
    close(listener);
    return ZX_ERR_NO_RESOURCES;
  }
  *out_listener = listener;
  return ZX_OK;
}

short bell_heard(int listener) {
  struct epoll_event events[2];
  int count = epoll_wait(listener, events, 2, 0);
  uint32_t heard = 0;
  for (int i = 0; i < count; i++)
    heard |= events[i].events;
  return (short)heard;
}

void bell_trim(int bell, _Atomic uint32_t* lock) {
  char rings[512];
  int count = 0;
  if (ioctl(bell, FIONREAD, &count) != 0 || count <= MANY_RINGS) return;
  // Two at once could take the last byte. A holder of the memory that never gives the lock back only deafens
  // itself and those who share its end.
  uint32_t seen = atomic_fetch_add_explicit(lock, 1, memory_order_acquire);
  if (seen != 0 && seen < STALE_ATTEMPTS) return;
  if (ioctl(bell, FIONREAD, &count) == 0 && count > 1) {
    size_t take = (size_t)count - 1 < sizeof(rings) ? (size_t)count - 1 : sizeof(rings);
    (void)!recv(bell, rings, take, MSG_DONTWAIT);
  }
  atomic_store_explicit(lock, 0, memory_order_release);
}
