// Bytes as hexadecimal text.
#include "hex.h"

#include <check.h>
#include <ctype.h>
#include <stdlib.h>

size_t hex_parse(const char* hex, uint8_t* out, size_t capacity) {
  size_t size = 0;
  while (*hex) {
    if (isspace((unsigned char)*hex)) {
      hex++;
      continue;
    }
    char pair[3] = {hex[0], hex[1], 0};
    uint8_t byte = (uint8_t)strtoul(pair, NULL, 16);
    unsigned long count = 1;
    hex += 2;
    if (*hex == '*') count = strtoul(hex + 1, (char**)(uintptr_t)&hex, 10);
    for (; count > 0; count--) {
      ck_assert_uint_lt(size, capacity);
      out[size++] = byte;
    }
  }
  return size;
}

void hex_expect(const uint8_t* bytes, size_t size, const char* hex) {
  uint8_t* want = malloc(70000);
  size_t want_size = hex_parse(hex, want, 70000);
  for (size_t i = 0; i < want_size && i < size; i++)
    ck_assert_msg(bytes[i] == want[i], "byte 0x%02zx is %02x, should be %02x", i, bytes[i], want[i]);
  ck_assert_uint_eq(size, want_size);
  free(want);
}
