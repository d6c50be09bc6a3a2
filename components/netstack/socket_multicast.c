// Multicast interfaces and memberships: options that name an interface by its identifier
// or by one of its addresses.
#include <errno.h>
#include <string.h>

#include "interface.h"
#include "socket_base.h"

static bool is_any(const fuchsia_net_Ipv4Address* address) {
  static const fuchsia_net_Ipv4Address any;
  return memcmp(address, &any, sizeof(any)) == 0;
}

// The interface that an identifier or, if it is 0, an address of the interface names; 0 in *out if neither
// does. False if there is no such interface.
static bool resolve(const socket_base_t* socket, uint64_t iface, const fuchsia_net_Ipv4Address* address,
                    uint32_t* out) {
  const tcpip_t* engine = netstack_engine(socket->netstack);
  *out = 0;
  if (iface != 0) {
    tcpip_interface_info_t info;
    if (iface > UINT32_MAX || tcpip_interface_get(engine, (uint32_t)iface, &info) != 0) return false;
    *out = (uint32_t)iface;
    return true;
  }
  if (is_any(address)) return true;
  tcpip_address_t local = tcpip_ipv4(address->addr);
  *out = interface_by_address(engine, &local);
  return *out != 0;
}

void socket_set_IpMulticastInterface(
    void* context, fuchsia_posix_socket_BaseNetworkSocketSetIpMulticastInterfaceRequest* request,
    fidl_completer_t completer) {
  socket_base_t* socket = socket_begin(context);
  uint32_t index = 0;
  int result = -EADDRNOTAVAIL;
  if (resolve(socket, request->iface, &request->address, &index)) {
    result = tcpip_socket_set(socket->endpoint, TCPIP_MULTICAST_INTERFACE, index);
  }
  if (result == 0) socket->options.ip_multicast_address = request->address;
  socket_end(socket);
  SOCKET_ANSWER(BaseNetworkSocket, SetIpMulticastInterface, completer, result);
}

void socket_get_IpMulticastInterface(void* context, fidl_completer_t completer) {
  const socket_base_t* socket = ((socket_connection_t*)context)->socket;
  fuchsia_posix_socket_BaseNetworkSocket_GetIpMulticastInterface_Response response = {
      .value = socket->options.ip_multicast_address};
  (void)SOCKET_METHOD(GetIpMulticastInterface_reply)(completer, &response);
}

void socket_set_Ipv6MulticastInterface(
    void* context, fuchsia_posix_socket_BaseNetworkSocketSetIpv6MulticastInterfaceRequest* request,
    fidl_completer_t completer) {
  socket_base_t* socket = socket_begin(context);
  int result = -ENODEV;
  if (request->value <= UINT32_MAX) {
    result = tcpip_socket_set(socket->endpoint, TCPIP_IPV6_MULTICAST_INTERFACE, (int64_t)request->value);
  }
  socket_end(socket);
  SOCKET_ANSWER(BaseNetworkSocket, SetIpv6MulticastInterface, completer, result);
}

void socket_get_Ipv6MulticastInterface(void* context, fidl_completer_t completer) {
  const socket_base_t* socket = ((socket_connection_t*)context)->socket;
  int64_t index = 0;
  int result = tcpip_socket_get(socket->endpoint, TCPIP_IPV6_MULTICAST_INTERFACE, &index);
  if (result < 0) {
    (void)SOCKET_METHOD(GetIpv6MulticastInterface_reply_error)(completer, errno_to_fidl(result));
    return;
  }
  fuchsia_posix_socket_BaseNetworkSocket_GetIpv6MulticastInterface_Response response = {.value =
                                                                                            (uint64_t)index};
  (void)SOCKET_METHOD(GetIpv6MulticastInterface_reply)(completer, &response);
}

typedef int (*membership_fn)(tcpip_socket_t* endpoint, const tcpip_address_t* group, uint32_t interface);

static int change_ip(socket_base_t* socket, const fuchsia_posix_socket_IpMulticastMembership* membership,
                     membership_fn change) {
  uint32_t index = 0;
  if (!resolve(socket, membership->iface, &membership->local_addr, &index)) return -ENODEV;
  tcpip_address_t group = tcpip_ipv4(membership->mcast_addr.addr);
  return change(socket->endpoint, &group, index);
}

static int change_ipv6(socket_base_t* socket, const fuchsia_posix_socket_Ipv6MulticastMembership* membership,
                       membership_fn change) {
  if (membership->iface > UINT32_MAX) return -ENODEV;
  tcpip_address_t group = tcpip_ipv6(membership->mcast_addr.addr);
  return change(socket->endpoint, &group, (uint32_t)membership->iface);
}

void socket_add_ip_membership(void* context,
                              fuchsia_posix_socket_BaseNetworkSocketAddIpMembershipRequest* request,
                              fidl_completer_t completer) {
  socket_base_t* socket = socket_begin(context);
  int result = change_ip(socket, &request->membership, tcpip_socket_join);
  socket_end(socket);
  SOCKET_ANSWER(BaseNetworkSocket, AddIpMembership, completer, result);
}

void socket_drop_ip_membership(void* context,
                               fuchsia_posix_socket_BaseNetworkSocketDropIpMembershipRequest* request,
                               fidl_completer_t completer) {
  socket_base_t* socket = socket_begin(context);
  int result = change_ip(socket, &request->membership, tcpip_socket_leave);
  socket_end(socket);
  SOCKET_ANSWER(BaseNetworkSocket, DropIpMembership, completer, result);
}

void socket_add_ipv6_membership(void* context,
                                fuchsia_posix_socket_BaseNetworkSocketAddIpv6MembershipRequest* request,
                                fidl_completer_t completer) {
  socket_base_t* socket = socket_begin(context);
  int result = change_ipv6(socket, &request->membership, tcpip_socket_join);
  socket_end(socket);
  SOCKET_ANSWER(BaseNetworkSocket, AddIpv6Membership, completer, result);
}

void socket_drop_ipv6_membership(void* context,
                                 fuchsia_posix_socket_BaseNetworkSocketDropIpv6MembershipRequest* request,
                                 fidl_completer_t completer) {
  socket_base_t* socket = socket_begin(context);
  int result = change_ipv6(socket, &request->membership, tcpip_socket_leave);
  socket_end(socket);
  SOCKET_ANSWER(BaseNetworkSocket, DropIpv6Membership, completer, result);
}
