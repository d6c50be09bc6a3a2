// What the files of intercept share. Bottom up: target.c (the memory and descriptors of the process that made
// a call), socket.c (which socket it is about), then what is done: control.c (names, options), stream.c
// (connections), datagram.c and messages.c (datagrams); supervisor.c takes calls in, lets them wait and
// answers.
//
// One thread does everything, one call after the other. Whatever would block waits by itself: the call is put
// aside until its descriptor shows something, and then tried again from its beginning, with what it has got
// so far in `done`.
#ifndef RUNTIME_INTERCEPT_INTERNAL_H_
#define RUNTIME_INTERCEPT_INTERNAL_H_

#include <errno.h>
#include <lib/intercept/intercept.h>
#include <lib/zxio/zxio.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef struct supervisor supervisor_t;
typedef struct datagram datagram_t;
typedef struct call call_t;

// What the epoll instance watches, as the first member of what it is about.
typedef enum source_kind {
  SOURCE_LISTENER,
  SOURCE_WAITING,     // call_t: the descriptor of a stream that a call waits for
  SOURCE_CONNECTING,  // connecting_t
  SOURCE_SHAPE,       // datagram_t: what the network stack shows
  SOURCE_PEER,        // datagram_t: whether the program still holds its descriptor
} source_kind_t;

typedef struct source {
  source_kind_t kind;
  void* owner;
} source_t;

// What became of a call.
typedef enum step {
  STEP_ANSWER,    // call->error or call->value is the answer
  STEP_ANSWERED,  // the program has it
  STEP_NATIVE,    // the kernel is to do it
  STEP_WAIT,      // not before one of call->events, or call->deadline
} step_t;

struct call {
  source_t source;
  struct seccomp_notif notif;
  int fd;                // a duplicate of the descriptor it is about; -1
  datagram_t* datagram;  // what that is, if it is one of ours
  zxio_socket_t stream;  // or this
  bool has_stream;
  int error;
  int64_t value;

  // Waiting.
  short events;
  bool begun;          // it has waited
  bool timed;          // there is a deadline, which no restart may set anew
  zx_time_t deadline;  // ZX_TIME_INFINITE: none
  unsigned done;       // messages
  zx_time_t next_look;
  zx_duration_t look_interval;
  bool saw_signal;
  call_t *next, *previous;  // all that wait
};

// A connection in the making that no call waits for. Somebody has to hold its descriptor with the network
// stack until it is decided: it shapes it through that.
typedef struct connecting connecting_t;
struct connecting {
  source_t source;
  zxio_socket_t stream;
  int fd;
};

struct supervisor {
  intercept_numbers_t numbers;
  uint32_t next_number[2];
  int listener;
  int epoll;
  zx_handle_t svc, provider;
  bool no_thread_pidfds;  // Linux before 6.9
  source_t listener_source;
  call_t *waiting, *last_waiting;  // in the order in which they came
  datagram_t** datagrams;          // by cookie
  uint8_t* bytes;                  // of one datagram
};

#define DATAGRAM_BYTES_MAX 65536u
#define CONTROL_BYTES_MAX 4096u
#define DATAGRAM_BUCKETS 256u

static inline int call_number(const call_t* call) {
  return call->notif.data.nr;
}

static inline int call_int(const call_t* call, unsigned index) {
  return (int)(uint32_t)call->notif.data.args[index];
}

static inline uint64_t call_word(const call_t* call, unsigned index) {
  return call->notif.data.args[index];
}

// target.c. Each returns an errno number.

// Whether the caller still waits for its answer.
bool call_is_valid(const supervisor_t* supervisor, const call_t* call);
int call_read(const supervisor_t* supervisor, const call_t* call, uint64_t address, void* to, size_t size);
int call_write(const supervisor_t* supervisor, const call_t* call, uint64_t address, const void* from,
               size_t size);
// From and to the buffers at `iov` (addresses of the caller); EFAULT if not all of `size` could be had.
int call_gather(const supervisor_t* supervisor, const call_t* call, const struct iovec* iov, size_t count,
                void* to, size_t size);
int call_scatter(const supervisor_t* supervisor, const call_t* call, const struct iovec* iov, size_t count,
                 const void* from, size_t size);
// A duplicate of the caller's descriptor. EBADF; EPERM: we may not look into it.
int call_get_fd(supervisor_t* supervisor, const call_t* call, int number, int* out_fd);
// Whether we may look into the caller.
bool call_is_open_to_us(supervisor_t* supervisor, const call_t* call);
// Whether the caller may have one more descriptor. Not certain: its other threads make some, too.
bool call_has_room(supervisor_t* supervisor, const call_t* call);
// Answers with `fd` (borrowed) as the caller's lowest descriptor free.
step_t call_answer_fd(const supervisor_t* supervisor, call_t* call, int fd, bool close_on_exec);
// The same with one of the numbers of datagram sockets, none below `least`.
step_t call_answer_numbered_fd(supervisor_t* supervisor, call_t* call, int fd, bool close_on_exec,
                               uint32_t least);
