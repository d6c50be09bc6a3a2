// The service that makes a program's calls on sockets, over a stack without a network: what a program may do
// to it. Programs that use it for what it is there for: tests/system/test_static.py.
#include <errno.h>
#include <fcntl.h>
#include <jx_test.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define PORT 3000

static ssize_t send_to(int fd, int port, const void* bytes, size_t size) {
  struct sockaddr_in to = target_address(port);
  return sendto(fd, bytes, size, 0, (struct sockaddr*)&to, sizeof(to));
}

static void kill_target(target_t* target) {
  ck_assert_int_eq(kill(target->pid, SIGKILL), 0);
  int status = target_end(target);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

// What it is there for

static void do_nothing(void) {}

START_TEST(the_service_ends_with_the_last_process) {
  target_run(do_nothing);
}
END_TEST

static void echo(void) {
  char bytes[16];
  struct sockaddr_in from;
  socklen_t length = sizeof(from);
  int fd = target_socket(0);
  EXPECT(send_to(fd, FAKE_PORT_ECHO, "hello", 5) == 5);
  EXPECT(recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr*)&from, &length) == 5);
  EXPECT(memcmp(bytes, "hello", 5) == 0 && from.sin_port == htons(FAKE_PORT_ECHO));
}

START_TEST(datagrams_go_through_the_network_stack) {
  target_run(echo);
}
END_TEST

static void have_numbers(void) {
  intercept_numbers_t numbers = intercept_numbers();
  int first = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), second = dup(first);
  int fds[] = {first, second, fcntl(first, F_DUPFD, (int)numbers.ranges[0].first + 50)};
  for (size_t i = 0; i < COUNT(fds); i++)
    EXPECT(fds[i] >= (int)numbers.ranges[0].first && fds[i] < (int)numbers.ranges[0].end);
  EXPECT(fcntl(first, F_GETFD) == FD_CLOEXEC && fcntl(second, F_GETFD) == 0);
  EXPECT(fds[2] >= (int)numbers.ranges[0].first + 50);
}

START_TEST(datagram_sockets_have_numbers_of_their_own) {
  target_run(have_numbers);
}
END_TEST

static void look_elsewhere(void) {
  int pair[2], size = 0, number = (int)intercept_numbers().ranges[0].first;
  struct sockaddr_storage name;
  socklen_t length = sizeof(size);
  EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  EXPECT(getsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, &length) == 0 && size > 0);
  EXPECT(dup2(pair[0], number) == number && dup2(pair[1], number + 1) == number + 1);
  EXPECT(write(number, "z", 1) == 1 && ioctl(number + 1, FIONREAD, &size) == 0 && size == 1);
  length = sizeof(name);
  EXPECT(syscall(SYS_getsockname, number, &name, &length, 0, 0, INTERCEPT_PASS) == 0);
  EXPECT(name.ss_family == AF_UNIX);
  struct iovec iov = {&size, 1};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
  EXPECT(syscall(SYS_recvmsg, number + 1, &message, 0, 0, 0, INTERCEPT_PASS) == 1);
  EXPECT_FAILS(bind(-1, NULL, 0), EBADF);
  EXPECT_FAILS(listen(STDERR_FILENO, 1), ENOTSOCK);
}

START_TEST(others_descriptors_are_the_kernels) {
  target_run(look_elsewhere);
}
END_TEST

static void find_no_stack(void) {
  EXPECT_FAILS(socket(AF_INET, SOCK_DGRAM, 0), EPERM);
  EXPECT(socket(AF_UNIX, SOCK_DGRAM, 0) >= 0);
}

START_TEST(without_a_network_stack_there_are_no_sockets) {
  target_t target;
  target_start(&target, find_no_stack, false);
  ck_assert_int_eq(target_end(&target), 0);
}
END_TEST

// Whatever a program says

static void say_nonsense(void) {
  char* memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT(memory != MAP_FAILED && mprotect(memory + 4096, 4096, PROT_NONE) == 0);
  const uint64_t bad = (uintptr_t)memory + 4096, end = bad - 4, good = (uintptr_t)memory;
  const uint64_t fd = (uint64_t)target_socket(PORT);
  socklen_t length = sizeof(int);
  struct iovec iov = {memory, 16}, beyond = {memory + 4090, 100}, negative = {memory, SIZE_MAX};
  struct msghdr no_buffers = {.msg_iov = (void*)(uintptr_t)bad, .msg_iovlen = 1};
  struct msghdr many_buffers = {.msg_iov = &iov, .msg_iovlen = SIZE_MAX / 2};
  struct msghdr long_name = {.msg_name = memory, .msg_namelen = UINT_MAX, .msg_iov = &iov, .msg_iovlen = 1};
  struct msghdr long_control = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = memory, .msg_controllen = SIZE_MAX};
  struct msghdr bad_control = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = (void*)(uintptr_t)bad, .msg_controllen = 64};
