// The device over a fake wire, with clients that speak to it as a netstack does, and some that don't.
#include <jx_test.h>
#include <stdlib.h>
#include <string.h>
#include <zircon/syscalls.h>

#include "device_fixture.h"
#include "filter.h"

#define RX_OK fuchsia_hardware_ethernet_FIFO_RX_OK
#define TX_OK fuchsia_hardware_ethernet_FIFO_TX_OK
#define INVALID fuchsia_hardware_ethernet_FIFO_INVALID
#define RX_TX fuchsia_hardware_ethernet_FIFO_RX_TX

#define FRAME_BYTES 60u
static const uint8_t frame_for_us[FRAME_BYTES] = {0x02, 0, 0, 0, 0, 0x01, 0x02, 0,
                                                  0,    0, 0, 9, 8, 0,    'h',  'i'};
static const uint8_t frame_for_all[FRAME_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
                                                   0,    0,    0,    0,    9,    8,    6};
static const uint8_t frame_for_group[FRAME_BYTES] = {0x33, 0x33, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 9, 0x86, 0xdd};
static const uint8_t frame_for_other[FRAME_BYTES] = {0x02, 0, 0, 0, 0, 0x07, 0x02, 0, 0, 0, 0, 9, 8, 0};

static fixture_t fixture;

static void setup(void) {
  fixture_init(&fixture);
}

static void teardown(void) {
  fixture_deinit(&fixture);
}

START_TEST(info_tells_address_mtu_and_features) {
  client_t client;
  client_connect(&client, &fixture);
  ck_assert_int_eq(client_get_info(&client), ZX_OK);
  ck_assert_uint_eq(client.info.mtu, FIXTURE_MTU);
  ck_assert_uint_eq(client.info.features, fuchsia_hardware_ethernet_Features_SYNTHETIC);
  ck_assert_mem_eq(client.info.mac.octets, fixture_mac, ETHERNET_MAC_BYTES);
  client_close(&client);
}
END_TEST

START_TEST(start_needs_fifos_and_memory) {
  client_t client;
  client_connect(&client, &fixture);
  ck_assert_int_eq(client_do_start(&client), ZX_ERR_BAD_STATE);
  ck_assert_int_eq(client_get_fifos(&client), ZX_OK);
  ck_assert_int_eq(client_do_start(&client), ZX_ERR_BAD_STATE);
  zx_handle_t vmo;
  ck_assert_int_eq(zx_vmo_create(4096, 0, &vmo), ZX_OK);
  ck_assert_int_eq(client_set_io_buffer(&client, vmo), ZX_OK);
  ck_assert_int_eq(client_do_start(&client), ZX_OK);
  ck_assert_int_eq(client_do_start(&client), ZX_OK);
  client_close(&client);
}
END_TEST

START_TEST(fifos_and_memory_are_given_only_once) {
  client_t client;
  client_start(&client, &fixture);
  ck_assert_int_eq(client_get_fifos(&client), ZX_ERR_ALREADY_BOUND);
  zx_handle_t vmo;
  ck_assert_int_eq(zx_vmo_create(4096, 0, &vmo), ZX_OK);
  ck_assert_int_eq(client_set_io_buffer(&client, vmo), ZX_ERR_ALREADY_BOUND);
  client_close(&client);
}
END_TEST

START_TEST(resizable_memory_is_refused) {
  client_t client;
  client_connect(&client, &fixture);
  zx_handle_t vmo;
  ck_assert_int_eq(zx_vmo_create(4096, ZX_VMO_RESIZABLE, &vmo), ZX_OK);
  ck_assert_int_eq(client_set_io_buffer(&client, vmo), ZX_ERR_INVALID_ARGS);
  client_close(&client);
}
END_TEST

START_TEST(frame_goes_to_the_wire_and_its_buffer_comes_back) {
  client_t client;
  client_start(&client, &fixture);
  client_send(&client, 4096, frame_for_other, FRAME_BYTES, 42);
  exchange_entry_t entry = client_take(&client, client.tx);
  ck_assert_uint_eq(entry.cookie, 42);
  ck_assert_uint_eq(entry.offset, 4096);
  ck_assert_uint_eq(entry.flags, TX_OK);
  ck_assert_uint_eq(fixture.wire.sent_count, 1);
  ck_assert_uint_eq(fixture.wire.sent_length[0], FRAME_BYTES);
  ck_assert_mem_eq(fixture.wire.sent[0], frame_for_other, FRAME_BYTES);
  ck_assert_uint_eq(fixture.wire.send_done_count, 1);
  client_close(&client);
}
END_TEST

