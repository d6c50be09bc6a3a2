// Channel endpoints: making them, their signals, their passage from process to process.
#include "runtime/zx/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls/channel.h>
#include <zircon/syscalls/handle.h>

#include "runtime/zx/channel_backlog.h"
#include "runtime/zx/handle.h"
#include "runtime/zx/scratch.h"
#include "runtime/zx/transfer.h"

#define SMALL_MESSAGE 4096u

// Whether there is a message for a reader in the ring. Of an entry that is just being taken that is told
// afterwards.
static bool ring_is_readable(struct channel* channel) {
  if (channel->in_ring || channel_ring_is_empty(channel)) return false;
  bool maybe_aside = channel_ring_has_signal(channel) || !list_is_empty(&channel->calls);
  if (!maybe_aside) return true;
  channel_take_ring_asides(channel);
  return !channel_ring_is_empty(channel);
}

static zx_signals_t channel_peek(struct zx_object* base) {
  struct channel* channel = (struct channel*)base;
  // Whose memory and whose bell it is now: a look inside could take what is its new holder's.
  if (base->leaving) return base->user_signals;
  bool reads_ring = channel_ring_reads(channel);
  bool queued = reads_ring && ring_is_readable(channel);
  bool closed = channel->peer_closed || channel_ring_peer_closed(channel);
  // What was written before the close is seen once the close is.
  if (closed && reads_ring) queued = ring_is_readable(channel);
  zx_signals_t signals = base->user_signals;
  if (queued || !list_is_empty(&channel->messages) || channel->unread) signals |= ZX_CHANNEL_READABLE;
  if (channel_ring_writes(channel) && channel->write_blocked && channel_ring_has_room(channel)) {
    channel->write_blocked = false;
  }
  if (closed || channel->peer_closed) {
    signals |= ZX_CHANNEL_PEER_CLOSED;
  } else if (!channel->write_blocked) {
    signals |= ZX_CHANNEL_WRITABLE;
  }
  return signals;
}

// Whether there is anything to be had from the socket for who waits for `want`. An end that holds as much as
// it may leaves the rest there; but for the bell of a full ring, which may be among it.
static bool channel_takes_more(const struct channel* channel, zx_signals_t want) {
  if ((want & ZX_CHANNEL_WRITABLE) && channel->write_blocked && channel_ring_writes(channel)) return true;
  return channel_ring_reads(channel) ? !channel_ring_holds_enough(channel) : !channel_holds_enough(channel);
}

static zx_signals_t channel_arm(struct zx_object* base, zx_signals_t want, short* events) {
  struct channel* channel = (struct channel*)base;
  if (base->leaving) return channel_peek(base);
  // The peer's signals come as packets in the queue.
  bool reads = want & (ZX_CHANNEL_READABLE | ZX_USER_SIGNAL_ALL);
  bool writes = (want & ZX_CHANNEL_WRITABLE) && channel->write_blocked;
  channel_ring_wait_for(channel, (reads ? CHANNEL_WAIT_READABLE : 0) | (writes ? CHANNEL_WAIT_WRITABLE : 0));
  if (want & ZX_USER_SIGNAL_ALL) channel_take_in_ring(channel);
  if ((reads || channel->ring.shared) && channel_takes_more(channel, want)) *events |= POLLIN;
  if (writes && (!channel_ring_writes(channel) || channel->ring.socket_full)) *events |= POLLOUT;
  return channel_peek(base);
}

static zx_signals_t channel_ready(struct zx_object* base, zx_signals_t want, short revents) {
  struct channel* channel = (struct channel*)base;
  if (channel->peer_closed || base->leaving) return channel_peek(base);
  if (revents & POLLOUT) channel->ring.socket_full = false;
  if ((revents & POLLOUT) && !channel_ring_writes(channel)) channel->write_blocked = false;
  bool gone = revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL);
  // Once there is shared memory the socket carries bells and descriptors.
  bool look_inside = (revents & POLLIN) &&
                     (!list_is_empty(&channel->calls) || (want & ZX_USER_SIGNAL_ALL) || channel->ring.shared);
  if (look_inside && channel_ring_reads(channel) && !gone) {
    if (channel_takes_more(channel, want)) channel_take_in_control(channel);
  } else if (gone || look_inside) {
    channel_take_in(channel);
  }
  if (gone) channel_peer_gone(channel);
  if (want & ZX_USER_SIGNAL_ALL) channel_take_in_ring(channel);
  // What is first in the queue may be a signal and no message.
  if ((revents & POLLIN) && !gone && !look_inside && packet_peek_kind(channel->fd) != PACKET_MESSAGE) {
    look_inside = true;
    channel_take_in(channel);
  }
  zx_signals_t signals = channel_peek(base);
  if ((revents & POLLIN) && !gone && !look_inside) signals |= ZX_CHANNEL_READABLE;
  return signals;
}

