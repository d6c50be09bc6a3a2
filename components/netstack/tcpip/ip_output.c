// The IP layer, outwards: headers, fragmentation, and the choice between loopback, groups and neighbours.
#include "checksum.h"
#include "sock.h"
#include "stack.h"

#define IPV4_DF 0x4000u
#define IPV4_MF 0x2000u

static void v4_put(uint8_t* h, const path_t* path, const ip_fields_t* fields, size_t total,
                   uint16_t identification, uint16_t fragment) {
  size_t header = IPV4_HEADER + (fields->router_alert ? IPV4_ALERT_OPTION : 0);
  h[0] = (uint8_t)(4 << 4 | header / 4);
  h[1] = fields->tos;
  be16_put(h + 2, (uint32_t)total);
  be16_put(h + 4, identification);
  be16_put(h + 6, fragment);
  h[8] = fields->ttl;
  h[9] = fields->protocol;
  h[10] = h[11] = 0;
  memcpy(h + 12, path->source.b + 12, 4);
  memcpy(h + 16, path->destination.b + 12, 4);
  if (fields->router_alert) memcpy(h + IPV4_HEADER, (const uint8_t[]){148, 4, 0, 0}, IPV4_ALERT_OPTION);
  checksum_put(h + 10, checksum_finish(checksum_add(0, h, header)));
}

static void v6_put(uint8_t* h, const path_t* path, const ip_fields_t* fields, uint8_t next, size_t payload) {
  be32_put(h, 6u << 28 | (uint32_t)fields->tos << 20);
  be16_put(h + 4, (uint32_t)payload);
  h[6] = next;
  h[7] = fields->ttl;
  memcpy(h + 8, path->source.b, 16);
  memcpy(h + 24, path->destination.b, 16);
}

// RFC 7739: unpredictable, and apart for each pair of hosts, so that no one can count what we send to others.
static uint32_t next_identification(tcpip_t* stack, const path_t* path, uint8_t protocol) {
  uint64_t words[5] = {path->source.q[0], path->source.q[1], path->destination.q[0], path->destination.q[1],
                       protocol};
  uint64_t hash = hash_strong(&stack->secret_key, words, 5);
  return (uint32_t)(hash >> 32) + stack->ip_ids[hash % IP_IDS]++;
}

static int to_link(const path_t* path, tx_t* tx) {
  interface_t* interface = path->interface;
  if (interface->info.loopback) return loopback_output(interface, tx);
  uint8_t mac[TCPIP_MAC_SIZE];
  if (path->broadcast)
    memset(mac, 0xff, sizeof mac);
  else if (path->multicast)
    group_mac(&path->destination, mac);
  else
    return neighbour_output(interface, &path->next_hop, tx);
  return ethernet_output(interface, mac, path->v4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6, tx);
}

// The bytes of the transport's packet from `offset` on, as pieces of `whole`.
static void slice(const tx_t* whole, size_t offset, size_t length, tx_t* part) {
  struct iovec head = {(void*)(uintptr_t)(whole->head + whole->head_start), tx_head_length(whole)};
  for (size_t i = 0; i < whole->iov_count && length; i++) {
    struct iovec piece = i ? whole->iov[i] : head;
    if (offset >= piece.iov_len) {
      offset -= piece.iov_len;
      continue;
    }
    size_t take = piece.iov_len - offset < length ? piece.iov_len - offset : length;
    tx_add(part, (uint8_t*)piece.iov_base + offset, take);
    offset = 0;
    length -= take;
  }
}

static int send_fragments(tcpip_t* stack, const path_t* path, const ip_fields_t* fields, const tx_t* whole) {
  size_t overhead = path->v4 ? IPV4_HEADER : IPV6_HEADER + IPV6_FRAGMENT_HEADER;
  size_t total = tx_length(whole), step = (path->mtu - overhead) & ~(size_t)7;
  uint32_t identification = next_identification(stack, path, fields->protocol);
  for (size_t offset = 0; offset < total; offset += step) {
    bool more = offset + step < total;
    size_t length = more ? step : total - offset;
    tx_t part;
    tx_init(&part, whole->socket);
    slice(whole, offset, length, &part);
    if (path->v4) {
      v4_put(tx_push(&part, IPV4_HEADER), path, fields, length + overhead, (uint16_t)identification,
             (uint16_t)(offset / 8 | (more ? IPV4_MF : 0)));
      count(stack, ipv4_tx_fragments);
    } else {
      uint8_t* h = tx_push(&part, overhead);
      v6_put(h, path, fields, 44, length + IPV6_FRAGMENT_HEADER);
      h[40] = fields->protocol;
      h[41] = 0;
      be16_put(h + 42, (uint32_t)(offset | more));
      be32_put(h + 44, identification);
      count(stack, ipv6_tx_fragments);
    }
    part.must_keep = whole->must_keep || offset > 0;  // the rest of what has begun must follow it
    int result = to_link(path, &part);
    if (result) return result;
  }
  return 0;
}

