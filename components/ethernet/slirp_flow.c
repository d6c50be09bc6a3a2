// Flows of the slirp wire: what a client sends from one port without a connection, to whoever it may be, and
// what comes back. Datagrams, and pings, whose port is their identifier. Above: slirp.c. Below: slirp_host.c.
//
// A flow has a socket of the host for each realm that its client speaks to, so that an answer tells by where
// it comes in what the client calls its sender. It ends when it has been quiet for a while, or the longest
// quiet one when there are too many.
#include <errno.h>
#include <time.h>  // for the next

#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zircon/syscalls.h>

#include <inet/bytes.h>

#include "slirp_internal.h"

enum { FLOWS_MAX = 1024, BUCKETS = 256 };

// Datagrams that a flow may receive in one turn before the others get theirs.
enum { BUDGET = 64 };

// RFC 4787, REQ-5; a question to a name server has had its answer, or has been asked again, long before.
static const zx_duration_t quiet_ns = ZX_SEC(300), server_quiet_ns = ZX_SEC(20);
static const zx_duration_t sweep_ns = ZX_SEC(10);

// The socket of the engine that stands in for all hosts, one for each family and protocol.
typedef struct gate {
  slirp_party_t party;
  tcpip_socket_t* endpoint;
  uint8_t family;
  tcpip_protocol_t protocol;
} gate_t;

// By which of the host's addresses somebody has spoken to a published port: answers must come from there.
typedef struct reached {
  in_addr_t peer, at;
  in_port_t port;
} reached_t;

// As many are remembered for each published port, the latest of those that share a place.
enum { REACHED_MAX = 1024 };

typedef struct flow {
  slirp_party_t party;
  const gate_t* gate;
  tcpip_endpoint_t client;
  slirp_realm_t realm;
  bool published;                  // it stays
  reached_t* reached;              // of one that is published at all addresses; else NULL
  struct sockaddr_storage server;  // of a flow to the name server
  zx_time_t last_used;
  struct flow *next_in_bucket, *older, *newer;
} flow_t;

enum { GATES = 4 };

struct slirp_flows {
  slirp_wire_t* wire;
  gate_t* gates[GATES];
  flow_t* buckets[BUCKETS];
  flow_t *oldest, *newest;  // by last use
  flow_t* published;        // which stay; linked by `older`
  size_t count;
  async_task_t sweep;
};

// Who is there

static flow_t** bucket_of(slirp_flows_t* flows, const tcpip_endpoint_t* client) {
  return &flows->buckets[(client->port ^ client->port >> 8) % BUCKETS];
}

static void age_unlink(slirp_flows_t* flows, flow_t* flow) {
  *(flow->older ? &flow->older->newer : &flows->oldest) = flow->newer;
  *(flow->newer ? &flow->newer->older : &flows->newest) = flow->older;
}

static void age_append(slirp_flows_t* flows, flow_t* flow) {
  flow->older = flows->newest;
  flow->newer = NULL;
  *(flows->newest ? &flows->newest->newer : &flows->oldest) = flow;
  flows->newest = flow;
}

static void use(flow_t* flow) {
  slirp_flows_t* flows = flow->party.wire->flows;
  if (flow->published) return;
  flow->last_used = tcpip_time(flow->party.wire->engine);
  if (flows->newest == flow) return;
  age_unlink(flows, flow);
  age_append(flows, flow);
}

static void end(flow_t* flow) {
  slirp_flows_t* flows = flow->party.wire->flows;
  flow_t** at = bucket_of(flows, &flow->client);
  while (*at != flow)
    at = &(*at)->next_in_bucket;
  *at = flow->next_in_bucket;
  age_unlink(flows, flow);
  flows->count--;
  slirp_party_end(&flow->party);
}

bool slirp_flows_give_way(slirp_flows_t* flows) {
  if (!flows || !flows->oldest) return false;
  end(flows->oldest);
  return true;
}

