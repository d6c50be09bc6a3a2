// How generated text is laid out, and how FIDL's names become C's.
#include <string.h>

#include "jx_test.h"
#include "names.h"
#include "text.h"

static void expect_wrapped(const char* line, const char* want) {
  text_t text = {0}, out = {0};
  text_add(&text, "%s\n", line);
  text_wrap(&text, &out);
  ck_assert_str_eq(text_string(&out), want);
  text_free(&text);
  text_free(&out);
  text_free_formatted();
}

#define LONG "a_name_that_is_rather_long_as_those_of_generated_code_often_are"

START_TEST(short_lines_and_comments_stay) {
  expect_wrapped("  int a = 1;", "  int a = 1;\n");
  expect_wrapped("", "\n");
  expect_wrapped("// " LONG ", " LONG ", " LONG, "// " LONG ", " LONG ", " LONG "\n");
  expect_wrapped("#define " LONG " " LONG ", " LONG, "#define " LONG " " LONG ", " LONG "\n");
}
END_TEST

START_TEST(a_long_condition_leaves_its_return_to_the_next_line) {
  expect_wrapped("  if (!" LONG "(" LONG ")) return false;",
                 "  if (!" LONG "(\n      " LONG "))\n    return false;\n");
  expect_wrapped("  if (!f(" LONG ", b, c, d, e, f, g, h, i, j, kk)) return false;",
                 "  if (!f(" LONG ", b, c, d, e, f, g, h, i, j, kk))\n    return false;\n");
}
END_TEST

START_TEST(lines_break_behind_commas_outside_of_strings) {
  expect_wrapped("  call(" LONG ", \"a string, with commas, that is long, long, long\", " LONG ");",
                 "  call(" LONG ",\n      \"a string, with commas, that is long, long, long\",\n      " LONG
                 ");\n");
}
END_TEST

START_TEST(parameters_are_aligned_while_they_fit) {
  text_t text = {0};
  text_add_call(&text, "void f", "int a, int b", ";\n");
  ck_assert_str_eq(text_string(&text), "void f(int a, int b);\n");
  text_free(&text);
  text_add_call(&text, "void f", "int " LONG ", int " LONG, ";\n");
  ck_assert_str_eq(text_string(&text), "void f(int " LONG ",\n       int " LONG ");\n");
  text_free(&text);
  text_add_call(&text, "void " LONG, "int " LONG ", int b", ";\n");
  ck_assert_str_eq(text_string(&text), "void " LONG "(\n    int " LONG ", int b);\n");
  text_free(&text);
}
END_TEST

START_TEST(names_that_c_keeps_get_an_underscore) {
  static const char* const kept[] = {"int", "class", "xor_eq", "alignas", "while", "register", "errno"};
  for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
    const char* name = c_member(kept[i]);
    ck_assert_uint_eq(strlen(name), strlen(kept[i]) + 1);
    ck_assert_int_eq(name[strlen(name) - 1], '_');
  }
  ck_assert_str_eq(c_member("integer"), "integer");
  ck_assert_str_eq(c_member("name"), "name");
  ck_assert_str_eq(c_name("fuchsia.posix.socket/Provider"), "fuchsia_posix_socket_Provider");
  text_free_formatted();
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidlgen_c text");
  TCase* tc = jx_test_case(suite, "text");
  tcase_add_test(tc, short_lines_and_comments_stay);
  tcase_add_test(tc, a_long_condition_leaves_its_return_to_the_next_line);
  tcase_add_test(tc, lines_break_behind_commas_outside_of_strings);
  tcase_add_test(tc, parameters_are_aligned_while_they_fit);
  tcase_add_test(tc, names_that_c_keeps_get_an_underscore);
  return jx_test_run(suite);
}
