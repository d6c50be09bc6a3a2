// getsockopt and setsockopt: the table of options, the C library's forms of their values, and the few options
// that the client keeps for itself.
#include "sockopt.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/time.h>

#define BOTH(name) zxio_get_##name, zxio_set_##name
#define GET(name) zxio_get_##name, NULL
#define SET(name) NULL, zxio_set_##name

static const zxio_option_t options[] = {
    {SOL_SOCKET, SO_REUSEADDR, ZXIO_OPTION_BOOL, false, BOTH(ReuseAddress)},
    {SOL_SOCKET, SO_BROADCAST, ZXIO_OPTION_BOOL, false, BOTH(Broadcast)},
    {SOL_SOCKET, SO_SNDBUF, ZXIO_OPTION_SIZE, false, BOTH(SendBuffer)},
    {SOL_SOCKET, SO_RCVBUF, ZXIO_OPTION_SIZE, false, BOTH(ReceiveBuffer)},
    {SOL_SOCKET, SO_KEEPALIVE, ZXIO_OPTION_BOOL, false, BOTH(KeepAlive)},
    {SOL_SOCKET, SO_OOBINLINE, ZXIO_OPTION_BOOL, false, BOTH(OutOfBandInline)},
    {SOL_SOCKET, SO_NO_CHECK, ZXIO_OPTION_BOOL, false, BOTH(NoCheck)},
    {SOL_SOCKET, SO_LINGER, ZXIO_OPTION_LINGER, false, BOTH(Linger)},
    {SOL_SOCKET, SO_REUSEPORT, ZXIO_OPTION_BOOL, false, BOTH(ReusePort)},
    {SOL_SOCKET, SO_BINDTODEVICE, ZXIO_OPTION_TEXT, false, BOTH(BindToDevice)},
    {SOL_SOCKET, SO_TIMESTAMP, ZXIO_OPTION_TIMESTAMP_US, false, BOTH(Timestamp)},
    {SOL_SOCKET, SO_TIMESTAMPNS, ZXIO_OPTION_TIMESTAMP_NS, false, BOTH(Timestamp)},
    {SOL_SOCKET, SO_ERROR, ZXIO_OPTION_ERROR, false, GET(Error)},
    {SOL_SOCKET, SO_ACCEPTCONN, ZXIO_OPTION_BOOL, false, GET(AcceptConn)},

    {IPPROTO_IP, IP_TOS, ZXIO_OPTION_BYTE, true, BOTH(IpTypeOfService)},
    {IPPROTO_IP, IP_TTL, ZXIO_OPTION_OPTIONAL_BYTE, true, BOTH(IpTtl)},
    {IPPROTO_IP, IP_MTU_DISCOVER, ZXIO_OPTION_MTU_DISCOVERY, true, BOTH(IpMtuDiscovery)},
    {IPPROTO_IP, IP_MTU, ZXIO_OPTION_COUNT, true, GET(PathMtu)},
    {IPPROTO_IP, IP_PKTINFO, ZXIO_OPTION_BOOL, true, BOTH(IpPacketInfo)},
    {IPPROTO_IP, IP_RECVTOS, ZXIO_OPTION_BOOL, true, BOTH(IpReceiveTypeOfService)},
    {IPPROTO_IP, IP_RECVTTL, ZXIO_OPTION_BOOL, true, BOTH(IpReceiveTtl)},
    {IPPROTO_IP, IP_RECVERR, ZXIO_OPTION_BOOL, true, BOTH(IpReceiveErrors)},
    {IPPROTO_IP, IP_MULTICAST_IF, ZXIO_OPTION_MULTICAST_IF, false, BOTH(IpMulticastInterface)},
    {IPPROTO_IP, IP_MULTICAST_TTL, ZXIO_OPTION_OPTIONAL_BYTE, true, BOTH(IpMulticastTtl)},
    {IPPROTO_IP, IP_MULTICAST_LOOP, ZXIO_OPTION_BOOL, true, BOTH(IpMulticastLoopback)},
    {IPPROTO_IP, IP_ADD_MEMBERSHIP, ZXIO_OPTION_IP_MEMBERSHIP, false, SET(AddIpMembership)},
    {IPPROTO_IP, IP_DROP_MEMBERSHIP, ZXIO_OPTION_IP_MEMBERSHIP, false, SET(DropIpMembership)},

    {IPPROTO_IPV6, IPV6_MULTICAST_IF, ZXIO_OPTION_INDEX, false, BOTH(Ipv6MulticastInterface)},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, ZXIO_OPTION_OPTIONAL_BYTE, false, BOTH(Ipv6UnicastHops)},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, ZXIO_OPTION_BOOL, false, BOTH(Ipv6ReceiveHopLimit)},
    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, ZXIO_OPTION_OPTIONAL_BYTE, false, BOTH(Ipv6MulticastHops)},
    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, ZXIO_OPTION_BOOL, false, BOTH(Ipv6MulticastLoopback)},
    {IPPROTO_IPV6, IPV6_V6ONLY, ZXIO_OPTION_BOOL, false, BOTH(Ipv6Only)},
    {IPPROTO_IPV6, IPV6_RECVTCLASS, ZXIO_OPTION_BOOL, false, BOTH(Ipv6ReceiveTrafficClass)},
    {IPPROTO_IPV6, IPV6_TCLASS, ZXIO_OPTION_OPTIONAL_BYTE, false, BOTH(Ipv6TrafficClass)},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO, ZXIO_OPTION_BOOL, false, BOTH(Ipv6ReceivePacketInfo)},
    {IPPROTO_IPV6, IPV6_RECVERR, ZXIO_OPTION_BOOL, false, BOTH(Ipv6ReceiveErrors)},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER, ZXIO_OPTION_MTU_DISCOVERY, false, BOTH(Ipv6MtuDiscovery)},
    {IPPROTO_IPV6, IPV6_MTU, ZXIO_OPTION_COUNT, false, GET(PathMtu)},
    {IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, ZXIO_OPTION_IPV6_MEMBERSHIP, false, SET(AddIpv6Membership)},
    {IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP, ZXIO_OPTION_IPV6_MEMBERSHIP, false, SET(DropIpv6Membership)},

    {IPPROTO_UDP, UDP_CORK, ZXIO_OPTION_BOOL, false, BOTH(UdpCork)},

    {IPPROTO_TCP, TCP_NODELAY, ZXIO_OPTION_BOOL, false, BOTH(TcpNoDelay)},
    {IPPROTO_TCP, TCP_MAXSEG, ZXIO_OPTION_COUNT, false, BOTH(TcpMaxSegment)},
    {IPPROTO_TCP, TCP_CORK, ZXIO_OPTION_BOOL, false, BOTH(TcpCork)},
    {IPPROTO_TCP, TCP_KEEPIDLE, ZXIO_OPTION_COUNT, false, BOTH(TcpKeepAliveIdle)},
    {IPPROTO_TCP, TCP_KEEPINTVL, ZXIO_OPTION_COUNT, false, BOTH(TcpKeepAliveInterval)},
    {IPPROTO_TCP, TCP_KEEPCNT, ZXIO_OPTION_COUNT, false, BOTH(TcpKeepAliveCount)},
    {IPPROTO_TCP, TCP_SYNCNT, ZXIO_OPTION_COUNT, false, BOTH(TcpSynCount)},
    {IPPROTO_TCP, TCP_LINGER2, ZXIO_OPTION_OPTIONAL_COUNT, false, BOTH(TcpLinger)},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, ZXIO_OPTION_COUNT, false, BOTH(TcpDeferAccept)},
    {IPPROTO_TCP, TCP_WINDOW_CLAMP, ZXIO_OPTION_COUNT, false, BOTH(TcpWindowClamp)},
    {IPPROTO_TCP, TCP_QUICKACK, ZXIO_OPTION_BOOL, false, BOTH(TcpQuickAck)},
    {IPPROTO_TCP, TCP_CONGESTION, ZXIO_OPTION_CONGESTION, false, BOTH(TcpCongestion)},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, ZXIO_OPTION_COUNT, false, BOTH(TcpUserTimeout)},
};

