// Datagram sockets of the fast kind: sockets of the engine as fuchsia.posix.socket.DatagramSocket, each with
// an end of the kernel's pair that its datagrams travel on without a request.
#ifndef COMPONENTS_NETSTACK_FAST_DATAGRAM_SOCKET_H_
#define COMPONENTS_NETSTACK_FAST_DATAGRAM_SOCKET_H_

#include <stdint.h>
#include <zircon/types.h>

#include <tcpip/tcpip.h>

typedef struct netstack netstack_t;
typedef struct provider_client provider_client_t;
typedef struct fast_datagram_set fast_datagram_set_t;

// Makes a socket of UDP that `client` owns, served on `server_end` (consumed, also on failure). 0 or a
// negative errno.
int fast_datagram_socket_open(provider_client_t* client, uint8_t family, zx_handle_t server_end);

// Makes another connection, served on `server_end`, to the socket whose descriptor `fd` is a duplicate of;
// both are consumed, also on failure. 0, -ENOTSOCK, -EMFILE, -ENOMEM.
int fast_datagram_socket_adopt(fast_datagram_set_t* set, int fd, zx_handle_t server_end);

// All sockets of the kind in a netstack. ZX_ERR_NO_MEMORY, ZX_ERR_NO_RESOURCES.
zx_status_t fast_datagram_set_create(netstack_t* netstack, fast_datagram_set_t** out);
// Ends all of them. NULL is fine.
void fast_datagram_set_destroy(fast_datagram_set_t* set);

// Within a visit to the engine: does what there is to do, each socket within its budget. True: there is more.
// NULL is fine.
bool fast_datagram_set_service(fast_datagram_set_t* set);

// Within a visit: closes sockets that their last holder has let go without our having read so yet.
void fast_datagram_set_sweep(fast_datagram_set_t* set);

// Within a visit: whether a socket that nobody holds any more still has something to send.
bool fast_datagram_set_is_unfinished(fast_datagram_set_t* set);

#endif  // COMPONENTS_NETSTACK_FAST_DATAGRAM_SOCKET_H_
