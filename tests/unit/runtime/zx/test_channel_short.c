// The short way of a message through a busy channel (runtime/zx/channel_short.h): whatever a message's size,
// and wherever it lies in the ring and in memory, it arrives as it was sent and touches nothing else; what is
// not for the short way finds the long one; and a handle that goes meanwhile takes nobody along.
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "busy_channel.h"

enum { RING_BYTES = 262144, MAX_SIZE = 200, MARGIN = 64, THREADS = 3 };

static void make_busy(void) {
  make_channel();
  do {
    exchange(400);
  } while (count_rings(NULL) != 2);  // on a loaded machine that may not be busy enough
}

static unsigned char pattern(uint32_t number, uint32_t i) {
  return (unsigned char)(number * 37 + i * 11 + (number >> 8));
}

// From and to memory that ends where the message does, for the address sanitizer, and with margins that must
// stay as they are.
static void send_one(uint32_t number, uint32_t size, uint32_t misalignment) {
  unsigned char* block = malloc(misalignment + size + 1);
  unsigned char* bytes = block + 1 + misalignment;
  for (uint32_t i = 0; i < size; i++)
    bytes[i] = pattern(number, i);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, size ? bytes : NULL, size, NULL, 0), ZX_OK);
  free(block);
}

static void receive_one(uint32_t number, uint32_t size, uint32_t misalignment, bool etc) {
  unsigned char block[MARGIN + 16 + MAX_SIZE + MARGIN];
  unsigned char* bytes = block + MARGIN + misalignment;
  uint32_t num_bytes = 77, num_handles = 77;
  memset(block, 0xa5, sizeof(block));
  zx_status_t status = etc ? zx_channel_read_etc(ends[1], 0, bytes, NULL, size, 0, &num_bytes, &num_handles)
                           : zx_channel_read(ends[1], 0, bytes, NULL, size, 0, &num_bytes, &num_handles);
  ck_assert_int_eq(status, ZX_OK);
  ck_assert(num_bytes == size && num_handles == 0);
  for (uint32_t i = 0; i < sizeof(block); i++) {
    uint32_t at = i - MARGIN - misalignment;
    ck_assert_uint_eq(block[i], at < size ? pattern(number, at) : 0xa5);
  }
}

START_TEST(messages_of_every_size_and_alignment_arrive_as_they_were_sent) {
  uint32_t number = 0;
  for (uint32_t size = 0; size <= MAX_SIZE; size++) {
    for (uint32_t misalignment = 0; misalignment < 16; misalignment++, number += 2) {
      send_one(number, size, misalignment);
      send_one(number + 1, size, 15 - misalignment);
      receive_one(number, size, 15 - misalignment, false);
      receive_one(number + 1, size, misalignment, true);
    }
  }
}
END_TEST

// Each size with each place of the ring's end in it that there is.
START_TEST(messages_wrap_at_the_end_of_the_ring) {
  static char filler[65536];
  uint32_t at = 0, number = 0;  // where an entry begins is known but for a constant
  for (uint32_t size = 0; size <= MAX_SIZE; size++) {
    for (uint32_t lap = 0; lap < 4; lap++) {
      uint32_t before = (size + 8) / 4 * lap % (size + 8) & ~7u;
      uint32_t target = RING_BYTES - before;
      uint32_t left = (target - at) & (RING_BYTES - 1);
      while (left) {
        uint32_t piece = left < 65536 ? left : 32768;
        ck_assert_int_eq(zx_channel_write(ends[0], 0, filler, piece - 8, NULL, 0), ZX_OK);
        ck_assert_int_eq(zx_channel_read(ends[1], 0, filler, NULL, piece - 8, 0, NULL, NULL), ZX_OK);
        left -= piece;
      }
      send_one(number, size, 0);
      send_one(number + 1, size, 3);
      receive_one(number, size, 0, false);
      receive_one(number + 1, size, 5, false);
      number += 2;
      at = (target + 2 * ((size + 15) & ~7u)) & (RING_BYTES - 1);
    }
  }
}
END_TEST

