// A TCP connection in any of its states, and any segments, calls and times for it. What must hold of every
// connection is checked after each step.
//
// The first octet chooses the state, the second the options; then each step is an octet that says what, and
// what it needs. Sequence numbers are near those that the connection expects. All of it happens to two
// stacks, one after the other: in the second, the listener stands in for other hosts.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/components/netstack/tcpip/tcp_invariants.h"
#include "tcp.h"

enum { STEP_SEGMENT, STEP_FITTING, STEP_TIME, STEP_CALL, STEP_OPTION, STEP_LINK, STEP_ICMP, STEP_COUNT };
enum {
  IN_LISTEN,
  IN_SYN_SENT,
  IN_SYN_RECEIVED,
  IN_ESTABLISHED,
  IN_FLIGHT,
  IN_DISORDER,
  IN_RECOVERY,
  IN_LOSS,
  IN_PERSIST,
  IN_FIN_WAIT_1,
  IN_FIN_WAIT_2,
  IN_CLOSE_WAIT,
  IN_CLOSING,
  IN_LAST_ACK,
  IN_TIME_WAIT,
  IN_ORPHAN,
  IN_COUNT
};

#define PEER_PORT 7
#define SETTLE (400 * NS_PER_S)

typedef struct input {
  const uint8_t* data;
  size_t left;
} input_t;

typedef struct world {
  tcpip_t* stack;
  tcpip_client_t* client;
  tcpip_socket_t *listener, *stream, *accepted;
  uint32_t interface;
  int64_t now;
  bool full;
  bool timestamps;
  bool stands_in;
} world_t;

// What the peer sends.
typedef struct out {
  uint16_t to, from;
  uint32_t seq, ack;
  uint8_t flags, tos;
  uint16_t window, urgent, length;
  uint8_t options[40];
  size_t options_length;
} out_t;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

void tcp_invariants_failed(const char* what) {
  fprintf(stderr, "%s\n", what);
  abort();
}

static uint8_t take(input_t* in) {
  if (!in->left) return 0;
  in->left--;
  return *in->data++;
}

static int on_transmit(void* context, uint32_t interface, const struct iovec* iov, size_t iov_count,
                       const tcpip_offload_t* offload) {
  volatile uint8_t sum = 0;
  for (size_t i = 0; i < iov_count; i++) {
    for (size_t k = 0; k < iov[i].iov_len; k++)
      sum ^= ((const uint8_t*)iov[i].iov_base)[k];
  }
  (void)sum;
  return ((world_t*)context)->full ? -EAGAIN : 0;
}

static const uint8_t peer[4] = {10, 0, 0, 99}, ours[4] = {10, 0, 0, 1}, foreign[4] = {203, 0, 113, 7};

// Whose port it is.
static const uint8_t* host_of(const world_t* w, uint16_t port) {
  return w->stands_in && port == 80 ? foreign : ours;
}

static void ip_header(uint8_t* ip, size_t length, uint8_t protocol, uint8_t tos, const uint8_t to[4]) {
  const uint8_t fixed[20] = {0x45, tos, 0, 0, 0, 0, 0, 0, 64, protocol};
  uint32_t sum = 0;
  memcpy(ip, fixed, 20);
  memcpy(ip + 12, peer, 4);
  memcpy(ip + 16, to, 4);
  be16_put(ip + 2, (uint32_t)length);
  for (size_t i = 0; i < 20; i += 2)
    sum += be16_get(ip + i);
  sum = (sum & 0xffff) + (sum >> 16);
  be16_put(ip + 10, (uint16_t)~sum);
}

