// Memory grows with the size of the input and no faster, for the shapes that tempt a compiler into more; time
// is bound by the limit that every test has.
#include <stdlib.h>
#include <string.h>

#include "compiler.h"
#include "jx_test.h"

static void write_structs(FILE* out, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    fprintf(out, "/// Number %u.\ntype S%u = struct { a uint8; b vector<string:%u>:8; c box<S%u>; };\n", i, i,
            i + 1, (i + 1) % n);
  }
}

static void write_enum(FILE* out, unsigned n) {
  fputs("type E = enum : uint64 {\n", out);
  for (unsigned i = 0; i < n; i++)
    fprintf(out, "M%u = %u;\n", i, i);
  fputs("};\n", out);
  for (unsigned i = 0; i < n; i++)
    fprintf(out, "const C%u E = E.M%u;\n", i, i);
}

static void write_alias_chain(FILE* out, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    fprintf(out, "alias A%u = A%u;\n", i, i + 1);
  fprintf(out, "alias A%u = uint8;\n", n);
}

static void write_const_chain(FILE* out, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    fprintf(out, "const A%u uint8 = A%u;\n", i, i + 1);
  fprintf(out, "const A%u uint8 = 1;\n", n);
}

static void write_cycle(FILE* out, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    fprintf(out, "type S%u = struct { a S%u; };\n", i, (i + 1) % n);
}

static void write_protocol(FILE* out, unsigned n) {
  fputs("protocol P {\n", out);
  for (unsigned i = 0; i < n; i++)
    fprintf(out, "M%u(struct { a uint8; }) -> () error int32;\n", i);
  fputs("};\n", out);
}

static void write_missing(FILE* out, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    fprintf(out, "type S%u = struct { a Missing%u; };", i, i);
}

static void write_unclosed(FILE* out, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    fprintf(out, "type S%u = struct { a struct { b table { 1: c union { x = \n", i);
}

static void write_nonsense(FILE* out, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    fputs("$ ? \xc3\xa9 \n", out);
}

static void write_same_name(FILE* out, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    fputs("type S = struct {};\n", out);
}

static void write_wide_union(FILE* out, unsigned n) {
  fputs("type U = union {\n", out);
  for (unsigned i = 0; i < n; i++)
    fprintf(out, "%u: m%u vector<U:optional>;\n", i + 1, i);
  fputs("};\n", out);
}

static const struct {
  const char* name;
  void (*write)(FILE*, unsigned);
  bool good;
} kShapes[] = {
    {"structs", write_structs, true},
    {"enum", write_enum, true},
    {"alias chain", write_alias_chain, true},
    {"const chain", write_const_chain, true},
    {"cycle", write_cycle, false},
    {"protocol", write_protocol, true},
    {"missing", write_missing, false},
    {"unclosed", write_unclosed, false},
    {"nonsense", write_nonsense, false},
    {"same name", write_same_name, false},
    {"wide union", write_wide_union, true},
};

static size_t memory_for(size_t shape, unsigned n) {
  static const fidlc_options_t kOptions = {0};
  char* text = NULL;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
  fputs("library test.scale;\n\n", out);
  kShapes[shape].write(out, n);
  fclose(out);
  fidlc_t* fidlc = fidlc_create(&kOptions);
  fidlc_add_file(fidlc, "scale.fidl", text, size);
  bool good = fidlc_compile(fidlc) != NULL;
  ck_assert_msg(good == kShapes[shape].good, "%s", kShapes[shape].name);
  size_t memory = fidlc->permanent.allocated;
  fidlc_destroy(fidlc);
  free(text);
  return memory;
}

START_TEST(memory_is_linear) {
  size_t small = memory_for((size_t)_i, 1000);
  size_t large = memory_for((size_t)_i, 8000);
  ck_assert_msg(large < 9 * small, "%s: %zu bytes for 1,000, %zu for 8,000", kShapes[_i].name, small, large);
}
END_TEST

// However much is wrong, so many are kept and printed, and the rest is counted.
START_TEST(diagnostics_are_bounded) {
  static const fidlc_options_t kOptions = {0};
  size_t size = 1 << 20;
  char* text = malloc(size);
  ck_assert_ptr_nonnull(text);
  memset(text, '$', size);
  memcpy(text, "library a;", 10);
  fidlc_t* fidlc = fidlc_create(&kOptions);
  fidlc_add_file(fidlc, "nonsense.fidl", text, size);
  ck_assert_ptr_null(fidlc_compile(fidlc));
  ck_assert_uint_eq(fidlc->diagnostics.list.count, DIAGNOSTICS_KEPT);
  ck_assert_uint_eq(fidlc_error_count(fidlc), size - 10);
  ck_assert_uint_lt(fidlc->permanent.allocated, 64u << 20);
  fidlc_destroy(fidlc);
  free(text);
}
END_TEST

START_TEST(hundred_thousand_lines_compile) {
  ck_assert_uint_lt(memory_for(0, 50000), 512u << 20);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidlc scale");
  TCase* tc = jx_test_case(suite, "scale");
  tcase_add_loop_test(tc, memory_is_linear, 0, sizeof(kShapes) / sizeof(kShapes[0]));
  tcase_add_test(tc, diagnostics_are_bounded);
  tcase_add_test(tc, hundred_thousand_lines_compile);
  return jx_test_run(suite);
}
