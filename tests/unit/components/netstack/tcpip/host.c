#include "host.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "stack.h"

const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 0x63};

static int on_transmit(void* context, uint32_t interface, const struct iovec* iov, size_t iov_count,
                       const tcpip_offload_t* offload) {
  host_t* host = context;
  if (host->full || (host->room && host->frame_count >= host->room))
    return -EAGAIN;
  if (host->frame_count == HOST_FRAMES_MAX)
    ck_abort_msg("too many frames");
  host_frame_t* frame = &host->frames[host->frame_count++];
  *frame = (host_frame_t){.offload = *offload};
  for (size_t i = 0; i < iov_count; i++)
    frame->length += iov[i].iov_len;
  frame->bytes = malloc(frame->length);
  size_t at = 0;
  for (size_t i = 0; i < iov_count; i++) {
    if (iov[i].iov_len)
      memcpy(frame->bytes + at, iov[i].iov_base, iov[i].iov_len);
    at += iov[i].iov_len;
  }
  return 0;
}

static void on_event(void* context, tcpip_socket_t* socket, void* socket_context, uint32_t events) {
  host_t* host = context;
  host->events |= events;
  host->event_count++;
  host->event_socket = socket;
}

static void on_filter(void* context, uint32_t interface, const uint8_t mac[TCPIP_MAC_SIZE], bool add) {
  ((host_t*)context)->filters += add ? 1 : -1;
}

static void on_trace(void* context, const char* point) {
  host_t* host = context;
  size_t used = strlen(host->trace);
  if (host->trace_on)
    snprintf(host->trace + used, sizeof host->trace - used, "%s ", point);
}

void host_init(host_t* host, const host_config_t* config) {
  *host = (host_t){.now = 1000 * S, .mac = {2, 0, 0, 0, 0, config->last_octet}};
  tcpip_config_t stack_config = {.ops = {on_transmit, on_filter, on_event, on_trace},
                                 .context = host,
                                 .now_ns = host->now,
                                 .limits = config->limits};
  memcpy(stack_config.secret, &config->seed, sizeof config->seed);
  ck_assert_int_eq(tcpip_create(&stack_config, &host->stack), 0);
  tcpip_interface_config_t link = {.name = "eth0", .mtu = config->mtu ? config->mtu : 1500,
                                   .link_features = config->link_features};
  memcpy(link.mac, host->mac, sizeof link.mac);
  ck_assert_int_eq(tcpip_interface_add(host->stack, &link, &host->interface), 0);
  ck_assert_int_eq(tcpip_interface_set_up(host->stack, host->interface, true), 0);
  tcpip_subnet_t v4 = {host_ipv4(config->last_octet), 24}, v6 = {host_ipv6(config->last_octet), 64};
  ck_assert_int_eq(tcpip_address_add(host->stack, host->interface, &v4, true), 0);
  ck_assert_int_eq(tcpip_address_add(host->stack, host->interface, &v6, true), 0);
  ck_assert_int_eq(tcpip_client_create(host->stack, NULL, &host->client), 0);
  host_advance(host, 2 * S);
  host_drop_all(host);
  host->events = 0;
  host->event_count = 0;
}

void host_deinit(host_t* host) {
  host_drop_all(host);
  tcpip_destroy(host->stack);
}

size_t host_connections(const host_t* host) {
  return host->stack->connections.count + host->stack->names.count;
}

void host_advance(host_t* host, int64_t by) {
  int64_t end = host->now + by;
  for (int64_t due; (due = tcpip_deadline(host->stack)) <= end;) {
    if (due > host->now)
      host->now = due;
    tcpip_advance(host->stack, host->now);
  }
  host->now = end;
  tcpip_advance(host->stack, end);
}

bool host_take(host_t* host, host_frame_t* out) {
  if (!host->frame_count)
    return false;
  *out = host->frames[0];
  host->frame_count--;
  memmove(&host->frames[0], &host->frames[1], host->frame_count * sizeof host->frames[0]);
  return true;
}

void host_drop_all(host_t* host) {
  host_frame_t frame;
  while (host_take(host, &frame))
    free(frame.bytes);
}

