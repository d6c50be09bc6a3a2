// Addresses as messages carry them and as the TCP/IP engine takes them, turned into each other; and errors.
#ifndef COMPONENTS_NETSTACK_ADDRESS_H_
#define COMPONENTS_NETSTACK_ADDRESS_H_

#include <fidl/fuchsia.net.h>
#include <fidl/fuchsia.posix.h>
#include <tcpip/address.h>

// Fills `out` from `address`, which must be present. False, and `out` untouched, if its zone is no possible
// interface.
bool endpoint_from_fidl(const fuchsia_net_SocketAddress* address, tcpip_endpoint_t* out);

// A socket address with room for what it points to. Must not be moved once filled.
typedef struct socket_address_storage {
  union {
    fuchsia_net_Ipv4SocketAddress ipv4;
    fuchsia_net_Ipv6SocketAddress ipv6;
  } room;
} socket_address_storage_t;

// `endpoint` as a message carries it, pointing into `storage`. An endpoint without address is the unspecified
// one of `family` (TCPIP_IPV4 or TCPIP_IPV6).
fuchsia_net_SocketAddress endpoint_to_fidl(const tcpip_endpoint_t* endpoint, uint8_t family,
                                           socket_address_storage_t* storage);

// `subnet` as a message carries it, pointing into `storage`.
typedef struct ip_address_storage {
  fuchsia_net_Ipv6Address ipv6;
} ip_address_storage_t;
fuchsia_net_Subnet subnet_to_fidl(const tcpip_subnet_t* subnet, ip_address_storage_t* storage);

// An engine's result (a negative errno) as a message carries it; EIO for a number that messages do not know.
fuchsia_posix_Errno errno_to_fidl(int64_t negative_errno);

#endif  // COMPONENTS_NETSTACK_ADDRESS_H_
