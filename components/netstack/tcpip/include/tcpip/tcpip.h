// The TCP/IP engine: a host's network layers as a library without input or output.
//
// Frames, calls and the time go in; frames, events and the next deadline come out. All state hangs off one
// tcpip_t, so a process may have as many as it likes; one is used by one thread at a time. The engine makes
// no system call besides taking memory from malloc, blocks nowhere, and never calls back into itself: what a
// socket sends to its own host is delivered by the next tcpip_advance.
//
// How a loop drives it:
//
//   tcpip_advance(stack, now());                     // at the head of each round: due timers, loopback,
//   events wait until tcpip_deadline(stack), a frame, or a request tcpip_set_time(stack, now());
//   tcpip_input(...) for each frame; tcpip_link_writable(...) when a full link has room again; socket calls
//
// Functions that can fail return 0 or a negative Linux errno (-EAGAIN, -EINVAL ...); -ENOMEM is possible
// wherever something is created. Everything a frame contains is hostile: it is counted and dropped, never
// trusted.
#ifndef TCPIP_TCPIP_H_
#define TCPIP_TCPIP_H_

#include <sys/uio.h>

#include <tcpip/address.h>
#include <tcpip/interface.h>
#include <tcpip/routers.h>
#include <tcpip/socket.h>
#include <tcpip/stats.h>

typedef struct tcpip tcpip_t;

// "No deadline": tcpip_deadline's answer when nothing is due at any time.
#define TCPIP_NEVER INT64_MAX

// The checksum and segmentation work that goes with a frame, in the manner of a virtio-net header. All zero:
// a plain frame whose checksums are complete (transmit) or not known to be good (input).
enum {
  TCPIP_OFFLOAD_NEEDS_CHECKSUM =
      1,  // the 16 bits at checksum_start + checksum_offset hold the pseudo-header's sum
  TCPIP_OFFLOAD_DATA_VALID = 2,  // input only: the wire has verified the transport checksum
};
enum { TCPIP_GSO_NONE = 0, TCPIP_GSO_TCPV4 = 1, TCPIP_GSO_TCPV6 = 4, TCPIP_GSO_UDP = 5 };

typedef struct tcpip_offload {
  uint8_t flags;      // TCPIP_OFFLOAD_*
  uint8_t gso_type;   // TCPIP_GSO_*
  uint16_t gso_size;  // payload bytes of each segment but the last
  uint16_t header_length;
  uint16_t checksum_start;
  uint16_t checksum_offset;
} tcpip_offload_t;

// What the engine asks of its user. `context` is the config's. None of these may call the engine, except that
// `socket_event` may call tcpip_socket_poll.
typedef struct tcpip_ops {
  // Hands a whole Ethernet frame to the link of `interface`; required if an interface is ever added. The
  // bytes belong to the engine and are valid until this returns. `offload` asks only for what the interface
  // said it can do. Returns 0 if the frame was taken, -EAGAIN if the link's queue is full: the engine then
  // reports -EAGAIN to the socket where there is one and waits for tcpip_link_writable. Any other value
  // counts as a lost frame.
  int (*transmit)(void* context, uint32_t interface, const struct iovec* iov, size_t iov_count,
                  const tcpip_offload_t* offload);
  // The interface should (or need no longer) receive frames to this multicast address. Called once per
  // change. May be NULL.
  void (*multicast_filter)(void* context, uint32_t interface, const uint8_t mac[TCPIP_MAC_SIZE], bool add);
  // An edge: each of `events` (TCPIP_EVENT_*) has come to hold on `socket`; TCPIP_EVENT_READABLE comes with
  // every arrival, also while there is something to read already. May be NULL. The socket must not be
  // destroyed from here. See tcpip_socket_poll for the state.
  void (*socket_event)(void* context, tcpip_socket_t* socket, void* socket_context, uint32_t events);
  // Tells where a datagram is, for tracing; NULL when off. `point` is a literal: "udp.send", "ip.output",
  // "udp.send.done", "ip.input", "udp.input", "udp.recv", "udp.recv.would_block" or "udp.recv.done".
  void (*trace)(void* context, const char* point);
  // There is no room in the socket's receive buffer for a datagram that has come, unless less of it is held
  // (tcpip_socket_hold) than was said last: returns how much is. NULL: as much as was said.
  size_t (*socket_held)(void* context, void* socket_context);
  // What is known from the routers of `interface` has changed: addresses, their states, routers, name
  // servers, search domains. May be NULL.
  void (*autoconfigured)(void* context, uint32_t interface);
} tcpip_ops_t;

// Bounds on what the engine keeps. A zero means the default in brackets.
typedef struct tcpip_limits {
  size_t buffer_bytes;        // all socket buffers of all clients together [64 MiB]
  size_t reassembly_bytes;    // all datagrams being reassembled together [4 MiB]
  uint32_t neighbours;        // neighbour entries per interface, static ones not counted [1024]
  uint32_t path_mtus;         // destinations whose path MTU is remembered [1024]
  uint32_t routes;            // [4096]
  uint32_t loopback_packets;  // packets waiting on the loopback interface [1024]
} tcpip_limits_t;

