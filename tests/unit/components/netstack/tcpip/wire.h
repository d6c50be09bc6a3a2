// A simulated wire between two hosts: delay, loss, duplication, reordering, corruption and a rate, all drawn
// from a seed, so that a run is repeated exactly by repeating its seed.
#ifndef TESTS_TCPIP_WIRE_H_
#define TESTS_TCPIP_WIRE_H_

#include "host.h"

typedef struct wire_config {
  uint64_t seed;
  int64_t delay;   // ns, one way
  int64_t jitter;  // ns, up to so much more: reorders
  uint32_t loss;   // of a million frames
  uint32_t duplicate;
  uint32_t corrupt;
  uint32_t congested;    // those that can be are marked so (ECN), the others are lost
  size_t mtu;            // larger packets vanish without a word; 0: none do
  uint64_t bytes_per_s;  // 0: unlimited
  size_t queue_bytes;    // in front of the rate; 0: unlimited
  bool lends;            // what a step delivers stays where it is until the next one (tcpip_lend)
} wire_config_t;

typedef struct wire_frame {
  uint8_t* bytes;
  size_t length;
  int64_t due;
  uint64_t order;
  int to;  // index of the host
  bool damaged;
  tcpip_offload_t offload;
} wire_frame_t;

typedef struct wire {
  host_t* hosts[2];
  wire_config_t config;
  uint64_t random;
  int64_t now;
  int64_t free_at[2];    // when the link towards each host is free
  wire_frame_t* frames;  // a heap, first due first
  size_t count, room;
  uint8_t** lent;  // frames delivered by the last step
  size_t lent_count, lent_room;
  uint64_t order;
  uint64_t lost, duplicated, corrupted, delivered;
  uint64_t lost_bytes[2];  // on the way to each host, and what was damaged
} wire_t;

void wire_init(wire_t* wire, host_t* a, host_t* b, const wire_config_t* config);
void wire_deinit(wire_t* wire);
uint64_t wire_random(wire_t* wire);
bool wire_chance(wire_t* wire, uint32_t of_a_million);

// Takes what the hosts have sent and carries on to the next thing that happens, but not beyond `until`. False
// when `until` is reached and nothing is left to do before it.
bool wire_step(wire_t* wire, int64_t until);

#endif  // TESTS_TCPIP_WIRE_H_
