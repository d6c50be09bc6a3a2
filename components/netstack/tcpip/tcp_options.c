// Options and state of stream sockets.
#include "tcp.h"

#define BUFFER_MIN (2 << 10)
#define BUFFER_MAX (6 << 20)
#define KEEPALIVE_MAX 32767

static int set_flag(bool* flag, int64_t value) {
  *flag = value != 0;
  return 0;
}

static int set_count(uint32_t* out, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) return -EINVAL;
  *out = (uint32_t)value;
  return 0;
}

static int set_octet(uint8_t* out, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) return -EINVAL;
  *out = (uint8_t)value;
  return 0;
}

static bool is_v6_option(tcpip_option_t option) {
  return option >= TCPIP_IPV6_ONLY && option <= TCPIP_IPV6_MTU_DISCOVER;
}

static uint32_t clamp(int64_t value) {
  return value < BUFFER_MIN ? BUFFER_MIN : value > BUFFER_MAX ? BUFFER_MAX : (uint32_t)value;
}

static int set_keepalive(tcp_t* tcp, int64_t value) {
  tcp->keepalive = value != 0;
  bool open = tcp->state >= TCPIP_TCP_ESTABLISHED && tcp->state != TCPIP_TCP_TIME_WAIT;
  if (tcp->keepalive && open) tcp_arm_life(tcp, tcp->keepalive_idle_s * NS_PER_S);
  return 0;
}

static int set_keepalive_idle(tcp_t* tcp, int64_t value) {
  int result = set_count(&tcp->keepalive_idle_s, value, 1, KEEPALIVE_MAX);
  return result ? result : tcp->keepalive ? set_keepalive(tcp, 1) : 0;
}

static int set_push(tcp_t* tcp, bool* flag, int64_t value) {
  *flag = value != 0;
  tcp_output(tcp);  // what was held back may leave now
  return 0;
}

static int set_device(tcpip_socket_t* socket, int64_t value) {
  if (socket->stands_in) return -EINVAL;
  if (value < 0 || value > UINT32_MAX || (value && !interface_find(socket->stack, (uint32_t)value)))
    return -ENODEV;
  socket->device = (uint32_t)value;
  return 0;
}

static int set_congestion(tcp_t* tcp, int64_t value) {
  static const tcp_congestion_ops_t* const controls[] = {
      [TCPIP_CONGESTION_RENO] = &tcp_newreno,
      [TCPIP_CONGESTION_CUBIC] = &tcp_cubic,
      [TCPIP_CONGESTION_BBR] = &tcp_bbr,
  };
  if (value < TCPIP_CONGESTION_RENO || value > TCPIP_CONGESTION_BBR) return -ENOENT;
  if (tcp->congestion == controls[value]) return 0;
  tcp_model_destroy(tcp);
  tcp->congestion = controls[value];
  if (tcp->cwnd) tcp_congestion_change(tcp);
  return 0;
}

static int set_mss(tcp_t* tcp, int64_t value) {
  if (value && (value < 88 || value > 32767)) return -EINVAL;
  tcp->mss_limit = value ? (uint32_t)value : 65535;
  return 0;
}

static int set_linger2(tcp_t* tcp, int64_t value) {
  tcp->linger2_s = (int16_t)(value < 0 ? -1 : value > TCP_LINGER2_MAX ? TCP_LINGER2_MAX : value);
  return 0;
}

static int set_defer_accept(tcp_t* tcp, int64_t value) {
  tcp->defer_accept_s = (uint16_t)(value < 0 ? 0 : value > UINT16_MAX ? UINT16_MAX : value);
  return 0;
}

static int set_quick_ack(tcp_t* tcp, int64_t value) {
  tcp->quick_off = !value;
  tcp->quick_acks = value ? TCP_QUICK_ACKS : 0;
  if (value && wheel_running(&tcp->ack_timer)) tcp_send_ack(tcp);
  return 0;
}

// Linux's rules: no smaller than half the smallest buffer, and not taken away from a connection.
static int set_window_clamp(tcp_t* tcp, int64_t value) {
  bool open = tcp->state != TCPIP_TCP_CLOSED && tcp->state != TCPIP_TCP_LISTEN;
  if (value < 0 || value > UINT32_MAX || (value == 0 && open)) return -EINVAL;
  tcp->window_clamp = value && value < BUFFER_MIN / 2 ? BUFFER_MIN / 2 : (uint32_t)value;
  return 0;
}

