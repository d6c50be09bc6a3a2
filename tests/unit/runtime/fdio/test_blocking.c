// Calls that wait: for datagrams, against timeouts and signals, with many threads.
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "fdio_fixture.h"

static void* send_later(void* port) {
  int fd = udp();
  send_to(fd, (int)(intptr_t)port, "late");
  close(fd);
  return NULL;
}

START_TEST(recv_waits_for_a_datagram) {
  int fd = udp_at(5001);
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, send_later, (void*)(intptr_t)5001), 0);
  expect_text(fd, "late");
  pthread_join(thread, NULL);
  close(fd);
}
END_TEST

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

START_TEST(a_timeout_ends_the_wait_on_time) {
  int fd = udp();
  char byte;
  struct timeval timeout = {.tv_usec = 50000};
  ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
  int64_t begin = now_ms();
  EXPECT_ERRNO(recv(fd, &byte, 1, 0), EAGAIN);
  ck_assert_int_ge(now_ms() - begin, 49);
  close(fd);
}
END_TEST

static void* shut_later(void* fd) {
  shutdown((int)(intptr_t)fd, SHUT_RD);
  return NULL;
}

START_TEST(shutdown_ends_a_wait_with_zero) {
  int fd = udp();
  char byte;
  struct sockaddr_in echo = to_port(PORT_ECHO);
  pthread_t thread;
  ck_assert_int_eq(connect(fd, (struct sockaddr*)&echo, sizeof(echo)), 0);
  ck_assert_int_eq(pthread_create(&thread, NULL, shut_later, (void*)(intptr_t)fd), 0);
  ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
  EXPECT_ERRNO(recv(fd, &byte, 1, MSG_DONTWAIT), EAGAIN);
  pthread_join(thread, NULL);
  close(fd);
}
END_TEST

// Signals. A timer ticks until the test has seen what it waits for.

static atomic_int ticks;
static int handler_port;
static int handler_fd = -1;
static sigjmp_buf jump;
static bool jumps;

static void on_alarm(int number) {
  int count = atomic_fetch_add(&ticks, 1) + 1;
  if (jumps) siglongjmp(jump, 1);
  // After some ticks the handler itself ends the wait of the call it interrupts.
  if (handler_port && count == 5) {
    struct sockaddr_in in = to_port(handler_port);
    sendto(handler_fd, "tick", 4, 0, (struct sockaddr*)&in, sizeof(in));
  }
}

static void tick(int flags) {
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
  struct itimerval timer = {.it_value.tv_usec = 2000, .it_interval.tv_usec = 2000};
  atomic_store(&ticks, 0);
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &timer, NULL);
}

static void stop_ticking(void) {
  struct itimerval timer = {.it_value.tv_usec = 0};
  setitimer(ITIMER_REAL, &timer, NULL);
}

START_TEST(a_handler_ends_a_wait_with_eintr) {
  int fd = udp();
  char byte;
  tick(0);
  EXPECT_ERRNO(recv(fd, &byte, 1, 0), EINTR);
  stop_ticking();
  ck_assert_int_ge(atomic_load(&ticks), 1);
  close(fd);
}
END_TEST

START_TEST(a_handler_that_restarts_does_not_end_a_wait) {
  int fd = udp_at(5002);
  handler_fd = udp();
  handler_port = 5002;
  tick(SA_RESTART);
  expect_text(fd, "tick");
  stop_ticking();
  ck_assert_int_ge(atomic_load(&ticks), 5);
  close(handler_fd);
  close(fd);
}
END_TEST

START_TEST(a_wait_with_a_timeout_is_never_restarted) {
  int fd = udp();
  char byte;
  struct timeval timeout = {.tv_sec = 15};
  ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
  tick(SA_RESTART);
  EXPECT_ERRNO(recv(fd, &byte, 1, 0), EINTR);
  stop_ticking();
  close(fd);
}
END_TEST

START_TEST(a_child_that_waits_leaves_its_parents_signals_alone) {
  int fd = udp();
  char byte;
  tick(0);
  EXPECT_ERRNO(recv(fd, &byte, 1, 0), EINTR);
  stop_ticking();
  pid_t child = fork();
  if (child == 0) {
    struct timeval soon = {.tv_usec = 1000};
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarms, NULL);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
    _exit(recv(fd, &byte, 1, 0) == -1 && errno == EAGAIN ? 0 : 1);
  }
  int status;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
  tick(0);
  EXPECT_ERRNO(recv(fd, &byte, 1, 0), EINTR);
  stop_ticking();
  close(fd);
}
END_TEST

