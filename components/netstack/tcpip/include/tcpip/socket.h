// Sockets. Their behaviour is that of Linux sockets of the same kind where this header says nothing else.
//
// No call blocks: what would block returns -EAGAIN, and ops.socket_event tells when it is worth trying again.
#ifndef TCPIP_SOCKET_H_
#define TCPIP_SOCKET_H_

#include <sys/uio.h>

#include <tcpip/address.h>

typedef struct tcpip_client tcpip_client_t;
typedef struct tcpip_socket tcpip_socket_t;

typedef enum tcpip_protocol {
  TCPIP_UDP,
  // ICMP echo: what is sent is an echo request from its type octet on; the identifier is the local port
  // (whatever the caller wrote there is replaced) and the checksum is filled in. What is received are the
  // replies to it.
  TCPIP_ICMP_ECHO,
  // A stream. Listening and accepting are tcpip_socket_listen and _accept; connecting goes on by itself after
  // the call has returned -EINPROGRESS.
  TCPIP_TCP,
} tcpip_protocol_t;

// What tcpip_socket_poll and ops.socket_event speak of.
enum {
  TCPIP_EVENT_READABLE = 1,         // receive will not return -EAGAIN
  TCPIP_EVENT_WRITABLE = 2,         // send is worth trying
  TCPIP_EVENT_ERROR = 4,            // an error is pending
  TCPIP_EVENT_READ_SHUTDOWN = 8,    // nothing more will be received
  TCPIP_EVENT_WRITE_SHUTDOWN = 16,  // nothing more can be sent
  TCPIP_EVENT_URGENT = 32,          // an urgent octet is there (POLLPRI)
  TCPIP_EVENT_ERROR_QUEUE = 64,     // tcpip_socket_recv_error will not return -EAGAIN
};

// Makes a socket of `family` (TCPIP_IPV4 or TCPIP_IPV6) that `client` owns and pays for. `context` comes back
// in ops.socket_event. -EMFILE if the client has its number of sockets, -EPROTONOSUPPORT, -EAFNOSUPPORT.
int tcpip_socket_create(tcpip_client_t* client, uint8_t family, tcpip_protocol_t protocol, void* context,
                        tcpip_socket_t** out);

// Closes and frees; what it had received is lost. No event comes for it any more. NULL is accepted.
void tcpip_socket_destroy(tcpip_socket_t* socket);

// The context given at creation.
void* tcpip_socket_context(const tcpip_socket_t* socket);

// The state now, as TCPIP_EVENT_* bits.
uint32_t tcpip_socket_poll(const tcpip_socket_t* socket);

// Takes a local address and port; port 0 takes a free one at random (RFC 6056), the unspecified address takes
// all. -EINVAL if already bound or shut down, or for a link-local address without a zone, -EAFNOSUPPORT for
// the wrong family, -EADDRNOTAVAIL if the address is neither ours, a group nor broadcast, or its zone names
// no interface, -EADDRINUSE also for what connections leave behind until they are over.
int tcpip_socket_bind(tcpip_socket_t* socket, const tcpip_endpoint_t* local);

// Sets the peer: where sends without an address go, and the only one that is received from. Binds first if
// need be. Queued datagrams stay. -EAFNOSUPPORT, -ENETUNREACH, -EADDRNOTAVAIL, -EACCES for broadcast without
// the option, -EADDRINUSE, -EAGAIN if no port is free. A stream begins to connect: -EINPROGRESS, and
// TCPIP_EVENT_WRITABLE or TCPIP_EVENT_ERROR when it is decided. Calling again meanwhile gives -EALREADY, the
// first time afterwards the result (0 or an error), then -EISCONN.
int tcpip_socket_connect(tcpip_socket_t* socket, const tcpip_endpoint_t* peer);

// Undoes connect (0 even if there was no peer): an address that bind did not choose is released, and so is a
// port.
int tcpip_socket_disconnect(tcpip_socket_t* socket);

