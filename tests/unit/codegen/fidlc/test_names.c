// The two forms of names.
#include <string.h>

#include "compiler.h"
#include "jx_test.h"

static const struct {
  const char* name;
  const char* canonical;
} kCanonical[] = {
    {"HTTPServer", "http_server"},
    {"FooBar", "foo_bar"},
    {"FOO_BAR", "foo_bar"},
    {"fooBar", "foo_bar"},
    {"Foo123Bar", "foo123_bar"},
    {"a__b", "a_b"},
    {"foobar", "foobar"},
    {"foo_bar", "foo_bar"},
    {"A", "a"},
    {"ABc", "a_bc"},
    {"aB", "a_b"},
    {"X1Y", "x1_y"},
    {"foo_Bar", "foo_bar"},
    {"URL", "url"},
    {"a1b2", "a1b2"},
    {"kConst", "k_const"},
};

static const struct {
  const char* name;
  const char* camel;
} kCamel[] = {
    {"snake_case", "SnakeCase"},
    {"camelCase", "CamelCase"},
    {"kConstant", "Constant"},
    {"URLPath", "UrlPath"},
    {"v1_2", "V1_2"},
    {"a", "A"},
    {"HTTP", "Http"},
    {"k", "K"},
    {"some__name", "SomeName"},
    {"v1_a", "V1A"},
    {"Already", "Already"},
};

START_TEST(canonical_name_is_snake_case) {
  static const fidlc_options_t kOptions = {0};
  fidlc_t* c = fidlc_create(&kOptions);
  const str_t* name = intern_cstr(&c->names, kCanonical[_i].name);
  ck_assert_str_eq(canonical_name(c, name)->data, kCanonical[_i].canonical);
  ck_assert_ptr_eq(canonical_name(c, name), canonical_name(c, name));
  fidlc_destroy(c);
}
END_TEST

START_TEST(generated_names_are_camel_case) {
  static const fidlc_options_t kOptions = {0};
  fidlc_t* c = fidlc_create(&kOptions);
  ck_assert_str_eq(camel_case(c, kCamel[_i].name), kCamel[_i].camel);
  fidlc_destroy(c);
}
END_TEST

START_TEST(equal_text_is_interned_once) {
  arena_t arena;
  interner_t names;
  arena_init(&arena);
  interner_init(&names, &arena);
  const str_t* first = intern(&names, "word", 4);
  char text[16];
  for (int i = 0; i < 2000; i++) {
    snprintf(text, sizeof(text), "word%d", i);
    ck_assert_ptr_eq(intern_cstr(&names, text), intern(&names, text, strlen(text)));
  }
  ck_assert_ptr_eq(intern_cstr(&names, "word"), first);
  ck_assert_int_eq(intern_cstr(&names, "strict")->word, W_STRICT);
  ck_assert_int_eq(first->word, W_NONE);
  arena_deinit(&arena);
}
END_TEST

START_TEST(map_keeps_the_first_value_of_a_key) {
  arena_t arena;
  interner_t names;
  str_map_t map = {0};
  char text[16];
  arena_init(&arena);
  interner_init(&names, &arena);
  for (int i = 0; i < 1000; i++) {
    snprintf(text, sizeof(text), "%d", i);
    ck_assert_ptr_null(str_map_add(&arena, &map, intern_cstr(&names, text), (void*)(uintptr_t)(i + 1)));
  }
  ck_assert_uint_eq((uintptr_t)str_map_add(&arena, &map, intern_cstr(&names, "7"), &map), 8);
  ck_assert_uint_eq((uintptr_t)str_map_get(&map, intern_cstr(&names, "999")), 1000);
  ck_assert_ptr_null(str_map_get(&map, intern_cstr(&names, "none")));
  arena_deinit(&arena);
}
END_TEST

START_TEST(ordinals_are_those_of_the_reference) {
  ck_assert_uint_eq(method_ordinal("a.b.c/protocol.selector"), 0x3b16867c1dc83270);
  ck_assert_uint_eq(method_ordinal("a.b.c/protocol.s0"), 0x3b1625372e15f1ae);
  ck_assert_uint_eq(method_ordinal("example.calc/Calculator.Add"), 0x1d207b277e30521e);
  ck_assert_uint_eq(method_ordinal("example.calc/Calculator.Divide"), 0x4855d2554faf7a96);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidlc names");
  TCase* tc = jx_test_case(suite, "names");
  tcase_add_loop_test(tc, canonical_name_is_snake_case, 0, sizeof(kCanonical) / sizeof(kCanonical[0]));
  tcase_add_loop_test(tc, generated_names_are_camel_case, 0, sizeof(kCamel) / sizeof(kCamel[0]));
  tcase_add_test(tc, equal_text_is_interned_once);
  tcase_add_test(tc, map_keeps_the_first_value_of_a_key);
  tcase_add_test(tc, ordinals_are_those_of_the_reference);
  return jx_test_run(suite);
}
