// Datagram sockets of the fast kind: their datagrams travel on a descriptor, each behind a prelude that tells
// where from or where to (idl, DATAGRAM_PRELUDE_BYTES). Above is fdio, below the kernel; the server at the
// other end may put anything there.
#include <errno.h>
#include <lib/fidl/decoder.h>
#include <lib/fidl/message.h>
#include <netinet/in.h>
#include <sys/uio.h>
#include <zircon/linux.h>

#include "internal.h"

#define PRELUDE_BYTES fuchsia_posix_socket_DATAGRAM_PRELUDE_BYTES
// Messages of so many pieces have their list of them on the stack.
#define FEW_PIECES 16u

typedef struct prelude {
  uint16_t metadata_bytes;
  uint16_t kind;
  uint32_t zeroes;
} prelude_t;

#define METADATA_MAX (PRELUDE_BYTES - sizeof(prelude_t))

// A message's pieces with a prelude before them. `few` or, if there are more, `many`, to be released.
typedef struct pieces {
  struct iovec few[FEW_PIECES + 1];
  struct iovec* many;
} pieces_t;

// NULL: no memory. A message has at most IOV_MAX pieces, which fit.
static struct iovec* put_before(pieces_t* pieces, void* prelude, const struct msghdr* message) {
  struct iovec* iov = pieces->few;
  pieces->many = NULL;
  if (message->msg_iovlen > FEW_PIECES) iov = pieces->many = zxio_scratch_acquire();
  if (!iov) return NULL;
  iov[0] = (struct iovec){.iov_base = prelude, .iov_len = PRELUDE_BYTES};
  if (message->msg_iovlen > 0) memcpy(iov + 1, message->msg_iov, message->msg_iovlen * sizeof(*iov));
  return iov;
}

// Sending

static int16_t write_prelude(const struct msghdr* message, void* out) {
  zxio_address_t address;
  zxio_send_control_t control;
  fuchsia_posix_socket_SendMsgMeta metadata;
  fuchsia_posix_socket_SendMsgMeta_frame_t frame;
  fuchsia_posix_socket_SendMsgMeta_init(&metadata, &frame);
  int16_t code = 0;
  if (message->msg_name) {
    code = zxio_address_from_sockaddr(message->msg_name, message->msg_namelen, &address);
    fuchsia_posix_socket_SendMsgMeta_set_to(&metadata, &address.wire);
  }
  if (!code) code = zxio_control_to_wire(message, &control);
  if (code) return code;
  if (fuchsia_posix_socket_DatagramSocketSendControlData_has_network(&control.datagram))
    fuchsia_posix_socket_SendMsgMeta_set_control(&metadata, &control.datagram);
  uint64_t format = 0;
  uint64_t size = 0;
  uint32_t handles = 0;
  memset(out, 0, PRELUDE_BYTES);
  fidl_error_t error =
      fidl_standalone_encode(&fuchsia_posix_socket_SendMsgMeta_type_, &metadata,
                             (uint8_t*)out + sizeof(prelude_t), METADATA_MAX, NULL, &format, &size, &handles);
  if (error != FIDL_ERROR_NONE) return EINVAL;
  prelude_t prelude = {.metadata_bytes = (uint16_t)size, .kind = fuchsia_posix_socket_PreludeKind_DATAGRAM};
  memcpy(out, &prelude, sizeof(prelude));
  return 0;
}

int zxio_datagram_send(int fd, const struct msghdr* message, int flags, size_t* out_actual) {
  _Alignas(8) uint8_t prelude[PRELUDE_BYTES];
  pieces_t pieces;
  int error = write_prelude(message, prelude);
  if (error) return error;
  struct msghdr native = {.msg_iov = put_before(&pieces, prelude, message),
                          .msg_iovlen = message->msg_iovlen + 1};
  if (!native.msg_iov) return ENOMEM;
  ssize_t count = sendmsg(fd, &native, (flags & MSG_DONTWAIT) | MSG_NOSIGNAL);
  error = count < 0 ? errno : 0;
  zxio_scratch_release(pieces.many);
  if (error == ECONNRESET) error = EPIPE;
  if (!error) *out_actual = (size_t)count - PRELUDE_BYTES;
  return error;
}

