// What the object layer offers to a library that lives in somebody else's program: waits that end early, and
// forks.
#include <fcntl.h>
#include <jx_test.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

START_TEST(a_readable_descriptor_ends_a_wait) {
  zx_handle_t ends[2];
  int pipe_fds[2];
  zx_signals_t observed = 0;
  ck_assert_int_eq(zx_eventpair_create(0, &ends[0], &ends[1]), ZX_OK);
  ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
  ck_assert_int_eq(zx_linux_wait_one_or_fd(ends[0], ZX_USER_SIGNAL_0, 0, pipe_fds[0], &observed),
                   ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(write(pipe_fds[1], "x", 1), 1);
  zx_status_t status =
      zx_linux_wait_one_or_fd(ends[0], ZX_USER_SIGNAL_0, ZX_TIME_INFINITE, pipe_fds[0], &observed);
  ck_assert_int_eq(status, ZX_ERR_INTERNAL_INTR_RETRY);
  ck_assert_int_eq(zx_object_signal_peer(ends[1], 0, ZX_USER_SIGNAL_0), ZX_OK);
  status = zx_linux_wait_one_or_fd(ends[0], ZX_USER_SIGNAL_0, ZX_TIME_INFINITE, pipe_fds[0], &observed);
  ck_assert_int_eq(status, ZX_OK);
  ck_assert_uint_eq(observed & ZX_USER_SIGNAL_ALL, ZX_USER_SIGNAL_0);
  ck_assert_int_eq(zx_linux_wait_one_or_fd(ends[0], ZX_USER_SIGNAL_1, 0, -1, &observed), ZX_ERR_TIMED_OUT);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
  zx_handle_close(ends[0]);
  zx_handle_close(ends[1]);
}
END_TEST

// 0, or the number of what went wrong.
static int forget(zx_handle_t channel, zx_handle_t event, int fds_before) {
  zx_linux_after_fork_in_child();
  if (jx_test_open_fds() != fds_before) return 1;
  if (zx_channel_write(channel, 0, "x", 1, NULL, 0) != ZX_ERR_BAD_HANDLE) return 2;
  if (zx_object_signal(event, 0, ZX_USER_SIGNAL_0) != ZX_ERR_BAD_HANDLE) return 3;
  zx_handle_t own[2];
  if (zx_channel_create(0, &own[0], &own[1]) != ZX_OK) return 4;
  if (zx_channel_write(own[0], 0, "x", 1, NULL, 0) != ZX_OK) return 5;
  return zx_object_wait_one(own[1], ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, NULL) == ZX_OK ? 0 : 6;
}

START_TEST(a_child_drops_its_parents_objects_and_no_peer_hears_of_it) {
  zx_handle_t channel[2];
  zx_handle_t event[2];
  zx_handle_t fifo[2];
  zx_handle_t vmo;
  zx_handle_t copy;
  int fds_before = jx_test_open_fds();
  ck_assert_int_eq(zx_channel_create(0, &channel[0], &channel[1]), ZX_OK);
  ck_assert_int_eq(zx_eventpair_create(0, &event[0], &event[1]), ZX_OK);
  ck_assert_int_eq(zx_fifo_create(16, 16, 0, &fifo[0], &fifo[1]), ZX_OK);
  ck_assert_int_eq(zx_vmo_create(4096, 0, &vmo), ZX_OK);
  ck_assert_int_eq(zx_handle_duplicate(event[0], ZX_RIGHT_SAME_RIGHTS, &copy), ZX_OK);
  pid_t child = fork();
  if (child == 0) _exit(forget(channel[0], event[0], fds_before));
  int status = -1;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child found %#x", status);
  const zx_handle_t all[] = {channel[0], channel[1], event[0], event[1], fifo[0], fifo[1]};
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    zx_signals_t observed = 0;
    ck_assert_int_eq(zx_object_wait_one(all[i], ZX_OBJECT_PEER_CLOSED, 0, &observed), ZX_ERR_TIMED_OUT);
  }
  zx_handle_close_many(all, sizeof(all) / sizeof(all[0]));
  zx_handle_close(copy);
  zx_handle_close(vmo);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("foreign program");
  TCase* tc = jx_test_case(suite, "foreign program");
  tcase_add_test(tc, a_readable_descriptor_ends_a_wait);
  tcase_add_test(tc, a_child_drops_its_parents_objects_and_no_peer_hears_of_it);
  return jx_test_run(suite);
}
