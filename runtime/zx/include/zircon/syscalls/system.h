// About the machine.
#ifndef ZIRCON_SYSCALLS_SYSTEM_H_
#define ZIRCON_SYSCALLS_SYSTEM_H_

#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// The size of a page in bytes.
uint32_t zx_system_get_page_size(void);

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_SYSCALLS_SYSTEM_H_
