// A hostile holder of the other end of an eventpair, a fifo, a socket, a channel that has moved, or of the
// same event, clock or end: the input is a script of the description it sends (right, or nearly), of what it
// scribbles into the shared memory, and of what it does to the bell, in turns with every call of the honest
// end. Whatever it does, the honest end must get statuses.
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "runtime/zx/channel_backlog.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { kMemoryBytes = 1 << 20, kNearStart = 1024 };

struct script {
  const uint8_t* at;
  const uint8_t* end;
};

struct peer {
  int memory_fd;
  uint8_t* memory;
  int bells[2];  // 0 goes to the honest end
  int backlog;   // of a channel; -1: none
  int timer;     // rings for those who share an end
};

static uint8_t next(struct script* script) {
  return script->at < script->end ? *script->at++ : 0;
}

static uint32_t next_word(struct script* script) {
  uint32_t word = next(script);
  return word | (uint32_t)next(script) << 8 | (uint32_t)next(script) << 16 | (uint32_t)next(script) << 24;
}

// A socket with packets that the script says, and its other end closed or not.
static int make_backlog(struct script* script) {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) return -1;
  for (unsigned count = next(script) % 8; count > 0; count--) {
    uint8_t packet[64] = {PACKET_MESSAGE};
    size_t size = 8 + next(script) % 56;
    packet[4] = (uint8_t)(size - 8);
    if (next(script) % 4 == 0) packet[next(script) % 8] = next(script);
    send(sockets[1], packet, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  close(sockets[1]);
  return sockets[0];
}

static bool make_peer(struct peer* peer, bool packets) {
  peer->memory_fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (peer->memory_fd < 0 || ftruncate(peer->memory_fd, kMemoryBytes) != 0) return false;
  fcntl(peer->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  void* at = mmap(NULL, kMemoryBytes, PROT_READ | PROT_WRITE, MAP_SHARED, peer->memory_fd, 0);
  if (at == MAP_FAILED) return false;
  peer->memory = at;
  peer->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (peer->timer < 0) return false;
  int type = packets ? SOCK_SEQPACKET : SOCK_STREAM;
  return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, peer->bells) == 0;
}

// What an honest sender would say of the object, changed here and there.
static struct wire_handle describe(struct script* script, zx_obj_type_t type) {
  struct wire_handle wire = {.type = type, .rights = ~(uint32_t)0 >> 1, .koid = 5000, .num_fds = 2};
  wire.side = next(script) % 2;
  bool is_clock = type == ZX_OBJ_TYPE_CLOCK;
  if (type == ZX_OBJ_TYPE_EVENT || is_clock) wire.num_fds = 3;
  if (is_clock) wire.values[1] = next_word(script);
  if (type == ZX_OBJ_TYPE_EVENTPAIR && next(script) % 2) wire.num_fds = 3;
  if (type == ZX_OBJ_TYPE_FIFO) {
    wire.elem_count = 1 + next(script) % 64;
    wire.values[1] = 1 + next(script) % 64;
  } else if (type == ZX_OBJ_TYPE_SOCKET) {
    wire.elem_count = next(script) % 2;
  } else if (type == ZX_OBJ_TYPE_CHANNEL) {
    wire.elem_count = next(script) % (RING_NEVER + 1);
    bool needs_memory = wire.elem_count != RING_NONE && wire.elem_count != RING_NEVER;
    wire.flags = next(script) % 2 ? WIRE_BACKLOG : 0;
    wire.num_fds = (uint8_t)(1 + needs_memory + (wire.flags != 0));
  }
  if (next(script) % 4 == 0) wire.flags |= WIRE_SHARED;
  if (is_clock) wire.values[0] = next(script) % 32;
  if (!is_clock && next(script) % 2) wire.values[0] = (uint64_t)next_word(script) << 32 | next_word(script);
  if (next(script) % 8) return wire;
  for (unsigned changes = next(script) % 8; changes > 0; changes--)
    ((uint8_t*)&wire)[next(script) % sizeof(wire)] = next(script);
  return wire;
}

// Sends the description with the descriptors, and returns what the honest end makes of it.
static zx_handle_t receive(struct peer* peer, const struct wire_handle* wire) {
  int sockets[2];
  zx_handle_t channel, got = ZX_HANDLE_INVALID;
  int fds[3] = {peer->bells[0], peer->memory_fd, peer->bells[1]};
  if (wire->type == ZX_OBJ_TYPE_EVENT || wire->type == ZX_OBJ_TYPE_CLOCK) {
    fds[0] = peer->memory_fd;
    fds[1] = peer->bells[0];
  } else if (wire->type == ZX_OBJ_TYPE_EVENTPAIR) {
    fds[2] = peer->timer;
  } else if (wire->type == ZX_OBJ_TYPE_CHANNEL && peer->backlog >= 0 && wire->num_fds > 1) {
    fds[(wire->num_fds - 1) % 3] = peer->backlog;
  }
  struct packet_header header = {.kind = PACKET_MESSAGE, .num_handles = 1};
  struct iovec iov[2] = {{&header, sizeof(header)}, {(void*)(uintptr_t)wire, sizeof(*wire)}};
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(3 * sizeof(int))];
  } control = {{0}};
  struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2, .msg_control = control.bytes};
  size_t num_fds = wire->num_fds % 4;
  if (num_fds) message.msg_controllen = CMSG_SPACE(num_fds * sizeof(int));
  control.header = (struct cmsghdr){
      .cmsg_len = CMSG_LEN(num_fds * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(&control.header), fds, num_fds * sizeof(int));
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) return ZX_HANDLE_INVALID;
  sendmsg(sockets[1], &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  close(sockets[1]);
  if (zx_linux_channel_from_fd(sockets[0], &channel) != ZX_OK) return ZX_HANDLE_INVALID;
  if (zx_channel_read(channel, 0, NULL, &got, 0, 1, NULL, NULL) != ZX_OK) got = ZX_HANDLE_INVALID;
  zx_handle_close(channel);
  return got;
}

