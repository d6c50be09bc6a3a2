// Values against bytes written as hexadecimal text.
#include "wire.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_handles.h"
#include "hex.h"

#define ALL_RIGHTS 0x7fffffffu

uint64_t wire_metadata(void) {
  return 0x20100;  // 00 01 02 00: magic number 1, wire format v2
}

void wire_parse(wire_t* wire, const char* hex) {
  wire->size = hex_parse(hex, wire->bytes, WIRE_CAPACITY);
}

void wire_expect_encoding(const fidl_type_t* type, void* value, const char* hex, uint32_t num_handles,
                          wire_t* out) {
  wire_t* got = out ? out : malloc(sizeof(*got));
  memset(got->bytes, 0xa5, sizeof(got->bytes));
  uint64_t metadata = 0;
  fidl_error_t error = fidl_standalone_encode(type, value, got->bytes, WIRE_CAPACITY, got->sent, &metadata,
                                              &got->size, &got->num_handles);
  ck_assert_str_eq(fidl_error_name(error), "NONE");
  ck_assert_uint_eq(metadata, wire_metadata());
  hex_expect(got->bytes, got->size, hex);
  ck_assert_uint_eq(got->num_handles, num_handles);
  if (!out) {
    for (uint32_t i = 0; i < got->num_handles; i++)
      zx_handle_close(got->sent[i].handle);
    free(got);
  }
}

static fidl_error_t decode(wire_t* wire, const fidl_type_t* type, uint32_t num_handles,
                           zx_obj_type_t object_type, zx_rights_t rights, void** out) {
  zx_handle_info_t handles[FIDL_MAX_MESSAGE_HANDLES + 1] = {{0}};
  for (uint32_t i = 0; i < num_handles; i++)
    handles[i] =
        (zx_handle_info_t){.handle = fake_handle(object_type, rights), .type = object_type, .rights = rights};
  // The bytes end where the memory that sanitizers know of ends.
  uint8_t* exact = malloc(wire->size ? wire->size : 1);
  memcpy(exact, wire->bytes, wire->size);
  void* value = NULL;
  fidl_error_t error =
      fidl_standalone_decode(type, wire_metadata(), exact, wire->size, handles, num_handles, &value);
  free(exact);
  if (error != FIDL_ERROR_NONE) return error;
  // Once more for the caller, with the same handles.
  for (uint32_t i = 0; i < num_handles; i++) {
    if (!fake_handle_live(handles[i].handle)) handles[i].handle = fake_handle(object_type, rights);
    handles[i].rights = fake_handle_rights(handles[i].handle);
  }
  return fidl_standalone_decode(type, wire_metadata(), wire->bytes, wire->size, handles, num_handles, out);
}

void* wire_expect_decoding(wire_t* wire, const fidl_type_t* type, const char* hex, uint32_t num_handles) {
  void* value = NULL;
  wire_parse(wire, hex);
  fidl_error_t error = decode(wire, type, num_handles, 0, ALL_RIGHTS, &value);
  ck_assert_msg(error == FIDL_ERROR_NONE, "%s", fidl_error_name(error));
  return value;
}

void wire_expect_both(const fidl_type_t* type, void* value, const char* hex, uint32_t num_handles) {
  wire_t* wire = malloc(sizeof(*wire));
  wire_expect_encoding(type, value, hex, num_handles, NULL);
  void* decoded = wire_expect_decoding(wire, type, hex, num_handles);
  wire_expect_encoding(type, decoded, hex, num_handles, NULL);
  ck_assert_int_eq(fake_handles_live(), 0);
  free(wire);
}

void wire_expect_reject_handle(const fidl_type_t* type, const char* hex, zx_obj_type_t object_type,
                               zx_rights_t rights, fidl_error_t error) {
  wire_t* wire = malloc(sizeof(*wire));
  void* value = NULL;
  wire_parse(wire, hex);
  fidl_error_t got = decode(wire, type, 1, object_type, rights, &value);
  ck_assert_str_eq(fidl_error_name(got), fidl_error_name(error));
  ck_assert_int_eq(fake_handles_live(), 0);
  free(wire);
}

void wire_expect_reject(const fidl_type_t* type, const char* hex, uint32_t num_handles, fidl_error_t error) {
  wire_t* wire = malloc(sizeof(*wire));
  void* value = NULL;
  wire_parse(wire, hex);
  fidl_error_t got = decode(wire, type, num_handles, 0, ALL_RIGHTS, &value);
  ck_assert_msg(got == error, "%s instead of %s for %s", fidl_error_name(got), fidl_error_name(error), hex);
  ck_assert_int_eq(fake_handles_live(), 0);
  free(wire);
}

void wire_expect_encode_error(const fidl_type_t* type, void* value, fidl_error_t error) {
  wire_t* wire = malloc(sizeof(*wire));
  uint64_t metadata = 0;
  fidl_error_t got = fidl_standalone_encode(type, value, wire->bytes, WIRE_CAPACITY, wire->sent, &metadata,
                                            &wire->size, &wire->num_handles);
  ck_assert_str_eq(fidl_error_name(got), fidl_error_name(error));
  ck_assert_int_eq(fake_handles_live(), 0);
  free(wire);
}
