// What accompanies datagrams: from FIDL tables to the engine's terms and back.
#include <errno.h>
#include <string.h>
#include <time.h>

#include <zircon/syscalls.h>

#include "datagram_internal.h"

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

// An IPv4 address of the engine as octets; on an IPv6 socket it is IPv4-mapped. Null: it is none.
static const uint8_t* ipv4_of(const tcpip_address_t* address) {
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
  if (address->family == TCPIP_IPV4) return address->bytes;
  return memcmp(address->bytes, mapped, sizeof(mapped)) == 0 ? address->bytes + sizeof(mapped) : NULL;
}

static void fill_ip_packet_info(const tcpip_recv_t* recv,
                                fuchsia_posix_socket_IpPktInfoRecvControlData* out) {
  const uint8_t* local = ipv4_of(&recv->local);
  memset(out, 0, sizeof(*out));
  out->iface = recv->interface;
  if (local) memcpy(out->local_addr.addr, local, sizeof(out->local_addr.addr));
  memcpy(out->header_destination_addr.addr, ipv4_of(&recv->destination),
         sizeof(out->header_destination_addr.addr));
}

static bool fill_ip(const datagram_socket_t* socket, const tcpip_recv_t* recv, recv_control_t* storage) {
  const socket_options_t* options = &socket->base.options;
  if (!ipv4_of(&recv->destination)) return false;
  if (!options->ip_receive_tos && !options->ip_receive_ttl && !options->ip_packet_info) return false;
  fuchsia_posix_socket_IpRecvControlData_init(&storage->ip, &storage->ip_frame);
  if (options->ip_receive_tos) fuchsia_posix_socket_IpRecvControlData_set_tos(&storage->ip, recv->tos);
  if (options->ip_receive_ttl) fuchsia_posix_socket_IpRecvControlData_set_ttl(&storage->ip, recv->ttl);
  if (options->ip_packet_info) {
    fill_ip_packet_info(recv, &storage->ip_pktinfo);
    fuchsia_posix_socket_IpRecvControlData_set_pktinfo(&storage->ip, &storage->ip_pktinfo);
  }
  return true;
}

// Of what an IPv6 socket receives over IPv4 only the packet information is told this way, as on Linux.
static bool fill_ipv6(const datagram_socket_t* socket, const tcpip_recv_t* recv, recv_control_t* storage) {
  const socket_options_t* options = &socket->base.options;
  if (socket->base.family != TCPIP_IPV6) return false;
  bool v4 = ipv4_of(&recv->destination) != NULL;
  bool traffic_class = options->ipv6_receive_traffic_class && !v4;
  bool hop_limit = options->ipv6_receive_hop_limit && !v4;
  if (!traffic_class && !hop_limit && !options->ipv6_receive_packet_info) return false;
  fuchsia_posix_socket_Ipv6RecvControlData_init(&storage->ipv6, &storage->ipv6_frame);
  if (traffic_class) fuchsia_posix_socket_Ipv6RecvControlData_set_tclass(&storage->ipv6, recv->tos);
  if (hop_limit) fuchsia_posix_socket_Ipv6RecvControlData_set_hoplimit(&storage->ipv6, recv->ttl);
  if (options->ipv6_receive_packet_info) {
    memset(&storage->ipv6_pktinfo, 0, sizeof(storage->ipv6_pktinfo));
    storage->ipv6_pktinfo.iface = recv->interface;
    memcpy(storage->ipv6_pktinfo.header_destination_addr.addr, recv->destination.bytes, 16);
    fuchsia_posix_socket_Ipv6RecvControlData_set_pktinfo(&storage->ipv6, &storage->ipv6_pktinfo);
  }
  return true;
}

bool recv_control_fill(const datagram_socket_t* socket, const tcpip_recv_t* recv, recv_control_t* storage,
                       fuchsia_posix_socket_DatagramSocketRecvControlData* out) {
  bool has_socket = fill_socket(socket, recv, storage);
  bool has_ip = fill_ip(socket, recv, storage);
  bool has_ipv6 = fill_ipv6(socket, recv, storage);
  fuchsia_posix_socket_DatagramSocketRecvControlData_init(out, &storage->datagram_frame);
  if (!has_socket && !has_ip && !has_ipv6) return false;
  fuchsia_posix_socket_NetworkSocketRecvControlData* network = &storage->network;
  fuchsia_posix_socket_NetworkSocketRecvControlData_init(network, &storage->network_frame);
  if (has_socket) fuchsia_posix_socket_NetworkSocketRecvControlData_set_socket(network, &storage->socket);
  if (has_ip) fuchsia_posix_socket_NetworkSocketRecvControlData_set_ip(network, &storage->ip);
  if (has_ipv6) fuchsia_posix_socket_NetworkSocketRecvControlData_set_ipv6(network, &storage->ipv6);
  fuchsia_posix_socket_DatagramSocketRecvControlData_set_network(out, network);
  return true;
}

