// A bell that several processes listen to.
//
// A byte in a socket is the ring. With one listener, it takes the byte out when it wakes up. With several,
// one listener taking the byte would leave the others asleep; so each watches the socket for edges through an
// epoll instance of its own, every ring is an edge for all of them, and the bytes stay. Before they fill the
// socket someone takes them out but one: as long as one is left, no epoll instance forgets an edge it has not
// reported yet.
//
// Who holds one end of a pair cannot put a byte into its own socket. What several processes do to an end that
// they share is rung with a timer that each of them watches besides: setting it to the past is an edge, never
// blocks and never fills anything. A holder that meddles with it deafens those who share its end.
#ifndef RUNTIME_ZX_BELL_H_
#define RUNTIME_ZX_BELL_H_

#include <stdatomic.h>
#include <stdint.h>

#include <zircon/types.h>

// Makes the epoll instance to wait on instead of `bell` and `self_bell` (-1: none). ZX_ERR_NO_RESOURCES.
zx_status_t bell_listen(int bell, int self_bell, int* out_listener);

// Makes such a timer; rings it. ZX_ERR_NO_RESOURCES.
zx_status_t bell_create_self(int* out_self_bell);
void bell_ring_self(int self_bell);

// Takes note of an edge: returns what the bell shows (POLLIN, POLLHUP ...), 0 if there was none.
short bell_heard(int listener);

// Takes out bytes if many have piled up. `lock` is a word shared by the listeners.
void bell_trim(int bell, _Atomic uint32_t* lock);

#endif  // RUNTIME_ZX_BELL_H_
