// The wire format's worked examples, in both directions.
#include <fidl/test.vectors.h>
#include <stdlib.h>

#include "fake_handles.h"
#include "jx_test.h"
#include "wire.h"

#define PRESENT " ff*8 "
#define ABSENT " 00*8 "

START_TEST(struct_members_stand_at_their_alignment) {
  test_vectors_Padded padded = {.a = 1, .b = 0x0203, .c = 0x04050607, .d = 0x08090a0b0c0d0e0f};
  wire_expect_both(&test_vectors_Padded_type_, &padded, "01 00 03 02 07 06 05 04 0f 0e 0d 0c 0b 0a 09 08", 0);
  test_vectors_Gap gap = {.a = 1, .b = 2};
  wire_expect_both(&test_vectors_Gap_type_, &gap, "01 00*7 02 00*7", 0);
  test_vectors_Bool yes = {.v = true};
  wire_expect_both(&test_vectors_Bool_type_, &yes, "01 00*7", 0);
  test_vectors_Tail tail = {.a = 0x0102, .b = 3};
  wire_expect_both(&test_vectors_Tail_type_, &tail, "02 01 03 00 00 00 00 00", 0);
}
END_TEST

START_TEST(padding_is_zeroed_whatever_the_value_holds) {
  test_vectors_Gap gap;
  memset(&gap, 0xee, sizeof(gap));
  gap.a = 1;
  gap.b = 2;
  wire_expect_encoding(&test_vectors_Gap_type_, &gap, "01 00*7 02 00*7", 0, NULL);
}
END_TEST

START_TEST(strings_are_size_presence_and_padded_bytes) {
  test_vectors_String string = {.v = fidl_string("abcd")};
  wire_expect_both(&test_vectors_String_type_, &string, "04 00*7" PRESENT "61 62 63 64 00*4", 0);
  string.v = fidl_string("");
  wire_expect_both(&test_vectors_String_type_, &string, "00*8" PRESENT, 0);
  string.v = (fidl_string_t){.size = 3, .data = (char*)(uintptr_t) "a\0b"};
  wire_expect_both(&test_vectors_String_type_, &string, "03 00*7" PRESENT "61 00 62 00*5", 0);
  test_vectors_OptionalString optional = {.v = fidl_string(NULL)};
  wire_expect_both(&test_vectors_OptionalString_type_, &optional, "00*8" ABSENT, 0);
}
END_TEST

START_TEST(optional_vectors_differ_between_absent_and_empty) {
  uint8_t bytes[] = {1, 2, 3};
  test_vectors_OptionalBytes value = {0};
  wire_expect_both(&test_vectors_OptionalBytes_type_, &value, "00*8" ABSENT, 0);
  value.v = fidl_bytes("", 0);
  wire_expect_both(&test_vectors_OptionalBytes_type_, &value, "00*8" PRESENT, 0);
  value.v = fidl_bytes(bytes, 3);
  wire_expect_both(&test_vectors_OptionalBytes_type_, &value, "03 00*7" PRESENT "01 02 03 00*5", 0);
}
END_TEST

START_TEST(out_of_line_objects_follow_in_traversal_order) {
  test_vectors_Nested nested = {.before = fidl_string("before"), .after = fidl_string("after")};
  wire_expect_both(&test_vectors_Nested_type_, &nested,
                   "06 00*7" PRESENT "00*8 05 00*7" PRESENT "62 65 66 6f 72 65 00 00 61 66 74 65 72 00 00 00",
                   0);
}
END_TEST

START_TEST(arrays_and_vectors_of_structs_are_packed_by_their_stride) {
  test_vectors_ArrayOfStructs array = {.v = {{1}, {2}}};
  wire_expect_both(&test_vectors_ArrayOfStructs_type_, &array, "01 00 02 00 00 00 00 00", 0);
  test_vectors_S16 elements[] = {{1}, {2}};
  test_vectors_VectorOfStructs vector = {.v = {2, elements}};
  wire_expect_both(&test_vectors_VectorOfStructs_type_, &vector, "02 00*7" PRESENT "01 00 02 00 00 00 00 00",
                   0);
}
END_TEST

