// Sockets whose descriptors are watched together, each of which gets its turn: what streams (stream_set.c)
// and datagram sockets of the fast kind (fast_datagram_set.c) have in common.
//
// One epoll instance holds all descriptors, edge-triggered, so that neither a socket which waits for room nor
// one that is half closed costs a system call or a wake-up; the loop waits for that instance in its port,
// beside the device, and only while there are sockets. Who has news is marked dirty and has a turn in the
// next round; work that exceeds a turn stays marked for the one after.
#ifndef COMPONENTS_NETSTACK_WATCHED_SET_H_
#define COMPONENTS_NETSTACK_WATCHED_SET_H_

#include <lib/async/task.h>
#include <lib/async/wait.h>

#include "netstack.h"

typedef struct watched watched_t;
typedef struct watched_set watched_set_t;

// A member of a set; part of a socket.
struct watched {
  bool is_watched, wants_out;  // its descriptor is; for room, too
  bool dirty, dead, retries;
  watched_t *next_dirty, *next_dead;
  watched_t *previous, *next;  // all of them
};

typedef struct watched_ops {
  // The kernel's word about its descriptor, EPOLL* bits.
  void (*report)(watched_t* member, uint32_t events);
  // Its turn. May remove this member and any other.
  void (*serve)(watched_t* member);
  // What it lacked may have come back; its turn follows. NULL: nothing is to be done before that.
  void (*retry)(watched_t* member);
  // It was removed, and nobody can come across it any more.
  void (*release)(watched_t* member);
} watched_ops_t;

struct watched_set {
  netstack_t* netstack;
  const watched_ops_t* ops;
  int epoll_fd;
  async_wait_t epoll;  // of a copy of it
  async_task_t retry;
  bool retries;
  size_t count;
  watched_t* all;
  watched_t *first_dirty, *last_dirty;
  watched_t* dead;
  uint32_t depth;  // of rounds in progress, during which the dead must stay where they are
};

// The socket that a member is part of.
#define WATCHED_OWNER(member, type, field) ((type*)(void*)((char*)(member)-offsetof(type, field)))

// ZX_ERR_NO_RESOURCES; then there is nothing to be undone.
zx_status_t watched_set_init(watched_set_t* set, netstack_t* netstack, const watched_ops_t* ops);
// All members must have been removed; those that are still dirty are released.
void watched_set_deinit(watched_set_t* set);

void watched_set_add(watched_set_t* set, watched_t* member);
// Its descriptor is the caller's to close, which ends the watching.
void watched_set_remove(watched_set_t* set, watched_t* member);

// Begins to watch its descriptor for `events`, or changes whether for room (EPOLLOUT), too. False: no memory.
bool watched_set_watch(watched_set_t* set, watched_t* member, int fd, uint32_t events, bool wants_out);
// Its descriptor was closed.
void watched_forget(watched_t* member);

void watched_set_mark(watched_set_t* set, watched_t* member);
// The same in a moment: what it lacks now, memory, comes back unannounced.
void watched_set_mark_later(watched_set_t* set, watched_t* member);

// Gives everybody who is marked one turn; whether somebody is marked again.
bool watched_set_serve(watched_set_t* set);

// Around what may remove members while it goes through them: until the last end they stay where they are.
void watched_set_begin(watched_set_t* set);
void watched_set_end(watched_set_t* set);
// Reports all that the kernel has to say now.
void watched_set_report(watched_set_t* set);

#endif  // COMPONENTS_NETSTACK_WATCHED_SET_H_
