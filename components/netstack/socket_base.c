// The common part of sockets: life, connections, names. Above: the generated stubs. Below: the engine.
#include "socket_base.h"

#include <errno.h>
#include <stdlib.h>

#include <zircon/syscalls.h>

void socket_base_init(socket_base_t* socket, const socket_kind_t* kind, provider_client_t* client,
                      uint8_t family) {
  socket->kind = kind;
  socket->client = client;
  socket->netstack = provider_client_netstack(client);
  socket->family = family;
  provider_client_acquire(client);
}

void socket_base_deinit(socket_base_t* socket) {
  if (socket->endpoint) {
    netstack_enter(socket->netstack);
    tcpip_socket_destroy(socket->endpoint);
    socket->endpoint = NULL;
    netstack_leave(socket->netstack);
  }
  provider_client_release(socket->client);
}

socket_base_t* socket_begin(void* context) {
  socket_base_t* socket = ((socket_connection_t*)context)->socket;
  netstack_enter(socket->netstack);
  if (socket->kind->begin) socket->kind->begin(socket);
  return socket;
}

void socket_changed(socket_base_t* socket) {
  if (socket->kind->changed) socket->kind->changed(socket);
}

void socket_end(socket_base_t* socket) {
  netstack_leave(socket->netstack);
  if (socket->endpoint) socket->kind->show(socket);
}

void socket_took_error(socket_base_t* socket) {
  if (socket->kind->took_error) socket->kind->took_error(socket);
}

// Connections

static void connection_unbound(void* context, fidl_binding_t* binding, zx_status_t reason) {
  socket_connection_t* connection = context;
  socket_base_t* socket = connection->socket;
  socket_connection_t** at = &socket->first_connection;
  while (*at != connection)
    at = &(*at)->next;
  *at = connection->next;
  if (connection->open) socket->open_connections--;
  free(connection);
  provider_client_refund(socket->client, PROVIDER_CONNECTION_DESCRIPTORS);
  if (--socket->connections == 0) socket->kind->abandoned(socket);
}

int socket_add_connection(socket_base_t* socket, zx_handle_t server_end) {
  socket_connection_t* connection = NULL;
  int result = -EMFILE;
  if (!provider_client_charge(socket->client, PROVIDER_CONNECTION_DESCRIPTORS)) goto fail;
  result = -ENOMEM;
  connection = malloc(sizeof(*connection));
  if (!connection) goto fail_charge;
  *connection = (socket_connection_t){
      .socket = socket, .channel = server_end, .open = true, .next = socket->first_connection};
  zx_status_t status =
      socket->kind->bind(netstack_dispatcher(socket->netstack), server_end, connection, connection_unbound);
  server_end = ZX_HANDLE_INVALID;  // consumed
  if (status != ZX_OK) goto fail_charge;
  socket->first_connection = connection;
  socket->connections++;
  socket->open_connections++;
  return 0;

fail_charge:
  free(connection);
  provider_client_refund(socket->client, PROVIDER_CONNECTION_DESCRIPTORS);
fail:
  zx_handle_close(server_end);
  return result;
}

bool socket_close_connection(socket_connection_t* connection) {
  if (!connection->open) return false;
  connection->open = false;
  return --connection->socket->open_connections == 0;
}

// Gone, and nothing left to read: no request for another connection either.
static bool is_forsaken(const socket_connection_t* connection) {
  zx_signals_t signals = 0;
  zx_status_t status =
      zx_object_wait_one(connection->channel, ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE_PAST, &signals);
  return status == ZX_OK && !(signals & ZX_CHANNEL_READABLE);
}

bool socket_close_forsaken_connections(socket_base_t* socket) {
  for (socket_connection_t* at = socket->first_connection; at; at = at->next) {
    if (at->open && is_forsaken(at)) (void)socket_close_connection(at);
  }
  return socket->open_connections == 0;
}

void socket_clone(void* context, fuchsia_unknown_CloneableCloneRequest* request) {
  socket_connection_t* connection = context;
  // One that waits for the answer to Close has no say any more: the socket goes, whoever would join it.
  if (!connection->open) return;
  zx_handle_t server_end = request->request;
  request->request = ZX_HANDLE_INVALID;
  (void)socket_add_connection(connection->socket, server_end);
}

// Names

void socket_get_sock_name(void* context, fidl_completer_t completer) {
  const socket_base_t* socket = ((socket_connection_t*)context)->socket;
  tcpip_endpoint_t local = {0};
  socket_address_storage_t storage;
  tcpip_socket_local(socket->endpoint, &local);
  fuchsia_posix_socket_BaseNetworkSocket_GetSockName_Response response = {
      .addr = endpoint_to_fidl(&local, socket->family, &storage)};
  (void)SOCKET_METHOD(GetSockName_reply)(completer, &response);
}

void socket_get_peer_name(void* context, fidl_completer_t completer) {
  const socket_base_t* socket = ((socket_connection_t*)context)->socket;
  tcpip_endpoint_t peer = {0};
  int result = tcpip_socket_peer(socket->endpoint, &peer);
  if (result < 0) {
    (void)SOCKET_METHOD(GetPeerName_reply_error)(completer, errno_to_fidl(result));
    return;
  }
  socket_address_storage_t storage;
  fuchsia_posix_socket_BaseNetworkSocket_GetPeerName_Response response = {
      .addr = endpoint_to_fidl(&peer, socket->family, &storage)};
  (void)SOCKET_METHOD(GetPeerName_reply)(completer, &response);
}

void socket_get_path_mtu(void* context, fidl_completer_t completer) {
  fuchsia_posix_socket_BaseNetworkSocket_GetPathMtu_Response response = {0};
  int result = tcpip_socket_path_mtu(((socket_connection_t*)context)->socket->endpoint, &response.value);
  if (result < 0) {
    (void)SOCKET_METHOD(GetPathMtu_reply_error)(completer, errno_to_fidl(result));
  } else {
    (void)SOCKET_METHOD(GetPathMtu_reply)(completer, &response);
  }
}
