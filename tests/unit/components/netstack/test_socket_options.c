// Options of datagram sockets: each is told back as it was set, and those that show in datagrams show.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zircon/syscalls.h>

#include "jx_test.h"
#include "two_netstacks.h"

typedef struct fixture {
  two_netstacks_t two;
  zx_handle_t provider[2];
  app_socket_t v4, v6;
  app_socket_t peer;  // on the right side, bound to port 7
} fixture_t;

static void set_up(fixture_t* f) {
  two_netstacks_start(&f->two, NULL);
  for (int side = LEFT; side <= RIGHT; side++)
    f->provider[side] = two_netstacks_provider(&f->two, side);
  f->v4 = app_socket_open(f->provider[LEFT], fuchsia_posix_socket_Domain_IPV4);
  f->v6 = app_socket_open(f->provider[LEFT], fuchsia_posix_socket_Domain_IPV6);
  f->peer = app_socket_open(f->provider[RIGHT], fuchsia_posix_socket_Domain_IPV4);
  ck_assert_int_eq(app_bind(&f->peer, 0, 7), 0);
}

static void tear_down(fixture_t* f) {
  app_socket_release(&f->v4);
  app_socket_release(&f->v6);
  app_socket_release(&f->peer);
  zx_handle_close(f->provider[LEFT]);
  zx_handle_close(f->provider[RIGHT]);
  two_netstacks_stop(&f->two);
}

static zx_time_t limit(void) {
  return zx_deadline_after(ZX_SEC(50));
}