static void inject(world_t* w, const out_t* o) {
  size_t header = 20 + o->options_length, total = 34 + header + o->length;
  uint8_t* frame = calloc(1, total);  // of that size exactly
  uint8_t* tcp = frame + 34;
  const uint8_t ethernet[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x63, 8, 0};
  memcpy(frame, ethernet, 14);
  ip_header(frame + 14, total - 14, 6, o->tos, host_of(w, o->to));
  be16_put(tcp, o->from);
  be16_put(tcp + 2, o->to);
  be32_put(tcp + 4, o->seq);
  be32_put(tcp + 8, o->ack);
  tcp[12] = (uint8_t)(header / 4 << 4);
  tcp[13] = o->flags;
  be16_put(tcp + 14, o->window);
  be16_put(tcp + 18, o->urgent);
  if (o->options_length) memcpy(tcp + 20, o->options, o->options_length);
  tcpip_offload_t good = {.flags = TCPIP_OFFLOAD_DATA_VALID};
  tcpip_input(w->stack, w->interface, frame, total, &good);
  free(frame);
}

// The `index`th connection there is, however it came about; NULL if there is none.
static tcp_t* connection(world_t* w, unsigned index) {
  table_node_t* node = table_walk(&w->stack->connections, NULL);
  for (unsigned i = 0; node && i < index; i++)
    node = table_walk(&w->stack->connections, node);
  return node ? tcp_of(table_owner(node, tcpip_socket_t, connection_node)) : NULL;
}

static size_t put_timestamp(const tcp_t* tcp, uint8_t* p, uint32_t older, uint32_t echo_older) {
  p[0] = p[1] = 1;
  p[2] = 8;
  p[3] = 10;
  be32_put(p + 4, tcp->ts_recent + 1 - older);
  be32_put(p + 8, tcp_clock(tcp) - echo_older);
  return 12;
}

// What the connection expects next.
static out_t fitting(const world_t* w, const tcp_t* tcp, uint8_t flags, uint16_t length) {
  out_t o = {.to = tcp->base.local_port,
             .from = tcp->base.remote_port,
             .seq = tcp->rcv_nxt,
             .ack = tcp->snd_nxt,
             .flags = flags,
             .window = 1000,
             .length = length};
  if (tcp->use_timestamps && w->timestamps) o.options_length = put_timestamp(tcp, o.options, 0, 0);
  return o;
}

static void answer(world_t* w, uint8_t flags, uint16_t length) {
  const tcp_t* tcp = connection(w, 0);
  if (!tcp) return;
  out_t o = fitting(w, tcp, flags, length);
  inject(w, &o);
}

static void write_bytes(tcpip_socket_t* s, size_t length, bool urgent) {
  static uint8_t bytes[65536];
  struct iovec iov = {bytes, length};
  tcpip_send_t send = {.iov = &iov, .iov_count = 1, .ttl = -1, .tos = -1, .urgent = urgent};
  if (s) (void)tcpip_socket_send(s, &send);
}

static void read_bytes(tcpip_socket_t* s, size_t length, bool peek, bool urgent) {
  static uint8_t bytes[65536];
  struct iovec iov = {bytes, length};
  tcpip_recv_t recv = {.iov = &iov, .iov_count = 1, .peek = peek, .urgent = urgent};
  if (s) (void)tcpip_socket_recv(s, &recv);
}

static void advance(world_t* w, int64_t by) {
  w->now += by;
  tcpip_advance(w->stack, w->now);
}

static void destroy(tcpip_socket_t** s) {
  tcpip_socket_destroy(*s);
  *s = NULL;
}

static void create(world_t* w) {
  tcpip_config_t config = {.ops = {.transmit = on_transmit}, .context = w, .now_ns = 1, .secret = {7}};
  tcpip_interface_config_t link = {.name = "eth0", .mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500};
  tcpip_subnet_t subnet = {.prefix_length = 24};
  tcpip_address_t address;
  const uint8_t mac[6] = {2, 0, 0, 0, 0, 0x63};
  w->now = 1;
  if (tcpip_create(&config, &w->stack) || tcpip_interface_add(w->stack, &link, &w->interface) ||
      tcpip_interface_set_up(w->stack, w->interface, true) ||
      tcpip_client_create(w->stack, NULL, &w->client) || !tcpip_address_parse("10.0.0.1", &subnet.address) ||
      tcpip_address_add(w->stack, w->interface, &subnet, true) ||
      !tcpip_address_parse("10.0.0.99", &address) ||
      tcpip_neighbour_set(w->stack, w->interface, &address, mac))
    abort();
}

