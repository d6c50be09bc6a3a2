// Bytes as hexadecimal text. Blanks do not count; "XX*N" is XX repeated N times.
#ifndef TESTS_UNIT_RUNTIME_FIDL_HEX_H_
#define TESTS_UNIT_RUNTIME_FIDL_HEX_H_

#include <stddef.h>
#include <stdint.h>

// Returns the number of bytes; fails the test if they are more than `capacity`.
size_t hex_parse(const char* hex, uint8_t* out, size_t capacity);

// Fails the test unless these bytes are those of the text.
void hex_expect(const uint8_t* bytes, size_t size, const char* hex);

#endif  // TESTS_UNIT_RUNTIME_FIDL_HEX_H_