#define AT(object) ((uintptr_t) & (object))
  const struct {
    long number;
    uint64_t arguments[6];
    int error;
  } calls[] = {
      {SYS_bind, {fd, bad, 16}, EFAULT},
      {SYS_bind, {fd, good, UINT_MAX}, EINVAL},
      {SYS_bind, {fd, end, 16}, EFAULT},
      {SYS_connect, {fd, 0, 16}, EFAULT},
      {SYS_connect, {fd, UINT64_MAX - 3, 16}, EFAULT},
      {SYS_getsockname, {fd, good, 0}, EFAULT},
      {SYS_getsockopt, {fd, SOL_SOCKET, SO_TYPE, bad, AT(length)}, EFAULT},
      {SYS_getsockopt, {fd, SOL_SOCKET, SO_TYPE, good, bad}, EFAULT},
      {SYS_setsockopt, {fd, SOL_SOCKET, SO_BROADCAST, bad, 4}, EFAULT},
      {SYS_setsockopt, {fd, SOL_SOCKET, SO_BROADCAST, good, UINT_MAX}, EINVAL},
      {SYS_setsockopt, {fd, SOL_SOCKET, SO_BROADCAST, good, INT_MAX}, ENOBUFS},
      {SYS_sendto, {fd, bad, 10, 0, 0, 0}, EFAULT},
      {SYS_sendto, {fd, good, SIZE_MAX, 0, 0, 0}, EMSGSIZE},
      {SYS_sendto, {fd, good, 1, 0, bad, 16}, EFAULT},
      {SYS_sendto, {fd, good, 1, 0, good, 1000}, EINVAL},
      {SYS_read, {fd, good, SIZE_MAX}, EINVAL},
      {SYS_writev, {fd, AT(beyond), 1}, EFAULT},
      {SYS_writev, {fd, AT(negative), 1}, EINVAL},
      {SYS_writev, {fd, good, UINT_MAX}, EINVAL},
      {SYS_readv, {fd, AT(iov), IOV_MAX + 1}, EINVAL},
      {SYS_sendmsg, {fd, bad, 0}, EFAULT},
      {SYS_sendmsg, {fd, AT(no_buffers), 0}, EFAULT},
      {SYS_sendmsg, {fd, AT(many_buffers), 0}, EMSGSIZE},
      {SYS_recvmsg, {fd, AT(many_buffers), 0}, EMSGSIZE},
      {SYS_recvmsg, {fd, AT(long_name), 0}, EINVAL},
      {SYS_sendmsg, {fd, AT(long_control), 0}, ENOBUFS},
      {SYS_sendmsg, {fd, AT(bad_control), 0}, EFAULT},
      {SYS_sendmmsg, {fd, bad, UINT_MAX, 0}, EFAULT},
      {SYS_recvmmsg, {fd, bad, 1, 0, 0}, EFAULT},
      {SYS_recvmmsg, {fd, good, 1, 0, bad}, EFAULT},
      {SYS_ioctl, {fd, FIONREAD, bad}, EFAULT},
      {SYS_fcntl, {fd, F_DUPFD, UINT_MAX}, EINVAL},
      {SYS_fcntl, {fd, F_DUPFD, INT_MAX}, EINVAL},
      {SYS_socket, {AF_INET, INT_MAX, 0}, EINVAL},
      {SYS_socket, {AF_INET, SOCK_DGRAM, UINT_MAX}, EINVAL},
      {SYS_accept, {fd, bad, bad}, EOPNOTSUPP},
      {SYS_shutdown, {fd, UINT_MAX}, EINVAL},
  };
  for (size_t i = 0; i < COUNT(calls); i++) {
    const uint64_t* a = calls[i].arguments;
    errno = 0;
    long result = syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (result < 0 && errno == calls[i].error) continue;
    fprintf(stderr, "call %zu: %ld, %s instead of %s\n", i, result, strerror(errno),
            strerror(calls[i].error));
    _exit(1);
  }
  EXPECT(send_to((int)fd, PORT, "x", 1) == 1);
  EXPECT(recv((int)fd, memory, 16, 0) == 1);  // it goes on
}

START_TEST(nonsense_is_answered_with_an_error) {
  target_run(say_nonsense);
}
END_TEST

// One thread takes the memory away that another one's calls are about.

static char* unsteady;

