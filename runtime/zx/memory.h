// Sealed shared memory (memfds) for objects whose ends share it.
#ifndef RUNTIME_ZX_MEMORY_H_
#define RUNTIME_ZX_MEMORY_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zircon/types.h>

// Makes a zero-filled memfd of whole pages, sealed so that nobody can change its size. ZX_ERR_NO_RESOURCES,
// ZX_ERR_NO_MEMORY.
zx_status_t memory_create(size_t size, int* out_fd);

// Whether a descriptor is a memfd in ordinary pages that nobody can shrink, of at least `size` bytes:
// accesses to a mapping of it cannot fault, whatever other holders do.
bool memory_is_safe(int fd, uint64_t size);

// The same, and whether it can be mapped for writing at any later time, as what memory_create made can:
// nobody can take that back.
bool memory_is_lasting(int fd, uint64_t size);

size_t memory_round_to_page(size_t size);

// Maps it shared, readable and writable; null on failure.
void* memory_map(int fd, size_t size);

// The same for memory of which the first page is going to be written at once: spares it a fault.
void* memory_map_for_use(int fd, size_t size);

// Writes a word without a mapping. False: not possible here.
bool memory_poke(int fd, size_t offset, uint32_t value);

#endif  // RUNTIME_ZX_MEMORY_H_
