// The fake stack's thread, its directory of services and its provider of sockets.
#include <errno.h>
#include <fidl/fuchsia.io.h>
#include <pthread.h>
#include <stdlib.h>
#include <zircon/syscalls.h>

#include "fake_internal.h"

#define PROVIDER(name) fuchsia_posix_socket_Provider_##name

typedef struct fake_thread {
  fake_stack_t stack;
  pthread_t thread;
} fake_thread_t;

static void synchronous_datagram_socket(void* context,
                                        fuchsia_posix_socket_ProviderDatagramSocketDeprecatedRequest* request,
                                        fidl_completer_t completer) {
  zx_handle_t server_end;
  fuchsia_posix_socket_Provider_DatagramSocketDeprecated_Response response = {0};
  if (request->proto != fuchsia_posix_socket_DatagramSocketProtocol_UDP) {
    PROVIDER(DatagramSocketDeprecated_reply_error)(completer, EPROTONOSUPPORT);
    return;
  }
  if (zx_channel_create(0, &response.s, &server_end) != ZX_OK) abort();
  fake_socket_make((fake_stack_t*)context, request->domain, request->proto, server_end);
  PROVIDER(DatagramSocketDeprecated_reply)(completer, &response);
}

// All are of that kind.
static void datagram_socket(void* context, fuchsia_posix_socket_ProviderDatagramSocketRequest* request,
                            fidl_completer_t completer) {
  zx_handle_t client_end;
  zx_handle_t server_end;
  if (request->proto != fuchsia_posix_socket_DatagramSocketProtocol_UDP) {
    PROVIDER(DatagramSocket_reply_error)(completer, EPROTONOSUPPORT);
    return;
  }
  if (zx_channel_create(0, &client_end, &server_end) != ZX_OK) abort();
  fake_socket_make((fake_stack_t*)context, request->domain, request->proto, server_end);
  fuchsia_posix_socket_Provider_DatagramSocket_Response response =
      fuchsia_posix_socket_Provider_DatagramSocket_Response_with_synchronous_datagram_socket(client_end);
  PROVIDER(DatagramSocket_reply)(completer, &response);
}

static void index_to_name(void* context, fuchsia_posix_socket_ProviderInterfaceIndexToNameRequest* request,
                          fidl_completer_t completer) {
  fuchsia_posix_socket_Provider_InterfaceIndexToName_Response response = {
      .name = fidl_string(request->index == 1 ? "lo" : "eth0")};
  if (request->index != 1 && request->index != 2) {
    PROVIDER(InterfaceIndexToName_reply_error)(completer, ZX_ERR_NOT_FOUND);
  } else {
    PROVIDER(InterfaceIndexToName_reply)(completer, &response);
  }
}

static uint64_t index_of(fidl_string_t name) {
  return fidl_string_equals(name, "lo") ? 1 : fidl_string_equals(name, "eth0") ? 2 : 0;
}

static void name_to_index(void* context, fuchsia_posix_socket_ProviderInterfaceNameToIndexRequest* request,
                          fidl_completer_t completer) {
  fuchsia_posix_socket_Provider_InterfaceNameToIndex_Response response = {.index = index_of(request->name)};
  if (!response.index) {
    PROVIDER(InterfaceNameToIndex_reply_error)(completer, ZX_ERR_NOT_FOUND);
  } else {
    PROVIDER(InterfaceNameToIndex_reply)(completer, &response);
  }
}

static void name_to_flags(void* context, fuchsia_posix_socket_ProviderInterfaceNameToFlagsRequest* request,
                          fidl_completer_t completer) {
  uint64_t index = index_of(request->name);
  fuchsia_posix_socket_Provider_InterfaceNameToFlags_Response response = {
      .flags = fuchsia_posix_socket_InterfaceFlags_UP |
               (index == 1 ? fuchsia_posix_socket_InterfaceFlags_LOOPBACK
                           : fuchsia_posix_socket_InterfaceFlags_BROADCAST)};
  if (!index) {
    PROVIDER(InterfaceNameToFlags_reply_error)(completer, ZX_ERR_NOT_FOUND);
  } else {
    PROVIDER(InterfaceNameToFlags_reply)(completer, &response);
  }
}

