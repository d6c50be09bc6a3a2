// The passage of what an end had taken in; see channel_backlog.h.
#include "runtime/zx/channel_backlog.h"

#include <sys/socket.h>
#include <unistd.h>

#include "runtime/zx/scratch.h"

#define WANTED_BUFFER (8 << 20)  // the kernel gives what it allows

static zx_status_t send_one(int socket, uint8_t kind, const struct message* message) {
  struct packet_header header = {
      .kind = kind, .flags = message->lost ? PACKET_LOST : 0, .num_bytes = message->num_bytes};
  struct iovec iov[3] = {
      {0}, {.iov_base = (void*)(uintptr_t)message->bytes, .iov_len = message->num_bytes}, {0}};
  return packet_send(socket, &header, iov, 3, message->handles);
}

static zx_status_t send_all(int socket, uint8_t kind, const struct list_node* messages,
                            const struct list_node* gap) {
  const struct message missing = {.lost = true};
  zx_status_t status = ZX_OK;
  LIST_FOR_EACH(node, messages) {
    const struct message* message = node == gap ? &missing : LIST_ENTRY(node, struct message, node);
    if (status == ZX_OK) status = send_one(socket, kind, message);
  }
  return status;
}

zx_status_t channel_backlog_pack(const struct channel* channel, int* out_socket) {
  int sockets[2];
  const int size = WANTED_BUFFER;
  *out_socket = -1;
  if (list_is_empty(&channel->messages) && list_is_empty(&channel->ring.fds)) return ZX_OK;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) return ZX_ERR_NO_RESOURCES;
  setsockopt(sockets[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
  zx_status_t status = send_all(sockets[1], PACKET_MESSAGE, &channel->messages, &channel->gap);
  if (status == ZX_OK) status = send_all(sockets[1], PACKET_FDS, &channel->ring.fds, NULL);
  close(sockets[1]);
  if (status == ZX_OK) {
    *out_socket = sockets[0];
    return ZX_OK;
  }
  close(sockets[0]);
  return status == ZX_ERR_SHOULD_WAIT ? ZX_ERR_BAD_STATE : status;
}

static zx_status_t take_one(struct channel* channel, struct packet* packet, const void* scratch) {
  const struct channel_buffers nowhere = {0};
  if (packet->header.kind == PACKET_FDS) return channel_ring_control(channel, packet);
  bool offer = packet->header.flags & PACKET_WITH_OFFER;
  if (packet->header.kind == PACKET_MESSAGE && !offer && !channel_holds_enough(channel)) {
    channel_keep(channel, packet, &nowhere, scratch);
    return ZX_OK;
  }
  packet_close_fds(&packet->handles);
  return ZX_ERR_IO_DATA_INTEGRITY;
}

zx_status_t channel_backlog_unpack(struct channel* channel, int socket) {
  struct packet packet;
  void* scratch = scratch_get();
  zx_status_t status = scratch ? ZX_OK : ZX_ERR_NO_MEMORY;
  while (status == ZX_OK) {
    status = packet_receive(socket, NULL, 0, scratch, MSG_DONTWAIT, &packet);
    // What finds no room here is lost by itself: the end comes with the rest.
    if (status == ZX_OK || status == ZX_ERR_NO_RESOURCES) status = take_one(channel, &packet, scratch);
  }
  scratch_put(scratch);
  close(socket);
  // Its end is the sender's having closed it; one who has not has nothing more to say.
  return status == ZX_ERR_PEER_CLOSED || status == ZX_ERR_SHOULD_WAIT ? ZX_OK : status;
}