// Shuts down receiving, sending or both. -ENOTCONN if there is no peer (the flags take effect even so, as on
// Linux), -EINVAL if neither is asked for.
int tcpip_socket_shutdown(tcpip_socket_t* socket, bool read, bool write);

// The local endpoint: unspecified address and port 0 if not bound.
void tcpip_socket_local(const tcpip_socket_t* socket, tcpip_endpoint_t* out);

// -ENOTCONN if there is no peer.
int tcpip_socket_peer(const tcpip_socket_t* socket, tcpip_endpoint_t* out);

// The largest packet that is known to reach the peer, in bytes with all headers. -ENOTCONN if there is no
// peer, -ENETUNREACH if there is no way to it now.
int tcpip_socket_path_mtu(tcpip_socket_t* socket, uint32_t* out);

// Returns the pending error as a negative errno and clears it; 0 if there is none. An ICMP port unreachable
// about a connected socket's datagram makes -ECONNREFUSED; the next send or receive returns it as well,
// whichever is first.
int tcpip_socket_take_error(tcpip_socket_t* socket);

typedef struct tcpip_send {
  const struct iovec* iov;  // gathered; the bytes are read before the call returns
  size_t iov_count;
  const tcpip_endpoint_t* to;     // NULL: the connected peer
  const tcpip_address_t* source;  // NULL: chosen (a packet-information control message)
  uint16_t source_port;           // 0: the socket's; others only from a socket that stands in for hosts
  uint32_t interface;             // 0: by route (likewise)
  int16_t ttl;                    // 1..255 (0..255 for IPv6), -1: the socket's
  int16_t tos;                    // traffic class 0..255, -1: the socket's
  bool urgent;                    // streams: the last octet is urgent (MSG_OOB)
  bool more;                      // UDP: a piece of a datagram, with more to come (MSG_MORE)
  bool late;                      // datagrams: was on its way before, a pending error is not for it to tell
} tcpip_send_t;

// Sends one datagram, or gathers a piece of one; returns its length or an error, never a part. -EAGAIN if the
// link is full, -EDESTADDRREQ, -EMSGSIZE if no IP packet can hold it, -EPIPE after shutdown, -EACCES for
// broadcast without the option, -ENETUNREACH, -EHOSTUNREACH if the neighbour does not answer, -EADDRNOTAVAIL,
// -ENODEV if there is no such interface, -EINVAL (also for a source that is not this host's), -ENOBUFS if the
// client's memory is used up, or the pending error (which it clears).
int64_t tcpip_socket_send(tcpip_socket_t* socket, const tcpip_send_t* send);

// Whether datagrams like `send` can be sent, whatever their bytes are; sends nothing, but binds as a send
// does. It holds until tcpip_generation changes, or anything is set or done with the socket, or an error is
// pending.
typedef struct tcpip_preflight {
  size_t maximum_size;  // of a payload that can be sent
  bool stays;           // what is sent comes, or may come, to this host itself
} tcpip_preflight_t;
// What tcpip_socket_send would return; -EAGAIN also if it cannot be told: an error is pending, or pieces are
// being gathered.
int tcpip_socket_preflight(tcpip_socket_t* socket, const tcpip_send_t* send, tcpip_preflight_t* out);

typedef struct tcpip_recv {
  const struct iovec* iov;  // scattered to; what does not fit is cut off
  size_t iov_count;
  bool peek;    // leaves the datagram where it is
  bool urgent;  // streams: takes the urgent octet (MSG_OOB), see below
  // Filled in when a datagram was received:
  size_t length;     // of the whole datagram
  size_t truncated;  // bytes of it that were cut off
  tcpip_endpoint_t from;
  tcpip_address_t destination;  // as its header says: may be a group
  uint16_t destination_port;    // likewise; 0 for echo
  tcpip_address_t local;  // where an answer would come from: that, or for a group the interface's address
  uint32_t interface;
  uint8_t ttl;
  uint8_t tos;
  int64_t timestamp_ns;  // the stack's time when it arrived
} tcpip_recv_t;

