// A dispatcher calls handlers on its loop's thread: when a signal comes (wait.h), at a time (task.h), when a
// descriptor is ready (fd.h). It is made by a loop (<lib/async-loop/loop.h>).
//
// Unless a function says "any thread", it is to be called on the loop's thread. Handlers never run inside a call of
// these functions, with one exception: async_loop_shutdown calls what is still pending with ZX_ERR_CANCELED. The
// structures belong to the caller, who keeps them where they are while they are pending; a handler may free or reuse
// its own.
#ifndef LIB_ASYNC_DISPATCHER_H_
#define LIB_ASYNC_DISPATCHER_H_

#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct async_dispatcher async_dispatcher_t;

// A link of the loop's own lists; the owner of the enclosing structure zeroes it and leaves it alone.
typedef struct async_node {
  struct async_node* prev;
  struct async_node* next;
} async_node_t;

#ifdef __cplusplus
}
#endif

#endif  // LIB_ASYNC_DISPATCHER_H_
