// The link endpoint against a device that is honest, dead, or hostile. Everything runs on one loop, which is
// run until nothing is left to do.
#include <errno.h>
#include <string.h>

#include <zircon/syscalls.h>

#include "jx_test.h"
#include "link_fixture.h"

static int transmit(link_fixture_t* f, const void* frame, size_t length) {
  static const offload_header_t plain;
  return link_fixture_transmit(f, &plain, frame, length);
}

START_TEST(a_device_is_found_and_started) {
  link_fixture_t f;
  link_fixture_set_up(&f);
  ck_assert_int_eq(f.ups, 1);
  ck_assert_mem_eq(f.info.mac, f.device.mac, 6);
  ck_assert_uint_eq(f.info.mtu, 1500);
  ck_assert(f.device.started);
  ck_assert(f.device.named);
  fake_entry_t entries[16];
  size_t given = fake_device_take(f.device.rx, entries, 16);
  ck_assert_uint_eq(given, f.device.depth);
  for (size_t i = 0; i < given; i++) {
    ck_assert_uint_ge(entries[i].length, 1518);
    ck_assert_uint_le(entries[i].offset + entries[i].length, f.device.memory_bytes);
    ck_assert_uint_eq(entries[i].flags, 0);
    for (size_t k = 0; k < i; k++)
      ck_assert_uint_ne(entries[i].offset, entries[k].offset);
  }
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(frames_come_in_and_their_buffers_go_back) {
  link_fixture_t f;
  link_fixture_set_up(&f);
  uint8_t frame[1514];
  for (unsigned n = 0; n < 3 * f.device.depth; n++) {
    memset(frame, (int)n, sizeof(frame));
    ck_assert(fake_device_deliver(&f.device, frame, 14 + n));
    link_fixture_run(&f);
    ck_assert_uint_eq(f.frames, n + 1);
    ck_assert_uint_eq(f.last_length, 14 + n);
    ck_assert_mem_eq(f.last_frame, frame, 14 + n);
  }
  ck_assert_uint_eq(link_endpoint_counters(f.link)->rx_frames, 3 * f.device.depth);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(frames_that_came_together_are_one_batch) {
  link_fixture_t f;
  link_fixture_set_up(&f);
  uint8_t frame[60] = {0};
  while (fake_device_deliver(&f.device, frame, sizeof(frame)))
    continue;
  link_fixture_run(&f);
  ck_assert_uint_eq(f.frames, f.device.depth);
  ck_assert_int_eq(f.batches, 1);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(frames_go_out_at_the_flush) {
  link_fixture_t f;
  link_fixture_set_up(&f);
  uint8_t frame[1514];
  fake_entry_t entries[16];
  for (unsigned i = 0; i < 3; i++) {
    memset(frame, (int)i, sizeof(frame));
    ck_assert_int_eq(transmit(&f, frame, 100 + i), 0);
  }
  ck_assert_uint_eq(fake_device_take(f.device.tx, entries, 16), 0);
  link_endpoint_flush(f.link);
  ck_assert_uint_eq(fake_device_take(f.device.tx, entries, 16), 3);
  for (unsigned i = 0; i < 3; i++) {
    memset(frame, (int)i, sizeof(frame));
    ck_assert_uint_eq(entries[i].length, 100 + i);
    ck_assert_mem_eq(f.device.memory + entries[i].offset, frame, 100 + i);
  }
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(a_full_device_refuses_and_says_when_there_is_room) {
  link_fixture_t f;
  link_fixture_set_up(&f);
  uint8_t frame[60] = {0};
  for (unsigned i = 0; i < f.device.depth; i++)
    ck_assert_int_eq(transmit(&f, frame, sizeof(frame)), 0);
  ck_assert_int_eq(transmit(&f, frame, sizeof(frame)), -EAGAIN);
  link_fixture_run(&f);
  ck_assert_int_eq(f.writables, 0);
  fake_entry_t entries[16];
  size_t count = fake_device_take(f.device.tx, entries, 16);  // the refusal has flushed
  ck_assert_uint_eq(count, f.device.depth);
  entries[0].flags = fuchsia_hardware_ethernet_FIFO_TX_OK;
  ck_assert(fake_device_put(f.device.tx, &entries[0]));
  link_fixture_run(&f);
  ck_assert_int_eq(f.writables, 0);  // a quarter of them is worth a wake-up
  entries[1].flags = fuchsia_hardware_ethernet_FIFO_TX_OK;
  ck_assert(fake_device_put(f.device.tx, &entries[1]));
  link_fixture_run(&f);
  ck_assert_int_eq(f.writables, 1);
  ck_assert_int_eq(transmit(&f, frame, sizeof(frame)), 0);
  ck_assert_int_eq(transmit(&f, frame, sizeof(frame)), 0);
  ck_assert_int_eq(transmit(&f, frame, sizeof(frame)), -EAGAIN);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(a_frame_larger_than_a_buffer_is_refused) {
  link_fixture_t f;
  link_fixture_set_up(&f);
  static uint8_t frame[65536];
  ck_assert_int_eq(transmit(&f, frame, 2049), -EMSGSIZE);
  ck_assert_int_eq(transmit(&f, frame, sizeof(frame)), -EMSGSIZE);
  ck_assert_uint_eq(link_endpoint_counters(f.link)->tx_dropped, 2);
  ck_assert_int_eq(transmit(&f, frame, 2048), 0);
  link_fixture_tear_down(&f);
}
END_TEST

// What a hostile driver can put into a FIFO: each of these, made from an entry it really has.
typedef struct damage {
  uint32_t offset_xor;
  int64_t length;  // -1: as it was
  uint16_t flags;
  uint64_t cookie_xor;
  enum { BAD_COOKIE, BAD_RANGE, BAD_FLAGS, DRIVER_ERROR, IGNORED } counted;
} damage_t;

static const damage_t damages[] = {
    {.length = 60, .flags = 1, .cookie_xor = 1u << 20, .counted = BAD_COOKIE},
    {.length = 60, .flags = 1, .cookie_xor = UINT64_C(1) << 63, .counted = BAD_COOKIE},
    {.length = 60, .flags = 1, .cookie_xor = UINT64_C(1) << 32, .counted = BAD_COOKIE},
    {.length = 60, .flags = 1, .cookie_xor = 8, .counted = BAD_COOKIE},
    {.offset_xor = 1, .length = 60, .flags = 1, .counted = BAD_RANGE},
    {.offset_xor = 2048, .length = 60, .flags = 1, .counted = BAD_RANGE},
    {.offset_xor = 1u << 31, .length = 60, .flags = 1, .counted = BAD_RANGE},
    {.offset_xor = UINT32_MAX, .length = 60, .flags = 1, .counted = BAD_RANGE},
    {.length = 2049, .flags = 1, .counted = BAD_RANGE},
    {.length = 65535, .flags = 1, .counted = BAD_RANGE},
    {.offset_xor = UINT32_MAX, .length = 65535, .flags = 1, .counted = BAD_RANGE},
    {.length = 60, .flags = 8, .counted = BAD_FLAGS},
    {.length = 60, .flags = 0xffff, .counted = BAD_FLAGS},
    {.length = 60, .flags = 0x8001, .counted = BAD_FLAGS},
    {.length = 60, .flags = 0, .counted = DRIVER_ERROR},
    {.length = 0, .flags = 2, .counted = DRIVER_ERROR},
    {.length = 60, .flags = 3, .counted = DRIVER_ERROR},
    {.length = 60, .flags = 5, .counted = IGNORED},
};
enum { DAMAGES = sizeof(damages) / sizeof(damages[0]) };

static fake_entry_t damaged(const fake_entry_t* entry, const damage_t* damage) {
  fake_entry_t result = *entry;
  result.offset ^= damage->offset_xor;
  if (damage->length >= 0) result.length = (uint16_t)damage->length;
  result.flags = damage->flags;
  result.cookie ^= damage->cookie_xor;
  return result;
}

START_TEST(a_damaged_receive_entry_is_counted_and_dropped) {
  link_fixture_t f;
  link_fixture_set_up(&f);
  const damage_t* damage = &damages[_i];
  fake_entry_t entry, bad;
  ck_assert_uint_eq(fake_device_take(f.device.rx, &entry, 1), 1);
  bad = damaged(&entry, damage);
  ck_assert(fake_device_put(f.device.rx, &bad));
  link_fixture_run(&f);
  const link_counters_t* counters = link_endpoint_counters(f.link);
  ck_assert_uint_eq(f.frames, 0);
  ck_assert_uint_eq(counters->rx_frames, 0);
  ck_assert_uint_eq(counters->bad_cookie, damage->counted == BAD_COOKIE);
  ck_assert_uint_eq(counters->bad_range, damage->counted == BAD_RANGE);
  ck_assert_uint_eq(counters->bad_flags, damage->counted == BAD_FLAGS);
  ck_assert_uint_eq(counters->rx_errors, damage->counted == DRIVER_ERROR);
  if (damage->counted == BAD_COOKIE) {  // the buffer it really had is still with it
    entry.length = 60;
    entry.flags = fuchsia_hardware_ethernet_FIFO_RX_OK;
    ck_assert(fake_device_put(f.device.rx, &entry));
    link_fixture_run(&f);
    ck_assert_uint_eq(f.frames, 1);
  }
  uint8_t frame[60] = {0};
  for (unsigned i = 0; i < 2 * f.device.depth; i++) {  // and everything goes on
    ck_assert(fake_device_deliver(&f.device, frame, sizeof(frame)));
    link_fixture_run(&f);
  }
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(a_receive_buffer_returned_twice_counts_once) {
  link_fixture_t f;
  link_fixture_set_up(&f);
  fake_entry_t entries[8];
  ck_assert_uint_eq(fake_device_take(f.device.rx, entries, 8), 8);
  entries[0].length = 60;
  entries[0].flags = fuchsia_hardware_ethernet_FIFO_RX_OK;
  ck_assert(fake_device_put(f.device.rx, &entries[0]));
  ck_assert(fake_device_put(f.device.rx, &entries[0]));
  link_fixture_run(&f);
  ck_assert_uint_eq(f.frames, 1);
  ck_assert_uint_eq(link_endpoint_counters(f.link)->bad_cookie, 1);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(a_damaged_transmit_entry_is_counted_and_dropped) {
  link_fixture_t f;
  link_fixture_set_up(&f);
  const damage_t* damage = &damages[_i];
  uint8_t frame[60] = {0};
  fake_entry_t entry, bad;
  ck_assert_int_eq(transmit(&f, frame, sizeof(frame)), 0);
  link_endpoint_flush(f.link);
  ck_assert_uint_eq(fake_device_take(f.device.tx, &entry, 1), 1);
  bad = damaged(&entry, damage);
  ck_assert(fake_device_put(f.device.tx, &bad));
  ck_assert_int_eq(transmit(&f, frame, sizeof(frame)), 0);  // collects
  const link_counters_t* counters = link_endpoint_counters(f.link);
  ck_assert_uint_eq(counters->bad_cookie, damage->counted == BAD_COOKIE);
  ck_assert_uint_eq(counters->bad_range, damage->counted == BAD_RANGE);
  ck_assert_uint_eq(counters->bad_flags + counters->tx_errors, damage->counted == BAD_FLAGS ||
                                                                   damage->counted == DRIVER_ERROR ||
                                                                   damage->counted == IGNORED);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(the_device_never_has_more_buffers_than_the_depth) {
  link_fixture_t f;
  link_fixture_set_up(&f);
  // Entries that were never given out must not make the endpoint give out more.
  fake_entry_t entries[16];
  ck_assert_uint_eq(fake_device_take(f.device.rx, entries, 16), 8);
  for (unsigned i = 0; i < 8; i++) {
    fake_entry_t invented = {.offset = i * 2048, .length = 60, .flags = 1, .cookie = 8 + i};
    ck_assert(fake_device_put(f.device.rx, &invented));
  }
  link_fixture_run(&f);
  ck_assert_uint_eq(fake_device_take(f.device.rx, entries, 16), 0);
  ck_assert_uint_eq(link_endpoint_counters(f.link)->bad_cookie, 8);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(a_frame_that_changes_while_it_is_read_is_read_once) {
  link_fixture_t f;
  link_fixture_set_up(&f);
  uint8_t frame[60];
  memset(frame, 0x55, sizeof(frame));
  ck_assert(fake_device_deliver(&f.device, frame, sizeof(frame)));
  link_fixture_run(&f);
  memset(f.device.memory, 0xaa, f.device.memory_bytes);
  ck_assert_mem_eq(f.last_frame, frame, sizeof(frame));
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(a_killed_device_is_found_again) {
  link_fixture_t f;
  link_fixture_set_up(&f);
  uint8_t frame[60] = {0};
  for (int round = 1; round <= 3; round++) {
    fake_device_kill(&f.device);
    link_fixture_run_until(&f, &f.downs, round);
    ck_assert_int_eq(transmit(&f, frame, sizeof(frame)), -ENETDOWN);
    link_fixture_run_until(&f, &f.ups, round + 1);
    ck_assert_int_eq(transmit(&f, frame, sizeof(frame)), 0);
    ck_assert(fake_device_deliver(&f.device, frame, sizeof(frame)));
    link_fixture_run(&f);
    ck_assert_uint_eq(f.frames, (size_t)round);
  }
  ck_assert_uint_eq(link_endpoint_counters(f.link)->sessions, 4);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(a_device_that_cannot_be_reached_is_tried_again) {
  link_fixture_t f;
  link_fixture_prepare(&f);
  f.refuse = true;
  link_fixture_begin(&f);
  link_fixture_run(&f);
  f.refuse = false;
  link_fixture_run_until(&f, &f.ups, 1);
  ck_assert_int_eq(f.downs, 0);
  link_fixture_tear_down(&f);
}
END_TEST

static const struct {
  uint8_t first_octet;
  uint32_t mtu;
  uint32_t depth;
} unusable[] = {{1, 1500, 8}, {2, 67, 8}, {2, 0, 8}, {2, 1500, 0}};

START_TEST(a_device_that_makes_no_sense_is_not_used) {
  link_fixture_t f;
  link_fixture_prepare(&f);
  f.device.mac[0] = unusable[_i].first_octet;
  f.device.mtu = unusable[_i].mtu;
  f.device.depth = unusable[_i].depth;
  link_fixture_begin(&f);
  link_fixture_run_until(&f, &f.device.connections, 2);
  ck_assert_int_eq(f.ups, 0);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(a_device_with_a_huge_depth_or_mtu_is_bounded) {
  link_fixture_t f;
  link_fixture_prepare(&f);
  f.device.mtu = UINT32_MAX;
  f.device.depth = UINT32_MAX;
  link_fixture_begin(&f);
  link_fixture_run_until(&f, &f.ups, 1);
  link_fixture_run(&f);
  ck_assert_uint_eq(f.info.mtu, 65507);
  ck_assert_uint_eq(f.device.memory_bytes & 0xfff, 0);
  static fake_entry_t entries[512];
  ck_assert_uint_eq(fake_device_take(f.device.rx, entries, 512), 256);
  static uint8_t frame[65507 + 18];
  ck_assert_int_eq(transmit(&f, frame, sizeof(frame)), 0);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(the_link_follows_the_status_of_the_device) {
  link_fixture_t f;
  link_fixture_prepare(&f);
  f.device.online = false;
  link_fixture_begin(&f);
  link_fixture_run_until(&f, &f.device.connections, 1);
  link_fixture_run(&f);
  ck_assert_int_eq(f.ups, 0);
  for (int i = 1; i <= 3; i++) {
    f.device.online = true;
    zx_object_signal_peer(f.device.rx, 0, fuchsia_hardware_ethernet_SIGNAL_STATUS);
    link_fixture_run(&f);
    ck_assert_int_eq(f.ups, i);
    f.device.online = false;
    zx_object_signal_peer(f.device.rx, 0, fuchsia_hardware_ethernet_SIGNAL_STATUS);
    link_fixture_run(&f);
    ck_assert_int_eq(f.downs, i);
  }
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(multicast_addresses_are_told_and_told_again_to_the_next_device) {
  link_fixture_t f;
  link_fixture_set_up(&f);
  uint8_t mac[6] = {0x33, 0x33, 0, 0, 0, 1};
  link_endpoint_multicast(f.link, mac, true);
  link_endpoint_multicast(f.link, mac, true);
  link_fixture_run(&f);
  ck_assert_int_eq(f.device.multicast_added, 1);
  fake_device_kill(&f.device);
  link_fixture_run_until(&f, &f.ups, 2);
  link_fixture_run(&f);
  ck_assert_int_eq(f.device.multicast_added, 2);
  link_endpoint_multicast(f.link, mac, false);
  link_fixture_run(&f);
  ck_assert_int_eq(f.device.multicast_removed, 1);
  for (int i = 0; i < 70; i++) {
    mac[5] = (uint8_t)(i + 2);
    link_endpoint_multicast(f.link, mac, true);
  }
  link_fixture_run(&f);
  ck_assert(f.device.multicast_all);
  link_fixture_tear_down(&f);
}
END_TEST

START_TEST(destroying_in_the_middle_of_anything_leaves_nothing) {
  for (int rounds = 0; rounds < 24; rounds++) {
    link_fixture_t f;
    link_fixture_prepare(&f);
    link_fixture_begin(&f);
    for (int i = 0; i < rounds; i++)
      (void)async_loop_run(f.loop, zx_deadline_after(ZX_MSEC(1)), true);
    link_fixture_tear_down(&f);
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("netstack_link_endpoint");
  TCase* tc = jx_test_case(suite, "link_endpoint");
  tcase_add_test(tc, a_device_is_found_and_started);
  tcase_add_test(tc, frames_come_in_and_their_buffers_go_back);
  tcase_add_test(tc, frames_that_came_together_are_one_batch);
  tcase_add_test(tc, frames_go_out_at_the_flush);
  tcase_add_test(tc, a_full_device_refuses_and_says_when_there_is_room);
  tcase_add_test(tc, a_frame_larger_than_a_buffer_is_refused);
  tcase_add_loop_test(tc, a_damaged_receive_entry_is_counted_and_dropped, 0, DAMAGES);
  tcase_add_test(tc, a_receive_buffer_returned_twice_counts_once);
  tcase_add_loop_test(tc, a_damaged_transmit_entry_is_counted_and_dropped, 0, DAMAGES);
  tcase_add_test(tc, the_device_never_has_more_buffers_than_the_depth);
  tcase_add_test(tc, a_frame_that_changes_while_it_is_read_is_read_once);
  tcase_add_test(tc, a_killed_device_is_found_again);
  tcase_add_test(tc, a_device_that_cannot_be_reached_is_tried_again);
  tcase_add_loop_test(tc, a_device_that_makes_no_sense_is_not_used, 0,
                      (int)(sizeof(unusable) / sizeof(unusable[0])));
  tcase_add_test(tc, a_device_with_a_huge_depth_or_mtu_is_bounded);
  tcase_add_test(tc, the_link_follows_the_status_of_the_device);
  tcase_add_test(tc, multicast_addresses_are_told_and_told_again_to_the_next_device);
  tcase_add_test(tc, destroying_in_the_middle_of_anything_leaves_nothing);
  return jx_test_run(suite);
}