// A copy of exactly that size, so that a sanitizer sees the engine read beyond it.
void host_input(host_t* host, const void* bytes, size_t length) {
  uint8_t* copy = malloc(length ? length : 1);
  if (length)
    memcpy(copy, bytes, length);
  tcpip_set_time(host->stack, host->now);
  tcpip_input(host->stack, host->interface, copy, length, NULL);
  free(copy);
}

void host_input_shared(host_t* host, const void* bytes, size_t length, const tcpip_offload_t* offload) {
  uint8_t *copy = malloc(length ? length : 1), *shared = malloc(length ? length : 1);
  if (length)
    memcpy(shared, bytes, length);
  tcpip_set_time(host->stack, host->now);
  tcpip_input_shared(host->stack, host->interface, copy, shared, length, offload);
  free(copy);
  free(shared);
}

static bool carry(host_t* from, host_t* to) {
  host_frame_t frame;
  if (!host_take(from, &frame))
    return false;
  host_input_shared(to, frame.bytes, frame.length, &frame.offload);
  free(frame.bytes);
  return true;
}

void host_exchange(host_t* a, host_t* b) {
  for (bool moved = true; moved;) {
    moved = carry(a, b);
    moved |= carry(b, a);
    tcpip_advance(a->stack, a->now);
    tcpip_advance(b->stack, b->now);
  }
}

void host_introduce(host_t* a, host_t* b) {
  host_t* hosts[2] = {a, b};
  for (int i = 0; i < 2; i++) {
    host_t* other = hosts[1 - i];
    tcpip_address_t v4 = host_ipv4(other->mac[5]), v6 = host_ipv6(other->mac[5]);
    ck_assert_int_eq(tcpip_neighbour_set(hosts[i]->stack, hosts[i]->interface, &v4, other->mac), 0);
    ck_assert_int_eq(tcpip_neighbour_set(hosts[i]->stack, hosts[i]->interface, &v6, other->mac), 0);
  }
}

tcpip_address_t host_ipv4(uint8_t last_octet) {
  const uint8_t bytes[4] = {10, 0, 0, last_octet};
  return tcpip_ipv4(bytes);
}

tcpip_address_t host_ipv6(uint8_t last_octet) {
  const uint8_t bytes[16] = {0xfd, [15] = last_octet};
  return tcpip_ipv6(bytes);
}

tcpip_address_t host_address(const char* text) {
  tcpip_address_t address;
  ck_assert_msg(tcpip_address_parse(text, &address), "%s", text);
  return address;
}

tcpip_endpoint_t host_endpoint(const char* text, uint16_t port) {
  return (tcpip_endpoint_t){.address = host_address(text), .port = port};
}

tcpip_socket_t* host_udp(host_t* host, uint8_t family, const char* bind_to, uint16_t port) {
  tcpip_socket_t* socket;
  ck_assert_int_eq(tcpip_socket_create(host->client, family, TCPIP_UDP, host, &socket), 0);
  if (bind_to) {
    tcpip_endpoint_t local = host_endpoint(bind_to, port);
    ck_assert_int_eq(tcpip_socket_bind(socket, &local), 0);
  }
  return socket;
}

int64_t host_send(tcpip_socket_t* socket, const void* bytes, size_t length, const tcpip_endpoint_t* to) {
  struct iovec iov = {(void*)(uintptr_t)bytes, length};
  tcpip_send_t send = {.iov = &iov, .iov_count = 1, .to = to, .ttl = -1, .tos = -1};
  return tcpip_socket_send(socket, &send);
}

int64_t host_recv(tcpip_socket_t* socket, void* bytes, size_t capacity, tcpip_recv_t* recv) {
  struct iovec iov = {bytes, capacity};
  tcpip_recv_t own;
  tcpip_recv_t* r = recv ? recv : &own;
  bool peek = recv && recv->peek;
  *r = (tcpip_recv_t){.iov = &iov, .iov_count = 1, .peek = peek};
  int64_t result = tcpip_socket_recv(socket, r);
  r->iov = NULL;
  return result;
}

