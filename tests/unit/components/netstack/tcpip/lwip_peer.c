#include "lwip_peer.h"

#include <dlfcn.h>
#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include <lwip/tcpip.h>
#include <lwip/udp.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#define KEPT 64

struct lwip_port {
  struct udp_pcb* pcb;
  bool echo;
  struct pbuf* kept[KEPT];
  size_t count;
};

static struct {
  struct netif netif;
  lwip_emit_t emit;
  void* context;
  netif_input_fn input;  // lwIP's ethernet_input, by name: the linker might give us another
  uint8_t mac[6];
} peer;

static err_t link_output(struct netif* netif, struct pbuf* p) {
  (void)netif;
  uint8_t frame[2048];
  peer.emit(peer.context, frame, pbuf_copy_partial(p, frame, sizeof frame, 0));
  return ERR_OK;
}

static err_t netif_setup(struct netif* netif) {
  netif->name[0] = 'l';
  netif->name[1] = 'w';
  netif->output = etharp_output;
  netif->output_ip6 = ethip6_output;
  netif->linkoutput = link_output;
  netif->mtu = 1500;
  netif->hwaddr_len = 6;
  memcpy(netif->hwaddr, peer.mac, 6);
  netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP |
                 NETIF_FLAG_MLD6;
  return ERR_OK;
}

static void initialised(void* argument) {
  sem_post(argument);
}

void lwip_peer_init(const uint8_t mac[6], const uint8_t ipv4[4], const uint8_t ipv6[16], lwip_emit_t emit,
                    void* context) {
  sem_t ready;
  peer.emit = emit;
  peer.context = context;
  memcpy(peer.mac, mac, 6);
  void* symbol = dlsym(RTLD_DEFAULT, "ethernet_input");
  memcpy(&peer.input, &symbol, sizeof symbol);
  sem_init(&ready, 0, 0);
  tcpip_init(initialised, &ready);
  sem_wait(&ready);
  ip4_addr_t address, mask, gateway;
  ip6_addr_t six;
  memcpy(&address.addr, ipv4, 4);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&gateway, 0, 0, 0, 0);
  memset(&six, 0, sizeof six);
  memcpy(six.addr, ipv6, 16);
  LOCK_TCPIP_CORE();
  netif_add(&peer.netif, &address, &mask, &gateway, NULL, netif_setup, peer.input);
  netif_set_default(&peer.netif);
  netif_ip6_addr_set(&peer.netif, 0, &six);
  netif_ip6_addr_set_state(&peer.netif, 0, IP6_ADDR_PREFERRED);
  netif_set_up(&peer.netif);
  UNLOCK_TCPIP_CORE();
}

void lwip_peer_input(const void* frame, size_t length) {
  LOCK_TCPIP_CORE();
  // Not PBUF_POOL: in this build its buffers are smaller than they say.
  struct pbuf* p = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);
  if (p) {
    pbuf_take(p, frame, (u16_t)length);
    if (peer.input(p, &peer.netif) != ERR_OK)
      pbuf_free(p);
  }
  UNLOCK_TCPIP_CORE();
}

static void on_receive(void* argument, struct udp_pcb* pcb, struct pbuf* p, const ip_addr_t* from, u16_t from_port) {
  lwip_port_t* port = argument;
  struct pbuf* copy = port->echo ? pbuf_clone(PBUF_TRANSPORT, PBUF_RAM, p) : NULL;  // headers are written into it
  if (copy) {
    udp_sendto(pcb, copy, from, from_port);
    pbuf_free(copy);
  }
  if (port->count < KEPT)
    port->kept[port->count++] = p;
  else
    pbuf_free(p);
}

lwip_port_t* lwip_peer_open(uint16_t number, bool echo) {
  lwip_port_t* port = calloc(1, sizeof *port);
  port->echo = echo;
  LOCK_TCPIP_CORE();
  port->pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
  udp_bind(port->pcb, IP_ANY_TYPE, number);
  udp_recv(port->pcb, on_receive, port);
  UNLOCK_TCPIP_CORE();
  return port;
}

void lwip_peer_close(lwip_port_t* port) {
  LOCK_TCPIP_CORE();
  udp_remove(port->pcb);
  for (size_t i = 0; i < port->count; i++)
    pbuf_free(port->kept[i]);
  UNLOCK_TCPIP_CORE();
  free(port);
}

long lwip_peer_receive(lwip_port_t* port, void* bytes, size_t capacity) {
  long length = -1;
  LOCK_TCPIP_CORE();
  if (port->count) {
    struct pbuf* p = port->kept[0];
    length = pbuf_copy_partial(p, bytes, (u16_t)capacity, 0);
    pbuf_free(p);
    memmove(&port->kept[0], &port->kept[1], --port->count * sizeof port->kept[0]);
  }
  UNLOCK_TCPIP_CORE();
  return length;
}

int lwip_peer_send(lwip_port_t* port, const uint8_t* address, size_t address_size, uint16_t to_port, const void* bytes,
                   size_t length) {
  ip_addr_t to;
  memset(&to, 0, sizeof to);
  IP_SET_TYPE_VAL(to, address_size == 4 ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6);
  memcpy(address_size == 4 ? (void*)&ip_2_ip4(&to)->addr : (void*)ip_2_ip6(&to)->addr, address, address_size);
  LOCK_TCPIP_CORE();
  struct pbuf* p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)length, PBUF_RAM);
  int result = ERR_MEM;
  if (p) {
    pbuf_take(p, bytes, (u16_t)length);
    result = udp_sendto(port->pcb, p, &to, to_port);
    pbuf_free(p);
  }
  UNLOCK_TCPIP_CORE();
  return result;
}

