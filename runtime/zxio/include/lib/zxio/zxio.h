// Sockets as objects: each is a connection to a server of fuchsia.posix.socket, used through the generated
// proxies.
//
// The functions speak the types of <sys/socket.h>, take no descriptors and never touch errno. A call has two
// results. The returned status tells whether the server was reached (ZX_OK) or not; `out_code` then tells
// what the operation came to, as an errno number, 0 for success. zxio_code() joins both into one errno
// number. Out parameters other than `out_code` are meaningful only on success.
//
// Nothing blocks for longer than the server takes to answer: an operation that would have to wait has the
// code EAGAIN, and zxio_socket_wait() waits. Every function may be called from any thread, several at once on
// one socket; zxio_socket_close() is the last call for a socket.
#ifndef LIB_ZXIO_ZXIO_H_
#define LIB_ZXIO_ZXIO_H_

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ifconf;
struct zxio_socket_ops;

// A socket. Embedded by whoever owns it; the members are zxio's own.
typedef struct zxio_socket {
  const struct zxio_socket_ops* ops;    // of its kind: datagram or stream
  zx_handle_t channel;                  // the connection
  _Atomic(zx_handle_t) event;           // what to wait on; fetched at first need
  int domain;                           // AF_INET or AF_INET6
  int type;                             // SOCK_DGRAM or SOCK_STREAM
  int protocol;                         // IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6 or IPPROTO_TCP
  _Atomic(int64_t) receive_timeout_ns;  // SO_RCVTIMEO; ZX_TIME_INFINITE if there is none
  _Atomic(int64_t) send_timeout_ns;     // SO_SNDTIMEO, likewise
  _Atomic(uint32_t) remembered;         // options that only have to be told again, a bit each
  _Atomic(int) priority;                // SO_PRIORITY and SO_RCVLOWAT of datagram sockets
  _Atomic(int) receive_low_water;
  uint32_t linger_secs;  // how much longer than usual the server may take to close
} zxio_socket_t;

// What a socket is like when it is not connected to anything: every call on it fails with ZX_ERR_BAD_HANDLE,
// closing it has no effect.
void zxio_socket_init_closed(zxio_socket_t* socket);

// Makes `to`, which holds nothing, the socket that `from` was; `from` is closed afterwards.
void zxio_socket_move(zxio_socket_t* to, zxio_socket_t* from);

// Events of a socket, for zxio_socket_wait(); the bits are those of <poll.h>: POLLIN, POLLOUT, POLLERR,
// POLLHUP, POLLRDHUP.
typedef uint32_t zxio_events_t;

// An errno number for a status of the runtime: what POSIX calls answer when the server is not reached. 0 for
// ZX_OK.
int zxio_errno(zx_status_t status);

// The errno number for a call's two results; 0 if it succeeded.
static inline int zxio_code(zx_status_t status, const int16_t* code) {
  return status == ZX_OK ? *code : zxio_errno(status);
}

// Asks the directory behind `svc` for fuchsia.posix.socket.Provider. Does not wait for an answer: where there
// is none, the first call on `out_provider` fails with ZX_ERR_PEER_CLOSED. `svc` is borrowed.
zx_status_t zxio_provider_connect(zx_handle_t svc, zx_handle_t* out_provider);

// Makes a socket as socket(2) does. `type` is without SOCK_NONBLOCK and SOCK_CLOEXEC. `out_fd` gets the
// descriptor that shows the socket's readiness to the kernel, close-on-exec, the caller's; a stream's is also
// what its bytes are read from and written to. Codes:
// EPROTONOSUPPORT (nothing we have), EINVAL, and the server's own. ZX_ERR_PEER_CLOSED: the provider is gone,
// connect anew.
zx_status_t zxio_socket_create(zx_handle_t provider, int domain, int type, int protocol,
                               zxio_socket_t* out_socket, int* out_fd, int16_t* out_code);

// Makes another connection to `socket`, whose server end travels on `server_end` (consumed). One way: a
// server that does not clone closes it.
zx_status_t zxio_socket_clone(zxio_socket_t* socket, zx_handle_t server_end);

// Sets up `out_socket` as `channel` (consumed), a clone of `origin`, which is not used.
void zxio_socket_from_clone(const zxio_socket_t* origin, zx_handle_t channel, zxio_socket_t* out_socket);

// Gives `socket`, which has no connection, that of `made`, which is closed afterwards; what `socket` keeps
// for itself stays.
void zxio_socket_adopt(zxio_socket_t* socket, zxio_socket_t* made);

// Ends the connection and returns once the server has let go of what it held for it: if this was the last
// connection, the local port is free. Never fails; a server that does not answer is left after five seconds,
// and those of SO_LINGER. A stream's descriptor must be closed before.
void zxio_socket_close(zxio_socket_t* socket);

// Ends the connection without waiting for the server, which finds it gone before it does anything that this
// could stand in the way of. For a connected stream that does not linger: what is left of it is between the
// network stack and the peer, as the kernel does not make anybody wait for that either.
void zxio_socket_leave(zxio_socket_t* socket);

