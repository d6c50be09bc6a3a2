// The Provider: which sockets it makes, and what it tells about interfaces.
#include <errno.h>
#include <string.h>

#include <zircon/syscalls.h>

#include "jx_test.h"
#include "two_netstacks.h"

typedef struct fixture {
  two_netstacks_t two;
  zx_handle_t provider;
} fixture_t;

static void set_up(fixture_t* f) {
  two_netstacks_start(&f->two, NULL);
  f->provider = two_netstacks_provider(&f->two, LEFT);
}

static void tear_down(fixture_t* f) {
  zx_handle_close(f->provider);
  two_netstacks_stop(&f->two);
}

static zx_time_t limit(void) {
  return zx_deadline_after(ZX_SEC(50));
}

START_TEST(datagram_sockets_are_of_the_synchronous_kind) {
  fixture_t f;
  set_up(&f);
  fuchsia_posix_socket_ProviderDatagramSocketRequest request = {
      .domain = fuchsia_posix_socket_Domain_IPV6,
      .proto = fuchsia_posix_socket_DatagramSocketProtocol_ICMP_ECHO};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_DatagramSocket_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_Provider_DatagramSocket_Result* result;
  ck_assert_int_eq(fuchsia_posix_socket_Provider_DatagramSocket(f.provider, &request, &call, &result), ZX_OK);
  ck_assert_uint_eq(result->ordinal, 1);
  ck_assert_uint_eq(result->response->ordinal,
                    fuchsia_posix_socket_Provider_DatagramSocket_Response_Tag_synchronous_datagram_socket);
  zx_handle_t channel = result->response->synchronous_datagram_socket;

  FIDL_BUFFER(info_buffer, SOCKET(GetInfo_RESPONSE_SIZE));
  call = FIDL_CALL(info_buffer, limit());
  fuchsia_posix_socket_BaseDatagramSocket_GetInfo_Result* info;
  ck_assert_int_eq(SOCKET(GetInfo)(channel, &call, &info), ZX_OK);
  ck_assert_uint_eq(info->ordinal, 1);
  ck_assert_int_eq(info->response->domain, fuchsia_posix_socket_Domain_IPV6);
  ck_assert_uint_eq(info->response->proto, fuchsia_posix_socket_DatagramSocketProtocol_ICMP_ECHO);

  FIDL_BUFFER(query_buffer, SOCKET(Query_RESPONSE_SIZE));
  call = FIDL_CALL(query_buffer, limit());
  fuchsia_unknown_QueryableQueryResponse* query;
  ck_assert_int_eq(SOCKET(Query)(channel, &call, &query), ZX_OK);
  const char name[] = "fuchsia.posix.socket/SynchronousDatagramSocket";
  ck_assert_uint_eq(query->protocol.count, sizeof(name) - 1);
  ck_assert_mem_eq(query->protocol.data, name, sizeof(name) - 1);
  zx_handle_close(channel);
  tear_down(&f);
}
END_TEST

START_TEST(stream_sockets_say_what_they_are) {
  fixture_t f;
  set_up(&f);
  fuchsia_posix_socket_ProviderStreamSocketRequest request = {.domain = fuchsia_posix_socket_Domain_IPV4};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_StreamSocket_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_Provider_StreamSocket_Result* result;
  ck_assert_int_eq(fuchsia_posix_socket_Provider_StreamSocket(f.provider, &request, &call, &result), ZX_OK);
  ck_assert_uint_eq(result->ordinal, 1);
  zx_handle_t channel = result->response.s;

  FIDL_BUFFER(info_buffer, fuchsia_posix_socket_StreamSocket_GetInfo_RESPONSE_SIZE);
  call = FIDL_CALL(info_buffer, limit());
  fuchsia_posix_socket_StreamSocket_GetInfo_Result* info;
  ck_assert_int_eq(fuchsia_posix_socket_StreamSocket_GetInfo(channel, &call, &info), ZX_OK);
  ck_assert_uint_eq(info->ordinal, 1);
  ck_assert_int_eq(info->response->domain, fuchsia_posix_socket_Domain_IPV4);
  ck_assert_int_eq(info->response->proto, fuchsia_posix_socket_StreamSocketProtocol_TCP);
  zx_handle_close(channel);
  tear_down(&f);
}
END_TEST

static uint64_t index_of(zx_handle_t provider, const char* name) {
  fuchsia_posix_socket_ProviderInterfaceNameToIndexRequest request = {.name = fidl_string(name)};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_InterfaceNameToIndex_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_Provider_InterfaceNameToIndex_Result* result;
  ck_assert_int_eq(fuchsia_posix_socket_Provider_InterfaceNameToIndex(provider, &request, &call, &result),
                   ZX_OK);
  if (result->ordinal == 1) return result->response->index;
  ck_assert_int_eq(result->err, ZX_ERR_NOT_FOUND);
  return 0;
}

