// See slirp_poll.h. Most fills ask for what the one before asked for, and cost no system call then.
#include "slirp_poll.h"

#include <errno.h>
#include <fcntl.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zircon/linux.h>

// Descriptors collected by one epoll_wait; more are found again the next time.
#define COLLECT_MAX 64

typedef struct event_pair {
  int slirp;
  uint32_t epoll;
} event_pair_t;

static const event_pair_t event_pairs[] = {
    {SLIRP_POLL_IN, EPOLLIN},   {SLIRP_POLL_OUT, EPOLLOUT}, {SLIRP_POLL_PRI, EPOLLPRI},
    {SLIRP_POLL_ERR, EPOLLERR}, {SLIRP_POLL_HUP, EPOLLHUP},
};

static uint32_t to_epoll(int events) {
  uint32_t result = 0;
  for (size_t i = 0; i < sizeof(event_pairs) / sizeof(event_pairs[0]); i++) {
    if (events & event_pairs[i].slirp) result |= event_pairs[i].epoll;
  }
  return result;
}

static int from_epoll(uint32_t events) {
  int result = 0;
  for (size_t i = 0; i < sizeof(event_pairs) / sizeof(event_pairs[0]); i++) {
    if (events & event_pairs[i].epoll) result |= event_pairs[i].slirp;
  }
  return result;
}

zx_status_t slirp_poll_init(slirp_poll_t* poll) {
  memset(poll, 0, sizeof(*poll));
  poll->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  return poll->epoll_fd >= 0 ? ZX_OK : ZX_ERR_NO_RESOURCES;
}

zx_status_t slirp_poll_wrap(const slirp_poll_t* poll, zx_handle_t* out) {
  int copy = fcntl(poll->epoll_fd, F_DUPFD_CLOEXEC, 0);
  return copy < 0 ? ZX_ERR_NO_RESOURCES : zx_linux_fd_wrap(copy, out);
}

void slirp_poll_deinit(slirp_poll_t* poll) {
  if (poll->epoll_fd >= 0) close(poll->epoll_fd);
  free(poll->watches);
  free(poll->interests);
  memset(poll, 0, sizeof(*poll));
  poll->epoll_fd = -1;
}

void slirp_poll_begin(slirp_poll_t* poll) {
  poll->watch_count = 0;
  poll->generation++;
}

// Makes `*array` hold more than `index` elements of `size` bytes, new ones zeroed.
static bool grow(void** array, size_t* capacity, size_t index, size_t size) {
  if (index < *capacity) return true;
  size_t wanted = *capacity ? *capacity : 16;
  while (wanted <= index)
    wanted *= 2;
  char* grown = realloc(*array, wanted * size);
  if (!grown) return false;
  memset(grown + *capacity * size, 0, (wanted - *capacity) * size);
  *array = grown;
  *capacity = wanted;
  return true;
}

static bool grow_watches(slirp_poll_t* poll, size_t index) {
  void* array = poll->watches;
  bool grown = grow(&array, &poll->watch_capacity, index, sizeof(*poll->watches));
  poll->watches = array;
  return grown;
}

static bool grow_interests(slirp_poll_t* poll, size_t index) {
  void* array = poll->interests;
  bool grown = grow(&array, &poll->interest_capacity, index, sizeof(*poll->interests));
  poll->interests = array;
  return grown;
}

int slirp_poll_add(slirp_poll_t* poll, int fd, int events) {
  if (fd < 0 || !grow_watches(poll, poll->watch_count) || !grow_interests(poll, (size_t)fd)) return -1;
  int index = (int)poll->watch_count++;
  poll->watches[index] = (slirp_poll_watch_t){.fd = fd, .events = events};
  poll->interests[fd].generation = poll->generation;
  poll->interests[fd].index = index;
  return index;
}

static void watch(slirp_poll_t* poll, int fd, slirp_poll_interest_t* interest, uint32_t events) {
  if (interest->watched && interest->events == events) return;
  struct epoll_event event = {.events = events, .data.fd = fd};
  int operation = interest->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  int result = epoll_ctl(poll->epoll_fd, operation, fd, &event);
  if (result != 0 && errno == ENOENT) result = epoll_ctl(poll->epoll_fd, EPOLL_CTL_ADD, fd, &event);
  if (result != 0 && errno == EEXIST) result = epoll_ctl(poll->epoll_fd, EPOLL_CTL_MOD, fd, &event);
  interest->watched = result == 0;
  interest->events = events;
}

void slirp_poll_forget(slirp_poll_t* poll, int fd) {
  if (fd < 0 || (size_t)fd >= poll->interest_capacity || !poll->interests[fd].watched) return;
  epoll_ctl(poll->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
  poll->interests[fd].watched = false;
}

void slirp_poll_end(slirp_poll_t* poll) {
  for (size_t fd = 0; fd < poll->interest_capacity; fd++) {
    if (poll->interests[fd].generation != poll->generation) slirp_poll_forget(poll, (int)fd);
  }
  for (size_t i = 0; i < poll->watch_count; i++) {
    const slirp_poll_watch_t* wanted = &poll->watches[i];
    watch(poll, wanted->fd, &poll->interests[wanted->fd], to_epoll(wanted->events));
  }
}

void slirp_poll_collect(slirp_poll_t* poll) {
  struct epoll_event events[COLLECT_MAX];
  int count = epoll_wait(poll->epoll_fd, events, COLLECT_MAX, 0);
  for (int i = 0; i < count; i++) {
    const slirp_poll_interest_t* interest = &poll->interests[events[i].data.fd];
    if (interest->generation == poll->generation)
      poll->watches[interest->index].ready = from_epoll(events[i].events);
  }
}

int slirp_poll_ready(const slirp_poll_t* poll, int index) {
  if (index < 0 || (size_t)index >= poll->watch_count) return 0;
  return poll->watches[index].ready;
}
