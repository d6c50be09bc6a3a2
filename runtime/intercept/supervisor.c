// Takes calls in, lets them wait, answers them.
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zircon/errors.h>
#include <zircon/syscalls.h>

#include "internal.h"

// Of a call that waits nobody tells that a signal has come, or its process has gone. So one looks, at first
// soon, then less and less often.
#define FIRST_LOOK ZX_MSEC(5)
#define SLOWEST_LOOK ZX_MSEC(80)

#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)  // headers may be older
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#endif

// Steps

step_t call_fail(call_t* call, int error) {
  call->error = error;
  call->value = 0;
  return STEP_ANSWER;
}

step_t call_succeed(call_t* call, int64_t value) {
  call->error = 0;
  call->value = value;
  return STEP_ANSWER;
}

step_t call_wait(call_t* call, short events, int64_t timeout_ns) {
  call->events = events;
  if (!call->begun) {
    call->begun = true;
    call->timed = timeout_ns != ZX_TIME_INFINITE;
    call->deadline = call->timed ? zx_deadline_after(timeout_ns) : ZX_TIME_INFINITE;
  }
  return STEP_WAIT;
}

bool call_expired(const call_t* call) {
  return call->begun && call->timed && zx_clock_get_monotonic() >= call->deadline;
}

bool call_blocks(const call_t* call) {
  int flags = fcntl(call->fd, F_GETFL);
  return flags >= 0 && !(flags & O_NONBLOCK);
}

// Watching

