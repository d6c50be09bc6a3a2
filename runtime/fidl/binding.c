// A server's binding: reads requests in batches, hands them to the generated dispatch function, and sends
// replies.
//
// Life: BOUND -> CLOSING (told to end, or the channel ended) -> UNBOUND (on_unbound was called). The memory
// goes when it is UNBOUND and no completer is outstanding. `dispatching` says that a handler may be on the
// stack: the end then waits for it. Requests are decoded in a buffer on the stack, so a binding costs no
// memory for messages.
//
// Threads: all but answering happens on the loop's thread. Completers may be answered on any, so `lock`
// guards what they touch; it is not held while anything of the user's is called. Only the loop's thread waits
// and closes the channel. Another thread that ends the binding leaves that to `end_task`, and who makes room
// for more requests leaves the reading to `room_task`. As long as there is no room, `stall_task` is pending,
// for no particular time: so the end of the loop is told also while nothing is waited for.
#include <lib/async/task.h>
#include <lib/async/wait.h>
#include <lib/trace/trace.h>
#include <pthread.h>
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
  async_task_t stall_task;
  async_task_t room_task;
  async_dispatcher_t* dispatcher;
  const fidl_protocol_t* protocol;
  const void* ops;
  void* context;
  fidl_on_unbound_t on_unbound;
  pthread_mutex_t lock;  // of all that follows
  zx_handle_t channel;
  binding_state_t state;
  zx_status_t reason;
  bool dispatching;
  bool waiting;
  bool stalled;      // stall_task is pending
  bool has_room;     // room_task is
  bool ending;       // end_task is, or was
  pthread_t thread;  // the loop's, once a request has been read
  bool has_thread;
  uint64_t free_slots;  // bit set: free
  completer_slot_t slots[FIDL_BINDING_MAX_OUTSTANDING];
};

static void lock(fidl_binding_t* binding) {
  pthread_mutex_lock(&binding->lock);
}

static void unlock(fidl_binding_t* binding) {
  pthread_mutex_unlock(&binding->lock);
}

// Unlocks; frees the binding if that was its end.
static void unlock_or_free(fidl_binding_t* binding) {
  bool over = binding->state == UNBOUND && binding->free_slots == UINT64_MAX;
  unlock(binding);
  if (!over) return;
  pthread_mutex_destroy(&binding->lock);
  free(binding);
}

// The end: the last call for this binding. It is CLOSING meanwhile, so that a completer that is answered on
// another thread does not free it.
static void unbind(fidl_binding_t* binding) {
  if (binding->on_unbound) binding->on_unbound(binding->context, binding, binding->reason);
  lock(binding);
  binding->state = UNBOUND;
  unlock_or_free(binding);
}

static void begin_end(fidl_binding_t* binding, zx_status_t reason) {
  binding->state = CLOSING;
  binding->reason = reason;
}

// What only the loop's thread may do. Locked.
static void close_channel(fidl_binding_t* binding) {
  if (binding->waiting) async_cancel_wait(binding->dispatcher, &binding->wait);
  binding->waiting = false;
  if (binding->stalled) async_cancel_task(binding->dispatcher, &binding->stall_task);
  binding->stalled = false;
  if (binding->has_room) async_cancel_task(binding->dispatcher, &binding->room_task);
  binding->has_room = false;
  zx_handle_close(binding->channel);
  binding->channel = ZX_HANDLE_INVALID;
}

static void end_task(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  fidl_binding_t* binding = (fidl_binding_t*)(void*)((char*)task - offsetof(fidl_binding_t, end_task));
  lock(binding);
  close_channel(binding);
  unlock(binding);
  unbind(binding);
}

// Tells the client and ends the binding. Locked. Returns whether it is left to the caller to unbind it, after
// unlocking: there is no loop any more that could.
static bool end(fidl_binding_t* binding, zx_status_t epitaph) {
  if (binding->state != BOUND) return false;
  fidl_epitaph_write(binding->channel, epitaph);
  begin_end(binding, epitaph);
  bool on_loop = !binding->has_thread || pthread_equal(binding->thread, pthread_self());
  if (on_loop) close_channel(binding);
  if (on_loop && binding->dispatching) return false;
  binding->end_task = (async_task_t){.handler = end_task};
  binding->ending = async_post_task(binding->dispatcher, &binding->end_task) == ZX_OK;
  // Otherwise the loop is shutting down, which ends what it waits for and what is stalled or dispatching.
  return !binding->ending && on_loop;
}

