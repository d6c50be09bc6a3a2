// The formatter on whole files: what it makes of them, and that formatting again changes nothing.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fidlc/corpus.h"
#include "format.h"
#include "jx_test.h"

static const char* root;
static const char* corpora[8];
static size_t corpus_count;
static char** inputs;

static char* read_input(const char* dir, const char* name, size_t* out_length) {
  char path[4096];
  snprintf(path, sizeof(path), "%s/%s", dir, name);
  char* text = corpus_read(path, out_length);
  ck_assert_msg(text != NULL, "cannot read %s", path);
  return text;
}

START_TEST(file_is_formatted_as_expected) {
  arena_t arena;
  arena_init(&arena);
  diagnostics_t diagnostics = {.arena = &arena};
  size_t length = 0;
  char* text = read_input(root, inputs[_i], &length);
  size_t formatted_length = 0;
  const char* formatted = format_source(&arena, &diagnostics, inputs[_i], text, length, &formatted_length);
  ck_assert_ptr_nonnull(formatted);
  corpus_expect(root, inputs[_i], "txt", formatted);
  free(text);
  arena_deinit(&arena);
}
END_TEST

static void check_idempotent(const char* name, const char* text, size_t length) {
  arena_t arena;
  arena_init(&arena);
  diagnostics_t diagnostics = {.arena = &arena};
  size_t once_length = 0;
  size_t twice_length = 0;
  const char* once = format_source(&arena, &diagnostics, name, text, length, &once_length);
  if (once) {
    const char* twice = format_source(&arena, &diagnostics, name, once, once_length, &twice_length);
    ck_assert_msg(twice != NULL, "%s: what was formatted does not parse", name);
    ck_assert_msg(strcmp(once, twice) == 0, "%s\n--- once\n%s--- twice\n%s", name, once, twice);
  }
  arena_deinit(&arena);
}

START_TEST(formatting_twice_is_formatting_once) {
  size_t count = 0;
  char** names = corpus_list(corpora[_i], ".fidl", &count);
  for (size_t i = 0; i < count; i++) {
    size_t length = 0;
    char* text = read_input(corpora[_i], names[i], &length);
    check_idempotent(names[i], text, length);
    free(text);
    free(names[i]);
  }
  free(names);
}
END_TEST

START_TEST(file_that_does_not_parse_is_refused) {
  static const char kText[] = "library a;\ntype S = struct {\n";
  arena_t arena;
  arena_init(&arena);
  diagnostics_t diagnostics = {.arena = &arena};
  size_t length = 0;
  ck_assert_ptr_null(format_source(&arena, &diagnostics, "a.fidl", kText, sizeof(kText) - 1, &length));
  ck_assert_uint_gt(diagnostics.errors, 0);
  arena_deinit(&arena);
}
END_TEST

int main(int argc, char** argv) {
  if (argc < 2 || argc > 9) return 2;
  root = argv[1];
  for (int i = 1; i < argc; i++)
    corpora[corpus_count++] = argv[i];
  size_t count = 0;
  inputs = corpus_list(root, ".fidl", &count);
  Suite* suite = suite_create("fidl-format");
  TCase* tc = jx_test_case(suite, "fidl-format");
  tcase_add_loop_test(tc, file_is_formatted_as_expected, 0, (int)count);
  tcase_add_loop_test(tc, formatting_twice_is_formatting_once, 0, (int)corpus_count);
  tcase_add_test(tc, file_that_does_not_parse_is_refused);
  return jx_test_run(suite);
}
