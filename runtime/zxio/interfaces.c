// What the ioctls of interfaces need to know about the network stack's interfaces.
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>

#include "internal.h"

typedef fuchsia_posix_socket_ProviderGetInterfaceAddressesResponse list_response_t;

// The error of these methods is a zx.Status, of which the programs know one: there is no such interface.
static bool failed(const void* result, int16_t* out_code) {
  const zxio_result_t* view = (const zxio_result_t*)result;
  int32_t status = ZX_OK;
  if (view->ordinal == ZXIO_RESULT_ERR) memcpy(&status, view->envelope.inl.value, sizeof(status));
  *out_code = status == ZX_OK ? 0 : status == ZX_ERR_NOT_FOUND ? ENODEV : (int16_t)zxio_errno(status);
  return status != ZX_OK;
}

// A name that is not UTF-8 cannot be sent, and is no interface's.
static zx_status_t no_such_name(zx_status_t status, int16_t* out_code) {
  if (status != ZX_ERR_INVALID_ARGS) return status;
  *out_code = ENODEV;
  return ZX_OK;
}

zx_status_t zxio_interface_name(zx_handle_t provider, uint64_t index, char* name, int16_t* out_code) {
  fuchsia_posix_socket_ProviderInterfaceIndexToNameRequest request = {.index = index};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_InterfaceIndexToName_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_Provider_InterfaceIndexToName_Result* result;
  zx_status_t status = fuchsia_posix_socket_Provider_InterfaceIndexToName(provider, &request, &call, &result);
  if (status != ZX_OK || failed(result, out_code)) return status;
  memset(name, 0, IFNAMSIZ);
  memcpy(name, result->response->name.data, result->response->name.size);
  return ZX_OK;
}

zx_status_t zxio_interface_index(zx_handle_t provider, const char* name, uint64_t* out_index,
                                 int16_t* out_code) {
  fuchsia_posix_socket_ProviderInterfaceNameToIndexRequest request = {.name = fidl_string(name)};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_InterfaceNameToIndex_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_Provider_InterfaceNameToIndex_Result* result;
  zx_status_t status = fuchsia_posix_socket_Provider_InterfaceNameToIndex(provider, &request, &call, &result);
  if (status != ZX_OK) return no_such_name(status, out_code);
  if (failed(result, out_code)) return ZX_OK;
  *out_index = result->response->index;
  return ZX_OK;
}

zx_status_t zxio_interface_flags(zx_handle_t provider, const char* name, uint16_t* out_flags,
                                 int16_t* out_code) {
  fuchsia_posix_socket_ProviderInterfaceNameToFlagsRequest request = {.name = fidl_string(name)};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_InterfaceNameToFlags_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_Provider_InterfaceNameToFlags_Result* result;
  zx_status_t status = fuchsia_posix_socket_Provider_InterfaceNameToFlags(provider, &request, &call, &result);
  if (status != ZX_OK) return no_such_name(status, out_code);
  if (failed(result, out_code)) return ZX_OK;
  *out_flags = (uint16_t)result->response.flags;
  return ZX_OK;
}

// Lists

typedef fuchsia_posix_socket_InterfaceAddresses addresses_t;

static socklen_t fill_address(const fuchsia_net_Subnet* subnet, uint64_t index,
                              struct sockaddr_storage* out) {
  memset(out, 0, sizeof(*out));
  if (subnet->addr.ordinal == fuchsia_net_IpAddress_Tag_ipv4) {
    struct sockaddr_in in = {.sin_family = AF_INET};
    memcpy(&in.sin_addr, subnet->addr.ipv4.addr, sizeof(in.sin_addr));
    memcpy(out, &in, sizeof(in));
    return sizeof(in);
  }
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  memcpy(&in6.sin6_addr, subnet->addr.ipv6->addr, sizeof(in6.sin6_addr));
  if (IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr)) in6.sin6_scope_id = (uint32_t)index;
  memcpy(out, &in6, sizeof(in6));
  return sizeof(in6);
}

