// A stream over the sockets of the C library.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "stream_peer.h"

#define PATIENCE_MS 10000
#define PIECE (256 << 10)

static char bytes[PIECE];

static void fail(const char* what) {
  perror(what);
  exit(1);
}

void stream_start(char** arguments) {
  (void)arguments;
  signal(SIGPIPE, SIG_IGN);
}

static double since(uint64_t begin) {
  return (double)(bench_now_ns() - begin) / 1e9;
}

static void reset(int fd) {
  struct linger now = {1, 0};
  (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(fd);
}

stream_result_t stream_receive(uint16_t port, double seconds, void (*ready)(void)) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (listener < 0) fail("socket");
  (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (bind(listener, (struct sockaddr*)&at, sizeof(at)) != 0 || listen(listener, 1) != 0) fail("listen");
  ready();
  stream_result_t result = {0};
  struct pollfd item = {listener, POLLIN, 0};
  int fd = poll(&item, 1, PATIENCE_MS) == 1 ? accept(listener, NULL, NULL) : -1;
  close(listener);
  if (fd < 0) return result;
  struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  uint64_t begin = 0;
  while (result.seconds < seconds) {
    ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
    if (got <= 0) break;
    if (!begin) begin = bench_now_ns();
    result.bytes += (uint64_t)got;
    result.seconds = since(begin);
  }
  reset(fd);
  return result;
}

// Looks at a stream from time to time, while its sender is within a call.
typedef struct sampler {
  int fd;
  atomic_bool ends;
  double count, window, rtt_us;
} sampler_t;

static void* sample(void* context) {
  sampler_t* s = context;
  const struct timespec pause = {0, STREAM_SAMPLE_NS};
  while (!atomic_load(&s->ends)) {
    struct tcp_info info;
    socklen_t length = sizeof(info);
    if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0) {
      s->count++;
      s->window += info.tcpi_snd_cwnd;
      s->rtt_us += info.tcpi_rtt;
    }
    nanosleep(&pause, NULL);
  }
  return NULL;
}

stream_result_t stream_send(const char* address, uint16_t port, const char* control, double seconds) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1) fail(address);
  if (strcmp(control, "-") != 0 &&
      setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, control, (socklen_t)strlen(control)) != 0)
    fail(control);
  if (connect(fd, (struct sockaddr*)&to, sizeof(to)) != 0) fail("connect");
  stream_result_t result = {0};
  sampler_t sampler = {.fd = fd};
  pthread_t thread;
  if (pthread_create(&thread, NULL, sample, &sampler) != 0) fail("pthread_create");
  uint64_t begin = bench_now_ns();
  while (result.seconds < seconds) {
    ssize_t sent = send(fd, bytes, sizeof(bytes), 0);
    if (sent < 0 && errno != EINTR) break;
    result.bytes += sent > 0 ? (uint64_t)sent : 0;
    result.seconds = since(begin);
  }
  atomic_store(&sampler.ends, true);
  pthread_join(thread, NULL);
  if (sampler.count > 0) {
    result.window = sampler.window / sampler.count;
    result.rtt_us = sampler.rtt_us / sampler.count;
  }
  reset(fd);
  return result;
}
