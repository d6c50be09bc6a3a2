// The life of the link endpoint, and what its user asks of it. Above: netstack.c. Below: link_session.c and
// link_frames.c.
#include "link_endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "link_internal.h"

zx_status_t link_endpoint_create(async_dispatcher_t* dispatcher, const link_endpoint_ops_t* ops,
                                 void* context, link_endpoint_t** out) {
  link_endpoint_t* link = calloc(1, sizeof(*link));
  if (!link) return ZX_ERR_NO_MEMORY;
  link->dispatcher = dispatcher;
  link->ops = *ops;
  link->context = context;
  zx_status_t status = link_session_schedule(link, 0);
  if (status != ZX_OK) {
    free(link);
    return status;
  }
  *out = link;
  return ZX_OK;
}

void link_endpoint_destroy(link_endpoint_t* link) {
  if (!link) return;
  link->destroying = true;
  link_session_close(link);
  free(link);
}

const link_counters_t* link_endpoint_counters(const link_endpoint_t* link) {
  return &link->counters;
}

static uint32_t multicast_find(const link_multicast_t* multicast, const uint8_t mac[LINK_MAC_SIZE]) {
  uint32_t i = 0;
  while (i < multicast->count && memcmp(multicast->macs[i], mac, LINK_MAC_SIZE) != 0)
    i++;
  return i;
}

static void multicast_add(link_endpoint_t* link, const uint8_t mac[LINK_MAC_SIZE]) {
  link_multicast_t* multicast = &link->multicast;
  if (multicast_find(multicast, mac) < multicast->count) return;
  if (multicast->count == LINK_MULTICAST_MAX) {
    if (multicast->untracked++ == 0) link_session_multicast_all(link, true);
    return;
  }
  memcpy(multicast->macs[multicast->count++], mac, LINK_MAC_SIZE);
  link_session_multicast(link, mac, true);
}

static void multicast_remove(link_endpoint_t* link, const uint8_t mac[LINK_MAC_SIZE]) {
  link_multicast_t* multicast = &link->multicast;
  uint32_t index = multicast_find(multicast, mac);
  if (index < multicast->count) {
    memmove(multicast->macs[index], multicast->macs[multicast->count - 1], LINK_MAC_SIZE);
    multicast->count--;
    link_session_multicast(link, mac, false);
  } else if (multicast->untracked > 0) {
    if (--multicast->untracked == 0) link_session_multicast_all(link, false);
  }
}

void link_endpoint_multicast(link_endpoint_t* link, const uint8_t mac[LINK_MAC_SIZE], bool add) {
  if (add) {
    multicast_add(link, mac);
  } else {
    multicast_remove(link, mac);
  }
}
