// What the files of fdio share. The layers, bottom up: libc.h (the C library under us), table.h (which
// descriptor is which socket), this (the state of the process, and calls on sockets as a program sees them:
// blocking, errno), and the files that define the C library's names.
#ifndef RUNTIME_FDIO_FDIO_H_
#define RUNTIME_FDIO_FDIO_H_

#include <errno.h>
#include <lib/zxio/zxio.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "libc.h"
#include "table.h"

// The names of the C library that we take; everything else stays hidden.
#define FDIO_EXPORT __attribute__((visibility("default")))
#define FDIO_ALIAS(name) __attribute__((visibility("default"), alias(name)))

// The process

// Whether this process has a network stack to speak to. The first call reads the environment.
bool fdio_active(void);

// Whether the caller is a child that shares our memory but not our descriptors (vfork, posix_spawn). Such a
// child may close and move its own descriptors; the table is not its to change.
bool fdio_foreign_process(void);

// Before anything is done with what the process has of ours: if it is a copy that was made behind the C
// library's back, it drops what is its parent's. Costs a load.
void fdio_check_process(void);

// Serialises the slow things: making sockets, forking. No signal handler runs on the thread meanwhile.
void fdio_lock(sigset_t* saved);
void fdio_unlock(const sigset_t* saved);

// How often a request is made before the network stack counts as gone. One that is killed takes requests
// along more than once: what was under way on the connection to it, and then what asked for a new connection
// and had reached it already. Each costs a death, so that nothing is asked in vain for ever.
#define FDIO_PROVIDER_ATTEMPTS 8

// A channel to the provider of sockets, borrowed. `renew`: the one returned before turned out to be dead.
zx_status_t fdio_provider(bool renew, zx_handle_t* out);