static void put_header(tcpip_t* stack, const path_t* path, const ip_fields_t* fields, tx_t* tx) {
  size_t payload = tx_length(tx);
  if (path->v4) {
    // RFC 6864: what is never fragmented needs no identification of its own; some receivers still look at it.
    bool whole = !fields->routers_may_fragment;
    uint32_t identification =
        whole ? stack->ip_ids[payload % IP_IDS]++ : next_identification(stack, path, fields->protocol);
    size_t header = IPV4_HEADER + (fields->router_alert ? IPV4_ALERT_OPTION : 0);
    v4_put(tx_push(tx, header), path, fields, payload + header, (uint16_t)identification,
           whole ? IPV4_DF : 0);
  } else if (fields->router_alert) {
    // In a header for every hop, of which the last two octets are padding.
    const uint8_t by_hop[IPV6_ALERT_HEADER] = {fields->protocol, 0, 5, 2, 0, 0, 1, 0};
    memcpy(tx_push(tx, sizeof by_hop), by_hop, sizeof by_hop);
    v6_put(tx_push(tx, IPV6_HEADER), path, fields, 0, payload + sizeof by_hop);
  } else {
    v6_put(tx_push(tx, IPV6_HEADER), path, fields, fields->protocol, payload);
  }
}

// What goes to a group this host is in comes back to it, whole even where the link gets fragments.
static void loop_back(tcpip_t* stack, const path_t* path, const ip_fields_t* fields, const tx_t* packet) {
  bool broadcast = path->broadcast;
  bool multicast =
      path->multicast && fields->multicast_loop && group_joined(path->interface, &path->destination);
  if (path->interface->info.loopback || !(broadcast || multicast)) return;
  tx_t copy;
  tx_init(&copy, NULL);
  memcpy(tx_push(&copy, tx_head_length(packet)), packet->head + packet->head_start, tx_head_length(packet));
  for (size_t i = 1; i < packet->iov_count; i++)
    tx_add(&copy, packet->iov[i].iov_base, packet->iov[i].iov_len);
  put_header(stack, path, fields, &copy);
  (void)loopback_output(path->interface, &copy);
}

int ip_output(tcpip_t* stack, const path_t* path, const ip_fields_t* fields, tx_t* tx) {
  trace(stack, "ip.output");
  size_t header = path->v4 ? IPV4_HEADER : IPV6_HEADER;
  size_t limit = path->v4 ? 65535 - IPV4_HEADER : 65535;
  bool fits = tx_length(tx) + header <= path->mtu || tx->offload.gso_size;
  int result;
  if (tx_length(tx) > limit || (!fits && !fields->may_fragment)) {
    result = -EMSGSIZE;
  } else {
    loop_back(stack, path, fields, tx);
    if (path->multicast && fields->ttl == 0) {
      result = 0;  // for this host only
    } else if (!fits) {
      result = send_fragments(stack, path, fields, tx);
    } else {
      put_header(stack, path, fields, tx);
      result = to_link(path, tx);
    }
  }
  if (path->v4)
    count(stack, ipv4_tx);
  else
    count(stack, ipv6_tx);
  if (result) path->v4 ? count(stack, ipv4_tx_failed) : count(stack, ipv6_tx_failed);
  return result;
}

void ip_output_checksum(const path_t* path, uint8_t protocol, size_t offset, tx_t* tx) {
  size_t length = tx_length(tx), head = tx_head_length(tx);
  uint8_t* transport = tx->head + tx->head_start;
  size_t ip_header = path->v4 ? IPV4_HEADER : IPV6_HEADER;
  bool whole = length + ip_header <= path->mtu || tx->offload.gso_size;
  bool can = (path->interface->link_features & TCPIP_LINK_TX_CHECKSUM) && protocol != PROTOCOL_ICMPV6;
  bool offload = can || path->interface->info.loopback;
  // For a segmentation request the length is that of the whole, as virtio-net has it.
  uint64_t sum = checksum_pseudo(&path->source, &path->destination, protocol, length);
  if (offload && whole) {
    checksum_put(transport + offset, checksum_fold(sum));
    tx->offload.flags |= TCPIP_OFFLOAD_NEEDS_CHECKSUM;
    tx->offload.checksum_start = (uint16_t)head;
    tx->offload.checksum_offset = (uint16_t)offset;
    return;
  }
  checksum_put(transport + offset, 0);
  sum = checksum_add(sum, transport, head);
  // The header's length is even, so the payload's sum needs no turning.
  sum += checksum_iov(0, tx->iov + 1, tx->iov_count - 1, tx->payload_length);
  uint16_t folded = checksum_finish(sum);
  checksum_put(transport + offset, protocol == PROTOCOL_UDP && folded == 0 ? 0xffff : folded);
}
