// Names of statuses.
#ifndef ZIRCON_STATUS_H_
#define ZIRCON_STATUS_H_

#include <zircon/errors.h>

#ifdef __cplusplus
extern "C" {
#endif

// The name of a status, as "ZX_ERR_BAD_HANDLE"; "(unknown status)" for a number that is none. Static storage.
const char* zx_status_get_string(zx_status_t status);

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_STATUS_H_