// Takes the oldest datagram; returns the number of bytes copied (0 is a datagram too). -EAGAIN if there is
// none, also after shutdown (see TCPIP_EVENT_READ_SHUTDOWN), or the pending error (which it clears).
int64_t tcpip_socket_recv(tcpip_socket_t* socket, tcpip_recv_t* recv);

// Datagrams without a copy of one's own: shows the oldest ones, at most `max`, where they lie, and returns
// how many. out[i] is filled as by tcpip_socket_recv, its `iov` is set to &bytes[i]. Valid until the next
// call of anything on the same stack. An error that is pending does not matter.
size_t tcpip_socket_queued(const tcpip_socket_t* socket, tcpip_recv_t* out, struct iovec* bytes, size_t max);

// Takes the oldest `count` of them, as many as there are; what they took of the receive buffer is free again.
void tcpip_socket_take_queued(tcpip_socket_t* socket, size_t count);

// So many bytes of the receive buffer are taken by what was received and waits elsewhere to be read, and no
// longer as many as the last call said. ops.socket_held tells when there seems to be no room.
void tcpip_socket_hold(tcpip_socket_t* socket, size_t bytes);

// What a datagram of so many bytes takes of the receive buffer.
size_t tcpip_datagram_charge(size_t length);

// What became of a datagram that could not be delivered.
enum { TCPIP_ERROR_LOCAL = 1, TCPIP_ERROR_ICMP = 2, TCPIP_ERROR_ICMPV6 = 3 };  // Linux's numbers
typedef struct tcpip_error {
  int error;                  // a positive errno
  uint8_t origin;             // TCPIP_ERROR_*: this host refused to send it, or an ICMP message told
  uint8_t type, code;         // of the ICMP message
  uint32_t info;              // the MTU that was too small, or what else the message says
  tcpip_endpoint_t to;        // where it was going; the port is 0 if it is not known
  tcpip_endpoint_t offender;  // who sent the message; no address if none did
} tcpip_error_t;

// Takes the oldest error that TCPIP_RECEIVE_ERRORS or TCPIP_IPV6_RECEIVE_ERRORS has queued, and copies what
// the message quotes of the datagram: its payload, of an echo request all of it, as far as it goes. Returns
// the number of bytes copied. What `recv` says besides is about the message; its `peek` is ignored. -EAGAIN
// if the queue is empty. The pending error becomes that of the next error in the queue.
int64_t tcpip_socket_recv_error(tcpip_socket_t* socket, tcpip_recv_t* recv, tcpip_error_t* out);

// Bytes of the oldest datagram (FIONREAD); 0 if there is none.
size_t tcpip_socket_next_length(const tcpip_socket_t* socket);

