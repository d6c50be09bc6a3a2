// Control messages of sendmsg and recvmsg, and the tables that carry them on the wire.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/time.h>
#include <time.h>

#include <linux/errqueue.h>

#include "internal.h"

// Sending

typedef struct sending {
  zxio_send_control_t* out;
  bool has_ip;
  bool has_ipv6;
} sending_t;

static fuchsia_posix_socket_Ipv6SendControlData* ipv6_table(sending_t* sending) {
  zxio_send_control_t* out = sending->out;
  if (!sending->has_ipv6) fuchsia_posix_socket_Ipv6SendControlData_init(&out->ipv6, &out->ipv6_frame);
  sending->has_ipv6 = true;
  return &out->ipv6;
}

static fuchsia_posix_socket_IpSendControlData* ip_table(sending_t* sending) {
  zxio_send_control_t* out = sending->out;
  if (!sending->has_ip) fuchsia_posix_socket_IpSendControlData_init(&out->ip, &out->ip_frame);
  sending->has_ip = true;
  return &out->ip;
}

static int16_t take(const struct cmsghdr* header, void* out, size_t size) {
  if (header->cmsg_len != CMSG_LEN(size)) return EINVAL;
  memcpy(out, CMSG_DATA(header), size);
  return 0;
}

// An int from `least` to 255.
static int16_t take_number(const struct cmsghdr* header, int least, int* out) {
  int16_t code = take(header, out, sizeof(*out));
  if (!code && (*out < least || *out > UINT8_MAX)) code = EINVAL;
  return code;
}

static int16_t take_ip_pktinfo(sending_t* sending, const struct cmsghdr* header) {
  struct in_pktinfo info;
  int16_t code = take(header, &info, sizeof(info));
  if (code) return code;
  if (info.ipi_ifindex < 0) return ENODEV;
  fuchsia_posix_socket_IpPktInfoSendControlData* out = &sending->out->ip_pktinfo;
  memset(out, 0, sizeof(*out));
  out->iface = (uint64_t)info.ipi_ifindex;
  memcpy(out->local_addr.addr, &info.ipi_spec_dst, sizeof(info.ipi_spec_dst));
  fuchsia_posix_socket_IpSendControlData_set_pktinfo(ip_table(sending), out);
  return 0;
}

static int16_t take_ip(sending_t* sending, const struct cmsghdr* header) {
  int value;
  uint8_t octet;
  int16_t code;
  switch (header->cmsg_type) {
    case IP_TTL:
      code = take_number(header, 1, &value);
      if (!code) fuchsia_posix_socket_IpSendControlData_set_ttl(ip_table(sending), (uint8_t)value);
      return code;
    case IP_TOS:
      // An octet, as it is received, or a number, as it is set.
      code = take(header, &octet, sizeof(octet));
      if (code) {
        code = take_number(header, 0, &value);
        octet = (uint8_t)value;
      }
      if (!code) fuchsia_posix_socket_IpSendControlData_set_tos(ip_table(sending), octet);
      return code;
    case IP_PKTINFO:
      return take_ip_pktinfo(sending, header);
  }
  return EINVAL;
}

static int16_t take_ipv6_pktinfo(sending_t* sending, const struct cmsghdr* header) {
  struct in6_pktinfo info;
  int16_t code = take(header, &info, sizeof(info));
  if (code) return code;
  fuchsia_posix_socket_Ipv6PktInfoSendControlData* out = &sending->out->ipv6_pktinfo;
  memset(out, 0, sizeof(*out));
  out->iface = info.ipi6_ifindex;
  memcpy(out->local_addr.addr, &info.ipi6_addr, sizeof(info.ipi6_addr));
  fuchsia_posix_socket_Ipv6SendControlData_set_pktinfo(ipv6_table(sending), out);
  return 0;
}

// -1 asks for the default, which is what an absent member means.
static int16_t take_ipv6(sending_t* sending, const struct cmsghdr* header) {
  int value;
  int16_t code;
  switch (header->cmsg_type) {
    case IPV6_HOPLIMIT:
      code = take_number(header, -1, &value);
      if (!code && value >= 0)
        fuchsia_posix_socket_Ipv6SendControlData_set_hoplimit(ipv6_table(sending), (uint8_t)value);
      return code;
    case IPV6_TCLASS:
      code = take_number(header, -1, &value);
      if (!code && value >= 0)
        fuchsia_posix_socket_Ipv6SendControlData_set_tclass(ipv6_table(sending), (uint8_t)value);
      return code;
    case IPV6_PKTINFO:
      return take_ipv6_pktinfo(sending, header);
  }
  return EINVAL;
}

// A request that nobody here fulfils is refused, as Linux does: a program that relied on it (UDP_SEGMENT cuts
// a large datagram into many) would otherwise send something else than it means.
static int16_t take_header(sending_t* sending, const struct cmsghdr* header) {
  switch (header->cmsg_level) {
    case IPPROTO_IP:
      return take_ip(sending, header);
    case IPPROTO_IPV6:
      return take_ipv6(sending, header);
    case IPPROTO_UDP:
      return EINVAL;
    case SOL_SOCKET:  // what accompanies a message between processes means nothing to a network
      return header->cmsg_type == SCM_RIGHTS || header->cmsg_type == SCM_CREDENTIALS ? 0 : EINVAL;
  }
  return 0;
}

