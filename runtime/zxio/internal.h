// What the files of zxio share: the ways of a kind of socket, and the steps every call goes through.
#ifndef RUNTIME_ZXIO_INTERNAL_H_
#define RUNTIME_ZXIO_INTERNAL_H_

#include <fidl/fuchsia.posix.socket.h>
#include <lib/fidl/fidl.h>
#include <lib/zxio/zxio.h>
#include <zircon/errors.h>
#include <zircon/syscalls.h>

// What distinguishes one kind of socket from another. The functions have the contracts of zxio_socket_<name>;
// those that a kind does not have are NULL.
typedef struct zxio_socket_ops {
  zx_status_t (*recvmsg)(zxio_socket_t* socket, struct msghdr* message, int flags, size_t* out_actual,
                         int16_t* out_code);
  zx_status_t (*sendmsg)(zxio_socket_t* socket, const struct msghdr* message, int flags, size_t* out_actual,
                         int16_t* out_code);
  zx_status_t (*readable_bytes)(zxio_socket_t* socket, int* out_bytes, int16_t* out_code);
  // Asks for the object to wait on and for the readiness descriptor, each only if its pointer is not NULL.
  zx_status_t (*describe)(zxio_socket_t* socket, zx_handle_t* out_event, int* out_fd);
  // Events to the signals that show them, and back.
  zx_signals_t (*wait_begin)(zxio_events_t events);
  zxio_events_t (*wait_end)(zx_signals_t signals);
  zx_status_t (*listen)(zxio_socket_t* socket, int backlog, int16_t* out_code);
  zx_status_t (*accept)(zxio_socket_t* socket, struct sockaddr* addr, socklen_t* length,
                        zxio_socket_t* out_socket, int* out_fd, int16_t* out_code);
} zxio_socket_ops_t;

extern const zxio_socket_ops_t zxio_datagram_ops;
extern const zxio_socket_ops_t zxio_fast_datagram_ops;
extern const zxio_socket_ops_t zxio_stream_ops;

// Asks a fast datagram socket's server for the descriptor that datagrams travel on.
zx_status_t zxio_fast_datagram_describe(zx_handle_t channel, int* out_fd);

// Sets up a connected socket of `kind`.
void zxio_socket_init(zxio_socket_t* socket, const zxio_socket_ops_t* kind, zx_handle_t channel, int domain,
                      int type, int protocol);

// Socket addresses. An address under construction points into itself: do not copy it.
typedef struct zxio_address {
  fuchsia_net_SocketAddress wire;
  union {
    fuchsia_net_Ipv4SocketAddress ipv4;
    fuchsia_net_Ipv6SocketAddress ipv6;
  } storage;
} zxio_address_t;

// 0, or EINVAL: too short, NULL or of another family.
int16_t zxio_address_from_sockaddr(const struct sockaddr* addr, socklen_t length, zxio_address_t* out);
// Writes as much of the address as `*length` says and sets it to the true length.
void zxio_address_to_sockaddr(const fuchsia_net_SocketAddress* wire, struct sockaddr* addr,
                              socklen_t* length);

// Control data of a message that is sent, with the room its tables need. Points into itself: do not copy it.
typedef struct zxio_send_control {
  fuchsia_posix_socket_DatagramSocketSendControlData datagram;
  fuchsia_posix_socket_DatagramSocketSendControlData_frame_t datagram_frame;
  fuchsia_posix_socket_NetworkSocketSendControlData network;
  fuchsia_posix_socket_NetworkSocketSendControlData_frame_t network_frame;
  fuchsia_posix_socket_IpSendControlData ip;
  fuchsia_posix_socket_IpSendControlData_frame_t ip_frame;
  fuchsia_posix_socket_IpPktInfoSendControlData ip_pktinfo;
  fuchsia_posix_socket_Ipv6SendControlData ipv6;
  fuchsia_posix_socket_Ipv6SendControlData_frame_t ipv6_frame;
  fuchsia_posix_socket_Ipv6PktInfoSendControlData ipv6_pktinfo;
} zxio_send_control_t;

// 0, EINVAL (a message of the wrong length or value, or one that nobody here knows) or EFAULT (NULL with a
// length).
int16_t zxio_control_to_wire(const struct msghdr* message, zxio_send_control_t* out);
// Fills msg_control and sets msg_controllen to what was filled. A message that does not fit is cut, and what
// does not fit even so is left out; both add MSG_CTRUNC to msg_flags.
void zxio_control_from_wire(const fuchsia_posix_socket_DatagramSocketRecvControlData* wire,
                            struct msghdr* message);
// The same, and behind it the message of `domain` that tells about an error: IP_RECVERR or IPV6_RECVERR.
void zxio_error_from_wire(const fuchsia_posix_socket_DatagramError* error, int domain,
                          const fuchsia_posix_socket_DatagramSocketRecvControlData* wire,
                          struct msghdr* message);

// Checks a message's buffers and adds up their lengths: 0, EFAULT (NULL with a length), EINVAL (more than a
// call can return) or EMSGSIZE (more buffers than IOV_MAX).
int16_t zxio_iov_length(const struct msghdr* message, size_t* out_length);

// Memory for messages too large for a stack: FIDL_MAX_MESSAGE_BYTES, 8-aligned, from a small pool that takes
// no locks, so that signal handlers can have one too. NULL if there is no memory.
void* zxio_scratch_acquire(void);
void zxio_scratch_release(void* scratch);

// The error in a result union, whose layout is the same for every method that has an Errno.
typedef struct zxio_result {
  uint64_t ordinal;
  fidl_envelope_t envelope;
} zxio_result_t;
#define ZXIO_RESULT_ERR ((uint64_t)2)

// Whether `result` is an error, which then goes to `out_code` (0 otherwise).
static inline bool zxio_result_failed(const void* result, int16_t* out_code) {
  const zxio_result_t* view = (const zxio_result_t*)result;
  int32_t code = 0;
  if (view->ordinal == ZXIO_RESULT_ERR) memcpy(&code, view->envelope.inl.value, sizeof(code));
  *out_code = (int16_t)code;
  return code != 0;
}

// How long to wait for a server's answer. A server that hangs is a server's fault, not an error of the call,
// so as long as it takes; only closing gives up.
#define ZXIO_CALL_DEADLINE ZX_TIME_INFINITE
#define ZXIO_CLOSE_TIMEOUT ZX_SEC(5)

#endif  // RUNTIME_ZXIO_INTERNAL_H_
