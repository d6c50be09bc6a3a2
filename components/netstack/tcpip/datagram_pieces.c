// A datagram that is sent in pieces (MSG_MORE, UDP_CORK): they are gathered until the last one has come or
// the option is cleared. As on Linux, the first one decides where the datagram goes and with which fields,
// and is told if there is no way; what later ones say of that is not looked at.
#include <stdlib.h>

#include "datagram.h"

enum { PIECES_MOST = 65535, ROOM_FIRST = 2048 };

static datagram_pieces_t* begin(datagram_socket_t* d, const tcpip_send_t* send) {
  datagram_pieces_t* pieces = calloc(1, sizeof *pieces);
  if (!pieces) return NULL;
  pieces->first = *send;
  pieces->first.more = false;
  if (send->to) {
    pieces->to = *send->to;
    pieces->first.to = &pieces->to;
  }
  if (send->source) {
    pieces->source = *send->source;
    pieces->first.source = &pieces->source;
  }
  d->pieces = pieces;
  return pieces;
}

static int make_room(datagram_socket_t* d, size_t needed) {
  datagram_pieces_t* pieces = d->pieces;
  if (needed <= pieces->room) return 0;
  size_t room = 2 * pieces->room > ROOM_FIRST ? 2 * pieces->room : ROOM_FIRST;
  if (room < needed) room = needed;
  if (room > PIECES_MOST) room = PIECES_MOST;
  if (!client_charge(d->base.client, pieces->room, room - pieces->room)) return -ENOBUFS;
  uint8_t* bytes = realloc(pieces->bytes, room);
  if (!bytes) {
    client_release(d->base.client, room - pieces->room);
    return -ENOBUFS;
  }
  pieces->bytes = bytes;
  pieces->room = room;
  return 0;
}

static int64_t append(datagram_socket_t* d, const tcpip_send_t* send) {
  datagram_pieces_t* pieces = d->pieces;
  size_t length = 0;
  for (size_t i = 0; i < send->iov_count; i++) {
    if (send->iov[i].iov_len > PIECES_MOST - pieces->length - length) return -EMSGSIZE;
    length += send->iov[i].iov_len;
  }
  int result = make_room(d, pieces->length + length);
  if (result) return result;
  for (size_t i = 0; i < send->iov_count; i++) {
    if (send->iov[i].iov_len)
      memcpy(pieces->bytes + pieces->length, send->iov[i].iov_base, send->iov[i].iov_len);
    pieces->length += send->iov[i].iov_len;
  }
  return (int64_t)length;
}

static int64_t output(datagram_socket_t* d) {
  const datagram_pieces_t* pieces = d->pieces;
  struct iovec iov = {.iov_base = pieces->bytes, .iov_len = pieces->length};
  tcpip_send_t send = pieces->first;
  send.iov = &iov;
  send.iov_count = 1;
  return datagram_send_whole(d, &send);
}

int64_t datagram_send_piece(datagram_socket_t* d, const tcpip_send_t* send) {
  bool last = !send->more && !d->cork;
  if (!d->pieces) {
    int result = datagram_send_check(d, send);
    if (result) return result;
    if (!begin(d, send)) return -ENOBUFS;
  }
  size_t before = d->pieces->length;
  int64_t length = append(d, send);
  int64_t result = length >= 0 && last ? output(d) : length;
  if (result == -EAGAIN)
    d->pieces->length = before;  // the last piece comes again
  else if (result < 0 || last)
    datagram_drop_pieces(d);
  return result < 0 ? result : length;
}

void datagram_send_pieces(datagram_socket_t* d) {
  if (!d->pieces) return;
  (void)output(d);
  datagram_drop_pieces(d);
}

void datagram_drop_pieces(datagram_socket_t* d) {
  if (!d->pieces) return;
  client_release(d->base.client, d->pieces->room);
  free(d->pieces->bytes);
  free(d->pieces);
  d->pieces = NULL;
}
