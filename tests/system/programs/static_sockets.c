// What a program sees whose system calls are its own: linked statically, it has no fdio, and all of its calls
// on sockets are made for it. Run with the name of a case.
#include <arpa/inet.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "static_sockets.h"

void die(const char* file, const char* what, int line) {
  fprintf(stderr, "%s:%d: %s: %s\n", file, line, what, strerror(errno));
  exit(1);
}

struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int do_bind(int fd, int port) {
  struct sockaddr_in address = loopback(port);
  return bind(fd, (struct sockaddr*)&address, sizeof address);
}

int do_connect(int fd, int port) {
  struct sockaddr_in address = loopback(port);
  return connect(fd, (struct sockaddr*)&address, sizeof address);
}

int port_of(int fd) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  CHECK(getsockname(fd, (struct sockaddr*)&address, &length) == 0);
  CHECK(length == sizeof address && address.sin_family == AF_INET);
  return ntohs(address.sin_port);
}

int peer_port_of(int fd) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  CHECK(getpeername(fd, (struct sockaddr*)&address, &length) == 0);
  CHECK(length == sizeof address && address.sin_family == AF_INET);
  return ntohs(address.sin_port);
}

int listener_with(int flags, int backlog) {
  int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
  CHECK(fd >= 0);
  CHECK(do_bind(fd, 0) == 0);
  CHECK(listen(fd, backlog) == 0);
  return fd;
}

int listener_at_any_port(void) {
  return listener_with(0, 16);
}

int connected_to(int port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(fd >= 0);
  CHECK(do_connect(fd, port) == 0);
  return fd;
}

int datagram_socket(int flags) {
  int fd = socket(AF_INET, SOCK_DGRAM | flags, 0);
  CHECK(fd >= 0);
  CHECK(do_bind(fd, 0) == 0);
  return fd;
}

int pending_error(int fd) {
  int error = -1;
  socklen_t length = sizeof error;
  CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0);
  CHECK(length == sizeof error);
  return error;
}

short shown(int fd, short events, int timeout_ms) {
  struct pollfd pollfd = {.fd = fd, .events = events};
  CHECK(poll(&pollfd, 1, timeout_ms) >= 0);
  return pollfd.revents;
}

void wait_for_child(pid_t child) {
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void write_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    ssize_t count = write(fd, bytes, size);
    CHECK(count > 0);
    bytes += count;
    size -= (size_t)count;
  }
}

void read_all(int fd, char* bytes, size_t size) {
  while (size > 0) {
    ssize_t count = read(fd, bytes, size);
    CHECK(count > 0);
    bytes += count;
    size -= (size_t)count;
  }
}

void await_edge(int epoll, uint32_t wanted, uint32_t* out) {
  struct epoll_event event;
  do {
    CHECK(epoll_wait(epoll, &event, 1, -1) == 1);
  } while (!(event.events & wanted));
  *out = event.events;
}

int watched(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = fd};
  CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
  return fd;
}

static const struct {
  const char* name;
  void (*run)(void);
} cases[] = {
#define LIST_CASE(name) {#name, name},
    STATIC_CASES(LIST_CASE)};

int main(int argc, char** argv) {
  if (argc > 2 && strcmp(argv[1], "execute") == 0) execute(argv + 2);
  if (argc == 4 && strcmp(argv[1], "executed") == 0) {
    executed(argv + 2);
    return 0;
  }
  for (size_t i = 0; argc == 2 && i < LENGTH(cases); i++) {
    if (strcmp(argv[1], cases[i].name) != 0) continue;
    cases[i].run();
    return 0;
  }
  fprintf(stderr, "no such case\n");
  return 2;
}
