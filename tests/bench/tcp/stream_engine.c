// A stream over Jacinth's TCP/IP engine alone, on its own side of a relay: the loop that a netstack would be.
//   arguments: FD ADDRESS PREFIX   a SOCK_SEQPACKET descriptor of the relay, and the address that this end
//   has
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tcpip/tcpip.h>

#include "bench.h"
#include "stream_peer.h"

#define FRAME_MAX (sizeof(struct virtio_net_hdr) + 14 + 65536)
#define BATCH 64
#define PATIENCE_NS 10000000000u
#define LINK_BUFFER (4 << 20)

typedef struct host {
  int fd;
  tcpip_t* stack;
  tcpip_client_t* client;
  uint32_t interface;
  bool link_full;
  uint8_t frame[FRAME_MAX];
} host_t;

static host_t host;

static void fail(const char* what) {
  fprintf(stderr, "stream_engine: %s\n", what);
  exit(1);
}

static int on_transmit(void* context, uint32_t interface, const struct iovec* iov, size_t iov_count,
                       const tcpip_offload_t* offload) {
  (void)interface;
  host_t* h = context;
  struct virtio_net_hdr header = {.flags = offload->flags & TCPIP_OFFLOAD_NEEDS_CHECKSUM,
                                  .gso_type = offload->gso_type,
                                  .hdr_len = offload->header_length,
                                  .gso_size = offload->gso_size,
                                  .csum_start = offload->checksum_start,
                                  .csum_offset = offload->checksum_offset};
  struct iovec pieces[16] = {{&header, sizeof(header)}};
  memcpy(pieces + 1, iov, iov_count * sizeof(*iov));
  if (writev(h->fd, pieces, (int)iov_count + 1) >= 0) return 0;
  if (errno == EAGAIN) h->link_full = true;
  return -errno;
}

