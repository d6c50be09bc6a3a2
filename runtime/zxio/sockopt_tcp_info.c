// TCP_INFO: the kernel's structure, filled as far as the server tells; the rest is zero, which programs take
// for counters that have not moved. In a file of its own because <linux/tcp.h>, which knows all members, does
// not go together with <netinet/tcp.h>.
#include <errno.h>
#include <linux/tcp.h>
#include <string.h>

#include "sockopt.h"

#define TAKE(field, member) \
  if (fuchsia_posix_socket_TcpInfo_has_##field(from)) out->member = fuchsia_posix_socket_TcpInfo_##field(from)

static void fill(const fuchsia_posix_socket_TcpInfo* from, struct tcp_info* out) {
  memset(out, 0, sizeof(*out));
  TAKE(state, tcpi_state);
  TAKE(ca_state, tcpi_ca_state);
  TAKE(rto_usec, tcpi_rto);
  TAKE(rtt_usec, tcpi_rtt);
  TAKE(rtt_var_usec, tcpi_rttvar);
  TAKE(snd_ssthresh, tcpi_snd_ssthresh);
  TAKE(snd_cwnd, tcpi_snd_cwnd);
  TAKE(reorder_seen, tcpi_reord_seen);
}

zx_status_t zxio_get_tcp_info(zx_handle_t channel, void* value, socklen_t* length, int16_t* out_code) {
  FIDL_BUFFER(buffer, fuchsia_posix_socket_StreamSocket_GetTcpInfo_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZXIO_CALL_DEADLINE);
  fuchsia_posix_socket_StreamSocket_GetTcpInfo_Result* result;
  zx_status_t status = fuchsia_posix_socket_StreamSocket_GetTcpInfo(channel, &call, &result);
  if (status != ZX_OK || zxio_result_failed(result, out_code)) return status;
  struct tcp_info info;
  fill(&result->response->info, &info);
  // Programs ask with the structure that they were compiled with, which grows from kernel to kernel.
  if (*length > sizeof(info)) *length = sizeof(info);
  memcpy(value, &info, *length);
  return ZX_OK;
}
