// What is checked, zeroed or allowed for many fields at once: words of structs, room for a whole value,
// texts, depth.
#include <fidl/test.vectors.h>
#include <lib/fidl/encode_fields.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_handles.h"
#include "jx_test.h"
#include "wire.h"

#define PRESENT " ff*8 "
#define TYPE(name) &test_vectors_##name##_type_

// id, flag, bits, empty, pair, flags, padding, last
#define RULED "01 00*7 01 81 00 05 06 00 01 00 34 12 00*6"

static test_vectors_Ruled ruled(void) {
  test_vectors_Ruled value = {.id = 1, .flag = true, .bits = 0x81, .pair = {{5}, {6}}, .last = 0x1234};
  value.flags[1] = true;
  return value;
}

START_TEST(fields_that_share_a_word_keep_their_values) {
  test_vectors_Ruled value = ruled();
  wire_expect_both(TYPE(Ruled), &value, RULED, 0);
  // Padding and empty structs in memory may hold anything.
  memset(value._padding5, 0xaa, sizeof(value._padding5));
  memset(value._padding6, 0xaa, sizeof(value._padding6));
  value.empty._empty = 0xaa;
  wire_expect_both(TYPE(Ruled), &value, RULED, 0);
}
END_TEST

START_TEST(each_rule_of_a_struct_is_told_by_its_name) {
  static const struct {
    const char* hex;
    fidl_error_t error;
  } cases[] = {
      {"01 00*7 02 81 00 05 06 00 01 00 34 12 00*6", FIDL_ERROR_INVALID_BOOLEAN},
      {"01 00*7 01 83 00 05 06 00 01 00 34 12 00*6", FIDL_ERROR_STRICT_BITS_UNKNOWN_BIT},
      {"01 00*7 01 81 01 05 06 00 01 00 34 12 00*6", FIDL_ERROR_INVALID_EMPTY_STRUCT},
      {"01 00*7 01 81 00 05 06 80 01 00 34 12 00*6", FIDL_ERROR_INVALID_BOOLEAN},
      {"01 00*7 01 81 00 05 06 00 ff 00 34 12 00*6", FIDL_ERROR_INVALID_BOOLEAN},
      {"01 00*7 01 81 00 05 06 00 01 04 34 12 00*6", FIDL_ERROR_INVALID_PADDING_BYTE},
      {"01 00*7 01 81 00 05 06 00 01 00 34 12 01 00*5", FIDL_ERROR_INVALID_PADDING_BYTE},
      {"01 00*7 01 81 00 05 06 00 01 00 34 12 00*5 80", FIDL_ERROR_INVALID_PADDING_BYTE},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    wire_expect_reject(TYPE(Ruled), cases[i].hex, 0, cases[i].error);
    // As the last of three elements, too.
    char hex[512];
    snprintf(hex, sizeof(hex), "03 00*7" PRESENT RULED " " RULED " %s", cases[i].hex);
    wire_expect_reject(TYPE(RuledVector), hex, 0, cases[i].error);
  }
}
END_TEST

START_TEST(values_that_break_a_rule_are_not_encoded) {
  test_vectors_Ruled elements[5];
  test_vectors_RuledVector vector = {.v = {5, elements}};
  for (int i = 0; i < 5; i++) {
    for (int j = 0; j < 5; j++)
      elements[j] = ruled();
    elements[i].bits = 2;
    wire_expect_encode_error(TYPE(Ruled), &elements[i], FIDL_ERROR_STRICT_BITS_UNKNOWN_BIT);
    wire_expect_encode_error(TYPE(RuledVector), &vector, FIDL_ERROR_STRICT_BITS_UNKNOWN_BIT);
    elements[i] = ruled();
    memset(&elements[i].flags[0], 2, 1);
    wire_expect_encode_error(TYPE(Ruled), &elements[i], FIDL_ERROR_INVALID_BOOLEAN);
    wire_expect_encode_error(TYPE(RuledVector), &vector, FIDL_ERROR_INVALID_BOOLEAN);
  }
}
END_TEST

START_TEST(padding_between_elements_is_zeroed) {
  test_vectors_Ruled elements[2] = {ruled(), ruled()};
  test_vectors_RuledVector vector = {.v = {2, elements}};
  memset(elements[1]._padding5, 0xff, sizeof(elements[1]._padding5));
  elements[0].empty._empty = 1;
  wire_expect_both(TYPE(RuledVector), &vector, "02 00*7" PRESENT RULED " " RULED, 0);
}
END_TEST

