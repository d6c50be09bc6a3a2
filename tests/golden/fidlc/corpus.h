// Cases of the golden corpus: one file each, which holds what the compiler is given.
//
//   // flags: --experimental zx_c_types --zx      options; --zx puts idl/zx in front
//   //// dep.fidl                                 begins a file, and with it a library
//   //// + more.fidl                              begins another file of the same library
//
// A case without such lines is one file.
#ifndef TESTS_GOLDEN_FIDLC_CORPUS_H_
#define TESTS_GOLDEN_FIDLC_CORPUS_H_

#include <stdbool.h>
#include <stddef.h>

#include "fidlc.h"

typedef struct corpus_case {
  char* text;
  const char* name;
  fidlc_options_t options;
  const char* available[8];
  bool zx;
  fidlc_t* fidlc;
} corpus_case_t;

// Reads DIR/NAME and adds its files to a new compilation. `name` must live on.
void corpus_open(corpus_case_t* out, const char* dir, const char* name);
void corpus_close(corpus_case_t* corpus);

// The names in `dir` that end in `suffix`, sorted, and a NULL. The caller frees each and the array.
char** corpus_list(const char* dir, const char* suffix, size_t* out_count);

// Fails the test if `text` differs from what DIR/NAME holds, with `ending` in place of NAME's last one. With
// FIDLC_GOLDEN_UPDATE in the environment, writes it there instead.
void corpus_expect(const char* dir, const char* name, const char* ending, const char* text);

char* corpus_read(const char* path, size_t* out_length);

#endif  // TESTS_GOLDEN_FIDLC_CORPUS_H_
