// The datagrams that the slirp wire forwards, and what comes to its published ports from outside.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jx_test.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include <zircon/syscalls.h>

#include "slirp_fixture.h"

// Datagrams

static tcpip_socket_t* new_datagrams(tcpip_protocol_t protocol) {
  tcpip_socket_t* socket;
  ck_assert_int_eq(tcpip_socket_create(world.client, TCPIP_IPV4, protocol, NULL, &socket), 0);
  return socket;
}

static void send_to(tcpip_socket_t* socket, const char* address, uint16_t to, const void* bytes,
                    size_t length) {
  const tcpip_endpoint_t peer = world_endpoint(address, to);
  const struct iovec iov = {(void*)(uintptr_t)bytes, length};
  const tcpip_send_t send = {.iov = &iov, .iov_count = 1, .to = &peer, .ttl = -1, .tos = -1};
  ck_assert_int_eq(tcpip_socket_send(socket, &send), (int64_t)length);
}

static int bound_socket(struct sockaddr_in* address, uint16_t* out_port) {
  socklen_t length = sizeof(*address);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(bind(fd, (struct sockaddr*)address, length), 0);
  ck_assert_int_eq(getsockname(fd, (struct sockaddr*)address, &length), 0);
  *out_port = ntohs(address->sin_port);
  return fd;
}

// Waits for one datagram, which must be `text`.
static tcpip_endpoint_t expect(tcpip_socket_t* socket, const char* text) {
  char bytes[65536];
  const struct iovec iov = {bytes, sizeof(bytes)};
  tcpip_recv_t receive = {.iov = &iov, .iov_count = 1};
  WORLD_RUN_UNTIL(&world, tcpip_socket_poll(socket) & TCPIP_EVENT_READABLE);
  ck_assert_int_eq(tcpip_socket_recv(socket, &receive), (int64_t)strlen(text));
  ck_assert_mem_eq(bytes, text, strlen(text));
  return receive.from;
}

START_TEST(a_port_of_the_clients_speaks_to_all_hosts_from_one_port) {
  uint16_t ports[2];
  int hosts[2];
  tcpip_socket_t* socket = new_datagrams(TCPIP_UDP);
  struct sockaddr_in from[2];
  for (size_t i = 0; i < 2; i++) {
    hosts[i] = world_host_socket(AF_INET, SOCK_DGRAM, &ports[i]);
    send_to(socket, gateway, ports[i], "question", 8);
    char bytes[16];
    socklen_t length = sizeof(from[i]);
    WORLD_RUN_UNTIL(&world,
                    recvfrom(hosts[i], bytes, sizeof(bytes), 0, (struct sockaddr*)&from[i], &length) == 8);
  }
  ck_assert_int_eq(from[0].sin_port, from[1].sin_port);
  for (size_t i = 0; i < 2; i++) {
    ck_assert_int_eq(sendto(hosts[i], "answer", 6, 0, (struct sockaddr*)&from[0], sizeof(from[0])), 6);
    tcpip_endpoint_t source = expect(socket, "answer");
    ck_assert_int_eq(source.port, ports[i]);
    ck_assert_mem_eq(source.address.bytes, "\x0a\x00\x02\x02", 4);
    close(hosts[i]);
  }
  tcpip_socket_destroy(socket);
}
END_TEST

START_TEST(a_datagram_of_the_largest_size_goes_both_ways) {
  uint16_t to;
  int host = world_host_socket(AF_INET, SOCK_DGRAM, &to);
  tcpip_socket_t* socket = new_datagrams(TCPIP_UDP);
  static char text[65508];
  memset(text, 'x', sizeof(text) - 1);
  send_to(socket, gateway, to, text, sizeof(text) - 1);
  static char bytes[65536];
  struct sockaddr_in from;
  socklen_t length = sizeof(from);
  WORLD_RUN_UNTIL(&world, recvfrom(host, bytes, sizeof(bytes), 0, (struct sockaddr*)&from, &length) ==
                              (ssize_t)sizeof(text) - 1);
  ck_assert_mem_eq(bytes, text, sizeof(text) - 1);
  ck_assert_int_eq(sendto(host, text, sizeof(text) - 1, 0, (struct sockaddr*)&from, length),
                   (ssize_t)sizeof(text) - 1);
  (void)expect(socket, text);
  close(host);
  tcpip_socket_destroy(socket);
}
END_TEST