START_TEST(elements_are_gathered_unless_their_padding_is_dirty) {
  static test_vectors_Ruled elements[100];
  static uint64_t scratch[1000];
  test_vectors_RuledVector vector = {.v = {100, elements}};
  fidl_encoder_t encoder;
  for (int i = 0; i < 100; i++)
    elements[i] = ruled();
  fidl_encoder_init(&encoder, scratch, sizeof(scratch), 65536, true);
  ck_assert(fidl_encoder_add(&encoder, TYPE(RuledVector), &vector));
  ck_assert_ptr_eq(encoder.iovecs[1].buffer, elements);
  elements[99]._padding6[5] = 1;
  fidl_encoder_init(&encoder, scratch, sizeof(scratch), 65536, true);
  ck_assert(fidl_encoder_add(&encoder, TYPE(RuledVector), &vector));
  ck_assert_uint_eq(encoder.num_iovecs, 0);
}
END_TEST

START_TEST(texts_are_checked_also_where_that_is_done_in_the_end) {
  static char invalid[] = "ab\xff", valid[] = "f\303\274nf";
  test_vectors_Text text = {.v = fidl_string(valid), .o = fidl_string(invalid)};
  wire_expect_encode_error(TYPE(Text), &text, FIDL_ERROR_STRING_NOT_UTF8);
  text = (test_vectors_Text){.v = fidl_string(invalid)};
  wire_expect_encode_error(TYPE(Text), &text, FIDL_ERROR_STRING_NOT_UTF8);
  text = (test_vectors_Text){.v = fidl_string(valid)};
  wire_expect_both(TYPE(Text), &text, "05 00*7" PRESENT "00*16 66 c3 bc 6e 66 00*3", 0);
  test_vectors_TextTable table;
  test_vectors_TextTable_frame_t frame;
  fidl_string_t good = fidl_string(valid), bad = fidl_string(invalid);
  test_vectors_TextTable_init(&table, &frame);
  test_vectors_TextTable_set_b(&table, &bad);
  wire_expect_encode_error(TYPE(TextTable), &table, FIDL_ERROR_STRING_NOT_UTF8);
  test_vectors_TextTable_init(&table, &frame);
  test_vectors_TextTable_set_a(&table, &good);
  // The table as a decoder leaves it: its places end with the last member.
  fidl_envelope_t* one = malloc(sizeof(*one));
  *one = frame.envelopes[0];
  table.envelopes = one;
  wire_expect_both(TYPE(TextTable), &table, "01 00*7" PRESENT "18 00*7 05 00*7" PRESENT "66 c3 bc 6e 66 00*3",
                   0);
  free(one);
}
END_TEST

START_TEST(copies_of_any_length_are_padded_and_tell_of_ascii) {
  uint8_t from[300], to[320];
  for (size_t i = 0; i < sizeof(from); i++)
    from[i] = (uint8_t)(i % 127 + 1);
  for (size_t size = 0; size < sizeof(from) - 8; size++) {
    size_t padded = (size + 7) / 8 * 8;
    memset(to, 0xee, sizeof(to));
    ck_assert_uint_eq(fidl_copy_padded(to, from + size % 8, size), 0);
    ck_assert_mem_eq(to, from + size % 8, size);
    for (size_t i = size; i < sizeof(to); i++)
      ck_assert_uint_eq(to[i], i < padded ? 0 : 0xee);
    for (size_t i = 0; i < size; i++) {
      uint8_t before = from[size % 8 + i];
      from[size % 8 + i] = 0x80;
      ck_assert_uint_ne(fidl_copy_padded(to, from + size % 8, size), 0);
      from[size % 8 + i] = before;
    }
  }
}
END_TEST

START_TEST(a_value_fits_where_its_type_might_not) {
  test_vectors_Text text = {.v = fidl_string("abc")};
  fidl_encoder_t encoder;
  uint64_t room[5];
  for (uint64_t capacity = 0; capacity < 40; capacity += 8) {
    fidl_encoder_init(&encoder, room, capacity, 65536, true);
    ck_assert(!fidl_encoder_add(&encoder, TYPE(Text), &text));
    ck_assert_int_eq(encoder.error, FIDL_ERROR_MESSAGE_TOO_LARGE);
  }
  fidl_encoder_init(&encoder, room, 40, 65536, true);
  ck_assert(fidl_encoder_add(&encoder, TYPE(Text), &text));
  ck_assert_uint_eq(fidl_encoder_size(&encoder), 40);
  ck_assert_mem_eq(&room[4], "abc\0\0\0\0", 8);
}
END_TEST

// A chain of `hops` boxes, each with an empty table (one hop more); `last` is the struct at its end.
static test_vectors_Deep* chain(test_vectors_Deep* links, int hops) {
  memset(links, 0, sizeof(*links) * 40);
  for (int i = 0; i < hops; i++)
    links[i].next = &links[i + 1];
  return &links[hops];
}

static fidl_error_t encode_deep(test_vectors_Deep* value, wire_t* wire) {
  uint64_t metadata;
  return fidl_standalone_encode(TYPE(Deep), value, wire->bytes, sizeof(wire->bytes), wire->sent, &metadata,
                                &wire->size, &wire->num_handles);
}

