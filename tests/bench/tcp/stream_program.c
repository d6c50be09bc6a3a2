// Both ends of the streams that cross a whole system, as ordinary POSIX programs.
//
//   stream_program serve ADDRESS      serves four ports of its own, prints them in one line and stays
//   stream_program ask ADDRESS PORT PORT PORT PORT
//     takes orders on standard input and answers each with one line of two numbers:
//     up MS            sends for so long, first port: bytes, and seconds until the server had them all
//     down MS          receives, second port: bytes and seconds
//     connect COUNT    connects, sends one byte, sees the server close, closes; third port: connections and
//                      seconds
//     rate RATE COUNT  connects and closes at once, RATE times a second as far as that can be kept up; third
//     port: the
//                      same two numbers
//     trip SIZE COUNT  round trips, fourth port: the median and the 99th percentile in microseconds
//
// Each port has a process that serves one connection after another with blocking calls, so that what is
// measured is the way between the two and not the way they are written.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum { PIECE = 256 << 10, TRIPS_MAX = 100000, SIZE_MAX_BYTES = 65536, PORTS = 4, BACKLOG = 128 };

static char piece[PIECE];

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static double since(uint64_t begin) {
  return (double)(bench_now_ns() - begin) / 1e9;
}

static void send_all(int fd, const void* bytes, size_t length) {
  for (size_t sent = 0; sent < length;) {
    ssize_t count = send(fd, (const char*)bytes + sent, length - sent, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("send");
    sent += (size_t)count;
  }
}

// Whether all `length` bytes came; false if the stream ended before the first.
static bool recv_all(int fd, void* bytes, size_t length) {
  for (size_t got = 0; got < length;) {
    ssize_t count = recv(fd, (char*)bytes + got, length - got, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count == 0 && got == 0) return false;
    if (count <= 0) fail("recv");
    got += (size_t)count;
  }
  return true;
}

// Bulk is sent in pieces, of which the last ends with a 1: a stream's own end is not what is measured, and
// not everything that carries streams can half-close them.
static uint64_t send_for(int fd, unsigned ms) {
  uint64_t end = bench_now_ns() + (uint64_t)ms * 1000000, bytes = 0;
  bool last = false;
  while (!last) {
    last = bench_now_ns() >= end;
    piece[PIECE - 1] = last;
    send_all(fd, piece, PIECE);
    bytes += PIECE;
  }
  return bytes;
}

static uint64_t recv_pieces(int fd) {
  uint64_t bytes = 0;
  while (bytes == 0 || bytes % PIECE != 0 || !piece[PIECE - 1]) {
    size_t at = bytes % PIECE;
    ssize_t count = recv(fd, piece + at, PIECE - at, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return 0;
    bytes += (uint64_t)count;
  }
  return bytes;
}

// What is left of a stream that the other side closes.
static void wait_for_end(int fd) {
  char byte;
  while (recv(fd, &byte, 1, 0) > 0)
    continue;
}

// The server's four kinds of connections, in the order of the ports.

static void take(int fd) {
  uint64_t bytes = recv_pieces(fd);
  (void)send(fd, &bytes, sizeof(bytes), 0);
  wait_for_end(fd);
}

static void give(int fd) {
  uint32_t ms;
  if (recv_all(fd, &ms, sizeof(ms))) (void)send_for(fd, ms);
  wait_for_end(fd);
}

static void part(int fd) {
  char byte;
  (void)recv_all(fd, &byte, 1);
}

static void echo(int fd) {
  int yes = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  for (;;) {
    ssize_t count = recv(fd, piece, sizeof(piece), 0);
    if (count <= 0) return;
    send_all(fd, piece, (size_t)count);
  }
}

static void (*const services[PORTS])(int fd) = {take, give, part, echo};

static _Noreturn void serve_port(int listener, void (*service)(int)) {
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0 && errno != EINTR && errno != ECONNABORTED) fail("accept");
    if (fd < 0) continue;
    service(fd);
    close(fd);
  }
}

static _Noreturn void serve(const char* address) {
  for (int i = 0; i < PORTS; i++) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t length = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1) fail(address);
    if (bind(listener, (struct sockaddr*)&at, sizeof(at)) != 0 || listen(listener, BACKLOG) != 0 ||
        getsockname(listener, (struct sockaddr*)&at, &length) != 0)
      fail("listen");
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
      (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
      serve_port(listener, services[i]);
    }
    close(listener);
    printf("%u%c", ntohs(at.sin_port), i + 1 < PORTS ? ' ' : '\n');
  }
  fflush(stdout);
  for (;;)
    pause();
}