START_TEST(interfaces_are_found_by_name_and_number) {
  fixture_t f;
  set_up(&f);
  ck_assert_uint_eq(index_of(f.provider, "lo"), 1);
  ck_assert_uint_eq(index_of(f.provider, "eth0"), 2);
  ck_assert_uint_eq(index_of(f.provider, "eth1"), 0);
  ck_assert_uint_eq(index_of(f.provider, ""), 0);
  const struct {
    uint64_t index;
    const char* name;
  } expected[] = {{1, "lo"}, {2, "eth0"}, {3, NULL}, {0, NULL}, {UINT64_C(1) << 32 | 1, NULL}};
  for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
    fuchsia_posix_socket_ProviderInterfaceIndexToNameRequest request = {.index = expected[i].index};
    FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_InterfaceIndexToName_RESPONSE_SIZE);
    fidl_call_t call = FIDL_CALL(buffer, limit());
    fuchsia_posix_socket_Provider_InterfaceIndexToName_Result* result;
    ck_assert_int_eq(fuchsia_posix_socket_Provider_InterfaceIndexToName(f.provider, &request, &call, &result),
                     ZX_OK);
    ck_assert_uint_eq(result->ordinal, expected[i].name ? 1 : 2);
    if (expected[i].name) {
      ck_assert(fidl_string_equals(result->response->name, expected[i].name));
    } else {
      ck_assert_int_eq(result->err, ZX_ERR_NOT_FOUND);
    }
  }
  tear_down(&f);
}
END_TEST

START_TEST(interfaces_tell_their_flags) {
  fixture_t f;
  set_up(&f);
  const struct {
    const char* name;
    fuchsia_posix_socket_InterfaceFlags flags;
  } expected[] = {{"lo", 0x49}, {"eth0", 0x1043}};
  for (size_t i = 0; i < 2; i++) {
    fuchsia_posix_socket_ProviderInterfaceNameToFlagsRequest request = {.name =
                                                                            fidl_string(expected[i].name)};
    FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_InterfaceNameToFlags_RESPONSE_SIZE);
    fidl_call_t call = FIDL_CALL(buffer, limit());
    fuchsia_posix_socket_Provider_InterfaceNameToFlags_Result* result;
    ck_assert_int_eq(fuchsia_posix_socket_Provider_InterfaceNameToFlags(f.provider, &request, &call, &result),
                     ZX_OK);
    ck_assert_uint_eq(result->ordinal, 1);
    ck_assert_uint_eq(result->response.flags, expected[i].flags);
  }
  tear_down(&f);
}
END_TEST

START_TEST(all_interfaces_are_listed_with_their_addresses) {
  fixture_t f;
  set_up(&f);
  static FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_GetInterfaceAddresses_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_ProviderGetInterfaceAddressesResponse* response;
  ck_assert_int_eq(fuchsia_posix_socket_Provider_GetInterfaceAddresses(f.provider, &call, &response), ZX_OK);
  ck_assert_uint_eq(response->interfaces.count, 2);
  const fuchsia_posix_socket_InterfaceAddresses* eth0 = &response->interfaces.data[1];
  ck_assert_uint_eq(fuchsia_posix_socket_InterfaceAddresses_id(eth0), 2);
  ck_assert(fidl_string_equals(*fuchsia_posix_socket_InterfaceAddresses_name(eth0), "eth0"));
  const fidl_vector_fuchsia_net_Subnet_t* subnets = fuchsia_posix_socket_InterfaceAddresses_addresses(eth0);
  ck_assert_uint_ge(subnets->count, 1);
  ck_assert_uint_eq(subnets->data[0].prefix_len, 24);
  ck_assert_uint_eq(subnets->data[0].addr.ordinal, fuchsia_net_IpAddress_Tag_ipv4);
  ck_assert_uint_eq(subnets->data[0].addr.ipv4.addr[3], 1);
  tear_down(&f);
}
END_TEST

START_TEST(many_clients_come_and_go) {
  fixture_t f;
  set_up(&f);
  for (int i = 0; i < 300; i++) {
    zx_handle_t provider = two_netstacks_provider(&f.two, LEFT);
    ck_assert_uint_eq(index_of(provider, "lo"), 1);
    zx_handle_close(provider);
  }
  tear_down(&f);
}
END_TEST

START_TEST(too_many_clients_at_once_are_refused) {
  fixture_t f;
  set_up(&f);
  zx_handle_t providers[300];
  for (int i = 0; i < 300; i++)
    providers[i] = two_netstacks_provider(&f.two, LEFT);
  ck_assert_int_eq(zx_object_wait_one(providers[299], ZX_CHANNEL_PEER_CLOSED, limit(), NULL), ZX_OK);
  ck_assert_uint_eq(index_of(providers[0], "lo"), 1);
  for (int i = 0; i < 300; i++)
    zx_handle_close(providers[i]);
  tear_down(&f);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("netstack_provider");
  TCase* tc = jx_test_case(suite, "provider");
  tcase_add_test(tc, datagram_sockets_are_of_the_synchronous_kind);
  tcase_add_test(tc, stream_sockets_say_what_they_are);
  tcase_add_test(tc, interfaces_are_found_by_name_and_number);
  tcase_add_test(tc, interfaces_tell_their_flags);
  tcase_add_test(tc, all_interfaces_are_listed_with_their_addresses);
  tcase_add_test(tc, many_clients_come_and_go);
  tcase_add_test(tc, too_many_clients_at_once_are_refused);
  return jx_test_run(suite);
}
