// The options of the fake stack: it remembers what was set and tells it when asked.
#include <errno.h>
#include <string.h>

#include "fake_internal.h"

#define REPLY_SET(name) FAKE_CALL(Set##name##_reply)(completer)

#define DEFINE_GET(protocol, name, type, field)                                                \
  static void get_##name(void* context, fidl_completer_t completer) {                          \
    int64_t number = fake_socket_of(context)->options[FAKE_OPTION_##name];                     \
    fuchsia_posix_socket_##protocol##_Get##name##_Response response = {.field = (type)number}; \
    FAKE_CALL(Get##name##_reply)(completer, &response);                                        \
  }
#define DEFINE_SET(protocol, name, expression)                                                        \
  static void set_##name(void* context, fuchsia_posix_socket_##protocol##Set##name##Request* request, \
                         fidl_completer_t completer) {                                                \
    fake_socket_of(context)->options[FAKE_OPTION_##name] = (int64_t)(expression);                     \
    REPLY_SET(name);                                                                                  \
  }

#define DEFINE_BOOL(protocol, name) \
  DEFINE_GET(protocol, name, bool, value) DEFINE_SET(protocol, name, request->value)
#define DEFINE_NUMBER(protocol, name) \
  DEFINE_GET(protocol, name, uint8_t, value) DEFINE_SET(protocol, name, request->value)
#define DEFINE_OPTIONAL(protocol, name)                                                                    \
  DEFINE_GET(protocol, name, uint8_t, value)                                                               \
  DEFINE_SET(protocol, name,                                                                               \
             request->value.ordinal == fuchsia_posix_socket_OptionalUint8_Tag_value ? request->value.value \
                                                                                    : FAKE_DEFAULT_BYTE)
#define DEFINE_SIZE(protocol, name) \
  DEFINE_GET(protocol, name, uint64_t, value_bytes) DEFINE_SET(protocol, name, request->value_bytes)

FAKE_BOOLS(DEFINE_BOOL)
FAKE_NUMBERS(DEFINE_NUMBER)
FAKE_OPTIONALS(DEFINE_OPTIONAL)
FAKE_SIZES(DEFINE_SIZE)

static void set_linger(void* context, fuchsia_posix_socket_BaseSocketSetLingerRequest* request,
                       fidl_completer_t completer) {
  fake_socket_of(context)->linger = *request;
  FAKE_CALL(SetLinger_reply)(completer);
}

static void get_linger(void* context, fidl_completer_t completer) {
  fuchsia_posix_socket_BaseSocketSetLingerRequest* linger = &fake_socket_of(context)->linger;
  fuchsia_posix_socket_BaseSocket_GetLinger_Response response = {.linger = linger->linger,
                                                                 .length_secs = linger->length_secs};
  FAKE_CALL(GetLinger_reply)(completer, &response);
}

static void set_device(void* context, fuchsia_posix_socket_BaseSocketSetBindToDeviceRequest* request,
                       fidl_completer_t completer) {
  fake_socket_t* socket = fake_socket_of(context);
  if (request->value.size && !fidl_string_equals(request->value, "eth0")) {
    FAKE_CALL(SetBindToDevice_reply_error)(completer, ENODEV);
    return;
  }
  memset(socket->device, 0, sizeof(socket->device));
  memcpy(socket->device, request->value.data, request->value.size);
  FAKE_CALL(SetBindToDevice_reply)(completer);
}

static void get_device(void* context, fidl_completer_t completer) {
  fuchsia_posix_socket_BaseSocket_GetBindToDevice_Response response = {
      .value = fidl_string(fake_socket_of(context)->device)};
  FAKE_CALL(GetBindToDevice_reply)(completer, &response);
}

static void get_accept_conn(void* context, fidl_completer_t completer) {
  fuchsia_posix_socket_BaseSocket_GetAcceptConn_Response response = {.value = false};
  FAKE_CALL(GetAcceptConn_reply)(completer, &response);
}

static void get_path_mtu(void* context, fidl_completer_t completer) {
  FAKE_CALL(GetPathMtu_reply_error)(completer, ENOTCONN);
}

static void set_multicast_if(void* context,
                             fuchsia_posix_socket_BaseNetworkSocketSetIpMulticastInterfaceRequest* request,
                             fidl_completer_t completer) {
  fake_socket_of(context)->multicast_if = request->address;
  FAKE_CALL(SetIpMulticastInterface_reply)(completer);
}

static void get_multicast_if(void* context, fidl_completer_t completer) {
  fuchsia_posix_socket_BaseNetworkSocket_GetIpMulticastInterface_Response response = {
      .value = fake_socket_of(context)->multicast_if};
  FAKE_CALL(GetIpMulticastInterface_reply)(completer, &response);
}

static void set_ipv6_multicast_if(
    void* context, fuchsia_posix_socket_BaseNetworkSocketSetIpv6MulticastInterfaceRequest* request,
    fidl_completer_t completer) {
  fake_socket_of(context)->ipv6_multicast_if = (int64_t)request->value;
  FAKE_CALL(SetIpv6MulticastInterface_reply)(completer);
}

static void get_ipv6_multicast_if(void* context, fidl_completer_t completer) {
  fuchsia_posix_socket_BaseNetworkSocket_GetIpv6MulticastInterface_Response response = {
      .value = (uint64_t)fake_socket_of(context)->ipv6_multicast_if};
  FAKE_CALL(GetIpv6MulticastInterface_reply)(completer, &response);
}

// A group is joined by interface 2 only.
#define DEFINE_MEMBERSHIP(method)                                                                   \
  static void membership_##method(void* context,                                                    \
                                  fuchsia_posix_socket_BaseNetworkSocket##method##Request* request, \
                                  fidl_completer_t completer) {                                     \
    if (request->membership.iface == 2) {                                                           \
      FAKE_CALL(method##_reply)(completer);                                                         \
    } else {                                                                                        \
      FAKE_CALL(method##_reply_error)(completer, ENODEV);                                           \
    }                                                                                               \
  }
DEFINE_MEMBERSHIP(AddIpMembership)
DEFINE_MEMBERSHIP(DropIpMembership)
DEFINE_MEMBERSHIP(AddIpv6Membership)
DEFINE_MEMBERSHIP(DropIpv6Membership)

void fake_options_fill(fake_socket_ops_t* ops) {
#define FILL(protocol, name)   \
  ops->Set##name = set_##name; \
  ops->Get##name = get_##name;
  FAKE_BOOLS(FILL)
  FAKE_NUMBERS(FILL)
  FAKE_OPTIONALS(FILL)
  FAKE_SIZES(FILL)
  ops->SetLinger = set_linger;
  ops->GetLinger = get_linger;
  ops->SetBindToDevice = set_device;
  ops->GetBindToDevice = get_device;
  ops->GetAcceptConn = get_accept_conn;
  ops->GetPathMtu = get_path_mtu;
  ops->SetIpMulticastInterface = set_multicast_if;
  ops->GetIpMulticastInterface = get_multicast_if;
  ops->SetIpv6MulticastInterface = set_ipv6_multicast_if;
  ops->GetIpv6MulticastInterface = get_ipv6_multicast_if;
  ops->AddIpMembership = membership_AddIpMembership;
  ops->DropIpMembership = membership_DropIpMembership;
  ops->AddIpv6Membership = membership_AddIpv6Membership;
  ops->DropIpv6Membership = membership_DropIpv6Membership;
}