void fidl_binding_close(fidl_binding_t* binding, zx_status_t epitaph) {
  lock(binding);
  bool last = end(binding, epitaph);
  unlock(binding);
  if (last) unbind(binding);
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
  lock(binding);
  bool more = binding->state == BOUND && binding->free_slots != 0;
  unlock(binding);
  return more;
}

// The messages' buffer is gone from the stack before on_unbound is called.
static void handle_batch(fidl_binding_t* binding) {
  zx_status_t status = fidl_transport_read_batch(binding->channel, handle_message, binding);
  if (status == ZX_OK || status == ZX_ERR_SHOULD_WAIT) return;
  if (status == ZX_ERR_INVALID_ARGS) {
    fidl_binding_close(binding, status);
    return;
  }
  lock(binding);
  if (binding->state == BOUND) {
    begin_end(binding, status);
    close_channel(binding);
  }
  unlock(binding);
}

// Waits for the next message or, if too many requests are unanswered, for an answer. Locked; on the loop's
// thread. Returns as end() does.
static bool resume(fidl_binding_t* binding) {
  if (binding->state != BOUND) return false;
  zx_status_t status;
  if (binding->free_slots != 0) {
    status = async_begin_wait(binding->dispatcher, &binding->wait);
    binding->waiting = status == ZX_OK;
  } else {
    status = async_post_task(binding->dispatcher, &binding->stall_task);
    binding->stalled = status == ZX_OK;
  }
  return status != ZX_OK && end(binding, status);
}

// The loop shuts down, or what it called for is over because the binding is. Locked. Returns whether to
// unbind it.
static bool end_with_loop(fidl_binding_t* binding, zx_status_t reason) {
  if (binding->state == BOUND) begin_end(binding, reason);
  if (binding->ending) return false;
  if (binding->channel != ZX_HANDLE_INVALID) close_channel(binding);
  return true;
}

static void on_readable(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                        const zx_packet_signal_t* signal) {
  fidl_binding_t* binding = (fidl_binding_t*)(void*)((char*)wait - offsetof(fidl_binding_t, wait));
  lock(binding);
  binding->waiting = false;
  binding->thread = pthread_self();
  binding->has_thread = true;
  bool readable = status == ZX_OK && binding->state == BOUND;
  binding->dispatching = readable;
  bool last = !readable && end_with_loop(binding, status);
  unlock(binding);
  if (readable) {
    handle_batch(binding);
    lock(binding);
    binding->dispatching = false;
    last = binding->state == BOUND ? resume(binding) : end_with_loop(binding, ZX_OK);
    unlock(binding);
  }
  if (last) unbind(binding);
}

// The loop shuts down while too many requests are unanswered.
static void on_stall_end(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  fidl_binding_t* binding = (fidl_binding_t*)(void*)((char*)task - offsetof(fidl_binding_t, stall_task));
  lock(binding);
  binding->stalled = false;
  bool last = end_with_loop(binding, status);
  unlock(binding);
  if (last) unbind(binding);
}

// An answer has made room for another request.
static void on_room(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  fidl_binding_t* binding = (fidl_binding_t*)(void*)((char*)task - offsetof(fidl_binding_t, room_task));
  bool last = false;
  lock(binding);
  binding->has_room = false;
  if (status == ZX_OK && binding->stalled) {
    async_cancel_task(dispatcher, &binding->stall_task);
    binding->stalled = false;
    last = resume(binding);
  }
  unlock(binding);
  if (last) unbind(binding);
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
  binding->stall_task = (async_task_t){.handler = on_stall_end, .deadline = ZX_TIME_INFINITE};
  binding->room_task.handler = on_room;
  binding->wait.handler = on_readable;
  binding->wait.object = server_end;
  binding->wait.trigger = ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED;
  binding->waiting = true;
  pthread_mutex_init(&binding->lock, NULL);
  zx_status_t status = async_begin_wait(dispatcher, &binding->wait);
  if (status != ZX_OK) {
    zx_handle_close(server_end);
    pthread_mutex_destroy(&binding->lock);
    free(binding);
    return status;
  }
  if (out) *out = binding;
  return ZX_OK;
}

