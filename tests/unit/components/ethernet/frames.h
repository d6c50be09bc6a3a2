// Frames made and read by hand, for a wire that has no netstack: us at 10.0.2.15 and fec0::15, the gateway at
// .2.
#ifndef TESTS_UNIT_COMPONENTS_ETHERNET_FRAMES_H_
#define TESTS_UNIT_COMPONENTS_ETHERNET_FRAMES_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMES_MAX 2048u

typedef struct frame {
  uint8_t bytes[FRAMES_MAX];
  size_t length;
} frame_t;

// The address of a host of the slirp network by its last byte.
void frames_ip4(uint8_t last, uint8_t out[4]);
void frames_ip6(uint8_t last, uint8_t out[16]);

// Who has 10.0.2.`last`?
void frames_arp_request(frame_t* frame, uint8_t last);
// We have 10.0.2.15, told to the sender of `request`.
bool frames_arp_reply_to(const frame_t* request, frame_t* reply);
// Is it a reply for 10.0.2.`last`? Its hardware address goes to `mac`.
bool frames_is_arp_reply(const frame_t* frame, uint8_t last, uint8_t mac[6]);

void frames_icmp_echo(frame_t* frame, const uint8_t gateway_mac[6], uint8_t last, uint16_t sequence,
                      const void* payload, size_t length);
bool frames_is_icmp_echo_reply(const frame_t* frame, uint8_t last, uint16_t sequence, const void* payload,
                               size_t length);
// An ICMP destination unreachable of any code from 10.0.2.`last`, with a good header checksum.
bool frames_is_icmp_unreachable(const frame_t* frame, uint8_t last);

void frames_udp4(frame_t* frame, const uint8_t gateway_mac[6], uint8_t last, uint16_t source_port,
                 uint16_t port, const void* payload, size_t length);
// Is it a datagram from 10.0.2.`last`:`source_port` to us at `port`, with good checksums and this payload?
bool frames_is_udp4(const frame_t* frame, uint8_t last, uint16_t source_port, uint16_t port,
                    const void* payload, size_t length);

// Who has fec0::`last`? (with our hardware address as an option)
void frames_neighbour_solicitation(frame_t* frame, uint8_t last);
bool frames_is_neighbour_advertisement(const frame_t* frame, uint8_t last, uint8_t mac[6]);
void frames_udp6(frame_t* frame, const uint8_t gateway_mac[6], uint8_t last, uint16_t source_port,
                 uint16_t port, const void* payload, size_t length);
bool frames_is_udp6(const frame_t* frame, uint8_t last, uint16_t source_port, uint16_t port,
                    const void* payload, size_t length);

#endif  // TESTS_UNIT_COMPONENTS_ETHERNET_FRAMES_H_