// Says something on standard error if JACINTH_FDIO_DEBUG is set.
void fdio_debug(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Descriptors of our own. All that the layers below make are hidden anyway (hidden.c).
void fdio_hidden_init(void);
// Hides one that came from the process before this one, and is for the ones after it; returns where it is
// now.
int fdio_hide_inherited(int fd);
// The program's own descriptor in place of a hidden one, which is closed: the lowest number free,
// close-on-exec; -1 with errno.
int fdio_reveal(int fd);
// Whether so many descriptors more, at least one, can be had at this moment. `fd` is any open one.
bool fdio_room_for(int fd, int count);
// Whether one of our own has been left among the program's, for want of room, since this was last asked.
bool fdio_crowded(void);

// Registers what must happen around fork. Called once, when the process turns out to be active.
void fdio_fork_init(void);
// In a child that none of that happened for: its sockets are closed, new ones can be made.
void fdio_fork_late(void);
// In a child: forgets the parent's connection to the provider and takes the process for our own again.
void fdio_adopt_process(void);

// Calls on sockets
//
//   FDIO_ENTER(call, fd, libc_something(fd, ...));
//   ... call.socket ...
//   return fdio_leave(&call, <errno number of the operation>, <result if that is 0>);
//
// Between enter and leave the socket cannot go away, whoever closes the descriptor. errno is changed on
// failure only.
//
// A signal handler may make calls, too, and may jump away: where the program has handlers, they run between
// calls and while calls wait. (A handler that the library has not seen being installed may interrupt a call
// halfway, where the layers below hold locks; a call it makes then fails with EDEADLK instead of waiting for
// itself.)

typedef struct fdio_call {
  fdio_socket_t* socket;  // NULL: not ours, the C library's business
  int error;              // else, if not 0, what the call ends with
  int saved_errno;
} fdio_call_t;

// Begins the call `call` on `fd`, or returns from the function: `otherwise` for a descriptor that is not
// ours.
#define FDIO_ENTER(call, fd, otherwise) \
  fdio_call_t call = fdio_enter(fd);    \
  if (!call.socket) return otherwise;   \
  if (call.error) {                     \
    errno = call.error;                 \
    return -1;                          \
  }

// The same for calls that only sockets have and that need the socket's server. It also finds streams that
// this process has come by in other ways than socket and accept.
#define FDIO_ENTER_SOCKET(call, fd, otherwise)                              \
  if (!fdio_table_peek(fd) && !fdio_stream_recognise(fd)) return otherwise; \
  FDIO_ENTER(call, fd, otherwise);                                          \
  {                                                                         \
    int attach_error_ = fdio_stream_attach(call.socket, fd);                \
    if (attach_error_) return (int)fdio_leave(&call, attach_error_, -1);    \
  }

fdio_call_t fdio_enter(int fd);
ssize_t fdio_leave(fdio_call_t* call, int error, ssize_t result);

// What a thread is doing.
typedef struct fdio_thread {
  bool busy;               // in a call of ours, beyond which the layers below may hold locks
  bool masked;             // busy with all signals blocked; `mask` is the program's
  fdio_socket_t* waiting;  // the socket whose wait signal handlers are interrupting just now
  sigset_t mask;
} fdio_thread_t;

extern _Thread_local fdio_thread_t fdio_thread;

// Begins and ends being busy. A program without signal handlers pays nothing for them; in one that has some,
// signals wait until the call is over or sleeps. False: the thread is busy already, this is a signal
// handler's call.
bool fdio_busy_begin(void);
void fdio_busy_end(void);

// Whether the program has ever installed a signal handler.
extern atomic_bool fdio_has_handlers;

// Waiting, in a way that the program's signal handlers can interrupt.
//
// All signals are blocked while a thread waits, but they end the wait; then the program's mask is put back,
// at which point handlers run, where no lock is held. What is pending before that tells whether a call is to
// end with EINTR.
typedef struct fdio_interrupt {
  int fd;  // readable when a signal is pending that the program does not block; -1 if there is none
  int slot;
  sigset_t mask;  // the program's
} fdio_interrupt_t;

void fdio_interrupt_begin(fdio_interrupt_t* interrupt);
// Lets pending handlers run. Returns whether one of them ends the call: one without SA_RESTART, or any if the
// call is `timed`.
bool fdio_interrupt_end(fdio_interrupt_t* interrupt, bool timed);
// In a forked child: what other threads held is free, and what is shared with the parent is given up.
void fdio_interrupt_reset(void);

// recvmsg and sendmsg as POSIX has them, blocking unless MSG_DONTWAIT or O_NONBLOCK. Return an errno number,
// 0 with `out_actual`.
int fdio_socket_recvmsg(fdio_socket_t* socket, int fd, struct msghdr* message, int flags, size_t* out_actual);
int fdio_socket_sendmsg(fdio_socket_t* socket, int fd, const struct msghdr* message, int flags,
                        size_t* out_actual);

// Waiting for a socket.
typedef struct fdio_waiting {
  fdio_socket_t* socket;
  int fd;
  zxio_events_t events;
  int64_t timeout_ns;
  zx_time_t deadline;  // set at the first wait
  bool begun;
  bool shut;            // the last wait ended because this direction is shut down
  zxio_events_t shown;  // what the last wait saw
} fdio_waiting_t;

// Waits until the operation is worth another try: 0, or the errno number that ends it, EAGAIN for the
// timeout.
int fdio_wait(fdio_waiting_t* waiting);

// The program has asked for the queue of errors of a datagram socket: from now on poll() tells of it.
void fdio_note_error_queue(fdio_socket_t* socket);

// Whether the descriptor has O_NONBLOCK.
bool fdio_nonblocking(int fd);

// A message as its sender means it: a name without a length, or a length without a name, is none, as in Linux.
static inline struct msghdr fdio_as_sent(const struct msghdr* message) {
  struct msghdr sent = *message;
  if (!sent.msg_name || sent.msg_namelen == 0) {
    sent.msg_name = NULL;
    sent.msg_namelen = 0;
  }
  return sent;
}

// How many messages sendmmsg and recvmmsg take at a time, as in Linux.
#define FDIO_MESSAGES_MAX 1024u

// Gives a socket its place in the table: `fd` with the flags in `type` (SOCK_NONBLOCK, SOCK_CLOEXEC). `state`
// is a stream's. Consumes `zxio` and `fd`, also on failure. Returns an errno number.
int fdio_socket_install(zxio_socket_t* zxio, int fd, int type, zxio_stream_state_t state);

// The same for a descriptor that stays as it is and the program's. Consumes `zxio`. False: no room.
bool fdio_socket_enter(zxio_socket_t* zxio, int fd, zxio_stream_state_t state);

// Lets go of what a socket holds; its descriptor is closed already.
void fdio_socket_close(fdio_socket_t* socket);

// socket(2) for the families of the internet: the new descriptor, or -1 with errno.
int fdio_socket_open(int domain, int type, int protocol);

// Datagram sockets of the fast kind (datagram.c)

bool fdio_is_fast(const fdio_socket_t* entry);
// As the functions of their names; outside of fdio_enter and fdio_leave.
ssize_t fdio_datagram_sendmsg(int fd, const struct msghdr* message, int flags);
ssize_t fdio_datagram_recvmsg(int fd, struct msghdr* message, int flags);
int fdio_datagram_sendmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags);
int fdio_datagram_recvmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags, zx_time_t deadline);
// FIONREAD.
int fdio_datagram_readable_bytes(int fd);
// POLLIN and POLLERR as the kernel has them on a socket of its own. Between fdio_enter and fdio_leave.
zxio_events_t fdio_datagram_events(fdio_socket_t* socket, int fd);

