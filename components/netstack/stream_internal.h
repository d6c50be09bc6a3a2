// What the files of the stream socket share: stream_socket.c (its life), stream_methods.c and
// stream_options.c (what the protocol asks), stream_data.c (its bytes), stream_shape.c (what the
// application's descriptor shows while there are none), stream_set.c (all of them).
#ifndef COMPONENTS_NETSTACK_STREAM_INTERNAL_H_
#define COMPONENTS_NETSTACK_STREAM_INTERNAL_H_

#include <lib/async/fd.h>
#include <lib/async/task.h>

#include "socket_base.h"
#include "stream_socket.h"
#include "watched_set.h"

typedef enum stream_state {
  STREAM_IDLE,  // new, or as new after a connection could not be made
  STREAM_CONNECTING,
  STREAM_LISTENING,
  STREAM_CONNECTED,
  STREAM_ENDED,   // the connection is over, and the application's descriptor says so
  STREAM_CLOSED,  // nobody holds it any more; what was written may still be on its way to the engine
} stream_state_t;

typedef struct stream_socket stream_socket_t;

struct stream_socket {
  socket_base_t base;
  stream_state_t state;
  int error;  // pending, a positive errno
  bool is_bound;
  tcpip_endpoint_t bound;  // by the application, to be bound again after a failed connect

  // The pair. Until there is a connection a duplicate of the application's end is kept, through which the end
  // is shaped; afterwards it is given up, so that the kernel tells when the last holder has closed.
  int server_fd;     // -1 once ENDED
  int client_fd;     // -1 once given up
  uint32_t charged;  // descriptors, to the client
  bool described;    // the application has its end
  bool filled;       // stream_shape.c: shown as unwritable
  uint32_t shown;    // bytes in the application's queue that show it as readable
  uint64_t cookie;   // the kernel's number for the application's end

  bool arrived;          // listening: connections have come since it was last shaped
  bool accepts_no_more;  // it listened, and was shut down

  // Moving bytes.
  bool in_ready, out_ready;  // server_fd may have something to read, room to write
  uint32_t in_guess;         // how many bytes may be there
  bool in_hung_up;           // the end of what the application writes may be in sight
  bool in_last;              // it is: the kernel has said so
  bool in_closed;            // and it reads no more, either
  bool in_ended;             // the application writes no more
  bool reads_no_more;        // the engine has been told that nobody takes what comes from now on
  bool in_urgent;            // an urgent byte of the application's is on its way in
  bool has_urgent;           // one of the peer's is to be given out next
  char urgent;
  bool left_unread;     // the application closed with received bytes unread
  bool shut_by_method;  // a hang-up of server_fd is our own doing
  size_t taken_in;      // bytes, for seeing progress
  bool out_ended;       // the application is told that nothing more comes, or reads no more
  uint32_t out_room;    // for bytes on their way to the application, in its descriptor
  size_t given_out;     // bytes since that was set

  // Closing.
  async_task_t closing_timer;
  int64_t closing_deadline;  // when patience ends; moved on by progress, unless somebody waits
  bool has_closer;           // somebody waits until all has been acknowledged (SO_LINGER)
  fidl_completer_t closer;

  watched_t member;  // of the set
  stream_socket_t* next_in_bucket;
};

#define STREAM_ROOM_MAX (1u << 20)

#define STREAM_METHOD(NAME) fuchsia_posix_socket_StreamSocket_##NAME

static inline stream_socket_t* stream_of(void* context) {
  return (stream_socket_t*)((socket_connection_t*)context)->socket;
}

static inline stream_socket_t* stream_begin(void* context) {
  return (stream_socket_t*)socket_begin(context);
}

extern const socket_kind_t stream_kind;
extern const fuchsia_posix_socket_StreamSocket_ops_t stream_ops;

// Life (stream_socket.c). All of these are called within a visit to the engine.

