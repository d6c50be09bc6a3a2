// The JSON5 parser: what it reads, what it refuses and where it says so.
#include <math.h>
#include <string.h>

#include "json5.h"
#include "jx_test.h"

static cml_arena_t* arena;
static cml_error_t error;

static void make_arena(void) {
  arena = cml_arena_create();
}

static void drop_arena(void) {
  cml_arena_destroy(arena);
}

static bool parse_sized(const char* text, size_t size, json5_value_t* out) {
  cml_source_t* source = cml_arena_alloc(arena, sizeof *source);
  *source = (cml_source_t){"t.cml", cml_arena_strndup(arena, text, size), size};
  return json5_parse(arena, source, out, &error);
}

static json5_value_t parsed(const char* text) {
  json5_value_t value;
  ck_assert_msg(parse_sized(text, strlen(text), &value), "%s: %s", text, error.message);
  return value;
}

static const struct {
  const char* text;
  double number;
} numbers[] = {{"0", 0},
               {"-0.5", -0.5},
               {"+.5", .5},
               {"5.", 5},
               {"1e3", 1000},
               {"1.5E-1", .15},
               {"0xff", 255},
               {"-0XfF", -255},
               {"Infinity", INFINITY},
               {"-Infinity", -INFINITY},
               {"12345", 12345},
               {"/**/7// x", 7},
               {"\xef\xbb\xbf 1", 1},
               {"0e1", 0},
               {"// x\r1", 1},
               {"// x\r\n1", 1},
               {"//\xe2\x80\xa8"
                "1",
                1},
               {"//\xe2\x80\xa9"
                "1",
                1}};

START_TEST(numbers_of_every_form_are_read) {
  json5_value_t value = parsed(numbers[_i].text);
  ck_assert_int_eq(value.type, JSON5_NUMBER);
  ck_assert(value.as.number == numbers[_i].number);
}
END_TEST

START_TEST(nan_is_read) {
  ck_assert(isnan(parsed("NaN").as.number));
}
END_TEST

static const struct {
  const char* text;
  const char* string;
} strings[] = {{"\"a\"", "a"},
               {"'a\"b'", "a\"b"},
               {"'\\b\\f\\n\\r\\t\\v\\'\\\"\\\\\\/'", "\b\f\n\r\t\v'\"\\/"},
               {"'\\x41\\u00e4\\ud83d\\ude00'", "A\xc3\xa4\xf0\x9f\x98\x80"},
               {"'a\\\nb\\\r\nc'", "abc"},
               {"'\\q'", "q"},
               {"'\xe2\x80\xa8'", "\xe2\x80\xa8"},
               {"''", ""}};

START_TEST(strings_and_their_escapes_are_read) {
  json5_value_t value = parsed(strings[_i].text);
  ck_assert_int_eq(value.type, JSON5_STRING);
  ck_assert_str_eq(value.as.string.text, strings[_i].string);
  ck_assert_uint_eq(value.as.string.size, strlen(strings[_i].string));
}
END_TEST

START_TEST(an_escaped_nul_is_part_of_a_string) {
  json5_value_t value = parsed("'a\\0b'");
  ck_assert_uint_eq(value.as.string.size, 3);
  ck_assert_mem_eq(value.as.string.text, "a\0b", 3);
}
END_TEST

START_TEST(objects_keep_their_order_and_take_any_kind_of_key) {
  json5_value_t value =
      parsed("{ // comment\n a: 1, 'b c': [true, null, ], $_x9: {}, \\u0064: 'd', \"e\": false, }");
  ck_assert_uint_eq(value.as.object.count, 5);
  ck_assert_str_eq(value.as.object.members[1].key, "b c");
  ck_assert_uint_eq(value.as.object.members[1].value.as.array.count, 2);
  ck_assert_str_eq(value.as.object.members[3].key, "d");
  ck_assert(json5_get(&value, "e")->type == JSON5_BOOL);
  ck_assert_ptr_null(json5_get(&value, "f"));
}
END_TEST

START_TEST(a_value_knows_where_it_stands) {
  json5_value_t value = parsed("{\n  a: [1,\n      'two'] }");
  uint32_t line, column;
  cml_location_position(json5_get(&value, "a")->as.array.elements[1].location, &line, &column);
  ck_assert_uint_eq(line, 3);
  ck_assert_uint_eq(column, 7);
  ck_assert_uint_eq(json5_get(&value, "a")->as.array.elements[1].location.length, 5);
}
END_TEST

static const struct {
  const char* text;
  uint32_t line, column;
  const char* message;
} refused[] = {
    {"", 1, 1, "expected a value, found the end"},
    {"{", 1, 2, "expected a key"},
    {"{a}", 1, 3, "expected \":\""},
    {"{a: 1 b: 2}", 1, 7, "expected \",\" or \"}\""},
    {"{a: 1,\n b 2}", 2, 4, "expected \":\""},
    {"[1 2]", 1, 4, "expected \",\" or \"]\""},
    {"[,]", 1, 2, "expected a value"},
    {"{a: 1, a: 2}", 1, 8, "has a key \"a\" already"},
    {"{a: 'x\n'}", 1, 5, "no end on its line"},
    {"'x", 1, 1, "no end"},
    {"'\\", 1, 2, "no end"},
    {"/* x", 1, 1, "no end"},
    {"{a\\u0020b: 1}", 1, 3, "no name may have this"},
    {"true\\u0000", 1, 5, "no name may have this"},
    {"{a: yes}", 1, 5, "expected a value, found yes"},
    {"01", 1, 1, "begin with 0"},
    {"1x", 1, 1, "letter follows"},
    {".", 1, 1, "no digits"},
    {"1e", 1, 1, "exponent"},
    {"0x", 1, 1, "hexadecimal"},
    {"'\\x4'", 1, 4, "hexadecimal"},
    {"'\\ud800'", 1, 2, "surrogate"},
    {"'\\1'", 1, 2, "octal"},
    {"1 2", 1, 3, "expected the end"},
    {"{\xc3\xa4: 1, b: @}", 1, 11, "unexpected character"},
    {"{a: '\xff'}", 1, 6, "not UTF-8"},
    {"'\xed\xa0\x80'", 1, 2, "not UTF-8"},
    {"'\xc0\x80'", 1, 2, "not UTF-8"},
    {"{'a\\0': 1}", 1, 2, "NUL"},
};