const zxio_option_t* zxio_option_find(int level, int name) {
  for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
    if (options[i].level == level && options[i].name == name) return &options[i];
  }
  return NULL;
}

static bool known_level(const zxio_socket_t* socket, int level) {
  return level == SOL_SOCKET || level == IPPROTO_IP ||
         (level == IPPROTO_IPV6 && socket->domain == AF_INET6) ||
         (level == IPPROTO_TCP && socket->type == SOCK_STREAM) ||
         (level == IPPROTO_UDP && socket->protocol == IPPROTO_UDP);
}

// Options of the client

static int16_t copy_out(const void* from, socklen_t size, void* out, socklen_t* length) {
  if (*length > size) *length = size;
  memcpy(out, from, *length);
  return 0;
}

static int16_t get_timeout(int64_t timeout_ns, void* value, socklen_t* length) {
  struct timeval time = {0};
  if (timeout_ns != ZX_TIME_INFINITE) {
    time.tv_sec = timeout_ns / ZX_SEC(1);
    time.tv_usec = timeout_ns % ZX_SEC(1) / ZX_USEC(1);
  }
  return copy_out(&time, sizeof(time), value, length);
}

static int16_t set_timeout(_Atomic(int64_t)* timeout_ns, const void* value, socklen_t length) {
  struct timeval time;
  if (length < sizeof(time)) return EINVAL;
  memcpy(&time, value, sizeof(time));
  if (time.tv_usec < 0 || time.tv_usec > 999999) return EDOM;
  int64_t wanted = ZX_TIME_INFINITE;  // which zero means
  if (time.tv_sec < 0) {
    wanted = 1;  // Linux gives up at once
  } else if ((time.tv_sec > 0 || time.tv_usec > 0) && time.tv_sec < ZX_TIME_INFINITE / ZX_SEC(1)) {
    wanted = time.tv_sec * ZX_SEC(1) + time.tv_usec * ZX_USEC(1);
  }
  atomic_store_explicit(timeout_ns, wanted, memory_order_relaxed);
  return 0;
}

