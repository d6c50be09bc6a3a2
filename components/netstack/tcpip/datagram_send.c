// Sending a datagram: who it is for, which way, with which header fields, and down to IP.
#include <stdlib.h>

#include "datagram.h"

// Where a datagram goes, from what the call says and what the socket knows.
typedef struct target {
  addr_t remote;
  uint16_t port, source_port;
  uint32_t zone;
} target_t;

static int find_target(const datagram_socket_t* d, const tcpip_send_t* send, target_t* out) {
  const tcpip_socket_t* socket = &d->base;
  out->source_port = socket->local_port;
  if (socket->stands_in)
    out->source_port = socket->protocol == PROTOCOL_UDP ? send->source_port : 0;
  else if (send->source_port && send->source_port != socket->local_port)
    return -EINVAL;
  if (!send->to) {
    *out = (target_t){socket->remote, socket->remote_port, out->source_port, socket->zone};
    return socket->connected ? 0 : -EDESTADDRREQ;
  }
  out->port = send->to->port;
  out->zone = send->to->zone ? send->to->zone : socket->zone;
  return socket_import_peer(socket, send->to, &out->remote);
}

// Whose name a stand-in socket may use: ours, or that of a host behind the interface.
static bool may_speak_for(const tcpip_socket_t* socket, const addr_t* source) {
  const interface_t* interface = interface_find(socket->stack, socket->device);
  return interface && (interface_has_address(interface, source) || stand_in_may_be(interface, source));
}

static int find_path(datagram_socket_t* d, const tcpip_send_t* send, const target_t* target) {
  const tcpip_socket_t* socket = &d->base;
  bool v4 = addr_is_v4(&target->remote);
  path_query_t query = {.destination = target->remote, .source = addr_any(v4), .interface = send->interface};
  if (send->source && send->source->family != TCPIP_NONE) {
    if (!addr_import(send->source, &query.source)) return -EINVAL;
    if (addr_is_any(&query.source)) query.source = addr_any(v4);
    if (addr_is_v4(&query.source) != v4) return -EINVAL;
    bool may = socket->stands_in ? may_speak_for(socket, &query.source)
                                 : addr_is_any(&query.source) || address_owner(socket->stack, &query.source);
    if (!may) return -EINVAL;
  } else if (!addr_is_any(&socket->local) && !addr_is_multicast(&socket->local) &&
             (socket->address_chosen || !send->to)) {
    query.source = socket->local;
  }
  query.foreign = socket->stands_in;
  bool portless = socket->protocol == PROTOCOL_UDP && !target->source_port;
  if (socket->stands_in && (addr_is_any(&query.source) || portless))
    return -EINVAL;  // nothing is chosen for it
  if (query.interface && !interface_find(socket->stack, query.interface)) return -ENODEV;
  if (socket->device) {
    if (query.interface && query.interface != socket->device) return -EINVAL;
    query.interface = socket->device;
  }
  if (!query.interface && addr_is_scoped(&target->remote)) query.interface = target->zone;
  if (!query.interface && (addr_is_multicast(&target->remote) || addr_is_limited_broadcast(&target->remote)))
    query.interface = v4 ? d->multicast_interface : d->multicast_interface_v6;
  if (!query.interface && addr_is_link_local(&target->remote) && !addr_is_loopback(&target->remote))
    return -EINVAL;  // no zone
  return datagram_path(d, &query);
}

static int find_fields(const datagram_socket_t* d, const tcpip_send_t* send, ip_fields_t* out) {
  const path_t* path = &d->path;
  bool group = path->multicast;
  uint8_t discover = datagram_mtu_discover(d, path->v4);
  bool whole = datagram_sends_whole(discover);
  *out = (ip_fields_t){.protocol = d->base.protocol,
                       .may_fragment = !whole && discover != TCPIP_MTU_INTERFACE,
                       .routers_may_fragment = !whole && discover != TCPIP_MTU_WANT};
  if (send->ttl > 255 || send->tos > 255 || (path->v4 && send->ttl == 0)) return -EINVAL;
  uint8_t hops = d->hops_chosen ? d->hops : path_hop_limit(path);
  uint8_t ttl = path->v4 ? (group ? d->multicast_ttl : d->ttl) : (group ? d->multicast_hops : hops);
  out->ttl = send->ttl >= 0 ? (uint8_t)send->ttl : ttl;
  out->tos = send->tos >= 0 ? (uint8_t)send->tos : path->v4 ? d->tos : d->traffic_class;
  out->multicast_loop = path->v4 ? d->multicast_loop : d->multicast_loop_v6;
  return 0;
}

static int bind_if_needed(datagram_socket_t* d) {
  if (d->base.local_port || d->base.stands_in) return 0;
  // Linux keeps a port that a send has chosen.
  d->base.port_chosen = true;
  return socket_take_port(&d->base, &d->base.local, 0);
}

