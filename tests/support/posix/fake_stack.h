// A network stack without a network, for the tests of zxio and fdio: a thread that serves
// fuchsia.posix.socket over the generated stubs. Its sockets reach each other by port, whatever the address.
// Beyond that:
//
//   port 7    echoes: the datagram comes back from where it was sent to, its control data made of what was
//   sent port 9    takes datagrams and drops them no socket a connected sender gets ECONNREFUSED with its
//   next call, and one that wants a queue of errors finds it there as well, the latest only
//
// Interfaces: lo (1, 127.0.0.1/8) and eth0 (2, 10.0.2.15/24).
#ifndef TESTS_SUPPORT_POSIX_FAKE_STACK_H_
#define TESTS_SUPPORT_POSIX_FAKE_STACK_H_

#include <stdint.h>
#include <zircon/types.h>

#define FAKE_PORT_ECHO 7
#define FAKE_PORT_DISCARD 9

typedef struct fake_stack fake_stack_t;

// Begins to serve the directory `svc` (consumed). Ends the process if that is impossible.
fake_stack_t* fake_stack_start(zx_handle_t svc);

// Ends the thread; all connections are closed.
void fake_stack_stop(fake_stack_t* stack);

// How many sockets there are just now; a socket goes when its last connection does.
uint32_t fake_stack_sockets(fake_stack_t* stack);

// How many requests of SendMsg and RecvMsg have come.
uint32_t fake_stack_messages(fake_stack_t* stack);

#endif  // TESTS_SUPPORT_POSIX_FAKE_STACK_H_