// Datagram sockets of the synchronous kind only; others are waited for by their descriptor. Waits until one
// of `events`, or POLLERR or POLLHUP, holds, or `deadline` (monotonic). `out_events` gets all that hold.
// ZX_ERR_TIMED_OUT; ZX_ERR_INTERNAL_INTR_RETRY: the Linux descriptor `interrupt_fd` (-1: none) became
// readable.
zx_status_t zxio_socket_wait(zxio_socket_t* socket, zxio_events_t events, zx_time_t deadline,
                             int interrupt_fd, zxio_events_t* out_events);

// bind, connect (AF_UNSPEC disconnects), getsockname, getpeername, shutdown.
zx_status_t zxio_socket_bind(zxio_socket_t* socket, const struct sockaddr* addr, socklen_t length,
                             int16_t* out_code);
zx_status_t zxio_socket_connect(zxio_socket_t* socket, const struct sockaddr* addr, socklen_t length,
                                int16_t* out_code);
zx_status_t zxio_socket_getsockname(zxio_socket_t* socket, struct sockaddr* addr, socklen_t* length,
                                    int16_t* out_code);
zx_status_t zxio_socket_getpeername(zxio_socket_t* socket, struct sockaddr* addr, socklen_t* length,
                                    int16_t* out_code);
zx_status_t zxio_socket_shutdown(zxio_socket_t* socket, int how, int16_t* out_code);

// listen, accept. EOPNOTSUPP where the kind of socket has no connections.
zx_status_t zxio_socket_listen(zxio_socket_t* socket, int backlog, int16_t* out_code);
zx_status_t zxio_socket_accept(zxio_socket_t* socket, struct sockaddr* addr, socklen_t* length,
                               zxio_socket_t* out_socket, int* out_fd, int16_t* out_code);

// Streams: makes `out_socket` another connection to the one whose descriptor `fd` is a duplicate of
// (consumed, also on failure), wherever this process has it from. ENOTSOCK: it is not, or no longer, one of
// the network stack's; ZX_ERR_WRONG_TYPE: it cannot be.
zx_status_t zxio_stream_of(zx_handle_t provider, int fd, zxio_socket_t* out_socket, int16_t* out_code);

// What a stream is at present. A connection that has ended may show as IDLE.
typedef enum zxio_stream_state {
  ZXIO_STREAM_IDLE,
  ZXIO_STREAM_CONNECTING,
  ZXIO_STREAM_LISTENING,
  ZXIO_STREAM_CONNECTED,
} zxio_stream_state_t;
zx_status_t zxio_stream_state(zxio_socket_t* socket, zxio_stream_state_t* out_state, int16_t* out_code);

// getsockopt, setsockopt: every option of the protocol; SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_RCVTIMEO and
// SO_SNDTIMEO, which the client keeps; SO_PRIORITY, SO_RCVLOWAT (of datagram sockets) and IP_RECVOPTS and
// IP_RETOPTS, which it remembers, as no packet comes with options. Unknown options: ENOPROTOOPT.
zx_status_t zxio_socket_getsockopt(zxio_socket_t* socket, int level, int name, void* value, socklen_t* length,
                                   int16_t* out_code);
zx_status_t zxio_socket_setsockopt(zxio_socket_t* socket, int level, int name, const void* value,
                                   socklen_t length, int16_t* out_code);

// Datagram sockets of the synchronous kind, and for MSG_ERRQUEUE all: recvmsg without waiting. Of `flags`,
// MSG_PEEK and MSG_TRUNC count (MSG_TRUNC: `out_actual` is the datagram's whole length). msg_name,
// msg_control, their lengths and msg_flags are filled as recvmsg(2) says, except that control data that does
// not fit is left out whole and MSG_CTRUNC not set.
zx_status_t zxio_socket_recvmsg(zxio_socket_t* socket, struct msghdr* message, int flags, size_t* out_actual,
                                int16_t* out_code);

// Datagram sockets only: sendmsg without waiting. Of `flags` only MSG_OOB counts, which no datagram has
// (EOPNOTSUPP); there is never a SIGPIPE.
zx_status_t zxio_socket_sendmsg(zxio_socket_t* socket, const struct msghdr* message, int flags,
                                size_t* out_actual, int16_t* out_code);

// Datagram sockets of the synchronous kind only: FIONREAD: the length of the first datagram in the queue, 0
// if there is none.
zx_status_t zxio_socket_readable_bytes(zxio_socket_t* socket, int* out_bytes, int16_t* out_code);

// Datagram sockets of the fast kind: their datagrams travel on the descriptor that came with the socket, or a
// duplicate of it, whose flags and timeouts decide about blocking.

// As zxio_socket_create, but a datagram socket is of the kind that the network stack likes, which
// zxio_socket_is_fast tells.
zx_status_t zxio_socket_create_fast(zx_handle_t provider, int domain, int type, int protocol,
                                    zxio_socket_t* out_socket, int* out_fd, int16_t* out_code);
bool zxio_socket_is_fast(const zxio_socket_t* socket);

// One of the kind without a connection yet, for zxio_socket_adopt: what its domain is, is not known (0).
void zxio_socket_init_detached(zxio_socket_t* socket);

