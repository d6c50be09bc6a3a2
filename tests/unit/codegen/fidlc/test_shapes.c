// Sizes, offsets, depths and bounds of types.
#include "compile.h"
#include "jx_test.h"

#define UNBOUNDED UINT32_MAX

static const struct {
  const char* type;
  uint32_t size, alignment, depth, handles, out_of_line;
  int padding, flexible;
} kShapes[] = {
    {"struct {}", 1, 1, 0, 0, 0, 0, 0},
    {"struct { a bool; }", 1, 1, 0, 0, 0, 0, 0},
    {"struct { a uint8; b uint64; }", 16, 8, 0, 0, 0, 1, 0},
    {"struct { a uint16; b uint8; }", 4, 2, 0, 0, 0, 1, 0},
    {"struct { a uint64; b uint64; }", 16, 8, 0, 0, 0, 0, 0},
    {"struct { a array<array<uint8, 3>, 3>; }", 9, 1, 0, 0, 0, 0, 0},
    {"struct { a string; }", 16, 8, 1, 0, UNBOUNDED, 1, 0},
    {"struct { a string:8; }", 16, 8, 1, 0, 8, 1, 0},
    {"struct { a string:9; }", 16, 8, 1, 0, 16, 1, 0},
    {"struct { a vector<uint64>:4; }", 16, 8, 1, 0, 32, 0, 0},
    {"struct { a vector<uint64>; }", 16, 8, 1, 0, UNBOUNDED, 0, 0},
    {"struct { a vector<uint32>; }", 16, 8, 1, 0, UNBOUNDED, 1, 0},
    {"struct { a vector<string:8>:2; }", 16, 8, 2, 0, 48, 1, 0},
    {"struct { a box<struct { b uint8; }>; }", 8, 8, 1, 0, 8, 1, 0},
    {"resource struct { a client_end:P; b server_end:<P, optional>; }", 8, 4, 0, 2, 0, 0, 0},
    {"resource struct { a vector<client_end:P>:3; }", 16, 8, 1, 3, 16, 1, 0},
    {"resource struct { a vector<client_end:P>; }", 16, 8, 1, UNBOUNDED, UNBOUNDED, 1, 0},
    {"table {}", 16, 8, 1, 0, 0, 0, 1},
    {"table { 1: a uint32; }", 16, 8, 2, 0, 8, 0, 1},
    {"table { 1: a uint8; 3: b uint64; }", 16, 8, 2, 0, 32, 1, 1},
    {"strict union { 1: a uint32; }", 16, 8, 1, 0, 0, 0, 0},
    {"flexible union { 1: a uint32; 2: b string:8; }", 16, 8, 2, 0, 24, 1, 1},
    {"strict union { 1: a array<uint8, 8>; 2: b uint64; }", 16, 8, 1, 0, 8, 0, 0},
    {"enum : uint8 { A = 1; }", 1, 1, 0, 0, 0, 0, 0},
    {"bits : uint64 { A = 1; }", 8, 8, 0, 0, 0, 0, 0},
    {"struct { next box<X>; }", 8, 8, UNBOUNDED, 0, UNBOUNDED, 0, 0},
};

START_TEST(type_has_its_shape) {
  char text[512];
  fidlc_t* fidlc = NULL;
  snprintf(text, sizeof(text), "library t;\nprotocol P {};\ntype X = %s;\n", kShapes[_i].type);
  const Fidl__Ir__Library* library = compile_text(text, &fidlc);
  const Fidl__Ir__TypeShape* shape = find_decl(library, "t/X")->shape;
  ck_assert_msg(shape->inline_size == kShapes[_i].size, "%s: size %u", text, shape->inline_size);
  ck_assert_msg(shape->alignment == kShapes[_i].alignment, "%s: alignment %u", text, shape->alignment);
  ck_assert_msg(shape->depth == kShapes[_i].depth, "%s: depth %u", text, shape->depth);
  ck_assert_msg(shape->max_handles == kShapes[_i].handles, "%s: handles %u", text, shape->max_handles);
  ck_assert_msg(shape->max_out_of_line == kShapes[_i].out_of_line, "%s: out of line %u", text,
                shape->max_out_of_line);
  ck_assert_msg(shape->has_padding == kShapes[_i].padding, "%s: padding %d", text, shape->has_padding);
  ck_assert_msg(shape->has_flexible_envelope == kShapes[_i].flexible, "%s: flexible envelope %d", text,
                shape->has_flexible_envelope);
  fidlc_destroy(fidlc);
}
END_TEST

START_TEST(struct_members_lie_at_their_alignment) {
  static const uint32_t kOffsets[] = {0, 8, 16, 32, 40, 48};
  static const uint32_t kPadding[] = {7, 0, 0, 7, 0, 6};
  fidlc_t* fidlc = NULL;
  const Fidl__Ir__Library* library = compile_text(
      "library t;\ntype X = struct { a uint8; b uint64; c string; d bool; e uint64; f uint16; };\n", &fidlc);
  const Fidl__Ir__Decl* decl = find_decl(library, "t/X");
  ck_assert_uint_eq(decl->n_members, 6);
  for (size_t i = 0; i < 6; i++) {
    ck_assert_uint_eq(decl->members[i]->offset, kOffsets[i]);
    ck_assert_uint_eq(decl->members[i]->padding, kPadding[i]);
  }
  ck_assert_uint_eq(decl->shape->inline_size, 56);
  fidlc_destroy(fidlc);
}
END_TEST

START_TEST(newtype_has_the_shape_of_what_it_wraps) {
  fidlc_t* fidlc = NULL;
  const Fidl__Ir__Library* library =
      compile_text("library t;\ntype N = string;\ntype X = struct { a N; };\n", &fidlc);
  ck_assert_uint_eq(find_decl(library, "t/N")->shape->inline_size, 16);
  ck_assert_uint_eq(find_decl(library, "t/X")->shape->depth, 1);
  fidlc_destroy(fidlc);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidlc shapes");
  TCase* tc = jx_test_case(suite, "shapes");
  tcase_add_loop_test(tc, type_has_its_shape, 0, sizeof(kShapes) / sizeof(kShapes[0]));
  tcase_add_test(tc, struct_members_lie_at_their_alignment);
  tcase_add_test(tc, newtype_has_the_shape_of_what_it_wraps);
  return jx_test_run(suite);
}
