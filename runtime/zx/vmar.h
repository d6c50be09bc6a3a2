// The process's address space as an object.
#ifndef RUNTIME_ZX_VMAR_H_
#define RUNTIME_ZX_VMAR_H_

#include "runtime/zx/object.h"

// Its handle is always there, and not in the table.
#define HANDLE_OF_ROOT_VMAR ((zx_handle_t)0x000fffff)

// Null: no memory to make it. With the lock of the table held.
struct zx_object* vmar_root(void);

#endif  // RUNTIME_ZX_VMAR_H_
