// A stream socket as a FIDL server: fuchsia.posix.socket.StreamSocket over the engine's TCP.
//
// Its bytes do not travel in messages. The application's descriptor is one end of a kernel stream pair, the
// netstack holds the other and moves bytes between it and the engine. So whatever reads, writes, polls,
// duplicates, inherits or passes on a connected stream is the kernel's own business, and a connection lives
// as long as any process holds its descriptor, with or without a connection to this server.
#ifndef COMPONENTS_NETSTACK_STREAM_SOCKET_H_
#define COMPONENTS_NETSTACK_STREAM_SOCKET_H_

#include <stdbool.h>
#include <stdint.h>
#include <zircon/types.h>

#include "provider.h"

// All streams of a netstack.
typedef struct stream_set stream_set_t;

// ZX_ERR_NO_MEMORY, ZX_ERR_NO_RESOURCES.
zx_status_t stream_set_create(netstack_t* netstack, stream_set_t** out);

// Frees it and the streams that have no connection any more. All bindings must be over. NULL is fine.
void stream_set_destroy(stream_set_t* set);

// For netstack_leave: moves the bytes of streams for which something has come to hold, each for a bounded
// time. True if there is more to be done.
bool stream_set_service(stream_set_t* set);

// Whether a stream that no process holds any more has bytes left to be moved to the engine. Looks for those
// whose last holder has just gone.
bool stream_set_is_unfinished(stream_set_t* set);

// Makes a stream of `client` and serves it on `server_end` (consumed, also on failure). `family` is
// TCPIP_IPV4 or TCPIP_IPV6. If `out_socket` is not NULL it gets the application's descriptor. 0 or a negative
// errno: -EMFILE (the client has its number of sockets), -ENFILE, -ENOMEM.
int stream_socket_open(provider_client_t* client, uint8_t family, zx_handle_t server_end,
                       zx_handle_t* out_socket);

// Serves on `server_end` the stream that `fd` is the application's descriptor of: who holds the one may have
// the other. Consumes both, also on failure. 0, -ENOTSOCK (it is no stream of this netstack), -EMFILE,
// -ENOMEM.
int stream_socket_adopt(stream_set_t* set, int fd, zx_handle_t server_end);

#endif  // COMPONENTS_NETSTACK_STREAM_SOCKET_H_