static void* take_away(void* context) {
  while (!*(volatile bool*)context) {
    (void)mprotect(unsteady, 4096, PROT_NONE);
    (void)mprotect(unsteady, 4096, PROT_READ | PROT_WRITE);
  }
  return NULL;
}

static void use_unsteady_memory(void) {
  enum { ROUNDS = 1500 };
  static volatile bool ended;
  pthread_t thread;
  int fd = target_socket(PORT);
  char byte;
  unsteady = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT(unsteady != MAP_FAILED && fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
  EXPECT(pthread_create(&thread, NULL, take_away, (void*)&ended) == 0);
  for (int i = 0; i < ROUNDS; i++) {
    struct sockaddr_in to = target_address(PORT);
    ssize_t sent = sendto(fd, unsteady, 100, 0, (struct sockaddr*)&to, sizeof(to));
    EXPECT(sent == 100 || (sent < 0 && errno == EFAULT));
    ssize_t got = recv(fd, unsteady, 100, 0);
    EXPECT(got == 100 || (got < 0 && (errno == EFAULT || errno == EAGAIN)));
    // Not by its name: a sanitizer's would look into the memory itself.
    EXPECT(syscall(SYS_getsockname, fd, unsteady, unsteady + 64) == 0 || errno == EFAULT || errno == EINVAL);
  }
  ended = true;
  EXPECT(pthread_join(thread, NULL) == 0);
  while (recv(fd, &byte, 1, 0) >= 0) {
  }
  EXPECT(send_to(fd, PORT, "y", 1) == 1 && recv(fd, &byte, 1, 0) == 1 && byte == 'y');
}

START_TEST(memory_that_comes_and_goes_is_an_error_at_most) {
  target_run(use_unsteady_memory);
}
END_TEST

// One thread closes and replaces the descriptors that another one's calls are about.

static void* replace(void* context) {
  volatile bool* ended = context;
  int number = (int)intercept_numbers().ranges[0].first, other = open("/dev/null", O_RDWR);
  while (!*ended) {
    for (int i = 0; i < 8; i++)
      (void)dup2(other, number + i);
    (void)syscall(SYS_close_range, number, number + 7, 0);
  }
  return NULL;
}

static void use_unsteady_descriptors(void) {
  enum { ROUNDS = 1000 };
  static volatile bool ended;
  pthread_t thread;
  char bytes[8];
  EXPECT(pthread_create(&thread, NULL, replace, (void*)&ended) == 0);
  for (int i = 0; i < ROUNDS; i++) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (fd < 0) continue;
    (void)send_to(fd, FAKE_PORT_ECHO, "x", 1);
    (void)recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    (void)close(dup(fd));
    (void)close(fd);
  }
  ended = true;
  EXPECT(pthread_join(thread, NULL) == 0);
  echo();
}

START_TEST(descriptors_that_come_and_go_are_an_error_at_most) {
  target_run(use_unsteady_descriptors);
}
END_TEST

static void use_all_numbers(void) {
  intercept_range_t range = intercept_numbers().ranges[0];
  int fds[512], count = 0;
  for (int round = 0; round < 2; round++) {
    for (count = 0; count < 512 && (fds[count] = socket(AF_INET, SOCK_DGRAM, 0)) >= 0;)
      count++;
    EXPECT(errno == EMFILE && count == (int)(range.end - range.first));
    EXPECT_FAILS(dup(fds[0]), EMFILE);
    for (int i = 0; i < count; i++)
      EXPECT(close(fds[i]) == 0);
  }
  echo();
}

START_TEST(sockets_end_with_the_numbers) {
  struct rlimit limit, before;
  ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
  before = limit;
  limit.rlim_cur = 64;  // of the target and, until the service runs, ours
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
  target_t target;
  target_start(&target, use_all_numbers, true);
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
  ck_assert_int_eq(target_end(&target), 0);
}
END_TEST

// Waiting

static void wait_for_ever(void) {
  char byte;
  int fd = target_socket(PORT);
  target_say();
  (void)recv(fd, &byte, 1, 0);
  target_fail("it came back", __LINE__);
}

START_TEST(one_who_is_killed_takes_everything_along) {
  target_t target;
  target_start(&target, wait_for_ever, true);
  target_await(&target);
  kill_target(&target);
}
END_TEST

static void* wait_in_a_thread(void* context) {
  char byte;
  (void)recv(*(int*)context, &byte, 1, 0);
  return NULL;
}

