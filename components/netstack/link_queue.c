// See link_queue.h. Above: link_frames.c. Below: zx_fifo_*.
#include "link_queue.h"

#include <assert.h>
#include <string.h>

#include <zircon/syscalls.h>

enum { LARGE_BYTES = UINT16_MAX, STRIDE = 64 };

static uint32_t pool_init(link_pool_t* pool, uint32_t first_index, uint32_t count, uint32_t buffer_bytes,
                          uint32_t first_offset) {
  pool->first_index = first_index;
  pool->count = pool->free_count = count;
  pool->first_offset = first_offset;
  pool->buffer_bytes = buffer_bytes;
  pool->stride = (buffer_bytes + STRIDE - 1) / STRIDE * STRIDE;
  for (uint32_t i = 0; i < count; i++)
    pool->free[i] = (uint16_t)(first_index + count - 1 - i);
  return first_offset + count * pool->stride;
}

uint32_t link_queue_init(link_queue_t* queue, zx_handle_t fifo, const link_shape_t* shape,
                         uint32_t first_offset) {
  uint32_t ordinary_count = shape->depth - shape->large_count;
  queue->fifo = fifo;
  queue->depth = shape->depth;
  memset(queue->with_device, 0, sizeof(queue->with_device));
  uint32_t end = pool_init(&queue->ordinary, 0, ordinary_count, shape->ordinary_bytes, first_offset);
  return pool_init(&queue->large, ordinary_count, shape->large_count, LARGE_BYTES, end);
}

void link_queue_deinit(link_queue_t* queue) {
  zx_handle_close(queue->fifo);
  queue->fifo = ZX_HANDLE_INVALID;
  queue->depth = 0;
  queue->ordinary.free_count = queue->large.free_count = 0;
}

static link_pool_t* pool_of(link_queue_t* queue, uint32_t index) {
  return index < queue->large.first_index ? &queue->ordinary : &queue->large;
}

static uint32_t buffer_offset(const link_pool_t* pool, uint32_t index) {
  return pool->first_offset + (index - pool->first_index) * pool->stride;
}

static void make_free(link_queue_t* queue, uint32_t index) {
  link_pool_t* pool = pool_of(queue, index);
  assert(pool->free_count < pool->count);
  pool->free[pool->free_count++] = (uint16_t)index;
}

link_entry_t link_queue_take(link_queue_t* queue, link_pool_t* pool) {
  assert(pool->free_count > 0);
  uint32_t index = pool->free[--pool->free_count];
  return (link_entry_t){
      .offset = buffer_offset(pool, index), .length = (uint16_t)pool->buffer_bytes, .cookie = index};
}

size_t link_queue_write(link_queue_t* queue, const link_entry_t* entries, size_t count) {
  size_t actual = 0;
  if (zx_fifo_write(queue->fifo, sizeof(*entries), entries, count, &actual) != ZX_OK) actual = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t index = (uint32_t)entries[i].cookie;
    if (i < actual) {
      queue->with_device[index] = true;
    } else {
      make_free(queue, index);
    }
  }
  return actual;
}

link_return_t link_queue_put_back(link_queue_t* queue, const link_entry_t* entry) {
  if (entry->cookie >= queue->depth || !queue->with_device[entry->cookie]) return LINK_RETURN_BAD_COOKIE;
  uint32_t index = (uint32_t)entry->cookie;
  const link_pool_t* pool = pool_of(queue, index);
  queue->with_device[index] = false;
  make_free(queue, index);
  bool good = entry->offset == buffer_offset(pool, index) && entry->length <= pool->buffer_bytes;
  return good ? LINK_RETURN_GOOD : LINK_RETURN_BAD_RANGE;
}
