// A datagram socket as a FIDL server: fuchsia.posix.socket.SynchronousDatagramSocket.
//
// A socket is one engine socket, what its applications wait on, and one or more connections (Clone makes
// more). It dies with its last connection; then its port is free again, and its client gets back what it
// paid.
#ifndef COMPONENTS_NETSTACK_SYNCHRONOUS_DATAGRAM_SOCKET_H_
#define COMPONENTS_NETSTACK_SYNCHRONOUS_DATAGRAM_SOCKET_H_

#include <tcpip/tcpip.h>

#include "provider.h"

// Makes a socket of `client` and serves it on `server_end` (consumed, also on failure). `family` is
// TCPIP_IPV4 or TCPIP_IPV6. 0 or a negative errno: -EMFILE (the client has its number of sockets), -ENFILE,
// -ENOMEM.
int synchronous_datagram_socket_open(provider_client_t* client, uint8_t family, tcpip_protocol_t protocol,
                                     zx_handle_t server_end);

#endif  // COMPONENTS_NETSTACK_SYNCHRONOUS_DATAGRAM_SOCKET_H_
