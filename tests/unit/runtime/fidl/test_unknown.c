// Data that a later version of a library added: dropped where it may be, its handles closed.
#include <fidl/test.vectors.h>
#include <stdlib.h>

#include "fake_handles.h"
#include "jx_test.h"
#include "wire.h"

#define PRESENT " ff*8 "
#define TYPE(name) &test_vectors_##name##_type_

START_TEST(unknown_table_members_are_dropped) {
  wire_t* wire = malloc(sizeof(*wire));
  // Ordinal 1 is a gap, 5 and 6 lie beyond; one is inline, two are out of line and hold anything.
  test_vectors_Gaps* gaps = wire_expect_decoding(
      wire, TYPE(Gaps),
      "06 00*7" PRESENT
      "10 00*7 07 00 00 00 00 00 01 00 00*8 00*8 01 02 03 04 00 00 01 00 08 00*7 ee*16 dd*8",
      0);
  ck_assert_uint_eq(gaps->max_ordinal, 4);
  ck_assert(test_vectors_Gaps_has_second(gaps));
  ck_assert_int_eq(test_vectors_Gaps_second(gaps), 7);
  ck_assert(!test_vectors_Gaps_has_fourth(gaps));
  wire_expect_encoding(TYPE(Gaps), gaps, "02 00*7" PRESENT "00*8 07 00 00 00 00 00 01 00", 0, NULL);
  free(wire);
}
END_TEST

START_TEST(handles_of_unknown_table_members_are_closed) {
  wire_t* wire = malloc(sizeof(*wire));
  wire_expect_decoding(wire, TYPE(HandleTable), "02 00*7" PRESENT "00*8 ff*4 01 00 01 00", 1);
  ck_assert_int_eq(fake_handles_live(), 0);
  test_vectors_HandleTable* table = wire_expect_decoding(
      wire, TYPE(HandleTable), "02 00*7" PRESENT "ff*4 01 00 01 00 08 00 00 00 3f 00 00 00 ab*8", 64);
  ck_assert_int_eq(fake_handles_live(), 1);
  zx_handle_close(test_vectors_HandleTable_take_h(table));
  // Also in a type that has no handles of its own.
  wire_expect_decoding(wire, TYPE(Gaps), "05 00*7" PRESENT "00*32 08 00 00 00 02 00 00 00 ab*8", 2);
  ck_assert_int_eq(fake_handles_live(), 0);
  free(wire);
}
END_TEST

START_TEST(unknown_union_members_keep_their_ordinal) {
  wire_t* wire = malloc(sizeof(*wire));
  test_vectors_Union* value = wire_expect_decoding(wire, TYPE(Union), "d2 04 00*6 18 00*7 ab*20 00*4", 0);
  ck_assert_uint_eq(value->u.ordinal, 1234);
  wire_expect_encode_error(TYPE(Union), value, FIDL_ERROR_UNKNOWN_UNION_MEMBER);
  value = wire_expect_decoding(wire, TYPE(Union), "0a 00*7 64 00 00 00 00 00 01 00", 0);
  ck_assert_uint_eq(value->u.ordinal, 10);
  wire_expect_decoding(wire, TYPE(HandleUnion), "d2 04 00*6 18 00 00 00 04 00 00 00 ab*20 00*4", 4);
  ck_assert_int_eq(fake_handles_live(), 0);
  test_vectors_NoMembersStruct* none =
      wire_expect_decoding(wire, TYPE(NoMembersStruct), "01 00*7 08 00*7 ab*8", 0);
  ck_assert_uint_eq(none->u.ordinal, 1);
  free(wire);
}
END_TEST

START_TEST(trailing_absent_members_decode_and_are_not_encoded_again) {
  wire_t* wire = malloc(sizeof(*wire));
  test_vectors_Gaps* gaps =
      wire_expect_decoding(wire, TYPE(Gaps), "04 00*7" PRESENT "00*8 07 00 00 00 00 00 01 00 00*16", 0);
  wire_expect_encoding(TYPE(Gaps), gaps, "02 00*7" PRESENT "00*8 07 00 00 00 00 00 01 00", 0, NULL);
  free(wire);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidl unknown");
  TCase* tc = jx_test_case(suite, "unknown");
  tcase_add_test(tc, unknown_table_members_are_dropped);
  tcase_add_test(tc, handles_of_unknown_table_members_are_closed);
  tcase_add_test(tc, unknown_union_members_keep_their_ordinal);
  tcase_add_test(tc, trailing_absent_members_decode_and_are_not_encoded_again);
  return jx_test_run(suite);
}