static bool channel_knows(const struct zx_object* base, short polled) {
  const struct channel* channel = (const struct channel*)base;
  if (channel->peer_closed || base->leaving) return true;
  if (channel_ring_reads(channel) && channel_ring_writes(channel)) return true;
  return (polled & POLLIN) && !channel->write_blocked;
}

static zx_status_t channel_signal_peer(struct zx_object* base, zx_signals_t clear, zx_signals_t set) {
  struct channel* channel = (struct channel*)base;
  struct packet_signal change = {.clear = clear, .set = set};
  struct packet_header header = {.kind = PACKET_SIGNAL, .num_bytes = sizeof(change)};
  struct iovec iov[3] = {{0}, {.iov_base = &change, .iov_len = sizeof(change)}, {0}};
  pthread_mutex_lock(&base->lock);
  zx_status_t status = base->leaving ? ZX_ERR_BAD_HANDLE : channel_ring_catch_up(channel);
  if (status == ZX_OK && channel_ring_writes(channel)) {
    status = channel_ring_write(channel, PACKET_SIGNAL, &iov[1], 1, sizeof(change), NULL);
  } else if (status == ZX_OK) {
    status = packet_send(channel->fd, &header, iov, 3, NULL);
  }
  if (status == ZX_ERR_SHOULD_WAIT) channel_note_full(channel);
  pthread_mutex_unlock(&base->lock);
  return status;
}

static bool channel_spin(struct zx_object* base, zx_signals_t want) {
  uint32_t reasons = want & ZX_CHANNEL_READABLE ? CHANNEL_WAIT_READABLE : 0;
  if (want & ZX_CHANNEL_WRITABLE) reasons |= CHANNEL_WAIT_WRITABLE;
  return reasons && channel_ring_spin((struct channel*)base, reasons);
}

// A message that is received in the place of a poll lies in `messages` until it is read. That is worth its
// copy for small ones, and for an end that is known to be read here rather than sent elsewhere.
static bool channel_block(struct zx_object* base, zx_signals_t want) {
  struct channel* channel = (struct channel*)base;
  if (channel->peer_closed) return false;
  if (channel_ring_reads(channel)) {
    // Room in the socket rings no bell.
    bool for_room = (want & ZX_CHANNEL_WRITABLE) && channel->write_blocked;
    if (for_room && (!channel_ring_writes(channel) || channel->ring.socket_full)) return false;
    if (!channel_takes_more(channel, want)) return false;
    channel_await_control(channel);
    return true;
  }
  bool more_than_messages = (want & ZX_USER_SIGNAL_ALL) || channel->write_blocked;
  if (more_than_messages || !(want & ZX_CHANNEL_READABLE) || channel->last_bytes > SMALL_MESSAGE)
    return false;
  channel_await_message(channel);
  return true;
}

static zx_status_t channel_pack(struct zx_object* base, bool moves, struct wire_handle* wire,
                                int fds[OBJECT_MAX_FDS], unsigned* num_fds) {
  struct channel* channel = (struct channel*)base;
  if (!moves) return ZX_ERR_NOT_SUPPORTED;
  pthread_mutex_lock(&base->lock);
  zx_status_t status = list_is_empty(&channel->calls) ? ZX_OK : ZX_ERR_BAD_STATE;
  if (channel->backlog >= 0) close(channel->backlog);
  channel->backlog = -1;
  if (status == ZX_OK) status = channel_backlog_pack(channel, &channel->backlog);
  channel_ring_pack(channel, wire);
  wire->values[1] = channel->next_txid;  // answers to calls that were given up may yet come
  pthread_mutex_unlock(&base->lock);
  if (status != ZX_OK) return status;
  unsigned count = 0;
  fds[count++] = channel->fd;
  if (channel->ring.memory_fd >= 0) fds[count++] = channel->ring.memory_fd;
  if (channel->backlog >= 0) {
    fds[count++] = channel->backlog;
    wire->flags |= WIRE_BACKLOG;
  }
  *num_fds = count;
  return ZX_OK;
}

