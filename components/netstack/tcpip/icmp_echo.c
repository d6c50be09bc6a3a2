// ICMP echo sockets: unprivileged ping. The identifier plays the part of the local port.
#include "checksum.h"
#include "sock.h"
#include "stack.h"

enum { V4_ECHO_REPLY = 0, V4_ECHO = 8, V6_ECHO = 128, V6_ECHO_REPLY };

// The payload begins with the caller's own ICMP header; ours goes before the rest of it.
int echo_header(const path_t* path, uint16_t local_port, tx_t* tx) {
  uint8_t header[ICMP_HEADER];
  size_t have = 0;
  if (tx->payload_length < ICMP_HEADER) return -EINVAL;
  if (tx->payload_length > 65535 - IPV4_HEADER) return -EMSGSIZE;
  for (size_t i = 1; i < tx->iov_count && have < ICMP_HEADER; i++) {
    struct iovec* piece = &tx->iov[i];
    size_t take = piece->iov_len < ICMP_HEADER - have ? piece->iov_len : ICMP_HEADER - have;
    if (take) memcpy(header + have, piece->iov_base, take);
    have += take;
    piece->iov_base = (uint8_t*)piece->iov_base + take;
    piece->iov_len -= take;
  }
  uint8_t request = path->v4 ? V4_ECHO : V6_ECHO, reply = path->v4 ? V4_ECHO_REPLY : V6_ECHO_REPLY;
  if (header[0] != (local_port ? request : reply) || header[1] != 0) return -EINVAL;
  tx->payload_length -= ICMP_HEADER;
  uint8_t* h = tx_push(tx, ICMP_HEADER);
  memcpy(h, header, ICMP_HEADER);
  h[2] = h[3] = 0;
  if (local_port) be16_put(h + 4, local_port);
  if (path->v4) {
    uint64_t sum = checksum_add(0, h, ICMP_HEADER);
    sum += checksum_iov(0, tx->iov + 1, tx->iov_count - 1, tx->payload_length);
    checksum_put(h + 2, checksum_finish(sum));
  } else {
    ip_output_checksum(path, PROTOCOL_ICMPV6, 2, tx);
  }
  return 0;
}

void echo_input(rx_t* rx) {
  socket_key_t key = {.protocol = rx->v4 ? PROTOCOL_ICMPV4 : PROTOCOL_ICMPV6,
                      .local_port = be16_get(rx->transport + 4),
                      .local = rx->destination,
                      .remote = rx->source,
                      .interface = rx->interface->info.index};
  tcpip_socket_t* socket = socket_find_bound(rx->stack, &key);
  if (!socket) return;
  datagram_info_t info = {.rx = rx, .payload = rx->transport, .length = rx->transport_length};
  datagram_queue(socket, &info);
}

void echo_foreign_input(rx_t* rx) {
  tcpip_socket_t* socket = stand_in_find(rx->interface, rx->v4 ? PROTOCOL_ICMPV4 : PROTOCOL_ICMPV6, rx->v4);
  if (!socket) {  // another protocol's made us listen
    rx->v4 ? count(rx->stack, ipv4_rx_not_ours) : count(rx->stack, ipv6_rx_not_ours);
    return;
  }
  datagram_info_t info = {.rx = rx, .payload = rx->transport, .length = rx->transport_length};
  datagram_queue(socket, &info);
}
