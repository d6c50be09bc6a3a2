// What generated proxies and stubs stand on: descriptions of methods and protocols, and the untyped halves of
// calls, replies, events and dispatch. For generated code; users call the typed functions.
#ifndef LIB_FIDL_METHOD_H_
#define LIB_FIDL_METHOD_H_

#include <lib/fidl/client.h>
#include <lib/fidl/server.h>
#include <lib/fidl/type.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fidl_openness { FIDL_OPEN, FIDL_AJAR, FIDL_CLOSED } fidl_openness_t;

typedef struct fidl_incoming fidl_incoming_t;
typedef void (*fidl_unknown_t)(void* context, uint64_t ordinal);

// Any function pointer; the method's `deliver` knows its real type.
typedef void (*fidl_any_callback_t)(void);

typedef struct fidl_method {
  uint64_t ordinal;
  bool two_way;
  bool flexible;
  bool has_result;              // the response is a result union: 1 success, 2 error, 3 framework_err
  const fidl_type_t* request;   // NULL: no body
  const fidl_type_t* response;  // the whole body of a reply, or an event's payload; NULL: no body
  const char* trace_proxy;
  const char* trace_proxy_done;
  const char* trace_stub;
  const char* trace_stub_reply;
  // Two-way: calls an asynchronous callback with its own type.
  void (*deliver)(fidl_any_callback_t callback, void* context, zx_status_t status, void* body);
} fidl_method_t;

typedef struct fidl_protocol {
  const char* name;
  fidl_openness_t openness;
  void (*dispatch)(fidl_incoming_t* incoming, const void* ops, void* context);
  void (*dispatch_event)(fidl_incoming_t* incoming, const void* ops, void* context);
} fidl_protocol_t;

// The least scratch memory to encode a message with a body of at most `max_size` bytes.
#define FIDL_SCRATCH_SIZE(max_size) \
  ((max_size) > FIDL_MAX_MESSAGE_BYTES - 16u ? FIDL_MAX_MESSAGE_BYTES : 16u + (max_size))

// `scratch` is 8-aligned and holds the message while it is written, not longer. `body` is NULL where there is
// none. Its handles are consumed in all cases.

zx_status_t fidl_sync_call(zx_handle_t channel, const fidl_method_t* method, void* body, void* scratch,
                           uint32_t scratch_size, fidl_call_t* call, void** out);
zx_status_t fidl_one_way_call(zx_handle_t channel, const fidl_method_t* method, void* body, void* scratch,
                              uint32_t scratch_size);
zx_status_t fidl_async_call(fidl_client_t* client, const fidl_method_t* method, void* body, void* scratch,
                            uint32_t scratch_size, fidl_any_callback_t callback, void* context);
zx_status_t fidl_send_event(fidl_binding_t* binding, const fidl_method_t* method, void* body, void* scratch,
                            uint32_t scratch_size);
zx_status_t fidl_reply(fidl_completer_t completer, const fidl_method_t* method, void* body, void* scratch,
                       uint32_t scratch_size);

zx_status_t fidl_bind(async_dispatcher_t* dispatcher, zx_handle_t server_end, const fidl_protocol_t* protocol,
                      const void* ops, void* context, fidl_on_unbound_t on_unbound, fidl_binding_t** out);
zx_status_t fidl_client_bind(async_dispatcher_t* dispatcher, zx_handle_t client_end,
                             const fidl_protocol_t* protocol, const void* events, void* context,
                             fidl_client_closed_t closed, fidl_client_t** out);

// Inside dispatch functions. A false result means that the message has been dealt with.

uint64_t fidl_incoming_ordinal(const fidl_incoming_t* incoming);

// Decodes the body of a known request; `completer` is NULL for a one-way method, `body` where there is no
// payload.
bool fidl_incoming_request(fidl_incoming_t* incoming, const fidl_method_t* method, void** body,
                           fidl_completer_t* completer);
bool fidl_incoming_event(fidl_incoming_t* incoming, const fidl_method_t* method, void** body);

// A known method for which the server has no function.
void fidl_incoming_unimplemented(fidl_incoming_t* incoming, const fidl_method_t* method,
                                 fidl_unknown_t unknown, void* context);
// A method or event that the protocol does not have.
void fidl_incoming_unknown(fidl_incoming_t* incoming, fidl_unknown_t unknown, void* context);

#ifdef __cplusplus
}
#endif

#endif  // LIB_FIDL_METHOD_H_
