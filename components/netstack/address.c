// The boundary between two vocabularies: fuchsia.net on one side, <tcpip/address.h> on the other.
#include "address.h"

#include <string.h>

bool endpoint_from_fidl(const fuchsia_net_SocketAddress* address, tcpip_endpoint_t* out) {
  if (address->ordinal == fuchsia_net_SocketAddress_Tag_ipv4) {
    *out =
        (tcpip_endpoint_t){.address = tcpip_ipv4(address->ipv4->address.addr), .port = address->ipv4->port};
    return true;
  }
  const fuchsia_net_Ipv6SocketAddress* ipv6 = address->ipv6;
  if (ipv6->zone_index > UINT32_MAX) return false;
  *out = (tcpip_endpoint_t){
      .address = tcpip_ipv6(ipv6->address.addr), .port = ipv6->port, .zone = (uint32_t)ipv6->zone_index};
  return true;
}

fuchsia_net_SocketAddress endpoint_to_fidl(const tcpip_endpoint_t* endpoint, uint8_t family,
                                           socket_address_storage_t* storage) {
  if (endpoint->address.family != TCPIP_NONE) family = endpoint->address.family;
  memset(storage, 0, sizeof(*storage));
  if (family == TCPIP_IPV4) {
    fuchsia_net_Ipv4SocketAddress* ipv4 = &storage->room.ipv4;
    memcpy(ipv4->address.addr, endpoint->address.bytes, sizeof(ipv4->address.addr));
    ipv4->port = endpoint->port;
    return fuchsia_net_SocketAddress_with_ipv4(ipv4);
  }
  fuchsia_net_Ipv6SocketAddress* ipv6 = &storage->room.ipv6;
  memcpy(ipv6->address.addr, endpoint->address.bytes, sizeof(ipv6->address.addr));
  ipv6->port = endpoint->port;
  ipv6->zone_index = endpoint->zone;
  return fuchsia_net_SocketAddress_with_ipv6(ipv6);
}

fuchsia_net_Subnet subnet_to_fidl(const tcpip_subnet_t* subnet, ip_address_storage_t* storage) {
  fuchsia_net_Subnet result = {.prefix_len = subnet->prefix_length};
  memset(storage, 0, sizeof(*storage));
  if (subnet->address.family == TCPIP_IPV4) {
    fuchsia_net_Ipv4Address ipv4;
    memcpy(ipv4.addr, subnet->address.bytes, sizeof(ipv4.addr));
    result.addr = fuchsia_net_IpAddress_with_ipv4(ipv4);
  } else {
    memcpy(storage->ipv6.addr, subnet->address.bytes, sizeof(storage->ipv6.addr));
    result.addr = fuchsia_net_IpAddress_with_ipv6(&storage->ipv6);
  }
  return result;
}

fuchsia_posix_Errno errno_to_fidl(int64_t negative_errno) {
  int64_t number = -negative_errno;
  if (number <= 0 || number > INT32_MAX) return fuchsia_posix_Errno_EIO;
  fuchsia_posix_Errno error = (fuchsia_posix_Errno)number;
  return fuchsia_posix_Errno_is_known(error) ? error : fuchsia_posix_Errno_EIO;
}
