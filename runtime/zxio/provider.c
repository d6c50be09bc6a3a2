// Where sockets come from: the provider, found in the directory of services, and what socket(2) asks of it.
#include <errno.h>
#include <fidl/fuchsia.io.h>
#include <netinet/in.h>
#include <zircon/linux.h>

#include "internal.h"

zx_status_t zxio_provider_connect(zx_handle_t svc, zx_handle_t* out_provider) {
  zx_handle_t client;
  zx_handle_t server;
  zx_status_t status = zx_channel_create(0, &client, &server);
  if (status != ZX_OK) return status;
  fuchsia_io_DirectoryOpenRequest request = {.path = fidl_string(fuchsia_posix_socket_Provider_NAME),
                                             .object = server};
  status = fuchsia_io_Directory_Open(svc, &request);
  if (status != ZX_OK) {
    zx_handle_close(client);
    return status;
  }
  *out_provider = client;
  return ZX_OK;
}

static int16_t datagram_protocol(int domain, int protocol, fuchsia_posix_socket_DatagramSocketProtocol* out) {
  if (protocol == 0 || protocol == IPPROTO_UDP) {
    *out = fuchsia_posix_socket_DatagramSocketProtocol_UDP;
    return 0;
  }
  if (protocol == (domain == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
    *out = fuchsia_posix_socket_DatagramSocketProtocol_ICMP_ECHO;
    return 0;
  }
  return EPROTONOSUPPORT;
}

// As the server likes it, or of the synchronous kind.
static zx_status_t make_datagram(zx_handle_t provider, int domain,
                                 fuchsia_posix_socket_DatagramSocketProtocol protocol, zx_handle_t* out,
                                 bool* out_fast, int16_t* out_code) {
  fuchsia_posix_socket_ProviderDatagramSocketRequest request = {
      .domain = domain == AF_INET ? fuchsia_posix_socket_Domain_IPV4 : fuchsia_posix_socket_Domain_IPV6,
      .proto = protocol};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_DatagramSocket_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_Provider_DatagramSocket_Result* result;
  zx_status_t status = fuchsia_posix_socket_Provider_DatagramSocket(provider, &request, &call, &result);
  if (status != ZX_OK || zxio_result_failed(result, out_code)) return status;
  *out_fast =
      result->response->ordinal == fuchsia_posix_socket_Provider_DatagramSocket_Response_Tag_datagram_socket;
  *out = *out_fast ? result->response->datagram_socket : result->response->synchronous_datagram_socket;
  return ZX_OK;
}

static zx_status_t make_synchronous_datagram(zx_handle_t provider, int domain,
                                             fuchsia_posix_socket_DatagramSocketProtocol protocol,
                                             zx_handle_t* out, int16_t* out_code) {
  fuchsia_posix_socket_ProviderDatagramSocketDeprecatedRequest request = {
      .domain = domain == AF_INET ? fuchsia_posix_socket_Domain_IPV4 : fuchsia_posix_socket_Domain_IPV6,
      .proto = protocol};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_DatagramSocketDeprecated_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_Provider_DatagramSocketDeprecated_Result* result;
  zx_status_t status =
      fuchsia_posix_socket_Provider_DatagramSocketDeprecated(provider, &request, &call, &result);
  if (status != ZX_OK || zxio_result_failed(result, out_code)) return status;
  *out = result->response.s;
  return ZX_OK;
}

static zx_status_t make_stream(zx_handle_t provider, int domain, zx_handle_t* out, zx_handle_t* out_end,
                               int16_t* out_code) {
  fuchsia_posix_socket_ProviderStreamSocketDescribedRequest request = {
      .domain = domain == AF_INET ? fuchsia_posix_socket_Domain_IPV4 : fuchsia_posix_socket_Domain_IPV6,
      .proto = fuchsia_posix_socket_StreamSocketProtocol_TCP};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_StreamSocketDescribed_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_Provider_StreamSocketDescribed_Result* result;
  zx_status_t status =
      fuchsia_posix_socket_Provider_StreamSocketDescribed(provider, &request, &call, &result);
  if (status != ZX_OK || zxio_result_failed(result, out_code)) return status;
  *out = result->response->s;
  *out_end = result->response->socket;
  return ZX_OK;
}

static zx_status_t create_datagram(zx_handle_t provider, int domain, int protocol, bool may_be_fast,
                                   zxio_socket_t* out_socket, int* out_fd, int16_t* out_code) {
  fuchsia_posix_socket_DatagramSocketProtocol kind = fuchsia_posix_socket_DatagramSocketProtocol_UDP;
  *out_code = datagram_protocol(domain, protocol, &kind);
  if (*out_code) return ZX_OK;
  zx_handle_t channel = ZX_HANDLE_INVALID;
  bool fast = false;
  zx_status_t status = may_be_fast ? make_datagram(provider, domain, kind, &channel, &fast, out_code)
                                   : make_synchronous_datagram(provider, domain, kind, &channel, out_code);
  if (status != ZX_OK || *out_code) return status;
  zxio_socket_init(out_socket, fast ? &zxio_fast_datagram_ops : &zxio_datagram_ops, channel, domain,
                   SOCK_DGRAM, protocol ? protocol : IPPROTO_UDP);
  zx_handle_t event = ZX_HANDLE_INVALID;
  status = fast ? zxio_fast_datagram_describe(channel, out_fd)
                : zxio_datagram_ops.describe(out_socket, &event, out_fd);
  atomic_init(&out_socket->event, event);
  if (status != ZX_OK) zxio_socket_close(out_socket);
  return status;
}

static zx_status_t create_stream(zx_handle_t provider, int domain, int protocol, zxio_socket_t* out_socket,
                                 int* out_fd, int16_t* out_code) {
  *out_code = protocol == 0 || protocol == IPPROTO_TCP ? 0 : EPROTONOSUPPORT;
  if (*out_code) return ZX_OK;
  zx_handle_t channel = ZX_HANDLE_INVALID;
  zx_handle_t end = ZX_HANDLE_INVALID;
  zx_status_t status = make_stream(provider, domain, &channel, &end, out_code);
  if (status != ZX_OK || *out_code) return status;
  zxio_socket_init(out_socket, &zxio_stream_ops, channel, domain, SOCK_STREAM, IPPROTO_TCP);
  status = zx_linux_socket_unwrap(end, out_fd);
  if (status != ZX_OK) zxio_socket_close(out_socket);
  return status;
}

static zx_status_t create(zx_handle_t provider, int domain, int type, int protocol, bool may_be_fast,
                          zxio_socket_t* out_socket, int* out_fd, int16_t* out_code) {
  enum { MAX_TYPE = 11, MAX_PROTOCOL = 263 };  // Linux's; what is beyond is no number of anything
  bool numbered = protocol >= 0 && protocol < MAX_PROTOCOL;
  bool internet = numbered && (domain == AF_INET || domain == AF_INET6);
  if (internet && type == SOCK_DGRAM)
    return create_datagram(provider, domain, protocol, may_be_fast, out_socket, out_fd, out_code);
  if (internet && type == SOCK_STREAM)
    return create_stream(provider, domain, protocol, out_socket, out_fd, out_code);
  bool possible = numbered && type >= 0 && type < MAX_TYPE;
  if (possible && type == SOCK_RAW) possible = protocol <= UINT8_MAX;
  *out_code = possible ? EPROTONOSUPPORT : EINVAL;
  return ZX_OK;
}

zx_status_t zxio_socket_create(zx_handle_t provider, int domain, int type, int protocol,
                               zxio_socket_t* out_socket, int* out_fd, int16_t* out_code) {
  return create(provider, domain, type, protocol, false, out_socket, out_fd, out_code);
}

zx_status_t zxio_socket_create_fast(zx_handle_t provider, int domain, int type, int protocol,
                                    zxio_socket_t* out_socket, int* out_fd, int16_t* out_code) {
  return create(provider, domain, type, protocol, true, out_socket, out_fd, out_code);
}
