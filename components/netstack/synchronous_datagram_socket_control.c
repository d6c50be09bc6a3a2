// What accompanies datagrams: from FIDL tables to the engine's terms and back.
#include <errno.h>
#include <string.h>
#include <time.h>

#include <zircon/syscalls.h>

#include "synchronous_datagram_socket_internal.h"

// The engine stamps datagrams with the monotonic clock; programs want the time of day.
static int64_t wall_clock_ns(int64_t monotonic_ns) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int64_t age_ns = zx_clock_get_monotonic() - monotonic_ns;
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - age_ns;
}

static bool fill_socket(const datagram_socket_t* socket, const tcpip_recv_t* recv, recv_control_t* storage) {
  if (socket->base.options.timestamp == fuchsia_posix_socket_TimestampOption_DISABLED) return false;
  memset(&storage->timestamp, 0, sizeof(storage->timestamp));
  storage->timestamp.nanoseconds = wall_clock_ns(recv->timestamp_ns);
  storage->timestamp.requested = socket->base.options.timestamp;
  fuchsia_posix_socket_SocketRecvControlData_init(&storage->socket, &storage->socket_frame);
  fuchsia_posix_socket_SocketRecvControlData_set_timestamp(&storage->socket, &storage->timestamp);
  return true;
}

static bool fill_ip(const datagram_socket_t* socket, const tcpip_recv_t* recv, recv_control_t* storage) {
  const socket_options_t* options = &socket->base.options;
  if (recv->destination.family != TCPIP_IPV4) return false;
  if (!options->ip_receive_tos && !options->ip_receive_ttl) return false;
  fuchsia_posix_socket_IpRecvControlData_init(&storage->ip, &storage->ip_frame);
  if (options->ip_receive_tos) fuchsia_posix_socket_IpRecvControlData_set_tos(&storage->ip, recv->tos);
  if (options->ip_receive_ttl) fuchsia_posix_socket_IpRecvControlData_set_ttl(&storage->ip, recv->ttl);
  return true;
}

static bool fill_ipv6(const datagram_socket_t* socket, const tcpip_recv_t* recv, recv_control_t* storage) {
  const socket_options_t* options = &socket->base.options;
  if (recv->destination.family != TCPIP_IPV6) return false;
  if (!options->ipv6_receive_traffic_class && !options->ipv6_receive_hop_limit &&
      !options->ipv6_receive_packet_info) {
    return false;
  }
  fuchsia_posix_socket_Ipv6RecvControlData_init(&storage->ipv6, &storage->ipv6_frame);
  if (options->ipv6_receive_traffic_class) {
    fuchsia_posix_socket_Ipv6RecvControlData_set_tclass(&storage->ipv6, recv->tos);
  }
  if (options->ipv6_receive_hop_limit) {
    fuchsia_posix_socket_Ipv6RecvControlData_set_hoplimit(&storage->ipv6, recv->ttl);
  }
  if (options->ipv6_receive_packet_info) {
    memset(&storage->pktinfo, 0, sizeof(storage->pktinfo));
    storage->pktinfo.iface = recv->interface;
    memcpy(storage->pktinfo.header_destination_addr.addr, recv->destination.bytes, 16);
    fuchsia_posix_socket_Ipv6RecvControlData_set_pktinfo(&storage->ipv6, &storage->pktinfo);
  }
  return true;
}

void recv_control_fill(const datagram_socket_t* socket, const tcpip_recv_t* recv, recv_control_t* storage,
                       fuchsia_posix_socket_DatagramSocketRecvControlData* out) {
  bool has_socket = fill_socket(socket, recv, storage);
  bool has_ip = fill_ip(socket, recv, storage);
  bool has_ipv6 = fill_ipv6(socket, recv, storage);
  fuchsia_posix_socket_DatagramSocketRecvControlData_init(out, &storage->datagram_frame);
  if (!has_socket && !has_ip && !has_ipv6) return;
  fuchsia_posix_socket_NetworkSocketRecvControlData* network = &storage->network;
  fuchsia_posix_socket_NetworkSocketRecvControlData_init(network, &storage->network_frame);
  if (has_socket) fuchsia_posix_socket_NetworkSocketRecvControlData_set_socket(network, &storage->socket);
  if (has_ip) fuchsia_posix_socket_NetworkSocketRecvControlData_set_ip(network, &storage->ip);
  if (has_ipv6) fuchsia_posix_socket_NetworkSocketRecvControlData_set_ipv6(network, &storage->ipv6);
  fuchsia_posix_socket_DatagramSocketRecvControlData_set_network(out, network);
}

static int apply_ip(const fuchsia_posix_socket_IpSendControlData* ip, tcpip_send_t* send) {
  if (!fuchsia_posix_socket_IpSendControlData_has_ttl(ip)) return 0;
  uint8_t ttl = fuchsia_posix_socket_IpSendControlData_ttl(ip);
  if (ttl == 0) return -EINVAL;
  send->ttl = ttl;
  return 0;
}

static int apply_ipv6(const fuchsia_posix_socket_Ipv6SendControlData* ipv6, tcpip_address_t* source,
                      tcpip_send_t* send) {
  if (fuchsia_posix_socket_Ipv6SendControlData_has_hoplimit(ipv6)) {
    send->ttl = fuchsia_posix_socket_Ipv6SendControlData_hoplimit(ipv6);
  }
  if (!fuchsia_posix_socket_Ipv6SendControlData_has_pktinfo(ipv6)) return 0;
  static const uint8_t any[16];
  const fuchsia_posix_socket_Ipv6PktInfoSendControlData* pktinfo =
      fuchsia_posix_socket_Ipv6SendControlData_pktinfo(ipv6);
  if (pktinfo->iface > UINT32_MAX) return -EINVAL;
  send->interface = (uint32_t)pktinfo->iface;
  if (memcmp(pktinfo->local_addr.addr, any, sizeof(any)) != 0) {
    *source = tcpip_ipv6(pktinfo->local_addr.addr);
    send->source = source;
  }
  return 0;
}

int send_control_apply(const datagram_socket_t* socket,
                       const fuchsia_posix_socket_DatagramSocketSendControlData* control,
                       tcpip_address_t* source, tcpip_send_t* send) {
  if (!fuchsia_posix_socket_DatagramSocketSendControlData_has_network(control)) return 0;
  const fuchsia_posix_socket_NetworkSocketSendControlData* network =
      fuchsia_posix_socket_DatagramSocketSendControlData_network(control);
  int result = 0;
  if (socket->base.family == TCPIP_IPV4 &&
      fuchsia_posix_socket_NetworkSocketSendControlData_has_ip(network)) {
    result = apply_ip(fuchsia_posix_socket_NetworkSocketSendControlData_ip(network), send);
  }
  if (socket->base.family == TCPIP_IPV6 &&
      fuchsia_posix_socket_NetworkSocketSendControlData_has_ipv6(network)) {
    result = apply_ipv6(fuchsia_posix_socket_NetworkSocketSendControlData_ipv6(network), source, send);
  }
  return result;
}
