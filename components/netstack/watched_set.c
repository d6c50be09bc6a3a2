#include "watched_set.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

enum { EVENTS_AT_ONCE = 64 };

static const zx_duration_t retry_ns = ZX_MSEC(20);

// Releases those that nobody can come across any more: no round is in progress, and no list has them.
static void bury(watched_set_t* set) {
  if (set->depth > 0) return;
  watched_t** at = &set->dead;
  while (*at) {
    watched_t* member = *at;
    if (member->dirty) {
      at = &member->next_dead;
    } else {
      *at = member->next_dead;
      set->ops->release(member);
    }
  }
}

void watched_set_begin(watched_set_t* set) {
  set->depth++;
}

void watched_set_end(watched_set_t* set) {
  set->depth--;
  bury(set);
}

static bool take_events(watched_set_t* set) {
  struct epoll_event events[EVENTS_AT_ONCE];
  int count = epoll_wait(set->epoll_fd, events, EVENTS_AT_ONCE, 0);
  for (int i = 0; i < count; i++) {
    watched_t* member = events[i].data.ptr;
    if (!member->dead) set->ops->report(member, events[i].events);
  }
  return count == EVENTS_AT_ONCE;
}

void watched_set_report(watched_set_t* set) {
  watched_set_begin(set);
  // Each has one report of what was there before; what comes while we look is another edge.
  for (size_t seen = 0; take_events(set) && seen < set->count; seen += EVENTS_AT_ONCE)
    continue;
  watched_set_end(set);
}

static void epoll_ready(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                        const zx_packet_signal_t* signal) {
  watched_set_t* set = (void*)((char*)wait - offsetof(watched_set_t, epoll));
  if (status != ZX_OK) return;
  watched_set_begin(set);
  netstack_enter(set->netstack);
  (void)take_events(set);
  netstack_leave(set->netstack);
  watched_set_end(set);
  if (set->count > 0) (void)async_begin_wait(dispatcher, &set->epoll);
}

bool watched_set_watch(watched_set_t* set, watched_t* member, int fd, uint32_t events, bool wants_out) {
  if (member->is_watched && member->wants_out == wants_out) return true;
  struct epoll_event event = {.events = events | EPOLLET | (wants_out ? EPOLLOUT : 0u), .data.ptr = member};
  int operation = member->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (epoll_ctl(set->epoll_fd, operation, fd, &event) != 0) return false;
  member->is_watched = true;
  member->wants_out = wants_out;
  return true;
}

void watched_forget(watched_t* member) {
  member->is_watched = false;
}

void watched_set_mark(watched_set_t* set, watched_t* member) {
  if (member->dirty || member->dead) return;
  member->dirty = true;
  member->next_dirty = NULL;
  *(set->last_dirty ? &set->last_dirty->next_dirty : &set->first_dirty) = member;
  set->last_dirty = member;
}

static void retry_due(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  watched_set_t* set = (void*)((char*)task - offsetof(watched_set_t, retry));
  if (status != ZX_OK) return;
  set->retries = false;
  netstack_enter(set->netstack);
  for (watched_t* member = set->all; member; member = member->next) {
    if (!member->retries) continue;
    member->retries = false;
    if (set->ops->retry) set->ops->retry(member);
    watched_set_mark(set, member);
  }
  netstack_leave(set->netstack);
}

void watched_set_mark_later(watched_set_t* set, watched_t* member) {
  member->retries = true;
  if (set->retries) return;
  set->retry.deadline = zx_deadline_after(retry_ns);
  set->retries = async_post_task(netstack_dispatcher(set->netstack), &set->retry) == ZX_OK;
}

bool watched_set_serve(watched_set_t* set) {
  if (!set->first_dirty) return false;
  watched_set_begin(set);
  watched_t* member = set->first_dirty;
  set->first_dirty = set->last_dirty = NULL;
  while (member) {
    watched_t* next = member->next_dirty;
    member->dirty = false;
    if (!member->dead) set->ops->serve(member);
    member = next;
  }
  watched_set_end(set);
  return set->first_dirty != NULL;
}

void watched_set_add(watched_set_t* set, watched_t* member) {
  member->next = set->all;
  if (set->all) set->all->previous = member;
  set->all = member;
  if (set->count++ == 0) (void)async_begin_wait(netstack_dispatcher(set->netstack), &set->epoll);
}

void watched_set_remove(watched_set_t* set, watched_t* member) {
  *(member->previous ? &member->previous->next : &set->all) = member->next;
  if (member->next) member->next->previous = member->previous;
  if (--set->count == 0) (void)async_cancel_wait(netstack_dispatcher(set->netstack), &set->epoll);
  member->dead = true;
  member->next_dead = set->dead;
  set->dead = member;
  bury(set);
}

zx_status_t watched_set_init(watched_set_t* set, netstack_t* netstack, const watched_ops_t* ops) {
  *set = (watched_set_t){.netstack = netstack,
                         .ops = ops,
                         .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
                         .epoll = {.handler = epoll_ready, .trigger = ZX_OBJECT_READABLE},
                         .retry = {.handler = retry_due}};
  int copy = set->epoll_fd < 0 ? -1 : fcntl(set->epoll_fd, F_DUPFD_CLOEXEC, 0);
  if (copy >= 0 && zx_linux_fd_wrap(copy, &set->epoll.object) == ZX_OK) return ZX_OK;
  if (set->epoll_fd >= 0) close(set->epoll_fd);
  return ZX_ERR_NO_RESOURCES;
}

void watched_set_deinit(watched_set_t* set) {
  for (watched_t* member = set->dead; member; member = member->next_dead)
    member->dirty = false;
  bury(set);
  (void)async_cancel_task(netstack_dispatcher(set->netstack), &set->retry);
  (void)async_cancel_wait(netstack_dispatcher(set->netstack), &set->epoll);
  zx_handle_close(set->epoll.object);
  close(set->epoll_fd);
}
