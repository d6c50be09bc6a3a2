// What must hold of every connection between any two calls into the engine.
#ifndef TESTS_TCPIP_TCP_INVARIANTS_H_
#define TESTS_TCPIP_TCP_INVARIANTS_H_

#include "host.h"

// Fails the test with what is wrong of which connection, if anything is.
void tcp_invariants_check(const host_t* host);

// Of the two ends of one connection, while both exist: neither knows of octets that the other has not sent,
// and each keeps within the window it was offered.
void tcp_invariants_check_pair(const tcpip_socket_t* a, const tcpip_socket_t* b);

#endif  // TESTS_TCPIP_TCP_INVARIANTS_H_
