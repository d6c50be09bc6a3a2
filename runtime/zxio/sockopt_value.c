// Values of options in the forms of the C library, with its rules for lengths and ranges.
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>

#include "sockopt.h"

// To the program

// As much as there is room for, as on Linux.
static int16_t put_bytes(const void* from, size_t size, void* out, socklen_t* length) {
  if (*length > size) *length = (socklen_t)size;
  memcpy(out, from, *length);
  return 0;
}

static int16_t put_int(const zxio_option_t* option, int64_t number, void* out, socklen_t* length) {
  int value = number > INT_MAX ? INT_MAX : (int)number;
  if (option->short_form && *length > 0 && *length < sizeof(value) && value >= 0 && value <= UINT8_MAX) {
    uint8_t byte = (uint8_t)value;
    return put_bytes(&byte, sizeof(byte), out, length);
  }
  return put_bytes(&value, sizeof(value), out, length);
}

static int16_t put_text(const char* text, void* out, socklen_t* length) {
  size_t size = strlen(text);
  if (size == 0) {
    *length = 0;
    return 0;
  }
  if (*length < size + 1) return EINVAL;  // no part of a name is one
  return put_bytes(text, size + 1, out, length);
}

// The name padded with zeroes.
static int16_t put_congestion(int64_t number, void* out, socklen_t* length) {
  char name[16] = "cubic";
  if (number == fuchsia_posix_socket_TcpCongestionControl_RENO) memcpy(name, "reno", sizeof("reno"));
  return put_bytes(name, sizeof(name), out, length);
}

int16_t zxio_option_to_user(const zxio_option_t* option, const zxio_option_value_t* value, void* out,
                            socklen_t* length) {
  struct linger linger;
  switch (option->form) {
    case ZXIO_OPTION_LINGER:
      linger.l_onoff = value->linger.on;
      linger.l_linger = value->linger.secs > INT_MAX ? INT_MAX : (int)value->linger.secs;
      return put_bytes(&linger, sizeof(linger), out, length);
    case ZXIO_OPTION_TEXT:
      return put_text(value->text, out, length);
    case ZXIO_OPTION_CONGESTION:
      return put_congestion(value->number, out, length);
    case ZXIO_OPTION_MULTICAST_IF:
      return put_bytes(value->ipv4.addr, sizeof(value->ipv4.addr), out, length);
    case ZXIO_OPTION_TIMESTAMP_NS:
      return put_int(option, value->number == fuchsia_posix_socket_TimestampOption_NANOSECOND, out, length);
    case ZXIO_OPTION_TIMESTAMP_US:
      return put_int(option, value->number == fuchsia_posix_socket_TimestampOption_MICROSECOND, out, length);
    default:
      return put_int(option, value->number, out, length);
  }
}

// From the program

static int16_t take_int(const zxio_option_t* option, const void* from, socklen_t length, int64_t* out) {
  int value = 0;
  if (!from) {
    // Linux takes no traffic class at all for 0.
    *out = 0;
    return option->level == IPPROTO_IPV6 && option->name == IPV6_TCLASS ? 0 : EFAULT;
  }
  if (length >= sizeof(value)) {
    memcpy(&value, from, sizeof(value));
  } else if (option->short_form && length > 0) {
    value = *(const uint8_t*)from;
  } else {
    return EINVAL;
  }
  *out = value;
  return 0;
}

// Linux gives a buffer twice what a program asks for, as its measure is the memory that packets take, and
// tells it when asked; the network stack's measure is the same. What is negative is more than anybody may
// have.
static int64_t size_with_bookkeeping(const zxio_option_t* option, int64_t asked) {
  const int64_t least = option->name == SO_SNDBUF ? 4608 : 2304;
  if (asked < 0 || asked > INT_MAX / 2) asked = INT_MAX / 2;
  return asked * 2 > least ? asked * 2 : least;
}

static int16_t check_range(const zxio_option_t* option, zxio_option_value_t* out) {
  switch (option->form) {
    case ZXIO_OPTION_BOOL:
      out->number = out->number != 0;
      return 0;
    case ZXIO_OPTION_SIZE:
      out->number = size_with_bookkeeping(option, out->number);
      return 0;
    case ZXIO_OPTION_INDEX:
    case ZXIO_OPTION_COUNT:
      return out->number < 0 ? EINVAL : 0;
    case ZXIO_OPTION_OPTIONAL_COUNT:
      return 0;
    case ZXIO_OPTION_BYTE:
      out->number &= UINT8_MAX;
      return 0;
    case ZXIO_OPTION_OPTIONAL_BYTE:
      return out->number < -1 || out->number > UINT8_MAX ? EINVAL : 0;
    case ZXIO_OPTION_MTU_DISCOVERY:
      return out->number < 0 || out->number > fuchsia_posix_socket_MtuDiscovery_OMIT ? EINVAL : 0;
    case ZXIO_OPTION_TIMESTAMP_NS:  // either of them being turned off turns both off
      out->number = out->number ? fuchsia_posix_socket_TimestampOption_NANOSECOND
                                : fuchsia_posix_socket_TimestampOption_DISABLED;
      return 0;
    case ZXIO_OPTION_TIMESTAMP_US:
      out->number = out->number ? fuchsia_posix_socket_TimestampOption_MICROSECOND
                                : fuchsia_posix_socket_TimestampOption_DISABLED;
      return 0;
    default:
      return EINVAL;
  }
}