static int apply_ip(const fuchsia_posix_socket_IpSendControlData* ip, tcpip_address_t* source,
                    tcpip_send_t* send) {
  if (fuchsia_posix_socket_IpSendControlData_has_ttl(ip)) {
    send->ttl = fuchsia_posix_socket_IpSendControlData_ttl(ip);
    if (send->ttl == 0) return -EINVAL;
  }
  if (fuchsia_posix_socket_IpSendControlData_has_tos(ip)) {
    send->tos = fuchsia_posix_socket_IpSendControlData_tos(ip);
  }
  if (!fuchsia_posix_socket_IpSendControlData_has_pktinfo(ip)) return 0;
  const fuchsia_posix_socket_IpPktInfoSendControlData* pktinfo =
      fuchsia_posix_socket_IpSendControlData_pktinfo(ip);
  if (pktinfo->iface > UINT32_MAX) return -EINVAL;
  send->interface = (uint32_t)pktinfo->iface;
  *source = tcpip_ipv4(pktinfo->local_addr.addr);  // all zeroes: any
  send->source = source;
  return 0;
}

static int apply_ipv6(const fuchsia_posix_socket_Ipv6SendControlData* ipv6, bool v4, tcpip_address_t* source,
                      tcpip_send_t* send) {
  if (fuchsia_posix_socket_Ipv6SendControlData_has_hoplimit(ipv6) && !v4) {
    send->ttl = fuchsia_posix_socket_Ipv6SendControlData_hoplimit(ipv6);
  }
  if (fuchsia_posix_socket_Ipv6SendControlData_has_tclass(ipv6) && !v4) {
    send->tos = fuchsia_posix_socket_Ipv6SendControlData_tclass(ipv6);
  }
  if (!fuchsia_posix_socket_Ipv6SendControlData_has_pktinfo(ipv6)) return 0;
  const fuchsia_posix_socket_Ipv6PktInfoSendControlData* pktinfo =
      fuchsia_posix_socket_Ipv6SendControlData_pktinfo(ipv6);
  if (pktinfo->iface > UINT32_MAX) return -EINVAL;
  send->interface = (uint32_t)pktinfo->iface;
  *source = tcpip_ipv6(pktinfo->local_addr.addr);  // all zeroes: any
  send->source = source;
  return 0;
}

static bool goes_to_ipv4(const datagram_socket_t* socket, const tcpip_send_t* send) {
  tcpip_endpoint_t peer;
  if (socket->base.family == TCPIP_IPV4) return true;
  if (send->to) return ipv4_of(&send->to->address) != NULL;
  return tcpip_socket_peer(socket->base.endpoint, &peer) == 0 && ipv4_of(&peer.address);
}

// The control data of the family that the packet will be of counts; packet information for IPv6 also where an
// IPv6 socket sends over IPv4, with a mapped address.
int send_control_apply(const datagram_socket_t* socket,
                       const fuchsia_posix_socket_DatagramSocketSendControlData* control,
                       tcpip_address_t* source, tcpip_send_t* send) {
  if (!fuchsia_posix_socket_DatagramSocketSendControlData_has_network(control)) return 0;
  const fuchsia_posix_socket_NetworkSocketSendControlData* network =
      fuchsia_posix_socket_DatagramSocketSendControlData_network(control);
  bool v4 = goes_to_ipv4(socket, send);
  int result = 0;
  if (v4 && fuchsia_posix_socket_NetworkSocketSendControlData_has_ip(network)) {
    result = apply_ip(fuchsia_posix_socket_NetworkSocketSendControlData_ip(network), source, send);
  }
  if (result == 0 && socket->base.family == TCPIP_IPV6 &&
      fuchsia_posix_socket_NetworkSocketSendControlData_has_ipv6(network)) {
    result = apply_ipv6(fuchsia_posix_socket_NetworkSocketSendControlData_ipv6(network), v4, source, send);
  }
  return result;
}
