// What stands before the payload of each datagram on a fast socket's descriptor (idl,
// DATAGRAM_PRELUDE_BYTES).
#ifndef COMPONENTS_NETSTACK_FAST_DATAGRAM_METADATA_H_
#define COMPONENTS_NETSTACK_FAST_DATAGRAM_METADATA_H_

#include "datagram_internal.h"

enum { PRELUDE_BYTES = fuchsia_posix_socket_DATAGRAM_PRELUDE_BYTES };

// Reads what an application has put before a datagram: `bytes`, of which `length` are there, 8-aligned and
// changed. False: it is none. `out` points into it.
bool fast_datagram_read_metadata(void* bytes, size_t length, fuchsia_posix_socket_SendMsgMeta** out);

// Takes over into `send` where the datagram goes and what accompanies it; `to` and `source` are room that it
// may point to. 0 or -EINVAL.
int fast_datagram_apply_metadata(const datagram_socket_t* socket,
                                 const fuchsia_posix_socket_SendMsgMeta* metadata, tcpip_endpoint_t* to,
                                 tcpip_address_t* source, tcpip_send_t* send);

// Writes what stands before a received datagram: PRELUDE_BYTES, 8-aligned.
void fast_datagram_write_metadata(const datagram_socket_t* socket, const tcpip_recv_t* recv, void* out);

// The word that there is an error to be fetched.
void fast_datagram_write_error(void* out);

#endif  // COMPONENTS_NETSTACK_FAST_DATAGRAM_METADATA_H_