// Makes `out_socket` another connection to the one whose descriptor `fd` is a duplicate of, as
// zxio_stream_of.
zx_status_t zxio_datagram_of(zx_handle_t provider, int fd, zxio_socket_t* out_socket, int16_t* out_code);

// sendmsg on the descriptor, for which there must be a promise. Of `flags`, MSG_DONTWAIT counts. An errno
// number, 0 with `out_actual`; EPIPE: the network stack is gone.
int zxio_datagram_send(int fd, const struct msghdr* message, int flags, size_t* out_actual);

// What was received from the descriptor.
typedef enum zxio_received {
  ZXIO_RECEIVED_DATAGRAM,
  ZXIO_RECEIVED_ERROR,     // word that SO_ERROR or the queue of errors has something to tell; may be old news
  ZXIO_RECEIVED_END,       // receiving was shut down, or the network stack is gone
  ZXIO_RECEIVED_NONSENSE,  // nothing that a network stack sends
  ZXIO_RECEIVED_NOTHING,   // for a reason that is told
} zxio_received_t;

// recvmsg on the descriptor, which fills `message` and `out_actual` as zxio_socket_recvmsg. Of `flags`,
// MSG_DONTWAIT, MSG_PEEK and MSG_TRUNC count. `out_error` is the errno number for ZXIO_RECEIVED_NOTHING.
zxio_received_t zxio_datagram_receive(int fd, struct msghdr* message, int flags, size_t* out_actual,
                                      int* out_error);

// What would be received, without waiting; of a datagram its length.
zxio_received_t zxio_datagram_look(int fd, size_t* out_length);

// Takes the word about an error that would be received next, if it is one. Before the error is asked for by a
// call: the network stack gives the word again if there is more. (A datagram that another thread lets come
// to the head between the two is lost, as datagrams may be.)
void zxio_datagram_skip_error(int fd);

// What the network stack has promised about sending on such a socket: which datagrams it will not refuse, so
// that they need no request. Belongs to one socket at a time, and its memory lasts for ever, so that it may
// be looked at while the socket goes away. All functions but _ask and _watch may be called from anywhere,
// signal handlers included.
typedef struct zxio_promises zxio_promises_t;

// NULL: no memory.
zxio_promises_t* zxio_promises_create(void);
// For another socket: nothing has been promised.
void zxio_promises_reset(zxio_promises_t* promises);

typedef enum zxio_promise {
  ZXIO_PROMISE_REQUEST,  // send it by request (zxio_socket_sendmsg)
  ZXIO_PROMISE_ASK,      // the same; or ask for a promise, as there are more like it, and look again
  ZXIO_PROMISE_GO,       // send it on the descriptor (zxio_datagram_send)
} zxio_promise_t;

zxio_promise_t zxio_promises_look(zxio_promises_t* promises, const struct msghdr* message);
void zxio_promises_ask(zxio_promises_t* promises, zxio_socket_t* socket, const struct msghdr* message);

// Makes sure that zxio_promises_state tells; before, it tells nothing.
zx_status_t zxio_promises_watch(zxio_promises_t* promises, zxio_socket_t* socket);
// The bits of fuchsia.posix.socket.DatagramState that hold now.
uint32_t zxio_promises_state(zxio_promises_t* promises);
#define ZXIO_DATAGRAM_ERROR 1u
#define ZXIO_DATAGRAM_ERROR_QUEUE 2u

// Interfaces of the network stack. Codes: ENODEV (none such). `name` has room for IFNAMSIZ bytes.
zx_status_t zxio_interface_name(zx_handle_t provider, uint64_t index, char* name, int16_t* out_code);
zx_status_t zxio_interface_index(zx_handle_t provider, const char* name, uint64_t* out_index,
                                 int16_t* out_code);
zx_status_t zxio_interface_flags(zx_handle_t provider, const char* name, uint16_t* out_flags,
                                 int16_t* out_code);
// The first IPv4 address of the interface `name` and the length of its prefix; EADDRNOTAVAIL if it has none.
zx_status_t zxio_interface_address(zx_handle_t provider, const char* name, struct sockaddr* out_addr,
                                   unsigned* out_prefix_length, int16_t* out_code);
// Calls `visit` for each address of each interface, and once without `addr` for an interface that has none.
// `visit` returns false to end the walk.
typedef struct zxio_interface {
  uint64_t index;
  char name[16];
  uint16_t flags;               // IFF_*
  const struct sockaddr* addr;  // AF_INET or AF_INET6, or NULL
  unsigned prefix_length;
} zxio_interface_t;
typedef bool (*zxio_visit_interface_t)(void* context, const zxio_interface_t* interface);
zx_status_t zxio_interface_each(zx_handle_t provider, zxio_visit_interface_t visit, void* context);
// SIOCGIFCONF: the IPv4 addresses of all interfaces; with a NULL buffer, the size needed.
zx_status_t zxio_interface_list(zx_handle_t provider, struct ifconf* list, int16_t* out_code);

#ifdef __cplusplus
}
#endif

#endif  // LIB_ZXIO_ZXIO_H_
