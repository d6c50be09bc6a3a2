// A world for tests of the slirp wire: a TCP/IP engine as the client at 10.0.2.15 and fec0::15, the wire, and
// sockets of the host behind it. Everything happens on one thread, in world_run_until's loop.
#ifndef TESTS_UNIT_COMPONENTS_ETHERNET_SLIRP_WORLD_H_
#define TESTS_UNIT_COMPONENTS_ETHERNET_SLIRP_WORLD_H_

#include <lib/async-loop/loop.h>
#include <stdbool.h>
#include <tcpip/tcpip.h>

#include "slirp.h"

#define WORLD_FRAMES 64

typedef struct world_frame {
  offload_header_t header;
  uint8_t bytes[WIRE_FRAME_MAX];
  size_t length;
} world_frame_t;

typedef struct world {
  async_loop_t* loop;
  wire_t* wire;
  tcpip_t* engine;
  tcpip_client_t* client;
  uint32_t interface;
  bool open;               // whether the client takes frames
  size_t received_frames;  // how many it has taken
  size_t longest_frame;
  world_frame_t frames[WORLD_FRAMES];  // on their way to the wire
  size_t frame_count;
  uint8_t place[WIRE_FRAME_MAX];
  bool places;
} world_t;

typedef struct world_config {
  uint32_t mtu;  // 0: 1500
  uint32_t offloads;
  bool no_loopback;
  const char* resolv_conf;
  const slirp_publication_t* publication;  // NULL: none
} world_config_t;

void world_init(world_t* world, const world_config_t* config);
void world_deinit(world_t* world);

// Hands the wire what the client has sent; whether that was anything. Nothing else happens.
bool world_send(world_t* world);

// Lets everybody do what can be done; waits up to a millisecond if that is nothing.
void world_step(world_t* world);

// Steps until the condition holds, within a minute.
#define WORLD_RUN_UNTIL(world, condition)                                             \
  do {                                                                                \
    zx_time_t deadline = zx_deadline_after(ZX_SEC(50));                               \
    while (!(condition)) {                                                            \
      if (zx_clock_get_monotonic() > deadline) ck_abort_msg("never: %s", #condition); \
      world_step(world);                                                              \
    }                                                                                 \
  } while (0)

// The gateway's address, or another of the link's, or any.
tcpip_endpoint_t world_endpoint(const char* address, uint16_t port);

// A listening or bound socket of the host's loopback; -1 where the host has no such family.
int world_host_socket(int family, int type, uint16_t* out_port);

#endif  // TESTS_UNIT_COMPONENTS_ETHERNET_SLIRP_WORLD_H_
