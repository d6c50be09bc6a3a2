// Datagram sockets: peers, the receive queue, shutting down.
#include "datagram.h"

#include <stdlib.h>

bool datagram_charge(datagram_socket_t* d, size_t bytes) {
  if (d->rx_bytes + bytes > d->rx_limit || !client_charge(d->base.client, d->rx_bytes, bytes)) return false;
  d->rx_bytes += bytes;
  return true;
}

void datagram_release(datagram_socket_t* d, size_t bytes) {
  d->rx_bytes -= bytes;
  client_release(d->base.client, bytes);
}

static void queue_pop(datagram_socket_t* d, datagram_t* datagram) {
  list_unlink(&datagram->node);
  datagram_release(d, sizeof *datagram + datagram->length);
  free(datagram);
}

size_t tcpip_datagram_charge(size_t length) {
  return sizeof(datagram_t) + length;
}

void tcpip_socket_hold(tcpip_socket_t* socket, size_t bytes) {
  if (socket->protocol == PROTOCOL_TCP) return;
  datagram_socket_t* d = datagram_socket(socket);
  datagram_release(d, d->held);
  d->held = client_charge(socket->client, d->rx_bytes, bytes) ? bytes : 0;
  d->rx_bytes += d->held;
}

static void datagram_destroy(tcpip_socket_t* socket) {
  datagram_socket_t* d = datagram_socket(socket);
  datagram_release(d, d->held);
  while (!list_empty(&d->queue))
    queue_pop(d, list_owner(d->queue.next, datagram_t, node));
  datagram_drop_pieces(d);
  datagram_errors_forget(d);
  datagram_leave_all(d);
  socket_deinit(socket);
  free(d);
}

static uint32_t datagram_poll(const tcpip_socket_t* socket) {
  const datagram_socket_t* d = datagram_socket_const(socket);
  uint32_t events = 0;
  if (!list_empty(&d->queue) || socket->shut_read) events |= TCPIP_EVENT_READABLE;
  if ((socket->tx_bytes < socket->tx_limit && !list_linked(&socket->refused_node)) || socket->shut_write)
    events |= TCPIP_EVENT_WRITABLE;
  if (socket->error) events |= TCPIP_EVENT_ERROR;
  if (!datagram_errors_empty(&d->errors)) events |= TCPIP_EVENT_ERROR_QUEUE;
  if (socket->shut_read) events |= TCPIP_EVENT_READ_SHUTDOWN;
  if (socket->shut_write) events |= TCPIP_EVENT_WRITE_SHUTDOWN;
  return events;
}

int datagram_path(datagram_socket_t* d, const path_query_t* query) {
  if (path_valid(d->base.stack, &d->path) && d->query.interface == query->interface &&
      addr_equal(&d->query.destination, &query->destination) && addr_equal(&d->query.source, &query->source))
    return 0;
  path_t path;
  int result = path_resolve(d->base.stack, query, &path);
  if (result) return result == -ENODEV || result == -ENETDOWN ? -ENETUNREACH : result;
  if (datagram_mtu_discover(d, path.v4) >= TCPIP_MTU_PROBE) path.mtu = interface_mtu(path.interface, path.v4);
  d->query = *query;
  d->path = path;
  return 0;
}

static int connect_path(datagram_socket_t* d, const addr_t* remote, uint32_t zone) {
  tcpip_socket_t* socket = &d->base;
  bool v4 = addr_is_v4(remote), group = addr_is_multicast(remote);
  uint32_t chosen = group ? (v4 ? d->multicast_interface : d->multicast_interface_v6) : 0;
  path_query_t query = {
      .destination = *remote,
      .source = socket->address_chosen && !addr_is_multicast(&socket->local) ? socket->local : addr_any(v4),
      .interface = socket->device                   ? socket->device
                   : addr_is_scoped(remote) && zone ? zone
                                                    : chosen};
  int result = datagram_path(d, &query);
  if (result) return result;
  return d->path.broadcast && !d->broadcast ? -EACCES : 0;
}

static int datagram_connect(tcpip_socket_t* socket, const addr_t* remote, uint16_t port, uint32_t zone) {
  datagram_socket_t* d = datagram_socket(socket);
  if (addr_is_scoped(remote) && !zone && !addr_is_multicast(remote)) return -EINVAL;
  int result = connect_path(d, remote, zone);
  if (result) return result;
  addr_t local = socket->address_chosen ? socket->local : d->path.source;
  if (!socket->local_port) {
    result = socket_take_port(socket, &local, 0);
    if (result) return result;
  }
  socket_leave_connection(socket);
  socket->local = local;
  socket->remote = *remote;
  socket->remote_port = socket->protocol == PROTOCOL_UDP ? port : 0;
  socket->zone = addr_is_scoped(remote) ? d->path.interface->info.index : socket->zone;
  socket->connected = true;
  return socket_enter_connection(socket);
}

