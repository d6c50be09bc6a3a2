// The kernel as the engine's peer: a TAP device in a network namespace of the test process's own. The
// kernel's end is 10.0.0.99 and fd00::63, the engine's host is given by the test. Frames really pass through
// the device; the clock is real.
#ifndef TESTS_TCPIP_TAP_PEER_H_
#define TESTS_TCPIP_TAP_PEER_H_

#include "host.h"

typedef struct tap_peer {
  int fd;
  host_t* host;
  int64_t clock_offset;     // from the monotonic clock to the host's
  unsigned loss_per_mille;  // of frames, both ways
  uint32_t random;
  uint64_t carried, lost, merged;  // merged: frames with a segmentation request, both ways
} tap_peer_t;

// Can a test make what it needs? If not, says why.
bool tap_peer_possible(const char** out_reason);

// Moves the process into a new namespace and makes the device. `offloads`: the kernel hands over and takes
// large segments.
void tap_peer_open(tap_peer_t* peer, host_t* host, bool offloads);
void tap_peer_close(tap_peer_t* peer);

// Writes a file below /proc/sys/net, as "ipv4/tcp_ecn".
void tap_peer_sysctl(const char* name, const char* value);

// Carries what is there in both directions and lets the engine's timers run; waits for at most `ms` if
// nothing happens.
void tap_peer_step(tap_peer_t* peer, int ms);

// A non-blocking TCP socket of the kernel. listen: at `port`, any address; connect: to the engine's host.
int kernel_listen(uint8_t family, uint16_t port);
int kernel_connect(uint8_t family, uint16_t port);
int kernel_accept(int listener);  // -1 if there is none

#endif  // TESTS_TCPIP_TAP_PEER_H_
