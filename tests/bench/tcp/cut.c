// See cut.h. A run of a super-frame's packets is what segmentation on one side and merging on the other would
// have made of it: lengths, sequence number, identification, flags and checksums are those of the run.
#include "cut.h"

#include <string.h>

enum { ETHERNET = 14, IPV4_MIN = 20, TCP_MIN = 20, FIN = 1, PSH = 8, CWR = 128 };

static uint32_t get(const uint8_t* p, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; i++)
    value = value << 8 | p[i];
  return value;
}

static void put(uint8_t* p, int bytes, uint32_t value) {
  for (int i = bytes; i-- > 0; value >>= 8)
    p[i] = (uint8_t)value;
}

static uint32_t sum(const uint8_t* p, size_t length, uint32_t start) {
  for (size_t i = 0; i + 1 < length; i += 2)
    start += get(p + i, 2);
  return start;
}

static uint16_t fold(uint32_t value) {
  value = (value & 0xffff) + (value >> 16);
  return (uint16_t)((value & 0xffff) + (value >> 16));
}

bool cut_open(const void* bytes, size_t length, cut_frame_t* out) {
  struct virtio_net_hdr vnet;
  if (length < VNET_HEADER + ETHERNET) return false;
  *out = (cut_frame_t){.bytes = bytes, .length = length, .count = 1};
  memcpy(&vnet, bytes, sizeof(vnet));
  unsigned type = vnet.gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
  if (type == VIRTIO_NET_HDR_GSO_NONE) return true;
  const uint8_t* ip = out->bytes + VNET_HEADER + ETHERNET;
  if (type != VIRTIO_NET_HDR_GSO_TCPV4 || vnet.gso_size == 0 ||
      length < VNET_HEADER + ETHERNET + IPV4_MIN + TCP_MIN)
    return false;
  size_t ip_header = (size_t)(ip[0] & 15) * 4, tcp_header;
  if (length < VNET_HEADER + ETHERNET + ip_header + TCP_MIN) return false;
  tcp_header = (size_t)(ip[ip_header + 12] >> 4) * 4;
  out->head = VNET_HEADER + ETHERNET + ip_header + tcp_header;
  if (ip_header < IPV4_MIN || tcp_header < TCP_MIN || length <= out->head) return false;
  out->segment = vnet.gso_size;
  out->count = (length - out->head + out->segment - 1) / out->segment;
  return true;
}

static size_t payload_of(const cut_frame_t* frame, size_t first, size_t count) {
  size_t whole = frame->length - frame->head, start = first * frame->segment;
  return whole - start < count * frame->segment ? whole - start : count * frame->segment;
}

size_t cut_packet_length(const cut_frame_t* frame, size_t index) {
  if (!frame->head) return frame->length - VNET_HEADER;
  return frame->head - VNET_HEADER + payload_of(frame, index, 1);
}

size_t cut_packets(const cut_frame_t* frame, size_t first, size_t count, uint8_t* head,
                   const uint8_t** out_payload, size_t* out_payload_length) {
  if (!frame->head) {
    *out_payload = frame->bytes;
    *out_payload_length = frame->length;
    return 0;
  }
  size_t payload = payload_of(frame, first, count);
  *out_payload = frame->bytes + frame->head + first * frame->segment;
  *out_payload_length = payload;
  memcpy(head, frame->bytes, frame->head);
  struct virtio_net_hdr vnet;
  memcpy(&vnet, head, sizeof(vnet));
  if (payload <= frame->segment) {
    vnet.gso_type = VIRTIO_NET_HDR_GSO_NONE;
    vnet.gso_size = 0;
  }
  memcpy(head, &vnet, sizeof(vnet));
  uint8_t* ip = head + VNET_HEADER + ETHERNET;
  size_t ip_header = (size_t)(ip[0] & 15) * 4;
  uint8_t* tcp = ip + ip_header;
  size_t tcp_length = frame->head - (size_t)(tcp - head) + payload;
  put(ip + 2, 2, (uint32_t)(ip_header + tcp_length));
  put(ip + 4, 2, get(ip + 4, 2) + (uint32_t)first);
  put(ip + 10, 2, 0);
  put(ip + 10, 2, (uint16_t)~fold(sum(ip, ip_header, 0)));
  put(tcp + 4, 4, get(tcp + 4, 4) + (uint32_t)(first * frame->segment));
  if (first > 0) tcp[13] &= (uint8_t)~CWR;
  if (first + count < frame->count) tcp[13] &= (uint8_t) ~(FIN | PSH);
  // A segmentation request comes with a checksum to be completed: the field holds the pseudo-header's sum.
  put(tcp + 16, 2, fold(sum(ip + 12, 8, ip[9] + (uint32_t)tcp_length)));
  return frame->head;
}
