#include "two_netstacks.h"

#include <check.h>
#include <errno.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

static zx_time_t limit(void) {
  return zx_deadline_after(ZX_SEC(50));
}

// The answer of a method with an error: 0, or the error.
#define ANSWER(status, result) app_answer((status), (result)->ordinal, (result)->err)

static fuchsia_posix_Errno app_answer(zx_status_t status, uint64_t ordinal, fuchsia_posix_Errno err) {
  ck_assert_int_eq(status, ZX_OK);
  return ordinal == 1 ? 0 : err;
}

static void cross(void* context, const uint8_t* frame, size_t length) {
  (void)fake_device_deliver(context, frame, length);
}

static void* run_loop(void* context) {
  two_netstacks_t* two = context;
  (void)async_loop_run(two->loop, ZX_TIME_INFINITE, false);
  return NULL;
}

static void start_netstack(two_netstacks_t* two, int side, const tcpip_quota_t* quota, uint32_t descriptors) {
  async_dispatcher_t* dispatcher = async_loop_get_dispatcher(two->loop);
  netstack_config_t config = {.interface_name = "eth0", .address_count = 1, .descriptors = descriptors};
  uint8_t address[4] = {10, 0, 0, (uint8_t)(side + 1)};
  config.addresses[0] = (tcpip_subnet_t){.address = tcpip_ipv4(address), .prefix_length = 24};
  if (quota) config.quota = *quota;
  fake_device_t* device = &two->device[side];
  fake_device_init(device, dispatcher, (uint8_t)(side + 1));
  device->depth = 256;
  netstack_host_t host = {.context = device, .connect_device = fake_device_connect};
  ck_assert_int_eq(netstack_create(dispatcher, &config, &host, &two->netstack[side]), ZX_OK);
}

void two_netstacks_start_limited(two_netstacks_t* two, const tcpip_quota_t* quota, uint32_t descriptors) {
  memset(two, 0, sizeof(*two));
  ck_assert_int_eq(async_loop_create(NULL, &two->loop), ZX_OK);
  start_netstack(two, LEFT, quota, descriptors);
  start_netstack(two, RIGHT, quota, descriptors);
  fake_device_attach(&two->device[LEFT], cross, &two->device[RIGHT]);
  fake_device_attach(&two->device[RIGHT], cross, &two->device[LEFT]);
  ck_assert_int_eq(pthread_create(&two->thread, NULL, run_loop, two), 0);
}

void two_netstacks_start(two_netstacks_t* two, const tcpip_quota_t* quota) {
  two_netstacks_start_limited(two, quota, 0);
}

void two_netstacks_stop(two_netstacks_t* two) {
  async_loop_quit(two->loop);
  ck_assert_int_eq(pthread_join(two->thread, NULL), 0);
  async_loop_shutdown(two->loop);
  for (int side = LEFT; side <= RIGHT; side++) {
    netstack_destroy(two->netstack[side]);
    fake_device_deinit(&two->device[side]);
  }
  async_loop_destroy(two->loop);
}

typedef struct errand {
  async_task_t task;
  void (*function)(void*);
  void* context;
  sem_t done;
} errand_t;

static void do_errand(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  errand_t* errand = (errand_t*)task;
  errand->function(errand->context);
  sem_post(&errand->done);
}

void two_netstacks_do(two_netstacks_t* two, void (*function)(void* context), void* context) {
  errand_t errand = {.task = {.handler = do_errand}, .function = function, .context = context};
  ck_assert_int_eq(sem_init(&errand.done, 0, 0), 0);
  ck_assert_int_eq(async_post_task(async_loop_get_dispatcher(two->loop), &errand.task), ZX_OK);
  while (sem_wait(&errand.done) != 0)
    continue;
  sem_destroy(&errand.done);
}

typedef struct provider_errand {
  netstack_t* netstack;
  zx_handle_t server_end;
} provider_errand_t;

static void serve_provider(void* context) {
  provider_errand_t* errand = context;
  netstack_serve_provider(errand->netstack, errand->server_end);
}

