// A bell that several processes listen to.
//
// A byte in a socket is the ring. With one listener, it takes the byte out when it wakes up. With several,
// one listener taking the byte would leave the others asleep; so each watches the socket for edges through an
// epoll instance of its own, every ring is an edge for all of them, and the bytes stay. Before they fill the
// socket someone takes them out but one: as long as one is left, no epoll instance forgets an edge it has not
// reported yet.
#ifndef RUNTIME_ZX_BELL_H_
#define RUNTIME_ZX_BELL_H_

#include <stdatomic.h>
#include <stdint.h>

#include <zircon/types.h>

// Makes the epoll instance to wait on instead of `bell`. ZX_ERR_NO_RESOURCES.
zx_status_t bell_listen(int bell, int* out_listener);

// Takes note of an edge: returns what the bell shows (POLLIN, POLLHUP ...), 0 if there was none.
short bell_heard(int listener);

// Takes out bytes if many have piled up. `lock` is a word shared by the listeners.
void bell_trim(int bell, _Atomic uint32_t* lock);

#endif  // RUNTIME_ZX_BELL_H_
