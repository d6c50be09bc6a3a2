// The link endpoint with devices that do checksums and segmentation, and with devices that do not.
#include <errno.h>
#include <inet/bytes.h>
#include <string.h>

#include <zircon/syscalls.h>

#include "jx_test.h"
#include "link_fixture.h"

enum { HEADERS = 14 + 20 + 20, STEP = 1460, HEADER_BYTES = sizeof(offload_header_t) };

static const offload_header_t segments = {.flags = OFFLOAD_NEEDS_CHECKSUM,
                                          .gso_type = OFFLOAD_GSO_TCPV4,
                                          .header_length = HEADERS,
                                          .gso_size = STEP,
                                          .checksum_start = 34,
                                          .checksum_offset = 16};

// A run of TCP segments with `count` times STEP bytes of payload.
static size_t make_run(uint8_t* frame, size_t count) {
  size_t length = HEADERS + count * STEP;
  memset(frame, 0, HEADERS);
  be16_put(frame + 12, 0x0800);
  frame[14] = 0x45;
  be16_put(frame + 16, (uint32_t)(length - 14));
  frame[14 + 9] = 6;
  frame[34 + 12] = 0x50;
  for (size_t i = HEADERS; i < length; i++)
    frame[i] = (uint8_t)(i >> 4);
  return length;
}

static uint8_t frame[UINT16_MAX];

static void set_up(link_fixture_t* f, uint32_t depth, uint32_t offloads) {
  link_fixture_prepare(f);
  f->device.depth = depth;
  f->device.transmit_offloads = f->device.receive_offloads = offloads;
  link_fixture_begin(f);
  link_fixture_run_until(f, &f->ups, 1);
  link_fixture_run(f);
}