// A forked child's copy of the socket would keep the peer from seeing the end of this one, and the handles in
// its queue alive.
static void close_for_copies(struct channel* channel) {
  struct packet packet;
  void* scratch = scratch_get();
  shutdown(channel->fd, SHUT_RDWR);
  for (zx_status_t status = ZX_OK; scratch && status != ZX_ERR_PEER_CLOSED && status != ZX_ERR_SHOULD_WAIT;) {
    status = packet_receive(channel->fd, NULL, 0, scratch, MSG_DONTWAIT, &packet);
    if (status == ZX_OK) packet_close_fds(&packet.handles);
  }
  scratch_put(scratch);
}

static void channel_close(struct zx_object* base) {
  struct channel* channel = (struct channel*)base;
  pthread_mutex_lock(&base->lock);
  if (!base->transferred && !object_is_inherited(base)) {
    channel_ring_close(channel);
    if (!channel->bare && object_may_be_copied(base)) close_for_copies(channel);
  }
  pthread_mutex_unlock(&base->lock);
}

static void channel_destroy(struct zx_object* base) {
  struct channel* channel = (struct channel*)base;
  channel_ring_destroy(&channel->ring);
  if (list_in_list(&channel->gap)) list_remove(&channel->gap);
  while (!list_is_empty(&channel->messages)) {
    message_free(LIST_ENTRY(list_take_head(&channel->messages), struct message, node));
  }
  if (channel->fd >= 0) close(channel->fd);
  if (channel->backlog >= 0) close(channel->backlog);
  free(channel);
}

static const struct object_ops channel_ops = {
    .type = ZX_OBJ_TYPE_CHANNEL,
    .rights = ZX_DEFAULT_CHANNEL_RIGHTS,
    .signal_mask = ZX_USER_SIGNAL_ALL,
    .waitable = true,
    .certain = ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED,
    .peek = channel_peek,
    .arm = channel_arm,
    .ready = channel_ready,
    .knows = channel_knows,
    .spin = channel_spin,
    .block = channel_block,
    .signal_peer = channel_signal_peer,
    .pack = channel_pack,
    .close = channel_close,
    .destroy = channel_destroy,
};

zx_status_t channel_create_object(int fd, unsigned side, struct channel** out) {
  struct channel* channel = calloc(1, sizeof(*channel));
  if (!channel) {
    close(fd);
    return ZX_ERR_NO_MEMORY;
  }
  object_init(&channel->base, &channel_ops, fd);
  channel->fd = fd;
  channel->backlog = -1;
  channel->next_txid = CHANNEL_FIRST_TXID;
  channel->last_bytes = UINT32_MAX;
  list_init(&channel->messages);
  list_init(&channel->calls);
  channel_ring_init(&channel->ring, side);
  *out = channel;
  return ZX_OK;
}

void channel_note_full(struct channel* channel) {
  if (channel->write_blocked) return;
  object_change_begin(&channel->base, 0);
  channel->write_blocked = true;
  object_change_end(&channel->base);
}

void channel_peer_gone(struct channel* channel) {
  if (channel->peer_closed) return;
  channel->peer_closed = true;
  // For a peer that broke the rules: it sees us gone as well.
  shutdown(channel->fd, SHUT_RDWR);
  LIST_FOR_EACH(node, &channel->calls) {
    waker_wake(LIST_ENTRY(node, struct pending_call, node)->waker);
  }
  object_notify(&channel->base, channel_peek(&channel->base));
}

