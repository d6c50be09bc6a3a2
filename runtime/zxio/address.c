// Socket addresses between <netinet/in.h> and fuchsia.net. On the wire ports are numbers, addresses as in
// packets.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "internal.h"

int16_t zxio_address_from_sockaddr(const struct sockaddr* addr, socklen_t length, zxio_address_t* out) {
  if (!addr || length < sizeof(addr->sa_family)) return EINVAL;
  sa_family_t family;
  memcpy(&family, addr, sizeof(family));  // the caller's pointer need not be aligned
  memset(out, 0, sizeof(*out));
  if (family == AF_INET && length >= sizeof(struct sockaddr_in)) {
    struct sockaddr_in in;
    memcpy(&in, addr, sizeof(in));
    memcpy(out->storage.ipv4.address.addr, &in.sin_addr, sizeof(in.sin_addr));
    out->storage.ipv4.port = ntohs(in.sin_port);
    out->wire = fuchsia_net_SocketAddress_with_ipv4(&out->storage.ipv4);
    return 0;
  }
  if (family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
    struct sockaddr_in6 in6;
    memcpy(&in6, addr, sizeof(in6));
    memcpy(out->storage.ipv6.address.addr, &in6.sin6_addr, sizeof(in6.sin6_addr));
    out->storage.ipv6.port = ntohs(in6.sin6_port);
    out->storage.ipv6.zone_index = in6.sin6_scope_id;
    out->wire = fuchsia_net_SocketAddress_with_ipv6(&out->storage.ipv6);
    return 0;
  }
  return EINVAL;
}

static void copy_out(const void* from, socklen_t size, struct sockaddr* addr, socklen_t* length) {
  if (addr) memcpy(addr, from, *length < size ? *length : size);
  *length = size;
}

void zxio_address_to_sockaddr(const fuchsia_net_SocketAddress* wire, struct sockaddr* addr,
                              socklen_t* length) {
  if (wire->ordinal == fuchsia_net_SocketAddress_Tag_ipv4) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(wire->ipv4->port)};
    memcpy(&in.sin_addr, wire->ipv4->address.addr, sizeof(in.sin_addr));
    copy_out(&in, sizeof(in), addr, length);
  } else if (wire->ordinal == fuchsia_net_SocketAddress_Tag_ipv6) {
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_port = htons(wire->ipv6->port),
                               .sin6_scope_id = (uint32_t)wire->ipv6->zone_index};
    memcpy(&in6.sin6_addr, wire->ipv6->address.addr, sizeof(in6.sin6_addr));
    copy_out(&in6, sizeof(in6), addr, length);
  } else {
    *length = 0;  // absent
  }
}