START_TEST(a_ring_of_small_messages_fills_and_empties_again_and_again) {
  for (uint32_t lap = 0; lap < 6; lap++) {
    uint32_t size = 24 * lap + 8, count = 0;
    char bytes[MAX_SIZE] = {0};
    // Who finds nothing more has given back what it read.
    ck_assert_int_eq(zx_channel_read(ends[1], 0, bytes, NULL, sizeof(bytes), 0, NULL, NULL),
                     ZX_ERR_SHOULD_WAIT);
    while (zx_channel_write(ends[0], 0, bytes, size, NULL, 0) == ZX_OK)
      count++;
    ck_assert_uint_eq(count, (RING_BYTES - 8) / (size + 8));
    ck_assert_uint_eq(state(ends[0]), 0);
    for (uint32_t i = 0; i < count; i++)
      ck_assert_int_eq(zx_channel_read(ends[1], 0, bytes, NULL, sizeof(bytes), 0, NULL, NULL), ZX_OK);
    ck_assert_int_eq(zx_channel_read(ends[1], 0, bytes, NULL, sizeof(bytes), 0, NULL, NULL),
                     ZX_ERR_SHOULD_WAIT);
    ck_assert_uint_eq(state(ends[0]), ZX_CHANNEL_WRITABLE);
  }
}
END_TEST

START_TEST(what_is_wrong_with_a_call_is_told_on_the_short_way_too) {
  char bytes[16];
  uint32_t num_bytes = 0, num_handles = 0;
  zx_handle_t mute, deaf, event;
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, NULL, 4, NULL, 0), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_channel_write(ends[0], 1, bytes, 4, NULL, 0), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_channel_write(event, 0, bytes, 4, NULL, 0), ZX_ERR_WRONG_TYPE);
  ck_assert_int_eq(zx_channel_write(ends[0] ^ (1u << 20), 0, bytes, 4, NULL, 0), ZX_ERR_BAD_HANDLE);
  ck_assert_int_eq(zx_channel_write(ZX_HANDLE_INVALID, 0, bytes, 4, NULL, 0), ZX_ERR_BAD_HANDLE);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, bytes, 16, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_channel_read(ends[1], 8, bytes, NULL, 16, 0, NULL, NULL), ZX_ERR_NOT_SUPPORTED);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, NULL, NULL, 16, 0, NULL, NULL), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, bytes, NULL, 16, 1, NULL, NULL), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_channel_read(event, 0, bytes, NULL, 16, 0, NULL, NULL), ZX_ERR_WRONG_TYPE);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, bytes, NULL, 15, 0, &num_bytes, &num_handles),
                   ZX_ERR_BUFFER_TOO_SMALL);
  ck_assert_uint_eq(num_bytes, 16);
  zx_handle_t stale = ends[0];
  ck_assert_int_eq(zx_handle_replace(ends[0], ZX_DEFAULT_CHANNEL_RIGHTS & ~ZX_RIGHT_WRITE, &mute), ZX_OK);
  ends[0] = mute;
  ck_assert_int_eq(zx_channel_write(stale, 0, bytes, 4, NULL, 0), ZX_ERR_BAD_HANDLE);
  ck_assert_int_eq(zx_channel_write(mute, 0, bytes, 4, NULL, 0), ZX_ERR_ACCESS_DENIED);
  ck_assert_int_eq(zx_handle_replace(ends[1], ZX_DEFAULT_CHANNEL_RIGHTS & ~ZX_RIGHT_READ, &deaf), ZX_OK);
  ends[1] = deaf;
  ck_assert_int_eq(zx_channel_read(deaf, 0, bytes, NULL, 16, 0, NULL, NULL), ZX_ERR_ACCESS_DENIED);
  zx_handle_close(event);
}
END_TEST

START_TEST(a_closed_peer_is_told_on_the_short_way_too) {
  char c = 'x';
  ck_assert_int_eq(zx_channel_write(ends[0], 0, &c, 1, NULL, 0), ZX_OK);
  zx_handle_close(ends[0]);
  ends[0] = ZX_HANDLE_INVALID;
  ck_assert_int_eq(zx_channel_write(ends[1], 0, &c, 1, NULL, 0), ZX_ERR_PEER_CLOSED);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, &c, NULL, 1, 0, NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_channel_read(ends[1], 0, &c, NULL, 1, 0, NULL, NULL), ZX_ERR_PEER_CLOSED);
}
END_TEST