START_TEST(vectors_of_vectors_have_all_headers_first) {
  uint8_t a[] = {1, 2, 3}, b[] = {4, 5};
  fidl_vector_uint8_t inner[] = {{3, a}, {2, b}};
  test_vectors_VectorOfVectors value = {.v = {2, inner}};
  wire_expect_both(&test_vectors_VectorOfVectors_type_, &value,
                   "02 00*7" PRESENT "03 00*7" PRESENT "02 00*7" PRESENT "01 02 03 00*5 04 05 00*6", 0);
}
END_TEST

START_TEST(tables_have_envelopes_for_gaps_and_inline_members) {
  test_vectors_Gaps gaps = {0};
  test_vectors_Gaps_frame_t frame;
  wire_expect_both(&test_vectors_Gaps_type_, &gaps, "00*8" PRESENT, 0);
  test_vectors_Gaps_init(&gaps, &frame);
  wire_expect_both(&test_vectors_Gaps_type_, &gaps, "00*8" PRESENT, 0);
  test_vectors_Gaps_set_second(&gaps, 1);
  test_vectors_Gaps_set_fourth(&gaps, 2);
  ck_assert(test_vectors_Gaps_has_second(&gaps));
  ck_assert_int_eq(test_vectors_Gaps_fourth(&gaps), 2);
  wire_expect_both(&test_vectors_Gaps_type_, &gaps,
                   "04 00*7" PRESENT "00*8 01 00 00 00 00 00 01 00 00*8 02 00 00 00 00 00 01 00", 0);
}
END_TEST

START_TEST(an_enum_that_is_not_there_is_zero) {
  test_vectors_Unset unset;
  test_vectors_Unset_frame_t frame;
  test_vectors_Unset_init(&unset, &frame);
  test_vectors_Unset_set_second(&unset, test_vectors_FlexibleEnum_MINUS);
  test_vectors_Unset_set_last(&unset, false);
  wire_expect_both(&test_vectors_Unset_type_, &unset, "03 00*7" PRESENT "00*8 ff 00*5 01 00 00*6 01 00", 0);
  test_vectors_Unset_init(&unset, &frame);
  test_vectors_Unset_set_first(&unset, test_vectors_First_NONE);
  test_vectors_Unset_set_last(&unset, true);
  wire_expect_both(&test_vectors_Unset_type_, &unset, "03 00*7" PRESENT "05 00*5 01 00 00*8 01 00*5 01 00",
                   0);
}
END_TEST

START_TEST(tables_mix_out_of_line_and_inline_members) {
  test_vectors_Mixed mixed;
  test_vectors_Mixed_frame_t frame;
  fidl_string_t foo = fidl_string("hello");
  test_vectors_Mixed_init(&mixed, &frame);
  test_vectors_Mixed_set_foo(&mixed, &foo);
  test_vectors_Mixed_set_bar(&mixed, 27);
  wire_expect_both(
      &test_vectors_Mixed_type_, &mixed,
      "02 00*7" PRESENT "18 00*7 1b 00 00 00 00 00 01 00 05 00*7" PRESENT "68 65 6c 6c 6f 00 00 00", 0);
}
END_TEST

START_TEST(a_table_in_a_struct_stands_behind_the_whole_struct) {
  test_vectors_TableInStruct value = {.n = 0x55};
  test_vectors_Wide_frame_t frame;
  int64_t x = 42, y = 67;
  test_vectors_Wide_init(&value.t, &frame);
  test_vectors_Wide_set_x(&value.t, &x);
  test_vectors_Wide_set_y(&value.t, &y);
  ck_assert_int_eq(test_vectors_Wide_y(&value.t), 67);
  wire_expect_both(&test_vectors_TableInStruct_type_, &value,
                   "05 00*7" PRESENT "55 00*7 08 00*7 00*8 00*8 00*8 08 00*7 2a 00*7 43 00*7", 0);
}
END_TEST

