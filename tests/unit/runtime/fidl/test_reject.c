// Bytes that must not decode and values that must not encode, each with its reason; no handle stays open.
#include <fidl/test.vectors.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_handles.h"
#include "jx_test.h"
#include "wire.h"

#define PRESENT " ff*8 "
#define ABSENT " 00*8 "

typedef struct rejected {
  const fidl_type_t* type;
  const char* hex;
  uint32_t num_handles;
  fidl_error_t error;
} rejected_t;

#define TYPE(name) &test_vectors_##name##_type_

static const rejected_t cases[] = {
    // Bytes missing and left over
    {TYPE(Padded), "", 0, FIDL_ERROR_TOO_FEW_BYTES_IN_PRIMARY_OBJECT},
    {TYPE(Padded), "00*8", 0, FIDL_ERROR_TOO_FEW_BYTES_IN_PRIMARY_OBJECT},
    {TYPE(Tail), "02 01 03 00", 0, FIDL_ERROR_TOO_FEW_BYTES_IN_PRIMARY_OBJECT},
    {TYPE(Persisted), "00*8 00*8", 0, FIDL_ERROR_TOO_MANY_BYTES_IN_MESSAGE},
    {TYPE(Persisted), "00*9", 0, FIDL_ERROR_TOO_MANY_BYTES_IN_MESSAGE},
    {TYPE(String), "19 00*7" PRESENT "ab*8", 0, FIDL_ERROR_TOO_FEW_BYTES},
    {TYPE(String), "09 00*7" PRESENT "ab*8", 0, FIDL_ERROR_TOO_FEW_BYTES},
    {TYPE(String), "08 00*7" PRESENT "61*7", 0, FIDL_ERROR_TOO_FEW_BYTES},
    {TYPE(OptionalBytes), "ff*4 00*4" PRESENT "00*8", 0, FIDL_ERROR_TOO_FEW_BYTES},
    {TYPE(VectorOfStructs), "ff*4 00*4" PRESENT "00*8", 0, FIDL_ERROR_TOO_FEW_BYTES},
    {TYPE(Boxed), PRESENT "00*8", 0, FIDL_ERROR_TOO_FEW_BYTES},
    {TYPE(Gaps), "02 00*7" PRESENT "00*8", 0, FIDL_ERROR_TOO_FEW_BYTES},
    {TYPE(Gaps), "ff*4 00*4" PRESENT "00*8", 0, FIDL_ERROR_TOO_FEW_BYTES},
    // Padding
    {TYPE(Padded), "01 aa 03 02 07 06 05 04 0f 0e 0d 0c 0b 0a 09 08", 0, FIDL_ERROR_INVALID_PADDING_BYTE},
    {TYPE(Gap), "01 00*6 01 02 00*7", 0, FIDL_ERROR_INVALID_PADDING_BYTE},
    {TYPE(Tail), "02 01 03 01 00*4", 0, FIDL_ERROR_INVALID_PADDING_BYTE},
    {TYPE(Tail), "02 01 03 00 00 00 00 01", 0, FIDL_ERROR_INVALID_PADDING_BYTE},
    {TYPE(String), "04 00*7" PRESENT "61 62 63 64 01 00*3", 0, FIDL_ERROR_INVALID_PADDING_BYTE},
    {TYPE(OptionalBytes), "07 00*7" PRESENT "00*7 01", 0, FIDL_ERROR_INVALID_PADDING_BYTE},
    {TYPE(InlineTable), "04 00*7" PRESENT "00*24 01 02 03 04 00 00 01 00", 0,
     FIDL_ERROR_INVALID_PADDING_BYTE},
    {TYPE(InlineTable), "03 00*7" PRESENT "00*16 01 01 00 00 00 00 01 00", 0,
     FIDL_ERROR_INVALID_PADDING_BYTE},
    {TYPE(InlineUnion), "01 00*7 01 01 00 00 00 00 01 00", 0, FIDL_ERROR_INVALID_PADDING_BYTE},
    {TYPE(InlineUnion), "04 00*7 01 02 03 04 00 00 01 00", 0, FIDL_ERROR_INVALID_PADDING_BYTE},
    {TYPE(BoxedTail), PRESENT "02 01 03 01 00*4", 0, FIDL_ERROR_INVALID_PADDING_BYTE},
    {TYPE(BoxedTail), PRESENT "02 01 03 00 01 00*3", 0, FIDL_ERROR_INVALID_PADDING_BYTE},
    {TYPE(ArrayOfStructs), "01 00 02 00 01 00*3", 0, FIDL_ERROR_INVALID_PADDING_BYTE},
    {TYPE(VectorOfStructs), "01 00*7" PRESENT "01 00 01 00*5", 0, FIDL_ERROR_INVALID_PADDING_BYTE},
    // Values
    {TYPE(Bool), "02 00*7", 0, FIDL_ERROR_INVALID_BOOLEAN},
    {TYPE(Bool), "ff 00*7", 0, FIDL_ERROR_INVALID_BOOLEAN},
    {TYPE(Bools), "00 01 02 00*5 00*8" PRESENT, 0, FIDL_ERROR_INVALID_BOOLEAN},
    {TYPE(Bools), "00*8 0a 00*7" PRESENT "01*9 02 00*6", 0, FIDL_ERROR_INVALID_BOOLEAN},
    {TYPE(InlineTable), "03 00*7" PRESENT "00*16 02 00 00 00 00 00 01 00", 0, FIDL_ERROR_INVALID_BOOLEAN},
    {TYPE(Nested), "00*8" PRESENT "01 00*7 00*8" PRESENT, 0, FIDL_ERROR_INVALID_EMPTY_STRUCT},
    {TYPE(Union), "03 00*7 01 00 00 00 00 00 01 00", 0, FIDL_ERROR_INVALID_EMPTY_STRUCT},
    {TYPE(Values), "aa 00 00 00 00*20", 0, FIDL_ERROR_STRICT_ENUM_UNKNOWN_VALUE},
    {TYPE(Values), "01 00 00 02 00*20", 0, FIDL_ERROR_STRICT_BITS_UNKNOWN_BIT},
    {TYPE(InlineTable), "06 00*7" PRESENT "00*40 aa 00 00 00 00 00 01 00", 0,
     FIDL_ERROR_STRICT_ENUM_UNKNOWN_VALUE},
    {TYPE(InlineTable), "07 00*7" PRESENT "00*48 02 00 00 00 00 00 01 00", 0,
     FIDL_ERROR_STRICT_BITS_UNKNOWN_BIT},
    {TYPE(InlineUnion), "01 00*7 02 00 00 00 00 00 01 00", 0, FIDL_ERROR_INVALID_BOOLEAN},
    {TYPE(InlineUnion), "02 00*7 aa 00 00 00 00 00 01 00", 0, FIDL_ERROR_STRICT_ENUM_UNKNOWN_VALUE},
    {TYPE(InlineUnion), "03 00*7 02 00 00 00 00 00 01 00", 0, FIDL_ERROR_STRICT_BITS_UNKNOWN_BIT},
    {TYPE(StrictEnums), "02 00*7" PRESENT "01 00 aa 00 00*4", 0, FIDL_ERROR_STRICT_ENUM_UNKNOWN_VALUE},
    {TYPE(String), "02 00*7" PRESENT "c0 80 00*6", 0, FIDL_ERROR_STRING_NOT_UTF8},
    {TYPE(String), "03 00*7" PRESENT "ed a0 80 00*5", 0, FIDL_ERROR_STRING_NOT_UTF8},
    {TYPE(String), "04 00*7" PRESENT "f4 90 80 80 00*4", 0, FIDL_ERROR_STRING_NOT_UTF8},
    {TYPE(Union), "04 00*7 18 00*7 01 00*7" PRESENT "80 00*7", 0, FIDL_ERROR_STRING_NOT_UTF8},
    {TYPE(ShortString), "03 00*7" PRESENT "61 62 63 00*5", 0, FIDL_ERROR_STRING_TOO_LONG},
    {TYPE(ShortString), "05 00*7" PRESENT "48 65 6c 6c 6f 00*3", 0, FIDL_ERROR_STRING_TOO_LONG},
    {TYPE(ShortBytes), "03 00*7" PRESENT "01 02 03 00*5", 0, FIDL_ERROR_COUNT_EXCEEDS_LIMIT},
    {TYPE(String), "00*4 01 00*3" PRESENT, 0, FIDL_ERROR_STRING_COUNT_EXCEEDS_32_BIT_LIMIT},
    {TYPE(OptionalBytes), "00*4 01 00*3" PRESENT, 0, FIDL_ERROR_VECTOR_COUNT_EXCEEDS_32_BIT_LIMIT},
    {TYPE(ShortBytes), "ff*8" PRESENT, 0, FIDL_ERROR_VECTOR_COUNT_EXCEEDS_32_BIT_LIMIT},
    {TYPE(Gaps), "00*4 01 00*3" PRESENT, 0, FIDL_ERROR_TABLE_COUNT_EXCEEDS_32_BIT_LIMIT},
    // Presence
    {TYPE(String), "00*8" ABSENT, 0, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE},
    {TYPE(VectorOfStructs), "00*8" ABSENT, 0, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE},
    {TYPE(String), "03 00*7" ABSENT, 0, FIDL_ERROR_NON_EMPTY_STRING_WITH_NULL_BODY},
    {TYPE(OptionalString), "03 00*7" ABSENT, 0, FIDL_ERROR_NON_EMPTY_STRING_WITH_NULL_BODY},
    {TYPE(OptionalBytes), "03 00*7" ABSENT, 0, FIDL_ERROR_NON_EMPTY_VECTOR_WITH_NULL_BODY},
    {TYPE(OptionalString), "00*8 ab*8", 0, FIDL_ERROR_INVALID_PRESENCE_INDICATOR},
    {TYPE(OptionalBytes), "00*8 ff*7 7f", 0, FIDL_ERROR_INVALID_PRESENCE_INDICATOR},
    {TYPE(Boxed), "01 00*7 00*8", 0, FIDL_ERROR_INVALID_PRESENCE_INDICATOR},
    {TYPE(Gaps), "00*8 ab*8", 0, FIDL_ERROR_INVALID_PRESENCE_INDICATOR},
    {TYPE(Gaps), "00*8 00*8", 0, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE},
    // Envelopes
    {TYPE(InlineTable), "01 00*7" PRESENT "08 00*7 64 00*7", 0, FIDL_ERROR_INVALID_INLINE_BIT_IN_ENVELOPE},
    {TYPE(InlineTable), "02 00*7" PRESENT "00*8 08 00 00 00 00 00 01 00", 0,
     FIDL_ERROR_INVALID_INLINE_BIT_IN_ENVELOPE},
    {TYPE(InlineTable), "01 00*7" PRESENT "64 00 00 00 00 00 ff 00", 0,
     FIDL_ERROR_INVALID_INLINE_MARKER_IN_ENVELOPE},
    {TYPE(InlineTable), "02 00*7" PRESENT "00*8 08 00 00 00 00 00 01 ee 00*8", 0,
     FIDL_ERROR_INVALID_INLINE_MARKER_IN_ENVELOPE},
    {TYPE(Gaps), "05 00*7" PRESENT "00*32 08 00 00 00 00 00 fe ff", 0,
     FIDL_ERROR_INVALID_INLINE_MARKER_IN_ENVELOPE},
    {TYPE(InlineTable), "02 00*7" PRESENT "00*8 10 00*7 01 00*7 00*8", 0,
     FIDL_ERROR_INVALID_NUM_BYTES_IN_ENVELOPE},
    {TYPE(InlineTable), "02 00*7" PRESENT "00*8 07 00*7 01 00*7", 0,
     FIDL_ERROR_INVALID_NUM_BYTES_IN_ENVELOPE},
    {TYPE(Mixed), "01 00*7" PRESENT "10 00*7 05 00*7" PRESENT "68 65 6c 6c 6f 00*3", 0,
     FIDL_ERROR_INVALID_NUM_BYTES_IN_ENVELOPE},
    {TYPE(InlineTable), "02 00*7" PRESENT "00*8 10 00*7 01 00*7", 0,
     FIDL_ERROR_ENVELOPE_BYTES_EXCEED_MESSAGE_LENGTH},
    {TYPE(InlineTable), "02 00*7" PRESENT "00*8 08 00 00 00 01 00 00 00 01 00*7", 0,
     FIDL_ERROR_ENVELOPE_HANDLES_EXCEED_MESSAGE_LENGTH},
    {TYPE(InlineTable), "02 00*7" PRESENT "00*8 08 00 00 00 01 00 00 00 01 00*7", 1,
     FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE},
    {TYPE(StrictUnionStruct), "01 00*7 64 00 00 00 01 00 01 00", 0,
     FIDL_ERROR_ENVELOPE_HANDLES_EXCEED_MESSAGE_LENGTH},
    {TYPE(StrictUnionStruct), "01 00*7 64 00 00 00 01 00 01 00", 1,
     FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE},
    {TYPE(HandleTable), "01 00*7" PRESENT "ff*4 00 00 01 00", 1, FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE},
    {TYPE(HandleTable), "01 00*7" PRESENT "ff*4 02 00 01 00", 2, FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE},
    {TYPE(HandleTable), "01 00*7" PRESENT "ab*4 01 00 01 00", 1,
     FIDL_ERROR_INVALID_HANDLE_PRESENCE_INDICATOR},
    {TYPE(Gaps), "05 00*7" PRESENT "00*32 07 00*7 00*8", 0, FIDL_ERROR_INVALID_NUM_BYTES_IN_ENVELOPE},
    {TYPE(Gaps), "05 00*7" PRESENT "00*32 10 00*7 00*8", 0, FIDL_ERROR_ENVELOPE_BYTES_EXCEED_MESSAGE_LENGTH},
    {TYPE(Gaps), "05 00*7" PRESENT "00*32 00 00 00 00 01 00 01 00", 0,
     FIDL_ERROR_ENVELOPE_HANDLES_EXCEED_MESSAGE_LENGTH},
    {TYPE(Gaps), "01 00*7" PRESENT "07 00*7 00*8", 0, FIDL_ERROR_INVALID_NUM_BYTES_IN_ENVELOPE},
    {TYPE(InlineUnion), "01 00*7 08 00*7 01 00*7", 0, FIDL_ERROR_INVALID_INLINE_BIT_IN_ENVELOPE},
    {TYPE(InlineUnion), "01 00*7 01 00 00 00 00 00 02 00", 0, FIDL_ERROR_INVALID_INLINE_MARKER_IN_ENVELOPE},
    {TYPE(Union), "02 00*7 08 00 00 00 00 00 01 00", 0, FIDL_ERROR_INVALID_INLINE_BIT_IN_ENVELOPE},
    {TYPE(Union), "02 00*7 08 00 00 00 00 00 ff 00 64 00*7", 0, FIDL_ERROR_INVALID_INLINE_MARKER_IN_ENVELOPE},
    {TYPE(Union), "02 00*7 10 00*7 64 00*7 00*8", 0, FIDL_ERROR_INVALID_NUM_BYTES_IN_ENVELOPE},
    {TYPE(Union), "04 00*7 10 00*7 04 00*7" PRESENT "61 62 63 64 00*4", 0,
     FIDL_ERROR_INVALID_NUM_BYTES_IN_ENVELOPE},
    {TYPE(Union), "02 00*7 08 00 00 00 01 00 00 00 64 00*7", 1, FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE},
    {TYPE(Union), "02 00*7 08 00 00 00 01 00 00 00 64 00*7", 0,
     FIDL_ERROR_ENVELOPE_HANDLES_EXCEED_MESSAGE_LENGTH},
    {TYPE(HandleUnion), "01 00*7 ff*4 00 00 01 00", 1, FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE},
    {TYPE(HandleUnion), "03 00*7 18 00*7 01 00*7" PRESENT "ff*4 00*4", 1,
     FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE},
    {TYPE(HandleUnion), "03 00*7 18 00 00 00 02 00 00 00 01 00*7" PRESENT "ff*4 00*4", 2,
     FIDL_ERROR_INVALID_NUM_HANDLES_IN_ENVELOPE},
    // Unions
    {TYPE(Union), "00*16", 0, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE},
    {TYPE(Union), "00*8 18 00*7 00*24", 0, FIDL_ERROR_UNION_FIELD_NOT_SET},
    {TYPE(OptionalUnion), "00*8 18 00*7 00*24", 0, FIDL_ERROR_UNION_FIELD_NOT_SET},
    {TYPE(Union), "01 00*7 00*8", 0, FIDL_ERROR_INVALID_NULL_ENVELOPE},
    {TYPE(Union), "02 00*7 00*8", 0, FIDL_ERROR_INVALID_NULL_ENVELOPE},
    {TYPE(Union), "64 00*7 00*8", 0, FIDL_ERROR_INVALID_NULL_ENVELOPE},
    {TYPE(Union), "64 00*7 08 00*7", 0, FIDL_ERROR_ENVELOPE_BYTES_EXCEED_MESSAGE_LENGTH},
    {TYPE(Union), "d2 04 00*6 14 00*7 ab*20 00*4", 0, FIDL_ERROR_INVALID_NUM_BYTES_IN_ENVELOPE},
    {TYPE(StrictUnionStruct), "d2 04 00*6 18 00*7 ab*20 00*4", 0, FIDL_ERROR_STRICT_UNION_UNKNOWN_FIELD},
    {TYPE(OptionalStrictUnion), "02 00*7 01 00 00 00 00 00 01 00", 0, FIDL_ERROR_STRICT_UNION_UNKNOWN_FIELD},
    {TYPE(NoMembersStruct), "00*16", 0, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE},
    {TYPE(Union), "04 00*7 10 00*7 00*8" ABSENT, 0, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE},
    {TYPE(Union), "04 00*7 10 00*7 01 00*7" ABSENT, 0, FIDL_ERROR_NON_EMPTY_STRING_WITH_NULL_BODY},
    // Handles
    {TYPE(Ends), "00*8", 0, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE},
    {TYPE(Ends), "01 00*7", 0, FIDL_ERROR_INVALID_HANDLE_PRESENCE_INDICATOR},
    {TYPE(OptionalHandle), "ab*4 00*4", 1, FIDL_ERROR_INVALID_HANDLE_PRESENCE_INDICATOR},
    {TYPE(OneHandle), "00*8", 1, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE},
    {TYPE(OneHandle), "ff*4 00*4", 2, FIDL_ERROR_TOO_MANY_HANDLES_IN_MESSAGE},
    {TYPE(OneHandle), "ff*4 00*4", 0, FIDL_ERROR_TOO_FEW_HANDLES},
    {TYPE(OptionalHandles), "ff*12 00*4", 2, FIDL_ERROR_TOO_FEW_HANDLES},
    {TYPE(OptionalHandle), "00*8", 1, FIDL_ERROR_TOO_MANY_HANDLES_IN_MESSAGE},
    {TYPE(Persisted), "00*8", 64, FIDL_ERROR_TOO_MANY_HANDLES_IN_MESSAGE},
    {TYPE(OneHandle), "ff*4 01 00*3", 1, FIDL_ERROR_INVALID_PADDING_BYTE},
    // Depth: 33 hops
    {TYPE(Chain), "ff*264 00*8", 0, FIDL_ERROR_EXCEEDED_MAX_OUT_OF_LINE_DEPTH},
};

