// The asynchronous client: a table of pending calls, and a wait on the channel.
//
// A transaction id is the pending call's place in the table (low bits) and a count that makes it differ from
// that of earlier calls in the same place; its top bit is 0, so that zx_channel_call may be used on the same
// channel. `busy` counts the client's functions on the stack that call back: closing the client inside of
// them only marks it.
#include <lib/async/wait.h>
#include <lib/trace/trace.h>
#include <stdlib.h>

#include "transport.h"

#define INDEX_MASK (FIDL_CLIENT_MAX_PENDING - 1u)
#define FIRST_CAPACITY 8u

typedef struct pending_call {
  uint32_t txid;  // 0: free
  uint32_t next_count;
  const fidl_method_t* method;
  fidl_any_callback_t callback;
  void* context;
} pending_call_t;

struct fidl_client {
  async_wait_t wait;
  async_dispatcher_t* dispatcher;
  zx_handle_t channel;
  const fidl_protocol_t* protocol;
  const void* events;
  void* context;
  fidl_client_closed_t closed;
  unsigned busy;
  bool waiting;
  bool destroyed;
  uint32_t num_pending;
  uint32_t capacity;
  uint32_t search;  // where to look for a free place first
  pending_call_t* pending;
};

static void leave(fidl_client_t* client) {
  if (--client->busy == 0 && client->destroyed) {
    free(client->pending);
    free(client);
  }
}

static void close_channel(fidl_client_t* client) {
  if (client->waiting) async_cancel_wait(client->dispatcher, &client->wait);
  client->waiting = false;
  zx_handle_close(client->channel);
  client->channel = ZX_HANDLE_INVALID;
}

// Calls back everything that is pending. The channel is closed, so nothing new can become so.
static void fail_pending(fidl_client_t* client, zx_status_t reason) {
  for (uint32_t i = 0; i < client->capacity && client->num_pending > 0; i++) {
    pending_call_t call = client->pending[i];
    if (call.txid == 0) continue;
    client->pending[i].txid = 0;
    client->num_pending--;
    trace_point(call.method->trace_proxy_done, (uint64_t)(int64_t)reason);
    call.method->deliver(call.callback, call.context, reason, NULL);
  }
}

// The connection ends without the user's doing.
static void fail(fidl_client_t* client, zx_status_t reason) {
  if (client->channel == ZX_HANDLE_INVALID) return;
  close_channel(client);
  fail_pending(client, reason == ZX_OK ? ZX_ERR_PEER_CLOSED : reason);
  if (!client->destroyed && client->closed) client->closed(client->context, client, reason);
}

void fidl_client_close(fidl_client_t* client) {
  if (!client) return;
  client->busy++;
  client->destroyed = true;
  if (client->channel != ZX_HANDLE_INVALID) close_channel(client);
  fail_pending(client, ZX_ERR_CANCELED);
  leave(client);
}

zx_handle_t fidl_client_channel(const fidl_client_t* client) {
  return client->channel;
}

static pending_call_t* find_pending(fidl_client_t* client, uint32_t txid) {
  uint32_t index = txid & INDEX_MASK;
  if (txid == 0 || index >= client->capacity || client->pending[index].txid != txid) return NULL;
  return &client->pending[index];
}

static void handle_reply(fidl_client_t* client, fidl_incoming_t* incoming) {
  pending_call_t* place = find_pending(client, incoming->header->txid);
  if (!place || incoming->header->ordinal != place->method->ordinal) {
    incoming->verdict = ZX_ERR_INVALID_ARGS;
    return;
  }
  pending_call_t call = *place;
  void* body = NULL;
  zx_status_t status = fidl_transport_decode_reply(incoming->header, incoming->size, incoming->handles,
                                                   incoming->num_handles, call.method, &body);
  incoming->num_handles = 0;
  if (status == ZX_ERR_INVALID_ARGS) {
    incoming->verdict = status;  // the call is still pending and fails with all others
    return;
  }
  place->txid = 0;
  client->num_pending--;
  trace_point(call.method->trace_proxy_done, (uint64_t)(int64_t)status);
  call.method->deliver(call.callback, call.context, status, status == ZX_OK ? body : NULL);
  if (body && call.method->response->close_handles) call.method->response->close_handles(body);
}

// The status in an epitaph; ZX_ERR_INVALID_ARGS if it is not one.
static zx_status_t epitaph(const fidl_incoming_t* incoming) {
  struct {
    zx_status_t status;
    uint32_t padding;
  } body;
  if (incoming->size != sizeof(*incoming->header) + sizeof(body) || incoming->num_handles != 0)
    return ZX_ERR_INVALID_ARGS;
  memcpy(&body, incoming->header + 1, sizeof(body));
  return body.padding == 0 ? body.status : ZX_ERR_INVALID_ARGS;
}

static bool handle_message(void* context, fidl_incoming_t* incoming) {
  fidl_client_t* client = context;
  incoming->client = client;
  if (incoming->header->txid != 0) {
    handle_reply(client, incoming);
  } else if (incoming->header->ordinal == FIDL_ORDINAL_EPITAPH) {
    zx_status_t reason = epitaph(incoming);
    fidl_incoming_drop(incoming);
    fail(client, reason);
    return false;
  } else {
    client->protocol->dispatch_event(incoming, client->events, client->context);
  }
  fidl_incoming_drop(incoming);
  if (incoming->verdict != ZX_OK) fail(client, incoming->verdict);
  return client->channel != ZX_HANDLE_INVALID;
}

