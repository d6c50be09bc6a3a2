// Stream sockets: what there is besides their bytes, which travel on the socket's descriptor without us.
// Above is fdio, below the generated proxy of StreamSocket.
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <zircon/linux.h>

#include "internal.h"

static zx_status_t stream_listen(zxio_socket_t* socket, int backlog, int16_t* out_code) {
  fuchsia_posix_socket_StreamSocketListenRequest request = {.backlog =
                                                                (int16_t)(backlog < INT16_MIN   ? INT16_MIN
                                                                          : backlog > INT16_MAX ? INT16_MAX
                                                                                                : backlog)};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_StreamSocket_Listen_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_StreamSocket_Listen_Result* result;
  zx_status_t status = fuchsia_posix_socket_StreamSocket_Listen(socket->channel, &request, &call, &result);
  if (status == ZX_OK) zxio_result_failed(result, out_code);
  return status;
}

static zx_status_t stream_accept(zxio_socket_t* socket, struct sockaddr* addr, socklen_t* length,
                                 zxio_socket_t* out_socket, int* out_fd, int16_t* out_code) {
  fuchsia_posix_socket_StreamSocketAcceptDescribedRequest request = {.want_addr = addr != NULL};
  FIDL_BUFFER(buffer, fuchsia_posix_socket_StreamSocket_AcceptDescribed_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_StreamSocket_AcceptDescribed_Result* result;
  zx_status_t status =
      fuchsia_posix_socket_StreamSocket_AcceptDescribed(socket->channel, &request, &call, &result);
  if (status != ZX_OK || zxio_result_failed(result, out_code)) return status;
  zxio_socket_init(out_socket, &zxio_stream_ops, result->response->s, socket->domain, socket->type,
                   socket->protocol);
  out_socket->linger_secs = socket->linger_secs;
  if (addr) zxio_address_to_sockaddr(&result->response->addr, addr, length);
  status = zx_linux_socket_unwrap(result->response->socket, out_fd);
  if (status != ZX_OK) zxio_socket_close(out_socket);
  return status;
}

const zxio_socket_ops_t zxio_stream_ops = {
    .listen = stream_listen,
    .accept = stream_accept,
};

zx_status_t zxio_stream_of(zx_handle_t provider, int fd, zxio_socket_t* out_socket, int16_t* out_code) {
  fuchsia_posix_socket_ProviderStreamSocketOfRequest request = {0};
  zx_status_t status = zx_linux_socket_wrap(fd, &request.socket);
  if (status != ZX_OK) return status;
  FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_StreamSocketOf_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_Provider_StreamSocketOf_Result* result;
  status = fuchsia_posix_socket_Provider_StreamSocketOf(provider, &request, &call, &result);
  if (status != ZX_OK || zxio_result_failed(result, out_code)) return status;
  zx_handle_t channel = result->response.s;
  FIDL_BUFFER(info_buffer, fuchsia_posix_socket_StreamSocket_GetInfo_RESPONSE_SIZE);
  call = FIDL_CALL(info_buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_StreamSocket_GetInfo_Result* info;
  status = fuchsia_posix_socket_StreamSocket_GetInfo(channel, &call, &info);
  if (status != ZX_OK || zxio_result_failed(info, out_code)) {
    zx_handle_close(channel);
    return status;
  }
  int domain = info->response->domain == fuchsia_posix_socket_Domain_IPV4 ? AF_INET : AF_INET6;
  zxio_socket_init(out_socket, &zxio_stream_ops, channel, domain, SOCK_STREAM, IPPROTO_TCP);
  return ZX_OK;
}

static zxio_stream_state_t state_of(fuchsia_posix_socket_TcpState state) {
  switch (state) {
    case fuchsia_posix_socket_TcpState_LISTEN:
      return ZXIO_STREAM_LISTENING;
    case fuchsia_posix_socket_TcpState_CLOSE:
      return ZXIO_STREAM_IDLE;
    case fuchsia_posix_socket_TcpState_SYN_SENT:
    case fuchsia_posix_socket_TcpState_SYN_RECV:
      return ZXIO_STREAM_CONNECTING;
    default:
      return ZXIO_STREAM_CONNECTED;
  }
}

zx_status_t zxio_stream_state(zxio_socket_t* socket, zxio_stream_state_t* out_state, int16_t* out_code) {
  FIDL_BUFFER(buffer, fuchsia_posix_socket_StreamSocket_GetTcpInfo_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_StreamSocket_GetTcpInfo_Result* result;
  zx_status_t status = fuchsia_posix_socket_StreamSocket_GetTcpInfo(socket->channel, &call, &result);
  if (status != ZX_OK || zxio_result_failed(result, out_code)) return status;
  *out_state = state_of(fuchsia_posix_socket_TcpInfo_state(&result->response->info));
  return ZX_OK;
}