START_TEST(frames_put_in_together_go_out_in_order_as_one_batch) {
  client_t client;
  client_start(&client, &fixture);
  uint8_t frame[FRAME_BYTES];
  memcpy(frame, frame_for_other, sizeof(frame));
  for (uint8_t i = 0; i < 40; i++) {
    frame[20] = i;
    client_send(&client, i * 64u, frame, FRAME_BYTES, i);
  }
  for (uint8_t i = 0; i < 40; i++) {
    ck_assert_uint_eq(client_take(&client, client.tx).cookie, i);
    ck_assert_uint_eq(fixture.wire.sent[i][20], i);
  }
  ck_assert_uint_eq(fixture.wire.send_done_count, 1);
  client_close(&client);
}
END_TEST

START_TEST(frame_that_the_wire_refuses_comes_back_without_flags) {
  client_t client;
  client_start(&client, &fixture);
  fixture.wire.failing = true;
  client_send(&client, 0, frame_for_other, FRAME_BYTES, 1);
  ck_assert_uint_eq(client_take(&client, client.tx).flags, 0);
  ethernet_counters_t counters;
  device_counters(&fixture.device, &counters);
  ck_assert_uint_eq(counters.tx_failed, 1);
  ck_assert_uint_eq(counters.tx_frames, 0);
  client_close(&client);
}
END_TEST

START_TEST(invalid_entries_are_answered_and_the_good_ones_between_them_sent) {
  client_t client;
  client_start(&client, &fixture);
  client_put(&client, client.tx, FIXTURE_MEMORY_BYTES - 10, FRAME_BYTES, 1);
  client_send(&client, 0, frame_for_other, FRAME_BYTES, 2);
  client_put(&client, client.tx, UINT32_MAX, FRAME_BYTES, 3);
  client_put(&client, client.tx, 0, 3, 4);
  client_put(&client, client.rx, FIXTURE_MEMORY_BYTES, 2048, 5);
  unsigned valid = 0, invalid = 0;
  for (int i = 0; i < 4; i++) {
    exchange_entry_t entry = client_take(&client, client.tx);
    ck_assert_uint_eq(entry.flags, entry.cookie == 2 ? TX_OK : INVALID);
    entry.cookie == 2 ? valid++ : invalid++;
  }
  ck_assert_uint_eq(valid, 1);
  ck_assert_uint_eq(invalid, 3);
  ck_assert_uint_eq(fixture.wire.sent_count, 1);
  ethernet_counters_t counters;
  device_counters(&fixture.device, &counters);
  ck_assert_uint_eq(counters.tx_invalid, 3);
  // The bad empty buffer is found out when one is needed.
  fixture_deliver(&fixture, frame_for_us, FRAME_BYTES, 1);
  exchange_entry_t entry = client_take(&client, client.rx);
  ck_assert_uint_eq(entry.flags, INVALID);
  ck_assert_uint_eq(entry.length, 0);
  client_close(&client);
}
END_TEST

START_TEST(random_entries_hurt_nobody) {
  client_t hostile, other;
  client_start(&hostile, &fixture);
  client_start(&other, &fixture);
  srand((unsigned)_i + 1);
  for (int step = 0; step < 3000; step++) {
    exchange_entry_t entry = {.offset = (uint32_t)rand() * 2654435761u,
                              .length = (uint16_t)rand(),
                              .flags = (uint16_t)rand(),
                              .cookie = (uint64_t)rand()};
    if (rand() % 2) entry.offset %= FIXTURE_MEMORY_BYTES;
    zx_fifo_write(rand() % 2 ? hostile.tx : hostile.rx, sizeof(entry), &entry, 1, NULL);
    if (rand() % 3 == 0) fixture_deliver(&fixture, frame_for_us, FRAME_BYTES, 3);
    if (rand() % 4 == 0) fixture_run(&fixture);
    if (rand() % 4 == 0) zx_fifo_read(hostile.tx, sizeof(entry), &entry, 1, NULL);
    if (rand() % 8 == 0) zx_fifo_read(hostile.rx, sizeof(entry), &entry, 1, NULL);
  }
  client_put(&other, other.rx, 0, 2048, 1);
  client_send(&other, 4096, frame_for_other, FRAME_BYTES, 2);
  ck_assert_uint_eq(client_take(&other, other.tx).flags, TX_OK);
  ck_assert_uint_eq(fixture_deliver(&fixture, frame_for_us, FRAME_BYTES, 1), 1);
  ck_assert_uint_eq(client_take(&other, other.rx).flags, RX_OK);
  client_close(&hostile);
  client_close(&other);
}
END_TEST

START_TEST(received_frame_reaches_the_client_with_its_length) {
  client_t client;
  client_start(&client, &fixture);
  client_put(&client, client.rx, 8192, 2048, 7);
  ck_assert_uint_eq(fixture_deliver(&fixture, frame_for_us, FRAME_BYTES, 1), 1);
  exchange_entry_t entry = client_take(&client, client.rx);
  ck_assert_uint_eq(entry.offset, 8192);
  ck_assert_uint_eq(entry.length, FRAME_BYTES);
  ck_assert_uint_eq(entry.flags, RX_OK);
  ck_assert_uint_eq(entry.cookie, 7);
  uint8_t frame[FRAME_BYTES];
  ck_assert_int_eq(zx_vmo_read(client.vmo, frame, 8192, sizeof(frame)), ZX_OK);
  ck_assert_mem_eq(frame, frame_for_us, FRAME_BYTES);
  client_close(&client);
}
END_TEST

