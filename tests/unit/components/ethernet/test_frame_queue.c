#include <jx_test.h>
#include <stdlib.h>
#include <string.h>

#include "frame_queue.h"

// A frame that tells its number and is as long as asked.
static void push_numbered(frame_queue_t* queue, uint8_t number, size_t length, bool wanted) {
  uint8_t frame[512];
  memset(frame, number, sizeof(frame));
  ck_assert_int_eq(frame_queue_push(queue, frame, length), wanted);
}

static void pop_numbered(frame_queue_t* queue, uint8_t number, size_t length) {
  size_t found;
  const uint8_t* frame = frame_queue_front(queue, &found);
  ck_assert_ptr_nonnull(frame);
  ck_assert_uint_eq(found, length);
  uint8_t wanted[512];
  memset(wanted, number, sizeof(wanted));
  ck_assert_mem_eq(frame, wanted, length);
  frame_queue_pop(queue);
}

START_TEST(frames_come_out_in_order_and_whole) {
  frame_queue_t queue;
  size_t length;
  ck_assert(frame_queue_init(&queue, 1024));
  ck_assert_ptr_null(frame_queue_front(&queue, &length));
  for (uint8_t i = 0; i < 10; i++)
    push_numbered(&queue, i, 14 + i, true);
  for (uint8_t i = 0; i < 10; i++)
    pop_numbered(&queue, i, 14 + (size_t)i);
  ck_assert_ptr_null(frame_queue_front(&queue, &length));
  frame_queue_deinit(&queue);
}
END_TEST

START_TEST(frame_without_room_is_dropped_and_counted) {
  frame_queue_t queue;
  ck_assert(frame_queue_init(&queue, 256));
  push_numbered(&queue, 0, 253, false);  // its length doesn't fit with it
  push_numbered(&queue, 1, 124, true);
  push_numbered(&queue, 2, 124, true);  // full to the last byte
  push_numbered(&queue, 3, 0, false);
  ck_assert_uint_eq(queue.dropped, 2);
  pop_numbered(&queue, 1, 124);
  push_numbered(&queue, 4, 125, false);
  push_numbered(&queue, 5, 124, true);
  pop_numbered(&queue, 2, 124);
  pop_numbered(&queue, 5, 124);
  frame_queue_deinit(&queue);
}
END_TEST

// Every pattern of lengths, against a plain list.
START_TEST(random_pushes_and_pops_agree_with_a_list) {
  enum { CAPACITY = 1000 };
  struct {
    uint8_t number;
    size_t length;
  } list[CAPACITY];
  size_t first = 0, last = 0;
  frame_queue_t queue;
  ck_assert(frame_queue_init(&queue, CAPACITY));
  srand((unsigned)_i + 1);
  for (int step = 0; step < 5000; step++) {
    size_t length = (size_t)rand() % (_i ? 400 : 40);
    uint8_t frame[512];
    memset(frame, step, sizeof(frame));
    if (rand() % 2 && frame_queue_push(&queue, frame, length)) {
      list[last % CAPACITY].number = (uint8_t)step;
      list[last++ % CAPACITY].length = length;
    } else if (first < last && rand() % 3) {
      pop_numbered(&queue, list[first % CAPACITY].number, list[first % CAPACITY].length);
      first++;
    }
    ck_assert_uint_eq(queue.count, last - first);
  }
  ck_assert_uint_gt(last, 1000);
  frame_queue_deinit(&queue);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("frame_queue");
  TCase* tc = jx_test_case(suite, "frame_queue");
  tcase_add_test(tc, frames_come_out_in_order_and_whole);
  tcase_add_test(tc, frame_without_room_is_dropped_and_counted);
  tcase_add_loop_test(tc, random_pushes_and_pops_agree_with_a_list, 0, 4);
  return jx_test_run(suite);
}