// Completers

static fidl_completer_t take_slot(fidl_binding_t* binding, const fidl_method_t* method, uint32_t txid) {
  lock(binding);
  uint32_t index = (uint32_t)__builtin_ctzll(binding->free_slots);
  completer_slot_t* slot = &binding->slots[index];
  binding->free_slots &= ~(UINT64_C(1) << index);
  slot->method = method;
  slot->txid = txid;
  slot->generation++;
  fidl_completer_t completer = {.binding = binding, .slot = index, .generation = slot->generation};
  unlock(binding);
  return completer;
}

static completer_slot_t* find_slot(fidl_completer_t completer) {
  completer_slot_t* slot = &completer.binding->slots[completer.slot % FIDL_BINDING_MAX_OUTSTANDING];
  return slot->generation == completer.generation && (slot->generation & 1u) ? slot : NULL;
}

// The loop goes on reading if there was no room until now. Unlocks; may free the binding.
static void release_slot(fidl_binding_t* binding, uint32_t index) {
  binding->slots[index].generation++;
  binding->free_slots |= UINT64_C(1) << index;
  if (binding->stalled && !binding->has_room)
    binding->has_room = async_post_task(binding->dispatcher, &binding->room_task) == ZX_OK;
  unlock_or_free(binding);
}

void fidl_completer_close(fidl_completer_t completer, zx_status_t epitaph) {
  fidl_binding_t* binding = completer.binding;
  lock(binding);
  if (!find_slot(completer)) {
    unlock(binding);
    return;
  }
  bool last = end(binding, epitaph);
  if (last) {
    unlock(binding);
    unbind(binding);
    lock(binding);
  }
  release_slot(binding, completer.slot);
}

static void consume(const fidl_type_t* type, void* body) {
  if (type && type->close_handles) type->close_handles(body);
}

// Encodes and writes; what makes the client wait in vain is an end of the binding, for `*out_end`. Locked.
static zx_status_t send(fidl_binding_t* binding, const fidl_method_t* method, uint32_t txid, void* body,
                        void* scratch, uint32_t scratch_size, zx_status_t* out_end) {
  fidl_encoder_t encoder;
  zx_status_t status =
      fidl_transport_encode(&encoder, method, method->response, txid, body, scratch, scratch_size);
  if (status != ZX_OK) {
    *out_end = ZX_ERR_INTERNAL;
    return status;
  }
  status = fidl_transport_write(binding->channel, &encoder);
  // What the client sent before it went is still to be read, so that is not the end yet.
  if (status != ZX_OK && status != ZX_ERR_PEER_CLOSED)
    *out_end = status == ZX_ERR_SHOULD_WAIT ? ZX_ERR_NO_RESOURCES : status;
  return status;
}

zx_status_t fidl_reply(fidl_completer_t completer, const fidl_method_t* method, void* body, void* scratch,
                       uint32_t scratch_size) {
  trace_point(method->trace_stub_reply, method->ordinal);
  fidl_binding_t* binding = completer.binding;
  lock(binding);
  completer_slot_t* slot = find_slot(completer);
  // A method that a protocol composes is the same as where it was declared: a server of several protocols may
  // answer it as either.
  if (!slot || slot->method->ordinal != method->ordinal) {
    unlock(binding);
    consume(method->response, body);
    return ZX_ERR_BAD_STATE;
  }
  zx_status_t status = ZX_ERR_CANCELED, reason = ZX_OK;
  if (binding->state == BOUND)
    status = send(binding, method, slot->txid, body, scratch, scratch_size, &reason);
  else
    consume(method->response, body);
  if (reason != ZX_OK && end(binding, reason)) {
    unlock(binding);
    unbind(binding);
    lock(binding);
  }
  release_slot(binding, completer.slot);
  return status;
}

zx_status_t fidl_send_event(fidl_binding_t* binding, const fidl_method_t* method, void* body, void* scratch,
                            uint32_t scratch_size) {
  trace_point(method->trace_stub, method->ordinal);
  lock(binding);
  zx_status_t status = ZX_ERR_CANCELED, reason;
  if (binding->state == BOUND)
    status = send(binding, method, 0, body, scratch, scratch_size, &reason);
  else
    consume(method->response, body);
  unlock(binding);
  return status;
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
