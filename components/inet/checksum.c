// The Internet checksum. One's complement addition commutes with byte order and with the width of the words
// added (RFC 1071, 2), so the loop adds 32-bit halves of 64-bit lanes: a lane overflows only after 2^32
// additions, far beyond any packet, and the compiler turns the lanes into vector registers.
#include <inet/checksum.h>

#include <stdbool.h>

typedef uint64_t lanes_t __attribute__((vector_size(16)));

#define BLOCK (2 * sizeof(lanes_t))

// Two independent pairs of sums, so that the additions of one need not wait for those of the other.
static uint64_t add_blocks(uint64_t sum, const uint8_t* p, size_t blocks) {
  const lanes_t low = {UINT32_MAX, UINT32_MAX};
  lanes_t even = {0}, odd = {0}, even2 = {0}, odd2 = {0};
  for (; blocks; blocks--, p += BLOCK) {
    lanes_t a, b;
    memcpy(&a, p, sizeof a);
    memcpy(&b, p + sizeof a, sizeof b);
    even += a & low;
    odd += a >> 32;
    even2 += b & low;
    odd2 += b >> 32;
  }
  even += odd + even2 + odd2;
  return sum + even[0] + even[1];
}

uint64_t checksum_add(uint64_t sum, const void* data, size_t length) {
  const uint8_t* p = data;
  size_t blocks = length / BLOCK;
  if (blocks) {
    sum = add_blocks(sum, p, blocks);
    p += blocks * BLOCK;
    length -= blocks * BLOCK;
  }
  for (; length >= 4; length -= 4, p += 4) {
    uint32_t w;
    memcpy(&w, p, sizeof w);
    sum += w;
  }
  uint32_t rest = 0;
  memcpy(&rest, p, length);
  return sum + rest;
}

uint64_t checksum_iov(uint64_t sum, const struct iovec* iov, size_t iov_count, size_t length) {
  bool odd = false;
  for (size_t i = 0; i < iov_count && length; i++) {
    size_t piece = iov[i].iov_len < length ? iov[i].iov_len : length;
    uint64_t part = checksum_add(0, iov[i].iov_base, piece);
    if (odd) part = __builtin_bswap16(checksum_fold(part));
    sum += part;
    odd ^= piece & 1;
    length -= piece;
  }
  return sum;
}

uint16_t checksum_fold(uint64_t sum) {
  sum = (sum & UINT32_MAX) + (sum >> 32);
  sum = (sum & UINT32_MAX) + (sum >> 32);
  sum = (sum & UINT16_MAX) + (sum >> 16);
  sum = (sum & UINT16_MAX) + (sum >> 16);
  return (uint16_t)sum;
}