START_TEST(bytes_that_break_a_rule_are_rejected) {
  const rejected_t* rejected = &cases[_i];
  wire_expect_reject(rejected->type, rejected->hex, rejected->num_handles, rejected->error);
}
END_TEST

START_TEST(a_message_cut_anywhere_is_rejected) {
  static const char whole[] =
      "03 00*7" PRESENT "18 00*7 10 00*7 18 00*7 06 00*7" PRESENT
      "62 65 66 6f 72 65 00 00 01 00*7 ef be ad de 00 00 01 00 05 00*7" PRESENT "61 66 74 65 72 00 00 00";
  wire_t* wire = malloc(sizeof(*wire));
  wire_parse(wire, whole);
  uint64_t size = wire->size;
  for (uint64_t cut = 0; cut < size; cut++) {
    uint8_t* bytes = malloc(cut ? cut : 1);
    void* value;
    memcpy(bytes, wire->bytes, cut);
    ck_assert(fidl_standalone_decode(TYPE(UnionInTable), wire_metadata(), bytes, cut, NULL, 0, &value) !=
              FIDL_ERROR_NONE);
    free(bytes);
  }
  free(wire);
}
END_TEST

START_TEST(depth_of_a_recursive_union_is_bounded) {
  // Two hops each: the vector and the variant. 16 are 32 hops.
  for (int depth = 1; depth <= 40; depth++) {
    wire_t* wire = malloc(sizeof(*wire));
    void* value;
    wire->size = 0;
    uint64_t* words = (uint64_t*)(void*)wire->bytes;
    size_t n = 0;
    for (int i = 0; i < depth; i++) {
      words[n++] = 1;
      words[n++] = (uint64_t)(depth - i) * 32 - 16;
      words[n++] = i + 1 < depth;
      words[n++] = UINT64_MAX;
    }
    fidl_error_t error =
        fidl_standalone_decode(TYPE(Recursive), wire_metadata(), words, n * 8, NULL, 0, &value);
    ck_assert_str_eq(fidl_error_name(error), depth <= 16 ? "NONE" : "EXCEEDED_MAX_OUT_OF_LINE_DEPTH");
    free(wire);
  }
}
END_TEST

