// UTF-8 as RFC 3629 defines it.
#include "utf8.h"

size_t utf8_decode(const char* text, size_t size, uint32_t* out) {
  static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (size == 0) return 0;
  uint32_t first = (unsigned char)text[0];
  size_t length = first < 0x80   ? 1
                  : first < 0xc2 ? 0
                  : first < 0xe0 ? 2
                  : first < 0xf0 ? 3
                  : first < 0xf5 ? 4
                                 : 0;
  if (length == 0 || length > size) return 0;
  uint32_t character = length == 1 ? first : first & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) {
    uint32_t next = (unsigned char)text[i];
    if ((next & 0xc0) != 0x80) return 0;
    character = character << 6 | (next & 0x3f);
  }
  if (character < smallest[length] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
    return 0;
  *out = character;
  return length;
}

size_t utf8_encode(uint32_t character, char* out) {
  if (character < 0x80) {
    out[0] = (char)character;
    return 1;
  }
  size_t length = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
  for (size_t i = length; i-- > 1; character >>= 6)
    out[i] = (char)(0x80 | (character & 0x3f));
  out[0] = (char)((0xf00u >> length & 0xf0u) | character);
  return length;
}
