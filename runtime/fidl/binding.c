// A server's binding: reads requests in batches, hands them to the generated dispatch function, and sends
// replies.
//
// Life: BOUND -> CLOSING (told to end, or the channel ended) -> UNBOUND (on_unbound was called). In CLOSING
// the channel is already closed. The memory goes when it is UNBOUND and no completer is outstanding.
// `dispatching` says that a handler may be on the stack: the end then waits for it. Requests are decoded in a
// buffer on the stack, so a binding costs no memory for messages.
#include <lib/async/task.h>
#include <lib/async/wait.h>
#include <lib/trace/trace.h>
#include <stdlib.h>

#include "transport.h"

typedef enum { BOUND, CLOSING, UNBOUND } binding_state_t;

typedef struct completer_slot {
  const fidl_method_t* method;
  uint32_t txid;
  uint32_t generation;  // odd while outstanding
} completer_slot_t;

struct fidl_binding {
  async_wait_t wait;
  async_task_t end_task;
  async_dispatcher_t* dispatcher;
  zx_handle_t channel;
  const fidl_protocol_t* protocol;
  const void* ops;
  void* context;
  fidl_on_unbound_t on_unbound;
  binding_state_t state;
  zx_status_t reason;
  bool dispatching;
  bool waiting;
  uint64_t free_slots;  // bit set: free
  completer_slot_t slots[FIDL_BINDING_MAX_OUTSTANDING];
};

static void resume(fidl_binding_t* binding);

static void free_if_over(fidl_binding_t* binding) {
  if (binding->state == UNBOUND && binding->free_slots == UINT64_MAX) free(binding);
}

// The end: the last call for this binding.
static void unbind(fidl_binding_t* binding) {
  binding->state = UNBOUND;
  if (binding->on_unbound) binding->on_unbound(binding->context, binding, binding->reason);
  free_if_over(binding);
}

static void end_task(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  unbind((fidl_binding_t*)(void*)((char*)task - offsetof(fidl_binding_t, end_task)));
}

// Closes the channel; on_unbound is left for later.
static void close_channel(fidl_binding_t* binding, zx_status_t reason) {
  binding->state = CLOSING;
  binding->reason = reason;
  if (binding->waiting) async_cancel_wait(binding->dispatcher, &binding->wait);
  binding->waiting = false;
  zx_handle_close(binding->channel);
  binding->channel = ZX_HANDLE_INVALID;
}

void fidl_binding_close(fidl_binding_t* binding, zx_status_t epitaph) {
  if (binding->state != BOUND) return;
  fidl_epitaph_write(binding->channel, epitaph);
  close_channel(binding, epitaph);
  if (binding->dispatching) return;
  binding->end_task = (async_task_t){.handler = end_task};
  if (async_post_task(binding->dispatcher, &binding->end_task) != ZX_OK) unbind(binding);
}

zx_handle_t fidl_binding_channel(const fidl_binding_t* binding) {
  return binding->channel;
}

static bool handle_message(void* context, fidl_incoming_t* incoming) {
  fidl_binding_t* binding = context;
  incoming->binding = binding;
  binding->protocol->dispatch(incoming, binding->ops, binding->context);
  fidl_incoming_drop(incoming);
  if (incoming->verdict != ZX_OK) fidl_binding_close(binding, incoming->verdict);
  return binding->state == BOUND && binding->free_slots != 0;
}

// The messages' buffer is gone from the stack before on_unbound is called.
static void handle_batch(fidl_binding_t* binding) {
  zx_status_t status = fidl_transport_read_batch(binding->channel, handle_message, binding);
  if (status == ZX_ERR_INVALID_ARGS)
    fidl_binding_close(binding, status);
  else if (status != ZX_OK && status != ZX_ERR_SHOULD_WAIT)
    close_channel(binding, status);
}

static void on_readable(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                        const zx_packet_signal_t* signal) {
  fidl_binding_t* binding = (fidl_binding_t*)(void*)((char*)wait - offsetof(fidl_binding_t, wait));
  binding->waiting = false;
  if (status != ZX_OK) {
    close_channel(binding, status);
    unbind(binding);
    return;
  }
  binding->dispatching = true;
  handle_batch(binding);
  binding->dispatching = false;
  if (binding->state == CLOSING)
    unbind(binding);
  else
    resume(binding);
}

