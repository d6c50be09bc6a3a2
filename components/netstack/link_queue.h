// The buffers of one direction and the FIFO they travel in.
//
// A buffer is in exactly one place: free, with the device, or taken by us and about to be written to the
// FIFO. Buffers are of one or two kinds, a pool each: those for ordinary frames, and large ones for runs of
// segments. The device never holds more of them than the FIFO's depth, so neither side's writes can find a
// FIFO of an honest peer full.
#ifndef COMPONENTS_NETSTACK_LINK_QUEUE_H_
#define COMPONENTS_NETSTACK_LINK_QUEUE_H_

#include <fidl/fuchsia.hardware.ethernet.h>
#include <lib/async/wait.h>
#include <stdbool.h>
#include <stdint.h>

enum {
  LINK_MAX_DEPTH = 256,  // buffers in one direction; a FIFO of 16-byte entries cannot hold more
  LINK_BATCH = 32,       // entries read or written at once
};

typedef fuchsia_hardware_ethernet_FifoEntry link_entry_t;

typedef struct link_pool {
  uint32_t first_index;   // of its buffers among the queue's
  uint32_t count;         // of buffers
  uint32_t first_offset;  // of the first buffer in the VMO
  uint32_t buffer_bytes;
  uint32_t stride;
  uint32_t free_count;
  uint16_t free[LINK_MAX_DEPTH];  // indexes among the queue's; the last is taken first
} link_pool_t;

typedef struct link_queue {
  zx_handle_t fifo;
  uint32_t depth;  // buffers of both pools
  link_pool_t ordinary, large;
  bool with_device[LINK_MAX_DEPTH];
  async_wait_t wait;
} link_queue_t;

// How the buffers of a queue are cut.
typedef struct link_shape {
  uint32_t depth;           // 1 to LINK_MAX_DEPTH
  uint32_t ordinary_bytes;  // of a buffer
  uint32_t large_count;     // how many of `depth` are large
} link_shape_t;

// Makes a queue whose buffers are free and begin at `first_offset`. `fifo` is consumed. Returns the offset
// behind the last buffer.
uint32_t link_queue_init(link_queue_t* queue, zx_handle_t fifo, const link_shape_t* shape,
                         uint32_t first_offset);

// Closes the FIFO. Again is fine.
void link_queue_deinit(link_queue_t* queue);

// Takes a free buffer of the pool, which has one, and makes its entry.
link_entry_t link_queue_take(link_queue_t* queue, link_pool_t* pool);

// Writes entries that were taken. Those that the FIFO does not take are free again. Returns how many it took.
size_t link_queue_write(link_queue_t* queue, const link_entry_t* entries, size_t count);

typedef enum link_return {
  LINK_RETURN_GOOD,
  LINK_RETURN_BAD_COOKIE,  // it names no buffer that the device had
  LINK_RETURN_BAD_RANGE,   // its range is not within its buffer
} link_return_t;

// The one check of what a device puts into a FIFO. `entry` is our copy. Unless the cookie is bad its buffer
// is free again.
link_return_t link_queue_put_back(link_queue_t* queue, const link_entry_t* entry);

#endif  // COMPONENTS_NETSTACK_LINK_QUEUE_H_
