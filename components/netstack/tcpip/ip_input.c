// The IP layer, inwards: what a header must look like before anything above may see it.
#include "checksum.h"
#include "sock.h"
#include "stack.h"

enum { NEXT_HOP_BY_HOP = 0, NEXT_ROUTING = 43, NEXT_FRAGMENT = 44, NEXT_NONE = 59, NEXT_DESTINATION = 60 };
enum { IPV4_OPTION_ROUTER_ALERT = 148, IPV6_OPTION_ROUTER_ALERT = 5 };
enum { ICMPV4_DEST_UNREACHABLE = 3, ICMPV4_PROTOCOL_UNREACHABLE = 2, ICMPV6_PARAMETER_PROBLEM = 4 };
enum { PROBLEM_INCOMPLETE_CHAIN = 3 };  // RFC 7112, 6

#define EXTENSIONS_MAX 8

void ip_input(interface_t* interface, const uint8_t* packet, const uint8_t* shared, size_t length,
              const tcpip_offload_t* offload, ip_sender_t sender) {
  rx_t rx = {.stack = interface->stack,
             .interface = interface,
             .network = packet,
             .network_length = length,
             .shared = shared,
             .own = sender == IP_FROM_HOST,
             .to_group = sender == IP_FROM_LINK_GROUP};
  if (offload) {
    rx.checksum_good = offload->flags & (TCPIP_OFFLOAD_NEEDS_CHECKSUM | TCPIP_OFFLOAD_DATA_VALID);
    rx.gso_size = offload->gso_type == TCPIP_GSO_UDP ? offload->gso_size : 0;
    rx.tcp_size = offload->gso_type != TCPIP_GSO_UDP ? offload->gso_size : 0;
  }
  trace(rx.stack, "ip.input");
  if (length && packet[0] >> 4 == 4)
    ipv4_input(&rx);
  else
    ipv6_input(&rx);
}

// A source that no honest host has (RFC 1122, 3.2.1.3): a group, broadcast, loopback from a wire, or ours.
static bool source_good(const rx_t* rx) {
  const interface_t* interface = rx->interface;
  if (addr_is_multicast(&rx->source) || addr_is_limited_broadcast(&rx->source)) return false;
  if (rx->own) return true;
  if (addr_is_loopback(&rx->source) || interface_is_subnet_broadcast(interface, &rx->source) ||
      interface_has_address(interface, &rx->source))
    return false;
  return rx->v4 ? rx->source.b[12] != 0 || addr_is_any(&rx->source) : !addr_is_v4(&rx->source);
}

// Marks group destinations; false if the packet is not for this host on this interface.
static bool destination_ours(rx_t* rx) {
  interface_t* interface = rx->interface;
  if (addr_is_multicast(&rx->destination)) {
    rx->to_group = true;
    return group_joined(interface, &rx->destination);
  }
  if (interface->info.loopback) return address_owner(rx->stack, &rx->destination) != NULL;
  if (interface_has_address(interface, &rx->destination)) return true;
  if (addr_is_limited_broadcast(&rx->destination) ||
      interface_is_subnet_broadcast(interface, &rx->destination)) {
    rx->to_group = true;
    return true;
  }
  rx->foreign = stand_in_accepts(rx);
  return rx->foreign;
}

static bool ipv4_header_good(const rx_t* rx, size_t* out_header, size_t* out_total) {
  const uint8_t* h = rx->network;
  if (rx->network_length < IPV4_HEADER || h[0] >> 4 != 4) return false;
  *out_header = (size_t)(h[0] & 0xf) * 4;
  *out_total = be16_get(h + 2);
  return *out_header >= IPV4_HEADER && *out_total >= *out_header && *out_total <= rx->network_length;
}

// Source routes are refused (RFC 7126); of the other options a host needs to know the router alert only.
static bool ipv4_options_good(rx_t* rx, size_t left) {
  const uint8_t* p = rx->network + IPV4_HEADER;
  while (left && p[0] != 0) {
    size_t length = p[0] == 1 ? 1 : left >= 2 ? p[1] : 0;
    bool too_short = p[0] != 1 && length < 2;
    if (too_short || length > left || p[0] == 131 || p[0] == 137) return false;
    rx->router_alert |= p[0] == IPV4_OPTION_ROUTER_ALERT;
    p += length;
    left -= length;
  }
  return true;
}