START_TEST(handles_of_the_wrong_kind_are_rejected) {
  wire_expect_reject_handle(TYPE(EventHandle), "ff*4 00*4", 4, 0xffff, FIDL_ERROR_INCORRECT_HANDLE_TYPE);
  wire_expect_reject_handle(TYPE(EventHandle), "ff*4 00*4", 5, ZX_RIGHT_TRANSFER,
                            FIDL_ERROR_MISSING_REQUIRED_HANDLE_RIGHTS);
  // Endpoints are channels with the rights of channels.
  wire_expect_reject_handle(TYPE(Ends), "ff*4 00*4", 5, 0xffff, FIDL_ERROR_INCORRECT_HANDLE_TYPE);
  wire_expect_reject_handle(TYPE(Ends), "ff*4 00*4", 4, 0xf00e & ~ZX_RIGHT_WRITE,
                            FIDL_ERROR_MISSING_REQUIRED_HANDLE_RIGHTS);
}
END_TEST

START_TEST(rights_beyond_the_stated_ones_are_taken_away) {
  _Alignas(8) uint8_t bytes[8] = {0xff, 0xff, 0xff, 0xff};
  zx_handle_info_t info = {.handle = fake_handle(5, 0xffff), .type = 5, .rights = 0xffff};
  void* value;
  ck_assert_int_eq(fidl_standalone_decode(TYPE(EventHandle), wire_metadata(), bytes, 8, &info, 1, &value),
                   FIDL_ERROR_NONE);
  test_vectors_EventHandle* decoded = value;
  ck_assert_uint_eq(fake_handle_rights(decoded->h), ZX_RIGHT_TRANSFER | ZX_RIGHT_WAIT);
  test_vectors_EventHandle_close_handles(decoded);
  ck_assert_uint_eq(decoded->h, ZX_HANDLE_INVALID);
  ck_assert_int_eq(fake_handles_live(), 0);
}
END_TEST

