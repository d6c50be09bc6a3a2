// Clients, and what they ask the Provider for. Above: applications' processes. Beside:
// synchronous_datagram_socket.c, fast_datagram_socket.c and stream_socket.c, which serve the sockets made
// here. Below: netstack.c and the engine.
#include "provider.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fidl/fuchsia.posix.socket.h>
#include <lib/async/task.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "address.h"
#include "fast_datagram_socket.h"
#include "fast_datagram_state.h"
#include "interface.h"
#include "netstack.h"
#include "stream_socket.h"
#include "synchronous_datagram_socket.h"

// How long requests wait for a device that does not come.
static const zx_duration_t patience_ns = ZX_SEC(5);

struct provider_list {
  netstack_t* netstack;
  bool open;
  async_task_t impatience;
  size_t client_count;
  uint32_t descriptors;  // charged to all clients
  size_t waiting_count;
  zx_handle_t waiting[PROVIDER_CLIENTS_MAX];
};

struct provider_client {
  provider_list_t* list;
  tcpip_client_t* engine;
  uint32_t references;   // the connection to the Provider and each socket
  uint32_t descriptors;  // charged
  fast_datagram_states_t* states;
};

netstack_t* provider_client_netstack(const provider_client_t* client) {
  return client->list->netstack;
}

tcpip_client_t* provider_client_engine(const provider_client_t* client) {
  return client->engine;
}

fast_datagram_states_t* provider_client_states(provider_client_t* client) {
  uint32_t sockets = netstack_configuration(provider_client_netstack(client))->quota.sockets;
  if (!client->states)
    (void)fast_datagram_states_create(sockets > 0 ? sockets : TCPIP_SOCKETS_DEFAULT, &client->states);
  return client->states;
}

void provider_client_acquire(provider_client_t* client) {
  client->references++;
}

void provider_client_release(provider_client_t* client) {
  if (--client->references > 0) return;
  netstack_t* netstack = provider_client_netstack(client);
  client->list->client_count--;
  netstack_enter(netstack);
  tcpip_client_destroy(client->engine);
  netstack_leave(netstack);
  fast_datagram_states_destroy(client->states);
  free(client);
}

bool provider_client_charge(provider_client_t* client, uint32_t descriptors) {
  uint32_t all = netstack_configuration(provider_client_netstack(client))->descriptors;
  uint32_t others = client->list->descriptors - client->descriptors;
  if (all != 0 && (others > all || client->descriptors + descriptors > (all - others) / 2)) return false;
  client->descriptors += descriptors;
  client->list->descriptors += descriptors;
  return true;
}

void provider_client_refund(provider_client_t* client, uint32_t descriptors) {
  client->descriptors -= descriptors;
  client->list->descriptors -= descriptors;
}

// Makes a stream and the client end that leads to it; `out_socket` (NULL: not wanted) gets its descriptor. 0
// or a negative errno.
static int open_stream_socket(provider_client_t* client, fuchsia_posix_socket_Domain domain,
                              zx_handle_t* out_s, zx_handle_t* out_socket) {
  uint8_t family = domain == fuchsia_posix_socket_Domain_IPV4 ? TCPIP_IPV4 : TCPIP_IPV6;
  zx_handle_t client_end = ZX_HANDLE_INVALID;
  zx_handle_t server_end = ZX_HANDLE_INVALID;
  if (zx_channel_create(0, &client_end, &server_end) != ZX_OK) return -ENFILE;
  int result = stream_socket_open(client, family, server_end, out_socket);
  if (result != 0) {
    zx_handle_close(client_end);
    return result;
  }
  *out_s = client_end;
  return 0;
}

static void stream_socket(void* context, fuchsia_posix_socket_ProviderStreamSocketRequest* request,
                          fidl_completer_t completer) {
  fuchsia_posix_socket_Provider_StreamSocket_Response response = {0};
  int result = open_stream_socket(context, request->domain, &response.s, NULL);
  if (result != 0) {
    fuchsia_posix_socket_Provider_StreamSocket_reply_error(completer, errno_to_fidl(result));
    return;
  }
  fuchsia_posix_socket_Provider_StreamSocket_reply(completer, &response);
}