void stream_start(char** arguments) {
  if (!arguments[0] || !arguments[1] || !arguments[2]) fail("arguments are FD ADDRESS PREFIX");
  host.fd = atoi(arguments[0]);
  int size = LINK_BUFFER;
  (void)setsockopt(host.fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
  if (fcntl(host.fd, F_SETFL, fcntl(host.fd, F_GETFL) | O_NONBLOCK) != 0) fail("no such descriptor");
  (void)prctl(PR_SET_TIMERSLACK, 1);
  tcpip_config_t config = {
      .ops = {.transmit = on_transmit}, .context = &host, .now_ns = (int64_t)bench_now_ns()};
  tcpip_interface_config_t link = {.name = "eth0",
                                   .mac = {2, 0, 0, 0, 0, 0x15},
                                   .mtu = 1500,
                                   .link_features = TCPIP_LINK_TX_CHECKSUM | TCPIP_LINK_TX_TSO};
  tcpip_subnet_t subnet = {.prefix_length = (uint8_t)atoi(arguments[2])};
  tcpip_quota_t quota = {.buffer_bytes = 64 << 20};
  if (getrandom(config.secret, sizeof(config.secret), 0) < 0 ||
      !tcpip_address_parse(arguments[1], &subnet.address) || tcpip_create(&config, &host.stack) ||
      tcpip_interface_add(host.stack, &link, &host.interface) ||
      tcpip_interface_set_up(host.stack, host.interface, true) ||
      tcpip_address_add(host.stack, host.interface, &subnet, true) ||
      tcpip_client_create(host.stack, &quota, &host.client))
    fail("the stack cannot be made");
}

static void read_frames(void) {
  for (int i = 0; i < BATCH; i++) {
    ssize_t length = read(host.fd, host.frame, sizeof(host.frame));
    if (length < (ssize_t)sizeof(struct virtio_net_hdr)) return;
    struct virtio_net_hdr header;
    memcpy(&header, host.frame, sizeof(header));
    tcpip_offload_t offload = {.flags = header.flags,
                               .gso_type = header.gso_type,
                               .gso_size = header.gso_size,
                               .header_length = header.hdr_len,
                               .checksum_start = header.csum_start,
                               .checksum_offset = header.csum_offset};
    tcpip_input(host.stack, host.interface, host.frame + sizeof(header), (size_t)length - sizeof(header),
                &offload);
  }
}

// One round of the loop, of at most so long.
static void turn(int64_t most_ns) {
  int64_t now = (int64_t)bench_now_ns(), deadline = tcpip_deadline(host.stack);
  int64_t wait = deadline < now ? 0 : deadline - now < most_ns ? deadline - now : most_ns;
  struct pollfd item = {host.fd, (short)(POLLIN | (host.link_full ? POLLOUT : 0)), 0};
  struct timespec timeout = {wait / 1000000000, wait % 1000000000};
  (void)ppoll(&item, 1, &timeout, NULL);
  tcpip_advance(host.stack, (int64_t)bench_now_ns());
  if (item.revents & POLLIN) read_frames();
  if (host.link_full && (item.revents & POLLOUT)) {
    host.link_full = false;
    tcpip_link_writable(host.stack, host.interface);
  }
  if (item.revents & (POLLHUP | POLLERR)) fail("the relay is gone");
}

static double since(uint64_t begin) {
  return (double)(bench_now_ns() - begin) / 1e9;
}

static tcpip_socket_t* open_stream(void) {
  tcpip_socket_t* s;
  if (tcpip_socket_create(host.client, TCPIP_IPV4, TCPIP_TCP, NULL, &s)) fail("no socket");
  return s;
}

static void reset(tcpip_socket_t* s) {
  (void)tcpip_socket_set(s, TCPIP_LINGER, 0);
  tcpip_socket_destroy(s);
  turn(0);
}

static tcpip_socket_t* accept_one(uint16_t port, void (*ready)(void)) {
  tcpip_socket_t *listener = open_stream(), *s = NULL;
  tcpip_endpoint_t at = {.address = {.family = TCPIP_IPV4}, .port = port};
  if (tcpip_socket_bind(listener, &at) || tcpip_socket_listen(listener, 1)) fail("cannot listen");
  ready();
  for (uint64_t end = bench_now_ns() + PATIENCE_NS; !s && bench_now_ns() < end; turn(100000000))
    (void)tcpip_socket_accept(listener, NULL, &s);
  tcpip_socket_destroy(listener);
  return s;
}

stream_result_t stream_receive(uint16_t port, double seconds, void (*ready)(void)) {
  static uint8_t bytes[256 << 10];
  stream_result_t result = {0};
  tcpip_socket_t* s = accept_one(port, ready);
  uint64_t begin = 0, patience = bench_now_ns() + PATIENCE_NS;
  struct iovec iov = {bytes, sizeof(bytes)};
  int64_t got = s ? -EAGAIN : 0;
  while (got && result.seconds < seconds && (begin || bench_now_ns() < patience)) {
    tcpip_recv_t recv = {.iov = &iov, .iov_count = 1};
    while ((got = tcpip_socket_recv(s, &recv)) > 0) {
      if (!begin) begin = bench_now_ns();
      result.bytes += (uint64_t)got;
    }
    if (begin) result.seconds = since(begin);
    if (got != -EAGAIN) break;
    turn(10000000);
  }
  if (s) reset(s);
  return result;
}

// Sums that become means.
typedef struct sample_sums {
  double count, window, rtt_us;
  uint64_t next;
} sample_sums_t;

static void sample(const tcpip_socket_t* s, sample_sums_t* sums) {
  uint64_t now = bench_now_ns();
  tcpip_tcp_info_t info;
  if (now < sums->next || tcpip_socket_tcp_info(s, &info) || !info.mss) return;
  sums->next = now + STREAM_SAMPLE_NS;
  sums->count++;
  sums->window += (double)info.window_bytes / info.mss;
  sums->rtt_us += (double)info.rtt_ns / 1e3;
}

stream_result_t stream_send(const char* address, uint16_t port, const char* control, double seconds) {
  static uint8_t bytes[256 << 10];
  tcpip_socket_t* s = open_stream();
  tcpip_endpoint_t to = {.port = port};
  bool bbr = strcmp(control, "bbr") == 0;
  if (bbr && tcpip_socket_set(s, TCPIP_TCP_CONGESTION, TCPIP_CONGESTION_BBR)) fail(control);
  if (!tcpip_address_parse(address, &to.address) || tcpip_socket_connect(s, &to) != -EINPROGRESS)
    fail(address);
  stream_result_t result = {0};
  uint64_t begin = bench_now_ns();
  struct iovec iov = {bytes, sizeof(bytes)};
  tcpip_send_t send = {.iov = &iov, .iov_count = 1, .ttl = -1, .tos = -1};
  sample_sums_t sums = {0};
  while (result.seconds < seconds) {
    int64_t sent;
    while ((sent = tcpip_socket_send(s, &send)) > 0)
      result.bytes += (uint64_t)sent;
    result.seconds = since(begin);
    if (sent != -EAGAIN) break;
    turn(10000000);
    sample(s, &sums);
  }
  if (sums.count) {
    result.window = sums.window / sums.count;
    result.rtt_us = sums.rtt_us / sums.count;
  }
  reset(s);
  return result;
}