START_TEST(unions_hold_small_variants_inline) {
  int64_t b = 100;
  fidl_string_t s = fidl_string("abcd");
  test_vectors_Union value = {.u = test_vectors_FlexibleUnion_with_a(100)};
  wire_expect_both(&test_vectors_Union_type_, &value, "01 00*7 64 00 00 00 00 00 01 00", 0);
  value.u = test_vectors_FlexibleUnion_with_b(&b);
  wire_expect_both(&test_vectors_Union_type_, &value, "02 00*7 08 00*7 64 00*7", 0);
  value.u = test_vectors_FlexibleUnion_with_s(&s);
  wire_expect_both(&test_vectors_Union_type_, &value, "04 00*7 18 00*7 04 00*7" PRESENT "61 62 63 64 00*4",
                   0);
  value.u = test_vectors_FlexibleUnion_with_e((test_vectors_Empty){0});
  wire_expect_both(&test_vectors_Union_type_, &value, "03 00*7 00 00 00 00 00 00 01 00", 0);
  test_vectors_OptionalUnion absent = {0};
  wire_expect_both(&test_vectors_OptionalUnion_type_, &absent, "00*16", 0);
}
END_TEST

START_TEST(unions_nest_through_vectors) {
  test_vectors_Recursive empty, middle[1], outer;
  fidl_vector_test_vectors_Recursive_t none = {0, middle}, one = {1, middle};
  empty = test_vectors_Recursive_with_v(&none);
  middle[0] = empty;
  outer = test_vectors_Recursive_with_v(&one);
  wire_expect_both(&test_vectors_Recursive_type_, &outer,
                   "01 00*7 30 00*7 01 00*7" PRESENT "01 00*7 10 00*7 00*8" PRESENT, 0);
}
END_TEST

START_TEST(recursive_optional_unions_end_with_an_absent_one) {
  test_vectors_RecursiveStruct inner = {0}, middle = {0}, outer = {0};
  middle.u = test_vectors_RecursiveUnion_with_s(&inner);
  outer.u = test_vectors_RecursiveUnion_with_s(&middle);
  wire_expect_both(&test_vectors_RecursiveStruct_type_, &outer, "01 00*7 20 00*7 01 00*7 10 00*7 00*16", 0);
}
END_TEST

START_TEST(handles_move_to_the_table_in_order) {
  test_vectors_OptionalHandles some = {.a = {0, fake_handle(0, 0xff), 0}};
  wire_expect_both(&test_vectors_OptionalHandles_type_, &some, "00*4 ff*4 00*8", 1);
  ck_assert_uint_eq(some.a[1], ZX_HANDLE_INVALID);
  test_vectors_OneHandle one = {.h = fake_handle(0, 0xff)};
  wire_expect_both(&test_vectors_OneHandle_type_, &one, "ff*4 00*4", 1);
  test_vectors_HandleTable table;
  test_vectors_HandleTable_frame_t frame;
  test_vectors_HandleTable_init(&table, &frame);
  test_vectors_HandleTable_set_h(&table, fake_handle(0, 0xff));
  wire_expect_both(&test_vectors_HandleTable_type_, &table, "01 00*7" PRESENT "ff*4 01 00 01 00", 1);
  ck_assert(!test_vectors_HandleTable_has_h(&table));
}
END_TEST

START_TEST(envelopes_count_the_handles_of_their_content) {
  zx_handle_t handle[1][1] = {{fake_handle(0, 0xff)}};
  fidl_vector_array1_handle_t vector = {1, handle};
  test_vectors_HandleVectorTable table;
  test_vectors_HandleVectorTable_frame_t frame;
  test_vectors_HandleVectorTable_init(&table, &frame);
  test_vectors_HandleVectorTable_set_v(&table, &vector);
  wire_expect_both(&test_vectors_HandleVectorTable_type_, &table,
                   "01 00*7" PRESENT "18 00 00 00 01 00 00 00 01 00*7" PRESENT "ff*4 00*4", 1);
}
END_TEST

START_TEST(handles_are_sent_with_the_type_and_rights_of_their_field) {
  test_vectors_EventHandle value = {.h = fake_handle(5, 0xffff)};
  wire_t* wire = malloc(sizeof(*wire));
  wire_expect_encoding(&test_vectors_EventHandle_type_, &value, "ff*4 00*4", 1, wire);
  ck_assert_uint_eq(wire->sent[0].type, 5);
  ck_assert_uint_eq(wire->sent[0].rights, ZX_RIGHT_TRANSFER | ZX_RIGHT_WAIT);
  zx_handle_close(wire->sent[0].handle);
  free(wire);
}
END_TEST

