// Two processes that mean well and a third that damages what they share: the memory of every object, under
// the hands of both ends at once, and what lies in the sockets of both. Whatever either sees, each of its
// calls returns, in time, and it ends with nothing left over.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "hostility.h"
#include "jx_test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { ROUNDS = 24, TURNS = 40 };
#else
enum { ROUNDS = 48, TURNS = 100 };
#endif

// What ends a side that found something wrong, for the message.
enum { TOO_LONG = 10, CANNOT_CLOSE, LEFT_DESCRIPTORS, LEFT_MEMORY };

// Busy enough for shared memory, while both ends are still in one process.
static void make_busy(const struct ends* e) {
  char byte;
  for (int i = 0; i < 800; i++) {
    zx_handle_t from = i % 2 ? e->mine[CHANNEL] : e->theirs[CHANNEL];
    zx_handle_t to = i % 2 ? e->theirs[CHANNEL] : e->mine[CHANNEL];
    ck_assert_int_eq(zx_channel_write(from, 0, "x", 1, NULL, 0), ZX_OK);
    ck_assert_int_eq(zx_channel_read(to, 0, &byte, NULL, 1, 0, NULL, NULL), ZX_OK);
  }
}

// One end of everything, used as long as it takes.
static int use_for_a_while(const zx_handle_t* ends, unsigned seed) {
  zx_handle_t port;
  srand(seed);
  zx_linux_after_fork_keep(ends, OBJECTS);
  zx_linux_after_fork_in_child();
  int fds = jx_test_open_fds();
  if (zx_port_create(0, &port) != ZX_OK) return 1;
  for (int turn = 0; turn < TURNS; turn++) {
    zx_time_t start = zx_clock_get_monotonic();
    hostile_use(ends, port);
    if (zx_clock_get_monotonic() - start > ZX_SEC(20)) return TOO_LONG;
  }
  zx_handle_close(port);
  if (zx_handle_close_many(ends, OBJECTS) != ZX_OK) return CANNOT_CLOSE;
  if (jx_test_open_fds() > fds - OBJECTS) return LEFT_DESCRIPTORS;  // each was at least one
#if defined(__SANITIZE_ADDRESS__)
  if (__lsan_do_recoverable_leak_check()) return LEFT_MEMORY;
#endif
  return 0;
}

// Holds the descriptors and the memory of both ends, by inheritance, and no handle. Little by little, so that
// each damage is met by itself, or as much as it can.
static void damage(unsigned seed) {
  struct region regions[16];
  const struct timespec pause = {.tv_nsec = 20000};
  int count = hostile_find(regions, 16), at_once = seed / 2 % 2 ? 200 : 1;
  srand(seed);
  for (unsigned round = 0;; round++) {
    for (int i = 0; i < at_once; i++)
      hostile_scribble(&regions[rand() % count]);
    if (at_once == 1) nanosleep(&pause, NULL);
    if (seed % 3 == 0) hostile_send(round % 2);
  }
}

static pid_t start_side(const zx_handle_t* ends, unsigned seed) {
  pid_t child = fork();
  if (child == 0) _exit(use_for_a_while(ends, seed));
  ck_assert_int_gt(child, 0);
  return child;
}

// Each seed is a round of its own: a cold channel or a busy one, little damage or much, with nonsense in the
// sockets or without.
START_TEST(a_third_process_that_damages_both_sides_at_once_breaks_neither) {
  for (unsigned seed = 0; seed < ROUNDS; seed++) {
    struct ends e;
    int fds = jx_test_open_fds();
    hostile_make(&e);
    hostile_map(e.mine);  // and so the others' ends
    struct region regions[16];
    int cold = hostile_find(regions, 16);
    if (seed % 2) make_busy(&e);
    ck_assert_int_eq(hostile_find(regions, 16), seed % 2 ? cold + 2 : cold);
    ck_assert_int_gt(cold, 0);
    pid_t third = fork();
    if (third == 0) damage(seed);
    pid_t sides[2] = {start_side(e.mine, 2 * seed), start_side(e.theirs, 2 * seed + 1)};
    zx_linux_after_fork_leave(e.mine, OBJECTS);
    zx_linux_after_fork_leave(e.theirs, OBJECTS);
    for (int i = 0; i < 2; i++) {
      int status;
      ck_assert_int_eq(waitpid(sides[i], &status, 0), sides[i]);
      ck_assert_msg(status == 0, "seed %u, side %d: wait status %#x", seed, i, status);
    }
    int status;
    ck_assert_msg(waitpid(third, &status, WNOHANG) == 0, "seed %u: the third ended by itself", seed);
    kill(third, SIGKILL);
    waitpid(third, NULL, 0);
    ck_assert_int_eq(jx_test_open_fds(), fds);
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("both_sides");
  TCase* tc = jx_test_case(suite, "both_sides");
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, a_third_process_that_damages_both_sides_at_once_breaks_neither);
  return jx_test_run(suite);
}
