// Checks of text: every boundary of UTF-8, at every place of the words that are checked at once.
#include <lib/fidl/type.h>
#include <stdlib.h>

#include "jx_test.h"

typedef struct sample {
  const char* bytes;
  bool valid;
} sample_t;

static const sample_t samples[] = {
    {"", true},
    {"plain", true},
    {"\x7f", true},
    {"\xc2\x80", true},
    {"\xdf\xbf", true},
    {"\xe0\xa0\x80", true},
    {"\xed\x9f\xbf", true},
    {"\xee\x80\x80", true},
    {"\xef\xbf\xbf", true},
    {"\xf0\x90\x80\x80", true},
    {"\xf4\x8f\xbf\xbf", true},
    {"\x80", false},
    {"\xbf", false},
    {"\xc0\x80", false},
    {"\xc1\xbf", false},
    {"\xe0\x9f\xbf", false},
    {"\xed\xa0\x80", false},
    {"\xed\xbf\xbf", false},
    {"\xf0\x8f\xbf\xbf", false},
    {"\xf4\x90\x80\x80", false},
    {"\xf5\x80\x80\x80", false},
    {"\xff", false},
    {"\xc2", false},
    {"\xe0\xa0", false},
    {"\xf0\x90\x80", false},
    {"\xc2\x41", false},
    {"\xe1\x80\x41", false},
    {"\xf1\x80\x80\x41", false},
    {"\xc2\xc2\x80", false},
};

START_TEST(utf8_boundaries_hold_at_every_offset) {
  const sample_t* sample = &samples[_i];
  size_t size = strlen(sample->bytes);
  for (size_t before = 0; before < 20; before++) {
    for (size_t after = 0; after < 20; after++) {
      char* text = malloc(before + size + after + 1);
      memset(text, 'a', before + size + after + 1);
      memcpy(text + before, sample->bytes, size);
      ck_assert_int_eq(fidl_utf8_valid(text, before + size + after), sample->valid);
      free(text);
    }
  }
}
END_TEST

START_TEST(bools_are_checked_at_every_place) {
  for (uint64_t count = 0; count < 40; count++) {
    uint8_t* bools = malloc(count ? count : 1);
    memset(bools, 1, count);
    ck_assert(fidl_bools_valid(bools, count));
    for (uint64_t i = 0; i < count; i++) {
      bools[i] = 2;
      ck_assert(!fidl_bools_valid(bools, count));
      bools[i] = 0x81;
      ck_assert(!fidl_bools_valid(bools, count));
      bools[i] = 0;
    }
    free(bools);
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidl utf8");
  TCase* tc = jx_test_case(suite, "utf8");
  tcase_add_loop_test(tc, utf8_boundaries_hold_at_every_offset, 0,
                      (int)(sizeof(samples) / sizeof(samples[0])));
  tcase_add_test(tc, bools_are_checked_at_every_place);
  return jx_test_run(suite);
}
