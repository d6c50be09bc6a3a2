// Method ordinals: the first eight bytes of a SHA-256, read as a little-endian number, without the top bit.
#include <sha256.h>
#include <string.h>

#include "compiler.h"

uint64_t method_ordinal(const char* selector) {
  SHA2_CTX context;
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256Init(&context);
  SHA256Update(&context, (const uint8_t*)selector, strlen(selector));
  SHA256Final(digest, &context);
  uint64_t ordinal = 0;
  for (int i = 7; i >= 0; i--)
    ordinal = ordinal << 8 | digest[i];
  return ordinal & INT64_MAX;
}
