// Checksums and segments in software; see <inet/offload.h>. Each frame is gathered into its place and summed
// while it is still in the cache.
#include <assert.h>
#include <inet/bytes.h>
#include <inet/checksum.h>
#include <inet/offload.h>
#include <string.h>

enum { ETHERNET_HEADER = 14, IPV4_HEADER = 20, IPV6_HEADER = 40, TCP_HEADER = 20, UDP_HEADER = 8 };
enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };
enum { TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_CWR = 0x80 };

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

// Moves the next `length` bytes of the frame to `out`, or nowhere if that is NULL; it has as many.
static void gather(offload_split_t* split, uint8_t* out, size_t length) {
  while (length > 0) {
    assert(split->iov_count > 0);
    size_t take = smaller(length, split->iov->iov_len - split->iov_offset);
    if (out && take > 0) {
      memcpy(out, (const uint8_t*)split->iov->iov_base + split->iov_offset, take);
      out += take;
    }
    length -= take;
    split->iov_offset += take;
    if (split->iov_offset < split->iov->iov_len) continue;
    split->iov++;
    split->iov_count--;
    split->iov_offset = 0;
  }
}

// Finds the transport of the copied headers, of which there are `available` bytes.
static bool parse_network(offload_split_t* split, size_t available, uint8_t* out_protocol) {
  const uint8_t* h = split->headers;
  if (available < ETHERNET_HEADER + IPV4_HEADER) return false;
  const uint8_t* ip = h + ETHERNET_HEADER;
  split->network = ETHERNET_HEADER;
  split->v4 = be16_get(h + 12) == ETHERTYPE_IPV4;
  if (split->v4) {
    size_t bytes = (size_t)(ip[0] & 15) * 4;
    if (ip[0] >> 4 != 4 || bytes < IPV4_HEADER || (be16_get(ip + 6) & 0x3fff)) return false;
    split->transport = ETHERNET_HEADER + bytes;
    *out_protocol = ip[9];
  } else {
    if (be16_get(h + 12) != ETHERTYPE_IPV6 || available < ETHERNET_HEADER + IPV6_HEADER) return false;
    if (ip[0] >> 4 != 6) return false;
    split->transport = ETHERNET_HEADER + IPV6_HEADER;
    *out_protocol = ip[6];
  }
  return true;
}

static bool parse_transport(offload_split_t* split, size_t available, uint8_t protocol) {
  const uint8_t* transport = split->headers + split->transport;
  size_t smallest = protocol == PROTOCOL_TCP ? TCP_HEADER : UDP_HEADER;
  if (available < split->transport + smallest) return false;
  split->tcp = protocol == PROTOCOL_TCP;
  split->transport_bytes = split->tcp ? (size_t)(transport[12] >> 4) * 4 : UDP_HEADER;
  split->header_bytes = split->transport + split->transport_bytes;
  return split->transport_bytes >= smallest && split->header_bytes <= available;
}

static bool type_fits(const offload_split_t* split, uint8_t protocol) {
  switch (split->header.gso_type) {
    case OFFLOAD_GSO_TCPV4:
      return split->v4 && protocol == PROTOCOL_TCP;
    case OFFLOAD_GSO_TCPV6:
      return !split->v4 && protocol == PROTOCOL_TCP;
    default:
      return protocol == PROTOCOL_UDP;
  }
}

static bool begin_segments(offload_split_t* split, size_t length) {
  size_t available = smaller(length, sizeof(split->headers));
  // The payload is found from the start again; the headers are not read a second time.
  const offload_split_t start = *split;
  gather(split, split->headers, available);
  split->iov = start.iov;
  split->iov_count = start.iov_count;
  split->iov_offset = 0;
  uint8_t protocol = 0;
  if (!parse_network(split, available, &protocol) || !type_fits(split, protocol) ||
      !parse_transport(split, available, protocol) || length <= split->header_bytes) {
    return false;
  }
  gather(split, NULL, split->header_bytes);
  split->payload = length - split->header_bytes;
  split->step = split->header.gso_size;
  split->count = (uint32_t)((split->payload + split->step - 1) / split->step);
  return split->header_bytes - ETHERNET_HEADER + smaller(split->step, split->payload) <= UINT16_MAX;
}