START_TEST(ignored_and_blocked_signals_disturb_nothing) {
  int fd = udp_at(5003);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  raise(SIGUSR1);
  signal(SIGUSR2, SIG_IGN);
  raise(SIGUSR2);
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, send_later, (void*)(intptr_t)5003), 0);
  expect_text(fd, "late");
  pthread_join(thread, NULL);
  sigset_t after;
  sigprocmask(SIG_SETMASK, NULL, &after);
  ck_assert_int_eq(sigismember(&after, SIGUSR1), 1);
  ck_assert_int_eq(sigismember(&after, SIGALRM), 0);
  close(fd);
}
END_TEST

START_TEST(a_handler_may_jump_out_of_a_wait) {
  int fd = udp();
  jumps = true;
  for (volatile int i = 0; i < 3; i++) {
    if (sigsetjmp(jump, 1) == 0) {
      char byte;
      tick(0);
      recv(fd, &byte, 1, 0);
      ck_abort_msg("recv returned");
    }
  }
  stop_ticking();
  jumps = false;
  send_to(fd, PORT_ECHO, "still here");
  expect_text(fd, "still here");
  close(fd);
}
END_TEST

static int storm_fd;
static atomic_int storm_sent;
static atomic_int storm_refused;
static atomic_int storm_failed;
static atomic_bool storm_over;

// Between two handlers the program always has some time of its own, however slow the machine is.
static void next_storm(void) {
  struct itimerval timer = {.it_value.tv_usec = 200};
  setitimer(ITIMER_REAL, &timer, NULL);
}

// Sends on the very socket, and opens and closes another, whatever the program was doing.
static void on_storm(int number) {
  int saved_errno = errno;
  struct sockaddr_in in = to_port(PORT_DISCARD);
  ssize_t sent = sendto(storm_fd, "x", 1, MSG_DONTWAIT, (struct sockaddr*)&in, sizeof(in));
  atomic_fetch_add(sent == 1 ? &storm_sent : errno == EDEADLK ? &storm_refused : &storm_failed, 1);
  int copy = dup(storm_fd);
  if (copy >= 0) close(copy);
  if (!atomic_load(&storm_over)) next_storm();
  errno = saved_errno;
}

START_TEST(handlers_that_use_sockets_never_block_the_program) {
  storm_fd = udp();
  struct sigaction action = {.sa_handler = on_storm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  next_storm();
  for (int i = 0; i < 2000; i++) {
    send_to(storm_fd, PORT_ECHO, "calm");
    expect_text(storm_fd, "calm");
    close(udp());
  }
  atomic_store(&storm_over, true);
  stop_ticking();
  ck_assert_int_eq(atomic_load(&storm_failed), 0);
  ck_assert_int_gt(atomic_load(&storm_sent) + atomic_load(&storm_refused), 0);
  close(storm_fd);
}
END_TEST

// Threads

#define RECEIVERS 8
#define PER_RECEIVER 50

static void* receive_some(void* fd) {
  int* seen = calloc(RECEIVERS * PER_RECEIVER, sizeof(int));
  for (int i = 0; i < PER_RECEIVER; i++) {
    int number = -1;
    if (recv((int)(intptr_t)fd, &number, sizeof(number), 0) != sizeof(number)) break;
    seen[number]++;
  }
  return seen;
}

START_TEST(many_threads_share_a_socket_and_each_datagram_is_got_once) {
  int fd = udp_at(5004);
  int sender = udp();
  struct sockaddr_in in = to_port(5004);
  pthread_t threads[RECEIVERS];
  for (int i = 0; i < RECEIVERS; i++) {
    ck_assert_int_eq(pthread_create(&threads[i], NULL, receive_some, (void*)(intptr_t)fd), 0);
  }
  for (int number = 0; number < RECEIVERS * PER_RECEIVER; number++) {
    ck_assert_int_eq(sendto(sender, &number, sizeof(number), 0, (struct sockaddr*)&in, sizeof(in)),
                     sizeof(number));
  }
  int total[RECEIVERS * PER_RECEIVER] = {0};
  for (int i = 0; i < RECEIVERS; i++) {
    void* seen;
    pthread_join(threads[i], &seen);
    for (int k = 0; k < RECEIVERS * PER_RECEIVER; k++)
      total[k] += ((int*)seen)[k];
    free(seen);
  }
  for (int k = 0; k < RECEIVERS * PER_RECEIVER; k++)
    ck_assert_int_eq(total[k], 1);
  close(sender);
  close(fd);
}
END_TEST

static void* open_and_close(void* failed) {
  for (int i = 0; i < 100; i++) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    int copy = fcntl(fd, F_DUPFD, 0);
    struct sockaddr_in in = to_port(PORT_DISCARD);
    if (sendto(copy, "x", 1, 0, (struct sockaddr*)&in, sizeof(in)) != 1) return failed;
    close(fd);
    close(copy);
  }
  return NULL;
}

