// A memfd that is sealed against everything but our own writing, and which of its numbers are free.
#include "fast_datagram_state.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

struct fast_datagram_states {
  int fd;
  size_t bytes;
  _Atomic(uint64_t)* first;
  uint32_t free_count;
  uint32_t free[];  // the last ones first
};

zx_status_t fast_datagram_states_create(uint32_t count, fast_datagram_states_t** out) {
  fast_datagram_states_t* states = malloc(sizeof(*states) + count * sizeof(states->free[0]));
  if (!states) return ZX_ERR_NO_MEMORY;
  size_t page = zx_system_get_page_size();
  *states = (fast_datagram_states_t){.bytes = (count * sizeof(uint64_t) + page - 1) / page * page,
                                     .free_count = count};
  for (uint32_t i = 0; i < count; i++)
    states->free[i] = count - 1 - i;
  states->fd = memfd_create("datagrams", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  void* memory = MAP_FAILED;
  if (states->fd >= 0 && ftruncate(states->fd, (off_t)states->bytes) == 0)
    memory = mmap(NULL, states->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, states->fd, 0);
  if (memory != MAP_FAILED) states->first = memory;
  const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
  if (!states->first || fcntl(states->fd, F_ADD_SEALS, seals) != 0) {
    fast_datagram_states_destroy(states);
    return ZX_ERR_NO_RESOURCES;
  }
  *out = states;
  return ZX_OK;
}

void fast_datagram_states_destroy(fast_datagram_states_t* states) {
  if (!states) return;
  if (states->first) munmap((void*)states->first, states->bytes);
  if (states->fd >= 0) close(states->fd);
  free(states);
}

_Atomic(uint64_t)* fast_datagram_states_take(fast_datagram_states_t* states) {
  return states->free_count > 0 ? &states->first[states->free[--states->free_count]] : NULL;
}

void fast_datagram_states_give_back(fast_datagram_states_t* states, _Atomic(uint64_t)* state) {
  states->free[states->free_count++] = (uint32_t)(state - states->first);
}

uint64_t fast_datagram_states_offset(const fast_datagram_states_t* states, const _Atomic(uint64_t)* state) {
  return (uint64_t)((const char*)state - (const char*)states->first);
}

zx_status_t fast_datagram_states_share(const fast_datagram_states_t* states, zx_handle_t* out) {
  int fd = fcntl(states->fd, F_DUPFD_CLOEXEC, 0);
  return fd < 0 ? ZX_ERR_NO_RESOURCES : zx_linux_vmo_from_fd(fd, out);
}