// Entries that announce what no message may be. One that is longer than what was written is as good as any;
// one that is not there is not there.
START_TEST(an_entry_that_lies_is_never_believed) {
  static const struct {
    uint64_t word;
    zx_status_t status;
  } lies[] = {
      {(uint64_t)9 << 32 | 0x4a, ZX_OK},
      {(uint64_t)128 << 32 | 0x4a, ZX_OK},
      {(uint64_t)65536 << 32 | 0x4a, ZX_ERR_BUFFER_TOO_SMALL},
      {(uint64_t)65537 << 32 | 0x4a, ZX_ERR_PEER_CLOSED},
      {(uint64_t)0xfffffff8 << 32 | 0x4a, ZX_ERR_PEER_CLOSED},
      {(uint64_t)UINT32_MAX << 32 | 0x4a, ZX_ERR_PEER_CLOSED},
      {(uint64_t)8 << 32 | 0x4c, ZX_ERR_PEER_CLOSED},
      {(uint64_t)8 << 32 | 0x14a, ZX_ERR_PEER_CLOSED},
      {(uint64_t)8 << 32 | 0x1004a, ZX_ERR_PEER_CLOSED},
      {(uint64_t)8 << 32, ZX_ERR_PEER_CLOSED},
      {0x100, ZX_ERR_PEER_CLOSED},
      {0, ZX_ERR_SHOULD_WAIT},
      {UINT64_MAX, ZX_ERR_PEER_CLOSED},
  };
  for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
    void* memory = NULL;
    char bytes[256], message[8] = "message";
    uint32_t head;
    ck_assert_int_eq(count_rings(&memory), 2);
    memcpy(&head, (char*)memory + 256, sizeof(head));
    ck_assert_int_eq(zx_channel_write(ends[0], 0, message, 8, NULL, 0), ZX_OK);
    memcpy((char*)memory + 512 + head % RING_BYTES, &lies[i].word, 8);
    ck_assert_int_eq(zx_channel_read(ends[1], 0, bytes, NULL, sizeof(bytes), 0, NULL, NULL), lies[i].status);
    close_channel();
    make_busy();
  }
}
END_TEST

// By every thread in turn the handle is closed, and all the others find it gone, or another one in its place.
static _Atomic zx_handle_t current;

static void* write_on(void* unused) {
  char bytes[32] = {0};
  zx_status_t status;
  do {
    status = zx_channel_write(atomic_load(&current), 0, bytes, sizeof(bytes), NULL, 0);
    zx_channel_read(ends[1], 0, bytes, NULL, sizeof(bytes), 0, NULL, NULL);
  } while (status == ZX_OK || status == ZX_ERR_SHOULD_WAIT);
  return (void*)(intptr_t)status;
}

START_TEST(a_handle_closed_while_threads_write_through_it_is_gone_and_no_more) {
  for (int round = 0; round < 30; round++) {
    pthread_t threads[THREADS];
    char bytes[32];
    atomic_store(&current, ends[0]);
    for (int i = 0; i < THREADS; i++)
      ck_assert_int_eq(pthread_create(&threads[i], NULL, write_on, NULL), 0);
    for (int i = 0; i < 200; i++)
      zx_channel_read(ends[1], 0, bytes, NULL, sizeof(bytes), 0, NULL, NULL);
    ck_assert_int_eq(zx_handle_close(ends[0]), ZX_OK);
    for (int i = 0; i < THREADS; i++) {
      void* status;
      ck_assert_int_eq(pthread_join(threads[i], &status), 0);
      ck_assert_int_eq((zx_status_t)(intptr_t)status, ZX_ERR_BAD_HANDLE);
    }
    zx_handle_close(ends[1]);
    make_busy();
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("channel_short");
  TCase* tc = jx_test_case(suite, "channel_short");
  tcase_set_timeout(tc, 180);
  tcase_add_checked_fixture(tc, make_busy, close_channel);
  tcase_add_test(tc, messages_of_every_size_and_alignment_arrive_as_they_were_sent);
  tcase_add_test(tc, messages_wrap_at_the_end_of_the_ring);
  tcase_add_test(tc, a_ring_of_small_messages_fills_and_empties_again_and_again);
  tcase_add_test(tc, what_is_wrong_with_a_call_is_told_on_the_short_way_too);
  tcase_add_test(tc, a_closed_peer_is_told_on_the_short_way_too);
  tcase_add_test(tc, an_entry_that_lies_is_never_believed);
  tcase_add_test(tc, a_handle_closed_while_threads_write_through_it_is_gone_and_no_more);
  return jx_test_run(suite);
}
