// Programs have no dispatcher of ours. The generated code comes with its servers and asynchronous clients,
// which nothing here uses; what they need of a dispatcher is answered here, so that no event loop, and no
// library of one, is linked into every program.
#include <lib/async/task.h>
#include <lib/async/wait.h>
#include <zircon/errors.h>

zx_status_t async_begin_wait(async_dispatcher_t* dispatcher, async_wait_t* wait) {
  return ZX_ERR_NOT_SUPPORTED;
}

zx_status_t async_cancel_wait(async_dispatcher_t* dispatcher, async_wait_t* wait) {
  return ZX_ERR_NOT_FOUND;
}

zx_status_t async_post_task(async_dispatcher_t* dispatcher, async_task_t* task) {
  return ZX_ERR_NOT_SUPPORTED;
}

zx_status_t async_cancel_task(async_dispatcher_t* dispatcher, async_task_t* task) {
  return ZX_ERR_NOT_FOUND;
}