static void listen_and_connect(world_t* w, uint8_t options, bool connects) {
  tcpip_endpoint_t at = {.address = {.family = TCPIP_IPV4}, .port = 80}, to = {.port = PEER_PORT};
  if (!tcpip_address_parse("10.0.0.99", &to.address) ||
      tcpip_socket_create(w->client, TCPIP_IPV4, TCPIP_TCP, NULL, &w->listener) ||
      (w->stands_in ? tcpip_socket_stand_in(w->listener, w->interface)
                    : tcpip_socket_bind(w->listener, &at)) ||
      tcpip_socket_listen(w->listener, 2))
    abort();
  if (!connects) return;
  if (tcpip_socket_create(w->client, TCPIP_IPV4, TCPIP_TCP, NULL, &w->stream)) abort();
  (void)tcpip_socket_set(w->stream, TCPIP_TCP_CONGESTION,
                         options & 8 ? TCPIP_CONGESTION_RENO : TCPIP_CONGESTION_CUBIC);
  (void)tcpip_socket_set(w->stream, TCPIP_OUT_OF_BAND_INLINE, options >> 4 & 1);
  (void)tcpip_socket_set(w->stream, TCPIP_KEEP_ALIVE, options >> 5 & 1);
  if (tcpip_socket_connect(w->stream, &to) != -EINPROGRESS) abort();
}

// The answer to our SYN, with the options that are wanted.
static void open_stream(world_t* w, uint8_t options) {
  const tcp_t* tcp = connection(w, 0);
  const uint8_t sack_ok[4] = {1, 1, 4, 2}, scale[4] = {1, 3, 3, 7}, mss[4] = {2, 4, 5, 0xb4};
  out_t o = {
      .to = tcp->base.local_port, .from = PEER_PORT, .seq = 1000, .ack = tcp->snd_nxt, .window = 65535};
  o.flags = (uint8_t)(TCP_SYN | TCP_ACK | (options & 64 ? TCP_ECE : 0));
  memcpy(o.options, mss, 4);
  o.options_length = 4;
  if (options & 1) memcpy(o.options + o.options_length, sack_ok, 4), o.options_length += 4;
  if (options & 2) memcpy(o.options + o.options_length, scale, 4), o.options_length += 4;
  if (options & 4) o.options_length += put_timestamp(tcp, o.options + o.options_length, 0, 0);
  w->timestamps = options & 4;
  inject(w, &o);
}

static void sack(world_t* w, uint32_t from, uint32_t to) {
  const tcp_t* tcp = connection(w, 0);
  if (!tcp) return;
  out_t o = fitting(w, tcp, TCP_ACK, 0);
  uint8_t* p = o.options + o.options_length;
  p[0] = p[1] = 1;
  p[2] = 5;
  p[3] = 10;
  be32_put(p + 4, tcp->snd_una + from);
  be32_put(p + 8, tcp->snd_una + to);
  o.options_length += 12;
  o.ack = tcp->snd_una;
  inject(w, &o);
}

static void reach_data(world_t* w, int state) {
  const tcp_t* tcp = connection(w, 0);
  if (!tcp) return;
  if (state == IN_PERSIST) {
    out_t o = fitting(w, tcp, TCP_ACK, 0);
    o.window = 0;
    inject(w, &o);
  }
  if (state == IN_DISORDER) {
    out_t o = fitting(w, tcp, TCP_ACK, 500);
    o.seq += 1000;
    inject(w, &o);
  }
  write_bytes(w->stream, 20000, false);
  if (state == IN_RECOVERY) {
    advance(w, 20 * NS_PER_MS);
    sack(w, 1448, 5000);
    sack(w, 1448, 9000);
    sack(w, 1448, 10000);
  }
  if (state == IN_LOSS || state == IN_PERSIST) advance(w, NS_PER_S);
}