START_TEST(every_started_client_gets_a_copy) {
  client_t first, second, idle;
  client_start(&first, &fixture);
  client_start(&second, &fixture);
  client_connect(&idle, &fixture);
  client_put(&first, first.rx, 0, 2048, 1);
  client_put(&second, second.rx, 0, 2048, 2);
  fixture_deliver(&fixture, frame_for_all, FRAME_BYTES, 1);
  ck_assert_uint_eq(client_take(&first, first.rx).cookie, 1);
  ck_assert_uint_eq(client_take(&second, second.rx).cookie, 2);
  client_close(&first);
  client_close(&second);
  client_close(&idle);
}
END_TEST

START_TEST(frames_for_other_stations_are_filtered_until_somebody_is_promiscuous) {
  client_t client, curious;
  client_start(&client, &fixture);
  client_start(&curious, &fixture);
  for (uint32_t i = 0; i < 8; i++)
    client_put(&client, client.rx, i * 2048, 2048, i);
  fixture_deliver(&fixture, frame_for_other, FRAME_BYTES, 1);
  ck_assert(!client_has_entry(&client, client.rx));
  ck_assert_int_eq(client_set_promiscuous(&curious, true), ZX_OK);
  fixture_deliver(&fixture, frame_for_other, FRAME_BYTES, 1);
  ck_assert_uint_eq(client_take(&client, client.rx).flags, RX_OK);
  client_close(&curious);  // the mode goes with who asked for it
  fixture_run(&fixture);
  fixture_deliver(&fixture, frame_for_other, FRAME_BYTES, 1);
  ck_assert(!client_has_entry(&client, client.rx));
  ethernet_counters_t counters;
  device_counters(&fixture.device, &counters);
  ck_assert_uint_eq(counters.rx_filtered, 2);
  client_close(&client);
}
END_TEST

START_TEST(frames_without_a_started_client_are_dropped_and_counted) {
  client_t client;
  client_start(&client, &fixture);
  client_put(&client, client.rx, 0, 2048, 1);
  ck_assert_int_eq(client_do_stop(&client), ZX_OK);
  ck_assert_uint_eq(fixture_deliver(&fixture, frame_for_us, FRAME_BYTES, 5), 5);
  ck_assert(!client_has_entry(&client, client.rx));
  ethernet_counters_t counters;
  device_counters(&fixture.device, &counters);
  ck_assert_uint_eq(counters.rx_unclaimed, 5);
  // The buffer it had supplied is still good after a new start.
  ck_assert_int_eq(client_do_start(&client), ZX_OK);
  fixture_deliver(&fixture, frame_for_us, FRAME_BYTES, 1);
  ck_assert_uint_eq(client_take(&client, client.rx).cookie, 1);
  client_close(&client);
}
END_TEST

START_TEST(stopped_client_sends_nothing_until_it_starts_again) {
  client_t client;
  client_start(&client, &fixture);
  ck_assert_int_eq(client_do_stop(&client), ZX_OK);
  client_send(&client, 0, frame_for_other, FRAME_BYTES, 1);
  ck_assert(!client_has_entry(&client, client.tx));
  ck_assert_uint_eq(fixture.wire.sent_count, 0);
  ck_assert_int_eq(client_do_start(&client), ZX_OK);
  ck_assert_uint_eq(client_take(&client, client.tx).flags, TX_OK);
  client_close(&client);
}
END_TEST

START_TEST(wire_keeps_its_frames_while_no_client_has_a_buffer) {
  client_t client;
  client_start(&client, &fixture);
  client_put(&client, client.rx, 0, 2048, 1);
  ck_assert_uint_eq(fixture_deliver(&fixture, frame_for_us, FRAME_BYTES, 3), 1);
  ck_assert_uint_eq(fixture.wire.resume_count, 0);
  ck_assert_uint_eq(client_take(&client, client.rx).cookie, 1);
  client_put(&client, client.rx, 0, 2048, 2);
  fixture_run(&fixture);
  ck_assert_uint_eq(fixture.wire.resume_count, 1);
  ck_assert_uint_eq(fixture_deliver(&fixture, frame_for_us, FRAME_BYTES, 2), 1);
  ck_assert_uint_eq(client_take(&client, client.rx).cookie, 2);
  client_close(&client);
  fixture_run(&fixture);
  ck_assert_uint_eq(fixture.wire.resume_count, 2);  // nobody is left to wait for
}
END_TEST