START_TEST(boxes_follow_the_struct) {
  test_vectors_S8 boxed = {.a = 0x0102030405060708};
  test_vectors_Boxed value = {.out = &boxed, .in = {9}};
  wire_expect_both(&test_vectors_Boxed_type_, &value, PRESENT "09 00*7 08 07 06 05 04 03 02 01", 0);
  value.out = NULL;
  wire_expect_both(&test_vectors_Boxed_type_, &value, ABSENT "09 00*7", 0);
}
END_TEST

START_TEST(thirty_two_hops_are_the_deepest) {
  test_vectors_Chain chain[34] = {{0}};
  for (int i = 0; i < 32; i++)
    chain[i].next = &chain[i + 1];
  wire_expect_both(&test_vectors_Chain_type_, &chain[0], "ff*256 00*8", 0);
  chain[32].next = &chain[33];
  wire_expect_encode_error(&test_vectors_Chain_type_, &chain[0], FIDL_ERROR_EXCEEDED_MAX_OUT_OF_LINE_DEPTH);
}
END_TEST

START_TEST(unions_in_tables_are_out_of_line) {
  fidl_string_t before = fidl_string("before"), after = fidl_string("after");
  test_vectors_Xu xu = test_vectors_Xu_with_u(0xdeadbeef);
  test_vectors_UnionInTable table;
  test_vectors_UnionInTable_frame_t frame;
  test_vectors_UnionInTable_init(&table, &frame);
  test_vectors_UnionInTable_set_before(&table, &before);
  test_vectors_UnionInTable_set_xu(&table, &xu);
  test_vectors_UnionInTable_set_after(&table, &after);
  wire_expect_both(&test_vectors_UnionInTable_type_, &table,
                   "03 00*7" PRESENT "18 00*7 10 00*7 18 00*7 06 00*7" PRESENT
                   "62 65 66 6f 72 65 00 00 01 00*7 ef be ad de 00 00 01 00 05 00*7" PRESENT
                   "61 66 74 65 72 00 00 00",
                   0);
}
END_TEST

START_TEST(values_keep_their_numbers) {
  test_vectors_Values values = {.se = test_vectors_StrictEnum_TWO,
                                .fe = 100,
                                .sb = test_vectors_StrictBits_HIGH,
                                .fb = 0xf0000000,
                                .f = 1.0f,
                                .d = -2.0};
  wire_expect_both(&test_vectors_Values_type_, &values, "02 00 64 80 00 00 00 f0 00 00 80 3f 00*4 00*7 c0",
                   0);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidl vectors");
  TCase* tc = jx_test_case(suite, "vectors");
  tcase_add_test(tc, struct_members_stand_at_their_alignment);
  tcase_add_test(tc, padding_is_zeroed_whatever_the_value_holds);
  tcase_add_test(tc, strings_are_size_presence_and_padded_bytes);
  tcase_add_test(tc, optional_vectors_differ_between_absent_and_empty);
  tcase_add_test(tc, out_of_line_objects_follow_in_traversal_order);
  tcase_add_test(tc, arrays_and_vectors_of_structs_are_packed_by_their_stride);
  tcase_add_test(tc, vectors_of_vectors_have_all_headers_first);
  tcase_add_test(tc, tables_have_envelopes_for_gaps_and_inline_members);
  tcase_add_test(tc, an_enum_that_is_not_there_is_zero);
  tcase_add_test(tc, tables_mix_out_of_line_and_inline_members);
  tcase_add_test(tc, a_table_in_a_struct_stands_behind_the_whole_struct);
  tcase_add_test(tc, unions_hold_small_variants_inline);
  tcase_add_test(tc, unions_nest_through_vectors);
  tcase_add_test(tc, recursive_optional_unions_end_with_an_absent_one);
  tcase_add_test(tc, handles_move_to_the_table_in_order);
  tcase_add_test(tc, envelopes_count_the_handles_of_their_content);
  tcase_add_test(tc, handles_are_sent_with_the_type_and_rights_of_their_field);
  tcase_add_test(tc, boxes_follow_the_struct);
  tcase_add_test(tc, thirty_two_hops_are_the_deepest);
  tcase_add_test(tc, unions_in_tables_are_out_of_line);
  tcase_add_test(tc, values_keep_their_numbers);
  return jx_test_run(suite);
}
