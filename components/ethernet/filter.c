// See filter.h.
#include "filter.h"

#include <string.h>

static bool is_group(const uint8_t mac[ETHERNET_MAC_BYTES]) {
  return (mac[0] & 1) != 0;
}

static uint32_t find_group(const filter_t* filter, const uint8_t mac[ETHERNET_MAC_BYTES]) {
  uint32_t index = 0;
  while (index < filter->group_count && memcmp(filter->groups[index], mac, ETHERNET_MAC_BYTES) != 0)
    index++;
  return index;
}

zx_status_t filter_add_group(filter_t* filter, const uint8_t mac[ETHERNET_MAC_BYTES]) {
  if (!is_group(mac)) return ZX_ERR_INVALID_ARGS;
  if (find_group(filter, mac) < filter->group_count) return ZX_OK;
  if (filter->group_count == FILTER_MAX_GROUPS) {
    if (filter->untracked < UINT32_MAX) filter->untracked++;
  } else {
    memcpy(filter->groups[filter->group_count++], mac, ETHERNET_MAC_BYTES);
  }
  return ZX_OK;
}

zx_status_t filter_remove_group(filter_t* filter, const uint8_t mac[ETHERNET_MAC_BYTES]) {
  if (!is_group(mac)) return ZX_ERR_INVALID_ARGS;
  uint32_t index = find_group(filter, mac);
  if (index < filter->group_count) {
    filter->group_count--;
    memmove(filter->groups[index], filter->groups[filter->group_count], ETHERNET_MAC_BYTES);
  } else if (filter->untracked > 0) {
    filter->untracked--;
  }
  return ZX_OK;
}

bool filter_accepts(const filter_t* filter, const uint8_t mac[ETHERNET_MAC_BYTES]) {
  if (filter->promiscuous) return true;
  if (!is_group(mac)) return false;
  return filter->all_groups || filter->untracked > 0 || find_group(filter, mac) < filter->group_count;
}
