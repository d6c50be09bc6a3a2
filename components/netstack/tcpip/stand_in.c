// Standing in for the hosts behind an interface: a socket takes what is for addresses that nobody here has,
// and speaks in their names. What a gateway between two worlds needs that ends connections on the one side
// and begins them on the other.
//
// A packet is foreign (rx_t) if its destination is none of ours and could be a host's. It is let in at the IP
// layer only where a socket wants it, passes all sockets by that are bound to this host's addresses, and is
// never answered by the engine of its own accord but for resets of TCP.
#include "checksum.h"
#include "tcp.h"

#define V4_LINK_LOCAL 0xa9fe0000u  // 169.254/16

static int kind_of(uint8_t protocol, bool v4) {
  if (protocol == PROTOCOL_TCP) return STAND_IN_TCP;
  if (protocol == PROTOCOL_UDP) return STAND_IN_UDP;
  return protocol == (v4 ? PROTOCOL_ICMPV4 : PROTOCOL_ICMPV6) ? STAND_IN_ECHO : -1;
}

tcpip_socket_t* stand_in_find(const interface_t* interface, uint8_t protocol, bool v4) {
  int kind = kind_of(protocol, v4);
  return kind < 0 ? NULL : interface->stand_ins[v4][kind];
}

bool stand_in_wants(const interface_t* interface, uint8_t protocol, bool v4) {
  int kind = kind_of(protocol, v4);
  if (kind != STAND_IN_ECHO) return kind >= 0 && interface->stand_ins[v4][kind];
  for (int i = 0; i < STAND_IN_KINDS; i++) {
    if (interface->stand_ins[v4][i]) return true;
  }
  return false;
}

// An address that is ours and not (yet) assigned is nobody else's either.
bool stand_in_may_be(const interface_t* interface, const addr_t* address) {
  if (addr_is_any(address) || addr_is_multicast(address) || addr_is_limited_broadcast(address) ||
      addr_is_loopback(address) || addr_is_link_local(address))
    return false;
  bool v4 = addr_is_v4(address);
  if (v4 && (address->b[12] == 0 || (addr_v4_number(address) & 0xffff0000u) == V4_LINK_LOCAL)) return false;
  return !interface_is_subnet_broadcast(interface, address) && !interface_address_find(interface, address);
}

// One that a link broadcast brought was for somebody else (RFC 1122, 3.3.6); one from nowhere cannot be
// answered.
bool stand_in_accepts(const rx_t* rx) {
  uint8_t protocol = rx->v4 ? rx->protocol : PROTOCOL_ICMPV6;
  return stand_in_wants(rx->interface, protocol, rx->v4) && !rx->to_group && !addr_is_any(&rx->source) &&
         !addr_equal(&rx->source, &rx->destination) && stand_in_may_be(rx->interface, &rx->destination);
}

static bool is_new(tcpip_socket_t* socket) {
  if (socket->local_port || socket->connected || socket->stands_in) return false;
  return socket->protocol != PROTOCOL_TCP ||
         (tcp_of(socket)->state == TCPIP_TCP_CLOSED && !tcp_of(socket)->was_connected);
}

int tcpip_socket_stand_in(tcpip_socket_t* socket, uint32_t index) {
  interface_t* interface = interface_find(socket->stack, index);
  bool v4 = socket->family == TCPIP_IPV4;
  if (!is_new(socket)) return -EINVAL;
  if (!interface || interface->info.loopback) return -ENODEV;
  tcpip_socket_t** place = &interface->stand_ins[v4][kind_of(socket->protocol, v4)];
  if (*place) return -EADDRINUSE;
  *place = socket;
  socket->stands_in = true;
  socket->device = index;
  socket->v6_only = !v4;
  socket->mtu_discover = socket->protocol == PROTOCOL_TCP ? socket->mtu_discover : TCPIP_MTU_DONT;
  return 0;
}

int tcpip_socket_speak_as(tcpip_socket_t* socket, uint32_t index, const tcpip_endpoint_t* local) {
  interface_t* interface = interface_find(socket->stack, index);
  addr_t address;
  bool v4 = socket->family == TCPIP_IPV4;
  if (!is_new(socket) || socket->protocol != PROTOCOL_TCP || !local->port) return -EINVAL;
  if (!addr_import(&local->address, &address) || addr_is_v4(&address) != v4) return -EAFNOSUPPORT;
  if (!interface || !interface->stand_ins[v4][STAND_IN_TCP]) return -ENODEV;
  if (!stand_in_may_be(interface, &address)) return -EADDRNOTAVAIL;
  int result = socket_take_port(socket, &address, local->port);
  if (result) return result;
  socket->local = address;
  socket->device = index;
  socket->foreign = socket->address_chosen = socket->port_chosen = true;
  return 0;
}

void stand_in_end(tcpip_socket_t* socket) {
  interface_t* interface = socket->stands_in ? interface_find(socket->stack, socket->device) : NULL;
  bool v4 = socket->family == TCPIP_IPV4;
  if (interface) interface->stand_ins[v4][kind_of(socket->protocol, v4)] = NULL;
}

// The first octets of what was not delivered, as its sender knows it.
static void transport_put(uint8_t h[UDP_HEADER], const tcpip_socket_t* socket, const icmp_quote_t* quote,
                          uint16_t from, uint16_t to) {
  enum { V4_ECHO = 8, V6_ECHO = 128 };
  bool v4 = socket->family == TCPIP_IPV4, udp = socket->protocol == PROTOCOL_UDP;
  memset(h, 0, UDP_HEADER);
  if (udp) {
    be16_put(h, from);
    be16_put(h + 2, to);
    be16_put(h + 4, UDP_HEADER);
  } else {
    h[0] = v4 ? V4_ECHO : V6_ECHO;
    be16_put(h + 4, from);
    be16_put(h + 6, to);
  }
  uint64_t sum = udp || !v4 ? checksum_pseudo(&quote->from, &quote->to, quote->protocol, UDP_HEADER) : 0;
  checksum_put(h + (udp ? 6 : 2), checksum_finish(checksum_add(sum, h, UDP_HEADER)));
}

int tcpip_socket_unreachable(tcpip_socket_t* socket, const tcpip_endpoint_t* from, const tcpip_endpoint_t* to,
                             int error) {
  interface_t* interface = socket->stands_in ? interface_find(socket->stack, socket->device) : NULL;
  bool v4 = socket->family == TCPIP_IPV4;
  uint8_t transport[UDP_HEADER];
  icmp_quote_t quote = {
      .protocol = socket->protocol, .transport = transport, .transport_length = sizeof transport};
  if (!interface || socket->protocol == PROTOCOL_TCP || from->address.family != socket->family ||
      to->address.family != socket->family)
    return -EINVAL;
  if (!addr_import(&from->address, &quote.from) || !addr_import(&to->address, &quote.to)) return -EINVAL;
  bool told = addr_is_v4(&quote.from) == v4 && !addr_is_any(&quote.from) && !addr_is_multicast(&quote.from) &&
              !addr_is_limited_broadcast(&quote.from);
  bool teller = addr_is_v4(&quote.to) == v4 &&
                (interface_has_address(interface, &quote.to) || stand_in_may_be(interface, &quote.to));
  if (!told || !teller) return -EINVAL;
  transport_put(transport, socket, &quote, from->port, to->port);
  return icmp_unreachable(interface, &quote, error) ? 0 : -EINVAL;
}