static void stream_socket_described(void* context,
                                    fuchsia_posix_socket_ProviderStreamSocketDescribedRequest* request,
                                    fidl_completer_t completer) {
  fuchsia_posix_socket_Provider_StreamSocketDescribed_Response response = {0};
  int result = open_stream_socket(context, request->domain, &response.s, &response.socket);
  if (result != 0) {
    fuchsia_posix_socket_Provider_StreamSocketDescribed_reply_error(completer, errno_to_fidl(result));
    return;
  }
  fuchsia_posix_socket_Provider_StreamSocketDescribed_reply(completer, &response);
}

static void stream_socket_of(void* context, fuchsia_posix_socket_ProviderStreamSocketOfRequest* request,
                             fidl_completer_t completer) {
  provider_client_t* client = context;
  fuchsia_posix_socket_Provider_StreamSocketOf_Response response = {0};
  zx_handle_t socket = request->socket;
  zx_handle_t server_end = ZX_HANDLE_INVALID;
  request->socket = ZX_HANDLE_INVALID;
  int fd = -1;
  int result = -ENOTSOCK;
  if (zx_linux_socket_unwrap(socket, &fd) == ZX_OK) {
    result = -ENFILE;
    if (zx_channel_create(0, &response.s, &server_end) == ZX_OK) {
      result = stream_socket_adopt(netstack_streams(provider_client_netstack(client)), fd, server_end);
    } else {
      close(fd);
    }
  }
  if (result != 0) {
    zx_handle_close(response.s);
    fuchsia_posix_socket_Provider_StreamSocketOf_reply_error(completer, errno_to_fidl(result));
    return;
  }
  fuchsia_posix_socket_Provider_StreamSocketOf_reply(completer, &response);
}

// Makes a socket and the client end that leads to it. 0 or a negative errno.
static int open_datagram_socket(provider_client_t* client, fuchsia_posix_socket_Domain domain,
                                fuchsia_posix_socket_DatagramSocketProtocol proto, bool fast,
                                zx_handle_t* out) {
  uint8_t family = domain == fuchsia_posix_socket_Domain_IPV4 ? TCPIP_IPV4 : TCPIP_IPV6;
  tcpip_protocol_t protocol =
      proto == fuchsia_posix_socket_DatagramSocketProtocol_UDP ? TCPIP_UDP : TCPIP_ICMP_ECHO;
  zx_handle_t client_end = ZX_HANDLE_INVALID;
  zx_handle_t server_end = ZX_HANDLE_INVALID;
  if (zx_channel_create(0, &client_end, &server_end) != ZX_OK) return -ENFILE;
  int result = fast ? fast_datagram_socket_open(client, family, server_end)
                    : synchronous_datagram_socket_open(client, family, protocol, server_end);
  if (result != 0) {
    zx_handle_close(client_end);
    return result;
  }
  *out = client_end;
  return 0;
}

static void datagram_socket_deprecated(void* context,
                                       fuchsia_posix_socket_ProviderDatagramSocketDeprecatedRequest* request,
                                       fidl_completer_t completer) {
  fuchsia_posix_socket_Provider_DatagramSocketDeprecated_Response response = {0};
  int result = open_datagram_socket(context, request->domain, request->proto, false, &response.s);
  if (result != 0) {
    fuchsia_posix_socket_Provider_DatagramSocketDeprecated_reply_error(completer, errno_to_fidl(result));
    return;
  }
  fuchsia_posix_socket_Provider_DatagramSocketDeprecated_reply(completer, &response);
}

