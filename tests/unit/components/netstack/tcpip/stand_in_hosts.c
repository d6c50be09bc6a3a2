#include "stand_in_hosts.h"

#include <stdlib.h>
#include <string.h>

host_t a, b;

const char* const farther[2] = {"203.0.113.7", "2001:db8::7"};
const char* const others[2] = {"198.51.100.9", "2001:db8:1::9"};
const char* const of_a[2] = {"10.0.0.1", "fd00::1"};
const char* const of_b[2] = {"10.0.0.2", "fd00::2"};

uint8_t family_of(int v6) {
  return v6 ? TCPIP_IPV6 : TCPIP_IPV4;
}

void stand_in_setup(void) {
  host_init(&a, &(host_config_t){.last_octet = 1, .seed = 1});
  host_init(&b, &(host_config_t){.last_octet = 2, .seed = 2});
  host_introduce(&a, &b);
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_route_t route = {.destination = {{.family = family_of(v6)}, 0},
                           .gateway = host_address(of_b[v6]),
                           .interface = a.interface};
    ck_assert_int_eq(tcpip_route_add(a.stack, &route), 0);
  }
}

void stand_in_teardown(void) {
  host_deinit(&a);
  host_deinit(&b);
}

tcpip_socket_t* new_socket(host_t* h, int v6, tcpip_protocol_t protocol) {
  tcpip_socket_t* s;
  ck_assert_int_eq(tcpip_socket_create(h->client, family_of(v6), protocol, h, &s), 0);
  return s;
}

tcpip_socket_t* standing(int v6, tcpip_protocol_t protocol) {
  tcpip_socket_t* s = new_socket(&b, v6, protocol);
  ck_assert_int_eq(tcpip_socket_stand_in(s, b.interface), 0);
  return s;
}

tcpip_socket_t* listening(int v6, int backlog) {
  tcpip_socket_t* s = standing(v6, TCPIP_TCP);
  ck_assert_int_eq(tcpip_socket_listen(s, backlog), 0);
  return s;
}

tcpip_socket_t* calling(int v6, const char* address, uint16_t port) {
  tcpip_socket_t* s = new_socket(&a, v6, TCPIP_TCP);
  tcpip_endpoint_t to = host_endpoint(address, port);
  ck_assert_int_eq(tcpip_socket_connect(s, &to), -EINPROGRESS);
  return s;
}

tcpip_socket_t* accepted(tcpip_socket_t* listener) {
  tcpip_socket_t* s;
  ck_assert_int_eq(tcpip_socket_accept(listener, &b, &s), 0);
  return s;
}

int64_t answer(tcpip_socket_t* s, const void* bytes, size_t length, const tcpip_endpoint_t* to,
               const char* from, uint16_t port) {
  struct iovec iov = {(void*)(uintptr_t)bytes, length};
  tcpip_address_t source = from ? host_address(from) : (tcpip_address_t){0};
  tcpip_send_t send = {.iov = &iov,
                       .iov_count = 1,
                       .to = to,
                       .source = from ? &source : NULL,
                       .source_port = port,
                       .ttl = -1,
                       .tos = -1};
  return tcpip_socket_send(s, &send);
}

void same_address(const tcpip_address_t* is, const char* text) {
  tcpip_address_t wanted = host_address(text);
  char shown[TCPIP_ADDRESS_TEXT_SIZE];
  tcpip_address_format(is, shown);
  ck_assert_msg(tcpip_address_equal(is, &wanted), "%s instead of %s", shown, text);
}

int state_of(const tcpip_socket_t* s) {
  tcpip_tcp_info_t info;
  ck_assert_int_eq(tcpip_socket_tcp_info(s, &info), 0);
  return (int)info.state;
}

void inject(int v6, const char* to, uint8_t protocol, const void* payload, size_t length,
            size_t checksum_at) {
  static uint8_t frame[70000];
  peer_packet_t p = {.from = host_address(of_a[v6]),
                     .to = host_address(to),
                     .protocol = protocol,
                     .payload = payload,
                     .length = length,
                     .checksum_at = checksum_at};
  host_input(&b, frame, peer_frame(frame, a.mac, b.mac, &p));
}

void inject_udp(int v6, const char* to, uint16_t port) {
  uint8_t udp[9];
  inject(v6, to, 17, udp, peer_udp(udp, 4000, port, "x", 1), 6);
}

void inject_segment(int v6, const char* to, uint32_t seq, uint32_t ack, uint8_t flags) {
  uint8_t tcp[20] = {0};
  be16_put(tcp, 4000);
  be16_put(tcp + 2, 80);
  be32_put(tcp + 4, seq);
  be32_put(tcp + 8, ack);
  tcp[12] = 5 << 4;
  tcp[13] = flags;
  be16_put(tcp + 14, 1000);
  inject(v6, to, 6, tcp, sizeof tcp, 16);
}

uint64_t not_ours(int v6) {
  return v6 ? tcpip_stats(b.stack)->ipv6_rx_not_ours : tcpip_stats(b.stack)->ipv4_rx_not_ours;
}

uint8_t take_segment(int v6, const char* from, uint32_t* out_seq, uint32_t* out_ack) {
  host_frame_t f;
  ck_assert(host_take(&b, &f));
  const uint8_t *ip = f.bytes + 14, *h = ip + (v6 ? 40 : 20);
  tcpip_address_t source = v6 ? tcpip_ipv6(ip + 8) : tcpip_ipv4(ip + 12);
  same_address(&source, from);
  ck_assert_uint_eq(ip[v6 ? 6 : 9], 6);
  *out_seq = be32_get(h + 4);
  *out_ack = be32_get(h + 8);
  uint8_t flags = h[13];
  free(f.bytes);
  return flags;
}

void inject_too_big(int v6, const char* to, const uint8_t* quoted, size_t length, uint32_t mtu) {
  uint8_t icmp[8 + 80] = {v6 ? 2 : 3, v6 ? 0 : 4};
  be32_put(icmp + 4, mtu);
  memcpy(icmp + 8, quoted, length);
  inject(v6, to, v6 ? 58 : 1, icmp, 8 + length, 2);
}
