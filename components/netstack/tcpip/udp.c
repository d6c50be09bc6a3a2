// UDP (RFC 768, RFC 8200 8.1): one header out, one header in, and the socket it belongs to.
#include "checksum.h"
#include "sock.h"
#include "stack.h"

int udp_header(const path_t* path, uint16_t local_port, uint16_t remote_port, tx_t* tx) {
  size_t length = UDP_HEADER + tx->payload_length;
  if (length > (path->v4 ? 65535 - IPV4_HEADER : 65535)) return -EMSGSIZE;
  if (!remote_port) return -EINVAL;
  uint8_t* h = tx_push(tx, UDP_HEADER);
  be16_put(h, local_port);
  be16_put(h + 2, remote_port);
  be16_put(h + 4, (uint32_t)length);
  ip_output_checksum(path, PROTOCOL_UDP, 6, tx);
  return 0;
}

static bool checksum_good(const rx_t* rx, size_t length) {
  const uint8_t* h = rx->transport;
  if (rx->checksum_good) return true;
  if (h[6] == 0 && h[7] == 0) return rx->v4;  // none was made; IPv6 does not allow that
  uint64_t sum = checksum_pseudo(&rx->source, &rx->destination, PROTOCOL_UDP, length);
  return checksum_fold(checksum_add(sum, h, length)) == 0xffff;
}

static void deliver(rx_t* rx, const socket_key_t* key, const uint8_t* payload, size_t length) {
  datagram_info_t info = {.rx = rx,
                          .payload = payload,
                          .length = length,
                          .local_port = key->local_port,
                          .remote_port = key->remote_port};
  if (rx->to_group) {
    bool any = false;
    for (tcpip_socket_t* s = NULL; (s = socket_find_next_member(rx->stack, key, s)); any = true)
      datagram_queue(s, &info);
    if (!any) count(rx->stack, udp_rx_no_port);
    return;
  }
  tcpip_socket_t* socket = socket_find_connection(rx->stack, key);
  if (!socket && !rx->foreign) socket = socket_find_bound(rx->stack, key);
  if (!socket) socket = stand_in_find(rx->interface, PROTOCOL_UDP, rx->v4);
  if (socket) {
    datagram_queue(socket, &info);
  } else {
    count(rx->stack, udp_rx_no_port);
    icmp_port_unreachable(rx);
  }
}

void udp_input(rx_t* rx) {
  tcpip_t* stack = rx->stack;
  const uint8_t* h = rx->transport;
  trace(stack, "udp.input");
  count(stack, udp_rx);
  size_t length = rx->transport_length >= UDP_HEADER ? be16_get(h + 4) : 0;
  // A batch of datagrams merged into one is longer than its header may say.
  if (rx->gso_size) length = rx->transport_length;
  if (length < UDP_HEADER || length > rx->transport_length || be16_get(h + 2) == 0) {
    count(stack, udp_rx_bad);
    return;
  }
  if (!checksum_good(rx, length)) {
    count(stack, udp_rx_bad_checksum);
    return;
  }
  socket_key_t key = {.protocol = PROTOCOL_UDP,
                      .local_port = be16_get(h + 2),
                      .remote_port = be16_get(h),
                      .local = rx->destination,
                      .remote = rx->source,
                      .interface = rx->interface->info.index};
  size_t payload = length - UDP_HEADER, step = rx->gso_size ? rx->gso_size : payload;
  const uint8_t* p = h + UDP_HEADER;
  do {
    size_t piece = payload < step ? payload : step;
    deliver(rx, &key, p, piece);
    p += piece;
    payload -= piece;
  } while (payload);
}