struct lwip_echo {
  int opened, ended, failed;
  bool held;
  struct echo_connection* connections;
};

// What a connection has received and not yet been able to send back.
typedef struct echo_connection {
  lwip_echo_t* echo;
  struct tcp_pcb* pcb;
  struct echo_connection* next;
  struct pbuf* pending;
  bool eof;
} echo_connection_t;

static void echo_forget(echo_connection_t* c) {
  echo_connection_t** at = &c->echo->connections;
  while (*at != c)
    at = &(*at)->next;
  *at = c->next;
  if (c->pending) pbuf_free(c->pending);
  free(c);
}

static void echo_end(struct tcp_pcb* pcb, echo_connection_t* c) {
  tcp_arg(pcb, NULL);
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  tcp_err(pcb, NULL);
  c->echo->ended++;
  tcp_close(pcb);
  echo_forget(c);
}

static void echo_pump(struct tcp_pcb* pcb, echo_connection_t* c) {
  if (c->echo->held) return;
  while (c->pending) {
    struct pbuf* p = c->pending;
    u16_t room = tcp_sndbuf(pcb), length = p->len < room ? p->len : room;
    if (!length || tcp_write(pcb, p->payload, length, TCP_WRITE_FLAG_COPY) != ERR_OK)
      break;
    tcp_recved(pcb, length);
    if (length < p->len) {
      pbuf_remove_header(p, length);
      break;
    }
    c->pending = p->next;
    if (c->pending)
      pbuf_ref(c->pending);
    pbuf_free(p);
  }
  tcp_output(pcb);
  if (!c->pending && c->eof)
    echo_end(pcb, c);
}

static err_t echo_recv(void* argument, struct tcp_pcb* pcb, struct pbuf* p, err_t error) {
  (void)error;
  echo_connection_t* c = argument;
  if (!p)
    c->eof = true;
  else if (c->pending)
    pbuf_cat(c->pending, p);
  else
    c->pending = p;
  echo_pump(pcb, c);
  return ERR_OK;
}

static err_t echo_sent(void* argument, struct tcp_pcb* pcb, u16_t length) {
  (void)length;
  echo_pump(pcb, argument);
  return ERR_OK;
}

static void echo_error(void* argument, err_t error) {
  (void)error;
  echo_connection_t* c = argument;
  if (!c)
    return;
  c->echo->failed++;
  echo_forget(c);
}

static err_t echo_opened(void* argument, struct tcp_pcb* pcb, err_t error) {
  (void)error;
  echo_connection_t* c = calloc(1, sizeof *c);
  c->echo = argument;
  c->pcb = pcb;
  c->next = c->echo->connections;
  c->echo->connections = c;
  c->echo->opened++;
  tcp_arg(pcb, c);
  tcp_recv(pcb, echo_recv);
  tcp_sent(pcb, echo_sent);
  tcp_err(pcb, echo_error);
  return ERR_OK;
}

lwip_echo_t* lwip_peer_echo_listen(uint16_t port) {
  lwip_echo_t* echo = calloc(1, sizeof *echo);
  LOCK_TCPIP_CORE();
  struct tcp_pcb* pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
  tcp_bind(pcb, IP_ANY_TYPE, port);
  pcb = tcp_listen_with_backlog(pcb, 100);
  tcp_arg(pcb, echo);
  tcp_accept(pcb, echo_opened);
  UNLOCK_TCPIP_CORE();
  return echo;
}

lwip_echo_t* lwip_peer_echo_connect(const uint8_t* address, size_t address_size, uint16_t port) {
  lwip_echo_t* echo = calloc(1, sizeof *echo);
  ip_addr_t to;
  memset(&to, 0, sizeof to);
  IP_SET_TYPE_VAL(to, address_size == 4 ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6);
  memcpy(address_size == 4 ? (void*)&ip_2_ip4(&to)->addr : (void*)ip_2_ip6(&to)->addr, address, address_size);
  LOCK_TCPIP_CORE();
  struct tcp_pcb* pcb = tcp_new_ip_type(address_size == 4 ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6);
  tcp_arg(pcb, echo);
  tcp_connect(pcb, &to, port, echo_opened);
  UNLOCK_TCPIP_CORE();
  return echo;
}

void lwip_peer_echo_hold(lwip_echo_t* echo, bool held) {
  LOCK_TCPIP_CORE();
  echo->held = held;
  for (echo_connection_t *c = echo->connections, *next; c; c = next) {
    next = c->next;
    echo_pump(c->pcb, c);
  }
  UNLOCK_TCPIP_CORE();
}

void lwip_peer_echo_end_all(lwip_echo_t* echo, bool abort) {
  LOCK_TCPIP_CORE();
  while (echo->connections) {
    struct tcp_pcb* pcb = echo->connections->pcb;
    if (abort)
      tcp_abort(pcb);  // comes back by echo_error
    else
      echo_end(pcb, echo->connections);
  }
  UNLOCK_TCPIP_CORE();
}

void lwip_peer_echo_counts(const lwip_echo_t* echo, int* out_opened, int* out_ended, int* out_failed) {
  LOCK_TCPIP_CORE();
  *out_opened = echo->opened;
  *out_ended = echo->ended;
  *out_failed = echo->failed;
  UNLOCK_TCPIP_CORE();
}

void lwip_peer_tick(unsigned ms) {
  static unsigned passed;
  LOCK_TCPIP_CORE();
  for (passed += ms; passed >= TCP_TMR_INTERVAL; passed -= TCP_TMR_INTERVAL)
    tcp_tmr();
  UNLOCK_TCPIP_CORE();
}
