// Work to be done on the loop's thread, now or at a time.
#ifndef LIB_ASYNC_TASK_H_
#define LIB_ASYNC_TASK_H_

#include <lib/async/dispatcher.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct async_task async_task_t;

// Called once for each task posted, unless it is cancelled first: ZX_OK at its time, ZX_ERR_CANCELED when the loop shuts
// down.
typedef void async_task_handler_t(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status);

struct async_task {
  async_task_handler_t* handler;
  zx_time_t deadline;  // 0 or past: as soon as possible, after what is already due
  struct {
    async_node_t node;
    size_t heap_index;
    uint32_t phase;
  } state;             // the loop's; zero before first use
};

// Any thread. Tasks with the same deadline run in the order they were posted. ZX_ERR_ALREADY_EXISTS: it is pending.
// ZX_ERR_BAD_STATE: the loop is shutting down. ZX_ERR_NO_MEMORY.
zx_status_t async_post_task(async_dispatcher_t* dispatcher, async_task_t* task);

// Any thread. ZX_ERR_NOT_FOUND: it was not pending (on another thread: it may be running now).
zx_status_t async_cancel_task(async_dispatcher_t* dispatcher, async_task_t* task);

#ifdef __cplusplus
}
#endif

#endif  // LIB_ASYNC_TASK_H_
