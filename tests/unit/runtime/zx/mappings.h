// How much memory objects have mapped here.
#ifndef TESTS_UNIT_RUNTIME_ZX_MAPPINGS_H_
#define TESTS_UNIT_RUNTIME_ZX_MAPPINGS_H_

#include <stdio.h>
#include <string.h>

#include "jx_test.h"

// Mappings of this process whose name has `name` in it.
static inline int count_mappings(const char* name) {
  char line[512];
  int count = 0;
  FILE* maps = fopen("/proc/self/maps", "re");
  ck_assert_ptr_nonnull(maps);
  while (fgets(line, sizeof(line), maps))
    count += strstr(line, name) != NULL;
  fclose(maps);
  return count;
}

#endif  // TESTS_UNIT_RUNTIME_ZX_MAPPINGS_H_
