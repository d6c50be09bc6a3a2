// The TAP wire, with a socket pair that keeps message boundaries in place of the device: reads and writes
// behave alike.
#include <jx_test.h>
#include <lib/async-loop/loop.h>
#include <linux/netlink.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zircon/syscalls.h>

#include "tap.h"

static async_loop_t* loop;
static wire_t* wire;
static int kernel;  // the other end
static uint8_t received[128][4];
static uint8_t last_frame[WIRE_FRAME_MAX];
static size_t received_lengths[128];
static size_t received_count;
static offload_header_t last_header;
static size_t batches;
static size_t room;  // frames the device takes
static bool online;
static bool lost;

static bool can_receive(void* context) {
  return received_count < room;
}

static void receive(void* context, const offload_header_t* header, const uint8_t* frame, size_t length) {
  last_header = *header;
  memcpy(last_frame, frame, length);
  memcpy(received[received_count], frame, length < 4 ? length : 4);
  received_lengths[received_count++] = length;
}

static void receive_done(void* context) {
  batches++;
}

static void status_changed(void* context, bool now_online) {
  online = now_online;
}

static void wire_lost(void* context) {
  lost = true;
}

// The device's place for a frame, in two pieces; none while `place_room` is 0.
static uint8_t place_memory[2048];
static size_t place_room, placed_length;

static size_t place(void* context, struct iovec out[2]) {
  if (place_room == 0) return 0;
  out[0] = (struct iovec){place_memory, 100};
  out[1] = (struct iovec){place_memory + 1000, place_room - 100};
  return 2;
}

static void placed(void* context, const offload_header_t* header, size_t length) {
  last_header = *header;
  placed_length = length;
}

static const wire_events_t events = {.can_receive = can_receive,
                                     .receive = receive,
                                     .place = place,
                                     .placed = placed,
                                     .receive_done = receive_done,
                                     .status = status_changed,
                                     .lost = wire_lost};

static void setup(void) {
  int pair[2];
  received_count = batches = 0;
  place_room = placed_length = 0;
  room = 128;
  online = lost = false;
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
  kernel = pair[1];
  ck_assert_int_eq(async_loop_create(NULL, &loop), ZX_OK);
  ck_assert_int_eq(tap_wire_create(async_loop_get_dispatcher(loop), pair[0], true, &wire), ZX_OK);
  ck_assert_int_eq(wire->ops->start(wire, &events, NULL), ZX_OK);
}

static void teardown(void) {
  async_loop_shutdown(loop);
  wire->ops->destroy(wire);
  async_loop_destroy(loop);
  close(kernel);
}

static void kernel_sends_as(const offload_header_t* header, uint8_t first_byte, size_t length) {
  static uint8_t frame[OFFLOAD_HEADER_BYTES + WIRE_FRAME_MAX];
  memcpy(frame, header, sizeof(*header));
  frame[sizeof(*header)] = first_byte;
  ck_assert_int_eq(send(kernel, frame, sizeof(*header) + length, 0), (ssize_t)(sizeof(*header) + length));
}

static void kernel_sends(uint8_t first_byte, size_t length) {
  static const offload_header_t plain;
  kernel_sends_as(&plain, first_byte, length);
}

START_TEST(wire_is_online_once_started) {
  ck_assert(online);
}
END_TEST

static const offload_header_t run_of_segments = {.flags = OFFLOAD_NEEDS_CHECKSUM,
                                                 .gso_type = OFFLOAD_GSO_TCPV4,
                                                 .header_length = 54,
                                                 .gso_size = 1460,
                                                 .checksum_start = 34,
                                                 .checksum_offset = 16};

START_TEST(sent_frame_is_written_whole_behind_its_header) {
  static uint8_t frame[60000] = {1, 2, 3};
  static uint8_t read_back[OFFLOAD_HEADER_BYTES + WIRE_FRAME_MAX];
  ck_assert_int_eq(wire->ops->send(wire, &run_of_segments, frame, sizeof(frame)), ZX_OK);
  wire->ops->send_done(wire);
  ck_assert_int_eq(recv(kernel, read_back, sizeof(read_back), MSG_DONTWAIT),
                   OFFLOAD_HEADER_BYTES + sizeof(frame));
  ck_assert_mem_eq(read_back, &run_of_segments, OFFLOAD_HEADER_BYTES);
  ck_assert_mem_eq(read_back + OFFLOAD_HEADER_BYTES, frame, sizeof(frame));
}
END_TEST

START_TEST(run_of_segments_is_delivered_with_its_header) {
  kernel_sends_as(&run_of_segments, 7, 64000);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  ck_assert_uint_eq(received_count, 1);
  ck_assert_uint_eq(received[0][0], 7);
  ck_assert_uint_eq(received_lengths[0], 64000);
  ck_assert_mem_eq(&last_header, &run_of_segments, OFFLOAD_HEADER_BYTES);
}
END_TEST

static void kernel_sends_pattern(size_t length) {
  static uint8_t frame[OFFLOAD_HEADER_BYTES + WIRE_FRAME_MAX];
  memcpy(frame, &run_of_segments, OFFLOAD_HEADER_BYTES);
  for (size_t i = 0; i < length; i++)
    frame[OFFLOAD_HEADER_BYTES + i] = (uint8_t)(i % 251);
  ck_assert_int_eq(send(kernel, frame, OFFLOAD_HEADER_BYTES + length, 0),
                   (ssize_t)(OFFLOAD_HEADER_BYTES + length));
}