static void* poke_everything(void* stop) {
  char byte;
  while (!atomic_load((atomic_bool*)stop)) {
    for (int fd = 3; fd < 40; fd++)
      recv(fd, &byte, 1, MSG_DONTWAIT);
  }
  return NULL;
}

START_TEST(opening_closing_and_using_race_without_harm) {
  pthread_t openers[4];
  pthread_t poker;
  atomic_bool stop = false;
  ck_assert_int_eq(pthread_create(&poker, NULL, poke_everything, &stop), 0);
  for (int i = 0; i < 4; i++)
    ck_assert_int_eq(pthread_create(&openers[i], NULL, open_and_close, &stop), 0);
  for (int i = 0; i < 4; i++) {
    void* failure;
    pthread_join(openers[i], &failure);
    ck_assert_msg(!failure, "a send failed");
  }
  atomic_store(&stop, true);
  pthread_join(poker, NULL);
}
END_TEST

static atomic_int receiver;

static void* recv_once(void* fd) {
  char byte;
  atomic_store(&receiver, gettid());
  return (void*)(intptr_t)recv((int)(intptr_t)fd, &byte, 1, 0);
}

// Until the receiver sleeps in the kernel, as it does nowhere but in its call.
static void let_it_sleep(void) {
  char path[64], state = 0;
  while (!atomic_load(&receiver))
    sched_yield();
  snprintf(path, sizeof(path), "/proc/self/task/%d/stat", atomic_load(&receiver));
  for (int in_a_row = 0; in_a_row < 3; in_a_row = state == 'S' ? in_a_row + 1 : 0) {
    FILE* stat = fopen(path, "re");
    ck_assert_ptr_nonnull(stat);
    ck_assert_int_eq(fscanf(stat, "%*d (%*[^)]) %c", &state), 1);
    fclose(stat);
  }
}

START_TEST(a_call_goes_on_after_its_descriptor_is_closed) {
  int fd = udp_at(5005);
  int sender = udp();
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, recv_once, (void*)(intptr_t)fd), 0);
  let_it_sleep();
  close(fd);
  send_to(sender, 5005, "x");
  void* result;
  pthread_join(thread, &result);
  ck_assert_int_eq((intptr_t)result, 1);
  close(sender);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fdio blocking");
  TCase* tc = test_case(suite, "blocking");
  tcase_add_test(tc, recv_waits_for_a_datagram);
  tcase_add_test(tc, a_timeout_ends_the_wait_on_time);
  tcase_add_test(tc, shutdown_ends_a_wait_with_zero);
  tcase_add_test(tc, a_handler_ends_a_wait_with_eintr);
  tcase_add_test(tc, a_handler_that_restarts_does_not_end_a_wait);
  tcase_add_test(tc, a_wait_with_a_timeout_is_never_restarted);
  tcase_add_test(tc, a_child_that_waits_leaves_its_parents_signals_alone);
  tcase_add_test(tc, ignored_and_blocked_signals_disturb_nothing);
  tcase_add_test(tc, a_handler_may_jump_out_of_a_wait);
  tcase_add_test(tc, handlers_that_use_sockets_never_block_the_program);
  tcase_add_test(tc, many_threads_share_a_socket_and_each_datagram_is_got_once);
  tcase_add_test(tc, opening_closing_and_using_race_without_harm);
  tcase_add_test(tc, a_call_goes_on_after_its_descriptor_is_closed);
  return jx_test_run(suite);
}