// Makes the socket of a connection that was accepted, without an engine socket yet. 0, -EMFILE, -ENOMEM.
int stream_create(provider_client_t* client, uint8_t family, stream_socket_t** out);
// Takes it back as long as it has neither connections nor an engine socket.
void stream_discard(stream_socket_t* stream);
// The connection is there.
void stream_connected(stream_socket_t* stream);
// The connection is over: `error` (positive, or 0) is pending, the application sees a hang-up.
void stream_end(stream_socket_t* stream, int error);
// A connection in the making comes to nothing, for the reason `error`; the stream may try again.
void stream_fail(stream_socket_t* stream, int error);
// Nobody holds it any more. What the application has written still goes out; `abort` it resets instead.
void stream_close(stream_socket_t* stream, bool abort);
// Whether closing it now resets the connection: received bytes are unread, or SO_LINGER says so.
bool stream_closing_resets(stream_socket_t* stream);
// Whether any process holds the application's end. Closes our duplicate.
bool stream_is_held(stream_socket_t* stream);
// Its last connection is gone: so is the stream, unless a process holds the application's end.
void stream_forsaken(stream_socket_t* stream);
// The engine socket goes; with the last connection, the stream.
void stream_finish(stream_socket_t* stream);

// Bytes and events (stream_data.c): does what can be done now, within a budget.
void stream_service(stream_socket_t* stream);
// What the kernel says about server_fd (EPOLL* bits).
void stream_fd_event(stream_socket_t* stream, uint32_t events);
// Moves everything the application has written, as far as the engine has room; whether that was anything.
bool stream_take_in(stream_socket_t* stream);

// Shape (stream_shape.c).
zx_status_t stream_open_pair(stream_socket_t* stream);
// Sets how much the descriptor holds for the application to read, up to STREAM_ROOM_MAX and to what the
// kernel gives anybody.
void stream_set_room(stream_socket_t* stream, uint32_t bytes);
// Shows the state to the application, unless it is connected.
void stream_shape(stream_socket_t* stream);
// From now on the end is the application's own.
void stream_unshape(stream_socket_t* stream);

// The application's end is no longer ours: what it took is the client's again.
void stream_gave_end_away(stream_socket_t* stream);
// The application's end as a handle to give away (stream_methods.c); there must be one (`client_fd`).
zx_status_t stream_share_end(stream_socket_t* stream, zx_handle_t* out);

// The set (stream_set.c).
stream_set_t* stream_set_of(const stream_socket_t* stream);
void stream_set_add(stream_socket_t* stream);
void stream_set_remove(stream_socket_t* stream);  // and frees it, when it is safe to
void stream_mark_dirty(stream_socket_t* stream);
// The same in a moment: what it lacks now, memory, comes back unannounced.
void stream_retry_later(stream_socket_t* stream);
// Begins to watch server_fd, or changes whether for room to write, too.
bool stream_watch(stream_socket_t* stream, bool wants_out);
// Closes streams that their last holder has let go without our having read so yet.
// `except` (or NULL), which is being asked for something, stays.
void stream_set_sweep(stream_set_t* set, const stream_socket_t* except);

#define STREAM_OPTIONS(X) \
  X(TcpNoDelay)           \
  X(TcpMaxSegment)        \
  X(TcpCork)              \
  X(TcpKeepAliveIdle)     \
  X(TcpKeepAliveInterval) \
  X(TcpKeepAliveCount)    \
  X(TcpSynCount)          \
  X(TcpLinger)            \
  X(TcpDeferAccept)       \
  X(TcpWindowClamp)       \
  X(TcpQuickAck)          \
  X(TcpCongestion)        \
  X(TcpUserTimeout)

#define STREAM_DECLARE_OPTION(NAME)                                                                   \
  void socket_set_##NAME(void* context, fuchsia_posix_socket_StreamSocketSet##NAME##Request* request, \
                         fidl_completer_t completer);                                                 \
  void socket_get_##NAME(void* context, fidl_completer_t completer);
STREAM_OPTIONS(STREAM_DECLARE_OPTION)
#undef STREAM_DECLARE_OPTION

void stream_get_tcp_info(void* context, fidl_completer_t completer);

#endif  // COMPONENTS_NETSTACK_STREAM_INTERNAL_H_
