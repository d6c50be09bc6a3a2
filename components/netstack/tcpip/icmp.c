// ICMP for IPv4 (RFC 792) and IPv6 (RFC 4443), inwards: echo, and errors about what we sent.
#include "checksum.h"
#include "sock.h"
#include "stack.h"

enum { V4_ECHO_REPLY = 0, V4_UNREACHABLE = 3, V4_ECHO = 8, V4_TIME_EXCEEDED = 11, V4_PARAMETER_PROBLEM = 12 };
enum { V4_CODE_PROTOCOL = 2, V4_CODE_PORT = 3, V4_CODE_FRAGMENTATION = 4, V4_CODES = 16 };
enum { V6_UNREACHABLE = 1, V6_TOO_BIG, V6_TIME_EXCEEDED, V6_PARAMETER_PROBLEM, V6_ECHO = 128, V6_ECHO_REPLY };
enum { V6_MLD_FIRST = 130, V6_MLD_LAST = 132, V6_ND_FIRST, V6_ND_LAST = 137 };

typedef struct verdict {
  int error;
  bool hard;
} verdict_t;

// What Linux makes of the codes of "destination unreachable".
static verdict_t v4_verdict(uint8_t code) {
  static const verdict_t verdicts[V4_CODES] = {
      {ENETUNREACH, false},  {EHOSTUNREACH, false}, {ENOPROTOOPT, true},  {ECONNREFUSED, true},
      {EMSGSIZE, false},     {EOPNOTSUPP, false},   {ENETUNREACH, true},  {EHOSTDOWN, true},
      {ENONET, true},        {ENETUNREACH, true},   {EHOSTUNREACH, true}, {ENETUNREACH, false},
      {EHOSTUNREACH, false}, {EHOSTUNREACH, true},  {EHOSTUNREACH, true}, {EHOSTUNREACH, true}};
  return code < V4_CODES ? verdicts[code] : (verdict_t){EHOSTUNREACH, false};
}

static verdict_t v6_verdict(uint8_t code) {
  static const verdict_t verdicts[] = {{ENETUNREACH, false},  {EACCES, true},       {EHOSTUNREACH, false},
                                       {EHOSTUNREACH, false}, {ECONNREFUSED, true}, {EACCES, true},
                                       {EACCES, true}};
  return code < sizeof verdicts / sizeof verdicts[0] ? verdicts[code] : (verdict_t){EPROTO, false};
}

// RFC 1191, 7: routers that do not tell the MTU; the next of the plateaus below what was sent.
static uint32_t plateau_below(uint32_t length) {
  static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 552};
  for (size_t i = 0; i < sizeof plateaus / sizeof plateaus[0]; i++) {
    if (plateaus[i] < length) return plateaus[i];
  }
  return 552;
}

static void echo_reply(rx_t* rx, uint8_t type) {
  tx_t tx;
  tx_init(&tx, NULL);
  uint8_t* h = tx_push(&tx, ICMP_HEADER);
  memcpy(h, rx->transport, ICMP_HEADER);
  h[0] = type;
  h[1] = h[2] = h[3] = 0;
  tx_add(&tx, rx->transport + ICMP_HEADER, rx->transport_length - ICMP_HEADER);
  addr_t from = rx->to_group ? addr_any(rx->v4) : rx->destination;
  icmp_send(rx->interface, &from, &rx->source, &tx, 0, rx->tos);
}

static void v4_error(rx_t* rx) {
  const uint8_t* h = rx->transport;
  const uint8_t* quoted = h + ICMP_HEADER;
  size_t length = rx->transport_length - ICMP_HEADER;
  icmp_error_t error;
  if (rx->to_group || !icmp_error_parse(rx, quoted, length, &error)) {
    count(rx->stack, icmpv4_rx_bad);
    return;
  }
  verdict_t verdict = h[0] == V4_UNREACHABLE     ? v4_verdict(h[1])
                      : h[0] == V4_TIME_EXCEEDED ? (verdict_t){EHOSTUNREACH, false}
                                                 : (verdict_t){EPROTO, true};
  error.error = verdict.error;
  error.hard = verdict.hard;
  error.mtu = 0;
  error.type = h[0];
  error.code = h[1];
  error.info = verdict.error == EMSGSIZE ? be16_get(h + 6) : h[0] == V4_PARAMETER_PROBLEM ? h[4] : 0;
  if (verdict.error == EMSGSIZE) {
    uint32_t told = be16_get(h + 6);
    error.mtu = told ? told : plateau_below(be16_get(quoted + 2));
  }
  transport_error(rx->stack, &error);
}