static void reach_end(world_t* w, int state) {
  const uint8_t fin = TCP_FIN | TCP_ACK;
  if (state == IN_CLOSE_WAIT || state == IN_LAST_ACK) answer(w, fin, 0);
  if (state == IN_CLOSE_WAIT) return;
  if (state == IN_ORPHAN)
    destroy(&w->stream);
  else
    (void)tcpip_socket_shutdown(w->stream, false, true);
  if (state == IN_CLOSING) {  // their FIN, without an acknowledgement of ours
    const tcp_t* tcp = connection(w, 0);
    out_t o = fitting(w, tcp, fin, 0);
    o.ack = tcp->snd_una;
    inject(w, &o);
  }
  if (state == IN_FIN_WAIT_2) answer(w, TCP_ACK, 0);
  if (state == IN_TIME_WAIT) answer(w, fin, 0);
}

static void reach(world_t* w, int state, uint8_t options) {
  listen_and_connect(w, options, state != IN_LISTEN && state != IN_SYN_RECEIVED);
  if (state == IN_SYN_RECEIVED) {
    out_t o = {.to = 80, .from = PEER_PORT, .seq = 1000, .flags = TCP_SYN, .window = 65535};
    inject(w, &o);
  }
  if (state < IN_ESTABLISHED) return;
  open_stream(w, options);
  if (state >= IN_FLIGHT && state <= IN_PERSIST)
    reach_data(w, state);
  else if (state > IN_PERSIST)
    reach_end(w, state);
}

static uint32_t near(input_t* in) {
  uint8_t scale = take(in);
  return (uint32_t)(int32_t)(int8_t)take(in) * (scale & 3   ? 1u
                                                : scale & 4 ? 1000u
                                                : scale & 8 ? 100000u
                                                            : 0x1000000u);
}

static void put_blocks(const tcp_t* tcp, input_t* in, out_t* o) {
  unsigned blocks = take(in) % 4;
  if (!blocks || o->options_length + 4 + 8 * blocks > sizeof o->options) return;
  uint8_t* p = o->options + o->options_length;
  p[0] = p[1] = 1;
  p[2] = 5;
  p[3] = (uint8_t)(2 + 8 * blocks);
  for (unsigned i = 0; i < blocks; i++) {
    uint32_t start = tcp->snd_una + near(in);
    be32_put(p + 4 + 8 * i, start);
    be32_put(p + 8 + 8 * i, start + near(in));
  }
  o->options_length += 4 + 8 * blocks;
}

static void segment(world_t* w, input_t* in, bool fits) {
  const tcp_t* tcp = connection(w, take(in) % 3);
  uint8_t what = take(in);
  out_t o = {.to = what & 1 ? 80 : 81, .from = (uint16_t)(PEER_PORT + (what >> 1 & 3)), .window = 1000};
  if (tcp) {
    o = fitting(w, tcp, 0, 0);
    if (!fits) o.options_length = 0;
    if (what & 16) o.ack = tcp->snd_una;
    if (what & 32) o.options_length = put_timestamp(tcp, o.options, near(in), near(in));
    if (what & 64) put_blocks(tcp, in, &o);
  }
  if (what & 8) o.from = (uint16_t)(100 + take(in));
  if (what & 8) o.to = 80;
  o.flags = take(in);
  if (fits) o.flags = (uint8_t)((o.flags & ~(TCP_SYN | TCP_RST)) | TCP_ACK);
  o.length = (uint16_t)(take(in) * (what & 128 ? 100u : 1u));
  if (!fits || take(in) & 1) {
    o.seq += near(in);
    o.ack += near(in);
    o.window = (uint16_t)(take(in) << 8 | take(in));
    o.urgent = take(in);
    o.tos = take(in);
  }
  inject(w, &o);
}

