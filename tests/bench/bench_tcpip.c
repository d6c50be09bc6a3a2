// The TCP/IP engine alone, without processes or wires around it: what a datagram and a byte of a stream cost, beside
// the same work done in the plainest way.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "checksum.h"
#include "tcpip/tcpip.h"

#define ROUNDS 7
#define DATAGRAMS 20000

// The processor's time and not the clock's: nothing here waits for anything.
static uint64_t spent_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

typedef struct side {
  tcpip_t* stack;
  tcpip_client_t* client;
  uint32_t interface;
  uint8_t last[70000];  // the frame it sent last
  size_t last_length;
  struct side* peer;  // gets what it sends, unless NULL
  uint8_t* queue;     // frames on their way to the peer, each behind its length
  size_t queued, room;
  tcpip_offload_t offload;
} side_t;

static int on_transmit(void* context, uint32_t interface, const struct iovec* iov, size_t iov_count,
                       const tcpip_offload_t* offload) {
  side_t* side = context;
  size_t length = 0;
  for (size_t i = 0; i < iov_count; i++)
    length += iov[i].iov_len;
  uint8_t* to = side->last;
  if (side->peer) {
    if (side->queued + length + 32 > side->room)
      return -11;
    to = side->queue + side->queued;
    memcpy(to, &length, sizeof length);
    memcpy(to + sizeof length, offload, sizeof *offload);
    to += 32;
    side->queued += 32 + (length + 7) / 8 * 8;
  }
  side->last_length = length;
  for (size_t i = 0; i < iov_count; i++) {
    memcpy(to, iov[i].iov_base, iov[i].iov_len);
    to += iov[i].iov_len;
  }
  return 0;
}

static void start(side_t* side, uint8_t octet, uint32_t features) {
  tcpip_config_t config = {.ops = {.transmit = on_transmit}, .context = side, .secret = {octet}, .now_ns = 1};
  tcpip_interface_config_t link = {.name = "eth0", .mac = {2, 0, 0, 0, 0, octet}, .mtu = 1500, .link_features = features};
  tcpip_subnet_t subnet = {tcpip_ipv4((uint8_t[]){10, 0, 0, octet}), 24};
  tcpip_address_t other = tcpip_ipv4((uint8_t[]){10, 0, 0, (uint8_t)(3 - octet)});
  const uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)(3 - octet)};
  *side = (side_t){.room = 4 << 20};
  side->queue = malloc(side->room);
  if (tcpip_create(&config, &side->stack) || tcpip_interface_add(side->stack, &link, &side->interface) ||
      tcpip_interface_set_up(side->stack, side->interface, true) ||
      tcpip_address_add(side->stack, side->interface, &subnet, true) ||
      tcpip_neighbour_set(side->stack, side->interface, &other, mac) ||
      tcpip_client_create(side->stack, NULL, &side->client))
    abort();
}

static void stop(side_t* side) {
  tcpip_destroy(side->stack);
  free(side->queue);
}

static tcpip_socket_t* open_socket(side_t* side, tcpip_protocol_t protocol, uint16_t port) {
  tcpip_socket_t* s;
  tcpip_endpoint_t at = {.address = {.family = TCPIP_IPV4}, .port = port};
  if (tcpip_socket_create(side->client, TCPIP_IPV4, protocol, NULL, &s) || tcpip_socket_bind(s, &at))
    abort();
  return s;
}

static double send_datagrams(side_t* side, tcpip_socket_t* s, size_t length) {
  static uint8_t bytes[65536];
  struct iovec iov = {bytes, length};
  tcpip_send_t send = {.iov = &iov, .iov_count = 1, .ttl = -1, .tos = -1};
  uint64_t begin = spent_ns();
  for (int i = 0; i < DATAGRAMS; i++) {
    if (tcpip_socket_send(s, &send) != (int64_t)length)
      abort();
  }
  return (double)(spent_ns() - begin) / DATAGRAMS;
}

static double receive_datagrams(side_t* side, tcpip_socket_t* s, const uint8_t* frame, size_t length) {
  static uint8_t bytes[65536];
  struct iovec iov = {bytes, sizeof bytes};
  uint64_t begin = spent_ns();
  for (int i = 0; i < DATAGRAMS; i++) {
    tcpip_input(side->stack, side->interface, frame, length, NULL);
    tcpip_recv_t recv = {.iov = &iov, .iov_count = 1};
    if (tcpip_socket_recv(s, &recv) < 0)
      abort();
  }
  return (double)(spent_ns() - begin) / DATAGRAMS;
}

// The least that could be done: copy the frame and sum it.
static double copy_and_sum(size_t length) {
  static uint8_t from[65536], to[65536];
  volatile uint64_t sum = 0;
  uint64_t begin = spent_ns();
  for (int i = 0; i < DATAGRAMS; i++) {
    memcpy(to, from, length);
    sum += checksum_add(0, to, length);
    from[i % length]++;
  }
  (void)sum;
  return (double)(spent_ns() - begin) / DATAGRAMS;
}

