// What the files of the fast kind of datagram socket share: fast_datagram_socket.c (its life and what the
// protocol asks), fast_datagram_data.c (its datagrams), fast_datagram_set.c (all of them).
#ifndef COMPONENTS_NETSTACK_FAST_DATAGRAM_INTERNAL_H_
#define COMPONENTS_NETSTACK_FAST_DATAGRAM_INTERNAL_H_

#include <sys/socket.h>

#include "datagram_internal.h"
#include "fast_datagram_metadata.h"
#include "fast_datagram_socket.h"
#include "fast_datagram_state.h"
#include "watched_set.h"

typedef struct fast_socket fast_socket_t;
struct fast_backlog;

struct fast_socket {
  datagram_socket_t datagram;

  // The pair. The application's end is kept until it is handed out, so that the kernel tells when the last
  // holder has closed.
  int server_fd;    // -1 once it is over
  int client_fd;    // -1 once given away
  uint64_t cookie;  // the kernel's number for the application's end
  bool closing;     // nobody holds it any more; what was sent may still be on its way to the engine

  // Datagrams to send.
  bool in_ready;                 // server_fd may have some
  bool in_ended;                 // nobody will send any more
  struct fast_backlog* backlog;  // those taken that the engine had no room for; NULL: none

  // Received ones.
  bool out_ready;     // server_fd may have room
  bool out_ended;     // the application is told that nothing more comes, or reads no more
  bool error_news;    // there is an error that, as far as is known, the application has not been told of
  bool told_error;    // the last that was put there is the word about an error
  size_t out_charge;  // what those that lie there took of the receive buffer when they were put there, ...
  int out_bytes;      // ... and what they then took by the kernel's measure
  size_t charged;     // as the engine was told

  // What is promised about sending.
  _Atomic(uint64_t)* state;  // shown to the application; NULL if it has not asked for that
  uint32_t generation;       // of the promises
  bool promised;             // one was made in this generation

  watched_t member;  // of the set
};

static inline fast_socket_t* fast_of(void* context) {
  return (fast_socket_t*)((socket_connection_t*)context)->socket;
}

static inline socket_base_t* fast_base(fast_socket_t* fast) {
  return &fast->datagram.base;
}

// Life (fast_datagram_socket.c). All of these are called within a visit to the engine.

// Nobody holds it any more, or nobody has a connection: if nobody holds its descriptor, it closes.
void fast_forsaken(fast_socket_t* fast);
// One step of closing: it is over once all that was sent is the engine's.
void fast_close(fast_socket_t* fast);
// The engine's socket goes; with the last connection, all of it.
void fast_finish(fast_socket_t* fast);
// No promise about sending holds any more.
void fast_take_back_promises(fast_socket_t* fast);
// Shows the state to the application: in memory, and what a wait for its descriptor should see.
void fast_show(fast_socket_t* fast);

// Datagrams (fast_datagram_data.c)

// What the application has sent goes to the engine, at most `budget` datagrams. False: there may be more.
bool fast_take_in(fast_socket_t* fast, size_t budget);
// What has come for it goes to the application, likewise.
bool fast_give_out(fast_socket_t* fast, size_t budget);
// Puts the word about an error there, unless it is the last thing that lies there.
void fast_tell_error(fast_socket_t* fast);
// How much of the receive buffer is taken by what lies there unread.
size_t fast_held(fast_socket_t* fast);
// Tells the engine what that was when it was last looked at.
void fast_tell_held(fast_socket_t* fast);
// Both ways, what can be done in one turn.
void fast_serve(fast_socket_t* fast);
void fast_forget_backlog(fast_socket_t* fast);

// So many at a time pass between the kernel and us.
enum { FAST_BATCH = 32 };

// Room for a batch of them; one for all sockets.
typedef struct fast_room {
  struct mmsghdr messages[FAST_BATCH];
  struct iovec iov[FAST_BATCH][2];
  struct iovec queued[FAST_BATCH];
  tcpip_recv_t received[FAST_BATCH];
  _Alignas(8) uint8_t preludes[FAST_BATCH][PRELUDE_BYTES];
  _Alignas(8) uint8_t bytes[FAST_BATCH][PRELUDE_BYTES + 65536];
} fast_room_t;

// The set (fast_datagram_set.c)
fast_datagram_set_t* fast_set_of(const fast_socket_t* fast);
fast_room_t* fast_room(const fast_socket_t* fast);
void fast_set_add(fast_socket_t* fast);
void fast_set_remove(fast_socket_t* fast);  // and frees it, when it is safe to
void fast_mark_dirty(fast_socket_t* fast);
// The same in a moment: what it lacks now, memory, comes back unannounced.
void fast_retry_later(fast_socket_t* fast);
// A socket had no room for a datagram: soon looks how much of the client's share is still taken by what lies
// in others' descriptors.
void fast_look_at_held(fast_socket_t* fast);
// Begins to watch server_fd, or changes whether for room, too.
bool fast_watch(fast_socket_t* fast, bool wants_out);

#endif  // COMPONENTS_NETSTACK_FAST_DATAGRAM_INTERNAL_H_