void ipv4_input(rx_t* rx) {
  tcpip_t* stack = rx->stack;
  const uint8_t* h = rx->network;
  size_t header, total;
  count(stack, ipv4_rx);
  if (!ipv4_header_good(rx, &header, &total)) {
    count(stack, ipv4_rx_bad_header);
    return;
  }
  if (checksum_fold(checksum_add(0, h, header)) != 0xffff) {
    count(stack, ipv4_rx_bad_checksum);
    return;
  }
  rx->network_length = total;  // what follows is the link's padding
  rx->v4 = true;
  rx->tos = h[1];
  rx->ttl = h[8];
  rx->protocol = h[9];
  rx->source = addr_v4(h + 12);
  rx->destination = addr_v4(h + 16);
  rx->transport = h + header;
  rx->transport_length = total - header;
  if (!source_good(rx)) {
    count(stack, ipv4_rx_bad_source);
    return;
  }
  if (!destination_ours(rx)) {
    count(stack, ipv4_rx_not_ours);
    return;
  }
  if (header > IPV4_HEADER && !ipv4_options_good(rx, header - IPV4_HEADER)) {
    count(stack, ipv4_rx_options);
    return;
  }
  uint16_t fragment = be16_get(h + 6);
  if (fragment & 0x3fff) {
    fragment_t f = {be16_get(h + 4), (uint16_t)((fragment & 0x1fff) * 8), fragment & 0x2000, rx->protocol};
    reassembly_input(rx, &f);
  } else {
    ipv4_deliver(rx);
  }
}

void ipv4_deliver(rx_t* rx) {
  if (rx->protocol == PROTOCOL_TCP) {
    tcp_input(rx);
  } else if (rx->protocol == PROTOCOL_UDP) {
    udp_input(rx);
  } else if (rx->protocol == PROTOCOL_ICMPV4) {
    icmpv4_input(rx);
  } else if (rx->protocol == PROTOCOL_IGMP) {
    igmp_input(rx);
  } else {
    count(rx->stack, ipv4_rx_unknown_protocol);
    icmpv4_error(rx, ICMPV4_DEST_UNREACHABLE, ICMPV4_PROTOCOL_UNREACHABLE, 0);
  }
}

void ipv6_input(rx_t* rx) {
  tcpip_t* stack = rx->stack;
  const uint8_t* h = rx->network;
  count(stack, ipv6_rx);
  size_t total = rx->network_length >= IPV6_HEADER ? IPV6_HEADER + (size_t)be16_get(h + 4) : SIZE_MAX;
  if (total > rx->network_length || h[0] >> 4 != 6) {
    count(stack, ipv6_rx_bad_header);
    return;
  }
  rx->network_length = total;
  rx->tos = (uint8_t)(be16_get(h) >> 4);
  rx->ttl = h[7];
  rx->source = addr_v6(h + 8);
  rx->destination = addr_v6(h + 24);
  if (!source_good(rx) || addr_is_v4(&rx->destination)) {
    count(stack, ipv6_rx_bad_source);
    return;
  }
  if (!destination_ours(rx)) {
    count(stack, ipv6_rx_not_ours);
    return;
  }
  ipv6_deliver(rx, h[6], IPV6_HEADER);
}

static bool parameter_problem(rx_t* rx, uint8_t code, size_t pointer) {
  count(rx->stack, ipv6_rx_bad_extension);
  icmpv6_error(rx, ICMPV6_PARAMETER_PROBLEM, code, (uint32_t)pointer);
  return false;
}

// RFC 8200, 4.2: the two highest bits of an unknown option say what becomes of the packet.
static bool options_good(rx_t* rx, size_t offset, size_t length) {
  const uint8_t* h = rx->network;
  for (size_t at = offset + 2, end = offset + length; at < end;) {
    if (h[at] == 0) {
      at++;
      continue;
    }
    size_t size = at + 1 < end ? (size_t)h[at + 1] + 2 : SIZE_MAX;
    if (size > end - at) return parameter_problem(rx, 0, at);
    uint8_t action = h[at] >> 6;
    if (h[at] != 1 && action) {
      bool tell = action == 2 || (action == 3 && !addr_is_multicast(&rx->destination));
      if (tell) return parameter_problem(rx, 2, at);
      count(rx->stack, ipv6_rx_bad_extension);
      return false;
    }
    rx->router_alert |= h[at] == IPV6_OPTION_ROUTER_ALERT;
    at += size;
  }
  return true;
}