static void call(world_t* w, input_t* in) {
  uint8_t what = take(in);
  tcpip_socket_t** s = what & 64 ? &w->accepted : &w->stream;
  if (what & 64 && !w->accepted) (void)tcpip_socket_accept(w->listener, NULL, &w->accepted);
  if (!*s) return;
  if (w->stands_in && what & 64 && what & 128) {
    static const int errors[] = {ECONNREFUSED, EHOSTUNREACH, EACCES, ETIMEDOUT};
    if (what & 32) {
      (void)tcpip_socket_admit(*s);
    } else {
      tcpip_socket_refuse(*s, errors[what % 4]);
      *s = NULL;
    }
    return;
  }
  tcpip_endpoint_t to = {.port = PEER_PORT};
  switch (what % 8) {
    case 0:
    case 1:
      write_bytes(*s, (size_t)take(in) * 100, what & 16);
      break;
    case 2:
    case 3:
      read_bytes(*s, (size_t)take(in) * 100, what & 16, what & 32);
      break;
    case 4:
      (void)tcpip_socket_shutdown(*s, what & 16, what & 32);
      break;
    case 5:
      destroy(s);
      break;
    case 6:
      if (what & 16) (void)tcpip_socket_disconnect(*s);
      break;
    default:
      if (tcpip_address_parse("10.0.0.99", &to.address)) (void)tcpip_socket_connect(*s, &to);
      break;
  }
}

static void set_option(world_t* w, input_t* in) {
  tcpip_socket_t* s = take(in) & 1 ? w->listener : w->stream;
  tcpip_option_t option = (tcpip_option_t)take(in);
  int64_t value = (int64_t)(take(in) - 1) * (take(in) & 1 ? 1 : 100), is;
  if (!s) return;
  (void)tcpip_socket_set(s, option, value);
  (void)tcpip_socket_get(s, option, &is);
}

// A message about a segment of ours, too big or unreachable.
static void icmp(world_t* w, input_t* in) {
  const tcp_t* tcp = connection(w, take(in) % 3);
  uint8_t frame[14 + 20 + 8 + 28] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x63, 8, 0}, *p = frame + 34;
  if (!tcp) return;
  p[0] = 3;
  p[1] = take(in) % 16;
  be16_put(p + 6, (uint32_t)take(in) << 3);
  const uint8_t* sender = host_of(w, tcp->base.local_port);
  ip_header(p + 8, 40, 6, 0, peer);
  memcpy(p + 20, sender, 4);
  be16_put(p + 28, tcp->base.local_port);
  be16_put(p + 30, tcp->base.remote_port);
  be32_put(p + 32, tcp->snd_una + near(in));
  uint32_t sum = 0;
  for (size_t i = 0; i < 36; i += 2)
    sum += be16_get(p + i);
  sum = (sum & 0xffff) + (sum >> 16);
  be16_put(p + 2, (uint16_t) ~((sum & 0xffff) + (sum >> 16)));
  ip_header(frame + 14, sizeof frame - 14, 1, 0, sender);
  tcpip_input(w->stack, w->interface, frame, sizeof frame, NULL);
}

static void step(world_t* w, input_t* in) {
  switch (take(in) % STEP_COUNT) {
    case STEP_SEGMENT:
      segment(w, in, false);
      break;
    case STEP_FITTING:
      segment(w, in, true);
      break;
    case STEP_TIME:
      advance(w, (int64_t)take(in) * take(in) * NS_PER_MS);
      break;
    case STEP_CALL:
      call(w, in);
      break;
    case STEP_OPTION:
      set_option(w, in);
      break;
    case STEP_ICMP:
      icmp(w, in);
      break;
    default:
      w->full = take(in) & 1;
      if (!w->full) tcpip_link_writable(w->stack, w->interface);
      break;
  }
}

static void run(const uint8_t* data, size_t size, bool stands_in) {
  world_t w = {.stands_in = stands_in};
  input_t in = {data, size};
  create(&w);
  int state = take(&in) % IN_COUNT;
  reach(&w, state, take(&in));
  tcp_invariants_check(w.stack);
  while (in.left) {
    step(&w, &in);
    tcp_invariants_check(w.stack);
  }
  w.full = false;
  tcpip_link_writable(w.stack, w.interface);
  destroy(&w.stream);
  destroy(&w.accepted);
  destroy(&w.listener);
  for (int i = 0; i < 20; i++)  // whatever state it was in, it ends
    advance(&w, SETTLE);
  if (w.stack->connections.count || w.client->buffer_used) tcp_invariants_failed("something is left");
  tcpip_destroy(w.stack);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  run(data, size, false);
  run(data, size, true);
  return 0;
}