static int datagram_disconnect(tcpip_socket_t* socket) {
  socket_leave_connection(socket);
  socket->connected = false;
  socket->remote = addr_any(socket->family == TCPIP_IPV4);
  socket->remote_port = 0;
  if (!socket->address_chosen) {
    socket->local = addr_any(socket->family == TCPIP_IPV4);
    socket->zone = 0;
  }
  if (!socket->port_chosen) socket_drop_port(socket);
  return 0;
}

static int datagram_shutdown(tcpip_socket_t* socket, bool read, bool write) {
  socket->shut_read |= read;
  socket->shut_write |= write;
  uint32_t events = (read ? TCPIP_EVENT_READ_SHUTDOWN | TCPIP_EVENT_READABLE : 0u) |
                    (write ? TCPIP_EVENT_WRITE_SHUTDOWN | TCPIP_EVENT_WRITABLE : 0u);
  socket_event(socket, events);
  return socket->connected ? 0 : -ENOTCONN;
}

static bool make_room(datagram_socket_t* d, size_t bytes) {
  const tcpip_t* stack = d->base.stack;
  if (datagram_charge(d, bytes)) return true;
  if (!d->held || !stack->ops.socket_held) return false;
  tcpip_socket_hold(&d->base, stack->ops.socket_held(stack->context, d->base.context));
  return datagram_charge(d, bytes);
}

void datagram_queue(tcpip_socket_t* socket, const datagram_info_t* info) {
  datagram_socket_t* d = datagram_socket(socket);
  tcpip_t* stack = socket->stack;
  const rx_t* rx = info->rx;
  size_t charge = tcpip_datagram_charge(info->length);
  if (socket->shut_read || !make_room(d, charge)) {
    count(stack, udp_rx_buffer_full);
    return;
  }
  datagram_t* datagram = malloc(sizeof *datagram + info->length);
  if (!datagram) {
    datagram_release(d, charge);
    count(stack, no_memory);
    return;
  }
  *datagram = (datagram_t){.from = rx->source,
                           .destination = rx->destination,
                           .timestamp = stack->now,
                           .interface = rx->interface->info.index,
                           .from_port = info->remote_port,
                           .to_port = info->local_port,
                           .ttl = rx->ttl,
                           .tos = rx->tos,
                           .to_group = rx->to_group,
                           .length = (uint32_t)info->length};
  if (info->length) memcpy(datagram->bytes, info->payload, info->length);
  list_append(&d->queue, &datagram->node);
  socket_event(socket, TCPIP_EVENT_READABLE);
}

size_t datagram_scatter(const tcpip_recv_t* recv, const uint8_t* bytes, size_t length) {
  size_t copied = 0;
  for (size_t i = 0; i < recv->iov_count && copied < length; i++) {
    size_t piece = recv->iov[i].iov_len < length - copied ? recv->iov[i].iov_len : length - copied;
    if (piece) memcpy(recv->iov[i].iov_base, bytes + copied, piece);
    copied += piece;
  }
  return copied;
}

// The address of this host that a received datagram came to, group or not; none if it has lost all since.
static tcpip_address_t came_to(const tcpip_socket_t* socket, const datagram_t* datagram) {
  addr_t local = datagram->destination;
  if (datagram->to_group && !address_owner(socket->stack, &local)) {
    const interface_t* interface = interface_find(socket->stack, datagram->interface);
    if (!interface || !path_choose_source(interface, &datagram->from, &local)) return (tcpip_address_t){0};
  }
  return addr_export_as(&local, socket->family);
}

static void describe(const tcpip_socket_t* socket, const datagram_t* datagram, tcpip_recv_t* recv) {
  recv->length = datagram->length;
  socket_export(socket, &datagram->from, datagram->from_port, datagram->interface, &recv->from);
  recv->destination = addr_export_as(&datagram->destination, socket->family);
  recv->destination_port = datagram->to_port;
  recv->local = came_to(socket, datagram);
  recv->interface = datagram->interface;
  recv->ttl = datagram->ttl;
  recv->tos = datagram->tos;
  recv->timestamp_ns = datagram->timestamp;
}

