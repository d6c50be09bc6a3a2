// Any bytes as what happens to a stack: frames from the wire (as they are, or with their checksums made right so that
// they get further), time passing, and its sockets' calls in between.
//
// Each step is an octet that says what, and what it needs: a frame is two octets of length and its bytes. All of it
// happens to two stacks, one after the other: in the second, some of the sockets stand in for other hosts. Both listen to
// routers.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tcpip/tcpip.h>

enum { STEP_FRAME, STEP_FIXED_FRAME, STEP_TIME, STEP_SEND, STEP_RECV, STEP_LINK, STEP_SEGMENT, STEP_STREAM, STEP_COUNT };

#define SOCKETS 6
#define STREAMS 4
#define FRAME_MAX 4096

typedef struct input {
  const uint8_t* data;
  size_t left;
} input_t;

typedef struct world {
  tcpip_t* stack;
  tcpip_client_t* client;
  tcpip_socket_t* sockets[SOCKETS];
  tcpip_socket_t* streams[STREAMS];  // the first listens, the second connects; the others were accepted
  uint32_t interface;
  int64_t now;
  int full;
  bool stands_in;
  uint32_t last_seq, last_ack;  // of the segment it sent last, so that a segment can be made to fit
} world_t;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

static uint8_t take(input_t* in) {
  if (!in->left)
    return 0;
  in->left--;
  return *in->data++;
}

