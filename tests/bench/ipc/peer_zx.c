// Channels: zx_channel_call, answered by a server that waits for one object, or for a port.
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "peer.h"

struct link {
  zx_handle_t ends[2];
  zx_handle_t passed;
  uint32_t size;
};

static void* open_link(const struct ipc_load* load, const char** why) {
  struct link* link = calloc(1, sizeof(*link));
  ipc_check(link && zx_channel_create(0, &link->ends[0], &link->ends[1]) == ZX_OK, "zx_channel_create");
  link->size = load->size;
  if (load->with_handle) ipc_check(zx_linux_fd_wrap(dup(0), &link->passed) == ZX_OK, "zx_linux_fd_wrap");
  return link;
}

static zx_status_t answer_one(zx_handle_t channel, const struct ipc_work* work) {
  zx_handle_t handle = ZX_HANDLE_INVALID;
  uint32_t size, num_handles;
  zx_status_t status =
      zx_channel_read(channel, 0, ipc_answer, &handle, IPC_MAX_BYTES, 1, &size, &num_handles);
  if (status == ZX_ERR_SHOULD_WAIT) return ZX_OK;
  if (status != ZX_OK) return status;
  ipc_run(work);
  return zx_channel_write(channel, 0, ipc_answer, size, &handle, num_handles);
}

static void serve(void* context, const struct ipc_work* work) {
  struct link* link = context;
  zx_linux_after_fork_keep(&link->ends[1], 1);
  for (zx_status_t status = ZX_OK; status == ZX_OK;) {
    status = zx_object_wait_one(link->ends[1], ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE,
                                NULL);
    if (status == ZX_OK) status = answer_one(link->ends[1], work);
  }
}

// As a server that has more to wait for than one channel.
static void serve_by_port(void* context, const struct ipc_work* work) {
  struct link* link = context;
  zx_handle_t port;
  zx_port_packet_t packet;
  zx_linux_after_fork_keep(&link->ends[1], 1);
  ipc_check(zx_port_create(0, &port) == ZX_OK, "zx_port_create");
  for (zx_status_t status = ZX_OK; status == ZX_OK;) {
    status = zx_object_wait_async(link->ends[1], port, 0, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, 0);
    if (status == ZX_OK) status = zx_port_wait(port, ZX_TIME_INFINITE, &packet);
    if (status == ZX_OK) status = answer_one(link->ends[1], work);
  }
}

static void start(void* context) {
  struct link* link = context;
  zx_linux_after_fork_keep(&link->ends[0], 1);  // in a chain the caller is a child, too
  zx_linux_after_fork_leave(&link->ends[1], 1);
}

static void* do_nothing(void* context) {
  for (;;)
    pause();
  return NULL;
}

// As a caller with threads, of which any might use the channel.
static void start_with_thread(void* context) {
  pthread_t thread;
  start(context);
  ipc_check(pthread_create(&thread, NULL, do_nothing, NULL) == 0, "pthread_create");
}

static void call(void* context) {
  struct link* link = context;
  uint32_t num_bytes;
  uint32_t num_handles;
  zx_handle_t got = ZX_HANDLE_INVALID;
  zx_channel_call_args_t args = {.wr_bytes = ipc_message,
                                 .wr_num_bytes = link->size,
                                 .wr_handles = &link->passed,
                                 .wr_num_handles = link->passed ? 1 : 0,
                                 .rd_bytes = ipc_answer,
                                 .rd_num_bytes = IPC_MAX_BYTES,
                                 .rd_handles = &got,
                                 .rd_num_handles = 1};
  ipc_check(zx_channel_call(link->ends[0], 0, ZX_TIME_INFINITE, &args, &num_bytes, &num_handles) == ZX_OK &&
                num_bytes == link->size,
            "zx_channel_call");
  link->passed = got;
}

static void close_link(void* context) {
  struct link* link = context;
  zx_handle_close(link->ends[0]);
  zx_handle_close(link->passed);
  free(link);
}

const struct ipc_peer ipc_zx = {.name = "zx_channel_call",
                                .max_bytes = 65536,
                                .passes_handles = true,
                                .open = open_link,
                                .serve = serve,
                                .start = start,
                                .call = call,
                                .close = close_link};

const struct ipc_peer ipc_zx_port = {.name = "zx_channel_call, port",
                                     .max_bytes = 65536,
                                     .passes_handles = true,
                                     .open = open_link,
                                     .serve = serve_by_port,
                                     .start = start,
                                     .call = call,
                                     .close = close_link};

const struct ipc_peer ipc_zx_threads = {.name = "zx_channel_call, threads",
                                        .max_bytes = 65536,
                                        .passes_handles = true,
                                        .open = open_link,
                                        .serve = serve,
                                        .start = start_with_thread,
                                        .call = call,
                                        .close = close_link};