// The options that describe the socket or say how the client waits. False if `name` is none of them.
static bool get_local(zxio_socket_t* socket, int name, void* value, socklen_t* length, int16_t* out_code) {
  int number;
  switch (name) {
    case SO_TYPE:
      *out_code = copy_out(&socket->type, sizeof(int), value, length);
      return true;
    case SO_DOMAIN:
      *out_code = copy_out(&socket->domain, sizeof(int), value, length);
      return true;
    case SO_PROTOCOL:
      *out_code = copy_out(&socket->protocol, sizeof(int), value, length);
      return true;
    case SO_RCVTIMEO:
      *out_code =
          get_timeout(atomic_load_explicit(&socket->receive_timeout_ns, memory_order_relaxed), value, length);
      return true;
    case SO_SNDTIMEO:
      *out_code =
          get_timeout(atomic_load_explicit(&socket->send_timeout_ns, memory_order_relaxed), value, length);
      return true;
    case SO_PRIORITY:
      number = atomic_load_explicit(&socket->priority, memory_order_relaxed);
      *out_code = copy_out(&number, sizeof(number), value, length);
      return true;
    case SO_RCVLOWAT:
      number = atomic_load_explicit(&socket->receive_low_water, memory_order_relaxed);
      *out_code = copy_out(&number, sizeof(number), value, length);
      return true;
    case SO_PEERCRED:
      *out_code = EOPNOTSUPP;
      return true;
    default:
      return false;
  }
}

// SO_PRIORITY and SO_RCVLOWAT of datagram sockets, on which nothing depends: a packet has no queues to wait
// in here, and a datagram is received whole on Linux, too.
static int16_t set_number(zxio_socket_t* socket, int name, const void* value, socklen_t length) {
  const int highest_priority = 6;  // of those that need no privilege
  int number;
  if (!value) return EFAULT;
  if (length < sizeof(number)) return EINVAL;
  memcpy(&number, value, sizeof(number));
  if (name == SO_PRIORITY) {
    if (number < 0 || number > highest_priority) return EPERM;
    atomic_store_explicit(&socket->priority, number, memory_order_relaxed);
  } else {
    atomic_store_explicit(&socket->receive_low_water,
                          number < 0 ? INT_MAX
                          : number   ? number
                                     : 1,
                          memory_order_relaxed);
  }
  return 0;
}

