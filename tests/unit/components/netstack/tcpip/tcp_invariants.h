// What must hold of every connection between any two calls into the engine.
#ifndef TESTS_TCPIP_TCP_INVARIANTS_H_
#define TESTS_TCPIP_TCP_INVARIANTS_H_

#include <tcpip/tcpip.h>

// Calls tcp_invariants_failed with what is wrong of which connection, if anything is.
void tcp_invariants_check(const tcpip_t* stack);

// The user defines it; it fails the test or stops the program.
_Noreturn void tcp_invariants_failed(const char* what);

// Of the two ends of one connection, while both exist: neither knows of octets that the other has not sent,
// and each keeps within the window it was offered.
void tcp_invariants_check_pair(const tcpip_socket_t* a, const tcpip_socket_t* b);

#endif  // TESTS_TCPIP_TCP_INVARIANTS_H_
