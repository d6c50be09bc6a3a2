// What the worked examples do not have: overlays, string arrays, newtypes, keywords as names, deep recursion.
#include <fidl/test.everything.h>
#include <math.h>
#include <stdlib.h>

#include "fake_handles.h"
#include "jx_test.h"
#include "wire.h"

#define PRESENT " ff*8 "
#define TYPE(name) &test_everything_##name##_type_

START_TEST(overlays_lie_in_place_and_are_padded) {
  test_everything_HasOver value = {.before = 7};
  value.over.ordinal = test_everything_Over_Tag_number;
  value.over.number = 0x11223344;
  wire_expect_both(TYPE(HasOver), &value, "07 00*7 01 00*7 44 33 22 11 00*4", 0);
  memset(&value.over, 0xee, sizeof(value.over));
  value.over.ordinal = test_everything_Over_Tag_flag;
  value.over.flag = true;
  wire_expect_both(TYPE(HasOver), &value, "07 00*7 03 00*7 01 00*7", 0);
  value.over.ordinal = test_everything_Over_Tag_pair;
  value.over.pair.first = 1;
  value.over.pair.second = 2;
  wire_expect_both(TYPE(HasOver), &value, "07 00*7 02 00*7 01 00*3 02 00*3", 0);
}
END_TEST

START_TEST(overlays_that_break_a_rule_are_rejected) {
  wire_expect_reject(TYPE(HasOver), "07 00*7 04 00*7 00*8", 0, FIDL_ERROR_STRICT_UNION_UNKNOWN_FIELD);
  wire_expect_reject(TYPE(HasOver), "07 00*7 00*8 00*8", 0, FIDL_ERROR_STRICT_UNION_UNKNOWN_FIELD);
  wire_expect_reject(TYPE(HasOver), "07 00*7 01 00*7 00*4 01 00*3", 0, FIDL_ERROR_INVALID_PADDING_BYTE);
  wire_expect_reject(TYPE(HasOver), "07 00*7 03 00*7 02 00*7", 0, FIDL_ERROR_INVALID_BOOLEAN);
  wire_expect_reject(TYPE(HasOver), "07 00*7 02 00*7 01 01 00 00 02 00*3", 0,
                     FIDL_ERROR_INVALID_PADDING_BYTE);
  test_everything_HasOver unset = {0};
  wire_expect_encode_error(TYPE(HasOver), &unset, FIDL_ERROR_STRICT_UNION_UNKNOWN_FIELD);
}
END_TEST

START_TEST(keywords_are_names_like_others) {
  test_everything_Keywords value = {.int_ = 1, .class_ = 2, .struct_ = true, .default_ = fidl_bytes("x", 1)};
  wire_expect_both(TYPE(Keywords), &value, "01 00*3 02 01 00 00 01 00*7" PRESENT "78 00*7", 0);
  test_everything_KeywordTable table;
  test_everything_KeywordTable_frame_t frame;
  test_everything_KeywordTable_init(&table, &frame);
  test_everything_KeywordTable_set_init(&table, 9);
  ck_assert_uint_eq(test_everything_KeywordTable_init_(&table), 9);
  wire_expect_both(TYPE(KeywordTable), &table, "01 00*7" PRESENT "09 00 00 00 00 00 01 00", 0);
}
END_TEST

START_TEST(a_member_may_be_called_ordinal) {
  test_everything_KeywordUnion value = test_everything_KeywordUnion_with_ordinal(5);
  ck_assert_uint_eq(value.ordinal, test_everything_KeywordUnion_Tag_ordinal);
  ck_assert_uint_eq(value.ordinal_, 5);
  wire_expect_both(TYPE(KeywordUnion), &value, "03 00*7 05 00 00 00 00 00 01 00", 0);
}
END_TEST

START_TEST(newtypes_of_arrays_are_members_of_tables_and_unions) {
  test_everything_Digest in_place = {1, 2, 3, 4};
  test_everything_LongDigest outside = {5, 6, 7, 8};
  test_everything_DigestUnion one_of = test_everything_DigestUnion_with_short(in_place);
  test_everything_Digests table;
  test_everything_Digests_frame_t frame;
  test_everything_Digests_init(&table, &frame);
  ck_assert_ptr_null(test_everything_Digests_short(&table));
  test_everything_Digests_set_short(&table, in_place);
  test_everything_Digests_set_long(&table, &outside);
  test_everything_Digests_set_one_of(&table, &one_of);
  ck_assert_mem_eq(test_everything_Digests_short(&table), in_place, 4);
  ck_assert_uint_eq((*test_everything_Digests_long(&table))[3], 8);
  wire_expect_both(TYPE(Digests), &table,
                   "03 00*7" PRESENT
                   "01 02 03 04 00 00 01 00 20 00*7 10 00*7 05 00*7 06 00*7 07 00*7 08 00*7 "
                   "01 00*7 01 02 03 04 00 00 01 00",
                   0);
  one_of = test_everything_DigestUnion_with_long(&outside);
  wire_expect_both(TYPE(DigestUnion), &one_of, "02 00*7 20 00*7 05 00*7 06 00*7 07 00*7 08 00*7", 0);
}
END_TEST