static bool set_local(zxio_socket_t* socket, int name, const void* value, socklen_t length,
                      int16_t* out_code) {
  if (name == SO_PRIORITY || name == SO_RCVLOWAT) {
    *out_code = set_number(socket, name, value, length);
    return true;
  }
  if (name != SO_RCVTIMEO && name != SO_SNDTIMEO) return false;
  _Atomic(int64_t)* timeout_ns = name == SO_RCVTIMEO ? &socket->receive_timeout_ns : &socket->send_timeout_ns;
  *out_code = value ? set_timeout(timeout_ns, value, length) : EFAULT;
  return true;
}

// The bit of an option that nothing follows from here; 0 for others.
static uint32_t remembered_bit(int level, int name) {
  if (level != IPPROTO_IP) return 0;
  return name == IP_RECVOPTS ? 1 : name == IP_RETOPTS ? 2 : 0;
}

static int16_t get_remembered(zxio_socket_t* socket, uint32_t bit, void* value, socklen_t* length) {
  static const zxio_option_t form = {.form = ZXIO_OPTION_BOOL, .short_form = true};
  bool on = atomic_load_explicit(&socket->remembered, memory_order_relaxed) & bit;
  return zxio_option_to_user(&form, &(zxio_option_value_t){.number = on}, value, length);
}

static int16_t set_remembered(zxio_socket_t* socket, uint32_t bit, const void* value, socklen_t length) {
  static const zxio_option_t form = {.form = ZXIO_OPTION_BOOL, .short_form = true};
  zxio_option_value_t wanted = {0};
  int16_t code = zxio_option_from_user(&form, value, length, &wanted);
  if (code) return code;
  if (wanted.number) {
    atomic_fetch_or_explicit(&socket->remembered, bit, memory_order_relaxed);
  } else {
    atomic_fetch_and_explicit(&socket->remembered, ~bit, memory_order_relaxed);
  }
  return 0;
}

// The two calls

zx_status_t zxio_socket_getsockopt(zxio_socket_t* socket, int level, int name, void* value, socklen_t* length,
                                   int16_t* out_code) {
  *out_code = EFAULT;
  if (!value || !length) return ZX_OK;
  if (*length > INT_MAX) {
    *out_code = EINVAL;
    return ZX_OK;
  }
  if (level == SOL_SOCKET && get_local(socket, name, value, length, out_code)) return ZX_OK;
  uint32_t bit = remembered_bit(level, name);
  if (bit) {
    *out_code = get_remembered(socket, bit, value, length);
    return ZX_OK;
  }
  bool known = known_level(socket, level);
  const zxio_option_t* option = known ? zxio_option_find(level, name) : NULL;
  *out_code = known || socket->domain == AF_INET6 ? ENOPROTOOPT : EOPNOTSUPP;
  if (known && level == IPPROTO_TCP && name == TCP_INFO) {
    *out_code = 0;
    return zxio_get_tcp_info(socket->channel, value, length, out_code);
  }
  if (!option || !option->get) return ZX_OK;
  zxio_option_value_t answer = {0};
  zx_status_t status = option->get(socket->channel, &answer, out_code);
  if (status == ZX_OK && !*out_code) *out_code = zxio_option_to_user(option, &answer, value, length);
  return status;
}

zx_status_t zxio_socket_setsockopt(zxio_socket_t* socket, int level, int name, const void* value,
                                   socklen_t length, int16_t* out_code) {
  *out_code = EINVAL;
  if (length > INT_MAX) return ZX_OK;
  if (level == SOL_SOCKET && set_local(socket, name, value, length, out_code)) return ZX_OK;
  uint32_t bit = remembered_bit(level, name);
  if (bit) {
    *out_code = set_remembered(socket, bit, value, length);
    return ZX_OK;
  }
  *out_code = ENOPROTOOPT;
  if (level == IPPROTO_IP && name == MCAST_JOIN_GROUP) *out_code = ENOTSUP;
  const zxio_option_t* option = known_level(socket, level) ? zxio_option_find(level, name) : NULL;
  if (!option || !option->set) return ZX_OK;
  zxio_option_value_t wanted = {0};
  *out_code = zxio_option_from_user(option, value, length, &wanted);
  if (*out_code) return ZX_OK;
  zx_status_t status = option->set(socket->channel, &wanted, out_code);
  if (status == ZX_OK && !*out_code && option->form == ZXIO_OPTION_LINGER && socket->type == SOCK_STREAM)
    socket->linger_secs = wanted.linger.on ? wanted.linger.secs : 0;
  return status;
}