START_TEST(client_without_buffers_does_not_hold_up_another) {
  client_t starved, client;
  client_start(&starved, &fixture);
  client_start(&client, &fixture);
  for (uint32_t i = 0; i < 4; i++)
    client_put(&client, client.rx, i * 2048, 2048, i);
  ck_assert_uint_eq(fixture_deliver(&fixture, frame_for_us, FRAME_BYTES, 4), 4);
  for (uint32_t i = 0; i < 4; i++)
    ck_assert_uint_eq(client_take(&client, client.rx).cookie, i);
  ethernet_counters_t counters;
  device_counters(&fixture.device, &counters);
  ck_assert_uint_eq(counters.rx_no_buffer, 4);
  client_close(&starved);
  client_close(&client);
}
END_TEST

START_TEST(frame_longer_than_the_mtu_allows_is_dropped) {
  client_t client;
  client_start(&client, &fixture);
  client_put(&client, client.rx, 0, 8192, 1);
  client_put(&client, client.rx, 8192, 8192, 2);
  uint8_t frame[FIXTURE_MTU + 19] = {0x02, 0, 0, 0, 0, 0x01};
  fixture_deliver(&fixture, frame, sizeof(frame), 1);
  ck_assert(!client_has_entry(&client, client.rx));
  fixture_deliver(&fixture, frame, sizeof(frame) - 1, 1);
  ck_assert_uint_eq(client_take(&client, client.rx).length, sizeof(frame) - 1);
  fixture_deliver(&fixture, frame, 13, 1);  // no whole header
  ethernet_counters_t counters;
  device_counters(&fixture.device, &counters);
  ck_assert_uint_eq(counters.rx_too_long, 1);
  ck_assert_uint_eq(counters.rx_filtered, 1);
  client_close(&client);
}
END_TEST

START_TEST(listening_client_sees_what_the_host_sends) {
  client_t sender, listener;
  client_start(&sender, &fixture);
  client_start(&listener, &fixture);
  ck_assert_int_eq(client_listen_start(&listener), ZX_OK);
  client_put(&listener, listener.rx, 0, 2048, 1);
  client_send(&sender, 0, frame_for_other, FRAME_BYTES, 2);
  ck_assert_uint_eq(client_take(&sender, sender.tx).flags, TX_OK);
  ck_assert_uint_eq(client_take(&listener, listener.rx).flags, RX_OK | RX_TX);
  ck_assert_int_eq(client_listen_stop(&listener), ZX_OK);
  client_put(&listener, listener.rx, 0, 2048, 3);
  client_send(&sender, 0, frame_for_other, FRAME_BYTES, 4);
  ck_assert_uint_eq(client_take(&sender, sender.tx).flags, TX_OK);
  ck_assert(!client_has_entry(&listener, listener.rx));
  client_close(&sender);
  client_close(&listener);
}
END_TEST

START_TEST(change_of_status_is_signalled_until_it_is_asked_for) {
  client_t client;
  client_connect(&client, &fixture);
  ck_assert_int_eq(client_get_status(&client), ZX_OK);
  ck_assert_uint_eq(client.device_status, 0);  // nothing is known before GetFifos
  client_close(&client);
  client_start(&client, &fixture);
  ck_assert_int_eq(client_get_status(&client), ZX_OK);
  ck_assert_uint_eq(client.device_status, fuchsia_hardware_ethernet_DeviceStatus_ONLINE);
  fixture.wire.events->status(fixture.wire.context, false);
  zx_signals_t signals;
  ck_assert_int_eq(
      zx_object_wait_one(client.rx, fuchsia_hardware_ethernet_SIGNAL_STATUS, ZX_TIME_INFINITE_PAST, &signals),
      ZX_OK);
  ck_assert_int_eq(client_get_status(&client), ZX_OK);
  ck_assert_uint_eq(client.device_status, 0);
  ck_assert_int_eq(
      zx_object_wait_one(client.rx, fuchsia_hardware_ethernet_SIGNAL_STATUS, ZX_TIME_INFINITE_PAST, &signals),
      ZX_ERR_TIMED_OUT);
  client_close(&client);
}
END_TEST

static const uint8_t group[ETHERNET_MAC_BYTES] = {0x33, 0x33, 0, 0, 0, 1};

static bool group_frame_arrives(client_t* client) {
  fixture_deliver(&fixture, frame_for_group, FRAME_BYTES, 1);
  if (!client_has_entry(client, client->rx)) return false;
  ck_assert_uint_eq(client_take(client, client->rx).flags, RX_OK);
  return true;
}

START_TEST(group_frames_arrive_while_a_client_asks_for_them) {
  client_t client;
  client_start(&client, &fixture);
  for (uint32_t i = 0; i < 8; i++)
    client_put(&client, client.rx, i * 2048, 2048, i);
  ck_assert(!group_frame_arrives(&client));
  ck_assert_int_eq(client_add_multicast(&client, group), ZX_OK);
  ck_assert_int_eq(client_add_multicast(&client, group), ZX_OK);
  ck_assert(group_frame_arrives(&client));
  ck_assert_int_eq(client_delete_multicast(&client, group), ZX_OK);
  ck_assert(!group_frame_arrives(&client));
  ck_assert_int_eq(client_set_all_multicast(&client, true), ZX_OK);
  ck_assert(group_frame_arrives(&client));
  ck_assert_int_eq(client_set_all_multicast(&client, false), ZX_OK);
  ck_assert(!group_frame_arrives(&client));
  client_close(&client);
}
END_TEST