// The most hops of the chain with which the value encodes; checks that what encodes also decodes.
static int deepest(void (*fill)(test_vectors_Deep* last)) {
  static test_vectors_Deep links[40];
  wire_t* wire = malloc(sizeof(*wire));
  void* out;
  int hops = 0;
  for (;; hops++) {
    test_vectors_Deep* last = chain(links, hops);
    if (fill) fill(last);
    fidl_error_t error = encode_deep(links, wire);
    if (error != FIDL_ERROR_NONE) {
      ck_assert_int_eq(error, FIDL_ERROR_EXCEEDED_MAX_OUT_OF_LINE_DEPTH);
      break;
    }
    ck_assert_int_eq(
        fidl_standalone_decode(TYPE(Deep), wire_metadata(), wire->bytes, wire->size, NULL, 0, &out),
        FIDL_ERROR_NONE);
  }
  free(wire);
  return hops - 1;
}

static void fill_string(test_vectors_Deep* last) {
  static test_vectors_Mixed_frame_t frame;
  static fidl_string_t foo;
  foo = fidl_string("foo");
  test_vectors_Mixed_init(&last->mixed, &frame);
  test_vectors_Mixed_set_foo(&last->mixed, &foo);
}

static void fill_number(test_vectors_Deep* last) {
  static test_vectors_Mixed_frame_t frame;
  test_vectors_Mixed_init(&last->mixed, &frame);
  test_vectors_Mixed_set_bar(&last->mixed, 1);
}

static void fill_text(test_vectors_Deep* last) {
  static test_vectors_Text text;
  text.v = fidl_string("text");
  last->text = &text;
}

START_TEST(depth_is_counted_through_types_that_do_not_refer_to_themselves) {
  ck_assert_int_eq(deepest(NULL), 31);         // the envelopes of the last table are one hop more
  ck_assert_int_eq(deepest(fill_number), 31);  // an inline member adds none
  ck_assert_int_eq(deepest(fill_text), 30);    // a box, and the string's bytes
  ck_assert_int_eq(deepest(fill_string), 29);  // envelopes, string, bytes
}
END_TEST

START_TEST(bytes_that_are_too_deep_are_rejected) {
  // 30 boxes, the last struct's table has a string: its bytes are 33 hops away. What goes before is one
  // struct after another, each followed by the empty tables of those outside it.
  char hex[8192] = "";
  for (int i = 0; i < 31; i++)
    strcat(hex, i < 30 ? PRESENT "00*8" PRESENT "00*8 "
                       : "00*8 01 00*7" PRESENT "00*8 18 00*7 03 00*7" PRESENT "66 6f 6f 00*5");
  wire_expect_reject(TYPE(Deep), hex, 0, FIDL_ERROR_EXCEEDED_MAX_OUT_OF_LINE_DEPTH);
}
END_TEST

START_TEST(sizes_of_nearly_64_bits_are_too_few_bytes) {
  // The last count is the largest that there is; its elements have 2^32 - 8 bytes each.
  for (uint32_t count = 1; count; count = count < 0x80000000u ? count * 2 : 0) {
    char hex[256];
    for (uint32_t more = 0; more < 2; more++) {
      uint32_t n = count == 0x80000000u && more ? UINT32_MAX : count + more;
      snprintf(hex, sizeof(hex), "%02x %02x %02x %02x 00*4" PRESENT "00*64", n & 0xff, n >> 8 & 0xff,
               n >> 16 & 0xff, n >> 24);
      wire_expect_reject(TYPE(Huge), hex, 0, FIDL_ERROR_TOO_FEW_BYTES);
      snprintf(hex, sizeof(hex), "01 00*7" PRESENT "10 00*7 %02x %02x %02x %02x 00*4" PRESENT, n & 0xff,
               n >> 8 & 0xff, n >> 16 & 0xff, n >> 24);
      wire_expect_reject(TYPE(HugeTable), hex, 0, FIDL_ERROR_TOO_FEW_BYTES);
    }
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidl rules");
  TCase* tc = jx_test_case(suite, "rules");
  tcase_add_test(tc, fields_that_share_a_word_keep_their_values);
  tcase_add_test(tc, each_rule_of_a_struct_is_told_by_its_name);
  tcase_add_test(tc, values_that_break_a_rule_are_not_encoded);
  tcase_add_test(tc, padding_between_elements_is_zeroed);
  tcase_add_test(tc, elements_are_gathered_unless_their_padding_is_dirty);
  tcase_add_test(tc, texts_are_checked_also_where_that_is_done_in_the_end);
  tcase_add_test(tc, copies_of_any_length_are_padded_and_tell_of_ascii);
  tcase_add_test(tc, a_value_fits_where_its_type_might_not);
  tcase_add_test(tc, depth_is_counted_through_types_that_do_not_refer_to_themselves);
  tcase_add_test(tc, bytes_that_are_too_deep_are_rejected);
  tcase_add_test(tc, sizes_of_nearly_64_bits_are_too_few_bytes);
  return jx_test_run(suite);
}