static bool walk_one(const addresses_t* from, zxio_visit_interface_t visit, void* context) {
  zxio_interface_t interface = {0};
  struct sockaddr_storage addr;
  if (!fuchsia_posix_socket_InterfaceAddresses_has_name(from)) return true;
  fidl_string_t name = *fuchsia_posix_socket_InterfaceAddresses_name(from);
  memcpy(interface.name, name.data,
         name.size < sizeof(interface.name) ? name.size : sizeof(interface.name) - 1);
  if (fuchsia_posix_socket_InterfaceAddresses_has_id(from))
    interface.index = fuchsia_posix_socket_InterfaceAddresses_id(from);
  if (fuchsia_posix_socket_InterfaceAddresses_has_interface_flags(from))
    interface.flags = (uint16_t)fuchsia_posix_socket_InterfaceAddresses_interface_flags(from);
  const fidl_vector_fuchsia_net_Subnet_t* addresses =
      fuchsia_posix_socket_InterfaceAddresses_has_addresses(from)
          ? fuchsia_posix_socket_InterfaceAddresses_addresses(from)
          : NULL;
  if (!addresses || addresses->count == 0) return visit(context, &interface);
  for (uint64_t i = 0; i < addresses->count; i++) {
    fill_address(&addresses->data[i], interface.index, &addr);
    interface.addr = (const struct sockaddr*)&addr;
    interface.prefix_length = addresses->data[i].prefix_len;
    if (!visit(context, &interface)) return false;
  }
  return true;
}

zx_status_t zxio_interface_each(zx_handle_t provider, zxio_visit_interface_t visit, void* context) {
  void* scratch = zxio_scratch_acquire();
  if (!scratch) return ZX_ERR_NO_MEMORY;
  fidl_call_t call = fidl_call_make(scratch, FIDL_MAX_MESSAGE_BYTES, ZXIO_CALL_DEADLINE);
  list_response_t* list;
  zx_status_t status = fuchsia_posix_socket_Provider_GetInterfaceAddresses(provider, &call, &list);
  for (uint64_t i = 0; status == ZX_OK && i < list->interfaces.count; i++) {
    if (!walk_one(&list->interfaces.data[i], visit, context)) break;
  }
  zxio_scratch_release(scratch);
  return status;
}

static bool is_ipv4(const zxio_interface_t* interface) {
  return interface->addr && interface->addr->sa_family == AF_INET;
}

typedef struct search {
  const char* name;
  struct sockaddr* addr;
  unsigned prefix_length;
  bool found;
} search_t;

static bool visit_search(void* context, const zxio_interface_t* interface) {
  search_t* search = (search_t*)context;
  if (!is_ipv4(interface) || strcmp(interface->name, search->name) != 0) return true;
  memcpy(search->addr, interface->addr, sizeof(*search->addr));
  search->prefix_length = interface->prefix_length;
  search->found = true;
  return false;
}

zx_status_t zxio_interface_address(zx_handle_t provider, const char* name, struct sockaddr* out_addr,
                                   unsigned* out_prefix_length, int16_t* out_code) {
  uint64_t index;
  zx_status_t status = zxio_interface_index(provider, name, &index, out_code);
  if (status != ZX_OK || *out_code) return status;
  search_t search = {.name = name, .addr = out_addr};
  status = zxio_interface_each(provider, visit_search, &search);
  if (status != ZX_OK) return status;
  *out_code = search.found ? 0 : EADDRNOTAVAIL;
  if (search.found) *out_prefix_length = search.prefix_length;
  return ZX_OK;
}

typedef struct filling {
  struct ifreq* at;
  size_t room;
  size_t count;
} filling_t;

static bool visit_fill(void* context, const zxio_interface_t* interface) {
  filling_t* filling = (filling_t*)context;
  if (!is_ipv4(interface)) return true;
  filling->count++;
  if (!filling->at) return true;
  if (filling->count > filling->room) {
    filling->count = filling->room;
    return false;
  }
  struct ifreq* entry = &filling->at[filling->count - 1];
  memset(entry, 0, sizeof(*entry));
  memcpy(entry->ifr_name, interface->name, sizeof(entry->ifr_name));
  memcpy(&entry->ifr_addr, interface->addr, sizeof(entry->ifr_addr));
  return true;
}

zx_status_t zxio_interface_list(zx_handle_t provider, struct ifconf* list, int16_t* out_code) {
  *out_code = 0;
  filling_t filling = {.at = list->ifc_req};
  if (list->ifc_len > 0) filling.room = (size_t)list->ifc_len / sizeof(struct ifreq);
  zx_status_t status = zxio_interface_each(provider, visit_fill, &filling);
  if (status == ZX_OK) list->ifc_len = (int)(filling.count * sizeof(struct ifreq));
  return status;
}
