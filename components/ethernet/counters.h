// What the driver counts, per client and for the device as a whole.
#ifndef COMPONENTS_ETHERNET_COUNTERS_H_
#define COMPONENTS_ETHERNET_COUNTERS_H_

#include <stdint.h>

typedef struct ethernet_counters {
  uint64_t tx_frames;  // given to the wire
  uint64_t tx_bytes;
  uint64_t tx_invalid;  // entries outside the memory, or of a length that no frame has
  uint64_t tx_failed;   // refused by the wire
  uint64_t rx_frames;   // given to the client
  uint64_t rx_bytes;
  uint64_t rx_invalid;     // empty buffers outside the memory, or of length 0
  uint64_t rx_too_long;    // frames longer than the mtu allows, or than the buffer whose turn it was
  uint64_t rx_no_buffer;   // frames dropped because the client had supplied no buffer
  uint64_t rx_filtered;    // frames addressed to somebody else
  uint64_t rx_unclaimed;   // frames that came while no client was started
  uint64_t rx_bad_header;  // runs of segments that could not be taken apart for a client that wants ordinary
                           // frames
} ethernet_counters_t;

// Adds every counter of `other` to `counters`.
void ethernet_counters_add(ethernet_counters_t* counters, const ethernet_counters_t* other);

// Room for the text of all counters.
#define ETHERNET_COUNTERS_TEXT_MAX 512

// Writes the counters that aren't 0 as "tx_frames 3, tx_bytes 180" (or "nothing counted") into `text`.
void ethernet_counters_text(const ethernet_counters_t* counters, char text[ETHERNET_COUNTERS_TEXT_MAX]);

#endif  // COMPONENTS_ETHERNET_COUNTERS_H_