static void sweep(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  slirp_flows_t* flows = (void*)((char*)task - offsetof(slirp_flows_t, sweep));
  if (status != ZX_OK) return;
  zx_time_t now = zx_clock_get_monotonic();
  for (flow_t *flow = flows->oldest, *newer; flow; flow = newer) {
    newer = flow->newer;
    zx_duration_t most = flow->realm == SLIRP_NAME_SERVER ? server_quiet_ns : quiet_ns;
    if (now - flow->last_used > most) end(flow);
  }
  if (!flows->oldest) return;
  flows->sweep.deadline = now + sweep_ns;
  (void)async_post_task(dispatcher, &flows->sweep);
}

// What the host receives

static bool is_echo(const flow_t* flow) {
  return flow->gate->protocol == TCPIP_ICMP_ECHO;
}

// A message of the host's, on its way to the client. False if it is none for it.
static bool deliver(flow_t* flow, uint8_t* bytes, size_t length, const struct sockaddr_storage* from) {
  tcpip_endpoint_t source;
  if (!slirp_name_place(flow->realm, flow->client.address.family, from, &source)) return false;
  if (is_echo(flow)) {
    bool reply = length >= sizeof(struct icmphdr) &&
                 bytes[0] == (from->ss_family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY);
    if (!reply) return false;
    be16_put(bytes + 4, flow->client.port);  // the host has its own identifier
  }
  const struct iovec iov = {bytes, length};
  const tcpip_send_t send = {.iov = &iov,
                             .iov_count = 1,
                             .to = &flow->client,
                             .source = &source.address,
                             .source_port = source.port,
                             .ttl = -1,
                             .tos = -1};
  (void)tcpip_socket_send(flow->gate->endpoint, &send);  // what does not get through is lost
  return true;
}

static reached_t* place_of(const flow_t* flow, const struct sockaddr_in* peer) {
  uint32_t hash = (ntohl(peer->sin_addr.s_addr) * 0x9e3779b1u) ^ ntohs(peer->sin_port);
  return &flow->reached[(hash ^ hash >> 16) % REACHED_MAX];
}

static void remember(const flow_t* flow, const struct msghdr* message) {
  const struct sockaddr_in* peer = message->msg_name;
  const struct cmsghdr* header = CMSG_FIRSTHDR(message);
  if (!header || header->cmsg_level != IPPROTO_IP || header->cmsg_type != IP_PKTINFO) return;
  struct in_pktinfo info;
  memcpy(&info, CMSG_DATA(header), sizeof(info));
  *place_of(flow, peer) = (reached_t){peer->sin_addr.s_addr, info.ipi_spec_dst.s_addr, peer->sin_port};
}

// Receives what there is while the device takes it. False if there may be more.
static bool receive_all(flow_t* flow) {
  slirp_wire_t* wire = flow->party.wire;
  for (unsigned i = 0; i < BUDGET && slirp_is_open(wire); i++) {
    struct sockaddr_storage from;
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in_pktinfo))];
    struct iovec iov = {wire->datagram, sizeof(wire->datagram)};
    struct msghdr message = {
        .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
    if (flow->reached) {
      message.msg_control = control;
      message.msg_controllen = sizeof(control);
    }
    ssize_t length = recvmsg(flow->party.fd, &message, MSG_DONTWAIT);
    if (length < 0) return true;  // none, or an error, which is queued as well
    if (flow->reached) remember(flow, &message);
    if (deliver(flow, wire->datagram, (size_t)length, &from)) use(flow);
  }
  return false;
}

// What a queued error quotes of the message that met it: of a ping its sequence number.
static uint16_t quoted_sequence(const uint8_t* quoted, ssize_t length) {
  return length >= (ssize_t)sizeof(struct icmphdr) ? be16_get(quoted + 6) : 0;
}

