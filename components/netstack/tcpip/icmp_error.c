// ICMP errors, both families: sending them under RFC 1122 (3.2.2), RFC 1812 (4.3.2) and RFC 4443 (2.4), and
// handing those received to the transport whose packet they quote.
#include "checksum.h"
#include "sock.h"
#include "stack.h"

#define IPV4_QUOTE 548u  // with our headers 576 bytes, the most RFC 1812 allows
#define ERROR_COST (NS_PER_S / 1000)
#define ERROR_BURST (NS_PER_S / 10)
#define PEER_COST (NS_PER_S / 10)
#define PEER_BURST (2 * NS_PER_S)

enum { V4_DEST_UNREACHABLE = 3, V4_NET = 0, V4_HOST = 1, V4_PORT_UNREACHABLE = 3, V4_PROHIBITED = 13 };
enum { V6_DEST_UNREACHABLE = 1, V6_NO_ROUTE = 0, V6_PROHIBITED = 1, V6_ADDRESS = 3, V6_PORT_UNREACHABLE = 4 };

// One bucket for all, and one of many for each destination, so that one peer cannot use up what others need.
static bool rate_allows(tcpip_t* stack, const addr_t* to) {
  bucket_t* peer = &stack->icmp_peers[stack_hash(stack, to, 1) % ICMP_PEERS];
  return bucket_take(peer, stack->now, PEER_COST, PEER_BURST) &&
         bucket_take(&stack->icmp_bucket, stack->now, ERROR_COST, ERROR_BURST);
}

static bool transport_at(const uint8_t* packet, size_t length, uint8_t* out_protocol,
                         const uint8_t** out_transport) {
  if (length >= IPV4_HEADER && packet[0] >> 4 == 4) {
    size_t header = (size_t)(packet[0] & 0xf) * 4;
    *out_protocol = packet[9];
    *out_transport = packet + header;
    return header >= IPV4_HEADER && header <= length && !(be16_get(packet + 6) & 0x1fff);
  }
  if (length < IPV6_HEADER || packet[0] >> 4 != 6) return false;
  size_t at = IPV6_HEADER;
  *out_protocol = packet[6];
  for (unsigned i = 0; i < 8; i++) {
    bool fragment = *out_protocol == 44;
    if (*out_protocol != 0 && *out_protocol != 43 && *out_protocol != 60 && !fragment) break;
    if (length - at < 8 || (fragment && (be16_get(packet + at + 2) & 0xfff8))) return false;
    size_t size = fragment ? 8 : ((size_t)packet[at + 1] + 1) * 8;
    if (size > length - at) return false;
    *out_protocol = packet[at];
    at += size;
  }
  *out_transport = packet + at;
  return true;
}

// Never about an ICMP error, a packet to a group, from nowhere, or a fragment that is not the first.
static bool error_allowed(const rx_t* rx, bool group_allowed) {
  uint8_t protocol;
  const uint8_t* transport;
  if (rx->foreign) return false;  // who stands in for that host speaks for it
  if ((rx->to_group && !group_allowed) || addr_is_any(&rx->source) || addr_is_multicast(&rx->source))
    return false;
  if (!transport_at(rx->network, rx->network_length, &protocol, &transport))
    return rx->v4 ? false : true;  // a broken chain of extension headers may be reported
  size_t left = rx->network_length - (size_t)(transport - rx->network);
  if (rx->v4 && protocol == PROTOCOL_ICMPV4)
    return left > 0 && (transport[0] == 0 || transport[0] == 8 || (transport[0] >= 13 && transport[0] <= 18));
  if (!rx->v4 && protocol == PROTOCOL_ICMPV6) return left > 0 && transport[0] >= 128 && transport[0] != 137;
  return true;
}

static void send_error(rx_t* rx, uint8_t type, uint8_t code, uint32_t argument, size_t quote) {
  tx_t tx;
  tx_init(&tx, NULL);
  uint8_t* h = tx_push(&tx, ICMP_HEADER);
  h[0] = type;
  h[1] = code;
  h[2] = h[3] = 0;
  be32_put(h + 4, argument);
  tx_add(&tx, rx->network, rx->network_length < quote ? rx->network_length : quote);
  addr_t from = rx->to_group ? addr_any(rx->v4) : rx->destination;
  icmp_send(rx->interface, &from, &rx->source, &tx, 0, rx->v4 ? 0xc0 : 0);
}

void icmpv4_error(rx_t* rx, uint8_t type, uint8_t code, uint32_t argument) {
  tcpip_t* stack = rx->stack;
  if (!error_allowed(rx, false)) return;
  if (!rate_allows(stack, &rx->source)) {
    count(stack, icmpv4_tx_rate_limited);
    return;
  }
  count(stack, icmpv4_tx_error);
  send_error(rx, type, code, argument, IPV4_QUOTE);
}

void icmpv6_error(rx_t* rx, uint8_t type, uint8_t code, uint32_t argument) {
  tcpip_t* stack = rx->stack;
  bool group_allowed = type == 2 || (type == 4 && code == 2);  // RFC 4443, 2.4 (e.3)
  if (!error_allowed(rx, group_allowed)) return;
  if (!rate_allows(stack, &rx->source)) {
    count(stack, icmpv6_tx_rate_limited);
    return;
  }
  count(stack, icmpv6_tx_error);
  send_error(rx, type, code, argument, IPV6_MIN_MTU - IPV6_HEADER - ICMP_HEADER);
}

