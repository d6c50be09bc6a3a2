// Rewrites a source address and updates the checksums that cover it (RFC 1624, equation 3).
#include "slirp_mend.h"

#include <string.h>

enum {
  ETHERNET = 14,
  IP4_CHECKSUM = ETHERNET + 10,
  IP4_SOURCE = ETHERNET + 12,
  IP4_MIN = ETHERNET + 20 + 8,
  IP6_NEXT = ETHERNET + 6,
  IP6_SOURCE = ETHERNET + 8,
  ICMP6 = ETHERNET + 40,
  IP6_MIN = ICMP6 + 8,
};

static const uint8_t loopback6[16] = {[15] = 1};
static const uint8_t gateway4[4] = {10, 0, 2, 2};
static const uint8_t gateway6[16] = {0xfe, 0xc0, [15] = 2};

static bool is_error4(const uint8_t* frame, size_t length) {
  if (length < IP4_MIN || frame[12] != 0x08 || frame[13] != 0x00) return false;
  size_t header = (size_t)(frame[ETHERNET] & 15) * 4;
  if (frame[ETHERNET + 9] != 1 || header < 20 || length < ETHERNET + header + 8) return false;
  uint8_t type = frame[ETHERNET + header];
  return frame[IP4_SOURCE] == 127 && (type == 3 || type == 11 || type == 12);
}

static bool is_error6(const uint8_t* frame, size_t length) {
  if (length < IP6_MIN || frame[12] != 0x86 || frame[13] != 0xdd) return false;
  return frame[IP6_NEXT] == 58 && frame[ICMP6] < 128 && memcmp(frame + IP6_SOURCE, loopback6, 16) == 0;
}

bool slirp_needs_mending(const uint8_t* frame, size_t length) {
  return length <= SLIRP_MEND_MAX && (is_error4(frame, length) || is_error6(frame, length));
}

// Replaces `size` bytes (even) and brings the checksum at `checksum`, which covers them, up to date.
static void replace(uint8_t* bytes, const uint8_t* with, size_t size, uint8_t* checksum) {
  uint32_t sum = 0xffffu & ~(uint32_t)(checksum[0] << 8 | checksum[1]);
  for (size_t i = 0; i < size; i += 2) {
    sum += 0xffffu & ~(uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    sum += (uint32_t)(with[i] << 8 | with[i + 1]);
  }
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  memcpy(bytes, with, size);
  checksum[0] = (uint8_t)(~sum >> 8);
  checksum[1] = (uint8_t)~sum;
}

void slirp_mend(uint8_t* frame, size_t length) {
  if (is_error4(frame, length)) {
    replace(frame + IP4_SOURCE, gateway4, sizeof(gateway4), frame + IP4_CHECKSUM);
  } else {
    replace(frame + IP6_SOURCE, gateway6, sizeof(gateway6), frame + ICMP6 + 2);
  }
}
