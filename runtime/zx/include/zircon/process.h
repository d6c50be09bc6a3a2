// What a process has from the start.
#ifndef ZIRCON_PROCESS_H_
#define ZIRCON_PROCESS_H_

#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// The process's own address space, as the first argument of zx_vmar_map and its kin. Always there; closing it
// is ZX_ERR_BAD_HANDLE.
zx_handle_t zx_vmar_root_self(void);

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_PROCESS_H_
