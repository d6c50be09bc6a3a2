// For tests of hostile peers: one of each object that two processes share, calls on all of them, and what can
// be done to them from outside. All that is random comes from rand(), so a seed says what is done.
#ifndef TESTS_UNIT_RUNTIME_ZX_HOSTILITY_H_
#define TESTS_UNIT_RUNTIME_ZX_HOSTILITY_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zircon/types.h>

enum { CHANNEL, FIFO, SOCKET, EVENTPAIR, DATAGRAM, OBJECTS };

struct ends {
  zx_handle_t mine[OBJECTS];
  zx_handle_t theirs[OBJECTS];
};

struct region {
  uint32_t* words;
  size_t count;
};

// One of each object.
void hostile_make(struct ends* e);

// Uses each end for the first time, whereupon its memory is mapped.
void hostile_map(const zx_handle_t* ends);

// Every call there is, on each object, with a deadline where it may wait.
void hostile_use(const zx_handle_t* mine, zx_handle_t port);

// The shared memory of this process's objects; how many mappings there are of it, at most `limit`.
int hostile_find(struct region* regions, int limit);

// Changes a word of it.
void hostile_scribble(const struct region* region);

// Rings the bells of this process, and if `harshly`, sends nonsense with wrong descriptors to its channels
// and shuts some.
void hostile_send(bool harshly);

#endif  // TESTS_UNIT_RUNTIME_ZX_HOSTILITY_H_
