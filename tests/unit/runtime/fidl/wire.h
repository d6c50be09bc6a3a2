// Values against bytes written as hexadecimal text. Blanks in the text do not count; "XX*N" is XX repeated N
// times.
#ifndef TESTS_UNIT_RUNTIME_FIDL_WIRE_H_
#define TESTS_UNIT_RUNTIME_FIDL_WIRE_H_

#include <lib/fidl/message.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_CAPACITY 70000

typedef struct wire {
  _Alignas(8) uint8_t bytes[WIRE_CAPACITY];
  uint64_t size;
  zx_handle_disposition_t sent[FIDL_MAX_MESSAGE_HANDLES];
  uint32_t num_handles;
} wire_t;

void wire_parse(wire_t* wire, const char* hex);

// Encodes `value` and fails the test unless it gives exactly these bytes and this number of handles, which
// stay in `out` (if not NULL, else they are closed).
void wire_expect_encoding(const fidl_type_t* type, void* value, const char* hex, uint32_t num_handles,
                          wire_t* out);

// Decodes the bytes with `num_handles` handles of any type and all rights; fails the test if that fails. The
// value lies in `wire`.
void* wire_expect_decoding(wire_t* wire, const fidl_type_t* type, const char* hex, uint32_t num_handles);

// Both, and that the decoded value encodes to the same bytes again.
void wire_expect_both(const fidl_type_t* type, void* value, const char* hex, uint32_t num_handles);

// Decodes with handles of this type and these rights, and fails the test unless that gives this error and
// leaves no handle open.
void wire_expect_reject(const fidl_type_t* type, const char* hex, uint32_t num_handles, fidl_error_t error);
void wire_expect_reject_handle(const fidl_type_t* type, const char* hex, zx_obj_type_t object_type,
                               zx_rights_t rights, fidl_error_t error);

// Encodes and fails the test unless that gives this error and leaves no handle open.
void wire_expect_encode_error(const fidl_type_t* type, void* value, fidl_error_t error);

// The metadata of the wire format.
uint64_t wire_metadata(void);

#endif  // TESTS_UNIT_RUNTIME_FIDL_WIRE_H_
