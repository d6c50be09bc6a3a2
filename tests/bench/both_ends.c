// A program with both ends of what it does, over loopback. Linked statically and dynamically it is the same
// program with its calls made for it (runtime/intercept) and with fdio: bench_static.py.
//
//   both_ends CASE COUNT    prints one number: how much a second, or how many microseconds each
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : (perror(#condition), exit(1)))

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct sockaddr_in name_of(int fd) {
  struct sockaddr_in name;
  socklen_t length = sizeof(name);
  CHECK(getsockname(fd, (struct sockaddr*)&name, &length) == 0);
  return name;
}

static int bound(int type) {
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, type, 0);
  CHECK(fd >= 0 && bind(fd, (struct sockaddr*)&any, sizeof(any)) == 0);
  return fd;
}

static int listening(void) {
  int fd = bound(SOCK_STREAM);
  CHECK(listen(fd, 16) == 0);
  return fd;
}

static void connect_to(int fd, int other) {
  struct sockaddr_in name = name_of(other);
  CHECK(connect(fd, (struct sockaddr*)&name, sizeof(name)) == 0);
}

static int connected_to(int listener) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(fd >= 0);
  connect_to(fd, listener);
  return fd;
}

// Cases: each returns the seconds it took to do one thing so often.

static double datagrams(long count) {
  char bytes[64] = {0};
  int fd = bound(SOCK_DGRAM);
  connect_to(fd, fd);
  double begin = now();
  for (long i = 0; i < count; i++)
    CHECK(send(fd, bytes, sizeof(bytes), 0) == sizeof(bytes) && recv(fd, bytes, sizeof(bytes), 0) > 0);
  return now() - begin;
}

static double connections(long count) {
  int listener = listening();
  double begin = now();
  for (long i = 0; i < count; i++) {
    int near = connected_to(listener), far = accept(listener, NULL, NULL);
    CHECK(far >= 0 && close(near) == 0 && close(far) == 0);
  }
  return now() - begin;
}

enum { PIECE = 1 << 20 };

static double pieces(long count) {
  static char bytes[PIECE];
  int listener = listening(), near = connected_to(listener), far = accept(listener, NULL, NULL);
  ssize_t got;
  size_t total = 0;
  CHECK(far >= 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    close(far);
    for (long i = 0; i < count; i++) {
      for (size_t sent = 0; sent < PIECE; sent += (size_t)got)
        CHECK((got = write(near, bytes + sent, PIECE - sent)) > 0);
    }
    _exit(0);
  }
  close(near);
  double begin = now();
  while ((got = read(far, bytes, sizeof(bytes))) > 0)
    total += (size_t)got;
  double taken = now() - begin;
  CHECK(total == (size_t)count * PIECE && waitpid(child, NULL, 0) == child);
  return taken;
}

static double names(long count, int fd) {
  double begin = now();
  for (long i = 0; i < count; i++)
    (void)name_of(fd);
  return now() - begin;
}

static double datagram_names(long count) {
  return names(count, bound(SOCK_DGRAM));
}

static double stream_names(long count) {
  return names(count, connected_to(listening()));
}

static const struct {
  const char* name;
  double (*run)(long count);
  double rate, each;  // what to print: this by the seconds of one, or the seconds of one times this
} cases[] = {
    {"datagrams", datagrams, 1, 0},
    {"connections", connections, 1, 0},
    {"bytes", pieces, PIECE, 0},
    {"datagram-names", datagram_names, 0, 1e6},
    {"stream-names", stream_names, 0, 1e6},
};

int main(int argc, char** argv) {
  for (size_t i = 0; argc == 3 && i < sizeof(cases) / sizeof(cases[0]); i++) {
    long count = strtol(argv[2], NULL, 10);
    if (strcmp(argv[1], cases[i].name) != 0 || count <= 0) continue;
    double one = cases[i].run(count) / (double)count;
    printf("%.6f\n", cases[i].rate > 0 ? cases[i].rate / one : cases[i].each * one);
    return 0;
  }
  fprintf(stderr, "usage: both_ends CASE COUNT\n");
  return 2;
}