START_TEST(what_is_not_json5_is_refused_at_its_place) {
  json5_value_t value;
  uint32_t line, column;
  ck_assert(!parse_sized(refused[_i].text, strlen(refused[_i].text), &value));
  cml_location_position(error.location, &line, &column);
  ck_assert_str_eq(error.error_class, "ParseError");
  ck_assert_msg(strstr(error.message, refused[_i].message), "%s: %s", refused[_i].text, error.message);
  ck_assert_msg(line == refused[_i].line && column == refused[_i].column, "%s: %u:%u", refused[_i].text, line,
                column);
}
END_TEST

START_TEST(nesting_is_bounded) {
  char text[2 * (JSON5_MAX_DEPTH + 1) + 1] = {0};
  json5_value_t value;
  memset(text, '[', JSON5_MAX_DEPTH);
  memset(text + JSON5_MAX_DEPTH, ']', JSON5_MAX_DEPTH);
  ck_assert(parse_sized(text, strlen(text), &value));
  memset(text, '[', JSON5_MAX_DEPTH + 1);
  memset(text + JSON5_MAX_DEPTH + 1, ']', JSON5_MAX_DEPTH + 1);
  ck_assert(!parse_sized(text, strlen(text), &value));
  ck_assert_ptr_nonnull(strstr(error.message, "deep"));
}
END_TEST

START_TEST(a_nul_byte_outside_a_string_is_unexpected) {
  json5_value_t value;
  ck_assert(!parse_sized("{}\0", 3, &value));
  ck_assert_ptr_nonnull(strstr(error.message, "unexpected character"));
}
END_TEST

START_TEST(an_error_is_shown_with_line_and_caret) {
  json5_value_t value;
  char shown[512] = {0};
  FILE* out = fmemopen(shown, sizeof shown, "w");
  static const char text[] = "{\n\ta: 'b' c: 1 }\n";
  ck_assert(!parse_sized(text, sizeof text - 1, &value));
  cml_error_print(&error, out);
  fclose(out);
  ck_assert_str_eq(shown,
                   "t.cml:2:9: error: ParseError: expected \",\" or \"}\" after the value, found c\n"
                   "    2 | \ta: 'b' c: 1 }\n"
                   "      | \t       ^\n");
}
END_TEST

START_TEST(a_carriage_return_alone_ends_a_line) {
  json5_value_t value;
  uint32_t line, column;
  ck_assert(!parse_sized("1\r2 3", 5, &value));
  cml_location_position(error.location, &line, &column);
  ck_assert(line == 2 && column == 1);
}
END_TEST

START_TEST(what_is_shown_of_a_manifest_moves_no_cursor) {
  json5_value_t value;
  char shown[512] = {0};
  FILE* out = fmemopen(shown, sizeof shown, "w");
  static const char text[] = "{ '\\x1b[2J\\n\xc2\x9b': 1, '\\x1b[2J\\n\xc2\x9b': 2 }";
  ck_assert(!parse_sized(text, sizeof text - 1, &value));
  cml_error_print(&error, out);
  fclose(out);
  ck_assert_str_eq(shown,
                   "t.cml:1:20: error: ParseError: this object has a key \"?[2J??\" already\n"
                   "    1 | { '\\x1b[2J\\n?': 1, '\\x1b[2J\\n?': 2 }\n"
                   "      |                    ^~~~~~~~~~~~\n");
}
END_TEST

int main(void) {
  Suite* suite = suite_create("json5");
  TCase* tc = jx_test_case(suite, "json5");
  tcase_add_checked_fixture(tc, make_arena, drop_arena);
  tcase_add_loop_test(tc, numbers_of_every_form_are_read, 0, sizeof numbers / sizeof *numbers);
  tcase_add_test(tc, nan_is_read);
  tcase_add_loop_test(tc, strings_and_their_escapes_are_read, 0, sizeof strings / sizeof *strings);
  tcase_add_test(tc, an_escaped_nul_is_part_of_a_string);
  tcase_add_test(tc, objects_keep_their_order_and_take_any_kind_of_key);
  tcase_add_test(tc, a_value_knows_where_it_stands);
  tcase_add_loop_test(tc, what_is_not_json5_is_refused_at_its_place, 0, sizeof refused / sizeof *refused);
  tcase_add_test(tc, nesting_is_bounded);
  tcase_add_test(tc, a_nul_byte_outside_a_string_is_unexpected);
  tcase_add_test(tc, an_error_is_shown_with_line_and_caret);
  tcase_add_test(tc, a_carriage_return_alone_ends_a_line);
  tcase_add_test(tc, what_is_shown_of_a_manifest_moves_no_cursor);
  return jx_test_run(suite);
}
