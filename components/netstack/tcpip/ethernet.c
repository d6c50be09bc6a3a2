// The Ethernet layer: frames in, to ARP or IP; frames out, to the link.
//
// Below it is only ops.transmit. When the link's queue is full, a socket's packet is refused, so that the
// socket waits; the stack's own (ARP, ICMP, the later fragments of a datagram) wait here, in a bounded
// backlog.
#include <stdlib.h>

#include "sock.h"
#include "stack.h"

// The longest headers of a TCP segment: Ethernet, IPv4 with options or IPv6, TCP with options.
#define TCP_HEADERS_MAX (ETHERNET_HEADER + 60u + 60u)

static bool frame_is_ours(const interface_t* interface, const uint8_t* frame) {
  return (frame[0] & 1) || memcmp(frame, interface->info.mac, TCPIP_MAC_SIZE) == 0;
}

static void drop(interface_t* interface, uint64_t* counter) {
  interface->info.rx_dropped++;
  ++*counter;
}

static void input(tcpip_t* stack, uint32_t index, const uint8_t* frame, const uint8_t* shared, size_t length,
                  const tcpip_offload_t* offload) {
  interface_t* interface = interface_find(stack, index);
  if (!interface || !interface->info.up || interface->info.loopback) {
    count(stack, link_rx_down);
    return;
  }
  count(stack, link_rx);
  interface->info.rx_frames++;
  interface->info.rx_bytes += length;
  if (length < ETHERNET_HEADER) {
    drop(interface, &stack->stats.link_rx_short);
    return;
  }
  // A frame from ourselves or from a group is nobody's: reflected or forged.
  bool bad_source = (frame[6] & 1) || memcmp(frame + 6, interface->info.mac, TCPIP_MAC_SIZE) == 0;
  if (bad_source || !frame_is_ours(interface, frame)) {
    drop(interface, &stack->stats.link_rx_not_ours);
    return;
  }
  uint16_t type = be16_get(frame + 12);
  const uint8_t* packet = frame + ETHERNET_HEADER;
  length -= ETHERNET_HEADER;
  if (type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6) {
    if (length && packet[0] >> 4 == (type == ETHERTYPE_IPV4 ? 4 : 6))
      ip_input(interface, packet, shared ? shared + ETHERNET_HEADER : NULL, length, offload,
               frame[0] & 1 ? IP_FROM_LINK_GROUP : IP_FROM_LINK);
    else
      drop(interface,
           type == ETHERTYPE_IPV4 ? &stack->stats.ipv4_rx_bad_header : &stack->stats.ipv6_rx_bad_header);
  } else if (type == ETHERTYPE_ARP) {
    arp_input(interface, packet, length);
  } else {
    drop(interface, &stack->stats.link_rx_unknown_type);
  }
}

void tcpip_input(tcpip_t* stack, uint32_t index, const void* frame, size_t length,
                 const tcpip_offload_t* offload) {
  input(stack, index, frame, NULL, length, offload);
}

// Whether a frame of more than TCP_HEADERS_MAX bytes is a TCP segment of which nobody reads more than those.
static bool is_tcp_segment(const uint8_t* frame) {
  const uint8_t* ip = frame + ETHERNET_HEADER;
  if (be16_get(frame + 12) == ETHERTYPE_IPV4) return ip[9] == PROTOCOL_TCP && !(be16_get(ip + 6) & 0x3fff);
  return be16_get(frame + 12) == ETHERTYPE_IPV6 && ip[6] == PROTOCOL_TCP;
}

void tcpip_input_shared(tcpip_t* stack, uint32_t index, void* frame, const void* shared, size_t length,
                        const tcpip_offload_t* offload) {
  size_t head = length < TCP_HEADERS_MAX ? length : TCP_HEADERS_MAX;
  memcpy(frame, shared, head);
  bool apart = length > head && is_tcp_segment(frame);
  if (!apart) memcpy((uint8_t*)frame + head, (const uint8_t*)shared + head, length - head);
  input(stack, index, frame, apart ? shared : NULL, length, offload);
}

static int transmit(interface_t* interface, const struct iovec* iov, size_t iov_count, size_t length,
                    const tcpip_offload_t* offload) {
  tcpip_t* stack = interface->stack;
  int result = stack->ops.transmit(stack->context, interface->info.index, iov, iov_count, offload);
  if (result == -EAGAIN) {
    interface->link_full = true;
    count(stack, link_tx_full);
    return -EAGAIN;
  }
  if (result) {
    interface->info.tx_dropped++;
    count(stack, link_tx_dropped);
    return 0;  // lost, as a frame on a wire can be
  }
  interface->info.tx_frames++;
  interface->info.tx_bytes += length;
  count(stack, link_tx);
  return 0;
}

static void backlog_append(interface_t* interface, waiting_t* waiting) {
  list_append(&interface->backlog, &waiting->node);
  interface->backlog_count++;
}

static int backlog_copy(interface_t* interface, const tx_t* tx) {
  waiting_t* waiting;
  if (interface->backlog_count >= BACKLOG_MAX || waiting_create(interface, tx, &waiting)) {
    interface->info.tx_dropped++;
    count(interface->stack, link_tx_dropped);
    return -ENOBUFS;
  }
  backlog_append(interface, waiting);
  return 0;
}

