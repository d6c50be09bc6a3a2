// Checks of bulk data: UTF-8 (RFC 3629) and booleans, eight bytes at a time where possible.
#include <lib/fidl/type.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

// The length of the well-formed sequence at `s`, which begins with a byte >= 0x80; 0 if there is none in
// `left` bytes.
static size_t sequence_length(const uint8_t* s, size_t left) {
  uint8_t lead = s[0];
  size_t length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length == 0 || length > left) return 0;
  // The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF.
  uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (s[1] < low || s[1] > high) return 0;
  for (size_t i = 2; i < length; i++)
    if ((s[i] & 0xc0) != 0x80) return 0;
  return length;
}

bool fidl_utf8_valid(const char* data, size_t size) {
  const uint8_t* s = (const uint8_t*)data;
  size_t i = 0;
  while (i < size) {
    uint64_t word;
    if (size - i >= 8 && (memcpy(&word, s + i, 8), (word & HIGH_BITS) == 0)) {
      i += 8;
    } else if (s[i] < 0x80) {
      i++;
    } else {
      size_t length = sequence_length(s + i, size - i);
      if (length == 0) return false;
      i += length;
    }
  }
  return true;
}

bool fidl_bools_valid(const void* data, uint64_t count) {
  const uint8_t* s = (const uint8_t*)data;
  uint64_t any = 0, i = 0;
  for (; count - i >= 8; i += 8) {
    uint64_t word;
    memcpy(&word, s + i, 8);
    any |= word;
  }
  uint8_t rest = 0;
  for (; i < count; i++)
    rest |= s[i];
  return (any & ~UINT64_C(0x0101010101010101)) == 0 && rest <= 1;
}