// Receiving

// What there is in a prelude of `size` bytes of a message; changes it.
static zxio_received_t read_prelude(void* bytes, size_t size, fuchsia_posix_socket_RecvMsgMeta** out) {
  prelude_t prelude;
  if (size < PRELUDE_BYTES) return ZXIO_RECEIVED_NONSENSE;
  memcpy(&prelude, bytes, sizeof(prelude));
  if (prelude.kind == fuchsia_posix_socket_PreludeKind_ERROR) return ZXIO_RECEIVED_ERROR;
  if (prelude.kind != fuchsia_posix_socket_PreludeKind_DATAGRAM || prelude.metadata_bytes > METADATA_MAX)
    return ZXIO_RECEIVED_NONSENSE;
  void* metadata = (uint8_t*)bytes + sizeof(prelude);
  if (fidl_decode_message(&fuchsia_posix_socket_RecvMsgMeta_type_, metadata, prelude.metadata_bytes, NULL,
                          0) != FIDL_ERROR_NONE)
    return ZXIO_RECEIVED_NONSENSE;
  *out = metadata;
  return ZXIO_RECEIVED_DATAGRAM;
}

static void deliver(const fuchsia_posix_socket_RecvMsgMeta* metadata, struct msghdr* message) {
  static const fuchsia_net_SocketAddress nobody;
  static const fuchsia_posix_socket_DatagramSocketRecvControlData nothing;
  bool has_from = fuchsia_posix_socket_RecvMsgMeta_has_from(metadata);
  bool has_control = fuchsia_posix_socket_RecvMsgMeta_has_control(metadata);
  if (message->msg_name) {
    zxio_address_to_sockaddr(has_from ? fuchsia_posix_socket_RecvMsgMeta_from(metadata) : &nobody,
                             (struct sockaddr*)message->msg_name, &message->msg_namelen);
  }
  zxio_control_from_wire(has_control ? fuchsia_posix_socket_RecvMsgMeta_control(metadata) : &nothing,
                         message);
}

zxio_received_t zxio_datagram_receive(int fd, struct msghdr* message, int flags, size_t* out_actual,
                                      int* out_error) {
  _Alignas(8) uint8_t prelude[PRELUDE_BYTES];
  pieces_t pieces;
  size_t room = 0;
  *out_error = zxio_iov_length(message, &room);
  if (*out_error) return ZXIO_RECEIVED_NOTHING;
  struct msghdr native = {.msg_iov = put_before(&pieces, prelude, message),
                          .msg_iovlen = message->msg_iovlen + 1};
  if (!native.msg_iov) {
    *out_error = ENOMEM;
    return ZXIO_RECEIVED_NOTHING;
  }
  const int wanted = (flags & (MSG_DONTWAIT | MSG_PEEK)) | MSG_TRUNC;
  ssize_t count = recvmsg(fd, &native, wanted);
  // The word that the other end has gone with something unread comes once, before what it has sent.
  if (count < 0 && errno == ECONNRESET) count = recvmsg(fd, &native, wanted);
  *out_error = count < 0 ? errno : 0;
  zxio_scratch_release(pieces.many);
  if (count < 0) return ZXIO_RECEIVED_NOTHING;
  if (count == 0) return ZXIO_RECEIVED_END;
  fuchsia_posix_socket_RecvMsgMeta* metadata = NULL;
  zxio_received_t received = read_prelude(prelude, (size_t)count, &metadata);
  if (received != ZXIO_RECEIVED_DATAGRAM) return received;
  size_t length = (size_t)count - PRELUDE_BYTES;
  message->msg_flags = length > room ? MSG_TRUNC : 0;
  deliver(metadata, message);
  *out_actual = length > room && !(flags & MSG_TRUNC) ? room : length;
  return received;
}

zxio_received_t zxio_datagram_look(int fd, size_t* out_length) {
  prelude_t prelude;
  ssize_t count = recv(fd, &prelude, sizeof(prelude), MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC);
  if (count < 0) return ZXIO_RECEIVED_NOTHING;
  if (count == 0) return ZXIO_RECEIVED_END;
  if (count < (ssize_t)PRELUDE_BYTES) return ZXIO_RECEIVED_NONSENSE;
  if (prelude.kind == fuchsia_posix_socket_PreludeKind_ERROR) return ZXIO_RECEIVED_ERROR;
  *out_length = (size_t)count - PRELUDE_BYTES;
  return ZXIO_RECEIVED_DATAGRAM;
}