// The messages' buffer is gone from the stack before anything else is called.
static void handle_batch(fidl_client_t* client) {
  zx_status_t status = fidl_transport_read_batch(client->channel, handle_message, client);
  if (status != ZX_OK && status != ZX_ERR_SHOULD_WAIT) fail(client, status);
}

static void wait_for_message(fidl_client_t* client) {
  if (client->channel == ZX_HANDLE_INVALID) return;
  zx_status_t status = async_begin_wait(client->dispatcher, &client->wait);
  client->waiting = status == ZX_OK;
  if (status != ZX_OK) fail(client, status);
}

static void on_readable(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                        const zx_packet_signal_t* signal) {
  fidl_client_t* client = (fidl_client_t*)(void*)((char*)wait - offsetof(fidl_client_t, wait));
  client->waiting = false;
  client->busy++;
  if (status == ZX_OK) {
    handle_batch(client);
    wait_for_message(client);
  } else {
    fail(client, status);
  }
  leave(client);
}

zx_status_t fidl_client_bind(async_dispatcher_t* dispatcher, zx_handle_t client_end,
                             const fidl_protocol_t* protocol, const void* events, void* context,
                             fidl_client_closed_t closed, fidl_client_t** out) {
  fidl_client_t* client = calloc(1, sizeof(*client));
  if (!client) {
    zx_handle_close(client_end);
    return ZX_ERR_NO_MEMORY;
  }
  client->dispatcher = dispatcher;
  client->channel = client_end;
  client->protocol = protocol;
  client->events = events;
  client->context = context;
  client->closed = closed;
  client->wait.handler = on_readable;
  client->wait.object = client_end;
  client->wait.trigger = ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED;
  zx_status_t status = async_begin_wait(dispatcher, &client->wait);
  if (status != ZX_OK) {
    zx_handle_close(client_end);
    free(client);
    return status;
  }
  client->waiting = true;
  *out = client;
  return ZX_OK;
}

// A free place in the table, which grows up to its limit; NULL if there is none.
static pending_call_t* free_place(fidl_client_t* client) {
  if (client->num_pending == client->capacity) {
    if (client->capacity == FIDL_CLIENT_MAX_PENDING) return NULL;
    uint32_t capacity = client->capacity ? client->capacity * 2 : FIRST_CAPACITY;
    pending_call_t* grown = realloc(client->pending, capacity * sizeof(*grown));
    if (!grown) return NULL;
    memset(grown + client->capacity, 0, (capacity - client->capacity) * sizeof(*grown));
    client->search = client->capacity;
    client->pending = grown;
    client->capacity = capacity;
  }
  while (client->pending[client->search % client->capacity].txid != 0)
    client->search++;
  return &client->pending[client->search++ % client->capacity];
}

static uint32_t next_txid(fidl_client_t* client, pending_call_t* place) {
  place->next_count = (place->next_count + 1) & (INT32_MAX / FIDL_CLIENT_MAX_PENDING);
  if (place->next_count == 0) place->next_count = 1;
  return place->next_count * FIDL_CLIENT_MAX_PENDING + (uint32_t)(place - client->pending);
}

static zx_status_t refuse(const fidl_method_t* method, void* body, zx_status_t status) {
  if (method->request && method->request->close_handles) method->request->close_handles(body);
  return status;
}

zx_status_t fidl_async_call(fidl_client_t* client, const fidl_method_t* method, void* body, void* scratch,
                            uint32_t scratch_size, fidl_any_callback_t callback, void* context) {
  trace_point(method->trace_proxy, method->ordinal);
  if (client->channel == ZX_HANDLE_INVALID) return refuse(method, body, ZX_ERR_PEER_CLOSED);
  pending_call_t* place = free_place(client);
  if (!place) return refuse(method, body, ZX_ERR_NO_RESOURCES);
  uint32_t txid = next_txid(client, place);
  fidl_encoder_t encoder;
  zx_status_t status =
      fidl_transport_encode(&encoder, method, method->request, txid, body, scratch, scratch_size);
  if (status == ZX_OK) status = fidl_transport_write(client->channel, &encoder);
  if (status != ZX_OK) return status;
  place->txid = txid;
  place->method = method;
  place->callback = callback;
  place->context = context;
  client->num_pending++;
  return ZX_OK;
}

bool fidl_incoming_event(fidl_incoming_t* incoming, const fidl_method_t* method, void** body) {
  incoming->verdict = fidl_transport_decode(incoming->header, incoming->size, incoming->handles,
                                            incoming->num_handles, method->response, body);
  incoming->num_handles = 0;
  return incoming->verdict == ZX_OK;
}

void fidl_client_unknown_event(fidl_incoming_t* incoming, bool flexible, fidl_unknown_t unknown,
                               void* context) {
  fidl_incoming_drop(incoming);
  if (fidl_unknown_action(incoming->client->protocol->openness, flexible, false) == FIDL_UNKNOWN_CLOSE) {
    incoming->verdict = ZX_ERR_NOT_SUPPORTED;
    return;
  }
  if (unknown) unknown(context, incoming->header->ordinal);
}