START_TEST(a_datagram_to_a_closed_port_is_refused) {
  uint16_t to;
  close(world_host_socket(AF_INET, SOCK_DGRAM, &to));
  const uint16_t ports[] = {to, 80};
  const char* const addresses[] = {gateway, "10.0.2.3"};
  for (size_t i = 0; i < 2; i++) {
    tcpip_socket_t* socket = new_datagrams(TCPIP_UDP);
    tcpip_endpoint_t peer = world_endpoint(addresses[i], ports[i]);
    ck_assert_int_eq(tcpip_socket_connect(socket, &peer), 0);
    send_to(socket, addresses[i], ports[i], "question", 8);
    WORLD_RUN_UNTIL(&world, tcpip_socket_poll(socket) & TCPIP_EVENT_ERROR);
    ck_assert_int_eq(tcpip_socket_take_error(socket), -ECONNREFUSED);
    tcpip_socket_destroy(socket);
  }
}
END_TEST

START_TEST(more_flows_than_there_may_be_end_the_oldest_and_leak_nothing) {
  uint16_t to;
  int host = world_host_socket(AF_INET, SOCK_DGRAM, &to);
  char byte;
  for (int i = 0; i < 1500; i++) {
    tcpip_socket_t* socket = new_datagrams(TCPIP_UDP);
    send_to(socket, gateway, to, "x", 1);
    WORLD_RUN_UNTIL(&world, recv(host, &byte, 1, 0) == 1);
    tcpip_socket_destroy(socket);
  }
  ck_assert_int_lt(jx_test_open_fds(), 1100);
  close(host);
}
END_TEST

START_TEST(nobody_but_the_hosts_loopback_answers_in_the_gateways_name) {
  uint16_t to, foreign_port;
  int host = world_host_socket(AF_INET, SOCK_DGRAM, &to);
  tcpip_socket_t* socket = new_datagrams(TCPIP_UDP);
  send_to(socket, gateway, to, "question", 8);
  struct sockaddr_in from, foreign = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1)};
  socklen_t length = sizeof(from);
  char bytes[16];
  WORLD_RUN_UNTIL(&world, recvfrom(host, bytes, sizeof(bytes), 0, (struct sockaddr*)&from, &length) == 8);
  int other = bound_socket(&foreign, &foreign_port);
  ck_assert_int_eq(sendto(other, "forged", 6, 0, (struct sockaddr*)&from, sizeof(from)), 6);
  ck_assert_int_eq(sendto(host, "answer", 6, 0, (struct sockaddr*)&from, sizeof(from)), 6);
  tcpip_endpoint_t source = expect(socket, "answer");
  ck_assert_int_eq(source.port, to);
  close(other);
  close(host);
  tcpip_socket_destroy(socket);
}
END_TEST

START_TEST(datagrams_of_no_bytes_go_both_ways) {
  uint16_t to;
  int host = world_host_socket(AF_INET, SOCK_DGRAM, &to);
  tcpip_socket_t* socket = new_datagrams(TCPIP_UDP);
  send_to(socket, gateway, to, "", 0);
  struct sockaddr_in from;
  socklen_t length = sizeof(from);
  char byte;
  WORLD_RUN_UNTIL(&world, recvfrom(host, &byte, 1, 0, (struct sockaddr*)&from, &length) == 0);
  ck_assert_int_eq(sendto(host, "", 0, 0, (struct sockaddr*)&from, sizeof(from)), 0);
  (void)expect(socket, "");
  close(host);
  tcpip_socket_destroy(socket);
}
END_TEST