static void backlog_send(interface_t* interface) {
  while (!interface->link_full && !list_empty(&interface->backlog)) {
    waiting_t* waiting = list_owner(interface->backlog.next, waiting_t, node);
    struct iovec iov = {waiting->bytes + waiting->start, waiting->length};
    if (transmit(interface, &iov, 1, waiting->length, &waiting->offload) == -EAGAIN) return;
    interface->backlog_count--;
    waiting_destroy(waiting);
  }
}

static void header_put(const interface_t* interface, uint8_t* header, const uint8_t* mac, uint16_t type) {
  memcpy(header, mac, TCPIP_MAC_SIZE);
  memcpy(header + TCPIP_MAC_SIZE, interface->info.mac, TCPIP_MAC_SIZE);
  be16_put(header + 2 * TCPIP_MAC_SIZE, type);
}

int ethernet_output(interface_t* interface, const uint8_t mac[TCPIP_MAC_SIZE], uint16_t type, tx_t* tx) {
  if (!interface->info.up) return -ENETDOWN;
  uint8_t* header = tx_push(tx, ETHERNET_HEADER);
  header_put(interface, header, mac, type);
  size_t head = tx_head_length(tx);
  if (tx->offload.flags & TCPIP_OFFLOAD_NEEDS_CHECKSUM)
    tx->offload.checksum_start = (uint16_t)(head - tx->offload.checksum_start);
  if (tx->offload.gso_size) tx->offload.header_length = (uint16_t)head;
  tx->iov[0] = (struct iovec){header, head};
  int result = -EAGAIN;
  if (!interface->link_full)
    result = transmit(interface, tx->iov, tx->iov_count, tx_length(tx), &tx->offload);
  if (result == -EAGAIN && tx->must_keep) result = backlog_copy(interface, tx);
  return result;
}

void ethernet_output_waiting(interface_t* interface, const uint8_t mac[TCPIP_MAC_SIZE], uint16_t type,
                             waiting_t* waiting) {
  list_unlink(&waiting->node);
  waiting->start -= ETHERNET_HEADER;
  waiting->length += ETHERNET_HEADER;
  if (waiting->offload.flags & TCPIP_OFFLOAD_NEEDS_CHECKSUM)
    waiting->offload.checksum_start = (uint16_t)(waiting->offload.checksum_start + ETHERNET_HEADER);
  header_put(interface, waiting->bytes + waiting->start, mac, type);
  if (interface->backlog_count >= BACKLOG_MAX) {
    interface->info.tx_dropped++;
    count(interface->stack, link_tx_dropped);
    waiting_destroy(waiting);
    return;
  }
  backlog_append(interface, waiting);
  if (!interface->link_full) backlog_send(interface);
}

void ethernet_link_writable(interface_t* interface) {
  interface->link_full = false;
  backlog_send(interface);
  if (!interface->link_full) socket_link_writable(interface);
}

void tcpip_link_writable(tcpip_t* stack, uint32_t index) {
  interface_t* interface = interface_find(stack, index);
  if (interface) ethernet_link_writable(interface);
}

static int charge(interface_t* interface, const tx_t* tx, size_t bytes) {
  tcpip_t* stack = interface->stack;
  if (tx->socket) return socket_charge_tx(tx->socket, bytes, tx->must_keep);
  if (stack->own_waiting + bytes > OWN_WAITING_BYTES) return -ENOBUFS;
  stack->own_waiting += bytes;
  return 0;
}

static void release(tcpip_t* stack, tcpip_socket_t* socket, tcpip_client_t* client, size_t bytes) {
  if (socket)
    socket_release_tx(socket, bytes);
  else if (client)
    client_release(client, bytes);
  else
    stack->own_waiting -= bytes;
}

static void copy_out(const tx_t* tx, uint8_t* to) {
  memcpy(to, tx->head + tx->head_start, tx_head_length(tx));
  to += tx_head_length(tx);
  for (size_t i = 1; i < tx->iov_count; i++) {
    if (tx->iov[i].iov_len) memcpy(to, tx->iov[i].iov_base, tx->iov[i].iov_len);
    to += tx->iov[i].iov_len;
  }
}

int waiting_create(interface_t* interface, const tx_t* tx, waiting_t** out) {
  size_t length = tx_length(tx), charged = sizeof(waiting_t) + length;
  int result = charge(interface, tx, charged);
  if (result) return result;
  waiting_t* waiting = malloc(sizeof *waiting + ETHERNET_HEADER + length);
  if (!waiting) {
    count(interface->stack, no_memory);
    release(interface->stack, tx->socket, NULL, charged);
    return -ENOBUFS;
  }
  *waiting = (waiting_t){.socket = tx->socket,
                         .client = tx->socket ? tx->socket->client : NULL,
                         .interface = interface,
                         .offload = tx->offload,
                         .start = ETHERNET_HEADER,
                         .length = length,
                         .charged = charged};
  copy_out(tx, waiting->bytes + waiting->start);
  if (tx->socket) list_append(&tx->socket->waiting, &waiting->owner_node);
  *out = waiting;
  return 0;
}

void waiting_destroy(waiting_t* waiting) {
  list_unlink(&waiting->node);
  list_unlink(&waiting->owner_node);
  release(waiting->interface->stack, waiting->socket, waiting->client, waiting->charged);
  free(waiting);
}

void waiting_destroy_all(list_node_t* list) {
  while (!list_empty(list))
    waiting_destroy(list_owner(list->next, waiting_t, node));
}
