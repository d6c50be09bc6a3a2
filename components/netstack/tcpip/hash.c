#include "hash.h"

typedef struct sip {
  uint64_t v[4];
} sip_t;

static inline uint64_t rotate(uint64_t x, unsigned n) {
  return x << n | x >> (64 - n);
}

static inline void sip_round(sip_t* s) {
  uint64_t* v = s->v;
  v[0] += v[1];
  v[2] += v[3];
  v[1] = rotate(v[1], 13) ^ v[0];
  v[3] = rotate(v[3], 16) ^ v[2];
  v[0] = rotate(v[0], 32) + v[3];
  v[2] += v[1];
  v[3] = rotate(v[3], 21) ^ v[0];
  v[1] = rotate(v[1], 17) ^ v[2];
  v[2] = rotate(v[2], 32);
}

static inline uint64_t sip(const hash_key_t* key, const uint64_t* words, size_t count, unsigned rounds,
                           unsigned final_rounds) {
  sip_t s = {{key->k[0] ^ UINT64_C(0x736f6d6570736575), key->k[1] ^ UINT64_C(0x646f72616e646f6d),
              key->k[0] ^ UINT64_C(0x6c7967656e657261), key->k[1] ^ UINT64_C(0x7465646279746573)}};
  for (size_t i = 0; i <= count; i++) {
    uint64_t word = i < count ? words[i] : (uint64_t)count << 59;  // the length in bytes, in the last octet
    s.v[3] ^= word;
    for (unsigned r = 0; r < rounds; r++)
      sip_round(&s);
    s.v[0] ^= word;
  }
  s.v[2] ^= 0xff;
  for (unsigned r = 0; r < final_rounds; r++)
    sip_round(&s);
  return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

uint64_t hash_words(const hash_key_t* key, const uint64_t* words, size_t count) {
  return sip(key, words, count, 1, 3);
}

uint64_t hash_strong(const hash_key_t* key, const uint64_t* words, size_t count) {
  return sip(key, words, count, 2, 4);
}
