// The runner behind jx_test.h: Check does the forking, the time limits and the TAP.
#include "jx_test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static int fds_at_start;

int jx_test_open_fds(void) {
  DIR* dir = opendir("/proc/self/fd");
  int count = -1;  // the directory's own descriptor
  if (!dir) return -1;
  for (const struct dirent* entry; (entry = readdir(dir)) != NULL;) {
    if (entry->d_name[0] != '.') count++;
  }
  closedir(dir);
  return count;
}

char* jx_test_make_folder(void) {
  const char* parent = getenv("TMPDIR");
  char* path;
  ck_assert_int_gt(asprintf(&path, "%s/jacinth-XXXXXX", parent ? parent : "/tmp"), 0);
  ck_assert_ptr_nonnull(mkdtemp(path));
  return path;
}

static void remember_fds(void) {
  fds_at_start = jx_test_open_fds();
}

static void check_fds(void) {
  int now = jx_test_open_fds();
  ck_assert_msg(now == fds_at_start, "leaked descriptors: %d open at the start, %d at the end", fds_at_start,
                now);
}

TCase* jx_test_case(Suite* suite, const char* name) {
  TCase* tc = tcase_create(name);
  tcase_set_timeout(tc, 60);  // for a busy machine
  tcase_add_checked_fixture(tc, remember_fds, check_fds);
  suite_add_tcase(suite, tc);
  return tc;
}

int jx_test_run(Suite* suite) {
  SRunner* runner = srunner_create(suite);
  srunner_set_tap(runner, "-");
  srunner_run_all(runner, CK_SILENT);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? 1 : 0;
}
