// The slirp wire alone: frames made by hand on one side, a UDP server on the host's loopback on the other.
#include <arpa/inet.h>
#include <inet/checksum.h>
#include <jx_test.h>
#include <lib/async-loop/loop.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zircon/syscalls.h>

#include "frames.h"
#include "slirp.h"

#define GATEWAY 2
#define KEPT 256

static async_loop_t* loop;
static wire_t* wire;
static frame_t received[KEPT];
static size_t received_count;
static size_t batches;
static size_t batch_size, largest_batch;
static bool open_for_frames;
static size_t places;  // for so many frames, the next time the device is asked
static size_t placed_count;
static uint8_t place_memory[FRAMES_MAX];
static uint8_t gateway_mac[6];

static bool can_receive(void* context) {
  return open_for_frames;
}

static void receive(void* context, const offload_header_t* header, const uint8_t* frame, size_t length) {
  batch_size++;
  if (received_count >= KEPT || length > FRAMES_MAX) return;
  memcpy(received[received_count].bytes, frame, length);
  received[received_count++].length = length;
}

// In two pieces, so that most frames need both.
static size_t place(void* context, struct iovec out[2]) {
  if (places == 0) return 0;
  out[0] = (struct iovec){place_memory, 50};
  out[1] = (struct iovec){place_memory + 50, sizeof(place_memory) - 50};
  return 2;
}

static void placed(void* context, const offload_header_t* header, size_t length) {
  ck_assert_uint_gt(places, 0);
  places--;
  placed_count++;
  receive(context, header, place_memory, length);
}

static void receive_done(void* context) {
  batches++;
  if (batch_size > largest_batch) largest_batch = batch_size;
  batch_size = 0;
}

static void status_changed(void* context, bool online) {
  ck_assert(online);
}

static void wire_lost(void* context) {
  ck_abort_msg("a slirp wire is never lost");
}

static const wire_events_t events = {.can_receive = can_receive,
                                     .receive = receive,
                                     .place = place,
                                     .placed = placed,
                                     .receive_done = receive_done,
                                     .status = status_changed,
                                     .lost = wire_lost};

static void start(bool host_loopback) {
  received_count = batches = largest_batch = places = placed_count = 0;
  open_for_frames = true;
  ck_assert_int_eq(async_loop_create(NULL, &loop), ZX_OK);
  slirp_wire_config_t config = {.mtu = 1500, .host_loopback = host_loopback};
  ck_assert_int_eq(slirp_wire_create(async_loop_get_dispatcher(loop), &config, &wire), ZX_OK);
  ck_assert_int_eq(wire->ops->start(wire, &events, NULL), ZX_OK);
}

static void setup(void) {
  start(true);
}

static void teardown(void) {
  async_loop_shutdown(loop);
  wire->ops->destroy(wire);
  async_loop_destroy(loop);
}

static void send_frame(const frame_t* frame) {
  static const offload_header_t plain;
  ck_assert_int_eq(wire->ops->send(wire, &plain, frame->bytes, frame->length), ZX_OK);
  wire->ops->send_done(wire);
}

