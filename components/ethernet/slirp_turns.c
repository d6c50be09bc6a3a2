// Turns: one epoll instance watches all descriptors of the host, edge-triggered, so that neither one that
// waits for room nor one whose bytes must wait costs a system call. What it and the engine report is noted
// with the party; slirp_leave gives turns to those that were marked. Above: slirp.c.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "slirp_internal.h"

// Descriptors looked at by one epoll_wait; more are found by the next.
enum { EVENTS_AT_ONCE = 64 };

// Frees those that no list has any more.
static void bury(slirp_turns_t* turns) {
  slirp_party_t** at = &turns->dead;
  while (*at) {
    slirp_party_t* party = *at;
    if (party->dirty) {
      at = &party->next_dead;
    } else {
      *at = party->next_dead;
      free(party);
    }
  }
}

static void host_ready(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                       const zx_packet_signal_t* signal) {
  slirp_turns_t* turns = (void*)((char*)wait - offsetof(slirp_turns_t, wait));
  turns->waiting = false;
  if (status != ZX_OK) return;
  struct epoll_event events[EVENTS_AT_ONCE];
  slirp_enter(turns->wire);
  int count = epoll_wait(turns->epoll_fd, events, EVENTS_AT_ONCE, 0);
  for (int i = 0; i < count; i++) {
    slirp_party_t* party = events[i].data.ptr;
    party->host_events |= events[i].events;
    slirp_party_mark(party);
  }
  slirp_leave(turns->wire);
  turns->waiting = async_begin_wait(dispatcher, wait) == ZX_OK;
}

zx_status_t slirp_turns_init(slirp_turns_t* turns, slirp_wire_t* wire) {
  turns->wire = wire;
  turns->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (turns->epoll_fd < 0) return ZX_ERR_NO_RESOURCES;
  int copy = fcntl(turns->epoll_fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return ZX_ERR_NO_RESOURCES;
  turns->wait = (async_wait_t){.handler = host_ready, .trigger = ZX_OBJECT_READABLE};
  zx_status_t status = zx_linux_fd_wrap(copy, &turns->wait.object);
  if (status != ZX_OK) return status;
  status = async_begin_wait(wire->dispatcher, &turns->wait);
  turns->waiting = status == ZX_OK;
  return status;
}

void slirp_turns_deinit(slirp_turns_t* turns) {
  if (turns->waiting) (void)async_cancel_wait(turns->wire->dispatcher, &turns->wait);
  for (slirp_party_t* party = turns->first_dirty; party; party = party->next_dirty)
    party->dirty = false;
  turns->first_dirty = turns->last_dirty = NULL;
  bury(turns);
  zx_handle_close(turns->wait.object);
  if (turns->epoll_fd >= 0) close(turns->epoll_fd);
}

bool slirp_turns_serve(slirp_turns_t* turns) {
  slirp_party_t* party = turns->first_dirty;
  turns->first_dirty = turns->last_dirty = NULL;
  while (party) {
    slirp_party_t* next = party->next_dirty;
    party->dirty = false;
    if (!party->dead) party->serve(party);
    party = next;
  }
  bury(turns);
  return turns->first_dirty != NULL;
}

void slirp_party_init(slirp_party_t* party, slirp_wire_t* wire, void (*serve)(slirp_party_t* party)) {
  party->wire = wire;
  party->serve = serve;
  party->fd = -1;
}

bool slirp_party_watch(slirp_party_t* party, int fd) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                              .data.ptr = party};
  if (epoll_ctl(party->wire->turns.epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) return false;
  party->fd = fd;
  return true;
}

void slirp_party_mark(slirp_party_t* party) {
  if (party->dirty || party->dead) return;
  slirp_turns_t* turns = &party->wire->turns;
  party->dirty = true;
  party->next_dirty = NULL;
  if (turns->last_dirty) {
    turns->last_dirty->next_dirty = party;
  } else {
    turns->first_dirty = party;
  }
  turns->last_dirty = party;
}

void slirp_party_end(slirp_party_t* party) {
  if (party->dead) return;
  slirp_turns_t* turns = &party->wire->turns;
  if (party->fd >= 0) close(party->fd);  // which nobody else has, so it leaves the epoll instance
  party->fd = -1;
  party->dead = true;
  party->next_dead = turns->dead;
  turns->dead = party;
}