START_TEST(client_of_more_groups_than_are_remembered_gets_all) {
  client_t client;
  client_start(&client, &fixture);
  for (uint32_t i = 0; i < 8; i++)
    client_put(&client, client.rx, i * 2048, 2048, i);
  uint8_t other[ETHERNET_MAC_BYTES] = {0x01, 0, 0x5e, 0, 0, 0};
  for (other[5] = 0; other[5] < FILTER_MAX_GROUPS; other[5]++) {
    ck_assert_int_eq(client_add_multicast(&client, other), ZX_OK);
  }
  ck_assert(!group_frame_arrives(&client));
  ck_assert_int_eq(client_add_multicast(&client, other), ZX_OK);
  ck_assert(group_frame_arrives(&client));
  ck_assert_int_eq(client_delete_multicast(&client, other), ZX_OK);
  ck_assert(!group_frame_arrives(&client));
  client_close(&client);
}
END_TEST

// Offloads

static const offload_header_t segments = {.flags = OFFLOAD_NEEDS_CHECKSUM,
                                          .gso_type = OFFLOAD_GSO_TCPV4,
                                          .header_length = 54,
                                          .gso_size = 1000,
                                          .checksum_start = 34,
                                          .checksum_offset = 16};

// 2,500 bytes of TCP in three segments.
#define RUN_BYTES (54u + 2500u)
static const uint8_t run_of_segments[RUN_BYTES] = {
    0x02, 0, 0, 0, 0, 0x01, 0x02, 0, 0, 0, 0, 0x02, 0x08, 0, 0x45, 0, 10, 0, 0, 0, 0, 0, 64, 6, [46] = 0x50};

START_TEST(offloads_are_agreed_on_once_and_before_the_start) {
  client_t client;
  client_connect(&client, &fixture);
  ck_assert_int_eq(client_set_offloads(&client, OFFLOAD_USO, OFFLOAD_TSO), ZX_ERR_NOT_SUPPORTED);
  ck_assert_int_eq(client_set_offloads(&client, OFFLOAD_ALL, OFFLOAD_CHECKSUM), ZX_OK);
  ck_assert_uint_eq(client.transmit, FIXTURE_OFFLOADS);  // the wire has no USO
  ck_assert_uint_eq(client.receive, OFFLOAD_CHECKSUM);
  ck_assert_int_eq(client_set_offloads(&client, OFFLOAD_ALL, OFFLOAD_ALL), ZX_ERR_BAD_STATE);
  client_close(&client);
  client_start(&client, &fixture);
  ck_assert_int_eq(client_set_offloads(&client, OFFLOAD_ALL, OFFLOAD_ALL), ZX_ERR_BAD_STATE);
  ck_assert_int_eq(client_do_stop(&client), ZX_OK);
  ck_assert_int_eq(client_set_offloads(&client, OFFLOAD_ALL, OFFLOAD_ALL), ZX_ERR_BAD_STATE);
  client_close(&client);
}
END_TEST

START_TEST(wire_is_asked_for_what_started_clients_can_take) {
  client_t first, second;
  client_connect(&first, &fixture);
  client_connect(&second, &fixture);
  ck_assert_int_eq(client_set_offloads(&first, 0, OFFLOAD_CHECKSUM), ZX_OK);
  ck_assert_int_eq(client_set_offloads(&second, 0, OFFLOAD_ALL), ZX_OK);
  ck_assert_uint_eq(fixture.wire.accepted, 0);
  client_go(&first);
  ck_assert_uint_eq(fixture.wire.accepted, OFFLOAD_CHECKSUM);
  client_go(&second);
  ck_assert_uint_eq(fixture.wire.accepted, FIXTURE_OFFLOADS);
  client_close(&second);
  fixture_run(&fixture);
  ck_assert_uint_eq(fixture.wire.accepted, OFFLOAD_CHECKSUM);
  ck_assert_int_eq(client_do_stop(&first), ZX_OK);
  ck_assert_uint_eq(fixture.wire.accepted, 0);
  client_close(&first);
}
END_TEST

