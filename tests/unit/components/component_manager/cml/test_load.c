// Reading manifests from files, and what their includes add.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cml.h"
#include "jx_test.h"

static cml_arena_t* arena;
static cml_error_t error;
static cml_document_t document;
static char* folder;

static void set_up(void) {
  arena = cml_arena_create();
  folder = jx_test_make_folder();
}

static void tear_down(void) {
  static const char* const names[] = {"main.cml", "a.cml", "b.cml", "c.cml"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    unlink(cml_arena_printf(arena, "%s/%s", folder, names[i]));
  rmdir(folder);
  free(folder);
  cml_arena_destroy(arena);
}

static void write_file(const char* name, const char* text) {
  FILE* file = fopen(cml_arena_printf(arena, "%s/%s", folder, name), "we");
  ck_assert_ptr_nonnull(file);
  fputs(text, file);
  fclose(file);
}

static bool load(void) {
  return cml_load(arena, cml_arena_printf(arena, "%s/main.cml", folder), folder, &document, &error);
}

START_TEST(a_missing_file_is_told_with_its_path) {
  ck_assert(!load());
  ck_assert_str_eq(error.error_class, "FileError");
  ck_assert_ptr_nonnull(strstr(error.message, "main.cml: No such file"));
}
END_TEST

START_TEST(a_missing_include_is_told_at_its_line) {
  write_file("main.cml", "{\n include: ['a.cml'] }");
  ck_assert(!load());
  uint32_t line, column;
  cml_location_position(error.location, &line, &column);
  ck_assert_uint_eq(line, 2);
}
END_TEST

START_TEST(lists_are_joined_and_equal_entries_stand_once) {
  write_file("main.cml",
             "{ include: ['a.cml', '//b.cml'], use: [{ protocol: 'x', availability: 'optional' }] }");
  write_file("a.cml",
             "{ use: [{ protocol: 'x' }, { protocol: 'y' }], children: [{ name: 'c', url: '#m' }] }");
  write_file("b.cml",
             "{ use: [{ protocol: 'y' }], children: [{ name: 'c', url: '#m' }, { name: 'd', url: '#m' }] }");
  ck_assert_msg(load(), "%s", error.message);
  ck_assert_uint_eq(document.use.count, 2);
  ck_assert_int_eq(document.use.items[0].availability, CML_REQUIRED);
  ck_assert_uint_eq(document.child_count, 2);
}
END_TEST

START_TEST(a_diamond_of_includes_is_fine) {
  write_file("main.cml", "{ include: ['a.cml', 'b.cml'] }");
  write_file("a.cml", "{ include: ['c.cml'] }");
  write_file("b.cml", "{ include: ['./c.cml'] }");
  write_file("c.cml", "{ use: [{ protocol: 'x' }] }");
  ck_assert_msg(load(), "%s", error.message);
  ck_assert_uint_eq(document.use.count, 1);
}
END_TEST

START_TEST(a_cycle_of_includes_is_refused) {
  write_file("main.cml", "{ include: ['a.cml'] }");
  write_file("a.cml", "{ include: ['./main.cml'] }");
  ck_assert(!load());
  ck_assert_str_eq(error.error_class, "IncludeCycle");
}
END_TEST

START_TEST(programs_are_merged_key_by_key) {
  write_file("main.cml",
             "{ include: ['a.cml'], program: { binary: 'x', environ: ['A=1'], lifecycle: { stop_event: "
             "'notify' } } }");
  write_file("a.cml", "{ program: { runner: 'elf', environ: ['B=2'], lifecycle: { other: 1 } } }");
  ck_assert_msg(load(), "%s", error.message);
  ck_assert_str_eq(document.runner.text, "elf");
  ck_assert_uint_eq(json5_get(&document.program, "environ")->as.array.count, 2);
  ck_assert_uint_eq(json5_get(&document.program, "lifecycle")->as.object.count, 2);
  ck_assert(cml_validate(arena, &document, &error));
}
END_TEST

static const struct {
  const char* main;
  const char* included;
  const char* told;
} conflicts[] = {
    {"program: { runner: 'elf' }", "program: { runner: 'posix' }", "program: \"runner\""},
    {"program: { args: ['a'] }", "program: { args: ['b'] }", "program: \"args\""},
    {"facets: { main: '#a' }", "facets: { main: '#b' }", "facets: \"main\""},
    {"facets: { environ: ['a'] }", "facets: { environ: ['b'] }", "facets: \"environ\""},
    {"environments: [{ name: 'e', extends: 'realm' }]", "environments: [{ name: 'e', extends: 'none' }]",
     "environment #e"},
    {"environments: [{ name: 'e', __stop_timeout_ms: 1 }]",
     "environments: [{ name: 'e', __stop_timeout_ms: 2 }]", "environment #e"},
    {"config: { k: { type: 'bool' } }", "config: { k: { type: 'uint8' } }", "config: \"k\""},
};

START_TEST(contradictions_between_includes_are_refused) {
  write_file("main.cml", cml_arena_printf(arena, "{ include: ['a.cml'], %s }", conflicts[_i].main));
  write_file("a.cml", cml_arena_printf(arena, "{ %s }", conflicts[_i].included));
  ck_assert(!load());
  ck_assert_str_eq(error.error_class, "MergeError");
  ck_assert_msg(strstr(error.message, conflicts[_i].told), "%s", error.message);
}
END_TEST

START_TEST(an_error_in_an_include_is_told_in_its_own_file) {
  write_file("main.cml", "{ include: ['a.cml'] }");
  write_file("a.cml", "{\n\n use }");
  ck_assert(!load());
  ck_assert_ptr_nonnull(strstr(error.location.source->name, "a.cml"));
}
END_TEST

int main(void) {
  Suite* suite = suite_create("load");
  TCase* tc = jx_test_case(suite, "load");
  tcase_add_checked_fixture(tc, set_up, tear_down);
  tcase_add_test(tc, a_missing_file_is_told_with_its_path);
  tcase_add_test(tc, a_missing_include_is_told_at_its_line);
  tcase_add_test(tc, lists_are_joined_and_equal_entries_stand_once);
  tcase_add_test(tc, a_diamond_of_includes_is_fine);
  tcase_add_test(tc, a_cycle_of_includes_is_refused);
  tcase_add_test(tc, programs_are_merged_key_by_key);
  tcase_add_loop_test(tc, contradictions_between_includes_are_refused, 0,
                      sizeof conflicts / sizeof *conflicts);
  tcase_add_test(tc, an_error_in_an_include_is_told_in_its_own_file);
  return jx_test_run(suite);
}
