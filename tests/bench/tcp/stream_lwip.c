// A stream over liblwip, on its own side of a relay. lwIP's own thread keeps its timers; frames and calls are
// this thread's, under lwIP's lock.
//   arguments: FD ADDRESS PREFIX   a SOCK_SEQPACKET descriptor of the relay, and the address that this end
//   has
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <lwip/etharp.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/tcp.h>
#include <lwip/tcpip.h>
#include <poll.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "stream_peer.h"

#define VNET sizeof(struct virtio_net_hdr)
#define FRAME_MAX (VNET + 14 + 1500)
#define BATCH 64
#define PATIENCE_NS 10000000000u

typedef struct lwip_stream {
  struct tcp_pcb* pcb;
  uint64_t begin;  // of receiving: the first byte
  uint64_t bytes;
  bool over;
} lwip_stream_t;

static struct netif netif;
static netif_input_fn ethernet;
static int wire;
static uint8_t bytes[65535];

static void fail(const char* what) {
  fprintf(stderr, "stream_lwip: %s\n", what);
  exit(1);
}

static err_t link_output(struct netif* n, struct pbuf* p) {
  uint8_t frame[FRAME_MAX] = {0};
  (void)n;
  u16_t length = pbuf_copy_partial(p, frame + VNET, sizeof(frame) - VNET, 0);
  return write(wire, frame, VNET + length) < 0 ? ERR_WOULDBLOCK : ERR_OK;
}

