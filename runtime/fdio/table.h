// Which descriptor is which socket.
//
// The table is an array of atomic words that grows in blocks and never moves, so that looking up a descriptor
// which is not ours, the common case of every read and close of the program, is two loads. A socket is
// counted by its entries and by the calls that are using it; its memory is never given back, only used again,
// so a lookup may touch a socket that is just going away and find out afterwards.
#ifndef RUNTIME_FDIO_TABLE_H_
#define RUNTIME_FDIO_TABLE_H_

#include <lib/zxio/zxio.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct fdio_socket {
  _Atomic(uint32_t) references;  // 0: free
  _Atomic(uint32_t) calls;       // that may use `zxio` just now, and FDIO_LETTING_GO
  zxio_socket_t zxio;
  int clone_fd;               // while the process forks: the child's end of a clone's channel; else -1
  atomic_bool queues_errors;  // the program has asked for a queue of errors (names_poll.c)
  // Datagram sockets of the fast kind (datagram.c).
  bool is_fast;
  zxio_promises_t* promises;  // stays with the memory, from socket to socket
  // Streams (stream.c) and those.
  bool is_stream;
  atomic_bool detached;                // this process has no connection to its server yet
  atomic_bool over;                    // the reason of its end has been asked for
  atomic_bool connect_done;            // connect has succeeded without the server's last word
  _Atomic(zxio_stream_state_t) state;  // as far as this process knows
  struct fdio_socket* next_free;
} fdio_socket_t;

// Somebody, who holds fdio_lock(), takes the connection away from the socket. Only where no call is under
// way; those that come wait.
#define FDIO_LETTING_GO 0x80000000u

// The entry of a descriptor of our own, which the program must not see.
#define FDIO_INTERNAL ((fdio_socket_t*)(uintptr_t)1)

static inline bool fdio_entry_is_socket(const fdio_socket_t* entry) {
  return (uintptr_t)entry > (uintptr_t)FDIO_INTERNAL;
}

// Descriptors from this on are never ours (the kernel's own default for the largest is 2^20).
#define FDIO_TABLE_LIMIT (1 << 21)
#define FDIO_BLOCK_ENTRIES 1024
#define FDIO_BLOCKS (FDIO_TABLE_LIMIT / FDIO_BLOCK_ENTRIES)

typedef struct fdio_block {
  _Atomic(fdio_socket_t*) entries[FDIO_BLOCK_ENTRIES];
} fdio_block_t;

extern _Atomic(fdio_block_t*) fdio_blocks[FDIO_BLOCKS];

// The entry of a descriptor, without a reference: to be compared, not to be followed. NULL: not ours.
static inline fdio_socket_t* fdio_table_peek(int fd) {
  if (__builtin_expect((unsigned)fd >= FDIO_TABLE_LIMIT, 0)) return NULL;
  fdio_block_t* block =
      atomic_load_explicit(&fdio_blocks[(unsigned)fd / FDIO_BLOCK_ENTRIES], memory_order_acquire);
  if (__builtin_expect(!block, 1)) return NULL;
  return atomic_load_explicit(&block->entries[(unsigned)fd % FDIO_BLOCK_ENTRIES], memory_order_acquire);
}

// The entry with a reference of its own, for fdio_entry_release().
fdio_socket_t* fdio_table_acquire(int fd);

// Makes room for an entry. False: the number is beyond the table, or there is no memory.
bool fdio_table_reserve(int fd);

// Puts `entry`, with the reference it carries, in the place of `fd`, which is reserved, and returns what was
// there with the reference that had. NULL empties the place; an unreserved one is empty.
fdio_socket_t* fdio_table_swap(int fd, fdio_socket_t* entry);

// The first descriptor in [first, last] that has an entry; -1 if none does.
int fdio_table_next(unsigned first, unsigned last);

// One reference more for a socket that may be going away. False: it has gone.
bool fdio_socket_retain(fdio_socket_t* socket);

// One reference more, one less. What is no socket has none. The last reference closes the socket.
void fdio_entry_retain(fdio_socket_t* entry);
void fdio_entry_release(fdio_socket_t* entry);

// Closes sockets whose last reference went while this thread could not. Called when a call ends.
void fdio_table_finish_released(void);

// A closed socket with one reference; NULL if there is no memory. Under fdio_lock().
fdio_socket_t* fdio_socket_allocate(void);

// Calls `visit` for every socket there has been. Under fdio_lock(), so that those not in use stay so.
void fdio_socket_each(void (*visit)(fdio_socket_t* socket, bool in_use));

// In the only thread of a forked child: counts references anew, by entries, as calls of other threads are
// gone.
void fdio_table_recount(void);

#endif  // RUNTIME_FDIO_TABLE_H_