START_TEST(a_device_that_segments_gets_the_run_whole) {
  link_fixture_t f;
  set_up(&f, 256, OFFLOAD_ALL);
  ck_assert_uint_eq(f.info.offloads, OFFLOAD_ALL);
  size_t length = make_run(frame, 44);
  ck_assert_int_eq(link_fixture_transmit(&f, &segments, frame, length), 0);
  link_endpoint_flush(f.link);
  fake_entry_t entry;
  ck_assert_uint_eq(fake_device_take(f.device.tx, &entry, 1), 1);
  ck_assert_uint_eq(entry.length, HEADER_BYTES + length);
  ck_assert_mem_eq(f.device.memory + entry.offset, &segments, HEADER_BYTES);
  ck_assert_mem_eq(f.device.memory + entry.offset + HEADER_BYTES, frame, length);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(a_device_that_does_not_gets_ordinary_frames) {
  link_fixture_t f;
  set_up(&f, 256, 0);
  ck_assert_uint_eq(f.info.offloads, OFFLOAD_ALL);  // done here
  size_t length = make_run(frame, 44);
  ck_assert_int_eq(link_fixture_transmit(&f, &segments, frame, length), 0);
  link_endpoint_flush(f.link);
  fake_entry_t entries[64];
  ck_assert_uint_eq(fake_device_take(f.device.tx, entries, 64), 44);
  for (uint32_t i = 0; i < 44; i++) {
    const uint8_t* got = f.device.memory + entries[i].offset;
    ck_assert_uint_eq(entries[i].length, HEADERS + STEP);
    ck_assert_uint_eq(be32_get(got + 34 + 4), i * STEP);
    ck_assert_mem_eq(got + HEADERS, frame + HEADERS + i * STEP, STEP);
  }
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(a_run_goes_as_a_whole_or_waits) {
  link_fixture_t f;
  set_up(&f, 128, 0);
  size_t length = make_run(frame, 44);
  fake_entry_t entries[128];
  ck_assert_int_eq(link_fixture_transmit(&f, &segments, frame, length), 0);
  ck_assert_int_eq(link_fixture_transmit(&f, &segments, frame, length), 0);
  ck_assert_int_eq(link_fixture_transmit(&f, &segments, frame, length), -EAGAIN);
  ck_assert_uint_eq(fake_device_take(f.device.tx, entries, 128), 88);
  for (int i = 0; i < 4; i++) {  // 40 were free, 44 are needed
    link_fixture_run(&f);
    ck_assert_int_eq(f.writables, 0);
    entries[i].flags = fuchsia_hardware_ethernet_FIFO_TX_OK;
    ck_assert(fake_device_put(f.device.tx, &entries[i]));
  }
  link_fixture_run(&f);
  ck_assert_int_eq(f.writables, 1);
  ck_assert_int_eq(link_fixture_transmit(&f, &segments, frame, length), 0);
  ck_assert_uint_eq(link_endpoint_counters(f.link)->tx_dropped, 0);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(what_the_device_lacks_alone_is_done_here) {
  link_fixture_t f;
  set_up(&f, 256, OFFLOAD_CHECKSUM);
  size_t length = make_run(frame, 3);
  ck_assert_int_eq(link_fixture_transmit(&f, &segments, frame, length), 0);
  offload_header_t partial = segments;
  partial.gso_type = OFFLOAD_GSO_NONE;
  ck_assert_int_eq(link_fixture_transmit(&f, &partial, frame, 100), 0);
  link_endpoint_flush(f.link);
  fake_entry_t entries[8];
  static const offload_header_t plain;
  ck_assert_uint_eq(fake_device_take(f.device.tx, entries, 8), 4);
  for (int i = 0; i < 3; i++)
    ck_assert_mem_eq(f.device.memory + entries[i].offset, &plain, HEADER_BYTES);
  ck_assert_mem_eq(f.device.memory + entries[3].offset, &partial, HEADER_BYTES);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(segmentation_is_not_offered_over_few_buffers) {
  link_fixture_t f;
  set_up(&f, 8, 0);
  ck_assert_uint_eq(f.info.offloads, OFFLOAD_CHECKSUM);
  // Asked for all the same, as much goes as there is room for.
  size_t length = make_run(frame, 20);
  ck_assert_int_eq(link_fixture_transmit(&f, &segments, frame, length), 0);
  ck_assert_uint_eq(link_endpoint_counters(f.link)->tx_frames, 8);
  ck_assert_uint_eq(link_endpoint_counters(f.link)->tx_dropped, 12);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(a_frame_that_is_not_what_its_header_says_is_refused) {
  link_fixture_t f;
  set_up(&f, 256, 0);
  size_t length = make_run(frame, 3);
  frame[14 + 9] = 17;
  ck_assert_int_eq(link_fixture_transmit(&f, &segments, frame, length), -EINVAL);
  offload_header_t large = segments;
  large.gso_size = 3000;
  frame[14 + 9] = 6;
  ck_assert_int_eq(link_fixture_transmit(&f, &large, frame, length), -EMSGSIZE);
  ck_assert_uint_eq(link_endpoint_counters(f.link)->tx_dropped, 2);
  link_fixture_tear_down(&f);
}
END_TEST

// What the device puts before a frame into the buffer `entry`, and returns it.
static void deliver(link_fixture_t* f, fake_entry_t entry, const offload_header_t* header, size_t length) {
  memcpy(f->device.memory + entry.offset, header, HEADER_BYTES);
  memcpy(f->device.memory + entry.offset + HEADER_BYTES, frame, length);
  entry.length = (uint16_t)(HEADER_BYTES + length);
  entry.flags = fuchsia_hardware_ethernet_FIFO_RX_OK;
  ck_assert(fake_device_put(f->device.rx, &entry));
  link_fixture_run(f);
}

START_TEST(large_buffers_are_given_for_runs_of_segments) {
  link_fixture_t f;
  set_up(&f, 256, OFFLOAD_ALL);
  static fake_entry_t entries[256];
  ck_assert_uint_eq(fake_device_take(f.device.rx, entries, 256), 256);
  uint32_t large = 0;
  for (int i = 0; i < 256; i++) {
    if (entries[i].length < UINT16_MAX) continue;
    if (large++ == 0) deliver(&f, entries[i], &segments, make_run(frame, 44));
  }
  ck_assert_uint_eq(large, 32);
  ck_assert_uint_eq(f.frames, 1);
  ck_assert_uint_eq(f.last_length, HEADERS + 44 * STEP);
  ck_assert_mem_eq(&f.last_header, &segments, HEADER_BYTES);
  ck_assert_mem_eq(f.last_frame, frame, f.last_length);
  link_fixture_tear_down(&f);
}
END_TEST

static const offload_header_t bad_headers[] = {
    {.flags = 4},
    {.flags = 0xff},
    {.flags = 1, .checksum_start = 34, .checksum_offset = 25},  // outside of the frame
    {.flags = 1, .checksum_start = UINT16_MAX, .checksum_offset = UINT16_MAX},
    {.flags = 1, .gso_type = OFFLOAD_GSO_UDP, .gso_size = 10, .checksum_start = 34},  // not agreed on
    {.flags = 1, .gso_type = OFFLOAD_GSO_TCPV4, .checksum_start = 34},                // no size
    {.flags = 1, .gso_type = 200, .gso_size = 10, .checksum_start = 34},
    {.gso_type = OFFLOAD_GSO_TCPV4, .gso_size = 10},
};
enum { BAD_HEADERS = sizeof(bad_headers) / sizeof(bad_headers[0]) };

START_TEST(a_received_header_that_cannot_be_is_counted_and_its_frame_dropped) {
  link_fixture_t f;
  set_up(&f, 16, OFFLOAD_CHECKSUM | OFFLOAD_TSO);
  fake_entry_t entries[2];
  ck_assert_uint_eq(fake_device_take(f.device.rx, entries, 2), 2);
  deliver(&f, entries[0], &bad_headers[_i], 60);
  ck_assert_uint_eq(f.frames, 0);
  ck_assert_uint_eq(link_endpoint_counters(f.link)->bad_header, 1);
  static const offload_header_t verified = {.flags = OFFLOAD_DATA_VALID};
  deliver(&f, entries[1], &verified, 60);
  ck_assert_uint_eq(f.frames, 1);
  ck_assert_uint_eq(f.last_header.flags, OFFLOAD_DATA_VALID);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(a_frame_shorter_than_its_header_is_dropped) {
  link_fixture_t f;
  set_up(&f, 16, OFFLOAD_ALL);
  fake_entry_t entry;
  ck_assert_uint_eq(fake_device_take(f.device.rx, &entry, 1), 1);
  entry.length = HEADER_BYTES - 1;
  entry.flags = fuchsia_hardware_ethernet_FIFO_RX_OK;
  ck_assert(fake_device_put(f.device.rx, &entry));
  link_fixture_run(&f);
  ck_assert_uint_eq(f.frames, 0);
  ck_assert_uint_eq(link_endpoint_counters(f.link)->bad_header, 1);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(a_device_of_the_published_protocol_is_used_without_offloads) {
  link_fixture_t f;
  link_fixture_prepare(&f);
  f.device.old = true;
  link_fixture_begin(&f);
  link_fixture_run_until(&f, &f.ups, 1);
  ck_assert_int_eq(f.device.connections, 2);
  memset(frame, 0x11, 60);
  ck_assert(fake_device_deliver(&f.device, frame, 60));
  link_fixture_run(&f);
  ck_assert_uint_eq(f.last_length, 60);
  ck_assert_mem_eq(f.last_frame, frame, 60);
  // The next one in its place may know more.
  f.device.old = false;
  f.device.transmit_offloads = OFFLOAD_ALL;
  fake_device_kill(&f.device);
  link_fixture_run_until(&f, &f.ups, 2);
  ck_assert_int_eq(f.device.connections, 3);
  ck_assert_int_eq(link_fixture_transmit(&f, &segments, frame, make_run(frame, 44)), 0);
  ck_assert_uint_eq(link_endpoint_counters(f.link)->tx_frames, 1);
  link_fixture_tear_down(&f);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("link_offload");
  TCase* tc = jx_test_case(suite, "link_offload");
  tcase_add_test(tc, a_device_that_segments_gets_the_run_whole);
  tcase_add_test(tc, a_device_that_does_not_gets_ordinary_frames);
  tcase_add_test(tc, a_run_goes_as_a_whole_or_waits);
  tcase_add_test(tc, what_the_device_lacks_alone_is_done_here);
  tcase_add_test(tc, segmentation_is_not_offered_over_few_buffers);
  tcase_add_test(tc, a_frame_that_is_not_what_its_header_says_is_refused);
  tcase_add_test(tc, large_buffers_are_given_for_runs_of_segments);
  tcase_add_loop_test(tc, a_received_header_that_cannot_be_is_counted_and_its_frame_dropped, 0, BAD_HEADERS);
  tcase_add_test(tc, a_frame_shorter_than_its_header_is_dropped);
  tcase_add_test(tc, a_device_of_the_published_protocol_is_used_without_offloads);
  return jx_test_run(suite);
}
