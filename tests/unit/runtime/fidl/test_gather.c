// Gathered messages: the list of pieces holds the same bytes as a message in one piece.
#include <fidl/test.vectors.h>
#include <lib/fidl/encoder.h>
#include <stdlib.h>

#include "jx_test.h"
#include "wire.h"

#define TYPE(name) &test_vectors_##name##_type_

// The bytes of an encoded message; what no iovec covers yet comes last.
static uint64_t flatten(const fidl_encoder_t* encoder, uint8_t* to) {
  uint64_t size = 0;
  for (uint32_t i = 0; i < encoder->num_iovecs; i++) {
    memcpy(to + size, encoder->iovecs[i].buffer, encoder->iovecs[i].capacity);
    size += encoder->iovecs[i].capacity;
  }
  const uint8_t* segment = fidl_encode_segment(encoder);
  size_t rest = (size_t)(encoder->next - segment);
  memcpy(to + size, segment, rest);
  return size + rest;
}

static void expect_same(const fidl_type_t* type, void* value, uint32_t expected_iovecs) {
  uint8_t* buffers = aligned_alloc(8, 3 * 65536);
  uint8_t *flat = buffers, *scratch = buffers + 65536, *gathered = buffers + 2 * 65536;
  fidl_encoder_t one, pieces;
  fidl_encoder_init(&one, flat, 65536, 65536, false);
  fidl_encoder_init(&pieces, scratch, 65536, 65536, true);
  ck_assert(fidl_encoder_add(&one, type, value));
  ck_assert(fidl_encoder_add(&pieces, type, value));
  ck_assert_uint_eq(fidl_encoder_size(&one), fidl_encoder_size(&pieces));
  ck_assert_uint_eq(flatten(&pieces, gathered), fidl_encoder_size(&one));
  ck_assert_mem_eq(gathered, flat, fidl_encoder_size(&one));
  ck_assert_uint_eq(pieces.num_iovecs, expected_iovecs);
  free(buffers);
}

START_TEST(large_vectors_are_gathered_with_their_padding) {
  uint8_t* data = malloc(3000);
  char* name = malloc(3000);
  uint64_t numbers[100];
  for (int i = 0; i < 3000; i++)
    data[i] = (uint8_t)(i * 7 + 1);
  memset(name, 'n', 3000);
  memset(numbers, 0x11, sizeof(numbers));
  for (uint64_t size = 500; size < 1100; size++) {
    test_vectors_Large value = {
        .head = 1, .data = {size, data}, .name = {size, name}, .tail = {.count = 100, .data = numbers}};
    bool large = size >= FIDL_GATHER_MIN_BYTES;
    // Every large piece follows another one or bytes of the buffer; padding makes a piece of its own between
    // them.
    expect_same(TYPE(Large), &value, large ? (size % 8 ? 6 : 4) : 2);
  }
  free(data);
  free(name);
}
END_TEST

START_TEST(more_pieces_than_the_list_holds_are_copied) {
  static uint8_t data[600];
  fidl_vector_uint8_t vectors[40];
  for (int i = 0; i < 40; i++)
    vectors[i] = (fidl_vector_uint8_t){513 + (uint64_t)i, data};
  memset(data, 0xcd, sizeof(data));
  test_vectors_VectorOfVectors value = {.v = {40, vectors}};
  expect_same(TYPE(VectorOfVectors), &value, 16);
}
END_TEST

START_TEST(gathered_messages_have_the_same_limit) {
  uint8_t* data = calloc(1, 70000);
  uint8_t* scratch = aligned_alloc(8, 65536);
  for (uint64_t size = 65480; size < 65600; size++) {
    fidl_encoder_t encoder;
    test_vectors_Large value = {
        .head = 1, .data = {size, data}, .name = fidl_string("name"), .tail = {0, (void*)scratch}};
    fidl_encoder_init(&encoder, scratch, 65536, 65536, true);
    uint64_t whole = 56 + (size + 7) / 8 * 8 + 8;
    ck_assert_int_eq(fidl_encoder_add(&encoder, TYPE(Large), &value), whole <= 65536);
    if (whole > 65536) ck_assert_int_eq(encoder.error, FIDL_ERROR_MESSAGE_TOO_LARGE);
  }
  free(scratch);
  free(data);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidl gather");
  TCase* tc = jx_test_case(suite, "gather");
  tcase_add_test(tc, large_vectors_are_gathered_with_their_padding);
  tcase_add_test(tc, more_pieces_than_the_list_holds_are_copied);
  tcase_add_test(tc, gathered_messages_have_the_same_limit);
  return jx_test_run(suite);
}
