// Which version of its platform has which element.
#ifndef CODEGEN_FIDLC_VERSIONS_H_
#define CODEGEN_FIDLC_VERSIONS_H_

#include <stdbool.h>
#include <stdint.h>

#include "source.h"

#define VERSION_NEXT 0xffd00000u
#define VERSION_HEAD 0xffe00000u
#define VERSION_INFINITE 0xffffffffu

typedef struct availability {
  uint32_t added;
  uint32_t deprecated;  // VERSION_INFINITE: never
  uint32_t removed;     // likewise; the first version without it
} availability_t;

// NULL is "always".
bool availability_same_range(const availability_t* a, const availability_t* b);

#endif  // CODEGEN_FIDLC_VERSIONS_H_