static int64_t output(datagram_socket_t* d, const target_t* target, const ip_fields_t* fields, tx_t* tx) {
  tcpip_socket_t* socket = &d->base;
  tcpip_t* stack = socket->stack;
  int64_t length = (int64_t)tx->payload_length;
  bool udp = socket->protocol == PROTOCOL_UDP;
  int result = udp ? udp_header(&d->path, target->source_port, target->port, tx)
                   : echo_header(&d->path, target->source_port, tx);
  bool reached_ip = result == 0;
  if (reached_ip) result = ip_output(stack, &d->path, fields, tx);
  // The size is the path's fault only where IP says so: what no packet can hold did not get there.
  if (result == -EMSGSIZE && reached_ip && datagram_errors_wanted(&d->errors, d->path.v4)) {
    uint16_t port = d->path.v4 ? socket->remote_port : target->port;
    datagram_errors_add_too_large(d, &target->remote, port, d->path.mtu);
  }
  bool own_limit = socket->tx_bytes >= socket->tx_limit;  // else the link's
  if (result == -EAGAIN && !own_limit) socket_refused(socket, d->path.interface);
  if (result)
    count(stack, udp_tx_failed);
  else
    count(stack, udp_tx);
  return result ? result : length;
}

// More pieces than fit a packet's list are copied into one.
static int64_t output_copy(datagram_socket_t* d, const tcpip_send_t* send, size_t length,
                           const target_t* target, const ip_fields_t* fields) {
  uint8_t* copy = malloc(length ? length : 1);
  if (!copy) return -ENOBUFS;
  size_t at = 0;
  for (size_t i = 0; i < send->iov_count; i++) {
    if (send->iov[i].iov_len) memcpy(copy + at, send->iov[i].iov_base, send->iov[i].iov_len);
    at += send->iov[i].iov_len;
  }
  tx_t tx;
  tx_init(&tx, &d->base);
  tx_add(&tx, copy, length);
  int64_t result = output(d, target, fields, &tx);
  free(copy);
  return result;
}

static int payload_length(const tcpip_send_t* send, size_t* out) {
  size_t length = 0;
  for (size_t i = 0; i < send->iov_count; i++) {
    if (send->iov[i].iov_len > 65535 - length) return -EMSGSIZE;
    length += send->iov[i].iov_len;
  }
  *out = length;
  return 0;
}

static int prepare(datagram_socket_t* d, const tcpip_send_t* send, size_t* out_length, target_t* out_target,
                   ip_fields_t* out_fields) {
  tcpip_socket_t* socket = &d->base;
  int result =
      bind_if_needed(d);  // first, as on Linux: whatever becomes of the datagram, there is a port then
  if (result) return result;
  if (socket->error && !send->late) return tcpip_socket_take_error(socket);
  if (socket->shut_write) return -EPIPE;
  result = payload_length(send, out_length);
  if (result == 0) result = find_target(d, send, out_target);
  if (result == 0) result = find_path(d, send, out_target);
  if (result == 0 && d->path.broadcast && !d->broadcast) result = -EACCES;
  return result ? result : find_fields(d, send, out_fields);
}

int datagram_send_check(datagram_socket_t* d, const tcpip_send_t* send) {
  target_t target;
  ip_fields_t fields;
  size_t length;
  return prepare(d, send, &length, &target, &fields);
}

int64_t datagram_send_whole(datagram_socket_t* d, const tcpip_send_t* send) {
  target_t target;
  ip_fields_t fields;
  size_t length;
  int result = prepare(d, send, &length, &target, &fields);
  if (result) return result;
  if (send->iov_count > TX_PAYLOAD_PIECES) return output_copy(d, send, length, &target, &fields);
  tx_t tx;
  tx_init(&tx, &d->base);
  for (size_t i = 0; i < send->iov_count; i++)
    tx_add(&tx, send->iov[i].iov_base, send->iov[i].iov_len);
  return output(d, &target, &fields, &tx);
}

int64_t datagram_send(tcpip_socket_t* socket, const tcpip_send_t* send) {
  datagram_socket_t* d = datagram_socket(socket);
  bool in_pieces = socket->protocol == PROTOCOL_UDP && (send->more || d->cork || d->pieces);
  trace(socket->stack, "udp.send");
  int64_t result = in_pieces ? datagram_send_piece(d, send) : datagram_send_whole(d, send);
  trace(socket->stack, "udp.send.done");
  return result;
}

int tcpip_socket_preflight(tcpip_socket_t* socket, const tcpip_send_t* send, tcpip_preflight_t* out) {
  if (socket->protocol != PROTOCOL_UDP) return -EOPNOTSUPP;
  datagram_socket_t* d = datagram_socket(socket);
  if (socket->error || d->cork || d->pieces) return -EAGAIN;
  target_t target;
  ip_fields_t fields;
  size_t length;
  int result = prepare(d, send, &length, &target, &fields);
  if (result) return result;
  if (!target.port) return -EINVAL;
  size_t header = UDP_HEADER + (d->path.v4 ? IPV4_HEADER : 0);
  size_t most = 65535 - header;
  if (!fields.may_fragment && d->path.mtu < header + IPV6_HEADER) return -EMSGSIZE;
  size_t unbroken = d->path.mtu - UDP_HEADER - (d->path.v4 ? IPV4_HEADER : IPV6_HEADER);
  *out = (tcpip_preflight_t){
      .maximum_size = fields.may_fragment || unbroken > most ? most : unbroken,
      .stays = d->path.interface->info.loopback || d->path.multicast || d->path.broadcast};
  return 0;
}
