// The exchange of buffers with a client that is this test: it holds the other ends of the FIFOs and the VMO.
#include <jx_test.h>
#include <string.h>
#include <zircon/syscalls.h>

#include "exchange.h"

#define MEMORY_BYTES 65536u
#define FRAME_MIN 14u
#define FRAME_MAX 1518u

typedef struct client {
  exchange_t exchange;
  ethernet_counters_t counters;
  zx_handle_t rx, tx;  // the client's ends
  zx_handle_t vmo;
} client_t;

static client_t client;

static void setup(void) {
  memset(&client, 0, sizeof(client));
  exchange_init(&client.exchange, FRAME_MIN, FRAME_MAX, &client.counters);
  ck_assert(!exchange_ready(&client.exchange));
  ck_assert_int_eq(exchange_create_fifos(&client.exchange, &client.rx, &client.tx), ZX_OK);
  ck_assert_int_eq(zx_vmo_create(MEMORY_BYTES, 0, &client.vmo), ZX_OK);
  zx_handle_t shared;
  ck_assert_int_eq(zx_handle_duplicate(client.vmo, ZX_RIGHT_SAME_RIGHTS, &shared), ZX_OK);
  ck_assert_int_eq(exchange_map(&client.exchange, shared), ZX_OK);
  ck_assert(exchange_ready(&client.exchange));
}

static void teardown(void) {
  exchange_deinit(&client.exchange);
  zx_handle_close(client.rx);
  zx_handle_close(client.tx);
  zx_handle_close(client.vmo);
}

static void put(zx_handle_t fifo, uint32_t offset, uint16_t length, uint64_t cookie) {
  exchange_entry_t entry = {.offset = offset, .length = length, .cookie = cookie};
  size_t written;
  ck_assert_int_eq(zx_fifo_write(fifo, sizeof(entry), &entry, 1, &written), ZX_OK);
}

// Takes one entry back and checks it.
static void expect_back(zx_handle_t fifo, uint32_t offset, uint16_t length, uint16_t flags, uint64_t cookie) {
  exchange_entry_t entry;
  size_t taken;
  ck_assert_int_eq(zx_fifo_read(fifo, sizeof(entry), &entry, 1, &taken), ZX_OK);
  ck_assert_uint_eq(entry.offset, offset);
  ck_assert_uint_eq(entry.length, length);
  ck_assert_uint_eq(entry.flags, flags);
  ck_assert_uint_eq(entry.cookie, cookie);
}

static void expect_nothing_back(zx_handle_t fifo) {
  exchange_entry_t entry;
  ck_assert_int_eq(zx_fifo_read(fifo, sizeof(entry), &entry, 1, NULL), ZX_ERR_SHOULD_WAIT);
}

typedef struct range {
  uint32_t offset;
  uint16_t length;
} range_t;

START_TEST(frame_to_send_is_shown_where_it_lies_and_comes_back_with_its_mark) {
  ck_assert_int_eq(zx_vmo_write(client.vmo, "fourteen bytes", 4096, 14), ZX_OK);
  put(client.tx, 4096, 14, 77);
  exchange_frame_t frames[EXCHANGE_BATCH];
  ck_assert_uint_eq(exchange_tx_provide(&client.exchange, frames), 1);
  ck_assert_mem_eq(frames[0].data, "fourteen bytes", 14);
  ck_assert_uint_eq(frames[0].entry.length, 14);
  exchange_tx_return(&client.exchange, &frames[0].entry, fuchsia_hardware_ethernet_FIFO_TX_OK);
  expect_nothing_back(client.tx);
  ck_assert_int_eq(exchange_flush(&client.exchange), ZX_OK);
  expect_back(client.tx, 4096, 14, fuchsia_hardware_ethernet_FIFO_TX_OK, 77);
}
END_TEST

static const offload_header_t plain;

