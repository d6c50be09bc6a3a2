// See slirp_fixture.h.
#include "slirp_fixture.h"

#include <errno.h>
#include <jx_test.h>
#include <unistd.h>
#include <zircon/syscalls.h>

world_t world;
int listener = -1;
uint16_t port;
const char* gateway = "10.0.2.2";

void fixture_begin(const world_config_t* config) {
  world_init(&world, config);
  listener = world_host_socket(AF_INET, SOCK_STREAM, &port);
  ck_assert_int_ge(listener, 0);
}

void fixture_setup(void) {
  fixture_begin(&(world_config_t){.offloads = OFFLOAD_ALL});
}

void fixture_teardown(void) {
  close(listener);
  world_deinit(&world);
}

tcpip_socket_t* call_with_buffer(const char* address, uint16_t to, int receive_buffer) {
  tcpip_socket_t* stream;
  tcpip_endpoint_t peer = world_endpoint(address, to);
  ck_assert_int_eq(tcpip_socket_create(world.client, peer.address.family, TCPIP_TCP, NULL, &stream), 0);
  if (receive_buffer) ck_assert_int_eq(tcpip_socket_set(stream, TCPIP_RECEIVE_BUFFER, receive_buffer), 0);
  ck_assert_int_eq(tcpip_socket_connect(stream, &peer), -EINPROGRESS);
  return stream;
}

tcpip_socket_t* call(const char* address, uint16_t to) {
  return call_with_buffer(address, to, 0);
}

tcpip_tcp_state_t state_of(const tcpip_socket_t* stream) {
  tcpip_tcp_info_t info;
  ck_assert_int_eq(tcpip_socket_tcp_info(stream, &info), 0);
  return info.state;
}

pair_t connect_with_buffer(int receive_buffer) {
  pair_t pair = {.client = call_with_buffer(gateway, port, receive_buffer), .host = -1};
  WORLD_RUN_UNTIL(&world, (pair.host = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
  WORLD_RUN_UNTIL(&world, state_of(pair.client) == TCPIP_TCP_ESTABLISHED);
  return pair;
}

pair_t connect_pair(void) {
  return connect_with_buffer(0);
}

void close_pair(pair_t* pair) {
  close(pair->host);
  tcpip_socket_destroy(pair->client);
}

uint8_t pattern(size_t at, unsigned seed) {
  return (uint8_t)(at * 31 + (at >> 8) * 7 + seed);
}

size_t client_write(tcpip_socket_t* client, size_t at, size_t end) {
  uint8_t bytes[32768];
  size_t count = end - at < sizeof(bytes) ? end - at : sizeof(bytes);
  if (count == 0) return 0;
  for (size_t i = 0; i < count; i++)
    bytes[i] = pattern(at + i, 1);
  const struct iovec iov = {bytes, count};
  const tcpip_send_t send = {.iov = &iov, .iov_count = 1, .ttl = -1, .tos = -1};
  int64_t sent = tcpip_socket_send(client, &send);
  return sent > 0 ? (size_t)sent : 0;
}

ssize_t client_read(tcpip_socket_t* client, size_t at) {
  uint8_t bytes[32768];
  const struct iovec iov = {bytes, sizeof(bytes)};
  tcpip_recv_t receive = {.iov = &iov, .iov_count = 1};
  int64_t count = tcpip_socket_recv(client, &receive);
  if (count == 0) return -1;
  for (int64_t i = 0; i < count; i++)
    jx_assert(bytes[i] == pattern(at + (size_t)i, 2));
  return count > 0 ? (ssize_t)count : 0;
}

size_t host_write(int host, size_t at, size_t end) {
  uint8_t bytes[32768];
  size_t count = end - at < sizeof(bytes) ? end - at : sizeof(bytes);
  if (count == 0) return 0;
  for (size_t i = 0; i < count; i++)
    bytes[i] = pattern(at + i, 2);
  ssize_t sent = send(host, bytes, count, MSG_NOSIGNAL);
  return sent > 0 ? (size_t)sent : 0;
}

ssize_t host_read(int host, size_t at) {
  uint8_t bytes[32768];
  ssize_t count = recv(host, bytes, sizeof(bytes), 0);
  if (count == 0) return -1;
  for (ssize_t i = 0; i < count; i++)
    jx_assert(bytes[i] == pattern(at + (size_t)i, 1));
  return count > 0 ? count : 0;
}

void exchange(pair_t* pair, size_t length) {
  size_t out_written = 0, out_read = 0, in_written = 0, in_read = 0;
  bool out_ended = false, in_ended = false;
  while (!out_ended || !in_ended) {
    size_t before = out_written + in_written;
    out_written += client_write(pair->client, out_written, length);
    in_written += host_write(pair->host, in_written, length);
    if (before < 2 * length && out_written == length) (void)tcpip_socket_shutdown(pair->client, false, true);
    if (in_written == length) (void)shutdown(pair->host, SHUT_WR);
    ssize_t count = out_ended ? 0 : host_read(pair->host, out_read);
    out_ended = out_ended || count < 0;
    if (count > 0) out_read += (size_t)count;
    count = in_ended ? 0 : client_read(pair->client, in_read);
    in_ended = in_ended || count < 0;
    if (count > 0) in_read += (size_t)count;
    world_step(&world);
  }
  ck_assert_uint_eq(out_read, length);
  ck_assert_uint_eq(in_read, length);
}
