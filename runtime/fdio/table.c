// The table and the pool of sockets. A reference is only ever added to a count that is not 0, and an entry
// holds one, so an entry seen twice with a successful addition between is a socket that stays.
#include "table.h"

#include <sys/mman.h>

#include "fdio.h"

_Atomic(fdio_block_t*) fdio_blocks[FDIO_BLOCKS];

#define POOL_BLOCK_SOCKETS 64

typedef struct pool_block {
  struct pool_block* next;
  fdio_socket_t sockets[POOL_BLOCK_SOCKETS];
} pool_block_t;

// Any thread puts back a socket, also from a signal handler; sockets are taken under fdio_lock() only, so
// that what the taker has seen first in the list stays first or gets others before it.
static pool_block_t* pool_blocks;
static _Atomic(fdio_socket_t*) pool_free;
// Those nobody refers to any more, still to be closed.
static _Atomic(fdio_socket_t*) released;

static void* allocate(size_t size) {
  void* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

// Entries

bool fdio_table_reserve(int fd) {
  if ((unsigned)fd >= FDIO_TABLE_LIMIT) return false;
  _Atomic(fdio_block_t*)* place = &fdio_blocks[(unsigned)fd / FDIO_BLOCK_ENTRIES];
  if (atomic_load_explicit(place, memory_order_acquire)) return true;
  fdio_block_t* block = allocate(sizeof(*block));
  if (!block) return false;
  fdio_block_t* none = NULL;
  if (!atomic_compare_exchange_strong_explicit(place, &none, block, memory_order_acq_rel,
                                               memory_order_acquire)) {
    munmap(block, sizeof(*block));
  }
  return true;
}

fdio_socket_t* fdio_table_swap(int fd, fdio_socket_t* entry) {
  if ((unsigned)fd >= FDIO_TABLE_LIMIT) return NULL;
  fdio_block_t* block =
      atomic_load_explicit(&fdio_blocks[(unsigned)fd / FDIO_BLOCK_ENTRIES], memory_order_acquire);
  if (!block) return NULL;
  return atomic_exchange_explicit(&block->entries[(unsigned)fd % FDIO_BLOCK_ENTRIES], entry,
                                  memory_order_acq_rel);
}

int fdio_table_next(unsigned first, unsigned last) {
  for (unsigned fd = first; fd <= last && fd < FDIO_TABLE_LIMIT; fd++) {
    if (!atomic_load_explicit(&fdio_blocks[fd / FDIO_BLOCK_ENTRIES], memory_order_acquire)) {
      fd |= FDIO_BLOCK_ENTRIES - 1;  // the loop steps into the next block
    } else if (fdio_table_peek((int)fd)) {
      return (int)fd;
    }
  }
  return -1;
}

bool fdio_socket_retain(fdio_socket_t* socket) {
  uint32_t references = atomic_load_explicit(&socket->references, memory_order_relaxed);
  while (references != 0) {
    if (atomic_compare_exchange_weak_explicit(&socket->references, &references, references + 1,
                                              memory_order_acquire, memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

fdio_socket_t* fdio_table_acquire(int fd) {
  for (;;) {
    fdio_socket_t* entry = fdio_table_peek(fd);
    if (!fdio_entry_is_socket(entry)) return entry;
    if (!fdio_socket_retain(entry)) continue;  // it went between the two
    if (fdio_table_peek(fd) == entry) return entry;
    fdio_entry_release(entry);
  }
}

void fdio_entry_retain(fdio_socket_t* entry) {
  if (fdio_entry_is_socket(entry)) atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
}

// The pool

static void put_back(fdio_socket_t* socket) {
  socket->next_free = atomic_load_explicit(&pool_free, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(&pool_free, &socket->next_free, socket, memory_order_release,
                                                memory_order_relaxed)) {
  }
}

static bool grow(void) {
  pool_block_t* block = allocate(sizeof(*block));
  if (!block) return false;
  block->next = pool_blocks;
  pool_blocks = block;
  for (size_t i = 0; i < POOL_BLOCK_SOCKETS; i++) {
    block->sockets[i].clone_fd = -1;
    put_back(&block->sockets[i]);
  }
  return true;
}

fdio_socket_t* fdio_socket_allocate(void) {
  fdio_socket_t* socket = atomic_load_explicit(&pool_free, memory_order_acquire);
  if (!socket) {
    if (!grow()) return NULL;
    socket = atomic_load_explicit(&pool_free, memory_order_acquire);
  }
  while (!atomic_compare_exchange_weak_explicit(&pool_free, &socket, socket->next_free, memory_order_acquire,
                                                memory_order_acquire)) {
  }
  zxio_socket_init_closed(&socket->zxio);
  socket->is_stream = false;
  socket->is_fast = false;
  atomic_store_explicit(&socket->detached, false, memory_order_relaxed);
  atomic_store_explicit(&socket->over, false, memory_order_relaxed);
  atomic_store_explicit(&socket->connect_done, false, memory_order_relaxed);
  atomic_store_explicit(&socket->calls, 0, memory_order_relaxed);
  atomic_store_explicit(&socket->references, 1, memory_order_release);
  return socket;
}

void fdio_entry_release(fdio_socket_t* entry) {
  if (!fdio_entry_is_socket(entry)) return;
  if (atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1) return;
  entry->next_free = atomic_load_explicit(&released, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(&released, &entry->next_free, entry, memory_order_release,
                                                memory_order_relaxed)) {
  }
  fdio_table_finish_released();
}

// A handler that closes a socket while it interrupts a call leaves the rest to that call.
void fdio_table_finish_released(void) {
  while (atomic_load_explicit(&released, memory_order_relaxed) && fdio_busy_begin()) {
    fdio_socket_t* socket = atomic_exchange_explicit(&released, NULL, memory_order_acquire);
    while (socket) {
      fdio_socket_t* next = socket->next_free;
      fdio_socket_close(socket);
      put_back(socket);
      socket = next;
    }
    fdio_busy_end();
  }
}

void fdio_socket_each(void (*visit)(fdio_socket_t* socket, bool in_use)) {
  for (pool_block_t* block = pool_blocks; block; block = block->next) {
    for (size_t i = 0; i < POOL_BLOCK_SOCKETS; i++) {
      fdio_socket_t* socket = &block->sockets[i];
      visit(socket, atomic_load_explicit(&socket->references, memory_order_acquire) > 0);
    }
  }
}

// Fork

static void forget_references(fdio_socket_t* socket, bool in_use) {
  atomic_store_explicit(&socket->references, 0, memory_order_relaxed);
  atomic_store_explicit(&socket->calls, 0, memory_order_relaxed);
}

static void put_back_unused(fdio_socket_t* socket, bool in_use) {
  if (!in_use) put_back(socket);
}

void fdio_table_recount(void) {
  fdio_socket_each(forget_references);
  for (int fd = fdio_table_next(0, FDIO_TABLE_LIMIT - 1); fd >= 0;
       fd = fdio_table_next((unsigned)fd + 1, FDIO_TABLE_LIMIT - 1)) {
    fdio_entry_retain(fdio_table_peek(fd));
  }
  if (fdio_thread.waiting) {  // forked by a handler: the wait goes on in the child
    fdio_entry_retain(fdio_thread.waiting);
    atomic_store_explicit(&fdio_thread.waiting->calls, 1, memory_order_relaxed);
  }
  atomic_store_explicit(&pool_free, NULL, memory_order_relaxed);
  atomic_store_explicit(&released, NULL, memory_order_relaxed);
  fdio_socket_each(put_back_unused);
}
