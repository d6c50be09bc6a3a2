// Bells with several listeners; see bell.h.
#include "runtime/zx/bell.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MANY_RINGS 32      // a socket holds some 270
#define STALE_ATTEMPTS 64  // after so many, whoever held the lock died holding it

zx_status_t bell_listen(int bell, int* out_listener) {
  int listener = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
  if (listener < 0) return ZX_ERR_NO_RESOURCES;
  if (epoll_ctl(listener, EPOLL_CTL_ADD, bell, &event) != 0) {
    close(listener);
    return ZX_ERR_NO_RESOURCES;
  }
  *out_listener = listener;
  return ZX_OK;
}

short bell_heard(int listener) {
  struct epoll_event event;
  return epoll_wait(listener, &event, 1, 0) == 1 ? (short)event.events : 0;
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