// Reads every byte, for the sanitizers.
static int on_transmit(void* context, uint32_t interface, const struct iovec* iov, size_t iov_count,
                       const tcpip_offload_t* offload) {
  world_t* world = context;
  volatile uint8_t sum = 0;
  for (size_t i = 0; i < iov_count; i++) {
    for (size_t k = 0; k < iov[i].iov_len; k++)
      sum ^= ((const uint8_t*)iov[i].iov_base)[k];
  }
  (void)sum;
  const uint8_t* frame = iov[0].iov_base;
  if (iov[0].iov_len >= 54 && frame[12] == 8 && frame[23] == 6) {
    const uint8_t* tcp = frame + 34;
    size_t data = 0;
    for (size_t i = 1; i < iov_count; i++)
      data += iov[i].iov_len;
    world->last_seq = ((uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | (uint32_t)tcp[6] << 8 | tcp[7]) +
                      (uint32_t)data + (tcp[13] & 1u) + (tcp[13] >> 1 & 1u);
    world->last_ack = (uint32_t)tcp[8] << 24 | (uint32_t)tcp[9] << 16 | (uint32_t)tcp[10] << 8 | tcp[11];
  }
  return world->full ? -11 : 0;
}

// Of its datagram sockets.
static bool stands_in(const world_t* w, int i) {
  return w->stands_in && i != 2 && i != 3;
}

static void open_socket(world_t* w, int i, uint8_t family, tcpip_protocol_t protocol, const char* peer) {
  tcpip_endpoint_t at = {.address = {.family = family}, .port = (uint16_t)(9 + i)}, to = {.port = 7};
  if (tcpip_socket_create(w->client, family, protocol, NULL, &w->sockets[i]))
    abort();
  if (stands_in(w, i) ? tcpip_socket_stand_in(w->sockets[i], w->interface) : tcpip_socket_bind(w->sockets[i], &at))
    abort();
  if (peer && (!tcpip_address_parse(peer, &to.address) || tcpip_socket_connect(w->sockets[i], &to)))
    abort();
}

static void add_address(world_t* w, const char* text, uint8_t length) {
  tcpip_subnet_t subnet = {.prefix_length = length};
  if (!tcpip_address_parse(text, &subnet.address) || tcpip_address_add(w->stack, w->interface, &subnet, true))
    abort();
}

static void open_streams(world_t* w) {
  tcpip_endpoint_t at = {.address = {.family = TCPIP_IPV4}, .port = 80}, to = {.port = 7};
  if (!tcpip_address_parse("10.0.0.99", &to.address) ||
      tcpip_socket_create(w->client, TCPIP_IPV4, TCPIP_TCP, NULL, &w->streams[0]) ||
      tcpip_socket_create(w->client, TCPIP_IPV4, TCPIP_TCP, NULL, &w->streams[1]) ||
      (w->stands_in ? tcpip_socket_stand_in(w->streams[0], w->interface) : tcpip_socket_bind(w->streams[0], &at)) ||
      tcpip_socket_listen(w->streams[0], 2))
    abort();
  at.port = 81;
  if (tcpip_socket_bind(w->streams[1], &at) || tcpip_socket_connect(w->streams[1], &to) != -115)
    abort();
}

static void create(world_t* w) {
  tcpip_config_t config = {.ops = {.transmit = on_transmit}, .context = w, .now_ns = 1, .secret = {7},
                           .limits = {.reassembly_bytes = 100000, .neighbours = 16}};
  tcpip_interface_config_t link = {.name = "eth0", .mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500};
  tcpip_address_t group;
  w->now = 1;
  if (tcpip_create(&config, &w->stack) || tcpip_interface_add(w->stack, &link, &w->interface) ||
      tcpip_autoconf_start(w->stack, w->interface, &(tcpip_autoconf_config_t){.known_unique = w->stands_in}) ||
      tcpip_interface_set_up(w->stack, w->interface, true) || tcpip_client_create(w->stack, NULL, &w->client))
    abort();
  add_address(w, "10.0.0.1", 24);
  add_address(w, "fd00::1", 64);
  open_socket(w, 0, TCPIP_IPV4, TCPIP_UDP, NULL);
  open_socket(w, 1, TCPIP_IPV6, TCPIP_UDP, NULL);
  open_socket(w, 2, TCPIP_IPV4, TCPIP_UDP, "10.0.0.99");
  open_socket(w, 3, TCPIP_IPV6, TCPIP_UDP, "fd00::99");
  open_socket(w, 4, TCPIP_IPV4, TCPIP_ICMP_ECHO, NULL);
  open_socket(w, 5, TCPIP_IPV6, TCPIP_ICMP_ECHO, w->stands_in ? NULL : "fd00::99");
  if (!tcpip_address_parse("239.1.1.1", &group) || tcpip_socket_join(w->sockets[0], &group, w->interface) ||
      !tcpip_address_parse("ff02::99", &group) || tcpip_socket_join(w->sockets[1], &group, w->interface))
    abort();
  tcpip_address_t peer;
  const uint8_t mac[6] = {2, 0, 0, 0, 0, 0x63};
  if (!tcpip_address_parse("10.0.0.99", &peer) || tcpip_neighbour_set(w->stack, w->interface, &peer, mac))
    abort();
  open_streams(w);
}

static void fix_ipv4(uint8_t* p, size_t length) {
  size_t header = (size_t)(p[0] & 0xf) * 4;
  uint32_t sum = 0;
  if (header < 20 || header > length)
    return;
  p[10] = p[11] = 0;
  for (size_t i = 0; i < header; i += 2)
    sum += (uint32_t)p[i] << 8 | p[i + 1];
  sum = (sum & 0xffff) + (sum >> 16);
  sum = ~((sum & 0xffff) + (sum >> 16));
  p[10] = (uint8_t)(sum >> 8);
  p[11] = (uint8_t)sum;
}

static void frame(world_t* w, input_t* in, bool fixed) {
  size_t length = (size_t)(take(in) << 8);
  length = (length | take(in)) % FRAME_MAX;
  length = length < in->left ? length : in->left;
  uint8_t* bytes = malloc(length ? length : 1);  // of that size exactly
  tcpip_offload_t good = {.flags = TCPIP_OFFLOAD_DATA_VALID};
  memcpy(bytes, in->data, length);
  in->data += length;
  in->left -= length;
  if (fixed && length >= 34) {
    const uint8_t ours[6] = {2, 0, 0, 0, 0, 1};
    if (!(bytes[0] & 1))
      memcpy(bytes, ours, 6);
    if (bytes[12] == 8 && bytes[13] == 0)
      fix_ipv4(bytes + 14, length - 14);
  }
  tcpip_input(w->stack, w->interface, bytes, length, fixed ? &good : NULL);
  free(bytes);
}

// From another host, or about what was for it.
static void speak_for(world_t* w, input_t* in, uint8_t which, tcpip_send_t* send) {
  static const int errors[] = {111, 113, 101, 13, 1, 110};
  tcpip_endpoint_t foreign = {.port = take(in)};
  if (!tcpip_address_parse(which & 1 ? "2001:db8::" : "203.0.113.0", &foreign.address))
    abort();
  foreign.address.bytes[which & 1 ? 15 : 3] = take(in);
  uint8_t what = take(in);
  if (what & 1)
    (void)tcpip_socket_unreachable(w->sockets[which], send->to, &foreign, errors[(what >> 1) % 6]);
  send->to = what & 16 ? NULL : send->to;
  send->source = what & 32 ? NULL : &foreign.address;
  send->source_port = foreign.port;
  (void)tcpip_socket_send(w->sockets[which], send);
}

static void send_datagram(world_t* w, input_t* in) {
  static uint8_t bytes[8192];
  uint8_t which = take(in) % SOCKETS;
  struct iovec iov = {bytes, (size_t)take(in) * 32};
  tcpip_endpoint_t to = {.address = {.family = which & 1 ? TCPIP_IPV6 : TCPIP_IPV4}, .port = take(in)};
  uint8_t kind = take(in);
  const uint8_t v4[4] = {10, 0, 0, take(in)};
  if (which & 1) {
    to.address.bytes[0] = 0xfd;
    to.address.bytes[15] = v4[3];
  } else {
    memcpy(to.address.bytes, v4, 4);
  }
  tcpip_send_t send = {.iov = &iov, .iov_count = 1, .to = kind & 1 ? &to : NULL, .ttl = -1, .tos = -1};
  bytes[0] = 8;
  if (!stands_in(w, which)) {
    (void)tcpip_socket_send(w->sockets[which], &send);
    return;
  }
  bytes[0] = which & 1 ? 129 : 0;
  send.to = &to;
  speak_for(w, in, which, &send);
}

static void receive(world_t* w, input_t* in) {
  uint8_t bytes[512];
  struct iovec iov = {bytes, take(in)};
  tcpip_recv_t recv = {.iov = &iov, .iov_count = 1};
  (void)tcpip_socket_recv(w->sockets[take(in) % SOCKETS], &recv);
}

static void put32(uint8_t* p, uint32_t v) {
  p[0] = (uint8_t)(v >> 24);
  p[1] = (uint8_t)(v >> 16);
  p[2] = (uint8_t)(v >> 8);
  p[3] = (uint8_t)v;
}

// A segment whose numbers are near what the last one sent asks for.
static void segment(world_t* w, input_t* in) {
  uint8_t frame[14 + 20 + 60 + 2048] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x63, 8, 0};
  uint8_t ip[20] = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 99, 10, 0, 0, 1};
  uint8_t* tcp = frame + 34;
  uint8_t which = take(in);
  if (w->stands_in && which & 32)
    memcpy(ip + 16, (const uint8_t[]){203, 0, 113, 1}, 4);
  size_t options = (take(in) % 11) * 4u, data = (size_t)take(in) * 8;
  tcp[1] = which & 1 ? 7 : (uint8_t)(100 + (which >> 2 & 3));
  tcp[3] = which & 1 ? 81 : 80;
  tcp[13] = take(in);
  put32(tcp + 4, w->last_ack + (uint32_t)(int32_t)(int8_t)take(in) * (which & 128 ? 1000u : 1u));
  put32(tcp + 8, w->last_seq + (uint32_t)(int32_t)(int8_t)take(in) * (which & 64 ? 1000u : 1u));
  tcp[12] = (uint8_t)((20 + options) / 4 << 4);
  tcp[14] = take(in);
  tcp[15] = take(in);
  for (size_t i = 0; i < options; i++)
    tcp[20 + i] = take(in);
  size_t total = 40 + options + data;
  ip[2] = (uint8_t)(total >> 8);
  ip[3] = (uint8_t)total;
  memcpy(frame + 14, ip, 20);
  fix_ipv4(frame + 14, total);
  tcpip_offload_t good = {.flags = TCPIP_OFFLOAD_DATA_VALID};
  tcpip_input(w->stack, w->interface, frame, 14 + total, &good);
}