static int16_t take_linger(const void* from, socklen_t length, zxio_option_value_t* out) {
  struct linger linger;
  if (length < sizeof(linger)) return EINVAL;
  memcpy(&linger, from, sizeof(linger));
  if (linger.l_linger < 0) return EINVAL;
  out->linger.on = linger.l_onoff != 0;
  out->linger.secs = (uint32_t)linger.l_linger;
  return 0;
}

// A name ends at its terminator or where the value does; what is longer than any name is cut, as Linux does.
static int16_t take_text(const void* from, socklen_t length, zxio_option_value_t* out) {
  size_t size = length < sizeof(out->text) ? length : sizeof(out->text) - 1;
  memcpy(out->text, from, size);
  out->text[size] = '\0';
  return 0;
}

static int16_t take_congestion(const void* from, socklen_t length, zxio_option_value_t* out) {
  char name[16] = {0};
  if (length == 0) return EINVAL;
  memcpy(name, from, length < sizeof(name) ? length : sizeof(name) - 1);
  if (strcmp(name, "cubic") == 0) {
    out->number = fuchsia_posix_socket_TcpCongestionControl_CUBIC;
  } else if (strcmp(name, "reno") == 0) {
    out->number = fuchsia_posix_socket_TcpCongestionControl_RENO;
  } else {
    return ENOENT;
  }
  return 0;
}

static int16_t take_multicast_if(const void* from, socklen_t length, zxio_option_value_t* out) {
  struct ip_mreqn request = {0};
  if (length >= sizeof(request)) {
    memcpy(&request, from, sizeof(request));
  } else if (length >= sizeof(struct ip_mreq)) {
    memcpy(&request, from, sizeof(struct ip_mreq));
  } else if (length >= sizeof(request.imr_address)) {
    memcpy(&request.imr_address, from, sizeof(request.imr_address));
  } else {
    return EINVAL;
  }
  if (request.imr_ifindex < 0) return EINVAL;
  out->number = request.imr_ifindex;
  memcpy(out->ipv4.addr, &request.imr_address, sizeof(out->ipv4.addr));
  return 0;
}

static int16_t take_ip_membership(const void* from, socklen_t length, zxio_option_value_t* out) {
  struct ip_mreqn request = {0};
  if (length < sizeof(struct ip_mreq)) return EINVAL;
  memcpy(&request, from, length < sizeof(request) ? sizeof(struct ip_mreq) : sizeof(request));
  if (request.imr_ifindex < 0) return EINVAL;
  out->ip_membership.iface = (uint64_t)request.imr_ifindex;
  memcpy(out->ip_membership.local_addr.addr, &request.imr_address, sizeof(request.imr_address));
  memcpy(out->ip_membership.mcast_addr.addr, &request.imr_multiaddr, sizeof(request.imr_multiaddr));
  return 0;
}

static int16_t take_ipv6_membership(const void* from, socklen_t length, zxio_option_value_t* out) {
  struct ipv6_mreq request;
  if (length < sizeof(request)) return EINVAL;
  memcpy(&request, from, sizeof(request));
  if (request.ipv6mr_interface > INT_MAX) return EINVAL;
  out->ipv6_membership.iface = request.ipv6mr_interface;
  memcpy(out->ipv6_membership.mcast_addr.addr, &request.ipv6mr_multiaddr, sizeof(request.ipv6mr_multiaddr));
  return 0;
}

int16_t zxio_option_from_user(const zxio_option_t* option, const void* from, socklen_t length,
                              zxio_option_value_t* out) {
  bool compound = option->form == ZXIO_OPTION_LINGER || option->form == ZXIO_OPTION_TEXT ||
                  option->form == ZXIO_OPTION_MULTICAST_IF || option->form == ZXIO_OPTION_IP_MEMBERSHIP ||
                  option->form == ZXIO_OPTION_IPV6_MEMBERSHIP || option->form == ZXIO_OPTION_CONGESTION;
  if (!compound) {
    int16_t code = take_int(option, from, length, &out->number);
    return code ? code : check_range(option, out);
  }
  if (!from && length > 0) return EFAULT;
  switch (option->form) {
    case ZXIO_OPTION_LINGER:
      return take_linger(from, length, out);
    case ZXIO_OPTION_TEXT:
      return length > 0 ? take_text(from, length, out) : 0;
    case ZXIO_OPTION_CONGESTION:
      return take_congestion(from, length, out);
    case ZXIO_OPTION_MULTICAST_IF:
      return take_multicast_if(from, length, out);
    case ZXIO_OPTION_IP_MEMBERSHIP:
      return take_ip_membership(from, length, out);
    default:
      return take_ipv6_membership(from, length, out);
  }
}