void zxio_datagram_skip_error(int fd) {
  char byte;
  size_t length;
  if (zxio_datagram_look(fd, &length) == ZXIO_RECEIVED_ERROR) (void)recv(fd, &byte, 1, MSG_DONTWAIT);
}

// The socket

zx_status_t zxio_fast_datagram_describe(zx_handle_t channel, int* out_fd) {
  FIDL_BUFFER(buffer, fuchsia_posix_socket_DatagramSocket_Describe_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_DatagramSocketDescribeResponse* info;
  zx_status_t status = fuchsia_posix_socket_DatagramSocket_Describe(channel, &call, &info);
  if (status != ZX_OK) return status;
  zx_handle_t end = fuchsia_posix_socket_DatagramSocketDescribeResponse_take_socket(info);
  bool complete =
      fuchsia_posix_socket_DatagramSocketDescribeResponse_has_tx_meta_buf_size(info) &&
      fuchsia_posix_socket_DatagramSocketDescribeResponse_has_rx_meta_buf_size(info) &&
      fuchsia_posix_socket_DatagramSocketDescribeResponse_has_metadata_encoding_protocol_version(info);
  bool known = complete &&
               fuchsia_posix_socket_DatagramSocketDescribeResponse_tx_meta_buf_size(info) == PRELUDE_BYTES &&
               fuchsia_posix_socket_DatagramSocketDescribeResponse_rx_meta_buf_size(info) == PRELUDE_BYTES &&
               fuchsia_posix_socket_DatagramSocketDescribeResponse_metadata_encoding_protocol_version(info) ==
                   fuchsia_posix_socket_UdpMetadataEncodingProtocolVersion_ZERO;
  if (!known || end == ZX_HANDLE_INVALID) {
    zx_handle_close(end);
    return ZX_ERR_NOT_SUPPORTED;
  }
  return zx_linux_fd_unwrap(end, out_fd);
}

zx_status_t zxio_datagram_of(zx_handle_t provider, int fd, zxio_socket_t* out_socket, int16_t* out_code) {
  fuchsia_posix_socket_ProviderDatagramSocketOfRequest request = {0};
  zx_status_t status = zx_linux_fd_wrap(fd, &request.socket);
  if (status != ZX_OK) return status;
  FIDL_BUFFER(buffer, fuchsia_posix_socket_Provider_DatagramSocketOf_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_Provider_DatagramSocketOf_Result* result;
  status = fuchsia_posix_socket_Provider_DatagramSocketOf(provider, &request, &call, &result);
  if (status != ZX_OK || zxio_result_failed(result, out_code)) return status;
  zx_handle_t channel = result->response.s;
  FIDL_BUFFER(info_buffer, fuchsia_posix_socket_BaseDatagramSocket_GetInfo_RESPONSE_SIZE);
  call = FIDL_CALL(info_buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_BaseDatagramSocket_GetInfo_Result* info;
  status = fuchsia_posix_socket_BaseDatagramSocket_GetInfo(channel, &call, &info);
  if (status != ZX_OK || zxio_result_failed(info, out_code)) {
    zx_handle_close(channel);
    return status;
  }
  int domain = info->response->domain == fuchsia_posix_socket_Domain_IPV4 ? AF_INET : AF_INET6;
  zxio_socket_init(out_socket, &zxio_fast_datagram_ops, channel, domain, SOCK_DGRAM, IPPROTO_UDP);
  return ZX_OK;
}

void zxio_socket_init_detached(zxio_socket_t* socket) {
  zxio_socket_init(socket, &zxio_fast_datagram_ops, ZX_HANDLE_INVALID, 0, SOCK_DGRAM, IPPROTO_UDP);
}

bool zxio_socket_is_fast(const zxio_socket_t* socket) {
  return socket->ops == &zxio_fast_datagram_ops;
}
