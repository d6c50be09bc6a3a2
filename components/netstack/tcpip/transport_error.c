// ICMP errors, at the transports: to the socket whose packet is quoted, if there is one; otherwise they are
// ignored, which is also what makes forged ones hard (RFC 5927).
#include "sock.h"
#include "stack.h"

static bool key_of(const icmp_error_t* error, socket_key_t* key) {
  const uint8_t* h = error->transport;
  *key = (socket_key_t){.protocol = error->protocol,
                        .local = error->local,
                        .remote = error->remote,
                        .interface = error->interface->info.index};
  switch (error->protocol) {
    case PROTOCOL_UDP:
    case PROTOCOL_TCP:
      key->local_port = be16_get(h);
      key->remote_port = be16_get(h + 2);
      return true;
    case PROTOCOL_ICMPV4:
    case PROTOCOL_ICMPV6:
      key->local_port = be16_get(h + 4);
      return true;
    default:
      return false;
  }
}

void transport_error(tcpip_t* stack, const icmp_error_t* error) {
  socket_key_t key;
  if (!key_of(error, &key)) return;
  tcpip_socket_t* socket = socket_find_connection(stack, &key);
  if (!socket && !error->foreign) socket = socket_find_bound(stack, &key);
  if (!socket) socket = stand_in_find(error->interface, error->protocol, error->rx->v4);
  if (socket) socket->ops->icmp_error(socket, error);
}