// One handle each.
static const struct {
  const fidl_type_t* type;
  const char* hex;
} nested[] = {
    {TYPE(Events), "01 00*7" PRESENT "00*8" PRESENT "ff*4 00*4"},
    {TYPE(Events), "00*8" PRESENT "01 00*7" PRESENT "ff*4 00*4"},
    {TYPE(EventsTable), "01 00*7" PRESENT "18 00*3 01 00*3 01 00*7" PRESENT "ff*4 00*4"},
    {TYPE(EventsTable), "02 00*7" PRESENT "00*8 18 00*3 01 00*3 01 00*7" PRESENT "ff*4 00*4"},
    {TYPE(EventsUnion), "01 00*7 18 00*3 01 00*3 01 00*7" PRESENT "ff*4 00*4"},
    {TYPE(EventsUnion), "02 00*7 18 00*3 01 00*3 01 00*7" PRESENT "ff*4 00*4"},
};

START_TEST(constraints_hold_for_handles_inside_arrays_and_vectors) {
  const fidl_type_t* type = nested[_i].type;
  zx_rights_t rights = ZX_RIGHT_TRANSFER | ZX_RIGHT_WAIT;
  wire_expect_reject_handle(type, nested[_i].hex, 4, 0xffff, FIDL_ERROR_INCORRECT_HANDLE_TYPE);
  wire_expect_reject_handle(type, nested[_i].hex, 5, ZX_RIGHT_WAIT,
                            FIDL_ERROR_MISSING_REQUIRED_HANDLE_RIGHTS);
  wire_t* wire = malloc(sizeof(*wire));
  wire_parse(wire, nested[_i].hex);
  zx_handle_info_t info = {.handle = fake_handle(5, 0xffff), .type = 5, .rights = 0xffff};
  void* value;
  ck_assert_int_eq(fidl_standalone_decode(type, wire_metadata(), wire->bytes, wire->size, &info, 1, &value),
                   FIDL_ERROR_NONE);
  wire_t* again = malloc(sizeof(*again));
  wire_expect_encoding(type, value, nested[_i].hex, 1, again);
  ck_assert_uint_eq(again->sent[0].type, 5);
  ck_assert_uint_eq(again->sent[0].rights, rights);
  ck_assert_uint_eq(fake_handle_rights(again->sent[0].handle), rights);
  zx_handle_close(again->sent[0].handle);
  ck_assert_int_eq(fake_handles_live(), 0);
  free(again);
  free(wire);
}
END_TEST