static err_t setup(struct netif* n) {
  static const uint8_t mac[6] = {2, 0, 0, 0, 0, 0x15};
  n->name[0] = 'l';
  n->name[1] = 'w';
  n->output = etharp_output;
  n->linkoutput = link_output;
  n->mtu = 1500;
  n->hwaddr_len = sizeof(mac);
  memcpy(n->hwaddr, mac, sizeof(mac));
  n->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

static void initialised(void* argument) {
  sem_post(argument);
}

void stream_start(char** arguments) {
  if (!arguments[0] || !arguments[1] || !arguments[2]) fail("arguments are FD ADDRESS PREFIX");
  wire = atoi(arguments[0]);
  int size = 4 << 20;
  (void)setsockopt(wire, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
  if (fcntl(wire, F_SETFL, fcntl(wire, F_GETFL) | O_NONBLOCK) != 0) fail("no such descriptor");
  void* symbol = dlsym(RTLD_DEFAULT, "ethernet_input");  // the linker might give us another
  memcpy(&ethernet, &symbol, sizeof(symbol));
  sem_t ready;
  sem_init(&ready, 0, 0);
  tcpip_init(initialised, &ready);
  sem_wait(&ready);
  ip4_addr_t address, mask, none = {0};
  if (!ip4addr_aton(arguments[1], &address)) fail(arguments[1]);
  ip4_addr_set_u32(&mask, lwip_htonl(~0u << (32 - atoi(arguments[2]))));
  LOCK_TCPIP_CORE();
  netif_add(&netif, &address, &mask, &none, NULL, setup, ethernet);
  netif_set_default(&netif);
  netif_set_up(&netif);
  UNLOCK_TCPIP_CORE();
}

static void turn(void) {
  uint8_t frame[65536];
  struct pollfd item = {wire, POLLIN, 0};
  if (poll(&item, 1, 10) <= 0) return;
  if (item.revents & (POLLHUP | POLLERR)) fail("the relay is gone");
  for (int i = 0; i < BATCH; i++) {
    ssize_t length = read(wire, frame, sizeof(frame));
    if (length <= (ssize_t)VNET) return;
    LOCK_TCPIP_CORE();
    // Not PBUF_POOL: in this build its buffers are smaller than they say.
    struct pbuf* p = pbuf_alloc(PBUF_RAW, (u16_t)((size_t)length - VNET), PBUF_RAM);
    if (p) {
      pbuf_take(p, frame + VNET, (u16_t)((size_t)length - VNET));
      if (ethernet(p, &netif) != ERR_OK) pbuf_free(p);
    }
    UNLOCK_TCPIP_CORE();
  }
}

static double since(uint64_t begin) {
  return (double)(bench_now_ns() - begin) / 1e9;
}

static err_t on_receive(void* argument, struct tcp_pcb* pcb, struct pbuf* p, err_t error) {
  lwip_stream_t* s = argument;
  (void)error;
  if (!p) {
    s->over = true;
    return ERR_OK;
  }
  if (!s->begin) s->begin = bench_now_ns();
  s->bytes += p->tot_len;
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  return ERR_OK;
}

static void on_error(void* argument, err_t error) {
  lwip_stream_t* s = argument;
  (void)error;
  s->over = true;
  s->pcb = NULL;
}

static err_t on_accept(void* argument, struct tcp_pcb* pcb, err_t error) {
  lwip_stream_t* s = argument;
  (void)error;
  s->pcb = pcb;
  tcp_recv(pcb, on_receive);
  tcp_err(pcb, on_error);
  return ERR_OK;
}

static void fill(lwip_stream_t* s) {
  u16_t room;
  while ((room = tcp_sndbuf(s->pcb)) > 0 && tcp_write(s->pcb, bytes, room, TCP_WRITE_FLAG_COPY) == ERR_OK)
    s->bytes += room;
  tcp_output(s->pcb);
}

static err_t on_sent(void* argument, struct tcp_pcb* pcb, u16_t length) {
  (void)pcb;
  (void)length;
  fill(argument);
  return ERR_OK;
}

static err_t on_connected(void* argument, struct tcp_pcb* pcb, err_t error) {
  (void)pcb;
  (void)error;
  fill(argument);
  return ERR_OK;
}

static void finish(lwip_stream_t* s, struct tcp_pcb* listener) {
  LOCK_TCPIP_CORE();
  if (s->pcb) {
    tcp_err(s->pcb, NULL);
    tcp_abort(s->pcb);
  }
  if (listener) tcp_close(listener);
  UNLOCK_TCPIP_CORE();
}

stream_result_t stream_receive(uint16_t port, double seconds, void (*ready)(void)) {
  lwip_stream_t s = {0};
  stream_result_t result = {0};
  LOCK_TCPIP_CORE();
  struct tcp_pcb* listener = tcp_new();
  if (!listener || tcp_bind(listener, IP_ADDR_ANY, port) != ERR_OK) fail("cannot bind");
  listener = tcp_listen(listener);
  tcp_arg(listener, &s);
  tcp_accept(listener, on_accept);
  UNLOCK_TCPIP_CORE();
  ready();
  uint64_t patience = bench_now_ns() + PATIENCE_NS;
  while (!s.over && result.seconds < seconds && (s.begin || bench_now_ns() < patience)) {
    turn();
    if (s.begin) result.seconds = since(s.begin);
  }
  result.bytes = s.bytes;
  finish(&s, listener);
  return result;
}

stream_result_t stream_send(const char* address, uint16_t port, const char* control, double seconds) {
  lwip_stream_t s = {0};
  ip_addr_t to = {0};
  (void)control;
  IP_SET_TYPE_VAL(to, IPADDR_TYPE_V4);
  if (!ip4addr_aton(address, ip_2_ip4(&to))) fail(address);
  LOCK_TCPIP_CORE();
  s.pcb = tcp_new();
  if (!s.pcb) fail("no connection");
  tcp_arg(s.pcb, &s);
  tcp_err(s.pcb, on_error);
  tcp_sent(s.pcb, on_sent);
  tcp_connect(s.pcb, &to, port, on_connected);
  UNLOCK_TCPIP_CORE();
  stream_result_t result = {0};
  for (uint64_t begin = bench_now_ns(); !s.over && result.seconds < seconds; result.seconds = since(begin))
    turn();
  result.bytes = s.bytes;
  finish(&s, NULL);
  return result;
}