zx_handle_t two_netstacks_provider(two_netstacks_t* two, int side) {
  zx_handle_t client_end;
  provider_errand_t errand = {.netstack = two->netstack[side]};
  ck_assert_int_eq(zx_channel_create(0, &client_end, &errand.server_end), ZX_OK);
  two_netstacks_do(two, serve_provider, &errand);
  return client_end;
}

fuchsia_posix_Errno app_socket_try(zx_handle_t provider, fuchsia_posix_socket_Domain domain,
                                   app_socket_t* out) {
  fuchsia_posix_socket_ProviderDatagramSocketDeprecatedRequest request = {
      .domain = domain, .proto = fuchsia_posix_socket_DatagramSocketProtocol_UDP};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_DatagramSocketDeprecated_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_Provider_DatagramSocketDeprecated_Result* result;
  zx_status_t status =
      fuchsia_posix_socket_Provider_DatagramSocketDeprecated(provider, &request, &call, &result);
  fuchsia_posix_Errno error = ANSWER(status, result);
  if (error == 0) *out = (app_socket_t){.channel = result->response.s, .fd = -1};
  return error;
}

void app_socket_describe(app_socket_t* socket) {
  FIDL_BUFFER(buffer, SOCKET(Describe_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse* response;
  ck_assert_int_eq(SOCKET(Describe)(socket->channel, &call, &response), ZX_OK);
  ck_assert(fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse_has_event(response));
  ck_assert(fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse_has_readiness(response));
  socket->event = fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse_take_event(response);
  zx_handle_t readiness =
      fuchsia_posix_socket_SynchronousDatagramSocketDescribeResponse_take_readiness(response);
  ck_assert_int_eq(zx_linux_fd_unwrap(readiness, &socket->fd), ZX_OK);
}

app_socket_t app_socket_open(zx_handle_t provider, fuchsia_posix_socket_Domain domain) {
  app_socket_t socket;
  ck_assert_int_eq(app_socket_try(provider, domain, &socket), 0);
  app_socket_describe(&socket);
  return socket;
}

void app_socket_release(app_socket_t* socket) {
  zx_handle_close(socket->channel);
  zx_handle_close(socket->event);
  if (socket->fd >= 0) close(socket->fd);
  *socket = (app_socket_t){.fd = -1};
}

fuchsia_net_Ipv4SocketAddress app_address(uint8_t last_octet, uint16_t port) {
  fuchsia_net_Ipv4SocketAddress address = {.port = port};
  const uint8_t loopback[4] = {127, 0, 0, 1};
  const uint8_t host[4] = {10, 0, 0, last_octet};
  if (last_octet != 0) memcpy(address.address.addr, last_octet == 127 ? loopback : host, 4);
  return address;
}

fuchsia_posix_Errno app_bind(const app_socket_t* socket, uint8_t last_octet, uint16_t port) {
  fuchsia_net_Ipv4SocketAddress address = app_address(last_octet, port);
  fuchsia_posix_socket_BaseNetworkSocketBindRequest request = {
      .addr = fuchsia_net_SocketAddress_with_ipv4(&address)};
  FIDL_BUFFER(buffer, SOCKET(Bind_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_BaseNetworkSocket_Bind_Result* result;
  zx_status_t status = SOCKET(Bind)(socket->channel, &request, &call, &result);
  return ANSWER(status, result);
}

fuchsia_posix_Errno app_connect(const app_socket_t* socket, uint8_t last_octet, uint16_t port) {
  fuchsia_net_Ipv4SocketAddress address = app_address(last_octet, port);
  fuchsia_posix_socket_BaseNetworkSocketConnectRequest request = {
      .addr = fuchsia_net_SocketAddress_with_ipv4(&address)};
  FIDL_BUFFER(buffer, SOCKET(Connect_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_BaseNetworkSocket_Connect_Result* result;
  zx_status_t status = SOCKET(Connect)(socket->channel, &request, &call, &result);
  return ANSWER(status, result);
}

fuchsia_posix_Errno app_send(const app_socket_t* socket, uint8_t last_octet, uint16_t port, const void* data,
                             size_t size) {
  fuchsia_net_Ipv4SocketAddress address = app_address(last_octet, port);
  fuchsia_posix_socket_SynchronousDatagramSocketSendMsgRequest request = {.data = fidl_bytes(data, size)};
  if (port != 0) request.addr = fuchsia_net_SocketAddress_with_ipv4(&address);
  FIDL_BUFFER(buffer, SOCKET(SendMsg_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_SynchronousDatagramSocket_SendMsg_Result* result;
  zx_status_t status = SOCKET(SendMsg)(socket->channel, &request, &call, &result);
  fuchsia_posix_Errno error = ANSWER(status, result);
  if (error == 0) ck_assert_int_eq(result->response->len, (int64_t)size);
  return error;
}

fuchsia_posix_Errno app_get_error(const app_socket_t* socket) {
  FIDL_BUFFER(buffer, SOCKET(GetError_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_BaseSocket_GetError_Result* result;
  zx_status_t status = SOCKET(GetError)(socket->channel, &call, &result);
  return ANSWER(status, result);
}

fuchsia_posix_Errno app_close(const app_socket_t* socket) {
  FIDL_BUFFER(buffer, SOCKET(Close_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_unknown_Closeable_Close_Result* result;
  zx_status_t status = SOCKET(Close)(socket->channel, &call, &result);
  return ANSWER(status, result);
}

uint16_t app_local_port(const app_socket_t* socket) {
  FIDL_BUFFER(buffer, SOCKET(GetSockName_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_BaseNetworkSocket_GetSockName_Result* result;
  zx_status_t status = SOCKET(GetSockName)(socket->channel, &call, &result);
  ck_assert_int_eq(ANSWER(status, result), 0);
  const fuchsia_net_SocketAddress* address = &result->response->addr;
  return address->ordinal == fuchsia_net_SocketAddress_Tag_ipv4 ? address->ipv4->port : address->ipv6->port;
}

fuchsia_posix_Errno app_recv(const app_socket_t* socket, uint32_t capacity, bool peek, app_datagram_t* out) {
  fuchsia_posix_socket_SynchronousDatagramSocketRecvMsgRequest request = {
      .want_addr = true,
      .data_len = capacity,
      .flags = peek ? fuchsia_posix_socket_RecvMsgFlags_PEEK : 0,
  };
  static _Thread_local FIDL_BUFFER(buffer, SOCKET(RecvMsg_RESPONSE_SIZE));
  fidl_call_t call = FIDL_CALL(buffer, limit());
  fuchsia_posix_socket_SynchronousDatagramSocket_RecvMsg_Result* result;
  zx_status_t status = SOCKET(RecvMsg)(socket->channel, &request, &call, &result);
  fuchsia_posix_Errno error = ANSWER(status, result);
  if (error != 0) return error;
  const fuchsia_posix_socket_SynchronousDatagramSocket_RecvMsg_Response* response = result->response;
  out->size = response->data.count;
  memcpy(out->data, response->data.data, out->size);
  out->truncated = response->truncated;
  out->has_from = response->addr.ordinal != 0;
  if (response->addr.ordinal == fuchsia_net_SocketAddress_Tag_ipv4) {
    memcpy(out->from, response->addr.ipv4->address.addr, 4);
    out->from_port = response->addr.ipv4->port;
  }
  return 0;
}

void app_wait(const app_socket_t* socket, zx_signals_t signals) {
  ck_assert_int_eq(zx_object_wait_one(socket->event, signals, limit(), NULL), ZX_OK);
}

void app_expect(const app_socket_t* socket, app_datagram_t* out) {
  app_wait(socket, fuchsia_posix_socket_SIGNAL_DATAGRAM_INCOMING);
  ck_assert_int_eq(app_recv(socket, 65536, false, out), 0);
}
