// The queue of errors. Errors come from icmp.c by way of transport_error.c, from datagram_send.c, and from
// neighbour.c; a program takes them one by one. Its order of things is Linux's: the pending error is that of
// the oldest ICMP error in the queue as soon as one has been taken, and none once the last has.
#include "datagram_errors.h"

#include <stdlib.h>

#include "datagram.h"

typedef struct queued_error {
  list_node_t node;
  int error;
  uint8_t origin, type, code;
  uint32_t info;
  addr_t to;
  uint16_t to_port;
  // The message that brought it, but for those of TCPIP_ERROR_LOCAL, which none did.
  addr_t offender, destination;
  uint32_t interface;
  uint8_t ttl, tos;
  int64_t timestamp;
  uint32_t length;
  uint8_t bytes[];  // of the datagram that was not delivered
} queued_error_t;

void datagram_errors_init(datagram_errors_t* errors) {
  list_init(&errors->queue);
  errors->on = errors->on_v6 = false;
}

bool datagram_errors_wanted(const datagram_errors_t* errors, bool v4) {
  return v4 ? errors->on : errors->on_v6;
}

bool datagram_errors_empty(const datagram_errors_t* errors) {
  return list_empty(&errors->queue);
}

static void destroy(datagram_socket_t* d, queued_error_t* entry) {
  list_unlink(&entry->node);
  datagram_release(d, sizeof *entry + entry->length);
  free(entry);
}

void datagram_errors_forget(datagram_socket_t* d) {
  while (!list_empty(&d->errors.queue))
    destroy(d, list_owner(d->errors.queue.next, queued_error_t, node));
}

void datagram_errors_want(datagram_socket_t* d, bool* wanted, bool on) {
  *wanted = on;
  if (!on) datagram_errors_forget(d);
}

// Appends `error` with `length` bytes of payload.
static void append(datagram_socket_t* d, const queued_error_t* error, const uint8_t* bytes, size_t length) {
  tcpip_t* stack = d->base.stack;
  size_t charge = sizeof *error + length;
  if (!datagram_charge(d, charge)) {
    count(stack, udp_rx_buffer_full);
    return;
  }
  queued_error_t* entry = malloc(charge);
  if (!entry) {
    datagram_release(d, charge);
    count(stack, no_memory);
    return;
  }
  *entry = *error;
  entry->timestamp = stack->now;
  entry->length = (uint32_t)length;
  if (length) memcpy(entry->bytes, bytes, length);
  list_append(&d->errors.queue, &entry->node);
}

void datagram_errors_add_icmp(datagram_socket_t* d, const icmp_error_t* error) {
  bool udp = error->protocol == PROTOCOL_UDP;
  size_t header = udp ? UDP_HEADER : 0;  // an echo request is the program's from its first octet
  const rx_t* rx = error->rx;
  queued_error_t entry = {.error = error->error,
                          .origin = rx->v4 ? TCPIP_ERROR_ICMP : TCPIP_ERROR_ICMPV6,
                          .type = error->type,
                          .code = error->code,
                          .info = error->info,
                          .to = error->remote,
                          .to_port = udp ? (uint16_t)be16_get(error->transport + 2) : 0,
                          .offender = rx->source,
                          .destination = rx->destination,
                          .interface = error->interface->info.index,
                          .ttl = rx->ttl,
                          .tos = rx->tos};
  append(d, &entry, error->transport + header, error->transport_length - header);
  d->base.error = error->error;
  socket_event(&d->base, TCPIP_EVENT_ERROR | TCPIP_EVENT_ERROR_QUEUE);
}

void datagram_errors_add_too_large(datagram_socket_t* d, const addr_t* remote, uint16_t port, uint32_t mtu) {
  queued_error_t entry = {
      .error = EMSGSIZE, .origin = TCPIP_ERROR_LOCAL, .info = mtu, .to = *remote, .to_port = port};
  append(d, &entry, NULL, 0);
  socket_event(&d->base, TCPIP_EVENT_ERROR_QUEUE);
}

void datagram_errors_add_unreachable(datagram_socket_t* d, const waiting_t* packet) {
  enum { V4_UNREACHABLE = 3, V4_HOST = 1, V6_UNREACHABLE = 1, V6_ADDRESS = 3 };
  const uint8_t* quoted = packet->bytes + packet->start;
  bool v4 = packet->length && quoted[0] >> 4 == 4;
  rx_t rx = {.stack = d->base.stack, .interface = packet->interface, .v4 = v4, .ttl = 64};
  icmp_error_t error = {.rx = &rx,
                        .error = EHOSTUNREACH,
                        .type = v4 ? V4_UNREACHABLE : V6_UNREACHABLE,
                        .code = v4 ? V4_HOST : V6_ADDRESS};
  if (!icmp_error_parse(&rx, quoted, packet->length, &error)) return;
  rx.source = rx.destination = error.local;
  datagram_icmp_error(&d->base, &error);
}

static void fill(const tcpip_socket_t* socket, const queued_error_t* entry, tcpip_recv_t* recv,
                 tcpip_error_t* out) {
  bool local = entry->origin == TCPIP_ERROR_LOCAL;
  *out = (tcpip_error_t){.error = entry->error,
                         .origin = entry->origin,
                         .type = entry->type,
                         .code = entry->code,
                         .info = entry->info};
  socket_export(socket, &entry->to, entry->to_port, entry->interface, &out->to);
  if (!local) socket_export(socket, &entry->offender, 0, entry->interface, &out->offender);
  recv->from = out->to;
  recv->interface = entry->interface;
  recv->destination = local ? (tcpip_address_t){0} : addr_export_as(&entry->destination, socket->family);
  recv->destination_port = 0;
  recv->local = recv->destination;
  recv->ttl = entry->ttl;
  recv->tos = entry->tos;
  recv->timestamp_ns = entry->timestamp;
}

int64_t datagram_errors_take(tcpip_socket_t* socket, tcpip_recv_t* recv, tcpip_error_t* out) {
  datagram_socket_t* d = datagram_socket(socket);
  if (datagram_errors_empty(&d->errors)) return -EAGAIN;
  queued_error_t* entry = list_owner(d->errors.queue.next, queued_error_t, node);
  size_t copied = datagram_scatter(recv, entry->bytes, entry->length);
  recv->length = entry->length;
  recv->truncated = entry->length - copied;
  fill(socket, entry, recv, out);
  bool was_icmp = entry->origin != TCPIP_ERROR_LOCAL;
  destroy(d, entry);
  const queued_error_t* next =
      datagram_errors_empty(&d->errors) ? NULL : list_owner(d->errors.queue.next, queued_error_t, node);
  if (next && next->origin != TCPIP_ERROR_LOCAL) {
    socket->error = next->error;
  } else if (was_icmp) {
    socket->error = 0;
  }
  return (int64_t)copied;
}
