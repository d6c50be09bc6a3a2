// Descriptors and processes: duplicates, fork, vfork, spawn, and programs that close everything.
#include <linux/close_range.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fdio_fixture.h"

extern char** environ;

static void expect_alive(int fd) {
  send_to(fd, PORT_ECHO, "alive");
  expect_text(fd, "alive");
}

static void wait_for(pid_t child) {
  int status = -1;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child ended with %#x", status);
}

START_TEST(a_socket_gets_the_lowest_number) {
  int expected = open("/dev/null", O_RDONLY);
  close(expected);
  for (int i = 0; i < 5; i++) {
    int fd = udp();
    ck_assert_int_eq(fd, expected);
    close(fd);
  }
  int first = udp();
  int second = udp();
  ck_assert_int_eq(second, expected + 1);
  close(first);
  close(second);
}
END_TEST

START_TEST(duplicates_are_the_same_socket_until_the_last_is_closed) {
  int fd = udp_at(6001);
  int copies[] = {dup(fd),
                  dup2(fd, 50),
                  dup3(fd, 51, O_CLOEXEC),
                  fcntl(fd, F_DUPFD, 60),
                  fcntl(fd, F_DUPFD_CLOEXEC, 60),
                  (int)syscall(SYS_dup, fd)};
  ck_assert_int_eq(copies[1], 50);
  ck_assert_int_eq(copies[2], 51);
  ck_assert_int_eq(copies[3], 60);
  ck_assert(fcntl(copies[4], F_GETFD) & FD_CLOEXEC);
  close(fd);
  for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
    ck_assert_int_ge(copies[i], 0);
    expect_alive(copies[i]);
    struct sockaddr_in in;
    socklen_t length = sizeof(in);
    ck_assert_int_eq(getsockname(copies[i], (struct sockaddr*)&in, &length), 0);
    ck_assert_uint_eq(ntohs(in.sin_port), 6001);
    close(copies[i]);
    EXPECT_ERRNO(send(copies[i], "x", 1, 0), EBADF);
  }
  close(udp_at(6001));  // the port is free at once
}
END_TEST

START_TEST(dup2_replaces_sockets_and_files_by_each_other) {
  int file = open("/dev/null", O_RDWR);
  int fd = udp_at(6002);
  ck_assert_int_eq(dup2(fd, fd), fd);
  expect_alive(fd);
  ck_assert_int_eq(dup2(file, fd), fd);
  ck_assert_int_eq(write(fd, "x", 1), 1);
  EXPECT_ERRNO(getsockname(fd, NULL, NULL), ENOTSOCK);
  close(fd);
  fd = udp_at(6002);
  ck_assert_int_eq(dup2(fd, file), file);
  close(fd);
  expect_alive(file);
  EXPECT_ERRNO(dup2(77, file), EBADF);
  expect_alive(file);
  EXPECT_ERRNO(dup3(file, file, 0), EINVAL);
  close(file);
}
END_TEST

// In a child, because the test runner has descriptors of its own; the result is the line that failed.
#define REQUIRE(condition) \
  if (!(condition)) return __LINE__ & 0xff

static bool is_alive(int fd) {
  struct sockaddr_in in = to_port(PORT_ECHO);
  char byte = 0;
  return sendto(fd, "x", 1, 0, (struct sockaddr*)&in, sizeof(in)) == 1 && recv(fd, &byte, 1, 0) == 1 &&
         byte == 'x';
}

static int bound_to(int port) {
  struct sockaddr_in in = to_port(port);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  return bind(fd, (struct sockaddr*)&in, sizeof(in)) == 0 ? fd : -1;
}

static int close_everything(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  for (int number = 3; number < 2000; number++)
    close(number);
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  REQUIRE(fd == 3 && is_alive(fd));
  REQUIRE(close_range(3, ~0U, 0) == 0);
  REQUIRE(!is_alive(fd) && errno == EBADF);
  REQUIRE(bound_to(6003) == 3);
  closefrom(3);
  REQUIRE(bound_to(6003) == 3);
  REQUIRE(syscall(SYS_close_range, 3, ~0U, 0) == 0);
  fd = bound_to(6003);
  REQUIRE(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0);
  REQUIRE(is_alive(fd) && fcntl(fd, F_GETFD) & FD_CLOEXEC);
  REQUIRE(close_range(5, 4, 0) == -1 && errno == EINVAL);
  return 0;
}

