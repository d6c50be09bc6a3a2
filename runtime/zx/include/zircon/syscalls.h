// The object calls. Names, arguments and results are Zircon's; runtime/zx/README.md lists where Linux makes a
// difference.
//
// For every call: a handle is looked at in the order value (ZX_ERR_BAD_HANDLE), type (ZX_ERR_WRONG_TYPE),
// rights (ZX_ERR_ACCESS_DENIED), then options and the rest; out-parameters are written on success only,
// unless a call says otherwise; calls may be made from any thread; a call that blocks is never interrupted by
// a signal handler. ZX_ERR_NO_MEMORY and ZX_ERR_NO_RESOURCES (no descriptors left) may come from every call
// that makes something.
#ifndef ZIRCON_SYSCALLS_H_
#define ZIRCON_SYSCALLS_H_

#include <zircon/types.h>

#include <zircon/syscalls/channel.h>
#include <zircon/syscalls/clock.h>
#include <zircon/syscalls/event.h>
#include <zircon/syscalls/fifo.h>
#include <zircon/syscalls/handle.h>
#include <zircon/syscalls/object.h>
#include <zircon/syscalls/port.h>
#include <zircon/syscalls/socket.h>
#include <zircon/syscalls/system.h>
#include <zircon/syscalls/time.h>
#include <zircon/syscalls/vmo.h>

#endif  // ZIRCON_SYSCALLS_H_