// SET(&socket, Name, OWNER, request members) is the error, 0 for none. GET(&socket, Name, OWNER) is the
// response, GET_LARGE where it is larger than 4 bytes.
#define SET(SOCKET_, NAME, OWNER, ...)                                                           \
  __extension__({                                                                                \
    fuchsia_posix_socket_##OWNER##Set##NAME##Request request_ = {__VA_ARGS__};                   \
    FIDL_BUFFER(buffer_, SOCKET(Set##NAME##_RESPONSE_SIZE));                                     \
    fidl_call_t call_ = FIDL_CALL(buffer_, limit());                                             \
    fuchsia_posix_socket_##OWNER##_Set##NAME##_Result* result_;                                  \
    ck_assert_int_eq(SOCKET(Set##NAME)((SOCKET_)->channel, &request_, &call_, &result_), ZX_OK); \
    result_->ordinal == 1 ? 0 : result_->err;                                                    \
  })
#define GET(SOCKET_, NAME, OWNER) GET_AS(SOCKET_, NAME, OWNER, result_->response)
#define GET_LARGE(SOCKET_, NAME, OWNER) GET_AS(SOCKET_, NAME, OWNER, *result_->response)
#define GET_AS(SOCKET_, NAME, OWNER, RESPONSE)                                        \
  __extension__({                                                                     \
    FIDL_BUFFER(buffer_, SOCKET(Get##NAME##_RESPONSE_SIZE));                          \
    fidl_call_t call_ = FIDL_CALL(buffer_, limit());                                  \
    fuchsia_posix_socket_##OWNER##_Get##NAME##_Result* result_;                       \
    ck_assert_int_eq(SOCKET(Get##NAME)((SOCKET_)->channel, &call_, &result_), ZX_OK); \
    ck_assert_uint_eq(result_->ordinal, 1);                                           \
    RESPONSE;                                                                         \
  })

static fuchsia_posix_socket_OptionalUint8 number(uint8_t value) {
  return fuchsia_posix_socket_OptionalUint8_with_value(value);
}

static fuchsia_posix_socket_OptionalUint8 unset(void) {
  return fuchsia_posix_socket_OptionalUint8_with_unset((fuchsia_posix_socket_Empty){0});
}

#define CHECK_FLAG(SOCKET_, NAME, OWNER, INITIAL)                              \
  do {                                                                         \
    ck_assert_int_eq(GET(SOCKET_, NAME, OWNER).value, INITIAL);                \
    for (int on_ = 0; on_ < 4; on_++) {                                        \
      ck_assert_int_eq(SET(SOCKET_, NAME, OWNER, .value = (on_ & 1) != 0), 0); \
      ck_assert_int_eq(GET(SOCKET_, NAME, OWNER).value, (on_ & 1) != 0);       \
    }                                                                          \
  } while (0)

#define CHECK_HOPS(SOCKET_, NAME, INITIAL)                                            \
  do {                                                                                \
    ck_assert_int_eq(GET(SOCKET_, NAME, BaseNetworkSocket).value, INITIAL);           \
    ck_assert_int_eq(SET(SOCKET_, NAME, BaseNetworkSocket, .value = number(17)), 0);  \
    ck_assert_int_eq(GET(SOCKET_, NAME, BaseNetworkSocket).value, 17);                \
    ck_assert_int_eq(SET(SOCKET_, NAME, BaseNetworkSocket, .value = number(255)), 0); \
    ck_assert_int_eq(GET(SOCKET_, NAME, BaseNetworkSocket).value, 255);               \
    ck_assert_int_eq(SET(SOCKET_, NAME, BaseNetworkSocket, .value = unset()), 0);     \
    ck_assert_int_eq(GET(SOCKET_, NAME, BaseNetworkSocket).value, INITIAL);           \
  } while (0)

START_TEST(flags_of_every_socket_are_told_back) {
  fixture_t f;
  set_up(&f);
  CHECK_FLAG(&f.v4, ReuseAddress, BaseSocket, 0);
  CHECK_FLAG(&f.v4, ReusePort, BaseSocket, 0);
  CHECK_FLAG(&f.v4, Broadcast, BaseSocket, 0);
  CHECK_FLAG(&f.v4, KeepAlive, BaseSocket, 0);
  CHECK_FLAG(&f.v4, OutOfBandInline, BaseSocket, 0);
  CHECK_FLAG(&f.v4, NoCheck, BaseSocket, 0);
  tear_down(&f);
}
END_TEST

START_TEST(flags_of_ip_sockets_are_told_back) {
  fixture_t f;
  set_up(&f);
  CHECK_FLAG(&f.v4, IpPacketInfo, BaseNetworkSocket, 0);
  CHECK_FLAG(&f.v4, IpReceiveTypeOfService, BaseNetworkSocket, 0);
  CHECK_FLAG(&f.v4, IpReceiveTtl, BaseNetworkSocket, 0);
  CHECK_FLAG(&f.v4, IpMulticastLoopback, BaseNetworkSocket, 1);
  CHECK_FLAG(&f.v6, Ipv6ReceiveHopLimit, BaseNetworkSocket, 0);
  CHECK_FLAG(&f.v6, Ipv6ReceiveTrafficClass, BaseNetworkSocket, 0);
  CHECK_FLAG(&f.v6, Ipv6ReceivePacketInfo, BaseNetworkSocket, 0);
  CHECK_FLAG(&f.v6, IpReceiveErrors, BaseNetworkSocket, 0);
  CHECK_FLAG(&f.v6, Ipv6ReceiveErrors, BaseNetworkSocket, 0);
  CHECK_FLAG(&f.v6, Ipv6MulticastLoopback, BaseNetworkSocket, 1);
  CHECK_FLAG(&f.v6, Ipv6Only, BaseNetworkSocket, 0);
  tear_down(&f);
}
END_TEST

START_TEST(hops_have_defaults_to_come_back_to) {
  fixture_t f;
  set_up(&f);
  CHECK_HOPS(&f.v4, IpTtl, 64);
  CHECK_HOPS(&f.v4, IpMulticastTtl, 1);
  CHECK_HOPS(&f.v6, Ipv6UnicastHops, 64);
  CHECK_HOPS(&f.v6, Ipv6MulticastHops, 1);
  CHECK_HOPS(&f.v6, Ipv6TrafficClass, 0);
  ck_assert_int_eq(SET(&f.v4, IpTtl, BaseNetworkSocket, .value = number(0)), EINVAL);
  tear_down(&f);
}
END_TEST

START_TEST(the_fitting_of_packets_to_the_path_is_told_back) {
  fixture_t f;
  set_up(&f);
  const fuchsia_posix_socket_MtuDiscovery omit = fuchsia_posix_socket_MtuDiscovery_OMIT;
  ck_assert_uint_eq(GET(&f.v4, IpMtuDiscovery, BaseNetworkSocket).value,
                    fuchsia_posix_socket_MtuDiscovery_WANT);
  ck_assert_int_eq(SET(&f.v4, IpMtuDiscovery, BaseNetworkSocket, .value = omit), 0);
  ck_assert_uint_eq(GET(&f.v4, IpMtuDiscovery, BaseNetworkSocket).value, omit);
  ck_assert_int_eq(SET(&f.v4, Ipv6MtuDiscovery, BaseNetworkSocket, .value = omit), ENOPROTOOPT);
  ck_assert_int_eq(SET(&f.v6, Ipv6MtuDiscovery, BaseNetworkSocket, .value = omit), 0);
  ck_assert_uint_eq(GET(&f.v6, Ipv6MtuDiscovery, BaseNetworkSocket).value, omit);
  FIDL_BUFFER(buffer, SOCKET(GetPathMtu_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_BaseNetworkSocket_GetPathMtu_Result* result;
  ck_assert_int_eq(SOCKET(GetPathMtu)(f.v4.channel, &call, &result), ZX_OK);
  ck_assert_uint_eq(result->err, fuchsia_posix_Errno_ENOTCONN);
  tear_down(&f);
}
END_TEST

START_TEST(buffer_sizes_are_brought_within_bounds) {
  fixture_t f;
  set_up(&f);
  ck_assert_int_eq(SET(&f.v4, ReceiveBuffer, BaseSocket, .value_bytes = 100000), 0);
  ck_assert_uint_eq(GET_LARGE(&f.v4, ReceiveBuffer, BaseSocket).value_bytes, 100000);
  ck_assert_int_eq(SET(&f.v4, ReceiveBuffer, BaseSocket, .value_bytes = UINT64_MAX), 0);
  ck_assert_uint_le(GET_LARGE(&f.v4, ReceiveBuffer, BaseSocket).value_bytes, 4 << 20);
  ck_assert_int_eq(SET(&f.v4, SendBuffer, BaseSocket, .value_bytes = 0), 0);
  ck_assert_uint_gt(GET_LARGE(&f.v4, SendBuffer, BaseSocket).value_bytes, 0);
  tear_down(&f);
}
END_TEST

START_TEST(linger_and_timestamp_are_told_back) {
  fixture_t f;
  set_up(&f);
  ck_assert_int_eq(SET(&f.v4, Linger, BaseSocket, .linger = true, .length_secs = 5), 0);
  ck_assert(GET_LARGE(&f.v4, Linger, BaseSocket).linger);
  ck_assert_uint_eq(GET_LARGE(&f.v4, Linger, BaseSocket).length_secs, 5);
  fuchsia_posix_socket_TimestampOption microsecond = fuchsia_posix_socket_TimestampOption_MICROSECOND;
  ck_assert_int_eq(SET(&f.v4, Timestamp, BaseSocket, .value = microsecond), 0);
  ck_assert_uint_eq(GET(&f.v4, Timestamp, BaseSocket).value, microsecond);
  ck_assert(!GET(&f.v4, AcceptConn, BaseSocket).value);
  tear_down(&f);
}
END_TEST

START_TEST(a_socket_is_bound_to_a_device_by_name) {
  fixture_t f;
  set_up(&f);
  app_datagram_t* datagram = calloc(1, sizeof(*datagram));
  ck_assert_int_eq(SET(&f.v4, BindToDevice, BaseSocket, .value = fidl_string("eth9")), ENODEV);
  ck_assert_int_eq(SET(&f.v4, BindToDevice, BaseSocket, .value = fidl_string("eth0")), 0);
  FIDL_BUFFER(buffer, SOCKET(GetBindToDevice_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_BaseSocket_GetBindToDevice_Result* result;
  ck_assert_int_eq(SOCKET(GetBindToDevice)(f.v4.channel, &call, &result), ZX_OK);
  ck_assert(fidl_string_equals(result->response->value, "eth0"));
  ck_assert_int_eq(app_send(&f.v4, 2, 7, "x", 1), 0);
  app_expect(&f.peer, datagram);
  ck_assert_int_eq(SET(&f.v4, BindToDevice, BaseSocket, .value = fidl_string("")), 0);
  free(datagram);
  tear_down(&f);
}
END_TEST

START_TEST(broadcast_must_be_asked_for) {
  fixture_t f;
  set_up(&f);
  app_datagram_t* datagram = calloc(1, sizeof(*datagram));
  ck_assert_int_eq(app_send(&f.v4, 255, 7, "x", 1), EACCES);
  ck_assert_int_eq(SET(&f.v4, Broadcast, BaseSocket, .value = true), 0);
  ck_assert_int_eq(app_send(&f.v4, 255, 7, "to all", 6), 0);
  app_expect(&f.peer, datagram);
  ck_assert_mem_eq(datagram->data, "to all", 6);
  free(datagram);
  tear_down(&f);
}
END_TEST

// Receives one datagram of `socket` with its control data, which lies in `buffer`.
static fuchsia_posix_socket_SynchronousDatagramSocket_RecvMsg_Response* receive_with_control(
    const app_socket_t* socket, void* buffer, uint32_t size) {
  fuchsia_posix_socket_SynchronousDatagramSocketRecvMsgRequest request = {.data_len = 1000,
                                                                          .want_control = true};
  fidl_call_t call = fidl_call_make(buffer, size, limit());
  fuchsia_posix_socket_SynchronousDatagramSocket_RecvMsg_Result* result;
  app_wait(socket, fuchsia_posix_socket_SIGNAL_DATAGRAM_INCOMING);
  ck_assert_int_eq(SOCKET(RecvMsg)(socket->channel, &request, &call, &result), ZX_OK);
  ck_assert_uint_eq(result->ordinal, 1);
  return result->response;
}

START_TEST(what_was_asked_for_accompanies_received_datagrams) {
  fixture_t f;
  static FIDL_BUFFER(buffer, SOCKET(RecvMsg_RESPONSE_SIZE));
  set_up(&f);
  ck_assert_int_eq(app_send(&f.v4, 2, 7, "x", 1), 0);
  fuchsia_posix_socket_SynchronousDatagramSocket_RecvMsg_Response* response =
      receive_with_control(&f.peer, buffer, sizeof(buffer));
  ck_assert(!fuchsia_posix_socket_DatagramSocketRecvControlData_has_network(&response->control));

  ck_assert_int_eq(SET(&f.peer, IpReceiveTtl, BaseNetworkSocket, .value = true), 0);
  ck_assert_int_eq(SET(&f.peer, IpReceiveTypeOfService, BaseNetworkSocket, .value = true), 0);
  ck_assert_int_eq(
      SET(&f.peer, Timestamp, BaseSocket, .value = fuchsia_posix_socket_TimestampOption_NANOSECOND), 0);
  ck_assert_int_eq(SET(&f.v4, IpTtl, BaseNetworkSocket, .value = number(33)), 0);
  ck_assert_int_eq(SET(&f.v4, IpTypeOfService, BaseNetworkSocket, .value = 0x10), 0);
  ck_assert_int_eq(app_send(&f.v4, 2, 7, "x", 1), 0);
  response = receive_with_control(&f.peer, buffer, sizeof(buffer));
  ck_assert(fuchsia_posix_socket_DatagramSocketRecvControlData_has_network(&response->control));
  const fuchsia_posix_socket_NetworkSocketRecvControlData* network =
      fuchsia_posix_socket_DatagramSocketRecvControlData_network(&response->control);
  ck_assert(!fuchsia_posix_socket_NetworkSocketRecvControlData_has_ipv6(network));
  const fuchsia_posix_socket_IpRecvControlData* ip =
      fuchsia_posix_socket_NetworkSocketRecvControlData_ip(network);
  ck_assert_uint_eq(fuchsia_posix_socket_IpRecvControlData_ttl(ip), 33);
  ck_assert_uint_eq(fuchsia_posix_socket_IpRecvControlData_tos(ip), 0x10);
  const fuchsia_posix_socket_Timestamp* timestamp = fuchsia_posix_socket_SocketRecvControlData_timestamp(
      fuchsia_posix_socket_NetworkSocketRecvControlData_socket(network));
  ck_assert_int_le(timestamp->nanoseconds / 1000000000, time(NULL));
  ck_assert_int_ge(timestamp->nanoseconds / 1000000000, time(NULL) - 30);
  tear_down(&f);
}
END_TEST

START_TEST(a_sent_datagram_can_have_its_own_ttl) {
  fixture_t f;
  static FIDL_BUFFER(buffer, SOCKET(RecvMsg_RESPONSE_SIZE));
  set_up(&f);
  ck_assert_int_eq(SET(&f.peer, IpReceiveTtl, BaseNetworkSocket, .value = true), 0);
  fuchsia_posix_socket_DatagramSocketSendControlData_frame_t frame;
  fuchsia_posix_socket_NetworkSocketSendControlData network;
  fuchsia_posix_socket_NetworkSocketSendControlData_frame_t network_frame;
  fuchsia_posix_socket_IpSendControlData ip;
  fuchsia_posix_socket_IpSendControlData_frame_t ip_frame;
  fuchsia_net_Ipv4SocketAddress address = app_address(2, 7);
  const uint8_t ttls[] = {0, 5};
  for (int i = 0; i < 2; i++) {
    fuchsia_posix_socket_SynchronousDatagramSocketSendMsgRequest request = {
        .addr = fuchsia_net_SocketAddress_with_ipv4(&address), .data = fidl_bytes("x", 1)};
    fuchsia_posix_socket_DatagramSocketSendControlData_init(&request.control, &frame);
    fuchsia_posix_socket_NetworkSocketSendControlData_init(&network, &network_frame);
    fuchsia_posix_socket_IpSendControlData_init(&ip, &ip_frame);
    fuchsia_posix_socket_IpSendControlData_set_ttl(&ip, ttls[i]);
    fuchsia_posix_socket_NetworkSocketSendControlData_set_ip(&network, &ip);
    fuchsia_posix_socket_DatagramSocketSendControlData_set_network(&request.control, &network);
    fidl_call_t call = FIDL_CALL(buffer, limit());
    fuchsia_posix_socket_SynchronousDatagramSocket_SendMsg_Result* result;
    ck_assert_int_eq(SOCKET(SendMsg)(f.v4.channel, &request, &call, &result), ZX_OK);
    ck_assert_uint_eq(result->ordinal, i == 0 ? 2 : 1);
    if (i == 0) ck_assert_int_eq(result->err, EINVAL);
  }
  const fuchsia_posix_socket_IpRecvControlData* received =
      fuchsia_posix_socket_NetworkSocketRecvControlData_ip(
          fuchsia_posix_socket_DatagramSocketRecvControlData_network(
              &receive_with_control(&f.peer, buffer, sizeof(buffer))->control));
  ck_assert_uint_eq(fuchsia_posix_socket_IpRecvControlData_ttl(received), 5);
  tear_down(&f);
}
END_TEST

#define MEMBERSHIP(SOCKET_, NAME, ...)                                                              \
  __extension__({                                                                                   \
    fuchsia_posix_socket_BaseNetworkSocket##NAME##Request request_ = {.membership = {__VA_ARGS__}}; \
    FIDL_BUFFER(buffer_, SOCKET(NAME##_RESPONSE_SIZE));                                             \
    fidl_call_t call_ = FIDL_CALL(buffer_, limit());                                                \
    fuchsia_posix_socket_BaseNetworkSocket_##NAME##_Result* result_;                                \
    ck_assert_int_eq(SOCKET(NAME)((SOCKET_)->channel, &request_, &call_, &result_), ZX_OK);         \
    result_->ordinal == 1 ? 0 : result_->err;                                                       \
  })

static fuchsia_posix_Errno send_to_group(const app_socket_t* socket, const char* text) {
  fuchsia_net_Ipv4SocketAddress group = {.address = {.addr = {239, 1, 2, 3}}, .port = 7};
  fuchsia_posix_socket_SynchronousDatagramSocketSendMsgRequest request = {
      .addr = fuchsia_net_SocketAddress_with_ipv4(&group), .data = fidl_bytes(text, strlen(text))};
  FIDL_BUFFER(buffer, SOCKET(SendMsg_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_SynchronousDatagramSocket_SendMsg_Result* result;
  ck_assert_int_eq(SOCKET(SendMsg)(socket->channel, &request, &call, &result), ZX_OK);
  return result->ordinal == 1 ? 0 : result->err;
}

START_TEST(a_group_is_heard_by_its_members) {
  fixture_t f;
  set_up(&f);
  app_datagram_t* datagram = calloc(1, sizeof(*datagram));
  const fuchsia_net_Ipv4Address group = {.addr = {239, 1, 2, 3}}, local = {.addr = {10, 0, 0, 2}},
                                own = {.addr = {10, 0, 0, 1}}, nowhere = {.addr = {10, 0, 0, 99}};
  ck_assert_int_eq(MEMBERSHIP(&f.peer, AddIpMembership, .mcast_addr = group, .local_addr = nowhere), ENODEV);
  ck_assert_int_eq(MEMBERSHIP(&f.peer, AddIpMembership, .mcast_addr = local, .local_addr = local), EINVAL);
  ck_assert_int_eq(MEMBERSHIP(&f.peer, AddIpMembership, .mcast_addr = group, .local_addr = local), 0);
  ck_assert_int_eq(MEMBERSHIP(&f.peer, AddIpMembership, .mcast_addr = group, .local_addr = local),
                   EADDRINUSE);
  ck_assert_int_eq(SET(&f.v4, IpMulticastInterface, BaseNetworkSocket, .address = nowhere), EADDRNOTAVAIL);
  ck_assert_int_eq(SET(&f.v4, IpMulticastInterface, BaseNetworkSocket, .address = own), 0);
  fuchsia_net_Ipv4Address told = GET(&f.v4, IpMulticastInterface, BaseNetworkSocket).value;
  ck_assert_mem_eq(told.addr, own.addr, 4);
  ck_assert_int_eq(send_to_group(&f.v4, "members"), 0);
  app_expect(&f.peer, datagram);
  ck_assert_mem_eq(datagram->data, "members", 7);
  ck_assert_int_eq(MEMBERSHIP(&f.peer, DropIpMembership, .mcast_addr = group, .local_addr = local), 0);
  ck_assert_int_eq(MEMBERSHIP(&f.peer, DropIpMembership, .mcast_addr = group, .local_addr = local),
                   EADDRNOTAVAIL);
  free(datagram);
  tear_down(&f);
}
END_TEST

START_TEST(ipv6_groups_are_joined_by_interface) {
  fixture_t f;
  set_up(&f);
  const fuchsia_net_Ipv6Address group = {.addr = {0xff, 0x02, [14] = 1, [15] = 1}};
  ck_assert_int_eq(MEMBERSHIP(&f.v6, AddIpv6Membership, .iface = 99, .mcast_addr = group), ENODEV);
  ck_assert_int_eq(MEMBERSHIP(&f.v6, AddIpv6Membership, .iface = UINT64_C(1) << 40, .mcast_addr = group),
                   ENODEV);
  ck_assert_int_eq(MEMBERSHIP(&f.v6, AddIpv6Membership, .iface = 2, .mcast_addr = group), 0);
  ck_assert_int_eq(MEMBERSHIP(&f.v6, DropIpv6Membership, .iface = 2, .mcast_addr = group), 0);
  ck_assert_int_eq(SET(&f.v6, Ipv6MulticastInterface, BaseNetworkSocket, .value = 2), 0);
  ck_assert_uint_eq(GET_LARGE(&f.v6, Ipv6MulticastInterface, BaseNetworkSocket).value, 2);
  ck_assert_int_eq(SET(&f.v6, Ipv6MulticastInterface, BaseNetworkSocket, .value = 99), ENODEV);
  tear_down(&f);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("netstack_socket_options");
  TCase* tc = jx_test_case(suite, "socket_options");
  tcase_add_test(tc, flags_of_every_socket_are_told_back);
  tcase_add_test(tc, flags_of_ip_sockets_are_told_back);
  tcase_add_test(tc, hops_have_defaults_to_come_back_to);
  tcase_add_test(tc, the_fitting_of_packets_to_the_path_is_told_back);
  tcase_add_test(tc, buffer_sizes_are_brought_within_bounds);
  tcase_add_test(tc, linger_and_timestamp_are_told_back);
  tcase_add_test(tc, a_socket_is_bound_to_a_device_by_name);
  tcase_add_test(tc, broadcast_must_be_asked_for);
  tcase_add_test(tc, what_was_asked_for_accompanies_received_datagrams);
  tcase_add_test(tc, a_sent_datagram_can_have_its_own_ttl);
  tcase_add_test(tc, a_group_is_heard_by_its_members);
  tcase_add_test(tc, ipv6_groups_are_joined_by_interface);
  return jx_test_run(suite);
}