START_TEST(programs_that_close_everything_can_go_on) {
  close(udp());
  pid_t child = fork();
  if (child == 0) _exit(close_everything());
  wait_for(child);
}
END_TEST

static int open_all_there_are(void) {
  struct rlimit limit = {.rlim_cur = 64, .rlim_max = 64};
  int fds[64];
  int count = 0;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  while (count < 64 && (fds[count] = socket(AF_INET, SOCK_DGRAM, 0)) >= 0)
    count++;
  REQUIRE(count > 5 && count < 64 && errno == EMFILE);
  for (int i = 0; i < count; i++)
    REQUIRE(is_alive(fds[i]));
  for (int i = 0; i < count; i++)
    close(fds[i]);
  REQUIRE(is_alive(socket(AF_INET, SOCK_DGRAM, 0)));
  return 0;
}

START_TEST(a_program_at_its_limit_is_told_and_goes_on) {
  pid_t child = fork();
  if (child == 0) _exit(open_all_there_are());
  wait_for(child);
}
END_TEST

START_TEST(descriptors_of_the_library_are_no_descriptors_to_the_program) {
  int fd = udp();
  char name[64];
  char target[64];
  int hidden = 0;
  for (int number = 0; number < 1024; number++) {
    snprintf(name, sizeof(name), "/proc/self/fd/%d", number);
    if (readlink(name, target, sizeof(target)) < 0 || fcntl(number, F_GETFD) >= 0) continue;
    hidden++;
    ck_assert_int_ge(number, 256);
    EXPECT_ERRNO(close(number), EBADF);
    EXPECT_ERRNO(dup(number), EBADF);
    EXPECT_ERRNO(read(number, name, 1), EBADF);
    EXPECT_ERRNO(dup2(fd, number), EBUSY);
  }
  ck_assert_int_gt(hidden, 0);
  expect_alive(fd);
  close(fd);
}
END_TEST

START_TEST(a_child_and_its_parent_each_have_the_socket) {
  int fd = udp_at(6004);
  pid_t child = fork();
  if (child == 0) {
    expect_alive(fd);
    close(fd);
    int other = udp();
    expect_alive(other);
    close(other);
    _exit(0);
  }
  wait_for(child);
  expect_alive(fd);
  child = fork();
  if (child == 0) {
    expect_text(fd, "for the child");  // waits
    _exit(0);
  }
  send_to(fd, 6004, "for the child");
  wait_for(child);
  expect_alive(fd);
  close(fd);
}
END_TEST

START_TEST(a_child_keeps_what_its_parent_closes) {
  int fd = udp_at(6005);
  int ready[2];
  char byte = 0;
  ck_assert_int_eq(pipe(ready), 0);
  pid_t child = fork();
  if (child == 0) {
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    expect_alive(fd);
    struct sockaddr_in in = to_port(6005);
    int other = udp();
    if (bind(other, (struct sockaddr*)&in, sizeof(in)) == 0 || errno != EADDRINUSE) _exit(3);
    close(fd);
    _exit(bind(other, (struct sockaddr*)&in, sizeof(in)) == 0 ? 0 : 4);
  }
  close(fd);
  ck_assert_int_eq(write(ready[1], &byte, 1), 1);
  wait_for(child);
  close(udp_at(6005));
  close(ready[0]);
  close(ready[1]);
}
END_TEST

START_TEST(grandchildren_and_daemons_have_it_too) {
  int fd = udp_at(6006);
  pid_t child = fork();
  if (child == 0) {
    pid_t grandchild = fork();
    if (grandchild == 0) {
      expect_alive(fd);
      _exit(0);
    }
    int status;
    waitpid(grandchild, &status, 0);
    expect_alive(fd);
    _exit(status ? 1 : 0);
  }
  wait_for(child);
  expect_alive(fd);
  close(fd);
}
END_TEST

