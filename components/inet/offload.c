// What a header before a frame may say; see <inet/offload.h>.
#include <inet/offload.h>

_Static_assert(OFFLOAD_HEADER_BYTES == 10, "the header is that of virtio-net");

#define ETHERNET_HEADER 14u

static bool gso_valid(const offload_header_t* header, uint32_t offloads, size_t length) {
  uint32_t needed = header->gso_type == OFFLOAD_GSO_UDP ? OFFLOAD_USO : OFFLOAD_TSO;
  // A segment's checksum is made anew, so the frame's own is missing or known to be good.
  return (offloads & needed) && header->flags != 0 && header->gso_size > 0 &&
         length / header->gso_size < OFFLOAD_SEGMENTS_MAX;
}

bool offload_header_valid(const offload_header_t* header, uint32_t offloads, size_t length) {
  if (header->flags & ~(OFFLOAD_NEEDS_CHECKSUM | OFFLOAD_DATA_VALID)) return false;
  if (header->flags & OFFLOAD_NEEDS_CHECKSUM) {
    size_t at = (size_t)header->checksum_start + header->checksum_offset;
    if (!(offloads & OFFLOAD_CHECKSUM) || header->checksum_start < ETHERNET_HEADER || at + 2 > length)
      return false;
  }
  switch (header->gso_type) {
    case OFFLOAD_GSO_NONE:
      return true;
    case OFFLOAD_GSO_TCPV4:
    case OFFLOAD_GSO_TCPV6:
    case OFFLOAD_GSO_UDP:
      return gso_valid(header, offloads, length);
    default:
      return false;
  }
}