START_TEST(header_goes_with_the_frame_to_the_wire) {
  client_t client;
  client_connect(&client, &fixture);
  ck_assert_int_eq(client_set_offloads(&client, OFFLOAD_ALL, 0), ZX_OK);
  client_go(&client);
  uint8_t buffer[OFFLOAD_HEADER_BYTES + FRAME_BYTES];
  const offload_header_t header = {.flags = 1, .checksum_start = 34, .checksum_offset = 6};
  memcpy(buffer, &header, sizeof(header));
  memcpy(buffer + sizeof(header), frame_for_other, FRAME_BYTES);
  client_send(&client, 0, buffer, sizeof(buffer), 1);
  ck_assert_uint_eq(client_take(&client, client.tx).flags, TX_OK);
  ck_assert_uint_eq(fixture.wire.sent_length[0], FRAME_BYTES);
  ck_assert_mem_eq(fixture.wire.sent[0], frame_for_other, FRAME_BYTES);
  ck_assert_mem_eq(&fixture.wire.sent_header[0], &header, sizeof(header));
  client_close(&client);
}
END_TEST

START_TEST(run_of_segments_is_whole_for_one_client_and_split_for_another) {
  client_t knowing, plain;
  client_connect(&knowing, &fixture);
  ck_assert_int_eq(client_set_offloads(&knowing, 0, OFFLOAD_ALL), ZX_OK);
  client_go(&knowing);
  client_start(&plain, &fixture);
  client_put(&knowing, knowing.rx, 0, EXCHANGE_LARGE_BYTES, 1);
  for (uint32_t i = 0; i < 4; i++)
    client_put(&plain, plain.rx, i * 2048, 2048, i);
  ck_assert_uint_eq(fixture_deliver_as(&fixture, &segments, run_of_segments, RUN_BYTES, 1), 1);
  exchange_entry_t entry = client_take(&knowing, knowing.rx);
  ck_assert_uint_eq(entry.length, OFFLOAD_HEADER_BYTES + RUN_BYTES);
  uint8_t got[OFFLOAD_HEADER_BYTES + RUN_BYTES];
  ck_assert_int_eq(zx_vmo_read(knowing.vmo, got, entry.offset, sizeof(got)), ZX_OK);
  ck_assert_mem_eq(got, &segments, sizeof(segments));
  ck_assert_mem_eq(got + sizeof(segments), run_of_segments, RUN_BYTES);
  ck_assert_uint_eq(client_take(&plain, plain.rx).length, 1054);
  ck_assert_uint_eq(client_take(&plain, plain.rx).length, 1054);
  ck_assert_uint_eq(client_take(&plain, plain.rx).length, 554);
  client_close(&knowing);
  client_close(&plain);
}
END_TEST

// Puts the run into the place of the device, as a wire does.
static void place_run(const offload_header_t* header) {
  const wire_events_t* events = fixture.wire.events;
  struct iovec place[2];
  ck_assert(events->can_receive(fixture.wire.context));
  size_t at = 0, count = events->place(fixture.wire.context, place);
  ck_assert_uint_gt(count, 0);
  for (size_t i = 0; i < count && at < RUN_BYTES; i++) {
    size_t piece = RUN_BYTES - at < place[i].iov_len ? RUN_BYTES - at : place[i].iov_len;
    memcpy(place[i].iov_base, run_of_segments + at, piece);
    at += piece;
  }
  ck_assert_uint_eq(at, RUN_BYTES);
  events->placed(fixture.wire.context, header, RUN_BYTES);
  events->receive_done(fixture.wire.context);
}

START_TEST(the_only_client_has_a_place_for_frames) {
  client_t client, other;
  struct iovec place[2];
  client_connect(&client, &fixture);
  ck_assert_int_eq(client_set_offloads(&client, 0, OFFLOAD_ALL), ZX_OK);
  client_go(&client);
  client_put(&client, client.rx, 0, EXCHANGE_LARGE_BYTES, 1);
  client_put(&client, client.rx, 70000, 2048, 2);
  place_run(&segments);
  exchange_entry_t entry = client_take(&client, client.rx);
  ck_assert_uint_eq(entry.cookie, 1);
  uint8_t got[OFFLOAD_HEADER_BYTES + RUN_BYTES];
  ck_assert_uint_eq(entry.length, sizeof(got));
  ck_assert_int_eq(zx_vmo_read(client.vmo, got, entry.offset, sizeof(got)), ZX_OK);
  ck_assert_mem_eq(got + sizeof(segments), run_of_segments, RUN_BYTES);
  client_start(&other, &fixture);  // from now on frames are nobody's alone
  client_put(&client, client.rx, 0, EXCHANGE_LARGE_BYTES, 3);
  ck_assert(fixture.wire.events->can_receive(fixture.wire.context));
  ck_assert_uint_eq(fixture.wire.events->place(fixture.wire.context, place), 0);
  client_close(&client);
  client_close(&other);
}
END_TEST

START_TEST(run_in_place_that_the_client_did_not_agree_on_is_split) {
  client_t client;
  client_connect(&client, &fixture);
  ck_assert_int_eq(client_set_offloads(&client, 0, OFFLOAD_CHECKSUM), ZX_OK);
  client_go(&client);
  client_put(&client, client.rx, 0, 8192, 0);
  for (uint32_t i = 1; i < 4; i++)
    client_put(&client, client.rx, 8192 + i * 2048, 2048, i);
  place_run(&segments);  // one that was under way when somebody else still took it
  ck_assert_uint_eq(client_take(&client, client.rx).length, OFFLOAD_HEADER_BYTES + 1054);
  ck_assert_uint_eq(client_take(&client, client.rx).length, OFFLOAD_HEADER_BYTES + 1054);
  ck_assert_uint_eq(client_take(&client, client.rx).length, OFFLOAD_HEADER_BYTES + 554);
  client_close(&client);
}
END_TEST