static int run_true(posix_spawn_file_actions_t* actions) {
  pid_t child;
  char name[] = "true";
  char* arguments[] = {name, NULL};
  int error = posix_spawnp(&child, "true", actions, NULL, arguments, environ);
  if (error) return error;
  int status;
  waitpid(child, &status, 0);
  return status;
}

START_TEST(spawned_programs_leave_the_parents_sockets_alone) {
  int fd = udp();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addclose(&actions, fd);
  ck_assert_int_eq(run_true(&actions), 0);
  posix_spawn_file_actions_destroy(&actions);
  expect_alive(fd);
  ck_assert_int_eq(system("exec 3<&- 4<&- ; true"), 0);
  expect_alive(fd);
  close(fd);
}
END_TEST

START_TEST(a_vforked_child_may_close_and_move_descriptors) {
  int fd = udp_at(6007);
  pid_t child = vfork();
  if (child == 0) {
    close(fd);
    dup2(2, fd);
    close_range(3, ~0U, 0);
    execlp("true", "true", (char*)NULL);
    _exit(127);
  }
  wait_for(child);
  expect_alive(fd);
  close(fd);
  close(udp_at(6007));
}
END_TEST

START_TEST(a_child_made_behind_the_library_begins_anew) {
  int fd = udp_at(6008);
  pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) {
    if (is_alive(fd) || errno != EBADF) _exit(1);
    int other = socket(AF_INET, SOCK_DGRAM, 0);
    if (!is_alive(other)) _exit(2);
    close(fd);
    int file = open("/dev/zero", O_RDONLY);
    char byte = 1;
    _exit(file == fd && read(file, &byte, 1) == 1 && byte == 0 ? 0 : 3);
  }
  wait_for(child);
  expect_alive(fd);
  close(fd);
}
END_TEST

START_TEST(a_program_that_is_executed_finds_the_network_again) {
  int fd = udp();
  expect_alive(fd);
  pid_t child = fork();
  if (child == 0) {
    for (int number = 3; number < 2000; number++)
      close(number);
    setenv("FDIO_TEST_EXECUTED", "1", 1);
    execl("/proc/self/exe", "again", (char*)NULL);
    _exit(127);
  }
  wait_for(child);
  expect_alive(fd);
  close(fd);
}
END_TEST

static int executed(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in in = to_port(PORT_ECHO);
  char byte = 0;
  if (fd != 3) return 3;
  if (sendto(fd, "x", 1, 0, (struct sockaddr*)&in, sizeof(in)) != 1) return 4;
  return recv(fd, &byte, 1, 0) == 1 && byte == 'x' ? 0 : 5;
}

int main(void) {
  if (getenv("FDIO_TEST_EXECUTED")) return executed();
  Suite* suite = suite_create("fdio descriptors");
  TCase* tc = test_case(suite, "descriptors");
  tcase_add_test(tc, a_socket_gets_the_lowest_number);
  tcase_add_test(tc, duplicates_are_the_same_socket_until_the_last_is_closed);
  tcase_add_test(tc, dup2_replaces_sockets_and_files_by_each_other);
  tcase_add_test(tc, programs_that_close_everything_can_go_on);
  tcase_add_test(tc, a_program_at_its_limit_is_told_and_goes_on);
  tcase_add_test(tc, descriptors_of_the_library_are_no_descriptors_to_the_program);
  tcase_add_test(tc, a_child_and_its_parent_each_have_the_socket);
  tcase_add_test(tc, a_child_keeps_what_its_parent_closes);
  tcase_add_test(tc, grandchildren_and_daemons_have_it_too);
  tcase_add_test(tc, spawned_programs_leave_the_parents_sockets_alone);
  tcase_add_test(tc, a_vforked_child_may_close_and_move_descriptors);
  tcase_add_test(tc, a_child_made_behind_the_library_begins_anew);
  tcase_add_test(tc, a_program_that_is_executed_finds_the_network_again);
  return jx_test_run(suite);
}