// A datagram that follows one which nobody took is sent all the same, although the host tells of the error
// first.
START_TEST(an_error_of_one_datagram_does_not_hold_up_the_next) {
  uint16_t to, closed;
  close(world_host_socket(AF_INET, SOCK_DGRAM, &closed));
  int host = world_host_socket(AF_INET, SOCK_DGRAM, &to);
  tcpip_socket_t* socket = new_datagrams(TCPIP_UDP);
  send_to(socket, gateway, to, "first", 5);
  char bytes[16];
  WORLD_RUN_UNTIL(&world, recv(host, bytes, sizeof(bytes), 0) == 5);
  for (int i = 0; i < 20; i++) {
    for (int j = 0; j < i % 4; j++)
      send_to(socket, gateway, closed, "nobody", 6);
    send_to(socket, gateway, to, "next", 4);
    WORLD_RUN_UNTIL(&world, recv(host, bytes, sizeof(bytes), 0) == 4);
  }
  close(host);
  tcpip_socket_destroy(socket);
}
END_TEST

// Published ports

static void publish(int fd, bool datagrams, uint16_t to) {
  const slirp_publication_t publication = {fd, datagrams, to};
  fixture_teardown();
  fixture_begin(&(world_config_t){.offloads = OFFLOAD_ALL, .publication = &publication});
}

