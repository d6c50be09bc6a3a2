#include "target.h"

#include <errno.h>
#include <jx_test.h>
#include <lib/zxio/zxio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zircon/errors.h>
#include <zircon/syscalls.h>

static int says = -1;  // in the target

void target_say(void) {
  char byte = 0;
  EXPECT(write(says, &byte, 1) == 1);
}

void target_fail(const char* what, int line) {
  fprintf(stderr, "in the target, line %d: %s: %s\n", line, what, strerror(errno));
  _exit(1);
}

struct sockaddr_in target_address(int port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int target_socket(int port) {
  struct sockaddr_in address = target_address(port);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  EXPECT(fd >= 0 && bind(fd, (struct sockaddr*)&address, sizeof(address)) == 0);
  return fd;
}

// Passing the listener on

static bool send_fd(int way, int fd) {
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fd))] = {0};
  struct iovec iov = {.iov_base = (char[1]){0}, .iov_len = 1};
  struct msghdr message = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(fd));
  memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  return sendmsg(way, &message, MSG_NOSIGNAL) == 1;
}

static int receive_fd(int way) {
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  char byte;
  struct iovec iov = {.iov_base = &byte, .iov_len = 1};
  struct msghdr message = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
  int fd = -1;
  if (recvmsg(way, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header) memcpy(&fd, CMSG_DATA(header), sizeof(fd));
  return fd;
}

static int begin(const intercept_numbers_t* numbers) {
  int listener = -1;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return intercept_begin(numbers, &listener) == ZX_OK ? listener : -1;
}

bool target_is_possible(void) {
  int status;
  pid_t child = fork();
  if (child == 0) {
    intercept_numbers_t numbers = intercept_numbers();
    _exit(begin(&numbers) < 0);
  }
  return waitpid(child, &status, 0) == child && status == 0;
}

static void run(const intercept_numbers_t* numbers, int way, void (*body)(void)) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int listener = begin(numbers);
  if (listener < 0 || !send_fd(way, listener)) _exit(2);
  close(listener);
  close(way);
  body();
  _exit(0);
}

// The service

static void* serve(void* context) {
  target_t* target = context;
  target->served = intercept_serve(&target->numbers, target->listener, target->svc);
  return NULL;
}

void target_start(target_t* target, void (*body)(void), bool with_stack) {
  int way[2], words[2];
  zx_handle_t server;
  *target = (target_t){.numbers = intercept_numbers()};
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, way), 0);
  ck_assert_int_eq(pipe(words), 0);
  target->pid = fork();
  ck_assert_int_ge(target->pid, 0);
  if (target->pid == 0) {
    says = words[1];
    close(words[0]);
    close(way[0]);
    run(&target->numbers, way[1], body);
  }
  close(way[1]);
  close(words[1]);
  target->said = words[0];
  target->listener = receive_fd(way[0]);
  close(way[0]);
  ck_assert_int_ge(target->listener, 0);
  ck_assert_int_eq(zx_channel_create(0, &target->svc, &server), ZX_OK);
  if (with_stack) {
    target->stack = fake_stack_start(server);
  } else {
    zx_handle_close(server);
  }
  ck_assert_int_eq(pthread_create(&target->thread, NULL, serve, target), 0);
}

void target_await(target_t* target) {
  char byte;
  ck_assert_int_eq(read(target->said, &byte, 1), 1);
}

int target_end(target_t* target) {
  int status;
  ck_assert_int_eq(waitpid(target->pid, &status, 0), target->pid);
  ck_assert_int_eq(pthread_join(target->thread, NULL), 0);
  ck_assert_int_eq(target->served, ZX_OK);
  if (target->stack) {
    ck_assert_uint_eq(fake_stack_sockets(target->stack), 0);
    fake_stack_stop(target->stack);
  }
  close(target->said);
  return status;
}

void target_run(void (*body)(void)) {
  target_t target;
  target_start(&target, body, true);
  ck_assert_int_eq(target_end(&target), 0);
}
