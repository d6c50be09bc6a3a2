// The bytes before a datagram, written and read. Nothing that an application wrote is believed.
#include "fast_datagram_metadata.h"

#include <errno.h>
#include <string.h>

#include <lib/fidl/decoder.h>
#include <lib/fidl/message.h>

typedef struct prelude {
  uint16_t metadata_bytes;
  uint16_t kind;
  uint32_t zeroes;
} prelude_t;

enum { METADATA_MAX = PRELUDE_BYTES - sizeof(prelude_t) };

bool fast_datagram_read_metadata(void* bytes, size_t length, fuchsia_posix_socket_SendMsgMeta** out) {
  prelude_t prelude;
  if (length < PRELUDE_BYTES) return false;
  memcpy(&prelude, bytes, sizeof(prelude));
  if (prelude.kind != fuchsia_posix_socket_PreludeKind_DATAGRAM || prelude.metadata_bytes > METADATA_MAX)
    return false;
  void* metadata = (uint8_t*)bytes + sizeof(prelude);
  if (fidl_decode_message(&fuchsia_posix_socket_SendMsgMeta_type_, metadata, prelude.metadata_bytes, NULL,
                          0) != FIDL_ERROR_NONE)
    return false;
  *out = metadata;
  return true;
}

int fast_datagram_apply_metadata(const datagram_socket_t* socket,
                                 const fuchsia_posix_socket_SendMsgMeta* metadata, tcpip_endpoint_t* to,
                                 tcpip_address_t* source, tcpip_send_t* send) {
  if (fuchsia_posix_socket_SendMsgMeta_has_to(metadata)) {
    if (!endpoint_from_fidl(fuchsia_posix_socket_SendMsgMeta_to(metadata), to)) return -EINVAL;
    send->to = to;
  }
  if (!fuchsia_posix_socket_SendMsgMeta_has_control(metadata)) return 0;
  return send_control_apply(socket, fuchsia_posix_socket_SendMsgMeta_control(metadata), source, send);
}

static void write_prelude(void* out, uint64_t metadata_bytes, fuchsia_posix_socket_PreludeKind kind) {
  prelude_t prelude = {.metadata_bytes = (uint16_t)metadata_bytes, .kind = kind};
  memcpy(out, &prelude, sizeof(prelude));
}

void fast_datagram_write_metadata(const datagram_socket_t* socket, const tcpip_recv_t* recv, void* out) {
  socket_address_storage_t address;
  recv_control_t storage;
  fuchsia_posix_socket_RecvMsgMeta metadata;
  fuchsia_posix_socket_RecvMsgMeta_frame_t frame;
  fuchsia_posix_socket_DatagramSocketRecvControlData control;
  fuchsia_posix_socket_RecvMsgMeta_init(&metadata, &frame);
  fuchsia_net_SocketAddress from = endpoint_to_fidl(&recv->from, socket->base.family, &address);
  fuchsia_posix_socket_RecvMsgMeta_set_from(&metadata, &from);
  if (recv_control_fill(socket, recv, &storage, &control))
    fuchsia_posix_socket_RecvMsgMeta_set_control(&metadata, &control);
  fuchsia_posix_socket_RecvMsgMeta_set_payload_len(&metadata, (uint16_t)recv->length);
  uint64_t format = 0;
  uint64_t size = 0;
  uint32_t handles = 0;
  memset(out, 0, PRELUDE_BYTES);  // what is not used of it goes out as well
  // It fits: METADATA_MAX is not less than the largest metadata.
  (void)fidl_standalone_encode(&fuchsia_posix_socket_RecvMsgMeta_type_, &metadata,
                               (uint8_t*)out + sizeof(prelude_t), METADATA_MAX, NULL, &format, &size,
                               &handles);
  write_prelude(out, size, fuchsia_posix_socket_PreludeKind_DATAGRAM);
}

void fast_datagram_write_error(void* out) {
  memset(out, 0, PRELUDE_BYTES);
  write_prelude(out, 0, fuchsia_posix_socket_PreludeKind_ERROR);
}