static int64_t datagram_recv(tcpip_socket_t* socket, tcpip_recv_t* recv) {
  datagram_socket_t* d = datagram_socket(socket);
  tcpip_t* stack = socket->stack;
  trace(stack, "udp.recv");
  if (socket->error) return tcpip_socket_take_error(socket);
  if (list_empty(&d->queue)) {
    trace(stack, "udp.recv.would_block");
    return -EAGAIN;
  }
  datagram_t* datagram = list_owner(d->queue.next, datagram_t, node);
  size_t copied = datagram_scatter(recv, datagram->bytes, datagram->length);
  describe(socket, datagram, recv);
  recv->truncated = datagram->length - copied;
  if (!recv->peek) queue_pop(d, datagram);
  trace(stack, "udp.recv.done");
  return (int64_t)copied;
}

size_t tcpip_socket_queued(const tcpip_socket_t* socket, tcpip_recv_t* out, struct iovec* bytes, size_t max) {
  if (socket->protocol == PROTOCOL_TCP) return 0;
  const datagram_socket_t* d = datagram_socket_const(socket);
  size_t count = 0;
  for (list_node_t* node = d->queue.next; node != &d->queue && count < max; node = node->next, count++) {
    datagram_t* datagram = list_owner(node, datagram_t, node);
    bytes[count] = (struct iovec){.iov_base = datagram->bytes, .iov_len = datagram->length};
    out[count] = (tcpip_recv_t){.iov = &bytes[count], .iov_count = 1};
    describe(socket, datagram, &out[count]);
  }
  return count;
}

void tcpip_socket_take_queued(tcpip_socket_t* socket, size_t count) {
  if (socket->protocol == PROTOCOL_TCP) return;
  datagram_socket_t* d = datagram_socket(socket);
  for (; count > 0 && !list_empty(&d->queue); count--)
    queue_pop(d, list_owner(d->queue.next, datagram_t, node));
}

static size_t datagram_next_length(const tcpip_socket_t* socket) {
  const datagram_socket_t* d = datagram_socket_const(socket);
  return list_empty(&d->queue) ? 0 : list_owner(d->queue.next, datagram_t, node)->length;
}

static void datagram_room(tcpip_socket_t* socket) {
  socket_event(socket, TCPIP_EVENT_WRITABLE);
}

void datagram_icmp_error(tcpip_socket_t* socket, const icmp_error_t* error) {
  datagram_socket_t* d = datagram_socket(socket);
  bool v4 = addr_is_v4(&error->remote);
  uint8_t discover = datagram_mtu_discover(d, v4);
  bool too_large = error->error == EMSGSIZE;
  if (too_large && discover < TCPIP_MTU_INTERFACE)
    path_mtu_lower(socket->stack, &error->remote, interface_mtu(error->interface, addr_is_v4(&error->remote)),
                   error->mtu);
  if (datagram_errors_wanted(&d->errors, v4)) {
    // As on Linux: not about what routers were free to cut, or, for IPv6, about paths that are not learnt of.
    bool silent = too_large && (v4 ? discover == TCPIP_MTU_DONT : discover >= TCPIP_MTU_INTERFACE);
    if (!silent) datagram_errors_add_icmp(d, error);
    return;
  }
  // Who fragments learns nothing new by it; who asked for it wants to know.
  bool tell = too_large ? datagram_sends_whole(discover) : error->hard;
  if (tell && socket->connected) socket_set_error(socket, error->error);
}

void datagram_unreachable(tcpip_socket_t* socket, const waiting_t* packet) {
  datagram_socket_t* d = datagram_socket(socket);
  if (d->errors.on || d->errors.on_v6)
    datagram_errors_add_unreachable(d, packet);
  else if (socket->connected)
    socket_set_error(socket, EHOSTUNREACH);
}

int datagram_create(tcpip_client_t* client, uint8_t family, tcpip_protocol_t protocol, void* context,
                    tcpip_socket_t** out) {
  static const socket_ops_t ops = {
      datagram_destroy, datagram_poll,  datagram_connect,     datagram_disconnect, datagram_shutdown,
      datagram_send,    datagram_recv,  datagram_next_length, datagram_set,        datagram_get,
      datagram_join,    datagram_leave, datagram_room,        datagram_icmp_error, datagram_errors_take};
  datagram_socket_t* d = calloc(1, sizeof *d);
  if (!d) return -ENOMEM;
  uint8_t ip_protocol = protocol == TCPIP_UDP  ? PROTOCOL_UDP
                        : family == TCPIP_IPV4 ? PROTOCOL_ICMPV4
                                               : PROTOCOL_ICMPV6;
  socket_init(&d->base, client, &ops, family, ip_protocol, context);
  d->base.v6_only = ip_protocol == PROTOCOL_ICMPV6;
  list_init(&d->queue);
  datagram_errors_init(&d->errors);
  datagram_options_init(d);
  *out = &d->base;
  return 0;
}
