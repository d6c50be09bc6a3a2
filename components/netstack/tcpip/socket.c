// What is common to sockets of all protocols: life, names, errors, events, and waiting for room to send.
#include <stdlib.h>

#include "sock.h"
#include "stack.h"

#define DEFAULT_SEND_BUFFER (208u << 10)

int tcpip_socket_create(tcpip_client_t* client, uint8_t family, tcpip_protocol_t protocol, void* context,
                        tcpip_socket_t** out) {
  if (family != TCPIP_IPV4 && family != TCPIP_IPV6) return -EAFNOSUPPORT;
  if (client->socket_count >= client->quota.sockets) return -EMFILE;
  switch (protocol) {
    case TCPIP_UDP:
    case TCPIP_ICMP_ECHO:
      return datagram_create(client, family, protocol, context, out);
    case TCPIP_TCP:
      return tcp_socket_create(client, family, context, out);
  }
  return -EPROTONOSUPPORT;
}

void socket_init(tcpip_socket_t* socket, tcpip_client_t* client, const socket_ops_t* ops, uint8_t family,
                 uint8_t protocol, void* context) {
  socket->ops = ops;
  socket->stack = client->stack;
  socket->client = client;
  socket->context = context;
  socket->family = family;
  socket->protocol = protocol;
  socket->mtu_discover = socket->mtu_discover_v6 = TCPIP_MTU_WANT;
  socket->local = socket->remote = addr_any(family == TCPIP_IPV4);
  socket->tx_limit = DEFAULT_SEND_BUFFER;
  list_init(&socket->waiting);
  list_append(&client->sockets, &socket->client_node);
  client->socket_count++;
}

void socket_deinit(tcpip_socket_t* socket) {
  // What it has sent still goes out, at its client's expense.
  list_node_t* node;
  while ((node = list_pop(&socket->waiting))) {
    list_owner(node, waiting_t, owner_node)->socket = NULL;
    list_append(&socket->client->orphans, node);
  }
  stand_in_end(socket);
  socket_leave_connection(socket);
  socket_drop_port(socket);
  list_unlink(&socket->refused_node);
  list_unlink(&socket->client_node);
  socket->client->socket_count--;
}

void tcpip_socket_destroy(tcpip_socket_t* socket) {
  if (socket) socket->ops->destroy(socket);
}

void* tcpip_socket_context(const tcpip_socket_t* socket) {
  return socket->context;
}

uint32_t tcpip_socket_poll(const tcpip_socket_t* socket) {
  return socket->ops->poll(socket);
}

void socket_event(tcpip_socket_t* socket, uint32_t events) {
  const tcpip_t* stack = socket->stack;
  if (stack->ops.socket_event) stack->ops.socket_event(stack->context, socket, socket->context, events);
}

void socket_set_error(tcpip_socket_t* socket, int error) {
  socket->error = error;
  socket_event(socket, TCPIP_EVENT_ERROR);
}

int tcpip_socket_take_error(tcpip_socket_t* socket) {
  int error = socket->error;
  socket->error = 0;
  return -error;
}

int socket_charge_tx(tcpip_socket_t* socket, size_t bytes, bool forced) {
  if (socket->tx_bytes >= socket->tx_limit && !forced) return -EAGAIN;
  if (!client_charge(socket->client, socket->tx_bytes, bytes)) return -ENOBUFS;
  socket->tx_bytes += bytes;
  return 0;
}

void socket_release_tx(tcpip_socket_t* socket, size_t bytes) {
  bool was_full = socket->tx_bytes >= socket->tx_limit;
  socket->tx_bytes -= bytes;
  client_release(socket->client, bytes);
  if (was_full && socket->tx_bytes < socket->tx_limit && !list_linked(&socket->refused_node))
    socket->ops->room(socket);
}

void socket_refused(tcpip_socket_t* socket, interface_t* interface) {
  list_unlink(&socket->refused_node);
  list_append(&interface->refused, &socket->refused_node);
}

// In the order in which they were refused, so each gets its turn.
void socket_link_writable(interface_t* interface) {
  list_node_t batch, *node;
  list_init(&batch);
  list_splice(&batch, &interface->refused);
  while ((node = list_pop(&batch))) {
    tcpip_socket_t* socket = list_owner(node, tcpip_socket_t, refused_node);
    socket->ops->room(socket);
  }
}

void socket_link_back(interface_t* interface) {
  const table_t* all = &interface->stack->connections;
  for (table_node_t* node = table_walk(all, NULL); node; node = table_walk(all, node)) {
    tcpip_socket_t* socket = table_owner(node, tcpip_socket_t, connection_node);
    if (socket->protocol == PROTOCOL_TCP) tcp_link_back(socket, interface);
  }
}

void socket_unreachable(tcpip_socket_t* socket, const waiting_t* packet) {
  if (socket->protocol == PROTOCOL_TCP)
    tcp_unreachable(socket);
  else
    datagram_unreachable(socket, packet);
}

void socket_interface_gone(interface_t* interface) {
  tcpip_t* stack = interface->stack;
  for (list_node_t* c = stack->clients.next; c != &stack->clients; c = c->next) {
    tcpip_client_t* client = list_owner(c, tcpip_client_t, node);
    for (list_node_t* s = client->sockets.next; s != &client->sockets; s = s->next) {
      tcpip_socket_t* socket = list_owner(s, tcpip_socket_t, client_node);
      if (socket->device == interface->info.index) socket_set_error(socket, ENODEV);
    }
  }
}

