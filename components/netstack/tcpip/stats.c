#include <tcpip/stats.h>

size_t tcpip_stats_list(const tcpip_stats_t* stats, tcpip_counter_t* out, size_t capacity) {
#define TCPIP_STATS_ENTRY(name) {#name, stats->name},
  const tcpip_counter_t all[] = {TCPIP_STATS(TCPIP_STATS_ENTRY)};
#undef TCPIP_STATS_ENTRY
  size_t total = sizeof all / sizeof all[0];
  for (size_t i = 0; i < total && i < capacity; i++)
    out[i] = all[i];
  return total;
}
