// One end of a stream, in the benchmark's hands. Orders on standard input:
//   receive PORT SECONDS                   answers "listening", and when it is done "BYTES SECONDS 0 0"
//   send ADDRESS PORT CONTROL SECONDS      answers "BYTES SECONDS WINDOW RTT" when the receiver has reset the
//   connection:
//                                          the mean congestion window in segments, and round trip in
//                                          microseconds
#include <stdio.h>
#include <string.h>

#include "stream_peer.h"

static void ready(void) {
  puts("listening");
  fflush(stdout);
}

static void tell(stream_result_t result) {
  printf("%llu %.6f %.2f %.1f\n", (unsigned long long)result.bytes, result.seconds, result.window,
         result.rtt_us);
  fflush(stdout);
}

int main(int argc, char** argv) {
  char line[256], address[64], control[32];
  unsigned port;
  double seconds;
  stream_start(argv + 1);
  while (fgets(line, sizeof(line), stdin)) {
    if (sscanf(line, "receive %u %lf", &port, &seconds) == 2) {
      tell(stream_receive((uint16_t)port, seconds, ready));
    } else if (sscanf(line, "send %63s %u %31s %lf", address, &port, control, &seconds) == 4) {
      tell(stream_send(address, (uint16_t)port, control, seconds));
    } else {
      fprintf(stderr, "stream_peer: unknown order %s", line);
      return 1;
    }
  }
  return 0;
}
