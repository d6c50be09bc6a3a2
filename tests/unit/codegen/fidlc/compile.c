#include "compile.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

const Fidl__Ir__Library* compile_text(const char* text, fidlc_t** out_fidlc) {
  static const fidlc_options_t kOptions = {.allow_new_types = true};
  fidlc_t* fidlc = fidlc_create(&kOptions);
  fidlc_add_library(fidlc);
  fidlc_add_file(fidlc, "test.fidl", text, strlen(text));
  const Fidl__Ir__Library* library = fidlc_compile(fidlc);
  if (!library) fidlc_print(fidlc, stderr, false);
  ck_assert_ptr_nonnull(library);
  *out_fidlc = fidlc;
  return library;
}

const Fidl__Ir__Decl* find_decl(const Fidl__Ir__Library* library, const char* name) {
  for (size_t i = 0; i < library->n_decls; i++) {
    if (strcmp(library->decls[i]->name, name) == 0) return library->decls[i];
  }
  return NULL;
}
