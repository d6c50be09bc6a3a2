// What the files of the fake stack share. Everything belongs to the stack's thread but for the counters.
#ifndef TESTS_SUPPORT_POSIX_FAKE_INTERNAL_H_
#define TESTS_SUPPORT_POSIX_FAKE_INTERNAL_H_

#include <fidl/fuchsia.posix.socket.h>
#include <lib/async-loop/loop.h>
#include <stdatomic.h>

#include "fake_stack.h"

typedef fuchsia_posix_socket_SynchronousDatagramSocket_ops_t fake_socket_ops_t;

#define FAKE_CALL(name) fuchsia_posix_socket_SynchronousDatagramSocket_##name

// The options with a Get and a Set method and a number, by declaring protocol and name.
#define FAKE_BOOLS(X)                                                                                       \
  X(BaseSocket, ReuseAddress)                                                                               \
  X(BaseSocket, Broadcast)                                                                                  \
  X(BaseSocket, KeepAlive)                                                                                  \
  X(BaseSocket, OutOfBandInline)                                                                            \
  X(BaseDatagramSocket, UdpCork)                                                                            \
  X(BaseSocket, NoCheck) X(BaseSocket, ReusePort) X(BaseNetworkSocket, IpPacketInfo)                        \
      X(BaseNetworkSocket, IpReceiveTypeOfService) X(BaseNetworkSocket, IpReceiveTtl)                       \
          X(BaseNetworkSocket, IpMulticastLoopback) X(BaseNetworkSocket, Ipv6ReceiveHopLimit)               \
              X(BaseNetworkSocket, Ipv6MulticastLoopback) X(BaseNetworkSocket, Ipv6Only)                    \
                  X(BaseNetworkSocket, Ipv6ReceiveTrafficClass) X(BaseNetworkSocket, Ipv6ReceivePacketInfo) \
                      X(BaseNetworkSocket, IpReceiveErrors) X(BaseNetworkSocket, Ipv6ReceiveErrors)
#define FAKE_NUMBERS(X)                 \
  X(BaseSocket, Timestamp)              \
  X(BaseNetworkSocket, IpTypeOfService) \
  X(BaseNetworkSocket, IpMtuDiscovery) X(BaseNetworkSocket, Ipv6MtuDiscovery)
#define FAKE_OPTIONALS(X)               \
  X(BaseNetworkSocket, IpTtl)           \
  X(BaseNetworkSocket, IpMulticastTtl)  \
  X(BaseNetworkSocket, Ipv6UnicastHops) \
  X(BaseNetworkSocket, Ipv6MulticastHops) X(BaseNetworkSocket, Ipv6TrafficClass)
#define FAKE_SIZES(X) X(BaseSocket, SendBuffer) X(BaseSocket, ReceiveBuffer)

enum fake_option {
#define FAKE_ENUM(protocol, name) FAKE_OPTION_##name,
  FAKE_BOOLS(FAKE_ENUM) FAKE_NUMBERS(FAKE_ENUM) FAKE_OPTIONALS(FAKE_ENUM) FAKE_SIZES(FAKE_ENUM)
#undef FAKE_ENUM
      FAKE_OPTION_COUNT,
};

// What an optional number is while it is unset.
#define FAKE_DEFAULT_BYTE 77

typedef struct fake_address {
  uint64_t kind;  // a tag of fuchsia.net.SocketAddress; 0: none
  uint8_t bytes[16];
  uint16_t port;
  uint64_t zone;
} fake_address_t;

// What accompanied a datagram when it was sent.
typedef struct fake_control {
  uint8_t ttl;
  uint8_t tos;
  uint8_t tclass;
  uint64_t ip_iface;
  fuchsia_net_Ipv4Address ip_source;
  uint64_t ipv6_iface;
} fake_control_t;

typedef struct fake_datagram {
  struct fake_datagram* next;
  fake_address_t from;
  fake_control_t control;
  uint32_t size;
  uint8_t data[];
} fake_datagram_t;

typedef struct fake_socket {
  struct fake_socket* next;
  fake_stack_t* stack;
  uint32_t connections;
  fuchsia_posix_socket_Domain domain;
  fuchsia_posix_socket_DatagramSocketProtocol proto;
  fake_address_t local;
  fake_address_t peer;
  fake_datagram_t* first;
  int32_t pending_error;
  fake_datagram_t* undelivered;  // the queue of errors, of one
  fuchsia_posix_socket_ShutdownMode shut;
  int app_fd;     // a duplicate of the program's descriptor
  int server_fd;  // the other end of its pair
  bool readable;
  int64_t options[FAKE_OPTION_COUNT];
  fuchsia_posix_socket_BaseSocketSetLingerRequest linger;
  fuchsia_net_Ipv4Address multicast_if;
  int64_t ipv6_multicast_if;
  char device[16];
  struct fake_connection* connected;
} fake_socket_t;

typedef struct fake_connection {
  struct fake_connection* next;
  fake_socket_t* socket;
  fidl_binding_t* binding;
  zx_handle_t event;
} fake_connection_t;

struct fake_stack {
  async_loop_t* loop;
  fake_socket_t* sockets;
  uint16_t next_port;
  _Atomic(uint32_t) num_sockets;
  _Atomic(uint32_t) num_messages;
};

static inline fake_socket_t* fake_socket_of(void* context) {
  return ((fake_connection_t*)context)->socket;
}

// Makes a socket and serves its first connection on `server_end` (consumed).
void fake_socket_make(fake_stack_t* stack, fuchsia_posix_socket_Domain domain,
                      fuchsia_posix_socket_DatagramSocketProtocol proto, zx_handle_t server_end);
// Serves another connection.
void fake_socket_connect(fake_socket_t* socket, zx_handle_t server_end);

// Fills in the option methods.
void fake_options_fill(fake_socket_ops_t* ops);

#endif  // TESTS_SUPPORT_POSIX_FAKE_INTERNAL_H_
