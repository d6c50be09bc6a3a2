// A loop: one thread's dispatcher. Made of one port and libev.
#ifndef LIB_ASYNC_LOOP_LOOP_H_
#define LIB_ASYNC_LOOP_LOOP_H_

#include <stdbool.h>
#include <threads.h>

#include <lib/async/dispatcher.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct async_loop async_loop_t;

typedef struct async_loop_config {
  void* data;  // for the owner, see async_loop_data
} async_loop_config_t;

// Makes a loop. `config` may be null. ZX_ERR_NO_MEMORY, ZX_ERR_NO_RESOURCES.
zx_status_t async_loop_create(const async_loop_config_t* config, async_loop_t** out);

async_dispatcher_t* async_loop_get_dispatcher(async_loop_t* loop);
async_loop_t* async_loop_from_dispatcher(async_dispatcher_t* dispatcher);
void* async_loop_data(async_loop_t* loop);

// Runs handlers until `deadline` (a past one: only what is due), or until it has run one batch if `once`. Not reentrant.
// ZX_ERR_TIMED_OUT: the deadline passed. ZX_OK: `once`, and it has run something. ZX_ERR_CANCELED: async_loop_quit was
// called. ZX_ERR_BAD_STATE: shut down, or made by the process from which this one came by fork.
zx_status_t async_loop_run(async_loop_t* loop, zx_time_t deadline, bool once);

// Runs what is due and returns ZX_OK, without waiting; or ZX_ERR_CANCELED.
zx_status_t async_loop_run_until_idle(async_loop_t* loop);

// Makes the current or next async_loop_run return ZX_ERR_CANCELED, which it does until async_loop_reset_quit.
// Any thread; also from a signal handler.
void async_loop_quit(async_loop_t* loop);
zx_status_t async_loop_reset_quit(async_loop_t* loop);

// Starts a thread that runs the loop until async_loop_quit or async_loop_shutdown; handlers then run on it. `name` may be
// null, and is cut at 15 bytes; `out_thread`, too. A loop runs on one thread: ZX_ERR_ALREADY_BOUND, if it has one already.
// ZX_ERR_BAD_STATE: shut down. ZX_ERR_NO_RESOURCES.
zx_status_t async_loop_start_thread(async_loop_t* loop, const char* name, thrd_t* out_thread);

// Waits until the thread of async_loop_start_thread has ended; returns at once if there is none. Not from a handler.
void async_loop_join_threads(async_loop_t* loop);

// Ends the loop: a thread of its own is told to quit and waited for, everything pending is called with ZX_ERR_CANCELED,
// nothing more can begin. Not from a handler.
void async_loop_shutdown(async_loop_t* loop);

// Shuts down if that has not happened, and frees. Null is fine.
void async_loop_destroy(async_loop_t* loop);

#ifdef __cplusplus
}
#endif

#endif  // LIB_ASYNC_LOOP_LOOP_H_