static const range_t bad_tx[] = {
    {MEMORY_BYTES, FRAME_MIN},       // begins at the end
    {MEMORY_BYTES + 1, FRAME_MIN},   // begins beyond it
    {MEMORY_BYTES - 13, FRAME_MIN},  // ends one beyond it
    {MEMORY_BYTES - 1, UINT16_MAX},  // ends far beyond it
    {UINT32_MAX, UINT16_MAX},        // wraps in 32 bits
    {UINT32_MAX, 1},
    {UINT32_MAX - 13, FRAME_MIN},   // wraps to 0
    {UINT32_MAX - 100, FRAME_MAX},  // wraps into the memory
    {0x80000000u, FRAME_MIN},
    {MEMORY_BYTES, 0},
    {0, 0},  // no frame at all
    {0, 1},
    {0, FRAME_MIN - 1},  // no room for a header
    {0, FRAME_MAX + 1},  // longer than any frame
    {0, UINT16_MAX},     // within the memory, but no frame
    {1, UINT16_MAX},     // ends exactly at the end of the memory
};

START_TEST(bad_range_to_send_is_counted_and_answered_invalid) {
  put(client.tx, bad_tx[_i].offset, bad_tx[_i].length, 1);
  put(client.tx, 0, FRAME_MIN, 2);
  exchange_frame_t frames[EXCHANGE_BATCH];
  ck_assert_uint_eq(exchange_tx_provide(&client.exchange, frames), 1);
  ck_assert_uint_eq(frames[0].entry.cookie, 2);
  ck_assert_uint_eq(client.counters.tx_invalid, 1);
  exchange_tx_return(&client.exchange, &frames[0].entry, 0);
  ck_assert_int_eq(exchange_flush(&client.exchange), ZX_OK);
  expect_back(client.tx, bad_tx[_i].offset, bad_tx[_i].length, fuchsia_hardware_ethernet_FIFO_INVALID, 1);
  expect_back(client.tx, 0, FRAME_MIN, 0, 2);
}
END_TEST

static const range_t good_tx[] = {
    {0, FRAME_MIN},
    {0, FRAME_MAX},
    {MEMORY_BYTES - FRAME_MIN, FRAME_MIN},
    {MEMORY_BYTES - FRAME_MAX, FRAME_MAX},
    {1, 15},
};

START_TEST(range_to_send_at_the_limits_is_accepted) {
  put(client.tx, good_tx[_i].offset, good_tx[_i].length, 1);
  exchange_frame_t frames[EXCHANGE_BATCH];
  ck_assert_uint_eq(exchange_tx_provide(&client.exchange, frames), 1);
  ck_assert_uint_eq(client.counters.tx_invalid, 0);
  ck_assert_ptr_eq(frames[0].data, client.exchange.memory + good_tx[_i].offset);
}
END_TEST

START_TEST(received_frame_goes_into_the_oldest_buffer_with_its_length) {
  put(client.rx, 2048, 2048, 5);
  put(client.rx, 0, 2048, 6);
  ck_assert(exchange_rx_provide(&client.exchange));
  exchange_rx_return(&client.exchange, &plain, (const uint8_t*)"a frame from the wire", 21,
                     fuchsia_hardware_ethernet_FIFO_RX_OK);
  ck_assert_int_eq(exchange_flush(&client.exchange), ZX_OK);
  expect_back(client.rx, 2048, 21, fuchsia_hardware_ethernet_FIFO_RX_OK, 5);
  expect_nothing_back(client.rx);
  char frame[21];
  ck_assert_int_eq(zx_vmo_read(client.vmo, frame, 2048, sizeof(frame)), ZX_OK);
  ck_assert_mem_eq(frame, "a frame from the wire", 21);
}
END_TEST

static const range_t bad_rx[] = {
    {MEMORY_BYTES, 1},        {MEMORY_BYTES - 1, 2},  {MEMORY_BYTES - 2047, 2048}, {UINT32_MAX, 1},
    {UINT32_MAX, UINT16_MAX}, {UINT32_MAX - 99, 100}, {0x80000000u, 2048},         {0, 0},
    {MEMORY_BYTES, 0},        {2, UINT16_MAX},
};

START_TEST(bad_buffer_to_receive_is_counted_and_answered_invalid_at_once) {
  put(client.rx, bad_rx[_i].offset, bad_rx[_i].length, 9);
  ck_assert(!exchange_rx_provide(&client.exchange));
  ck_assert_uint_eq(client.counters.rx_invalid, 1);
  ck_assert_int_eq(exchange_flush(&client.exchange), ZX_OK);
  expect_back(client.rx, bad_rx[_i].offset, 0, fuchsia_hardware_ethernet_FIFO_INVALID, 9);
  // And the memory around is untouched: a frame finds no buffer.
  exchange_rx_return(&client.exchange, &plain, (const uint8_t*)"frame", 5,
                     fuchsia_hardware_ethernet_FIFO_RX_OK);
  ck_assert_uint_eq(client.counters.rx_no_buffer, 1);
}
END_TEST

