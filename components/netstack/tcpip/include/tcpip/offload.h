// The engine's word for the work that goes with a frame, and the one that travels with it (inet/offload.h).
#ifndef TCPIP_OFFLOAD_H_
#define TCPIP_OFFLOAD_H_

#include <inet/offload.h>
#include <tcpip/tcpip.h>

static inline offload_header_t tcpip_offload_to_header(const tcpip_offload_t* offload) {
  return (offload_header_t){.flags = offload->flags,
                            .gso_type = offload->gso_type,
                            .header_length = offload->header_length,
                            .gso_size = offload->gso_size,
                            .checksum_start = offload->checksum_start,
                            .checksum_offset = offload->checksum_offset};
}

static inline tcpip_offload_t tcpip_offload_from_header(const offload_header_t* header) {
  return (tcpip_offload_t){.flags = header->flags,
                           .gso_type = header->gso_type,
                           .gso_size = header->gso_size,
                           .header_length = header->header_length,
                           .checksum_start = header->checksum_start,
                           .checksum_offset = header->checksum_offset};
}

#endif  // TCPIP_OFFLOAD_H_
