// Published ports of the slirp wire: connections and datagrams from outside, which go on to the client.
// Above: slirp.c. Below: slirp_stream.c, slirp_flow.c.
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zircon/syscalls.h>

#include "slirp_internal.h"

// After so long a connection that found no descriptor is looked at again.
static const zx_duration_t retry_ns = ZX_MSEC(100);

typedef struct slirp_publisher publisher_t;

struct slirp_publisher {
  slirp_party_t party;
  uint16_t port;  // of the client's
  async_task_t retry;
  bool retries;
  publisher_t* next;
};

static void retry_due(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  publisher_t* publisher = (void*)((char*)task - offsetof(publisher_t, retry));
  slirp_wire_t* wire = publisher->party.wire;
  publisher->retries = false;
  if (status != ZX_OK) return;
  slirp_enter(wire);
  slirp_party_mark(&publisher->party);
  slirp_leave(wire);
}

static bool is_passing(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void accept_all(slirp_party_t* party) {
  publisher_t* publisher = (publisher_t*)party;
  party->host_events = 0;
  for (;;) {
    struct sockaddr_storage caller;
    socklen_t length = sizeof(caller);
    int fd = accept4(party->fd, (struct sockaddr*)&caller, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      slirp_stream_open(party->wire, fd, &caller, publisher->port);
    } else if (errno == EAGAIN) {
      return;
    } else if (is_passing(errno) && !(errno == EMFILE && slirp_flows_give_way(party->wire->flows))) {
      publisher->retry.deadline = zx_deadline_after(retry_ns);
      publisher->retries =
          publisher->retries || async_post_task(party->wire->dispatcher, &publisher->retry) == ZX_OK;
      return;
    }
  }
}

zx_status_t slirp_publish(slirp_wire_t* wire, const slirp_publication_t* publication) {
  if (publication->datagrams) return slirp_flow_publish(wire, publication->fd, publication->port);
  publisher_t* publisher = calloc(1, sizeof(*publisher));
  if (!publisher) return ZX_ERR_NO_MEMORY;
  slirp_party_init(&publisher->party, wire, accept_all);
  publisher->port = publication->port;
  publisher->retry.handler = retry_due;
  if (!slirp_party_watch(&publisher->party, publication->fd)) {
    free(publisher);
    return ZX_ERR_NO_RESOURCES;
  }
  publisher->next = wire->publishers;
  wire->publishers = publisher;
  return ZX_OK;
}

void slirp_unpublish_all(slirp_wire_t* wire) {
  while (wire->publishers) {
    publisher_t* publisher = wire->publishers;
    wire->publishers = publisher->next;
    (void)async_cancel_task(wire->dispatcher, &publisher->retry);
    slirp_party_end(&publisher->party);
  }
}