typedef struct tcpip_config {
  tcpip_ops_t ops;
  void* context;
  // Unpredictable bytes, from getrandom in a real program: they key the hash tables and choose ports and
  // identifiers. Equal secrets and equal inputs give equal outputs.
  uint8_t secret[32];
  int64_t now_ns;  // the time at creation
  tcpip_limits_t limits;
} tcpip_config_t;

// Makes a stack that has one interface, "lo" (index TCPIP_LOOPBACK), up, with 127.0.0.1/8 and ::1. `config`
// is copied.
int tcpip_create(const tcpip_config_t* config, tcpip_t** out);

// Frees everything, its clients and their sockets included; no callback is made. NULL is accepted.
void tcpip_destroy(tcpip_t* stack);

// Whether a stream that was destroyed still has something to send, or to have acknowledged, its end included.
bool tcpip_is_unfinished(const tcpip_t* stack);

// Sends a reset for each stream that is not finished, destroyed or not: for a stack that is about to be
// destroyed, so that no peer waits for what will not come.
void tcpip_reset_streams(tcpip_t* stack);

// The time that calls from now on happen at: nanoseconds of a monotonic clock. It never goes back; an earlier
// time than the last is taken as the last.
void tcpip_set_time(tcpip_t* stack, int64_t now_ns);

// The last time set.
int64_t tcpip_time(const tcpip_t* stack);

// Sets the time and does all that has become due: timers, and delivery of what is waiting on the loopback
// interface.
void tcpip_advance(tcpip_t* stack, int64_t now_ns);

// A number that changes with everything that decides which way packets go, and how large they may be.
uint32_t tcpip_generation(const tcpip_t* stack);

// When tcpip_advance must be called next at the latest; a time not after the present one means "now",
// TCPIP_NEVER that nothing waits. It can become earlier with any other call.
int64_t tcpip_deadline(const tcpip_t* stack);

// One Ethernet frame from the wire of `interface`, without its check sequence. `frame` is read, not kept.
// `offload` may be NULL, which says nothing is known about checksums. Frames that are cut, damaged or not for
// us, and those of an interface that does not exist or is down, are counted and dropped.
void tcpip_input(tcpip_t* stack, uint32_t interface, const void* frame, size_t length,
                 const tcpip_offload_t* offload);

// The same for a frame that lies in memory which others can change at any time. It is copied to `frame`,
// which has room for `length` bytes, before anything looks at it; but the payload of a TCP segment, at which
// nothing looks, goes from `shared` straight to where it is wanted.
void tcpip_input_shared(tcpip_t* stack, uint32_t interface, void* frame, const void* shared, size_t length,
                        const tcpip_offload_t* offload);

// For whoever brings several frames at a time: from the first call to the second, what a connection receives
// is acknowledged by one segment for all, which is sent by the second, unless it leaves with data before.
// What is out of order is acknowledged at once all the same.
void tcpip_gather_acks(tcpip_t* stack);
void tcpip_send_acks(tcpip_t* stack);

// For whoever can leave frames of tcpip_input_shared where they are for a while: from the first call to
// tcpip_settle they all stay, and the payload of a stream whose reader keeps up is not copied but shown by
// tcpip_socket_recv_data where it came in. tcpip_settle copies what nobody has consumed; then the memory may
// be used again. tcpip_has_lent: whether there is something that is worth being read before.
void tcpip_lend(tcpip_t* stack);
bool tcpip_has_lent(const tcpip_t* stack);
void tcpip_settle(tcpip_t* stack);

// The link of `interface` has room again after `transmit` returned -EAGAIN: waiting frames are sent, and
// sockets that were refused become writable.
void tcpip_link_writable(tcpip_t* stack, uint32_t interface);

// A client owns sockets and pays for their memory, so that none can take more than its share from the others.
typedef struct tcpip_client tcpip_client_t;

#define TCPIP_SOCKETS_DEFAULT 1024u

typedef struct tcpip_quota {
  uint32_t sockets;     // how many at once [TCPIP_SOCKETS_DEFAULT]
  size_t buffer_bytes;  // in their receive and send buffers together, of which each may have half of what is left
                        // to the others, and a stream's always 4 KiB [16 MiB]
} tcpip_quota_t;

// Makes a client. `quota` may be NULL for the defaults; a zero in it means the default in brackets.
int tcpip_client_create(tcpip_t* stack, const tcpip_quota_t* quota, tcpip_client_t** out);

// Destroys its sockets, then the client. NULL is accepted.
void tcpip_client_destroy(tcpip_client_t* client);

// What the client uses at present. Either pointer may be NULL.
void tcpip_client_usage(const tcpip_client_t* client, uint32_t* out_sockets, size_t* out_buffer_bytes);

// The counters of the whole stack; valid as long as the stack.
const tcpip_stats_t* tcpip_stats(const tcpip_t* stack);

#endif  // TCPIP_TCPIP_H_