static void datagram_socket(void* context, fuchsia_posix_socket_ProviderDatagramSocketRequest* request,
                            fidl_completer_t completer) {
  provider_client_t* client = context;
  zx_handle_t s = ZX_HANDLE_INVALID;
  bool fast = request->proto == fuchsia_posix_socket_DatagramSocketProtocol_UDP &&
              !netstack_configuration(provider_client_netstack(client))->synchronous_datagrams;
  int result = open_datagram_socket(client, request->domain, request->proto, fast, &s);
  if (result != 0) {
    fuchsia_posix_socket_Provider_DatagramSocket_reply_error(completer, errno_to_fidl(result));
    return;
  }
  fuchsia_posix_socket_Provider_DatagramSocket_Response response =
      fast ? fuchsia_posix_socket_Provider_DatagramSocket_Response_with_datagram_socket(s)
           : fuchsia_posix_socket_Provider_DatagramSocket_Response_with_synchronous_datagram_socket(s);
  fuchsia_posix_socket_Provider_DatagramSocket_reply(completer, &response);
}

static void datagram_socket_of(void* context, fuchsia_posix_socket_ProviderDatagramSocketOfRequest* request,
                               fidl_completer_t completer) {
  provider_client_t* client = context;
  fuchsia_posix_socket_Provider_DatagramSocketOf_Response response = {0};
  zx_handle_t socket = request->socket;
  zx_handle_t server_end = ZX_HANDLE_INVALID;
  request->socket = ZX_HANDLE_INVALID;
  int fd = -1;
  int result = -ENOTSOCK;
  if (zx_linux_fd_unwrap(socket, &fd) == ZX_OK) {
    result = -ENFILE;
    if (zx_channel_create(0, &response.s, &server_end) == ZX_OK) {
      result = fast_datagram_socket_adopt(netstack_fast_datagrams(provider_client_netstack(client)), fd,
                                          server_end);
    } else {
      close(fd);
    }
  }
  if (result != 0) {
    zx_handle_close(response.s);
    fuchsia_posix_socket_Provider_DatagramSocketOf_reply_error(completer, errno_to_fidl(result));
    return;
  }
  fuchsia_posix_socket_Provider_DatagramSocketOf_reply(completer, &response);
}

static void interface_index_to_name(void* context,
                                    fuchsia_posix_socket_ProviderInterfaceIndexToNameRequest* request,
                                    fidl_completer_t completer) {
  provider_client_t* client = context;
  tcpip_interface_info_t info;
  if (request->index > UINT32_MAX || tcpip_interface_get(netstack_engine(provider_client_netstack(client)),
                                                         (uint32_t)request->index, &info) != 0) {
    fuchsia_posix_socket_Provider_InterfaceIndexToName_reply_error(completer, ZX_ERR_NOT_FOUND);
    return;
  }
  fuchsia_posix_socket_Provider_InterfaceIndexToName_Response response = {.name = fidl_string(info.name)};
  fuchsia_posix_socket_Provider_InterfaceIndexToName_reply(completer, &response);
}

static uint32_t find_interface(provider_client_t* client, fidl_string_t name) {
  return interface_by_name(netstack_engine(provider_client_netstack(client)), name);
}

static void interface_name_to_index(void* context,
                                    fuchsia_posix_socket_ProviderInterfaceNameToIndexRequest* request,
                                    fidl_completer_t completer) {
  uint32_t index = find_interface(context, request->name);
  if (index == 0) {
    fuchsia_posix_socket_Provider_InterfaceNameToIndex_reply_error(completer, ZX_ERR_NOT_FOUND);
    return;
  }
  fuchsia_posix_socket_Provider_InterfaceNameToIndex_Response response = {.index = index};
  fuchsia_posix_socket_Provider_InterfaceNameToIndex_reply(completer, &response);
}

static fuchsia_posix_socket_InterfaceFlags flags_of(const tcpip_interface_info_t* info) {
  fuchsia_posix_socket_InterfaceFlags flags = 0;
  if (info->up) flags |= fuchsia_posix_socket_InterfaceFlags_UP | fuchsia_posix_socket_InterfaceFlags_RUNNING;
  if (info->loopback) return flags | fuchsia_posix_socket_InterfaceFlags_LOOPBACK;
  return flags | fuchsia_posix_socket_InterfaceFlags_BROADCAST |
         fuchsia_posix_socket_InterfaceFlags_MULTICAST;
}