// The client.

static struct sockaddr_in server;
static uint16_t ports[PORTS];

static int connect_to(int service) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  server.sin_port = htons(ports[service]);
  if (fd < 0 || connect(fd, (struct sockaddr*)&server, sizeof(server)) != 0) fail("connect");
  return fd;
}

static void up(unsigned ms) {
  int fd = connect_to(0);
  uint64_t begin = bench_now_ns(), arrived = 0;
  uint64_t sent = send_for(fd, ms);
  if (!recv_all(fd, &arrived, sizeof(arrived)) || arrived != sent) {
    fprintf(stderr, "stream_program: of %llu bytes %llu arrived\n", (unsigned long long)sent,
            (unsigned long long)arrived);
    exit(1);
  }
  printf("%llu %.9f\n", (unsigned long long)arrived, since(begin));
  close(fd);
}

static void down(uint32_t ms) {
  int fd = connect_to(1);
  uint64_t begin = bench_now_ns();
  send_all(fd, &ms, sizeof(ms));
  uint64_t bytes = recv_pieces(fd);
  if (bytes == 0) fail("recv");
  printf("%llu %.9f\n", (unsigned long long)bytes, since(begin));
  close(fd);
}

static void connections(unsigned count) {
  uint64_t begin = bench_now_ns();
  for (unsigned i = 0; i < count; i++) {
    int fd = connect_to(2);
    send_all(fd, "", 1);
    wait_for_end(fd);
    close(fd);
  }
  printf("%u %.9f\n", count, since(begin));
}

// The side that closes first is the one that keeps the connection for a while (TIME-WAIT), here the client.
static void connections_at(unsigned rate, unsigned count) {
  uint64_t begin = bench_now_ns();
  for (unsigned i = 0; i < count; i++) {
    uint64_t due = begin + (uint64_t)i * 1000000000 / rate, now = bench_now_ns();
    struct timespec pause = {.tv_sec = (time_t)((due - now) / 1000000000),
                             .tv_nsec = (long)((due - now) % 1000000000)};
    if (now < due) nanosleep(&pause, NULL);
    close(connect_to(2));
  }
  printf("%u %.9f\n", count, since(begin));
}

static int later(const void* a, const void* b) {
  double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static void trips(size_t size, unsigned count) {
  static double times[TRIPS_MAX];
  static char question[SIZE_MAX_BYTES], answer[SIZE_MAX_BYTES];
  int fd = connect_to(3), yes = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  for (unsigned i = 0; i < count; i++) {
    uint64_t begin = bench_now_ns();
    send_all(fd, question, size);
    if (!recv_all(fd, answer, size)) fail("echo");
    times[i] = (double)(bench_now_ns() - begin) / 1000;
  }
  close(fd);
  qsort(times, count, sizeof(*times), later);
  printf("%.3f %.3f\n", times[count / 2], times[count * 99 / 100]);
}

static int ask(char** arguments) {
  char line[128];
  unsigned first, second;
  server.sin_family = AF_INET;
  if (inet_pton(AF_INET, arguments[0], &server.sin_addr) != 1) fail(arguments[0]);
  for (int i = 0; i < PORTS; i++)
    ports[i] = (uint16_t)atoi(arguments[1 + i]);
  while (fgets(line, sizeof(line), stdin)) {
    if (sscanf(line, "up %u", &first) == 1) {
      up(first);
    } else if (sscanf(line, "down %u", &first) == 1) {
      down(first);
    } else if (sscanf(line, "connect %u", &first) == 1) {
      connections(first);
    } else if (sscanf(line, "rate %u %u", &first, &second) == 2 && first > 0) {
      connections_at(first, second);
    } else if (sscanf(line, "trip %u %u", &first, &second) == 2 && first <= SIZE_MAX_BYTES && second > 0 &&
               second <= TRIPS_MAX) {
      trips(first, second);
    } else {
      fprintf(stderr, "stream_program: unknown order %s", line);
      return 1;
    }
    fflush(stdout);
  }
  return 0;
}

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc == 3 && strcmp(argv[1], "serve") == 0) serve(argv[2]);
  if (argc == 3 + PORTS && strcmp(argv[1], "ask") == 0) return ask(argv + 2);
  fprintf(stderr, "usage: stream_program serve ADDRESS | ask ADDRESS PORT PORT PORT PORT\n");
  return 2;
}