static int socket_option(int fd, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

static bool is_connected_seqpacket(int fd) {
  struct sockaddr_storage peer;
  socklen_t size = sizeof(peer);
  return socket_option(fd, SO_TYPE) == SOCK_SEQPACKET && socket_option(fd, SO_DOMAIN) == AF_UNIX &&
         getpeername(fd, (struct sockaddr*)&peer, &size) == 0;
}

zx_status_t channel_unpack(const struct wire_handle* wire, const int* fds, struct zx_object** out) {
  bool has_backlog = wire->flags & WIRE_BACKLOG;
  int backlog = has_backlog && wire->num_fds > 1 ? fds[wire->num_fds - 1] : -1;
  int memory_fd = wire->num_fds - has_backlog == 2 ? fds[1] : -1;
  if (wire->num_fds == 3 && !has_backlog) {
    for (int i = 0; i < 3; i++)
      close(fds[i]);
    return ZX_ERR_IO_DATA_INTEGRITY;
  }
  struct channel* channel = NULL;
  zx_status_t status = ZX_ERR_IO_DATA_INTEGRITY;
  // Connected is not asked for: the other end may be gone by now.
  if (socket_option(fds[0], SO_TYPE) == SOCK_SEQPACKET && socket_option(fds[0], SO_DOMAIN) == AF_UNIX &&
      socket_option(fds[0], SO_ACCEPTCONN) == 0) {
    status = channel_create_object(fds[0], 0, &channel);
  } else {
    close(fds[0]);
  }
  if (status == ZX_OK) channel->next_txid = CHANNEL_FIRST_TXID | (uint32_t)wire->values[1];
  if (status == ZX_OK) status = channel_ring_unpack(channel, wire, memory_fd);
  if (status == ZX_OK && backlog >= 0) {
    status = channel_backlog_unpack(channel, backlog);
    backlog = -1;
  }
  if (status == ZX_OK) {
    *out = &channel->base;
    return ZX_OK;
  }
  if (backlog >= 0) close(backlog);
  if (memory_fd >= 0 && (!channel || channel->ring.memory_fd < 0)) close(memory_fd);
  if (channel) object_unref(&channel->base);
  return status;
}

zx_status_t zx_channel_create(uint32_t options, zx_handle_t* out0, zx_handle_t* out1) {
  if (options || !out0 || !out1) return ZX_ERR_INVALID_ARGS;
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) return ZX_ERR_NO_RESOURCES;
  struct channel* ends[2];
  zx_status_t status = channel_create_object(fds[0], 0, &ends[0]);
  if (status != ZX_OK) {
    close(fds[1]);
    return status;
  }
  status = channel_create_object(fds[1], 1, &ends[1]);
  if (status != ZX_OK) {
    object_unref(&ends[0]->base);
    return status;
  }
  ends[0]->base.related_koid = ends[1]->base.koid;
  ends[1]->base.related_koid = ends[0]->base.koid;
  return handle_create_pair(&ends[0]->base, &ends[1]->base, ZX_DEFAULT_CHANNEL_RIGHTS, out0, out1);
}

zx_status_t zx_linux_channel_from_fd(int fd, zx_handle_t* out) {
  if (!out || !is_connected_seqpacket(fd)) {
    if (fd >= 0) close(fd);
    return out ? ZX_ERR_WRONG_TYPE : ZX_ERR_INVALID_ARGS;
  }
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  struct channel* channel;
  zx_status_t status = channel_create_object(fd, 1, &channel);
  if (status != ZX_OK) return status;
  channel->ring.state = RING_NEVER;  // others may hold the descriptor
  channel->bare = true;
  return handle_create(&channel->base, ZX_DEFAULT_CHANNEL_RIGHTS, out);
}

zx_status_t zx_linux_channel_to_fd(zx_handle_t handle, int* out_fd) {
  struct zx_object* object;
  zx_status_t status = handle_lookup(handle, ZX_OBJ_TYPE_CHANNEL, 0, &object, NULL);
  if (status != ZX_OK) {
    if (status == ZX_ERR_WRONG_TYPE) zx_handle_close(handle);
    return status;
  }
  object_unref(object);
  // Nobody else can send it elsewhere from here on.
  status = handle_take(handle, &object, NULL);
  if (status != ZX_OK) return status;
  struct channel* channel = (struct channel*)object;
  pthread_mutex_lock(&object->lock);
  bool idle = list_is_empty(&channel->messages) && list_is_empty(&channel->calls) && !channel->ring.shared;
  int fd = idle ? fcntl(channel->fd, F_DUPFD_CLOEXEC, 0) : -1;
  object->leaving = true;
  object->transferred = fd >= 0;  // the descriptor goes on: no word to the peer
  pthread_mutex_unlock(&object->lock);
  handle_release(object);
  if (fd < 0) return idle ? ZX_ERR_NO_RESOURCES : ZX_ERR_BAD_STATE;
  *out_fd = fd;
  return ZX_OK;
}
