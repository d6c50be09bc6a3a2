// A hostile peer of a channel: the input is a script of what it sends through the socket, with which
// descriptors, and of what it scribbles into the shared memory it has offered, in turns with the honest end's
// own calls. Whatever it does, the honest end must get statuses.
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { kMemoryBytes = 1 << 20, kRing0 = 256, kStorage0 = 512, kRingBytes = 262144 };
enum { kMessage = 0x4a, kSwitch = 0x4d };

struct script {
  const uint8_t* at;
  const uint8_t* end;
};

struct peer {
  int socket;
  int memory_fd;
  uint8_t* memory;
  uint32_t head;
};

static uint8_t next(struct script* script) {
  return script->at < script->end ? *script->at++ : 0;
}

static uint32_t next_word(struct script* script) {
  uint32_t word = next(script);
  return word | (uint32_t)next(script) << 8 | (uint32_t)next(script) << 16 | (uint32_t)next(script) << 24;
}

// A descriptor of the kind the script asks for.
static int make_fd(struct script* script) {
  int fds[2];
  switch (next(script) % 5) {
    case 0:
      return memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    case 1:
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return -1;
      close(fds[1]);
      return fds[0];
    case 2:
      if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) return -1;
      close(fds[1]);
      return fds[0];
    case 3: {
      int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
      if (fd >= 0 && ftruncate(fd, 65536) == 0)
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
      return fd;
    }
    default:
      return open("/dev/null", O_RDWR | O_CLOEXEC);
  }
}

static void send_packet(struct peer* peer, const void* bytes, size_t size, const int* fds, unsigned num_fds) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(8 * sizeof(int))];
  } control = {{0}};
  struct iovec iov = {(void*)(uintptr_t)bytes, size};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
  if (num_fds) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(num_fds * sizeof(int));
    control.header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(num_fds * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), fds, num_fds * sizeof(int));
  }
  sendmsg(peer->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_anything(struct peer* peer, struct script* script) {
  uint8_t bytes[512];
  int fds[8] = {-1};
  size_t size = (size_t)next(script) * 2;
  unsigned num_fds = next(script) % 8;
  for (size_t i = 0; i < size; i++)
    bytes[i] = next(script);
  if (size) bytes[0] = (uint8_t)(kMessage + bytes[0] % 8);
  unsigned made = 0;
  while (made < num_fds && (fds[made] = make_fd(script)) >= 0)
    made++;
  send_packet(peer, bytes, size, fds, made);
  for (unsigned i = 0; i < made; i++)
    close(fds[i]);
}

static void offer_memory(struct peer* peer) {
  static const uint8_t packet[8] = {kMessage, 1};
  if (peer->memory) return;
  peer->memory_fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (peer->memory_fd < 0 || ftruncate(peer->memory_fd, kMemoryBytes) != 0) return;
  fcntl(peer->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  void* at = mmap(NULL, kMemoryBytes, PROT_READ | PROT_WRITE, MAP_SHARED, peer->memory_fd, 0);
  if (at == MAP_FAILED) return;
  peer->memory = at;
  send_packet(peer, packet, sizeof(packet), &peer->memory_fd, 1);
}

static void scribble(struct peer* peer, struct script* script) {
  if (!peer->memory) return;
  uint32_t where = next(script) % 2 ? next_word(script) % 512 : next_word(script) % kMemoryBytes;
  for (unsigned count = next(script) % 16; count > 0; count--)
    peer->memory[where++ % kMemoryBytes] = next(script);
}

// An entry of the ring that says what the script wants, with an index that is right and nothing behind it.
static void write_entry(struct peer* peer, struct script* script) {
  if (!peer->memory) return;
  uint8_t entry[256];
  uint32_t size = 8 + next(script) % 200;
  for (uint32_t i = 0; i < size; i++)
    entry[i] = next(script);
  entry[0] = (uint8_t)(kMessage + entry[0] % 2);
  if (next(script) % 4) {
    const uint8_t honest[8] = {entry[0], 0, 0, 0, (uint8_t)(size - 8)};
    memcpy(entry, honest, sizeof(honest));
  }
  for (uint32_t i = 0; i < size; i++)
    peer->memory[kStorage0 + (peer->head + i) % kRingBytes] = entry[i];
  peer->head += (size + 7) & ~7u;
  memset(peer->memory + kStorage0 + peer->head % kRingBytes, 0, 8);
  memcpy(peer->memory + kRing0, &peer->head, sizeof(peer->head));
}

static void read_once(zx_handle_t channel, struct script* script) {
  static uint8_t bytes[65536];
  zx_handle_info_t handles[ZX_CHANNEL_MAX_MSG_HANDLES];
  uint32_t num_handles = 0;
  uint32_t room = next(script) % 4 ? sizeof(bytes) : next(script);
  zx_status_t status = zx_channel_read_etc(channel, next(script) % 2, bytes, handles, room,
                                           ZX_CHANNEL_MAX_MSG_HANDLES, NULL, &num_handles);
  if (status != ZX_OK) return;
  for (uint32_t i = 0; i < num_handles; i++) {
    zx_signals_t observed;
    zx_object_wait_one(handles[i].handle, 0, 0, &observed);
    zx_object_signal_peer(handles[i].handle, 0, ZX_USER_SIGNAL_0);
    zx_fifo_read(handles[i].handle, 8, bytes, 4, NULL);
    zx_socket_read(handles[i].handle, 0, bytes, 64, NULL);
    zx_vmo_read(handles[i].handle, bytes, 0, 64);
    zx_channel_read(handles[i].handle, 0, bytes, NULL, 64, 0, NULL, NULL);
    zx_handle_close(handles[i].handle);
  }
}

static void write_once(zx_handle_t channel, struct script* script) {
  static const uint8_t bytes[1024];
  zx_handle_t event = ZX_HANDLE_INVALID;
  if (next(script) % 4 == 0) zx_event_create(0, &event);
  zx_channel_write(channel, 0, bytes, (uint32_t)next(script) * 4, &event, event ? 1 : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const uint8_t change_over[8] = {kSwitch};
  struct script script = {data, data + size};
  struct peer peer = {.memory_fd = -1};
  zx_handle_t ends[2];
  zx_signals_t observed;
  if (zx_channel_create(0, &ends[0], &ends[1]) != ZX_OK) return 0;
  if (zx_linux_channel_to_fd(ends[0], &peer.socket) != ZX_OK) return 0;
  while (script.at < script.end) {
    switch (next(&script) % 10) {
      case 0:
        send_anything(&peer, &script);
        break;
      case 1:
        offer_memory(&peer);
        break;
      case 2:
        send_packet(&peer, change_over, sizeof(change_over), NULL, 0);
        break;
      case 3:
        scribble(&peer, &script);
        break;
      case 4:
      case 5:
        write_entry(&peer, &script);
        break;
      case 6:
      case 7:
        read_once(ends[1], &script);
        break;
      case 8:
        write_once(ends[1], &script);
        break;
      default:
        zx_object_wait_one(ends[1], ZX_USER_SIGNAL_ALL, 0, &observed);
        break;
    }
  }
  read_once(ends[1], &script);
  zx_handle_close(ends[1]);
  close(peer.socket);
  if (peer.memory_fd >= 0) close(peer.memory_fd);
  if (peer.memory) munmap(peer.memory, kMemoryBytes);
  return 0;
}
