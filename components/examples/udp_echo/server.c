// An ordinary UDP echo server: sends every datagram back to where it came from, until it is told to end.
//
// udp_echo_server [PORT]
// Without a port it takes the socket it was started with, if there is one (the LISTEN_FDS convention), else
// any free port of the loopback interface.
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_INHERITED 3

static int inherited_socket(void) {
  const char* count = getenv("LISTEN_FDS");
  const char* pid = getenv("LISTEN_PID");
  if (!count || !pid || atoi(count) < 1 || atol(pid) != (long)getpid()) return -1;
  return FIRST_INHERITED;
}

static int open_socket(const char* port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)atoi(port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, sizeof address) != 0) {
    fprintf(stderr, "udp_echo_server: cannot listen on port %s: %s\n", port, strerror(errno));
    return -1;
  }
  return fd;
}

int main(int argc, char** argv) {
  static char buffer[65536];
  int fd = argc > 1 ? open_socket(argv[1]) : inherited_socket();
  if (fd < 0 && argc <= 1) fd = open_socket("0");
  if (fd < 0) return 1;
  for (;;) {
    struct sockaddr_storage from;
    socklen_t from_size = sizeof from;
    ssize_t size = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr*)&from, &from_size);
    // An error is one client's (it has gone, so its answer was refused); the next datagram is another matter.
    if (size < 0 && errno != ECONNREFUSED && errno != EINTR) {
      perror("udp_echo_server: recvfrom");
      return 1;
    }
    if (size >= 0) sendto(fd, buffer, (size_t)size, 0, (struct sockaddr*)&from, from_size);
  }
}