// Booleans are 0 or 1. Defaults in brackets.
typedef enum tcpip_option {
  TCPIP_REUSE_ADDRESS,   // [0]
  TCPIP_REUSE_PORT,      // [0] datagrams are spread over the sockets of one port by the hash of their flow
  TCPIP_BROADCAST,       // [0]
  TCPIP_BIND_TO_DEVICE,  // an interface's index, 0 for any [0]; -ENODEV
  TCPIP_RECEIVE_BUFFER,  // bytes, book-keeping included; clamped to 2 KiB..4 MiB [208 KiB]
  TCPIP_SEND_BUFFER,     // likewise: bounds what waits for neighbours' addresses [208 KiB]
  TCPIP_TTL,             // IPv4 1..255, -1 for the default [64]
  TCPIP_TOS,             // IPv4 0..255 [0]
  TCPIP_MTU_DISCOVER,    // IPv4: TCPIP_MTU_*; streams: WANT or DO [TCPIP_MTU_WANT]
  TCPIP_RECEIVE_ERRORS,  // datagrams, IPv4: errors are queued, and pending also without a peer [0]
  TCPIP_UDP_CORK,        // [0] what is sent are pieces of one datagram, which goes out when this is cleared
  TCPIP_MULTICAST_TTL,   // IPv4 0..255, -1 for the default [1]
  TCPIP_MULTICAST_LOOP,  // IPv4: own multicasts come back to this host's members [1]
  TCPIP_MULTICAST_INTERFACE,       // IPv4: an interface's index, 0 for any [0]; -EADDRNOTAVAIL
  TCPIP_IPV6_ONLY,                 // [0]; -EINVAL once bound
  TCPIP_IPV6_HOPS,                 // 0..255, -1 for the default [64]
  TCPIP_IPV6_TRAFFIC_CLASS,        // 0..255, -1 for the default [0]
  TCPIP_IPV6_MTU_DISCOVER,         // TCPIP_MTU_*; streams: WANT or DO [TCPIP_MTU_WANT]
  TCPIP_IPV6_RECEIVE_ERRORS,       // the same for datagrams of IPv6 [0]
  TCPIP_IPV6_MULTICAST_HOPS,       // 0..255, -1 for the default [1]
  TCPIP_IPV6_MULTICAST_LOOP,       // [1]
  TCPIP_IPV6_MULTICAST_INTERFACE,  // an interface's index, 0 for any [0]; -ENODEV
  // Streams only:
  TCPIP_TCP_NO_DELAY,             // [0]
  TCPIP_TCP_CORK,                 // [0]
  TCPIP_TCP_MAX_SEGMENT,          // before connecting: a bound, 88..32767, 0 for none; then what is used
  TCPIP_KEEP_ALIVE,               // [0]
  TCPIP_TCP_KEEP_ALIVE_IDLE,      // seconds [7200]
  TCPIP_TCP_KEEP_ALIVE_INTERVAL,  // seconds [75]
  TCPIP_TCP_KEEP_ALIVE_COUNT,     // [9]
  TCPIP_TCP_SYN_COUNT,            // how often a SYN is sent again [6]
  TCPIP_TCP_USER_TIMEOUT,         // milliseconds without an acknowledgement, 0 for the default rules [0]
  TCPIP_TCP_CONGESTION,           // TCPIP_CONGESTION_*; -ENOENT [TCPIP_CONGESTION_CUBIC]
  TCPIP_LINGER,                   // seconds, -1 off [-1]; 0 makes destroying reset the connection
  TCPIP_TCP_LINGER2,  // seconds a closed connection waits for the peer's end, up to 120 (more means 120);
                      // 0 for the default, -1: not at all, it is reset [60]
  TCPIP_TCP_DEFER_ACCEPT,  // listeners: seconds that a connection may wait for its first data before it is
                           // offered to accept, 0: it need not have any [0]
  TCPIP_TCP_QUICK_ACK,  // 1: acknowledges at once for a while, and what is due now; 0: delays as it may [1]
  TCPIP_TCP_WINDOW_CLAMP,    // bytes beyond which no window is offered, 0 for none [0]
  TCPIP_OUT_OF_BAND_INLINE,  // the urgent octet stays in the stream [0]
  TCPIP_TCP_ECN              // before connecting or listening: TCPIP_ECN_* [TCPIP_ECN_ASK]
} tcpip_option_t;

// What is done about packets larger than the path takes, with Linux's numbers and meanings (ip(7)). DONT:
// fragmented, here or under way. WANT: fragmented here. DO: -EMSGSIZE. PROBE: -EMSGSIZE if too large for the
// interface, else sent whole. INTERFACE: the same, but routers may fragment, and nothing is learnt of the
// path. OMIT: as INTERFACE, but fragmented if too large for the interface. IPv6 is never fragmented under
// way.
enum { TCPIP_MTU_DONT, TCPIP_MTU_WANT, TCPIP_MTU_DO, TCPIP_MTU_PROBE, TCPIP_MTU_INTERFACE, TCPIP_MTU_OMIT };