START_TEST(zero_keeps_its_sign) {
  ck_assert(signbit(test_everything_NEGATIVE_ZERO));
}
END_TEST

START_TEST(every_member_of_a_large_struct_survives) {
  uint8_t bytes[] = {1, 2, 3};
  bool flags[] = {true, false, true};
  fidl_string_t names[] = {fidl_string("a"), fidl_string("bc")};
  test_everything_Pair pair = {.first = 1, .second = 2}, pairs[] = {{.first = 3, .second = 4}};
  test_everything_Pair rows[1][2] = {{{.first = 5, .second = 6}, {.first = 7, .second = 8}}};
  fidl_vector_string_t strings = {2, names};
  fidl_vector_vector_string_t lists = {1, &strings};
  test_everything_Empty nothing = {0}, *boxes[] = {NULL, &nothing};
  test_everything_Members value = {.flag = true, .i8 = -1, .f64 = 0.5, .colour = test_everything_Colour_RED};
  value.text = fidl_string("text");
  value.name = fidl_string("name");
  value.numbers = (fidl_vector_uint32_t){0, (uint32_t*)(void*)&value};
  value.bytes = fidl_bytes(bytes, 3);
  value.flags = (fidl_vector_bool_t){3, flags};
  value.names = strings;
  value.pairs = (fidl_vector_test_everything_Pair_t){1, pairs};
  value.rows = (fidl_vector_array2_test_everything_Pair_t){1, rows};
  value.deep = (fidl_vector_vector_vector_string_t){1, &lists};
  value.boxed = &pair;
  value.choice = test_everything_Choice_with_flag(true);
  value.boxes = (fidl_vector_box_test_everything_Empty_t){2, boxes};
  memcpy(value.fixed, "12345", 5);
  test_everything_Members* copy = fidl_duplicate(TYPE(Members), &value);
  ck_assert_ptr_nonnull(copy);
  ck_assert_int_eq(copy->i8, -1);
  ck_assert(fidl_string_equals(copy->deep.data[0].data[0].data[1], "bc"));
  ck_assert_uint_eq(copy->rows.data[0][1].second, 8);
  ck_assert_uint_eq(copy->boxed->second, 2);
  ck_assert_ptr_null(copy->boxes.data[0]);
  ck_assert_ptr_nonnull(copy->boxes.data[1]);
  ck_assert_ptr_null(copy->maybe_text.data);
  ck_assert_ptr_null(copy->maybe_pairs.data);
  ck_assert_uint_eq(copy->maybe_choice.ordinal, 0);
  ck_assert(copy->choice.flag);
  ck_assert_mem_eq(copy->fixed, "12345", 5);
  free(copy);
}
END_TEST

START_TEST(handles_are_closed_wherever_they_are) {
  test_everything_Held held[2] = {{fake_handle(0, 1)}, {fake_handle(0, 1)}}, boxed = {fake_handle(0, 1)};
  zx_handle_t many[3] = {fake_handle(0, 1), fake_handle(0, 1), fake_handle(0, 1)};
  fidl_vector_test_everything_Held_t resources = {2, held};
  test_everything_Large large = {.a = fake_handle(0, 1)};
  test_everything_HeldTable table[1];
  test_everything_HeldTable_frame_t frame;
  test_everything_HeldTable_init(&table[0], &frame);
  test_everything_HeldTable_set_handle(&table[0], fake_handle(0, 1));
  test_everything_HeldTable_set_held(&table[0], (test_everything_Held){fake_handle(0, 1)});
  test_everything_HeldTable_set_resources(&table[0], &resources);
  test_everything_HeldTable_set_large(&table[0], &large);
  test_everything_Resources value = {
      .any = fake_handle(0, 1), .event = fake_handle(5, 1), .few = {0, fake_handle(0, 1)}};
  value.many = (fidl_vector_handle_t){3, many};
  value.boxed = &boxed;
  value.choice = test_everything_HeldChoice_with_held((test_everything_Held){fake_handle(0, 1)});
  value.all = (fidl_vector_test_everything_HeldTable_t){1, table};
  ck_assert_int_eq(fake_handles_live(), 13);
  test_everything_Resources_close_handles(&value);
  ck_assert_int_eq(fake_handles_live(), 0);
  test_everything_Resources_close_handles(&value);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidl everything");
  TCase* tc = jx_test_case(suite, "everything");
  tcase_add_test(tc, overlays_lie_in_place_and_are_padded);
  tcase_add_test(tc, overlays_that_break_a_rule_are_rejected);
  tcase_add_test(tc, keywords_are_names_like_others);
  tcase_add_test(tc, a_member_may_be_called_ordinal);
  tcase_add_test(tc, newtypes_of_arrays_are_members_of_tables_and_unions);
  tcase_add_test(tc, zero_keeps_its_sign);
  tcase_add_test(tc, every_member_of_a_large_struct_survives);
  tcase_add_test(tc, handles_are_closed_wherever_they_are);
  return jx_test_run(suite);
}