static void get_addresses(void* context, fidl_completer_t completer) {
  fuchsia_net_Ipv4Address ips[2] = {{.addr = {127, 0, 0, 1}}, {.addr = {10, 0, 2, 15}}};
  fidl_string_t names[2] = {fidl_string("lo"), fidl_string("eth0")};
  uint64_t ids[2] = {1, 2};
  fuchsia_net_Subnet subnets[2] = {{.prefix_len = 8}, {.prefix_len = 24}};
  fidl_vector_fuchsia_net_Subnet_t vectors[2];
  fuchsia_posix_socket_InterfaceAddresses interfaces[2];
  fuchsia_posix_socket_InterfaceAddresses_frame_t frames[2];
  for (int i = 0; i < 2; i++) {
    subnets[i].addr = fuchsia_net_IpAddress_with_ipv4(ips[i]);
    vectors[i] = (fidl_vector_fuchsia_net_Subnet_t){.count = 1, .data = &subnets[i]};
    fuchsia_posix_socket_InterfaceAddresses_init(&interfaces[i], &frames[i]);
    fuchsia_posix_socket_InterfaceAddresses_set_id(&interfaces[i], &ids[i]);
    fuchsia_posix_socket_InterfaceAddresses_set_name(&interfaces[i], &names[i]);
    fuchsia_posix_socket_InterfaceAddresses_set_addresses(&interfaces[i], &vectors[i]);
  }
  fuchsia_posix_socket_ProviderGetInterfaceAddressesResponse response = {
      .interfaces = {.count = 2, .data = interfaces}};
  PROVIDER(GetInterfaceAddresses_reply)(completer, &response);
}

static const fuchsia_posix_socket_Provider_ops_t provider_ops = {
    .DatagramSocketDeprecated = synchronous_datagram_socket,
    .DatagramSocket = datagram_socket,
    .InterfaceIndexToName = index_to_name,
    .InterfaceNameToIndex = name_to_index,
    .InterfaceNameToFlags = name_to_flags,
    .GetInterfaceAddresses = get_addresses,
};

static void open_service(void* context, fuchsia_io_DirectoryOpenRequest* request) {
  fake_stack_t* stack = (fake_stack_t*)context;
  if (!fidl_string_equals(request->path, fuchsia_posix_socket_Provider_NAME)) return;
  if (PROVIDER(bind)(async_loop_get_dispatcher(stack->loop), request->object, &provider_ops, stack, NULL,
                     NULL) != ZX_OK) {
    abort();
  }
  request->object = ZX_HANDLE_INVALID;
}

static const fuchsia_io_Directory_ops_t directory_ops = {.Open = open_service};

static void* serve(void* context) {
  fake_thread_t* thread = (fake_thread_t*)context;
  async_loop_run(thread->stack.loop, ZX_TIME_INFINITE, false);
  async_loop_shutdown(thread->stack.loop);
  return NULL;
}

fake_stack_t* fake_stack_start(zx_handle_t svc) {
  fake_thread_t* thread = calloc(1, sizeof(*thread));
  if (!thread || async_loop_create(NULL, &thread->stack.loop) != ZX_OK) abort();
  thread->stack.next_port = 40000;
  if (fuchsia_io_Directory_bind(async_loop_get_dispatcher(thread->stack.loop), svc, &directory_ops,
                                &thread->stack, NULL, NULL) != ZX_OK ||
      pthread_create(&thread->thread, NULL, serve, thread) != 0) {
    abort();
  }
  return &thread->stack;
}

void fake_stack_stop(fake_stack_t* stack) {
  fake_thread_t* thread = (fake_thread_t*)stack;
  async_loop_quit(stack->loop);
  pthread_join(thread->thread, NULL);
  async_loop_destroy(stack->loop);
  free(thread);
}

uint32_t fake_stack_sockets(fake_stack_t* stack) {
  return atomic_load(&stack->num_sockets);
}

uint32_t fake_stack_messages(fake_stack_t* stack) {
  return atomic_load(&stack->num_messages);
}