int tcp_option_set(tcpip_socket_t* socket, tcpip_option_t option, int64_t value) {
  tcp_t* tcp = tcp_of(socket);
  if (is_v6_option(option) && socket->family != TCPIP_IPV6) return -ENOPROTOOPT;
  switch (option) {
    case TCPIP_REUSE_ADDRESS:
      return set_flag(&socket->reuse_address, value);
    case TCPIP_REUSE_PORT:
      return set_flag(&socket->reuse_port, value);
    case TCPIP_BIND_TO_DEVICE:
      return set_device(socket, value);
    case TCPIP_RECEIVE_BUFFER:
      tcp->rx_limit = clamp(value);
      tcp->rx_limit_fixed = true;
      return 0;
    case TCPIP_SEND_BUFFER:
      socket->tx_limit = clamp(value);
      tcp->tx_limit_fixed = true;
      return 0;
    case TCPIP_TTL:
    case TCPIP_IPV6_HOPS:
      if (value == -1) tcp->ttl = 0;
      return value == -1 ? 0 : set_octet(&tcp->ttl, value, 1, 255);
    case TCPIP_TOS:
    case TCPIP_IPV6_TRAFFIC_CLASS:
      return set_octet(&tcp->tos, value == -1 ? 0 : value, 0, 255);
    case TCPIP_MTU_DISCOVER:
      return set_octet(&socket->mtu_discover, value, TCPIP_MTU_WANT, TCPIP_MTU_DO);
    case TCPIP_IPV6_MTU_DISCOVER:
      return set_octet(&socket->mtu_discover_v6, value, TCPIP_MTU_WANT, TCPIP_MTU_DO);
    case TCPIP_IPV6_ONLY:
      return socket->local_port || socket->stands_in ? -EINVAL : set_flag(&socket->v6_only, value);
    case TCPIP_TCP_NO_DELAY:
      return set_push(tcp, &tcp->nodelay, value);
    case TCPIP_TCP_CORK:
      return set_push(tcp, &tcp->cork, value);
    case TCPIP_TCP_MAX_SEGMENT:
      return set_mss(tcp, value);
    case TCPIP_KEEP_ALIVE:
      return set_keepalive(tcp, value);
    case TCPIP_TCP_KEEP_ALIVE_IDLE:
      return set_keepalive_idle(tcp, value);
    case TCPIP_TCP_KEEP_ALIVE_INTERVAL:
      return set_count(&tcp->keepalive_interval_s, value, 1, KEEPALIVE_MAX);
    case TCPIP_TCP_KEEP_ALIVE_COUNT:
      return set_octet(&tcp->keepalive_count, value, 1, 127);
    case TCPIP_TCP_SYN_COUNT:
      return set_octet(&tcp->syn_count, value, 1, 127);
    case TCPIP_TCP_USER_TIMEOUT:
      return set_count(&tcp->user_timeout_ms, value, 0, INT32_MAX);
    case TCPIP_TCP_CONGESTION:
      return set_congestion(tcp, value);
    case TCPIP_LINGER:
      tcp->linger_s = value < 0 ? -1 : value > INT32_MAX ? INT32_MAX : (int32_t)value;
      return 0;
    case TCPIP_TCP_LINGER2:
      return set_linger2(tcp, value);
    case TCPIP_TCP_DEFER_ACCEPT:
      return set_defer_accept(tcp, value);
    case TCPIP_TCP_QUICK_ACK:
      return set_quick_ack(tcp, value);
    case TCPIP_TCP_WINDOW_CLAMP:
      return set_window_clamp(tcp, value);
    case TCPIP_OUT_OF_BAND_INLINE:
      return set_flag(&tcp->urgent_inline, value);
    case TCPIP_TCP_ECN:
      return set_octet(&tcp->ecn_mode, value, TCPIP_ECN_OFF, TCPIP_ECN_ACCEPT);
    default:
      return -ENOPROTOOPT;
  }
}

