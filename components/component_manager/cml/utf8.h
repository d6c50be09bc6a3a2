// UTF-8, one character at a time.
#ifndef COMPONENT_MANAGER_CML_UTF8_H_
#define COMPONENT_MANAGER_CML_UTF8_H_

#include <stddef.h>
#include <stdint.h>

// Decodes the character at the start of `text`. Returns its length in bytes, 0 if `size` is 0 or the bytes
// are no character (overlong forms, surrogates and what lies beyond U+10FFFF are none).
size_t utf8_decode(const char* text, size_t size, uint32_t* out);

// Writes a character to `out`, which has room for 4 bytes; returns how many it took.
size_t utf8_encode(uint32_t character, char* out);

#endif  // COMPONENT_MANAGER_CML_UTF8_H_
