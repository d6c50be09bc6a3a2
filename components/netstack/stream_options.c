// The options of TCP, and GetTcpInfo. Above: the generated stub. Below: the engine.
#include <errno.h>

#include "socket_options.h"
#include "stream_internal.h"

ENGINE_FLAG(TcpNoDelay, StreamSocket, TCPIP_TCP_NO_DELAY)
ENGINE_NUMBER(TcpMaxSegment, StreamSocket, TCPIP_TCP_MAX_SEGMENT, value_bytes, uint32_t)
ENGINE_FLAG(TcpCork, StreamSocket, TCPIP_TCP_CORK)
ENGINE_NUMBER(TcpKeepAliveIdle, StreamSocket, TCPIP_TCP_KEEP_ALIVE_IDLE, value_secs, uint32_t)
ENGINE_NUMBER(TcpKeepAliveInterval, StreamSocket, TCPIP_TCP_KEEP_ALIVE_INTERVAL, value_secs, uint32_t)
ENGINE_NUMBER(TcpKeepAliveCount, StreamSocket, TCPIP_TCP_KEEP_ALIVE_COUNT, value, uint32_t)
ENGINE_NUMBER(TcpSynCount, StreamSocket, TCPIP_TCP_SYN_COUNT, value, uint32_t)
ENGINE_NUMBER(TcpUserTimeout, StreamSocket, TCPIP_TCP_USER_TIMEOUT, value_millis, uint32_t)

static int64_t congestion_to_engine(fuchsia_posix_socket_TcpCongestionControl control) {
  return control == fuchsia_posix_socket_TcpCongestionControl_RENO ? TCPIP_CONGESTION_RENO
                                                                   : TCPIP_CONGESTION_CUBIC;
}

void socket_set_TcpCongestion(void* context,
                              fuchsia_posix_socket_StreamSocketSetTcpCongestionRequest* request,
                              fidl_completer_t completer) {
  int result = socket_option_set(context, TCPIP_TCP_CONGESTION, congestion_to_engine(request->value));
  SOCKET_ANSWER(StreamSocket, SetTcpCongestion, completer, result);
}

// The protocol has names for two of them; for what the netstack's arguments may have chosen besides there is
// none (--congestion=bbr).
void socket_get_TcpCongestion(void* context, fidl_completer_t completer) {
  int64_t value = 0;
  int result = socket_option_get(context, TCPIP_TCP_CONGESTION, &value);
  if (result == 0 && value != TCPIP_CONGESTION_RENO && value != TCPIP_CONGESTION_CUBIC) result = -ENOENT;
  if (result < 0) {
    (void)STREAM_METHOD(GetTcpCongestion_reply_error)(completer, errno_to_fidl(result));
    return;
  }
  fuchsia_posix_socket_StreamSocket_GetTcpCongestion_Response response = {
      .value = value == TCPIP_CONGESTION_RENO ? fuchsia_posix_socket_TcpCongestionControl_RENO
                                              : fuchsia_posix_socket_TcpCongestionControl_CUBIC};
  (void)STREAM_METHOD(GetTcpCongestion_reply)(completer, &response);
}

ENGINE_NUMBER(TcpDeferAccept, StreamSocket, TCPIP_TCP_DEFER_ACCEPT, value_secs, uint32_t)
ENGINE_NUMBER(TcpWindowClamp, StreamSocket, TCPIP_TCP_WINDOW_CLAMP, value, uint32_t)
ENGINE_FLAG(TcpQuickAck, StreamSocket, TCPIP_TCP_QUICK_ACK)

// Unset: the connection does not wait for its peer's end at all.
static int64_t linger_to_engine(const fuchsia_posix_socket_OptionalUint32* optional) {
  return optional->ordinal == fuchsia_posix_socket_OptionalUint32_Tag_value ? (int64_t)optional->value : -1;
}

static fuchsia_posix_socket_OptionalUint32 linger_of(int64_t value) {
  if (value < 0) return fuchsia_posix_socket_OptionalUint32_with_unset((fuchsia_posix_socket_Empty){0});
  return fuchsia_posix_socket_OptionalUint32_with_value((uint32_t)value);
}

ENGINE_OPTION_AS(TcpLinger, StreamSocket, TCPIP_TCP_LINGER2, value_secs, linger_of(value),
                 linger_to_engine(&request->value_secs))

