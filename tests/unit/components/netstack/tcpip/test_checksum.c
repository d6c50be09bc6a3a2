// The fast checksum beside the naive one: every length, alignment and cut into pieces.
#include "checksum.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "host.h"
#include "jx_test.h"

static uint8_t bytes[70000];

static void setup(void) {
  srand(7);
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)rand();
}

static uint16_t fast(const void* data, size_t length) {
  return ntohs(checksum_fold(checksum_add(0, data, length)));
}

START_TEST(every_length_and_alignment_agrees_with_the_naive_sum) {
  for (size_t start = 0; start < 9; start++) {
    for (size_t length = 0; length < 300; length++)
      ck_assert_uint_eq(fast(bytes + start, length), naive_checksum(0, bytes + start, length));
  }
  ck_assert_uint_eq(fast(bytes, 65535), naive_checksum(0, bytes, 65535));
} END_TEST

START_TEST(all_ones_do_not_overflow) {
  memset(bytes, 0xff, sizeof bytes);
  ck_assert_uint_eq(fast(bytes, sizeof bytes), 0xffff);
  memset(bytes, 0, sizeof bytes);
  ck_assert_uint_eq(fast(bytes, sizeof bytes), 0);
} END_TEST

START_TEST(pieces_of_odd_length_sum_to_the_whole) {
  for (int round = 0; round < 2000; round++) {
    struct iovec iov[8];
    size_t total = 0;
    for (int i = 0; i < 8; i++) {
      size_t length = (size_t)rand() % 67;
      iov[i] = (struct iovec){bytes + total, length};
      total += length;
    }
    size_t wanted = total - (size_t)rand() % (total / 2 + 1);
    ck_assert_uint_eq(ntohs(checksum_fold(checksum_iov(0, iov, 8, wanted))), naive_checksum(0, bytes, wanted));
  }
} END_TEST

START_TEST(the_pseudo_header_is_that_of_either_family) {
  addr_t a4 = addr_v4((const uint8_t[]){10, 1, 2, 3}), b4 = addr_v4((const uint8_t[]){192, 168, 255, 254});
  uint8_t v4[12] = {10, 1, 2, 3, 192, 168, 255, 254, 0, 17, 0x12, 0x34};
  ck_assert_uint_eq(ntohs(checksum_fold(checksum_pseudo(&a4, &b4, 17, 0x1234))), naive_checksum(0, v4, 12));
  addr_t a6 = addr_v6(bytes), b6 = addr_v6(bytes + 16);
  uint8_t v6[40];
  memcpy(v6, bytes, 32);
  be32_put(v6 + 32, 0x123456);
  be32_put(v6 + 36, 58);
  ck_assert_uint_eq(ntohs(checksum_fold(checksum_pseudo(&a6, &b6, 58, 0x123456))), naive_checksum(0, v6, 40));
} END_TEST

int main(void) {
  Suite* suite = suite_create("checksum");
  TCase* tc = jx_test_case(suite, "checksum");
  tcase_add_checked_fixture(tc, setup, NULL);
  tcase_add_test(tc, every_length_and_alignment_agrees_with_the_naive_sum);
  tcase_add_test(tc, all_ones_do_not_overflow);
  tcase_add_test(tc, pieces_of_odd_length_sum_to_the_whole);
  tcase_add_test(tc, the_pseudo_header_is_that_of_either_family);
  return jx_test_run(suite);
}
