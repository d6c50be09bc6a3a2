// Options and group memberships of datagram sockets.
#include <stdlib.h>

#include "datagram.h"

#define DEFAULT_BUFFER (208u << 10)
#define BUFFER_MIN (2 << 10)
#define BUFFER_MAX (4 << 20)

void datagram_options_init(datagram_socket_t* d) {
  d->rx_limit = DEFAULT_BUFFER;
  d->ttl = d->hops = DEFAULT_HOP_LIMIT;
  d->multicast_ttl = d->multicast_hops = 1;
  d->multicast_loop = d->multicast_loop_v6 = true;
}

static int set_flag(bool* flag, int64_t value) {
  *flag = value != 0;
  return 0;
}

// -1 brings the default back.
static int set_octet(uint8_t* octet, int64_t value, int64_t lowest, uint8_t fallback) {
  if (value != -1 && (value < lowest || value > 255)) return -EINVAL;
  *octet = value == -1 ? fallback : (uint8_t)value;
  return 0;
}

static int set_size(size_t* size, int64_t value) {
  if (value < 0) return -EINVAL;
  *size = value < BUFFER_MIN ? BUFFER_MIN : value > BUFFER_MAX ? BUFFER_MAX : (size_t)value;
  return 0;
}

static int set_interface(const tcpip_t* stack, uint32_t* interface, int64_t value, int error) {
  if (value < 0 || value > UINT32_MAX || (value && !interface_find(stack, (uint32_t)value))) return error;
  *interface = (uint32_t)value;
  return 0;
}

static int set_mtu_discover(datagram_socket_t* d, uint8_t* out, int64_t value) {
  if (value < TCPIP_MTU_DONT || value > TCPIP_MTU_OMIT) return -EINVAL;
  *out = (uint8_t)value;
  d->path.interface = NULL;  // whose MTU is another now
  return 0;
}

static int set_v6_only(tcpip_socket_t* socket, int64_t value) {
  if (socket->local_port || socket->stands_in) return -EINVAL;
  return set_flag(&socket->v6_only, value);
}

static int set_cork(datagram_socket_t* d, int64_t value) {
  if (d->base.protocol != PROTOCOL_UDP) return -ENOPROTOOPT;
  d->cork = value != 0;
  if (!d->cork) datagram_send_pieces(d);
  return 0;
}

static int set_send_buffer(tcpip_socket_t* socket, int64_t value) {
  bool was_full = socket->tx_bytes >= socket->tx_limit;
  int result = set_size(&socket->tx_limit, value);
  if (result == 0 && was_full && socket->tx_bytes < socket->tx_limit)
    socket_event(socket, TCPIP_EVENT_WRITABLE);
  return result;
}

static bool option_applies(const tcpip_socket_t* socket, tcpip_option_t option) {
  // An IPv6 socket can carry IPv4 as well, so it has the options of both, as on Linux.
  return socket->family == TCPIP_IPV6 || option < TCPIP_IPV6_ONLY;
}

int datagram_set(tcpip_socket_t* socket, tcpip_option_t option, int64_t value) {
  datagram_socket_t* d = datagram_socket(socket);
  const tcpip_t* stack = socket->stack;
  if (!option_applies(socket, option)) return -ENOPROTOOPT;
  switch (option) {
    case TCPIP_REUSE_ADDRESS:
      return set_flag(&socket->reuse_address, value);
    case TCPIP_REUSE_PORT:
      return set_flag(&socket->reuse_port, value);
    case TCPIP_BROADCAST:
      return set_flag(&d->broadcast, value);
    case TCPIP_BIND_TO_DEVICE:
      return socket->stands_in ? -EINVAL : set_interface(stack, &socket->device, value, -ENODEV);
    case TCPIP_RECEIVE_BUFFER:
      return set_size(&d->rx_limit, value);
    case TCPIP_SEND_BUFFER:
      return set_send_buffer(socket, value);
    case TCPIP_TTL:
      return set_octet(&d->ttl, value, 1, DEFAULT_HOP_LIMIT);
    case TCPIP_TOS:
      return set_octet(&d->tos, value, 0, 0);
    case TCPIP_MTU_DISCOVER:
      return set_mtu_discover(d, &socket->mtu_discover, value);
    case TCPIP_RECEIVE_ERRORS:
      datagram_errors_want(d, &d->errors.on, value != 0);
      return 0;
    case TCPIP_UDP_CORK:
      return set_cork(d, value);
    case TCPIP_MULTICAST_TTL:
      return set_octet(&d->multicast_ttl, value, 0, 1);
    case TCPIP_MULTICAST_LOOP:
      return set_flag(&d->multicast_loop, value);
    case TCPIP_MULTICAST_INTERFACE:
      return set_interface(stack, &d->multicast_interface, value, -EADDRNOTAVAIL);
    case TCPIP_IPV6_ONLY:
      return set_v6_only(socket, value);
    case TCPIP_IPV6_HOPS:
      d->hops_chosen = value != -1;
      return set_octet(&d->hops, value, 0, DEFAULT_HOP_LIMIT);
    case TCPIP_IPV6_TRAFFIC_CLASS:
      return set_octet(&d->traffic_class, value, 0, 0);
    case TCPIP_IPV6_MTU_DISCOVER:
      return set_mtu_discover(d, &socket->mtu_discover_v6, value);
    case TCPIP_IPV6_RECEIVE_ERRORS:
      datagram_errors_want(d, &d->errors.on_v6, value != 0);
      return 0;
    case TCPIP_IPV6_MULTICAST_HOPS:
      return set_octet(&d->multicast_hops, value, 0, 1);
    case TCPIP_IPV6_MULTICAST_LOOP:
      return set_flag(&d->multicast_loop_v6, value);
    case TCPIP_IPV6_MULTICAST_INTERFACE:
      return set_interface(stack, &d->multicast_interface_v6, value, -ENODEV);
    default:
      break;
  }
  return -ENOPROTOOPT;
}

