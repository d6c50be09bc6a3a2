// SipHash (Aumasson and Bernstein, 2012) with the rounds as parameters: 1-3 keys the hash tables, 2-4 chooses
// what an attacker must not guess.
#ifndef TCPIP_HASH_H_
#define TCPIP_HASH_H_

#include <stddef.h>
#include <stdint.h>

typedef struct hash_key {
  uint64_t k[2];
} hash_key_t;

uint64_t hash_words(const hash_key_t* key, const uint64_t* words, size_t count);
uint64_t hash_strong(const hash_key_t* key, const uint64_t* words, size_t count);

#endif  // TCPIP_HASH_H_