// GetTcpInfo

static fuchsia_posix_socket_TcpState state_of(tcpip_tcp_state_t state) {
  static const fuchsia_posix_socket_TcpState states[] = {
      [TCPIP_TCP_CLOSED] = fuchsia_posix_socket_TcpState_CLOSE,
      [TCPIP_TCP_LISTEN] = fuchsia_posix_socket_TcpState_LISTEN,
      [TCPIP_TCP_SYN_SENT] = fuchsia_posix_socket_TcpState_SYN_SENT,
      [TCPIP_TCP_SYN_RECEIVED] = fuchsia_posix_socket_TcpState_SYN_RECV,
      [TCPIP_TCP_ESTABLISHED] = fuchsia_posix_socket_TcpState_ESTABLISHED,
      [TCPIP_TCP_FIN_WAIT_1] = fuchsia_posix_socket_TcpState_FIN_WAIT1,
      [TCPIP_TCP_FIN_WAIT_2] = fuchsia_posix_socket_TcpState_FIN_WAIT2,
      [TCPIP_TCP_CLOSE_WAIT] = fuchsia_posix_socket_TcpState_CLOSE_WAIT,
      [TCPIP_TCP_CLOSING] = fuchsia_posix_socket_TcpState_CLOSING,
      [TCPIP_TCP_LAST_ACK] = fuchsia_posix_socket_TcpState_LAST_ACK,
      [TCPIP_TCP_TIME_WAIT] = fuchsia_posix_socket_TcpState_TIME_WAIT,
  };
  return states[state];
}

static fuchsia_posix_socket_TcpCongestionControlState congestion_state_of(tcpip_congestion_state_t state) {
  static const fuchsia_posix_socket_TcpCongestionControlState states[] = {
      [TCPIP_CONGESTION_OPEN] = fuchsia_posix_socket_TcpCongestionControlState_OPEN,
      [TCPIP_CONGESTION_DISORDER] = fuchsia_posix_socket_TcpCongestionControlState_DISORDER,
      [TCPIP_CONGESTION_CWR] = fuchsia_posix_socket_TcpCongestionControlState_CWR,
      [TCPIP_CONGESTION_RECOVERY] = fuchsia_posix_socket_TcpCongestionControlState_RECOVERY,
      [TCPIP_CONGESTION_LOSS] = fuchsia_posix_socket_TcpCongestionControlState_LOSS,
  };
  return states[state];
}

static uint32_t microseconds(int64_t ns) {
  return ns / 1000 < UINT32_MAX ? (uint32_t)(ns / 1000) : UINT32_MAX;
}

static uint32_t segments(uint32_t bytes, uint32_t mss) {
  return mss ? bytes / mss : 0;
}

void stream_get_tcp_info(void* context, fidl_completer_t completer) {
  tcpip_tcp_info_t info = {0};
  (void)tcpip_socket_tcp_info(stream_of(context)->base.endpoint, &info);
  fuchsia_posix_socket_TcpInfo_frame_t frame;
  fuchsia_posix_socket_StreamSocket_GetTcpInfo_Response response;
  fuchsia_posix_socket_TcpInfo* out = &response.info;
  fuchsia_posix_socket_TcpInfo_init(out, &frame);
  fuchsia_posix_socket_TcpInfo_set_state(out, state_of(info.state));
  fuchsia_posix_socket_TcpInfo_set_ca_state(out, congestion_state_of(info.congestion_state));
  fuchsia_posix_socket_TcpInfo_set_rto_usec(out, microseconds(info.rto_ns));
  fuchsia_posix_socket_TcpInfo_set_rtt_usec(out, microseconds(info.rtt_ns));
  fuchsia_posix_socket_TcpInfo_set_rtt_var_usec(out, microseconds(info.rtt_variation_ns));
  fuchsia_posix_socket_TcpInfo_set_snd_ssthresh(out, segments(info.threshold_bytes, info.mss));
  fuchsia_posix_socket_TcpInfo_set_snd_cwnd(out, segments(info.window_bytes, info.mss));
  fuchsia_posix_socket_TcpInfo_set_reorder_seen(out, info.reordering_seen);
  (void)STREAM_METHOD(GetTcpInfo_reply)(completer, &response);
}