// Waits for the next message, unless too many requests are unanswered.
static void resume(fidl_binding_t* binding) {
  if (binding->state != BOUND || binding->dispatching || binding->waiting || binding->free_slots == 0) return;
  zx_status_t status = async_begin_wait(binding->dispatcher, &binding->wait);
  binding->waiting = status == ZX_OK;
  if (status != ZX_OK) fidl_binding_close(binding, status);
}

zx_status_t fidl_bind(async_dispatcher_t* dispatcher, zx_handle_t server_end, const fidl_protocol_t* protocol,
                      const void* ops, void* context, fidl_on_unbound_t on_unbound, fidl_binding_t** out) {
  fidl_binding_t* binding = calloc(1, sizeof(*binding));
  if (!binding) {
    zx_handle_close(server_end);
    return ZX_ERR_NO_MEMORY;
  }
  binding->dispatcher = dispatcher;
  binding->channel = server_end;
  binding->protocol = protocol;
  binding->ops = ops;
  binding->context = context;
  binding->on_unbound = on_unbound;
  binding->free_slots = UINT64_MAX;
  binding->wait.handler = on_readable;
  binding->wait.object = server_end;
  binding->wait.trigger = ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED;
  zx_status_t status = async_begin_wait(dispatcher, &binding->wait);
  if (status != ZX_OK) {
    zx_handle_close(server_end);
    free(binding);
    return status;
  }
  binding->waiting = true;
  if (out) *out = binding;
  return ZX_OK;
}

// Completers

static fidl_completer_t take_slot(fidl_binding_t* binding, const fidl_method_t* method, uint32_t txid) {
  uint32_t index = (uint32_t)__builtin_ctzll(binding->free_slots);
  completer_slot_t* slot = &binding->slots[index];
  binding->free_slots &= ~(UINT64_C(1) << index);
  slot->method = method;
  slot->txid = txid;
  slot->generation++;
  return (fidl_completer_t){.binding = binding, .slot = index, .generation = slot->generation};
}

static completer_slot_t* find_slot(fidl_completer_t completer) {
  completer_slot_t* slot = &completer.binding->slots[completer.slot % FIDL_BINDING_MAX_OUTSTANDING];
  return slot->generation == completer.generation && (slot->generation & 1u) ? slot : NULL;
}

// May free the binding.
static void release_slot(fidl_binding_t* binding, uint32_t index) {
  binding->slots[index].generation++;
  binding->free_slots |= UINT64_C(1) << index;
  resume(binding);
  free_if_over(binding);
}

void fidl_completer_close(fidl_completer_t completer, zx_status_t epitaph) {
  if (!find_slot(completer)) return;
  fidl_binding_close(completer.binding, epitaph);
  release_slot(completer.binding, completer.slot);
}

static void consume(const fidl_type_t* type, void* body) {
  if (type && type->close_handles) type->close_handles(body);
}

// Encodes and writes; what makes the client wait in vain ends the binding.
static zx_status_t send(fidl_binding_t* binding, const fidl_method_t* method, uint32_t txid, void* body,
                        void* scratch, uint32_t scratch_size) {
  fidl_encoder_t encoder;
  zx_status_t status =
      fidl_transport_encode(&encoder, method, method->response, txid, body, scratch, scratch_size);
  if (status == ZX_OK) {
    status = fidl_transport_write(binding->channel, &encoder);
    // What the client sent before it went is still to be read, so that is not the end yet.
    if (status == ZX_OK || status == ZX_ERR_PEER_CLOSED || txid == 0) return status;
    fidl_binding_close(binding, status == ZX_ERR_SHOULD_WAIT ? ZX_ERR_NO_RESOURCES : status);
  } else if (txid != 0) {
    fidl_binding_close(binding, ZX_ERR_INTERNAL);
  }
  return status;
}

