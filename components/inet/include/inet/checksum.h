// The Internet checksum (RFC 1071) over scattered bytes.
//
// A sum is kept unfolded and in memory order, so it needs no byte swap on the way; adding sums of pieces
// gives the sum of the whole as long as each piece but the last has an even length (checksum_iov sees to odd
// ones itself).
#ifndef INET_CHECKSUM_H_
#define INET_CHECKSUM_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

uint64_t checksum_add(uint64_t sum, const void* data, size_t length);

// The sum of `length` bytes of `iov`, which has at least as many.
uint64_t checksum_iov(uint64_t sum, const struct iovec* iov, size_t iov_count, size_t length);

// Folds to the 16 bits as they lie in memory; checksum_finish complements them as well.
uint16_t checksum_fold(uint64_t sum);
static inline uint16_t checksum_finish(uint64_t sum) {
  return (uint16_t)~checksum_fold(sum);
}

// Writes a folded sum where it belongs.
static inline void checksum_put(uint8_t* at, uint16_t folded) {
  memcpy(at, &folded, sizeof folded);
}

#endif  // INET_CHECKSUM_H_