bool offload_split_begin(offload_split_t* split, const offload_header_t* header, const struct iovec* iov,
                         size_t iov_count, size_t length) {
  *split = (offload_split_t){
      .count = 1, .whole_length = length, .header = *header, .iov = iov, .iov_count = iov_count};
  return header->gso_type == OFFLOAD_GSO_NONE || begin_segments(split, length);
}

size_t offload_split_bytes_max(const offload_split_t* split) {
  if (split->header_bytes == 0) return split->whole_length;
  return split->header_bytes + smaller(split->step, split->payload);
}

// A sum of 0 is sent as its other form: to UDP 0 means that there is none (RFC 768), and to TCP they are the
// same.
static void put_sum(uint8_t* at, uint64_t sum) {
  uint16_t folded = checksum_finish(sum);
  checksum_put(at, folded ? folded : 0xffff);
}

static size_t whole(offload_split_t* split, uint8_t* out) {
  size_t length = split->whole_length, start = split->header.checksum_start;
  gather(split, out, length);
  if (split->header.flags & OFFLOAD_NEEDS_CHECKSUM)
    put_sum(out + start + split->header.checksum_offset, checksum_add(0, out + start, length - start));
  return length;
}

static uint64_t pseudo_header(const offload_split_t* split, const uint8_t* ip, size_t length) {
  uint8_t tail[4] = {0, split->tcp ? PROTOCOL_TCP : PROTOCOL_UDP};
  be16_put(tail + 2, (uint32_t)length);
  uint64_t sum = checksum_add(0, tail, sizeof(tail));
  return split->v4 ? checksum_add(sum, ip + 12, 8) : checksum_add(sum, ip + 8, 32);
}

static void put_network(const offload_split_t* split, uint8_t* ip, size_t transport_length) {
  if (!split->v4) {
    be16_put(ip + 4, (uint32_t)transport_length);
    return;
  }
  size_t bytes = split->transport - split->network;
  be16_put(ip + 2, (uint32_t)(bytes + transport_length));
  be16_put(ip + 4, be16_get(ip + 4) + split->index);
  checksum_put(ip + 10, 0);
  checksum_put(ip + 10, checksum_finish(checksum_add(0, ip, bytes)));
}

// What differs from segment to segment in the transport's header. Returns where its checksum is.
static uint8_t* put_transport(const offload_split_t* split, uint8_t* transport, size_t length) {
  if (!split->tcp) {
    be16_put(transport + 4, (uint32_t)length);
    return transport + 6;
  }
  be32_put(transport + 4, be32_get(transport + 4) + split->index * (uint32_t)split->step);
  if (split->count > 1) transport[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
  if (split->index > 0) transport[13] &= (uint8_t)~TCP_CWR;  // RFC 3168, 6.1.2: on the first alone
  return transport + 16;
}

size_t offload_split_next(offload_split_t* split, uint8_t* out) {
  if (split->count == 0) return 0;
  size_t length;
  if (split->header_bytes == 0) {
    length = whole(split, out);
  } else {
    size_t payload = smaller(split->step, split->payload);
    uint8_t *ip = out + split->network, *transport = out + split->transport;
    size_t transport_length = split->transport_bytes + payload;
    memcpy(out, split->headers, split->header_bytes);
    gather(split, out + split->header_bytes, payload);
    put_network(split, ip, transport_length);
    uint8_t* sum_at = put_transport(split, transport, transport_length);
    checksum_put(sum_at, 0);
    put_sum(sum_at, checksum_add(pseudo_header(split, ip, transport_length), transport, transport_length));
    split->payload -= payload;
    length = split->header_bytes + payload;
  }
  split->index++;
  split->count--;
  return length;
}
