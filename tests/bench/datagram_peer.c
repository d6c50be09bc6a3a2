// Both ends of the datagram benchmark, as ordinary POSIX programs that know nothing of Jacinth.
//
//   datagram_peer echo ADDRESS PORT     answers every datagram; prints the port it is bound to
//   datagram_peer ask ADDRESS PORT      takes orders on standard input and prints one line for each:
//     trip SIZE COUNT      the median time of COUNT round trips of SIZE bytes, in microseconds
//     rate SIZE WINDOW MS  answered datagrams per second over MS milliseconds, WINDOW of them under way
//     send SIZE COUNT      COUNT datagrams sent without waiting for answers, per second
// A datagram lost is tried again after a tenth of a second and counted as lost in the second word printed.
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum { MAX_SIZE = 65507, MAX_TRIPS = 100000, PATIENCE_MS = 100, GIVE_UP = 50 };

typedef struct asker {
  int fd;
  uint32_t next;  // number of the next datagram, in its first four bytes
  unsigned long lost;
  char data[MAX_SIZE];
  char answer[MAX_SIZE];
} asker_t;

static int open_socket(const char* address, const char* port,
                       int (*attach)(int, const struct sockaddr*, socklen_t)) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || inet_pton(AF_INET, address, &name.sin_addr) != 1 ||
      attach(fd, (struct sockaddr*)&name, sizeof(name)) != 0) {
    perror("datagram_peer");
    exit(1);
  }
  int bytes = 1 << 20;
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  return fd;
}

static int echo(const char* address, const char* port) {
  static char data[MAX_SIZE];
  int fd = open_socket(address, port, bind);
  struct sockaddr_in name;
  socklen_t length = sizeof(name);
  if (getsockname(fd, (struct sockaddr*)&name, &length) != 0) return 1;
  printf("%u\n", ntohs(name.sin_port));
  fflush(stdout);
  for (;;) {
    length = sizeof(name);
    ssize_t size = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr*)&name, &length);
    if (size >= 0) (void)sendto(fd, data, (size_t)size, 0, (struct sockaddr*)&name, length);
  }
}

static void ask(asker_t* asker, size_t size) {
  memcpy(asker->data, &asker->next, sizeof(asker->next));
  asker->next++;
  while (send(asker->fd, asker->data, size, 0) < 0) {
    if (errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED && errno != EINTR) {
      perror("send");
      exit(1);
    }
  }
}

// Waits for an answer; false if none comes for a while.
static bool answered(asker_t* asker, uint32_t* number) {
  struct pollfd item = {.fd = asker->fd, .events = POLLIN};
  for (;;) {
    ssize_t size = recv(asker->fd, asker->answer, sizeof(asker->answer), MSG_DONTWAIT);
    if (size >= (ssize_t)sizeof(*number)) {
      memcpy(number, asker->answer, sizeof(*number));
      return true;
    }
    if (poll(&item, 1, PATIENCE_MS) == 0) return false;
  }
}

// One round trip with blocking calls, in microseconds. Each call is what a simple program would make.
static double trip(asker_t* asker, size_t size) {
  for (int attempt = 0; attempt < GIVE_UP; attempt++) {
    uint32_t number = asker->next, got = 0;
    uint64_t begin = bench_now_ns();
    ask(asker, size);
    do {
      if (recv(asker->fd, &asker->answer, sizeof(asker->answer), 0) < 0) break;
      memcpy(&got, asker->answer, sizeof(got));
    } while (got != number);
    if (got == number) return (double)(bench_now_ns() - begin) / 1000;
    asker->lost++;
  }
  fprintf(stderr, "datagram_peer: no answers\n");
  exit(1);
}

static double trips(asker_t* asker, size_t size, size_t count) {
  static double times[MAX_TRIPS];
  if (count > MAX_TRIPS) count = MAX_TRIPS;
  for (size_t i = 0; i < count; i++)
    times[i] = trip(asker, size);
  return bench_median(times, count);
}

static double rate(asker_t* asker, size_t size, unsigned window, unsigned ms) {
  uint64_t begin = bench_now_ns(), end = begin + (uint64_t)ms * 1000000, answers = 0;
  unsigned under_way = 0;
  int silences = 0;
  while (bench_now_ns() < end) {
    while (under_way < window) {
      ask(asker, size);
      under_way++;
    }
    uint32_t number;
    if (answered(asker, &number)) {
      answers++;
      under_way--;
      silences = 0;
    } else {
      asker->lost += under_way;
      under_way = 0;
      if (++silences == GIVE_UP) exit(1);
    }
  }
  double seconds = (double)(bench_now_ns() - begin) / 1e9;
  uint32_t number;
  while (under_way > 0 && answered(asker, &number))
    under_way--;
  return (double)answers / seconds;
}

static double send_only(asker_t* asker, size_t size, size_t count) {
  uint64_t begin = bench_now_ns();
  for (size_t i = 0; i < count; i++)
    ask(asker, size);
  double seconds = (double)(bench_now_ns() - begin) / 1e9;
  uint32_t number;
  while (answered(asker, &number))
    continue;
  return (double)count / seconds;
}

static size_t bounded(size_t size) {
  return size < sizeof(uint32_t) ? sizeof(uint32_t) : size > MAX_SIZE ? MAX_SIZE : size;
}

static int take_orders(const char* address, const char* port) {
  asker_t* asker = calloc(1, sizeof(*asker));
  if (!asker) return 1;
  asker->fd = open_socket(address, port, connect);
  struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};
  (void)setsockopt(asker->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  char line[128];
  while (fgets(line, sizeof(line), stdin)) {
    size_t size = 0, count = 0;
    unsigned window = 0, ms = 0;
    double value;
    asker->lost = 0;
    if (sscanf(line, "trip %zu %zu", &size, &count) == 2) {
      value = trips(asker, bounded(size), count);
    } else if (sscanf(line, "rate %zu %u %u", &size, &window, &ms) == 3) {
      value = rate(asker, bounded(size), window, ms);
    } else if (sscanf(line, "send %zu %zu", &size, &count) == 2) {
      value = send_only(asker, bounded(size), count);
    } else {
      fprintf(stderr, "datagram_peer: unknown order %s", line);
      return 1;
    }
    printf("%.3f %lu\n", value, asker->lost);
    fflush(stdout);
  }
  close(asker->fd);
  free(asker);
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 4 && strcmp(argv[1], "echo") == 0) return echo(argv[2], argv[3]);
  if (argc == 4 && strcmp(argv[1], "ask") == 0) return take_orders(argv[2], argv[3]);
  fprintf(stderr, "usage: datagram_peer echo|ask ADDRESS PORT\n");
  return 2;
}
