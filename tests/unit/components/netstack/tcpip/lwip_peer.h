// liblwip as a second host on the test's wire. Nothing of the engine is included here: the two have names in common.
#ifndef TESTS_TCPIP_LWIP_PEER_H_
#define TESTS_TCPIP_LWIP_PEER_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One per process: lwIP's state is global. `emit` gets each frame it sends, on the thread that called into lwIP.
typedef void (*lwip_emit_t)(void* context, const void* frame, size_t length);
void lwip_peer_init(const uint8_t mac[6], const uint8_t ipv4[4], const uint8_t ipv6[16], lwip_emit_t emit,
                    void* context);
void lwip_peer_input(const void* frame, size_t length);

// A UDP port that keeps what it receives. `echo`: and sends it back.
typedef struct lwip_port lwip_port_t;
lwip_port_t* lwip_peer_open(uint16_t port, bool echo);
void lwip_peer_close(lwip_port_t* port);
// The oldest datagram; -1 if there is none.
long lwip_peer_receive(lwip_port_t* port, void* bytes, size_t capacity);
// 0 or lwIP's error.
int lwip_peer_send(lwip_port_t* port, const uint8_t* address, size_t address_size, uint16_t to_port, const void* bytes,
                   size_t length);

// A TCP echo: whoever connects to `port` gets back what it sends, and its end of file too.
typedef struct lwip_echo lwip_echo_t;
lwip_echo_t* lwip_peer_echo_listen(uint16_t port);
// The same over a connection that lwIP begins.
lwip_echo_t* lwip_peer_echo_connect(const uint8_t* address, size_t address_size, uint16_t port);
// Counts of connections that were opened, ended in good order, and failed.
void lwip_peer_echo_counts(const lwip_echo_t* echo, int* out_opened, int* out_ended, int* out_failed);
// Held, it neither reads nor answers, so that its window closes.
void lwip_peer_echo_hold(lwip_echo_t* echo, bool held);
// lwIP closes, or resets, every connection that there is.
void lwip_peer_echo_end_all(lwip_echo_t* echo, bool abort);
// Runs lwIP's timers as if `ms` had passed since the last call (its own clock is not used for TCP).
void lwip_peer_tick(unsigned ms);

#endif  // TESTS_TCPIP_LWIP_PEER_H_
