// One large buffer at a time for a call that needs it, without an allocation per call.
#ifndef RUNTIME_ZX_SCRATCH_H_
#define RUNTIME_ZX_SCRATCH_H_

#include <stddef.h>

#define SCRATCH_BYTES (72u * 1024u)

void* scratch_get(void);          // null: no memory
void scratch_put(void* scratch);  // null is fine
void scratch_trim(void);          // frees what is kept

#endif  // RUNTIME_ZX_SCRATCH_H_