int datagram_get(const tcpip_socket_t* socket, tcpip_option_t option, int64_t* out) {
  const datagram_socket_t* d = datagram_socket_const(socket);
  const int64_t values[] = {
      [TCPIP_REUSE_ADDRESS] = socket->reuse_address,
      [TCPIP_REUSE_PORT] = socket->reuse_port,
      [TCPIP_BROADCAST] = d->broadcast,
      [TCPIP_BIND_TO_DEVICE] = socket->device,
      [TCPIP_RECEIVE_BUFFER] = (int64_t)d->rx_limit,
      [TCPIP_SEND_BUFFER] = (int64_t)socket->tx_limit,
      [TCPIP_TTL] = d->ttl,
      [TCPIP_TOS] = d->tos,
      [TCPIP_MTU_DISCOVER] = socket->mtu_discover,
      [TCPIP_RECEIVE_ERRORS] = d->errors.on,
      [TCPIP_UDP_CORK] = d->cork,
      [TCPIP_MULTICAST_TTL] = d->multicast_ttl,
      [TCPIP_MULTICAST_LOOP] = d->multicast_loop,
      [TCPIP_MULTICAST_INTERFACE] = d->multicast_interface,
      [TCPIP_IPV6_ONLY] = socket->v6_only,
      [TCPIP_IPV6_HOPS] = d->hops,
      [TCPIP_IPV6_TRAFFIC_CLASS] = d->traffic_class,
      [TCPIP_IPV6_MTU_DISCOVER] = socket->mtu_discover_v6,
      [TCPIP_IPV6_RECEIVE_ERRORS] = d->errors.on_v6,
      [TCPIP_IPV6_MULTICAST_HOPS] = d->multicast_hops,
      [TCPIP_IPV6_MULTICAST_LOOP] = d->multicast_loop_v6,
      [TCPIP_IPV6_MULTICAST_INTERFACE] = d->multicast_interface_v6,
  };
  if (!option_applies(socket, option) || (size_t)option >= sizeof values / sizeof values[0])
    return -ENOPROTOOPT;
  *out = values[option];
  return 0;
}

static interface_t* group_interface(const tcpip_socket_t* socket, const addr_t* group, uint32_t index) {
  if (index) return interface_find(socket->stack, index);
  path_query_t query = {.destination = *group, .interface = socket->device};
  path_t path;
  return path_resolve(socket->stack, &query, &path) == 0 ? path.interface : NULL;
}

static membership_t* find_membership(datagram_socket_t* d, const addr_t* group, uint32_t interface) {
  for (uint32_t i = 0; i < d->membership_count; i++) {
    membership_t* m = &d->memberships[i];
    if (addr_equal(&m->group, group) && (!interface || m->interface == interface)) return m;
  }
  return NULL;
}

int datagram_join(tcpip_socket_t* socket, const addr_t* group, uint32_t index) {
  datagram_socket_t* d = datagram_socket(socket);
  if (!addr_is_multicast(group) || (addr_is_v4(group) ? TCPIP_IPV4 : TCPIP_IPV6) != socket->family)
    return -EINVAL;
  interface_t* interface = group_interface(socket, group, index);
  if (!interface) return -ENODEV;
  if (find_membership(d, group, interface->info.index)) return -EADDRINUSE;
  if (d->membership_count == MEMBERSHIPS_MAX) return -ENOBUFS;
  if (!d->memberships) d->memberships = calloc(MEMBERSHIPS_MAX, sizeof *d->memberships);
  if (!d->memberships) return -ENOMEM;
  int result = group_join(interface, group);
  if (result == 0) d->memberships[d->membership_count++] = (membership_t){*group, interface->info.index};
  return result;
}

static void forget_membership(datagram_socket_t* d, membership_t* m) {
  interface_t* interface = interface_find(d->base.stack, m->interface);
  if (interface) group_leave(interface, &m->group);
  *m = d->memberships[--d->membership_count];
}

int datagram_leave(tcpip_socket_t* socket, const addr_t* group, uint32_t interface) {
  datagram_socket_t* d = datagram_socket(socket);
  membership_t* m = find_membership(d, group, interface);
  if (!m) return -EADDRNOTAVAIL;
  forget_membership(d, m);
  return 0;
}

void datagram_leave_all(datagram_socket_t* d) {
  while (d->membership_count)
    forget_membership(d, &d->memberships[0]);
  free(d->memberships);
  d->memberships = NULL;
}

int tcpip_socket_set(tcpip_socket_t* socket, tcpip_option_t option, int64_t value) {
  return socket->ops->set(socket, option, value);
}

int tcpip_socket_get(const tcpip_socket_t* socket, tcpip_option_t option, int64_t* out) {
  return socket->ops->get(socket, option, out);
}

int tcpip_socket_join(tcpip_socket_t* socket, const tcpip_address_t* group, uint32_t interface) {
  addr_t address;
  return addr_import(group, &address) ? socket->ops->join(socket, &address, interface) : -EINVAL;
}

int tcpip_socket_leave(tcpip_socket_t* socket, const tcpip_address_t* group, uint32_t interface) {
  addr_t address;
  return addr_import(group, &address) ? socket->ops->leave(socket, &address, interface) : -EADDRNOTAVAIL;
}