bool supervisor_watch(supervisor_t* supervisor, int fd, uint32_t events, source_t* source) {
  struct epoll_event event = {.events = events, .data.ptr = source};
  return epoll_ctl(supervisor->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

// Always before closing: as long as others hold the file, the epoll instance keeps it.
void supervisor_unwatch(supervisor_t* supervisor, int fd) {
  if (fd >= 0) (void)epoll_ctl(supervisor->epoll, EPOLL_CTL_DEL, fd, NULL);
}

// Doing

static step_t do_with_socket(supervisor_t* supervisor, call_t* call) {
  switch (call_number(call)) {
    case SYS_bind:
      return call_bind(supervisor, call);
    case SYS_connect:
      return call_connect(supervisor, call);
    case SYS_listen:
      return call_listen(supervisor, call);
    case SYS_accept:
    case SYS_accept4:
      return call_accept(supervisor, call);
    case SYS_getsockname:
    case SYS_getpeername:
      return call_name(supervisor, call);
    case SYS_getsockopt:
      return call_getsockopt(supervisor, call);
    case SYS_setsockopt:
      return call_setsockopt(supervisor, call);
    case SYS_shutdown:
      return call_shutdown(supervisor, call);
    default:
      return STEP_NATIVE;
  }
}

static step_t do_with_datagram(supervisor_t* supervisor, call_t* call) {
  switch (call_number(call)) {
    case SYS_read:
    case SYS_write:
    case SYS_readv:
    case SYS_writev:
    case SYS_recvfrom:
    case SYS_sendto:
    case SYS_recvmsg:
    case SYS_sendmsg:
    case SYS_recvmmsg:
    case SYS_sendmmsg:
      return call_message(supervisor, call);
    case SYS_ioctl:
      return call_ioctl(supervisor, call);
    case SYS_dup:
    case SYS_fcntl:
      return call_duplicate(supervisor, call);
    default:
      return do_with_socket(supervisor, call);
  }
}

static bool asks_for_error(const call_t* call) {
  return call_number(call) == SYS_getsockopt && call_int(call, 1) == SOL_SOCKET &&
         call_int(call, 2) == SO_ERROR;
}

// Of a connection that is over nothing is known any more, an error neither.
static step_t do_with_ended_stream(supervisor_t* supervisor, call_t* call) {
  int none = 0;
  socklen_t length = sizeof(none);
  int error = call_write(supervisor, call, call_word(call, 3), &none, sizeof(none));
  if (!error) error = call_write(supervisor, call, call_word(call, 4), &length, sizeof(length));
  return call_fail(call, error);
}

static bool is_control(int number) {
  switch (number) {
    case SYS_bind:
    case SYS_connect:
    case SYS_listen:
    case SYS_accept:
    case SYS_accept4:
    case SYS_getsockname:
    case SYS_getpeername:
    case SYS_getsockopt:
    case SYS_setsockopt:
    case SYS_shutdown:
      return true;
    default:
      return false;
  }
}

// fdio's own, about the descriptor; at the numbers of datagram sockets they come here as well.
static bool is_passed(const call_t* call) {
  return call_word(call, 5) == INTERCEPT_PASS;
}

static step_t try(supervisor_t* supervisor, call_t* call) {
  int error;
  step_t step;
  if (call_number(call) == SYS_socket) return call_socket(supervisor, call);
  switch (call_identify(supervisor, call)) {
    case CALL_FAILED:
      return call_fail(call, call->error);
    case CALL_STREAM:
      if (!is_control(call_number(call)) || is_passed(call)) return STEP_NATIVE;
      error = call_attach(supervisor, call);
      if (error == ENOTCONN && asks_for_error(call)) return do_with_ended_stream(supervisor, call);
      return error ? call_fail(call, error) : do_with_socket(supervisor, call);
    case CALL_DATAGRAM:
      step = do_with_datagram(supervisor, call);
      datagram_show(call->datagram, call->fd);
      return step;
    case CALL_NATIVE:
      break;
  }
  // The kernel decides anew by what the descriptor is then. It may have become another one meanwhile; but
  // nothing can be done that way which the program may not do anyhow.
  return STEP_NATIVE;
}

static void respond(supervisor_t* supervisor, const call_t* call, bool native) {
  struct seccomp_notif_resp response = {.id = call->notif.id};
  if (native) {
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  } else if (call->error) {
    response.error = -call->error;
  } else {
    response.val = call->value;
  }
  // It may be gone.
  (void)ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

// Waiting calls

static void put_aside(supervisor_t* supervisor, call_t* call) {
  call->look_interval = FIRST_LOOK;
  call->next_look = zx_deadline_after(FIRST_LOOK);
  call->next = NULL;
  call->previous = supervisor->last_waiting;
  if (call->previous) {
    call->previous->next = call;
  } else {
    supervisor->waiting = call;
  }
  supervisor->last_waiting = call;
}

static void take_back(supervisor_t* supervisor, call_t* call) {
  if (!call->datagram) supervisor_unwatch(supervisor, call->fd);
  if (call->next) {
    call->next->previous = call->previous;
  } else {
    supervisor->last_waiting = call->previous;
  }
  if (call->previous) {
    call->previous->next = call->next;
  } else {
    supervisor->waiting = call->next;
  }
}

static void forget(call_t* call) {
  call_release(call);
  free(call);
}

// A call that has waited and is over, without an answer of its own.
static void give_up(supervisor_t* supervisor, call_t* call) {
  take_back(supervisor, call);
  if (call->has_stream && call_number(call) == SYS_connect) stream_keep_connecting(supervisor, call);
  forget(call);
}

static void finish(supervisor_t* supervisor, call_t* call, step_t step) {
  if (step != STEP_ANSWERED) respond(supervisor, call, step == STEP_NATIVE);
  forget(call);
}

static void again(supervisor_t* supervisor, call_t* call) {
  step_t step = try(supervisor, call);
  if (step == STEP_WAIT) return;
  take_back(supervisor, call);
  finish(supervisor, call, step);
}

static void begin(supervisor_t* supervisor, const struct seccomp_notif* notif) {
  call_t* call = calloc(1, sizeof(*call));
  if (!call) {
    call_t none = {.notif = *notif, .error = ENOMEM};
    respond(supervisor, &none, false);
    return;
  }
  call->source = (source_t){SOURCE_WAITING, call};
  call->notif = *notif;
  call->fd = -1;
  step_t step = try(supervisor, call);
  if (step == STEP_WAIT && !call->datagram &&
      !supervisor_watch(supervisor, call->fd, (uint32_t)call->events, &call->source))
    step = call_fail(call, ENOBUFS);
  if (step == STEP_WAIT) {
    put_aside(supervisor, call);
  } else {
    finish(supervisor, call, step);
  }
}

static void datagram_event(supervisor_t* supervisor, datagram_t* datagram) {
  call_t* next;
  for (call_t* call = supervisor->waiting; call; call = next) {
    next = call->next;
    if (call->datagram == datagram) again(supervisor, call);
  }
  datagram_changed(datagram);
}

// Looking

static void look_at(supervisor_t* supervisor, call_t* call, zx_time_t now) {
  if (!call_is_valid(supervisor, call)) {
    give_up(supervisor, call);
    return;
  }
  if (call->timed && now >= call->deadline) {
    again(supervisor, call);
    return;
  }
  int interruption = call_interruption(supervisor, call);
  if (interruption) {
    // What has been done counts: of several messages, those that have been received are gone from the queue.
    if (call->done > 0) {
      call_succeed(call, call->done);
    } else {
      call_fail(call, interruption);
    }
    respond(supervisor, call, false);
    give_up(supervisor, call);
    return;
  }
  call->look_interval = call->look_interval * 2 > SLOWEST_LOOK ? SLOWEST_LOOK : call->look_interval * 2;
  call->next_look = now + call->look_interval;
}

static zx_time_t due(const call_t* call) {
  return call->deadline < call->next_look ? call->deadline : call->next_look;
}

// Looks at all that are due; how long until the next is, in milliseconds, -1: none waits.
static int look(supervisor_t* supervisor) {
  call_t* next;
  zx_time_t now = zx_clock_get_monotonic(), first = ZX_TIME_INFINITE;
  for (call_t* call = supervisor->waiting; call; call = next) {
    next = call->next;
    if (due(call) <= now) look_at(supervisor, call, now);
  }
  for (call_t* call = supervisor->waiting; call; call = call->next) {
    if (due(call) < first) first = due(call);
  }
  if (first == ZX_TIME_INFINITE) return -1;
  return first <= now ? 0 : (int)((first - now + ZX_MSEC(1) - 1) / ZX_MSEC(1));
}

void supervisor_sweep(supervisor_t* supervisor) {
  call_t* next;
  for (call_t* call = supervisor->waiting; call; call = next) {
    next = call->next;
    if (!call_is_valid(supervisor, call)) give_up(supervisor, call);
  }
  datagram_close_forsaken(supervisor);
}

// The loop

static bool take_call(supervisor_t* supervisor) {
  struct seccomp_notif notif;
  memset(&notif, 0, sizeof(notif));
  if (ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_RECV, &notif) == 0) {
    begin(supervisor, &notif);
    return true;
  }
  return errno == EINTR || errno == ENOENT;  // the caller is gone already
}

// False: there is nothing left to serve.
static bool handle(supervisor_t* supervisor, const source_t* source, uint32_t events) {
  switch (source->kind) {
    case SOURCE_LISTENER:
      return events & EPOLLIN ? take_call(supervisor) : false;
    case SOURCE_WAITING:
      again(supervisor, source->owner);
      return true;
    case SOURCE_CONNECTING:
      connecting_decided(supervisor, source->owner);
      return true;
    case SOURCE_SHAPE:
      datagram_event(supervisor, source->owner);
      return true;
    case SOURCE_PEER:
      datagram_close(supervisor, source->owner);
      return true;
  }
  return true;
}

// One waits while the other works: the kernel need not look for another processor. (Linux 6.6.)
static void ask_for_short_ways(const supervisor_t* supervisor) {
  uint64_t flags = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP;
  (void)ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags);
}

static zx_status_t serve(supervisor_t* supervisor) {
  ask_for_short_ways(supervisor);
  supervisor->listener_source.kind = SOURCE_LISTENER;
  if (!supervisor_watch(supervisor, supervisor->listener, EPOLLIN, &supervisor->listener_source))
    return ZX_ERR_NO_RESOURCES;
  for (;;) {
    // One at a time: what is done for one may be the end of another.
    struct epoll_event event;
    int count = epoll_wait(supervisor->epoll, &event, 1, look(supervisor));
    if (count == 1 && !handle(supervisor, event.data.ptr, event.events)) return ZX_OK;
    if (count < 0 && errno != EINTR) return ZX_ERR_INTERNAL;
  }
}

static void end(supervisor_t* supervisor) {
  while (supervisor->waiting)
    give_up(supervisor, supervisor->waiting);
  for (unsigned i = 0; supervisor->datagrams && i < DATAGRAM_BUCKETS; i++) {
    while (supervisor->datagrams[i])
      datagram_close(supervisor, supervisor->datagrams[i]);
  }
  zx_handle_close(supervisor->provider);
  zx_handle_close(supervisor->svc);
  if (supervisor->epoll >= 0) close(supervisor->epoll);
  close(supervisor->listener);
  free(supervisor->datagrams);
  free(supervisor->bytes);
}

zx_status_t intercept_serve(const intercept_numbers_t* numbers, int listener, zx_handle_t svc) {
  supervisor_t supervisor = {.numbers = *numbers, .listener = listener, .svc = svc};
  supervisor.epoll = epoll_create1(EPOLL_CLOEXEC);
  supervisor.datagrams = calloc(DATAGRAM_BUCKETS, sizeof(*supervisor.datagrams));
  supervisor.bytes = malloc(DATAGRAM_BYTES_MAX);
  zx_status_t status = supervisor.epoll < 0 || !supervisor.datagrams || !supervisor.bytes
                           ? ZX_ERR_NO_MEMORY
                           : serve(&supervisor);
  end(&supervisor);
  return status;
}
