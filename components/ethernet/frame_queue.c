// See frame_queue.h. Each frame stands in one piece behind its length, in a record of a multiple of 8 bytes.
// A record that doesn't fit between the tail and the end of the ring starts at 0, and WRAP in place of a
// length says so.
#include "frame_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES sizeof(uint32_t)
#define WRAP UINT32_MAX

static size_t record_bytes(size_t length) {
  return (LENGTH_BYTES + length + 7) & ~(size_t)7;
}

static uint32_t length_at(const frame_queue_t* queue, size_t position) {
  uint32_t length;
  memcpy(&length, queue->bytes + position, LENGTH_BYTES);
  return length;
}

static void put_length(frame_queue_t* queue, size_t position, uint32_t length) {
  memcpy(queue->bytes + position, &length, LENGTH_BYTES);
}

bool frame_queue_init(frame_queue_t* queue, size_t capacity) {
  memset(queue, 0, sizeof(*queue));
  queue->capacity = (capacity + 7) & ~(size_t)7;
  queue->bytes = malloc(queue->capacity);
  return queue->bytes != NULL;
}

void frame_queue_deinit(frame_queue_t* queue) {
  free(queue->bytes);
  memset(queue, 0, sizeof(*queue));
}

// Finds the place of a record, or returns false. Without frames the whole ring is free.
static bool make_room(frame_queue_t* queue, size_t bytes) {
  if (queue->count == 0) queue->head = queue->tail = 0;
  bool wrapped = queue->count > 0 && queue->tail <= queue->head;
  if (wrapped) return bytes <= queue->head - queue->tail;
  if (bytes <= queue->capacity - queue->tail) return true;
  if (bytes > queue->head) return false;
  if (queue->tail < queue->capacity) put_length(queue, queue->tail, WRAP);
  queue->tail = 0;
  return true;
}

bool frame_queue_push(frame_queue_t* queue, const uint8_t* frame, size_t length) {
  if (length >= queue->capacity || !make_room(queue, record_bytes(length))) {
    queue->dropped++;
    return false;
  }
  put_length(queue, queue->tail, (uint32_t)length);
  memcpy(queue->bytes + queue->tail + LENGTH_BYTES, frame, length);
  queue->tail += record_bytes(length);
  queue->count++;
  return true;
}

// Where the oldest frame's record is.
static size_t front_position(const frame_queue_t* queue) {
  if (queue->head == queue->capacity || length_at(queue, queue->head) == WRAP) return 0;
  return queue->head;
}

const uint8_t* frame_queue_front(const frame_queue_t* queue, size_t* out_length) {
  if (queue->count == 0) return NULL;
  size_t position = front_position(queue);
  *out_length = length_at(queue, position);
  return queue->bytes + position + LENGTH_BYTES;
}

void frame_queue_pop(frame_queue_t* queue) {
  assert(queue->count > 0);
  size_t position = front_position(queue);
  queue->head = position + record_bytes(length_at(queue, position));
  queue->count--;
}
