// What an end holds besides its socket and its ring, on the way to another process: messages that it had to
// take in, and descriptors that came before their entry. They travel as packets in a socket of their own,
// which comes along.
#ifndef RUNTIME_ZX_CHANNEL_BACKLOG_H_
#define RUNTIME_ZX_CHANNEL_BACKLOG_H_

#include "runtime/zx/channel.h"

#define WIRE_BACKLOG 8u  // flag of a channel: its last descriptor is that socket

// Puts copies of what there is into a new socket. -1: there is nothing. Lock held. ZX_ERR_BAD_STATE: more
// than a socket holds, some 200 KiB.
zx_status_t channel_backlog_pack(const struct channel* channel, int* out_socket);

// Takes it all out again, into an end that is new. Consumes the socket. ZX_ERR_IO_DATA_INTEGRITY.
zx_status_t channel_backlog_unpack(struct channel* channel, int socket);

#endif  // RUNTIME_ZX_CHANNEL_BACKLOG_H_
