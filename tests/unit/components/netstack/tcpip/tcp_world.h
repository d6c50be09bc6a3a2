// A world for simulations of TCP: two engines, a wire that does to frames whatever wires do, and streams over
// it that are written, read and closed in every manner. All that happens is drawn from one seed, so that it
// happens again.
#ifndef TESTS_TCPIP_TCP_WORLD_H_
#define TESTS_TCPIP_TCP_WORLD_H_

#include "wire.h"

#define WORLD_STREAMS_MAX 8

typedef enum world_manner {
  WORLD_ORDERLY,  // writes all, ends, reads all, closes
  WORLD_HASTY,    // closes when all is written, and reads nothing more: the rest of the peer's may be refused
  WORLD_ABORT,    // resets at some time
  WORLD_HALF,     // ends, and only then reads
} world_manner_t;

typedef struct world_end {
  tcpip_socket_t* socket;
  world_manner_t manner;
  uint64_t to_write, written, read;
  uint64_t abort_after;  // octets written and read
  uint32_t write_key, read_key;
  bool shut, eof, failed, closed;
  bool slow;      // reads little at a time
  bool urgent;    // some of what it writes is
  bool in_place;  // writes and reads where the engine keeps the bytes
  bool waiting;   // accepted, and its peer has no answer yet
} world_end_t;

typedef struct world {
  host_t hosts[2];
  wire_t wire;
  world_end_t ends[WORLD_STREAMS_MAX][2];
  tcpip_socket_t* listeners[2];
  int streams;
  uint32_t mtu;
  bool stands_in;  // the second host does, for hosts that the first one connects to
} world_t;

typedef struct world_outcome {
  int64_t took;
  uint64_t bytes, lost, delivered, steps;
} world_outcome_t;

// Draws a world from `seed`, runs it to the end of every stream, checks the invariants at every step and that
// nothing is left; fails the test otherwise, saying what was.
world_outcome_t world_run(uint64_t seed);
// The same, but every stream goes to another host, and sockets of the second one stand in for all of them.
world_outcome_t world_run_stand_in(uint64_t seed);

#endif  // TESTS_TCPIP_TCP_WORLD_H_