uint16_t naive_checksum(uint32_t start, const void* bytes, size_t length) {
  const uint8_t* p = bytes;
  uint64_t sum = start;
  for (size_t i = 0; i < length; i++)
    sum += i % 2 ? p[i] : (uint64_t)p[i] << 8;
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

static uint16_t transport_checksum(const peer_packet_t* packet, const uint8_t* transport) {
  size_t width = packet->from.family == TCPIP_IPV4 ? 4 : 16;
  uint32_t sum = packet->protocol == 1 ? 0 : (uint32_t)packet->length + packet->protocol;
  if (packet->protocol != 1) {
    sum = naive_checksum(sum, packet->from.bytes, width);
    sum = naive_checksum(sum, packet->to.bytes, width);
  }
  return (uint16_t)~naive_checksum(sum, transport, packet->length);
}

size_t peer_ip(uint8_t* p, const peer_packet_t* packet) {
  uint8_t ttl = packet->ttl ? packet->ttl : 64;
  size_t header;
  if (packet->from.family == TCPIP_IPV4) {
    header = 20 + packet->extension_length;
    memset(p, 0, 20);
    p[0] = (uint8_t)(0x40 | header / 4);
    p[1] = packet->tos;
    be16_put(p + 2, (uint32_t)(header + packet->length));
    be16_put(p + 4, packet->identification);
    be16_put(p + 6, packet->fragment);
    p[8] = ttl;
    p[9] = packet->protocol;
    memcpy(p + 12, packet->from.bytes, 4);
    memcpy(p + 16, packet->to.bytes, 4);
    if (packet->extension_length)
      memcpy(p + 20, packet->extension, packet->extension_length);
    be16_put(p + 10, (uint16_t)~naive_checksum(0, p, header));
  } else {
    header = 40 + packet->extension_length;
    memset(p, 0, 40);
    p[0] = (uint8_t)(0x60 | packet->tos >> 4);
    p[1] = (uint8_t)(packet->tos << 4);
    be16_put(p + 4, (uint32_t)(packet->extension_length + packet->length));
    p[6] = packet->extension_length ? packet->extension_type : packet->protocol;
    p[7] = ttl;
    memcpy(p + 8, packet->from.bytes, 16);
    memcpy(p + 24, packet->to.bytes, 16);
    if (packet->extension_length)
      memcpy(p + 40, packet->extension, packet->extension_length);
  }
  if (packet->length)
    memcpy(p + header, packet->payload, packet->length);
  if (packet->checksum_at)
    be16_put(p + header + packet->checksum_at, transport_checksum(packet, p + header));
  return header + packet->length;
}

size_t peer_frame(uint8_t* out, const uint8_t from[6], const uint8_t to[6], const peer_packet_t* packet) {
  memcpy(out, to, 6);
  memcpy(out + 6, from, 6);
  be16_put(out + 12, packet->from.family == TCPIP_IPV4 ? 0x0800 : 0x86dd);
  return 14 + peer_ip(out + 14, packet);
}

size_t peer_udp(uint8_t* out, uint16_t from, uint16_t to, const void* payload, size_t length) {
  be16_put(out, from);
  be16_put(out + 2, to);
  be16_put(out + 4, (uint32_t)(8 + length));
  be16_put(out + 6, 0);
  if (length)
    memcpy(out + 8, payload, length);
  return 8 + length;
}

size_t peer_arp(uint8_t* out, const uint8_t mac[6], const uint8_t to[6], uint16_t operation,
                const tcpip_address_t* sender, const tcpip_address_t* target) {
  memcpy(out, to, 6);
  memcpy(out + 6, mac, 6);
  be16_put(out + 12, 0x0806);
  const uint8_t fixed[6] = {0, 1, 8, 0, 6, 4};
  memcpy(out + 14, fixed, 6);
  be16_put(out + 20, operation);
  memcpy(out + 22, mac, 6);
  memcpy(out + 28, sender->bytes, 4);
  memset(out + 32, 0, 6);
  memcpy(out + 38, target->bytes, 4);
  return 42;
}