START_TEST(frame_is_read_to_the_place_that_the_device_has_for_it) {
  place_room = 1100;
  kernel_sends_pattern(1100);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  ck_assert_uint_eq(received_count, 0);
  ck_assert_uint_eq(placed_length, 1100);
  ck_assert_mem_eq(&last_header, &run_of_segments, OFFLOAD_HEADER_BYTES);
  for (size_t i = 0; i < 1100; i++)
    ck_assert_uint_eq(place_memory[i < 100 ? i : 900 + i], i % 251);
}
END_TEST

START_TEST(frame_longer_than_its_place_is_gathered) {
  place_room = 1100;
  kernel_sends_pattern(60000);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  ck_assert_uint_eq(placed_length, 0);
  ck_assert_uint_eq(received_lengths[0], 60000);
  for (size_t i = 0; i < 60000; i++)
    ck_assert_uint_eq(last_frame[i], i % 251);
}
END_TEST

START_TEST(descriptor_without_offloads_offers_none) {
  // A socket is no TAP device and knows none of its requests.
  ck_assert_uint_eq(wire->transmit_offloads, 0);
  ck_assert_uint_eq(wire->receive_offloads, 0);
}
END_TEST

START_TEST(waiting_frames_are_delivered_in_order_and_in_batches) {
  for (uint8_t i = 0; i < 100; i++)
    kernel_sends(i, 60u + i);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  ck_assert_uint_eq(received_count, 100);
  ck_assert_uint_eq(batches, 2);
  for (uint8_t i = 0; i < 100; i++) {
    ck_assert_uint_eq(received[i][0], i);
    ck_assert_uint_eq(received_lengths[i], 60u + i);
  }
}
END_TEST

START_TEST(frames_stay_in_the_kernel_while_the_device_is_full) {
  room = 2;
  for (uint8_t i = 0; i < 5; i++)
    kernel_sends(i, 60);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  ck_assert_uint_eq(received_count, 2);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);  // and it isn't busy meanwhile
  ck_assert_uint_eq(batches, 1);
  room = 128;
  wire->ops->resume(wire);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  ck_assert_uint_eq(received_count, 5);
}
END_TEST

START_TEST(frame_that_cannot_be_written_is_reported) {
  uint8_t frame[60] = {0};
  close(kernel);
  kernel = -1;
  signal(SIGPIPE, SIG_IGN);
  ck_assert_int_eq(wire->ops->send(wire, &run_of_segments, frame, sizeof(frame)), ZX_ERR_IO);
}
END_TEST

START_TEST(device_that_fails_is_offline_and_lost) {
  // Unread when the other end closes, a frame makes the next read fail, as one from a removed TAP device
  // does.
  uint8_t frame[60] = {0};
  ck_assert_int_eq(wire->ops->send(wire, &run_of_segments, frame, sizeof(frame)), ZX_OK);
  close(kernel);
  kernel = -1;
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  ck_assert(!online);
  ck_assert(lost);
}
END_TEST

// A netlink socket that more has been sent to than it holds tells so with ENOBUFS, once.
START_TEST(frame_that_cannot_be_read_is_not_the_end) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK);
  int sender = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK);
  struct sockaddr_nl group = {.nl_family = AF_NETLINK, .nl_groups = 1};
  uint8_t frame[1000] = {0};
  int small = 1;
  ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
  ck_assert_int_eq(bind(fd, (struct sockaddr*)&group, sizeof(group)), 0);
  for (int i = 0; i < 100; i++)
    (void)sendto(sender, frame, sizeof(frame), MSG_DONTWAIT, (struct sockaddr*)&group, sizeof(group));
  wire_t* other;
  ck_assert_int_eq(tap_wire_create(async_loop_get_dispatcher(loop), fd, true, &other), ZX_OK);
  ck_assert_int_eq(other->ops->start(other, &events, NULL), ZX_OK);
  ck_assert_int_eq(async_loop_run_until_idle(loop), ZX_OK);
  ck_assert(online);
  ck_assert(!lost);
  ck_assert_uint_gt(received_count, 0);  // what came before
  close(sender);
  other->ops->destroy(other);
}
END_TEST

START_TEST(descriptor_that_cannot_be_used_is_refused) {
  wire_t* none;
  ck_assert_int_eq(tap_wire_create(async_loop_get_dispatcher(loop), -1, true, &none), ZX_ERR_INVALID_ARGS);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("tap");
  TCase* tc = jx_test_case(suite, "tap");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, wire_is_online_once_started);
  tcase_add_test(tc, sent_frame_is_written_whole_behind_its_header);
  tcase_add_test(tc, run_of_segments_is_delivered_with_its_header);
  tcase_add_test(tc, frame_is_read_to_the_place_that_the_device_has_for_it);
  tcase_add_test(tc, frame_longer_than_its_place_is_gathered);
  tcase_add_test(tc, descriptor_without_offloads_offers_none);
  tcase_add_test(tc, waiting_frames_are_delivered_in_order_and_in_batches);
  tcase_add_test(tc, frames_stay_in_the_kernel_while_the_device_is_full);
  tcase_add_test(tc, frame_that_cannot_be_written_is_reported);
  tcase_add_test(tc, device_that_fails_is_offline_and_lost);
  tcase_add_test(tc, frame_that_cannot_be_read_is_not_the_end);
  tcase_add_test(tc, descriptor_that_cannot_be_used_is_refused);
  return jx_test_run(suite);
}
