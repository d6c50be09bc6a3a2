// Anything on the descriptor of a fast datagram socket: what a program writes there, to the netstack, and
// what a network stack writes there, to zxio.
//
// The input is a list of messages: a byte that says what stands before the rest, a byte and a half of length,
// and so many bytes. Before them there may be a header that fits, so that the metadata is looked at.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <fidl/fuchsia.posix.socket.h>
#include <lib/async-loop/loop.h>
#include <lib/zxio/zxio.h>
#include <zircon/syscalls.h>

#include "netstack.h"

enum { PRELUDE = fuchsia_posix_socket_DATAGRAM_PRELUDE_BYTES, HEADER = 8, MESSAGE_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

typedef struct scene {
  async_loop_t* loop;
  netstack_t* netstack;
  zxio_socket_t socket;
  int fd;         // the program's end
  int near, far;  // a pair without a network stack behind it
} scene_t;

static void require(bool condition) {
  if (!condition) abort();
}

static void* run_loop(void* context) {
  (void)async_loop_run(context, ZX_TIME_INFINITE, false);
  return NULL;
}

static void set_up(scene_t* scene) {
  static const netstack_config_t config = {.interface_name = "eth0"};
  static const netstack_host_t host;
  struct sockaddr_in self = {.sin_family = AF_INET, .sin_port = htons(7)};
  zx_handle_t provider, server_end;
  pthread_t thread;
  int16_t code = 0;
  int pair[2];
  self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  require(async_loop_create(NULL, &scene->loop) == ZX_OK);
  require(netstack_create(async_loop_get_dispatcher(scene->loop), &config, &host, &scene->netstack) == ZX_OK);
  require(zx_channel_create(0, &provider, &server_end) == ZX_OK);
  netstack_serve_provider(scene->netstack, server_end);
  require(pthread_create(&thread, NULL, run_loop, scene->loop) == 0);
  require(zxio_socket_create_fast(provider, AF_INET, SOCK_DGRAM, 0, &scene->socket, &scene->fd, &code) == ZX_OK &&
          !code);
  require(zxio_socket_is_fast(&scene->socket));
  require(zxio_socket_bind(&scene->socket, (struct sockaddr*)&self, sizeof(self), &code) == ZX_OK && !code);
  require(zxio_socket_connect(&scene->socket, (struct sockaddr*)&self, sizeof(self), &code) == ZX_OK &&
          !code);
  require(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
  scene->near = pair[0];
  scene->far = pair[1];
}

static void receive_all(int fd) {
  char name[64], control[256], bytes[512];
  for (;;) {
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    struct msghdr message = {.msg_name = name,
                             .msg_namelen = sizeof(name),
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    size_t actual = 0;
    int error = 0;
    zxio_received_t received = zxio_datagram_receive(fd, &message, MSG_DONTWAIT, &actual, &error);
    if (received == ZXIO_RECEIVED_NOTHING || received == ZXIO_RECEIVED_END) return;
    require(received != ZXIO_RECEIVED_DATAGRAM || actual <= sizeof(bytes));
    require(message.msg_controllen <= sizeof(control));
  }
}

// The next message of the input; how many bytes of the input that was.
static size_t next_message(const uint8_t* data, size_t size, uint8_t* out, size_t* out_size) {
  size_t length = (size_t)data[1] | (size_t)(data[0] & 15) << 8;
  size_t before = data[0] & 16 ? HEADER : 0;
  if (length > size - 2) length = size - 2;
  if (before + length > MESSAGE_MAX) length = MESSAGE_MAX - before;
  memset(out, 0, PRELUDE);
  memcpy(out + before, data + 2, length);
  *out_size = before + length;
  if (!before) return 2 + length;
  // All that was given is metadata, in a whole prelude.
  uint16_t header[4] = {(uint16_t)(length < PRELUDE - HEADER ? length & ~(size_t)7 : 0), data[0] >> 7};
  memcpy(out, header, sizeof(header));
  if (*out_size < PRELUDE) *out_size = PRELUDE;
  return 2 + length;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static scene_t scene;
  static uint8_t message[MESSAGE_MAX];
  if (!scene.loop) set_up(&scene);
  while (size >= 2) {
    size_t length;
    size_t taken = next_message(data, size, message, &length);
    (void)send(scene.fd, message, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)send(scene.far, message, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    receive_all(scene.near);
    data += taken;
    size -= taken;
  }
  int error = 0;
  socklen_t length = sizeof(error);
  int16_t code = 0;
  require(zxio_socket_getsockopt(&scene.socket, SOL_SOCKET, SO_ERROR, &error, &length, &code) == ZX_OK &&
          !code);
  receive_all(scene.fd);
  return 0;
}