static void interface_name_to_flags(void* context,
                                    fuchsia_posix_socket_ProviderInterfaceNameToFlagsRequest* request,
                                    fidl_completer_t completer) {
  provider_client_t* client = context;
  tcpip_interface_info_t info;
  uint32_t index = find_interface(client, request->name);
  if (index == 0 ||
      tcpip_interface_get(netstack_engine(provider_client_netstack(client)), index, &info) != 0) {
    fuchsia_posix_socket_Provider_InterfaceNameToFlags_reply_error(completer, ZX_ERR_NOT_FOUND);
    return;
  }
  fuchsia_posix_socket_Provider_InterfaceNameToFlags_Response response = {.flags = flags_of(&info)};
  fuchsia_posix_socket_Provider_InterfaceNameToFlags_reply(completer, &response);
}

// One interface of an answer, with the memory that its table points to.
enum { ADDRESSES_MAX = 32 };

typedef struct interface_answer {
  fuchsia_posix_socket_InterfaceAddresses_frame_t frame;
  uint64_t id;
  tcpip_interface_info_t info;
  fidl_string_t name;
  fidl_vector_fuchsia_net_Subnet_t subnets;
  fuchsia_net_Subnet subnet[ADDRESSES_MAX];
  ip_address_storage_t storage[ADDRESSES_MAX];
} interface_answer_t;

static void describe_interface(const tcpip_t* engine, uint32_t index, interface_answer_t* answer,
                               fuchsia_posix_socket_InterfaceAddresses* out) {
  tcpip_address_info_t addresses[ADDRESSES_MAX];
  int count = tcpip_address_list(engine, index, addresses, ADDRESSES_MAX);
  if (count > ADDRESSES_MAX) count = ADDRESSES_MAX;
  size_t usable = 0;
  for (int i = 0; i < count; i++) {
    if (addresses[i].state != TCPIP_ADDRESS_ASSIGNED) continue;
    answer->subnet[usable] = subnet_to_fidl(&addresses[i].subnet, &answer->storage[usable]);
    usable++;
  }
  (void)tcpip_interface_get(engine, index, &answer->info);
  answer->id = index;
  answer->name = fidl_string(answer->info.name);
  answer->subnets = (fidl_vector_fuchsia_net_Subnet_t){.count = usable, .data = answer->subnet};
  fuchsia_posix_socket_InterfaceAddresses_init(out, &answer->frame);
  fuchsia_posix_socket_InterfaceAddresses_set_id(out, &answer->id);
  fuchsia_posix_socket_InterfaceAddresses_set_name(out, &answer->name);
  fuchsia_posix_socket_InterfaceAddresses_set_addresses(out, &answer->subnets);
  fuchsia_posix_socket_InterfaceAddresses_set_interface_flags(out, flags_of(&answer->info));
}

static void get_interface_addresses(void* context, fidl_completer_t completer) {
  provider_client_t* client = context;
  const tcpip_t* engine = netstack_engine(provider_client_netstack(client));
  size_t count = 0;
  for (uint32_t i = tcpip_interface_next(engine, 0); i != 0; i = tcpip_interface_next(engine, i))
    count++;
  fuchsia_posix_socket_InterfaceAddresses* interfaces = calloc(count, sizeof(*interfaces));
  interface_answer_t* answers = calloc(count, sizeof(*answers));
  if (interfaces && answers) {
    size_t next = 0;
    for (uint32_t i = tcpip_interface_next(engine, 0); i != 0; i = tcpip_interface_next(engine, i), next++) {
      describe_interface(engine, i, &answers[next], &interfaces[next]);
    }
    fuchsia_posix_socket_ProviderGetInterfaceAddressesResponse response = {
        .interfaces = {.count = count, .data = interfaces}};
    fuchsia_posix_socket_Provider_GetInterfaceAddresses_reply(completer, &response);
  } else {
    fidl_completer_close(completer, ZX_ERR_NO_MEMORY);
  }
  free(answers);
  free(interfaces);
}