static void scribble(struct peer* peer, struct script* script) {
  uint32_t where = next(script) % 4 ? next_word(script) % kNearStart : next_word(script) % kMemoryBytes;
  if (next(script) % 2) {
    uint32_t word;
    where &= ~3u;
    memcpy(&word, peer->memory + where, sizeof(word));
    word += (uint32_t)next(script) - 4;
    memcpy(peer->memory + where, &word, sizeof(word));
    return;
  }
  for (unsigned count = next(script) % 16; count > 0; count--)
    peer->memory[where++ % kMemoryBytes] = next(script);
}

static void touch_bell(struct peer* peer, struct script* script) {
  static const char rings[256];
  switch (next(script) % 8) {
    case 0:
      shutdown(peer->bells[1], next(script) % 3);
      break;
    case 1:
      recv(peer->bells[1], (char[256]){0}, 256, MSG_DONTWAIT);
      break;
    default:
      send(peer->bells[1], rings, (size_t)next(script) % sizeof(rings), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

static void talk(zx_handle_t h, struct script* script) {
  static uint8_t bytes[65536];
  zx_handle_t handles[ZX_CHANNEL_MAX_MSG_HANDLES];
  uint32_t num_bytes, num_handles = 0;
  zx_channel_call_args_t args = {
      .wr_bytes = bytes, .wr_num_bytes = 8, .rd_bytes = bytes, .rd_num_bytes = sizeof(bytes)};
  switch (next(script) % 4) {
    case 0:
      zx_channel_write(h, 0, bytes, next_word(script) % 3000, NULL, 0);
      break;
    case 1:
      zx_channel_call(h, 0, 0, &args, &num_bytes, &num_handles);
      break;
    default:
      if (zx_channel_read(h, next(script) % 2, bytes, handles, next_word(script) % 65537,
                          ZX_CHANNEL_MAX_MSG_HANDLES, NULL, &num_handles) == ZX_OK) {
        zx_handle_close_many(handles, num_handles);
      }
  }
}

// Packets that a channel's peer may send, or may not.
static void send_packet(struct peer* peer, struct script* script) {
  uint8_t packet[32] = {(uint8_t)(PACKET_MESSAGE + next(script) % 8)};
  size_t size = 8 + next(script) % 24;
  if (packet[0] <= PACKET_SIGNAL) packet[4] = (uint8_t)(size - 8);
  for (size_t i = 8; i < size; i++)
    packet[i] = next(script);
  send(peer->bells[1], packet, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void move_clock(zx_handle_t h, struct script* script) {
  zx_clock_update_args_v2_t args = {.rate_adjust = (int32_t)(next(script) * 8) - 1000,
                                    .synthetic_value = (int32_t)next_word(script),
                                    .reference_value = (int64_t)next_word(script) << next(script) % 32,
                                    .error_bound = 1};
  zx_clock_details_v1_t details;
  zx_time_t now;
  zx_clock_update(h, ZX_CLOCK_ARGS_VERSION(next(script) % 3) | next(script) % 16, &args);
  zx_clock_read(h, &now);
  zx_clock_get_details(h, ZX_CLOCK_ARGS_VERSION(1), &details);
}

static void move_bytes(zx_handle_t h, struct script* script) {
  static uint8_t bytes[65536];
  size_t size = (size_t)next(script) * (next(script) % 2 ? 1 : 256);
  size_t elem = 1 + next(script) % 64;
  switch (next(script) % 4) {
    case 0:
      zx_fifo_write(h, elem, bytes, 1 + size % 64, NULL);
      break;
    case 1:
      zx_fifo_read(h, elem, bytes, 1 + size % 64, NULL);
      break;
    case 2:
      zx_socket_write(h, 0, bytes, size, NULL);
      break;
    default:
      zx_socket_read(h, next(script) % 2 ? ZX_SOCKET_PEEK : 0, bytes, size, NULL);
  }
}

static void ask(zx_handle_t h, zx_handle_t port, struct script* script) {
  zx_signals_t observed, signals = next_word(script);
  zx_info_socket_t info;
  zx_port_packet_t packet;
  size_t threshold = next_word(script) % 300000;
  switch (next(script) % 8) {
    case 0:
      zx_object_signal(h, signals, signals >> 8 << 24);
      break;
    case 1:
      zx_object_signal_peer(h, signals, signals >> 8 << 24);
      break;
    case 2:
      zx_object_wait_one(h, signals, next(script) % 2 ? 0 : zx_deadline_after(1), &observed);
      break;
    case 3:
      zx_object_wait_async(h, port, signals, signals, next(script) % 4);
      break;
    case 4:
      zx_port_wait(port, 0, &packet);
      break;
    case 5:
      zx_socket_set_disposition(h, next(script) % 3, next(script) % 3);
      break;
    case 6:
      zx_object_set_property(h, next(script) % 2 ? ZX_PROP_SOCKET_RX_THRESHOLD : ZX_PROP_SOCKET_TX_THRESHOLD,
                             &threshold, sizeof(threshold));
      break;
    default:
      zx_object_get_info(h, ZX_INFO_SOCKET, &info, sizeof(info), NULL, NULL);
  }
}

// The honest end goes to another holder, as it is.
static zx_handle_t pass_on(zx_handle_t h) {
  zx_handle_t channel[2], got;
  if (zx_channel_create(0, &channel[0], &channel[1]) != ZX_OK) return h;
  bool passed = zx_channel_write(channel[0], 0, NULL, 0, &h, 1) == ZX_OK &&
                zx_channel_read(channel[1], 0, NULL, &got, 0, 1, NULL, NULL) == ZX_OK;
  zx_handle_close_many(channel, 2);
  return passed ? got : ZX_HANDLE_INVALID;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const zx_obj_type_t types[] = {ZX_OBJ_TYPE_EVENTPAIR, ZX_OBJ_TYPE_FIFO,    ZX_OBJ_TYPE_SOCKET,
                                        ZX_OBJ_TYPE_EVENT,     ZX_OBJ_TYPE_CHANNEL, ZX_OBJ_TYPE_CLOCK};
  struct script script = {data, data + size};
  struct peer peer = {.memory_fd = -1, .bells = {-1, -1}, .backlog = -1, .timer = -1};
  zx_handle_t h = ZX_HANDLE_INVALID, port = ZX_HANDLE_INVALID;
  zx_obj_type_t type = types[next(&script) % 6];
  bool is_channel = type == ZX_OBJ_TYPE_CHANNEL;
  if (make_peer(&peer, is_channel) && zx_port_create(0, &port) == ZX_OK) {
    struct wire_handle wire = describe(&script, type);
    if (is_channel && (wire.flags & WIRE_BACKLOG)) peer.backlog = make_backlog(&script);
    h = receive(&peer, &wire);
  }
  while (h && script.at < script.end) {
    uint8_t what = next(&script) % 16;
    if (what < 5) scribble(&peer, &script);
    if (what >= 5 && what < 7) touch_bell(&peer, &script);
    if (what >= 7 && what < 11 && is_channel) talk(h, &script);
    if (what >= 7 && what < 9 && is_channel) send_packet(&peer, &script);
    if (what >= 7 && what < 11 && type == ZX_OBJ_TYPE_CLOCK) move_clock(h, &script);
    if (what >= 7 && what < 11 && !is_channel) move_bytes(h, &script);
    if (what >= 11 && what < 15) ask(h, port, &script);
    if (what == 15) h = pass_on(h);
  }
  zx_handle_close(h);
  zx_handle_close(port);
  for (int i = 0; i < 2; i++) {
    if (peer.bells[i] >= 0) close(peer.bells[i]);
  }
  if (peer.backlog >= 0) close(peer.backlog);
  if (peer.timer >= 0) close(peer.timer);
  if (peer.memory) munmap(peer.memory, kMemoryBytes);
  if (peer.memory_fd >= 0) close(peer.memory_fd);
  return 0;
}