zx_status_t fidl_reply(fidl_completer_t completer, const fidl_method_t* method, void* body, void* scratch,
                       uint32_t scratch_size) {
  trace_point(method->trace_stub_reply, method->ordinal);
  fidl_binding_t* binding = completer.binding;
  completer_slot_t* slot = find_slot(completer);
  // A method that a protocol composes is the same as where it was declared: a server of several protocols may
  // answer it as either.
  if (!slot || slot->method->ordinal != method->ordinal) {
    consume(method->response, body);
    return ZX_ERR_BAD_STATE;
  }
  zx_status_t status = ZX_ERR_CANCELED;
  if (binding->state == BOUND)
    status = send(binding, method, slot->txid, body, scratch, scratch_size);
  else
    consume(method->response, body);
  release_slot(binding, completer.slot);
  return status;
}

zx_status_t fidl_send_event(fidl_binding_t* binding, const fidl_method_t* method, void* body, void* scratch,
                            uint32_t scratch_size) {
  trace_point(method->trace_stub, method->ordinal);
  if (binding->state == BOUND) return send(binding, method, 0, body, scratch, scratch_size);
  consume(method->response, body);
  return ZX_ERR_CANCELED;
}

// Dispatch

uint64_t fidl_incoming_ordinal(const fidl_incoming_t* incoming) {
  return incoming->header->ordinal;
}

bool fidl_incoming_request(fidl_incoming_t* incoming, const fidl_method_t* method, void** body,
                           fidl_completer_t* completer) {
  trace_point(method->trace_stub, method->ordinal);
  uint32_t txid = incoming->header->txid;
  if ((txid != 0) != method->two_way) {
    incoming->verdict = ZX_ERR_INVALID_ARGS;
    return false;
  }
  incoming->verdict = fidl_transport_decode(incoming->header, incoming->size, incoming->handles,
                                            incoming->num_handles, method->request, body);
  incoming->num_handles = 0;
  if (incoming->verdict != ZX_OK) return false;
  if (completer) *completer = take_slot(incoming->binding, method, txid);
  return true;
}

static void reply_unknown(fidl_incoming_t* incoming) {
  struct {
    fidl_message_header_t header;
    uint64_t variant;
    fidl_envelope_t envelope;
  } reply = {.variant = 3};
  int32_t error = FIDL_FRAMEWORK_ERR_UNKNOWN_METHOD;
  fidl_header_init(&reply.header, incoming->header->txid, true, incoming->header->ordinal);
  memcpy(reply.envelope.inl.value, &error, sizeof(error));
  reply.envelope.inl.flags = 1;
  zx_status_t status = zx_channel_write(incoming->binding->channel, 0, &reply, sizeof(reply), NULL, 0);
  if (status != ZX_OK && status != ZX_ERR_PEER_CLOSED) incoming->verdict = ZX_ERR_NO_RESOURCES;
}

static void incoming_unknown(fidl_incoming_t* incoming, bool flexible, fidl_unknown_t unknown,
                             void* context) {
  fidl_binding_t* binding = incoming->binding;
  fidl_incoming_drop(incoming);
  fidl_unknown_action_t action =
      fidl_unknown_action(binding->protocol->openness, flexible, incoming->header->txid != 0);
  if (action == FIDL_UNKNOWN_CLOSE) {
    incoming->verdict = ZX_ERR_NOT_SUPPORTED;
    return;
  }
  if (action == FIDL_UNKNOWN_REPLY) reply_unknown(incoming);
  if (unknown) unknown(context, incoming->header->ordinal);
}

void fidl_incoming_unimplemented(fidl_incoming_t* incoming, const fidl_method_t* method,
                                 fidl_unknown_t unknown, void* context) {
  incoming_unknown(incoming, method->flexible, unknown, context);
}

void fidl_incoming_unknown(fidl_incoming_t* incoming, fidl_unknown_t unknown, void* context) {
  // Control messages (top bit of the ordinal) are never requests.
  bool flexible = (incoming->header->dynamic_flags & FIDL_DYNAMIC_FLAG_FLEXIBLE) != 0 &&
                  (incoming->header->ordinal >> 63) == 0;
  if (incoming->binding)
    incoming_unknown(incoming, flexible, unknown, context);
  else
    fidl_client_unknown_event(incoming, flexible, unknown, context);
}