static void stream_call(world_t* w, input_t* in) {
  static uint8_t bytes[65536];
  int i = take(in) % STREAMS;
  uint8_t what = take(in);
  struct iovec iov = {bytes, (size_t)take(in) * 256};
  tcpip_send_t send = {.iov = &iov, .iov_count = 1, .ttl = -1, .tos = -1};
  tcpip_recv_t recv = {.iov = &iov, .iov_count = 1, .peek = what & 64};
  if (!w->streams[i]) {
    if (i < 2 || tcpip_socket_accept(w->streams[0], NULL, &w->streams[i]))
      return;
    if (w->stands_in && what & 128)
      (void)tcpip_socket_admit(w->streams[i]);
  }
  if (w->stands_in && i >= 2 && what & 32) {
    static const int errors[] = {111, 113, 13, 110};
    if (what & 16) {
      (void)tcpip_socket_admit(w->streams[i]);
    } else {
      tcpip_socket_refuse(w->streams[i], errors[what % 4]);
      w->streams[i] = NULL;
    }
    return;
  }
  switch (what % 8) {
    case 0:
      (void)tcpip_socket_shutdown(w->streams[i], what & 64, true);
      break;
    case 1:
      if (i >= 2) {
        tcpip_socket_destroy(w->streams[i]);
        w->streams[i] = NULL;
      }
      break;
    case 2:
    case 3:
      (void)tcpip_socket_recv(w->streams[i], &recv);
      break;
    case 4:
      (void)tcpip_socket_set(w->streams[i], (tcpip_option_t)take(in), take(in));
      break;
    case 5:
      if (i == 1 && what & 64)
        (void)tcpip_socket_disconnect(w->streams[1]);
      break;
    default:
      (void)tcpip_socket_send(w->streams[i], &send);
      break;
  }
  if (w->streams[i])
    (void)tcpip_socket_poll(w->streams[i]);
}

static void run(const uint8_t* data, size_t size, bool stands_in) {
  world_t w = {.stands_in = stands_in};
  input_t in = {data, size};
  create(&w);
  while (in.left) {
    switch (take(&in) % STEP_COUNT) {
      case STEP_FRAME:
        frame(&w, &in, false);
        break;
      case STEP_FIXED_FRAME:
        frame(&w, &in, true);
        break;
      case STEP_TIME:
        w.now += (int64_t)take(&in) * take(&in) * 1000000;
        tcpip_advance(w.stack, w.now);
        break;
      case STEP_SEND:
        send_datagram(&w, &in);
        break;
      case STEP_RECV:
        receive(&w, &in);
        break;
      case STEP_SEGMENT:
        segment(&w, &in);
        break;
      case STEP_STREAM:
        stream_call(&w, &in);
        break;
      case STEP_LINK:
        w.full = take(&in) & 1;
        if (!w.full)
          tcpip_link_writable(w.stack, w.interface);
        break;
    }
  }
  tcpip_advance(w.stack, w.now + 100000000000);
  tcpip_destroy(w.stack);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  run(data, size, false);
  run(data, size, true);
  return 0;
}
