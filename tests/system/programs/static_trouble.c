// Whatever such a program says, and whatever comes in between: bad pointers, signals, threads.
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "static_sockets.h"

void bad_pointers_are_errors(void) {
  char* no_access = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(no_access != MAP_FAILED && mprotect(no_access + 4096, 4096, PROT_NONE) == 0);
  void* bad = no_access + 4096;
  int stream = socket(AF_INET, SOCK_STREAM, 0), datagrams = datagram_socket(SOCK_NONBLOCK), value = 0;
  socklen_t length = 16;
  CHECK_FAILS(bind(stream, bad, 16), EFAULT);
  CHECK_FAILS(connect(stream, bad, 16), EFAULT);
  CHECK_FAILS(connect(stream, NULL, 16), EFAULT);
  CHECK_FAILS(bind(stream, bad, (socklen_t)-1), EINVAL);
  CHECK_FAILS(bind(stream, bad, 1 << 20), EINVAL);
  CHECK_FAILS(bind(stream, (void*)no_access, 2), EINVAL);
  CHECK_FAILS(getsockname(stream, bad, &length), EFAULT);
  CHECK_FAILS(getsockname(stream, (void*)no_access, bad), EFAULT);
  length = (socklen_t)-1;
  CHECK_FAILS(getsockname(stream, (void*)no_access, &length), EINVAL);
  CHECK_FAILS(setsockopt(stream, IPPROTO_TCP, TCP_NODELAY, bad, 4), EFAULT);
  CHECK_FAILS(setsockopt(stream, IPPROTO_TCP, TCP_NODELAY, &value, (socklen_t)-1), EINVAL);
  CHECK_FAILS(getsockopt(stream, IPPROTO_TCP, TCP_NODELAY, &value, bad), EFAULT);
  CHECK_FAILS(getsockopt(stream, IPPROTO_TCP, TCP_NODELAY, &value, (socklen_t*)(void*)(no_access + 4094)),
              EFAULT);
  struct sockaddr_in self = loopback(port_of(datagrams));
  CHECK_FAILS(sendto(datagrams, bad, 10, 0, (struct sockaddr*)&self, sizeof self), EFAULT);
  CHECK_FAILS(sendto(datagrams, no_access + 4000, 200, 0, (struct sockaddr*)&self, sizeof self), EFAULT);
  CHECK_FAILS(sendto(datagrams, "x", 1, 0, bad, sizeof self), EFAULT);
  CHECK_FAILS(sendmsg(datagrams, bad, 0), EFAULT);
  CHECK_FAILS(recvmsg(datagrams, bad, 0), EFAULT);
  CHECK_FAILS(readv(datagrams, bad, 2), EFAULT);
  volatile int too_few = -1;
  CHECK_FAILS(readv(datagrams, bad, too_few), EINVAL);
  CHECK_FAILS(sendmmsg(datagrams, bad, 3, 0), EFAULT);
  CHECK_FAILS(recvmmsg(datagrams, bad, 3, 0, NULL), EFAULT);
  CHECK_FAILS(ioctl(datagrams, FIONREAD, bad), EFAULT);
  CHECK(sendto(datagrams, "xyz", 3, 0, (struct sockaddr*)&self, sizeof self) == 3);
  CHECK(shown(datagrams, POLLIN, -1) == POLLIN);
  CHECK_FAILS(recv(datagrams, no_access + 4094, 3, 0), EFAULT);
  int listener = listener_at_any_port(), client = connected_to(port_of(listener));
  length = 16;
  CHECK_FAILS(accept(listener, bad, &length), EFAULT);
  close(client);
}

static volatile sig_atomic_t signals;

static void on_signal(int number) {
  signals++;
}

static void handle(int flags) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  signals = 0;
}

// A child that signals this process until it is told to end, and then connects and sends.
static pid_t disturber(int go, int stream_port, int datagram_port) {
  pid_t parent = getpid(), child = fork();
  CHECK(child >= 0);
  if (child > 0) return child;
  struct pollfd pollfd = {.fd = go, .events = POLLIN};
  while (poll(&pollfd, 1, 3) == 0)
    CHECK(kill(parent, SIGUSR1) == 0);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK(do_connect(fd, datagram_port) == 0 && send(fd, "x", 1, 0) == 1);
  connected_to(stream_port);
  _exit(0);
}