// The first header of a message, or the one after `header`; NULL at the end. EINVAL through `code` if one
// claims less than itself or more than there is.
static const struct cmsghdr* next_header(const struct msghdr* message, const struct cmsghdr* header,
                                         int16_t* code) {
  const uint8_t* begin = (const uint8_t*)message->msg_control;
  size_t at = header ? (size_t)((const uint8_t*)header - begin) + CMSG_ALIGN(header->cmsg_len) : 0;
  if (at > message->msg_controllen || message->msg_controllen - at < sizeof(*header)) return NULL;
  const struct cmsghdr* next = (const struct cmsghdr*)(const void*)(begin + at);
  if (next->cmsg_len < sizeof(*next) || next->cmsg_len > message->msg_controllen - at) {
    *code = EINVAL;
    return NULL;
  }
  return next;
}

int16_t zxio_control_to_wire(const struct msghdr* message, zxio_send_control_t* out) {
  out->datagram = (fuchsia_posix_socket_DatagramSocketSendControlData){0};
  if (message->msg_controllen == 0) return 0;
  if (!message->msg_control) return EFAULT;
  sending_t sending = {.out = out};
  int16_t code = 0;
  for (const struct cmsghdr* header = next_header(message, NULL, &code); header;
       header = next_header(message, header, &code)) {
    code = take_header(&sending, header);
    if (code) return code;
  }
  if (code) return code;
  if (!sending.has_ip && !sending.has_ipv6) return 0;
  fuchsia_posix_socket_NetworkSocketSendControlData_init(&out->network, &out->network_frame);
  if (sending.has_ip) fuchsia_posix_socket_NetworkSocketSendControlData_set_ip(&out->network, &out->ip);
  if (sending.has_ipv6) fuchsia_posix_socket_NetworkSocketSendControlData_set_ipv6(&out->network, &out->ipv6);
  fuchsia_posix_socket_DatagramSocketSendControlData_init(&out->datagram, &out->datagram_frame);
  fuchsia_posix_socket_DatagramSocketSendControlData_set_network(&out->datagram, &out->network);
  return 0;
}

// Receiving

typedef struct receiving {
  uint8_t* at;
  size_t room;
  bool cut;
} receiving_t;

static void put(receiving_t* receiving, int level, int type, const void* data, size_t size) {
  if (receiving->room < CMSG_LEN(size)) {
    receiving->cut = true;
    if (receiving->room < CMSG_LEN(0)) return;
    size = receiving->room - CMSG_LEN(0);
  }
  struct cmsghdr header = {.cmsg_len = CMSG_LEN(size), .cmsg_level = level, .cmsg_type = type};
  // The last message may go without the padding that would align another one.
  size_t space = CMSG_SPACE(size) < receiving->room ? CMSG_SPACE(size) : receiving->room;
  memset(receiving->at, 0, space);
  memcpy(receiving->at, &header, sizeof(header));
  memcpy(receiving->at + CMSG_LEN(0), data, size);
  receiving->at += space;
  receiving->room -= space;
}

static void put_int(receiving_t* receiving, int level, int type, int value) {
  put(receiving, level, type, &value, sizeof(value));
}

static void put_timestamp(receiving_t* receiving, const fuchsia_posix_socket_Timestamp* timestamp) {
  const int64_t second = 1000000000;
  int64_t seconds = timestamp->nanoseconds / second;
  int64_t rest = timestamp->nanoseconds % second;
  if (timestamp->requested == fuchsia_posix_socket_TimestampOption_NANOSECOND) {
    struct timespec spec = {.tv_sec = seconds, .tv_nsec = rest};
    put(receiving, SOL_SOCKET, SO_TIMESTAMPNS, &spec, sizeof(spec));
  } else if (timestamp->requested == fuchsia_posix_socket_TimestampOption_MICROSECOND) {
    struct timeval val = {.tv_sec = seconds, .tv_usec = rest / 1000};
    put(receiving, SOL_SOCKET, SO_TIMESTAMP, &val, sizeof(val));
  }
}

// In Linux's order, which decides what is cut.

