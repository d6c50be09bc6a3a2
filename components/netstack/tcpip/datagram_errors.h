// The queue of errors of a datagram socket (IP_RECVERR of ip(7), IPV6_RECVERR of ipv6(7)): what became of
// datagrams that could not be delivered, each with the datagram as far as it is known.
//
// The memory is the receive buffer's, so it is bounded together with what has been received; an error that
// does not fit is still the socket's pending error, as on Linux.
#ifndef TCPIP_DATAGRAM_ERRORS_H_
#define TCPIP_DATAGRAM_ERRORS_H_

#include "ip.h"
#include "list.h"

struct datagram_socket;
struct waiting;

typedef struct datagram_errors {
  list_node_t queue;  // queued_error_t, the oldest first
  bool on, on_v6;     // about packets of which family they are wanted
} datagram_errors_t;

void datagram_errors_init(datagram_errors_t* errors);
bool datagram_errors_wanted(const datagram_errors_t* errors, bool v4);
bool datagram_errors_empty(const datagram_errors_t* errors);

// `wanted` is `on` or `on_v6` of the socket's. Turning it off forgets what is queued.
void datagram_errors_want(struct datagram_socket* d, bool* wanted, bool on);
void datagram_errors_forget(struct datagram_socket* d);

// An ICMP error came in; it becomes the pending error, too, whether or not there is a peer.
void datagram_errors_add_icmp(struct datagram_socket* d, const icmp_error_t* error);
// A datagram to `remote` was refused because the path takes no packet larger than `mtu`. It is not pending:
// the call says so.
void datagram_errors_add_too_large(struct datagram_socket* d, const addr_t* remote, uint16_t port,
                                   uint32_t mtu);
// `packet` is lost because the next hop does not answer: what a router would have said, said by ourselves.
void datagram_errors_add_unreachable(struct datagram_socket* d, const struct waiting* packet);

// tcpip_socket_recv_error of these sockets.
int64_t datagram_errors_take(tcpip_socket_t* socket, tcpip_recv_t* recv, tcpip_error_t* out);

#endif  // TCPIP_DATAGRAM_ERRORS_H_