// Tells the client of datagrams that did not arrive.
static void report_errors(flow_t* flow) {
  for (;;) {
    struct sockaddr_storage to;
    uint8_t quoted[64];
    _Alignas(struct cmsghdr) uint8_t control[512];
    struct iovec iov = {quoted, sizeof(quoted)};
    struct msghdr message = {.msg_name = &to,
                             .msg_namelen = sizeof(to),
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    ssize_t length = recvmsg(flow->party.fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (length < 0) return;
    const struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    tcpip_endpoint_t unreachable, client = flow->client;
    if (!header || !slirp_name_place(flow->realm, client.address.family, &to, &unreachable)) continue;
    struct sock_extended_err error;
    memcpy(&error, CMSG_DATA(header), sizeof(error));
    if (is_echo(flow)) unreachable.port = quoted_sequence(quoted, length);
    (void)tcpip_socket_unreachable(flow->gate->endpoint, &client, &unreachable, (int)error.ee_errno);
  }
}

static void serve_flow(slirp_party_t* party) {
  flow_t* flow = (flow_t*)party;
  if (party->host_events & EPOLLERR) report_errors(flow);
  party->host_events &= ~(uint32_t)EPOLLERR;
  if (!(party->host_events & EPOLLIN)) return;
  if (receive_all(flow)) {
    party->host_events = 0;
  } else if (!party->wire->starved) {
    slirp_party_mark(party);
  }
}

void slirp_flows_resume(slirp_flows_t* flows) {
  for (flow_t* flow = flows->oldest; flow; flow = flow->newer) {
    if (flow->party.host_events) slirp_party_mark(&flow->party);
  }
  for (flow_t* flow = flows->published; flow; flow = flow->older) {
    if (flow->party.host_events) slirp_party_mark(&flow->party);
  }
}

// What the client sends

static bool set_option(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

// Errors are queued; datagrams may be fragmented, as a router would.
static void set_options(int fd, int family) {
  if (family == AF_INET) {
    (void)set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
    (void)set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
  } else {
    (void)set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
    (void)set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
  }
}

static int open_socket(slirp_wire_t* wire, const gate_t* gate, const slirp_place_t* place) {
  int family = place->address.ss_family;
  int protocol = gate->protocol == TCPIP_UDP ? 0 : family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
  int fd = slirp_open_socket(wire, place, SOCK_DGRAM, protocol);
  if (fd < 0) return -1;
  set_options(fd, family);
  int result = 0;
  if (place->realm == SLIRP_NAME_SERVER) {  // only which may answer in its name
    result = connect(fd, (const struct sockaddr*)&place->address, place->length);
  } else if (place->realm == SLIRP_LOOPBACK) {  // where nobody outside can send anything
    slirp_place_t here = *place;
    ((struct sockaddr_in*)&here.address)->sin_port = 0;  // in the same place for IPv6
    result = bind(fd, (const struct sockaddr*)&here.address, here.length);
  }
  if (result == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// A flow whose socket is `fd`, which it takes if it comes to be.
static flow_t* create_with(slirp_flows_t* flows, const gate_t* gate, const tcpip_endpoint_t* client,
                           slirp_realm_t realm, int fd) {
  flow_t* flow = calloc(1, sizeof(*flow));
  if (flow) slirp_party_init(&flow->party, flows->wire, serve_flow);
  if (!flow || !slirp_party_watch(&flow->party, fd)) {
    free(flow);
    return NULL;
  }
  flow->gate = gate;
  flow->client = *client;
  flow->realm = realm;
  flow_t** bucket = bucket_of(flows, client);
  flow->next_in_bucket = *bucket;
  *bucket = flow;
  return flow;
}

// From a socket that is bound to the loopback address nothing can be sent to other hosts; for these there is
// a flow of the usual kind.
static slirp_realm_t realm_of(int fd) {
  struct sockaddr_in in = {0};
  socklen_t length = sizeof(in);
  bool loopback = getsockname(fd, (struct sockaddr*)&in, &length) == 0 &&
                  ntohl(in.sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
  return loopback ? SLIRP_LOOPBACK : SLIRP_ANYWHERE;
}

static bool is_at_all_addresses(int fd) {
  struct sockaddr_in in = {0};
  socklen_t length = sizeof(in);
  return getsockname(fd, (struct sockaddr*)&in, &length) == 0 && in.sin_addr.s_addr == htonl(INADDR_ANY);
}

zx_status_t slirp_flow_publish(slirp_wire_t* wire, int fd, uint16_t port) {
  slirp_flows_t* flows = wire->flows;
  const tcpip_endpoint_t client = {.address = slirp_subnet(TCPIP_IPV4, SLIRP_CLIENT).address, .port = port};
  flow_t* flow = create_with(flows, flows->gates[0], &client, realm_of(fd), fd);
  if (!flow) return ZX_ERR_NO_MEMORY;
  flow->published = true;
  set_options(fd, AF_INET);
  if (is_at_all_addresses(fd) && set_option(fd, IPPROTO_IP, IP_PKTINFO, 1))
    flow->reached = calloc(REACHED_MAX, sizeof(*flow->reached));
  flow->older = flows->published;
  flows->published = flow;
  return ZX_OK;
}

static flow_t* create(slirp_flows_t* flows, const gate_t* gate, const tcpip_endpoint_t* client,
                      const slirp_place_t* place) {
  slirp_wire_t* wire = flows->wire;
  if (flows->count >= FLOWS_MAX) (void)slirp_flows_give_way(flows);
  int fd = open_socket(wire, gate, place);
  if (fd < 0) return NULL;
  flow_t* flow = create_with(flows, gate, client, place->realm, fd);
  if (!flow) {
    close(fd);
    errno = ENOMEM;
    return NULL;
  }
  flow->server = place->address;
  age_append(flows, flow);
  if (flows->count++ == 0) {
    flows->sweep.deadline = zx_deadline_after(sweep_ns);
    (void)async_post_task(wire->dispatcher, &flows->sweep);
  }
  return flow;
}

static flow_t* find(slirp_flows_t* flows, const gate_t* gate, const tcpip_endpoint_t* client,
                    slirp_realm_t realm) {
  for (flow_t* flow = *bucket_of(flows, client); flow; flow = flow->next_in_bucket) {
    bool fits = flow->realm == realm || (flow->realm == SLIRP_ANYWHERE && realm != SLIRP_NAME_SERVER);
    if (flow->gate == gate && fits && flow->client.port == client->port &&
        tcpip_address_equal(&flow->client.address, &client->address))
      return flow;
  }
  return NULL;
}

// Whether the name server is still the one that the flow was made for.
static bool is_for(const flow_t* flow, const slirp_place_t* place) {
  return memcmp(&flow->server, &place->address, place->length) == 0;
}

// A ping's port, to us, is its identifier.
static void name_echo(tcpip_recv_t* received, const uint8_t* message) {
  received->from.port = be16_get(message + 4);
  received->destination_port = be16_get(message + 6);
}

// Sends a datagram on the host's side; -1: errno.
static ssize_t send_on(const flow_t* flow, const slirp_place_t* place, size_t length) {
  bool connected = place->realm == SLIRP_NAME_SERVER;
  _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in_pktinfo))] = {0};
  struct iovec iov = {flow->party.wire->datagram, length};
  struct msghdr message = {.msg_name = connected ? NULL : (void*)(uintptr_t)&place->address,
                           .msg_namelen = connected ? 0 : place->length,
                           .msg_iov = &iov,
                           .msg_iovlen = 1};
  const struct sockaddr_in* to = (const void*)&place->address;
  const reached_t* reached = flow->reached ? place_of(flow, to) : NULL;
  if (reached && reached->peer == to->sin_addr.s_addr && reached->port == to->sin_port) {
    const struct in_pktinfo info = {.ipi_spec_dst.s_addr = reached->at};
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof(info));
    memcpy(CMSG_DATA(header), &info, sizeof(info));
  }
  return sendmsg(flow->party.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// Sends what a client has sent. An errno if it cannot be.
static int forward(gate_t* gate, const tcpip_recv_t* received, const tcpip_endpoint_t* to, size_t length) {
  slirp_wire_t* wire = gate->party.wire;
  slirp_place_t place = slirp_find_place(&wire->config, to);
  if (place.realm == SLIRP_NOWHERE) return gate->protocol == TCPIP_UDP ? ECONNREFUSED : EHOSTUNREACH;
  flow_t* flow = find(wire->flows, gate, &received->from, place.realm);
  if (flow && place.realm == SLIRP_NAME_SERVER && !is_for(flow, &place)) {
    end(flow);
    flow = NULL;
  }
  if (!flow) flow = create(wire->flows, gate, &received->from, &place);
  if (!flow) return errno;
  use(flow);
  ssize_t sent = -1;
  // The first attempt may tell of an error before it, which is queued as well.
  for (int i = 0; i < 2 && sent < 0; i++) {
    sent = send_on(flow, &place, length);
    if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) return 0;  // lost, as on any full link
  }
  return sent < 0 ? errno : 0;
}

static void serve_gate(slirp_party_t* party) {
  gate_t* gate = (gate_t*)party;
  slirp_wire_t* wire = party->wire;
  party->engine_events = 0;
  for (;;) {
    const struct iovec iov = {wire->datagram, sizeof(wire->datagram)};
    tcpip_recv_t received = {.iov = &iov, .iov_count = 1};
    int64_t length = tcpip_socket_recv(gate->endpoint, &received);
    if (length == -EAGAIN) return;
    if (length < 0) continue;  // an error that had been pending
    if (gate->protocol == TCPIP_ICMP_ECHO) name_echo(&received, wire->datagram);
    const tcpip_endpoint_t to = {.address = received.destination, .port = received.destination_port};
    int error = forward(gate, &received, &to, (size_t)length);
    if (error) (void)tcpip_socket_unreachable(gate->endpoint, &received.from, &to, error);
  }
}

static zx_status_t open_gate(slirp_wire_t* wire, uint8_t family, tcpip_protocol_t protocol, gate_t** out) {
  gate_t* gate = calloc(1, sizeof(*gate));
  if (!gate) return ZX_ERR_NO_MEMORY;
  *out = gate;
  slirp_party_init(&gate->party, wire, serve_gate);
  gate->family = family;
  gate->protocol = protocol;
  int error = tcpip_socket_create(wire->client, family, protocol, gate, &gate->endpoint);
  if (!error) error = tcpip_socket_stand_in(gate->endpoint, wire->interface);
  if (!error) error = tcpip_socket_set(gate->endpoint, TCPIP_RECEIVE_BUFFER, 4 << 20);
  return error ? ZX_ERR_NO_MEMORY : ZX_OK;
}

zx_status_t slirp_flows_create(slirp_wire_t* wire, slirp_flows_t** out) {
  slirp_flows_t* flows = calloc(1, sizeof(*flows));
  if (!flows) return ZX_ERR_NO_MEMORY;
  *out = flows;
  flows->wire = wire;
  flows->sweep.handler = sweep;
  zx_status_t status = open_gate(wire, TCPIP_IPV4, TCPIP_UDP, &flows->gates[0]);
  if (status == ZX_OK) status = open_gate(wire, TCPIP_IPV6, TCPIP_UDP, &flows->gates[1]);
  if (status == ZX_OK) status = open_gate(wire, TCPIP_IPV4, TCPIP_ICMP_ECHO, &flows->gates[2]);
  if (status == ZX_OK) status = open_gate(wire, TCPIP_IPV6, TCPIP_ICMP_ECHO, &flows->gates[3]);
  return status;
}

void slirp_flows_destroy(slirp_flows_t* flows) {
  if (!flows) return;
  (void)async_cancel_task(flows->wire->dispatcher, &flows->sweep);
  while (slirp_flows_give_way(flows))
    continue;
  for (flow_t *flow = flows->published, *next; flow; flow = next) {
    next = flow->older;
    free(flow->reached);
    slirp_party_end(&flow->party);
  }
  for (size_t i = 0; i < GATES; i++) {
    gate_t* gate = flows->gates[i];
    if (!gate) continue;
    tcpip_socket_destroy(gate->endpoint);
    slirp_party_end(&gate->party);
  }
  free(flows);
}
