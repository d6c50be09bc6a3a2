// Numbers in network byte order, wherever they lie.
#ifndef INET_BYTES_H_
#define INET_BYTES_H_

#include <stdint.h>

static inline uint16_t be16_get(const uint8_t* p) {
  return (uint16_t)((uint16_t)p[0] << 8 | p[1]);
}
static inline uint32_t be32_get(const uint8_t* p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void be16_put(uint8_t* p, uint32_t v) {
  p[0] = (uint8_t)(v >> 8);
  p[1] = (uint8_t)v;
}
static inline void be32_put(uint8_t* p, uint32_t v) {
  be16_put(p, v >> 16);
  be16_put(p + 2, v);
}

#endif  // INET_BYTES_H_