// RFC 8200, 4.5: whether what follows in a first fragment, from a header of type `next` on, has all headers,
// the transport's included.
static bool headers_complete(const uint8_t* p, size_t left, uint8_t next) {
  while (next == NEXT_HOP_BY_HOP || next == NEXT_DESTINATION || next == NEXT_ROUTING) {
    size_t length = left >= 8 ? ((size_t)p[1] + 1) * 8 : SIZE_MAX;
    if (length > left) return false;
    next = p[0];
    p += length;
    left -= length;
  }
  size_t least = next == PROTOCOL_TCP                              ? TCP_HEADER
                 : next == PROTOCOL_UDP || next == PROTOCOL_ICMPV6 ? UDP_HEADER
                 : next == NEXT_NONE                               ? 0
                                                                   : 1;
  return left >= least;
}

static void fragment_header(rx_t* rx, size_t offset) {
  const uint8_t* h = rx->network + offset;
  uint16_t field = be16_get(h + 2);
  fragment_t f = {be32_get(h + 4), field & 0xfff8, field & 1, h[0]};
  rx->transport = h + IPV6_FRAGMENT_HEADER;
  rx->transport_length = rx->network_length - offset - IPV6_FRAGMENT_HEADER;
  if (f.more && rx->transport_length % 8)
    parameter_problem(rx, 0, 4);  // the payload length is at fault (RFC 8200, 4.5)
  else if (f.offset + rx->transport_length > 65535)
    parameter_problem(rx, 0, offset + 2);
  else if (!f.offset && f.more && !headers_complete(rx->transport, rx->transport_length, h[0]))
    parameter_problem(rx, PROBLEM_INCOMPLETE_CHAIN, 0);
  else if (!f.more && !f.offset)
    ipv6_deliver(rx, h[0], offset + IPV6_FRAGMENT_HEADER);  // a datagram of one fragment (RFC 6946)
  else
    reassembly_input(rx, &f);
}

static void deliver_transport(rx_t* rx, uint8_t next, size_t next_field, size_t offset) {
  rx->protocol = next;
  rx->transport = rx->network + offset;
  rx->transport_length = rx->network_length - offset;
  if (rx->foreign && !stand_in_wants(rx->interface, next, false)) {
    count(rx->stack, ipv6_rx_not_ours);
  } else if (next == PROTOCOL_TCP) {
    tcp_input(rx);
  } else if (next == PROTOCOL_UDP) {
    udp_input(rx);
  } else if (next == PROTOCOL_ICMPV6) {
    icmpv6_input(rx);
  } else if (next != NEXT_NONE) {
    count(rx->stack, ipv6_rx_unknown_header);
    icmpv6_error(rx, ICMPV6_PARAMETER_PROBLEM, 1, (uint32_t)next_field);
  }
}

// Walks the extension headers from the one of type `next` at `offset` to the transport.
void ipv6_deliver(rx_t* rx, uint8_t next, size_t offset) {
  size_t next_field = offset == IPV6_HEADER ? 6 : offset;
  for (unsigned i = 0; i < EXTENSIONS_MAX; i++) {
    bool by_hop = next == NEXT_HOP_BY_HOP, options = by_hop || next == NEXT_DESTINATION;
    if (!options && next != NEXT_ROUTING && next != NEXT_FRAGMENT) {
      deliver_transport(rx, next, next_field, offset);
      return;
    }
    const uint8_t* h = rx->network + offset;
    size_t left = rx->network_length - offset;
    size_t length = next == NEXT_FRAGMENT ? IPV6_FRAGMENT_HEADER
                    : left >= 8           ? ((size_t)h[1] + 1) * 8
                                          : SIZE_MAX;
    if (length > left) {
      count(rx->stack, ipv6_rx_bad_extension);
      return;
    }
    if (by_hop && offset != IPV6_HEADER) {
      parameter_problem(rx, 1, next_field);
      return;
    }
    if (next == NEXT_FRAGMENT && !rx->fragmented) {
      rx->fragmented = true;
      fragment_header(rx, offset);
      return;
    }
    if (next == NEXT_FRAGMENT) break;  // fragments of fragments
    if (options && !options_good(rx, offset, length)) return;
    if (next == NEXT_ROUTING && h[3] != 0) {  // segments left: we are no router (RFC 8200, 4.4)
      parameter_problem(rx, 0, offset + 2);
      return;
    }
    next = h[0];
    next_field = offset;
    offset += length;
  }
  count(rx->stack, ipv6_rx_bad_extension);
}
