// A complete FIDL call: proxy, encoding, channel, loop, decoding, dispatch, reply.
#include <fidl/bench.ipc.h>
#include <stdlib.h>
#include <string.h>

#include <lib/async-loop/loop.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "peer.h"

struct link {
  zx_handle_t ends[2];
};

static void* open_link(const struct ipc_load* load, const char** why) {
  struct link* link = calloc(1, sizeof(*link));
  ipc_check(link && zx_channel_create(0, &link->ends[0], &link->ends[1]) == ZX_OK, "zx_channel_create");
  return link;
}

static void swap(void* context, bench_ipc_EchoSwapRequest* request, fidl_completer_t completer) {
  bench_ipc_EchoSwapResponse response;
  ipc_run(context);
  memcpy(response.data, request->data, sizeof(response.data));
  bench_ipc_Echo_Swap_reply(completer, &response);
}

static void serve(void* context, const struct ipc_work* work) {
  static const bench_ipc_Echo_ops_t ops = {.Swap = swap};
  struct link* link = context;
  struct ipc_work own = *work;
  async_loop_t* loop;
  zx_linux_after_fork_keep(&link->ends[1], 1);
  ipc_check(async_loop_create(NULL, &loop) == ZX_OK, "async_loop_create");
  ipc_check(
      bench_ipc_Echo_bind(async_loop_get_dispatcher(loop), link->ends[1], &ops, &own, NULL, NULL) == ZX_OK,
      "bind");
  async_loop_run(loop, ZX_TIME_INFINITE, false);
}

static void start(void* context) {
  struct link* link = context;
  zx_linux_after_fork_keep(&link->ends[0], 1);
  zx_linux_after_fork_leave(&link->ends[1], 1);
}

static void call(void* context) {
  struct link* link = context;
  bench_ipc_EchoSwapRequest request = {{0}};
  bench_ipc_EchoSwapResponse* response;
  FIDL_BUFFER(buffer, bench_ipc_Echo_Swap_RESPONSE_SIZE);
  fidl_call_t call = FIDL_CALL(buffer, ZX_TIME_INFINITE);
  ipc_check(bench_ipc_Echo_Swap(link->ends[0], &request, &call, &response) == ZX_OK, "the FIDL call");
}

static void close_link(void* context) {
  struct link* link = context;
  zx_handle_close(link->ends[0]);
  free(link);
}

const struct ipc_peer ipc_fidl = {.name = "FIDL call",
                                  .max_bytes = 64,
                                  .open = open_link,
                                  .serve = serve,
                                  .start = start,
                                  .call = call,
                                  .close = close_link};