START_TEST(handles_before_and_behind_what_fails_are_closed) {
  test_vectors_Between value = {.before = fake_handle(0, 1),
                                .text = fidl_string("abc"),
                                .behind = fake_handle(0, 1),
                                .again = fidl_string("abc"),
                                .last = fake_handle(0, 1)};
  wire_expect_encode_error(TYPE(Between), &value, FIDL_ERROR_STRING_TOO_LONG);
  ck_assert_uint_eq(value.before | value.behind | value.last, ZX_HANDLE_INVALID);
  wire_expect_reject(TYPE(Between),
                     "ff*4 00*4 03 00*7" PRESENT "ff*4 00*4 03 00*7" PRESENT
                     "ff*4 00*4 61 62 63 00*5 61 62 63 00*5",
                     3, FIDL_ERROR_STRING_TOO_LONG);
}
END_TEST

START_TEST(values_that_break_their_type_do_not_encode) {
  uint8_t three[3] = {0};
  test_vectors_String string = {0};
  wire_expect_encode_error(TYPE(String), &string, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE);
  string.v = (fidl_string_t){.size = 1};
  wire_expect_encode_error(TYPE(String), &string, FIDL_ERROR_NON_EMPTY_STRING_WITH_NULL_BODY);
  string.v = fidl_string("\xff");
  wire_expect_encode_error(TYPE(String), &string, FIDL_ERROR_STRING_NOT_UTF8);
  test_vectors_ShortString short_string = {.v = fidl_string("abc")};
  wire_expect_encode_error(TYPE(ShortString), &short_string, FIDL_ERROR_STRING_TOO_LONG);
  test_vectors_ShortBytes bytes = {.v = fidl_bytes(three, 3)};
  wire_expect_encode_error(TYPE(ShortBytes), &bytes, FIDL_ERROR_COUNT_EXCEEDS_LIMIT);
  bytes.v = (fidl_vector_uint8_t){.count = 1};
  wire_expect_encode_error(TYPE(ShortBytes), &bytes, FIDL_ERROR_NON_EMPTY_VECTOR_WITH_NULL_BODY);
  test_vectors_Values values = {.se = 7};
  wire_expect_encode_error(TYPE(Values), &values, FIDL_ERROR_STRICT_ENUM_UNKNOWN_VALUE);
  values.se = 1;
  values.sb = 0x40;
  wire_expect_encode_error(TYPE(Values), &values, FIDL_ERROR_STRICT_BITS_UNKNOWN_BIT);
  test_vectors_Union unset = {0};
  wire_expect_encode_error(TYPE(Union), &unset, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE);
  unset.u.ordinal = test_vectors_FlexibleUnion_Tag_b;
  wire_expect_encode_error(TYPE(Union), &unset, FIDL_ERROR_INVALID_NULL_ENVELOPE);
  unset.u.ordinal = 99;
  wire_expect_encode_error(TYPE(Union), &unset, FIDL_ERROR_UNKNOWN_UNION_MEMBER);
  test_vectors_StrictUnionStruct strict = {.u = {.ordinal = 99}};
  wire_expect_encode_error(TYPE(StrictUnionStruct), &strict, FIDL_ERROR_STRICT_UNION_UNKNOWN_FIELD);
}
END_TEST