int tcp_option_get(const tcpip_socket_t* socket, tcpip_option_t option, int64_t* out) {
  const tcp_t* tcp = tcp_of_const(socket);
  const int64_t values[] = {
      [TCPIP_REUSE_ADDRESS] = socket->reuse_address,
      [TCPIP_REUSE_PORT] = socket->reuse_port,
      [TCPIP_BROADCAST] = 0,
      [TCPIP_BIND_TO_DEVICE] = socket->device,
      [TCPIP_RECEIVE_BUFFER] = tcp->rx_limit,
      [TCPIP_SEND_BUFFER] = (int64_t)socket->tx_limit,
      [TCPIP_TTL] = tcp->ttl ? tcp->ttl : DEFAULT_HOP_LIMIT,
      [TCPIP_TOS] = tcp->tos,
      [TCPIP_MTU_DISCOVER] = socket->mtu_discover,
      [TCPIP_IPV6_MTU_DISCOVER] = socket->mtu_discover_v6,
      [TCPIP_IPV6_ONLY] = socket->v6_only,
      [TCPIP_IPV6_HOPS] = tcp->ttl ? tcp->ttl : DEFAULT_HOP_LIMIT,
      [TCPIP_IPV6_TRAFFIC_CLASS] = tcp->tos,
      [TCPIP_TCP_NO_DELAY] = tcp->nodelay,
      [TCPIP_TCP_CORK] = tcp->cork,
      [TCPIP_TCP_MAX_SEGMENT] = tcp->mss ? tcp->mss : tcp->mss_limit,
      [TCPIP_KEEP_ALIVE] = tcp->keepalive,
      [TCPIP_TCP_KEEP_ALIVE_IDLE] = tcp->keepalive_idle_s,
      [TCPIP_TCP_KEEP_ALIVE_INTERVAL] = tcp->keepalive_interval_s,
      [TCPIP_TCP_KEEP_ALIVE_COUNT] = tcp->keepalive_count,
      [TCPIP_TCP_SYN_COUNT] = tcp->syn_count,
      [TCPIP_TCP_USER_TIMEOUT] = tcp->user_timeout_ms,
      [TCPIP_TCP_CONGESTION] = tcp->congestion == &tcp_bbr     ? TCPIP_CONGESTION_BBR
                               : tcp->congestion == &tcp_cubic ? TCPIP_CONGESTION_CUBIC
                                                               : TCPIP_CONGESTION_RENO,
      [TCPIP_LINGER] = tcp->linger_s,
      [TCPIP_TCP_LINGER2] = tcp->linger2_s ? tcp->linger2_s : TCP_TIME_WAIT_TIME / NS_PER_S,
      [TCPIP_TCP_DEFER_ACCEPT] = tcp->defer_accept_s,
      [TCPIP_TCP_QUICK_ACK] = !tcp->quick_off,
      [TCPIP_TCP_WINDOW_CLAMP] = tcp->window_clamp,
      [TCPIP_OUT_OF_BAND_INLINE] = tcp->urgent_inline,
      [TCPIP_TCP_ECN] = tcp->ecn_mode,
  };
  bool group = option >= TCPIP_RECEIVE_ERRORS && option <= TCPIP_MULTICAST_INTERFACE;
  bool group_v6 = option >= TCPIP_IPV6_RECEIVE_ERRORS && option <= TCPIP_IPV6_MULTICAST_INTERFACE;
  if ((size_t)option >= sizeof values / sizeof values[0] || group || group_v6 ||
      (is_v6_option(option) && socket->family != TCPIP_IPV6))
    return -ENOPROTOOPT;
  *out = values[option];
  return 0;
}

static tcpip_congestion_state_t congestion_state(const tcp_t* tcp) {
  if (tcp->recovery == TCP_LOSS) return TCPIP_CONGESTION_LOSS;
  if (tcp->recovery == TCP_RECOVERY) return TCPIP_CONGESTION_RECOVERY;
  if (tcp->recovery == TCP_REDUCING) return TCPIP_CONGESTION_CWR;
  return tcp->board.sacked || tcp->dupacks ? TCPIP_CONGESTION_DISORDER : TCPIP_CONGESTION_OPEN;
}

int tcpip_socket_tcp_info(const tcpip_socket_t* socket, tcpip_tcp_info_t* out) {
  if (socket->protocol != PROTOCOL_TCP) return -EOPNOTSUPP;
  const tcp_t* tcp = tcp_of_const(socket);
  *out = (tcpip_tcp_info_t){
      .state = (tcpip_tcp_state_t)tcp->state,
      .congestion_state = congestion_state(tcp),
      .rtt_ns = tcp->srtt,
      .rtt_variation_ns = tcp->rttvar,
      .rto_ns = tcp->rto,
      .window_bytes = tcp->cwnd,
      .threshold_bytes = tcp->ssthresh,
      .mss = tcp->mss,
      .in_flight_bytes = tcp_pipe(tcp),
      .unsent_bytes = tcp->tx.length > tcp_flight(tcp) ? tcp->tx.length - tcp_flight(tcp) : 0,
      .reordering_seen = tcp->reordering_seen,
      .ecn = tcp->ecn};
  return 0;
}
