// A host for the engine's tests: a stack with a fake clock, a wire that keeps what it sends, and builders of frames.
#ifndef TESTS_TCPIP_HOST_H_
#define TESTS_TCPIP_HOST_H_

#include <stdbool.h>
#include <stdint.h>

#include <tcpip/tcpip.h>

#define HOST_FRAMES_MAX 8192
#define MS INT64_C(1000000)
#define S INT64_C(1000000000)

typedef struct host_frame {
  uint8_t* bytes;
  size_t length;
  tcpip_offload_t offload;
} host_frame_t;

typedef struct host {
  tcpip_t* stack;
  tcpip_client_t* client;
  uint32_t interface;
  int64_t now;
  uint8_t mac[TCPIP_MAC_SIZE];
  host_frame_t frames[HOST_FRAMES_MAX];  // sent and not yet looked at, oldest first
  size_t frame_count;
  bool full;           // the link refuses
  size_t room;         // not 0: it refuses when it holds so many frames
  uint32_t events;     // all events since last cleared
  unsigned event_count;
  tcpip_socket_t* event_socket;
  char trace[512];  // the points passed, a space after each
  bool trace_on;
  int filters;  // multicast MACs the link was asked for
} host_t;

typedef struct host_config {
  uint8_t last_octet;  // of MAC and addresses: 02:00:00:00:00:N, 10.0.0.N/24, fd00::N/64
  uint32_t mtu;        // 0: 1500
  uint32_t link_features;
  tcpip_limits_t limits;
  uint64_t seed;
} host_config_t;

void host_init(host_t* host, const host_config_t* config);
void host_deinit(host_t* host);  // fails the test if it leaves sockets' memory behind

// How many connections the stack knows, in whatever state.
size_t host_connections(const host_t* host);

void host_advance(host_t* host, int64_t by);
// Takes the oldest frame; the caller frees `bytes`. False if there is none.
bool host_take(host_t* host, host_frame_t* out);
void host_drop_all(host_t* host);
void host_input(host_t* host, const void* bytes, size_t length);
// The same as from shared memory.
void host_input_shared(host_t* host, const void* bytes, size_t length, const tcpip_offload_t* offload);
// Carries frames both ways until nothing moves.
void host_exchange(host_t* a, host_t* b);
// Makes the two know each other's MAC addresses.
void host_introduce(host_t* a, host_t* b);

tcpip_address_t host_ipv4(uint8_t last_octet);
tcpip_address_t host_ipv6(uint8_t last_octet);
tcpip_address_t host_address(const char* text);
tcpip_endpoint_t host_endpoint(const char* text, uint16_t port);

tcpip_socket_t* host_udp(host_t* host, uint8_t family, const char* bind_to, uint16_t port);
int64_t host_send(tcpip_socket_t* socket, const void* bytes, size_t length, const tcpip_endpoint_t* to);
int64_t host_recv(tcpip_socket_t* socket, void* bytes, size_t capacity, tcpip_recv_t* recv);

// Frames as a peer would send them, checksums right. Each returns the length.
typedef struct peer_packet {
  tcpip_address_t from, to;
  uint8_t protocol;
  uint8_t ttl;  // 0: 64
  uint8_t tos;
  const void* payload;  // transport header and all; its checksum at `checksum_at` is filled in unless that is 0
  size_t length;
  size_t checksum_at;
  uint16_t fragment;  // IPv4's flags and offset field
  uint16_t identification;
  const void* extension;  // IPv4: options; IPv6: headers between, the first of type `extension_type`
  size_t extension_length;
  uint8_t extension_type;
} peer_packet_t;
size_t peer_ip(uint8_t* out, const peer_packet_t* packet);  // the IP packet alone
size_t peer_frame(uint8_t* out, const uint8_t from[6], const uint8_t to[6], const peer_packet_t* packet);
size_t peer_udp(uint8_t* out, uint16_t from, uint16_t to, const void* payload, size_t length);
size_t peer_arp(uint8_t* out, const uint8_t mac[6], const uint8_t to[6], uint16_t operation,
                const tcpip_address_t* sender, const tcpip_address_t* target);
extern const uint8_t peer_mac[6];  // 02:00:00:00:00:63, of 10.0.0.99 and fd00::99

// Sums 16 bits at a time, to check the engine's by.
uint16_t naive_checksum(uint32_t start, const void* bytes, size_t length);

#endif  // TESTS_TCPIP_HOST_H_
