// One way to run a unit test program: every case in a process of its own, bounded in time, failing on leaked
// descriptors, with its results as TAP on standard output (which meson counts case by case).
//
//   START_TEST(fifo_read_after_peer_close_drains) { ... ck_assert... } END_TEST
//   int main(void) {
//     Suite* suite = suite_create("fifo");
//     TCase* tc = jx_test_case(suite, "fifo");      // leaked descriptors fail each case of it
//     tcase_add_test(tc, fifo_read_after_peer_close_drains);
//     return jx_test_run(suite);
//   }
#ifndef TESTS_SUPPORT_JX_TEST_H_
#define TESTS_SUPPORT_JX_TEST_H_

#include <check.h>

// As ck_assert, but without the system call that Check makes for each: for the insides of long loops.
#define jx_assert(condition) \
  if (!(condition)) ck_abort_msg("%s", #condition)

// Adds a test case to `suite` whose tests are bounded to 60 seconds each and fail if they end with more open
// descriptors than they began with. The suite owns it.
TCase* jx_test_case(Suite* suite, const char* name);

// Runs `suite`, consumes it, and returns the exit status for main: 0 if every case passed, 1 otherwise.
int jx_test_run(Suite* suite);

// Makes a folder of the test's own where temporary files belong; whoever asks removes it. The path is freed
// by the caller.
char* jx_test_make_folder(void);

// The number of descriptors this process has open. Blocks for the time of a directory listing.
int jx_test_open_fds(void);

#endif  // TESTS_SUPPORT_JX_TEST_H_