START_TEST(received_frame_longer_than_its_buffer_costs_the_buffer) {
  put(client.rx, 0, 20, 1);
  put(client.rx, 20, 21, 2);
  exchange_rx_return(&client.exchange, &plain, (const uint8_t*)"a frame from the wire", 21,
                     fuchsia_hardware_ethernet_FIFO_RX_OK);
  exchange_rx_return(&client.exchange, &plain, (const uint8_t*)"a frame from the wire", 21,
                     fuchsia_hardware_ethernet_FIFO_RX_OK);
  ck_assert_int_eq(exchange_flush(&client.exchange), ZX_OK);
  expect_back(client.rx, 0, 0, fuchsia_hardware_ethernet_FIFO_INVALID, 1);
  expect_back(client.rx, 20, 21, fuchsia_hardware_ethernet_FIFO_RX_OK, 2);
  ck_assert_uint_eq(client.counters.rx_too_long, 1);
  char first[20];
  ck_assert_int_eq(zx_vmo_read(client.vmo, first, 0, sizeof(first)), ZX_OK);
  ck_assert_mem_eq(first, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
}
END_TEST

START_TEST(client_that_takes_nothing_back_is_taken_no_more_from) {
  exchange_frame_t frames[EXCHANGE_BATCH];
  uint64_t put_in = 0, sent = 0;
  // It fills the FIFO again and again, while its own returned entries fill the other direction.
  for (int round = 0; round < 100; round++) {
    exchange_entry_t entry = {.offset = 0, .length = FRAME_MIN, .cookie = put_in};
    while (zx_fifo_write(client.tx, sizeof(entry), &entry, 1, NULL) == ZX_OK)
      entry.cookie = ++put_in;
    size_t count = exchange_tx_provide(&client.exchange, frames);
    for (size_t i = 0; i < count; i++)
      exchange_tx_return(&client.exchange, &frames[i].entry, 1);
    sent += count;
    ck_assert_int_eq(exchange_flush(&client.exchange), ZX_OK);
  }
  ck_assert_uint_eq(sent, 2 * EXCHANGE_DEPTH);  // one FIFO full of them, and as many kept here
  ck_assert_uint_eq(exchange_tx_trigger(&client.exchange), ZX_FIFO_PEER_CLOSED | ZX_FIFO_WRITABLE);
  // Nothing was lost: all come back in order once it takes them.
  for (uint64_t cookie = 0; cookie < sent; cookie++) {
    if (cookie == EXCHANGE_DEPTH) ck_assert_int_eq(exchange_flush(&client.exchange), ZX_OK);
    expect_back(client.tx, 0, FRAME_MIN, 1, cookie);
  }
}
END_TEST

START_TEST(client_that_supplies_bad_buffers_without_end_is_bounded) {
  for (int round = 0; round < 100; round++) {
    exchange_entry_t entry = {.offset = UINT32_MAX, .length = 1};
    while (zx_fifo_write(client.rx, sizeof(entry), &entry, 1, NULL) == ZX_OK)
      continue;
    ck_assert(!exchange_rx_provide(&client.exchange));
    ck_assert_int_eq(exchange_flush(&client.exchange), ZX_OK);
  }
  ck_assert_uint_eq(client.counters.rx_invalid, 2 * EXCHANGE_DEPTH);
  ck_assert_uint_eq(exchange_rx_trigger(&client.exchange, true), ZX_FIFO_PEER_CLOSED | ZX_FIFO_WRITABLE);
}
END_TEST

START_TEST(all_buffers_of_a_full_fifo_can_be_filled) {
  for (uint32_t i = 0; i < EXCHANGE_DEPTH; i++)
    put(client.rx, i * 64, 64, i);
  uint8_t frame[64] = {0};
  for (uint32_t i = 0; i < EXCHANGE_DEPTH + 3; i++) {
    exchange_rx_return(&client.exchange, &plain, frame, sizeof(frame), fuchsia_hardware_ethernet_FIFO_RX_OK);
  }
  ck_assert_uint_eq(client.counters.rx_no_buffer, 3);
  ck_assert_int_eq(exchange_flush(&client.exchange), ZX_OK);
  for (uint32_t i = 0; i < EXCHANGE_DEPTH; i++) {
    expect_back(client.rx, i * 64, 64, fuchsia_hardware_ethernet_FIFO_RX_OK, i);
  }
}
END_TEST

START_TEST(flush_tells_that_the_client_has_gone) {
  put(client.rx, 0, 64, 0);
  zx_handle_close(client.rx);
  client.rx = ZX_HANDLE_INVALID;
  exchange_rx_return(&client.exchange, &plain, (const uint8_t*)"frame", 5,
                     fuchsia_hardware_ethernet_FIFO_RX_OK);
  ck_assert_int_eq(exchange_flush(&client.exchange), ZX_ERR_PEER_CLOSED);
}
END_TEST

START_TEST(fifos_and_memory_are_given_once) {
  zx_handle_t rx, tx, vmo;
  ck_assert_int_eq(exchange_create_fifos(&client.exchange, &rx, &tx), ZX_ERR_ALREADY_BOUND);
  ck_assert_int_eq(zx_vmo_create(4096, 0, &vmo), ZX_OK);
  ck_assert_int_eq(exchange_map(&client.exchange, vmo), ZX_ERR_ALREADY_BOUND);
  ck_assert_int_eq(zx_handle_close(vmo), ZX_ERR_BAD_HANDLE);  // consumed all the same
}
END_TEST

START_TEST(memory_that_cannot_be_used_is_refused) {
  exchange_t exchange;
  exchange_init(&exchange, FRAME_MIN, FRAME_MAX, &client.counters);
  zx_handle_t vmo, other;
  ck_assert_int_eq(zx_vmo_create(4096, ZX_VMO_RESIZABLE, &vmo), ZX_OK);
  ck_assert_int_eq(exchange_map(&exchange, vmo), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_vmo_create(0, 0, &vmo), ZX_OK);
  ck_assert_int_eq(exchange_map(&exchange, vmo), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_vmo_create(4096, 0, &vmo), ZX_OK);
  ck_assert_int_eq(zx_handle_replace(vmo, ZX_RIGHT_READ | ZX_RIGHT_MAP, &vmo), ZX_OK);
  ck_assert_int_eq(exchange_map(&exchange, vmo), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_eventpair_create(0, &vmo, &other), ZX_OK);
  ck_assert_int_eq(exchange_map(&exchange, vmo), ZX_ERR_INVALID_ARGS);
  zx_handle_close(other);
  ck_assert_int_eq(exchange_map(&exchange, ZX_HANDLE_INVALID), ZX_ERR_INVALID_ARGS);
  ck_assert(!exchange_ready(&exchange));
  exchange_deinit(&exchange);
}
END_TEST

// Offloads

static const offload_header_t segments = {.flags = OFFLOAD_NEEDS_CHECKSUM,
                                          .gso_type = OFFLOAD_GSO_TCPV4,
                                          .header_length = 54,
                                          .gso_size = 1448,
                                          .checksum_start = 34,
                                          .checksum_offset = 16};

static void agree(void) {
  exchange_set_offloads(&client.exchange, OFFLOAD_CHECKSUM | OFFLOAD_TSO, OFFLOAD_CHECKSUM | OFFLOAD_TSO);
}

START_TEST(frame_to_send_is_shown_without_its_header) {
  exchange_frame_t frames[EXCHANGE_BATCH];
  agree();
  ck_assert_int_eq(zx_vmo_write(client.vmo, &segments, 64, sizeof(segments)), ZX_OK);
  put(client.tx, 64, 60000, 7);
  ck_assert_uint_eq(exchange_tx_provide(&client.exchange, frames), 1);
  ck_assert_mem_eq(&frames[0].header, &segments, sizeof(segments));
  ck_assert_ptr_eq(frames[0].data, client.exchange.memory + 64 + sizeof(segments));
  ck_assert_uint_eq(frames[0].length, 60000 - sizeof(segments));
  exchange_tx_return(&client.exchange, &frames[0].entry, fuchsia_hardware_ethernet_FIFO_TX_OK);
  ck_assert_int_eq(exchange_flush(&client.exchange), ZX_OK);
  expect_back(client.tx, 64, 60000, fuchsia_hardware_ethernet_FIFO_TX_OK, 7);
}
END_TEST

typedef struct bad_header {
  offload_header_t header;
  uint32_t offset;
  uint16_t length;
} bad_header_t;

static const bad_header_t bad_headers[] = {
    {{0}, 0, 0},
    {{0}, 0, OFFLOAD_HEADER_BYTES},
    {{0}, 0, OFFLOAD_HEADER_BYTES + FRAME_MIN - 1},
    {{0}, 0, OFFLOAD_HEADER_BYTES + FRAME_MAX + 1},  // too long for one frame
    {{0}, MEMORY_BYTES - 4, FRAME_MIN},              // the header is cut by the end of the memory
    {{.flags = OFFLOAD_DATA_VALID}, 0, 100},         // nobody has verified what is to be sent
    {{.flags = 0x40}, 0, 100},
    {{.flags = 1, .checksum_start = 34, .checksum_offset = 55}, 0, 100},
    {{.flags = 1, .gso_type = OFFLOAD_GSO_UDP, .gso_size = 100, .checksum_start = 34},
     0,
     1000},                                                                         // not agreed on
    {{.flags = 1, .gso_type = OFFLOAD_GSO_TCPV4, .checksum_start = 34}, 0, 60000},  // no size
    {{.flags = 1, .gso_type = OFFLOAD_GSO_TCPV4, .gso_size = 2, .checksum_start = 34}, 0, 60000},
    {{.flags = 1, .gso_type = OFFLOAD_GSO_TCPV4, .gso_size = FRAME_MAX + 1, .checksum_start = 34}, 0, 60000},
    {{.gso_type = OFFLOAD_GSO_TCPV4, .gso_size = 1448}, 0, 60000},
    {{.flags = 1, .gso_type = 77, .gso_size = 1448, .checksum_start = 34}, 0, 60000},
};

START_TEST(frame_whose_header_was_not_agreed_on_is_invalid) {
  const bad_header_t* bad = &bad_headers[_i];
  exchange_frame_t frames[EXCHANGE_BATCH];
  agree();
  size_t room = MEMORY_BYTES - bad->offset;
  size_t bytes = sizeof(bad->header) < room ? sizeof(bad->header) : room;
  ck_assert_int_eq(zx_vmo_write(client.vmo, &bad->header, bad->offset, bytes), ZX_OK);
  put(client.tx, bad->offset, bad->length, 1);
  ck_assert_uint_eq(exchange_tx_provide(&client.exchange, frames), 0);
  ck_assert_uint_eq(client.counters.tx_invalid, 1);
  ck_assert_int_eq(exchange_flush(&client.exchange), ZX_OK);
  expect_back(client.tx, bad->offset, bad->length, fuchsia_hardware_ethernet_FIFO_INVALID, 1);
}
END_TEST

START_TEST(ordinary_frames_take_ordinary_buffers_and_runs_take_large_ones) {
  static uint8_t frame[UINT16_MAX];
  agree();
  put(client.rx, 0, 2048, 1);
  ck_assert(!exchange_rx_provide(&client.exchange));  // a run of segments might come
  put(client.rx, 1, EXCHANGE_LARGE_BYTES, 2);
  put(client.rx, 0, EXCHANGE_LARGE_BYTES, 3);
  ck_assert(exchange_rx_provide(&client.exchange));
  ck_assert(exchange_rx_accepts(&client.exchange, &segments, 40000));
  exchange_rx_return(&client.exchange, &segments, frame, 40000, fuchsia_hardware_ethernet_FIFO_RX_OK);
  exchange_rx_return(&client.exchange, &plain, frame, 60, fuchsia_hardware_ethernet_FIFO_RX_OK);
  exchange_rx_return(&client.exchange, &plain, frame, 61, fuchsia_hardware_ethernet_FIFO_RX_OK);
  exchange_rx_return(&client.exchange, &segments, frame, 40000, fuchsia_hardware_ethernet_FIFO_RX_OK);
  ck_assert_uint_eq(client.counters.rx_no_buffer, 1);
  ck_assert_int_eq(exchange_flush(&client.exchange), ZX_OK);
  // The large buffer given last is the first to be used.
  expect_back(client.rx, 0, 40010, fuchsia_hardware_ethernet_FIFO_RX_OK, 3);
  expect_back(client.rx, 0, 70, fuchsia_hardware_ethernet_FIFO_RX_OK, 1);
  expect_back(client.rx, 1, 71, fuchsia_hardware_ethernet_FIFO_RX_OK, 2);
  offload_header_t header;
  ck_assert_int_eq(zx_vmo_read(client.vmo, &header, 1, sizeof(header)), ZX_OK);
  ck_assert_mem_eq(&header, &plain, sizeof(header));
}
END_TEST

START_TEST(run_of_segments_without_a_large_buffer_costs_no_ordinary_one) {
  static uint8_t frame[UINT16_MAX];
  agree();
  put(client.rx, 0, 2048, 1);
  exchange_rx_return(&client.exchange, &segments, frame, 40000, fuchsia_hardware_ethernet_FIFO_RX_OK);
  ck_assert_uint_eq(client.counters.rx_no_buffer, 1);
  ck_assert_int_eq(exchange_flush(&client.exchange), ZX_OK);
  expect_nothing_back(client.rx);
}
END_TEST

// Puts a pattern of `length` bytes into the place for the next frame, as a wire does.
static void place_pattern(size_t length) {
  struct iovec place[2];
  size_t at = 0;
  ck_assert_uint_eq(exchange_rx_place(&client.exchange, place), 2);
  for (size_t i = 0; i < 2; i++) {
    for (size_t k = 0; k < place[i].iov_len && at < length; k++)
      ((uint8_t*)place[i].iov_base)[k] = (uint8_t)(at++ % 251);
  }
  ck_assert_uint_eq(at, length);
}

static void expect_pattern(uint32_t offset, const offload_header_t* header, size_t length) {
  static uint8_t got[UINT16_MAX];
  ck_assert_int_eq(zx_vmo_read(client.vmo, got, offset, OFFLOAD_HEADER_BYTES + length), ZX_OK);
  ck_assert_mem_eq(got, header, OFFLOAD_HEADER_BYTES);
  for (size_t i = 0; i < length; i++)
    ck_assert_uint_eq(got[OFFLOAD_HEADER_BYTES + i], i % 251);
}

START_TEST(frame_put_in_place_takes_the_buffer_that_it_needs) {
  const uint32_t small = MEMORY_BYTES - 2048;  // over the end of the large one
  struct iovec none[2];
  agree();
  put(client.rx, 0, 40000, 1);
  ck_assert(!exchange_rx_provide(&client.exchange));
  ck_assert_uint_eq(exchange_rx_place(&client.exchange, none), 0);  // a run of segments might come
  put(client.rx, 0, EXCHANGE_LARGE_BYTES, 2);
  put(client.rx, small, 2048, 3);
  ck_assert(exchange_rx_provide(&client.exchange));
  exchange_rx_return(&client.exchange, &plain, (const uint8_t*)"x", 1, fuchsia_hardware_ethernet_FIFO_RX_OK);
  place_pattern(2048 - OFFLOAD_HEADER_BYTES);
  exchange_rx_placed(&client.exchange, &plain, 2048 - OFFLOAD_HEADER_BYTES,
                     fuchsia_hardware_ethernet_FIFO_RX_OK);
  ck_assert_int_eq(exchange_flush(&client.exchange), ZX_OK);
  expect_back(client.rx, 0, 11, fuchsia_hardware_ethernet_FIFO_RX_OK, 1);
  expect_back(client.rx, small, 2048, fuchsia_hardware_ethernet_FIFO_RX_OK, 3);
  expect_pattern(small, &plain, 2048 - OFFLOAD_HEADER_BYTES);
  put(client.rx, small, 2048, 4);
  ck_assert(exchange_rx_provide(&client.exchange));
  place_pattern(30000);
  exchange_rx_placed(&client.exchange, &segments, 30000, fuchsia_hardware_ethernet_FIFO_RX_OK);
  ck_assert_int_eq(exchange_flush(&client.exchange), ZX_OK);
  expect_back(client.rx, 0, 30010, fuchsia_hardware_ethernet_FIFO_RX_OK, 2);
  expect_pattern(0, &segments, 30000);
  expect_nothing_back(client.rx);  // the small one was only borrowed
}
END_TEST

START_TEST(a_first_piece_shorter_than_any_frame_is_no_place) {
  const uint16_t shortest = OFFLOAD_HEADER_BYTES + FRAME_MIN;
  struct iovec place[2];
  agree();
  put(client.rx, 0, EXCHANGE_LARGE_BYTES, 1);
  put(client.rx, MEMORY_BYTES - shortest + 1, shortest - 1, 2);
  put(client.rx, MEMORY_BYTES - shortest, shortest, 3);
  ck_assert(exchange_rx_provide(&client.exchange));
  ck_assert_uint_eq(exchange_rx_place(&client.exchange, place), 0);
  exchange_rx_return(&client.exchange, &plain, (const uint8_t*)"x", 1, fuchsia_hardware_ethernet_FIFO_RX_OK);
  ck_assert_uint_eq(exchange_rx_place(&client.exchange, place), 2);
  ck_assert_uint_eq(place[0].iov_len, FRAME_MIN);
}
END_TEST

START_TEST(without_offloads_frames_have_no_place) {
  struct iovec none[2];
  put(client.rx, 0, 2048, 1);
  ck_assert(exchange_rx_provide(&client.exchange));
  ck_assert_uint_eq(exchange_rx_place(&client.exchange, none), 0);
}
END_TEST

START_TEST(only_frames_that_fit_an_entry_and_were_agreed_on_are_accepted) {
  static const offload_header_t partial = {.flags = 1, .checksum_start = 34, .checksum_offset = 6};
  static const offload_header_t verified = {.flags = OFFLOAD_DATA_VALID};
  ck_assert(exchange_rx_accepts(&client.exchange, &verified, 60));
  ck_assert(!exchange_rx_accepts(&client.exchange, &partial, 60));
  ck_assert(!exchange_rx_accepts(&client.exchange, &segments, 40000));
  exchange_set_offloads(&client.exchange, 0, OFFLOAD_CHECKSUM);
  ck_assert(exchange_rx_accepts(&client.exchange, &partial, 60));
  ck_assert(!exchange_rx_accepts(&client.exchange, &segments, 40000));
  exchange_set_offloads(&client.exchange, 0, OFFLOAD_CHECKSUM | OFFLOAD_TSO);
  ck_assert(exchange_rx_accepts(&client.exchange, &segments, UINT16_MAX - OFFLOAD_HEADER_BYTES));
  ck_assert(!exchange_rx_accepts(&client.exchange, &segments, UINT16_MAX - OFFLOAD_HEADER_BYTES + 1));
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void) {
  Suite* suite = suite_create("exchange");
  TCase* tc = jx_test_case(suite, "exchange");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, frame_to_send_is_shown_where_it_lies_and_comes_back_with_its_mark);
  tcase_add_loop_test(tc, bad_range_to_send_is_counted_and_answered_invalid, 0, COUNT(bad_tx));
  tcase_add_loop_test(tc, range_to_send_at_the_limits_is_accepted, 0, COUNT(good_tx));
  tcase_add_test(tc, received_frame_goes_into_the_oldest_buffer_with_its_length);
  tcase_add_loop_test(tc, bad_buffer_to_receive_is_counted_and_answered_invalid_at_once, 0, COUNT(bad_rx));
  tcase_add_test(tc, received_frame_longer_than_its_buffer_costs_the_buffer);
  tcase_add_test(tc, client_that_takes_nothing_back_is_taken_no_more_from);
  tcase_add_test(tc, client_that_supplies_bad_buffers_without_end_is_bounded);
  tcase_add_test(tc, all_buffers_of_a_full_fifo_can_be_filled);
  tcase_add_test(tc, flush_tells_that_the_client_has_gone);
  tcase_add_test(tc, fifos_and_memory_are_given_once);
  tcase_add_test(tc, memory_that_cannot_be_used_is_refused);
  tcase_add_test(tc, frame_to_send_is_shown_without_its_header);
  tcase_add_loop_test(tc, frame_whose_header_was_not_agreed_on_is_invalid, 0, COUNT(bad_headers));
  tcase_add_test(tc, ordinary_frames_take_ordinary_buffers_and_runs_take_large_ones);
  tcase_add_test(tc, run_of_segments_without_a_large_buffer_costs_no_ordinary_one);
  tcase_add_test(tc, frame_put_in_place_takes_the_buffer_that_it_needs);
  tcase_add_test(tc, a_first_piece_shorter_than_any_frame_is_no_place);
  tcase_add_test(tc, without_offloads_frames_have_no_place);
  tcase_add_test(tc, only_frames_that_fit_an_entry_and_were_agreed_on_are_accepted);
  return jx_test_run(suite);
}