// Runs the loop until a frame satisfies the condition, which may use `frame`.
#define WAIT_FOR(condition)                                                                                  \
  do {                                                                                                       \
    zx_time_t deadline = zx_deadline_after(ZX_SEC(50));                                                      \
    bool found = false;                                                                                      \
    for (size_t next = 0; !found;) {                                                                         \
      for (; !found && next < received_count; next++) {                                                      \
        const frame_t* frame = &received[next];                                                              \
        found = (condition);                                                                                 \
      }                                                                                                      \
      if (!found) ck_assert_msg(async_loop_run(loop, deadline, true) == ZX_OK, "no frame with " #condition); \
    }                                                                                                        \
  } while (0)

static void find_gateway(void) {
  frame_t request;
  frames_arp_request(&request, GATEWAY);
  send_frame(&request);
  WAIT_FOR(frames_is_arp_reply(frame, GATEWAY, gateway_mac));
}

typedef struct server {
  int fd;
  uint16_t port;
  struct sockaddr_storage peer;
  socklen_t peer_length;
} server_t;

static bool server_start(server_t* server, int family) {
  struct sockaddr_in address4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in6 address6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  struct sockaddr* address = family == AF_INET ? (struct sockaddr*)&address4 : (struct sockaddr*)&address6;
  socklen_t length = family == AF_INET ? sizeof(address4) : sizeof(address6);
  server->fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (server->fd < 0) return false;
  if (bind(server->fd, address, length) != 0 || getsockname(server->fd, address, &length) != 0) {
    close(server->fd);
    return false;
  }
  struct timeval patience = {.tv_sec = 50};
  setsockopt(server->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  server->port = ntohs(family == AF_INET ? address4.sin_port : address6.sin6_port);
  return true;
}

// Receives a datagram, which must be `text`, and remembers who sent it.
static void server_expect(server_t* server, const char* text) {
  char payload[2048];
  server->peer_length = sizeof(server->peer);
  ssize_t length = recvfrom(server->fd, payload, sizeof(payload), 0, (struct sockaddr*)&server->peer,
                            &server->peer_length);
  ck_assert_int_eq(length, (ssize_t)strlen(text));
  ck_assert_mem_eq(payload, text, (size_t)length);
}

static void server_answer(const server_t* server, const char* text) {
  ck_assert_int_eq(
      sendto(server->fd, text, strlen(text), 0, (const struct sockaddr*)&server->peer, server->peer_length),
      (ssize_t)strlen(text));
}

START_TEST(gateway_answers_arp) {
  find_gateway();
  ck_assert_mem_eq(gateway_mac, "\x52\x55\x0a\x00\x02\x02", 6);
}
END_TEST

START_TEST(gateway_answers_ping) {
  find_gateway();
  frame_t ping;
  frames_icmp_echo(&ping, gateway_mac, GATEWAY, 3, "are you there?", 14);
  send_frame(&ping);
  WAIT_FOR(frames_is_icmp_echo_reply(frame, GATEWAY, 3, "are you there?", 14));
}
END_TEST

START_TEST(datagram_reaches_a_server_on_the_host_and_its_answers_come_back) {
  server_t server;
  ck_assert(server_start(&server, AF_INET));
  find_gateway();
  frame_t datagram;
  frames_udp4(&datagram, gateway_mac, GATEWAY, 4242, server.port, "question", 8);
  send_frame(&datagram);
  server_expect(&server, "question");
  server_answer(&server, "answer");
  server_answer(&server, "another answer");
  WAIT_FOR(frames_is_udp4(frame, GATEWAY, server.port, 4242, "answer", 6));
  WAIT_FOR(frames_is_udp4(frame, GATEWAY, server.port, 4242, "another answer", 14));
  close(server.fd);
}
END_TEST

// The checksum of a datagram as whoever sends it leaves it to the wire: the sum of its pseudo-header alone.
static void leave_checksum_open(frame_t* frame, offload_header_t* header) {
  uint8_t *ip = frame->bytes + ETHERNET_HEADER_BYTES, *udp = ip + 20;
  uint64_t sum = checksum_add(0, ip + 12, 8);
  const uint8_t rest[4] = {0, IPPROTO_UDP, udp[4], udp[5]};
  checksum_put(udp + 6, checksum_fold(checksum_add(sum, rest, sizeof(rest))));
  *header = (offload_header_t){.flags = OFFLOAD_NEEDS_CHECKSUM,
                               .checksum_start = (uint16_t)(udp - frame->bytes),
                               .checksum_offset = 6};
}

START_TEST(checksum_left_open_is_made) {
  server_t server;
  ck_assert(server_start(&server, AF_INET));
  find_gateway();
  ck_assert_uint_eq(wire->transmit_offloads, OFFLOAD_ALL);
  frame_t datagram;
  offload_header_t header;
  frames_udp4(&datagram, gateway_mac, GATEWAY, 4242, server.port, "question", 8);
  leave_checksum_open(&datagram, &header);
  // What has a wrong one is dropped.
  send_frame(&datagram);
  ck_assert_int_eq(wire->ops->send(wire, &header, datagram.bytes, datagram.length), ZX_OK);
  wire->ops->send_done(wire);
  server_expect(&server, "question");
  char more;
  ck_assert_int_eq(recv(server.fd, &more, 1, MSG_DONTWAIT), -1);
  close(server.fd);
}
END_TEST

START_TEST(wire_asks_for_our_address_before_it_delivers) {
  server_t server;
  ck_assert(server_start(&server, AF_INET));
  frame_t datagram, reply;
  frames_udp4(&datagram, (const uint8_t*)"\x52\x55\x0a\x00\x02\x02", GATEWAY, 4242, server.port, "question",
              8);
  send_frame(&datagram);
  server_expect(&server, "question");
  server_answer(&server, "answer");
  WAIT_FOR(frames_arp_reply_to(frame, &reply));
  send_frame(&reply);
  WAIT_FOR(frames_is_udp4(frame, GATEWAY, server.port, 4242, "answer", 6));
  close(server.fd);
}
END_TEST

START_TEST(datagram_over_ipv6_reaches_the_host_and_comes_back) {
  server_t server;
  if (!server_start(&server, AF_INET6)) return;  // a host without IPv6 loopback
  frame_t frame6;
  frames_neighbour_solicitation(&frame6, GATEWAY);
  send_frame(&frame6);
  WAIT_FOR(frames_is_neighbour_advertisement(frame, GATEWAY, gateway_mac));
  frames_udp6(&frame6, gateway_mac, GATEWAY, 4242, server.port, "question", 8);
  send_frame(&frame6);
  server_expect(&server, "question");
  server_answer(&server, "answer");
  WAIT_FOR(frames_is_udp6(frame, GATEWAY, server.port, 4242, "answer", 6));
  close(server.fd);
}
END_TEST

START_TEST(datagram_to_a_closed_port_is_answered_by_icmp_from_the_gateway) {
  server_t server;
  ck_assert(server_start(&server, AF_INET));
  close(server.fd);
  find_gateway();
  frame_t datagram;
  frames_udp4(&datagram, gateway_mac, GATEWAY, 4242, server.port, "question", 8);
  send_frame(&datagram);
  WAIT_FOR(frames_is_icmp_unreachable(frame, GATEWAY));
}
END_TEST

START_TEST(host_loopback_can_be_switched_off) {
  teardown();
  start(false);
  server_t server;
  ck_assert(server_start(&server, AF_INET));
  find_gateway();
  frame_t datagram;
  frames_udp4(&datagram, gateway_mac, GATEWAY, 4242, server.port, "question", 8);
  send_frame(&datagram);
  char payload[16];
  ck_assert_int_lt(recv(server.fd, payload, sizeof(payload), MSG_DONTWAIT), 0);
  close(server.fd);
}
END_TEST

START_TEST(frames_wait_within_bounds_while_the_device_is_full) {
  find_gateway();
  received_count = batches = largest_batch = 0;
  open_for_frames = false;
  static uint8_t payload[1000];
  frame_t ping;
  for (unsigned i = 0; i < 3000; i++) {  // far more than the wire keeps
    frames_icmp_echo(&ping, gateway_mac, GATEWAY, (uint16_t)i, payload, sizeof(payload));
    send_frame(&ping);
  }
  ck_assert_uint_eq(received_count, 0);
  open_for_frames = true;
  wire->ops->resume(wire);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  ck_assert_uint_eq(received_count, KEPT);  // as many as the wire keeps, and the test
  ck_assert_uint_eq(batches, KEPT / WIRE_BATCH);
  ck_assert_uint_eq(largest_batch, WIRE_BATCH);
  ck_assert(frames_is_icmp_echo_reply(&received[0], GATEWAY, 0, payload, sizeof(payload)));
}
END_TEST

// A batch of pings, whose echoes come from inside send_done.
static void send_pings(unsigned first, unsigned count, const void* payload, size_t length) {
  static const offload_header_t plain;
  static frame_t pings[WIRE_BATCH];
  for (unsigned i = 0; i < count; i++) {
    frames_icmp_echo(&pings[i], gateway_mac, GATEWAY, (uint16_t)(first + i), payload, length);
    ck_assert_int_eq(wire->ops->send(wire, &plain, pings[i].bytes, pings[i].length), ZX_OK);
  }
  wire->ops->send_done(wire);
}

// Forgets what the gateway says to groups of its own accord, at any time (reports of its memberships).
static void forget_reports(void) {
  size_t kept = 0;
  for (size_t i = 0; i < received_count; i++) {
    if (!(received[i].bytes[0] & 1)) received[kept++] = received[i];
  }
  received_count = kept;
}

START_TEST(frames_go_straight_to_their_places_and_keep_their_order) {
  enum { FIRST = WIRE_BATCH - 4, SECOND = 10 };  // so that reports do not fill the batch
  static uint8_t payload[1000];
  find_gateway();
  received_count = batches = batch_size = largest_batch = 0;
  places = 3;
  send_pings(0, FIRST, payload, sizeof(payload));
  ck_assert_uint_eq(batches, 1);
  ck_assert_uint_eq(placed_count, 3);
  places = SIZE_MAX;
  send_pings(FIRST, SECOND, payload, sizeof(payload));
  ck_assert_uint_ge(placed_count, 3 + SECOND);
  forget_reports();
  ck_assert_uint_eq(received_count, FIRST + SECOND);
  for (unsigned i = 0; i < FIRST + SECOND; i++)
    ck_assert(frames_is_icmp_echo_reply(&received[i], GATEWAY, (uint16_t)i, payload, sizeof(payload)));
}
END_TEST

START_TEST(a_batch_holds_no_more_than_it_may) {
  static const offload_header_t plain;
  frame_t request;
  frames_arp_request(&request, GATEWAY);
  for (unsigned i = 0; i < WIRE_BATCH; i++)
    ck_assert_int_eq(wire->ops->send(wire, &plain, request.bytes, request.length), ZX_OK);
  ck_assert_int_eq(wire->ops->send(wire, &plain, request.bytes, request.length), ZX_ERR_NO_RESOURCES);
  wire->ops->send_done(wire);
  find_gateway();
}
END_TEST

START_TEST(answers_wait_in_the_host_while_the_device_is_full) {
  server_t server;
  ck_assert(server_start(&server, AF_INET));
  find_gateway();
  frame_t datagram;
  frames_udp4(&datagram, gateway_mac, GATEWAY, 4242, server.port, "question", 8);
  send_frame(&datagram);
  server_expect(&server, "question");
  open_for_frames = false;
  server_answer(&server, "first");
  server_answer(&server, "second");
  async_loop_run(loop, zx_deadline_after(ZX_MSEC(1)), false);
  open_for_frames = true;
  wire->ops->resume(wire);
  WAIT_FOR(frames_is_udp4(frame, GATEWAY, server.port, 4242, "first", 5));
  WAIT_FOR(frames_is_udp4(frame, GATEWAY, server.port, 4242, "second", 6));
  close(server.fd);
}
END_TEST

// Frames cut short, and with each byte of their headers damaged in turn: the wire stays in working order.
START_TEST(damaged_frames_do_no_harm) {
  find_gateway();
  frame_t frames[4];
  frames_arp_request(&frames[0], GATEWAY);
  frames_icmp_echo(&frames[1], gateway_mac, GATEWAY, 1, "payload", 7);
  frames_udp4(&frames[2], gateway_mac, GATEWAY, 4242, 9, "payload", 7);
  frames_neighbour_solicitation(&frames[3], GATEWAY);
  for (size_t i = 0; i < 4; i++) {
    for (size_t at = 12; at < frames[i].length; at++) {
      frame_t damaged = frames[i];
      damaged.bytes[at] ^= 0xff;
      send_frame(&damaged);
      damaged = frames[i];
      damaged.length = at > ETHERNET_HEADER_BYTES ? at : ETHERNET_HEADER_BYTES;
      send_frame(&damaged);
    }
  }
  async_loop_run_until_idle(loop);
  received_count = 0;
  frame_t ping;
  frames_icmp_echo(&ping, gateway_mac, GATEWAY, 77, "still there?", 12);
  send_frame(&ping);
  WAIT_FOR(frames_is_icmp_echo_reply(frame, GATEWAY, 77, "still there?", 12));
}
END_TEST

// An answer that quotes the frame which it answers is made while that frame is still being read.
START_TEST(an_error_quotes_what_was_sent_as_it_was_sent) {
  enum { IP = 14, PROTOCOL = IP + 9, QUOTE = IP + 20 + 8, UNKNOWN = 253 };
  static uint8_t payload[500];
  for (size_t i = 0; i < sizeof(payload); i++)
    payload[i] = (uint8_t)(i * 7);
  find_gateway();
  received_count = 0;
  frame_t sent;
  frames_udp4(&sent, gateway_mac, GATEWAY, 4242, 80, payload, sizeof(payload));
  uint8_t* ip = sent.bytes + IP;
  ip[9] = UNKNOWN;
  ip[10] = ip[11] = 0;
  uint16_t checksum = checksum_finish(checksum_add(0, ip, 20));
  memcpy(ip + 10, &checksum, sizeof(checksum));
  send_frame(&sent);
  WAIT_FOR(frames_is_icmp_unreachable(frame, GATEWAY));
  ck_assert_uint_gt(received[0].length, QUOTE + 200);
  ck_assert_mem_eq(received[0].bytes + QUOTE, ip, received[0].length - QUOTE);
}
END_TEST

START_TEST(impossible_mtu_is_refused) {
  const uint32_t mtus[] = {0, SLIRP_WIRE_MTU_MIN - 1, SLIRP_WIRE_MTU_MAX + 1, UINT32_MAX};
  for (size_t i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
    slirp_wire_config_t config = {.mtu = mtus[i]};
    wire_t* none;
    ck_assert_int_eq(slirp_wire_create(async_loop_get_dispatcher(loop), &config, &none), ZX_ERR_INVALID_ARGS);
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("slirp");
  TCase* tc = jx_test_case(suite, "slirp");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, gateway_answers_arp);
  tcase_add_test(tc, gateway_answers_ping);
  tcase_add_test(tc, datagram_reaches_a_server_on_the_host_and_its_answers_come_back);
  tcase_add_test(tc, checksum_left_open_is_made);
  tcase_add_test(tc, wire_asks_for_our_address_before_it_delivers);
  tcase_add_test(tc, datagram_over_ipv6_reaches_the_host_and_comes_back);
  tcase_add_test(tc, datagram_to_a_closed_port_is_answered_by_icmp_from_the_gateway);
  tcase_add_test(tc, host_loopback_can_be_switched_off);
  tcase_add_test(tc, frames_wait_within_bounds_while_the_device_is_full);
  tcase_add_test(tc, frames_go_straight_to_their_places_and_keep_their_order);
  tcase_add_test(tc, a_batch_holds_no_more_than_it_may);
  tcase_add_test(tc, answers_wait_in_the_host_while_the_device_is_full);
  tcase_add_test(tc, damaged_frames_do_no_harm);
  tcase_add_test(tc, an_error_quotes_what_was_sent_as_it_was_sent);
  tcase_add_test(tc, impossible_mtu_is_refused);
  return jx_test_run(suite);
}