START_TEST(run_that_cannot_be_taken_apart_is_dropped_and_counted) {
  client_t client;
  client_start(&client, &fixture);
  client_put(&client, client.rx, 0, 2048, 1);
  uint8_t frame[RUN_BYTES];
  memcpy(frame, run_of_segments, RUN_BYTES);
  frame[12] = 0x81;
  fixture_deliver_as(&fixture, &segments, frame, RUN_BYTES, 1);
  const offload_header_t nonsense = {.flags = 0x40, .gso_type = 9};
  fixture_deliver_as(&fixture, &nonsense, run_of_segments, RUN_BYTES, 1);
  offload_header_t larger = segments;  // its segments are no frames of this device
  larger.gso_size = 2000;
  fixture_deliver_as(&fixture, &larger, run_of_segments, RUN_BYTES, 1);
  ck_assert(!client_has_entry(&client, client.rx));
  ethernet_counters_t counters;
  device_counters(&fixture.device, &counters);
  ck_assert_uint_eq(counters.rx_bad_header, 3);
  client_close(&client);
}
END_TEST

START_TEST(owner_is_told_when_the_wire_has_gone) {
  ck_assert(!fixture.wire_lost);
  fixture.wire.events->lost(fixture.wire.context);
  ck_assert(fixture.wire_lost);
}
END_TEST