static bool unreachable_code(bool v4, int error, uint8_t* out) {
  switch (error) {
    case ENETUNREACH:
    case ENETDOWN:
      *out = v4 ? V4_NET : V6_NO_ROUTE;
      return true;
    case EHOSTUNREACH:
    case EHOSTDOWN:
      *out = v4 ? V4_HOST : V6_ADDRESS;
      return true;
    case ECONNREFUSED:
      *out = v4 ? V4_PORT_UNREACHABLE : V6_PORT_UNREACHABLE;
      return true;
    case EACCES:
    case EPERM:
      *out = v4 ? V4_PROHIBITED : V6_PROHIBITED;
      return true;
    default:
      return false;
  }
}

// Of what is not known of it nothing depends on what is made up: a sender looks for its addresses, its ports
// and the first numbers behind them.
static size_t quoted_put(uint8_t* h, const icmp_quote_t* quote, bool v4) {
  size_t header = v4 ? IPV4_HEADER : IPV6_HEADER;
  memset(h, 0, header);
  if (v4) {
    h[0] = 0x45;
    be16_put(h + 2, (uint32_t)(IPV4_HEADER + quote->transport_length));
    h[8] = 64;
    h[9] = quote->protocol;
    memcpy(h + 12, quote->from.b + 12, 4);
    memcpy(h + 16, quote->to.b + 12, 4);
    checksum_put(h + 10, checksum_finish(checksum_add(0, h, IPV4_HEADER)));
  } else {
    h[0] = 0x60;
    be16_put(h + 4, (uint32_t)quote->transport_length);
    h[6] = quote->protocol;
    h[7] = 64;
    memcpy(h + 8, quote->from.b, 16);
    memcpy(h + 24, quote->to.b, 16);
  }
  memcpy(h + header, quote->transport, quote->transport_length);
  return header + quote->transport_length;
}

bool icmp_unreachable(interface_t* interface, const icmp_quote_t* quote, int error) {
  tcpip_t* stack = interface->stack;
  bool v4 = addr_is_v4(&quote->from);
  uint8_t code, quoted[IPV6_HEADER + TCP_HEADER];
  if (!unreachable_code(v4, error, &code)) return false;
  if (!rate_allows(stack, &quote->from)) {
    v4 ? count(stack, icmpv4_tx_rate_limited) : count(stack, icmpv6_tx_rate_limited);
    return true;
  }
  v4 ? count(stack, icmpv4_tx_error) : count(stack, icmpv6_tx_error);
  tx_t tx;
  tx_init(&tx, NULL);
  uint8_t* h = tx_push(&tx, ICMP_HEADER);
  memset(h, 0, ICMP_HEADER);
  h[0] = v4 ? V4_DEST_UNREACHABLE : V6_DEST_UNREACHABLE;
  h[1] = code;
  tx_add(&tx, quoted, quoted_put(quoted, quote, v4));
  icmp_send(interface, &quote->to, &quote->from, &tx, 0, v4 ? 0xc0 : 0);
  return true;
}

void icmp_port_unreachable(rx_t* rx) {
  if (rx->v4)
    icmpv4_error(rx, V4_DEST_UNREACHABLE, V4_PORT_UNREACHABLE, 0);
  else
    icmpv6_error(rx, V6_DEST_UNREACHABLE, V6_PORT_UNREACHABLE, 0);
}

// Answers go back over the interface the question came from, so link-local peers need no zone.
void icmp_send(interface_t* interface, const addr_t* source, const addr_t* destination, tx_t* tx, uint8_t ttl,
               uint8_t tos) {
  tcpip_t* stack = interface->stack;
  bool v4 = addr_is_v4(destination);
  path_t path = path_on_link(interface, source, destination);
  bool discovery = !v4 && ttl == 255;  // of neighbours: it stands below routing
  if (!discovery) {
    bool foreign = !addr_is_any(source) &&
                   stand_in_wants(interface, v4 ? PROTOCOL_ICMPV4 : PROTOCOL_ICMPV6, v4) &&
                   !address_owner(stack, source);
    path_query_t query = {.destination = *destination,
                          .source = *source,
                          .interface = foreign || addr_is_scoped(destination) ? interface->info.index : 0,
                          .foreign = foreign};
    if (path_resolve(stack, &query, &path)) return;
  }
  ip_fields_t fields = {.protocol = v4 ? PROTOCOL_ICMPV4 : PROTOCOL_ICMPV6,
                        .ttl = ttl ? ttl : path_hop_limit(&path),
                        .tos = tos,
                        .may_fragment = true};
  uint8_t* h = tx->head + tx->head_start;
  if (v4) {
    uint64_t sum = checksum_add(0, h, tx_head_length(tx));
    sum += checksum_iov(0, tx->iov + 1, tx->iov_count - 1, tx->payload_length);
    checksum_put(h + 2, checksum_finish(sum));
  } else {
    ip_output_checksum(&path, PROTOCOL_ICMPV6, 2, tx);
  }
  (void)ip_output(stack, &path, &fields, tx);
}

// `quoted` is what the error carries of the packet it is about; false if it is not a packet of ours.
bool icmp_error_parse(rx_t* rx, const uint8_t* quoted, size_t length, icmp_error_t* error) {
  if (!transport_at(quoted, length, &error->protocol, &error->transport)) return false;
  error->transport_length = length - (size_t)(error->transport - quoted);
  if ((quoted[0] >> 4 == 4) != rx->v4 || error->transport_length < 8) return false;
  error->local = rx->v4 ? addr_v4(quoted + 12) : addr_v6(quoted + 8);
  error->remote = rx->v4 ? addr_v4(quoted + 16) : addr_v6(quoted + 24);
  error->interface = rx->interface;
  error->rx = rx;
  error->foreign = !address_owner(rx->stack, &error->local);
  return !error->foreign || (stand_in_find(rx->interface, error->protocol, rx->v4) &&
                             stand_in_may_be(rx->interface, &error->local));
}
