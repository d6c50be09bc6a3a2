// Every name in generated C is claimed by the declaration it stands for, so that no two can be the same
// unnoticed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "emit.h"
#include "jx_test.h"

#define PREFIX "test_everything_"

// The library of every construct, as fidlc has written it.
static Fidl__Ir__Library* read_library(void) {
  static uint8_t bytes[1 << 20];
  FILE* file = fopen(IR_FILE, "rb");
  ck_assert(file != NULL);
  size_t size = fread(bytes, 1, sizeof(bytes), file);
  fclose(file);
  Fidl__Ir__Library* library = fidl__ir__library__unpack(NULL, size, bytes);
  ck_assert(library != NULL);
  return library;
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_claimed(const claims_t* claims, const char* name, size_t size) {
  for (size_t i = 0; i < claims->count; i++)
    if (strlen(claims->items[i].c) == size && memcmp(claims->items[i].c, name, size) == 0) return true;
  return false;
}

// Tags of structs have a name space of their own, and each has a typedef with "_t" besides.
static bool is_tag(const char* text, const char* name) {
  return name - text >= 7 && memcmp(name - 7, "struct ", 7) == 0;
}

static size_t expect_claimed(const claims_t* claims, const char* text) {
  size_t names = 0;
  for (const char* at = strstr(text, PREFIX); at; at = strstr(at, PREFIX)) {
    size_t size = 0;
    while (is_word(at[size]))
      size++;
    bool is_part = at > text && is_word(at[-1]);         // of the name of a vector
    bool is_prefix = strncmp(at + size, "...", 3) == 0;  // in a comment
    if (!is_part && !is_prefix && !is_tag(text, at) && !is_claimed(claims, at, size))
      ck_abort_msg("nothing claims %.*s", (int)size, at);
    names++;
    at += size;
  }
  return names;
}

START_TEST(every_name_in_generated_c_is_claimed) {
  Fidl__Ir__Library* library = read_library();
  model_t model;
  text_t header = {0}, source = {0};
  model_init(&model, library);
  claims_t claims = claims_collect(&model);
  emit_header(&model, &header);
  emit_source(&model, &source);
  ck_assert_uint_gt(expect_claimed(&claims, text_string(&header)), 1000);
  ck_assert_uint_gt(expect_claimed(&claims, text_string(&source)), 1000);
  char* errors[1];
  ck_assert_uint_eq(claims_collisions(&claims, errors, 1), 0);
  claims_free(&claims);
  text_free(&header);
  text_free(&source);
  model_deinit(&model);
  fidl__ir__library__free_unpacked(library, NULL);
  text_free_formatted();
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fidlgen_c claims");
  TCase* tc = jx_test_case(suite, "claims");
  tcase_add_test(tc, every_name_in_generated_c_is_claimed);
  return jx_test_run(suite);
}
