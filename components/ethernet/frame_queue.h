// A bounded queue of frames of any length: a ring of bytes, so that nothing is allocated for a frame.
#ifndef COMPONENTS_ETHERNET_FRAME_QUEUE_H_
#define COMPONENTS_ETHERNET_FRAME_QUEUE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct frame_queue {
  uint8_t* bytes;  // owned
  size_t capacity;
  size_t head;       // of the oldest frame
  size_t tail;       // where the next one goes
  size_t count;      // frames
  uint64_t dropped;  // frames that didn't fit
} frame_queue_t;

// Makes an empty queue of `capacity` bytes, rounded up to a multiple of 8, in which a frame takes its length
// and at most 11 more. False if there is no memory.
bool frame_queue_init(frame_queue_t* queue, size_t capacity);

// Frees the frames. Fine on a zeroed queue.
void frame_queue_deinit(frame_queue_t* queue);

// Copies a frame in. False, and counted as dropped, if there is no room for it.
bool frame_queue_push(frame_queue_t* queue, const uint8_t* frame, size_t length);

// The oldest frame, in place until it is popped; NULL if there is none.
const uint8_t* frame_queue_front(const frame_queue_t* queue, size_t* out_length);

// Removes the oldest frame; the queue must not be empty.
void frame_queue_pop(frame_queue_t* queue);

#endif  // COMPONENTS_ETHERNET_FRAME_QUEUE_H_