// BBR takes losses below 2 % for no congestion, and paces what it sends: far faster where a long path loses
// packets at random; CUBIC is what shares best with everyone else.
enum { TCPIP_CONGESTION_RENO = 1, TCPIP_CONGESTION_CUBIC = 2, TCPIP_CONGESTION_BBR = 3 };
enum { TCPIP_ECN_OFF, TCPIP_ECN_ASK, TCPIP_ECN_ACCEPT };  // ASK accepts as well

// -ENOPROTOOPT for an option of the other family or protocol, -EINVAL for a value out of range.
int tcpip_socket_set(tcpip_socket_t* socket, tcpip_option_t option, int64_t value);
int tcpip_socket_get(const tcpip_socket_t* socket, tcpip_option_t option, int64_t* out);

// Joins `group` on `interface`; 0 takes the interface of the route to the group. -EINVAL if it is no group,
// -ENODEV, -EADDRINUSE if joined already, -ENOBUFS after 20 groups per socket.
int tcpip_socket_join(tcpip_socket_t* socket, const tcpip_address_t* group, uint32_t interface);

// -EADDRNOTAVAIL if it has not joined.
int tcpip_socket_leave(tcpip_socket_t* socket, const tcpip_address_t* group, uint32_t interface);

// Streams. tcpip_socket_send takes as much as there is room for and returns how much that was;
// tcpip_socket_recv returns 0 at the end of the stream. Destroying a stream closes it in good order, in the
// background; with received data unread, or TCPIP_LINGER 0, it resets the connection.
//
// Urgent data is one octet, the one before the urgent pointer (RFC 6093), as on Linux: only the last one sent
// counts. A receive that takes data stops before it; the next one leaves it out, unless
// TCPIP_OUT_OF_BAND_INLINE keeps it in its place. A receive with `urgent` takes it alone: 1, or 0 when the
// stream is over, -EAGAIN while it is announced and has not come, -EINVAL if there is none, it has been taken
// or it is inline.

// Is the next octet to be read the urgent one (sockatmark)? False for what is no stream.
bool tcpip_socket_at_mark(const tcpip_socket_t* socket);

// Waits for connections, at most `backlog` (1..4096) of them half-open and as many complete.
// TCPIP_EVENT_READABLE tells that one can be accepted. -EOPNOTSUPP if it is no stream, -EINVAL if it is
// connected, -EADDRINUSE.
int tcpip_socket_listen(tcpip_socket_t* socket, int backlog);

// Takes the oldest complete connection: a socket of the same client, with `context`; see tcpip_socket_poll
// for what has happened to it already. -EAGAIN if there is none, -EINVAL if it does not listen, -EOPNOTSUPP.
int tcpip_socket_accept(tcpip_socket_t* socket, void* context, tcpip_socket_t** out);

// A stream's bytes without a copy of one's own: written and read where the engine keeps them. All four return
// -EOPNOTSUPP if it is no stream.
//
// The pieces, one or two, are good until the next call of anything on the same stack; what lies beyond them,
// and the bytes behind the part that is committed or not yet consumed, is the engine's.

// Shows where the next bytes to be sent go: room for 1 to `wanted` bytes, whose number it returns, in out[0]
// and out[1] in this order, of which *out_count are used. Write into them from the beginning, then commit as
// many as were written; nothing is sent before that, and asking again shows the same place. Otherwise what
// tcpip_socket_send returns, -EAGAIN if there is no room among them; -EINVAL if `wanted` is 0. When it shows
// less than `wanted`, TCPIP_EVENT_WRITABLE tells of more; after -ENOBUFS on a stream with nothing
// unacknowledged it does not, and there is nothing but to try again later.
int64_t tcpip_socket_send_space(tcpip_socket_t* socket, size_t wanted, struct iovec out[2],
                                size_t* out_count);

