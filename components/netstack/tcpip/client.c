// Clients: who owns sockets, and how much memory they may hold.
#include <stdlib.h>

#include "sock.h"
#include "stack.h"

#define DEFAULT_BUFFER_BYTES ((size_t)16 << 20)
// One buffer may be half as large as what it leaves for the other ones.
#define BUFFER_MODESTY 2u

int tcpip_client_create(tcpip_t* stack, const tcpip_quota_t* quota, tcpip_client_t** out) {
  tcpip_client_t* client = calloc(1, sizeof *client);
  if (!client) return -ENOMEM;
  client->stack = stack;
  client->quota.sockets = quota && quota->sockets ? quota->sockets : TCPIP_SOCKETS_DEFAULT;
  client->quota.buffer_bytes = quota && quota->buffer_bytes ? quota->buffer_bytes : DEFAULT_BUFFER_BYTES;
  list_init(&client->sockets);
  list_init(&client->orphans);
  list_append(&stack->clients, &client->node);
  *out = client;
  return 0;
}

void tcpip_client_destroy(tcpip_client_t* client) {
  if (!client) return;
  while (!list_empty(&client->sockets))
    tcpip_socket_destroy(list_owner(client->sockets.next, tcpip_socket_t, client_node));
  list_node_t* node;
  while ((node = list_pop(&client->orphans))) {
    waiting_t* waiting = list_owner(node, waiting_t, owner_node);
    waiting->client = NULL;
    client->stack->own_waiting += waiting->charged;
  }
  client->stack->buffer_used -= client->buffer_used;
  list_unlink(&client->node);
  free(client);
}

void tcpip_client_usage(const tcpip_client_t* client, uint32_t* out_sockets, size_t* out_buffer_bytes) {
  if (out_sockets) *out_sockets = client->socket_count;
  if (out_buffer_bytes) *out_buffer_bytes = client->buffer_used;
}

// What is left for the client, which may not have more than what is left for the others.
static size_t client_share(const tcpip_client_t* client) {
  const tcpip_t* stack = client->stack;
  size_t own = client->quota.buffer_bytes, used = client->buffer_used;
  own = used < own ? own - used : 0;
  size_t left =
      stack->buffer_used < stack->limits.buffer_bytes ? stack->limits.buffer_bytes - stack->buffer_used : 0;
  size_t share = used < left ? left - used : 0;
  return own < share ? own : share;
}

// BUFFER_MODESTY * (held + more) <= share - more
size_t client_left(const tcpip_client_t* client, size_t held) {
  size_t share = client_share(client);
  return BUFFER_MODESTY * held < share ? (share - BUFFER_MODESTY * held) / (BUFFER_MODESTY + 1) : 0;
}

bool client_charge(tcpip_client_t* client, size_t held, size_t bytes) {
  if (bytes > client_left(client, held)) return false;
  client_charge_anyway(client, bytes);
  return true;
}

void client_charge_anyway(tcpip_client_t* client, size_t bytes) {
  client->buffer_used += bytes;
  client->stack->buffer_used += bytes;
}

void client_move_socket(tcpip_socket_t* socket, size_t bytes, tcpip_client_t* to) {
  tcpip_client_t* from = socket->client;
  bytes += socket->tx_bytes;
  from->buffer_used -= bytes;
  to->buffer_used += bytes;
  from->socket_count--;
  to->socket_count++;
  list_unlink(&socket->client_node);
  list_append(&to->sockets, &socket->client_node);
  socket->client = to;
  for (list_node_t* node = socket->waiting.next; node != &socket->waiting; node = node->next)
    list_owner(node, waiting_t, owner_node)->client = to;
}

void client_release(tcpip_client_t* client, size_t bytes) {
  client->buffer_used -= bytes;
  client->stack->buffer_used -= bytes;
}
