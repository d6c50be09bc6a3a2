// Linux descriptors in a loop: one libev watcher each, kept for reuse.
#include <poll.h>
#include <stdlib.h>

#include "loop_impl.h"

typedef struct fd_watcher {
  ev_io io;
  async_loop_t* loop;
  async_fd_t* fd;
  struct fd_watcher* next_free;
} fd_watcher_t;

static void on_ready(struct ev_loop* ev, ev_io* io, int ev_events) {
  fd_watcher_t* watcher = io->data;
  short events = (short)((ev_events & EV_READ ? POLLIN : 0) | (ev_events & EV_WRITE ? POLLOUT : 0));
  watcher->loop->handled++;
  watcher->fd->handler(&watcher->loop->dispatcher, watcher->fd, ZX_OK, events);
}

static fd_watcher_t* take_watcher(async_loop_t* loop) {
  fd_watcher_t* watcher = loop->free_watchers;
  if (!watcher) return malloc(sizeof(*watcher));
  loop->free_watchers = watcher->next_free;
  return watcher;
}

zx_status_t async_begin_fd(async_dispatcher_t* dispatcher, async_fd_t* fd) {
  async_loop_t* loop = dispatcher->loop;
  if (loop->shut_down) return ZX_ERR_BAD_STATE;
  if (fd->state.watcher) return ZX_ERR_ALREADY_EXISTS;
  if (fd->fd < 0 || (fd->events & ~(POLLIN | POLLOUT)) || fd->events == 0) return ZX_ERR_INVALID_ARGS;
  fd_watcher_t* watcher = take_watcher(loop);
  if (!watcher) return ZX_ERR_NO_MEMORY;
  watcher->loop = loop;
  watcher->fd = fd;
  int events = (fd->events & POLLIN ? EV_READ : 0) | (fd->events & POLLOUT ? EV_WRITE : 0);
  ev_io_init(&watcher->io, on_ready, fd->fd, events);
  watcher->io.data = watcher;
  ev_io_start(loop->ev, &watcher->io);
  fd->state.watcher = watcher;
  node_insert(&loop->fds, &fd->state.node);
  return ZX_OK;
}

zx_status_t async_cancel_fd(async_dispatcher_t* dispatcher, async_fd_t* fd) {
  async_loop_t* loop = dispatcher->loop;
  fd_watcher_t* watcher = fd->state.watcher;
  if (!watcher) return ZX_ERR_NOT_FOUND;
  ev_io_stop(loop->ev, &watcher->io);
  watcher->next_free = loop->free_watchers;
  loop->free_watchers = watcher;
  fd->state.watcher = NULL;
  node_remove(&fd->state.node);
  return ZX_OK;
}

void fds_shutdown(async_loop_t* loop) {
  while (loop->fds.next != &loop->fds) {
    async_fd_t* fd = (void*)((char*)loop->fds.next - offsetof(async_fd_t, state.node));
    async_cancel_fd(&loop->dispatcher, fd);
    fd->handler(&loop->dispatcher, fd, ZX_ERR_CANCELED, 0);
  }
  while (loop->free_watchers) {
    fd_watcher_t* watcher = loop->free_watchers;
    loop->free_watchers = watcher->next_free;
    free(watcher);
  }
}
