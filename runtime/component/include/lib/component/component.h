// What the `main` of a component sees of the world: its namespace, its outgoing directory, its log, and the
// request to stop.
//
// A component is started by the component manager with one message that holds everything it was given (the
// protocol jacinth.process.Bootstrap). Its main makes a loop, makes a component_t on it, says what it serves,
// and runs the loop:
//
//   async_loop_create(NULL, &loop);
//   component_create(async_loop_get_dispatcher(loop), &component);
//   component_on_stop(component, stop, loop);                       // stop() calls async_loop_quit
//   component_serve(component, sample_Echo_NAME, connect, &state);  // connect() gets each client's server
//   end async_loop_run(loop, ZX_TIME_INFINITE, false);
//
// Everything here belongs to the loop's thread, except component_log.
#ifndef LIB_COMPONENT_COMPONENT_H_
#define LIB_COMPONENT_COMPONENT_H_

#include <lib/async/dispatcher.h>
#include <stdarg.h>
#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct component component_t;

typedef enum component_severity {
  COMPONENT_LOG_DEBUG,
  COMPONENT_LOG_INFO,
  COMPONENT_LOG_WARNING,
  COMPONENT_LOG_ERROR,
} component_severity_t;

// Reads the component manager's message, waiting for it if need be (by running the dispatcher's loop, so
// nothing else should be on it yet), and begins recording trace points if the component is traced. Call it
// once in a process. The caller destroys the result after the loop has been shut down. ZX_ERR_NOT_FOUND: this
// process was not started by a component manager; ZX_ERR_TIMED_OUT, ZX_ERR_PEER_CLOSED: it did not say
// anything; ZX_ERR_INVALID_ARGS: it said nonsense; ZX_ERR_CANCELED: the loop was told to quit meanwhile.
zx_status_t component_create(async_dispatcher_t* dispatcher, component_t** out);

// Makes a component of a bootstrap channel, whose message may still be on its way. For tests. Consumes
// `bootstrap`.
zx_status_t component_create_from_channel(async_dispatcher_t* dispatcher, zx_handle_t bootstrap,
                                          component_t** out);

// Accepts NULL.
void component_destroy(component_t* component);

// The component's place in the tree, such as "network/netstack"; lives as long as the component.
const char* component_moniker(const component_t* component);

// Asks for the protocol `name` of /svc and gives it `server_end`, which is consumed, also on failure. Returns
// at once: if the protocol was not routed here, or its provider cannot be started, the channel's other end
// sees its peer closed. ZX_ERR_NOT_FOUND: the component uses no protocol at all.
zx_status_t component_connect(component_t* component, const char* name, zx_handle_t server_end);

// The directory of the namespace at `path`, borrowed; ZX_HANDLE_INVALID if there is none.
zx_handle_t component_directory(const component_t* component, const char* path);

// Called with the server end of each client that connects, which is the function's.
typedef void (*component_connector_t)(void* context, zx_handle_t server_end);

// Serves the protocol `name` in the outgoing directory, at svc/<name>. What a client asks for before it is
// served is closed, so call this before the loop runs. `name` is copied. ZX_ERR_ALREADY_EXISTS;
// ZX_ERR_NO_MEMORY; ZX_ERR_BAD_STATE: the manifest declares no capability, so there is nobody to serve.
zx_status_t component_serve(component_t* component, const char* name, component_connector_t connect,
                            void* context);

// Calls `stop` when the component manager asks the component to end, which it does only if the manifest says
// `lifecycle: { stop_event: "notify" }`. NULL for nobody.
void component_on_stop(component_t* component, void (*stop)(void* context), void* context);

// Writes a line to the component's log, which the component manager prefixes with its moniker. Any thread.
// `component` may be NULL.
void component_log(const component_t* component, component_severity_t severity, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
void component_logv(const component_t* component, component_severity_t severity, const char* format,
                    va_list args);

#ifdef __cplusplus
}
#endif

#endif  // LIB_COMPONENT_COMPONENT_H_
