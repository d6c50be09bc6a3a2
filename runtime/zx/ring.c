// Copying across a ring's end; see ring.h.
#include "runtime/zx/ring.h"

#include <string.h>

// How many of `count` units from `index` on lie before the storage's end.
static uint32_t before_wrap(uint32_t storage_units, uint32_t index, uint32_t count) {
  uint32_t left = storage_units - (index & (storage_units - 1));
  return count < left ? count : left;
}

void ring_copy_in(void* storage, uint32_t storage_units, uint32_t unit_size, uint32_t index, const void* from,
                  uint32_t count) {
  uint32_t first = before_wrap(storage_units, index, count);
  size_t offset = (size_t)(index & (storage_units - 1)) * unit_size;
  memcpy((char*)storage + offset, from, (size_t)first * unit_size);
  memcpy(storage, (const char*)from + (size_t)first * unit_size, (size_t)(count - first) * unit_size);
}

void ring_copy_out(const void* storage, uint32_t storage_units, uint32_t unit_size, uint32_t index, void* to,
                   uint32_t count) {
  uint32_t first = before_wrap(storage_units, index, count);
  size_t offset = (size_t)(index & (storage_units - 1)) * unit_size;
  memcpy(to, (const char*)storage + offset, (size_t)first * unit_size);
  memcpy((char*)to + (size_t)first * unit_size, storage, (size_t)(count - first) * unit_size);
}
