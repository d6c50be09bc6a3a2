// The Internet checksum over the engine's addresses.
#ifndef TCPIP_CHECKSUM_H_
#define TCPIP_CHECKSUM_H_

#include <inet/checksum.h>

#include "base.h"

// The pseudo-header of IPv4 or IPv6, whichever the addresses are.
static inline uint64_t checksum_pseudo(const addr_t* source, const addr_t* destination, uint8_t protocol,
                                       size_t length) {
  uint8_t tail[8];
  be32_put(tail, (uint32_t)length);
  be32_put(tail + 4, protocol);
  uint64_t sum = checksum_add(0, tail, sizeof tail);
  bool v4 = addr_is_v4(source);
  size_t skip = v4 ? 12 : 0;
  sum = checksum_add(sum, source->b + skip, 16 - skip);
  return checksum_add(sum, destination->b + skip, 16 - skip);
}

#endif  // TCPIP_CHECKSUM_H_