// Whether a signal waits that the caller is to have before the call goes on, and how the call ends for it:
// ERESTARTSYS (as the kernel's own calls do it: begins anew if the signal's handler wants that) or EINTR. 0:
// none.
int call_interruption(const supervisor_t* supervisor, call_t* call);

// socket.c

typedef enum call_kind { CALL_FAILED, CALL_NATIVE, CALL_STREAM, CALL_DATAGRAM } call_kind_t;

// Finds out what the descriptor in the first argument is: call->fd and, for a datagram socket,
// call->datagram are set then. CALL_FAILED: call->error.
call_kind_t call_identify(supervisor_t* supervisor, call_t* call);
// Makes sure of a connection to a stream's server: call->stream. An errno number.
int call_attach(supervisor_t* supervisor, call_t* call);
// What call_identify() and call_attach() made.
void call_release(call_t* call);
// socket(2).
step_t call_socket(supervisor_t* supervisor, call_t* call);
// A channel to the provider, borrowed.
zx_status_t supervisor_provider(supervisor_t* supervisor, bool renew, zx_handle_t* out);

// supervisor.c

step_t call_fail(call_t* call, int error);
step_t call_succeed(call_t* call, int64_t value);
// Puts the call aside. `timeout_ns` counts from its first wait; ZX_TIME_INFINITE: none.
step_t call_wait(call_t* call, short events, int64_t timeout_ns);
// Whether that time is over.
bool call_expired(const call_t* call);
bool call_blocks(const call_t* call);  // the descriptor has no O_NONBLOCK
// Gives up what nobody waits for any more: calls of processes that are gone, datagram sockets that nobody
// holds. What they hold of the network stack is free afterwards.
void supervisor_sweep(supervisor_t* supervisor);
bool supervisor_watch(supervisor_t* supervisor, int fd, uint32_t events, source_t* source);
void supervisor_unwatch(supervisor_t* supervisor, int fd);

// control.c: bind, listen, getsockname, getpeername, getsockopt, setsockopt.
step_t call_bind(supervisor_t* supervisor, call_t* call);
step_t call_listen(supervisor_t* supervisor, call_t* call);
step_t call_name(supervisor_t* supervisor, call_t* call);
step_t call_getsockopt(supervisor_t* supervisor, call_t* call);
step_t call_setsockopt(supervisor_t* supervisor, call_t* call);
// Reads the address argument `index` and the length behind it.
int call_read_address(const supervisor_t* supervisor, const call_t* call, uint64_t address, int length,
                      struct sockaddr_storage* out);
// Writes as much of an address as the caller's length at `length_at` allows, and the true length.
int call_write_address(const supervisor_t* supervisor, const call_t* call, uint64_t address,
                       uint64_t length_at, const struct sockaddr_storage* from, socklen_t length);

// stream.c, and for datagram sockets as far as they have it.
step_t call_connect(supervisor_t* supervisor, call_t* call);
step_t call_accept(supervisor_t* supervisor, call_t* call);
step_t call_shutdown(supervisor_t* supervisor, call_t* call);
// The call is over without having connected: the connection goes on.
void stream_keep_connecting(supervisor_t* supervisor, call_t* call);
void connecting_decided(supervisor_t* supervisor, connecting_t* connecting);

// datagram.c

struct datagram {
  source_t shape_source, peer_source;
  uint64_t cookie;  // the kernel's number for the program's descriptor
  zxio_socket_t zxio;
  int shape;         // the descriptor that the network stack shapes
  int peer;          // the other end of the program's
  unsigned shown;    // bytes in the program's queue that show it as readable
  bool filled;       // shown as not writable
  bool ended;        // shown as hung up
  datagram_t* next;  // in its bucket
};

// Takes over `zxio` and `shape`, also on failure; `out_fd` is the program's descriptor. An errno number.
int datagram_create(supervisor_t* supervisor, zxio_socket_t* zxio, int shape, int* out_fd);
datagram_t* datagram_find(const supervisor_t* supervisor, uint64_t cookie);
// Closes it, and returns when its port is free.
void datagram_close(supervisor_t* supervisor, datagram_t* datagram);
void datagram_close_forsaken(supervisor_t* supervisor);
// Shows on the program's descriptor what the network stack shows; `fd` is a duplicate of it, or -1: then it
// can only show more than before.
void datagram_show(datagram_t* datagram, int fd);
// The network stack shows something new.
void datagram_changed(datagram_t* datagram);
bool datagram_is_shut(const datagram_t* datagram);

// messages.c
step_t call_message(supervisor_t* supervisor, call_t* call);
step_t call_ioctl(supervisor_t* supervisor, call_t* call);
step_t call_duplicate(supervisor_t* supervisor, call_t* call);

static inline zxio_socket_t* call_zxio(call_t* call) {
  return call->datagram ? &call->datagram->zxio : &call->stream;
}

static inline struct sockaddr* generic(struct sockaddr_storage* storage) {
  return (struct sockaddr*)(void*)storage;
}

#endif  // RUNTIME_INTERCEPT_INTERNAL_H_
