// One end of a stream for benchmarks: stream_peer.c takes the orders, and one of several files carries them
// out, over the kernel's sockets (or whatever the C library's names lead to), the engine, or liblwip.
#ifndef TESTS_BENCH_TCP_STREAM_PEER_H_
#define TESTS_BENCH_TCP_STREAM_PEER_H_

#include <stdint.h>

typedef struct stream_result {
  uint64_t bytes;
  double seconds;
  // Of a sender, means over the time it sent; 0: unknown.
  double window;  // of congestion control, in segments
  double rtt_us;
} stream_result_t;

#define STREAM_SAMPLE_NS 10000000  // between two looks at them

// `arguments`: what the command line has besides the program's name, NULL at the end. Exits with a message on
// failure.
void stream_start(char** arguments);
// Listens at `port`, calls `ready`, takes one connection, counts what arrives for `seconds` from the first
// byte on, and resets it.
stream_result_t stream_receive(uint16_t port, double seconds, void (*ready)(void));
// Connects to an IPv4 address in text and sends until it is reset, for at most `seconds`; `control` is a
// congestion control's name or "-".
stream_result_t stream_send(const char* address, uint16_t port, const char* control, double seconds);

#endif  // TESTS_BENCH_TCP_STREAM_PEER_H_
