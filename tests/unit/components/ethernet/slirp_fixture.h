// What the tests of forwarding share: one world, a listener on the host's loopback, and streams between the
// two, whose bytes are known by their places.
#ifndef TESTS_UNIT_COMPONENTS_ETHERNET_SLIRP_FIXTURE_H_
#define TESTS_UNIT_COMPONENTS_ETHERNET_SLIRP_FIXTURE_H_

#include <sys/socket.h>
#include <sys/types.h>

#include "slirp_world.h"

extern world_t world;
extern int listener;
extern uint16_t port;        // of the listener
extern const char* gateway;  // by which the client calls it

void fixture_begin(const world_config_t* config);
void fixture_setup(void);
void fixture_teardown(void);

typedef struct pair {
  tcpip_socket_t* client;
  int host;
} pair_t;

// Begins to connect. `receive_buffer` 0: as large as it becomes.
tcpip_socket_t* call_with_buffer(const char* address, uint16_t to, int receive_buffer);
tcpip_socket_t* call(const char* address, uint16_t to);
tcpip_tcp_state_t state_of(const tcpip_socket_t* stream);

// A connection to the listener, both ends open.
pair_t connect_with_buffer(int receive_buffer);
pair_t connect_pair(void);
void close_pair(pair_t* pair);

// The byte at a place of a stream: `seed` 1 to the host, 2 to the client.
uint8_t pattern(size_t at, unsigned seed);

// Write what belongs at `at` and behind it, at most up to `end`; return how much that was.
size_t client_write(tcpip_socket_t* client, size_t at, size_t end);
size_t host_write(int host, size_t at, size_t end);
// Read what is there and compare it. Return its length, -1 at the end.
ssize_t client_read(tcpip_socket_t* client, size_t at);
ssize_t host_read(int host, size_t at);

// Both write `length` bytes and shut down, both read them and the end.
void exchange(pair_t* pair, size_t length);

#endif  // TESTS_UNIT_COMPONENTS_ETHERNET_SLIRP_FIXTURE_H_
