// What tests of sockets that stand in for other hosts share: `a` has `b` for its router, and b answers in the
// place of whoever a speaks to.
#ifndef TESTS_UNIT_COMPONENTS_NETSTACK_TCPIP_STAND_IN_HOSTS_H_
#define TESTS_UNIT_COMPONENTS_NETSTACK_TCPIP_STAND_IN_HOSTS_H_

#include "base.h"
#include "host.h"
#include "jx_test.h"
#include "tcp.h"

extern host_t a, b;

// Addresses, of IPv4 and of IPv6.
extern const char* const farther[2];
extern const char* const others[2];
extern const char* const of_a[2];
extern const char* const of_b[2];

// Makes and ends both hosts.
void stand_in_setup(void);
void stand_in_teardown(void);

// TCPIP_IPV4 or TCPIP_IPV6.
uint8_t family_of(int v6);

// A socket of a host's.
tcpip_socket_t* new_socket(host_t* h, int v6, tcpip_protocol_t protocol);

// One of b's that stands in.
tcpip_socket_t* standing(int v6, tcpip_protocol_t protocol);

// One that stands in for streams, listening.
tcpip_socket_t* listening(int v6, int backlog);

// A stream of a's, being connected.
tcpip_socket_t* calling(int v6, const char* address, uint16_t port);

// The next that waits to be accepted.
tcpip_socket_t* accepted(tcpip_socket_t* listener);

// Sends `bytes` to `to` in the name of `from` (NULL: the socket's own) and of `port`.
int64_t answer(tcpip_socket_t* s, const void* bytes, size_t length, const tcpip_endpoint_t* to,
               const char* from, uint16_t port);

// Fails the test unless it is this address.
void same_address(const tcpip_address_t* is, const char* text);

// TCPIP_TCP_*: the state of a stream.
int state_of(const tcpip_socket_t* s);

// A packet from a to `to`, as b gets it.
void inject(int v6, const char* to, uint8_t protocol, const void* payload, size_t length, size_t checksum_at);

// A datagram of one byte.
void inject_udp(int v6, const char* to, uint16_t port);

// A segment without data from port 4000 to port 80.
void inject_segment(int v6, const char* to, uint32_t seq, uint32_t ack, uint8_t flags);

// How many packets b took for nobody's.
uint64_t not_ours(int v6);

// Takes b's oldest segment: its flags, and its numbers if they are asked for.
uint8_t take_segment(int v6, const char* from, uint32_t* out_seq, uint32_t* out_ack);

// What a router says of a packet of b's that begins with `quoted`.
void inject_too_big(int v6, const char* to, const uint8_t* quoted, size_t length, uint32_t mtu);

#endif  // TESTS_UNIT_COMPONENTS_NETSTACK_TCPIP_STAND_IN_HOSTS_H_