static void datagram(size_t length, const char* tx_name, const char* rx_name) {
  side_t a, b;
  double tx[ROUNDS], rx[ROUNDS], least[ROUNDS];
  start(&a, 1, 0);
  start(&b, 2, 0);
  tcpip_socket_t *sender = open_socket(&a, TCPIP_UDP, 9), *receiver = open_socket(&b, TCPIP_UDP, 9);
  tcpip_endpoint_t to = {.address = tcpip_ipv4((uint8_t[]){10, 0, 0, 2}), .port = 9};
  if (tcpip_socket_connect(sender, &to))
    abort();
  for (int i = 0; i < ROUNDS; i++) {
    tx[i] = send_datagrams(&a, sender, length);
    rx[i] = receive_datagrams(&b, receiver, a.last, a.last_length);
    least[i] = copy_and_sum(length + 42);
  }
  double reference = bench_median(least, ROUNDS);
  bench_report(&(bench_row_t){tx_name, "jacinth", bench_median(tx, ROUNDS), "ns", "copy and checksum", reference});
  bench_report(&(bench_row_t){rx_name, "jacinth", bench_median(rx, ROUNDS), "ns", "copy and checksum", reference});
  stop(&a);
  stop(&b);
}

static void carry(side_t* from, side_t* to) {
  for (size_t at = 0; at < from->queued;) {
    size_t length;
    tcpip_offload_t offload;
    memcpy(&length, from->queue + at, sizeof length);
    memcpy(&offload, from->queue + at + sizeof length, sizeof offload);
    tcpip_input(to->stack, to->interface, from->queue + at + 32, length, &offload);
    at += 32 + (length + 7) / 8 * 8;
  }
  from->queued = 0;
  tcpip_link_writable(from->stack, from->interface);
}

// Both ends of one stream on one processor, with the time it takes put into the stacks' clock. MB/s.
static double stream(uint32_t features) {
  static uint8_t bytes[256 << 10];
  side_t a, b;
  start(&a, 1, features);
  start(&b, 2, features);
  a.peer = &b;
  b.peer = &a;
  tcpip_socket_t *listener = open_socket(&b, TCPIP_TCP, 80), *sender = open_socket(&a, TCPIP_TCP, 81), *receiver = NULL;
  tcpip_endpoint_t to = {.address = tcpip_ipv4((uint8_t[]){10, 0, 0, 2}), .port = 80};
  if (tcpip_socket_listen(listener, 1) || tcpip_socket_connect(sender, &to) != -115)
    abort();
  struct iovec iov = {bytes, sizeof bytes};
  uint64_t begin = spent_ns(), read = 0, now = begin;
  while (now - begin < 150000000) {
    now = spent_ns();
    tcpip_advance(a.stack, (int64_t)(now - begin) + 2);
    tcpip_advance(b.stack, (int64_t)(now - begin) + 2);
    tcpip_send_t send = {.iov = &iov, .iov_count = 1, .ttl = -1, .tos = -1};
    if (tcpip_socket_poll(sender) & TCPIP_EVENT_WRITABLE)
      (void)tcpip_socket_send(sender, &send);
    carry(&a, &b);
    if (!receiver)
      (void)tcpip_socket_accept(listener, NULL, &receiver);
    tcpip_recv_t recv = {.iov = &iov, .iov_count = 1};
    for (int64_t n; receiver && (n = tcpip_socket_recv(receiver, &recv)) > 0;)
      read += (uint64_t)n;
    carry(&b, &a);
  }
  stop(&a);
  stop(&b);
  return (double)read * 1e3 / (double)(now - begin);
}

static double copies(void) {
  static uint8_t from[1 << 20], to[1 << 20];
  uint64_t begin = spent_ns(), now = begin, bytes = 0;
  for (; now - begin < 30000000; now = spent_ns()) {
    for (int i = 0; i < 4; i++) {  // into the sender's buffer, onto the wire, into the receiver's buffer and out of it
      memcpy(to, from, sizeof to);
      __asm__ volatile("" : : "r"(to) : "memory");  // it is really done
    }
    from[bytes % sizeof from]++;
    bytes += sizeof from;
  }
  return (double)bytes * 1e3 / (double)(now - begin);
}

static void streams(void) {
  double plain[ROUNDS], large[ROUNDS], four[ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    plain[i] = stream(0);
    large[i] = stream(TCPIP_LINK_TX_CHECKSUM | TCPIP_LINK_TX_TSO);
    four[i] = copies();
  }
  double reference = bench_median(four, ROUNDS);
  bench_report(&(bench_row_t){"stream, both ends, 1500-byte frames", "jacinth", bench_median(plain, ROUNDS), "MB/s",
                              "four copies", reference});
  bench_report(&(bench_row_t){"stream, both ends, 64 KB frames", "jacinth", bench_median(large, ROUNDS), "MB/s",
                              "four copies", reference});
}

int main(void) {
  bench_pin(1);
  datagram(64, "send 64 bytes", "receive 64 bytes");
  datagram(1400, "send 1400 bytes", "receive 1400 bytes");
  streams();
  return 0;
}