static const fuchsia_posix_socket_Provider_ops_t provider_ops = {
    .StreamSocket = stream_socket,
    .StreamSocketDescribed = stream_socket_described,
    .StreamSocketOf = stream_socket_of,
    .DatagramSocketDeprecated = datagram_socket_deprecated,
    .DatagramSocket = datagram_socket,
    .DatagramSocketOf = datagram_socket_of,
    .InterfaceIndexToName = interface_index_to_name,
    .InterfaceNameToIndex = interface_name_to_index,
    .InterfaceNameToFlags = interface_name_to_flags,
    .GetInterfaceAddresses = get_interface_addresses,
};

static void provider_unbound(void* context, fidl_binding_t* binding, zx_status_t reason) {
  provider_client_release(context);
}

static void refuse(zx_handle_t server_end, zx_status_t reason) {
  (void)fidl_epitaph_write(server_end, reason);
  zx_handle_close(server_end);
}

static void serve(provider_list_t* list, zx_handle_t server_end) {
  provider_client_t* client = list->client_count < PROVIDER_CLIENTS_MAX ? calloc(1, sizeof(*client)) : NULL;
  if (!client) {
    refuse(server_end, ZX_ERR_NO_RESOURCES);
    return;
  }
  const tcpip_quota_t* quota = &netstack_configuration(list->netstack)->quota;
  *client = (provider_client_t){.list = list, .references = 1};
  if (tcpip_client_create(netstack_engine(list->netstack), quota, &client->engine) != 0) {
    free(client);
    refuse(server_end, ZX_ERR_NO_MEMORY);
    return;
  }
  list->client_count++;
  zx_status_t status = fuchsia_posix_socket_Provider_bind(netstack_dispatcher(list->netstack), server_end,
                                                          &provider_ops, client, provider_unbound, NULL);
  if (status != ZX_OK) provider_client_release(client);
}

void provider_list_add(provider_list_t* list, zx_handle_t server_end) {
  if (list->open) {
    serve(list, server_end);
  } else if (list->waiting_count < PROVIDER_CLIENTS_MAX) {
    list->waiting[list->waiting_count++] = server_end;
  } else {
    refuse(server_end, ZX_ERR_NO_RESOURCES);
  }
}

void provider_list_open(provider_list_t* list) {
  if (list->open) return;
  list->open = true;
  (void)async_cancel_task(netstack_dispatcher(list->netstack), &list->impatience);
  for (size_t i = 0; i < list->waiting_count; i++)
    serve(list, list->waiting[i]);
  list->waiting_count = 0;
}

static void patience_ended(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  provider_list_t* list = (void*)((char*)task - offsetof(provider_list_t, impatience));
  if (status != ZX_OK) return;
  netstack_log(list->netstack, "no Ethernet device yet; going on without");
  provider_list_open(list);
}

zx_status_t provider_list_create(netstack_t* netstack, provider_list_t** out) {
  provider_list_t* list = calloc(1, sizeof(*list));
  if (!list) return ZX_ERR_NO_MEMORY;
  list->netstack = netstack;
  list->impatience.handler = patience_ended;
  list->impatience.deadline = zx_deadline_after(patience_ns);
  zx_status_t status = async_post_task(netstack_dispatcher(netstack), &list->impatience);
  if (status != ZX_OK) {
    free(list);
    return status;
  }
  *out = list;
  return ZX_OK;
}

void provider_list_destroy(provider_list_t* list) {
  if (!list) return;
  (void)async_cancel_task(netstack_dispatcher(list->netstack), &list->impatience);
  for (size_t i = 0; i < list->waiting_count; i++)
    refuse(list->waiting[i], ZX_ERR_CANCELED);
  free(list);
}