// Sends the first `length` bytes of that room, in order behind what was sent before. 0, also for a length of
// 0; -EINVAL if there was not so much room, -EPIPE after shutdown (nothing is sent then).
int tcpip_socket_send_commit(tcpip_socket_t* socket, size_t length);

#define TCPIP_PIECES_MAX 18

// Shows what can be read (up to the urgent octet, or from behind it) in the pieces in which it lies, all of
// it if they are not too many, and returns how many bytes that is; 0 at the end of the stream, else what
// tcpip_socket_recv returns. Nothing is taken: reading again shows the same bytes. Valid until the next call
// of any kind.
int64_t tcpip_socket_recv_data(tcpip_socket_t* socket, struct iovec out[TCPIP_PIECES_MAX], size_t* out_count);

// Takes the first `length` bytes of it, which makes room for more from the peer. 0, -EINVAL if there are not
// so many.
int tcpip_socket_recv_consume(tcpip_socket_t* socket, size_t length);

// Standing in for other hosts: what a gateway needs that answers, in the place of all the hosts of a world
// behind it, those that have it for their router. The frames of those come to this host's hardware address;
// nothing here answers for foreign addresses on the link (ARP, neighbour discovery).

// A new socket, neither bound nor connected, stands in for the hosts behind `interface`: what comes over it
// for any unicast address, ours included, that no other socket takes, is this socket's until it is destroyed.
// There is at most one of each family and protocol on an interface. It takes only the packets of its own
// family, so addresses are never IPv4-mapped; it belongs to the interface (TCPIP_BIND_TO_DEVICE cannot be
// changed), and what it and its connections send leaves there. -EINVAL if it is not new, -ENODEV if there is
// no such interface or it is the loopback interface, -EADDRINUSE.
//
// Whether packets to addresses that are not ours are taken at all depends only on there being such a socket
// of their protocol and family where they came in: also those of a connection, so keep the socket as long as
// its connections. For UDP, TCP and echo alike, ICMP errors about what was sent in the name of others are
// taken, too. Never taken are packets to loopback, link-local addresses of others, groups or broadcast, or
// from sources that are refused otherwise.
//
// Datagrams: tcpip_recv_t tells in `destination` and `destination_port` who was meant. A send must give `to`,
// `source`, which may be any unicast address, and `source_port` (-EDESTADDRREQ, -EINVAL). TCPIP_MTU_DISCOVER
// is TCPIP_MTU_DONT at first: as behind a router, IPv4 datagrams may be fragmented anywhere. bind and connect
// return -EINVAL.
//
// Echo: requests to addresses that are not the interface's are received, from their type octet on; those to
// the interface's own are answered without asking. What is sent is an echo reply from its type octet on: the
// identifier stays as it is, the checksum is filled in; `to` and `source` are needed, no port is.
//
// Streams: tcpip_socket_listen works without bind, and tcpip_socket_accept gives connections in
// TCPIP_TCP_SYN_RECEIVED that are not answered yet: the peer's SYN is here, and nothing was sent.
// tcpip_socket_local tells whom it is calling. Options may be set; then tcpip_socket_admit or
// tcpip_socket_refuse answers. Destroying the socket instead forgets the SYN without a word. `backlog` bounds
// those that wait to be accepted and the accepted ones that are unanswered, together; SYNs beyond it get no
// answer (there are no SYN cookies, for nothing may be promised yet). While one waits, the peer's repeated
// SYNs change nothing; its reset, or a SYN that begins another attempt from the same port, ends it: with
// TCPIP_EVENT_ERROR (ECONNRESET) if it has been accepted, else tcpip_socket_accept no longer gives it. How
// long one waits is up to the user. Once admitted it is a connection as any other. Segments that belong to no
// connection and begin none are answered with a reset from where they went.
int tcpip_socket_stand_in(tcpip_socket_t* socket, uint32_t interface);

