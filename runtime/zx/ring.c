// Copying across a ring's end; see ring.h.
#include "runtime/zx/ring.h"

void ring_copy_in_wrapped(void* storage, uint32_t storage_units, uint32_t unit_size, uint32_t index,
                          const void* from, uint32_t count) {
  uint32_t at = index & (storage_units - 1);
  size_t first = (size_t)(storage_units - at) * unit_size;
  memcpy((char*)storage + (size_t)at * unit_size, from, first);
  memcpy(storage, (const char*)from + first, (size_t)count * unit_size - first);
}

void ring_copy_out_wrapped(const void* storage, uint32_t storage_units, uint32_t unit_size, uint32_t index,
                           void* to, uint32_t count) {
  uint32_t at = index & (storage_units - 1);
  size_t first = (size_t)(storage_units - at) * unit_size;
  memcpy(to, (const char*)storage + (size_t)at * unit_size, first);
  memcpy((char*)to + first, storage, (size_t)count * unit_size - first);
}
