// The memory in which applications see the state of their fast datagram sockets without asking: a number of
// 64 bits for each socket of a client that has asked for it (idl, DatagramState).
#ifndef COMPONENTS_NETSTACK_FAST_DATAGRAM_STATE_H_
#define COMPONENTS_NETSTACK_FAST_DATAGRAM_STATE_H_

#include <stdatomic.h>
#include <stdint.h>
#include <zircon/types.h>

typedef struct fast_datagram_states fast_datagram_states_t;

// Memory for so many sockets, which whoever gets it can only read. ZX_ERR_NO_MEMORY, ZX_ERR_NO_RESOURCES.
zx_status_t fast_datagram_states_create(uint32_t count, fast_datagram_states_t** out);
// NULL is fine.
void fast_datagram_states_destroy(fast_datagram_states_t* states);

// A number for a socket, and its place in the memory; NULL if all are taken. Its upper half goes on from
// where the last one left it.
_Atomic(uint64_t)* fast_datagram_states_take(fast_datagram_states_t* states);
void fast_datagram_states_give_back(fast_datagram_states_t* states, _Atomic(uint64_t)* state);
uint64_t fast_datagram_states_offset(const fast_datagram_states_t* states, const _Atomic(uint64_t)* state);

// The memory as a VMO to give away.
zx_status_t fast_datagram_states_share(const fast_datagram_states_t* states, zx_handle_t* out);

#endif  // COMPONENTS_NETSTACK_FAST_DATAGRAM_STATE_H_