START_TEST(multicast_addresses_are_checked) {
  client_t client;
  client_connect(&client, &fixture);
  ck_assert_int_eq(client_add_multicast(&client, fixture_mac), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(client_delete_multicast(&client, fixture_mac), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(client_test_filter(&client), ZX_ERR_NOT_SUPPORTED);
  client_close(&client);
}
END_TEST

START_TEST(client_that_closes_a_fifo_is_cut_off) {
  client_t client;
  client_start(&client, &fixture);
  zx_handle_t* fifo = _i ? &client.rx : &client.tx;
  zx_handle_close(*fifo);
  *fifo = ZX_HANDLE_INVALID;
  fixture_run_until(&fixture, &client.closed);
  ck_assert_int_eq(client.reason, ZX_ERR_PEER_CLOSED);
  fixture_run(&fixture);
  ck_assert_uint_eq(fixture.device.session_count, 0);
  client_close(&client);
}
END_TEST

// All at once, only one FIFO, or only the other: whatever the driver sees first.
START_TEST(what_a_client_sent_before_it_went_goes_out) {
  client_t client;
  client_start(&client, &fixture);
  for (uint32_t i = 0; i < EXCHANGE_DEPTH; i++)
    client_send(&client, i * 64, frame_for_other, FRAME_BYTES, i);
  zx_handle_t* fifo = _i == 1 ? &client.rx : &client.tx;
  if (_i > 0) {
    zx_handle_close(*fifo);
    *fifo = ZX_HANDLE_INVALID;
    fixture_run_until(&fixture, &client.closed);
  }
  client_close(&client);
  fixture_run(&fixture);
  ck_assert_uint_eq(fixture.wire.sent_count, EXCHANGE_DEPTH);
  ck_assert_uint_eq(fixture.device.session_count, 0);
}
END_TEST

START_TEST(the_wire_is_told_when_the_last_client_has_gone) {
  client_t first, second, idle;
  client_connect(&idle, &fixture);
  client_start(&first, &fixture);
  client_start(&second, &fixture);
  client_close(&second);
  fixture_run(&fixture);
  ck_assert_uint_eq(fixture.wire.deserted_count, 0);
  client_close(&first);
  fixture_run(&fixture);
  ck_assert_uint_eq(fixture.wire.deserted_count, 1);
  client_close(&idle);
  fixture_run(&fixture);
  ck_assert_uint_eq(fixture.wire.deserted_count, 1);
}
END_TEST

START_TEST(client_that_goes_leaves_its_counters_and_a_line_in_the_log) {
  client_t client;
  client_start(&client, &fixture);
  ck_assert_int_eq(client_set_name(&client, "net\nstack"), ZX_OK);
  client_send(&client, 0, frame_for_other, FRAME_BYTES, 1);
  client_take(&client, client.tx);
  ck_assert_int_eq(client_dump_registers(&client), ZX_OK);
  client_close(&client);
  fixture_run(&fixture);
  ck_assert_uint_eq(fixture.device.session_count, 0);
  ethernet_counters_t counters;
  device_counters(&fixture.device, &counters);
  ck_assert_uint_eq(counters.tx_frames, 1);
  ck_assert_uint_eq(counters.tx_bytes, FRAME_BYTES);
  ck_assert_ptr_nonnull(strstr(fixture.log, "counters: tx_frames 1, tx_bytes 60\n"));
  ck_assert_ptr_nonnull(strstr(fixture.log, "client net?stack has gone"));
}
END_TEST

START_TEST(too_many_clients_are_turned_away) {
  client_t clients[DEVICE_MAX_SESSIONS + 1];
  for (unsigned i = 0; i <= DEVICE_MAX_SESSIONS; i++)
    client_connect(&clients[i], &fixture);
  fixture_run_until(&fixture, &clients[DEVICE_MAX_SESSIONS].closed);
  ck_assert_int_eq(clients[DEVICE_MAX_SESSIONS].reason, ZX_ERR_NO_RESOURCES);
  for (unsigned i = 0; i < DEVICE_MAX_SESSIONS; i++)
    ck_assert_int_eq(client_get_info(&clients[i]), ZX_OK);
  for (unsigned i = 0; i <= DEVICE_MAX_SESSIONS; i++)
    client_close(&clients[i]);
}
END_TEST

START_TEST(device_goes_with_its_clients_still_there) {
  client_t client;
  fixture_t doomed;
  fixture_init(&doomed);
  client_start(&client, &doomed);
  client_put(&client, client.rx, 0, 2048, 1);
  client_send(&client, 0, frame_for_other, FRAME_BYTES, 1);
  async_loop_shutdown(doomed.loop);
  device_deinit(&doomed.device);
  ck_assert_int_eq(client.reason, ZX_ERR_CANCELED);
  ck_assert_uint_eq(doomed.wire.sent_count, 1);
  client_close(&client);
  async_loop_destroy(doomed.loop);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("device");
  TCase* tc = jx_test_case(suite, "device");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, info_tells_address_mtu_and_features);
  tcase_add_test(tc, start_needs_fifos_and_memory);
  tcase_add_test(tc, fifos_and_memory_are_given_only_once);
  tcase_add_test(tc, resizable_memory_is_refused);
  tcase_add_test(tc, frame_goes_to_the_wire_and_its_buffer_comes_back);
  tcase_add_test(tc, frames_put_in_together_go_out_in_order_as_one_batch);
  tcase_add_test(tc, frame_that_the_wire_refuses_comes_back_without_flags);
  tcase_add_test(tc, invalid_entries_are_answered_and_the_good_ones_between_them_sent);
  tcase_add_loop_test(tc, random_entries_hurt_nobody, 0, 4);
  tcase_add_test(tc, received_frame_reaches_the_client_with_its_length);
  tcase_add_test(tc, every_started_client_gets_a_copy);
  tcase_add_test(tc, frames_for_other_stations_are_filtered_until_somebody_is_promiscuous);
  tcase_add_test(tc, frames_without_a_started_client_are_dropped_and_counted);
  tcase_add_test(tc, stopped_client_sends_nothing_until_it_starts_again);
  tcase_add_test(tc, wire_keeps_its_frames_while_no_client_has_a_buffer);
  tcase_add_test(tc, client_without_buffers_does_not_hold_up_another);
  tcase_add_test(tc, frame_longer_than_the_mtu_allows_is_dropped);
  tcase_add_test(tc, listening_client_sees_what_the_host_sends);
  tcase_add_test(tc, change_of_status_is_signalled_until_it_is_asked_for);
  tcase_add_test(tc, group_frames_arrive_while_a_client_asks_for_them);
  tcase_add_test(tc, client_of_more_groups_than_are_remembered_gets_all);
  tcase_add_test(tc, offloads_are_agreed_on_once_and_before_the_start);
  tcase_add_test(tc, wire_is_asked_for_what_started_clients_can_take);
  tcase_add_test(tc, header_goes_with_the_frame_to_the_wire);
  tcase_add_test(tc, run_of_segments_is_whole_for_one_client_and_split_for_another);
  tcase_add_test(tc, the_only_client_has_a_place_for_frames);
  tcase_add_test(tc, run_in_place_that_the_client_did_not_agree_on_is_split);
  tcase_add_test(tc, run_that_cannot_be_taken_apart_is_dropped_and_counted);
  tcase_add_test(tc, owner_is_told_when_the_wire_has_gone);
  tcase_add_test(tc, multicast_addresses_are_checked);
  tcase_add_loop_test(tc, client_that_closes_a_fifo_is_cut_off, 0, 2);
  tcase_add_loop_test(tc, what_a_client_sent_before_it_went_goes_out, 0, 3);
  tcase_add_test(tc, the_wire_is_told_when_the_last_client_has_gone);
  tcase_add_test(tc, client_that_goes_leaves_its_counters_and_a_line_in_the_log);
  tcase_add_test(tc, too_many_clients_are_turned_away);
  tcase_add_test(tc, device_goes_with_its_clients_still_there);
  return jx_test_run(suite);
}