// Streams (stream.c), and what datagram sockets of the fast kind have in common with them

bool fdio_is_stream(const fdio_socket_t* entry);
// Whether bytes can be read and written as far as this process knows: then the kernel's calls do.
bool fdio_is_connected_stream(int fd);

// Whether `fd`, which is not in the table, is one that this process has inherited or was passed; then it is
// in the table afterwards.
bool fdio_stream_recognise(int fd);

// Datagram sockets of the fast kind among the descriptors that this process begins with, and among those that
// came with a message, are in the table afterwards.
void fdio_recognise_inherited(void);
void fdio_recognise_received(const struct msghdr* message);

// Before anything that asks the server: makes sure that there is a connection to it. An errno number.
int fdio_stream_attach(fdio_socket_t* socket, int fd);

// Where descriptors are short: gives up the connections to the server of streams that can do without for
// now, as they are connected and no call is being made on them. Between fdio_busy_begin and fdio_busy_end.
// Whether there were any.
bool fdio_streams_let_go(void);
// So often the network stack is asked again after that, if it was short of descriptors: what was given up it
// has back soon, and a request gives it the time for that.
#define FDIO_ROOM_ATTEMPTS 8

// Between fdio_enter and fdio_leave; each returns an errno number. fdio_stream_accept waits if the descriptor
// blocks.
int fdio_stream_connect(fdio_socket_t* socket, int fd, const struct sockaddr* addr, socklen_t length);
int fdio_stream_listen(fdio_socket_t* socket, int backlog);
int fdio_stream_accept(fdio_socket_t* socket, int fd, struct sockaddr* addr, socklen_t* length,
                       zxio_socket_t* out, int* out_fd);
int fdio_stream_shutdown(fdio_socket_t* socket, int fd, int how);
// The program has read SO_ERROR: what that tells about a connection in the making.
void fdio_stream_note_error(fdio_socket_t* socket, int fd, int error);

// recvmsg and sendmsg on a stream, in whatever state; outside of fdio_enter and fdio_leave.
ssize_t fdio_stream_recvmsg(int fd, struct msghdr* message, int flags);
ssize_t fdio_stream_sendmsg(int fd, const struct msghdr* message, int flags);

#endif  // RUNTIME_FDIO_FDIO_H_
