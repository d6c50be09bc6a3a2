// For tests of fdio: programs that know nothing of Jacinth. They run under fake_provider, with libfdio.so
// before the C library, and speak to the fake stack. Descriptors of the library's own come and go, so
// descriptors are not counted here.
#ifndef TESTS_UNIT_RUNTIME_FDIO_FDIO_FIXTURE_H_
#define TESTS_UNIT_RUNTIME_FDIO_FDIO_FIXTURE_H_

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jx_test.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT_ECHO 7
#define PORT_DISCARD 9

static inline struct sockaddr_in to_port(int port) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  in.sin_addr.s_addr = htonl(0x0a000202);
  return in;
}

static inline int udp(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  ck_assert_msg(fd >= 0, "socket: %s", strerror(errno));
  return fd;
}

static inline int udp_at(int port) {
  int fd = udp();
  struct sockaddr_in in = to_port(port);
  ck_assert_msg(bind(fd, (struct sockaddr*)&in, sizeof(in)) == 0, "bind: %s", strerror(errno));
  return fd;
}

static inline void send_to(int fd, int port, const char* text) {
  struct sockaddr_in in = to_port(port);
  ssize_t sent = sendto(fd, text, strlen(text), 0, (struct sockaddr*)&in, sizeof(in));
  ck_assert_msg(sent == (ssize_t)strlen(text), "sendto: %s", strerror(errno));
}

static inline void expect_text(int fd, const char* text) {
  char data[64] = {0};
  ssize_t got = recv(fd, data, sizeof(data) - 1, 0);
  ck_assert_msg(got == (ssize_t)strlen(text), "recv: %zd, %s", got, strerror(errno));
  ck_assert_str_eq(data, text);
}

#define EXPECT_ERRNO(call, number)                                                                  \
  do {                                                                                              \
    errno = 0;                                                                                      \
    long result_ = (long)(call);                                                                    \
    ck_assert_msg(result_ == -1 && errno == (number), #call ": %ld, %s", result_, strerror(errno)); \
  } while (0)

static inline TCase* test_case(Suite* suite, const char* name) {
  TCase* tc = tcase_create(name);
  tcase_set_timeout(tc, 60);
  suite_add_tcase(suite, tc);
  return tc;
}

#endif  // TESTS_UNIT_RUNTIME_FDIO_FDIO_FIXTURE_H_