void icmpv4_input(rx_t* rx) {
  tcpip_t* stack = rx->stack;
  const uint8_t* h = rx->transport;
  count(stack, icmpv4_rx);
  bool good = rx->transport_length >= ICMP_HEADER &&
              (rx->checksum_good || checksum_fold(checksum_add(0, h, rx->transport_length)) == 0xffff);
  if (!good) {
    count(stack, icmpv4_rx_bad);
    return;
  }
  switch (h[0]) {
    case V4_ECHO:
      if (rx->to_group || addr_is_any(&rx->source))  // RFC 1122, 3.2.2.6: broadcast pings are not answered
        return;
      if (rx->foreign) {
        echo_foreign_input(rx);
        return;
      }
      count(stack, icmpv4_tx_echo_reply);
      echo_reply(rx, V4_ECHO_REPLY);
      break;
    case V4_ECHO_REPLY:
      if (!rx->foreign) echo_input(rx);
      break;
    case V4_UNREACHABLE:
    case V4_TIME_EXCEEDED:
    case V4_PARAMETER_PROBLEM:
      v4_error(rx);
      break;
    default:
      break;  // the rest is obsolete (RFC 6918) or not for hosts that keep their own routes
  }
}

static void v6_error(rx_t* rx) {
  const uint8_t* h = rx->transport;
  icmp_error_t error;
  if (rx->to_group || !icmp_error_parse(rx, h + ICMP_HEADER, rx->transport_length - ICMP_HEADER, &error)) {
    count(rx->stack, icmpv6_rx_bad);
    return;
  }
  verdict_t verdict = h[0] == V6_UNREACHABLE     ? v6_verdict(h[1])
                      : h[0] == V6_TOO_BIG       ? (verdict_t){EMSGSIZE, false}
                      : h[0] == V6_TIME_EXCEEDED ? (verdict_t){EHOSTUNREACH, false}
                                                 : (verdict_t){EPROTO, h[1] == 1};
  error.error = verdict.error;
  error.hard = verdict.hard;
  error.type = h[0];
  error.code = h[1];
  error.info = be32_get(h + 4);
  error.mtu = h[0] == V6_TOO_BIG ? error.info : 0;
  transport_error(rx->stack, &error);
}

// To a host that is stood in for: its echo, and what is said of packets sent in its name; the rest is between
// neighbours.
static void foreign_input(rx_t* rx) {
  uint8_t type = rx->transport[0];
  if (type == V6_ECHO)
    echo_foreign_input(rx);
  else if (type >= V6_UNREACHABLE && type <= V6_PARAMETER_PROBLEM)
    v6_error(rx);
}

void icmpv6_input(rx_t* rx) {
  tcpip_t* stack = rx->stack;
  const uint8_t* h = rx->transport;
  count(stack, icmpv6_rx);
  bool good = rx->transport_length >= ICMP_HEADER;
  if (good && !rx->checksum_good) {
    uint64_t sum = checksum_pseudo(&rx->source, &rx->destination, PROTOCOL_ICMPV6, rx->transport_length);
    good = checksum_fold(checksum_add(sum, h, rx->transport_length)) == 0xffff;
  }
  if (!good) {
    count(stack, icmpv6_rx_bad);
    return;
  }
  if (rx->foreign) {
    foreign_input(rx);
  } else if (h[0] == V6_ECHO && !addr_is_any(&rx->source)) {
    count(stack, icmpv6_tx_echo_reply);
    echo_reply(rx, V6_ECHO_REPLY);
  } else if (h[0] == V6_ECHO_REPLY) {
    echo_input(rx);
  } else if (h[0] >= V6_UNREACHABLE && h[0] <= V6_PARAMETER_PROBLEM) {
    v6_error(rx);
  } else if (h[0] >= V6_MLD_FIRST && h[0] <= V6_MLD_LAST) {
    mld_input(rx);
  } else if (h[0] >= V6_ND_FIRST && h[0] <= V6_ND_LAST && !rx->fragmented) {  // RFC 6980
    nd_input(rx);
  }
}
