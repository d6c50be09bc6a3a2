// The compiler on whole inputs: what it says about bad ones, what it makes of good ones.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus.h"
#include "dump.h"
#include "jx_test.h"
#include "numbers.h"

static const char* root;
static char** bad;
static char** good;
static char** mended;

static char* printed_diagnostics(fidlc_t* fidlc) {
  char* text = NULL;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
  fidlc_print(fidlc, out, false);
  fclose(out);
  return text;
}

static char* path_of(const char* folder) {
  char* path = NULL;
  if (asprintf(&path, "%s/%s", root, folder) < 0) abort();
  return path;
}

START_TEST(bad_input_is_diagnosed_under_its_number) {
  char* dir = path_of("bad");
  corpus_case_t corpus;
  int wanted = 0;
  corpus_open(&corpus, dir, bad[_i]);
  fidlc_compile(corpus.fidlc);
  ck_assert_int_eq(sscanf(bad[_i], "fi-%d", &wanted), 1);
  size_t found = 0;
  size_t count = fidlc_error_count(corpus.fidlc) + fidlc_warning_count(corpus.fidlc);
  for (size_t i = 0; i < count; i++)
    found += fidlc_diagnostic_number(corpus.fidlc, i) == wanted;
  char* text = printed_diagnostics(corpus.fidlc);
  ck_assert_msg(found > 0, "%s does not give FI-%04d but:\n%s", bad[_i], wanted, text);
  corpus_expect(dir, bad[_i], "txt", text);
  free(text);
  corpus_close(&corpus);
  free(dir);
}
END_TEST

// The same inputs with the mistake put right: nothing is said.
START_TEST(mended_input_compiles) {
  char* dir = path_of("mended");
  corpus_case_t corpus;
  corpus_open(&corpus, dir, mended[_i]);
  const Fidl__Ir__Library* library = fidlc_compile(corpus.fidlc);
  char* diagnostics = printed_diagnostics(corpus.fidlc);
  ck_assert_msg(library != NULL && diagnostics[0] == '\0', "%s:\n%s", mended[_i], diagnostics);
  free(diagnostics);
  corpus_close(&corpus);
  free(dir);
}
END_TEST

START_TEST(good_input_becomes_its_representation) {
  char* dir = path_of("good");
  corpus_case_t corpus;
  corpus_open(&corpus, dir, good[_i]);
  const Fidl__Ir__Library* library = fidlc_compile(corpus.fidlc);
  char* diagnostics = printed_diagnostics(corpus.fidlc);
  ck_assert_msg(library != NULL, "%s", diagnostics);
  ck_assert_str_eq(diagnostics, "");
  Fidl__Ir__Library alone = *library;
  alone.n_dependencies = 0;
  char* text = NULL;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
  dump_message(&alone.base, out);
  fclose(out);
  corpus_expect(dir, good[_i], "txt", text);
  free(text);
  free(diagnostics);
  corpus_close(&corpus);
  free(dir);
}
END_TEST

// Those of the good inputs that together use every construct.
static const char* const kInJson[] = {"everything.fidl", "experimental.fidl", "versions.fidl"};

START_TEST(good_input_becomes_the_json_of_the_reference) {
  char* dir = path_of("good");
  corpus_case_t corpus;
  corpus_open(&corpus, dir, kInJson[_i]);
  ck_assert_ptr_nonnull(fidlc_compile(corpus.fidlc));
  char* text = NULL;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
  fidlc_write_json_ir(corpus.fidlc, out);
  fclose(out);
  json_error_t error;
  json_t* parsed = json_loads(text, JSON_REJECT_DUPLICATES, &error);
  ck_assert_msg(parsed != NULL, "%s:%d: %s", kInJson[_i], error.line, error.text);
  json_decref(parsed);
  corpus_expect(dir, kInJson[_i], "json", text);
  free(text);
  corpus_close(&corpus);
  free(dir);
}
END_TEST

static bool has_case(int number) {
  for (char** name = bad; *name; name++) {
    int given = 0;
    if (sscanf(*name, "fi-%d", &given) == 1 && given == number) return true;
  }
  return false;
}

static bool is_mended(int number) {
  for (char** name = mended; *name; name++) {
    int given = 0;
    if (sscanf(*name, "fi-%d", &given) == 1 && given == number) return true;
  }
  return false;
}

// The table of numbers and the corpus agree: whatever can be reported is, and its mistake can be put right.
START_TEST(every_number_has_its_inputs) {
  const diagnostic_number_t* entry = diagnostic_number(_i);
  bool reported = entry->state == NUMBER_ERROR || entry->state == NUMBER_WARNING;
  ck_assert_msg(has_case(_i) == reported, "FI-%04d (%s): bad/ %s", _i, entry->text ? entry->text : "retired",
                reported ? "has no input for it" : "has an input for what is never reported");
  ck_assert_msg(!reported || is_mended(_i), "FI-%04d (%s): mended/ has no input for it", _i, entry->text);
}
END_TEST

// The numbers that no input has, and why, so that another one is noticed.
START_TEST(four_numbers_cannot_be_reached) {
  static const int kUnreachable[] = {80, 127, 191, 192};
  size_t found = 0;
  for (int number = 1; number <= DIAGNOSTIC_NUMBERS; number++) {
    if (diagnostic_number(number)->state != NUMBER_UNREACHABLE) continue;
    ck_assert_msg(found < 4 && kUnreachable[found] == number, "FI-%04d: %s", number,
                  diagnostic_number(number)->text);
    found++;
  }
  ck_assert_uint_eq(found, 4);
}
END_TEST

int main(void) {
  size_t bad_count = 0;
  size_t good_count = 0;
  size_t mended_count = 0;
  root = getenv("FIDLC_GOLDEN");
  if (!root) {
    fputs("FIDLC_GOLDEN does not name the corpus\n", stderr);
    return 2;
  }
  char* bad_dir = path_of("bad");
  char* good_dir = path_of("good");
  bad = corpus_list(bad_dir, ".fidl", &bad_count);
  good = corpus_list(good_dir, ".fidl", &good_count);
  char* mended_dir = path_of("mended");
  mended = corpus_list(mended_dir, ".fidl", &mended_count);
  free(bad_dir);
  free(good_dir);
  free(mended_dir);
  Suite* suite = suite_create("fidlc golden");
  TCase* tc = jx_test_case(suite, "golden");
  tcase_add_loop_test(tc, bad_input_is_diagnosed_under_its_number, 0, (int)bad_count);
  tcase_add_loop_test(tc, mended_input_compiles, 0, (int)mended_count);
  tcase_add_loop_test(tc, good_input_becomes_its_representation, 0, (int)good_count);
  tcase_add_loop_test(tc, good_input_becomes_the_json_of_the_reference, 0,
                      (int)(sizeof(kInJson) / sizeof(kInJson[0])));
  tcase_add_loop_test(tc, every_number_has_its_inputs, 1, DIAGNOSTIC_NUMBERS + 1);
  tcase_add_test(tc, four_numbers_cannot_be_reached);
  return jx_test_run(suite);
}
