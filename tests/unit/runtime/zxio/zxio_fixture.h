// A socket over the fake stack, for tests of zxio.
#ifndef TESTS_UNIT_RUNTIME_ZXIO_ZXIO_FIXTURE_H_
#define TESTS_UNIT_RUNTIME_ZXIO_ZXIO_FIXTURE_H_

#include <arpa/inet.h>
#include <errno.h>
#include <jx_test.h>
#include <lib/zxio/zxio.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include <zircon/errors.h>
#include <zircon/syscalls.h>

#include "fake_stack.h"

typedef struct fixture {
  fake_stack_t* stack;
  zx_handle_t provider;
  zxio_socket_t socket;
  int fd;
} fixture_t;

static inline void make_socket(fixture_t* fixture, int domain, zxio_socket_t* out, int* out_fd) {
  int16_t code = -1;
  ck_assert_int_eq(zxio_socket_create(fixture->provider, domain, SOCK_DGRAM, 0, out, out_fd, &code), ZX_OK);
  ck_assert_int_eq(code, 0);
}

static inline void set_up(fixture_t* fixture, int domain) {
  zx_handle_t client;
  zx_handle_t server;
  ck_assert_int_eq(zx_channel_create(0, &client, &server), ZX_OK);
  fixture->stack = fake_stack_start(server);
  ck_assert_int_eq(zxio_provider_connect(client, &fixture->provider), ZX_OK);
  zx_handle_close(client);
  make_socket(fixture, domain, &fixture->socket, &fixture->fd);
}

static inline void tear_down(fixture_t* fixture) {
  close(fixture->fd);
  zxio_socket_close(&fixture->socket);
  ck_assert_uint_eq(fake_stack_sockets(fixture->stack), 0);
  zx_handle_close(fixture->provider);
  fake_stack_stop(fixture->stack);
}

static inline struct sockaddr_in ipv4(const char* text, uint16_t port) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, text, &in.sin_addr);
  return in;
}

static inline struct sockaddr_in6 ipv6(const char* text, uint16_t port) {
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  inet_pton(AF_INET6, text, &in6.sin6_addr);
  return in6;
}

// Sends `text` to `to` and returns the errno number.
static inline int send_text(zxio_socket_t* socket, const char* text, void* to, socklen_t length) {
  struct iovec iov = {.iov_base = (void*)(uintptr_t)text, .iov_len = strlen(text)};
  struct msghdr message = {.msg_name = to, .msg_namelen = length, .msg_iov = &iov, .msg_iovlen = 1};
  size_t actual = 0;
  int16_t code = -1;
  int error = zxio_code(zxio_socket_sendmsg(socket, &message, 0, &actual, &code), &code);
  if (!error) ck_assert_uint_eq(actual, strlen(text));
  return error;
}

#endif  // TESTS_UNIT_RUNTIME_ZXIO_ZXIO_FIXTURE_H_