// Answers the SYN of a connection that waits for it. TCPIP_EVENT_WRITABLE tells that it is established,
// TCPIP_EVENT_ERROR that it has failed. -EINVAL if it is none that waits (any more).
int tcpip_socket_admit(tcpip_socket_t* socket);

// Consumes `socket`: one that waits for an answer gets a refusal, for the reason that `error`, a positive
// errno, says, any other is destroyed. ECONNREFUSED resets the attempt. EHOSTUNREACH, EHOSTDOWN, ENETUNREACH,
// ENETDOWN, EACCES and EPERM are told by an ICMP "destination unreachable" that quotes the SYN, as far as the
// rate limit of ICMP errors allows. Anything else (ETIMEDOUT) sends nothing, and the peer goes on asking.
void tcpip_socket_refuse(tcpip_socket_t* socket, int error);

// A new stream is bound to `local`, an address that is another host's, whose connection over `interface` it is
// to make: tcpip_socket_connect then speaks in that host's name, for the one connection. -EINVAL if it is not
// new, no stream, or there is no port; -EAFNOSUPPORT; -ENODEV if no stream stands in there for the hosts of
// its family; -EADDRNOTAVAIL if the address is ours or no host's; -EADDRINUSE.
int tcpip_socket_speak_as(tcpip_socket_t* socket, uint32_t interface, const tcpip_endpoint_t* local);

// Tells `from`, by an ICMP "destination unreachable" in the name of `to`, that what it has sent to `to` was
// not delivered: `socket`, of UDP or echo, stands in for that host. For echo, `from->port` is the identifier
// and `to->port` the sequence number of the request. `error` as for tcpip_socket_refuse; ECONNREFUSED means
// that nobody has the port. 0, also if the rate limit of ICMP errors kept it back; -EINVAL for other errors,
// for addresses of another family or that are not unicast, and for a socket of another kind.
int tcpip_socket_unreachable(tcpip_socket_t* socket, const tcpip_endpoint_t* from, const tcpip_endpoint_t* to,
                             int error);

typedef enum tcpip_tcp_state {
  TCPIP_TCP_CLOSED,
  TCPIP_TCP_LISTEN,
  TCPIP_TCP_SYN_SENT,
  TCPIP_TCP_SYN_RECEIVED,
  TCPIP_TCP_ESTABLISHED,
  TCPIP_TCP_FIN_WAIT_1,
  TCPIP_TCP_FIN_WAIT_2,
  TCPIP_TCP_CLOSE_WAIT,
  TCPIP_TCP_CLOSING,
  TCPIP_TCP_LAST_ACK,
  TCPIP_TCP_TIME_WAIT,
} tcpip_tcp_state_t;

// Of congestion control, with the numbers that Linux gives them.
typedef enum tcpip_congestion_state {
  TCPIP_CONGESTION_OPEN,
  TCPIP_CONGESTION_DISORDER,  // something is overtaken or lost, not yet told which
  TCPIP_CONGESTION_CWR,       // slowing down because a router said so (ECN)
  TCPIP_CONGESTION_RECOVERY,  // repairing a loss
  TCPIP_CONGESTION_LOSS,      // after a timeout
} tcpip_congestion_state_t;

typedef struct tcpip_tcp_info {
  tcpip_tcp_state_t state;
  tcpip_congestion_state_t congestion_state;
  int64_t rtt_ns, rtt_variation_ns, rto_ns;
  uint32_t window_bytes, threshold_bytes;  // of congestion control
  uint32_t mss;
  uint32_t in_flight_bytes, unsent_bytes;
  bool reordering_seen;
  bool ecn;  // both ends use it
} tcpip_tcp_info_t;

// -EOPNOTSUPP if it is no stream.
int tcpip_socket_tcp_info(const tcpip_socket_t* socket, tcpip_tcp_info_t* out);

#endif  // TCPIP_SOCKET_H_