void signals_interrupt_waits(void) {
  char byte;
  int go[2], listener = listener_at_any_port(), datagrams = datagram_socket(0);
  handle(0);
  CHECK(pipe(go) == 0);
  pid_t child = disturber(go[0], port_of(listener), port_of(datagrams));
  CHECK_FAILS(accept(listener, NULL, NULL), EINTR);
  CHECK(signals > 0);
  for (int i = 0; i < 3; i++)
    CHECK_FAILS(recv(datagrams, &byte, 1, 0), EINTR);
  handle(SA_RESTART);
  struct timeval timeout = {.tv_sec = 1000};
  CHECK(setsockopt(datagrams, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
  CHECK_FAILS(recv(datagrams, &byte, 1, 0), EINTR);  // a wait with an end does not begin anew
  timeout.tv_sec = 0;
  CHECK(setsockopt(datagrams, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
  CHECK(write(go[1], "", 1) == 1);
  wait_for_child(child);
  CHECK(recv(datagrams, &byte, 1, 0) == 1 && accept(listener, NULL, NULL) >= 0);
}

static volatile sig_atomic_t enough;

static void count_to_ten(int number) {
  char byte = 0;
  if (++signals == 10) CHECK(write((int)enough, &byte, 1) == 1);
}

// The calls begin anew after each signal, until the other end comes after the tenth.
void calls_begin_anew_after_signals(void) {
  char byte;
  int go[2], listener = listener_at_any_port(), datagrams = datagram_socket(0);
  struct sigaction action = {.sa_handler = count_to_ten, .sa_flags = SA_RESTART};
  CHECK(pipe(go) == 0);
  enough = go[1];
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  pid_t child = disturber(go[0], port_of(listener), port_of(datagrams));
  CHECK(accept(listener, NULL, NULL) >= 0);
  CHECK(signals >= 10);
  CHECK(recv(datagrams, &byte, 1, 0) == 1);
  wait_for_child(child);
}

// A call that a signal comes into is done once.
void signals_make_nothing_happen_twice(void) {
  enum { ROUNDS = 2000 };
  struct itimerval often = {.it_interval.tv_usec = 300, .it_value.tv_usec = 300}, never = {0};
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  int one = datagram_socket(0), other = datagram_socket(0);
  CHECK(do_connect(one, port_of(other)) == 0);
  CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
  for (int i = 0; i < ROUNDS; i++) {
    int got = -1;
    CHECK(send(one, &i, sizeof i, 0) == sizeof i);
    CHECK(recv(other, &got, sizeof got, MSG_DONTWAIT) == sizeof got && got == i);
    if (i % 50) continue;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && do_bind(fd, 0) == 0 && listen(fd, 1) == 0 && close(fd) == 0);
  }
  CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
  CHECK(signals > 0);
}

// One that interrupts a wait for several messages ends it with those that are there.
void signals_lose_no_messages(void) {
  enum { ROUNDS = 10 };
  int go[2], datagrams = datagram_socket(0), other = datagram_socket(0), listener = listener_at_any_port();
  handle(SA_RESTART);
  CHECK(do_connect(other, port_of(datagrams)) == 0 && pipe(go) == 0);
  pid_t child = disturber(go[0], port_of(listener), port_of(datagrams));
  for (int i = 0; i < ROUNDS; i++) {
    int got[3] = {-1, -1, -1};
    struct iovec iovs[3] = {{&got[0], sizeof(int)}, {&got[1], sizeof(int)}, {&got[2], sizeof(int)}};
    struct mmsghdr messages[3];
    memset(messages, 0, sizeof messages);
    for (int j = 0; j < 3; j++)
      messages[j].msg_hdr = (struct msghdr){.msg_iov = &iovs[j], .msg_iovlen = 1};
    for (int j = 0; j < 2; j++)
      CHECK(send(other, (int[]){2 * i + j}, sizeof(int), 0) == sizeof(int));
    int count = recvmmsg(datagrams, messages, 3, 0, NULL);
    CHECK(count == 2 || count == 1);
    CHECK(got[0] == 2 * i);
    if (count == 1) CHECK(recv(datagrams, &got[1], sizeof(int), 0) == sizeof(int));
    CHECK(got[1] == 2 * i + 1);
  }
  CHECK(write(go[1], "", 1) == 1);
  wait_for_child(child);
}

static void* accept_one(void* context) {
  int fd = accept(*(int*)context, NULL, NULL);
  CHECK(fd >= 0);
  return (void*)(intptr_t)fd;
}

static void* receive_one(void* context) {
  char byte;
  CHECK(recv(*(int*)context, &byte, 1, 0) == 1);
  return NULL;
}

void waiting_threads_hold_up_nobody(void) {
  enum { THREADS = 8 };
  pthread_t accepting[THREADS], receiving[THREADS];
  int listener = listener_at_any_port(), datagrams = datagram_socket(0);
  for (int i = 0; i < THREADS; i++) {
    CHECK(pthread_create(&accepting[i], NULL, accept_one, &listener) == 0);
    CHECK(pthread_create(&receiving[i], NULL, receive_one, &datagrams) == 0);
  }
  streams_carry_bytes_both_ways();
  datagrams_have_ends_and_senders();
  int other = datagram_socket(0);
  CHECK(do_connect(other, port_of(datagrams)) == 0);
  for (int i = 0; i < THREADS; i++) {
    connected_to(port_of(listener));
    CHECK(send(other, "x", 1, 0) == 1);
  }
  for (int i = 0; i < THREADS; i++)
    CHECK(pthread_join(accepting[i], NULL) == 0 && pthread_join(receiving[i], NULL) == 0);
}
