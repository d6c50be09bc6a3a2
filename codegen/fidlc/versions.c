// Versions of elements.
#include "versions.h"

bool availability_same_range(const availability_t* a, const availability_t* b) {
  if (!a || !b) return a == b;
  return a->added == b->added && a->removed == b->removed;
}