// The kernel finishes the connection before the client has answered; what the client says of it comes later.
static int call_published(uint16_t to) {
  struct sockaddr_in in = {
      .sin_family = AF_INET, .sin_port = htons(to), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int host = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_eq(connect(host, (struct sockaddr*)&in, sizeof(in)), 0);
  ck_assert_int_eq(fcntl(host, F_SETFL, O_NONBLOCK), 0);
  return host;
}

START_TEST(a_published_port_leads_to_the_client) {
  uint16_t to;
  int published = world_host_socket(AF_INET, SOCK_STREAM, &to);
  publish(published, false, 80);
  tcpip_socket_t* server;
  tcpip_endpoint_t here = world_endpoint("0.0.0.0", 80), peer;
  ck_assert_int_eq(tcpip_socket_create(world.client, TCPIP_IPV4, TCPIP_TCP, NULL, &server), 0);
  ck_assert_int_eq(tcpip_socket_bind(server, &here), 0);
  ck_assert_int_eq(tcpip_socket_listen(server, 10), 0);
  pair_t pair = {.host = call_published(to)};
  WORLD_RUN_UNTIL(&world, tcpip_socket_accept(server, NULL, &pair.client) == 0);
  ck_assert_int_eq(tcpip_socket_peer(pair.client, &peer), 0);
  ck_assert_mem_eq(peer.address.bytes, "\x0a\x00\x02\x02", 4);
  exchange(&pair, 1 << 20);
  close_pair(&pair);
  tcpip_socket_destroy(server);
}
END_TEST

START_TEST(a_published_port_that_nobody_serves_is_reset) {
  uint16_t to;
  int published = world_host_socket(AF_INET, SOCK_STREAM, &to);
  publish(published, false, 80);
  int host = call_published(to);
  char byte;
  WORLD_RUN_UNTIL(&world, recv(host, &byte, 1, 0) == 0 || errno != EAGAIN);
  ck_assert_int_eq(errno, ECONNRESET);
  close(host);
}
END_TEST

START_TEST(datagrams_to_a_published_port_reach_the_client_and_its_answers_leave_from_there) {
  uint16_t to, from;
  int published = world_host_socket(AF_INET, SOCK_DGRAM, &to);
  int host = world_host_socket(AF_INET, SOCK_DGRAM, &from);
  publish(published, true, 53);
  tcpip_socket_t* server = new_datagrams(TCPIP_UDP);
  tcpip_endpoint_t here = world_endpoint("0.0.0.0", 53);
  ck_assert_int_eq(tcpip_socket_bind(server, &here), 0);
  struct sockaddr_in in = {
      .sin_family = AF_INET, .sin_port = htons(to), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  ck_assert_int_eq(sendto(host, "question", 8, 0, (struct sockaddr*)&in, sizeof(in)), 8);
  tcpip_endpoint_t source = expect(server, "question");
  ck_assert_int_eq(source.port, from);
  ck_assert_mem_eq(source.address.bytes, "\x0a\x00\x02\x02", 4);
  send_to(server, gateway, from, "answer", 6);
  char bytes[16];
  socklen_t length = sizeof(in);
  WORLD_RUN_UNTIL(&world, recvfrom(host, bytes, sizeof(bytes), 0, (struct sockaddr*)&in, &length) == 6);
  ck_assert_int_eq(in.sin_port, htons(to));
  close(host);
  tcpip_socket_destroy(server);
}
END_TEST

START_TEST(answers_leave_from_the_address_that_was_asked) {
  struct sockaddr_in any = {.sin_family = AF_INET}, at;
  socklen_t length = sizeof(any);
  int published = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ck_assert_int_eq(bind(published, (struct sockaddr*)&any, sizeof(any)), 0);
  ck_assert_int_eq(getsockname(published, (struct sockaddr*)&any, &length), 0);
  publish(published, true, 53);
  tcpip_socket_t* server = new_datagrams(TCPIP_UDP);
  tcpip_endpoint_t here = world_endpoint("0.0.0.0", 53);
  ck_assert_int_eq(tcpip_socket_bind(server, &here), 0);
  for (uint32_t last = 2; last < 5; last++) {
    uint16_t from;
    int host = world_host_socket(AF_INET, SOCK_DGRAM, &from);
    at = (struct sockaddr_in){.sin_family = AF_INET,
                              .sin_port = any.sin_port,
                              .sin_addr.s_addr = htonl((IN_LOOPBACKNET << 24) + last)};
    ck_assert_int_eq(connect(host, (struct sockaddr*)&at, sizeof(at)), 0);  // and hears nobody else
    ck_assert_int_eq(send(host, "question", 8, 0), 8);
    (void)expect(server, "question");
    send_to(server, gateway, from, "answer", 6);
    char bytes[16];
    WORLD_RUN_UNTIL(&world, recv(host, bytes, sizeof(bytes), 0) == 6);
    close(host);
  }
  tcpip_socket_destroy(server);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("slirp_flows");
  TCase* datagrams = jx_test_case(suite, "datagrams");
  tcase_add_checked_fixture(datagrams, fixture_setup, fixture_teardown);
  tcase_add_test(datagrams, a_port_of_the_clients_speaks_to_all_hosts_from_one_port);
  tcase_add_test(datagrams, a_datagram_of_the_largest_size_goes_both_ways);
  tcase_add_test(datagrams, a_datagram_to_a_closed_port_is_refused);
  tcase_add_test(datagrams, more_flows_than_there_may_be_end_the_oldest_and_leak_nothing);
  tcase_add_test(datagrams, nobody_but_the_hosts_loopback_answers_in_the_gateways_name);
  tcase_add_test(datagrams, datagrams_of_no_bytes_go_both_ways);
  tcase_add_test(datagrams, an_error_of_one_datagram_does_not_hold_up_the_next);
  TCase* published = jx_test_case(suite, "published");
  tcase_add_checked_fixture(published, fixture_setup, fixture_teardown);
  tcase_add_test(published, a_published_port_leads_to_the_client);
  tcase_add_test(published, a_published_port_that_nobody_serves_is_reset);
  tcase_add_test(published, datagrams_to_a_published_port_reach_the_client_and_its_answers_leave_from_there);
  tcase_add_test(published, answers_leave_from_the_address_that_was_asked);
  return jx_test_run(suite);
}