static void wait_with_many(void) {
  enum { THREADS = 50 };
  pthread_t threads[THREADS];
  int fd = target_socket(PORT);
  for (int i = 0; i < THREADS; i++)
    EXPECT(pthread_create(&threads[i], NULL, wait_in_a_thread, &fd) == 0);
  target_say();
  pid_t self = getpid(), child = fork();
  EXPECT(child >= 0);
  if (child == 0) {
    EXPECT(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == self);
    (void)wait_in_a_thread(&fd);
    _exit(1);
  }
  pause();
}

START_TEST(many_who_wait_are_killed_together_with_a_child) {
  target_t target;
  target_start(&target, wait_with_many, true);
  target_await(&target);
  kill_target(&target);
}
END_TEST

static void on_signal(int number) {}

static void be_interrupted(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  int fd = target_socket(PORT), got[3] = {0};
  EXPECT(sigaction(SIGUSR1, &action, NULL) == 0);
  struct iovec iovs[3] = {{&got[0], sizeof(int)}, {&got[1], sizeof(int)}, {&got[2], sizeof(int)}};
  struct mmsghdr messages[3];
  memset(messages, 0, sizeof(messages));
  for (int i = 0; i < 3; i++)
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &iovs[i], .msg_iovlen = 1};
  for (int i = 1; i <= 2; i++)
    EXPECT(send_to(fd, PORT, &i, sizeof(i)) == sizeof(i));
  pid_t self = getpid(), child = fork();
  EXPECT(child >= 0);
  if (child == 0) {  // until the wait has ended
    int size = 1;
    while (size > 0)
      EXPECT(ioctl(fd, FIONREAD, &size) == 0);
    for (;;) {
      kill(self, SIGUSR1);
      usleep(2000);
    }
  }
  EXPECT(recvmmsg(fd, messages, 3, 0, NULL) == 2);
  EXPECT(got[0] == 1 && got[1] == 2);
  EXPECT(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
}

START_TEST(an_interrupted_wait_for_more_keeps_what_it_has) {
  target_run(be_interrupted);
}
END_TEST

static void make_calls_after_vfork(void) {
  static volatile int fd = -1;
  int status;
  pid_t child = vfork();
  if (child == 0) {
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    _exit(fd < 0 || send_to(fd, FAKE_PORT_ECHO, "x", 1) != 1);
  }
  EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
  EXPECT_FAILS(send_to(fd, FAKE_PORT_ECHO, "x", 1), EBADF);  // it was the child's
}

START_TEST(a_child_in_its_parents_memory_has_its_own_descriptors) {
  target_run(make_calls_after_vfork);
}
END_TEST

static void close_under_a_wait(void) {
  pthread_t thread;
  int fd = target_socket(PORT), number = fd, other = target_socket(0), null = open("/dev/null", O_RDWR);
  EXPECT(pthread_create(&thread, NULL, wait_in_a_thread, &number) == 0);
  EXPECT(dup2(null, fd) == fd);  // before it waits, or while it does
  EXPECT(close(fd) == 0);
  // Where the wait has begun, the socket is still there.
  struct sockaddr_in to = target_address(PORT);
  EXPECT(connect(other, (struct sockaddr*)&to, sizeof(to)) == 0);
  while (pthread_tryjoin_np(thread, NULL) != 0)
    (void)send(other, "x", 1, 0);
}

START_TEST(a_wait_outlives_its_descriptor) {
  target_run(close_under_a_wait);
}
END_TEST

int main(void) {
  if (!target_is_possible()) {
    printf("1..0 # SKIP needs a kernel that hands system calls over (Linux 5.19)\n");
    return 0;
  }
  Suite* suite = suite_create("intercept");
  TCase* tc = jx_test_case(suite, "intercept");
  tcase_add_test(tc, the_service_ends_with_the_last_process);
  tcase_add_test(tc, datagrams_go_through_the_network_stack);
  tcase_add_test(tc, datagram_sockets_have_numbers_of_their_own);
  tcase_add_test(tc, others_descriptors_are_the_kernels);
  tcase_add_test(tc, without_a_network_stack_there_are_no_sockets);
  tcase_add_test(tc, nonsense_is_answered_with_an_error);
  tcase_add_test(tc, memory_that_comes_and_goes_is_an_error_at_most);
  tcase_add_test(tc, descriptors_that_come_and_go_are_an_error_at_most);
  tcase_add_test(tc, sockets_end_with_the_numbers);
  tcase_add_test(tc, one_who_is_killed_takes_everything_along);
  tcase_add_test(tc, many_who_wait_are_killed_together_with_a_child);
  tcase_add_test(tc, an_interrupted_wait_for_more_keeps_what_it_has);
  tcase_add_test(tc, a_child_in_its_parents_memory_has_its_own_descriptors);
  tcase_add_test(tc, a_wait_outlives_its_descriptor);
  return jx_test_run(suite);
}