START_TEST(a_value_that_does_not_encode_loses_its_handles) {
  test_vectors_OneHandle none = {0};
  wire_expect_encode_error(TYPE(OneHandle), &none, FIDL_ERROR_NON_NULLABLE_TYPE_WITH_NULL_VALUE);
  // 65 handles: the first 64 are moved, the last is not, and all are closed.
  zx_handle_t many[65];
  for (int i = 0; i < 65; i++)
    many[i] = fake_handle(0, 1);
  fidl_vector_handle_t vector = {65, many};
  test_vectors_HandleUnion value = {.u = test_vectors_U_with_hs(&vector)};
  wire_expect_encode_error(TYPE(HandleUnion), &value, FIDL_ERROR_TOO_MANY_HANDLES_IN_MESSAGE);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidl reject");
  TCase* tc = jx_test_case(suite, "reject");
  tcase_add_loop_test(tc, bytes_that_break_a_rule_are_rejected, 0, (int)(sizeof(cases) / sizeof(cases[0])));
  tcase_add_test(tc, a_message_cut_anywhere_is_rejected);
  tcase_add_test(tc, depth_of_a_recursive_union_is_bounded);
  tcase_add_test(tc, handles_of_the_wrong_kind_are_rejected);
  tcase_add_test(tc, rights_beyond_the_stated_ones_are_taken_away);
  tcase_add_loop_test(tc, constraints_hold_for_handles_inside_arrays_and_vectors, 0,
                      (int)(sizeof(nested) / sizeof(nested[0])));
  tcase_add_test(tc, handles_before_and_behind_what_fails_are_closed);
  tcase_add_test(tc, values_that_break_their_type_do_not_encode);
  tcase_add_test(tc, a_value_that_does_not_encode_loses_its_handles);
  return jx_test_run(suite);
}