static bool import_family(const tcpip_socket_t* socket, const tcpip_endpoint_t* in, addr_t* out) {
  if (!addr_import(&in->address, out) || in->address.family != socket->family) return false;
  return true;
}

int socket_import_peer(const tcpip_socket_t* socket, const tcpip_endpoint_t* peer, addr_t* out) {
  if (!import_family(socket, peer, out)) return -EAFNOSUPPORT;
  if (socket->family == TCPIP_IPV6 && addr_is_v4(out)) {
    if (socket->v6_only || (!addr_is_any(&socket->local) && !addr_is_v4(&socket->local))) return -ENETUNREACH;
  } else if (socket->family == TCPIP_IPV6 && addr_is_v4(&socket->local)) {
    return -ENETUNREACH;  // bound to an IPv4-mapped address
  }
  if (addr_is_any(out)) {  // this host
    static const addr_t loopback = {{[15] = 1}};
    *out = addr_is_v4(out) ? addr_v4((const uint8_t[]){127, 0, 0, 1}) : loopback;
  }
  return 0;
}

void socket_export(const tcpip_socket_t* socket, const addr_t* address, uint16_t port, uint32_t zone,
                   tcpip_endpoint_t* out) {
  *out = (tcpip_endpoint_t){.address = addr_export_as(address, socket->family),
                            .port = port,
                            .zone = addr_is_scoped(address) ? zone : 0};
}

// May a socket be bound to it?
static int check_local(const tcpip_socket_t* socket, const addr_t* address, uint32_t zone) {
  const tcpip_t* stack = socket->stack;
  if (addr_is_any(address) || addr_is_multicast(address) || addr_is_limited_broadcast(address)) return 0;
  if (addr_is_scoped(address)) {
    if (!zone) return -EINVAL;
    const interface_t* interface = interface_find(stack, zone);
    return interface && interface_has_address(interface, address) ? 0 : -EADDRNOTAVAIL;
  }
  for (uint32_t i = 0; i < stack->interface_count; i++) {
    if (interface_has_address(stack->interfaces[i], address) ||
        interface_is_subnet_broadcast(stack->interfaces[i], address))
      return 0;
  }
  return -EADDRNOTAVAIL;
}

int tcpip_socket_bind(tcpip_socket_t* socket, const tcpip_endpoint_t* local) {
  addr_t address;
  if (!import_family(socket, local, &address)) return -EAFNOSUPPORT;
  if (socket->local_port || socket->stands_in) return -EINVAL;
  if (socket->family == TCPIP_IPV6 && addr_is_v4(&address) && socket->v6_only) return -EINVAL;
  uint32_t zone = local->zone ? local->zone : socket->device;
  int result = check_local(socket, &address, zone);
  if (result) return result;
  result = socket_take_port(socket, &address, local->port);
  if (result) return result == -EAGAIN ? -EADDRINUSE : result;
  socket->local = address;
  socket->address_chosen = !addr_is_any(&address);
  socket->port_chosen = true;
  if (addr_is_scoped(&address)) socket->zone = zone;
  return 0;
}

int tcpip_socket_connect(tcpip_socket_t* socket, const tcpip_endpoint_t* peer) {
  addr_t remote;
  if (socket->stands_in) return -EINVAL;
  int result = socket_import_peer(socket, peer, &remote);
  if (result) return result;
  uint32_t zone = peer->zone ? peer->zone : socket->device ? socket->device : socket->zone;
  return socket->ops->connect(socket, &remote, peer->port, zone);
}

int tcpip_socket_disconnect(tcpip_socket_t* socket) {
  return socket->ops->disconnect(socket);
}

int tcpip_socket_shutdown(tcpip_socket_t* socket, bool read, bool write) {
  return read || write ? socket->ops->shutdown(socket, read, write) : -EINVAL;
}

void tcpip_socket_local(const tcpip_socket_t* socket, tcpip_endpoint_t* out) {
  socket_export(socket, &socket->local, socket->local_port, socket->zone, out);
}

int tcpip_socket_peer(const tcpip_socket_t* socket, tcpip_endpoint_t* out) {
  if (!socket->connected) return -ENOTCONN;
  socket_export(socket, &socket->remote, socket->remote_port, socket->zone, out);
  return 0;
}

int tcpip_socket_path_mtu(tcpip_socket_t* socket, uint32_t* out) {
  if (!socket->connected) return -ENOTCONN;
  path_query_t query = {
      .destination = socket->remote,
      .source = addr_is_multicast(&socket->local) ? addr_any(addr_is_v4(&socket->remote)) : socket->local,
      .interface = socket->device                    ? socket->device
                   : addr_is_scoped(&socket->remote) ? socket->zone
                                                     : 0,
      .foreign = socket->foreign};
  path_t path;
  if (path_resolve(socket->stack, &query, &path)) return -ENETUNREACH;
  *out = path.mtu;
  return 0;
}

int64_t tcpip_socket_send(tcpip_socket_t* socket, const tcpip_send_t* send) {
  return socket->ops->send(socket, send);
}

int64_t tcpip_socket_recv(tcpip_socket_t* socket, tcpip_recv_t* recv) {
  return socket->ops->recv(socket, recv);
}

int64_t tcpip_socket_recv_error(tcpip_socket_t* socket, tcpip_recv_t* recv, tcpip_error_t* out) {
  return socket->ops->recv_error ? socket->ops->recv_error(socket, recv, out) : -EAGAIN;
}

size_t tcpip_socket_next_length(const tcpip_socket_t* socket) {
  return socket->ops->next_length(socket);
}
