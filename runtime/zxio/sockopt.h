// The table of socket options: for each, the form its value has in the C library and the calls that carry it.
#ifndef RUNTIME_ZXIO_SOCKOPT_H_
#define RUNTIME_ZXIO_SOCKOPT_H_

#include "internal.h"

// Longest value that is not a number, its terminator included: an interface's name.
#define ZXIO_OPTION_TEXT_BYTES (fuchsia_posix_socket_INTERFACE_NAME_LENGTH + 1)

// One option's value on its way; which member counts is the form's to say.
typedef struct zxio_option_value {
  int64_t number;
  struct {
    bool on;
    uint32_t secs;
  } linger;
  char text[ZXIO_OPTION_TEXT_BYTES];
  fuchsia_net_Ipv4Address ipv4;
  fuchsia_posix_socket_IpMulticastMembership ip_membership;
  fuchsia_posix_socket_Ipv6MulticastMembership ipv6_membership;
} zxio_option_value_t;

typedef zx_status_t (*zxio_option_get_t)(zx_handle_t channel, zxio_option_value_t* out, int16_t* out_code);
typedef zx_status_t (*zxio_option_set_t)(zx_handle_t channel, const zxio_option_value_t* value,
                                         int16_t* out_code);

// How an option looks in the C library.
typedef enum zxio_option_form {
  ZXIO_OPTION_BOOL,             // int, anything but 0 is true
  ZXIO_OPTION_SIZE,             // int, a count of bytes: of a buffer, which gets twice as much
  ZXIO_OPTION_BYTE,             // int, of which the low byte counts
  ZXIO_OPTION_OPTIONAL_BYTE,    // int 0..255, -1 for the default
  ZXIO_OPTION_INDEX,            // int, an interface
  ZXIO_OPTION_LINGER,           // struct linger
  ZXIO_OPTION_TEXT,             // characters
  ZXIO_OPTION_TIMESTAMP_NS,     // int: TIMESTAMP is NANOSECOND
  ZXIO_OPTION_TIMESTAMP_US,     // int: TIMESTAMP is MICROSECOND
  ZXIO_OPTION_MULTICAST_IF,     // struct in_addr, ip_mreq or ip_mreqn; read as struct in_addr
  ZXIO_OPTION_IP_MEMBERSHIP,    // struct ip_mreq or ip_mreqn, set only
  ZXIO_OPTION_IPV6_MEMBERSHIP,  // struct ipv6_mreq, set only
  ZXIO_OPTION_ERROR,            // int: the pending error, read only
  ZXIO_OPTION_COUNT,            // int, not negative
  ZXIO_OPTION_OPTIONAL_COUNT,   // int, negative for none
  ZXIO_OPTION_MTU_DISCOVERY,    // int: IP_PMTUDISC_ or IPV6_PMTUDISC_, whose numbers are the same
  ZXIO_OPTION_CONGESTION,       // the name of a congestion control
} zxio_option_form_t;

typedef struct zxio_option {
  int level;
  int name;
  zxio_option_form_t form;
  bool short_form;        // a single byte does for an int
  zxio_option_get_t get;  // NULL: cannot be read
  zxio_option_set_t set;  // NULL: cannot be set
} zxio_option_t;

// NULL if there is no such option.
const zxio_option_t* zxio_option_find(int level, int name);

// Value to and from the C library's form: 0, EINVAL (the length) or EFAULT. What is read is cut to `*length`.
int16_t zxio_option_to_user(const zxio_option_t* option, const zxio_option_value_t* value, void* out,
                            socklen_t* length);
int16_t zxio_option_from_user(const zxio_option_t* option, const void* from, socklen_t length,
                              zxio_option_value_t* out);

// The calls, by the name of the protocol's method without Get or Set.
#define ZXIO_OPTION_CALLS(X)                                                                         \
  X(ReuseAddress)                                                                                    \
  X(Broadcast)                                                                                       \
  X(SendBuffer)                                                                                      \
  X(ReceiveBuffer)                                                                                   \
  X(KeepAlive)                                                                                       \
  X(OutOfBandInline)                                                                                 \
  X(NoCheck)                                                                                         \
  X(Linger)                                                                                          \
  X(ReusePort) X(BindToDevice) X(Timestamp) X(IpTypeOfService) X(IpTtl) X(IpPacketInfo)              \
      X(IpReceiveTypeOfService) X(IpReceiveTtl) X(IpMulticastInterface) X(IpMulticastTtl)            \
          X(IpMulticastLoopback) X(Ipv6MulticastInterface) X(Ipv6UnicastHops) X(Ipv6ReceiveHopLimit) \
              X(Ipv6MulticastHops) X(Ipv6MulticastLoopback) X(Ipv6Only) X(Ipv6ReceiveTrafficClass)   \
                  X(Ipv6TrafficClass) X(Ipv6ReceivePacketInfo) X(IpMtuDiscovery) X(Ipv6MtuDiscovery) \
                      X(IpReceiveErrors) X(Ipv6ReceiveErrors)

#define ZXIO_DECLARE_GET(name) zx_status_t zxio_get_##name(zx_handle_t, zxio_option_value_t*, int16_t*);
#define ZXIO_DECLARE_SET(name) zx_status_t zxio_set_##name(zx_handle_t, const zxio_option_value_t*, int16_t*);
ZXIO_OPTION_CALLS(ZXIO_DECLARE_GET)
ZXIO_OPTION_CALLS(ZXIO_DECLARE_SET)
ZXIO_DECLARE_GET(AcceptConn)
ZXIO_DECLARE_GET(PathMtu)
// Datagrams only.
ZXIO_DECLARE_GET(UdpCork)
ZXIO_DECLARE_SET(UdpCork)
// Streams only.
#define ZXIO_STREAM_OPTION_CALLS(X) \
  X(TcpNoDelay)                     \
  X(TcpMaxSegment)                  \
  X(TcpCork)                        \
  X(TcpKeepAliveIdle)               \
  X(TcpKeepAliveInterval)           \
  X(TcpKeepAliveCount)              \
  X(TcpSynCount)                    \
  X(TcpLinger) X(TcpDeferAccept) X(TcpWindowClamp) X(TcpQuickAck) X(TcpCongestion) X(TcpUserTimeout)
ZXIO_STREAM_OPTION_CALLS(ZXIO_DECLARE_GET)
ZXIO_STREAM_OPTION_CALLS(ZXIO_DECLARE_SET)
// TCP_INFO, cut to `*length` bytes.
zx_status_t zxio_get_tcp_info(zx_handle_t channel, void* value, socklen_t* length, int16_t* out_code);
ZXIO_DECLARE_GET(Error)
ZXIO_DECLARE_SET(AddIpMembership)
ZXIO_DECLARE_SET(DropIpMembership)
ZXIO_DECLARE_SET(AddIpv6Membership)
ZXIO_DECLARE_SET(DropIpv6Membership)

#endif  // RUNTIME_ZXIO_SOCKOPT_H_