static void put_ip(receiving_t* receiving, const fuchsia_posix_socket_IpRecvControlData* ip) {
  if (fuchsia_posix_socket_IpRecvControlData_has_pktinfo(ip)) {
    const fuchsia_posix_socket_IpPktInfoRecvControlData* wire =
        fuchsia_posix_socket_IpRecvControlData_pktinfo(ip);
    struct in_pktinfo info = {.ipi_ifindex = (int)wire->iface};
    memcpy(&info.ipi_spec_dst, wire->local_addr.addr, sizeof(info.ipi_spec_dst));
    memcpy(&info.ipi_addr, wire->header_destination_addr.addr, sizeof(info.ipi_addr));
    put(receiving, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
  }
  if (fuchsia_posix_socket_IpRecvControlData_has_ttl(ip)) {
    put_int(receiving, IPPROTO_IP, IP_TTL, fuchsia_posix_socket_IpRecvControlData_ttl(ip));
  }
  if (fuchsia_posix_socket_IpRecvControlData_has_tos(ip)) {
    uint8_t tos = fuchsia_posix_socket_IpRecvControlData_tos(ip);
    put(receiving, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
  }
}

static void put_ipv6(receiving_t* receiving, const fuchsia_posix_socket_Ipv6RecvControlData* ipv6) {
  if (fuchsia_posix_socket_Ipv6RecvControlData_has_pktinfo(ipv6)) {
    const fuchsia_posix_socket_Ipv6PktInfoRecvControlData* wire =
        fuchsia_posix_socket_Ipv6RecvControlData_pktinfo(ipv6);
    struct in6_pktinfo info = {.ipi6_ifindex = (unsigned)wire->iface};
    memcpy(&info.ipi6_addr, wire->header_destination_addr.addr, sizeof(info.ipi6_addr));
    put(receiving, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
  }
  if (fuchsia_posix_socket_Ipv6RecvControlData_has_hoplimit(ipv6)) {
    put_int(receiving, IPPROTO_IPV6, IPV6_HOPLIMIT, fuchsia_posix_socket_Ipv6RecvControlData_hoplimit(ipv6));
  }
  if (fuchsia_posix_socket_Ipv6RecvControlData_has_tclass(ipv6)) {
    put_int(receiving, IPPROTO_IPV6, IPV6_TCLASS, fuchsia_posix_socket_Ipv6RecvControlData_tclass(ipv6));
  }
}

static receiving_t receive_begin(const struct msghdr* message) {
  return (receiving_t){.at = (uint8_t*)message->msg_control, .room = message->msg_controllen};
}

static void receive_end(const receiving_t* receiving, struct msghdr* message) {
  if (receiving->cut) message->msg_flags |= MSG_CTRUNC;
  message->msg_controllen = receiving->at ? (size_t)(receiving->at - (uint8_t*)message->msg_control) : 0;
}

static void put_all(receiving_t* receiving, const fuchsia_posix_socket_DatagramSocketRecvControlData* wire) {
  const fuchsia_posix_socket_NetworkSocketRecvControlData* network = NULL;
  if (receiving->at && fuchsia_posix_socket_DatagramSocketRecvControlData_has_network(wire)) {
    network = fuchsia_posix_socket_DatagramSocketRecvControlData_network(wire);
  }
  if (network && fuchsia_posix_socket_NetworkSocketRecvControlData_has_socket(network)) {
    const fuchsia_posix_socket_SocketRecvControlData* socket =
        fuchsia_posix_socket_NetworkSocketRecvControlData_socket(network);
    if (fuchsia_posix_socket_SocketRecvControlData_has_timestamp(socket)) {
      put_timestamp(receiving, fuchsia_posix_socket_SocketRecvControlData_timestamp(socket));
    }
  }
  if (network && fuchsia_posix_socket_NetworkSocketRecvControlData_has_ipv6(network)) {
    put_ipv6(receiving, fuchsia_posix_socket_NetworkSocketRecvControlData_ipv6(network));
  }
  if (network && fuchsia_posix_socket_NetworkSocketRecvControlData_has_ip(network)) {
    put_ip(receiving, fuchsia_posix_socket_NetworkSocketRecvControlData_ip(network));
  }
}

void zxio_control_from_wire(const fuchsia_posix_socket_DatagramSocketRecvControlData* wire,
                            struct msghdr* message) {
  receiving_t receiving = receive_begin(message);
  put_all(&receiving, wire);
  receive_end(&receiving, message);
}

void zxio_error_from_wire(const fuchsia_posix_socket_DatagramError* error, int domain,
                          const fuchsia_posix_socket_DatagramSocketRecvControlData* wire,
                          struct msghdr* message) {
  // The address behind it is part of the message whether there is one or not: of no family then.
  struct {
    struct sock_extended_err error;
    union {
      struct sockaddr_in ipv4;
      struct sockaddr_in6 ipv6;
    } offender;
  } told = {.error = {.ee_errno = (uint32_t)error->error,
                      .ee_origin = error->origin,
                      .ee_type = error->type,
                      .ee_code = error->code,
                      .ee_info = error->info}};
  bool v6 = domain == AF_INET6;
  socklen_t length = v6 ? sizeof(told.offender.ipv6) : sizeof(told.offender.ipv4);
  size_t size = sizeof(told.error) + length;
  if (error->offender.ordinal != 0) {
    zxio_address_to_sockaddr(&error->offender, (struct sockaddr*)&told.offender, &length);
  }
  receiving_t receiving = receive_begin(message);
  put_all(&receiving, wire);
  if (receiving.at)
    put(&receiving, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, &told, size);
  receive_end(&receiving, message);
}
