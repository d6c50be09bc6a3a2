// Values at rest and copies.
#include <fidl/test.vectors.h>
#include <stdlib.h>

#include "fake_handles.h"
#include "jx_test.h"
#include "wire.h"

#define TYPE(name) &test_vectors_##name##_type_

START_TEST(persistent_data_tells_its_format) {
  _Alignas(8) uint8_t bytes[64];
  static const uint8_t want[16] = {0x00, 0x01, 0x02, 0, 0, 0, 0, 0, 0x2a};
  test_vectors_Persisted value = {.v = 42};
  uint64_t size = 0;
  void* out = NULL;
  ck_assert_int_eq(fidl_persist(TYPE(Persisted), &value, bytes, sizeof(bytes), &size), FIDL_ERROR_NONE);
  ck_assert_uint_eq(size, 16);
  ck_assert_mem_eq(bytes, want, 16);
  ck_assert_int_eq(fidl_unpersist(TYPE(Persisted), bytes, size, &out), FIDL_ERROR_NONE);
  ck_assert_uint_eq(((test_vectors_Persisted*)out)->v, 42);
}
END_TEST

START_TEST(persistent_data_of_another_format_is_rejected) {
  static const int wrong[] = {0, 1, 2, 4, 5, 6, 7};
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    _Alignas(8) uint8_t bytes[16] = {0x00, 0x01, 0x02, 0, 0, 0, 0, 0, 0x2a};
    void* out;
    bytes[wrong[i]] ^= 2;
    ck_assert_int_eq(fidl_unpersist(TYPE(Persisted), bytes, 16, &out), FIDL_ERROR_INCOMPATIBLE_FORMAT);
  }
  _Alignas(8) uint8_t bytes[24] = {0x00, 0x01, 0x02, 0, 0, 0, 0, 0, 0x2a};
  void* out;
  ck_assert_int_eq(fidl_unpersist(TYPE(Persisted), bytes, 7, &out), FIDL_ERROR_INCOMPATIBLE_FORMAT);
  ck_assert_int_eq(fidl_unpersist(TYPE(Persisted), bytes, 24, &out), FIDL_ERROR_TOO_MANY_BYTES_IN_MESSAGE);
  ck_assert_int_eq(fidl_unpersist(TYPE(Persisted), bytes, 8, &out),
                   FIDL_ERROR_TOO_FEW_BYTES_IN_PRIMARY_OBJECT);
}
END_TEST

START_TEST(values_with_handles_cannot_be_persisted) {
  _Alignas(8) uint8_t bytes[64];
  uint64_t size;
  test_vectors_OneHandle value = {.h = fake_handle(0, 1)};
  ck_assert_int_eq(fidl_persist(TYPE(OneHandle), &value, bytes, sizeof(bytes), &size),
                   FIDL_ERROR_HANDLES_NOT_ALLOWED);
  ck_assert_int_eq(fake_handles_live(), 0);
}
END_TEST

START_TEST(a_buffer_too_small_is_told) {
  uint64_t words[4], size;
  test_vectors_Padded value = {0};
  for (uint64_t capacity = 0; capacity < 24; capacity++)
    ck_assert_int_eq(fidl_persist(TYPE(Padded), &value, words, capacity, &size),
                     FIDL_ERROR_MESSAGE_TOO_LARGE);
  ck_assert_int_eq(fidl_persist(TYPE(Padded), &value, words, 24, &size), FIDL_ERROR_NONE);
  ck_assert_int_eq(fidl_persist(TYPE(Padded), &value, (char*)words + 1, 24, &size),
                   FIDL_ERROR_UNALIGNED_BUFFER);
}
END_TEST

START_TEST(copies_outlive_their_source) {
  char text[] = "the text";
  uint64_t numbers[] = {1, 2, 3};
  uint8_t* data = malloc(200000);
  memset(data, 7, 200000);
  test_vectors_Large value = {
      .head = 5, .data = {200000, data}, .name = fidl_string(text), .tail = {.count = 3, .data = numbers}};
  test_vectors_Large* copy = fidl_duplicate(TYPE(Large), &value);
  ck_assert_ptr_nonnull(copy);
  memset(text, 'x', sizeof(text) - 1);
  memset(data, 8, 200000);
  free(data);
  numbers[2] = 9;
  ck_assert_uint_eq(copy->head, 5);
  ck_assert_uint_eq(copy->data.count, 200000);
  ck_assert_uint_eq(copy->data.data[199999], 7);
  ck_assert(fidl_string_equals(copy->name, "the text"));
  ck_assert_uint_eq(copy->tail.data[2], 3);
  free(copy);
}
END_TEST

START_TEST(copies_take_the_handles) {
  test_vectors_EventHandle value = {.h = fake_handle(5, ZX_RIGHT_TRANSFER | ZX_RIGHT_WAIT)};
  zx_handle_t handle = value.h;
  test_vectors_EventHandle* copy = fidl_duplicate(TYPE(EventHandle), &value);
  ck_assert_ptr_nonnull(copy);
  ck_assert_uint_eq(value.h, ZX_HANDLE_INVALID);
  ck_assert_uint_eq(copy->h, handle);
  test_vectors_EventHandle_close_handles(copy);
  free(copy);
  ck_assert_int_eq(fake_handles_live(), 0);
  ck_assert_ptr_null(fidl_duplicate(TYPE(EventHandle), &value));
}
END_TEST

START_TEST(taking_handles_closes_nothing_twice) {
  test_vectors_HandleTable table;
  test_vectors_HandleTable_frame_t frame;
  test_vectors_HandleTable_init(&table, &frame);
  test_vectors_HandleTable_set_h(&table, fake_handle(0, 1));
  zx_handle_t taken = test_vectors_HandleTable_take_h(&table);
  ck_assert(fake_handle_live(taken));
  ck_assert_uint_eq(test_vectors_HandleTable_take_h(&table), ZX_HANDLE_INVALID);
  test_vectors_HandleTable_close_handles(&table);
  ck_assert(fake_handle_live(taken));
  test_vectors_HandleTable_set_h(&table, taken);
  test_vectors_HandleTable_close_handles(&table);
  test_vectors_HandleTable_close_handles(&table);
  ck_assert_int_eq(fake_handles_live(), 0);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidl message");
  TCase* tc = jx_test_case(suite, "message");
  tcase_add_test(tc, persistent_data_tells_its_format);
  tcase_add_test(tc, persistent_data_of_another_format_is_rejected);
  tcase_add_test(tc, values_with_handles_cannot_be_persisted);
  tcase_add_test(tc, a_buffer_too_small_is_told);
  tcase_add_test(tc, copies_outlive_their_source);
  tcase_add_test(tc, copies_take_the_handles);
  tcase_add_test(tc, taking_handles_closes_nothing_twice);
  return jx_test_run(suite);
}
