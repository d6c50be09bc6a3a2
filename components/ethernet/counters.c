// See counters.h. One table names every counter, so that adding and printing can't forget one.
#include "counters.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef struct counter_name {
  const char* name;
  size_t offset;
} counter_name_t;

static const counter_name_t names[] = {
    {"tx_frames", offsetof(ethernet_counters_t, tx_frames)},
    {"tx_bytes", offsetof(ethernet_counters_t, tx_bytes)},
    {"tx_invalid", offsetof(ethernet_counters_t, tx_invalid)},
    {"tx_failed", offsetof(ethernet_counters_t, tx_failed)},
    {"rx_frames", offsetof(ethernet_counters_t, rx_frames)},
    {"rx_bytes", offsetof(ethernet_counters_t, rx_bytes)},
    {"rx_invalid", offsetof(ethernet_counters_t, rx_invalid)},
    {"rx_too_long", offsetof(ethernet_counters_t, rx_too_long)},
    {"rx_no_buffer", offsetof(ethernet_counters_t, rx_no_buffer)},
    {"rx_filtered", offsetof(ethernet_counters_t, rx_filtered)},
    {"rx_unclaimed", offsetof(ethernet_counters_t, rx_unclaimed)},
    {"rx_bad_header", offsetof(ethernet_counters_t, rx_bad_header)},
};
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))
_Static_assert(NAME_COUNT * sizeof(uint64_t) == sizeof(ethernet_counters_t), "a counter has no name");

static uint64_t counter_read(const ethernet_counters_t* counters, size_t index) {
  uint64_t value;
  memcpy(&value, (const char*)counters + names[index].offset, sizeof(value));
  return value;
}

void ethernet_counters_add(ethernet_counters_t* counters, const ethernet_counters_t* other) {
  for (size_t i = 0; i < NAME_COUNT; i++) {
    uint64_t sum = counter_read(counters, i) + counter_read(other, i);
    memcpy((char*)counters + names[i].offset, &sum, sizeof(sum));
  }
}

void ethernet_counters_text(const ethernet_counters_t* counters, char text[ETHERNET_COUNTERS_TEXT_MAX]) {
  size_t used = 0;
  for (size_t i = 0; i < NAME_COUNT; i++) {
    uint64_t value = counter_read(counters, i);
    if (value == 0) continue;
    // 12 names of at most 13 characters with 20 digits each: it always fits.
    used += (size_t)snprintf(text + used, ETHERNET_COUNTERS_TEXT_MAX - used, "%s%s %" PRIu64,
                             used ? ", " : "", names[i].name, value);
  }
  if (used == 0) snprintf(text, ETHERNET_COUNTERS_TEXT_MAX, "nothing counted");
}
