// What a stack in three processes could carry at best: nothing but its copies and hand-overs, with plain
// programs in the places of ours.
//
//   program --Unix socket-- netstack --shared memory-- driver --TCP over loopback-- server
//
// A byte is copied four times: into each socket and out of it, to and from the shared memory directly. A
// sender that keeps it in a buffer of its own, as one must that may have to send it again, copies it once
// more. There is no TCP but the kernel's on the last leg, nothing is acknowledged through the chain, and each
// sleeper is woken only if it sleeps. The reference is the kernel alone, program and server at the two ends
// of a TCP connection over loopback: two copies.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum { PIECE = 256 << 10, RUN = 64000, RUNS = 32, KEPT = 1 << 20, ROUNDS = 5, ROUND_MS = 500 };
enum { SEND_BUFFER = 212992 };

typedef struct side {
  _Atomic uint32_t count;  // runs it has passed on
  _Atomic uint32_t sleeps;
  int bell;
} side_t;

typedef struct shared {
  side_t filled, emptied;
  uint32_t lengths[RUNS];
  char runs[RUNS][RUN];
} shared_t;

static char piece[PIECE];

static void require(bool good, const char* what) {
  if (good) return;
  perror(what);
  exit(1);
}

static void pass_on(side_t* side) {
  atomic_fetch_add(&side->count, 1);
  if (!atomic_exchange(&side->sleeps, 0)) return;
  uint64_t one = 1;
  require(write(side->bell, &one, sizeof(one)) == sizeof(one), "write");
}

// Waits until the other side has passed on more than `seen`.
static void await(side_t* side, uint32_t seen) {
  while (atomic_load(&side->count) == seen) {
    uint64_t rings;
    atomic_store(&side->sleeps, 1);
    if (atomic_load(&side->count) != seen) return;
    require(read(side->bell, &rings, sizeof(rings)) == sizeof(rings), "read");
  }
}

static void send_all(int fd, const char* bytes, size_t length) {
  for (size_t sent = 0; sent < length;) {
    ssize_t count = send(fd, bytes + sent, length - sent, MSG_NOSIGNAL);
    if (count <= 0) exit(0);
    sent += (size_t)count;
  }
}

// The four places, whichever way the bytes go.

static void source(int to) {
  for (;;)
    send_all(to, piece, sizeof(piece));
}

static void fill(shared_t* shared, int from, bool keeps) {
  static char kept[KEPT + RUN];
  size_t at = 0;
  for (uint32_t n = 0;; n++) {
    if (n >= RUNS) await(&shared->emptied, n - RUNS);
    char* run = shared->runs[n % RUNS];
    ssize_t count = recv(from, keeps ? kept + at : run, RUN, 0);
    if (count <= 0) exit(0);
    if (keeps) memcpy(run, kept + at, (size_t)count);
    at = (at + (size_t)count) % KEPT;
    shared->lengths[n % RUNS] = (uint32_t)count;
    pass_on(&shared->filled);
  }
}

static void empty(shared_t* shared, int to) {
  for (uint32_t n = 0;; n++) {
    await(&shared->filled, n);
    send_all(to, shared->runs[n % RUNS], shared->lengths[n % RUNS]);
    pass_on(&shared->emptied);
  }
}

static void tcp_pair(int out[2]) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof(at);
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  out[0] = socket(AF_INET, SOCK_STREAM, 0);
  (void)setsockopt(out[0], IPPROTO_TCP, TCP_CONGESTION, "reno", strlen("reno"));  // which does not pace
  require(bind(listener, (struct sockaddr*)&at, sizeof(at)) == 0 && listen(listener, 1) == 0 &&
              getsockname(listener, (struct sockaddr*)&at, &length) == 0 &&
              connect(out[0], (struct sockaddr*)&at, sizeof(at)) == 0,
          "connect");
  out[1] = accept(listener, NULL, NULL);
  require(out[1] >= 0, "accept");
  close(listener);
}

static pid_t begin(void) {
  pid_t child = fork();
  require(child >= 0, "fork");
  if (child == 0) (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  return child;
}

// Gbit/s of what arrives at the last place, which is this process.
static double sink(int from) {
  uint64_t bytes = 0, start = bench_now_ns(), end = start + UINT64_C(1000000) * ROUND_MS, now;
  while ((now = bench_now_ns()) < end) {
    ssize_t count = recv(from, piece, sizeof(piece), 0);
    require(count > 0, "recv");
    bytes += (uint64_t)count;
  }
  return (double)bytes * 8 / (double)(now - start);
}

static void local_pair(int out[2]) {
  int size = SEND_BUFFER;
  require(socketpair(AF_UNIX, SOCK_STREAM, 0, out) == 0, "socketpair");
  (void)setsockopt(out[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

typedef enum way { ALONE, UP, UP_KEEPING, DOWN } way_t;

static double measure(way_t way) {
  int local[2], tcp[2], count = 0;
  pid_t children[3];
  tcp_pair(tcp);
  local_pair(local);
  shared_t* shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(shared != MAP_FAILED, "mmap");
  shared->filled.bell = eventfd(0, 0);
  shared->emptied.bell = eventfd(0, 0);
  const int *first = way == UP || way == UP_KEEPING ? local : tcp, *last = way == DOWN ? local : tcp;
  if ((children[count++] = begin()) == 0) source(first[0]);
  if (way != ALONE && (children[count++] = begin()) == 0) fill(shared, first[1], way == UP_KEEPING);
  if (way != ALONE && (children[count++] = begin()) == 0) empty(shared, last[0]);
  double rate = sink(last[1]);
  for (int i = 0; i < count; i++) {
    kill(children[i], SIGKILL);
    waitpid(children[i], NULL, 0);
  }
  const int fds[] = {local[0], local[1], tcp[0], tcp[1], shared->filled.bell, shared->emptied.bell};
  for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
    close(fds[i]);
  munmap(shared, sizeof(*shared));
  return rate;
}

int main(void) {
  static const char* const names[] = {[UP] = "program to server, four copies",
                                      [UP_KEEPING] = "program to server, five copies",
                                      [DOWN] = "server to program, four copies"};
  double rates[DOWN + 1][ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    for (way_t way = ALONE; way <= DOWN; way++)
      rates[way][i] = measure(way);
  }
  bench_row_t row = {.subject = "copies through three processes",
                     .unit = "Gbit/s",
                     .reference = "kernel alone",
                     .reference_value = bench_median(rates[ALONE], ROUNDS)};
  for (way_t way = UP; way <= DOWN; way++) {
    row.name = names[way];
    row.value = bench_median(rates[way], ROUNDS);
    bench_report(&row);
  }
  return 0;
}
